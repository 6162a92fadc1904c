"""Exercises of chapter 10: parallel training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.course.comparing import short
from nnopt_utils.course.exercises import Exercise, Mistake

Slope = Callable[[float], float]
Compression = Callable[[np.ndarray], np.ndarray]


def _about(value: float, tolerance: float = 0.003) -> Callable[[Any], bool]:
    """Tell whether an answer is this number, to three per thousand."""
    return lambda answer: bool(abs(float(answer) / value - 1) < tolerance)


# -- 10.combine ------------------------------------------------------------------------------------------------------


def combine(gradients: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return sizes @ gradients / np.sum(sizes)


def combine_cases() -> list[tuple]:
    """Two workers, to do by hand; then three and five, one pair of equal sizes among them."""
    generator = np.random.default_rng(10)
    return [
        (np.array([[1.0, -2.0, 4.0], [5.0, 2.0, 0.0]]), np.array([3, 1])),
        (generator.normal(size=(3, 4)), np.array([100, 4, 28])),
        (generator.normal(size=(5, 2)), np.array([32, 32, 32, 32, 2])),
    ]


# -- 10.ring_step ----------------------------------------------------------------------------------------------------


def ring_step(pieces: np.ndarray, step: int) -> np.ndarray:
    after = np.array(pieces)
    workers = len(pieces)
    for r in range(workers):
        k = (r - step) % workers
        after[(r + 1) % workers, k] += pieces[r, k]
    return after


def ring_cases() -> list[tuple]:
    """Three workers, whose sums are read off their digits, in both steps; then four and five."""
    generator = np.random.default_rng(11)
    return [
        (np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]]), 1),
        (np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [100.0, 200.0, 300.0]]), 0),
        *((generator.normal(size=(P, P)), step) for P, step in [(4, 2), (4, 1), (5, 3), (5, 1)]),
    ]


def _described_pieces(pieces: np.ndarray, step: int) -> str:
    shown = pieces.tolist() if pieces.size <= 9 else pieces
    return f"pieces = {short(shown)}, step = {step}"


def _ring_with(
    *,
    neighbour=lambda r, P: (r + 1) % P,
    piece=lambda r, step, P: (r - step) % P,
    place=lambda k, P: k,
    come=lambda own, sent: own + sent,
    keep=lambda own: own,
    count=lambda P: P,
):
    """A wrong step: who gets it, which piece, where it goes, what the receiver and the sender make of it."""

    def step_of(pieces, step):
        before, after = np.array(pieces), np.array(pieces)
        P = len(before)
        for r in range(count(P)):
            k = piece(r, step, P)
            to = neighbour(r, P), place(k, P)
            after[to] = come(after[to], before[r, k])
            after[r, k] = keep(after[r, k])
        return after

    return step_of


def _whole_vectors(pieces, step):
    return pieces + np.roll(pieces, 1, axis=0)


def _all_steps_so_far(pieces, step):
    for earlier in range(step + 1):
        pieces = ring_step(pieces, earlier)
    return pieces


def _pulled(pieces, step):
    after = np.array(pieces)
    for r in range(len(after)):
        k = (r - step) % len(after)
        after[r, k] += pieces[(r + 1) % len(after), k]
    return after


def _rows_are_pieces(pieces, step):
    return ring_step(pieces.T, step).T


# -- 10.amdahl -------------------------------------------------------------------------------------------------------


def _entry(index: int, value: float) -> tuple[Callable[[Any], bool], list[float]]:
    """Return whether an answer has this number at one place, and an answer that is right but for it."""
    example = [0.8, 5.0]
    example[index] = value
    return lambda answer: len(answer) == 2 and abs(float(answer[index]) - value) < 2e-3 * value, example


# -- 10.late_descent -------------------------------------------------------------------------------------------------


def late_descent(gradient: Slope, theta: float, learning_rate: float, delay: int, steps: int) -> np.ndarray:
    points = [theta]
    for t in range(steps):
        points.append(points[t] - learning_rate * gradient(points[max(0, t - delay)]))
    return np.array(points)


def _bowl(theta: float) -> float:
    return theta


def _two_valleys(theta: float) -> float:
    return theta**3 - theta


def _steep(theta: float) -> float:
    return float(np.exp(theta)) - 2


SLOPES: dict[Slope, str] = {
    _bowl: "gradient(θ) = θ",
    _two_valleys: "gradient(θ) = θ³ − θ",
    _steep: "gradient(θ) = exp(θ) − 2",
}


def late_cases() -> list[tuple]:
    """One to do by hand, without a delay, a delay that is longer than the run, and longer runs."""
    return [
        (_bowl, 1.0, 0.5, 1, 4),
        (_two_valleys, 0.5, 0.3, 2, 7),
        (_bowl, -2.0, 0.3, 0, 5),
        (_steep, 1.5, 0.2, 5, 3),
        (_two_valleys, -0.6, 0.2, 3, 12),
    ]


def _described_run(gradient: Slope, theta: float, learning_rate: float, delay: int, steps: int) -> str:
    return f"{SLOPES[gradient]}, theta = {theta}, learning_rate = {learning_rate}, delay = {delay}, steps = {steps}"


def _late_with(
    *,
    old=lambda points, t, delay: points[max(0, t - delay)],
    start=lambda points, past: points[-1],
    rate=lambda eta, delay: eta,
    returned=np.array,
):
    """A wrong descent: where the gradient is taken, where the step starts, its rate, what is returned."""

    def wrong(gradient, theta, learning_rate, delay, steps):
        points = [theta]
        for t in range(steps):
            past = old(points, t, delay)
            points.append(start(points, past) - rate(learning_rate, delay) * gradient(past))
        return returned(points)

    return wrong


def _waits_for_the_first(gradient, theta, learning_rate, delay, steps):
    points = [theta]
    for t in range(steps):
        step = learning_rate * gradient(points[t - delay]) if t >= delay else 0.0
        points.append(points[t] - step)
    return np.array(points)


def _reads_what_is_not_yet_written(gradient, theta, learning_rate, delay, steps):
    points = np.zeros(steps + 1)
    points[0] = theta
    for t in range(steps):
        points[t + 1] = points[t] - learning_rate * gradient(points[t - delay])
    return points


# -- 10.drift_point --------------------------------------------------------------------------------------------------


def drift_point(minima: np.ndarray, curvatures: np.ndarray, learning_rate: float, local_steps: int) -> float:
    w = 1 - (1 - learning_rate * curvatures) ** local_steps
    return float(w @ minima / np.sum(w))


def drift_cases() -> list[tuple]:
    """The chapter's two workers; one local step; a worker that jumps over its minimum; many steps."""
    return [
        (np.array([-1.0, 1.0]), np.array([4.0, 1.0]), 0.1, 2),
        (np.array([2.0, -1.0, 0.5]), np.array([0.5, 3.0, 1.0]), 0.2, 1),
        (np.array([1.0, -3.0, 2.0]), np.array([1.5, 0.2, 0.7]), 1.0, 3),
        (np.array([4.0, 1.0, -2.0, 0.5]), np.array([0.1, 2.0, 5.0, 1.0]), 0.05, 12),
    ]


