"""Hogwild, with real processes: one worker does what one process does; several lose nothing behind a lock."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, GradientDescent, Optimizer
from nnopt_utils.parallel import SparseLogisticRegression, WorkerError, hogwild
from nnopt_utils.schedules import ExponentialDecay
from nnopt_utils.training import DivergenceError, batches, fit

N = 150


def own_processes():
    """Those of joblib, which other tests have started, stay for some minutes."""
    return [child for child in multiprocessing.active_children() if not child.name.startswith("LokyProcess")]


@pytest.fixture(autouse=True)
def no_process_is_left():
    yield
    assert own_processes() == []


def blobs(n=N, seed=0):
    """Three clusters in the plane."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])[y] + generator.normal(size=(n, 2))
    return x, y


DATA = (*blobs(), *blobs(60, seed=1))
ONES = np.ones((500, 1)), np.arange(500) % 2


def network(dtype="float64"):
    return MLP([2, 8, 3], seed=0, dtype=dtype)


def sparse(**settings):
    return SparseLogisticRegression.generate(
        **{"n_samples": 400, "n_features": 300, "nonzeros": 5, "seed": 0} | settings
    )


def run(model, optimizer, data=None, **settings):
    return hogwild(model, optimizer, data, **{"epochs": 2, "progress": False} | settings)


def descended(model, rate, epochs, seed=0):
    """Plain SGD, sample by sample, in fit's order: θ and the losses."""
    theta, losses, step = model.start, [], 0
    for epoch in range(1, epochs + 1):
        for i in np.concatenate(batches(model.n_samples, model.n_samples, seed, epoch)):
            features, values = model.sample_gradient(theta, int(i))
            sign = 2 * model.labels[i] - 1
            losses.append(math.log1p(math.exp(-sign * theta[features] @ model.values[i])))
            theta[features] -= (rate(step) if callable(rate) else rate) * values
            step += 1
    return theta, losses


class Counting(Optimizer):
    """Adds 1 to all of θ in each step, so that θ tells how many steps have left a trace."""

    def update(self, theta, gradient):
        theta += 1.0


class Failing(SGD):
    """Raises an error in its 5th step."""

    def begin_step(self, theta, gradient):
        if self.t == 5:
            raise RuntimeError("as was to be tested")


class Killed(SGD):
    """The process ends in its 5th step, and says nothing."""

    def begin_step(self, theta, gradient):
        if self.t == 5:
            os._exit(1)


class Slow(SGD):
    """Each step takes a while."""

    def begin_step(self, theta, gradient):
        time.sleep(0.01)


