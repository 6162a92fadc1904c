"""What a search for failures had found: each was false, hung or half-changed something before."""

from __future__ import annotations

from multiprocessing import current_process

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, NonFiniteGradientError
from nnopt_utils.parallel import (
    RandomK,
    SignCompressor,
    TopK,
    best_rate,
    compressed_descent,
    contraction,
    data_parallel,
    delayed_noise_floor,
    hogwild,
    local_sgd,
    local_sgd_fixed_point,
    parameter_server,
    stability_limit,
)
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import DivergenceError, fit

x = np.random.default_rng(0).normal(size=(60, 3))
y = (x[:, 0] > 0).astype(int)
DATA, VALIDATED = (x, y), (x, y, x[:20], y[:20])


def network() -> MLP:
    return MLP([3, 4, 2], seed=0, dtype="float64")


class RaisesInOne(SGD):
    """A rule that finds a number which is not finite in one worker alone."""

    def begin_step(self, theta, gradient):
        if self.t >= 3 and current_process().name == "nnopt-worker-1":
            raise NonFiniteGradientError("only here")


def exploding(finished: int) -> float:
    return 0.1 if finished < 14 else 1e300


def test_a_divergence_in_one_worker_alone_ends_all():
    with pytest.raises(DivergenceError, match="only here"):
        data_parallel(network(), RaisesInOne(0.1), DATA, epochs=5, batch_size=10, workers=2, progress=False)


@pytest.mark.parametrize("method", [data_parallel, local_sgd], ids=lambda method: method.__name__)
def test_validation_before_a_divergence_is_kept(method):
    with pytest.raises(DivergenceError) as alone:
        fit(network(), SGD(exploding), VALIDATED, epochs=4, batch_size=10, progress=False)
    with pytest.raises(DivergenceError) as together:
        method(network(), SGD(exploding), VALIDATED, epochs=4, batch_size=10, progress=False)
    expected, found = alone.value.history, together.value.history
    assert found.epoch == expected.epoch == 2 and len(found.val_loss) == len(expected.val_loss) == 2


@pytest.mark.parametrize("method", [fit, data_parallel, hogwild, parameter_server], ids=lambda method: method.__name__)
def test_parameters_that_are_not_finite_are_a_divergence(method):
    single = MLP([3, 4, 2], seed=0)
    with pytest.raises(DivergenceError):
        method(single, SGD(1e39), VALIDATED, epochs=1, batch_size=60, progress=False)


def test_signs_of_what_is_not_finite_are_a_divergence():
    signs = SignCompressor(scaled=False)
    with pytest.raises(DivergenceError):
        data_parallel(network(), SGD(1e200), DATA, epochs=3, batch_size=10, compression=signs, progress=False)


def test_a_method_goes_on_from_its_own_history_alone():
    history = data_parallel(network(), SGD(0.1), DATA, epochs=1, batch_size=20, progress=False)
    for method in (local_sgd, hogwild):
        with pytest.raises(ValueError, match=f"history: got one of data_parallel; expected one of {method.__name__}"):
            method(network(), SGD(0.1), DATA, epochs=2, batch_size=20, history=history, progress=False)


def test_a_resumed_run_draws_other_entries():
    model, optimizer, history = network(), SGD(0.1), None
    before = model.parameters.copy()
    for epochs in range(1, 7):
        history = data_parallel(
            model, optimizer, DATA, epochs, 60, compression=RandomK(k=1), history=history, progress=False
        )
    assert np.count_nonzero(model.parameters != before) > 1


def test_more_than_fits_into_memory_is_refused():
    with pytest.raises(MemoryError, match=r"shared memory: got .* GB to share, most of it 'figures'"):
        data_parallel(network(), SGD(0.1), VALIDATED, epochs=10**13, progress=False)


def test_huge_shares_are_shares():
    alone, together = network(), network()
    fit(alone, SGD(0.1), DATA, epochs=1, batch_size=10, progress=False)
    data_parallel(together, SGD(0.1), DATA, epochs=1, batch_size=10, shares=[1e308, 1e308], progress=False)
    np.testing.assert_allclose(together.parameters, alone.parameters, rtol=0, atol=1e-12)


def test_a_used_compressor_owes_nothing_to_a_new_run():
    used = TopK(k=1, error_feedback=True)
    used.error = np.array([0.0, 3.0])
    problem = Quadratic([1.0, 2.0], start=np.ones(2))
    old, new = (compressed_descent(problem, 0.1, c, 5).points for c in (used, TopK(k=1, error_feedback=True)))
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("delay", [1, 4, 100])
@pytest.mark.parametrize("kappa", [1e3, 1e12, 1e16])
def test_the_best_rate_is_stable_for_any_condition_number(delay: int, kappa: float):
    rate = best_rate(delay, [1.0, kappa]).rate
    assert 0 < rate * kappa < stability_limit(delay) * (1 + 1e-12)
    assert contraction(rate * kappa, delay) <= 1 + 1e-12


def test_tiny_numbers_keep_their_digits():
    assert delayed_noise_floor(1e-200, 1e-200, 1) == pytest.approx(0.5)
    assert local_sgd_fixed_point([-1.0, 1.0], [4.0, 1.0], 1e-17, 1) == pytest.approx(-0.6)
