"""Grids, weights on them, training with rounding, and GPTQ against its formula written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
    CompressedMLP,
    Grid,
    Quantized,
    gptq,
    gptq_layer,
    grid_for,
    prune,
    quantize,
    share_weights,
)
from nnopt_utils.gradients import check_gradient
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.training import fit

kinds = pytest.mark.parametrize("symmetric", [True, False])
pers = pytest.mark.parametrize("per", ["tensor", "channel"])


def matrix(seed, shape=(30, 7)):
    return np.random.default_rng(seed).normal(size=shape) * np.geomspace(0.1, 3, shape[1])


class TestGrids:
    @kinds
    @pers
    @pytest.mark.parametrize("bits", [2, 3, 4, 8, 12])
    def test_nearest_value_and_once_is_enough(self, symmetric, per, bits):
        W = matrix(bits)
        grid = grid_for(W, bits, symmetric, per)
        rounded = grid.round(W)
        assert (np.abs(rounded - W) <= 0.5001 * grid.scale + (0 if symmetric else grid.scale)).all()
        all_values = grid.values(np.arange(grid.levels)[:, None, None] * np.ones((1, 1, 7)))
        assert np.allclose(np.abs(rounded - W), np.abs(all_values - W).min(axis=0), atol=1e-6)
        assert np.array_equal(grid.round(rounded.astype(np.float32)), rounded.astype(np.float32))
        assert np.allclose(grid.values(grid.codes(W)), rounded, atol=1e-6)
        assert grid.codes(W).max() < grid.levels <= 2**bits and grid.bits == bits

    @kinds
    @pers
    @given(seed=st.integers(0, 1000), bits=st.integers(1, 10))
    def test_zero_is_a_value(self, symmetric, per, seed, bits):
        if not (symmetric and bits == 1):
            grid = grid_for(matrix(seed), bits, symmetric, per)
            assert (grid.round(np.zeros((1, 7))) == 0).all()

    def test_the_symmetric_grid_reaches_the_largest_magnitude(self):
        W = matrix(0)
        grid = grid_for(W, 3, per="tensor")
        assert grid.levels == 7 and float(grid.scale) == pytest.approx(np.abs(W).max() / 3)
        assert np.allclose(grid_for(W, 3).scale, np.abs(W).max(axis=0) / 3)

    def test_one_bit_is_the_least_squares_pair(self):
        W = matrix(1)
        rounded = grid_for(W, 1).round(W)
        error = ((rounded - W) ** 2).sum(axis=0)
        for factor in (0.9, 0.99, 1.01, 1.1):
            assert (((factor * rounded - W) ** 2).sum(axis=0) > error).all()
        assert np.allclose(np.abs(rounded[0]), np.abs(W).mean(axis=0))

    @kinds
    @pers
    @pytest.mark.parametrize("bits", [2, 4])
    def test_mse_is_not_worse_than_max(self, symmetric, per, bits):
        for seed in range(20):
            W = matrix(seed)
            errors = [((grid_for(W, bits, symmetric, per, span).round(W) - W) ** 2).sum() for span in ("mse", "max")]
            assert errors[0] <= errors[1]

    def test_noise_is_a_twelfth_of_the_square_of_the_step(self):
        W = np.random.default_rng(0).normal(size=(400, 300))
        grid = grid_for(W, 8, per="tensor")
        assert np.mean((grid.round(W) - W) ** 2) == pytest.approx(float(grid.scale) ** 2 / 12, rel=0.03)

    @kinds
    def test_columns_of_zeros(self, symmetric):
        W = matrix(0)
        W[:, 2] = 0
        for bits in (1, 2, 8):
            grid = grid_for(W, bits, symmetric)
            assert (grid.scale > 0).all() and np.isfinite(grid.round(W)).all()

    def test_what_a_mask_hides_does_not_count(self):
        W, kept = matrix(0), np.ones((30, 7), bool)
        W[3, 4], kept[3, 4] = 1000.0, False
        assert grid_for(W, 4, kept=kept).scale.max() < 10

    def test_refused(self):
        with pytest.raises(ValueError, match="scale: got 0; expected numbers > 0"):
            Grid(0.0, 0.0, 4)
        with pytest.raises(ValueError, match=r"zero_point: .*expected the shape of scale"):
            Grid([1.0, 2.0], 0.0, 4)
        with pytest.raises(ValueError, match="bits: got 0"):
            grid_for(matrix(0), 0)
        with pytest.raises(ValueError, match="per: got 'row'"):
            grid_for(matrix(0), 4, per="row")
        with pytest.raises(ValueError, match="levels: got 1"):
            Grid(1.0, 0.0, 1)
        with pytest.raises(ValueError, match=r"grid: got scales of shape \(2,\); expected \(\) or \(7,\)"):
            Quantized(Grid([1.0, 2.0], [0.0, 0.0], 4), (30, 7))
        with pytest.raises(TypeError, match="grid: got 4; expected a Grid"):
            Quantized(4, (30, 7))


def data(n=60, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, 12))
    return x, x[:, :3].argmax(axis=1)


def network(dtype="float64", seed=0):
    return MLP([12, 9, 3], activation="tanh", seed=seed, dtype=dtype)


class TestQuantize:
    @kinds
    @pers
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_weights_are_on_the_grid_and_biases_stay(self, symmetric, per, dtype):
        plain = network(dtype)
        plain.biases[0] = np.linspace(-1, 1, 9)
        rounded = quantize(plain, bits=3, symmetric=symmetric, per=per)
        for W, V in zip(plain.weights, rounded.weights, strict=True):
            assert np.array_equal(V, grid_for(W, 3, symmetric, per).round(W)) and V.dtype == dtype
        assert np.array_equal(rounded.biases[0], plain.biases[0])
        assert len(np.unique(quantize(plain, bits=2, biases=True).biases[0])) <= 3

    @kinds
    @pers
    def test_masked_zeros_stay_zero_and_unstored(self, symmetric, per):
        pruned = prune(network(), 0.7)
        rounded = quantize(pruned, bits=1 if symmetric else 3, symmetric=symmetric, per=per)
        kept = pruned.forms["weights[0]"].kept
        assert (rounded.weights[0][~kept] == 0).all()
        stored = rounded.forms["weights[0]"].stored(rounded.free("weights[0]"))
        assert stored.values.shape == (kept.sum(),) and np.array_equal(stored.kept, kept)

    @kinds
    @pers
    @pytest.mark.parametrize("sparsity", [None, 0.6])
    def test_what_is_stored_gives_the_weights(self, symmetric, per, sparsity):
        plain = network("float32") if sparsity is None else prune(network("float32"), sparsity)
        rounded = quantize(plain, bits=3, symmetric=symmetric, per=per)
        stored = rounded.forms["weights[0]"].stored(rounded.free("weights[0]"))
        codes = np.zeros((12, 9))
        kept = np.ones((12, 9), bool) if stored.kept is None else stored.kept
        codes[kept] = stored.values
        tensor = np.where(kept, stored.tables["scale"] * (codes.astype(np.float32) - stored.tables["zero_point"]), 0)
        assert np.array_equal(tensor.astype(np.float32), rounded.weights[0]) and stored.bits == 3

    def test_after_sharing_and_bits_by_layer(self):
        rounded = quantize(share_weights(network(), clusters=8), bits=[4, 2])
        assert [form.grid.bits for form in rounded.forms.values() if isinstance(form, Quantized)] == [4, 2]

    def test_training_with_rounding_helps(self):
        trained = network()
        fit(trained, Adam(0.02), data(400), epochs=20, batch_size=20, progress=False)
        rough = quantize(trained, bits=2)
        aware = rough.copy()
        fit(aware, Adam(0.002), data(400), epochs=20, batch_size=20, progress=False)
        assert aware.loss(*data(400)) < rough.loss(*data(400))
        levels = [len(np.unique(column)) for column in aware.weights[0].T]
        assert max(levels) <= 3

    def test_straight_through_is_not_the_gradient(self):
        rough = quantize(network(), bits=3)
        loss = lambda free: rough.loss(*data(), parameters=free)  # noqa: E731
        gradient = lambda free: rough.loss_and_gradient(*data(), parameters=free)[1]  # noqa: E731
        assert not check_gradient(loss, gradient, rough.parameters).passed

    def test_straight_through_is_the_gradient_by_the_rounded_weights_within_the_range(self):
        rough = quantize(network(), bits=3)
        rough.free("weights[0]")[0, 0] = 100.0
        _, ours = rough.loss_and_gradient(*data())
        _, by_weights = rough.decoded().loss_and_gradient(*data())
        assert ours[0] == 0 and np.array_equal(ours[1:], by_weights[1:])


class TestGPTQ:
    @pytest.mark.parametrize("bits", [2, 3, 4])
    def test_outputs_change_less_than_by_rounding_as_a_rule(self, bits):
        """On random problems, not on each: what is moved may end outside of the grid. (With 2 bits 28 of these 30.)"""
        better = []
        for seed in range(30):
            generator = np.random.default_rng(seed)
            W, X = matrix(seed, (20, 7)), generator.normal(size=(200, 20)) @ generator.normal(size=(20, 20))
            grid = grid_for(W, bits, symmetric=False)
            errors = [np.linalg.norm(X @ (V - W)) for V in (gptq_layer(W, X, grid), grid.round(W))]
            better.append(errors[0] < errors[1])
        assert sum(better) >= (26 if bits == 2 else 30)

    def test_uncorrelated_inputs_are_rounded(self):
        W, X = matrix(0, (20, 7)), np.eye(20)
        grid = grid_for(W, 3)
        assert np.array_equal(gptq_layer(W, X, grid), grid.round(W))

    @pytest.mark.parametrize("order", ["given", "largest"])
    def test_is_optimal_brain_quantization_in_a_fixed_order(self, order):
        """Each input's weights in turn: rounded, the rest moved by the whole inverse, which then loses the input."""
        generator = np.random.default_rng(3)
        W, X = matrix(0, (8, 4)), generator.normal(size=(50, 8)) @ generator.normal(size=(8, 8))
        grid, H = grid_for(W, 3), X.T @ X
        H = H + 0.01 * np.mean(np.diag(H)) * np.eye(8)
        inputs = np.argsort(-np.diag(H)) if order == "largest" else np.arange(8)
        inverse, expected = np.linalg.inv(H), W.copy()
        for q in inputs:
            rounded = grid.round(expected[q])
            expected -= np.outer(inverse[:, q], (expected[q] - rounded) / inverse[q, q])
            expected[q] = rounded
            inverse = inverse - np.outer(inverse[:, q], inverse[q]) / inverse[q, q]
        assert np.allclose(gptq_layer(W, X, grid, order=order), expected, atol=1e-8)

    @pytest.mark.parametrize("order", ["given", "largest"])
    def test_inputs_that_are_always_zero_and_masks(self, order):
        x = data(200)[0]
        x[:, 4] = 0
        pruned = prune(network(), 0.5)
        rounded = gptq(pruned, x, bits=3, order=order)
        kept = pruned.forms["weights[0]"].kept
        assert np.isfinite(rounded.parameters).all() and (rounded.weights[0][~kept] == 0).all()

    def test_codes_are_stored_exactly(self):
        rounded = gptq(network("float32"), data(200)[0], bits=2)
        form = rounded.forms["weights[0]"]
        assert np.array_equal(form.grid.values(form.grid.codes(rounded.weights[0])), rounded.weights[0])
        assert isinstance(rounded, CompressedMLP)

    def test_later_layers_see_the_rounded_ones(self):
        x = data(200)[0]
        whole = gptq(network(), x, bits=2)
        first = gptq(network(), x, bits=2, layers=[0])
        W = network().weights[1]
        grid = grid_for(W, 2, symmetric=False)
        assert np.array_equal(whole.weights[1], gptq_layer(W, first.activations(x)[1], grid))

    def test_refused(self):
        with pytest.raises(ValueError, match="order: got 'random'"):
            gptq(network(), data()[0], order="random")
        with pytest.raises(ValueError, match="damping: got 0"):
            gptq(network(), data()[0], damping=0)
        with pytest.raises(ValueError, match="x: got"):
            gptq(network(), np.ones((4, 5)))


class TestTrainingIsDefined:
    def test_sgd_moves_numbers_behind_the_grid_before_any_code_changes(self):
        rough = quantize(network(), bits=4)
        before, weights = rough.parameters.copy(), rough.weights[0].copy()
        fit(rough, SGD(1e-6), data(), epochs=1, batch_size=60, progress=False)
        assert not np.array_equal(rough.parameters, before) and np.array_equal(rough.weights[0], weights)
