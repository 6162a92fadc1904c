"""Whose docstring has formulas, and what they are about: ``DOCUMENTED[function]`` is the subject."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np

from nnopt_utils import (
    activations,
    backpropagation,
    gradients,
    initializers,
    line_search,
    losses,
    networks,
    parallel,
    problems,
    schedules,
    second_order,
)
from nnopt_utils.optimizers import muon
from nnopt_utils.schedules.shapes import SHAPES
from nnopt_utils.second_order import matrix_roots
from tools.formulas.claims import Subject
from tools.formulas.subjects.clinic import DIAGNOSIS
from tools.formulas.subjects.compression import COMPRESSION
from tools.formulas.subjects.delays import DELAYS
from tools.formulas.subjects.descent import difference_of_values, quadratic
from tools.formulas.subjects.least_squares import OWNERS as MORE_GARBOW_HILLSTROM
from tools.formulas.subjects.least_squares import (
    gauss_newton,
    least_squares,
    levenberg_marquardt,
    nist_problem,
    sum_of_squares,
)
from tools.formulas.subjects.natural_gradient import NATURAL_GRADIENT
from tools.formulas.subjects.networks import backpropagation as layers_backward
from tools.formulas.subjects.networks import forward
from tools.formulas.subjects.newton import NEWTON
from tools.formulas.subjects.products import PRODUCTS, R_OPERATOR
from tools.formulas.subjects.quasi_newton import QUASI_NEWTON
from tools.formulas.subjects.recorder import Recorder
from tools.formulas.subjects.register import Draw
from tools.formulas.subjects.shrinking_codes import CODES
from tools.formulas.subjects.shrinking_distill import DISTILLATION
from tools.formulas.subjects.shrinking_integer import SHRINKING_INTEGER
from tools.formulas.subjects.shrinking_prune import PRUNING
from tools.formulas.subjects.shrinking_share import SHARING
from tools.formulas.subjects.workers import drift_point, shards

DOCUMENTED: dict[Any, Subject] = {}
# Fragments with a relation that are no rule: the domain of an argument, theory, another library.
NO_RULE = {
    r"s \ge 0",
    r"\alpha \ge 0",
    r"\lambda \ge 0",
    r"e^{-|z|} \le 1",
    r"|e| = \delta",
    r"a = \sqrt 5",
    r"a^{(0)} = x, a^{(1)}, \dots",
    r"\dot f = \frac{d}{dr} f(\theta + r v)",
    # Recurrences that reach back a number of steps; tests/parallel/ follows them.
    r"g_t = \nabla J(\theta_{t - \tau}) + \sigma \xi_t, \qquad \theta_{t+1} = \theta_t - \eta\, g_t",
    r"e_{t+1} = e_t - a\, e_{t-\tau}",
    r"\theta_{t+1} = \theta_t - \eta\, (\lambda\, \theta_{t-\tau} + \sigma \xi_t)",
    r"\gamma_{k+1} - \gamma_k = -a\, \gamma_{\tau - k}",
    r"\theta_{t+1} = \theta_t - \eta \sum_{s=0}^{t-1} p_s\, \nabla J(\theta_{t-s}), \qquad "
    r"p_s = \frac{1}{P} \left(1 - \frac{1}{P}\right)^s",
}
# Fragments without a relation: letters, values, and estimates that the sentence around them explains.
NOTATION = {
    *(r"J(\theta)", r"\varphi(z)", r"|z|", r"-\alpha", r"\Phi", r"\phi", r"[-\delta, \delta]", r"\delta > 0", r"\pm c"),
    *(r"\pm 1 / \sqrt{\text{fan-in}}", r"\frac{h^2}{6} J'''", r"10^{-16} |J| / h", r"10^{-5}", r"\eta_{\max}"),
    r"\tfrac{\lambda}{2}\sum_k \lVert W^{(k)}\rVert^2",
    *(r"\partial r_i / \partial \theta_j", r"\operatorname{Im} \nabla J(\theta + i h v) / h"),
    *(r"\frac1n \sum_i g_i g_i^\top", r"\frac1n \sum_i J_i^\top H_i J_i", r"\nabla \ell(\theta; x_i, y_i)"),
    r"\tfrac12 s^\top (F + \lambda I) s + g_t^\top s",
    r"\frac{s^\top y}{y^\top y} I",
    *(r"z^{(1)}, z^{(2)}, \dots", r"z^{(1)}, \dots", r"\delta^{(1)}, \delta^{(2)}, \dots"),
    *(r"H_{i\cdot}", r"\dot W^{(k)}", r"\dot b^{(k)}", r"u^{(1)}, u^{(2)}, \dots", r"\varphi'_k(z^{(k)})"),
}
N, K = 2, 3


def documents(*owners: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what draws the environments for docstrings: draw(generator), or draw(owner, generator) of several."""

    def register(draw: Callable[..., Any]) -> Callable[..., Any]:
        for owner in owners:
            one: Draw = draw if len(owners) == 1 else partial(draw, owner)
            DOCUMENTED[owner] = Subject(owner.__name__, one)
        return draw

    return register


