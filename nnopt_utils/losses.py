r"""Loss functions: each takes ``(outputs, targets)`` and returns ``(value, gradient)``.

The value is a mean over samples (the rows), the gradient is taken with respect to the outputs and has their shape and
dtype, float32 or float64. Called by name, a loss checks its arguments; ``LOSSES[name].core`` is the bare formula,
which training calls on arrays that were checked once.

Classification losses take **logits**, never probabilities: a probability that has been rounded to 0 or 1 has lost
the loss and its gradient, and no clipping brings them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np

from nnopt_utils import activations
from nnopt_utils._validation import (
    as_array,
    check_array,
    check_choice,
    check_labels,
    check_number,
    checked,
    core,
    describe,
)

ValueAndGradient = tuple[float, np.ndarray]

_smoothing = partial(check_number, low=0.0, high=1.0)


# The checks of targets, each for outputs of a given shape. The losses call them, and networks once for all their data.


def _check_targets(name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Check targets of the outputs' shape.

    Equal shapes matter: (n, 1) minus (n,) broadcasts to (n, n) without an error, and trains on nonsense.
    """
    targets = check_array(name, targets)
    if targets.shape != shape:
        hint = ""
        if {targets.ndim, len(shape)} == {1, 2} and len(targets) == shape[0]:
            hint = (
                " (NumPy would broadcast the two to a matrix of every output against every target; reshape one of them)"
            )
        raise ValueError(f"{name}: got {describe(targets)}; expected shape {shape}, that of outputs{hint}")
    return targets


