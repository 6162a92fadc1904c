"""Record rates of ``torch.optim.lr_scheduler``: the recording that ``tests/schedules/test_schedules.py`` reads.

PyTorch is no dependency of this project. To record anew, install it somewhere else::

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python tests/schedules/record_pytorch_schedules.py

The file holds the settings of each case as JSON, and the rate of each step, from the first on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RATE, STEPS = 0.3, 100

# Names and values are those of torch.optim.lr_scheduler. A "sequential" case has a list of such cases.
CASES: dict[str, dict[str, Any]] = {
    "constant": {"class": "ConstantLR", "factor": 1.0},
    "step": {"class": "StepLR", "step_size": 7, "gamma": 0.5},
    "piecewise": {"class": "MultiStepLR", "milestones": [10, 40, 41], "gamma": 0.1},
    "exponential": {"class": "ExponentialLR", "gamma": 0.97},
    "polynomial": {"class": "PolynomialLR", "total_iters": 80, "power": 2.5},
    "line": {"class": "PolynomialLR", "total_iters": 80},
    "cosine": {"class": "CosineAnnealingLR", "T_max": 99, "eta_min": 0.03},
    "warmup": {"class": "LinearLR", "start_factor": 0.125, "total_iters": 7},
    "restarts": {"class": "CosineAnnealingWarmRestarts", "T_0": 12, "eta_min": 0.03},
    "restarts_longer": {"class": "CosineAnnealingWarmRestarts", "T_0": 12, "T_mult": 2},
    "one_cycle": {"class": "OneCycleLR", "max_lr": RATE, "total_steps": STEPS},
    "one_cycle_linear": {
        "class": "OneCycleLR",
        "max_lr": RATE,
        "total_steps": STEPS,
        "anneal_strategy": "linear",
        "pct_start": 0.45,
        "div_factor": 10.0,
        "final_div_factor": 100.0,
    },
    "one_cycle_no_rise": {"class": "OneCycleLR", "max_lr": RATE, "total_steps": STEPS, "pct_start": 0.0},
    "one_cycle_no_fall": {"class": "OneCycleLR", "max_lr": RATE, "total_steps": STEPS, "pct_start": 1.0},
    "warmup_cosine": {
        "class": "SequentialLR",
        "milestones": [8],
        "schedulers": [
            {"class": "LinearLR", "start_factor": 0.125, "total_iters": 7},
            {"class": "CosineAnnealingLR", "T_max": 92},
        ],
    },
    "warmup_stable_decay": {
        "class": "SequentialLR",
        "milestones": [8, 60],
        "schedulers": [
            {"class": "LinearLR", "start_factor": 0.125, "total_iters": 7},
            {"class": "ConstantLR", "factor": 1.0},
            {"class": "LinearLR", "start_factor": 1.0, "end_factor": 0.1, "total_iters": 40},
        ],
    },
    "three_parts": {
        "class": "SequentialLR",
        "milestones": [30, 50],
        "schedulers": [
            {"class": "StepLR", "step_size": 7, "gamma": 0.5},
            {"class": "ExponentialLR", "gamma": 0.9},
            {"class": "PolynomialLR", "total_iters": 20, "power": 2.0},
        ],
    },
}


def main() -> None:
    import torch  # here, so that a test run that imports every file does not need PyTorch

    def scheduler(case: dict[str, Any], optimizer: torch.optim.Optimizer) -> Any:
        arguments = {key: value for key, value in case.items() if key != "class"}
        if "schedulers" in arguments:
            arguments["schedulers"] = [scheduler(part, optimizer) for part in arguments["schedulers"]]
        return getattr(torch.optim.lr_scheduler, case["class"])(optimizer, **arguments)

    arrays = {}
    for name, case in CASES.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
        schedule = scheduler(case, optimizer)
        rates = []
        for step in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step < STEPS - 1:  # OneCycleLR raises beyond its last step
                schedule.step()
        arrays[name] = np.array(rates, dtype=np.float64)
    about = {"torch": torch.__version__, "rate": RATE, "steps": STEPS, "cases": CASES}
    np.savez_compressed(HERE / "pytorch.npz", about=np.array(json.dumps(about)), **arrays)
    print(f"wrote {HERE.name}/pytorch.npz: {len(CASES)} cases, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
