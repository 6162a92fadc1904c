"""The algorithms of the papers, transcribed number by number in float64: what ``"paper"`` is compared with.

Nothing here looks at ``nnopt_utils``. Rules that treat each coordinate by itself are written for one coordinate, in
Python floats: start, gradients and rates go in, θ after each step comes out. The others take a list of tensors, or all
of θ. Names of variables are the papers'. ``decay`` is the library's decoupled weight decay, θ ← θ − η λ θ before the
step, in papers that have none of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Path = list[float]


def sign(x: float) -> float:
    return (x > 0) - (x < 0)


# -- one coordinate --------------------------------------------------------------------------------------------------


def gradient_descent(x: float, gradients: Path, rates: Path, decay: float = 0.0) -> Path:
    """Cauchy 1847; Robbins and Monro 1951, with a rate of its own for each step."""
    path = []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        x -= eta * g
        path.append(x)
    return path


def heavy_ball(x: float, gradients: Path, rates: Path, momentum: float, decay: float = 0.0) -> Path:
    """Polyak 1964, as a velocity: v_{t+1} = μ v_t − ε g, θ_{t+1} = θ_t + v_{t+1} (Sutskever et al. 2013, eq. 1–2)."""
    v, path = 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        v = momentum * v - eta * g
        x += v
        path.append(x)
    return path


def nesterov_lookahead(x: float, gradients: Path, rates: Path, momentum: float, decay: float = 0.0) -> Path:
    """Sutskever et al. 2013, equations 3–4, seen from the look-ahead point Θ_t = θ_t + μ v_t, where g is taken.

    v_{t+1} = μ v_t − ε g(Θ_t) and θ_{t+1} = θ_t + v_{t+1}: the point that the frameworks keep is Θ.
    """
    v, path = 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        behind = x - momentum * v  # θ_t
        v = momentum * v - eta * g
        x = behind + v + momentum * v  # Θ_{t+1}
        path.append(x)
    return path


def nesterov_two_sequences(
    y: float, gradients: Path, rates: Path, momentum: float | None = None, decay: float = 0.0
) -> Path:
    """Nesterov 1983 and 2004, section 2.2: x_t = y_t − η g(y_t), y_{t+1} = x_t + β_t (x_t − x_{t−1}). Returns y.

    β_t = (t − 1)/(t + 2), or a constant.
    """
    x_before, path = y, []
    for t, (g, eta) in enumerate(zip(gradients, rates, strict=True), start=1):
        x = y - eta * decay * y - eta * g
        y = x + ((t - 1) / (t + 2) if momentum is None else momentum) * (x - x_before)
        x_before = x
        path.append(y)
    return path


def adagrad(x: float, gradients: Path, rates: Path, delta: float, decay: float = 0.0) -> Path:
    """Duchi, Hazan and Singer 2011, Figure 1 with ψ = 0: s_{t,i} = ‖g_{1:t,i}‖, H_t = δ I + diag(s_t)."""
    squares, path = 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        squares += g * g
        h = delta + math.sqrt(squares)
        x -= eta * (g / h if g else 0.0)
        path.append(x)
    return path


def adadelta(x: float, gradients: Path, rates: Path, rho: float, epsilon: float, decay: float = 0.0) -> Path:
    """Zeiler 2012, Algorithm 1; RMS[y] = √(E[y²] + ε). The rate is 1 there."""
    e_g, e_dx, path = 0.0, 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        e_g = rho * e_g + (1 - rho) * g * g
        dx = -math.sqrt(e_dx + epsilon) / math.sqrt(e_g + epsilon) * g
        e_dx = rho * e_dx + (1 - rho) * dx * dx
        x += eta * dx
        path.append(x)
    return path


def rmsprop_lecture(x: float, gradients: Path, rates: Path, rho: float) -> Path:
    """Hinton, Srivastava and Swersky 2012, lecture 6e: MS = 0.9 MS + 0.1 g²; divide the gradient by √MS."""
    ms, path = 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        ms = rho * ms + (1 - rho) * g * g
        x -= eta * g / math.sqrt(ms)
        path.append(x)
    return path


def rmsprop_graves(
    w: float, gradients: Path, rates: Path, rho: float, momentum: float, epsilon: float, centered: bool, decay: float
) -> Path:
    """Graves 2013, equations 38–41: n, g, Δ = ℶ Δ − ℷ ε/√(n − g² + ℸ), w += Δ. Not centred: without g."""
    n, mean, delta, path = 0.0, 0.0, 0.0, []
    for e, eta in zip(gradients, rates, strict=True):
        w -= eta * decay * w
        n = rho * n + (1 - rho) * e * e
        mean = rho * mean + (1 - rho) * e
        delta = momentum * delta - eta * e / math.sqrt(n - (mean * mean if centered else 0.0) + epsilon)
        w += delta
        path.append(w)
    return path


def adam(
    theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0
) -> Path:
    """Kingma and Ba 2015, Algorithm 1."""
    m, v, path = 0.0, 0.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta -= alpha * decay * theta
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta -= alpha * m_hat / (math.sqrt(v_hat) + epsilon)
        path.append(theta)
    return path


def amsgrad(
    x: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0
) -> Path:
    """Reddi, Kale and Kumar 2018, Algorithm 2: the largest v so far, no bias correction. ε is ours: theirs is 0."""
    m, v, v_hat, path = 0.0, 0.0, 0.0, []
    for g, alpha in zip(gradients, rates, strict=True):
        x -= alpha * decay * x
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        v_hat = max(v_hat, v)
        x -= alpha * m / (math.sqrt(v_hat) + epsilon)
        path.append(x)
    return path


def adamw(
    theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, epsilon: float, decay: float
) -> Path:
    """Loshchilov and Hutter 2019, Algorithm 2, line 12, with schedule multiplier 1 and their λ = η λ."""
    m, v, path = 0.0, 0.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        theta -= alpha * m_hat / (math.sqrt(v_hat) + epsilon) + alpha * decay * theta
        path.append(theta)
    return path


def adamax(theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, decay: float = 0.0) -> Path:
    """Kingma and Ba 2015, Algorithm 2. It has no ε: where every gradient was 0 the step is 0/0, here no step."""
    m, u, path = 0.0, 0.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta -= alpha * decay * theta
        m = beta_1 * m + (1 - beta_1) * g
        u = max(beta_2 * u, abs(g))
        if u:
            theta -= alpha / (1 - beta_1**t) * m / u
        path.append(theta)
    return path


def nadam(theta: float, gradients: Path, rates: Path, mus: Path, nu: float, epsilon: float, decay: float = 0.0) -> Path:
    """Dozat 2016, Algorithm 2: μ_t is a schedule, ``mus[t - 1]``, one longer than the steps."""
    m, n, product, path = 0.0, 0.0, 1.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta -= alpha * decay * theta
        mu, mu_next = mus[t - 1], mus[t]
        product *= mu
        m = mu * m + (1 - mu) * g
        n = nu * n + (1 - nu) * g * g
        m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        n_hat = n / (1 - nu**t)
        theta -= alpha * m_hat / (math.sqrt(n_hat) + epsilon)
        path.append(theta)
    return path


def radam(
    theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0
) -> Path:
    """Liu et al. 2020, Algorithm 2. ε, which it has not, stands beside √v as in the authors' code."""
    rho_inf = 2 / (1 - beta_2) - 1
    m, v, path = 0.0, 0.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta -= alpha * decay * theta
        v = beta_2 * v + (1 - beta_2) * g * g
        m = beta_1 * m + (1 - beta_1) * g
        m_hat = m / (1 - beta_1**t)
        rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho > 4:
            length = math.sqrt(1 - beta_2**t) / (math.sqrt(v) + epsilon)
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            theta -= alpha * r * m_hat * length
        else:
            theta -= alpha * m_hat
        path.append(theta)
    return path


