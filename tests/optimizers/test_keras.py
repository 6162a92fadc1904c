"""``"keras"`` is what ``keras.optimizers`` does: 200 steps side by side; the rival conventions must fail."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from cases import KERAS, KERAS_NAMES, SECOND_FORMS, is_kerass_rule_too

from nnopt_utils import optimizers
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam, Optimizer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras")]

LAYOUT = MLP([4, 6, 2]).layout
STEPS, SIZE = 200, LAYOUT[-1].where.stop
KEPT = [1, 2, 30, 100, 101, 102, 150, 200]
RATE_CHANGE = 100  # then a tenth of the rate

# What the base class does, on and off, each in some setting.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay_clipnorm": {"weight_decay": 0.1, "clipnorm": 2.0},
    "decay_global_clipnorm_ema": {"weight_decay": 0.1, "global_clipnorm": 3.0, "ema_momentum": 0.95},
    "clipvalue_accumulated": {"clipvalue": 0.5, "gradient_accumulation_steps": 3},
}


def spread_gradients() -> np.ndarray:
    """Sizes from 1e-6 to 10, a tenth of them zero; one entry in ten is always about 1e-6, and entry 5 always zero."""
    generator = np.random.default_rng(6)
    size = (STEPS, SIZE)
    values = 10.0 ** generator.uniform(-6, 1, size)
    values[:, ::10] = 1e-6 * generator.uniform(0.5, 2, size)[:, ::10]
    values *= generator.choice([-1.0, 1.0], size)
    values[generator.random(size) < 0.1] = 0.0
    values[:, 5] = 0.0
    return values.astype(np.float32)


GRADIENTS = spread_gradients()
START = np.random.default_rng(7).normal(size=SIZE).astype(np.float32)


def cut(vector: np.ndarray) -> list[np.ndarray]:
    return [vector[..., t.where].reshape(*vector.shape[:-1], *t.shape) for t in LAYOUT]


def segments() -> list[tuple[int, int]]:
    return list(zip([0, *KEPT], KEPT, strict=False))


@cache
def keras_path(rule: str, setting: str) -> tuple[np.ndarray, np.ndarray]:
    """θ after the kept steps, and the parameters that are judged at the end: θ, or an average."""
    import keras
    import tensorflow as tf

    name, arguments = KERAS[rule]
    told = {KERAS_NAMES.get(key, key): value for key, value in (arguments | SETTINGS[setting]).items()}
    if "ema_momentum" in told:
        told["use_ema"] = True
    if name == "Muon":
        told["exclude_layers"] = ["output"]
    optimizer = getattr(keras.optimizers, KERAS_NAMES.get(name, name))(**told)
    names = ["output" if t.name == LAYOUT[-2].name else f"tensor_{i}" for i, t in enumerate(LAYOUT)]
    variables = [keras.Variable(part, name=name) for part, name in zip(cut(START), names, strict=True)]
    gradients = [tf.constant(part) for part in cut(GRADIENTS)]
    optimizer.build(variables)

    @tf.function
    def steps(first, last):  # one graph for all steps: thirty times as fast as one step after the other
        for i in tf.range(first, last):
            optimizer.apply([g[i] for g in gradients], variables)

    path = []
    for first, last in segments():
        if first == RATE_CHANGE:
            optimizer.learning_rate = arguments["learning_rate"] / 10
        steps(tf.constant(first), tf.constant(last))
        path.append(np.concatenate([v.numpy().ravel() for v in variables]))
    optimizer.finalize_variable_values(variables)  # what `fit` does at the end, before it judges and saves
    return np.array(path), np.concatenate([v.numpy().ravel() for v in variables])


def our_optimizer(rule: str, setting: str, convention: str) -> Optimizer:
    """With the same arguments, and Keras's defaults, whatever the convention of the rule."""
    name, arguments = KERAS[rule]
    cls = getattr(optimizers, name)
    ours = {*cls.declared} - {"convention"}
    if convention != "keras":
        ours -= {"momentum_decay"}  # of Nadam: a part of Keras's rule, and no argument there
    defaults = {name: value for name, value in cls(convention="keras").hyperparameters.items() if name in ours}
    optimizer = cls(convention=convention, **{**defaults, **arguments, **SETTINGS[setting]})
    optimizer.layout = LAYOUT
    return optimizer


def our_path(rule: str, setting: str, convention: str) -> tuple[np.ndarray, np.ndarray]:
    optimizer, theta, path = our_optimizer(rule, setting, convention), START.copy(), []
    for t, gradient in enumerate(GRADIENTS, start=1):
        if t == RATE_CHANGE + 1:
            optimizer.learning_rate = optimizer.learning_rate / 10
        optimizer.step(theta, gradient)
        if t in KEPT:
            path.append(theta.copy())
    return np.array(path), optimizer.evaluation_parameters(theta)


