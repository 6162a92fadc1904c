"""Chapter 13: first losses, the floor of a softmax of a softmax, how far a step goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.diagnosis import Recorder, in_network
from nnopt_utils.faults import spoiled
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import Step
from tools.formulas.claims import Subject
from tools.formulas.subjects.register import subject


@subject()
def first_loss(generator: np.random.Generator) -> dict[str, Any]:
    K = int(generator.integers(3, 9))
    y = generator.integers(K, size=5)
    network = MLP([2, K], initializer="zeros", dtype="float64")
    return {"J_0": network.loss(generator.normal(size=(5, 2)), y), "K": K}


@subject()
def softmax_twice(generator: np.random.Generator) -> dict[str, Any]:
    """The network is as sure as float64 can be."""
    K = int(generator.integers(3, 9))
    sure = np.where(np.arange(K) == 1, 800.0, 0.0)[None]
    return {"J_floor": spoiled.of_softmax(sure, np.array([1]))[0], "K": K}


@subject()
def update_ratio(generator: np.random.Generator) -> dict[str, Any]:
    """Of one layer, so that its part of θ is all of θ."""
    network = MLP([3, 2], seed=generator, dtype="float64")
    before, watch = network.parameters.copy(), Recorder(network)
    optimizer, gradient = SGD(0.3), generator.normal(size=before.shape)
    optimizer.step(network.parameters, gradient)
    watch(Step(1, 1, 0.0, gradient, network, optimizer))
    return {"r": float(watch.ratios()[0, 0]), "theta": before, "theta'": network.parameters}


@subject()
def summed_loss(generator: np.random.Generator) -> dict[str, Any]:
    K, B = int(generator.integers(3, 9)), int(generator.integers(2, 9))
    return {"J_sum": spoiled.summed(np.zeros((B, K)), np.zeros(B, dtype=int))[0], "K": K, "B": B}


def along_a_gradient(generator: np.random.Generator) -> dict[str, Any]:
    """A network without a hidden layer: one layer, so that u is along all of g."""
    network = MLP([3, 2], "tanh", seed=generator, dtype="float64")
    x, y = generator.normal(size=(20, 3)), generator.integers(2, size=20)
    theta = in_network.fresh_parameters(network)
    g = network.loss_and_gradient(x, y, parameters=theta)[1]
    for each in in_network.slopes_along_gradients(network, x, y):  # the function agrees with its formula
        assert each is not None and abs(each[0] / each[1] - 1) < 0.01
    h = min(in_network.STEPS) * float(np.linalg.norm(theta))
    return {"J": lambda at: network.loss(x, y, parameters=at), "theta": theta, "g": g, "h": h}


DIAGNOSIS = {
    Recorder: Subject("Recorder", update_ratio),
    in_network.slopes_along_gradients: Subject("slopes_along_gradients", along_a_gradient),
}