def _weighted_by(weights):
    """A wrong point: other weights w of (λ, η, H)."""

    def point(minima, curvatures, learning_rate, local_steps):
        w = np.asarray(weights(curvatures, learning_rate, local_steps))
        return float(w @ minima / np.sum(w))

    return point


def _right_weights(curvatures, learning_rate, local_steps):
    return 1 - (1 - learning_rate * curvatures) ** local_steps


# -- 10.error_feedback_step ------------------------------------------------------------------------------------------


def error_feedback_step(
    theta: np.ndarray, error: np.ndarray, gradient: np.ndarray, learning_rate: float, compress: Compression
) -> tuple[np.ndarray, np.ndarray]:
    wanted = error + learning_rate * gradient
    sent = compress(wanted)
    return theta - sent, wanted - sent


def _largest(v: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(v)) == np.argmax(np.abs(v)), v, 0.0)


def _signs(v: np.ndarray) -> np.ndarray:
    return np.mean(np.abs(v)) * np.sign(v)


def _whole(v: np.ndarray) -> np.ndarray:
    return np.round(v)


COMPRESSIONS: dict[Compression, str] = {
    _largest: "compress(v) = v with all entries but the largest set to 0",
    _signs: "compress(v) = the signs of v times the mean of |v|",
    _whole: "compress(v) = v, rounded to whole numbers",
}


