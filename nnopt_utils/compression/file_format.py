"""The file of a compressed network: every byte of it, written and read. `docs/file_format.md` has the layout."""

from __future__ import annotations

import math
import os
import secrets
import shutil
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.compression._chosen import check_network
from nnopt_utils.compression.forms import Dense, Form, Stored
from nnopt_utils.compression.grids import Grid
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.compression.packing import (
    MOST_SYMBOLS,
    FormatError,
    Reader,
    huffman_bytes,
    number_bytes,
    pack,
    read_huffman,
    unpack,
)
from nnopt_utils.compression.positions import ENTRIES_A_BYTE, position_bytes, read_positions
from nnopt_utils.compression.quantized import Quantized
from nnopt_utils.compression.sharing import Shared
from nnopt_utils.networks import MLP

MAGIC, VERSION = b"NNOPT", 1
# Names by their numbers in the file: only ever added to, at the end.
ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "softplus")
LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "half_mse", "mae", "huber")
DTYPES = ("float32", "float64")
KINDS = ("float", "codebook", "grid")
RAW, PACKED, HUFFMAN = 0, 1, 2
MOST_LAYERS = 1000
MOST_LEVELS = 65536  # codes of 16 bits


def save_compressed(network: MLP, path: str | os.PathLike[str]) -> int:
    """Write a network into a file, in few bytes, and return how many.

    What is written of a tensor says its form: floats, codes and a codebook, codes and scales; and, with a mask, where
    the stored entries lie. Positions and codes are in Huffman's code where that is smaller. Numbers behind a grid, and
    how an optimizer stood, are not kept. The layout is that of ``docs/file_format.md``.

    The file is written beside its place and then put there, so an interrupted writing leaves an old file as it was. It
    may be read by whom any new file may, or as the old one; of a symbolic link, what it leads to is replaced.

    Args:
        network: an ``MLP``, compressed or not.
        path: where to.

    Returns:
        The number of bytes.

    Raises:
        TypeError, ValueError: no MLP; one with an activation or loss that is not the library's own, with more than
            1,000 layers, or with numbers that are not finite; no path.
        OSError: the file, or another in its folder, cannot be written.

    Example:
        >>> import tempfile
        >>> from nnopt_utils.compression import prune, share_weights
        >>> network = share_weights(prune(MLP([784, 30, 10], seed=0), 0.9), clusters=16)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = save_compressed(network, folder + "/small.nnopt")
        ...     again = load_compressed(folder + "/small.nnopt")
        >>> 4 * network.n_weights, written < 3000
        (95440, True)
        >>> bool((again.weights[0] == network.weights[0]).all())
        True

    Warning:
        A checksum finds accidents. It is no signature: whoever can write the file can write the checksum.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: got {describe(path)}; expected a string or a path")
    data, place = to_bytes(network), Path(os.path.realpath(path))
    if place.exists() and not place.is_file():  # a folder, or a device, which must not be replaced
        raise OSError(f"path: got {os.fspath(path)!r}, which is no file; expected the name of a file")
    beside = place.with_name(f".nnopt.{secrets.token_hex(8)}.part")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, beside)
        os.replace(beside, place)
    finally:
        beside.unlink(missing_ok=True)
    return len(data)


def load_compressed(path: str | os.PathLike[str]) -> MLP:
    """Read a network that :func:`save_compressed` wrote.

    Args:
        path: of the file.

    Returns:
        A ``CompressedMLP`` of the same forms, whose weights have the same bits; an ``MLP`` if all tensors were dense.

    Raises:
        FormatError: the file is damaged, cut off, of another version, or no such file. What it announces is compared
            with its length before memory is taken.
        TypeError: no path.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = save_compressed(MLP([2, 3, 1], loss="mse"), folder + "/small.nnopt")
        ...     load_compressed(folder + "/small.nnopt").layer_sizes
        [2, 3, 1]
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: got {describe(path)}; expected a string or a path")
    return _read(Path(path).read_bytes(), os.fspath(path))


def to_bytes(network: MLP) -> bytes:
    """Return what :func:`save_compressed` would write.

    Args:
        network: an ``MLP``, compressed or not.

    Raises:
        TypeError, ValueError: as :func:`save_compressed`.

    Example:
        >>> len(to_bytes(MLP([784, 64, 64, 10])))      # 220,200 for the numbers, 34 for the rest
        220234
    """
    return b"".join(part for _, _, part in file_parts(network))


