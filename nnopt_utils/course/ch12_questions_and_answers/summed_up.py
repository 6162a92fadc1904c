"""The course on one page: its methods: the rule, when to use it, what it costs, what we measured.

Nothing stands here that the library or a committed table can say: rules are read from docstrings, costs are counted,
figures come from the tables. Written by hand is when a method is worth a try.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from nnopt_utils import compression, optimizers, parallel, schedules, second_order
from nnopt_utils._tables import Table
from nnopt_utils.course.ch11_model_compression.distilled import TEACHER
from nnopt_utils.course.ch12_questions_and_answers import costs, evidence
from nnopt_utils.course.ch12_questions_and_answers.rules import argument_of, rule_of
from nnopt_utils.course.tables import table
from nnopt_utils.networks import MLP

CHAPTERS = {
    "04": "04_gradient_descent",
    "05": "05_stochastic_gradient_descent",
    "06": "06_adam",
    "08": "08_adaptive_learning_rates",
    "09": "09_second_order_methods",
    "10": "10_parallel_training",
    "11": "11_model_compression",
}
HEADERS = ("method", "rule", "worth a try", "costs", "measured")


class Method(NamedTuple):
    """A row of the page.

    Attributes:
        chapter: the name of the chapter that teaches it, as of its notebook.
        name: what it is called.
        owner: the class or function of the library.
        rule: its formulas in Markdown, from the docstring; words where it has none.
        use: when it is worth a try.
        costs: counted.
        measured: our figure with its conditions; "–" where no committed table has one.
    """

    chapter: str
    name: str
    owner: Any
    rule: str
    use: str
    costs: str
    measured: str


def _optimizer(
    chapter: str,
    name: str,
    owner: Any,
    which: tuple[int, ...],
    use: str,
    measured: str = evidence.NONE,
    cost: Callable[[Callable[[], Any]], str] = costs.of_optimizer,
    **arguments: Any,
) -> Method:
    """A row of an optimizer: its rule by the numbers of its formulas, its costs after a step with these arguments."""
    make = partial(owner, **({"learning_rate": 0.01} | arguments))
    return Method(CHAPTERS[chapter], name, owner, rule_of(owner, *which), use, cost(make), measured)


def _compressed(name: str, owner: Any, rule: str, use: str, after: str = "", **setting: Any) -> Method:
    """A row of a method whose file was measured: its bytes are the cost, the error is the figure."""
    size, times = costs.kilobytes(evidence.file_bytes(**setting)), evidence.times_smaller(**setting)
    conditions = f"{'; ' + after if after else ''}"
    return Method(
        CHAPTERS["11"],
        name,
        owner,
        rule,
        use,
        f"{size} in a file, {times:.1f} × less than float32",
        evidence.error_added(**setting) + conditions,
    )


def _first_order() -> list[Method]:
    o, test, validation = optimizers, evidence.on_test, evidence.on_validation
    return [
        _optimizer("04", "gradient descent", o.GradientDescent, (0,), "few data, a function that is cheap to compute"),
        _optimizer(
            "04",
            "momentum (heavy ball)",
            o.SGD,
            (0,),
            "narrow valleys; with mini-batches the first thing to add to SGD",
            test("schedule: SGD, momentum 0.9"),
            momentum=0.9,
        ),
        _optimizer(
            "04",
            "Nesterov's momentum",
            o.SGD,
            (1,),
            "in the place of the heavy ball",
            test("tuned: SGD, momentum") + "; with Nesterov's form or without, as the search chose",
            momentum=0.9,
            nesterov=True,
        ),
        _optimizer(
            "04",
            "Nesterov's method for convex J",
            o.Nesterov,
            (0,),
            "convex functions whose smallest curvature is unknown",
        ),
        _optimizer(
            "05",
            "SGD, mini-batches",
            o.SGD,
            (),
            "more data than a step needs; memory for no state",
            test("schedule: SGD"),
        )._replace(rule=rule_of(o.GradientDescent, 0) + ", with the gradient of a mini-batch"),
        _optimizer("06", "Adagrad", o.Adagrad, (0,), "sparse features, convex problems", validation("Adagrad")),
        _optimizer("06", "RMSprop", o.RMSprop, (0,), "scales that differ and change", validation("RMSprop")),
        _optimizer("06", "Adam", o.Adam, (0,), "a first run on a new problem; close to AdamW here", validation("Adam")),
        _optimizer(
            "06",
            "AMSGrad",
            o.Adam,
            (),
            "where rare large gradients carry the message, and are no mistakes",
            amsgrad=True,
        )._replace(rule=f"Adam's; {argument_of(o.Adam, 'amsgrad')}"),
        _optimizer(
            "06",
            "AdamW",
            o.AdamW,
            (0,),
            "the first choice here: with a schedule, its rate tuned",
            test("schedule: AdamW"),
        ),
    ]


def _schedule() -> Method:
    rule = ", ".join(rule_of(owner, 0) for owner in (schedules.Warmup, schedules.CosineDecay))
    return Method(
        CHAPTERS["08"],
        "schedule: warm-up, then cosine",
        schedules.CosineDecay,
        rule,
        "whenever the number of steps is known before",
        "no number a parameter; its length has to be chosen",
        evidence.gain_of_schedule(),
    )


def _family() -> list[Method]:
    o, test, validation = optimizers, evidence.on_test, evidence.on_validation
    row = partial(_optimizer, "08")
    return [
        _schedule(),
        row("Adadelta", o.Adadelta, (0,), "a rate without a unit", validation("Adadelta")),
        row(
            "Adamax",
            o.Adamax,
            (0,),
            "gradients with outliers, if short steps after them do no harm (no gain measured here)",
            validation("Adamax"),
        ),
        row("Nadam", o.Nadam, (0, 1), "in the place of Adam; close to AdamW here", test("schedule: Nadam")),
        row("RAdam", o.RAdam, (0, 1), "where a warm-up is not wanted (no gain measured here)", validation("RAdam")),
        row("Yogi", o.Yogi, (0,), "a v that should not fall fast (no gain measured here)", validation("Yogi")),
        row(
            "AdaBelief",
            o.AdaBelief,
            (0,),
            "gradients that keep their direction (no gain measured here)",
            validation("AdaBelief"),
        ),
        row(
            "LAMB",
            o.LAMB,
            (0,),
            "layers of very different sizes, large batches (neither measured here)",
            validation("LAMB"),
        ),
        row("Adafactor", o.Adafactor, (0,), "too little memory for v", validation("Adafactor")),
        row("Ftrl", o.Ftrl, (0, 1), "sparse linear models with L1 (not measured here)", validation("Ftrl", "constant")),
        row("Lion", o.Lion, (0,), "half of Adam's memory", test("tuned: Lion")),
        row("Muon", o.Muon, (0,), "hidden matrices, with Adam for the rest", test("tuned: Muon")),
        row(
            "schedule-free SGD",
            o.ScheduleFreeSGD,
            (0,),
            "SGD where the end is not known before",
            validation("schedule-free SGD", "constant"),
        ),
        row(
            "schedule-free AdamW",
            o.ScheduleFreeAdamW,
            (0,),
            "AdamW where the end is not known before; judge it at x, not at θ",
            test("tuned: schedule-free AdamW"),
        ),
        row("D-Adaptation, SGD", o.DAdaptSGD, (0,), "convex problems without a rate to tune", learning_rate=1.0),
        row(
            "D-Adaptation, Adam",
            o.DAdaptAdam,
            (0,),
            "a first guess of Adam's rate",
            validation("D-Adaptation (Adam)"),
            learning_rate=1.0,
        ),
        row("Prodigy", o.Prodigy, (0,), "the same", validation("Prodigy"), learning_rate=1.0),
    ]


def _second_order() -> list[Method]:
    s, chapter = second_order, CHAPTERS["09"]

    def minimiser(name: str, owner: Any, rule: str, use: str, kept: str) -> Method:
        return Method(chapter, name, owner, rule, use, costs.of_minimiser(owner, kept), evidence.NONE)

    def factors(name: str, owner: Any, which: tuple[int, ...], use: str, **arguments: Any) -> Method:
        cost = partial(costs.of_factors, label=name)
        return _optimizer("09", name, owner, which, use, evidence.to_97_percent(name), cost, **arguments)

    d2, few = costs.matrix(), costs.lbfgs_memory()
    return [
        minimiser("Newton", s.newton, rule_of(s.newton, 0), "few unknowns, near a minimum", d2),
        minimiser(
            "trust region",
            s.trust_region,
            f"{rule_of(s.trust_region)}, as far as {rule_of(s.trust_region, 0)} is large",
            "few or many unknowns, saddles",
            "a few vectors",
        ),
        minimiser(
            "Newton–CG",
            s.newton_cg,
            f"{rule_of(s.newton_cg)}: to the share {rule_of(s.newton_cg, 0)}",
            "many unknowns, products with H",
            "a few vectors",
        ),
        minimiser(
            "Hessian-free",
            s.hessian_free,
            rule_of(s.hessian_free, 0),
            "networks, with large batches (not measured here)",
            "a few vectors",
        ),
        minimiser(
            "Gauss–Newton",
            s.gauss_newton,
            rule_of(s.gauss_newton, 0),
            "least squares, from a good start",
            "the Jacobian",
        ),
        minimiser(
            "Levenberg–Marquardt",
            s.levenberg_marquardt,
            rule_of(s.levenberg_marquardt, 0),
            "least squares, also from a start far off",
            "the Jacobian",
        ),
        minimiser(
            "BFGS",
            s.bfgs,
            rule_of(s.bfgs, 0) + ", " + rule_of(s.bfgs_update, 0),
            "up to some thousand unknowns, exact gradients",
            d2,
        ),
        minimiser(
            "L-BFGS",
            s.lbfgs,
            rule_of(s.lbfgs, 0) + ", " + rule_of(s.two_loop, 0),
            "many unknowns, exact gradients",
            few,
        ),
        minimiser(
            "nonlinear conjugate gradients",
            s.nonlinear_cg,
            rule_of(s.nonlinear_cg, 0),
            "the same, with less memory",
            "a few vectors",
        ),
        _optimizer(
            "09",
            "natural gradient",
            s.NaturalGradient,
            (0,),
            "small networks (not measured here), and to understand K-FAC",
            cost=lambda make: f"{d2} while it steps; {costs.of_optimizer(make)}",
        ),
        factors("K-FAC", s.KFAC, (0, 1), "large batches; its damping has to be tuned"),
        factors("Shampoo", s.Shampoo, (0,), "large batches, with a graft and roots taken now and then"),
        factors("SOAP", s.SOAP, (0,), "the same, tuned like Adam"),
    ]


def _parallel() -> list[Method]:
    p, chapter, of = parallel, CHAPTERS["10"], evidence.of_workers
    ring, whole = costs.all_reduce_bytes(), costs.network_of().parameters.nbytes
    kilobytes = costs.kilobytes
    return [
        Method(
            chapter,
            "data parallel",
            p.data_parallel,
            rule_of(p.data_parallel, 0),
            "the first choice: the steps are those of one process",
            f"{kilobytes(ring)} sent a worker and step ({costs.WORKERS} workers in a ring, 784-64-64-10)",
            of("synchronous"),
        ),
        Method(
            chapter,
            "parameter server",
            p.parameter_server,
            rule_of(p.parameter_server),
            "workers of uneven speed, small rates",
            f"{kilobytes(2 * whole)} a gradient: θ there, g back; gradients come late",
            of("asynchronous"),
        ),
        Method(
            chapter,
            "Hogwild",
            p.hogwild,
            rule_of(p.hogwild, 0),
            "one machine, sparse data",
            "nothing is sent; writes may be lost",
            evidence.NONE,
        ),
        Method(
            chapter,
            "local SGD",
            p.local_sgd,
            rule_of(p.local_sgd, 1),
            "slow networks, workers with like data",
            f"{kilobytes(ring / 16)} sent a worker and step with H = 16; workers drift apart",
            of("local, H = 16"),
        ),
        *(
            Method(
                chapter,
                f"compressed gradients: {name}",
                type(compressor),
                rule_of(type(compressor), 0),
                use,
                costs.compressed_bytes(compressor),
                evidence.NONE,
            )
            for name, compressor, use in (
                ("top-k, 1 %", p.TopK(share=0.01), "slow networks, with error feedback"),
                ("random-k, 1 %", p.RandomK(share=0.01), "the same, if choosing must be cheap (not timed here)"),
                ("signs", p.SignCompressor(), "the same; without error feedback it can fail"),
                ("PowerSGD, rank 2", p.PowerSGD(rank=2), "weight matrices, sums along a ring"),
            )
        ),
    ]


def _compression() -> list[Method]:
    c, chapter = compression, CHAPTERS["11"]
    lenet = MLP([784, 300, 100, 10], seed=0)
    low_rank_update = c.add_low_rank_updates(lenet, rank=8)
    half = sum(c.n_of_m_bytes(*weights.shape) for weights in lenet.weights)
    whole = sum(2 * weights.size for weights in lenet.weights)
    chosen = evidence.deep_compression()
    teacher = MLP(TEACHER, initializer="zeros").n_parameters
    return [
        _compressed(
            "pruning",
            c.prune,
            rule_of(c.prune),
            "the first step of a small file",
            "93 % gone, trained on after each round",
            method="pruned, trained on",
            sparsity=0.93,
        ),
        _compressed(
            "whole neurons",
            c.remove_neurons,
            rule_of(c.remove_neurons, 0),
            "fewer operations without a special format",
            "half of them, trained on",
            method="neurons removed, trained on",
            kept=0.5,
        ),
        Method(
            chapter,
            "two of four",
            c.prune_n_of_m,
            rule_of(c.prune_n_of_m),
            "processors that multiply this pattern faster (not measured here)",
            f"{costs.kilobytes(half)} for the {costs.kilobytes(whole)} of LeNet's weights in 16 bits",
            evidence.NONE,
        ),
        Method(
            chapter,
            "OBD, OBS",
            c.optimal_brain_surgeon,
            rule_of(c.obd_saliency, 0) + ", " + rule_of(c.obs_saliency, 0),
            "small networks, and to understand GPTQ",
            costs.matrix(),
            evidence.NONE,
        ),
        _compressed(
            "quantization, 8 bits",
            c.quantize,
            rule_of(c.Grid, 0),
            "the first thing to try: no training",
            "a scale a unit, no training",
            method="rounded",
            per="channel",
            bits=8,
        ),
        _compressed(
            "quantization-aware training, 2 bits",
            c.quantize,
            rule_of(c.Grid, 0) + ", the gradient passed straight through",
            "few bits, with time to train",
            "two epochs of training",
            method="quantization-aware",
            bits=2,
        ),
        _compressed(
            "GPTQ, 3 bits",
            c.gptq,
            f"{rule_of(c.gptq)}: small {rule_of(c.gptq, 0)}",
            "few bits, without training, with some data",
            "no training",
            method="GPTQ",
            bits=3,
        ),
        Method(
            chapter,
            "integers alone",
            c.IntegerMLP,
            rule_of(c.IntegerLayer, 0),
            "processors without floating point (not measured here)",
            f"{costs.kilobytes(evidence.file_bytes(method='rounded', per='channel', bits=8))} in a file",
            evidence.of_integers(),
        ),
        _compressed(
            "weight sharing",
            c.share_weights,
            rule_of(c.Shared, 0),
            "a small file, decoded before use",
            "after pruning 93 %, 16 values a layer, not trained afterwards",
            method="shared",
            sparsity=0.93,
            clusters=16,
        ),
        _compressed(
            "Huffman's code, after pruning and sharing: Deep Compression",
            c.huffman_encode,
            rule_of(c.entropy, 0) + " bits at least",
            "when the file is all that counts",
            f"{100 * chosen['sparsity']:.0f} % gone, {chosen['clusters']} values a layer, chosen on validation images",
            **chosen,
        ),
        _compressed(
            "low rank",
            c.low_rank,
            f"{rule_of(c.low_rank)}; the best of a rank has {rule_of(c.truncated_svd, 0)}",
            "wide layers that use few directions",
            "the first layer at rank 40, trained on",
            method="low rank, trained on",
            rank=40,
        ),
        Method(
            chapter,
            "LoRA, rank 8",
            c.LowRankUpdate,
            rule_of(c.LowRankUpdate, 0),
            "one large network, many small tasks",
            f"{low_rank_update.n_parameters:,} trained numbers for {lenet.n_parameters:,} ({evidence.LENET})",
            evidence.NONE,
        ),
        Method(
            chapter,
            "distillation",
            c.distill,
            rule_of(c.distillation_loss, 0),
            "a small network where a large one is at hand",
            f"a teacher: here {teacher:,} parameters for the student's {costs.network_of().n_parameters:,}",
            evidence.of_distillation(),
        ),
        Method(
            chapter,
            "lottery tickets",
            c.rewind,
            rule_of(c.rewind),
            "to understand starts; finding one costs a whole training",
            "a training before the training",
            evidence.of_tickets(),
        ),
    ]


@cache
def _rows() -> tuple[Method, ...]:
    return (*_first_order(), *_family(), *_second_order(), *_parallel(), *_compression())


def summed_up() -> list[Method]:
    """The methods of the course that the page has, in the order of its chapters.

    Example:
        >>> rows = {row.name: row for row in summed_up()}
        >>> rows["gradient descent"].rule, rows["Adam"].costs
        ('$\\\\theta_{t+1} = \\\\theta_t - \\\\eta_t\\\\, g_t$', '2 numbers a parameter; 1 gradient a step')
    """
    return list(_rows())


class Page:
    """The rows as one table a chapter: Markdown in a notebook, text in a terminal."""

    def __init__(self, groups: dict[str, Table]) -> None:
        self.groups = groups

    def __repr__(self) -> str:
        return "\n\n".join(f"chapter {name[:2]}\n{rows!r}" for name, rows in self.groups.items())

    def _repr_markdown_(self) -> str:
        return "\n\n".join(
            f"**[Chapter {name[:2]}]({name}.ipynb)**\n\n{rows._repr_markdown_()}" for name, rows in self.groups.items()
        )


def one_page(*chapters: str) -> Page:
    """The rows of these chapters, or of all.

    Args:
        chapters: numbers such as ``"06"``.

    Raises:
        ValueError: a chapter that teaches no method of the page.

    Example:
        >>> list(one_page("04", "06").groups)
        ['04_gradient_descent', '06_adam']
    """
    unknown = set(chapters) - set(CHAPTERS)
    if unknown:
        raise ValueError(f"chapters: got {sorted(unknown)}; expected some of {list(CHAPTERS)}")
    names = [name for number, name in CHAPTERS.items() if number in (chapters or CHAPTERS)]
    return Page({name: table(_cells(name), headers=HEADERS) for name in names})


def _cells(chapter: str) -> list[tuple[str, ...]]:
    return [(row.name, row.rule, row.use, row.costs, row.measured) for row in _rows() if row.chapter == chapter]
