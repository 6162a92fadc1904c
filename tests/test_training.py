"""Training: what ``fit`` and ``minimize`` record, and how they stop, resume and fail."""

import copy
import dataclasses
import math
import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nnopt_utils import training
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, GradientDescent, Nesterov
from nnopt_utils.problems import Rosenbrock
from nnopt_utils.schedules import CosineDecay, StepDecay
from nnopt_utils.training import DivergenceError, Step, batches, fit, minimize


def two_arcs(n=100, seed=0):
    """Two interleaved half circles with a little noise: no line separates them."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle = generator.uniform(0, np.pi, n)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    x[y == 1] = [1, 0.5] - x[y == 1]
    return x + 0.1 * generator.normal(size=x.shape), y


DATA = two_arcs(100)
VALIDATION = two_arcs(60, seed=1)


def make_network(seed=0, **options):
    return MLP([2, 16, 2], **{"activation": "tanh", "seed": seed, **options})


def train(network=None, optimizer=None, data=DATA, **options):
    network = make_network() if network is None else network
    optimizer = SGD(0.1, momentum=0.9) if optimizer is None else optimizer
    options = {"epochs": 3, "batch_size": 16, "progress": False, **options}
    return network, optimizer, fit(network, optimizer, data, **options)


def record(history):
    """All of a history but the clock."""
    return {name: value for name, value in dataclasses.asdict(history).items() if name != "seconds"}


class TestFit:
    @pytest.mark.parametrize(
        "optimizer",
        [SGD(0.3, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True), Nesterov(0.05), GradientDescent(1.0)],
        ids=lambda o: type(o).__name__ + ("_nesterov" if getattr(o, "nesterov", False) else ""),
    )
    def test_learns_what_no_line_can(self, optimizer):
        network, _, history = train(optimizer=optimizer, data=(*DATA, *VALIDATION), epochs=100)
        assert history.val_accuracy[-1] > 0.95 and history.train_loss[-1] < 0.15
        assert history.train_loss[-1] < 0.3 * history.train_loss[0]
        assert network.evaluate(*VALIDATION) == (history.val_loss[-1], history.val_accuracy[-1])

    def test_regression(self):
        x = np.linspace(-1, 1, 64)[:, None]
        network = MLP([1, 16, 1], activation="tanh", loss="mse", seed=1)
        train(network, SGD(0.1, momentum=0.9), (x, np.sin(3 * x[:, 0])), epochs=300)
        assert network.loss(x, np.sin(3 * x)) < 0.01

    @pytest.mark.parametrize(("n", "batch_size", "steps"), [(100, 16, 7), (100, 25, 4), (100, 1000, 1), (100, 1, 100)])
    def test_lengths(self, n, batch_size, steps):
        _, optimizer, history = train(data=(*two_arcs(n), *VALIDATION), epochs=3, batch_size=batch_size)
        assert history.steps_per_epoch == steps and len(history.step_losses) == optimizer.t == 3 * steps
        for series in ("train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds"):
            assert len(getattr(history, series)) == history.epoch == 3
        assert (history.seed, history.batch_size, history.n_samples) == (0, batch_size, n)
        assert not history.interrupted and history.step == 0 and min(history.seconds) > 0

    def test_without_validation(self):
        history = train()[2]
        assert history.val_loss == history.val_accuracy == [] and len(history.train_loss) == 3

    def test_train_loss_is_the_mean_over_samples(self):
        history = train(epochs=2)[2]
        sizes = [16] * 6 + [4]
        for epoch in range(2):
            losses = history.step_losses[7 * epoch : 7 * (epoch + 1)]
            mean = sum(size * loss for size, loss in zip(sizes, losses, strict=True)) / 100
            assert history.train_loss[epoch] == pytest.approx(mean, rel=1e-12)

    def test_one_full_batch_is_gradient_descent(self):
        network, twin = make_network(dtype="float64"), make_network(dtype="float64")
        history = train(network, GradientDescent(0.5), epochs=5, batch_size=100)[2]
        for loss in history.step_losses:
            value, gradient = twin.loss_and_gradient(*DATA)
            assert loss == pytest.approx(value, rel=1e-12)
            twin.parameters -= 0.5 * gradient
        np.testing.assert_allclose(network.parameters, twin.parameters, rtol=1e-9, atol=1e-12)

    def test_learning_rate_is_that_of_the_last_step(self):
        schedule = StepDecay(0.1, factor=0.5, every=7)
        assert train(optimizer=SGD(schedule))[2].learning_rate == [0.1, 0.05, 0.025]
        cosine = CosineDecay(0.1, steps=21)
        assert train(optimizer=SGD(cosine))[2].learning_rate == [cosine(6), cosine(13), cosine(20)]

    def test_sets_the_layout_for_clipping(self):
        network, optimizer, _ = train(optimizer=SGD(0.1, clipnorm=0.01))
        assert optimizer.layout is network.layout

    def test_inputs_may_be_lists_and_integers(self):
        x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
        network, _, _ = train(data=(x.tolist(), y), optimizer=SGD(1.0, momentum=0.9), epochs=200, batch_size=4)
        assert network.predict(x).tolist() == y


class TestBatches:
    """With x = identity and a linear network, a batch's gradient shows which samples are in it."""

    def batches(self, n=10, batch_size=4, epochs=3, **options):
        seen = []
        network = MLP([n, 1], loss="mse", initializer="zeros")
        weights = network.layout[0].where

        def note(step):
            seen.append((step.epoch, step.t, frozenset(np.flatnonzero(step.gradient[weights]))))

        data = (np.eye(n), np.arange(1.0, n + 1) * 1e6)
        train(network, SGD(1e-9), data, batch_size=batch_size, epochs=epochs, callback=note, **options)
        return seen

    def test_every_sample_once_an_epoch_and_the_last_small_batch_kept(self):
        seen = self.batches()
        assert [(epoch, t) for epoch, t, _ in seen] == [(e, 3 * (e - 1) + k) for e in (1, 2, 3) for k in (1, 2, 3)]
        assert [len(batch) for _, _, batch in seen] == [4, 4, 2] * 3
        for epoch in (1, 2, 3):
            assert sorted(i for e, _, batch in seen if e == epoch for i in batch) == list(range(10))

    def test_shuffled_anew_each_epoch_before_batching(self):
        seen = self.batches(n=40, batch_size=20, epochs=4)
        assert len({frozenset([a[2], b[2]]) for a, b in zip(seen[::2], seen[1::2], strict=True)}) == 4
        assert seen[0][2] != frozenset(range(20))

    def test_order_is_fixed_by_the_seed(self):
        assert self.batches(seed=3) == self.batches(seed=3) != self.batches(seed=4)

    def test_order_does_not_share_the_stream_of_the_initial_weights(self):
        first = self.batches(n=40, batch_size=20, epochs=1, seed=0)[0][2]
        assert first != frozenset(np.random.default_rng(0).permutation(40)[:20])

    @pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (40, 20), (10, 1000)])
    def test_the_function_gives_the_order_of_fit(self, n, batch_size):
        seen = self.batches(n=n, batch_size=batch_size, epochs=3, seed=5)
        expected = [(epoch, frozenset(b.tolist())) for epoch in (1, 2, 3) for b in batches(n, batch_size, 5, epoch)]
        assert [(epoch, batch) for epoch, _, batch in seen] == expected

    def test_the_recipe(self):
        order = np.random.default_rng([5, 2]).permutation(10)
        assert np.array_equal(np.concatenate(batches(10, 4, seed=5, epoch=2)), order)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"n_samples": 0}, "n_samples: got 0"),
            ({"batch_size": 0}, "batch_size: got 0"),
            ({"seed": -1}, "seed: got -1"),
            ({"epoch": 0}, "epoch: got 0; expected an integer >= 1"),
        ],
    )
    def test_bad_arguments_of_the_function(self, options, message):
        with pytest.raises(ValueError, match=message):
            batches(**{"n_samples": 5, "batch_size": 2, "seed": 0, "epoch": 1, **options})

    def test_more_than_all(self):
        assert [len(batch) for _, _, batch in self.batches(batch_size=1000)] == [10] * 3


