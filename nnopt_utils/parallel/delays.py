"""Delayed gradients: runs with them, and what theory says of them on quadratics."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._objective import Objective, check_objective
from nnopt_utils._validation import (
    as_generator,
    called_as,
    check_array,
    check_integer,
    check_not_negative,
    check_positive,
    describe,
)
from nnopt_utils.history import Trajectory
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.training import _finite_value_and_gradient


class BestRate(NamedTuple):
    """The rate that converges fastest at a delay, and how fast that is.

    Attributes:
        rate: η.
        contraction: by which factor a step shrinks the distance from the minimum in the long run.

    Example:
        >>> best_rate(delay=1)
        BestRate(rate=0.25, contraction=0.5)
    """

    rate: float
    contraction: float


class _Record:
    """The points of a run that have a finite value and gradient."""

    def __init__(self, problem: Objective, start: Any, usage: str) -> None:
        check_objective(problem, start, usage)
        given = check_array("start", problem.start if start is None else start, ndim=1)
        self.problem, self.diverged = problem, False
        self.theta = np.array(given, dtype=np.float64)
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.norms: list[float] = []
        if self.note() is None:
            value = _finite_value_and_gradient(problem, self.theta)[0]
            raise ValueError(f"start: got a point where the value is {value}; expected a finite value and gradient")

    def note(self) -> np.ndarray | None:
        """Note θ as it is now and return the gradient there; ``None`` where the run has diverged."""
        value, gradient = _finite_value_and_gradient(self.problem, self.theta)
        if gradient is None:
            self.diverged = True
            return None
        self.points.append(self.theta.copy())
        self.values.append(value)
        self.norms.append(float(np.linalg.norm(gradient)))
        self.gradient = np.array(gradient)  # a problem may return θ itself, which is about to change
        return self.gradient

    def trajectory(self, caption: str) -> Trajectory:
        return Trajectory(np.array(self.points), np.array(self.values), np.array(self.norms), self.diverged, caption)


@called_as(
    "delayed_descent(problem, optimizer, delay, steps)",
    tau="delay",
    staleness="delay",
    noise="sigma",
    std="sigma",
    x0="start",
    theta="start",
    lr="SGD(learning_rate=…), which is the optimizer's",
    learning_rate="SGD(learning_rate=…), which is the optimizer's",
    random_state="seed",
)
def delayed_descent(
    problem: Objective,
    optimizer: Optimizer,
    delay: int,
    steps: int,
    start: np.ndarray | None = None,
    *,
    sigma: float = 0.0,
    seed: int | np.random.Generator = 0,
) -> Trajectory:
    r"""Run an optimizer whose gradients come τ steps late, as ``minimize`` runs it when they come at once.

    .. math:: g_t = \nabla J(\theta_{t - \tau}) + \sigma \xi_t, \qquad \theta_{t+1} = \theta_t - \eta\, g_t

    for plain descent, and any other rule with this g. Until the first gradient has come back the one at the start is
    taken: t − τ means 1 where it is smaller. So run τ + 1 workers in turn, each on the point that it last wrote.

    Args:
        problem, optimizer, steps, start: as in ``minimize``.
        delay: τ >= 0. With 0, and no noise, the run is that of ``minimize``.
        sigma: σ >= 0, the standard deviation of the noise in every entry of every gradient; default 0. Noise is new in
            every step, and the same for all delays with one seed.
        seed: of the noise: an integer or a ``numpy.random.Generator``; default 0.

    Returns:
        The trajectory of T + 1 points, with values and norms of gradients without noise and delay. When they stop being
        finite the run ends at the last finite point, with ``diverged=True``.

    Raises:
        TypeError, ValueError: bad arguments, an optimizer that has already taken steps.

    Example:
        >>> from nnopt_utils.optimizers import GradientDescent
        >>> from nnopt_utils.problems import Quadratic
        >>> run = delayed_descent(Quadratic([1.0]), GradientDescent(0.5), delay=1, steps=4)
        >>> run.points.ravel()
        array([ 1.  ,  0.5 ,  0.  , -0.25, -0.25])

    Source: Y. Arjevani, O. Shamir, N. Srebro, "A tight convergence analysis for stochastic gradient descent with
    delayed updates", ALT 2020.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: got {describe(optimizer)}; expected an Optimizer, e.g. GradientDescent(0.1)")
    if optimizer.t:
        raise ValueError(f"optimizer: got one that has taken {optimizer.t} steps; expected a new one")
    check_integer("delay", delay, low=0)
    check_integer("steps", steps, low=1)
    sigma = check_not_negative("sigma", sigma)
    generator = as_generator(seed)
    record = _Record(problem, start, "delayed_descent(problem, optimizer, delay, steps)")
    on_the_way = deque([record.gradient] * (delay + 1), maxlen=delay + 1)  # the gradients at θ_{t−τ} … θ_t
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            gradient = on_the_way[0]
            if sigma:
                gradient = gradient + sigma * generator.standard_normal(gradient.shape)
            optimizer.step(record.theta, gradient)
            newest = record.note()
            if newest is None:
                break
            on_the_way.append(newest)
    return record.trajectory(repr(optimizer))