def yogi(
    x: float,
    gradients: Path,
    rates: Path,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    v_0: float = 0.0,
    decay: float = 0.0,
) -> Path:
    """Zaheer et al. 2018, Algorithm 2: m_0 = v_0 = 0 and no bias correction."""
    m, v, path = 0.0, v_0, []
    for g, eta in zip(gradients, rates, strict=True):
        x -= eta * decay * x
        m = beta_1 * m + (1 - beta_1) * g
        v = v - (1 - beta_2) * sign(v - g * g) * g * g
        x -= eta * m / (math.sqrt(v) + epsilon)
        path.append(x)
    return path


def adabelief(
    theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, epsilon: float, decay: float = 0.0
) -> Path:
    """Zhuang et al. 2020, Algorithm 2: ε joins s at every step, and stands beside the root as well."""
    m, s, path = 0.0, 0.0, []
    for t, (g, alpha) in enumerate(zip(gradients, rates, strict=True), start=1):
        theta -= alpha * decay * theta
        m = beta_1 * m + (1 - beta_1) * g
        s = beta_2 * s + (1 - beta_2) * (g - m) ** 2 + epsilon
        m_hat, s_hat = m / (1 - beta_1**t), s / (1 - beta_2**t)
        theta -= alpha * m_hat / (math.sqrt(s_hat) + epsilon)
        path.append(theta)
    return path


