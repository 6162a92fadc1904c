"""What every optimizer promises, in every convention; and that each finds the minimum of every kind of problem."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from cases import GRID, VARIANTS
from test_proofs import CLASSES

from nnopt_utils import optimizers
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.problems import (
    Himmelblau,
    LogisticRegression,
    Plateau,
    Problem,
    Quadratic,
    Ravine,
    Rosenbrock,
    Saddle,
)
from nnopt_utils.schedules import CosineDecay, StepDecay

LAYOUT = MLP([4, 6, 3, 2]).layout
SIZE = LAYOUT[-1].where.stop

FORMS = {
    f"{name}-{convention}" + "".join(f"-{k}={v}" for k, v in arguments.items()): (cls, convention, arguments)
    for name, cls in CLASSES.items()
    for convention in cls.conventions
    for arguments in [{}, *VARIANTS.get(name, [])]
}
RATES = {"DAdaptSGD": 1.0, "DAdaptAdam": 1.0, "Prodigy": 1.0}
every_form = pytest.mark.parametrize("form", FORMS)
NO_AVERAGE = ("ScheduleFreeSGD", "ScheduleFreeAdamW")  # they have their own


def make(form: str, rate: Any = None, layout: Any = LAYOUT, **common: Any) -> Optimizer:
    cls, convention, arguments = FORMS[form]
    if cls.__name__ in NO_AVERAGE:
        common.pop("ema_momentum", None)
    rate = RATES.get(cls.__name__, 0.01) if rate is None else rate
    optimizer = cls(rate, convention=convention, **{**arguments, **common})
    optimizer.layout = layout
    return optimizer


def problem_data(steps: int, dtype: Any = np.float64, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A start, and gradients that mostly agree, from 1e-3 to 10 in size, some of them zero."""
    generator = np.random.default_rng(3)
    start = generator.normal(size=size)
    gradients = np.sign(start) + generator.normal(size=(steps, size)) * 10.0 ** generator.uniform(-3, 1, (steps, size))
    gradients[generator.random(gradients.shape) < 0.1] = 0.0
    return start.astype(dtype), gradients.astype(dtype)


