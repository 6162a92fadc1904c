"""Names what is usually behind a wrong result: an opposite sign, a forgotten mean, a transposed matrix.

Each detector looks at one part of the result (a number or an array) over *all* cases, and returns a sentence, or
None. The first that speaks wins, so the order is from the sure to the vague.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from nnopt_utils.course.comparing import close, number


class Slip(NamedTuple):
    """What is off about an answer: what progress calls it, and the sentence for the learner."""

    key: str
    text: str


@dataclass(frozen=True)
class Part:
    """One part of the result in all cases.

    Args:
        label: what to call it, such as "your result[1]".
        got: what came, an array (0-d for a number) a case.
        expected: what was expected.
        lengths: the length of the first array among the arguments, a case; 0 where there is none.
        length_name: the name of that argument.
        rtol: relative tolerance.
        atol: absolute tolerance.
    """

    label: str
    got: Sequence[np.ndarray]
    expected: Sequence[np.ndarray]
    lengths: Sequence[int]
    length_name: str
    rtol: float
    atol: float

    def agrees(self, transform: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray] | None]) -> bool:
        """Tell whether ``transform(got, expected)`` makes a pair of equal arrays in every case."""
        pairs = [transform(g, e) for g, e in zip(self.got, self.expected, strict=True)]
        return all(pair is not None and close(pair[0], pair[1], self.rtol, self.atol) for pair in pairs)

    @property
    def same_shapes(self) -> bool:
        return all(g.shape == e.shape for g, e in zip(self.got, self.expected, strict=True))


def diagnose(part: Part) -> Slip | None:
    """Return what is wrong with this part in all cases, or None if nothing typical is."""
    if any(array.dtype.kind in "bc" for array in [*part.got, *part.expected]):
        return None
    detectors = SHAPE_DETECTORS if not part.same_shapes else VALUE_DETECTORS
    for detect in detectors:
        with np.errstate(all="ignore"):
            sentence = detect(part)
        if sentence:
            return Slip(detect.__name__, sentence[0].upper() + sentence[1:])
    return None


def transposed(part: Part) -> str | None:
    if any(g.ndim == 2 for g in part.got) and part.agrees(lambda g, e: (g.T, e)):
        return f"{part.label} is transposed: rows and columns are swapped."
    return None


def broadcast(part: Part) -> str | None:
    def is_table(got: np.ndarray, expected: np.ndarray) -> bool:
        n = expected.size
        return got.shape == (n, n) and expected.shape in ((n,), (n, 1), (1, n))

    if not all(is_table(g, e) for g, e in zip(part.got, part.expected, strict=True)):
        return None
    n = part.expected[0].size
    return (
        f"{part.label} has shape {part.got[0].shape} where {part.expected[0].shape} is expected: somewhere NumPy "
        f"combined shapes ({n},) and ({n}, 1) into a table of all pairs. Give both the same shape."
    )


def other_shape(part: Part) -> str | None:
    if part.agrees(lambda g, e: (g.ravel(), e.ravel()) if g.size == e.size else None):
        got, expected = next((g, e) for g, e in zip(part.got, part.expected, strict=True) if g.shape != e.shape)
        if got.ndim == expected.ndim == 2 and 1 not in expected.shape:
            # The same numbers one after the other, but a row is no longer what it was.
            return (
                f"{part.label} has shape {got.shape}, filled row by row; shape {expected.shape} is expected, and then "
                "other numbers stand in a row."
            )
        return f"{part.label} holds the right numbers in shape {got.shape}; shape {expected.shape} is expected."
    return None


def not_reduced(part: Part) -> str | None:
    if not all(e.ndim == 0 and g.ndim > 0 for g, e in zip(part.got, part.expected, strict=True)):
        return None
    for name, reduce in (("mean", np.mean), ("sum", np.sum)):
        if part.agrees(lambda g, e, reduce=reduce: (np.asarray(reduce(g)), e)):  # type: ignore[misc]
            return f"{part.label} has one value an entry; one number is expected, their {name}."
    return None


def not_finite(part: Part) -> str | None:
    for got, expected in zip(part.got, part.expected, strict=True):
        if np.all(np.isfinite(got)) or not np.all(np.isfinite(expected)):
            continue
        bad = ~np.isfinite(got)
        nan = np.isnan(got[bad][0])
        what = "NaN (not a number)" if nan else "infinite"
        where = ""
        if got.ndim:
            index = [int(i) for i in np.argwhere(bad)[0]]
            where = f" in {int(bad.sum())} of {got.size} entries, first at index {index}"
        undefined = "0 / 0, ∞ − ∞ (after an overflow of exp), or the root or logarithm of a negative number"
        causes = undefined if nan else "a division by 0, the logarithm of 0, or exp of a large number"
        return f"{part.label} is {what}{where}. Look for {causes}."
    return None


def zero(part: Part) -> str | None:
    # A tiny number is not zero: a speed upside down is.
    if all(not np.any(g) for g in part.got):
        return f"{part.label} is zero everywhere, which is not expected."
    return None


def opposite_sign(part: Part) -> str | None:
    if part.agrees(lambda g, e: (-g, e)):
        return f"{part.label} has the opposite sign everywhere; its size is right."
    return None


def length_factor(part: Part) -> str | None:
    if not part.lengths or min(part.lengths) < 1 or max(part.lengths) < 2:
        return None
    where = f"where n is the length of `{part.length_name}`"
    lengths = iter(part.lengths)
    if part.agrees(lambda g, e: (g, e * next(lengths))):
        return f"{part.label} is n times too large, {where}: a sum where the mean is expected."
    lengths = iter(part.lengths)
    if part.agrees(lambda g, e: (g * next(lengths), e)):
        return f"{part.label} is n times too small, {where}: a mean where the sum is expected, or divided by n twice."
    return None


def constant_factor(part: Part) -> str | None:
    got = np.concatenate([g.ravel() for g in part.got]).astype(float)
    expected = np.concatenate([e.ravel() for e in part.expected]).astype(float)
    # One number is always some factor away from another: that says nothing.
    if np.count_nonzero(expected) < 2 or not np.all(np.isfinite(expected)):
        return None
    factor = float(got @ expected / (expected @ expected))
    # An extreme factor is none: within the absolute tolerance, all tiny numbers agree.
    if not 1e-6 < abs(factor) < 1e6 or not part.agrees(lambda g, e: (g, e * factor)):
        return None
    return f"{part.label} is off by a constant factor: it is {factor_text(factor)} times what is expected."


def constant_offset(part: Part) -> str | None:
    differences = np.concatenate([(g - e).ravel() for g, e in zip(part.got, part.expected, strict=True)])
    offset = float(np.mean(differences))
    if differences.size < 2 or not part.agrees(lambda g, e: (g, e + offset)):
        return None
    side = "large" if offset > 0 else "small"
    return f"{part.label} is off by the same amount everywhere: it is {number(abs(offset))} too {side}."


def squared(part: Part) -> str | None:
    if part.agrees(lambda g, e: (g, e**2)):
        return f"{part.label} is the square of what is expected."
    if part.agrees(lambda g, e: (g**2, e) if np.all(g >= 0) else None):
        return f"{part.label} is the square root of what is expected."
    return None


def reciprocal(part: Part) -> str | None:
    if all(np.all(g != 0) for g in part.got) and part.agrees(lambda g, e: (1 / g, e)):
        return f"{part.label} is upside down: it is 1 divided by what is expected."
    return None


def reversed_order(part: Part) -> str | None:
    if all(g.ndim for g in part.got) and part.agrees(lambda g, e: (g[::-1], e)):
        return f"{part.label} has the right entries in the opposite order."
    return None


def whole_numbers(part: Part) -> str | None:
    expects_fractions = any(np.any(e != np.round(e)) for e in part.expected)
    if not expects_fractions or not all(g.dtype.kind in "iu" for g in part.got):
        return None
    if not any(part.agrees(lambda g, e, cut=cut: (g, cut(e))) for cut in (np.trunc, np.floor, np.round)):  # type: ignore[misc]
        return None
    causes = "np.zeros_like of integers, int() and // cut off the digits"
    return f"{part.label} holds whole numbers where real ones are expected: {causes}."


def low_precision(part: Part) -> str | None:
    single = any(g.dtype in (np.float16, np.float32) for g in part.got)
    if single and close_enough(part, 1e-2 if any(g.dtype == np.float16 for g in part.got) else 1e-4):
        return f"{part.label} is right but for rounding: it has dtype {part.got[0].dtype}. Calculate in float64."
    if close_enough(part, 1e-5):
        return f"{part.label} is right to five digits: was something rounded, or calculated in float32?"
    return None


def close_enough(part: Part, rtol: float) -> bool:
    scale = max(float(np.max(np.abs(e), initial=0.0)) for e in part.expected)
    return all(close(g, e, rtol, rtol * scale) for g, e in zip(part.got, part.expected, strict=True))


def factor_text(factor: float) -> str:
    """Return a factor as a small fraction where it is one.

    >>> factor_text(0.5), factor_text(2.0), factor_text(-1 / 3), factor_text(0.1234)
    ('1/2', '2', '-1/3', '0.1234')
    """
    nearest = Fraction(factor).limit_denominator(64)
    if nearest != 0 and math.isclose(float(nearest), factor, rel_tol=1e-6):
        return str(nearest)
    return number(factor)


Detector = Callable[[Part], str | None]
SHAPE_DETECTORS: tuple[Detector, ...] = (transposed, not_reduced, other_shape, broadcast)
VALUE_DETECTORS: tuple[Detector, ...] = (
    not_finite,
    transposed,
    zero,
    opposite_sign,
    low_precision,
    reciprocal,
    length_factor,
    constant_factor,
    constant_offset,
    squared,
    reversed_order,
    whole_numbers,
)
