"""What is wrong with a run: a recorder of its steps, and ``diagnose``, which looks for the signs of known causes."""

from nnopt_utils.diagnosis import in_data, in_network, in_steps  # noqa: F401 (they register their signs)
from nnopt_utils.diagnosis.diagnose import diagnose
from nnopt_utils.diagnosis.findings import Diagnosis, Finding
from nnopt_utils.diagnosis.recording import Recorder
from nnopt_utils.diagnosis.registry import SIGNS

#: Cause → what it is, in a few words.
CAUSES: dict[str, str] = {name: each.what for name, each in SIGNS.items()}

__all__ = ["CAUSES", "Diagnosis", "Finding", "Recorder", "diagnose"]
