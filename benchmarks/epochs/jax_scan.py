"""JAX: a whole epoch compiled as one scan over the batches. The last, smaller one is left out: a scan has one shape."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

State = tuple[Any, Any, Any, Any]


class Training:
    """The compiled epoch, and the state it begins with."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.x, self.y, self.batch_size = jnp.asarray(x), jnp.asarray(y), batch_size
        self.compiled = jax.jit(self._epoch)

    def restart(self) -> None:
        generator = np.random.default_rng(0)
        parameters = [
            (jnp.asarray(generator.normal(0, (2 / m) ** 0.5, (m, n)), jnp.float32), jnp.zeros(n, jnp.float32))
            for m, n in [(784, 64), (64, 64), (64, 10)]
        ]
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        self.state: State = (parameters, zeros, zeros, jnp.zeros((), jnp.int32))
        jax.block_until_ready(self.state)

    def epoch(self) -> float:
        self.state, loss = self.compiled(self.state, jax.random.key(0), self.x, self.y)
        return float(loss)

    def _epoch(self, state: State, key: Any, x: Any, y: Any) -> tuple[State, Any]:
        steps = len(x) // self.batch_size
        order = jax.random.permutation(key, len(x))[: steps * self.batch_size].reshape(steps, self.batch_size)
        state, losses = jax.lax.scan(lambda state, batch: _step(state, x[batch], y[batch]), state, order)
        return state, losses.mean()


def _loss(parameters: Any, x: Any, y: Any) -> Any:
    *hidden, (W, b) = parameters
    for V, c in hidden:
        x = jax.nn.relu(x @ V + c)
    log_probabilities = jax.nn.log_softmax(x @ W + b)
    return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()


def _step(state: State, x: Any, y: Any) -> tuple[State, Any]:
    parameters, m, v, t = state
    loss, gradient = jax.value_and_grad(_loss)(parameters, x, y)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, gradient)
    parameters = jax.tree.map(
        lambda p, m, v: p - 0.001 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), parameters, m, v
    )
    return (parameters, m, v, t), loss
