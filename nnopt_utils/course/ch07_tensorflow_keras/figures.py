"""Figures of chapter 07: pure functions of their parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.plotting import COLOURS
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

# What a step costs us on one core, roughly; the chapter measures its own.
OUR_OVERHEAD = 0.1  # milliseconds a step for Python, NumPy's calls and everything else that does not grow
OUR_UPDATE = 3.0  # nanoseconds a parameter for Adam's step
OUR_SPEED = 100.0  # operations a nanosecond (10⁹ a second) in matrix products
WIDTHS = np.unique(np.geomspace(4, 4096, 241).round().astype(int))


def operations(layer_sizes: list[int]) -> int:
    """Multiplications and additions of training on one sample: forward, and backward but for the first layer's input.

    >>> operations([784, 64, 64, 10])
    229120
    """
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes)]
    return 6 * sum(weights) - 2 * weights[0]


def step_milliseconds(width: int, batch_size: int, overhead: float, update: float, speed: float) -> float:
    """Predicted time of a training step of 784-width-width-10, in milliseconds.

    Args:
        width: nodes of each hidden layer.
        batch_size: B, samples a step.
        overhead: c, milliseconds that a step takes whatever its size.
        update: u, nanoseconds a parameter.
        speed: s, operations a nanosecond.

    >>> round(step_milliseconds(64, 32, overhead=0.1, update=3.0, speed=100.0), 3)
    0.338
    """
    sizes = [784, width, width, 10]
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    return overhead + 1e-6 * (parameters * update + operations(sizes) * batch_size / speed)


def time_per_step(
    batch_size: int = 512,
    framework_overhead: float = 1.4,
    framework_update: float = 5.0,
    framework_speedup: float = 2.0,
) -> Figure:
    """Predicted time of a step against the width of the hidden layers, ours and a framework's.

    Args:
        batch_size: B, samples a step.
        framework_overhead: milliseconds that every step of the framework takes, whatever its size (ours: 0.1).
        framework_update: nanoseconds that its optimizer takes a parameter (ours: 3).
        framework_speedup: how many times as fast as ours its arithmetic is, for instance on two cores.
    """
    costs = framework_overhead, framework_update, OUR_SPEED * framework_speedup
    ours = [step_milliseconds(w, batch_size, OUR_OVERHEAD, OUR_UPDATE, OUR_SPEED) for w in WIDTHS]
    theirs = [step_milliseconds(w, batch_size, *costs) for w in WIDTHS]
    ahead = np.flatnonzero(np.array(theirs) < np.array(ours))

    figure, ax = steady_figure(width=6.5, height=3.8)
    ax.loglog(WIDTHS, ours, color=COLOURS["blue"], label="NumPy, one thread")
    ax.loglog(WIDTHS, theirs, "--", color=COLOURS["orange"], label="framework")
    for level, colour in ((OUR_OVERHEAD, "blue"), (framework_overhead, "orange")):
        ax.axhline(level, color=COLOURS[colour], linestyle=":", linewidth=1)
    ax.set(xlabel="width of the hidden layers", ylabel="milliseconds a step", ylim=(0.05, None))
    drop_minor_ticks(ax)
    if len(ahead):
        crossing = int(WIDTHS[ahead[0]])
        ax.axvline(crossing, color="black", linewidth=1)
        ax.set_title(f"batch {batch_size}: the framework is ahead from width {crossing} on")
    else:
        ax.set_title(f"batch {batch_size}: NumPy is ahead at every width shown")
    ax.legend(loc="upper left")
    return figure
