"""Pruning by curvature: predictions against measurements, and against all that could have been done instead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
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

seeds = st.integers(0, 1000)


def parabola(seed, d=6):
    """A Hessian, and the minimum of a J that is zero there."""
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(d + 3, d))
    return A.T @ A / d, generator.normal(size=d)


def least(H, minimum, gone):
    """The smallest J with zeros at some places, by least squares over all other weights."""
    left = [i for i in range(len(minimum)) if i not in gone]
    root = np.linalg.cholesky(H).T
    others = np.linalg.lstsq(root[:, left], root @ minimum)[0]
    theta = np.zeros_like(minimum)
    theta[left] = others
    return theta, (theta - minimum) @ H @ (theta - minimum) / 2


class TestFormulas:
    @given(seeds)
    def test_predicted_is_measured_is_least_for_every_weight(self, seed):
        H, theta = parabola(seed)
        saliency = obs_saliency(theta, np.linalg.inv(H))
        for q in range(len(theta)):
            after, _ = obs_delete(theta, np.linalg.inv(H), q)
            measured = (after - theta) @ H @ (after - theta) / 2
            best, lowest = least(H, theta, [q])
            assert after[q] == 0
            assert saliency[q] == pytest.approx(measured, rel=1e-10, abs=1e-12)
            assert saliency[q] == pytest.approx(lowest, rel=1e-8, abs=1e-12)
            np.testing.assert_allclose(after, best, rtol=1e-6, atol=1e-8)

    @given(seeds, st.permutations(range(6)))
    def test_deletions_follow_each_other(self, seed, order):
        """Until one weight is left: the inverse, the weights, and the sum of what was predicted."""
        H, start = parabola(seed)
        theta, inverse, total = start, np.linalg.inv(H), 0.0
        for k, q in enumerate(order[:-1]):
            total += obs_saliency(theta, inverse)[q]
            theta, inverse = obs_delete(theta, inverse, q)
            left = sorted(order[k + 1 :])
            np.testing.assert_allclose(
                inverse[np.ix_(left, left)], np.linalg.inv(H[np.ix_(left, left)]), rtol=1e-6, atol=1e-9
            )
            assert not inverse[q].any() and not inverse[:, q].any() and np.isinf(obs_saliency(theta, inverse)[q])
            best, lowest = least(H, start, order[: k + 1])
            np.testing.assert_allclose(theta, best, rtol=1e-5, atol=1e-7)
            assert total == pytest.approx(lowest, rel=1e-7)

    @given(seeds)
    def test_moving_the_others_is_not_dearer(self, seed):
        H, theta = parabola(seed)
        obd, obs = obd_saliency(theta, H), obs_saliency(theta, np.linalg.inv(H))
        assert (obs <= obd * (1 + 1e-9)).all()
        alone = [theta - theta[q] * np.eye(len(theta))[q] for q in range(len(theta))]
        np.testing.assert_allclose(obd, [(a - theta) @ H @ (a - theta) / 2 for a in alone], rtol=1e-10)
        diagonal = np.diag(np.diag(H))
        np.testing.assert_allclose(obs_saliency(theta, np.linalg.inv(diagonal)), obd, rtol=1e-12)
        np.testing.assert_array_equal(obd_saliency(theta, np.diag(H)), obd)

    def test_arguments_are_left_alone(self):
        H, theta = parabola(0)
        inverse = np.linalg.inv(H)
        copies = theta.copy(), inverse.copy()
        obs_delete(theta, inverse, 2)
        assert np.array_equal(theta, copies[0]) and np.array_equal(inverse, copies[1])

    def test_refused(self):
        with pytest.raises(ValueError, match=r"hessian: got float64 array of shape .3, 2.*a diagonal for 2 weights"):
            obd_saliency([1.0, 2.0], np.ones((3, 2)))
        with pytest.raises(ValueError, match=r"hessian_inverse: got .* expected .*\(2, 2\)"):
            obs_saliency([1.0, 2.0], np.eye(3))
        with pytest.raises(ValueError, match="negative numbers on the diagonal"):
            obs_saliency([1.0, 2.0], -np.eye(2))
        with pytest.raises(ValueError, match="q: got 2; expected an integer >= 0 and <= 1"):
            obs_delete([1.0, 2.0], np.eye(2), 2)
        with pytest.raises(ValueError, match="q: got 0, which is deleted"):
            obs_delete(*obs_delete([1.0, 2.0], np.eye(2), 0), 0)


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
def trained():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(300, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 0.3)
    network = MLP([6, 10, 3], "tanh", seed=1)
    fit(network, Adam(0.01), (x, y), epochs=100, batch_size=50, progress=False)
    return network, x, y


class TestSurgeon:
    @pytest.mark.parametrize("curvature", ["gauss_newton", "hessian"])
    @pytest.mark.parametrize("recompute", [None, 3])
    def test_on_a_parabola_each_prediction_is_right_and_no_other_weight_was_cheaper(self, linear, curvature, recompute):
        network, x, y = linear
        smaller, deletions = optimal_brain_surgeon(network, (x, y), 8, curvature, damping=0, recompute=recompute)
        inputs, gone = np.column_stack([x, np.ones(60)]), [[], []]

        def lowest(places):
            """J of the least-squares solution without these weights."""
            residuals = [
                y[:, unit] - inputs[:, left] @ np.linalg.lstsq(inputs[:, left], y[:, unit])[0]
                for unit in range(2)
                for left in [[i for i in range(6) if i not in places[unit]]]
            ]
            return sum(r @ r for r in residuals) / 2 / 60

        scale = network.loss(x, y) / lowest(gone)  # whether J is a mean over units
        for deletion in deletions:
            before = lowest(gone)
            rises = {
                (row, unit): scale * (lowest([gone[u] + [row] * (u == unit) for u in range(2)]) - before)
                for unit in range(2)
                for row in set(range(5)) - set(gone[unit])
            }
            assert deletion.predicted == pytest.approx(deletion.measured, rel=1e-10, abs=1e-10)
            assert deletion.predicted == pytest.approx(min(rises.values()), rel=1e-8)
            assert rises[deletion.place] == pytest.approx(min(rises.values()), rel=1e-8)
            gone[deletion.place[1]].append(deletion.place[0])
        assert smaller.loss(x, y) == pytest.approx(scale * lowest(gone), rel=1e-9)
        assert smaller.loss(x, y) - network.loss(x, y) == pytest.approx(sum(d.measured for d in deletions), abs=1e-10)

    def test_what_it_returns(self, trained):
        network, x, y = trained
        before = network.parameters.copy()
        smaller, deletions = optimal_brain_surgeon(network, (x, y), 50)
        assert np.array_equal(network.parameters, before) and smaller.dtype == np.float32
        assert len({(d.layer, d.place) for d in deletions}) == 50 and smaller.n_parameters == network.n_parameters - 50
        for d in deletions:
            assert smaller.weights[d.layer][d.place] == 0 and not smaller.forms[f"weights[{d.layer}]"].kept[d.place]
        rise = smaller.loss(x, y) - network.loss(x, y)
        assert sum(d.measured for d in deletions) == pytest.approx(rise, rel=1e-3)
        assert not np.array_equal(smaller.biases[0], network.biases[0])

    def test_cheaper_than_by_magnitude(self, trained):
        network, x, y = trained
        for n_delete in (40, 60, 70):
            by_size = prune(network, n_delete / 90)
            assert optimal_brain_surgeon(network, (x, y), n_delete)[0].loss(x, y) < by_size.loss(x, y)

    def test_float64_is_the_same_but_for_rounding(self, trained):
        network, x, y = trained
        single, double = (optimal_brain_surgeon(network.copy(d), (x, y), 20)[0] for d in ("float32", "float64"))
        np.testing.assert_allclose(single.parameters, double.parameters, rtol=1e-4, atol=1e-5)

    def test_what_costs_nothing_goes_first(self, trained):
        """The 9 weights of a unit that nobody listens to; of each other unit one of the 3 that leave it: softmax does
        not see a number that is added to all logits."""
        network, x, y = trained
        idle = network.copy("float64")
        idle.weights[0][:, 3], idle.weights[1][3] = 0.5, 0.0
        deletions = optimal_brain_surgeon(idle, (x, y), 19, damping=1e-10)[1]
        assert {(0, (i, 3)) for i in range(6)} | {(1, (3, j)) for j in range(3)} < {
            (d.layer, d.place) for d in deletions
        }
        costs = np.abs([d.measured for d in deletions])
        assert costs[:18].max() < 1e-8 < costs[18]

    def test_layers_masks_and_the_last_weight(self, trained):
        network, x, y = trained
        half = prune(network, 0.5, layers=[0])
        smaller, deletions = optimal_brain_surgeon(half, (x, y), 10, layers=[1], recompute=4)
        assert {d.layer for d in deletions} == {1} and np.array_equal(
            smaller.forms["weights[0]"].kept, half.forms["weights[0]"].kept
        )
        assert sparsity_of(smaller) == pytest.approx([0.5, 1 / 3])
        assert not np.array_equal(smaller.weights[0], half.weights[0])  # they move
        bare, _ = optimal_brain_surgeon(network, (x, y), 88)
        assert [int(bare.forms[f"weights[{k}]"].kept.sum()) for k in (0, 1)] == [1, 1]
        with pytest.raises(ValueError, match="n_delete: got 89; expected an integer >= 1 and <= 88"):
            optimal_brain_surgeon(network, (x, y), 89)

    def test_composes(self, trained):
        network, x, y = trained
        smaller = optimal_brain_surgeon(network, (x, y), 40)[0]
        small = share_weights(smaller, clusters=8)
        assert all((W[V == 0] == 0).all() for W, V in zip(small.weights, smaller.weights, strict=True))
        assert sparsity_of(prune(smaller, 0.6)) >= sparsity_of(smaller)
        fit(smaller, Adam(), (x, y), epochs=1, progress=False)
        assert smaller.forms["weights[0]"].kept is not None and smaller.n_parameters == network.n_parameters - 40

    def test_a_large_mostly_masked_network_is_small(self):
        """Its Hessian has the free numbers only."""
        network = prune(MLP([784, 64, 10], seed=0, dtype="float64"), 0.999)
        x = np.random.default_rng(0).normal(size=(20, 784))
        smaller, _ = optimal_brain_surgeon(network, (x, np.arange(20) % 10), 5)
        assert smaller.n_parameters == network.n_parameters - 5

    def test_other_activations_losses_and_penalties(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(40, 4)), generator.normal(size=(40, 2))
        network = MLP([4, 5, 3, 2], ["gelu", "softplus"], loss="huber", l2=0.01, seed=3)
        fit(network, Adam(0.01), (x, y), epochs=200, batch_size=40, progress=False)
        smaller, deletions = optimal_brain_surgeon(network, (x, y), 5, damping=1e-3)
        assert [d.measured for d in deletions] == pytest.approx([d.predicted for d in deletions], abs=2e-3)
        assert smaller.l2 == 0.01 and smaller.activation == ["gelu", "softplus"]

    def test_masked_biases_stay_masked(self, trained):
        network, x, y = trained
        start = prune(network, 0.2).with_forms({"biases[0]": Masked(np.arange(10) > 4)})
        smaller = optimal_brain_surgeon(start, (x, y), 10)[0]
        assert smaller.forms["biases[0]"].n_free == 5 and not smaller.biases[0][:5].any()

    def test_refused(self, trained, linear):
        network, x, y = trained
        with pytest.raises(ValueError, match="curvature: got 'fisher'"):
            optimal_brain_surgeon(network, (x, y), 3, "fisher")
        with pytest.raises(ValueError, match="damping: got -1"):
            optimal_brain_surgeon(network, (x, y), 3, damping=-1)
        with pytest.raises(ValueError, match=r"weights\[0\] as Shared\(.*prune first"):
            optimal_brain_surgeon(share_weights(network, clusters=4), (x, y), 3)
        with pytest.raises(ValueError, match=r"as Quantized\(.*prune first"):
            optimal_brain_surgeon(quantize(network, bits=4), (x, y), 3)
        with pytest.raises(ValueError, match="50,890 free numbers; expected at most 5,000"):
            optimal_brain_surgeon(MLP([784, 64, 10]), (x, y), 3)
        with pytest.raises(ValueError, match=r"eigenvalues from .*more damping, a network nearer to a minimum"):
            optimal_brain_surgeon(MLP([6, 10, 3], "tanh", seed=0), (x, y), 3, "hessian", damping=1e-6)
        with pytest.raises(ValueError, match=r"eigenvalues from .*more damping$"):
            optimal_brain_surgeon(network, (x[:5], y[:5]), 3, damping=0)
        with pytest.raises(ValueError, match="recompute: got 0"):
            optimal_brain_surgeon(network, (x, y), 3, recompute=0)
        with pytest.raises((TypeError, ValueError), match="data"):
            optimal_brain_surgeon(network, x, 3)
