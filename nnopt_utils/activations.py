r"""Activation functions :math:`\varphi(z)` and their two derivatives, entry by entry; and the softmax, which is by row.

Every function here takes an array (or a number) of any shape, keeps its dtype (float32 or float64), leaves it
untouched, and neither overflows nor warns for large :math:`|z|`. Called by name, it checks its argument;
``ACTIVATIONS[name]`` holds the bare formulas, which networks call on arrays that were checked once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_number, checked, core, describe

ArrayFunction = Callable[[np.ndarray], np.ndarray]


@checked(z=check_array)
def linear(z: np.ndarray) -> np.ndarray:
    r"""No activation, Keras's ``"linear"``: :math:`\varphi(z) = z`. A network of such layers is one linear map.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> linear([-1.0, 2.0])
        array([-1.,  2.])
    """
    return z.copy()  # a copy, so that changing the result never changes z


@checked(z=check_array)
def linear_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = 1`; arguments as in :func:`linear`.

    Example:
        >>> linear_derivative([-1.0, 2.0])
        array([1., 1.])
    """
    return np.ones_like(z)


@checked(z=check_array)
def linear_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = 0`; arguments as in :func:`linear`.

    Example:
        >>> linear_second_derivative([-1.0, 2.0])
        array([0., 0.])
    """
    return np.zeros_like(z)


@checked(z=check_array)
def sigmoid(z: np.ndarray) -> np.ndarray:
    r"""Logistic function: :math:`\varphi(z) = 1 / (1 + e^{-z})`, between 0 and 1.

    The textbook form overflows for z far below 0. With :math:`e^{-|z|} \le 1` nothing can: that form for z ≥ 0, and
    the equal :math:`\varphi(z) = e^{z} / (1 + e^{z})` for z < 0.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> sigmoid([-1000.0, 0.0, 1000.0])
        array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


@checked(z=check_array)
def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = \varphi(z)\,(1 - \varphi(z))`: at most ¼, and almost 0 where the unit saturates.

    Args:
        z: the pre-activation, not the activation; else as in :func:`sigmoid`.

    Example:
        >>> sigmoid_derivative([0.0, 1000.0])
        array([0.25, 0.  ])
    """
    p = core(sigmoid)(z)
    return p * (1 - p)


@checked(z=check_array)
def sigmoid_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = \varphi(z)\,(1 - \varphi(z))\,(1 - 2 \varphi(z))`: 0 at z = 0, where the slope is largest.

    Args:
        z: the pre-activation, not the activation; else as in :func:`sigmoid`.

    Example:
        >>> sigmoid_second_derivative([-1.0, 0.0, 1.0, 1000.0]).round(4)
        array([ 0.0909,  0.    , -0.0909, -0.    ])
    """
    p = core(sigmoid)(z)
    return p * (1 - p) * (1 - 2 * p)


@checked(z=check_array)
def tanh(z: np.ndarray) -> np.ndarray:
    r"""Hyperbolic tangent: :math:`\varphi(z) = (e^z - e^{-z}) / (e^z + e^{-z})`, between −1 and 1.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> tanh([-1000.0, 0.0, 1000.0])
        array([-1.,  0.,  1.])
    """
    return np.tanh(z)


@checked(z=check_array)
def tanh_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = 1 - \tanh^2(z)`; arguments as in :func:`tanh`.

    Example:
        >>> tanh_derivative([0.0, 1000.0])
        array([1., 0.])
    """
    return 1 - np.tanh(z) ** 2


@checked(z=check_array)
def tanh_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = -2 \tanh(z)\,(1 - \tanh^2(z))`; arguments as in :func:`tanh`.

    Example:
        >>> tanh_second_derivative([-1.0, 0.0, 1.0, 1000.0]).round(4)
        array([ 0.6397, -0.    , -0.6397, -0.    ])
    """
    t = np.tanh(z)
    return -2 * t * (1 - t**2)


@checked(z=check_array)
def relu(z: np.ndarray) -> np.ndarray:
    r"""Rectified linear unit: :math:`\varphi(z) = \max(z, 0)`.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> relu([-1.0, 0.0, 2.0])
        array([0., 0., 2.])

    Source: Nair & Hinton (2010), *Rectified linear units improve restricted Boltzmann machines*, ICML.
    """
    return np.maximum(z, 0)


@checked(z=check_array)
def relu_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = 1 \text{ if } z > 0, \text{ else } 0`; arguments as in :func:`relu`.

    ReLU has no derivative at the kink z = 0. We take 0 there, as Keras and PyTorch do.

    Example:
        >>> relu_derivative([-1.0, 0.0, 2.0])
        array([0., 0., 1.])
    """
    return (z > 0).astype(z.dtype)