def stability_limit(delay: int) -> float:
    r"""Return the a = η λ below which delayed gradient descent with the rate η converges along a curvature λ.

    .. math:: a = 2 \sin \frac{\pi}{2 (2 \tau + 1)}

    There two roots of the polynomial of :func:`contraction` lie on the unit circle, at angles ± π / (2 τ + 1). For long
    delays the limit is about π / (2 τ + 1).

    Args:
        delay: τ >= 0.

    Raises:
        TypeError, ValueError: no integer >= 0.

    Example:
        >>> [round(stability_limit(delay), 4) for delay in (0, 1, 2, 4, 8, 16)]
        [2.0, 1.0, 0.618, 0.3473, 0.1845, 0.0952]
    """
    check_integer("delay", delay, low=0)
    return 2 * math.sin(math.pi / (2 * (2 * delay + 1)))


def contraction(rate_times_curvature: Any, delay: int) -> Any:
    r"""Return the factor by which a step of delayed gradient descent shrinks the error in the long run.

    Along a curvature λ, with a = η λ, the error follows :math:`e_{t+1} = e_t - a\, e_{t-\tau}`. It is a sum of powers
    of the roots of

    .. math:: z^{\tau + 1} - z^\tau + a = 0 ;

    the largest :math:`|z|` is what remains. Where two roots meet, at :func:`best_rate`, the power has a factor t.

    Args:
        rate_times_curvature: a, a number or an array of any shape.
        delay: τ >= 0.

    Returns:
        The largest modulus, a float or an array of the shape of a; the run converges where it is below 1. Near the
        double root only half of the digits are right.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> contraction(np.array([0.1, 0.25, 0.5, 1.0]), delay=1).round(4)
        array([0.8873, 0.5   , 0.7071, 1.    ])
    """
    a = check_array("rate_times_curvature", rate_times_curvature)
    check_integer("delay", delay, low=0)
    companion = np.zeros((*a.shape, delay + 1, delay + 1))
    companion[..., 1:, :-1] = np.eye(delay)
    companion[..., 0, 0] = 1.0
    companion[..., 0, -1] -= a
    largest = np.abs(np.linalg.eigvals(companion)).max(axis=-1)
    return float(largest) if a.ndim == 0 else largest


