"""Deleting weights by curvature: predictions against what happens, and against every other way to do it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnopt_utils.compression import (
    CompressedMLP,
    Masked,
    obd_saliency,
    obs_delete,
    obs_saliency,
    optimal_brain_surgeon,
    prune,
    quantize,
    share_weights,
    sparsity_of,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


def bowl(seed, d=6):
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(d, d))
    return generator.normal(size=d), A @ A.T + 0.1 * np.eye(d)


def rise(theta, H, after):
    return 0.5 * (after - theta) @ H @ (after - theta)


def minimised(theta, H, gone):
    """The minimum of the quadratic under θ[gone] = 0, solved for directly."""
    left = np.setdiff1d(np.arange(len(theta)), gone)
    after = np.zeros(len(theta))
    after[left] = theta[left] + np.linalg.solve(H[np.ix_(left, left)], H[np.ix_(left, gone)] @ theta[gone])
    return after


class TestOnQuadratics:
    @given(st.integers(0, 10_000), st.integers(0, 5))
    @settings(max_examples=60)
    def test_predicted_is_measured_and_the_least(self, seed, q):
        theta, H = bowl(seed)
        inverse = np.linalg.inv(H)
        after, _ = obs_delete(theta, inverse, q)
        measured = rise(theta, H, after)
        assert obs_saliency(theta, inverse)[q] == pytest.approx(measured, rel=1e-9)
        assert after[q] == 0 and np.allclose(after, minimised(theta, H, [q]), rtol=1e-8, atol=1e-8)
        stays = theta.copy()
        stays[q] = 0
        assert obd_saliency(theta, H)[q] == pytest.approx(rise(theta, H, stays), rel=1e-12)
        assert measured <= rise(theta, H, stays) * (1 + 1e-9)

    @given(st.integers(0, 10_000))
    @settings(max_examples=30)
    def test_one_after_the_other_is_the_minimum_without_all_of_them(self, seed):
        theta, H = bowl(seed)
        point, inverse = theta, np.linalg.inv(H)
        for q in (4, 0, 2):
            point, inverse = obs_delete(point, inverse, q)
            assert obs_saliency(point, inverse)[q] == np.inf
        assert np.allclose(point, minimised(theta, H, [0, 2, 4]), rtol=1e-6, atol=1e-7)
        left = [1, 3, 5]
        assert np.allclose(inverse[np.ix_(left, left)], np.linalg.inv(H[np.ix_(left, left)]), rtol=1e-6, atol=1e-7)

    def test_uncoupled_both_agree(self):
        theta, h = np.array([1.0, -2.0, 0.5]), np.array([4.0, 1.0, 3.0])
        assert np.allclose(obd_saliency(theta, h), obs_saliency(theta, np.diag(1 / h)))
        assert np.array_equal(obd_saliency(theta, h), obd_saliency(theta, np.diag(h)))

    def test_refused(self):
        theta, H = bowl(0)
        inverse = np.linalg.inv(H)
        with pytest.raises(ValueError, match=r"hessian: .*expected shape \(6, 6\) or its diagonal"):
            obd_saliency(theta, H[:3])
        with pytest.raises(ValueError, match="hessian_inverse"):
            obs_saliency(theta, inverse[:5])
        with pytest.raises(ValueError, match="hessian_inverse: got -"):
            obs_saliency(theta, -inverse)
        with pytest.raises(ValueError, match="q: got 6"):
            obs_delete(theta, inverse, 6)
        point, rest = obs_delete(theta, inverse, 2)
        with pytest.raises(ValueError, match="q: got 2, which is deleted"):
            obs_delete(point, rest, 2)


@pytest.fixture(scope="module")
def trained():
    x = np.random.default_rng(0).normal(size=(300, 5))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    network = MLP([5, 8, 2], activation="tanh", seed=0, dtype="float64", l2=1e-3)
    fit(network, Adam(0.02), (x, y), epochs=500, batch_size=300, progress=False)
    return network, (x, y)


class TestOnNetworks:
    def test_first_deletions_cost_about_what_was_predicted(self, trained):
        network, data = trained
        surgery = optimal_brain_surgeon(network, data, n_delete=3, kind="hessian", damping=1e-2)
        assert np.diff(surgery.losses)[:3] == pytest.approx(surgery.predicted, abs=0.01)
        assert surgery.losses[0] == network.loss(*data)

    @pytest.mark.parametrize("kind", ["gauss_newton", "hessian"])
    def test_better_than_magnitudes_without_training(self, trained, kind):
        network, data = trained
        surgery = optimal_brain_surgeon(network, data, n_delete=20, kind=kind, damping=1e-2)
        cut = prune(network, 20 / 56)
        assert surgery.network.n_parameters == cut.n_parameters
        assert surgery.network.loss(*data) < cut.loss(*data)

    def test_what_is_deleted_is_zero_and_masked(self, trained):
        network, data = trained
        before = network.parameters.copy()
        surgery = optimal_brain_surgeon(network, data, n_delete=20)
        theta = surgery.network.decoded().parameters
        assert (theta[surgery.deleted] == 0).all() and len(set(surgery.deleted)) == 20
        assert surgery.network.loss(*data) == pytest.approx(surgery.losses[-1], rel=1e-12)
        assert np.array_equal(network.parameters, before)
        assert not set(surgery.deleted) & set(range(40, 48)), "biases are not deleted"

    def test_goes_on_from_a_mask_and_keeps_a_weight_a_layer(self, trained):
        network, data = trained
        pruned = prune(network, 0.5, scope="layer")
        surgery = optimal_brain_surgeon(pruned, data, n_delete=28 - 2)
        assert [int(surgery.network.forms[f"weights[{k}]"].kept.sum()) for k in (0, 1)] == [1, 1]
        assert all((surgery.network.weights[k][~pruned.forms[f"weights[{k}]"].kept] == 0).all() for k in (0, 1))

    def test_float32_in_float32_out(self, trained):
        network, (x, y) = trained
        surgery = optimal_brain_surgeon(network.copy("float32"), (x, y), n_delete=2)
        assert surgery.network.dtype == np.float32 and isinstance(surgery.network.forms["weights[0]"], Masked)

    def test_refused(self, trained):
        network, data = trained
        with pytest.raises(ValueError, match="damping: got 1e-09, and a curvature of"):
            optimal_brain_surgeon(MLP([5, 8, 2], "tanh", dtype="float64"), data, 1, damping=1e-9, kind="hessian")
        with pytest.raises(ValueError, match="n_delete: got 55"):
            optimal_brain_surgeon(network, data, 55)
        with pytest.raises(TypeError, match=r"data: .*expected \(x, y\)"):
            optimal_brain_surgeon(network, 3, 1)
        with pytest.raises(ValueError, match="kind: got 'fisher'"):
            optimal_brain_surgeon(network, data, 1, kind="fisher")
        with pytest.raises(ValueError, match="network: got 55,050 free parameters; expected at most 5,000"):
            optimal_brain_surgeon(MLP([784, 64, 64, 10]), (np.zeros((1, 784)), [0]), 1)
        assert isinstance(CompressedMLP(network), MLP)


@pytest.fixture(scope="module")
def linear():
    """A network without hidden layers, in its minimum: J is a parabola."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(60, 5)) @ generator.normal(size=(5, 5))
    y = x @ generator.normal(size=(5, 2)) + generator.normal(size=(60, 2)) + 1
    network = MLP([5, 2], loss="half_mse", dtype="float64")
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(60)]), y)[0]
    network.weights[0], network.biases[0] = solution[:5], solution[5]
    return network, x, y


