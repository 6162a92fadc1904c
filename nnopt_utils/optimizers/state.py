"""What an optimizer remembers between steps, and how that is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from nnopt_utils._memory import aligned_copy
from nnopt_utils._validation import check_array, check_integer, check_number, describe
from nnopt_utils.layout import Place
from nnopt_utils.optimizers.hyperparameters import Schedule, rate_at
from nnopt_utils.optimizers.rule_check import check_slots

# Numbers and arrays of the state that are not the rule's, and the argument that switches each on.
SHARED = {"average": "ema_momentum", "collected": "gradient_accumulation_steps"}


Part = tuple[Place, np.ndarray, list[np.ndarray]]


class Cut(NamedTuple):
    """θ and the state's arrays, and the parts they were cut into: place, part of θ, parts of the rule's arrays."""

    theta: np.ndarray
    layout: Sequence[Place] | None
    block_size: int
    slots: list[np.ndarray]
    parts: list[Part]


class State:
    """The part of an optimizer that changes: t, arrays, numbers, the layout; with ``get_state`` and ``set_state``.

    Attributes:
        slots: names of the rule's arrays, in the order in which ``update`` is given them.
        t: the number of the step under way, or of the last one; the first is 1.
        state: the arrays by name; empty before the first step.
        scalars: numbers that belong to the state.
        this_step: numbers that ``begin_step`` computes for all blocks of a step; not part of the state.
        layout: the places of tensors in θ, or ``None``.
        place: of the part of θ that ``update`` is changing.
    """

    slots: Sequence[str] = ()
    t: int
    state: dict[str, np.ndarray]
    scalars: dict[str, float]
    this_step: dict[str, float]
    layout: Sequence[Place] | None
    place: Place
    learning_rate: Any  # this and the next two are Declared's
    complete: Any
    declared: Any
    schedule: Schedule | None = None
    _shape: tuple[int, ...] | None
    _cut: Cut | None = None
    _is_proven: bool = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self.t, self.state, self.scalars, self.this_step = 0, {}, {}, {}
        self.layout = self._shape = None
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the cut: a copy of views would no longer be views."""
        return {name: value for name, value in vars(self).items() if name != "_cut"}

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shape of each state array of the rule, for a θ of this shape: θ's own."""
        return dict.fromkeys(self.slots, shape)

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rule's state arrays before the first step: zeros. A rule may override it."""
        return {name: np.zeros(shape, theta.dtype) for name, shape in self.slot_shapes(theta.shape).items()}

    def _allocate(self, theta: np.ndarray) -> None:
        check_slots(self, SHARED)
        state = self.initial_state(theta) | {name: np.zeros_like(theta) for name in self._shared_slots()}
        self.state = {name: aligned_copy(slot) for name, slot in state.items()}
        self._shape = theta.shape

    def _shared_slots(self) -> list[str]:
        return [name for name, argument in SHARED.items() if getattr(self, argument, None) is not None]

    def get_state(self) -> dict[str, Any]:
        """Return copies of all that a later ``set_state`` needs to go on exactly from here."""
        return {
            "optimizer": type(self).__name__,
            "t": self.t,
            "learning_rate": None if self.schedule is not None else self.learning_rate,
            "shape": self._shape,
            "slots": {name: slot.copy() for name, slot in self.state.items()},
            "scalars": dict(self.scalars),
            "layout": None if self.layout is None else [_place_as_tuple(place) for place in self.layout],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state from ``get_state`` of an optimizer built with the same arguments.

        Raises:
            ValueError: the state is another optimizer's, or its arrays do not fit; nothing is changed.
        """
        self.complete()
        self._check_state(state)
        layout = state["layout"]
        layout = layout and [Place(name, tuple(shape), slice(start, stop)) for name, shape, start, stop in layout]
        shape = None if state["shape"] is None else tuple(state["shape"])
        slots = self._checked_slots(state["slots"], shape, layout)
        scalars = self._checked_scalars(state["scalars"])
        rate = None if state["learning_rate"] is None else rate_at(state["learning_rate"], 0)
        self.t, self._shape, self.layout = check_integer("state['t']", state["t"], low=0), shape, layout
        self.state = {name: aligned_copy(slot) for name, slot in slots.items()}
        self.scalars, self._cut = scalars, None
        if rate is not None and "learning_rate" in self.declared:  # else a subclass computes it
            self.learning_rate = rate
        elif self.schedule is not None:
            self.learning_rate = self.schedule

    def _check_state(self, state: dict[str, Any]) -> None:
        if not isinstance(state, dict):
            raise TypeError(f"state: got {describe(state)}; expected the dict that get_state returns")
        missing = {"optimizer", "t", "learning_rate", "shape", "slots", "scalars", "layout"} - set(state)
        if missing:
            raise ValueError(f"state: got one without {sorted(missing)}; expected the dict that get_state returns")
        if state["optimizer"] != type(self).__name__:
            raise ValueError(f"state: got one of {state['optimizer']}; expected one of {type(self).__name__}")

    def _checked_scalars(self, scalars: dict[str, float]) -> dict[str, float]:
        own = set(self.scalars) - {"collected"}  # "collected" comes with the first collected gradient
        if set(scalars) - {"collected"} != own:
            raise ValueError(f"state: got scalars {sorted(scalars)}; expected {sorted(own)}")
        return {name: check_number(f"state[{name!r}]", value) for name, value in scalars.items()}

    def _checked_slots(
        self, slots: dict[str, np.ndarray], shape: tuple[int, ...] | None, layout: Sequence[Place] | None
    ) -> dict[str, np.ndarray]:
        if shape is None:
            return {}
        before, self.layout = self.layout, layout  # the shapes of a rule's slots may depend on the layout
        try:
            shapes = self.slot_shapes(shape) | dict.fromkeys(self._shared_slots(), shape)
        finally:
            self.layout = before
        if set(slots) != set(shapes):
            raise ValueError(f"state: got slots {sorted(slots)}; expected {sorted(shapes)}")
        return {name: check_array(f"state[{name!r}]", slots[name], shape=shapes[name]) for name in shapes}


def _place_as_tuple(place: Place) -> tuple[str, tuple[int, ...], int, int]:
    return place.name, place.shape, place.where.start, place.where.stop
