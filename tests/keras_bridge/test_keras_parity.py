"""Losses and activations equal Keras's, in float32 and float64; the neighbouring convention must not.

Keras runs here eagerly, on TensorFlow. Gradients come from ``tf.GradientTape``, so they test Keras's own derivatives.
"""

import numpy as np
import pytest

from nnopt_utils import activations, initializers, losses

TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
ROUNDED_CONSTANT = 1e-7  # where Keras or TensorFlow rounds a constant of the formula to float32, even in float64

pytestmark = pytest.mark.slow

both_dtypes = pytest.mark.parametrize("dtype", TOLERANCES)


@pytest.fixture
def value_and_gradient(keras):
    """Evaluate a function of one tensor in Keras: its value, and the gradient of its sum."""
    import tensorflow as tf

    def evaluate(function, point):
        tensor = tf.constant(point)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            value = function(tensor)
        return np.asarray(value), np.asarray(tape.gradient(value, tensor))

    return evaluate


def agree(ours, theirs, dtype, at_best=0.0):
    """Within the tolerance of the dtype, or ``at_best`` if that is larger, times 1 + the value."""
    tolerance = max(TOLERANCES[dtype], at_best)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def data(dtype, n=16, k=10, size=3.0):
    generator = np.random.default_rng(0)
    return (size * generator.normal(size=(n, k))).astype(dtype), generator.integers(k, size=n)


class TestActivations:
    z = np.concatenate([np.linspace(-8, 8, 1601), [-1000, -50, 50, 1000]])

    @both_dtypes
    @pytest.mark.parametrize(
        ("ours", "theirs", "options"),
        [
            ("linear", "linear", {}),
            ("sigmoid", "sigmoid", {}),
            ("tanh", "tanh", {}),
            ("relu", "relu", {}),
            ("leaky_relu", "leaky_relu", {"negative_slope": 0.01}),
            ("elu", "elu", {}),
            ("gelu", "gelu", {}),
            ("softplus", "softplus", {}),
        ],
    )
    def test_value_and_derivative(self, keras, value_and_gradient, ours, theirs, options, dtype):
        z = self.z.astype(dtype)
        function = getattr(keras.activations, theirs)
        value, derivative = value_and_gradient(lambda t: function(t, **options), z)
        activation = activations.get_activation(ours)
        at_best = ROUNDED_CONSTANT if ours in ("leaky_relu", "gelu") else 0.0
        agree(activation.value(z), value, dtype, at_best)
        agree(activation.derivative(z), derivative, dtype, at_best)
        agree(getattr(activations, ours)(z), value, dtype, at_best)

    @both_dtypes
    def test_parameters(self, keras, dtype):
        z = self.z.astype(dtype)
        for slope in (0.0, 0.2, 0.5):
            theirs = keras.activations.leaky_relu(z, negative_slope=slope)
            agree(activations.leaky_relu(z, slope), theirs, dtype, ROUNDED_CONSTANT)
        for alpha in (0.5, 2.0):
            agree(activations.elu(z, alpha), keras.activations.elu(z, alpha=alpha), dtype)

    def test_defaults_that_differ(self, keras):
        """As the docstrings warn: Keras's leaky ReLU has the slope 0.2, its layer 0.3, and the tanh GELU is another."""
        z = np.array([-1.0])
        assert activations.leaky_relu(z)[0] == -0.01
        assert float(keras.activations.leaky_relu(z)[0]) == pytest.approx(-0.2)
        assert float(keras.ops.leaky_relu(z)[0]) == pytest.approx(-0.2)
        assert float(keras.layers.LeakyReLU()(z)[0]) == pytest.approx(-0.3)
        approximate = np.asarray(keras.activations.gelu(self.z, approximate=True))
        assert 1e-4 < abs(activations.gelu(self.z) - approximate).max() < 5e-4


class TestRegressionLosses:
    @both_dtypes
    @pytest.mark.parametrize(
        ("ours", "theirs", "options"),
        [
            (losses.mean_squared_error, "MeanSquaredError", {}),
            (losses.mean_absolute_error, "MeanAbsoluteError", {}),
            (losses.huber, "Huber", {}),
            (losses.huber, "Huber", {"delta": 0.3}),
            (losses.huber, "Huber", {"delta": 5.0}),
        ],
    )
    def test_value_and_gradient(self, keras, value_and_gradient, ours, theirs, options, dtype):
        outputs, _ = data(dtype)
        targets = np.random.default_rng(1).normal(size=outputs.shape).astype(dtype)
        loss = getattr(keras.losses, theirs)(**options, dtype=dtype)
        value, gradient = value_and_gradient(lambda o: loss(targets, o), outputs)
        agree(ours(outputs, targets, **options)[0], value, dtype)
        agree(ours(outputs, targets, **options)[1], gradient, dtype)

    def test_half_squared_error_is_another_loss(self, keras):
        outputs, _ = data("float64")
        theirs = float(keras.losses.MeanSquaredError(dtype="float64")(0 * outputs, outputs))
        assert losses.half_squared_error(outputs, 0 * outputs)[0] == pytest.approx(theirs * 10 / 2)
        assert abs(losses.half_squared_error(outputs, 0 * outputs)[0] - theirs) > 1

    @both_dtypes
    def test_l2(self, keras, value_and_gradient, dtype):
        """Keras has no ½: L2(λ/2) is our λ, and L2(λ) is twice too large."""
        weights, _ = data(dtype)
        value, gradient = value_and_gradient(keras.regularizers.L2(0.1 / 2), weights)
        agree(losses.l2_penalty(weights, 0.1)[0], value, dtype, ROUNDED_CONSTANT)
        agree(losses.l2_penalty(weights, 0.1)[1], gradient, dtype, ROUNDED_CONSTANT)
        assert float(keras.regularizers.L2(0.1)(weights)) == pytest.approx(2 * losses.l2_penalty(weights, 0.1)[0])


