"""What every optimizer shares: everything that is not its rule."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from nnopt_utils._memory import aligned_copy
from nnopt_utils._validation import check_array, check_choice, check_finite, check_integer, check_number, describe
from nnopt_utils.layout import Place

CONVENTIONS = ("paper", "keras", "pytorch")
Schedule = Callable[[int], float]


class NonFiniteGradientError(ValueError):
    """The gradient given to ``step`` holds NaN or infinity; nothing was changed."""


class Optimizer(ABC):
    r"""Base class: step counter, state, learning rate, weight decay, clipping, and the walk over θ.

    A subclass lists its state in ``slots`` and writes its rule, ``update(theta, gradient, *slots)``, which
    changes θ and the slots in place. ``step`` calls it once a block of 32,768 parameters: temporaries of a
    block stay in the processor's cache, so the readable rule is also the fast one. Inside a rule,
    ``self.learning_rate`` is the rate η_t of this step and ``self.t`` the step's number, from 1. Numbers that
    belong to the state stand in ``scalars``. What is the same for all blocks, or needs all of θ at once, is
    computed in ``begin_step`` and ``end_step``.

    Args:
        learning_rate: η > 0, or a schedule: a function from the number of finished steps (0 at the first
            step) to a rate.
        convention: ``"paper"``, ``"keras"`` or ``"pytorch"``: picks the formula and the defaults where
            these differ.
        weight_decay: λ >= 0; default 0 where the rule has no other. In ``"paper"`` and ``"keras"`` decoupled,
            θ ← θ − η λ θ before the rule (Loshchilov & Hutter 2019; Keras); in ``"pytorch"`` an L2 penalty,
            g ← g + λ θ. A rule may differ: its docstring says so.
        clipvalue: limit each entry of g to [−clipvalue, clipvalue].
        clipnorm: scale each tensor's gradient down to at most this norm. Tensors are those of
            ``optimizer.layout`` (``fit`` sets it); without a layout θ counts as one tensor.
        global_clipnorm: scale the whole g down to at most this norm. Only one of the three may be given.
        ema_momentum: γ in [0, 1): keep an exponential average of the parameters, θ̄ ← γ θ̄ + (1 − γ) θ after each
            step, from θ̄ = θ after the first. ``evaluation_parameters`` returns it. Default: no average.
        gradient_accumulation_steps: k >= 1: collect the gradients of k calls and step with their mean. Calls
            between change nothing but the collected sum; t counts steps, not calls. Default: step each call.

    Warning:
        Keras clips before it decays; PyTorch clips outside the optimizer, hence before the L2 term: the same
        order as here. Collected gradients are clipped after their mean is taken, as in Keras. While it collects, Keras
        also goes on mixing θ into its average, once a call; here the average advances once a step.
    """

    slots: Sequence[str] = ()
    conventions: ClassVar[Sequence[str]] = CONVENTIONS
    decoupled: ClassVar[Sequence[str]] = ("paper", "keras")
    owns_weight_decay: ClassVar[bool] = False
    block_size: ClassVar[int] = 32_768
    flush_every: ClassVar[int] = 64
    defaults: ClassVar[dict[str, dict[str, Any]]] = {convention: {} for convention in CONVENTIONS}

    def __init__(
        self,
        learning_rate: float | Schedule | None = None,
        *,
        convention: str = "paper",
        weight_decay: float | None = None,
        clipvalue: float | None = None,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
        ema_momentum: float | None = None,
        gradient_accumulation_steps: int | None = None,
    ) -> None:
        self.convention = check_choice("convention", convention, self.conventions)
        self.weight_decay = check_number("weight_decay", self._default("weight_decay", weight_decay, 0.0), low=0.0)
        clips = {"clipvalue": clipvalue, "clipnorm": clipnorm, "global_clipnorm": global_clipnorm}
        given = {n: check_number(n, value, low=0.0, low_open=True) for n, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(f"{', '.join(given)}: got {len(given)} ways of clipping; expected at most one")
        self.clipvalue, self.clipnorm, self.global_clipnorm = map(given.get, clips)
        if ema_momentum is not None:
            ema_momentum = check_number("ema_momentum", ema_momentum, low=0.0, high=1.0, high_open=True)
        self.ema_momentum = ema_momentum
        if gradient_accumulation_steps is not None:
            check_integer("gradient_accumulation_steps", gradient_accumulation_steps, low=1)
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.layout: Sequence[Place] | None = None
        self.t = 0
        self.state: dict[str, np.ndarray] = {}
        self.scalars: dict[str, float] = {}
        self._shape: tuple[int, ...] | None = None
        self.learning_rate = self._default("learning_rate", learning_rate)

    @abstractmethod
    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        """Change one block of θ and its state in place: the rule."""

    # -- learning rate ---------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """The rate η_t of the latest step (before the first step, of that one). May be set at any time."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        rate = self._rate_at(value, max(self.t - 1, 0))
        self.schedule = value if callable(value) else None
        self._rate = rate

    @staticmethod
    def _rate_at(value: float | Schedule, finished_steps: int) -> float:
        if not callable(value):
            return check_number("learning_rate", value, low=0.0, low_open=True)
        try:
            return check_number("learning_rate", value(finished_steps), low=0.0)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{error} from the schedule {value!r} after {finished_steps} steps") from error

    # -- one step --------------------------------------------------------------------------------------

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        """Advance t by one and change θ in place; the gradient is left as it is.

        Args:
            theta: parameters, 1-D float32 or float64, writeable.
            gradient: g, of the same shape.

        Raises:
            TypeError, ValueError: bad shape or type; nothing is changed.
            NonFiniteGradientError: NaN or infinity in the gradient; nothing is changed.
        """
        self._check_step(theta, gradient)
        if self.schedule is not None:
            self._rate = self._rate_at(self.schedule, self.t)
        if self._shape is None:
            self._allocate(theta)
        if self.gradient_accumulation_steps is not None:
            if not self._collect(gradient):
                return
            gradient = self._collected()
        self.t += 1
        if self.t % self.flush_every == 0:
            self._flush_denormals()
        gradient = self._clipped(gradient)
        if np.may_share_memory(theta, gradient):  # the gradient of θ²/2 is θ: it must not change under the rule
            gradient = gradient.copy()
        self.begin_step(theta, gradient)
        self._walk(theta, gradient)
        self.end_step(theta)
        if self.ema_momentum is not None:
            self._update_average(theta)

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:  # noqa: B027 (a hook: most rules need none)
        """Compute what is the same for all blocks of this step. A rule may override it."""

    def end_step(self, theta: np.ndarray) -> None:  # noqa: B027 (a hook: most rules need none)
        """Finish the step after all blocks. A rule may override it."""

    def _walk(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        slots = [self.state[name] for name in self.slots]
        for start in range(0, theta.size, self.block_size):
            block = slice(start, start + self.block_size)
            self._update_part(theta[block], gradient[block], [slot[block] for slot in slots])

    def _update_part(self, theta: np.ndarray, gradient: np.ndarray, slots: list[np.ndarray]) -> None:
        if self.weight_decay and not self.owns_weight_decay:
            if self.convention in self.decoupled:
                # Not θ *= 1 − ηλ: in float32 that factor is rounded, and a small ηλ would be lost.
                theta -= self.learning_rate * self.weight_decay * theta
            else:
                gradient = gradient + self.weight_decay * theta
        self.update(theta, gradient, *slots)

    # -- state -----------------------------------------------------------------------------------------

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shape of each state array of the rule, for a θ of this shape: θ's own."""
        return dict.fromkeys(self.slots, shape)

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rule's state arrays before the first step: zeros. A rule may override it."""
        return {name: np.zeros(shape, theta.dtype) for name, shape in self.slot_shapes(theta.shape).items()}

    def _allocate(self, theta: np.ndarray) -> None:
        state = self.initial_state(theta) | {name: np.zeros_like(theta) for name in self._shared_slots}
        self.state = {name: aligned_copy(slot) for name, slot in state.items()}
        self._shape = theta.shape

    @property
    def _shared_slots(self) -> list[str]:
        """The state that is not the rule's: the average, the collected gradients."""
        wanted = {"average": self.ema_momentum, "collected": self.gradient_accumulation_steps}
        return [name for name, argument in wanted.items() if argument is not None]

    def _collect(self, gradient: np.ndarray) -> bool:
        """Add a gradient to the collected ones; are they complete?"""
        self.state["collected"] += gradient
        self.scalars["collected"] = self.scalars.get("collected", 0) + 1
        return self.scalars["collected"] == self.gradient_accumulation_steps

    def _collected(self) -> np.ndarray:
        mean = self.state["collected"] / self.scalars["collected"]
        self.state["collected"][:] = self.scalars["collected"] = 0
        return mean

    def _update_average(self, theta: np.ndarray) -> None:
        average = self.state["average"]
        for start in range(0, theta.size, self.block_size):
            block = slice(start, start + self.block_size)
            weight = 1.0 if self.t == 1 else 1 - self.ema_momentum  # type: ignore[operator]
            average[block] += weight * (theta[block] - average[block])

    def evaluation_parameters(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters to judge and to keep: θ itself, or the average where there is one.

        ``fit`` validates there. After training, ``network.parameters = optimizer.evaluation_parameters(
        network.parameters)`` keeps them; to go on training afterwards, keep a copy of θ.
        """
        return theta if self.ema_momentum is None or not self.t else self.state["average"].copy()

    def _flush_denormals(self) -> None:
        """Set state that will soon be denormal to zero, as frameworks do.

        The average of a pixel that is always dark shrinks by β a step for ever. Below 1.2e-38 (float32) a processor
        takes about a hundred times as long for a number. The limit, 1e-31, leaves room for what shrinks until the next
        flush; what is lost is far too small to change any θ.
        """
        for slot in self.state.values():
            slot[np.abs(slot) < 2.0**23 * np.finfo(slot.dtype).tiny] = 0

    def _check_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        if not isinstance(theta, np.ndarray) or theta.ndim != 1 or theta.dtype not in (np.float32, np.float64):
            raise TypeError(f"theta: got {describe(theta)}; expected a 1-D float32 or float64 array, changed in place")
        if theta.size == 0 or not theta.flags.writeable:
            kind = "an empty" if theta.size == 0 else "a read-only"
            raise ValueError(f"theta: got {kind} array; expected a writeable one with at least one parameter")
        if not isinstance(gradient, np.ndarray) or gradient.dtype.kind != "f":
            raise TypeError(f"gradient: got {describe(gradient)}; expected a float array of shape {theta.shape}")
        if gradient.shape != theta.shape:
            raise ValueError(f"gradient: got {describe(gradient)}; expected shape {theta.shape}, the shape of theta")
        if self._shape is not None and self._shape != theta.shape:
            raise ValueError(
                f"theta: got {describe(theta)}; expected shape {self._shape}, for which this optimizer holds state "
                "(use a new optimizer for another theta)"
            )
        try:
            check_finite("gradient", gradient)
        except ValueError as error:
            raise NonFiniteGradientError(str(error)) from None

    # -- clipping --------------------------------------------------------------------------------------

    def _clipped(self, gradient: np.ndarray) -> np.ndarray:
        if self.clipvalue is not None:
            return np.clip(gradient, -self.clipvalue, self.clipvalue)
        if self.global_clipnorm is not None:
            return _scaled_to_norm(gradient, self.global_clipnorm)
        if self.clipnorm is not None:
            if self.layout is None:
                return _scaled_to_norm(gradient, self.clipnorm)
            return np.concatenate([_scaled_to_norm(gradient[t.where], self.clipnorm) for t in self.layout])
        return gradient

    # -- looking at it, saving it ----------------------------------------------------------------------

    def _default(self, name: str, value: Any, otherwise: Any = None) -> Any:
        return self.defaults[self.convention].get(name, otherwise) if value is None else value

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every constructor argument by name, as it stands now."""
        own = inspect.signature(type(self).__init__).parameters
        shared = inspect.signature(Optimizer.__init__).parameters
        names = [n for n in dict.fromkeys([*own, *shared]) if n not in ("self", "common")]
        values = {name: getattr(self, name) for name in names}
        if self.schedule is not None:
            values["learning_rate"] = self.schedule
        return values

    def __repr__(self) -> str:
        """Show every hyperparameter that is in force; ``None`` means "off" (no clipping, no average)."""
        given = {name: value for name, value in self.hyperparameters.items() if value is not None}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def get_state(self) -> dict[str, Any]:
        """Return copies of all that a later ``set_state`` needs to go on exactly from here."""
        return {
            "optimizer": type(self).__name__,
            "t": self.t,
            "learning_rate": None if self.schedule is not None else self.learning_rate,
            "shape": self._shape,
            "slots": {name: slot.copy() for name, slot in self.state.items()},
            "scalars": dict(self.scalars),
            "layout": None if self.layout is None else [_tensor_as_tuple(tensor) for tensor in self.layout],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state from ``get_state`` of an optimizer built with the same arguments.

        Raises:
            ValueError: the state is another optimizer's, or its arrays do not fit; nothing is changed.
        """
        self._check_state(state)
        layout = state["layout"]
        layout = layout and [Place(name, tuple(shape), slice(start, stop)) for name, shape, start, stop in layout]
        shape = None if state["shape"] is None else tuple(state["shape"])
        slots = self._checked_slots(state["slots"], shape, layout)
        scalars = self._checked_scalars(state["scalars"])
        rate = None if state["learning_rate"] is None else self._rate_at(state["learning_rate"], 0)
        self.t, self._shape, self.layout = check_integer("state['t']", state["t"], low=0), shape, layout
        self.state = {name: aligned_copy(slot) for name, slot in slots.items()}
        self.scalars = scalars
        if rate is not None:
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
            shapes = self.slot_shapes(shape) | dict.fromkeys(self._shared_slots, shape)
        finally:
            self.layout = before
        if set(slots) != set(shapes):
            raise ValueError(f"state: got slots {sorted(slots)}; expected {sorted(shapes)}")
        return {name: check_array(f"state[{name!r}]", slots[name], shape=shapes[name]) for name in shapes}


def _tensor_as_tuple(tensor: Place) -> tuple[str, tuple[int, ...], int, int]:
    return tensor.name, tensor.shape, tensor.where.start, tensor.where.stop


def _scaled_to_norm(gradient: np.ndarray, limit: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(gradient))
    if np.isinf(norm):  # only the squares overflowed
        largest = float(np.abs(gradient).max())
        norm = largest * float(np.linalg.norm(gradient / largest))
    return gradient if norm <= limit else gradient * (limit / norm)
