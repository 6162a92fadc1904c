"""SOAP against its paper, against Adam in fixed coordinates, and its own promises."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.datasets import load_mnist
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.layout import layout_of
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam, AdamW
from nnopt_utils.second_order import SOAP
from nnopt_utils.training import fit

LAYOUT = MLP([4, 6, 3, 2]).layout
SIZE = LAYOUT[-1].where.stop
STEPS = 26
RATES = [0.04 * (1 + 0.6 * np.cos(0.3 * t)) for t in range(STEPS)]
SHORT = {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}


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


def first_bases(gradient, layout=LAYOUT):
    """The eigenvectors of step 1 by tensor: of a singular G Gᵀ they are not unique, so the paper's code is told."""
    optimizer = SOAP(**SHORT)
    path_of(optimizer, np.zeros(gradient.size), [gradient], layout=layout)
    return optimizer.matrices("bases")


# -- the paper -------------------------------------------------------------------------------------------------------


def vyas_et_al(W, gradients, rates, bases, beta_1, beta_2, epsilon, frequency, decay=0.0):
    """The paper's form: M stays in the parameters' own coordinates and is turned at each step.

    As in the authors' code, step 1 only starts L, R and their eigenvectors; bias corrections count from step 2; the
    columns of Q are sorted by the diagonal of Qᵀ L Q before Q is renewed, and V with them.
    """
    (Q_L, Q_R), path = (Q.copy() for Q in bases), [W.ravel()]
    M, V = np.zeros_like(W), np.zeros_like(W)
    L, R = (1 - beta_2) * gradients[0] @ gradients[0].T, (1 - beta_2) * gradients[0].T @ gradients[0]
    for t, (G, eta) in enumerate(zip(gradients[1:], rates[1:], strict=True), start=1):
        W = W - eta * decay * W
        G_turned = Q_L.T @ G @ Q_R
        M = beta_1 * M + (1 - beta_1) * G
        M_turned = Q_L.T @ M @ Q_R
        V = beta_2 * V + (1 - beta_2) * G_turned**2
        N_turned = (M_turned / (1 - beta_1**t)) / (np.sqrt(V / (1 - beta_2**t)) + epsilon)
        W = W - eta * Q_L @ N_turned @ Q_R.T
        L, R = beta_2 * L + (1 - beta_2) * G @ G.T, beta_2 * R + (1 - beta_2) * G.T @ G
        if t % frequency == 0:
            rows, columns = (np.argsort(-np.diag(Q.T @ P @ Q)) for P, Q in ((L, Q_L), (R, Q_R)))
            V = V[rows][:, columns]
            Q_L, Q_R = np.linalg.qr(L @ Q_L[:, rows])[0], np.linalg.qr(R @ Q_R[:, columns])[0]
        path.append(W.ravel())
    return np.array(path)


@pytest.mark.parametrize("frequency", [1, 4, 10])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_equals_the_paper(frequency, decay):
    start, gradients = problem()
    optimizer = SOAP(**SHORT, precondition_frequency=frequency, weight_decay=decay)
    path, bases = path_of(optimizer, start, gradients), first_bases(gradients[0])
    for place in LAYOUT[::2]:
        W, steps = place.of(start), [place.of(g) for g in gradients]
        expected = vyas_et_al(W, steps, RATES, bases[place.name], *SHORT.values(), frequency, decay)
        np.testing.assert_allclose(path[:, place.where], expected, rtol=1e-8, atol=1e-8)


def test_the_first_bases_are_eigenvectors_the_largest_first():
    gradient = problem(1)[1][0]
    for place in LAYOUT[::2]:
        G = place.of(gradient)
        for Q, P in zip(first_bases(gradient)[place.name], (G @ G.T, G.T @ G), strict=True):
            np.testing.assert_allclose(Q.T @ Q, np.eye(len(Q)), atol=1e-12)
            turned = Q.T @ P @ Q
            np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-10)
            assert (np.diff(np.diag(turned)) < 1e-10).all()


