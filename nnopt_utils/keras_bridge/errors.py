"""What the bridge says when there is nothing on the other side."""

from __future__ import annotations


class NoTwinError(ValueError):
    """A network, optimizer or model has no equal on the other side. The message says which part, and what has one."""
