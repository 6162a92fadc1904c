"""Frozen tensors, and updates of low rank to them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nnopt_utils.compression import (
    CompressedMLP,
    Frozen,
    LowRankUpdate,
    Masked,
    Shared,
    add_low_rank_updates,
    share_weights,
)
from nnopt_utils.gradients import check_gradient
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import LAMB, SGD, Adafactor, Adam, Muon
from nnopt_utils.training import fit


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 7))
    return x, x[:, :3].argmax(axis=1)


def network(**options):
    return MLP([7, 8, 6, 3], **{"activation": ["tanh", "softplus"], "seed": 1, "dtype": "float64", **options})


def factors(adapted, layer=0, vector=None):
    name = f"weights[{layer}]"
    return adapted.forms[name].factors(adapted.free(name, vector))


class TestFrozen:
    def test_keeps_its_tensor_and_gets_no_gradient(self, data):
        plain = network(l2=0.1)
        frozen = CompressedMLP(plain, {"weights[1]": Frozen(plain.weights[1]), "biases[0]": Frozen(plain.biases[0])})
        assert frozen.n_parameters == plain.n_parameters - 48 - 8
        expected = plain.loss_and_gradient(*data)[1]
        left = [place.of(expected).ravel() for place in plain.layout if place.name not in ("weights[1]", "biases[0]")]
        np.testing.assert_array_equal(frozen.loss_and_gradient(*data)[1], np.concatenate(left))

    @pytest.mark.parametrize("rule", [SGD(0.1), Adam(), Muon(0.01), Adafactor(), LAMB(), Adam(clipnorm=1.0)], ids=repr)
    def test_optimizers_cope_with_places_of_no_size(self, rule, data):
        plain = network()
        frozen = CompressedMLP(
            plain, {name: Frozen(plain.weights[k]) for k, name in ((0, "weights[0]"), (2, "weights[2]"))}
        )
        before = frozen.loss(*data)
        fit(frozen, rule, data, epochs=10, batch_size=20, progress=False)
        assert frozen.loss(*data) < before
        np.testing.assert_array_equal(frozen.weights[0], plain.weights[0])

    def test_a_network_of_which_nothing_is_free(self, data):
        plain = MLP([7, 3])
        frozen = CompressedMLP(plain, {"weights[0]": Frozen(plain.weights[0]), "biases[0]": Frozen(plain.biases[0])})
        assert frozen.n_parameters == 0 and frozen.evaluate(*data) == plain.evaluate(*data)
        assert frozen.loss_and_gradient(*data)[1].size == 0
        with pytest.raises(ValueError, match=r"theta: got an empty array; expected .*at least one parameter"):
            fit(frozen, Adam(), data, epochs=1, progress=False)

    def test_in_another_form(self):
        plain = network()
        kept = np.random.default_rng(0).random((7, 8)) < 0.5
        shared = share_weights(CompressedMLP(plain, {"weights[0]": Masked(kept)}), 4)
        form = Frozen(shared.free("weights[0]"), shared.forms["weights[0]"])
        frozen = shared.with_forms({"weights[0]": form})
        np.testing.assert_array_equal(frozen.weights[0], shared.weights[0])
        np.testing.assert_array_equal(form.kept, kept)
        assert form.stored(np.empty(0)).kind == "codebook" and form.n_free == 0

    def test_what_is_stored_and_that_it_is_a_copy(self):
        tensor = np.arange(6.0, dtype=np.float32).reshape(2, 3)
        form = Frozen(tensor)
        tensor[:] = 0
        stored = form.stored(np.empty(0))
        assert stored.kind == "float" and stored.values.tolist() == [0, 1, 2, 3, 4, 5] and stored.bits == 32

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), CompressedMLP.copy])
    def test_copies(self, again, data):
        adapted = add_low_rank_updates(network(), 2)
        twin = again(adapted)
        assert twin.loss(*data) == adapted.loss(*data)
        assert adapted.copy("float32").loss(*data) == pytest.approx(adapted.loss(*data), rel=1e-5)

    def test_summary_has_zeros(self):
        assert "Frozen" in add_low_rank_updates(network()).summary()

    def test_refused(self):
        with pytest.raises(ValueError, match=r"free: got .*expected shape"):
            Frozen([1.0, 2.0], Shared([0, 1], 3))


class TestForm:
    def test_tensor_and_shapes(self):
        generator = np.random.default_rng(0)
        W = generator.normal(size=(5, 4))
        form = LowRankUpdate(W, 2, alpha=6)
        free = generator.normal(size=form.n_free)
        A, B = form.factors(free)
        assert (A.shape, B.shape, form.n_free, form.scale) == ((5, 2), (2, 4), 18, 3.0)
        np.testing.assert_allclose(form.tensor(free), W + 3 * (A @ B), atol=1e-14)
        stored = form.stored(free)
        np.testing.assert_array_equal(stored.values, form.tensor(free).ravel())

    def test_paper_writes_columns(self):
        """W₀ᵀ x + (α/r) B A x for a column x, with A drawn (r, k) and B (d, r): ours transposed."""
        generator = np.random.default_rng(0)
        form, x = LowRankUpdate(generator.normal(size=(5, 4)), 2, 3.0), generator.normal(size=5)
        free = generator.normal(size=18)
        A, B = (factor.T for factor in form.factors(free))
        np.testing.assert_allclose(x @ form.tensor(free), form.base.T @ x + 1.5 * (B @ (A @ x)), atol=1e-13)

    @pytest.mark.parametrize("l2", [0.0, 0.2])
    def test_gradient(self, data, l2):
        adapted = add_low_rank_updates(network(l2=l2), [2, 1, 3], alpha=4, train_biases=True)
        adapted.parameters += 0.3 * np.random.default_rng(1).normal(size=adapted.n_parameters)
        loss = lambda free: adapted.loss(*data, parameters=free)  # noqa: E731
        gradient = lambda free: adapted.loss_and_gradient(*data, parameters=free)[1]  # noqa: E731
        assert check_gradient(loss, gradient, adapted.parameters).passed

    def test_encodes_the_nearest_update(self):
        generator = np.random.default_rng(2)
        W = generator.normal(size=(6, 5))
        form = LowRankUpdate(W, 2, alpha=1.0)
        reached = W + generator.normal(size=(6, 2)) @ generator.normal(size=(2, 5))
        np.testing.assert_allclose(form.tensor(form.encode(reached)), reached, atol=1e-13)
        other = W + generator.normal(size=(6, 5))
        sigma = np.linalg.svd(other - W, compute_uv=False)
        error = ((form.tensor(form.encode(other)) - other) ** 2).sum()
        assert error == pytest.approx((sigma[2:] ** 2).sum(), rel=1e-10)

    def test_what_an_update_does_not_need_can_still_be_trained(self):
        W = np.random.default_rng(2).normal(size=(6, 5))
        form = LowRankUpdate(W, 3)
        A, B = form.factors(form.encode(W + np.outer(np.ones(6), np.ones(5))))
        assert (np.abs(A).sum(axis=0) > 0.1).all() and (B != 0).any(axis=1).tolist() == [True, False, False]

    def test_start_is_drawn_with_the_stated_variance(self):
        form = LowRankUpdate(np.zeros((400, 100)), 100, seed=3)
        A, B = form.factors(form.encode(np.zeros((400, 100))))
        assert A.var() == pytest.approx(1 / 400, rel=0.03) and not B.any()

    def test_refused(self):
        with pytest.raises(ValueError, match="rank: got 5; expected an integer >= 1 and <= 4"):
            LowRankUpdate(np.eye(4), 5)
        with pytest.raises(ValueError, match="alpha: got 0"):
            LowRankUpdate(np.eye(4), 1, alpha=0)
        with pytest.raises(ValueError, match=r"base: .*expected 2 dimensions"):
            LowRankUpdate(np.ones(4), 1)


class TestNetwork:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_starts_unchanged(self, dtype, data):
        plain = network(dtype=dtype)
        adapted = add_low_rank_updates(plain, 2)
        np.testing.assert_array_equal(adapted.decoded().parameters, plain.parameters)
        assert adapted.n_parameters == 2 * (7 + 8 + 8 + 6 + 6 + 3) and adapted.dtype == dtype

    @pytest.mark.parametrize("rule", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.01)], ids=["SGD", "momentum", "Adam"])
    def test_first_step_moves_one_factor(self, rule, data):
        adapted = add_low_rank_updates(network(), 2)
        before = adapted.parameters.copy()
        fit(adapted, rule, data, epochs=1, batch_size=60, progress=False)
        for layer in range(3):
            (A, B), (A0, B0) = factors(adapted, layer), factors(adapted, layer, before)
            np.testing.assert_array_equal(A, A0)
            assert not B0.any() and (B != 0).any()

    def test_second_step_moves_both(self, data):
        adapted = add_low_rank_updates(network(), 2)
        before = adapted.parameters.copy()
        fit(adapted, SGD(0.1), data, epochs=2, batch_size=60, progress=False)
        assert (factors(adapted)[0] != factors(adapted, 0, before)[0]).any()

    def test_only_updates_are_trained_and_have_their_rank(self, data):
        plain = network()
        adapted = add_low_rank_updates(plain, 2, layers=[0])
        before = adapted.loss(*data)
        fit(adapted, Adam(0.02), data, epochs=20, batch_size=20, progress=False)
        assert adapted.loss(*data) < before - 0.01
        merged = adapted.decoded()
        assert type(merged) is MLP
        np.testing.assert_array_equal(merged.forward(data[0]), adapted.forward(data[0]))
        singular = np.linalg.svd(merged.weights[0] - plain.weights[0], compute_uv=False)
        assert singular[1] > 1e-6 and singular[2] < 1e-14
        for place in plain.layout[1:]:
            np.testing.assert_array_equal(place.of(merged.parameters), place.of(plain.parameters))

    def test_biases_can_be_free(self, data):
        adapted = add_low_rank_updates(network(), 1, layers=[0], train_biases=True)
        assert adapted.n_parameters == 7 + 8 + 8 + 6 + 3
        fit(adapted, Adam(0.02), data, epochs=1, batch_size=20, progress=False)
        assert all(bias.any() for bias in adapted.biases)

    def test_forms_of_other_layers_stay(self, data):
        plain = network()
        kept = np.random.default_rng(2).random((8, 6)) < 0.5
        shared = share_weights(CompressedMLP(plain, {"weights[1]": Masked(kept)}), 4, layers=[0, 1])
        adapted = add_low_rank_updates(shared, 2, layers=[0])
        np.testing.assert_array_equal(adapted.decoded().parameters, shared.decoded().parameters)
        np.testing.assert_array_equal(adapted.forms["weights[1]"].kept, kept)
        again = add_low_rank_updates(adapted, 1, layers=[2])
        np.testing.assert_array_equal(again.decoded().parameters, shared.decoded().parameters)
        assert again.n_parameters == 6 + 3

    def test_one_rank_for_all_is_at_most_the_smaller_side(self):
        adapted = add_low_rank_updates(network(), 4)
        assert [adapted.forms[f"weights[{k}]"].rank for k in range(3)] == [4, 4, 3]
        with pytest.raises(ValueError, match="rank: got 4; expected an integer >= 1 and <= 3"):
            add_low_rank_updates(network(), [4, 4, 4])

    def test_refused(self):
        with pytest.raises(TypeError, match="train_biases: got 'all'; expected True or False"):
            add_low_rank_updates(network(), train_biases="all")
        with pytest.raises(ValueError, match=r"alpha\[1\]: got -1"):
            add_low_rank_updates(network(), alpha=[1, -1, 1])
        with pytest.raises(ValueError, match="rank: got 0"):
            add_low_rank_updates(network(), 0)
