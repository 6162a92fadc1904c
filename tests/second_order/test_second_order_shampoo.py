"""Shampoo against its paper, Muon, Adagrad, and its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from nnopt_utils.datasets import load_mnist
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.layout import Place, layout_of
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.optimizers.muon import newton_schulz
from nnopt_utils.second_order import Shampoo
from nnopt_utils.training import fit

LAYOUT = MLP([4, 6, 3, 2]).layout
SIZE = LAYOUT[-1].where.stop
STEPS = 25
RATES = [0.04 * (1 + 0.6 * np.cos(0.3 * t)) for t in range(STEPS)]


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    gradients = generator.normal(size=(STEPS, SIZE)) * 10.0 ** generator.uniform(-2, 0.5, (STEPS, SIZE))
    return generator.normal(size=SIZE), gradients


def path_of(optimizer, start, gradients, rates=RATES, layout=LAYOUT):
    optimizer.layout, theta, path = layout, start.copy(), []
    for gradient, rate in zip(gradients, rates, strict=False):
        optimizer.learning_rate = rate
        optimizer.step(theta, gradient)
        path.append(theta.copy())
    return np.array(path)


def matrix_layout(*shape: int) -> list[Place]:
    return layout_of([("W", shape)])


# -- the paper -------------------------------------------------------------------------------------------------------


def gupta_koren_singer(W, gradients, rates, epsilon):
    """Algorithm 1, and Algorithm 2 for a vector: roots by SciPy, L and R from ε I on."""
    path = []
    L, R = epsilon * np.eye(W.shape[0]), epsilon * np.eye(W.shape[-1])
    for G, eta in zip(gradients, rates, strict=True):
        if W.ndim == 2:
            L, R = L + G @ G.T, R + G.T @ G
            W = W - eta * fractional_matrix_power(L, -0.25) @ G @ fractional_matrix_power(R, -0.25)
        else:
            L = L + np.outer(G, G)
            W = W - eta * fractional_matrix_power(L, -0.5) @ G
        path.append(W.ravel())
    return np.array(path)


def later_versions(W, gradients, rates, epsilon, beta, momentum, grafting):
    """One matrix as one large Kronecker product: vec(D) = (L̂ ⊗ R̂)^(−1/4) vec(G), row by row; averages as in Adam."""
    m, n = W.shape
    L, R, velocity, squares, path = np.zeros((m, m)), np.zeros((n, n)), np.zeros(m * n), np.zeros((m, n)), []
    for t, (G, eta) in enumerate(zip(gradients, rates, strict=True), start=1):
        L, R = beta * L + (1 - beta) * G @ G.T, beta * R + (1 - beta) * G.T @ G
        corrected = [average / (1 - beta**t) + epsilon * np.eye(len(average)) for average in (L, R)]
        eigenvalues, Q = np.linalg.eigh(np.kron(*corrected))
        D = Q @ (Q.T @ G.ravel() / eigenvalues**0.25)
        squares = squares + G**2 if grafting == "adagrad" else beta * squares + (1 - beta) * G**2
        lengths = {
            None: np.linalg.norm(D),
            "sgd": np.linalg.norm(G),
            "adagrad": np.linalg.norm(G / np.sqrt(squares)),
            "rmsprop": np.linalg.norm(G / np.sqrt(squares / (1 - beta**t))),
        }
        D = lengths[grafting] * D / np.linalg.norm(D)
        velocity = momentum * velocity + (1 - momentum) * D
        W = W - eta * velocity.reshape(m, n)
        path.append(W.ravel())
    return np.array(path)


@pytest.mark.parametrize("epsilon", [1e-4, 0.3])
def test_equals_the_paper(epsilon):
    start, gradients = problem()
    path = path_of(Shampoo(epsilon=epsilon), start, gradients)
    for place in LAYOUT:
        W, steps = place.of(start), [place.of(g) for g in gradients]
        expected = gupta_koren_singer(W, steps, RATES, epsilon)
        np.testing.assert_allclose(path[:, place.where], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("grafting", [None, "sgd", "adagrad", "rmsprop"])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_averages_momentum_and_grafting(grafting, momentum):
    start, gradients = problem(1)
    optimizer = Shampoo(beta_2=0.9, momentum=momentum, epsilon=1e-3, grafting=grafting)
    path = path_of(optimizer, start, gradients)
    for place in LAYOUT[::2]:
        W, steps = place.of(start), [place.of(g) for g in gradients]
        expected = later_versions(W, steps, RATES, 1e-3, 0.9, momentum, grafting)
        np.testing.assert_allclose(path[:, place.where], expected, rtol=1e-9, atol=1e-9)


def test_a_grafted_vector_is_as_long_as_adagrads_step():
    layout = layout_of([("b", (5,))])
    gradients = np.random.default_rng(2).normal(size=(8, 5))
    path = path_of(Shampoo(grafting="adagrad"), np.zeros(5), gradients, [1.0] * 8, layout)
    lengths = np.linalg.norm(np.diff(path, axis=0, prepend=np.zeros((1, 5))), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(gradients / np.sqrt(np.cumsum(gradients**2, 0)), axis=1))


# -- what it is equal to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (784, 10)])
@pytest.mark.parametrize("beta_2", [None, 0.9])
def test_the_first_step_is_the_orthogonal_matrix_that_muon_aims_at(shape, beta_2):
    """(G Gᵀ)^−¼ G (Gᵀ G)^−¼ = U Vᵀ; five Newton–Schulz steps come near it."""
    G = np.random.default_rng(3).normal(size=shape)
    U, _, Vt = np.linalg.svd(G, full_matrices=False)
    theta = np.zeros(G.size)
    path = path_of(Shampoo(beta_2=beta_2, epsilon=0.0), theta, [G.ravel()], [1.0], matrix_layout(*shape))
    step = -path[0].reshape(shape)
    assert np.abs(step - U @ Vt).max() < 1e-12
    near = np.linalg.svd(newton_schulz(G) - step, compute_uv=False)
    assert 0.01 < near.max() < 0.33
    # Muon's matrix has the same singular vectors: only the lengths of the directions differ.
    np.testing.assert_allclose(newton_schulz(G), (U * np.diag(U.T @ newton_schulz(G) @ Vt.T)) @ Vt, atol=1e-10)


def rotated(generator, n):
    return np.linalg.qr(generator.normal(size=(n, n)))[0]


@pytest.mark.parametrize("options", [{}, {"beta_2": 0.9, "momentum": 0.5, "grafting": "sgd"}])
def test_turned_gradients_give_a_turned_path(options):
    """G → P G Q with orthogonal P and Q; Adam's path depends on the coordinates."""
    generator = np.random.default_rng(4)
    P, Q, W = rotated(generator, 4), rotated(generator, 3), generator.normal(size=(4, 3))
    gradients = generator.normal(size=(STEPS, 4, 3)) * 10.0 ** generator.uniform(-2, 1, (STEPS, 4, 3))

    def difference(make):
        one = path_of(make(), W.ravel(), gradients.reshape(STEPS, -1), layout=matrix_layout(4, 3))
        other = path_of(make(), (P @ W @ Q).ravel(), (P @ gradients @ Q).reshape(STEPS, -1), layout=matrix_layout(4, 3))
        return np.abs(P @ one.reshape(-1, 4, 3) @ Q - other.reshape(-1, 4, 3)).max()

    assert difference(lambda: Shampoo(**options)) < 1e-9
    assert difference(Adam) > 0.05


