"""The rules that every chapter keeps, by name.

A violation says the file, the cell, what is wrong and how to mend it. The conventions themselves are described in
``docs/authoring.md``; ``test_rules.py`` breaks every rule once and sees it complain.
"""

from rules import claims, compared, executed, exercises, skeleton, texts, two_copies
from rules.registry import RULES

__all__ = ["RULES", "claims", "compared", "executed", "exercises", "skeleton", "texts", "two_copies"]