class TestCrossEntropies:
    @both_dtypes
    @pytest.mark.parametrize("size", [0.0, 3.0, 100.0])
    def test_integer_labels(self, keras, value_and_gradient, size, dtype):
        z, y = data(dtype, size=size)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
        value, gradient = value_and_gradient(lambda o: loss(y, o), z)
        agree(losses.softmax_cross_entropy(z, y)[0], value, dtype)
        agree(losses.softmax_cross_entropy(z, y)[1], gradient, dtype)

    @both_dtypes
    @pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
    @pytest.mark.parametrize("soft", [False, True])
    def test_probability_rows(self, keras, value_and_gradient, soft, smoothing, dtype):
        z, y = data(dtype)
        rows = np.eye(10, dtype=dtype)[y]
        if soft:
            rows = np.random.default_rng(1).dirichlet(np.ones(10), size=16).astype(dtype)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, dtype=dtype)
        value, gradient = value_and_gradient(lambda o: loss(rows, o), z)
        for targets in [rows] if soft else [rows, y]:
            agree(losses.softmax_cross_entropy(z, targets, smoothing)[0], value, dtype)
            agree(losses.softmax_cross_entropy(z, targets, smoothing)[1], gradient, dtype)

    @both_dtypes
    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    @pytest.mark.parametrize("size", [3.0, 100.0])
    def test_binary(self, keras, value_and_gradient, size, smoothing, dtype):
        z, y = data(dtype, k=1, size=size)
        y = (y[:, None] % 2).astype(dtype)
        loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing, dtype=dtype)
        value, gradient = value_and_gradient(lambda o: loss(y, o), z)
        agree(losses.binary_cross_entropy(z, y, smoothing)[0], value, dtype)
        agree(losses.binary_cross_entropy(z, y, smoothing)[1], gradient, dtype)

    @both_dtypes
    def test_several_binary_outputs(self, keras, dtype):
        z, _ = data(dtype)
        y = (np.random.default_rng(1).random(z.shape) < 0.5).astype(dtype)
        theirs = keras.losses.BinaryCrossentropy(from_logits=True, dtype=dtype)(y, z)
        agree(losses.binary_cross_entropy(z, y)[0], theirs, dtype)

    def test_logits_taken_for_probabilities_do_not_pass(self, keras):
        z, y = data("float64")
        theirs = float(keras.losses.SparseCategoricalCrossentropy(dtype="float64")(y, z))
        assert abs(losses.softmax_cross_entropy(z, y)[0] - theirs) > 0.1

    def test_keras_clips_probabilities(self, keras):
        """Headline: from probabilities Keras's loss ends at 16.12, where logits give 110."""
        z, y = np.array([[110.0, 0.0]], np.float32), np.array([1])
        clipped = keras.losses.SparseCategoricalCrossentropy(dtype="float32")(y, activations.softmax(z))
        assert float(clipped) == pytest.approx(16.12, abs=0.005)
        assert losses.softmax_cross_entropy(z, y)[0] == 110

    @both_dtypes
    def test_softmax(self, keras, dtype):
        z, _ = data(dtype)
        agree(activations.softmax(z), keras.activations.softmax(keras.ops.convert_to_tensor(z)), dtype)
        agree(activations.log_softmax(z), keras.activations.log_softmax(keras.ops.convert_to_tensor(z)), dtype)


class TestInitializers:
    """The random numbers differ; the distribution must be Keras's."""

    shape = (300, 200)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ("glorot_uniform", "GlorotUniform"),
            ("glorot_normal", "GlorotNormal"),
            ("he_uniform", "HeUniform"),
            ("he_normal", "HeNormal"),
            ("lecun_normal", "LecunNormal"),
            ("normal", "RandomNormal"),
        ],
    )
    def test_variance(self, keras, ours, theirs):
        weights = initializers.get_initializer(ours)(*self.shape, np.random.default_rng(0))
        reference = np.asarray(getattr(keras.initializers, theirs)(seed=0)(self.shape))
        assert weights.var() == pytest.approx(reference.var(), rel=6 * np.sqrt(2 / weights.size))

    @pytest.mark.parametrize("name", ["GlorotNormal", "HeNormal", "LecunNormal"])
    def test_keras_cuts_its_normals_off(self, keras, name):
        reference = np.asarray(getattr(keras.initializers, name)(seed=0)(self.shape))
        assert abs(reference).max() < 2.3 * reference.std()
