"""Chapter 08: its explorer's figure, and the measured tables that are part of the course."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.ch08_adaptive_learning_rates import measured
from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import paired, rank_correlation, seeds_needed
from nnopt_utils.course.ch08_adaptive_learning_rates.figures import POLYNOMIALS, newton_schulz_map, polynomial
from nnopt_utils.course.ch08_adaptive_learning_rates.words import language
from nnopt_utils.experiments import Results, Task
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import ScheduleFreeAdamW, newton_schulz
from nnopt_utils.training import fit

TABLES = sorted(
    ["08_defaults.jsonl"]
    + [f"08_{name}_{part}.jsonl" for name in measured.TASKS for part in ("constant", "schedule", "tuned", "fresh")]
)


class TestExplorer:
    @pytest.mark.parametrize("steps", [0, 1, 10])
    @pytest.mark.parametrize("smallest", [1e-3, 1.0])
    @pytest.mark.parametrize("coefficients", POLYNOMIALS)
    def test_draws_at_the_ends_of_its_sliders(self, steps: int, smallest: float, coefficients: str) -> None:
        figure = newton_schulz_map(steps, smallest, coefficients)
        assert isinstance(figure, Figure)
        figure.canvas.draw()

    def test_polynomial_is_what_newton_schulz_does_to_singular_values(self) -> None:
        generator = np.random.default_rng(0)
        U, _ = np.linalg.qr(generator.normal(size=(6, 6)))
        sigma = np.array([0.9, 0.3, 0.2, 0.1, 0.05, 0.01])
        sigma /= np.linalg.norm(sigma)
        after = np.diag(U.T @ newton_schulz((U * sigma) @ U.T) @ U)
        np.testing.assert_allclose(after, polynomial(sigma), rtol=1e-5)

    def test_zero_steps_change_nothing(self) -> None:
        left, _ = newton_schulz_map(0).axes
        before, after = left.lines[0].get_ydata(), left.lines[1].get_ydata()
        np.testing.assert_array_equal(before, after)

    def test_title_tells_the_range(self) -> None:
        assert newton_schulz_map(5, 0.01, "Muon").axes[1].get_title() == "Muon: from 0.68 to 1.13"

    def test_the_others_converge_to_one(self) -> None:
        for name in ("cubic, converges", "quintic, converges"):
            np.testing.assert_allclose(polynomial(np.array([0.01, 0.5, 1.0]), name, 30), 1.0, atol=1e-9)


def all_results() -> list[Results]:
    """Every search of the chapter; what is not in the tables would be trained here."""
    searched = [measured.optimizers(name, scheduled) for name in measured.TASKS for scheduled in (False, True)]
    chosen = [step(name) for name in measured.TASKS for step in (measured.tuned, measured.fresh)]
    return [*searched, *chosen, measured.defaults()]


class TestTables:
    def test_complete(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is missing, so that the chapter trains none of these runs, and none has failed."""
        monkeypatch.setattr(Task, "run", lambda *arguments: pytest.fail("a run is not in the tables"))
        for results in all_results():
            assert results.missing == 0
            assert all(row["status"] in ("finished", "diverged") for row in results.rows)

    @pytest.mark.parametrize("name", TABLES)
    def test_one_line_a_run_and_no_path_of_a_machine(self, name: str) -> None:
        text = (measured.FOLDER / name).read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()][1:]
        keys = [(row["label"], json.dumps(row["setting"]), row["seed"]) for row in rows]
        assert len(set(keys)) == len(keys)
        assert "/home" not in text and "/work" not in text

    def test_small(self) -> None:
        assert sum((measured.FOLDER / name).stat().st_size for name in TABLES) < 3_000_000

    def test_no_other_tables(self) -> None:
        assert sorted(path.name for path in measured.FOLDER.glob("08_*")) == TABLES

    def test_fresh_seeds_had_no_part_in_a_choice(self) -> None:
        assert not set(measured.FRESH) & set(measured.SEEDS) and len(measured.FRESH) == 20

    def test_test_data_are_not_those_of_the_choice(self) -> None:
        for name in measured.TASKS:
            chosen, judged = measured.task_of(name), measured.fresh(name).task
            np.testing.assert_array_equal(judged.arrays[0], chosen.arrays[0])
            assert judged.arrays[2].shape != chosen.arrays[2].shape


