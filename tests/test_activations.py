"""Activations: right values, right derivatives, no overflow, dtype kept, arguments untouched, clear errors."""

import inspect
import math

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nnopt_utils import activations
from nnopt_utils._validation import core
from nnopt_utils.activations import ACTIVATIONS, Activation, get_activation, log_softmax, softmax
from nnopt_utils.gradients import central_difference

NAMES = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "softplus"]
FUNCTIONS = [name + end for end in ("", "_derivative", "_second_derivative") for name in NAMES]
KINKED = ["relu", "leaky_relu", "elu"]  # elu's derivative is continuous, but its second one jumps


def function(name):
    return getattr(activations, name)


class TestValues:
    """Each function against an independent form: Python's math or SciPy."""

    oracle = pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("linear", lambda z: z),
            ("sigmoid", scipy.special.expit),
            ("tanh", np.vectorize(math.tanh)),
            ("relu", lambda z: (z + abs(z)) / 2),
            ("leaky_relu", lambda z: np.array([v if v > 0 else 0.01 * v for v in z])),
            ("elu", lambda z: np.array([v if v > 0 else math.expm1(v) for v in z])),
            ("gelu", lambda z: z * scipy.special.ndtr(z)),
            ("softplus", lambda z: -scipy.special.log_expit(-z)),
            ("linear_derivative", np.ones_like),
            ("sigmoid_derivative", lambda z: 0.25 / np.cosh(z / 2) ** 2),
            ("tanh_derivative", lambda z: 1 / np.cosh(z) ** 2),
            ("relu_derivative", lambda z: np.array([1.0 if v > 0 else 0.0 for v in z])),
            ("leaky_relu_derivative", lambda z: np.array([1.0 if v > 0 else 0.01 for v in z])),
            ("elu_derivative", lambda z: np.array([1.0 if v > 0 else math.exp(v) for v in z])),
            ("gelu_derivative", lambda z: scipy.special.ndtr(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)),
            ("softplus_derivative", scipy.special.expit),
            ("linear_second_derivative", np.zeros_like),
            ("sigmoid_second_derivative", lambda z: -np.tanh(z / 2) * 0.25 / np.cosh(z / 2) ** 2),
            ("tanh_second_derivative", lambda z: -2 * np.sinh(z) / np.cosh(z) ** 3),
            ("relu_second_derivative", np.zeros_like),
            ("leaky_relu_second_derivative", np.zeros_like),
            ("elu_second_derivative", lambda z: np.array([0.0 if v > 0 else math.exp(v) for v in z])),
            ("gelu_second_derivative", lambda z: (2 - z * z) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)),
            ("softplus_second_derivative", lambda z: 0.25 / np.cosh(z / 2) ** 2),
        ],
    )

    @oracle
    def test_float64(self, name, expected):
        z = np.linspace(-30, 30, 12001)
        np.testing.assert_allclose(function(name)(z), expected(z), rtol=1e-14, atol=4e-15)

    @oracle
    def test_float32(self, name, expected):
        z = np.linspace(-30, 30, 12001).astype(np.float32)
        np.testing.assert_allclose(function(name)(z), expected(z.astype(np.float64)), rtol=5e-7, atol=3e-7)

    def test_small_values_keep_their_digits(self):
        """A sigmoid written as (1 + tanh(z/2)) / 2, or softplus as log(1 + exp(z)), gives 0 here."""
        z = np.array([-40.0, -100.0, -700.0])
        np.testing.assert_allclose(activations.sigmoid(z), np.exp(z), rtol=1e-14)
        np.testing.assert_allclose(activations.softplus(z), np.exp(z), rtol=1e-14)
        np.testing.assert_allclose(activations.elu([-1e-12]), [-1e-12], rtol=1e-11)
        np.testing.assert_allclose(activations.gelu([-8.0]), -8 * scipy.special.ndtr(-8.0), rtol=1e-10)

    def test_normal_distribution_function(self):
        z = np.linspace(-12, 12, 100_001)
        np.testing.assert_allclose(activations._normal_cdf(z), scipy.special.ndtr(z), rtol=0, atol=1e-15)

    def test_gelu_is_not_the_tanh_approximation(self):
        z = np.linspace(-5, 5, 1001)
        approximation = z / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
        difference = abs(activations.gelu(z) - approximation).max()
        assert 4e-4 < difference < 5e-4

    @pytest.mark.parametrize(
        ("name", "at_zero"),
        [
            ("relu_derivative", 0.0),
            ("leaky_relu_derivative", 0.01),
            ("elu_derivative", 1.0),
            ("relu_second_derivative", 0.0),
            ("leaky_relu_second_derivative", 0.0),
            ("elu_second_derivative", 1.0),
        ],
    )
    def test_derivative_at_the_kink(self, name, at_zero):
        assert function(name)(0.0) == at_zero
        assert function(name)(-0.0) == at_zero

    @pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 3.0])
    def test_slope(self, slope):
        np.testing.assert_allclose(activations.leaky_relu([-2.0, 2.0], slope), [-2 * slope, 2])
        np.testing.assert_allclose(activations.leaky_relu_derivative([-2.0, 2.0], slope=slope), [slope, 1])

    @pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
    def test_alpha(self, alpha):
        np.testing.assert_allclose(activations.elu([-50.0, 2.0], alpha), [-alpha, 2], rtol=1e-12)
        np.testing.assert_allclose(activations.elu_derivative([-1.0, 2.0], alpha=alpha), [alpha / math.e, 1])
        np.testing.assert_allclose(activations.elu_second_derivative([-1.0, 2.0], alpha=alpha), [alpha / math.e, 0])


