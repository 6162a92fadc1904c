r"""Initial weights of a layer: ``initializer(fan_in, fan_out, generator) -> weights`` of shape (fan_in, fan_out).

*Fan-in* is the number of inputs of each unit, *fan-out* the number of units. A sum of fan-in terms has a variance
that grows with fan-in, so all but the first two choose the variance of the weights from the layer's width.
Biases start at 0.

Warning:
    Names travel badly. The normal initialisers of Keras (``GlorotNormal``, ``HeNormal``, ``LecunNormal``) draw from
    a normal cut off at two standard deviations, rescaled to the same variance; ours are not cut off, as in the papers
    and in PyTorch. ``torch.nn.Linear`` by default uses ``kaiming_uniform_`` with :math:`a = \sqrt 5`: that is
    uniform within :math:`\pm 1 / \sqrt{\text{fan-in}}`, a sixth of He's variance.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from nnopt_utils._validation import check_choice, check_generator, check_integer, check_number, checked

Initializer = Callable[[int, int, np.random.Generator], np.ndarray]

_width = partial(check_integer, low=1)
_std = partial(check_number, low=0.0)


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def zeros(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""All weights 0. Right for biases; wrong for weights, since all units of a layer then stay equal.

    Args:
        fan_in: number of inputs, ≥ 1.
        fan_out: number of units, ≥ 1.
        generator: not used; there so that every initialiser is called alike.

    Raises:
        TypeError: a width is not an integer, or ``generator`` is not a generator.
        ValueError: a width is below 1.

    Example:
        >>> zeros(2, 3, np.random.default_rng(0))
        array([[0., 0., 0.],
               [0., 0., 0.]])
    """
    return np.zeros((fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator, std=_std)
def normal(fan_in: int, fan_out: int, generator: np.random.Generator, std: float = 0.05) -> np.ndarray:
    r"""Normal weights of one fixed size, :math:`W_{ij} \sim \mathcal N(0, \text{std}^2)`, whatever the layer's width.

    Args:
        fan_in: number of inputs, ≥ 1.
        fan_out: number of units, ≥ 1.
        generator: source of the random numbers.
        std: standard deviation, ≥ 0. Default 0.05, as in Keras's ``RandomNormal``; PyTorch's ``normal_`` has 1.

    Raises:
        TypeError: a width is not an integer, ``generator`` is not a generator, or ``std`` is not a number.
        ValueError: a width is below 1 or ``std`` is negative.

    Example:
        >>> normal(2, 2, np.random.default_rng(0)).round(3)
        array([[ 0.006, -0.007],
               [ 0.032,  0.005]])
    """
    return generator.normal(0, std, size=(fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def lecun_normal(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""LeCun's: :math:`W_{ij} \sim \mathcal N(0, 1/\text{fan-in})`. Keeps the variance of signals in a linear layer.

    Arguments and errors as in :func:`zeros`; every number is drawn from ``generator``.

    Example:
        >>> weights = lecun_normal(400, 100, np.random.default_rng(0))
        >>> round(float(weights.std()), 3)  # sqrt(1 / 400) = 0.05
        0.05

    Source: LeCun, Bottou, Orr & Müller (1998), *Efficient BackProp*, section 4.6.
    """
    return generator.normal(0, np.sqrt(1 / fan_in), size=(fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def glorot_uniform(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""Glorot's (Xavier's): uniform within :math:`\pm c`, :math:`c = \sqrt{6 / (\text{fan-in} + \text{fan-out})}`.

    Its variance, 2 / (fan-in + fan-out), is a compromise between keeping the variance of signals on their way
    forward (1 / fan-in) and of gradients on their way back (1 / fan-out). Made for tanh; Keras's default.

    Arguments and errors as in :func:`zeros`; every number is drawn from ``generator``.

    Example:
        >>> weights = glorot_uniform(64, 32, np.random.default_rng(0))
        >>> bool(abs(weights).max() <= 0.25)  # sqrt(6 / 96) = 0.25
        True

    Source: Glorot & Bengio (2010), *Understanding the difficulty of training deep feedforward neural networks*,
    AISTATS, equation 16.
    """
    limit = np.sqrt(6 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, size=(fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def glorot_normal(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""Glorot's variance, normal: :math:`W_{ij} \sim \mathcal N(0, 2 / (\text{fan-in} + \text{fan-out}))`.

    Arguments and errors as in :func:`zeros`; every number is drawn from ``generator``.

    Example:
        >>> weights = glorot_normal(400, 400, np.random.default_rng(0))
        >>> round(float(weights.std()), 3)  # sqrt(2 / 800) = 0.05
        0.05

    Source: Glorot & Bengio (2010), as in :func:`glorot_uniform`, equation 12.
    """
    return generator.normal(0, np.sqrt(2 / (fan_in + fan_out)), size=(fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def he_uniform(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""He's (Kaiming's) variance, uniform within :math:`\pm c`, :math:`c = \sqrt{6 / \text{fan-in}}`.

    Arguments and errors as in :func:`zeros`; every number is drawn from ``generator``.

    Example:
        >>> weights = he_uniform(24, 10, np.random.default_rng(0))
        >>> bool(abs(weights).max() <= 0.5)  # sqrt(6 / 24) = 0.5
        True

    Source: He, Zhang, Ren & Sun (2015), as in :func:`he_normal`.
    """
    limit = np.sqrt(6 / fan_in)
    return generator.uniform(-limit, limit, size=(fan_in, fan_out))


@checked(fan_in=_width, fan_out=_width, generator=check_generator)
def he_normal(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    r"""He's (Kaiming's): :math:`W_{ij} \sim \mathcal N(0, 2/\text{fan-in})`. Made for ReLU.

    ReLU sets half of its inputs to 0 and so halves their mean square; the 2 makes up for it.

    Arguments and errors as in :func:`zeros`; every number is drawn from ``generator``.

    Example:
        >>> weights = he_normal(800, 100, np.random.default_rng(0))
        >>> round(float(weights.std()), 3)  # sqrt(2 / 800) = 0.05
        0.05

    Source: He, Zhang, Ren & Sun (2015), *Delving deep into rectifiers: surpassing human-level performance on
    ImageNet classification*, ICCV, equation 10, https://arxiv.org/abs/1502.01852.
    """
    return generator.normal(0, np.sqrt(2 / fan_in), size=(fan_in, fan_out))


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "normal": normal,
    "lecun_normal": lecun_normal,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
}


def get_initializer(name: str) -> Initializer:
    """Return the initialiser called ``name``.

    Args:
        name: a key of ``INITIALIZERS``.

    Raises:
        ValueError: no initialiser has that name; the message names the nearest.

    Example:
        >>> get_initializer("he_normal") is he_normal
        True
    """
    return INITIALIZERS[check_choice("initializer", name, INITIALIZERS)]
