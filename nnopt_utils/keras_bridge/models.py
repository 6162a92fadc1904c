"""An ``MLP`` as a compiled Keras model, and a model's weights in an ``MLP``."""

from __future__ import annotations

from typing import Any

from nnopt_utils._validation import describe
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.optimizers import OUTPUT_LAYER, NoTwinError, optimizer_to_keras
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Optimizer

# Our name → Keras's. Leaky ReLU is a layer of its own, because Keras's activation of that name has another slope.
ACTIVATIONS = {
    "linear": "linear",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "elu": "elu",
    "gelu": "gelu",
    "softplus": "softplus",
}
LEAKY_SLOPE = 0.01
# Our loss → the class in keras.losses that takes the same targets. Binary and multi-class losses take logits.
LOSSES = {
    "cross_entropy": "SparseCategoricalCrossentropy",
    "binary_cross_entropy": "BinaryCrossentropy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "huber": "Huber",
}
LOSSES_FROM_LOGITS = ("cross_entropy", "binary_cross_entropy")


def keras_twin(network: MLP, optimizer: Optimizer | None = None) -> Any:
    r"""Return the same network in Keras, compiled: equal weights, activations, loss, penalty and optimizer.

    Training both on the same batches gives the same losses up to rounding. The last layer gives logits, as here, and
    the loss is compiled with ``from_logits=True``. Our penalty :math:`\tfrac{\lambda}{2}\lVert W\rVert^2` is Keras's
    ``L2(λ/2)``.

    Args:
        network: the weights are copied; the two are independent afterwards.
        optimizer: a new optimizer in convention ``"keras"``, or in one that is the same formula (as plain SGD is in
            all); ``None`` (default) for plain SGD at 0.01.

    Returns:
        A ``keras.Sequential``: ``fit``, ``evaluate`` and ``predict`` (which gives logits) work at once. Networks that
        classify also report ``accuracy``.

    Raises:
        TypeError: not a network, not an optimizer.
        NoTwinError: a ValueError that says what Keras has no equal of: an optimizer, a convention, an argument, or an
            optimizer that has already taken steps.

    Example:
        >>> import numpy as np
        >>> network = MLP([4, 3, 2], seed=1)
        >>> model = keras_twin(network)
        >>> x = np.ones((5, 4), dtype=np.float32)
        >>> bool(np.allclose(model.predict(x, verbose=0), network.forward(x), atol=1e-6))
        True

    Warning:
        ``loss="cross_entropy"`` becomes the loss for integer labels; for rows of probabilities compile the model again
        with ``CategoricalCrossentropy``. The loss that Keras's ``fit`` and ``evaluate`` print contains the penalty, as
        ours does.
    """
    if not isinstance(network, MLP):
        raise TypeError(f"network: got {describe(network)}; expected an MLP")
    if network.l2 and network.dtype.name == "float64":
        raise NoTwinError("l2: got a penalty for a float64 network; Keras adds penalties in float32 and refuses")
    keras_optimizer = optimizer_to_keras(SGD(learning_rate=0.01) if optimizer is None else optimizer)
    keras = import_keras()
    model = keras.Sequential([keras.Input((network.layer_sizes[0],), dtype=network.dtype.name), *_layers(network)])
    tensors = [tensor for pair in zip(network.weights, network.biases, strict=True) for tensor in pair]
    model.set_weights(tensors)
    metrics: list[Any] = ["accuracy"] if network.loss_function.classifies else []
    if network.loss_function.name == "binary_cross_entropy":  # logits: the threshold is 0, not one half
        metrics = [keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)]
    model.compile(optimizer=keras_optimizer, loss=_keras_loss(network), metrics=metrics)
    # Left to the first fit, ScheduleFreeAdamW's copy of the weights is lost: Keras then builds with stand-ins for them.
    keras_optimizer.build(model.trainable_variables)
    return model


def copy_weights(model: Any, network: MLP) -> None:
    """Copy the weights and biases of a Keras model into a network of the same widths.

    Args:
        model: a Keras model whose weights are those of ``Dense`` layers, one after the other. Its activations and loss
            are not looked at: a softmax at its end belongs to the loss here.
        network: its θ is filled.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> keras = import_keras()
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
        >>> network = MLP([4, 2])
        >>> copy_weights(model, network)
        >>> bool((network.weights[0] == model.get_weights()[0]).all())
        True
    """
    theirs = model.get_weights()
    ours = [tensor for pair in zip(network.weights, network.biases, strict=True) for tensor in pair]
    got, expected = ([tensor.shape for tensor in tensors] for tensors in (theirs, ours))
    if got != expected:
        raise ValueError(f"model: got weights of shapes {got}; expected {expected}, as the network has")
    for view, tensor in zip(ours, theirs, strict=True):
        view[...] = tensor


def _layers(network: MLP) -> list[Any]:
    keras = import_keras()
    shared: dict[str, Any] = {"dtype": network.dtype.name}
    if network.l2:
        shared["kernel_regularizer"] = keras.regularizers.L2(network.l2 / 2)
    layers: list[Any] = []
    for k, (width, activation) in enumerate(zip(network.layer_sizes[1:-1], network.activation_functions, strict=True)):
        name = activation.name
        layers.append(keras.layers.Dense(width, ACTIVATIONS.get(name, "linear"), name=f"hidden_{k + 1}", **shared))
        if name == "leaky_relu":
            layers.append(keras.layers.LeakyReLU(LEAKY_SLOPE, dtype=network.dtype.name))
    return [*layers, keras.layers.Dense(network.layer_sizes[-1], name=OUTPUT_LAYER, **shared)]


def _keras_loss(network: MLP) -> Any:
    keras, name = import_keras(), network.loss_function.name
    if name == "half_mse":
        return _half_squared_error
    options: dict[str, Any] = {"from_logits": True} if name in LOSSES_FROM_LOGITS else {}
    return getattr(keras.losses, LOSSES[name])(dtype=network.dtype.name, **options)


def _half_squared_error(targets: Any, outputs: Any) -> Any:
    """Keras has no ½‖z − y‖² summed over outputs."""
    ops = import_keras().ops
    return 0.5 * ops.sum(ops.square(outputs - ops.cast(targets, outputs.dtype)), axis=-1)
