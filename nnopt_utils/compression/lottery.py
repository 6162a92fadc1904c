"""Lottery tickets: the mask of a trained network with the weights of its beginning, and controls."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import as_generator, describe
from nnopt_utils.compression._chosen import check_network
from nnopt_utils.compression.forms import Dense, Form
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP, decoded
from nnopt_utils.networks import MLP


def rewind(pruned: CompressedMLP, start: MLP) -> CompressedMLP:
    """Return a network with the masks of a pruned one and the values of another: weights and biases.

    With the initial network as ``start`` it is a lottery ticket; with the network after a few steps one of late
    resetting; with a network of another seed the control that has the places and not the values.

    Args:
        pruned: what ``prune`` returned, trained on or not. It is not changed.
        start: an ``MLP`` of the same layers. It is not changed.

    Raises:
        TypeError, ValueError: no pruned network; a start with other layers.

    Example:
        >>> from nnopt_utils.compression import prune
        >>> start = MLP([784, 30, 10], seed=0)
        >>> trained = MLP([784, 30, 10], seed=1)      # stands for the same network after training
        >>> ticket = rewind(prune(trained, 0.9), start)
        >>> kept = ticket.forms["weights[0]"].kept
        >>> bool((ticket.weights[0][kept] == start.weights[0][kept]).all()), ticket.n_parameters
        (True, 2422)

    Source: J. Frankle, M. Carbin, "The lottery ticket hypothesis", ICLR 2019 (arXiv 1803.03635); late resetting:
    J. Frankle, G. K. Dziugaite, D. M. Roy, M. Carbin, "Stabilizing the lottery ticket hypothesis", 2019 (arXiv
    1903.01611).
    """
    check_network(start, "start")
    masks = _masks(pruned)
    if start.layer_sizes != pruned.layer_sizes:
        raise ValueError(
            f"start: got layers {start.layer_sizes}; expected those of the pruned network, {pruned.layer_sizes}"
        )
    forms: dict[str, Form] = {name: Masked(mask) for name, mask in masks.items()}
    return CompressedMLP(decoded(start), forms)


def shuffle_masks(pruned: CompressedMLP, seed: int | np.random.Generator = 0) -> CompressedMLP:
    """Return a network with as many weights in each layer, at places that chance picks: a control.

    A kept weight has the value of the decoded network at its new place: zero, where it was pruned. Give it values with
    :func:`rewind`.

    Args:
        pruned: what ``prune`` returned. It is not changed.
        seed: an integer or a ``numpy.random.Generator``; default 0.

    Raises:
        TypeError, ValueError: no pruned network.

    Example:
        >>> from nnopt_utils.compression import prune
        >>> pruned = prune(MLP([784, 30, 10], seed=0), 0.9)
        >>> shuffled = shuffle_masks(pruned, seed=1)
        >>> [form.n_free for form in shuffled.forms.values()] == [form.n_free for form in pruned.forms.values()]
        True

    Source: J. Frankle, M. Carbin, "The lottery ticket hypothesis", ICLR 2019 (arXiv 1803.03635).
    """
    generator = as_generator(seed)
    forms: dict[str, Form] = {
        name: Masked(generator.permutation(mask.ravel()).reshape(mask.shape)) for name, mask in _masks(pruned).items()
    }
    return CompressedMLP(pruned.decoded(), forms)


def _masks(pruned: CompressedMLP) -> dict[str, np.ndarray]:
    if not isinstance(pruned, CompressedMLP):
        raise TypeError(f"pruned: got {describe(pruned)}; expected what prune returns, a CompressedMLP")
    others = {name: form for name, form in pruned.forms.items() if not isinstance(form, Dense | Masked)}
    for name, form in others.items():
        raise ValueError(f"pruned: got {name} as {form!r}; expected dense or masked tensors")
    masks = {name: form.kept for name, form in pruned.forms.items() if form.kept is not None}
    if not masks:
        raise ValueError("pruned: got a network without masks; expected what prune returns")
    return masks
