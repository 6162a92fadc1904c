"""``"paper"`` is what the papers say: every rule against a transcription of its algorithm, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import paper_algorithms as paper
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import (
    LAMB,
    SGD,
    AdaBelief,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    DAdaptAdam,
    DAdaptSGD,
    Ftrl,
    GradientDescent,
    Lion,
    Muon,
    Nadam,
    Nesterov,
    Optimizer,
    Prodigy,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    Yogi,
)

STEPS = 60
RATES = [0.04 * (1.0 + 0.6 * math.cos(0.3 * t)) for t in range(STEPS)]
LAYOUT = MLP([4, 6, 3, 2]).layout
SIZE = LAYOUT[-1].where.stop

adam_like = {"beta_1": 0.85, "beta_2": 0.97}
mus = [0.9 * (1 - 0.5 * 0.96 ** (t / 250)) for t in range(1, STEPS + 2)]

# For each rule that treats coordinates alike: the optimizer, the algorithm, what else the algorithm is told.
COORDINATE_RULES: dict[str, tuple[Callable[..., Optimizer], Callable[..., list[float]], dict[str, Any]]] = {
    "gradient_descent": (GradientDescent, paper.gradient_descent, {}),
    "sgd": (SGD, paper.gradient_descent, {}),
    "momentum": (lambda r, **kw: SGD(r, momentum=0.8, **kw), paper.heavy_ball, {"momentum": 0.8}),
    "nesterov": (
        lambda r, **kw: SGD(r, momentum=0.8, nesterov=True, **kw),
        paper.nesterov_lookahead,
        {"momentum": 0.8},
    ),
    "nesterov_two_sequences": (Nesterov, paper.nesterov_two_sequences, {}),
    "nesterov_two_sequences_constant": (
        lambda r, **kw: Nesterov(r, momentum=0.8, **kw),
        paper.nesterov_two_sequences,
        {"momentum": 0.8},
    ),
    "adagrad": (lambda r, **kw: Adagrad(r, epsilon=1e-3, **kw), paper.adagrad, {"delta": 1e-3}),
    "adadelta": (lambda r, **kw: Adadelta(r, **kw), paper.adadelta, {"rho": 0.95, "epsilon": 1e-6}),
    "rmsprop": (
        lambda r, **kw: RMSprop(r, rho=0.8, epsilon=1e-4, **kw),
        paper.rmsprop_graves,
        {"rho": 0.8, "momentum": 0.0, "epsilon": 1e-4, "centered": False},
    ),
    "rmsprop_graves": (
        lambda r, **kw: RMSprop(r, rho=0.95, momentum=0.9, epsilon=1e-4, centered=True, **kw),
        paper.rmsprop_graves,
        {"rho": 0.95, "momentum": 0.9, "epsilon": 1e-4, "centered": True},
    ),
    "adam": (Adam, paper.adam, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    "adam_betas": (
        lambda r, **kw: Adam(r, epsilon=1e-3, **adam_like, **kw),
        paper.adam,
        {"epsilon": 1e-3, **adam_like},
    ),
    "amsgrad": (
        lambda r, **kw: Adam(r, amsgrad=True, epsilon=1e-3, **adam_like, **kw),
        paper.amsgrad,
        {"epsilon": 1e-3, **adam_like},
    ),
    "adamw": (
        lambda r, **kw: AdamW(r, epsilon=1e-3, **adam_like, **kw),
        paper.adamw,
        {"epsilon": 1e-3, **adam_like},
    ),
    "adamax": (lambda r, **kw: Adamax(r, **adam_like, **kw), paper.adamax, adam_like),
    "nadam": (Nadam, paper.nadam, {"mus": mus, "nu": 0.999, "epsilon": 1e-8}),
    "radam": (RAdam, paper.radam, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    "radam_short_memory": (
        lambda r, **kw: RAdam(r, epsilon=1e-3, **adam_like, **kw),
        paper.radam,
        {"epsilon": 1e-3, **adam_like},
    ),
    "yogi": (
        lambda r, **kw: Yogi(r, initial_accumulator_value=0.0, **adam_like, **kw),
        paper.yogi,
        {"epsilon": 1e-3, **adam_like},
    ),
    "yogi_default_start": (Yogi, paper.yogi, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-3, "v_0": 1e-6}),
    "adabelief": (AdaBelief, paper.adabelief, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}),
    "adabelief_betas": (
        lambda r, **kw: AdaBelief(r, epsilon=1e-3, **adam_like, **kw),
        paper.adabelief,
        {"epsilon": 1e-3, **adam_like},
    ),
    "lion": (lambda r, **kw: Lion(r, **kw), paper.lion, {"beta_1": 0.9, "beta_2": 0.99}),
}


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


class TestCoordinateRules:
    @pytest.mark.parametrize("decay", [0.0, 0.2])
    @pytest.mark.parametrize("name", COORDINATE_RULES)
    def test_equals_the_paper(self, name, decay):
        make, rule, told = COORDINATE_RULES[name]
        start, gradients = problem(1)
        path = path_of(make(0.04, weight_decay=decay), start, gradients, RATES)
        assert_same(path, by_coordinate(rule, start, gradients, decay=decay, **told))
        assert np.ptp(path[:, 1:], axis=0).min() > 1e-4  # it moved

    def test_rmsprop_without_epsilon_is_the_lecture(self):
        start, gradients = problem(2)
        gradients = np.where(gradients == 0, 0.5, gradients)
        path = path_of(RMSprop(0.04, rho=0.9, epsilon=0.0), start, gradients, RATES)
        assert_same(path, by_coordinate(paper.rmsprop_lecture, start, gradients, rho=0.9))

    @pytest.mark.parametrize(("l1", "l2", "beta"), [(0.0, 0.0, 1.0), (0.7, 0.0, 1.0), (0.3, 0.6, 0.5)])
    def test_ftrl(self, l1, l2, beta):
        start, gradients = problem(3)
        path = path_of(Ftrl(0.04, l1=l1, l2=l2, beta=beta), start, gradients, RATES)
        told = {"beta": beta, "lambda_1": l1, "lambda_2": l2}
        assert_same(path, by_coordinate(paper.ftrl, start, gradients, **told))
        assert bool((path[:, 1:] == 0).any()) == bool(l1)  # what λ₁ is for

    def test_bias_corrected_yogi_is_another(self):
        start, gradients = problem(4)
        path = path_of(Yogi(0.04, bias_correction=True), start, gradients, RATES)
        told = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-3, "v_0": 1e-6}
        assert np.abs(path - by_coordinate(paper.yogi, start, gradients, **told)).max() > 1e-2

    def test_adam_without_bias_correction(self):
        """As AMSGrad's Algorithm 2 without its maximum; the first step is (1 − β₁)/√(1 − β₂) = 3.162 times too long."""
        theta, right = np.array([1.0]), np.array([1.0])
        Adam(0.1, bias_correction=False, epsilon=0.0).step(theta, np.array([2.0]))
        Adam(0.1, epsilon=0.0).step(right, np.array([2.0]))
        assert (1 - theta) / (1 - right) == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-12)


