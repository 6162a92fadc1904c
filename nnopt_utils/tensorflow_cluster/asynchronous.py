"""The program of every process of an asynchronous cluster: ``python -m nnopt_utils.tensorflow_cluster.asynchronous``.

θ lives on a parameter server. The coordinator hands out batches; a worker that is free takes one, reads θ, and sends
its step to the server, without a look at what other workers do. ``TF_CONFIG`` says which process is which: ``chief`` is
the coordinator.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from nnopt_utils.tensorflow_cluster.jobs import Job, job_of
from nnopt_utils.tensorflow_cluster.processes import (
    Record,
    check_finite_losses,
    end_with_parent,
    pieces,
    run,
    say,
)
from nnopt_utils.tensorflow_cluster.tensors import import_tensorflow, losses, signature


def main(arguments: Sequence[str] | None = None) -> None:
    """Be the process that ``TF_CONFIG`` says: coordinator, worker or parameter server."""
    job = job_of(arguments, "asynchronous")
    end_with_parent(job.folder)
    os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")  # else a call to a dead worker waits for it
    tf = import_tensorflow()
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.task_type == "chief":
        coordinate(job, resolver)
    else:
        serve(resolver)


def serve(resolver: Any) -> None:
    """Do what the coordinator asks for, until somebody ends this process."""
    import tensorflow as tf

    server = tf.distribute.Server(
        resolver.cluster_spec(), job_name=resolver.task_type, task_index=resolver.task_id, protocol="grpc"
    )
    say("serving", process=f"{resolver.task_type} {resolver.task_id}", address=server.target)
    while True:  # server.join() hears no Ctrl-C
        time.sleep(60)


def coordinate(job: Job, resolver: Any) -> None:
    """Hand out one batch after the other, and keep what comes back."""
    import tensorflow as tf

    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    done = len(job.start.history.step_losses)
    with strategy.scope():  # on the parameter server
        theta = tf.Variable(job.start.parameters)
        clock = tf.Variable(done, dtype=tf.int64)
    update = worker_update(theta, clock, job)
    x, y = job.arrays["x"], job.arrays["y"]
    record = Record(job)
    say("ready", workers=len(resolver.cluster_spec().job_tasks("worker")), done=done)
    for piece in pieces(job, done):
        handed_out = [coordinator.schedule(update, args=(x[batch], y[batch])) for batch in piece]
        coordinator.join()  # a checkpoint is due
        results = coordinator.fetch(handed_out)
        values = [float(loss) for loss, _ in results]
        check_finite_losses(values, done)
        done += len(piece)
        record.history.staleness += [int(staleness) for _, staleness in results]
        record.add(values, theta.numpy(), job.start.velocity)
    say("finished", done=done)


def worker_update(theta: Any, clock: Any, job: Job) -> Callable[..., Any]:
    """What a worker does with a batch; it returns the loss, and how many updates of others came in between."""
    import tensorflow as tf

    network, eta = job.network, job.learning_rate

    @tf.function(input_signature=signature(network, job.arrays["y"]), autograph=False)
    def update(x: Any, y: Any) -> Any:
        before = clock.read_value()
        with tf.control_dependencies([before]):
            read = theta.read_value()
        with tf.GradientTape() as tape:
            tape.watch(read)
            loss = tf.reduce_mean(losses(read, x, y, network))
        with tf.control_dependencies([theta.assign_sub(eta * tape.gradient(loss, read))]):
            after = clock.assign_add(1, read_value=True)
        return loss, after - before - 1

    return update


if __name__ == "__main__":
    run(main)
