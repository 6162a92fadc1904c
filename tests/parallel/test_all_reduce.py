"""The sum over workers: values, bits, bytes and steps, for rings and trees of any size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.parallel import rehearse, ring_all_reduce, tree_all_reduce

BOTH = [ring_all_reduce, tree_all_reduce]


@given(workers=st.integers(1, 9), n=st.integers(1, 20), seed=st.integers(0, 100), which=st.sampled_from([0, 1]))
def test_everyone_has_the_sum_and_the_same_bits(workers, n, seed, which):
    vectors = np.random.default_rng(seed).normal(size=(workers, n))
    rehearsal = rehearse(BOTH[which], vectors)
    for result in rehearsal.results:
        np.testing.assert_allclose(result, [math.fsum(column) for column in vectors.T], rtol=1e-13, atol=1e-13)
        assert result.tobytes() == rehearsal.results[0].tobytes()


@pytest.mark.parametrize("all_reduce", BOTH)
def test_whole_numbers_exactly_in_float32(all_reduce):
    vectors = np.arange(35, dtype=np.float32).reshape(5, 7)
    rehearsal = rehearse(all_reduce, vectors)
    assert all(result.tolist() == vectors.sum(axis=0).tolist() for result in rehearsal.results)
    assert {result.dtype for result in rehearsal.results} == {np.dtype(np.float32)}


@pytest.mark.parametrize("workers", range(1, 10))
@pytest.mark.parametrize("n", [1, 7, 40])
def test_bytes_and_steps_of_the_ring(workers, n):
    """In either round a worker sends all pieces but one, which follows from its rank."""
    rehearsal = rehearse(ring_all_reduce, np.ones((workers, n)))
    lengths = [n // workers + (piece < n % workers) for piece in range(workers)]
    expected = [8 * (2 * n - lengths[(r + 1) % workers] - lengths[(r + 2) % workers]) for r in range(workers)]
    assert rehearsal.bytes_sent == (expected if workers > 1 else [0])
    assert rehearsal.steps == 2 * (workers - 1)
    if n % workers == 0:
        assert rehearsal.bytes_sent == [8 * 2 * (workers - 1) * n // workers] * workers


@pytest.mark.parametrize("workers", range(1, 18))
def test_bytes_and_steps_of_the_tree(workers):
    """The root sends once to each of its children; everyone else once up, and down to each child."""
    rehearsal = rehearse(tree_all_reduce, np.ones((workers, 3)))
    depth = math.ceil(math.log2(workers))
    assert rehearsal.bytes_sent[0] == 8 * 3 * depth
    assert sum(rehearsal.bytes_sent) == 8 * 3 * 2 * (workers - 1)
    assert max(rehearsal.bytes_sent) == rehearsal.bytes_sent[0]
    if workers == 2**depth:
        assert rehearsal.steps == 2 * depth


def test_the_tree_takes_fewer_steps_than_the_ring_from_three_workers_on():
    steps = {P: [rehearse(reduce, np.ones((P, 4))).steps for reduce in BOTH] for P in range(1, 14)}
    assert all(tree < ring for P, (ring, tree) in steps.items() if P > 2), steps
    assert all(tree == ring for P, (ring, tree) in steps.items() if P <= 2), steps


@pytest.mark.parametrize("all_reduce", BOTH)
def test_not_a_number_of_one_comes_to_all(all_reduce):
    vectors = np.ones((3, 4))
    vectors[2, 1] = np.nan
    assert all(np.isnan(result[1]) and result[0] == 3.0 for result in rehearse(all_reduce, vectors).results)
