"""``"paper"`` is what the papers say: every rule against a transcription of its algorithm, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import paper_algorithms as algorithms
import pytest
from cases import PAPER, SHORT

from nnopt_utils import optimizers
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import LAMB, Adam, Optimizer, RMSprop, ScheduleFreeSGD, Yogi

STEPS = 60
RATES = [0.04 * (1.0 + 0.6 * math.cos(0.3 * t)) for t in range(STEPS)]
LAYOUT = MLP([4, 6, 3, 2]).layout
SIZE = LAYOUT[-1].where.stop


def problem(seed: int, size: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """A start, and gradients of sizes from 1e-3 to 10, a tenth of them zero; the first coordinate has none at all."""
    generator = np.random.default_rng(seed)
    start = generator.normal(size=size)
    gradients = generator.normal(size=(STEPS, size)) * 10.0 ** generator.uniform(-3, 1, (STEPS, size))
    gradients[generator.random(gradients.shape) < 0.1] = 0.0
    gradients[:, 0] = 0.0
    return start, gradients


def path_of(optimizer: Optimizer, start: np.ndarray, gradients: np.ndarray, rates: list[float]) -> np.ndarray:
    theta, path = start.copy(), []
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.step(theta, gradient)
        path.append(theta.copy())
    return np.array(path)


def by_coordinate(
    rule: Callable[..., list[float]], start: np.ndarray, gradients: np.ndarray, rates: list[float] = RATES, **told: Any
) -> np.ndarray:
    columns = zip(start, gradients.T, strict=True)
    return np.array([rule(float(x), list(map(float, column)), rates, **told) for x, column in columns]).T


def assert_same(path: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(path, expected, rtol=1e-10, atol=1e-12)


def cut(vector: np.ndarray) -> list[np.ndarray]:
    return [vector[t.where].reshape(t.shape) for t in LAYOUT]


def with_layout(optimizer: Optimizer) -> Optimizer:
    optimizer.layout = LAYOUT
    return optimizer


def expected_path(
    kind: str, algorithm: Callable[..., Any], start: np.ndarray, gradients: np.ndarray, rates: list[float], **told: Any
) -> tuple[np.ndarray, Any]:
    """θ after each step as the paper has it, and what else its algorithm returns: the averages x, or the rates d."""
    if kind == "coordinate":
        return by_coordinate(algorithm, start, gradients, rates, **told), None
    if kind == "tensors":
        return algorithm(cut(start), [cut(g) for g in gradients], rates, **told), None
    return algorithm(start, gradients, rates, **told)


@pytest.mark.parametrize(("name", "decay"), [(name, decay) for name in PAPER for decay in PAPER[name].decays])
def test_equals_the_paper(name, decay):
    case = PAPER[name]
    start, gradients = problem(1, SIZE if case.kind == "tensors" else 7)
    if case.optimizer in ("DAdaptSGD", "DAdaptAdam", "Prodigy"):
        gradients = gradients + np.sign(start - 5)  # they mostly agree, so that there is a distance to be found
    if name == "adafactor":
        gradients = np.where(gradients == 0, 1e-3, gradients)  # in the paper a row or column of zeros is 0/0
    rates = [case.faster * rate for rate in RATES]
    shared = {} if decay is None else {"weight_decay": decay}
    optimizer = getattr(optimizers, case.optimizer)(rates[0], **{**case.arguments, **shared})
    if case.kind == "tensors":
        optimizer.layout = LAYOUT
    told = {**case.told, **({} if decay is None else {"decay": decay})}
    expected, other = expected_path(case.kind, getattr(algorithms, case.algorithm), start, gradients, rates, **told)
    path = path_of(optimizer, start, gradients, rates)
    np.testing.assert_allclose(path, expected, rtol=1e-9 if case.kind != "coordinate" else 1e-10, atol=1e-11)
    assert np.ptp(path[:, 1:], axis=0).min() > 1e-4  # it moved
    if "d" in optimizer.scalars:
        assert optimizer.scalars["d"] == pytest.approx(other[-1], rel=1e-9)
        assert len(set(other)) > 5 and other[-1] > 2 * other[0]  # d grew, in several steps
    elif other is not None:
        assert_same(optimizer.evaluation_parameters(path[-1]), other[-1])


def test_ftrl_with_an_l1_penalty_is_sparse():
    start, gradients = problem(3)
    for l1 in (0.0, 0.7):
        path = path_of(optimizers.Ftrl(0.04, l1=l1), start, gradients, RATES)
        assert bool((path[:, 1:] == 0).any()) == bool(l1)


def test_rmsprop_without_epsilon_is_the_lecture():
    start, gradients = problem(2)
    gradients = np.where(gradients == 0, 0.5, gradients)
    path = path_of(RMSprop(0.04, rho=0.9, epsilon=0.0), start, gradients, RATES)
    assert_same(path, by_coordinate(algorithms.rmsprop_lecture, start, gradients, rho=0.9))


def test_bias_corrected_yogi_is_another():
    start, gradients = problem(4)
    path = path_of(Yogi(0.04, bias_correction=True), start, gradients, RATES)
    told = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-3, "v_0": 1e-6}
    assert np.abs(path - by_coordinate(algorithms.yogi, start, gradients, **told)).max() > 1e-2


def test_adam_without_bias_correction():
    """As AMSGrad's Algorithm 2 without its maximum; the first step is (1 − β₁)/√(1 − β₂) = 3.162 times too long."""
    theta, right = np.array([1.0]), np.array([1.0])
    Adam(0.1, bias_correction=False, epsilon=0.0).step(theta, np.array([2.0]))
    Adam(0.1, epsilon=0.0).step(right, np.array([2.0]))
    assert (1 - theta) / (1 - right) == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-12)


def test_lamb_from_zero():
    """A tensor of zeros has the ratio 1, and so has a step of zeros."""
    (_, gradients), start = problem(5, SIZE), np.zeros(SIZE)
    gradients[:, LAYOUT[2].where] = 0.0
    expected = algorithms.lamb(cut(start), [cut(g) for g in gradients], RATES, epsilon=1e-6, decay=0.0, **SHORT)
    assert_same(path_of(with_layout(LAMB(0.04, **SHORT)), start, gradients, RATES), expected)


def test_newton_schulz_lands_between_0_68_and_1_13():
    """Jordan 2024: where five steps lead singular values from 0.01 to 1 of a matrix of norm 1."""
    generator = np.random.default_rng(0)
    u, v = (np.linalg.qr(generator.normal(size=(n, 15)))[0] for n in (60, 20))
    values = np.geomspace(0.02, 0.8, 15) / np.linalg.norm(np.geomspace(0.02, 0.8, 15))
    reached = np.linalg.svd(algorithms.newton_schulz(u * values @ v.T), compute_uv=False)[:15]
    assert values.min() > 0.01
    assert reached.min() > 0.68 - 0.01 and reached.max() < 1.13 + 0.01


def test_schedule_free_sgd_at_a_constant_rate_averages_the_z():
    start, gradients = problem(6, 9)
    for momentum in (0.0, 0.5):
        optimizer, theta = ScheduleFreeSGD(0.1, momentum=momentum), start.copy()
        z, zs = start.copy(), []
        for gradient in gradients:
            optimizer.step(theta, gradient)
            z = z - 0.1 * gradient
            zs.append(z)
            np.testing.assert_allclose(optimizer.evaluation_parameters(theta), np.mean(zs, axis=0), rtol=1e-10)
