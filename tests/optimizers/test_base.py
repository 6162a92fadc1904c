"""Optimizers: what the base class promises, and the rules of gradient descent and momentum.

That every rule is the right one is shown in ``test_paper``, ``test_keras`` and ``test_pytorch``; that all of them work
on all problems in ``test_grid``.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import (
    SGD,
    GradientDescent,
    Nesterov,
    NonFiniteGradientError,
    Optimizer,
    TensorOptimizer,
)
from nnopt_utils.optimizers.clipping import clipped
from nnopt_utils.problems import (
    Beale,
    Himmelblau,
    LogisticRegression,
    Plateau,
    Quadratic,
    Ravine,
    Rosenbrock,
    Saddle,
    SoftmaxRegression,
)
from nnopt_utils.schedules import CosineDecay, StepDecay
from nnopt_utils.training import minimize

# Every form of every rule, by the learning rate.
FORMS = {
    "gradient_descent": lambda eta, **kw: GradientDescent(eta, **kw),
    "sgd": lambda eta, **kw: SGD(eta, **kw),
    "momentum": lambda eta, **kw: SGD(eta, momentum=0.9, **kw),
    "momentum_nesterov": lambda eta, **kw: SGD(eta, momentum=0.9, nesterov=True, **kw),
    "keras_momentum": lambda eta, **kw: SGD(eta, momentum=0.9, convention="keras", **kw),
    "keras_nesterov": lambda eta, **kw: SGD(eta, momentum=0.9, nesterov=True, convention="keras", **kw),
    "pytorch_momentum": lambda eta, **kw: SGD(eta, momentum=0.9, convention="pytorch", **kw),
    "pytorch_nesterov": lambda eta, **kw: SGD(eta, momentum=0.9, nesterov=True, convention="pytorch", **kw),
    "pytorch_dampened": lambda eta, **kw: SGD(eta, momentum=0.9, dampening=0.5, convention="pytorch", **kw),
    "nesterov": lambda eta, **kw: Nesterov(eta, **kw),
    "nesterov_constant": lambda eta, **kw: Nesterov(eta, momentum=0.9, **kw),
}
every_form = pytest.mark.parametrize("form", FORMS)
finite_vectors = arrays(np.float64, st.integers(1, 6), elements=st.floats(-100, 100, allow_subnormal=False))


def spread_gradients(steps, dimension, seed, dtype=np.float32):
    """Magnitudes from 1e-6 to 10, a tenth of them exactly zero."""
    generator = np.random.default_rng(seed)
    size = (steps, dimension)
    values = 10.0 ** generator.uniform(-6, 1, size) * generator.choice([-1.0, 1.0], size)
    return np.where(generator.random(size) < 0.1, 0.0, values).astype(dtype)


def run(optimizer, start, gradients, rates=None, theta_dtype=np.float64):
    """All θ after each step, for gradients that do not depend on θ."""
    theta = np.array(start, dtype=theta_dtype)
    path = []
    for t, gradient in enumerate(gradients):
        if rates is not None:
            optimizer.learning_rate = rates[t]
        optimizer.step(theta, gradient)
        path.append(theta.copy())
    return np.array(path)


class TestRules:
    def test_heavy_ball_in_polyaks_form(self):
        H, eta, beta = np.diag([1.0, 10.0]), 0.05, 0.8
        optimizer, theta = SGD(eta, momentum=beta), np.array([1.0, -2.0])
        points = [theta.copy(), theta.copy()]
        for _ in range(30):
            now, before = points[-1], points[-2]
            points.append(now - eta * H @ now + beta * (now - before))
            optimizer.step(theta, H @ theta)
            np.testing.assert_allclose(theta, points[-1], rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(optimizer.state["velocity"], points[-1] - points[-2], rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("convention", ["paper", "keras", "pytorch"])
    def test_nesterov_with_constant_momentum_is_the_frameworks(self, convention):
        H = np.diag([1.0, 4.0, 10.0])
        two_sequences = Nesterov(0.1, momentum=0.7)
        one_sequence = SGD(0.1, momentum=0.7, nesterov=True, convention=convention)
        theta, other = np.array([1.0, -2.0, 3.0]), np.array([1.0, -2.0, 3.0])
        for _ in range(50):
            two_sequences.step(theta, H @ theta)
            one_sequence.step(other, H @ other)
            np.testing.assert_allclose(theta, other, rtol=1e-10, atol=1e-14)

    def test_nesterov_keeps_the_theorems_point(self):
        theta, optimizer = np.array([4.0]), Nesterov(0.5)
        optimizer.step(theta, theta.copy())
        assert theta == 2.0 and optimizer.state["x"] == 2.0  # β_1 = 0
        optimizer.step(theta, theta.copy())
        assert optimizer.state["x"] == 1.0 and theta == 1.0 + 1 / 4 * (1.0 - 2.0)  # β_2 = 1/4

    @pytest.mark.parametrize(("convention", "expected"), [("paper", 0.905), ("keras", 0.905), ("pytorch", 0.0995)])
    @pytest.mark.parametrize("nesterov", [False, True])
    def test_conventions_part_when_the_rate_drops(self, convention, expected, nesterov):
        """Constant gradient 1, momentum 0.9, rate 0.1 → 0.01 after 50 steps: the length of the next step."""
        optimizer, theta = SGD(0.1, momentum=0.9, convention=convention), np.array([0.0])
        for _ in range(50):
            optimizer.step(theta, np.ones(1))
        before = theta.copy()
        optimizer.learning_rate = 0.01
        optimizer.step(theta, np.ones(1))
        assert before - theta == pytest.approx(expected, abs=1e-3)

    def test_conventions_agree_at_a_constant_rate(self):
        gradients = np.random.default_rng(0).normal(size=(50, 4))
        optimizers = [SGD(0.1, momentum=0.9, convention=c) for c in ("paper", "keras", "pytorch")]
        paths = [run(optimizer, np.ones(4), gradients) for optimizer in optimizers]
        np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=0)
        np.testing.assert_allclose(paths[0], paths[2], rtol=1e-12)

    def test_dampening_makes_an_average(self):
        """Dampening 0.9 with momentum 0.9 under a constant gradient: the velocity is the gradient from the start."""
        optimizer, theta = SGD(0.1, momentum=0.9, dampening=0.9, convention="pytorch"), np.array([1.0])
        for _ in range(20):
            optimizer.step(theta, np.full(1, 3.0))
            np.testing.assert_allclose(optimizer.state["velocity"], 3.0)

    @pytest.mark.parametrize(
        ("convention", "expected"), [("paper", 2 * (1 - 0.1 * 0.5)), ("keras", 1.9), ("pytorch", 2 - 0.1 * 0.5 * 2)]
    )
    def test_weight_decay_with_a_zero_gradient(self, convention, expected):
        theta = np.array([2.0])
        SGD(0.1, weight_decay=0.5, convention=convention).step(theta, np.zeros(1))
        assert theta == pytest.approx(expected, abs=1e-15)

    def test_l2_enters_the_velocity_and_decay_does_not(self):
        decoupled, coupled = (SGD(0.1, momentum=0.9, weight_decay=0.5, convention=c) for c in ("keras", "pytorch"))
        for optimizer in (decoupled, coupled):
            optimizer.step(np.array([2.0]), np.zeros(1))
        assert decoupled.state["velocity"] == 0.0 and coupled.state["velocity"] == 1.0

    @every_form
    @settings(max_examples=20)
    @given(start=finite_vectors, factor=st.floats(0.01, 100))
    def test_gradient_times_c_is_rate_times_c(self, form, start, factor):
        gradients = np.random.default_rng(0).normal(size=(4, len(start)))
        scaled_gradient = run(FORMS[form](0.1), start, factor * gradients)
        scaled_rate = run(FORMS[form](0.1 * factor), start, gradients)
        np.testing.assert_allclose(scaled_gradient, scaled_rate, rtol=1e-9, atol=1e-9 * factor)

    @every_form
    @settings(max_examples=20)
    @given(start=finite_vectors, shift=st.floats(-100, 100, allow_subnormal=False))
    def test_translation(self, form, start, shift):
        """A rule without decay does not know where the origin is."""
        gradients = np.random.default_rng(0).normal(size=(4, len(start)))
        moved = run(FORMS[form](0.1), start + shift, gradients)
        np.testing.assert_allclose(moved - shift, run(FORMS[form](0.1), start, gradients), rtol=1e-9, atol=1e-9)

    @every_form
    def test_coordinates_do_not_mix(self, form):
        gradients = np.random.default_rng(0).normal(size=(10, 6))
        order = np.array([3, 1, 5, 0, 2, 4])
        path = run(FORMS[form](0.1), np.arange(6.0), gradients)
        assert np.array_equal(run(FORMS[form](0.1), np.arange(6.0)[order], gradients[:, order]), path[:, order])

    @every_form
    def test_zero_gradient_from_rest_moves_nothing(self, form):
        theta = np.array([1.0, -2.0])
        optimizer = FORMS[form](0.1)
        for _ in range(3):
            optimizer.step(theta, np.zeros(2))
        assert theta.tolist() == [1.0, -2.0]


class TestStep:
    @every_form
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_state_has_the_dtype_and_shape_of_theta(self, form, dtype):
        theta = np.ones(5, dtype)
        optimizer = FORMS[form](0.1)
        assert optimizer.state == {}
        optimizer.step(theta, np.ones(5, dtype))
        assert theta.dtype == dtype
        assert {name: (s.dtype, s.shape) for name, s in optimizer.state.items()} == dict.fromkeys(
            optimizer.slots, (np.dtype(dtype), (5,))
        )

    @pytest.mark.parametrize(
        ("theta", "gradient", "error", "message"),
        [
            ([1.0], np.ones(1), TypeError, "theta: got .*; expected a 1-D float32 or float64 array, changed in place"),
            (np.ones((2, 2)), np.ones((2, 2)), TypeError, r"theta: got float64 array of shape \(2, 2\)"),
            (np.ones(2, int), np.ones(2), TypeError, r"theta: got int64 array"),
            (np.ones(2, np.float16), np.ones(2), TypeError, r"theta: got float16 array"),
            (np.ones(0), np.ones(0), ValueError, "theta: got an empty array"),
            (np.ones(2), [1.0, 1.0], TypeError, r"gradient: got \[1.0, 1.0\]; expected a float array of shape"),
            (np.ones(2), np.ones(2, int), TypeError, "gradient: got int64 array"),
            (np.ones(2), None, TypeError, "gradient: got None"),
            (np.ones(2), np.ones(3), ValueError, r"gradient: got .* \(3,\); expected shape \(2,\), the shape of theta"),
            (np.ones(2), np.ones((2, 1)), ValueError, r"gradient: got .*; expected shape \(2,\)"),
            (np.ones(2), np.array(1.0), ValueError, r"gradient: got .*; expected shape \(2,\)"),
        ],
    )
    def test_bad_arguments_change_nothing(self, theta, gradient, error, message):
        optimizer = SGD(0.1, momentum=0.9)
        with pytest.raises(error, match=message):
            optimizer.step(theta, gradient)
        assert optimizer.t == 0 and optimizer.state == {}

    def test_read_only_theta(self):
        theta = np.ones(2)
        theta.flags.writeable = False
        with pytest.raises(ValueError, match="theta: got a read-only array"):
            SGD(0.1).step(theta, np.ones(2))

    @every_form
    @pytest.mark.parametrize("bad", [[np.nan, 1], [np.inf, 1], [np.inf, -np.inf], [1, -np.inf]])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_bad_gradient_leaves_theta_t_and_state(self, form, bad, dtype):
        theta = np.ones(2, dtype)
        optimizer = FORMS[form](CosineDecay(0.1, steps=10), weight_decay=0.1)
        for _ in range(2):
            optimizer.step(theta, np.ones(2, dtype))
        before, state, rate = theta.copy(), optimizer.get_state(), optimizer.learning_rate
        with pytest.raises(NonFiniteGradientError, match=r"gradient: got .* NaN or infinite value"):
            optimizer.step(theta, np.array(bad, dtype))
        assert np.array_equal(theta, before) and optimizer.t == 2 and optimizer.learning_rate == rate
        assert_same_state(optimizer.get_state(), state)

    @pytest.mark.parametrize(("dtype", "huge"), [(np.float32, 1e30), (np.float64, 1e200)])
    def test_a_huge_finite_gradient_is_no_error(self, dtype, huge):
        theta = np.zeros(2, dtype)
        SGD(1.0).step(theta, np.array([huge, -huge], dtype))
        assert theta.tolist() == np.array([-huge, huge], dtype).tolist()

    def test_another_theta_needs_a_new_optimizer(self):
        optimizer = SGD(0.1)
        optimizer.step(np.ones(2), np.ones(2))
        with pytest.raises(ValueError, match=r"theta: got .* \(3,\); expected shape \(2,\).*use a new optimizer"):
            optimizer.step(np.ones(3), np.ones(3))

    def test_strided_theta(self):
        whole = np.ones(10)
        theta = whole[::2]
        SGD(0.1, momentum=0.9).step(theta, np.ones(5))
        np.testing.assert_allclose(whole, [0.9, 1.0] * 5)


class TestBlocks:
    @every_form
    @pytest.mark.parametrize("block_size", [1, 7, 999, 1000, 1001])
    def test_the_result_does_not_depend_on_the_block_size(self, form, block_size, monkeypatch):
        gradients = spread_gradients(5, 1000, seed=3)
        start = np.random.default_rng(4).normal(size=1000).astype(np.float32)
        options = {"weight_decay": 0.1, "global_clipnorm": 5.0}
        whole = run(FORMS[form](0.01, **options), start, gradients, theta_dtype=np.float32)
        monkeypatch.setattr(Optimizer, "block_size", block_size)
        assert np.array_equal(run(FORMS[form](0.01, **options), start, gradients, theta_dtype=np.float32), whole)

    def test_default_blocks(self):
        """One step over more than three of the blocks that are in use, against the formula on whole arrays."""
        n = 3 * Optimizer.block_size + 17
        theta, gradient = np.random.default_rng(5).normal(size=(2, n))
        expected = theta - 0.1 * gradient
        SGD(0.1, momentum=0.9).step(theta, gradient)
        assert np.array_equal(theta, expected)

    def test_t_advances_once_a_step_not_once_a_block(self, monkeypatch):
        monkeypatch.setattr(Optimizer, "block_size", 2)
        seen = []

        class Counting(Optimizer):
            def begin_step(self, theta, gradient):
                seen.append(("begin", self.t))

            def update(self, theta, gradient, *slots):
                seen.append((len(theta), self.t, self.learning_rate))

        optimizer = Counting(StepDecay(1.0, factor=0.5, every=1))
        for _ in range(2):
            optimizer.step(np.zeros(5), np.zeros(5))
        blocks = [(2, 1, 1.0), (2, 1, 1.0), (1, 1, 1.0)]
        assert seen == [("begin", 1), *blocks, ("begin", 2), *[(n, 2, 0.5) for n, _, _ in blocks]]


class TestClipping:
    layout = (SimpleNamespace(where=slice(0, 2)), SimpleNamespace(where=slice(2, 5)))

    def clipped(self, gradient, layout=None, **clip):
        theta = np.zeros(len(gradient))
        optimizer = SGD(1.0, **clip)
        optimizer.layout = layout
        optimizer.step(theta, np.array(gradient, float))
        return -theta

    def test_by_value(self):
        assert self.clipped([3.0, -0.5, -7.0], clipvalue=1.0).tolist() == [1.0, -0.5, -1.0]

    @pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm"])
    def test_by_norm(self, name):
        np.testing.assert_allclose(self.clipped([3.0, 4.0], **{name: 1.0}), [0.6, 0.8], rtol=1e-15)
        assert self.clipped([0.3, 0.4], **{name: 1.0}).tolist() == [0.3, 0.4]
        assert self.clipped([0.0, 0.0], **{name: 1.0}).tolist() == [0.0, 0.0]

    def test_by_norm_of_each_tensor(self):
        gradient = [3.0, 4.0, 0.1, 0.2, 0.2]
        np.testing.assert_allclose(self.clipped(gradient, self.layout, clipnorm=1.0), [0.6, 0.8, 0.1, 0.2, 0.2])
        scale = 1 / math.hypot(*gradient)
        np.testing.assert_allclose(self.clipped(gradient, self.layout, global_clipnorm=1.0), np.array(gradient) * scale)

    @pytest.mark.parametrize(("dtype", "huge"), [(np.float32, 1e30), (np.float64, 1e200)])
    @pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm"])
    def test_a_norm_too_large_for_the_dtype(self, name, dtype, huge):
        theta = np.zeros(2, dtype)
        SGD(1.0, **{name: 1.0}).step(theta, np.array([3 * huge, -4 * huge], dtype))
        np.testing.assert_allclose(theta, [-0.6, 0.8], rtol=1e-6)

    @given(finite_vectors, st.floats(1e-3, 1e3))
    def test_norm_and_direction(self, gradient, limit):
        clipped = self.clipped(gradient, global_clipnorm=limit)
        norm = np.linalg.norm(gradient)
        assert np.linalg.norm(clipped) <= limit * (1 + 1e-12)
        np.testing.assert_allclose(clipped * max(norm, limit), gradient * limit, rtol=1e-9, atol=1e-300)

    @given(finite_vectors, st.floats(1e-3, 1e3))
    def test_value(self, gradient, limit):
        assert np.array_equal(self.clipped(gradient, clipvalue=limit), [min(max(g, -limit), limit) for g in gradient])

    def test_the_gradient_itself_is_not_clipped(self):
        gradient = np.array([3.0, 4.0])
        for clip in ("clipvalue", "clipnorm", "global_clipnorm"):
            SGD(0.1, **{clip: 1.0}).step(np.zeros(2), gradient)
        assert gradient.tolist() == [3.0, 4.0]

    def test_float32_stays_float32(self):
        for clip in ("clipvalue", "clipnorm", "global_clipnorm"):
            optimizer = SGD(0.1, **{clip: np.float64(1.0)})
            assert (
                clipped(
                    np.array([3, 4], np.float32),
                    optimizer.clipvalue,
                    optimizer.clipnorm,
                    optimizer.global_clipnorm,
                    None,
                ).dtype
                == np.float32
            )
            assert f"{clip}=1.0" in repr(optimizer)


class TestLearningRate:
    def test_schedule_is_asked_for_finished_steps(self):
        asked = []
        optimizer = SGD(lambda k: asked.append(k) or 1.0 / (k + 1))
        theta = np.zeros(1)
        assert optimizer.learning_rate == 1.0
        asked.clear()
        rates = []
        for _ in range(3):
            optimizer.step(theta, np.ones(1))
            rates.append(optimizer.learning_rate)
        assert asked == [0, 1, 2] and rates == [1.0, 1 / 2, 1 / 3]
        assert theta == pytest.approx(-(1 + 1 / 2 + 1 / 3))

    def test_may_be_set_at_any_time(self):
        optimizer, theta = SGD(StepDecay(0.4, factor=0.5, every=1)), np.zeros(1)
        optimizer.step(theta, np.ones(1))
        optimizer.learning_rate = 0.1
        optimizer.step(theta, np.ones(1))
        assert theta == pytest.approx(-0.5)
        optimizer.learning_rate = StepDecay(0.4, factor=0.5, every=1)
        assert optimizer.learning_rate == 0.2  # the schedule's rate of the latest step, the second
        optimizer.step(theta, np.ones(1))
        assert theta == pytest.approx(-0.6)

    @pytest.mark.parametrize("bad", [0, -0.1, math.nan, math.inf, "0.1", [0.1], True])
    def test_bad_rates(self, bad):
        with pytest.raises((TypeError, ValueError), match=r"learning_rate: got .*; expected a finite number > 0"):
            SGD(bad)
        optimizer = SGD(0.1)
        with pytest.raises((TypeError, ValueError), match="learning_rate: got"):
            optimizer.learning_rate = bad
        assert optimizer.learning_rate == 0.1

    @pytest.mark.parametrize("bad", [-0.1, math.nan, "0.1", None])
    def test_a_schedule_that_goes_wrong_changes_nothing(self, bad):
        optimizer, theta = SGD(lambda k: 0.1 if k < 2 else bad, momentum=0.9), np.zeros(1)
        for _ in range(2):
            optimizer.step(theta, np.ones(1))
        before, state = theta.copy(), optimizer.get_state()
        with pytest.raises((TypeError, ValueError), match=r"learning_rate: got .* from the schedule .* after 2 steps"):
            optimizer.step(theta, np.ones(1))
        assert theta == before
        assert_same_state(optimizer.get_state(), state)

    @pytest.mark.parametrize("cls", [GradientDescent, SGD, Nesterov])
    @pytest.mark.parametrize(("convention", "rate"), [("paper", 0.01), ("keras", 0.01), ("pytorch", 0.001)])
    def test_defaults(self, cls, convention, rate):
        assert cls(convention=convention).learning_rate == rate
        assert cls().convention == "paper"


class TestAverage:
    """``ema_momentum``: an exponential average of the parameters."""

    def test_recursion(self):
        """θ̄ = θ after the first step, then γ θ̄ + (1 − γ) θ; θ itself goes its way."""
        generator = np.random.default_rng(0)
        theta, other, average = np.ones(3), np.ones(3), None
        with_average, without = SGD(0.1, momentum=0.9, ema_momentum=0.8), SGD(0.1, momentum=0.9)
        assert with_average.evaluation_parameters(theta) is theta  # before the first step there is none
        for _ in range(10):
            gradient = generator.normal(size=3)
            with_average.step(theta, gradient)
            without.step(other, gradient)
            average = theta.copy() if average is None else 0.8 * average + 0.2 * theta
            np.testing.assert_allclose(with_average.evaluation_parameters(theta), average, rtol=1e-13)
        assert np.array_equal(theta, other)
        assert without.evaluation_parameters(other) is other
        assert with_average.evaluation_parameters(theta) is not with_average.state["average"]  # a copy

    def test_gamma_zero_is_theta(self):
        theta, optimizer = np.ones(2), SGD(0.1, ema_momentum=0.0)
        for _ in range(3):
            optimizer.step(theta, theta.copy())
            assert np.array_equal(optimizer.evaluation_parameters(theta), theta)

    def test_over_several_blocks(self, monkeypatch):
        monkeypatch.setattr(Optimizer, "block_size", 3)
        theta, optimizer = np.arange(8.0), SGD(0.1, ema_momentum=0.5)
        for _ in range(2):
            optimizer.step(theta, np.ones(8))
        np.testing.assert_allclose(optimizer.state["average"], np.arange(8.0) - 0.15, rtol=1e-12)

    def test_advances_once_a_step_not_once_a_call(self):
        """Keras mixes θ into the average at every call, even where it did not move."""
        theta, optimizer = np.zeros(1), SGD(1.0, ema_momentum=0.5, gradient_accumulation_steps=2)
        for _ in range(4):
            optimizer.step(theta, np.ones(1))
        assert theta == -2.0 and optimizer.state["average"] == -1.5

    @pytest.mark.parametrize("bad", [1.0, -0.1, math.nan, "0.9"])
    def test_bad_momentum(self, bad):
        with pytest.raises((TypeError, ValueError), match="ema_momentum: got"):
            SGD(0.1, ema_momentum=bad)


class TestAccumulation:
    """``gradient_accumulation_steps``: a step with the mean of several gradients."""

    def test_nothing_moves_in_between(self):
        theta, optimizer = np.zeros(2), SGD(1.0, momentum=0.5, weight_decay=0.1, gradient_accumulation_steps=3)
        for call, gradient in enumerate([[3.0, 0.0], [0.0, 6.0], [0.0, 0.0]], start=1):
            optimizer.step(theta, np.array(gradient))
            if call < 3:
                assert theta.tolist() == [0.0, 0.0] and optimizer.t == 0
                assert optimizer.state["velocity"].tolist() == [0.0, 0.0]
        assert theta.tolist() == [-1.0, -2.0] and optimizer.t == 1
        assert not optimizer.state["collected"].any() and optimizer.scalars["collected"] == 0

    def test_clips_the_mean_not_the_parts(self):
        theta, optimizer = np.zeros(1), SGD(1.0, clipvalue=1.0, gradient_accumulation_steps=2)
        for gradient in (10.0, -9.0):
            optimizer.step(theta, np.array([gradient]))
        assert theta == -0.5

    def test_the_schedule_counts_steps(self):
        theta, optimizer = np.zeros(1), SGD(StepDecay(1.0, factor=0.5, every=1), gradient_accumulation_steps=2)
        for _ in range(6):
            optimizer.step(theta, np.ones(1))
        assert theta == -(1 + 1 / 2 + 1 / 4)

    def test_a_bad_gradient_in_between_is_not_collected(self):
        theta, optimizer = np.zeros(1), SGD(1.0, gradient_accumulation_steps=2)
        optimizer.step(theta, np.ones(1))
        with pytest.raises(NonFiniteGradientError):
            optimizer.step(theta, np.array([np.nan]))
        optimizer.step(theta, np.ones(1))
        assert theta == -1.0

    def test_one_is_no_accumulation(self):
        gradients = np.random.default_rng(0).normal(size=(5, 3))
        one = run(SGD(0.1, momentum=0.9, gradient_accumulation_steps=1), np.ones(3), gradients)
        assert np.array_equal(one, run(SGD(0.1, momentum=0.9), np.ones(3), gradients))

    @pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True])
    def test_bad_steps(self, bad):
        with pytest.raises((TypeError, ValueError), match="gradient_accumulation_steps: got"):
            SGD(0.1, gradient_accumulation_steps=bad)


class Scalar(Optimizer):
    """θ moves by the number of steps so far, which is a number of the state; the rule sees the clipped gradient."""

    def __init__(self, learning_rate=None, **common):
        super().__init__(learning_rate, **common)
        self.scalars = {"count": 0.0}
        self.seen = []

    def begin_step(self, theta, gradient):
        self.scalars["count"] += 1
        self.seen.append(("begin", theta.copy(), gradient.copy()))

    def update(self, theta, gradient, *slots):
        theta -= self.scalars["count"] * np.sign(gradient)

    def end_step(self, theta):
        self.seen.append(("end", theta.copy()))


class TestScalars:
    def test_are_part_of_the_state(self):
        theta, optimizer = np.zeros(1), Scalar(0.1)
        for _ in range(3):
            optimizer.step(theta, np.ones(1))
        assert theta == -6.0 and optimizer.get_state()["scalars"] == {"count": 3.0}
        twin = Scalar(0.1)
        twin.set_state(optimizer.get_state())
        twin.step(theta, np.ones(1))
        assert theta == -10.0 and optimizer.scalars["count"] == 3.0  # not shared

    def test_hooks_see_all_of_theta_and_the_clipped_gradient(self, monkeypatch):
        monkeypatch.setattr(Optimizer, "block_size", 2)
        theta, optimizer = np.zeros(3), Scalar(0.1, clipvalue=2.0)
        optimizer.step(theta, np.array([5.0, -1.0, 0.0]))
        (_, before, gradient), (_, after) = optimizer.seen
        assert before.tolist() == [0, 0, 0] and gradient.tolist() == [2.0, -1.0, 0.0]
        assert after.tolist() == theta.tolist() == [-1.0, 1.0, 0.0]


class ByTensor(TensorOptimizer):
    """Subtracts each tensor's own mean gradient, and remembers what it was given."""

    slots = ("total",)

    def update(self, theta, gradient, *slots):
        (total,) = slots
        total += gradient
        theta -= gradient.mean()
        self.seen = [*getattr(self, "seen", []), (self.place.name, theta.shape, gradient.shape, total.shape)]


