"""A generator that notes the parameters of the distribution it is asked for: an initialiser need not be sampled."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.initializers import Initializer


class Recorder(np.random.Generator):
    """Notes (0, mean, variance) of a normal, (1, low, high) of a uniform distribution."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))
        self.distribution = np.zeros(3)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        self.distribution = np.array([0.0, loc, scale**2])
        return super().normal(loc, scale, size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        self.distribution = np.array([1.0, low, high])
        return super().uniform(low, high, size)

    @classmethod
    def of(cls, initializer: Initializer, fan_in: int, fan_out: int) -> np.ndarray:
        """What the initialiser asks for."""
        recorder = cls()
        initializer(fan_in, fan_out, recorder)
        return recorder.distribution

    @classmethod
    def variance(cls, initializer: Initializer, fan_in: int, fan_out: int) -> float:
        uniform, low, high = cls.of(initializer, fan_in, fan_out)
        return float((high - low) ** 2 / 12 if uniform else high)
