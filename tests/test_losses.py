"""Losses: values at known points, gradients, stability, dtypes, and the traps each error message names."""

import inspect
import math
import warnings

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnopt_utils._validation import core
from nnopt_utils.activations import log_softmax, softmax
from nnopt_utils.gradients import check_gradient
from nnopt_utils.losses import (
    LOSSES,
    Loss,
    binary_cross_entropy,
    get_loss,
    half_squared_error,
    huber,
    l2_penalty,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)
from nnopt_utils.networks import MLP

REGRESSION = [mean_squared_error, half_squared_error, mean_absolute_error, huber]
SAME_SHAPE = [*REGRESSION, binary_cross_entropy]
ALL = [*SAME_SHAPE, softmax_cross_entropy]
NAMES = {
    "mse": mean_squared_error,
    "half_mse": half_squared_error,
    "mae": mean_absolute_error,
    "huber": huber,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": softmax_cross_entropy,
}

floats = st.floats(-50, 50)
matrices = arrays(np.float64, (4, 3), elements=floats)
labels = arrays(np.int64, 4, elements=st.integers(0, 2))


def case(loss, dtype=np.float64, seed=0, n=6, k=4):
    """Outputs and fitting targets."""
    generator = np.random.default_rng(seed)
    outputs = generator.normal(size=(n, k)).astype(dtype)
    if loss is softmax_cross_entropy:
        return outputs, generator.integers(k, size=n)
    if loss is binary_cross_entropy:
        return outputs, generator.integers(2, size=(n, k)).astype(dtype)
    return outputs, generator.normal(size=(n, k)).astype(dtype)


def probability_rows(seed=0, n=6, k=4):
    return np.random.default_rng(seed).dirichlet(np.ones(k), size=n)


