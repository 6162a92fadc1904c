"""Training: ``fit`` a network to data, ``minimize`` a function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._bars import progress_bar
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._objective import Objective, check_objective
from nnopt_utils._validation import as_generator, called_as, check_array, check_integer, describe
from nnopt_utils.history import History, Trajectory
from nnopt_utils.networks import MLP, Cut, Evaluation
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer


class DivergenceError(ArithmeticError):
    """The loss or the gradient stopped being finite. ``history`` is the record up to there.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = np.array([[0.0], [100.0]]), np.array([0.0, 100.0])
        >>> try:
        ...     fit(MLP([1, 1], loss="mse"), SGD(learning_rate=1.0), (x, y), epochs=100, batch_size=2, progress=False)
        ... except DivergenceError as error:
        ...     print(str(error)[:17], len(error.history.step_losses) > 0)
        training diverged True
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Step(NamedTuple):
    """What a callback is given after each step of ``fit``.

    Attributes:
        t: the step's number in the run, from 1; an epoch has ``history.steps_per_epoch`` of them.
        epoch: the number of its epoch, from 1.
        loss: of its mini-batch, at the parameters before the step.
        gradient: g, that the step was taken with.
        network, optimizer: after the step.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = np.array([[0.0], [1.0]]), np.array([0, 1])
        >>> def stop_when_good(step):
        ...     return step.loss < 0.5
        >>> history = fit(MLP([1, 2]), SGD(learning_rate=1.0), (x, y), 50, callback=stop_when_good, progress=False)
        >>> history.interrupted, history.step_losses[-1] < 0.5
        (True, True)
    """

    t: int
    epoch: int
    loss: float
    gradient: np.ndarray
    network: MLP
    optimizer: Optimizer


