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
    for biases. ``self.tensor`` is the tensor under way, with its name, shape and slice of θ. The tensors are those of
    ``optimizer.layout``, which ``fit`` sets; without a layout θ is one vector.
    """

    tensor: Place

    def tensors(self, shape: tuple[int, ...]) -> Sequence[Place]:
        """Return the tensors that a θ of this shape consists of."""
        return self.layout or [Place("theta", shape, slice(0, math.prod(shape)))]

    def _walk(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        for tensor in self.tensors(theta.shape):
            self.tensor = tensor
            self._update_part(tensor.of(theta), tensor.of(gradient), self._slots_of(tensor))

    def _slots_of(self, tensor: Place) -> list[np.ndarray]:
        return [tensor.of(self.state[name]) for name in self.slots]

    def _check_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        super()._check_step(theta, gradient)
        covered = [(t.where.start, t.where.stop) for t in self.tensors(theta.shape)]
        if [0, *(stop for _, stop in covered)] != [*(start for start, _ in covered), theta.size]:
            raise ValueError(
                f"layout: got tensors of {sum(t.size for t in self.tensors(theta.shape)):,} "
                f"parameters; expected the layout of theta's {theta.size:,}, one tensor after the other"
            )
