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
    those of ``optimizer.layout``, which ``fit`` sets; without a layout θ is one vector. The arguments are those of
    :class:`Optimizer`.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> class LayerNormalised(TensorOptimizer):
        ...     def update(self, theta, gradient):
        ...         print(self.place.name, theta.shape)
        ...         theta -= self.learning_rate * gradient / np.linalg.norm(gradient)
        >>> network = MLP([2, 3, 1], loss="mse")
        >>> optimizer = LayerNormalised(learning_rate=0.1)
        >>> optimizer.layout = network.layout
        >>> optimizer.step(network.parameters, np.ones_like(network.parameters))
        weights[0] (2, 3)
        biases[0] (3,)
        weights[1] (3, 1)
        biases[1] (1,)
        >>> optimizer.places(network.parameters.shape) == network.layout
        True
    """

    def places(self, shape: tuple[int, ...]) -> Sequence[Place]:
        """Return the places of the tensors that a θ of this shape consists of.

        Args:
            shape: of θ, (d,).
        """
        return self.layout or [Place("theta", shape, slice(0, math.prod(shape)))]

    def _check_theta(self, theta: np.ndarray) -> None:
        super()._check_theta(theta)
        places = self.places(theta.shape)
        if [0, *(p.where.stop for p in places)] != [*(p.where.start for p in places), theta.size]:
            raise ValueError(
                f"layout: got tensors of {sum(place.size for place in places):,} "
                f"parameters; expected the layout of theta's {theta.size:,}, one tensor after the other"
            )
