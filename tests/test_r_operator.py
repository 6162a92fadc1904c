"""Products with the Hessian and with the Gauss–Newton matrix, against both matrices made otherwise."""

from itertools import pairwise

import numpy as np
import pytest

from nnopt_utils.activations import ACTIVATIONS, get_activation
from nnopt_utils.backpropagation import backward_pass, forward_pass, parameter_gradients
from nnopt_utils.losses import LOSSES
from nnopt_utils.networks import MLP
from nnopt_utils.r_operator import (
    deltas_and_bends,
    gauss_newton_backward_pass,
    r_backward_pass,
    r_forward_pass,
    r_parameter_gradients,
    slopes_of,
)

SIZES = [3, 4, 5, 2]
every_activation = pytest.mark.parametrize("activation", [*ACTIVATIONS, ("tanh", "gelu")])
every_loss = pytest.mark.parametrize("loss", LOSSES)


def case(activation="tanh", loss="cross_entropy", sizes=SIZES, n=6, seed=0, **options):
    """A float64 network away from its start, and data."""
    generator = np.random.default_rng(seed)
    chosen = list(activation) if isinstance(activation, tuple) else activation
    network = MLP(sizes, chosen, loss, seed=generator, dtype="float64", **options)
    network.parameters = 0.7 * generator.normal(size=network.n_parameters)
    x, k = generator.normal(size=(n, sizes[0])), sizes[-1]
    if loss == "cross_entropy":
        return network, x, generator.integers(k, size=n)
    y = generator.uniform(size=(n, k)) if loss == "binary_cross_entropy" else generator.normal(size=(n, k))
    return network, x, y


def directions(network, count=2, seed=7):
    return np.random.default_rng(seed).normal(size=(count, network.n_parameters))


def hessian_by_differences(network, x, y, h=1e-6):
    """Central differences of the gradients, a column a parameter."""
    theta = network.parameters.copy()

    def gradient(at):
        return network.loss_and_gradient(x, y, parameters=at)[1]

    return np.array([(gradient(theta + h * e) - gradient(theta - h * e)) / (2 * h) for e in np.eye(theta.size)])


def jacobian(network, x):
    """All outputs by θ, a row an output of a sample: backpropagation of one output at a time."""
    weights, biases, functions = network.weights, network.biases, network.activation_functions
    z, a = forward_pass(x, weights, biases, functions)
    rows = []
    for unit in np.eye(z[-1].size).reshape(-1, *z[-1].shape):
        row = network.cut(np.empty(network.n_parameters))
        parameter_gradients(a, backward_pass(unit, z, weights, functions), row.weights, row.biases)
        rows.append(row.vector)
    return np.array(rows)


def explicit_gauss_newton(network, x, y):
    outputs, loss = network.forward(x), network.loss_function
    units = np.eye(outputs.size).reshape(-1, *outputs.shape)
    C = np.array([loss.curvature_times(outputs, y, unit).ravel() for unit in units])
    D = jacobian(network, x)
    penalized = network.cut(np.zeros(network.n_parameters))
    for W in penalized.weights:
        W[:] = network.l2
    return D.T @ C @ D + np.diag(penalized.vector)


def matrix_of(product, d):
    return np.array([product(e) for e in np.eye(d)]).T


