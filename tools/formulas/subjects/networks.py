"""Networks: a node, the forward pass, the number of parameters, backpropagation, the size of signals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nnopt_utils.activations import sigmoid_derivative, tanh, tanh_derivative
from nnopt_utils.gradients import central_difference
from nnopt_utils.initializers import glorot_normal, he_normal
from nnopt_utils.networks import MLP
from tools.formulas.subjects.recorder import Recorder
from tools.formulas.subjects.register import subject

SIZES = [3, 5, 4, 2]


def network_of(generator: np.random.Generator, sizes: list[int] = SIZES, **options: Any) -> MLP:
    network = MLP(sizes, "tanh", seed=generator, dtype="float64", **options)
    network.parameters = generator.normal(size=network.n_parameters)
    return network


def part_of(network: MLP, first: int, last: int) -> MLP:
    """Layers first + 1 … last of a network, as a network; its outputs are pre-activations."""
    part = MLP(network.layer_sizes[first : last + 1], network.activation, network.loss_function.name, dtype="float64")
    for k in range(first, last):
        part.weights[k - first] = network.weights[k]
        part.biases[k - first] = network.biases[k]
    return part


@subject()
def node(generator: np.random.Generator) -> dict[str, Any]:
    network = network_of(generator, [3, 4, 2])
    a = generator.normal(size=(1, 3))
    return {
        "a": a[0],
        "W": network.weights[0],
        "b": network.biases[0],
        "z": part_of(network, 0, 1).forward(a)[0],
        "a'": network.activations(a)[1][0],
        "varphi": tanh,
    }


@subject()
def forward(generator: np.random.Generator) -> dict[str, Any]:
    """Layer k = 2 of three."""
    network, x = network_of(generator), generator.normal(size=(6, 3))
    activations = network.activations(x)
    return {
        "x": x,
        "a^(0)": activations[0],
        "a^(k-1)": activations[1],
        "a^(k)": activations[2],
        "z^(k)": part_of(network, 0, 2).forward(x),
        "W^(k)": network.weights[1],
        "b^(k)": network.biases[1],
        "varphi": tanh,
        "varphi_k": tanh,
    }


@subject()
def parameter_count(generator: np.random.Generator) -> dict[str, Any]:
    sizes = [int(size) for size in generator.integers(2, 9, size=4)]
    return {"d": MLP(sizes).n_parameters, "n": dict(enumerate(sizes))}


@subject(tolerance=1e-7)
def backpropagation(generator: np.random.Generator) -> dict[str, Any]:
    """Layers k − 1 = 1, k = 2 and ℓ = 3; slopes at z by central differences of the rest of the network."""
    network = network_of(generator, loss="half_mse")
    x, y = generator.normal(size=(6, 3)), generator.normal(size=(6, 2))
    z = {k: part_of(network, 0, k).forward(x) for k in (1, 2, 3)}
    gradient = network.loss_and_gradient(x, y)[1]
    slopes = {place.name: place.of(gradient) for place in network.layout}
    places = [place.name for place in network.layout]

    def slope(k: int) -> np.ndarray:
        rest = part_of(network, k, 3) if k < 3 else None

        def loss(z: np.ndarray) -> float:
            return rest.loss(tanh(z), y) if rest else float(network.loss_function(z, y)[0])

        return central_difference(loss, z[k])

    def error_signal(k: int) -> np.ndarray:
        """δ of every sample: what its own loss says to the biases, divided by n."""
        rows = [network.loss_and_gradient(x[i : i + 1], y[i : i + 1])[1] for i in range(len(x))]
        return np.array([network.layout[2 * k - 1].of(row) for row in rows]) / len(x)

    return {
        "delta^(ell)": error_signal(3),
        "delta^(k)": error_signal(2),
        "delta^(k-1)": error_signal(1),
        "dJ/dz^(ell)": slope(3),
        "dJ/dz^(k)": slope(2),
        "dJ/dW^(k)": slopes[places[2]],
        "dJ/db^(k)": slopes[places[3]],
        "W^(k)": network.weights[1],
        "a^(k-1)": network.activations(x)[1],
        "z^(k)": z[2],
        "z^(k-1)": z[1],
        "varphi'": tanh_derivative,
        "varphi'_k-1": tanh_derivative,
    }


@subject()
def stretch(generator: np.random.Generator) -> list[dict[str, Any]]:
    """δ along the direction that W stretches most, and z = 0, where the sigmoid is steepest; the same turned down."""
    W = generator.normal(size=(4, 3))
    delta = 2 * np.linalg.svd(W)[2][:1]
    names = {"delta^(k)": delta, "W^(k)": W, "z": np.linspace(-1, 1, 5)}
    below = (delta @ W.T) * sigmoid_derivative(np.zeros((1, 4)))
    up = {**names, "delta^(k-1)": below, "varphi'": sigmoid_derivative}
    return [up, {**names, "delta^(k-1)": -below, "varphi'": lambda z: -sigmoid_derivative(z)}]


@subject()
def linear_interpolation(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Parabolas, whose straight pieces are as wrong as they can be, and a function of changing curvature."""
    a, m, c = -1.0, int(generator.integers(3, 6)), generator.uniform(0.5, 2)
    b = a + generator.uniform(1, 3)
    knots, x = np.linspace(a, b, m + 1), np.linspace(a, b, 2 * m + 1)

    def parabola(c: float) -> dict[str, Any]:
        joined = c * knots**2
        return {"f": lambda x: c * x**2, "f''": lambda x: 2 * c + 0 * x, "hat_f": lambda x: np.interp(x, knots, joined)}

    cubic = {"f": lambda x: x**3, "f''": lambda x: 6 * x, "hat_f": lambda x: np.interp(x, knots, knots**3)}
    names = {"s": b - a, "m": m, "h": (b - a) / m, "x": x}
    return [{**names, **functions} for functions in (parabola(c), parabola(-c), {**cubic, "loose": True})]


@subject()
def signal_size(generator: np.random.Generator) -> dict[str, Any]:
    """Two inputs and their weights, each ± its size: E is the mean over all combinations of signs."""
    size, weight = generator.uniform(0.5, 2, size=2)
    outcomes = []
    for signs in itertools.product((-1, 1), (-2, 2), (-1, 1), (-1, 1)):
        a, W = size * np.array([signs[:2], signs[1::-1]])[0], weight * np.array(signs[2:])[:, None]
        outcomes += [{"a": b, "W": W, "z": b @ W} for b in (a, a[::-1])]
    return {"E": outcomes, "n": 2, "z": outcomes[0]["z"], "a": outcomes[0]["a"], "W": outcomes[0]["W"]}


@subject()
def initial_variances(generator: np.random.Generator) -> dict[str, Any]:
    """The variances with which the initialisers call the generator."""
    fan_in, fan_out = (int(n) for n in generator.integers(2, 9, size=2))
    glorot, he = (Recorder.variance(f, fan_in, fan_out) for f in (glorot_normal, he_normal))
    outcomes = [{"W_Glorot": sign * glorot**0.5, "W_He": sign * he**0.5} for sign in (-1, 1)]
    return {"E": outcomes, "fan-in": fan_in, "fan-out": fan_out, "W_Glorot": 0.0, "W_He": 0.0}
