"""Simulated clusters: exact identities, a second simulator written another way, statistics within derived bounds."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.optimizers import SGD, Adam, GradientDescent
from nnopt_utils.parallel import (
    Cluster,
    Simulation,
    all_reduce_seconds,
    delayed_descent,
    delayed_noise_floor,
    expected_asynchronous_path,
    simulate_asynchrony,
)
from nnopt_utils.parallel.cluster import Durations
from nnopt_utils.problems import FunctionObjective, Quadratic, Rosenbrock
from nnopt_utils.training import minimize

OPTIONS = {
    "synchronous": {},
    "asynchronous": {},
    "stale_synchronous": {"staleness_bound": 2},
    "local": {"local_steps": 3},
}
every_method = pytest.mark.parametrize("method", OPTIONS)
FIELDS = ("times", "losses", "staleness", "applied_by", "busy", "theta")


def assert_same(one: Simulation, other: Simulation):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.gradients, one.bytes_sent, one.seconds) == (other.gradients, other.bytes_sent, other.seconds)


def durations_of(cluster, seed, rows):
    """Seconds of every worker's first gradients, from the same stream as a simulation's."""
    drawn = Durations(cluster, np.random.default_rng(seed).spawn(2)[0])
    return np.array([drawn.row(n) for n in range(rows)])


def noise_of(seed, shape):
    return np.random.default_rng(seed).spawn(2)[1].standard_normal(shape)


class Path:
    """A problem that remembers where it was judged: after every update of the shared θ."""

    def __init__(self, problem):
        self.problem, self.start, self.points = problem, problem.start, []

    def value(self, theta):
        self.points.append(theta.copy())
        return self.problem.value(theta)

    def gradient(self, theta):
        return self.problem.gradient(theta)


def path(problem, *args, **kwargs):
    watched = Path(problem)
    run = simulate_asynchrony(watched, *args, **kwargs)
    return np.array(watched.points), run


class TestOneWorker:
    @pytest.mark.parametrize("method", ["synchronous", "asynchronous", "stale_synchronous"])
    @pytest.mark.parametrize("make", [lambda: SGD(0.001, momentum=0.9), lambda: Adam(0.01)], ids=["sgd", "adam"])
    def test_is_minimize(self, method, make):
        points, run = path(Rosenbrock(), make(), Cluster(workers=1), method, updates=50, **OPTIONS[method])
        np.testing.assert_array_equal(points, minimize(Rosenbrock(), make(), 50).points)
        np.testing.assert_array_equal(run.times, np.arange(51))
        assert run.idle_share == 0 and not run.staleness.any()

    @pytest.mark.parametrize("make", [lambda: SGD(0.001, momentum=0.9), lambda: Adam(0.01)], ids=["sgd", "adam"])
    def test_alone_local_steps_are_steps(self, make):
        points, run = path(Rosenbrock(), make(), Cluster(workers=1), "local", local_steps=5, updates=10)
        np.testing.assert_array_equal(points, minimize(Rosenbrock(), make(), 50).points[::5])
        np.testing.assert_array_equal(run.times, 5.0 * np.arange(11))

    def test_noise_is_of_variance_sigma_squared_over_B(self):
        points, _ = path(Quadratic([2.0]), SGD(0.1), Cluster(workers=1), updates=30, sigma=0.6, batch_size=9, seed=5)
        theta = 1.0
        for point, xi in zip(points[1:, 0], noise_of(5, 30), strict=True):
            theta -= 0.1 * (2.0 * theta + 0.2 * xi)
            assert point == pytest.approx(theta, abs=1e-12)


class TestEqualSpeeds:
    @pytest.mark.parametrize("P", [1, 2, 3, 8])
    def test_staleness_is_P_minus_1(self, P):
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.01), Cluster(workers=P), updates=10 * P)
        np.testing.assert_array_equal(run.staleness, np.minimum(np.arange(10 * P), P - 1))
        np.testing.assert_array_equal(run.applied_by, np.tile(np.arange(P), 10))
        np.testing.assert_array_equal(run.times, np.concatenate([[0], np.repeat(np.arange(1, 11), P)]))

    @pytest.mark.parametrize("P", [1, 2, 3, 8])
    def test_the_path_is_that_of_delayed_descent(self, P):
        points, _ = path(Rosenbrock(), SGD(0.0003), Cluster(workers=P, seconds_per_gradient=0.1), updates=100)
        np.testing.assert_array_equal(points, delayed_descent(Rosenbrock(), SGD(0.0003), P - 1, 100).points)

    @pytest.mark.parametrize("P", [1, 4])
    def test_the_noise_floors(self, P):
        """2,000 coordinates are as many runs: five standard errors of a variance."""
        d, rate, sigma = 2000, 0.1, 0.7
        problem = Quadratic(np.ones(d), start=np.zeros(d))
        for method, floor in (
            ("asynchronous", delayed_noise_floor(rate, 1.0, P - 1, sigma)),
            ("synchronous", delayed_noise_floor(rate, 1.0, 0, sigma / math.sqrt(P))),
        ):
            run = simulate_asynchrony(problem, SGD(rate), Cluster(workers=P), method, updates=300, sigma=sigma)
            assert np.mean(run.theta**2) == pytest.approx(floor, rel=5 * math.sqrt(2 / d))

    def test_many_workers(self):
        run = simulate_asynchrony(Quadratic([1.0]), SGD(1e-4), Cluster(workers=5000), updates=10_000)
        assert run.staleness[-1] == 4999 and run.seconds == 2.0


class TestSynchronous:
    def test_the_gradient_is_the_mean_of_P_noisy_ones(self):
        P, d, sigma = 5, 3, 0.4
        problem = Quadratic([1.0, 2.0, 3.0])
        points, run = path(problem, SGD(0.1), Cluster(workers=P), "synchronous", updates=20, sigma=sigma, seed=2)
        theta = problem.start.copy()
        for point, noise in zip(points[1:], sigma * noise_of(2, (20, P, d)), strict=True):
            theta = theta - 0.1 * np.mean([problem.gradient(theta) + xi for xi in noise], axis=0)
            np.testing.assert_allclose(point, theta, rtol=0, atol=1e-13)
        assert run.gradients == 100 and not run.staleness.any() and run.applied_by.size == 0

    @pytest.mark.parametrize("algorithm", ["ring", "tree"])
    def test_a_round_is_the_slowest_worker_and_an_all_reduce(self, algorithm):
        cluster = Cluster(
            workers=6,
            seconds_per_gradient=[1, 2, 3, 1, 1, 1],
            distribution="exponential",
            latency=0.1,
            bandwidth=50.0,
            all_reduce=algorithm,
        )
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.1), cluster, "synchronous", updates=9, message_bytes=100, seed=3
        )
        seconds = durations_of(cluster, 3, 9)
        rounds = seconds.max(axis=1) + all_reduce_seconds(100, 6, 0.1, 50.0, algorithm)
        np.testing.assert_allclose(np.diff(run.times), rounds, rtol=1e-12)
        np.testing.assert_allclose(run.busy, seconds.sum(axis=0) / run.seconds, rtol=1e-12)
        assert run.bytes_sent == 9 * 2 * 5 * 100

    def test_backup_workers(self):
        P, b, sigma = 7, 2, 0.5
        cluster = Cluster(workers=P, distribution="exponential")
        points, run = path(
            Quadratic([1.0]), SGD(0.1), cluster, "synchronous", updates=40, backup_workers=b, sigma=sigma, seed=8
        )
        seconds, noise = durations_of(cluster, 8, 40), sigma * noise_of(8, (40, P))
        ends = np.sort(seconds, axis=1)[:, P - b - 1]
        np.testing.assert_allclose(np.diff(run.times), ends, rtol=1e-12)
        in_time = seconds <= ends[:, None]
        assert (in_time.sum(axis=1) == P - b).all() and run.gradients == 40 * (P - b)
        theta = 1.0
        for point, xi, counted in zip(points[1:, 0], noise, in_time, strict=True):
            theta -= 0.1 * (theta + xi[counted].mean())
            assert point == pytest.approx(theta, abs=1e-13)
        np.testing.assert_allclose(run.busy * run.seconds, np.minimum(seconds, ends[:, None]).sum(axis=0), rtol=1e-12)


class TestLocal:
    @pytest.mark.parametrize("outer", [None, SGD(1.0)], ids=["mean", "outer"])
    def test_with_one_step_it_is_synchronous(self, outer):
        cluster = Cluster(workers=6, distribution="exponential", latency=0.1, bandwidth=1000.0)
        settings = {"updates": 30, "sigma": 0.4, "seed": 3}
        ours, run = path(Rosenbrock(), SGD(0.001), cluster, "local", local_steps=1, outer_optimizer=outer, **settings)
        theirs, other = path(Rosenbrock(), SGD(0.001), cluster, "synchronous", **settings)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(run.times, other.times)
        np.testing.assert_array_equal(run.busy, other.busy)
        assert (run.bytes_sent, run.gradients) == (other.bytes_sent, other.gradients)

    def test_each_worker_keeps_its_momentum_and_the_outer_step_goes_against_the_way_back(self):
        P, H, rate, sigma = 3, 4, 0.05, 0.3
        problem = Quadratic([1.0, 4.0])
        points, run = path(
            problem,
            SGD(rate, momentum=0.5),
            Cluster(workers=P),
            "local",
            local_steps=H,
            outer_optimizer=SGD(0.7, momentum=0.9, nesterov=True),
            updates=6,
            sigma=sigma,
            seed=11,
        )
        noise = sigma * noise_of(11, (6, H, P, 2))
        theta, velocity, v = problem.start.copy(), np.zeros(2), np.zeros((P, 2))
        for r in range(6):
            own = np.tile(theta, (P, 1))
            for h in range(H):
                v = 0.5 * v - rate * (problem.gradient(own) + noise[r, h])
                own = own + v
            outer_gradient = theta - own.mean(axis=0)
            velocity = 0.9 * velocity - 0.7 * outer_gradient
            theta = theta + 0.9 * velocity - 0.7 * outer_gradient
            np.testing.assert_allclose(points[r + 1], theta, rtol=0, atol=1e-12)
        assert run.gradients == 6 * H * P

    def test_without_noise_one_worker_stands_for_all(self):
        """The same as with noise that is too small to matter."""
        quiet, noisy = (
            simulate_asynchrony(
                Rosenbrock(), Adam(0.01), Cluster(workers=3), "local", local_steps=4, updates=9, sigma=sigma
            )
            for sigma in (0.0, 1e-16)
        )
        np.testing.assert_allclose(quiet.theta, noisy.theta, rtol=0, atol=1e-10)
        assert (quiet.gradients, quiet.bytes_sent) == (noisy.gradients, noisy.bytes_sent)

    def test_a_round_is_the_slowest_workers_steps_and_an_all_reduce(self):
        cluster = Cluster(workers=4, distribution="uniform", latency=0.1, bandwidth=50.0)
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.1), cluster, "local", local_steps=5, updates=7, message_bytes=10, seed=1
        )
        seconds = durations_of(cluster, 1, 35).reshape(7, 5, 4).sum(axis=1)
        rounds = seconds.max(axis=1) + all_reduce_seconds(10, 4, 0.1, 50.0)
        np.testing.assert_allclose(np.diff(run.times), rounds, rtol=1e-12)
        assert run.bytes_sent == 7 * 2 * 3 * 10


# -- a second simulator of a server -----------------------------------------------------------------------------------


def second_simulator(cluster, seed, updates, n_bytes, bound=math.inf):
    """Every move of every message is an event of its own; who may start is asked of all workers, each time.

    Returns times, staleness, workers and the numbers of applied gradients after each update.
    """
    P, transfer = cluster.workers, n_bytes / cluster.bandwidth
    seconds = durations_of(cluster, seed, updates + 1)
    queues = {"in": [], "processor": [], "out": []}
    serves = {"in": transfer, "processor": cluster.server_seconds, "out": transfer}
    busy = dict.fromkeys(queues, False)
    applied, reads, waits, version = [0] * P, [0] * P, [False] * P, 0
    agenda = [(seconds[0, w], w, "computed") for w in range(P)]
    times, staleness, workers = [], [], []

    def join(station, worker, now):
        queues[station].append(worker)
        if not busy[station]:
            serve(station, now)

    def serve(station, now):
        busy[station] = bool(queues[station])
        if busy[station]:
            agenda.append((now + serves[station], queues[station].pop(0), station))

    while len(times) < updates:
        now, worker, what = agenda.pop(agenda.index(min(agenda, key=lambda event: event[0])))
        if what == "computed":
            agenda.append((now + cluster.latency, worker, "at server"))
        elif what == "at server":
            join("in", worker, now)
        elif what == "in":
            join("processor", worker, now)
            serve("in", now)
        elif what == "processor":
            times.append(now)
            staleness.append(version - reads[worker])
            workers.append(worker)
            version += 1
            applied[worker] += 1
            waits[worker] = True
            for other in range(P):
                if waits[other] and applied[other] <= min(applied) + bound:
                    waits[other], reads[other] = False, version
                    join("out", other, now)
            serve("processor", now)
        elif what == "out":
            agenda.append((now + cluster.latency, worker, "answered"))
            serve("out", now)
        else:
            agenda.append((now + seconds[applied[worker], worker], worker, "computed"))
    return np.array(times), np.array(staleness), np.array(workers)


clusters = st.builds(
    Cluster,
    workers=st.integers(1, 7),
    seconds_per_gradient=st.floats(0.5, 2),
    distribution=st.sampled_from(["exponential", "uniform"]),
    stragglers=st.sampled_from([0.0, 0.3]),
    stalls=st.sampled_from([0.0, 0.2]),
    latency=st.sampled_from([0.0, 0.3]),
    bandwidth=st.sampled_from([math.inf, 100.0]),
    server_seconds=st.sampled_from([0.0, 0.15]),
)


class TestServer:
    @given(clusters, st.one_of(st.none(), st.integers(0, 4)), st.integers(0, 1000))
    def test_against_a_second_simulator(self, cluster, bound, seed):
        method = "asynchronous" if bound is None else "stale_synchronous"
        run = simulate_asynchrony(
            Quadratic([1.0]),
            SGD(0.001),
            cluster,
            method,
            updates=60,
            staleness_bound=bound,
            message_bytes=10,
            seed=seed,
        )
        times, staleness, workers = second_simulator(cluster, seed, 60, 10, math.inf if bound is None else bound)
        np.testing.assert_allclose(run.times[1:], times, rtol=1e-9)
        np.testing.assert_array_equal(run.staleness, staleness)
        np.testing.assert_array_equal(run.applied_by, workers)

    @given(clusters, st.integers(0, 5), st.integers(0, 1000))
    def test_a_bound_is_kept(self, cluster, bound, seed):
        """Numbers of applied gradients differ by at most s + 1, at every moment."""
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.001), cluster, "stale_synchronous", updates=150, staleness_bound=bound, seed=seed
        )
        applied = np.cumsum(run.applied_by[:, None] == np.arange(cluster.workers), axis=0)
        assert np.ptp(applied, axis=1).max() <= bound + 1

    def test_the_bound_is_attained_and_passed_without_it(self):
        cluster = Cluster(workers=4, stragglers=0.25, slowdown=50)
        for bound, expected in ((0, 1), (3, 4), (None, 54)):
            method = "asynchronous" if bound is None else "stale_synchronous"
            run = simulate_asynchrony(Quadratic([1.0]), SGD(0.001), cluster, method, staleness_bound=bound, seconds=55)
            applied = np.cumsum(run.applied_by[:, None] == np.arange(4), axis=0)
            assert np.ptp(applied, axis=1).max() == expected

    def test_with_the_bound_0_a_round_is_synchronous_at_P_times_the_rate(self):
        P, settings = 4, {"updates": 10, "sigma": 0.3, "seed": 6}
        theirs, _ = path(Rosenbrock(), SGD(P * 0.0002), Cluster(workers=P), "synchronous", **settings)
        ours, run = path(
            Rosenbrock(),
            SGD(0.0002),
            Cluster(workers=P),
            "stale_synchronous",
            staleness_bound=0,
            **{**settings, "updates": 10 * P},
        )
        np.testing.assert_allclose(ours[::P], theirs, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(run.staleness, np.tile(np.arange(P), 10))

    @given(clusters, st.integers(0, 1000))
    def test_with_the_bound_0_nobody_is_a_round_ahead(self, cluster, seed):
        P = cluster.workers
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.001), cluster, "stale_synchronous", updates=8 * P, staleness_bound=0, seed=seed
        )
        np.testing.assert_array_equal(np.sort(run.applied_by.reshape(8, P), axis=1), np.tile(np.arange(P), (8, 1)))
        np.testing.assert_array_equal(run.staleness, np.tile(np.arange(P), 8))

    def test_a_loose_bound_is_no_bound(self):
        cluster = Cluster(workers=5, distribution="exponential", latency=0.1, bandwidth=100.0)
        runs = [
            simulate_asynchrony(Rosenbrock(), SGD(0.001), cluster, method, updates=200, sigma=0.1, **options)
            for method, options in (("asynchronous", {}), ("stale_synchronous", {"staleness_bound": 10**6}))
        ]
        assert_same(*runs)

    def test_one_worker_and_its_messages(self):
        cluster = Cluster(workers=1, seconds_per_gradient=2.0, latency=0.25, bandwidth=40.0, server_seconds=0.5)
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.1), cluster, updates=20, message_bytes=10)
        there, back = 2.0 + 0.25 + 10 / 40 + 0.5, 0.25 + 10 / 40
        np.testing.assert_allclose(run.times[1:], there + np.arange(20) * (there + back), rtol=1e-12)
        np.testing.assert_allclose(run.busy, 20 * 2.0 / run.seconds, rtol=1e-12)

    @pytest.mark.parametrize("slow", [{"server_seconds": 0.1}, {"bandwidth": 100.0}])
    def test_a_server_is_full_at_some_number_of_workers(self, slow):
        """From there on updates come one service apart, and workers are idle."""
        runs = {
            P: simulate_asynchrony(
                Quadratic([1.0]),
                SGD(1e-3),
                Cluster(workers=P, distribution="uniform", **slow),
                seconds=60,
                message_bytes=10,
            )
            for P in (4, 40, 80)
        }
        assert runs[4].updates_per_second < 4 and runs[4].idle_share < 0.3
        for P in (40, 80):
            assert runs[P].updates_per_second == pytest.approx(10, rel=0.03)
            np.testing.assert_allclose(np.diff(runs[P].times[P:]), 0.1, rtol=1e-9)
            assert runs[P].idle_share == pytest.approx(1 - 10 / P, abs=0.05)


class TestStaleness:
    @given(clusters, st.integers(0, 1000))
    def test_its_sum_is_known_whatever_the_speeds(self, cluster, seed):
        """Between two updates of a worker lie its staleness: sum(s + 1) is the sum of the workers' last updates."""
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.001), cluster, updates=150, message_bytes=10, seed=seed)
        last = {worker: number for number, worker in enumerate(run.applied_by, start=1)}
        assert (run.staleness + 1).sum() == sum(last.values())

    def test_memoryless_workers_make_it_geometric(self):
        """Each update is equally likely any worker's, so P(s) = (1/P) (1 − 1/P)^s.

        A worker's gaps are independent. Over P workers, dependent in whatever way, a share's standard deviation is at
        most √P times that of U independent draws: the bound is five of these.
        """
        P, U = 8, 40_000
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(1e-3), Cluster(workers=P, distribution="exponential"), updates=U, seed=1
        )
        s = run.staleness[20 * P :]
        for k in range(40):
            p = (1 / P) * (1 - 1 / P) ** k
            assert np.mean(s == k) == pytest.approx(p, abs=5 * math.sqrt(P * p * (1 - p) / s.size))
        # From the sum above: the workers' last updates are at most some 30 P before the end.
        assert P - 1 - 30 * P**2 / U <= run.staleness.mean() <= P - 1
        counts = np.bincount(run.applied_by, minlength=P)
        np.testing.assert_allclose(counts, U / P, atol=5 * math.sqrt(U / P * (1 - 1 / P)))

    def test_the_mean_path_is_that_of_the_expected_staleness(self):
        P, steps, runs, rate = 4, 25, 400, 0.6
        exact = expected_asynchronous_path(Quadratic([1.0]), rate, P, steps, begin_together=True).points.ravel()
        cluster = Cluster(workers=P, distribution="exponential")
        found = np.array(
            [path(Quadratic([1.0]), SGD(rate), cluster, updates=steps, seed=seed)[0].ravel() for seed in range(runs)]
        )
        assert (np.abs(found.mean(axis=0) - exact) <= 5 * found.std(axis=0) / math.sqrt(runs) + 1e-12).all()

    def test_a_straggler_brings_old_gradients(self):
        cluster = Cluster(workers=10, stragglers=0.1, slowdown=20)
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.001), cluster, seconds=200)
        assert set(run.staleness[run.applied_by == 9]) == {9 * 20}
        assert set(run.staleness[run.applied_by < 9][9:]) == {8, 9}


