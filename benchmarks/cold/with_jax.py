"""Train 784-64-64-10 on MNIST with JAX, epochs compiled as a scan: ``python benchmarks/cold/with_jax.py [EPOCHS]``."""

# mypy: allow-untyped-defs

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

BATCH_SIZE = 32


def outputs(parameters, x):
    *hidden, (W, b) = parameters
    for V, c in hidden:
        x = jax.nn.relu(x @ V + c)
    return x @ W + b


def loss(parameters, x, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(outputs(parameters, x)), y[:, None], axis=1).mean()


def adam_step(state, x, y):
    parameters, m, v, t = state
    gradient = jax.grad(loss)(parameters, x, y)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, gradient)

    def change(p, m, v):
        return p - 0.001 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return jax.tree.map(change, parameters, m, v), m, v, t


@jax.jit
def epoch(state, key, x, y):
    steps = len(x) // BATCH_SIZE
    batches = jax.random.permutation(key, len(x))[: steps * BATCH_SIZE].reshape(steps, BATCH_SIZE)
    return jax.lax.scan(lambda state, batch: (adam_step(state, x[batch], y[batch]), None), state, batches)[0]


epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
with np.load(Path(__file__).parents[2] / "data" / "mnist.npz") as mnist:
    x_train, y_train = mnist["x_train"][:55_000].reshape(-1, 784).astype("float32") / 255, mnist["y_train"][:55_000]
    x_test, y_test = mnist["x_test"].reshape(-1, 784).astype("float32") / 255, mnist["y_test"]
x_train, y_train = jnp.asarray(x_train), jnp.asarray(y_train, jnp.int32)

rng = np.random.default_rng(0)
parameters = [
    (jnp.asarray(rng.normal(0, (2 / m) ** 0.5, (m, n)), jnp.float32), jnp.zeros(n))
    for m, n in [(784, 64), (64, 64), (64, 10)]
]
zeros = jax.tree.map(jnp.zeros_like, parameters)
state = parameters, zeros, zeros, jnp.zeros((), jnp.int32)
for key in jax.random.split(jax.random.key(0), epochs):
    state = epoch(state, key, x_train, y_train)
accuracy = (outputs(state[0], x_test).argmax(1) == y_test).mean()
print(f"test accuracy {accuracy:.4f}")