def test_a_larger_gradient_gives_the_same_path_without_a_ridge():
    start, gradients = problem(5)
    # full rank from the first step on: square matrices only
    layout, size = matrix_layout(5, 5), 25
    one, other = (path_of(Shampoo(epsilon=0.0), start[:size], c * gradients[:, :size], layout=layout) for c in (1, 100))
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)


def test_long_sides_have_a_diagonal():
    """Of a vector that is Adagrad; of a matrix, one side alone may be long."""
    start, gradients = problem(6)
    path = path_of(Shampoo(epsilon=0.1, max_dimension=4), start, gradients)
    wide, bias = LAYOUT[0], LAYOUT[1]  # (4, 6) and (6,)
    theta, squares = bias.of(start), np.zeros(6)
    W, L, r = wide.of(start), np.zeros((4, 4)), np.zeros(6)
    for g, eta, point in zip(gradients, RATES, path, strict=True):
        squares += bias.of(g) ** 2
        theta = theta - eta * bias.of(g) / np.sqrt(squares + 0.1)
        np.testing.assert_allclose(bias.of(point), theta, rtol=1e-12)
        G = wide.of(g)
        L, r = L + G @ G.T, r + np.sum(G**2, axis=0)
        W = W - eta * fractional_matrix_power(L + 0.1 * np.eye(4), -0.25) @ G / (r + 0.1) ** 0.25
        np.testing.assert_allclose(wide.of(point), W, rtol=1e-10)


