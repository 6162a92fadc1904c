"""Exercises of chapter 02: loss functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

# -- 02.log_softmax --------------------------------------------------------------------------------------------------


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _log_softmax_over_all(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def _log_softmax_down_columns(logits: np.ndarray) -> np.ndarray:
    return log_softmax(logits.T).T


def _one_shift_for_all(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _unshifted(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _log_of_unshifted(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return np.log(exponentials / exponentials.sum(axis=1, keepdims=True))


def _shift_not_undone(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _clipped_log(logits: np.ndarray) -> np.ndarray:
    return np.log(np.clip(_softmax(logits), 1e-7, 1.0))


def _shifted_by(which: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The log-softmax with another shift than the largest logit: right until exp overflows, or all of it underflows."""

    def answer(logits: np.ndarray) -> np.ndarray:
        shifted = logits - which(logits)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    return answer


def _row_mean(logits: np.ndarray) -> np.ndarray:
    return logits.mean(axis=1, keepdims=True)


# Exponentials overflow if what is subtracted is the mean (rows 1, 2), the median (1 to 3), the first or the last logit.
_SPREAD = np.array(
    [
        [1000.0, -1000.0, 0.0, -1000.0, -1000.0],
        [-1000.0, 1000.0, -999.0, -1000.0, -1000.0],
        [0.0, 3.0, 2.0, 1.0, 800.0],
        [900.0, 890.0, 880.0, 870.0, 100.0],
    ]
)


def log_softmax_cases() -> list[tuple]:
    generator = np.random.default_rng(2)
    return [
        (np.array([[1.0, 2.0, 0.5], [-0.3, 0.1, 4.0]]),),
        (generator.normal(0.0, 3.0, size=(4, 5)),),
        (np.array([[0.0, 1000.0, 998.0], [-2000.0, -2001.0, -2500.0]]),),
        (_SPREAD.copy(),),
    ]


# -- 02.cross_entropy and its gradient -------------------------------------------------------------------------------


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def _one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    return np.eye(n_classes)[labels]


def cross_entropy_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (_softmax(logits) - _one_hot(labels, logits.shape[1])) / len(labels)


def _all_classes(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits)[:, labels].mean())


def _mean_over_everything(logits: np.ndarray, labels: np.ndarray) -> float:
    return cross_entropy(logits, labels) / logits.shape[1]


def _wins_instead_of_label(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits).max(axis=1).mean())


def _log_of_mean(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(_softmax(logits)[np.arange(len(labels)), labels].mean()))


def _double_softmax(logits: np.ndarray, labels: np.ndarray) -> float:
    return cross_entropy(_softmax(logits), labels)


def _binary_terms_too(logits: np.ndarray, labels: np.ndarray) -> float:
    p, y = _softmax(logits), _one_hot(labels, logits.shape[1])
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1).mean())


def cross_entropy_cases() -> list[tuple]:
    generator = np.random.default_rng(3)
    return [
        (np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]]), np.array([0, 2])),
        (generator.normal(0.0, 2.0, size=(5, 4)), np.array([3, 1, 0, 1, 2])),
    ]


def stable_cross_entropy_cases() -> list[tuple]:
    return [
        *cross_entropy_cases(),
        (np.array([[0.0, 800.0, 3.0], [1.0, 0.0, 2.0], [0.0, 3.0, 900.0]]), np.array([0, 1, 2])),
        (_SPREAD.copy(), np.array([2, 1, 0, 2])),
    ]


def _cross_entropy_shifted_by_the_mean(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-_shifted_by(_row_mean)(logits)[np.arange(len(labels)), labels].mean())


