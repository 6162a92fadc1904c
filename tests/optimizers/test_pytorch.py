"""``"pytorch"`` is what ``torch.optim`` does: 200 steps recorded by ``record_pytorch.py``; rivals must fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PYTORCHS_RULE_TOO

from nnopt_utils import optimizers
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer

GOLDEN = Path(__file__).parent / "pytorch.npz"
RECORDED = np.load(GOLDEN)
ABOUT = json.loads(str(RECORDED["about"]))
CASES = ABOUT["cases"]
LAYOUT = MLP(ABOUT["layer_sizes"]).layout

NAMES = {"lr": "learning_rate", "alpha": "rho", "eps": "epsilon", "clip_norm": "global_clipnorm"}
NAMES |= {"clip_value": "clipvalue", "NAdam": "Nadam"}


def our_optimizer(case: str, convention: str) -> Optimizer:
    """The optimizer of a case with the same arguments; what PyTorch was not told is PyTorch's default here too."""
    name, told = CASES[case]
    cls = getattr(optimizers, NAMES.get(name, name))
    arguments: dict[str, Any] = cls(convention="pytorch").hyperparameters | {"convention": None}
    for key, value in told.items():
        if key == "betas":
            arguments["beta_1"], arguments["beta_2"] = value
        elif key not in ("dtype", "adamw", "bfloat16", "adjust_lr_fn"):
            arguments[NAMES.get(key, key)] = value
    if convention != "pytorch":
        for pytorchs_own in ("dampening", "momentum_decay"):
            arguments.pop(pytorchs_own, None)
    optimizer = cls(**{**arguments, "convention": convention})
    optimizer.layout = LAYOUT
    return optimizer


def error(case: str, convention: str = "pytorch", only: tuple[str, ...] = ()) -> float:
    """The largest |Δ| / (1e-3 + |θ|) over all kept steps, of all tensors or only of some."""
    dtype = CASES[case][1].get("dtype", "float32")
    optimizer, theta = our_optimizer(case, convention), RECORDED["start"].astype(dtype)
    path = []
    for t, gradient in enumerate(RECORDED["gradients"].astype(dtype)):
        if t == ABOUT["rate_change"]:
            optimizer.learning_rate = optimizer.learning_rate / 10
        optimizer.step(theta, gradient)
        path.append(theta.copy())
    ours, theirs = np.array(path)[RECORDED["kept_steps"] - 1], RECORDED[case]
    assert ours.dtype == theirs.dtype == dtype
    relative = np.abs(ours.astype(float) - theirs) / (1e-3 + np.abs(theirs))
    return max(float(relative[:, t.where].max()) for t in LAYOUT if not only or t.name in only)


@pytest.mark.parametrize("case", sorted(set(CASES) - {"muon_bfloat16", "muon_rms"}))
def test_equals_pytorch(case):
    tolerance = 1e-12 if CASES[case][1].get("dtype") == "float64" else 1e-4
    if case == "nadam_float64":
        tolerance = 1e-7  # PyTorch keeps the product of the μ's in float32
    assert error(case) < tolerance


@pytest.mark.parametrize("convention", ["paper", "keras"])
@pytest.mark.parametrize("case", CASES)
def test_the_rival_conventions_do_not(case, convention):
    """With the same arguments: they fail the test above by at least a factor of ten, or are named as the same rule."""
    cls = type(our_optimizer(case, "pytorch"))
    if convention not in cls.conventions:
        with pytest.raises(ValueError, match="convention: got"):
            our_optimizer(case, convention)
    elif case in PYTORCHS_RULE_TOO[convention]:
        assert error(case, convention) < 1e-4
    else:
        assert error(case, convention) > 1e-3


def test_muon_with_moonlight_rates_is_the_keras_rule():
    """``adjust_lr_fn="match_rms_adamw"``: hidden matrices as in Keras; the others, Adam, have Keras's ε there."""
    hidden = ("weights[0]", "weights[1]")
    assert error("muon_rms", "keras", hidden) < 1e-6
    assert error("muon_rms", "pytorch", hidden) > 1e-3


def test_muon_as_released_computes_in_bfloat16():
    """That alone moves θ by more than any rounding of ours, and by less than another rule."""
    assert 1e-2 < error("muon_bfloat16", only=("weights[0]", "weights[1]")) < 0.5
    assert error("muon_bfloat16", only=("biases[0]", "biases[1]", "weights[2]", "biases[2]")) < 1e-4


@pytest.mark.parametrize("name", ABOUT["defaults"])
def test_defaults(name):
    theirs = ABOUT["defaults"][name]
    ours = getattr(optimizers, NAMES.get(name, name))(convention="pytorch").hyperparameters
    names = NAMES | {"beta2_decay": "beta_2_decay", "d": "clip_threshold"}
    skipped = {"maximize", "foreach", "differentiable", "fused", "capturable", "decoupled_weight_decay", "lr_decay"}
    skipped |= {"ns_coefficients", "adjust_lr_fn"}
    if name in ("Adafactor", "Muon"):  # Adafactor's is a pair, Muon's the floor under a norm
        skipped.add("eps")
    for key, value in theirs.items():
        if key == "betas":
            assert [ours["beta_1"], ours["beta_2"]] == value
        elif key not in skipped:
            assert ours[names.get(key, key)] == value, key
    if name == "Adafactor":
        assert [ours["epsilon_1"], ours["epsilon_2"]] == theirs["eps"]


def test_the_recording_is_small_and_moves():
    assert GOLDEN.stat().st_size < 200_000
    assert ABOUT["torch"].startswith("2.13.")
    for case in CASES:
        assert np.abs(RECORDED[case][-1] - RECORDED["start"]).max() > 0.01
