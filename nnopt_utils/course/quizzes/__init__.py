"""The questions at the end of each chapter: ``quiz("04.1")`` asks, a click or ``quiz("04.1", "b")`` answers.

A chapter's questions are in its folder, ``chNN_name/questions.py``; how to write one is in ``docs/writing_checks.md``.
"""

from nnopt_utils.course.quizzes import letters
from nnopt_utils.course.quizzes.asking import QUESTIONS, quiz
from nnopt_utils.course.quizzes.question import Question

letters.register()

__all__ = ["QUESTIONS", "Question", "quiz"]