class TestSeeds:
    def test_same_seed_same_run(self):
        (a, _, first), (b, _, second), (c, _, _) = (train(seed=seed) for seed in (5, 5, 6))
        assert np.array_equal(a.parameters, b.parameters) and record(first) == record(second)
        assert not np.array_equal(a.parameters, c.parameters)

    def test_generator(self):
        generator = np.random.default_rng(5)
        (a, _, first), (b, _, second) = train(seed=generator), train(seed=generator)
        assert not np.array_equal(a.parameters, b.parameters)
        again, _, history = train(seed=np.random.default_rng(5))
        assert np.array_equal(again.parameters, a.parameters) and record(history) == record(first)
        replayed, _, _ = train(seed=second.seed)  # a history names a number that repeats it
        assert np.array_equal(replayed.parameters, b.parameters)

    def test_the_global_generator_is_left_alone(self):
        np.random.seed(1)
        before = np.random.get_state()[1].copy()
        train()
        assert np.array_equal(np.random.get_state()[1], before)

    def test_progress_and_threads_change_no_number(self):
        expected = train()[0].parameters
        assert np.array_equal(train(progress=True)[0].parameters, expected)
        assert np.array_equal(train(blas_threads=None)[0].parameters, expected)

    def test_quiet(self, capfd):
        train()
        assert capfd.readouterr() == ("", "")


