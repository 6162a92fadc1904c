"""Hessian-free: where it ends, what it costs, and how it fails."""

import numpy as np
import pytest

from nnopt_utils.activations import ACTIVATIONS
from nnopt_utils.losses import LOSSES
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.problems import Beale, FunctionObjective, NetworkObjective, Quadratic, Rosenbrock, Saddle
from nnopt_utils.second_order import hessian_free
from nnopt_utils.second_order.hessian_free import _conjugate_gradients, _next_damping
from nnopt_utils.training import minimize

BOTH = pytest.mark.parametrize("curvature", ["gauss_newton", "hessian"])


def objective(activation="tanh", loss="cross_entropy", sizes=(2, 6, 3), n=60, l2=1e-3, seed=0):
    """Three noisy classes in the plane, or two waves."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, sizes[0]))
    waves = np.sin(2 * x[:, :1] + np.arange(sizes[-1])) + 0.1 * generator.normal(size=(n, sizes[-1]))
    y = waves.argmax(axis=1) if loss == "cross_entropy" else (waves > 0) * 1.0 if "binary" in loss else waves
    return NetworkObjective(MLP(list(sizes), activation, loss, l2=l2, seed=seed), x, y)


class Counting:
    """An objective that counts what it is asked."""

    def __init__(self, problem):
        self.problem, self.calls = problem, {"value": 0, "gradient": 0, "product": 0}
        self.start = problem.start

    def value(self, theta):
        self.calls["value"] += 1
        return self.problem.value(theta)

    def gradient(self, theta):
        self.calls["gradient"] += 1
        return self.problem.gradient(theta)

    def gauss_newton_vector_product(self, theta, vector):
        self.calls["product"] += 1
        return self.problem.gauss_newton_vector_product(theta, vector)


class TestNetworks:
    @BOTH
    @pytest.mark.parametrize("loss", [name for name in LOSSES if name != "mae"])
    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_goes_down(self, activation, loss, curvature):
        """Also where kinks keep it from converging."""
        problem = objective(activation, loss)
        result = hessian_free(problem, curvature=curvature, max_iterations=15)
        assert (np.diff(result.trajectory.values) < 0).all() and len(result.trajectory.values) > 5
        assert result.value < 0.9 * problem.value(problem.start)

    @BOTH
    def test_converges(self, curvature):
        problem = objective()
        result = hessian_free(problem, curvature=curvature, tolerance=1e-4, max_iterations=300)
        assert result.converged and result.gradient_norm <= 1e-4
        assert np.linalg.norm(problem.gradient(result.x)) == pytest.approx(result.gradient_norm, rel=1e-9)
        assert np.linalg.eigvalsh(problem.hessian(result.x)).min() > -1e-3

    def test_is_lower_than_tuned_gradient_descent_at_the_same_price(self):
        """A gradient is 1, a product 1.5 and a value 1, each more than it costs: 1,000 in all.

        At a price of 100 gradient descent is ahead: Hessian-free has taken three or four steps then.
        """
        problem = objective("softplus", "mse", (2, 8, 8, 3))
        rates = 2.0 ** np.arange(-4, 1)
        descents = [minimize(problem, GradientDescent(float(rate)), steps=1000).values[-1] for rate in rates]
        best = int(np.nanargmin(descents))
        assert 0 < best < len(rates) - 1  # tuned: the best rate is not at an end
        counting = Counting(problem)
        result = hessian_free(counting, max_iterations=14)
        price = counting.calls["gradient"] + 1.5 * counting.calls["product"] + counting.calls["value"]
        assert 500 < price <= 1000
        assert result.value < 0.8 * descents[best]

    def test_counts_what_it_asks(self):
        counting = Counting(objective())
        result = hessian_free(counting, max_iterations=8)
        calls = (result.n_evaluations, result.n_gradients, result.n_products)
        assert calls == (counting.calls["value"], counting.calls["gradient"], counting.calls["product"])
        assert result.n_iterations == 8 and result.n_hessians == 0 and len(result.trajectory.points) == 9

    def test_a_linear_network_takes_few_iterations(self):
        """Softmax regression is convex, and H = G."""
        problem = objective(sizes=(2, 3))
        result = hessian_free(problem, tolerance=1e-8)
        assert result.converged and result.n_iterations <= 25


class TestProblems:
    @pytest.mark.parametrize("problem", [Rosenbrock(), Beale(), Quadratic([1.0, 100.0])], ids=lambda p: p.name)
    def test_finds_the_minimum(self, problem):
        result = hessian_free(problem, curvature="hessian", max_iterations=200)
        assert result.converged
        np.testing.assert_allclose(result.x, problem.minimum, atol=1e-5)

    def test_without_damping_a_bowl_is_one_step(self):
        bowl = Quadratic([1.0, 3.0, 10.0, 100.0])
        result = hessian_free(bowl, np.ones(4), damping=0.0, curvature="hessian")
        assert result.converged and result.n_iterations == 1 and result.n_products == 4

    def test_leaves_a_saddle(self):
        """Near it the Hessian has a negative eigenvalue, and damping is raised beyond that."""
        problem = Saddle()
        result = hessian_free(problem, np.array([0.3, 1e-3]), damping=0.0, curvature="hessian")
        assert result.converged and result.value == pytest.approx(problem.minimum_value)


class TestParts:
    def test_conjugate_gradients_solve_the_damped_equations(self):
        generator = np.random.default_rng(0)
        A, g = generator.normal(size=(8, 8)), generator.normal(size=8)
        B = A @ A.T
        for start in (np.zeros(8), generator.normal(size=8)):
            solved = _conjugate_gradients(lambda v: B @ v, g, 0.5, start, 50, 1e-12)
            last = solved.path[-1]
            np.testing.assert_allclose(last.s, np.linalg.solve(B + 0.5 * np.eye(8), -g), rtol=1e-8)
            for s, model in solved.path:
                assert model == pytest.approx(g @ s + 0.5 * s @ (B + 0.5 * np.eye(8)) @ s, rel=1e-8, abs=1e-10)

    def test_conjugate_gradients_stop_where_little_is_won(self):
        curvatures, g = np.linspace(1, 1000, 400), np.ones(400)
        taken = [len(_counted_solve(curvatures, g, progress)) for progress in (1e-2, 5e-4, 1e-8)]
        assert 11 <= taken[0] < taken[1] < taken[2] < 250

    def test_negative_curvature_is_reported(self):
        solved = _conjugate_gradients(lambda v: np.array([1.0, -3.0]) * v, np.ones(2), 0.5, np.zeros(2), 9, 1e-4)
        assert solved.lowest_curvature < 0 and solved.path == []

    @pytest.mark.parametrize(
        ("ratio", "factor"), [(-2, 1.5), (0.24, 1.5), (0.26, 1), (0.74, 1), (0.76, 2 / 3), (3, 2 / 3)]
    )
    def test_damping(self, ratio, factor):
        assert _next_damping(2.0, ratio) == pytest.approx(2 * factor)


def _counted_solve(curvatures, g, progress):
    calls = []

    def product(v):
        calls.append(1)
        return curvatures * v

    _conjugate_gradients(product, g, 0.0, np.zeros(g.size), 250, progress)
    return calls


class Broken:
    """A bowl whose products, or whose values but at the start, are of no use."""

    start = np.ones(2)

    def __init__(self, value=None, product=None):
        self._value, self._product = value, product

    def value(self, theta):
        return self._value if self._value is not None and (theta != 1).any() else float(theta @ theta)

    def gradient(self, theta):
        return 2 * theta

    def hessian_vector_product(self, theta, vector):
        return 2 * vector if self._product is None else self._product * vector


class TestFailures:
    @pytest.mark.parametrize("value", [np.inf, np.nan, 5.0])
    def test_no_step_lowers_j(self, value):
        result = hessian_free(Broken(value), curvature="hessian")
        assert not result.converged and "no step lowered J" in result.message
        assert result.x.tolist() == [1, 1] and result.value == 2 and result.n_iterations == 0

    def test_a_product_that_is_not_finite(self):
        result = hessian_free(Broken(product=np.nan), curvature="hessian")
        assert not result.converged and result.message == "a product with the matrix of curvature is not finite"
        assert result.x.tolist() == [1, 1]

    @pytest.mark.parametrize("product", [-1.0, -1e6, 0.0])
    def test_curvature_that_is_nowhere_positive(self, product):
        """Damping makes up for a wrong sign: every step goes down."""
        result = hessian_free(Broken(product=product), damping=0.0, curvature="hessian")
        assert result.value < 2 and (np.diff(result.trajectory.values) < 0).all()

    def test_iterations_run_out(self):
        result = hessian_free(objective(), max_iterations=2)
        assert not result.converged and result.message.startswith("2 iterations did not bring")
        assert result.value == result.trajectory.values.min()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"curvature": "newton"}, "curvature: got 'newton'; expected one of 'gauss_newton', 'hessian'"),
            ({"damping": -1.0}, r"damping: got -1\.0; expected a finite number >= 0"),
            ({"max_products": 0}, "max_products: got 0; expected an integer >= 1"),
            ({"progress": 0.0}, r"progress: got 0\.0; expected a finite number > 0"),
            ({"max_iterations": 0}, "max_iterations: got 0"),
            ({"tolerance": -1.0}, "tolerance: got"),
            ({"start": np.ones(3)}, "expected shape"),
        ],
    )
    def test_bad_arguments(self, options, message):
        with pytest.raises((TypeError, ValueError), match=message):
            hessian_free(objective(), **options)

    def test_a_problem_without_products(self):
        bowl = FunctionObjective(lambda theta: float(theta @ theta), lambda theta: 2 * theta, [1.0])
        with pytest.raises(TypeError, match="it lacks gauss_newton_vector_product"):
            hessian_free(bowl)
