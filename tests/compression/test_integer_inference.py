"""Inference in integers: exact against Python's integers, near the float network, and without a float on the way."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
    ActivationScale,
    CompressedMLP,
    IntegerMLP,
    Masked,
    fixed_point,
    multiply_fixed_point,
)
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


def random_network(sizes, seed=0, **options):
    """A network whose biases are not zero, and inputs for it."""
    network, generator = MLP(sizes, seed=seed, **options), np.random.default_rng(seed)
    for b in network.biases:
        b[:] = generator.normal(scale=0.3, size=b.shape)
    return network, generator.normal(size=(200, sizes[0])).astype(network.dtype)


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


def trained(mnist, seed):
    network = MLP([784, 300, 100, 10], seed=seed)
    fit(network, Adam(learning_rate=0.001), mnist, epochs=2, batch_size=128, seed=seed, progress=False)
    return network


# -- fixed point -----------------------------------------------------------------------------------------------------


class TestFixedPoint:
    @given(st.floats(min_value=2.0**-31, max_value=2.0**29))
    def test_a_factor_is_off_by_half_a_unit_of_31_bits_at_most(self, factor):
        m, e = (int(part) for part in fixed_point(factor))
        assert 2**30 <= m < 2**31
        assert abs(Fraction(m) * Fraction(2) ** (e - 31) - Fraction(factor)) <= Fraction(factor) / 2**31

    def test_a_fraction_that_rounds_to_one_takes_the_next_power(self):
        m, e = fixed_point(np.array([1 - 2.0**-40, 1.0]))
        assert m.tolist() == [2**30, 2**30] and e.tolist() == [1, 1]

    @pytest.mark.parametrize(
        ("factor", "expected"), [(0.0, (0, 0)), (2.0**-40, (0, 0)), (2.0**80, (2**31 - 1, 30)), (1.0, (2**30, 1))]
    )
    def test_what_is_out_of_range(self, factor, expected):
        assert tuple(int(part) for part in fixed_point(factor)) == expected

    @given(st.integers(-(2**31), 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(-31, 30))
    def test_a_product_is_that_of_exact_numbers(self, a, m, e):
        got = multiply_fixed_point(np.array(a, np.int32), np.array(m, np.int32), np.array(e, np.int8))
        assert int(got) == floor(Fraction(a * m) * Fraction(2) ** (e - 31) + Fraction(1, 2))


class TestActivationScale:
    @given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
    def test_values_come_back_to_half_a_step_and_zero_exactly(self, values):
        array = np.array(values)
        grid = ActivationScale.of(array)
        assert -128 <= grid.zero_point <= 127
        assert grid.decode(grid.encode(np.zeros(1))) == 0
        back = grid.decode(grid.encode(array)).astype(float)
        # The zero point was rounded too, by which the ends may stand off the grid by half a step.
        assert (np.abs(back - array) <= 1.001 * grid.scale + 1e-6 * np.abs(array)).all()

    def test_what_is_outside_becomes_the_end(self):
        assert ActivationScale(1.0, 0).encode(np.array([1e30, -1e30, 0.4])).tolist() == [127, -128, 0]


# -- the network -----------------------------------------------------------------------------------------------------


def in_python(integer, tensors, codes):
    """The same in Python's integers, sample by sample and unit by unit, from the definition."""
    weights, biases, weight_scales, activation_scales, rectified = tensors
    for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
        (s_1, z_1), (s_3, z_3) = activation_scales[k], activation_scales[k + 1]
        rows = []
        for row in codes:
            units = []
            for j in range(len(b)):
                total = sum((int(q) - z_1) * int(w) for q, w in zip(row, W[:, j], strict=True)) + int(b[j])
                m, e = fixed_point(s_1 * weight_scales[k][j] / s_3)
                q_3 = z_3 + floor(Fraction(total * int(m)) * Fraction(2) ** (int(e) - 31) + Fraction(1, 2))
                units.append(min(max(q_3, z_3 if rectified[k] else -128), 127))
            rows.append(units)
        codes = rows
    return codes


