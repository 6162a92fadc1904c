"""The models of NIST's nonlinear regressions: each a formula f(x; θ) and its derivatives ∂f/∂θ_j.

A function takes θ and the predictor x, shape (m,), and returns f, shape (m,), and the tuple of its derivatives, one a
parameter. All operations understand complex numbers, so that a complex step can check them. Names are the data sets'
where one data set has the model, else what the curve is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Curve = tuple[np.ndarray, tuple[np.ndarray, ...]]
Model = Callable[[np.ndarray, np.ndarray], Curve]


def exponential_rise(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 (1 − exp(−b2 x))."""
    b1, b2 = theta
    e = np.exp(-b2 * x)
    return b1 * (1 - e), (1 - e, b1 * x * e)


def misra1b(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 (1 − (1 + b2 x / 2)⁻²)."""
    b1, b2 = theta
    u = 1 + b2 * x / 2
    return b1 * (1 - u**-2), (1 - u**-2, b1 * x * u**-3)


def misra1c(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 (1 − (1 + 2 b2 x)^(−1/2))."""
    b1, b2 = theta
    u = 1 + 2 * b2 * x
    return b1 * (1 - u**-0.5), (1 - u**-0.5, b1 * x * u**-1.5)


def misra1d(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 b2 x / (1 + b2 x)."""
    b1, b2 = theta
    u = 1 + b2 * x
    return b1 * b2 * x / u, (b2 * x / u, b1 * x / u**2)


def chwirut(theta: np.ndarray, x: np.ndarray) -> Curve:
    """exp(−b1 x) / (b2 + b3 x)."""
    b1, b2, b3 = theta
    u = b2 + b3 * x
    f = np.exp(-b1 * x) / u
    return f, (-x * f, -f / u, -x * f / u)


def three_exponentials(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 exp(−b2 x) + b3 exp(−b4 x) + b5 exp(−b6 x)."""
    b1, b2, b3, b4, b5, b6 = theta
    e, p, q = np.exp(-b2 * x), np.exp(-b4 * x), np.exp(-b6 * x)
    return b1 * e + b3 * p + b5 * q, (e, -b1 * x * e, p, -b3 * x * p, q, -b5 * x * q)


def two_peaks(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 exp(−b2 x) + b3 exp(−((x − b4) / b5)²) + b6 exp(−((x − b7) / b8)²)."""
    b1, b2, b3, b4, b5, b6, b7, b8 = theta
    e, u, v = np.exp(-b2 * x), (x - b4) / b5, (x - b7) / b8
    p, q = np.exp(-(u**2)), np.exp(-(v**2))
    first = (p, 2 * b3 * p * u / b5, 2 * b3 * p * u**2 / b5)
    second = (q, 2 * b6 * q * v / b8, 2 * b6 * q * v**2 / b8)
    return b1 * e + b3 * p + b6 * q, (e, -b1 * x * e, *first, *second)


def danwood(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 x^b2."""
    b1, b2 = theta
    power = x**b2
    return b1 * power, (power, b1 * power * np.log(x))


def kirby2(theta: np.ndarray, x: np.ndarray) -> Curve:
    """(b1 + b2 x + b3 x²) / (1 + b4 x + b5 x²)."""
    b1, b2, b3, b4, b5 = theta
    u = 1 + b4 * x + b5 * x**2
    f = (b1 + b2 * x + b3 * x**2) / u
    return f, (1 / u, x / u, x**2 / u, -x * f / u, -(x**2) * f / u)


def ratio_of_cubics(theta: np.ndarray, x: np.ndarray) -> Curve:
    """(b1 + b2 x + b3 x² + b4 x³) / (1 + b5 x + b6 x² + b7 x³)."""
    b1, b2, b3, b4, b5, b6, b7 = theta
    u = 1 + b5 * x + b6 * x**2 + b7 * x**3
    f = (b1 + b2 * x + b3 * x**2 + b4 * x**3) / u
    return f, (1 / u, x / u, x**2 / u, x**3 / u, -x * f / u, -(x**2) * f / u, -(x**3) * f / u)


def mgh09(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 (x² + b2 x) / (x² + b3 x + b4)."""
    b1, b2, b3, b4 = theta
    u = x**2 + b3 * x + b4
    ratio = (x**2 + b2 * x) / u
    return b1 * ratio, (ratio, b1 * x / u, -b1 * x * ratio / u, -b1 * ratio / u)


def mgh10(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 exp(b2 / (x + b3))."""
    b1, b2, b3 = theta
    u = x + b3
    e = np.exp(b2 / u)
    return b1 * e, (e, b1 * e / u, -b1 * b2 * e / u**2)


def mgh17(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 + b2 exp(−b4 x) + b3 exp(−b5 x)."""
    b1, b2, b3, b4, b5 = theta
    p, q = np.exp(-b4 * x), np.exp(-b5 * x)
    return b1 + b2 * p + b3 * q, (np.ones_like(p), p, q, -b2 * x * p, -b3 * x * q)


def rat42(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 / (1 + exp(b2 − b3 x))."""
    b1, b2, b3 = theta
    s, t = _two_sides(b2 - b3 * x)
    return b1 * s, (s, -b1 * s * t, b1 * x * s * t)


def rat43(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 / (1 + exp(b2 − b3 x))^(1/b4)."""
    b1, b2, b3, b4 = theta
    s, t = _two_sides(b2 - b3 * x)
    power = s ** (1 / b4)
    f = b1 * power
    return f, (power, -f * t / b4, f * x * t / b4, -f * np.log(s) / b4**2)


def _two_sides(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / (1 + e^z) and 1 / (1 + e^−z): their sum is 1."""
    return 1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))


def eckerle4(theta: np.ndarray, x: np.ndarray) -> Curve:
    """(b1 / b2) exp(−((x − b3) / b2)² / 2)."""
    b1, b2, b3 = theta
    u = (x - b3) / b2
    bell = np.exp(-(u**2) / 2) / b2
    return b1 * bell, (bell, b1 * bell * (u**2 - 1) / b2, b1 * bell * u / b2)


def bennett5(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 (b2 + x)^(−1/b3)."""
    b1, b2, b3 = theta
    u = b2 + x
    power = u ** (-1 / b3)
    return b1 * power, (power, -b1 * power / (b3 * u), b1 * power * np.log(u) / b3**2)


def roszman1(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 − b2 x − arctan(b3 / (x − b4)) / π."""
    b1, b2, b3, b4 = theta
    u = x - b4
    slope = 1 / (np.pi * (u**2 + b3**2))
    return b1 - b2 * x - np.arctan(b3 / u) / np.pi, (np.ones_like(u), -x + 0 * u, -u * slope, -b3 * slope)


def nelson(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 − b2 x1 exp(−b3 x2), with x of shape (m, 2)."""
    b1, b2, b3 = theta
    x1, x2 = x.T
    e = x1 * np.exp(-b3 * x2)
    return b1 - b2 * e, (np.ones_like(e), -e, b2 * x2 * e)


def enso(theta: np.ndarray, x: np.ndarray) -> Curve:
    """b1 + a year's cycle with b2, b3, and two more: period b4 with b5, b6, period b7 with b8, b9."""
    b1, b2, b3, b4, b5, b6, b7, b8, b9 = theta
    year, (cosine, sine, _) = _cycle(b2, b3, 12, x)
    slow, (p, q, by_b4) = _cycle(b5, b6, b4, x)
    third, (u, v, by_b7) = _cycle(b8, b9, b7, x)
    return b1 + year + slow + third, (np.ones_like(slow), cosine, sine, by_b4, p, q, by_b7, u, v)


def _cycle(a: complex, b: complex, period: complex, x: np.ndarray) -> Curve:
    """A cos φ + b sin φ with φ = 2π x / period, and its derivatives by a, b and the period."""
    phase = 2 * np.pi * x / period
    cosine, sine = np.cos(phase), np.sin(phase)
    return a * cosine + b * sine, (cosine, sine, (a * sine - b * cosine) * phase / period)


#: The model of each data set, from the easiest to the hardest by NIST's levels of difficulty.
MODELS: dict[str, Model] = {
    "Misra1a": exponential_rise,
    "Chwirut2": chwirut,
    "Chwirut1": chwirut,
    "Lanczos3": three_exponentials,
    "Gauss1": two_peaks,
    "Gauss2": two_peaks,
    "DanWood": danwood,
    "Misra1b": misra1b,
    "Kirby2": kirby2,
    "Hahn1": ratio_of_cubics,
    "Nelson": nelson,
    "MGH17": mgh17,
    "Lanczos1": three_exponentials,
    "Lanczos2": three_exponentials,
    "Gauss3": two_peaks,
    "Misra1c": misra1c,
    "Misra1d": misra1d,
    "Roszman1": roszman1,
    "ENSO": enso,
    "MGH09": mgh09,
    "Thurber": ratio_of_cubics,
    "BoxBOD": exponential_rise,
    "Rat42": rat42,
    "MGH10": mgh10,
    "Eckerle4": eckerle4,
    "Rat43": rat43,
    "Bennett5": bennett5,
}
