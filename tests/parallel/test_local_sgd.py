"""Local SGD against a plain loop that does the same in one process; its identities; where it drifts to."""

import _thread
import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from leftovers import Dying, Slow, nothing_left, when

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, ScheduleFreeSGD
from nnopt_utils.parallel import WorkerError, data_parallel, local_sgd, local_sgd_fixed_point
from nnopt_utils.parallel.replica import shard
from nnopt_utils.second_order import KFAC
from nnopt_utils.training import DivergenceError, batches, fit

TOLERANCE = 1e-12
GENERATOR = np.random.default_rng(0)
X, LABELS = GENERATOR.normal(size=(45, 6)), GENERATOR.integers(3, size=45)
DATA = X[:33], LABELS[:33], X[33:], LABELS[33:]  # batches of 7: five an epoch, the last with 5


@pytest.fixture
def watched(monkeypatch):
    with nothing_left(monkeypatch) as found:
        yield found


def classifier(**options):
    return MLP([6, 5, 3], seed=1, dtype="float64", **options)


def close(one, two):
    np.testing.assert_allclose(one, two, rtol=TOLERANCE, atol=TOLERANCE)


def one_process(network, optimizer, epochs, workers, local_steps, outer=None, shares=None, own_data=False, steps=None):
    """Local SGD written out: worker after worker, each with its copies; θ, losses and optimizers at the end."""
    x, y = network.check_data(*DATA[:2])
    shares = np.full(workers, 1 / workers) if shares is None else np.array(shares) / np.sum(shares)
    parts = [set(shard(np.arange(33), shares, rank).tolist()) for rank in range(workers)]
    optimizers = [copy.deepcopy(optimizer) for _ in range(workers)]
    theta, losses, judged = network.parameters.copy(), [], []
    for each in (*optimizers, *([outer] if outer else [])):
        each.layout = network.layout
    for epoch in range(1, epochs + 1):
        order = batches(33, 7, 0, epoch)
        for start in range(0, len(order), local_steps):
            ends, seen, sums = [], [], np.zeros(len(order[start : start + local_steps]))
            for rank in range(workers):
                own, n = theta.copy(), 0
                for k, batch in enumerate(order[start : start + local_steps]):
                    mine = np.array([i for i in batch if i in parts[rank]]) if own_data else shard(batch, shares, rank)
                    if len(mine) == 0:
                        continue
                    loss, gradient = network.loss_and_gradient(x[mine], y[mine], parameters=own)
                    optimizers[rank].step(own, gradient)
                    sums[k] += loss * len(mine) / len(batch)
                    n += len(mine)
                ends.append(own)
                seen.append(n)
            mean = np.average(ends, axis=0, weights=seen)
            if outer is None:
                theta = mean
            else:
                outer.step(theta, theta - mean)
            losses += sums.tolist()
            if len(losses) == steps:
                return theta, losses, judged, optimizers
        judged.append(network.loss(*DATA[2:], parameters=theta))
    return theta, losses, judged, optimizers


CASES = {
    "three steps": (lambda: SGD(0.2), {"local_steps": 3}),
    "momentum stays local": (lambda: SGD(0.1, momentum=0.9), {"local_steps": 2, "workers": 3, "shares": (3, 1, 2)}),
    "Adam, longer than an epoch": (Adam, {"local_steps": 100, "all_reduce": "tree"}),
    "DiLoCo": (lambda: Adam(0.01), {"local_steps": 2, "outer": lambda: SGD(0.7, momentum=0.9, nesterov=True)}),
    "one's own data": (lambda: SGD(0.2, momentum=0.5), {"local_steps": 5, "own_data": True, "shares": (1, 2)}),
    "often without a sample": (
        lambda: Adam(0.01),
        {"local_steps": 2, "own_data": True, "shares": (20, 1, 1), "workers": 3},
    ),
    "alone": (lambda: SGD(0.2, momentum=0.9), {"local_steps": 3, "workers": 1}),
}


