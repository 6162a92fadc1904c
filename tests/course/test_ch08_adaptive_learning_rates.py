"""Chapter 08: its explorer's figure, and the measured tables that are part of the course."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.ch08_adaptive_learning_rates import measured
from nnopt_utils.course.ch08_adaptive_learning_rates.figures import POLYNOMIALS, newton_schulz_map, polynomial
from nnopt_utils.datasets import load_mnist
from nnopt_utils.experiments import Results
from nnopt_utils.optimizers import newton_schulz

TABLES = ("08_optimizers.jsonl", "08_defaults.jsonl")


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


class TestTables:
    @pytest.mark.parametrize("name", ["optimizers", "defaults"])
    def test_complete(self, name: str) -> None:
        """Nothing is missing, so that the chapter trains none of these runs, and none has failed."""
        results: Results = getattr(measured, name)(load_mnist())
        assert results.missing == 0
        assert all(row["status"] in ("finished", "diverged") for row in results.rows)

    @pytest.mark.parametrize("name", TABLES)
    def test_one_line_a_run_and_no_path_of_a_machine(self, name: str) -> None:
        path: Path = measured.FOLDER / name
        text = path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines()][1:]
        keys = [(row["label"], json.dumps(row["setting"]), row["seed"]) for row in rows]
        assert len(set(keys)) == len(keys)
        assert "/home" not in text and "/work" not in text and len(text) < 1_500_000
