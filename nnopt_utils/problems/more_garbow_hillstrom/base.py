"""What the test problems of Moré, Garbow and Hillstrom share: a standard start, known minima, a name with its sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnopt_utils.problems.least_squares import LeastSquares

Numbers = Sequence[float] | np.ndarray


class MoreGarbowHillstrom(LeastSquares):
    """A problem of the paper: a subclass writes down its residuals, their Jacobian, a start and a minimiser.

    A problem of one size has ``_start`` and ``_minimum`` as attributes of its class; one of many sizes names its
    arguments in ``_sizes`` and sets the two when it is made. ``_minimum`` may be a function, called when asked for.

    Attributes:
        other_values: where methods are known to end as well: values of local minima and of saddles, limits at
            infinity.
    """

    _sizes: tuple[str, ...] = ()
    _start: Numbers
    _minimum: Numbers | Callable[[], Numbers]
    _minimum_value: float | None = 0.0  # None: what J is at the minimiser
    other_values: tuple[float, ...] = ()

    @property
    def start(self) -> np.ndarray:
        """The standard start of the paper, shape (d,)."""
        return np.array(self._start, dtype=np.float64)

    @property
    def minimum(self) -> np.ndarray:
        """A minimiser θ*, shape (d,), with the smallest value that is known."""
        found = self._minimum() if callable(self._minimum) else self._minimum
        return np.array(found, dtype=np.float64)

    @property
    def minimum_value(self) -> float:
        """The smallest value known, J* = J(θ*)."""
        return self.value(self.minimum) if self._minimum_value is None else self._minimum_value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self._sizes)})"


def known(name: str, size: int, table: Mapping[int, Any]) -> Callable[[], Any]:
    """What gives the entry of a table of minimisers; for other sizes it raises an error.

    >>> known("n", 4, {4: (1.0, 2.0)})()
    (1.0, 2.0)
    >>> known("n", 5, {4: (1.0, 2.0), 10: (3.0, 4.0)})()
    Traceback (most recent call last):
    ...
    ValueError: minimum: not known for n = 5; expected n = 4 or 10
    """

    def look_up() -> Any:
        if size not in table:
            sizes = " or ".join(map(str, table))
            raise ValueError(f"minimum: not known for {name} = {size}; expected {name} = {sizes}")
        return table[size]

    return look_up


def zero_of(problem: LeastSquares, theta: Numbers) -> np.ndarray:
    """Where all residuals vanish, of as many equations as unknowns.

    Newton's method from θ, its step halved until J falls; at the zero, rounding lets it fall no more.
    """
    theta = np.array(theta, dtype=np.float64)
    value = problem.value(theta)
    while True:
        step = np.linalg.solve(problem.jacobian(theta), problem.residuals(theta))
        shorter = (theta - 0.5**k * step for k in range(20))
        new = next((point for point in shorter if problem.value(point) < value), None)
        if new is None:
            return theta
        theta, value = new, problem.value(new)
