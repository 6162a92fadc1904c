"""Gaps between kept entries, their bytes, and what a matrix with zeros takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.compression import FormatError, gaps_from, kept_from, sparse_bytes
from nnopt_utils.compression.packing import Reader, number_bytes, pack, unpack
from nnopt_utils.compression.positions import BITMAP, FILLERS, GAPS, gap_bytes, position_bytes, read_positions

masks = st.lists(st.booleans(), max_size=300).map(lambda kept: np.array(kept, bool))
sparse_masks = st.lists(st.integers(0, 700), max_size=6).map(
    lambda gaps: np.isin(np.arange(sum(gaps) + 3), np.cumsum(gaps))
)
fillers = st.sampled_from([1, 2, 3, *FILLERS, 256, 1000])


def walked(symbols, longest):
    """Which entries are kept, and the number of all, by going through the symbols one by one."""
    places, place = [], 0
    for symbol in symbols:
        place += symbol
        if symbol < longest:
            places.append(place)
            place += 1
    return places[:-1], places[-1]


class TestGaps:
    @given(masks | sparse_masks, fillers)
    def test_round_trip_and_meaning(self, kept, longest):
        symbols = gaps_from(kept, longest)
        assert symbols.min() >= 0 and symbols.max() <= longest
        assert (kept_from(symbols, longest, kept.size) == kept).all()
        assert walked(symbols.tolist(), longest) == (np.flatnonzero(kept).tolist(), kept.size)

    @pytest.mark.parametrize("longest", FILLERS)
    @pytest.mark.parametrize("n", [0, 1, 14, 15, 16, 255, 256, 2000])
    def test_nothing_kept_all_kept_first_and_last(self, longest, n):
        for kept in (np.zeros(n, bool), np.ones(n, bool), np.arange(n) == 0, np.arange(n) == n - 1):
            assert (kept_from(gaps_from(kept, longest), longest, n) == kept).all()
        assert len(gaps_from(np.zeros(n, bool), longest)) == n // longest + 1

    def test_the_filler_itself(self):
        """A gap as long as the filler is a filler and a gap of 0."""
        kept = np.array([False] * 4 + [True])
        assert gaps_from(kept, 4).tolist() == [4, 0, 0]
        assert gaps_from(kept, 5).tolist() == [4, 0]
        assert gaps_from(kept.reshape(1, 5), 3).tolist() == [3, 1, 0]

    @given(st.lists(st.integers(-2, 20), max_size=12), st.integers(1, 15), st.integers(0, 60))
    def test_any_symbols_are_those_of_a_mask_or_refused(self, symbols, longest, n):
        try:
            kept = kept_from(symbols, longest, n)
        except (TypeError, ValueError) as error:
            assert str(error).startswith("gaps: got ")
            return
        assert gaps_from(kept, longest).tolist() == symbols

    @pytest.mark.parametrize(
        ("symbols", "n"), [([3], 4), ([5, 0], 5), ([4], 4), ([0, 4], 5), ([0.0], 0), ([[0]], 0), ([], 0), (None, 0)]
    )
    def test_symbols_of_no_mask(self, symbols, n):
        with pytest.raises((TypeError, ValueError), match=r"^gaps: got "):
            kept_from(symbols, 4, n)

    def test_bad_input(self):
        with pytest.raises(TypeError, match=r"^kept: got "):
            gaps_from([0, 1])
        for longest in (0, 1.5, None):
            with pytest.raises((TypeError, ValueError), match=r"^longest: got "):
                gaps_from(np.ones(2, bool), longest)
            with pytest.raises((TypeError, ValueError), match=r"^longest: got "):
                kept_from([0], longest, 0)
        with pytest.raises(ValueError, match=r"^n: got -1"):
            kept_from([0], 3, -1)

    def test_a_huge_number_of_entries_is_not_allocated(self):
        with pytest.raises(ValueError, match=r"^gaps: got 2 that lead to entry 3"):
            kept_from([1, 1], 4, 2**40)


class TestPositions:
    @given((masks | sparse_masks).filter(len))
    def test_round_trip_by_both_ways(self, kept):
        bitmap = np.packbits(kept).tobytes()
        for way, data in ((BITMAP, bitmap), (GAPS, gap_bytes(kept)), position_bytes(kept)):
            reader = Reader(data)
            assert (read_positions(reader, way, kept.shape) == kept).all() and reader.rest == 0
        assert len(position_bytes(kept)[1]) == min(len(bitmap), len(gap_bytes(kept)))

    @given(st.binary(max_size=40), st.integers(1, 3), st.integers(1, 400))
    def test_any_bytes(self, data, way, n):
        try:
            kept = read_positions(Reader(data), way, (n,))
        except FormatError:
            return
        assert kept.shape == (n,)


class TestPacking:
    @given(st.integers(0, 2**63 - 1))
    def test_numbers(self, value):
        reader = Reader(number_bytes(value))
        assert reader.number() == value and reader.rest == 0
        assert len(number_bytes(value)) == max(1, -(-value.bit_length() // 7))

    @pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 9, b"\xff" * 20])
    def test_numbers_without_an_end(self, data):
        with pytest.raises(FormatError):
            Reader(data).number()

    @given(st.integers(1, 16), st.lists(st.integers(0, 65535), max_size=50))
    def test_codes(self, bits, numbers):
        codes = np.array(numbers, np.uint16) % np.uint32(2**bits)
        data = pack(codes, bits)
        assert unpack(data, bits, len(codes)).tolist() == codes.tolist()
        text = "".join(f"{code:0{bits}b}" for code in codes)
        assert data == bytes(int(text[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8))


class TestFormats:
    @given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**20))
    def test_bytes_of_each(self, rows, columns, seed):
        kept = np.random.default_rng(seed).random((rows, columns)) < 0.4
        kept[0, 0] = True
        n = int(kept.sum())
        found = sparse_bytes(kept, 4)
        assert found["dense"] == 4 * rows * columns and found["CSR"] == 8 * n + 4 * (rows + 1)
        assert found["bitmap"] == 4 * n + -(-rows * columns // 8)
        assert found["gaps"] == 4 * n + len(gap_bytes(kept))

    @pytest.mark.parametrize("kept", [np.ones(3, bool), np.ones((2, 2)), np.zeros((2, 2), bool), None])
    def test_bad_masks(self, kept):
        with pytest.raises((TypeError, ValueError), match=r"^kept: got "):
            sparse_bytes(kept)
