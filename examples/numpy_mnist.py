"""784-64-64-10 on MNIST with NumPy: python numpy_mnist.py data/mnist.npz"""

import sys

import numpy as np

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

# Data: images as rows of 784 numbers from 0 to 1; the last 5,000 are for validation.
with np.load(sys.argv[1]) as raw:
    x = raw["x_train"].reshape(-1, 784).astype("float32") / 255
    y = raw["y_train"].astype("int64")
    x_test = raw["x_test"].reshape(-1, 784).astype("float32") / 255
    y_test = raw["y_test"].astype("int64")
x_train, y_train, x_val, y_val = x[:55_000], y[:55_000], x[55_000:], y[55_000:]

# Model: two hidden layers, ten logits. The softmax belongs to the loss.
network = MLP([784, 64, 64, 10], activation="relu", loss="cross_entropy", initializer="glorot_uniform", seed=0)
optimizer = Adam(learning_rate=0.001, convention="keras")
print(network.summary())

# Training: ten epochs in batches of 32, judged on the validation images after each.
history = fit(network, optimizer, (x_train, y_train, x_val, y_val), batch_size=32, epochs=10, seed=0)
for epoch, accuracy in enumerate(history.val_accuracy, start=1):
    print(f"epoch {epoch}: validation accuracy {accuracy:.4f}")

# Test: once, at the end.
loss, accuracy = network.evaluate(x_test, y_test)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

# Prediction: probabilities of the first three images.
probabilities = network.predict_probabilities(x_test[:3])
print("predicted:", np.argmax(probabilities, axis=1), "labels:", y_test[:3])

# Saving and loading: the parameters are one array.
np.save("mnist.npy", network.parameters)
loaded = MLP([784, 64, 64, 10], activation="relu", loss="cross_entropy")
loaded.parameters[:] = np.load("mnist.npy")
print("loaded test accuracy", round(loaded.evaluate(x_test, y_test).accuracy, 4))
