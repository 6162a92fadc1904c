"""The README's table of chapters says what the chapters say of themselves."""

from __future__ import annotations

import re

import pytest

from tools.twins import ROOT, find_pairs

ROW = re.compile(r"\| \[(\d\d) .*?\]\(notebooks/(\w+)\.ipynb\) \| .* \| (\d+) min \| (?:(\d+) min)? ?\| (\d+) s \|")
TIME = re.compile(r"\*\*Time\*\* (\d+) minutes .*?(?:, (\d+) more .*?)?; (\d+) seconds to run\.")


@pytest.mark.parametrize("pair", find_pairs(), ids=lambda pair: pair.name)
def test_a_row_has_the_minutes_and_seconds_of_at_a_glance(pair):
    rows = {
        match[2]: (match[3], match[4], match[5])
        for match in ROW.finditer((ROOT / "README.md").read_text(encoding="utf-8"))
    }
    stated = TIME.search(pair.twin.read_text(encoding="utf-8"))
    assert rows[pair.name] == stated.groups()


def test_every_chapter_has_a_row_in_order():
    numbers = [match[1] for match in ROW.finditer((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert numbers == [pair.name[:2] for pair in find_pairs()]