@given(st.integers(0, 2**32 - 1))
def test_codes_are_those_of_exact_arithmetic(seed):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 6, size=generator.integers(2, 5))
    weights = [generator.integers(-127, 128, size=pair) for pair in pairwise(sizes)]
    biases = [generator.integers(-(2**14), 2**14, size=n) for n in sizes[1:]]
    weight_scales = [generator.uniform(0.001, 0.02, size=n) for n in sizes[1:]]
    scales = [
        (float(s), int(z)) for s, z in zip(generator.uniform(0.01, 1, 9), generator.integers(-128, 128, 9), strict=True)
    ]
    rectified = [bool(flag) for flag in generator.integers(0, 2, size=len(weights))]
    tensors = weights, biases, weight_scales, scales[: len(sizes)], rectified
    codes = generator.integers(-128, 128, size=(4, sizes[0])).astype(np.int8)
    integer = IntegerMLP(*tensors)
    assert integer.forward_integer(codes).tolist() == in_python(integer, tensors, codes.tolist())


class Watched(np.ndarray):
    """An array that notes the dtype of everything that it is computed with, or becomes."""

    seen: ClassVar[list] = []

    @classmethod
    def note(cls, *values):
        for value in values:
            if isinstance(value, np.ndarray | np.generic):
                cls.seen.append(value.dtype)
            elif isinstance(value, float):
                cls.seen.append(np.dtype(float))

    @classmethod
    def watch(cls, function, arguments, options):
        def plain(value):
            return value.view(np.ndarray) if isinstance(value, Watched) else value

        cls.note(*arguments, *options.values())
        options = {name: tuple(map(plain, v)) if name == "out" and v else v for name, v in options.items()}
        result = function(*map(plain, arguments), **options)
        cls.note(result)
        return np.asarray(result).view(Watched)

    def __array_ufunc__(self, ufunc, method, *arguments, **options):
        return self.watch(getattr(ufunc, method), arguments, options)

    def __array_function__(self, function, types, arguments, options):
        return self.watch(function, arguments, options)

    def astype(self, dtype, *rest, **options):
        self.note(np.empty(0, dtype))
        return super().astype(dtype, *rest, **options)


def test_there_is_no_float_between_codes_and_codes():
    network, x = random_network([6, 5, 4, 3])
    integer = IntegerMLP.from_network(network, x)
    codes, Watched.seen = integer.input_scale.encode(x), []
    watched = codes.view(Watched)
    for layer in integer.layers:
        watched = layer(watched)
        assert isinstance(watched, Watched)
    assert len(Watched.seen) > 50
    assert {dtype.kind for dtype in Watched.seen} == {"i"}
    assert (np.asarray(watched) == integer.forward_integer(codes)).all() and watched.dtype == np.int8
    arrays = [value for layer in integer.layers for value in vars(layer).values() if isinstance(value, np.ndarray)]
    assert {array.dtype.kind for array in arrays} == {"i"}


def test_the_watch_sees_floats():
    Watched.seen = []
    np.add(np.array([1, 2], np.int8).view(Watched), 0.5)
    np.array([1, 2], np.int8).view(Watched).astype(np.float32)
    assert {dtype.kind for dtype in Watched.seen} == {"i", "f"}


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_an_output_is_off_by_what_was_rounded_away(seed, per_channel):
    """One layer: steps of the outputs, of the inputs by every weight, of the weights by every input, of the bias."""
    network, x = random_network([5, 3], seed=seed % 1000, dtype="float64")
    integer = IntegerMLP.from_network(network, x, per_channel=per_channel)
    W, s_1, s_3 = network.weights[0], integer.input_scale.scale, integer.output_scale.scale
    s_2 = np.abs(W).max(axis=0) / 127 if per_channel else np.full(3, np.abs(W).max() / 127)
    bound = (
        1.5 * s_3 / 2 + s_1 * np.abs(W).sum(axis=0) + (np.abs(x).sum(axis=1)[:, None] + 5 * s_1) * s_2 / 2 + s_1 * s_2
    )
    assert (np.abs(integer.forward(x) - network.forward(x)) <= bound + s_3).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mnist_loses_next_to_nothing(mnist, seed):
    network = trained(mnist, seed)
    integer = IntegerMLP.from_network(network, mnist.x_train[:1000])
    whole = network.evaluate(mnist.x_test, mnist.y_test).accuracy
    assert whole > 0.96
    assert abs(integer.accuracy(mnist.x_test, mnist.y_test) - whole) <= 0.0005
    assert np.mean(integer.predict(mnist.x_test) == network.predict(mnist.x_test)) > 0.998
    assert 4 * network.n_parameters / integer.nbytes > 3.9


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "cross_entropy", "huber"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [[4, 2], [4, 9, 2], [4, 9, 7, 5, 2]])
def test_any_network_of_relus(loss, dtype, sizes):
    network, x = random_network(sizes, loss=loss, dtype=dtype)
    before = network.parameters.copy()
    integer = IntegerMLP.from_network(network, x)
    outputs = network.forward(x)
    assert integer.layer_sizes == sizes
    assert np.abs(integer.forward(x) - outputs).max() < 0.05 * np.abs(outputs).max()
    assert integer.predict(x).shape == network.predict(x).shape
    assert (network.parameters == before).all()


