"""What runs leave behind."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.history import History, Trajectory


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_steps_per_epoch_counts_the_last_small_batch(n_samples, batch_size):
    history = History(seed=0, batch_size=batch_size, n_samples=n_samples)
    steps = history.steps_per_epoch
    assert (steps - 1) * batch_size < n_samples <= steps * batch_size
    assert steps == len(range(0, n_samples, batch_size))


def test_a_new_history_is_empty_and_its_lists_are_its_own():
    first, second = (History(seed=0, batch_size=4, n_samples=10) for _ in range(2))
    first.train_loss.append(1.0)
    first.step_losses.append(1.0)
    assert second.train_loss == second.step_losses == second.val_loss == second.seconds == []
    assert (second.epoch, second.step, second.interrupted) == (0, 0, False)


def test_repr():
    history = History(seed=0, batch_size=4, n_samples=10)
    assert repr(history) == "History(0 epochs, 0 steps)"
    history.step_losses += [2.0, 1.0, 0.5, 0.4]
    history.epoch, history.step = 1, 1
    history.train_loss.append(1.25)
    assert repr(history) == "History(1 epochs, 4 steps, train loss 1.2500)"
    history.val_loss.append(0.75)
    history.val_accuracy.append(0.5)
    history.interrupted = True
    assert repr(history) == (
        "History(1 epochs, 4 steps, train loss 1.2500, validation loss 0.7500, accuracy 0.5000, interrupted)"
    )


def make_trajectory(diverged=False):
    return Trajectory(np.zeros((3, 2)), np.array([2.0, 1.0, 0.25]), np.ones(3), diverged, "SGD(learning_rate=0.1)")


def test_trajectory():
    trajectory = make_trajectory()
    assert trajectory.steps == 2
    assert repr(trajectory) == "Trajectory(2 steps, J = 0.25; SGD(learning_rate=0.1))"
    assert repr(make_trajectory(diverged=True)) == "Trajectory(2 steps, diverged; SGD(learning_rate=0.1))"
    with pytest.raises(dataclasses.FrozenInstanceError):
        trajectory.diverged = True