def from_bytes(data: bytes) -> MLP:
    """Return the network that :func:`to_bytes` was given.

    Args:
        data: bytes.

    Raises:
        TypeError, FormatError: no bytes; no network.

    Example:
        >>> from_bytes(to_bytes(MLP([2, 3, 1], loss="mse"))).layer_sizes
        [2, 3, 1]
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data: got {describe(data)}; expected bytes")
    return _read(bytes(data), "bytes")


# -- writing ---------------------------------------------------------------------------------------------------------


def file_parts(network: MLP) -> list[tuple[str, str, bytes]]:
    """Return the file in pieces: the tensor's name (or ``""``), the part, and its bytes.

    Args:
        network: an ``MLP``, compressed or not.

    Raises:
        TypeError, ValueError: as :func:`save_compressed`.

    Example:
        >>> [(name, part, len(piece)) for name, part, piece in file_parts(MLP([2, 1], loss="mse"))][:3]
        [('', 'header', 23), ('weights[0]', 'header', 1), ('weights[0]', 'values', 8)]
    """
    compressed = CompressedMLP(check_network(network))
    body = [("", "header", _architecture(compressed))]
    for name, form in compressed.forms.items():
        stored = form.stored(compressed.free(name))
        _check_readable(name, stored, compressed.dtype)
        body += [(name, part, piece) for part, piece in _tensor(stored, compressed.dtype) if piece]
    checksum = zlib.crc32(b"".join(piece for _, _, piece in body))
    start = MAGIC + bytes([VERSION]) + struct.pack("<I", checksum)
    return [("", "header", start + body[0][2]), *body[1:]]


def _check_readable(name: str, stored: Stored, dtype: np.dtype) -> None:
    """Raise if these numbers would be refused when they are read."""
    _index("kind of values", stored.kind, KINDS)
    n = math.prod(stored.shape) if stored.kept is None else int(stored.kept.sum())
    if stored.values.shape != (n,):
        raise ValueError(f"network: {name} has {describe(stored.values)} to store; expected a vector of {n:,}")
    try:
        _form(stored, dtype)
    except ValueError as error:
        raise ValueError(f"network: {name} cannot be stored: {error}") from None


def _architecture(network: MLP) -> bytes:
    if len(network.layer_sizes) > MOST_LAYERS + 1:
        raise ValueError(f"network: got {len(network.layer_sizes) - 1:,} layers; expected at most {MOST_LAYERS:,}")
    sizes = b"".join(map(number_bytes, [len(network.layer_sizes), *network.layer_sizes]))
    names = [activation.name for activation in network.activation_functions]
    numbers = [_index("activation", name, ACTIVATIONS) for name in names]
    numbers += [_index("loss", network.loss_function.name, LOSSES), DTYPES.index(network.dtype.name)]
    return sizes + bytes(numbers) + struct.pack("<d", network.l2)


def _index(what: str, name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ValueError(f"network: got the {what} {name!r}; expected one that the file format knows: {names}")
    return names.index(name)


def _tensor(stored: Stored, dtype: np.dtype) -> list[tuple[str, bytes]]:
    """The parts of a tensor's record."""
    way, positions = position_bytes(stored.kept)
    if stored.kind == "float":
        coding, values = RAW, stored.values.astype(dtype.newbyteorder("<")).tobytes()
    else:
        ways = {PACKED: pack(stored.values, _bits_of_a_code(_levels(stored)))}
        if stored.values.size and stored.values.max() < MOST_SYMBOLS:
            ways[HUFFMAN] = huffman_bytes(stored.values)
        coding, values = min(ways.items(), key=lambda item: len(item[1]))
    head = bytes([KINDS.index(stored.kind) | way << 2 | coding << 4])
    return [("header", head), ("positions", positions), ("tables", _tables(stored, dtype)), ("values", values)]


def _levels(stored: Stored) -> int:
    """How many different codes there may be."""
    return len(stored.tables["codebook"]) if stored.kind == "codebook" else int(stored.tables["levels"])


def _bits_of_a_code(levels: int) -> int:
    return max(1, (levels - 1).bit_length())


