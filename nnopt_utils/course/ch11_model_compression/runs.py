"""Longer computations of chapter 11: sizes of formats, errors of layers, the points of the last figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils.compression import (
    CompressedMLP,
    IntegerMLP,
    LowRankUpdate,
    code_lengths,
    entropy,
    gaps_from,
    gptq,
    quantize,
    report,
    to_bytes,
)
from nnopt_utils.compression.network import decoded
from nnopt_utils.course.ch11_model_compression import measured
from nnopt_utils.datasets import Dataset
from nnopt_utils.keras_bridge import NumPyModel, litert_model
from nnopt_utils.networks import MLP


def expected_bytes(shape: tuple[int, int], sparsity: float) -> dict[str, float]:
    """Bytes of a float32 matrix with zeros at random places, in four formats; gaps in the bits of their entropy.

    A gap is geometric, so its entropy is that of a coin for each entry, shared among the kept ones.

    >>> sizes = expected_bytes((784, 64), 0.9)
    >>> round(sizes["dense"]), round(1 - sizes["CSR"] / sizes["dense"], 3)
    (200704, 0.784)
    """
    entries = shape[0] * shape[1]
    values = 4 * entries * (1 - sparsity)
    return {
        "dense": 4.0 * entries,
        "CSR": 2 * values + 4 * (shape[0] + 1),
        "bitmap": values + entries / 8,
        "gaps": values + entries * entropy([sparsity, 1 - sparsity]) / 8,
    }


def parts_of_weights(n: int, sparsity: float, code_bits: int) -> dict[str, dict[str, float]]:
    """Format → part → bytes, of n weights whose zeros lie at random places and whose codes are equally frequent.

    >>> parts = parts_of_weights(1000, 0.9, 4)
    >>> parts["bitmap"]["values"], parts["bitmap"]["positions"]
    (50.0, 125.0)
    """
    kept = round(n * (1 - sparsity))
    values, codebook = kept * code_bits / 8, 4.0 * 2**code_bits
    positions = {
        "dense": None,
        "columns, 16 bits": 2.0 * kept,
        "bitmap": n / 8,
        "gaps, Huffman": n * entropy([1 - kept / n, kept / n]) / 8,
    }
    return {
        name: {
            "values": n * code_bits / 8 if size is None else values,
            "positions": 0.0 if size is None else size,
            "codebook": codebook,
        }
        for name, size in positions.items()
    }


def product_and_bytes(network: CompressedMLP) -> tuple[float, float]:
    """What multiplying the ratios of pruning and of coding gives, and how many times smaller the file really is."""
    forms = [network.forms[f"weights[{k}]"].stored(network.free(f"weights[{k}]")) for k in range(len(network.weights))]
    weights = sum(np.prod(form.shape) for form in forms)
    kept = sum(form.values.size for form in forms)
    bits = sum(form.bits * form.values.size for form in forms) / kept
    return float(weights / kept * 32 / bits), 4 * network.n_weights / len(to_bytes(network))


def layer_errors(network: MLP, x: np.ndarray, bits: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Bits → relative error of the first layer's outputs, rounded and with GPTQ."""
    exact = x @ network.weights[0]

    def error(other: MLP) -> float:
        return float(np.linalg.norm(x @ other.weights[0] - exact) / np.linalg.norm(exact))

    return {
        width: (
            error(quantize(network, bits=width, symmetric=False, layers=[0])),
            error(gptq(network, x, bits=width, layers=[0])),
        )
        for width in bits
    }


def rises_after_deleting(theta: np.ndarray, H: np.ndarray) -> np.ndarray:
    """By how much ½ d'H d rises when one weight becomes 0: the others stay, the others go where it is cheapest.

    >>> rises_after_deleting(np.array([1.0, 1.0]), np.array([[1.0, 0.5], [0.5, 1.0]])).tolist()
    [[0.5, 0.375], [0.5, 0.375]]
    """
    rises = []
    for q in range(len(theta)):
        d = np.zeros(len(theta))
        d[q] = -theta[q]
        stay = 0.5 * d @ H @ d
        others = np.arange(len(theta)) != q
        d[others] = np.linalg.solve(H[np.ix_(others, others)], -H[others, q] * d[q])
        rises.append((stay, 0.5 * d @ H @ d))
    return np.array(rises)


#: What the last figure compares: all methods after their training, if they have one.
METHODS = (
    "dense",
    "rounded",
    "rounded to GPTQ's grid",
    "GPTQ",
    "quantization-aware",
    "pruned, trained on",
    "Deep Compression",
    "low rank, trained on",
    "neurons removed, trained on",
)


