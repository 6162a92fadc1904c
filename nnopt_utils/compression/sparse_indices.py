"""Where the entries lie that are not zero: the gaps between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer, describe


def gaps_from(kept: Any, longest: int = 255) -> np.ndarray:
    """Return the distances between kept entries, as symbols from 0 to ``longest``.

    Symbol g below ``longest`` says: pass over g entries, and the next one is kept. The symbol ``longest`` is a filler:
    pass over ``longest`` entries, none is kept. After the last kept entry come the symbols of an imagined one behind
    the end, so that the symbols tell how many entries there are.

    Args:
        kept: True for the entries that stay; of any shape, read row by row. It may keep none.
        longest: the filler, from 1; default 255.

    Raises:
        TypeError, ValueError: no array of booleans; a bad filler.

    Example:
        >>> gaps_from(np.array([True, False, False, True, False, False, False, False, False]), longest=4).tolist()
        [0, 2, 4, 1]

    Warning:
        In Deep Compression a filler is a stored weight of value zero, with a gap of its own like any other.

    Source: S. Han, H. Mao, W. J. Dally, "Deep compression", ICLR 2016, section 2.
    """
    mask = np.asarray(kept)
    if mask.dtype != bool:
        raise TypeError(f"kept: got {describe(mask)}; expected an array of booleans, True for what stays")
    check_integer("longest", longest, low=1)
    places = np.concatenate([np.flatnonzero(mask), [mask.size]])
    between = np.diff(places, prepend=-1) - 1
    fillers, rest = np.divmod(between, longest)
    ends = np.cumsum(fillers + 1)
    symbols = np.full(int(ends[-1]), longest, np.int64)
    symbols[ends - 1] = rest
    return symbols


def kept_from(gaps: Any, longest: int, n: int) -> np.ndarray:
    """Return the mask of n entries that :func:`gaps_from` was given, one-dimensional.

    Args:
        gaps: its symbols.
        longest: the filler.
        n: how many entries.

    Raises:
        TypeError, ValueError: symbols that are none, or do not end behind the last of n entries.

    Example:
        >>> kept_from([0, 2, 4, 1], longest=4, n=9).astype(int).tolist()
        [1, 0, 0, 1, 0, 0, 0, 0, 0]
    """
    symbols = np.asarray(gaps)
    check_integer("longest", longest, low=1)
    check_integer("n", n, low=0)
    if symbols.ndim != 1 or symbols.dtype.kind not in "iu" or not symbols.size:
        raise TypeError(f"gaps: got {describe(gaps)}; expected a list of integers")
    if symbols.min() < 0 or symbols.max() > longest:
        raise ValueError(f"gaps: got {symbols.min()} to {symbols.max()}; expected 0 to {longest}")
    symbols = symbols.astype(np.int64)
    is_kept = symbols < longest
    places = np.cumsum(symbols + is_kept) - 1
    if not is_kept[-1] or places[-1] != n:
        raise ValueError(f"gaps: got {len(symbols):,} that lead to entry {places[-1]:,}; expected one behind {n:,}")
    mask = np.zeros(n, bool)
    mask[places[is_kept][:-1]] = True
    return mask
