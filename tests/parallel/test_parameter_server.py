"""The parameter server: each run is repeated in one process from what was recorded of it, bit for bit."""

import copy
import dataclasses
import multiprocessing
import os
import signal
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leftovers import KILL, nothing_left
from threadpoolctl import threadpool_limits

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import LAMB, SGD, Adam
from nnopt_utils.parallel import ServerHistory, WorkerError, parameter_server
from nnopt_utils.parallel.parameter_server import _Rules, _Server, scaled_rate
from nnopt_utils.schedules import CosineDecay
from nnopt_utils.second_order import KFAC
from nnopt_utils.training import DivergenceError, batches, fit

N_SAMPLES, BATCH = 103, 8
S = 13  # batches an epoch; the last has 7 samples


def made(n=N_SAMPLES, seed=0, features=5):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, features))
    return x, (x[:, 0] + 0.3 * generator.normal(size=n) > 0).astype(int)


DATA = made()
VALIDATION = made(40, seed=1)


def make_network(dtype="float64", **options):
    return MLP([5, 16, 2], **{"activation": "tanh", "dtype": dtype, "seed": 3, **options})


def train(network=None, optimizer=None, data=DATA, **options):
    network = make_network() if network is None else network
    optimizer = SGD(0.1, momentum=0.9) if optimizer is None else optimizer
    options = {"epochs": 3, "batch_size": BATCH, "progress": False, **options}
    return network, optimizer, parameter_server(network, optimizer, data, **options)


@pytest.fixture
def _watched(monkeypatch):
    with nothing_left(monkeypatch):
        yield


nothing_is_left = pytest.mark.usefixtures("_watched")


