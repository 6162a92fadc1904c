"""Problems that behave badly in one way each, for the tests of all full-batch methods."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np

from nnopt_utils.problems import Rosenbrock


class Wrapped:
    """A problem with value, gradient, Hessian and products, all of Rosenbrock's valley unless overridden."""

    def __init__(self, inner: Any = None) -> None:
        self.inner = inner or Rosenbrock()
        self.start = self.inner.start

    def value(self, theta):
        return self.inner.value(theta)

    def gradient(self, theta):
        return self.inner.gradient(theta)

    def hessian(self, theta):
        return self.inner.hessian(theta)

    def hessian_vector_product(self, theta, vector):
        return self.hessian(theta) @ vector


class Interrupted(Wrapped):
    """Ctrl-C comes during the n-th call of the value."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.calls, self.at = 0, at

    def value(self, theta):
        self.calls += 1
        if self.calls == self.at:
            signal.raise_signal(signal.SIGINT)
        return super().value(theta)


class NotFinite(Wrapped):
    """What ``part`` returns is NaN left of x = −1, and right of x = 0: the start (−1.2, 1) is moved to x = −½."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part, self.start = part, np.array([-0.5, 1.0])

    def spoil(self, part, theta, found):
        return found * np.nan if self.part == part and not -1 < theta[0] < 0 else found

    def value(self, theta):
        return self.spoil("value", theta, super().value(theta))

    def gradient(self, theta):
        return self.spoil("gradient", theta, super().gradient(theta))


class NoCurvature(Wrapped):
    """Its Hessian is NaN."""

    def hessian(self, theta):
        return np.full((2, 2), np.nan)


class Transformed(Wrapped):
    """J(A φ): the same problem in other coordinates."""

    def __init__(self, inner: Any, A: np.ndarray) -> None:
        super().__init__(inner)
        self.A, self.start = A, np.linalg.solve(A, inner.start)

    def value(self, theta):
        return self.inner.value(self.A @ theta)

    def gradient(self, theta):
        return self.A.T @ self.inner.gradient(self.A @ theta)

    def hessian(self, theta):
        return self.A.T @ self.inner.hessian(self.A @ theta) @ self.A


class WrongSign(Wrapped):
    """Its gradient points the wrong way."""

    def gradient(self, theta):
        return -super().gradient(theta)


class Shaped(Wrapped):
    """What ``part`` returns has a dimension too many."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def gradient(self, theta):
        found = super().gradient(theta)
        return found[:, None] if self.part == "gradient" else found

    def hessian(self, theta):
        found = super().hessian(theta)
        return found[0] if self.part == "hessian" else found

    def hessian_vector_product(self, theta, vector):
        found = self.inner.hessian(theta) @ vector
        return found[:, None] if self.part == "product" else found
