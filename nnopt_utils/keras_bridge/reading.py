"""A compiled Keras model as an ``MLP``."""

from __future__ import annotations

from typing import Any

from nnopt_utils._validation import describe
from nnopt_utils.keras_bridge.errors import NoTwinError
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.models import ACTIVATIONS, ENDS, LEAKY_SLOPE, LOSSES, half_squared_error
from nnopt_utils.keras_bridge.optimizers import optimizer_from_keras
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer


def from_keras(model: Any, with_optimizer: bool = True) -> tuple[MLP, Optimizer | None]:
    """Return a compiled Keras model as an ``MLP`` with equal weights, and its optimizer.

    Understood is a stack of ``Input``, at most one ``Flatten`` after it, and ``Dense`` layers, whose activation may
    stand in an ``Activation``, ``ReLU``, ``ELU``, ``LeakyReLU`` (slope 0.01) or ``Softmax`` layer of its own. All
    hidden layers have the same activation. The last is linear with a loss from logits, or softmax or sigmoid with a
    loss from probabilities: here both are the same network.

    Args:
        model: a built and compiled ``Sequential`` or functional model; it is left as it is.
        with_optimizer: whether the optimizer is wanted, which must then be new; default yes.

    Returns:
        The network, and a new optimizer in convention ``"keras"``, or ``None`` without ``with_optimizer``.

    Raises:
        TypeError: not a Keras model.
        NoTwinError: a ValueError that names the layer, argument, loss or optimizer that has no equal here.

    Example:
        >>> keras = import_keras()
        >>> layers = [keras.Input((784,)), keras.layers.Dense(10, activation="softmax")]
        >>> model = keras.Sequential(layers)
        >>> model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        >>> network, optimizer = from_keras(model)
        >>> network.layer_sizes, optimizer.learning_rate
        ([784, 10], 0.5)
    """
    keras = import_keras()
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: got {describe(model)}; expected a Keras model")
    if not model.built:
        raise NoTwinError("model: got one that is not built, so its sizes are unknown; begin it with keras.Input")
    if not model.compiled:
        raise NoTwinError("model: got one that is not compiled; compile it, for the loss is part of the network here")
    denses, activations = _stack(_chain(model))
    loss = _loss_of(model, activations[-1])
    network = MLP(
        [denses[0].kernel.shape[0], *(dense.units for dense in denses)],
        activation=activations[:-1] or "relu",
        loss=loss,
        initializer="zeros",
        l2=2 * _one_value("kernel_regularizer", {_penalty(dense): None for dense in denses}),
        dtype=_one_value("dtype", {dense.dtype_policy.name: None for dense in denses}),
    )
    for k, dense in enumerate(denses):
        network.weights[k], network.biases[k] = dense.kernel.numpy(), dense.bias.numpy()
    return network, optimizer_from_keras(model.optimizer, denses[-1].name) if with_optimizer else None


def _one_value(name: str, values: Any) -> Any:
    if len(values) > 1:
        raise NoTwinError(f"{name}: got {', '.join(map(str, values))} in different layers; an MLP has one for all")
    return next(iter(values))


def _chain(model: Any) -> list[Any]:
    """The layers from the input to the output, if they are one after the other."""
    keras = import_keras()
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    if not getattr(model, "_is_graph_network", False) and not hasattr(model, "operations"):
        raise NoTwinError(f"model: got a {type(model).__name__}; expected a Sequential or functional model")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise NoTwinError(f"model: got {len(model.inputs)} inputs, {len(model.outputs)} outputs; expected one of each")
    layers: list[Any] = []
    tensor = model.outputs[0]
    while True:
        layer, node, _ = tensor._keras_history
        if isinstance(layer, keras.layers.InputLayer):
            return layers[::-1]
        sources = layer._inbound_nodes[node].input_tensors
        if len(sources) != 1:
            raise NoTwinError(f"model: the layer {layer.name!r} has {len(sources)} inputs; expected a plain stack")
        if any(layer is other for other in layers):
            raise NoTwinError(f"model: the layer {layer.name!r} is used twice; expected a plain stack")
        layers.append(layer)
        tensor = sources[0]


def _stack(layers: list[Any]) -> tuple[list[Any], list[str]]:
    """The Dense layers and the names of the activations behind them."""
    keras = import_keras()
    denses: list[Any] = []
    activations: list[str] = []
    for layer in layers:
        if isinstance(layer, keras.layers.Flatten) and not denses:
            continue
        if type(layer) is keras.layers.Dense:
            _check_dense(layer)
            denses.append(layer)
            activations.append(_activation_of(layer, layer.activation))
        elif denses and activations[-1] == "linear" and (name := _activation_layer(layer)):
            activations[-1] = name
        else:
            raise NoTwinError(
                f"model: got the layer {layer.name!r} ({type(layer).__name__}) "
                f"{'after ' + denses[-1].name if denses else 'at the beginning'}; an MLP is a stack of Dense layers "
                "with one activation each"
            )
    if not denses:
        raise NoTwinError("model: got no Dense layer; expected at least one")
    for dense, activation in zip(denses[:-1], activations[:-1], strict=True):
        if activation == "softmax":
            raise NoTwinError(f"model: got softmax in the hidden layer {dense.name!r}; an MLP has it only at its end")
    return denses, activations


