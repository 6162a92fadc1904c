"""What Keras 3 does under TensorFlow's strategies: each attempt of docs/clusters.md, and what comes of it.

``python keras_attempts.py synchronous RANK PORT PORT``, once for each of two workers, or ``… asynchronous PORT PORT
PORT``: one process that is a whole cluster.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._quiet import REPRODUCIBLE

os.environ.update(REPRODUCIBLE)
X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
MODE = sys.argv[1]
if MODE == "synchronous":
    rank, ports = int(sys.argv[2]), sys.argv[3:]
    CONFIG = {"cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]}, "task": {"type": "worker", "index": rank}}
else:
    kinds = zip(["chief", "ps", "worker"], sys.argv[2:], strict=True)
    CONFIG = {"cluster": {kind: [f"127.0.0.1:{port}"] for kind, port in kinds}, "task": {"type": "chief", "index": 0}}
os.environ["TF_CONFIG"] = json.dumps(CONFIG)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402


def attempt(name: str, function: Callable[[], Any]) -> None:
    try:
        outcome = str(function())
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps({"attempt": name, "outcome": outcome}), flush=True)


def compiled() -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def dataset() -> Any:
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(16).repeat()


def fit(strategy: Any, data: Any) -> None:
    with strategy.scope():
        model = compiled()
    model.fit(data, steps_per_epoch=2, verbose=0)


def fit_arrays(strategy: Any) -> None:
    with strategy.scope():
        model = compiled()
    model.fit(X, Y, batch_size=16, verbose=0)


def own_loop(strategy: Any, run: Callable[[Any], Any]) -> str:
    """A Keras model and optimizer in a loop of one's own, inside of ``strategy.run``."""
    with strategy.scope():
        model, optimizer = compiled(), keras.optimizers.SGD(0.1)

    def replica_step() -> Any:
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(Y, model(X))
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    losses = run(tf.function(lambda: strategy.run(replica_step)))
    return "it learns" if losses[-1] < losses[0] else "it does not learn"


def without_run(strategy: Any, coordinator: Any) -> None:
    with strategy.scope():
        variable, optimizer = tf.Variable([1.0]), keras.optimizers.SGD(0.1)
        optimizer.build([variable])
    coordinator.schedule(tf.function(lambda: optimizer.apply_gradients([(tf.constant([1.0]), variable)])))
    coordinator.join()


def synchronous() -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    attempt("fit", lambda: fit(strategy, dataset()))
    attempt("fit on arrays", lambda: fit_arrays(strategy))
    attempt("own loop", lambda: own_loop(strategy, lambda step: [float(step()) for _ in range(20)]))


def asynchronous() -> None:
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    servers = [tf.distribute.Server(resolver.cluster_spec(), kind, 0, "grpc") for kind in ("ps", "worker")]
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

    def scheduled(step: Any) -> list[float]:
        handed_out = [coordinator.schedule(step) for _ in range(20)]
        coordinator.join()
        return [float(loss) for loss in coordinator.fetch(handed_out)]

    attempt("fit", lambda: fit(strategy, dataset()))
    attempt("fit per worker", lambda: fit(strategy, coordinator.create_per_worker_dataset(dataset)))
    attempt("DatasetCreator", lambda: keras.utils.experimental.DatasetCreator)
    attempt("without run", lambda: without_run(strategy, coordinator))
    attempt("own loop", lambda: own_loop(strategy, scheduled))
    assert servers


synchronous() if MODE == "synchronous" else asynchronous()
if MODE == "synchronous" and CONFIG["task"]["index"] > 0:
    # Who leaves first closes the socket in which the other's last sum may still be under way.
    sys.stdin.read()
os._exit(0)
