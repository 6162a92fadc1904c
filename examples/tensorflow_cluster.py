"""784-64-64-10 on MNIST, on a TensorFlow cluster: python tensorflow_cluster.py data/mnist.npz asynchronous"""

import sys

from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.tensorflow_cluster import ClusterError, train_asynchronous, train_synchronous

data = load_mnist(sys.argv[1])
train = {"synchronous": train_synchronous, "asynchronous": train_asynchronous}[sys.argv[2]]
network, optimizer = MLP([784, 64, 64, 10], seed=0), SGD(learning_rate=0.1)
try:
    history = train(network, optimizer, data, epochs=1, batch_size=128, workers=2)
except ClusterError as error:  # a process ended; network, optimizer and history are those of the last checkpoint
    print(error, file=sys.stderr)
    history = train(network, optimizer, data, epochs=1, batch_size=128, workers=2, history=error.history)

print(f"started in {history.startup:.0f} s, one epoch in {history.seconds[-1]:.1f} s")
print(f"validation accuracy {history.val_accuracy[-1]:.4f}")
if history.staleness:
    late = sum(staleness > 0 for staleness in history.staleness)
    print(f"{late} of {len(history.staleness)} updates were made with a gradient that was late")