@pytest.mark.parametrize("optimizer, call", CASES.values(), ids=CASES)
def test_is_what_a_loop_in_one_process_does(optimizer, call, watched):
    """θ, losses, validation, and every worker's optimizer; where something could get lost, in two calls."""
    options = {"workers": 2} | {name: value for name, value in call.items() if name not in ("outer", "all_reduce")}
    outer = {name: call["outer"]() for name in ("plain", "parallel")} if "outer" in call else {}
    theta, losses, judged, optimizers = one_process(classifier(), optimizer(), 3, outer=outer.get("plain"), **options)
    network, inner = classifier(), optimizer()
    given = options | {"outer": outer.get("parallel"), "all_reduce": call.get("all_reduce", "ring"), "progress": False}
    history = None
    if outer or "shares" in call:
        history = local_sgd(network, inner, DATA, 2, 7, **given)
    history = local_sgd(network, inner, DATA, 3, 7, history=history, **given)
    close(network.parameters, theta)
    close(history.step_losses, losses)
    close(history.val_loss, judged)
    for state, own in zip(history.optimizer_states, optimizers, strict=True):
        expected = own.get_state()
        assert state["t"] == expected["t"]
        for slot, values in expected["slots"].items():
            close(state["slots"][slot], values)
    assert inner.get_state()["t"] == optimizers[0].t
    if outer:
        assert outer["parallel"].t == outer["plain"].t == 9
        close(outer["parallel"].state["velocity"], outer["plain"].state["velocity"])


@pytest.mark.parametrize("own_data", [False, True])
def test_one_step_of_gradient_descent_is_fits(watched, own_data):
    """Also with data of one's own: the batches are the same."""
    one, two = classifier(l2=0.01), classifier(l2=0.01)
    history = fit(one, SGD(0.2), DATA, 3, 7, progress=False)
    local = local_sgd(
        two, SGD(0.2), DATA, 3, 7, workers=3, local_steps=1, shares=(1, 3, 1), own_data=own_data, progress=False
    )
    close(one.parameters, two.parameters)
    for name in ("step_losses", "train_loss", "val_loss", "val_accuracy"):
        close(getattr(history, name), getattr(local, name))


def test_an_outer_step_of_one_is_the_mean_and_more_steps_are_another_algorithm(watched):
    networks = [classifier() for _ in range(3)]
    calls = [{"outer": SGD(1.0), "local_steps": 4}, {"local_steps": 4}, {"local_steps": 1}]
    for network, call in zip(networks, calls, strict=True):
        local_sgd(network, SGD(0.2), DATA, 2, 7, progress=False, **call)
    close(networks[0].parameters, networks[1].parameters)
    assert np.abs(networks[1].parameters - networks[2].parameters).max() > 1e-4


def test_bytes_are_an_hth(watched):
    """Ten steps of 53 numbers, and a loss for each step."""
    assert classifier().n_parameters == 53
    every = data_parallel(classifier(), SGD(0.1), DATA, 2, 7, progress=False).bytes_sent
    assert every == [10 * 8 * 54] * 2
    fifth = local_sgd(classifier(), SGD(0.1), DATA, 2, 7, local_steps=5, progress=False).bytes_sent
    assert fifth == [2 * 8 * (53 + 5)] * 2
    first, second = local_sgd(classifier(), SGD(0.1), DATA, 2, 7, local_steps=4, progress=False).bytes_sent
    assert first + second == 2 * 2 * 8 * ((53 + 4) + (53 + 1))  # two rounds an epoch, one of four steps and one of one


# -- stopping, dying, diverging --------------------------------------------------------------------------------------


def test_an_interrupt_ends_at_the_last_average_and_the_rest_is_the_same(watched):
    make = {"workers": 2, "local_steps": 2}
    network, inner, outer = classifier(), Slow(0.1, momentum=0.9), SGD(0.7, momentum=0.9, nesterov=True)
    when(lambda: watched.teams and watched.teams[0].progress[0] >= 6, _thread.interrupt_main)
    history = local_sgd(network, inner, DATA, 8, 7, outer=outer, progress=False, **make)
    steps = len(history.step_losses)
    assert history.interrupted and 0 < steps < 40 and history.step in (0, 2, 4)
    reference = SGD(0.7, momentum=0.9, nesterov=True)
    theta, losses, judged, _ = one_process(
        classifier(), SGD(0.1, momentum=0.9), 8, outer=reference, steps=steps, **make
    )
    close(network.parameters, theta)
    close(history.step_losses, losses)
    local_sgd(network, inner, DATA, 8, 7, outer=outer, history=history, progress=False, **make)
    reference = SGD(0.7, momentum=0.9, nesterov=True)
    theta, losses, judged, optimizers = one_process(classifier(), SGD(0.1, momentum=0.9), 8, outer=reference, **make)
    close(network.parameters, theta)
    close(history.step_losses, losses)
    close(history.val_loss, judged)
    close(history.optimizer_states[1]["slots"]["velocity"], optimizers[1].state["velocity"])