def repeat(history, network, optimizer, data=DATA, first=0):
    """The run in one process, from the order of its updates: which batch, and the gradient at which θ."""
    optimizer.layout = network.layout
    path, losses = [network.parameters.copy()], []
    with threadpool_limits(1, user_api="blas"):
        for v in range(first, len(history.order)):
            order = batches(len(data[0]), history.batch_size, history.seed, 1 + v // history.steps_per_epoch)
            batch = order[history.batches[v]]
            fetched = path[v - first - history.staleness[v]]
            loss, gradient = network.loss_and_gradient(data[0][batch], data[1][batch], parameters=fetched)
            optimizer.step(network.parameters, gradient)
            path.append(network.parameters.copy())
            losses.append(loss)
    return path, losses


def rules_of_the_server(order, workers, steps, bound=None):
    """Staleness and batch of every update, from the order of the updates and the documented rules alone."""
    clocks, fetched, batch = [0] * workers, {}, {}
    staleness, numbers, begun = [], [], []  # begun: by how much a worker was ahead of the slowest when it was let go
    waiting = deque(range(steps))
    for v in range(len(order) + 1):
        if v:
            rank = order[v - 1]
            staleness.append(v - 1 - fetched.pop(rank))
            numbers.append(batch.pop(rank))
            clocks[rank] += 1
            if v % steps == 0:
                assert not fetched and not waiting
                waiting = deque(range(steps))
        for rank in range(workers):
            ahead = clocks[rank] - min(clocks)
            if rank not in fetched and waiting and (bound is None or ahead <= bound):
                fetched[rank], batch[rank] = v, waiting.popleft()
                begun.append(ahead)
    return np.array(staleness), np.array(numbers), begun


def mean_staleness(workers, steps):
    return (workers - 1) * (1 - workers / (2 * steps))


def check_run(history, workers, bound=None, epochs=3, make=make_network):
    """What is true of every run that went through."""
    n = epochs * history.steps_per_epoch
    assert len(history.order) == len(history.staleness) == len(history.step_losses) == n
    assert len(history.gradient_seconds) == len(history.service_seconds) == n
    assert (history.gradient_seconds > 0).all() and (history.service_seconds > 0).all()
    each_once = np.sort(history.batches.reshape(epochs, -1), axis=1)
    np.testing.assert_array_equal(each_once, np.tile(np.arange(history.steps_per_epoch), (epochs, 1)))
    assert history.updates == np.bincount(history.order, minlength=workers).tolist()
    n_bytes = make().parameters.nbytes
    assert history.bytes_sent == history.bytes_received == [n_bytes * count for count in history.updates]
    staleness, numbers, _ = rules_of_the_server(history.order, workers, history.steps_per_epoch, bound)
    np.testing.assert_array_equal(history.staleness, staleness)
    np.testing.assert_array_equal(history.batches, numbers)
    assert history.epoch == epochs and not history.interrupted and history.lost == []


@nothing_is_left
class TestOneWorker:
    @pytest.mark.parametrize(
        ("make", "dtype"),
        [
            (lambda: SGD(0.1, momentum=0.9, ema_momentum=0.5), "float64"),
            (lambda: Adam(CosineDecay(0.02, 40)), "float32"),
            (lambda: LAMB(0.01, weight_decay=0.01), "float64"),
            (lambda: SGD(0.1, global_clipnorm=0.1, gradient_accumulation_steps=2), "float32"),
        ],
        ids=["momentum_and_average", "adam_and_schedule", "lamb", "clipped_and_accumulated"],
    )
    def test_is_fit(self, make, dtype):
        one, two, first, second = make_network(dtype), make_network(dtype), make(), make()
        expected = fit(one, first, (*DATA, *VALIDATION), epochs=3, batch_size=BATCH, seed=5, progress=False)
        _, _, history = train(two, second, (*DATA, *VALIDATION), workers=1, seed=5)
        np.testing.assert_array_equal(two.parameters, one.parameters)
        for name, slot in first.state.items():
            np.testing.assert_array_equal(second.state[name], slot)
        assert second.t == first.t
        record = {name: value for name, value in dataclasses.asdict(expected).items() if name != "seconds"}
        assert {name: getattr(history, name) for name in record} == record
        assert len(history.seconds) == 3 and not history.staleness.any()
        check_run(history, 1, make=lambda: two)

    @pytest.mark.parametrize("staleness_aware", [True, lambda tau: 1 / (1 + tau)])
    @pytest.mark.parametrize("bound", [None, 0])
    def test_neither_a_bound_nor_a_factor_changes_it(self, staleness_aware, bound):
        expected = make_network()
        fit(expected, SGD(0.1, momentum=0.9), DATA, epochs=3, batch_size=BATCH, progress=False)
        network, _, _ = train(workers=1, staleness_aware=staleness_aware, staleness_bound=bound)
        np.testing.assert_array_equal(network.parameters, expected.parameters)

    def test_a_generator_draws_the_seed(self):
        _, _, drawn = train(workers=1, seed=np.random.default_rng(4))
        _, _, given_back = train(workers=1, seed=drawn.seed)
        assert drawn.step_losses == given_back.step_losses


@nothing_is_left
class TestSeveralWorkers:
    @pytest.mark.parametrize("workers", [2, 3])
    @pytest.mark.parametrize("bound", [None, 0, 1])
    def test_order_decides_everything(self, workers, bound):
        network, optimizer, history = train(workers=workers, staleness_bound=bound)
        check_run(history, workers, bound)
        again, other = make_network(), SGD(0.1, momentum=0.9)
        _, losses = repeat(history, again, other)
        np.testing.assert_array_equal(network.parameters, again.parameters)
        np.testing.assert_array_equal(optimizer.state["velocity"], other.state["velocity"])
        assert history.step_losses == losses
        assert optimizer.t == len(losses)

    @pytest.mark.parametrize("make", [lambda: Adam(0.01), lambda: LAMB(0.01)], ids=["adam", "lamb"])
    def test_any_optimizer(self, make):
        network, _, history = train(optimizer=make(), workers=2)
        again = make_network()
        repeat(history, again, make())
        np.testing.assert_array_equal(network.parameters, again.parameters)

    def test_no_theta_is_torn(self):
        """θ of 200 kB, fetched while others bring: a mixture of two versions would give other bits."""
        data = made(640, features=300)
        network = MLP([300, 80, 10], seed=0)
        history = parameter_server(network, SGD(0.05), data, epochs=4, batch_size=8, workers=3, progress=False)
        again = MLP([300, 80, 10], seed=0)
        repeat(history, again, SGD(0.05), data)
        np.testing.assert_array_equal(network.parameters, again.parameters)

    @pytest.mark.parametrize("slow", [None, {0: 0.004}, [0.0, 0.001, 0.01]])
    def test_mean_staleness_is_the_same_at_all_speeds(self, slow):
        _, _, history = train(workers=3, slow=slow)
        check_run(history, 3)
        per_epoch = history.staleness.reshape(3, S).mean(axis=1)
        np.testing.assert_allclose(per_epoch, mean_staleness(3, S), rtol=1e-12)

    def test_staleness_is_what_others_did_since_ones_own_last_update(self):
        _, _, history = train(workers=2, epochs=1, batch_size=2)
        for v, rank in enumerate(history.order):
            own = np.flatnonzero(history.order[:v] == rank)
            assert history.staleness[v] == (v - own[-1] - 1 if own.size else v)

    def test_validation_and_means_of_epochs(self):
        network, _, history = train(data=(*DATA, *VALIDATION), workers=2, epochs=2)
        path, _ = repeat(history, make_network(), SGD(0.1, momentum=0.9))
        for epoch in range(2):
            loss, accuracy = network.evaluate(*VALIDATION, parameters=path[S * (epoch + 1)])
            assert history.val_loss[epoch] == pytest.approx(loss, rel=1e-12)
            assert history.val_accuracy[epoch] == accuracy
            steps = slice(S * epoch, S * (epoch + 1))
            sizes = np.where(history.batches[steps] == S - 1, 7, 8)
            expected = np.dot(sizes, history.step_losses[steps]) / N_SAMPLES
            assert history.train_loss[epoch] == pytest.approx(expected, rel=1e-12)

    def test_more_workers_than_batches(self):
        _, _, history = train(workers=3, batch_size=60)
        check_run(history, 3)
        assert history.steps_per_epoch == 2

    def test_slow_worker_is_measured(self):
        _, _, history = train(workers=2, epochs=1, slow={1: 0.01})
        assert (history.gradient_seconds[history.order == 1] >= 0.01).all()
        assert history.mean_gradient_seconds[1] > history.mean_gradient_seconds[0]
        assert history.updates[1] >= 1


@nothing_is_left
class TestBound:
    @pytest.mark.parametrize("bound", [0, 1, 3])
    def test_fast_workers_wait_for_a_slow_one(self, bound):
        """Without a bound they would be through with the epoch during its second gradient."""
        _, _, history = train(workers=3, staleness_bound=bound, slow={2: 0.02})
        check_run(history, 3, bound)
        clocks = np.cumsum(history.order[:, None] == np.arange(3), axis=0)
        assert np.ptp(clocks, axis=1).max() <= bound + 1
        _, _, begun = rules_of_the_server(history.order, 3, S, bound)
        assert max(begun) <= bound
        assert history.staleness.max() <= 2 * (2 * bound + 1)

    def test_without_a_bound_they_do_not(self):
        _, _, history = train(workers=3, slow={2: 0.2}, epochs=1)
        clocks = np.cumsum(history.order[:, None] == np.arange(3), axis=0)
        assert np.ptp(clocks, axis=1).max() > 2

    def test_zero_is_lockstep(self):
        """Rounds of P gradients at one θ: with plain gradient descent a step with their sum."""
        x, y = DATA[0][:96], DATA[1][:96]
        network, _, history = train(optimizer=SGD(0.1), data=(x, y), workers=3, staleness_bound=0, epochs=2)
        assert history.staleness.tolist() == [0, 1, 2] * 8
        np.testing.assert_array_equal(np.sort(history.order.reshape(8, 3), axis=1), np.tile([0, 1, 2], (8, 1)))
        np.testing.assert_array_equal(np.sort(history.batches.reshape(8, 3), axis=1).ravel(), [*range(12)] * 2)
        expected = make_network()
        for epoch in (1, 2):
            order = batches(96, BATCH, 0, epoch)
            for first in range(0, 12, 3):
                rows = np.concatenate(order[first : first + 3])
                expected.parameters -= 0.1 * 3 * expected.loss_and_gradient(x[rows], y[rows])[1]
        np.testing.assert_allclose(network.parameters, expected.parameters, atol=1e-13)


class Puppet:
    """A team without processes: who brings a gradient next is a choice; gradients are of no account."""

    def __init__(self, workers, choose, n=64):
        self.size, self.choose, self.at_work = workers, choose, set()
        self.hello, self.chosen = deque(range(workers)), None
        theta = np.zeros(12)
        self.arrays = {name: np.zeros((workers, 12)) for name in ("thetas", "gradients")}
        self.arrays |= {name: np.zeros(workers) for name in ("losses", "seconds")}
        self.arrays |= {"jobs": np.zeros(workers, int), "rows": np.zeros(n, int), "theta": theta}
        ring = [SimpleNamespace(ring=lambda rank=rank: self.at_work.add(rank)) for rank in range(workers)]
        heard = [SimpleNamespace(heard=lambda rank=rank: self.is_next(rank)) for rank in range(workers)]
        self.bells = SimpleNamespace(fetched=ring, brought=heard, door=SimpleNamespace(heard=lambda *_: False))

    def is_next(self, rank):
        if self.chosen is None:
            self.chosen = self.hello.popleft() if self.hello else self.choose(self)
        if rank != self.chosen:
            return False
        self.at_work.discard(rank)
        self.chosen = None
        return True

    def ended(self, ranks):
        return iter(())


def puppet_run(workers, bound, choose, steps=64, epochs=1):
    history = ServerHistory(seed=0, batch_size=1, n_samples=steps, workers=workers)
    history.updates, history.bytes_sent, history.bytes_received = [0] * workers, [0] * workers, [0] * workers
    network, optimizer = MLP([2, 2, 2], dtype="float64"), SGD(0.1)
    team = Puppet(workers, choose, steps)
    server = _Server(network, optimizer, history, _Rules(epochs, bound, None, "raise"), None, team, lambda: False)
    team.server = server
    server.run(lambda: None)
    return history


class TestSchedules:
    """The server's own code, under any order in which workers may come."""

    @given(
        workers=st.integers(1, 5),
        bound=st.one_of(st.none(), st.integers(0, 4)),
        steps=st.integers(1, 40),
        seed=st.integers(0, 2**32),
        lazy=st.floats(0, 1),
    )
    def test_bounds_hold_under_any_order(self, workers, bound, steps, seed, lazy):
        generator = np.random.default_rng(seed)

        def choose(team):
            at_work = sorted(team.at_work)
            fast = [rank for rank in at_work if rank]  # worker 0 is late now and then
            return int(generator.choice(fast if fast and generator.random() < lazy else at_work))

        history = puppet_run(workers, bound, choose, steps, epochs=2)
        staleness, numbers, begun = rules_of_the_server(history.order, workers, steps, bound)
        np.testing.assert_array_equal(history.staleness, staleness)
        np.testing.assert_array_equal(history.batches, numbers)
        clocks = np.cumsum(history.order[:, None] == np.arange(workers), axis=0)
        if bound is not None:
            assert max(begun) <= bound and np.ptp(clocks, axis=1).max() <= bound + 1
            assert staleness.max() <= (workers - 1) * (2 * bound + 1)
        elif workers <= steps:
            np.testing.assert_allclose(staleness.mean(), mean_staleness(workers, steps), rtol=1e-12)

    @pytest.mark.parametrize("workers", [2, 3, 5])
    @pytest.mark.parametrize("bound", [0, 1, 2, 4])
    def test_the_bound_on_staleness_is_reached(self, workers, bound):
        """Worker 0 hurries until it is s ahead and is let go; then it is the last to come, until nobody else can."""

        def choose(team):
            clocks = team.server.clocks
            if 0 in team.at_work and clocks[0] < bound:
                return 0
            return max(team.at_work)

        history = puppet_run(workers, bound, choose)
        assert history.staleness.max() == (workers - 1) * (2 * bound + 1)

    def test_who_was_served_last_is_asked_last(self):
        order = puppet_run(3, None, lambda team: team.server.turn[0]).order
        assert order.tolist()[:9] == [0, 1, 2] * 3


class Noting(SGD):
    """Notes the rate of each step."""

    def begin_step(self, theta, gradient):
        vars(self).setdefault("rates", []).append(self.learning_rate)


@nothing_is_left
class TestStalenessAware:
    def test_rate_is_divided_by_the_staleness(self):
        schedule = CosineDecay(0.5, 60)
        _, optimizer, history = train(optimizer=Noting(schedule), workers=3, staleness_aware=True)
        expected = [schedule(v) / max(tau, 1) for v, tau in enumerate(history.staleness)]
        np.testing.assert_allclose(optimizer.rates, expected, rtol=1e-15)
        assert history.staleness.max() > 1
        assert optimizer.schedule is schedule and optimizer.learning_rate == schedule(len(expected) - 1)
        np.testing.assert_allclose(history.learning_rate, [schedule(S - 1), schedule(2 * S - 1), schedule(3 * S - 1)])

    @pytest.mark.parametrize("factor", [True, lambda tau: 0.5**tau, lambda tau: float(tau < 2)])
    def test_any_optimizer_at_these_rates(self, factor):
        """Again in one process, with a schedule that has each step's own rate."""
        network, optimizer, history = train(optimizer=Adam(0.02), workers=3, staleness_aware=factor)
        assert optimizer.learning_rate == 0.02 and optimizer.schedule is None
        of = (lambda tau: 1 / max(tau, 1)) if factor is True else factor
        again = make_network()
        repeat(history, again, Adam(lambda finished: of(int(history.staleness[finished])) * 0.02))
        np.testing.assert_array_equal(network.parameters, again.parameters)

    def test_an_error_of_the_function_ends_the_run(self):
        def factor(tau):
            if tau > 1:
                raise KeyError("no such factor")
            return 1.0

        network, optimizer = make_network(), SGD(0.1)
        with pytest.raises(KeyError, match="no such factor"):
            train(network, optimizer, workers=3, staleness_aware=factor)
        assert optimizer.t >= 1 and optimizer.learning_rate == 0.1

    def test_a_factor_below_zero_is_refused_when_it_comes(self):
        with pytest.raises(ValueError, match=r"staleness_aware\(\d+\): got -1; expected a finite number >= 0"):
            train(workers=3, staleness_aware=lambda tau: 1 if tau < 2 else -1)


class TestScaledRate:
    @pytest.mark.parametrize("rate", [0.1, CosineDecay(0.5, 60)])
    def test_rate_comes_back_after_an_error(self, rate):
        optimizer = SGD(rate)
        with pytest.raises(RuntimeError), scaled_rate(optimizer, 0.5):
            assert optimizer.learning_rate == (rate(0) if callable(rate) else rate) / 2
            raise RuntimeError
        assert optimizer.learning_rate == (rate(0) if callable(rate) else rate)
        assert optimizer.schedule is (rate if callable(rate) else None)


def at_step(number, action):
    """A factor of 1 that does something in the step of this number: in the middle of a run, wherever the machine is."""
    calls = []

    def factor(tau):
        calls.append(tau)
        if len(calls) == number + 2:  # two calls were the check
            action()
        return 1.0

    return factor


def kill(*ranks):
    for process in multiprocessing.active_children():
        if process.name in {f"nnopt-worker-{rank}" for rank in ranks}:
            os.kill(process.pid, KILL)


def check_is_where_the_history_ends(network, optimizer, history):
    again, other = make_network(), SGD(0.1, momentum=0.9)
    repeat(history, again, other)
    np.testing.assert_array_equal(network.parameters, again.parameters)
    assert optimizer.t == other.t == len(history.step_losses) == len(history.order)
    assert len(history.step_losses) == history.epoch * S + history.step


@nothing_is_left
class TestInterrupt:
    def test_ends_after_the_step_under_way(self):
        interrupt = at_step(17, lambda: signal.raise_signal(signal.SIGINT))
        network, optimizer, history = train(workers=2, staleness_aware=interrupt)
        assert history.interrupted and (history.epoch, history.step) == (1, 4)
        check_is_where_the_history_ends(network, optimizer, history)

    @pytest.mark.parametrize("step", [5, 13, 20])
    def test_one_worker_goes_on_as_if_nothing_had_been(self, step):
        expected = make_network()
        whole = fit(expected, SGD(0.1, momentum=0.9), DATA, epochs=3, batch_size=BATCH, progress=False)
        interrupt = at_step(step, lambda: signal.raise_signal(signal.SIGINT))
        network, optimizer, history = train(workers=1, staleness_aware=interrupt)
        assert len(history.step_losses) == step and history.interrupted
        _, _, same = train(network, optimizer, workers=1, history=history)
        assert same is history and not history.interrupted
        assert history.step_losses == whole.step_losses and history.train_loss == whole.train_loss
        np.testing.assert_array_equal(network.parameters, expected.parameters)

    def test_several_workers_make_up_for_what_was_not_back(self):
        interrupt = at_step(17, lambda: signal.raise_signal(signal.SIGINT))
        network, optimizer, history = train(workers=3, staleness_aware=interrupt)
        train(network, optimizer, workers=3, history=history)
        assert history.epoch == 3 and history.step == 0 and sum(history.updates) == 3 * S
        np.testing.assert_array_equal(np.sort(history.batches.reshape(3, S), axis=1), np.tile(np.arange(S), (3, 1)))
        check_is_where_the_history_ends(network, optimizer, history)

    def test_a_longer_call_goes_on(self):
        network, optimizer, history = train(workers=2, epochs=1)
        train(network, optimizer, workers=2, epochs=2, history=history)
        assert history.epoch == 2 and len(history.train_loss) == 2
        check_is_where_the_history_ends(network, optimizer, history)
        before = network.parameters.copy()
        train(network, optimizer, workers=2, epochs=2, history=history)  # nothing is left to be done
        np.testing.assert_array_equal(network.parameters, before)


@nothing_is_left
class TestFailures:
    @pytest.mark.skipif(os.name == "nt", reason="exit codes are no signals there")
    def test_a_killed_worker_is_named(self):
        network, optimizer = make_network(), SGD(0.1, momentum=0.9)
        with pytest.raises(WorkerError, match=r"worker 1 of 3 .* killed by signal 9 \(SIGKILL\)") as caught:
            train(network, optimizer, workers=3, epochs=50, staleness_aware=at_step(10, lambda: kill(1)))
        history = caught.value.history
        assert caught.value.rank == 1 and history.lost == [1]
        assert 10 <= len(history.step_losses) < 50 * S
        check_is_where_the_history_ends(network, optimizer, history)

    @pytest.mark.parametrize("bound", [None, 0])
    def test_others_go_on_where_that_is_wished(self, bound):
        network, optimizer, history = train(
            workers=3, epochs=6, staleness_bound=bound, on_failure="continue",
            staleness_aware=at_step(10, lambda: kill(1)),
        )  # fmt: skip
        assert history.lost == [1] and history.epoch == 6 and not history.interrupted
        assert history.updates[1] <= 12 and sum(history.updates) == 6 * S
        np.testing.assert_array_equal(np.sort(history.batches.reshape(6, S), axis=1), np.tile(np.arange(S), (6, 1)))
        check_is_where_the_history_ends(network, optimizer, history)

    def test_nobody_can_go_on_when_all_are_gone(self):
        network, optimizer = make_network(), SGD(0.1, momentum=0.9)
        with pytest.raises(WorkerError, match=r"worker \d of 2") as caught:
            train(
                network, optimizer, workers=2, epochs=50, on_failure="continue",
                staleness_aware=at_step(10, lambda: kill(0, 1)),
            )  # fmt: skip
        assert sorted(caught.value.history.lost) == [0, 1]
        check_is_where_the_history_ends(network, optimizer, caught.value.history)

    def test_training_goes_on_after_a_failure(self):
        network, optimizer = make_network(), SGD(0.1, momentum=0.9)
        with pytest.raises(WorkerError) as caught:
            train(network, optimizer, workers=2, epochs=8, staleness_aware=at_step(10, lambda: kill(0)))
        history = caught.value.history
        train(network, optimizer, workers=2, epochs=8, history=history)
        assert history.epoch == 8
        np.testing.assert_array_equal(np.sort(history.batches.reshape(8, S), axis=1), np.tile(np.arange(S), (8, 1)))
        check_is_where_the_history_ends(network, optimizer, history)

    def test_a_worker_that_raises_is_quoted(self):
        network = make_network()

        class Broken(MLP):
            def backpropagate(self, x, y, theta, out=None):
                raise ZeroDivisionError("of the worker's own")

        network.__class__ = Broken
        with pytest.raises(WorkerError, match="ZeroDivisionError: of the worker's own"):
            train(network, workers=2)

    @pytest.mark.parametrize("workers", [1, 3])
    def test_divergence(self, workers):
        network, optimizer = MLP([5, 1], loss="mse"), SGD(1e3)
        with pytest.raises(DivergenceError, match=r"training diverged in epoch \d+, step \d+") as caught:
            train(network, optimizer, (DATA[0], DATA[0][:, 0]), workers=workers, epochs=50)
        history = caught.value.history
        assert optimizer.t == len(history.step_losses) == len(history.order) == len(history.staleness)
        assert np.isfinite(history.step_losses).all()

    def test_the_step_that_diverges_changes_nothing(self):
        again, optimizer = MLP([5, 1], loss="mse"), SGD(1e3)
        network = copy.deepcopy(again)
        data = DATA[0], DATA[0][:, 0]
        with pytest.raises(DivergenceError) as caught, np.errstate(all="ignore"):
            train(network, SGD(1e3), data, workers=2, epochs=50)
        with np.errstate(all="ignore"):
            path, _ = repeat(caught.value.history, again, optimizer, data)
        np.testing.assert_array_equal(network.parameters, path[-1])


class TestArguments:
    @pytest.mark.parametrize(
        ("wrong", "error", "message"),
        [
            ({"workers": 0}, ValueError, "workers: got 0; expected an integer >= 1"),
            ({"workers": 1.5}, TypeError, "workers: got 1.5"),
            ({"epochs": 0}, ValueError, "epochs: got 0"),
            ({"batch_size": 0}, ValueError, "batch_size: got 0"),
            ({"staleness_bound": -1}, ValueError, "staleness_bound: got -1; expected an integer >= 0"),
            ({"staleness_bound": True}, TypeError, "staleness_bound: got True"),
            ({"staleness_aware": "yes"}, TypeError, "staleness_aware: got 'yes'; expected True, False, or a function"),
            ({"staleness_aware": lambda tau: -1.0}, ValueError, r"staleness_aware\(0\): got -1.0"),
            ({"staleness_aware": lambda tau: None}, TypeError, r"staleness_aware\(0\): got None"),
            ({"staleness_aware": lambda tau: 1 / (1 - tau)}, ZeroDivisionError, "division"),
            ({"slow": 0.1}, ValueError, "slow: got 0.1; expected {rank: seconds}, or 2 numbers"),
            ({"slow": [0.1]}, ValueError, "slow: got "),
            ({"slow": "ab"}, ValueError, "slow: got 'ab'"),
            ({"slow": {2: 0.1}}, ValueError, "slow: a rank: got 2; expected an integer >= 0 and <= 1"),
            ({"slow": {"a": 0.1}}, TypeError, "slow: a rank: got 'a'"),
            ({"slow": [0, -1]}, ValueError, r"slow\[1\]: got -1; expected a finite number >= 0"),
            ({"on_failure": "ignore"}, ValueError, "on_failure: got 'ignore'; expected one of 'raise', 'continue'"),
            ({"history": {}}, TypeError, "history: got {}; expected the ServerHistory"),
            ({"seed": -1}, ValueError, "seed: got -1"),
            ({"n_workers": 2}, TypeError, "n_workers: got 2, but parameter_server has no such argument"),
            ({"optimizer": KFAC()}, ValueError, "optimizer: got KFAC, which looks at the batch"),
            ({"optimizer": "sgd"}, TypeError, "optimizer: got 'sgd'"),
            ({"data": (DATA[0], DATA[1][:5])}, ValueError, "5"),
        ],
    )
    def test_are_refused_and_nothing_is_changed(self, wrong, error, message):
        network, optimizer = make_network(), SGD(0.1, momentum=0.9)
        before = network.parameters.copy()
        with pytest.raises(error, match=message):
            train(network, **{"optimizer": optimizer, "workers": 2, **wrong})
        np.testing.assert_array_equal(network.parameters, before)
        assert optimizer.t == 0 and optimizer.layout is None and optimizer.state == {}

    def test_a_history_must_be_of_such_a_run(self):
        network, optimizer, history = train(workers=1, epochs=1)
        history.interrupted = True
        for other in ({"workers": 2}, {"batch_size": 9}, {"data": made(50)}):
            with pytest.raises(ValueError, match="history: got one of 103 samples in batches of 8 on 1 workers"):
                train(network, optimizer, **{"workers": 1, "history": history, **other})
        assert history.interrupted

    def test_another_networks_optimizer_is_refused(self):
        _, optimizer, _ = train(workers=1, epochs=1)
        with pytest.raises(ValueError, match="optimizer: got one that has taken 13 steps"):
            train(make_network(), optimizer, workers=1)

    def test_a_rate_that_the_optimizer_computes_cannot_be_changed(self):
        class Own(SGD):
            @property
            def learning_rate(self):
                return 0.1 / (1 + self.t)

        with pytest.raises(ValueError, match="staleness_aware: got a factor for the rate of Own"):
            train(optimizer=Own(), workers=2, staleness_aware=True)
        _, _, history = train(optimizer=Own(), workers=1, epochs=1)
        assert history.epoch == 1


class TestHistory:
    def test_says_how_stale_it_was(self):
        _, _, history = train(workers=2, epochs=1)
        assert "2 workers" in repr(history) and "staleness" in repr(history)
        assert "gradient_seconds" not in repr(history)

    def test_a_worker_without_a_gradient_has_no_mean(self):
        history = ServerHistory(seed=0, batch_size=1, n_samples=1, workers=2)
        history.order, history.gradient_seconds = np.array([1]), np.array([0.5])
        assert np.isnan(history.mean_gradient_seconds[0]) and history.mean_gradient_seconds[1] == 0.5
