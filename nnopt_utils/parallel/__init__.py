"""Parallel training: several processes on one machine, and a simulation of thousands.

Processes are spawned, share memory and end with their parent. What trains a network has ``fit``'s signature and returns
a ``ParallelHistory``.

========================  =====================================================================================
========================  =====================================================================================
"""

__all__: list[str] = []
