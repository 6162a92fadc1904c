"""The gradient check: right for right gradients, alarmed by wrong ones, fair at kinks, clear in its errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnopt_utils.gradients import GradientCheck, central_difference, check_gradient
from nnopt_utils.losses import softmax_cross_entropy

THETA = np.array([0.3, -1.2, 2.0])


def smooth(theta):
    return math.sin(theta[0]) + theta[0] * theta[1] ** 2 + math.exp(0.5 * theta[2])


def smooth_gradient(theta):
    return np.array([math.cos(theta[0]) + theta[1] ** 2, 2 * theta[0] * theta[1], 0.5 * math.exp(0.5 * theta[2])])


def relu_sum(theta):
    return float(np.maximum(theta, 0).sum())


def relu_sum_gradient(theta):
    return (theta > 0).astype(float)


class TestCentralDifference:
    def test_known_gradient(self):
        np.testing.assert_allclose(central_difference(smooth, THETA), smooth_gradient(THETA), rtol=1e-9)

    @given(theta=arrays(np.float64, 4, elements=st.floats(-10, 10)))
    def test_exact_for_quadratics_up_to_rounding(self, theta):
        matrix = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.1
        numeric = central_difference(lambda t: t @ matrix @ t / 2, theta)
        np.testing.assert_allclose(numeric, matrix @ theta, atol=1e-7)

    def test_error_falls_as_h_squared_and_then_rises(self):
        """For e^x at 0 the error is h²/6 until rounding takes over: the reason for h near 1e-5."""

        def error(h):
            return abs(central_difference(lambda t: math.exp(t[0]), [0.0], h=h)[0] - 1)

        assert error(1e-2) == pytest.approx(1e-4 / 6, rel=1e-3)
        assert error(1e-2) / error(1e-3) == pytest.approx(100, rel=1e-2)
        assert error(1e-5) < 1e-9
        assert error(1e-10) > error(1e-5)

    def test_forward_difference_is_worse(self):
        h = 1e-5
        forward = (math.exp(h) - 1) / h
        assert abs(forward - 1) > 1e4 * abs(central_difference(lambda t: math.exp(t[0]), [0.0], h=h)[0] - 1)

    def test_shapes_and_indices(self):
        theta = np.arange(6.0).reshape(2, 3)
        full = central_difference(lambda t: float((t**2).sum()), theta)
        np.testing.assert_allclose(full, 2 * theta, atol=1e-9)
        part = central_difference(lambda t: float((t**2).sum()), theta, indices=[5, 0])
        np.testing.assert_allclose(part, [10, 0], atol=1e-9)
        assert central_difference(lambda t: t**2, 3.0) == pytest.approx(6)  # a number is a point too

    def test_accepts_lists_integers_and_strided_arrays(self):
        np.testing.assert_allclose(central_difference(sum, [1, 2]), [1, 1])
        np.testing.assert_allclose(central_difference(sum, np.arange(6)[::2]), np.ones(3))

    def test_leaves_theta_even_if_the_function_changes_its_argument(self):
        theta = THETA.copy()

        def destructive(t):
            value = float(t @ t)
            t[:] = np.nan
            return value

        np.testing.assert_allclose(central_difference(destructive, theta), 2 * THETA)
        assert check_gradient(destructive, lambda t: np.multiply(t, 2, out=t), theta).passed
        np.testing.assert_array_equal(theta, THETA)

    @pytest.mark.parametrize("result", [1, 1.0, np.float32(1), np.array(1.0), np.array([1.0]), np.array([[1]])])
    def test_function_may_return_any_kind_of_one_number(self, result):
        assert central_difference(lambda t: result, [1.0])[0] == 0


class TestCheckGradient:
    @pytest.mark.parametrize("gradient", [smooth_gradient, smooth_gradient(THETA)])
    def test_right(self, gradient):
        result = check_gradient(smooth, gradient, THETA)
        assert isinstance(result, GradientCheck)
        assert result.passed and result.relative_error < 1e-9 and result.kinks == ()
        np.testing.assert_array_equal(result.indices, [0, 1, 2])
        np.testing.assert_array_equal(result.analytic, smooth_gradient(THETA))
        np.testing.assert_array_equal(result.numeric, central_difference(smooth, THETA))

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda g: -g,
            lambda g: g / 2,
            lambda g: g + 1e-4,
            lambda g: g * (1 + 1e-5),
            lambda g: g[::-1],
            lambda g: 0 * g,
        ],
    )
    def test_wrong(self, wrong):
        result = check_gradient(smooth, wrong(smooth_gradient(THETA)), THETA)
        assert not result.passed and result.relative_error > 1e-6 and result.kinks == ()

    @given(
        theta=arrays(np.float64, 3, elements=st.floats(-3, 3)),
        index=st.integers(0, 2),
        error=st.floats(1e-3, 10) | st.floats(-10, -1e-3),
    )
    def test_finds_the_wrong_entry(self, theta, index, error):
        g = smooth_gradient(theta)
        assert check_gradient(smooth, g, theta).passed
        g[index] += error
        result = check_gradient(smooth, g, theta)
        assert not result.passed and result.worst_index == index and result.kinks == ()

    def test_relative_error_is_its_definition(self):
        result = check_gradient(smooth, 2 * smooth_gradient(THETA), THETA)
        assert result.relative_error == pytest.approx(0.5)
        result = check_gradient(smooth, -smooth_gradient(THETA), THETA)
        assert result.relative_error == pytest.approx(2)

    def test_scale_does_not_matter(self):
        for scale in (1e-8, 1.0, 1e8):
            right = check_gradient(lambda t, s=scale: s * smooth(t), lambda t, s=scale: s * smooth_gradient(t), THETA)
            wrong = check_gradient(
                lambda t, s=scale: s * smooth(t), lambda t, s=scale: 1.01 * s * smooth_gradient(t), THETA
            )
            assert right.passed and not wrong.passed and wrong.relative_error == pytest.approx(0.0099, rel=1e-3)

    def test_two_zero_gradients_agree(self):
        result = check_gradient(lambda t: 3.0, np.zeros(3), THETA)
        assert result.passed and result.relative_error == 0

    def test_near_a_minimum_a_wrong_sign_is_found_and_no_kink_seen(self):
        """There the one-sided slopes differ in sign although J is smooth."""
        theta = np.array([1e-6, -2e-6])
        assert check_gradient(lambda t: t @ t, lambda t: 2 * t, theta).passed
        result = check_gradient(lambda t: t @ t, lambda t: -2 * t, theta)
        assert not result.passed and result.kinks == ()

    def test_tolerance(self):
        g = smooth_gradient(THETA) * (1 + 1e-4)
        assert not check_gradient(smooth, g, THETA).passed
        result = check_gradient(smooth, g, THETA, tolerance=1e-3)
        assert result.passed and result.tolerance == 1e-3

    def test_indices(self):
        g = smooth_gradient(THETA)
        g[0] = 99
        assert check_gradient(smooth, g, THETA, indices=[1, 2]).passed
        result = check_gradient(smooth, g, THETA, indices=[2, 0])
        assert not result.passed and result.worst_index == 0
        np.testing.assert_array_equal(result.indices, [2, 0])

    def test_random_indices(self):
        theta = np.linspace(-1, 1, 1000)
        calls = []

        def counted(t):
            calls.append(1)
            return float(t @ t)

        result = check_gradient(counted, lambda t: 2 * t, theta, n_indices=20)
        assert result.passed and len(calls) == 40 and len(set(result.indices)) == 20
        again = check_gradient(counted, lambda t: 2 * t, theta, n_indices=20)
        other = check_gradient(counted, lambda t: 2 * t, theta, n_indices=20, seed=1)
        np.testing.assert_array_equal(result.indices, again.indices)
        assert not np.array_equal(result.indices, other.indices)
        assert len(check_gradient(counted, lambda t: 2 * t, theta[:5], n_indices=20).indices) == 5
        generator = np.random.default_rng(1)
        same = check_gradient(counted, lambda t: 2 * t, theta, n_indices=20, seed=generator)
        np.testing.assert_array_equal(same.indices, other.indices)

    def test_points_of_any_shape(self):
        z, y = np.random.default_rng(0).normal(size=(4, 3)), [0, 1, 2, 0]
        result = check_gradient(lambda o: softmax_cross_entropy(o, y)[0], softmax_cross_entropy(z, y)[1], z)
        assert result.passed and len(result.indices) == 12


class TestKinks:
    @pytest.mark.parametrize("distance", [0.0, 1e-7, 1e-6, 4e-6, 9e-6, -1e-7, -1e-6, -4e-6, -9e-6])
    def test_a_relu_kink_is_excluded(self, distance):
        theta = np.array([1.0, distance, -2.0])
        result = check_gradient(relu_sum, relu_sum_gradient, theta)
        assert result.passed and result.kinks == (1,) and result.worst_index != 1

    def test_beyond_h_nothing_is_excluded(self):
        result = check_gradient(relu_sum, relu_sum_gradient, [1.0, 1.1e-5, -1.1e-5])
        assert result.passed and result.kinks == ()

    def test_any_slope_between_the_sides_is_right_and_none_outside(self):
        theta = np.array([1.0, 0.0])
        for slope in (0.0, 0.3, 0.5, 1.0):
            assert check_gradient(relu_sum, np.array([1.0, slope]), theta).passed
        for slope in (-0.5, 1.5):
            result = check_gradient(relu_sum, np.array([1.0, slope]), theta)
            assert not result.passed and result.kinks == () and result.worst_index == 1

    def test_a_kink_hides_no_error_elsewhere(self):
        result = check_gradient(relu_sum, np.array([1.0, 0.0, 0.5]), np.array([1.0, 0.0, -2.0]))
        assert not result.passed and result.kinks == (1,) and result.worst_index == 2

    def test_a_small_kink_beside_a_large_slope(self):
        result = check_gradient(lambda t: t[0] + 1e-4 * max(t[1], 0), np.array([1.0, 0.0]), [1.0, 0.0])
        assert result.passed and result.kinks == (1,)

    @pytest.mark.parametrize("offset", np.linspace(300, 400, 7))
    @pytest.mark.parametrize("slope", [-1.0, 1.0])
    def test_a_kink_of_a_function_with_large_values(self, slope, offset):
        """There the one-sided slopes −1 and 1 are rounded, and g may lie just outside."""
        g = np.array([1.0, slope])
        result = check_gradient(lambda t: offset + t[0] + abs(t[1]), g, [1.0, 0.0], tolerance=1e-5)
        assert result.passed and result.kinks == (1,)

    @pytest.mark.parametrize("distance", [0.0, 1e-6, 3e-6, 8e-6])
    @pytest.mark.parametrize("curvature", [-2.0, 2.0])
    def test_a_kink_of_a_curved_function(self, curvature, distance):
        """There the slope at θ lies h·J''/2 outside of the two one-sided slopes."""
        theta = np.array([1.0, distance])
        g = np.array([1.0, curvature * distance + (distance > 0)])
        result = check_gradient(lambda t: t[0] + max(t[1], 0) + curvature / 2 * t[1] ** 2, g, theta)
        assert result.passed and result.kinks == (1,)

    @pytest.mark.parametrize("offset", np.linspace(3e4, 4e4, 7))
    def test_rounding_is_no_kink(self, offset):
        """The slopes of a straight line differ by rounding, which does not shrink along with h."""
        for slope in (1 - 1e-5, 1.0, 1 + 1e-5):
            result = check_gradient(lambda t: offset + t[0] / 3, np.array([slope / 3]), [1.0], tolerance=1e-9)
            assert result.kinks == ()

    def test_a_function_that_changes_its_argument(self):
        def destructive(t):
            value = relu_sum(t)
            t[:] = np.nan
            return value

        result = check_gradient(destructive, relu_sum_gradient, [1.0, 0.0, 1e-6])
        assert result.passed and result.kinks == (1, 2)

    def test_nothing_left_is_no_pass(self):
        result = check_gradient(relu_sum, relu_sum_gradient, np.zeros(3))
        assert not result.passed and result.kinks == (0, 1, 2)
        assert "over 0 coordinates, 3 kinks excluded" in repr(result)

    @given(seed=st.integers(0, 50))
    def test_absolute_values_of_a_linear_map(self, seed):
        """Rows of the map that vanish at θ put a kink under every coordinate they use."""
        generator = np.random.default_rng(seed)
        theta, matrix = generator.normal(size=5), generator.normal(size=(8, 5))
        offset = -matrix @ theta
        offset[1:] += generator.normal(size=7)  # row 0 is 0 at θ
        matrix[0, 2:] = 0

        def value(t):
            return float(np.abs(matrix @ t + offset).sum())

        def gradient(t):
            signs = np.sign(matrix @ t + offset)
            signs[0] = 0
            return matrix.T @ signs

        offset[0] = -matrix[0] @ theta
        result = check_gradient(value, gradient, theta)
        assert result.passed and set(result.kinks) <= {0, 1}


class TestRepr:
    def test_passed(self):
        text = repr(check_gradient(smooth, smooth_gradient, THETA))
        assert text.startswith("GradientCheck(passed: relative error ")
        assert "<= 1e-06 over 3 coordinates; largest error at index" in text and "kink" not in text

    def test_failed(self):
        text = repr(check_gradient(lambda t: t @ t, lambda t: t, [1.0, 2.0]))
        assert text == (
            "GradientCheck(FAILED: relative error 5.0e-01 > 1e-06 over 2 coordinates; "
            "largest error at index 1: analytic 2, numeric 4)"
        )

    def test_kinks(self):
        assert ", 1 kink excluded" in repr(check_gradient(relu_sum, relu_sum_gradient, [1.0, 0.0]))

    def test_is_frozen(self):
        with pytest.raises(AttributeError):
            check_gradient(smooth, smooth_gradient, THETA).passed = True


class TestErrors:
    both = pytest.mark.parametrize(
        "call",
        [
            lambda function=smooth, theta=THETA, **options: central_difference(function, theta, **options),
            lambda function=smooth, theta=THETA, **options: check_gradient(function, smooth_gradient, theta, **options),
        ],
        ids=["central_difference", "check_gradient"],
    )

    @both
    def test_float32(self, call):
        with pytest.raises(TypeError) as caught:
            call(theta=THETA.astype(np.float32))
        assert str(caught.value).startswith("theta: got float32 array of shape (3,); expected float64: float32 keeps 7")
        assert "MLP(..., dtype='float64')" in str(caught.value)

    @both
    @pytest.mark.parametrize(
        ("theta", "error", "message"),
        [
            ([1.0, math.nan], ValueError, "theta: got float64 array of shape (2,) with 1 NaN"),
            ([], ValueError, "theta: got float64 array of shape (0,); expected at least one value"),
            ([1j], TypeError, "theta: got [1j]; expected an array of real numbers"),
            (None, TypeError, "theta: got None; expected an array of real numbers"),
        ],
    )
    def test_theta(self, call, theta, error, message):
        with pytest.raises(error) as caught:
            call(theta=theta)
        assert message in str(caught.value)

    @both
    @pytest.mark.parametrize(
        ("h", "error"), [(0, ValueError), (-1e-5, ValueError), (math.inf, ValueError), ("a", TypeError)]
    )
    def test_h(self, call, h, error):
        with pytest.raises(error, match=r"h: got .*; expected a finite number > 0"):
            call(h=h)

    @both
    def test_h_too_small_for_theta(self, call):
        """θ + h = θ would give the gradient 0 without a word."""
        with pytest.raises(
            ValueError, match=r"h: got 1e-05 where theta reaches 1e\+12, and float64 rounds theta \+ h by"
        ):
            call(theta=[1.0, 1e12, 0.0])

    @both
    @pytest.mark.parametrize(
        ("function", "error", "message"),
        [
            (None, TypeError, "function: got None; expected a function of theta"),
            (lambda t: t, TypeError, "function: returned float64 array of shape (3,); expected one number"),
            (lambda t: (1.0, t), TypeError, "expected one number (a loss returns value and gradient: use its [0])"),
            (lambda t: None, TypeError, "function: returned None; expected one number"),
            (lambda t: "1", TypeError, "function: returned '1'; expected one number"),
            (lambda t: 1j, TypeError, "function: returned 1j; expected one number"),
            (lambda t: math.nan, ValueError, "function: returned nan; expected a finite number near theta"),
            (lambda t: -math.inf, ValueError, "function: returned -inf; expected a finite number near theta"),
        ],
    )
    def test_function(self, call, function, error, message):
        with pytest.raises(error) as caught:
            call(function=function)
        assert message in str(caught.value)

    @both
    @pytest.mark.parametrize(
        ("indices", "message"),
        [
            ([], "indices: got [] (0 entries)"),
            ([3], "indices: got 3 to 3; expected integers from 0 to 2"),
            ([-1, 0], "indices: got -1 to 0; expected integers from 0 to 2"),
            ([0.5], "indices: got [0.5]; expected a non-empty list of integers"),
            (1, "indices: got 1; expected a non-empty list of integers"),
            ([[0]], "indices: got [[0]]; expected a non-empty list of integers"),
            ([True, False, True], "indices: got [True, False, True]; expected a non-empty list of integers"),
        ],
    )
    def test_indices(self, call, indices, message):
        with pytest.raises(ValueError) as caught:
            call(indices=indices)
        assert message.replace(" (0 entries)", "; expected a non-empty list of integers") in str(caught.value)

    @pytest.mark.parametrize(
        ("gradient", "error", "message"),
        [
            (np.zeros(2), ValueError, "gradient: got float64 array of shape (2,); expected shape (3,), that of theta"),
            (
                lambda t: np.zeros((3, 1)),
                ValueError,
                "gradient: got float64 array of shape (3, 1); expected shape (3,)",
            ),
            (lambda t: np.full(3, np.nan), ValueError, "gradient: got float64 array of shape (3,) with 3 NaN"),
            (
                lambda t: np.zeros(3, np.float32),
                TypeError,
                "gradient: got float32 array of shape (3,); expected float64",
            ),
            (lambda t: (1.0, t), TypeError, "expected an array (a loss returns value and gradient: use its [1])"),
            (None, TypeError, "gradient: got None; expected an array of real numbers"),
        ],
    )
    def test_gradient(self, gradient, error, message):
        with pytest.raises(error) as caught:
            check_gradient(smooth, gradient, THETA)
        assert message in str(caught.value)

    def test_options(self):
        with pytest.raises(ValueError, match="n_indices: got it together with indices; expected one of the two"):
            check_gradient(smooth, smooth_gradient, THETA, indices=[0], n_indices=1)
        with pytest.raises(ValueError, match="n_indices: got 0; expected an integer >= 1"):
            check_gradient(smooth, smooth_gradient, THETA, n_indices=0)
        with pytest.raises(TypeError, match="seed: got None; expected an integer"):
            check_gradient(smooth, smooth_gradient, THETA, n_indices=1, seed=None)
        with pytest.raises(ValueError, match="tolerance: got 0; expected a finite number > 0"):
            check_gradient(smooth, smooth_gradient, THETA, tolerance=0)
