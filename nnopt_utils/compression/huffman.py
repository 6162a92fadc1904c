"""Canonical Huffman codes: short words for frequent symbols."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from nnopt_utils._validation import as_array, check_array, check_integer, describe

LONGEST = 15  # bits of a word: a length then fits four bits
MOST_BITS = 16  # for which the decoder's table, of 2^16 entries, is still small


def entropy(counts: Any) -> float:
    r"""Return the entropy of symbols with these counts, in bits a symbol.

    With p the share that each symbol has in all of them,

    .. math:: H = -\sum_i p_i \frac{\ln p_i}{\ln 2}

    No code that gives each symbol a word of its own needs fewer bits a symbol, on average, for these counts.

    Args:
        counts: how often each symbol occurs, numbers >= 0; at least one above.

    Raises:
        TypeError, ValueError: other numbers.

    Example:
        >>> entropy([2, 1, 1])
        1.5

    Source: C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948.
    """
    p = _counts(counts) / np.sum(counts)
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum()) + 0.0  # no −0


def code_lengths(counts: Any, longest: int = LONGEST) -> np.ndarray:
    """Return the number of bits of each symbol's word: an optimal code whose words have at most ``longest`` bits.

    Without the limit this is Huffman's code. It is found by package-merge: of the cheapest coins of face values ½, ¼, …
    that pay for n − 1, a symbol's word is as long as the number of its coins.

    Args:
        counts: how often each symbol occurs, integers >= 0; at least one above.
        longest: from 1 to 16; default 15.

    Returns:
        Integers, 0 for a symbol that does not occur. A symbol that is alone gets one bit.

    Raises:
        TypeError, ValueError: other counts; more symbols than words of so few bits.

    Example:
        >>> code_lengths([5, 2, 1, 1, 0]).tolist()
        [1, 2, 3, 3, 0]

    Source: D. A. Huffman, "A method for the construction of minimum-redundancy codes", Proceedings of the IRE 40, 1952;
    L. L. Larmore, D. S. Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", JACM 37, 1990.
    """
    numbers = _counts(counts)
    check_integer("longest", longest, low=1, high=MOST_BITS)
    present = np.flatnonzero(numbers)
    if len(present) > 2**longest:
        raise ValueError(f"longest: got {longest}; expected more, for {len(present):,} symbols")
    lengths = np.zeros(len(numbers), np.int64)
    if len(present) == 1:
        lengths[present] = 1
        return lengths
    coins = sorted(((float(numbers[i]), (int(i),)) for i in present), key=lambda coin: coin[0])
    row: list[tuple[float, tuple[int, ...]]] = []
    for _ in range(longest):
        packages = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[0::2], row[1::2], strict=False)]
        row = sorted(coins + packages, key=lambda coin: coin[0])
    for _, symbols in row[: 2 * len(present) - 2]:
        np.add.at(lengths, list(symbols), 1)
    return lengths


def canonical_codes(lengths: Any) -> np.ndarray:
    """Return the words of a canonical code: counted upwards, shorter ones first, then by symbol.

    Args:
        lengths: bits of each symbol's word, 0 for none.

    Raises:
        TypeError, ValueError: lengths that no code has, or that leave words over; see :func:`check_lengths`.

    Example:
        >>> [f"{word:0{bits}b}" for word, bits in zip(canonical_codes([1, 2, 3, 3]), [1, 2, 3, 3])]
        ['0', '10', '110', '111']

    Source: E. S. Schwartz, B. Kallick, "Generating a canonical prefix encoding", Communications of the ACM 7, 1964; as
    in RFC 1951, section 3.2.2.
    """
    bits = check_lengths(lengths)
    order = np.lexsort((np.arange(len(bits)), bits))
    order = order[bits[order] > 0]
    words, word, before = np.zeros(len(bits), np.int64), 0, int(bits[order[0]])
    for symbol in order:
        word <<= int(bits[symbol]) - before
        before = int(bits[symbol])
        words[symbol] = word
        word += 1
    return words


def check_lengths(lengths: Any) -> np.ndarray:
    """Return lengths of words as integers, if they are those of a code without gaps: their 2^−n add up to 1.

    One symbol alone has one bit.

    Args:
        lengths: bits of each symbol's word, 0 for none, at most 16.

    Raises:
        TypeError, ValueError: others.

    Example:
        >>> check_lengths([1, 1, 1])
        Traceback (most recent call last):
        ...
        ValueError: lengths: got words whose 2^−n add up to 1.5; expected 1

    Source: L. G. Kraft's inequality; see :func:`canonical_codes`.
    """
    bits = as_array(lengths)
    if bits.ndim != 1 or bits.dtype.kind not in "iu" or not bits.size:
        raise TypeError(f"lengths: got {describe(lengths)}; expected a list of integers")
    bits = bits.astype(np.int64)
    if bits.min() < 0 or bits.max() > MOST_BITS:
        raise ValueError(f"lengths: got {bits.min()} to {bits.max()}; expected 0 to {MOST_BITS}")
    used = bits[bits > 0]
    if len(used) == 1 and used[0] == 1:
        return bits
    kraft = float(np.sum(0.5**used))
    if kraft != 1:
        raise ValueError(f"lengths: got words whose 2^−n add up to {kraft:g}; expected 1")
    return bits


def huffman_encode(symbols: Any, lengths: Any) -> bytes:
    """Return the words of some symbols one after the other, filled up with zeros to a whole byte.

    Args:
        symbols: integers from 0, each with a word.
        lengths: bits of each symbol's word, from :func:`code_lengths`.

    Raises:
        TypeError, ValueError: a symbol without a word; bad lengths.

    Example:
        >>> huffman_encode([0, 0, 1, 3], [1, 2, 3, 3]).hex()      # 0 0 10 111 0
        '2e'
    """
    bits, words = check_lengths(lengths), canonical_codes(lengths)
    array = _symbols(symbols, len(bits))
    sizes = bits[array]
    if not sizes.all():
        raise ValueError(f"symbols: got {array[sizes == 0][0]}, which has no word; expected symbols of this code")
    still_to_come = np.repeat(np.cumsum(sizes), sizes)  # of its word's bits, for each bit of the stream
    still_to_come -= np.arange(1, len(still_to_come) + 1)
    stream = np.repeat(words[array], sizes) >> still_to_come & 1
    return np.packbits(stream.astype(np.uint8)).tobytes()


def huffman_decode(data: bytes, lengths: Any, n: int) -> np.ndarray:
    """Return the first n symbols of what :func:`huffman_encode` made.

    At every bit the word that would begin there is looked up, for all bits at once; then the words are followed.

    Args:
        data: bytes.
        lengths: as for encoding.
        n: how many symbols, at most eight times the bytes.

    Raises:
        TypeError, ValueError: bad lengths; fewer symbols in the data than n; bits left over, other than the zeros that
            fill the last byte.

    Example:
        >>> huffman_decode(bytes.fromhex("2e"), [1, 2, 3, 3], 4).tolist()
        [0, 0, 1, 3]
    """
    bits = check_lengths(lengths)
    check_integer("n", n, low=0)
    if n > 8 * len(data):
        raise ValueError(f"n: got {n:,}; expected at most {8 * len(data):,}, one symbol a bit of the data")
    symbol_of, length_of = _table(bits)
    windows = _windows(data, int(bits.max()))
    lengths = length_of[windows].tobytes()  # of bytes Python reads an entry fastest
    places, place, end = array("q", bytes(8 * n)), 0, len(lengths)
    for i in range(n):
        if place >= end:
            raise ValueError(f"data: got {len(data):,} bytes with {i:,} symbols; expected {n:,}")
        places[i] = place
        place += lengths[place]
    fill = end - place
    if not 0 <= fill < 8 or (fill and data[-1] % 2**fill):
        raise ValueError(f"data: got {len(data):,} bytes; expected those of {n:,} symbols and no more")
    symbols = symbol_of[windows[np.frombuffer(places, np.int64)]]
    if n and symbols.min() < 0:
        raise ValueError("data: got a word that this code does not have")
    return symbols


def _table(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each window of bits, as many as the longest word has: the symbol whose word it begins with, and its length.

    −1 and 1 for no word.
    """
    width = int(bits.max())
    words = canonical_codes(bits)
    symbols, lengths = np.full(2**width, -1, np.int32), np.ones(2**width, np.uint8)
    for symbol in np.flatnonzero(bits):
        free = width - int(bits[symbol])
        first = int(words[symbol]) << free
        symbols[first : first + 2**free] = symbol
        lengths[first : first + 2**free] = bits[symbol]
    return symbols, lengths


def _windows(data: bytes, width: int) -> np.ndarray:
    """The bits that follow each bit of the data, it included, as a number; zeros follow the end.

    With up to seven bits before it, a window of 16 lies in three bytes.
    """
    padded = np.frombuffer(bytes(data) + bytes(2), np.uint8).astype(np.uint32)
    three = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
    shifts = np.arange(24 - width, 16 - width, -1, dtype=np.uint32)
    return np.ravel((three[:, None] >> shifts) & np.uint32(2**width - 1))


def _counts(counts: Any) -> np.ndarray:
    numbers = check_array("counts", counts, ndim=1)
    if numbers.min() < 0 or numbers.max() == 0:
        raise ValueError(f"counts: got {numbers.min():g} to {numbers.max():g}; expected numbers >= 0, one above")
    return numbers


def _symbols(symbols: Any, n: int) -> np.ndarray:
    array = np.asarray(symbols)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise TypeError(f"symbols: got {describe(symbols)}; expected a list of integers")
    if array.size and (array.min() < 0 or array.max() >= n):
        raise ValueError(f"symbols: got {array.min()} to {array.max()}; expected 0 to {n - 1}")
    return array.astype(np.int64)
