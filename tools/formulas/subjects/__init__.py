"""Everything a formula can be about, besides the step of an optimizer: ``get_subject("softmax")``."""

from __future__ import annotations

from tools.formulas.subjects import clinic, curvature, descent, losses, networks, noise, rules, shrinking, workers
from tools.formulas.subjects.letters import letters
from tools.formulas.subjects.register import SUBJECTS, get_subject, subject

MODULES = (clinic, curvature, descent, losses, networks, noise, rules, shrinking, workers)

__all__ = ["MODULES", "SUBJECTS", "get_subject", "letters", "subject"]
