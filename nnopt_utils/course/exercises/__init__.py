"""The exercises' engine: what an exercise is, and how an answer is examined.

A chapter's exercises are in its folder, ``chNN_name/exercises.py``; how to write one is in ``docs/writing_checks.md``.
"""

from nnopt_utils.course.exercises.calling import Unusable, first_items
from nnopt_utils.course.exercises.exercise import Exercise, Mistake

__all__ = ["Exercise", "Mistake", "Unusable", "first_items"]
