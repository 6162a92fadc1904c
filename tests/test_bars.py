"""Bars in a terminal; what a notebook is sent is tested in ``tests/kernel/``."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nnopt_utils import _bars
from nnopt_utils._bars import progress_bar, without_bars
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import DivergenceError, fit

X = np.linspace(-1.0, 1.0, 40)[:, None]
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def bars_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every update is drawn."""
    monkeypatch.setattr(_bars, "DELAY", 1e-9)  # with no delay at all tqdm draws the empty bar, too
    monkeypatch.setattr(_bars, "INTERVAL", 0.0)


def drawn(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that a terminal showed one after the other; the last is what stays."""
    printed = capsys.readouterr()
    assert printed.out == "" and "\n" not in printed.err
    return [line.rstrip() for line in printed.err.split("\r")[1:]]


def count(steps: int, seconds: float = 0.0, **options: bool) -> None:
    with progress_bar(lambda: "counting", steps, **options) as bar:
        for _ in range(steps):
            bar.update()
            time.sleep(seconds)


# -- one bar ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_says_what_is_done_and_leaves_nothing(capsys):
    count(4)
    lines = drawn(capsys)
    assert [line.split("|")[0] for line in lines[:4]] == [f"counting: {p:3d}%" for p in (25, 50, 75, 100)]
    assert all(line.endswith("left") for line in lines[:4]) and set(lines[4:]) == {""}


@pytest.mark.usefixtures("at_once")
def test_what_was_done_before_counts(capsys):
    with progress_bar(lambda: "going on", total=4, done=2) as bar:
        bar.update()
    assert drawn(capsys)[0].startswith("going on:  75%")


def test_what_is_soon_over_shows_nothing(capsys):
    count(100)
    assert drawn(capsys) == []


def test_it_is_drawn_a_few_times_a_second(capsys):
    begun = time.perf_counter()
    count(1000, 0.001)
    lines = [line for line in drawn(capsys) if line]
    assert 1 <= len(lines) <= 1 + (time.perf_counter() - begun - _bars.DELAY) / _bars.INTERVAL


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_it_can_be_switched_off(capsys, monkeypatch, way):
    if way == "environment":
        monkeypatch.setenv("TQDM_DISABLE", "1")
    count(4, shown=way != "argument")
    assert drawn(capsys) == []


@pytest.mark.usefixtures("at_once")
def test_an_error_takes_it_away_and_makes_room_for_the_next(capsys):
    with pytest.raises(ZeroDivisionError), progress_bar(lambda: "broken", 2) as bar:
        bar.update()
        raise ZeroDivisionError
    lines = drawn(capsys)
    assert lines[0].startswith("broken") and lines[-1] == ""
    count(1)
    assert drawn(capsys)[0].startswith("counting")


# -- several ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_within_another_is_not_shown(capsys, shown):
    with progress_bar(lambda: "outer", 2, shown=shown) as bar:
        count(3)
        bar.update()
        count(3)
    assert {line.split(":")[0] for line in drawn(capsys)} == ({"outer", ""} if shown else set())


@pytest.mark.usefixtures("at_once")
def test_nor_is_one_in_a_thread_beside_it(capsys):
    with without_bars():
        thread = threading.Thread(target=count, args=(3,))
        thread.start()
        thread.join()
    assert drawn(capsys) == []


# -- of fit ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_fit_says_epoch_and_loss(capsys):
    history = fit(MLP([1, 2], seed=0), SGD(0.1), (X, Y), epochs=2, batch_size=10)
    lines = drawn(capsys)
    assert [line[:14] for line in lines[:8]] == ["epoch 1 of 2, "] * 4 + ["epoch 2 of 2, "] * 4
    assert f"loss {history.step_losses[0]:.4g}:  12%|" in lines[0]
    assert f"loss {np.mean(history.step_losses[4:7]):.4g}:  88%|" in lines[6]
    fit(MLP([1, 2], seed=0), SGD(0.1), (X, Y), epochs=3, batch_size=10, history=history)
    assert "epoch 3 of 3" in (line := drawn(capsys)[0]) and " 75%|" in line


@pytest.mark.usefixtures("at_once")
def test_a_run_that_stops_early_leaves_nothing(capsys):
    fit(MLP([1, 2], seed=0), SGD(0.1), (X, Y), epochs=5, callback=lambda step: step.t == 3)
    assert drawn(capsys)[-1] == ""
    network = MLP([1, 8, 1], activation="relu", loss="mse", seed=0)
    with pytest.raises(DivergenceError):
        fit(network, SGD(1e9), (1e3 * X, 1.0 * Y), epochs=50)
    lines = drawn(capsys)
    assert len(lines) > 1 and lines[-1] == ""