class TestHessian:
    @every_loss
    @every_activation
    def test_against_differences_of_gradients(self, activation, loss):
        network, x, y = case(activation, loss, l2=0.3)
        H = hessian_by_differences(network, x, y)
        found = matrix_of(network.hessian_operator(x, y), network.n_parameters)
        np.testing.assert_allclose(found, H, rtol=0, atol=2e-8 * max(1, abs(H).max()))

    @every_loss
    @every_activation
    def test_is_symmetric(self, activation, loss):
        network, x, y = case(activation, loss, l2=0.3)
        H = matrix_of(network.hessian_operator(x, y), network.n_parameters)
        assert abs(H - H.T).max() <= 1e-12 * abs(H).max()

    @every_activation
    def test_is_linear_in_v(self, activation):
        network, x, y = case(activation)
        product, (u, v) = network.hessian_operator(x, y), directions(network)
        expected = 2 * product(u) - 3 * product(v)
        np.testing.assert_allclose(product(2 * u - 3 * v), expected, rtol=0, atol=1e-12 * abs(expected).max())

    def test_probability_rows_as_targets(self):
        network, x, _ = case()
        y = np.random.default_rng(3).dirichlet(np.ones(2), size=len(x))
        H = hessian_by_differences(network, x, y)
        np.testing.assert_allclose(matrix_of(network.hessian_operator(x, y), len(H)), H, atol=2e-8)

    @pytest.mark.parametrize(("activation", "beside"), [("relu", -1e-9), ("leaky_relu", -1e-9)])
    def test_at_a_kink_it_is_that_of_the_piece_whose_slope_is_taken(self, activation, beside):
        """All pre-activations of the first layer are 0: there the slope is that on the left."""
        network, x, y = case(activation, sizes=[3, 4, 2])
        x = np.zeros_like(x)
        network.biases[0][:] = 0.0
        at_it = matrix_of(network.hessian_operator(x, y), network.n_parameters)
        network.biases[0][:] = beside
        left = matrix_of(network.hessian_operator(x, y), network.n_parameters)
        network.biases[0][:] = -beside
        right = matrix_of(network.hessian_operator(x, y), network.n_parameters)
        np.testing.assert_allclose(at_it, left, rtol=0, atol=1e-7)
        assert abs(at_it - right).max() > 1e-3

    def test_every_part_is_needed(self, monkeypatch):
        """The comparison is worth something: without the bends of the activations it fails."""
        network, x, y = case("tanh")
        H = hessian_by_differences(network, x, y)

        def without_bends(*arguments):
            deltas, bends = deltas_and_bends(*arguments)
            return deltas, [0 * bend for bend in bends]

        monkeypatch.setattr("nnopt_utils.networks.deltas_and_bends", without_bends)
        found = matrix_of(network.hessian_operator(x, y), len(H))
        assert abs(found - H).max() > 0.01 * abs(H).max()


class TestGaussNewton:
    @every_loss
    @every_activation
    def test_against_jacobians(self, activation, loss):
        network, x, y = case(activation, loss, l2=0.3)
        G = explicit_gauss_newton(network, x, y)
        found = matrix_of(network.gauss_newton_operator(x, y), network.n_parameters)
        np.testing.assert_allclose(found, G, rtol=0, atol=1e-10 * max(1, abs(G).max()))
        assert abs(found - found.T).max() <= 1e-12 * abs(found).max()
        assert np.linalg.eigvalsh(found).min() > -1e-12 * abs(found).max()

    def test_is_linear_in_v(self):
        network, x, y = case()
        product, (u, v) = network.gauss_newton_operator(x, y), directions(network)
        np.testing.assert_allclose(product(2 * u - 3 * v), 2 * product(u) - 3 * product(v), rtol=0, atol=1e-12)

    @every_loss
    def test_is_the_hessian_of_a_linear_network(self, loss):
        network, x, y = case(loss=loss, sizes=[3, 2], l2=0.1)
        v = directions(network, 1)[0]
        H, G = network.hessian_vector_product(x, y, v), network.gauss_newton_vector_product(x, y, v)
        np.testing.assert_allclose(H, G, rtol=1e-13, atol=1e-15)

    def test_is_the_hessian_where_nothing_is_left_to_learn(self):
        """Also of a curved network: the rest is weighted by ∂ℓ/∂z, which is 0 there."""
        network, x, y = case(loss="half_mse")
        v = directions(network, 1)[0]
        G = network.gauss_newton_vector_product(x, network.forward(x), v)
        np.testing.assert_allclose(network.hessian_vector_product(x, network.forward(x), v), G, rtol=1e-12, atol=1e-13)
        assert abs(network.hessian_vector_product(x, y, v) - G).max() > 0.1

    def test_layers_without_activations_are_not_linear_in_theta(self):
        network, x, y = case("linear", "half_mse")
        v = directions(network, 1)[0]
        assert abs(network.hessian_vector_product(x, y, v) - network.gauss_newton_vector_product(x, y, v)).max() > 0.1

    def test_absolute_errors_have_no_curvature_but_the_network_has(self):
        network, x, y = case(loss="mae")
        v = directions(network, 1)[0]
        assert not network.gauss_newton_vector_product(x, y, v).any()
        assert network.hessian_vector_product(x, y, v).any()


