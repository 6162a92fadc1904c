"""Huffman's codes: against a heap, against all codes there are, and against streams that are none."""

from __future__ import annotations

import heapq
import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import (
    canonical_codes,
    check_lengths,
    code_lengths,
    entropy,
    huffman_decode,
    huffman_encode,
)
from nnopt_utils.compression.huffman import LONGEST, MOST_BITS

counts_of_symbols = st.lists(st.integers(0, 10_000), min_size=1, max_size=60).filter(any)
few_counts = st.lists(st.integers(0, 30), min_size=2, max_size=6).filter(lambda counts: sum(map(bool, counts)) > 1)
symbols_of_a_code = st.lists(st.integers(0, 40), min_size=1, max_size=400)


def total(counts, lengths):
    return int(np.dot(counts, lengths))


def heap_total(counts):
    """The length of Huffman's own code: the sum of all nodes that two others were merged into."""
    heap = [count for count in counts if count]
    heapq.heapify(heap)
    if len(heap) == 1:
        return heap[0]
    result = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        result += merged
        heapq.heappush(heap, merged)
    return result


def least_total(counts, longest):
    """Of all lengths that satisfy Kraft's inequality, tried one by one."""
    present = [count for count in counts if count]
    ways = itertools.product(range(1, longest + 1), repeat=len(present))
    return min(total(present, way) for way in ways if sum(0.5**n for n in way) <= 1)


def fibonacci(n):
    numbers = [1, 1]
    while len(numbers) < n:
        numbers.append(sum(numbers[-2:]))
    return numbers[:n]


class TestLengths:
    @given(counts_of_symbols)
    def test_between_the_entropy_and_one_bit_more(self, counts):
        mean, H = total(counts, code_lengths(counts)) / sum(counts), entropy(counts)
        assert mean >= H - 1e-9
        assert mean < H + 1 + 1e-9 if sum(map(bool, counts)) > 1 else mean == 1

    @given(counts_of_symbols)
    def test_as_short_as_the_code_of_a_heap(self, counts):
        lengths = code_lengths(counts, MOST_BITS)
        assert total(counts, lengths) == heap_total(counts) or lengths.max() == MOST_BITS
        assert total(counts, lengths) >= heap_total(counts)

    @given(few_counts, st.integers(3, 5))
    def test_as_short_as_any_code_within_the_limit(self, counts, longest):
        lengths = code_lengths(counts, longest)
        assert lengths.max() <= longest
        assert total(counts, lengths) == least_total(counts, longest)

    @given(counts_of_symbols, st.integers(6, MOST_BITS))
    def test_kraft_and_who_has_a_word(self, counts, longest):
        lengths = code_lengths(counts, longest)
        assert ((lengths > 0) == (np.array(counts) > 0)).all() and lengths.max() <= longest
        assert np.sum(0.5 ** lengths[lengths > 0]) == 1 or (lengths > 0).sum() == 1
        assert (check_lengths(lengths) == lengths).all()

    @given(counts_of_symbols)
    def test_more_frequent_symbols_have_no_longer_words(self, counts):
        numbers, lengths = np.array(counts), code_lengths(counts)
        for a, b in itertools.pairwise(np.argsort(-numbers, kind="stable")[: (numbers > 0).sum()]):
            assert lengths[a] <= lengths[b] or numbers[a] == numbers[b]

    def test_the_limit_binds_where_a_heap_goes_deeper(self):
        counts = fibonacci(22)  # a heap gives the rarest 21 bits
        lengths = code_lengths(counts)
        assert lengths.max() == LONGEST and total(counts, lengths) > heap_total(counts)
        assert total(counts, code_lengths(counts, MOST_BITS)) < total(counts, lengths)
        assert total(counts[:16], code_lengths(counts[:16])) == heap_total(counts[:16])

    def test_equal_counts_fill_the_limit(self):
        assert code_lengths([7] * 32, 5).tolist() == [5] * 32
        with pytest.raises(ValueError, match=r"^longest: got 5; expected more, for 33 symbols"):
            code_lengths([7] * 33, 5)

    @pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2], [math.nan], [math.inf], "ab", [[1, 2]], None])
    def test_bad_counts(self, counts):
        for function in (entropy, code_lengths):
            with pytest.raises((TypeError, ValueError), match=r"^counts: got "):
                function(counts)

    @pytest.mark.parametrize("longest", [0, MOST_BITS + 1, 2.0, None, True])
    def test_bad_limits(self, longest):
        with pytest.raises((TypeError, ValueError), match=r"^longest: got "):
            code_lengths([1, 2], longest)


class TestEntropy:
    @given(counts_of_symbols)
    def test_bounds(self, counts):
        assert 0 <= entropy(counts) <= math.log2(sum(map(bool, counts))) + 1e-9

    def test_known_values(self):
        assert entropy([3, 3, 3, 3]) == 2 and entropy([5]) == 0 and entropy([9, 0]) == 0
        assert entropy([1, 3]) == pytest.approx(2 - 0.75 * math.log2(3))
        assert math.copysign(1, entropy([1])) == 1


