"""Whole neurons, patterns of N of M, and pruning a little at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
    gradual_sparsity,
    n_of_m_bytes,
    prune,
    prune_gradually,
    prune_n_of_m,
    remove_neurons,
    share_weights,
    sparsity_of,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam


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


class TestNOfM:
    @given(st.integers(0, 100), st.integers(1, 6), st.integers(1, 6))
    def test_every_group_has_its_largest(self, seed, m, n):
        n = min(n, m)
        plain = network(seed)
        pruned = prune_n_of_m(plain, n, m)
        for W, V in zip(plain.weights, pruned.weights, strict=True):
            for start in range(0, len(W), m):
                group, left = np.abs(W[start : start + m]), np.abs(V[start : start + m])
                count = min(n, len(group))
                assert ((left > 0).sum(axis=0) == count).all()
                assert np.allclose(np.sort(left, axis=0)[-count:], np.sort(group, axis=0)[-count:])

    def test_goes_on_from_a_mask(self):
        pruned = prune(network(), 0.8)
        again = prune_n_of_m(pruned, 2, 4)
        assert all(
            (old | ~new).all()
            for old, new in zip(
                [pruned.forms[f"weights[{k}]"].kept for k in range(3)],
                [again.forms[f"weights[{k}]"].kept for k in range(3)],
                strict=True,
            )
        )

    def test_bytes(self):
        assert n_of_m_bytes(8, 1, 2, 4, value_bits=8) == 5  # four values of 8 bits, four places of 2
        assert n_of_m_bytes(784, 64) / (784 * 64 * 2) == 9 / 16

    def test_refused(self):
        with pytest.raises(ValueError, match="n: got 5"):
            prune_n_of_m(network(), 5, 4)
        with pytest.raises(ValueError, match="prune first"):
            prune_n_of_m(share_weights(network(), clusters=4))
        with pytest.raises(ValueError, match="fan_in: got 0"):
            n_of_m_bytes(0, 3)


class TestGradual:
    def test_schedule_rises_from_the_first_to_the_last(self):
        values = [gradual_sparsity(t, 10, 0.95, 0.2) for t in range(11)]
        assert values[0] == pytest.approx(0.2) and values[-1] == 0.95 and (np.diff(values) > 0).all()
        assert (np.diff(values, 2) < 0).all(), "fast first, then slowly"

    def test_trains_between(self):
        plain = network()
        pruned, histories = prune_gradually(
            plain, lambda: Adam(0.01), data(), [0.3, 0.6, 0.8], epochs=2, batch_size=20, scope="layer", progress=False
        )
        assert [len(history.step_losses) for history in histories] == [8, 8, 8]
        assert sparsity_of(pruned) == pytest.approx([0.8, 0.8, 0.8], abs=0.02)
        assert pruned.loss(*data()) < prune(plain, 0.8, scope="layer").loss(*data())

    def test_refused(self):
        with pytest.raises(TypeError, match=r"optimizer: got Adam.*expected a function that gives a new one"):
            prune_gradually(network(), Adam(), data(), [0.5])
        with pytest.raises(ValueError, match=r"sparsities: .*expected numbers that rise"):
            prune_gradually(network(), Adam, data(), [0.5, 0.4])
        with pytest.raises(TypeError, match=r"sparsities: got 0\.5; expected a list"):
            prune_gradually(network(), Adam, data(), 0.5)
        with pytest.raises(ValueError, match="t: got 5"):
            gradual_sparsity(5, 4, 0.9)
