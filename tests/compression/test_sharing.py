"""Weights that share values: what is free, whose gradient it gets, and what is stored."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.compression import CompressedMLP, Dense, Masked, Shared, k_means, share_weights
from nnopt_utils.gradients import check_gradient
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.training import fit


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 5))
    return x, x[:, :3].argmax(axis=1)


def network(**options):
    return MLP([5, 8, 6, 3], **{"activation": ["tanh", "softplus"], "seed": 1, "dtype": "float64", **options})


def masked(plain):
    kept = np.random.default_rng(2).random(plain.weights[0].shape) < 0.5
    return CompressedMLP(plain, {"weights[0]": Masked(kept)})


class TestForm:
    @pytest.mark.parametrize("kept", [None, np.random.default_rng(5).random((4, 3)) < 0.6], ids=["all", "mask"])
    def test_against_loops(self, kept):
        generator = np.random.default_rng(0)
        places = [(i, j) for i in range(4) for j in range(3) if kept is None or kept[i, j]]
        codes = generator.integers(0, 3, size=len(places))
        form = Shared(codes if kept is not None else codes.reshape(4, 3), 4, kept)
        free, gradient = generator.normal(size=4), generator.normal(size=(4, 3))
        tensor, sums, members = np.zeros((4, 3)), np.zeros(4), [[] for _ in range(4)]
        for place, code in zip(places, codes, strict=True):
            tensor[place] = free[code]
            sums[code] += gradient[place]
            members[code].append(gradient[place])
        out = np.empty(4)
        form.pull_back(gradient, free, out)
        np.testing.assert_array_equal(form.tensor(free), tensor)
        np.testing.assert_allclose(out, sums, rtol=0, atol=1e-14)
        np.testing.assert_allclose(form.encode(gradient), [np.mean(m) if m else 0 for m in members], atol=1e-14)
        assert out[3] == 0  # the value that no entry has

    def test_encode_gives_the_least_error(self):
        generator = np.random.default_rng(1)
        form, tensor = Shared(generator.integers(0, 3, size=(6, 5)), 3), generator.normal(size=(6, 5))
        Z = np.eye(3)[form.codes.ravel()]
        np.testing.assert_allclose(form.encode(tensor), np.linalg.lstsq(Z, tensor.ravel())[0], atol=1e-14)

    @pytest.mark.parametrize(
        ("size", "bits", "dtype"),
        [(1, 1, "u1"), (2, 1, "u1"), (3, 2, "u1"), (32, 5, "u1"), (256, 8, "u1"), (257, 9, "u2"), (65536, 16, "u2")],
    )
    def test_what_is_stored(self, size, bits, dtype):
        codes = np.random.default_rng(0).integers(0, size, size=(7, 3))
        codes[0, 0] = size - 1
        free = np.random.default_rng(1).normal(size=size)
        stored = Shared(codes, size).stored(free)
        assert (stored.kind, stored.shape, stored.kept, stored.bits) == ("codebook", (7, 3), None, bits)
        assert stored.values.dtype == np.dtype(dtype) and stored.tables["codebook"].dtype == free.dtype
        again = stored.tables["codebook"][stored.values].reshape(stored.shape)
        np.testing.assert_array_equal(again, Shared(codes, size).tensor(free))

    def test_refused(self):
        for codes, message in [([0, 2], "got 0 to 2; expected integers from 0 to 1"), ([-1, 0], "got -1 to 0")]:
            with pytest.raises(ValueError, match=message):
                Shared(codes, 2)
        with pytest.raises(TypeError, match=r"codes: .*expected an array of integers"):
            Shared([0.5, 1.0], 2)
        with pytest.raises(ValueError, match="expected one for each of the 1 kept entries"):
            Shared([0, 1], 2, kept=[True, False])
        with pytest.raises(ValueError, match="size: got 65537; expected an integer >= 1 and <= 65536"):
            Shared([0, 1], 65537)


class TestShareWeights:
    @pytest.mark.parametrize("make", [network, lambda: masked(network()), lambda: network(l2=0.3)])
    def test_gradient_is_the_true_one(self, make, data):
        shared = share_weights(make(), clusters=[4, 3, 2])
        loss = lambda free: shared.loss(*data, parameters=free)  # noqa: E731
        gradient = lambda free: shared.loss_and_gradient(*data, parameters=free)[1]  # noqa: E731
        assert check_gradient(loss, gradient, shared.parameters).passed

    @pytest.mark.parametrize("start", ["linear", "density", "random"])
    def test_values_are_those_of_k_means(self, start):
        plain = network()
        shared = share_weights(plain, 4, start, layers=[1], seed=7)
        found = k_means(plain.weights[1], 4, start, seed=7)
        np.testing.assert_allclose(shared.weights[1], found.values, atol=1e-15)
        np.testing.assert_array_equal(shared.weights[0], plain.weights[0])
        assert isinstance(shared.forms["weights[0]"], Dense) and shared.n_parameters == plain.n_parameters - 48 + 4

    def test_masks_stay_and_zeros_are_in_no_cluster(self, data):
        pruned = masked(network())
        shared = share_weights(pruned, 4)
        kept = pruned.forms["weights[0]"].kept
        np.testing.assert_array_equal(shared.forms["weights[0]"].kept, kept)
        np.testing.assert_array_equal(shared.weights[0] != 0, kept)
        expected = k_means(pruned.weights[0][kept], 4)
        np.testing.assert_allclose(shared.free("weights[0]"), expected.centroids, atol=1e-15)
        fit(shared, Adam(0.02), data, epochs=5, batch_size=20, progress=False)
        assert (shared.weights[0][~kept] == 0).all() and len(np.unique(shared.weights[0][kept])) == 4

    def test_shared_again_with_fewer_values(self):
        again = share_weights(share_weights(masked(network()), 6), 3)
        assert again.forms["weights[0]"].n_free == 3 and again.forms["weights[0]"].kept is not None

    def test_fine_tuning_moves_centroids_and_not_codes(self, data):
        plain = network()
        fit(plain, Adam(0.02), data, epochs=20, batch_size=20, progress=False)
        shared = share_weights(plain, 2)
        codes, before = shared.forms["weights[0]"].codes.copy(), shared.loss(*data)
        fit(shared, SGD(0.01), data, epochs=30, batch_size=20, progress=False)
        assert shared.loss(*data) < before
        np.testing.assert_array_equal(shared.forms["weights[0]"].codes, codes)
        assert len(np.unique(shared.weights[0])) == 2

    def test_few_different_weights_are_kept_exactly(self):
        plain = network(initializer=lambda fan_in, fan_out, g: g.integers(-1, 2, size=(fan_in, fan_out)))
        shared = share_weights(plain, 32)
        np.testing.assert_array_equal(shared.decoded().parameters, plain.parameters)
        assert shared.forms["weights[0]"].n_free == 3

    def test_network_is_left_and_result_is_reproducible(self):
        plain = network(dtype="float32")
        before = plain.parameters.copy()
        one, two = (share_weights(plain, 3, "random", seed=4) for _ in range(2))
        np.testing.assert_array_equal(one.parameters, two.parameters)
        np.testing.assert_array_equal(plain.parameters, before)
        assert one.parameters.dtype == np.float32

    @pytest.mark.parametrize("loss", ["mse", "huber", "binary_cross_entropy"])
    def test_other_losses_and_one_layer(self, loss):
        shared = share_weights(MLP([4, 2], loss=loss), 3)
        assert shared.forward(np.ones((2, 4))).shape == (2, 2)

    def test_refused(self):
        for options, message in [
            ({"clusters": 0}, "clusters: got 0"),
            ({"clusters": [2, 3]}, r"clusters: got \[2, 3\]; expected one value for all, or a list of 3"),
            ({"clusters": [2, 3, 70000]}, r"clusters\[2\]: got 70000"),
            ({"layers": [3]}, r"layers\[0\]: got 3; expected an integer >= 0 and <= 2"),
            ({"layers": [1, 1]}, "expected each layer once"),
            ({"start": "lines"}, "start: got 'lines'"),
        ]:
            with pytest.raises(ValueError, match=message):
                share_weights(network(), **options)
        with pytest.raises(TypeError, match="network: got None; expected an MLP"):
            share_weights(None)
        with pytest.raises(TypeError, match="layers: got 1; expected None for all"):
            share_weights(network(), layers=1)
