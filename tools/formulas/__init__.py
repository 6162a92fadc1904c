r"""Formulas as a tool: the LaTeX of a page is parsed, evaluated and compared with the code; the two cannot drift apart.

``parse`` turns LaTeX into a tree, ``evaluate`` a tree into a number (``arithmetic`` says what a product is), ``mutate``
makes the typical slips of a formula, ``read`` finds formulas in docstrings and chapters. A formula is about something:
``optimizers`` steps an optimizer, ``subjects`` has everything else. ``docs/authoring.md`` has the grammar for authors.
"""
