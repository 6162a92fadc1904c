"""The runs of chapter 12: each proves one answer, in a second or less."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from nnopt_utils.course.ch08_adaptive_learning_rates import measured
from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import finals_of, seeds_needed
from nnopt_utils.course.ch12_questions_and_answers.evidence import finals
from nnopt_utils.datasets import Dataset
from nnopt_utils.experiments import Results
from nnopt_utils.faults.spoiled import as_bfloat16
from nnopt_utils.losses import softmax_cross_entropy
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, Optimizer
from nnopt_utils.schedules import LinearWarmup
from nnopt_utils.training import batches, fit

SIZES = [784, 64, 64, 10]

#: Ftrl learns nothing with the schedule (chapter 08 says why), so it has no best rate.
LEFT_OUT = ("Ftrl",)


def lost_by_rate(results: Results) -> dict[int, np.ndarray]:
    """Half decades from an optimizer's best rate → how much worse each optimizer is there, in points or nats.

    Of each rate the median over the seeds; infinity where a run diverged.
    """
    goodness, scale = _judge(results)
    lost: dict[int, list[float]] = {}
    for label in results.labels:
        if label not in LEFT_OUT:
            values = scale * np.array([goodness(value) for value in results.rate_curve(label).median])
            values = np.where(np.isfinite(values), values, -np.inf)
            best = int(values.argmax())
            for k, value in enumerate(values):
                lost.setdefault(k - best, []).append(float(values[best] - value))
    return {steps: np.array(lost[steps]) for steps in sorted(lost)}


def lost_by_optimizer(results: Results) -> np.ndarray:
    """How much worse each optimizer is than the first, all at their best rates; sorted, in points or nats."""
    goodness, scale = _judge(results)
    at_best = [scale * goodness(results.best(label).median) for label in results.labels if label not in LEFT_OUT]
    return max(at_best) - np.sort(at_best)[::-1]


def _judge(results: Results) -> tuple[Callable[[float], float], float]:
    metric = results.task.metrics[results.task.metric]
    return metric.goodness, 100.0 if results.task.metric == "val_accuracy" else 1.0


def gained_by_schedule(task: str) -> dict[str, float]:
    """What warm-up and cosine gain each optimizer of chapter 08, in points or nats: medians at both best rates."""
    scale = 100.0 if task == "digits" else -1.0
    with_it, without = (
        {label: float(np.median(finals(f"08_{task}_{group}", label))) for label in measured.FAMILY}
        for group in ("schedule", "constant")
    )
    return {label: scale * (with_it[label] - without[label]) for label in measured.FAMILY}


class FirstEpoch(NamedTuple):
    """Losses of a network's first epoch: as it is shown, and of both sets with the weights at its end."""

    shown: float
    training: float
    validation: float


def first_epoch(data: Dataset, seed: int, n: int = 8000) -> FirstEpoch:
    """Train for one epoch on n digits drawn at random, and judge these and n others with the same weights."""
    drawn = np.random.default_rng(seed).permutation(len(data.x_train))
    (x, y), (x_new, y_new) = ((data.x_train[part], data.y_train[part]) for part in (drawn[:n], drawn[n : 2 * n]))
    network = MLP(SIZES, seed=seed)
    history = fit(network, Adam(0.003), (x, y), epochs=1, batch_size=128, seed=seed, progress=False)
    return FirstEpoch(history.train_loss[0], network.evaluate(x, y).loss, network.evaluate(x_new, y_new).loss)


def scaled_outputs(network: MLP, x: np.ndarray, y: np.ndarray, scales: Sequence[float]) -> tuple[np.ndarray, ...]:
    """Loss and accuracy of a network whose outputs are multiplied, for each of the factors."""
    outputs = network.forward(x)
    losses = [softmax_cross_entropy(scale * outputs, y)[0] for scale in scales]
    right = [float(np.mean((scale * outputs).argmax(axis=1) == y)) for scale in scales]
    return np.array(losses), np.array(right)


