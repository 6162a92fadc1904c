"""``train_synchronous`` and ``train_asynchronous``: a whole cluster on this computer, from one call."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils._bars import progress_bar
from nnopt_utils._commands import has_tensorflow, install_tensorflow
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import (
    as_generator,
    called_as,
    check_choice,
    check_integer,
    check_positive,
    describe,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Optimizer
from nnopt_utils.tensorflow_cluster.checkpoints import Checkpoint
from nnopt_utils.tensorflow_cluster.clusters import Cluster, PortTakenError
from nnopt_utils.tensorflow_cluster.jobs import ARRAYS, Job
from nnopt_utils.tensorflow_cluster.result import ClusterError, ClusterHistory
from nnopt_utils.tensorflow_cluster.tensors import ACTIVATIONS, LOSSES
from nnopt_utils.training import (
    DivergenceError,
    check_network_and_optimizer,
    check_training_data,
    divergence_message,
)

# Named, not imported: a program that runs with -m may not be there before.
SYNCHRONOUS = "nnopt_utils.tensorflow_cluster.synchronous"
ASYNCHRONOUS = "nnopt_utils.tensorflow_cluster.asynchronous"
ATTEMPTS = 5  # to start on ports that nobody else takes meanwhile
CHECKPOINT = "checkpoint.npz"


@called_as("train_synchronous(network, optimizer, (x, y), epochs=1, batch_size=128, workers=2)", num_workers="workers")
def train_synchronous(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 1,
    batch_size: int = 128,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    history: ClusterHistory | None = None,
    checkpoint_every: int = 100,
    progress: bool = True,
    timeout: float = 300.0,
) -> ClusterHistory:
    r"""Train a network with TensorFlow's ``MultiWorkerMirroredStrategy``, on processes of this computer.

    Each worker takes its share of every batch; the gradients are added up by an all-reduce, and all take the same step:

    .. math::

        g = \frac1B \sum_{r=1}^{P} \sum_{i \in \text{shard } r} \nabla \ell_i(\theta), \qquad
        v \leftarrow \beta v - \eta\, g, \qquad \theta \leftarrow \theta + v

    The batches are ``fit``'s, and so are the losses, up to rounding.

    Args:
        network: what to train: ``cross_entropy`` with labels, ``mse`` or ``half_mse``, without a penalty.
        optimizer: ``SGD``, plain or with momentum, at a constant rate; its state is taken along and brought back.
        data: a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``.
        epochs: how many epochs in all, >= 1; default 1.
        batch_size: B >= 1, of all workers together; default 128.
        seed: fixes the order of the samples.
        workers: P >= 1, how many processes; default 2.
        history: of an earlier, shorter, interrupted or failed call: training goes on there, after the same steps.
        checkpoint_every: steps from one checkpoint to the next; there is one at the end of each epoch, too. What comes
            after the last one is lost when a worker is killed or the run is interrupted.
        progress: show a progress bar.
        timeout: seconds without a finished checkpoint after which the cluster counts as hung; starting takes part of
            them. Default 300.

    Returns:
        The history. An interrupt ends the run and returns the training up to the last checkpoint.

    Raises:
        ClusterError: a worker was killed or failed; it names the worker, ends with its log, and has the history up to
            the last checkpoint. Network and optimizer are as they were there.
        DivergenceError: the loss stopped being finite; network, optimizer and history are those of the last checkpoint.
        ImportError: TensorFlow is not installed.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.datasets import load_mnist
        >>> data, network = load_mnist(), MLP([784, 64, 64, 10], seed=0)
        >>> train_synchronous(network, SGD(learning_rate=0.1), data)    # doctest: +SKIP
        ClusterHistory(2 workers, 1 epochs, 430 steps, train loss 0.4405, validation loss 0.2149, accuracy 0.9380)

    Source: the strategy as in TensorFlow's guide "Distributed training with TensorFlow" and its tutorial "Custom
    training loop with Keras and MultiWorkerMirroredStrategy".

    Warning:
        Keras 3's ``Model.fit`` fails under this strategy; ``docs/clusters.md`` has the error. While it runs, each
        process listens at a port of all this computer's network addresses, and asks for no password: TensorFlow's
        servers do so.
    """
    check_positive("timeout", timeout)
    job = _job(network, optimizer, data, epochs, batch_size, seed, workers, history, checkpoint_every)
    return _train(job, optimizer, SYNCHRONOUS, {"worker": workers}, timeout, progress)


@called_as("train_asynchronous(network, optimizer, (x, y), epochs=1, batch_size=128, workers=2)", num_workers="workers")
def train_asynchronous(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 1,
    batch_size: int = 128,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    history: ClusterHistory | None = None,
    checkpoint_every: int = 100,
    progress: bool = True,
    timeout: float = 300.0,
) -> ClusterHistory:
    r"""Train a network with TensorFlow's ``ParameterServerStrategy`` and a ``ClusterCoordinator``, on this computer.

    θ lives on a parameter server. A coordinator hands each batch to a worker that is free; the worker reads θ, and
    takes its step from wherever θ has got to meanwhile, τ updates of others later:

    .. math::

        \theta_{t+1} = \theta_t - \eta\, \nabla J_{\text{batch}}(\theta_{t - \tau_t})

    Args:
        network: as in :func:`train_synchronous`.
        optimizer: ``SGD`` at a constant rate, without momentum: late gradients bring their own.
        data, epochs, batch_size, seed: as there, but B is the size of each worker's batch: every one is an update.
        workers: how many processes, besides the parameter server and the coordinator; default 2.
        history, progress, timeout: as there.
        checkpoint_every: as there; the workers wait for each other at a checkpoint.

    Returns:
        The history, with the ``staleness`` τ of every update. A run is not repeatable: its order is the processes' own.
        A worker that is killed is in ``lost``; its batch is handed out again, and may then count twice.

    Raises:
        ClusterError: the parameter server, the coordinator, or the last worker ended; as in :func:`train_synchronous`.
        DivergenceError, ImportError, TypeError, ValueError: as there.

    Example:
        >>> from nnopt_utils.datasets import load_mnist
        >>> data, network = load_mnist(), MLP([784, 64, 64, 10], seed=0)
        >>> history = train_asynchronous(network, SGD(learning_rate=0.1), data)    # doctest: +SKIP
        >>> history.val_accuracy[-1] > 0.9, max(history.staleness) > 0    # doctest: +SKIP
        (True, True)

    Source: Dean et al. (2012), *Large scale distributed deep networks*, NeurIPS (Downpour SGD: workers that read and
    write a parameter server without waiting); TensorFlow's tutorial "Parameter server training with
    ParameterServerStrategy".

    Warning:
        Keras 3's ``Model.fit`` does not know this strategy, and its optimizers need ``strategy.run``;
        ``docs/clusters.md`` has the errors. Ports are open as in :func:`train_synchronous`.
    """
    check_positive("timeout", timeout)
    job = _job(network, optimizer, data, epochs, batch_size, seed, workers, history, checkpoint_every)
    if job.momentum:
        raise ValueError(
            f"optimizer: got {optimizer!r}; expected SGD without momentum: late gradients bring a momentum of their own"
        )
    return _train(job, optimizer, ASYNCHRONOUS, {"chief": 1, "ps": 1, "worker": workers}, timeout, progress)


# -- the job ---------------------------------------------------------------------------------------------------------


def _job(
    network: Any,
    optimizer: Any,
    data: Any,
    epochs: Any,
    batch_size: Any,
    seed: Any,
    workers: Any,
    history: ClusterHistory | None,
    every: Any,
) -> Job:
    """Check everything, and put it together; the checkpoint's place is not known yet."""
    check_network_and_optimizer(network, optimizer, epochs)
    _check_network(network)
    _check_optimizer(optimizer, network)
    x, y, validation = check_training_data(network, data)
    if network.loss_function.name == "cross_entropy" and y.ndim != 1:
        raise ValueError(f"y: got {describe(y)}; expected labels, one integer a sample")
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("workers", workers)):
        check_integer(name, value, low=1)
    check_integer("checkpoint_every", every, low=1)
    if not has_tensorflow():
        raise ImportError(f"a TensorFlow cluster needs TensorFlow; {install_tensorflow()}")
    if network.loss_function.name == "cross_entropy":  # TensorFlow takes no small integers for labels
        y = y.astype(np.int64)
        validation = validation and (validation[0], validation[1].astype(np.int64))
    history = _begin(history, len(x), batch_size, seed, workers)
    velocity = optimizer.state.get("velocity", np.zeros_like(network.parameters))
    return Job(
        network=network,
        start=Checkpoint(network.parameters, velocity, history),
        learning_rate=optimizer.learning_rate,
        momentum=optimizer.momentum,
        epochs=epochs,
        every=every,
        checkpoint=Path(CHECKPOINT),
        arrays=dict(zip(ARRAYS, (x, y, *(validation or ())), strict=False)),
    )


