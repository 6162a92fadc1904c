"""Compressed gradients: identities, bounds attacked by search, bytes as the link counted them, one mean for all."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nnopt_utils.layout import layout_of
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError
from nnopt_utils.parallel import (
    Compressor,
    Message,
    PowerSGD,
    RandomK,
    SignCompressor,
    TopK,
    rehearse,
    ring_all_gather,
)

LAYOUT = layout_of([("W1", (9, 6)), ("b1", (6,)), ("W2", (6, 5)), ("b2", (5,))])
SIZE = LAYOUT[-1].where.stop
DTYPES = (np.float32, np.float64)


def prepared(compressor):
    compressor.prepare(LAYOUT)
    return compressor


def makers(**options):
    """A new compressor of each kind; the names of the kinds that can be biased and remember."""
    return {
        "top-k": lambda: TopK(k=10, **options),
        "top share": lambda: TopK(share=0.2, **options),
        "random-k": lambda: RandomK(k=10, seed=3, **options),
        "random-k, own": lambda: RandomK(k=10, seed=3, same_indices=False, **options),
        "sign": lambda: SignCompressor(**options),
        "PowerSGD": lambda: prepared(PowerSGD(2, seed=3, **options)),
    }


FORGETFUL = makers() | {
    "unbiased": lambda: RandomK(k=10, unbiased=True),
    "sign alone": lambda: SignCompressor(scaled=False),
}
MINDFUL = makers(error_feedback=True)
every_compressor = pytest.mark.parametrize("make", FORGETFUL.values(), ids=FORGETFUL)
every_mindful = pytest.mark.parametrize("make", MINDFUL.values(), ids=MINDFUL)


def vectors(count=1, size=SIZE, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size)).astype(dtype)


def exchange(compressors, gradients):
    """One step of all workers: the rehearsal, whose results are the means."""

    def step(vector, link):
        mean = compressors[link.rank].mean(vector, link)
        assert mean.dtype == vector.dtype and mean.shape == vector.shape
        vector[:] = mean

    return rehearse(step, gradients)


def after_the_journey(compressor, x):
    return compressor.decompress(compressor.compress(x), x.size, x.dtype)


class TestAllGather:
    @pytest.mark.parametrize("size", [1, 2, 3, 5])
    def test_everyone_gets_everything_of_any_type_and_length(self, size):
        own = [(np.full(rank, rank, np.float32), np.array([rank], np.uint8)) for rank in range(size)]

        def check(vector, link):
            gathered = ring_all_gather(own[link.rank], link)
            vector[:] = len(gathered) == size and all(
                a.dtype == b.dtype and np.array_equal(a, b)
                for have, expected in zip(gathered, own, strict=True)
                for a, b in zip(have, expected, strict=True)
            )

        rehearsal = rehearse(check, np.zeros((size, 1)))
        assert [result.item() for result in rehearsal.results] == [1.0] * size
        # Each forwards every message but its right-hand neighbour's own.
        bytes_of = [4 * rank + 1 for rank in range(size)]
        expected = [sum(bytes_of) - bytes_of[(rank + 1) % size] for rank in range(size)]
        assert rehearsal.bytes_sent == expected


class TestEveryCompressor:
    @every_compressor
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("size", [1, 2, 3, 4])
    def test_all_workers_have_the_same_bits_the_mean_of_what_was_sent(self, make, dtype, size):
        compressors, gradients = [make() for _ in range(size)], vectors(size, dtype=dtype)
        before = gradients.copy()
        for step in range(3):
            results = exchange(compressors, gradients).results
            assert all(result.tobytes() == results[0].tobytes() for result in results), step
            assert np.isfinite(results[0]).all() and np.any(results[0])
        np.testing.assert_array_equal(gradients, before)
        assert all(compressor.error is None for compressor in compressors)

    @pytest.mark.parametrize("name", ["top-k", "top share", "random-k, own", "sign", "sign alone"])
    def test_the_mean_is_of_what_each_would_send_alone(self, name):
        """Random-k with indices of their own: each as a worker of that rank draws."""
        gradients = vectors(3)
        mean = exchange([FORGETFUL[name]() for _ in range(3)], gradients).results[0]
        alone = [FORGETFUL[name]() for _ in range(3)]
        for rank, compressor in enumerate(alone):
            compressor._worker = rank
        expected = np.mean([after_the_journey(c, g) for c, g in zip(alone, gradients, strict=True)], axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-15, atol=1e-15)

    @every_mindful
    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_nothing_is_lost(self, make, size):
        """sent + new error = old error + gradient, summed over the workers; what was sent is seen in the mean alone."""
        compressors = [make() for _ in range(size)]
        gradients, owed = np.zeros((size, SIZE)), np.zeros((size, SIZE))
        for step in range(20):
            gradients = vectors(size, seed=step)
            mean = exchange(compressors, gradients).results[0]
            errors = np.array([compressor.error for compressor in compressors])
            scale = np.abs(errors).max() + np.abs(owed).max() + np.abs(gradients).max()
            assert (
                np.abs(size * mean + errors.sum(axis=0) - (owed + gradients).sum(axis=0)).max() <= 1e-15 * size * scale
            )
            owed = errors
        assert np.any(owed)

    @every_mindful
    def test_nothing_is_lost_for_each_worker(self, make):
        """The same for one worker; and over all steps the sent sum to the gradients, but for the last error."""
        compressor, sent, total = make(), np.zeros(SIZE), np.zeros(SIZE)
        for step in range(50):
            (gradient,) = vectors(seed=step)
            old = np.zeros(SIZE) if compressor.error is None else compressor.error
            (mean,) = exchange([compressor], [gradient]).results
            scale = np.abs(old).max() + np.abs(gradient).max()
            assert np.abs(mean + compressor.error - (old + gradient)).max() <= 1e-15 * scale
            sent, total = sent + mean, total + gradient
        np.testing.assert_allclose(sent + compressor.error, total, atol=1e-12)

    @every_mindful
    def test_what_is_late_arrives(self, make):
        """The mean of all that was sent goes to a gradient that stands still."""
        (g,) = vectors(seed=5)
        compressor, sent = make(), []
        for _ in range(400):
            sent.append(exchange([compressor], [g]).results[0])
        near, far = (np.linalg.norm(np.mean(sent[:t], axis=0) - g) for t in (100, 400))
        assert far < 0.12 * np.linalg.norm(g) and far < 0.6 * near

    @every_compressor
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_zero(self, make, dtype):
        zeros = np.zeros((2, SIZE), dtype)
        (mean, _) = exchange([make(), make()], zeros).results
        if isinstance(make(), SignCompressor) and not make().scaled:
            np.testing.assert_array_equal(mean, 1)  # one bit has no zero
        else:
            np.testing.assert_array_equal(mean, 0)

    @every_compressor
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("where", [0, SIZE - 1])
    def test_what_is_not_finite_reaches_everyone(self, make, bad, where):
        gradients = vectors(3)
        gradients[1, where] = bad
        if isinstance(make(), SignCompressor) and not make().scaled:
            with pytest.raises(NonFiniteGradientError, match="vector: got NaN or infinity"):
                make().compress(gradients[1])
            return
        results = exchange([make() for _ in range(3)], gradients).results
        assert not any(np.isfinite(result).all() for result in results)

    @every_compressor
    def test_a_copy_and_a_pickle_go_on_as_the_original(self, make):
        original = make()
        gradients = vectors(4)
        exchange([original], gradients[:1])
        twins = [original, copy.deepcopy(original), pickle.loads(pickle.dumps(original))]
        for gradient in gradients[1:]:
            a, b, c = (exchange([twin], [gradient]).results[0].tobytes() for twin in twins)
            assert a == b == c

    @every_mindful
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_the_error_has_the_gradients_type(self, make, dtype):
        compressor = make()
        exchange([compressor], vectors(1, dtype=dtype))
        assert compressor.error.dtype == dtype
        other = np.float64 if dtype is np.float32 else np.float32
        kept = compressor.error
        with pytest.raises(ValueError, match=r"gradient: got float\d\d array of shape \(95,\); expected float"):
            exchange([compressor], vectors(1, dtype=other))
        assert compressor.error is kept

    @every_compressor
    @pytest.mark.parametrize("bad", [np.zeros((2, 2)), np.zeros(0), "no"])
    def test_no_vector(self, make, bad):
        with pytest.raises((TypeError, ValueError), match="vector: got"):
            make().compress(bad)

    def test_repr_shows_what_was_asked_for(self):
        assert repr(TopK(0.01)) == "TopK(share=0.01, error_feedback=False)"
        assert repr(RandomK(k=3, seed=2)) == (
            "RandomK(k=3, unbiased=False, same_indices=True, error_feedback=False, seed=2)"
        )
        assert repr(PowerSGD(error_feedback=True)) == "PowerSGD(rank=2, error_feedback=True, seed=0)"

    def test_a_flag_is_a_bool(self):
        with pytest.raises(TypeError, match="error_feedback: got 1; expected True or False"):
            TopK(0.1, error_feedback=1)

    def test_the_base_is_abstract(self):
        with pytest.raises(TypeError, match="abstract"):
            Compressor()

    @every_compressor
    def test_a_layout_may_be_told_to_any(self, make):
        assert make().prepare(LAYOUT) is None


class TestBytes:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("size", [1, 2, 3, 4])
    @pytest.mark.parametrize(
        ("name", "formula"),
        [
            ("top-k", lambda item: 10 * (item + 4)),
            ("top share", lambda item: 19 * (item + 4)),
            ("random-k, own", lambda item: 10 * item + 8),
            ("sign", lambda item: 12 + item),  # ⌈95/8⌉
            ("sign alone", lambda item: 12),
        ],
    )
    def test_gathered(self, name, formula, dtype, size):
        gradients = vectors(size, dtype=dtype)
        expected = formula(np.dtype(dtype).itemsize)
        assert FORGETFUL[name]().compress(gradients[0]).n_bytes == expected
        assert (
            exchange([FORGETFUL[name]() for _ in range(size)], gradients).bytes_sent == [(size - 1) * expected] * size
        )

    @staticmethod
    def ring(n, size, rank):
        """Numbers that a worker sends in an all-reduce of n: all pieces but one, twice."""
        pieces = [len(piece) for piece in np.array_split(np.zeros(n), size)]
        return 2 * n - pieces[(rank + 1) % size] - pieces[(rank + 2) % size]

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("size", [1, 2, 3, 5])
    def test_all_reduced(self, dtype, size):
        item = np.dtype(dtype).itemsize
        gradients = vectors(size, dtype=dtype)
        random = exchange([RandomK(k=10) for _ in range(size)], gradients).bytes_sent
        assert random == [item * self.ring(10, size, rank) if size > 1 else 0 for rank in range(size)]
        assert RandomK(k=10).compress(gradients[0]).n_bytes == 10 * item
        # W1 has 9 × 6 numbers, of which (9 + 6) · 2 go; W2 6 × 5, of which 22 go; the biases as they are.
        power = exchange([FORGETFUL["PowerSGD"]() for _ in range(size)], gradients).bytes_sent
        first, second = (9 + 6) * 2 + 11, (6 + 5) * 2
        assert power == [
            item * (self.ring(first, size, r) + self.ring(second, size, r)) if size > 1 else 0 for r in range(size)
        ]
        assert FORGETFUL["PowerSGD"]().compress(gradients[0]).n_bytes == item * (first + second)

    def test_of_the_articles_network(self):
        """784 × 64 at rank 2: 3.4 %, and of the whole network what follows from its layout."""
        network = MLP([784, 64, 64, 10])
        power = PowerSGD(2)
        power.prepare(network.layout)
        numbers = 2 * (784 + 64) + 2 * (64 + 64) + 2 * (64 + 10) + 138
        assert power.compress(np.ones(55_050, np.float32)).n_bytes == 4 * numbers
        share = 2 * (784 + 64) / (784 * 64)
        assert share == pytest.approx(0.0338, abs=1e-4)
        assert SignCompressor().compress(np.ones(55_050, np.float32)).n_bytes == 6882 + 4

    def test_a_message_counts_its_arrays(self):
        assert Message((np.zeros(3, np.uint8), np.zeros(2))).n_bytes == 19


class TestTopK:
    @given(arrays(np.float64, st.integers(1, 7), elements=st.floats(-5, 5)), st.integers(1, 8))
    def test_no_sparse_vector_is_nearer(self, x, k):
        """Against every choice of entries; the best values for a choice are x's own."""
        found = np.linalg.norm(x - after_the_journey(TopK(k=k), x))
        for chosen in itertools.combinations(range(x.size), min(k, x.size)):
            other = np.zeros_like(x)
            other[list(chosen)] = x[list(chosen)]
            assert found <= np.linalg.norm(x - other)

    @given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-5, 5)), st.integers(1, 30))
    def test_contraction(self, x, k):
        k = min(k, x.size)
        error = x - after_the_journey(TopK(k=k), x)
        assert error @ error <= (1 - k / x.size) * (x @ x) * (1 + 1e-14)

    def test_the_bound_is_attained_by_entries_of_one_size(self):
        x = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
        error = x - after_the_journey(TopK(k=2), x)
        assert error @ error == 3 == (1 - 2 / 5) * (x @ x)

    def test_of_equal_entries_the_first_are_sent(self):
        values, indices = TopK(k=3).compress(np.array([1.0, 2.0, -2.0, 2.0, 2.0])).arrays
        assert indices.tolist() == [1, 2, 3] and values.tolist() == [2, -2, 2] and indices.dtype == np.int32

    def test_more_nan_than_places(self):
        values, _ = TopK(k=2).compress(np.array([np.nan, 1.0, np.nan, np.inf, np.nan])).arrays
        assert np.isnan(values).all()

    def test_a_vector_shorter_than_k_is_sent_whole(self):
        x = np.array([0.0, -1.0, 2.0])
        np.testing.assert_array_equal(after_the_journey(TopK(k=10), x), x)
        np.testing.assert_array_equal(after_the_journey(RandomK(k=10), x), x)

    @pytest.mark.parametrize(
        ("share", "size", "k"), [(1.0, 7, 7), (0.5, 9, 4), (0.01, 10, 1), (0.3, 10, 3), (0.01, 55_050, 550)]
    )
    def test_a_share_is_rounded(self, share, size, k):
        assert TopK(share).compress(np.ones(size)).arrays[0].size == k
        assert RandomK(share).compress(np.ones(size)).arrays[0].size == k

    @pytest.mark.parametrize("kind", [TopK, RandomK])
    def test_bad_arguments(self, kind):
        with pytest.raises(ValueError, match="share, k: got None and None; expected one of both"):
            kind()
        with pytest.raises(ValueError, match=r"share, k: got 0\.1 and 3; expected one of both"):
            kind(0.1, k=3)
        with pytest.raises(ValueError, match=r"share: got 1\.5; expected a finite number > 0 and <= 1"):
            kind(1.5)
        with pytest.raises(ValueError, match="share: got 0; expected"):
            kind(0)
        with pytest.raises(ValueError, match="k: got 0; expected an integer >= 1"):
            kind(k=0)
        with pytest.raises(TypeError, match=r"k: got 2\.0; expected an integer"):
            kind(k=2.0)


