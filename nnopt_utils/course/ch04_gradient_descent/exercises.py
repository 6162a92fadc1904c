"""Exercises of chapter 04: gradient descent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake

Function = Callable[[np.ndarray], np.ndarray]


# -- 04.gradient_descent_step ----------------------------------------------------------------------------------------


def gradient_descent_step(theta: np.ndarray, gradient: np.ndarray, learning_rate: float) -> np.ndarray:
    return theta - learning_rate * gradient


def step_cases() -> list[tuple]:
    generator = np.random.default_rng(4)
    return [
        (np.array([1.0, -2.0]), np.array([0.5, 4.0]), 0.1),
        (generator.normal(size=7), generator.normal(size=7), 0.03),
    ]


# -- 04.gradient_descent ---------------------------------------------------------------------------------------------


def gradient_descent(gradient_function: Function, start: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * gradient_function(path[-1]))
    return np.array(path)


def aliased_path(gradient_function: Function, start: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    theta = np.array(start, dtype=float)
    path = [theta]
    for _ in range(steps):
        theta -= learning_rate * gradient_function(theta)
        path.append(theta)
    return np.array(path)


def frozen_gradient(gradient_function: Function, start: np.ndarray, learning_rate: float, steps: int) -> np.ndarray:
    gradient = gradient_function(start)
    return np.array([start - k * learning_rate * gradient for k in range(steps + 1)])


def coordinate_by_coordinate(
    gradient_function: Function, start: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        theta = path[-1].copy()
        for i in range(len(theta)):
            theta[i] -= learning_rate * gradient_function(theta)[i]
        path.append(theta)
    return np.array(path)


def _bowl_gradient(theta):
    return np.array([[3.0, 1.0], [1.0, 2.0]]) @ theta


def _wave_gradient(theta):
    return np.sin(theta) + 0.1 * theta.sum()


def path_cases() -> list[tuple]:
    return [
        (_bowl_gradient, np.array([1.0, -2.0]), 0.1, 5),
        (_wave_gradient, np.array([1.0, 2.0, -0.5]), 0.3, 8),
    ]


# -- 04.heavy_ball_step ----------------------------------------------------------------------------------------------


def heavy_ball_step(
    theta: np.ndarray, previous: np.ndarray, gradient: np.ndarray, learning_rate: float, momentum: float
) -> np.ndarray:
    return theta - learning_rate * gradient + momentum * (theta - previous)


def heavy_ball_cases() -> list[tuple]:
    generator = np.random.default_rng(5)
    return [
        (np.array([1.0, 2.0]), np.array([1.5, 1.0]), np.array([0.5, -1.0]), 0.1, 0.9),
        (generator.normal(size=5), generator.normal(size=5), generator.normal(size=5), 0.3, 0.5),
    ]


# -- 04.best_constant_rate -------------------------------------------------------------------------------------------


def best_constant_rate(eigenvalues: np.ndarray) -> tuple[float, float]:
    largest, smallest = float(np.max(eigenvalues)), float(np.min(eigenvalues))
    return 2 / (largest + smallest), (largest - smallest) / (largest + smallest)


def _rate_one_over_l(eigenvalues):
    largest, smallest = float(np.max(eigenvalues)), float(np.min(eigenvalues))
    return 1 / largest, 1 - smallest / largest


def _rate_from_mean(eigenvalues):
    rate = 1 / float(np.mean(eigenvalues))
    return rate, float(np.max(np.abs(1 - rate * np.asarray(eigenvalues))))


def _rate_at_the_limit(eigenvalues):
    return 2 / float(np.max(eigenvalues)), 1.0


def _order_trusted(eigenvalues):
    first, last = float(eigenvalues[0]), float(eigenvalues[-1])
    return 2 / (first + last), (last - first) / (last + first)


# -- 04.backtracking -------------------------------------------------------------------------------------------------


def backtracking_step(
    value_function: Callable[[np.ndarray], float], theta: np.ndarray, gradient: np.ndarray, first: float
) -> float:
    step, value = first, value_function(theta)
    while value_function(theta - step * gradient) > value - 1e-4 * step * float(gradient @ gradient):
        step *= 0.5
    return step


def _any_decrease(value_function, theta, gradient, first):
    step, value = first, value_function(theta)
    while value_function(theta - step * gradient) >= value:
        step *= 0.5
    return step


def _uphill_trial(value_function, theta, gradient, first):
    step, value = first, value_function(theta)
    for _ in range(60):
        if value_function(theta + step * gradient) <= value - 1e-4 * step * float(gradient @ gradient):
            break
        step *= 0.5
    return step


def _one_halving_too_many(value_function, theta, gradient, first):
    return 0.5 * backtracking_step(value_function, theta, gradient, first)


def _norm_not_squared(value_function, theta, gradient, first):
    step, value = first, value_function(theta)
    while value_function(theta - step * gradient) > value - 1e-4 * step * float(np.linalg.norm(gradient)):
        step *= 0.5
    return step


def _bowl_value(theta):
    return 0.5 * float(theta @ (np.array([1.0, 30.0]) * theta))


def _barely_lower(theta):
    """At step 1 from θ = 1 along g = 1 this falls by 1e-5 only: less than the share that is asked for."""
    return 1.0 if theta[0] > 0.9 else (1.0 - 1e-5 if theta[0] < 0.1 else 0.5)


def backtracking_cases() -> list[tuple]:
    theta = np.array([1.0, 1.0])
    steep = np.array([100.0])
    return [
        (_bowl_value, theta, np.array([1.0, 30.0]) * theta, 1.0),
        (_barely_lower, np.array([1.0]), np.array([1.0]), 1.0),
        (lambda t: 1.0 - 5e-4 * float(t[0] < 0) - 0.5 * float(0 < t[0] < 60), steep, steep, 1.01),
    ]


EXERCISES = [
    Exercise(
        name="04.largest_stable_rate",
        task=(
            "Predict the rate above which gradient descent diverges on J = 5 θ[0]² + ½ θ[1]²: replace None by your "
            "number."
        ),
        reference=0.2,
        mistakes=[
            Mistake("The curvature of 5 θ[0]² is 10, not 5: differentiate twice.", 0.4),
            Mistake("That is 1/L, where the steep direction is solved in one step. Divergence starts later.", 0.1),
            Mistake("That is the limit of the flat direction. The steepest direction is the first to diverge.", 2.0),
        ],
        explanation="L = 10, and 2/L = 0.2: above it the factor 1 − ηL of the steep direction is below −1.",
    ),
    Exercise(
        name="04.gradient_descent_step",
        task="Write gradient_descent_step(theta, gradient, learning_rate): return the new theta, keep the old one.",
        reference=gradient_descent_step,
        cases=step_cases,
        mistakes=[
            Mistake(
                "You went uphill: the gradient points to where J grows fastest. Which sign takes you down?",
                lambda theta, gradient, learning_rate: theta + learning_rate * gradient,
            ),
            Mistake(
                "You returned the step, not the point it leads to. Add it to where you were.",
                lambda theta, gradient, learning_rate: -learning_rate * gradient,
            ),
            Mistake(
                "The learning rate is not used: the step has the length of the gradient itself.",
                lambda theta, gradient, learning_rate: theta - gradient,
            ),
            Mistake(
                "You divided by the learning rate: a smaller rate must give a smaller step.",
                lambda theta, gradient, learning_rate: theta - gradient / learning_rate,
            ),
            Mistake(
                "You normalised the gradient: then every step has the same length, also at the minimum. "
                "Gradient descent uses the gradient as it is.",
                lambda theta, gradient, learning_rate: theta - learning_rate * gradient / np.linalg.norm(gradient),
            ),
        ],
    ),
    Exercise(
        name="04.gradient_descent",
        task=(
            "Write gradient_descent(gradient_function, start, learning_rate, steps): return all points of the path, "
            "the start first, as an array of shape (steps + 1, d)."
        ),
        reference=gradient_descent,
        cases=path_cases,
        mistakes=[
            Mistake(
                "Every row is the last point: you appended the same array each time and then changed it in place. "
                "Append a copy, or make a new array each step.",
                aliased_path,
            ),
            Mistake(
                "The gradient was taken once, at the start. It changes along the path: take it at each new point.",
                frozen_gradient,
            ),
            Mistake(
                "You updated one coordinate after the other, each with the gradient at a half-moved point. "
                "Take the gradient once a step and move all coordinates together.",
                coordinate_by_coordinate,
            ),
            Mistake(
                "The start is missing: the path has the start as its first row, so steps + 1 rows in all.",
                lambda f, start, rate, steps: gradient_descent(f, start, rate, steps)[1:],
            ),
            Mistake(
                "One step is missing: the path has steps + 1 rows, the start and one after each step.",
                lambda f, start, rate, steps: gradient_descent(f, start, rate, steps)[:-1],
            ),
            Mistake(
                "You returned the last point only. The whole path is asked for, one row a point.",
                lambda f, start, rate, steps: gradient_descent(f, start, rate, steps)[-1],
            ),
            Mistake(
                "You went uphill: subtract the gradient.",
                lambda f, start, rate, steps: gradient_descent(f, start, -rate, steps),
            ),
        ],
    ),
    Exercise(
        name="04.heavy_ball_step",
        task=(
            "Write heavy_ball_step(theta, previous, gradient, learning_rate, momentum): "
            "return the next point of Polyak's heavy ball."
        ),
        reference=heavy_ball_step,
        cases=heavy_ball_cases,
        mistakes=[
            Mistake(
                "The ball is braked instead of carried on: the last move was theta − previous, not the reverse.",
                lambda theta, previous, g, rate, beta: theta - rate * g - beta * (theta - previous),
            ),
            Mistake(
                "That is an exponential average: the gradient is scaled by 1 − momentum, so steps are shorter. "
                "The heavy ball takes the whole gradient step.",
                lambda theta, previous, g, rate, beta: theta - (1 - beta) * rate * g + beta * (theta - previous),
            ),
            Mistake(
                "The learning rate also scales the momentum. In the heavy ball it scales the gradient only.",
                lambda theta, previous, g, rate, beta: theta - rate * (g - beta * (theta - previous)),
            ),
            Mistake(
                "There is no momentum in it: the last move, theta − previous, has to be added, times momentum.",
                lambda theta, previous, g, rate, beta: theta - rate * g,
            ),
            Mistake(
                "You started from the previous point. The step begins at theta.",
                lambda theta, previous, g, rate, beta: previous - rate * g + beta * (theta - previous),
            ),
            Mistake(
                "The gradient step goes uphill: subtract it. Only the last move is added.",
                lambda theta, previous, g, rate, beta: theta + rate * g + beta * (theta - previous),
            ),
        ],
    ),
    Exercise(
        name="04.best_constant_rate",
        task=(
            "Write best_constant_rate(eigenvalues): return the pair (learning rate, contraction per step) of the "
            "fastest gradient descent with a constant rate on a quadratic with these curvatures."
        ),
        reference=best_constant_rate,
        cases=lambda: [
            (np.array([1.0, 100.0]),),
            (np.array([7.0, 0.5, 2.0]),),
            (np.array([3.0, 4.0, 10.0, 3.5]),),
        ],
        mistakes=[
            Mistake(
                "1/L solves the steepest direction in one step but is slow for the flattest one. "
                "The best rate makes the two equally slow.",
                _rate_one_over_l,
            ),
            Mistake(
                "You used the mean of all curvatures. Only the two extremes matter: they are the slowest.",
                _rate_from_mean,
            ),
            Mistake("That is the limit of stability: there the steepest direction never shrinks.", _rate_at_the_limit),
            Mistake(
                "You trusted the order of the eigenvalues. They come unsorted: take the smallest and the largest.",
                _order_trusted,
            ),
            Mistake(
                "The rate is right; the contraction is of the distance, |1 − ηλ|, not of J (its square).",
                lambda values: (best_constant_rate(values)[0], best_constant_rate(values)[1] ** 2),
            ),
        ],
    ),
    Exercise(
        name="04.backtracking",
        task=(
            "Write backtracking_step(value_function, theta, gradient, first): start from the step length first and "
            "halve it until J(theta − s·g) ≤ J(theta) − 1e-4·s·‖g‖²; return s."
        ),
        reference=backtracking_step,
        cases=backtracking_cases,
        mistakes=[
            Mistake(
                "You took any decrease. Armijo asks for a share of the decrease that the slope predicts, 1e-4·s·‖g‖²; "
                "without it the steps may shrink to nothing before the minimum.",
                _any_decrease,
            ),
            Mistake(
                "The trial point is uphill: along −g it is theta − s·g.",
                _uphill_trial,
            ),
            Mistake("One halving too many: return the first length that passes the test.", _one_halving_too_many),
            Mistake("The slope along −g is −‖g‖², the norm squared, not the norm.", _norm_not_squared),
            Mistake(
                "The step was never shortened: test the condition before you return.", lambda f, theta, g, first: first
            ),
        ],
    ),
]
