"""Kinds of healthy runs in which something looks like a fault: of data, batches, schedules, optimizers, networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from nnopt_utils.datasets import gaussian_blobs, two_moons
from nnopt_utils.diagnosis import Diagnosis, Recorder, diagnose
from nnopt_utils.diagnosis.recording import layers_of
from nnopt_utils.faults import drawn
from nnopt_utils.networks import MLP, Cut
from nnopt_utils.optimizers import (
    LAMB,
    SGD,
    Adafactor,
    Adam,
    AdamW,
    DAdaptAdam,
    Lion,
    Muon,
    Optimizer,
    Prodigy,
    RMSprop,
    ScheduleFreeAdamW,
)
from nnopt_utils.schedules import CosineDecay, CosineRestarts, Warmup
from nnopt_utils.second_order import KFAC, Shampoo
from nnopt_utils.training import fit

Four = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
FAST = partial(Adam, 0.003)


def split(x: np.ndarray, y: np.ndarray, n_val: int = 100) -> Four:
    return x[n_val:], y[n_val:], x[:n_val], y[:n_val]


def moons(noise: float = 0.1) -> Four:
    return split(*two_moons(500, noise))


def blobs(n_classes: int = 3, noise: float = 0.8) -> Four:
    return split(*gaussian_blobs(500, n_classes, noise))


@cache
def images(n: int = 960) -> Four:
    data, _ = drawn(0)
    return data.x[:n], data.y[:n], data.x_val[:300], data.y_val[:300]


def between_signs() -> Four:
    x, y, x_val, y_val = images()
    return 2 * x - 1, y, 2 * x_val - 1, y_val


def xor() -> Four:
    x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    return x, y, x, y


def standardised(data: Four) -> Four:
    x, y, x_val, y_val = data
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-8
    return (x - mean) / deviation, y, (x_val - mean) / deviation, y_val


def with_noise(data: Four, share: float) -> Four:
    """A share of all labels is drawn anew."""
    generator = np.random.default_rng(1)
    x, y, x_val, y_val = data
    y, y_val = y.copy(), y_val.copy()
    for labels in (y, y_val):
        drawn_anew = generator.random(len(labels)) < share
        labels[drawn_anew] = generator.integers(0, y.max() + 1, drawn_anew.sum())
    return x, y, x_val, y_val


def clouds(n_classes: int, n: int = 1000, shares: Any = None, size: int = 20) -> Four:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(n_classes, size))
    y = generator.choice(n_classes, n, p=shares)
    return split(centres[y] + 0.7 * generator.normal(size=(n, size)), y, 200)


def small_integers(values: int, columns: int) -> Four:
    """Few distinct rows: those of the validation set are all in the training set, and legitimately so."""
    x = np.random.default_rng(0).integers(0, values, size=(600, columns)).astype(float)
    return split(x, (x.sum(axis=1) > x.sum(axis=1).mean()).astype(int))


def corners(bits: int) -> Four:
    """Parity: neighbours have the other label."""
    generator = np.random.default_rng(0)
    x = generator.choice([-1.0, 1.0], size=(600, bits)) + 0.1 * generator.normal(size=(600, bits))
    return split(x, (x > 0).sum(axis=1) % 2)


def one_hot(data: Four, smoothing: float = 0.0) -> Four:
    x, y, x_val, y_val = data
    rows = (1 - smoothing) * np.eye(y.max() + 1) + smoothing / (y.max() + 1)
    return x, rows[y], x_val, rows[y_val]


def words() -> Four:
    """Rows of 20,000 columns with three ones, as of words in a text; the first ten words tell the class."""
    generator = np.random.default_rng(0)
    y, x = np.arange(300) % 2, np.zeros((300, 20_000), np.float32)
    for row, label in zip(x, y, strict=True):
        row[[*generator.integers(10, 20_000, 2), 5 * label + generator.integers(5)]] = 1
    return split(x, y)


def several_yes(data: Four) -> Four:
    """Three questions a row: rows of targets do not sum to 1."""
    x, y, x_val, y_val = data
    return x, np.c_[y, x > 0].astype(float), x_val, np.c_[y_val, x_val > 0].astype(float)


@dataclass(frozen=True)
class Kind:
    """A healthy run, small enough for a fraction of a second."""

    data: Callable[[], Four] = images
    optimizer: Callable[[], Optimizer] = FAST
    network: Callable[[Four], MLP] | None = None
    epochs: int = 4
    batch_size: int = 32
    watched: bool = True

    def diagnose(self) -> Diagnosis:
        data = self.data()
        network = relu_network(data) if self.network is None else self.network(data)
        watch = Recorder(network) if self.watched else None
        size = min(self.batch_size, len(data[0]))
        history = fit(network, self.optimizer(), data, self.epochs, size, callback=watch, progress=False)
        return diagnose(history, network, data, watch)


def outputs_of(data: Four) -> int:
    return data[1].shape[1] if data[1].ndim == 2 else int(data[1].max()) + 1


def relu_network(data: Four) -> MLP:
    return MLP([data[0].shape[1], 32, outputs_of(data)])


def like(hidden: list[int], **options: Any) -> Callable[[Four], MLP]:
    return lambda data: MLP([data[0].shape[1], *hidden, outputs_of(data)], **options)


def zero_output(data: Four) -> MLP:
    network = MLP([784, 32, 32, 10])
    network.weights[-1][:] = 0
    return network


class Frozen(MLP):
    """The first layer is not trained."""

    def backpropagate(
        self, x: np.ndarray, y: np.ndarray, theta: np.ndarray, out: Cut | None = None
    ) -> tuple[float, np.ndarray]:
        value, gradient = super().backpropagate(x, y, theta, out)
        gradient[layers_of(self)[0]] = 0
        return value, gradient


def binary(n_outputs: int) -> Callable[[Four], MLP]:
    return lambda data: MLP([data[0].shape[1], 32, n_outputs], loss="binary_cross_entropy")


BATCHES = {"adam": partial(Adam, 0.002), "momentum": partial(SGD, 0.01, momentum=0.9), "sgd": partial(SGD, 0.02)}
SCHEDULES: dict[str, Callable[[int], float]] = {
    "cosine": CosineDecay(1.0, steps=300),
    "warm-up, then cosine": Warmup(CosineDecay(1.0, steps=270), steps=30),
    "restarts": CosineRestarts(1.0, steps=60),
    "a restart each epoch": lambda t: 0.51 + 0.5 * float(np.cos(np.pi * (t % 30) / 30)),
    "halved each epoch": lambda t: 0.5 ** (t // 30),
    "a hundredth from 40 % on": lambda t: 1.0 if t < 120 else 0.01,
    "1 / √t": lambda t: 2.0 / (1 + t) ** 0.5,
}
RULES = {"adam": (Adam, 0.002), "momentum": (partial(SGD, momentum=0.9), 0.04), "rmsprop": (RMSprop, 0.001)}
DECAYS = {"adam": (Adam, 0.001), "adamw": (AdamW, 0.001), "sgd": (SGD, 0.1), "lion": (Lion, 0.0003)}
OPTIONS: dict[str, Callable[[], Optimizer]] = {
    "amsgrad": partial(Adam, amsgrad=True),
    "amsgrad, pytorch": partial(Adam, amsgrad=True, convention="pytorch"),
    "keras": partial(Adam, convention="keras"),
    "beta_2 = 0.99": partial(Adam, beta_2=0.99),
    "beta_1 = 0": partial(Adam, beta_1=0.0),
    "a large epsilon": partial(Adam, 0.01, epsilon=0.1),
    "clipvalue": partial(AdamW, clipvalue=0.01),
    "clipnorm": partial(SGD, 0.1, momentum=0.9, clipnorm=0.1),
    "an average": partial(Adam, ema_momentum=0.99),
    "accumulation": partial(AdamW, 0.003, weight_decay=0.1, gradient_accumulation_steps=4),
    "schedule-free": partial(ScheduleFreeAdamW, 0.005, weight_decay=0.1),
    "prodigy": partial(Prodigy, weight_decay=0.1),
    "d-adaptation": DAdaptAdam,
    "lamb": partial(LAMB, 0.01, weight_decay=0.1),
    "adafactor": partial(Adafactor, weight_decay=0.1),
    "muon": partial(Muon, weight_decay=0.1),
    "k-fac": KFAC,
}

KINDS: dict[str, Kind] = {
    **{f"moons, noise {noise}": Kind(partial(moons, noise), epochs=10) for noise in (0.1, 0.3)},
    **{f"{n} blobs": Kind(partial(blobs, n), epochs=5) for n in (2, 8)},
    "blobs that overlap": Kind(partial(blobs, 3, 2.0), epochs=10),
    "standardised": Kind(lambda: standardised(images())),
    "between -1 and 1": Kind(between_signs, network=like([64], activation="tanh")),
    **{f"label noise {share:.0%}": Kind(lambda share=share: with_noise(images(), share)) for share in (0.1, 0.3)},
    "label noise, two classes": Kind(lambda: with_noise(moons(), 0.6), partial(Adam, 0.01), epochs=8),
    **{f"{n} classes": Kind(partial(clouds, n, 2000)) for n in (2, 30, 100)},
    "5 % of one class": Kind(partial(clouds, 2, shares=[0.95, 0.05])),
    "one class of ten fills batches": Kind(partial(clouds, 10, shares=[0.91] + [0.01] * 9)),
    "rows of small integers": Kind(partial(small_integers, 3, 4), epochs=6),
    "eight distinct rows": Kind(partial(small_integers, 2, 3), epochs=6),
    "parity of two": Kind(partial(corners, 2), epochs=8),
    "parity of eight": Kind(partial(corners, 8), epochs=3),
    "rows of 20,000 columns, three ones in each": Kind(words, epochs=8),
    "20 rows": Kind(lambda: tuple(part[:20] for part in moons()), epochs=10),  # type: ignore[arg-type]
    "4 rows, xor": Kind(lambda: xor()[:2], partial(Adam, 0.03), epochs=50),
    "random labels by heart": Kind(
        lambda: split(np.random.default_rng(0).normal(size=(200, 20)), np.arange(200) % 4, 60),
        partial(Adam, 0.01), like([128]), epochs=30,
    ),
    "30 epochs to a loss of zero": Kind(moons, partial(Adam, 0.02), like([64]), epochs=30),
    **{
        f"batch {size}, {name}": Kind(moons, rule, epochs=2 if size < 8 else 6, batch_size=size)
        for size in (1, 8, 512) for name, rule in BATCHES.items()
    },
    "full batch of images": Kind(optimizer=partial(SGD, 0.2, momentum=0.9), epochs=30, batch_size=960),
    "one epoch": Kind(epochs=1),
    **{
        f"{name}, {rule}": Kind(optimizer=lambda m=make, r=rate, s=schedule: m(lambda t: r * s(t)), epochs=10)
        for name, schedule in SCHEDULES.items() for rule, (make, rate) in RULES.items()
    },
    **{
        f"decay {decay:g}, {convention}, {name}": Kind(
            optimizer=partial(make, rate, weight_decay=decay, convention=convention)
        )
        for decay in (1e-5, 0.1)
        for convention in ("paper", "keras", "pytorch")
        for name, (make, rate) in DECAYS.items()
        if convention != "pytorch" or (name != "lion" and decay < 0.1)
    },
    "shampoo": Kind(moons, partial(Shampoo, 0.1), epochs=2),
    **{name: Kind(optimizer=rule) for name, rule in OPTIONS.items()},
    **{
        f"{depth} × {activation}": Kind(network=like([48] * depth, activation=activation), optimizer=Adam)
        for activation in ("relu", "gelu", "tanh", "elu") for depth in (1, 4)
    },
    "two sigmoids": Kind(network=like([48, 48], activation="sigmoid")),
    "l2": Kind(network=like([32], l2=1e-2)),
    "float64": Kind(network=like([32], dtype="float64")),
    "output weights at 0": Kind(network=zero_output),
    "softmax regression from 0": Kind(network=like([], initializer="zeros"), optimizer=partial(SGD, 0.1)),
    "narrow": Kind(moons, partial(Adam, 0.03), like([3]), epochs=8),
    "frozen": Kind(network=lambda data: Frozen([784, 32, 32, 10])),
    "frozen, decay": Kind(optimizer=partial(AdamW, weight_decay=0.1), network=lambda data: Frozen([784, 32, 32, 10])),
    "one-hot": Kind(lambda: one_hot(images())),
    "smoothed": Kind(lambda: one_hot(images(), 0.1)),
    "binary, one output": Kind(moons, network=binary(1), epochs=8),
    "binary, two outputs": Kind(lambda: one_hot(moons()), network=binary(2), epochs=8),
    "binary, ten outputs": Kind(lambda: one_hot(images()), network=binary(10)),
    "several may be yes": Kind(lambda: several_yes(moons()), network=binary(3), epochs=8),
}  # fmt: skip

UNWATCHED = {name: replace(KINDS[name], watched=False) for name in (
    "moons, noise 0.3", "blobs that overlap", "label noise, two classes", "label noise 30%", "eight distinct rows",
    "parity of two", "20 rows", "batch 512, adam", "one epoch", "l2", "smoothed", "binary, two outputs",
)}  # fmt: skip
