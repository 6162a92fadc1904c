"""Training on a TensorFlow cluster: TensorFlow's own runtime, in processes of this computer or of several.

Two calls start a cluster on free ports of this computer, train, and end it::

    history = train_synchronous(network, SGD(learning_rate=0.1), data)      # all workers take the same step
    history = train_asynchronous(network, SGD(learning_rate=0.1), data)     # workers write θ without waiting

The processes are programs that can be started by hand, too, on several computers; ``docs/clusters.md`` has the
commands. TensorFlow is imported in these processes only.

========================  =====================================================================================
``synchronous``           the program of each worker: its share of every batch, and an all-reduce
``asynchronous``          the program of coordinator, workers and parameter server
``tensors``               the network in TensorFlow: θ is one vector there, too
``launching``             the two calls
``clusters``              the processes: started, watched and ended
``jobs``                  what every process is told
``checkpoints``           the training so far, in one file
``processes``             what the programs share: batches, record, end
``result``                the history, and the error that names a process
========================  =====================================================================================
"""

from nnopt_utils.tensorflow_cluster.launching import train_asynchronous, train_synchronous
from nnopt_utils.tensorflow_cluster.result import ClusterError, ClusterHistory

__all__ = ["ClusterError", "ClusterHistory", "train_asynchronous", "train_synchronous"]
