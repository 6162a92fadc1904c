"""``Recorder``: what a dashboard shows of every step, a callback of ``fit``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_integer, describe
from nnopt_utils.networks import MLP
from nnopt_utils.training import Step


class Recorder:
    r"""Record, layer by layer, how long gradients and steps are, what moves and what is dead.

    A layer here is its weights and its biases together. With θ before the step and θ' after it, a layer's
    *update-to-weight ratio* is

    .. math::

        r = \frac{\lVert \theta' - \theta \rVert}{\lVert \theta \rVert}

    Args:
        network: that is going to be trained: its θ is the one before the first step.
        probe: some inputs, (n, n_in), on which dead units are counted; default none are.
        every: steps between two counts; default 10.

    Attributes:
        names: of the layers, in order.
        rates: η_t of every step.
        counts: the optimizer's own step counter t after every step.
        gradient_norms, update_norms, weight_norms: lists with an array (layers,) a step; the weights' before the step.
        unchanged: the same: the share of the entries with a gradient other than 0 that the step left as they were.
        largest_steps: the largest change of an entry, a number a step.
        label_pulls: minus the most negative gradient of an output's bias, a number a step: near 1 when a batch has one
            class only.
        pulled_outputs: of how many outputs the bias has a negative gradient, a number a step: 1 if a batch has one
            class.
        alignments: an array (2,) a step: the cosine of the step with −g, and with −sign g, mean over layers; NaN for a
            step that moves nothing.
        probed: the steps after which dead units were counted, 0 for the start.
        dead: an array (hidden layers,) for each of these: the share of units that are 0 on every row of ``probe``.
        start: θ before the first step.
        silent: which entries of θ have had no gradient other than 0.
        printed: the optimizer's own words, its ``repr``; ``settings``: its class's name and its hyperparameters.

    Raises:
        TypeError, ValueError: ``network`` is no ``MLP``; ``probe`` does not fit it.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.training import fit
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
        >>> network = MLP([1, 8, 2], seed=0)
        >>> watch = Recorder(network, probe=x)
        >>> history = fit(network, SGD(learning_rate=0.1), (x, y), epochs=4, callback=watch, progress=False)
        >>> watch.ratios().shape, len(watch.rates)
        ((4, 2), 4)
        >>> watch.names
        ['layer 1', 'layer 2']

    Source: Stanford CS231n, notes "Neural networks part 3": the ratio of updates and weights.
    """

    def __init__(self, network: MLP, probe: Any = None, every: int = 10) -> None:
        if not isinstance(network, MLP):
            raise TypeError(f"network: got {describe(network)}; expected an MLP")
        self.every = check_integer("every", every, low=1)
        width = network.layer_sizes[0]
        self.probe = None if probe is None else check_array("probe", probe, ndim=2)
        if self.probe is not None and self.probe.shape[1] != width:
            raise ValueError(f"probe: got {describe(self.probe)}; expected rows of {width} inputs")
        self.layers = layers_of(network)
        self.names = [f"layer {number}" for number in range(1, len(self.layers) + 1)]
        self.start = network.parameters.copy()
        self.silent = np.ones(self.start.shape, dtype=bool)
        self.rates: list[float] = []
        self.counts: list[int] = []
        self.gradient_norms: list[np.ndarray] = []
        self.update_norms: list[np.ndarray] = []
        self.weight_norms: list[np.ndarray] = []
        self.unchanged: list[np.ndarray] = []
        self.largest_steps: list[float] = []
        self.label_pulls: list[float] = []
        self.pulled_outputs: list[int] = []
        self.alignments: list[np.ndarray] = []
        self.probed: list[int] = []
        self.dead: list[np.ndarray] = []
        self.printed = ""
        self.settings: dict[str, Any] = {}
        self._before = self.start.copy()
        self._count_dead(network)

    def __call__(self, step: Step) -> None:
        """Record a step: what ``fit`` calls. Norms that overflow, in a run that diverges, are infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._record(step)

    def _record(self, step: Step) -> None:
        after, gradient = step.network.parameters, step.gradient
        if after.shape != self.start.shape:
            raise ValueError(f"network: got a step of one with {after.size} parameters; expected {self.start.size}")
        if not self.rates:
            self.printed = repr(step.optimizer)
            self.settings = {"name": self.printed.partition("(")[0], **step.optimizer.hyperparameters}
        update = after - self._before
        moved, pulled = update != 0, gradient != 0
        self.silent &= ~pulled
        self.rates.append(float(step.optimizer.learning_rate))
        self.counts.append(step.optimizer.t)
        self.gradient_norms.append(self._norms(gradient))
        self.update_norms.append(self._norms(update))
        self.weight_norms.append(self._norms(self._before))
        self.unchanged.append(np.array([_share(~moved[layer], pulled[layer]) for layer in self.layers]))
        self.largest_steps.append(float(np.max(np.abs(update))))
        last_bias = step.network.views(gradient)[1][-1]
        self.label_pulls.append(float(-np.min(last_bias)))
        self.pulled_outputs.append(int(np.sum(last_bias < 0)))
        self.alignments.append(self._alignment(update, gradient))
        self._before[:] = after
        if len(self.rates) % self.every == 0:
            self._count_dead(step.network)

    def ratios(self) -> np.ndarray:
        """Return the update-to-weight ratio of every step and layer, shape (steps, layers); NaN where θ is 0.

        Example:
            >>> Recorder(MLP([1, 2])).ratios().shape
            (0, 1)
        """
        updates, weights = (
            np.reshape(norms, (-1, len(self.layers))) for norms in (self.update_norms, self.weight_norms)
        )
        return np.divide(updates, weights, out=np.full(updates.shape, np.nan), where=weights > 0)

    def _norms(self, vector: np.ndarray) -> np.ndarray:
        return np.array([np.linalg.norm(vector[layer]) for layer in self.layers], dtype=float)

    def _alignment(self, update: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The cosines with −g and −sign g: by layer, since some rules give each layer a length of its own."""
        found: list[list[float]] = []
        for layer, length in zip(self.layers, self.update_norms[-1], strict=True):
            g = gradient[layer]
            norms = self.gradient_norms[-1][len(found)], float(np.sqrt(np.count_nonzero(g)))
            products = -float(update[layer] @ g), -float(update[layer] @ np.sign(g))
            lengths = [max(length * norm, 1e-30) for norm in norms]
            found.append([p / n if length and norms[0] else np.nan for p, n in zip(products, lengths, strict=True)])
        moved = np.array(found)[~np.isnan(found).any(axis=1)]
        return moved.mean(axis=0) if len(moved) else np.full(2, np.nan)

    def _count_dead(self, network: MLP) -> None:
        if self.probe is not None and np.isfinite(network.parameters).all():
            self.probed.append(len(self.rates))
            with np.errstate(over="ignore", invalid="ignore"):
                self.dead.append(dead_shares(network.activations(self.probe)))


def layers_of(network: MLP) -> list[slice]:
    """Return each layer's slice of θ, its weights and its biases together.

    Args:
        network: an ``MLP``.

    Example:
        >>> layers_of(MLP([2, 3, 2]))
        [slice(0, 9, None), slice(9, 17, None)]
    """
    places = network.layout
    return [slice(w.where.start, b.where.stop) for w, b in zip(places[0::2], places[1::2], strict=True)]


def dead_shares(activations: Sequence[np.ndarray]) -> np.ndarray:
    """Return for each hidden layer the share of its units that are 0 on every row.

    Args:
        activations: a⁽⁰⁾ = x, a⁽¹⁾, … and the outputs, as ``network.activations(x)`` returns them.

    Example:
        >>> dead_shares([np.ones((2, 1)), np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), np.ones((2, 2))]).round(3)
        array([0.667])
    """
    return np.array([np.mean((layer == 0).all(axis=0)) for layer in activations[1:-1]])


def _share(of: np.ndarray, among: np.ndarray) -> float:
    """The share of ``among`` that is ``of``; 0 where there is none."""
    return float(np.sum(of & among) / max(np.sum(among), 1))
