"""What a run leaves behind: ``History`` of a network's training, ``Trajectory`` of a minimisation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class History:
    """The record of ``fit``, one entry a finished epoch unless said otherwise.

    Attributes:
        train_loss: mean loss of the epoch's mini-batches, each at the parameters of its moment.
        val_loss, val_accuracy: on the validation set after the epoch (empty lists without one).
        learning_rate: the rate of the epoch's last step.
        seconds: wall time of the epoch, without validation (after an interruption, of its last part).
        step_losses: loss of every step, in order.
        interrupted: whether an interrupt or a callback asked the run to stop.
        epoch, step: where the next step would be: epochs finished, and steps into the next one.
        seed, batch_size, n_samples: what fixes the order of the batches, so that a run can be resumed exactly.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.training import fit
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
        >>> history = fit(MLP([1, 2]), SGD(learning_rate=0.1), (x, y), epochs=4, batch_size=2, progress=False)
        >>> history.steps_per_epoch, len(history.train_loss), len(history.step_losses)
        (2, 4, 8)
        >>> history.train_loss[-1] < history.train_loss[0]
        True
    """

    seed: int
    batch_size: int
    n_samples: int
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    interrupted: bool = False
    epoch: int = 0
    step: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Number of mini-batches an epoch; the last one may be smaller."""
        return -(-self.n_samples // self.batch_size)

    def finish_epoch(self, rate: float, seconds: float) -> None:
        """Record the end of an epoch whose steps are all in ``step_losses``.

        Args:
            rate: of the epoch's last step.
            seconds: that it took.

        Example:
            >>> history = History(seed=0, batch_size=2, n_samples=3, step_losses=[1.0, 4.0])
            >>> history.finish_epoch(rate=0.1, seconds=0.5)
            >>> history.epoch, history.train_loss         # the second batch had one sample
            (1, [2.0])
        """
        sizes = np.full(self.steps_per_epoch, self.batch_size)
        sizes[-1] = self.n_samples - (self.steps_per_epoch - 1) * self.batch_size
        self.train_loss.append(float(np.average(self.step_losses[-self.steps_per_epoch :], weights=sizes)))
        self.learning_rate.append(rate)
        self.seconds.append(seconds)
        self.epoch += 1
        self.step = 0

    def __repr__(self) -> str:
        parts = [f"{self.epoch} epochs", f"{len(self.step_losses)} steps"]
        if self.train_loss:
            parts.append(f"train loss {self.train_loss[-1]:.4f}")
        if self.val_loss:
            parts.append(f"validation loss {self.val_loss[-1]:.4f}, accuracy {self.val_accuracy[-1]:.4f}")
        return f"History({', '.join(parts)}{', interrupted' if self.interrupted else ''})"


@dataclass(frozen=True)
class Trajectory:
    """The record of ``minimize``: T steps leave T + 1 points.

    Attributes:
        points: θ_1 … θ_{T+1}, shape (T + 1, d).
        values: J at each point, shape (T + 1,).
        gradient_norms: ‖g‖ at each point, shape (T + 1,).
        diverged: whether J or g stopped being finite; the run ends there, at the last finite point.
        optimizer: the optimizer's repr, for captions.

    Example:
        >>> from nnopt_utils.optimizers import GradientDescent
        >>> from nnopt_utils.problems import Quadratic
        >>> from nnopt_utils.training import minimize
        >>> run = minimize(Quadratic(kappa=1), GradientDescent(learning_rate=0.5), steps=2)
        >>> run.points.tolist(), run.values.tolist()
        ([[1.0, 1.0], [0.5, 0.5], [0.25, 0.25]], [1.0, 0.25, 0.0625])
    """

    points: np.ndarray
    values: np.ndarray
    gradient_norms: np.ndarray
    diverged: bool
    optimizer: str

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.values) - 1

    def __repr__(self) -> str:
        end = "diverged" if self.diverged else f"J = {self.values[-1]:.6g}"
        return f"Trajectory({self.steps} steps, {end}; {self.optimizer})"
