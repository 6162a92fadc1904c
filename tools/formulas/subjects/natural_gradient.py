"""Subjects of the docstrings about the Fisher matrix, natural gradient and K-FAC: steps of networks, looked at."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from nnopt_utils.gradients import central_difference
from nnopt_utils.losses import get_loss
from nnopt_utils.networks import MLP
from nnopt_utils.second_order import KFAC, NaturalGradient, fisher_matrix, own_labels, per_sample_gradients
from tools.formulas.claims import Subject
from tools.formulas.subjects.networks import network_of


class Even:
    """A generator whose draws are spread evenly: of four labels as many fall to a class as its probability says."""

    def random(self, shape: tuple[int, int]) -> np.ndarray:
        return ((np.arange(shape[0]) + 0.5) / shape[0])[:, None]


def own_signals(generator: np.random.Generator) -> dict[str, Any]:
    """Classes with the probabilities ¼ and ¾, in some order."""
    loss, z = get_loss("cross_entropy"), np.log(generator.permutation([0.25, 0.75]))
    signals = own_labels.sampled_signals(loss, np.tile(z, (4, 1)), Even())  # type: ignore[arg-type]

    def slope(z: np.ndarray, k: int) -> float:
        return float(loss.core(z[None], np.zeros(1, int))[1][0, k])

    H = np.array([central_difference(partial(slope, k=k), z) for k in (0, 1)])
    return {"H": H, "E": [{"delta": delta} for delta in signals], "delta": z}


def one_sample(generator: np.random.Generator) -> dict[str, Any]:
    """The second layer of three, of the second sample of five."""
    network, x, y = network_of(generator), generator.normal(size=(5, 3)), generator.integers(2, size=5)
    weights, biases = network.views(per_sample_gradients(network, x, y)[1])
    _, a, deltas = network.signals(x[1:2], y[1:2])
    return {"dell/dW^(k)": weights[1], "dell/db^(k)": biases[1][None], "a^(k-1)": a[1], "delta^(k)": deltas[1]}


def fisher(generator: np.random.Generator) -> dict[str, Any]:
    """Whatever the input, the classes have the probabilities ¼ and ¾."""
    network, x = MLP([2, 2], initializer="zeros", dtype="float64"), generator.normal(size=(3, 2))
    network.biases[0] = np.log([0.25, 0.75])
    outcomes = [{"g": per_sample_gradients(network, x, np.full(3, label))} for label in (0, 1, 1, 1)]
    return {"F": fisher_matrix(network, x), "n": 3, "E": outcomes, "g": outcomes[0]["g"]}


def natural_step(generator: np.random.Generator) -> dict[str, Any]:
    network, x, y = network_of(generator, [3, 3, 2]), generator.normal(size=(9, 3)), generator.integers(2, size=9)
    eta, damping = generator.uniform(0.1, 0.5, size=2)
    optimizer = NaturalGradient(eta, damping=damping)
    optimizer.observe(network, x, y)
    names = {"F_t": fisher_matrix(network, x), "g_t": network.loss_and_gradient(x, y)[1], "eta_t": eta}
    names |= {"theta_t": network.parameters.copy(), "lambda": damping, "I": np.eye(network.n_parameters)}
    optimizer.step(network.parameters, names["g_t"])
    return {**names, "theta_t+1": network.parameters, "s_t": optimizer._direction}


def kfac_steps(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Steps 2 and 3 of one layer, whose matrix with the biases is square: with a mean, and with the given decay."""
    steps = []
    for kappa in (1e-4, 1e4):
        network, eta = network_of(generator, [2, 3]), generator.uniform(0.1, 0.5)
        optimizer = KFAC(eta, rescaling="kl_clip", kl_clip=kappa, factor_decay=0.6, damping=0.3, momentum=0.7)
        for t in (1, 2, 3):
            x, y = generator.normal(size=(7, 2)), generator.integers(3, size=7)
            optimizer.observe(network, x, y)
            delta = optimizer.seen.deltas[0]
            before = optimizer.get_state()["slots"]
            names = {"theta_t": network.parameters.copy().reshape(3, 3), "eta_t": eta, "kappa": kappa, "t": t}
            G = network.loss_and_gradient(x, y)[1]
            optimizer.step(network.parameters, G)
            names |= {"theta_t+1": network.parameters.copy().reshape(3, 3), "G_t": G.reshape(3, 3)}
            names |= {"a": np.column_stack([x, np.ones(7)]), "delta": delta, "n": 7, "I": np.eye(3)}
            names |= {"lambda": 0.3, "beta": 0.7, "factor_decay": 0.6, "n_in": 2, "n_out": 3}
            names["Delta_t"] = optimizer._direction.reshape(3, 3)
            for name, slot in (("A", "A[0]"), ("S", "S[0]"), ("v", "v")):
                names[f"{name}_t"] = optimizer.state[slot].copy().reshape(3, 3)
                names[f"{name}_t-1"] = before[slot].reshape(3, 3) if before else None
            if t > 1:
                steps.append(names)
    return steps


NATURAL_GRADIENT: dict[Any, Subject] = {
    own_labels: Subject("own_labels", own_signals, 1e-7),
    per_sample_gradients: Subject("per_sample_gradients", one_sample),
    fisher_matrix: Subject("fisher_matrix", fisher),
    NaturalGradient: Subject("NaturalGradient", natural_step),
    KFAC: Subject("KFAC", kfac_steps),
}
