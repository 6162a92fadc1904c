"""The file of a compressed network: what comes back, what is counted, what is refused, and what a page says of it."""

from __future__ import annotations

import itertools
import os
import re
import stat
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnopt_utils import activations, compression, losses
from nnopt_utils.compression import (
    CompressedMLP,
    Dense,
    FormatError,
    Frozen,
    Grid,
    Masked,
    Quantized,
    Shared,
    Stored,
    add_low_rank_updates,
    file_parts,
    from_bytes,
    gptq,
    load_compressed,
    low_rank,
    prune,
    quantize,
    save_compressed,
    share_weights,
    to_bytes,
)
from nnopt_utils.compression.file_format import ACTIVATIONS, LOSSES, MOST_LAYERS
from nnopt_utils.compression.packing import number_bytes
from nnopt_utils.networks import MLP

PAGE = Path(__file__).resolve().parents[2] / "docs" / "file_format.md"


def small(dtype="float32", sizes=(9, 6, 4)):
    network = MLP(list(sizes), "tanh", l2=0.25, seed=3, dtype=dtype)
    for bias in network.biases:
        bias[:] = np.random.default_rng(1).normal(size=bias.shape)
    return network


def updated(network):
    adapted = add_low_rank_updates(network, rank=2, seed=1)
    adapted.parameters += np.random.default_rng(0).normal(size=adapted.n_parameters)
    return adapted


def frozen(network):
    """Each tensor as it was, but frozen."""
    held = CompressedMLP(network)
    return held.with_forms({name: Frozen(held.free(name), form) for name, form in held.forms.items()})


def far_from_the_grid(network):
    """Numbers behind the grid that are not on it, as after training."""
    rounded = quantize(network, 3)
    rounded.parameters += np.random.default_rng(2).normal(size=rounded.n_parameters)
    return rounded


def zeros_of_both_signs(network):
    network = network.copy()
    network.weights[0][0] = -0.0
    network.weights[1][:, 0] = 0.0
    return network


def mixture(network):
    mixed = share_weights(prune(network, 0.5), 3, layers=[1])
    return quantize(mixed, 4, layers=[0], biases=True).with_forms({"biases[1]": Frozen([0.5, -0.0, 1.0, 2.0])})


