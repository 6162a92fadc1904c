"""Weights on a grid: rounded once, or trained with the rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.forms import Form, Stored
from nnopt_utils.compression.grids import Grid, grid_for
from nnopt_utils.compression.masked import check_mask
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP


class Quantized(Form):
    r"""Entries are rounded to a grid: free are the numbers behind, which training changes.

    Rounding is flat almost everywhere, so the loss has no useful gradient by these numbers. ``pull_back`` returns the
    **straight-through estimator** in its place: the gradient by the rounded entries, as if rounding were not there, and
    zero for numbers more than half a step outside of the grid. It is not the gradient of the loss.

    Args:
        grid: one for all entries, or one for each unit.
        shape: of the tensor, (fan-in, fan-out) or (fan-out,).
        kept: True for the entries that are on the grid; the others are zero. Default: all.

    Raises:
        TypeError, ValueError: no grid, or one for another number of units; no mask of this shape.

    Example:
        >>> form = Quantized(Grid(0.5, 3.0, levels=7), (3,))
        >>> form.tensor(np.array([0.1, 0.4, 9.0])).tolist()
        [0.0, 0.5, 1.5]
        >>> out = np.empty(3)
        >>> form.pull_back(np.ones(3), np.array([0.1, 0.4, 9.0]), out)
        >>> out
        array([1., 1., 0.])

    Source: Y. Bengio, N. Léonard, A. Courville, "Estimating or propagating gradients through stochastic neurons for
    conditional computation", 2013 (arXiv 1308.3432).
    """

    def __init__(self, grid: Grid, shape: tuple[int, ...], kept: Any = None) -> None:
        if not isinstance(grid, Grid):
            raise TypeError(f"grid: got {describe(grid)}; expected a Grid")
        if grid.scale.ndim and grid.scale.shape != (shape[-1],):
            raise ValueError(f"grid: got scales of shape {grid.scale.shape}; expected () or ({shape[-1]},), one a unit")
        self.grid = grid
        self._kept = None if kept is None else check_mask("kept", kept, tuple(shape))
        if self._kept is None:
            super().__init__(shape)
            self._entries = grid
        else:
            self.index = np.flatnonzero(self._kept)
            super().__init__(shape, self.index.shape)
            self._entries = grid.of_columns(self.index % shape[-1])

    @property
    def kept(self) -> np.ndarray | None:
        """The mask."""
        return self._kept

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Round."""
        if self._kept is None:
            out[:] = self._entries.round(free)
        else:
            out[:] = 0
            out.reshape(-1)[self.index] = self._entries.round(free)

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """Straight through, where the grid reaches."""
        passed = gradient if self._kept is None else gradient.reshape(-1)[self.index]
        np.multiply(passed, self._entries.holds(free), out=out)

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """The entries themselves: they are rounded when they are used."""
        return np.array(tensor if self._kept is None else tensor.reshape(-1)[self.index])

    def stored(self, free: np.ndarray) -> Stored:
        """The mask, the codes, the scales and zero points; what lies behind the grid is forgotten."""
        codes = self._entries.codes(free).ravel()
        tables = {"scale": self.grid.scale, "zero_point": self.grid.zero_point, "levels": np.int32(self.grid.levels)}
        return Stored("grid", self.shape, self._kept, codes, self.grid.bits, tables)

    def __repr__(self) -> str:
        return f"Quantized({self.n_free:,} entries, {self.grid.levels:,} levels, shape {self.shape})"


def quantize(
    network: MLP,
    bits: int | list[int] = 8,
    symmetric: bool = True,
    per: str = "channel",
    span: str = "max",
    layers: list[int] | None = None,
    biases: bool = False,
) -> CompressedMLP:
    """Return a network whose weights are rounded to grids: quantization after training.

    ``fit`` on what it returns trains with the rounding, by the straight-through estimator: quantization-aware
    training. The grids stay as they were fitted here. Entries that a mask keeps at zero stay there.

    Args:
        network: an ``MLP``, compressed or not. It is not changed.
        bits: of a code, from 1 to 16: one number, or a list with one for each chosen layer; default 8.
        symmetric, per, span: the kind of grid; see :func:`grid_for`.
        layers: numbers of the layers, from 0; default all.
        biases: whether the biases of these layers are rounded too; default no.

    Raises:
        TypeError, ValueError: no MLP; no such layer; bad options.

    Example:
        >>> network = MLP([784, 30, 10], seed=0)
        >>> rounded = quantize(network, bits=4)
        >>> max(len(np.unique(column)) for column in rounded.weights[0].T)
        15
        >>> rounded.n_parameters == network.n_parameters      # the numbers behind the grid
        True

    Warning:
        Only weights are rounded. With integer arithmetic activations are as well: ``IntegerMLP``.

    Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", CVPR 2018 (arXiv 1712.05877).
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    widths = one_a_layer("bits", bits, chosen, lambda n, v: v)
    compressed = CompressedMLP(network)
    forms: dict[str, Form] = {}
    for layer, width in zip(chosen, widths, strict=True):
        for name in [f"weights[{layer}]"] + [f"biases[{layer}]"] * biases:
            old = compressed.forms[name]
            tensor = old.tensor(compressed.free(name))
            forms[name] = Quantized(grid_for(tensor, width, symmetric, per, span, old.kept), old.shape, old.kept)
    return compressed.with_forms(forms)
