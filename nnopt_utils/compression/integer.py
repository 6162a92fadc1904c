"""An MLP in integers alone: int8 weights and activations, int32 sums, and a multiplication in fixed point between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np

from nnopt_utils._validation import as_array, check_array, check_integer, check_positive, describe
from nnopt_utils.compression.network import decoded
from nnopt_utils.losses import Loss, get_loss
from nnopt_utils.networks import MLP

LOWEST, HIGHEST = -128, 127  # of int8
WEIGHT_MAX = 127  # codes of weights are symmetric: −127 … 127
INT32_MAX = 2**31 - 1
CLAMPED = "relu"  # the one activation that is a clamp of the codes
SUPPORTED = (CLAMPED, "linear")


class ActivationScale(NamedTuple):
    r"""The int8 grid of a layer's activations: which real number a code stands for.

    .. math:: r = s\,(q - z)

    Attributes:
        scale: s > 0, the width of a step.
        zero_point: z in −128 … 127, the code of the number 0.

    Example:
        >>> grid = ActivationScale.of(np.array([-1.0, 0.0, 1.55]))
        >>> round(grid.scale, 4), grid.zero_point
        (0.01, -28)
        >>> grid.encode(np.array([0.0, 1.0, 99.0])).tolist()
        [-28, 72, 127]

    Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", CVPR 2018, https://arxiv.org/abs/1712.05877, section 2.1.
    """

    scale: float
    zero_point: int

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Return the grid whose 256 codes span all values, and 0, which has a code of its own.

        Args:
            values: a float array of any shape, such as the activations of a layer on calibration data.

        Example:
            >>> ActivationScale.of(np.zeros(3))                # nothing to span
            ActivationScale(scale=1.0, zero_point=-128)
        """
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        scale = (high - low) / (HIGHEST - LOWEST)
        if scale <= 0:
            return cls(1.0, LOWEST)
        return cls(scale, int(np.rint(LOWEST - low / scale)))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the nearest codes, int8; what lies outside of the grid becomes its end.

        Args:
            values: a float array of any shape.

        Example:
            >>> ActivationScale(0.5, 0).encode(np.array([0.9, -1000.0])).tolist()
            [2, -128]
        """
        return np.clip(np.rint(values / self.scale) + self.zero_point, LOWEST, HIGHEST).astype(np.int8)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the numbers that codes stand for, float32.

        Args:
            codes: an integer array of any shape.

        Example:
            >>> ActivationScale(0.5, 10).decode(np.array([10, 12], dtype=np.int8)).tolist()
            [0.0, 1.0]
        """
        return np.float32(self.scale) * (codes.astype(np.int32) - self.zero_point).astype(np.float32)


