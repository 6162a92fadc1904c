"""Compressed descent: the counterexample that fails for ever, and the identity behind what mends it."""

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.parallel import Compressor, Message, PowerSGD, RandomK, SignCompressor, TopK, compressed_descent
from nnopt_utils.problems import FunctionObjective, NetworkObjective, Quadratic
from nnopt_utils.training import minimize

SIGNS = (SignCompressor(), SignCompressor(scaled=False))


def value(p):
    return 0.5 * abs(p[0] + p[1]) + abs(p[0] - p[1])


def subgradients(tau_at_the_kink):
    def subgradient(p):
        s = np.sign(p[0] + p[1]) or 1.0
        tau = np.sign(p[0] - p[1]) or tau_at_the_kink
        return np.array([0.5 * s + tau, 0.5 * s - tau])

    return subgradient


def counterexample(tau_at_the_kink=1.0, start=(1.0, 1.0)):
    return FunctionObjective(value, subgradients(tau_at_the_kink), start=list(start))


def falling(t):
    return 0.1 / np.sqrt(t + 1)


class Everything(Compressor):
    """No compression."""

    def compress(self, vector):
        return Message((vector,))

    def decompress(self, message, size, dtype):
        return message.arrays[0]


class TestForEver:
    def test_the_published_numbers(self):
        """After 20,000 steps at 0.1/√t."""
        stuck = compressed_descent(counterexample(), falling, SignCompressor(), 20_000)
        mended = compressed_descent(counterexample(), falling, SignCompressor(error_feedback=True), 20_000)
        assert stuck.values.min() >= 1 - 1e-10 and stuck.values[-1] == pytest.approx(1.0, abs=1e-3)
        assert mended.values[-1] == pytest.approx(7.07e-4, abs=1e-6)
        assert mended.values[-1000:].max() < 4e-3 and np.median(mended.values[-1000:]) < 2e-3

    @pytest.mark.parametrize("rate", [0.01, 0.001, 0.0005])
    def test_with_a_constant_rate_it_comes_as_near_as_the_rate(self, rate):
        mended = compressed_descent(counterexample(), rate, SignCompressor(error_feedback=True), 10_000)
        assert mended.values[-1000:].max() < 6 * rate
        assert compressed_descent(counterexample(), rate, SignCompressor(), 2000).values.min() >= 1 - 1e-10

    @pytest.mark.parametrize("compressor", SIGNS, ids=("scaled", "alone"))
    def test_no_rate_no_schedule_and_no_start_moves_the_sum(self, compressor):
        """Attacked: 200 starts and schedules, every τ above ½; x + y stays, so J stays above ½ |x + y|."""
        generator = np.random.default_rng(0)
        for _ in range(200):
            start, tau = generator.normal(size=2), generator.choice([-1, 1]) * generator.uniform(0.501, 1)
            rates = 10.0 ** generator.uniform(-6, 1, size=100)
            run = compressed_descent(counterexample(tau, start), rates.__getitem__, compressor, 100)
            sums = run.points.sum(axis=1)
            assert np.abs(sums - start.sum()).max() < 1e-13 * np.abs(run.points).max()
            assert run.values.min() >= 0.5 * abs(start.sum()) - 1e-12

    @pytest.mark.parametrize("tau", [0.0, 0.3, -0.49])
    def test_another_subgradient_at_the_kink_walks_down(self, tau):
        """So the derivation needs |τ| > ½ there; NumPy's sign of 0 is 0."""
        run = compressed_descent(counterexample(tau), 0.125, SignCompressor(scaled=False), 8)
        assert run.values[-1] < 1e-12

    def test_without_compression_nothing_is_wrong(self):
        """Nor with the largest entry alone and error feedback."""
        for compressor in (Everything(), Everything(error_feedback=True), TopK(k=1, error_feedback=True)):
            assert compressed_descent(counterexample(), falling, compressor, 5000).values[-100:].max() < 0.03


