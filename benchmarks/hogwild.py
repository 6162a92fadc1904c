"""Hogwild: one process, two without a lock, two with one; on sparse samples and on MNIST."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.timing import Measurement, at_least, compared, interleaved
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.parallel import SparseLogisticRegression, hogwild

WAYS = {"one process": (1, False), "two processes, no lock": (2, False), "two processes, a lock": (2, True)}
BASE = "two processes, no lock"
SPARSE = "20,000 sparse samples, 20 of 10,000 features each"
DENSE = "55,000 images, 784-64-64-10, batch 32"
EPOCHS = {SPARSE: 5, DENSE: 1}
TARGETS = {
    (SPARSE, "one process"): at_least(1.3),
    (SPARSE, "two processes, a lock"): at_least(1.0),
}
TOLERANCE = 0.01  # of the final sparse loss: times of different results cannot be compared


def measure(quick: bool = False) -> list[Measurement]:
    """Time an epoch, from when all workers have started, against that of two processes without a lock.

    The sparse model's final loss is compared too: an error, if two processes end more than 1 % away from one.
    """
    figures = []
    for name, make in {SPARSE: _sparse, DENSE: _dense}.items():
        epochs = 1 if quick else EPOCHS[name]
        final: dict[str, float] = {}
        times = interleaved(make(epochs, quick, final), repeats=1 if quick else 9, warmups=0 if quick else 1)
        _check_losses(final)
        for way in WAYS:
            what, target = f"an epoch of {name}: {way}", TARGETS.get((name, way))
            figures.append(compared("hogwild", what, times[way], BASE, times[BASE], target=target))
    return figures


def _sparse(epochs: int, quick: bool, final: dict[str, float]) -> dict[str, Callable[[], float]]:
    data = SparseLogisticRegression.generate(2_000 if quick else 20_000, n_features=10_000, nonzeros=20, seed=0)

    def run(way: str) -> float:
        workers, locked = WAYS[way]
        model = data.copy()
        history = hogwild(model, SGD(0.5), epochs=epochs, workers=workers, locked=locked, progress=False)
        final[way] = model.value(model.parameters)
        return sum(history.seconds) / epochs

    return {way: lambda way=way: run(way) for way in WAYS}  # type: ignore[misc]


def _dense(epochs: int, quick: bool, final: dict[str, float]) -> dict[str, Callable[[], float]]:
    data = load_mnist()
    n = 2_000 if quick else len(data.x_train)

    def run(way: str) -> float:
        workers, locked = WAYS[way]
        history = hogwild(
            MLP([784, 64, 64, 10], seed=0), SGD(0.1), (data.x_train[:n], data.y_train[:n]),
            epochs=epochs, workers=workers, locked=locked, progress=False,
        )  # fmt: skip
        return sum(history.seconds) / epochs

    return {way: lambda way=way: run(way) for way in WAYS}  # type: ignore[misc]


def _check_losses(final: dict[str, float]) -> None:
    for way, loss in final.items():
        if abs(loss / final["one process"] - 1) > TOLERANCE:
            raise ArithmeticError(f"{way} ended at the loss {loss:.5f}, one process at {final['one process']:.5f}")
