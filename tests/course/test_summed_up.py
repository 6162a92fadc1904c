"""The course on one page: nothing is left out, and rules, costs and figures are what others find, too."""

from __future__ import annotations

import inspect
import json
import re

import numpy as np
import pytest

from nnopt_utils import compression as compression_library
from nnopt_utils import optimizers, parallel, schedules, second_order
from nnopt_utils.course.ch08_adaptive_learning_rates import measured as searches
from nnopt_utils.course.ch09_second_order_methods import measured as race
from nnopt_utils.course.ch11_model_compression import measured as compression
from nnopt_utils.course.ch12_questions_and_answers import evidence, rules
from nnopt_utils.course.ch12_questions_and_answers.summed_up import CHAPTERS, HEADERS, one_page, summed_up
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from tools.formulas.read import docstring_blocks, docstring_fragments
from tools.twins import ROOT, pair_of

BASES = ("Optimizer", "TensorOptimizer", "ObservingOptimizer")


METHODS = """
gradient descent, momentum, Nesterov, SGD, warm-up, cosine, Adagrad, RMSprop, Adam, AdamW, AMSGrad, Nadam,
Lion, Muon, LAMB, Adafactor, schedule-free, Newton, Gauss–Newton, Levenberg–Marquardt, BFGS, L-BFGS, nonlinear
conjugate, Newton–CG, natural gradient, K-FAC, Shampoo, SOAP, data parallel, Hogwild, parameter server, local
SGD, pruning, sharing, quantization, GPTQ, low rank, LoRA, distillation, Huffman
"""


@pytest.fixture(scope="module")
def rows():
    """Name → row; made here and not above, since collecting tests should stay fast."""
    return {row.name: row for row in summed_up()}


def is_optimizer(row):
    return inspect.isclass(row.owner) and issubclass(row.owner, Optimizer)


def public_optimizers():
    named = [getattr(module, name) for module in (optimizers, second_order) for name in module.__all__]
    return [c for c in named if inspect.isclass(c) and issubclass(c, Optimizer) and c.__name__ not in BASES]


# -- what stands there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", public_optimizers(), ids=lambda cls: cls.__name__)
def test_every_optimizer_of_the_library_has_a_row(cls, rows):
    assert any(row.owner is cls for row in rows.values())


def test_every_method_of_the_course_has_a_row(rows):
    missing = [name for name in " ".join(METHODS.split()).split(", ") if not any(name in row for row in rows)]
    assert not missing


def test_no_row_has_a_name_twice_or_an_empty_cell(rows):
    assert len(rows) == len(summed_up())
    assert all(str(value).strip() for row in rows.values() for value in row)


@pytest.mark.parametrize("chapter", CHAPTERS.values())
def test_every_chapter_exists(chapter, rows):
    assert pair_of(chapter).twin.exists() and pair_of(chapter).notebook.exists()
    assert any(row.chapter == chapter for row in rows.values())


def test_a_method_is_named_in_its_chapter(rows):
    for row in rows.values():
        text = pair_of(row.chapter).twin.read_text(encoding="utf-8")
        assert row.owner.__name__ in text or re.split("[,:(]", row.name)[0].strip().lower() in text.lower(), row.name


def test_the_page_has_all_rows_in_the_order_of_chapters(rows):
    page = one_page()
    assert list(page.groups) == sorted(CHAPTERS.values())
    assert [row[0] for group in page.groups.values() for row in group.cells] == list(rows)
    assert all(group.headers == list(HEADERS) for group in page.groups.values())
    assert "**[Chapter 06](06_adam.ipynb)**" in page._repr_markdown_()
    assert [row[0] for row in one_page("05").groups["05_stochastic_gradient_descent"].cells] == ["SGD, mini-batches"]
    with pytest.raises(ValueError, match="chapters"):
        one_page("00")


# -- rules -----------------------------------------------------------------------------------------------------------


def test_a_rule_stands_in_a_docstring_of_the_library(rows):
    owners = [value for module in MODULES for value in vars(module).values() if callable(value)]
    formulas = {formula for owner in owners for formula in docstring_fragments(owner)}
    known = {line for formula in formulas for line in lines_of(formula)}
    for row in rows.values():
        lines = lines_of_cell(row.rule)
        assert set(lines) <= known, row.name
        in_words = row.rule.split(";")[0] in (inspect.getdoc(row.owner) or "").replace("``", "")
        assert lines or in_words or row.name == "AMSGrad", row.name