def test_linear_layers_are_not_clamped():
    """As a factorised matrix has them: the numbers between its factors are of both signs."""
    network, x = random_network([6, 3, 8, 2], activation=["linear", "relu"], loss="mse")
    integer = IntegerMLP.from_network(network, x)
    assert [layer.rectified for layer in integer.layers] == [False, True, False]
    assert np.abs(integer.forward(x) - network.forward(x)).max() < 0.05 * np.abs(network.forward(x)).max()


def test_zeros_of_a_mask_stay_zero():
    network, x = random_network([8, 6, 3])
    kept = np.abs(network.weights[0]) > np.median(np.abs(network.weights[0]))
    integer = IntegerMLP.from_network(CompressedMLP(network, {"weights[0]": Masked(kept)}), x)
    assert (integer.layers[0].weights[~kept] == 0).all()
    assert (integer.layers[0].weights[kept] != 0).mean() > 0.9


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_unit_without_weights_keeps_its_bias(per_channel):
    network, x = random_network([4, 3, 2], loss="mse")
    network.weights[0][:, 0] = 0
    network.weights[1][:, 1] = 1e-9
    network.biases[0][0], network.biases[1][:] = 0.7, [0.0, 5.0]
    integer = IntegerMLP.from_network(network, x, per_channel=per_channel)
    assert np.abs(integer.forward(x)[:, 1] - 5.0).max() <= integer.output_scale.scale
    hidden = integer.layers[0](integer.input_scale.encode(x))[:, 0]
    assert len(set(hidden.tolist())) == 1 and hidden[0] > integer.layers[0].zero_point


def test_a_network_of_zeros():
    network = MLP([3, 4, 2], initializer="zeros")
    integer = IntegerMLP.from_network(network, np.zeros((5, 3)))
    assert integer.forward(np.ones((2, 3))).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_inputs_beyond_the_calibration_are_cut_off():
    network, x = random_network([4, 6, 2])
    integer = IntegerMLP.from_network(network, x)
    assert (integer.forward(1000 * np.sign(x)) == integer.forward(10 * np.sign(x))).all()


def test_copies_answer_alike():
    network, x = random_network([4, 6, 2])
    integer = IntegerMLP.from_network(network, x)
    for twin in (copy.deepcopy(integer), pickle.loads(pickle.dumps(integer))):
        assert (twin.forward(x) == integer.forward(x)).all()


def test_bytes_are_those_of_the_arrays():
    network, x = random_network([784, 300, 100, 10])
    integer = IntegerMLP.from_network(network, x)
    assert integer.nbytes == 266_200 + 410 * (4 + 4 + 1)


# -- sums in int32 ---------------------------------------------------------------------------------------------------


def test_the_largest_sum_that_int32_holds_is_computed_and_a_larger_one_refused():
    fan_in = (2**31 - 1) // (255 * 127)
    W, scales = np.full((fan_in, 1), 127), ([1.0], [(1.0, -128), (2.0**25, 0)])
    integer = IntegerMLP([W], [[0]], *scales)
    codes = np.full((1, fan_in), 127, np.int8)
    assert integer.forward_integer(codes).item() == floor(255 * 127 * fan_in / 2**25 + 0.5) == 64
    message = r"weights\[0\]: got a unit whose sum can reach 2,14[78],\d{3},\d{3}; expected at most 2,147,483,647"
    with pytest.raises(ValueError, match=message):
        IntegerMLP([W], [[40_000]], *scales)
    with pytest.raises(ValueError, match=message):
        IntegerMLP([np.full((fan_in + 1, 1), 127)], [[0]], *scales)