class TestIdentities:
    @pytest.mark.parametrize(
        "compressor",
        [TopK(k=1, error_feedback=True), RandomK(k=2, error_feedback=True), SignCompressor(error_feedback=True)],
    )
    def test_the_point_that_owes_nothing(self, compressor):
        """θ_{T+1} − e_T = θ_1 − Σ η_t g_t, by the gradients along the way, whatever the rates; e is the difference."""
        problem, steps = Quadratic([1.0, 3.0, 0.5]), 40
        rate = lambda t: 0.2 / (1 + 0.1 * t)  # noqa: E731
        run = compressed_descent(problem, rate, compressor, steps)
        due = sum(rate(t) * problem.gradient(point) for t, point in enumerate(run.points[:-1]))
        error = run.points[-1] - (run.points[0] - due)
        # Independently: replay the compressor on what was due.
        fresh, owed = compressor.__class__(**vars_of(compressor)), np.zeros(3)
        for t, point in enumerate(run.points[:-1]):
            x = owed + rate(t) * problem.gradient(point)
            owed = x - fresh.decompress(fresh.compress(x), 3, np.float64)
        np.testing.assert_allclose(error, owed, atol=1e-14)
        assert np.any(owed)

    def test_without_compression_it_is_gradient_descent(self):
        problem = Quadratic([1.0, 10.0])
        for feedback in (False, True):
            run = compressed_descent(problem, falling, Everything(error_feedback=feedback), 30)
            np.testing.assert_array_equal(run.points, minimize(problem, GradientDescent(falling), 30).points)

    def test_the_rate_stands_inside_only_with_error_feedback(self):
        """Signs without a scale would else step by 1 whatever the rate."""
        run = compressed_descent(Quadratic([1.0, 1.0]), 0.25, SignCompressor(scaled=False), 1)
        np.testing.assert_array_equal(run.points[1] - run.points[0], [-0.25, -0.25])

    def test_the_compressor_given_is_left_alone(self):
        compressor = RandomK(k=1, error_feedback=True)
        first, second = (compressed_descent(Quadratic([1.0, 2.0]), 0.1, compressor, 20).points for _ in range(2))
        np.testing.assert_array_equal(first, second)
        assert compressor.error is None

    def test_power_sgd_on_a_network(self):
        generator = np.random.default_rng(0)
        network = MLP([6, 8, 3], "tanh", seed=0)
        objective = NetworkObjective(network, generator.normal(size=(40, 6)), generator.integers(3, size=40))
        power = PowerSGD(1, error_feedback=True)
        power.prepare(network.layout)
        run = compressed_descent(objective, 0.2, power, 100)
        assert run.values[-1] < 0.8 * run.values[0] and not run.diverged

    def test_more_entries_than_a_block_of_an_optimizer(self):
        """A vector is compressed as a whole."""
        d = 3 * GradientDescent.block_size // 2
        problem = FunctionObjective(lambda p: 0.5 * float(p @ p), lambda p: p, start=np.arange(1.0, d + 1))
        run = compressed_descent(problem, 1.0, TopK(k=3), 1)
        assert np.flatnonzero(run.points[1] == 0).tolist() == [d - 3, d - 2, d - 1]

    def test_divergence_is_a_result(self):
        assert compressed_descent(Quadratic([1.0, 10.0]), 1e3, TopK(k=2), 1000).diverged

    def test_captions(self):
        run = compressed_descent(Quadratic([1.0]), 0.1, TopK(k=2), 1)
        assert run.optimizer == "compressed_descent(TopK(k=2, error_feedback=False))"

    def test_bad_arguments(self):
        problem = Quadratic([1.0, 2.0])
        with pytest.raises(TypeError, match="compressor: got 'sign'; expected a Compressor"):
            compressed_descent(problem, 0.1, "sign", 10)
        with pytest.raises(ValueError, match="learning_rate: got -1"):
            compressed_descent(problem, -1.0, TopK(k=1), 10)
        with pytest.raises(ValueError, match="steps: got 0"):
            compressed_descent(problem, 0.1, TopK(k=1), 0)
        with pytest.raises(TypeError, match=r"did you mean learning_rate\?"):
            compressed_descent(problem, lr=0.1, compressor=TopK(k=1), steps=10)
        with pytest.raises(ValueError, match="layout: got none"):
            compressed_descent(problem, 0.1, PowerSGD(1), 10)


def vars_of(compressor):
    """The arguments that a compressor was made with."""
    names = {"share", "k", "error_feedback", "seed", "scaled", "same_indices"}
    own = {name: value for name, value in vars(compressor).items() if name in names}
    if not isinstance(compressor, RandomK):
        own.pop("seed")
    return own