def chance_of_the_opposite(deviation: float, difference: float) -> float:
    """How likely one paired run says that the worse is better, by the normal law.

    >>> round(chance_of_the_opposite(deviation=0.4, difference=0.2), 3)
    0.309
    """
    return NormalDist(difference, deviation).cdf(0.0)


def paired_deviation(fresh: Results, reference: str = "schedule: AdamW") -> float:
    """The median standard deviation of the paired differences with a schedule, in points of accuracy."""
    against = finals_of(fresh, reference, 100)
    labels = [label for label in fresh.labels if label.startswith(("schedule", "tuned")) and label != reference]
    return float(np.median([np.std(finals_of(fresh, label, 100) - against, ddof=1) for label in labels]))


def seeds_for(fresh: Results, differences: Sequence[float]) -> list[tuple[float, int, float]]:
    """Difference in points, the seeds that show it in four of five cases, and how often one seed says the opposite."""
    deviation = paired_deviation(fresh)
    return [(d, seeds_needed(deviation, d), chance_of_the_opposite(deviation, d)) for d in differences]


class Resumed(NamedTuple):
    """A run that went on from a checkpoint.

    Attributes:
        theta: the parameters at its end.
        losses: of all data after each of its steps.
        first_step: root mean square of the first step's entries, where the gradient is not zero.
    """

    theta: np.ndarray
    losses: np.ndarray
    first_step: float


def resumed(
    data: Dataset, *, rate: float = 0.003, before: int = 200, after: int = 40, seed: int = 0
) -> tuple[float, list[Resumed]]:
    """Go on after some steps of Adam: without a stop, from θ and Adam's state, and from θ alone.

    Returns:
        The loss at the checkpoint, and the three runs.
    """
    x, y = data.x_train[:4000], data.y_train[:4000]
    order = [rows for epoch in range(1, 9) for rows in batches(len(x), 128, seed, epoch)]
    network, optimizer = MLP(SIZES, seed=seed), Adam(rate)
    for rows in order[:before]:
        optimizer.step(network.parameters, network.loss_and_gradient(x[rows], y[rows])[1])
    theta, state, loss = network.parameters.copy(), optimizer.get_state(), network.evaluate(x, y).loss
    runs = []
    for kept in (None, state, {}):
        again = optimizer if kept is None else Adam(rate)
        if kept:
            again.set_state(kept)
        network.parameters = theta
        runs.append(_steps(network, again, x, y, order[before : before + after]))
    return loss, runs


def _steps(network: MLP, optimizer: Optimizer, x: np.ndarray, y: np.ndarray, order: Sequence[np.ndarray]) -> Resumed:
    start, first = network.parameters.copy(), 0.0
    losses: list[float] = []
    for rows in order:
        gradient = network.loss_and_gradient(x[rows], y[rows])[1]
        optimizer.step(network.parameters, gradient)
        if not losses:
            first = float(np.sqrt(np.mean((network.parameters - start)[gradient != 0].astype(float) ** 2)))
        losses.append(network.evaluate(x, y).loss)
    return Resumed(network.parameters.copy(), np.array(losses), first)