class TestData:
    def test_a_dataset_and_its_test_set_is_never_touched(self):
        class Sealed:
            x_train, y_train = DATA
            x_val, y_val = VALIDATION

            def __getattr__(self, name):
                raise AssertionError(f"fit looked at {name}")

        network, _, history = train(data=Sealed())
        expected, _, other = train(data=(*DATA, *VALIDATION))
        assert np.array_equal(network.parameters, expected.parameters) and history.val_loss == other.val_loss

    def test_arrays_are_left_as_they_are(self):
        arrays = [array.copy() for array in (*DATA, *VALIDATION)]
        for array in arrays:
            array.flags.writeable = False
        train(data=tuple(arrays))
        for array, original in zip(arrays, (*DATA, *VALIDATION), strict=True):
            assert np.array_equal(array, original)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ((DATA[0],), "data: got .*; expected a Dataset"),
            (DATA[0], "data: got float64 array .*; expected a Dataset"),
            (None, "data: got None"),
            ((*DATA, VALIDATION[0]), "data: got"),
            ((np.where(np.eye(100, 2) > 0, np.nan, 0.0), DATA[1]), "x: got .* with 2 NaN or infinite values"),
            ((DATA[0][:, :1], DATA[1]), r"x: got .* \(100, 1\); expected shape \(any, 2\)"),
            ((DATA[0], DATA[1][:-1]), "y: got 99 labels; expected 100"),
            ((DATA[0], DATA[1] + 1), "y: got values from 1 to 2; expected integers from 0 to 1"),
            ((DATA[0], DATA[1] * 1.0), "y: got float64 array .*; expected a 1-D array of integers"),
            ((DATA[0][:0], DATA[1][:0]), "expected at least one value"),
            ((*DATA, VALIDATION[0], VALIDATION[1] + 7), "y: got values from 7 to 8"),
            ((*DATA, VALIDATION[0] * np.inf, VALIDATION[1]), "x: got .* NaN or infinite"),
        ],
    )
    def test_bad_data_changes_nothing(self, data, message):
        network, optimizer = make_network(), SGD(0.1)
        before = network.parameters.copy()
        with pytest.raises((TypeError, ValueError), match=message), np.errstate(invalid="ignore"):
            train(network, optimizer, data)
        assert np.array_equal(network.parameters, before) and optimizer.t == 0


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"epochs": 0}, "epochs: got 0; expected an integer >= 1"),
            ({"epochs": 1.5}, "epochs: got 1.5; expected an integer"),
            ({"epochs": None}, "epochs: got None"),
            ({"batch_size": 0}, "batch_size: got 0; expected an integer >= 1"),
            ({"batch_size": -1}, "batch_size: got -1"),
            ({"batch_size": 1.5}, "batch_size: got 1.5"),
            ({"batch_size": "32"}, "batch_size: got '32'"),
            ({"seed": -1}, "seed: got -1"),
            ({"seed": None}, "seed: got None"),
            ({"seed": 0.5}, "seed: got 0.5"),
            ({"blas_threads": 0}, "blas_threads: got 0"),
            ({"history": []}, r"history: got \[\]; expected the History that an earlier fit returned"),
            ({"history": History(0, 16, 99)}, "history: got one of 99 samples in batches of 16; expected 100 .* of 16"),
            ({"history": History(0, 32, 100)}, "history: got one of 100 samples in batches of 32"),
        ],
    )
    def test_bad_options_change_nothing(self, options, message):
        network, optimizer = make_network(), SGD(0.1)
        before = network.parameters.copy()
        with pytest.raises((TypeError, ValueError), match=message):
            train(network, optimizer, **options)
        assert np.array_equal(network.parameters, before) and optimizer.t == 0

    def test_wrong_order_of_arguments(self):
        with pytest.raises(TypeError, match=r"network: got SGD.*; expected an MLP; the network comes first: fit\("):
            fit(SGD(0.1), make_network(), DATA)
        with pytest.raises(TypeError, match=r"optimizer: got 'sgd'; expected an Optimizer, e.g. SGD"):
            fit(make_network(), "sgd", DATA)

    @pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist])
    def test_x_and_y_as_two_arguments(self, convert):
        x, y = map(convert, DATA)
        with pytest.raises(TypeError, match=r"data: got x and y as two .*; expected one: fit\(network, optimizer, \(x"):
            fit(make_network(), SGD(0.1), x, y)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"epoch": 3}, r"epoch: got 3, but fit has no such argument; .* \(did you mean epochs\?\)"),
            ({"validation_data": DATA}, r"did you mean data=\(x, y, x_val, y_val\)\?"),
            ({"lr": 0.1}, r"lr: got 0\.1, .* \(did you mean SGD\(learning_rate=…\), which is the optimizer's\?\)"),
            ({"apples": 3}, r"apples: got 3, but fit has no such argument; expected fit\(.*one argument$"),
        ],
    )
    def test_an_unknown_argument(self, options, message):
        with pytest.raises(TypeError, match=message):
            fit(make_network(), SGD(0.1), DATA, **options)

    def test_x_and_y_as_two_arguments_and_epochs_by_name(self):
        with pytest.raises(TypeError, match=r"fit: got .* 'epochs'; expected fit\(network, optimizer, \(x, y\), "):
            fit(make_network(), SGD(0.1), *DATA, epochs=1)


