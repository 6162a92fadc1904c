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


EXERCISES = [
    Exercise(
        name="08.adagrad_step_100",
        task=(
            "Adagrad with the rate η = 0.1 sees the gradient 5 at every step (v starts at 0, ε is negligible). "
            "Predict how long step number 100 is: replace None by your number."
        ),
        reference=0.01,
        rtol=0.01,
        mistakes=[
            Mistake(
                "That is η, the length of the first step. v goes on growing: how large is it after 100 steps?", 0.1
            ),
            Mistake("You divided by t. v is a sum of t equal squares, and the step divides by its root.", 0.001),
            Mistake("The gradient cancels: it stands above the line, and in every term of v below it.", 0.05),
            Mistake("That is gradient descent, η g. Adagrad divides it by the root of v.", 0.5),
            Mistake("Take the root of v = 100 · 5² before you divide.", lambda a: 1e-4 < a < 3e-4, example=0.0002),
        ],
        explanation="v = 100 · 5², its root is 50, and 0.1 · 5 / 50 = 0.01 = η/√100. The rate is still 0.1.",
    ),
    Exercise(
        name="08.keras_adagrad",
        task=(
            "Keras's Adagrad starts v at 0.1. Its first gradient is 0.01. Predict the first step as a multiple of the "
            "rate η: replace None by your number (two digits are enough)."
        ),
        reference=0.01 / np.sqrt(0.1 + 0.01**2),
        rtol=0.05,
        mistakes=[
            Mistake("That is the paper's, with v starting at 0. Here v is 0.1 + 0.01² before the division.", 1.0),
            Mistake("That is gradient descent's step, η g. Adagrad divides g by the root of v.", 0.01),
            Mistake("Take the root: the step is g/√v, not g/v.", lambda a: 0.09 < a < 0.11, example=0.1),
            Mistake("That is √0.1, the divisor alone. Divide g = 0.01 by it.", lambda a: 0.3 < a < 0.33, example=0.316),
        ],
        explanation="0.01/√(0.1 + 0.0001) = 0.0316: until v has outgrown 0.1, this is gradient descent at 3.16 η.",
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