def _check_dense(dense: Any) -> None:
    if not dense.use_bias:
        raise NoTwinError(f"use_bias: got False in the layer {dense.name!r}; every layer of an MLP has biases")
    if not dense.trainable:
        raise NoTwinError(f"trainable: got False in the layer {dense.name!r}; all of θ is trained here")
    if dense.dtype_policy.name not in ("float32", "float64"):
        raise NoTwinError(f"dtype: got {dense.dtype_policy.name!r} in the layer {dense.name!r}; expected float32 or 64")
    for name in ("bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint"):
        if getattr(dense, name, None) is not None:
            raise NoTwinError(f"{name}: got one in the layer {dense.name!r}; an MLP has none")


def _activation_of(layer: Any, function: Any) -> str:
    """Our name of a Keras activation; softmax, which belongs to the loss here, keeps its name."""
    keras = import_keras()
    for mine, theirs in {**ACTIVATIONS, "softmax": "softmax"}.items():
        if function is getattr(keras.activations, theirs):
            return mine
    name = getattr(function, "__name__", str(function))
    raise NoTwinError(
        f"activation: got {name!r} in the layer {layer.name!r}; expected {', '.join(ACTIVATIONS.values())}"
    )


def _activation_layer(layer: Any) -> str | None:
    """Our name of a layer that is only an activation; ``None`` if it is anything else."""
    layers = import_keras().layers
    match layer:
        case layers.Activation():
            return _activation_of(layer, layer.activation)
        case layers.ReLU(max_value=None, negative_slope=0, threshold=0):
            return "relu"
        case layers.ELU(alpha=1):
            return "elu"
        case layers.LeakyReLU(negative_slope=slope) if abs(slope - LEAKY_SLOPE) < 1e-9:
            return "leaky_relu"
        case layers.Softmax(axis=-1):
            return "softmax"
    return None


def _penalty(dense: Any) -> float:
    keras, regularizer = import_keras(), dense.kernel_regularizer
    if regularizer is None:
        return 0.0
    if type(regularizer) is not keras.regularizers.L2:
        raise NoTwinError(
            f"kernel_regularizer: got {type(regularizer).__name__} in {dense.name!r}; expected L2 or None"
        )
    return float(regularizer.l2)


def _loss_of(model: Any, end: str) -> str:
    """Our name of the compiled loss, if it fits the activation of the last layer."""
    keras, loss = import_keras(), model.loss
    if loss is half_squared_error():
        name, from_logits = "half_mse", True
    else:
        name, from_logits = _known_loss(keras.losses.get(loss))
    expected = ENDS.get(name, "linear")
    if end == "linear" and (from_logits or name not in ENDS):
        return name
    if end == "linear":
        raise NoTwinError(
            f"loss: got {name} from probabilities, but the last layer is linear; expected from_logits=True, or "
            f"{expected} at the end"
        )
    if end != expected:
        raise NoTwinError(f"activation: got {end} at the end with the loss {name}; expected linear or {expected}")
    if from_logits:
        raise NoTwinError(f"loss: got from_logits=True, but the last layer is {end} already; expected one of the two")
    return name


def _known_loss(loss: Any) -> tuple[str, bool]:
    """Our name of a Keras loss, and whether it takes logits."""
    losses = import_keras().losses
    kinds = {getattr(losses, theirs): mine for mine, theirs in LOSSES.items()}
    kinds[losses.CategoricalCrossentropy] = "cross_entropy"
    functions = {getattr(losses, _function_name(kind)): name for kind, name in kinds.items()}
    if loss in functions:
        return functions[loss], False
    if type(loss) not in kinds:
        name = getattr(loss, "__name__", type(loss).__name__)
        raise NoTwinError(f"loss: got {name}; expected {', '.join(kind.__name__ for kind in kinds)}")
    config = loss.get_config() | loss._fn_kwargs  # Huber's configuration lacks its delta
    for argument, value in {"label_smoothing": 0.0, "ignore_class": None, "delta": 1.0}.items():
        if config.get(argument, value) != value:
            raise NoTwinError(f"{argument}: got {config[argument]} in the loss; expected {value}")
    if loss.reduction != "sum_over_batch_size":
        raise NoTwinError(f"reduction: got {loss.reduction!r} in the loss; expected the mean, 'sum_over_batch_size'")
    return kinds[type(loss)], bool(config.get("from_logits", False))


def _function_name(kind: Any) -> str:
    """The function that ``keras.losses.get`` returns for a name: ``MeanSquaredError`` → ``mean_squared_error``."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    return words.removeprefix("_")