def cut(vector: np.ndarray) -> list[np.ndarray]:
    return [vector[t.where].reshape(t.shape) for t in LAYOUT]


def with_layout(optimizer: Optimizer) -> Optimizer:
    optimizer.layout = LAYOUT
    return optimizer


class TestTensorRules:
    start, gradients = problem(5, SIZE)
    pieces = tuple(cut(g) for g in gradients)

    @pytest.mark.parametrize("decay", [0.0, 0.3])
    def test_lamb(self, decay):
        optimizer = with_layout(LAMB(0.04, epsilon=1e-3, weight_decay=decay, **adam_like))
        expected = paper.lamb(cut(self.start), self.pieces, RATES, epsilon=1e-3, decay=decay, **adam_like)
        assert_same(path_of(optimizer, self.start, self.gradients, RATES), expected)

    def test_lamb_from_zero(self):
        """A tensor of zeros has the ratio 1, and so has a step of zeros."""
        start, gradients = np.zeros(SIZE), self.gradients.copy()
        gradients[:, LAYOUT[2].where] = 0.0
        expected = paper.lamb(cut(start), [cut(g) for g in gradients], RATES, epsilon=1e-6, decay=0.0, **adam_like)
        assert_same(path_of(with_layout(LAMB(0.04, **adam_like)), start, gradients, RATES), expected)

    @pytest.mark.parametrize(
        "told", [{}, {"decay": 0.3}, {"epsilon_1": 1e-4, "epsilon_2": 0.5}, {"d": 0.5}, {"power": 0.5}]
    )
    def test_adafactor(self, told):
        names = {"decay": "weight_decay", "d": "clip_threshold", "power": "beta_2_decay"}
        arguments = {names.get(k, k): -v if k == "power" else v for k, v in told.items()}
        gradients = np.where(self.gradients == 0, 1e-3, self.gradients) if told == {} else self.gradients
        rates = [10 * rate for rate in RATES]  # now above 1/√t, now below
        expected = paper.adafactor(cut(self.start), [cut(g) for g in gradients], rates, **told)
        assert_same(path_of(with_layout(Adafactor(0.4, **arguments)), self.start, gradients, rates), expected)

    @pytest.mark.parametrize("nesterov", [True, False])
    @pytest.mark.parametrize("decay", [0.0, 0.3])
    def test_muon(self, nesterov, decay):
        """Hidden matrices by Jordan's rule, biases and the output layer by Adam with a rate of its own."""
        optimizer = with_layout(
            Muon(0.04, nesterov=nesterov, weight_decay=decay, adam_lr_ratio=0.5, adam_weight_decay=decay, epsilon=1e-8)
        )
        path = path_of(optimizer, self.start, self.gradients, RATES)
        for tensor in LAYOUT:
            start, gradients = self.start[tensor.where], self.gradients[:, tensor.where]
            if tensor.name in ("weights[0]", "weights[1]"):
                matrices = [g.reshape(tensor.shape) for g in gradients]
                expected = paper.muon_matrix(start.reshape(tensor.shape), matrices, RATES, 0.95, nesterov, decay)
            else:
                half = [rate / 2 for rate in RATES]
                told = {"beta_1": 0.9, "beta_2": 0.95, "epsilon": 1e-8, "decay": decay}
                expected = by_coordinate(paper.adam, start, gradients, half, **told)
            np.testing.assert_allclose(path[:, tensor.where], expected, rtol=1e-9, atol=1e-11)

    def test_newton_schulz_lands_between_0_68_and_1_13(self):
        """Jordan 2024: where five steps lead singular values from 0.01 to 1 of a matrix of norm 1."""
        generator = np.random.default_rng(0)
        u, v = (np.linalg.qr(generator.normal(size=(n, 15)))[0] for n in (60, 20))
        values = np.geomspace(0.02, 0.8, 15) / np.linalg.norm(np.geomspace(0.02, 0.8, 15))
        reached = np.linalg.svd(paper.newton_schulz(u * values @ v.T), compute_uv=False)[:15]
        assert values.min() > 0.01
        assert reached.min() > 0.68 - 0.01 and reached.max() < 1.13 + 0.01


