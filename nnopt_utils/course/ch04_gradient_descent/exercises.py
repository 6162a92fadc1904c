"""Exercises of chapter 04: gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def only_the_start_aliased(
    gradient_function: Function, start: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """The start is listed without a copy; later points are new arrays, but the first step changes it."""
    path = gradient_descent(gradient_function, start, learning_rate, steps)
    return np.vstack([path[1:2], path[1:]]) if steps else path


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


def _rate_of_heavy_ball(eigenvalues):
    largest, smallest = (float(np.sqrt(extreme(eigenvalues))) for extreme in (np.max, np.min))
    return 4 / (largest + smallest) ** 2, (largest - smallest) / (largest + smallest)


# -- 04.nesterov_step ------------------------------------------------------------------------------------------------


def nesterov_step(
    gradient_function: Function, theta: np.ndarray, x_before: np.ndarray, learning_rate: float, momentum: float
) -> tuple[np.ndarray, np.ndarray]:
    x = theta - learning_rate * gradient_function(theta)
    return x, x + momentum * (x - x_before)


def _gradient_at_x(f, theta, x_before, rate, beta):
    x = x_before - rate * f(x_before)
    return x, x + beta * (x - x_before)


def _carried_from_theta(f, theta, x_before, rate, beta):
    x = theta - rate * f(theta)
    return x, theta + beta * (x - x_before)


def _move_from_theta(f, theta, x_before, rate, beta):
    x = theta - rate * f(theta)
    return x, x + beta * (x - theta)


def _braked(f, theta, x_before, rate, beta):
    x = theta - rate * f(theta)
    return x, x - beta * (x - x_before)


def _no_momentum(f, theta, x_before, rate, beta):
    x = theta - rate * f(theta)
    return x, x


def _uphill_x(f, theta, x_before, rate, beta):
    return nesterov_step(f, theta, x_before, -rate, beta)


def nesterov_cases() -> list[tuple]:
    return [
        (_bowl_gradient, np.array([1.0, -2.0]), np.array([1.5, -1.0]), 0.1, 0.9),
        (_wave_gradient, np.array([1.0, 2.0, -0.5]), np.array([0.5, 2.5, 0.0]), 0.3, 0.5),
    ]


# -- 04.sharpness ----------------------------------------------------------------------------------------------------


def largest_curvature(gradient_function: Function, theta: np.ndarray, iterations: int) -> float:
    v, curvature, h = np.ones(len(theta)), 0.0, 1e-4
    for _ in range(iterations):
        v = v / np.linalg.norm(v)
        product = (gradient_function(theta + h * v) - gradient_function(theta - h * v)) / (2 * h)
        curvature, v = float(v @ product), product
    return curvature


def _half_the_difference(f, theta, iterations):
    return 2 * largest_curvature(f, theta, iterations)


def _not_divided_by_h(f, theta, iterations):
    return 2e-4 * largest_curvature(f, theta, iterations)


def _never_iterated(f, theta, iterations):
    return largest_curvature(f, theta, 1)


def _curvature_along_gradient(f, theta, iterations):
    v, h = f(theta) / np.linalg.norm(f(theta)), 1e-4
    return float(v @ (f(theta + h * v) - f(theta - h * v)) / (2 * h))


def _sum_of_product(f, theta, iterations):
    v, product = np.ones(len(theta)), np.ones(len(theta))
    for _ in range(iterations):
        v = product / np.linalg.norm(product)
        product = (f(theta + 1e-4 * v) - f(theta - 1e-4 * v)) / 2e-4
    return float(np.sum(product))


def _tilted_gradient(theta):
    return np.array([[5.0, 2.0, 0.0], [2.0, 1.0, -0.5], [0.0, -0.5, -2.0]]) @ theta


def _quartic_gradient(theta):
    return theta**3 - 2.0 * theta[::-1]


def _hilltop_gradient(theta):
    return -_bowl_gradient(theta)


def curvature_cases() -> list[tuple]:
    return [
        (_bowl_gradient, np.array([1.0, -2.0]), 60),
        (_tilted_gradient, np.array([0.5, 1.0, -1.0]), 80),
        (_quartic_gradient, np.array([1.5, 0.5]), 80),
        (_hilltop_gradient, np.array([0.5, 1.0]), 60),
    ]


# -- 04.backtracking -------------------------------------------------------------------------------------------------


def backtracking_step(
    value_function: Callable[[np.ndarray], float], theta: np.ndarray, gradient: np.ndarray, first: float
) -> float:
    step, value = first, value_function(theta)
    while value_function(theta - step * gradient) > value - 1e-4 * step * float(gradient @ gradient):
        step *= 0.5
    return step


def _searched(accepts: Callable[..., bool]) -> Callable[..., float]:
    """A search of at most 30 halvings that accepts by another rule."""

    def search(value_function, theta, gradient, first):
        step, value = first, value_function(theta)
        for _ in range(30):
            if accepts(value_function(theta - step * gradient), value, step, gradient, theta):
                break
            step *= 0.5
        return step

    return search


def _uphill_trial(value_function, theta, gradient, first):
    step, value = first, value_function(theta)
    for _ in range(30):
        if value_function(theta + step * gradient) <= value - 1e-4 * step * float(gradient @ gradient):
            break
        step *= 0.5
    return step


def _theta_moved_along(value_function, theta, gradient, first):
    step, value, slope = first, value_function(theta), float(gradient @ gradient)
    for _ in range(30):
        theta = theta - step * gradient
        if value_function(theta) <= value - 1e-4 * step * slope:
            break
        step *= 0.5
    return step


def _one_halving_too_many(value_function, theta, gradient, first):
    return 0.5 * backtracking_step(value_function, theta, gradient, first)


def _bowl_value(theta):
    return 0.5 * float(theta @ (np.array([1.0, 30.0]) * theta))


def _valley_along(direction: np.ndarray, origin: np.ndarray, falls: Sequence[float]) -> Callable[[np.ndarray], float]:
    """A smooth J that changes only along ``direction``, its gradient at ``origin``.

    Steps of length 1, ½ and ¼ lower it by the given shares of what the slope promises a step of length 1. A polynomial
    of degree 4 in z = gᵀ(θ − θ₀) does it: J = 1 + z + a z² + b z³ + c z⁴, so that the gradient is the true one.
    """
    squared = float(direction @ direction)
    lengths = -squared * np.array([1.0, 0.5, 0.25])
    wanted = -squared * np.asarray(falls) - lengths
    a, b, c = np.linalg.solve(lengths[:, None] ** np.array([2, 3, 4]), wanted)

    def value(theta):
        z = float(direction @ (np.asarray(theta) - origin))
        return 1 + z + a * z**2 + b * z**3 + c * z**4

    return value


def _just_enough(theta):
    """At 0 the slope is 1; a step of length 1 lowers J by exactly the share that is asked for, 1e-4."""
    return 1e-4 * float(theta[0]) + (1 - 1e-4) * float(theta[0]) * (1 + float(theta[0]))


def backtracking_cases() -> list[tuple]:
    """A bowl; then valleys in which the rule decides narrowly, on either side, and exactly."""
    theta = np.array([1.0, 1.0])
    direction, origin = np.array([2.0, -1.0, 2.0]), np.array([1.5, -0.5, 0.3])
    narrow = _valley_along(direction, origin, (0.9e-4, 0.55e-4, 0.2))
    barely = _valley_along(direction, origin, (0.2e-4, 0.2e-4, 0.2))
    halfway = _valley_along(direction, origin, (0.2e-4, 0.35e-4, 0.2))
    wide = _valley_along(0.1 * direction, origin, (1.1e-4, 0.3, 0.2))
    return [
        (_bowl_value, theta, np.array([1.0, 30.0]) * theta, 1.0),
        (_bowl_value, theta, np.array([1.0, 30.0]) * theta, 3.0),
        (narrow, origin, direction, 1.0),
        (barely, origin, direction, 1.0),
        (halfway, origin, direction, 1.0),
        (wide, origin, 0.1 * direction, 1.0),
        (_just_enough, np.array([0.0]), np.array([1.0]), 1.0),
    ]


# -- 04.diagnosis ----------------------------------------------------------------------------------------------------


def _letter(place: int, wrong: str) -> Callable[[object], bool]:
    """Whether an answer of three letters has one of the wrong ones at this place."""
    return lambda answer: isinstance(answer, str) and len(answer) == 3 and answer[place].upper() in wrong


EXERCISES = [
    Exercise(
        name="04.largest_stable_rate",
        task=(
            "Gradient descent with the rate 0.1 runs on a parabola with its minimum at 0 and visits 8, −4, 2. "
            "Predict the rate above which it would diverge there: replace None by your number."
        ),
        reference=2 / 15,
        rtol=0.01,
        mistakes=[
            Mistake("That is 1/L, where the next step lands on the minimum. Divergence starts later.", 1 / 15),
            Mistake("The points change sides: the factor is −½, not ½. What is ηL then?", 0.4),
            Mistake("The factor is −½, not ½, so ηL is larger than 1. And the limit is not 1/L.", 0.2),
            Mistake("That is the curvature L. At which rate is 1 − ηL equal to −1?", 15.0),
        ],
        explanation="The factor −½ is 1 − 0.1 L, so L = 15 and the limit is 2/15 = 0.133. No formula of J was needed.",
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
        explanation="To first order this step changes J by −η‖g‖²: downhill, whatever the gradient is.",
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
                "The first row is not the start: it was changed in place after you had listed it. Begin with a copy.",
                only_the_start_aliased,
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
        explanation="This is what `minimize` does for you, with a copy of every point.",
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
                "You took `previous` for a velocity. It is a point: the last move is theta − previous.",
                lambda theta, previous, g, rate, beta: theta - rate * g + beta * previous,
            ),
            Mistake(
                "That is the new velocity, the move itself. Add it to theta: the next point is asked for.",
                lambda theta, previous, g, rate, beta: -rate * g + beta * (theta - previous),
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
        explanation="The last move is all that the ball remembers: theta − previous is the velocity v.",
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
            Mistake(
                "The rate is right; but 1 − 1/κ is the factor of the rate 1/L. Put your rate into |1 − ηλ|.",
                lambda values: (best_constant_rate(values)[0], 1 - float(np.min(values) / np.max(values))),
            ),
            Mistake(
                "The rate is right; 1 − 2/κ is near the factor for a large κ. Put your rate into |1 − ηλ|.",
                lambda values: (best_constant_rate(values)[0], abs(1 - 2 * float(np.min(values) / np.max(values)))),
            ),
            Mistake("That is heavy ball's best rate, with its factor. Here there is no momentum.", _rate_of_heavy_ball),
        ],
        explanation="At 2/(L+μ) the steepest and the flattest direction shrink equally fast, with opposite signs.",
    ),
    Exercise(
        name="04.nesterov_step",
        task=(
            "Write nesterov_step(gradient_function, theta, x_before, learning_rate, momentum): a gradient step from "
            "the look-ahead point theta gives x; from x go on by the share momentum of x's last move, x − x_before. "
            "Return the pair (x, next look-ahead point)."
        ),
        reference=nesterov_step,
        cases=nesterov_cases,
        mistakes=[
            Mistake(
                "The gradient was taken at x_before. Take it where the ball looks ahead, at theta.", _gradient_at_x
            ),
            Mistake(
                "x is right; the next look-ahead point lies beyond x, and you went on from theta.", _carried_from_theta
            ),
            Mistake(
                "x is right; the last move is from x_before to x. From theta to x is the gradient step alone.",
                _move_from_theta,
            ),
            Mistake("x is right; the momentum goes on in the direction of the last move, not back.", _braked),
            Mistake("x is right; but you did not look ahead: the momentum is not used.", _no_momentum),
            Mistake("The gradient step goes uphill: x is theta minus the rate times the gradient.", _uphill_x),
        ],
        explanation="The gradient is taken once, at theta; x is the point that the theorems speak about.",
    ),
    Exercise(
        name="04.sharpness",
        task=(
            "Write largest_curvature(gradient_function, theta, iterations): start with v = ones; in each iteration "
            "scale v to length 1, form Hv from two gradients at theta ± h v with h = 1e-4, and go on with v = Hv. "
            "Return the curvature vᵀHv of the last iteration, v of length 1."
        ),
        reference=largest_curvature,
        cases=curvature_cases,
        rtol=1e-4,
        mistakes=[
            Mistake("Twice too large: the two points are 2h apart, not h.", _half_the_difference),
            Mistake("That is the change of the slope over the distance 2h. Divide by 2h.", _not_divided_by_h),
            Mistake("You stopped after one product: that is the curvature along the first v.", _never_iterated),
            Mistake(
                "That is the curvature along the gradient. It is the largest only if the gradient points that way.",
                _curvature_along_gradient,
            ),
            Mistake(
                "That is the length of Hv, which has lost the sign: on a hilltop the curvature is negative.",
                lambda f, theta, iterations: abs(largest_curvature(f, theta, iterations)),
            ),
            Mistake("You added up the entries of Hv. The curvature along v is vᵀHv.", _sum_of_product),
        ],
        explanation="Each product with H stretches the steepest direction most: after many of them only it is left.",
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
                _searched(lambda new, old, s, g, theta: new < old),
            ),
            Mistake(
                "The share must shrink with the step: 1e-4·s·‖g‖². You left s out on the right.",
                _searched(lambda new, old, s, g, theta: new <= old - 1e-4 * float(g @ g)),
            ),
            Mistake(
                "The share shrinks with the step itself, 1e-4·s·‖g‖². You squared s.",
                _searched(lambda new, old, s, g, theta: new <= old - 1e-4 * s**2 * float(g @ g)),
            ),
            Mistake(
                "The search begins with the length `first`. Yours began with 1.",
                lambda f, theta, g, first: backtracking_step(f, theta, g, 1.0),
            ),
            Mistake(
                "The slope along −g is −‖g‖², the norm squared, not the norm.",
                _searched(lambda new, old, s, g, theta: new <= old - 1e-4 * s * float(np.linalg.norm(g))),
            ),
            Mistake(
                "‖g‖² is the sum of the squares, not their mean.",
                _searched(lambda new, old, s, g, theta: new <= old - 1e-4 * s * float(np.mean(g**2))),
            ),
            Mistake(
                "The slope is gᵀg. You multiplied the point with the gradient.",
                _searched(lambda new, old, s, g, theta: new <= old - 1e-4 * s * float(theta @ g)),
            ),
            Mistake(
                "You asked for half of what the slope promises. The share is 1e-4: nearly any real decrease is enough.",
                _searched(lambda new, old, s, g, theta: new <= old - 0.5 * s * float(g @ g)),
            ),
            Mistake(
                "The trial point is uphill: along −g it is theta − s·g.",
                _uphill_trial,
            ),
            Mistake("Each trial starts from theta itself. Yours started from the trial before.", _theta_moved_along),
            Mistake("One halving too many: return the first length that passes the test.", _one_halving_too_many),
            Mistake(
                "The step was never shortened: test the condition before you return.", lambda f, theta, g, first: first
            ),
        ],
        explanation="A share of the promise, however small, is what makes J fall far enough for the proof to work.",
    ),
    Exercise(
        name="04.saddle_steps",
        task=(
            "Predict how many more steps gradient descent with η = 0.1 needs to leave a saddle whose downward "
            "curvature is −1 from the offset 1e-6 to the ridge than from the offset 1e-2: replace None by a number."
        ),
        reference=float(np.log(1e4) / np.log(1.1)),
        rtol=0.0,
        atol=1.2,
        mistakes=[
            Mistake(
                "The offset grows by a factor a step, not by an equal amount: it is no 10,000 times as long.", 10_000.0
            ),
            Mistake("1 + η is 1.1, and ln 1.1 is a little less than 0.1: use the logarithm itself.", np.log(1e4) / 0.1),
            Mistake(
                "That is for a start a hundred times nearer. From 1e-2 to 1e-6 it is 10,000 times.",
                np.log(100) / np.log(1.1),
            ),
            Mistake("You mixed logarithms: both of the same base, log(10,000) / log(1.1).", 4 / np.log(1.1)),
            Mistake("The offset grows by 1 + η a step, here by 1.1. It does not double.", np.log2(1e4)),
        ],
        explanation="The offset is multiplied by 1 + η = 1.1 a step, and ln 10,000 / ln 1.1 = 96.6.",
    ),
    Exercise(
        name="04.diagnosis",
        task=(
            "Which of the four runs needs a smaller rate, which one passes a saddle, and which of the other two would "
            "gain from momentum 0.9 at its rate? Replace None by the three letters in this order, like 'ABC'."
        ),
        reference="DAB",
        mistakes=[
            Mistake(
                "First letter: a rate above 2/L shows in a loss that grows, faster and faster.",
                _letter(0, "ABC"),
                example="BAC",
            ),
            Mistake(
                "Second letter: near a saddle the loss stands still and then falls again, and the gradient first "
                "shrinks, then grows.",
                _letter(1, "BCD"),
                example="DBA",
            ),
            Mistake(
                "Third letter: momentum helps where gradients point the same way for a long time, in a narrow valley. "
                "There the loss falls at once, and then very slowly, while it is still far from its end.",
                _letter(2, "ACD"),
                example="DAC",
            ),
        ],
        explanation="D diverges, A waits at a saddle and then falls, B crawls along a valley, and C has arrived.",
    ),
]
