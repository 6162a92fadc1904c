"""Compressed gradients: what every compressor shares."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from nnopt_utils.parallel.links import Link


class Compressor(ABC):
    """Base class."""

    @abstractmethod
    def mean(self, gradient: np.ndarray, link: Link) -> np.ndarray:
        """The mean over all workers of what they sent."""
