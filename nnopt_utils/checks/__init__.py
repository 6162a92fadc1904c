"""The exercises of the course and their checks: ``check("04.gradient_descent_step", my_function)``.

A chapter's exercises are in ``chapter_NN.py``; how to write one is in ``docs/writing_checks.md``.
"""

from nnopt_utils.checks.checker import EXERCISES, check
from nnopt_utils.checks.engine import CheckResult, Exercise, Mistake

__all__ = ["EXERCISES", "CheckResult", "Exercise", "Mistake", "check"]
