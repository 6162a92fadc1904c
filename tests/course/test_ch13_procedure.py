"""The procedure of chapter 13: what its checks return where it can be told in advance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnopt_utils.course.ch13_debugging_training import exercises, procedure
from nnopt_utils.faults import FAULTS, Data, Setup, train
from nnopt_utils.optimizers import SGD


@pytest.mark.parametrize("fault", ["unscaled_inputs", "sum_for_mean", "batches_before_shuffling", "leaked_data"])
@pytest.mark.parametrize("of", ["healthy", "broken"])
def test_the_first_loss_is_that_of_the_runs_first_step(fault, of):
    setup = getattr(FAULTS[fault], of)
    recorded = train(setup.changed(epochs=1), seed=3).history.step_losses[0]
    assert procedure.first_loss(setup, seed=3) == pytest.approx(recorded, rel=1e-5)


def test_the_first_loss_of_a_sum_is_the_batch_times_that_of_the_mean():
    ill, well = (procedure.first_loss(setup, seed=1) for setup in (FAULTS["sum_for_mean"].broken, Setup()))
    assert ill / well == pytest.approx(32, rel=1e-5) and well == pytest.approx(math.log(10), abs=0.7)


class TestOneBatch:
    def test_a_sound_network_learns_it_and_torn_labels_too(self):
        assert procedure.one_batch(Setup(), seed=2) < 0.1
        assert procedure.one_batch(FAULTS["torn_labels"].broken, seed=2) < 0.1

    def test_a_doubled_softmax_stays_above_its_floor(self):
        assert procedure.one_batch(FAULTS["softmax_twice"].broken, seed=2) > math.log(math.e + 9) - 1 - 1e-3

    def test_one_that_diverges_is_infinite(self):
        assert procedure.one_batch(Setup(optimizer=lambda rate, steps: SGD(1e6)), seed=0) == math.inf

    def test_its_first_loss_is_the_networks_on_its_rows(self):
        rows = np.random.default_rng(5).permutation(2000)[:32]
        data, network = procedure.prepared(Setup(), 5), Setup().network(5)
        expected = network.loss(data.x[rows], data.y[rows])
        assert procedure.one_batch(Setup(), seed=5, steps=1) == pytest.approx(expected, rel=1e-5)

    def test_what_is_stored_counts(self):
        assert procedure.one_batch(FAULTS["low_precision"].broken, 0) > procedure.one_batch(
            FAULTS["low_precision"].healthy, 0
        )


def test_a_sweep_has_a_loss_for_each_rate_and_seed_and_none_where_a_run_diverged():
    losses, ratios = procedure.rate_sweep([1e-3, 1e-5, 1e30], seeds=(0, 1), epochs=1)
    assert losses.shape == (3, 2) and ratios.shape == (3,)
    assert np.isnan(losses[2]).all() and np.isfinite(losses[:2]).all()
    assert (losses[0] < losses[1]).all() and 0 < ratios[1] < ratios[0]
    run = train(Setup(learning_rate=1e-5, epochs=1), seed=1)
    assert losses[1, 1] == run.history.val_loss[-1]


def test_two_runs_differ_by_their_largest_difference():
    runs = [train(Setup(epochs=1, learning_rate=rate), seed=0) for rate in (1e-3, 1e-3, 1e-2)]
    assert procedure.changes_with(runs[0], runs[1]) == 0
    first, other = (np.array(runs[k].history.step_losses) for k in (0, 2))
    assert procedure.changes_with(runs[0], runs[2]) == np.max(np.abs(first - other)) > 0


class TestClipping:
    SPIKED = procedure.spiked_setup().changed(epochs=2)

    @pytest.mark.parametrize("percentile", [None, 100])
    def test_without_a_limit_the_run_is_that_of_train_bit_for_bit(self, percentile):
        """The largest norm so far is no limit either."""
        run, as_it_is = procedure.clipped_run(self.SPIKED, 3, percentile), train(self.SPIKED, 3)
        assert run.history.step_losses == as_it_is.history.step_losses
        np.testing.assert_array_equal(run.network.parameters, as_it_is.network.parameters)

    def test_steps_are_as_long_as_the_exercises_function_says(self):
        rate = 0.05
        setup = self.SPIKED.changed(optimizer=lambda _, steps: SGD(rate))
        watch = procedure.clipped_run(setup, 0, percentile=60).watch
        gradients, updates = (
            np.linalg.norm(norms, axis=1).astype(float) for norms in (watch.gradient_norms, watch.update_norms)
        )
        clipped = exercises.clip_at_percentile(gradients, 60)
        assert np.mean(clipped < gradients) > 0.2
        np.testing.assert_allclose(updates, rate * clipped, rtol=1e-3)

    def test_the_bad_rows_come_from_the_second_epoch_on(self):
        first, second = (np.concatenate(procedure.later_batches(100, 32, seed=0, epoch=e)) for e in (1, 2))
        assert sorted(first) == list(range(90)) and sorted(second) == list(range(100))
        assert [len(rows) for rows in procedure.later_batches(100, 32, seed=0, epoch=2)] == [32, 32, 32, 4]

    def test_the_bad_rows_are_the_last_and_the_given_ones_stay(self):
        x = np.random.default_rng(0).random((30, 4)).astype(np.float32)
        data, kept = Data(x, np.zeros(30, int), x[:5], np.zeros(5, int)), x.copy()
        spoilt = procedure.with_bad_tail(data, np.random.default_rng(0))
        np.testing.assert_array_equal(data.x, kept)
        np.testing.assert_array_equal(spoilt.x[:20], kept[:20])
        np.testing.assert_array_equal(spoilt.x[20:], 255 * kept[20:])
        assert spoilt.y is data.y and spoilt.x_val is data.x_val


class TestThreeSources:
    def test_errors_by_data_set_study_and_run(self):
        errors = procedure.three_sources(2)
        assert errors.shape == (2, 2, 2) and ((errors > 2) & (errors < 95)).all()
        assert len(np.unique(errors)) > 4

    def test_no_two_runs_share_a_seed(self, monkeypatch):
        """Where studies share their runs' seeds, their means differ by less than the exercise's model says."""
        asked = []

        def recorded(data, rate, seed):
            asked.append(seed)
            return Setup().network(0), 0.5

        monkeypatch.setattr(procedure, "_trained", recorded)
        procedure.three_sources(3)
        of_studies, of_runs = np.reshape(asked, (9, 6))[:, :3], np.reshape(asked, (9, 6))[:, 3:]
        assert (of_studies == of_studies[:, :1]).all()
        assert len({*of_studies[:, 0].tolist(), *of_runs.ravel().tolist()}) == 9 + 27


def test_slopes_are_written_with_their_part_and_sign():
    assert procedure.slope_table([(1.5, 1.5), (-0.25, 0.25)]) == [
        ("layer 1, weights", "+1.500", "+1.500"),
        ("layer 1, biases", "-0.250", "+0.250"),
    ]
