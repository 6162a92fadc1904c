"""784-64-64-10 on MNIST in a file of about 6 kB: python compress_mnist.py data/mnist.npz"""

import sys

import numpy as np

from nnopt_utils.compression import load_compressed, prune_gradually, report, save_compressed, share_weights
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

# Data: images as rows of 784 numbers from 0 to 1; the last 5,000 are for validation.
with np.load(sys.argv[1]) as raw:
    x = raw["x_train"].reshape(-1, 784).astype("float32") / 255
    y = raw["y_train"].astype("int64")
    x_test = raw["x_test"].reshape(-1, 784).astype("float32") / 255
    y_test = raw["y_test"].astype("int64")
data = x[:55_000], y[:55_000], x[55_000:], y[55_000:]

# The dense network. A little L2 draws weights to zero that the loss does not need.
network = MLP([784, 64, 64, 10], l2=1e-4, seed=0)
fit(network, Adam(), data, epochs=6, batch_size=128)
print(f"dense: test accuracy {network.evaluate(x_test, y_test).accuracy:.4f}")

# Prune a little at a time, and train what is left each time.
pruned, histories = prune_gradually(network, Adam, data, sparsities=[0.5, 0.7, 0.8, 0.9], epochs=2, batch_size=128)

# Sixteen values a layer, and an epoch for these values alone.
small = share_weights(pruned, clusters=16)
fit(small, Adam(3e-4), data, epochs=1, batch_size=128)

# Save: positions and values in Huffman's code. Every byte is in the report.
n_bytes = save_compressed(small, "mnist.nnopt")
print(report(small, (x_test, y_test)))
print(f"mnist.nnopt: {n_bytes:,} bytes, {4 * network.n_parameters / n_bytes:.1f} times smaller than float32")

# Load: the same network, bit for bit, which can be trained on.
loaded = load_compressed("mnist.nnopt")
print("loaded test accuracy", round(loaded.evaluate(x_test, y_test).accuracy, 4))
