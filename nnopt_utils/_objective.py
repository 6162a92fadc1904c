"""What an objective must have: the one check of it, for ``minimize``, line searches and second-order methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nnopt_utils._validation import describe


class Objective(Protocol):
    """What ``minimize`` and line searches need of a problem.

    Second-order methods also use, where a problem has them, ``value_and_gradient(theta)``, ``hessian(theta)``,
    ``hessian_vector_product(theta, vector)``, ``hessian_operator(theta)`` and ``preconditioner(theta)``, which return
    functions of a vector, and for least squares ``residuals(theta)`` and ``jacobian(theta)``.

    Example:
        >>> from nnopt_utils.optimizers import GradientDescent
        >>> from nnopt_utils.training import minimize
        >>> class Bowl:
        ...     start = np.array([4.0])
        ...
        ...     def value(self, theta):
        ...         return 0.5 * theta @ theta
        ...
        ...     def gradient(self, theta):
        ...         return theta
        >>> minimize(Bowl(), GradientDescent(learning_rate=0.5), steps=2).points.ravel()
        array([4., 2., 1.])
        >>> float(Bowl().value(Bowl.start)), Bowl().gradient(Bowl.start)
        (8.0, array([4.]))
    """

    @property
    def start(self) -> np.ndarray:
        """A point to begin at."""

    def value(self, theta: np.ndarray) -> Any:
        """J(θ)."""

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """g(θ)."""


def check_objective(problem: Any, start: Any, usage: str, needs: Sequence[str] = ("value", "gradient")) -> None:
    """Refuse what is no objective, saying what it lacks; ``usage`` is how the caller is called.

    >>> check_objective(abs, None, "newton(problem)")
    Traceback (most recent call last):
    ...
    TypeError: problem: got ...; expected an object with value, gradient and start: problems.Func...
    """
    missing = [name for name in needs if not callable(getattr(problem, name, None))]
    if not missing and isinstance(problem, type):
        raise TypeError(f"problem: got the class {problem.__name__}; expected an instance, {problem.__name__}(…)")
    if not missing and (start is not None or hasattr(problem, "start")):
        return
    hint = ""
    if hasattr(problem, "step"):
        hint = f"; the problem comes first: {usage}"
    elif hasattr(problem, "loss_and_gradient") and "residuals" not in needs:
        hint = ": problems.NetworkObjective(network, x, y) is one"
    elif missing and missing[0] not in ("value", "gradient"):
        hint = f"; it lacks {', '.join(missing)}"
    elif callable(problem):
        hint = ": problems.FunctionObjective(value, gradient, start) makes one of functions"
    raise TypeError(f"problem: got {describe(problem)}; expected an object with {', '.join(needs)} and start{hint}")