def lion(theta: float, gradients: Path, rates: Path, beta_1: float, beta_2: float, decay: float) -> Path:
    """Chen et al. 2023, Algorithm 2, which has its own weight decay."""
    m, path = 0.0, []
    for g, eta in zip(gradients, rates, strict=True):
        c = beta_1 * m + (1 - beta_1) * g
        theta = theta - eta * (sign(c) + decay * theta)
        m = beta_2 * m + (1 - beta_2) * g
        path.append(theta)
    return path


def ftrl(w: float, gradients: Path, rates: Path, beta: float, lambda_1: float, lambda_2: float) -> Path:
    """McMahan et al. 2013, Algorithm 1: n, σ and z of a coordinate, then its weight.

    The paper's w comes from z at the beginning of a step; it is computed here at the end of the step before, from the
    same z. Its rate α is constant; with another one each step takes the rate of its own.
    """
    z, n, path = 0.0, 0.0, []
    for g, alpha in zip(gradients, rates, strict=True):
        sigma = (math.sqrt(n + g * g) - math.sqrt(n)) / alpha
        z += g - sigma * w
        n += g * g
        w = 0.0 if abs(z) <= lambda_1 else -(z - sign(z) * lambda_1) / ((beta + math.sqrt(n)) / alpha + lambda_2)
        path.append(w)
    return path


# -- tensors ---------------------------------------------------------------------------------------------------------

Tensors = list[np.ndarray]


def flat(tensors: Tensors) -> np.ndarray:
    return np.concatenate([x.ravel() for x in tensors])


def lamb(
    tensors: Tensors,
    gradients: Sequence[Tensors],
    rates: Path,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    decay: float,
) -> np.ndarray:
    """You et al. 2020, Algorithm 2, with φ(z) = z; the ratio is 1 where a norm is 0 (the authors' code)."""
    x = [a.copy() for a in tensors]
    m, v = [0 * a for a in x], [0 * a for a in x]
    path = []
    for t, (step, eta) in enumerate(zip(gradients, rates, strict=True), start=1):
        for i, g in enumerate(step):
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            r = m[i] / (1 - beta_1**t) / (np.sqrt(v[i] / (1 - beta_2**t)) + epsilon)
            update = r + decay * x[i]
            size, length = math.sqrt(np.sum(x[i] ** 2)), math.sqrt(np.sum(update**2))
            x[i] = x[i] - eta * (size / length if size and length else 1.0) * update
        path.append(flat(x))
    return np.array(path)


def adafactor(
    tensors: Tensors,
    gradients: Sequence[Tensors],
    rates: Path,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    d: float = 1.0,
    power: float = 0.8,
    decay: float = 0.0,
) -> np.ndarray:
    """Shazeer and Stern 2018, Algorithms 4 (matrices, with sums of rows and columns) and 5 (vectors).

    ρ_t = min(η_t, 1/√t) and β̂_{2t} = 1 − t^{−0.8}, as in their section 9; X decays before.
    """
    x = [a.copy() for a in tensors]
    r, c, v = [0.0] * len(x), [0.0] * len(x), [0.0] * len(x)
    path = []
    for t, (step, eta) in enumerate(zip(gradients, rates, strict=True), start=1):
        rho, beta = min(eta, 1 / math.sqrt(t)), 1 - t**-power
        for i, g in enumerate(step):
            x[i] = x[i] - eta * decay * x[i]
            alpha = max(epsilon_2, math.sqrt(np.mean(x[i] ** 2))) * rho
            squares = g**2 + epsilon_1
            if g.ndim == 2:
                ones_m, ones_n = np.ones((g.shape[1], 1)), np.ones((g.shape[0], 1))
                r[i] = beta * r[i] + (1 - beta) * squares @ ones_m
                c[i] = beta * c[i] + (1 - beta) * ones_n.T @ squares
                v_hat = r[i] @ c[i] / (ones_n.T @ r[i])
            else:
                v[i] = beta * v[i] + (1 - beta) * squares
                v_hat = v[i]
            u = g / np.sqrt(v_hat)
            x[i] = x[i] - alpha * u / max(1.0, math.sqrt(np.mean(u**2)) / d)
        path.append(flat(x))
    return np.array(path)


