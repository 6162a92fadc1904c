"""Pruning in rounds: the shares, what is trained in each, and that nothing starts that cannot end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import gradual, gradual_sparsity, prune, prune_gradually, quantize, sparsity_of
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.training import fit

shares = st.floats(0, 0.99)


class TestSchedule:
    @given(shares, shares, st.integers(1, 12))
    def test_a_cubic_through_both_ends_flat_at_the_last(self, initial, final, rounds):
        values = np.array([gradual_sparsity(t, rounds, final, initial) for t in range(rounds + 1)])
        assert values[0] == pytest.approx(initial, abs=1e-12) and values[-1] == final
        assert np.allclose(np.diff(values, 3), 6 * (final - initial) / rounds**3, atol=1e-9)
        assert values[-2] == pytest.approx(final + (initial - final) / rounds**3, abs=1e-12)
        assert (np.diff(values) * np.sign(final - initial) >= 0).all()

    def test_refused(self):
        with pytest.raises(ValueError, match=r"final: got 1\.0"):
            gradual_sparsity(1, 2, 1.0)
        with pytest.raises(ValueError, match="t: got 5"):
            gradual_sparsity(5, 4, 0.9)
        with pytest.raises(ValueError, match="rounds: got 0"):
            gradual_sparsity(0, 0, 0.9)


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(120, 10))
    return x, x[:, :3].argmax(axis=1)


def network(seed=0, **options):
    return MLP([10, 12, 3], "tanh", seed=seed, **options)  # 156 weights


class TestRounds:
    def test_each_round_is_prune_and_fit(self, data):
        """By hand, with the orders that the rounds draw."""
        small, histories = prune_gradually(
            network(), lambda: Adam(0.01), data, [0.3, 0.6], epochs=2, batch_size=20, seed=5, progress=False
        )
        generator, expected = np.random.default_rng(5), network()
        for share, history in zip([0.3, 0.6], histories, strict=True):
            expected = prune(expected, share)
            again = fit(expected, Adam(0.01), data, 2, 20, int(generator.integers(2**32)), progress=False)
            assert history.step_losses == again.step_losses and history.epoch == 2
        assert np.array_equal(small.parameters, expected.parameters)
        assert histories[0].seed != histories[1].seed

    def test_goes_on_from_what_is_pruned(self, data):
        start = prune(network(), [0.5, 0.0])
        small, _ = prune_gradually(start, SGD, data, [0.5, 0.75], progress=False)
        assert not any(small.weights[k][~start.forms[f"weights[{k}]"].kept].any() for k in (0, 1))
        assert sum(int(form.kept.sum()) for form in list(small.forms.values())[::2]) == 156 - round(0.75 * 156)

    def test_one_list_a_round_one_share_a_layer(self, data):
        small, histories = prune_gradually(network(), SGD, data, [[0.5, 0.2], [0.8, 0.5]], progress=False)
        assert [1 - small.forms[f"weights[{k}]"].kept.mean() for k in (0, 1)] == pytest.approx([0.8, 0.5])
        assert len(histories) == 2
        only, _ = prune_gradually(network(), SGD, data, [[0.5], [0.75]], layers=[1], progress=False)
        assert only.forms["weights[0]"].kept is None and sparsity_of(only)[1] == 0.75

    def test_better_than_at_once_and_the_network_is_left_alone(self, data):
        start = network()
        fit(start, Adam(0.01), data, epochs=40, progress=False)
        before = start.parameters.copy()
        sparsities = [gradual_sparsity(t, 5, 0.85) for t in range(1, 6)]
        rounds, _ = prune_gradually(start, lambda: Adam(0.01), data, sparsities, epochs=8, progress=False)
        assert np.array_equal(start.parameters, before)
        assert rounds.loss(*data) < prune(start, 0.85).loss(*data) / 2

    def test_an_interrupt_ends_it(self, data, monkeypatch):
        def interrupted(network, *rest, **options):
            history = fit(network, *rest, **options)
            history.interrupted = True
            return history

        monkeypatch.setattr(gradual, "fit", interrupted)
        small, histories = prune_gradually(network(), SGD, data, [0.2, 0.5, 0.8], progress=False)
        assert len(histories) == 1 and sum((W == 0).sum() for W in small.weights) == round(0.2 * 156)

    def test_validation_data_and_generator(self, data):
        seeds = np.random.default_rng(3), np.random.default_rng(3)
        runs = [prune_gradually(network(), SGD, (*data, *data), [0.3, 0.5], seed=s, progress=False) for s in seeds]
        assert np.array_equal(runs[0][0].parameters, runs[1][0].parameters) and len(runs[0][1][1].val_loss) == 1

    def test_float64(self, data):
        assert prune_gradually(network(dtype="float64"), SGD, data, [0.5], progress=False)[0].dtype == np.float64


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sparsities": 0.5}, r"sparsities: got 0\.5; expected a list, a sparsity a round"),
            ({"sparsities": [0.5, 1.0]}, r"sparsities\[1\]: got 1\.0"),
            ({"sparsities": [0.5, 0.4]}, r"sparsities\[1\]: got less than in the round before"),
            ({"sparsities": [[0.5, 0.4], [0.5, 0.3]]}, r"sparsities\[1\]: got less than in the round before"),
            (
                {"sparsities": [[0.5], [0.6]]},
                r"sparsities\[0\]: got \[0\.5\]; expected one value for all, or a list of 2",
            ),
            ({"sparsities": []}, r"sparsities: got \[\]"),
            ({"scope": "all"}, "scope: got 'all'"),
            ({"layers": [2]}, r"layers\[0\]: got 2"),
            ({"seed": -1}, "seed: got -1"),
            ({"epochs": 0}, "epochs: got 0"),
        ],
    )
    def test_bad_arguments_before_any_training(self, data, monkeypatch, options, message):
        monkeypatch.setattr(SGD, "step", lambda *_: pytest.fail("trained"))
        with pytest.raises((TypeError, ValueError), match=message):
            prune_gradually(network(), SGD, data, **{"sparsities": [0.2, 0.5], **options}, progress=False)

    def test_other_things(self, data):
        with pytest.raises(TypeError, match=r"optimizer: got SGD.*a function that gives a new one"):
            prune_gradually(network(), SGD(), data, [0.5])
        with pytest.raises(TypeError, match="network: got 3"):
            prune_gradually(3, SGD, data, [0.5])
        with pytest.raises(ValueError, match=r"expected at least 0\.5, what is zero already"):
            prune_gradually(prune(network(), 0.5), SGD, data, [0.2, 0.6])
        with pytest.raises(ValueError, match="prune first"):
            prune_gradually(quantize(network(), bits=4), SGD, data, [0.5])