def batches(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the mini-batches of an epoch as ``fit`` takes them: every sample once, in an order of the epoch's own.

    Args:
        n_samples: n >= 1.
        batch_size: B >= 1.
        seed: of the run, an integer >= 0.
        epoch: its number, from 1: epoch e is shuffled from (seed, e).

    Returns:
        Arrays of indices, B in each; the last one may be smaller.

    Raises:
        TypeError, ValueError: a number that is no integer or out of its range.

    Example:
        >>> batches(5, batch_size=2, seed=0, epoch=1)
        [array([1, 4]), array([3, 0]), array([2])]
    """
    for name, value, low in (("n_samples", n_samples, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
        check_integer(name, value, low=low)
    # From 1: default_rng([seed, 0]) is default_rng(seed), which drew the network's weights.
    check_integer("epoch", epoch, low=1)
    order = np.random.default_rng([seed, epoch]).permutation(n_samples)
    return [order[start : start + batch_size] for start in range(0, n_samples, batch_size)]


@called_as(
    "fit(network, optimizer, (x, y), epochs=10, batch_size=32), x and y as one argument",
    validation_data="data=(x, y, x_val, y_val)",
    validation_split="data=(x, y, x_val, y_val)",
    callbacks="callback",
    verbose="progress",
    n_epochs="epochs",
    num_epochs="epochs",
    max_epochs="epochs",
    steps="epochs",
    lr="SGD(learning_rate=…), which is the optimizer's",
    learning_rate="SGD(learning_rate=…), which is the optimizer's",
    random_state="seed",
)
def fit(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int | np.random.Generator = 0,
    *,
    history: History | None = None,
    callback: Callable[[Step], Any] | None = None,
    progress: bool = True,
    blas_threads: int | None = 1,
) -> History:
    r"""Train a network on mini-batches; its parameters change in place.

    Each epoch draws a new order of the samples, cuts it into mini-batches of B and steps once a batch:
    :math:`\theta \leftarrow \text{optimizer}(\theta, \nabla J_{\text{batch}}(\theta))`. Validation is at the
    optimizer's ``evaluation_parameters``: θ, or an average of it where the optimizer keeps one.

    Args:
        network: what to train.
        optimizer: takes the steps: a new one, or one that has trained this network, whose state goes on from where it
            is.
        data: a ``Dataset`` (its test set is never touched), ``(x, y)``, or ``(x, y, x_val, y_val)``.
        epochs: how many epochs in all, >= 1; default 10.
        batch_size: B >= 1; default 32. ``len(x)`` gives full-batch gradient descent.
        seed: fixes the order of the samples; see :func:`batches`.
        history: of an earlier, shorter or interrupted call with the same data: training goes on there, exactly as if
            it had never stopped (``seed`` is then the history's own). Its record is extended in place.
        callback: called with a :class:`Step` after every step; if it returns ``True`` training stops.
        progress: show a progress bar, if it takes longer than half a second.
        blas_threads: limit of BLAS threads during the call; default 1 (small products lose time with more);
            ``None`` for no limit.

    Returns:
        The history. An interrupt (Ctrl-C, or the stop button) ends the run after the step under way and returns
        what there is; give it back as ``history`` to go on.

    Raises:
        DivergenceError: the loss or gradient stopped being finite; names epoch, step, rate and what to try.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> x = np.array([[0.0], [1.0]]); y = np.array([0, 1])
        >>> network = MLP([1, 2], seed=0)
        >>> history = fit(network, SGD(learning_rate=1.0), (x, y), epochs=50, batch_size=2, progress=False)
        >>> history.epoch, network.predict(x)
        (50, array([0, 1]))

    Warning:
        Keras's ``fit`` reports the accuracy of the training batches under way; here only the validation set is
        judged, after the epoch. Keras keeps the last, smaller batch, as here; many PyTorch loops drop it.
    """
    check_network_and_optimizer(network, optimizer, epochs)
    x, y, validation = check_training_data(network, data)
    check_integer("epochs", epochs, low=1)
    check_integer("batch_size", batch_size, low=1)
    if blas_threads is not None:
        check_integer("blas_threads", blas_threads, low=1)
    if history is None:
        check_belongs(network, optimizer)
    history = _begin(history, len(x), batch_size, seed)
    optimizer.layout = network.layout
    with threadpool_limits(blas_threads, user_api="blas"), deferred_interrupt() as interrupted:
        total, done = epochs * history.steps_per_epoch, len(history.step_losses)
        with progress_bar(partial(_status, history, epochs), total, done, shown=progress) as bar:
            run = _Run(network, optimizer, x, y, history, callback, bar, interrupted)
            while history.epoch < epochs and not history.interrupted:
                finished = run.epoch()
                if finished and validation is not None:
                    run.validate(*validation)
                    history.interrupted = history.interrupted or interrupted()
    return history


@dataclass
class _Run:
    """What the steps of a run share."""

    network: MLP
    optimizer: Optimizer
    x: np.ndarray
    y: np.ndarray
    history: History
    callback: Callable[[Step], Any] | None
    bar: Any
    interrupted: Callable[[], bool]
    errors: Any = field(default_factory=np.geterr)
    gradient: Cut | None = None

    def __post_init__(self) -> None:
        """One gradient for all steps, cut into layers once; but a callback may keep what it is given."""
        if self.callback is None:
            self.gradient = self.network.cut(np.empty_like(self.network.parameters))

    def epoch(self) -> bool:
        """Run the rest of an epoch; return whether it reached its end."""
        history = self.history
        order = batches(history.n_samples, history.batch_size, history.seed, history.epoch + 1)
        begun = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore"):
            for batch in order[history.step :]:
                loss, gradient = self._step(batch)
                history.step_losses.append(loss)
                history.step += 1
                self.bar.update()
                stopped = self.callback is not None and self._call_back(loss, gradient)
                if stopped or self.interrupted():
                    history.interrupted = True
                    if history.step < len(order):
                        return False
        history.finish_epoch(self.optimizer.learning_rate, time.perf_counter() - begun)
        return True

    def _step(self, batch: np.ndarray) -> tuple[float, np.ndarray]:
        theta = self.network.parameters
        x, y = self.x.take(batch, axis=0), self.y.take(batch, axis=0)
        self.optimizer.observe(self.network, x, y)
        loss, gradient = self.network.backpropagate(x, y, theta, out=self.gradient)
        try:
            if not math.isfinite(loss):
                raise NonFiniteGradientError(f"the loss is {loss}")
            self.optimizer.step(theta, gradient)
        except NonFiniteGradientError as error:
            where = f"epoch {self.history.epoch + 1}, step {self.history.step + 1}"
            message = divergence_message(self.history, self.optimizer, where, str(error))
            raise DivergenceError(message, self.history) from None
        return loss, gradient

    def _call_back(self, loss: float, gradient: np.ndarray) -> bool:
        """Call the callback, under its own error settings; does it want to stop?"""
        history = self.history
        step = Step(len(history.step_losses), history.epoch + 1, loss, gradient, self.network, self.optimizer)
        with np.errstate(**self.errors):
            return _is_true(self.callback(step))  # type: ignore[misc]

    def validate(self, x: np.ndarray, y: np.ndarray) -> None:
        """Judge at the optimizer's evaluation parameters."""
        history = self.history
        judged = self.optimizer.evaluation_parameters(self.network.parameters)
        with np.errstate(over="ignore", invalid="ignore"):
            loss, accuracy = evaluation(self.network, x, y, judged)
        if not math.isfinite(loss):  # the epoch's last step did it
            where = f"epoch {history.epoch}, step {history.steps_per_epoch}"
            what = f"the validation loss is {loss}"
            raise DivergenceError(divergence_message(history, self.optimizer, where, what), history)
        history.val_loss.append(loss)
        history.val_accuracy.append(accuracy)


def evaluation(network: MLP, x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> Evaluation:
    """Judge parameters that may not be finite: loss and accuracy are NaN then.

    Args:
        network: whose parameters they are, or an average of.
        x, y: rows of what ``network.check_data`` returned.
        theta: θ, shape (d,).

    Example:
        >>> network = MLP([1, 2])
        >>> evaluation(network, np.ones((1, 1)), np.array([0]), np.full(4, np.inf))
        Evaluation(loss=nan, accuracy=nan)
    """
    if not np.isfinite(theta).all():
        return Evaluation(math.nan, math.nan)
    return network.evaluate(x, y, parameters=theta)


def divergence_message(history: History, optimizer: Optimizer, where: str, what: str) -> str:
    """Say where training diverged, at which rate, and what to try: the text of a :class:`DivergenceError`.

    Args:
        history: up to there.
        optimizer: that it was trained with.
        where: epoch and step.
        what: is not finite.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> history = History(seed=0, batch_size=2, n_samples=4, step_losses=[3.0])
        >>> divergence_message(history, SGD(learning_rate=9.0), "epoch 1, step 2", "the loss is inf")[:84]
        'training diverged in epoch 1, step 2: the loss is inf; learning rate 9, loss of the '
    """
    last = f"{history.step_losses[-1]:.4g}" if history.step_losses else "none"
    return (
        f"training diverged in {where}: {what}; learning rate {optimizer.learning_rate:g}, loss of the step "
        f"before: {last}. Try a learning rate 3 to 10 times smaller, scale the inputs to [0, 1], or clip the "
        "gradient (global_clipnorm=1.0)."
    )


def _status(history: History, epochs: int) -> str:
    """What the bar says within an epoch; the loss is the mean over its steps so far."""
    return f"epoch {history.epoch + 1} of {epochs}, loss {np.mean(history.step_losses[-history.step :]):.4g}"


def _is_true(answer: Any) -> bool:
    """Did a callback return ``True``, Python's or NumPy's? Any other value, such as a number, stops nothing."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def _begin(history: History | None, n_samples: int, batch_size: int, seed: int | np.random.Generator) -> History:
    if history is None:
        generator = as_generator(seed)
        drawn = int(generator.integers(2**63)) if isinstance(seed, np.random.Generator) else int(seed)
        return History(seed=drawn, batch_size=batch_size, n_samples=n_samples)
    if not isinstance(history, History):
        raise TypeError(f"history: got {describe(history)}; expected the History that an earlier fit returned")
    if (history.n_samples, history.batch_size) != (n_samples, batch_size):
        raise ValueError(
            f"history: got one of {history.n_samples} samples in batches of {history.batch_size}; "
            f"expected {n_samples} samples in batches of {batch_size}, as in this call"
        )
    history.interrupted = False
    return history


def check_network_and_optimizer(network: Any, optimizer: Any, epochs: Any = None) -> None:
    """Refuse what ``fit`` and the parallel methods cannot take as their first two arguments.

    Args:
        network: an ``MLP``.
        optimizer: an ``Optimizer``, new or one that has trained this network.
        epochs: what came as the fourth argument: no array.

    Raises:
        TypeError, ValueError: anything else.

    Example:
        >>> check_network_and_optimizer(MLP([1, 2]), "sgd")
        Traceback (most recent call last):
        ...
        TypeError: optimizer: got 'sgd'; expected an Optimizer, e.g. SGD(learning_rate=0.1)
    """
    if not isinstance(network, MLP):
        hint = "; the network comes first: fit(network, optimizer, data)" if isinstance(optimizer, MLP) else ""
        raise TypeError(f"network: got {describe(network)}; expected an MLP{hint}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: got {describe(optimizer)}; expected an Optimizer, e.g. SGD(learning_rate=0.1)")
    if isinstance(epochs, np.ndarray | list | tuple):
        raise TypeError("data: got x and y as two arguments; expected one: fit(network, optimizer, (x, y))")


def check_belongs(network: MLP, optimizer: Optimizer) -> None:
    """Refuse an optimizer whose state is of another θ: ``fit`` leaves the layout of the network that it trained.

    Args:
        network: what is to be trained.
        optimizer: a new one, or one that has trained this network.

    Raises:
        ValueError: one that has taken steps elsewhere.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> optimizer = SGD(learning_rate=0.1)
        >>> optimizer.step(np.zeros(3), np.ones(3))
        >>> check_belongs(MLP([2, 1], loss="mse"), optimizer)
        Traceback (most recent call last):
        ...
        ValueError: optimizer: got one that has taken 1 steps, and not in a fit of this network; expected a new one ...
    """
    if optimizer.t and optimizer.layout is not network.layout:
        raise ValueError(
            f"optimizer: got one that has taken {optimizer.t} steps, and not in a fit of this network; expected a new "
            "one (to resume a run, give its history; if the state does belong to this network, say "
            "optimizer.layout = network.layout)"
        )


def check_training_data(network: MLP, data: Any) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
    """Return what ``fit`` takes of its ``data``: x and y, checked for a network, contiguous, and the validation pair.

    Args:
        network: what is to be trained.
        data: a ``Dataset``, ``(x, y)`` or ``(x, y, x_val, y_val)``.

    Raises:
        TypeError, ValueError: other data, or data that do not fit the network.

    Example:
        >>> x, y, validation = check_training_data(MLP([1, 2]), ([[0.0], [1.0]], [0, 1]))
        >>> x.dtype, validation
        (dtype('float32'), None)
    """
    if hasattr(data, "x_train"):
        data = (data.x_train, data.y_train, data.x_val, data.y_val)
    if not isinstance(data, tuple | list) or len(data) not in (2, 4):
        raise TypeError(f"data: got {describe(data)}; expected a Dataset, (x, y) or (x, y, x_val, y_val)")
    x, y = network.check_data(data[0], data[1])
    # Rows that lie apart, as after x[:, order], would be gathered from the whole array in every step.
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    return x, y, network.check_data(data[2], data[3]) if len(data) == 4 else None


@called_as(
    "minimize(problem, optimizer, steps=100)",
    epochs="steps",
    n_steps="steps",
    max_iterations="steps",
    maxiter="steps",
    x0="start",
    theta="start",
    initial="start",
    lr="SGD(learning_rate=…), which is the optimizer's",
    learning_rate="SGD(learning_rate=…), which is the optimizer's",
)
def minimize(
    problem: Objective,
    optimizer: Optimizer,
    steps: int,
    start: np.ndarray | None = None,
    callback: Callable[[int, np.ndarray], Any] | None = None,
) -> Trajectory:
    r"""Run an optimizer on a function and keep every point, from the start to :math:`\theta_{T+1}`.

    Args:
        problem: an ``Objective``: anything with ``value(theta)``, ``gradient(theta)`` and ``start``; see ``problems``.
            ``FunctionObjective`` makes one of two functions, ``NetworkObjective`` of a network and data.
        optimizer: a new one; its state would otherwise leak from another run.
        steps: T >= 1.
        start: θ_1, shape (d,); default ``problem.start``. It is copied.
        callback: called with (t, θ_{t+1}) after each step; if it returns ``True`` the run stops.

    Returns:
        The trajectory of T + 1 points. When the value or gradient stops being finite the run ends at the last
        finite point, with ``diverged=True``: here divergence is a result, not an error.

    Raises:
        TypeError, ValueError: bad arguments, an optimizer that has already taken steps.

    Example:
        >>> from nnopt_utils.optimizers import GradientDescent
        >>> from nnopt_utils.problems import Quadratic
        >>> trajectory = minimize(Quadratic([1.0, 10.0]), GradientDescent(0.1), steps=200)
        >>> bool(trajectory.values[-1] < 1e-12)
        True
    """
    check_objective(problem, start, "minimize(problem, optimizer, steps)")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: got {describe(optimizer)}; expected an Optimizer, e.g. GradientDescent(0.1)")
    if optimizer.t:
        raise ValueError(f"optimizer: got one that has taken {optimizer.t} steps; expected a new one")
    check_integer("steps", steps, low=1)
    theta = np.array(check_array("start", problem.start if start is None else start, ndim=1), dtype=np.float64)
    value, gradient = _finite_value_and_gradient(problem, theta)
    if gradient is None:
        raise ValueError(f"start: got a point where the value is {value}; expected a finite value and gradient")
    points, values, norms = [theta.copy()], [value], [float(np.linalg.norm(gradient))]
    diverged = False
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, steps + 1):
            optimizer.step(theta, gradient)
            value, gradient = _finite_value_and_gradient(problem, theta)
            if gradient is None:
                diverged = True
                break
            points.append(theta.copy())
            values.append(value)
            norms.append(float(np.linalg.norm(gradient)))
            if callback is not None and _is_true(callback(t, theta)):
                break
    return Trajectory(np.array(points), np.array(values), np.array(norms), diverged, repr(optimizer))


@np.errstate(over="ignore", invalid="ignore")
def _finite_value_and_gradient(problem: Objective, theta: np.ndarray) -> tuple[float, np.ndarray | None]:
    """Return J and g at θ, with ``None`` for g when anything is not finite."""
    if not np.isfinite(theta).all():
        return math.nan, None
    value, gradient = float(problem.value(theta)), problem.gradient(theta)
    return value, gradient if math.isfinite(value) and np.isfinite(gradient).all() else None