class TestDerivatives:
    @pytest.mark.parametrize("name", NAMES)
    @given(z=st.floats(-20, 20))
    def test_against_central_differences(self, name, z):
        if name in KINKED and abs(z) < 1e-3:
            return
        numeric = central_difference(lambda theta: function(name)(theta)[0], [z])[0]
        assert function(f"{name}_derivative")([z])[0] == pytest.approx(numeric, abs=1e-8)

    @pytest.mark.parametrize("name", NAMES)
    @given(z=st.floats(-20, 20))
    def test_second_against_central_differences_of_the_first(self, name, z):
        if name in KINKED and abs(z) < 1e-3:
            return
        numeric = central_difference(lambda theta: function(f"{name}_derivative")(theta)[0], [z])[0]
        assert function(f"{name}_second_derivative")([z])[0] == pytest.approx(numeric, abs=1e-8)

    @pytest.mark.parametrize("end", ["_derivative", "_second_derivative"])
    @pytest.mark.parametrize("name", ["sigmoid", "tanh", "elu", "gelu", "softplus"])
    def test_takes_the_pre_activation(self, name, end):
        """A derivative that takes φ(z) in place of z must not pass, so z and φ(z) have to give different results."""
        z = np.array([-1.5, 0.7])
        derivative = function(name + end)
        assert abs(derivative(z) - derivative(function(name)(z))).max() > 1e-3


class TestExtremes:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_no_warning_and_finite(self, name, dtype):
        z = np.array([-1e30, -1000, -100, -1e-30, -0.0, 0, 1e-30, 100, 1000, 1e30], dtype)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            assert np.isfinite(function(name)(z)).all()

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize(
        ("name", "below", "above"),
        [
            ("sigmoid", 0, 1),
            ("tanh", -1, 1),
            ("relu", 0, 1000),
            ("leaky_relu", -10, 1000),
            ("elu", -1, 1000),
            ("gelu", 0, 1000),
            ("softplus", 0, 1000),
            ("sigmoid_derivative", 0, 0),
            ("tanh_derivative", 0, 0),
            ("gelu_derivative", 0, 1),
            ("softplus_derivative", 0, 1),
            ("sigmoid_second_derivative", 0, 0),
            ("tanh_second_derivative", 0, 0),
            ("elu_second_derivative", 0, 0),
            ("gelu_second_derivative", 0, 0),
            ("softplus_second_derivative", 0, 0),
        ],
    )
    def test_limits(self, name, below, above, dtype):
        np.testing.assert_allclose(function(name)(np.array([-1000, 1000], dtype)), [below, above], rtol=1e-6)


