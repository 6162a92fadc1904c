"""Which layers a method works on, and with what number in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from nnopt_utils._validation import check_integer, describe
from nnopt_utils.networks import MLP

T = TypeVar("T")


def check_network(network: Any, name: str = "network") -> MLP:
    """Return a network if it is an ``MLP``, compressed or not; ``name`` is that of the argument.

    >>> check_network(3)
    Traceback (most recent call last):
    ...
    TypeError: network: got 3; expected an MLP
    """
    if not isinstance(network, MLP):
        raise TypeError(f"{name}: got {describe(network)}; expected an MLP")
    return network


def chosen_layers(network: MLP, layers: Any) -> list[int]:
    """Return the numbers of the layers to work on, from 0; ``None`` means all.

    >>> chosen_layers(MLP([4, 3, 2]), None), chosen_layers(MLP([4, 3, 2]), [1])
    ([0, 1], [1])
    >>> chosen_layers(MLP([4, 3, 2]), [2])
    Traceback (most recent call last):
    ...
    ValueError: layers[0]: got 2; expected an integer >= 0 and <= 1
    """
    last = len(network.layer_sizes) - 2
    if layers is None:
        return list(range(last + 1))
    if not isinstance(layers, list | tuple | range | np.ndarray) or len(layers) == 0:
        raise TypeError(f"layers: got {describe(layers)}; expected None for all, or a list of layer numbers from 0")
    numbers = [check_integer(f"layers[{i}]", layer, low=0, high=last) for i, layer in enumerate(layers)]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"layers: got {describe(layers)}; expected each layer once")
    return numbers


def one_a_layer(name: str, value: Any, layers: list[int], check: Callable[[str, Any], T]) -> list[T]:
    """Return one checked value for each chosen layer, from one for all or a list.

    >>> one_a_layer("rank", 3, [0, 2], check_integer), one_a_layer("rank", [3, 4], [0, 2], check_integer)
    ([3, 3], [3, 4])
    >>> one_a_layer("rank", [3], [0, 2], check_integer)
    Traceback (most recent call last):
    ...
    ValueError: rank: got [3]; expected one value for all, or a list of 2, one a layer
    """
    if not isinstance(value, list | tuple | np.ndarray):
        return [check(name, value)] * len(layers)
    if len(value) != len(layers):
        raise ValueError(
            f"{name}: got {describe(value)}; expected one value for all, or a list of {len(layers)}, one a layer"
        )
    return [check(f"{name}[{i}]", each) for i, each in enumerate(value)]