class TestWhatEveryRunHas:
    @every_method
    def test_the_same_seed_gives_the_same_run(self, method):
        cluster = Cluster(workers=9, distribution="exponential", stalls=0.1, latency=0.01, bandwidth=1e4)
        optimizer = SGD(0.001, momentum=0.5)

        def run(seed):
            return simulate_asynchrony(
                Rosenbrock(), optimizer, cluster, method, updates=40, sigma=0.1, seed=seed, **OPTIONS[method]
            )

        first = run(5)
        assert_same(first, run(5))
        assert_same(first, run(np.random.default_rng(5)))
        assert not np.array_equal(first.theta, run(6).theta)
        assert optimizer.t == 0

    @every_method
    @given(clusters, st.floats(1, 30), st.integers(0, 1000))
    def test_what_a_record_is(self, method, cluster, seconds, seed):
        n = 16
        run = simulate_asynchrony(
            Quadratic([1.0]),
            SGD(0.001),
            cluster,
            method,
            seconds=seconds,
            message_bytes=n,
            seed=seed,
            **OPTIONS[method],
        )
        P, T = cluster.workers, run.updates
        assert run.times[0] == 0 and (np.diff(run.times) >= 0).all() and run.times[-1] <= run.seconds == seconds
        assert len(run.times) == len(run.losses) == T + 1 and run.staleness.shape == (T,)
        assert run.busy.shape == (P,) and (run.busy >= 0).all() and (run.busy <= 1 + 1e-12).all()
        assert run.updates_per_second == pytest.approx(T / seconds)
        if method == "asynchronous":
            assert run.bytes_sent == 2 * n * T and run.gradients == T
        elif method == "stale_synchronous":
            assert 2 * n * T - n * P < run.bytes_sent <= 2 * n * T and run.gradients == T
        else:
            assert run.bytes_sent == 2 * (P - 1) * n * T and run.gradients == P * T * (3 if method == "local" else 1)
        # One update more ends a run of so many updates later than these seconds.
        options = {"message_bytes": n, "seed": seed, **OPTIONS[method]}
        longer = simulate_asynchrony(Quadratic([1.0]), SGD(0.001), cluster, method, updates=T + 1, **options)
        np.testing.assert_array_equal(longer.times[:-1], run.times)
        assert longer.times[-1] > seconds

    @every_method
    def test_busy_workers_are_those_that_compute(self, method):
        """Without networks and differences nobody ever waits, in the middle of a gradient either."""
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.001), Cluster(workers=3), method, seconds=9.5, **OPTIONS[method]
        )
        np.testing.assert_allclose(run.busy, 1.0)

    @every_method
    def test_both_limits(self, method):
        settings = {**OPTIONS[method]}
        run = simulate_asynchrony(
            Quadratic([1.0]), SGD(0.001), Cluster(workers=2), method, updates=3, seconds=1000, **settings
        )
        assert run.updates == 3 and run.seconds == run.times[-1] < 1000

    @every_method
    def test_a_target_ends_a_run_at_the_first_loss_below_it(self, method):
        cluster = Cluster(workers=3, distribution="exponential")
        settings = {"sigma": 0.5, "seconds": 500, **OPTIONS[method]}
        whole = simulate_asynchrony(Quadratic([1.0]), SGD(0.02), cluster, method, **settings)
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.02), cluster, method, target=0.02, **settings)
        first = np.flatnonzero(whole.losses <= 0.02)[0]
        np.testing.assert_array_equal(run.losses, whole.losses[: first + 1])
        assert run.seconds == run.times[-1] == whole.times[first] < 500 and first > 0

    @every_method
    def test_divergence_is_a_result(self, method):
        run = simulate_asynchrony(
            Quadratic([1.0, 3.0]), SGD(50.0), Cluster(workers=3), method, seconds=1e6, **OPTIONS[method]
        )
        assert run.diverged and np.isfinite(run.losses).all() and np.isfinite(run.theta).all()
        assert run.losses[-1] == Quadratic([1.0, 3.0]).value(run.theta)
        assert run.loss_at(run.seconds) == math.inf and run.loss_at(1e9) == math.inf
        assert run.loss_at(run.times[-1] * (1 - 1e-9)) < math.inf and (run.busy <= 1 + 1e-12).all()
        assert "diverged" in repr(run)

    @every_method
    def test_a_gradient_that_is_not_finite_is_a_divergence(self, method):
        wall = FunctionObjective(
            lambda theta: -float(theta.sum()),
            lambda theta: np.where(theta < 3, -1.0, np.nan),
            start=[0.0],
        )
        run = simulate_asynchrony(wall, SGD(1.0), Cluster(workers=2), method, updates=50, **OPTIONS[method])
        assert run.diverged and run.updates < 50

    def test_loss_at(self):
        cluster = Cluster(workers=2, seconds_per_gradient=[1.0, 1.5])
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.1), cluster, seconds=4)
        np.testing.assert_array_equal(run.times, [0, 1, 1.5, 2, 3, 3, 4])
        np.testing.assert_array_equal(run.loss_at([[0, 0.99], [3.0, 3.5]]), run.losses[[[0, 0], [5, 5]]])
        assert run.loss_at(4) == run.losses[-1]
        with pytest.raises(ValueError, match="seconds: got 5; expected 0 <= seconds <= 4, the simulation's end"):
            run.loss_at(5)

    def test_the_same_gradient_takes_the_same_time_in_every_method(self):
        """The first gradient of each worker, seen in the times of three methods."""
        cluster = Cluster(workers=5, distribution="exponential")
        first = durations_of(cluster, 4, 1)[0]
        runs = {
            method: simulate_asynchrony(
                Quadratic([1.0]), SGD(0.1), cluster, method, updates=5, seed=4, **OPTIONS[method]
            )
            for method in ("synchronous", "asynchronous", "stale_synchronous")
        }
        assert runs["synchronous"].times[1] == first.max()
        assert runs["asynchronous"].times[1] == runs["stale_synchronous"].times[1] == first.min()


