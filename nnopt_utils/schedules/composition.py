"""One schedule after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nnopt_utils._validation import check_integer, describe

__all__ = ["Compose"]


@dataclass(frozen=True)
class Compose:
    r"""Schedules one after the other, each for its number of steps, the last for ever.

    Each part counts its steps from its own 0: with part i beginning at step b_i, :math:`\eta_k = \eta^{(i)}(k - b_i)`.

    Args:
        parts: pairs (schedule, steps >= 1) and at the end one schedule alone. A schedule is any function of the step.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> from nnopt_utils.schedules import Constant, CosineDecay, LinearWarmup
        >>> schedule = Compose([(LinearWarmup(0.1, 2), 2), (Constant(0.1), 10), CosineDecay(0.1, 100)])
        >>> [round(schedule(k), 4) for k in (0, 1, 2, 11, 12, 62, 112)]
        [0.05, 0.1, 0.1, 0.1, 0.1, 0.05, 0.0]

    Warning:
        PyTorch's ``SequentialLR`` does the same, and takes the steps at which parts begin, not their lengths.
    """

    parts: Sequence[Any]

    def __post_init__(self) -> None:
        if isinstance(self.parts, str) or not isinstance(self.parts, Sequence) or not self.parts:
            raise TypeError(f"parts: got {describe(self.parts)}; expected a list: (schedule, steps), …, schedule")
        *timed, last = self.parts
        checked = [_check_timed(f"parts[{index}]", part) for index, part in enumerate(timed)]
        if not callable(last):
            raise TypeError(
                f"parts[{len(timed)}]: got {describe(last)}; expected a schedule alone: the last has no end"
            )
        object.__setattr__(self, "parts", (*checked, last))  # a tuple, so that it can be compared and hashed

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        *timed, last = self.parts
        for schedule, steps in timed:
            if step < steps:
                return schedule(step)
            step -= steps
        return last(step)


def _check_timed(name: str, part: Any) -> tuple[Callable[[int], float], int]:
    if isinstance(part, str) or not isinstance(part, Sequence) or len(part) != 2 or not callable(part[0]):
        raise TypeError(f"{name}: got {describe(part)}; expected a pair (schedule, steps)")
    return part[0], check_integer(f"{name}[1]", part[1], low=1)