class TestWhoseOptimizer:
    """An optimizer's state belongs to the θ that it was made on."""

    def test_of_another_network_is_refused(self):
        _, optimizer, _ = train()
        taken, other = optimizer.t, make_network(seed=1)
        before = other.parameters.copy()
        with pytest.raises(
            ValueError, match=r"optimizer: got one that has taken 21 steps, and not in a fit of this net"
        ):
            train(other, optimizer)
        assert np.array_equal(other.parameters, before) and optimizer.t == taken

    def test_of_a_function_is_refused(self):
        optimizer = SGD(0.1)
        minimize(bowl(), optimizer, steps=2)
        with pytest.raises(ValueError, match="optimizer: got one that has taken 2 steps"):
            train(optimizer=optimizer)

    def test_of_this_network_goes_on(self):
        network, optimizer, _ = train()
        assert train(network, optimizer)[2].epoch == 3 and optimizer.t == 42

    def test_one_for_two_networks_in_turn_is_refused(self):
        network, optimizer, _ = train()
        with pytest.raises(ValueError, match="expected a new one"):
            train(network.copy(), optimizer)
        assert train(network, optimizer)[1].t == 42

    def test_copied_together_they_still_belong_together(self):
        network, optimizer = copy.deepcopy(train()[:2])
        assert train(network, optimizer)[1].t == 42

    def test_the_reader_may_say_that_it_belongs(self):
        network, optimizer = make_network(), SGD(0.1)
        optimizer.step(network.parameters, network.loss_and_gradient(*DATA)[1])
        with pytest.raises(ValueError, match=r"optimizer.layout = network.layout"):
            train(network, optimizer)
        optimizer.layout = network.layout
        assert train(network, optimizer)[1].t == 22

    def test_refused_with_a_bad_argument_it_does_not_belong(self):
        optimizer = SGD(0.1)
        with pytest.raises(ValueError, match="seed: got -1"):
            train(optimizer=optimizer, seed=-1)
        assert optimizer.layout is None


