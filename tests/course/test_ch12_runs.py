"""The runs of chapter 12: what they return where it can be told in advance."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch08_adaptive_learning_rates import measured
from nnopt_utils.course.ch12_questions_and_answers import runs
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP

SCHEDULED, FRESH = runs.of_chapter_08()


@pytest.mark.parametrize("name", ["digits", "words"])
def test_at_its_best_rate_no_optimizer_loses_anything_and_elsewhere_none_gains(name: str):
    lost = runs.lost_by_rate(SCHEDULED[name])
    assert len(lost[0]) == 20 and (lost[0] == 0).all()
    assert all((values >= 0).all() for values in lost.values())
    assert sum(map(len, lost.values())) == 20 * 9
    spread = runs.lost_by_optimizer(SCHEDULED[name])
    assert len(spread) == 20 and spread[0] == 0 and (np.diff(spread) >= 0).all()


def test_points_are_hundredths_of_the_accuracy():
    curve = SCHEDULED["digits"].rate_curve("SGD").median
    by_hand = 100 * (curve.max() - curve[curve.argmax() - 1])
    assert np.isclose(runs.lost_by_rate(SCHEDULED["digits"])[-1], by_hand).any()


def test_a_smaller_difference_takes_more_seeds_and_is_told_wrongly_more_often():
    rows = runs.seeds_for(FRESH["digits"], (1.0, 0.5, 0.25))
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert runs.chance_of_the_opposite(1.0, 0.0) == 0.5


@pytest.mark.parametrize("name", ["digits", "words"])
def test_what_the_schedule_gains_is_what_the_searches_find(name: str):
    constant, scheduled = measured.optimizers(name, scheduled=False), SCHEDULED[name]
    gained = runs.gained_by_schedule(name)
    assert list(gained) == scheduled.labels
    for label in scheduled.labels:
        better = (scheduled.best(label).median - constant.best(label).median) * (100 if name == "digits" else -1)
        assert gained[label] == pytest.approx(better)


def test_the_best_epoch_is_never_below_the_last():
    gains = runs.best_epoch_gains(FRESH["digits"], ["constant: SGD", "schedule: AdamW"])
    assert all(len(values) == 20 and (values >= 0).all() for values in gains.values())


def test_bfloat16_rounds_to_the_nearest_and_ties_to_even():
    below, above = 1 - 2.0**-8, 1 + 2.0**-7
    values = np.array([below, 1 - 2.0**-9, 1 - 2.0**-9 - 2.0**-20, 1 + 2.0**-8, above + 2.0**-8, -1.005], np.float32)
    assert runs.bfloat16(values).tolist() == [below, 1.0, below, 1.0, 1 + 2.0**-6, -above]


def test_bfloat16_keeps_what_it_has():
    kept = runs.bfloat16(np.random.default_rng(0).normal(size=1000).astype(np.float32))
    assert np.array_equal(runs.bfloat16(kept), kept)
    assert (kept.view(np.uint32) & 0xFFFF == 0).all()


def test_a_checkpoint_with_the_state_goes_on_exactly():
    before, (on, with_state, without) = runs.resumed(load_mnist(), before=5, after=3)
    assert np.array_equal(on.theta, with_state.theta) and not np.array_equal(on.theta, without.theta)
    assert len(on.losses) == 3 and before > 0


def test_scaled_outputs_keep_the_answers():
    network, data = MLP(runs.SIZES, seed=0), load_mnist()
    x, y = data.x_val[:200], data.y_val[:200]
    losses, right = runs.scaled_outputs(network, x, y, [1.0, 3.0])
    at_one = network.evaluate(x, y)
    assert losses[0] == pytest.approx(at_one.loss, rel=1e-5) and right.tolist() == [at_one.accuracy] * 2
    assert losses[1] != losses[0]
