"""``"keras"`` is what ``keras.optimizers`` does: 200 steps side by side; the rival conventions must fail."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from nnopt_utils import optimizers
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam, Optimizer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras")]

LAYOUT = MLP([4, 6, 2]).layout
STEPS, SIZE = 200, LAYOUT[-1].where.stop
KEPT = [1, 2, 30, 100, 101, 102, 150, 200]
RATE_CHANGE = 100  # then a tenth of the rate

# (our class, arguments). Rates are such that the float32 in which Keras computes 1 − β₂ᵗ (6e-5 of it are rounding at
# t = 1) stays below the tolerance. Arguments have our names; KERAS_NAMES has Keras's where they differ.
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.02}),
    "momentum": ("SGD", {"learning_rate": 0.01, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.003}),
    "rmsprop_momentum": ("RMSprop", {"learning_rate": 0.003, "momentum": 0.8, "rho": 0.95}),
    "rmsprop_centered": ("RMSprop", {"learning_rate": 0.003, "momentum": 0.5, "centered": True}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1}),
    "adagrad_from_zero": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.0}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0}),
    "adam": ("Adam", {"learning_rate": 0.002}),
    "adam_betas": ("Adam", {"learning_rate": 0.005, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5}),
    "amsgrad": ("Adam", {"learning_rate": 0.002, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.002}),
    "adamax": ("Adamax", {"learning_rate": 0.01}),
    "adamax_epsilon": ("Adamax", {"learning_rate": 0.01, "epsilon": 0.3}),
    "nadam": ("Nadam", {"learning_rate": 0.01}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05}),
    "ftrl_penalties": (
        "Ftrl",
        {"learning_rate": 0.05, "l1": 0.3, "l2": 0.4, "l2_shrinkage": 0.1, "beta": 0.5, "learning_rate_power": -0.4},
    ),
    "lion": ("Lion", {"learning_rate": 0.002}),
    "lamb": ("LAMB", {"learning_rate": 0.02}),
    "adafactor": ("Adafactor", {"learning_rate": 0.02}),
    "muon": ("Muon", {"learning_rate": 0.002}),
    "muon_plain": ("Muon", {"learning_rate": 0.002, "nesterov": False, "adam_lr_ratio": 0.5}),
    "schedule_free_adamw": ("ScheduleFreeAdamW", {"learning_rate": 0.01}),
    "schedule_free_warmup": ("ScheduleFreeAdamW", {"learning_rate": 0.01, "warmup_steps": 30}),
}
KERAS_NAMES = {"LAMB": "Lamb", "l1": "l1_regularization_strength", "l2": "l2_regularization_strength"}
KERAS_NAMES["l2_shrinkage"] = "l2_shrinkage_regularization_strength"

# What the base class does, on and off, each in some setting.
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay_clipnorm": {"weight_decay": 0.1, "clipnorm": 2.0},
    "decay_global_clipnorm_ema": {"weight_decay": 0.1, "global_clipnorm": 3.0, "ema_momentum": 0.95},
    "clipvalue_accumulated": {"clipvalue": 0.5, "gradient_accumulation_steps": 3},
}
# Second forms of a rule are tried in two of them.
SECOND_FORMS = {"rmsprop_momentum", "adagrad_from_zero", "adam_betas", "adamax_epsilon", "ftrl_penalties", "muon_plain"}
SECOND_FORMS |= {"schedule_free_warmup", "amsgrad", "nesterov"}


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
def keras_path(rule: str, setting: str) -> tuple[np.ndarray, np.ndarray | None]:
    """θ after the kept steps, and the average of the parameters at the end, where there is one."""
    import keras
    import tensorflow as tf

    name, arguments = RULES[rule]
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
    if not optimizer.use_ema:
        return np.array(path), None
    return np.array(path), np.concatenate([v.numpy().ravel() for v in optimizer._model_variables_moving_average])


def our_optimizer(rule: str, setting: str, convention: str) -> Optimizer:
    """With the same arguments, and Keras's defaults, whatever the convention of the rule."""
    name, arguments = RULES[rule]
    cls = getattr(optimizers, name)
    defaults = dict(cls.defaults["keras"])
    if convention != "keras":
        defaults.pop("momentum_decay", None)  # of Nadam: a part of Keras's rule, and no argument there
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
    """The largest |Δ| / (1e-3 + |θ|), over the kept steps and the average."""
    theirs, average = keras_path(rule, setting)
    ours, our_average = our_path(rule, setting, convention)
    if average is not None:
        ours, theirs = np.vstack([ours, our_average]), np.vstack([theirs, average])
    assert ours.dtype == theirs.dtype == np.float32
    return float((np.abs(ours - theirs) / (1e-3 + np.abs(theirs))).max())


def settings_of(rule: str) -> list[str]:
    """Schedule-free has an average of its own and refuses another."""
    few = ["plain", "decay_clipnorm" if rule.startswith("schedule_free") else "decay_global_clipnorm_ema"]
    own_average = rule.startswith("schedule_free")
    return few if rule in SECOND_FORMS else [s for s in SETTINGS if not (own_average and "ema" in s)]


RUNS = [(rule, setting) for rule in RULES for setting in settings_of(rule)]


def is_the_same_rule(rule: str, setting: str, convention: str) -> bool:
    """Where another convention, told the same, is Keras's rule too."""
    decays = "weight_decay" in SETTINGS[setting]
    if convention == "paper":
        always = ("sgd", "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "rmsprop_centered", "adagrad")
        always += ("adadelta", "adamax", "adamax_epsilon", "ftrl", "lion", "adafactor")
        return rule in always or (rule == "lamb" and not decays)
    # Plain SGD with L2 is plain SGD with decay. With v_0 = 0.1 there is no ε to see, nor with Adamax's default.
    return rule == "sgd" or (rule in ("adagrad", "adadelta", "adafactor", "adamax") and not decays)


@pytest.mark.parametrize(("rule", "setting"), RUNS)
def test_equals_keras_and_the_rivals_do_not(rule, setting):
    """With the same arguments the rivals fail by at least a factor of ten, unless they are the same rule."""
    assert error(rule, setting) < 1e-4
    for convention in sorted({*getattr(optimizers, RULES[rule][0]).conventions} - {"keras"}):
        rival = error(rule, setting, convention)
        if not is_the_same_rule(rule, setting, convention):
            assert rival > 1e-3, convention
        elif (rule, convention) != ("adamax", "pytorch"):  # where only gradients of 1e-6 see ε: 9e-4
            assert rival < 1e-4, convention


def test_every_optimizer_that_keras_has_is_here(keras):
    ours = {KERAS_NAMES.get(name, name) for name, _ in RULES.values()}
    classes = {n for n in dir(keras.optimizers) if n[0].isupper()} - {"Optimizer", "LossScaleOptimizer"}
    classes -= {"OptimizerMap", "MultiOptimizer"}  # these hand variables to other optimizers
    assert {name for name in classes if not name.startswith("legacy")} <= ours


@pytest.mark.parametrize("name", sorted({name for name, _ in RULES.values()}))
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