class TestArrays:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_keeps_dtype_and_shape_and_leaves_the_argument(self, name, dtype):
        z = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(dtype)
        before = z.copy()
        result = function(name)(z)
        assert result.dtype == dtype and result.shape == z.shape
        assert not np.shares_memory(result, z)
        np.testing.assert_array_equal(z, before)

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_accepts_read_only_and_strided_arrays(self, name):
        z = np.linspace(-2, 2, 10)
        z.flags.writeable = False
        np.testing.assert_array_equal(function(name)(z[::2]), function(name)(z)[::2])

    @pytest.mark.parametrize("name", FUNCTIONS)
    @pytest.mark.parametrize("z", [1, 1.0, True, [1], (1.0,), np.float32(1), np.array(1), np.ones(1, np.float16)])
    def test_accepts_numbers_and_lists(self, name, z):
        result = function(name)(z)
        assert np.shape(result) == np.shape(z)
        assert np.allclose(result, function(name)(np.ones(1))[0])
        assert result.dtype == (np.float32 if isinstance(z, np.float32) else np.float64)

    @pytest.mark.parametrize("name", FUNCTIONS)
    @given(z=arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e3, 1e3)))
    def test_works_entry_by_entry(self, name, z):
        result = function(name)(z)
        alone = np.array([function(name)(v) for v in z.ravel()])
        np.testing.assert_allclose(result.ravel(), alone, rtol=1e-14, atol=1e-300)


class TestProperties:
    numbers = st.floats(-50, 50)

    @given(z=numbers)
    def test_symmetries(self, z):
        a = activations
        assert a.sigmoid(z) + a.sigmoid(-z) == pytest.approx(1, abs=1e-15)
        assert a.tanh(-z) == -a.tanh(z)
        assert a.relu(z) - a.relu(-z) == z
        assert a.softplus(z) - a.softplus(-z) == pytest.approx(z, abs=1e-13)
        assert a.gelu(z) - a.gelu(-z) == pytest.approx(z, abs=1e-13)
        assert a.tanh(z) == pytest.approx(2 * a.sigmoid(2 * z) - 1, abs=1e-15)

    @pytest.mark.parametrize("name", [name for name in NAMES if name != "gelu"])  # gelu falls below z = −0.75
    @given(z=numbers, step=st.floats(0, 10))
    def test_never_falls(self, name, z, step):
        assert function(name)(z + step) >= function(name)(z) - 1e-15
        assert function(f"{name}_derivative")(z) >= 0

    @given(z=numbers)
    def test_bounds(self, z):
        a = activations
        assert 0 < a.sigmoid(z) <= 1
        assert a.softplus(z) >= a.relu(z) >= a.gelu(z)
        assert 0 <= a.sigmoid_derivative(z) <= 0.25


class TestErrors:
    @pytest.mark.parametrize("name", FUNCTIONS)
    @pytest.mark.parametrize(
        ("z", "error", "message"),
        [
            ([1.0, math.nan], ValueError, "z: got float64 array of shape (2,) with 1 NaN or infinite value; expected"),
            (math.inf, ValueError, "with 1 NaN or infinite value; expected only finite numbers"),
            ([], ValueError, "z: got float64 array of shape (0,); expected at least one value"),
            (np.zeros((0, 3)), ValueError, "z: got float64 array of shape (0, 3); expected at least one value"),
            ([1j], TypeError, "z: got [1j]; expected an array of real numbers"),
            ("one", TypeError, "z: got 'one'; expected an array of real numbers"),
            (None, TypeError, "z: got None; expected an array of real numbers"),
            ([[1.0], [1.0, 2.0]], TypeError, "expected an array of real numbers"),
            (np.array([1.0, None]), TypeError, "z: got object array of shape (2,); expected an array of real numbers"),
        ],
    )
    def test_argument(self, name, z, error, message):
        with pytest.raises(error) as caught:
            function(name)(z)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "parameter"),
        [
            ("leaky_relu", "slope"),
            ("leaky_relu_derivative", "slope"),
            ("leaky_relu_second_derivative", "slope"),
            ("elu", "alpha"),
            ("elu_derivative", "alpha"),
            ("elu_second_derivative", "alpha"),
        ],
    )
    @pytest.mark.parametrize(("value", "error"), [(-0.1, ValueError), (math.nan, ValueError), ("a", TypeError)])
    def test_parameter(self, name, parameter, value, error):
        with pytest.raises(error, match=rf"{parameter}: got .*; expected a finite number >= 0"):
            function(name)([1.0], **{parameter: value})

    def test_missing_argument(self):
        with pytest.raises(TypeError, match="missing a required argument: 'z'"):
            activations.relu()

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"activation: got 'rleu'; expected one of 'linear', .*did you mean"):
            get_activation("rleu")
        with pytest.raises(ValueError, match="activation: got None"):
            get_activation(None)


