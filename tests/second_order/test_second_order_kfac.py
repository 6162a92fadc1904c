"""K-FAC: its factors against exact blocks, its direction against dense matrices, its lengths, its state."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nnopt_utils.datasets import two_moons
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.networks import MLP
from nnopt_utils.problems import Quadratic
from nnopt_utils.second_order import KFAC, fisher_matrix, per_sample_gradients
from nnopt_utils.training import DivergenceError, fit, minimize

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(40, 3))
Y = GENERATOR.integers(4, size=40)
KINDS = ("exact", "kl_clip", "none")


def small(loss: str = "cross_entropy", **options) -> MLP:
    network = MLP([3, 5, 4], "tanh", loss, seed=2, **{"dtype": "float64", **options})
    network.parameters[:] += 0.2 * np.random.default_rng(1).normal(size=network.n_parameters)
    return network


def step(optimizer: KFAC, network: MLP, x: np.ndarray = X, y: np.ndarray = Y) -> np.ndarray:
    before = network.parameters.copy()
    optimizer.observe(network, x, y)
    optimizer.step(network.parameters, network.loss_and_gradient(x, y)[1])
    return network.parameters - before


def layers(network: MLP) -> list[slice]:
    """Where each layer's weights and biases lie in θ."""
    places = network.layout
    return [slice(W.where.start, b.where.stop) for W, b in zip(places[::2], places[1::2], strict=True)]


def factors(optimizer: KFAC, k: int) -> tuple[np.ndarray, np.ndarray]:
    return optimizer.state[f"A[{k}]"], optimizer.state[f"S[{k}]"]


# -- the factors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1])
def test_of_one_sample_the_product_is_the_exact_block(k):
    """With one sample a and δ cannot depend on each other; δ of its own label: the empirical Fisher."""
    network, optimizer = small(), KFAC(fisher="empirical", rescaling="none", learning_rate=1e-3)
    exact = fisher_matrix(network, X[:1], Y[:1], "empirical")
    step(optimizer, network, X[:1], Y[:1])
    block = exact[layers(network)[k], layers(network)[k]]
    np.testing.assert_allclose(np.kron(*factors(optimizer, k)), block, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("k", [0, 1])
def test_of_one_sample_the_expectation_over_labels_is_the_true_block(k):
    network = small()
    p = network.predict_probabilities(X[:1])[0]
    total = 0.0
    for label in range(4):
        twin, optimizer = network.copy(), KFAC(fisher="empirical", rescaling="none", learning_rate=1e-3)
        step(optimizer, twin, X[:1], np.array([label]))
        total = total + p[label] * np.kron(*factors(optimizer, k))
    block = fisher_matrix(network, X[:1])[layers(network)[k], layers(network)[k]]
    np.testing.assert_allclose(total, block, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "mse", "half_mse"])
def test_labels_drawn_have_the_true_block_as_their_mean(loss):
    """Many copies of one sample: a is the same in all, and δ averages over the labels drawn."""
    network, optimizer = small(loss), KFAC(rescaling="none", learning_rate=1e-3)
    exact = fisher_matrix(network, X[:1])
    y = np.zeros(60_000, int) if loss == "cross_entropy" else np.zeros((60_000, 4))
    step(optimizer, network, np.repeat(X[:1], 60_000, axis=0), y)
    for k, where in enumerate(layers(network)):
        block = exact[where, where]
        found = np.kron(*factors(optimizer, k))
        assert np.linalg.norm(found - block) < 0.03 * np.linalg.norm(block)


def test_where_inputs_and_signals_are_independent_the_product_is_the_block():
    """Signals of half_mse are noise of unit variance, whatever the inputs, which are those of a linear layer."""
    network, optimizer = MLP([3, 2], loss="half_mse", dtype="float64"), KFAC(rescaling="none", learning_rate=1e-3)
    x = GENERATOR.normal([0.0, 1.0, 2.0], size=(100_000, 3))
    exact = fisher_matrix(network, x)
    step(optimizer, network, x, np.zeros((100_000, 2)))
    np.testing.assert_allclose(np.kron(*factors(optimizer, 0)), exact, rtol=0, atol=0.02 * np.abs(exact).max())