class TestTensorOptimizer:
    layout = MLP([3, 2]).layout

    def test_update_is_called_once_a_tensor_in_its_shape(self):
        theta, optimizer = np.zeros(8), ByTensor(0.01, weight_decay=0.1)
        optimizer.layout = self.layout
        optimizer.step(theta, np.array([1.0, 2, 3, 4, 5, 6, 10, 20]))
        assert theta.tolist() == [-3.5] * 6 + [-15.0] * 2
        assert optimizer.seen == [("weights[0]", (3, 2), (3, 2), (3, 2)), ("biases[0]", (2,), (2,), (2,))]
        assert optimizer.state["total"].tolist() == [1, 2, 3, 4, 5, 6, 10, 20]

    def test_without_a_layout_theta_is_one_vector(self):
        theta, optimizer = np.zeros(4), ByTensor(0.1)
        optimizer.step(theta, np.array([1.0, 2, 3, 6]))
        assert theta.tolist() == [-3.0] * 4 and optimizer.seen == [("theta", (4,), (4,), (4,))]

    @pytest.mark.parametrize("size", [7, 9])
    def test_a_layout_that_does_not_fit(self, size):
        optimizer = ByTensor(0.1)
        optimizer.layout = self.layout
        with pytest.raises(ValueError, match=f"layout: got tensors of 8 parameters; expected .* theta's {size}"):
            optimizer.step(np.zeros(size), np.ones(size))
        assert optimizer.t == 0 and optimizer.state == {}

    def test_the_layout_is_part_of_the_state(self):
        theta, optimizer = np.zeros(8), ByTensor(0.1)
        optimizer.layout = self.layout
        optimizer.step(theta, np.arange(8.0))
        twin = ByTensor(0.1)
        twin.set_state(optimizer.get_state())
        assert twin.layout == self.layout


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"convention": "torch"}, "convention: got 'torch'; expected one of .*did you mean 'pytorch'"),
            ({"weight_decay": -1.0}, "weight_decay: got -1.0; expected a finite number >= 0"),
            ({"clipvalue": 0.0}, "clipvalue: got 0.0; expected a finite number > 0"),
            ({"clipnorm": -1.0}, "clipnorm: got -1.0"),
            ({"global_clipnorm": "1"}, "global_clipnorm: got '1'"),
            ({"clipnorm": 1.0, "clipvalue": 1.0}, "clipvalue, clipnorm: got 2 ways of clipping; expected at most one"),
            ({"momentum": 1.0}, "momentum: got 1.0; expected a finite number >= 0 and < 1"),
            ({"momentum": -0.1}, "momentum: got -0.1"),
            ({"dampening": 0.5}, "dampening: got 0.5 in convention 'paper'; expected 0 outside 'pytorch'"),
            ({"nesterov": True}, "nesterov: got True with momentum=0.0.*expected a momentum above 0"),
            ({"nesterov": True, "momentum": 0.9, "dampening": 0.1, "convention": "pytorch"}, "nesterov: got True with"),
        ],
    )
    def test_sgd(self, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            SGD(0.1, **arguments)

    @pytest.mark.parametrize("momentum", [1.0, -0.1, "0.9", math.nan])
    def test_nesterov(self, momentum):
        with pytest.raises((TypeError, ValueError), match="momentum: got"):
            Nesterov(0.1, momentum=momentum)

    def test_unknown_names(self):
        with pytest.raises(TypeError, match="lr"):
            SGD(lr=0.1)


class TestRepr:
    @every_form
    def test_round_trip(self, form):
        for common in ({}, {"weight_decay": 0.1}, {"clipvalue": 2}, {"clipnorm": 0.5}, {"global_clipnorm": 1.0}):
            optimizer = FORMS[form](0.03, **common)
            twin = eval(repr(optimizer))
            assert type(twin) is type(optimizer) and repr(twin) == repr(optimizer)
            assert twin.hyperparameters == optimizer.hyperparameters

    def test_shows_everything_as_it_stands_now(self):
        optimizer = SGD(0.1, momentum=np.float64(0.9))
        optimizer.learning_rate = 0.05
        assert repr(optimizer) == (
            "SGD(learning_rate=0.05, momentum=0.9, nesterov=False, dampening=0.0, convention='paper', weight_decay=0.0)"
        )

    def test_schedule(self):
        optimizer = SGD(StepDecay(0.1, factor=0.5, every=10))
        assert "learning_rate=StepDecay(learning_rate=0.1, factor=0.5, every=10)" in repr(optimizer)
        assert repr(eval(repr(optimizer))) == repr(optimizer)


def assert_same_state(a, b):
    assert {k: v for k, v in a.items() if k != "slots"} == {k: v for k, v in b.items() if k != "slots"}
    assert a["slots"].keys() == b["slots"].keys()
    for name in a["slots"]:
        assert np.array_equal(a["slots"][name], b["slots"][name]) and a["slots"][name].dtype == b["slots"][name].dtype


class TestState:
    def test_is_a_copy_both_ways(self):
        optimizer, theta = SGD(0.1, momentum=0.9), np.zeros(2)
        optimizer.step(theta, np.ones(2))
        state = optimizer.get_state()
        twin = SGD(0.1, momentum=0.9)
        twin.set_state(state)
        state["slots"]["velocity"][:] = 99
        assert optimizer.state["velocity"].tolist() == twin.state["velocity"].tolist() == [-0.1, -0.1]
        twin.step(theta, np.ones(2))
        assert optimizer.state["velocity"].tolist() == [-0.1, -0.1]

    def test_of_a_new_optimizer_resets(self):
        new, used = SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9)
        used.step(np.zeros(2), np.ones(2))
        used.set_state(new.get_state())
        used.step(np.zeros(3), np.ones(3))  # another shape is welcome again
        assert used.t == 1

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda s: 5, "state: got 5; expected the dict that get_state returns"),
            (lambda s: {}, "state: got one without"),
            (lambda s: {k: v for k, v in s.items() if k != "t"}, r"state: got one without \['t'\]"),
            (lambda s: {**s, "optimizer": "Adam"}, "state: got one of Adam; expected one of SGD"),
            (lambda s: {**s, "slots": {}}, r"state: got slots \[\]; expected \['velocity'\]"),
            (lambda s: {**s, "slots": {**s["slots"], "m": np.ones(2)}}, "state: got slots"),
            (lambda s: {**s, "slots": {"velocity": np.ones(3)}}, r"state\['velocity'\]: got .*; expected shape \(2,\)"),
            (lambda s: {**s, "slots": {"velocity": np.array([1, np.nan])}}, r"state\['velocity'\]: got .* NaN"),
            (lambda s: {k: v for k, v in s.items() if k != "scalars"}, r"state: got one without \['scalars'\]"),
            (lambda s: {**s, "scalars": {"d": 1.0}}, r"state: got scalars \['d'\]; expected \[\]"),
            (lambda s: {**s, "scalars": {"collected": "two"}}, r"state\['collected'\]: got 'two'; expected a finite"),
            (lambda s: {**s, "t": -1}, r"state\['t'\]: got -1; expected an integer >= 0"),
            (lambda s: {**s, "t": 1.5}, r"state\['t'\]: got 1.5"),
            (lambda s: {**s, "learning_rate": -1.0}, "learning_rate: got -1.0"),
        ],
    )
    def test_wrong_state_changes_nothing(self, change, message):
        optimizer = SGD(0.1, momentum=0.9)
        optimizer.step(np.zeros(2), np.ones(2))
        before = optimizer.get_state()
        with pytest.raises((TypeError, ValueError), match=message):
            optimizer.set_state(change(optimizer.get_state()))
        assert_same_state(optimizer.get_state(), before)


