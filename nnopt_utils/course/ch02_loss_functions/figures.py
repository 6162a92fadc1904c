"""Figures of chapter 02: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.activations import sigmoid
from nnopt_utils.losses import binary_cross_entropy, huber, mean_absolute_error, mean_squared_error
from nnopt_utils.plotting import COLOURS
from nnopt_utils.plotting.style import steady_figure

Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def wrong_by(logit: float) -> Figure:
    """Loss and gradient of one sigmoid unit whose target is 0, against its logit z: above 0 it is wrong.

    Compared are the squared error p², the cross-entropy from the logit, and the cross-entropy of a probability that was
    clipped to [1e-7, 1 − 1e-7].
    """
    z = np.sort(np.append(np.linspace(-10.0, 30.0, 401), logit))
    here = int(np.searchsorted(z, logit))
    curves = [
        ("cross-entropy from the logit", COLOURS["blue"], "-", _each(binary_cross_entropy, z)),
        ("cross-entropy, clipped at 1e-7", COLOURS["orange"], "--", _clipped(z)),
        ("squared error of the sigmoid", COLOURS["vermillion"], "-.", _squared(z)),
    ]
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8)
    for name, colour, line, (values, slopes) in curves:
        left.plot(z, values, line, color=colour, label=name)
        right.plot(z, slopes, line, color=colour, label=name)
        left.plot(z[here], values[here], "o", color=colour)
        right.plot(z[here], slopes[here], "o", color=colour)
    left.set(xlabel="logit $z$ (target 0)", ylabel="loss", title=f"loss at z = {logit:g}: {_listed(curves, 0, here)}")
    right.set(xlabel="logit $z$ (target 0)", ylabel=r"gradient $\partial J/\partial z$")
    right.set_title(f"gradient: {_listed(curves, 1, here)}")
    left.legend(loc="upper left")
    return figure


def line_with_outlier(outlier: float, delta: float) -> Figure:
    """Lines fitted to eleven points near y = 1 + 2x, one of which is moved to ``outlier``; and the pull of an error."""
    x, y = outlier_data(outlier)
    fits = [
        ("squared error", COLOURS["vermillion"], "-.", np.inf, mean_squared_error),
        (rf"Huber, $\delta$ = {delta:g}", COLOURS["blue"], "-", delta, lambda e, t: huber(e, t, delta)),
        ("absolute error", COLOURS["green"], "--", 0.0, mean_absolute_error),
    ]
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8)
    left.plot(x, y, "o", color="0.35")
    left.plot(x, 1 + 2 * x, color="0.75", linewidth=5, label="truth", zorder=1)
    error = np.linspace(-4.0, 4.0, 401)
    slopes = []
    for name, colour, line, threshold, loss in fits:
        intercept, slope = fit_line(x, y, threshold)
        slopes.append(f"{slope:.2f}")
        left.plot(x, intercept + slope * x, line, color=colour, label=name)
        right.plot(error, _each(loss, error)[1], line, color=colour, label=name)
    left.set(xlabel="input $x$", ylabel="output $y$", title=f"slopes {', '.join(slopes)}; truth 2")
    right.set(xlabel="error $e = o - y$", ylabel="gradient of the loss", title="how hard one error pulls")
    left.legend(loc="best")
    return figure


def outlier_data(outlier: float) -> tuple[np.ndarray, np.ndarray]:
    """Eleven points near y = 1 + 2x; the last but one is replaced by ``outlier``."""
    x = np.linspace(0.0, 1.0, 11)
    y = 1 + 2 * x + 0.1 * np.array([1, -1, 0.5, -0.5, -1, 1, 0, 0.5, -1, 0, 0.5])
    y[9] = outlier
    return x, y


def fit_line(x: np.ndarray, y: np.ndarray, delta: float, iterations: int = 300) -> tuple[float, float]:
    """Intercept and slope of the line with the smallest Huber loss; δ = ∞ is least squares, δ = 0 least absolute error.

    Iteratively reweighted least squares: an error beyond δ counts with the weight δ/|e|.
    """
    design = np.column_stack([np.ones_like(x), x])
    weights = np.ones_like(x)
    for _ in range(iterations if np.isfinite(delta) else 1):
        weighted = design * weights[:, None]
        line = np.linalg.solve(design.T @ weighted, weighted.T @ y)
        size = np.maximum(np.abs(design @ line - y), 1e-9)
        # Only ratios of the weights matter: with δ = 0 they are 1/|e|.
        weights = np.minimum(1.0, delta / size) if delta > 0 else 1e-9 / size
    return float(line[0]), float(line[1])


def _each(loss: Loss, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope of a loss with target 0 at each point, one sample at a time."""
    results = [loss(np.array([point]), np.zeros(1)) for point in points]
    return np.array([value for value, _ in results]), np.array([gradient[0] for _, gradient in results])


def _squared(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = sigmoid(z)
    return p**2, 2 * p * p * (1 - p)


def _clipped(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = sigmoid(z)
    inside = (p > 1e-7) & (p < 1 - 1e-7)
    return -np.log1p(-np.clip(p, 1e-7, 1 - 1e-7)), np.where(inside, p, 0.0)


def _listed(curves: list, which: int, here: int) -> str:
    return ", ".join(f"{curve[3][which][here]:.3g}" for curve in curves)