def error(rule: str, setting: str, convention: str = "keras") -> float:
    """The largest |Δ| / (1e-3 + |θ|), over the kept steps and what is judged at the end."""
    ours, theirs = (np.vstack(both) for both in (our_path(rule, setting, convention), keras_path(rule, setting)))
    assert ours.dtype == theirs.dtype == np.float32
    return float((np.abs(ours - theirs) / (1e-3 + np.abs(theirs))).max())


def settings_of(rule: str) -> list[str]:
    """Schedule-free has an average of its own and refuses another."""
    few = ["plain", "decay_clipnorm" if rule.startswith("schedule_free") else "decay_global_clipnorm_ema"]
    own_average = rule.startswith("schedule_free")
    return few if rule in SECOND_FORMS else [s for s in SETTINGS if not (own_average and "ema" in s)]


RUNS = [(rule, setting) for rule in KERAS for setting in settings_of(rule)]


@pytest.mark.parametrize(("rule", "setting"), RUNS)
def test_equals_keras_and_the_rivals_do_not(rule, setting):
    """With the same arguments the rivals fail by at least a factor of ten, unless they are the same rule."""
    assert error(rule, setting) < 1e-4
    for convention in sorted({*getattr(optimizers, KERAS[rule][0]).conventions} - {"keras"}):
        rival = error(rule, setting, convention)
        if not is_kerass_rule_too(rule, convention, "weight_decay" in SETTINGS[setting]):
            assert rival > 1e-3, convention
        elif (rule, convention) != ("adamax", "pytorch"):  # where only gradients of 1e-6 see ε: 9e-4
            assert rival < 1e-4, convention


def test_every_optimizer_that_keras_has_is_here(keras):
    ours = {KERAS_NAMES.get(name, name) for name, _ in KERAS.values()}
    classes = {n for n in dir(keras.optimizers) if n[0].isupper()} - {"Optimizer", "LossScaleOptimizer"}
    classes -= {"OptimizerMap", "MultiOptimizer"}  # these hand variables to other optimizers
    assert {name for name in classes if not name.startswith("legacy")} <= ours


@pytest.mark.parametrize("name", sorted({name for name, _ in KERAS.values()}))
def test_defaults(keras, name):
    """An optimizer built without arguments has Keras's values."""
    theirs = getattr(keras.optimizers, KERAS_NAMES.get(name, name))().get_config()
    ours = getattr(optimizers, name)(convention="keras").hyperparameters
    not_theirs = {"convention", "ema_momentum", "gradient_accumulation_steps", "clipvalue", "clipnorm"}
    not_theirs |= {"global_clipnorm", "momentum_decay", "bias_correction", "dampening", "exclude_output"}
    for key, value in ours.items():
        if key in not_theirs:
            continue
        their_value = theirs[KERAS_NAMES.get(key, key)]
        assert value == pytest.approx(their_value or 0.0, rel=1e-6), key  # Keras keeps the rate in float32


# Golden values of Keras's own tests: variables 1, 2, 3, 4 and gradients 1, 6, 7, 2, one step at the rate 0.5.
GOLDEN = {
    "SGD": [0.5, -1.0, -0.5, 3.0],
    "Adam": [0.5, 1.5, 2.5, 3.5],
    "RMSprop": [-0.5811, 0.4189, 1.4189, 2.4189],
    "Adagrad": [0.5233, 1.5007, 2.5005, 3.5061],
    "Nadam": [0.4686, 1.4686, 2.4686, 3.4686],
    "Lion": [0.5, 1.5, 2.5, 3.5],
    "Adamax": [0.5, 1.5, 2.5, 3.5],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values(name):
    theta = np.array([1.0, 2.0, 3.0, 4.0])
    getattr(optimizers, name)(0.5, convention="keras").step(theta, np.array([1.0, 6.0, 7.0, 2.0]))
    np.testing.assert_allclose(theta, GOLDEN[name], atol=1e-4)


@pytest.mark.parametrize(("convention", "step"), [("keras", 2.4025e-4), ("pytorch", 9.9010e-4), ("paper", 9.9010e-4)])
def test_the_first_step_of_adam_on_a_small_gradient(convention, step):
    """The place of ε: g = 1e-6 and the rate 1e-3; ε̂ = 1e-7 acts like 3.162e-6 in Algorithm 1."""
    theta = np.zeros(1)
    Adam(1e-3, convention=convention).step(theta, np.array([1e-6]))
    assert -theta[0] == pytest.approx(step, abs=1e-8)
    same = np.zeros(1)
    Adam(1e-3, convention="paper", epsilon=1e-7 / np.sqrt(1 - 0.999)).step(same, np.array([1e-6]))
    if convention == "keras":
        assert same == pytest.approx(theta, rel=1e-12)