INPUTS = np.random.default_rng(5).normal(size=(40, 9))
WAYS = {
    "dense": lambda n: n,
    "zeros of both signs": zeros_of_both_signs,
    "masked": lambda n: prune(n, 0.7),
    "one entry kept": lambda n: CompressedMLP(n, {"weights[0]": Masked(np.arange(54).reshape(9, 6) == 53)}),
    "all kept": lambda n: CompressedMLP(n, {"biases[0]": Masked(np.ones(6, bool))}),
    "a masked bias": lambda n: CompressedMLP(n, {"biases[0]": Masked(np.arange(6) == 0)}),
    "shared": lambda n: share_weights(n, 5),
    "one value": lambda n: share_weights(n, 1),
    "256 values": lambda n: share_weights(n, 54),
    "a value that no entry has": lambda n: CompressedMLP(n, {"weights[1]": Shared(np.full((6, 4), 2), 7)}),
    "pruned and shared": lambda n: share_weights(prune(n, 0.6), 4),
    "pruned and of one value": lambda n: share_weights(prune(n, 0.6), 1),
    **{
        f"{bits} bits, {'symmetric' if symmetric else 'affine'}, per {per}": (
            lambda n, bits=bits, symmetric=symmetric, per=per: quantize(n, bits, symmetric, per)
        )
        for bits, symmetric, per in itertools.product([1, 2, 4, 8, 12, 16], [True, False], ["tensor", "channel"])
    },
    "biases too": lambda n: quantize(n, 6, symmetric=False, biases=True),
    "a grid from zero": lambda n: CompressedMLP(n, {"weights[0]": Quantized(Grid(0.5, 0.0, 4), (9, 6))}),
    "a grid from minus zero": lambda n: CompressedMLP(n, {"weights[0]": Quantized(Grid(0.5, -0.0, 4), (9, 6))}),
    "no integer zero point": lambda n: CompressedMLP(n, {"weights[0]": Quantized(Grid(0.3, 3.3, 9), (9, 6))}),
    "trained on a grid": far_from_the_grid,
    "pruned and on a grid": lambda n: quantize(prune(n, 0.6), 3),
    "pruned and of one bit": lambda n: quantize(prune(n, 0.6), 1, per="tensor"),
    "gptq": lambda n: gptq(n, INPUTS, bits=3),
    "pruned and gptq": lambda n: gptq(prune(n, 0.4), INPUTS, bits=4, per="tensor"),
    "low rank": lambda n: low_rank(n, 2),
    "low rank and 8 bits": lambda n: quantize(low_rank(n, 2), 8),
    "low-rank updates": updated,
    "frozen": frozen,
    "frozen mask": lambda n: frozen(prune(n, 0.5)),
    "frozen codes": lambda n: frozen(share_weights(n, 3)),
    "frozen grid": lambda n: frozen(quantize(n, 3)),
    "mixture": mixture,
}
every_way = pytest.mark.parametrize("way", WAYS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def tensors(network):
    return [tensor for pair in zip(network.weights, network.biases, strict=True) for tensor in pair]


def assert_same(network, again):
    assert again.layer_sizes == network.layer_sizes and again.l2 == network.l2 and again.dtype == network.dtype
    assert again.loss_function.name == network.loss_function.name
    assert [a.name for a in again.activation_functions] == [a.name for a in network.activation_functions]
    for ours, theirs in zip(tensors(network), tensors(again), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


class TestRoundTrips:
    @every_dtype
    @every_way
    def test_every_bit_comes_back_and_the_file_is_the_same_again(self, way, dtype):
        network = WAYS[way](small(dtype))
        data = to_bytes(network)
        again = from_bytes(data)
        assert_same(network, again)
        assert to_bytes(again) == data
        before = network.parameters.copy()
        to_bytes(network)
        assert (before == network.parameters).all()

    @every_way
    def test_forms_come_back(self, way):
        network = CompressedMLP(WAYS[way](small()))
        again = from_bytes(to_bytes(network))
        stored_by = {name: form.form if isinstance(form, Frozen) else form for name, form in network.forms.items()}
        expected = [
            Dense if type(form) not in (Masked, Shared, Quantized) else type(form) for form in stored_by.values()
        ]
        if expected == [Dense] * len(expected):
            assert type(again) is MLP
        else:
            assert [type(form) for form in again.forms.values()] == expected
        for kept, form in zip(
            (form.kept for form in stored_by.values()), CompressedMLP(again).forms.values(), strict=True
        ):
            assert (kept is None) == (form.kept is None) and (kept is None or (kept == form.kept).all())

    @pytest.mark.parametrize("activation", activations.ACTIVATIONS)
    def test_activations(self, activation):
        network = MLP([3, 2, 2, 2], [activation, "relu"])
        assert_same(network, from_bytes(to_bytes(network)))

    @pytest.mark.parametrize("loss", losses.LOSSES)
    def test_losses(self, loss):
        network = MLP([3, 2], loss=loss, l2=0.5)
        assert_same(network, from_bytes(to_bytes(network)))

    def test_all_names_have_a_number(self):
        assert set(ACTIVATIONS) == set(activations.ACTIVATIONS) and set(LOSSES) == set(losses.LOSSES)

    @pytest.mark.parametrize("sizes", [(1, 1), (5, 1), (1, 5), (2, 1, 1, 1, 2), (1,) * 40, (300, 2), (2, 300)])
    def test_sizes(self, sizes):
        for loss in ("mse", "huber"):
            network = MLP(list(sizes), loss=loss, seed=1)
            for each in (network, quantize(network, 8), share_weights(network, 2), prune(network, 0.5)):
                assert_same(each, from_bytes(to_bytes(each)))

    @settings(max_examples=40)
    @given(
        sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5),
        seed=st.integers(0, 99),
        sparsity=st.floats(0, 0.9),
        bits=st.integers(1, 9),
        clusters=st.integers(1, 9),
        dtype=st.sampled_from(["float32", "float64"]),
    )
    def test_whatever_is_composed(self, sizes, seed, sparsity, bits, clusters, dtype):
        network = MLP(sizes, loss="mse", seed=seed, dtype=dtype)
        pruned = prune(network, sparsity)
        for each in (pruned, quantize(pruned, bits), share_weights(pruned, clusters), quantize(network, bits, False)):
            data = to_bytes(each)
            again = from_bytes(data)
            assert_same(each, again)
            assert to_bytes(again) == data

    def test_loaded_networks_train_on(self):
        network = from_bytes(to_bytes(share_weights(prune(small(), 0.5), 4)))
        network.parameters += 1.0
        assert_same(network, from_bytes(to_bytes(network)))

    @every_dtype
    def test_extreme_floats(self, dtype):
        info, network = np.finfo(dtype), MLP([6, 1], loss="mse", dtype=dtype)
        network.weights[0][:, 0] = [info.max, -info.max, info.tiny, info.smallest_subnormal, -0.0, 1 + info.eps]
        for each in (network, CompressedMLP(network, {"weights[0]": Masked(np.arange(6)[:, None] > 1)})):
            assert_same(each, from_bytes(to_bytes(each)))


class TestParts:
    @every_way
    def test_parts_sum_to_the_file(self, way):
        network = WAYS[way](small())
        parts = file_parts(network)
        assert b"".join(piece for _, _, piece in parts) == to_bytes(network)
        assert parts[0][:2] == ("", "header")
        names = [name for name, _ in itertools.groupby(parts[1:], key=lambda part: part[0])]
        assert names == list(CompressedMLP(network).forms)
        for name in names:
            found = [part for owner, part, _ in parts if owner == name]
            assert found == [p for p in ("header", "positions", "tables", "values") if p in found]
            assert found[0] == "header" and found[-1] == "values"
            form = CompressedMLP(network).forms[name]
            assert ("positions" in found) == (form.kept is not None)

    def test_huffman_is_taken_where_it_is_shorter(self):
        few = np.zeros((50, 20), int)
        few[0, :3] = [1, 2, 3]
        lopsided = CompressedMLP(MLP([50, 20]), {"weights[0]": Shared(few, 4)})
        even = CompressedMLP(MLP([50, 20]), {"weights[0]": Shared(np.arange(1000).reshape(50, 20) % 4, 4)})
        sizes = [{(n, p): len(b) for n, p, b in file_parts(each)}["weights[0]", "values"] for each in (lopsided, even)]
        assert sizes[0] < 140 and sizes[1] == 250

    def test_float_bytes(self):
        assert len(to_bytes(MLP([10, 5], dtype="float64"))) - len(to_bytes(MLP([10, 5]))) == 4 * 55


class TestRefusedToWrite:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("way", ["dense", "masked", "shared"])
    def test_numbers_that_are_not_finite(self, way, value):
        network = WAYS[way](small()).copy()
        network.parameters[0] = value
        with pytest.raises(ValueError, match=r"(cannot be stored: got a number that is not|expected only) finite"):
            to_bytes(network)

    def test_a_grid_that_floats_cannot_hold(self):
        """Around 10⁹ float32 has a value every 64."""
        network = CompressedMLP(MLP([2, 1], loss="mse"), {"weights[0]": Quantized(Grid(1.0, -1e9, 200), (2, 1))})
        network.parameters[0] = 1e9 + 10
        network.parameters[1] = 1e9 + 150
        data = None
        try:
            data = to_bytes(network)
        except ValueError as error:
            assert "do not tell apart" in str(error)
        assert data is None or from_bytes(data).weights[0].tobytes() == network.weights[0].tobytes()

    @pytest.mark.parametrize("network", [None, 3, "network", np.ones(3)])
    def test_no_network(self, network, tmp_path):
        for function in (to_bytes, file_parts, lambda n: save_compressed(n, tmp_path / "file")):
            with pytest.raises(TypeError, match=r"^network: got "):
                function(network)
        assert list(tmp_path.iterdir()) == []

    def test_too_many_layers(self):
        assert len(from_bytes(to_bytes(MLP([1] * (MOST_LAYERS + 1), loss="mse"))).weights) == MOST_LAYERS
        with pytest.raises(ValueError, match=r"^network: got 1,001 layers; expected at most 1,000"):
            to_bytes(MLP([1] * (MOST_LAYERS + 2), loss="mse"))

    def test_names_and_kinds_without_a_number(self, monkeypatch):
        class Odd(Dense):
            def stored(self, free):
                return Stored("odd", self.shape, None, free.ravel(), 32, {})

        with pytest.raises(ValueError, match=r"^network: got the kind of values 'odd'; expected one that"):
            to_bytes(CompressedMLP(small(), {"biases[0]": Odd((6,))}))

        class Short(Dense):
            def stored(self, free):
                return Stored("float", self.shape, None, free.ravel()[1:], 32, {})

        with pytest.raises(ValueError, match=r"^network: biases\[0\] has .* to store; expected a vector of 6"):
            to_bytes(CompressedMLP(small(), {"biases[0]": Short((6,))}))
        monkeypatch.setattr(compression.file_format, "ACTIVATIONS", ("linear", "relu"))
        with pytest.raises(ValueError, match=r"^network: got the activation 'tanh'; expected one that"):
            to_bytes(small())


class TestFiles:
    @pytest.mark.parametrize("kind", [str, Path])
    def test_strings_and_paths(self, kind, tmp_path):
        network, path = WAYS["mixture"](small()), kind(tmp_path / "a network ü.nnopt")
        save_compressed(network, kind(tmp_path / ("n" * 255)))  # the longest name
        (tmp_path / ("n" * 255)).unlink()
        assert save_compressed(network, path) == len(to_bytes(network)) == os.path.getsize(path)
        assert_same(network, load_compressed(path))
        assert os.listdir(tmp_path) == ["a network ü.nnopt"]

    def test_in_the_working_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        save_compressed(small(), "file")
        assert_same(small(), load_compressed("file"))

    @pytest.mark.parametrize("path", [None, 3, b"file"])
    def test_no_path(self, path):
        for function in (load_compressed, lambda p: save_compressed(small(), p)):
            with pytest.raises(TypeError, match=r"^path: got "):
                function(path)

    def test_folders_and_places_that_are_not_there(self, tmp_path):
        for path in (tmp_path, tmp_path / "none" / "file"):
            with pytest.raises(OSError):
                load_compressed(path)
            with pytest.raises(OSError):
                save_compressed(small(), path)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(OSError):
            load_compressed(tmp_path / "file")

    @pytest.mark.parametrize("where", ["fsync", "replace"])
    @pytest.mark.parametrize("what", [OSError("disk full"), KeyboardInterrupt(), MemoryError()])
    def test_an_interruption_leaves_the_old_file_and_no_other(self, where, what, tmp_path, monkeypatch):
        path = tmp_path / "file"
        save_compressed(small(), path)

        def interrupted(*_):
            raise what

        monkeypatch.setattr(os, where, interrupted)
        for place, left in ((path, ["file"]), (tmp_path / "new", ["file"])):
            with pytest.raises(type(what)):
                save_compressed(quantize(small(), 4), place)
            assert os.listdir(tmp_path) == left
        assert path.read_bytes() == to_bytes(small())

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
    def test_permissions_are_those_of_any_new_file(self, mask, tmp_path):
        before = os.umask(mask)
        try:
            save_compressed(small(), tmp_path / "ours")
            (tmp_path / "other").write_bytes(b"")
        finally:
            os.umask(before)
        assert (tmp_path / "ours").stat().st_mode == (tmp_path / "other").stat().st_mode

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
    def test_an_old_file_keeps_its_permissions(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"")
        path.chmod(0o640)
        save_compressed(small(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
    def test_a_pipe_is_not_replaced(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match=r"^path: got .*, which is no file"):
            save_compressed(small(), tmp_path / "pipe")
        assert (tmp_path / "pipe").is_fifo() and os.listdir(tmp_path) == ["pipe"]

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "folder").mkdir()
        target, link = tmp_path / "folder" / "file", tmp_path / "link"
        link.symlink_to(target)
        for network in (small(), quantize(small(), 4)):  # to nothing yet, and to a file
            save_compressed(network, link)
            assert link.is_symlink() and target.read_bytes() == to_bytes(network)
        assert os.listdir(tmp_path / "folder") == ["file"]


# -- the page --------------------------------------------------------------------------------------------------------


class PageReader:
    """A reader made from docs/file_format.md alone: nothing of the library is used, and nothing is checked."""

    ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "softplus")
    LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "half_mse", "mae", "huber")

    def __init__(self, data):
        self.data, self.at = data, 0
        assert self.take(5) == b"NNOPT" and self.take(1) == b"\x01"
        assert int.from_bytes(self.take(4), "little") == zlib.crc32(data[10:])
        self.sizes = [self.number() for _ in range(self.number())]
        self.activations = [self.ACTIVATIONS[self.take(1)[0]] for _ in self.sizes[2:]]
        self.loss = self.LOSSES[self.take(1)[0]]
        self.type = ["<f4", "<f8"][self.take(1)[0]]
        (self.l2,) = self.floats("<f8", 1)
        self.tensors = []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            self.tensors += [self.tensor((fan_in, fan_out)), self.tensor((fan_out,))]
        assert self.at == len(data)

    def take(self, n):
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self):
        byte = self.take(1)[0]
        return byte if byte < 128 else byte - 128 + 128 * self.number()

    def floats(self, kind, n):
        return np.frombuffer(self.take(n * int(kind[2])), kind)

    def bits(self, n_bytes):
        return "".join(f"{byte:08b}" for byte in self.take(n_bytes))

    def tensor(self, shape):
        head, n = self.take(1)[0], int(np.prod(shape))
        kind, way, coding = head % 4, head // 4 % 4, head // 16
        places = [list(range(n)), None, None][way]
        if way == 1:
            places = [i for i, bit in enumerate(self.bits((n + 7) // 8)) if bit == "1"]
        if way == 2:
            places = self.gaps()
        flat = np.zeros(n, self.type)
        for place, value in zip(places, self.values(kind, coding, places, shape[-1]), strict=True):
            flat[place] = value
        return flat.reshape(shape)

    def gaps(self):
        filler, n, place, places = self.take(1)[0], self.number(), 0, []
        for symbol in self.huffman(n):
            place += symbol
            if symbol != filler:
                places.append(place)
                place += 1
        return places[:-1]

    def values(self, kind, coding, places, units):
        if kind == 0:
            return self.floats(self.type, len(places))
        levels = self.number()
        if kind == 1:
            codebook = self.floats(self.type, levels)
            return [codebook[code] for code in self.codes(coding, levels, len(places))]
        n_scales, n_zeros = self.number(), self.number()
        scales, zeros = self.floats("<f4", max(n_scales, 1)), self.floats("<f4", n_zeros)
        found = []
        for place, code in zip(places, self.codes(coding, levels, len(places)), strict=True):
            s, z = scales[place % units if n_scales else 0], zeros[place % units if n_zeros > 1 else 0]
            found.append(np.dtype(self.type).type(s) * (np.dtype(self.type).type(code) - z))
        return found

    def codes(self, coding, levels, n):
        if coding == 2:
            return self.huffman(n)
        width = max(1, len(f"{levels - 1:b}"))
        text = self.bits((n * width + 7) // 8)
        return [int(text[i * width : (i + 1) * width], 2) for i in range(n)]

    def huffman(self, n):
        k = self.number()
        lengths = [int(digit, 16) for digit in self.take((k + 1) // 2).hex()][:k]
        words, word, before = {}, -1, 0
        for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
            word = (word + 1) << (length - before)
            before, words[f"{word:0{length}b}"] = length, symbol
        text, symbols, start = self.bits(self.number()), [], 0
        for end in range(len(text) + 1):
            if len(symbols) < n and text[start:end] in words:
                symbols.append(words[text[start:end]])
                start = end
        return symbols


def wide_codes(network):
    random = np.random.default_rng(0)
    return CompressedMLP(network, {"weights[0]": Shared(random.integers(0, 300, (9, 6)), 300)})


VERSION_1 = (
    "4e4e4f5054015dbd4cd7040604030206010500000000000000c03f040200010000003f0000a0bf000000803f000000400000"
    "0080000080401103000000bf0000803e0000404018618611010000003f00120702010000003f0000803e00004040053d4000"
    "000080bf0000803f"
)


class TestThePage:
    @every_dtype
    @every_way
    def test_a_reader_made_from_it_finds_the_same_weights(self, way, dtype):
        network = WAYS[way](small(dtype))
        read = PageReader(to_bytes(network))
        assert (read.sizes, read.l2) == (network.layer_sizes, network.l2)
        assert read.loss == "cross_entropy" and "tanh" in read.activations
        for ours, theirs in zip(read.tensors, tensors(network), strict=True):
            assert ours.tobytes() == theirs.tobytes() and ours.dtype == theirs.dtype

    @pytest.mark.parametrize("longest", [15, 31, 63, 127, 255])
    def test_every_filler_and_code(self, longest):
        kept = np.arange(6000).reshape(300, 20) % (longest + 1) == longest
        for form in (Masked(kept), Shared(np.arange(kept.sum()) ** 2 % 7 // 6, 2, kept)):
            network = CompressedMLP(MLP([300, 20], seed=0), {"weights[0]": form})
            read = PageReader(to_bytes(network))
            assert read.tensors[0].tobytes() == network.weights[0].tobytes()

    def test_more_than_256_values(self):
        network = wide_codes(small())
        assert PageReader(to_bytes(network)).tensors[0].tobytes() == network.weights[0].tobytes()

    def test_names_are_in_the_page(self):
        text = " ".join(PAGE.read_text(encoding="utf-8").split())
        for names in (ACTIVATIONS, LOSSES):
            assert ", ".join(f"{number} {name}" for number, name in enumerate(names)) in text

    def test_version_1_can_be_read_for_ever(self):
        """Written when version 1 was new. If this fails, files that people have cannot be read."""
        data = bytes.fromhex(VERSION_1)
        network = from_bytes(data)
        assert network.layer_sizes == [6, 4, 3, 2] and network.l2 == 0.125
        assert [a.name for a in network.activation_functions] == ["tanh", "relu"]
        assert network.loss_function.name == "huber"
        expected = old_weights()
        for ours, theirs in zip(tensors(network), expected, strict=True):
            assert ours.dtype == np.float32 and ours.tobytes() == theirs.tobytes()
        assert to_bytes(network) == data
        assert [tensor.tobytes() for tensor in PageReader(data).tensors] == [tensor.tobytes() for tensor in expected]


def old_weights():
    """What ``VERSION_1`` holds: floats with a mask, codes with a codebook and with a grid, and floats."""
    first = np.zeros((6, 4), np.float32)
    first[1, 2], first[5, 3] = 0.5, -1.25
    codebook, scale = np.array([-0.5, 0.25, 3.0], np.float32), np.array([0.5, 0.25], np.float32)
    second = codebook[np.arange(12).reshape(4, 3) % 3]
    third = scale * (np.array([[0, 1], [2, 3], [6, 5]], np.float32) - 3)
    biases = [np.array(values, np.float32) for values in ([1, 2, -0.0, 4], [0.5] * 3, [-1, 1])]
    return [first, biases[0], second, biases[1], third, biases[2]]


def old_network():
    """How ``VERSION_1`` was made."""
    first, b1, second, b2, third, b3 = old_weights()
    network = MLP([6, 4, 3, 2], ["tanh", "relu"], "huber", "zeros", 0.125)
    network.weights, network.biases = [first, second, third], [b1, b2, b3]
    return CompressedMLP(
        network,
        {
            "weights[0]": Masked(first != 0),
            "weights[1]": Shared(np.arange(12).reshape(4, 3) % 3, 3),
            "biases[1]": Shared([0, 0, 0], 1),
            "weights[2]": Quantized(Grid([0.5, 0.25], [3.0, 3.0], 7), (3, 2)),
        },
    )


# -- files that are none ---------------------------------------------------------------------------------------------


def sealed(body, magic=b"NNOPT", version=1):
    return magic + bytes([version]) + struct.pack("<I", zlib.crc32(body)) + body


def numbers(*values):
    return b"".join(map(number_bytes, values))


def header(*sizes, activations=None, loss=2, dtype=0, l2=0.0):
    hidden = [1] * (len(sizes) - 2) if activations is None else activations
    return numbers(len(sizes), *sizes) + bytes([*hidden, loss, dtype]) + struct.pack("<d", l2)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def huffman(lengths, words, announced=None, k=None):
    """A table and a stream as they are given, right or wrong."""
    padded = [*lengths, *[0] * (len(lengths) % 2)]
    table = bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))
    n_words = len(lengths) if k is None else k
    return numbers(n_words) + table + numbers(len(words) if announced is None else announced) + words


def a_file(weights, sizes=(2, 1)):
    """Of one layer and one unit, with these bytes for the record of its weights."""
    return sealed(header(*sizes) + weights + b"\0" + floats(0))


def head(kind=0, way=0, coding=0):
    return bytes([kind | way << 2 | coding << 4])


def refused(data):
    """The message with which something is refused, and the most memory that was taken meanwhile."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            from_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300 * len(data) + 2**20, (peak, len(data))
    assert str(caught.value).startswith("bytes: ")
    return str(caught.value)


GOOD = a_file(head() + floats(1, 2))
ZERO = head() + floats(0)
HUGE = 2**40
HOSTILE = {
    "empty": (b"", "expected a file that begins with b'NNOPT'"),
    "another magic": (sealed(GOOD[10:], magic=b"NNOPS"), "got b'NNOPS'; expected a file that begins"),
    "version 0": (sealed(GOOD[10:], version=0), "got version 0; expected 1"),
    "version 2": (sealed(GOOD[10:], version=2), "got version 2; expected 1"),
    "checksum": (GOOD[:6] + b"abcd" + GOOD[10:], "checksum"),
    "trailing": (sealed(GOOD[10:] + b"\0"), "got 1 bytes after the last tensor"),
    "one layer size": (sealed(header(3) + ZERO), "got 1 layer sizes; expected 2 to"),
    "no layer sizes": (sealed(header() + ZERO), "got 0 layer sizes"),
    "1,001 layers": (sealed(header(*[1] * 1002)), "got 1,002 layer sizes; expected 2 to 1,001"),
    "many layer sizes": (sealed(numbers(HUGE) + bytes(100)), "got 1,099,511,627,776 layer sizes"),
    "an endless number": (sealed(b"\xff" * 40), "a number of more than nine bytes"),
    "a huge layer": (sealed(header(HUGE, HUGE) + bytes(100)), "parameters in 100 bytes"),
    "huge by product": (sealed(header(2**21, 2**21, 1) + bytes(1000)), "parameters in 1,000 bytes"),
    "a wide layer": (sealed(header(HUGE, 1) + bytes(100)), "parameters in 100 bytes"),
    "more than the bytes": (sealed(header(500, 500) + head() + bytes(100)), "parameters in 101 bytes"),
    "as many as gaps could": (sealed(header(400, 400) + head() + bytes(100_000)), "bytes where 640,000 are announced"),
    "no inputs": (sealed(header(0, 1) + ZERO), "nothing is stored"),
    "no outputs": (sealed(header(1, 0) + ZERO), "nothing is stored"),
    "no hidden units": (sealed(header(2, 0, 1) + ZERO * 4), "nothing is stored"),
    "activation": (sealed(header(1, 1, 1, activations=[8]) + ZERO * 4), "got 8 as the number of the activation"),
    "loss": (sealed(header(1, 1, loss=6) + ZERO * 2), "got 6 as the number of the loss"),
    "loss of two classes": (sealed(header(1, 1, loss=0) + ZERO * 2), "got 1 output for loss 'cross_entropy'"),
    "number type": (sealed(header(1, 1, dtype=2) + ZERO * 2), "got 2 as the number of the number type"),
    **{
        f"l2 {l2}": (sealed(header(1, 1, l2=l2) + ZERO * 2), "l2: got ")
        for l2 in (float("nan"), float("inf"), -float("inf"), -1.0)
    },
    "kind": (a_file(head(3) + floats(1, 2)), "got 3 as the number of the kind"),
    "way": (a_file(head(0, 3) + floats(1, 2)), "got 3 as the way of positions"),
    "coding of floats": (a_file(head(0, 0, 1) + floats(1, 2)), "got 1 as the coding of floats"),
    **{
        f"float {value}": (a_file(head() + floats(1, value)), "a number that is not finite")
        for value in (float("nan"), float("inf"), -float("inf"))
    },
    # Positions.
    "bitmap of nothing": (a_file(head(0, 1) + b"\0"), "nothing is stored"),
    "bitmap's fill": (a_file(head(0, 1) + b"\xe0" + floats(1, 2, 3)), "bits after the last entry of a bitmap"),
    "gaps of nothing": (a_file(head(0, 2) + b"\x0f" + numbers(1) + huffman([0, 0, 1], b"\0")), "nothing is stored"),
    "filler": (a_file(head(0, 2) + b"\x10" + numbers(1) + huffman([1], b"\0")), "got a filler of 16"),
    "filler 0": (a_file(head(0, 2) + b"\0" + numbers(1) + huffman([1], b"\0")), "got a filler of 0"),
    "no gaps": (a_file(head(0, 2) + b"\x0f" + numbers(0) + huffman([1], b"")), "expected a list of integers"),
    "gaps past the end": (
        a_file(head(0, 2) + b"\x0f" + numbers(2) + huffman([1, 1], b"\xc0") + floats(1)),
        "lead to entry",
    ),
    "gaps to before the end": (a_file(head(0, 2) + b"\x0f" + numbers(2) + huffman([1], b"\0") + floats(1)), "lead to"),
    "a gap above the filler": (
        a_file(head(0, 2) + b"\x0f" + numbers(1) + huffman([0] * 16 + [1], b"\0"), sizes=(16, 1)),
        "expected 0 to 15",
    ),
    "a filler at the end": (
        a_file(head(0, 2) + b"\x0f" + numbers(1) + huffman([0] * 15 + [1], b"\0"), sizes=(15, 1)),
        "lead to",
    ),
    "many gaps": (a_file(head(0, 2) + b"\x0f" + numbers(HUGE) + huffman([1], b"\0")), "gaps for 2 entries"),
    # Tables.
    "an empty codebook": (a_file(head(1, 0, 1) + numbers(0) + b"\0"), "got 0 different values"),
    "a huge codebook": (a_file(head(1, 0, 1) + numbers(HUGE) + b"\0"), "different values; expected 1 to 65,536"),
    "a codebook beyond the end": (a_file(head(1, 0, 1) + numbers(65536) + b"\0"), "262,144 are announced"),
    "codebook of NaN": (
        a_file(head(1, 0, 1) + numbers(1) + floats(float("nan")) + b"\0"),
        "a number that is not finite",
    ),
    "a code beyond the codebook": (a_file(head(1, 0, 1) + numbers(3) + floats(1, 2, 3) + b"\xf0"), "got the code 3"),
    "codes' fill": (a_file(head(1, 0, 1) + numbers(2) + floats(1, 2) + b"\x10"), "bits after the last code"),
    "coding 0 of codes": (a_file(head(1, 0, 0) + numbers(2) + floats(1, 2) + b"\0"), "got 0 as the coding of codes"),
    "coding 3 of codes": (a_file(head(1, 0, 3) + numbers(2) + floats(1, 2) + b"\0"), "got 3 as the coding of codes"),
    "one level": (a_file(head(2, 0, 1) + numbers(1, 0, 1) + floats(1, 0) + b"\0"), "levels: got 1"),
    "too many levels": (a_file(head(2, 0, 1) + numbers(65537, 0, 1) + floats(1, 0) + bytes(9)), "different values"),
    "too many scales": (a_file(head(2, 0, 1) + numbers(4, 2, 1) + floats(1, 1, 0) + b"\0"), "got 2 scales and 1 zero"),
    "huge number of scales": (a_file(head(2, 0, 1) + numbers(4, HUGE, 1) + floats(1, 0) + b"\0"), "scales and 1 zero"),
    "huge number of zeros": (a_file(head(2, 0, 1) + numbers(4, 0, HUGE) + floats(1, 0) + b"\0"), "0 scales and"),
    "no zero point": (a_file(head(2, 0, 1) + numbers(4, 0, 0) + floats(1) + b"\0"), "0 scales and 0 zero"),
    **{
        f"scale {value}": (a_file(head(2, 0, 1) + numbers(4, 0, 1) + floats(value, 0) + b"\0"), "scale: got ")
        for value in (0.0, -0.0, -1.0, float("nan"), float("inf"))
    },
    "zero point NaN": (
        a_file(head(2, 0, 1) + numbers(4, 0, 1) + floats(1, float("nan")) + b"\0"),
        "zero_point: got ",
    ),
    "a grid that overflows": (
        a_file(head(2, 0, 1) + numbers(4, 0, 1) + floats(3e38, 0) + b"\xf0"),
        "a number that is not finite",
    ),
    "a grid that is too fine": (
        a_file(head(2, 0, 1) + numbers(4, 0, 1) + floats(1, 1e30) + b"\xf0"),
        "do not tell apart",
    ),
    "a grid below the least float": (
        a_file(head(2, 0, 1) + numbers(4, 0, 1) + floats(1e-45, 0.5) + b"\x10"),
        "do not tell apart",
    ),
    # Huffman's tables and streams.
    **{
        f"code table {lengths}, announced {k}": (
            a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman(lengths, b"\x40", k=k)),
            message,
        )
        for lengths, k, message in [
            ([], None, "a code table of 0 symbols"),
            ([0, 0], None, "add up to 0"),
            ([1, 2], None, "add up to 0.75"),
            ([1, 1, 1], None, "add up to 1.5"),
            ([15] * 40, None, "add up to"),
            ([2], None, "add up to"),
            ([1, 1], HUGE, "a code table of 1,099,511,627,776 symbols"),
            ([1, 1], 4097, "a code table of 4,097 symbols"),
            ([1, 1], 4096, "bytes where 2,048 are announced"),
            ([1, 1], 1, "bits after the last code"),
        ]
    },
    "a stream that is longer than the file": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([1, 1], b"\x40", HUGE)),
        "where 1,099,511,627,776 are announced",
    ),
    "a stream of too few symbols": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([1, 1], b"\x40"), sizes=(9, 1)),
        "expected at most 8",
    ),
    "a stream of too many bytes": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([1, 1], b"\x40\0")),
        "those of 2 symbols and no more",
    ),
    "a stream's fill": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([1, 1], b"\x41")),
        "those of 2 symbols and no more",
    ),
    "a word that no symbol has": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([0, 1], b"\x40")),
        "a word that this code does not have",
    ),
    "a symbol beyond the codebook": (
        a_file(head(1, 0, 2) + numbers(2) + floats(1, 2) + huffman([0, 0, 1], b"\0")),
        "got the code 2",
    ),
}
LOPSIDED = np.arange(800).reshape(40, 20) % 97 // 90  # codes that Huffman's code suits
FEW = np.arange(800).reshape(40, 20) % 50 == 3  # a mask that gaps suit
EXAMPLES = [WAYS[way](small()) for way in ("masked", "pruned and shared", "pruned and on a grid", "mixture")]
EXAMPLES += [small(sizes=(3, 2, 2)), quantize(small(sizes=(5, 3)), 3, symmetric=False, biases=True)]
EXAMPLES += [share_weights(small(sizes=(4, 3, 2)), 3)]
EXAMPLES += [CompressedMLP(MLP([40, 20]), {"weights[0]": Shared(LOPSIDED, 3), "biases[0]": Shared([0] * 20, 1)})]
EXAMPLES += [CompressedMLP(MLP([40, 20]), {"weights[0]": Shared(LOPSIDED[FEW], 3, FEW)})]
SMALL_FILES = [to_bytes(example) for example in EXAMPLES]
every_file = pytest.mark.parametrize("data", SMALL_FILES, ids=range(len(SMALL_FILES)))


class TestHostileFiles:
    def test_the_file_they_are_made_from_is_good(self):
        assert from_bytes(GOOD).weights[0].tolist() == [[1], [2]]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_refused_with_a_reason_and_in_little_memory(self, name):
        data, message = HOSTILE[name]
        assert message in refused(data)

    @pytest.mark.parametrize("name", ["empty", "trailing", "a huge layer"])
    def test_the_message_names_the_file(self, name, tmp_path):
        path = tmp_path / "some file.nnopt"
        path.write_bytes(HOSTILE[name][0])
        with pytest.raises(FormatError, match=f"^{re.escape(str(path))}: got "):
            load_compressed(path)

    @every_file
    def test_cut_off_anywhere_with_the_old_checksum_or_a_new_one(self, data):
        for length in range(len(data)):
            refused(data[:length])
            if length >= 10:
                refused(sealed(data[10:length]))

    @every_file
    def test_any_bit_flipped(self, data):
        for place, bit in itertools.product(range(len(data)), range(8)):
            altered = bytearray(data)
            altered[place] ^= 1 << bit
            with pytest.raises(FormatError):
                from_bytes(altered)

    @every_file
    def test_any_byte_replaced_and_the_checksum_made_anew(self, data):
        """What is read then is a network of finite numbers that is written in the same way twice."""
        random = np.random.default_rng(0)
        for place in range(10, len(data)):
            for value in {0, data[place] ^ 1 << int(random.integers(8)), int(random.integers(256))}:
                altered = bytearray(data)
                altered[place] = value
                check_read_or_refused(sealed(bytes(altered[10:])))

    @settings(max_examples=600)
    @given(st.data())
    def test_altered_in_any_way(self, data):
        body = bytearray(data.draw(st.sampled_from(SMALL_FILES))[10:])
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, max(0, len(body) - 1)))
            end = start + data.draw(st.integers(0, 6))
            body[start:end] = data.draw(st.binary(max_size=6) | st.integers(0, 2**63).map(number_bytes))
        check_read_or_refused(sealed(bytes(body)))

    @settings(max_examples=200)
    @given(st.binary(max_size=200))
    def test_any_bytes(self, data):
        check_read_or_refused(data)
        check_read_or_refused(sealed(data))
        check_read_or_refused(sealed(header(4, 3) + data))

    @pytest.mark.parametrize("data", [None, "NNOPT", 3, [1, 2], np.ones(3)])
    def test_no_bytes(self, data):
        with pytest.raises(TypeError, match=r"^data: got .*; expected bytes"):
            from_bytes(data)

    def test_a_bomb_of_gaps_stays_in_proportion(self):
        """Four million zeros in two thousand bytes are a network, and take what a network takes."""
        kept = np.zeros((2000, 2000), bool)
        kept[0, 0] = True
        data = to_bytes(CompressedMLP(MLP([2000, 2000], loss="mse"), {"weights[0]": Masked(kept)}))
        spoiled = sealed(data[10:] + b"\0")
        tracemalloc.start()
        with pytest.raises(FormatError, match="after the last tensor"):
            from_bytes(spoiled)
        refused_peak = tracemalloc.get_traced_memory()[1]
        network = from_bytes(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert network.n_weights == 4_002_000 and len(data) < 11_000
        assert refused_peak < network.n_weights + 300 * len(data) + 2**20
        assert peak < 100 * network.n_weights


def check_read_or_refused(data):
    tracemalloc.start()
    try:
        network = from_bytes(data)
    except FormatError as error:
        assert str(error).startswith("bytes: ") and len(str(error)) < 400
        network = None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < (300 + 2040) * len(data) + 2**20 + (100 * network_size(network))
    if network is not None:
        once = to_bytes(network)
        again = from_bytes(once)
        assert_same(network, again)
        assert all(np.isfinite(tensor).all() for tensor in tensors(again))
        assert to_bytes(again) == once


def network_size(network):
    return 0 if network is None else sum(tensor.size for tensor in tensors(network))
