"""Exercises of chapter 12: questions and answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

# -- 12.seeds_needed -------------------------------------------------------------------------------------------------


def _seeds_needed() -> int:
    quantiles = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    return int(np.ceil((quantiles * 0.45 / 0.3) ** 2))


def _is(*values: float) -> Callable[[Any], bool]:
    """Tell whether an answer is one of these numbers, to one per cent."""
    return lambda answer: any(abs(float(answer) / value - 1) < 0.01 for value in values)


# -- 12.sign_flips ---------------------------------------------------------------------------------------------------


def sign_flips(differences: np.ndarray) -> float:
    sums = [np.dot(signs, differences) for signs in itertools.product((-1, 1), repeat=len(differences))]
    return np.mean(np.abs(sums) >= abs(np.sum(differences)))


def flip_cases() -> list[tuple]:
    """One to do by hand; five of one sign; a negative sum; ties, and a difference of 0. All are eighths: exact."""
    return [
        (np.array([1.0, 2.0, -0.5]),),
        (np.array([0.5, 0.25, 1.0, 0.125, 0.75]),),
        (np.array([-2.0, 0.5, -1.5, -0.75, 0.25, -1.0, 0.375]),),
        (np.array([1.0, 1.0, -1.0, 0.0, 2.0, 1.0]),),
    ]


def _flips_with(
    *,
    size=abs,
    as_extreme=lambda sums, observed: sums >= observed,
    share=np.mean,
):
    """A wrong share: by what sums are compared, which count, what is made of them."""

    def wrong(differences):
        sums = np.array([size(np.dot(s, differences)) for s in itertools.product((-1, 1), repeat=len(differences))])
        return share(as_extreme(sums, size(np.sum(differences))))

    return wrong


def _without_the_observed(hits):
    return (np.sum(hits) - 1) / (len(hits) - 1)


def _add_one(hits):
    return (np.sum(hits) + 1) / (len(hits) + 1)


def _by_the_normal_law(differences):
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return 2 * (1 - NormalDist().cdf(abs(np.mean(differences)) / error))


def _sign_test(differences):
    return _flips_with()(np.sign(differences))


def _by_one_at_a_time(differences):
    sums = [abs(np.sum(differences) - 2 * one) for one in differences]
    return np.mean(np.array(sums) >= abs(np.sum(differences)))


# -- 12.losses_to_add ------------------------------------------------------------------------------------------------


def losses_to_add(losses: list[np.ndarray], masks: list[np.ndarray]) -> list[float]:
    counted = sum(np.sum(mask) for mask in masks)
    return [np.sum(losses[k][masks[k]]) / counted for k in range(len(losses))]


def loss_cases() -> list[tuple]:
    """Four tokens to do by hand; three micro-batches of different rows, lengths and padding."""
    generator = np.random.default_rng(120)
    lengths = [[6, 2], [1, 3, 5, 2], [4]]
    masks = [np.arange(max(row)) < np.array(row)[:, None] for row in lengths]
    return [
        (
            [np.array([[1.0, 3.0], [2.0, 9.0]]), np.array([[4.0, 8.0]])],
            [np.array([[True, True], [True, False]]), np.array([[True, False]])],
        ),
        ([generator.uniform(0.5, 6, mask.shape) for mask in masks], masks),
    ]


def _tokens(losses, masks):
    return sum(np.sum(mask) for mask in masks)


def _added_with(
    *,
    own=lambda loss, mask: np.sum(loss * mask),
    divisor=_tokens,
    weight=lambda k, losses, masks: 1.0,
):
    """Wrong losses: what is made of a micro-batch, by what all are divided, how one is weighed."""

    def wrong(losses, masks):
        return [
            own(losses[k], masks[k]) * weight(k, losses, masks) / divisor(losses, masks) for k in range(len(losses))
        ]

    return wrong


def _own_mean(loss, mask):
    return np.sum(loss * mask) / np.sum(mask)


def _positions(losses, masks):
    return sum(loss.size for loss in losses)


def _rows(losses, masks):
    return sum(len(loss) for loss in losses)


# -- 12.first_steps_after_loading ------------------------------------------------------------------------------------


def _first_steps_after_loading() -> list[float]:
    """Without m and v; without t; without all three: the correction of each run is that of its own t."""

    def step(m: float, v: float, t: int) -> float:
        m, v = 0.9 * m + 0.1, 0.999 * v + 0.001
        return m / (1 - 0.9**t) / (v / (1 - 0.999**t)) ** 0.5

    return [step(0, 0, 20_001), step(1, 1, 1), step(0, 0, 1)]


def _one_is(index: int, *values: float) -> Callable[[Any], bool]:
    """Tell whether this entry of the answer is one of these numbers, and the others are right."""

    def wrong(answer: Any) -> bool:
        near = [abs(came / due - 1) < 0.02 for came, due in zip(answer, _first_steps_after_loading(), strict=True)]
        others = all(right for k, right in enumerate(near) if k != index)
        return others and any(abs(answer[index] - value) <= 0.02 * value for value in values)

    return wrong


# -- 12.frozen_step --------------------------------------------------------------------------------------------------


def frozen_step(
    theta: np.ndarray,
    gradient: np.ndarray,
    velocity: np.ndarray,
    frozen: np.ndarray,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> tuple[np.ndarray, np.ndarray]:
    moved = momentum * velocity + gradient
    decayed = theta - learning_rate * (moved + weight_decay * theta)
    return np.where(frozen, theta, decayed), np.where(frozen, velocity, moved)


def frozen_cases() -> list[tuple]:
    """One to do by hand; then more entries; no gradient entry, velocity or weight of a frozen one is 0."""
    generator = np.random.default_rng(121)
    return [
        (
            np.array([1.0, -2.0]),
            np.array([0.5, 3.0]),
            np.array([1.0, 2.0]),
            np.array([False, True]),
            0.1,
            0.9,
            0.5,
        ),
        (
            generator.normal(size=5),
            generator.normal(size=5),
            generator.normal(size=5),
            np.array([True, False, False, True, False]),
            0.3,
            0.8,
            0.2,
        ),
        (
            generator.normal(size=(2, 3)),
            generator.normal(size=(2, 3)),
            generator.normal(size=(2, 3)),
            np.array([[True, False, True], [False, False, True]]),
            0.05,
            0.5,
            0.4,
        ),
    ]


def _frozen_with(
    *,
    new_velocity=lambda v, g, frozen, beta: beta * v + g,
    theta_of=lambda theta, moved, frozen, rate, decay: np.where(frozen, theta, theta - rate * (moved + decay * theta)),
    kept=lambda v, moved, frozen: np.where(frozen, v, moved),
):
    """A wrong frozen step: the velocity, where θ goes, and which velocity is returned."""

    def step(theta, gradient, velocity, frozen, learning_rate, momentum, weight_decay):
        moved = new_velocity(velocity, gradient, frozen, momentum)
        new = theta_of(theta, moved, frozen, learning_rate, weight_decay)
        return new, kept(velocity, moved, frozen)

    return step


def _without_gradient(v, g, frozen, beta):
    return beta * v + np.where(frozen, 0.0, g)


def _all_move(theta, moved, frozen, rate, decay):
    return theta - rate * (moved + decay * theta)


def _decay_of_the_free(theta, moved, frozen, rate, decay):
    return theta - rate * (moved + decay * np.where(frozen, 0.0, theta))


def _only_decay_of_the_frozen(theta, moved, frozen, rate, decay):
    return theta - rate * (np.where(frozen, 0.0, moved) + decay * theta)


def _as_it_moved(v, moved, frozen):
    return moved


def _decay_in_the_gradient(theta, gradient, velocity, frozen, learning_rate, momentum, weight_decay):
    return frozen_step(
        theta, gradient + weight_decay * theta, velocity, frozen, learning_rate, momentum, weight_decay=0.0
    )


# -- 12.last_stable_rate ---------------------------------------------------------------------------------------------


def last_stable_rate(diverges: Callable[[float], bool], low: float, high: float, halvings: int) -> float:
    for _ in range(halvings):
        middle = np.sqrt(low * high)
        if diverges(middle):
            high = middle
        else:
            low = middle
    return low


def rate_cases() -> list[tuple]:
    """Two halvings by hand, whose rates are 0.1 and 0.316; an edge in the lower half, and one near the top."""

    def above(edge: float) -> Callable[[float], bool]:
        return lambda rate: bool(rate > edge)

    return [
        (above(0.15), 0.01, 1.0, 2),
        (above(0.004), 0.001, 10.0, 6),
        (above(7.0), 0.0001, 8.0, 5),
    ]


def _searched_with(
    *,
    middle=lambda low, high: np.sqrt(low * high),
    goes_up=lambda diverged: not diverged,
    count=lambda halvings: halvings,
    returned=lambda low, high, last: low,
):
    """A wrong search: the rate that is tried next, the half that is kept, how often, what is returned."""

    def search(diverges, low, high, halvings):
        last = low
        for _ in range(count(halvings)):
            last = middle(low, high)
            if goes_up(diverges(last)):
                low = last
            else:
                high = last
        return returned(low, high, last)

    return search


def _doubled(diverges, low, high, halvings):
    while not diverges(2 * low):
        low = 2 * low
    return low


def _up_the_ladder(diverges, low, high, halvings):
    ladder = np.geomspace(low, high, halvings + 1)
    return max(rate for rate in ladder if not diverges(rate))


# -- 12.steps_at -----------------------------------------------------------------------------------------------------


def steps_at(small: int, small_needed: float, big: int, big_needed: float, batch_size: int) -> tuple[float, float]:
    slope = (small_needed - big_needed) / (1 / small - 1 / big)
    fewest = big_needed - slope / big
    needed = fewest + slope / batch_size
    return needed, needed * batch_size


def steps_cases() -> list[tuple]:
    """S_min = 100 and B_noise = 100; one between the two that were measured; one below both."""
    return [
        (10, 1100.0, 100, 200.0, 300),
        (32, 2000.0, 512, 700.0, 128),
        (64, 900.0, 256, 400.0, 16),
    ]


def _steps_by(law):
    """Wrong steps: by another law; samples are these steps times the batch."""

    def steps(small, small_needed, big, big_needed, batch_size):
        needed = law(small, small_needed, big, big_needed, batch_size)
        return needed, needed * batch_size

    return steps


def _slope_and_fewest(small, small_needed, big, big_needed):
    slope = (small_needed - big_needed) / (1 / small - 1 / big)
    return slope, big_needed - slope / big


def _straight_in_the_batch(small, small_needed, big, big_needed, batch_size):
    return small_needed + (big_needed - small_needed) * (batch_size - small) / (big - small)


def _straight_in_logarithms(small, small_needed, big, big_needed, batch_size):
    power = np.log(big_needed / small_needed) / np.log(big / small)
    return small_needed * (batch_size / small) ** power


def _batch_by_noise(small, small_needed, big, big_needed, batch_size):
    slope, fewest = _slope_and_fewest(small, small_needed, big, big_needed)
    return fewest * (1 + batch_size / (slope / fewest))


def _samples_of_the_big(small, small_needed, big, big_needed, batch_size):
    needed = steps_at(small, small_needed, big, big_needed, batch_size)[0]
    return needed, needed * big


# -- the exercises ---------------------------------------------------------------------------------------------------


EXERCISES = [
    Exercise(
        name="12.seeds_needed",
        task=(
            "Two optimizers differ by 0.3 points; their differences, paired by seed, have a standard deviation of 0.45 "
            "points. Predict how many seeds show the gap in 80 % of all studies, with a two-sided test at 5 % and the "
            "normal approximation: replace None by your number."
        ),
        reference=_seeds_needed,
        mistakes=[
            Mistake(
                "Round up: there is no part of a seed, and with fewer the power is below 80 %.",
                lambda answer: abs(float(answer) - 17.66) < 0.1 or float(answer) == 17,
                example=17.66,
            ),
            Mistake(
                "With so many the true gap is just at the edge of the interval: every second study misses it. Add "
                "0.84 to 1.96, so that it lies above the edge in 80 %.",
                lambda answer: _is(9, 8.64)(answer),
                example=9,
            ),
            Mistake(
                "You doubled the variance, as if the 0.45 were of each optimizer's results. It is of the differences "
                "already: that is what pairing is for.",
                lambda answer: _is(36, 35.32)(answer),
                example=36,
            ),
            Mistake(
                "You did not square: the error of a mean falls as 1/√n, so n grows as the square of 2.8 · 0.45 / 0.3.",
                lambda answer: _is(5, 4.2)(answer),
                example=5,
            ),
            Mistake(
                "You squared 2.8 but not 0.45 / 0.3: the whole product is squared.",
                lambda answer: _is(12, 11.77)(answer),
                example=12,
            ),
            Mistake(
                "The ratio is upside down: the larger the deviation, the more seeds are needed.",
                lambda answer: _is(4, 3.49)(answer),
                example=4,
            ),
            Mistake(
                "You left the ratio of deviation and gap out: 2.8² is the number for a gap of one deviation.",
                lambda answer: _is(8, 7.85)(answer),
                example=8,
            ),
            Mistake(
                "Those make the standard error as large as the gap. It has to be 2.8 times smaller.",
                lambda answer: _is(3, 2.25)(answer),
                example=3,
            ),
            Mistake(
                "You used 1.64, which is for a one-sided test: who wins was not known before.",
                lambda answer: _is(14, 13.91)(answer),
                example=14,
            ),
            Mistake(
                "You used 1.28 for the power: that is for 90 %. For 80 % it is 0.84.",
                lambda answer: _is(24, 23.64)(answer),
                example=24,
            ),
            Mistake(
                "That is the rule of three standard errors: it has a power of 85 %, and asks for more.",
                lambda answer: _is(21, 20.25)(answer),
                example=21,
            ),
            Mistake(
                "With Student's t for the normal quantiles it is 20, and that is more exact. Here the normal "
                "approximation was asked for.",
                20,
            ),
        ],
        explanation=("((1.96 + 0.84) · 0.45 / 0.3)² = 17.7, so 18. For half the gap it would take four times as many."),
    ),
    Exercise(
        name="12.sign_flips",
        task=(
            "Write sign_flips(differences): of all 2^n ways to give the n differences a sign each, return the share in "
            "which the sum is at least as far from 0 as the sum of the differences as they are."
        ),
        reference=sign_flips,
        cases=flip_cases,
        mistakes=[
            Mistake(
                "You left out sums that are exactly as large. The observed one is such a sum, so the share is never 0.",
                _flips_with(as_extreme=lambda sums, observed: sums > observed),
            ),
            Mistake(
                "You compared signed sums: only one of the two could win then. Who wins was not known before: compare "
                "absolute values.",
                _flips_with(size=lambda x: x),
            ),
            Mistake(
                "Only sums that go the observed way count with you: that is one-sided. Compare absolute values.",
                lambda differences: _flips_with(size=lambda x: x)(differences * np.sign(np.sum(differences))),
            ),
            Mistake(
                "You counted the sums that are no farther from 0 than the observed one. Count those at least as far.",
                _flips_with(as_extreme=lambda sums, observed: sums <= observed),
            ),
            Mistake(
                "That is the share of sums that are nearer to 0: one minus what is asked for.",
                _flips_with(as_extreme=lambda sums, observed: sums < observed),
            ),
            Mistake(
                "That is a count. Divide by the number of all ways, 2^n.",
                _flips_with(share=np.sum),
            ),
            Mistake(
                "You left the observed signs out of the count. Nothing marks them off: they are one of 2^n ways.",
                _flips_with(share=_without_the_observed),
            ),
            Mistake(
                "Adding 1 above and below is for signs that are drawn at random. Here all 2^n ways are counted.",
                _flips_with(share=_add_one),
            ),
            Mistake(
                "You divided by n, the number of differences. There are 2^n ways to give them signs.",
                lambda differences: _flips_with(share=np.sum)(differences) / len(differences),
            ),
            Mistake(
                "You counted signs only, and a large difference as much as a small one. Add the differences.",
                _sign_test,
            ),
            Mistake(
                "That is the value of the normal law. It is an approximation, and for few seeds a poor one: count.",
                _by_the_normal_law,
            ),
            Mistake(
                "You turned one sign at a time: n ways. Each sign may turn by itself, which makes 2^n.",
                _by_one_at_a_time,
            ),
            Mistake(
                "That is 1 for all data, as if you changed the order: a sum does not see the order. Turn signs.",
                lambda differences: 1.0,
            ),
        ],
        explanation=(
            "It needs no table and no normal law. Five seeds that all favour one side give 2/32 = 0.0625: five are too "
            "few for 5 %, whatever they say."
        ),
    ),
    Exercise(
        name="12.losses_to_add",
        task=(
            "Write losses_to_add(losses, masks): losses[k] holds the loss of each token of micro-batch k, a row a "
            "text, and masks[k] is True where a token counts and False for padding. Return one number a micro-batch, "
            "so that they add up to the mean loss over all tokens of the batch that count."
        ),
        reference=losses_to_add,
        cases=loss_cases,
        describe_case=lambda losses, masks: (
            f"{len(losses)} micro-batches with {', '.join(str(int(np.sum(mask))) for mask in masks)} tokens that count"
        ),
        mistakes=[
            Mistake(
                "That is the mean of the means: each micro-batch counts alike, so a token of one with few tokens "
                "weighs more. Divide each sum by the tokens of the whole batch.",
                _added_with(own=_own_mean, divisor=lambda losses, masks: len(losses)),
            ),
            Mistake(
                "Each is the mean of its own micro-batch, so they add up to as many means as there are micro-batches.",
                _added_with(own=_own_mean, divisor=lambda losses, masks: 1),
            ),
            Mistake(
                "You divided by all positions, padding too: the more padding, the smaller the loss.",
                _added_with(divisor=_positions),
            ),
            Mistake(
                "The masks are not used: what the network says of padding does not count.",
                _added_with(own=lambda loss, mask: np.sum(loss), divisor=_positions),
            ),
            Mistake(
                "The padding's losses are in your sums. You divide by the tokens that count: add only theirs.",
                _added_with(own=lambda loss, mask: np.sum(loss)),
            ),
            Mistake(
                "The mask is the wrong way round: True is a token that counts, False is padding.",
                _added_with(
                    own=lambda loss, mask: np.sum(loss * ~mask),
                    divisor=lambda losses, masks: sum(np.sum(~mask) for mask in masks),
                ),
            ),
            Mistake(
                "You weighed the means by the number of rows. Texts are of different length: weigh by the tokens that "
                "count.",
                _added_with(own=_own_mean, divisor=_rows, weight=lambda k, losses, masks: len(losses[k])),
            ),
            Mistake(
                "The means are weighed by their positions, padding too. Weigh by the tokens that count.",
                _added_with(own=_own_mean, divisor=_positions, weight=lambda k, losses, masks: losses[k].size),
            ),
            Mistake(
                "Those are sums: the gradient would grow with the batch, and the rate would mean something else each "
                "time. Divide by the tokens of the whole batch that count.",
                _added_with(divisor=lambda losses, masks: 1),
            ),
            Mistake(
                "You divided by the number of rows, not of tokens.",
                _added_with(divisor=_rows),
            ),
            Mistake(
                "You divided by the number of micro-batches as well: once by all tokens is enough.",
                _added_with(divisor=lambda losses, masks: len(losses) * _tokens(losses, masks)),
            ),
            Mistake(
                "Those are the shares of the tokens. Multiply each by the mean loss of its micro-batch.",
                _added_with(own=lambda loss, mask: np.sum(mask)),
            ),
            Mistake(
                "That is the whole batch's loss. One number a micro-batch is asked for: each is used while its "
                "micro-batch is in memory.",
                lambda losses, masks: sum(losses_to_add(losses, masks)),
            ),
            Mistake(
                "You averaged the losses with zeros for the padding: `np.mean` divides by the padding, too.",
                _added_with(own=lambda loss, mask: np.mean(loss * mask), divisor=lambda losses, masks: len(losses)),
            ),
        ],
        explanation=(
            "The gradients of these losses add up to that of the whole batch, so micro-batches save memory and change "
            "nothing but rounding. All tokens have to be counted before the first backward pass."
        ),
    ),
    Exercise(
        name="12.first_steps_after_loading",
        task=(
            "Adam (β₁ = 0.9, β₂ = 0.999) has run 20,000 steps with a gradient that is 1 throughout, and goes on so. "
            "Three files keep θ and: t; m and v; nothing else. What is not kept starts again, m and v at 0, t at 1. "
            "Predict how many learning rates long the first step from each file is: replace None by a list of three "
            "numbers."
        ),
        reference=_first_steps_after_loading,
        rtol=0.02,
        mistakes=[
            Mistake(
                "Adam's step is one rate long when m and v fit t. In two of the files they do not.",
                [1.0, 1.0, 1.0],
            ),
            Mistake(
                "The first two are exchanged. Which file still has t, so that m and v are no longer corrected?",
                [10**-0.5, 10**0.5, 1.0],
            ),
            Mistake(
                "The root is missing: v̂ is a square.",
                [100.0, 0.01, 1.0],
            ),
            Mistake(
                "You took only m into account. v is lost, or corrected, as well, and its root divides.",
                [0.1, 10.0, 1.0],
            ),
            Mistake(
                "You took only v into account. m is lost, or corrected, as well.",
                [1000**0.5, 1000**-0.5, 1.0],
            ),
            Mistake(
                "First file: m and v start at 0, but t says that they are full, so nothing corrects them. Both are too "
                "small, 0.1 and 0.001, and so is the root of v: divide.",
                _one_is(0, 1.0, 0.1, 0.0, 10**-0.5, 100.0, 1000**0.5),
                example=[1.0, 10**-0.5, 1.0],
            ),
            Mistake(
                "Second file: m and v are full, and t = 1 corrects them as if they were new: m by 1/0.1, v by 1/0.001.",
                _one_is(1, 1.0, 10.0, 10**0.5, 0.1, 0.01, 1000**0.5, 1000**-0.5),
                example=[10**0.5, 1.0, 1.0],
            ),
            Mistake(
                "Third file: everything starts again, and fits together: it is the first step of any run of Adam.",
                _one_is(2, 10**0.5, 10**-0.5, 0.1, 0.0, 10.0),
                example=[10**0.5, 10**-0.5, 10**0.5],
            ),
        ],
        explanation=(
            "0.1 / √0.001 = 3.16, then (1/0.1) / √(1/0.001) = 0.316, then 1. No file gives an error. The third is not "
            "what the run would have done either, where gradients are noisy: its first steps follow single batches."
        ),
    ),
    Exercise(
        name="12.frozen_step",
        task=(
            "Write frozen_step(theta, gradient, velocity, frozen, learning_rate, momentum, weight_decay): the new "
            "velocity is momentum · velocity + gradient, and θ moves by −learning_rate · (new velocity + weight_decay "
            "· θ). Where frozen is True, neither θ nor the velocity changes. Return both."
        ),
        reference=frozen_step,
        cases=frozen_cases,
        mistakes=[
            Mistake(
                "A gradient of 0 does not hold an entry: it coasts on its velocity, and weight decay pulls it to 0.",
                _frozen_with(new_velocity=_without_gradient, theta_of=_all_move, kept=_as_it_moved),
            ),
            Mistake(
                "A frozen θ still moves: by its old velocity, or by weight decay. Take the old value there.",
                _frozen_with(new_velocity=_without_gradient, theta_of=_all_move),
            ),
            Mistake(
                "Neither the gradient nor weight decay moves a frozen θ now, but its velocity does: it coasts on.",
                _frozen_with(new_velocity=_without_gradient, theta_of=_decay_of_the_free, kept=_as_it_moved),
            ),
            Mistake(
                "The velocity of a frozen entry stays as it should, but it still moves θ: 0.9 of it is in the step.",
                _frozen_with(new_velocity=_without_gradient, theta_of=_decay_of_the_free),
            ),
            Mistake(
                "Weight decay still moves a frozen θ: it is no part of the gradient, so it has to be masked, too.",
                _frozen_with(theta_of=_only_decay_of_the_frozen),
            ),
            Mistake(
                "Two things are left: weight decay still moves a frozen θ, and its velocity changes.",
                _frozen_with(theta_of=_only_decay_of_the_frozen, kept=_as_it_moved),
            ),
            Mistake(
                "`frozen` is not used: all entries move.",
                _frozen_with(theta_of=_all_move, kept=_as_it_moved),
            ),
            Mistake(
                "The velocity is masked, but θ moves everywhere: a frozen one keeps its old value.",
                _frozen_with(theta_of=_all_move),
            ),
            Mistake(
                "The mask is the wrong way round: True is an entry that stays.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: np.where(
                        frozen, theta - rate * (moved + decay * theta), theta
                    ),
                    kept=lambda v, moved, frozen: np.where(frozen, moved, v),
                ),
            ),
            Mistake(
                "θ is right, but a frozen entry's velocity collects the gradients of all steps: once it is free again, "
                "it jumps.",
                _frozen_with(kept=_as_it_moved),
            ),
            Mistake(
                "The velocity of a frozen entry fades. It is to stay as it is; θ is right.",
                _frozen_with(new_velocity=_without_gradient, kept=_as_it_moved),
            ),
            Mistake(
                "A frozen entry's velocity is set to 0. That is a choice, too, but here it is to stay; θ is right.",
                _frozen_with(kept=lambda v, moved, frozen: np.where(frozen, 0.0, moved)),
            ),
            Mistake(
                "Frozen entries are set to 0. They keep the values that they have.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: np.where(
                        frozen, 0.0, theta - rate * (moved + decay * theta)
                    )
                ),
            ),
            Mistake(
                "Frozen entries, and their velocities, are set to 0. They keep the values that they have.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: np.where(
                        frozen, 0.0, theta - rate * (moved + decay * theta)
                    ),
                    kept=lambda v, moved, frozen: np.where(frozen, 0.0, moved),
                ),
            ),
            Mistake(
                "Only the free entries are returned. θ and the velocity keep their shapes.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: (theta - rate * (moved + decay * theta))[
                        ~frozen
                    ],
                    kept=lambda v, moved, frozen: moved[~frozen],
                ),
            ),
            Mistake(
                "The decay went into the gradient, and from there into the velocity: that is an L2 penalty. Here it "
                "stands beside the step.",
                _decay_in_the_gradient,
            ),
            Mistake(
                "The decay is not multiplied by the learning rate: here both parts of the step are.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: np.where(
                        frozen, theta, theta - rate * moved - decay * theta
                    )
                ),
            ),
            Mistake(
                "The decay came after the step, and shrank the new θ. Here both parts are taken from the old one.",
                _frozen_with(
                    theta_of=lambda theta, moved, frozen, rate, decay: np.where(
                        frozen, theta, (1 - rate * decay) * (theta - rate * moved)
                    )
                ),
            ),
            Mistake(
                "θ moved by the old velocity. First make the new one, then move by it.",
                lambda theta, gradient, v, frozen, rate, momentum, decay: (
                    np.where(frozen, theta, theta - rate * (v + decay * theta)),
                    np.where(frozen, v, momentum * v + gradient),
                ),
            ),
        ],
        explanation=(
            "What is frozen has to be left out of all that moves θ: gradient, momentum, decay. A zero gradient is the "
            "first only."
        ),
    ),
    Exercise(
        name="12.last_stable_rate",
        task=(
            "Write last_stable_rate(diverges, low, high, halvings): a run at the rate low is stable, one at high is "
            "not, and diverges(rate) tells of any other. So many times, try the geometric middle √(low · high) and "
            "keep the half that holds the edge. Return the largest rate that is known to be stable."
        ),
        reference=last_stable_rate,
        cases=rate_cases,
        describe_case=lambda diverges, low, high, halvings: f"low = {low:g}, high = {high:g}, halvings = {halvings}",
        mistakes=[
            Mistake(
                "You took the arithmetic middle. Between 0.0001 and 10 that is 5, and small rates are not looked at: "
                "rates are compared by ratio, so take the root of the product.",
                _searched_with(middle=lambda low, high: (low + high) / 2),
            ),
            Mistake(
                "The wrong half is kept: where the middle diverges, the edge lies below it.",
                _searched_with(goes_up=bool),
            ),
            Mistake(
                "You returned high: the smallest rate that is known to diverge. The one just below is asked for.",
                _searched_with(returned=lambda low, high, last: high),
            ),
            Mistake(
                "You returned the rate that was tried last. It may have diverged.",
                _searched_with(returned=lambda low, high, last: last),
            ),
            Mistake(
                "You returned the middle of what is left. Nobody has tried it yet: return the last that was stable.",
                _searched_with(returned=lambda low, high, last: np.sqrt(low * high)),
            ),
            Mistake(
                "One halving is missing: `range(halvings)` goes round that often.",
                _searched_with(count=lambda halvings: halvings - 1),
            ),
            Mistake(
                "There is one halving too many.",
                _searched_with(count=lambda halvings: halvings + 1),
            ),
            Mistake(
                "You returned the logarithm of the rate: take the power of it again.",
                _searched_with(returned=lambda low, high, last: np.log10(low)),
            ),
            Mistake(
                "That is the natural logarithm of the rate: take exp of it.",
                _searched_with(returned=lambda low, high, last: np.log(low)),
            ),
            Mistake(
                "You returned both ends. Only the stable one is asked for.",
                _searched_with(returned=lambda low, high, last: (low, high)),
            ),
            Mistake(
                "You doubled the rate until it diverged. That finds the edge within a factor of 2; each halving takes "
                "the root of the factor that is left.",
                _doubled,
            ),
            Mistake(
                "You tried a ladder of equal ratios. With as many runs, halving comes much nearer: 10 of them leave a "
                "thousandth of the distance.",
                _up_the_ladder,
            ),
        ],
        explanation=(
            "Each run halves what is unknown of log rate: after ten, four decades are less than one per cent. The best "
            "rate lies below the edge; with noise, tell divergence by several seeds."
        ),
    ),
    Exercise(
        name="12.steps_at",
        task=(
            "Write steps_at(small, small_needed, big, big_needed, batch_size): runs with batches of small and big "
            "needed so many steps to the same loss, each at its best rate. By steps = S_min (1 + B_noise / B), return "
            "the pair (steps, samples) that a run with batch_size needs, without rounding."
        ),
        reference=steps_at,
        cases=steps_cases,
        mistakes=[
            Mistake(
                "You took steps for proportional to 1/B. That holds far below the noise scale; S_min steps are needed "
                "with any batch.",
                _steps_by(lambda small, s, big, b, batch_size: s * small / batch_size),
            ),
            Mistake(
                "You scaled the big run's steps by 1/B. Above the noise scale hardly a step is saved: S_min remains.",
                _steps_by(lambda small, s, big, b, batch_size: b * big / batch_size),
            ),
            Mistake(
                "That is the straight line through both runs, with B on the axis. Steps are a straight line in 1/B.",
                _steps_by(_straight_in_the_batch),
            ),
            Mistake(
                "That is a power law through both runs. It goes to 0 for large batches, and S_min does not.",
                _steps_by(_straight_in_logarithms),
            ),
            Mistake(
                "S_min alone: that is for batches far above the noise scale. Add S_min · B_noise / B.",
                _steps_by(lambda small, s, big, b, batch_size: _slope_and_fewest(small, s, big, b)[1]),
            ),
            Mistake(
                "S_min itself is left out: that is the part that falls with B.",
                _steps_by(lambda small, s, big, b, batch_size: _slope_and_fewest(small, s, big, b)[0] / batch_size),
            ),
            Mistake(
                "B / B_noise is upside down: larger batches need fewer steps. (With B / B_noise it is the law of the "
                "samples, over those of the smallest batch.)",
                _steps_by(_batch_by_noise),
            ),
            Mistake(
                "Steps are taken to fall as 1/√B, as noise does. The law that is given is a straight line in 1/B.",
                _steps_by(lambda small, s, big, b, batch_size: s * (small / batch_size) ** 0.5),
            ),
            Mistake(
                "The steps are right. Their samples are steps times the new batch size.",
                _samples_of_the_big,
            ),
            Mistake(
                "The steps are right. A step takes a whole batch of samples: multiply, do not divide.",
                lambda small, s, big, b, batch_size: (
                    steps_at(small, s, big, b, batch_size)[0],
                    steps_at(small, s, big, b, batch_size)[0] / batch_size,
                ),
            ),
            Mistake(
                "You rounded the steps up. That is for a run; here return what the law says.",
                _steps_by(lambda *measured: np.ceil(steps_at(*measured)[0])),
            ),
            Mistake(
                "Steps are rounded to the nearest whole number. Return what the law says.",
                _steps_by(lambda *measured: np.round(steps_at(*measured)[0])),
            ),
            Mistake(
                "Only the steps came. Return the samples as well: steps times batch size.",
                lambda small, s, big, b, batch_size: steps_at(small, s, big, b, batch_size)[0],
            ),
            Mistake(
                "That is (S_min, B_noise), which you need on the way. Put them into the law at batch_size.",
                lambda small, s, big, b, batch_size: (
                    _slope_and_fewest(small, s, big, b)[1],
                    _slope_and_fewest(small, s, big, b)[0] / _slope_and_fewest(small, s, big, b)[1],
                ),
            ),
        ],
        explanation=(
            "At B = B_noise a run takes twice the fewest steps and twice the fewest samples. Where a step takes the "
            "same time at any batch size, steps are time; where it does not, samples are."
        ),
    ),
]
