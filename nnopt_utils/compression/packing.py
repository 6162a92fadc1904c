"""Bytes: numbers of any length, codes of a few bits, Huffman's streams with their tables; and a careful reader."""

from __future__ import annotations

import numpy as np

from nnopt_utils.compression.huffman import LONGEST, check_lengths, code_lengths, huffman_decode, huffman_encode

MOST_SYMBOLS = 4096  # of a Huffman table


class FormatError(ValueError):
    """A file of a compressed network that is damaged, cut off, of another version or not one at all.

    Example:
        >>> from nnopt_utils.compression import from_bytes
        >>> from_bytes(b"hello, world")
        Traceback (most recent call last):
        ...
        nnopt_utils.compression.packing.FormatError: bytes: got b'hello'; expected a file that begins with b'NNOPT'
    """


class Reader:
    """Bytes that are read from front to back, and never beyond the end.

    >>> reader = Reader(bytes([130, 1, 7]))
    >>> reader.number(), reader.rest
    (130, 1)
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    @property
    def rest(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.place

    def take(self, n: int) -> bytes:
        """The next n bytes."""
        if n > self.rest:
            raise FormatError(f"got {self.rest:,} bytes where {n:,} are announced")
        self.place += n
        return self.data[self.place - n : self.place]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """A number of any length: seven bits a byte, the low ones first, the high bit where more follow."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise FormatError("got a number of more than nine bytes")

    def array(self, dtype: str, n: int) -> np.ndarray:
        """The next n numbers of a type, as a new array."""
        kind = np.dtype(dtype)
        return np.frombuffer(self.take(n * kind.itemsize), kind).astype(kind.newbyteorder("="))


def number_bytes(value: int) -> bytes:
    """A number of any length, as :meth:`Reader.number` reads it.

    >>> list(number_bytes(130))
    [130, 1]
    """
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def pack(codes: np.ndarray, bits: int) -> bytes:
    """Codes of up to 16 bits one after the other, the high bit first.

    >>> pack(np.array([1, 2, 3]), 2).hex()      # 01 10 11 00
    '6c'
    """
    stream = np.empty((len(codes), bits), np.uint8)
    for place in range(bits):
        stream[:, place] = codes >> (bits - 1 - place) & 1
    return np.packbits(stream).tobytes()


def unpack(data: bytes, bits: int, n: int) -> np.ndarray:
    """The codes that :func:`pack` was given; the bits that fill the last byte have to be zero.

    >>> unpack(bytes.fromhex("6c"), 2, 3).tolist()
    [1, 2, 3]
    """
    stream = np.unpackbits(np.frombuffer(data, np.uint8))
    if stream[n * bits :].any():
        raise FormatError("got bits after the last code")
    codes = np.zeros(n, np.uint16)
    for place in range(bits):
        codes <<= 1
        codes |= stream[place : n * bits : bits]
    return codes


def huffman_bytes(symbols: np.ndarray) -> bytes:
    """Symbols in Huffman's code: how many words the table has, their lengths (four bits each), bytes, the words.

    >>> huffman_bytes(np.array([0, 0, 1, 0])).hex()      # 2 words, of 1 and 1 bit; 1 byte, 0010 0000
    '02110120'
    """
    lengths = code_lengths(np.bincount(symbols), LONGEST)
    words = huffman_encode(symbols, lengths)
    return number_bytes(len(lengths)) + pack(lengths, 4) + number_bytes(len(words)) + words


def read_huffman(reader: Reader, n: int) -> np.ndarray:
    """The n symbols that :func:`huffman_bytes` was given.

    >>> read_huffman(Reader(bytes.fromhex("02110120")), 4).tolist()
    [0, 0, 1, 0]
    """
    n_words = reader.number()
    if not 0 < n_words <= MOST_SYMBOLS:
        raise FormatError(f"got a code table of {n_words:,} symbols; expected 1 to {MOST_SYMBOLS:,}")
    lengths = unpack(reader.take(-(-n_words // 2)), 4, n_words)
    words = reader.take(reader.number())
    try:
        return huffman_decode(words, check_lengths(lengths), n)
    except (TypeError, ValueError) as error:
        raise FormatError(str(error)) from None
