"""``diagnose``: the likely causes of what is wrong with a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._validation import describe
from nnopt_utils.diagnosis.findings import Diagnosis, Finding
from nnopt_utils.diagnosis.recording import Recorder
from nnopt_utils.diagnosis.registry import MISSING, SIGNS
from nnopt_utils.diagnosis.view import RunView

SEEN = 0.9  # from this strength on the cause itself was seen


def diagnose(history: Any, network: Any, data: Any, watch: Recorder | None = None) -> Diagnosis:
    """Name the likely causes of what is wrong with a classifier's run, with the evidence and what to look at next.

    Each cause has one sign that is looked for: in the data, in the network's answers to questions whose answers are
    known, in the record of the steps. Where a cause itself is seen, its strength is 0.9 or more; a symptom, such as a
    loss that does not fall, has less, since several causes share it. No finding says only that none of ``CAUSES`` was
    seen.

    Args:
        history: that ``fit`` returned; after a ``DivergenceError`` its ``error.history``. Or what Keras's ``fit``
            returned.
        network: the trained ``MLP``, or Keras model.
        data: a ``Dataset``, ``(x, y)`` or ``(x, y, x_val, y_val)``: what the run was given.
        watch: the :class:`Recorder` that was the run's callback; without it half of the causes cannot be looked for.

    Returns:
        A :class:`Diagnosis`: findings, the strongest first, and what was not looked for.

    Raises:
        TypeError, ValueError: arguments of another kind; a network that does not classify.

    Example:
        >>> from nnopt_utils.datasets import gaussian_blobs
        >>> from nnopt_utils.networks import MLP
        >>> from nnopt_utils.optimizers import Adam
        >>> from nnopt_utils.training import fit
        >>> x, y = gaussian_blobs(200, seed=0)
        >>> network = MLP([2, 16, int(y.max()) + 1], seed=0)
        >>> history = fit(network, Adam(1e-2), (1000 * x, y), epochs=2, progress=False)
        >>> diagnose(history, network, (1000 * x, y)).causes
        ['unscaled_inputs']

    Warning:
        Of a Keras model it sees the data, the predictions and the losses of the epochs: no gradients and no steps.

    Source: the signs are this library's own; for the procedure around them see A. Karpathy, "A recipe for training
    neural networks", 2019.
    """
    if watch is not None and not isinstance(watch, Recorder):
        raise TypeError(f"watch: got {describe(watch)}; expected a Recorder, the callback of the run")
    view = RunView.of(history, network, data, watch)
    findings: list[Finding] = []
    not_examined: dict[str, str] = {}
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    with threadpool_limits(1, user_api="blas"), quiet:
        for name, each in SIGNS.items():
            missing = next((need for need in each.needs if MISSING[need](view)), None)
            if missing is not None:
                not_examined[name] = missing
                continue
            found = each.look(view)
            if found is not None:
                findings.append(found)
    findings.sort(key=lambda finding: -finding.strength)
    return Diagnosis([_in_doubt(finding, findings[0]) for finding in findings], not_examined)


def _in_doubt(finding: Finding, first: Finding) -> Finding:
    """A symptom beside a cause that was seen is perhaps its consequence: say so."""
    if finding.strength >= SEEN or first.strength < SEEN:
        return finding
    return replace(finding, evidence=f"perhaps a consequence of {first.cause}: {finding.evidence}")