@pytest.fixture(scope="module")
def softmax():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(300, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 0.3)
    network = MLP([6, 10, 3], "tanh", seed=1)
    fit(network, Adam(0.01), (x, y), epochs=100, batch_size=50, progress=False)
    return network, x, y


class TestAgainstOtherWays:
    @pytest.mark.parametrize("kind", ["gauss_newton", "hessian"])
    @pytest.mark.parametrize("recompute", [None, 3])
    def test_on_a_parabola_each_prediction_is_right_and_no_other_weight_was_cheaper(self, linear, kind, recompute):
        """All other deletions are tried, each by least squares over all that is left."""
        network, x, y = linear
        surgery = optimal_brain_surgeon(network, (x, y), 8, 0, kind, recompute)
        inputs = np.column_stack([x, np.ones(60)])

        def lowest(gone):
            """J of the least-squares solution without these weights, but for a factor."""
            total = 0.0
            for unit in range(2):
                left = [i for i in range(6) if (i, unit) not in gone]
                residual = y[:, unit] - inputs[:, left] @ np.linalg.lstsq(inputs[:, left], y[:, unit])[0]
                total += residual @ residual
            return total

        factor, gone = network.loss(x, y) / lowest([]), []
        for q, predicted, measured in zip(surgery.deleted, surgery.predicted, np.diff(surgery.losses), strict=True):
            others = [(i, unit) for i in range(5) for unit in range(2) if (i, unit) not in gone]
            rises = {place: factor * (lowest([*gone, place]) - lowest(gone)) for place in others}
            assert predicted == pytest.approx(measured, rel=1e-10, abs=1e-10)
            assert predicted == pytest.approx(min(rises.values()), rel=1e-8)
            assert rises[divmod(q, 2)] == pytest.approx(min(rises.values()), rel=1e-8)
            gone.append(divmod(q, 2))
        assert surgery.network.loss(x, y) == pytest.approx(factor * lowest(gone), rel=1e-9)

    def test_as_it_is_called_without_options_it_beats_magnitudes(self, softmax):
        network, x, y = softmax
        for n_delete in (40, 60, 70):
            cut = prune(network, n_delete / 90)
            assert optimal_brain_surgeon(network, (x, y), n_delete).network.loss(x, y) < cut.loss(x, y)

    def test_what_costs_nothing_goes_first(self, softmax):
        """The 9 weights of a unit that nobody listens to; and of the 3 that leave another unit one each, since softmax
        does not see a number that is added to all logits."""
        network, x, y = softmax
        idle = network.copy("float64")
        idle.weights[0][:, 3], idle.weights[1][3] = 0.5, 0.0
        surgery = optimal_brain_surgeon(idle, (x, y), 19, damping=1e-10)
        first = surgery.deleted[:18]
        assert {3, 13, 23, 33, 43, 53, 79, 80, 81} < set(first)
        assert sorted((q - 70) // 3 for q in first if q >= 70) == [0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9]
        costs = np.abs(np.diff(surgery.losses))
        assert costs[:18].max() < 1e-8 < costs[18]


class TestWhatItTakes:
    def test_layers_and_recompute(self, softmax):
        network, x, y = softmax
        half = prune(network, 0.5, layers=[0])
        surgery = optimal_brain_surgeon(half, (x, y), 10, layers=[1], recompute=4)
        smaller = surgery.network
        assert min(surgery.deleted) >= 70 and sparsity_of(smaller) == pytest.approx([0.5, 1 / 3])
        assert smaller.forms["weights[0]"] is half.forms["weights[0]"]
        assert not np.array_equal(smaller.weights[0], half.weights[0]), "they move"

    def test_anew_is_another_way(self, softmax):
        network, x, y = softmax
        once, anew = (optimal_brain_surgeon(network, (x, y), 30, recompute=r) for r in (None, 1))
        assert once.deleted[0] == anew.deleted[0] and once.deleted != anew.deleted
        assert once.predicted[0] == anew.predicted[0] and once.predicted[-1] != anew.predicted[-1]

    def test_composes(self, softmax):
        network, x, y = softmax
        smaller = optimal_brain_surgeon(network, (x, y), 40).network
        for small in (share_weights(smaller, clusters=8), quantize(smaller, bits=4)):
            assert all((W[V == 0] == 0).all() for W, V in zip(small.weights, smaller.weights, strict=True))
        fit(smaller, Adam(), (x, y), epochs=1, progress=False)
        assert smaller.n_parameters == network.n_parameters - 40 == np.count_nonzero(smaller.decoded().parameters)

    def test_a_large_network_of_few_free_numbers(self):
        network = prune(MLP([784, 64, 10], seed=0), 0.999)
        x = np.random.default_rng(0).normal(size=(20, 784))
        smaller = optimal_brain_surgeon(network, (x, np.arange(20) % 10), 5).network
        assert smaller.n_parameters == network.n_parameters - 5

    def test_other_activations_losses_and_penalties(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(40, 4)), generator.normal(size=(40, 2))
        network = MLP([4, 5, 3, 2], ["gelu", "softplus"], loss="huber", l2=0.01, seed=3)
        fit(network, Adam(0.01), (x, y), epochs=200, batch_size=40, progress=False)
        surgery = optimal_brain_surgeon(network, (x, y), 5, damping=1e-3)
        assert np.diff(surgery.losses) == pytest.approx(surgery.predicted, abs=2e-3)
        assert surgery.network.l2 == 0.01 and surgery.network.activation == ["gelu", "softplus"]

    def test_masked_biases_stay_masked(self, softmax):
        network, x, y = softmax
        start = prune(network, 0.2).with_forms({"biases[0]": Masked(np.arange(10) > 4)})
        smaller = optimal_brain_surgeon(start, (x, y), 10).network
        assert smaller.forms["biases[0]"].n_free == 5 and not smaller.biases[0][:5].any()

    def test_refused(self, softmax):
        network, x, y = softmax
        for other in (share_weights(network, clusters=4), quantize(network, bits=4)):
            with pytest.raises(ValueError, match=r"weights\[0\] as .*expected dense or masked tensors: prune first"):
                optimal_brain_surgeon(other, (x, y), 3)
        with pytest.raises(ValueError, match=r"damping: got 0, and a curvature of .*; expected more$"):
            optimal_brain_surgeon(network, (x[:5], y[:5]), 3, damping=0)
        with pytest.raises(ValueError, match="damping: got -1"):
            optimal_brain_surgeon(network, (x, y), 3, damping=-1)
        with pytest.raises(ValueError, match="recompute: got 0"):
            optimal_brain_surgeon(network, (x, y), 3, recompute=0)
        with pytest.raises(ValueError, match=r"layers\[0\]: got 2"):
            optimal_brain_surgeon(network, (x, y), 3, layers=[2])
        with pytest.raises(ValueError, match="n_delete: got 30; expected an integer >= 1 and <= 29"):
            optimal_brain_surgeon(network, (x, y), 30, layers=[1])
        with pytest.raises(ValueError, match="whose loss, mae, has no curvature here"):
            optimal_brain_surgeon(MLP([6, 4, 1], loss="mae"), (x, x[:, 0]), 3)
