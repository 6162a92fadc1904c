"""Data-parallel training is ``fit``, up to rounding: for every rule, share and size; also when it does not end well."""

import _thread
import copy
import os
import threading

import numpy as np
import psutil
import pytest
from leftovers import DyingFirst, DyingKFAC, Failing, Slow, nothing_left, when

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import LAMB, SGD, Adam, Muon
from nnopt_utils.parallel import (
    ParallelHistory,
    PowerSGD,
    TopK,
    WorkerError,
    data_parallel,
    replica,
    ring_all_reduce,
    tree_all_reduce,
)
from nnopt_utils.parallel.replica import shard
from nnopt_utils.schedules import CosineDecay
from nnopt_utils.second_order import KFAC
from nnopt_utils.training import DivergenceError, fit

TOLERANCE = 1e-12
GENERATOR = np.random.default_rng(0)
X, LABELS = GENERATOR.normal(size=(45, 6)), GENERATOR.integers(3, size=45)
DATA = X[:33], LABELS[:33], X[33:], LABELS[33:]  # batches of 7: the fifth has 5
REGRESSION = X[:33], X[:33, :2] ** 2, X[33:], X[33:, :2] ** 2


@pytest.fixture
def watched(monkeypatch):
    with nothing_left(monkeypatch) as found:
        yield found


@pytest.fixture
def outcomes(monkeypatch):
    """What the workers had in the end."""
    found, take_over = {}, replica._take_over

    def look(job, results, *others):
        found.update(results)
        return take_over(job, results, *others)

    monkeypatch.setattr(replica, "_take_over", look)
    return found


def classifier(**options):
    return MLP([6, 5, 3], seed=1, dtype="float64", **options)


def assert_same(one, two):
    """Parameters, optimizer and record of ``fit`` and of its parallel twin."""
    (network_1, optimizer_1, history_1), (network_2, optimizer_2, history_2) = one, two
    close(network_1.parameters, network_2.parameters)
    state_1, state_2 = optimizer_1.get_state(), optimizer_2.get_state()
    for slot in state_1["slots"]:
        close(state_1["slots"][slot], state_2["slots"][slot])
    for name in state_1["scalars"]:
        close(state_1["scalars"][name], state_2["scalars"][name])
    assert (state_1["t"], state_1["layout"]) == (state_2["t"], state_2["layout"])
    for name in ("step_losses", "train_loss", "val_loss", "val_accuracy", "learning_rate"):
        close(getattr(history_1, name), getattr(history_2, name))
    for name in ("epoch", "step", "seed", "interrupted"):
        assert getattr(history_1, name) == getattr(history_2, name), name
    assert len(history_1.seconds) == len(history_2.seconds)


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=TOLERANCE, atol=TOLERANCE)


def fit_for(steps, optimizer, network, data=DATA, **options):
    """``fit``, ended after so many steps."""
    history = fit(network, optimizer, data, 9, 7, callback=lambda step: step.t == steps, progress=False, **options)
    assert len(history.step_losses) == steps
    return network, optimizer, history


# -- the same as fit -------------------------------------------------------------------------------------------------

CASES = {
    "Nesterov": (lambda: SGD(0.1, momentum=0.9, nesterov=True), {}, {}),
    "Adam, a tree of three, unequal shares": (Adam, {}, {"workers": 3, "all_reduce": "tree", "shares": (3, 1, 2)}),
    "LAMB, clipped tensor by tensor": (lambda: LAMB(0.01, clipnorm=0.5), {}, {"shares": [0.2, 0.8]}),
    "Muon": (lambda: Muon(0.02), {}, {"all_reduce": "tree"}),
    "KFAC sees whole batches": (lambda: KFAC(0.1), {}, {"shares": (1, 2)}),
    "a schedule and an average": (
        lambda: Adam(CosineDecay(0.01, 10), ema_momentum=0.9, convention="keras"),
        {},
        {"workers": 3},
    ),
    "collected and clipped": (
        lambda: SGD(0.5, momentum=0.5, gradient_accumulation_steps=3, global_clipnorm=0.1),
        {"l2": 0.01},
        {"shares": (1, 4)},
    ),
    "batches smaller than the team": (Adam, {"l2": 0.1}, {"workers": 5, "batch_size": 4}),
    "nobody but one": (lambda: SGD(0.1, momentum=0.9), {}, {"workers": 1}),
    "a share too small for any sample": (Adam, {}, {"shares": (1000, 1)}),
}


