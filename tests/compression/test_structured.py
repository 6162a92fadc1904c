"""Whole neurons: which go, and what the others then compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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

    def test_what_follows_linearly_from_others_goes_without_a_change(self):
        """Units that are copies of one, of two, or of none and constant; no damping."""
        plain, (x, _) = network(activation=["linear", "tanh"]), data()
        W, b = plain.weights[0], plain.biases[0]
        W[:, 2], b[2] = W[:, 0], b[0]
        W[:, 5], b[5] = 2 * W[:, 1] - W[:, 3], 0.4  # linear units: with another bias, too
        W[:, 8], b[8] = 0, 3.0
        plain.weights[1][[2, 5, 8]] *= 1e-3  # so that they are the ones that go
        before = plain.parameters.copy()
        smaller = remove_neurons(plain, [7, 8], x, "linear", damping=0)
        assert np.array_equal(plain.parameters, before)
        np.testing.assert_allclose(smaller.forward(x), plain.forward(x), atol=1e-12)
        assert not np.allclose(remove_neurons(plain, [7, 8], x).forward(x), plain.forward(x), atol=1e-6)

    @given(st.integers(0, 200), st.integers(1, 9), st.sampled_from(["relu", "tanh", "gelu"]))
    def test_linear_is_least_squares_for_the_next_layer(self, seed, keep, activation):
        """Of all weights and biases behind the units that stay, found by another method."""
        plain, x = MLP([6, 10, 3], activation, seed=seed, dtype="float64"), data()[0]
        smaller = remove_neurons(plain, keep, x, "linear", damping=0)
        a = np.column_stack([smaller.activations(x)[1], np.ones(len(x))])
        best = a @ np.linalg.lstsq(a, plain.forward(x))[0]
        np.testing.assert_allclose(smaller.forward(x), best, atol=1e-9)
        error = np.linalg.norm(smaller.forward(x) - plain.forward(x))
        assert error <= np.linalg.norm(remove_neurons(plain, keep, x).forward(x) - plain.forward(x)) * (1 + 1e-9)

    def test_much_damping_leaves_the_means(self):
        plain, (x, _) = network(), data()
        means, damped = remove_neurons(plain, 0.5, x), remove_neurons(plain, 0.5, x, "linear", damping=1e12)
        np.testing.assert_allclose(damped.parameters, means.parameters, atol=1e-9)

    def test_dtypes_losses_and_single_units(self):
        x = data()[0].astype(np.float32)
        plain = MLP([6, 10, 8, 1], ["relu", "linear"], loss="huber", l2=0.1)
        for make_up in ("mean", "linear"):
            smaller = remove_neurons(plain, [1, 1], x, make_up)
            assert smaller.dtype == np.float32 and smaller.loss_function is plain.loss_function
            assert smaller.activation == ["relu", "linear"] and smaller.l2 == 0.1
        dead = plain.copy()
        dead.biases[0][:] = -1e3
        assert np.allclose(remove_neurons(dead, [1, 8], x, "linear").forward(x), dead.forward(x))

    def test_refused(self):
        with pytest.raises(ValueError, match="x: got None; expected inputs"):
            remove_neurons(network(), 0.5, make_up="linear")
        with pytest.raises(ValueError, match="make_up: got 'means'"):
            remove_neurons(network(), 0.5, data()[0], "means")
        with pytest.raises(ValueError, match="damping: got -1"):
            remove_neurons(network(), 0.5, data()[0], "linear", -1)
        with pytest.raises(ValueError, match="keep: got 11 units of layer 0; expected at most 10"):
            remove_neurons(network(), keep=[11, 2])
        with pytest.raises(ValueError, match=r"network: got layers \[6, 3\]; expected a hidden layer"):
            remove_neurons(MLP([6, 3]), keep=0.5)
        with pytest.raises(ValueError, match=r"keep: got 1\.5"):
            remove_neurons(network(), keep=1.5)
        with pytest.raises(ValueError, match="x: got"):
            remove_neurons(network(), keep=0.5, x=np.ones((3, 2)))
