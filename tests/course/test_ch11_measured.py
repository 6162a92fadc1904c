"""The tables of chapter 11: complete, the bars that the course holds itself to, and rows that are found again."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.compression import quantize, to_bytes
from nnopt_utils.course.ch11_model_compression import deployed, measured
from nnopt_utils.datasets import load_mnist

LENET, ARTICLE = measured.NETWORKS
ROWS = measured.rows()
TICKETS = measured.rows(measured.TICKETS)


def test_every_setting_was_measured_once_for_every_seed():
    for name, seeds in measured.SEEDS.items():
        settings = {}
        for row in measured.select(ROWS, network=name):
            key = (row["method"], *((k, row[k]) for k in measured.SETTINGS if k in row))
            settings.setdefault(key, []).append(row["seed"])
        assert all(sorted(found) == list(seeds) for found in settings.values())
        assert len(settings) == 1 + 14 + 12 + 6 + 6 + len(measured.ROUNDS[name]) * (3 + 2 * len(measured.CLUSTERS))
    assert len(TICKETS) == 10 * (1 + 2 * 2 * 4)


class TestBars:
    def test_lenet_is_pruned_twelvefold(self):
        pruned = {"method": "pruned, trained on", "sparsity": 0.93}
        assert measured.added(ROWS, LENET, **pruned).mean() <= 0.1
        assert 1 / (1 - 0.93) > 12

    def test_deep_compression(self):
        choice = measured.smallest(ROWS, LENET, points=0.1, method="Deep Compression")
        assert measured.times_smaller(ROWS, LENET, method="Deep Compression", **choice).min() >= 42
        assert measured.added(ROWS, LENET, method="Deep Compression", **choice).mean() <= 0.10

    def test_int8(self):
        int8 = {"method": "rounded", "per": "channel", "bits": 8}
        assert measured.times_smaller(ROWS, LENET, **int8).min() >= 3.9
        assert measured.added(ROWS, LENET, **int8).mean() <= 0.05

    def test_gptq_without_training(self):
        three, two = (measured.added(ROWS, LENET, method="GPTQ", bits=bits) for bits in (3, 2))
        assert three.mean() <= 0.15 and two.mean() <= 0.7
        for bits, ours in ((3, three), (2, two)):
            assert (ours < measured.added(ROWS, LENET, method="rounded to GPTQ's grid", bits=bits)).all()

    def test_the_articles_network(self):
        choice = measured.smallest(ROWS, ARTICLE, points=0.3, method="Deep Compression")
        assert measured.added(ROWS, ARTICLE, method="Deep Compression", **choice).mean() <= 0.3

    def test_tickets(self):
        ticket, other = (
            measured.column(TICKETS, "test", what=what, left=0.211, epochs=1) for what in ("ticket", "other start")
        )
        assert (other - ticket).min() >= 1


def test_rows_are_found_again():
    """Bytes of a code to a few, as training differs between processors, and errors to a few tenths."""
    data = load_mnist()
    dense = measured.dense_network(ARTICLE, data, seed=3)
    rounded = quantize(dense, bits=4, per="channel")
    row = measured.select(ROWS, network=ARTICLE, method="rounded", per="channel", bits=4, seed=3)[0]
    assert len(to_bytes(rounded)) == pytest.approx(row["bytes"], rel=0.02)
    assert measured.errors(rounded, data)["test"] == pytest.approx(row["test"], abs=0.4)


def test_reading():
    table = [{"network": LENET, "seed": s, "method": "dense", "test": 1.0 + s, "bytes": 100} for s in (1, 0)]
    table += [{"network": LENET, "seed": s, "method": "rounded", "bits": 8, "test": 3.0, "bytes": 50} for s in (0, 1)]
    assert measured.added(table, LENET, method="rounded", bits=8).tolist() == [2.0, 1.0]
    assert measured.times_smaller(table, LENET, method="rounded").tolist() == [21328.8, 21328.8]
    with pytest.raises(ValueError, match="expected some that the table has"):
        measured.column(table, "test", method="sorted")
    for row in table:
        row["validation"] = row["test"]
    with pytest.raises(ValueError, match="no setting of 'rounded' is as good"):
        measured.smallest(table, LENET, points=0.1, method="rounded")
    assert measured.smallest(table, LENET, points=2.0, method="rounded") == {"bits": 8}


def test_tools_agree_with_ours():
    found = {row["name"]: row for row in deployed.rows()}
    float32 = found["NumPy: float32"]
    for name, row in found.items():
        assert abs(row["accuracy"] - float32["accuracy"]) < 0.02, name
        assert row["n_bytes"] > 0 and np.isfinite([row["ms_one"], row["ms_many"]]).all()
    assert found["LiteRT int8"]["accuracy"] == pytest.approx(
        found["NumPy: 8 bits, integers alone"]["accuracy"], abs=5e-4
    )
