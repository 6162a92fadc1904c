"""Natural gradient descent: steepest descent where lengths are measured by what the model says."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.hyperparameters import choice, not_negative
from nnopt_utils.second_order.fisher import fisher_matrix
from nnopt_utils.second_order.observing import ObservingOptimizer


class NaturalGradient(ObservingOptimizer):
    r"""Natural gradient descent (Amari 1998), for small networks: the gradient, seen through the Fisher matrix.

    .. math:: (F_t + \lambda I)\, s_t = g_t, \qquad \theta_{t+1} = \theta_t - \eta_t s_t

    F is the :func:`fisher_matrix` of the batch, made anew at every step and solved with, never inverted. It has d²
    numbers, and solving takes time as d³: this is for networks of up to a few thousand parameters, :class:`KFAC` for
    the others. Without damping the path is the same for all parameters that are an invertible linear map of θ; for
    other parametrisations of a model it is so in the limit of short steps. Damping measures θ itself, and does not keep
    this.

    Args:
        learning_rate: η > 0, or a schedule. With a damping that is small against F, 1 is the step of Gauss–Newton.
        damping: λ >= 0, default 1e-3, added to the diagonal of F. Directions in which F is much smaller follow the
            gradient with the rate η / λ.
        fisher: ``"true"`` (default), over the model's own labels, or ``"empirical"``, over the data's.
        weight_decay: >= 0, default 0, decoupled: before the step θ shrinks by η times this share.
        clipvalue, clipnorm, global_clipnorm: limit g before it is solved with.

    Raises:
        ValueError: a value out of its range; ``step`` without ``observe``; a singular F without damping;
            ``gradient_accumulation_steps``, which it does not support.

    Example:
        >>> from nnopt_utils.training import fit
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> network = MLP([1, 8, 1], activation="tanh", loss="mse", seed=0)
        >>> history = fit(network, NaturalGradient(1.0), (x, x**2), epochs=20, batch_size=20, progress=False)
        >>> history.step_losses[0] > 0.1, history.step_losses[-1] < 1e-3
        (True, True)

    Source: S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10, 1998; damping:
    J. Martens, "New insights and perspectives on the natural gradient method", JMLR 21, 2020.
    """

    damping: float = not_negative(default=1e-3)
    fisher: str = choice(default="true", options=("true", "empirical"))

    _direction: Any = None  # s of the step under way

    def look(self, network: MLP, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return F of the batch, damped."""
        F = fisher_matrix(network, x, y, self.fisher)
        if self.damping <= len(F) * np.finfo(F.dtype).eps * np.trace(F):
            self._check_rank(F)
        F[np.diag_indices_from(F)] += self.damping
        return F

    def _check_rank(self, F: np.ndarray) -> None:
        rank = int(np.linalg.matrix_rank(F, hermitian=True))
        if rank < len(F):
            raise ValueError(
                f"damping: got {self.damping:g} for a singular Fisher matrix, of rank {rank} with {len(F)} rows; "
                "expected more (or more samples, or a network without superfluous parameters)"
            )

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self._direction = np.linalg.solve(self.seen, gradient.astype(np.float64)).astype(theta.dtype)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        theta -= self.learning_rate * self.place.of(self._direction)


__all__ = ["NaturalGradient"]