def feedback_cases() -> list[tuple]:
    """One to do by hand, where what is remembered decides what is sent; then other compressions."""
    generator = np.random.default_rng(12)

    def vector(d: int, size: float = 1.0) -> np.ndarray:
        return np.round(size * generator.normal(size=d), 2)

    return [
        (np.array([1.0, -2.0]), np.array([0.3, 0.1]), np.array([1.0, -2.0]), 0.2, _largest),
        (vector(3), vector(3, 0.5), vector(3), 0.5, _signs),
        (vector(4), vector(4, 0.3), vector(4, 9.0), 0.3, _whole),
        (vector(5), np.zeros(5), vector(5), 0.1, _largest),
    ]


def _described_feedback(theta, error, gradient, learning_rate, compress):
    vectors = {"theta": theta, "error": error, "gradient": gradient, "learning_rate": learning_rate}
    return ", ".join(f"{name} = {short(value)}" for name, value in vectors.items()) + f", {COMPRESSIONS[compress]}"


def _feedback_with(
    *,
    wanted=lambda e, g, eta: e + eta * g,
    sent=lambda C, w, e, g, eta: C(w),
    move=lambda theta, s, w, eta: theta - s,
    rest=lambda w, s, e, g, eta: w - s,
):
    """A wrong step: what should be sent, what is, how θ moves with it, what is remembered."""

    def step(theta, error, gradient, learning_rate, compress):
        w = wanted(error, gradient, learning_rate)
        s = sent(compress, w, error, gradient, learning_rate)
        return move(theta, s, w, learning_rate), rest(w, s, error, gradient, learning_rate)

    return step