class TestRandomK:
    def test_expectations(self):
        """Means of n draws, which stray by their standard error, known from the draw: 5 of them is a chance of 6e-7."""
        (x,) = vectors(size=12, seed=8)
        k, d, n = 4, 12, 4000
        random, unbiased = RandomK(k=k), RandomK(k=k, unbiased=True)
        kept = np.array([after_the_journey(random, x) for _ in range(n)])
        # Var of an entry: x² p (1 − p); of the kept squares: sampling k of d without replacement.
        entry = np.abs(x) * np.sqrt(k / d * (1 - k / d) / n)
        assert (np.abs(kept.mean(axis=0) - k / d * x) < 5 * entry).all()
        squares = np.sqrt(k * (1 - k / d) * np.var(x**2, ddof=1) / n)
        assert abs((kept**2).sum(axis=1).mean() - k / d * (x @ x)) < 5 * squares
        scaled = np.mean([after_the_journey(unbiased, x) for _ in range(n)], axis=0)
        assert (np.abs(scaled - x) < 5 * entry * d / k).all()

    def test_every_set_is_as_probable(self):
        """All 10 pairs of 5: chi-squared with 9 degrees of freedom is above 40 with a chance of 8e-6."""
        random, n = RandomK(k=2), 3000
        counts: dict[tuple[int, ...], int] = {}
        for _ in range(n):
            chosen = tuple(np.flatnonzero(after_the_journey(random, np.ones(5))))
            counts[chosen] = counts.get(chosen, 0) + 1
        assert len(counts) == 10 and sum((count - n / 10) ** 2 / (n / 10) for count in counts.values()) < 40

    def test_same_or_own_indices(self):
        same = exchange([RandomK(k=10) for _ in range(3)], np.ones((3, SIZE))).results[0]
        assert np.count_nonzero(same) == 10 and set(same) == {0.0, 1.0}
        own = exchange([RandomK(k=10, same_indices=False) for _ in range(3)], np.ones((3, SIZE))).results[0]
        assert 20 < np.count_nonzero(own) <= 30

    def test_indices_of_their_own_are_less_noisy(self):
        """Of one gradient on P workers: P draws instead of one, so P times less variance (here 4; F of 200 and 200)."""
        (x,) = vectors(size=20, seed=1)
        spread = {}
        for same in (True, False):
            copies = [RandomK(k=2, unbiased=True, same_indices=same, seed=5) for _ in range(4)]
            means = [exchange(copies, [x] * 4).results[0] for _ in range(300)]
            spread[same] = np.mean([(mean - x) @ (mean - x) for mean in means])
        assert spread[True] / (x @ x) == pytest.approx(20 / 2 - 1, rel=0.25)
        assert spread[False] / (x @ x) == pytest.approx((20 / 2 - 1) / 4, rel=0.25)

    def test_a_message_with_its_seed_is_understood_by_anyone(self):
        (x,) = vectors()
        message = RandomK(k=5, same_indices=False, seed=1).compress(x)
        stranger = RandomK(k=5, same_indices=False, seed=2).decompress(message, SIZE, np.float64)
        assert np.count_nonzero(stranger) == 5 and set(stranger[stranger != 0]) <= set(x)

    def test_a_seed_or_a_generator(self):
        x = np.arange(1.0, 96.0)
        by_seed, by_generator = RandomK(k=5, seed=4), RandomK(k=5, seed=np.random.default_rng(4))
        np.testing.assert_array_equal(after_the_journey(by_seed, x), after_the_journey(by_generator, x))
        with pytest.raises(TypeError, match="seed: got None"):
            RandomK(k=5, seed=None)

    def test_errors_of_an_unbiased_one_would_grow(self):
        """As the docstring says: an entry that is drawn leaves (1 − d/k) times itself."""
        with pytest.raises(ValueError, match="unbiased: got True with error_feedback"):
            RandomK(k=5, unbiased=True, error_feedback=True)
        (g,) = vectors()
        unbiased, error, sizes = RandomK(k=10, unbiased=True), np.zeros(SIZE), []
        for _ in range(200):
            x = error + g
            error = x - after_the_journey(unbiased, x)
            sizes.append(np.linalg.norm(error))
        assert sizes[-1] > 1e6 * np.linalg.norm(g)


