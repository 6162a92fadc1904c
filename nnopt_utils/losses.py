r"""Loss functions: each takes ``(outputs, targets)`` and returns ``(value, gradient)``.

The value is a mean over samples (the rows), the gradient is taken with respect to the outputs and has their shape and
dtype, float32 or float64. Called by name, a loss checks its arguments; ``LOSSES[name].core`` is the bare formula,
which training calls on arrays that were checked once.

Classification losses take **logits**, never probabilities: a probability that has been rounded to 0 or 1 has lost
the loss and its gradient, and no clipping brings them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_labels, check_number, checked, core, describe

ValueAndGradient = tuple[float, np.ndarray]
PairCheck = Callable[[Any, Any], tuple[np.ndarray, np.ndarray]]

_smoothing = partial(check_number, low=0.0, high=1.0)


def _check_logits(name: str, value: Any) -> np.ndarray:
    logits = check_array(name, value)
    if logits.ndim == 0:
        raise ValueError(f"{name}: got {describe(logits)}; expected at least 1 dimension, the last one the classes")
    return logits


def check_regression(outputs: Any, targets: Any, name: str = "outputs") -> tuple[np.ndarray, np.ndarray]:
    """Check outputs and targets of one shape, (n,) or (n, K); return the targets in the outputs' dtype.

    Equal shapes matter: (n, 1) minus (n,) broadcasts to (n, n) without an error, and trains on nonsense.

    Example:
        >>> check_regression(np.zeros((3, 1)), np.zeros(3))
        Traceback (most recent call last):
        ...
        ValueError: targets: got float64 array of shape (3,); expected shape (3, 1), that of outputs (NumPy would \
broadcast the two to a matrix of every output against every target; reshape one of them)
    """
    outputs, targets = check_array(name, outputs), check_array("targets", targets)
    if outputs.ndim not in (1, 2):
        raise ValueError(f"{name}: got {describe(outputs)}; expected 1 or 2 dimensions, a row a sample")
    if targets.shape != outputs.shape:
        hint = ""
        if {targets.ndim, outputs.ndim} == {1, 2} and len(targets) == len(outputs):
            hint = (
                " (NumPy would broadcast the two to a matrix of every output against every target; reshape one of them)"
            )
        raise ValueError(f"targets: got {describe(targets)}; expected shape {outputs.shape}, that of {name}{hint}")
    return outputs, targets.astype(outputs.dtype, copy=False)


def check_binary(logits: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check logits and targets of one shape, (n,) or (n, K), the targets between 0 and 1.

    Example:
        >>> check_binary([0.3, -0.2], [1, -1])
        Traceback (most recent call last):
        ...
        ValueError: targets: got values from -1 to 1; expected 0 or 1 (or probabilities between them)
    """
    logits, targets = check_regression(logits, targets, name="logits")
    if targets.min() < 0 or targets.max() > 1:
        raise ValueError(
            f"targets: got values from {targets.min():g} to {targets.max():g};"
            " expected 0 or 1 (or probabilities between them)"
        )
    return logits, targets


