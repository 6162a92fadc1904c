"""The multilayer perceptron: parameters as one vector θ, forward pass, backpropagation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._memory import aligned_copy
from nnopt_utils._tables import aligned
from nnopt_utils._validation import (
    as_generator,
    check_array,
    check_choice,
    check_integer,
    check_labels,
    check_number,
    describe,
)
from nnopt_utils.activations import get_activation, sigmoid
from nnopt_utils.initializers import get_initializer
from nnopt_utils.layout import Place, layout_of
from nnopt_utils.losses import get_loss, softmax

Initializer = Callable[[int, int, np.random.Generator], np.ndarray]


class Evaluation(NamedTuple):
    """Mean loss over the samples, and the share of right answers (NaN for regression)."""

    loss: float
    accuracy: float


class Views(list[np.ndarray]):
    """Tensors of θ. Assigning to one copies the values into θ: another array here would not be part of the network."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, int | np.integer):
            raise TypeError(f"index: got {describe(index)}; expected the number of one layer")
        view = self[index]
        view[:] = check_array(f"values of layer {index}", value, shape=view.shape)


class MLP:
    r"""A fully connected network whose parameters are one vector θ.

    .. math::

        a^{(0)} = x, \qquad z^{(k)} = a^{(k-1)} W^{(k)} + b^{(k)}, \qquad a^{(k)} = \varphi(z^{(k)})

    The last layer has no activation: it gives logits (or, for regression, the outputs), which the loss takes.
    The objective is the mean loss plus, with ``l2`` > 0, :math:`\tfrac{\lambda}{2}\sum_k \lVert W^{(k)}\rVert^2`.

    Args:
        layer_sizes: widths from the input to the output, at least two, e.g. ``[784, 64, 64, 10]``.
        activation: φ, a name in ``activations.ACTIVATIONS``; default ``"relu"``.
        loss: ``"cross_entropy"`` (default; integer labels or rows of probabilities), ``"binary_cross_entropy"``,
            ``"mse"``, ``"half_mse"``, ``"mae"`` or ``"huber"``.
        initializer: a name in ``initializers.INITIALIZERS`` or a function ``(fan_in, fan_out, generator) ->
            (fan_in, fan_out)``; default ``"he_normal"`` for the ReLU family, ``"glorot_uniform"`` else.
            Biases start at zero.
        l2: λ >= 0, the strength of the penalty on weights (not biases); default 0.
        seed: an integer or a ``numpy.random.Generator``; default 0.
        dtype: ``"float32"`` (default) or ``"float64"`` (for gradient checks).

    Attributes:
        parameters: θ, 1-D and contiguous: W⁽¹⁾, b⁽¹⁾, W⁽²⁾, … Assigning copies into it.
        weights, biases: lists of views into θ, (fan-in, fan-out) and (fan-out,). ``network.weights[0] = W`` copies
            W into θ, as ``network.weights[0][:] = W`` does.
        layout: the places of the weights and biases in θ, in order: each with name, shape and slice.

    Raises:
        TypeError, ValueError: bad sizes, unknown names (with the nearest valid ones), bad numbers.

    Example:
        >>> network = MLP([784, 64, 64, 10], seed=0)
        >>> network.n_parameters
        55050
        >>> network.biases[0][:] = 1.0            # a view: θ changes too
        >>> float(network.parameters[784 * 64])
        1.0

    Warning:
        Keras and PyTorch keep a list of tensors; Keras's Dense starts from Glorot uniform whatever the
        activation, PyTorch's Linear stores W transposed, (fan-out, fan-in).

    Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str = "relu",
        loss: str = "cross_entropy",
        initializer: str | Initializer | None = None,
        l2: float = 0.0,
        seed: int | np.random.Generator = 0,
        dtype: str = "float32",
    ) -> None:
        self.layer_sizes = _check_layer_sizes(layer_sizes)
        self.activation = get_activation(activation)
        self.loss_function = get_loss(loss)
        self.l2 = check_number("l2", l2, low=0.0)
        self.dtype = np.dtype(check_choice("dtype", dtype, ["float32", "float64"]))
        self._check_outputs_fit_loss()
        self.layout = _layout(self.layer_sizes)
        self._parameters = aligned_copy(np.zeros(self.layout[-1].where.stop, self.dtype))
        weights, biases = self._views(self._parameters)
        self.weights, self.biases = Views(weights), Views(biases)
        self._initialize(self._initializer(initializer), as_generator(seed))

    # -- parameters ------------------------------------------------------------------------------------

    @property
    def parameters(self) -> np.ndarray:
        """θ itself, not a copy: optimizers change it in place."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: np.ndarray) -> None:
        self._parameters[:] = check_array("parameters", value, shape=(self.n_parameters,))

    @property
    def n_parameters(self) -> int:
        """The number d of parameters."""
        return self._parameters.size

    def _views(self, theta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        tensors = [place.of(theta) for place in self.layout]
        return tensors[0::2], tensors[1::2]

    def _initializer(self, initializer: str | Initializer | None) -> Initializer:
        if callable(initializer):
            return initializer
        is_relu_like = self.activation.name in ("relu", "leaky_relu", "elu", "gelu")
        default = "he_normal" if is_relu_like else "glorot_uniform"
        return get_initializer(default if initializer is None else initializer)

    def _initialize(self, initializer: Initializer, generator: np.random.Generator) -> None:
        for weights in self.weights:
            fan_in, fan_out = weights.shape
            values = initializer(fan_in, fan_out, generator)
            weights[:] = check_array("initializer's weights", values, shape=weights.shape)

    def _check_outputs_fit_loss(self) -> None:
        outputs, kind = self.layer_sizes[-1], self.loss_function.kind
        if kind == "classification" and outputs < 2:
            raise ValueError(
                f"layer_sizes: got {outputs} output for loss 'cross_entropy'; expected one output a class, at least 2 "
                "(for one output use loss='binary_cross_entropy')"
            )

    # -- forward ---------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), shape (n, n_out), for inputs of shape (n, n_in)."""
        return self._forward(self._check_x(x), self.weights, self.biases)[1][-1]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return a⁽⁰⁾ = x, a⁽¹⁾, … and the outputs: one array a layer, rows are samples."""
        return self._forward(self._check_x(x), self.weights, self.biases)[1]

    def _forward(
        self, x: np.ndarray, weights: list[np.ndarray], biases: list[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        pre_activations: list[np.ndarray] = []
        activations = [x]
        for W, b in zip(weights, biases, strict=True):
            z = activations[-1] @ W
            z += b
            is_output = len(pre_activations) == len(weights) - 1
            pre_activations.append(z)
            activations.append(z if is_output else self.activation.value(z))
        return pre_activations, activations

    def predict_probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, (n, K); for the binary loss of class 1, (n, n_out)."""
        if self.loss_function.kind == "regression":
            raise ValueError(f"loss: got {self.loss_function.name!r}; expected a classification loss for probabilities")
        outputs = self.forward(x)
        return softmax(outputs) if self.loss_function.kind == "classification" else sigmoid(outputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return class labels (n,); for the binary loss 0 or 1, (n, n_out); for regression the outputs.

        Warning: Keras's ``predict`` returns the outputs (here ``forward`` or ``predict_probabilities``).
        """
        return self._decide(self.forward(x))

    def _decide(self, outputs: np.ndarray) -> np.ndarray:
        if self.loss_function.kind == "classification":
            return outputs.argmax(axis=1)
        return (outputs > 0).astype(np.int64) if self.loss_function.kind == "binary" else outputs

    # -- loss and gradient -----------------------------------------------------------------------------

    def loss(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> float:
        """Return the objective J: the mean loss over the samples, plus the L2 penalty.

        ``parameters`` evaluates it at another θ; the network is left as it is.
        """
        x, y = self.check_data(x, y)
        weights, biases = self._views(self._check_theta(parameters))
        _, activations = self._forward(x, weights, biases)
        return float(self.loss_function.core(activations[-1], y)[0]) + self._penalty(weights)

    def loss_and_gradient(
        self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Return the objective J and its gradient g, a new vector of the shape of θ.

        Args:
            x: inputs, (n, n_in).
            y: targets: labels (n,) for ``"cross_entropy"``, else (n, n_out), or (n,) if there is one output.
            parameters: another θ at which to evaluate; the network is left as it is.

        Example:
            >>> network = MLP([2, 3, 2], initializer="zeros")
            >>> value, g = network.loss_and_gradient(np.eye(2, dtype=np.float32), np.array([0, 1]))
            >>> round(value, 6), g.shape          # ln 2 for two classes
            (0.693147, (17,))
        """
        x, y = self.check_data(x, y)
        return self._loss_and_gradient(x, y, self._check_theta(parameters))

    def _loss_and_gradient(self, x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> tuple[float, np.ndarray]:
        weights, biases = (self.weights, self.biases) if theta is self._parameters else self._views(theta)
        pre_activations, activations = self._forward(x, weights, biases)
        value, delta = self.loss_function.core(activations[-1], y)
        gradient = np.empty_like(theta)
        self._backward(pre_activations, activations, delta, weights, gradient)
        return float(value) + self._penalty(weights), gradient

    def _backward(
        self,
        pre_activations: list[np.ndarray],
        activations: list[np.ndarray],
        delta: np.ndarray,
        weights: list[np.ndarray],
        gradient: np.ndarray,
    ) -> None:
        weight_gradients, bias_gradients = self._views(gradient)
        for k in reversed(range(len(weights))):
            np.matmul(activations[k].T, delta, out=weight_gradients[k])
            np.add.reduce(delta, axis=0, out=bias_gradients[k])
            if self.l2:
                weight_gradients[k] += self.l2 * weights[k]
            if k > 0:
                delta = delta @ weights[k].T
                delta *= self.activation.derivative(pre_activations[k - 1])

    def _penalty(self, weights: list[np.ndarray]) -> float:
        return 0.5 * self.l2 * sum(float(np.vdot(W, W)) for W in weights) if self.l2 else 0.0

    def evaluate(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> Evaluation:
        """Return the mean loss (with the penalty) and the accuracy on the data, in pieces of 8,192 samples.

        ``parameters`` evaluates it at another θ; the network is left as it is.
        """
        x, y = self.check_data(x, y)
        weights, biases = self._views(self._check_theta(parameters))
        total, right = 0.0, 0
        for start in range(0, len(x), 8192):
            piece = slice(start, start + 8192)
            outputs = self._forward(x[piece], weights, biases)[1][-1]
            total += float(self.loss_function.core(outputs, y[piece])[0]) * len(outputs)
            right += self._count_right(outputs, y[piece])
        answers = {"classification": len(x), "binary": y.size, "regression": 0}[self.loss_function.kind]
        return Evaluation(total / len(x) + self._penalty(weights), right / answers if answers else math.nan)

    def _count_right(self, outputs: np.ndarray, y: np.ndarray) -> int:
        if self.loss_function.kind == "regression":
            return 0
        labels = y.argmax(axis=1) if self.loss_function.kind == "classification" and y.ndim == 2 else y
        return int(np.count_nonzero(self._decide(outputs) == labels))

    # -- arguments -------------------------------------------------------------------------------------

    def check_data(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y as this network's loss takes them, or say what is wrong with them."""
        x = self._check_x(x)
        n, n_out = len(x), self.layer_sizes[-1]
        y = np.asarray(y)
        if self.loss_function.kind == "classification" and y.ndim == 1:
            return x, check_labels("y", y, n_classes=n_out, n_samples=n)
        y = check_array("y", y)
        if y.ndim == 1 and n_out == 1:
            y = y[:, None]
        y = check_array("y", y, shape=(n, n_out)).astype(self.dtype, copy=False)
        if self.loss_function.kind == "classification" and not np.allclose(y.sum(axis=1), 1, atol=1e-4):
            raise ValueError(f"y: got {describe(y)}; expected labels (n,), or rows of probabilities that sum to 1")
        if self.loss_function.kind != "regression" and (y.min() < 0 or y.max() > 1):
            raise ValueError(f"y: got values from {y.min():g} to {y.max():g}; expected probabilities from 0 to 1")
        return x, y

    def _check_x(self, x: np.ndarray) -> np.ndarray:
        return check_array("x", x, shape=(None, self.layer_sizes[0])).astype(self.dtype, copy=False)

    def _check_theta(self, parameters: np.ndarray | None) -> np.ndarray:
        if parameters is None:
            return self._parameters
        theta = check_array("parameters", parameters, shape=(self.n_parameters,))
        return np.ascontiguousarray(theta, dtype=self.dtype)

    # -- looking at it ---------------------------------------------------------------------------------

    def copy(self) -> MLP:
        """Return an independent network of the same architecture and with the same θ."""
        twin = MLP(
            self.layer_sizes,
            self.activation.name,
            self.loss_function.name,
            initializer="zeros",
            l2=self.l2,
            dtype=self.dtype.name,
        )
        twin.parameters = self._parameters
        return twin

    def summary(self) -> str:
        """Return a table of the layers with their shapes and numbers of parameters."""
        rows = [("layer", "weights", "biases", "parameters")]
        for k, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows.append((str(k), f"{W.shape[0]} × {W.shape[1]}", str(b.size), f"{W.size + b.size:,}"))
        n_weights, n_biases = sum(W.size for W in self.weights), sum(b.size for b in self.biases)
        rows.append(("all", f"{n_weights:,}", str(n_biases), f"{self.n_parameters:,}"))
        return aligned(rows, right=[False, True, True, True], widths=[8, 16, 9, 13], between="")

    def __repr__(self) -> str:
        return (
            f"MLP({self.layer_sizes}, activation={self.activation.name!r}, loss={self.loss_function.name!r}, "
            f"l2={self.l2:g}, dtype={self.dtype.name!r}): {self.n_parameters:,} parameters"
        )


def _check_layer_sizes(layer_sizes: Sequence[int]) -> list[int]:
    if not isinstance(layer_sizes, list | tuple | np.ndarray) or len(layer_sizes) < 2:
        raise ValueError(f"layer_sizes: got {describe(layer_sizes)}; expected at least two widths, e.g. [784, 64, 10]")
    return [check_integer(f"layer_sizes[{i}]", size, low=1) for i, size in enumerate(layer_sizes)]


def _layout(layer_sizes: list[int]) -> list[Place]:
    shapes: list[tuple[str, tuple[int, ...]]] = []
    for k, (fan_in, fan_out) in enumerate(pairwise(layer_sizes)):
        shapes += [(f"weights[{k}]", (fan_in, fan_out)), (f"biases[{k}]", (fan_out,))]
    return layout_of(shapes)


__all__ = ["MLP", "Evaluation"]