class TestWholeThetaRules:
    start, gradients = problem(6, 9)

    @pytest.mark.parametrize("decay", [0.0, 0.3])
    @pytest.mark.parametrize("momentum", [0.9, 0.3])
    def test_schedule_free_sgd(self, momentum, decay):
        optimizer = ScheduleFreeSGD(0.04, momentum=momentum, weight_decay=decay)
        y, x = paper.schedule_free_sgd(self.start, self.gradients, RATES, momentum, decay)
        path = path_of(optimizer, self.start, self.gradients, RATES)
        assert_same(path, y)
        assert_same(optimizer.evaluation_parameters(path[-1]), x[-1])

    def test_schedule_free_sgd_at_a_constant_rate_averages_the_z(self):
        optimizer, theta = ScheduleFreeSGD(0.1, momentum=0.0), self.start.copy()
        z, zs = self.start.copy(), []
        for gradient in self.gradients:
            optimizer.step(theta, gradient)
            z = z - 0.1 * gradient
            zs.append(z)
            np.testing.assert_allclose(optimizer.evaluation_parameters(theta), np.mean(zs, axis=0), rtol=1e-10)

    @pytest.mark.parametrize("warmup", [0, 10])
    @pytest.mark.parametrize("decay", [0.0, 0.3])
    def test_schedule_free_adamw(self, decay, warmup):
        optimizer = ScheduleFreeAdamW(0.04, epsilon=1e-3, weight_decay=decay, warmup_steps=warmup, **adam_like)
        told = {"epsilon": 1e-3, "decay": decay, "warmup": warmup, **adam_like}
        y, x = paper.schedule_free_adamw(self.start, self.gradients, RATES, **told)
        path = path_of(optimizer, self.start, self.gradients, RATES)
        assert_same(path, y)
        assert_same(optimizer.evaluation_parameters(path[-1]), x[-1])

    def towards(self, start: np.ndarray) -> np.ndarray:
        """Gradients that mostly agree, so that there is a distance to be found."""
        return self.gradients + np.sign(start - 5)

    @pytest.mark.parametrize("decay", [0.0, 0.3])
    @pytest.mark.parametrize(("momentum", "factor"), [(0.0, 1.0), (0.9, 2.0)])
    def test_d_adapt_sgd(self, momentum, factor, decay):
        optimizer = DAdaptSGD(1.0, momentum=momentum, d0=1e-3, d_coef=factor, weight_decay=decay)
        rates = [10 * rate for rate in RATES]
        gradients = self.towards(self.start)
        expected, ds = paper.d_adapt_sgd(self.start, gradients, rates, 1e-3, momentum, factor, decay)
        self.compare(optimizer, gradients, rates, expected, ds)

    @pytest.mark.parametrize("decay", [0.0, 0.3])
    def test_d_adapt_adam(self, decay):
        optimizer = DAdaptAdam(1.0, d0=1e-3, epsilon=1e-3, weight_decay=decay, **adam_like)
        rates = [10 * rate for rate in RATES]
        gradients = self.towards(self.start)
        expected, ds = paper.d_adapt_adam(self.start, gradients, rates, d0=1e-3, epsilon=1e-3, decay=decay, **adam_like)
        self.compare(optimizer, gradients, rates, expected, ds)

    @pytest.mark.parametrize(("decay", "factor"), [(0.0, 1.0), (0.3, 2.0)])
    def test_prodigy(self, decay, factor):
        optimizer = Prodigy(1.0, d0=1e-3, epsilon=1e-3, weight_decay=decay, d_coef=factor, **adam_like)
        rates = [10 * rate for rate in RATES]
        gradients = self.towards(self.start)
        expected, ds = paper.prodigy(
            self.start, gradients, rates, d0=1e-3, epsilon=1e-3, decay=decay, factor=factor, **adam_like
        )
        self.compare(optimizer, gradients, rates, expected, ds)

    def compare(self, optimizer, gradients, rates, expected, ds):
        theta = self.start.copy()
        for i, (gradient, rate) in enumerate(zip(gradients, rates, strict=True)):
            optimizer.learning_rate = rate
            optimizer.step(theta, gradient)
            np.testing.assert_allclose(theta, expected[i], rtol=1e-9, atol=1e-12)
            assert optimizer.scalars["d"] == pytest.approx(ds[i], rel=1e-9)
        assert len(set(ds)) > 5 and ds[-1] > 2 * ds[0]  # d grew, in several steps
