"""This library's ``fit``: one BLAS thread, by its default."""

from __future__ import annotations

import numpy as np

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


class Training:
    """A network and its optimizer, new before each epoch."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size

    def restart(self) -> None:
        self.network, self.optimizer = MLP([784, 64, 64, 10], seed=0), Adam()

    def epoch(self) -> float:
        data = self.x, self.y
        history = fit(self.network, self.optimizer, data, epochs=1, batch_size=self.batch_size, progress=False)
        return history.train_loss[-1]