class TestCallback:
    def test_is_given_each_step(self):
        steps = []
        network, optimizer, history = train(callback=steps.append)
        assert all(isinstance(step, Step) for step in steps)
        assert [(s.epoch, s.t) for s in steps] == [((t - 1) // 7 + 1, t) for t in range(1, 22)]
        assert [s.loss for s in steps] == history.step_losses
        assert all(s.network is network and s.optimizer is optimizer for s in steps)
        assert all(s.gradient.shape == network.parameters.shape for s in steps)

    @pytest.mark.parametrize("yes", [True, np.True_])
    def test_true_stops_after_that_step(self, yes):
        _, optimizer, history = train(callback=lambda step: yes if step.t == 10 else None)
        assert optimizer.t == len(history.step_losses) == 10
        assert history.interrupted and (history.epoch, history.step) == (1, 3) and len(history.train_loss) == 1

    @pytest.mark.parametrize("answer", [None, False, 1, 1.0, "stop", [0], np.ones(2)])
    def test_any_other_answer_does_not(self, answer):
        history = train(callback=lambda step: answer)[2]
        assert history.epoch == 3 and not history.interrupted

    def test_stop_at_the_end_of_an_epoch_finishes_it(self):
        data = (*DATA, *VALIDATION)
        history = train(data=data, callback=lambda step: step.t == 7)[2]
        assert history.epoch == len(history.val_loss) == len(history.train_loss) == 1 and history.interrupted

    def test_its_error_passes_and_the_handler_is_restored(self):
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(ZeroDivisionError):
            train(callback=lambda step: 1 / 0)
        assert signal.getsignal(signal.SIGINT) is before

    def test_its_own_warnings_are_not_silenced(self):
        with pytest.warns(RuntimeWarning, match="invalid value"):
            train(epochs=1, callback=lambda step: np.zeros(1) / 0 if step.t == 1 else None)


class TestDivergence:
    def test_names_epoch_step_and_rate_and_carries_the_history(self):
        network = MLP([2, 16, 1], loss="mse", activation="relu")
        with pytest.raises(DivergenceError) as caught:
            train(network, SGD(1e6), (DATA[0], DATA[1] * 1.0), epochs=50)
        history = caught.value.history
        where = f"epoch {history.epoch + 1}, step {history.step + 1}"
        assert f"training diverged in {where}: " in str(caught.value)
        assert "learning rate 1e+06" in str(caught.value) and "Try a learning rate 3 to 10 times" in str(caught.value)
        assert f"loss of the step before: {history.step_losses[-1]:.4g}" in str(caught.value)
        assert isinstance(caught.value, ArithmeticError) and np.isfinite(history.step_losses).all()
        assert 1 <= len(history.step_losses) == history.epoch * 7 + history.step

    def test_on_the_first_step(self):
        network = MLP([2, 16, 1], loss="mse", activation="relu")
        network.parameters[:] = 1e20
        with pytest.raises(DivergenceError, match=r"epoch 1, step 1: the loss is .*loss of the step before: none"):
            train(network, SGD(0.1), (DATA[0], DATA[1] * 1.0))

    def test_a_gradient_that_overflows_before_the_loss(self):
        network = MLP([2, 16, 1], loss="mae", activation="linear", initializer="zeros")
        network.weights[1][:] = 1e30
        x = np.full((100, 2), 1e30)
        theta = network.parameters.copy()
        with pytest.raises(DivergenceError, match=r"epoch 1, step 1: gradient: got .* NaN or infinite"):
            train(network, SGD(0.1), (x, np.ones(100)))
        assert np.array_equal(network.parameters, theta)

    def test_in_the_last_step_of_an_epoch(self):
        """No training step is left to notice: the validation loss does."""
        network = MLP([2, 16, 1], loss="mse", activation="relu")
        data = (DATA[0], DATA[1] * 1.0, VALIDATION[0], VALIDATION[1] * 1.0)
        with pytest.raises(DivergenceError, match=r"in epoch 1, step 1: the validation loss is (inf|nan)"):
            train(network, SGD(1e15), data, epochs=1, batch_size=100)

    def test_the_handler_is_restored(self):
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(DivergenceError):
            train(MLP([2, 1], loss="mse"), SGD(1e30), (DATA[0], DATA[1] * 1.0))
        assert signal.getsignal(signal.SIGINT) is before


def interrupt_after(n_steps, send=lambda: signal.raise_signal(signal.SIGINT)):
    """A callback that presses Ctrl-C during the given step."""
    taken = []

    def callback(step):
        taken.append(step)
        if len(taken) == n_steps:
            send()

    return callback


OPTIMIZERS = {
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov_cosine": lambda: SGD(CosineDecay(0.1, steps=30), momentum=0.9, nesterov=True, weight_decay=0.01),
    "pytorch_clipped": lambda: SGD(0.1, momentum=0.9, dampening=0.2, convention="pytorch", clipnorm=0.5),
    "two_sequences": lambda: Nesterov(0.05),
}


class TestInterrupt:
    data = (*DATA, *VALIDATION)

    @pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
    @pytest.mark.parametrize("stop", [1, 3, 7, 8, 14, 20, 21])
    def test_resuming_is_as_if_nothing_had_happened(self, make, stop):
        whole_network, whole_optimizer, whole = train(optimizer=make(), data=self.data, seed=11)

        network, optimizer, history = train(optimizer=make(), data=self.data, seed=11, callback=interrupt_after(stop))
        assert history.interrupted and optimizer.t == len(history.step_losses) == stop
        assert (history.epoch, history.step) == divmod(stop, 7)
        assert len(history.train_loss) == len(history.val_loss) == stop // 7
        assert history.step_losses == whole.step_losses[:stop]

        # As a notebook's next session would: a new network and a new optimizer take over what was saved.
        later_network, later_optimizer = make_network(seed=99), make()
        later_network.parameters = network.parameters
        later_optimizer.set_state(optimizer.get_state())
        for n, o in ((network, optimizer), (later_network, later_optimizer)):
            saved = copy.deepcopy(history)
            resumed = train(n, o, self.data, seed=0, history=saved)[2]
            assert resumed is saved and not resumed.interrupted
            assert np.array_equal(n.parameters, whole_network.parameters)
            assert record(resumed) == record(whole) and len(resumed.seconds) == 3
            assert o.t == whole_optimizer.t
            for name, slot in whole_optimizer.state.items():
                assert np.array_equal(o.state[name], slot)

    def test_twice(self):
        whole_network, _, whole = train(data=self.data)
        network, optimizer, history = train(data=self.data, callback=interrupt_after(2))
        train(network, optimizer, self.data, history=history, callback=interrupt_after(9))
        assert history.interrupted and len(history.step_losses) == 11
        train(network, optimizer, self.data, history=history)
        assert np.array_equal(network.parameters, whole_network.parameters) and record(history) == record(whole)

    def test_more_epochs_after_a_finished_run(self):
        whole_network, _, whole = train(data=self.data, epochs=5)
        network, optimizer, history = train(data=self.data, epochs=2)
        train(network, optimizer, self.data, epochs=5, history=history)
        assert np.array_equal(network.parameters, whole_network.parameters) and record(history) == record(whole)
        train(network, optimizer, self.data, epochs=5, history=history)  # nothing is left to do
        assert record(history) == record(whole)

    def test_a_signal_from_outside_during_the_step(self):
        """The signal comes from another thread, at any moment: the step under way is still a whole one."""
        whole = train(data=self.data, epochs=200)[2]
        pressed = threading.Event()

        def press():
            pressed.wait()
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        network, optimizer, history = train(
            data=self.data, epochs=200, callback=lambda step: pressed.set() if step.epoch == 2 else None
        )
        thread.join()
        assert history.interrupted and 8 <= len(history.step_losses) < 1400
        assert optimizer.t == len(history.step_losses) == history.epoch * 7 + history.step
        assert history.step_losses == whole.step_losses[: optimizer.t]
        train(network, optimizer, self.data, epochs=200, history=history)
        assert record(history) == record(whole)

    def test_during_the_last_validation(self, monkeypatch):
        evaluate = MLP.evaluate

        def pressing(network, x, y, parameters=None):
            signal.raise_signal(signal.SIGINT)
            return evaluate(network, x, y, parameters)

        monkeypatch.setattr(MLP, "evaluate", pressing)
        history = train(data=self.data, epochs=1)[2]
        assert history.interrupted and history.epoch == len(history.val_loss) == 1

    def test_a_second_one_acts_at_once(self):
        def twice():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second interrupt was ignored")

        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            train(callback=interrupt_after(3, twice))
        assert signal.getsignal(signal.SIGINT) is before

    def test_the_handler_is_restored(self):
        def own(number, frame):
            raise AssertionError("not during fit")

        before = signal.signal(signal.SIGINT, own)
        try:
            seen = []
            train(callback=lambda step: seen.append(signal.getsignal(signal.SIGINT)))
            assert own not in seen and signal.getsignal(signal.SIGINT) is own
            assert train(callback=interrupt_after(2))[2].interrupted
            assert signal.getsignal(signal.SIGINT) is own
        finally:
            signal.signal(signal.SIGINT, before)

    def test_in_another_thread(self):
        """Only the main thread may set a handler: elsewhere ``fit`` does without."""
        results = []
        thread = threading.Thread(target=lambda: results.append(train()))
        thread.start()
        thread.join()
        expected, _, history = train()
        ((network, _, other),) = results
        assert np.array_equal(network.parameters, expected.parameters) and record(other) == record(history)


class TestThreads:
    def blas_threads(self):
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    @pytest.mark.parametrize("limit", [1, 2])
    def test_the_limit_is_in_force_and_then_lifted(self, limit):
        seen = []
        with threadpool_limits(2 if limit == 1 else 1, user_api="blas"):
            before = self.blas_threads()
            train(epochs=1, blas_threads=limit, callback=lambda step: seen.append(self.blas_threads()))
            assert self.blas_threads() == before
        assert before and all(threads == [limit] * len(before) for threads in seen)

    def test_no_limit(self):
        seen, before = [], self.blas_threads()
        train(epochs=1, blas_threads=None, callback=lambda step: seen.append(self.blas_threads()))
        assert all(threads == before for threads in seen)

    def test_lifted_after_an_error(self):
        before = self.blas_threads()
        with pytest.raises(ZeroDivisionError):
            train(callback=lambda step: 1 / 0)
        assert self.blas_threads() == before


def bowl(start=(1.0, -2.0)):
    """J = ½(θ₀² + 10 θ₁²)."""
    h = np.array([1.0, 10.0])
    return SimpleNamespace(
        start=np.array(start), value=lambda theta: 0.5 * float(h @ theta**2), gradient=lambda theta: h * theta
    )


class TestMinimize:
    def test_records_every_point(self):
        trajectory = minimize(bowl(), SGD(0.05, momentum=0.5), steps=30)
        assert trajectory.points.shape == (31, 2) and trajectory.steps == 30 and not trajectory.diverged
        assert trajectory.values.shape == trajectory.gradient_norms.shape == (31,)
        problem = bowl()
        for point, value, norm in zip(trajectory.points, trajectory.values, trajectory.gradient_norms, strict=True):
            assert value == problem.value(point) and norm == np.linalg.norm(problem.gradient(point))
        assert trajectory.points[0].tolist() == [1.0, -2.0]
        np.testing.assert_allclose(trajectory.points[1], [0.95, -1.0])
        assert trajectory.optimizer == repr(SGD(0.05, momentum=0.5))

    def test_reaches_the_minimum(self):
        assert minimize(bowl(), GradientDescent(0.1), steps=200).values[-1] < 1e-15

    def test_start_is_copied(self):
        start, problem = np.array([1.0, 1.0]), bowl()
        trajectory = minimize(problem, GradientDescent(0.1), steps=5, start=start)
        assert start.tolist() == [1.0, 1.0] and problem.start.tolist() == [1.0, -2.0]
        start[:] = 9
        assert trajectory.points[0].tolist() == [1.0, 1.0]

    @pytest.mark.parametrize("start", [[1, 2], (1.0, 2.0), np.array([1, 2], np.float32)])
    def test_start_becomes_float64(self, start):
        trajectory = minimize(bowl(), GradientDescent(0.1), steps=1, start=start)
        assert trajectory.points.dtype == np.float64 and trajectory.points[0].tolist() == [1.0, 2.0]

    def test_divergence_is_a_result(self):
        trajectory = minimize(bowl(), GradientDescent(10.0), steps=1000)
        assert trajectory.diverged and trajectory.steps < 1000
        assert np.isfinite(trajectory.points).all() and np.isfinite(trajectory.values).all()
        assert np.isfinite(trajectory.gradient_norms).all()
        assert len(trajectory.points) == len(trajectory.values) == len(trajectory.gradient_norms)
        assert trajectory.values[-1] > 1e280

    def test_nan_gradient_ends_at_the_point_before(self):
        problem = SimpleNamespace(
            start=np.array([1.0]),
            value=lambda theta: float(theta[0]),
            gradient=lambda theta: np.array([1.0 if theta[0] > 0.75 else math.nan]),
        )
        trajectory = minimize(problem, GradientDescent(0.1), steps=10)
        assert trajectory.diverged
        np.testing.assert_allclose(trajectory.points[:, 0], [1.0, 0.9, 0.8])

    def test_callback(self):
        seen = []
        minimize(bowl(), GradientDescent(0.1), steps=3, callback=lambda t, theta: seen.append((t, theta.copy())))
        trajectory = minimize(bowl(), GradientDescent(0.1), steps=3)
        assert [t for t, _ in seen] == [1, 2, 3]
        assert np.array_equal([theta for _, theta in seen], trajectory.points[1:])

    @pytest.mark.parametrize("limit", [1.0, np.float64(1.0)])
    def test_callback_may_stop(self, limit):
        trajectory = minimize(
            bowl(), GradientDescent(0.05), steps=100, callback=lambda t, theta: np.abs(theta).max() < limit
        )
        assert trajectory.steps < 10 and not trajectory.diverged and np.abs(trajectory.points[-1]).max() < 1

    @pytest.mark.parametrize("start", [None, [1.0, 2.0]])
    def test_the_class_of_a_problem_is_no_problem(self, start):
        with pytest.raises(TypeError, match=r"got the class Rosenbrock; expected an instance, Rosenbrock\(…\)"):
            minimize(Rosenbrock, GradientDescent(0.1), steps=2, start=start)

    def test_a_gradient_that_is_theta_itself(self):
        problem = SimpleNamespace(
            start=np.ones(2), value=lambda theta: 0.5 * float(theta @ theta), gradient=lambda t: t
        )
        trajectory = minimize(problem, GradientDescent(0.5, weight_decay=1.0), steps=2)
        np.testing.assert_allclose(trajectory.points[:, 0], [1, 0, 0], atol=1e-16)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"steps": 0}, "steps: got 0; expected an integer >= 1"),
            ({"steps": 1.5}, "steps: got 1.5"),
            ({"start": [[1.0, 2.0]]}, r"start: got float64 array of shape \(1, 2\); expected 1 dimension"),
            ({"start": [math.nan, 0.0]}, "start: got .* NaN"),
            ({"start": "here"}, "start: got 'here'; expected an array of real numbers"),
            ({"start": [1e200, 1e200]}, "start: got a point where the value is inf; expected a finite value"),
            ({"optimizer": "sgd"}, "optimizer: got 'sgd'; expected an Optimizer"),
            (
                {"problem": lambda theta: theta @ theta},
                r"problem: got .*; expected an object with value, .*FunctionObjective\(value, gradient, start\) makes",
            ),
            ({"problem": MLP([2, 2])}, r"problem: got MLP.*NetworkObjective\(network, x, y\) is one"),
            (
                {"problem": GradientDescent(0.1)},
                r"problem: got Grad.*problem comes first: minimize\(problem, optimizer",
            ),
            ({"problem": SimpleNamespace(value=max, gradient=max)}, "problem: got .*; expected an object with value"),
            ({"problem": None}, "problem: got None; expected an object with value, gradient and start"),
        ],
    )
    def test_bad_arguments(self, options, message):
        with pytest.raises((TypeError, ValueError), match=message):
            minimize(**{"problem": bowl(), "optimizer": GradientDescent(0.1), "steps": 3, **options})

    def test_unknown_or_missing_arguments(self):
        with pytest.raises(TypeError, match=r"epochs: got 3, but minimize has no .* \(did you mean steps\?\)"):
            minimize(Rosenbrock(), GradientDescent(0.001), epochs=3)
        with pytest.raises(TypeError, match=r"minimize: got .* missing .* 'steps'; expected minimize\(problem, "):
            minimize(Rosenbrock(), GradientDescent(0.001))

    def test_a_used_optimizer(self):
        optimizer = SGD(0.1)
        minimize(bowl(), optimizer, steps=2)
        with pytest.raises(ValueError, match="optimizer: got one that has taken 2 steps; expected a new one"):
            minimize(bowl(), optimizer, steps=2)