@pytest.mark.parametrize("k", [0, 1])
def test_signals_are_those_of_single_samples(k):
    """The gradient of a sample's loss by the biases is its δ, without the 1/n of the mean."""
    network, optimizer = small(), KFAC(fisher="empirical", rescaling="none", learning_rate=1e-3)
    delta = per_sample_gradients(network, X, Y)[:, network.layout[2 * k + 1].where]
    step(optimizer, network)
    np.testing.assert_allclose(optimizer.state[f"S[{k}]"], delta.T @ delta / 40, rtol=1e-12, atol=1e-16)


def test_where_they_depend_on_each_other_it_is_not():
    network, optimizer = small(), KFAC(rescaling="none", learning_rate=1e-3, fisher="empirical")
    exact = fisher_matrix(network, X, Y, "empirical")[layers(network)[0], layers(network)[0]]
    step(optimizer, network)
    assert np.linalg.norm(np.kron(*factors(optimizer, 0)) - exact) > 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize(("decay", "every"), [(0.95, 1), (0.6, 1), (0.6, 2), (0.0, 3)])
def test_averages_are_means_at_first_and_forget_later(decay, every):
    network, optimizer = small(), KFAC(factor_decay=decay, factor_every=every, rescaling="none", learning_rate=0.01)
    A = np.zeros((6, 6))
    measured = 0
    for t in range(1, 8):
        x, y = X[t : t + 9], Y[t : t + 9]
        if (t - 1) % every == 0:
            measured += 1
            rho = min(1 - 1 / measured, decay)
            inputs = np.column_stack([network.activations(x)[1], np.ones(9)])
            A = rho * A + (1 - rho) * inputs.T @ inputs / 9
        step(optimizer, network, x, y)
        np.testing.assert_allclose(optimizer.state["A[1]"], A, rtol=1e-12)


def test_the_first_averages_are_plain_means():
    network, optimizer = small(), KFAC(rescaling="none", learning_rate=0.01)
    for t in range(4):
        step(optimizer, network, X[10 * t : 10 * t + 10], Y[10 * t : 10 * t + 10])
    inputs = np.column_stack([X, np.ones(40)])
    np.testing.assert_allclose(optimizer.state["A[0]"], inputs.T @ inputs / 40, rtol=1e-12)


def test_decompositions_are_kept_for_some_steps():
    network, optimizer = small(), KFAC(update_every=5)
    due = []
    for t in range(1, 13):
        before = optimizer.state.get("vectors A[1]", np.zeros(1)).copy()
        step(optimizer, network)
        if not np.array_equal(before, optimizer.state["vectors A[1]"]):
            due.append(t)
    assert due == [1, 2, 3, 5, 10]