@pytest.mark.parametrize("optimizer, options, call", CASES.values(), ids=CASES)
def test_equals_fit(optimizer, options, call, watched, outcomes):
    first, twin = (classifier(**options), optimizer()), (classifier(**options), optimizer())
    batch_size = call.get("batch_size", 7)
    history = fit(*first, DATA, 3, batch_size, seed=5, progress=False)
    parallel = data_parallel(*twin, DATA, 3, seed=5, progress=False, **({"batch_size": 7} | call))
    assert_same((*first, history), (*twin, parallel))
    assert parallel.workers == call.get("workers", 2) == len(outcomes)
    assert parallel.updates == [len(history.step_losses)] * parallel.workers
    assert len({outcome.theta.tobytes() for outcome in outcomes.values()}) == 1  # the replicas to the last bit


@pytest.mark.parametrize("dtype, tolerance", [("float64", TOLERANCE), ("float32", 1e-5)])
def test_equals_fit_for_regression(dtype, tolerance, watched):
    """NaN for an accuracy is no divergence."""
    one, two = (MLP([6, 5, 2], "tanh", loss="mse", l2=0.01, dtype=dtype) for _ in range(2))
    history = fit(one, Adam(), REGRESSION, 3, 7, progress=False)
    parallel = data_parallel(two, Adam(), REGRESSION, 3, 7, shares=(2, 1), progress=False)
    np.testing.assert_allclose(one.parameters, two.parameters, atol=tolerance)
    np.testing.assert_allclose(history.val_loss, parallel.val_loss, rtol=tolerance)
    assert len(parallel.val_accuracy) == 3 and np.isnan(parallel.val_accuracy).all()


@pytest.mark.parametrize("shares, plain_is_right", [((1, 1), True), ((3, 1), False), ((1, 2, 5), False)])
def test_the_plain_mean_of_shards_is_another_gradient(shares, plain_is_right):
    """What fails here with unequal shards is what several libraries shipped."""
    network, shares = classifier(), np.array(shares) / np.sum(shares)
    x, y = network.check_data(X[:40], LABELS[:40])
    shards = [shard(np.arange(40), shares, rank) for rank in range(len(shares))]
    gradients = [network.loss_and_gradient(x[mine], y[mine])[1] for mine in shards]
    whole = network.loss_and_gradient(x, y)[1]
    weighted = sum(len(mine) / 40 * gradient for mine, gradient in zip(shards, gradients, strict=True))
    close(weighted, whole)
    assert (np.abs(np.mean(gradients, axis=0) - whole).max() < TOLERANCE) == plain_is_right


@pytest.mark.parametrize("n", range(1, 12))
def test_every_sample_is_in_one_shard(n):
    for shares in ([1.0], [0.5, 0.5], [0.01, 0.9, 0.09], [0.2] * 5):
        shards = [shard(np.arange(n), np.array(shares), rank) for rank in range(len(shares))]
        assert np.concatenate(shards).tolist() == list(range(n))
        assert all(abs(len(mine) - share * n) <= 1 for mine, share in zip(shards, shares, strict=True))


# -- bytes -----------------------------------------------------------------------------------------------------------


def test_bytes_are_those_of_the_messages(watched):
    """One message a step: the gradient's 53 numbers and the loss; the ring's pieces are 18 each."""
    assert classifier().n_parameters == 53
    ring = data_parallel(classifier(), Adam(), DATA, 2, 7, workers=3, progress=False)
    assert ring.bytes_sent == [10 * 8 * 2 * 2 * 18] * 3  # steps, bytes, rounds, P − 1 pieces
    tree = data_parallel(classifier(), Adam(), DATA, 2, 7, workers=3, all_reduce="tree", progress=False)
    assert tree.bytes_sent == [10 * 8 * 54 * sends for sends in (2, 1, 1)]
    assert data_parallel(classifier(), Adam(), DATA, 2, 7, workers=1, progress=False).bytes_sent == [0]


