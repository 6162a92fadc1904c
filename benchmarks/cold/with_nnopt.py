"""Train 784-64-64-10 on MNIST with this library: ``python benchmarks/cold/with_nnopt.py [EPOCHS]``."""

import sys

from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
data = load_mnist()

network = MLP([784, 64, 64, 10], seed=0)
fit(network, Adam(), (data.x_train, data.y_train), epochs=epochs, batch_size=32)
print(f"test accuracy {network.evaluate(data.x_test, data.y_test).accuracy:.4f}")
