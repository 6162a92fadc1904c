"""Figures of chapter 02: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.activations import log_softmax, sigmoid, softmax
from nnopt_utils.datasets import sine_curve
from nnopt_utils.losses import binary_cross_entropy, huber, mean_absolute_error, mean_squared_error
from nnopt_utils.networks import MLP
from nnopt_utils.plotting import COLOURS, new_figure
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


def two_charges(data: np.ndarray, candidates: np.ndarray, squared: np.ndarray, absolute: np.ndarray) -> Figure:
    """Squared and absolute error of one constant prediction, each scaled to 0 … 1, and the data as ticks."""
    figure, ax = new_figure(width=6.5, height=3.6)
    for name, values, colour, line in (
        ("squared error", squared, "blue", "-"),
        ("absolute error", absolute, "vermillion", "--"),
    ):
        best = candidates[values.argmin()]
        scaled = (values - values.min()) / np.ptp(values)
        ax.plot(candidates, scaled, line, color=COLOURS[colour], label=f"{name}: best at {best:.2f}")
        ax.plot(best, 0, "o", color=COLOURS[colour])
    ax.plot(data, np.full(len(data), -0.06), "k|", markersize=9)
    ax.set(xlabel="prediction c, in minutes", ylabel="loss, scaled to 0 … 1")
    ax.legend(loc="upper center")
    return figure


def three_ways(gaps: np.ndarray) -> Figure:
    """Cross-entropy against the logit gap: from logits, from a clipped probability, and from a plain one."""
    rows = np.column_stack([np.zeros_like(gaps), gaps])
    p_right = softmax(rows)[:, 0]
    with np.errstate(divide="ignore"):
        plain = -np.log(p_right)
    curves = [
        ("from logits", -log_softmax(rows)[:, 0], "blue", "-", 1.8),
        ("clipped at 1e-7", -np.log(np.clip(p_right, 1e-7, 1 - 1e-7)), "orange", "--", 1.8),
        ("softmax, then log", plain, "vermillion", ":", 3.0),
    ]
    figure, ax = new_figure(width=6.5, height=3.6)
    for name, values, colour, line, width in curves:
        ax.plot(gaps, values, line, color=COLOURS[colour], linewidth=width, label=name)
    last = float(gaps[np.isfinite(plain)].max())
    if last < gaps.max():
        ax.axvline(last, color="0.6", linewidth=1)
        ax.text(last + 1, 40, "infinite\nbeyond", color="0.3")
    ax.set(xlabel="logit gap (wrong class − right class)", ylabel=f"cross-entropy, {gaps.dtype}")
    ax.legend()
    return figure


def gaps_of_logits(paths: dict[float, np.ndarray]) -> Figure:
    """The logit gap after each step, a curve for each share of label smoothing; ten classes."""
    figure, ax = new_figure(width=6.0, height=3.4)
    for (share, gaps), colour, line in zip(paths.items(), COLOURS.values(), ("-", "--", "-.", ":"), strict=False):
        ax.semilogx(np.arange(1, len(gaps) + 1), gaps, line, color=colour, label=f"smoothing s = {share:g}")
    ax.axhline(np.log(91), color="0.5", linestyle=":", label="ln 91")
    ax.set(xlabel="step t", ylabel="logit gap")
    ax.legend()
    return figure


def outputs_of_units(units: dict[tuple[str, float], list[float]]) -> Figure:
    """The output of a sigmoid unit at each step, a curve for each loss and start w = b."""
    figure, ax = new_figure(width=6.5, height=3.6)
    starts = list(dict.fromkeys(start for _, start in units))
    for (name, start), outputs in units.items():
        colour = COLOURS["vermillion"] if "squared" in name else COLOURS["blue"]
        line = "-" if start == starts[0] else "--"
        ax.plot(outputs, line, color=colour, label=f"{name}, start w = b = {start:g}")
    ax.set(xlabel="step t", ylabel="output p", ylim=(0, 1.02))
    ax.legend(loc="center", bbox_to_anchor=(0.4, 0.52))
    return figure


def powers(x: np.ndarray) -> np.ndarray:
    """x, x², …, x¹² of inputs between −π and π, scaled to [−1, 1]."""
    return (x / np.pi) ** np.arange(1, 13)


def ridge(x: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of the polynomial with the smallest half squared error plus L2 penalty on the weights."""
    features = powers(x)
    centred = features - features.mean(axis=0)
    system = centred.T @ centred / len(x) + strength * np.eye(12)
    weights = np.linalg.solve(system, centred.T @ (y - y.mean()) / len(x))
    return weights, y.mean(axis=0) - features.mean(axis=0) @ weights


