"""Losses: their values and gradients come from ``nnopt_utils.losses``, densities from their textbook definition."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from nnopt_utils.activations import sigmoid, sigmoid_derivative, softmax
from nnopt_utils.losses import (
    binary_cross_entropy,
    huber,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)
from nnopt_utils.networks import MLP
from tools.formulas.subjects.register import subject


@subject()
def right_probabilities(generator: np.random.Generator) -> dict[str, Any]:
    logits, labels = generator.normal(size=(6, 4)), generator.integers(0, 4, size=6)
    right = softmax(logits)[np.arange(6), labels]
    return {"J": softmax_cross_entropy(logits, labels)[0], "p": right, "n": 6}


@subject()
def standard_error(generator: np.random.Generator) -> dict[str, Any]:
    """The spread of the share of right ones, over all numbers of right ones that there can be."""
    n, q = 5, float(generator.uniform(0.2, 0.8))
    chances = np.array([math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)])
    shares = np.arange(n + 1) / n
    return {"s": math.sqrt(chances @ shares**2 - (chances @ shares) ** 2), "q": q, "n": n}


@subject()
def errors(generator: np.random.Generator) -> dict[str, Any]:
    y, c = generator.normal(size=7), generator.normal()
    predictions = np.full(7, c)
    squared, absolute = (loss(predictions, y)[0] for loss in (mean_squared_error, mean_absolute_error))
    return {"e": c - y, "n": 7, "J_squared": squared, "J_absolute": absolute}


@subject()
def likelihood(generator: np.random.Generator) -> dict[str, Any]:
    x, y, theta = generator.normal(size=(6, 3)), generator.integers(0, 2, size=6), generator.normal(size=3)

    def probability(y: float, x: np.ndarray, theta: np.ndarray) -> float:
        return float(sigmoid(x @ theta if y else -x @ theta))

    def loss(theta: np.ndarray) -> float:
        return binary_cross_entropy(x @ theta, y)[0]

    return {"J": loss, "theta": theta, "P": probability, "x": x, "y": y, "n": 6}


@subject()
def gaussian_likelihood(generator: np.random.Generator) -> dict[str, Any]:
    y, o, sigma = generator.normal(size=4), generator.normal(size=4), float(generator.uniform(0.5, 2))
    densities = {float(y[i]): NormalDist(o[i], sigma).pdf(y[i]) for i in range(4)}
    return {"P": lambda y: densities[float(y)], "y": y, "o": o, "sigma": sigma}


@subject()
def bernoulli_likelihood(generator: np.random.Generator) -> dict[str, Any]:
    z = generator.normal(size=2)
    losses = {y: binary_cross_entropy(z[i : i + 1], np.array([y]))[0] for i, y in enumerate((0, 1))}
    y = np.array([0, 1])
    return {"P": lambda y: math.exp(-losses[int(y)]), "y": y, "z": z, "p": sigmoid(z), "sigma": sigmoid}


@subject()
def categorical_likelihood(generator: np.random.Generator) -> dict[str, Any]:
    z, y = generator.normal(size=(4, 4)), np.eye(4)[generator.permutation(4)]
    p, labels = softmax(z), y.argmax(axis=1)
    losses = {int(labels[i]): softmax_cross_entropy(z[i : i + 1], labels[i : i + 1])[0] for i in range(4)}

    def probability(row: np.ndarray) -> float:
        return math.exp(-losses[int(np.argmax(row))])

    return {"P": probability, "z": z, "y": y, "p": p, "K": 4, "p_right": p[np.arange(4), labels]}


@subject()
def softmax_of(generator: np.random.Generator) -> dict[str, Any]:
    """One sample with the right class r: logits, probabilities, target, and the gradient of its cross-entropy."""
    z, r = generator.normal(size=5), int(generator.integers(5))
    gradient = softmax_cross_entropy(z[None], np.array([r]))[1][0]
    return {"z": z, "p": softmax(z), "r": r + 1, "y": np.eye(5)[r], "dell/dz": gradient}


@subject()
def smoothed_gap(generator: np.random.Generator) -> dict[str, Any]:
    """Logits where gradient descent on the smoothed loss comes to rest."""
    classes, share, z = int(generator.integers(3, 7)), float(generator.uniform(0.2, 0.5)), np.zeros((1, 1))
    z = np.zeros((1, classes))
    for _ in range(2000):
        z -= 2 * softmax_cross_entropy(z, np.array([0]), label_smoothing=share)[1]
    return {"z_right": z[0, 0], "z_wrong": z[0, 1], "s": share, "K": classes}


@subject()
def sigmoid_losses(generator: np.random.Generator) -> dict[str, Any]:
    """One sample: the slope at the logit of (p − y)² by the chain rule, and of the cross-entropy."""
    z, y = generator.normal(size=1), generator.uniform(size=1)
    squared = mean_squared_error(sigmoid(z), y)[1] * sigmoid_derivative(z)
    cross = binary_cross_entropy(z, y)[1]
    return {"p": sigmoid(z)[0], "y": y[0], "dell_squared/dz": squared[0], "dell_cross/dz": cross[0]}


@subject()
def huber_of(generator: np.random.Generator) -> dict[str, Any]:
    delta = float(generator.uniform(0.5, 2))
    e = delta * np.array([-2.5, -0.7, 0.4, 1.8])

    def loss(e: np.ndarray) -> np.ndarray:
        return np.array([huber(np.array([each]), np.zeros(1), delta)[0] for each in e])

    def slope(e: np.ndarray) -> np.ndarray:
        return np.array([huber(np.array([each]), np.zeros(1), delta)[1][0] for each in e])

    return {"e": e, "delta": delta, "ell": loss, "ell'": slope}


@subject()
def penalised_loss(generator: np.random.Generator) -> dict[str, Any]:
    network = MLP([3, 2], loss="half_mse", l2=float(generator.uniform(0.5, 2)), dtype="float64")
    network.parameters = generator.normal(size=network.n_parameters)
    x, y = generator.normal(size=(5, 3)), generator.normal(size=(5, 2))
    free = MLP([3, 2], loss="half_mse", dtype="float64")
    free.parameters = network.parameters
    losses = np.array([free.loss(x[i : i + 1], y[i : i + 1]) for i in range(5)])
    W = network.weights[0].copy()
    return {
        "J": lambda theta: network.loss(x, y, theta),
        "theta": network.parameters.copy(),
        "ell": losses,
        "W": W,
        "lambda": network.l2,
        "n": 5,
    }


@subject()
def tangent_bound(generator: np.random.Generator) -> dict[str, Any]:
    """A loss that is straight near θ, with a penalty, and θ′ at the worst place: both bounds are attained."""
    strength = float(generator.uniform(0.5, 2))
    network = MLP([3, 2], loss="mae", l2=strength, dtype="float64")
    network.parameters = generator.normal(size=8)
    x, y = generator.normal(size=(5, 3)), np.full((5, 2), 1e3)
    theta, g = network.parameters.copy(), network.loss_and_gradient(x, y)[1]
    other = theta - np.append(g[:6] / strength, 0.7 * g[6:])
    return {
        "J": lambda theta: network.loss(x, y, theta) - 1e3,
        "theta": theta,
        "theta'": other,
        "W": theta[:6],
        "W'": other[:6],
        "b": theta[6:],
        "b'": other[6:],
        "g_W": g[:6],
        "g_b": g[6:],
        "lambda": strength,
    }


@subject()
def filter_normalisation(generator: np.random.Generator) -> dict[str, Any]:
    """A random direction, rescaled unit by unit as chapter 02 does."""
    U, W = generator.normal(size=(2, 4, 3))
    scaled = U * (np.linalg.norm(W, axis=0) / np.linalg.norm(U, axis=0))
    return {name: {j + 1: M[:, j] for j in range(3)} for name, M in (("u", U), ("w", W), ("u_new", scaled))}
