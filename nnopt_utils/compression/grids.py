"""Grids: equally spaced values, and the codes that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, describe

SHRINKING = np.linspace(1.0, 0.2, 81)  # of the range, where the squared error decides


@dataclass(frozen=True, eq=False)
class Grid:
    r"""Equally spaced values: the code q stands for s (q − z).

    .. math:: q = \operatorname{clip}(\lfloor w / s + z + \tfrac12 \rfloor, 0, n - 1), \qquad \hat w = s\,(q - z)

    with n levels. (Halfway between two codes, the even one is taken.)

    Args:
        scale: s > 0, the distance of two values: a number, or one for each unit, shape (fan_out,).
        zero_point: z, the code of 0: of the same shape. With ½ and two levels the values are −s/2 and s/2.
        levels: n, from 2 to 65,536.

    Raises:
        TypeError, ValueError: no numbers > 0; other shapes; a bad number of levels.

    Example:
        >>> grid = Grid(0.5, 3.0, levels=7)
        >>> grid.codes([-2.0, -0.3, 0.0, 0.8]).tolist(), grid.round([-2.0, -0.3, 0.0, 0.8]).tolist()
        ([0, 2, 3, 5], [-1.5, -0.5, 0.0, 1.0])
        >>> grid.values([0, 6]).tolist(), grid.holds(np.array([-1.7, 1.8])).tolist()
        ([-1.5, 1.5], [True, False])
        >>> Grid([0.5, 2.0], [0.0, 0.0], levels=4).of_columns([1, 1, 0]).scale.tolist()
        [2.0, 2.0, 0.5]

    Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", CVPR 2018 (arXiv 1712.05877), equation 1.
    """

    scale: Any
    zero_point: Any
    levels: int

    def __post_init__(self) -> None:
        for name in ("scale", "zero_point"):
            array = check_array(name, np.asarray(getattr(self, name)))
            object.__setattr__(self, name, np.array(array, np.float32))
        if self.scale.ndim > 1 or self.zero_point.shape != self.scale.shape:
            raise ValueError(
                f"zero_point: got {describe(self.zero_point)}; expected the shape of scale, {self.scale.shape}: () or "
                "(fan_out,)"
            )
        if not (self.scale > 0).all():
            raise ValueError(f"scale: got {self.scale.min():g}; expected numbers > 0")
        check_integer("levels", self.levels, low=2, high=65536)

    @property
    def bits(self) -> int:
        """Of a code in a code of fixed length."""
        return (self.levels - 1).bit_length()

    def codes(self, tensor: Any) -> np.ndarray:
        """Return the code of the nearest value, from 0, as 8 or 16 bits.

        Args:
            tensor: (fan_in, fan_out), or another shape whose last axis fits the scale.
        """
        return self._positions(np.asarray(tensor)).astype(np.uint8 if self.levels <= 256 else np.uint16)

    def values(self, codes: Any) -> np.ndarray:
        """Return s (q − z), in float32.

        Args:
            codes: integers from 0 to ``levels`` − 1.
        """
        return self.scale * (np.asarray(codes).astype(np.float32) - self.zero_point)

    def round(self, tensor: Any) -> np.ndarray:
        """Return the nearest value of each entry, in the entries' dtype.

        Args:
            tensor: as for :meth:`codes`.
        """
        array = np.asarray(tensor)
        rounded = self._positions(array)
        rounded -= self.zero_point
        rounded *= self.scale
        return rounded.astype(array.dtype if array.dtype.kind == "f" else np.float64, copy=False)

    def holds(self, tensor: np.ndarray) -> np.ndarray:
        """Return whether each entry is at most half a step outside of the values.

        Args:
            tensor: as for :meth:`codes`.
        """
        places = tensor / self.scale
        places += self.zero_point
        return (places >= -0.5) & (places <= self.levels - 0.5)

    def of_columns(self, columns: np.ndarray) -> Grid:
        """Return the grid of single entries, of which the column is known.

        Args:
            columns: the unit of each entry.
        """
        if self.scale.ndim == 0:
            return self
        return Grid(self.scale[columns], self.zero_point[columns], self.levels)

    def _positions(self, tensor: np.ndarray) -> np.ndarray:
        """The codes, as floating-point numbers."""
        places = np.asarray(tensor / self.scale)
        places += self.zero_point
        np.rint(places, out=places)
        np.clip(places, 0, self.levels - 1, out=places)
        places += 0.0  # no −0
        return places


def grid_for(
    tensor: Any,
    bits: int,
    symmetric: bool = True,
    per: str = "channel",
    span: str = "max",
    kept: np.ndarray | None = None,
) -> Grid:
    """Return a grid for a tensor.

    A symmetric one has 2^b − 1 values, 0 in the middle and the largest magnitude at the end; with one bit it has two, ±
    the mean magnitude, which has the least squared error of all such pairs. One that is not symmetric has 2^b values
    from the least entry to the largest, or to 0 if that lies outside; one of them is 0.

    Args:
        tensor: (fan_in, fan_out), or a bias (fan_out,).
        bits: b, from 1 to 16.
        symmetric: default ``True``.
        per: ``"channel"`` (default): a scale for each unit, a column; ``"tensor"``: one for all. A bias has one.
        span: ``"max"`` (default): reaches the extreme entries; ``"mse"``: of 81 spans, from the whole down to a fifth,
            that with the least squared error.
        kept: True for the entries that count; default all.

    Raises:
        TypeError, ValueError: no finite numbers; bad options.

    Example:
        >>> grid = grid_for(np.array([[1.5, -6.0], [0.3, 2.5]]), bits=3)
        >>> grid.scale.tolist(), grid.round([[1.5, -6.0], [0.3, 2.5]]).tolist()
        ([0.5, 2.0], [[1.5, -6.0], [0.5, 2.0]])

    Warning:
        "Per channel" means per output unit: the last axis here, the first of PyTorch's ``Linear.weight``.

    Source: Jacob et al. 2018 (see :class:`Grid`); one bit: M. Rastegari, V. Ordonez, J. Redmon, A. Farhadi, "XNOR-Net",
    ECCV 2016 (arXiv 1603.05279).
    """
    array = check_array("tensor", tensor).astype(np.float64)
    check_integer("bits", bits, low=1, high=16)
    check_choice("per", per, ["channel", "tensor"])
    check_choice("span", span, ["max", "mse"])
    axis = 0 if per == "channel" and array.ndim == 2 else None
    if kept is not None:
        array = np.where(kept, array, 0.0)
    if symmetric and bits == 1:
        count = np.sum(np.ones(array.shape) if kept is None else kept, axis=axis)
        mean = np.sum(np.abs(array), axis=axis) / np.maximum(count, 1)
        return Grid(2 * _positive(mean), np.full(np.shape(mean), 0.5), 2)
    reach = _symmetric if symmetric else _affine
    whole = reach(array, bits, axis, 1.0)
    return whole if span == "max" else _least_squares(array, kept, axis, lambda share: reach(array, bits, axis, share))


def _symmetric(array: np.ndarray, bits: int, axis: int | None, share: float) -> Grid:
    half = 2 ** (bits - 1) - 1
    scale = _positive(share * np.abs(array).max(axis=axis) / half)
    return Grid(scale, np.full(np.shape(scale), half), 2 * half + 1)


def _affine(array: np.ndarray, bits: int, axis: int | None, share: float) -> Grid:
    low, high = share * np.minimum(array.min(axis=axis), 0), share * np.maximum(array.max(axis=axis), 0)
    scale = _positive((high - low) / (2**bits - 1))
    return Grid(scale, np.rint(-low / scale), 2**bits)


def _least_squares(array: np.ndarray, kept: np.ndarray | None, axis: int | None, reach: Any) -> Grid:
    """Of the grids of all shares of the range that with the least squared error, for each unit by itself."""
    grids = [reach(share) for share in SHRINKING]
    weight = 1.0 if kept is None else kept
    errors = np.array([np.sum(weight * (grid.round(array) - array) ** 2, axis=axis) for grid in grids])
    best = errors.argmin(axis=0)
    scales, zeros = (np.array([getattr(grid, name) for grid in grids]) for name in ("scale", "zero_point"))
    pick = best if axis is None else (best, np.arange(len(best)))
    return Grid(scales[pick], zeros[pick], grids[0].levels)


def _positive(scale: Any) -> np.ndarray:
    """A scale of 1 where all entries are zero: any would do."""
    return np.where(np.asarray(scale) > np.finfo(np.float32).tiny, scale, 1.0)
