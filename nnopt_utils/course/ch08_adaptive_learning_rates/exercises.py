"""Exercises of chapter 08: adaptive learning rates."""

from __future__ import annotations

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

Arrays = tuple[np.ndarray, ...]
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


# -- Lion ------------------------------------------------------------------------------------------------------------


def lion_step(
    theta: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    weight_decay: float,
) -> Arrays:
    direction = np.sign(beta_1 * m + (1 - beta_1) * gradient)
    theta = theta - learning_rate * (direction + weight_decay * theta)
    return theta, beta_2 * m + (1 - beta_2) * gradient


def _lion_cases():
    generator = np.random.default_rng(8)

    def vectors(size, memory):
        return generator.normal(size=size), generator.normal(size=size), memory * generator.normal(size=size)

    return [
        (np.array([1.0, -2.0, 0.5]), np.array([3.0, -0.1, 0.0]), np.array([-0.1, 0.2, -0.4]), 0.1, 0.9, 0.99, 0.0),
        # c = 0 where neither the gradient nor m says anything, as at every dark pixel of the digits.
        (np.array([1.0, -2.0]), np.array([0.0, 0.5]), np.array([0.0, -0.5]), 0.1, 0.5, 0.9, 0.0),
        (*vectors(40, 0.15), 0.05, 0.9, 0.99, 0.5),
        (*vectors(30, 1.0), 0.2, 0.6, 0.8, 0.3),
    ]


