"""NIST's nonlinear regressions: 27 data sets whose best fit is certified to eleven digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nnopt_utils._folders import data_folder
from nnopt_utils._validation import check_array, check_choice, describe
from nnopt_utils.problems.least_squares import LeastSquares
from nnopt_utils.problems.nist_models import MODELS

#: The names of the 27 data sets, from the easiest to the hardest by NIST's three levels.
NIST: tuple[str, ...] = tuple(MODELS)

_NUMBER = r"[-+]?\d*\.?\d+(?:[Ee][-+]?\d+)?"
_PARAMETER = re.compile(rf"^\s*b\d\s*=\s*({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s+({_NUMBER})\s*$", re.MULTILINE)


class NistProblem(LeastSquares):
    r"""One of NIST's nonlinear regressions; :func:`nist` makes it by name.

    .. math:: r_i = f(x_i; \theta) - y_i

    Attributes:
        level: NIST's level of difficulty: "lower", "average" or "higher".
        x: the predictor, shape (m,); for Nelson two, shape (m, 2).
        y: the response, shape (m,); for Nelson its logarithm, as its model says.
        starts: NIST's two starts, shape (2, d): the first far from the minimum, the second near it.
        minimum: the certified θ*, 11 digits.
        minimum_value: the certified sum of squared residuals.
        standard_deviations: the certified ones of the entries of θ*, shape (d,).
        residual_standard_deviation: the certified √(J* / (m − d)).

    Example:
        >>> problem = nist("Misra1a")
        >>> isinstance(problem, NistProblem), problem.level, problem.starts.tolist()
        (True, 'lower', [[500.0, 0.0001], [250.0, 0.0005]])
        >>> r, R = problem.residuals(problem.minimum), problem.jacobian(problem.minimum)
        >>> bool(np.allclose(problem.predict(problem.minimum) - problem.y, r)), R.shape
        (True, (14, 2))
        >>> float(round(np.sqrt(r @ r / (14 - 2)), 10)), problem.residual_standard_deviation
        (0.1018787633, 0.1018787633)

    Warning:
        Lanczos1's data are exact to 14 digits, so its certified sum, 1.43e-25, is made of what they leave over. At the
        certified parameters, which have 11 digits, the sum is 28,000 times as large, and at better ones its value in
        float64 has about three digits: the residuals, near 1e-13, are differences of numbers near 1.

    Source: NIST/ITL, "Statistical Reference Datasets: nonlinear least squares regression",
    https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
    """

    def __init__(self, name: str, start: int | Any = 1) -> None:
        self.name = check_choice("name", name, NIST)
        data = _read(self.name)
        self.level = data.level
        self.x, self.y = data.x.copy(), data.y.copy()
        self.starts = data.starts.copy()
        self.standard_deviations = data.standard_deviations.copy()
        self.residual_standard_deviation = data.residual_standard_deviation
        self.n_residuals, self.dimension = len(self.y), len(data.minimum)
        self._minimum, self._minimum_value = data.minimum, data.minimum_value
        self._start = self._chosen(start)
        self._model = MODELS[self.name]

    def _chosen(self, start: Any) -> np.ndarray:
        if not np.ndim(start):
            if isinstance(start, bool) or start not in (1, 2):
                d = self.dimension
                raise ValueError(f"start: got {describe(start)}; expected 1 or 2, NIST's, or an array of shape ({d},)")
            return self.starts[int(start) - 1].copy()
        return check_array("start", start, shape=(self.dimension,)).astype(np.float64)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return self._model(x, self.x)[0] - self.y

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.array(self._model(x, self.x)[1]).T

    @np.errstate(all="ignore")
    def predict(self, theta: Any, x: Any = None) -> np.ndarray:
        """The curve f(x; θ).

        Args:
            theta: θ, shape (d,).
            x: where, shape (n,), for Nelson (n, 2); ``None``: at the data's x.
        """
        where = self.x if x is None else check_array("x", x, shape=(None, *self.x.shape[1:])).astype(np.float64)
        return self._model(self._point(theta), where)[0]

    @property
    def start(self) -> np.ndarray:
        """Where to begin, shape (d,)."""
        return self._start.copy()

    @property
    def minimum(self) -> np.ndarray:
        """The certified θ*, shape (d,)."""
        return self._minimum.copy()

    @property
    def minimum_value(self) -> float:
        """The certified J*."""
        return self._minimum_value

    def __repr__(self) -> str:
        return f"NistProblem({self.name!r}: {self.n_residuals} residuals, {self.dimension} parameters, {self.level})"


def nist(name: str, start: int | Any = 1) -> NistProblem:
    """One of NIST's 27 nonlinear regressions, with certified parameters.

    Args:
        name: one of ``NIST``, such as ``"MGH17"``.
        start: 1, NIST's start far from the minimum, 2, the nearer one, or a point, shape (d,).

    Raises:
        ValueError: no such data set (the message names the nearest), or a start that is neither 1, 2 nor a point.
        FileNotFoundError: the file is not where the package expects it.

    Example:
        >>> len(NIST), NIST[:2]
        (27, ('Misra1a', 'Chwirut2'))
        >>> nist("MGH17", start=2)
        NistProblem('MGH17': 33 residuals, 5 parameters, average)
        >>> nist("MGH17", start=2).start
        array([ 0.5 ,  1.5 , -1.  ,  0.01,  0.02])
        >>> nist("mgh71")
        Traceback (most recent call last):
        ...
        ValueError: name: got 'mgh71'; expected one of ... (did you mean 'MGH17' or ...?)
    """
    return NistProblem(name, start)


@dataclass(frozen=True)
class _Data:
    """What a file says; nobody changes its arrays, which all problems of the name share."""

    level: str
    x: np.ndarray
    y: np.ndarray
    starts: np.ndarray
    minimum: np.ndarray
    standard_deviations: np.ndarray
    minimum_value: float
    residual_standard_deviation: float


@cache
def _read(name: str) -> _Data:
    file = data_folder() / "nist_strd" / f"{name}.dat"
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing; data/nist_strd/README.md says how to restore it")
    # The head has the table of starts and certified values; the last line that begins with "Data:" heads the numbers.
    head, _, numbers = file.read_text(encoding="ascii").rpartition("Data:")
    table = np.array(_PARAMETER.findall(head), dtype=np.float64)
    rows = np.array([line.split() for line in numbers.splitlines()[1:] if line.strip()], dtype=np.float64)
    y = np.log(rows[:, 0]) if name == "Nelson" else rows[:, 0]
    return _Data(
        level=re.findall(r"(Lower|Average|Higher) Level of Difficulty", head)[0].lower(),
        x=rows[:, 1] if rows.shape[1] == 2 else rows[:, 1:],
        y=y,
        starts=table[:, :2].T.copy(),
        minimum=table[:, 2].copy(),
        standard_deviations=table[:, 3].copy(),
        minimum_value=_after("Residual Sum of Squares", head),
        residual_standard_deviation=_after("Residual Standard Deviation", head),
    )


def _after(words: str, head: str) -> float:
    return float(re.findall(rf"{words}:\s*({_NUMBER})", head)[0])
