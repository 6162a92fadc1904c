"""n of m: which weights of a group stay, and what they take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
    low_rank,
    n_of_m_bytes,
    prune,
    prune_n_of_m,
    quantize,
    share_weights,
    sparsity_of,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit


def by_hand(W, n, m, kept):
    """Zeros where a weight is not among the last n of its group, sorted by magnitude."""
    result = np.zeros_like(W)
    for unit in range(W.shape[1]):
        for start in range(0, len(W), m):
            rows = [i for i in range(start, min(start + m, len(W))) if kept[i, unit]]
            for i in sorted(rows, key=lambda i: abs(W[i, unit]))[-n:]:
                result[i, unit] = W[i, unit]
    return result


class TestPrune:
    @given(st.integers(1, 6), st.integers(0, 5), st.integers(1, 13), st.integers(0, 100), st.booleans())
    def test_by_hand(self, n, more, fan_in, seed, masked):
        m = n + more
        generator = np.random.default_rng(seed)
        network = MLP([fan_in, 4, 3], "tanh", seed=seed, dtype="float64")
        network.weights[0] = generator.integers(-3, 4, size=(fan_in, 4)).astype(float)  # with ties and zeros
        start = prune(network, 0.4) if masked else network
        smaller = prune_n_of_m(start, n, m)
        for k in (0, 1):
            kept = start.forms[f"weights[{k}]"].kept if masked else np.ones(network.weights[k].shape, bool)
            assert np.array_equal(smaller.weights[k], by_hand(network.weights[k], n, m, kept))

    def test_half_of_all_and_it_stays_so_in_training(self):
        generator = np.random.default_rng(0)
        x = generator.normal(size=(80, 12))
        smaller = prune_n_of_m(MLP([12, 8, 3], "tanh", seed=0))
        assert sparsity_of(smaller) == [0.5, 0.5] and smaller.n_parameters == 60 + 11
        before = smaller.loss(x, x[:, :3].argmax(axis=1))
        fit(smaller, Adam(0.01), (x, x[:, :3].argmax(axis=1)), epochs=10, progress=False)
        for W in smaller.weights:
            assert ((W != 0).reshape(-1, 4, W.shape[1]).sum(axis=1) <= 2).all()
        assert smaller.loss(x, x[:, :3].argmax(axis=1)) < before

    def test_layers_and_the_network_is_left_alone(self):
        network = MLP([12, 8, 3], seed=0)
        before = network.parameters.copy()
        smaller = prune_n_of_m(network, layers=[1])
        assert np.array_equal(network.parameters, before)
        assert smaller.forms["weights[0]"].kept is None and sparsity_of(smaller) == [0, 0.5]

    def test_composes(self):
        smaller = prune_n_of_m(MLP([12, 8, 3], seed=0))
        for small in (share_weights(smaller, clusters=4), quantize(smaller, bits=4), prune(smaller, 0.75)):
            assert all((V[W == 0] == 0).all() for V, W in zip(small.weights, smaller.weights, strict=True))
        assert prune_n_of_m(low_rank(MLP([12, 8, 3]), 4)).n_parameters < low_rank(MLP([12, 8, 3]), 4).n_parameters
        again = prune_n_of_m(smaller)
        assert np.array_equal(again.parameters, smaller.parameters)

    def test_refused(self):
        with pytest.raises(ValueError, match="n: got 5; expected an integer >= 1 and <= 4"):
            prune_n_of_m(MLP([4, 2]), n=5)
        with pytest.raises(TypeError, match=r"m: got 4\.0"):
            prune_n_of_m(MLP([4, 2]), m=4.0)
        with pytest.raises(ValueError, match=r"layers\[0\]: got 1"):
            prune_n_of_m(MLP([4, 2]), layers=[1])
        with pytest.raises(ValueError, match="prune first, then share or quantize"):
            prune_n_of_m(quantize(MLP([4, 2]), bits=4))
        with pytest.raises(TypeError, match="network: got 'net'"):
            prune_n_of_m("net")


class TestBytes:
    @given(st.integers(1, 6), st.integers(0, 5), st.integers(1, 40), st.integers(1, 9), st.integers(1, 40))
    def test_counted_bit_by_bit(self, n, more, fan_in, fan_out, bits):
        m = n + more
        place = next(b for b in range(10) if 2**b >= m)
        total = sum(n * (bits + place) for _ in range(0, fan_in, m) for _ in range(fan_out))
        assert n_of_m_bytes(fan_in, fan_out, n, m, bits) == math.ceil(total / 8)

    def test_shares(self):
        assert n_of_m_bytes(64, 64) / (64 * 64 * 2) == 0.5625
        assert n_of_m_bytes(64, 64, value_bits=8) / (64 * 64) == 0.625

    def test_refused(self):
        with pytest.raises(ValueError, match="fan_in: got 0"):
            n_of_m_bytes(0, 3)
        with pytest.raises(TypeError, match=r"fan_out: got 3\.0"):
            n_of_m_bytes(3, 3.0)
        with pytest.raises(ValueError, match="n: got 3; expected an integer >= 1 and <= 2"):
            n_of_m_bytes(3, 3, 3, 2)
        with pytest.raises(ValueError, match="value_bits: got 0"):
            n_of_m_bytes(3, 1, value_bits=0)