def test_compressed_gradients_in_full_are_the_gradients(watched):
    """Of what is compressed only the interplay is tested here: shares, messages, layouts."""
    one, two, three = classifier(), classifier(), classifier()
    fit(one, SGD(0.1), DATA, 2, 7, progress=False)
    options = {"shares": (1, 3), "progress": False}
    data_parallel(two, SGD(0.1), DATA, 2, 7, compression=TopK(share=1.0), **options)
    close(one.parameters, two.parameters)
    plain = 10 * 8 * 54
    low_rank = data_parallel(three, SGD(0.1), DATA, 2, 7, compression=PowerSGD(1, error_feedback=True), **options)
    assert low_rank.train_loss[1] < low_rank.train_loss[0]
    assert all(0 < sent < plain for sent in low_rank.bytes_sent)


# -- going on, stopping, dying ---------------------------------------------------------------------------------------


def test_goes_on_where_it_was(watched):
    first = classifier(), Adam()
    whole = fit(*first, DATA, 4, 7, progress=False)
    network, optimizer = classifier(), Adam()
    history = data_parallel(network, optimizer, DATA, 2, 7, progress=False)
    assert data_parallel(network, optimizer, DATA, 4, 7, history=history, all_reduce="tree", progress=False) is history
    assert_same((*first, whole), (network, optimizer, history))
    assert history.bytes_sent[0] > 2 * history.bytes_sent[1] // 3 > 0
    before, n_teams = network.parameters.copy(), len(watched.teams)
    data_parallel(network, optimizer, DATA, 4, 7, history=history, progress=False)  # nothing is left to do
    assert len(watched.teams) == n_teams and (network.parameters == before).all()


def test_an_interrupt_ends_after_a_step_and_the_rest_is_the_same(watched):
    network, optimizer = classifier(), Slow(0.1, momentum=0.9)
    when(lambda: watched.teams and watched.teams[0].progress[0] >= 6, _thread.interrupt_main)
    history = data_parallel(network, optimizer, DATA, 9, 7, workers=3, progress=False)
    steps = len(history.step_losses)
    assert history.interrupted and 6 <= steps < 45
    reference = fit_for(steps, SGD(0.1, momentum=0.9), classifier())
    assert_same(reference, (network, optimizer, history))
    data_parallel(network, optimizer, DATA, 9, 7, workers=3, history=history, progress=False)
    first = classifier(), SGD(0.1, momentum=0.9)
    assert_same((*first, fit(*first, DATA, 9, 7, progress=False)), (network, optimizer, history))


