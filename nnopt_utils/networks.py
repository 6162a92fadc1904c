"""The multilayer perceptron: parameters as one vector θ, forward pass, backpropagation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nnopt_utils._memory import aligned_copy
from nnopt_utils._tables import aligned
from nnopt_utils._validation import (
    as_array,
    as_generator,
    check_array,
    check_choice,
    check_integer,
    check_number,
    core,
    describe,
)
from nnopt_utils.activations import get_activation
from nnopt_utils.backpropagation import Signals, backward_pass, forward_pass, parameter_gradients
from nnopt_utils.initializers import get_initializer
from nnopt_utils.layout import Place, layout_of
from nnopt_utils.losses import get_loss, l2_penalty
from nnopt_utils.r_operator import (
    deltas_and_bends,
    gauss_newton_backward_pass,
    r_backward_pass,
    r_forward_pass,
    r_parameter_gradients,
    slopes_of,
)

RELU_FAMILY = ("relu", "leaky_relu", "elu", "gelu")
penalty_and_gradient = core(l2_penalty)

Initializer = Callable[[int, int, np.random.Generator], np.ndarray]
Product = Callable[[np.ndarray], np.ndarray]


class Evaluation(NamedTuple):
    """Mean loss over the samples, and the share of right answers (NaN for regression).

    Attributes:
        loss: the mean loss, with the L2 penalty.
        accuracy: the share of right answers, in [0, 1].

    Example:
        >>> evaluation = MLP([2, 10], initializer="zeros").evaluate(np.ones((4, 2)), np.array([0, 0, 1, 2]))
        >>> round(evaluation.loss, 4), evaluation.accuracy    # ln 10; equal logits count as class 0
        (2.3026, 0.5)
    """

    loss: float
    accuracy: float


class Cut(NamedTuple):
    """A vector of θ's shape, and the weights and biases that lie in it."""

    vector: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]