def test_the_bases_become_the_eigenvectors():
    """A repeated gradient: the power method has all the time in the world."""
    G = np.diag([3.0, 2.0, 1.0]) + 0.1
    other = np.random.default_rng(2).normal(size=(3, 3))
    optimizer = SOAP(precondition_frequency=1)
    path_of(optimizer, np.zeros(9), [other.ravel()] + 200 * [G.ravel()], [0.1] * 201, layout_of([("W", (3, 3))]))
    for Q in optimizer.matrices("bases")["W"]:  # G is symmetric, hence L = R
        np.testing.assert_allclose(Q.T @ G @ G @ Q, np.diag(np.linalg.eigvalsh(G @ G)[::-1]), atol=1e-3)


# -- what it is equal to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_without_turned_sides_it_is_adam_one_step_late(decay):
    start, gradients = problem(3)
    path = path_of(SOAP(**SHORT, max_dimension=1, weight_decay=decay), start, gradients)
    expected = path_of(AdamW(**SHORT, weight_decay=decay), start, gradients[1:], RATES[1:])
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_allclose(path[1:], expected, rtol=1e-12, atol=1e-14)


def test_a_network_without_matrices_has_no_factors():
    optimizer = SOAP()
    path_of(optimizer, np.zeros(3), np.ones((3, 3)), layout=None)
    assert set(optimizer.state) == {"m", "v"} and optimizer.scalars["refreshes"] == 0


def test_vectors_follow_adam():
    start, gradients = problem(4)
    path = path_of(SOAP(**SHORT), start, gradients)
    expected = path_of(Adam(**SHORT), start, gradients[1:], RATES[1:])
    for place in LAYOUT[1::2]:
        np.testing.assert_allclose(path[1:, place.where], expected[:, place.where], rtol=1e-12, atol=1e-14)
    assert np.abs(path[1:] - expected).max() > 0.05  # matrices do not


def test_with_fixed_bases_it_is_adam_in_turned_coordinates():
    start, gradients = problem(5)
    place, path = LAYOUT[0], path_of(SOAP(**SHORT, precondition_frequency=1000), start, gradients)
    Q_L, Q_R = first_bases(gradients[0])[place.name]
    turned = np.array([(Q_L.T @ place.of(g) @ Q_R).ravel() for g in gradients[1:]])
    expected = path_of(Adam(**SHORT), (Q_L.T @ place.of(start) @ Q_R).ravel(), turned, RATES[1:], None)
    back = np.array([(Q_L @ point.reshape(place.shape) @ Q_R.T).ravel() for point in expected])
    np.testing.assert_allclose(path[1:, place.where], back, rtol=1e-9, atol=1e-10)


def test_identity_bases_are_adam():
    """Set by hand, and never renewed."""
    start, gradients = problem(6)
    optimizer, theta = SOAP(0.05, **SHORT, precondition_frequency=1000), start.copy()
    optimizer.layout = LAYOUT
    optimizer.step(theta, gradients[0])
    for matrices in optimizer.matrices("bases").values():
        for Q in matrices:
            if Q.size:
                Q[...] = np.eye(len(Q))
    for gradient in gradients[1:]:
        optimizer.step(theta, gradient)
    expected = path_of(Adam(**SHORT), start, gradients[1:], [0.05] * STEPS)
    np.testing.assert_allclose(theta, expected[-1], rtol=1e-12, atol=1e-14)


def test_turned_gradients_give_a_turned_path():
    """G → P G Q with orthogonal P and Q. (Square gradients: else the eigenvectors of 0 are arbitrary.)"""
    generator = np.random.default_rng(7)
    P, Q = (np.linalg.qr(generator.normal(size=(4, 4)))[0] for _ in range(2))
    W, gradients = generator.normal(size=(4, 4)), generator.normal(size=(STEPS, 4, 4))
    layout = layout_of([("W", (4, 4))])

    def difference(make):
        one = path_of(make(), W.ravel(), gradients.reshape(STEPS, -1), layout=layout)
        other = path_of(make(), (P @ W @ Q).ravel(), (P @ gradients @ Q).reshape(STEPS, -1), layout=layout)
        return np.abs(P @ one.reshape(-1, 4, 4) @ Q - other.reshape(-1, 4, 4)).max()

    assert difference(lambda: SOAP(precondition_frequency=3)) < 1e-8
    assert difference(Adam) > 0.05


