"""What methods cost, counted: numbers kept for each parameter, gradients a step, bytes sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from nnopt_utils.course.ch09_second_order_methods.work import gradient_operations, work
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.parallel import Compressor, rehearse, ring_all_reduce
from nnopt_utils.problems import Rosenbrock
from nnopt_utils.second_order import NaturalGradient, Result, gauss_newton, lbfgs, levenberg_marquardt
from nnopt_utils.second_order.observing import ObservingOptimizer
from nnopt_utils.training import fit

ARTICLE = [784, 64, 64, 10]
SMALL = [6, 5, 4, 3]  # for rules that keep or make a matrix with d² entries
WORKERS = 4


class _Counting(MLP):
    """A network that counts its gradients."""

    n_gradients = 0

    def backpropagate(self, *args: Any, **kwargs: Any) -> Any:
        self.n_gradients += 1
        return super().backpropagate(*args, **kwargs)


@cache
def network_of(sizes: tuple[int, ...] = tuple(ARTICLE)) -> MLP:
    """A network of this shape, made once: its weights do not matter here."""
    return MLP(list(sizes), seed=0)


def after_one_step(make: Callable[[], Optimizer]) -> tuple[Optimizer, _Counting]:
    """An optimizer and its network after a step on 32 random images."""
    optimizer = make()
    network = _Counting(SMALL if isinstance(optimizer, NaturalGradient) else ARTICLE, seed=0)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, network.layer_sizes[0])).astype(np.float32)
    y = generator.integers(0, network.layer_sizes[-1], size=32)
    fit(network, optimizer, (x, y), epochs=1, batch_size=32, progress=False)
    return optimizer, network


def of_optimizer(make: Callable[[], Optimizer]) -> str:
    """Numbers that it keeps for each parameter, and gradients a step.

    >>> from nnopt_utils.optimizers import Adam
    >>> of_optimizer(Adam)
    '2 numbers a parameter; 1 gradient a step'
    """
    optimizer, network = after_one_step(make)
    kept = sum(array.size for array in optimizer.state.values()) / network.n_parameters
    looks = " and a look at the batch" if isinstance(optimizer, ObservingOptimizer) else ""
    return f"{count(kept, 'number')} a parameter; {count(network.n_gradients, 'gradient')}{looks} a step"


def of_factors(make: Callable[[], Optimizer], label: str) -> str:
    """The same for a rule of chapter 09's race, and what a step takes at the smallest and the largest of its batches.

    The operations are those of all products of matrices, over a hundred steps, in gradients of the same batch.
    """
    small, large = (float(work(label, size, 100)) / (100 * gradient_operations(size)) for size in (128, 4096))
    return f"{of_optimizer(make)}, as much work as {small:.0f} gradients at batch 128 and {large:.1f} at 4,096"


def of_minimiser(method: Callable[..., Result], kept: str) -> str:
    """What a full-batch method keeps, and what an iteration takes on Rosenbrock's valley.

    Args:
        method: of ``nnopt_utils.second_order``.
        kept: what it keeps, in words.
    """
    found = method(Rosenbrock())
    counts = {
        "Jacobians" if method in (gauss_newton, levenberg_marquardt) else "gradients": found.n_gradients,
        "Hessians": found.n_hessians,
        "products": found.n_products,
    }
    parts = [f"{number / found.n_iterations:.1f} {name}" for name, number in counts.items() if number]
    return f"{kept}; {', '.join(parts)} an iteration (Rosenbrock's valley)"


def matrix(sizes: tuple[int, ...] = tuple(ARTICLE)) -> str:
    """A matrix with d² entries, and its bytes for the article's network in float32.

    >>> matrix()
    'd² numbers (12.1 GB for 784-64-64-10)'
    """
    n_bytes = np.dtype(np.float32).itemsize * network_of(sizes).n_parameters ** 2
    return f"d² numbers ({n_bytes / 1e9:.1f} GB for {'-'.join(map(str, sizes))})"


def lbfgs_memory() -> str:
    """What L-BFGS keeps: two vectors for each remembered step."""
    memory = inspect.signature(lbfgs).parameters["memory"].default
    return f"{count(2 * memory, 'number')} a parameter"


def all_reduce_bytes() -> int:
    """Bytes that each of four workers sends for a sum of the article's network's gradients around a ring."""
    gradients = np.zeros((WORKERS, network_of().n_parameters), np.float32)
    return max(rehearse(ring_all_reduce, list(gradients)).bytes_sent)


def compressed_bytes(compressor: Compressor) -> str:
    """Bytes of a compressed gradient of the article's network, beside the whole one."""
    network = network_of()
    compressor.prepare(network.layout)
    gradient = np.random.default_rng(0).normal(size=network.n_parameters).astype(np.float32)
    return f"{kilobytes(compressor.compress(gradient).n_bytes)} a gradient, for {kilobytes(gradient.nbytes)}"


def kilobytes(n_bytes: float) -> str:
    """Bytes in thousands.

    >>> kilobytes(220_200), kilobytes(2_400)
    ('220 kB', '2.4 kB')
    """
    return f"{n_bytes / 1000:.0f} kB" if n_bytes >= 10_000 else f"{n_bytes / 1000:.1f} kB"


def count(number: float, noun: str) -> str:
    """A number with its noun.

    >>> count(0, "number"), count(1, "gradient"), count(0.0221, "number"), count(23.4, "number")
    ('no number', '1 gradient', '0.02 numbers', '23 numbers')
    """
    if number == 0:
        return f"no {noun}"
    shown = f"{number:.2f}" if number < 0.995 else f"{number:.0f}"
    return f"{shown} {noun}{'' if shown == '1' else 's'}"