METHODS = ["hessian", "gauss_newton"]
every_method = pytest.mark.parametrize("method", METHODS)


def product_of(network, method, *arguments, **options):
    return getattr(network, f"{method}_vector_product")(*arguments, **options)


@every_method
class TestBoth:
    def test_penalty_counts_for_weights_only(self, method):
        with_it, x, y = case(l2=0.25)
        without, _, _ = case()
        v = directions(with_it, 1)[0]
        difference = product_of(with_it, method, x, y, v) - product_of(without, method, x, y, v)
        weights, biases = with_it.views(difference)
        for found, V in zip(weights, with_it.views(v)[0], strict=True):
            np.testing.assert_allclose(found, 0.25 * V, rtol=1e-10, atol=1e-14)
        assert not any(found.any() for found in biases)

    def test_another_theta(self, method):
        network, x, y = case()
        theta, v = directions(network)
        before = network.parameters.copy()
        there = product_of(network, method, x, y, v, parameters=theta)
        np.testing.assert_array_equal(network.parameters, before)
        assert abs(there - product_of(network, method, x, y, v)).max() > 1e-3
        network.parameters = theta
        np.testing.assert_array_equal(there, product_of(network, method, x, y, v))

    def test_an_operator_stays_where_it_was_made(self, method):
        network, x, y = case(l2=0.1)
        u, v = directions(network)
        product = getattr(network, f"{method}_operator")(x, y)
        first = product(v)
        expected = product_of(network, method, x, y, v)
        network.parameters += 1.0
        product(u)
        for again in (first, product(v)):
            np.testing.assert_array_equal(again, expected)

    def test_does_not_write_into_its_arguments(self, method):
        network, x, y = case()
        v = directions(network, 1)[0]
        before = v.copy()
        for array in (v, x, y):
            array.flags.writeable = False
        result = product_of(network, method, x, y, v)
        np.testing.assert_array_equal(v, before)
        assert not np.shares_memory(result, v)

    def test_takes_what_is_a_vector(self, method):
        network, x, y = case()
        v = directions(network, 1)[0]
        strided = np.repeat(v, 2)[::2]
        expected = product_of(network, method, x, y, v)
        np.testing.assert_array_equal(product_of(network, method, x, y, strided), expected)
        np.testing.assert_array_equal(product_of(network, method, x, y, v.tolist()), expected)

    def test_float32(self, method):
        network, x, y = case()
        small = network.copy(dtype="float32")
        v = directions(network, 1)[0]
        found = product_of(small, method, x, y, v)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, product_of(network, method, x, y, v), rtol=2e-3, atol=2e-5)

    def test_mean_over_samples(self, method):
        """The product over all is the mean of those of its halves."""
        network, x, y = case()
        v = directions(network, 1)[0]
        halves = [product_of(network, method, x[i : i + 3], y[i : i + 3], v) for i in (0, 3)]
        np.testing.assert_allclose(
            np.mean(halves, axis=0), product_of(network, method, x, y, v), rtol=1e-11, atol=1e-14
        )

    def test_pieces_make_no_difference(self, method):
        """20,000 samples are more than two pieces, the last one smaller."""
        network, x, y = case(sizes=[3, 4, 2], n=20_000, l2=0.1)
        v = directions(network, 1)[0]
        at_once = getattr(network, f"{method}_operator")(x, y)(v)
        np.testing.assert_allclose(product_of(network, method, x, y, v), at_once, rtol=1e-10, atol=1e-13)

    @pytest.mark.parametrize(
        ("vector", "message"),
        [
            (np.ones(3), r"vector: got float64 array of shape \(3,\); expected shape \(53,\)"),
            (np.full(53, np.nan), r"vector: got .* NaN"),
            ("v", r"vector: got 'v'; expected an array of real numbers"),
        ],
    )
    def test_bad_vectors(self, method, vector, message):
        network, x, y = case()
        with pytest.raises((TypeError, ValueError), match=message):
            product_of(network, method, x, y, vector)

    def test_bad_data(self, method):
        network, x, y = case()
        v = directions(network, 1)[0]
        with pytest.raises(ValueError, match=r"x: got .*; expected shape"):
            product_of(network, method, x[:, :2], y, v)
        with pytest.raises(ValueError, match=r"y: got .*"):
            product_of(network, method, x, y + 5, v)
        with pytest.raises(ValueError, match=r"parameters: got .*; expected shape"):
            product_of(network, method, x, y, v, parameters=v[:3])
        with pytest.raises(ValueError, match=r"x: got .* NaN"):
            product_of(network, method, np.full_like(x, np.nan), y, v)
        with pytest.raises(ValueError, match=r"parameters: got .* NaN or infinite"):
            product_of(network, method, x, y, v, parameters=np.full_like(v, np.inf))


