"""Exercises of chapter 07: TensorFlow and Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

# -- 07.validation_split ---------------------------------------------------------------------------------------------


def validation_split(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    first = math.floor(len(x) * (1 - share))
    return x[:first], y[:first], x[first:], y[first:]


def split_cases() -> list[tuple]:
    generator = np.random.default_rng(7)
    return [
        (generator.normal(size=(10, 3)), np.arange(10), 0.3),
        (generator.normal(size=(7, 2)), generator.integers(5, size=7), 0.25),
        (generator.normal(size=(12, 4)), np.arange(12) // 4, 0.5),
        (generator.normal(size=(7, 2)), np.arange(7), 0.2),  # 5.6 rows: rounded down they are 5, to the nearest 6
    ]


def _split_from_the_start(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    n = len(x) - math.floor(len(x) * (1 - share))
    return x[n:], y[n:], x[:n], y[:n]


def _shuffled_split(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    order = np.random.default_rng(0).permutation(len(x))
    return validation_split(x[order], y[order], share)


def _other_order(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    x_train, y_train, x_val, y_val = validation_split(x, y, share)
    return x_train, x_val, y_train, y_val


def _rounded_up(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    first = math.ceil(len(x) * (1 - share))
    return x[:first], y[:first], x[first:], y[first:]


def _rounded(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    first = round(len(x) * (1 - share))
    return x[:first], y[:first], x[first:], y[first:]


def _share_for_training(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    return validation_split(x, y, 1 - share)


def _overlapping(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    _, _, x_val, y_val = validation_split(x, y, share)
    return x, y, x_val, y_val


# -- 07.reported_accuracy --------------------------------------------------------------------------------------------

Numbers = Sequence[int]


def reported_accuracy(right: Numbers, sizes: Numbers) -> np.ndarray:
    return np.cumsum(right) / np.cumsum(sizes)


# -- 07.overhead_and_speed -------------------------------------------------------------------------------------------

Pair = tuple[float, float]


def overhead_and_speed(batch_sizes: Pair, seconds: Pair, operations: float) -> Pair:
    (small, large), (fast, slow) = batch_sizes, seconds
    per_sample = (slow - fast) / (large - small)
    return fast - small * per_sample, operations / per_sample


def timing_cases() -> list[tuple]:
    cases = []
    for overhead, speed, operations, small, large in [
        (1e-3, 4e10, 229_120, 32, 512),
        (2e-4, 1e11, 1_000_000, 10, 100),
        (5e-3, 2e9, 50_000, 64, 1024),
    ]:
        seconds = tuple(overhead + batch_size * operations / speed for batch_size in (small, large))
        cases.append(((small, large), seconds, operations))
    return cases


def _wrong_speed(speed: Callable[[Pair, Pair, float], float]) -> Callable[[Pair, Pair, float], Pair]:
    def answer(batch_sizes: Pair, seconds: Pair, operations: float) -> Pair:
        return overhead_and_speed(batch_sizes, seconds, operations)[0], speed(batch_sizes, seconds, operations)

    return answer


# -- 07.prepare ------------------------------------------------------------------------------------------------------


def prepare(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def image_cases() -> list[tuple]:
    generator = np.random.default_rng(10)
    corner = np.zeros((1, 28, 28), np.uint8)
    corner[0, 0, :4] = [0, 51, 255, 254]
    corner[0, 1, 0] = 102
    return [(corner,), (generator.integers(200, size=(3, 28, 28), dtype=np.uint8),)]


def _sums_to_one(images: np.ndarray) -> np.ndarray:
    rows = images.reshape(len(images), -1).astype(np.float32)
    return rows / rows.sum(axis=1, keepdims=True)


# -- 07.confusion_matrix ---------------------------------------------------------------------------------------------


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    return counts


def _counted_once(labels: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    counts = np.zeros((n_classes, n_classes), dtype=int)
    counts[labels, predictions] += 1
    return counts


def _only_mistakes(labels: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    counts = confusion_matrix(labels, predictions, n_classes)
    return counts - np.diag(np.diag(counts))


def _shares_of_rows(labels: np.ndarray, predictions: np.ndarray, n_classes: int) -> np.ndarray:
    counts = confusion_matrix(labels, predictions, n_classes)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def confusion_cases() -> list[tuple]:
    generator = np.random.default_rng(9)
    labels = generator.integers(4, size=40)
    said = np.where(generator.random(40) < 0.6, labels, generator.integers(4, size=40))
    return [
        (np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0]), 3),
        (labels, said, 4),
        (np.array([1, 1, 0]), np.array([1, 1, 1]), 5),
    ]


EXERCISES = [
    Exercise(
        name="07.optimizer_steps",
        task=(
            "Predict optimizer.iterations after model.fit(x, y, batch_size=32, epochs=10) with 55,000 images: "
            "replace None by your number."
        ),
        reference=17_190,
        mistakes=[
            Mistake("That is one epoch. Every epoch goes through all images.", 1_719),
            Mistake("The last, smaller batch of each epoch makes a step, too: fit leaves nothing out.", 17_180),
            Mistake("Batches do not reach over the end of an epoch: round up within one epoch, then multiply.", 17_188),
            Mistake(
                "There is no part of a step: the last, smaller batch of an epoch makes a whole one.",
                lambda answer: answer in (17_187.5, 1_718.75),
                example=17_187.5,
            ),
            Mistake("A step takes a whole batch, not one image.", 550_000),
            Mistake(
                "With 60,000 images it would be so. 5,000 of them are the validation set.",
                lambda answer: answer in (18_750, 1_875),
                example=18_750,
            ),
        ],
        explanation="55,000 / 32 = 1,718.75, so 1,719 batches an epoch, the last of 24 images; ten times.",
    ),
    Exercise(
        name="07.validation_split",
        task=(
            "Write validation_split(x, y, share) as Keras's fit does it: return x_train, y_train, x_val, y_val, where "
            "the validation set is the last share of the rows, in their order; the training rows are rounded down."
        ),
        reference=validation_split,
        cases=split_cases,
        mistakes=[
            Mistake(
                "You held out the first rows. Keras holds out the last: sorted data then loses its last classes.",
                _split_from_the_start,
            ),
            Mistake(
                "You shuffled first. That is often wise, but Keras does not: it splits, then shuffles the training "
                "rows only.",
                _shuffled_split,
            ),
            Mistake("The four arrays come in another order: x_train, y_train, x_val, y_val.", _other_order),
            Mistake("You rounded the training rows up: 7 rows with a share of 0.25 leave 5, not 6.", _rounded_up),
            Mistake(
                "You rounded the training rows to the nearest number: of 7 rows with a share of 0.2, 5.6 would remain, "
                "and Keras takes 5.",
                _rounded,
            ),
            Mistake("The share is that of the validation set. You gave it to the training set.", _share_for_training),
            Mistake(
                "The validation rows are still in the training set: what was trained on cannot judge.", _overlapping
            ),
        ],
    ),
    Exercise(
        name="07.reported_accuracy",
        task=(
            "Write reported_accuracy(right, sizes): right[k] of the sizes[k] samples of batch k were right. Return "
            "what fit prints after each batch: the accuracy over all batches of the epoch so far."
        ),
        reference=reported_accuracy,
        cases=lambda: [
            ([3, 10, 20, 30], [32, 32, 32, 32]),
            ([8, 16, 24, 4], [32, 32, 32, 4]),
            ([1, 0, 2], [2, 1, 7]),
        ],
        mistakes=[
            Mistake(
                "That is the accuracy of each batch alone. fit shows the mean over the epoch so far, which changes "
                "less and less.",
                lambda right, sizes: np.array(right) / np.array(sizes),
            ),
            Mistake(
                "The mean of the batches' accuracies gives the small last batch the weight of a whole one. Count the "
                "samples.",
                lambda right, sizes: np.cumsum(np.array(right) / np.array(sizes)) / np.arange(1, len(right) + 1),
            ),
            Mistake(
                "You divided by all samples of the epoch from the start. So far only some have been seen.",
                lambda right, sizes: np.cumsum(right) / np.sum(sizes),
            ),
            Mistake(
                "Only the last value is there. fit prints one after each batch.",
                lambda right, sizes: np.sum(right) / np.sum(sizes),
            ),
            Mistake(
                "You divided the sum by this batch's size alone.",
                lambda right, sizes: np.cumsum(right) / np.array(sizes),
            ),
        ],
    ),
    Exercise(
        name="07.overhead_and_speed",
        task=(
            "Write overhead_and_speed(batch_sizes, seconds, operations) from the times of a step at two batch sizes, "
            "the smaller first: return the seconds that a step takes whatever its batch, and the operations a second."
        ),
        reference=overhead_and_speed,
        cases=timing_cases,
        mistakes=[
            Mistake(
                "You took the time of the small batch for the overhead. It has computed something, too: subtract that.",
                lambda sizes, seconds, operations: (
                    seconds[0],
                    overhead_and_speed(sizes, seconds, operations)[1],
                ),
            ),
            Mistake(
                "Your speed is that of the large batch, overhead included. Two equations, two unknowns: subtract one "
                "time from the other first.",
                _wrong_speed(lambda sizes, seconds, operations: sizes[1] * operations / seconds[1]),
            ),
            Mistake(
                "You divided by the batch size and forgot that the smaller batch has computed, too: the times differ "
                "by the work of large − small samples.",
                _wrong_speed(lambda sizes, seconds, operations: sizes[1] * operations / (seconds[1] - seconds[0])),
            ),
            Mistake(
                "operations is for one sample. A step has a whole batch of them.",
                _wrong_speed(lambda sizes, seconds, operations: operations / (seconds[1] - seconds[0])),
            ),
            Mistake(
                "The second number is seconds a sample. Asked for are operations a second: divide them by it.",
                _wrong_speed(lambda sizes, seconds, operations: (seconds[1] - seconds[0]) / (sizes[1] - sizes[0])),
            ),
            Mistake(
                "The overhead is per step, not per sample: do not divide it by the batch size.",
                lambda sizes, seconds, operations: (
                    overhead_and_speed(sizes, seconds, operations)[0] / sizes[0],
                    overhead_and_speed(sizes, seconds, operations)[1],
                ),
            ),
            Mistake(
                "The order is: first the overhead, then the speed.",
                lambda sizes, seconds, operations: overhead_and_speed(sizes, seconds, operations)[::-1],
            ),
        ],
    ),
    Exercise(
        name="07.prepare",
        task=(
            "Write prepare(images): bytes of shape (n, 28, 28) become one row an image, pixels in their stored order, "
            "from 0 to 1, float32."
        ),
        reference=prepare,
        cases=image_cases,
        mistakes=[
            Mistake(
                "The pixels are still 0 to 255. The first layer's inputs are then 255 times too large: divide by 255.",
                lambda images: images.reshape(len(images), -1).astype(np.float32),
            ),
            Mistake(
                "You divided by 256. The largest byte is 255: white is to become 1.",
                lambda images: images.reshape(len(images), -1).astype(np.float32) / 256,
            ),
            Mistake(
                "// divides whole numbers and drops the rest: nothing but 0 and 1 is left. Divide with /.",
                lambda images: (images.reshape(len(images), -1) // 255).astype(np.float32),
            ),
            Mistake(
                "The pixels of a row come column by column. Images are stored row by row: reshape(len(images), -1).",
                lambda images: images.transpose(0, 2, 1).reshape(len(images), -1).astype(np.float32) / 255,
            ),
            Mistake(
                "Each image is still a square. The layer wants 784 numbers in a row: reshape(len(images), -1).",
                lambda images: images.astype(np.float32) / 255,
            ),
            Mistake(
                "All images became one row. Keep the first axis: reshape(len(images), -1).",
                lambda images: images.reshape(-1).astype(np.float32) / 255,
            ),
            Mistake(
                "Pixels and images are exchanged: a row is an image.",
                lambda images: images.reshape(len(images), -1).astype(np.float32).T / 255,
            ),
            Mistake(
                "You divided each image by its largest pixel. All images are divided by the same 255.",
                lambda images: images.reshape(len(images), -1).astype(np.float32) / images.max(axis=(1, 2))[:, None],
            ),
            Mistake("You divided each image by the sum of its pixels. Divide by 255.", _sums_to_one),
        ],
    ),
    Exercise(
        name="07.confusion_matrix",
        task=(
            "Write confusion_matrix(labels, predictions, n_classes): an array of counts whose row is the true class "
            "and whose column is the predicted one."
        ),
        reference=confusion_matrix,
        cases=confusion_cases,
        mistakes=[
            Mistake(
                "counts[labels, predictions] += 1 adds one where a pair occurs, however often it does. np.add.at adds "
                "every time.",
                _counted_once,
            ),
            Mistake(
                "Rows and columns are exchanged: the row is what it is, the column what the network says.",
                lambda labels, predictions, n: confusion_matrix(predictions, labels, n),
            ),
            Mistake("The right answers are missing: they stand on the diagonal.", _only_mistakes),
            Mistake("These are shares of each row. Counts are asked for.", _shares_of_rows),
            Mistake(
                "The matrix has the size of the largest class that occurs. It has n_classes rows, also for classes "
                "that do not.",
                lambda labels, predictions, n: confusion_matrix(
                    labels, predictions, 1 + int(max(np.max(labels), np.max(predictions)))
                ),
            ),
        ],
    ),
]
