"""K-FAC, natural gradient, Shampoo and SOAP in training: any loss, activation, batch and option that fit offers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from nnopt_utils.activations import ACTIVATIONS
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.losses import LOSSES
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.schedules import CosineDecay
from nnopt_utils.second_order import KFAC, SOAP, NaturalGradient, Shampoo
from nnopt_utils.training import fit

MAKERS: dict[str, Callable[..., Optimizer]] = {
    "KFAC": lambda learning_rate=1.0, **options: KFAC(learning_rate, **options),
    "KFAC-kl_clip": lambda learning_rate=0.05, **options: KFAC(learning_rate, rescaling="kl_clip", **options),
    "KFAC-empirical": lambda learning_rate=0.05, **options: KFAC(
        learning_rate, rescaling="kl_clip", fisher="empirical", **options
    ),
    "NaturalGradient": lambda learning_rate=0.1, **options: NaturalGradient(learning_rate, **options),
    "NaturalGradient-empirical": lambda learning_rate=0.1, **options: NaturalGradient(
        learning_rate, fisher="empirical", **options
    ),
    "Shampoo": lambda learning_rate=0.01, **options: Shampoo(learning_rate, **options),
    "SOAP": lambda learning_rate=0.01, **options: SOAP(learning_rate, **options),
}
every_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
NEED_LABELS = ("KFAC", "KFAC-kl_clip", "NaturalGradient")


def data(loss: str = "cross_entropy", n: int = 23) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, 3))
    if loss == "cross_entropy":
        return x, (x[:, 0] > 0).astype(int)
    return x, generator.uniform(size=(n, 2)) if loss == "binary_cross_entropy" else generator.normal(size=(n, 2))


def train(
    optimizer: Optimizer, network: MLP, given: tuple[np.ndarray, np.ndarray], batch_size: int = 8, epochs: int = 2
) -> None:
    """Train; θ must move and stay finite."""
    before = network.parameters.copy()
    fit(network, optimizer, given, epochs=epochs, batch_size=batch_size, progress=False)
    assert np.isfinite(network.parameters).all() and not np.array_equal(before, network.parameters)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", MAKERS)
def test_every_loss_and_activation(name, loss):
    for activation in ACTIVATIONS:
        network = MLP([3, 4, 2], activation, loss, seed=0)
        if name in NEED_LABELS and loss in ("mae", "huber"):
            with pytest.raises(ValueError, match=rf"loss: got '{loss}'; expected one of .*empirical"):
                train(MAKERS[name](), network, data(loss))
        else:
            before = network.loss(*data(loss))
            train(MAKERS[name](), network, data(loss), batch_size=23, epochs=4)
            # Empirical natural gradients may lead up where errors are as large as the labels.
            assert network.loss(*data(loss)) < before or name.endswith("empirical")


@every_optimizer
@pytest.mark.parametrize(("n", "batch_size"), [(23, 1), (23, 11), (23, 23), (23, 1000), (1, 8)])
def test_batches_of_every_size(make, n, batch_size):
    """Of one sample, and a last one that is smaller, and of only one (23 = 2 · 11 + 1)."""
    train(make(), MLP([3, 4, 2], seed=0), data(n=n), batch_size=batch_size)


@every_optimizer
@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.1}, {"clipvalue": 0.01}, {"clipnorm": 0.01}, {"global_clipnorm": 0.01},
        {"ema_momentum": 0.9}, {"learning_rate": CosineDecay(0.1, 6)},
    ],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_options_of_every_optimizer(make, options):
    network, plain = MLP([3, 4, 2], seed=0), MLP([3, 4, 2], seed=0)
    train(make(**options), network, data())
    train(make(), plain, data())
    assert "ema_momentum" in options or not np.array_equal(network.parameters, plain.parameters)


@every_optimizer
@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ([3, 2], {}), ([3, 1, 2], {}), ([3, 4, 1, 4, 2], {}), ([3, 4, 2], {"l2": 0.1}),
        ([3, 4, 2], {"dtype": "float64"}), ([3, 4, 2], {"initializer": "zeros"}),
    ],
    ids=str,
)  # fmt: skip
def test_networks_of_every_shape(make, sizes, options):
    network = MLP(sizes, seed=0, **options)
    train(make(), network, data())
    assert network.parameters.dtype == options.get("dtype", "float32")


@every_optimizer
def test_a_layer_that_is_dead(make):
    """Its gradients and factors are 0: nothing is divided by them, and its weights stay as they are."""
    network = MLP([3, 4, 2], "relu", seed=0)
    network.biases[0][:] = -1e3
    before = network.weights[0].copy()
    train(make(), network, data())
    np.testing.assert_array_equal(network.weights[0], before)


@every_optimizer
def test_inputs_of_zero_and_a_single_class(make):
    x, y = data()
    train(make(), MLP([3, 4, 2], seed=0), (0 * x, 0 * y), epochs=10)


@every_optimizer
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))], ids=["deep", "pickle"])
def test_copies_go_on_bit_for_bit(make, copied):
    whole, part = MLP([3, 4, 2], seed=0), MLP([3, 4, 2], seed=0)
    fit(whole, make(), data(), epochs=4, batch_size=8, progress=False)
    optimizer = make()
    stopped = fit(part, optimizer, data(), epochs=4, batch_size=8, progress=False, callback=lambda step: step.t == 5)
    network, optimizer, history = copied(part), copied(optimizer), copied(stopped)
    fit(network, optimizer, data(), epochs=4, batch_size=8, progress=False, history=history)
    np.testing.assert_array_equal(network.parameters, whole.parameters)
    assert not np.array_equal(network.parameters, part.parameters)


@pytest.mark.parametrize("optimizer", [KFAC, NaturalGradient, Shampoo, SOAP])
def test_a_search_tunes_it(optimizer):
    x, y = data(n=40)
    task = Task([3, 4, 2], (x[:30], y[:30], x[30:], y[30:]), epochs=2, batch_size=8)
    results = search(task, {"it": Space(optimizer, learning_rate=[1e-8, 0.05])}, seeds=[0], n_jobs=1, progress=False)
    assert results.best("it").setting.values["learning_rate"] == 0.05
