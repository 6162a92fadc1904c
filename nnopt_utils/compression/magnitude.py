"""Magnitude pruning: the smallest weights go."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import check_choice, check_number
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.forms import Dense, Form
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP


def prune(
    network: MLP,
    sparsity: float | list[float] = 0.9,
    scope: str = "global",
    layers: list[int] | None = None,
) -> CompressedMLP:
    """Return a network without its smallest weights: they are zero, and stay zero when ``fit`` trains the others.

    The share counts all entries, also those that are zero already: to prune a pruned network further, ask for more.
    Entries that a mask has taken away stay away. Of equal magnitudes the earlier entries go first. Every layer keeps at
    least one weight, the largest. Biases stay as they are.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked. It is not changed.
        sparsity: the share of the chosen layers' weights that are zero afterwards, in [0, 1), to the nearest whole
            number of weights; default 0.9. A list has one for each chosen layer.
        scope: ``"global"`` (default): magnitudes of all chosen layers are compared; ``"layer"``: each layer loses the
            same share, as it does with a list.
        layers: numbers of the layers, from 0; default all.

    Raises:
        TypeError, ValueError: no MLP; no such layer or scope; a share out of range, or below what is zero by a mask;
            weights that are shared or on a grid: prune first.

    Example:
        >>> pruned = prune(MLP([784, 64, 10], seed=0), sparsity=0.95)
        >>> [round(float((W != 0).mean()), 3) for W in pruned.weights]
        [0.043, 0.562]
        >>> pruned.n_parameters      # 2,541 weights and 74 biases
        2615

    Warning:
        PyTorch's ``prune.l1_unstructured`` takes a share of the entries that an earlier mask has left.

    Source: S. Han, J. Pool, J. Tran, W. J. Dally, "Learning both weights and connections for efficient neural
    networks", NeurIPS 2015 (arXiv 1506.02626), which prunes each layer by a threshold.
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    check_choice("scope", scope, ["global", "layer"])
    shares = one_a_layer(
        "sparsity", sparsity, chosen, lambda n, v: check_number(n, v, low=0.0, high=1.0, high_open=True)
    )
    compressed = CompressedMLP(network)
    names = [f"weights[{layer}]" for layer in chosen]
    magnitudes = [magnitudes_of(compressed, name) for name in names]
    if scope == "global" and not isinstance(sparsity, list | tuple | np.ndarray):
        kept = _keep_largest_of_all(magnitudes, shares[0])
    else:
        kept = [_keep_largest_of_all([one], share)[0] for one, share in zip(magnitudes, shares, strict=True)]
    forms: dict[str, Form] = {name: Masked(mask) for name, mask in zip(names, kept, strict=True)}
    return compressed.with_forms(forms)


def sparsity_of(network: MLP) -> list[float]:
    """Return the share of zeros among each layer's weights.

    Args:
        network: an ``MLP``, compressed or not.

    Raises:
        TypeError: no MLP.

    Example:
        >>> sparsity_of(prune(MLP([10, 10, 10]), 0.5, scope="layer"))
        [0.5, 0.5]
    """
    check_network(network)
    return [float(np.mean(W == 0)) for W in network.weights]


def magnitudes_of(network: CompressedMLP, name: str) -> np.ndarray:
    """Absolute values, and −1 where a mask has taken a weight away: these go first.

    >>> magnitudes_of(CompressedMLP(MLP([2, 1], loss="mse", initializer="zeros")), "weights[0]").tolist()
    [[0.0], [0.0]]
    """
    form = network.forms[name]
    if not isinstance(form, Dense | Masked):
        raise ValueError(
            f"network: got {name} as {form!r}; expected dense or masked weights: prune first, then share or quantize"
        )
    magnitudes = np.abs(form.tensor(network.free(name)))
    if form.kept is not None:
        magnitudes[~form.kept] = -1
    return magnitudes


def _keep_largest_of_all(magnitudes: list[np.ndarray], share: float) -> list[np.ndarray]:
    """Masks of the entries that stay when the given share of all goes, the smallest first."""
    flat = np.concatenate([np.ravel(one) for one in magnitudes])
    n_gone, gone_before = round(share * flat.size), int((flat < 0).sum())
    if n_gone < gone_before:
        raise ValueError(
            f"sparsity: got {share:g}; expected at least {gone_before / flat.size:.4g}, what is zero already"
        )
    kept = np.ones(flat.size, bool)
    kept[np.argsort(flat, kind="stable")[:n_gone]] = False
    ends = np.cumsum([one.size for one in magnitudes])[:-1]
    masks = [part.reshape(one.shape) for part, one in zip(np.split(kept, ends), magnitudes, strict=True)]
    for mask, one in zip(masks, magnitudes, strict=True):
        if not mask.any():
            mask.reshape(-1)[one.argmax()] = True
    return masks
