"""Record trajectories of ``torch.optim``: the recording that ``tests/optimizers/test_pytorch.py`` reads.

PyTorch is no dependency of this project. To record anew, install it somewhere else::

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python tests/optimizers/record_pytorch.py

The file holds the start, the gradient of every step, the settings of each case as JSON, and θ after a few steps. θ is
that of a small network, 4-6-3-2, in the order of ``MLP.layout``; PyTorch sees each weight matrix transposed, as its
linear layers store it, so that rules which look at a tensor's shape see the shape they would see in PyTorch.
"""

from __future__ import annotations

import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cases import PYTORCH

HERE = Path(__file__).parent
FILE = HERE / "pytorch.npz"
LAYER_SIZES = [4, 6, 3, 2]
STEPS, SEED = 200, 20
KEPT_STEPS = [1, 2, 10, 100, 101, 130, 200]
RATE_CHANGE = 100  # after so many steps each case goes on with a tenth of its rate


def shapes() -> list[tuple[int, ...]]:
    """Of the network's tensors, in the order of ``MLP.layout``: weights (fan-in, fan-out), then biases."""
    return [shape for fan_in, fan_out in pairwise(LAYER_SIZES) for shape in ((fan_in, fan_out), (fan_out,))]


def gradients() -> np.ndarray:
    """Magnitudes from 1e-6 to 10, a tenth of them exactly zero: float32, one row a step."""
    generator = np.random.default_rng(SEED)
    size = (STEPS, sum(map(np.prod, shapes())))
    values = 10.0 ** generator.uniform(-6, 1, size) * generator.choice([-1.0, 1.0], size)
    return np.where(generator.random(size) < 0.1, 0.0, values).astype(np.float32)


def parts(vector: np.ndarray) -> list[np.ndarray]:
    """Cut θ or g into tensors as PyTorch stores them: matrices are (fan-out, fan-in)."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes()])
    pieces = np.split(vector, ends[:-1])
    return [np.ascontiguousarray(p.reshape(s).T) for p, s in zip(pieces, shapes(), strict=True)]


def optimizers(torch: Any, name: str, arguments: dict[str, Any], theta: list[Any]) -> list[Any]:
    if name != "Muon":
        return [getattr(torch.optim, name)(theta, **arguments)]
    adamw = arguments.pop("adamw")
    hidden = [p for p in theta[:-2] if p.ndim == 2]
    others = [p for p in theta if all(p is not h for h in hidden)]
    return [torch.optim.Muon(hidden, **arguments), torch.optim.AdamW(others, **adamw)]


def trajectory(torch: Any, name: str, case: dict[str, Any], start: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """θ after the kept steps."""
    arguments = dict(case)
    clip_norm, clip_value = arguments.pop("clip_norm", None), arguments.pop("clip_value", None)
    dtype, bfloat16 = np.dtype(arguments.pop("dtype", "float32")), arguments.pop("bfloat16", False)
    if "betas" in arguments:
        arguments["betas"] = tuple(arguments["betas"])
    theta = [torch.nn.Parameter(torch.from_numpy(part)) for part in parts(start.astype(dtype))]
    used = optimizers(torch, name, arguments, theta)
    released, kept = torch.Tensor.bfloat16, []
    if not bfloat16:
        torch.Tensor.bfloat16 = torch.Tensor.clone
    for t, gradient in enumerate(recorded, start=1):
        for parameter, part in zip(theta, parts(gradient.astype(dtype)), strict=True):
            parameter.grad = torch.from_numpy(part)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(theta, clip_norm)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(theta, clip_value)
        for optimizer in used:
            if t == RATE_CHANGE + 1:
                optimizer.param_groups[0]["lr"] /= 10
            optimizer.step()
        if t in KEPT_STEPS:
            kept.append(np.concatenate([p.detach().numpy().T.ravel() for p in theta]))
    torch.Tensor.bfloat16 = released
    return np.array(kept)


def defaults(torch: Any, name: str) -> dict[str, Any]:
    """The optimizer's arguments when none is given."""
    signature = inspect.signature(getattr(torch.optim, name).__init__)
    return {key: p.default for key, p in signature.parameters.items() if p.default is not inspect.Parameter.empty}


def main() -> None:
    import torch  # here, so that a test run that imports every file does not need PyTorch

    recorded = gradients()
    start = np.random.default_rng(SEED + 1).normal(size=recorded.shape[1]).astype(np.float32)
    arrays = {"start": start, "gradients": recorded, "kept_steps": np.array(KEPT_STEPS)}
    for case, (name, arguments) in PYTORCH.items():
        arrays[case] = trajectory(torch, name, arguments, start, recorded)
    about = {
        "torch": torch.__version__,
        "rate_change": RATE_CHANGE,
        "layer_sizes": LAYER_SIZES,
        "cases": PYTORCH,
        "defaults": {name: defaults(torch, name) for name, _ in PYTORCH.values()},
    }
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    size = FILE.stat().st_size / 1e3
    print(f"wrote {FILE.name}: {len(PYTORCH)} cases, {size:.0f} kB, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
