"""What chapters 06 and 08 say of adaptive rules beside the rules themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.optimizers import Adam, GradientDescent, Lion
from nnopt_utils.problems import Quadratic
from tools.formulas.subjects.descent import moved
from tools.formulas.subjects.register import subject


@subject()
def sign_descent(generator: np.random.Generator) -> dict[str, Any]:
    """Lion without memory."""
    theta, g, eta = generator.normal(size=4), generator.normal(size=4), float(generator.uniform(0.1, 0.5))
    return {"theta_t": theta, "g_t": g, "eta": eta, "theta_t+1": moved(Lion(eta, beta_1=0.0, beta_2=0.0), theta, g)}


@subject()
def constant_gradient(generator: np.random.Generator) -> dict[str, Any]:
    """Adam's first average after t equal gradients."""
    beta_1, t, g = float(generator.uniform(0.5, 0.9)), int(generator.integers(3, 7)), generator.normal(size=3)
    optimizer, theta = Adam(beta_1=beta_1), np.zeros(3)
    for _ in range(t):
        optimizer.step(theta, g)
    return {"m_t": optimizer.state["m"].copy(), "beta_1": beta_1, "t": t, "g": g}


@subject()
def epsilon_of_keras(generator: np.random.Generator) -> dict[str, Any]:
    """The ε with which Algorithm 1 would take the step that Adam takes in Keras's convention."""
    eta, beta_1, beta_2, t, epsilon = 0.1, 0.8, float(generator.uniform(0.8, 0.95)), int(generator.integers(2, 6)), 0.1
    optimizer, theta = Adam(eta, beta_1, beta_2, epsilon, convention="keras"), generator.normal(size=1)
    for _ in range(t):
        before = theta.copy()
        optimizer.step(theta, generator.normal(size=1))
    m = optimizer.state["m"] / (1 - beta_1**t)
    v = optimizer.state["v"] / (1 - beta_2**t)
    found = eta * m / (before - theta) - np.sqrt(v)
    return {"epsilon": found[0], "hat_epsilon": epsilon, "beta_2": beta_2, "t": t}


@subject()
def distance_bound(generator: np.random.Generator) -> dict[str, Any]:
    """Gradient descent with changing rates on a bowl; s_0 = 0, and s is the sum of all steps."""
    t, problem = int(generator.integers(4, 9)), Quadratic([1.0, 4.0])
    theta, gamma = generator.normal(size=2), generator.uniform(0.02, 0.2, size=t)
    start, s, gradients = theta.copy(), {0: np.zeros(2)}, []
    for i in range(t):
        gradients.append(problem.gradient(theta))
        theta = moved(GradientDescent(float(gamma[i])), theta, gradients[-1])
        s[i + 1] = start - theta
    names = {"D": float(np.linalg.norm(start - problem.minimum)), "gamma": gamma, "g": np.array(gradients)}
    return names | {"s": s, "t": t, "loose": True}


@subject()
def singular_values(generator: np.random.Generator) -> dict[str, Any]:
    a, b, c = generator.normal(size=3)
    X = generator.normal(size=(3, 5)) / 2
    U, sizes, Vt = np.linalg.svd(X, full_matrices=False)
    return {"a": a, "b": b, "c": c, "X": X, "U": U, "Sigma": np.diag(sizes), "V": Vt.T}


@subject()
def weights_of_the_averages(generator: np.random.Generator) -> dict[str, Any]:
    """The weights of the last six gradients in m and v, and the gradients on which m²/v is largest."""
    beta_1, beta_2, age = float(generator.uniform(0.5, 0.9)), float(generator.uniform(0.91, 0.99)), np.arange(6)
    a, b = (1 - beta_1) * beta_1**age, (1 - beta_2) * beta_2**age
    return {"a": a, "b": b, "g": -float(generator.uniform(0.5, 2)) * a / b}


@subject()
def longest_step(generator: np.random.Generator) -> dict[str, Any]:
    """Adam's averages after gradients that grow by β₂/β₁ a step, long after the start."""
    beta_1, beta_2 = float(generator.uniform(0.2, 0.4)), float(generator.uniform(0.8, 0.95))
    optimizer, theta = Adam(beta_1=beta_1, beta_2=beta_2), np.zeros(1)
    for t in range(60):
        optimizer.step(theta, np.array([-1e-20 * (beta_2 / beta_1) ** t]))
    m, v = optimizer.state["m"][0], optimizer.state["v"][0]
    return {"m_t": float(m), "v_t": float(v), "beta_1": beta_1, "beta_2": beta_2}