EXERCISES = [
    Exercise(
        name="10.combine",
        task=(
            "Write combine(gradients, sizes): row r of gradients is the mean gradient of worker r's samples, sizes[r] "
            "their number; return the mean gradient of all samples."
        ),
        reference=combine,
        cases=combine_cases,
        mistakes=[
            Mistake(
                "That is the mean of the means: each worker counts alike, so a sample counts the more the fewer share "
                "its worker.",
                lambda gradients, sizes: gradients.mean(axis=0),
            ),
            Mistake(
                "You added up the mean gradients. Of equal parts that gives P times the gradient, of others nothing "
                "of use: where do the sizes come in?",
                lambda gradients, sizes: gradients.sum(axis=0),
            ),
            Mistake(
                "The sizes weigh, but the weights do not add up to 1. That is the sum over all samples, not the mean.",
                lambda gradients, sizes: sizes @ gradients,
            ),
            Mistake(
                "You divided by the number of workers. Weighted by their sizes, the parts add up to a sum over "
                "samples: how many are these?",
                lambda gradients, sizes: sizes @ gradients / len(sizes),
            ),
            Mistake(
                "The weights add up to 1 already, and you took a mean over the workers once more.",
                lambda gradients, sizes: sizes @ gradients / np.sum(sizes) / len(sizes),
            ),
            Mistake(
                "You took the rows for sums over samples. They are means: a row says nothing about how many samples "
                "stand behind it.",
                lambda gradients, sizes: gradients.sum(axis=0) / np.sum(sizes),
            ),
            Mistake(
                "The weights are upside down: the fewer samples a worker has, the more it counts with you.",
                lambda gradients, sizes: (1 / sizes) @ gradients / np.sum(1 / sizes),
            ),
            Mistake(
                "Each worker is weighted by what the others have. A worker with nearly all samples should decide "
                "nearly alone.",
                lambda gradients, sizes: (1 - sizes / np.sum(sizes)) @ gradients,
            ),
            Mistake(
                "You divided by the largest size, so the weights add up to more than 1.",
                lambda gradients, sizes: sizes @ gradients / np.max(sizes),
            ),
            Mistake(
                "The sizes weigh twice: they are squared. Each sample counts once, so a worker counts as often as it "
                "has samples.",
                lambda gradients, sizes: sizes**2 @ gradients / np.sum(sizes**2),
            ),
            Mistake(
                "Each row has its weight, but the rows are not added up: one gradient is asked for, not one a worker.",
                lambda gradients, sizes: gradients * sizes[:, None] / np.sum(sizes),
            ),
            Mistake(
                "That is the gradient of the largest part alone. The other workers have computed, too.",
                lambda gradients, sizes: gradients[np.argmax(sizes)],
            ),
        ],
        explanation="Each of the B samples has the weight 1/B, whichever worker it was given to.",
    ),
    Exercise(
        name="10.ring_bytes",
        task=(
            "Six workers add up their gradients of 55,050 numbers, 4 bytes each, in one all-reduce around a ring. "
            "Predict how many bytes each of them sends: replace None by your number."
        ),
        reference=367_000,
        mistakes=[
            Mistake(
                "That is the whole vector, once. It is right for two workers; with six there are ten steps, each "
                "with a piece.",
                220_200,
            ),
            Mistake(
                "Those are two whole vectors, the bound for very many workers (or twelve pieces, two too many). "
                "Each half has P − 1 steps, not P.",
                440_400,
            ),
            Mistake(
                "That is the first half only. After P − 1 steps each worker has one finished piece: the others' "
                "finished pieces must still come round.",
                183_500,
            ),
            Mistake("You counted numbers. Each of them has 4 bytes.", 91_750),
            Mistake("You counted numbers, and two whole vectors of them. Less is sent, and each has 4 bytes.", 110_100),
            Mistake(
                "Those are numbers, a whole vector of them in each of the ten steps. In a ring it is a sixth at a "
                "time, and each number has 4 bytes.",
                550_500,
            ),
            Mistake(
                "Those are five whole vectors: what the worker in the middle sends when all goes through one.",
                1_101_000,
            ),
            Mistake(
                "That is what all six send together, or one that sends its whole vector in each of the ten steps. In "
                "a ring it sends a sixth at a time.",
                2_202_000,
            ),
            Mistake("That is one piece. How many pieces does a worker send?", 36_700),
            Mistake("That is one piece, in numbers. How many pieces are sent, and how many bytes is each?", 9_175),
            Mistake("That is the whole vector, in numbers. Each has 4 bytes, and there are ten steps.", 55_050),
            Mistake("Those are eleven pieces. Each half has P − 1 steps: nobody needs what it has itself.", 403_700),
            Mistake("Those are nine pieces, one step short. Both halves have P − 1 steps.", 330_300),
            Mistake("You counted 8 bytes a number, as in float64. Here each has 4.", 734_000),
            Mistake("Those are bits: a byte has eight of them.", 2_936_000),
            Mistake("That is in kilobytes. Give it in bytes.", 367.0),
        ],
        explanation="2 · 5 steps with a sixth of 220,200 bytes each, 36,700.",
    ),
    Exercise(
        name="10.ring_step",
        task=(
            "Write ring_step(pieces, step): worker r sends piece r − step (modulo P) to worker r + 1 (modulo P), which "
            "adds it to its own; return the new pieces, keep the old."
        ),
        reference=ring_step,
        cases=ring_cases,
        describe_case=_described_pieces,
        mistakes=[
            Mistake(
                "It goes round the other way: worker r sends to r + 1, not to r − 1.",
                _ring_with(neighbour=lambda r, P: (r - 1) % P),
            ),
            Mistake(
                "Worker r fetches its piece here, from its right-hand neighbour. It should send that piece to it.",
                _pulled,
            ),
            Mistake(
                "The number of the piece grows with the step. In the next step each sends on what it has just added "
                "to, and that came from the left: r − step.",
                _ring_with(piece=lambda r, step, P: (r + step) % P),
            ),
            Mistake(
                "Worker r sends piece r in every step. Later on that sends its own number again, and nothing travels "
                "farther than one place.",
                _ring_with(piece=lambda r, step, P: r),
            ),
            Mistake(
                "All workers send the same piece, number `step`. In a ring they send different ones at a time.",
                _ring_with(piece=lambda r, step, P: step % P),
            ),
            Mistake(
                "The difference is the other way round: r − step, not step − r.",
                _ring_with(piece=lambda r, step, P: (step - r) % P),
            ),
            Mistake(
                "The piece overwrites the receiver's own. These are the steps that add up; copies come after them.",
                _ring_with(come=lambda own, sent: sent),
            ),
            Mistake(
                "The piece is taken away from the receiver's own. It is added.",
                _ring_with(come=lambda own, sent: own - sent),
            ),
            Mistake(
                "The sender's own piece is 0 afterwards. What is sent is a copy: the sender's stays as it was.",
                _ring_with(keep=lambda own: 0.0),
            ),
            Mistake(
                "The piece is added to another one: piece k belongs to the receiver's piece k, the same part of the "
                "vector.",
                _ring_with(place=lambda k, P: (k + 1) % P),
            ),
            Mistake(
                "Everybody sends everything. In one step a worker sends one piece, a P-th of its vector.",
                _whole_vectors,
            ),
            Mistake(
                "The last worker sends nothing. Its right-hand neighbour is worker 0: the ring is closed.",
                _ring_with(count=lambda P: P - 1),
            ),
            Mistake(
                "There is no worker P. After the last one comes worker 0, so take the neighbour modulo P.",
                _ring_with(neighbour=lambda r, P: r + 1),
            ),
            Mistake(
                "You went all steps from 0 on. The pieces come as they are before this one step.", _all_steps_so_far
            ),
            Mistake(
                "Workers and pieces are swapped: `pieces[r, k]`, the worker first.",
                _rows_are_pieces,
            ),
        ],
        explanation="P − 1 such steps, and worker r has the whole sum in piece r + 1 (modulo P).",
    ),
    Exercise(
        name="10.amdahl",
        task=(
            "Four workers are 2.5 times as fast as one. Predict the share p of the work that Amdahl's law gives, and "
            "how many times as fast any number of workers can become: replace None by the two numbers, [p, limit]."
        ),
        reference=[0.8, 5.0],
        mistakes=[
            Mistake("Right numbers, wrong order: the share first.", [5.0, 0.8]),
            Mistake(
                "The first one is the share that stays serial. Asked is the share p that the workers can divide "
                "among themselves.",
                *_entry(0, 0.2),
            ),
            Mistake(
                "2.5/4 is how well the four are used. p is something else: it stands in the time, "
                "1 − p + p/4, which is 1/2.5.",
                *_entry(0, 0.625),
            ),
            Mistake(
                "0.6 is the time saved. But the shared part does not vanish, it still takes p/4: so 0.6 is 3/4 of p.",
                *_entry(0, 0.6),
            ),
            Mistake(
                "0.4 is the time that four workers take, if one takes 1. It has two parts: 1 − p and p/4.",
                *_entry(0, 0.4),
            ),
            Mistake("The first number is in percent. A share lies between 0 and 1.", *_entry(0, 80.0)),
            Mistake(
                "1/p is not the limit. With very many workers p/P vanishes: what is left of the time?",
                *_entry(1, 1.25),
            ),
            Mistake(
                "That is the time that is left with very many workers. The factor is one over it.",
                *_entry(1, 0.2),
            ),
            Mistake(
                "That is what four workers reach. More of them still make the shared part shorter.",
                *_entry(1, 2.5),
            ),
            Mistake(
                "That is how much faster than the four workers. Asked is how much faster than one.",
                *_entry(1, 2.0),
            ),
            Mistake(
                "Four would be the limit of four workers that share everything. Here any number may work, but a part "
                "of the time stays.",
                *_entry(1, 4.0),
            ),
            Mistake("20 belongs to p = 0.95, the example of the text.", *_entry(1, 20.0)),
            Mistake(
                "There is a limit: the serial part takes its time, however many workers there are.",
                lambda answer: len(answer) == 2 and bool(np.isposinf(answer[1])),
                example=[0.8, np.inf],
            ),
        ],
        explanation="1/2.5 = 0.4 = (1 − p) + p/4, so 3/4 p = 0.6; and 1/(1 − 0.8) = 5.",
    ),
    Exercise(
        name="10.late_descent",
        task=(
            "Write late_descent(gradient, theta, learning_rate, delay, steps): gradient descent with the gradient of "
            "delay steps ago (of the start, while there is none that old); return all steps + 1 points as an array."
        ),
        reference=late_descent,
        cases=late_cases,
        describe_case=_described_run,
        mistakes=[
            Mistake(
                "That is descent without a delay: the gradient is taken where θ is now.",
                _late_with(old=lambda points, t, delay: points[-1]),
            ),
            Mistake(
                "Your gradients are one step older than they should be. With delay = 0 the gradient must be that of "
                "the newest point.",
                _late_with(old=lambda points, t, delay: points[max(0, t - delay - 1)]),
            ),
            Mistake(
                "Your gradients are one step too fresh, and with delay = 0 you ask for a point that does not exist "
                "yet. Where θ is now, is index t.",
                _late_with(old=lambda points, t, delay: points[max(0, t - delay + 1)]),
            ),
            Mistake(
                "With a delay, your gradients are one step too fresh: delay = 1 gives what delay = 0 should.",
                _late_with(old=lambda points, t, delay: points[max(0, t - max(0, delay - 1))]),
            ),
            Mistake(
                "points[-delay] is one too fresh: -1 is the newest, delay 0. And -0 is the first of all.",
                _late_with(old=lambda points, t, delay: points[-delay] if delay <= len(points) else points[0]),
            ),
            Mistake(
                "θ stands still until the first gradient is old enough. Until then the gradient of the start is used.",
                _waits_for_the_first,
            ),
            Mistake(
                "At first t − delay is negative, and Python counts from the end: you read points that are not written "
                "yet.",
                _reads_what_is_not_yet_written,
            ),
            Mistake(
                "In the first steps t − delay is negative, and a negative index counts from the end of the list. "
                "Where is the start?",
                _late_with(old=lambda points, t, delay: points[t - delay]),
            ),
            Mistake(
                "points[-1 - delay] is the right one once the list is long enough. Before that there is none so old: "
                "take the start.",
                _late_with(old=lambda points, t, delay: points[-1 - delay]),
            ),
            Mistake(
                "In the first steps your gradient is that of the newest point. As long as none is old enough, the one "
                "at the start is used.",
                _late_with(old=lambda points, t, delay: points[t - delay if t >= delay else t]),
            ),
            Mistake(
                "The step starts at the old point. Only the gradient is old: what it moves is θ as it is now.",
                _late_with(start=lambda points, past: past),
            ),
            Mistake(
                "All gradients are those of the start. Each step has a newer one than the step before, delay late.",
                _late_with(old=lambda points, t, delay: points[0]),
            ),
            Mistake(
                "You take a new gradient every delay + 1 steps and keep it in between. In each step there is a new "
                "one, always equally late.",
                _late_with(old=lambda points, t, delay: points[t - t % (delay + 1)]),
            ),
            Mistake(
                "You divided the rate by the delay. That is a remedy, and comes later; here the rate stays as it is.",
                _late_with(rate=lambda eta, delay: eta / max(1, delay)),
            ),
            Mistake(
                "Only the last point came. Asked are all of them, the start first.",
                _late_with(returned=lambda points: points[-1]),
            ),
            Mistake(
                "The start is missing: it is the first of the steps + 1 points.",
                _late_with(returned=lambda points: np.array(points[1:])),
            ),
            Mistake(
                "The last point is missing: with the start there are steps + 1 of them.",
                _late_with(returned=lambda points: np.array(points[:-1])),
            ),
            Mistake(
                "The learning rate is not used, as if it were 1.",
                _late_with(rate=lambda eta, delay: 1.0),
            ),
            Mistake(
                "You went uphill: whatever its age, the gradient is subtracted.",
                lambda gradient, theta, learning_rate, delay, steps: late_descent(
                    gradient, theta, -learning_rate, delay, steps
                ),
            ),
        ],
        hint="Do the first case by hand: where is θ after step 1, and where was it a delay ago?",
        explanation="With delay = 0 it is gradient descent; the first delay + 1 steps all use the start's gradient.",
    ),
    Exercise(
        name="10.best_rate",
        task=(
            "A parabola with the curvature λ = 2; each gradient is three steps old. Predict the learning rate η at "
            "which the error falls fastest in the long run: replace None by your number."
        ),
        reference=27 / 512,
        rtol=2e-3,
        mistakes=[
            Mistake("That is ηλ. The parabola has the curvature 2: divide by it.", _about(27 / 256), example=0.1055),
            Mistake("You divided by λ twice: ηλ = a, so η = a/λ.", _about(27 / 1024), example=0.0264),
            Mistake(
                "You multiplied by λ (or left out 1 − z = 1/4). The steeper the parabola, the smaller the rate.",
                _about(27 / 128),
                example=0.211,
            ),
            Mistake(
                "That is z to the power τ alone. The formula has the factor 1 − z, too, and a is ηλ.",
                _about(27 / 64),
                example=0.4219,
            ),
            Mistake(
                "τ and τ + 1 are swapped: a is smaller than 1. The larger power stands below.",
                lambda answer: _about(128 / 27)(answer) or _about(256 / 27)(answer),
                example=4.741,
            ),
            Mistake(
                "That is for a delay of two. Three steps old is τ = 3.",
                lambda answer: _about(2 / 27)(answer) or _about(4 / 27)(answer),
                example=0.0741,
            ),
            Mistake(
                "That is for a delay of four. Three steps old is τ = 3; the 4 in the formula is τ + 1.",
                lambda answer: _about(128 / 3125)(answer) or _about(256 / 3125)(answer),
                example=0.041,
            ),
            Mistake(
                "That is the limit, where it just fails to settle. The best rate lies well inside.",
                lambda answer: _about(0.2234, 0.006)(answer) or _about(0.4468, 0.006)(answer),
                example=0.2225,
            ),
            Mistake(
                "3/4 is z, the factor by which the error falls in a step. The rate is another number.",
                lambda answer: _about(0.75)(answer) or _about(0.375)(answer),
                example=0.75,
            ),
            Mistake("1/λ is best without a delay. With τ = 3 that rate explodes.", 0.5),
            Mistake("2/λ is the limit without a delay. With τ = 3 that rate explodes.", 1.0),
            Mistake("You divided 1/λ by the delay. It is less than that: look at the formula.", _about(1 / 6), 0.1667),
            Mistake("You divided 1/λ by τ + 1. The factor z to the power τ is missing.", 0.125),
            Mistake("A quarter is 1 − z. The factor z to the power τ is missing, and a is ηλ.", 0.25),
            Mistake(
                "z stands there once. It has the power τ = 3.",
                lambda answer: _about(3 / 16)(answer) or _about(3 / 32)(answer),
                example=0.09375,
            ),
        ],
        explanation="ηλ = 3³/4⁴ = 27/256, and λ = 2: η = 0.0527, about a tenth of 1/λ, the best rate without a delay.",
    ),
    Exercise(
        name="10.drift_point",
        task=(
            "Write drift_point(minima, curvatures, learning_rate, local_steps): return the θ that a round of local SGD "
            "leaves as it is, where worker r has the loss ½ curvatures[r] (θ − minima[r])²."
        ),
        reference=drift_point,
        cases=drift_cases,
        mistakes=[
            Mistake(
                "That is the minimum of the mean loss, which one local step ends at. The H steps of a round do not "
                "count for H times one: near its own minimum a worker's steps get shorter.",
                _weighted_by(lambda c, eta, H: c),
            ),
            Mistake(
                "That is the plain mean of the minima: where very many local steps end. In H steps not every worker "
                "comes home.",
                _weighted_by(lambda c, eta, H: np.ones(len(c))),
            ),
            Mistake(
                "Your weight is the share of the way that a worker has still to go. It pulls with the share that it "
                "has gone.",
                _weighted_by(lambda c, eta, H: (1 - eta * c) ** H),
            ),
            Mistake(
                "H multiplies where it should be a power, and 1 − is missing. In each step the distance is multiplied "
                "by 1 − ηλ again.",
                _weighted_by(lambda c, eta, H: 1 - eta * c * H),
            ),
            Mistake(
                "The power stands on ηλ, or on λ alone. What is multiplied in each step is the distance, by 1 − ηλ.",
                _weighted_by(lambda c, eta, H: (eta * c) ** H),
            ),
            Mistake(
                "You took 1 − (ηλ)^H: the power belongs to the whole factor of a step, 1 − ηλ.",
                _weighted_by(lambda c, eta, H: 1 - (eta * c) ** H),
            ),
            Mistake(
                "1 − ηλ^H: here the power stands on λ, and the bracket is missing.",
                _weighted_by(lambda c, eta, H: 1 - eta * c**H),
            ),
            Mistake(
                "One step too few: a round has H steps, so the power is H.",
                _weighted_by(lambda c, eta, H: 1 - (1 - eta * c) ** (H - 1)),
            ),
            Mistake(
                "One step too many: a round has H steps, so the power is H.",
                _weighted_by(lambda c, eta, H: 1 - (1 - eta * c) ** (H + 1)),
            ),
            Mistake(
                "1 + ηλ would make the distance grow. A step downhill multiplies it by 1 − ηλ.",
                _weighted_by(lambda c, eta, H: 1 - (1 + eta * c) ** H),
            ),
            Mistake(
                "That is the limit of very small steps, exp(−ηλH). Here H real steps are taken.",
                _weighted_by(lambda c, eta, H: 1 - np.exp(-eta * c * H)),
            ),
            Mistake(
                "The curvatures weigh once more. After a round the mean of the θ's is taken, and all workers count "
                "alike in it: λ has its say in how far each has come.",
                _weighted_by(lambda c, eta, H: c * _right_weights(c, eta, H)),
            ),
            Mistake(
                "That is where one round ends that starts at 0. The point must stay as it is after the round.",
                lambda minima, curvatures, eta, H: float(np.mean(_right_weights(curvatures, eta, H) * minima)),
            ),
            Mistake(
                "The weights do not add up to 1: divide by their sum.",
                lambda minima, curvatures, eta, H: float(_right_weights(curvatures, eta, H) @ minima),
            ),
        ],
        explanation=(
            "For H = 1 it is the minimum of the mean loss; as H grows (and ηλ < 2) it goes to the plain mean of the "
            "minima."
        ),
    ),
    Exercise(
        name="10.error_feedback_step",
        task=(
            "Write error_feedback_step(theta, error, gradient, learning_rate, compress): return the new theta and the "
            "new error, and keep the old ones."
        ),
        reference=error_feedback_step,
        cases=feedback_cases,
        describe_case=_described_feedback,
        mistakes=[
            Mistake(
                "The old error is not used, and lost: what was left out once is never sent.",
                _feedback_with(wanted=lambda e, g, eta: eta * g),
            ),
            Mistake(
                "The error is remembered but never sent: it belongs into what is compressed.",
                _feedback_with(sent=lambda C, w, e, g, eta: C(eta * g)),
            ),
            Mistake(
                "The error goes past the compression: then everything is sent, one step late, and nothing is saved.",
                _feedback_with(
                    wanted=lambda e, g, eta: eta * g,
                    sent=lambda C, w, e, g, eta: C(w) + e,
                    rest=lambda w, s, e, g, eta: w + e - s,
                ),
            ),
            Mistake(
                "Error and gradient are compressed one by one. They are added first: together they may be worth "
                "sending where neither is alone.",
                _feedback_with(sent=lambda C, w, e, g, eta: C(e) + C(eta * g)),
            ),
            Mistake(
                "The rate stands outside: what you compress is e + g. Here it is taken into what is compressed, and "
                "the error is in units of θ.",
                _feedback_with(
                    wanted=lambda e, g, eta: e + g,
                    move=lambda theta, s, w, eta: theta - eta * s,
                ),
            ),
            Mistake(
                "The rate multiplies the old error, too. It was multiplied when it was a gradient: rates below 1 "
                "would make it fade before it is sent.",
                _feedback_with(wanted=lambda e, g, eta: eta * (e + g)),
            ),
            Mistake(
                "The rate comes in twice: once in what is compressed, and once more in the step.",
                _feedback_with(move=lambda theta, s, w, eta: theta - eta * s),
            ),
            Mistake(
                "The rate is not used: what should be sent is e + η g.",
                _feedback_with(wanted=lambda e, g, eta: e + g),
            ),
            Mistake(
                "The new error is all that should be sent. What was sent has arrived: take it away.",
                _feedback_with(rest=lambda w, s, e, g, eta: w),
            ),
            Mistake(
                "The new error has the wrong sign: it is what should be sent, minus what is.",
                _feedback_with(rest=lambda w, s, e, g, eta: s - w),
            ),
            Mistake(
                "The new error forgets the old one: subtract what is sent from all that should be, e + η g.",
                _feedback_with(rest=lambda w, s, e, g, eta: eta * g - s),
            ),
            Mistake(
                "The new error is measured against the gradient, without rate and old error. It is what should be "
                "sent, e + η g, minus what is.",
                _feedback_with(rest=lambda w, s, e, g, eta: g - s),
            ),
            Mistake(
                "The old error counts twice: it is in what should be sent already.",
                _feedback_with(rest=lambda w, s, e, g, eta: e + w - s),
            ),
            Mistake(
                "What is not sent is thrown away: the new error is 0. It has to be remembered.",
                _feedback_with(rest=lambda w, s, e, g, eta: np.zeros(len(w))),
            ),
            Mistake(
                "The error is returned as it came. After the step it is what should be sent, minus what is.",
                _feedback_with(rest=lambda w, s, e, g, eta: e),
            ),
            Mistake(
                "What is sent is returned as the new error. The error is what is not sent.",
                _feedback_with(rest=lambda w, s, e, g, eta: s),
            ),
            Mistake(
                "θ moves by all that should be sent. The others know only what is sent, so θ moves by that.",
                _feedback_with(move=lambda theta, s, w, eta: theta - w),
            ),
            Mistake(
                "θ goes uphill: what is sent is subtracted.",
                _feedback_with(move=lambda theta, s, w, eta: theta + s),
            ),
            Mistake(
                "Only θ came. The error is needed as well: the next step adds it.",
                lambda *case: error_feedback_step(*case)[0],
            ),
            Mistake(
                "The old error is subtracted. It is a part of the way that was left out: go it now, in the same "
                "direction.",
                _feedback_with(wanted=lambda e, g, eta: eta * g - e),
            ),
        ],
        explanation="θ − e moves by −η g in each step, as if nothing were compressed: what is left out comes later.",
    ),
]
