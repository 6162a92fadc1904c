"""Parallel training: several processes on one machine, and a simulation of thousands.

Processes are spawned, share memory and end with their parent. What trains a network has ``fit``'s signature and returns
a ``ParallelHistory``.

========================  =====================================================================================
``links``                 what a worker sees of the others: send and receive; a rehearsal within one process
``all_reduce``            the sum of all workers' vectors, along a ring or a tree
``team``                  the processes: started, watched and ended; the memory that they share
``result``                what a parallel training leaves behind
``data_parallel``         each worker has a share of every batch; the steps are those of one process
``hogwild``               all change one θ in shared memory, without a lock
``sparse_logistic``       a model whose samples touch few weights, for Hogwild
========================  =====================================================================================
"""

from nnopt_utils.parallel.all_reduce import ring_all_reduce, tree_all_reduce
from nnopt_utils.parallel.data_parallel import data_parallel
from nnopt_utils.parallel.hogwild import hogwild
from nnopt_utils.parallel.links import Link, Rehearsal, Send, rehearse
from nnopt_utils.parallel.result import ParallelHistory
from nnopt_utils.parallel.sparse_logistic import Conflicts, SparseLogisticRegression
from nnopt_utils.parallel.team import WorkerError

__all__ = [
    "Conflicts",
    "Link",
    "ParallelHistory",
    "Rehearsal",
    "Send",
    "SparseLogisticRegression",
    "WorkerError",
    "data_parallel",
    "hogwild",
    "rehearse",
    "ring_all_reduce",
    "tree_all_reduce",
]