class TestWords:
    @given(counts_of_symbols)
    def test_canonical(self, counts):
        """Sorted by length and symbol the words, filled up with zeros, are a staircase without gaps."""
        lengths = code_lengths(counts)
        words = canonical_codes(lengths)
        order = sorted(np.flatnonzero(lengths), key=lambda symbol: (lengths[symbol], symbol))
        starts = [words[symbol] / 2.0 ** lengths[symbol] for symbol in order]
        widths = [0.5 ** lengths[symbol] for symbol in order]
        assert starts == [sum(widths[:i]) for i in range(len(widths))]

    def test_rfc_1951(self):
        """The example in section 3.2.2."""
        words = canonical_codes([3, 3, 3, 3, 3, 2, 4, 4])
        assert words.tolist() == [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]

    @pytest.mark.parametrize(
        "lengths",
        [[], [0], [2], [1, 2], [1, 1, 1], [1, 0, 17], [-1, 1], [1.0, 1.0], "ab", None, [[1, 1]], [True, True]],
    )
    def test_tables_that_are_none(self, lengths):
        for function in (
            check_lengths,
            canonical_codes,
            lambda bits: huffman_encode([0], bits),
            lambda bits: huffman_decode(b"\0", bits, 1),
        ):
            with pytest.raises((TypeError, ValueError), match=r"^lengths: got "):
                function(lengths)


class TestStreams:
    @given(symbols_of_a_code)
    def test_round_trip_in_as_many_bits_as_the_words_have(self, symbols):
        counts = np.bincount(symbols)
        lengths = code_lengths(counts)
        data = huffman_encode(symbols, lengths)
        assert len(data) == -(-total(counts, lengths) // 8)
        assert huffman_decode(data, lengths, len(symbols)).tolist() == symbols

    @given(symbols_of_a_code)
    def test_bit_by_bit(self, symbols):
        """The stream is the words one after the other, as strings."""
        lengths = code_lengths(np.bincount(symbols))
        words = [f"{word:0{bits}b}" for word, bits in zip(canonical_codes(lengths), lengths, strict=True)]
        text = "".join(words[symbol] for symbol in symbols)
        bits = "".join(f"{byte:08b}" for byte in huffman_encode(symbols, lengths))
        assert bits[: len(text)] == text and set(bits[len(text) :]) <= {"0"} and len(bits) - len(text) < 8

    def test_words_of_every_length_at_every_bit(self):
        lengths = [*range(1, MOST_BITS), MOST_BITS, MOST_BITS]
        symbols = np.random.default_rng(0).integers(0, len(lengths), 3000)
        assert (huffman_decode(huffman_encode(symbols, lengths), lengths, 3000) == symbols).all()

    def test_nothing_and_one_symbol(self):
        assert huffman_encode([], [1, 1]) == b"" and huffman_decode(b"", [1, 1], 0).tolist() == []
        assert (
            huffman_encode([2] * 9, [0, 0, 1]) == b"\0\0" and huffman_decode(b"\0\0", [0, 0, 1], 9).tolist() == [2] * 9
        )
        with pytest.raises(ValueError, match="a word that this code does not have"):
            huffman_decode(b"\x80", [0, 0, 1], 8)

    @given(symbols_of_a_code, st.data())
    def test_a_wrong_number_of_symbols_or_bytes(self, symbols, data):
        lengths = code_lengths(np.bincount(symbols))
        stream = huffman_encode(symbols, lengths)
        for wrong in (stream[:-1], stream + b"\0"):
            with pytest.raises(ValueError, match=r"^(data|n): got "):
                huffman_decode(wrong, lengths, len(symbols))
        many = len(symbols) + data.draw(st.integers(8, 2**70))
        with pytest.raises(ValueError, match=r"^(data|n): got "):
            huffman_decode(stream, lengths, many)

    @given(st.binary(max_size=60), counts_of_symbols, st.integers(0, 500))
    def test_any_bytes_are_decoded_to_what_encodes_to_them_or_refused(self, data, counts, n):
        lengths = code_lengths(counts)
        try:
            symbols = huffman_decode(data, lengths, n)
        except ValueError:
            return
        assert huffman_encode(symbols, lengths) == data

    @pytest.mark.parametrize("symbols", [[1.0], [-1], [4], [[0]], None, "a", [3]])
    def test_bad_symbols(self, symbols):
        with pytest.raises((TypeError, ValueError), match=r"^symbols: got "):
            huffman_encode(symbols, [1, 2, 2, 0])

    @pytest.mark.parametrize("n", [-1, 1.0, None])
    def test_bad_numbers(self, n):
        with pytest.raises((TypeError, ValueError), match=r"^n: got "):
            huffman_decode(b"", [1, 1], n)

    def test_memory_is_proportional_to_the_data(self):
        """A window of four bytes and a length a bit, and what looks them up: below 200 times the bytes."""
        data = bytes(100_000)
        tracemalloc.start()
        huffman_decode(data, [1, 1], 800_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200 * len(data)
