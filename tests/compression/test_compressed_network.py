"""A network whose weights are made from other numbers: what it computes, and that everything can train it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nnopt_utils.compression import CompressedMLP, Dense, Form, Masked, Stored
from nnopt_utils.gradients import check_gradient
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, Muon
from nnopt_utils.training import fit


class Squared(Form):
    """Not linear: an entry is the square of its free number."""

    def decode(self, free, out):
        np.square(free, out=out)

    def pull_back(self, gradient, free, out):
        np.multiply(gradient, 2 * free, out=out)

    def encode(self, tensor):
        return np.sqrt(np.maximum(tensor, 0))

    def stored(self, free):
        return Dense(self.shape).stored(free**2)


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(40, 5))
    return x, x[:, :3].argmax(axis=1)


def network(dtype="float64", **options):
    return MLP([5, 6, 4, 3], activation=["tanh", "softplus"], seed=1, dtype=dtype, **options)


def compressed(plain):
    kept = np.random.default_rng(2).random((5, 6)) < 0.4
    return CompressedMLP(plain, {"weights[0]": Masked(kept), "weights[1]": Squared((6, 4))})


class TestWhatItComputes:
    def test_dense_forms_change_nothing(self, data):
        plain = network(l2=0.1)
        twin = CompressedMLP(plain)
        assert np.array_equal(twin.parameters, plain.parameters)
        loss, gradient = twin.loss_and_gradient(*data)
        expected, plain_gradient = plain.loss_and_gradient(*data)
        assert loss == expected and np.array_equal(gradient, plain_gradient)
        assert twin.evaluate(*data) == plain.evaluate(*data)

    @pytest.mark.parametrize("l2", [0.0, 0.3])
    def test_gradient_is_that_of_the_free_numbers(self, data, l2):
        small = compressed(network(l2=l2))
        small.parameters += 0.1 * np.random.default_rng(3).normal(size=small.n_parameters)
        loss = lambda free: small.loss(*data, parameters=free)  # noqa: E731
        gradient = lambda free: small.loss_and_gradient(*data, parameters=free)[1]  # noqa: E731
        assert check_gradient(loss, gradient, small.parameters).passed

    def test_everything_agrees_with_the_decoded_network(self, data):
        small = compressed(network(l2=0.2))
        plain = small.decoded()
        assert type(plain) is MLP
        assert np.array_equal(small.forward(data[0]), plain.forward(data[0]))
        assert np.array_equal(small.predict(data[0]), plain.predict(data[0]))
        assert small.loss(*data) == pytest.approx(plain.loss(*data), rel=1e-14)
        assert small.evaluate(*data).loss == pytest.approx(plain.evaluate(*data).loss, rel=1e-14)
        for ours, theirs in zip(small.signals(*data), plain.signals(*data), strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))

    def test_evaluation_at_other_parameters_leaves_the_network(self, data):
        small = compressed(network())
        before, value = small.parameters.copy(), small.loss(*data)
        small.evaluate(*data, parameters=np.ones(small.n_parameters))
        small.loss_and_gradient(*data, parameters=np.ones(small.n_parameters))
        assert np.array_equal(small.parameters, before) and small.loss(*data) == value


class TestTraining:
    @pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(), Muon(0.01)], ids=lambda rule: type(rule).__name__)
    def test_fit_trains_the_free_numbers_and_zeros_stay(self, data, optimizer):
        small = compressed(network())
        before = small.loss(*data)
        fit(small, optimizer, data, epochs=20, batch_size=10, progress=False)
        assert small.loss(*data) < before - 0.05
        dead = ~small.forms["weights[0]"].kept
        assert (small.weights[0][dead] == 0).all() and (small.weights[1] >= 0).all()

    def test_averages_of_the_iterates_are_judged(self, data):
        small = compressed(network())
        history = fit(small, SGD(0.1, ema_momentum=0.9), (*data, *data), epochs=2, batch_size=10, progress=False)
        assert len(history.val_loss) == 2

    def test_the_network_it_came_from_is_left_alone(self, data):
        plain = network()
        before = plain.parameters.copy()
        fit(compressed(plain), SGD(0.1), data, epochs=1, batch_size=10, progress=False)
        assert np.array_equal(plain.parameters, before)


class TestForms:
    def test_forms_compose_and_free_numbers_are_kept(self):
        small = compressed(network())
        small.free("weights[1]")[:] = 0.25
        smaller = small.with_forms({"biases[0]": Masked(np.arange(6) < 2)})
        assert smaller.forms["weights[0]"] is small.forms["weights[0]"]
        assert (smaller.free("weights[1]") == 0.25).all() and (
            small.forms["biases[0]"].n_free,
            smaller.forms["biases[0]"].n_free,
        ) == (6, 2)

    def test_what_is_stored(self):
        small = compressed(network(dtype="float32"))
        stored = small.forms["weights[0]"].stored(small.free("weights[0]"))
        assert isinstance(stored, Stored) and stored.bits == 32
        again = np.zeros(stored.shape, np.float32)
        again[stored.kept] = stored.values
        assert np.array_equal(again, small.weights[0])

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), CompressedMLP.copy])
    def test_copies_are_independent(self, data, again):
        small = compressed(network())
        twin = again(small)
        assert twin.loss(*data) == small.loss(*data) and np.array_equal(twin.parameters, small.parameters)
        fit(twin, SGD(0.1), data, epochs=1, batch_size=10, progress=False)
        assert twin.loss(*data) != small.loss(*data)
        assert small.decoded().loss(*data) == small.loss(*data)

    def test_copy_in_another_dtype(self, data):
        single = compressed(network()).copy("float32")
        assert single.parameters.dtype == np.float32 and single.weights[0].dtype == np.float32
        assert single.loss(*data) == pytest.approx(compressed(network()).loss(*data), rel=1e-5)


class TestRefused:
    def test_bad_forms(self):
        with pytest.raises(ValueError, match=r"forms: got 'weights\[7\]'; expected one of 'weights\[0\]'"):
            CompressedMLP(network(), {"weights[7]": Dense((5, 6))})
        with pytest.raises(ValueError, match=r"shape \(6, 5\); expected \(5, 6\)"):
            CompressedMLP(network(), {"weights[0]": Dense((6, 5))})
        with pytest.raises(TypeError, match="expected a Form"):
            CompressedMLP(network(), {"weights[0]": "dense"})
        with pytest.raises(TypeError, match="network: got 3; expected an MLP"):
            CompressedMLP(3)

    def test_bad_masks(self):
        with pytest.raises(ValueError, match="keeps nothing"):
            Masked(np.zeros(3, bool))
        with pytest.raises(TypeError, match="array of booleans"):
            Masked([0.5, 1.0])

    def test_weights_cannot_be_assigned_to(self, data):
        small = compressed(network())
        with pytest.raises(ValueError, match="read-only"):
            small.weights[0][:] = 0
        with pytest.raises(AttributeError, match="follow from its free numbers"):
            small.weights = [1]
        with pytest.raises(TypeError, match=r"network\.decoded\(\)"):
            small.hessian_vector_product(*data, np.ones(small.n_parameters))
        with pytest.raises(ValueError, match="name: got 'w'"):
            small.free("w")
