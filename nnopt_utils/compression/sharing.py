"""Weight sharing: a few values, and for each entry of a tensor the number of its value."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import as_array, as_generator, check_choice, check_integer, describe
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.forms import Form, Stored
from nnopt_utils.compression.k_means import STARTS, k_means
from nnopt_utils.compression.masked import check_mask
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP

MOST = 65536  # codes of 16 bits


class Shared(Form):
    r"""Entries share the values of a codebook: free are the values, the centroids c; the codes are fixed.

    With Z the matrix that has a 1 where a row's entry has a column's code and else zeros, the entries as a vector are

    .. math:: w = Z c

    With G the gradients by w and by c, a centroid's is the sum of its entries' ones; and for another tensor v the
    centroids that come nearest are the means over each code's entries:

    .. math:: G_c = Z^\top G_w, \qquad c' = (Z^\top Z)^{-1} Z^\top v

    The first is the chain rule: a gradient in the full sense, of the loss by the centroids. The codes stay: in training
    a weight does not change to another cluster.

    Args:
        codes: of each entry, from 0, of the tensor's shape; with a mask one for each kept entry, 1-D, row by row.
        size: of the codebook, up to 65,536. A value that no entry has is 0 and gets a gradient of 0.
        kept: True for the entries that share; the others are zero. Default: all share.

    Raises:
        TypeError, ValueError: codes that are no integers or not below ``size``; no mask, or not one code a kept entry.

    Example:
        >>> form = Shared([[0, 1], [1, 1]], 2)
        >>> form.tensor(np.array([0.5, 2.0])).tolist()
        [[0.5, 2.0], [2.0, 2.0]]
        >>> out = np.empty(2)
        >>> form.pull_back(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 2.0]), out)
        >>> out
        array([1., 9.])

    Warning:
        A sum, not a mean: a cluster of many entries has a large gradient, and an optimizer that does not scale
        entries by themselves (SGD) needs a smaller learning rate than for the weights.

    Source: S. Han, H. Mao, W. J. Dally, "Deep compression", ICLR 2016, section 3.
    """

    def __init__(self, codes: Any, size: int, kept: Any = None) -> None:
        size = check_integer("size", size, low=1, high=MOST)
        codes = _check_codes(codes, size)
        self._kept = None if kept is None else check_mask("kept", kept)
        if self._kept is not None and codes.shape != (int(self._kept.sum()),):
            raise ValueError(
                f"codes: got {describe(codes)}; expected one for each of the {int(self._kept.sum())} kept entries"
            )
        super().__init__(codes.shape if self._kept is None else self._kept.shape, (size,))
        # As wide as an index, so that no step has to convert them.
        self.codes = np.array(codes, np.intp)
        self.counts = np.bincount(self.codes.ravel(), minlength=size)
        self.index = None if self._kept is None else np.flatnonzero(self._kept)

    @property
    def kept(self) -> np.ndarray | None:
        """The mask."""
        return self._kept

    @property
    def bits(self) -> int:
        """Of a code in a code of fixed length."""
        return max(1, (self.n_free - 1).bit_length())

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Look each code up in the codebook."""
        if self.index is None:
            np.take(free, self.codes, out=out, mode="clip")  # codes were checked; "raise" would take a copy
        else:
            out[:] = 0
            out.reshape(-1)[self.index] = free[self.codes]

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """The sum over each cluster."""
        out[:] = np.bincount(self.codes.ravel(), weights=self._entries(gradient), minlength=self.n_free)

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """The mean of each cluster: of all codebooks for these codes that with the least squared error."""
        sums = np.bincount(self.codes.ravel(), weights=self._entries(tensor), minlength=self.n_free)
        return sums / np.maximum(self.counts, 1)

    def _entries(self, tensor: np.ndarray) -> np.ndarray:
        """Those that share, as a vector."""
        entries = tensor.reshape(-1)
        return entries if self.index is None else entries[self.index]

    def stored(self, free: np.ndarray) -> Stored:
        """The mask, the codes, and the codebook."""
        codes = self.codes.ravel().astype(np.uint8 if self.n_free <= 256 else np.uint16)
        return Stored("codebook", self.shape, self._kept, codes, self.bits, {"codebook": np.array(free)})

    def __repr__(self) -> str:
        return f"Shared({self.codes.size:,} entries, {self.n_free:,} values, shape {self.shape})"


def share_weights(
    network: MLP,
    clusters: int | list[int] = 32,
    start: str = "linear",
    layers: list[int] | None = None,
    seed: int | np.random.Generator = 0,
) -> CompressedMLP:
    """Return a network in which the weights of a layer share a few values, found by :func:`k_means`.

    Entries that a mask keeps at zero stay there, and take no part in the clusters. Biases stay as they are. ``fit``
    then trains the centroids.

    Args:
        network: an ``MLP``, compressed or not. It is not changed.
        clusters: how many values a layer, up to 65,536: one number, or a list with one for each chosen layer; default
            32, codes of 5 bits. A layer with fewer different weights gets as many values as it has.
        start: of the clusters: ``"linear"`` (default), ``"density"`` or ``"random"``.
        layers: numbers of the layers, from 0; default all.
        seed: for ``"random"``: an integer or a ``numpy.random.Generator``; default 0.

    Raises:
        TypeError, ValueError: no MLP; no such layer or start; a number of clusters out of range.

    Example:
        >>> shared = share_weights(MLP([784, 30, 10], seed=0), clusters=[32, 16])
        >>> len(np.unique(shared.weights[0])), len(np.unique(shared.weights[1]))
        (32, 16)
        >>> shared.n_parameters      # 48 centroids, 40 biases
        88

    Source: S. Han, H. Mao, W. J. Dally, "Deep compression", ICLR 2016, section 3; there linear
    starts did better than the others, which leave few centroids for the few large weights.
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    numbers = one_a_layer("clusters", clusters, chosen, lambda n, v: check_integer(n, v, low=1, high=MOST))
    check_choice("start", start, STARTS)
    generator = as_generator(seed)
    compressed = CompressedMLP(network)
    weights = compressed.weights
    forms: dict[str, Form] = {}
    for layer, number in zip(chosen, numbers, strict=True):
        name = f"weights[{layer}]"
        kept = compressed.forms[name].kept
        found = k_means(weights[layer] if kept is None else weights[layer][kept], number, start, generator)
        forms[name] = Shared(found.codes, len(found.centroids), kept)
    return compressed.with_forms(forms)


def _check_codes(codes: Any, size: int) -> np.ndarray:
    array = as_array(codes)
    if array.dtype.kind not in "iu" or array.size == 0:
        raise TypeError(f"codes: got {describe(codes)}; expected an array of integers from 0 to {size - 1}")
    if array.min() < 0 or array.max() >= size:
        raise ValueError(f"codes: got {array.min()} to {array.max()}; expected integers from 0 to {size - 1}")
    return array
