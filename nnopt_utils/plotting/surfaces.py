"""Functions of two parameters: contours, the paths of optimizers on them, slices through a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator

from nnopt_utils._validation import check_array, describe
from nnopt_utils.history import Trajectory
from nnopt_utils.plotting.style import COLOURS, check_labelled, dress, legend, look, own_or_new, spaced_markers, styled
from nnopt_utils.problems.base import Domain
from nnopt_utils.problems.objectives import FunctionObjective, NetworkObjective

# Pale where the function is low, never dark: paths in any colour stand out on it.
_SURFACE = LinearSegmentedColormap.from_list("nnopt_surface", ["#FFFFFF", "#B4BEC9"])
_GRID_POINTS = 201
_LEVELS = 16


@styled
def plot_contours(problem: Any, ax: Axes | None = None, log_levels: bool = True, domain: Domain | None = None) -> Axes:
    r"""Draw the contours of a function of two parameters on its domain, and a star at each minimum.

    Args:
        problem: a 2-D problem: ``value(theta)`` for theta of shape (..., 2), ``domain`` ((x0, x1), (y0, y1)), and if
            it has them ``minimum`` or ``minima``, and ``minimum_value``. A ``FunctionObjective`` or a
            ``NetworkObjective`` of two parameters will do, too, with a ``domain``.
        ax: where to draw; default a new figure.
        log_levels: whether the levels of J − J* are a geometric sequence; default yes, as else a narrow valley shows
            no contour at all. A function without a minimum always has evenly spaced levels.
        domain: ((x0, x1), (y0, y1)), the part of the plane to draw; default the problem's own.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: ``problem`` is not such a problem, ``ax`` is not an Axes.

    Example:
        >>> from nnopt_utils.problems import Rosenbrock
        >>> plot_contours(Rosenbrock()).get_xlabel()
        '$\\theta[0]$'
    """
    (x0, x1), (y0, y1) = _check_domain(problem, domain)
    x, y = np.linspace(x0, x1, _GRID_POINTS), np.linspace(y0, y1, _GRID_POINTS)
    values = _values(problem, np.stack(np.meshgrid(x, y), axis=-1))
    if values.shape != (_GRID_POINTS, _GRID_POINTS):
        raise ValueError(f"problem: value gave {describe(values)}; expected one value a point of the grid")
    minima = _minima(problem)
    lowest = getattr(problem, "minimum_value", None)
    height = values - (values.min() if lowest is None else lowest)
    levels, norm = _levels(height, log_levels and len(minima) > 0)
    if isinstance(norm, LogNorm):
        height = np.maximum(height, levels[0] / 2)  # 0 has no logarithm
    ax = own_or_new(ax, width=6.5, height=4.8)
    ax.contourf(x, y, height, levels=levels, norm=norm, cmap=_SURFACE, extend="both", zorder=0)
    ax.contour(x, y, height, levels=levels, colors="#7C8896", linewidths=0.6, zorder=1)
    inside = [point for point in minima if x0 <= point[0] <= x1 and y0 <= point[1] <= y1]
    if inside:
        ax.plot(
            *np.transpose(inside),
            linestyle="none",
            marker="*",
            markersize=14,
            color=COLOURS["yellow"],
            markeredgecolor="black",
            label="minimum" if len(inside) == 1 else "minima",
            zorder=4,
        )
    ax.grid(False)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), xlabel=r"$\theta[0]$", ylabel=r"$\theta[1]$")
    if 1 / 3 <= (y1 - y0) / (x1 - x0) <= 3:
        ax.set_aspect("equal")  # only then is the gradient seen at right angles to the contours
    return ax


@styled
def plot_trajectories(
    problem: Any, trajectories: Mapping[str, Trajectory], ax: Axes | None = None, domain: Domain | None = None
) -> Axes:
    r"""Draw the paths of optimizers on the contours of a function of two parameters.

    A path that leaves the domain is cut at its edge. A diverged one says so in the legend.

    Args:
        problem, domain: as in :func:`plot_contours`.
        trajectories: label → what ``minimize`` returned.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, a trajectory that is not of two parameters.

    Example:
        >>> from nnopt_utils.optimizers import GradientDescent
        >>> from nnopt_utils.problems import Quadratic
        >>> from nnopt_utils.training import minimize
        >>> problem = Quadratic([1.0, 10.0])
        >>> ax = plot_trajectories(problem, {"gradient descent": minimize(problem, GradientDescent(0.1), steps=20)})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['gradient descent', 'start', 'minimum']
    """
    (x0, x1), (y0, y1) = _check_domain(problem, domain)
    paths = check_labelled("trajectories", trajectories, "a Trajectory")
    for label, trajectory in paths.items():
        if not isinstance(trajectory, Trajectory) or trajectory.points.shape[1:] != (2,):
            raise TypeError(
                f"trajectories[{label!r}]: got {describe(trajectory)}; expected a Trajectory of 2 parameters"
            )
    ax = own_or_new(ax, width=7.5, height=4.8)
    already_drawn = len(ax.lines)
    plot_contours(problem, ax, domain=domain)
    minimum = ax.lines[already_drawn:]
    centre, reach = np.array([x0 + x1, y0 + y1]) / 2, max(x1 - x0, y1 - y0)
    for index, (label, trajectory) in enumerate(paths.items()):
        points = _nearer(trajectory.points, centre, 1e4 * reach)
        colour, _, marker = look(index)
        every = spaced_markers(len(points), index, len(paths))
        label = f"{label} (diverged)" if trajectory.diverged else label
        ax.plot(
            *points.T, color=colour, marker=marker, markersize=4, markevery=every, linewidth=1.5, label=label, zorder=3
        )
    starts = np.unique([trajectory.points[0] for trajectory in paths.values()], axis=0)
    ax.plot(
        *starts.T,
        linestyle="none",
        marker="o",
        markersize=9,
        color="white",
        markeredgecolor="black",
        markeredgewidth=1.5,
        label="start",
        zorder=5,
    )
    for line in minimum:  # the legend's last entry
        line.remove()
        ax.add_line(line)
    ax.set(xlim=(x0, x1), ylim=(y0, y1))
    legend(ax)
    return ax


@styled
def plot_loss_slice(
    alphas: Any,
    betas: Any,
    values: Any,
    ax: Axes | None = None,
    *,
    log_levels: bool = False,
    limits: tuple[float, float] | None = None,
    label: str = "loss",
) -> Axes:
    r"""Draw a loss on a plane through the parameters: :math:`J(\theta + \alpha u + \beta v)`.

    Args:
        alphas: α, shape (A,), increasing, A >= 2.
        betas: β, shape (B,), increasing, B >= 2.
        values: J, shape (A, B): ``values[i, j]`` belongs to ``alphas[i]`` and ``betas[j]``.
        ax: where to draw; default a new figure.
        log_levels: whether the levels are a geometric sequence, for positive values of many magnitudes; default no.
        limits: (lowest, highest) loss of the colour bar; default those of ``values``. Slices that are compared need
            the same, or a flat one looks like a steep one.
        label: of the colour bar.

    Returns:
        The axes. A cross marks θ itself, α = β = 0, if it is in view.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> alphas = np.linspace(-1.0, 1.0, 21)
        >>> ax = plot_loss_slice(alphas, alphas, alphas[:, None] ** 2 + 5 * alphas**2)
        >>> ax.get_xlim()
        (np.float64(-1.0), np.float64(1.0))

    Source: Li et al. (2018), *Visualizing the loss landscape of neural nets*, NeurIPS.
    """
    alphas, betas = _check_increasing("alphas", alphas), _check_increasing("betas", betas)
    values = check_array("values", values, shape=(len(alphas), len(betas)))
    if log_levels and values.min() <= 0:
        raise ValueError(f"values: got {values.min():g} as smallest; expected only values > 0 with log_levels=True")
    ax = own_or_new(ax, width=6.5, height=4.8)
    levels, norm = _levels(values, log_levels) if limits is None else _levels_between(limits, log_levels)
    outside = limits is not None and (values.min() < levels[0] or values.max() > levels[-1])
    filled = ax.contourf(
        alphas,
        betas,
        values.T,
        levels=levels,
        norm=norm,
        cmap="cividis",
        extend="both" if outside else "min" if log_levels else "neither",
        zorder=0,
    )
    ax.contour(alphas, betas, values.T, levels=levels, colors="white", linewidths=0.5, alpha=0.6, zorder=1)
    bar = ax.figure.colorbar(filled, ax=ax, label=label)
    if isinstance(norm, LogNorm) and levels[-1] >= 100 * levels[0]:
        bar.set_ticks(LogLocator(), minor=False)
        bar.set_ticks([], minor=True)
        bar.ax.yaxis.set_major_formatter(LogFormatterSciNotation())
    else:
        bar.set_ticks(levels[:: 2 if len(levels) > 8 else 1].tolist())
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
    dress(bar.ax, grid=False)
    if alphas[0] <= 0 <= alphas[-1] and betas[0] <= 0 <= betas[-1]:
        ax.plot(
            0.0,
            0.0,
            marker="X",
            markersize=11,
            color="white",
            markeredgecolor="black",
            linestyle="none",
            label=r"$\theta$",
            zorder=4,
        )
    ax.grid(False)
    ax.set(xlim=(alphas[0], alphas[-1]), ylim=(betas[0], betas[-1]))
    ax.set(xlabel=r"$\alpha$ (along direction $u$)", ylabel=r"$\beta$ (along direction $v$)")
    return ax


def _values(problem: Any, grid: np.ndarray) -> np.ndarray:
    """J at every point of a grid: of a problem at all at once, of an objective made of something else one by one."""
    if isinstance(problem, FunctionObjective | NetworkObjective):
        return np.apply_along_axis(lambda theta: float(problem.value(theta)), -1, grid)
    return np.asarray(problem.value(grid), dtype=np.float64)


def _check_domain(problem: Any, given: Any) -> Domain:
    domain = getattr(problem, "domain", None) if given is None else given
    if domain is None or not callable(getattr(problem, "value", None)):
        raise TypeError(
            f"problem: got {describe(problem)}; expected a problem of two parameters with value(theta) and a domain, "
            "such as Rosenbrock(), or also domain=((x0, x1), (y0, y1))"
        )
    (x0, x1), (y0, y1) = check_array("domain", domain, shape=(2, 2)).tolist()
    if not (x0 < x1 and y0 < y1):
        raise ValueError(f"domain: got {domain!r}; expected ((x0, x1), (y0, y1)) with x0 < x1 and y0 < y1")
    return (x0, x1), (y0, y1)


def _check_increasing(name: str, value: Any) -> np.ndarray:
    array = check_array(name, value, ndim=1)
    if len(array) < 2 or np.any(np.diff(array) <= 0):
        raise ValueError(f"{name}: got {describe(array)}; expected at least two increasing numbers")
    return array


def _minima(problem: Any) -> np.ndarray:
    points = getattr(problem, "minima", None)
    if points is None:
        points = getattr(problem, "minimum", None)
    return np.empty((0, 2)) if points is None else np.atleast_2d(np.asarray(points, dtype=np.float64))


def _levels(values: np.ndarray, log_levels: bool) -> tuple[np.ndarray, Normalize]:
    low, high = float(values.min()), float(values.max())
    if log_levels and high > 0:
        # The very lowest point may be the minimum itself, at 0: begin where one grid point in 400 is lower.
        low = max(float(np.quantile(values, 1 / 400)), 1e-6 * high)
        if low < high:
            return np.geomspace(low, high, _LEVELS), LogNorm(low, high)
    if low == high:
        low, high = low - 0.5, high + 0.5
    levels = np.asarray(MaxNLocator(_LEVELS).tick_values(low, high))  # round numbers
    return levels, Normalize(levels[0], levels[-1])


def _levels_between(limits: Any, log_levels: bool) -> tuple[np.ndarray, Normalize]:
    low, high = check_array("limits", limits, shape=(2,)).tolist()
    if not low < high or (log_levels and low <= 0):
        expected = "0 < lowest < highest, with log_levels=True" if log_levels else "lowest < highest"
        raise ValueError(f"limits: got {low:g} and {high:g}; expected {expected}")
    return (
        (np.geomspace(low, high, _LEVELS), LogNorm(low, high)) if log_levels else _levels(np.array([low, high]), False)
    )


def _nearer(points: np.ndarray, centre: np.ndarray, reach: float) -> np.ndarray:
    """Pull points that are astronomically far back along their direction: the drawing library overflows on them."""
    offsets = points - centre
    distances = np.max(np.abs(offsets), axis=1, keepdims=True)
    far = distances > reach
    return np.where(far, centre + offsets * (reach / np.where(far, distances, 1.0)), points)