def newton_schulz(matrix: np.ndarray, steps: int = 5) -> np.ndarray:
    """Jordan 2024: the quintic iteration with 3.4445, −4.7750, 2.0315 on the matrix divided by its norm."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (np.sqrt(np.sum(x**2)) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def muon_matrix(
    weights: np.ndarray, gradients: Sequence[np.ndarray], rates: Path, momentum: float, nesterov: bool, decay: float
) -> np.ndarray:
    """Jordan et al. 2024 (their repository's ``muon.py``), for one hidden matrix, stored (fan-in, fan-out) as here.

    There a layer's matrix is (fan-out, fan-in), and the factor √max(1, rows/columns) is √max(1, fan-out/fan-in).
    """
    x, m, path = weights.copy(), np.zeros_like(weights), []
    for g, eta in zip(gradients, rates, strict=True):
        m = momentum * m + (1 - momentum) * g
        update = (1 - momentum) * g + momentum * m if nesterov else m
        update = newton_schulz(update.T) * math.sqrt(max(1.0, weights.shape[1] / weights.shape[0]))
        x = x * (1 - eta * decay) - eta * update.T
        path.append(x.ravel())
    return np.array(path)


def muon(
    tensors: Tensors, gradients: Sequence[Tensors], rates: Path, nesterov: bool = True, decay: float = 0.0
) -> np.ndarray:
    """Jordan et al. 2024: hidden matrices by their rule with momentum 0.95; vectors and the last matrix by Adam.

    That is AdamW with β₂ = 0.95, and here with half the rate and ε = 1e-8.
    """
    last = max(i for i, x in enumerate(tensors) if x.ndim == 2)
    paths = []
    for i, x in enumerate(tensors):
        steps = [step[i] for step in gradients]
        if x.ndim == 2 and i != last:
            paths.append(muon_matrix(x, steps, rates, 0.95, nesterov, decay))
        else:
            columns = zip(x.ravel(), np.array([g.ravel() for g in steps]).T, strict=True)
            half = [rate / 2 for rate in rates]
            paths.append(np.array([adam(w, column, half, 0.9, 0.95, 1e-8, decay) for w, column in columns]).T)
    return np.hstack(paths)


# -- all of θ --------------------------------------------------------------------------------------------------------


def schedule_free_sgd(
    start: np.ndarray, gradients: np.ndarray, rates: Path, beta: float, decay: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Defazio et al. 2024, equations 3–5, averaging as their code does: weights γ_max², so that c_1 = 1.

    Returns y, where gradients are taken, and x, the average. Decay joins the gradient, at y.
    """
    z, x = start.copy(), start.copy()
    total, largest, ys, xs = 0.0, 0.0, [], []
    for g, gamma in zip(gradients, rates, strict=True):
        y = (1 - beta) * z + beta * x
        z = z - gamma * (g + decay * y)
        largest = max(largest, gamma)
        total += largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
        ys.append((1 - beta) * z + beta * x)
        xs.append(x)
    return np.array(ys), np.array(xs)


def schedule_free_adamw(
    start: np.ndarray,
    gradients: np.ndarray,
    rates: Path,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    decay: float = 0.0,
    warmup: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Defazio et al. 2024, Algorithm 1, averaging as their code does: weights γ_max². Returns y and x."""
    z, x, v = start.copy(), start.copy(), np.zeros_like(start)
    total, largest, ys, xs = 0.0, 0.0, [], []
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        y = (1 - beta_1) * z + beta_1 * x
        v = beta_2 * v + (1 - beta_2) * g**2
        gamma = rate * math.sqrt(1 - beta_2**t) * (min(1.0, t / warmup) if warmup else 1.0)
        z = z - gamma * g / (np.sqrt(v) + epsilon) - gamma * decay * y
        largest = max(largest, gamma)
        total += largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
        ys.append((1 - beta_1) * z + beta_1 * x)
        xs.append(x)
    return np.array(ys), np.array(xs)


def d_adapt_sgd(
    start: np.ndarray,
    gradients: np.ndarray,
    rates: Path,
    d0: float,
    momentum: float = 0.0,
    factor: float = 1.0,
    decay: float = 0.0,
) -> tuple[np.ndarray, Path]:
    """Defazio and Mishchenko 2023, SGD with D-Adaptation: λ_k = d_k γ_k / ‖g_0‖, x = β x + (1 − β) z.

    d̂ = factor Σ λ_i ⟨g_i, s_i⟩ / ‖s_{k+1}‖: the factor is 1 in the theorem, 2 in version 3 of ``dadaptation``, whose
    weight decay is an L2 penalty. Returns x and d.
    """
    x, z, s, d, total = start.copy(), start.copy(), np.zeros_like(start), d0, 0.0
    first, path, ds = None, [], []
    for g, gamma in zip(gradients, rates, strict=True):
        g = g + decay * x
        first = first or math.sqrt(np.sum(g**2))
        step = d * gamma / first
        total += step * float(g @ s)
        s = s + step * g
        z = z - step * g
        d = max(d, factor * total / math.sqrt(np.sum(s**2)))
        x = momentum * x + (1 - momentum) * z
        path.append(x)
        ds.append(d)
    return np.array(path), ds


def d_adapt_adam(
    start: np.ndarray,
    gradients: np.ndarray,
    rates: Path,
    d0: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    decay: float = 0.0,
) -> tuple[np.ndarray, Path]:
    """Defazio and Mishchenko 2023, Adam with D-Adaptation, as in version 3 of ``dadaptation``.

    The inner product ⟨g_k, s_k⟩ is weighted by 1/(√v_k + ε), before v takes up g_k; the step by v_{k+1}. No bias
    correction. Returns x and d.
    """
    x, m, v, s = start.copy(), np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    root, r, d, path, ds = math.sqrt(beta_2), 0.0, d0, [], []
    for g, gamma in zip(gradients, rates, strict=True):
        step = d * gamma
        r = root * r + (1 - root) * step * float(np.sum(g * s / (np.sqrt(v) + epsilon)))
        m = beta_1 * m + (1 - beta_1) * step * g
        v = beta_2 * v + (1 - beta_2) * g**2
        s = root * s + (1 - root) * step * g
        d = max(d, r / ((1 - root) * np.sum(np.abs(s))))
        x = x - step * decay * x - m / (np.sqrt(v) + epsilon)
        path.append(x)
        ds.append(d)
    return np.array(path), ds


def prodigy(
    start: np.ndarray,
    gradients: np.ndarray,
    rates: Path,
    d0: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    decay: float = 0.0,
    factor: float = 1.0,
) -> tuple[np.ndarray, Path]:
    """Mishchenko and Defazio 2024, Prodigy in its Adam form (their Algorithm 4), without bias correction.

    r = √β₂ r + (1 − √β₂) γ d² ⟨g, x_0 − x⟩, s likewise with g; d̂ = factor r / ‖s‖₁ (their ``d_coef``); the
    step has d_k and d_k ε. Returns x and d.
    """
    x, m, v, s = start.copy(), np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    root, r, d, path, ds = math.sqrt(beta_2), 0.0, d0, [], []
    for g, gamma in zip(gradients, rates, strict=True):
        m = beta_1 * m + (1 - beta_1) * d * g
        v = beta_2 * v + (1 - beta_2) * d**2 * g**2
        r = root * r + (1 - root) * gamma * d**2 * float(g @ (start - x))
        s = root * s + (1 - root) * gamma * d**2 * g
        x = x - gamma * d * decay * x - gamma * d * m / (np.sqrt(v) + d * epsilon)
        d = max(d, factor * r / np.sum(np.abs(s)))
        path.append(x)
        ds.append(d)
    return np.array(path), ds