def _tables(stored: Stored, dtype: np.dtype) -> bytes:
    if stored.kind == "codebook":
        codebook = stored.tables["codebook"]
        return number_bytes(_levels(stored)) + codebook.astype(dtype.newbyteorder("<")).tobytes()
    if stored.kind == "grid":
        scale, zero = np.ravel(stored.tables["scale"]), np.ravel(stored.tables["zero_point"])
        zero = zero[:1] if (zero == zero[0]).all() else zero
        n_scales = len(scale) if stored.tables["scale"].ndim else 0
        counts = [_levels(stored), n_scales, len(zero)]
        numbers = np.concatenate([scale, zero]).astype("<f4").tobytes()
        return b"".join(map(number_bytes, counts)) + numbers
    return b""


# -- reading ---------------------------------------------------------------------------------------------------------


def _read(data: bytes, name: str) -> MLP:
    try:
        return _network(data)
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None


class _Architecture(NamedTuple):
    """What the header says."""

    layer_sizes: list[int]
    activations: list[str]
    loss: str
    dtype: np.dtype
    l2: float

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the tensors: a matrix and a vector a layer."""
        return [shape for fan_in, fan_out in pairwise(self.layer_sizes) for shape in ((fan_in, fan_out), (fan_out,))]

    def network(self) -> MLP:
        """With zeros for its weights."""
        same = self.activations[0] if len(set(self.activations)) == 1 else self.activations
        try:
            return MLP(self.layer_sizes, same, self.loss, "zeros", self.l2, dtype=self.dtype.name)
        except (TypeError, ValueError) as error:
            raise FormatError(str(error)) from None


def _network(data: bytes) -> MLP:
    """The network. What takes more memory than the file comes last, when all bytes have been looked at."""
    reader = _body(data)
    architecture = _architecture_from(reader)
    tensors = [_stored(reader, shape, architecture.dtype) for shape in architecture.shapes]
    if reader.rest:
        raise FormatError(f"got {reader.rest:,} bytes after the last tensor")
    made = [_form(stored, architecture.dtype) for stored in tensors]
    network = architecture.network()
    if all(type(form) is Dense for form, _ in made):
        for place, (_, free) in zip(network.layout, made, strict=True):
            place.of(network.parameters)[...] = free
        return network
    names = [place.name for place in network.layout]
    compressed = CompressedMLP(network, {name: form for name, (form, _) in zip(names, made, strict=True)})
    for name, (_, free) in zip(names, made, strict=True):
        compressed.free(name)[...] = free
    return compressed


def _body(data: bytes) -> Reader:
    """What follows magic, version and checksum, if they are right."""
    reader = Reader(data)
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError(f"got {data[: len(MAGIC)]!r}; expected a file that begins with {MAGIC!r}")
    reader.take(len(MAGIC))
    if (version := reader.byte()) != VERSION:
        raise FormatError(f"got version {version}; expected {VERSION}: a newer nnopt may read it")
    if struct.unpack("<I", reader.take(4))[0] != zlib.crc32(data[reader.place :]):
        raise FormatError("the checksum is another than that of the bytes: the file is damaged or cut off")
    return reader


def _architecture_from(reader: Reader) -> _Architecture:
    """The header, if the bytes that follow can fill the network that it describes."""
    n_sizes = reader.number()
    if not 2 <= n_sizes <= MOST_LAYERS + 1:
        raise FormatError(f"got {n_sizes:,} layer sizes; expected 2 to {MOST_LAYERS + 1:,}")
    sizes = [reader.number() for _ in range(n_sizes)]
    activations = [_name(reader.byte(), ACTIVATIONS, "activation") for _ in range(n_sizes - 2)]
    loss, dtype = _name(reader.byte(), LOSSES, "loss"), _name(reader.byte(), DTYPES, "number type")
    (l2,) = struct.unpack("<d", reader.take(8))
    n_parameters = sum(n * m + m for n, m in pairwise(sizes))
    if n_parameters > ENTRIES_A_BYTE * reader.rest:
        raise FormatError(f"got {n_parameters:,} parameters in {reader.rest:,} bytes; expected fewer, or more bytes")
    return _Architecture(sizes, activations, loss, np.dtype(dtype), l2)


def _name(number: int, names: tuple[str, ...], what: str) -> str:
    if number >= len(names):
        raise FormatError(f"got {number} as the number of the {what}; expected 0 to {len(names) - 1}")
    return names[number]


def _stored(reader: Reader, shape: tuple[int, ...], dtype: np.dtype) -> Stored:
    """A tensor's record."""
    head = reader.byte()
    kind, way, coding = _name(head & 3, KINDS, "kind"), head >> 2 & 3, head >> 4
    kept = read_positions(reader, way, shape)
    n = math.prod(shape) if kept is None else int(kept.sum())
    if n == 0:
        raise FormatError("got a tensor of which nothing is stored; expected at least one entry")
    if kind == "float":
        if coding != RAW:
            raise FormatError(f"got {coding} as the coding of floats; expected {RAW}")
        return Stored(kind, shape, kept, reader.array(dtype.newbyteorder("<").str, n), 8 * dtype.itemsize, {})
    tables, levels = _read_tables(reader, kind, shape[-1], dtype)
    bits = _bits_of_a_code(levels)
    codes = _codes(reader, coding, bits, n)
    if codes.max() >= levels:
        raise FormatError(f"got the code {codes.max()}; expected codes below {levels}")
    return Stored(kind, shape, kept, codes, bits, tables)


