"""Which IPython this runs in: a notebook's kernel, a terminal, or none."""

from __future__ import annotations

import sys
from typing import Any


def ipython_shell() -> Any:
    """Return the running IPython shell, None outside IPython; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def notebook_shell() -> Any:
    """Return the shell of a notebook's kernel; None in a script, in Python's and in IPython's terminal."""
    shell = ipython_shell()
    return shell if getattr(shell, "kernel", None) is not None else None
