"""Chapter 09: its figures at the ends of their sliders, its race, and the tables that are part of the course."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.ch09_second_order_methods import figures, measured, race, runs
from nnopt_utils.course.ch09_second_order_methods.evidence import paired_ratio
from nnopt_utils.course.ch09_second_order_methods.work import PARAMETERS, work
from nnopt_utils.datasets import gaussian_blobs
from nnopt_utils.experiments import Results, Task
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, GradientDescent
from nnopt_utils.problems import HelicalValley, Himmelblau, Quadratic, Rosenbrock, Saddle
from nnopt_utils.second_order import SOAP, Shampoo, newton
from nnopt_utils.training import DivergenceError, fit, minimize

TABLES = sorted(
    ["09_untuned.jsonl"] + [f"09_{part}_{size}.jsonl" for part in ("tuned", "fresh") for size in measured.BATCHES]
)


class TestFigures:
    @pytest.mark.parametrize("damping", [1e-3, 100.0])
    @pytest.mark.parametrize("x", [-1.4, 0.0, 1.4])
    @pytest.mark.parametrize("y", [-1.4, 0.0, 1.4])
    def test_explorer_draws_at_the_ends_of_its_sliders(self, damping: float, x: float, y: float) -> None:
        figure = figures.damped_steps(damping, x, y)
        assert isinstance(figure, Figure)
        figure.canvas.draw()

    @pytest.mark.parametrize("problem", [Saddle(), Himmelblau(), Rosenbrock(), HelicalValley()])
    def test_damped_steps_descend_wherever_they_start(self, problem: Any) -> None:
        generator = np.random.default_rng(0)
        for _ in range(200):
            theta, damping = generator.normal(size=problem.dimension), float(10 ** generator.uniform(-6, 3))
            assert problem.gradient(theta) @ figures.damped_step(problem, theta, damping) < 0

    def test_damping_goes_from_newton_to_gradient_descent(self) -> None:
        bowl, theta = Quadratic([1.0, 30.0], rotation=0.3), np.array([1.0, -2.0])
        np.testing.assert_allclose(theta + figures.damped_step(bowl, theta, 0.0), bowl.minimum, atol=1e-12)
        np.testing.assert_allclose(figures.damped_step(bowl, theta, 1e9), -bowl.gradient(theta) / 1e9, rtol=1e-6)

    def test_models_touch_the_function(self) -> None:
        lines = figures.models_along_the_gradient(Rosenbrock(), np.array([0.5, 0.5])).axes[0].lines[:3]
        function, tangent, parabola = (np.asarray(line.get_ydata()) for line in lines)
        assert function[0] == tangent[0] == parabola[0]
        assert abs(parabola[5] - function[5]) < abs(tangent[5] - function[5]) / 20


class TestReparametrised:
    def test_is_the_same_problem(self) -> None:
        generator = np.random.default_rng(1)
        T, phi = generator.normal(size=(2, 2)), generator.normal(size=2)
        other = runs.Reparametrised(Rosenbrock(), T)
        assert other.value(phi) == Rosenbrock().value(T @ phi)
        h = 1e-6 * np.eye(2)
        slopes = [(other.value(phi + e) - other.value(phi - e)) / 2e-6 for e in h]
        np.testing.assert_allclose(other.gradient(phi), slopes, rtol=1e-5)
        curvatures = [(other.gradient(phi + e) - other.gradient(phi - e)) / 2e-6 for e in h]
        np.testing.assert_allclose(other.hessian(phi), curvatures, rtol=1e-5)

    def test_newton_does_not_notice_and_descent_does(self) -> None:
        generator = np.random.default_rng(2)
        for _ in range(10):
            T = generator.normal(size=(2, 2)) + 2 * np.eye(2)
            pair = Rosenbrock(), runs.Reparametrised(Rosenbrock(), T)
            one, two = (newton(problem).trajectory.points for problem in pair)
            np.testing.assert_allclose(one, two @ T.T, rtol=1e-6, atol=1e-9)
            one, two = (minimize(problem, GradientDescent(1e-4), 100).points for problem in pair)
            assert np.abs(one - two @ T.T).max() > 1e-3


def blobs() -> tuple[np.ndarray, ...]:
    x, y = gaussian_blobs(1500, noise=0.3)
    return x[:1000].astype(np.float32), y[:1000], x[1000:].astype(np.float32), y[1000:]


class TestRace:
    def run(self, rate: float, looks: int = 40) -> Any:
        network = MLP([2, 8, 3], seed=0)
        return race.until_target(network, SGD(rate), blobs(), epochs=looks, batch_size=128, seed=0, progress=False)

    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(race.LOOKS, 128, (3, 40))

    def test_ends_at_the_target(self) -> None:
        record = self.run(0.5)
        assert record.val_accuracy[-1] >= race.TARGET > max(record.val_accuracy[:-1], default=0)
        assert len(record.step_losses) == 3 * len(record.val_accuracy) and not record.interrupted
        assert len(record.seconds) == len(record.val_accuracy) and min(record.seconds) > 0

    def test_ends_after_its_looks(self) -> None:
        record = self.run(1e-6, looks=7)
        assert len(record.val_accuracy) == 7 and len(record.step_losses) == 21 and not record.interrupted

    def test_the_steps_are_those_of_fit(self) -> None:
        x, y, _, _ = blobs()
        network = MLP([2, 8, 3], seed=0)
        history = fit(network, SGD(1e-3), (x, y), epochs=2, batch_size=128, seed=0, progress=False)
        assert self.run(1e-3, looks=5).step_losses == history.step_losses[:15]

    def test_a_diverged_run_keeps_what_it_had(self) -> None:
        with pytest.raises(DivergenceError) as error:
            self.run(1e30)
        assert isinstance(error.value.history.val_accuracy, list)

    @pytest.mark.parametrize(
        ("accuracies", "look"), [([0.5, 0.97, 0.99], 2), ([0.98], 1), ([0.5, None], np.inf), ([], np.inf)]
    )
    def test_first_look(self, accuracies: list, look: float) -> None:
        assert race.first_look(accuracies) == look


class TestWork:
    @pytest.mark.parametrize(("label", "every"), [("Shampoo", 20), ("SOAP", 10)])
    def test_renewals_are_those_of_the_optimizers(self, label: str, every: int) -> None:
        """By their own estimate, but for the side of 1 that biases add."""
        optimizer = {"Shampoo": Shampoo(), "SOAP": SOAP()}[label]
        network = MLP([784, 64, 64, 10])
        optimizer.layout = network.layout
        two = work(label, 128, every + 1) - work(label, 128, every) - (work(label, 128, 2) - work(label, 128, 1))
        assert abs(two / optimizer.refresh_flops() - 1) < 0.01

    def test_k_fac_decomposes_when_it_says(self) -> None:
        steps = np.arange(1, 31)
        jumps = np.diff(work("K-FAC", 128, np.append(0, steps)))
        assert (steps[jumps > 2 * np.median(jumps)] == [1, 2, 3, 10, 20, 30]).all()

    def test_without_curvature_it_is_that_of_the_gradients(self) -> None:
        assert work("Adam", 512, 7) == work("SGD, momentum", 512, 7) == 7 * 6 * 512 * 55_050

    def test_the_layers_are_those_of_the_race(self) -> None:
        assert MLP([784, 64, 64, 10]).n_parameters == PARAMETERS


class TestRatio:
    def test_of_equal_runs_is_not_decided(self) -> None:
        generator = np.random.default_rng(0)
        assert not paired_ratio(generator.uniform(1, 2, 10), generator.uniform(1, 2, 10)).decided

    def test_is_of_pairs(self) -> None:
        second = np.arange(1.0, 11.0)
        ratio = paired_ratio(3 * second, second)
        assert ratio.decided and abs(ratio.mean - 3) < 1e-12 and abs(ratio.high - ratio.low) < 1e-12

    @pytest.mark.parametrize("first", [[1.0] * 9, [np.inf] + [1.0] * 9])
    def test_refuses_runs_that_did_not_arrive(self, first: list) -> None:
        with pytest.raises(ValueError, match="first, second: got"):
            paired_ratio(first, [1.0] * len(first))


def all_results() -> list[Results]:
    """Every search of the chapter; what is not in the tables would be trained here."""
    return [step(size) for size in measured.BATCHES for step in (measured.tuned, measured.fresh)] + [measured.untuned()]


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

    def test_no_other_rows(self) -> None:
        """What an earlier grid had measured is not left in the files."""
        names = [f"09_{part}_{size}" for size in measured.BATCHES for part in ("tuned", "fresh")] + ["09_untuned"]
        for results, name in zip(all_results(), names, strict=True):
            lines = (measured.FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").count("\n") - 1
            assert lines == len(results.rows), name

    def test_small(self) -> None:
        assert sum((measured.FOLDER / name).stat().st_size for name in TABLES) < 3_000_000

    @pytest.mark.parametrize("size", measured.BATCHES)
    def test_every_method_had_as_many_settings(self, size: int) -> None:
        assert {len(space) for space in measured.spaces_of(size).values()} == {16}

    @pytest.mark.parametrize("size", measured.BATCHES)
    def test_best_settings_lie_inside_their_grids(self, size: int) -> None:
        """Of the number with eight values; the other has two."""
        results = measured.tuned(size)
        for label, space in results.spaces.items():
            name = "damping" if label == "K-FAC" else "learning_rate"
            values = sorted({setting.values[name] for setting in space.settings})
            chosen = measured.best(results, label).values[name]
            assert values[0] < chosen < values[-1], (label, size, chosen)
