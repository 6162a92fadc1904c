"""The table of chapter 11's distillation: what is in it, what it says, and that a run gives the same row again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnopt_utils.compression import distillation_loss
from nnopt_utils.course.ch11_model_compression import distilled
from nnopt_utils.course.ch11_model_compression.distilled import ALONE, FEW, SHIFTED, TAUGHT
from nnopt_utils.datasets import load_mnist

ALL = 55_000


@pytest.fixture(scope="module")
def found():
    return distilled.rows()


def test_every_case_is_there_once(found):
    students = [row for row in found if row["kind"] == "student"]
    runs = [(row["label"], row["images"], row["rate"], row["seed"]) for row in students]
    assert len(set(runs)) == len(runs) == len(distilled.CASES) * (len(distilled.RATES) * 2 + 10)
    for label, images in distilled.CASES:
        assert not np.isnan(distilled.fresh(found, label, images)).any()
    assert sorted(row["shift"] for row in found if row["kind"] == "teacher") == [0, 1]


def test_budgets_are_equal(found):
    students = [row for row in found if row["kind"] == "student"]
    assert {row["epochs"] for row in students} == {distilled.EPOCHS}
    assert all(row["batch_size"] == distilled.IMAGES[row["images"]] for row in students)


def test_no_rate_that_was_chosen_is_at_the_end_of_the_grid_by_far(found):
    """Where it is at an end, the neighbour is within half a point."""
    for label, images in distilled.CASES:
        chosen = distilled.RATES.index(distilled.best_rate(found, label, images))
        means = [
            distilled.errors_of(found, label, images, rate, distilled.SEEDS, of="val_error").mean()
            for rate in distilled.RATES
        ]
        if chosen in (0, len(means) - 1):
            assert abs(means[chosen] - means[1 if chosen == 0 else -2]) < 0.5


@pytest.mark.parametrize("images", [ALL, FEW])
def test_a_teacher_helps(found, images):
    """On each of ten seeds; the course asks for 0.25 points in the mean."""
    gain = distilled.fresh(found, ALONE, images) - distilled.fresh(found, TAUGHT, images)
    assert gain.mean() >= 0.25 and gain.min() > 0


def test_without_its_square_a_high_temperature_hardly_teaches(found):
    errors = {T: [distilled.errors_at(found, T, squared) for squared in (True, False)] for T in distilled.TEMPERATURES}
    assert all(len(seeds) == 3 for pair in errors.values() for seeds in pair)
    assert np.array_equal(*errors[1.0])  # 1² = 1
    for T in (20.0, 40.0):
        assert (errors[T][1] > errors[T][0]).all()


def test_the_weight_that_stands_for_no_square():
    """Gradients of the two losses are parallel."""
    generator = np.random.default_rng(0)
    z, v, y = 3 * generator.normal(size=(5, 4)), 3 * generator.normal(size=(5, 4)), generator.integers(4, size=5)
    hard, soft = (distillation_loss(z, y, v, 7.0, w)[1] for w in (0.0, 1.0))
    left_out = 0.1 * hard + 0.9 * soft / 49
    other = distillation_loss(z, y, v, 7.0, distilled.weight_without_square(7.0))[1]
    np.testing.assert_allclose(left_out / np.linalg.norm(left_out), other / np.linalg.norm(other), rtol=1e-12)


def test_the_teacher_is_better_than_its_students(found):
    assert distilled.teacher_row(found)["test_error"] < distilled.fresh(found, TAUGHT, ALL).min()


def test_shifted_images():
    images = np.random.default_rng(0).uniform(0.5, 1, size=(200, 28, 28)).astype(np.float32)
    images[:, [0, 1, -2, -1]] = images[:, :, [0, 1, -2, -1]] = 0
    moved = distilled.shifted(images.reshape(200, 784), 2, np.random.default_rng(1))
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved.sum(axis=1), images.sum(axis=(1, 2)), rtol=1e-6)  # no ink left the image
    assert np.array_equal(
        distilled.shifted(images.reshape(200, 784), 0, np.random.default_rng(1)).ravel(), images.ravel()
    )


def test_a_run_gives_its_row_again(found):
    """Two seconds; on another processor some images may be judged otherwise."""
    rate = distilled.best_rate(found, TAUGHT, FEW)
    row = distilled.run(TAUGHT, FEW, rate, distilled.FRESH[0], load_mnist(), distilled.few_logits())
    before = distilled.fresh(found, TAUGHT, FEW)[0]
    assert row["test_error"] == pytest.approx(before, abs=0.25)


def test_logits_are_a_teachers(found):
    logits, labels = distilled.few_logits(), load_mnist().y_train[:FEW]
    assert logits.shape == (FEW, 10) and (logits.argmax(axis=1) != labels).mean() < 0.02


def test_what_is_there_is_not_run_again(found, tmp_path, monkeypatch):
    def no_run(*_):
        raise AssertionError("a run")

    monkeypatch.setattr(distilled, "run", no_run)
    (tmp_path / distilled.TABLE).write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    distilled.main(tmp_path)
    assert distilled.rows(tmp_path) == found


def test_what_is_missing_is_run(found, tmp_path, monkeypatch):
    gone = next(row for row in found if row["kind"] == "student" and row["label"] == SHIFTED)
    kept = [row for row in found if row is not gone]
    (tmp_path / distilled.TABLE).write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    monkeypatch.setattr(distilled, "run", lambda *_: gone)
    distilled.main(tmp_path)
    assert distilled.rows(tmp_path) == [*kept, gone]
