"""Chapter 12: what studies over a few seeds say, by formulas and simulated, and the explorer that shows it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import seeds_needed
from nnopt_utils.course.ch12_questions_and_answers import figures
from nnopt_utils.course.ch12_questions_and_answers.studies import (
    STUDIES,
    by_the_normal_law,
    simulated,
    student,
    studies,
)
from nnopt_utils.optimizers import Adam


@pytest.mark.parametrize("seeds", [2, 3, 5, 20, 100])
def test_students_factor_is_that_of_scipy(seeds: int) -> None:
    assert student(seeds) == pytest.approx(stats.t.ppf(0.975, seeds - 1), rel=1e-5)
    assert student(seeds, level=0.2) == pytest.approx(stats.t.ppf(0.9, seeds - 1), rel=1e-5)


@pytest.mark.parametrize(("difference", "deviation"), [(0.0, 1.0), (0.3, 0.45), (0.1, 0.6)])
@pytest.mark.parametrize("seeds", [2, 5, 18, 100])
class TestShares:
    def test_simulated_means_follow_the_normal_law(self, difference: float, deviation: float, seeds: int) -> None:
        law = by_the_normal_law(difference, deviation, seeds).mean_below
        error = np.sqrt(law * (1 - law) / (STUDIES / 2))  # half of the studies are independent
        assert simulated(difference, deviation, seeds).mean_below == pytest.approx(law, abs=4 * error + 1e-12)

    def test_simulated_intervals_follow_the_noncentral_t(self, difference: float, deviation: float, seeds: int) -> None:
        shift, edge = difference * np.sqrt(seeds) / deviation, student(seeds)
        above = stats.nct.sf(edge, seeds - 1, shift)
        below = stats.nct.sf(edge, seeds - 1, -shift)
        found = simulated(difference, deviation, seeds)
        for share, due in ((found.interval_above, above), (found.interval_below, below)):
            assert share == pytest.approx(due, abs=4 * np.sqrt(due * (1 - due) / (STUDIES / 2)) + 1e-3)

    def test_an_interval_decides_less_often_than_a_mean(self, difference: float, deviation: float, seeds: int) -> None:
        for shares in (by_the_normal_law(difference, deviation, seeds), simulated(difference, deviation, seeds)):
            assert 0 <= shares.interval_below <= shares.mean_below <= 0.5
            assert shares.interval_below <= shares.interval_above <= 1 - shares.mean_below


def test_more_seeds_name_the_wrong_winner_less_often() -> None:
    wrong = [by_the_normal_law(0.3, 0.45, n).mean_below for n in range(1, 60)]
    assert np.all(np.diff(wrong) < 0)


def test_studies_are_the_same_each_time() -> None:
    first = [values.copy() for values in studies(7)]
    studies.cache_clear()
    for one, other in zip(first, studies(7), strict=True):
        np.testing.assert_array_equal(one, other)


class TestExplorer:
    @pytest.mark.parametrize("seeds", [2, 100])
    @pytest.mark.parametrize("deviation", [0.1, 2.0])
    @pytest.mark.parametrize("difference", [0.0, 1.0])
    def test_draws_at_the_ends_of_its_sliders(self, difference: float, deviation: float, seeds: int) -> None:
        figure = figures.seeds_of_a_study(difference, deviation, seeds)
        assert isinstance(figure, Figure)
        figure.canvas.draw()

    def test_what_is_drawn_is_what_was_computed(self) -> None:
        left, right = figures.seeds_of_a_study(0.3, 0.45, 5).axes
        law = right.lines[0]
        assert law.get_label() == "mean below 0"
        due = [by_the_normal_law(0.3, 0.45, n).mean_below for n in law.get_xdata()]
        np.testing.assert_allclose(law.get_ydata(), due)
        shown = np.sort(np.concatenate([container.lines[0].get_xdata() for container in left.containers]))
        np.testing.assert_allclose(shown, np.sort(0.3 + 0.45 * studies(5)[0][: figures.SHOWN]))
        share = 100 * simulated(0.3, 0.45, 5).mean_below
        assert right.get_title() == f"5 seeds: {share:.1f} % have the mean below 0"

    def test_every_study_has_the_colour_of_what_it_says(self) -> None:
        left = figures.seeds_of_a_study(0.3, 0.45, 5).axes[0]
        for container in left.containers:
            for (start, _), (end, _) in container.lines[2][0].get_segments():
                says = "above 0" if start > 0 else "below 0" if end < 0 else "not decided"
                assert container.get_label() == says


class TestExercises:
    def test_seeds_needed_are_those_of_chapter_08(self) -> None:
        assert EXERCISES["12.seeds_needed"].reference() == seeds_needed(deviation=0.45, difference=0.3) == 18

    def test_the_power_of_so_many_seeds(self) -> None:
        """One fewer has too little power; by the noncentral t it takes 20, as the hint says."""

        def power(n: int) -> float:
            return float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, 0.3 / 0.45 * np.sqrt(n)))

        assert by_the_normal_law(0.3, 0.45, 17).interval_above < 0.8 <= by_the_normal_law(0.3, 0.45, 18).interval_above
        assert power(19) < 0.8 <= power(20)
        assert by_the_normal_law(0.3, 0.45, (3 * 0.45 / 0.3) ** 2).interval_above == pytest.approx(0.85, abs=0.005)

    def test_first_steps_after_loading_are_adams(self) -> None:
        """The library's Adam, loaded with parts of its state, steps as the exercise says."""
        run, theta, one = Adam(1e-3, epsilon=1e-12), np.zeros(1), np.ones(1)
        for _ in range(20_000):
            run.step(theta, one)
        whole = run.get_state()
        steps = []
        for kept in ({"t"}, {"m", "v"}, set()):
            loaded, theta = Adam(1e-3, epsilon=1e-12), np.zeros(1)
            slots = {name: slot if name in kept else 0 * slot for name, slot in whole["slots"].items()}
            loaded.set_state(whole | {"slots": slots, "t": whole["t"] if "t" in kept else 0})
            loaded.step(theta, one)
            steps.append(abs(theta[0]) / 1e-3)
        np.testing.assert_allclose(steps, EXERCISES["12.first_steps_after_loading"].reference(), rtol=1e-4)

    def test_sign_flips_are_scipys_permutation_test(self) -> None:
        for (differences,) in EXERCISES["12.sign_flips"].cases():  # type: ignore[misc]
            found = stats.permutation_test(
                (differences,), lambda d, axis: np.abs(d.sum(axis)), permutation_type="samples", alternative="greater"
            )
            assert EXERCISES["12.sign_flips"].reference(differences) == pytest.approx(found.pvalue)
