"""The Fisher matrix against explicit Jacobians and labels that the model draws, and its empirical double."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.activations import sigmoid, softmax
from nnopt_utils.networks import MLP
from nnopt_utils.second_order import fisher, fisher_matrix, per_sample_gradients
from nnopt_utils.second_order.own_labels import expected_signals, sampled_signals

LOSSES = ("cross_entropy", "binary_cross_entropy", "mse", "half_mse")
GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(7, 3))


def network_for(loss: str, activation: str = "tanh", outputs: int = 3) -> MLP:
    network = MLP([3, 4, outputs], activation, loss, seed=1, dtype="float64")
    network.parameters[:] += 0.3 * np.random.default_rng(2).normal(size=network.n_parameters)  # biases, too
    return network


def targets_for(loss: str, n: int = 7, outputs: int = 3) -> np.ndarray:
    generator = np.random.default_rng(3)
    if loss == "cross_entropy":
        return generator.integers(outputs, size=n)
    return (
        generator.integers(2, size=(n, outputs)) if loss.startswith("binary") else generator.normal(size=(n, outputs))
    )


def jacobian(network: MLP, x: np.ndarray, step: float = 1e-30) -> np.ndarray:
    """∂ outputs / ∂θ of one sample, (K, d), by complex steps of a forward pass that is written here."""
    columns = []
    for j in range(network.n_parameters):
        theta = network.parameters.astype(complex)
        theta[j] += 1j * step
        weights, biases = network.views(theta)
        a = x.astype(complex)
        for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
            z = a @ W + b
            a = np.tanh(z) if k < len(weights) - 1 else z
        columns.append(a.imag / step)
    return np.array(columns).T


def output_curvature(loss: str, z: np.ndarray) -> np.ndarray:
    """∂²ℓ/∂z² of one sample's share of the mean loss, from the textbook."""
    K = len(z)
    if loss == "cross_entropy":
        p = softmax(z)
        return np.diag(p) - np.outer(p, p)
    if loss == "binary_cross_entropy":
        p = sigmoid(z)
        return np.diag(p * (1 - p)) / K
    return np.eye(K) * (2 / K if loss == "mse" else 1)


# -- gradients of single samples -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [*LOSSES, "mae", "huber"])
def test_each_row_is_the_gradient_of_one_sample(loss):
    network, y = network_for(loss), targets_for(loss)
    rows = per_sample_gradients(network, X, y)
    for i, row in enumerate(rows):
        np.testing.assert_allclose(
            row, network.loss_and_gradient(X[i : i + 1], y[i : i + 1])[1], rtol=1e-12, atol=1e-15
        )


def test_rows_have_no_part_of_the_penalty():
    with_penalty = MLP([3, 4, 3], l2=0.5, seed=1, dtype="float64")
    without = MLP([3, 4, 3], seed=1, dtype="float64")
    y = targets_for("cross_entropy")
    assert np.array_equal(per_sample_gradients(with_penalty, X, y), per_sample_gradients(without, X, y))
    assert np.array_equal(fisher_matrix(with_penalty, X), fisher_matrix(without, X))


def test_rows_keep_the_dtype_of_the_network():
    assert per_sample_gradients(MLP([3, 2]), X, np.zeros(7, int)).dtype == np.float32