@every_form
@settings(max_examples=15)
@given(eigenvalues=st.lists(st.floats(0.1, 1.0), min_size=1, max_size=5))
def test_a_small_rate_lowers_any_quadratic(form, eigenvalues):
    h, theta = np.array(eigenvalues), np.ones(len(eigenvalues))
    optimizer = FORMS[form](0.1)
    for _ in range(400):
        optimizer.step(theta, h * theta)
    assert (h * theta**2).sum() < 0.05 * h.sum()


def regression_data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    binary = (x @ [1.0, -2.0, 0.5] + 0.5 * generator.normal(size=60) > 0).astype(int)
    classes = (x @ generator.normal(size=(3, 3)) + 0.5 * generator.normal(size=(60, 3))).argmax(axis=1)
    return x, binary, classes


X, BINARY, CLASSES = regression_data()
PROBLEMS = {
    "quadratic": Quadratic(kappa=100, rotation=0.5),
    "rosenbrock": Rosenbrock(),
    "beale": Beale(),
    "himmelblau": Himmelblau(),
    "saddle": Saddle(),
    "plateau": Plateau(),
    "ravine": Ravine(),
    "logistic_regression": LogisticRegression(X, BINARY, l2=0.1),
    "softmax_regression": SoftmaxRegression(X, CLASSES, l2=0.1),
}