def check_classification(logits: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    """Check logits (n, K), with integer labels (n,) or rows of probabilities (n, K) as targets.

    Example:
        >>> check_classification([[0.3, -0.2]], [[0.5, 0.6]])
        Traceback (most recent call last):
        ...
        ValueError: targets: row 0 sums to 1.1; expected rows of probabilities, each summing to 1
    """
    logits, targets = check_array("logits", logits, ndim=2), np.asarray(targets)
    n_samples, n_classes = logits.shape
    if n_classes == 1:
        raise ValueError(
            f"logits: got {describe(logits)}; expected at least 2 classes"
            " (the softmax of one logit is always 1: use binary_cross_entropy)"
        )
    if targets.ndim != 2:
        return logits, check_labels("targets", targets, n_classes=n_classes, n_samples=n_samples)
    if targets.shape != logits.shape:
        raise ValueError(
            f"targets: got {describe(targets)}; expected integer labels of shape ({n_samples},)"
            f" or probabilities of shape {logits.shape}"
        )
    targets = check_array("targets", targets)
    if targets.min() < 0:
        raise ValueError(f"targets: got values down to {targets.min():g}; expected probabilities, none below 0")
    error = np.abs(targets.sum(axis=1) - 1)
    worst = int(error.argmax())
    if error[worst] > 1e-4:  # float32 rows from a softmax are off by 1e-6 at most
        raise ValueError(
            f"targets: row {worst} sums to {targets[worst].sum():g}; expected rows of probabilities, each summing to 1"
        )
    return logits, targets.astype(logits.dtype, copy=False)


@checked(check_regression)
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


@checked(check_regression)
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


@checked(check_regression)
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


@checked(check_regression, delta=partial(check_number, low=0.0, low_open=True))
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


@checked(check_binary, label_smoothing=_smoothing)
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


@checked(logits=_check_logits)
def softmax(logits: np.ndarray) -> np.ndarray:
    r"""Probabilities of the classes: :math:`p_j = e^{z_j} / \sum_k e^{z_k}`, over the last axis.

    Adding the same number to every logit changes nothing, so the largest is moved to 0 and nothing overflows.

    Args:
        logits: z, of shape (..., K).

    Raises:
        TypeError: ``logits`` is not an array of real numbers.
        ValueError: ``logits`` is empty, a single number, or holds a NaN or infinite value.

    Example:
        >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
        array([[0.5, 0.5],
               [1. , 0. ]])

    Source: Bridle (1990), *Training stochastic model recognition algorithms as networks can lead to maximum mutual
    information estimation of parameters*, NIPS.
    """
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@checked(logits=_check_logits)
def log_softmax(logits: np.ndarray) -> np.ndarray:
    r"""Logarithms of the softmax: :math:`\ln p_j = z_j - \ln \sum_k e^{z_k}`, over the last axis.

    Finite even where the probability itself rounds to 0.

    Args:
        logits: z, of shape (..., K).

    Raises:
        TypeError: ``logits`` is not an array of real numbers.
        ValueError: ``logits`` is empty, a single number, or holds a NaN or infinite value.

    Example:
        >>> log_softmax([1000.0, 0.0])
        array([    0., -1000.])

    Source: Blanchard, Higham & Higham (2021), *Accurately computing the log-sum-exp and softmax functions*,
    IMA Journal of Numerical Analysis 41, https://doi.org/10.1093/imanum/draa038.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@checked(check_classification, label_smoothing=_smoothing)
def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray, label_smoothing: float = 0.0) -> ValueAndGradient:
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
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    minus_log_p = np.log(total) - shifted

    if targets.ndim == 1 and not label_smoothing:
        right = np.arange(n_samples), targets
        value = minus_log_p[right].sum() / n_samples
        p[right] -= 1
        return float(value), p / n_samples

    y = np.eye(n_classes, dtype=logits.dtype)[targets] if targets.ndim == 1 else targets
    if label_smoothing:
        y = (1 - label_smoothing) * y + label_smoothing / n_classes
    return float(np.sum(y * minus_log_p)) / n_samples, (p - y) / n_samples


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


@dataclass(frozen=True)
class Loss:
    """A loss function as a network uses it. Calling it is calling ``function``.

    Attributes:
        name: its name in ``LOSSES``.
        function: the loss, which checks its arguments.
        core: the bare formula, which checks nothing and expects targets in the outputs' dtype (or integer labels).
        check: the check alone: from outputs and targets to both as ``core`` wants them.
        kind: what the targets are: "regression", "binary" or "classification".
    """

    name: str
    function: Callable[..., ValueAndGradient]
    core: Callable[..., ValueAndGradient]
    check: PairCheck
    kind: Literal["regression", "binary", "classification"]

    def __call__(self, outputs: np.ndarray, targets: np.ndarray, **options: float) -> ValueAndGradient:
        """Return the loss and its gradient; see ``function`` for the options."""
        return self.function(outputs, targets, **options)


LOSSES: dict[str, Loss] = {
    "mse": Loss("mse", mean_squared_error, core(mean_squared_error), check_regression, "regression"),
    "half_mse": Loss("half_mse", half_squared_error, core(half_squared_error), check_regression, "regression"),
    "mae": Loss("mae", mean_absolute_error, core(mean_absolute_error), check_regression, "regression"),
    "huber": Loss("huber", huber, core(huber), check_regression, "regression"),
    "binary_cross_entropy": Loss(
        "binary_cross_entropy", binary_cross_entropy, core(binary_cross_entropy), check_binary, "binary"
    ),
    "cross_entropy": Loss(
        "cross_entropy", softmax_cross_entropy, core(softmax_cross_entropy), check_classification, "classification"
    ),
}


def get_loss(name: str) -> Loss:
    """Return the loss called ``name``.

    Args:
        name: a key of ``LOSSES``.

    Raises:
        ValueError: no loss has that name; the message names the nearest.

    Example:
        >>> get_loss("mse").kind
        'regression'
    """
    return LOSSES[check_choice("loss", name, LOSSES)]