def best_rate(delay: int, curvatures: Any = 1.0) -> BestRate:
    r"""Return the rate at which delayed gradient descent contracts fastest, for the worst of the curvatures.

    For one curvature λ it is a/λ, and the contraction z, with

    .. math:: a = \frac{\tau^\tau}{(\tau + 1)^{\tau + 1}}, \qquad z = \frac{\tau}{\tau + 1} .

    There two positive roots of the polynomial of :func:`contraction` meet. A smaller a leaves one of them nearer to 1;
    a larger one makes them a pair, of modulus ρ and at angles ± φ, that moves outwards. So of several curvatures the
    smallest and the largest are the worst, and the best rate makes these two equally bad. With κ = L/μ the pair of the
    largest is found at

    .. math:: \kappa = \frac{\cos(\varphi / 2)}{\cos((2 \tau + 1) \varphi / 2)}, \qquad
              \rho = \frac{\sin(\tau \varphi)}{\sin((\tau + 1) \varphi)}, \qquad
              \eta = \frac{\rho^\tau (1 - \rho)}{\mu} .

    Without a delay it is 2 / (μ + L), with the contraction (κ − 1) / (κ + 1).

    Args:
        delay: τ >= 0.
        curvatures: λ > 0, or all curvatures of a problem, of which only the smallest and the largest count; default 1.

    Returns:
        The rate η and the contraction ρ.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> best_rate(delay=2)                                    # 4/27 and 2/3
        BestRate(rate=0.148..., contraction=0.666...)
        >>> [round(best_rate(delay, [1.0, 10.0]).contraction, 4) for delay in (0, 1, 2, 4)]
        [0.8182, 0.9091, 0.9432, 0.9678]
    """
    check_integer("delay", delay, low=0)
    given = check_array("curvatures", curvatures)
    if not (given > 0).all():
        raise ValueError(f"curvatures: got {describe(curvatures)}; expected numbers > 0")
    mu, L = float(given.min()), float(given.max())
    if delay == 0:
        return BestRate(2 / (mu + L), (L - mu) / (L + mu))
    if mu == L:
        rho = delay / (delay + 1)
        rate = rho**delay * (1 - rho) / mu
    else:
        angle = _angle_of_the_pair(delay, L / mu)
        rho = math.sin(delay * angle) / math.sin((delay + 1) * angle)
        # ρ^τ (1 − ρ) / μ; but 1 − ρ would lose its digits where κ is large
        rate = rho**delay * math.sin(angle) / (L * math.sin((delay + 1) * angle))
    return BestRate(rate, rho)


def _angle_of_the_pair(delay: int, kappa: float) -> float:
    """The φ between 0 and π/(2τ + 1) with κ = cos(φ/2) / cos((2τ + 1) φ/2), by bisection: the right side rises."""
    low, high = 0.0, math.pi / (2 * delay + 1)
    for _ in range(100):
        angle = (low + high) / 2
        if math.cos(angle / 2) < kappa * math.cos((2 * delay + 1) * angle / 2):
            low = angle
        else:
            high = angle
    return (low + high) / 2


def delayed_noise_floor(rate: float, curvature: float, delay: int, sigma: float = 1.0) -> float:
    r"""Return the mean square V of the distance from the minimum that delayed SGD ends at, along one curvature.

    .. math:: V = \frac{\eta^2 \sigma^2}{a \sqrt{4 - a^2}} \, \frac{1 + \sin \beta}{\cos \beta}, \qquad
              a = \eta \lambda, \qquad \beta = (2 \tau + 1) \arcsin \frac{a}{2}

    for :math:`\theta_{t+1} = \theta_t - \eta\, (\lambda\, \theta_{t-\tau} + \sigma \xi_t)`, the ξ independent and of
    variance 1. The loss ends at λ/2 times that. Without a delay V is η σ² / (λ (2 − η λ)). To first order in a, a delay
    multiplies it by 1 + a τ: a small rate hardly notices. It becomes infinite at the :func:`stability_limit`, where
    β = π/2.

    The autocovariances obey :math:`\gamma_{k+1} - \gamma_k = -a\, \gamma_{\tau - k}`, and so, two of these together,
    :math:`\gamma_{k+1} - 2 \gamma_k + \gamma_{k-1} = -a^2 \gamma_k`: for lags from 0 to τ + 1 they are a cosine.

    Args:
        rate: η > 0.
        curvature: λ > 0.
        delay: τ >= 0.
        sigma: σ >= 0, the standard deviation of the gradient's noise; default 1.

    Returns:
        The stationary variance; infinity where there is none, at the limit of stability and beyond.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> [round(delayed_noise_floor(0.01, 1.0, delay), 6) for delay in (0, 1, 4, 16)]
        [0.005025, 0.005076, 0.00523, 0.005901]
        >>> [round(delayed_noise_floor(0.3, 1.0, delay), 3) for delay in (0, 1, 4, 16)]
        [0.176, 0.242, 1.401, inf]
    """
    rate, curvature = check_positive("rate", rate), check_positive("curvature", curvature)
    check_integer("delay", delay, low=0)
    sigma = check_not_negative("sigma", sigma)
    a = rate * curvature
    if a >= stability_limit(delay):
        return math.inf
    beta = (2 * delay + 1) * math.asin(a / 2)
    return rate * sigma * (sigma / curvature) / math.sqrt(4 - a**2) * (1 + math.sin(beta)) / math.cos(beta)


