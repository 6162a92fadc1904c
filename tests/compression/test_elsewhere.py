"""What the rest of the library does with a compressed network: train it, or say why not."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.compression import prune, quantize, share_weights
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.parallel import data_parallel, local_sgd
from nnopt_utils.problems import NetworkObjective
from nnopt_utils.second_order import KFAC, NaturalGradient, fisher_matrix, per_sample_gradients
from nnopt_utils.training import fit

FORMS = {
    "pruned": lambda network: prune(network, 0.5),
    "shared": lambda network: share_weights(network, clusters=4),
    "on a grid": lambda network: quantize(network, bits=4),
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def network():
    return MLP([5, 6, 3], "tanh", dtype="float64")


def data():
    x = np.random.default_rng(0).normal(size=(40, 5))
    return x, x[:, :3].argmax(axis=1)


@every_form
@pytest.mark.parametrize(
    "optimizer", [lambda: KFAC(0.1), lambda: NaturalGradient(0.1)], ids=["KFAC", "NaturalGradient"]
)
def test_curvature_by_weights_is_refused(form, optimizer):
    small = form(network())
    before = small.parameters.copy()
    with pytest.raises(TypeError, match=r"network: got CompressedMLP.*expected a plain MLP: \w+ knows the curvature"):
        fit(small, optimizer(), data(), epochs=1, batch_size=20, progress=False)
    assert np.array_equal(small.parameters, before)


@every_form
def test_gradients_by_sample_are_refused(form):
    for function in (per_sample_gradients, fisher_matrix):
        with pytest.raises(TypeError, match=r"expected a plain MLP: network\.decoded\(\)"):
            function(form(network()), *data())


@every_form
def test_objectives_see_the_free_numbers(form):
    small = form(network())
    objective = NetworkObjective(small, *data())
    assert objective.start.shape == small.parameters.shape
    assert objective.value(objective.start) == pytest.approx(small.loss(*data()))
    assert np.allclose(objective.gradient(objective.start), small.loss_and_gradient(*data())[1])


@every_form
def test_data_parallel_takes_the_steps_of_fit(form):
    alone, together = form(network()), form(network())
    fit(alone, SGD(0.1), data(), epochs=2, batch_size=20, progress=False)
    data_parallel(together, SGD(0.1), data(), epochs=2, batch_size=20, workers=2, progress=False)
    assert np.allclose(alone.parameters, together.parameters, atol=1e-12)


def test_local_sgd_trains_the_free_numbers():
    small = prune(network(), 0.5)
    before = small.loss(*data())
    local_sgd(small, SGD(0.5), data(), epochs=5, batch_size=10, workers=2, local_steps=2, progress=False)
    assert small.loss(*data()) < before
    assert all((W[~small.forms[f"weights[{k}]"].kept] == 0).all() for k, W in enumerate(small.weights))