def fixed_point(multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return a positive factor as an integer m of 31 bits and a power of two e.

    .. math:: M \approx m\, 2^{e - 31}

    Args:
        multiplier: M >= 0, float64, of any shape. What is below 2⁻³² becomes 0, as no int32 is moved by it.

    Returns:
        m, int32, in 2³⁰ … 2³¹ − 1, and e, int8, of M's shape.

    Example:
        >>> m, e = fixed_point(np.array([0.75, 3.0]))
        >>> (m / 2.0**31).tolist(), e.tolist()
        ([0.75, 0.75], [0, 2])

    Source: as :class:`ActivationScale`, section 2.2.
    """
    fraction, e = np.frexp(np.asarray(multiplier, dtype=np.float64))
    m = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    whole = m == 2**31  # the fraction was rounded up to 1
    m, e = np.where(whole, 2**30, m), e + whole
    m, e = np.where(e > 30, INT32_MAX, m), np.minimum(e, 30)
    vanishes = e < -31
    return np.where(vanishes, 0, m).astype(np.int32), np.where(vanishes, 0, e).astype(np.int8)


def multiply_fixed_point(a: np.ndarray, m: np.ndarray, e: np.ndarray) -> np.ndarray:
    r"""Return M a, rounded to the nearest integer (a half up), with one product of integers and one shift.

    .. math:: y = \left\lfloor a\, m\, 2^{e - 31} + \tfrac12 \right\rfloor

    Args:
        a: int32 of any shape.
        m, e: of M, from :func:`fixed_point`; of a shape that is broadcast to a's.

    Returns:
        y, int64.

    Example:
        >>> multiply_fixed_point(np.array([10, -10, 11], dtype=np.int32), *fixed_point(np.array(0.25))).tolist()
        [3, -2, 3]

    Source: LiteRT's reference kernels, ``MultiplyByQuantizedMultiplier`` with one rounding.

    Warning:
        The paper, gemmlowp and earlier TFLite kernels round twice: after the product's high half and after the shift.
        XNNPACK, LiteRT's default on processors, multiplies in float32 and rounds a half to even. Each differs from this
        by 1 now and then.
    """
    shift = 31 - e.astype(np.int64)
    half = np.left_shift(np.int64(1), shift - 1)
    return np.right_shift(a.astype(np.int64) * m.astype(np.int64) + half, shift)


@dataclass(frozen=True)
class IntegerLayer:
    r"""A layer in integers: int8 codes to int8 codes.

    .. math:: q_3 = z_3 + \left\lfloor M\, (q_1 - z_1)\, q_2 + \tfrac12 \right\rfloor,
              \qquad M = \frac{s_1 s_2}{s_3}

    with q₁ the codes of the inputs, q₂ those of the weights and q₃ those of the outputs, clamped to what int8 holds.
    M is in fixed point. The bias is an integer in units of s₁s₂, added to the sum; with it goes −z₁ Σ q₂, which
    depends on no input. ReLU is a clamp at z₃, the code of 0.

    Attributes:
        weights: q₂, int8, (fan-in, fan-out), from −127 to 127.
        offset: int32, (fan-out,): the bias − z₁ Σ q₂.
        mantissa, exponent: of M, as from :func:`fixed_point`; (fan-out,).
        zero_point: z₃.
        rectified: whether there is a ReLU.

    Example:
        >>> m, e = fixed_point(np.array([0.5]))
        >>> layer = IntegerLayer(np.array([[2], [3]], dtype=np.int8), np.array([1], dtype=np.int32), m, e, -10, False)
        >>> layer(np.array([[4, 5]], dtype=np.int8))          # (4·2 + 5·3 + 1) / 2 − 10
        array([[2]], dtype=int8)

    Source: as :class:`ActivationScale`, sections 2.2 to 2.4.
    """

    weights: np.ndarray
    offset: np.ndarray
    mantissa: np.ndarray
    exponent: np.ndarray
    zero_point: int
    rectified: bool

    @cached_property
    def _wide_weights(self) -> np.ndarray:
        """NumPy has no product of int8 arrays with sums in int32; widened once, not at every call."""
        return self.weights.astype(np.int32)

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs' codes, int8, (n, fan-out).

        Args:
            codes: of the inputs, int8, (n, fan-in).
        """
        # NumPy's einsum adds integers in vector registers; its matmul, which has BLAS for floats only, does not.
        sums = np.einsum("nk,kj->nj", codes.astype(np.int32), self._wide_weights) + self.offset
        scaled = multiply_fixed_point(sums, self.mantissa, self.exponent) + self.zero_point
        return np.clip(scaled, self.zero_point if self.rectified else LOWEST, HIGHEST).astype(np.int8)

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return sum(array.nbytes for array in (self.weights, self.offset, self.mantissa, self.exponent))


class IntegerMLP:
    r"""An MLP of int8 weights and activations that computes with integers alone, from codes of inputs to outputs.

    Inputs become int8 codes, each layer is an :class:`IntegerLayer`, and the last layer's codes are decoded to outputs.
    Make one with :meth:`from_network`; the constructor takes codes and scales that are known, such as another
    tool's. It does not train: there is nothing to differentiate.

    Args:
        weights: a matrix of integers from −127 to 127 a layer, (fan-in, fan-out).
        biases: int32, (fan-out,) a layer, in units of s₁s₂: the scale of the layer's inputs times that of its weights.
        weight_scales: s₂ a layer, a number or (fan-out,).
        activation_scales: pairs (scale, zero point), of the inputs and of each layer's outputs: one more than layers.
        rectified: whether a layer ends in a ReLU, a boolean a layer; default all but the last.
        loss: what the outputs mean, as of an ``MLP``; default ``"cross_entropy"``.

    Attributes:
        layers: the :class:`IntegerLayer` objects.
        input_scale, output_scale: an :class:`ActivationScale` each.
        layer_sizes: widths from the input to the output.
        loss_function: the ``Loss``.

    Raises:
        TypeError, ValueError: parts that do not fit each other; sums that int32 does not hold.

    Example:
        >>> network = MLP([4, 8, 3], seed=0)
        >>> x = np.random.default_rng(0).uniform(size=(100, 4))
        >>> integer = IntegerMLP.from_network(network, x)
        >>> integer.nbytes, 4 * network.n_parameters          # 56 weights; 11 units with offset and M
        (155, 268)
        >>> float(np.abs(integer.forward(x) - network.forward(x)).max()) < 0.05
        True

    Source: B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", CVPR 2018, https://arxiv.org/abs/1712.05877 (there with one scale a tensor).

    Warning:
        LiteRT 2.3's reference kernels give the same integers (on x86-64); its default ones, XNNPACK's, multiply by M in
        float32: of LeNet-300-100's 100,000 output codes for MNIST's test set two differ, by 1.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        weight_scales: Sequence[Any],
        activation_scales: Sequence[tuple[float, int]],
        rectified: Sequence[bool] | None = None,
        loss: str = "cross_entropy",
    ) -> None:
        n = len(weights)
        if n < 1:
            raise ValueError("weights: got no layer; expected at least one matrix")
        rectified = [True] * (n - 1) + [False] if rectified is None else list(rectified)
        lengths = {"biases": len(biases), "weight_scales": len(weight_scales), "rectified": len(rectified)}
        for name, got, expected in [(k, v, n) for k, v in lengths.items()] + [
            ("activation_scales", len(activation_scales), n + 1)
        ]:
            if got != expected:
                raise ValueError(f"{name}: got {got}; expected {expected}, as there are {n} matrices of weights")
        matrices = [_check_codes(f"weights[{k}]", W, WEIGHT_MAX, (None, None)) for k, W in enumerate(weights)]
        scales = [_check_scale(k, *pair) for k, pair in enumerate(activation_scales)]
        self.layer_sizes = [matrices[0].shape[0], *(W.shape[1] for W in matrices)]
        self.layers = []
        for k, (before, after) in enumerate(pairwise(scales)):
            W = _check_codes(f"weights[{k}]", matrices[k], WEIGHT_MAX, (self.layer_sizes[k], None))
            b = _check_codes(f"biases[{k}]", biases[k], INT32_MAX, W.shape[1:])
            s = _check_weight_scale(k, weight_scales[k], W.shape[1])
            offset = b - before.zero_point * W.sum(axis=0)
            _check_sums_fit(k, W, b)
            m, e = fixed_point(before.scale * s / after.scale)
            clamped = bool(rectified[k])
            self.layers.append(
                IntegerLayer(W.astype(np.int8), offset.astype(np.int32), m, e, after.zero_point, clamped)
            )
        self.input_scale, self.output_scale = scales[0], scales[-1]
        self._loss = get_loss(loss).name

    @property
    def loss_function(self) -> Loss:
        """What the outputs mean."""
        return get_loss(self._loss)

    @classmethod
    def from_network(cls, network: MLP, x_calibration: np.ndarray, per_channel: bool = True) -> Self:
        r"""Return a network in integers: weights rounded to symmetric grids, activations to grids that data calibrate.

        The scale of the weights into a unit is ``max |w| / 127``; that of a layer's activations lets 256 codes span
        what they are on the calibration data, and 0.

        Args:
            network: an ``MLP``, compressed or not, whose hidden layers are ``"relu"`` (or ``"linear"``).
            x_calibration: inputs as in use, (n, n_in): some hundred of the training data. What lies outside of their
                range later is cut off.
            per_channel: whether each unit has a scale of its own for its weights (default), or each matrix one.

        Raises:
            TypeError, ValueError: no MLP, another activation, inputs that do not fit it.

        Example:
            >>> x = np.linspace(0, 1, 20).reshape(10, 2)
            >>> IntegerMLP.from_network(MLP([2, 3, 2]), x, per_channel=False)
            IntegerMLP([2, 3, 2], 57 bytes)
            >>> IntegerMLP.from_network(MLP([2, 3, 2], activation="tanh"), x)
            Traceback (most recent call last):
            ...
            ValueError: network: got the activation 'tanh' in a hidden layer; expected 'relu' or 'linear', which need no
            table in integers
        """
        if not isinstance(network, MLP):
            raise TypeError(f"network: got {describe(network)}; expected an MLP")
        network = decoded(network)
        functions = [function.name for function in network.activation_functions]
        for name in functions:
            if name not in SUPPORTED:
                raise ValueError(
                    f"network: got the activation {name!r} in a hidden layer; expected 'relu' or 'linear', which need "
                    "no table in integers"
                )
        scales = [ActivationScale.of(values) for values in network.activations(x_calibration)]
        weights, biases, weight_scales = [], [], []
        for W, b, before in zip(network.weights, network.biases, scales[:-1], strict=True):
            s = _weight_scale(W, b, before.scale, per_channel)
            weights.append(np.rint(W / s).astype(np.int8))
            biases.append(np.rint(b / (before.scale * s)).astype(np.int32))
            weight_scales.append(s)
        clamped = [name == CLAMPED for name in functions] + [False]
        return cls(weights, biases, weight_scales, scales, clamped, network.loss_function.name)

    def forward_integer(self, codes: np.ndarray) -> np.ndarray:
        """Return the outputs' codes, int8, (n, n_out): there is no floating-point number on the way.

        Args:
            codes: of the inputs, int8, (n, n_in), as from ``input_scale.encode``.

        Raises:
            TypeError, ValueError: another dtype or shape.

        Example:
            >>> integer = IntegerMLP([[[1], [2]]], [[5]], [1.0], [(1.0, 0), (0.5, 0)])
            >>> integer.forward_integer(np.array([[3, 4]], dtype=np.int8))        # (3·1 + 4·2 + 5) / 0.5
            array([[32]], dtype=int8)
        """
        codes = as_array(codes)
        if codes.dtype != np.int8 or codes.ndim != 2 or codes.shape[1] != self.layer_sizes[0]:
            raise ValueError(f"codes: got {describe(codes)}; expected int8 of shape (n, {self.layer_sizes[0]})")
        for layer in self.layers:
            codes = layer(codes)
        return codes

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), float32, (n, n_out): of the 256 values a code can stand for.

        Args:
            x: inputs, (n, n_in).

        Raises:
            TypeError, ValueError: ``x`` is no array of finite numbers, or not of this shape.

        Example:
            >>> IntegerMLP([[[1], [2]]], [[5]], [1.0], [(1.0, 0), (0.5, 0)]).forward(np.array([[3.0, 4.0]]))
            array([[16.]], dtype=float32)
        """
        x = check_array("x", x, shape=(None, self.layer_sizes[0]))
        return self.output_scale.decode(self.forward_integer(self.input_scale.encode(x)))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return class labels, as ``predict`` of an ``MLP``; for regression the outputs.

        Args:
            x: inputs, (n, n_in).

        Example:
            >>> integer = IntegerMLP([[[1, 0], [0, 1]]], [[0, 0]], [1.0], [(1.0, 0), (1.0, 0)])
            >>> integer.predict(np.array([[1.0, 2.0], [2.0, 1.0]]))
            array([1, 0])
        """
        return self.loss_function.predict(self.forward(x))

    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the share of right answers (NaN for regression).

        Args:
            x: inputs, (n, n_in).
            y: targets, as of an ``MLP`` of this loss.

        Example:
            >>> integer = IntegerMLP([[[1, 0], [0, 1]]], [[0, 0]], [1.0], [(1.0, 0), (1.0, 0)])
            >>> integer.accuracy(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([1, 1]))
            0.5
        """
        outputs = self.forward(x)
        targets = self.loss_function.check_targets("y", y, outputs.shape, outputs.dtype)
        return float(np.mean(self.loss_function.is_right(outputs, targets)))

    @property
    def nbytes(self) -> int:
        """The bytes of what inference reads: int8 weights, an int32 offset and five bytes of M a unit.

        (NumPy multiplies a copy of the weights that is four times as large; hardware with int8 products needs none.)
        """
        return sum(layer.nbytes for layer in self.layers)

    def __repr__(self) -> str:
        return f"IntegerMLP({self.layer_sizes}, {self.nbytes:,} bytes)"


def _weight_scale(W: np.ndarray, b: np.ndarray, input_scale: float, per_channel: bool) -> np.ndarray:
    """s₂: the largest weight is 127 steps; and no bias more than 2³⁰ steps of s₁s₂, which matters for tiny weights."""
    largest = np.abs(W).max(axis=0).astype(np.float64) / WEIGHT_MAX
    scale = np.maximum(largest, np.abs(b) / (input_scale * 2.0**30))
    if not per_channel:
        scale = np.full_like(scale, scale.max())
    return np.where(scale > 0, scale, 1.0)


def _check_codes(name: str, value: Any, highest: int, shape: tuple[int | None, ...]) -> np.ndarray:
    """Integers from −highest to highest of a shape, as int64."""
    array = as_array(value)
    check_array(name, array, shape=shape)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: got {describe(array)}; expected integers")
    wide = array.astype(np.int64)
    if np.abs(wide).max() > highest:
        raise ValueError(f"{name}: got {wide.flat[np.abs(wide).argmax()]}; expected integers of at most ±{highest}")
    return wide


def _check_scale(k: int, scale: float, zero_point: int) -> ActivationScale:
    name = f"activation_scales[{k}]"
    zero = check_integer(f"{name}'s zero point", zero_point, low=LOWEST, high=HIGHEST)
    return ActivationScale(check_positive(f"{name}'s scale", scale), zero)


def _check_weight_scale(k: int, scale: Any, fan_out: int) -> np.ndarray:
    name = f"weight_scales[{k}]"
    array = as_array(scale)
    array = np.full(fan_out, array) if array.size == 1 else array
    array = check_array(name, array.astype(np.float64) if array.dtype.kind in "fiu" else array, shape=(fan_out,))
    if array.min() <= 0:
        raise ValueError(f"{name}: got {array.min()}; expected numbers > 0")
    return array


def _check_sums_fit(k: int, W: np.ndarray, b: np.ndarray) -> None:
    """Int32 holds what a sum can become: codes and zero points differ by at most 255."""
    largest = int(np.max(255 * np.abs(W).sum(axis=0) + np.abs(b)))
    if largest > INT32_MAX:
        raise ValueError(
            f"weights[{k}]: got a unit whose sum can reach {largest:,}; expected at most {INT32_MAX:,}, as int32 holds"
        )