class TestSign:
    @given(arrays(np.float64, st.integers(1, 30), elements=st.floats(-5, 5)))
    def test_what_is_lost(self, x):
        error = x - after_the_journey(SignCompressor(), x)
        assert error @ error == pytest.approx(x @ x - np.abs(x).sum() ** 2 / x.size, abs=1e-12 * (1 + x @ x))

    def test_no_other_scale_is_nearer(self):
        (x,) = vectors()
        best = np.linalg.norm(x - after_the_journey(SignCompressor(), x))
        for scale in np.linspace(0, 3, 301):
            assert best <= np.linalg.norm(x - scale * np.sign(x)) + 1e-15

    @pytest.mark.parametrize("size", [1, 7, 8, 9, 100])
    def test_signs_survive_packing(self, size):
        (x,) = vectors(size=size)
        np.testing.assert_array_equal(after_the_journey(SignCompressor(scaled=False), x), np.sign(x))
        np.testing.assert_allclose(after_the_journey(SignCompressor(), x), np.abs(x).mean() * np.sign(x), rtol=1e-15)

    def test_no_error_feedback_without_a_scale(self):
        with pytest.raises(ValueError, match="error_feedback: got True with scaled=False"):
            SignCompressor(scaled=False, error_feedback=True)


def matrix_of(vector, place=LAYOUT[0]):
    return place.of(vector)


