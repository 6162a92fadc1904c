"""Keras on TensorFlow: ``compile`` and ``fit``, with the defaults."""

from __future__ import annotations

import keras
import numpy as np


class Training:
    """A compiled model; a restart puts back its first weights, for a new model would be traced anew."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size
        self.model = keras.Sequential(
            [
                keras.Input((784,)),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10),
            ]
        )
        self.model.compile("adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = [*self.model.variables, *self.model.optimizer.variables]
        self.first = [np.array(variable) for variable in self.variables]

    def restart(self) -> None:
        for variable, value in zip(self.variables, self.first, strict=True):
            variable.assign(value)

    def epoch(self) -> float:
        history = self.model.fit(self.x, self.y, batch_size=self.batch_size, epochs=1, verbose=0)
        return history.history["loss"][-1]