@checked(z=check_array)
def relu_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = 0`; arguments as in :func:`relu`.

    It is 0 on both sides of the kink z = 0, where we take 0 too: a network of ReLUs is curved by its loss and by the
    products of its layers, not by its activations.

    Example:
        >>> relu_second_derivative([-1.0, 0.0, 2.0])
        array([0., 0., 0.])
    """
    return np.zeros_like(z)


@checked(z=check_array, slope=partial(check_number, low=0.0))
def leaky_relu(z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    r"""ReLU that leaks: :math:`\varphi(z) = z \text{ if } z > 0, \text{ else } s z`.

    Args:
        z: array of any shape.
        slope: the slope :math:`s \ge 0` for negative z. Default 0.01.

    Raises:
        TypeError: ``z`` is not an array of real numbers, or ``slope`` is not a number.
        ValueError: ``z`` is empty or holds a NaN or infinite value, or ``slope`` is negative.

    Example:
        >>> leaky_relu([-1.0, 2.0])
        array([-0.01,  2.  ])

    Warning:
        0.01 is the paper's and PyTorch's default. Keras 3 has 0.2 in ``keras.ops.leaky_relu`` and
        ``keras.activations.leaky_relu``, and 0.3 in the layer ``keras.layers.LeakyReLU``.

    Source: Maas, Hannun & Ng (2013), *Rectifier nonlinearities improve neural network acoustic models*, ICML.
    """
    return np.where(z > 0, z, slope * z)


@checked(z=check_array, slope=partial(check_number, low=0.0))
def leaky_relu_derivative(z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    r""":math:`\varphi'(z) = 1 \text{ if } z > 0, \text{ else } s`; arguments as in :func:`leaky_relu`.

    Example:
        >>> leaky_relu_derivative([-1.0, 2.0])
        array([0.01, 1.  ])
    """
    return np.where(z > 0, 1, slope).astype(z.dtype)


@checked(z=check_array, slope=partial(check_number, low=0.0))
def leaky_relu_second_derivative(z: np.ndarray, slope: float = 0.01) -> np.ndarray:
    r""":math:`\varphi''(z) = 0`, whatever the slope; arguments as in :func:`leaky_relu`.

    Example:
        >>> leaky_relu_second_derivative([-1.0, 2.0])
        array([0., 0.])
    """
    return np.zeros_like(z)


@checked(z=check_array, alpha=partial(check_number, low=0.0))
def elu(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r"""Exponential linear unit: :math:`\varphi(z) = z \text{ if } z > 0, \text{ else } \alpha (e^z - 1)`.

    Args:
        z: array of any shape.
        alpha: :math:`\alpha \ge 0`; the function tends to :math:`-\alpha` far below 0. Default 1, as in Keras
            and PyTorch.

    Raises:
        TypeError: ``z`` is not an array of real numbers, or ``alpha`` is not a number.
        ValueError: ``z`` is empty or holds a NaN or infinite value, or ``alpha`` is negative.

    Example:
        >>> elu([-1000.0, 0.0, 2.0])
        array([-1.,  0.,  2.])

    Source: Clevert, Unterthiner & Hochreiter (2016), *Fast and accurate deep network learning by exponential
    linear units*, ICLR, https://arxiv.org/abs/1511.07289.
    """
    below = np.minimum(z, 0)  # np.where computes both branches: e^z of a large z would overflow
    return np.where(z > 0, z, alpha * np.expm1(below))


@checked(z=check_array, alpha=partial(check_number, low=0.0))
def elu_derivative(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r""":math:`\varphi'(z) = 1 \text{ if } z > 0, \text{ else } \alpha e^z`; arguments as in :func:`elu`.

    Example:
        >>> elu_derivative([-1000.0, 0.0, 2.0])
        array([0., 1., 1.])
    """
    below = np.minimum(z, 0)
    return np.where(z > 0, 1, alpha * np.exp(below))


@checked(z=check_array, alpha=partial(check_number, low=0.0))
def elu_second_derivative(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    r""":math:`\varphi''(z) = 0 \text{ if } z > 0, \text{ else } \alpha e^z`; arguments as in :func:`elu`.

    It jumps at z = 0. There we take the value from below, as for :func:`elu_derivative`.

    Example:
        >>> elu_second_derivative([-1000.0, 0.0, 2.0])
        array([0., 1., 0.])
    """
    below = np.minimum(z, 0)
    return np.where(z > 0, 0, alpha * np.exp(below))


@checked(z=check_array)
def softplus(z: np.ndarray) -> np.ndarray:
    r"""Smooth ReLU: :math:`\varphi(z) = \ln(1 + e^z)`.

    ``np.logaddexp(0, z)`` is :math:`\ln(e^0 + e^z) = \varphi(z)`, computed so that no exponential overflows.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> softplus([-10.0, 0.0, 10.0]).round(4)
        array([ 0.    ,  0.6931, 10.    ])

    Source: Dugas, Bengio, Bélisle, Nadeau & Garcia (2001), *Incorporating second-order functional knowledge
    for better option pricing*, NIPS.
    """
    return np.logaddexp(0, z)


@checked(z=check_array)
def softplus_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = 1 / (1 + e^{-z})`, the sigmoid; arguments as in :func:`softplus`.

    Example:
        >>> softplus_derivative([-1000.0, 0.0, 1000.0])
        array([0. , 0.5, 1. ])
    """
    return core(sigmoid)(z)