# -- the direction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("steps", [1, 3])
def test_direction_solves_the_dense_system(l2, steps):
    """(A + π √λ I) ⊗ (S + √λ/π I), written out, with the paper's trace norms."""
    network, optimizer = small(l2=l2), KFAC(0.1, damping=0.02, rescaling="none", momentum=0.0)
    for _ in range(steps):
        g = network.loss_and_gradient(X, Y)[1]
        moved = step(optimizer, network)
    root = np.sqrt(0.02 + l2)
    for k, where in enumerate(layers(network)):
        A, S = factors(optimizer, k)
        pi = np.sqrt((np.trace(A) / len(A)) / (np.trace(S) / len(S)))
        dense = np.kron(A + pi * root * np.eye(len(A)), S + root / pi * np.eye(len(S)))
        expected = -0.1 * np.linalg.solve(dense, g[where])
        np.testing.assert_allclose(moved[where], expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_what_never_lights_up_gets_no_step():
    """A layer behind dead units has S = 0, and inputs that are always dark have a row of zeros in A."""
    network = MLP([3, 4, 2], seed=0)
    network.biases[0] = [-100.0] * 4  # all units are off
    x = X * [1.0, 0.0, 1.0]
    moved = step(KFAC(), network, x, Y % 2)
    weights, biases = network.views(moved)
    assert np.isfinite(moved).all() and not weights[0].any() and not weights[1].any() and biases[1].any()


def test_step_does_not_depend_on_the_scale_of_inputs_without_damping():
    """K-FAC is invariant under invertible linear maps of a layer's inputs (Martens & Grosse, section 10)."""
    scale = np.array([1.0, 5.0, 0.1])
    one, other = small("half_mse"), small("half_mse")
    other.weights[0] = one.weights[0] / scale[:, None]
    y = GENERATOR.normal(size=(40, 4))
    for damping, is_invariant in ((1e-14, True), (0.1, False)):
        pair = one.copy(), other.copy()
        for network, x in zip(pair, (X, X * scale), strict=True):
            step(KFAC(0.1, rescaling="none", damping=damping), network, x, y)
        difference = np.abs(pair[0].forward(X) - pair[1].forward(X * scale)).max()
        assert difference < 1e-4 if is_invariant else difference > 1e-3  # what is left of the damping, and of 0.1


# -- the length ------------------------------------------------------------------------------------------------------


def test_clip_bounds_the_length_in_the_factored_metric():
    options = {"rescaling": "kl_clip", "learning_rate": 0.5, "damping": 0.01, "momentum": 0.0}
    for kl_clip in (1e-4, 1e9):
        network, free = small(), small()
        g = network.loss_and_gradient(X, Y)[1]
        clipped, whole = step(KFAC(kl_clip=kl_clip, **options), network), step(KFAC(**options, kl_clip=1e9), free)
        squared_length = -0.5 * whole @ g  # η² Δᵀ g, since the whole step is −η Δ
        factor = min(1.0, np.sqrt(kl_clip / squared_length))
        np.testing.assert_allclose(clipped, factor * whole, rtol=1e-12)
        assert (factor < 0.5) == (kl_clip < 1)


def test_momentum_adds_the_step_before():
    network, optimizer = small(), KFAC(0.1, rescaling="none", momentum=0.7)
    first = step(optimizer, network)
    v = optimizer.state["v"].copy()
    np.testing.assert_allclose(first, v, atol=1e-15)
    without = copy.deepcopy(optimizer)
    without.momentum = 0.0
    twin = network.copy()
    np.testing.assert_allclose(step(optimizer, network) - step(without, twin), 0.7 * v, atol=1e-14)


class TestExact:
    """The step is where the quadratic model of the batch is least, with the exact Fisher."""

    def model(self, network: MLP, damping: float):
        g = network.loss_and_gradient(X, Y)[1]
        weights = np.zeros(network.n_parameters)
        for W in network.views(weights)[0]:
            W[:] = 1.0
        B = fisher_matrix(network, X) + damping * np.eye(len(g)) + network.l2 * np.diag(weights)
        return lambda d: 0.5 * d @ B @ d + g @ d

    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    @pytest.mark.parametrize("l2", [0.0, 0.1])
    @pytest.mark.parametrize("loss", ["cross_entropy"])
    def test_no_other_length_is_better(self, momentum, l2, loss):
        network, optimizer = small(loss, l2=l2), KFAC(damping=0.01, momentum=momentum)
        for t in range(1, 5):
            model = self.model(network, 0.01)
            v = optimizer.state["v"].copy() if t > 1 else np.zeros(network.n_parameters)
            moved = step(optimizer, network)
            least = model(moved)
            assert least < 0
            direction = optimizer._direction
            for size in (1e-3, -1e-3, 0.1, -0.1):
                assert model(moved + size * direction) > least
                if momentum and t > 1:
                    assert model(moved + size * v) > least
            # and it lies in their span: alone, a step before it leaves no trace without momentum
            basis = np.array([direction, v] if momentum and t > 1 else [direction]).T
            rest = moved - basis @ np.linalg.lstsq(basis, moved)[0]
            assert np.abs(rest).max() < 1e-10 * np.abs(moved).max()

    @pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse", "half_mse"])
    def test_every_likelihood_has_its_model(self, loss):
        network, optimizer = small(loss), KFAC(damping=0.01)
        y = (GENERATOR.random((40, 4)) < 0.5).astype(float)
        g, F = network.loss_and_gradient(X, y)[1], fisher_matrix(network, X) + 0.01 * np.eye(44)
        moved = step(optimizer, network, X, y)
        d = optimizer._direction
        np.testing.assert_allclose(moved, -(g @ d) / (d @ F @ d) * d, rtol=1e-10)

    def test_the_rate_is_a_factor(self):
        network, optimizer = small(), KFAC()
        for _ in range(2):  # also of a step that has one before it
            twin, slower = network.copy(), copy.deepcopy(optimizer)
            slower.learning_rate = 0.5
            np.testing.assert_allclose(step(slower, twin), 0.5 * step(optimizer, network), rtol=1e-9, atol=1e-12)

    def test_the_value_of_the_momentum_does_not_matter(self):
        one, other = small(), small()
        for network, momentum in ((one, 0.9), (other, 0.1)):
            optimizer = KFAC(momentum=momentum)
            for _ in range(5):
                step(optimizer, network)
        assert np.array_equal(one.parameters, other.parameters)


# -- in training -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rescaling", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trains(rescaling, dtype):
    data = two_moons(400, seed=0)
    network = MLP([2, 16, 16, 2], seed=0, dtype=dtype)
    optimizer = KFAC(1.0 if rescaling == "exact" else 0.1, rescaling=rescaling, damping=0.01, momentum=0.5)
    fit(network, optimizer, data, epochs=10, batch_size=100, progress=False)
    assert network.evaluate(*data).accuracy > 0.95
    assert {slot.dtype.name for slot in optimizer.state.values()} == {dtype}


@pytest.mark.parametrize("rescaling", KINDS)
@pytest.mark.parametrize("stop", [1, 7])
def test_resumes_bit_for_bit(rescaling, stop):
    options = {
        "learning_rate": 0.3, "rescaling": rescaling, "update_every": 4, "factor_every": 3, "ema_momentum": 0.9
    }  # fmt: skip
    whole, halves = small(dtype="float32"), small(dtype="float32")
    data = (X, Y)
    fit(whole, KFAC(**options), data, epochs=5, batch_size=11, progress=False)
    first = KFAC(**options)
    history = fit(halves, first, data, epochs=5, batch_size=11, progress=False, callback=lambda made: made.t == stop)
    second = KFAC(**options)
    second.set_state(pickle.loads(pickle.dumps(first.get_state())))
    fit(halves, second, data, epochs=5, batch_size=11, history=history, progress=False)
    assert np.array_equal(whole.parameters, halves.parameters)


def test_the_seed_draws_the_labels():
    same, also_same, other = small(), small(), small()
    for network, seed in ((same, 0), (also_same, 0), (other, 1)):
        step(KFAC(seed=seed), network)
    assert np.array_equal(same.parameters, also_same.parameters)
    assert not np.array_equal(same.parameters, other.parameters)


def test_labels_differ_from_step_to_step():
    network, optimizer = small(), KFAC(learning_rate=1e-12, factor_decay=0.0)
    step(optimizer, network)
    first = optimizer.state["S[1]"].copy()
    step(optimizer, network)
    assert not np.allclose(first, optimizer.state["S[1]"], rtol=1e-3)


def test_decay_and_clipping_stand_around_it():
    plain, decayed, theta = small(), small(), small().parameters
    moved = step(KFAC(0.2, rescaling="none"), plain)
    np.testing.assert_allclose(
        step(KFAC(0.2, rescaling="none", weight_decay=0.3), decayed), moved - 0.2 * 0.3 * theta, rtol=1e-10, atol=1e-15
    )
    g = plain.loss_and_gradient(X, Y)[1]
    free, clipped = copy.deepcopy(plain), copy.deepcopy(plain)
    whole = step(KFAC(0.2, rescaling="none"), free)
    part = step(KFAC(0.2, rescaling="none", global_clipnorm=0.1), clipped)
    np.testing.assert_allclose(part, whole * 0.1 / np.linalg.norm(g), rtol=1e-10)


def test_search_takes_it():
    x, y = two_moons(200, seed=0)
    task = Task([2, 8, 2], (x[:150], y[:150], x[150:], y[150:]), epochs=3, batch_size=50)
    space = Space(KFAC, damping=[1e-3, 1.0], rescaling="exact")
    results = search(task, {"K-FAC": space}, seeds=[0], n_jobs=1, progress=False)
    assert results.best("K-FAC").setting.values["damping"] == 1e-3


# -- refusals --------------------------------------------------------------------------------------------------------


def test_needs_its_batch():
    with pytest.raises(ValueError, match=r"step: got a gradient without its batch; KFAC"):
        minimize(Quadratic([1.0, 2.0]), KFAC(), steps=3)
    network, optimizer = small(), KFAC()
    optimizer.observe(network, X, Y)
    with pytest.raises(ValueError, match=r"theta: .*expected the 44 parameters of the network that KFAC observed"):
        optimizer.step(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"damping": 0}, r"damping: got 0; expected a finite number > 0"),
        ({"kl_clip": -1.0}, r"kl_clip: got -1\.0"),
        ({"rescaling": "clip"}, r"rescaling: got 'clip'; expected one of 'exact', 'kl_clip', 'none'"),
        ({"fisher": "mc"}, r"fisher: got 'mc'"),
        ({"factor_decay": 1.0}, r"factor_decay: got 1\.0"),
        ({"update_every": 0}, r"update_every: got 0; expected an integer >= 1"),
        ({"gradient_accumulation_steps": 4}, r"gradient_accumulation_steps: got 4; KFAC needs the curvature"),
        ({"convention": "pytorch"}, r"convention: got 'pytorch'; expected one of 'paper'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        KFAC(**arguments)


@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_losses_without_labels_of_their_own(loss):
    network, y = small(loss), GENERATOR.normal(size=(40, 4))
    for arguments in ({}, {"fisher": "empirical"}, {"rescaling": "kl_clip"}):
        with pytest.raises(ValueError, match=rf"loss: got '{loss}'"):
            KFAC(**arguments).observe(network, X, y)
    assert step(KFAC(0.1, fisher="empirical", rescaling="kl_clip"), network, X, y).any()


def test_divergence_is_the_fits_to_tell():
    network = MLP([3, 5, 4], loss="mse")
    with pytest.raises(DivergenceError, match="diverged"):
        fit(
            network,
            KFAC(1e20, rescaling="none"),
            (X, GENERATOR.normal(size=(40, 4))),
            epochs=9,
            batch_size=40,
            progress=False,
        )


def test_a_gradient_that_is_not_finite_changes_nothing():
    network, optimizer = small(), KFAC()
    step(optimizer, network)
    before, theta = optimizer.get_state(), network.parameters.copy()
    optimizer.observe(network, X, Y)
    with pytest.raises(ValueError, match="gradient"):
        optimizer.step(network.parameters, np.full(44, np.nan))
    after = optimizer.get_state()
    assert after["t"] == before["t"] and np.array_equal(theta, network.parameters)
    assert all(np.array_equal(after["slots"][name], slot) for name, slot in before["slots"].items())


def test_state_of_another_network_is_refused():
    optimizer, other = KFAC(), KFAC()
    step(optimizer, small())
    state = optimizer.get_state()
    del state["slots"]["A[1]"]
    with pytest.raises(ValueError, match="state: got slots"):
        other.set_state(state)


def test_shows_its_hyperparameters():
    assert repr(KFAC(0.5)) == (
        "KFAC(learning_rate=0.5, momentum=0.9, damping=0.1, rescaling='exact', kl_clip=0.01, factor_decay=0.95, "
        "factor_every=1, update_every=10, fisher='true', seed=0, convention='paper', weight_decay=0.0)"
    )
