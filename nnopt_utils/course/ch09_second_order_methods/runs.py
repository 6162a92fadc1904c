"""Longer runs of chapter 09, and what they need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.datasets import Dataset
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.problems import NIST, nist
from nnopt_utils.second_order import Result, SpectralDensity, gauss_newton, levenberg_marquardt, spectral_density
from nnopt_utils.training import fit


class Reparametrised:
    """The same problem in other coordinates φ, with θ = T φ.

    >>> from nnopt_utils.problems import Quadratic
    >>> doubled = Reparametrised(Quadratic([1.0, 3.0]), 2 * np.eye(2))
    >>> doubled.hessian(doubled.start).tolist()
    [[4.0, 0.0], [0.0, 12.0]]
    """

    def __init__(self, problem: Any, matrix: np.ndarray) -> None:
        self.problem, self.matrix = problem, np.asarray(matrix)
        self.start = np.linalg.solve(self.matrix, problem.start)

    def value(self, phi: np.ndarray) -> float:
        """J(T φ)."""
        return float(self.problem.value(self.matrix @ phi))

    def gradient(self, phi: np.ndarray) -> np.ndarray:
        """Tᵀ g."""
        gradient: np.ndarray = self.matrix.T @ self.problem.gradient(self.matrix @ phi)
        return gradient

    def hessian(self, phi: np.ndarray) -> np.ndarray:
        """Tᵀ H T."""
        hessian: np.ndarray = self.matrix.T @ self.problem.hessian(self.matrix @ phi) @ self.matrix
        return hessian


def seconds_of_products(network: MLP, x: np.ndarray, y: np.ndarray, v: np.ndarray) -> dict[str, float]:
    """The median seconds of a gradient and of the two products, of seven calls each, in turn."""
    calls: dict[str, Callable[[], Any]] = {
        "gradient": lambda: network.loss_and_gradient(x, y),
        "Hessian times vector": lambda: network.hessian_vector_product(x, y, v),
        "Gauss–Newton matrix times vector": lambda: network.gauss_newton_vector_product(x, y, v),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(7):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begun)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def errors_of_y(network: MLP, data: Dataset, rate: float, size: int = 128, pairs: int = 20) -> dict[str, np.ndarray]:
    """How far y from mini-batches is off, in lengths of y on 10,000 images, after a step of gradient descent on these.

    The first gradient of y is that of one batch; the second one that of the same batch, or of another one.
    """
    network = network.copy(dtype="float64")
    start = network.parameters.copy()

    def slope(rows: np.ndarray, point: np.ndarray) -> np.ndarray:
        return network.loss_and_gradient(data.x_train[rows], data.y_train[rows], point)[1]

    many = np.arange(10_000)
    slope_of_many = slope(many, start)
    end = start - rate * slope_of_many
    y = slope(many, end) - slope_of_many
    errors: dict[str, list[float]] = {"one batch": [], "two batches": []}
    for first, other in np.random.default_rng(7).integers(0, len(many), size=(pairs, 2, size)):
        before = slope(first, start)
        for name, second in (("one batch", first), ("two batches", other)):
            errors[name].append(float(np.linalg.norm(slope(second, end) - before - y) / np.linalg.norm(y)))
    return {name: np.array(found) for name, found in errors.items()}


def spectra(data: Dataset, images: int = 2000, steps: int = 40) -> dict[str, SpectralDensity]:
    """The density of the Hessian's eigenvalues of 784-64-64-10, at the start and after three epochs of Adam."""
    network = MLP([784, 64, 64, 10], activation="tanh", seed=0)
    x, y = data.x_train[:images], data.y_train[:images]

    def density() -> SpectralDensity:
        return spectral_density(network.hessian_operator(x, y), network.n_parameters, steps=steps, seed=0)

    found = {"at the start": density()}
    fit(network, Adam(0.002), (data.x_train, data.y_train), epochs=3, batch_size=128, seed=0)
    return found | {"after 3 epochs": density()}


Fit = tuple[str, int]


def digits_of(value: float, certified: float) -> float:
    """Correct digits of a residual sum: −log10 of the relative error, 0 to 11.

    >>> round(digits_of(1.0001, 1.0), 2), digits_of(np.inf, 1.0)
    (4.0, 0.0)
    """
    if not np.isfinite(value):
        return 0.0
    return float(np.clip(-np.log10(max(abs(value - certified) / certified, 1e-11)), 0, 11))


def nist_fits() -> dict[str, dict[Fit, float]]:
    """Correct digits of the residual sum for the 27 problems from both starts."""
    methods: dict[str, Callable[..., Result]] = {
        "Gauss–Newton": gauss_newton,
        "Levenberg–Marquardt": levenberg_marquardt,
    }
    found: dict[str, dict[Fit, float]] = {name: {} for name in methods}
    for name, method in methods.items():
        for problem_name in NIST:
            for start in (1, 2):
                problem = nist(problem_name, start=start)
                found[name][problem_name, start] = digits_of(method(problem).value, problem.minimum_value)
    return found
