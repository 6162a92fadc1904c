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
        with pytest.raises(ValueError, match="network: got 55,050 parameters; expected at most 5,000"):
            optimal_brain_surgeon(MLP([784, 64, 64, 10]), (np.zeros((1, 784)), [0]), 1)
        assert isinstance(CompressedMLP(network), MLP)
