"""What a network costs: numbers, bytes of every part of its file, memory, multiply-adds, error, milliseconds."""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._tables import Table
from nnopt_utils._validation import check_integer, describe
from nnopt_utils.compression._chosen import check_network
from nnopt_utils.compression.file_format import file_parts
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.datasets import Dataset
from nnopt_utils.networks import MLP

FLOAT32 = 4  # bytes
PARTS = ("header", "positions", "tables", "values")
BATCHES = (1, 1000)


@dataclass(frozen=True)
class TensorReport:
    """What one tensor costs.

    Attributes:
        name: such as ``"weights[0]"``.
        shape: (fan-in, fan-out) or (fan-out,).
        form: the name of its form's class.
        n_free: free numbers.
        n_nonzero: entries other than zero.
        bytes: in the file, by part: ``"header"``, ``"positions"``, ``"tables"``, ``"values"``.

    Example:
        >>> report(MLP([2, 1], loss="mse")).tensors[0].bytes
        {'header': 1, 'positions': 0, 'tables': 0, 'values': 8}
    """

    name: str
    shape: tuple[int, ...]
    form: str
    n_free: int
    n_nonzero: int
    bytes: dict[str, int]

    @property
    def n_entries(self) -> int:
        """How many entries it has, zeros included."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Of all its parts."""
        return sum(self.bytes.values())

    @property
    def bits_per_entry(self) -> float:
        """Bits in the file for each entry, zeros included."""
        return 8 * self.n_bytes / self.n_entries


@dataclass(frozen=True, repr=False)
class Report:
    """What a network costs, and what it gets wrong. A terminal shows it as text, a notebook as a table.

    Attributes:
        tensors: a ``TensorReport`` for each weight matrix and bias vector.
        header_bytes: of the file's header; with those of the tensors, all bytes of the file.
        decoded_bytes: in memory, of the weights and biases as floating-point numbers.
        stored_bytes: in memory, of what the forms store: floats, or codes of 8 or 16 bits; tables; and masks, a byte an
            entry.
        multiply_adds: for one sample: one for each weight.
        nonzero_multiply_adds: of these, those with weights other than zero.
        n_samples: on how many samples loss and error were measured; 0 without data.
        loss: with the penalty, if the network has one; ``None`` without data.
        error: the share of wrong answers; NaN for regression, ``None`` without data.
        milliseconds: of ``forward`` by the size of the batch; ``None`` if they were not asked for.
        repeats: how often each was measured.

    Example:
        >>> costs = report(MLP([784, 64, 64, 10]))
        >>> costs.multiply_adds, costs.file_bytes
        (54912, 220234)
        >>> costs.table().cells[1]
        ['weights[0]', '784 × 64', 'Dense', '50,176', '50,176', '1', '0', '0', '200,704', '200,705', '32.00']
    """

    tensors: tuple[TensorReport, ...]
    header_bytes: int
    decoded_bytes: int
    stored_bytes: int
    multiply_adds: int
    nonzero_multiply_adds: int
    n_samples: int = 0
    loss: float | None = None
    error: float | None = None
    milliseconds: dict[int, float] | None = None
    repeats: int = 0

    @property
    def n_parameters(self) -> int:
        """How many weights and biases the decoded network has, zeros included."""
        return sum(tensor.n_entries for tensor in self.tensors)

    @property
    def n_nonzero(self) -> int:
        """How many of them are not zero."""
        return sum(tensor.n_nonzero for tensor in self.tensors)

    @property
    def n_free(self) -> int:
        """How many numbers training changes."""
        return sum(tensor.n_free for tensor in self.tensors)

    @property
    def file_bytes(self) -> int:
        """The size of the file that ``save_compressed`` writes."""
        return self.header_bytes + sum(tensor.n_bytes for tensor in self.tensors)

    @property
    def times_smaller(self) -> float:
        """The bytes of all parameters as float32, over those of the file."""
        return FLOAT32 * self.n_parameters / self.file_bytes

    def table(self) -> Table:
        """Return the tensors' costs, and their sums, as a table."""
        rows: list[tuple[Any, ...]] = [
            ("header of the file", "", "", "", "", self.header_bytes, "", "", "", self.header_bytes, "")
        ]
        for t in self.tensors:
            shape = " × ".join(map(str, t.shape))
            parts = [t.bytes[part] for part in PARTS]
            rows.append((t.name, shape, t.form, t.n_free, t.n_nonzero, *parts, t.n_bytes, f"{t.bits_per_entry:.2f}"))
        sums = [sum(t.bytes[part] for t in self.tensors) for part in PARTS]
        sums[0] += self.header_bytes  # the first part
        bits = 8 * self.file_bytes / self.n_parameters
        all_of_it = (self.n_free, self.n_nonzero, *sums, self.file_bytes, f"{bits:.2f}")
        rows.append(("all", f"{self.n_parameters:,}", "", *all_of_it))
        cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
        headers = ["tensor", "shape", "form", "free", "not zero", *PARTS, "bytes", "bits an entry"]
        return Table(headers, cells, [False, True, False, *[True] * 8])

    def _lines(self) -> list[str]:
        """The rest, a line each."""
        lines = [
            f"file: {self.file_bytes:,} bytes, {self.times_smaller:.1f} times smaller than the "
            f"{FLOAT32 * self.n_parameters:,} of float32",
            f"memory: {self.decoded_bytes:,} bytes decoded, {self.stored_bytes:,} as stored",
            f"multiply-adds a sample: {self.multiply_adds:,}, of which {self.nonzero_multiply_adds:,} with weights "
            "other than zero",
        ]
        if self.loss is not None:
            error = "" if self.error is None or math.isnan(self.error) else f"error {100 * self.error:.2f} %, "
            lines.append(f"{error}loss {self.loss:.4f} on {self.n_samples:,} samples")
        if self.milliseconds is not None:
            times = ", ".join(f"{value:.3f} ms for {batch:,}" for batch, value in self.milliseconds.items())
            lines.append(f"forward: {times} (median of {self.repeats}, one BLAS thread, decoded before)")
        return lines

    def __repr__(self) -> str:
        return "\n".join([repr(self.table()), "", *self._lines()])

    def _repr_markdown_(self) -> str:
        return self.table()._repr_markdown_() + "\n\n" + "  \n".join(self._lines())


