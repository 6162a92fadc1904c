"""The multilayer perceptron: counts, views, forward pass, backpropagation, arguments."""

import copy
import math
import operator
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnopt_utils.activations import ACTIVATIONS, softmax
from nnopt_utils.gradients import check_gradient
from nnopt_utils.initializers import INITIALIZERS
from nnopt_utils.losses import LOSSES
from nnopt_utils.networks import MLP, Evaluation

KINKED = ("relu", "leaky_relu")
sizes_strategy = st.lists(st.integers(1, 7), min_size=2, max_size=5)


def make_data(loss, n=7, n_in=3, n_out=2, seed=1):
    """Inputs and targets of the kind that a loss takes."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, n_in))
    if loss == "cross_entropy":
        return x, generator.integers(n_out, size=n)
    if loss == "binary_cross_entropy":
        return x, generator.integers(2, size=(n, n_out)).astype(float)
    return x, 2 * generator.normal(size=(n, n_out))


def shake_biases(network, seed=2):
    """Biases away from zero: a generic point, and with zero weights no unit of the ReLU family sits on its kink."""
    generator = np.random.default_rng(seed)
    for b in network.biases:
        b[:] = generator.uniform(0.2, 0.8, b.shape) * generator.choice([-1, 1], b.shape)


class TestCounts:
    @pytest.mark.parametrize(
        ("sizes", "parameters", "weights"),
        [
            ([784, 64, 64, 10], 55_050, 54_912),
            ([784, 300, 100, 10], 266_610, 266_200),
            ([784, 2500, 2000, 1500, 1000, 500, 10], 11_972_510, None),
        ],
    )
    def test_published(self, sizes, parameters, weights):
        network = MLP(sizes, initializer="zeros")
        assert network.n_parameters == network.parameters.size == parameters
        if weights is not None:
            assert sum(W.size for W in network.weights) == weights
            assert sum(b.size for b in network.biases) == parameters - weights

    def test_float32_bytes(self):
        assert MLP([784, 300, 100, 10], initializer="zeros").parameters.nbytes == 1_066_440

    @given(sizes_strategy)
    def test_any(self, sizes):
        network = MLP(sizes, loss="mse", initializer="zeros")
        assert network.n_parameters == sum((n + 1) * m for n, m in pairwise(sizes))

    def test_summary_and_repr(self):
        network = MLP([784, 64, 64, 10], initializer="zeros")
        lines = network.summary().splitlines()
        assert [line.split()[-1] for line in lines[1:]] == ["50,240", "4,160", "650", "55,050"]
        assert lines[-1].split() == ["all", "54,912", "138", "55,050"]
        assert "784 × 64" in lines[1]
        assert "[784, 64, 64, 10]" in repr(network) and "55,050 parameters" in repr(network)


class TestOneVector:
    def test_weights_and_biases_are_views(self):
        network = MLP([3, 4, 2])
        assert network.parameters.ndim == 1 and network.parameters.flags.c_contiguous
        for tensor in [*network.weights, *network.biases]:
            assert np.shares_memory(tensor, network.parameters)
        network.weights[1][2, 1] = 7.0
        assert network.parameters[3 * 4 + 4 + 2 * 2 + 1] == 7.0
        network.parameters[0] = -5.0
        assert network.weights[0][0, 0] == -5.0

    def test_setter_copies(self):
        network = MLP([3, 4, 2])
        before = network.parameters
        value = np.arange(network.n_parameters, dtype=float)
        network.parameters = value
        value[:] = -1
        assert network.parameters is before
        assert network.parameters.tolist() == list(range(network.n_parameters))
        assert network.biases[1].tolist() == [24.0, 25.0]

    @pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((26, 1)), np.full(26, np.nan), "x", np.zeros(0)])
    def test_setter_rejects(self, bad):
        network = MLP([3, 4, 2])
        before = network.parameters.copy()
        with pytest.raises((ValueError, TypeError), match="parameters: got"):
            network.parameters = bad
        assert np.array_equal(network.parameters, before)

    @given(sizes_strategy)
    def test_layout_covers_theta_exactly(self, sizes):
        network = MLP(sizes, loss="mse")
        covered = np.zeros(network.n_parameters, int)
        for tensor in network.layout:
            covered[tensor.where] += 1
            assert tensor.where.stop - tensor.where.start == math.prod(tensor.shape)
        assert (covered == 1).all()
        names = [tensor.name for tensor in network.layout]
        assert names == [f"{kind}[{k}]" for k in range(len(sizes) - 1) for kind in ("weights", "biases")]
        tensors = [t for pair in zip(network.weights, network.biases, strict=True) for t in pair]
        assert [t.shape for t in tensors] == [t.shape for t in network.layout]
        assert np.array_equal(np.concatenate([t.ravel() for t in tensors]), network.parameters)

    def test_copy_is_independent(self):
        network = MLP([3, 4, 2], activation="tanh", loss="mse", l2=0.5, seed=3, dtype="float64")
        twin = network.copy()
        assert repr(twin) == repr(network) and np.array_equal(twin.parameters, network.parameters)
        twin.parameters[:] = 0
        twin.layer_sizes.append(1)
        assert network.parameters.any() and network.layer_sizes == [3, 4, 2]
        x, y = make_data("mse")
        assert network.copy().loss(x, y) == network.loss(x, y)

    def test_copy_in_another_dtype(self):
        network = MLP([3, 4, 4, 2], activation=["tanh", "linear"], seed=3)
        twin = network.copy(dtype="float64")
        assert twin.dtype == twin.parameters.dtype == "float64" and twin.activation == ["tanh", "linear"]
        assert np.array_equal(twin.parameters, network.parameters)

    @pytest.mark.parametrize("remake", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
    def test_deepcopy_and_pickle_keep_the_views_on_their_own_vector(self, remake):
        network = MLP([3, 4, 4, 2], activation=["tanh", "linear"], l2=0.1, seed=3)
        twin = remake(network)
        assert repr(twin) == repr(network) and twin.loss_function is network.loss_function
        assert twin.activation_functions == network.activation_functions
        assert np.array_equal(twin.parameters, network.parameters)
        twin.parameters[:] = 0
        assert not any(tensor.any() for tensor in [*twin.weights, *twin.biases]) and network.parameters.any()
        twin.weights[0][:] = 1
        assert (twin.parameters[:12] == 1).all() and twin.parameters.ctypes.data % 64 == 0

    def test_views_of_a_gradient(self):
        network = MLP([3, 4, 2], l2=0.1)
        gradient = network.loss_and_gradient(*make_data("cross_entropy"))[1]
        weights, biases = network.views(gradient)
        assert [W.shape for W in weights] == [(3, 4), (4, 2)] and [b.shape for b in biases] == [(4,), (2,)]
        assert all(np.shares_memory(view, gradient) for view in [*weights, *biases])


class TestForward:
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("sizes", [[3, 2], [3, 4, 2], [3, 5, 4, 2]])
    def test_equals_a_hand_written_loop(self, activation, sizes):
        network = MLP(sizes, activation=activation, dtype="float64", seed=4)
        shake_biases(network)
        x = make_data("mse")[0]
        a = [list(row) for row in x]
        for k, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
            z = [[sum(r[i] * W[i, j] for i in range(len(r))) + b[j] for j in range(len(b))] for r in a]
            last = k == len(sizes) - 2
            a = z if last else [[float(ACTIVATIONS[activation].value(np.array(v))) for v in r] for r in z]
        np.testing.assert_allclose(network.forward(x), a, rtol=1e-13, atol=1e-13)

    def test_activations_lists_every_layer(self):
        network = MLP([3, 5, 4, 2], dtype="float64")
        x = make_data("mse")[0]
        layers = network.activations(x)
        assert [a.shape for a in layers] == [(7, 3), (7, 5), (7, 4), (7, 2)]
        assert np.array_equal(layers[0], x) and np.array_equal(layers[-1], network.forward(x))
        np.testing.assert_allclose(layers[1], np.maximum(x @ network.weights[0] + network.biases[0], 0))

    def test_rows_are_independent_samples(self):
        network = MLP([3, 5, 2], dtype="float64")
        x = make_data("mse")[0]
        np.testing.assert_allclose(network.forward(x[2:3]), network.forward(x)[2:3], rtol=1e-12)

    def test_predictions(self):
        x = make_data("mse")[0]
        classifier = MLP([3, 4, 3], seed=1)
        p = classifier.predict_probabilities(x)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(p, softmax(classifier.forward(x)), rtol=1e-6)
        assert np.array_equal(classifier.predict(x), p.argmax(axis=1))

        binary = MLP([3, 4, 1], loss="binary_cross_entropy", seed=1)
        p = binary.predict_probabilities(x)
        assert p.shape == (7, 1) and ((p > 0) & (p < 1)).all()
        assert np.array_equal(binary.predict(x), (p > 0.5).astype(int)) and binary.predict(x).dtype == np.int64

        regression = MLP([3, 4, 1], loss="mse", seed=1)
        assert np.array_equal(regression.predict(x), regression.forward(x))
        with pytest.raises(ValueError, match="loss: got 'mse'; expected a classification loss"):
            regression.predict_probabilities(x)


class TestGradient:
    @pytest.mark.parametrize("initializer", INITIALIZERS)
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("loss", LOSSES)
    def test_every_loss_activation_and_initializer(self, loss, activation, initializer):
        network = MLP([3, 4, 3, 2], activation, loss, initializer, l2=0.05, seed=8, dtype="float64")
        shake_biases(network)
        x, y = make_data(loss)
        if activation in KINKED:
            layers = network.activations(x)[:-2]
            z = [a @ W + b for a, W, b in zip(layers, network.weights[:-1], network.biases[:-1], strict=True)]
            # Only the samples with no unit near its kink: there central differences are no derivative.
            clear = np.logical_and.reduce([(np.abs(layer) > 1e-3).all(axis=1) for layer in z])
            assert clear.sum() >= 4
            x, y = x[clear], y[clear]
        gradient = network.loss_and_gradient(x, y)[1]
        result = check_gradient(lambda theta: network.loss(x, y, parameters=theta), gradient, network.parameters.copy())
        assert not result.kinks
        assert result.relative_error < 1e-6, result

    def test_probabilities_as_targets(self):
        network = MLP([3, 4, 3], "tanh", dtype="float64")
        x = make_data("mse")[0]
        y = np.random.default_rng(0).dirichlet(np.ones(3), size=7)
        gradient = network.loss_and_gradient(x, y)[1]
        assert check_gradient(lambda theta: network.loss(x, y, theta), gradient, network.parameters.copy()).passed
        one_hot = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
        for a, b in zip(
            network.loss_and_gradient(x, one_hot),
            network.loss_and_gradient(x, one_hot.argmax(axis=1)),
            strict=True,
        ):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)

    def test_a_wrong_gradient_is_found(self):
        network = MLP([3, 4, 2], "tanh", dtype="float64")
        x, y = make_data("cross_entropy")
        gradient = network.loss_and_gradient(x, y)[1]
        gradient[network.layout[1].where] *= 7  # the sum over samples instead of the mean, in one bias
        assert not check_gradient(lambda theta: network.loss(x, y, theta), gradient, network.parameters.copy()).passed

    def test_mean_over_samples(self):
        network = MLP([3, 4, 2], "tanh", dtype="float64")
        x, y = make_data("cross_entropy")
        value, gradient = network.loss_and_gradient(x, y)
        each = [network.loss_and_gradient(x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        assert value == pytest.approx(np.mean([v for v, _ in each]), rel=1e-12)
        np.testing.assert_allclose(gradient, np.mean([g for _, g in each], axis=0), rtol=1e-11, atol=1e-15)

    def test_l2_is_on_weights_not_on_biases(self):
        x, y = make_data("cross_entropy")
        plain, penalised = (MLP([3, 4, 2], l2=l2, seed=5, dtype="float64") for l2 in (0.0, 0.3))
        for network in (plain, penalised):
            shake_biases(network)
        (value_0, g_0), (value, g) = plain.loss_and_gradient(x, y), penalised.loss_and_gradient(x, y)
        squares = sum((W**2).sum() for W in plain.weights)
        assert value - value_0 == pytest.approx(0.15 * squares, rel=1e-12)
        for tensor, W in zip(plain.layout[0::2], plain.weights, strict=True):
            np.testing.assert_allclose((g - g_0)[tensor.where], 0.3 * W.ravel(), rtol=1e-9, atol=1e-15)
        for tensor in plain.layout[1::2]:
            assert np.array_equal(g[tensor.where], g_0[tensor.where])

    def test_a_new_vector_each_time(self):
        network = MLP([3, 4, 2])
        x, y = make_data("cross_entropy")
        first, second = network.loss_and_gradient(x, y)[1], network.loss_and_gradient(x, y)[1]
        assert first is not second and not np.shares_memory(first, second)
        assert first.shape == network.parameters.shape and first.flags.c_contiguous

    def test_at_other_parameters(self):
        network = MLP([3, 4, 2], "tanh", seed=1, dtype="float64")
        other = MLP([3, 4, 2], "tanh", seed=2, dtype="float64")
        x, y = make_data("cross_entropy")
        before, theta = network.parameters.copy(), other.parameters.copy()
        value, gradient = network.loss_and_gradient(x, y, parameters=theta)
        expected_value, expected_gradient = other.loss_and_gradient(x, y)
        assert value == network.loss(x, y, parameters=theta) == expected_value
        assert np.array_equal(gradient, expected_gradient)
        assert np.array_equal(network.parameters, before) and np.array_equal(theta, other.parameters)
        assert np.array_equal(network.loss_and_gradient(x, y, parameters=np.repeat(theta, 2)[::2])[1], gradient)
        single = MLP([3, 4, 2], "tanh")
        assert single.loss_and_gradient(x, y, parameters=theta)[1].dtype == np.float32
        with pytest.raises(ValueError, match=r"parameters: got .*; expected shape \(26,\)"):
            network.loss_and_gradient(x, y, parameters=theta[:-1])

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_dtype(self, dtype):
        network = MLP([3, 4, 2], dtype=dtype)
        x, y = make_data("cross_entropy")
        for inputs in (x, x.astype(np.float32)):
            value, gradient = network.loss_and_gradient(inputs, y)
            assert isinstance(value, float) and gradient.dtype == network.parameters.dtype == dtype
            assert {a.dtype.name for a in network.activations(inputs)} == {dtype}

    def test_float32_agrees_with_float64(self):
        x, y = make_data("cross_entropy", n=50)
        single, double = (MLP([3, 8, 2], seed=1, dtype=dtype) for dtype in ("float32", "float64"))
        value, gradient = single.loss_and_gradient(x, y)
        expected_value, expected = double.loss_and_gradient(x, y)
        assert value == pytest.approx(expected_value, rel=1e-6)
        assert np.linalg.norm(gradient - expected) < 1e-6 * np.linalg.norm(expected)


class TestSignals:
    @pytest.mark.parametrize("activation", ["tanh", ["tanh", "linear"]])
    def test_deltas_are_derivatives_of_the_loss_by_the_pre_activations(self, activation):
        """Moving z of one layer by a bias: δ summed over samples is the bias's slope, without the penalty's."""
        network = MLP([3, 5, 4, 2], activation, l2=0.3, seed=1, dtype="float64")
        x, y = make_data("cross_entropy")
        signals = network.signals(x, y)
        slopes = network.views(network.loss_and_gradient(x, y)[1])[1]
        for delta, z, slope in zip(signals.deltas, signals.pre_activations, slopes, strict=True):
            assert delta.shape == z.shape
            np.testing.assert_allclose(delta.sum(axis=0), slope, rtol=1e-12)
        # One entry of one row, by a difference: the activation of a single sample moves alone.
        h, direction = 1e-6, np.eye(4)[2]
        after = [
            network.loss_function.core(self.outputs_from(network, signals, s * h * direction), y)[0] for s in (1, -1)
        ]
        assert signals.deltas[1][3, 2] == pytest.approx((after[0] - after[1]) / (2 * h), rel=1e-6)

    @staticmethod
    def outputs_from(network, signals, change):
        z = signals.pre_activations[1].copy()
        z[3] += change
        return network.activation_functions[1].value(z) @ network.weights[2] + network.biases[2]

    def test_are_those_of_the_forward_pass(self):
        network = MLP([3, 5, 4, 2], "sigmoid", dtype="float64")
        x, y = make_data("cross_entropy")
        pre_activations, activations, deltas = network.signals(x, y)
        for mine, theirs in zip(activations, network.activations(x), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for z, a in zip(pre_activations[:-1], activations[1:-1], strict=True):
            np.testing.assert_array_equal(ACTIVATIONS["sigmoid"].value(z), a)
        assert len(deltas) == 3 and np.array_equal(pre_activations[-1], activations[-1])

    def test_checks_its_arguments(self):
        with pytest.raises(ValueError, match="y: got values from 0 to 2"):
            MLP([3, 2]).signals(np.zeros((2, 3)), np.array([0, 2]))

    def test_backpropagate_is_the_unchecked_door(self):
        network = MLP([3, 4, 2], "tanh", l2=0.1, dtype="float64")
        x, y = make_data("cross_entropy")
        for theta in (network.parameters, network.parameters + 0.1):
            value, gradient = network.backpropagate(*network.check_data(x, y), theta)
            expected = network.loss_and_gradient(x, y, parameters=theta)
            assert value == expected[0] and np.array_equal(gradient, expected[1])


class TestActivationALayer:
    def test_each_layer_its_own(self):
        network = MLP([3, 5, 4, 6, 2], activation=["tanh", "linear", "relu"], seed=4, dtype="float64")
        x = make_data("mse")[0]
        a = network.activations(x)
        np.testing.assert_allclose(a[1], np.tanh(x @ network.weights[0]))
        np.testing.assert_allclose(a[2], a[1] @ network.weights[1])
        np.testing.assert_allclose(a[3], np.maximum(a[2] @ network.weights[2], 0))
        assert [function.name for function in network.activation_functions] == ["tanh", "linear", "relu"]
        assert "activation=['tanh', 'linear', 'relu']" in repr(network)

    def test_the_same_for_all_is_one_name(self):
        listed, named = MLP([3, 4, 5, 2], ["tanh", "tanh"]), MLP([3, 4, 5, 2], "tanh")
        assert repr(listed) == repr(named) and np.array_equal(listed.parameters, named.parameters)
        assert MLP([3, 2], []).activation_functions == MLP([3, 2], "tanh").activation_functions == []

    def test_gradient(self):
        network = MLP([3, 5, 2, 4, 2], ("tanh", "linear", "softplus"), l2=0.1, seed=4, dtype="float64")
        x, y = make_data("cross_entropy")
        gradient = network.loss_and_gradient(x, y)[1]
        assert check_gradient(lambda theta: network.loss(x, y, theta), gradient, network.parameters.copy()).passed

    def test_initializer_by_layer(self):
        """A layer is drawn for its own activation, the last one for that of the layer before."""
        generator, network = np.random.default_rng(3), MLP([5, 4, 6, 2], ["tanh", "relu"], seed=3, dtype="float64")
        for W, name in zip(network.weights, ("glorot_uniform", "he_normal", "he_normal"), strict=True):
            assert np.array_equal(W, INITIALIZERS[name](*W.shape, generator))

    @pytest.mark.parametrize(
        ("activation", "message"),
        [
            (["relu"], r"activation: got \['relu'\]; expected one name, or 2, one a hidden layer"),
            (["relu"] * 3, "expected one name, or 2, one a hidden layer"),
            (["relu", "identity"], "activation: got 'identity'; expected one of 'linear'"),
            (["relu", None], "activation: got None"),
        ],
    )
    def test_bad_lists(self, activation, message):
        with pytest.raises(ValueError, match=message):
            MLP([3, 4, 5, 2], activation)


class TestEvaluate:
    @pytest.mark.parametrize("loss", LOSSES)
    def test_loss_is_that_of_loss(self, loss):
        network = MLP([3, 4, 2], loss=loss, l2=0.1, dtype="float64")
        x, y = make_data(loss, n=10_000)  # more than one piece of 8,192
        result = network.evaluate(x, y)
        assert isinstance(result, Evaluation)
        assert result.loss == pytest.approx(network.loss(x, y), rel=1e-12)
        assert network.loss(x, y) == pytest.approx(network.loss_and_gradient(x, y)[0], rel=1e-12)
        if not LOSSES[loss].classifies:
            assert math.isnan(result.accuracy)
        else:
            assert result.accuracy == pytest.approx(np.mean(network.predict(x) == y), abs=1e-12)

    def test_accuracy_with_probabilities_as_targets(self):
        network = MLP([3, 4, 3])
        x, labels = make_data("cross_entropy", n_out=3)
        assert network.evaluate(x, np.eye(3)[labels]).accuracy == network.evaluate(x, labels).accuracy

    def test_one_output_and_flat_targets(self):
        x = make_data("mse")[0]
        network = MLP([3, 4, 1], loss="mse", dtype="float64")
        y = x.sum(axis=1)
        assert network.loss(x, y) == network.loss(x, y[:, None])


class TestSeeds:
    @pytest.mark.parametrize("initializer", [name for name in INITIALIZERS if name != "zeros"])
    def test_same_seed_same_parameters(self, initializer):
        a, b, c = (MLP([5, 6, 2], initializer=initializer, seed=seed) for seed in (7, 7, 8))
        assert np.array_equal(a.parameters, b.parameters) and not np.array_equal(a.parameters, c.parameters)
        assert not any(b.any() for b in a.biases)

    def test_generator(self):
        generator = np.random.default_rng(7)
        first, second = MLP([5, 6, 2], seed=generator), MLP([5, 6, 2], seed=generator)
        assert np.array_equal(first.parameters, MLP([5, 6, 2], seed=7).parameters)
        assert not np.array_equal(first.parameters, second.parameters)

    def test_the_global_generator_is_left_alone(self):
        np.random.seed(123)
        before = np.random.get_state()[1].copy()
        network = MLP([5, 6, 2], seed=7)
        network.loss_and_gradient(*make_data("cross_entropy", n_in=5))
        assert np.array_equal(np.random.get_state()[1], before)
        np.random.seed(321)
        assert np.array_equal(network.parameters, MLP([5, 6, 2], seed=7).parameters)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_default_initializer(self, activation):
        expected = "he_normal" if activation in ("relu", "leaky_relu", "elu", "gelu") else "glorot_uniform"
        default, named = MLP([5, 6, 2], activation), MLP([5, 6, 2], activation, initializer=expected)
        assert np.array_equal(default.parameters, named.parameters)

    def test_own_initializer(self):
        network = MLP([3, 4, 2], initializer=lambda fan_in, fan_out, generator: np.full((fan_in, fan_out), 1 / fan_in))
        assert np.allclose(network.weights[1], 0.25)

    def test_own_initializer_of_the_wrong_shape(self):
        with pytest.raises(ValueError, match=r"initializer's weights: got .* \(4, 3\); expected shape \(3, 4\)"):
            MLP([3, 4, 2], initializer=lambda fan_in, fan_out, generator: np.zeros((fan_out, fan_in)))


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"layer_sizes": [784]}, r"layer_sizes: got \[784\]; expected at least two widths"),
            ({"layer_sizes": 784}, "layer_sizes: got 784; expected at least two widths"),
            ({"layer_sizes": "784"}, "layer_sizes: got '784'"),
            ({"layer_sizes": [784, 0, 10]}, r"layer_sizes\[1\]: got 0; expected an integer >= 1"),
            ({"layer_sizes": [784, -3, 10]}, r"layer_sizes\[1\]: got -3"),
            ({"layer_sizes": [784, 64.0, 10]}, r"layer_sizes\[1\]: got 64.0; expected an integer"),
            ({"layer_sizes": [3, 1]}, "layer_sizes: got 1 output for loss 'cross_entropy'.*binary_cross_entropy"),
            ({"activation": "rleu"}, "activation: got 'rleu'.*did you mean 'relu'"),
            ({"activation": None}, "activation: got None"),
            ({"loss": "crossentropy"}, "loss: got 'crossentropy'.*did you mean 'cross_entropy'"),
            ({"loss": max}, "loss: got"),
            ({"initializer": "he_norml"}, "initializer: got 'he_norml'.*did you mean 'he_normal'"),
            ({"l2": -0.1}, "l2: got -0.1; expected a finite number >= 0"),
            ({"l2": math.nan}, "l2: got nan"),
            ({"l2": "0.1"}, "l2: got '0.1'"),
            ({"seed": -1}, "seed: got -1"),
            ({"seed": None}, "seed: got None"),
            ({"dtype": "float16"}, "dtype: got 'float16'; expected one of 'float32', 'float64'"),
        ],
    )
    def test_constructor(self, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            MLP(**{"layer_sizes": [3, 4, 2], **arguments})

    @pytest.mark.parametrize("sizes", [(3, 4, 2), np.array([3, 4, 2]), [np.int64(3), 4, 2]])
    def test_sizes_may_be_any_sequence(self, sizes):
        network = MLP(sizes)
        assert network.layer_sizes == [3, 4, 2] and all(type(size) is int for size in network.layer_sizes)

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.zeros((2, 4)), r"x: got float64 array of shape \(2, 4\); expected shape \(any, 3\)"),
            (np.zeros(3), r"x: got float64 array of shape \(3,\); expected shape \(any, 3\)"),
            (np.zeros((0, 3)), "expected at least one value"),
            (np.array([[0, np.nan, 0]]), "x: got .* with 1 NaN"),
            ([["a", "b", "c"]], "x: got .*; expected an array of real numbers"),
            (None, "x: got None"),
        ],
    )
    def test_inputs(self, x, message):
        network = MLP([3, 4, 2])
        for call in (network.forward, network.predict, network.activations, network.predict_probabilities):
            with pytest.raises((TypeError, ValueError), match=message):
                call(x)
        for call in (network.loss, network.loss_and_gradient, network.evaluate):
            with pytest.raises((TypeError, ValueError), match=message):
                call(x, np.array([0]))

    @pytest.mark.parametrize(
        ("loss", "y", "message"),
        [
            ("cross_entropy", [0, 1, 2], "y: got values from 0 to 2; expected integers from 0 to 1"),
            ("cross_entropy", [0, 1], "y: got 2 labels; expected 3, one a sample"),
            ("cross_entropy", [0.0, 1.0, 0.0], "y: got .*; expected a 1-D array of integers"),
            ("cross_entropy", [[1, 1], [1, 0], [0, 1]], "y: row 0 sums to 2; expected rows of probabilities"),
            ("cross_entropy", [[2, -1], [1, 0], [0, 1]], "y: got values down to -1; expected probabilities"),
            ("cross_entropy", [[1, 0, 0]] * 3, r"expected .* probabilities of shape \(3, 2\)"),
            ("binary_cross_entropy", [[0, 2], [0, 1], [1, 1]], "y: got values from 0 to 2; expected 0 or 1"),
            ("binary_cross_entropy", [0, 1, 0], r"expected shape \(3, 2\)"),
            ("mse", [1.0, 2.0, 3.0], r"expected shape \(3, 2\)"),
            ("mse", [[1.0, np.inf]] * 3, "y: got .* with 3 NaN or infinite values"),
            ("mse", "abc", "y: got"),
        ],
    )
    def test_targets(self, loss, y, message):
        network = MLP([3, 4, 2], loss=loss)
        for call in (network.loss, network.loss_and_gradient, network.evaluate):
            with pytest.raises((TypeError, ValueError), match=message):
                call(np.zeros((3, 3)), y if isinstance(y, str) else np.array(y))

    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_inputs_are_left_as_they_are(self, loss, dtype):
        network = MLP([3, 4, 2], activation="linear", loss=loss, l2=0.1, dtype=dtype)
        x, y = make_data(loss)
        x = x.astype(dtype)
        y = y.astype(dtype) if y.dtype.kind == "f" else y
        x_before, y_before, theta_before = x.copy(), y.copy(), network.parameters.copy()
        for array in (x, y):
            array.flags.writeable = False
        network.loss_and_gradient(x, y)
        network.evaluate(x, y)
        network.activations(x)[0].sum()
        network.predict(x)
        assert np.array_equal(x, x_before) and np.array_equal(y, y_before)
        assert np.array_equal(network.parameters, theta_before)

    def test_uint8_images_and_lists(self):
        network = MLP([3, 4, 2])
        x = np.array([[0, 128, 255], [1, 2, 3]], np.uint8)
        np.testing.assert_allclose(network.forward(x), network.forward(x.astype(float).tolist()), rtol=1e-6)


@settings(max_examples=25)
@given(sizes_strategy, st.sampled_from(sorted(ACTIVATIONS)), st.integers(0, 1000))
def test_gradient_of_any_architecture(sizes, activation, seed):
    network = MLP(sizes, activation, loss="half_mse", seed=seed, dtype="float64")
    shake_biases(network, seed)
    x, y = make_data("half_mse", n=3, n_in=sizes[0], n_out=sizes[-1], seed=seed)
    gradient = network.loss_and_gradient(x, y)[1]
    theta = network.parameters.copy()
    result = check_gradient(lambda theta: network.loss(x, y, theta), gradient, theta, tolerance=1e-5)
    assert result.passed or np.linalg.norm(gradient) < 1e-8 or len(result.kinks) == len(gradient), result


class TestAssigningATensor:
    def test_copies_into_theta(self):
        network = MLP([2, 3, 1], loss="mse")
        view, theta = network.weights[0], network.parameters
        network.weights[0] = np.full((2, 3), 2.0)
        network.biases[-1] -= 1.0
        assert network.weights[0] is view and network.parameters is theta
        assert (theta[:6] == 2).all() and theta[-1] == -1

    def test_refuses_another_shape_and_changes_nothing(self):
        network = MLP([2, 3, 1], loss="mse")
        before = network.parameters.copy()
        with pytest.raises(ValueError, match=r"values of layer 0: got float64 array of shape \(3, 2\)"):
            network.weights[0] = np.zeros((3, 2))
        with pytest.raises(TypeError, match="the number of one layer"):
            network.weights[:] = [np.zeros((2, 3)), np.zeros((3, 1))]
        assert np.array_equal(network.parameters, before)

    def test_all_at_once(self):
        network = MLP([2, 3, 1], loss="mse")
        views, theta = network.weights, network.parameters
        network.weights = [np.full((2, 3), 2.0), np.full((3, 1), 3.0)]
        network.biases = ([4.0, 5.0, 6.0], [7.0])
        assert network.weights is views and network.parameters is theta
        assert theta.tolist() == [2] * 6 + [4, 5, 6] + [3] * 3 + [7]

    def test_may_be_the_network_s_own(self):
        network = MLP([2, 2, 2], seed=1)
        first, second = (W.copy() for W in network.weights)
        network.weights = network.weights[::-1]
        assert np.array_equal(network.weights[0], second) and np.array_equal(network.weights[1], first)
        network.weights = network.copy().weights
        assert np.array_equal(network.weights[0], second)

    @pytest.mark.parametrize(
        ("name", "values", "message"),
        [
            ("weights", [np.ones((2, 3)), np.ones((1, 3))], r"weights\[1\]: got float64 array of shape \(1, 3\)"),
            ("weights", [np.ones((2, 3)), np.full((3, 1), np.nan)], r"weights\[1\]: got .* NaN"),
            ("weights", [np.ones((2, 3))], "weights: got .*; expected a list of 2 arrays, one a layer"),
            ("biases", np.ones((2, 3)), "biases: got float64 array .*; expected a list of 2 arrays"),
            ("biases", None, "biases: got None; expected a list of 2 arrays"),
            ("biases", [[1.0, 1.0, 1.0], 1.0], r"biases\[1\]: got .*; expected shape \(1,\)"),
        ],
    )
    def test_refuses_what_does_not_fit_and_changes_nothing(self, name, values, message):
        network = MLP([2, 3, 1], loss="mse")
        before = network.parameters.copy()
        with pytest.raises(ValueError, match=message):
            setattr(network, name, values)
        assert np.array_equal(network.parameters, before)
        assert all(np.shares_memory(tensor, network.parameters) for tensor in [*network.weights, *network.biases])

    def test_has_nothing_that_would_detach_it(self):
        network = MLP([2, 3, 1], loss="mse")
        for method in ("append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort"):
            assert not hasattr(network.weights, method)

    @pytest.mark.parametrize("change", [operator.iadd, operator.isub, operator.imul, operator.itruediv])
    def test_all_layers_at_once_by_an_operator(self, change):
        network = MLP([3, 4, 2])
        with pytest.raises(TypeError, match=r"for all layers at once; expected .* network.weights\[0\] -= …, or of θ"):
            network.weights = change(network.weights, 2)