# -- activations -----------------------------------------------------------------------------------------------------

NAMES = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu")


@documents(*(getattr(activations, name + end) for name in NAMES for end in ("", "_derivative", "_second_derivative")))
def activation(owner: Any, generator: np.random.Generator) -> list[dict[str, Any]]:
    """At points on both sides of 0, with another slope or α than the default."""
    name = owner.__name__.removesuffix("_derivative").removesuffix("_second")
    ends = ("", "_derivative", "_second_derivative")
    value, derivative, second_derivative = (getattr(activations, name + end) for end in ends)
    option = float(generator.uniform(0.3, 0.8))
    options = {"slope": option} if name == "leaky_relu" else {"alpha": option} if name == "elu" else {}
    names = {
        "varphi": partial(value, **options),
        "varphi'": partial(derivative, **options),
        "varphi''": partial(second_derivative, **options),
        "s": option,
        "alpha": option,
    }
    names |= {"Phi": NormalDist().cdf, "phi": NormalDist().pdf}
    return [{**names, "z": z} for z in generator.uniform(0.3, 1.4, size=2) * [1, -1]]


# -- losses ----------------------------------------------------------------------------------------------------------


@documents(losses.mean_squared_error, losses.half_squared_error, losses.mean_absolute_error)
def regression(owner: Any, generator: np.random.Generator) -> dict[str, Any]:
    o, y = generator.normal(size=(2, N, K))
    value, gradient = owner(o, y)
    return {"o": o, "y": y, "n": N, "K": K, "ell": value, "nabla ell": gradient}


@documents(losses.huber)
def huber(generator: np.random.Generator) -> dict[str, Any]:
    delta = float(generator.uniform(0.5, 2))
    e = delta * np.array([-2.5, -0.7, 0.4, 1.8, 0.1, -1.3])
    gradient = losses.huber(e.reshape(N, K), np.zeros((N, K)), delta)[1].ravel()

    def loss(e: np.ndarray) -> np.ndarray:
        return np.array([losses.huber(np.array([each]), np.zeros(1), delta)[0] for each in e])

    names = {"e": e, "ell": loss, "delta": delta, "c": np.clip(e, -delta, delta)}
    return {**names, "nabla ell": gradient, "n": N, "K": K}


@documents(losses.binary_cross_entropy)
def binary_cross_entropy(generator: np.random.Generator) -> dict[str, Any]:
    """Entry by entry; the smoothed targets are what the gradient betrays."""
    z, y, s = generator.normal(size=N * K), generator.uniform(size=N * K), float(generator.uniform(0.2, 0.6))
    p = activations.sigmoid(z)
    loss = losses.binary_cross_entropy
    values = np.array([loss(z[i : i + 1], y[i : i + 1])[0] for i in range(N * K)])
    gradient = loss(z.reshape(N, K), y.reshape(N, K))[1].ravel()
    smoothed = p - loss(z, y, label_smoothing=s)[1] * N * K
    return {"z": z, "y": y, "p": p, "s": s, "y'": smoothed, "ell": values, "nabla ell": gradient, "n": N, "K": K}


@documents(activations.softmax, activations.log_softmax)
def softmax(owner: Any, generator: np.random.Generator) -> dict[str, Any]:
    z = generator.normal(size=K)
    return {"z": z, "p": owner(z) if owner is activations.softmax else np.exp(owner(z))}


