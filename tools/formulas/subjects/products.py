"""Subjects of the docstrings about matrices that are known by their products."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from nnopt_utils import problems, r_operator, second_order
from nnopt_utils.activations import tanh_derivative, tanh_second_derivative
from nnopt_utils.second_order.hessian_free import _next_damping
from tools.formulas.claims import Subject
from tools.formulas.subjects.networks import network_of


def along_a_direction(generator: np.random.Generator) -> dict[str, Any]:
    """Layers k − 1 = 1 and k = 2 of three: signals by the library, their changes along v by central differences.

    u is the error signal of a loss whose gradient by the outputs stands still, so that only the slopes act.
    """
    network = network_of(generator, loss="half_mse", l2=0.0)
    x, y, v = generator.normal(size=(6, 3)), generator.normal(size=(6, 2)), generator.normal(size=network.n_parameters)
    theta, h = network.parameters.copy(), 1e-5

    def at(r: float) -> dict[str, np.ndarray]:
        network.parameters = theta + r * v
        z, a, delta = network.signals(x, y)
        dW, db = network.views(network.loss_and_gradient(x, y)[1])
        names = {"z^(k-1)": z[0], "z^(k)": z[1], "a^(k-1)": a[1], "a^(k)": a[2], "delta^(k-1)": delta[0]}
        return {**names, "delta^(k)": delta[1], "Q^(k)": dW[1], "q^(k)": db[1]}

    ahead, behind, here = at(h), at(-h), at(0.0)
    changes = {name: (ahead[name] - behind[name]) / (2 * h) for name in here}
    directions, others = network.views(v)
    names: dict[str, Any] = {name: value for name, value in here.items() if name[0] not in "Qq"}
    names |= {name if name[0] in "Qq" else f"dot_{name}": value for name, value in changes.items()}
    names |= {"W^(k)": network.weights[1], "dot_W^(k)": directions[1], "dot_b^(k)": others[1]}
    names |= {"u^(k)": here["delta^(k)"], "u^(k-1)": here["delta^(k-1)"]}
    z, _, delta = network.signals(x, y)
    functions = network.activation_functions
    names["c^(k-1)"] = r_operator.deltas_and_bends(
        delta[-1], z, r_operator.slopes_of(z, functions), network.weights, functions
    )[1][0]
    names |= {"varphi'_k": tanh_derivative, "varphi'_k-1": tanh_derivative, "varphi''_k-1": tanh_second_derivative}
    return names


def gauss_newton(generator: np.random.Generator) -> dict[str, Any]:
    """The outputs of all samples in one row; C from differences of the loss's gradient, G from the library."""
    network, h = network_of(generator, [2, 3, 2]), 1e-6
    x, labels = generator.normal(size=(4, 2)), generator.integers(0, 2, size=4)
    theta, z = network.parameters.copy(), network.forward(x)
    gradient_at = network.loss_function.core

    def outputs(theta: np.ndarray) -> np.ndarray:
        network.parameters = theta
        return network.forward(x).ravel()

    G = np.array([network.gauss_newton_vector_product(x, labels, e) for e in np.eye(theta.size)])
    D = np.array([outputs(theta + h * e) - outputs(theta - h * e) for e in np.eye(theta.size)]).T / (2 * h)
    moves = h * np.eye(z.size).reshape(-1, *z.shape)
    C = np.array([(gradient_at(z + m, labels)[1] - gradient_at(z - m, labels)[1]).ravel() for m in moves]) / (2 * h)
    return {"G": G, "D": D, "C": C}


def hutchinson(generator: np.random.Generator) -> dict[str, Any]:
    """All signs of three entries, each as probable as any other."""
    H = generator.normal(size=(3, 3))
    H += H.T
    signs = [np.array(z, dtype=float) for z in product((-1, 1), repeat=3)]
    outcomes = [{"z": z, "q": z * (H @ z)} for z in signs]
    return {"H": H, "h": np.diag(H), "E": outcomes, **outcomes[0]}


def hessian_free(generator: np.random.Generator) -> list[dict[str, Any]]:
    """The first step on a bowl, where conjugate gradients end exactly; and what follows a good, a bad, another step."""
    bowl, damping = problems.Quadratic([0.5, 3.0], rotation=0.4), float(generator.uniform(0.5, 2))
    start = generator.normal(size=2)
    run = second_order.hessian_free(bowl, start, max_iterations=1, damping=damping, curvature="hessian")
    s = run.trajectory.points[-1] - start
    names = {"B": bowl.hessian(start), "I": np.eye(2), "lambda": damping, "g": bowl.gradient(start), "s": s}
    return [{**names, "rho": rho, "lambda'": _next_damping(damping, rho)} for rho in (0.1, 0.24, 0.3, 0.7, 0.8)]


def lanczos(generator: np.random.Generator) -> dict[str, Any]:
    """The vectors that the library asks products of, and a power as f."""
    H = generator.normal(size=(5, 5))
    H += H.T
    asked: list[np.ndarray] = []

    def noted(q: np.ndarray) -> np.ndarray:
        asked.append(q.copy())
        return H @ q

    def power(a: Any) -> Any:
        return np.linalg.matrix_power(a, 5) if np.ndim(a) == 2 else a**5

    pairs, q = second_order.lanczos(noted, 5, steps=4, seed=generator), dict(enumerate(asked, 1))
    letters = {"H": H, "q": q, "alpha": {k: v @ H @ v for k, v in q.items()}, "k": 3, "v": q[1], "f": power}
    beta = {k: q[k] @ H @ q[k + 1] for k in (1, 2, 3)}
    return {**letters, "beta": beta, "w": pairs.weights, "nu": pairs.values}


def spectral_density(generator: np.random.Generator) -> dict[str, Any]:
    curvatures = generator.normal(size=6)
    spectrum = second_order.spectral_density(lambda v: curvatures * v, 6, steps=3, width=0.3, points=50, seed=generator)
    letters = {"w": spectrum.weights, "nu": spectrum.values, "sigma": spectrum.width}
    densities = dict(zip(spectrum.at, spectrum.density, strict=True))
    return {**letters, "p": densities.__getitem__, "x": spectrum.at[20]}


R_OPERATOR: dict[Any, Subject] = {
    function: Subject(function.__name__, along_a_direction, 1e-7)
    for function in (
        r_operator.deltas_and_bends,
        r_operator.r_forward_pass,
        r_operator.r_backward_pass,
        r_operator.r_parameter_gradients,
        r_operator.gauss_newton_backward_pass,
    )
}
R_OPERATOR[r_operator] = Subject("r_operator", gauss_newton, 1e-7)
PRODUCTS: dict[Any, Subject] = {
    second_order.hutchinson_diagonal: Subject("hutchinson_diagonal", hutchinson),
    second_order.hutchinson_trace: Subject("hutchinson_trace", hutchinson),
    second_order.lanczos: Subject("lanczos", lanczos),
    second_order.spectral_density: Subject("spectral_density", spectral_density),
    second_order.hessian_free: Subject("hessian_free", hessian_free),
}
