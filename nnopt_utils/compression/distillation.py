"""Distillation: a small network learns from the outputs of a large one, and from the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial, wraps
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._validation import (
    called_as,
    check_array,
    check_finite,
    check_number,
    check_positive,
    checked,
    core,
    describe,
)
from nnopt_utils.activations import softmax
from nnopt_utils.history import History
from nnopt_utils.losses import ClassLoss, ValueAndGradient, _check_classification, softmax_cross_entropy
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.training import Step, check_network_and_optimizer, check_training_data, fit

PIECE = 8192  # samples that a teacher is asked about at a time

Teacher = MLP | Sequence[MLP] | np.ndarray

_check_weight = partial(check_number, low=0.0, high=1.0)
_cross_entropy, _softmax = core(softmax_cross_entropy), core(softmax)


# -- the loss --------------------------------------------------------------------------------------------------------


def _a_logit_for_each(formula: Callable[..., ValueAndGradient]) -> Callable[..., ValueAndGradient]:
    """Decorate: the teacher's logits have the shape and dtype of the student's."""

    @wraps(formula)
    def public(
        logits: Any, labels: Any, teacher_logits: Any, temperature: Any = 4.0, weight: Any = 0.9
    ) -> ValueAndGradient:
        logits = check_array("logits", logits, ndim=2)
        teacher_logits = check_array("teacher_logits", teacher_logits, shape=logits.shape)
        return formula(logits, labels, teacher_logits.astype(logits.dtype, copy=False), temperature, weight)

    return public


@_a_logit_for_each
@checked(_check_classification, temperature=check_positive, weight=_check_weight)
def distillation_loss(
    logits: np.ndarray,
    labels: np.ndarray,
    teacher_logits: np.ndarray,
    temperature: float = 4.0,
    weight: float = 0.9,
) -> ValueAndGradient:
    r"""Cross-entropy with the labels, and with what a teacher holds probable at a temperature T; mean over samples.

    With p the softmax of the student's logits z, p̃ that of z/T, and q̃ that of the teacher's v/T, it is

    .. math::

        \ell = -\frac1n \sum_{ij} \left((1 - w)\, y_{ij} \ln p_{ij} + w\, T^2\, \tilde q_{ij} \ln \tilde p_{ij}\right)

    A high temperature shows how probable the teacher holds the wrong classes. The second term's gradient falls like
    1/T², once for the logits that are divided, once for probabilities that come near each other: T² makes up for it,
    and w keeps its meaning when T changes. For a T far above all logits, the second term's gradient is that of half
    the squared error of the logits, each row less its mean, divided by K.

    Args:
        logits: z, the student's, (n, K), K ≥ 2.
        labels: y: 0 … K − 1, (n,), or rows of probabilities, (n, K).
        teacher_logits: v, (n, K).
        temperature: T > 0; default 4.
        weight: w in [0, 1], of the teacher; default 0.9.

    Returns:
        The loss and its gradient :math:`\nabla\ell = \frac1n ((1 - w) (p - y) + w\, T (\tilde p - \tilde q))`.

    Raises:
        TypeError: an argument is not an array of real numbers, or no number.
        ValueError: an argument is empty, holds a NaN or infinite value, the shapes do not fit, a label or number is out
            of range.

    Example:
        >>> value, gradient = distillation_loss([[0.0, 0.0]], [0], [[8.0, 0.0]], temperature=4.0, weight=0.5)
        >>> round(value, 6)                             # (ln 2 + 4² ln 2) / 2
        5.891751
        >>> gradient.round(4).tolist()                  # (p − y) / 2 and 4 (p − q) / 2, with q = softmax(2, 0)
        [[-1.0116, 1.0116]]

    Warning:
        A cross-entropy, not a divergence: it is not 0 where student and teacher agree, but has the same gradient. Keras
        3.15.1's ``LogitsDistillation(T, loss=keras.losses.KLDivergence())`` has T² and this gradient for w = 1. Its
        default, the name ``"kl_divergence"``, takes neither a softmax nor T²: it compares the logits themselves.
        Keras's example "Knowledge distillation" (2020) was without T² at first, on purpose, and other code is still.
        PyTorch's ``kl_div`` divides by nK unless told ``reduction="batchmean"``: the term is then too small by K.

    Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015,
    https://arxiv.org/abs/1503.02531, section 2 (there without w).
    """
    value, gradient = _cross_entropy(logits, labels)
    soft_value, soft_gradient = _cross_entropy(logits / temperature, _softmax(teacher_logits / temperature))
    total = (1 - weight) * value + weight * temperature**2 * soft_value
    return total, (1 - weight) * gradient + weight * temperature * soft_gradient


# -- the teacher -----------------------------------------------------------------------------------------------------


def teacher_logits(teacher: MLP | Sequence[MLP], x: np.ndarray) -> np.ndarray:
    r"""Return the logits of a teacher, in pieces of 8,192 samples; of several, the mean of their logits.

    The softmax of a mean of logits is the geometric mean of their probabilities, scaled to sum to 1, at every
    temperature alike.

    Args:
        teacher: a network of classes, or several of the same inputs and classes.
        x: inputs, (n, n_in).

    Returns:
        (n, K).

    Raises:
        TypeError, ValueError: what is no such network; networks that differ in their inputs or outputs; inputs that
            do not fit.

    Example:
        >>> teacher_logits(MLP([2, 3], initializer="zeros"), np.ones((4, 2))).shape
        (4, 3)

    Source: as :func:`distillation_loss`, section 1, which names this mean and the arithmetic one.
    """
    networks = _check_teachers(teacher)
    x = check_array("x", x, shape=(None, networks[0].layer_sizes[0]))
    total = np.zeros((len(x), networks[0].layer_sizes[-1]), np.result_type(*(network.dtype for network in networks)))
    for network in networks:
        for start in range(0, len(x), PIECE):
            total[start : start + PIECE] += network.forward(x[start : start + PIECE])
    return total / total.dtype.type(len(networks))


def _check_teachers(teacher: Any) -> list[MLP]:
    networks = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    for network in networks:
        if not isinstance(network, MLP):
            raise TypeError(f"teacher: got {describe(teacher)}; expected an MLP, several, or an array of logits")
        _check_classifies("teacher", network)
    ends = {(network.layer_sizes[0], network.layer_sizes[-1]) for network in networks}
    if len(ends) != 1:
        found = ", ".join(f"{n_in} → {n_out}" for n_in, n_out in sorted(ends)) or "none"
        raise ValueError(f"teacher: got networks of inputs → classes {found}; expected one or more, all of the same")
    return networks


def _check_classifies(name: str, network: MLP) -> None:
    if not isinstance(network.loss_function, ClassLoss):
        raise ValueError(
            f"{name}: got a network with loss {network.loss_function.name!r}; expected one of classes, "
            "loss='cross_entropy'"
        )


def _logits_for(student: MLP, teacher: Any, x: np.ndarray) -> np.ndarray:
    """The teacher's logits, an array that was computed before or not, in the student's dtype."""
    if isinstance(teacher, np.ndarray):
        logits = check_array("teacher", teacher, shape=(len(x), student.layer_sizes[-1]))
    else:
        networks = _check_teachers(teacher)
        theirs, ours = ((n.layer_sizes[0], n.layer_sizes[-1]) for n in (networks[0], student))
        if theirs != ours:
            raise ValueError(
                f"teacher: got {theirs[0]} inputs and {theirs[1]} classes; expected {ours[0]} and {ours[1]}, "
                "those of the student"
            )
        logits = teacher_logits(networks, x)
        check_finite("logits of the teacher", logits)
    return logits.astype(student.dtype, copy=False)


# -- training --------------------------------------------------------------------------------------------------------


@called_as(
    "distill(student, teacher, optimizer, (x, y), temperature=4.0, weight=0.9)",
    T="temperature",
    alpha="weight, which is the teacher's share, 1 − alpha in Keras's example",
    student_loss_weight="weight, which is the teacher's share, 1 − student_loss_weight",
    teacher_logits="teacher, which may be an array of logits",
    lr="SGD(learning_rate=…), which is the optimizer's",
    learning_rate="SGD(learning_rate=…), which is the optimizer's",
    verbose="progress",
)
def distill(
    student: MLP,
    teacher: Teacher,
    optimizer: Optimizer,
    data: Any,
    temperature: float = 4.0,
    weight: float = 0.9,
    epochs: int = 10,
    batch_size: int = 128,
    seed: int | np.random.Generator = 0,
    *,
    history: History | None = None,
    callback: Callable[[Step], Any] | None = None,
    progress: bool = True,
    blas_threads: int | None = 1,
) -> History:
    """Train a student on a teacher's outputs and on the labels, with :func:`distillation_loss`; it changes in place.

    This is ``fit`` with another loss (plus the student's L2 penalty, if it has one). The teacher is asked once, before
    training. Validation is by the student's own loss on labels, and its accuracy. Of a compressed student the free
    numbers are trained.

    Args:
        student: a network of classes, compressed or not.
        teacher: a network of classes, several (the mean of their logits, see :func:`teacher_logits`), or an array of
            logits, (n, K), for the training data in their order.
        optimizer, data, seed, history, callback, progress, blas_threads: as of ``fit``.
        temperature: T > 0; default 4.
        weight: w in [0, 1], of the teacher; default 0.9.
        epochs: how many in all, >= 1; default 10.
        batch_size: B >= 1; default 128.

    Returns:
        The history; its ``step_losses`` are those of the distillation loss.

    Raises:
        DivergenceError: as of ``fit``; the student keeps the steps that were taken.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> x = np.array([[0.0], [1.0]])
        >>> student = MLP([1, 2], seed=0)
        >>> logits = np.array([[4.0, 0.0], [0.0, 4.0]])                 # of a teacher
        >>> history = distill(student, logits, SGD(1.0), (x, np.array([0, 1])), epochs=500, progress=False)
        >>> bool(np.abs(np.diff(student.forward(x)).ravel() - [-4, 4]).max() < 0.5)
        True

    Warning:
        Keras's ``Distiller`` has a weight of the labels, ``student_loss_weight``: 1 − w, default 0.5. It asks the
        teacher at every batch, which costs more the larger it is, and suits data that change from epoch to epoch.

    Source: as :func:`distillation_loss`.
    """
    check_network_and_optimizer(student, optimizer, epochs)
    _check_classifies("student", student)
    temperature, weight = check_positive("temperature", temperature), _check_weight("weight", weight)
    x, labels, validation = check_training_data(student, data)
    with threadpool_limits(blas_threads, user_api="blas"):
        lesson = _together(labels, _logits_for(student, teacher, x))
    with _taught(student, temperature, weight):
        return fit(
            student,
            optimizer,
            (x, lesson, *(validation or ())),
            epochs,
            batch_size,
            seed,
            history=history,
            callback=callback,
            progress=progress,
            blas_threads=blas_threads,
        )


def _together(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Labels and logits as one array with a row a sample, which ``fit`` takes its batches from."""
    dtype = [("labels", labels.dtype, labels.shape[1:]), ("logits", logits.dtype, logits.shape[1:])]
    lesson = np.empty(len(labels), dtype)
    lesson["labels"], lesson["logits"] = labels, logits
    return lesson


@contextmanager
def _taught(student: MLP, temperature: float, weight: float) -> Iterator[None]:
    """Within it, the student's loss takes lessons, too; afterwards it is its own again, whatever happened."""
    own = student.loss_function
    student.loss_function = _Taught(own.name, own.function, own.curvature, temperature, weight)
    try:
        yield
    finally:
        student.loss_function = own


@dataclass(frozen=True)
class _Taught(ClassLoss):
    """The student's loss while it is taught: targets with a teacher's logits beside the labels are a lesson.

    Of labels alone, as in validation and in callbacks, it is what it was.
    """

    temperature: float
    weight: float

    @cached_property
    def core(self) -> Callable[..., ValueAndGradient]:
        def value_and_gradient(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
            if not _is_lesson(targets):
                return core(self.function)(outputs, targets)
            labels, logits = targets["labels"], targets["logits"]
            return core(distillation_loss)(outputs, labels, logits, self.temperature, self.weight)

        return value_and_gradient

    @cached_property
    def curvature_core(self) -> Callable[..., np.ndarray]:
        """T² and the two divisions by T cancel: of the soft term it is the curvature at z/T."""
        bare = core(self.curvature)

        def times(outputs: np.ndarray, targets: np.ndarray, r: np.ndarray) -> np.ndarray:
            if not _is_lesson(targets):
                return bare(outputs, targets, r)
            labels, w = targets["labels"], self.weight
            return (1 - w) * bare(outputs, labels, r) + w * bare(outputs / self.temperature, labels, r)

        return times

    def check_targets(self, name: str, targets: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A lesson was made of what had been checked."""
        return targets if _is_lesson(targets) else super().check_targets(name, targets, shape, dtype)

    def is_right(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return super().is_right(outputs, targets["labels"] if _is_lesson(targets) else targets)


def _is_lesson(targets: Any) -> bool:
    return isinstance(targets, np.ndarray) and targets.dtype.names == ("labels", "logits")
