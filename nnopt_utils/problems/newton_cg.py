"""The minimum of a regression: damped Newton steps, each solved by preconditioned conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

GRADIENT_TOLERANCE = 1e-8  # relative to the gradient at θ = 0
STEP_TOLERANCE = 1e-4  # relative to 1 + ‖θ‖; asked for only without a penalty
MAX_STEPS = 100
MAX_INNER_STEPS = 1000
LARGEST_PRECONDITIONER = 4000  # features; its eigenvectors take 128 MB and some seconds


class Model(Protocol):
    """What the method needs; θ is a matrix Θ, one column an output."""

    l2: float
    n_features: int
    n_outputs: int

    def evaluate(self, matrix: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]: ...
    def hessian_times(self, p: np.ndarray, matrix: np.ndarray, dtype: Any = ...) -> np.ndarray: ...
    def gram_matrix(self) -> np.ndarray: ...
    def mean_curvature(self, p: np.ndarray) -> np.ndarray: ...
    def separates(self, p: np.ndarray) -> bool: ...
    @property
    def data_dtype(self) -> np.dtype: ...


def newton_cg(model: Model) -> np.ndarray:
    """Minimise from Θ = 0 until the gradient is 10⁸ times smaller than there.

    Raises:
        ValueError: if there is no penalty and the loss falls for ever, so that no minimum exists.
        RuntimeError: if the method does not converge.

    Source: Nocedal and Wright (2006), *Numerical Optimization*, Algorithm 7.1 (line search Newton–CG).
    """
    matrix = np.zeros((model.n_features + 1, model.n_outputs))
    value, gradient, p = model.evaluate(matrix)
    smallest = GRADIENT_TOLERANCE * float(np.linalg.norm(gradient))
    # No product is spent on digits beyond the goal; without a penalty the length of the last step is needed, though.
    goal = 0.5 * smallest if model.l2 > 0 else 0.0
    preconditioner = _Preconditioner(model)
    steps_after_goal = 0
    for _ in range(MAX_STEPS):
        if model.l2 == 0 and model.separates(p):
            raise ValueError(
                "minimum: there is none, because the classes are separable and l2 is 0: the loss falls for ever as the "
                "weights grow. Give l2 > 0"
            )
        norm = float(np.linalg.norm(gradient))
        if norm <= smallest and model.l2 > 0:
            return matrix
        step = _newton_direction(model, p, gradient, preconditioner.at(p), goal)
        if norm <= smallest:
            # Without a penalty a small gradient may be the far end of a slope that never ends. At a minimum Newton's
            # steps shrink at once, there they stay long until the numbers run out.
            if np.linalg.norm(step) <= STEP_TOLERANCE * (1 + np.linalg.norm(matrix)):
                return matrix
            steps_after_goal += 1
            if steps_after_goal > 5:
                break
        accepted = _line_search(model, matrix, step, value, float((gradient * step).sum()))
        if accepted is None:
            break
        matrix, value, gradient, p = accepted
    if norm <= smallest:
        raise ValueError(
            "minimum: there is none, because the loss still falls where its gradient is almost 0: without a penalty "
            "some weights grow for ever. Give l2 > 0"
        )
    raise RuntimeError(
        f"minimum: not found; the Newton method stopped at a gradient of {np.linalg.norm(gradient):.1e} "
        f"(wanted {smallest:.1e}). " + ("Scale the data, or give a larger l2" if model.l2 else "Give l2 > 0")
    )


def _line_search(
    model: Model, matrix: np.ndarray, step: np.ndarray, value: float, slope: float
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray] | None:
    """Halve the step until J falls by a share of what the slope promises (Armijo); ``None`` if it never does."""
    rounding = 1e-14 * (1 + abs(value))  # close to the minimum J no longer changes in its last digits
    share = 1.0
    for _ in range(40):
        candidate = matrix + share * step
        result = model.evaluate(candidate)
        if result[0] <= value + 1e-4 * share * slope + rounding:
            return candidate, *result
        share /= 2
    return None


def _newton_direction(
    model: Model,
    p: np.ndarray,
    gradient: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
    goal: float,
) -> np.ndarray:
    """Solve H s = −g by conjugate gradients, more exactly the closer the minimum is.

    The products use the type of the data: float32 is exact enough for a direction, and twice as fast. What decides
    about the end, the gradient, is always float64.
    """
    norm = float(np.linalg.norm(gradient))
    accuracy = max(min(0.2, norm**0.3) * norm, goal)
    step = np.zeros_like(gradient)
    residual = -gradient
    z = precondition(residual)
    direction, product = z, float((residual * z).sum())
    for _ in range(MAX_INNER_STEPS):
        curved = model.hessian_times(p, direction, dtype=model.data_dtype)
        curvature = float((direction * curved).sum())
        if curvature <= 0:  # only rounding: the problem is convex
            break
        length = product / curvature
        step += length * direction
        residual = residual - length * curved
        if np.linalg.norm(residual) <= accuracy:
            break
        z = precondition(residual)
        previous, product = product, float((residual * z).sum())
        direction = z + (product / previous) * direction
    return step if step.any() else -gradient


class _Preconditioner:
    """The inverse of (mean of x̃ᵀx̃) ⊗ (mean curvature) + λ: the Hessian as if the two were independent.

    At Θ = 0 it is exact but for the bias; further on, on MNIST, it saves three products in four. K-FAC has the same
    idea for networks: Martens and Grosse (2015), https://arxiv.org/abs/1503.05671
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._inputs: tuple[np.ndarray, np.ndarray] | None = None
        if model.n_features <= LARGEST_PRECONDITIONER:
            values, vectors = np.linalg.eigh(model.gram_matrix())
            self._inputs = np.maximum(values, 0.0), vectors

    def at(self, p: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """The product with the inverse, at the point that has the probabilities p."""
        if self._inputs is None:
            return lambda residual: residual
        values, vectors = self._inputs
        curvatures, axes = np.linalg.eigh(self._model.mean_curvature(p))
        products = np.outer(values, np.maximum(curvatures, 0.0))
        scale = products + max(self._model.l2, 1e-6 * float(products.max()), np.finfo(float).tiny)

        def precondition(residual: np.ndarray) -> np.ndarray:
            return vectors @ ((vectors.T @ residual @ axes) / scale) @ axes.T

        return precondition
