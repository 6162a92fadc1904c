"""Parallel training: several processes on one machine, and a simulation of thousands.

Processes are spawned, share memory and end with their parent. What trains a network has ``fit``'s signature and returns
a ``ParallelHistory``.

========================  =====================================================================================
``delays``                delayed gradients: runs with them; stability, best rates and noise on quadratics
``speedup``               what P workers can gain, in time and in memory; what an all-reduce costs
``cluster``               imagined machines: how long their gradients and messages take
``simulation``            synchronous, asynchronous, stale-synchronous and local training on them, in simulated time
========================  =====================================================================================
"""

from nnopt_utils.parallel.cluster import Cluster
from nnopt_utils.parallel.delays import (
    BestRate,
    best_rate,
    contraction,
    delayed_descent,
    delayed_noise_floor,
    expected_asynchronous_path,
    stability_limit,
)
from nnopt_utils.parallel.simulation import Simulation, simulate_asynchrony
from nnopt_utils.parallel.speedup import all_reduce_seconds, amdahl, gustafson, zero_bytes_per_parameter

__all__ = [
    "BestRate",
    "Cluster",
    "Simulation",
    "all_reduce_seconds",
    "amdahl",
    "best_rate",
    "contraction",
    "delayed_descent",
    "delayed_noise_floor",
    "expected_asynchronous_path",
    "gustafson",
    "simulate_asynchrony",
    "stability_limit",
    "zero_bytes_per_parameter",
]
