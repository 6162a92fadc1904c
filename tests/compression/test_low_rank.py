"""Layers as two thinner ones: how near they come, what they compute, and how many numbers they have."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.compression import (
    CompressedMLP,
    Masked,
    low_rank,
    rank_for_energy,
    share_weights,
    truncated_svd,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 12))
    return x, x[:, :3].argmax(axis=1)


def network(**options):
    return MLP([12, 10, 8, 3], **{"activation": ["tanh", "softplus"], "seed": 1, "dtype": "float64", **options})


class TestTruncatedSVD:
    @pytest.mark.parametrize("shape", [(9, 6), (6, 9), (7, 7), (1, 5)])
    def test_eckart_young(self, shape):
        W = np.random.default_rng(0).normal(size=shape)
        sigma = np.linalg.svd(W, compute_uv=False)
        for rank in range(1, min(shape) + 1):
            factors = truncated_svd(W, rank)
            error = ((W - factors.product) ** 2).sum()
            assert error == pytest.approx((sigma[rank:] ** 2).sum(), rel=1e-10, abs=1e-26)
            assert np.linalg.matrix_rank(factors.product) == rank

    def test_no_other_factors_come_nearer(self):
        """Alternating least squares from random starts, and small steps away."""
        generator = np.random.default_rng(1)
        W = generator.normal(size=(8, 6))
        U, V = truncated_svd(W, 2)
        least = np.linalg.norm(W - U @ V)
        for _ in range(20):
            other = generator.normal(size=(8, 2))
            for _ in range(50):
                right = np.linalg.lstsq(other, W)[0]
                other = np.linalg.lstsq(right.T, W.T)[0].T
            assert np.linalg.norm(W - other @ right) >= least * (1 - 1e-12)
            near = (U + 0.01 * generator.normal(size=U.shape)) @ (V + 0.01 * generator.normal(size=V.shape))
            assert np.linalg.norm(W - near) > least

    def test_both_factors_have_the_same_singular_values(self):
        U, V = truncated_svd(np.random.default_rng(2).normal(size=(8, 6)).astype(np.float32), 3)
        assert U.dtype == V.dtype == np.float32
        np.testing.assert_allclose(*(np.linalg.svd(F, compute_uv=False) for F in (U, V)), rtol=1e-5)

    def test_zero_matrix(self):
        assert not truncated_svd(np.zeros((3, 2)), 1).product.any()
        assert rank_for_energy(np.zeros((3, 2)), 0.5) == 1

    def test_refused(self):
        with pytest.raises(ValueError, match="rank: got 3; expected an integer >= 1 and <= 2"):
            truncated_svd(np.ones((4, 2)), 3)
        with pytest.raises(ValueError, match=r"energy: got 1\.5"):
            rank_for_energy(np.eye(2), 1.5)


class TestEnergy:
    @pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.999, 1.0])
    def test_smallest_rank(self, share):
        W = np.random.default_rng(3).normal(size=(9, 7))
        squares = np.linalg.svd(W, compute_uv=False) ** 2
        rank = rank_for_energy(W, share)
        assert squares[:rank].sum() >= share * squares.sum() * (1 - 1e-14)
        assert rank == 1 or squares[: rank - 1].sum() < share * squares.sum()

    def test_of_a_network(self):
        W = network().weights[0]
        smaller = low_rank(network(), energy=0.5, layers=[0])
        assert smaller.layer_sizes == [12, rank_for_energy(W, 0.5), 10, 8, 3]

    def test_layers_that_would_not_shrink_stay(self):
        same = low_rank(network(), energy=1.0)
        assert same.layer_sizes == [12, 10, 8, 3] and same.activation == ["tanh", "softplus"]
        np.testing.assert_array_equal(same.parameters, network().parameters)


class TestNetwork:
    def test_computes_with_the_truncated_matrices(self, data):
        plain = network(l2=0.1)
        for bias in plain.biases:
            bias[:] = np.random.default_rng(4).normal(size=bias.shape)
        smaller = low_rank(plain, rank=[3, 2], layers=[0, 1])
        assert type(smaller) is MLP and smaller.layer_sizes == [12, 3, 10, 2, 8, 3]
        assert smaller.activation == ["linear", "tanh", "linear", "softplus"]
        expected = plain.copy()
        for layer, rank in ((0, 3), (1, 2)):
            U, sigma, V = np.linalg.svd(plain.weights[layer], full_matrices=False)
            expected.weights[layer] = U[:, :rank] * sigma[:rank] @ V[:rank]
        np.testing.assert_allclose(smaller.forward(data[0]), expected.forward(data[0]), atol=1e-13)
        assert not smaller.biases[0].any() and not smaller.biases[2].any() and smaller.l2 == 0.1

    @pytest.mark.parametrize(
        ("sizes", "loss"), [([20, 10], "cross_entropy"), ([20, 5, 15], "mse"), ([9, 9, 9], "huber")]
    )
    def test_any_architecture(self, sizes, loss):
        plain = MLP(sizes, loss=loss, activation="gelu", dtype="float32")
        smaller = low_rank(plain, rank=2)
        x = np.random.default_rng(0).normal(size=(4, sizes[0]))
        assert smaller.n_parameters < plain.n_parameters and smaller.forward(x).shape == (4, sizes[-1])
        assert smaller.loss_function is plain.loss_function and smaller.dtype == plain.dtype

    def test_layers_are_read_in_any_order(self):
        assert low_rank(network(), rank=[1, 2], layers=[2, 0]).layer_sizes == [12, 2, 10, 8, 1, 3]

    def test_decodes_compressed_networks(self, data):
        plain = network()
        kept = np.random.default_rng(2).random((12, 10)) < 0.5
        pruned = share_weights(CompressedMLP(plain, {"weights[0]": Masked(kept)}), 4)
        smaller = low_rank(pruned, rank=4, layers=[0])
        np.testing.assert_array_equal(smaller.parameters, low_rank(pruned.decoded(), rank=4, layers=[0]).parameters)
        assert share_weights(smaller, 3).forms["weights[1]"].n_free == 3

    def test_fine_tuning(self, data):
        plain = network()
        fit(plain, Adam(0.01), data, epochs=30, batch_size=20, progress=False)
        smaller = low_rank(plain, rank=3, layers=[0])
        before = smaller.loss(*data)
        fit(smaller, Adam(0.01), data, epochs=10, batch_size=20, progress=False)
        assert smaller.loss(*data) < before

    def test_network_is_left(self):
        plain = network()
        before = plain.parameters.copy()
        low_rank(plain, rank=2).parameters[:] = 0
        np.testing.assert_array_equal(plain.parameters, before)


class TestWhatShrinks:
    def test_limit_is_where_the_numbers_say(self):
        """12 × 10 weights: with a rank of 5 it is 5 (12 + 10 + 1) = 115 numbers, with 6 it is 138."""
        assert low_rank(network(), rank=5, layers=[0]).n_parameters == network().n_parameters - 120 + 115
        with pytest.raises(ValueError, match="rank: got 6 for layer 0; expected at most 5, or its 12 × 10 weights"):
            low_rank(network(), rank=6, layers=[0])
        with pytest.raises(ValueError, match="rank: got 6 for layer 0"):
            low_rank(network(), rank=[6, 1, 1])

    def test_one_rank_for_all_leaves_layers_that_would_not_shrink(self):
        assert low_rank(network(), rank=4).layer_sizes == [12, 4, 10, 4, 8, 3]
        with pytest.raises(ValueError, match="rank: got 6, with which no layer shrinks; expected at most 5"):
            low_rank(network(), rank=6)

    def test_refused(self):
        for options in ({}, {"rank": 2, "energy": 0.5}):
            with pytest.raises(ValueError, match=r"rank, energy: .*expected one of them"):
                low_rank(network(), **options)
        with pytest.raises(ValueError, match="rank: got 0"):
            low_rank(network(), rank=0)
        with pytest.raises(ValueError, match="energy: got 0"):
            low_rank(network(), energy=0)
        with pytest.raises(ValueError, match="another layer: this one of 2 × 1 has no rank"):
            low_rank(MLP([2, 1], loss="mse"), rank=1, layers=[0])
        with pytest.raises(TypeError, match="network: got 3"):
            low_rank(3, rank=1)
