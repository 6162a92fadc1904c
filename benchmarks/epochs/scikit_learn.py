"""scikit-learn's ``MLPClassifier``, with its defaults (among them a small L2 penalty)."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


class Training:
    """A classifier, new before each epoch."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size

    def restart(self) -> None:
        self.model = MLPClassifier((64, 64), batch_size=self.batch_size, max_iter=1, random_state=0)

    def epoch(self) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of course it has not converged
            self.model.fit(self.x, self.y)
        return float(self.model.loss_)
