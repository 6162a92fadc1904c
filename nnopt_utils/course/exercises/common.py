"""The mistakes that everybody makes, known to every exercise without a word of its author.

An answer whose results are, in all cases, those of the reference with one thing changed made that very mistake: the
rate forgotten, the step returned instead of θ, a sum where a mean is due. What an argument means is told by its name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils.course.exercises.variants import variants


class Common(NamedTuple):
    """A common mistake of one exercise: what progress calls it, the sentence for the learner, and what does it."""

    key: str
    text: str
    wrong: Callable[..., Any]


# An argument by its name, what the mistake puts in its place, and what to say.
ARGUMENTS: tuple[tuple[str, str, Callable[[Any], Any], str], ...] = (
    ("learning_rate", "rate_forgotten", lambda x: 1.0, "The learning rate is not used, as if it were 1."),
    ("learning_rate", "uphill", lambda x: -x, "You went uphill: the step is subtracted from θ."),
    ("epsilon", "epsilon_forgotten", lambda x: 0.0, "ε is not used: where all gradients were 0, the step is 0/0."),
    ("weight_decay", "decay_forgotten", lambda x: 0.0, "The weight decay is not used."),
    ("weight_decay", "decay_sign", lambda x: -x, "The weight decay makes the weights grow: its sign is wrong."),
    ("momentum", "momentum_forgotten", lambda x: 0.0, "The momentum is not used: nothing is left of the step before."),
    ("t", "t_too_large", lambda x: x + 1, "t is counted on once too often: it is the number of this step already."),
    ("t", "t_too_small", lambda x: x - 1, "t is one too small: it is the number of this step, the first is t = 1."),
    ("steps", "one_step_short", lambda x: x - 1, "One step is missing: count them on a small case."),
    ("steps", "one_step_too_many", lambda x: x + 1, "There is one step too many: count them on a small case."),
    ("step", "step_too_large", lambda x: x + 1, "It is one step ahead: what you give for `step` belongs to step + 1."),
    ("step", "step_too_small", lambda x: x - 1, "It is one step behind: what you give for `step` belongs to step − 1."),
    ("rho", "rho_swapped", lambda x: 1 - x, "ρ and 1 − ρ are swapped: ρ is the share of the old average that is kept."),
    ("beta_1", "beta_1_swapped", lambda x: 1 - x, "β₁ and 1 − β₁ are swapped: β₁ is the share of the old average."),
    ("beta_2", "beta_2_swapped", lambda x: 1 - x, "β₂ and 1 − β₂ are swapped: β₂ is the share of the old average."),
    ("momentum", "momentum_swapped", lambda x: 1 - x, "You used 1 − momentum for the momentum."),
    ("batch_size", "batch_size_forgotten", lambda x: 1, "The size of the batch is not used, as if it were 1."),
)  # fmt: skip

BETAS = (
    ("betas_swapped", lambda a, b: (b, a), "β₁ and β₂ are swapped."),
    ("beta_1_twice", lambda a, b: (a, a), "β₁ stands where β₂ belongs: each average has a factor of its own."),
    ("beta_2_twice", lambda a, b: (b, b), "β₂ stands where β₁ belongs: each average has a factor of its own."),
)

# What a change of the reference's code means, by its kind in `variants`; other kinds say too little.
VARIANTS = {
    "sign": "One sign is wrong: a term is added that should be subtracted, or the other way round.",
    "difference_reversed": "A difference is taken the other way round, so one part has the opposite sign.",
    "power_or_product": "A product stands where a power belongs: βᵗ is not β·t, and x² is not 2x.",
    "power_left_out": "A power is missing: something is squared, or raised to t, and you took it as it is.",
    "weight_squared": "The weight 1 − β is squared with the gradient: square the gradient alone, then weigh it.",
    "weight_left_out": "The new value comes in whole. In an average its weight is 1 − β; yours is a sum that fades.",
    "weights_swapped": "The weights of the average are swapped: the old one keeps the large share, β.",
    "only_the_power": "You took βᵗ where 1 − βᵗ belongs.",
    "mean_or_sum": "There is a sum where a mean is expected, or a mean where a sum is.",
    "axis": "You summed, averaged or compared along another axis: which one holds the samples?",
    "sqrt_left_out": "A root is missing.",
    "abs_left_out": "An absolute value is missing: it is right for one sign only.",
    "sign_left_out": "The sign is not taken: only the direction of each entry counts, not its size.",
    "exp_left_out": "An exponential is missing.",
    "log_left_out": "A logarithm is missing.",
    "transposed": "A matrix is transposed, or is not where it should be.",
    "product_reversed": "A matrix product has its factors in the wrong order.",
    "order": "The results are right, but in another order than the task says.",
    "edge": "It is wrong exactly at the edge: is it < or ≤ there?",
    "comparison": "A comparison is the other way round.",
    "factor_left_out": "A factor or divisor is missing: which quantity of the task does not appear in your result?",
    "term_left_out": "A term is missing: which quantity of the task does not appear in your result?",
    "factor_or_divisor": "You divided where you should multiply, or the other way round.",
}  # fmt: skip


def named_mistakes(reference: Any) -> Iterator[Common]:
    """Yield the mistakes that the names of the reference's parameters suggest.

    Example:
        >>> from nnopt_utils.course import EXERCISES
        >>> [mistake.key for mistake in named_mistakes(EXERCISES["04.gradient_descent_step"].reference)][:3]
        ['rate_forgotten', 'uphill', 'step_returned']
    """
    if inspect.isfunction(reference):
        names = list(inspect.signature(reference).parameters)
        yield from _arguments(reference, names)
        yield from _results(reference, names)


@functools.lru_cache(maxsize=32)
def changed_code(reference: Any) -> list[Common]:
    """Return the mistakes that are one change of the reference's code, the telling ones first.

    Example:
        >>> from nnopt_utils.course import EXERCISES
        >>> changed_code(EXERCISES["04.gradient_descent_step"].reference)[0].key
        'sign'
    """
    try:
        found = list(variants(reference))
    except (OSError, TypeError, ValueError, SyntaxError):  # no code to be had, as of a lambda
        return []
    return [
        Common(kind, text, variant.function)
        for kind, text in VARIANTS.items()  # which goes from the telling to the vague
        for variant in found
        if variant.kind == kind
    ]


def _arguments(reference: Callable[..., Any], names: list[str]) -> Iterator[Common]:
    def replaced(position: int, change: Callable[[Any], Any]) -> Callable[..., Any]:
        return lambda *case: reference(*case[:position], change(case[position]), *case[position + 1 :])

    for name, key, change, text in ARGUMENTS:
        if name in names:
            yield Common(key, text, replaced(names.index(name), change))
    if "beta_1" in names and "beta_2" in names:
        first, second = names.index("beta_1"), names.index("beta_2")
        for key, pair, text in BETAS:

            def with_betas(*case: Any, pair: Callable[[Any, Any], Any] = pair) -> Any:
                changed = list(case)
                changed[first], changed[second] = pair(case[first], case[second])
                return reference(*changed)

            yield Common(key, text, with_betas)


def _results(reference: Callable[..., Any], names: list[str]) -> Iterator[Common]:
    """Yield what goes wrong with the results of a step: the step for θ, the old state for the new."""
    if names[:1] != ["theta"] or not any("gradient" in name for name in names):
        return

    def returning(change: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*case: Any) -> Any:
            result = reference(*(np.copy(item) if isinstance(item, np.ndarray) else item for item in case))
            if not isinstance(result, tuple):
                return change([result], case)[0]
            return tuple(change(list(result), case))

        return wrong

    def first(new: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        return returning(lambda results, case: [new(results[0], case[0]), *results[1:]])

    text = "You returned the step, not the θ that it leads to."
    yield Common("step_returned", text, first(lambda new, old: new - old))
    yield Common("step_returned", text, first(lambda new, old: old - new))
    yield Common("theta_unchanged", "θ is returned as it came: the step is not taken.", first(lambda new, old: old))
    states = [name for name in names if name in ("m", "v", "u", "velocity", "average")]
    for k, name in enumerate(states, start=1):
        position = names.index(name)

        def old_state(results: list[Any], case: tuple[Any, ...], k: int = k, position: int = position) -> list[Any]:
            return [*results[:k], case[position], *results[k + 1 :]]

        said = f"θ is right, but `{name}` is returned as it came: the next step needs the new one."
        yield Common("old_state_returned", said, returning(old_state))
    said = "θ is right, but the state is returned as it came: the next step needs the new one."
    everything = returning(lambda results, case: [results[0], *(case[names.index(name)] for name in states)])
    if len(states) > 1:
        yield Common("old_state_returned", said, everything)
