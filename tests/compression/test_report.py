"""What a report says, against counts and files made apart from it."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from nnopt_utils.compression import (
    CompressedMLP,
    FormatError,
    Masked,
    add_low_rank_updates,
    file_parts,
    prune,
    quantize,
    report,
    save_compressed,
    share_weights,
    to_bytes,
)
from nnopt_utils.datasets import Dataset
from nnopt_utils.networks import MLP


def network(loss="cross_entropy", sizes=(12, 8, 3)):
    return MLP(list(sizes), loss=loss, seed=1)


WAYS = {
    "dense": lambda n: n,
    "pruned": lambda n: prune(n, 0.7),
    "shared": lambda n: share_weights(prune(n, 0.5), 4),
    "on a grid": lambda n: quantize(n, 4, biases=True),
    "updates": lambda n: add_low_rank_updates(n, rank=2),
    "float64": lambda n: n.copy("float64"),
}
every_way = pytest.mark.parametrize("way", WAYS)


def samples(n=30, n_features=12, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, n_features)).astype(np.float32), random.integers(0, 3, n)


class TestCounts:
    @every_way
    def test_the_sum_is_the_file(self, way, tmp_path):
        found = report(WAYS[way](network()))
        written = save_compressed(WAYS[way](network()), tmp_path / "file")
        assert found.file_bytes == written == (tmp_path / "file").stat().st_size
        assert found.times_smaller == pytest.approx(4 * 131 / written)
        for tensor in found.tensors:
            pieces = {part: len(p) for name, part, p in file_parts(WAYS[way](network())) if name == tensor.name}
            assert {part: n for part, n in tensor.bytes.items() if n} == pieces
            assert tensor.n_bytes == sum(pieces.values())
            assert tensor.bits_per_entry == pytest.approx(8 * tensor.n_bytes / tensor.n_entries)

    @every_way
    def test_numbers(self, way):
        made = WAYS[way](network())
        found, plain = report(made), CompressedMLP(made).decoded()
        assert found.n_parameters == plain.n_parameters == 131
        assert found.n_free == made.n_parameters
        assert found.n_nonzero == np.count_nonzero(plain.parameters)
        assert found.multiply_adds == 12 * 8 + 8 * 3
        assert found.nonzero_multiply_adds == sum(np.count_nonzero(W) for W in plain.weights)
        assert found.decoded_bytes == plain.parameters.nbytes
        assert [t.form for t in found.tensors] == [type(f).__name__ for f in CompressedMLP(made).forms.values()]

    def test_memory_as_stored(self):
        kept = np.arange(96).reshape(12, 8) % 3 == 0
        masked = CompressedMLP(network(), {"weights[0]": Masked(kept)})
        dense = 4 * (8 + 24 + 3)
        assert report(masked).stored_bytes == dense + 4 * 32 + 96
        assert report(share_weights(masked, 5, layers=[0])).stored_bytes == dense + 32 + 4 * 5 + 96
        assert report(network()).stored_bytes == report(network()).decoded_bytes == 4 * 131
        eight = report(quantize(network(), 8, per="tensor", layers=[0])).stored_bytes
        assert eight == dense + 96 + 3 * 4  # scale, zero point, number of levels

    def test_nothing_is_changed(self):
        made = quantize(network(), 4)
        made.parameters += 0.1
        before, file = made.parameters.copy(), to_bytes(made)
        report(made, samples())
        assert (before == made.parameters).all() and to_bytes(made) == file


class TestError:
    @every_way
    def test_as_evaluate_says(self, way):
        made, (x, y) = WAYS[way](network()), samples()
        found, (loss, accuracy) = report(made, (x, y)), made.evaluate(x, y)
        assert found.n_samples == 30
        assert (found.loss, found.error) == (pytest.approx(loss), pytest.approx(1 - accuracy))

    def test_a_data_set_is_judged_on_its_validation_set(self):
        x, y = samples(60)
        data = Dataset(x[:20], y[:20], x[20:50], y[20:50], x[50:], y[50:])
        assert report(network(), data) == report(network(), (x[20:50], y[20:50]))
        assert report(network(), data).n_samples == 30

    def test_regression_has_a_loss_alone(self):
        x, _ = samples()
        found = report(network("mse"), (x, np.zeros((30, 3))))
        assert math.isnan(found.error) and found.loss > 0
        assert "error" not in repr(found) and "loss" in repr(found)

    @pytest.mark.parametrize("data", [3, "data", (1,), (1, 2, 3), np.ones((2, 3))])
    def test_no_data(self, data):
        with pytest.raises(TypeError, match=r"^data: got .*; expected a Dataset, or a tuple of inputs and targets"):
            report(network(), data)

    def test_data_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"^x: got "):
            report(network(), samples(n_features=5))


class TestLatency:
    def test_on_request_only(self):
        assert report(network()).milliseconds is None
        found = report(network(), latency=True, repeats=3)
        assert list(found.milliseconds) == [1, 1000] and min(found.milliseconds.values()) > 0 and found.repeats == 3
        assert re.search(r"forward: [\d.]+ ms for 1, [\d.]+ ms for 1,000 \(median of 3, one BLAS thread", repr(found))

    def test_the_median_of_so_many_calls_after_one(self, monkeypatch):
        batches, clock = [], iter([0, 1, 10, 19, 20, 23, 0, 5, 10, 11, 20, 28])
        monkeypatch.setattr(MLP, "forward", lambda self, x: batches.append(len(x)))
        monkeypatch.setattr("time.perf_counter", lambda: next(clock))
        found = report(quantize(network(), 4), latency=True, repeats=3)
        assert batches == [1] * 4 + [1000] * 4 and found.milliseconds == {1: 3000, 1000: 5000}

    @pytest.mark.parametrize("repeats", [0, -1, 1.5, None])
    def test_bad_repeats(self, repeats):
        with pytest.raises((TypeError, ValueError), match=r"^repeats: got "):
            report(network(), latency=True, repeats=repeats)

    def test_bad_latency(self):
        with pytest.raises(TypeError, match=r"^latency: got 5; expected True or False"):
            report(network(), latency=5)


class TestShown:
    @every_way
    def test_the_same_every_time(self, way):
        assert repr(report(WAYS[way](network()), samples())) == repr(report(WAYS[way](network()), samples()))

    @every_way
    def test_columns_sum_to_the_last_row(self, way):
        cells = report(WAYS[way](network())).table().cells
        for column in [3, 4, 5, 6, 7, 8, 9]:
            numbers = [int(row[column].replace(",", "") or 0) for row in cells]
            assert sum(numbers[:-1]) == numbers[-1]
        for row in cells:
            parts = [int(cell.replace(",", "") or 0) for cell in row[5:9]]
            assert sum(parts) == int(row[9].replace(",", ""))

    def test_text_and_markdown_say_the_same(self):
        found = report(prune(network(), 0.5), samples())
        text, markdown = repr(found), found._repr_markdown_()
        assert text == str(found)
        words = [re.findall(r"[\w.,\[\]]+", each.replace(":---", "").replace("---:", "")) for each in (text, markdown)]
        assert words[0] == words[1]
        assert f"file: {len(to_bytes(prune(network(), 0.5))):,} bytes" in text
        assert re.search(r"error \d+\.\d\d %, loss \d\.\d{4} on 30 samples", text)

    @pytest.mark.parametrize("other", [None, 3, "network"])
    def test_no_network(self, other):
        with pytest.raises(TypeError, match=r"^network: got "):
            report(other)

    def test_a_network_without_a_file(self):
        diverged = network()
        diverged.weights[0][0, 0] = np.inf
        with pytest.raises(ValueError, match=r"expected only finite|not finite") as caught:
            report(diverged)
        assert not isinstance(caught.value, FormatError)