def test_a_second_interrupt_leaves_everything_as_before_the_call(watched):
    network, optimizer = classifier(), Slow(0.1)
    before = network.parameters.copy()

    def freeze_and_interrupt():
        for process in watched.teams[0].processes:  # they will not hear of the first
            psutil.Process(process.pid).suspend()
        _thread.interrupt_main()
        when(lambda: watched.teams[0]._stop[0], _thread.interrupt_main)

    when(lambda: watched.teams and watched.teams[0].progress[0] >= 2, freeze_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        data_parallel(network, optimizer, DATA, 9, 7, progress=False)
    assert (network.parameters == before).all() and optimizer.t == 0


@pytest.mark.parametrize("all_reduce", ["ring", "tree"])
def test_a_killed_worker_is_named_and_the_training_up_to_there_is_kept(watched, all_reduce):
    """Killed at any moment, from outside; then resumed."""
    network, optimizer = classifier(), Slow(0.1, momentum=0.9)
    pids = []

    def kill():
        pids.append(watched.teams[0].processes[1].pid)
        psutil.Process(pids[0]).kill()

    when(lambda: watched.teams and watched.teams[0].progress[0] >= 6, kill)
    with pytest.raises(WorkerError) as caught:
        data_parallel(network, optimizer, DATA, 9, 7, workers=3, all_reduce=all_reduce, progress=False)
    assert caught.value.rank == 1 and f"worker 1 of 3 (process {pids[0]})" in str(caught.value)
    assert os.name != "posix" or "was killed by signal 9 (SIGKILL)" in str(caught.value)
    history = caught.value.history
    steps = len(history.step_losses)
    assert 6 <= steps < 45 and not history.interrupted
    reference = fit_for(steps, SGD(0.1, momentum=0.9), classifier())
    reference[2].interrupted = False
    assert_same(reference, (network, optimizer, history))
    data_parallel(network, optimizer, DATA, 9, 7, workers=3, history=history, progress=False)
    first = classifier(), SGD(0.1, momentum=0.9)
    assert_same((*first, fit(*first, DATA, 9, 7, progress=False)), (network, optimizer, history))


def test_the_judge_is_killed_in_the_last_step_of_an_epoch(watched):
    """Its step is the others' too, and what it did not judge is judged all the same."""
    network, optimizer = classifier(), DyingFirst(0.1)
    with pytest.raises(WorkerError, match="worker 0 of 2") as caught:
        data_parallel(network, optimizer, DATA, 9, 7, progress=False)
    first = classifier(), SGD(0.1)
    assert_same((*first, fit(*first, DATA, 1, 7, progress=False)), (network, optimizer, caught.value.history))
    assert len(caught.value.history.val_loss) == 1


def test_with_no_worker_left_everything_is_as_before(watched):
    network, optimizer = classifier(), DyingFirst(0.1)
    before = network.parameters.copy()
    with pytest.raises(WorkerError, match="worker 0 of 1") as caught:
        data_parallel(network, optimizer, DATA, 9, 7, workers=1, progress=False)
    history = caught.value.history
    assert (network.parameters == before).all() and optimizer.t == 0
    assert (history.step_losses, history.epoch, history.bytes_sent) == ([], 0, [0])


def test_an_error_in_a_rule_is_told_with_its_place(watched):
    """All fail in the third step; whether one was stopped before it is chance."""
    network, optimizer = classifier(), Failing(0.1)
    with pytest.raises(
        WorkerError, match=r"raised an error:\nTraceback[^$]*leftovers.py[^$]*KeyError: 'the third step'"
    ) as caught:
        data_parallel(network, optimizer, DATA, 9, 7, progress=False)
    steps, reference = len(caught.value.history.step_losses), classifier()
    assert steps in (0, 2) and optimizer.t == steps
    if steps:
        fit_for(steps, SGD(0.1), reference)
    close(network.parameters, reference.parameters)


def test_a_rule_that_sees_batches_remembers_none_whose_step_was_not_taken(watched):
    network, optimizer = classifier(), DyingKFAC(0.1)
    with pytest.raises(WorkerError, match="worker 1 of 2") as caught:
        data_parallel(network, optimizer, DATA, 9, 7, progress=False)
    reference = fit_for(5, KFAC(0.1), classifier())
    reference[2].interrupted = False
    assert_same(reference, (network, optimizer, caught.value.history))


# -- divergence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("what", ["the loss", "the validation loss"])
def test_diverges_as_fit_does(watched, what, workers):
    x, y = REGRESSION[:2]
    data = (x, y, 1e200 * x, y) if what == "the validation loss" else (x, y)
    rate = 1e-3 if what == "the validation loss" else 1e6
    networks, optimizers, errors = [], [], []
    for train, options in ((fit, {}), (data_parallel, {"workers": workers})):
        networks.append(MLP([6, 5, 2], loss="mse", dtype="float64"))
        optimizers.append(SGD(rate, momentum=0.5))
        with pytest.raises(DivergenceError, match=f"training diverged in epoch 1, step .*: {what} is ") as caught:
            train(networks[-1], optimizers[-1], data, 3, 7, progress=False, **options)
        errors.append(caught.value)
    one, two = errors
    assert str(one).split(";")[0] == str(two).split(";")[0]
    assert len(one.history.step_losses) == len(two.history.step_losses) > 0
    assert (one.history.epoch, one.history.step, two.history.val_loss) == (two.history.epoch, two.history.step, [])
    np.testing.assert_allclose(networks[0].parameters, networks[1].parameters, rtol=1e-9)
    assert optimizers[0].t == optimizers[1].t
    assert isinstance(two.history, ParallelHistory)


# -- where it is called ----------------------------------------------------------------------------------------------


HALVED = """
class Halved(SGD):
    def update(self, theta, gradient, *slots):
        theta -= self.learning_rate * gradient / 2
"""


def test_in_a_thread_with_a_rule_that_a_notebook_defined(watched):
    namespace = {"__name__": "__main__", "SGD": SGD}
    exec(HALVED, namespace)
    one, two = classifier(), classifier()
    optimizer = namespace["Halved"](0.2)
    thread = threading.Thread(
        target=data_parallel, args=(one, optimizer, DATA, 2, 7), kwargs={"workers": 2, "progress": False}
    )
    thread.start()
    thread.join()
    fit(two, SGD(0.1), DATA, 2, 7, progress=False)
    close(one.parameters, two.parameters)
    assert optimizer.t == 10


def test_a_generator_is_a_seed_as_in_fit(watched):
    histories = [
        train(classifier(), Adam(), DATA, 1, 7, seed=np.random.default_rng(3), progress=False)
        for train in (fit, data_parallel)
    ]
    assert histories[0].seed == histories[1].seed
    close(histories[0].step_losses, histories[1].step_losses)


# -- bad arguments ---------------------------------------------------------------------------------------------------

GOOD = ParallelHistory(seed=0, batch_size=7, n_samples=33, workers=2, updates=[0, 0], bytes_sent=[0, 0])


@pytest.mark.parametrize(
    "call, error",
    [
        ({"workers": 0}, "workers: got 0; expected an integer >= 1"),
        ({"workers": 2.0}, "workers: got 2.0; expected an integer"),
        ({"all_reduce": "rign"}, r"all_reduce: got 'rign'; expected one of 'ring', 'tree' \(did you mean 'ring'\?\)"),
        ({"shares": (1, 2, 3)}, r"shares: got .*expected shape \(2,\)"),
        ({"shares": (1, 0)}, r"shares: got \[1.0, 0.0\]; expected numbers > 0, one for each of 2 workers"),
        ({"shares": (1, np.nan)}, "shares: got .*NaN"),
        ({"compression": "top-k"}, "compression: got 'top-k'; expected a Compressor"),
        ({"history": 3}, "history: got 3; expected the ParallelHistory"),
        (
            {"history": GOOD, "workers": 3},
            "history: got one of 33 samples in batches of 7 on 2 workers; .* on 3 workers",
        ),
        ({"history": GOOD, "batch_size": 8}, "history: got one of 33 samples in batches of 7 .* in batches of 8"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"world_size": 4}, r"world_size: got 4, but data_parallel has no such argument.*did you mean workers\?"),
    ],
)
def test_bad_arguments_change_nothing(call, error):
    network, optimizer = classifier(), Adam()
    before, history = network.parameters.copy(), copy.deepcopy(GOOD)
    with pytest.raises((TypeError, ValueError), match=error):
        data_parallel(network, optimizer, DATA, **({"epochs": 1, "batch_size": 7, "progress": False} | call))
    assert (network.parameters == before).all() and optimizer.t == 0 and optimizer.layout is None
    assert repr(GOOD) == repr(history)


def test_what_fit_refuses_is_refused():
    with pytest.raises(TypeError, match="optimizer: got 'adam'"):
        data_parallel(classifier(), "adam", DATA)
    with pytest.raises(ValueError, match="x: "):
        data_parallel(classifier(), Adam(), (X[:, :2], LABELS))
    optimizer = Adam()
    fit(classifier(), optimizer, DATA, 1, progress=False)
    with pytest.raises(ValueError, match="optimizer: got one that has taken 2 steps"):
        data_parallel(classifier(), optimizer, DATA)


def test_names_of_all_reduces_are_those_of_the_functions():
    from nnopt_utils.parallel.all_reduce import ALL_REDUCES

    assert {"ring": ring_all_reduce, "tree": tree_all_reduce} == ALL_REDUCES