class TestKerasDefaults:
    def test_all_that_keras_has(self) -> None:
        optimizers = pytest.importorskip("keras").optimizers
        helpers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
        theirs = {name for name in dir(optimizers) if name[0].isupper()} - helpers
        assert {label.lower() for label in measured.defaults_spaces()} == {name.lower() for name in theirs}

    def test_only_lamb_has_no_name(self) -> None:
        optimizers = pytest.importorskip("keras").optimizers
        nameless = []
        for label in measured.defaults_spaces():
            try:
                optimizers.get(label.lower())
            except ValueError:
                nameless.append(label)
        assert nameless == ["LAMB"]

    def test_keras_judges_schedule_free_where_gradients_are_taken(self) -> None:
        """Keras has no step to the average, so `fit` validates at θ in its convention."""
        network, optimizer = MLP([3, 2], seed=0), ScheduleFreeAdamW(convention="keras")
        data = np.eye(3, dtype=np.float32), np.array([0, 1, 0])
        history = fit(network, optimizer, (*data, *data), epochs=3, progress=False)
        assert history.val_loss[-1] == pytest.approx(network.evaluate(*data).loss)


class TestWords:
    def test_always_the_same(self) -> None:
        spoken = language()
        again = language.__wrapped__()
        np.testing.assert_array_equal(spoken.data.y_train, again.data.y_train)

    def test_rows_are_probabilities_and_the_text_follows_them(self) -> None:
        spoken = language()
        np.testing.assert_allclose(spoken.chances.sum(axis=1), 1.0)
        before, after = spoken.data.x_train.argmax(axis=1), spoken.data.y_train
        np.testing.assert_array_equal(before[1:], after[:-1])
        counted = np.mean(before == 0)
        assert counted == pytest.approx(spoken.frequencies[0], abs=0.01)

    def test_entropy_is_the_loss_of_the_true_chances(self) -> None:
        spoken = language()
        before, after = spoken.data.x_train.argmax(axis=1), spoken.data.y_train
        loss = -np.log(spoken.chances[before, after]).mean()
        assert loss == pytest.approx(spoken.entropy, abs=0.02)

    def test_frequencies_are_stationary(self) -> None:
        spoken = language()
        np.testing.assert_allclose(spoken.frequencies @ spoken.chances, spoken.frequencies, rtol=1e-9)


class TestEvidence:
    def test_interval_holds_the_truth_in_95_of_100(self) -> None:
        draws = np.random.default_rng(0).normal(0.3, 1.0, size=(4000, 20))
        held = [abs(difference.mean - 0.3) <= difference.half for difference in (paired(row, 0 * row) for row in draws)]
        assert np.mean(held) == pytest.approx(0.95, abs=0.01)

    def test_other_numbers_of_seeds_are_refused(self) -> None:
        with pytest.raises(ValueError, match="got 3 pairs; expected 20"):
            paired(np.zeros(3), np.zeros(3))

    def test_seeds_needed_show_the_difference_in_four_of_five(self) -> None:
        n = seeds_needed(1.0, 0.5)
        draws = np.random.default_rng(1).normal(0.5, 1.0, size=(4000, n))
        seen = draws.mean(axis=1) > 1.96 / np.sqrt(n)
        assert np.mean(seen) == pytest.approx(0.8, abs=0.02)

    def test_rank_correlation_of_ties_and_opposites(self) -> None:
        assert rank_correlation({"a": 1.0, "b": 1.0, "c": 2.0}, {"a": 5.0, "b": 5.0, "c": 9.0}) == 1.0
        assert rank_correlation({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}) == -1.0
