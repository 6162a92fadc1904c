"""The course: the engines that chapters use, and a folder for each chapter. The library imports none of it.

>>> from nnopt_utils.course import check
>>> answer = lambda theta, gradient, learning_rate: theta + learning_rate * gradient
>>> result = check("04.gradient_descent_step", answer, counted=False)
✗ 04.gradient_descent_step: not yet. ...
"""

from nnopt_utils.course.claims import claim
from nnopt_utils.course.exercises.checker import EXERCISES, check
from nnopt_utils.course.explorers import explore, log_slider
from nnopt_utils.course.literature import LiteratureRow, literature_table
from nnopt_utils.course.quizzes import QUESTIONS, quiz
from nnopt_utils.course.source import show_source
from nnopt_utils.course.tables import table

__all__ = [
    "EXERCISES",
    "QUESTIONS",
    "LiteratureRow",
    "check",
    "claim",
    "explore",
    "literature_table",
    "log_slider",
    "quiz",
    "show_source",
    "table",
]