def _read_tables(reader: Reader, kind: str, units: int, dtype: np.dtype) -> tuple[dict[str, Any], int]:
    """What turns codes into floats, and how many codes there are."""
    levels = reader.number()
    if not 1 <= levels <= MOST_LEVELS:
        raise FormatError(f"got {levels:,} different values; expected 1 to {MOST_LEVELS:,}")
    if kind == "codebook":
        return {"codebook": reader.array(dtype.newbyteorder("<").str, levels)}, levels
    n_scales, n_zeros = reader.number(), reader.number()
    if n_scales not in (0, units) or n_zeros not in (1, max(n_scales, 1)):
        raise FormatError(f"got {n_scales:,} scales and {n_zeros:,} zero points for {units:,} units")
    scale, zero = reader.array("<f4", max(n_scales, 1)), reader.array("<f4", n_zeros)
    shape = (n_scales,) if n_scales else ()
    zero = np.broadcast_to(zero, scale.shape)
    return {"scale": scale.reshape(shape), "zero_point": zero.reshape(shape), "levels": levels}, levels


def _codes(reader: Reader, coding: int, bits: int, n: int) -> np.ndarray:
    if coding == PACKED:
        return unpack(reader.take(-(-n * bits // 8)), bits, n)
    if coding == HUFFMAN:
        return read_huffman(reader, n)
    raise FormatError(f"got {coding} as the coding of codes; expected {PACKED} or {HUFFMAN}")


def _form(stored: Stored, dtype: np.dtype) -> tuple[Form, np.ndarray]:
    """The form that stored a tensor, and its free numbers, in the network's dtype."""
    with np.errstate(all="ignore"):  # what overflows is found out below
        try:
            form, numbers = MAKERS[stored.kind](stored)
        except (TypeError, ValueError) as error:
            raise FormatError(str(error)) from None
        free = numbers.astype(dtype)
        if not np.isfinite(free).all():
            raise FormatError("got a number that is not finite")
        if isinstance(form, Quantized) and (form.stored(free).values != stored.values).any():
            raise FormatError("got a grid whose values floating-point numbers do not tell apart")
    return form, free


def _from_floats(stored: Stored) -> tuple[Form, np.ndarray]:
    if stored.kept is None:
        return Dense(stored.shape), stored.values.reshape(stored.shape)
    return Masked(stored.kept), stored.values


def _from_codebook(stored: Stored) -> tuple[Form, np.ndarray]:
    codebook = stored.tables["codebook"]
    return Shared(_of_shape(stored), len(codebook), stored.kept), codebook


def _from_grid(stored: Stored) -> tuple[Form, np.ndarray]:
    """The numbers behind the grid become those on it."""
    grid = Grid(stored.tables["scale"], stored.tables["zero_point"], int(stored.tables["levels"]))
    form = Quantized(grid, stored.shape, stored.kept)
    entries = grid if stored.kept is None else grid.of_columns(form.index % stored.shape[-1])
    return form, entries.values(_of_shape(stored))


def _of_shape(stored: Stored) -> np.ndarray:
    """The codes as the forms have them."""
    return stored.values.reshape(stored.shape) if stored.kept is None else stored.values


MAKERS: dict[str, Callable[[Stored], tuple[Form, np.ndarray]]] = {
    "float": _from_floats,
    "codebook": _from_codebook,
    "grid": _from_grid,
}
