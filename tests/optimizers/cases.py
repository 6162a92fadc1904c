"""Every optimizer's evidence, one table a kind: what each is compared with, and where it must arrive.

A new optimizer has a row in ``PAPER``, in ``GRID``, and in ``KERAS`` and ``PYTORCH`` where its ``conventions`` name
them. ``test_proofs.py`` says which is missing. Nothing here imports the library: ``record_pytorch.py`` runs where it is
not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# -- the papers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paper:
    """An optimizer and the transcription of its paper in ``paper_algorithms.py``.

    Attributes:
        optimizer: the class.
        algorithm: the function.
        arguments: of the class, besides the rate and the decay.
        told: the same to the function, in the paper's names.
        kind: what the function takes: one ``"coordinate"``, a list of ``"tensors"``, or ``"all"`` of θ.
        decays: weight decays to try; ``None``: the function has none, or ``arguments`` and ``told`` have it.
        faster: a factor on the rates.
    """

    optimizer: str
    algorithm: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "coordinate"
    decays: tuple[float | None, ...] = (0.0, 0.2)
    faster: float = 1.0


BETAS = {"beta_1": 0.9, "beta_2": 0.999}
SHORT = {"beta_1": 0.85, "beta_2": 0.97}
DOZATS_MUS = [0.9 * (1 - 0.5 * 0.96 ** (t / 250)) for t in range(1, 62)]
MUON = {"adam_lr_ratio": 0.5, "epsilon": 1e-8}
FREE = {"epsilon": 1e-3, **SHORT}

PAPER: dict[str, Paper] = {
    "gradient_descent": Paper("GradientDescent", "gradient_descent"),
    "sgd": Paper("SGD", "gradient_descent"),
    "momentum": Paper("SGD", "heavy_ball", {"momentum": 0.8}, {"momentum": 0.8}),
    "nesterov": Paper("SGD", "nesterov_lookahead", {"momentum": 0.8, "nesterov": True}, {"momentum": 0.8}),
    "nesterov_two_sequences": Paper("Nesterov", "nesterov_two_sequences"),
    "nesterov_two_sequences_constant": Paper(
        "Nesterov", "nesterov_two_sequences", {"momentum": 0.8}, {"momentum": 0.8}
    ),
    "adagrad": Paper("Adagrad", "adagrad", {"epsilon": 1e-3}, {"delta": 1e-3}),
    "adadelta": Paper("Adadelta", "adadelta", {}, {"rho": 0.95, "epsilon": 1e-6}),
    "rmsprop": Paper(
        "RMSprop",
        "rmsprop_graves",
        {"rho": 0.8, "epsilon": 1e-4},
        {"rho": 0.8, "momentum": 0.0, "epsilon": 1e-4, "centered": False},
    ),
    "rmsprop_graves": Paper(
        "RMSprop", "rmsprop_graves", *[{"rho": 0.95, "momentum": 0.9, "epsilon": 1e-4, "centered": True}] * 2
    ),
    "adam": Paper("Adam", "adam", {}, {"epsilon": 1e-8, **BETAS}),
    "adam_betas": Paper("Adam", "adam", *[{"epsilon": 1e-3, **SHORT}] * 2),
    "amsgrad": Paper("Adam", "amsgrad", {"amsgrad": True, "epsilon": 1e-3, **SHORT}, {"epsilon": 1e-3, **SHORT}),
    "adamw": Paper("AdamW", "adamw", *[{"epsilon": 1e-3, **SHORT}] * 2),
    "adamax": Paper("Adamax", "adamax", SHORT, SHORT),
    "nadam": Paper("Nadam", "nadam", {}, {"mus": DOZATS_MUS, "nu": 0.999, "epsilon": 1e-8}),
    "radam": Paper("RAdam", "radam", {}, {"epsilon": 1e-8, **BETAS}),
    "radam_short_memory": Paper("RAdam", "radam", *[{"epsilon": 1e-3, **SHORT}] * 2),
    "yogi": Paper("Yogi", "yogi", {"initial_accumulator_value": 0.0, **SHORT}, {"epsilon": 1e-3, **SHORT}),
    "yogi_default_start": Paper("Yogi", "yogi", {}, {"epsilon": 1e-3, "v_0": 1e-6, **BETAS}),
    "adabelief": Paper("AdaBelief", "adabelief", {}, {"epsilon": 1e-8, **BETAS}),
    "adabelief_betas": Paper("AdaBelief", "adabelief", *[{"epsilon": 1e-3, **SHORT}] * 2),
    "lion": Paper("Lion", "lion", {}, {"beta_1": 0.9, "beta_2": 0.99}),
    "ftrl": Paper("Ftrl", "ftrl", {}, {"beta": 1.0, "lambda_1": 0.0, "lambda_2": 0.0}, decays=(None,)),
    "ftrl_l1": Paper("Ftrl", "ftrl", {"l1": 0.7}, {"beta": 1.0, "lambda_1": 0.7, "lambda_2": 0.0}, decays=(None,)),
    "ftrl_l2": Paper(
        "Ftrl",
        "ftrl",
        {"l1": 0.3, "l2": 0.6, "beta": 0.5},
        {"beta": 0.5, "lambda_1": 0.3, "lambda_2": 0.6},
        decays=(None,),
    ),
    "lamb": Paper("LAMB", "lamb", *[{"epsilon": 1e-3, **SHORT}] * 2, kind="tensors"),
    "adafactor": Paper("Adafactor", "adafactor", kind="tensors", faster=10.0),  # now above 1/√t, now below
    "adafactor_epsilons": Paper(
        "Adafactor", "adafactor", *[{"epsilon_1": 1e-4, "epsilon_2": 0.5}] * 2, kind="tensors", faster=10.0
    ),
    "adafactor_clipped": Paper("Adafactor", "adafactor", {"clip_threshold": 0.5}, {"d": 0.5}, "tensors", faster=10.0),
    "adafactor_memory": Paper("Adafactor", "adafactor", {"beta_2_decay": -0.5}, {"power": 0.5}, "tensors", faster=10.0),
    "muon": Paper("Muon", "muon", MUON, {}, "tensors", (None,)),
    "muon_decay": Paper(
        "Muon", "muon", {**MUON, "weight_decay": 0.3, "adam_weight_decay": 0.3}, {"decay": 0.3}, "tensors", (None,)
    ),
    "muon_plain": Paper("Muon", "muon", {**MUON, "nesterov": False}, {"nesterov": False}, "tensors", (None,)),
    "schedule_free_sgd": Paper("ScheduleFreeSGD", "schedule_free_sgd", {}, {"beta": 0.9}, "all"),
    "schedule_free_sgd_far": Paper("ScheduleFreeSGD", "schedule_free_sgd", {"momentum": 0.3}, {"beta": 0.3}, "all"),
    "schedule_free_sgd_at_z": Paper("ScheduleFreeSGD", "schedule_free_sgd", {"momentum": 0.0}, {"beta": 0.0}, "all"),
    "schedule_free_adamw": Paper("ScheduleFreeAdamW", "schedule_free_adamw", FREE, FREE, "all"),
    "schedule_free_adamw_at_z": Paper(
        "ScheduleFreeAdamW", "schedule_free_adamw", *[{**FREE, "beta_1": 0.0}] * 2, kind="all"
    ),
    "schedule_free_adamw_warmup": Paper(
        "ScheduleFreeAdamW", "schedule_free_adamw", {"warmup_steps": 10, **FREE}, {"warmup": 10, **FREE}, "all"
    ),
    "d_adapt_sgd": Paper("DAdaptSGD", "d_adapt_sgd", {"d0": 1e-3}, {"d0": 1e-3}, "all", faster=10.0),
    "d_adapt_sgd_momentum": Paper(
        "DAdaptSGD",
        "d_adapt_sgd",
        {"d0": 1e-3, "momentum": 0.9, "d_coef": 2.0},
        {"d0": 1e-3, "momentum": 0.9, "factor": 2.0},
        "all",
        faster=10.0,
    ),
    "d_adapt_adam": Paper("DAdaptAdam", "d_adapt_adam", *[{"d0": 1e-3, **FREE}] * 2, kind="all", faster=10.0),
    "prodigy": Paper("Prodigy", "prodigy", *[{"d0": 1e-3, **FREE}] * 2, kind="all", faster=10.0),
    "prodigy_coefficient": Paper(
        "Prodigy",
        "prodigy",
        {"d0": 1e-3, "d_coef": 2.0, **FREE},
        {"d0": 1e-3, "factor": 2.0, **FREE},
        "all",
        faster=10.0,
    ),
}

# -- Keras -----------------------------------------------------------------------------------------------------------

# (our class, arguments). Rates are such that the float32 in which Keras computes 1 − β₂ᵗ (6e-5 of it are rounding at
# t = 1) stays below the tolerance. Arguments have our names; KERAS_NAMES has Keras's where they differ.
KERAS: dict[str, tuple[str, dict[str, Any]]] = {
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

# Second forms of a rule are tried in two of them.
SECOND_FORMS = {"rmsprop_momentum", "adagrad_from_zero", "adam_betas", "adamax_epsilon", "ftrl_penalties", "muon_plain"}
SECOND_FORMS |= {"schedule_free_warmup", "amsgrad", "nesterov"}


def is_kerass_rule_too(rule: str, convention: str, decays: bool) -> bool:
    """Where another convention, told the same, is Keras's rule too."""
    if convention == "paper":
        always = ("sgd", "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "rmsprop_centered", "adagrad")
        always += ("adadelta", "adamax", "adamax_epsilon", "ftrl", "lion", "adafactor")
        return rule in always or (rule == "lamb" and not decays)
    # Plain SGD with L2 is plain SGD with decay. With v_0 = 0.1 there is no ε to see, nor with Adamax's default.
    return rule == "sgd" or (rule in ("adagrad", "adadelta", "adafactor", "adamax") and not decays)


# -- PyTorch ---------------------------------------------------------------------------------------------------------

# (optimizer, its arguments in PyTorch's names). "clip_norm" and "clip_value" are the training loop's, "dtype" is
# that of θ, "adamw" are arguments of the AdamW that Muon leaves vectors and the output layer to, and "bfloat16" says
# whether Newton–Schulz runs in it, as released, or in θ's own type.
PYTORCH: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd_default_rate": ("SGD", {"momentum": 0.5}),
    "sgd_momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "sgd_nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "sgd_dampening": ("SGD", {"lr": 0.01, "momentum": 0.8, "dampening": 0.4}),
    "sgd_decay": ("SGD", {"lr": 0.01, "weight_decay": 0.1}),
    "sgd_momentum_decay": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    "sgd_nesterov_decay": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "sgd_clip_norm": ("SGD", {"lr": 0.01, "momentum": 0.9, "clip_norm": 2.0}),
    "sgd_clip_value": ("SGD", {"lr": 0.01, "momentum": 0.9, "clip_value": 0.5}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop_centered": ("RMSprop", {"lr": 0.003, "centered": True}),
    "rmsprop_momentum": ("RMSprop", {"lr": 0.003, "alpha": 0.9, "momentum": 0.8}),
    "rmsprop_all": ("RMSprop", {"lr": 0.001, "centered": True, "momentum": 0.8, "weight_decay": 0.05}),
    "rmsprop_clip_norm": ("RMSprop", {"lr": 0.003, "clip_norm": 2.0}),
    "rmsprop_float64": ("RMSprop", {"lr": 0.003, "momentum": 0.8, "dtype": "float64"}),
    "adagrad": ("Adagrad", {}),
    "adagrad_decay": ("Adagrad", {"lr": 0.1, "weight_decay": 0.1}),
    "adagrad_start": ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.2}),
    "adadelta": ("Adadelta", {}),
    "adadelta_decay": ("Adadelta", {"lr": 0.5, "rho": 0.95, "weight_decay": 0.1}),
    "adam": ("Adam", {}),
    "adam_decay": ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "adam_betas": ("Adam", {"lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-6}),
    "adam_clip_norm": ("Adam", {"lr": 0.01, "clip_norm": 2.0}),
    "adam_float64": ("Adam", {"lr": 0.01, "weight_decay": 0.1, "dtype": "float64"}),
    "amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "amsgrad_decay": ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    "adamw": ("AdamW", {}),
    "adamw_decay": ("AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    "adamw_amsgrad": ("AdamW", {"lr": 0.003, "amsgrad": True}),
    "adamax": ("Adamax", {}),
    "adamax_large_eps": ("Adamax", {"lr": 0.05, "eps": 0.5}),
    "adamax_decay": ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    "nadam": ("NAdam", {}),
    "nadam_decay": ("NAdam", {"lr": 0.01, "weight_decay": 0.1}),
    "nadam_float64": ("NAdam", {"lr": 0.01, "dtype": "float64"}),
    "radam": ("RAdam", {}),
    "radam_decay": ("RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    "radam_short_memory": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.9]}),
    "adafactor": ("Adafactor", {}),
    "adafactor_decay": ("Adafactor", {"lr": 0.05, "weight_decay": 0.1}),
    "adafactor_float64": ("Adafactor", {"lr": 0.05, "dtype": "float64"}),
    "muon": ("Muon", {"lr": 0.002, "adamw": {"lr": 0.002}}),
    "muon_plain": ("Muon", {"lr": 0.005, "nesterov": False, "weight_decay": 0.0, "adamw": {"lr": 0.005}}),
    "muon_rms": ("Muon", {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "dtype": "float64", "adamw": {"lr": 0.02}}),
    "muon_float64": ("Muon", {"lr": 0.02, "dtype": "float64", "adamw": {"lr": 0.02}}),
    "muon_bfloat16": ("Muon", {"lr": 0.02, "bfloat16": True, "adamw": {"lr": 0.02}}),
}

# Where another convention is the same rule: without momentum, decay or ε that matters, or in float64 (Adafactor's ε).
PYTORCHS_RULE_TOO = {
    "paper": {"sgd", "sgd_decay", "adagrad", "adagrad_start", "adadelta", "adam", "adam_betas", "adam_clip_norm"}
    | {"adamw", "adamw_decay", "adamax", "adafactor_float64", "muon", "muon_plain", "muon_float64"},
    "keras": {"sgd", "sgd_decay", "adagrad_start", "adadelta", "adamax", "adafactor_float64"},
}

# -- problems --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """How an optimizer is sent to the minimum of a problem.

    Attributes:
        rate: falls to 0 along a cosine; a string is a multiple of 1/L, with the curvature L at the minimum.
        optimizer: the class, where it is not the row's name.
        arguments: other arguments.
        constant: take the rate as it is, without the cosine.
        steps: how many.
        not_on: problems that are left out.
    """

    rate: float | str
    optimizer: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    constant: bool = False
    steps: int = 1000
    not_on: tuple[str, ...] = ()


# The distance that D-Adaptation finds is a bound for convex functions only, and its SGD is for gradients that do not
# grow; on the plateau the first gradients say next to nothing about the distance, and a rate of 1/L is far too small.
GRID: dict[str, Run] = {
    "GradientDescent": Run("1.2", steps=4000),
    "SGD": Run("0.5", arguments={"momentum": 0.9}),
    "Nesterov": Run("1.0"),
    "Adagrad": Run(1.0),
    "Adadelta": Run(10.0),
    "RMSprop": Run(0.1),
    "Adam": Run(0.3),
    "AMSGrad": Run(0.3, "Adam", {"amsgrad": True}),
    "AdamW": Run(0.3, arguments={"weight_decay": 0.0}),
    "Adamax": Run(1.0),
    "Nadam": Run(0.3),
    "RAdam": Run(0.3, arguments={"global_clipnorm": 1.0}),  # its first steps are as long as gradients
    "Yogi": Run(0.3),
    "AdaBelief": Run(0.3),
    "Lion": Run(0.1),
    "Ftrl": Run(1.0, constant=True),  # θ is proportional to the rate
    "LAMB": Run(0.1),
    "Adafactor": Run(0.3),
    "Muon": Run(0.3, arguments={"adam_lr_ratio": 1.0}),
    "ScheduleFreeSGD": Run("1.0", constant=True, steps=4000, not_on=("plateau",)),
    "ScheduleFreeAdamW": Run(0.3, constant=True),
    "DAdaptSGD": Run(1.0, steps=4000, not_on=("himmelblau", "plateau", "ravine")),
    "DAdaptAdam": Run(1.0, not_on=("plateau",)),
    "Prodigy": Run(1.0, steps=4000, not_on=("plateau",)),
}

# Arguments that make another rule of a class.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "Nesterov": [{"momentum": 0.9}],
    "RMSprop": [{"momentum": 0.9}, {"centered": True}],
    "Adam": [{"amsgrad": True}, {"bias_correction": False}],
    "AdamW": [{"amsgrad": True}],
    "Ftrl": [{"l1": 0.1, "l2": 0.1, "l2_shrinkage": 0.1}],
    "Yogi": [{"bias_correction": True}],
    "Muon": [{"nesterov": False, "exclude_output": False}],
    "ScheduleFreeSGD": [{"warmup_steps": 5}],
    "DAdaptSGD": [{"momentum": 0.9}],
}