class TestValues:
    outputs = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.0]])
    targets = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # errors 0, −2, ½ and 3, 0, −1

    @pytest.mark.parametrize(
        ("loss", "value", "gradient"),
        [
            (mean_squared_error, 14.25 / 6, [[0, -4 / 6, 1 / 6], [1, 0, -2 / 6]]),
            (half_squared_error, 14.25 / 4, [[0, -1, 0.25], [1.5, 0, -0.5]]),
            (mean_absolute_error, 6.5 / 6, [[0, -1 / 6, 1 / 6], [1 / 6, 0, -1 / 6]]),
            (huber, (1.5 + 0.125 + 2.5 + 0.5) / 6, [[0, -1 / 6, 1 / 12], [1 / 6, 0, -1 / 6]]),
        ],
    )
    def test_regression(self, loss, value, gradient):
        got_value, got_gradient = loss(self.outputs, self.targets)
        assert type(got_value) is float and got_value == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(got_gradient, gradient, rtol=1e-14)

    def test_half_squared_error_is_k_half_times_the_mean(self):
        outputs, targets = case(mean_squared_error)
        half, mean = half_squared_error(outputs, targets), mean_squared_error(outputs, targets)
        assert half[0] == pytest.approx(mean[0] * 4 / 2)
        np.testing.assert_allclose(half[1], mean[1] * 4 / 2)

    @pytest.mark.parametrize("delta", [0.1, 1.0, 2.5, 100.0])
    def test_huber_pieces(self, delta):
        outputs, targets = case(huber)
        e = outputs - targets
        pieces = np.where(abs(e) <= delta, e**2 / 2, delta * (abs(e) - delta / 2))
        assert huber(outputs, targets, delta)[0] == pytest.approx(pieces.mean(), rel=1e-13)
        assert huber(outputs, targets, delta=delta)[0] == huber(outputs, targets, delta)[0]

    def test_binary_cross_entropy_of_nothing_known(self):
        value, gradient = binary_cross_entropy(np.zeros(4), [0, 1, 1, 0])
        assert value == pytest.approx(math.log(2), abs=1e-15)
        np.testing.assert_allclose(gradient, [0.125, -0.125, -0.125, 0.125])

    def test_binary_cross_entropy_is_its_definition(self):
        z, y = case(binary_cross_entropy)
        p = 1 / (1 + np.exp(-z))
        value, gradient = binary_cross_entropy(z, y)
        assert value == pytest.approx(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)), rel=1e-13)
        np.testing.assert_allclose(gradient, (p - y) / z.size, rtol=0, atol=1e-15)

    def test_binary_is_the_two_class_softmax(self):
        z, y = np.random.default_rng(0).normal(size=9), np.arange(9) % 2
        both = np.column_stack([np.zeros(9), z])
        value, gradient = softmax_cross_entropy(both, y)
        assert binary_cross_entropy(z, y)[0] == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(binary_cross_entropy(z, y)[1], gradient[:, 1], atol=1e-16)

    def test_zero_logits_of_ten_classes(self):
        """Headline: ln 10."""
        value, _ = softmax_cross_entropy(np.zeros((5, 10)), [0, 3, 9, 9, 1])
        assert abs(value - math.log(10)) < 1e-12

    def test_gradient_is_p_minus_y(self):
        """Headline: (p − y)/n."""
        z, y = np.random.default_rng(0).normal(size=(7, 10)) * 3, np.arange(7)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        gradient = softmax_cross_entropy(z, y)[1]
        np.testing.assert_allclose(gradient, (p - np.eye(10)[y]) / 7, rtol=0, atol=1e-12)

    def test_integer_labels_are_one_hot_rows(self):
        z, y = case(softmax_cross_entropy)
        for rows in (np.eye(4)[y], np.eye(4, dtype=int)[y], np.eye(4, dtype=np.float32)[y]):
            assert softmax_cross_entropy(z, rows)[0] == pytest.approx(softmax_cross_entropy(z, y)[0], rel=1e-15)
            np.testing.assert_allclose(softmax_cross_entropy(z, rows)[1], softmax_cross_entropy(z, y)[1], atol=1e-17)

    def test_probability_rows(self):
        z, y = case(softmax_cross_entropy)[0], probability_rows()
        assert softmax_cross_entropy(z, y)[0] == pytest.approx(-np.sum(y * scipy.special.log_softmax(z, axis=1)) / 6)

    @pytest.mark.parametrize("s", [0.0, 0.1, 1.0])
    def test_label_smoothing(self, s):
        z, y = case(softmax_cross_entropy)
        smooth = (1 - s) * np.eye(4)[y] + s / 4
        for targets in (y, np.eye(4)[y]):
            value, gradient = softmax_cross_entropy(z, targets, label_smoothing=s)
            expected = softmax_cross_entropy(z, smooth)
            assert value == pytest.approx(expected[0], rel=1e-14)
            np.testing.assert_allclose(gradient, expected[1], atol=1e-16)
        z, y = case(binary_cross_entropy)
        assert binary_cross_entropy(z, y, s)[0] == binary_cross_entropy(z, (1 - s) * y + s / 2)[0]

    def test_l2_penalty(self):
        w = np.arange(6.0).reshape(2, 3)
        value, gradient = l2_penalty(w, 0.2)
        assert type(value) is float and value == pytest.approx(0.1 * 55)
        np.testing.assert_allclose(gradient, 0.2 * w)
        assert l2_penalty(w, 0) == (0, pytest.approx(np.zeros((2, 3))))


