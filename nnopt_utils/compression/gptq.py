"""GPTQ: rounding in which the weights that come later make up for the errors of those before."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_choice, check_positive
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.grids import Grid, grid_for
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.compression.quantized import Quantized
from nnopt_utils.networks import MLP


def gptq(
    network: MLP,
    x: Any,
    bits: int | list[int] = 3,
    symmetric: bool = False,
    per: str = "channel",
    span: str = "max",
    damping: float = 0.01,
    order: str = "largest",
    layers: list[int] | None = None,
) -> CompressedMLP:
    r"""Return a network whose weights are rounded so that each layer's outputs on some data change little.

    Layer by layer, with X the layer's inputs as the layers before, already rounded, give them; and input by input: the
    weights of one input are rounded, and those of the inputs that come later move so that :math:`\lVert X \hat W - X W
    \rVert^2` stays small. See :func:`gptq_layer`. No labels are needed.

    Args:
        network: an ``MLP``, compressed or not. It is not changed. Masks are kept.
        x: inputs of the network, (n, n_in): some hundreds or thousands of samples.
        bits: of a code, from 1 to 16: one number, or a list with one for each chosen layer; default 3.
        symmetric, per, span: the kind of grid; see :func:`grid_for`. It is fitted before
            anything moves.
        damping: > 0, what is added to the diagonal of XᵀX, as a share of its mean; default 0.01.
        order: of the inputs: ``"largest"`` (default): those with the largest mean square first; ``"given"``.
        layers: numbers of the layers, from 0; default all.

    Raises:
        TypeError, ValueError: no MLP; inputs that do not fit; bad options.

    Example:
        >>> from nnopt_utils.compression import quantize
        >>> network, x = MLP([20, 10, 3], seed=0), np.random.default_rng(0).normal(size=(500, 20)).cumsum(axis=1)
        >>> def error(other):
        ...     return float(np.linalg.norm(x @ (other.weights[0] - network.weights[0])))
        >>> error(gptq(network, x, bits=3)) < error(quantize(network, bits=3, symmetric=False)) / 2
        True

    Source: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: accurate post-training quantization for generative
    pre-trained transformers", ICLR 2023 (arXiv 2210.17323). There the order is that of the inputs; ordering by the
    diagonal of XᵀX is the option ``act-order`` of the authors' code.
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    widths = dict(zip(chosen, one_a_layer("bits", bits, chosen, lambda n, v: v), strict=True))
    check_positive("damping", damping)
    check_choice("order", order, ["largest", "given"])
    compressed = CompressedMLP(network)
    for layer in chosen:
        name = f"weights[{layer}]"
        X = compressed.activations(x)[layer].astype(np.float64)
        W, kept = compressed.weights[layer].astype(np.float64), compressed.forms[name].kept
        grid = grid_for(W, widths[layer], symmetric, per, span, kept)
        rounded = gptq_layer(W, X, grid, damping, order, kept)
        compressed = compressed.with_forms({name: Quantized(grid, W.shape, kept)})
        form = compressed.forms[name]
        compressed.free(name)[:] = form.encode(rounded)
    return compressed


def gptq_layer(
    W: np.ndarray,
    X: np.ndarray,
    grid: Grid,
    damping: float = 0.01,
    order: str = "largest",
    kept: np.ndarray | None = None,
) -> np.ndarray:
    """Return the weights of one layer on a grid, for inputs X.

    With H = XᵀX and U the upper triangular factor of H⁻¹ = Uᵀ U, row i of U, divided by its first entry, says how the
    later inputs' weights best make up for an error in input i, when the earlier ones are fixed.

    Args:
        W: (fan_in, fan_out).
        X: inputs, (n, fan_in).
        grid: for W.
        damping: share of the mean of H's diagonal that is added to it.
        order: ``"largest"`` or ``"given"``.
        kept: False where a weight is zero, and stays so.

    Example:
        >>> from nnopt_utils.compression import grid_for
        >>> W = np.array([[0.4], [0.4]])
        >>> gptq_layer(W, np.ones((5, 2)), Grid(1.0, 1.0, levels=3), order="given").tolist()     # 0 and 1, not 0 and 0
        [[0.0], [1.0]]

    Source: as :func:`gptq`.
    """
    H = X.T @ X
    H += damping * max(float(np.mean(np.diag(H))), 1e-30) * np.eye(len(H))
    inputs = np.argsort(-np.diag(H), kind="stable") if order == "largest" else np.arange(len(H))
    U = np.linalg.cholesky(np.linalg.inv(H[np.ix_(inputs, inputs)])).T
    W, stays = W[inputs], np.ones(W.shape) if kept is None else kept[inputs]
    rounded = np.empty_like(W)
    for i in range(len(W)):
        rounded[i] = grid.round(W[i]) * stays[i]
        error = (W[i] - rounded[i]) / U[i, i]
        W[i + 1 :] -= np.outer(U[i, i + 1 :], error)
    return rounded[np.argsort(inputs)]
