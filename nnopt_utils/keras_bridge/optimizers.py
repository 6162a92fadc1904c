"""Our optimizers in Keras: one table says which class and argument there is which of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnopt_utils import optimizers
from nnopt_utils._validation import describe
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.schedules import schedule_to_keras
from nnopt_utils.optimizers import Optimizer

OUTPUT_LAYER = "output"


class NoTwinError(ValueError):
    """A network or an optimizer has no equal in Keras. The message says which part, and what has one.

    Example:
        >>> from nnopt_utils.optimizers import ScheduleFreeSGD
        >>> optimizer_to_keras(ScheduleFreeSGD(learning_rate=0.1))
        Traceback (most recent call last):
        ...
        nnopt_utils.keras_bridge.optimizers.NoTwinError: ...
    """


@dataclass(frozen=True)
class Twin:
    """How one of our optimizers is called in Keras.

    Attributes:
        keras_name: the class in ``keras.optimizers``.
        arguments: our argument → Keras's. The common ones (rate, decay, clipping, average, …) are not listed.
        fixed: our arguments that Keras does not have → the only value that has a twin.
        excluding_output: Muon's layers that follow Adam: one flag here, a list of names in Keras.
        agrees: whether an optimizer of another convention than ``"keras"`` follows Keras's formula all the same.
    """

    keras_name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    excluding_output: bool = False
    agrees: Callable[[Any], bool] = lambda optimizer: False


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _one_formula(optimizer: Any) -> bool:
    """All conventions are one formula but for weight decay, which PyTorch adds to the gradient."""
    return optimizer.convention in optimizer.decoupled or not optimizer.weight_decay


def _plain_sgd(optimizer: Any) -> bool:
    """PyTorch's momentum and dampening differ from Keras's; without them there is one formula."""
    extras = getattr(optimizer, "momentum", 0) or getattr(optimizer, "dampening", 0)
    return _one_formula(optimizer) and not (optimizer.convention == "pytorch" and extras)


_ADAM = _same("beta_1", "beta_2", "epsilon", "amsgrad")
_FTRL = {
    **_same("learning_rate_power", "initial_accumulator_value", "beta"),
    "l1": "l1_regularization_strength",
    "l2": "l2_regularization_strength",
    "l2_shrinkage": "l2_shrinkage_regularization_strength",
}
_MUON = _same(
    "momentum",
    "nesterov",
    "ns_steps",
    "adam_lr_ratio",
    "adam_beta_1",
    "adam_beta_2",
    "epsilon",
    "adam_weight_decay",
)
_ADAFACTOR = _same("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

TWINS: dict[str, Twin] = {
    "SGD": Twin("SGD", _same("momentum", "nesterov"), fixed={"dampening": 0.0}, agrees=_plain_sgd),
    "GradientDescent": Twin("SGD", agrees=_plain_sgd),
    "Adagrad": Twin("Adagrad", _same("initial_accumulator_value", "epsilon")),
    "Adadelta": Twin("Adadelta", _same("rho", "epsilon"), agrees=_one_formula),
    "RMSprop": Twin("RMSprop", _same("rho", "momentum", "epsilon", "centered")),
    "Adam": Twin("Adam", _ADAM, fixed={"bias_correction": True}),
    "AdamW": Twin("AdamW", _ADAM, fixed={"bias_correction": True}),
    "Adamax": Twin("Adamax", _same("beta_1", "beta_2", "epsilon")),
    "Nadam": Twin("Nadam", _same("beta_1", "beta_2", "epsilon"), fixed={"momentum_decay": 1.0}),
    "Lion": Twin("Lion", _same("beta_1", "beta_2"), agrees=_one_formula),
    "Ftrl": Twin("Ftrl", _FTRL),
    "LAMB": Twin("Lamb", _same("beta_1", "beta_2", "epsilon")),
    "Adafactor": Twin("Adafactor", _ADAFACTOR, fixed={"relative_step": True}),
    "Muon": Twin("Muon", _MUON, excluding_output=True),
    "ScheduleFreeAdamW": Twin("ScheduleFreeAdamW", _same("beta_1", "beta_2", "epsilon", "warmup_steps")),
}

# Our name of a common argument → Keras's, and our value that means "off" → Keras's None.
_COMMON = {"weight_decay": 0.0, "clipvalue": None, "clipnorm": None, "global_clipnorm": None}


def optimizer_to_keras(optimizer: Optimizer) -> Any:
    """Return a new Keras optimizer with the same hyperparameters.

    Args:
        optimizer: one of ours, before its first step.

    Raises:
        TypeError: not an optimizer of this library.
        NoTwinError: Keras has no such optimizer, or not in this convention or with this argument; or the optimizer has
            already taken steps (its state is not carried over).

    Example:
        >>> optimizer_to_keras(optimizers.SGD(learning_rate=0.5, momentum=0.9)).get_config()["momentum"]
        0.9
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: got {describe(optimizer)}; expected an Optimizer, e.g. SGD(learning_rate=0.1)")
    name = type(optimizer).__name__
    twin = TWINS.get(name) if type(optimizer) is getattr(optimizers, name, None) else None
    keras = import_keras()
    if twin is None or not hasattr(keras.optimizers, twin.keras_name):
        raise NoTwinError(f"optimizer: got {name}; Keras has none like it, only like {', '.join(sorted(TWINS))}")
    if optimizer.t or optimizer.state:
        raise NoTwinError(
            f"optimizer: got one that has taken {optimizer.t} steps; expected a new one: state is not carried over"
        )
    if optimizer.convention != "keras" and not twin.agrees(optimizer):
        raise NoTwinError(
            f"convention: got {optimizer.convention!r} for {name}; expected 'keras', Keras has another formula: "
            f'{name}(..., convention="keras")'
        )
    for argument, value in twin.fixed.items():
        if getattr(optimizer, argument) != value:
            raise NoTwinError(f"{argument}: got {getattr(optimizer, argument)!r} for {name}; Keras has only {value!r}")
    own = {theirs: getattr(optimizer, mine) for mine, theirs in twin.arguments.items()}
    if twin.excluding_output:
        own["exclude_layers"] = [OUTPUT_LAYER] if optimizer.exclude_output else []  # type: ignore[attr-defined]
    keras_class = getattr(keras.optimizers, twin.keras_name)
    return keras_class(**_common_to_keras(optimizer), **own)


def _common_to_keras(optimizer: Optimizer) -> dict[str, Any]:
    calls = optimizer.gradient_accumulation_steps or 1
    if optimizer.ema_momentum is not None and calls > 1:
        raise NoTwinError(
            "ema_momentum: got one together with gradient_accumulation_steps; Keras then averages once a call, "
            "not once a step"
        )
    rate = optimizer.learning_rate
    if optimizer.schedule is not None:
        rate = schedule_to_keras(optimizer.schedule, calls)
    values = {name: getattr(optimizer, name) for name in _COMMON}
    common = {name: None if value == _COMMON[name] else value for name, value in values.items()}
    if type(optimizer).__name__ == "AdamW":
        common["weight_decay"] = optimizer.weight_decay  # Keras's AdamW wants a number, were it 0
    if optimizer.ema_momentum is not None:
        common |= {"use_ema": True, "ema_momentum": optimizer.ema_momentum}
    if calls > 1:
        common["gradient_accumulation_steps"] = calls
    return {"learning_rate": rate, **common}