@called_as(
    "expected_asynchronous_path(problem, learning_rate, workers, steps)",
    lr="learning_rate",
    rate="learning_rate",
    n_workers="workers",
    n_steps="steps",
    x0="start",
)
def expected_asynchronous_path(
    problem: Objective,
    learning_rate: float,
    workers: int,
    steps: int,
    start: np.ndarray | None = None,
    *,
    begin_together: bool = False,
) -> Trajectory:
    r"""Descend by the mean over a random staleness, as P workers have it whose times are exponentially distributed.

    .. math:: \theta_{t+1} = \theta_t - \eta \sum_{s=0}^{t-1} p_s\, \nabla J(\theta_{t-s}), \qquad
              p_s = \frac{1}{P} \left(1 - \frac{1}{P}\right)^s

    The weights fall by the same factor from each gradient to the one before, as in a velocity: the path is that of the
    heavy ball, v ← μ v − (η/P) g, θ ← θ + v, with momentum μ = 1 − 1/P and rate η/P. That holds for any J, since it is
    about gradients that were taken on this very path. What would be older than the start counts as 0: the ball starts
    at rest. Workers who all begin at the start have its gradient instead, with the weight (1 − 1/P)ᵗ that is left:
    then the ball starts with the velocity −η g, g at the start.

    Where the gradient is linear, the mean of the random paths is this one, begun together; elsewhere the mean of
    gradients is not the gradient at the mean.

    Args:
        problem: an ``Objective``, as in ``minimize``.
        learning_rate: η > 0 of the asynchronous workers.
        workers: P >= 1.
        steps: T >= 1. The sum is taken as it stands, over all gradients before: T²/2 of them in all.
        start: θ_1, shape (d,); default ``problem.start``.
        begin_together: whether what would be older than the start counts as the gradient at the start, as where P
            workers begin there at the same time, and not as 0; default ``False``.

    Returns:
        The trajectory of T + 1 points; it ends at the last finite one.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.problems import Quadratic
        >>> from nnopt_utils.training import minimize
        >>> path = expected_asynchronous_path(Quadratic(kappa=10), 0.2, workers=4, steps=50)
        >>> heavy_ball = minimize(Quadratic(kappa=10), SGD(0.2 / 4, momentum=1 - 1 / 4), steps=50)
        >>> bool(np.allclose(path.points, heavy_ball.points, atol=1e-12))
        True

    Source: I. Mitliagkas, C. Zhang, S. Hadjis, C. Ré, "Asynchrony begets momentum, with an application to deep
    learning", Allerton 2016, arXiv 1605.09774.
    """
    eta = check_positive("learning_rate", learning_rate)
    P = check_integer("workers", workers, low=1)
    check_integer("steps", steps, low=1)
    record = _Record(problem, start, "expected_asynchronous_path(problem, learning_rate, workers, steps)")
    p = (1 / P) * (1 - 1 / P) ** np.arange(steps)
    older = (1 - 1 / P) ** np.arange(1, steps + 1) if begin_together else np.zeros(steps)
    gradients = np.zeros((steps, record.theta.size))
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(steps):
            gradients[t] = record.gradient
            record.theta -= eta * (p[: t + 1] @ gradients[t::-1] + older[t] * gradients[0])
            if record.note() is None:
                break
    return record.trajectory(f"asynchronous, {P} workers, learning_rate={eta:g}")


__all__ = [
    "BestRate",
    "best_rate",
    "contraction",
    "delayed_descent",
    "delayed_noise_floor",
    "expected_asynchronous_path",
    "stability_limit",
]
