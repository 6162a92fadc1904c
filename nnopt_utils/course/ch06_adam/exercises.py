"""Exercises of chapter 06: Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

Step = tuple[np.ndarray, np.ndarray, np.ndarray]
SLIPS = [4, 0, 5, 3]  # the lines with a slip in the four printed Adams
SECOND_STEP = 0.01 * 0.04 / 0.19 / 4


# -- 06.printed_adams ------------------------------------------------------------------------------------------------


def _one_differs(index: int) -> Callable[[Any], bool]:
    """Tell whether an answer is right but for one of its four numbers."""

    def wrong(answer: Any) -> bool:
        pairs = zip(answer, SLIPS, strict=True)
        return [k for k, (came, line) in enumerate(pairs) if came != line and str(came) != str(line)] == [index]

    return wrong


# -- 06.adagrad_step -------------------------------------------------------------------------------------------------


def adagrad_step(
    theta: np.ndarray, gradient: np.ndarray, v: np.ndarray, learning_rate: float, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    v = v + gradient**2
    return theta - learning_rate * gradient / (np.sqrt(v) + epsilon), v


def adagrad_cases() -> list[tuple]:
    generator = np.random.default_rng(6)
    return [
        (np.array([1.0, -2.0]), np.array([3.0, -0.5]), np.zeros(2), 0.1, 0.0),
        (generator.normal(size=5), generator.normal(size=5), generator.uniform(0.5, 4, 5), 0.3, 0.05),
        (generator.normal(size=3), 100 * generator.normal(size=3), generator.uniform(0.5, 4, 3), 0.02, 0.2),
    ]


def _adagrad_with(denominator, new_v=lambda v, g: v + g**2, sign=1.0):
    """A wrong Adagrad: ``denominator(new v, old v, ε)`` and ``new_v(v, g)`` say where it goes wrong."""

    def step(theta, gradient, v, learning_rate, epsilon):
        new = new_v(v, gradient)
        return theta - sign * learning_rate * gradient / denominator(new, v, epsilon), new

    return step


# -- 06.uncorrected_step ---------------------------------------------------------------------------------------------


def uncorrected_step(t: int, beta_1: float, beta_2: float) -> float:
    return (1 - beta_1**t) / (1 - beta_2**t) ** 0.5


# -- 06.adam_step ----------------------------------------------------------------------------------------------------


def adam_step(
    theta: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Step:
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def adam_cases() -> list[tuple]:
    """The first step, an early and a late one, small enough to redo by hand; ε is large, so that its place is seen."""
    return [
        (np.array([1.0, -2.0]), np.array([3.0, -0.5]), np.zeros(2), np.zeros(2), 1, 0.1, 0.9, 0.99, 0.02),
        (
            np.array([0.5, -1.0]),
            np.array([-2.0, 0.4]),
            np.array([0.3, -0.7]),
            np.array([1.2, 0.25]),
            4,
            0.3,
            0.8,
            0.95,
            0.1,
        ),
        (np.array([2.0]), np.array([5.0]), np.array([-1.5]), np.array([0.6]), 30, 0.05, 0.9, 0.999, 0.3),
    ]


def _adam_with(
    *,
    m_rule=lambda m, g, b1, b2: b1 * m + (1 - b1) * g,
    v_rule=lambda v, g, b1, b2: b2 * v + (1 - b2) * g**2,
    corrections=lambda t, b1, b2: (1 - b1**t, 1 - b2**t),
    move=lambda theta, g, m, v, eta, epsilon: theta - eta * m / (np.sqrt(v) + epsilon),
    returned=lambda m, v, m_hat, v_hat: (m, v),
):
    """A wrong Adam: one of its five parts is replaced."""

    def step(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
        m = m_rule(m, gradient, beta_1, beta_2)
        v = v_rule(v, gradient, beta_1, beta_2)
        c1, c2 = (np.float64(c) for c in corrections(t, beta_1, beta_2))  # a quotient by 0 is no exception
        m_hat, v_hat = m / c1, v / c2
        return move(theta, gradient, m_hat, v_hat, learning_rate, epsilon), *returned(m, v, m_hat, v_hat)

    return step


def _adam_keras_epsilon(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon):
    m = beta_1 * m + (1 - beta_1) * gradient
    v = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return theta - rate * m / (np.sqrt(v) + epsilon), m, v


NO_CORRECTION = "There is no bias correction: m and v start at zero, and early in a run they are far too small."
ROOT_MISSING = (
    "The root is missing: v̂ is a square. Divided by it, a gradient ten times larger gives a step ten times shorter."
)
EPSILON_INSIDE = (
    "ε stands inside the root. Algorithm 1 adds it after the root; inside, it weighs as much as √ε outside."
)
EPSILON_ADDED = (
    "ε is added to θ, not to the denominator: look at the brackets. Every step then pushes θ up by ε, and a "
    "gradient of zero gives 0/0."
)
UPHILL = "You went uphill: the step is subtracted."
SWAPPED = (
    "β₁ and β₂ are swapped: β₁ belongs to m, the short memory, β₂ to v, the long one, in averages and corrections."
)
T_FROM_ZERO = (
    "t counts from 0: then the first correction is 1 − β⁰ = 0, and the first step is 0/0. The first step is t = 1."
)
TIMES_T = "β·t stands where β to the power t belongs: `beta**t`."
STORED = (
    "θ is right, but you returned m̂ and v̂ as the new state: at the next step they would be corrected again. "
    "Keep m and v as they are."
)
T_STUCK = (
    "t never advances: the correction is always that of the first step. After many steps m and v are no longer too "
    "small, and corrected by 10 and 1000 the step is 0.316 of what it should be. Use the power t."
)

ADAM_MISTAKES = [
    (UPHILL, _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta + eta * m / (np.sqrt(v) + epsilon))),
    (T_STUCK, _adam_with(corrections=lambda t, b1, b2: (1 - b1, 1 - b2))),
    (T_FROM_ZERO, _adam_with(corrections=lambda t, b1, b2: (1 - b1 ** (t - 1), 1 - b2 ** (t - 1)))),
    (NO_CORRECTION, _adam_with(corrections=lambda t, b1, b2: (1, 1))),
    (
        "Only m is corrected. v is too small as well, so the step is too long: 30 times at t = 1 with β₂ = 0.999.",
        _adam_with(corrections=lambda t, b1, b2: (1 - b1**t, 1)),
    ),
    (
        "Only v is corrected. m is too small as well, so the first steps are too short.",
        _adam_with(corrections=lambda t, b1, b2: (1, 1 - b2**t)),
    ),
    (ROOT_MISSING, _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta - eta * m / (v + epsilon))),
    (EPSILON_INSIDE, _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta - eta * m / np.sqrt(v + epsilon))),
    (EPSILON_ADDED, _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta - eta * m / np.sqrt(v) + epsilon)),
    (
        "ε is added to the numerator: it then pushes every coordinate the same way and does not protect the division.",
        _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta - eta * (m + epsilon) / np.sqrt(v)),
    ),
    (
        "That is Keras's form: ε beside the root of the uncorrected v. Algorithm 1 adds it beside the root of v̂.",
        _adam_keras_epsilon,
    ),
    (
        SWAPPED,
        _adam_with(
            m_rule=lambda m, g, b1, b2: b2 * m + (1 - b2) * g,
            v_rule=lambda v, g, b1, b2: b1 * v + (1 - b1) * g**2,
            corrections=lambda t, b1, b2: (1 - b2**t, 1 - b1**t),
        ),
    ),
    (
        "The averages are right, but their corrections have the β's swapped: m is divided by 1 − β₁ᵗ, v by 1 − β₂ᵗ.",
        _adam_with(corrections=lambda t, b1, b2: (1 - b2**t, 1 - b1**t)),
    ),
    (
        "In the averages the weights are swapped: β is the share of the old average, 1 − β that of the new gradient.",
        _adam_with(
            m_rule=lambda m, g, b1, b2: (1 - b1) * m + b1 * g,
            v_rule=lambda v, g, b1, b2: (1 - b2) * v + b2 * g**2,
        ),
    ),
    (
        "m is a sum, not an average: the new gradient comes in with the weight 1 − β₁. As it is, steps are 10 times "
        "too long at β₁ = 0.9.",
        _adam_with(m_rule=lambda m, g, b1, b2: b1 * m + g),
    ),
    (
        "v is a sum, not an average: the new square comes in with the weight 1 − β₂. As it is, v is 1000 times too "
        "large at β₂ = 0.999, and steps are 30 times too short.",
        _adam_with(v_rule=lambda v, g, b1, b2: b2 * v + g**2),
    ),
    (
        "In v the weight is squared, too: ((1 − β₂) g)². Square the gradient first, then weight it: (1 − β₂) g².",
        _adam_with(v_rule=lambda v, g, b1, b2: b2 * v + ((1 - b2) * g) ** 2),
    ),
    (TIMES_T, _adam_with(corrections=lambda t, b1, b2: (1 - b1 * t, 1 - b2 * t))),
    (
        "You divided by βᵗ, the share of the zero at the beginning. What the average holds is the rest, 1 − βᵗ.",
        _adam_with(corrections=lambda t, b1, b2: (b1**t, b2**t)),
    ),
    (
        "The correction is one step ahead: β to the power t + 1. t is already 1 in the first step.",
        _adam_with(corrections=lambda t, b1, b2: (1 - b1 ** (t + 1), 1 - b2 ** (t + 1))),
    ),
    (
        "v averages the gradient itself; it must average its square, or positive and negative gradients cancel in it.",
        _adam_with(v_rule=lambda v, g, b1, b2: b2 * v + (1 - b2) * g),
    ),
    (
        "The step uses the gradient, not its average m̂: that is RMSProp with a correction. Momentum is missing.",
        _adam_with(move=lambda theta, g, m, v, eta, epsilon: theta - eta * g / (np.sqrt(v) + epsilon)),
    ),
    (
        STORED,
        _adam_with(returned=lambda m, v, m_hat, v_hat: (m_hat, v_hat)),
    ),
]


# -- 06.adam_class ---------------------------------------------------------------------------------------------------


class ReferenceAdam:
    """The reference, and with other parts the mistakes."""

    rule = staticmethod(adam_step)
    advances = True
    first_t = 0

    def __init__(self, learning_rate: float, beta_1: float, beta_2: float, epsilon: float) -> None:
        self.constants = (learning_rate, beta_1, beta_2, epsilon)
        self.t = self.first_t
        self.m: Any = 0.0
        self.v: Any = 0.0

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.t += self.advances
        theta[:], self.m, self.v = self.rule(theta, gradient, self.m, self.v, self.t, *self.constants)


def _adam_class(rule):
    return type("Adam", (ReferenceAdam,), {"rule": staticmethod(rule)})


class _NeverAdvanced(ReferenceAdam):
    advances = False
    first_t = 1


class _AdvancedAfterwards(ReferenceAdam):
    """t starts at 0 and advances at the end of the step."""

    rule = staticmethod(_adam_with())
    advances = False

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        super().step(theta, gradient)
        self.t += 1


class _OnceACoordinate(ReferenceAdam):
    """t advances once for each coordinate (or tensor), not once a step."""

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        m, v = np.zeros_like(theta) + self.m, np.zeros_like(theta) + self.v
        for i in range(len(theta)):
            self.t += 1
            theta[i], m[i], v[i] = self.rule(theta[i], gradient[i], m[i], v[i], self.t, *self.constants)
        self.m, self.v = m, v


class _Forgets(ReferenceAdam):
    """The averages begin anew at each step."""

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.m = self.v = 0.0
        super().step(theta, gradient)


class _NewArray(ReferenceAdam):
    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        super().step(theta.copy(), gradient)


class _StoresCorrected(ReferenceAdam):
    """m̂ and v̂ are written over m and v."""

    rule = staticmethod(_adam_with(returned=lambda m, v, m_hat, v_hat: (m_hat, v_hat)))


def path_of_class(
    answer: Any,
    start: np.ndarray,
    gradients: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> np.ndarray:
    """Give an optimizer one gradient after the other; return θ after each step."""
    optimizer = answer(learning_rate, beta_1, beta_2, epsilon)
    theta, path = start.copy(), []
    for gradient in gradients:
        optimizer.step(theta, gradient.copy())
        path.append(theta.copy())
    return np.array(path)


def class_cases() -> list[tuple]:
    return [
        (np.array([1.0, -2.0]), np.array([[3.0, -0.5], [2.0, 0.7], [-1.0, 0.2]]), 0.1, 0.9, 0.99, 0.02),
        (
            np.array([0.5, 1.5, -1.0]),
            np.array([[1.0, -2.0, 0.3], [0.5, -1.0, 0.6], [-2.0, 0.8, 0.1]]),
            0.3,
            0.8,
            0.95,
            0.1,
        ),
    ]


SAID_OF_THE_CLASS = (T_STUCK, T_FROM_ZERO, STORED)  # the class's own mistakes say these


# -- 06.adamw_step ---------------------------------------------------------------------------------------------------


def adamw_step(
    theta: np.ndarray,
    gradient: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    t: int,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
) -> Step:
    shrunk = (1 - learning_rate * weight_decay) * theta
    return adam_step(shrunk, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon)


def adamw_cases() -> list[tuple]:
    zero = np.zeros(2)
    still = (np.array([2.0, -4.0]), zero, zero, zero, 1, 0.1, 0.9, 0.999, 1e-8, 0.5)
    return [still, *((*case, 0.3) for case in adam_cases())]


def _adamw_with(before, after=lambda moved, old, eta, decay: moved, rule=adam_step):
    """A wrong AdamW: ``before(θ, g, η, λ)`` gives θ and g for Adam, ``after`` what is done to its result."""

    def step(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon, weight_decay):
        start, slope = before(theta, gradient, learning_rate, weight_decay)
        moved, m, v = rule(start, slope, m, v, t, learning_rate, beta_1, beta_2, epsilon)
        return after(moved, theta, learning_rate, weight_decay), m, v

    return step


def _shrunk(theta, gradient, eta, decay):
    """The right decay: θ is shrunk, the gradient is as it was."""
    return (1 - eta * decay) * theta, gradient


def _decay_divided(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon, weight_decay):
    moved, m, v = adam_step(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon)
    return moved - learning_rate * weight_decay * theta / (np.sqrt(v / (1 - beta_2**t)) + epsilon), m, v


# -- 06.algorithm_1_epsilon ------------------------------------------------------------------------------------------


def algorithm_1_epsilon(keras_epsilon: float, t: int, beta_2: float) -> float:
    return keras_epsilon / (1 - beta_2**t) ** 0.5


EXERCISES = [
    Exercise(
        name="06.votes",
        task=(
            "A sample is −2 in four cases of ten, 1 in three, 10 in three; its loss is ½(θ − ξ)². Where do gradient "
            "descent and sign descent settle? Replace None by [gradient descent, sign descent]."
        ),
        reference=[2.5, 1.0],
        rtol=1e-3,
        mistakes=[
            Mistake("Right numbers, wrong order: gradient descent first.", [1.0, 2.5]),
            Mistake("Sign descent does not find the mean: it only asks on which side of θ a sample lies.", [2.5, 2.5]),
            Mistake(
                "Gradient descent does not find the median: a sample ten away pulls ten times as hard.", [1.0, 1.0]
            ),
            Mistake(
                "−2 is the most frequent sample, but at −2 six of ten samples vote for going up. Sign descent stops "
                "where neither side has more than half of the votes.",
                [2.5, -2.0],
            ),
            Mistake("That is the mean of the three values. Weight each with how often it comes.", [3.0, 1.0]),
            Mistake("That is the middle between the smallest and the largest. Weight each value.", [4.0, 1.0]),
        ],
        explanation="Gradient descent settles at the mean, −0.8 + 0.3 + 3; sign descent at the median.",
    ),
    Exercise(
        name="06.second_step",
        task=(
            "Adam, η = 0.01, default β's, ε negligible; the gradient is 4 in step 1 and −4 in step 2. By how much does "
            "the weight change in each? Replace None by [first, second]."
        ),
        reference=[-0.01, SECOND_STEP],
        rtol=0.01,
        mistakes=[
            Mistake(
                "That is sign descent. In the second step m is 0.9 · 0.4 − 0.1 · 4: nearly all of it cancels.",
                [-0.01, 0.01],
            ),
            Mistake("That is gradient descent, −η g. Adam divides by √v̂, which is 4 both times.", [-0.04, 0.04]),
            Mistake(
                "That is Adam without bias correction. Divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ, with t = 1 and 2.",
                [-0.0316228, 0.00223660],
            ),
            Mistake(
                "The second step is corrected as if it were the first: the powers are 0.9² and 0.999².",
                [-0.01, 0.000707284],
            ),
            Mistake("The signs are the wrong way round: the step is subtracted.", [0.01, -SECOND_STEP]),
            Mistake("The learning rate is missing.", [-1.0, 100 * SECOND_STEP]),
            Mistake(
                "They do not cancel completely: in m the older gradient has faded to nine tenths.",
                lambda a: len(a) == 2 and a[0] == -0.01 and a[1] == 0,
                example=[-0.01, 0.0],
            ),
            Mistake("m̂ is −0.04/0.19, and it is still to be divided by √v̂ = 4.", [-0.01, 4 * SECOND_STEP]),
            Mistake("m is right, but not corrected in the second step: −0.04 is divided by 1 − 0.9².", [-0.01, 0.0001]),
        ],
        explanation="m is 0.4, then −0.04, corrected by 1 − 0.81 = 0.19; √v̂ is 4 both times: 0.01 · 0.04/0.19/4.",
    ),
    Exercise(
        name="06.printed_adams",
        task=(
            "Of the four printed Adams a, b, c, d one is right. Replace None by a list of four numbers: the line in "
            "which each has its slip, 0 for the right one."
        ),
        reference=SLIPS,
        rtol=0.0,
        mistakes=[
            Mistake(
                "b only looks unusual: m + 0.1 (g − m) is 0.9 m + 0.1 g, and the same holds for v.",
                _one_differs(1),
                example=[4, 1, 5, 3],
            ),
            Mistake(
                "Look at a again, at its corrections: the first steps of a run are a good test.",
                _one_differs(0),
                example=[0, 0, 5, 3],
            ),
            Mistake(
                "Look at c again, at its brackets: what does it do where the gradient is zero?",
                _one_differs(2),
                example=[4, 0, 0, 3],
            ),
            Mistake(
                "Look at d again: its first step is right. What does it hand on to the second?",
                _one_differs(3),
                example=[4, 0, 5, 0],
            ),
            Mistake("Lines, please: the number behind each line, not the letter.", ["a", "b", "c", "d"]),
        ],
        hint="Each of the three does something else than Algorithm 1 in one line. Run them beside your adam_step.",
        explanation="a: the power 2 for t. c: ε added to θ. d: m̂ written over m, and corrected again the next time.",
    ),
    Exercise(
        name="06.adagrad_step",
        task="Write adagrad_step(theta, gradient, v, learning_rate, epsilon): return the new theta and the new v.",
        reference=adagrad_step,
        cases=adagrad_cases,
        mistakes=[
            Mistake(UPHILL, _adagrad_with(lambda new, old, e: np.sqrt(new) + e, sign=-1.0)),
            Mistake(
                "The root is missing: v is a sum of squares. Divided by v itself, large gradients give tiny steps.",
                _adagrad_with(lambda new, old, e: new + e),
            ),
            Mistake(
                "ε stands inside the root, as Keras has it. The paper's form adds it after the root.",
                _adagrad_with(lambda new, old, e: np.sqrt(new + e)),
            ),
            Mistake(
                "You divided by the root of the old v: at the first step that is zero. Update v first, then step.",
                _adagrad_with(lambda new, old, e: np.sqrt(old) + e),
            ),
            Mistake(
                "v adds up the gradients; it must add up their squares, or opposite gradients cancel in it.",
                _adagrad_with(lambda new, old, e: np.sqrt(new) + e, new_v=lambda v, g: v + g),
            ),
            Mistake(
                "v holds the latest square only: that is sign descent. Adagrad adds the square to all earlier ones.",
                _adagrad_with(lambda new, old, e: np.sqrt(new) + e, new_v=lambda v, g: g**2),
            ),
            Mistake(
                "θ is right, but the v you returned is the old one: nothing would ever be remembered.",
                lambda theta, g, v, rate, e: (adagrad_step(theta, g, v, rate, e)[0], v),
            ),
            Mistake(
                "ε is added to θ, not to the denominator: look at the brackets.",
                lambda theta, g, v, rate, e: (theta - rate * g / np.sqrt(v + g**2) + e, v + g**2),
            ),
        ],
    ),
    Exercise(
        name="06.uncorrected_step",
        task=(
            "Write uncorrected_step(t, beta_1, beta_2): the length of step t without bias correction under a constant "
            "gradient, as a multiple of η (ε = 0)."
        ),
        reference=uncorrected_step,
        cases=lambda: [(1, 0.9, 0.999), (7, 0.9, 0.99), (200, 0.95, 0.999)],
        mistakes=[
            Mistake(
                "That is the factor of the correction, the reciprocal. Asked is the length of the step without it.",
                lambda t, beta_1, beta_2: (1 - beta_2**t) ** 0.5 / (1 - beta_1**t),
            ),
            Mistake(
                "The root is missing: the step divides by √v, not by v.",
                lambda t, beta_1, beta_2: (1 - beta_1**t) / (1 - beta_2**t),
            ),
            Mistake(
                "That is the first step whatever t is. After t steps the weights add up to 1 − βᵗ.",
                lambda t, beta_1, beta_2: (1 - beta_1) / (1 - beta_2) ** 0.5,
            ),
            Mistake(
                "The β's are swapped: β₁ is the memory of m, in the numerator, β₂ that of v.",
                lambda t, beta_1, beta_2: (1 - beta_2**t) / (1 - beta_1**t) ** 0.5,
            ),
            Mistake(
                "The root goes over the numerator, too. m enters the step as it is; only v has a root.",
                lambda t, beta_1, beta_2: ((1 - beta_1**t) / (1 - beta_2**t)) ** 0.5,
            ),
            Mistake(
                "Only v is left uncorrected in your formula. m is too small as well: times 1 − β₁ᵗ.",
                lambda t, beta_1, beta_2: 1 / (1 - beta_2**t) ** 0.5,
            ),
            Mistake(
                "You used βᵗ, the weight that is missing. What the average holds is the rest, 1 − βᵗ.",
                lambda t, beta_1, beta_2: beta_1**t / beta_2 ** (t / 2),
            ),
        ],
    ),
    Exercise(
        name="06.adam_step",
        task=(
            "Write adam_step(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon), Algorithm 1: return "
            "the new theta, m and v. t is 1 at the first step."
        ),
        reference=adam_step,
        cases=adam_cases,
        mistakes=[Mistake(hint, wrong) for hint, wrong in ADAM_MISTAKES],
    ),
    Exercise(
        name="06.adam_class",
        task=(
            "Write a class with __init__(self, learning_rate, beta_1, beta_2, epsilon) and step(self, theta, gradient)."
            " It changes theta in place by one step of Adam and keeps m, v and t."
        ),
        reference=ReferenceAdam,
        cases=class_cases,
        call=path_of_class,
        mistakes=[
            Mistake(
                "θ did not move: either no step is taken, or `theta = theta - …` made a new array that only your "
                "method knows. Change the caller's with `theta -= …`.",
                _NewArray,
                key="θ-did-not-move-theta-theta-makes",
            ),
            Mistake(
                "t never advances: every step is corrected as if it were the first. In the long run the step is 0.316 "
                "of what it should be, and nothing tells you. Add one to self.t in each step, before you use it.",
                _NeverAdvanced,
            ),
            Mistake(
                "t is 0 at the first step, since it advances only at the end: 1 − β⁰ = 0, and the step is 0/0. "
                "Advance t first.",
                _AdvancedAfterwards,
            ),
            Mistake(
                "t advances once a coordinate. It counts steps: one more for each call, whatever the size of θ.",
                _OnceACoordinate,
            ),
            Mistake(
                "m and v begin at zero in every step: then each step is the first one, sign descent. Create them in "
                "__init__, or at the first step only.",
                _Forgets,
            ),
            Mistake(
                "m̂ and v̂ have taken the place of m and v, so they are corrected again and again. Keep self.m and "
                "self.v as they are, and give the corrected ones names of their own.",
                _StoresCorrected,
            ),
            *(Mistake(hint, _adam_class(wrong)) for hint, wrong in ADAM_MISTAKES if hint not in SAID_OF_THE_CLASS),
        ],
    ),
    Exercise(
        name="06.adamw_step",
        task=(
            "Write adamw_step(theta, gradient, m, v, t, learning_rate, beta_1, beta_2, epsilon, weight_decay): Adam "
            "with decoupled decay; return the new theta, m and v."
        ),
        reference=adamw_step,
        cases=adamw_cases,
        mistakes=[
            Mistake(
                "That is L2: the decay is added to the gradient, so it goes through m and v and is divided by √v̂. "
                "Decoupled decay acts on θ alone.",
                _adamw_with(lambda theta, g, eta, decay: (theta, g + decay * theta)),
            ),
            Mistake(
                "The decay is not multiplied by the learning rate: θ shrinks by λ a step. Here, as in Keras and "
                "PyTorch, it is η λ.",
                _adamw_with(lambda theta, g, eta, decay: ((1 - decay) * theta, g)),
            ),
            Mistake(
                "There is no decay: with a gradient of zero θ must still shrink.",
                _adamw_with(lambda theta, g, eta, decay: (theta, g)),
            ),
            Mistake(
                "The decay makes θ grow: it pulls towards zero, so it is subtracted.",
                _adamw_with(lambda theta, g, eta, decay: ((1 + eta * decay) * theta, g)),
            ),
            Mistake(
                "You decayed the new θ, the step included. The decay takes its share of the θ before the step.",
                _adamw_with(
                    lambda theta, g, eta, decay: (theta, g), lambda moved, old, eta, decay: (1 - eta * decay) * moved
                ),
            ),
            Mistake(
                "The decay is divided by √v̂, too: then weights with large gradients hardly decay, as with L2. "
                "Nothing divides it.",
                _decay_divided,
            ),
            Mistake(
                "The decay is right, but the bias correction is missing.",
                _adamw_with(_shrunk, rule=_adam_with(corrections=lambda t, b1, b2: (1, 1))),
            ),
            *(
                Mistake(hint, _adamw_with(_shrunk, rule=wrong))
                for hint, wrong in ADAM_MISTAKES
                if hint not in (NO_CORRECTION, UPHILL)
            ),
        ],
    ),
    Exercise(
        name="06.algorithm_1_epsilon",
        task=(
            "Write algorithm_1_epsilon(keras_epsilon, t, beta_2): the ε with which Algorithm 1 takes the same "
            "step t as Keras with keras_epsilon."
        ),
        reference=algorithm_1_epsilon,
        cases=lambda: [(1e-7, 1, 0.999), (0.5, 3, 0.9), (1e-3, 40, 0.99)],
        rtol=1e-9,
        atol=1e-15,
        mistakes=[
            Mistake(
                "That is the way back, from Algorithm 1 to Keras. √v is smaller than √v̂, so Keras's ε weighs more: "
                "ours must be larger.",
                lambda keras_epsilon, t, beta_2: keras_epsilon * (1 - beta_2**t) ** 0.5,
            ),
            Mistake(
                "The root is missing: ε stands beside √v, and v = (1 − β₂ᵗ) v̂ gives √v = √(1 − β₂ᵗ) √v̂.",
                lambda keras_epsilon, t, beta_2: keras_epsilon / (1 - beta_2**t),
            ),
            Mistake(
                "That is t = 1 whatever t is: the two forms come closer with every step.",
                lambda keras_epsilon, t, beta_2: keras_epsilon / (1 - beta_2) ** 0.5,
            ),
            Mistake(
                "You divided by √(βᵗ). The weights in v add up to 1 − βᵗ.",
                lambda keras_epsilon, t, beta_2: keras_epsilon / beta_2 ** (t / 2),
            ),
            Mistake(
                "t counts from 1: at the first step the factor is √(1 − β₂), not √(1 − β₂²).",
                lambda keras_epsilon, t, beta_2: keras_epsilon / (1 - beta_2 ** (t + 1)) ** 0.5,
            ),
            Mistake(
                "The two are not the same number: Keras adds its ε to the root of the uncorrected v.",
                lambda keras_epsilon, t, beta_2: keras_epsilon,
            ),
        ],
    ),
]