def test_an_optimizers_rule_is_the_papers(rows):
    for row in rows.values():
        if not is_optimizer(row) or row.name in OTHER_FORMULAS:
            continue
        blocks = docstring_blocks(row.owner)
        papers = {line for b in blocks if "paper" in b.conventions for line in lines_of(b.latex)}
        others = {line for b in blocks if "paper" not in b.conventions for line in lines_of(b.latex)} - papers
        assert not set(lines_of_cell(row.rule)) & others, row.name
        assert r"\theta_{t+1}" in row.rule or row.name == "K-FAC", row.name


def lines_of(latex):
    return lines_of_cell(rules.as_markdown(" ".join(latex.split())))


def lines_of_cell(text):
    return re.findall(r"\$[^$]+\$", text)


# Read from another class, or written inline, which ``docstring_blocks`` does not read.
OTHER_FORMULAS = ("SGD, mini-batches", "AMSGrad", "natural gradient", "Shampoo")
MODULES = [optimizers, second_order, schedules, parallel, compression_library]


def test_the_step_without_formulas_is_the_first_line():
    prune = compression_library.prune
    assert rules.rule_of(prune) == inspect.getdoc(prune).split("\n")[0].replace("``", "").rstrip(".")
    with pytest.raises(ValueError, match="name"):
        rules.argument_of(optimizers.Adam, "nothing")


# -- costs -----------------------------------------------------------------------------------------------------------

#: Numbers that a rule keeps for each parameter, by its paper.
BY_PAPER = {
    "gradient descent": 0,
    "momentum (heavy ball)": 1,
    "Nesterov's momentum": 1,
    "SGD, mini-batches": 0,
    "Adagrad": 1,
    "RMSprop": 1,
    "Adam": 2,
    "AMSGrad": 3,
    "AdamW": 2,
    "Nadam": 2,
    "Lion": 1,
    "LAMB": 2,
    "schedule-free SGD": 1,
    "schedule-free AdamW": 2,
    "Adadelta": 2,
}


ARGUMENTS = {
    "momentum (heavy ball)": {"momentum": 0.9},
    "Nesterov's momentum": {"momentum": 0.9, "nesterov": True},
    "AMSGrad": {"amsgrad": True},
}


def numbers_a_parameter(row):
    text = re.search(r"(no|[\d.]+) numbers? a parameter", row.costs)[1]
    return 0.0 if text == "no" else float(text)


@pytest.mark.parametrize(("name", "numbers"), BY_PAPER.items())
def test_what_is_kept_is_what_the_paper_keeps(name, numbers, rows):
    assert numbers_a_parameter(rows[name]) == numbers


def test_what_is_kept_is_what_a_checkpoint_holds(rows):
    """On another batch and another path: ``step`` by hand, and the arrays of ``get_state``."""
    for row in filter(is_optimizer, rows.values()):
        optimizer = row.owner(learning_rate=0.1, **ARGUMENTS.get(row.name, {}))
        network = MLP([6, 5, 4, 3] if row.owner is second_order.NaturalGradient else [784, 64, 64, 10], seed=3)
        generator = np.random.default_rng(5)
        x, y = generator.normal(size=(16, network.layer_sizes[0])), generator.integers(0, 3, 16)
        optimizer.layout = network.layout
        optimizer.observe(network, x, y)
        optimizer.step(network.parameters, network.loss_and_gradient(x, y)[1])
        kept = sum(array.size for array in optimizer.get_state()["slots"].values()) / network.n_parameters
        assert numbers_a_parameter(row) == pytest.approx(kept, rel=0.03, abs=0.005), row.name


def test_the_factors_of_k_fac_are_counted(rows):
    """A factor, its eigenvectors and eigenvalues for each side of each layer, and a velocity."""
    sides = [side for fan_in, fan_out in ((784, 64), (64, 64), (64, 10)) for side in (fan_in + 1, fan_out)]
    kept = 1 + sum(2 * n * n + n for n in sides) / 55_050
    assert numbers_a_parameter(rows["K-FAC"]) == round(kept)


