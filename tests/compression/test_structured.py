"""Whole neurons: which go, and what the others then compute."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.compression import (
    prune,
    remove_neurons,
    share_weights,
)
from nnopt_utils.networks import MLP


def data(n=80):
    x = np.random.default_rng(0).normal(size=(n, 6))
    return x, x[:, :3].argmax(axis=1)


def network(seed=0, **options):
    return MLP([6, 10, 8, 3], seed=seed, dtype="float64", **options)


class TestNeurons:
    @pytest.mark.parametrize("activation", ["relu", "tanh", ["sigmoid", "linear"]])
    def test_what_does_not_vary_goes_without_a_change(self, activation):
        plain, (x, _) = network(activation=activation), data()
        for unit in (1, 4, 7):
            plain.weights[0][:, unit] = 0
            plain.biases[0][unit] = 0.3 * unit
        plain.weights[1][:, 5] = 0
        plain.biases[1][5] = 2.0
        smaller = remove_neurons(plain, keep=[7, 7], x=x)
        assert smaller.layer_sizes == [6, 7, 7, 3] and smaller.activation == plain.activation
        assert np.allclose(smaller.forward(x), plain.forward(x), atol=1e-12)

    def test_dead_units_go_first(self):
        plain, (x, _) = network(), data()
        plain.biases[0][3] = -1e3
        assert np.allclose(remove_neurons(plain, keep=[9, 8], x=x).forward(x), plain.forward(x))
        assert 3 not in [
            int(np.flatnonzero((plain.weights[0] == column[:, None]).all(axis=0))[0])
            for column in remove_neurons(plain, keep=[9, 8], x=x).weights[0].T
        ]

    def test_all_kept_changes_nothing(self):
        plain = network()
        assert np.array_equal(remove_neurons(plain, keep=1.0, x=data()[0]).parameters, plain.parameters)

    def test_shares_numbers_and_forms(self):
        plain = network()
        before = plain.parameters.copy()
        assert remove_neurons(plain, keep=0.5).layer_sizes == [6, 5, 4, 3]
        assert remove_neurons(plain, keep=2).layer_sizes == [6, 2, 2, 3]
        assert remove_neurons(plain, keep=[0.01, 8]).layer_sizes == [6, 1, 8, 3]
        assert type(remove_neurons(share_weights(prune(plain, 0.5), clusters=4), keep=0.5)) is MLP
        assert np.array_equal(plain.parameters, before)

    def test_without_data_the_smallest_norms_go(self):
        plain = network()
        plain.weights[0][:, 2] *= 1e-6
        plain.weights[1][6] *= 1e-6
        smaller = remove_neurons(plain, keep=[8, 8])
        assert np.array_equal(smaller.weights[0], np.delete(plain.weights[0], [2, 6], axis=1))
        assert np.array_equal(smaller.weights[1], np.delete(plain.weights[1], [2, 6], axis=0))
        assert np.array_equal(smaller.biases[1], plain.biases[1])

    def test_refused(self):
        with pytest.raises(ValueError, match="keep: got 11 units of layer 0; expected at most 10"):
            remove_neurons(network(), keep=[11, 2])
        with pytest.raises(ValueError, match=r"network: got layers \[6, 3\]; expected a hidden layer"):
            remove_neurons(MLP([6, 3]), keep=0.5)
        with pytest.raises(ValueError, match=r"keep: got 1\.5"):
            remove_neurons(network(), keep=1.5)
        with pytest.raises(ValueError, match="x: got"):
            remove_neurons(network(), keep=0.5, x=np.ones((3, 2)))