def of_rank(rank, shape=(30, 20), seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(shape[0], rank)) @ generator.normal(size=(rank, shape[1]))


def one_matrix(rank, shape=(30, 20), **options):
    power = PowerSGD(rank, **options)
    power.prepare(layout_of([("W", shape)]))
    return power


class TestPowerSGD:
    @pytest.mark.parametrize(("true", "rank"), [(1, 1), (2, 2), (2, 3), (3, 5)])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_a_matrix_of_that_rank_or_less_is_exact_at_once(self, true, rank, dtype):
        M = of_rank(true).astype(dtype)
        power = one_matrix(rank)
        for _ in range(3):
            found = after_the_journey(power, M.ravel()).reshape(M.shape)
            np.testing.assert_allclose(found, M, atol=(1e-4 if dtype is np.float32 else 1e-12))

    def test_the_warm_start_finds_the_best_approximation(self):
        """While the matrix stands still, as (σ₃/σ₂)² a step in the angle; a start anew stays as bad as the first."""
        U, _, Vt = np.linalg.svd(of_rank(20), full_matrices=False)
        sizes = np.concatenate([[5.0, 3.0], np.geomspace(1.5, 0.1, 18)])
        M = (U * sizes) @ Vt
        best = np.linalg.norm(sizes[2:])
        warm = one_matrix(2)
        errors = [np.linalg.norm(after_the_journey(warm, M.ravel()).reshape(M.shape) - M) for _ in range(30)]
        assert errors[0] > 1.05 * best and errors[-1] == pytest.approx(best, rel=1e-12)
        assert all(b <= a * (1 + 1e-13) for a, b in itertools.pairwise(errors))
        found = after_the_journey(warm, M.ravel()).reshape(M.shape)
        np.testing.assert_allclose(found, (U[:, :2] * sizes[:2]) @ Vt[:2], atol=1e-12)
        cold = [np.linalg.norm(after_the_journey(one_matrix(2, seed=s), M.ravel()) - M.ravel()) for s in range(20)]
        assert min(cold) > 1.01 * best

    def test_no_part_of_it_is_longer(self):
        """P Pᵀ is a projection: the best that the columns of P allow, and never longer than M."""
        (x,) = vectors(seed=3)
        power = FORGETFUL["PowerSGD"]()
        found, (P, Q, rest) = after_the_journey(power, x), power.compress(x).arrays
        for place in (LAYOUT[0], LAYOUT[2]):
            M, approximation = place.of(x), place.of(found)
            assert np.linalg.matrix_rank(approximation) == 2
            assert abs(np.sum((M - approximation) * approximation)) < 1e-12 * np.sum(M * M)
        np.testing.assert_array_equal(rest, np.concatenate([x[54:60], x[90:]]))
        np.testing.assert_allclose(P[:18].reshape(9, 2).T @ P[:18].reshape(9, 2), np.eye(2), atol=1e-15)
        assert (P.size, Q.size) == (9 * 2 + 6 * 2, 6 * 2 + 5 * 2)

    def test_the_mean_is_approximated_not_each_workers_own(self):
        """Of the mean gradient one worker alone would find the same."""
        gradients = vectors(4)
        many = [FORGETFUL["PowerSGD"]() for _ in range(4)]
        one = FORGETFUL["PowerSGD"]()
        for step in range(5):
            gradients = vectors(4, seed=step)
            together = exchange(many, gradients).results[0]
            alone = exchange([one], [gradients.mean(axis=0)]).results[0]
            np.testing.assert_allclose(together, alone, atol=1e-13)

    def test_vectors_and_small_matrices_are_sent_whole(self):
        """Rank 3 of 6 × 5 would be 33 numbers for 30."""
        power = prepared(PowerSGD(3))
        gradients = vectors(2)
        mean = exchange([power, copy.deepcopy(power)], gradients).results[0]
        np.testing.assert_allclose(mean[54:], gradients.mean(axis=0)[54:], rtol=1e-15)
        assert np.linalg.matrix_rank(matrix_of(mean)) == 3

    def test_a_matrix_that_would_stay_as_large_is_sent_whole(self):
        """3 × 6 at rank 2: 18 numbers for 18."""
        x = vectors(size=18)[0]
        np.testing.assert_array_equal(after_the_journey(one_matrix(2, (3, 6)), x), x)
        assert one_matrix(2, (3, 6)).compress(x).n_bytes == 18 * 8

    @pytest.mark.parametrize("shapes", [[("b", (7,))], [("W", (2, 2)), ("b", (2,))]])
    def test_nothing_to_compress(self, shapes):
        layout = layout_of(shapes)
        power = [PowerSGD(2, error_feedback=True) for _ in range(2)]
        for each in power:
            each.prepare(layout)
        gradients = vectors(2, size=layout[-1].where.stop)
        np.testing.assert_allclose(exchange(power, gradients).results[1], gradients.mean(axis=0), rtol=1e-15)
        assert not np.any(power[0].error)

    def test_errors_of_the_aggregate_give_the_same_means_and_sum_up_differences(self):
        """The authors' code subtracts the mean's approximation: the same means come out, but each worker's error holds
        the sum of all by which its gradients differed from the mean."""
        size, differences = 3, 0.0
        fixed = vectors(size, seed=77)
        own = [MINDFUL["PowerSGD"]() for _ in range(size)]
        theirs, errors = [FORGETFUL["PowerSGD"]() for _ in range(size)], np.zeros((size, SIZE))
        for step in range(60):
            gradients = fixed + 0.1 * vectors(size, seed=step)
            gradients[:, np.r_[54:60, 90:95]] = 0.0  # the biases, which leave no error
            differences = differences + gradients - gradients.mean(axis=0)
            ours = exchange(own, gradients).results[0]
            aggregate = exchange(theirs, gradients + errors).results[0]
            np.testing.assert_allclose(ours, aggregate, atol=1e-10)
            errors = errors + gradients - aggregate
        np.testing.assert_allclose(errors - errors.mean(axis=0), differences, atol=1e-10)
        ours = np.array([compressor.error for compressor in own])
        np.testing.assert_allclose(ours.mean(axis=0), errors.mean(axis=0), atol=1e-10)
        assert np.linalg.norm(ours - ours.mean(axis=0)) < 0.6 * np.linalg.norm(differences)

    def test_a_gradient_of_zeros_does_not_end_it(self):
        """Q = 0 would give the first unit vectors for P; where rows are always zero (dark pixels), Q = 0 again."""
        M = np.vstack([np.zeros((5, 20)), of_rank(2, (25, 20))])
        power = one_matrix(2)
        np.testing.assert_array_equal(after_the_journey(power, np.zeros(600)), 0)
        np.testing.assert_allclose(after_the_journey(power, M.ravel()).reshape(M.shape), M, atol=1e-12)
        # Also where only one column of Q is gone: a rank that falls and rises.
        edge = np.zeros((30, 20))
        edge[-1, -1] = 1.0
        for _ in range(3):
            np.testing.assert_allclose(after_the_journey(power, edge.ravel()), edge.ravel(), atol=1e-12)
        np.testing.assert_allclose(after_the_journey(power, M.ravel()).reshape(M.shape), M, atol=1e-10)

    @pytest.mark.parametrize("scale", [1e-30, 1e30])
    def test_the_scale_of_a_gradient_does_not_matter(self, scale):
        """In float32, where squares of either leave the range."""
        (x,) = vectors(dtype=np.float32)
        power, scaled = FORGETFUL["PowerSGD"](), FORGETFUL["PowerSGD"]()
        for _ in range(3):
            a, b = after_the_journey(power, x), after_the_journey(scaled, x * np.float32(scale))
            np.testing.assert_allclose(b / np.float32(scale), a, rtol=1e-3, atol=1e-4)

    def test_prepare_again_with_the_same_layout_goes_on(self):
        power, twin = MINDFUL["PowerSGD"](), MINDFUL["PowerSGD"]()
        for each in (power, twin):
            exchange([each], vectors())
        twin.prepare(layout_of([(place.name, place.shape) for place in LAYOUT]))
        (a,), (b,) = (exchange([each], vectors(seed=4)).results for each in (power, twin))
        np.testing.assert_array_equal(a, b)
        power.prepare(layout_of([("W", (30, 20))]))
        assert power.error is None and exchange([power], vectors(size=600)).results[0].size == 600

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="rank: got 0; expected an integer >= 1"):
            PowerSGD(0)
        with pytest.raises(ValueError, match=r"layout: got none; expected prepare\(network.layout\)"):
            PowerSGD(2).compress(np.ones(5))
        with pytest.raises(ValueError, match=r"vector: got float64 array of shape \(5,\); expected 95 numbers"):
            FORGETFUL["PowerSGD"]().compress(np.ones(5))
        for wrong in (None, [], [1], MLP([2, 3])):
            with pytest.raises(TypeError, match=r"layout: got .*; expected a list of Place"):
                PowerSGD(2).prepare(wrong)
        with pytest.raises(ValueError, match="layout: got places that leave gaps"):
            PowerSGD(2).prepare(LAYOUT[1:])