class TestCluster:
    def test_stragglers_and_stalls(self):
        cluster = Cluster(workers=10, seconds_per_gradient=2.0, stragglers=0.3, slowdown=4)
        np.testing.assert_array_equal(cluster.mean_seconds, [2.0] * 7 + [8.0] * 3)
        stalling = dataclasses.replace(cluster, stalls=0.25)
        ratios = durations_of(stalling, 0, 4000) / cluster.mean_seconds
        assert set(np.unique(ratios)) == {1.0, 4.0}
        assert (ratios == 4).mean() == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / ratios.size))

    @pytest.mark.parametrize("distribution", ["constant", "exponential", "uniform"])
    def test_distributions_have_the_mean_1(self, distribution):
        drawn = durations_of(Cluster(workers=20, distribution=distribution), 0, 2000)
        assert drawn.mean() == pytest.approx(1, abs=5 * max(drawn.std(), 1e-12) / math.sqrt(drawn.size))
        assert (drawn > 0).all()

    def test_a_distribution_of_ones_own(self):
        measured = np.array([0.1, 0.2, 0.7])
        cluster = Cluster(workers=3, distribution=lambda generator, shape: generator.choice(measured, shape))
        assert set(np.unique(durations_of(cluster, 0, 100))) == set(measured)

    def test_durations_do_not_depend_on_who_asks_first(self):
        cluster = Cluster(workers=700, distribution="exponential")
        there, back = (Durations(cluster, np.random.default_rng(0)) for _ in range(2))
        forwards = [there.row(n).copy() for n in range(20)]
        backwards = [np.array([back.of(n, w) for w in range(700)]) for n in reversed(range(20))]
        np.testing.assert_array_equal(forwards, backwards[::-1])

    def test_what_is_given_cannot_change_it(self):
        seconds = np.array([1.0, 2.0])
        cluster = Cluster(workers=2, seconds_per_gradient=seconds)
        seconds[0] = 100.0
        np.testing.assert_array_equal(cluster.mean_seconds, [1.0, 2.0])
        with pytest.raises(dataclasses.FrozenInstanceError):
            cluster.workers = 3
        assert cluster == Cluster(workers=2, seconds_per_gradient=[1.0, 2.0])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"workers": 0}, "workers: got 0; expected an integer >= 1"),
            ({"seconds_per_gradient": 0.0}, r"seconds_per_gradient: got 0\.0; expected a finite number > 0"),
            ({"seconds_per_gradient": [1.0, 2.0]}, r"seconds_per_gradient: got .* expected shape \(3,\)"),
            ({"seconds_per_gradient": [1.0, 2.0, 0.0]}, "seconds_per_gradient: .*expected numbers > 0"),
            ({"distribution": "exp"}, "distribution: got 'exp'; expected one of 'constant', 'exponential', 'uniform'"),
            ({"stragglers": 1.5}, r"stragglers: got 1\.5"),
            ({"stalls": -0.5}, r"stalls: got -0\.5"),
            ({"slowdown": 0.5}, r"slowdown: got 0\.5; expected a finite number >= 1"),
            ({"latency": -1}, "latency: got -1"),
            ({"bandwidth": 0}, "bandwidth: got 0; expected bytes a second > 0, or infinity"),
            ({"server_seconds": math.inf}, "server_seconds: got inf; expected a finite number >= 0"),
            ({"all_reduce": "star"}, "all_reduce: got 'star'; expected one of 'ring', 'tree'"),
        ],
    )
    def test_bad_arguments(self, change, message):
        with pytest.raises((TypeError, ValueError), match=message):
            Cluster(**{"workers": 3, **change})

    @pytest.mark.parametrize(
        ("distribution", "message"),
        [
            (lambda generator, shape: np.zeros(shape), "distribution: got factors down to 0; expected numbers > 0"),
            (lambda generator, shape: np.ones(3), "distribution: got .* expected shape"),
        ],
    )
    def test_a_bad_distribution(self, distribution, message):
        with pytest.raises(ValueError, match=message):
            simulate_asynchrony(Quadratic([1.0]), SGD(0.1), Cluster(workers=2, distribution=distribution), updates=1)


