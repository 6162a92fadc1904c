"""Everything a formula can be about, besides the step of an optimizer: ``get_subject("softmax")``."""

from __future__ import annotations

from tools.formulas.subjects import descent, losses, networks, noise, rules
from tools.formulas.subjects.letters import letters
from tools.formulas.subjects.register import SUBJECTS, get_subject, subject

__all__ = ["SUBJECTS", "descent", "get_subject", "letters", "losses", "networks", "noise", "rules", "subject"]