def test_validates_on_the_average_where_the_optimizer_keeps_one():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(40, 3)), generator.integers(2, size=40)
    data = x[:30], y[:30], x[30:], y[30:]
    network, optimizer = MLP([3, 2], seed=0), SGD(0.5, ema_momentum=0.9)
    history = fit(network, optimizer, data, epochs=2, batch_size=5, progress=False)
    average = optimizer.evaluation_parameters(network.parameters)
    assert history.val_loss[-1] == network.evaluate(x[30:], y[30:], parameters=average).loss
    assert history.val_loss[-1] != network.evaluate(x[30:], y[30:]).loss
    np.testing.assert_array_equal(average, optimizer.state["average"])


@pytest.mark.parametrize("turn", [np.asfortranarray, lambda x: np.hstack([x, x])[:, : x.shape[1]]])
def test_the_layout_of_the_data_in_memory_changes_no_number_and_rows_lie_together(turn, monkeypatch):
    """A step takes rows; of an array whose rows lie apart, NumPy would copy all of it each time."""
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(64, 5)).astype(np.float32), generator.integers(0, 3, 64)
    plain, turned = (MLP([5, 8, 3], seed=0) for _ in range(2))
    fit(plain, SGD(0.1), (x, y), epochs=2, progress=False)
    laid = []
    once = training._Run.epoch
    monkeypatch.setattr(training._Run, "epoch", lambda run: (laid.append(run.x.flags.c_contiguous), once(run))[1])
    fit(turned, SGD(0.1), (turn(x), y), epochs=2, progress=False)
    np.testing.assert_array_equal(turned.parameters, plain.parameters)
    assert laid == [True, True]