def run(optimizer: Optimizer, start: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    theta, path = start.copy(), []
    for gradient in gradients:
        optimizer.step(theta, gradient)
        path.append(theta.copy())
    return np.array(path)


def assert_same_state(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert {k: v for k, v in a.items() if k != "slots"} == {k: v for k, v in b.items() if k != "slots"}
    assert a["slots"].keys() == b["slots"].keys()
    for name in a["slots"]:
        assert a["slots"][name].dtype == b["slots"][name].dtype
        assert np.array_equal(a["slots"][name], b["slots"][name])


# -- promises --------------------------------------------------------------------------------------------------------


class TestEveryForm:
    @every_form
    def test_in_place_and_the_gradient_is_left_alone(self, form):
        start, gradients = problem_data(5, np.float32)
        gradients.flags.writeable = False
        before, theta = gradients.copy(), start.copy()
        optimizer = make(form, weight_decay=0.1)
        for gradient in gradients:
            assert optimizer.step(theta, gradient) is None
        assert np.array_equal(gradients, before) and theta.dtype == np.float32
        assert np.isfinite(theta).all() and not np.array_equal(theta, start)
        assert optimizer.t == 5
        assert {slot.dtype for slot in optimizer.state.values()} <= {np.dtype(np.float32)}

    @every_form
    def test_theta_may_be_its_own_gradient(self, form):
        same, separate = problem_data(1)[0], problem_data(1)[0]
        one, other = make(form, weight_decay=0.1), make(form, weight_decay=0.1)
        for _ in range(3):
            one.step(same, same)
            other.step(separate, separate.copy())
        assert np.array_equal(same, separate)

    @every_form
    def test_float32_stays_close_to_float64(self, form):
        """On the same gradients, which lead the float64 run to a minimum."""
        start, noise = problem_data(60, np.float32)
        # Prodigy looks at the way gone so far, and a first step of 1e-6 is not much more than the rounding of θ.
        larger = {"d0": 1e-2} if form.startswith("Prodigy") else {}
        optimizer, theta, double, gradients = make(form, **larger), start.astype(float), [], []
        for row in noise:
            gradients.append((0.3 * row + theta - 2).astype(np.float32))
            optimizer.step(theta, gradients[-1].astype(float))
            double.append(theta.copy())
        single = run(make(form, **larger), start, np.array(gradients))
        assert (np.abs(single - double) / (1 + np.abs(double))).max() < 5e-5

    @every_form
    @pytest.mark.parametrize("block_size", [1, 7, SIZE, SIZE + 1])
    def test_blocks_change_nothing(self, form, block_size, monkeypatch):
        start, gradients = problem_data(4, np.float32)
        common = {"weight_decay": 0.1, "global_clipnorm": 5.0, "ema_momentum": 0.9}
        whole = run(make(form, **common), start, gradients)
        monkeypatch.setattr(Optimizer, "block_size", block_size)
        assert np.array_equal(run(make(form, **common), start, gradients), whole)

    @every_form
    @pytest.mark.parametrize("bad", ["nan", "inf", "shape", "theta", "schedule"])
    def test_bad_input_leaves_everything(self, form, bad):
        def schedule(k):
            return 0.01 if k < 2 or bad != "schedule" else -1.0

        start, gradients = problem_data(3)
        optimizer = make(form, schedule, weight_decay=0.1, ema_momentum=0.9, gradient_accumulation_steps=1)
        theta = run(optimizer, start, gradients[:2])[-1]
        before, state, rate = theta.copy(), optimizer.get_state(), optimizer.learning_rate
        gradient = gradients[2].copy()
        if bad in ("nan", "inf"):
            gradient[[0, -1]] = float(bad)
        error = NonFiniteGradientError if bad in ("nan", "inf") else ValueError
        with pytest.raises(error, match={"schedule": "learning_rate", "theta": "theta"}.get(bad, "gradient: got")):
            if bad == "theta":
                optimizer.step(np.ones(SIZE + 1), np.ones(SIZE + 1))
            else:
                optimizer.step(theta, gradient[:-1] if bad == "shape" else gradient)
        assert np.array_equal(theta, before) and optimizer.learning_rate == rate
        assert_same_state(optimizer.get_state(), state)

    @every_form
    def test_zero_gradients_move_nothing_but_decay(self, form):
        """From rest. Ftrl is another matter: what never had a gradient is the minimiser of nothing, 0."""
        no_decay = {"weight_decay": 0.0} | ({"adam_weight_decay": 0.0} if form.startswith("Muon") else {})
        start, zeros = problem_data(1)[0], np.zeros((5, SIZE))
        theta = run(make(form, **no_decay), start, zeros)[-1]
        if form.startswith("Ftrl"):
            assert np.isfinite(theta).all() and ("l2_shrinkage" in form or not theta.any())
        else:
            np.testing.assert_allclose(theta, start, rtol=1e-14)
        decayed = run(make(form, weight_decay=0.5), start, zeros)[-1]
        assert np.isfinite(decayed).all()
        if form.startswith(("GradientDescent", "Adam-paper", "AdamW", "Adamax-keras", "Lion", "Adafactor")):
            np.testing.assert_allclose(decayed, start * (1 - 0.01 * 0.5) ** 5, rtol=1e-12)

    @every_form
    def test_collected_gradients_are_a_step_with_their_mean(self, form):
        start, gradients = problem_data(12)
        collecting, theta = make(form, weight_decay=0.1, gradient_accumulation_steps=3), start.copy()
        for i, gradient in enumerate(gradients):
            before = theta.copy()
            collecting.step(theta, gradient)
            assert np.array_equal(theta, before) == (i % 3 != 2) and collecting.t == (i + 1) // 3
        means = gradients.reshape(4, 3, SIZE).mean(axis=1)
        np.testing.assert_allclose(theta, run(make(form, weight_decay=0.1), start, means)[-1], rtol=1e-9, atol=1e-12)

    @every_form
    def test_round_trips(self, form):
        for common in ({}, {"weight_decay": 0.2, "clipnorm": 2.0}, {"gradient_accumulation_steps": 4, "clipvalue": 1}):
            for rate in (None, StepDecay(0.1, factor=0.5, every=10)):
                optimizer = make(form, rate, **common)
                again = type(optimizer)(**optimizer.hyperparameters)
                assert again.hyperparameters == optimizer.hyperparameters and repr(again) == repr(optimizer)
                assert repr(eval(repr(optimizer), {**vars(optimizers), "StepDecay": StepDecay})) == repr(optimizer)

    @every_form
    def test_default_arguments(self, form):
        cls, convention, arguments = FORMS[form]
        optimizer = cls(convention=convention, **arguments)
        default = cls.declared["learning_rate"]
        assert optimizer.learning_rate == default.by_convention.get(convention, default.default)


@pytest.mark.parametrize("name", CLASSES)
def test_a_convention_that_does_not_exist_is_an_error(name):
    cls = CLASSES[name]
    assert "paper" in cls.conventions and cls().convention == "paper"
    for convention in {"paper", "keras", "pytorch", "torch"} - {*cls.conventions}:
        with pytest.raises(ValueError, match=f"convention: got '{convention}'; expected one of 'paper'"):
            cls(convention=convention)


# -- saving and going on ---------------------------------------------------------------------------------------------


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    """Write a state as text and read it back. JSON has no arrays: these are written as type and numbers."""

    def write(value: Any) -> Any:
        return {"dtype": value.dtype.name, "shape": value.shape, "values": value.ravel().tolist()}

    def read(item: dict[str, Any]) -> Any:
        if set(item) != {"dtype", "shape", "values"}:
            return item
        return np.array(item["values"], item["dtype"]).reshape(item["shape"])

    return json.loads(json.dumps(state, default=write), object_hook=read)


@every_form
@pytest.mark.parametrize(
    "save", [through_json, lambda state: pickle.loads(pickle.dumps(state))], ids=["json", "pickle"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_resumes_bitwise(form, save, dtype):
    """2 N calls, against N calls, a saved state, a fresh optimizer and N more, from the midst of an accumulation."""
    start, gradients = problem_data(22, dtype)
    for rate in (None, CosineDecay(0.05, steps=10)):
        common = {"weight_decay": 0.1, "clipnorm": 3.0, "ema_momentum": 0.9, "gradient_accumulation_steps": 3}
        straight, stopped = make(form, rate, **common), make(form, rate, **common)
        expected = run(straight, start, gradients)
        half = run(stopped, start, gradients[:11])
        assert np.array_equal(half, expected[:11]) and stopped.scalars["collected"] == 2
        fresh = make(form, rate, layout=None, **common)  # the layout is part of the state
        fresh.set_state(save(stopped.get_state()))
        assert np.array_equal(run(fresh, half[-1], gradients[11:]), expected[11:])
        assert_same_state(fresh.get_state(), straight.get_state())
        ours, theirs = (o.evaluation_parameters(expected[-1]) for o in (fresh, straight))
        assert np.array_equal(ours, theirs)


@every_form
def test_resumes_after_a_changed_rate(form):
    """A rate that was set by hand is part of the state."""
    start, gradients = problem_data(10)
    one = make(form)
    run(one, start, gradients[:3])
    one.learning_rate = 0.003
    theta = run(one, start, gradients[3:5])[-1]
    other = make(form)
    other.set_state(one.get_state())
    assert other.learning_rate == 0.003
    assert np.array_equal(run(other, theta, gradients[5:]), run(one, theta, gradients[5:]))


# -- problems --------------------------------------------------------------------------------------------------------


def logistic_regression() -> LogisticRegression:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    labels = (x @ [1.0, -2.0, 0.5] + 0.5 * generator.normal(size=60) > 0).astype(int)
    return LogisticRegression(x, labels, l2=0.1)


PROBLEMS: dict[str, Problem] = {
    "quadratic": Quadratic(kappa=100, rotation=0.5),
    "rosenbrock": Rosenbrock(),
    "himmelblau": Himmelblau(),
    "saddle": Saddle(),
    "plateau": Plateau(),
    "ravine": Ravine(),
    "logistic_regression": logistic_regression(),
}
REACHED = {"rosenbrock": 0.05}  # what may be left of J(start) − J*; elsewhere 1e-3


def final_point(name: str, problem: Problem) -> np.ndarray:
    run = GRID[name]
    rate: Any = run.rate
    if isinstance(rate, str):
        rate = float(rate) / np.linalg.eigvalsh(problem.hessian(problem.minimum)).max()
    schedule = rate if run.constant else CosineDecay(rate, steps=run.steps)
    optimizer, theta = getattr(optimizers, run.optimizer or name)(schedule, **run.arguments), problem.start
    for _ in range(run.steps):
        optimizer.step(theta, problem.gradient(theta))
    return optimizer.evaluation_parameters(theta)


class TestGrid:
    @pytest.mark.parametrize(("name", "problem"), [(n, p) for n in GRID for p in PROBLEMS if p not in GRID[n].not_on])
    def test_reaches_the_minimum(self, name, problem):
        where = PROBLEMS[problem]
        gap = where.value(final_point(name, where)) - where.minimum_value
        assert gap < REACHED.get(problem, 1e-3) * (where.value(where.start) - where.minimum_value)

    @pytest.mark.parametrize("name", ["DAdaptSGD", "Prodigy"])
    @pytest.mark.parametrize("d0", [1e-6, 1e-2])
    def test_the_distance_found_is_a_bound_on_convex_problems(self, name, d0):
        """d_t <= D at every step: D = ‖θ₁ − θ*‖ for D-Adaptation, its largest entry for Prodigy."""
        for problem in (PROBLEMS["quadratic"], PROBLEMS["logistic_regression"]):
            away = problem.start - problem.minimum
            D = np.linalg.norm(away) if name == "DAdaptSGD" else np.abs(away).max()
            optimizer, theta = getattr(optimizers, name)(d0=d0), problem.start
            for _ in range(300):
                optimizer.step(theta, problem.gradient(theta))
                assert d0 <= optimizer.scalars["d"] <= D * (1 + 1e-9)
            assert optimizer.scalars["d"] > 100 * d0 or d0 > 1e-3
