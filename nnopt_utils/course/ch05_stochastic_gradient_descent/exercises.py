"""Exercises of chapter 05: stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake, Unusable, first_items

Batch = tuple[np.ndarray, np.ndarray]
Batches = list[Batch]
GradientFunction = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


# -- 05.minibatches --------------------------------------------------------------------------------------------------


def minibatches(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    order = generator.permutation(len(x))
    for first in range(0, len(x), batch_size):
        batch = order[first : first + batch_size]
        yield x[batch], y[batch]


def batches_in(order: np.ndarray, x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterator[Batch]:
    """Cut samples in a given order into batches."""
    for first in range(0, len(order), batch_size):
        batch = order[first : first + batch_size]
        yield x[batch], y[batch]


def shuffled_apart(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    x, y = x[generator.permutation(len(x))], y[generator.permutation(len(y))]
    for first in range(0, len(x), batch_size):
        yield x[first : first + batch_size], y[first : first + batch_size]


def last_dropped(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    order = generator.permutation(len(x))
    return batches_in(order[: len(x) // batch_size * batch_size], x, y, batch_size)


def shuffled_after_batching(
    x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator
) -> Iterator[Batch]:
    batches = list(batches_in(np.arange(len(x)), x, y, batch_size))
    for k in generator.permutation(len(batches)):
        yield batches[k]


def own_generator(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    return batches_in(np.random.default_rng().permutation(len(x)), x, y, batch_size)


def same_seed(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    return batches_in(np.random.default_rng(0).permutation(len(x)), x, y, batch_size)


def drawn_anew(x: np.ndarray, y: np.ndarray, batch_size: int, generator: np.random.Generator) -> Iterator[Batch]:
    for _ in range(0, len(x), batch_size):
        batch = generator.choice(len(x), size=min(batch_size, len(x)), replace=False)
        yield x[batch], y[batch]


def describe_two_epochs(answer: Any, x: np.ndarray, y: np.ndarray, batch_size: int, seed: int) -> dict[str, Any]:
    """Run two epochs, and the same again; say what a good iterator has in common with every other good one.

    Feature 0 of sample i is i, and so is its target: that shows where every row has gone.
    """

    def two_epochs() -> list[Batches]:
        generator, own_x, own_y = np.random.default_rng(seed), x.copy(), y.copy()
        try:
            epochs = [_pairs(answer(own_x, own_y, batch_size, generator)) for _ in range(2)]
        except ValueError as problem:
            if "larger sample" not in str(problem):
                raise
            raise Unusable(f"it draws a batch of {batch_size} from {len(x)} samples: cut one order instead") from None
        if not (np.array_equal(own_x, x) and np.array_equal(own_y, y)):
            raise Unusable(
                "x and y were shuffled in place, so the caller's data is changed: index with an order instead"
            )
        return epochs

    epochs, repeated = two_epochs(), two_epochs()
    orders = [_order(epoch) for epoch in epochs]
    return {
        "sizes of the batches": [len(x_batch) for x_batch, _ in epochs[0]],
        "every sample once": all(np.array_equal(np.sort(order), np.arange(len(x))) for order in orders),
        "x and y belong together": all(np.array_equal(a[:, 0], b) for epoch in epochs for a, b in epoch),
        "random order": not np.array_equal(orders[0], np.arange(len(x))),
        "batches are mixed": not all(np.all(np.diff(x_batch[:, 0]) == 1) for x_batch, _ in epochs[0]),
        "a new order each epoch": not np.array_equal(orders[0], orders[1]),
        "same seed, same batches": np.array_equal(orders, [_order(epoch) for epoch in repeated]),
    }


def _pairs(batches: Any) -> Batches:
    if not isinstance(batches, Iterable) or isinstance(batches, str | dict | np.ndarray):
        raise Unusable(
            f"it gave {type(batches).__name__}; pairs (x_batch, y_batch) are expected, by yield or in a list"
        )
    pairs = first_items(batches, limit=100)
    if not pairs:
        raise Unusable("it gave no batch at all")
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise Unusable("it gave something other than pairs; each batch is a pair (x_batch, y_batch)")
    for k, (x, y) in enumerate(pairs):
        if np.ndim(x) != 2 or np.ndim(y) != 1 or len(x) != len(y):
            due = "rows of x, shape (b, d), and as many targets, shape (b,)"
            raise Unusable(f"a batch has {due}; batch {k} has the shapes {np.shape(x)} and {np.shape(y)}")
        if len(x) == 0:
            raise Unusable(f"batch {k} of {len(pairs)} is empty: the batches before it hold all samples")
    return [(np.asarray(x), np.asarray(y)) for x, y in pairs]


def _order(epoch: Batches) -> np.ndarray:
    return np.concatenate([x_batch[:, 0] for x_batch, _ in epoch])


def numbered_samples(n: int) -> Batch:
    """Samples whose first feature and target are their number."""
    x = np.column_stack([np.arange(n, dtype=float), np.random.default_rng(n).normal(size=n)])
    return x, np.arange(n, dtype=float)


def minibatch_cases() -> list[tuple]:
    # Seven in threes: the last batch holds one sample, so that neither it nor an even split is overlooked.
    return [(*numbered_samples(7), 3, 1), (*numbered_samples(24), 8, 2), (*numbered_samples(17), 64, 3)]


# -- 05.sgd_epoch ----------------------------------------------------------------------------------------------------


def sgd_epoch(
    theta: np.ndarray, batches: Batches, gradient_function: GradientFunction, learning_rate: float
) -> np.ndarray:
    for x, y in batches:
        theta = theta - learning_rate * gradient_function(theta, x, y)
    return theta


def one_frozen_gradient(
    theta: np.ndarray, batches: Batches, gradient_function: GradientFunction, learning_rate: float
) -> np.ndarray:
    return theta - learning_rate * np.sum([gradient_function(theta, x, y) for x, y in batches], axis=0)


def one_mean_step(
    theta: np.ndarray, batches: Batches, gradient_function: GradientFunction, learning_rate: float
) -> np.ndarray:
    return theta - learning_rate * np.mean([gradient_function(theta, x, y) for x, y in batches], axis=0)


def summed_over_the_batch(
    theta: np.ndarray, batches: Batches, gradient_function: GradientFunction, learning_rate: float
) -> np.ndarray:
    for x, y in batches:
        theta = theta - learning_rate * len(x) * gradient_function(theta, x, y)
    return theta


def rate_divided(
    theta: np.ndarray, batches: Batches, gradient_function: GradientFunction, learning_rate: float
) -> np.ndarray:
    return sgd_epoch(theta, batches, gradient_function, learning_rate / len(batches))


def half_squared_error_gradient(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x.T @ (x @ theta - y) / len(x)


def epoch_cases() -> list[tuple]:
    generator = np.random.default_rng(53)
    cases = []
    for sizes, rate in (((3, 3, 2), 0.2), ((4, 4, 4, 1), 0.05)):
        batches = [(generator.normal(size=(b, 3)), generator.normal(size=b)) for b in sizes]
        cases.append((generator.normal(size=3), batches, half_squared_error_gradient, rate))
    return cases


# -- 05.gradient_variance --------------------------------------------------------------------------------------------


def gradient_variance(per_sample: np.ndarray, batch_size: int) -> float:
    spread = per_sample - per_sample.mean(axis=0)
    return float(np.mean(np.sum(spread**2, axis=1)) / batch_size)


def without_replacement(per_sample: np.ndarray, batch_size: int) -> float:
    n = len(per_sample)
    return gradient_variance(per_sample, batch_size) * (n - batch_size) / (n - 1)


def variance_cases() -> list[tuple]:
    generator = np.random.default_rng(54)
    return [
        (generator.normal(loc=2.0, size=(6, 3)), 2),
        (generator.normal(loc=-1.0, scale=3.0, size=(10, 5)), 7),
        (np.array([[1.0, 0.0], [3.0, 4.0], [2.0, -1.0]]), 1),
    ]


# -- 05.noise_scale --------------------------------------------------------------------------------------------------


def noise_scale(small_square: float, big_square: float, small: int, big: int) -> float:
    spread = (small_square - big_square) / (1 / small - 1 / big)
    signal = (big * big_square - small * small_square) / (big - small)
    return spread / signal


# -- 05.update_average -----------------------------------------------------------------------------------------------


def update_average(average: np.ndarray, theta: np.ndarray, t: int) -> np.ndarray:
    return average + (theta - average) / t


def average_cases() -> list[tuple]:
    generator = np.random.default_rng(56)
    return [
        (generator.normal(size=3), generator.normal(size=3), 4),
        (np.zeros(2), np.array([1.0, -2.0]), 1),
        (generator.normal(size=5), generator.normal(size=5), 25),
    ]


# -- 05.clip_by_global_norm ------------------------------------------------------------------------------------------


def global_norm(gradients: list[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.sum(g**2)) for g in gradients))


def clip_by_global_norm(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    norm = global_norm(gradients)
    return [g * (limit / norm) if norm > limit else g.copy() for g in gradients]


def clip_each_tensor(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    return [clip_by_global_norm([g], limit)[0] for g in gradients]


def always_scaled(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    norm = np.float64(global_norm(gradients))
    return [g * (limit / norm) for g in gradients]


def clip_short_ones(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
    norm = np.float64(global_norm(gradients))
    with np.errstate(all="ignore"):
        return [g * (limit / norm) if norm < limit else g.copy() for g in gradients]


def scaled_by(norm_of: Callable[[list[np.ndarray]], float]) -> Callable[[list[np.ndarray], float], list[np.ndarray]]:
    """Return a clipping function that uses another size than the Euclidean norm."""

    def clip(gradients: list[np.ndarray], limit: float) -> list[np.ndarray]:
        size = norm_of(gradients)
        return [g * (limit / size) if size > limit else g for g in gradients]

    return clip


def clip_cases() -> list[tuple]:
    generator = np.random.default_rng(57)
    return [
        ([np.array([[3.0, -0.5], [0.2, 4.0]]), np.array([12.0, -0.1])], 2.5),
        ([0.1 * generator.normal(size=(2, 3)), 0.1 * generator.normal(size=3), np.array([0.05])], 1.5),
        ([generator.normal(size=4), 0.01 * generator.normal(size=(3, 2))], 0.8),
        ([np.zeros((2, 2)), np.zeros(2)], 1.0),
    ]


# -- 05.combined_gradient --------------------------------------------------------------------------------------------


def combined_gradient(gradients: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return counts @ gradients / np.sum(counts)


def combined_cases() -> list[tuple]:
    generator = np.random.default_rng(58)
    return [
        (np.array([[1.0, 0.0], [3.0, 2.0]]), np.array([3, 1])),
        (generator.normal(size=(3, 4)), np.array([100, 4, 7])),
        (generator.normal(size=(2, 3)), np.array([5, 5])),
    ]


# -- 05.for_new_batch_size -------------------------------------------------------------------------------------------


def for_new_batch_size(learning_rate: float, steps: int, batch_size: int, new_batch_size: int) -> tuple[float, int]:
    return learning_rate * new_batch_size / batch_size, math.ceil(steps * batch_size / new_batch_size)


EXERCISES = [
    Exercise(
        name="05.noise_floor",
        task=(
            "Predict E θ² after many steps of SGD: curvature 4, learning rate 0.3, batches of 8, and the gradient of "
            "one sample has noise of variance 48: replace None by your number."
        ),
        reference=0.5625,
        mistakes=[
            Mistake("That is the floor of strict SGD. A mean of 8 gradients has an eighth of the variance.", 4.5),
            Mistake("You divided the variance by B twice: σ² / B once is the variance of a mean.", 0.0703125),
            Mistake("That is the floor for small rates, η σ² / (2 λ). Here η λ = 1.2 is not small.", 0.225),
            Mistake("That is η σ² / λ: the factor 2 − η λ is missing. A step's pull is not the whole story.", 0.45),
            Mistake("That is E J, the loss above the minimum, ½ λ E θ². The question is about E θ².", 1.125),
            Mistake("That is √(E θ²), the typical distance. The question is about its square.", 0.75),
            Mistake("That is E θ² with the curvature left out: the minimum pulls with strength λ = 4.", 2.25),
            Mistake("That is the noise of the last step alone, η² σ². What earlier steps left is added to it.", 0.54),
        ],
        explanation="σ²/B = 6 and η λ = 1.2, so η σ²/B / (λ (2 − η λ)) = 0.3 · 6 / (4 · 0.8).",
    ),
    Exercise(
        name="05.minibatches",
        task=(
            "Write minibatches(x, y, batch_size, generator): give the pairs (x_batch, y_batch) of one epoch in a new "
            "random order, by yield or as a list."
        ),
        reference=minibatches,
        cases=minibatch_cases,
        call=describe_two_epochs,
        describe_case=lambda x, y, batch_size, seed: (
            f"two epochs of {len(x)} samples in batches of {batch_size}, generator seeded with {seed}"
        ),
        hint="Shuffle the sample numbers with the generator, cut them into pieces, and index x and y with each piece.",
        mistakes=[
            Mistake(
                "x and y are shuffled apart: the images keep no tie to their labels, and there is nothing to learn. "
                "Draw one order and index both with it.",
                shuffled_apart,
            ),
            Mistake(
                "The samples come in the order of the data. Files are often sorted, by class or by time, and then "
                "each batch shows one side of the problem only.",
                lambda x, y, batch_size, generator: batches_in(np.arange(len(x)), x, y, batch_size),
            ),
            Mistake(
                "The last, smaller batch is missing, so some samples of each epoch are never used. "
                "Count how many samples your batches hold together.",
                last_dropped,
            ),
            Mistake(
                "You cut first and shuffled the batches then: the same samples always meet in one batch. "
                "Shuffle the samples before you cut.",
                shuffled_after_batching,
            ),
            Mistake(
                "You drew with replacement: some samples come twice in an epoch and about 37 % not at all. "
                "generator.permutation gives each number once.",
                lambda x, y, batch_size, generator: batches_in(
                    generator.integers(len(x), size=len(x)), x, y, batch_size
                ),
            ),
            Mistake(
                "Every epoch has the same order: the seed is set anew inside the function, or nothing is drawn at all. "
                "Use the generator that is passed in; it goes on from where it was.",
                same_seed,
            ),
            Mistake(
                "The order does not come from the generator that is passed in, so that a run cannot be repeated.",
                own_generator,
            ),
            Mistake(
                "Each batch is drawn anew from all samples: some come twice in an epoch, others not at all. "
                "Draw one order for the epoch and cut it.",
                drawn_anew,
            ),
        ],
        explanation="Every sample once an epoch, in an order that the passed generator makes repeatable.",
    ),
    Exercise(
        name="05.sgd_epoch",
        task=(
            "Write sgd_epoch(theta, batches, gradient_function, learning_rate): one step for each (x, y) of batches; "
            "return the new theta, keep the old one."
        ),
        reference=sgd_epoch,
        cases=epoch_cases,
        describe_case=lambda theta, batches, gradient_function, learning_rate: (
            f"{len(batches)} batches, learning_rate = {learning_rate}"
        ),
        mistakes=[
            Mistake(
                "All gradients were taken at the start. After each step theta has moved: the next batch must be "
                "judged where you are now.",
                one_frozen_gradient,
            ),
            Mistake(
                "You averaged the gradients and took one step: that is gradient descent with (almost) the full batch. "
                "Step once for every batch.",
                one_mean_step,
            ),
            Mistake(
                "The rate is multiplied by the size of the batch. The gradient is already a mean over the samples, "
                "so its length does not depend on B.",
                summed_over_the_batch,
            ),
            Mistake(
                "You went uphill: subtract the gradient.",
                lambda theta, batches, f, rate: sgd_epoch(theta, batches, f, -rate),
            ),
            Mistake(
                "You used the first batch only. An epoch uses all of them.",
                lambda t, b, f, r: sgd_epoch(t, b[:1], f, r),
            ),
            Mistake(
                "You used the last batch only: theta starts anew for every batch. Carry it on from step to step.",
                lambda t, b, f, r: sgd_epoch(t, b[-1:], f, r),
            ),
            Mistake(
                "The rate is divided by the number of batches. An epoch is many full steps: that makes SGD fast.",
                rate_divided,
            ),
        ],
    ),
    Exercise(
        name="05.gradient_variance",
        task=(
            "Write gradient_variance(per_sample, batch_size): from the gradients of all n samples, shape (n, d), "
            "return the expected squared distance between a mini-batch gradient, drawn with replacement, and the mean."
        ),
        reference=gradient_variance,
        cases=variance_cases,
        mistakes=[
            Mistake(
                "That is the spread of single samples. A mean of B of them varies less.",
                lambda g, b: gradient_variance(g, 1),
            ),
            Mistake(
                "You divided by n. The mini-batch is a mean of B gradients, so B is what makes it quieter.",
                lambda g, b: gradient_variance(g, len(g)),
            ),
            Mistake(
                "You divided by B². Var(sum / B) = B · Var / B²: the sum has B times the variance, so one B remains.",
                lambda g, b: gradient_variance(g, b * b),
            ),
            Mistake(
                "You divided by √B. That is right for a standard deviation; the squared distance falls with B itself.",
                lambda g, b: gradient_variance(g, 1) / math.sqrt(b),
            ),
            Mistake(
                "The mean gradient is not subtracted: you measure how long gradients are, not how far they are apart.",
                lambda g, b: float(np.mean(np.sum(g**2, axis=1)) / b),
            ),
            Mistake(
                "You took the mean over the d entries. A squared distance is their sum.",
                lambda g, b: gradient_variance(g, b) / g.shape[1],
            ),
            Mistake(
                "You divided by n − 1. That estimates a spread from a part of the samples; here all n are there.",
                lambda g, b: gradient_variance(g, b) * len(g) / (len(g) - 1),
            ),
            Mistake(
                "That is right for samples drawn without replacement, which leaves less to chance. Here they are "
                "drawn with replacement.",
                without_replacement,
            ),
        ],
        explanation="It falls as 1/B: four times the samples for half the typical error.",
    ),
    Exercise(
        name="05.noise_scale",
        task=(
            "Write noise_scale(small_square, big_square, small, big): from the mean of the squared norm of gradients "
            "of batches of two sizes, return tr Σ / ‖g‖²."
        ),
        reference=noise_scale,
        cases=lambda: [(7.0, 1.5, 10, 100), (80.0, 0.9, 1, 1000), (3.2, 2.9, 32, 64)],
        hint="E‖g_B‖² = ‖g‖² + tr Σ / B holds for both sizes: two equations, two unknowns.",
        mistakes=[
            Mistake(
                "You took the big batch's gradient for the full one. It has noise left, tr Σ / B, and near a minimum "
                "that is most of it.",
                lambda s, b, m, n: (s - b) / (1 / m - 1 / n) / b,
            ),
            Mistake(
                "You took the big batch for the full one, as if it had no noise. Both sizes stand in the answer.",
                lambda s, b, m, n: m * (s - b) / b,
            ),
            Mistake(
                "That is tr Σ, the noise. Divide it by the signal ‖g‖².",
                lambda s, b, m, n: (s - b) / (1 / m - 1 / n),
            ),
            Mistake(
                "That is ‖g‖², the signal. The noise scale says how many times larger the noise is.",
                lambda s, b, m, n: (n * b - m * s) / (n - m),
            ),
            Mistake(
                "It is upside down: the noise scale is noise over signal, so that a noisy gradient has a large one.",
                lambda s, b, m, n: 1 / noise_scale(s, b, m, n),
            ),
            Mistake(
                "The noise tr Σ is that of one sample. You have the difference between two batches: divide it by "
                "1/small − 1/big.",
                lambda s, b, m, n: (s - b) * (n - m) / (n * b - m * s),
            ),
        ],
        explanation="A batch of this size has as much noise as signal; far larger ones waste samples.",
    ),
    Exercise(
        name="05.update_average",
        task=(
            "Write update_average(average, theta, t): average is the mean of the first t − 1 iterates (any finite "
            "numbers for t = 1); return the mean of the first t, theta being the newest. Keep no list."
        ),
        reference=update_average,
        cases=average_cases,
        mistakes=[
            Mistake(
                "Off by one: theta is iterate number t, so its share of the mean is 1/t. With 1/(t + 1) the zeros "
                "before the first step count as an iterate.",
                lambda average, theta, t: average + (theta - average) / (t + 1),
            ),
            Mistake(
                "That is an exponential average: old iterates fade. Polyak's average gives all the same weight.",
                lambda average, theta, t: 0.9 * average + 0.1 * theta,
            ),
            Mistake(
                "You took the middle between the average and theta: then half of the weight is on the newest iterate.",
                lambda average, theta, t: (average + theta) / 2,
            ),
            Mistake(
                "The weights are swapped: the average stands for t − 1 iterates, theta for one.",
                lambda average, theta, t: average / t + theta * (t - 1) / t,
            ),
            Mistake(
                "You added theta / t, but did not make room: what was there weighs (t − 1)/t from now on.",
                lambda average, theta, t: average + theta / t,
            ),
            Mistake(
                "The average moves away from theta: the correction is theta − average, not the reverse.",
                lambda average, theta, t: average - (theta - average) / t,
            ),
        ],
        explanation="No list is needed, and the first call forgets what average was.",
    ),
    Exercise(
        name="05.clip_by_global_norm",
        task=(
            "Write clip_by_global_norm(gradients, limit): gradients is a list of arrays; if their norm, taken together "
            "as one vector, is above limit, scale all of them so that it equals limit; return a list."
        ),
        reference=clip_by_global_norm,
        cases=clip_cases,
        mistakes=[
            Mistake(
                "That clips by value: large entries are cut, small ones stay, and the direction changes. "
                "By norm, all entries get the same factor.",
                lambda gradients, limit: [np.clip(g, -limit, limit) for g in gradients],
            ),
            Mistake(
                "Each array is clipped by its own norm. Then layers are scaled differently, and the whole gradient "
                "turns. Take one norm over all of them.",
                clip_each_tensor,
            ),
            Mistake(
                "Short gradients are made longer: near a minimum that keeps the steps from shrinking. "
                "Leave a gradient alone whose norm is below the limit.",
                always_scaled,
            ),
            Mistake(
                "The comparison is the wrong way round: short gradients are stretched (one of norm 0 to NaN), and "
                "long ones stay. Scale where the norm is above the limit.",
                clip_short_ones,
            ),
            Mistake(
                "You compared and scaled with the squared norm: the root is missing.",
                scaled_by(lambda gradients: global_norm(gradients) ** 2),
            ),
            Mistake(
                "You added up the norms of the arrays. The norm of all together is the root of the sum of squares.",
                scaled_by(lambda gradients: sum(global_norm([g]) for g in gradients)),
            ),
            Mistake(
                "You used the largest entry for the norm. The norm is the root of the sum of all squares.",
                scaled_by(lambda gradients: max(float(np.abs(g).max()) for g in gradients)),
            ),
        ],
        explanation="One factor for all entries: the step is shorter, its direction is kept.",
    ),
    Exercise(
        name="05.best_rate",
        task=(
            "Predict the best learning rate of a step with batches of 480: with batches of 32 it is 0.1, and the noise "
            "scale is 96: replace None by your number."
        ),
        reference=0.4 / 1.2,
        rtol=5e-3,
        mistakes=[
            Mistake("That is the linear rule, 15 times the rate. It holds far below the noise scale only.", 1.5),
            Mistake("That is the square-root rule. Here signal and curvature set the rate.", 0.1 * 15**0.5),
            Mistake("That is η_max, the best rate of the full batch. Batches of 480 still have some noise.", 0.4),
            Mistake(
                "You took 0.1 for η_max. It is the best rate at B = 32, where noise costs three times "
                "as much as the signal.",
                0.1 / 1.2,
            ),
            Mistake(
                "The noise scale and the batch are swapped: the rate is η_max / (1 + B_noise / B).",
                0.1 * (1 + 32 / 96) / (1 + 480 / 96),
            ),
            Mistake("As if the rate did not depend on the batch: less noise allows a longer step.", 0.1),
            Mistake(
                "That stops at the noise scale: three times the batch, three times the rate. At B = 96 the "
                "best rate is 0.2, and it goes on growing.",
                0.3,
            ),
        ],
        explanation="η_max = 0.1 · (1 + 96/32) = 0.4, and 0.4 / (1 + 96/480) = 1/3; the batch grew 15-fold.",
    ),
    Exercise(
        name="05.combined_gradient",
        task=(
            "Write combined_gradient(gradients, counts): row k of gradients is the mean gradient of a micro-batch of "
            "counts[k] samples; return the gradient of the mean loss over all samples."
        ),
        reference=combined_gradient,
        cases=combined_cases,
        mistakes=[
            Mistake(
                "That is the mean of the means: a sample of a small micro-batch counts more than one of a large one. "
                "Weigh each row by its number of samples.",
                lambda gradients, counts: np.mean(gradients, axis=0),
            ),
            Mistake(
                "That is the sum over the micro-batches. The loss is a mean over all samples.",
                lambda gradients, counts: np.sum(gradients, axis=0),
            ),
            Mistake(
                "That is the sum over all samples. Divide it by their number: the loss is a mean.",
                lambda gradients, counts: counts @ gradients,
            ),
            Mistake(
                "You divided the weighted sum by the number of micro-batches. Its weights add up to the number of "
                "samples.",
                lambda gradients, counts: counts @ gradients / len(counts),
            ),
            Mistake(
                "The weights are upside down: a row that stands for more samples weighs more, not less.",
                lambda gradients, counts: (1 / counts) @ gradients / np.sum(1 / counts),
            ),
            Mistake(
                "You took the mean over the entries as well: one number is left. The gradient has as many entries as "
                "a row.",
                lambda gradients, counts: float(np.mean(counts @ gradients / np.sum(counts))),
            ),
        ],
        explanation="Rows that stand for more samples weigh more; equal ones weigh alike.",
    ),
    Exercise(
        name="05.for_new_batch_size",
        task=(
            "Write for_new_batch_size(learning_rate, steps, batch_size, new_batch_size): by the linear scaling rule, "
            "return the pair (new rate, new number of steps, rounded up) for the same number of samples."
        ),
        reference=for_new_batch_size,
        cases=lambda: [(0.1, 1000, 32, 256), (0.8, 90, 512, 64), (0.05, 1000, 30, 90), (0.05, 1000, 30, 70)],
        mistakes=[
            Mistake(
                "The rate goes the wrong way: a larger batch has less noise and fewer steps, so each may be longer.",
                lambda rate, steps, b, new: (rate * b / new, math.ceil(steps * b / new)),
            ),
            Mistake(
                "The steps are unchanged: then the larger batch sees more samples, and the comparison is not fair.",
                lambda rate, steps, b, new: (rate * new / b, steps),
            ),
            Mistake(
                "The rate is unchanged: half the steps of the same length go half as far.",
                lambda rate, steps, b, new: (rate, math.ceil(steps * b / new)),
            ),
            Mistake(
                "That is the square-root rule, which keeps the noise of a step the same. The linear rule keeps the "
                "distance covered and the noise floor.",
                lambda rate, steps, b, new: (rate * math.sqrt(new / b), math.ceil(steps * b / new)),
            ),
            Mistake(
                "The steps go the wrong way: larger batches mean fewer steps for the same samples.",
                lambda rate, steps, b, new: (rate * new / b, math.ceil(steps * new / b)),
            ),
            Mistake(
                "The rate is right; the steps are rounded down, so that the last samples are left out. Round up.",
                lambda rate, steps, b, new: (rate * new / b, steps * b // new),
            ),
            Mistake(
                "The steps are rounded to the nearest number: 333.3 became 333, and the last samples are left out. "
                "Round up.",
                lambda rate, steps, b, new: (rate * new / b, round(steps * b / new)),
            ),
        ],
        explanation="It holds while both batches are far below the noise scale; see the section on batch size.",
    ),
    Exercise(
        name="05.rate_drop",
        task=(
            "Predict the length of the next step: the gradient has been 2 for long, momentum 0.8, rate 0.5; now the "
            "rate drops to 0.05 and stands inside the velocity, as in Keras: replace None by your number."
        ),
        reference=4.1,
        mistakes=[
            Mistake("That is PyTorch's step: there the whole velocity follows the new rate at once.", 0.5),
            Mistake("That is the step before the drop. The newest gradient already enters with the new rate.", 5.0),
            Mistake("That is plain SGD's step. Momentum carries on most of the old velocity.", 0.1),
            Mistake("That is what is carried on. The new gradient, times the new rate, is added to it.", 4.0),
            Mistake(
                "That is an exponential average, (1 − β) g. Keras's velocity adds the whole gradient, rate · g.", 0.82
            ),
        ],
        explanation="The steady velocity is 0.5 · 2 / (1 − 0.8) = 5; the next one is 0.8 · 5 + 0.05 · 2.",
    ),
]
