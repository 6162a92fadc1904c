"""Initialisers: shape, variance, bounds and source of randomness, and that they keep a deep network's variance."""

import itertools
import math

import numpy as np
import pytest

from nnopt_utils.activations import get_activation
from nnopt_utils.initializers import INITIALIZERS, get_initializer

FAN_IN, FAN_OUT = 300, 200
VARIANCES = {
    "zeros": 0.0,
    "normal": 0.05**2,
    "lecun_normal": 1 / FAN_IN,
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "he_uniform": 2 / FAN_IN,
    "he_normal": 2 / FAN_IN,
}
RANDOM = [name for name in VARIANCES if name != "zeros"]
everyone = pytest.mark.parametrize("name", VARIANCES)


def draw(name, seed=0, shape=(FAN_IN, FAN_OUT)):
    return INITIALIZERS[name](*shape, np.random.default_rng(seed))


def test_names():
    assert set(INITIALIZERS) == set(VARIANCES)
    assert all(get_initializer(name) is initializer for name, initializer in INITIALIZERS.items())


@everyone
@pytest.mark.parametrize("shape", [(FAN_IN, FAN_OUT), (1, 1), (1, 7), (7, 1)])
def test_shape_and_dtype(name, shape):
    weights = draw(name, shape=shape)
    assert weights.shape == shape and weights.dtype == np.float64
    assert weights.flags.c_contiguous and weights.flags.writeable and np.isfinite(weights).all()


@everyone
def test_accepts_numpy_integers(name):
    assert draw(name, shape=(np.int64(3), np.uint8(4))).shape == (3, 4)


@pytest.mark.parametrize("name", RANDOM)
def test_mean_and_variance(name):
    """Within four standard errors: of the mean σ/√N, of the variance at most σ²·√(2/N)."""
    weights, variance = draw(name), VARIANCES[name]
    assert abs(weights.mean()) < 4 * math.sqrt(variance / weights.size)
    assert weights.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / weights.size))


def test_variance_tells_the_rules_apart():
    """Fan-in and fan-out exchanged, or the variance of one rule for another, must not pass the test above."""
    sampling_error = 4 * math.sqrt(2 / (FAN_IN * FAN_OUT))
    distinct = sorted({VARIANCES[name] for name in RANDOM} | {1 / FAN_OUT, 2 / FAN_OUT})
    assert all(b / a - 1 > 2 * sampling_error for a, b in itertools.pairwise(distinct))


@pytest.mark.parametrize(
    ("name", "limit"),
    [("glorot_uniform", math.sqrt(6 / (FAN_IN + FAN_OUT))), ("he_uniform", math.sqrt(6 / FAN_IN))],
)
def test_uniform_fills_its_interval(name, limit):
    weights = draw(name)
    assert limit * 0.999 < abs(weights).max() <= limit
    counts, _ = np.histogram(weights, bins=10, range=(-limit, limit))
    assert abs(counts / weights.size - 0.1).max() < 0.01


@pytest.mark.parametrize("name", ["normal", "lecun_normal", "glorot_normal", "he_normal"])
def test_normal_is_not_cut_off(name):
    """4.55 % of a normal lies outside two standard deviations; Keras's truncated draws have nothing there."""
    weights = draw(name)
    outside = np.mean(abs(weights) > 2 * math.sqrt(VARIANCES[name]))
    assert outside == pytest.approx(0.0455, abs=0.004)


def test_std():
    weights = INITIALIZERS["normal"](FAN_IN, FAN_OUT, np.random.default_rng(0), std=2.0)
    np.testing.assert_allclose(weights, 40 * draw("normal"))
    assert not INITIALIZERS["normal"](3, 3, np.random.default_rng(0), std=0).any()


@pytest.mark.parametrize("name", RANDOM)
def test_randomness_comes_from_the_generator_only(name):
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(draw(name, seed=3), draw(name, seed=3))
    assert not np.array_equal(draw(name, seed=3), draw(name, seed=4))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    generator = np.random.default_rng(0)
    first, second = (INITIALIZERS[name](4, 4, generator) for _ in range(2))
    assert not np.array_equal(first, second)


def layer_ratio(initializer, activation, layers=20, width=300):
    """Mean square of the signal after 20 layers over that of the first layer's output."""
    generator = np.random.default_rng(0)
    a = generator.normal(size=(50, width))
    squares = []
    for _ in range(layers):
        a = get_activation(activation).value(a @ initializer(width, width, generator))
        squares.append(np.mean(a**2))
    return squares[-1] / squares[0]


def test_keeps_variance_through_twenty_layers():
    for name in ("he_normal", "he_uniform"):
        assert 0.5 < layer_ratio(INITIALIZERS[name], "relu") < 2
    for name in ("lecun_normal", "glorot_normal", "glorot_uniform"):
        assert 0.5 < layer_ratio(INITIALIZERS[name], "linear") < 2


def test_wrong_size_vanishes_or_explodes():
    def sized(std):
        return lambda fan_in, fan_out, generator: INITIALIZERS["normal"](fan_in, fan_out, generator, std=std)

    assert layer_ratio(sized(0.01), "relu") < 1e-10
    assert layer_ratio(sized(0.2), "relu") > 1e10
    assert layer_ratio(INITIALIZERS["glorot_normal"], "relu") < 1e-4  # half of He's variance, twenty times


class TestErrors:
    generator = np.random.default_rng(0)

    @everyone
    @pytest.mark.parametrize(
        ("fan_in", "fan_out", "error", "message"),
        [
            (0, 1, ValueError, "fan_in: got 0; expected an integer >= 1"),
            (1, -3, ValueError, "fan_out: got -3; expected an integer >= 1"),
            (1.0, 1, TypeError, "fan_in: got 1.0; expected an integer >= 1"),
            (1, True, TypeError, "fan_out: got True; expected an integer >= 1"),
            (1, None, TypeError, "fan_out: got None; expected an integer >= 1"),
        ],
    )
    def test_widths(self, name, fan_in, fan_out, error, message):
        with pytest.raises(error) as caught:
            INITIALIZERS[name](fan_in, fan_out, self.generator)
        assert str(caught.value) == message

    @everyone
    @pytest.mark.parametrize("generator", [0, None, np.random, np.random.RandomState(0)])
    def test_generator(self, name, generator):
        """A seed is refused: a network that passed one would start all layers of a width with the same weights."""
        with pytest.raises(TypeError, match=r"generator: got .*; expected a numpy.random.Generator, such as"):
            INITIALIZERS[name](2, 2, generator)

    @pytest.mark.parametrize(("std", "error"), [(-1, ValueError), (math.nan, ValueError), ("1", TypeError)])
    def test_std(self, std, error):
        with pytest.raises(error, match=r"std: got .*; expected a finite number >= 0"):
            INITIALIZERS["normal"](2, 2, self.generator, std=std)

    def test_unknown_name(self):
        with pytest.raises(ValueError, match=r"initializer: got 'he_norm'; expected one of .*did you mean 'he_norm"):
            get_initializer("he_norm")