@every_form
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_form_reaches_every_minimum(form, name):
    """From the problem's start to ‖g‖ < 1e-6, with η = 1/L (with momentum 1/(2L)), L the curvature at the minimum."""
    problem = PROBLEMS[name]
    L = np.linalg.eigvalsh(problem.hessian(problem.minimum)).max()
    optimizer = FORMS[form](1.0 / L if form in ("gradient_descent", "sgd") else 0.5 / L)

    def arrived(t, theta):
        return t % 10 == 0 and np.linalg.norm(problem.gradient(theta)) < 1e-6

    trajectory = minimize(problem, optimizer, steps=40_000, callback=arrived)
    assert not trajectory.diverged and trajectory.gradient_norms[-1] < 1e-6
    assert abs(trajectory.values[-1] - problem.minimum_value) < 1e-9
    assert np.linalg.eigvalsh(problem.hessian(trajectory.points[-1])).min() > -1e-9  # a minimum, and no saddle
    if name != "softmax_regression":  # there the bias is free to move along
        assert np.linalg.norm(problem.minima - trajectory.points[-1], axis=1).min() < 1e-4


def test_state_does_not_stay_denormal():
    """A velocity that has died out becomes zero, not one of the numbers that slow a processor down."""
    theta = np.ones(3, np.float32)
    optimizer = SGD(0.1, momentum=0.5)
    optimizer.step(theta, np.array([1.0, 1e-3, 0.0], np.float32))
    for _ in range(127):
        optimizer.step(theta, np.zeros(3, np.float32))
    assert optimizer.t == 128  # without the flush 0.1 · 0.5^127, which is denormal
    assert not optimizer.state["velocity"].any()


def test_flushing_keeps_what_is_small_but_normal():
    theta = np.zeros(2, np.float32)
    optimizer = SGD(1.0, momentum=0.9)
    small = np.array([3e-38, -3e-38], np.float32)
    for _ in range(optimizer.flush_every):
        optimizer.step(theta, small)
    assert (optimizer.state["velocity"] != 0).all()
