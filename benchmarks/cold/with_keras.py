"""Train 784-64-64-10 on MNIST with Keras: ``python benchmarks/cold/with_keras.py [EPOCHS]``."""

import sys
from pathlib import Path

import keras
import numpy as np

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
with np.load(Path(__file__).parents[2] / "data" / "mnist.npz") as mnist:
    x_train, y_train = mnist["x_train"][:55_000].reshape(-1, 784).astype("float32") / 255, mnist["y_train"][:55_000]
    x_test, y_test = mnist["x_test"].reshape(-1, 784).astype("float32") / 255, mnist["y_test"]

model = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=epochs, batch_size=32, verbose=2)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.4f}")