# -- renewals and their cost -----------------------------------------------------------------------------------------


def test_bases_are_renewed_in_time():
    start, gradients = problem(8)
    optimizer, theta = SOAP(precondition_frequency=4), start.copy()
    optimizer.layout = LAYOUT
    for t, gradient in enumerate(gradients[:14], start=1):
        bases = optimizer.state["bases"].copy() if optimizer.state else None
        optimizer.step(theta, gradient)
        is_due = t in (1, 5, 9, 13)
        assert is_due == (bases is None or not np.array_equal(bases, optimizer.state["bases"]))
        assert optimizer.scalars["refreshes"] == 6 * (1 + (t - 1) // 4)


def test_the_cost_of_a_renewal_is_said():
    optimizer = SOAP(max_dimension=100)
    optimizer.layout = MLP([784, 64, 64, 10]).layout
    assert optimizer.refresh_flops() == pytest.approx(20 / 3 * (4 * 64**3 + 10**3))  # neither vectors nor 784


def test_bases_stay_orthogonal_in_float32():
    start, gradients = problem(9)
    optimizer = SOAP(precondition_frequency=1)
    path = path_of(optimizer, start.astype(np.float32), np.tile(gradients, (8, 1)).astype(np.float32), [0.01] * 208)
    assert path.dtype == np.float32
    for matrices in optimizer.matrices("bases").values():
        for Q in matrices:
            if Q.size:
                np.testing.assert_allclose(Q.T @ Q, np.eye(len(Q)), atol=1e-5)


# -- as an optimizer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "clipnorm": 2.0, "max_dimension": 3}])
@pytest.mark.parametrize("at", [1, 8, 11])
def test_resumes_bit_for_bit(options, at):
    start, gradients = problem(10)
    options = {"precondition_frequency": 4, **options}
    whole = path_of(SOAP(**options), start, gradients)
    first, second = SOAP(**options), SOAP(**options)
    path = path_of(first, start, gradients[:at])
    second.set_state(first.get_state())
    rest = path_of(second, path[-1], gradients[at:], RATES[at:])
    np.testing.assert_array_equal(rest, whole[at:])


def test_another_layout_is_refused():
    start, gradients = problem(11)
    optimizer = SOAP()
    path_of(optimizer, start, gradients[:1])
    optimizer.layout = layout_of([("W", (1, SIZE))])
    with pytest.raises(ValueError, match="layout: got one whose state has shapes"):
        optimizer.step(start, gradients[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta_1": 1.0}, "beta_1: got 1.0"),
        ({"epsilon": -1.0}, "epsilon: got -1.0"),
        ({"precondition_frequency": 0}, "precondition_frequency: got 0; expected an integer >= 1"),
        ({"max_dimension": 0}, "max_dimension: got 0"),
        ({"convention": "pytorch"}, "convention: got 'pytorch'; expected one of 'paper'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SOAP(**arguments)


@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_zero_gradients_move_nothing(epsilon):
    start, gradients = problem(12)
    path = path_of(SOAP(epsilon=epsilon, precondition_frequency=1), start, 0 * gradients[:4])
    np.testing.assert_array_equal(path, np.tile(start, (4, 1)))


def test_trains_in_fit_and_in_a_search():
    data = load_mnist()
    x, y = data.x_train[:600], data.y_train[:600]
    network, optimizer = MLP([784, 16, 10], seed=0), SOAP(0.01)
    loss = network.loss_and_gradient(x, y)[0]
    fit(network, optimizer, (x, y), epochs=8, batch_size=100, progress=False)
    assert network.loss_and_gradient(x, y)[0] < 0.2 * loss
    spaces = {"SOAP": Space(SOAP, learning_rate=[0.003, 0.01])}
    results = search(Task([784, 16, 10], (x, y, x, y), 1, 100), spaces, seeds=[0], n_jobs=1, progress=False)
    assert len(results.settings("SOAP")) == 2 and not any(result.diverged for result in results.settings("SOAP"))
