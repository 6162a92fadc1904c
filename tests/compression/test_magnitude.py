"""Magnitude pruning and lottery tickets: which weights go, how many, and what is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import CompressedMLP, prune, rewind, share_weights, shuffle_masks, sparsity_of
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


def network(seed=0, **options):
    return MLP([12, 9, 7, 3], activation="tanh", seed=seed, **options)


def masks(pruned):
    return [pruned.forms[f"weights[{k}]"].kept for k in range(3)]


class TestPrune:
    @given(st.floats(0, 0.98), st.integers(0, 50))
    def test_globally_no_weight_that_goes_is_larger_than_one_that_stays(self, sparsity, seed):
        plain = network(seed)
        pruned = prune(plain, sparsity)
        gone = np.concatenate([np.abs(W[~m]) for W, m in zip(plain.weights, masks(pruned), strict=True)])
        kept = np.concatenate([np.abs(W[m]) for W, m in zip(plain.weights, masks(pruned), strict=True)])
        assert gone.size == round(sparsity * 192) or min(m.sum() for m in masks(pruned)) == 1
        assert not gone.size or gone.max() <= kept.max()
        if min(m.sum() for m in masks(pruned)) > 1:
            assert not gone.size or gone.max() <= kept.min()

    def test_by_layer_each_loses_its_share(self):
        assert [int(m.sum()) for m in masks(prune(network(), 0.5, scope="layer"))] == [
            54,
            31,
            11,
        ]  # 31.5, 10.5: to even
        assert [int(m.sum()) for m in masks(prune(network(), [0.9, 0.5, 0.0]))] == [11, 31, 21]
        only = prune(network(), 0.5, layers=[1])
        assert only.forms["weights[0]"].kept is None and int(only.forms["weights[1]"].kept.sum()) in (31, 32)

    def test_biases_and_kept_weights_stay_and_the_network_is_left_alone(self):
        plain = network()
        plain.biases[0] = np.arange(9.0)
        before = plain.parameters.copy()
        pruned = prune(plain, 0.7)
        assert np.array_equal(pruned.biases[0], plain.biases[0]) and np.array_equal(plain.parameters, before)
        for W, V, m in zip(plain.weights, pruned.weights, masks(pruned), strict=True):
            assert np.array_equal(V, np.where(m, W, 0))

    def test_again_goes_on_from_the_mask(self):
        x, y = np.random.default_rng(0).normal(size=(30, 12)), np.arange(30) % 3
        first = prune(network(), 0.5)
        first.parameters[:4] = 0  # kept, and zero by chance: still not gone before those that are
        fit(first, Adam(), (x, y), epochs=2, batch_size=10, progress=False)
        second = prune(first, 0.8)
        assert all((old | ~new).all() for old, new in zip(masks(first), masks(second), strict=True))
        assert sum(int(m.sum()) for m in masks(second)) == 192 - round(0.8 * 192)

    def test_ties_go_from_the_front_and_every_layer_keeps_a_weight(self):
        plain = MLP([2, 2, 2], initializer=lambda fan_in, fan_out, generator: np.ones((fan_in, fan_out)))
        assert prune(plain, 0.5, layers=[0]).weights[0].tolist() == [[0, 0], [1, 1]]
        plain.weights[1] = np.full((2, 2), 0.001)
        assert [int((W != 0).sum()) for W in prune(plain, 0.5).weights] == [4, 1]

    def test_sparsity_counts_zeros(self):
        assert sparsity_of(prune(network(), 0.5, scope="layer", layers=[0]))[0] == 0.5

    def test_refused(self):
        half = prune(network(), 0.5)
        with pytest.raises(ValueError, match=r"sparsity: got 0\.2; expected at least 0\.5, what is zero already"):
            prune(half, 0.2)
        with pytest.raises(ValueError, match=r"weights\[0\] as Shared\(.*prune first, then share or quantize"):
            prune(share_weights(network(), clusters=4), 0.5)
        with pytest.raises(ValueError, match=r"sparsity: got 1\.0; expected a finite number >= 0 and < 1"):
            prune(network(), 1.0)
        with pytest.raises(ValueError, match="scope: got 'layers'; expected one of 'global', 'layer'"):
            prune(network(), 0.5, scope="layers")
        with pytest.raises(TypeError, match="network: got 3"):
            prune(3)


class TestTickets:
    def test_a_ticket_has_the_masks_and_the_first_weights(self):
        start, other = network(0), network(1)
        ticket = rewind(prune(other, 0.8), start)
        for W, V, m in zip(start.weights, ticket.weights, masks(prune(other, 0.8)), strict=True):
            assert np.array_equal(V, np.where(m, W, 0))

    def test_shuffled_masks_keep_the_counts_and_lie_elsewhere(self):
        pruned = prune(network(), 0.8)
        shuffled = shuffle_masks(pruned, seed=3)
        assert [m.sum() for m in masks(pruned)] == [m.sum() for m in masks(shuffled)]
        assert not np.array_equal(masks(pruned)[0], masks(shuffled)[0])
        assert np.array_equal(masks(shuffle_masks(pruned, seed=3))[0], masks(shuffled)[0])

    def test_refused(self):
        with pytest.raises(TypeError, match=r"pruned: got MLP.*expected what prune returns"):
            rewind(network(), network())
        with pytest.raises(ValueError, match=r"pruned: got weights\[0\] as Shared"):
            rewind(share_weights(network(), layers=[0], clusters=4), network())
        with pytest.raises(ValueError, match="pruned: got a network without masks"):
            rewind(CompressedMLP(network()), network())
        with pytest.raises(ValueError, match=r"start: got layers \[12, 3\]"):
            rewind(prune(network(), 0.5), MLP([12, 3]))
        with pytest.raises(TypeError, match="start: got 'start'"):
            rewind(prune(network(), 0.5), "start")