class TestOneWorker:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: SGD(0.1),
            lambda: SGD(ExponentialDecay(0.2, factor=0.9, steps=3), momentum=0.9, clipnorm=1.0),
            lambda: Adam(0.01, ema_momentum=0.9),
        ],
        ids=["SGD", "schedule and momentum", "Adam with an average"],
    )
    @pytest.mark.parametrize("locked", [False, True])
    def test_a_network_is_trained_as_by_fit(self, make, locked):
        ours, theirs, one, other = network(), network(), make(), make()
        expected = fit(theirs, other, DATA, epochs=2, batch_size=32, seed=3, progress=False)
        history = run(ours, one, DATA, workers=1, seed=3, locked=locked)
        assert np.array_equal(ours.parameters, theirs.parameters)
        assert history.step_losses == expected.step_losses and history.train_loss == expected.train_loss
        assert history.val_loss == expected.val_loss and history.val_accuracy == expected.val_accuracy
        assert history.learning_rate == expected.learning_rate
        assert (history.epoch, history.step, history.updates, history.interrupted) == (2, 0, [10], False)
        assert not history.staleness.any() and history.staleness.size == 10
        # And the optimizer can go on from there.
        before = ours.parameters.copy()
        for optimizer, model in ((one, ours), (other, theirs)):
            optimizer.step(model.parameters, np.ones_like(before))
        assert one.t == other.t == 11 and np.array_equal(ours.parameters, theirs.parameters)

    @pytest.mark.parametrize("rate", [0.5, ExponentialDecay(1.0, factor=0.5, steps=300)])
    @pytest.mark.parametrize("locked", [False, True])
    def test_a_sparse_model_is_trained_as_by_plain_sgd(self, rate, locked):
        model = sparse()
        theta, losses = descended(model, rate, epochs=2, seed=4)
        history = run(model, SGD(rate), workers=1, seed=4, locked=locked)
        np.testing.assert_allclose(model.parameters, theta, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(history.step_losses, losses, rtol=1e-12)
        assert history.updates == [800] and history.staleness.size == 0
        last_rates = [rate(399), rate(799)] if callable(rate) else [rate, rate]
        assert history.learning_rate == last_rates

    def test_a_second_call_goes_on_where_the_model_is(self):
        model = sparse()
        first = run(model, GradientDescent(0.5), workers=1)
        assert run(model, GradientDescent(0.5), workers=1).train_loss[0] < first.train_loss[0]

    def test_a_generator_gives_a_seed(self):
        one, two = sparse(), sparse()
        seeds = [run(model, SGD(0.5), seed=np.random.default_rng(3), workers=1).seed for model in (one, two)]
        assert seeds[0] == seeds[1] and np.array_equal(one.parameters, two.parameters)


def interrupted(*arguments, after, **settings):
    """A run that is interrupted so many seconds after its workers are there."""
    main = threading.get_ident()

    def interrupt():
        processes_of(settings.get("workers", 2))
        time.sleep(after)
        signal.pthread_kill(main, signal.SIGINT) if hasattr(signal, "pthread_kill") else signal.raise_signal(2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    history = run(*arguments, **settings)
    thread.join()
    return history


class TestGoingOn:
    def test_an_interrupted_run_of_one_worker_goes_on_as_if_nothing_had_been(self):
        """Wherever in an epoch it was: fit's θ, losses and validations at the end, and with Adam's state."""

        class SlowAdam(Adam):
            def begin_step(self, theta, gradient):
                super().begin_step(theta, gradient)
                time.sleep(0.002)

        ours, theirs, one = network(), network(), SlowAdam(ExponentialDecay(0.05, factor=0.5, steps=200))
        settings = {"batch_size": 7, "workers": 1, "epochs": 40}
        history = interrupted(ours, one, DATA, after=1.0, **settings)
        again = run(ours, one, DATA, history=history, **settings)
        assert again is history and not history.interrupted and history.updates == [40 * 22]
        expected = fit(theirs, Adam(one.schedule), DATA, epochs=40, batch_size=7, progress=False)
        assert np.array_equal(ours.parameters, theirs.parameters)
        assert history.step_losses == expected.step_losses and history.val_loss == expected.val_loss
        assert history.train_loss == expected.train_loss and history.learning_rate == expected.learning_rate
        assert len(history.order) == len(history.staleness) == 40 * 22

    @pytest.mark.parametrize("locked", [False, True])
    def test_several_workers_go_on_with_their_own_states(self, locked):
        model, optimizer = network(), SGD(0.05, momentum=0.9)
        history = interrupted(model, Slow(0.05), DATA, after=0.7, batch_size=10, epochs=30, locked=locked)
        history.optimizer_states = []
        run(model, optimizer, DATA, batch_size=10, epochs=30, locked=locked, history=history)
        run(model, optimizer, DATA, batch_size=10, epochs=32, locked=locked, history=history)
        assert (history.epoch, history.step, len(history.val_loss)) == (32, 0, 32)
        assert sum(history.updates) == len(history.step_losses) == len(history.order) == 32 * 15
        assert len(history.optimizer_states) == 2
        assert optimizer.t == max(state["t"] for state in history.optimizer_states)

    def test_a_sparse_run_goes_on(self):
        whole, parts = sparse(), sparse()
        expected = run(whole, SGD(ExponentialDecay(1.0, factor=0.5, steps=500)), workers=1, epochs=3)
        optimizer = SGD(ExponentialDecay(1.0, factor=0.5, steps=500))
        history = run(parts, optimizer, workers=1, epochs=1)
        run(parts, optimizer, workers=1, epochs=3, history=history)
        assert np.array_equal(whole.parameters, parts.parameters)
        assert history.step_losses == expected.step_losses and history.learning_rate == expected.learning_rate

    def test_a_finished_run_is_left_as_it_is(self):
        model = sparse()
        history = run(model, SGD(0.5), workers=1)
        theta = model.parameters.copy()
        assert run(model, SGD(0.5), workers=1, history=history) is history
        assert np.array_equal(model.parameters, theta)

    def test_another_history_is_refused(self):
        history = run(sparse(), SGD(0.5), workers=1)
        with pytest.raises(ValueError, match=r"history: got one of 400 samples .* on 1 workers; expected"):
            run(sparse(), SGD(0.5), workers=2, history=history)
        with pytest.raises(TypeError, match="history: got 3; expected the ParallelHistory"):
            run(sparse(), SGD(0.5), history=3)


class TestSeveralWorkers:
    def test_every_sample_is_used_once_an_epoch(self):
        """With a rate of nearly nothing the losses are those of the start, in the order of the batches."""
        model = sparse()
        losses = descended(model, 1e-300, epochs=3)[1]
        history = run(model, SGD(1e-300), epochs=3, workers=2)
        np.testing.assert_allclose(history.step_losses, losses, rtol=1e-12)
        assert sum(history.updates) == 1200 and len(history.order) == 1200
        assert np.bincount(history.order, minlength=2).tolist() == history.updates
        assert len(history.seconds) == 3 and min(history.seconds) >= 0 and sum(history.seconds) > 0

    def test_a_sparse_model_ends_near_the_loss_of_one_worker(self):
        """However the workers take turns: here a sample's weights are changed by one in sixty others."""
        losses = []
        for workers in (1, 2, 3):
            model = sparse(n_samples=3000, n_features=3000)
            run(model, SGD(0.5), epochs=4, workers=workers)
            losses.append(model.value(model.parameters))
        assert max(losses) < 0.6 * math.log(2) and max(losses) < 1.05 * min(losses)

    @pytest.mark.parametrize("locked", [False, True])
    def test_a_network_learns(self, locked):
        model = network("float32")
        history = run(model, SGD(0.1), DATA, epochs=6, batch_size=10, locked=locked)
        assert model.evaluate(*DATA[2:]).accuracy > 0.8
        assert history.train_loss[-1] < 0.6 * history.train_loss[0]
        assert sum(history.updates) == history.order.size == history.staleness.size == 90
        assert len(history.val_loss) == len(history.val_accuracy) == 6
        assert history.val_accuracy[-1] == model.evaluate(*DATA[2:]).accuracy
        assert (history.staleness >= 0).all() and not (locked and history.staleness.any())

    def test_behind_a_lock_no_update_of_a_network_is_lost(self):
        model = MLP([1, 2], initializer="zeros", dtype="float64")
        history = run(model, Counting(1.0), ONES, batch_size=1, locked=True, workers=3)
        assert model.parameters.tolist() == [1000.0] * 4 and sum(history.updates) == 1000

    def test_without_a_lock_updates_of_a_network_may_be_lost_and_none_is_made_up(self):
        model = MLP([1, 2], initializer="zeros", dtype="float64")
        history = run(model, Counting(1.0), ONES, batch_size=1, workers=3)
        assert sum(history.updates) == 1000
        # A worker may sleep between its read and its write, and then undo any number of others' steps.
        assert (model.parameters >= 1).all() and (model.parameters <= 1000).all()

    @pytest.mark.parametrize("locked", [False, True])
    def test_updates_of_a_sparse_model_are_lost_without_a_lock_only(self, locked):
        """So far from right that every step adds exactly η = 1 to each weight of its sample."""
        model = SparseLogisticRegression(np.tile(np.arange(5), (2000, 1)), np.ones((2000, 5)), np.ones(2000, int))
        model.parameters[:] = -(2.0**40)
        history = run(model, SGD(1.0), locked=locked)
        added = model.parameters + 2.0**40
        assert sum(history.updates) == 4000
        assert (added == 4000).all() if locked else ((added >= 1) & (added <= 4000)).all()

    def test_the_rate_is_that_of_the_batch(self):
        """Each step adds its rate, so θ has the sum of all batches' rates, though each copy makes some of the steps."""

        class AddsItsRate(Optimizer):
            def update(self, theta, gradient):
                theta += self.learning_rate

        model = MLP([1, 2], initializer="zeros", dtype="float64")
        data = np.ones((40, 1)), np.arange(40) % 2
        history = run(model, AddsItsRate(lambda step: 1.0 + step), data, batch_size=2, locked=True)
        assert model.parameters.tolist() == [40 * 41 / 2] * 4
        assert history.learning_rate == [20.0, 40.0]

    def test_more_workers_than_batches(self):
        model = network()
        history = run(model, SGD(0.1), DATA, batch_size=N, workers=3)
        assert history.epoch == 2 and sum(history.updates) == 2

    def test_the_optimizer_has_the_state_of_the_copy_with_the_most_steps(self):
        optimizer = SGD(0.1, momentum=0.9)
        history = run(network(), optimizer, DATA, batch_size=5)
        assert optimizer.t == max(history.updates) and optimizer.state["velocity"].any()


def processes_of(count, seconds=60):
    """Wait until so many workers are there."""
    end = time.monotonic() + seconds
    while len(children := own_processes()) < count and time.monotonic() < end:
        time.sleep(0.05)
    return children


class TestEnds:
    @pytest.mark.parametrize("locked", [False, True])
    @pytest.mark.parametrize(("rule", "says"), [(Killed, "ended with exit code 1"), (Failing, "as was to be tested")])
    def test_a_worker_that_ends_is_named_and_the_training_up_to_there_is_kept(self, rule, says, locked):
        model = network()
        start = model.parameters.copy()
        with pytest.raises(WorkerError, match=rf"worker \d of 2 (.|\n)*{says}") as caught:
            run(model, rule(0.1), DATA, batch_size=1, epochs=50, locked=locked)
        history = caught.value.history
        assert 4 <= sum(history.updates) == len(history.step_losses) < 50 * N
        assert not np.array_equal(model.parameters, start) and np.isfinite(model.parameters).all()
        assert history.updates[caught.value.rank] == 4

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
    @pytest.mark.parametrize("make", [lambda: (network(), Slow(0.1), DATA), lambda: (sparse(), SGD(0.1))])
    def test_a_killed_worker(self, make):
        model, *rest = make()
        killed = []

        def kill():
            (child,) = (child for child in processes_of(2) if child.name.endswith("1"))
            time.sleep(1.0)
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(WorkerError, match=r"worker 1 of 2 \(process \d+\) was killed by signal 9") as caught:
            run(model, *rest, epochs=10_000)
        thread.join()
        assert str(killed[0]) in str(caught.value)
        history = caught.value.history
        assert history.epoch < 10_000 and history.step < history.steps_per_epoch
        assert len(history.step_losses) == history.epoch * history.steps_per_epoch + history.step == len(history.order)
        run(model, *rest, epochs=history.epoch + 2, history=history)  # and others can take over
        assert history.step == 0 and sum(history.updates) == len(history.step_losses)

    @pytest.mark.parametrize("locked", [False, True])
    def test_an_interrupt_ends_the_run_and_returns_what_there_is(self, locked):
        model = network()
        history = interrupted(model, Slow(0.01), DATA, epochs=10_000, locked=locked, after=1.5)
        assert history.interrupted and history.epoch < 10_000
        assert len(history.step_losses) == sum(history.updates) == history.epoch * 5 + history.step
        assert len(history.val_loss) == history.epoch

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_network_that_diverges(self, workers):
        model = MLP([2, 8, 3], loss="mse", seed=0)
        x, y = DATA[0], np.eye(3)[DATA[1]]
        with pytest.raises(
            DivergenceError, match=r"training diverged in epoch \d+, step \d+: .* rate 1e\+10"
        ) as caught:
            run(model, SGD(1e10), (x, y), epochs=100, workers=workers)
        assert np.isfinite(caught.value.history.step_losses).all()

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_sparse_model_that_diverges(self, workers):
        model = sparse()
        with pytest.raises(
            DivergenceError, match=r"training diverged in epoch 1, step \d+: the loss is (inf|nan)"
        ) as caught:
            run(model, SGD(1e308), epochs=100, workers=workers)
        assert np.isfinite(caught.value.history.step_losses).all()


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "settings", "error", "says"),
        [
            (
                ("net", SGD(0.1), DATA),
                {},
                TypeError,
                "model: got 'net'; expected an MLP or a Sparse\\w+$",
            ),
            ((SGD(0.1), network(), DATA), {}, TypeError, "model: .*; the model comes first"),
            ((network(), "sgd", DATA), {}, TypeError, "optimizer: got 'sgd'"),
            ((network(), SGD(0.1)), {}, TypeError, "data: got None"),
            ((network(), SGD(0.1), *DATA[:2]), {}, TypeError, "data: got x and y as two arguments"),
            ((network(), SGD(0.1), DATA), {"batch_size": 0}, ValueError, "batch_size: got 0"),
            ((network(), SGD(0.1), DATA), {"workers": 0}, ValueError, "workers: got 0"),
            ((network(), SGD(0.1), DATA), {"epochs": 0}, ValueError, "epochs: got 0"),
            ((network(), SGD(0.1), DATA), {"locked": "yes"}, TypeError, "locked: got 'yes'; expected True or False"),
            ((network(), SGD(0.1), DATA), {"seed": -1}, ValueError, "seed: got -1"),
            ((network(), SGD(0.1), DATA), {"n_jobs": 2}, TypeError, "n_jobs: .*did you mean workers"),
            ((sparse(), "sgd"), {}, TypeError, "optimizer: got 'sgd'"),
            ((sparse(), Adam(0.1)), {}, ValueError, r"optimizer: got Adam; expected plain SGD\(learning_rate=…\)"),
            (
                (sparse(), SGD(0.1, momentum=0.9)),
                {},
                ValueError,
                "optimizer: got SGD with momentum; expected",
            ),
            ((sparse(), SGD(0.1, weight_decay=0.1, clipnorm=1.0)), {}, ValueError, "SGD with weight_decay, clipnorm"),
            ((sparse(), Slow(0.1)), {}, ValueError, "optimizer: got Slow; expected plain SGD"),
            ((sparse(), SGD(0.1), DATA), {}, TypeError, "data: got tuple .*; expected None"),
            ((sparse(), SGD(0.1)), {"batch_size": 2}, ValueError, "batch_size: got 2; expected 1"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, settings, error, says):
        before = [model.parameters.copy() for model in arguments if hasattr(model, "parameters")]
        with pytest.raises(error, match=says):
            hogwild(*arguments, **settings)
        after = [model.parameters for model in arguments if hasattr(model, "parameters")]
        assert all(map(np.array_equal, before, after))

    def test_an_optimizer_of_another_network_is_refused(self):
        optimizer = SGD(0.1)
        fit(network(), optimizer, DATA, epochs=1, progress=False)
        with pytest.raises(ValueError, match="optimizer: got one that has taken 5 steps"):
            run(network(), optimizer, DATA)