class TestGradients:
    """Every gradient against central differences: within 1e-7, kinks of |e| and Huber's corner excluded."""

    @pytest.mark.parametrize("shape", ["(n, K)", "(n,)"])
    @pytest.mark.parametrize("loss", SAME_SHAPE)
    def test_same_shape(self, loss, shape):
        outputs, targets = case(loss)
        if shape == "(n,)":
            outputs, targets = outputs[:, 0], targets[:, 0]
        result = check_gradient(lambda o: loss(o, targets)[0], lambda o: loss(o, targets)[1], outputs, tolerance=1e-7)
        assert result.passed and not result.kinks, result

    @pytest.mark.parametrize("s", [0.0, 0.2])
    @pytest.mark.parametrize("kind", ["labels", "one-hot", "probabilities"])
    def test_softmax_cross_entropy(self, kind, s):
        outputs, y = case(softmax_cross_entropy)
        targets = {"labels": y, "one-hot": np.eye(4)[y], "probabilities": probability_rows()}[kind]
        result = check_gradient(
            lambda o: softmax_cross_entropy(o, targets, s)[0],
            softmax_cross_entropy(outputs, targets, s)[1],
            outputs,
            tolerance=1e-7,
        )
        assert result.passed, result

    def test_binary_smoothing_and_huber_delta(self):
        z, y = case(binary_cross_entropy)
        assert check_gradient(
            lambda o: binary_cross_entropy(o, y, 0.3)[0], binary_cross_entropy(z, y, 0.3)[1], z
        ).passed
        o, t = case(huber)
        for delta in (0.3, 2.0):
            assert check_gradient(lambda v, d=delta: huber(v, t, d)[0], huber(o, t, delta)[1], o).passed

    def test_l2_penalty(self):
        w = case(mean_squared_error)[0]
        assert check_gradient(lambda v: l2_penalty(v, 0.3)[0], lambda v: l2_penalty(v, 0.3)[1], w).passed

    def test_a_wrong_gradient_fails(self):
        o, t = case(mean_squared_error)
        assert not check_gradient(lambda v: mean_squared_error(v, t)[0], half_squared_error(o, t)[1], o).passed

    def test_mse_through_a_saturated_sigmoid_vanishes_and_cross_entropy_does_not(self):
        """Headline: with p ≈ 1 and y = 0 the gradient of the squared error has a factor p(1 − p), e^−10 here."""
        z, y = np.array([10.0]), np.array([0.0])
        p = 1 / (1 + np.exp(-z))
        through_sigmoid = mean_squared_error(p, y)[1] * p * (1 - p)
        cross_entropy = binary_cross_entropy(z, y)[1]
        assert cross_entropy[0] == pytest.approx(1, abs=1e-4)
        assert through_sigmoid[0] / cross_entropy[0] == pytest.approx(2 * math.exp(-10), rel=1e-3)


def curvature_by_differences(loss, outputs, targets, r, h=1e-6, **options):
    ahead, behind = (loss.core(outputs + step * r, targets, **options)[1] for step in (h, -h))
    return (ahead - behind) / (2 * h)


class TestCurvature:
    """(∂²ℓ/∂z²) r against differences of the gradients."""

    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
    def test_against_differences_of_gradients(self, loss, seed):
        outputs, targets = case(loss.function, seed=seed)
        r = np.random.default_rng(seed + 9).normal(size=outputs.shape)
        found = loss.curvature_times(outputs, targets, r)
        np.testing.assert_allclose(found, curvature_by_differences(loss, outputs, targets, r), rtol=1e-7, atol=1e-9)
        np.testing.assert_array_equal(found, loss.curvature_core(outputs, targets, r))

    @pytest.mark.parametrize("s", [0.0, 0.3])
    def test_soft_and_smoothed_targets(self, s):
        generator = np.random.default_rng(3)
        z, r = generator.normal(size=(2, 6, 4))
        for name, y in (
            ("cross_entropy", probability_rows()),
            ("binary_cross_entropy", generator.uniform(size=(6, 4))),
        ):
            loss = get_loss(name)
            expected = curvature_by_differences(loss, z, y, r, label_smoothing=s)
            np.testing.assert_allclose(loss.curvature_times(z, y, r, label_smoothing=s), expected, rtol=1e-7, atol=1e-9)

    def test_huber_is_curved_inside_only(self):
        loss, zero = get_loss("huber"), np.zeros(4)
        e = np.array([-2.0, 0.3, 0.6, 1.0])
        assert loss.curvature_times(e, zero, np.ones(4)).tolist() == [0, 0.25, 0.25, 0.25]
        assert loss.curvature_times(e, zero, np.ones(4), delta=0.5).tolist() == [0, 0.25, 0, 0]

    @pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
    def test_is_symmetric_and_never_negative(self, loss):
        outputs, targets = case(loss.function)
        basis = np.eye(outputs.size).reshape(-1, *outputs.shape)
        matrix = np.array([loss.curvature_times(outputs, targets, r).ravel() for r in basis])
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-17)
        assert np.linalg.eigvalsh(matrix).min() > -1e-16

    @pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
    def test_keeps_float32_and_stays_finite(self, loss):
        outputs, targets = case(loss.function, np.float32)
        with np.errstate(all="raise", under="ignore"):
            found = loss.curvature_core(outputs * np.float32(1e4), targets, np.ones_like(outputs))
        assert found.dtype == np.float32 and found.shape == outputs.shape and np.isfinite(found).all()

    def test_bad_arguments(self):
        loss = get_loss("mse")
        with pytest.raises(ValueError, match=r"r: got float64 array of shape \(2,\); expected shape \(2, 1\)"):
            loss.curvature_times(np.zeros((2, 1)), np.zeros((2, 1)), np.zeros(2))
        with pytest.raises(ValueError, match=r"targets: got .*; expected shape"):
            loss.curvature_times(np.zeros((2, 1)), np.zeros(2), np.zeros((2, 1)))