def _gradient_from(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (probabilities - _one_hot(labels, probabilities.shape[1])) / len(labels)


def _unshifted_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return _gradient_from(exponentials / exponentials.sum(axis=1, keepdims=True), labels)


def _gradient_shifted_by_the_mean(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - _row_mean(logits))
    return _gradient_from(exponentials / exponentials.sum(axis=1, keepdims=True), labels)


def _only_the_right_class(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return cross_entropy_gradient(logits, labels) * _one_hot(labels, logits.shape[1])


def _target_divided_by_n(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return _softmax(logits) - _one_hot(labels, logits.shape[1]) / len(labels)


def _unstable_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    exponentials = np.exp(logits)
    p = exponentials / exponentials.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


def _log_of_softmax(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(_softmax(logits)[np.arange(len(labels)), labels]).mean())


def _clipped_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-_clipped_log(logits)[np.arange(len(labels)), labels].mean())


def _label_column_of_every_row(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    p = _softmax(logits)
    p[:, labels] -= 1
    return p / len(labels)


def _class_number_subtracted(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (_softmax(logits) - labels[:, None]) / len(labels)


def _with_sigmoid_slope(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    p = _softmax(logits)
    return p * (1 - p) * cross_entropy_gradient(logits, labels)


def _derivative_by_p(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    p, y = _softmax(logits), _one_hot(labels, logits.shape[1])
    return -y / p / len(labels)


def _logits_minus_targets(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (logits - _one_hot(labels, logits.shape[1])) / len(labels)


# -- 02.huber_loss ---------------------------------------------------------------------------------------------------


def huber_loss(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = np.abs(outputs - targets)
    return float(np.where(e <= delta, 0.5 * e**2, delta * (e - 0.5 * delta)).mean())


def _with_a_jump(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = np.abs(outputs - targets)
    return float(np.where(e <= delta, 0.5 * e**2, delta * e).mean())


def _slope_one(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = np.abs(outputs - targets)
    return float(np.where(e <= delta, 0.5 * e**2, e - 0.5 * delta).mean())


def _no_half(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = np.abs(outputs - targets)
    return float(np.where(e <= delta, e**2, delta * (e - 0.5 * delta)).mean())


def _cases_swapped(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = np.abs(outputs - targets)
    return float(np.where(e > delta, 0.5 * e**2, delta * (e - 0.5 * delta)).mean())


def _sign_forgotten(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = outputs - targets
    return float(np.where(e <= delta, 0.5 * e**2, delta * (e - 0.5 * delta)).mean())


def _straight_piece_signed(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    e = outputs - targets
    return float(np.where(np.abs(e) <= delta, 0.5 * e**2, delta * (e - 0.5 * delta)).mean())


def _clipped_square(outputs: np.ndarray, targets: np.ndarray, delta: float) -> float:
    return float((0.5 * np.minimum(np.abs(outputs - targets), delta) ** 2).mean())


def huber_cases() -> list[tuple]:
    generator = np.random.default_rng(5)
    return [
        (np.array([0.5, 4.0, -3.0, 1.0]), np.array([0.0, 1.0, 2.0, 1.2]), 1.5),
        (generator.normal(0.0, 2.0, size=9), generator.normal(0.0, 2.0, size=9), 0.7),
    ]


EXERCISES = [
    Exercise(
        name="02.uniform_guess",
        task="Predict the cross-entropy of a classifier that gives each of 1000 classes the same probability, to two "
        "decimals: replace None by your number.",
        reference=float(np.log(1000)),
        rtol=0.0,
        atol=0.005,  # two decimals
        mistakes=[
            Mistake("That is the logarithm to base 10. The loss uses the natural logarithm.", 3.0),
            Mistake(
                "That is the logarithm to base 2: the loss in bits. Ours uses the natural logarithm.",
                lambda answer: abs(answer - np.log2(1000)) < 0.02,
                example=9.97,
            ),
            Mistake("That is the probability of one class. The loss is minus its logarithm.", 0.001),
            Mistake(
                "That is the loss for 10 classes. How does it grow with their number?",
                lambda answer: abs(answer - np.log(10)) < 0.01,
                example=2.30,
            ),
            Mistake("That is the share of wrong answers, which is another measure than the loss.", 0.999),
            Mistake(
                "The sign: a probability below 1 has a negative logarithm, and the loss is minus that.",
                lambda answer: abs(answer + np.log(1000)) < 0.02,
                example=-6.91,
            ),
        ],
        explanation="−ln(1/1000) = ln 1000 = 6.91. Where the first loss of a new network is far above that, look at "
        "the scale of its weights and inputs.",
    ),
    Exercise(
        name="02.log_softmax",
        task="Write stable_log_softmax(logits) for logits of shape (n, K): z minus the log-sum-exp of its row, right "
        "for logits of ±1000, too.",
        reference=log_softmax,
        cases=log_softmax_cases,
        mistakes=[
            Mistake(
                "It works for small logits, but exp(1000) overflows. Subtract each row's largest logit first: "
                "it changes "
                "nothing and keeps every exponential at 1 or less.",
                _unshifted,
            ),
            Mistake(
                "exp(1000) overflows, and the logarithm of finished probabilities would break on a 0 besides. Subtract "
                "each row's largest logit first, and the log-sum-exp instead of dividing.",
                _log_of_unshifted,
            ),
            Mistake(
                "You subtracted each row's mean. A logit far above it, as in (1000, −1000, 0), still overflows. "
                "Subtract the largest: then no exponential is above 1.",
                _shifted_by(_row_mean),
            ),
            Mistake(
                "You subtracted each row's median. A logit far above it, as in (1000, −1000, 0), still overflows. "
                "Subtract the largest: then no exponential is above 1.",
                _shifted_by(lambda logits: np.median(logits, axis=1, keepdims=True)),
            ),
            Mistake(
                "You subtracted each row's last logit. Another far above it, as in (0, 1000, −1000), still overflows. "
                "Subtract the largest: then no exponential is above 1.",
                _shifted_by(lambda logits: logits[:, -1:]),
            ),
            Mistake(
                "You subtracted each row's first logit. Another far above it, as in (0, 3, 900), still overflows. "
                "Subtract the largest: then no exponential is above 1.",
                _shifted_by(lambda logits: logits[:, :1]),
            ),
            Mistake(
                "A small number was added inside the logarithm. It hides the infinity, and a probability that has "
                "rounded to 0 stays lost: subtract the log-sum-exp from the logits instead.",
                lambda logits: np.log(_softmax(logits) + 1e-7),
            ),
            Mistake(
                "That is the logarithm to base 10. The loss uses the natural logarithm.",
                lambda logits: log_softmax(logits) / np.log(10),
            ),
            Mistake(
                "That is the logarithm to base 2. The loss uses the natural logarithm.",
                lambda logits: log_softmax(logits) / np.log(2),
            ),
            Mistake(
                "You took the logarithm of finished probabilities. One that has rounded to 0 is lost: subtract the "
                "log-sum-exp from the logits instead of dividing.",
                lambda logits: np.log(_softmax(logits)),
            ),
            Mistake(
                "Clipping hides the infinity and reports −16.1 where the truth is −1000. Stay with the logits.",
                _clipped_log,
            ),
            Mistake(
                "You normalised over the whole matrix. Each row is a sample of its own: use axis=1, keepdims=True.",
                _log_softmax_over_all,
            ),
            Mistake(
                "You normalised down the columns, over the samples. The classes are in a row: axis=1.",
                _log_softmax_down_columns,
            ),
            Mistake(
                "What you subtracted lies far above a whole row of logits, so all its exponentials underflow, and the "
                "logarithm is that of 0. Shift every row by its own largest, not by that of the whole matrix.",
                _one_shift_for_all,
                key="you-shifted-by-the-largest-logit-of",
            ),
            Mistake(
                "You shifted inside the sum only. What is subtracted inside the exponentials must also leave "
                "outside: the "
                "results are off by each row's largest logit.",
                _shift_not_undone,
            ),
            Mistake(
                "These are the probabilities. Their logarithm is asked for, and directly from the logits.",
                _softmax,
            ),
        ],
        explanation="The largest shifted logit is 0, so the sum lies between 1 and K: nothing overflows, no log of 0.",
    ),
    Exercise(
        name="02.cross_entropy",
        task="Write cross_entropy(logits, labels): the mean over the samples of minus the log-softmax of the "
        "right class.",
        reference=cross_entropy,
        cases=stable_cross_entropy_cases,
        mistakes=[
            Mistake(
                "exp(800) overflows. Work from the logits with the shifted log-sum-exp of the last exercise.",
                _unstable_cross_entropy,
            ),
            Mistake(
                "The probability of a very wrong answer rounds to 0, and its logarithm is minus infinity. Never "
                "take the "
                "logarithm of a finished softmax: compute the log-softmax.",
                _log_of_softmax,
            ),
            Mistake(
                "A small number was added inside the logarithm. It hides the infinity, and the loss stops however "
                "wrong the answer is: compute the log-softmax from the logits.",
                lambda logits, labels: float(-np.log(_softmax(logits)[np.arange(len(labels)), labels] + 1e-7).mean()),
            ),
            Mistake(
                "You clipped the probabilities. The loss then stops at 16.1 however wrong the answer is.",
                _clipped_cross_entropy,
            ),
            Mistake(
                "You subtracted each row's mean, and a logit far above it still overflows. Subtract its largest.",
                _cross_entropy_shifted_by_the_mean,
            ),
            Mistake(
                "Indexing with [:, labels] takes those columns of every row, a matrix of (n, n). One entry a row is "
                "wanted: [np.arange(n), labels].",
                _all_classes,
            ),
            Mistake(
                "With [:, labels] the sum runs over a whole matrix of (n, n): those columns of every row. Take "
                "one entry "
                "a row, [np.arange(n), labels].",
                lambda logits, labels: len(labels) * _all_classes(logits, labels),
            ),
            Mistake(
                "The labels are off by one. They count from 0, as indices do; and index -1 is the last class, without "
                "an error.",
                lambda logits, labels: cross_entropy(logits, labels - 1),
            ),
            Mistake(
                "You averaged over samples and classes. Only one class of each sample counts: divide by n, not by n·K.",
                _mean_over_everything,
            ),
            Mistake(
                "You summed over the samples. Then the loss, and with it the step, grows with the batch: take "
                "the mean.",
                lambda logits, labels: len(labels) * cross_entropy(logits, labels),
            ),
            Mistake(
                "You took the most probable class of each row. The right class counts, also when it does not win.",
                _wins_instead_of_label,
            ),
            Mistake(
                "You averaged the probabilities and then took the logarithm. The mean of the logarithms is "
                "wanted: each "
                "sample's loss counts by itself.",
                _log_of_mean,
            ),
            Mistake(
                "Two softmaxes: the logits were turned into probabilities, and these were taken for logits.",
                _double_softmax,
            ),
        ],
    ),
    Exercise(
        name="02.cross_entropy_gradient",
        task="Write cross_entropy_gradient(logits, labels): the gradient of the mean cross-entropy with respect to the "
        "logits, of their shape.",
        reference=cross_entropy_gradient,
        cases=stable_cross_entropy_cases,
        mistakes=[
            Mistake(
                "The sign is turned: this is the direction down. The gradient points up the loss, so it is "
                "positive for "
                "a wrong class.",
                lambda logits, labels: -cross_entropy_gradient(logits, labels),
            ),
            Mistake(
                "The 1/n of the mean is missing. With a sum the step would grow with the batch.",
                lambda logits, labels: len(labels) * cross_entropy_gradient(logits, labels),
            ),
            Mistake(
                "exp(800) overflows, and the quotient is not a number. Subtract each row's largest logit first.",
                _unshifted_gradient,
            ),
            Mistake(
                "You subtracted each row's mean, and a logit far above it still overflows. Subtract its largest.",
                _gradient_shifted_by_the_mean,
            ),
            Mistake(
                "Only the right class has its entry. The probabilities of the others move too: p is their gradient.",
                _only_the_right_class,
            ),
            Mistake(
                "Only the target was divided by n. Both belong to the mean: (p − y)/n.",
                _target_divided_by_n,
            ),
            Mistake(
                "You also divided by the number of classes. The loss is a mean over the samples only.",
                lambda logits, labels: cross_entropy_gradient(logits, labels) / logits.shape[1],
            ),
            Mistake(
                "The target is missing: these are the probabilities over n. At the right class 1 has to go.",
                lambda logits, labels: _softmax(logits) / len(labels),
            ),
            Mistake(
                "p[:, labels] -= 1 changes those columns in every row. One entry a row: p[np.arange(n), labels] -= 1.",
                _label_column_of_every_row,
            ),
            Mistake(
                "You subtracted 1 from every class. Only the right one has the target 1: the others keep their p.",
                lambda logits, labels: (_softmax(logits) - 1) / len(labels),
            ),
            Mistake(
                "You subtracted the number of the class from every probability. A label is a name, not a quantity: "
                "turn it into a one-hot row first.",
                _class_number_subtracted,
            ),
            Mistake(
                "There is a factor p(1 − p) too many. The derivative of the softmax is already in p − y: the logarithm "
                "cancels it. That is what makes cross-entropy fast when it is wrong.",
                _with_sigmoid_slope,
            ),
            Mistake(
                "That is the derivative with respect to the probabilities, −y/p. Go on through the softmax to "
                "the logits.",
                _derivative_by_p,
            ),
            Mistake(
                "You subtracted the targets from the logits. First turn the logits into probabilities.",
                _logits_minus_targets,
            ),
        ],
        explanation="(p − y)/n: each row sums to 0, and no entry is larger than 1/n.",
    ),
    Exercise(
        name="02.huber_loss",
        task="Write huber_loss(outputs, targets, delta): the mean over the samples of ½e² where |e| ≤ delta, and of "
        "delta·(|e| − ½·delta) beyond.",
        reference=huber_loss,
        cases=huber_cases,
        mistakes=[
            Mistake(
                "The two pieces do not meet: at |e| = delta the loss jumps. The straight piece starts at ½·delta².",
                _with_a_jump,
            ),
            Mistake(
                "The straight piece has slope 1. It must go on with the slope that the parabola has at delta.",
                _slope_one,
            ),
            Mistake("The ½ of the parabola is missing: then the two pieces do not meet.", _no_half),
            Mistake("The pieces are swapped: the parabola belongs to the small errors.", _cases_swapped),
            Mistake(
                "Large negative errors were squared: compare the size of the error, |e|, with delta.",
                _sign_forgotten,
            ),
            Mistake(
                "In the straight piece the sign was forgotten: it grows with the size of the error, |e|.",
                _straight_piece_signed,
            ),
            Mistake(
                "You clipped the error: beyond delta the loss is constant, and an outlier pulls with no force at all. "
                "Huber's loss goes on, as a straight line.",
                _clipped_square,
            ),
            Mistake(
                "You summed over the samples. The mean is asked for.",
                lambda outputs, targets, delta: len(outputs) * huber_loss(outputs, targets, delta),
            ),
        ],
    ),
]
