"""The API reference: built without a warning, complete, and readable without a network."""

from __future__ import annotations

import posixpath
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import FLAGS, HOW_TO_GET_ONE, find_browser
from public_names import PUBLIC
from sphinx.util.inventory import InventoryFile
from test_imports import GRAPH, floor_name

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "reference"
PAGES = re.findall(r"^   (\w+)$", (SOURCE / "index.rst").read_text(encoding="utf-8"), re.MULTILINE)

# What a page loads: scripts, styles, icons and pictures, and what styles load. (A link is followed by a reader alone.)
LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*?\bsrc="([^"]+)"|<link\b[^>]*?\bhref="([^"]+)"|url\(["']?([^"')]+)"""
)
FORMULA = re.compile(r'<(?:span|div) class="math notranslate nohighlight"')


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", str(source), str(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("reference")
    run = build(SOURCE, target)
    assert run.returncode == 0, run.stdout + run.stderr
    return target


@pytest.fixture(scope="module")
def documented(reference: Path) -> set[str]:
    """The full names that the reference has a place for."""
    with (reference / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", posixpath.join)
    return {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}


# -- what is in it ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(documented: set[str]):
    assert len(PUBLIC) > 150
    assert sorted(set(PUBLIC) - documented) == []


@pytest.mark.slow
def test_every_class_shows_its_methods(documented: set[str]):
    assert {"nnopt_utils.networks.MLP.loss_and_gradient", "nnopt_utils.optimizers.Optimizer.step"} <= documented


def test_there_is_a_page_for_every_module():
    assert set(PAGES) == {place.split(".")[1] for place in PUBLIC}


def test_pages_stand_in_the_order_of_reading():
    """No page uses what a later one explains."""
    for module, imports in GRAPH.items():
        if (page := floor_name(module)) in PAGES:
            used = {floor_name(name) for name in imports} & set(PAGES)
            assert {name for name in used if PAGES.index(name) > PAGES.index(page)} == set(), module


@pytest.mark.slow
def test_a_reference_that_leads_nowhere_is_an_error(tmp_path: Path):
    """And a formula in the wrong place, a crooked table: whatever Sphinx warns of."""
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(SOURCE / "conf.py", source)
    (source / "_static").mkdir()
    (source / "index.rst").write_text("Title\n=====\n\n:class:`nnopt_utils.optimizers.Atom`\n", encoding="utf-8")
    run = build(source, tmp_path / "out")
    assert run.returncode == 1 and "nnopt_utils.optimizers.Atom" in run.stderr


# -- what docstrings say, as Sphinx reads it -------------------------------------------------------------------------


def test_names_that_share_a_text_are_entries_of_their_own():
    """Sphinx would take the first for the type of the second."""
    split = runpy.run_path(str(SOURCE / "conf.py"))["one_name_an_entry"]
    assert split(
        ["Args:", "    low, high: the ends", "        of it.", "    at: 1, 2: both", "", "Text, more: text"]
    ) == [
        *["Args:", "    low: the ends", "        of it.", "    high: the ends", "        of it."],
        *["    at: 1, 2: both", "", "Text, more: text", ""],
    ]


@pytest.mark.slow
def test_what_autodoc_and_napoleon_would_misread(reference: Path):
    optimizers = (reference / "optimizers.html").read_text(encoding="utf-8")
    assert r"m_t &amp;= \beta_1 m_{t-1}" in optimizers  # the lines of a formula, aligned
    signatures = re.findall(r'<dt class="sig.*?</dt>', optimizers, re.DOTALL)
    assert len(signatures) > 50 and "keras:" not in "".join(signatures)  # epsilon=1e-08 (keras: 1e-07) is no Python
    assert "Alias for field number" not in "".join(
        file.read_text(encoding="utf-8") for file in reference.glob("*.html")
    )


# -- offline ---------------------------------------------------------------------------------------------------------


def is_elsewhere(address: str) -> bool:
    return bool(re.match(r"(?:[a-z]+:)?//", address)) and not address.startswith("file:")


def loaded(text: str) -> list[str]:
    return [address for groups in LOADED.findall(text) for address in groups if address]


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(reference: Path):
    files = [file for file in reference.rglob("*") if file.suffix in (".html", ".css")]
    assert len(files) > len(PAGES)
    found = {(file.name, address) for file in files for address in loaded(file.read_text(encoding="utf-8"))}
    assert any("mathjax/tex-svg.js" in address for _, address in found)
    assert {place for place in found if is_elsewhere(place[1])} == set()


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ('<script async src="https://cdn.example/mathjax.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', True),
        ("@font-face { src: url('http://fonts.example/a.woff2') }", True),
        ('<script src="_static/mathjax/tex-svg.js"></script>', False),
        ('<a href="https://example.org">a link</a>', False),
    ],
)
def test_what_is_loaded_is_told_from_what_is_linked(text: str, elsewhere: bool):
    assert any(is_elsewhere(address) for address in loaded(text)) is elsewhere


# -- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the reference's formulas are NOT tested: no playwright"
    )
    program = find_browser()
    if program is None:
        pytest.skip(f"the reference's formulas are NOT tested: {HOW_TO_GET_ONE}")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=program, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.mark.slow
def test_every_formula_is_drawn_without_a_network(reference: Path, browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    drawn = 0
    for file in sorted(reference.glob("*.html")):
        formulas = len(FORMULA.findall(file.read_text(encoding="utf-8")))
        page.goto(file.as_uri())
        if formulas:
            page.evaluate("MathJax.startup.promise")
            assert page.locator("mjx-container > svg").count() == formulas, file.name
            assert page.locator("[data-mml-node=merror], [data-mjx-error]").count() == 0, file.name
        drawn += formulas
    context.close()
    assert drawn > 150
    assert [address for address in requests if not address.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.slow
def test_a_wrong_formula_is_noticed(reference: Path, browser, tmp_path: Path):
    """MathJax marks what it cannot read, and the test above looks for that mark."""
    script = (reference / "_static" / "mathjax" / "tex-svg.js").as_uri()
    wrong = tmp_path / "wrong.html"
    wrong.write_text(f'<script src="{script}"></script><p>\\(\\frac{{1}}\\)</p>', encoding="utf-8")
    page = browser.new_page()
    page.goto(wrong.as_uri())
    page.evaluate("MathJax.startup.promise")
    assert page.locator("[data-mml-node=merror], [data-mjx-error]").count() > 0
    page.close()
