"""Where local SGD ends when workers have data of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_integer, check_positive, describe


def local_sgd_fixed_point(minima: Any, curvatures: Any, learning_rate: float, local_steps: int) -> float | np.ndarray:
    r"""Return the θ that a round of local SGD leaves as it is, where worker r's loss is a parabola.

    Worker r's loss is ½ λ_r (θ − c_r)². H steps of gradient descent multiply the distance to its minimum by
    (1 − η λ_r)^H, so the mean over the workers stands still at

    .. math:: \theta = \frac{\sum_r w_r\, c_r}{\sum_r w_r}, \qquad w_r = 1 - (1 - \eta \lambda_r)^H

    For H = 1 the weights are η λ_r: this is the minimum of the mean loss. With η λ_r < 2 all go to 1 as H grows: the
    mean of the minima, whatever the curvatures.

    Args:
        minima: c, a number for each of P workers; or a row for each, shape (P, d), for losses that are sums of
            parabolas along d axes.
        curvatures: λ > 0, of the same shape.
        learning_rate: η > 0, with η λ < 2: else the workers' own steps diverge.
        local_steps: H >= 1.

    Returns:
        θ: a number, or shape (d,).

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> [round(local_sgd_fixed_point([-1.0, 1.0], [4.0, 1.0], 0.1, H), 3) for H in (1, 4, 64)]
        [-0.6, -0.434, -0.001]

    Source: the weights follow from the recursion above; that local SGD with unlike workers ends elsewhere: X. Li,
    K. Huang, W. Yang, S. Wang, Z. Zhang, "On the convergence of FedAvg on non-IID data", ICLR 2020.
    """
    c = check_array("minima", minima)
    lam = check_array("curvatures", curvatures, shape=c.shape)
    eta = check_positive("learning_rate", learning_rate)
    check_integer("local_steps", local_steps, low=1)
    if c.ndim > 2:
        raise ValueError(f"minima: got {describe(c)}; expected a number, or a row, for each worker")
    if not (lam > 0).all() or not (eta * lam < 2).all():
        raise ValueError(
            f"curvatures: got values from {lam.min():g} to {lam.max():g}; expected numbers > 0 and, for learning_rate "
            f"{eta:g}, < {2 / eta:g}"
        )
    w = -np.expm1(local_steps * np.log1p(-np.minimum(eta * lam, 0.5)))  # a small rate keeps its digits
    w = np.where(eta * lam < 0.5, w, 1 - (1 - eta * lam) ** local_steps)
    point = (w * c).sum(axis=0) / w.sum(axis=0)
    return float(point) if c.ndim == 1 else point
