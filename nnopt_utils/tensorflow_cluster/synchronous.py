"""The program of each worker of a synchronous cluster: ``python -m nnopt_utils.tensorflow_cluster.synchronous``.

Every worker has θ, takes its share of each batch, and adds the others' gradients to its own (all-reduce): all take the
same step. The environment variable ``TF_CONFIG`` says who the workers are, and which of them this is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from nnopt_utils.tensorflow_cluster.jobs import job_of
from nnopt_utils.tensorflow_cluster.processes import (
    Diverged,
    Record,
    check_finite_losses,
    end_with_parent,
    pieces,
    run,
    say,
)
from nnopt_utils.tensorflow_cluster.tensors import import_tensorflow, losses, signature


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, as one worker of those in ``TF_CONFIG``."""
    job = job_of(arguments, "synchronous")
    end_with_parent(job.folder)
    tf = import_tensorflow()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    rank, workers = strategy.cluster_resolver.task_id, strategy.num_replicas_in_sync
    with strategy.scope():  # every worker's variables begin with the values of worker 0, which alone needs a checkpoint
        theta, velocity = tf.Variable(job.start.parameters), tf.Variable(job.start.velocity)
        done = int(tf.Variable(len(job.start.history.step_losses)).numpy())
    step = training_step(strategy, theta, velocity, job)
    x, y = job.arrays["x"], job.arrays["y"]
    record = Record(job)
    say("ready", worker=rank, workers=workers, done=done)
    for piece in pieces(job, done):
        step_losses = []
        for batch in piece:
            mine = np.array_split(batch, workers)[rank]
            step_losses.append(step(tf.constant(x[mine]), tf.constant(y[mine]), float(len(batch))))
        values = [float(loss) for loss in step_losses]
        try:
            check_finite_losses(values, done)
        except Diverged:
            leave_together(strategy)
            raise
        done += len(piece)
        if rank == 0:
            record.add(values, theta.numpy(), velocity.numpy())
    leave_together(strategy)
    say("finished", done=done)


def leave_together(strategy: Any) -> None:
    """Wait until all have taken the last step: who leaves earlier may take along what another is still to receive."""
    import tensorflow as tf

    def replica() -> Any:
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))

    with suppress(tf.errors.OpError):  # another one has left already: it had heard of everybody
        float(tf.function(lambda: strategy.run(replica), autograph=False)())


def training_step(strategy: Any, theta: Any, velocity: Any, job: Any) -> Callable[..., Any]:
    """The step of one worker; it returns the loss of the whole batch."""
    import tensorflow as tf

    network, eta, beta = job.network, job.learning_rate, job.momentum

    def replica_step(x: Any, y: Any, batch_size: Any) -> Any:
        with tf.GradientTape() as tape:
            # Divided by the size of the whole batch, so that the sum over the workers is its mean.
            loss = tf.reduce_sum(losses(theta, x, y, network)) / batch_size
        gradient = tape.gradient(loss, theta)
        workers = tf.distribute.get_replica_context()
        loss, gradient = workers.all_reduce(tf.distribute.ReduceOp.SUM, [loss, gradient])
        velocity.assign(beta * velocity - eta * gradient)
        theta.assign_add(velocity)
        return loss

    number = tf.TensorSpec((), network.dtype.name)

    @tf.function(input_signature=[*signature(network, job.arrays["y"]), number], autograph=False)
    def step(x: Any, y: Any, batch_size: Any) -> Any:
        return strategy.run(replica_step, (x, y, batch_size))

    return step


if __name__ == "__main__":
    run(main)