def _check_network(network: MLP) -> None:
    for activation in network.activation_functions:
        check_choice("activation", activation.name, ACTIVATIONS)
    check_choice("loss", network.loss_function.name, LOSSES)
    if network.l2:
        raise ValueError(f"l2: got a network with {network.l2:g}; expected 0, a loss without a penalty")


def _check_optimizer(optimizer: Any, network: MLP) -> None:
    momentum = getattr(optimizer, "momentum", 0.0)
    is_plain = type(optimizer) is SGD and optimizer.schedule is None
    if not is_plain or repr(optimizer) != repr(SGD(learning_rate=optimizer.learning_rate, momentum=momentum)):
        raise ValueError(
            f"optimizer: got {optimizer!r}; expected SGD(learning_rate=…, momentum=…), with a number as its rate and "
            "nothing else"
        )
    velocity = optimizer.state.get("velocity", network.parameters)
    if velocity.shape != network.parameters.shape:
        raise ValueError(f"optimizer: got one of {velocity.size} parameters; expected {network.n_parameters}")


def _begin(history: ClusterHistory | None, n_samples: int, batch_size: int, seed: Any, workers: int) -> ClusterHistory:
    if history is None:
        generator = as_generator(seed)
        drawn = int(generator.integers(2**63)) if isinstance(seed, np.random.Generator) else int(seed)
        return ClusterHistory(seed=drawn, batch_size=batch_size, n_samples=n_samples, workers=workers)
    if not isinstance(history, ClusterHistory):
        raise TypeError(f"history: got {describe(history)}; expected the ClusterHistory that an earlier call returned")
    if (history.n_samples, history.batch_size) != (n_samples, batch_size):
        raise ValueError(
            f"history: got one of {history.n_samples} samples in batches of {history.batch_size}; "
            f"expected {n_samples} samples in batches of {batch_size}, as in this call"
        )
    history.workers, history.interrupted = workers, False
    return history


