"""LoRA: a frozen matrix, and a trained update to it of low rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import as_generator, check_array, check_integer, check_positive
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.frozen import Frozen
from nnopt_utils.compression.low_rank import truncated_svd
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP


class LowRankUpdate(Form):
    r"""A frozen matrix plus a product of two thin ones, of which the entries are free.

    .. math:: W = W_0 + \frac{\alpha}{r} A B

    with A of shape (fan-in, r) and B of shape (r, fan-out): r (n + m) free numbers in the place of n m. With G the
    gradient by W, those by A and B are

    .. math:: G_A = \frac{\alpha}{r} G B^\top, \qquad G_B = \frac{\alpha}{r} A^\top G

    A starts from a normal distribution, of variance 1 / fan-in, and B at zero. So the tensor starts unchanged, and the
    gradient by A is zero at first: a step of a rule that follows the gradient alone moves only B.

    Rows are samples here, x W. The paper has columns, W₀ x + B A x: its A and B are ours, transposed, and in the same
    roles: its A, ours too, is what the input meets first, and is drawn; its B, ours too, starts at zero. The variance
    is a choice of this library: x A is then about as large as x.

    Args:
        base: W₀, (fan-in, fan-out). It is copied.
        rank: r, from 1 to the smaller side.
        alpha: α > 0, the scale of the update; default r, so that the factor is 1.
        seed: of A's start: an integer or a ``numpy.random.Generator``; default 0.

    Raises:
        TypeError, ValueError: no matrix of finite numbers; a rank that it cannot have, or no α > 0.

    Example:
        >>> form = LowRankUpdate(np.eye(3), rank=1)
        >>> A, B = form.factors(form.encode(np.eye(3)))
        >>> form.n_free, A.shape, B.tolist()
        (6, (3, 1), [[0.0, 0.0, 0.0]])

    Warning:
        Weight decay that is apart from the gradient (AdamW) also moves A in the first step.

    Source: E. J. Hu, Y. Shen, P. Wallis, Z. Allen-Zhu, Y. Li, S. Wang, L. Wang, W. Chen, "LoRA: low-rank adaptation of
    large language models", ICLR 2022 (arXiv 2106.09685), section 4.1.
    """

    def __init__(self, base: Any, rank: int, alpha: float | None = None, seed: int | np.random.Generator = 0) -> None:
        self.base = check_array("base", base, ndim=2).copy()
        self.rank = check_integer("rank", rank, low=1, high=min(self.base.shape))
        self.alpha = float(self.rank) if alpha is None else check_positive("alpha", alpha)
        fan_in, fan_out = self.base.shape
        super().__init__(self.base.shape, (self.rank * (fan_in + fan_out),))
        self._start = as_generator(seed).normal(0, fan_in**-0.5, (fan_in, self.rank))

    @property
    def scale(self) -> float:
        """α / r."""
        return self.alpha / self.rank

    def factors(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A and B, views into the free numbers.

        Args:
            free: of ``free_shape``, or a gradient by them.
        """
        fan_in, fan_out = self.shape
        first = fan_in * self.rank
        return free[:first].reshape(fan_in, self.rank), free[first:].reshape(self.rank, fan_out)

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Add the update to the base."""
        A, B = self.factors(free)
        np.matmul(A, B, out=out)
        out *= self.scale
        out += self.base

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """The gradients by A and by B."""
        (A, B), (dA, dB) = self.factors(free), self.factors(out)
        np.matmul(gradient, B.T, out=dA)
        np.matmul(A.T, gradient, out=dB)
        out *= self.scale

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """The start, for the base itself; for another tensor the update of this rank that comes nearest.

        Columns that this update does not need start as those of a new one.
        """
        A, B = self._start.copy(), np.zeros((self.rank, self.shape[1]))
        update = (tensor.astype(np.float64) - self.base) / self.scale
        if update.any():
            U, V = truncated_svd(update, self.rank)
            used = (V * V).sum(axis=1) > 1e-14 * (V * V).sum()  # the others are zero but for rounding
            A[:, used], B[used] = U[:, used], V[used]
        return np.concatenate([A.ravel(), B.ravel()])

    def stored(self, free: np.ndarray) -> Stored:
        """The merged tensor, as floats. What belongs to the update alone are the free numbers."""
        return Dense(self.shape).stored(self.tensor(free))

    def __repr__(self) -> str:
        return f"LowRankUpdate(rank {self.rank}, alpha {self.alpha:g}, shape {self.shape})"


def add_low_rank_updates(
    network: MLP,
    rank: int | list[int] = 4,
    alpha: float | list[float] | None = None,
    layers: list[int] | None = None,
    seed: int | np.random.Generator = 0,
    train_biases: bool = False,
) -> CompressedMLP:
    """Return a network with frozen weights, to which ``fit`` adds updates of low rank: LoRA.

    It starts as ``network`` is. ``decoded()`` of the result merges the updates: a plain ``MLP`` that costs no more than
    before. To keep only what was trained, keep ``parameters``. Layers that are not chosen are frozen in the form that
    they have; chosen ones are decoded first, so an update fills the zeros of a mask.

    Args:
        network: an ``MLP``, compressed or not. It is not changed.
        rank: of the updates: one number, or a list with one for each chosen layer; default 4. One number may be more
            than the smaller side of a layer, which then gets an update of full rank.
        alpha: the scale, see :class:`LowRankUpdate`: one number, or a list; default the rank.
        layers: numbers of the layers, from 0; default all.
        seed: an integer or a ``numpy.random.Generator``; default 0.
        train_biases: leave biases free as they are (default: frozen).

    Raises:
        TypeError, ValueError: no MLP; no such layer; bad numbers.

    Example:
        >>> network = MLP([784, 300, 100, 10], seed=0)
        >>> adapted = add_low_rank_updates(network, rank=4)
        >>> network.n_parameters, adapted.n_parameters
        (266610, 6376)
        >>> bool((adapted.decoded().parameters == network.parameters).all())
        True

    Source: as :class:`LowRankUpdate`.
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    ranks = one_a_layer("rank", rank, chosen, lambda n, v: check_integer(n, v, low=1))
    alphas = one_a_layer("alpha", alpha, chosen, lambda n, v: None if v is None else check_positive(n, v))
    if not isinstance(train_biases, bool):
        raise TypeError(f"train_biases: got {train_biases!r}; expected True or False")
    generator, compressed = as_generator(seed), CompressedMLP(network)
    forms: dict[str, Form] = {
        name: Frozen(compressed.free(name), form)
        for name, form in compressed.forms.items()
        if form.n_free and not (train_biases and name.startswith("biases"))
    }
    for layer, r, a in zip(chosen, ranks, alphas, strict=True):
        W = compressed.weights[layer]
        r = r if np.ndim(rank) else min(r, *W.shape)
        forms[f"weights[{layer}]"] = LowRankUpdate(W, r, a, generator)
    return compressed.with_forms(forms)