class TestArguments:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"method": "asynchronus"}, r"method: got 'asynchronus'; .*\(did you mean 'asynchronous'"),
            ({"cluster": 8}, r"cluster: got 8; expected a Cluster, e\.g\. Cluster\(workers=8\)"),
            ({"workers": 8}, r"workers: got 8, but simulate_asynchrony has no such argument.*cluster=Cluster"),
            ({"updates": None}, "updates: got None, and seconds too; expected one of them"),
            ({"updates": 0}, "updates: got 0; expected an integer >= 1"),
            ({"seconds": 0.0}, r"seconds: got 0\.0; expected a finite number > 0"),
            ({"target": math.nan}, "target: got nan; expected a finite number"),
            ({"sigma": -1.0}, r"sigma: got -1\.0"),
            ({"batch_size": 0}, "batch_size: got 0"),
            ({"message_bytes": -1}, "message_bytes: got -1"),
            ({"optimizer": 0.1}, r"optimizer: got 0\.1; expected an Optimizer"),
            ({"problem": abs}, "problem: got"),
            ({"local_steps": 3}, "local_steps: got 3 for method='asynchronous'; expected it with method='local' only"),
            ({"backup_workers": 1}, "backup_workers: got 1 for method='asynchronous'"),
            ({"method": "stale_synchronous"}, "staleness_bound: got None; expected an integer"),
            ({"method": "local"}, "local_steps: got None; expected an integer"),
            ({"method": "local", "local_steps": 0}, "local_steps: got 0; expected an integer >= 1"),
            ({"method": "local", "local_steps": 2, "outer_optimizer": 0.7}, r"outer_optimizer: got 0\.7; expected an"),
            ({"method": "stale_synchronous", "staleness_bound": -1}, "staleness_bound: got -1"),
            (
                {"method": "synchronous", "backup_workers": 2},
                "backup_workers: got 2; expected an integer >= 0 and <= 1",
            ),
        ],
    )
    def test_bad_arguments(self, change, message):
        good = {
            "problem": Quadratic([1.0]),
            "optimizer": GradientDescent(0.1),
            "cluster": Cluster(workers=2),
            "updates": 5,
        }
        with pytest.raises((TypeError, ValueError), match=message):
            simulate_asynchrony(**{**good, **change})

    def test_a_used_optimizer_is_refused(self):
        used = SGD(0.1)
        used.step(np.ones(1), np.ones(1))
        with pytest.raises(ValueError, match="optimizer: got one that has taken 1 steps"):
            simulate_asynchrony(Quadratic([1.0]), used, Cluster(workers=2), updates=1)

    def test_a_start(self):
        run = simulate_asynchrony(Quadratic([1.0]), SGD(0.1), Cluster(workers=1), updates=1, start=np.array([2.0]))
        assert run.losses[0] == 2.0 and run.theta == pytest.approx(1.8)
        hole = FunctionObjective(lambda theta: math.nan, lambda theta: theta, start=[1.0])
        with pytest.raises(ValueError, match="start: got a point where the value is nan"):
            simulate_asynchrony(hole, SGD(0.1), Cluster(workers=1), updates=1)
