"""Natural gradient: the solved system, its invariance, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.problems import Quadratic
from nnopt_utils.second_order import NaturalGradient, fisher_matrix
from nnopt_utils.training import DivergenceError, fit, minimize

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(60, 2))
Y = GENERATOR.integers(3, size=60)


def small(loss: str = "cross_entropy") -> MLP:
    return MLP([2, 3, 3], "tanh", loss, seed=4, dtype="float64")


def step(optimizer: NaturalGradient, network: MLP, x: np.ndarray = X, y: np.ndarray = Y) -> np.ndarray:
    before = network.parameters.copy()
    optimizer.observe(network, x, y)
    optimizer.step(network.parameters, network.loss_and_gradient(x, y)[1])
    return network.parameters - before


@pytest.mark.parametrize("kind", ["true", "empirical"])
def test_step_solves_the_damped_system(kind):
    network = small()
    F, g = fisher_matrix(network, X, Y, kind), network.loss_and_gradient(X, Y)[1]
    moved = step(NaturalGradient(0.3, damping=0.01, fisher=kind), network)
    np.testing.assert_allclose((F + 0.01 * np.eye(len(g))) @ moved, -0.3 * g, rtol=0, atol=1e-14)


def test_a_large_damping_is_gradient_descent():
    network = small()
    g = network.loss_and_gradient(X, Y)[1]
    np.testing.assert_allclose(step(NaturalGradient(1e6, damping=1e6), network), -g, rtol=1e-5, atol=1e-8)


def test_linear_least_squares_is_solved_in_one_step():
    """There the Fisher of the half squared error is the Hessian."""
    network = MLP([2, 2], loss="half_mse", dtype="float64")
    y = GENERATOR.normal(size=(60, 2))
    step(NaturalGradient(1.0, damping=0.0), network, X, y)
    solved = np.linalg.lstsq(np.column_stack([X, np.ones(60)]), y)[0]
    np.testing.assert_allclose(network.parameters, solved.ravel(), rtol=1e-10)


class TestInvariance:
    """Logistic regression on z = θ x, and the same model in φ with θ = A φ: z = φᵀ(Aᵀ x), derived by hand.

    With x̃ = (x, 1), p = σ(θᵀ x̃): ∇_θ J = mean (p − y) x̃ and F_θ = mean p (1 − p) x̃ x̃ᵀ. In φ every x̃ becomes Aᵀ x̃,
    so ∇_φ J = Aᵀ ∇_θ J and F_φ = Aᵀ F_θ A: the step in φ, moved back by A, is A (Aᵀ F A)⁻¹ Aᵀ g = F⁻¹ g.
    """

    A = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, 0.0], [0.0, -0.4, 0.7]])
    y = (X[:, 0] + 0.5 * X[:, 1] + 0.8 * GENERATOR.normal(size=60) > 0).astype(float)
    start = np.array([0.3, -0.2, 0.1])

    def path_in_phi(self, natural: bool, rate: float, steps: int = 8) -> np.ndarray:
        """The path of φ, moved to θ."""
        inputs = np.column_stack([X, np.ones(60)]) @ self.A
        phi, path = np.linalg.solve(self.A, self.start), []
        for _ in range(steps):
            p = 1 / (1 + np.exp(-inputs @ phi))
            g = inputs.T @ (p - self.y) / 60
            F = inputs.T @ (inputs * (p * (1 - p))[:, None]) / 60
            phi = phi - rate * (np.linalg.solve(F, g) if natural else g)
            path.append(self.A @ phi)
        return np.array(path)

    def path_of(self, optimizer, rate: float, steps: int = 8) -> np.ndarray:
        network = MLP([2, 1], loss="binary_cross_entropy", dtype="float64")
        network.parameters = self.start
        path: list[np.ndarray] = []
        fit(
            network,
            optimizer,
            (X, self.y),
            epochs=steps,
            batch_size=60,
            callback=lambda s: path.append(s.network.parameters.copy()),
            progress=False,
        )
        return np.array(path)

    def test_natural_gradient_takes_the_same_path(self):
        ours = self.path_of(NaturalGradient(0.5, damping=0.0), 0.5)
        np.testing.assert_allclose(ours, self.path_in_phi(natural=True, rate=0.5), rtol=0, atol=1e-10)

    def test_gradient_descent_does_not(self):
        ours, theirs = self.path_of(GradientDescent(0.5), 0.5), self.path_in_phi(natural=False, rate=0.5)
        assert np.abs(ours[-1] - theirs[-1]).max() > 0.1

    def test_damping_breaks_it(self):
        damped = self.path_of(NaturalGradient(0.5, damping=0.05), 0.5)
        assert np.abs(damped - self.path_in_phi(natural=True, rate=0.5)).max() > 1e-3


class TestStep:
    def test_needs_its_batch(self):
        network, optimizer = small(), NaturalGradient(0.1)
        before = network.parameters.copy()
        with pytest.raises(ValueError, match=r"step: got a gradient without its batch; NaturalGradient .*observe"):
            optimizer.step(network.parameters, np.ones_like(before))
        step(optimizer, network)
        with pytest.raises(ValueError, match=r"step: got a gradient without its batch"):
            optimizer.step(network.parameters, np.ones_like(before))
        assert optimizer.t == 1

    def test_minimize_says_what_to_use(self):
        with pytest.raises(ValueError, match=r"minimize has no batch: .*newton"):
            minimize(Quadratic([1.0, 2.0]), NaturalGradient(0.1), steps=3)

    def test_theta_is_the_networks(self):
        optimizer = NaturalGradient(0.1)
        optimizer.observe(small(), X, Y)
        theta = np.ones(5)
        with pytest.raises(ValueError, match=r"theta: got float64 array of shape \(5,\); expected the 21 parameters"):
            optimizer.step(theta, np.ones(5))
        assert optimizer.t == 0 and (theta == 1).all()

    def test_network_is_that_of_earlier_steps(self):
        optimizer = NaturalGradient(0.1)
        step(optimizer, small())
        with pytest.raises(ValueError, match=r"network: got MLP\(\[2, 4, 3\].*expected one with the layers"):
            optimizer.observe(MLP([2, 4, 3]), X, Y)
        with pytest.raises(TypeError, match=r"network: got 1; expected an MLP"):
            optimizer.observe(1, X, Y)

    def test_data_are_checked(self):
        with pytest.raises(ValueError, match=r"y: got values from 7 to 9"):
            NaturalGradient(0.1).observe(small(), X, Y + 7)

    def test_a_singular_matrix_is_named(self):
        """Softmax logits may all be shifted: no data make that F regular."""
        network, optimizer = small(), NaturalGradient(0.1, damping=0.0)
        with pytest.raises(ValueError, match=r"damping: got 0 for a singular Fisher matrix, of rank \d+ with 21 rows"):
            optimizer.observe(network, X, Y)
        assert optimizer.t == 0

    def test_gradients_are_not_collected(self):
        with pytest.raises(ValueError, match=r"gradient_accumulation_steps: got 2; NaturalGradient"):
            NaturalGradient(0.1, gradient_accumulation_steps=2)

    def test_one_convention(self):
        with pytest.raises(ValueError, match=r"convention: got 'keras'; expected one of 'paper'"):
            NaturalGradient(0.1, convention="keras")

    def test_decay_and_clipping_stand_around_it(self):
        network = small()
        theta, g = network.parameters.copy(), network.loss_and_gradient(X, Y)[1]
        F = fisher_matrix(network, X) + 0.1 * np.eye(21)
        moved = step(NaturalGradient(0.5, damping=0.1, weight_decay=0.2, global_clipnorm=0.01), network)
        expected = -0.5 * 0.2 * theta - 0.5 * np.linalg.solve(F, g * 0.01 / np.linalg.norm(g))
        np.testing.assert_allclose(moved, expected, rtol=1e-10)


def test_resumes_bit_for_bit():
    whole, halves = small(), small()
    fit(whole, NaturalGradient(0.5), (X, Y), epochs=4, batch_size=20, progress=False)
    first = NaturalGradient(0.5)
    history = fit(halves, first, (X, Y), epochs=2, batch_size=20, progress=False)
    second = NaturalGradient(0.5)
    second.set_state(first.get_state())
    fit(halves, second, (X, Y), epochs=4, batch_size=20, history=history, progress=False)
    assert np.array_equal(whole.parameters, halves.parameters)


def test_shows_its_hyperparameters_and_can_be_copied():
    optimizer = NaturalGradient(0.5, damping=0.2)
    assert repr(optimizer).startswith("NaturalGradient(learning_rate=0.5, damping=0.2, fisher='true'")
    step(optimizer, small())
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(twin) == repr(optimizer) and twin.t == 1


def test_divergence_is_the_fits_to_tell():
    with pytest.raises(DivergenceError, match="diverged"):
        network = MLP([2, 2], loss="mse")
        fit(network, NaturalGradient(1e30, damping=1.0), (X, X), epochs=9, batch_size=60, progress=False)