@documents(losses.softmax_cross_entropy)
def softmax_cross_entropy(generator: np.random.Generator) -> dict[str, Any]:
    z, labels, s = generator.normal(size=(N, K)), generator.integers(0, K, size=N), float(generator.uniform(0.2, 0.6))
    p, (value, gradient) = activations.softmax(z), losses.softmax_cross_entropy(z, labels)
    smoothed = p - N * losses.softmax_cross_entropy(z, labels, label_smoothing=s)[1]
    names = {"p": p, "y": np.eye(K)[labels], "p_right": p[np.arange(N), labels], "n": N, "K": K, "s": s}
    return {**names, "ell": value, "nabla ell": gradient, "y'": smoothed}


@documents(
    losses._mean_squared_curvature,
    losses._half_squared_curvature,
    losses._absolute_curvature,
    losses._huber_curvature,
    losses._binary_curvature,
)
def curvature(owner: Any, generator: np.random.Generator) -> dict[str, Any]:
    """Entry by entry; the errors lie on both sides of Huber's δ, far enough for slips."""
    delta, (z, r) = float(generator.uniform(0.5, 2)), generator.normal(size=(2, N * K))
    e, y = delta * np.array([-2.5, -0.7, 0.4, 1.8, 0.1, -1.3]), generator.uniform(size=N * K)
    outputs, targets = (z, y) if owner is losses._binary_curvature else (e, 0 * e)
    options = {"delta": delta} if owner is losses._huber_curvature else {}
    q = owner(outputs.reshape(N, K), targets.reshape(N, K), r.reshape(N, K), **options).ravel()
    return {"q": q, "r": r, "e": e, "delta": delta, "p": activations.sigmoid(z), "n": N, "K": K}


@documents(losses._softmax_curvature)
def softmax_curvature(generator: np.random.Generator) -> dict[str, Any]:
    z, r = generator.normal(size=(2, N, K))
    q = losses._softmax_curvature(z, generator.integers(0, K, size=N), r)
    return {"q": q, "r": r, "p": activations.softmax(z), "n": N}


@documents(losses.l2_penalty)
def l2_penalty(generator: np.random.Generator) -> dict[str, Any]:
    w, strength = generator.normal(size=4), float(generator.uniform(0.5, 2))
    value, gradient = losses.l2_penalty(w, strength)
    return {"w": w, "lambda": strength, "R": value, "nabla R": gradient}


# -- networks and line searches --------------------------------------------------------------------------------------

DOCUMENTED |= COMPRESSION
DOCUMENTED |= PRUNING
DOCUMENTED |= DIAGNOSIS
DOCUMENTED |= SHARING
DOCUMENTED |= CODES
DOCUMENTED |= NEWTON
DOCUMENTED |= PRODUCTS
DOCUMENTED |= R_OPERATOR
DOCUMENTED |= NATURAL_GRADIENT
DOCUMENTED |= QUASI_NEWTON
DOCUMENTED |= DELAYS
DOCUMENTED |= DISTILLATION
DOCUMENTED |= SHRINKING_INTEGER
DOCUMENTED[parallel.data_parallel] = Subject("data_parallel", shards)
DOCUMENTED[parallel.local_sgd_fixed_point] = Subject("local_sgd_fixed_point", drift_point)
DOCUMENTED |= {owner: Subject(owner.__name__, forward) for owner in (backpropagation, networks.MLP)}
for owner in (backpropagation.Signals, backpropagation.backward_pass, backpropagation.parameter_gradients):
    DOCUMENTED[owner] = Subject(owner.__name__, layers_backward, 1e-7)


@documents(line_search.backtracking)
def backtracking(generator: np.random.Generator) -> dict[str, Any]:
    """The third step length is only just short enough."""
    c, first, shrink = float(generator.uniform(0.2, 0.6)), float(generator.uniform(1, 2)), 0.7
    problem = problems.Quadratic([2 * (1 - c) / (first * shrink**2)] * 2)
    theta, names = generator.normal(size=2), {"J": problem.value, "c": c, "s_0": first, "rho": shrink, "i": 2}
    g = problem.gradient(theta)
    s = line_search.backtracking(problem, theta, -g, first, shrink, c * (1 - 1e-9))
    return {**names, "theta": theta, "g": g, "d": -g, "s": s}


