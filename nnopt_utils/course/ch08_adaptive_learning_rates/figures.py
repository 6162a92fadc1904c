"""Figures of chapter 08: pure functions of their parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.plotting import COLOURS
from nnopt_utils.plotting.style import steady_figure

# Coefficients a, b, c of σ → a σ + b σ³ + c σ⁵. All three take 1 to about 1; they differ in how fast small σ grow.
POLYNOMIALS = {
    "Muon": (3.4445, -4.7750, 2.0315),
    "cubic, converges": (1.5, -0.5, 0.0),
    "quintic, converges": (1.875, -1.25, 0.375),
}


def polynomial(sigma: np.ndarray, coefficients: str = "Muon", steps: int = 5) -> np.ndarray:
    """Apply σ → a σ + b σ³ + c σ⁵ so many times: what Newton–Schulz does to every singular value.

    >>> polynomial(np.array([0.0, 1.0]), steps=1).round(3)
    array([0.   , 0.701])
    """
    a, b, c = POLYNOMIALS[coefficients]
    for _ in range(steps):
        sigma = a * sigma + b * sigma**3 + c * sigma**5
    return sigma


def newton_schulz_map(steps: int, smallest: float = 0.01, coefficients: str = "Muon") -> Figure:
    """The polynomial after some steps (left), and what becomes of 40 singular values from ``smallest`` to 1 (right)."""
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8)
    grid = np.geomspace(1e-3, 1, 2000)
    left.axhspan(0.68, 1.13, color="0.9", label="0.68 to 1.13")
    left.plot(grid, grid, color="0.6", linestyle=":", label="before")
    left.plot(grid, polynomial(grid, coefficients, steps), color=COLOURS["blue"], label=f"after {steps} steps")
    left.axvline(smallest, color=COLOURS["vermillion"], linestyle="--", linewidth=1)
    left.set(xscale="log", xlabel=r"singular value $\sigma$ before", ylabel="after", ylim=(0, 1.3))
    left.legend(loc="lower center", fontsize=8)

    before = np.geomspace(1, smallest, 40)
    after = polynomial(before, coefficients, steps)
    number = np.arange(1, 41)
    right.axhspan(0.68, 1.13, color="0.9")
    right.plot(number, before, "o", color="0.6", markersize=3, label="before")
    right.plot(number, after, "o", color=COLOURS["blue"], markersize=4, label="after")
    right.set(xlabel="number of the singular value", ylabel=r"$\sigma$", ylim=(0, 1.3))
    right.set_title(f"{coefficients}: from {after.min():.2f} to {after.max():.2f}")
    right.legend(fontsize=8)
    return figure