def test_a_killed_worker(watched):
    """In its fifth step, the first of the third round: two rounds are whole."""
    network, inner = classifier(), Dying(0.1, momentum=0.9)
    with pytest.raises(WorkerError, match="worker 1 of 3") as caught:
        local_sgd(network, inner, DATA, 8, 7, workers=3, local_steps=2, progress=False)
    history = caught.value.history
    theta, losses, _, optimizers = one_process(classifier(), SGD(0.1, momentum=0.9), 8, 3, 2, steps=4)
    close(network.parameters, theta)
    close(history.step_losses, losses)
    assert (inner.t, history.step) == (4, 4)
    for rank, of in ((0, 0), (1, 0), (2, 2)):  # the killed worker's state went with it
        close(history.optimizer_states[rank]["slots"]["velocity"], optimizers[of].state["velocity"])


@pytest.mark.parametrize("rate, outer", [(1e7, None), (0.01, SGD(1e300, momentum=0.5))])
def test_diverges_at_an_average(watched, rate, outer):
    x, y = X[:33], X[:33, :2] ** 2
    network, inner = MLP([6, 5, 2], loss="mse", dtype="float64"), SGD(rate)
    with pytest.raises(
        DivergenceError, match=r"diverged in epoch 1, step [1-5]: the mean loss of the workers is"
    ) as caught:
        local_sgd(network, inner, (x, y), 3, 7, local_steps=2, outer=outer, progress=False)
    history = caught.value.history
    assert len(history.step_losses) in (2, 4) and np.isfinite(history.step_losses).all()
    assert inner.t == len(history.step_losses)


# -- bad arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error",
    [
        ({"local_steps": 0}, "local_steps: got 0; expected an integer >= 1"),
        ({"outer": "sgd"}, "outer: got 'sgd'; expected another Optimizer"),
        ({"outer": KFAC(0.1)}, "outer: got KFAC, which looks at batches"),
        ({"own_data": 1}, "own_data: got 1; expected True or False"),
        ({"H": 4}, r"H: got 4, but local_sgd has no such argument.*did you mean local_steps\?"),
        ({"shares": (1, -1)}, "shares: got"),
        ({"all_reduce": "star"}, "all_reduce: got 'star'"),
        ({"history": 3}, "history: got 3"),
    ],
)
def test_bad_arguments_change_nothing(call, error):
    network, optimizer = classifier(), Adam()
    before = network.parameters.copy()
    with pytest.raises((TypeError, ValueError), match=error):
        local_sgd(network, optimizer, DATA, **({"epochs": 1, "batch_size": 7, "progress": False} | call))
    assert (network.parameters == before).all() and optimizer.t == 0 and optimizer.layout is None


@pytest.mark.parametrize("optimizer", [Adam(ema_momentum=0.9), ScheduleFreeSGD()])
def test_what_judges_another_point_is_refused(optimizer):
    with pytest.raises(ValueError, match=r"optimizer: got .*, which judges an average of its own θ"):
        local_sgd(classifier(), optimizer, DATA)


def test_one_optimizer_for_both_is_refused_and_one_that_stepped_elsewhere():
    optimizer, used = SGD(0.1), SGD(0.1)
    with pytest.raises(TypeError, match="outer: got the optimizer of the local steps"):
        local_sgd(classifier(), optimizer, DATA, outer=optimizer)
    used.step(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="got one that has taken 1 steps"):
        local_sgd(classifier(), optimizer, DATA, outer=used)


# -- where it drifts to ----------------------------------------------------------------------------------------------