def _check_binary_targets(name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Check targets of the outputs' shape, each between 0 and 1."""
    targets = _check_targets(name, targets, shape)
    if targets.min() < 0 or targets.max() > 1:
        raise ValueError(
            f"{name}: got values from {targets.min():g} to {targets.max():g};"
            " expected 0 or 1 (or probabilities between them)"
        )
    return targets


def _check_class_targets(name: str, targets: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Check integer labels (n,) or rows of probabilities (n, K)."""
    targets, (n_samples, n_classes) = as_array(targets), shape
    if targets.ndim != 2:
        return check_labels(name, targets, n_classes=n_classes, n_samples=n_samples)
    if targets.shape != shape:
        raise ValueError(
            f"{name}: got {describe(targets)}; expected integer labels of shape ({n_samples},)"
            f" or probabilities of shape {shape}"
        )
    targets = check_array(name, targets)
    if targets.min() < 0:
        raise ValueError(f"{name}: got values down to {targets.min():g}; expected probabilities, none below 0")
    error = np.abs(targets.sum(axis=1) - 1)
    worst = int(error.argmax())
    if error[worst] > 1e-4:  # float32 rows from a softmax are off by 1e-6 at most
        raise ValueError(
            f"{name}: row {worst} sums to {targets[worst].sum():g}; expected rows of probabilities, each summing to 1"
        )
    return targets


def _in_dtype(targets: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Targets in the outputs' dtype; labels are integers and stay what they are."""
    return targets.astype(dtype, copy=False) if targets.dtype.kind == "f" else targets


# The checks of a loss's two arguments together.


def _check_regression(outputs: Any, targets: Any, name: str = "outputs") -> tuple[np.ndarray, np.ndarray]:
    outputs = check_array(name, outputs)
    if outputs.ndim not in (1, 2):
        raise ValueError(f"{name}: got {describe(outputs)}; expected 1 or 2 dimensions, a row a sample")
    return outputs, _in_dtype(_check_targets("targets", targets, outputs.shape), outputs.dtype)


def _check_binary(logits: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    logits, targets = _check_regression(logits, targets, name="logits")
    return logits, _check_binary_targets("targets", targets, logits.shape)


def _check_classification(logits: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    logits = check_array("logits", logits, ndim=2)
    if logits.shape[1] == 1:
        raise ValueError(
            f"logits: got {describe(logits)}; expected at least 2 classes"
            " (the softmax of one logit is always 1: use binary_cross_entropy)"
        )
    return logits, _in_dtype(_check_class_targets("targets", targets, logits.shape), logits.dtype)


@checked(_check_regression)
def mean_squared_error(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
    r"""Mean squared error, over samples and outputs: :math:`\ell = \frac{1}{nK} \sum_{ij} (o_{ij} - y_{ij})^2`.

    Args:
        outputs: (n,) or (n, K), a row a sample.
        targets: the same shape.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac{2}{nK} (o - y)`.

    Raises:
        TypeError: an argument is not an array of real numbers.
        ValueError: an argument is empty, holds a NaN or infinite value, or the shapes differ.

    Example:
        >>> mean_squared_error([1.0, 4.0], [1.0, 2.0])
        (2.0, array([0., 2.]))

    Warning:
        No ½, and a mean over outputs too: as Keras and PyTorch have it. See :func:`half_squared_error`.

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, section 1.5.5.
    """
    error = outputs - targets
    return float(np.mean(error**2)), (2 / error.size) * error


@checked(_check_regression)
def half_squared_error(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
    r"""Half squared error, sum over outputs, mean over samples: :math:`\ell = \frac1n \sum_i \frac12 \|o_i - y_i\|^2`.

    Its Hessian with respect to the outputs of one sample is the identity: the form of statistics and of
    Gauss–Newton. It is K/2 times :func:`mean_squared_error`.

    Args:
        outputs: (n,) or (n, K), a row a sample.
        targets: the same shape.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac1n (o - y)`.

    Raises:
        TypeError: an argument is not an array of real numbers.
        ValueError: an argument is empty, holds a NaN or infinite value, or the shapes differ.

    Example:
        >>> half_squared_error([1.0, 4.0], [1.0, 2.0])
        (1.0, array([0., 1.]))

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, equation 5.11, divided by n.
    """
    error = outputs - targets
    n_samples = len(error)
    return float(np.sum(error**2)) / (2 * n_samples), error / n_samples


@checked(_check_regression)
def mean_absolute_error(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
    r"""Mean absolute error, over samples and outputs: :math:`\ell = \frac{1}{nK} \sum_{ij} |o_{ij} - y_{ij}|`.

    Args:
        outputs: (n,) or (n, K), a row a sample.
        targets: the same shape.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac{1}{nK} \operatorname{sign}(o - y)`, 0 where both are equal.

    Raises:
        TypeError: an argument is not an array of real numbers.
        ValueError: an argument is empty, holds a NaN or infinite value, or the shapes differ.

    Example:
        >>> mean_absolute_error([1.0, 4.0], [1.0, 2.0])
        (1.0, array([0. , 0.5]))

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, section 1.5.5 (Minkowski loss, q = 1).
    """
    error = outputs - targets
    return float(np.mean(np.abs(error))), np.sign(error) / error.size


@checked(_check_regression, delta=partial(check_number, low=0.0, low_open=True))
def huber(outputs: np.ndarray, targets: np.ndarray, delta: float = 1.0) -> ValueAndGradient:
    r"""Huber's loss of the error e = o − y, mean over samples and outputs: squared near 0, absolute far out.

    .. math:: \ell(e) = \tfrac12 e^2 \text{ if } |e| \le \delta, \quad \text{else } \delta\,(|e| - \tfrac12 \delta)

    With c the error clipped to :math:`[-\delta, \delta]`, both cases are :math:`\ell(e) = c\,(e - \frac12 c)`.

    Args:
        outputs: (n,) or (n, K), a row a sample.
        targets: the same shape.
        delta: :math:`\delta > 0`, in the unit of the outputs. Default 1, as in Keras and PyTorch.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac{1}{nK}\,c`.

    Raises:
        TypeError: an argument is not an array of real numbers, or ``delta`` is not a number.
        ValueError: an argument is empty, holds a NaN or infinite value, the shapes differ, or ``delta`` is not
            positive.

    Example:
        >>> huber([1.0, 4.0], [1.0, 2.0])
        (0.75, array([0. , 0.5]))

    Source: Huber (1964), *Robust estimation of a location parameter*, Annals of Mathematical Statistics 35.
    """
    error = outputs - targets
    clipped = np.clip(error, -delta, delta)
    return float(np.mean(clipped * (error - clipped / 2))), clipped / error.size


@checked(_check_binary, label_smoothing=_smoothing)
def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray, label_smoothing: float = 0.0) -> ValueAndGradient:
    r"""Cross-entropy of yes/no outputs, :math:`\ell = -y \ln p - (1 - y) \ln(1 - p)` with :math:`p = 1 / (1 + e^{-z})`.

    From the logit z it is :math:`\ell = \max(z, 0) - yz + \ln(1 + e^{-|z|})`: three terms that neither overflow nor
    lose a small loss. Mean over samples (and outputs, if there are several).

    Args:
        logits: z, of shape (n,) or (n, K).
        targets: y, the same shape: 0 or 1, or probabilities between them.
        label_smoothing: s in [0, 1], default 0: trains on :math:`y' = (1 - s)\,y + s/2` instead of y.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac{1}{nK} (p - y)`.

    Raises:
        TypeError: an argument is not an array of real numbers, or ``label_smoothing`` is not a number.
        ValueError: an argument is empty, holds a NaN or infinite value, the shapes differ (NumPy would broadcast
            (n, 1) and (n,) to (n, n)), or a number is out of its range.

    Example:
        >>> value, gradient = binary_cross_entropy([0.0, 110.0], [1, 0])
        >>> round(value, 6)  # (ln 2 + 110) / 2
        55.346574
        >>> gradient
        array([-0.25,  0.5 ])

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, equation 4.90.
    """
    y = targets
    if label_smoothing:
        y = (1 - label_smoothing) * y + label_smoothing / 2
    e = np.exp(-np.abs(logits))
    value = np.maximum(logits, 0) - y * logits + np.log1p(e)
    p = np.where(logits >= 0, 1, e) / (1 + e)
    return float(np.mean(value)), (p - y) / logits.size


@checked(_check_classification, label_smoothing=_smoothing)
def softmax_cross_entropy(
    logits: np.ndarray,
    targets: np.ndarray,
    label_smoothing: float = 0.0,
) -> ValueAndGradient:
    r"""Cross-entropy of a softmax, mean over samples: :math:`\ell = -\frac1n \sum_{ij} y_{ij} \ln p_{ij}`.

    With integer labels only the right class counts: :math:`\ell = -\frac1n \sum_i \ln p_{i,\text{right}}`.

    Args:
        logits: z, of shape (n, K), K ≥ 2.
        targets: labels 0 … K − 1 of shape (n,), or rows of probabilities (one-hot or not) of shape (n, K).
        label_smoothing: s in [0, 1], default 0: trains on :math:`y' = (1 - s)\,y + s/K` instead of y.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac1n (p - y)`.

    Raises:
        TypeError: an argument is not an array of real numbers, or ``label_smoothing`` is not a number.
        ValueError: an argument is empty, holds a NaN or infinite value, the shapes do not fit, a label is out of
            range, a row of probabilities does not sum to 1, or ``label_smoothing`` is not in [0, 1].

    Example:
        >>> value, gradient = softmax_cross_entropy([[0.0, 0.0], [0.0, 110.0]], [0, 0])
        >>> round(value, 6)  # (ln 2 + 110) / 2
        55.346574
        >>> gradient
        array([[-0.25,  0.25],
               [-0.5 ,  0.5 ]])

    Warning:
        Keras's ``CategoricalCrossentropy`` and ``SparseCategoricalCrossentropy`` expect probabilities unless told
        ``from_logits=True``. PyTorch's ``CrossEntropyLoss`` expects logits, as here.

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, equations 4.108 and 4.109; label smoothing:
    Szegedy et al. (2016), https://arxiv.org/abs/1512.00567, section 7.
    """
    n_samples, n_classes = logits.shape
    shifted = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    p = np.exp(shifted)
    total = np.add.reduce(p, axis=1, keepdims=True)
    p /= total

    if targets.ndim == 1 and not label_smoothing:
        right = np.arange(n_samples), targets
        value = np.add.reduce(np.log(total[:, 0]) - shifted[right]) / n_samples
        p[right] -= 1
        p /= n_samples
        return float(value), p

    y = np.eye(n_classes, dtype=logits.dtype)[targets] if targets.ndim == 1 else targets
    if label_smoothing:
        y = (1 - label_smoothing) * y + label_smoothing / n_classes
    return float(np.sum(y * (np.log(total) - shifted))) / n_samples, (p - y) / n_samples


@checked(weights=check_array, strength=partial(check_number, low=0.0))
def l2_penalty(weights: np.ndarray, strength: float) -> ValueAndGradient:
    r"""L2 penalty :math:`R = \frac\lambda2 \sum_i w_i^2`, to be added to a loss; gradient :math:`\nabla R = \lambda w`.

    Args:
        weights: w, an array of any shape (weights, not biases).
        strength: :math:`\lambda \ge 0`.

    Returns:
        The penalty and its gradient, of the shape of ``weights``.

    Raises:
        TypeError: ``weights`` is not an array of real numbers, or ``strength`` is not a number.
        ValueError: ``weights`` is empty or holds a NaN or infinite value, or ``strength`` is negative.

    Example:
        >>> l2_penalty([3.0, 4.0], 0.1)
        (1.25, array([0.3, 0.4]))

    Warning:
        Keras has no ½: our strength λ is ``keras.regularizers.L2(λ / 2)``. PyTorch's ``weight_decay=λ`` of ``SGD``
        is this λ.

    Source: Krogh & Hertz (1992), *A simple weight decay can improve generalization*, NIPS.
    """
    w = weights.ravel()
    return strength / 2 * float(w @ w), strength * weights


# The curvature of each loss: ∂²ℓ/∂z² of the mean loss, times an array r of the outputs' shape. It sees no other sample,
# and of the targets only what the regression losses ask: on which piece an error lies.


@checked(_check_regression, r=check_array)
def _mean_squared_curvature(outputs: np.ndarray, targets: np.ndarray, r: np.ndarray) -> np.ndarray:
    r""":math:`q = \frac{2}{nK} r`: the curvature of :func:`mean_squared_error` times r."""
    return (2 / outputs.size) * r


@checked(_check_regression, r=check_array)
def _half_squared_curvature(outputs: np.ndarray, targets: np.ndarray, r: np.ndarray) -> np.ndarray:
    r""":math:`q = \frac1n r`: the curvature of :func:`half_squared_error` times r."""
    return r / len(outputs)


@checked(_check_regression, r=check_array)
def _absolute_curvature(outputs: np.ndarray, targets: np.ndarray, r: np.ndarray) -> np.ndarray:
    r""":math:`q_i = 0`: :func:`mean_absolute_error` is not curved, and we take 0 at its kink too."""
    return np.zeros_like(r)


@checked(_check_regression, r=check_array, delta=partial(check_number, low=0.0, low_open=True))
def _huber_curvature(outputs: np.ndarray, targets: np.ndarray, r: np.ndarray, delta: float = 1.0) -> np.ndarray:
    r""":math:`q_i = \frac{1}{nK} r_i \text{ if } |e_i| \le \delta, \text{ else } 0`: as a square near 0, not far out.

    It jumps where :math:`|e| = \delta`.
    """
    return np.where(np.abs(outputs - targets) <= delta, r, 0) / outputs.size


@checked(_check_binary, r=check_array, label_smoothing=_smoothing)
def _binary_curvature(
    logits: np.ndarray, targets: np.ndarray, r: np.ndarray, label_smoothing: float = 0.0
) -> np.ndarray:
    r""":math:`q = \frac{1}{nK} p (1 - p) r` with p the sigmoid of the logits, whatever the targets."""
    return core(activations.sigmoid_derivative)(logits) * r / logits.size


@checked(_check_classification, r=check_array, label_smoothing=_smoothing)
def _softmax_curvature(
    logits: np.ndarray, targets: np.ndarray, r: np.ndarray, label_smoothing: float = 0.0
) -> np.ndarray:
    r""":math:`q_{ij} = \frac1n p_{ij} (r_{ij} - \sum_k p_{ik} r_{ik})` with p the softmax, whatever the targets."""
    p = core(activations.softmax)(logits)
    return p * (r - np.add.reduce(p * r, axis=1, keepdims=True)) / len(logits)


@dataclass(frozen=True)
class Loss:
    """A loss function as a network uses it, and what its outputs and targets mean. Calling it is calling ``function``.

    This class is regression, where the outputs are the predictions; its subclasses are for classes.

    Attributes:
        name: its name in ``LOSSES``.
        function: the loss, which checks its arguments.
        curvature: ``(outputs, targets, r) -> (∂²ℓ/∂z²) r``, which checks its arguments; see :meth:`curvature_times`.
        core: the bare formula, which checks nothing and expects targets as ``check_targets`` returns them.
        classifies: whether there are right and wrong answers, and so probabilities and an accuracy.
        fewest_outputs: how many outputs a network must have at least.

    Example:
        >>> loss = get_loss("mse")
        >>> outputs = np.array([[1.0], [3.0]])
        >>> targets = loss.check_targets("y", [[1], [1]], outputs.shape, outputs.dtype)
        >>> loss(outputs, targets), loss.predict(outputs).tolist(), loss.is_right(outputs, targets)
        ((2.0, array([[0.],
               [2.]])), [[1.0], [3.0]], array([nan, nan]))
        >>> loss.probabilities(outputs)
        Traceback (most recent call last):
        ...
        ValueError: loss: got 'mse'; expected a classification loss for probabilities
    """

    name: str
    function: Callable[..., ValueAndGradient]
    curvature: Callable[..., np.ndarray]
    classifies: ClassVar[bool] = False
    fewest_outputs: ClassVar[int] = 1

    def __call__(self, outputs: np.ndarray, targets: np.ndarray, **options: float) -> ValueAndGradient:
        """Return the loss and its gradient; see ``function`` for the options."""
        return self.function(outputs, targets, **options)

    @cached_property
    def core(self) -> Callable[..., ValueAndGradient]:
        """The bare formula under ``function``."""
        return core(self.function)

    @cached_property
    def curvature_core(self) -> Callable[..., np.ndarray]:
        """The bare formula under ``curvature``."""
        return core(self.curvature)

    def curvature_times(self, outputs: np.ndarray, targets: np.ndarray, r: np.ndarray, **options: float) -> np.ndarray:
        """Return (∂²ℓ/∂z²) r of the mean loss, without its matrix: by how much the gradient changes along r.

        ========================  ==================================================================================
        ``mse``                   2 r / (nK)
        ``half_mse``              r / n
        ``mae``                   0: a loss of straight pieces is not curved
        ``huber``                 r / (nK) where the error is at most δ, else 0
        ``binary_cross_entropy``  p (1 − p) r / (nK) with p the sigmoid of the logits
        ``cross_entropy``         p ⊙ (r − pᵀr) / n, row by row, with p the softmax of the logits
        ========================  ==================================================================================

        None of these matrices has a negative eigenvalue: all losses are convex in the outputs.

        Args:
            outputs: a network's, a row a sample.
            targets: as ``function`` takes them; a classification loss's curvature does not depend on them.
            r: a direction, of the outputs' shape.
            options: as of ``function``, such as ``delta``.

        Raises:
            TypeError, ValueError: outputs and targets that ``function`` refuses, or ``r`` has another shape.

        Example:
            >>> get_loss("binary_cross_entropy").curvature_times([[0.0], [0.0]], [[1], [0]], [[1.0], [8.0]]).tolist()
            [[0.125], [1.0]]
        """
        r = check_array("r", r, shape=np.shape(outputs))
        return self.curvature(outputs, targets, r, **options)

    def check_targets(self, name: str, targets: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return targets for outputs of this shape and dtype as ``core`` wants them, or say what is wrong.

        Args:
            name: of the argument, for messages.
            targets: what was given.
            shape: of the outputs.
            dtype: of the outputs.

        Raises:
            TypeError, ValueError: targets that do not fit.
        """
        return _in_dtype(_check_targets(name, targets, shape), dtype)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return what the outputs say: in regression they are the predictions.

        Args:
            outputs: a network's, a row a sample.
        """
        return outputs

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probabilities that the outputs stand for.

        Args:
            outputs: a network's, a row a sample.

        Raises:
            ValueError: a loss of regression: it has none.
        """
        raise ValueError(f"loss: got {self.name!r}; expected a classification loss for probabilities")

    def is_right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return for each answer 1 if it is right, else 0; NaN in regression, where none is right or wrong.

        Args:
            outputs: a network's, a row a sample.
            targets: as :meth:`check_targets` returns them.
        """
        return np.full(len(outputs), math.nan)


class BinaryLoss(Loss):
    """A loss of yes/no outputs, each a logit; targets are 0 or 1, or probabilities, of the outputs' shape.

    Example:
        >>> loss, logits = get_loss("binary_cross_entropy"), np.array([[2.0], [-1.0]])
        >>> targets = loss.check_targets("y", [[1], [1]], logits.shape, logits.dtype)
        >>> loss.probabilities(logits).round(2).tolist(), loss.predict(logits).tolist()
        ([[0.88], [0.27]], [[1], [0]])
        >>> loss.is_right(logits, targets).tolist()
        [[True], [False]]
    """

    classifies = True

    def check_targets(self, name: str, targets: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return targets between 0 and 1; see :class:`Loss`."""
        return _in_dtype(_check_binary_targets(name, targets, shape), dtype)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return 1 where a logit is above 0, a probability above one half; else 0."""
        return (outputs > 0).astype(np.int64)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of a yes."""
        return activations.sigmoid(outputs)

    def is_right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Compare every output with its target."""
        return self.predict(outputs) == targets


class ClassLoss(Loss):
    """A loss of K classes, a logit each; targets are labels (n,) or rows of probabilities (n, K).

    Example:
        >>> loss, logits = get_loss("cross_entropy"), np.array([[0.0, 2.0], [3.0, 1.0]])
        >>> labels = loss.check_targets("y", [1, 1], logits.shape, logits.dtype)
        >>> loss.probabilities(logits).round(2).tolist(), loss.predict(logits)
        ([[0.12, 0.88], [0.88, 0.12]], array([1, 0]))
        >>> loss.is_right(logits, labels)
        array([ True, False])
    """

    classifies = True
    fewest_outputs = 2

    def check_targets(self, name: str, targets: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return labels, or rows of probabilities that sum to 1; see :class:`Loss`."""
        return _in_dtype(_check_class_targets(name, targets, shape), dtype)

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """Return the class of the largest logit."""
        return outputs.argmax(axis=1)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return the softmax of the logits."""
        return activations.softmax(outputs)

    def is_right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Compare the predicted class with the label, or with the most probable class."""
        return self.predict(outputs) == (targets.argmax(axis=1) if targets.ndim == 2 else targets)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("mse", mean_squared_error, _mean_squared_curvature),
        Loss("half_mse", half_squared_error, _half_squared_curvature),
        Loss("mae", mean_absolute_error, _absolute_curvature),
        Loss("huber", huber, _huber_curvature),
        BinaryLoss("binary_cross_entropy", binary_cross_entropy, _binary_curvature),
        ClassLoss("cross_entropy", softmax_cross_entropy, _softmax_curvature),
    )
}


def get_loss(name: str) -> Loss:
    """Return the loss called ``name``.

    Args:
        name: a key of ``LOSSES``.

    Raises:
        ValueError: no loss has that name; the message names the nearest.

    Example:
        >>> get_loss("cross_entropy").predict(np.array([[0.1, 2.0]]))
        array([1])
    """
    return LOSSES[check_choice("loss", name, LOSSES)]