def report(
    network: MLP,
    data: Dataset | tuple[Any, Any] | None = None,
    latency: bool = False,
    repeats: int = 20,
) -> Report:
    """Return what a network costs in its file, in memory and in work, and if asked for what it gets wrong and its time.

    The bytes are those of the file that :func:`save_compressed` writes, every one of them. Without ``latency`` the
    report is the same at every call.

    Args:
        network: an ``MLP``, compressed or not.
        data: on what loss and error are measured: a ``Dataset``, of which the validation set is taken, or inputs and
            targets, such as ``(data.x_test, data.y_test)``. Default: they are not.
        latency: whether ``forward`` is timed, for one sample and for 1,000, with one BLAS thread. The weights are
            decoded before, once: ``forward`` of a ``CompressedMLP`` would decode them at each call.
        repeats: how often; the median counts. Default 20.

    Raises:
        TypeError, ValueError: no MLP, or one that has no file; data that do not fit; a bad number.

    Example:
        >>> from nnopt_utils.compression import prune, share_weights
        >>> network = MLP([20, 10, 3], seed=0)
        >>> report(share_weights(prune(network, 0.8), clusters=4))
        tensor                shape  form    free  not zero  header  positions  tables  values  bytes  bits an entry
        ------------------  -------  ------  ----  --------  ------  ---------  ------  ------  -----  -------------
        header of the file                                       25                                25
        weights[0]          20 × 10  Shared     4        37       1         25      17      10     53           2.12
        biases[0]                10  Dense     10         0       1          0       0      40     41          32.80
        weights[1]           10 × 3  Shared     4         9       1          4      17       3     25           6.67
        biases[1]                 3  Dense      3         0       1          0       0      12     13          34.67
        all                     243            21        46      29         29      34      65    157           5.17
        <BLANKLINE>
        file: 157 bytes, 6.2 times smaller than the 972 of float32
        memory: 972 bytes decoded, 360 as stored
        multiply-adds a sample: 230, of which 46 with weights other than zero

    Warning:
        Zeros save multiply-adds only where the program passes over them; a matrix product of NumPy does not. Other
        tools count a multiply-add as two operations.
    """
    compressed = CompressedMLP(check_network(network))
    check_integer("repeats", repeats, low=1)
    if not isinstance(latency, bool):
        raise TypeError(f"latency: got {describe(latency)}; expected True or False")
    plain = compressed.decoded()
    sizes = Counter[tuple[str, str]]()
    for name, part, piece in file_parts(compressed):
        sizes[name, part] += len(piece)
    n_samples, loss, error = (0, None, None) if data is None else _judged(plain, data)
    return Report(
        tensors=_tensors(compressed, sizes),
        header_bytes=sizes["", "header"],
        decoded_bytes=plain.parameters.nbytes,
        stored_bytes=_stored_bytes(compressed),
        multiply_adds=sum(weights.size for weights in plain.weights),
        nonzero_multiply_adds=sum(int(np.count_nonzero(weights)) for weights in plain.weights),
        n_samples=n_samples,
        loss=loss,
        error=error,
        milliseconds=_milliseconds(plain, repeats) if latency else None,
        repeats=repeats if latency else 0,
    )


def _tensors(network: CompressedMLP, sizes: Counter[tuple[str, str]]) -> tuple[TensorReport, ...]:
    found = []
    for name, form in network.forms.items():
        n_nonzero = int(np.count_nonzero(form.tensor(network.free(name))))
        by_part = {part: sizes[name, part] for part in PARTS}
        found.append(TensorReport(name, form.shape, type(form).__name__, form.n_free, n_nonzero, by_part))
    return tuple(found)


def _stored_bytes(network: CompressedMLP) -> int:
    total = 0
    for name, form in network.forms.items():
        stored = form.stored(network.free(name))
        arrays = [stored.values, *stored.tables.values(), *([] if stored.kept is None else [stored.kept])]
        total += sum(np.asarray(array).nbytes for array in arrays)
    return total


def _judged(network: MLP, data: Any) -> tuple[int, float, float]:
    """The number of samples, the loss and the share of wrong answers."""
    if isinstance(data, Dataset):
        x, y = data.x_val, data.y_val
    elif isinstance(data, tuple | list) and len(data) == 2:
        x, y = data
    else:
        raise TypeError(f"data: got {describe(data)}; expected a Dataset, or a tuple of inputs and targets")
    loss, accuracy = network.evaluate(x, y)
    return len(x), loss, 1 - accuracy


def _milliseconds(network: MLP, repeats: int) -> dict[int, float]:
    """The median time of ``forward`` for each batch, after one call that is not counted."""
    times: dict[int, float] = {}
    with threadpool_limits(1, user_api="blas"):
        for batch in BATCHES:
            x = np.random.default_rng(0).random((batch, network.layer_sizes[0])).astype(network.dtype)
            network.forward(x)
            times[batch] = 1000 * median(_seconds(network, x) for _ in range(repeats))
    return times


def _seconds(network: MLP, x: np.ndarray) -> float:
    begun = time.perf_counter()
    network.forward(x)
    return time.perf_counter() - begun
