"""Exercises of chapter 09: second-order methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnopt_utils.course.ch09_second_order_methods.frugal import without
from nnopt_utils.course.exercises import Exercise, Mistake

Pair = tuple[np.ndarray, np.ndarray]


# -- 09.newton_step --------------------------------------------------------------------------------------------------


def newton_step(theta: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    return theta - np.linalg.solve(hessian, gradient)


def newton_cases() -> list[tuple]:
    """One to do by hand, a bowl, and a saddle whose axes are oblique."""
    generator = np.random.default_rng(9)
    return [
        (np.array([3.0, -1.0]), np.array([4.0, 7.0]), np.array([[2.0, 1.0], [1.0, 3.0]])),
        (generator.normal(size=4), generator.normal(size=4), _symmetric(generator, [0.5, 1.0, 2.0, 4.0])),
        (generator.normal(size=3), generator.normal(size=3), _symmetric(generator, [-2.0, 1.0, 3.0])),
    ]


def _symmetric(generator: np.random.Generator, eigenvalues: Sequence[float]) -> np.ndarray:
    """Return a symmetric matrix with these eigenvalues along random axes."""
    axes, _ = np.linalg.qr(generator.normal(size=(len(eigenvalues), len(eigenvalues))))
    return (axes * eigenvalues) @ axes.T


def _absolute_curvatures(theta, gradient, hessian):
    values, vectors = np.linalg.eigh(hessian)
    return theta - vectors @ ((vectors.T @ gradient) / np.abs(values))


# -- 09.newton_ends_at -----------------------------------------------------------------------------------------------


def _near(value: float) -> Callable[[Any], bool]:
    return lambda answer: bool(abs(float(answer) - value) < 0.01)


def _no_flat_point(answer: Any) -> bool:
    """Tell whether the gradient θ³ − θ is not zero there."""
    return bool(np.isfinite(float(answer)) and min(abs(float(answer) - flat) for flat in (-1, 0, 1)) > 0.01)


# -- 09.hessian_times ------------------------------------------------------------------------------------------------


def hessian_times(x: np.ndarray, p: np.ndarray, v: np.ndarray) -> np.ndarray:
    return x.T @ (p * (1 - p) * (x @ v)) / len(x)


def product_cases() -> list[tuple]:
    """One to do by hand, one of any size; then many samples, and many parameters."""
    generator = np.random.default_rng(10)

    def quarters(*shape: int) -> np.ndarray:
        return np.round(4 * generator.normal(size=shape)) / 4  # no rounding in single precision either

    return [
        (np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 3.0]]), np.array([0.5, 0.2, 0.9]), np.array([1.0, -2.0])),
        *((quarters(n, d), generator.integers(1, 16, n) / 16, quarters(d)) for n, d in [(6, 4), (500, 3), (3, 500)]),
    ]


def _product_without_matrix(answer: Any, x: np.ndarray, p: np.ndarray, v: np.ndarray) -> Any:
    n, d = x.shape
    return without(f"a {max(n, d)} × {max(n, d)} matrix", max(n, d) ** 2, answer, x, p, v)


def _weighted(weights: Callable[[np.ndarray], Any]) -> Callable[..., np.ndarray]:
    """A wrong product: other weights of the samples than p(1 − p)."""
    return lambda x, p, v: x.T @ (weights(p) * (x @ v)) / len(x)


# -- 09.two_loops ----------------------------------------------------------------------------------------------------


def two_loops(gradient: np.ndarray, pairs: Sequence[Pair], gamma: float) -> np.ndarray:
    q, shares = np.array(gradient, dtype=float), []
    for s, y in reversed(pairs):
        share = (s @ q) / (y @ s)
        q -= share * y
        shares.append(share)
    q *= gamma
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q += (share - (y @ q) / (y @ s)) * s
    return q


def pair_cases() -> list[tuple]:
    """One pair, to do by hand; then several, none, and long vectors. All have yᵀs > 0."""
    generator = np.random.default_rng(11)

    def pairs(d: int, m: int) -> list[Pair]:
        steps = np.round(generator.normal(size=(m, d)), 2)
        return [(s, np.round(generator.uniform(0.5, 3, d), 2) * s + 0.25 * s.sum() / d) for s in steps]

    def vector(d: int) -> np.ndarray:
        return np.round(generator.normal(size=d), 2)

    return [
        (np.array([6.0, 0.0]), [(np.array([1.0, 1.0]), np.array([2.0, 1.0]))], 0.5),
        (vector(3), pairs(3, 2), 0.4),
        (vector(5), pairs(5, 4), 1.5),
        (vector(3), [], 0.3),
        (vector(400), pairs(400, 3), 0.7),
    ]


def _loops_without_matrix(answer: Any, gradient: np.ndarray, pairs: list[Pair], gamma: float) -> Any:
    d = len(gradient)
    return without(f"a {d} × {d} matrix", d**2, answer, gradient, pairs, gamma)


def _loops(
    *,
    order=lambda pairs: pairs[::-1],
    share=lambda s, y, q, g: (s @ q) / (y @ s),
    scale=lambda q, gamma, pairs: gamma * q,
    way_back=lambda order, shares: zip(order[::-1], shares[::-1], strict=True),
    add=lambda s, y, q, share: q + (share - (y @ q) / (y @ s)) * s,
    end=lambda q, gamma: q,
):
    """Two loops with one of their parts replaced."""

    def wrong(gradient, pairs, gamma):
        q, shares, ordered = np.array(gradient, dtype=float), [], order(pairs)
        for s, y in ordered:
            shares.append(share(s, y, q, gradient))
            q = q - shares[-1] * y
        q = scale(q, gamma, pairs)
        for (s, y), kept in way_back(ordered, shares):
            q = add(s, y, q, kept)
        return end(q, gamma)

    return wrong


def _gamma_of_newest(q, gamma, pairs):
    s, y = pairs[-1] if pairs else (q, q)
    return (s @ y) / (y @ y) * q


def _matrix_updated(gradient, pairs, gamma):
    identity = np.eye(len(gradient))
    M = gamma * identity
    for s, y in pairs:
        left = identity - np.outer(s, y) / (y @ s)
        M = left @ M @ left.T + np.outer(s, s) / (y @ s)
    return M @ gradient


# -- 09.gauss_newton_step --------------------------------------------------------------------------------------------


def gauss_newton_step(theta: np.ndarray, residuals: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    return theta - np.linalg.lstsq(jacobian, residuals, rcond=None)[0]


def fit_cases() -> list[tuple]:
    """A line through three points, two fits that leave residuals, and one whose RᵀR is singular in 16 digits."""
    generator = np.random.default_rng(12)
    large = 10**9
    return [
        (np.array([1.0, 3.0]), np.array([2.0, 1.0, 6.0]), np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]])),
        (generator.normal(size=3), generator.normal(size=8), generator.normal(size=(8, 3))),
        (generator.normal(size=2), generator.normal(size=5), generator.normal(size=(5, 2))),
        (
            np.array([2.0, 5.0]),
            np.array([3 * large, 1, 2], dtype=np.int64),
            np.array([[large, large], [1, 0], [0, 1]], dtype=np.int64),
        ),
    ]


# -- 09.two_fishers --------------------------------------------------------------------------------------------------


def _entry(index: int, value: float) -> tuple[Callable[[Any], bool], list[float]]:
    """Return whether an answer has this number at one place, and an answer that is right but for it."""
    example = [0.09, 0.01]
    example[index] = value
    return lambda answer: len(answer) == 2 and abs(float(answer[index]) - value) < 1e-4, example


# -- 09.kronecker_solve ----------------------------------------------------------------------------------------------


def kronecker_solve(G: np.ndarray, A: np.ndarray, S: np.ndarray) -> np.ndarray:
    return np.linalg.solve(S, np.linalg.solve(A, G).T).T


def factor_cases() -> list[tuple]:
    """One to do by hand; then two that are not square, the last so large that its Kronecker product is seen."""
    generator = np.random.default_rng(13)
    cases: list[tuple] = [
        (np.array([[4.0, 2.0], [1.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 3.0]]))
    ]
    for rows, columns in [(3, 2), (24, 20)]:
        A, S = (_symmetric(generator, np.linspace(0.5, 3, k)) for k in (rows, columns))  # type: ignore[arg-type]
        cases.append((generator.normal(size=(rows, columns)), A, S))
    return cases


def _solve_without_matrix(answer: Any, G: np.ndarray, A: np.ndarray, S: np.ndarray) -> Any:
    return without(f"a {G.size} × {G.size} matrix", G.size**2, answer, G, A, S)


def _power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


# -- 09.shampoo_step -------------------------------------------------------------------------------------------------


def inverse_fourth_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**-0.25) @ vectors.T


def shampoo_step(G: np.ndarray, L: np.ndarray, R: np.ndarray) -> np.ndarray:
    return inverse_fourth_root(L) @ G @ inverse_fourth_root(R)


def shampoo_cases() -> list[tuple]:
    """Diagonal sums, to do by hand; then the sums of several gradients, not square."""
    generator = np.random.default_rng(14)
    cases: list[tuple] = [(np.array([[6.0, 12.0], [3.0, 9.0]]), np.diag([16.0, 81.0]), np.diag([16.0, 1.0]))]
    for shape in [(3, 2), (4, 6)]:
        gradients = generator.normal(size=(9, *shape))
        cases.append((gradients[-1], sum(g @ g.T for g in gradients), sum(g.T @ g for g in gradients)))
    return cases


def _powers(left, right):
    """A wrong step: other powers of the two sums."""
    return lambda G, L, R: _power(L, left) @ G @ _power(R, right)


def _each_side(root):
    """A wrong step: another function of a matrix in the place of the inverse fourth root."""
    return lambda G, L, R: root(L) @ G @ root(R)


def _vectors_not_turned_back(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**-0.25


def _vectors_turned_the_other_way(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors.T * values**-0.25) @ vectors


EXERCISES = [
    Exercise(
        name="09.newton_step",
        task="Write newton_step(theta, gradient, hessian): return the point that one Newton step leads to, keep theta.",
        reference=newton_step,
        cases=newton_cases,
        mistakes=[
            Mistake(
                "You went the other way: on a bowl that is uphill. The gradient of the parabola, g + H s, vanishes "
                "for a step with a minus.",
                lambda theta, gradient, hessian: theta + np.linalg.solve(hessian, gradient),
            ),
            Mistake(
                "You divided by the sizes of the eigenvalues. That is the cure, and it comes later: Newton's own step "
                "keeps their signs, and where one is negative it climbs.",
                _absolute_curvatures,
            ),
            Mistake(
                "You used only the diagonal of H. What one parameter does to the slope of another, the entries beside "
                "the diagonal, belongs to the system.",
                lambda theta, gradient, hessian: theta - gradient / np.diag(hessian),
            ),
            Mistake(
                "You multiplied by H: the steeper a direction is curved, the longer its step. It must be the shorter.",
                lambda theta, gradient, hessian: theta - hessian @ gradient,
            ),
            Mistake(
                "You divided by H entry by entry, and a whole table came out. H is a matrix: a linear system is to be "
                "solved.",
                lambda theta, gradient, hessian: theta - gradient / hessian,
            ),
            Mistake(
                "You took the reciprocal of each entry of H. That is not its inverse; and no inverse is needed.",
                lambda theta, gradient, hessian: theta - (1 / hessian) @ gradient,
            ),
            Mistake(
                "You returned the step, not the point that it leads to. Add it to where you were.",
                lambda theta, gradient, hessian: -np.linalg.solve(hessian, gradient),
            ),
            Mistake(
                "You returned H⁻¹g: the solution of the system, and with the sign of the gradient. Asked is the point.",
                lambda theta, gradient, hessian: np.linalg.solve(hessian, gradient),
            ),
            Mistake(
                "That is gradient descent with the rate 1: H is not used.",
                lambda theta, gradient, hessian: theta - gradient,
            ),
            Mistake(
                "One number for all directions: you divided by the norm of H. Each direction has a curvature of its "
                "own.",
                lambda theta, gradient, hessian: theta - gradient / np.linalg.norm(hessian),
            ),
            *(
                Mistake(
                    f"The step is multiplied by {rate}. A rate has no place here: with the whole step a bowl takes "
                    "one step.",
                    lambda theta, gradient, hessian, rate=rate: theta - rate * np.linalg.solve(hessian, gradient),
                )
                for rate in (0.1, 0.01)
            ),
            Mistake(
                "The bracket is wrong: you solved for θ − g. The system has −g alone on its right side, and θ comes "
                "after it.",
                lambda theta, gradient, hessian: np.linalg.solve(hessian, theta - gradient),
            ),
            Mistake(
                "You added the identity to H: that is damping with λ = 1. Pure Newton has none.",
                lambda theta, gradient, hessian: theta - np.linalg.solve(hessian + np.eye(len(theta)), gradient),
            ),
        ],
        explanation="Along an eigenvector of H the step is the gradient there, divided by the eigenvalue.",
    ),
    Exercise(
        name="09.newton_ends_at",
        task=(
            "Predict the point that pure Newton converges to on J(θ) = θ⁴/4 − θ²/2 from θ = 0.4: replace None by a "
            "number."
        ),
        reference=0.0,
        atol=0.01,
        mistakes=[
            Mistake(
                "That is the minimum downhill from 0.4. But at 0.4 the curvature is negative: where does a parabola "
                "that opens downwards send the step?",
                1.0,
            ),
            Mistake(
                "The first step does cross 0. Work out the second one, too: what is the curvature where you are then?",
                -1.0,
            ),
            Mistake("That is where the first step ends. Go on from there.", _near(-0.2462), example=-0.246),
            Mistake(
                "There the curvature is 0, and from there no step exists. Newton's method does not converge to it.",
                lambda answer: _near(0.5774)(abs(float(answer))),
                example=0.577,
            ),
            Mistake("That is the start. The gradient there is −0.336, so the step is not 0.", _near(0.4), example=0.4),
            Mistake(
                "There the gradient θ³ − θ is not 0, so the method would not rest there.", _no_flat_point, example=0.8
            ),
        ],
        explanation="0.4, −0.246, 0.036, −0.0001, …: the maximum. Each parabola opens downwards, its top nearer to 0.",
    ),
    Exercise(
        name="09.hessian_times",
        task=(
            "Write hessian_times(x, p, v): return H v for H = (1/n) xᵀ diag(p(1 − p)) x, the Hessian of logistic "
            "regression, without a d × d and without an n × n matrix."
        ),
        reference=hessian_times,
        cases=product_cases,
        call=_product_without_matrix,
        mistakes=[
            Mistake(
                "The product is right, but the formula was written down from left to right, with an n × n and a d × d "
                "matrix. Begin at its other end, with v.",
                lambda x, p, v: x.T @ np.diag(p * (1 - p)) @ x @ v / len(x),
            ),
            Mistake(
                "The product is right, but a d × d matrix was made on the way. Multiply with v first: then everything "
                "is a vector.",
                lambda x, p, v: (x.T * (p * (1 - p))) @ x @ v / len(x),
            ),
            Mistake(
                "The product is right, but np.diag makes an n × n matrix of n numbers. Multiply entry by entry.",
                lambda x, p, v: x.T @ (np.diag(p * (1 - p)) @ (x @ v)) / len(x),
            ),
            Mistake(
                "The weights are missing: XᵀX is the Hessian of linear regression. Here each sample counts by the "
                "slope of its sigmoid.",
                _weighted(lambda p: 1.0),
            ),
            Mistake(
                "Where is 1 − p? A sample that is surely of class 1 lies on the flat part of the sigmoid: p near 1 "
                "must weigh little.",
                _weighted(lambda p: p),
            ),
            Mistake(
                "Where is p itself? A sample that is surely of class 0 lies on the flat part of the sigmoid: p near 0 "
                "must weigh little.",
                _weighted(lambda p: 1 - p),
            ),
            Mistake(
                "You squared p. The weight is small at both ends: at p = 1 it is 0, where p² is 1.",
                _weighted(lambda p: p**2),
            ),
            Mistake(
                "The weight is the variance of a label, p(1 − p), and you took the root of it, its standard deviation.",
                _weighted(lambda p: np.sqrt(p * (1 - p))),
            ),
            Mistake(
                "The weight p(1 − p) comes in twice. Is it in x @ v and outside?",
                _weighted(lambda p: (p * (1 - p)) ** 2),
            ),
            Mistake(
                "You gave all samples the mean of p(1 − p). Each has its own weight.",
                _weighted(lambda p: np.mean(p * (1 - p))),
            ),
            Mistake(
                "The product is still in the space of the samples, one number for each. What brings it back to the "
                "parameters?",
                lambda x, p, v: p * (1 - p) * (x @ v) / len(x),
            ),
            Mistake(
                "That is vᵀHv, one number: the curvature along v, times ‖v‖². Asked is the vector H v.",
                lambda x, p, v: np.mean(p * (1 - p) * (x @ v) ** 2),
            ),
            Mistake(
                "You used only the diagonal of H. Beside it are the products of two different inputs.",
                lambda x, p, v: (x**2).T @ (p * (1 - p)) / len(x) * v,
            ),
            Mistake(
                "You divided by the number of entries of x. J is a mean over samples: n is the number of its rows.",
                lambda x, p, v: x.T @ (p * (1 - p) * (x @ v)) / x.size,
            ),
        ],
        explanation="Two products with x: about 4nd operations, where writing H down would take 2nd².",
    ),
    Exercise(
        name="09.two_loops",
        task=(
            "Write two_loops(gradient, pairs, gamma): return M g, where M is γ I after BFGS's update for each pair "
            "(s, y) of the list, oldest first, without a d × d matrix."
        ),
        reference=two_loops,
        cases=pair_cases,
        call=_loops_without_matrix,
        mistakes=[
            Mistake(
                "That is M g indeed, but it was made with the matrix. Unroll the product: the factors that stand at "
                "the right of M act on g one after the other.",
                _matrix_updated,
            ),
            Mistake(
                "That is the step, −M g. Asked is the product itself, with the sign of g.", _loops(end=lambda q, c: -q)
            ),
            Mistake(
                "The pairs are in the wrong order: the newest update stands outermost in M, so g meets it first. The "
                "first loop runs backwards through the list.",
                _loops(order=list),
            ),
            Mistake(
                "The second loop runs from the newest pair again. It goes the way back: from the oldest to the newest.",
                _loops(way_back=lambda order, shares: zip(order, shares, strict=True)),
            ),
            Mistake(
                "The second loop has the shares of other pairs: they were kept newest first, and the loop begins with "
                "the oldest.",
                _loops(way_back=lambda order, shares: zip(order[::-1], shares, strict=True)),
            ),
            Mistake(
                "γ is not used, as if the start were M = I. With no pairs the result must be γ g.",
                _loops(scale=lambda q, gamma, pairs: q),
            ),
            Mistake(
                "You divided by γ. It is the start of M, which stands for the inverse of H already.",
                _loops(scale=lambda q, gamma, pairs: q / gamma),
            ),
            Mistake(
                "γ comes before the first loop or after the second, so it multiplies everything. It belongs between "
                "them: the term ρ s sᵀ has no γ.",
                _loops(scale=lambda q, gamma, pairs: q, end=lambda q, gamma: gamma * q),
            ),
            Mistake(
                "You made γ from the newest pair. That is a usual choice; but here it is given.",
                _loops(scale=_gamma_of_newest),
            ),
            Mistake(
                "s and y are swapped: that multiplies with an approximation of H, where its inverse is asked for. "
                "A step must come out, not a change of the gradient.",
                lambda gradient, pairs, gamma: two_loops(gradient, [(y, s) for s, y in pairs], gamma),
            ),
            Mistake(
                "In the first loop the share is that of s in q, not of y: look at I − ρ y sᵀ times g.",
                _loops(share=lambda s, y, q, g: (y @ q) / (y @ s)),
            ),
            Mistake(
                "In the second loop the product is with y, not with s: look at I − ρ s yᵀ.",
                _loops(add=lambda s, y, q, share: q + (share - (s @ q) / (y @ s)) * s),
            ),
            Mistake(
                "In the first loop every share is taken of the gradient itself. From the second pair on it is that of "
                "what the loop has left of it.",
                _loops(share=lambda s, y, q, g: (s @ g) / (y @ s)),
            ),
            Mistake(
                "The second loop takes away what it should add: the sign of the bracket is the other one.",
                _loops(add=lambda s, y, q, share: q - (share - (y @ q) / (y @ s)) * s),
            ),
            Mistake(
                "In the second loop both parts are added. The share of the first loop is added, ρ yᵀq is taken away.",
                _loops(add=lambda s, y, q, share: q + (share + (y @ q) / (y @ s)) * s),
            ),
            Mistake(
                "The second loop adds the shares but forgets to take away ρ yᵀq: the left factor of the update is "
                "missing.",
                _loops(add=lambda s, y, q, share: q + share * s),
            ),
            Mistake(
                "The second loop does not use the shares of the first: the term ρ s sᵀ of the update is missing.",
                _loops(add=lambda s, y, q, share: q - (y @ q) / (y @ s) * s),
            ),
            Mistake(
                "ρ is 1/(yᵀs). You divided by yᵀy: then M y = s does not hold.",
                _loops(
                    share=lambda s, y, q, g: (s @ q) / (y @ y),
                    add=lambda s, y, q, share: q + (share - (y @ q) / (y @ y)) * s,
                ),
            ),
            Mistake(
                "Only the newest pair is used. The older ones say something about other directions.",
                lambda gradient, pairs, gamma: two_loops(gradient, pairs[-1:], gamma),
            ),
        ],
        hint="With one pair, the vector y in the place of g must give s: check that first.",
        explanation="Once all yᵀs are known that takes 8md operations and no memory for M, which has d² numbers.",
    ),
    Exercise(
        name="09.gauss_newton_step",
        task=(
            "Write gauss_newton_step(theta, residuals, jacobian): return the point that one Gauss–Newton step for "
            "J = ‖r‖² leads to, without forming RᵀR."
        ),
        reference=gauss_newton_step,
        cases=fit_cases,
        mistakes=[
            Mistake(
                "You went the other way: the step makes R s + r small, so r comes with a minus.",
                lambda theta, r, R: theta + np.linalg.lstsq(R, r, rcond=None)[0],
            ),
            Mistake(
                "You formed RᵀR. Its condition number is the square of R's: in the last case that is 2 · 10¹⁸, and 16 "
                "digits are not enough.",
                lambda theta, r, R: theta - np.linalg.solve(R.T @ R, R.T @ r),
            ),
            Mistake(
                "RᵀR was formed and then solved as if it were singular, which it is after rounding in the last case. "
                "R itself is not.",
                lambda theta, r, R: theta - np.linalg.lstsq(R.T @ R, R.T @ r, rcond=None)[0],
            ),
            Mistake(
                "That is a step of gradient descent, along Rᵀr. Nothing was solved: the curvature RᵀR is not used.",
                lambda theta, r, R: theta - R.T @ r,
            ),
            Mistake(
                "That is a step along the gradient 2Rᵀr. Nothing was solved: the curvature 2RᵀR is not used.",
                lambda theta, r, R: theta - 2 * R.T @ r,
            ),
            Mistake(
                "The step is twice too long: the 2 of the gradient is in 2RᵀR as well, and cancels.",
                lambda theta, r, R: theta - 2 * np.linalg.lstsq(R, r, rcond=None)[0],
            ),
            Mistake(
                "The step is half as long as it should be: the 2 of 2RᵀR is in the gradient as well, and cancels.",
                lambda theta, r, R: theta - 0.5 * np.linalg.lstsq(R, r, rcond=None)[0],
            ),
            Mistake(
                "You returned the step, not the point that it leads to. Add it to where you were.",
                lambda theta, r, R: -np.linalg.lstsq(R, r, rcond=None)[0],
            ),
            Mistake(
                "You returned what lstsq makes of R and r. That is the step with the other sign; asked is the point.",
                lambda theta, r, R: np.linalg.lstsq(R, r, rcond=None)[0],
            ),
            Mistake(
                "You used only the diagonal of RᵀR, one parameter at a time. They act together on the residuals.",
                lambda theta, r, R: theta - R.T @ r / (R * R).sum(axis=0),
            ),
            Mistake(
                "Only the first d residuals were used, as many as there are parameters. The step is a compromise of "
                "all of them.",
                lambda theta, r, R: theta - np.linalg.solve(R[: len(theta)], r[: len(theta)]),
            ),
            Mistake(
                "You added the identity to RᵀR: that is damping, as Levenberg–Marquardt has it. And RᵀR was formed.",
                lambda theta, r, R: theta - np.linalg.solve(R.T @ R + np.eye(len(theta)), R.T @ r),
            ),
        ],
        explanation="Where r is linear in θ, as for a straight line, this one step ends at the minimum.",
    ),
    Exercise(
        name="09.two_fishers",
        task=(
            "A model gives class 1 the probability 0.9 (one logit z, binary cross-entropy), and the label in the data "
            "is 1. Predict the Fisher information in z, the mean of the squared gradient over the model's own labels, "
            "and the empirical one, with the data's label: replace None by the two numbers, [Fisher, empirical]."
        ),
        reference=[0.09, 0.01],
        mistakes=[
            Mistake(
                "The two are swapped: with the data's label there is one gradient only, 0.9 − 1, and the empirical one "
                "is its square.",
                [0.01, 0.09],
            ),
            Mistake(
                "Those are the two probabilities. The gradient in z is p − y: square it, once for each label.",
                [0.9, 0.1],
            ),
            Mistake("Those are the roots: the gradients are to be squared.", [0.3, 0.1]),
            Mistake(
                "Both labels have the weight ½ in your Fisher information; the model gives them 0.9 and 0.1.",
                *_entry(0, 0.41),
            ),
            Mistake(
                "The weights of the Fisher information are swapped: the frequent label is 1, and its gradient is the "
                "small one.",
                *_entry(0, 0.73),
            ),
            Mistake(
                "You summed the squares of both labels without their probabilities. The Fisher information is a mean.",
                *_entry(0, 0.82),
            ),
            Mistake(
                "The mean of the gradients over the model's labels is 0, whatever p is. Square first, then average.",
                *_entry(0, 0.0),
            ),
            Mistake(
                "The model's own labels are not always 1, as your Fisher information has them: one of ten is 0, with a "
                "large gradient.",
                *_entry(0, 0.01),
            ),
            Mistake(
                "For the empirical one you took the label 0. In the data it is 1.",
                *_entry(1, 0.81),
            ),
            Mistake(
                "The two are not equal: the data have one label, so the empirical one is no mean over labels.",
                *_entry(1, 0.09),
            ),
            Mistake("The empirical one has a square, too: p − y is −0.1.", *_entry(1, 0.1)),
            Mistake("The gradient p − y is −0.1, but a square has no sign.", *_entry(1, -0.1)),
        ],
        explanation=(
            "0.9 · 0.1² + 0.1 · 0.9² = 0.09 = p(1 − p), which is the second derivative in z. (0.9 − 1)² = 0.01 says "
            "how well this label was predicted."
        ),
    ),
    Exercise(
        name="09.kronecker_solve",
        task=(
            "Write kronecker_solve(G, A, S): return A⁻¹ G S⁻¹ for symmetric A and S, by solving, without a Kronecker "
            "product."
        ),
        reference=kronecker_solve,
        cases=factor_cases,
        call=_solve_without_matrix,
        mistakes=[
            Mistake(
                "The result is right, but A ⊗ S was made for it: for a layer of 785 × 64 it would have 2.5 · 10⁹ "
                "entries. A and S are solved with one after the other.",
                lambda G, A, S: np.linalg.solve(np.kron(A, S), G.ravel()).reshape(G.shape),
            ),
            Mistake(
                "A Kronecker product was made, and its factors are in the other order than `ravel`, which goes row by "
                "row, needs. Do without it.",
                lambda G, A, S: np.linalg.solve(np.kron(S, A), G.ravel()).reshape(G.shape),
            ),
            Mistake(
                "S acts on the rows, where A belongs. Its sizes are those of the columns: it stands at the right of G, "
                "and `solve` divides from the left. What turns the sides round?",
                lambda G, A, S: np.linalg.solve(S, np.linalg.solve(A, G)),
            ),
            Mistake(
                "Both systems are solved from the left, S's first. G's columns belong to S: from the right.",
                lambda G, A, S: np.linalg.solve(A, np.linalg.solve(S, G)),
            ),
            Mistake(
                "A and S have changed places: A has the size of G's rows and belongs to the left.",
                lambda G, A, S: np.linalg.solve(A, np.linalg.solve(S, G).T).T,
            ),
            Mistake(
                "You multiplied with A and S. Where much comes in or back, the step must be the shorter: solve.",
                lambda G, A, S: A @ G @ S,
            ),
            Mistake(
                "Only A is used. The other factor, S, is for what comes back.", lambda G, A, S: np.linalg.solve(A, G)
            ),
            Mistake(
                "Only S is used. The other factor, A, is for what comes in.", lambda G, A, S: np.linalg.solve(S, G.T).T
            ),
            Mistake(
                "A is solved with, but S is multiplied with.",
                lambda G, A, S: np.linalg.solve(A, G) @ S,
            ),
            Mistake(
                "S is solved with, but A is multiplied with.",
                lambda G, A, S: np.linalg.solve(S, (A @ G).T).T,
            ),
            Mistake(
                "You divided by the diagonals only. A and S say what goes together, beside their diagonals.",
                lambda G, A, S: G / np.outer(np.diag(A), np.diag(S)),
            ),
            Mistake(
                "You divided by the roots of A and S. Roots are Adam's and Shampoo's way; A ⊗ S stands for a "
                "curvature, and a Newton step solves with the whole of it.",
                lambda G, A, S: _power(A, -0.5) @ G @ _power(S, -0.5),
            ),
            Mistake(
                "You took the reciprocal of each entry of A and S. That is not their inverse.",
                lambda G, A, S: (1 / A) @ G @ (1 / S),
            ),
        ],
        explanation="Of the order of (m + n)³ operations for fan-in m and fan-out n, where A ⊗ S would take (mn)³.",
    ),
    Exercise(
        name="09.shampoo_step",
        task=(
            "Write shampoo_step(G, L, R): return L^(−1/4) G R^(−1/4), powers of matrices; L and R are symmetric and "
            "positive definite."
        ),
        reference=shampoo_step,
        cases=shampoo_cases,
        mistakes=[
            Mistake(
                "Those are powers of the entries. A power of a matrix is taken of its eigenvalues, and the "
                "eigenvectors stay.",
                _each_side(lambda M: M**-0.25),
            ),
            Mistake(
                "You took fourth roots of the entries and then an inverse. The root is one of the matrix, too: of its "
                "eigenvalues.",
                _each_side(lambda M: np.linalg.inv(M**0.25)),
            ),
            Mistake(
                "Both exponents are −1/2: each side alone would then divide by the whole size of the gradients, and "
                "together they do it twice.",
                _powers(-0.5, -0.5),
            ),
            Mistake(
                "The exponents are positive: then the directions of large gradients get longer steps still.",
                _powers(0.25, 0.25),
            ),
            Mistake(
                "Those are the whole inverses, as in K-FAC. Shampoo takes fourth roots of them.", _powers(-1.0, -1.0)
            ),
            Mistake(
                "Only the left side is used: R is for the columns of G.", lambda G, L, R: inverse_fourth_root(L) @ G
            ),
            Mistake("Only the right side is used: L is for the rows of G.", lambda G, L, R: G @ inverse_fourth_root(R)),
            Mistake(
                "That is the one-sided form, L^(−1/2) G. Here the two sides share: a quarter each.",
                lambda G, L, R: _power(L, -0.5) @ G,
            ),
            Mistake(
                "You used only the diagonals of L and R. That is a rule for each row and each column; Shampoo's point "
                "is what lies beside the diagonals.",
                lambda G, L, R: G / np.outer(np.diag(L), np.diag(R)) ** 0.25,
            ),
            Mistake(
                "The eigenvectors are missing: the roots of the eigenvalues stand as if L and R were diagonal.",
                lambda G, L, R: G / np.outer(np.linalg.eigvalsh(L), np.linalg.eigvalsh(R)) ** 0.25,
            ),
            Mistake(
                "The way back from the eigenvectors is missing: after V and the powers comes V transposed.",
                _each_side(_vectors_not_turned_back),
            ),
            Mistake(
                "V and its transpose are swapped: `eigh` gives the eigenvectors as columns.",
                _each_side(_vectors_turned_the_other_way),
            ),
            Mistake(
                "L and R have changed places: L, the sum of the G Gᵀ, has the size of G's rows and stands at the left.",
                lambda G, L, R: inverse_fourth_root(R) @ G @ inverse_fourth_root(L),
            ),
            Mistake(
                "The sign is that of a step downhill. Asked is what takes the place of the gradient.",
                lambda G, L, R: -shampoo_step(G, L, R),
            ),
        ],
        explanation="With L = G Gᵀ and R = Gᵀ G of one invertible G it is U Vᵀ, the direction that Muon approximates.",
    ),
]
