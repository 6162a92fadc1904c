r"""The independent check of any gradient: central differences.

They need only values of the function, so a mistake in a derivation cannot hide in them. They cost two evaluations a
coordinate, so they check backpropagation and do not replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nnopt_utils._validation import (
    as_generator,
    check_array,
    check_finite,
    check_integer,
    check_number,
    checked,
    core,
    describe,
)

Function = Callable[[np.ndarray], float]

_step = partial(check_number, low=0.0, low_open=True)


def _check_theta(name: str, value: Any) -> np.ndarray:
    array = check_array(name, value)
    if array.dtype == np.float32:
        raise TypeError(
            f"{name}: got {describe(array)}; expected float64: float32 keeps 7 digits, and a difference of two values"
            f" 1e-5 apart loses 5 of them (use {name}.astype('float64'), for a network MLP(..., dtype='float64'))"
        )
    return array


def _check_function(name: str, value: Any) -> Function:
    """Return ``value`` wrapped so that it must return one finite number."""
    if not callable(value):
        raise TypeError(f"{name}: got {describe(value)}; expected a function of theta")

    def call(theta: np.ndarray) -> float:
        result = value(theta)
        hint = " (a loss returns value and gradient: use its [0])" if isinstance(result, tuple) else ""
        if hint or np.size(result) != 1 or np.asarray(result).dtype.kind not in "fiu":
            raise TypeError(f"{name}: returned {describe(result)}; expected one number{hint}")
        number = float(np.asarray(result).item())
        if not np.isfinite(number):
            raise ValueError(f"{name}: returned {number}; expected a finite number near theta")
        return number

    return call


def _check_indices(indices: Any, size: int) -> np.ndarray:
    """Return flat indices as a 1-D array; ``None`` means all."""
    if indices is None:
        return np.arange(size)
    array = np.asarray(indices)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(f"indices: got {describe(indices)}; expected a non-empty list of integers")
    if array.min() < 0 or array.max() >= size:
        raise ValueError(f"indices: got {array.min()} to {array.max()}; expected integers from 0 to {size - 1}")
    return array


def _check_resolution(theta: np.ndarray, h: float) -> None:
    """Raise if float64 numbers as large as θ are too coarse for a step of h."""
    largest = float(np.abs(theta).max())
    if np.spacing(largest) > 1e-6 * h:
        raise ValueError(
            f"h: got {h:g} where theta reaches {largest:g}, and float64 rounds theta + h by up to"
            f" {np.spacing(largest) / 2:.0e}; expected a larger h, or theta in a smaller unit"
        )


@checked(function=_check_function, theta=_check_theta, h=_step)
def central_difference(
    function: Function,
    theta: np.ndarray,
    h: float = 1e-5,
    indices: Sequence[int] | np.ndarray | None = None,
) -> np.ndarray:
    r"""Estimate a gradient: :math:`\hat g_i = \frac{J(\theta + h e_i) - J(\theta - h e_i)}{2h}`.

    The series of J gives an error of :math:`\frac{h^2}{6} J'''`, rounding adds about :math:`10^{-16} |J| / h`:
    smaller h helps the first and hurts the second. The best h is near :math:`10^{-5}` for numbers near 1.

    Args:
        function: J, from an array of the shape of ``theta`` to a number.
        theta: the point, float64, of any shape.
        h: the step, in the unit of ``theta``. Default 1e-5.
        indices: which coordinates (of the flattened ``theta``). Default: all.

    Returns:
        The estimate: of the shape of ``theta``, or one entry an index if ``indices`` are given.

    Raises:
        TypeError: ``theta`` is float32 or not numbers, or ``function`` is none or does not return one number.
        ValueError: ``theta`` is empty or not finite, ``h`` is not positive, an index is out of range, or
            ``function`` returns NaN or infinity.

    Example:
        >>> central_difference(lambda theta: theta[0] ** 2 + 3 * theta[1], [2.0, 1.0]).round(6)
        array([4., 3.])

    Source: Nocedal & Wright (2006), *Numerical Optimization*, 2nd ed., equation 8.7.
    """
    _check_resolution(theta, h)
    chosen = _check_indices(indices, theta.size)
    estimate = np.empty(len(chosen))
    for k, i in enumerate(chosen):
        estimate[k] = (function(_moved(theta, i, h)) - function(_moved(theta, i, -h))) / (2 * h)
    return estimate if indices is not None else estimate.reshape(theta.shape)


def _moved(theta: np.ndarray, i: int, step: float) -> np.ndarray:
    """θ + step · e_i, a new array: a function that keeps or changes its argument does no harm."""
    theta = theta.copy()
    theta.flat[i] += step
    return theta


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """What :func:`check_gradient` found.

    Attributes:
        passed: the relative error is within the tolerance, over at least one coordinate.
        relative_error: ‖g − ĝ‖ / max(‖g‖, ‖ĝ‖) over the coordinates checked, kinks excluded.
        worst_index: the coordinate (of the flattened θ) with the largest error.
        indices: the coordinates checked, kinks included.
        analytic: g there.
        numeric: ĝ there, the central differences.
        kinks: coordinates left out, since J has a kink within h of θ there (ReLU at 0) and so no derivative.
        tolerance: the largest relative error that passes.

    Example:
        >>> wrong = check_gradient(lambda theta: float(theta @ theta), lambda theta: theta, np.array([1.0, 2.0]))
        >>> wrong.passed, round(wrong.relative_error, 3), (wrong.numeric / wrong.analytic).round(3)
        (False, 0.5, array([2., 2.]))
    """

    passed: bool
    relative_error: float
    worst_index: int
    indices: np.ndarray
    analytic: np.ndarray
    numeric: np.ndarray
    kinks: tuple[int, ...]
    tolerance: float

    def __repr__(self) -> str:
        at_worst = int(np.flatnonzero(self.indices == self.worst_index)[0])
        comparison = "<=" if self.relative_error <= self.tolerance else ">"
        n_kinks = len(self.kinks)
        return (
            f"GradientCheck({'passed' if self.passed else 'FAILED'}: "
            f"relative error {self.relative_error:.1e} {comparison} {self.tolerance:.0e} "
            f"over {len(self.indices) - n_kinks} coordinates"
            + (f", {n_kinks} kink{'s' if n_kinks > 1 else ''} excluded" if n_kinks else "")
            + f"; largest error at index {self.worst_index}: "
            f"analytic {self.analytic[at_worst]:.9g}, numeric {self.numeric[at_worst]:.9g})"
        )


@checked(function=_check_function, theta=_check_theta, h=_step, tolerance=_step)
def check_gradient(
    function: Function,
    gradient: Callable[[np.ndarray], np.ndarray] | np.ndarray,
    theta: np.ndarray,
    h: float = 1e-5,
    indices: Sequence[int] | np.ndarray | None = None,
    *,
    n_indices: int | None = None,
    seed: int | np.random.Generator = 0,
    tolerance: float = 1e-6,
) -> GradientCheck:
    r"""Compare a gradient g with central differences ĝ by the relative error r.

    .. math:: r = \|g - \hat g\| \;/\; \max(\|g\|, \|\hat g\|)

    The relative error of a right gradient is near 1e-10 … 1e-7, of a wrong one near 1e-2 … 2.

    A kink of J between θ − h and θ + h (ReLU at 0) spoils ĝ, not g. Where the two disagree, a coordinate is
    excluded as a kink if g lies between the one-sided slopes and their gap does not shrink along with h.

    Args:
        function: J, from an array of the shape of ``theta`` to a number.
        gradient: g at ``theta``, or a function that computes it there.
        theta: the point, float64, of any shape.
        h: the step of the central differences. Default 1e-5.
        indices: which coordinates (of the flattened ``theta``). Default: all.
        n_indices: instead of ``indices``, how many coordinates to draw at random. A network needs this:
            each coordinate costs two forward passes.
        seed: the seed of that draw, or a generator. Default 0.
        tolerance: the largest relative error that passes. Default 1e-6.

    Raises:
        TypeError: ``theta`` or g is float32 or not numbers, or ``function`` is none or does not return one number.
        ValueError: shapes differ, a value is not finite, a number is out of range, or both ``indices`` and
            ``n_indices`` are given.

    Example:
        >>> check_gradient(lambda theta: theta @ theta, lambda theta: 2 * theta, [1.0, 2.0]).passed
        True
        >>> round(check_gradient(lambda theta: theta @ theta, lambda theta: theta, [1.0, 2.0]).relative_error, 6)
        0.5

    Source: Goodfellow, Bengio & Courville (2016), *Deep Learning*, section 11.5.
    """
    chosen = _choose(indices, n_indices, seed, theta.size)
    analytic = _evaluate(gradient, theta).ravel()[chosen]
    numeric = core(central_difference)(function, theta, h, chosen)

    error = np.abs(analytic - numeric)
    suspects = np.flatnonzero(error > tolerance * _scale(analytic, numeric) / np.sqrt(len(chosen)))
    kinks = [k for k in suspects if _is_kink(function, theta, h, chosen[k], analytic[k])]

    kept = np.setdiff1d(np.arange(len(chosen)), kinks)
    relative_error = np.linalg.norm(error[kept]) / _scale(analytic[kept], numeric[kept])
    worst = kept[np.argmax(error[kept])] if kept.size else 0
    return GradientCheck(
        passed=bool(kept.size and relative_error <= tolerance),
        relative_error=float(relative_error),
        worst_index=int(chosen[worst]),
        indices=chosen,
        analytic=analytic,
        numeric=numeric,
        kinks=tuple(int(chosen[k]) for k in kinks),
        tolerance=tolerance,
    )


def _scale(g: np.ndarray, g_hat: np.ndarray) -> float:
    """max(‖g‖, ‖ĝ‖), but never 0: two zero gradients have the relative error 0."""
    return float(max(np.linalg.norm(g), np.linalg.norm(g_hat), np.finfo(float).tiny))


def _is_kink(function: Function, theta: np.ndarray, h: float, index: int, slope: float) -> bool:
    """Does J bend sharply at θ, along one coordinate, so that ``slope`` is as right as any?

    The gap between the slopes to the right and to the left is about h·J'' if J is smooth: ten times smaller at h/10.
    At a kink it stays, and if the kink is not at θ itself but up to h away, it all but vanishes.
    """
    here = function(theta.copy())

    def slopes(step: float) -> tuple[float, float]:
        left, right = _moved(theta, index, -step), _moved(theta, index, step)
        return (here - function(left)) / step, (function(right) - here) / step

    (left, right), (left_near, right_near) = slopes(h), slopes(h / 10)
    gap, gap_near = right - left, right_near - left_near
    rounding = 100 * np.finfo(float).eps * abs(here) / h
    slack = rounding + 0.01 * abs(gap)  # J also curves: the slope at θ may lie h·J''/2 outside of the two
    between = min(left, right) - slack <= slope <= max(left, right) + slack

    shrinks_along = abs(10 * gap_near - gap) <= 0.5 * abs(gap) + 100 * rounding
    return bool(between and not shrinks_along)


def _choose(indices: Any, n_indices: Any, seed: Any, size: int) -> np.ndarray:
    """The coordinates to check: those given, some drawn at random, or all."""
    if n_indices is None:
        return _check_indices(indices, size)
    if indices is not None:
        raise ValueError("n_indices: got it together with indices; expected one of the two")
    n_indices = check_integer("n_indices", n_indices, low=1)
    return np.sort(as_generator(seed).choice(size, size=min(n_indices, size), replace=False))


def _evaluate(gradient: Any, theta: np.ndarray) -> np.ndarray:
    """The analytic gradient at θ, checked."""
    g = gradient(theta.copy()) if callable(gradient) else gradient
    if isinstance(g, tuple):
        raise TypeError(
            f"gradient: got {describe(g)}; expected an array (a loss returns value and gradient: use its [1])"
        )
    g = _check_theta("gradient", g)
    if g.shape != theta.shape:
        raise ValueError(f"gradient: got {describe(g)}; expected shape {theta.shape}, that of theta")
    check_finite("gradient", g)
    return g