@documents(line_search.exact_quadratic)
def exact_quadratic(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta, d = problems.Quadratic([0.5, 3.0], rotation=0.4), *generator.normal(size=(2, 2))
    g = problem.gradient(theta)
    d *= -np.sign(g @ d)
    return {"s": line_search.exact_quadratic(problem, theta, d), "g": g, "d": d, "A": problem.hessian(theta)}


@documents(line_search.steepest_descent)
def steepest_descent(generator: np.random.Generator) -> dict[str, Any]:
    """The step length that the search was seen to return."""
    problem, start = problems.Quadratic([0.5, 3.0], rotation=0.4), generator.normal(size=2)
    points = line_search.steepest_descent(problem, 1, lambda *_: 0.2, start).points
    return {"theta_t": points[0], "theta_t+1": points[1], "s_t": 0.2, "g_t": problem.gradient(start)}


@documents(muon.newton_schulz)
def newton_schulz(generator: np.random.Generator) -> list[dict[str, Any]]:
    """One step, of a wide and of a tall matrix."""
    pairs = [
        (G, G / (np.linalg.norm(G) + 1e-7)) for G in (generator.normal(size=(3, 5)), generator.normal(size=(5, 3)))
    ]
    return [{"X": X, "X_new": muon.newton_schulz(G, steps=1)} for G, X in pairs]


# -- matrix roots ----------------------------------------------------------------------------------------------------


@documents(matrix_roots.inverse_root)
def inverse_root(generator: np.random.Generator) -> list[dict[str, Any]]:
    A, epsilon = generator.normal(size=(3, 5)), float(generator.uniform(0.5, 2))
    A = A @ A.T
    names = {"A": A, "epsilon": epsilon, "I": np.eye(3)}
    return [{**names, "p": p, "X": matrix_roots.inverse_root(A, p, epsilon)} for p in (1, 2, 4)]


@documents(matrix_roots.newton_inverse_root)
def newton_inverse_root(generator: np.random.Generator) -> list[dict[str, Any]]:
    """One step."""
    found = []
    for p in (2, 3):
        X, M = generator.normal(size=(2, 3, 3))
        X_new, M_new = matrix_roots.newton_step(X, M, p)
        found.append({"X": X, "M": M, "X_new": X_new, "M_new": M_new, "p": p, "I": np.eye(3)})
    return found


# -- gradients and initialisers --------------------------------------------------------------------------------------

DOCUMENTED[gradients.central_difference] = Subject("central_difference", difference_of_values, 1e-7)


@documents(gradients.check_gradient)
def relative_error(generator: np.random.Generator) -> list[dict[str, Any]]:
    """A wrong gradient, once too long and once too short."""
    found = []
    for factor in (1.3, 0.6):
        theta = generator.normal(size=3)
        check = gradients.check_gradient(lambda theta: float(theta @ theta), factor * 2 * theta, theta)
        found.append({"g": check.analytic, "hat_g": check.numeric, "r": check.relative_error})
    return found


@documents(*(f for f in initializers.INITIALIZERS.values() if f is not initializers.zeros))
def initializer(owner: Any, generator: np.random.Generator) -> dict[str, Any]:
    fan_in, fan_out = (int(n) for n in generator.integers(2, 9, size=2))
    std = float(generator.uniform(0.5, 2))
    called = partial(owner, std=std) if owner is initializers.normal else owner
    asked = Recorder.of(called, fan_in, fan_out)
    names = {"fan-in": fan_in, "fan-out": fan_out, "std": std}
    return {**names, "c": asked[2]} if asked[0] else {**names, "W_ij": asked}


# -- schedules -------------------------------------------------------------------------------------------------------

# A schedule with a rate: the letters of its arguments, and an example of all arguments but the rate.
SCHEDULES: dict[Any, tuple[dict[str, str], dict[str, float]]] = {
    schedules.Constant: ({"learning_rate": "eta_0"}, {}),
    schedules.StepDecay: (
        {"learning_rate": "eta_0", "factor": "c", "every": "s"},
        {"factor": 0.6, "every": 3},
    ),
    schedules.ExponentialDecay: (
        {"learning_rate": "eta_0", "factor": "c", "steps": "s"},
        {"factor": 0.6, "steps": 9},
    ),
    schedules.InverseTimeDecay: ({"learning_rate": "eta_0", "decay": "c"}, {"decay": 0.3}),
    schedules.PolynomialDecay: (
        {"learning_rate": "eta_0", "steps": "s", "end_learning_rate": "eta_s", "power": "p"},
        {"steps": 12, "end_learning_rate": 0.02, "power": 1.7},
    ),
    schedules.CosineDecay: (
        {"learning_rate": "eta_0", "steps": "s", "alpha": "r"},
        {"steps": 12, "alpha": 0.15},
    ),
    schedules.LinearWarmup: ({"learning_rate": "eta", "steps": "s"}, {"steps": 7}),
    schedules.WarmupStableDecay: (
        {"learning_rate": "eta", "steps": "s", "warmup_steps": "w", "decay_steps": "d", "alpha": "r"},
        {"steps": 12, "warmup_steps": 3, "decay_steps": 5, "alpha": 0.15},
    ),
}


@documents(*SCHEDULES)
def schedule(owner: Any, generator: np.random.Generator) -> list[dict[str, Any]]:
    letters, others = SCHEDULES[owner]
    arguments = {"learning_rate": float(generator.uniform(0.1, 0.5)), **others}
    made = owner(**arguments)
    names = {letter: arguments[argument] for argument, letter in letters.items()}
    return [{**names, "f": SHAPES["linear"], "k": k, "eta_k": made(k)} for k in range(12)]


@documents(schedules.PiecewiseConstant)
def piecewise(generator: np.random.Generator) -> list[dict[str, Any]]:
    boundaries, values = [3, 7], generator.uniform(0.1, 0.5, size=3)
    made = schedules.PiecewiseConstant(boundaries, [float(v) for v in values])
    return [{"b": np.array(boundaries), "v": dict(enumerate(values)), "k": k, "eta_k": made(k)} for k in range(10)]


@documents(schedules.Compose)
def compose(generator: np.random.Generator) -> list[dict[str, Any]]:
    parts = [schedules.CosineDecay(float(rate), 6) for rate in generator.uniform(0.1, 0.5, size=3)]
    made, begins = schedules.Compose([(parts[0], 4), (parts[1], 5), parts[2]]), np.array([0, 4, 9])
    where = [(k, int(np.sum(begins <= k))) for k in range(14)]

    def rates(part: Callable[[int], float]) -> Callable[[float], float]:
        return lambda k: part(int(k))

    return [{"eta_k": made(k), "k": k, "i": i, "b": begins, "eta^(i)": rates(parts[i - 1])} for k, i in where]


@documents(schedules.Warmup)
def warmup(generator: np.random.Generator) -> list[dict[str, Any]]:
    after, w = schedules.ExponentialDecay(float(generator.uniform(0.1, 0.5)), 0.5, 4), 4
    made = schedules.Warmup(after, w)

    def rate(k: float) -> float:
        return after(int(k))

    return [{"eta'": rate, "w": w, "k": k, "eta_k": made(k)} for k in range(9)]


@documents(schedules.CosineRestarts)
def restarts(generator: np.random.Generator) -> list[dict[str, Any]]:
    """The beginnings of three waves, counted here one after the other."""
    rate, s, t_mul, m_mul, r = float(generator.uniform(0.1, 0.5)), 3, 2.0, 0.6, 0.15
    made = schedules.CosineRestarts(rate, s, t_mul, m_mul, r)
    names = {"eta_0": rate, "s": s, "t_mul": t_mul, "m_mul": m_mul, "r": r}
    where = [(0, 0, 3), (1, 3, 6), (2, 9, 12)]
    places = [(i, begin + since, since) for i, begin, length in where for since in range(length)]
    return [{**names, "i": i, "k": k, "k_i": since, "eta_k": made(k)} for i, k, since in places]


@documents(schedules.OneCycle)
def one_cycle(generator: np.random.Generator) -> dict[str, Any]:
    highest, d, f = (float(x) for x in generator.uniform(1.5, 3, size=3))
    made = schedules.OneCycle(highest, 20, div_factor=d, final_div_factor=f)
    return {"eta_max": max(map(made, range(20))), "d": d, "f": f, "eta_first": made(0), "eta_last": made(19)}


# -- problems --------------------------------------------------------------------------------------------------------

DOCUMENTED[problems.Quadratic] = Subject("Quadratic", quadratic)


@documents(problems.Rosenbrock, problems.Beale, problems.Himmelblau, problems.Saddle, problems.Plateau, problems.Ravine)
def surface(owner: Any, generator: np.random.Generator) -> dict[str, Any]:
    theta, (a, b, kappa) = generator.normal(size=2), (float(x) for x in generator.uniform(1, 3, size=3))
    given = {problems.Rosenbrock: (a, b), problems.Ravine: (kappa,)}.get(owner, ())
    problem = owner(*given)
    names = {"J": lambda x, y: problem.value(np.array([x, y])), "x": theta[0], "y": theta[1], "theta": theta}
    names |= {"r": problem.residuals(theta)} if isinstance(problem, problems.LeastSquares) else {}
    return {**names, "nabla J": problem.gradient(theta), "a": a, "b": b, "kappa": kappa, "sigma": activations.sigmoid}


DOCUMENTED[problems.LeastSquares] = Subject("LeastSquares", sum_of_squares)
documents(*MORE_GARBOW_HILLSTROM)(least_squares)
DOCUMENTED[problems.NistProblem] = Subject("NistProblem", nist_problem)
DOCUMENTED[second_order.gauss_newton] = Subject("gauss_newton", gauss_newton)
DOCUMENTED[second_order.levenberg_marquardt] = Subject("levenberg_marquardt", levenberg_marquardt)


def regression_data(generator: np.random.Generator) -> dict[str, Any]:
    """Five samples of two features; X̃ has a column of ones, I_w no 1 for the bias."""
    x, strength = generator.normal(size=(5, 2)), float(generator.uniform(0.5, 2))
    X = np.column_stack([x, np.ones(5)])
    return {"x": x, "tilde_X": X, "I_w": np.diag([1.0, 1.0, 0.0]), "n": 5, "lambda": strength}


@documents(problems.LogisticRegression)
def logistic(generator: np.random.Generator) -> dict[str, Any]:
    names, y, theta = regression_data(generator), np.array([0, 1, 1, 0, 1]), generator.normal(size=3)
    problem = problems.LogisticRegression(names["x"], y, names["lambda"])
    names |= {"J": problem.value, "nabla J": problem.gradient(theta), "nabla^2 J": problem.hessian(theta)}
    names["p"] = activations.sigmoid(names["tilde_X"] @ theta)
    rows = {i + 1: row[None, :] for i, row in enumerate(names["x"])}
    return {**names, "x": rows, "y": y, "theta": theta, "w": theta[:2], "b": theta[2]}


@documents(parallel.SparseLogisticRegression)
def sparse_logistic(generator: np.random.Generator) -> dict[str, Any]:
    model, theta = parallel.SparseLogisticRegression.generate(6, 5, 2, generator), generator.normal(size=5)
    x = np.zeros((6, 5))
    np.put_along_axis(x, model.indices, model.values, axis=1)
    rows, signs = ({i + 1: value for i, value in enumerate(each)} for each in (x[:, None, :], 2 * model.labels - 1))
    names = {"J": model.value, "nabla J": model.gradient(theta)[:, None], "sigma": activations.sigmoid, "n": 6}
    return {**names, "x": rows, "s": signs, "theta": theta}


@documents(problems.SoftmaxRegression)
def softmax_regression(generator: np.random.Generator) -> dict[str, Any]:
    names, y, Theta = regression_data(generator), np.array([0, 1, 2, 0, 1]), generator.normal(size=(3, K))
    problem = problems.SoftmaxRegression(names["x"], y, names["lambda"])
    theta, z = Theta.ravel(), names["tilde_X"] @ Theta
    P = activations.softmax(z)
    names |= {"J": problem.value, "nabla J": problem.gradient(theta).reshape(3, K), "nabla^2 J": problem.hessian(theta)}
    names |= {"tilde_x": {i + 1: row[None, :] for i, row in enumerate(names["tilde_X"])}, "I": np.eye(K)}
    names |= {"z": z, "z_right": z[np.arange(5), y], "P": P, "p": P, "Y": np.eye(K)[y]}
    return {**names, "theta": theta, "Theta": Theta, "W": Theta[:2], "b": Theta[2]}


@documents(problems.regression.Regression)
def any_regression(generator: np.random.Generator) -> dict[str, Any]:
    names = softmax_regression(generator)

    def loss(z: np.ndarray, y: np.ndarray) -> float:
        return losses.softmax_cross_entropy(z[None], y[None])[0]

    return {**names, "ell": loss, "y": names["Y"]}