class TestStability:
    def test_headline_logit_gap_110_in_float32(self):
        """From probabilities inf, or clipped 16.12 with no gradient; from logits 110 with all of it."""
        z, wrong = np.array([[110.0, 0.0]], np.float32), 1
        p = softmax(z)
        with np.errstate(divide="ignore"):
            assert -np.log(p[0, wrong]) == np.inf

        def clipped_loss(z):
            return float(-np.log(np.clip(softmax(z), np.float32(1e-7), 1)[0, wrong]))

        assert clipped_loss(z) == pytest.approx(16.12, abs=0.005)
        assert clipped_loss(z + np.array([[0, 1]], np.float32)) - clipped_loss(z) == 0

        value, gradient = softmax_cross_entropy(z, [wrong])
        assert value == 110
        np.testing.assert_array_equal(gradient, [[1, -1]])
        assert binary_cross_entropy(np.array([110.0], np.float32), [0])[0] == 110

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("size", [1e3, 1e10, 1e30])
    def test_huge_logits(self, dtype, size):
        z = np.array([[size, -size, 0], [-size, size, 0]], dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            for result in (
                softmax_cross_entropy(z, [0, 0]),
                softmax_cross_entropy(z, [0, 0], 0.1),
                binary_cross_entropy(z, np.ones_like(z)),
                binary_cross_entropy(z, np.ones_like(z), 0.1),
                huber(z, -z),
                mean_absolute_error(z, -z),
            ):
                assert math.isfinite(result[0]) and np.isfinite(result[1]).all()
            assert np.isfinite(log_softmax(z)).all()
            np.testing.assert_allclose(softmax(z).sum(axis=1), 1)

    def test_a_small_loss_keeps_its_digits(self):
        """ln(1 + e^z) − yz would give 0 here, since e^−20 is lost beside 20 in float32."""
        for dtype in (np.float32, np.float64):
            value, _ = binary_cross_entropy(np.array([20.0], dtype), [1])
            assert value == pytest.approx(math.exp(-20), rel=1e-6)
            value, _ = binary_cross_entropy(np.array([-20.0], dtype), [0])
            assert value == pytest.approx(math.exp(-20), rel=1e-6)

    def test_a_perfect_answer_costs_plus_zero(self):
        for value in (
            softmax_cross_entropy([[1e3, 0]], [0])[0],
            softmax_cross_entropy([[1e3, 0]], [[1, 0]])[0],
            binary_cross_entropy([1e3], [1])[0],
            mean_squared_error([1], [1])[0],
        ):
            assert repr(value) == "0.0"


class TestProperties:
    @given(z=matrices, shift=st.floats(-1e3, 1e3), y=labels)
    def test_shift_changes_nothing(self, z, shift, y):
        np.testing.assert_allclose(softmax(z + shift), softmax(z), rtol=1e-11)
        assert softmax_cross_entropy(z + shift, y)[0] == pytest.approx(softmax_cross_entropy(z, y)[0], abs=1e-11)

    @given(z=matrices, y=labels)
    def test_softmax_gradient_rows_sum_to_zero(self, z, y):
        np.testing.assert_allclose(softmax_cross_entropy(z, y)[1].sum(axis=1), 0, atol=1e-15)

    @given(a=matrices, b=matrices)
    def test_regression_losses_are_distances(self, a, b):
        for loss in REGRESSION:
            value, gradient = loss(a, b)
            assert value >= 0
            assert value == pytest.approx(loss(b, a)[0])
            np.testing.assert_allclose(gradient, -loss(b, a)[1])
            assert loss(a, a)[0] == 0 and not loss(a, a)[1].any()

    @given(a=matrices, b=matrices, delta=st.floats(0.01, 100))
    def test_huber_lies_below_both_its_limits(self, a, b, delta):
        value = huber(a, b, delta)[0]
        assert value <= mean_squared_error(a, b)[0] / 2 * (1 + 1e-12)
        assert value <= delta * mean_absolute_error(a, b)[0] * (1 + 1e-12)

    @given(z=matrices, q=matrices)
    def test_cross_entropy_is_at_least_entropy(self, z, q):
        """Gibbs' inequality, with equality where the softmax is the target."""
        y = softmax(q)
        entropy = float(-np.sum(y * log_softmax(q)) / 4)
        assert softmax_cross_entropy(z, y)[0] >= entropy - 1e-12
        value, gradient = softmax_cross_entropy(q, y)
        assert value == pytest.approx(entropy, abs=1e-12)
        np.testing.assert_allclose(gradient, 0, atol=1e-15)

    @given(z=matrices, y=labels, bits=arrays(np.float64, (4, 3), elements=st.sampled_from([0.0, 1.0])))
    def test_cross_entropies_are_not_negative(self, z, y, bits):
        assert softmax_cross_entropy(z, y)[0] >= 0
        assert binary_cross_entropy(z, bits)[0] >= 0

    @given(z=matrices, y=labels, w=st.floats(0, 1))
    def test_cross_entropy_is_convex(self, z, y, w):
        other = z[::-1] * 0.5 + 1
        between = softmax_cross_entropy(w * z + (1 - w) * other, y)[0]
        assert between <= w * softmax_cross_entropy(z, y)[0] + (1 - w) * softmax_cross_entropy(other, y)[0] + 1e-11

    @given(a=matrices, b=matrices, y=labels)
    def test_mean_over_samples(self, a, b, y):
        """A batch twice over has the same loss, and half the gradient a sample."""
        assume(np.abs(a - b).max() > 1e-3)
        bits = (b > 0).astype(float)
        targets = {softmax_cross_entropy: y, binary_cross_entropy: bits}
        for loss in ALL:
            t = targets.get(loss, b)
            once, twice = loss(a, t), loss(np.concatenate([a, a]), np.concatenate([t, t]))
            assert twice[0] == pytest.approx(once[0])
            np.testing.assert_allclose(2 * twice[1][:4], once[1], atol=1e-16)


class TestArrays:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("loss", ALL)
    def test_keeps_dtype_and_leaves_the_arguments(self, loss, dtype):
        outputs, targets = case(loss, dtype)
        before = outputs.copy(), targets.copy()
        for checked_or_bare in (loss, core(loss)):
            value, gradient = checked_or_bare(outputs, targets)
            assert type(value) is float
            assert gradient.dtype == dtype and gradient.shape == outputs.shape
            assert not np.shares_memory(gradient, outputs) and not np.shares_memory(gradient, targets)
        np.testing.assert_array_equal(outputs, before[0])
        np.testing.assert_array_equal(targets, before[1])

    @pytest.mark.parametrize("s", [0.0, 0.1])
    def test_keeps_dtype_in_the_other_paths(self, s):
        z, y = case(softmax_cross_entropy, np.float32)
        assert softmax_cross_entropy(z, y, s)[1].dtype == np.float32
        assert softmax_cross_entropy(z, np.eye(4)[y], s)[1].dtype == np.float32
        z, y = case(binary_cross_entropy, np.float32)
        assert binary_cross_entropy(z, y.astype(int), s)[1].dtype == np.float32
        assert huber(z, y, delta=0.1)[1].dtype == np.float32
        value, gradient = l2_penalty(z, 0.1)
        assert type(value) is float and gradient.dtype == np.float32
        assert softmax(z).dtype == log_softmax(z).dtype == np.float32

    @pytest.mark.parametrize("loss", ALL)
    def test_float64_targets_do_not_widen_float32_outputs(self, loss):
        outputs, targets = case(loss, np.float32)
        targets = targets if loss is softmax_cross_entropy else targets.astype(np.float64)
        assert loss(outputs, targets)[1].dtype == np.float32

    @pytest.mark.parametrize("function", [softmax, log_softmax, lambda z: l2_penalty(z, 1.0)[1]])
    def test_others_leave_their_argument(self, function):
        z = np.random.default_rng(0).normal(size=(3, 4))
        before = z.copy()
        assert not np.shares_memory(function(z), z)
        np.testing.assert_array_equal(z, before)

    @pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
    def test_labels_of_any_integer_type(self, dtype):
        z, y = case(softmax_cross_entropy)
        assert softmax_cross_entropy(z, y.astype(dtype))[0] == softmax_cross_entropy(z, y)[0]

    def test_read_only_strided_and_lists(self):
        z, y = case(softmax_cross_entropy)
        z.flags.writeable = False
        expected = softmax_cross_entropy(z[::2].copy(), y[::2].copy())[0]
        assert softmax_cross_entropy(z[::2], y[::2])[0] == expected
        assert softmax_cross_entropy(z[::2].tolist(), y[::2].tolist())[0] == expected
        assert softmax_cross_entropy(logits=z[::2], targets=y[::2])[0] == expected


class TestErrors:
    @pytest.mark.parametrize("loss", ALL)
    @pytest.mark.parametrize(
        ("outputs", "error", "message"),
        [
            (np.full((6, 4), np.nan), ValueError, "with 24 NaN or infinite values; expected only finite numbers"),
            (np.array([[np.inf, 0]]), ValueError, "with 1 NaN or infinite value; expected only finite numbers"),
            (np.zeros((0, 4)), ValueError, "float64 array of shape (0, 4); expected at least one value"),
            (np.zeros((6, 4), complex), TypeError, "expected an array of real numbers"),
            ("text", TypeError, "got 'text'; expected an array of real numbers"),
            (None, TypeError, "got None; expected an array of real numbers"),
            (np.zeros((2, 3, 4)), ValueError, "float64 array of shape (2, 3, 4); expected "),
            (1.0, ValueError, "float64 array of shape (); expected "),
        ],
    )
    def test_outputs(self, loss, outputs, error, message):
        first = next(iter(inspect.signature(loss).parameters))
        with pytest.raises(error) as caught:
            loss(outputs, case(loss)[1])
        assert str(caught.value).startswith(f"{first}: got ") and message in str(caught.value)

    @pytest.mark.parametrize("loss", SAME_SHAPE)
    @pytest.mark.parametrize(
        ("targets", "error", "message"),
        [
            (np.full((6, 4), np.nan), ValueError, "targets: got float64 array of shape (6, 4) with 24 NaN"),
            (np.zeros((6, 4), complex), TypeError, "targets: got complex128 array of shape (6, 4); expected an array"),
            (np.zeros(0), ValueError, "targets: got float64 array of shape (0,); expected at least one value"),
            (
                np.zeros((5, 4)),
                ValueError,
                "targets: got float64 array of shape (5, 4); expected shape (6, 4), that of",
            ),
            (
                np.zeros((1, 4)),
                ValueError,
                "targets: got float64 array of shape (1, 4); expected shape (6, 4), that of",
            ),
            (0.0, ValueError, "targets: got float64 array of shape (); expected shape (6, 4), that of"),
        ],
    )
    def test_targets(self, loss, targets, error, message):
        with pytest.raises(error) as caught:
            loss(case(loss)[0], targets)
        assert message in str(caught.value)

    @pytest.mark.parametrize("loss", SAME_SHAPE)
    @pytest.mark.parametrize(("outputs", "targets"), [((6, 1), (6,)), ((6,), (6, 1))])
    def test_a_column_against_a_row_does_not_broadcast(self, loss, outputs, targets):
        with pytest.raises(ValueError) as caught:
            loss(np.zeros(outputs), np.zeros(targets))
        assert "broadcast the two to a matrix of every output against every target" in str(caught.value)
        assert f"expected shape {outputs}" in str(caught.value)
        assert core(loss)(np.zeros(outputs), np.zeros(targets))[1].shape == (6, 6)  # what the check prevents

    @pytest.mark.parametrize("targets", [[0, 2], [-1, 1], [0.5, 1.5]])
    def test_binary_targets(self, targets):
        with pytest.raises(ValueError, match=r"targets: got values from .*; expected 0 or 1"):
            binary_cross_entropy([0.1, 0.2], targets)

    @pytest.mark.parametrize(
        ("targets", "message"),
        [
            ([0, 1, 4, 0, 0, 0], "targets: got values from 0 to 4; expected integers from 0 to 3"),
            ([0, 1, -1, 0, 0, 0], "targets: got values from -1 to 1; expected integers from 0 to 3"),
            ([0, 1], "targets: got 2 labels; expected 6, one a sample"),
            ([], "targets: got float64 array of shape (0,); expected at least one value"),
            ([0.0] * 6, "targets: got float64 array of shape (6,); expected a 1-D array of integers from 0 to 3"),
            (np.zeros((6, 1), int), "got int64 array of shape (6, 1); expected integer labels of shape (6,) or"),
            (np.zeros((6, 3)), "targets: got float64 array of shape (6, 3); expected integer labels of shape (6,) or"),
            (np.full((6, 4), np.nan), "targets: got float64 array of shape (6, 4) with 24 NaN"),
            (np.full((6, 4), 0.3), "targets: row 0 sums to 1.2; expected rows of probabilities, each summing to 1"),
            (np.tile([1.5, -0.5, 0, 0], (6, 1)), "targets: got values down to -0.5; expected probabilities"),
        ],
    )
    def test_class_targets(self, targets, message):
        with pytest.raises(ValueError) as caught:
            softmax_cross_entropy(case(softmax_cross_entropy)[0], targets)
        assert message in str(caught.value)

    def test_one_class_is_refused(self):
        """The softmax of one logit is 1 and its loss 0: a network trained on it would learn nothing, silently."""
        with pytest.raises(ValueError, match=r"expected at least 2 classes .*use binary_cross_entropy"):
            softmax_cross_entropy(np.zeros((6, 1)), np.zeros(6, int))

    @pytest.mark.parametrize(("value", "error"), [(-0.1, ValueError), (1.1, ValueError), (None, TypeError)])
    @pytest.mark.parametrize("loss", [binary_cross_entropy, softmax_cross_entropy])
    def test_label_smoothing(self, loss, value, error):
        with pytest.raises(error, match=r"label_smoothing: got .*; expected a finite number >= 0 and <= 1"):
            loss(*case(loss), label_smoothing=value)

    @pytest.mark.parametrize(
        ("delta", "error"), [(0, ValueError), (-1, ValueError), (math.nan, ValueError), ("1", TypeError)]
    )
    def test_delta(self, delta, error):
        with pytest.raises(error, match=r"delta: got .*; expected a finite number > 0"):
            huber(*case(huber), delta)

    def test_l2_penalty(self):
        with pytest.raises(ValueError, match="strength: got -1; expected a finite number >= 0"):
            l2_penalty([1.0], -1)
        with pytest.raises(ValueError, match=r"weights: .* NaN"):
            l2_penalty([math.nan], 1)

    def test_missing_argument(self):
        with pytest.raises(TypeError, match="missing a required argument: 'targets'"):
            mean_squared_error([1.0])

    def test_unknown_name(self):
        with pytest.raises(
            ValueError, match=r"loss: got 'crossentropy'; expected one of .*did you mean 'cross_entropy'"
        ):
            get_loss("crossentropy")


class TestRecords:
    def test_names(self):
        assert {name: loss.function for name, loss in LOSSES.items()} == NAMES
        for name, loss in LOSSES.items():
            assert isinstance(loss, Loss) and loss is get_loss(name) and loss.name == name
            assert loss.core is core(loss.function) is not loss.function

    def test_which_classify_and_how_many_outputs_they_need(self):
        assert {name for name, loss in LOSSES.items() if loss.classifies} == {"cross_entropy", "binary_cross_entropy"}
        assert {name for name, loss in LOSSES.items() if loss.fewest_outputs > 1} == {"cross_entropy"}

    @pytest.mark.parametrize("name", LOSSES)
    def test_check_then_core_is_the_function(self, name):
        loss = get_loss(name)
        outputs, targets = case(loss.function, np.float32)
        expected = loss.function(outputs, targets)
        checked = loss.check_targets("y", targets.tolist(), outputs.shape, outputs.dtype)
        assert checked.dtype == (np.int64 if name == "cross_entropy" else np.float32)
        for value, gradient in (loss.core(outputs, checked), loss(outputs, targets)):
            assert value == expected[0]
            np.testing.assert_array_equal(gradient, expected[1])

    @pytest.mark.parametrize(
        ("name", "targets"),
        [
            ("mse", np.zeros(6)),
            ("mse", np.full((6, 4), np.nan)),
            ("binary_cross_entropy", np.full((6, 4), -1.0)),
            ("cross_entropy", np.full(6, 4)),
            ("cross_entropy", np.full((6, 4), 0.3)),
            ("cross_entropy", np.tile([1.5, -0.5, 0, 0], (6, 1))),
        ],
    )
    def test_one_check_says_the_same_of_arguments_and_of_data(self, name, targets):
        outputs = np.zeros((6, 4))
        with pytest.raises(ValueError) as as_argument:
            LOSSES[name](outputs, targets)
        with pytest.raises(ValueError) as as_data:
            LOSSES[name].check_targets("y", targets, outputs.shape, outputs.dtype)
        assert str(as_data.value) == str(as_argument.value).replace("targets", "y", 1)

    def test_what_outputs_mean(self):
        outputs = np.array([[0.0, 2.0], [3.0, -1.0]])
        binary, classes, regression = (LOSSES[name] for name in ("binary_cross_entropy", "cross_entropy", "mse"))
        assert binary.predict(outputs).tolist() == [[0, 1], [1, 0]]
        assert binary.is_right(outputs, np.array([[0.0, 1.0], [0.0, 0.0]])).tolist() == [[True, True], [False, True]]
        np.testing.assert_allclose(binary.probabilities(outputs), 1 / (1 + np.exp(-outputs)), rtol=1e-14)
        assert classes.predict(outputs).tolist() == [1, 0]
        assert classes.is_right(outputs, np.array([1, 1])).tolist() == [True, False]
        assert classes.is_right(outputs, np.array([[0.4, 0.6], [0.5, 0.5]])).tolist() == [True, True]
        np.testing.assert_array_equal(classes.probabilities(outputs), softmax(outputs))
        assert regression.predict(outputs) is outputs
        assert np.isnan(regression.is_right(outputs, outputs)).all()
        with pytest.raises(ValueError, match="loss: got 'mse'; expected a classification loss"):
            regression.probabilities(outputs)

    def test_options_pass_through_the_call(self):
        outputs, targets = case(huber)
        assert get_loss("huber")(outputs, targets, delta=0.1)[0] == huber(outputs, targets, 0.1)[0]

    @pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
    def test_core_passes_nan_on(self, loss):
        """Training looks at the loss to see that a run diverged."""
        outputs, targets = case(loss.function)
        outputs[0, 0] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert math.isnan(loss.core(outputs, targets)[0])

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            get_loss("mse").name = "other"


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("y", [None, "ab", ["a", "b"], [[0, 1], [1]], {0: 1}, []])
def test_what_are_no_targets_gets_one_message_from_a_loss_and_from_a_network(name, y):
    outputs = LOSSES[name].fewest_outputs
    network = MLP([2, outputs], loss=name, dtype="float64")
    with pytest.raises((TypeError, ValueError), match=r"^targets: got .*; expected") as of_loss:
        LOSSES[name].function(np.zeros((2, outputs)), y)
    with pytest.raises((TypeError, ValueError)) as of_network:
        network.loss(np.ones((2, 2)), y)
    assert str(of_network.value) == str(of_loss.value).replace("targets", "y", 1)
