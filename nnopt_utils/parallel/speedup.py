"""What P workers can gain, in time and in memory, and what their all-reduce costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, check_not_negative, check_number, describe

ALGORITHMS = ("ring", "tree")


def amdahl(parallel_fraction: float, workers: Any) -> Any:
    r"""Return how many times as fast the *same* work is on P workers: Amdahl's law.

    .. math:: S = \frac{1}{(1 - p) + p / P}

    However many workers there are, it is never above 1 / (1 − p).

    Args:
        parallel_fraction: p in [0, 1], the share of the time that *one* worker takes which can be divided.
        workers: P >= 1, an integer or an array of them.

    Returns:
        A float, or an array of the shape of P.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> amdahl(0.95, [1, 8, 64, 1000]).round(2)
        array([ 1.  ,  5.93, 15.42, 19.63])

    Source: G. M. Amdahl, "Validity of the single processor approach to achieving large scale computing capabilities",
    AFIPS Spring Joint Computer Conference 1967.
    """
    p = check_number("parallel_fraction", parallel_fraction, low=0.0, high=1.0)
    P = _check_workers(workers)
    return _as_given(1 / ((1 - p) + p / P))


def gustafson(parallel_fraction: float, workers: Any) -> Any:
    r"""Return how many times as much work P workers do in the *same* time: Gustafson's law.

    .. math:: S = (1 - p) + p P

    Args:
        parallel_fraction: p in [0, 1], the share of the time that *P* workers take in which all of them work.
        workers: P >= 1, an integer or an array of them.

    Returns:
        A float, or an array of the shape of P.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> gustafson(0.95, [1, 8, 64, 1000]).round(2)
        array([  1.  ,   7.65,  60.85, 950.05])

    Source: J. L. Gustafson, "Reevaluating Amdahl's law", Communications of the ACM 31(5), 1988.
    """
    p = check_number("parallel_fraction", parallel_fraction, low=0.0, high=1.0)
    P = _check_workers(workers)
    return _as_given((1 - p) + p * P)


def zero_bytes_per_parameter(workers: Any, stage: int = 1) -> Any:
    r"""Return the bytes that each of P workers holds for a parameter when ZeRO divides what it need not hold whole.

    Adam in mixed precision holds 2 bytes of the parameter, 2 of its gradient, and 12 of the optimizer's: the parameter
    and both averages in float32. What is divided holds each worker a P-th of:

    =====  ================================  ===========
    stage  divided                           bytes
    =====  ================================  ===========
    0      nothing                           16
    1      the optimizer's                   4 + 12 / P
    2      the gradient too                  2 + 14 / P
    3      the parameter too                 16 / P
    =====  ================================  ===========

    Args:
        workers: P >= 1, an integer or an array of them.
        stage: 0, 1, 2 or 3; default 1.

    Returns:
        A float, or an array of the shape of P.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> [zero_bytes_per_parameter(64, stage) for stage in (0, 1, 2, 3)]
        [16.0, 4.1875, 2.21875, 0.25]

    Source: S. Rajbhandari, J. Rasley, O. Ruwase, Y. He, "ZeRO: memory optimizations toward training trillion parameter
    models", SC 2020, Figure 1.
    """
    P = _check_workers(workers)
    divided = (0, 12, 14, 16)[check_integer("stage", stage, low=0, high=3)]
    return _as_given((16 - divided) + divided / P)


def all_reduce_seconds(
    n_bytes: float, workers: Any, latency: float = 0.0, bandwidth: float = math.inf, algorithm: str = "ring"
) -> Any:
    r"""Return how long an all-reduce takes when a message of m bytes takes α + m/β seconds.

    Around a ring, each worker sends in turn 2 (P − 1) messages of a P-th of the vector; up a tree of k levels,
    k = ⌈log₂ P⌉, and down again go messages of all of it:

    .. math:: T_{\text{ring}} = 2 (P - 1) \left(\alpha + \frac{n}{P \beta}\right), \qquad
              T_{\text{tree}} = 2 k \left(\alpha + \frac{n}{\beta}\right)

    The ring's time for the bytes hardly depends on P; its latency grows with P. The additions cost nothing here.

    Args:
        n_bytes: n >= 0, the vector's length in bytes.
        workers: P >= 1, an integer or an array of them.
        latency: α >= 0, seconds; default 0.
        bandwidth: β > 0 of each worker's link, bytes a second; default infinite. It can send and receive at once.
        algorithm: ``"ring"`` or ``"tree"``; default ``"ring"``.

    Returns:
        Seconds, a float or an array of the shape of P.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> round(all_reduce_seconds(4e6, workers=8, latency=1e-5, bandwidth=1e9), 6)
        0.00714
        >>> small = {way: all_reduce_seconds(4e3, 1000, 1e-5, 1e9, way) for way in ("ring", "tree")}
        >>> small["tree"] < small["ring"]
        True

    Source: P. Patarasuk, X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", Journal of
    Parallel and Distributed Computing 69(2), 2009; the model of the time: R. Thakur, R. Rabenseifner, W. Gropp,
    "Optimization of collective communication operations in MPICH", International Journal of High Performance Computing
    Applications 19(1), 2005.
    """
    n = check_not_negative("n_bytes", n_bytes)
    P = _check_workers(workers)
    latency = check_not_negative("latency", latency)
    bandwidth = check_bandwidth("bandwidth", bandwidth)
    check_choice("algorithm", algorithm, ALGORITHMS)
    if algorithm == "ring":
        return _as_given(2 * (P - 1) * (latency + n / (P * bandwidth)))
    # frexp, not log2: exact at powers of 2. P − 1 < 2^k is the smallest k with P <= 2^k.
    depth = np.frexp(P - 1)[1]
    return _as_given(2 * depth * (latency + n / bandwidth))


def check_bandwidth(name: str, value: Any) -> float:
    """Return ``value`` as a float > 0; it may be infinite."""
    if isinstance(value, float | np.floating) and value == math.inf:
        return math.inf
    try:
        return check_number(name, value, low=0.0, low_open=True)
    except ValueError:
        raise ValueError(f"{name}: got {describe(value)}; expected bytes a second > 0, or infinity") from None


def _check_workers(workers: Any) -> np.ndarray:
    """P as an array of whole numbers >= 1."""
    P = check_array("workers", workers)
    if not ((P >= 1) & (np.floor(P) == P)).all():
        raise ValueError(f"workers: got {describe(workers)}; expected whole numbers >= 1")
    return P


def _as_given(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value


__all__ = ["all_reduce_seconds", "amdahl", "gustafson", "zero_bytes_per_parameter"]
