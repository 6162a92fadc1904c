"""The procedure of chapter 13, executed on setups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils.faults import Data, Run, Setup, drawn, train
from nnopt_utils.faults.spoiled import sgd
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.training import batches, evaluation


def prepared(setup: Setup, seed: int) -> Data:
    """The data that a run of this setup is given."""
    return setup.prepare(drawn(seed)[0], np.random.default_rng([seed, 1]))


def first_loss(setup: Setup, seed: int) -> float:
    """The loss that the setup's first step sees: of its first batch, before anything is learned."""
    data, network = prepared(setup, seed), setup.network(seed)
    rows = setup.batches(len(data.x), setup.batch_size, seed, 1)[0]
    return network.backpropagate(data.x[rows], data.y[rows], network.parameters)[0]


def one_batch(setup: Setup, seed: int, steps: int = 300) -> float:
    """Train on 32 rows alone, every step on all of them, and return the last loss; infinity if it diverged.

    The rows are drawn at random: a batch of one class would be too easy.
    """
    data, network = prepared(setup, seed), setup.network(seed)
    rows = np.random.default_rng(seed).permutation(len(data.x))[: setup.batch_size]
    x, y = data.x[rows], data.y[rows]
    optimizer = setup.optimizer(setup.learning_rate, steps)
    optimizer.layout = network.layout
    with threadpool_limits(1, user_api="blas"), np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            loss, gradient = network.backpropagate(x, y, network.parameters)
            try:
                optimizer.step(network.parameters, gradient)
            except NonFiniteGradientError:
                return float("inf")
            setup.store(network.parameters)
    return float(loss)


def rate_sweep(rates: Sequence[float], seeds: Sequence[int], epochs: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Train the sound setup at each rate, for each seed.

    Returns:
        Validation losses, shape (rates, seeds), NaN where a run diverged; and the median update-to-weight ratio over
        seeds, steps and layers, shape (rates,).
    """
    runs = [[train(Setup(learning_rate=rate, epochs=epochs), seed) for seed in seeds] for rate in rates]
    losses = [[np.nan if run.diverged else run.history.val_loss[-1] for run in row] for row in runs]
    return np.array(losses), np.array([np.median([np.median(run.watch.ratios()) for run in row]) for row in runs])


def changes_with(run: Run, other: Run) -> float:
    """The largest difference between the batch losses of two runs; 0: what was changed has no effect."""
    first, second = run.history.step_losses, other.history.step_losses
    return float(np.max(np.abs(np.subtract(first, second))))


def clipped_run(setup: Setup, seed: int, percentile: float | None) -> Run:
    """Train with each gradient shortened to a percentile of the norms so far; ``None``: as it is."""
    make = setup.optimizer

    def optimizer(rate: float, steps: int) -> Optimizer:
        made = make(rate, steps)
        if percentile is not None:
            made.step = _clipping(made, percentile)  # type: ignore[method-assign]
        return made

    return train(setup.changed(optimizer=optimizer), seed)


def _clipping(optimizer: Optimizer, percentile: float):  # type: ignore[no-untyped-def]
    step, norms = optimizer.step, []

    def clipped_step(theta: np.ndarray, gradient: np.ndarray) -> None:
        norms.append(float(np.linalg.norm(gradient)))
        limit = float(np.percentile(norms, percentile))
        step(theta, gradient * min(1.0, limit / max(norms[-1], 1e-30)))

    return clipped_step


BAD_ROWS = 10


def with_bad_tail(data: Data, generator: np.random.Generator) -> Data:
    """The last rows of the training set are raw pixels, from 0 to 255."""
    x = data.x.copy()
    x[-BAD_ROWS:] *= 255
    return data._replace(x=x)


def later_batches(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The last rows come from the second epoch on, as when a new file is added."""
    return batches(n_samples - BAD_ROWS if epoch == 1 else n_samples, batch_size, seed, epoch)


def spiked_setup() -> Setup:
    """SGD with momentum at a sound rate, and ten rows of raw pixels from the second epoch on."""
    return Setup(optimizer=sgd, learning_rate=0.05, prepare=with_bad_tail, batches=later_batches)


def three_sources(n: int = 4) -> np.ndarray:
    """Test error in percent, shape (data sets, studies, runs): n of each.

    A data set is a draw of 2,000 training images; a study picks the best of three rates, drawn at random, by one run's
    validation accuracy; a run trains at that rate with another seed for weights and order. No two runs share a seed:
    if the studies did, their means would differ by less than their runs' variance says.
    """
    errors = np.zeros((n, n, n))
    for d in range(n):
        data, (x_test, y_test) = drawn(d)
        for s in range(n):
            study = n * d + s
            rates = 10 ** np.random.default_rng([d, s]).uniform(-4, -1.7, size=3)
            best = max(rates, key=lambda rate: _trained(data, rate, seed=n**3 + study)[1])
            for r in range(n):
                network, _ = _trained(data, best, seed=n * study + r)
                errors[d, s, r] = 100 * (1 - network.evaluate(x_test, y_test).accuracy)
    return errors


def _trained(data: Data, rate: float, seed: int) -> tuple[MLP, float]:
    setup = Setup(learning_rate=rate, epochs=1)
    network = setup.network(seed)
    optimizer = setup.optimizer(rate, 1)
    optimizer.layout = network.layout
    with threadpool_limits(1, user_api="blas"):
        for rows in setup.batches(len(data.x), 32, seed, 1):
            _, gradient = network.backpropagate(data.x[rows], data.y[rows], network.parameters)
            optimizer.step(network.parameters, gradient)
    return network, evaluation(network, data.x_val, data.y_val, network.parameters).accuracy


def slope_table(slopes: Sequence[tuple[float, float] | None]) -> list[tuple[str, str, str]]:
    """Rows for a table: weights and biases of each layer, slope by central differences, length of the gradient."""
    return [
        (f"layer {k // 2 + 1}, {'biases' if k % 2 else 'weights'}", f"{each[0]:+.3f}", f"{each[1]:+.3f}")
        for k, each in enumerate(slopes)
        if each is not None
    ]