class TestRecords:
    def test_names(self):
        assert list(ACTIVATIONS) == NAMES
        for name, activation in ACTIVATIONS.items():
            assert activation is get_activation(name)
            assert activation.name == name and activation.formula

    @pytest.mark.parametrize("name", NAMES)
    def test_hold_the_bare_formulas(self, name):
        activation = get_activation(name)
        assert activation.value is core(function(name)) is not function(name)
        assert activation.derivative is core(function(f"{name}_derivative"))
        assert activation.second_derivative is core(function(f"{name}_second_derivative"))

    @pytest.mark.parametrize("name", NAMES)
    def test_pass_nan_on(self, name):
        """A run that diverges must reach its loss, where training notices, and not stop in an activation."""
        z = np.array([np.nan, 1.0])
        with np.errstate(invalid="ignore"):
            value, derivative = get_activation(name).value(z), get_activation(name).derivative(z)
        assert np.isnan(value[0]) and np.isfinite(value[1])
        assert derivative.shape == z.shape and np.isfinite(derivative[1])

    def test_are_frozen(self):
        activation = get_activation("relu")
        assert isinstance(activation, Activation)
        with pytest.raises(AttributeError):
            activation.name = "other"

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_source_shows_the_formula(self, name):
        """Chapters print it: the body is at most two statements after the docstring, and no check is among them."""
        source = inspect.getsource(function(name))
        body = source[source.rindex('"""') + 3 :].strip().splitlines()
        assert f"def {name}(" in source
        assert len(body) <= 2 and "check" not in "".join(body)
        assert inspect.signature(function(name)).parameters["z"]


class TestSoftmax:
    def test_softmax_and_log_softmax(self):
        z = np.random.default_rng(0).normal(size=(3, 4, 5)) * 10
        for block in (z, z[0], z[0, 0]):
            np.testing.assert_allclose(softmax(block), scipy.special.softmax(block, axis=-1), rtol=1e-14)
            np.testing.assert_allclose(log_softmax(block), scipy.special.log_softmax(block, axis=-1), rtol=1e-13)

    @given(arrays(np.float64, (4, 3), elements=st.floats(-50, 50)))
    def test_softmax_sums_to_one(self, z):
        np.testing.assert_allclose(softmax(z).sum(axis=1), 1, rtol=1e-14)
        assert (softmax(z) >= 0).all()
        np.testing.assert_allclose(np.exp(log_softmax(z)), softmax(z), rtol=1e-12)

    @pytest.mark.parametrize("function", [softmax, log_softmax])
    @pytest.mark.parametrize(("z", "error"), [([math.nan], ValueError), ([], ValueError), ([1j], TypeError)])
    def test_errors(self, function, z, error):
        with pytest.raises(error, match="logits: got"):
            function(z)

    def test_softmax_needs_an_axis(self):
        for function in (softmax, log_softmax):
            with pytest.raises(ValueError, match=r"logits: got .*shape \(\); expected at least 1 dimension"):
                function(1.0)
