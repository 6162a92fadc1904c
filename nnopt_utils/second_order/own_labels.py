r"""What a network would say to labels that it drew itself: the error signals behind the true Fisher.

For a canonical loss (softmax or sigmoid with cross-entropy, squared errors) the covariance of these signals, over the
labels y that the model itself holds probable, is the loss's curvature H at the outputs (of one sample, ∂²ℓ/∂z²):

.. math:: \mathrm{E}[\delta \delta^\top] = H

so that the Fisher matrix is the Gauss–Newton matrix. Where the loss is the negative log-likelihood divided by a number,
as the means over outputs in ``"mse"`` and ``"binary_cross_entropy"``, the signals are scaled so that this still holds:
the Fisher is that of the mean loss as the library has it.

Source: J. Martens, "New insights and perspectives on the natural gradient method", JMLR 21, 2020.
"""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils import activations
from nnopt_utils._validation import core
from nnopt_utils.losses import Loss

LIKELIHOODS = ("cross_entropy", "binary_cross_entropy", "mse", "half_mse")
# The bare formulas: where a network's outputs are not finite, it is the optimizer's step that says so.
softmax, sigmoid = core(activations.softmax), core(activations.sigmoid)


def check_has_labels(loss: Loss) -> None:
    """Raise unless a loss is one whose model has labels of its own.

    Args:
        loss: of a network.

    Raises:
        ValueError: ``"mae"`` or ``"huber"``, whose Fisher is not their Gauss–Newton matrix.

    Example:
        >>> from nnopt_utils.losses import get_loss
        >>> check_has_labels(get_loss("mse"))
        >>> check_has_labels(get_loss("mae"))
        Traceback (most recent call last):
        ...
        ValueError: loss: got 'mae'; ...
    """
    if loss.name not in LIKELIHOODS:
        raise ValueError(
            f"loss: got {loss.name!r}; expected one of {', '.join(map(repr, LIKELIHOODS))}, whose true Fisher is the "
            'Gauss–Newton matrix (the empirical Fisher has no such limit: fisher="empirical", in KFAC with '
            'rescaling="kl_clip")'
        )


def expected_signals(loss: Loss, outputs: np.ndarray) -> np.ndarray:
    r"""Return K signals a sample whose outer products add up to :math:`\mathrm{E}[\delta \delta^\top]`.

    For the softmax they are :math:`\sqrt{p_k}\,(p - e_k)`, one a class.

    Args:
        loss: of a network.
        outputs: (n, K).

    Returns:
        (K, n, K): the first axis counts the signals.

    Raises:
        ValueError: a loss without labels of its own.

    Example:
        >>> from nnopt_utils.losses import get_loss
        >>> signals = expected_signals(get_loss("cross_entropy"), np.log([[0.2, 0.8]]))
        >>> np.einsum("kni,knj->ij", signals, signals).round(6)       # diag(p) − p pᵀ
        array([[ 0.16, -0.16],
               [-0.16,  0.16]])
    """
    check_has_labels(loss)
    K = outputs.shape[1]
    unit = np.eye(K, dtype=outputs.dtype)[:, None, :]  # e_k, one a signal
    if loss.name == "cross_entropy":
        p = softmax(outputs)
        return np.sqrt(p.T[:, :, None]) * (p - unit)
    return unit * _deviation(loss, outputs)


def sampled_signals(loss: Loss, outputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    r"""Return one signal a sample, for a label that the model draws: :math:`p - e_y` for the softmax.

    Args:
        loss: of a network.
        outputs: (n, K).
        generator: draws the labels.

    Returns:
        δ of the outputs, (n, K), without the 1/n of a mean over samples.

    Raises:
        ValueError: a loss without labels of its own.

    Example:
        >>> from nnopt_utils.losses import get_loss
        >>> loss, logits = get_loss("cross_entropy"), np.log(np.full((10_000, 2), [0.2, 0.8]))
        >>> signals = sampled_signals(loss, logits, np.random.default_rng(0))
        >>> (signals.T @ signals / 10_000).round(2)                    # nearly diag(p) − p pᵀ
        array([[ 0.16, -0.16],
               [-0.16,  0.16]])
    """
    check_has_labels(loss)
    if loss.name == "cross_entropy":
        signals = softmax(outputs)
        drawn = generator.random((len(outputs), 1)) * signals.sum(axis=1, keepdims=True)
        # Of K classes K − 1 borders decide, so that rounding in the sum cannot lead past the last.
        labels = (np.cumsum(signals, axis=1)[:, :-1] < drawn).sum(axis=1)
        signals[np.arange(len(outputs)), labels] -= 1
        return signals
    if loss.name == "binary_cross_entropy":
        p = sigmoid(outputs)
        labels = generator.random(outputs.shape) < p
        return (p - labels) / math.sqrt(outputs.shape[1])
    return (_deviation(loss, outputs) * generator.standard_normal(outputs.shape)).astype(outputs.dtype, copy=False)


def _deviation(loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """The standard deviation of the signal of each output, where outputs have labels independent of each other."""
    K = outputs.shape[1]
    if loss.name == "binary_cross_entropy":
        p = sigmoid(outputs)
        return np.sqrt(p * (1 - p) / K)
    return np.full_like(outputs, math.sqrt(2 / K) if loss.name == "mse" else 1.0)


__all__ = ["check_has_labels", "expected_signals", "sampled_signals"]
