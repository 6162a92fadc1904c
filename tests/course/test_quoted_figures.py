"""Figures that a text types out again: computed here from the committed tables, and looked for in the text."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch08_adaptive_learning_rates import measured as chapter_08
from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import finals_of, paired
from nnopt_utils.course.ch09_second_order_methods import measured as chapter_09
from nnopt_utils.course.ch09_second_order_methods.evidence import paired_ratio
from nnopt_utils.course.ch11_model_compression import measured as chapter_11
from tools.twins import find_pairs

TEXTS = {pair.name[:2]: " ".join(pair.twin.read_text(encoding="utf-8").split()) for pair in find_pairs()}
FRESH = {name: chapter_08.fresh(name) for name in chapter_08.TASKS}


def behind(name: str, label: str, reference: str) -> float:
    """Points (digits) or nats (words) by which a method is behind another one on the fresh seeds."""
    scale = 100 if name == "digits" else -1
    difference = paired(finals_of(FRESH[name], label, scale), finals_of(FRESH[name], reference, scale))
    return -difference.mean


def test_chapter_08_sgd_with_momentum_against_adamw():
    points, nats = (behind(name, "schedule: SGD, momentum 0.9", "schedule: AdamW") for name in ("digits", "words"))
    assert f"ahead of momentum SGD by {points:.1f} points and {nats:.3f} nats" in TEXTS["08"]
    assert f"by {points:.1f} points on the digits and by {nats:.3f} nats on a language" in TEXTS["08"]
    plain = behind("words", "schedule: SGD", "schedule: AdamW")
    assert f"momentum SGD {nats:.3f}, plain SGD {plain:.2f} nats behind" in TEXTS["08"]


def test_chapter_08_what_to_pick():
    def tuned(name: str, label: str) -> float:
        return behind(name, f"tuned: {label}", "tuned: AdamW")

    muon = -tuned("digits", "Muon"), tuned("words", "Muon")
    assert "{:.1f} points ahead of AdamW tuned as much, on the digits; {:.2f} nats behind".format(*muon) in TEXTS["08"]
    free = -tuned("digits", "schedule-free AdamW"), tuned("words", "schedule-free AdamW")
    assert "{:.1f} points ahead on the digits, {:.3f} nats behind on the words".format(*free) in TEXTS["08"]
    lion = tuned("digits", "Lion"), tuned("words", "Lion")
    assert "Lion {:.1f} points and {:.3f} nats behind".format(*lion) in TEXTS["08"]
    momentum = tuned("digits", "SGD, momentum"), tuned("words", "SGD, momentum")
    assert "momentum SGD {:.2f} points and {:.3f} nats".format(*momentum) in TEXTS["08"]


def test_chapter_09_steps_of_sgd_in_those_of_k_fac():
    races = {size: chapter_09.fresh(size) for size in (128, 4096)}
    steps = chapter_09.by_method(races, chapter_09.steps_or_limit)
    small, large = (paired_ratio(steps["SGD, momentum"][size], steps["K-FAC"][size]) for size in (128, 4096))
    assert f"SGD took {small.mean:.1f} times as many steps to 97 % as K-FAC at batches of 128" in TEXTS["09"]
    assert f"more than {int(large.low)} times as many at 4096" in TEXTS["09"]


def test_chapter_11_bytes_and_bits():
    rows, (lenet, article) = chapter_11.rows(), chapter_11.NETWORKS
    kilobytes, dense = [], []
    for network, points in ((lenet, 0.1), (article, 0.3)):
        choice = chapter_11.smallest(rows, network, points=points, method="Deep Compression")
        sizes = chapter_11.column(rows, "bytes", network=network, method="Deep Compression", **choice)
        kilobytes.append(f"{np.mean(sizes) / 1000:.0f}")
        dense.append(f"{chapter_11.float32_bytes(network) / 1000:,.0f}")
    said = "LeNet-300-100 took {} kB in the place of {}, and the article's network {} in the place of {}."
    assert said.format(kilobytes[0], dense[0], kilobytes[1], dense[1]) in TEXTS["11"]

    three = {"method": "rounded", "per": "channel", "bits": 3}
    of_lenet, of_article = (chapter_11.added(rows, network, **three).mean() for network in (lenet, article))
    assert round(2 * of_lenet) == 1 and 2 < of_article < 3
    assert "3 bits cost half a point on LeNet-300-100 and more than two on the article's network" in TEXTS["11"]


@pytest.mark.parametrize("chapter", ["02", "09"])
def test_the_minimum_of_softmax_regression_is_quoted_as_chapter_02_certifies_it(chapter):
    """Chapter 02 claims that the smallest loss is 0.26274 to 1e-5, and computes the bound."""
    assert "abs(regression.minimum_value - 0.26274) < 1e-5" in TEXTS["02"]
    assert "0.26274" in TEXTS[chapter]