# -- the true Fisher -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("outputs", [2, 3])
def test_true_fisher_is_the_gauss_newton_matrix(loss, outputs):
    network = network_for(loss, outputs=outputs)
    G = np.zeros((network.n_parameters,) * 2)
    for x in X:
        J = jacobian(network, x)
        G += J.T @ output_curvature(loss, network.forward(x[None])[0]) @ J / len(X)
    F = fisher_matrix(network, X)
    np.testing.assert_allclose(F, G, rtol=0, atol=1e-12 * np.abs(G).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_true_fisher_does_not_see_the_labels(loss):
    network = network_for(loss)
    assert np.array_equal(fisher_matrix(network, X), fisher_matrix(network, X, targets_for(loss)))


@pytest.mark.parametrize("loss", LOSSES)
def test_true_fisher_is_positive_semidefinite(loss):
    values = np.linalg.eigvalsh(fisher_matrix(network_for(loss), X))
    assert values.min() > -1e-14 * values.max() and values.max() > 0


def test_one_binary_output_is_two_classes():
    """Logits (0, z) of a softmax say what the logit z says."""
    one = MLP([3, 1], loss="binary_cross_entropy", seed=1, dtype="float64")
    two = MLP([3, 2], seed=1, dtype="float64")
    two.weights[0] = np.hstack([np.zeros((3, 1)), one.weights[0]])
    two.biases[0] = [0.0, 0.4]
    one.biases[0] = [0.4]
    of_second = [1, 3, 5, 7]  # the parameters of the second logit
    np.testing.assert_allclose(fisher_matrix(one, X), fisher_matrix(two, X)[np.ix_(of_second, of_second)], rtol=1e-12)


def test_pieces_of_the_data_add_up(monkeypatch):
    network, y = network_for("cross_entropy"), targets_for("cross_entropy")
    whole = [fisher_matrix(network, X), fisher_matrix(network, X, y, "empirical")]
    monkeypatch.setattr(fisher, "LARGEST_BYTES", 16.0 * network.n_parameters**2 / 10)
    monkeypatch.setattr(fisher, "_check_size", lambda *_: None)
    pieces = [fisher_matrix(network, X), fisher_matrix(network, X, y, "empirical")]
    np.testing.assert_allclose(whole, pieces, rtol=1e-12, atol=1e-16)


# -- the empirical Fisher --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_empirical_fisher_is_another_matrix(loss):
    network, y = network_for(loss), targets_for(loss)
    G = per_sample_gradients(network, X, y)
    empirical, true = fisher_matrix(network, X, y, "empirical"), fisher_matrix(network, X)
    np.testing.assert_allclose(empirical, G.T @ G / len(X), rtol=1e-12, atol=1e-16)
    assert np.linalg.norm(empirical - true) > 0.1 * np.linalg.norm(true)


def test_at_a_perfect_fit_the_empirical_fisher_is_zero():
    network = network_for("half_mse")
    y = network.forward(X)
    assert not fisher_matrix(network, X, y, "empirical").any() and fisher_matrix(network, X).any()


@pytest.mark.parametrize("loss", ["cross_entropy", "half_mse"])
def test_over_labels_drawn_from_the_model_the_empirical_fisher_tends_to_the_true(loss):
    """With n draws a sample the error falls as 1/√n; where ℓ is the negative log-likelihood, as here."""
    network, true = network_for(loss), fisher_matrix(network_for(loss), X)
    generator, errors = np.random.default_rng(0), []
    for draws in (100, 10_000):
        x = np.repeat(X, draws, axis=0)
        outputs = network.forward(x)
        if loss == "cross_entropy":
            y = np.array([generator.choice(3, p=p, size=draws) for p in softmax(network.forward(X))]).ravel()
        else:
            y = outputs + generator.normal(size=outputs.shape)
        empirical = fisher_matrix(network, x, y, "empirical")
        errors.append(np.linalg.norm(empirical - true) / np.linalg.norm(true))
    assert errors[1] < 0.02 and 4 < errors[0] / errors[1] < 25


# -- signals of the model's own labels -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_signals_have_the_curvature_as_their_covariance(loss):
    network = network_for(loss)
    outputs = network.forward(X)
    signals = expected_signals(network.loss_function, outputs)
    drawn = sampled_signals(network.loss_function, np.repeat(outputs, 40_000, axis=0), np.random.default_rng(1))
    drawn = drawn.reshape(len(X), 40_000, 3)
    for i, z in enumerate(outputs):
        H = output_curvature(loss, z)
        np.testing.assert_allclose(signals[:, i].T @ signals[:, i], H, rtol=0, atol=1e-14)
        np.testing.assert_allclose(drawn[i].T @ drawn[i] / 40_000, H, rtol=0, atol=0.03 * np.abs(H).max())
        assert np.abs(drawn[i].mean(axis=0)).max() < 0.03


def test_the_label_drawn_is_a_class_with_its_probability():
    network = network_for("cross_entropy")
    outputs = np.repeat(np.log([[0.1, 0.6, 0.3]]), 20_000, axis=0)
    signals = sampled_signals(network.loss_function, outputs, np.random.default_rng(0))
    labels = signals.argmin(axis=1)
    np.testing.assert_allclose(np.bincount(labels) / 20_000, [0.1, 0.6, 0.3], atol=0.01)
    np.testing.assert_allclose(signals, [0.1, 0.6, 0.3] - np.eye(3)[labels], atol=1e-12)


def test_float32_signals_stay_float32():
    for loss in LOSSES:
        outputs = np.zeros((4, 3), np.float32)
        made = network_for(loss).loss_function
        assert expected_signals(made, outputs).dtype == np.float32
        assert sampled_signals(made, outputs, np.random.default_rng(0)).dtype == np.float32


# -- refusals --------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused():
    network = network_for("cross_entropy")
    with pytest.raises(ValueError, match=r"kind: got 'exact'; expected one of 'true', 'empirical'"):
        fisher_matrix(network, X, kind="exact")
    with pytest.raises(ValueError, match=r"y: got None; expected the data's labels"):
        fisher_matrix(network, X, kind="empirical")
    with pytest.raises(ValueError, match=r"x: got .* expected shape \(any, 3\)"):
        fisher_matrix(network, X[:, :2])
    with pytest.raises(TypeError, match=r"network: got 3; expected an MLP"):
        fisher_matrix(3, X)
    with pytest.raises(ValueError, match=r"y: got values from 0 to 3"):
        per_sample_gradients(network, X, np.arange(7) % 4)


@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_losses_without_labels_of_their_own_are_refused(loss):
    network = network_for(loss)
    with pytest.raises(ValueError, match=rf"loss: got '{loss}'; expected one of 'cross_entropy'"):
        fisher_matrix(network, X)
    assert fisher_matrix(network, X, targets_for(loss), "empirical").any()


def test_what_is_too_large_is_refused():
    network = MLP([784, 64, 64, 10])
    with pytest.raises(ValueError, match=r"55,050 × 55,050 numbers would take 24\.2 GB; expected at most 1 GB"):
        fisher_matrix(network, np.zeros((1, 784)))
    with pytest.raises(ValueError, match=r"5,000 × 55,050 numbers would take 1\.1 GB; .* a smaller batch"):
        per_sample_gradients(network, np.zeros((5000, 784)), np.zeros(5000, int))