# -- the run ---------------------------------------------------------------------------------------------------------


def _train(
    job: Job, optimizer: Any, program: str, counts: Mapping[str, int], timeout: float, progress: bool
) -> ClusterHistory:
    """Run a cluster to its end, and take over what it reached, also when it failed."""
    folder = Path(tempfile.mkdtemp(prefix="nnopt-cluster-"))
    job.checkpoint = folder / CHECKPOINT
    run = _Run(job, optimizer, progress)
    try:
        with deferred_interrupt() as interrupted:
            job.start.save(job.checkpoint)
            job.save(folder)
            for attempt in range(1, ATTEMPTS + 1):
                cluster = Cluster(program, counts, folder, timeout, may_be_lost=program == ASYNCHRONOUS)
                try:
                    with cluster:
                        run.follow(cluster, interrupted)
                    break
                except PortTakenError as error:
                    if attempt == ATTEMPTS:
                        text = f"{error}, in {ATTEMPTS} attempts. Logs are in {folder}"
                        raise ClusterError(text, "", folder) from None
        history = run.take_over(cluster)
    except ClusterError as error:
        error.history = run.take_over(cluster)
        job.remove_arrays(folder)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    if run.diverged is not None:
        epoch, step = divmod(run.diverged["step"] - 1, history.steps_per_epoch)
        where, what = f"epoch {epoch + 1}, step {step + 1}", f"the loss is {run.diverged['loss']}"
        raise DivergenceError(divergence_message(history, optimizer, where, what), history)
    return history


class _Run:
    """One call: its bar, and the way back of its results."""

    def __init__(self, job: Job, optimizer: SGD, progress: bool) -> None:
        self.job, self.optimizer, self.progress = job, optimizer, progress
        self.history, self.began = job.start.history, time.perf_counter()
        self.before = len(self.history.step_losses)
        self.status, self.startup = "starting the processes", 0.0
        self.interrupted = False
        self.diverged: dict[str, Any] | None = None

    def follow(self, cluster: Cluster, interrupted: Callable[[], bool]) -> None:
        """Draw the bar from what the cluster reports, until it ends."""
        total = self.job.epochs * self.history.steps_per_epoch
        with progress_bar(lambda: self.status, total, self.before, shown=self.progress) as bar:
            for report in cluster.reports(interrupted):
                if report["event"] == "ready":
                    self.startup = time.perf_counter() - self.began
                elif report["event"] == "steps":
                    epoch = min(report["epoch"] + 1, self.job.epochs)
                    self.status = f"epoch {epoch} of {self.job.epochs}, loss {report['loss']:.4g}"
                    bar.update(report["done"] - bar.n)
                elif report["event"] == "diverged":
                    self.diverged = report
        self.interrupted = interrupted()

    def take_over(self, cluster: Cluster) -> ClusterHistory:
        """Give network, optimizer and history what the last checkpoint has."""
        reached = Checkpoint.load(self.job.checkpoint)
        vars(self.history).update(vars(reached.history))
        self.history.startup, self.history.interrupted = self.startup, self.interrupted
        self.history.lost += cluster.lost
        network, optimizer = self.job.network, self.optimizer
        network.parameters[:] = reached.parameters
        state = optimizer.get_state()
        state["t"] += len(self.history.step_losses) - self.before
        state["shape"] = network.parameters.shape
        state["slots"] = {"velocity": reached.velocity} if optimizer.momentum else {}
        optimizer.set_state(state)
        optimizer.layout = network.layout
        return self.history