# -- bad input -------------------------------------------------------------------------------------------------------

GOOD = {
    "weights": [np.ones((2, 3), int), np.ones((3, 1), int)],
    "biases": [[0, 0, 0], [0]],
    "weight_scales": [1.0, [1.0]],
    "activation_scales": [(1.0, 0), (1.0, 0), (1.0, 0)],
    "loss": "mse",
}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"weights": []}, ValueError, "weights: got no layer"),
        ({"biases": [[0, 0, 0]]}, ValueError, "biases: got 1; expected 2"),
        ({"activation_scales": [(1.0, 0)]}, ValueError, "activation_scales: got 1; expected 3"),
        ({"rectified": [True]}, ValueError, "rectified: got 1; expected 2"),
        ({"weights": [np.ones((2, 3)), np.ones((3, 1), int)]}, TypeError, r"weights\[0\].*expected integers"),
        ({"weights": [np.full((2, 3), -128), np.ones((3, 1), int)]}, ValueError, r"weights\[0\]: got -128; .* ±127"),
        ({"weights": [np.ones((2, 3), int), np.ones((4, 1), int)]}, ValueError, r"weights\[1\].*shape \(3, any\)"),
        ({"biases": [[0, 0], [0]]}, ValueError, r"biases\[0\].*shape \(3,\)"),
        ({"biases": [[0, 0, 2**31], [0]]}, ValueError, r"biases\[0\]: got 2147483648"),
        ({"biases": [[0.5, 0, 0], [0]]}, TypeError, r"biases\[0\].*expected integers"),
        ({"weight_scales": [1.0, [0.0]]}, ValueError, r"weight_scales\[1\]: got 0.0; expected numbers > 0"),
        ({"weight_scales": [[1.0, 2.0], 1.0]}, ValueError, r"weight_scales\[0\].*shape \(3,\)"),
        ({"weight_scales": ["a", 1.0]}, TypeError, r"weight_scales\[0\]"),
        ({"activation_scales": [(1.0, 0), (0.0, 0), (1.0, 0)]}, ValueError, r"activation_scales\[1\]'s scale: got 0"),
        ({"activation_scales": [(1.0, 200), (1.0, 0), (1.0, 0)]}, ValueError, r"\[0\]'s zero point: got 200"),
        ({"activation_scales": [(1.0, 0.5), (1.0, 0), (1.0, 0)]}, TypeError, r"\[0\]'s zero point: got 0.5"),
        ({"loss": "mze"}, ValueError, "did you mean 'mse'"),
    ],
)
def test_parts_that_do_not_fit(changed, error, message):
    IntegerMLP(**GOOD)
    with pytest.raises(error, match=message):
        IntegerMLP(**{**GOOD, **changed})


def test_what_is_no_network_of_relus_is_refused():
    with pytest.raises(TypeError, match=r"network: got .*expected an MLP"):
        IntegerMLP.from_network("lenet", np.ones((1, 2)))
    for name in ("tanh", "leaky_relu", "gelu"):
        with pytest.raises(ValueError, match=f"network: got the activation '{name}'.*expected 'relu' or 'linear'"):
            IntegerMLP.from_network(MLP([2, 3, 2], activation=name), np.ones((1, 2)))
    with pytest.raises(ValueError, match="x"):
        IntegerMLP.from_network(MLP([2, 3, 2]), np.ones((1, 3)))
    with pytest.raises(ValueError, match="NaN"):
        IntegerMLP.from_network(MLP([2, 3, 2]), np.full((1, 2), np.nan))


@pytest.mark.parametrize(
    "codes", [np.zeros((1, 2)), np.zeros((1, 2), np.int32), np.zeros(2, np.int8), np.zeros((1, 3), np.int8)]
)
def test_codes_are_int8_rows(codes):
    with pytest.raises(ValueError, match=r"codes: got .*; expected int8 of shape \(n, 2\)"):
        IntegerMLP(**GOOD).forward_integer(codes)