class Views(tuple[np.ndarray, ...]):
    """Tensors of θ, one a layer. Assigning to one copies the values into θ: another array would not be part of it."""

    __slots__ = ()

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, int | np.integer):
            raise TypeError(f"index: got {describe(index)}; expected the number of one layer")
        view = self[index]
        view[:] = check_array(f"values of layer {index}", value, shape=view.shape)

    def _refuse(self, other: Any) -> Any:
        raise TypeError(
            f"weights or biases: got {describe(other)} for all layers at once; expected a change of one, "
            "network.weights[0] -= …, or of θ, network.parameters -= …"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = _refuse

    def fill(self, name: str, values: Any) -> None:
        """Copy an array a layer into θ: all of them or, if one does not fit, none."""
        if not isinstance(values, list | tuple) or len(values) != len(self):
            raise ValueError(f"{name}: got {describe(values)}; expected a list of {len(self)} arrays, one a layer")
        pairs = list(zip(self, values, strict=True))
        copies = [check_array(f"{name}[{k}]", new, shape=old.shape).copy() for k, (old, new) in enumerate(pairs)]
        for view, copy in zip(self, copies, strict=True):
            view[:] = copy


class MLP:
    r"""A fully connected network whose parameters are one vector θ.

    .. math::

        a^{(0)} = x, \qquad z^{(k)} = a^{(k-1)} W^{(k)} + b^{(k)}, \qquad a^{(k)} = \varphi_k(z^{(k)})

    Each hidden layer may have its own φ. The last layer has none: it gives logits (or, for regression, the outputs),
    which the loss takes.
    The objective is the mean loss plus, with ``l2`` > 0, :math:`\tfrac{\lambda}{2}\sum_k \lVert W^{(k)}\rVert^2`.

    Args:
        layer_sizes: widths from the input to the output, at least two, e.g. ``[784, 64, 64, 10]``.
        activation: φ, a name in ``activations.ACTIVATIONS`` for all hidden layers, or a list with a name for each, as
            ``["relu", "linear"]``; default ``"relu"``.
        loss: ``"cross_entropy"`` (default; integer labels or rows of probabilities), ``"binary_cross_entropy"``,
            ``"mse"``, ``"half_mse"``, ``"mae"`` or ``"huber"``.
        initializer: a name in ``initializers.INITIALIZERS`` or a function ``(fan_in, fan_out, generator) ->
            (fan_in, fan_out)``; default by a layer's activation: ``"he_normal"`` for the ReLU family,
            ``"glorot_uniform"`` else; the last layer's is that of the one before. Biases start at zero.
        l2: λ >= 0, the strength of the penalty on weights (not biases); default 0.
        seed: an integer or a ``numpy.random.Generator``; default 0.
        dtype: ``"float32"`` (default) or ``"float64"`` (for gradient checks).

    Attributes:
        parameters: θ, 1-D and contiguous: W⁽¹⁾, b⁽¹⁾, W⁽²⁾, … Assigning copies into it.
        weights, biases: views into θ, one a layer, (fan-in, fan-out) and (fan-out,). ``network.weights[0] = W`` copies
            W into θ, as ``network.weights[0][:] = W`` does, and ``network.weights = [W0, W1, …]`` all of them.
        activation_functions: the ``Activation`` of each hidden layer.
        loss_function: the ``Loss``.
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

    Source: as :mod:`nnopt_utils.backpropagation`.
    """

    #: Whether θ is the weights and biases themselves; in a compressed network they are made from it.
    is_plain: ClassVar[bool] = True

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        initializer: str | Initializer | None = None,
        l2: float = 0.0,
        seed: int | np.random.Generator = 0,
        dtype: str = "float32",
    ) -> None:
        self.layer_sizes = _check_layer_sizes(layer_sizes)
        self.activation = _check_activation(activation, len(self.layer_sizes) - 2)
        self.loss_function = get_loss(loss)
        self.l2 = check_number("l2", l2, low=0.0)
        self.dtype = np.dtype(check_choice("dtype", dtype, ["float32", "float64"]))
        self._check_outputs_fit_loss()
        self.layout = _layout(self.layer_sizes)
        self._own(np.zeros(self.layout[-1].where.stop, self.dtype))
        self._initialize(initializer, as_generator(seed))

    # -- parameters --------------------------------------------------------------------------------------------------

    def _own(self, theta: np.ndarray) -> None:
        """Keep a copy of θ, and what is made from it and from names: the views and the activations."""
        self._parameters = aligned_copy(theta)
        self._weights, self._biases = map(Views, self.views(self._parameters))
        self.activation_functions = [get_activation(name) for name in self._activation_names[:-1]]

    @property
    def parameters(self) -> np.ndarray:
        """θ itself, not a copy: optimizers change it in place."""
        return self._parameters

    @parameters.setter
    def parameters(self, value: np.ndarray) -> None:
        self._parameters[:] = check_array("parameters", value, shape=(self.n_parameters,))

    @property
    def weights(self) -> Views:
        """W⁽¹⁾, W⁽²⁾, … as views into θ. Assigning a list copies it into θ."""
        return self._weights

    @weights.setter
    def weights(self, values: Sequence[np.ndarray]) -> None:
        self._weights.fill("weights", values)

    @property
    def biases(self) -> Views:
        """b⁽¹⁾, b⁽²⁾, … as views into θ. Assigning a list copies it into θ."""
        return self._biases

    @biases.setter
    def biases(self, values: Sequence[np.ndarray]) -> None:
        self._biases.fill("biases", values)

    @property
    def n_parameters(self) -> int:
        """The number d of parameters."""
        return self._parameters.size

    def views(self, vector: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the weights and biases that lie in a vector of θ's shape, such as a gradient: views, not copies.

        Args:
            vector: 1-D, as long as θ.

        Example:
            >>> network = MLP([2, 3, 2])
            >>> weights, biases = network.views(np.arange(17.0))
            >>> weights[1].shape, biases[0]
            ((3, 2), array([6., 7., 8.]))
        """
        tensors = [place.of(vector) for place in self.layout]
        return tensors[0::2], tensors[1::2]

    def cut(self, vector: np.ndarray) -> Cut:
        """Return a vector of θ's shape together with its views, for a gradient that is written again and again.

        Args:
            vector: 1-D, as long as θ.

        Example:
            >>> network = MLP([2, 1], loss="mse")
            >>> gradient = network.cut(np.zeros(3))
            >>> gradient.weights[0][:] = 5.0          # a view: the vector changes too
            >>> gradient.vector
            array([5., 5., 0.])
        """
        return Cut(vector, *self.views(vector))

    @property
    def _activation_names(self) -> list[str]:
        """A name a layer; the last layer, which has no activation, is initialised as the one before."""
        if isinstance(self.activation, str):
            return [self.activation] * (len(self.layer_sizes) - 1)
        return [*self.activation, (self.activation or ["linear"])[-1]]

    def _initialize(self, initializer: str | Initializer | None, generator: np.random.Generator) -> None:
        for weights, activation in zip(self.weights, self._activation_names, strict=True):
            default = "he_normal" if activation in RELU_FAMILY else "glorot_uniform"
            chosen = default if initializer is None else initializer
            draw = chosen if callable(chosen) else get_initializer(chosen)
            fan_in, fan_out = weights.shape
            values = draw(fan_in, fan_out, generator)
            weights[:] = check_array("initializer's weights", values, shape=weights.shape)

    def _check_outputs_fit_loss(self) -> None:
        outputs, loss = self.layer_sizes[-1], self.loss_function
        if outputs < loss.fewest_outputs:
            raise ValueError(
                f"layer_sizes: got {outputs} output for loss {loss.name!r}; expected one output a class, at least "
                f"{loss.fewest_outputs} (for one output use loss='binary_cross_entropy')"
            )

    # -- forward -----------------------------------------------------------------------------------------------------

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), shape (n, n_out), for inputs of shape (n, n_in).

        Args:
            x: inputs, (n, n_in).

        Raises:
            TypeError, ValueError: ``x`` is no array of finite numbers, or not of this shape.

        Example:
            >>> network = MLP([2, 3, 2], seed=0)
            >>> network.forward(np.ones((5, 2))).shape
            (5, 2)
        """
        return self.activations(x)[-1]

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return a⁽⁰⁾ = x, a⁽¹⁾, … and the outputs: one array a layer, rows are samples.

        Args:
            x: inputs, (n, n_in).

        Raises:
            TypeError, ValueError: ``x`` is no array of finite numbers, or not of this shape.

        Example:
            >>> network = MLP([2, 3, 2], seed=0)
            >>> [a.shape for a in network.activations(np.ones((5, 2)))]
            [(5, 2), (5, 3), (5, 2)]
        """
        return forward_pass(self._check_x(x), self.weights, self.biases, self.activation_functions)[1]

    def predict_probabilities(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes, (n, K); for the binary loss of class 1, (n, n_out).

        Args:
            x: inputs, (n, n_in).

        Raises:
            TypeError, ValueError: ``x`` is not of this shape; the loss is one of regression.

        Example:
            >>> network = MLP([2, 4], initializer="zeros")
            >>> network.predict_probabilities(np.ones((1, 2))).tolist()
            [[0.25, 0.25, 0.25, 0.25]]
        """
        return self.loss_function.probabilities(self.forward(x))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return class labels (n,); for the binary loss 0 or 1, (n, n_out); for regression the outputs.

        Args:
            x: inputs, (n, n_in).

        Raises:
            TypeError, ValueError: ``x`` is no array of finite numbers, or not of this shape.

        Example:
            >>> network = MLP([2, 2], initializer="zeros")
            >>> network.biases[0] = [0.0, 1.0]
            >>> network.predict(np.ones((3, 2)))
            array([1, 1, 1])

        Warning:
            Keras's ``predict`` returns the outputs (here ``forward`` or ``predict_probabilities``).
        """
        return self.loss_function.predict(self.forward(x))

    # -- loss and gradient -------------------------------------------------------------------------------------------

    def loss(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> float:
        """Return the objective J: the mean loss over the samples, plus the L2 penalty.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.
            parameters: another θ at which to evaluate; the network is left as it is.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 2], initializer="zeros", l2=1.0)
            >>> x, y = np.ones((1, 2)), np.array([0])
            >>> round(network.loss(x, y), 4)
            0.6931
            >>> round(network.loss(x, y, parameters=np.ones(6)), 4)     # the penalty is 4/2, for four weights of 1
            2.6931
        """
        x, y = self.check_data(x, y)
        return self._loss(x, y, *self.views(self._check_theta(parameters)))

    def _loss(self, x: np.ndarray, y: np.ndarray, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray]) -> float:
        outputs = forward_pass(x, weights, biases, self.activation_functions)[1][-1]
        return float(self.loss_function.core(outputs, y)[0]) + self._penalty(weights)

    def loss_and_gradient(
        self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None
    ) -> tuple[float, np.ndarray]:
        """Return the objective J and its gradient g, a new vector of the shape of θ.

        Args:
            x: inputs, (n, n_in).
            y: targets: labels (n,) for ``"cross_entropy"``, else (n, n_out), or (n,) if there is one output.
            parameters: another θ at which to evaluate; the network is left as it is.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 3, 2], initializer="zeros")
            >>> value, g = network.loss_and_gradient(np.eye(2, dtype=np.float32), np.array([0, 1]))
            >>> round(value, 6), g.shape          # ln 2 for two classes
            (0.693147, (17,))
        """
        x, y = self.check_data(x, y)
        return self.backpropagate(x, y, self._check_theta(parameters))

    def backpropagate(
        self, x: np.ndarray, y: np.ndarray, theta: np.ndarray, out: Cut | None = None
    ) -> tuple[float, np.ndarray]:
        """Return J and g at θ as :meth:`loss_and_gradient` does, for what was checked before: ``fit``'s way in.

        Args:
            x, y: rows of what ``check_data`` returned.
            theta: a contiguous vector of the network's dtype.
            out: where to write g, from :meth:`cut`; default a new vector.

        Example:
            >>> network = MLP([2, 3, 2], initializer="zeros")
            >>> x, y = network.check_data(np.eye(2), np.array([0, 1]))
            >>> out = network.cut(np.empty_like(network.parameters))
            >>> value, gradient = network.backpropagate(x, y, network.parameters, out=out)
            >>> gradient is out.vector, round(value, 6)
            (True, 0.693147)
        """
        weights, biases = (self.weights, self.biases) if theta is self._parameters else self.views(theta)
        pre_activations, activations = forward_pass(x, weights, biases, self.activation_functions)
        value, delta = self.loss_function.core(activations[-1], y)
        deltas = backward_pass(delta, pre_activations, weights, self.activation_functions)
        gradient, weight_gradients, bias_gradients = out or self.cut(np.empty_like(theta))
        parameter_gradients(activations, deltas, weight_gradients, bias_gradients)
        penalties = self._penalties(weights)
        for (_, slope), dW in zip(penalties, weight_gradients, strict=False):
            dW += slope
        return float(value) + sum(penalty for penalty, _ in penalties), gradient

    def _penalties(self, weights: Sequence[np.ndarray]) -> list[tuple[float, np.ndarray]]:
        """The L2 penalty of each layer's weights with its gradient; an empty list without one."""
        return [penalty_and_gradient(W, self.l2) for W in weights] if self.l2 else []

    def _penalty(self, weights: Sequence[np.ndarray]) -> float:
        return sum(penalty for penalty, _ in self._penalties(weights))

    def signals(self, x: np.ndarray, y: np.ndarray) -> Signals:
        r"""Return every layer's pre-activation z, activation a and error signal δ, rows are samples.

        δ is the derivative of the mean loss, so each row carries a factor 1/n; the penalty has no part in it.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 3, 2], initializer="zeros")
            >>> signals = network.signals(np.eye(2), np.array([0, 1]))
            >>> [len(arrays) for arrays in signals], signals.deltas[-1].tolist()
            ([2, 3, 2], [[-0.25, 0.25], [0.25, -0.25]])
        """
        x, y = self.check_data(x, y)
        pre_activations, activations = forward_pass(x, self.weights, self.biases, self.activation_functions)
        delta = np.asarray(self.loss_function.core(activations[-1], y)[1])
        deltas = backward_pass(delta, pre_activations, self.weights, self.activation_functions)
        return Signals(pre_activations, activations, deltas)

    def evaluate(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> Evaluation:
        """Return the mean loss (with the penalty) and the accuracy on the data, in pieces of 8,192 samples.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.
            parameters: another θ at which to evaluate; the network is left as it is.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([1, 1], loss="mse", initializer="zeros")
            >>> network.evaluate(np.ones((2, 1)), np.array([1.0, 3.0]))      # (1 + 9) / 2; regression has no accuracy
            Evaluation(loss=5.0, accuracy=nan)
        """
        x, y = self.check_data(x, y)
        weights, biases = self.views(self._check_theta(parameters))
        total, right, answers = 0.0, 0.0, 0
        for piece in _pieces(len(x)):
            outputs = forward_pass(x[piece], weights, biases, self.activation_functions)[1][-1]
            total += float(self.loss_function.core(outputs, y[piece])[0]) * len(outputs)
            is_right = self.loss_function.is_right(outputs, y[piece])
            right += float(np.sum(is_right))
            answers += is_right.size
        return Evaluation(total / len(x) + self._penalty(weights), right / answers)

    # -- products with the matrices of curvature ---------------------------------------------------------------------

    def hessian_vector_product(
        self, x: np.ndarray, y: np.ndarray, vector: np.ndarray, parameters: np.ndarray | None = None
    ) -> np.ndarray:
        """Return H v, H the Hessian of the objective, by the R-operator: exactly, and without H.

        Samples are taken in pieces of 8,192. For many v at one θ, :meth:`hessian_operator` is about half as dear.
        The L2 penalty has its part: λ times the weights of v. Of an activation with a kink H is that of the piece.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.
            vector: v, of the shape of θ.
            parameters: another θ at which to evaluate; the network is left as it is.

        Raises:
            TypeError, ValueError: data or a vector that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 1], loss="half_mse", l2=0.5, dtype="float64")   # linear: H is (x, 1)ᵀ(x, 1) + λ
            >>> network.hessian_vector_product(np.array([[1.0, 2.0]]), np.array([0.0]), np.array([1.0, 0.0, 0.0]))
            array([1.5, 2. , 1. ])

        Source: as :mod:`nnopt_utils.r_operator`.
        """
        return self._in_pieces(self.hessian_operator, x, y, vector, parameters)

    def gauss_newton_vector_product(
        self, x: np.ndarray, y: np.ndarray, vector: np.ndarray, parameters: np.ndarray | None = None
    ) -> np.ndarray:
        """Return G v, G the Gauss–Newton matrix: the Hessian but for the network's own curvature.

        G = Jᵀ (∂²ℓ/∂z²) J with J the Jacobian of all outputs z by θ, and λ for the weights from the L2 penalty. No
        eigenvalue of it is negative. It is H where the outputs are linear in θ, and where every ∂ℓ/∂z is 0. Samples are
        taken in pieces of 8,192; for many v at one θ there is :meth:`gauss_newton_operator`.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.
            vector: v, of the shape of θ.
            parameters: another θ at which to evaluate; the network is left as it is.

        Raises:
            TypeError, ValueError: data or a vector that do not fit this network; the message says which.

        Example:
            >>> network, x, y = MLP([2, 3, 2], "tanh", seed=0), np.eye(2), np.array([0, 1])
            >>> v = np.ones(17)
            >>> bool(v @ network.gauss_newton_vector_product(x, y, v) >= 0)
            True

        Source: as :mod:`nnopt_utils.r_operator`.
        """
        return self._in_pieces(self.gauss_newton_operator, x, y, vector, parameters)

    def hessian_operator(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> Product:
        """Return the map v ↦ H v at one θ, for many products: what is the same for all v is computed here.

        Args:
            x, y, parameters: as in :meth:`hessian_vector_product`. θ is copied: later changes of it do not matter.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 1], loss="half_mse", dtype="float64")
            >>> product = network.hessian_operator(np.array([[1.0, 2.0]]), np.array([0.0]))
            >>> np.array([product(v) for v in np.eye(3)])
            array([[1., 2., 1.],
                   [2., 4., 2.],
                   [1., 2., 1.]])
        """
        x, y = self.check_data(x, y)
        weights, biases = self.views(self._check_theta(parameters).copy())
        functions, curvature = self.activation_functions, self.loss_function.curvature_core
        pre_activations, activations = forward_pass(x, weights, biases, functions)
        slopes = slopes_of(pre_activations, functions)
        delta = self.loss_function.core(activations[-1], y)[1]
        deltas, bends = deltas_and_bends(delta, pre_activations, slopes, weights, functions)

        def product(vector: np.ndarray) -> np.ndarray:
            v = self._direction(vector)
            r_pre_activations, r_activations = r_forward_pass(activations, slopes, weights, v.weights, v.biases)
            r_delta = curvature(activations[-1], y, r_pre_activations[-1])
            r_deltas = r_backward_pass(r_delta, deltas, r_pre_activations, slopes, bends, weights, v.weights)
            result = self.cut(np.empty_like(v.vector))
            r_parameter_gradients(activations, deltas, r_activations, r_deltas, result.weights, result.biases)
            return self._with_penalty(result, v)

        return product

    def gauss_newton_operator(self, x: np.ndarray, y: np.ndarray, parameters: np.ndarray | None = None) -> Product:
        """Return the map v ↦ G v at one θ, for many products: what is the same for all v is computed here.

        Args:
            x, y, parameters: as in :meth:`gauss_newton_vector_product`. θ is copied: later changes do not matter.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> network = MLP([2, 1], loss="half_mse", dtype="float64")
            >>> product = network.gauss_newton_operator(np.array([[1.0, 2.0]]), np.array([0.0]))
            >>> product(np.array([1.0, 0.0, 0.0]))
            array([1., 2., 1.])
        """
        x, y = self.check_data(x, y)
        weights, biases = self.views(self._check_theta(parameters).copy())
        functions, curvature = self.activation_functions, self.loss_function.curvature_core
        pre_activations, activations = forward_pass(x, weights, biases, functions)
        slopes = slopes_of(pre_activations, functions)

        def product(vector: np.ndarray) -> np.ndarray:
            v = self._direction(vector)
            r_outputs = r_forward_pass(activations, slopes, weights, v.weights, v.biases)[0][-1]
            passed = gauss_newton_backward_pass(curvature(activations[-1], y, r_outputs), slopes, weights)
            result = self.cut(np.empty_like(v.vector))
            parameter_gradients(activations, passed, result.weights, result.biases)
            return self._with_penalty(result, v)

        return product

    def _in_pieces(
        self,
        operator: Callable[..., Product],
        x: np.ndarray,
        y: np.ndarray,
        vector: np.ndarray,
        parameters: np.ndarray | None,
    ) -> np.ndarray:
        """One product over all samples, as the mean of those over pieces: its arrays stay small."""
        x, y = self.check_data(x, y)
        total = np.zeros(self.n_parameters, self.dtype)
        for piece in _pieces(len(x)):
            total += len(x[piece]) / len(x) * operator(x[piece], y[piece], parameters)(vector)
        return total

    def _direction(self, vector: np.ndarray) -> Cut:
        """A vector that a matrix of curvature is to be multiplied by, in this network's dtype."""
        v = check_array("vector", vector, shape=(self.n_parameters,))
        return self.cut(np.ascontiguousarray(v, dtype=self.dtype))

    def _with_penalty(self, result: Cut, v: Cut) -> np.ndarray:
        """Add the L2 penalty's part of a product: its Hessian is λ for the weights, 0 for the biases."""
        if self.l2:
            for Q, V in zip(result.weights, v.weights, strict=True):
                Q += self.l2 * V
        return result.vector

    # -- arguments ---------------------------------------------------------------------------------------------------

    def check_data(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y as this network's loss takes them, or say what is wrong with them.

        Args:
            x: inputs, (n, n_in).
            y: targets, as in :meth:`loss_and_gradient`.

        Raises:
            TypeError, ValueError: data that do not fit this network; the message says which.

        Example:
            >>> x, y = MLP([2, 3]).check_data([[1, 2], [3, 4]], [0, 2])
            >>> x.dtype, y
            (dtype('float32'), array([0, 2]))
            >>> MLP([2, 3]).check_data([[1, 2], [3, 4]], [0, 3])
            Traceback (most recent call last):
            ...
            ValueError: y: ...
        """
        x, n_outputs = self._check_x(x), self.layer_sizes[-1]
        if n_outputs == 1:
            array = as_array(y)
            y = array[:, None] if array.ndim == 1 and array.dtype.kind in "fiub" and array.size else y
        return x, self.loss_function.check_targets("y", y, (len(x), n_outputs), self.dtype)

    def _check_x(self, x: np.ndarray) -> np.ndarray:
        return check_array("x", x, shape=(None, self.layer_sizes[0])).astype(self.dtype, copy=False)

    def _check_theta(self, parameters: np.ndarray | None) -> np.ndarray:
        if parameters is None:
            return self._parameters
        theta = check_array("parameters", parameters, shape=(self.n_parameters,))
        return np.ascontiguousarray(theta, dtype=self.dtype)

    # -- looking at it -----------------------------------------------------------------------------------------------

    def copy(self, dtype: str | None = None) -> MLP:
        """Return an independent network of the same architecture and with the same θ, if asked for in another dtype.

        Args:
            dtype: ``"float32"`` or ``"float64"``; default that of this network.

        Example:
            >>> network = MLP([2, 3, 2], seed=0)
            >>> twin = network.copy(dtype="float64")
            >>> twin.parameters[:] = 0.0
            >>> bool(network.parameters.any()), twin.dtype
            (True, dtype('float64'))
        """
        twin = MLP(
            self.layer_sizes,
            self.activation,
            self.loss_function.name,
            initializer="zeros",
            l2=self.l2,
            dtype=self.dtype.name if dtype is None else dtype,
        )
        twin.parameters = self._parameters
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What ``pickle`` and ``copy.deepcopy`` take: no views, which would be arrays of their own there."""
        made = ("_weights", "_biases", "activation_functions", "loss_function")
        state = {name: value for name, value in self.__dict__.items() if name not in made}
        return state | {"loss": self.loss_function.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up a state, and make views into its θ anew."""
        self.loss_function = get_loss(state["loss"])
        self.__dict__.update({name: value for name, value in state.items() if name != "loss"})
        self._own(self._parameters)

    def summary(self) -> str:
        """Return a table of the layers with their shapes and numbers of parameters.

        Example:
            >>> print(MLP([784, 64, 10]).summary())
            layer            weights   biases   parameters
            0               784 × 64       64       50,240
            1                64 × 10       10          650
            all               50,816       74       50,890
        """
        rows = [("layer", "weights", "biases", "parameters")]
        for k, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows.append((str(k), f"{W.shape[0]} × {W.shape[1]}", str(b.size), f"{W.size + b.size:,}"))
        n_weights, n_biases = sum(W.size for W in self.weights), sum(b.size for b in self.biases)
        rows.append(("all", f"{n_weights:,}", str(n_biases), f"{self.n_parameters:,}"))
        return aligned(rows, right=[False, True, True, True], widths=[8, 16, 9, 13], between="")

    def __repr__(self) -> str:
        return (
            f"MLP({self.layer_sizes}, activation={self.activation!r}, loss={self.loss_function.name!r}, "
            f"l2={self.l2:g}, dtype={self.dtype.name!r}): {self.n_parameters:,} parameters"
        )


def _pieces(n: int, size: int = 8192) -> list[slice]:
    """The samples cut into pieces of at most ``size``."""
    return [slice(start, start + size) for start in range(0, n, size)]


def _check_layer_sizes(layer_sizes: Sequence[int]) -> list[int]:
    if not isinstance(layer_sizes, list | tuple | np.ndarray) or len(layer_sizes) < 2:
        raise ValueError(f"layer_sizes: got {describe(layer_sizes)}; expected at least two widths, e.g. [784, 64, 10]")
    return [check_integer(f"layer_sizes[{i}]", size, low=1) for i, size in enumerate(layer_sizes)]


def _check_activation(activation: Any, n_hidden: int) -> str | list[str]:
    if not isinstance(activation, list | tuple):
        return get_activation(activation).name
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation: got {describe(activation)}; expected one name, or {n_hidden}, one a hidden layer"
        )
    names = [get_activation(name).name for name in activation]
    return names[0] if len(set(names)) == 1 else names


def _layout(layer_sizes: list[int]) -> list[Place]:
    shapes: list[tuple[str, tuple[int, ...]]] = []
    for k, (fan_in, fan_out) in enumerate(pairwise(layer_sizes)):
        shapes += [(f"weights[{k}]", (fan_in, fan_out)), (f"biases[{k}]", (fan_out,))]
    return layout_of(shapes)


__all__ = ["MLP", "Evaluation"]