class TestPasses:
    """The functions by themselves, against differences of the passes that they differentiate."""

    FUNCTIONS = (get_activation("softplus"), get_activation("tanh"))
    H = 1e-6

    def layers(self):
        generator = np.random.default_rng(5)
        weights, V = ([generator.normal(size=shape) for shape in pairwise(SIZES)] for _ in range(2))
        biases, c = ([generator.normal(size=n) for n in SIZES[1:]] for _ in range(2))
        return generator.normal(size=(6, 3)), weights, biases, V, c, generator.normal(size=(6, 2))

    def moved(self, r):
        """z, a, δ and the gradient at θ + r v, with the same δ at the outputs."""
        x, weights, biases, V, c, delta = self.layers()
        weights = [W + r * change for W, change in zip(weights, V, strict=True)]
        biases = [b + r * change for b, change in zip(biases, c, strict=True)]
        z, a = forward_pass(x, weights, biases, self.FUNCTIONS)
        deltas = backward_pass(delta, z, weights, self.FUNCTIONS)
        dW, db = [np.empty_like(W) for W in weights], [np.empty_like(b) for b in biases]
        parameter_gradients(a, deltas, dW, db)
        return z, a, deltas, dW, db

    def test_everything_moves_as_it_says(self):
        _, weights, _, V, c, delta = self.layers()
        z, a, deltas, *_ = self.moved(0.0)
        slopes = slopes_of(z, self.FUNCTIONS)
        again, bends = deltas_and_bends(delta, z, slopes, weights, self.FUNCTIONS)
        for one, other in zip(again, deltas, strict=True):
            np.testing.assert_array_equal(one, other)
        r_z, r_a = r_forward_pass(a, slopes, weights, V, c)
        r_deltas = r_backward_pass(0 * delta, deltas, r_z, slopes, bends, weights, V)
        Q, q = [np.empty_like(W) for W in weights], [np.empty_like(b) for b in c]
        r_parameter_gradients(a, deltas, r_a, r_deltas, Q, q)
        ahead, behind = self.moved(self.H), self.moved(-self.H)
        for found, up, down in zip([r_z, [0 * a[0], *r_a, r_z[-1]], r_deltas, Q, q], ahead, behind, strict=True):
            assert len(found) == len(up)
            for one, more, less in zip(found, up, down, strict=True):
                np.testing.assert_allclose(one, (more - less) / (2 * self.H), rtol=1e-6, atol=1e-7)

    def test_gauss_newton_s_way_back_is_backpropagation(self):
        _, weights, _, _, _, delta = self.layers()
        z, _, deltas, *_ = self.moved(0.0)
        before = delta.copy()
        passed = gauss_newton_backward_pass(delta, slopes_of(z, self.FUNCTIONS), weights)
        for found, expected in zip(passed, deltas, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13)
        np.testing.assert_array_equal(delta, before)