@checked(z=check_array)
def softplus_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = \varphi'(z)\,(1 - \varphi'(z))`, the sigmoid's slope; arguments as in :func:`softplus`.

    Example:
        >>> softplus_second_derivative([-1000.0, 0.0, 1000.0])
        array([0.  , 0.25, 0.  ])
    """
    return core(sigmoid_derivative)(z)


# Φ needs the error function, which NumPy does not have and Python has for one number at a time.
# So: a table of Φ and φ = Φ' every 1/256 from −9 to 9, and Taylor's series around the nearest point. There
# |d| ≤ 1/512, and the first term left out is below 1e-15. Outside, Φ is 0 or 1 to 1e-19.
_PER_UNIT, _EDGE = 256, 9
_GRID = np.arange(-_EDGE * _PER_UNIT, _EDGE * _PER_UNIT + 1) / _PER_UNIT
_CDF = np.array([math.erfc(-u / math.sqrt(2)) / 2 for u in _GRID])
_PDF = np.exp(-(_GRID**2) / 2) / math.sqrt(2 * math.pi)
_CDF[0], _CDF[-1], _PDF[0], _PDF[-1] = 0, 1, 0, 0


def _normal_cdf(z: np.ndarray) -> np.ndarray:
    """Φ(z), the probability that a standard normal variable is below z, with an error below 1e-15."""
    inside = np.fmin(np.fmax(z, -_EDGE), _EDGE)  # np.clip would keep a NaN, which is no place in a table
    steps = np.rint(inside * _PER_UNIT)
    nearest = steps.astype(np.intp) + _EDGE * _PER_UNIT
    u = steps / _PER_UNIT
    d = inside - u
    taylor = d * (1 - d * (u / 2 - d * ((u * u - 1) / 6 - d * u * (u * u - 3) / 24)))
    return (_CDF[nearest] + _PDF[nearest] * taylor).astype(z.dtype)


def _normal_pdf(z: np.ndarray) -> np.ndarray:
    """φ(z), the density of a standard normal variable."""
    inside = np.clip(z, -40, 40)  # e^(−z²/2) is 0 there in float64, and z² cannot overflow
    return np.exp(-(inside**2) / 2) / math.sqrt(2 * math.pi)


@checked(z=check_array)
def gelu(z: np.ndarray) -> np.ndarray:
    r"""Gaussian error linear unit: :math:`\varphi(z) = z\,\Phi(z)`, :math:`\Phi` the normal distribution function.

    Args:
        z: array of any shape.

    Raises:
        TypeError: ``z`` is not an array of real numbers.
        ValueError: ``z`` is empty or holds a NaN or infinite value.

    Example:
        >>> gelu([-1.0, 0.0, 1.0]).round(4)
        array([-0.1587,  0.    ,  0.8413])

    Warning:
        This is the exact form, the default of Keras and of PyTorch. Much code uses the approximation
        :math:`\varphi(z) \approx \frac z2 (1 + \tanh(\sqrt{2/\pi}\,(z + 0.044715 z^3)))`, which differs by up to 5e-4.

    Source: Hendrycks & Gimpel (2016), *Gaussian error linear units*, https://arxiv.org/abs/1606.08415.
    """
    return z * _normal_cdf(z)


@checked(z=check_array)
def gelu_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi'(z) = \Phi(z) + z\,\phi(z)`, :math:`\phi` the normal density; arguments as in :func:`gelu`.

    Example:
        >>> gelu_derivative([-1.0, 0.0, 1.0]).round(4)
        array([-0.0833,  0.5   ,  1.0833])
    """
    return _normal_cdf(z) + z * _normal_pdf(z)


@checked(z=check_array)
def gelu_second_derivative(z: np.ndarray) -> np.ndarray:
    r""":math:`\varphi''(z) = (2 - z^2)\,\phi(z)`, :math:`\phi` the normal density; arguments as in :func:`gelu`.

    Example:
        >>> gelu_second_derivative([-1.0, 0.0, 1.0]).round(4)
        array([0.242 , 0.7979, 0.242 ])
    """
    inside = np.clip(z, -40, 40)  # the density is 0 there, and z² cannot overflow
    return (2 - inside**2) * _normal_pdf(z)


def _check_logits(name: str, value: Any) -> np.ndarray:
    logits = check_array(name, value)
    if logits.ndim == 0:
        raise ValueError(f"{name}: got {describe(logits)}; expected at least 1 dimension, the last one the classes")
    return logits


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


@dataclass(frozen=True)
class Activation:
    """An activation function as a network uses it: bare formulas, which check nothing.

    Attributes:
        name: its name in ``ACTIVATIONS``.
        value: φ(z), from a float array z to an array of the same shape and dtype.
        derivative: φ'(z), from the same z (the pre-activation, not φ(z)).
        second_derivative: φ''(z), from the same z.
        formula: φ(z) in LaTeX.

    Example:
        >>> relu = ACTIVATIONS["relu"]
        >>> relu.value(np.array([-1.0, 2.0])), relu.derivative(np.array([-1.0, 2.0]))
        (array([0., 2.]), array([0., 1.]))
        >>> ACTIVATIONS["softplus"].second_derivative(np.zeros(1))
        array([0.25])
    """

    name: str
    value: ArrayFunction
    derivative: ArrayFunction
    second_derivative: ArrayFunction
    formula: str


ACTIVATIONS: dict[str, Activation] = {
    name: Activation(name, core(value), core(derivative), core(second_derivative), formula)
    for name, value, derivative, second_derivative, formula in [
        ("linear", linear, linear_derivative, linear_second_derivative, r"z"),
        ("sigmoid", sigmoid, sigmoid_derivative, sigmoid_second_derivative, r"\frac{1}{1 + e^{-z}}"),
        ("tanh", tanh, tanh_derivative, tanh_second_derivative, r"\tanh z"),
        ("relu", relu, relu_derivative, relu_second_derivative, r"\max(z, 0)"),
        (
            "leaky_relu",
            leaky_relu,
            leaky_relu_derivative,
            leaky_relu_second_derivative,
            r"\max(z, 0) + 0.01 \min(z, 0)",
        ),
        ("elu", elu, elu_derivative, elu_second_derivative, r"\max(z, 0) + \min(e^z - 1, 0)"),
        ("gelu", gelu, gelu_derivative, gelu_second_derivative, r"z\,\Phi(z)"),
        ("softplus", softplus, softplus_derivative, softplus_second_derivative, r"\ln(1 + e^z)"),
    ]
}


def get_activation(name: str) -> Activation:
    """Return the activation called ``name``.

    Args:
        name: a key of ``ACTIVATIONS``.

    Raises:
        ValueError: no activation has that name; the message names the nearest.

    Example:
        >>> get_activation("relu").derivative(np.array([-1.0, 2.0]))
        array([0., 1.])
    """
    return ACTIVATIONS[check_choice("activation", name, ACTIVATIONS)]
