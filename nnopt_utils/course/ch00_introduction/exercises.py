"""Exercises of chapter 00: introduction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

# -- 00.accuracy -----------------------------------------------------------------------------------------------------


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(predictions == labels))


def accuracy_cases() -> list[tuple]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, size=40)
    # A quarter is replaced, most of it by other digits.
    predictions = np.where(np.arange(40) % 4 == 0, generator.integers(0, 10, size=40), labels)
    return [
        (np.array([7, 2, 1, 0, 4]), np.array([7, 2, 1, 0, 9])),
        (np.array([3, 3, 8, 5, 0, 0, 1, 6]), np.array([3, 8, 3, 6, 0, 6, 7, 5])),
        (predictions, labels),
    ]


# -- 00.scale_pixels -------------------------------------------------------------------------------------------------


def scale_pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def pixel_cases() -> list[tuple]:
    generator = np.random.default_rng(1)
    darkest = np.array([120, 200, 160]).reshape(3, 1, 1)
    return [
        # Pale images: the darkest grey is not 255 and not the same, and the lightest is not 0.
        (generator.integers(20, darkest, size=(3, 28, 28)).astype(np.uint8),),
        (generator.integers(0, 256, size=(2, 28, 28), dtype=np.uint8),),
    ]


# -- 00.number_of_steps ----------------------------------------------------------------------------------------------


def number_of_steps(n_samples: int, batch_size: int, epochs: int) -> int:
    return -(-n_samples // batch_size) * epochs


# -- 00.affordable_steps ---------------------------------------------------------------------------------------------


def operations_per_sample(layer_sizes: Sequence[int]) -> int:
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes)]
    return 6 * sum(weights) - 2 * weights[0]


def affordable_steps(budget: int, layer_sizes: Sequence[int], batch_size: int) -> int:
    return int(budget // (operations_per_sample(layer_sizes) * batch_size))


def _weights(layer_sizes: Sequence[int]) -> int:
    return sum(fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes))


def _n_parameters(layer_sizes: Sequence[int]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(layer_sizes))


EXERCISES = [
    Exercise(
        name="00.accuracy",
        task="Write accuracy(predictions, labels): return the share of predictions that equal their label, 0 to 1.",
        reference=accuracy,
        cases=accuracy_cases,
        mistakes=[
            Mistake(
                "That is the share of wrong answers, the error rate. Accuracy is the share of right ones.",
                lambda predictions, labels: float(np.mean(predictions != labels)),
            ),
            Mistake(
                "You counted the right answers. A share does not grow with the number of images: divide by it.",
                lambda predictions, labels: int(np.sum(predictions == labels)),
            ),
            Mistake(
                "You counted the wrong answers. Count the right ones, and divide by how many images there are.",
                lambda predictions, labels: int(np.sum(predictions != labels)),
            ),
            Mistake(
                "You multiplied a count by 100. First divide by the number of images; and no percent here: 0 to 1.",
                lambda predictions, labels: 100 * int(np.sum(predictions == labels)),
            ),
            Mistake(
                "You divided by the ten classes. The share is of the images: divide by how many there are.",
                lambda predictions, labels: float(np.sum(predictions == labels)) / 10,
            ),
            Mistake(
                "That is in percent. Here, as in the whole course, an accuracy is a number from 0 to 1.",
                lambda predictions, labels: 100 * float(np.mean(predictions == labels)),
            ),
            Mistake(
                "You return True or False for each image. One number is asked for: what share of them is True?",
                lambda predictions, labels: predictions == labels,
            ),
            Mistake(
                "That says whether all answers are right. How many are right, out of all?",
                lambda predictions, labels: bool(np.all(predictions == labels)),
            ),
            Mistake(
                "int() and // cut off everything after the point, and a share below 1 becomes 0: divide with /.",
                lambda predictions, labels: int(np.mean(predictions == labels)),
            ),
            Mistake(
                "You measured how far apart the digits are. They are names here, not amounts: a 3 taken for an 8 is as "
                "wrong as a 7 taken for an 8.",
                lambda predictions, labels: float(np.mean(np.abs(predictions - labels))),
            ),
        ],
        explanation="predictions == labels is an array of True and False; their mean is the share of True.",
    ),
    Exercise(
        name="00.loss_of_a_guess",
        task=(
            "Predict the cross-entropy loss of a network that gives each of 26 letters the same probability: "
            "replace None by a number, two digits after the point are enough."
        ),
        reference=float(np.log(26)),
        rtol=0.0,
        atol=0.012,  # two decimals: 3.25, 3.26 and 3.27
        mistakes=[
            Mistake("That is the loss for ten digits. How many letters are there to choose from?", float(np.log(10))),
            Mistake("That is the probability of the right letter. The loss is minus its logarithm.", 1 / 26),
            Mistake("That is how often the guess is wrong. The loss is minus the logarithm of a probability.", 25 / 26),
            Mistake("That is the logarithm to base 10. Losses use the natural one, np.log.", float(np.log10(26))),
            Mistake("That is in bits, to base 2. Losses use the natural logarithm, np.log.", float(np.log2(26))),
            Mistake("The logarithm of a probability is negative; the loss is minus that.", float(-np.log(26))),
        ],
        explanation="−ln(1/26) = ln 26 = 3.26. It is what a run has that has learned nothing.",
    ),
    Exercise(
        name="00.scale_pixels",
        task=(
            "Write scale_pixels(images): turn whole numbers 0 … 255 of shape (n, 28, 28) into real numbers from 0 to 1 "
            "of shape (n, 784), row after row."
        ),
        reference=scale_pixels,
        cases=pixel_cases,
        mistakes=[
            Mistake(
                "You divided each image by its own largest pixel. Then a pale digit and a dark one look alike, and the "
                "same grey means something else in every image. Divide by one fixed number.",
                lambda images: images.reshape(len(images), -1) / images.max(axis=(1, 2)).reshape(-1, 1),
            ),
            Mistake(
                "You divided by the largest pixel of these images. Other images then get another scale: training and "
                "test data would not match. The largest grey there can be is the same for all.",
                lambda images: images.reshape(len(images), -1) / images.max(),
            ),
            Mistake(
                "You stretched the greys so that the smallest becomes 0 and the largest 1. That depends on the images "
                "at hand: training and test data would not match.",
                lambda images: (images.reshape(len(images), -1) - images.min()) / (float(images.max()) - images.min()),
            ),
            Mistake(
                "You divided by 256, the number of greys. The largest one is 255, and it has to become 1.",
                lambda images: images.reshape(len(images), -1) / 256,
            ),
            Mistake(
                "Whole-number division leaves 0 for every grey below 255: the digits are gone. Divide with /.",
                lambda images: images.reshape(len(images), -1) // 255,
            ),
            Mistake(
                "The pixels are real numbers now, but still run up to 255: they are not scaled yet.",
                lambda images: images.reshape(len(images), -1).astype(float),
            ),
            Mistake(
                "The pixels stand column after column. Row after row is what reshape does by itself.",
                lambda images: images.transpose(0, 2, 1).reshape(len(images), -1) / 255,
            ),
            Mistake(
                "You mixed the images: reshape fills row after row, so the first axis must stay the image.",
                lambda images: images.reshape(784, -1).T / 255,
            ),
            Mistake(
                "Shape (784, n) has a row for each pixel, and reshape fills row after row: the images are cut up. Keep "
                "the first axis, n, and join the other two.",
                lambda images: images.reshape(784, -1) / 255,
            ),
            Mistake(
                "You moved the mean to 0 and the spread to 1. That is a good scaling, too, but not from 0 to 1, and it "
                "depends on the images at hand.",
                lambda images: (images.reshape(len(images), -1) - images.mean()) / images.std(),
            ),
        ],
    ),
    Exercise(
        name="00.number_of_steps",
        task=(
            "Write number_of_steps(n_samples, batch_size, epochs): how often fit changes the parameters. "
            "The last batch of an epoch may be smaller, and counts."
        ),
        reference=number_of_steps,
        cases=lambda: [(55_000, 32, 3), (100, 10, 2), (7, 10, 4), (100, 30, 5)],
        mistakes=[
            Mistake(
                "You dropped the last, smaller batch of each epoch. It makes a step as well: round up.",
                lambda n, batch_size, epochs: n // batch_size * epochs,
            ),
            Mistake(
                "A batch does not reach over the end of an epoch. Round up within one epoch first, then multiply.",
                lambda n, batch_size, epochs: -(-n * epochs // batch_size),
            ),
            Mistake(
                "One batch too many where the batches fit exactly, as 100 images in batches of 10 do.",
                lambda n, batch_size, epochs: (n // batch_size + 1) * epochs,
            ),
            Mistake(
                "round() forgets a last batch that is less than half full: always round up.",
                lambda n, batch_size, epochs: round(n / batch_size) * epochs,
            ),
            Mistake(
                "There is no such thing as a part of a step: the last, smaller batch makes a whole one.",
                lambda n, batch_size, epochs: n / batch_size * epochs,
            ),
            Mistake(
                "These are the steps of one epoch. Every epoch goes through all images again.",
                lambda n, batch_size, epochs: -(-n // batch_size),
            ),
            Mistake(
                "That would be one step an image. A step takes a whole batch.",
                lambda n, batch_size, epochs: n * epochs,
            ),
        ],
    ),
    Exercise(
        name="00.affordable_steps",
        task=(
            "Write affordable_steps(budget, layer_sizes, batch_size): how many whole training steps a budget of "
            "operations pays for."
        ),
        reference=affordable_steps,
        cases=lambda: [
            (12_601_600_000, [784, 64, 64, 10], 32),
            (1_000_000_000, [784, 10], 100),
            (10_000_000, [20, 30, 5], 7),
        ],
        mistakes=[
            Mistake(
                "That is the number of images. A step costs a whole batch of them.",
                lambda budget, sizes, batch_size: budget // operations_per_sample(sizes),
            ),
            Mistake(
                "You paid for the forward pass only. Training also goes backward, which costs almost twice as much.",
                lambda budget, sizes, batch_size: budget // (2 * _weights(sizes) * batch_size),
            ),
            Mistake(
                "You counted three products for every layer. The first one needs only two: nobody asks for the error "
                "signal of the pixels.",
                lambda budget, sizes, batch_size: budget // (6 * _weights(sizes) * batch_size),
            ),
            Mistake(
                "You counted the multiplications and forgot the additions: each weight costs two operations a product.",
                lambda budget, sizes, batch_size: 2 * budget // (operations_per_sample(sizes) * batch_size),
            ),
            Mistake(
                "You counted the biases like weights. They are added once: no product, and left out of this count.",
                lambda budget, sizes, batch_size: (
                    budget // ((6 * _n_parameters(sizes) - 2 * (sizes[0] + 1) * sizes[1]) * batch_size)
                ),
            ),
            Mistake(
                "The last step is not paid in full: round down.",
                lambda budget, sizes, batch_size: -(-budget // (operations_per_sample(sizes) * batch_size)),
            ),
            Mistake(
                "A part of a step cannot be taken: round down to whole steps.",
                lambda budget, sizes, batch_size: budget / (operations_per_sample(sizes) * batch_size),
            ),
        ],
    ),
]