def points_of(
    rows: Sequence[dict[str, Any]], network: str, methods: Sequence[str]
) -> list[tuple[str, dict[str, Any], float, float]]:
    """Method, setting, mean kilobytes and mean test error of all settings of some methods."""
    points = []
    for method in methods:
        settings = {
            tuple((key, row[key]) for key in measured.SETTINGS if key in row)
            for row in measured.select(rows, network=network, method=method)
        }
        for setting in sorted(settings):
            values = {"network": network, "method": method} | dict(setting)
            kilobytes = float(measured.column(rows, "bytes", **values).mean()) / 1000
            points.append((method, dict(setting), kilobytes, float(measured.column(rows, "test", **values).mean())))
    return points


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points to which no other is at most as large and at most as wrong, by size.

    >>> pareto([(3, 1.0), (1, 2.0), (2, 3.0), (2, 1.5)])
    [(1, 2.0), (2, 1.5), (3, 1.0)]
    """
    front: list[tuple[float, float]] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def code_lengths_of(network: CompressedMLP) -> dict[str, tuple[int, float, float]]:
    """What → bits a symbol in a code of fixed length, their entropy, and in Huffman's code: codes and gaps of layers.

    >>> from nnopt_utils.compression import prune, share_weights
    >>> found = code_lengths_of(share_weights(prune(MLP([784, 10]), 0.9), clusters=4))
    >>> list(found), found["codes of layer 0"][0]
    (['codes of layer 0', 'gaps of layer 0'], 2)
    """
    found = {}
    for k in range(len(network.weights)):
        form, free = network.forms[f"weights[{k}]"], network.free(f"weights[{k}]")
        stored = form.stored(free)
        kept = np.ones(stored.shape, bool) if stored.kept is None else stored.kept
        for what, symbols in {"codes": stored.values, "gaps": gaps_from(kept, 63)}.items():
            counts = np.bincount(symbols)
            huffman = float(counts @ code_lengths(counts) / counts.sum())
            fixed = stored.bits if what == "codes" else 6
            found[f"{what} of layer {k}"] = (fixed, entropy(counts), huffman)
    return found


def mirrored(data: Dataset) -> Dataset:
    """The same images, mirrored at the diagonal.

    >>> from nnopt_utils.datasets import load_mnist
    >>> data = load_mnist()
    >>> bool((mirrored(data).x_val[0].reshape(28, 28) == data.x_val[0].reshape(28, 28).T).all())
    True
    """

    def turned(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.reshape(-1, 28, 28).transpose(0, 2, 1)).reshape(len(x), 784)

    parts = {name: turned(getattr(data, name)) for name in ("x_train", "x_val", "x_test")}
    return dataclasses.replace(data, **parts)


def factor_norms(network: CompressedMLP, name: str, gradient: np.ndarray) -> tuple[float, float]:
    """The norms of the gradients by A and by B of a tensor with a low-rank update."""
    form = network.forms[name]
    assert isinstance(form, LowRankUpdate)
    A, B = form.factors(network.free(name, gradient))
    return float(np.linalg.norm(A)), float(np.linalg.norm(B))


def milliseconds(network: MLP, x: np.ndarray) -> float:
    """The median time of a forward pass, on one BLAS thread."""
    with threadpool_limits(1, user_api="blas"):
        return NumPyModel("ours", 0, network).milliseconds(x)


def four_costs(networks: Mapping[str, MLP], x: np.ndarray) -> list[tuple[str, ...]]:
    """Name, bytes on disk, bytes as stored in memory, products with weights other than zero, and milliseconds for x."""
    rows = []
    for name, network in networks.items():
        costs = report(network)
        counts = (costs.file_bytes, costs.stored_bytes, costs.nonzero_multiply_adds)
        rows.append((name, *(f"{count:,}" for count in counts), f"{milliseconds(decoded(network), x):.2f}"))
    return rows


def agreement_with_litert(network: MLP, integers: IntegerMLP, data: Dataset) -> float | None:
    """The share of test images to which LiteRT, calibrated alike, gives our label; ``None`` if it is not installed."""
    if not (find_spec("tensorflow") and find_spec("ai_edge_litert")):
        return None
    theirs = litert_model(network, "int8", data.x_train[:2000])
    return float(np.mean(theirs.predict(data.x_test) == integers.predict(data.x_test)))


def front_methods(rows: Sequence[dict[str, Any]], network: str) -> list[tuple[str, float]]:
    """The method and the mean kilobytes of each setting on the front of the last figure."""
    points = points_of(rows, network, METHODS)
    front = set(pareto([(kilobytes, test) for _, _, kilobytes, test in points]))
    return sorted(
        ((method, kilobytes) for method, _, kilobytes, test in points if (kilobytes, test) in front), key=lambda p: p[1]
    )