@given(
    minima=st.lists(st.floats(-5, 5), min_size=2, max_size=4),
    seed=st.integers(0, 1000),
    local_steps=st.integers(1, 40),
)
def test_the_fixed_point_is_where_rounds_lead(minima, seed, local_steps):
    curvatures = np.random.default_rng(seed).uniform(0.3, 5.0, len(minima))
    b, eta, theta = np.array(minima), 0.3, 7.0
    for _ in range(600):
        own = np.full(len(b), theta)
        for _ in range(local_steps):
            own -= eta * curvatures * (own - b)
        theta = own.mean()
    assert abs(theta - local_sgd_fixed_point(minima, curvatures, eta, local_steps)) < 1e-12


def test_the_fixed_points_ends():
    """One step: the minimum of the mean loss. Many: the mean of the minima. Between, not on the way for three."""
    b, lam = [-1.0, 1.0, 4.0], [4.0, 1.0, 2.0]
    assert abs(local_sgd_fixed_point(b, lam, 0.1, 1) - np.dot(lam, b) / np.sum(lam)) < 1e-15
    assert abs(local_sgd_fixed_point(b, lam, 0.1, 10_000) - np.mean(b)) < 1e-15
    assert abs(local_sgd_fixed_point(b, lam, 1e-6, 50) - np.dot(lam, b) / np.sum(lam)) < 1e-3  # tiny steps: no drift
    assert abs(local_sgd_fixed_point(b, [2.0] * 3, 0.1, 50) - np.mean(b)) < 1e-15  # alike: none either


def test_the_fixed_point_axis_by_axis():
    b, lam = np.array([[-1.0, 2.0], [1.0, 5.0]]), np.array([[4.0, 1.0], [1.0, 3.0]])
    both = local_sgd_fixed_point(b, lam, 0.1, 7)
    assert both.tolist() == [local_sgd_fixed_point(b[:, k], lam[:, k], 0.1, 7) for k in range(2)]


@pytest.mark.parametrize(
    "arguments, error",
    [
        (([0.0, 1.0], [1.0], 0.1, 2), r"curvatures: got .*expected shape \(2,\)"),
        (([0.0, 1.0], [1.0, 0.0], 0.1, 2), "curvatures: got values from 0 to 1; expected numbers > 0"),
        (([0.0, 1.0], [1.0, 20.0], 0.1, 2), "for learning_rate 0.1, < 20"),
        (([0.0], [1.0], -0.1, 2), "learning_rate: got -0.1"),
        (([0.0], [1.0], 0.1, 0), "local_steps: got 0"),
        ((np.zeros((1, 1, 1)), np.ones((1, 1, 1)), 0.1, 1), "minima: got"),
    ],
)
def test_bad_arguments_of_the_fixed_point(arguments, error):
    with pytest.raises(ValueError, match=error):
        local_sgd_fixed_point(*arguments)


def test_workers_with_data_of_their_own_end_where_the_weights_say(watched):
    """Processes, not formulas: a line through three points that lie on none, each the data of one worker.

    Along z = (x, 1) worker r's loss is a parabola of curvature ‖z‖², across it is flat.
    """
    x, y, eta = np.array([2.0, 1.0, -0.5]), np.array([0.0, 3.0, 1.0]), 0.15
    z = np.stack([x, np.ones(3)], axis=1)
    curvatures = (z**2).sum(axis=1)
    ends = {}
    for H in (1, 4):
        # An epoch is one round, in which each worker sees its point 40 times, never not at all in a step.
        data = np.repeat(x, 40)[:, None], np.repeat(y, 40)[:, None]
        network = MLP([1, 1], loss="half_mse", dtype="float64")
        call = {"epochs": 640 // H, "batch_size": 120 // H, "local_steps": H, "workers": 3, "own_data": True}
        local_sgd(network, SGD(eta), data, progress=False, **call)
        weights = (1 - (1 - eta * curvatures) ** H) / curvatures
        expected = np.linalg.solve((weights * z.T) @ z, (weights * z.T) @ y)
        close(network.parameters, expected)
        ends[H] = expected
    close(ends[1], np.linalg.lstsq(z, y, rcond=None)[0])
    assert np.abs(ends[4] - ends[1]).max() > 0.1