def _memory_first(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
    m = beta_2 * m + (1 - beta_2) * gradient
    return theta - learning_rate * (np.sign(m) + weight_decay * theta), m


def _mixed_after_memory(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
    m = beta_2 * m + (1 - beta_2) * gradient
    return theta - learning_rate * (np.sign(beta_1 * m + (1 - beta_1) * gradient) + weight_decay * theta), m


def _decay_without_rate(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
    step, m = lion_step(theta, gradient, m, learning_rate, beta_1, beta_2, 0.0)
    return step - weight_decay * theta, m


def _no_sign(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
    direction = beta_1 * m + (1 - beta_1) * gradient
    return theta - learning_rate * (direction + weight_decay * theta), beta_2 * m + (1 - beta_2) * gradient


def _lion_with(direction=None, sign=1.0, decay=1.0, memory=None):
    """A wrong Lion: another direction from c, uphill, without decay, or another memory."""

    def step(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
        c = beta_1 * m + (1 - beta_1) * gradient
        direction_of_c = np.sign(c) if direction is None else direction(c)
        theta = theta - sign * learning_rate * (direction_of_c + decay * weight_decay * theta)
        return theta, beta_2 * m + (1 - beta_2) * gradient if memory is None else memory(m, gradient, beta_2)

    return step


def _sign_of_gradient(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay):
    step = theta - learning_rate * (np.sign(gradient) + weight_decay * theta)
    return step, beta_2 * m + (1 - beta_2) * gradient


# -- Adadelta --------------------------------------------------------------------------------------------------------


def adadelta_step(
    theta: np.ndarray, gradient: np.ndarray, v: np.ndarray, u: np.ndarray, rho: float, epsilon: float
) -> Arrays:
    v = rho * v + (1 - rho) * gradient**2
    step = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * gradient
    return theta - step, v, rho * u + (1 - rho) * step**2


def _adadelta_cases():
    generator = np.random.default_rng(80)
    theta, gradient = generator.normal(size=(2, 6))
    v, u = generator.uniform(0.01, 2.0, size=(2, 6))
    return [
        (np.array([1.0, -1.0]), np.array([10.0, -0.2]), np.zeros(2), np.zeros(2), 0.95, 1e-2),
        (theta, gradient, v, u, 0.9, 1e-3),
    ]


def _old_v(theta, gradient, v, u, rho, epsilon):
    step = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * gradient
    return theta - step, rho * v + (1 - rho) * gradient**2, rho * u + (1 - rho) * step**2


def _adadelta_with(factor):
    """A wrong Adadelta: ``factor(u, v, ε)`` stands before the gradient."""

    def step(theta, gradient, v, u, rho, epsilon):
        v = rho * v + (1 - rho) * gradient**2
        move = factor(u, v, epsilon) * gradient
        return theta - move, v, rho * u + (1 - rho) * move**2

    return step


def _new_u_above(theta, gradient, v, u, rho, epsilon):
    v = rho * v + (1 - rho) * gradient**2
    u = rho * u + (1 - rho) * gradient**2
    step = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * gradient
    return theta - step, v, u


def _adadelta_uphill(theta, gradient, v, u, rho, epsilon):
    after, v, u = adadelta_step(theta, gradient, v, u, rho, epsilon)
    return 2 * theta - after, v, u


def _old_u(theta, gradient, v, u, rho, epsilon):
    after, v, _ = adadelta_step(theta, gradient, v, u, rho, epsilon)
    return after, v, u


def _u_of_gradients(theta, gradient, v, u, rho, epsilon):
    v = rho * v + (1 - rho) * gradient**2
    step = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * gradient
    return theta - step, v, rho * u + (1 - rho) * gradient**2


# -- warm-up and cosine ----------------------------------------------------------------------------------------------


def warmup_cosine(step: int, learning_rate: float, warmup_steps: int, steps: int) -> float:
    if step < warmup_steps:
        return learning_rate * (step + 1) / warmup_steps
    share = min((step - warmup_steps) / (steps - warmup_steps), 1.0)
    return learning_rate * (1 + np.cos(np.pi * share)) / 2


def _all_rates(schedule, learning_rate, warmup_steps, steps):
    rates = [schedule(step, learning_rate, warmup_steps, steps) for step in range(steps + 4)]
    return None if rates[0] is None else np.array([np.squeeze(rate) for rate in rates])


def _first_wrong_step(got, expected):
    """Which step is wrong first: the largest error would be somewhere in the middle."""
    if np.shape(got) != np.shape(expected):
        return False
    wrong = np.flatnonzero(~np.isclose(got, expected, rtol=1e-6, atol=1e-9))
    if not wrong.size:
        return True
    step = int(wrong[0])
    return f"the first wrong rate is that of step = {step}: yours is {got[step]:.6g}, it should be {expected[step]:.6g}"


def _from_zero(step, learning_rate, warmup_steps, steps):
    if step < warmup_steps:
        return learning_rate * step / warmup_steps
    return warmup_cosine(step, learning_rate, warmup_steps, steps)


def _one_step_too_long(step, learning_rate, warmup_steps, steps):
    if step <= warmup_steps:
        return learning_rate * (step + 1) / warmup_steps
    return warmup_cosine(step, learning_rate, warmup_steps, steps)


def _falling(fall):
    """A wrong fall behind the right warm-up: ``fall(step, warmup_steps, steps)`` is the share of the top rate."""

    def schedule(step, learning_rate, warmup_steps, steps):
        if step < warmup_steps:
            return learning_rate * (step + 1) / warmup_steps
        return learning_rate * fall(step, warmup_steps, steps)

    return schedule


def _without_the_rate(step, learning_rate, warmup_steps, steps):
    return warmup_cosine(step, 1.0, warmup_steps, steps)


def _without_warm_up(step, learning_rate, warmup_steps, steps):
    return warmup_cosine(max(step, warmup_steps), learning_rate, warmup_steps, steps)


# -- Newton–Schulz ---------------------------------------------------------------------------------------------------


def orthogonalised(G: np.ndarray, steps: int) -> np.ndarray:
    return _iterated(G / np.linalg.norm(G), steps)


def _iterated(X, steps, coefficients=NEWTON_SCHULZ):
    a, b, c = coefficients
    for _ in range(steps):
        A = X @ X.T
        X = a * X + b * A @ X + c * A @ A @ X
    return X


def _orthogonalised_cases():
    generator = np.random.default_rng(800)
    wide, tall = generator.normal(size=(3, 5)), generator.normal(size=(4, 2))
    return [(np.array([[3.0, 1.0], [0.0, 0.2]]), 1), (wide, 2), (tall, 3)]


def _normalised_each_step(G, steps):
    X = G
    for _ in range(steps):
        X = orthogonalised(X, 1)
    return X


def _steps_off(by):
    return lambda G, steps: orthogonalised(G, max(steps + by, 0))


def _all_plus(G, steps):
    with np.errstate(all="ignore"):
        return _iterated(G / np.linalg.norm(G), steps, (3.4445, 4.7750, 2.0315))


def _entry_by_entry(G, steps):
    X = G / np.linalg.norm(G)
    a, b, c = NEWTON_SCHULZ
    for _ in range(steps):
        X = a * X + b * X**3 + c * X**5
    return X


def _fourth_power(G, steps):
    X = G / np.linalg.norm(G)
    a, b, c = NEWTON_SCHULZ
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * A) @ X
    return X


def _exact(G, steps):
    U, _, V = np.linalg.svd(G, full_matrices=False)
    return U @ V


# -- robustness ------------------------------------------------------------------------------------------------------


def decades(rates: np.ndarray, accuracies: np.ndarray, within: float) -> float:
    best = low = high = int(np.argmax(accuracies))
    while low > 0 and accuracies[low - 1] >= accuracies[best] - within:
        low -= 1
    while high < len(rates) - 1 and accuracies[high + 1] >= accuracies[best] - within:
        high += 1
    return float(np.log10(rates[high] / rates[low]))


def _decades_cases():
    tenths = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    halves = np.array([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1])
    return [
        (tenths, np.array([0.90, 0.955, 0.96, 0.952, 0.20]), 0.01),
        # A gap: the second good stretch, at the left, is not connected with the best.
        (halves, np.array([0.949, 0.93, 0.945, 0.951, 0.9525, 0.948, 0.9429, 0.10]), 0.01),
        (halves, np.array([0.2, 0.5, 0.96, 0.957, 0.9505, 0.91, 0.90, 0.85]), 0.005),
        # Just good enough still counts (quarters are exact), and a stretch may reach the first rate or the last.
        (tenths, np.array([0.75, 1.0, 0.75, 0.5, 0.75]), 0.25),
        (tenths, np.array([0.5, 0.75, 0.5, 1.0, 0.75]), 0.25),
    ]


def _good(accuracies, floor):
    return np.flatnonzero(np.asarray(accuracies) >= floor)


def _with_gaps(rates, accuracies, within):
    good = _good(accuracies, np.max(accuracies) - within)
    return float(np.log10(rates[good[-1]] / rates[good[0]]))


def _counted(rates, accuracies, within):
    return float(len(_good(accuracies, np.max(accuracies) - within)))


# -- paired differences ----------------------------------------------------------------------------------------------


def paired_interval(a: np.ndarray, b: np.ndarray, t: float) -> tuple[float, float]:
    differences = a - b
    return float(np.mean(differences)), float(t * np.std(differences, ddof=1) / np.sqrt(len(differences)))


def _paired_cases():
    generator = np.random.default_rng(88)
    luck = generator.normal(size=20)
    return [
        (np.array([3.0, 5.0, 4.0]), np.array([1.0, 2.0, 3.5]), 4.303),
        (95.0 + luck, 94.8 + luck + 0.3 * generator.normal(size=20), 2.093),
        (generator.normal(size=7), generator.normal(size=7), 2.447),
    ]


def _unpaired(a, b, t):
    return np.mean(a) - np.mean(b), t * np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / len(a))


EXERCISES = [
    Exercise(
        name="08.adagrad_step_9",
        task=(
            "Adagrad with the rate η = 0.3 sees the gradient 5 at every step (v starts at 0, ε is negligible). "
            "Predict how long step number 9 is: replace None by your number."
        ),
        reference=0.1,
        rtol=0.01,
        mistakes=[
            Mistake("That is η, the length of the first step. v goes on growing: how large is it after 9 steps?", 0.3),
            Mistake("You divided by t. v is a sum of t equal squares, and the step divides by its root.", 0.3 / 9),
            Mistake("The gradient cancels: it stands above the line, and in every term of v below it.", 0.5),
            Mistake("That is gradient descent, η g. Adagrad divides it by the root of v.", 1.5),
            Mistake("Take the root of v = 9 · 5² before you divide.", 0.3 * 5 / 225),
            Mistake("That is step number 8: v holds the newest gradient already when it divides.", 0.3 / 8**0.5),
            Mistake("That is step number 10: after nine gradients v is 9 · 5².", 0.3 / 10**0.5),
            Mistake(
                "That is how far all nine steps go together. Asked is the ninth alone.",
                float(sum(0.3 / k**0.5 for k in range(1, 10))),
            ),
            Mistake("A length is positive: θ moves by −0.1, which is 0.1 long.", -0.1),
        ],
        explanation="v = 9 · 5², its root is 15, and 0.3 · 5 / 15 = 0.1 = η/√9. The rate is still 0.3.",
    ),
    Exercise(
        name="08.keras_adagrad",
        task=(
            "Keras's Adagrad starts v at 0.1. Its first gradient is 0.2. Predict the length of the first step as a "
            "multiple of the rate η: replace None by your number (two digits are enough)."
        ),
        reference=0.2 / 0.14**0.5,
        rtol=0.02,
        mistakes=[
            Mistake("That is the paper's, with v starting at 0. Here v is 0.1 + 0.2² before the division.", 1.0),
            Mistake("That is gradient descent's step, η g. Adagrad divides g by the root of v.", 0.2),
            Mistake("Take the root: the step is g/√v, not g/v.", 0.2 / 0.14),
            Mistake("You forgot to add g² to v before dividing: v is 0.1 + 0.2².", 0.2 / 0.1**0.5),
            Mistake("v is a sum of squares: add g² = 0.04, not g.", 0.2 / 0.3**0.5),
            Mistake("The squares are added under one root: √(0.1 + 0.2²), not √0.1 + 0.2.", 0.2 / (0.1**0.5 + 0.2)),
            Mistake("That is the divisor √v alone. Divide g = 0.2 by it.", 0.14**0.5),
            Mistake("v starts at 0.1, not its root: √(0.1 + g²).", 0.2 / (0.1**2 + 0.2**2) ** 0.5),
            Mistake(
                "A length is positive: θ moves downhill by that much.", lambda a: -0.56 < a < -0.51, example=-0.5345
            ),
        ],
        explanation="0.2/√(0.1 + 0.04) = 0.53: until v has outgrown 0.1, this is gradient descent at up to 3.16 η.",
    ),
    Exercise(
        name="08.paired_interval",
        task=(
            "Write paired_interval(a, b, t): a and b hold the results of two optimizers, seed by seed. Return the mean "
            "of the differences a − b, and half the width of its interval: t · sd / √n, where sd is the differences' "
            "standard deviation (with n − 1)."
        ),
        reference=paired_interval,
        cases=_paired_cases,
        mistakes=[
            Mistake(
                "You treated the runs as independent. Seed by seed both start from the same network: take the "
                "differences first, then their standard deviation.",
                _unpaired,
            ),
            Mistake(
                "The standard deviation divides by n − 1: `np.std(…, ddof=1)`.",
                lambda a, b, t: (np.mean(a - b), t * np.std(a - b) / np.sqrt(len(a))),
            ),
            Mistake(
                "That is the spread of single differences. Their mean is known √n times better: divide by √n.",
                lambda a, b, t: (np.mean(a - b), t * np.std(a - b, ddof=1)),
            ),
            Mistake(
                "You divided by n; the mean's uncertainty falls with √n only.",
                lambda a, b, t: (np.mean(a - b), t * np.std(a - b, ddof=1) / len(a)),
            ),
            Mistake(
                "That is b − a: a positive mean shall say that a is larger.",
                lambda a, b, t: (np.mean(b - a), t * np.std(a - b, ddof=1) / np.sqrt(len(a))),
            ),
            Mistake(
                "Take the root: the variance is the square of the standard deviation.",
                lambda a, b, t: (np.mean(a - b), t * np.var(a - b, ddof=1) / np.sqrt(len(a))),
            ),
            Mistake(
                "The factor t is missing: one standard error holds the true mean in two of three cases only.",
                lambda a, b, t: (np.mean(a - b), np.std(a - b, ddof=1) / np.sqrt(len(a))),
            ),
            Mistake(
                "Half the width is asked for, not the whole.",
                lambda a, b, t: (np.mean(a - b), 2 * t * np.std(a - b, ddof=1) / np.sqrt(len(a))),
            ),
            Mistake(
                "You returned the median of the differences. The interval belongs to their mean.",
                lambda a, b, t: (np.median(a - b), t * np.std(a - b, ddof=1) / np.sqrt(len(a))),
            ),
            Mistake(
                "The difference keeps its sign: which of the two is larger is the question.",
                lambda a, b, t: (np.mean(np.abs(a - b)), t * np.std(a - b, ddof=1) / np.sqrt(len(a))),
            ),
        ],
        explanation="What a seed does to both runs alike drops out of the difference, so the interval is shorter.",
    ),
    Exercise(
        name="08.lion_step",
        task=(
            "Write lion_step(theta, gradient, m, learning_rate, beta_1, beta_2, weight_decay): one step of Lion with "
            "decoupled weight decay; return the new theta and the new m, and leave the arguments as they are."
        ),
        reference=lion_step,
        cases=_lion_cases,
        mistakes=[
            Mistake(
                "You updated m first and took its sign. Then the newest gradient weighs only 1 − β₂ = 1 % in the "
                "direction. Lion takes the direction from β₁ m + (1 − β₁) g with the old m.",
                _memory_first,
            ),
            Mistake(
                "The direction mixes the gradient with the old m. You updated m before, so the gradient counts twice.",
                _mixed_after_memory,
            ),
            Mistake(
                "The β's are swapped: β₁ = 0.9 makes the direction, β₂ = 0.99 the memory.",
                lambda theta, g, m, eta, b1, b2, decay: lion_step(theta, g, m, eta, b2, b1, decay),
            ),
            Mistake(
                "The memory has a decay factor of its own, β₂; you used β₁ for both.",
                lambda theta, g, m, eta, b1, b2, decay: lion_step(theta, g, m, eta, b1, b1, decay),
            ),
            Mistake(
                "Your weight decay goes through the sign, where its size is lost: that is L2. Decoupled decay is "
                "subtracted beside the sign, η λ θ.",
                lambda theta, g, m, eta, b1, b2, decay: lion_step(theta, g + decay * theta, m, eta, b1, b2, 0.0),
            ),
            Mistake("The decay is multiplied by the learning rate too: η λ θ, not λ θ.", _decay_without_rate),
            Mistake("The sign is missing: every coordinate moves by exactly η, whatever the gradient.", _no_sign),
            Mistake(
                "That is the sign of the gradient alone. One mini-batch decides then; Lion lets m have the larger say.",
                _sign_of_gradient,
            ),
            Mistake(
                "Where c is 0 the step is 0: `np.sign(0)` is 0. With ±1 every parameter that never has a gradient, "
                "like the weights of the dark pixels, would drift by η a step.",
                _lion_with(direction=lambda c: np.where(c >= 0, 1.0, -1.0)),
            ),
            Mistake("You went uphill: the step is subtracted.", _lion_with(sign=-1.0)),
            Mistake("The weight decay is missing: − η λ θ, beside the sign.", _lion_with(decay=0.0)),
            Mistake("m stays as it was. Return the new memory, β₂ m + (1 − β₂) g.", _lion_with(memory=lambda m, *_: m)),
            Mistake(
                "The memory is a mean: the gradient enters with the weight 1 − β₂.",
                _lion_with(memory=lambda m, g, beta_2: beta_2 * m + g),
            ),
            Mistake(
                "The weights of the direction are swapped: β₁ belongs to the old m, 1 − β₁ to the new gradient.",
                lambda theta, g, m, eta, b1, b2, decay: (
                    theta - eta * (np.sign((1 - b1) * m + b1 * g) + decay * theta),
                    b2 * m + (1 - b2) * g,
                ),
            ),
        ],
        explanation="One state array instead of Adam's two, and a step whose length does not depend on the gradient.",
    ),
    Exercise(
        name="08.adadelta_step",
        task=(
            "Write adadelta_step(theta, gradient, v, u, rho, epsilon): one step of Adadelta as in the paper (no "
            "learning rate); return the new theta, v and u, and leave the arguments as they are."
        ),
        reference=adadelta_step,
        cases=_adadelta_cases,
        mistakes=[
            Mistake("You divided by the old v. The new squared gradient enters v first, then v divides.", _old_v),
            Mistake(
                "ε stands inside both roots. Beside them the first step is much shorter: √ε is far larger than ε.",
                _adadelta_with(lambda u, v, e: (np.sqrt(u) + e) / (np.sqrt(v) + e)),
            ),
            Mistake(
                "Without ε above the line the first step is √0 = 0, so u stays 0 and θ never moves.",
                _adadelta_with(lambda u, v, e: np.sqrt(u) / np.sqrt(v + e)),
            ),
            Mistake(
                "The roots are missing: u and v are averages of squares, so without roots the unit is wrong again.",
                _adadelta_with(lambda u, v, e: (u + e) / (v + e)),
            ),
            Mistake(
                "The quotient is upside down: long past steps make the step longer, so u is above.",
                _adadelta_with(lambda u, v, e: np.sqrt(v + e) / np.sqrt(u + e)),
            ),
            Mistake("u is the average of squared steps. You averaged squared gradients, which is v.", _u_of_gradients),
            Mistake(
                "ρ and 1 − ρ are swapped: ρ = 0.95 is the share of the old average that is kept.",
                lambda theta, g, v, u, rho, e: adadelta_step(theta, g, v, u, 1 - rho, e),
            ),
            Mistake(
                "You updated u before the step and divided by it. The step uses the old u: the new one holds the step.",
                _new_u_above,
            ),
            Mistake("You went uphill: the step is subtracted.", _adadelta_uphill),
            Mistake(
                "u and v have changed places in what you return: θ, v, u.",
                lambda theta, g, v, u, rho, e: tuple(adadelta_step(theta, g, v, u, rho, e)[i] for i in (0, 2, 1)),
            ),
            Mistake(
                "You exchanged u and v in the rule: v averages squared gradients, u squared steps.",
                lambda theta, g, v, u, rho, e: adadelta_step(theta, g, u, v, rho, e),
            ),
            Mistake("You returned the old u. It too is an average: of the squares of the steps.", _old_u),
            Mistake(
                "You returned the step. Asked is the new θ, which is θ − step.",
                lambda theta, g, v, u, rho, e: (
                    theta - adadelta_step(theta, g, v, u, rho, e)[0],
                    *adadelta_step(theta, g, v, u, rho, e)[1:],
                ),
            ),
        ],
        explanation="The quotient of two roots has the unit of θ over that of g, so the step has the unit of θ.",
    ),
    Exercise(
        name="08.warmup_cosine",
        task=(
            "Write warmup_cosine(step, learning_rate, warmup_steps, steps): the rate after `step` finished steps. It "
            "rises in a straight line over the warm-up (the first step, 0, already has learning_rate / warmup_steps), "
            "is the whole rate at step = warmup_steps, falls along half a cosine to 0 at `steps`, and stays there."
        ),
        reference=warmup_cosine,
        cases=lambda: [(0.1, 4, 12), (3.0, 1, 6), (0.02, 5, 30)],
        call=_all_rates,
        compare=_first_wrong_step,
        describe_case=lambda rate, warmup, steps: (
            f"learning_rate={rate}, warmup_steps={warmup}, steps={steps}, every step from 0 to {steps + 3}"
        ),
        mistakes=[
            Mistake(
                "Your first step has rate 0: a batch is computed, and nothing moves. After `step` finished steps the "
                "next one is number step + 1.",
                _from_zero,
            ),
            Mistake(
                "At step = warmup_steps the rate is too high: the warm-up ends one step earlier.", _one_step_too_long
            ),
            Mistake(
                "The cosine counts from step 0, so the rate jumps down where the warm-up ends. It begins there.",
                _falling(lambda k, w, n: (1 + np.cos(np.pi * min(k / n, 1.0))) / 2),
            ),
            Mistake(
                "The rate has not reached 0 at `steps`: the cosine has only steps − warmup_steps steps to fall.",
                _falling(lambda k, w, n: (1 + np.cos(np.pi * min((k - w) / n, 1.0))) / 2),
            ),
            Mistake(
                "That is a whole wave: down to 0 and up again. Half a wave is π.",
                _falling(lambda k, w, n: (1 + np.cos(2 * np.pi * min((k - w) / (n - w), 1.0))) / 2),
            ),
            Mistake(
                "After `steps` the rate rises again: the share that is over must stop at 1.",
                _falling(lambda k, w, n: (1 + np.cos(np.pi * (k - w) / (n - w))) / 2),
            ),
            Mistake(
                "The cosine itself goes down to −1. The rate is (1 + cos)/2 of its top.",
                _falling(lambda k, w, n: np.cos(np.pi * min((k - w) / (n - w), 1.0))),
            ),
            Mistake(
                "That falls in a straight line. Half a cosine is flat at both ends.",
                _falling(lambda k, w, n: 1 - min((k - w) / (n - w), 1.0)),
            ),
            Mistake(
                "That is a quarter of a wave, steep at its end: the rate is (1 + cos)/2 over half a wave.",
                _falling(lambda k, w, n: np.cos(np.pi / 2 * min((k - w) / (n - w), 1.0))),
            ),
            Mistake(
                "The cosine is one step ahead: at step = warmup_steps the rate is still the whole one.",
                _falling(lambda k, w, n: (1 + np.cos(np.pi * min((k + 1 - w) / (n - w), 1.0))) / 2),
            ),
            Mistake(
                "The cosine reaches 0 one step too soon: it falls over steps − warmup_steps steps.",
                _falling(lambda k, w, n: (1 + np.cos(np.pi * min((k - w) / max(n - 1 - w, 1), 1.0))) / 2),
            ),
            Mistake("The rate is missing: a factor between 0 and 1 is to be multiplied by it.", _without_the_rate),
            Mistake(
                "The warm-up is missing: before `warmup_steps` the rate rises in a straight line.", _without_warm_up
            ),
        ],
        explanation="It is Warmup(CosineDecay(learning_rate, steps - warmup_steps), warmup_steps) of the library.",
    ),
    Exercise(
        name="08.newton_schulz",
        task=(
            "Write my_newton_schulz(G, steps): divide G by its Frobenius norm, then repeat X ← a X + b (X Xᵀ) X + "
            "c (X Xᵀ)² X with a, b, c = 3.4445, -4.7750, 2.0315."
        ),
        reference=orthogonalised,
        cases=_orthogonalised_cases,
        rtol=1e-6,
        mistakes=[
            Mistake(
                "G was not divided by its norm: singular values above 1.2 grow with the fifth power and explode.",
                lambda G, steps: _iterated(np.array(G), steps),
            ),
            Mistake(
                "You divided by the largest singular value, which needs an SVD. The Frobenius norm is never smaller "
                "and costs nothing.",
                lambda G, steps: _iterated(G / np.linalg.norm(G, 2), steps),
            ),
            Mistake("Divide by the norm once, before the first step, not at every step.", _normalised_each_step),
            Mistake(
                "The fifth power is missing: + c (X Xᵀ)² X.",
                lambda G, steps: _iterated(G / np.linalg.norm(G), steps, (*NEWTON_SCHULZ[:2], 0.0)),
            ),
            Mistake(
                "The coefficients are in the wrong order: a belongs to X itself.",
                lambda G, steps: _iterated(G / np.linalg.norm(G), steps, NEWTON_SCHULZ[::-1]),
            ),
            Mistake("b is negative: the cubic term pulls large singular values down.", _all_plus),
            Mistake(
                "You took powers of the entries. X Xᵀ X is a product of matrices: `X @ X.T @ X`.",
                _entry_by_entry,
            ),
            Mistake("That is one step fewer than asked for.", _steps_off(-1)),
            Mistake("That is one step more than asked for.", _steps_off(1)),
            Mistake(
                "c is missing its sign or b has the wrong one: + 3.4445, − 4.7750, + 2.0315.",
                lambda G, steps: _iterated(G / np.linalg.norm(G), steps, (3.4445, -4.7750, -2.0315)),
            ),
            Mistake("(X Xᵀ)² is missing its square: the last term is A @ A @ X with A = X @ X.T.", _fourth_power),
            Mistake(
                "That is the exact orthogonal matrix, from an SVD. Newton–Schulz steps are cheaper, and only near.",
                _exact,
            ),
        ],
        explanation="Each step maps every singular value σ to aσ + bσ³ + cσ⁵ and leaves the directions as they are.",
    ),
    Exercise(
        name="08.decades",
        task=(
            "Write decades(rates, accuracies, within): rates ascend; start from the best accuracy and walk to both "
            "sides while the accuracy is at least best − within; return log10(last rate / first rate) of that stretch."
        ),
        reference=decades,
        cases=_decades_cases,
        mistakes=[
            Mistake(
                "You took the smallest and the largest good rate, with a bad one in between. A stretch must not have "
                "gaps: stop at the first rate that is too bad.",
                _with_gaps,
            ),
            Mistake(
                "You counted rates. With another grid the same optimizer would look different: use log10.", _counted
            ),
            Mistake(
                "That is the natural logarithm; a decade is a factor of ten.",
                lambda rates, accuracies, within: decades(rates, accuracies, within) * np.log(10),
            ),
            Mistake(
                "That is the ratio of the rates. Decades are its log10.",
                lambda rates, accuracies, within: 10 ** decades(rates, accuracies, within),
            ),
            Mistake(
                "That is the width of everything that was tried; `accuracies` is not used.",
                lambda rates, accuracies, within: np.log10(rates[-1] / rates[0]),
            ),
            Mistake(
                "You made the tolerance a share of the best accuracy. It is absolute: one percentage point is 0.01.",
                lambda rates, accuracies, within: decades(rates, accuracies, within * np.max(accuracies)),
            ),
            Mistake(
                "`within` is a share already: 0.01 is one percentage point. Do not multiply by 100.",
                lambda rates, accuracies, within: decades(rates, accuracies, 100 * within),
            ),
        ],
        explanation="Results.robustness does the same, and reads the ends off the line between two rates.",
    ),
]
