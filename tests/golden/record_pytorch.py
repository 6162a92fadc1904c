"""Record trajectories of ``torch.optim.SGD``: the golden file that ``tests/test_optimizers.py`` reads.

PyTorch is no dependency of this project. To record anew, install it somewhere else::

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python tests/golden/record_pytorch.py

The file holds the start, the gradient of every step, the settings of each case as JSON, and θ after a few steps.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DIMENSION, STEPS, SEED = 12, 60, 20
KEPT_STEPS = [1, 2, 3, 10, 30, 31, 32, 40, 60]
RATE_CHANGE = 30  # after so many steps, where a case has a second rate

# Names and values are those of torch.optim.SGD; "second_rate" and "clip" are the training loop's.
CASES: dict[str, dict[str, float | bool]] = {
    "plain": {"lr": 0.01},
    "momentum": {"lr": 0.01, "momentum": 0.9},
    "nesterov": {"lr": 0.01, "momentum": 0.9, "nesterov": True},
    "dampening": {"lr": 0.01, "momentum": 0.9, "dampening": 0.9},
    "half_dampening": {"lr": 0.01, "momentum": 0.8, "dampening": 0.4},
    "weight_decay": {"lr": 0.01, "weight_decay": 0.1},
    "momentum_weight_decay": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
    "nesterov_weight_decay": {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "momentum_rate_change": {"lr": 0.01, "momentum": 0.9, "second_rate": 0.001},
    "nesterov_rate_change": {"lr": 0.01, "momentum": 0.9, "nesterov": True, "second_rate": 0.001},
    "momentum_clip_by_norm": {"lr": 0.01, "momentum": 0.9, "clip": 2.0},
    "default_rate": {"momentum": 0.5},
}


def gradients() -> np.ndarray:
    """Magnitudes from 1e-6 to 10, a tenth of them exactly zero: float32, one row a step."""
    generator = np.random.default_rng(SEED)
    size = (STEPS, DIMENSION)
    values = 10.0 ** generator.uniform(-6, 1, size) * generator.choice([-1.0, 1.0], size)
    return np.where(generator.random(size) < 0.1, 0.0, values).astype(np.float32)


def main() -> None:
    import torch  # here, so that a test run that imports every file does not need PyTorch

    recorded_gradients = gradients()
    start = np.random.default_rng(SEED + 1).normal(size=DIMENSION).astype(np.float32)
    arrays = {"start": start, "gradients": recorded_gradients, "kept_steps": np.array(KEPT_STEPS)}
    for name, case in CASES.items():
        arguments = {key: value for key, value in case.items() if key not in ("second_rate", "clip")}
        theta = torch.nn.Parameter(torch.from_numpy(start.copy()))
        optimizer = torch.optim.SGD([theta], **arguments)
        kept = []
        for t, gradient in enumerate(recorded_gradients, start=1):
            theta.grad = torch.from_numpy(gradient.copy())
            if "clip" in case:
                torch.nn.utils.clip_grad_norm_([theta], case["clip"])
            if "second_rate" in case and t == RATE_CHANGE + 1:
                optimizer.param_groups[0]["lr"] = case["second_rate"]
            optimizer.step()
            if t in KEPT_STEPS:
                kept.append(theta.detach().numpy().copy())
        arrays[f"theta_{name}"] = np.array(kept)
    about = {"torch": torch.__version__, "rate_change": RATE_CHANGE, "cases": CASES}
    np.savez_compressed(HERE / "pytorch_sgd.npz", about=np.array(json.dumps(about)), **arrays)
    print(f"wrote {HERE.name}/pytorch_sgd.npz: {len(CASES)} cases, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
