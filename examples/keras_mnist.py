"""784-64-64-10 on MNIST with Keras: python keras_mnist.py data/mnist.npz"""

import sys

import keras
import numpy as np

keras.utils.set_random_seed(0)

# Data: images as rows of 784 numbers from 0 to 1; the last 5,000 are for validation.
with np.load(sys.argv[1]) as raw:
    x = raw["x_train"].reshape(-1, 784).astype("float32") / 255
    y = raw["y_train"].astype("int64")
    x_test = raw["x_test"].reshape(-1, 784).astype("float32") / 255
    y_test = raw["y_test"].astype("int64")
x_train, y_train, x_val, y_val = x[:55_000], y[:55_000], x[55_000:], y[55_000:]

# Model: two hidden layers, ten logits. The softmax belongs to the loss.
model = keras.Sequential(
    [
        keras.Input((784,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.summary()

# Training: ten epochs in batches of 32, judged on the validation images after each.
model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_val, y_val), verbose=2)

# Test: once, at the end.
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

# Prediction: probabilities of the first three images.
probabilities = keras.ops.softmax(model.predict(x_test[:3], verbose=0))
print("predicted:", np.argmax(probabilities, axis=1), "labels:", y_test[:3])

# Saving and loading.
model.save("mnist.keras")
loaded = keras.models.load_model("mnist.keras")
print("loaded test accuracy", round(loaded.evaluate(x_test, y_test, verbose=0)[1], 4))
