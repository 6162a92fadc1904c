"""The event simulation against real processes: workers' own measured seconds, replayed, give the run's staleness.

A run of ``parameter_server`` notes how long each gradient and each step took. ``simulate_asynchrony`` gets these
seconds, gradient by gradient, and says by itself who comes when. Only waking up, and waiting for the server, are not
measured; what they take in all is, and goes into the simulation as latency, the same for everyone. So a busy machine
makes both longer. Whether two gradients that come at the same moment change places is up to microseconds, hence
distributions are compared, and not the two orders.
"""

import math

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.parallel import Cluster, ServerHistory, parameter_server, simulate_asynchrony
from nnopt_utils.problems import Quadratic

SLOW = [0.010, 0.013, 0.053]  # seconds; none is a multiple of another
P = len(SLOW)


@pytest.fixture(scope="module", params=[(None, 600), (2, 180)], ids=["asynchronous", "stale_synchronous"])
def run(request) -> tuple[ServerHistory, int | None]:
    """Real workers for about 3 seconds: so many updates, one epoch; and the bound of their clocks."""
    bound, updates = request.param
    x = np.random.default_rng(0).normal(size=(updates, 3))
    data, options = (x, (x[:, 0] > 0).astype(int)), {"workers": P, "slow": SLOW, "staleness_bound": bound}
    network = MLP([3, 2])
    return parameter_server(network, SGD(0.01), data, epochs=1, batch_size=1, progress=False, **options), bound


def replay(history, bound, seconds=None):
    """The simulation whose workers take what those of a run took, or such seconds."""
    own = [history.gradient_seconds[history.order == rank] for rank in range(P)] if seconds is None else seconds

    def measured(generator, shape):
        return np.column_stack([np.resize(column, shape[0]) for column in own])

    cluster = Cluster(
        workers=P,
        distribution=measured,
        server_seconds=float(history.service_seconds.mean()),
        latency=latency(history) if bound is None else 0.0,  # under a bound most of the rest is waiting
    )
    method, options = ("asynchronous", {}) if bound is None else ("stale_synchronous", {"staleness_bound": bound})
    updates = len(history.order)
    return simulate_asynchrony(Quadratic([1.0]), SGD(0.01), cluster, method, updates=updates, **options)


def latency(history):
    """Half of what a gradient took beyond what was measured of it, on average."""
    unnoted = P * history.seconds[0] - history.gradient_seconds.sum() - history.service_seconds.sum()
    return max(0.0, float(unnoted)) / (2 * len(history.order))


def distance(one, other):
    """Total variation between the distributions of some whole numbers: ½ Σ |p − q|."""
    size = max(one.max(), other.max()) + 1
    p, q = (np.bincount(numbers, minlength=size) / len(numbers) for numbers in (one, other))
    return 0.5 * float(np.abs(p - q).sum())


def bound_on_distance(one, other):
    """What n independent draws from a distribution over k values stay below, but once in a million times.

    E ½ Σ |p̂ − p| ≤ ½ √(k/n), by Cauchy and Schwarz, and one draw changes the distance by 1/n at most, so (McDiarmid)
    it exceeds that by ε with a probability ≤ exp(−2nε²). A worker's updates are no such draws: they come at nearly
    regular times, so their numbers fluctuate less.
    """
    n, k = min(len(one), len(other)), len(np.union1d(one, other))
    return 0.5 * math.sqrt(k / n) + math.sqrt(math.log(1e6) / (2 * n))


def comparisons(history, simulated):
    """What is compared: the whole run, each worker's part, and who made the updates."""
    yield "staleness", history.staleness, simulated.staleness
    yield "workers", history.order, simulated.applied_by
    for rank in range(P):
        yield (
            f"worker {rank}",
            history.staleness[history.order == rank],
            simulated.staleness[simulated.applied_by == rank],
        )


def far_ones(history, simulated):
    return {
        name: (distance(real, other), bound_on_distance(real, other))
        for name, real, other in comparisons(history, simulated)
        if distance(real, other) > bound_on_distance(real, other)
    }


def test_staleness_and_shares_are_the_processes_own(run):
    history, bound = run
    simulated = replay(history, bound)
    assert len(simulated.staleness) == len(history.staleness) == history.steps_per_epoch
    assert not far_ones(history, simulated)


def test_equal_speeds_are_refused(run):
    """The same bounds, and all workers as fast as any: the check can fail."""
    history, bound = run
    simulated = replay(history, bound, [history.gradient_seconds] * P)
    far = {"staleness", "workers", "worker 0", "worker 2"} if bound is None else {"staleness", "worker 0", "worker 1"}
    assert far <= set(far_ones(history, simulated))


@pytest.mark.parametrize("run", [(None, 600)], ids=["asynchronous"], indirect=True)
def test_mean_staleness(run):
    """Each update adds 1 to all other gradients that are under way; what of it was not applied is missing.

    Where an epoch ends and nobody gets a new batch, that is P − 1 for the worker that ends first, then P − 2 …, which
    is P (P − 1) / 2 in all. Where a simulation stops, it is what came after each worker's last update.
    """
    history, bound = run
    simulated, U = replay(history, bound), len(history.order)
    assert history.mean_staleness == pytest.approx((P - 1) * (1 - P / (2 * U)), rel=1e-12)
    missing = sum(U - 1 - int(np.flatnonzero(simulated.applied_by == rank)[-1]) for rank in range(P))
    assert simulated.staleness.sum() == (P - 1) * U - missing


def test_the_bound_on_the_distance():
    """Draws that are independent, by their thousands: none is farther than that from what they were drawn from."""
    generator = np.random.default_rng(0)
    exact = np.repeat(np.arange(4), [400, 300, 200, 100])
    drawn = generator.choice(exact, size=(2000, 100))
    distances = [distance(one, exact) for one in drawn]
    assert 0.05 < max(distances) < bound_on_distance(drawn[0], exact)
