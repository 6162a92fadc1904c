"""Speed-up, ZeRO and the cost of an all-reduce: formulas in exact fractions, and rounds that are counted."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.parallel import all_reduce_seconds, amdahl, gustafson, zero_bytes_per_parameter

COUNTS = [1, 2, 3, 7, 8, 9, 64, 1000]


class TestSpeedup:
    @pytest.mark.parametrize("share", [Fraction(0), Fraction(1, 2), Fraction(15, 16), Fraction(1)])
    @pytest.mark.parametrize("P", COUNTS)
    def test_both_laws_from_the_seconds_that_they_are_about(self, share, P):
        on_one, on_many = Fraction(1), (1 - share) + share / P
        assert amdahl(float(share), P) == pytest.approx(float(on_one / on_many), rel=1e-14)
        done_by_many = (1 - share) + share * P  # in a second of which all work for that share
        assert gustafson(float(share), P) == pytest.approx(float(done_by_many), rel=1e-14)

    @given(st.floats(0, 0.99), st.integers(1, 10**9))
    def test_amdahl_stays_below_its_bound(self, p, P):
        assert 1 - 1e-12 <= amdahl(p, P) <= (1 + 1e-12) / (1 - p)

    @given(st.floats(0, 1), st.integers(1, 10**6))
    def test_the_two_laws_are_one_seen_from_both_sides(self, p, P):
        """Gustafson's share of P workers' time is Amdahl's of one worker's, p P / ((1 − p) + p P)."""
        assert amdahl(p * P / ((1 - p) + p * P), P) == pytest.approx(gustafson(p, P), rel=1e-6)

    def test_arrays(self):
        np.testing.assert_allclose(amdahl(0.9, COUNTS), [amdahl(0.9, P) for P in COUNTS], rtol=1e-15)
        np.testing.assert_allclose(gustafson(0.9, np.array(COUNTS)), [gustafson(0.9, P) for P in COUNTS], rtol=1e-15)
        assert isinstance(amdahl(0.9, 4), float)

    @pytest.mark.parametrize("law", [amdahl, gustafson])
    def test_bad_arguments(self, law):
        with pytest.raises(ValueError, match=r"parallel_fraction: got 1\.5; expected a finite number >= 0 and <= 1"):
            law(1.5, 2)
        with pytest.raises(ValueError, match="workers: got 0; expected whole numbers >= 1"):
            law(0.5, 0)
        with pytest.raises(ValueError, match=r"workers: got \[1, 2\.5\]; expected whole numbers >= 1"):
            law(0.5, [1, 2.5])


class TestZero:
    @pytest.mark.parametrize("P", COUNTS)
    def test_stages(self, P):
        """Two bytes of θ, two of g, four each of θ in float32 and Adam's averages."""
        held = [zero_bytes_per_parameter(P, stage) for stage in range(4)]
        divided = [0, 3 * 4, 3 * 4 + 2, 3 * 4 + 2 + 2]
        np.testing.assert_allclose(held, [16 - bytes_ + bytes_ / P for bytes_ in divided], rtol=1e-15)

    def test_published(self):
        """The paper's 7.5 billion parameters on 64 devices: 120, 31.4, 16.6 and 1.9 GB."""
        held = [7.5 * zero_bytes_per_parameter(64, stage) for stage in range(4)]
        np.testing.assert_allclose(held, [120, 31.4, 16.6, 1.9], atol=0.05)
        assert zero_bytes_per_parameter(8) == 4 + 12 / 8

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="stage: got 4; expected an integer >= 0 and <= 3"):
            zero_bytes_per_parameter(2, 4)


def rounds_of_a_tree(P):
    """How often the number of those who know can double until it is P."""
    known, rounds = 1, 0
    while known < P:
        known, rounds = 2 * known, rounds + 1
    return rounds


class TestAllReduce:
    @pytest.mark.parametrize("P", [*range(1, 70), 1023, 1024, 1025])
    def test_rounds_that_are_counted(self, P):
        n, alpha, beta = 1e6, 1e-4, 1e8
        ring = sum(alpha + n / P / beta for _ in range(2 * (P - 1)))
        tree = sum(alpha + n / beta for _ in range(2 * rounds_of_a_tree(P)))
        assert all_reduce_seconds(n, P, alpha, beta) == pytest.approx(ring, rel=1e-12)
        assert all_reduce_seconds(n, P, alpha, beta, "tree") == pytest.approx(tree, rel=1e-12)

    def test_arrays_and_defaults(self):
        for algorithm in ("ring", "tree"):
            each = [all_reduce_seconds(8e6, P, 1e-5, 1e9, algorithm) for P in COUNTS]
            np.testing.assert_allclose(all_reduce_seconds(8e6, COUNTS, 1e-5, 1e9, algorithm), each, rtol=1e-15)
        assert all_reduce_seconds(8e6, 100) == 0.0
        assert all_reduce_seconds(0, 3, latency=0.5, bandwidth=math.inf) == 2.0

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"n_bytes": -1}, "n_bytes: got -1; expected a finite number >= 0"),
            ({"latency": -1.0}, r"latency: got -1\.0"),
            ({"bandwidth": 0.0}, r"bandwidth: got 0\.0; expected bytes a second > 0, or infinity"),
            ({"bandwidth": math.nan}, "bandwidth: got nan; expected bytes a second > 0, or infinity"),
            ({"algorithm": "rng"}, r"algorithm: got 'rng'; expected one of 'ring', 'tree' \(did you mean 'ring'"),
        ],
    )
    def test_bad_arguments(self, change, message):
        with pytest.raises(ValueError, match=message):
            all_reduce_seconds(**{"n_bytes": 1.0, "workers": 2, **change})
