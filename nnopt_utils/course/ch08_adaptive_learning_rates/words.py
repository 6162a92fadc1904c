"""The second task of chapter 08: guess the next word of a made-up language, in which a few words are very frequent."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from nnopt_utils.datasets import Dataset

WORDS, FOLLOWERS, SHARE = 256, 4, 0.8
TRAINING, VALIDATION, TEST = 24_000, 4_000, 8_000


class Language(NamedTuple):
    """A language and a text in it.

    Attributes:
        chances: entry (i, j) is the probability that word j follows word i.
        frequencies: how often each word occurs in a long text.
        entropy: the lowest loss that any model can reach on an endless text, in nats.
        data: the word before as an indicator (x), and the next word (y), cut into three parts.
    """

    chances: np.ndarray
    frequencies: np.ndarray
    entropy: float
    data: Dataset


def next_word_chances(generator: np.random.Generator) -> np.ndarray:
    """Who follows whom: 80 % of the time one of four preferred words, else any, both by Zipf's law.

    >>> next_word_chances(np.random.default_rng(0)).sum(axis=1).round(9).tolist() == [1.0] * 256
    True
    """
    zipf = 1 / np.arange(1, WORDS + 1)
    zipf /= zipf.sum()
    chances = np.tile((1 - SHARE) * zipf, (WORDS, 1))
    for row in chances:
        preferred = np.searchsorted(zipf.cumsum(), generator.random(FOLLOWERS) * 0.999999)
        weights = generator.random(FOLLOWERS)
        np.add.at(row, preferred, SHARE * weights / weights.sum())
    return chances


def text(chances: np.ndarray, length: int, generator: np.random.Generator) -> np.ndarray:
    """So many words, each drawn by the one before it; the first is word 0.

    >>> text(np.array([[0.0, 1.0], [1.0, 0.0]]), 4, np.random.default_rng(0)).tolist()
    [0, 1, 0, 1]
    """
    limits, words = chances.cumsum(axis=1), np.zeros(length, dtype=np.int64)
    for i, draw in enumerate(generator.random(length - 1), start=1):
        words[i] = min(np.searchsorted(limits[words[i - 1]], draw, side="right"), len(chances) - 1)
    return words


@cache
def language(seed: int = 0) -> Language:
    """The language of a seed, always the same, with its text."""
    generator = np.random.default_rng(seed)
    chances = next_word_chances(generator)
    frequencies = np.linalg.matrix_power(chances, 64)[0]
    entropy = float(-(frequencies[:, None] * chances * np.log(chances)).sum())
    words = text(chances, TRAINING + VALIDATION + TEST + 1, generator)
    x, y = np.eye(WORDS, dtype=np.float32)[words[:-1]], words[1:]
    ends = TRAINING, TRAINING + VALIDATION
    (x1, x2, x3), (y1, y2, y3) = np.split(x, ends), np.split(y, ends)
    return Language(chances, frequencies, entropy, Dataset(x1, y1, x2, y2, x3, y3))