def test_without_a_layout_it_is_full_matrix_adagrad():
    generator = np.random.default_rng(7)
    theta, gradients = np.zeros(3), generator.normal(size=(10, 3))
    path = path_of(Shampoo(), theta, gradients, layout=None)
    expected = gupta_koren_singer(theta, gradients, RATES[:10], 1e-4)
    np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-10)


# -- the roots and their cost ----------------------------------------------------------------------------------------


def test_roots_stay_as_they_are_between_two_computations():
    start, gradients = problem(8)
    optimizer, theta = Shampoo(1.0, update_every=4, epsilon=1e-2), start.copy()
    optimizer.layout = LAYOUT
    place = LAYOUT[0]
    for t, gradient in enumerate(gradients[:10], start=1):
        before, roots = theta.copy(), optimizer.state["roots"].copy() if optimizer.state else None
        optimizer.step(theta, gradient)
        is_due = t in (1, 5, 9)
        assert is_due == (roots is None or not np.array_equal(roots, optimizer.state["roots"]))
        assert optimizer.scalars["roots"] == 9 * (1 + (t - 1) // 4)  # three matrices of two sides, three vectors
        L, R = optimizer.matrices("roots")[place.name]
        step = place.of(before) - place.of(theta)
        np.testing.assert_allclose(step, L @ place.of(gradient) @ R, rtol=1e-9, atol=1e-12)
    total = sum(place.of(g) @ place.of(g).T for g in gradients[:10])
    np.testing.assert_allclose(optimizer.matrices("factors")[place.name][0], total, rtol=1e-12)  # these never wait


def test_the_cost_of_the_roots_is_said():
    optimizer = Shampoo()
    with pytest.raises(ValueError, match="layout: got none; expected that of a network"):
        optimizer.refresh_flops()
    optimizer.layout = MLP([784, 64, 64, 10]).layout
    assert optimizer.refresh_flops() == 11 * (784**3 + 6 * 64**3 + 2 * 10**3)
    small = Shampoo(max_dimension=64)
    small.layout = optimizer.layout
    assert small.refresh_flops() == 11 * (6 * 64**3 + 2 * 10**3)


def test_matrices_are_found_by_name():
    start, gradients = problem(9)
    optimizer = Shampoo()
    with pytest.raises(ValueError, match="slot: got 'factors' before the first step"):
        optimizer.matrices("factors")
    path_of(optimizer, start, gradients[:1])
    assert [L.shape for L in optimizer.matrices("factors")["weights[1]"]] == [(6, 6), (3, 3)]
    assert [L.shape for L in optimizer.matrices("roots")["biases[1]"]] == [(3, 3)]
    with pytest.raises(ValueError, match="slot: got 'm' ; expected one of"):
        optimizer.matrices("m")


def test_a_float32_network_has_float64_factors():
    """In float32 the path stays near that of float64; L keeps what float32 would lose."""
    start, gradients = problem(10)
    small = start.astype(np.float32)
    optimizer = Shampoo(beta_2=0.9, epsilon=1e-6)
    path = path_of(optimizer, small, gradients.astype(np.float32))
    assert path.dtype == np.float32
    assert optimizer.state["factors"].dtype == np.float64 and optimizer.state["roots"].dtype == np.float32
    reference = path_of(
        Shampoo(beta_2=0.9, epsilon=1e-6), small.astype(np.float64), gradients.astype(np.float32).astype(float)
    )
    np.testing.assert_allclose(path, reference, atol=1e-4)


# -- as an optimizer -------------------------------------------------------------------------------------------------

ALL = {"beta_2": 0.9, "momentum": 0.8, "grafting": "rmsprop", "update_every": 3, "weight_decay": 0.1, "clipnorm": 2.0}


@pytest.mark.parametrize("options", [{}, ALL, {"max_dimension": 3}])
def test_resumes_bit_for_bit(options):
    start, gradients = problem(11)
    whole = path_of(Shampoo(**options), start, gradients)
    first, second = Shampoo(**options), Shampoo(**options)
    path = path_of(first, start, gradients[:10])
    second.set_state(first.get_state())
    rest = path_of(second, path[-1], gradients[10:], RATES[10:])
    np.testing.assert_array_equal(rest, whole[10:])
    assert second.scalars["roots"] > first.scalars["roots"]


def test_a_state_of_another_shape_is_refused():
    start, gradients = problem(12)
    optimizer = Shampoo()
    path_of(optimizer, start, gradients[:1])
    state = optimizer.get_state()
    state["slots"]["factors"] = state["slots"]["factors"][:-1]
    with pytest.raises(ValueError, match="factors"):
        Shampoo().set_state(state)
    optimizer.layout = None
    with pytest.raises(ValueError, match="layout: got one whose state has shapes"):
        optimizer.step(start, gradients[0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"grafting": "rmsprop"}, ValueError, "beta_2: got None with grafting='rmsprop'; expected"),
        ({"grafting": "adm"}, ValueError, "grafting: got 'adm'; expected one of 'sgd', 'adagrad', 'rmsprop'"),
        ({"epsilon": -1.0}, ValueError, "epsilon: got -1.0"),
        ({"beta_2": 1.0}, ValueError, "beta_2: got 1.0"),
        ({"update_every": 0}, ValueError, "update_every: got 0; expected an integer >= 1"),
        ({"max_dimension": 0}, ValueError, "max_dimension: got 0"),
        ({"convention": "keras"}, ValueError, "convention: got 'keras'; expected one of 'paper'"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Shampoo(**arguments)


def test_zero_gradients_move_nothing():
    for options in ({}, {"epsilon": 0.0}, {"beta_2": 0.9, "grafting": "rmsprop", "epsilon": 0.0}):
        start, gradients = problem(13)
        path = path_of(Shampoo(**options), start, 0 * gradients[:3])
        np.testing.assert_array_equal(path, np.tile(start, (3, 1)))


def small_data():
    data = load_mnist()
    return data.x_train[:600], data.y_train[:600]


def test_trains_in_fit_and_in_a_search():
    x, y = small_data()
    network = MLP([784, 16, 10], seed=0)
    optimizer = Shampoo(0.01, beta_2=0.9, momentum=0.9, epsilon=1e-4, update_every=10, grafting="rmsprop")
    loss = network.loss_and_gradient(x, y)[0]
    fit(network, optimizer, (x, y), epochs=8, batch_size=100, progress=False)
    assert network.loss_and_gradient(x, y)[0] < 0.1 * loss
    assert optimizer.scalars["roots"] == 6 * 5  # two matrices of two sides, two vectors; 48 steps
    spaces = {"Shampoo": Space(Shampoo, learning_rate=[0.01, 0.03], beta_2=0.9, grafting="rmsprop")}
    results = search(Task([784, 16, 10], (x, y, x, y), 1, 100), spaces, seeds=[0], n_jobs=1, progress=False)
    assert len(results.settings("Shampoo")) == 2 and not any(result.diverged for result in results.settings("Shampoo"))