def nudged(data: Dataset, epochs: int, rate: float = 0.003, seed: int = 0) -> tuple[bool, np.ndarray]:
    """Train twice alike, and once with one weight moved by its last digit.

    Returns:
        Whether the first two are equal bit by bit; and the largest difference of a parameter between the first and the
        third after each number of epochs from 0 to ``epochs``.
    """
    gaps, same = [], True
    for passes in range(epochs + 1):
        ends = []
        for touched in (False, False, True):
            network = MLP(SIZES, seed=seed)
            if touched:
                first = network.weights[1]
                first[0, 0] = np.nextafter(first[0, 0], np.float32(1))
            if passes:
                part = data.x_train[:8000], data.y_train[:8000]
                fit(network, Adam(rate), part, epochs=passes, batch_size=128, seed=seed, progress=False)
            ends.append(network.parameters.copy())
        same = same and np.array_equal(ends[0], ends[1])
        gaps.append(float(np.abs(ends[0] - ends[2]).max()))
    return same, np.array(gaps)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Round float32 numbers to the nearest that bfloat16 has: the upper 16 of the 32 bits, ties to the even one.

    >>> bfloat16(np.array([1.0, 1.001, 1.005], np.float32)).tolist()
    [1.0, 1.0, 1.0078125]
    """
    rounded = np.array(values, np.float32)
    as_bfloat16(rounded)
    return rounded


def few_digits(data: Dataset, seed: int, epochs: int = 40, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Training loss and validation loss after each epoch on n digits."""
    part = (data.x_train[:n], data.y_train[:n], data.x_val, data.y_val)
    history = fit(MLP(SIZES, seed=seed), Adam(0.003), part, epochs=epochs, batch_size=50, seed=seed, progress=False)
    return np.array(history.train_loss), np.array(history.val_loss)


def first_lengths(data: Dataset, rate: float, steps: int = 40, seed: int = 0) -> np.ndarray:
    """Root mean square of each of Adam's first steps, divided by the rate: of entries that have seen a gradient."""
    x, y = data.x_train[:8000], data.y_train[:8000]
    network, optimizer, lengths = MLP(SIZES, seed=seed), Adam(rate), []
    seen = np.zeros(network.n_parameters, dtype=bool)
    for rows in batches(len(x), 128, seed, 1)[:steps]:
        gradient, start = network.loss_and_gradient(x[rows], y[rows])[1], network.parameters.copy()
        seen |= gradient != 0
        optimizer.step(network.parameters, gradient)
        lengths.append(float(np.sqrt(np.mean((network.parameters - start)[seen].astype(float) ** 2))) / rate)
    return np.array(lengths)


def highest_loss(data: Dataset, rate: float, warm_up: int, seed: int, steps: int = 60) -> float:
    """The highest loss of a batch during Adam's first steps, without (``warm_up`` = 0) or with linear warm-up."""
    x, y = data.x_train[:8000], data.y_train[:8000]
    network = MLP(SIZES, seed=seed)
    optimizer = Adam(LinearWarmup(rate, steps=warm_up) if warm_up else rate)
    losses = []
    for rows in batches(len(x), 128, seed, 1)[:steps]:
        loss, gradient = network.loss_and_gradient(x[rows], y[rows])
        optimizer.step(network.parameters, gradient)
        losses.append(loss)
    return max(losses)


def best_epoch_gains(fresh: Results, labels: Sequence[str]) -> dict[str, np.ndarray]:
    """By how many points the best epoch is above the last one, seed by seed."""
    gains = {}
    for label in labels:
        runs = 100 * fresh.curves(label).runs
        gains[label] = runs.max(axis=1) - runs[:, -1]
    return gains


def after_an_epoch(data: Dataset, rate: float, momentum: float, seed: int) -> float:
    """Loss of 8,000 digits after one epoch of SGD, with or without momentum."""
    network = MLP(SIZES, seed=seed)
    part = data.x_train[:8000], data.y_train[:8000]
    fit(network, SGD(rate, momentum=momentum), part, epochs=1, batch_size=128, seed=seed, progress=False)
    return network.evaluate(*part).loss


def medians(costs: Mapping[int, np.ndarray]) -> dict[int, float]:
    """Batch size → the median over the seeds."""
    return {size: float(np.median(values)) for size, values in costs.items()}


def of_chapter_08() -> tuple[dict[str, Results], dict[str, Results]]:
    """The committed searches of chapter 08 with the schedule, and its chosen settings on fresh seeds."""
    return (
        {name: measured.optimizers(name, scheduled=True) for name in measured.TASKS},
        {name: measured.fresh(name) for name in measured.TASKS},
    )
