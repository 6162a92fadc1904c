"""Parallel training: several processes on one machine, and a simulation of thousands.

Processes are spawned, share memory and end with their parent. What trains a network has ``fit``'s signature and returns
a ``ParallelHistory``.

========================  =====================================================================================
``links``                 what a worker sees of the others: send and receive; a rehearsal within one process
``all_reduce``            the sum of all workers' vectors, along a ring or a tree
``all_gather``            what each worker has, for all of them
``team``                  the processes: started, watched and ended; the memory that they share
``result``                what a parallel training leaves behind
``data_parallel``         each worker has a share of every batch; the steps are those of one process
``local_sgd``             workers take steps of their own and then average θ
``drift``                 where that ends when their data differ
``replica``               a worker's copy of network and optimizer, which the two share
``hogwild``               all change one θ in shared memory, without a lock
``sparse_logistic``       a model whose samples touch few weights, for Hogwild
``parameter_server``      workers bring gradients when they have them; a server applies each at once
``compressors``           compressed gradients: what all ways share, and error feedback
``sparse``                how many entries are sent, and where they lie
``top_k``                 the largest entries
``random_k``              entries that chance picks
``sign``                  one bit an entry
``power_sgd``             weight matrices of low rank
``compressed_descent``    gradient descent with compressed steps, without workers
``delays``                delayed gradients: runs with them; stability, best rates and noise on quadratics
``speedup``               what P workers can gain, in time and in memory; what an all-reduce costs
``cluster``               imagined machines: how long their gradients and messages take
``simulation``            synchronous, asynchronous, stale-synchronous and local training on them, in simulated time
========================  =====================================================================================
"""

from nnopt_utils.parallel.all_gather import ring_all_gather
from nnopt_utils.parallel.all_reduce import ring_all_reduce, tree_all_reduce
from nnopt_utils.parallel.cluster import Cluster
from nnopt_utils.parallel.compressed_descent import compressed_descent
from nnopt_utils.parallel.compressors import Compressor, Message
from nnopt_utils.parallel.data_parallel import data_parallel
from nnopt_utils.parallel.delays import (
    BestRate,
    best_rate,
    contraction,
    delayed_descent,
    delayed_noise_floor,
    expected_asynchronous_path,
    stability_limit,
)
from nnopt_utils.parallel.drift import local_sgd_fixed_point
from nnopt_utils.parallel.hogwild import hogwild
from nnopt_utils.parallel.links import Link, Rehearsal, Send, rehearse
from nnopt_utils.parallel.local_sgd import local_sgd
from nnopt_utils.parallel.parameter_server import ServerHistory, parameter_server
from nnopt_utils.parallel.power_sgd import PowerSGD
from nnopt_utils.parallel.random_k import RandomK
from nnopt_utils.parallel.result import ParallelHistory
from nnopt_utils.parallel.sign import SignCompressor
from nnopt_utils.parallel.simulation import Simulation, simulate_asynchrony
from nnopt_utils.parallel.sparse_logistic import Conflicts, SparseLogisticRegression
from nnopt_utils.parallel.speedup import all_reduce_seconds, amdahl, gustafson, zero_bytes_per_parameter
from nnopt_utils.parallel.team import WorkerError
from nnopt_utils.parallel.top_k import TopK

__all__ = [
    "BestRate",
    "Cluster",
    "Compressor",
    "Conflicts",
    "Link",
    "Message",
    "ParallelHistory",
    "PowerSGD",
    "RandomK",
    "Rehearsal",
    "Send",
    "ServerHistory",
    "SignCompressor",
    "Simulation",
    "SparseLogisticRegression",
    "TopK",
    "WorkerError",
    "all_reduce_seconds",
    "amdahl",
    "best_rate",
    "compressed_descent",
    "contraction",
    "data_parallel",
    "delayed_descent",
    "delayed_noise_floor",
    "expected_asynchronous_path",
    "gustafson",
    "hogwild",
    "local_sgd",
    "local_sgd_fixed_point",
    "parameter_server",
    "rehearse",
    "ring_all_gather",
    "ring_all_reduce",
    "simulate_asynchrony",
    "stability_limit",
    "tree_all_reduce",
    "zero_bytes_per_parameter",
]
