"""Our schedules in Keras: its own where it has the same formula, else ours behind Keras's interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from nnopt_utils import schedules as ours
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.optimizers.hyperparameters import Schedule


def schedule_to_keras(schedule: Schedule, calls_per_step: int = 1) -> Any:
    """Return the same schedule as a Keras ``LearningRateSchedule``.

    Args:
        schedule: one of ``nnopt_utils.schedules``, or any function of the number of finished steps.
        calls_per_step: with gradient accumulation, the calls that make a step: Keras asks its schedule for the number
            of *calls*, this library for the number of steps.

    Example:
        >>> keras_schedule = schedule_to_keras(ours.CosineDecay(0.1, steps=100))
        >>> type(keras_schedule).__name__, round(float(keras_schedule(50)), 6)
        ('CosineDecay', 0.05)
    """
    theirs = import_keras().optimizers.schedules
    if calls_per_step > 1:
        return _wrapper()(schedule, calls_per_step)
    match schedule:
        case ours.ExponentialDecay(learning_rate=rate, factor=factor, steps=steps):
            return theirs.ExponentialDecay(rate, decay_steps=steps, decay_rate=factor)
        case ours.StepDecay(learning_rate=rate, factor=factor, every=every):
            return theirs.ExponentialDecay(rate, decay_steps=every, decay_rate=factor, staircase=True)
        case ours.InverseTimeDecay(learning_rate=rate, decay=decay):
            return theirs.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
        case ours.PolynomialDecay(learning_rate=rate, steps=steps, end_learning_rate=end, power=power):
            return theirs.PolynomialDecay(rate, decay_steps=steps, end_learning_rate=end, power=power)
        case ours.CosineDecay(learning_rate=rate, steps=steps, alpha=alpha):
            return theirs.CosineDecay(rate, decay_steps=steps, alpha=alpha)
        case ours.PiecewiseConstant(boundaries=boundaries, values=values):
            # Keras's rate changes after its boundary, ours at it.
            return theirs.PiecewiseConstantDecay([boundary - 1 for boundary in boundaries], list(values))
    return _wrapper()(schedule)


@lru_cache(maxsize=1)
def _wrapper() -> Any:
    """Keras's base class exists only after the import, so the subclass is made at its first use."""
    base: Any = import_keras().optimizers.schedules.LearningRateSchedule
    import tensorflow as tf

    class NnoptSchedule(base):
        """A schedule of this library, or any function of the step, for Keras."""

        def __init__(self, schedule: Callable[[int], float], calls_per_step: int = 1) -> None:
            super().__init__()
            self.schedule, self.calls_per_step = schedule, calls_per_step

        def __call__(self, step: Any) -> Any:
            # In a graph the step is known only when it runs: the graph then calls Python.
            rate = tf.numpy_function(self.rate, [tf.cast(step, tf.int64)], tf.float32, stateful=False)
            return tf.ensure_shape(rate, ())

        def rate(self, step: Any) -> Any:
            return np.float32(self.schedule(int(step) // self.calls_per_step))

        def get_config(self) -> dict[str, Any]:
            return {"schedule": repr(self.schedule), "calls_per_step": self.calls_per_step}

    return NnoptSchedule
