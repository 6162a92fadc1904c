"""What methods for sums of squares share: residuals and Jacobian asked and counted, and a test of convergence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.second_order.run import Run, is_finite

EPSILON = float(np.finfo(np.float64).eps)


def length(vector: np.ndarray) -> float:
    """‖v‖; for a few numbers several times as fast as ``np.linalg.norm``."""
    return math.sqrt(vector @ vector)


class Linearized:
    r"""The residuals near θ as the Jacobian sees them: :math:`r + R\,p`.

    The singular values are those of R with columns of unit length, so that neither the rank nor anything else depends
    on the units of the parameters.

    Args:
        r: the residuals, shape (m,).
        R: their Jacobian, shape (m, d).

    Attributes:
        lengths: ‖R_j‖ of each column, shape (d,).
        rank: how many of R's directions are more than rounding.
        c: r along these directions, shape (rank,).
        T: R along these directions, shape (rank, d): ‖r + R p‖² is ‖c + T p‖² and what no step changes.
        gauss_newton_step: the p of smallest ‖r + R p‖; of several, the shortest in units of the columns.
        cosine: ‖c‖ / ‖r‖, of the angle between r and all that R p can be: 0 where the gradient is.
        column_cosine: that of the angle between r and the column nearest to it; more only by rounding.
        tangential: ‖c‖.
        value: J = ‖r‖².
        gradient: ∇J = 2 Rᵀ r.
    """

    def __init__(self, r: np.ndarray, R: np.ndarray) -> None:
        self.r, self.R = r, R
        self.lengths = np.sqrt(np.einsum("ij,ij->j", R, R))
        self._units = self.lengths if self.lengths.all() else np.where(self.lengths > 0, self.lengths, 1.0)
        U, s, V = np.linalg.svd(R / self._units, full_matrices=False)
        self.rank = int(np.count_nonzero(s > EPSILON * max(R.shape) * s[0]))
        U, self._s, self._V = U[:, : self.rank], s[: self.rank], V[: self.rank]
        self.c = U.T @ r
        self.gauss_newton_step = -((self.c / self._s) @ self._V) / self._units
        self.value = float(r @ r)
        self.gradient = 2 * (r @ R)
        self.tangential = length(self.c)
        self.cosine = self.tangential / (math.sqrt(self.value) or 1.0)

    @property
    def T(self) -> np.ndarray:
        """R along the directions that count, shape (rank, d)."""
        return self._s[:, None] * self._V * self._units

    @property
    def column_cosine(self) -> float:
        """The cosine of the angle between r and the column nearest to it."""
        return float(np.max(np.abs(self.r @ self.R) / self._units)) / (math.sqrt(self.value) or 1.0)


class ResidualRun(Run):
    """A ``Run`` on a sum of squares: ``model`` is what the residuals look like at ``x``.

    It has converged when the columns of the Jacobian are orthogonal to the residuals, or as near to it as rounding
    lets them come. Both tests are blind to the units of J and of each parameter, and to any damping of the steps.

    Args:
        method: its name, for messages.
        problem: has ``residuals`` and ``jacobian``.
        start: where to begin, shape (d,); ``None`` for ``problem.start``.
        tolerance: the cosine at which the run has converged, >= 0.
        max_iterations: the most steps, >= 1.
    """

    def __init__(self, method: str, problem: Any, start: Any, tolerance: float, max_iterations: int) -> None:
        self._longest = np.zeros(())
        super().__init__(method, problem, start, tolerance, max_iterations, needs=("residuals", "jacobian"))

    def residuals_at(self, x: np.ndarray) -> np.ndarray:
        """r there; it may hold what is not finite, as where x is not."""
        if not is_finite(x):
            return np.full_like(self.model.r, np.nan)
        self.n_evaluations += 1
        r = np.asarray(self.problem.residuals(x), dtype=np.float64)
        if r.ndim != 1 or not r.size:
            raise ValueError(f"problem: got residuals(θ) = {describe(r)}; expected shape (m,)")
        return r

    def jacobian_at(self, x: np.ndarray, r: np.ndarray) -> np.ndarray:
        """R there, where the residuals are r; it may hold what is not finite."""
        self.n_gradients += 1
        R = np.asarray(self.problem.jacobian(x), dtype=np.float64)
        if R.shape != (len(r), len(x)):
            raise ValueError(f"problem: got jacobian(θ) = {describe(R)}; expected shape ({len(r)}, {len(x)})")
        return R

    def linearize(self, x: np.ndarray, r: np.ndarray) -> Linearized | None:
        """The model there, where the residuals are r; ``None`` if it has numbers that are not finite."""
        if not math.isfinite(np.vdot(r, r)):
            return None
        R = self.jacobian_at(x, r)
        # The squares of a column may overflow where nothing else does.
        return Linearized(r, R) if math.isfinite(np.vdot(R, R)) else None

    @np.errstate(over="ignore", invalid="ignore")
    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """J and ∇J there; ``model`` is then that of x, if it is finite."""
        model = self.linearize(x, self.residuals_at(x))
        if model is None:
            return math.inf, np.full_like(x, np.nan)
        self.model = model
        return model.value, model.gradient

    def take(self, x: np.ndarray, model: Linearized) -> None:
        """Take a step to x, where the model is known."""
        self.model = model
        self.move_to(x, model.value, model.gradient)

    @property
    def scale(self) -> np.ndarray:
        """D: the greatest length that each column of R has had (Moré 1978), 1 where it was always 0."""
        return np.where(self._longest > 0, self._longest, 1.0)

    def forget_scale(self) -> None:
        """Let D be the lengths of the columns here."""
        self._longest = self.model.lengths

    def goes_on(self) -> bool:
        """Whether to take another step; if not, ``message`` says why."""
        if self.message:
            return False
        if self.model.cosine <= self.tolerance:
            self.settle(f"residuals and Jacobian are orthogonal to {self.tolerance:g}")
        elif self.model.tangential <= 4 * EPSILON * float(self.model.lengths @ np.abs(self.x)):
            self.settle("what is left to gain is lost in the rounding of θ")
        elif self._interrupted():
            self.stop("interrupted")
        elif self.n_iterations >= self.max_iterations:
            self.stop(
                f"{self.max_iterations} iterations did not make residuals and Jacobian orthogonal to "
                f"{self.tolerance:g}: the cosine is {self.model.cosine:.1g}"
            )
        return not self.message

    def settle(self, message: str) -> None:
        """Converged, unless J does not see a parameter: there its gradient says nothing."""
        unseen = np.flatnonzero(self.model.lengths == 0)
        if unseen.size and self.value > 0:
            self.stop(f"J does not depend on θ[{unseen[0]}] here: a plateau, or a parameter without use")
        else:
            self.converge(message)

    @np.errstate(over="ignore")
    def _record(self) -> None:
        super()._record()
        self._longest = np.maximum(self._longest, self.model.lengths)
