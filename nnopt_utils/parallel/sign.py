"""Signs: one bit an entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.optimizers import NonFiniteGradientError
from nnopt_utils.parallel.compressors import Compressor, Message, check_flag, check_vector


class SignCompressor(Compressor):
    r"""Send the signs, eight in a byte, and one scale for all: the mean size of the entries.

    .. math::

        C(x) = \frac{\lVert x \rVert_1}{d} \operatorname{sign}(x) \\
        \lVert x - C(x) \rVert^2 = \lVert x \rVert^2 - \frac{\lVert x \rVert_1^2}{d}

    The more equal the entries, the less is lost. A message has ⌈d/8⌉ bytes and the scale, 4 bytes in float32: a
    thirty-second. Messages cannot be added on the way, and a worker sends P − 1. A bit knows no zero: an entry that is
    zero is sent as positive.

    Args:
        scaled: send the scale; default True. Without, C(x) = sign(x), as in signSGD: entries then count by their sign
            alone, and a gradient descent can fail for ever (:func:`compressed_descent`).
        error_feedback: remember what is not sent; default False. It needs the scale: errors of ±1 would not shrink with
            the gradient.

    Raises:
        TypeError, ValueError: no bool; error feedback without the scale.
        NonFiniteGradientError: without the scale, when a vector holds NaN or infinity, which no sign can say.

    Example:
        >>> signs = SignCompressor()
        >>> message = signs.compress(np.array([3.0, -1.0, 0.0, 8.0]))
        >>> message.arrays
        (array([176], dtype=uint8), array([3.]))
        >>> signs.decompress(message, size=4, dtype=np.float64)
        array([ 3., -3.,  3.,  3.])

    Source: S. P. Karimireddy, Q. Rebjock, S. U. Stich, M. Jaggi, "Error feedback fixes SignSGD and other gradient
    compression schemes", ICML 2019; without scale: J. Bernstein, Y.-X. Wang, K. Azizzadenesheli, A. Anandkumar,
    "signSGD: Compressed optimisation for non-convex problems", ICML 2018.

    Warning:
        In signSGD with majority vote the workers' signs are counted and everyone gets the sign of the count; ``mean``
        returns their mean.
    """

    def __init__(self, *, scaled: bool = True, error_feedback: bool = False) -> None:
        super().__init__(error_feedback=error_feedback)
        self.scaled = check_flag("scaled", scaled)
        if self.error_feedback and not self.scaled:
            raise ValueError("error_feedback: got True with scaled=False; expected a scale: errors of ±1 do not shrink")

    def compress(self, vector: np.ndarray) -> Message:
        vector = check_vector("vector", vector)
        bits = np.packbits(vector >= 0)
        if self.scaled:
            return Message((bits, np.abs(vector).mean(keepdims=True)))
        if not np.isfinite(vector).all():
            raise NonFiniteGradientError("vector: got NaN or infinity, of which a sign says nothing; expected numbers")
        return Message((bits,))

    def decompress(self, message: Message, size: int, dtype: Any) -> np.ndarray:
        bits, *scale = message.arrays
        signs = np.where(np.unpackbits(bits, count=size), 1.0, -1.0).astype(dtype)
        return signs * scale[0] if scale else signs
