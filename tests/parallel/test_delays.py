"""Delayed gradients: against ``minimize``, eigenvalues, Lyapunov's equation, searches, and the heavy ball."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.optimizers import SGD, Adam, GradientDescent
from nnopt_utils.parallel import (
    best_rate,
    contraction,
    delayed_descent,
    delayed_noise_floor,
    expected_asynchronous_path,
    stability_limit,
)
from nnopt_utils.problems import FunctionObjective, Quadratic, Rosenbrock
from nnopt_utils.training import minimize

PUBLISHED = {0: 2.0, 1: 1.0, 2: 0.6180, 4: 0.3473, 8: 0.1845, 16: 0.0952}
every_delay = pytest.mark.parametrize("delay", range(17))
some_delays = pytest.mark.parametrize("delay", [0, 1, 2, 4, 8, 16])


def companion(a, delay):
    """What takes (e_t, …, e_{t−τ}) to (e_{t+1}, …, e_{t−τ+1})."""
    matrix = np.eye(delay + 1, k=-1)
    matrix[0, 0] += 1
    matrix[0, delay] -= a
    return matrix


def largest_root(a, delay):
    """The polynomial's roots, by another function than the library's."""
    coefficients = np.zeros(delay + 2)
    coefficients[0] = 1
    coefficients[1] -= 1
    coefficients[-1] += a
    return np.abs(np.roots(coefficients)).max()


class TestDelayedDescent:
    @pytest.mark.parametrize("optimizer", [GradientDescent(0.002), SGD(0.001, momentum=0.9), Adam(0.01)], ids=repr)
    def test_without_a_delay_it_is_minimize(self, optimizer):
        ours = delayed_descent(Rosenbrock(), copy.deepcopy(optimizer), 0, 40)
        theirs = minimize(Rosenbrock(), copy.deepcopy(optimizer), 40)
        for name in ("points", "values", "gradient_norms"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        assert (ours.diverged, ours.optimizer) == (theirs.diverged, theirs.optimizer)

    @pytest.mark.parametrize("delay", [1, 2, 5])
    def test_each_step_has_the_gradient_of_the_point_tau_before(self, delay):
        problem, rate = Rosenbrock(), 0.0005
        points = delayed_descent(problem, GradientDescent(rate), delay, 30).points
        for t in range(30):
            gradient = problem.gradient(points[max(0, t - delay)])
            np.testing.assert_allclose(points[t + 1], points[t] - rate * gradient, rtol=0, atol=1e-14)

    def test_a_problem_that_returns_theta_itself(self):
        bowl = FunctionObjective(lambda theta: 0.5 * theta @ theta, lambda theta: theta, start=[1.0])
        points = delayed_descent(bowl, GradientDescent(0.5), 1, 4).points.ravel()
        np.testing.assert_array_equal(points, [1, 0.5, 0, -0.25, -0.25])

    def test_values_and_norms_are_without_noise_and_delay(self):
        problem = Quadratic(kappa=10)
        run = delayed_descent(problem, GradientDescent(0.01), 3, 20, start=np.array([2.0, -1.0]), sigma=0.5, seed=4)
        np.testing.assert_array_equal(run.points[0], [2.0, -1.0])
        np.testing.assert_allclose(run.values, problem.value(run.points))
        np.testing.assert_allclose(run.gradient_norms, np.linalg.norm(problem.gradient(run.points), axis=1))

    def test_noise_is_new_in_every_step_and_the_same_for_every_delay(self):
        """Along a line the noise is what is left of the steps."""
        line = FunctionObjective(lambda theta: theta.sum(), np.ones_like, start=np.zeros(3))
        runs = [delayed_descent(line, GradientDescent(1.0), delay, 500, sigma=0.3, seed=7) for delay in (0, 4)]
        np.testing.assert_array_equal(runs[0].points, runs[1].points)
        noise = -np.diff(runs[0].points, axis=0) - 1
        assert len(np.unique(noise.round(9))) == noise.size
        assert noise.std() == pytest.approx(0.3, rel=5 / math.sqrt(2 * noise.size))

    def test_seeds(self):
        def points(seed):
            return delayed_descent(Quadratic(kappa=3), GradientDescent(0.1), 2, 10, sigma=1.0, seed=seed).points

        np.testing.assert_array_equal(points(3), points(3))
        np.testing.assert_array_equal(points(3), points(np.random.default_rng(3)))
        assert not np.array_equal(points(3), points(4))

    def test_divergence_is_a_result(self):
        run = delayed_descent(Quadratic([1.0]), GradientDescent(1.9), 3, 10_000)
        assert run.diverged and run.steps < 10_000 and np.isfinite(run.points).all() and np.isfinite(run.values).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"delay": -1}, "delay: got -1; expected an integer >= 0"),
            ({"delay": 1.0}, r"delay: got 1\.0; expected an integer"),
            ({"steps": 0}, "steps: got 0; expected an integer >= 1"),
            ({"sigma": -1.0}, r"sigma: got -1\.0; expected a finite number >= 0"),
            ({"optimizer": "SGD"}, "optimizer: got 'SGD'; expected an Optimizer"),
            ({"problem": 3}, "problem: got 3; expected an object with value, gradient and start"),
            ({"start": [np.inf]}, "start: got float64 array of shape"),
            ({"tau": 3}, r"tau: got 3, but delayed_descent has no such argument.*did you mean delay"),
        ],
    )
    def test_bad_arguments(self, change, message):
        good = {"problem": Quadratic([1.0]), "optimizer": GradientDescent(0.1), "delay": 1, "steps": 5}
        with pytest.raises((TypeError, ValueError), match=message):
            delayed_descent(**{**good, **change})

    def test_a_used_optimizer_is_refused(self):
        used = GradientDescent(0.1)
        used.step(np.ones(1), np.ones(1))
        with pytest.raises(ValueError, match="optimizer: got one that has taken 1 steps; expected a new one"):
            delayed_descent(Quadratic([1.0]), used, 1, 5)

    def test_a_start_without_a_value_is_refused(self):
        hole = FunctionObjective(lambda theta: math.inf, lambda theta: theta, start=[1.0])
        with pytest.raises(ValueError, match="start: got a point where the value is inf"):
            delayed_descent(hole, GradientDescent(0.1), 1, 5)


class TestStabilityLimit:
    @every_delay
    def test_it_is_where_the_roots_leave_the_unit_circle(self, delay):
        low, high = 1e-9, 3.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if largest_root(middle, delay) < 1 else (low, middle)
        assert stability_limit(delay) == pytest.approx(low, abs=1e-6)

    @pytest.mark.parametrize(("delay", "limit"), PUBLISHED.items())
    def test_published(self, delay, limit):
        assert stability_limit(delay) == pytest.approx(limit, abs=5e-5)

    @every_delay
    def test_runs_on_both_sides(self, delay):
        """The contraction of a long run, whatever the theory."""
        for factor, shrinks in ((0.97, True), (1.03, False)):
            rate = factor * stability_limit(delay)
            run = delayed_descent(Quadratic([1.0]), GradientDescent(rate), delay, 3000)
            assert (np.abs(run.points[-200:]).max() < np.abs(run.points[:200]).max()) == shrinks

    @every_delay
    def test_below_it_everything_is_stable(self, delay):
        a = np.linspace(0, stability_limit(delay), 202)[1:-1]
        assert (contraction(a, delay) < 1).all()


class TestContraction:
    @given(st.floats(-1, 3), st.integers(0, 20))
    def test_against_the_roots_of_the_polynomial(self, a, delay):
        assert contraction(a, delay) == pytest.approx(largest_root(a, delay), abs=1e-6)

    @some_delays
    def test_against_a_long_run(self, delay):
        """The largest of τ + 1 errors, over many steps: what is left of oscillations averages out."""
        a = 0.8 * stability_limit(delay)
        points = np.abs(delayed_descent(Quadratic([1.0]), GradientDescent(a), delay, 1200).points.ravel())
        early, late = points[200:300].max(), points[1100:1200].max()
        assert (late / early) ** (1 / 900) == pytest.approx(contraction(a, delay), abs=1e-3)

    def test_shapes(self):
        a = np.array([[0.1, 0.2], [0.3, 0.4]])
        found = contraction(a, 3)
        assert found.shape == (2, 2) and found[1, 0] == contraction(0.3, 3) and isinstance(contraction(0.3, 3), float)


class TestBestRate:
    @every_delay
    def test_one_curvature(self, delay):
        found = best_rate(delay)
        assert found.rate == pytest.approx(delay**delay / (delay + 1) ** (delay + 1), rel=1e-12)
        assert found.contraction == pytest.approx(delay / (delay + 1), rel=1e-12, abs=1e-15)
        assert best_rate(delay, 4.0).rate == pytest.approx(found.rate / 4)
        assert largest_root(found.rate, delay) == pytest.approx(found.contraction, abs=1e-6)

    @some_delays
    def test_a_search_finds_no_better_rate(self, delay):
        found = best_rate(delay)
        grid = np.linspace(0, 2.2, 1501)
        near = found.rate * np.linspace(0.97, 1.03, 101)
        assert contraction(np.concatenate([grid, near]), delay).min() > found.contraction - 1e-6
        assert grid[contraction(grid, delay).argmin()] == pytest.approx(found.rate, abs=2 * grid[1])

    @some_delays
    @pytest.mark.parametrize("kappa", [1.001, 3.0, 100.0, 1e6])
    def test_both_ends_of_an_interval_are_equally_bad(self, delay, kappa):
        found = best_rate(delay, [0.5, 0.5 * kappa])
        ends = [largest_root(found.rate * curvature, delay) for curvature in (0.5, 0.5 * kappa)]
        np.testing.assert_allclose(ends, found.contraction, atol=1e-7)

    @given(st.integers(0, 12), st.floats(0.05, 20), st.floats(1, 300), st.floats(0.2, 5), st.floats(0, 1))
    def test_no_other_rate_is_better_and_no_curvature_between_is_worse(self, delay, mu, kappa, factor, between):
        found = best_rate(delay, [mu, mu * kappa])
        other = factor * found.rate
        assert max(contraction([other * mu, other * mu * kappa], delay)) > found.contraction - 1e-6
        assert contraction(found.rate * mu * kappa**between, delay) < found.contraction + 1e-6

    def test_only_the_ends_count(self):
        assert best_rate(3, [1.0, 2.0, 5.0]) == best_rate(3, np.array([[5.0], [1.0]]))

    def test_without_a_delay_it_is_the_textbooks(self):
        found = best_rate(0, [1.0, 9.0])
        assert found.rate == pytest.approx(0.2) and found.contraction == pytest.approx(0.8)

    def test_workers_that_wait_their_turn_gain_nothing(self):
        """P steps at the delay P − 1 shrink the error no more than one step of one worker."""
        for curvatures in ([1.0], [1.0, 3.0], [1.0, 100.0], [1.0, 1e4]):
            one = best_rate(0, curvatures).contraction
            assert all(best_rate(P - 1, curvatures).contraction ** P >= one for P in range(2, 33))

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match=r"curvatures: got \[1\.0, 0\.0\]; expected numbers > 0"):
            best_rate(1, [1.0, 0.0])
        with pytest.raises(ValueError, match="delay: got -1"):
            best_rate(-1)


class TestNoiseFloor:
    @given(st.integers(0, 20), st.floats(0.001, 0.99), st.floats(0.1, 10), st.floats(0, 3))
    def test_against_lyapunovs_equation(self, delay, share, curvature, sigma):
        """X = A X Aᵀ + Q, solved as a linear system for small delays and by doubling for all."""
        rate = share * stability_limit(delay) / curvature
        A = companion(rate * curvature, delay)
        X = np.zeros_like(A)
        X[0, 0] = (rate * sigma) ** 2
        for _ in range(40):  # after k doublings the sum has 2^k terms
            X = X + A @ X @ A.T
            A = A @ A
        assert delayed_noise_floor(rate, curvature, delay, sigma) == pytest.approx(X[0, 0], rel=1e-6)

    @pytest.mark.parametrize("delay", [0, 1, 3])
    def test_against_a_linear_system(self, delay):
        rate, curvature = 0.12, 1.5
        A, n = companion(rate * curvature, delay), (delay + 1) ** 2
        Q = np.zeros(n)
        Q[0] = rate**2
        X = np.linalg.solve(np.eye(n) - np.kron(A, A), Q)
        assert delayed_noise_floor(rate, curvature, delay) == pytest.approx(X[0], rel=1e-12)

    @pytest.mark.parametrize("delay", [0, 2, 8])
    def test_against_a_run(self, delay):
        """4,000 coordinates are as many runs; the floor is within five standard errors of a variance."""
        d, rate = 4000, 0.1
        problem = Quadratic(np.ones(d), start=np.zeros(d))
        last = delayed_descent(problem, GradientDescent(rate), delay, 400, sigma=0.7, seed=1).points[-1]
        floor = delayed_noise_floor(rate, 1.0, delay, 0.7)
        assert np.mean(last**2) == pytest.approx(floor, rel=5 * math.sqrt(2 / d))

    def test_chapter_05_is_the_case_without_a_delay(self):
        assert delayed_noise_floor(0.3, 2.0, 0, 1.5) == pytest.approx(0.3 * 1.5**2 / (2.0 * (2 - 0.6)))

    @pytest.mark.parametrize("delay", [1, 4, 16])
    def test_a_small_rate_hardly_notices(self, delay):
        for a in (1e-3 / delay, 1e-5 / delay):
            ratio = delayed_noise_floor(a, 1.0, delay) / delayed_noise_floor(a, 1.0, 0)
            assert ratio == pytest.approx(1 + a * delay, abs=2 * (a * delay) ** 2 + 1e-12)

    @every_delay
    def test_it_grows_with_the_rate_to_infinity_at_the_limit(self, delay):
        limit = stability_limit(delay)
        floors = [delayed_noise_floor(limit * share, 1.0, delay) for share in (0.1, 0.5, 0.9, 0.999, 1 - 1e-9)]
        assert floors == sorted(floors) and floors[-1] > 1e6 * floors[0]
        assert delayed_noise_floor(limit, 1.0, delay) == delayed_noise_floor(2 * limit, 1.0, delay) == math.inf


class TestAsynchronyBegetsMomentum:
    @pytest.mark.parametrize("workers", [1, 2, 4, 8])
    @pytest.mark.parametrize(("problem", "rate"), [(Quadratic(kappa=10), 0.1), (Rosenbrock(), 0.0008)], ids=["q", "r"])
    def test_it_is_the_heavy_ball(self, problem, rate, workers):
        ours = expected_asynchronous_path(problem, rate, workers, 200)
        theirs = minimize(problem, SGD(rate / workers, momentum=1 - 1 / workers), 200)
        np.testing.assert_allclose(ours.points, theirs.points, rtol=0, atol=1e-12)
        np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9, atol=1e-20)

    @pytest.mark.parametrize("workers", [1, 2, 4, 8])
    def test_begun_together_the_ball_has_a_velocity(self, workers):
        problem, rate, mu = Rosenbrock(), 0.0008, 1 - 1 / workers
        ours = expected_asynchronous_path(problem, rate, workers, 100, begin_together=True).points
        theta = problem.start.copy()
        v = -rate * problem.gradient(theta)
        for point in ours[1:]:
            v = mu * v - rate / workers * problem.gradient(theta)
            theta = theta + v
            np.testing.assert_allclose(point, theta, rtol=0, atol=1e-12)

    def test_it_is_the_mean_of_random_paths(self):
        """Every update is equally likely any worker's, who has read θ after the last one of its own."""
        P, steps, runs, rate = 4, 40, 4000, 0.6
        generator = np.random.default_rng(0)
        read, theta, every = np.ones((runs, P)), np.ones(runs), np.arange(runs)
        exact = expected_asynchronous_path(Quadratic([1.0]), rate, P, steps, begin_together=True).points.ravel()
        for t in range(1, steps + 1):
            worker = generator.integers(P, size=runs)
            theta = theta - rate * read[every, worker]
            read[every, worker] = theta
            assert abs(theta.mean() - exact[t]) <= 5 * theta.std() / math.sqrt(runs) + 1e-12

    def test_divergence_is_a_result(self):
        run = expected_asynchronous_path(Quadratic([1.0]), 40.0, 2, 5000)
        assert run.diverged and np.isfinite(run.points).all()

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="workers: got 0; expected an integer >= 1"):
            expected_asynchronous_path(Quadratic([1.0]), 0.1, 0, 5)
        with pytest.raises(TypeError, match=r"lr: got 0\.1, but .* has no such argument"):
            expected_asynchronous_path(Quadratic([1.0]), lr=0.1, workers=2, steps=5)
