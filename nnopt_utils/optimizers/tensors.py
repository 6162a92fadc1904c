"""Optimizers whose rules need the shape of a layer: they walk over tensors instead of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.base import Optimizer


class TensorOptimizer(Optimizer):
    r"""Base class of rules that need a layer's shape: ``update`` is called once a tensor, not once a block.

    ``theta``, ``gradient`` and the slots come in the tensor's own shape: (fan-in, fan-out) for weights, (fan-out,)
    for biases. ``self.place`` is the place of the tensor under way: its name, shape and slice of θ. The tensors are
    those of ``optimizer.layout``, which ``fit`` sets; without a layout θ is one vector.
    """

    def places(self, shape: tuple[int, ...]) -> Sequence[Place]:
        """Return the places of the tensors that a θ of this shape consists of."""
        return self.layout or [Place("theta", shape, slice(0, math.prod(shape)))]

    def _check_theta(self, theta: np.ndarray) -> None:
        super()._check_theta(theta)
        places = self.places(theta.shape)
        if [0, *(p.where.stop for p in places)] != [*(p.where.start for p in places), theta.size]:
            raise ValueError(
                f"layout: got tensors of {sum(place.size for place in places):,} "
                f"parameters; expected the layout of theta's {theta.size:,}, one tensor after the other"
            )