def test_bytes_of_parallel_methods(rows):
    whole = 4 * 55_050
    assert f"{2 * 3 / 4 * whole / 1000:.0f} kB" in rows["data parallel"].costs
    assert f"{2 * whole / 1000:.0f} kB" in rows["parameter server"].costs
    assert f"{2 * 3 / 4 * whole / 16 / 1000:.0f} kB" in rows["local SGD"].costs


def test_one_gradient_a_step(rows):
    assert all("1 gradient" in row.costs for row in filter(is_optimizer, rows.values()))


# -- figures ---------------------------------------------------------------------------------------------------------


def test_a_figure_says_its_conditions(rows):
    for row in (row for row in rows.values() if row.measured != evidence.NONE):
        assert re.search(r"\b(mean|median) of \d+ (fresh )?seeds|20 fresh seeds|one seed", row.measured)
        assert re.search(r"tuned|best of|tried|chosen|LeNet", row.measured)


@pytest.mark.parametrize("task", searches.TASKS)
def test_figures_of_chapter_08_are_what_its_searches_find(task):
    fresh = searches.fresh(task)
    for label in fresh.labels:
        assert evidence.finals(f"08_{task}_fresh", label).tolist() == list(fresh.best(label).finals.values())
    for group, scheduled in (("schedule", True), ("constant", False)):
        found = searches.optimizers(task, scheduled)
        for label in found.labels:
            assert np.median(evidence.finals(f"08_{task}_{group}", label)) == found.best(label).median


def test_the_text_of_a_figure_of_chapter_08(rows):
    finals = {}
    for task, key in (("digits", "val_accuracy"), ("words", "val_loss")):
        runs = read(f"08_{task}_fresh")
        finals[task] = np.mean([run[key] for run in runs if run["label"] == "schedule: AdamW"])
    assert rows["AdamW"].measured.startswith(f"digits {100 * finals['digits']:.1f} %, words {finals['words']:.3f} nats")
    with pytest.raises(ValueError, match="label"):
        evidence.finals("08_digits_fresh", "Sophia")


@pytest.mark.parametrize("size", [race.BATCHES[0], race.BATCHES[-1]])
def test_steps_of_chapter_09_are_what_its_race_finds(size, rows):
    steps = race.by_method({size: race.fresh(size)}, race.steps_or_limit)
    for label, by_size in steps.items():
        assert evidence.steps_to_97_percent(label, size).tolist() == by_size[size].tolist()
    assert f"{np.median(steps['K-FAC'][size]):g} steps at batch {size:,}" in rows["K-FAC"].measured


def test_seconds_of_chapter_10(rows):
    runs = [run for run in read("10_scaling", header=False) if run["label"] == "asynchronous" and run["seed"] >= 100]
    medians = {P: np.median([run["seconds"] for run in runs if run["workers"] == P]) for P in (1, 64, 1000)}
    text = rows["parameter server"].measured
    assert text.startswith(
        f"fastest with 64 of up to 1,000 workers: {medians[64]:.3g} s; one worker {medians[1]:.3g} s"
    )


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("pruning", {"method": "pruned, trained on", "sparsity": 0.93}),
        ("quantization, 8 bits", {"method": "rounded", "per": "channel", "bits": 8}),
        ("GPTQ, 3 bits", {"method": "GPTQ", "bits": 3}),
        ("low rank", {"method": "low rank, trained on", "rank": 40}),
    ],
)
def test_bytes_and_errors_of_chapter_11(name, setting, rows):
    runs = [run for run in read("11_compressed", header=False) if run["network"] == "LeNet-300-100"]
    ours = [run for run in runs if all(run.get(key) == value for key, value in setting.items())]
    dense = [run for run in runs if run["method"] == "dense"]
    assert len(ours) == len(dense) == len(compression.SEEDS["LeNet-300-100"])
    added = np.mean([run["test"] for run in ours]) - np.mean([run["test"] for run in dense])
    assert float(rows[name].measured.split()[0].replace("−", "-")) == pytest.approx(added, abs=0.006)
    assert rows[name].costs.startswith(f"{np.mean([run['bytes'] for run in ours]) / 1000:.0f} kB")


def read(table, header=True):
    lines = (ROOT / "data" / "experiments" / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[header:]]