def penalty_path(strengths: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared errors of the polynomial on its 15 points and on 500 new ones, for each strength of the penalty."""
    x, y = sine_curve(15, noise=0.3, seed=seed)
    x_new, y_new = sine_curve(500, noise=0.3, seed=seed + 100)
    errors = []
    for strength in strengths:
        weights, bias = ridge(x, y, strength)
        pairs = ((x, y), (x_new, y_new))
        errors.append([mean_squared_error(powers(inputs) @ weights + bias, targets)[0] for inputs, targets in pairs])
    on_data, on_new = np.transpose(errors)
    return on_data, on_new


def polynomials(strengths: np.ndarray, on_data: np.ndarray, on_new: np.ndarray) -> Figure:
    """Three polynomials on 15 points of a sine (left), and both errors against the penalty's strength (right)."""
    x, y = sine_curve(15, noise=0.3, seed=0)
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.8)
    grid = np.linspace(-np.pi, np.pi, 300)[:, None]
    left.plot(x, y, "o", color="0.35", label="15 points")
    left.plot(grid, np.sin(grid), color="0.75", linewidth=4, label="sin x")
    for strength, colour, line in ((1e-7, "vermillion", "-."), (1e-3, "blue", "-"), (1.0, "green", "--")):
        weights, bias = ridge(x, y, strength)
        left.plot(grid, powers(grid) @ weights + bias, line, color=COLOURS[colour], label=rf"$\lambda$ = {strength:g}")
    left.set(xlabel="input $x$", ylabel="output $y$", ylim=(-2.5, 2.5))
    right.loglog(strengths, on_data, "--", color=COLOURS["orange"], label="15 training points")
    right.loglog(strengths, on_new, color=COLOURS["blue"], label="500 new points")
    right.axhline(0.09, color="0.6", linewidth=1, label="noise alone, 0.3²")
    right.set(xlabel=r"strength $\lambda$", ylabel="mean squared error", ylim=(0.01, 2))
    left.legend()
    right.legend(loc="lower right")
    return figure


def weight_images(weights: np.ndarray) -> Figure:
    """The weights of ten classes, shape (784, 10), as images: blue for the class, red against it."""
    limit = float(np.quantile(np.abs(weights), 0.99))
    figure, axes = new_figure(2, 5, width=9.0, height=4.0)
    for k, ax in enumerate(axes.flat):
        image = ax.imshow(weights[:, k].reshape(28, 28), cmap="RdBu", vmin=-limit, vmax=limit)
        ax.set_title(str(k))
        ax.set_axis_off()
    figure.colorbar(image, ax=axes, shrink=0.8, label="weight")
    return figure


def direction_of(network: MLP, per_unit: bool, seed: int) -> np.ndarray:
    """A random direction for a network's θ: of length 10, or (per_unit) as long as the weights into each unit.

    Biases stay where they are.
    """
    direction = network.copy()
    direction.parameters = np.random.default_rng(seed).normal(size=network.n_parameters)
    for D, W, b in zip(direction.weights, network.weights, direction.biases, strict=True):
        if per_unit:
            D *= np.linalg.norm(W, axis=0) / np.linalg.norm(D, axis=0)
        b[:] = 0
    u = direction.parameters.astype(np.float64)
    return u if per_unit else 10 * u / np.linalg.norm(u)


def slices_of(network: MLP, x: np.ndarray, y: np.ndarray, shares: np.ndarray, per_unit: bool) -> np.ndarray:
    """J(θ + αu) for each share α, along ten random directions u; a row a direction."""
    directions = [direction_of(network, per_unit, seed) for seed in range(10)]
    return np.array([[network.loss(x, y, network.parameters + share * u) for share in shares] for u in directions])


def slices(shares: np.ndarray, raw: dict[str, np.ndarray], normalised: dict[str, np.ndarray]) -> Figure:
    """Slices of a loss, raw (left) and filter-normalised (right): a colour for each network, a curve a direction."""
    figure, axes = new_figure(1, 2, width=9.0, height=3.8)
    titles = ("all directions of length 10", "filter-normalised")
    for ax, curves, title in zip(axes, (raw, normalised), titles, strict=True):
        looks = zip(("blue", "vermillion", "green"), ("-", "--", ":"), (3.0, 1.2, 1.8), strict=True)
        for (name, values), (colour, line, width) in zip(curves.items(), looks, strict=True):
            drawn = ax.plot(shares, values.T, line, color=COLOURS[colour], linewidth=width, alpha=0.7)
            drawn[0].set_label(name)
        ax.set(xlabel=r"share $\alpha$ of the direction $u$", ylabel="training loss", title=title)
        ax.legend()
    return figure


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
