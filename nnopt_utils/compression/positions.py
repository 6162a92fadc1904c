"""Where the stored entries of a tensor lie, in as few bytes as one of three ways takes."""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils.compression.packing import FormatError, Reader, huffman_bytes, number_bytes, read_huffman
from nnopt_utils.compression.sparse_indices import gaps_from, kept_from

ALL, BITMAP, GAPS = 0, 1, 2
FILLERS = (15, 31, 63, 127, 255)
ENTRIES_A_BYTE = 8 * max(FILLERS)  # the most that gaps can pass over


def gap_bytes(kept: np.ndarray) -> bytes:
    """The filler, how many gaps, and the gaps in Huffman's code; of five fillers that with the fewest bytes.

    >>> len(gap_bytes(np.arange(1000) % 10 == 0))      # 101 gaps, of which 100 are 9: a bit each
    22
    """
    ways = []
    for longest in FILLERS:
        gaps = gaps_from(kept, longest)
        ways.append(bytes([longest]) + number_bytes(len(gaps)) + huffman_bytes(gaps))
    return min(ways, key=len)


def position_bytes(kept: np.ndarray | None) -> tuple[int, bytes]:
    """The way of a mask, and its bytes: nothing where all entries are kept.

    >>> position_bytes(None), position_bytes(np.array([True, False, True]))
    ((0, b''), (1, b'\\xa0'))
    """
    if kept is None:
        return ALL, b""
    ways = {BITMAP: np.packbits(kept.ravel()).tobytes(), GAPS: gap_bytes(kept)}
    return min(ways.items(), key=lambda way: len(way[1]))


def read_positions(reader: Reader, way: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """The mask that :func:`position_bytes` was given.

    >>> read_positions(Reader(bytes([0xA0])), 1, (3,))
    array([ True, False,  True])
    """
    n = math.prod(shape)
    if way == ALL:
        return None
    if way == BITMAP:
        stream = np.unpackbits(np.frombuffer(reader.take(-(-n // 8)), np.uint8)).astype(bool)
        if stream[n:].any():
            raise FormatError("got bits after the last entry of a bitmap")
        return stream[:n].reshape(shape)
    if way != GAPS:
        raise FormatError(f"got {way} as the way of positions; expected 0, 1 or 2")
    longest = reader.byte()
    if longest not in FILLERS:
        raise FormatError(f"got a filler of {longest}; expected one of {FILLERS}")
    n_gaps = reader.number()
    if n > ENTRIES_A_BYTE * reader.rest or n_gaps > 8 * reader.rest:
        raise FormatError(f"got {n_gaps:,} gaps for {n:,} entries in {reader.rest:,} bytes; expected more bytes")
    try:
        return kept_from(read_huffman(reader, n_gaps), longest, n).reshape(shape)
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
