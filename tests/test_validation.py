"""Argument checks: what passes comes back unchanged, what does not is named with what came and what was expected."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils import _validation as v


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros((3, 2), np.float32), "float32 array of shape (3, 2)"),
        (np.array(1), "int64 array of shape ()"),
        (-0.5, "-0.5"),
        ("rleu", "'rleu'"),
        (None, "None"),
    ],
)
def test_describe(value, expected):
    assert v.describe(value) == expected


def test_describe_shortens_long_values():
    text = v.describe(list(range(1000)))
    assert text.startswith("list [0, 1, 2") and text.endswith("...") and len(text) < 80


class TestChoice:
    def test_passes(self):
        assert v.check_choice("activation", "relu", ["relu", "tanh"]) == "relu"

    @pytest.mark.parametrize("value", ["rleu", "RELU", "Relu", "relu6"])
    def test_names_the_nearest(self, value):
        with pytest.raises(ValueError, match=r"activation: got .*; expected one of .*did you mean 'relu'"):
            v.check_choice("activation", value, ["relu", "tanh"])

    @pytest.mark.parametrize("value", [None, 3, "zzz"])
    def test_no_hint_when_nothing_is_near(self, value):
        with pytest.raises(ValueError, match="activation: got") as error:
            v.check_choice("activation", value, ["relu", "tanh"])
        assert "did you mean" not in str(error.value)

    def test_accepts_the_keys_of_a_dict_and_a_generator(self):
        assert v.check_choice("a", "x", {"x": 1}) == "x"
        assert v.check_choice("a", "y", (name for name in "xy")) == "y"


class TestNumber:
    @pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.float64(1), np.int8(1), np.array(1.0), np.array(1)])
    def test_passes_as_a_plain_float(self, value):
        result = v.check_number("a", value)
        assert type(result) is float and result == 1.0

    @pytest.mark.parametrize("value", [None, "1", True, np.True_, 1j, [1.0], np.array([1.0]), np.array("1"), object()])
    def test_wrong_type(self, value):
        with pytest.raises(TypeError, match=r"learning_rate: got .*; expected a finite number"):
            v.check_number("learning_rate", value)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), np.array(np.inf)])
    def test_not_finite(self, value):
        with pytest.raises(ValueError, match=r"a: got .*; expected a finite number"):
            v.check_number("a", value)

    @pytest.mark.parametrize(
        ("value", "bounds", "expected"),
        [
            (-1.0, {"low": 0.0}, ">= 0"),
            (0.0, {"low": 0.0, "low_open": True}, "> 0"),
            (1.5, {"high": 1.0}, "<= 1"),
            (1.0, {"high": 1.0, "high_open": True}, "< 1"),
            (2, {"low": 0.0, "high": 1.0, "high_open": True}, ">= 0 and < 1"),
        ],
    )
    def test_out_of_bounds(self, value, bounds, expected):
        with pytest.raises(ValueError, match=f"a: got {value}; expected a finite number {expected}$"):
            v.check_number("a", value, **bounds)

    @given(st.floats(0, 1))
    def test_closed_interval(self, value):
        assert v.check_number("a", value, low=0.0, high=1.0) == value


class TestInteger:
    @pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
    def test_passes_as_a_plain_int(self, value):
        result = v.check_integer("n", value, low=3, high=3)
        assert type(result) is int and result == 3

    @pytest.mark.parametrize("value", [1.5, 2.0, np.float64(2), "2", None, True, np.array([2]), 1j])
    def test_wrong_type(self, value):
        with pytest.raises(TypeError, match=r"batch_size: got .*; expected an integer >= 1"):
            v.check_integer("batch_size", value, low=1)

    @pytest.mark.parametrize("value", [0, -1, 11])
    def test_out_of_bounds(self, value):
        with pytest.raises(ValueError, match=f"n: got {value}; expected an integer >= 1 and <= 10"):
            v.check_integer("n", value, low=1, high=10)


class TestArray:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_never_copies_a_float_array(self, dtype):
        x = np.ones((2, 3), dtype)
        assert v.check_array("x", x, ndim=2, shape=(None, 3)) is x

    @pytest.mark.parametrize("value", [[1, 2], np.array([1, 2], np.uint8), [True, False], np.array([1, 2], np.float16)])
    def test_other_numbers_become_float64(self, value):
        assert v.check_array("x", value).dtype == np.float64

    @pytest.mark.parametrize("value", ["abc", None, [1, "a"], [[1], [1, 2]], [1j], object(), [None]])
    def test_wrong_type(self, value):
        with pytest.raises(TypeError, match=r"x: got .*; expected an array of real numbers"):
            v.check_array("x", value)

    def test_shape_and_dimensions(self):
        with pytest.raises(ValueError, match=r"x: got float64 array of shape \(2, 3\); expected shape \(any, 4\)"):
            v.check_array("x", np.ones((2, 3)), shape=(None, 4))
        with pytest.raises(ValueError, match=r"expected shape \(6,\)"):
            v.check_array("x", np.ones((2, 3)), shape=(6,))
        with pytest.raises(ValueError, match=r"expected 1 dimension$"):
            v.check_array("x", np.ones((2, 3)), ndim=1)

    def test_empty(self):
        with pytest.raises(ValueError, match=r"x: got float64 array of shape \(0, 3\); expected at least one value"):
            v.check_array("x", np.ones((0, 3)), shape=(None, 3))

    @pytest.mark.parametrize(
        ("bad", "text"), [([np.nan], "1 NaN or infinite value;"), ([np.inf, np.nan], "2 NaN or infinite values;")]
    )
    def test_not_finite(self, bad, text):
        with pytest.raises(ValueError, match=f"x: got .* with {text} expected only finite numbers"):
            v.check_array("x", [*bad, 1.0])
        assert v.check_array("x", [*bad, 1.0], finite=False).shape == (len(bad) + 1,)


class TestLabels:
    @pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int32])
    def test_passes(self, dtype):
        labels = np.array([0, 2, 1], dtype)
        assert v.check_labels("y", labels, n_classes=3, n_samples=3) is labels

    @pytest.mark.parametrize("bad", [[0, 3], [-1, 0]])
    def test_out_of_range(self, bad):
        with pytest.raises(ValueError, match=f"y: got values from {bad[0]} to {bad[1]}; expected integers from 0 to 2"):
            v.check_labels("y", bad, n_classes=3)

    @pytest.mark.parametrize("bad", [[0.0, 1.0], [[0], [1]], ["a"], 0, [True, False]])
    def test_wrong_kind(self, bad):
        with pytest.raises(ValueError, match=r"y: got .*; expected a 1-D array of integers from 0 to 2"):
            v.check_labels("y", bad, n_classes=3)

    def test_wrong_number_and_none(self):
        with pytest.raises(ValueError, match="y: got 2 labels; expected 3, one a sample"):
            v.check_labels("y", [0, 1], n_classes=3, n_samples=3)
        with pytest.raises(ValueError, match=r"y: got .*; expected at least one value"):
            v.check_labels("y", [], n_classes=3)


class TestGenerator:
    def test_integer_reproduces(self):
        assert v.as_generator(3).random() == v.as_generator(np.int64(3)).random() == np.random.default_rng(3).random()

    def test_generator_is_used_itself(self):
        generator = np.random.default_rng(0)
        assert v.as_generator(generator) is generator
        assert v.check_generator("generator", generator) is generator

    @pytest.mark.parametrize("bad", [None, 1.5, "0", True, np.random.RandomState(0), [1]])
    def test_wrong_type(self, bad):
        with pytest.raises(TypeError, match=r"seed: got .*; expected an integer >= 0 or a numpy.random.Generator"):
            v.as_generator(bad)
        with pytest.raises(TypeError, match=r"generator: got .*; expected a numpy.random.Generator"):
            v.check_generator("generator", bad)

    def test_negative(self):
        with pytest.raises(ValueError, match="seed: got -1; expected an integer >= 0"):
            v.as_generator(-1)


class TestChecked:
    def test_checks_by_position_by_name_and_by_default(self):
        @v.checked(z=v.check_array, factor=v.check_number)
        def scale(z, factor=2.0):
            """Doc."""
            return factor * z

        assert scale([1, 2]).tolist() == scale(z=[1, 2]).tolist() == scale([2, 4], 1).tolist() == [2.0, 4.0]
        assert scale.__name__ == "scale" and scale.__doc__ == "Doc."
        with pytest.raises(TypeError, match="factor: got None"):
            scale([1], factor=None)
        with pytest.raises(TypeError, match="missing a required argument"):
            scale()

    def test_core_is_the_bare_formula(self):
        @v.checked(z=v.check_array)
        def same(z):
            return z

        assert v.core(same)("anything") == "anything"
        assert v.core(len) is len
