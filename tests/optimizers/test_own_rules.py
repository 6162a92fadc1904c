"""Rules that learners write: they work, or say at once what to write instead."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from nnopt_utils.optimizers import SGD, Adam, Optimizer, TensorOptimizer
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import minimize

BOWL = Quadratic([1.0, 10.0])


def descent(self, theta, gradient, *slots):
    theta -= self.learning_rate * gradient


# -- constructors ----------------------------------------------------------------------------------------------------


class WithKwargs(Optimizer):
    def __init__(self, learning_rate=0.05, gamma=0.9, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.gamma = gamma

    update = descent


class WithOptions(Optimizer):
    def __init__(self, *everything, **options):
        super().__init__(*everything, **options)

    update = descent


class Lookahead(Adam):
    def __init__(self, *args, k=5, **kwargs):
        super().__init__(*args, **kwargs)
        self.k = k


class KeepsNothing(Optimizer):
    def __init__(self, learning_rate, secret=7):
        super().__init__(learning_rate)

    update = descent


class WithoutSuper(Optimizer):
    def __init__(self, learning_rate, gamma=0.5):
        self.learning_rate, self.gamma = learning_rate, gamma

    update = descent


class WithoutSuperOrRate(Adam):
    def __init__(self, beta_1=0.5):
        self.beta_1 = beta_1


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: WithKwargs(), "WithKwargs(learning_rate=0.05, gamma=0.9, convention='paper', weight_decay=0.0)"),
        (lambda: WithKwargs(gamma=0.1, clipnorm=1), "gamma=0.1, convention='paper', weight_decay=0.0, clipnorm=1.0)"),
        (lambda: WithOptions(0.05, weight_decay=0.1), "WithOptions(learning_rate=0.05, convention='paper', weight_d"),
        (lambda: Lookahead(0.05, 0.8, k=3), "Lookahead(learning_rate=0.05, beta_1=0.8, beta_2=0.999, epsilon=1e-08"),
        (lambda: Lookahead(0.05, k=3), "k=3"),
        (lambda: KeepsNothing(0.05), "KeepsNothing(learning_rate=0.05, secret=7)"),
        (lambda: KeepsNothing(0.05, secret=8), "KeepsNothing(learning_rate=0.05, secret=8)"),
        (lambda: WithoutSuper(0.05), "WithoutSuper(learning_rate=0.05, gamma=0.5)"),
        (lambda: WithoutSuperOrRate(), "WithoutSuperOrRate(beta_1=0.5)"),
    ],
)
def test_own_constructors_run_to_the_end(make, shown):
    trajectory = minimize(BOWL, make(), 20)
    assert shown in trajectory.optimizer and trajectory.values[-1] < trajectory.values[0]
    assert shown in repr(make())  # before the first step, too


def test_without_super_everything_else_is_at_its_default():
    optimizer, theta = WithoutSuperOrRate(), np.ones(2)
    optimizer.step(theta, np.ones(2))
    assert (optimizer.beta_1, optimizer.beta_2, optimizer.learning_rate, optimizer.convention) == (
        0.5,
        0.999,
        0.001,
        "paper",
    )
    assert theta == pytest.approx(0.999)


def test_without_super_all_of_it_may_be_asked_before_the_first_step():
    optimizer = WithoutSuperOrRate()
    assert optimizer.learning_rate == 0.001 and optimizer.get_state()["t"] == 0
    other, theta = WithoutSuperOrRate(), np.ones(2)
    assert other.evaluation_parameters(theta) is theta
    optimizer.step(theta, np.ones(2))
    other.set_state(optimizer.get_state())
    assert other.t == 1 and other.beta_1 == 0.5


def test_without_super_and_without_a_rate_says_what_to_write():
    class NoRate(Optimizer):
        def __init__(self, gamma):
            self.gamma = gamma

        update = descent

    with pytest.raises(
        TypeError, match=r"NoRate: .* does not call super\(\).__init__; write super\(\).__init__\(learning_"
    ):
        NoRate(0.5).step(np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="does not call"):
        repr(NoRate(0.5))


@dataclass
class AsDataclass(Optimizer):
    learning_rate: float = 0.05
    gamma: float = 0.5

    update = descent


@dataclass
class AdamAsDataclass(Adam):
    beta_1: float = 0.5


def test_dataclasses_keep_their_defaults():
    assert AsDataclass().learning_rate == 0.05 and AsDataclass(0.1).gamma == 0.5
    assert AdamAsDataclass().hyperparameters["beta_1"] == 0.5 and AdamAsDataclass(0.25).beta_1 == 0.25
    for make in (AsDataclass, AdamAsDataclass):
        trajectory = minimize(BOWL, make(), 20)
        assert trajectory.values[-1] < trajectory.values[0]


def test_what_an_own_constructor_hands_on_wrongly():
    class HandsOnByName(WithKwargs):
        def __init__(self, learning_rate=0.05, k=2):
            super().__init__(learning_rate, k=k)

    class HandsOnByPosition(Optimizer):
        def __init__(self, learning_rate=0.05, k=2):
            super().__init__(learning_rate, k)

        update = descent

    with pytest.raises(TypeError, match=r"k: got 2 in super\(\).__init__ .* only learning_rate, .* self.k = k"):
        HandsOnByName()
    with pytest.raises(TypeError, match=r"super\(\).__init__: too many .* expected \(learning_rate, \*, convention="):
        HandsOnByPosition()


def test_a_function_in_the_place_of_a_number():
    with pytest.raises(TypeError, match=r"Falling.learning_rate: got a function; expected a number, or a property"):
        type("Falling", (SGD,), {"learning_rate": lambda t: 0.1 / (t + 1)})


class ComputedRate(Optimizer):
    learning_rate = property(lambda self: 0.1 / (self.t + 1))
    update = descent


def test_the_state_of_a_rule_that_computes_its_rate():
    optimizer, other, theta = ComputedRate(), ComputedRate(), np.ones(2)
    optimizer.step(theta, theta)
    other.set_state(optimizer.get_state())
    assert other.learning_rate == 0.05


@pytest.mark.parametrize(
    ("name", "meant"), [("lr", "learning_rate"), ("betas", "beta_1 and beta_2"), ("beta1", "beta_1")]
)
def test_a_misspelt_default_in_the_body(name, meant):
    with pytest.raises(TypeError, match=rf"{name}: got 0.5, but Mine has .*did you mean {meant}\?"):
        type("Mine", (Adam,), {name: 0.5})
    constant = type("Mine", (Adam,), {name: 0.5, "update": descent, "slots": ("m", "v"), "label": "mine"})
    assert getattr(constant(0.1), name) == 0.5
    assert type("Mine", (Adam,), {"label": "mine", "beta_1": 0.5})().beta_1 == 0.5
    assert type("Mine", (Adam,), {"beta_1": property(lambda self: 0.25)})().beta_1 == 0.25


def test_misspelt_arguments_of_own_constructors():
    with pytest.raises(TypeError, match=r"gama: got 0.5, .*did you mean gamma\?"):
        WithKwargs(gama=0.5)
    with pytest.raises(TypeError, match=r"lr: got 0.5, .*did you mean learning_rate\?"):
        Lookahead(lr=0.5)


# -- rules that change nothing ---------------------------------------------------------------------------------------


def rule(update, slots=()):
    return type("Mine", (Optimizer,), {"update": update, "slots": slots})


def rebinds_theta(self, theta, gradient):
    theta = theta - self.learning_rate * gradient


def returns_theta(self, theta, gradient):
    return theta - self.learning_rate * gradient


def forgets_to_assign(self, theta, gradient):
    new_theta = theta - self.learning_rate * gradient  # noqa: F841


def rebinds_m(self, theta, gradient, m):
    m = 0.9 * m + gradient
    theta -= self.learning_rate * m


def rebinds_an_unpacked_m(self, theta, gradient, *slots):
    m, v = slots
    m = 0.9 * m + gradient
    v += gradient**2
    theta -= self.learning_rate * m / np.sqrt(v)


@pytest.mark.parametrize(
    ("update", "slots", "message"),
    [
        (rebinds_theta, (), r"Mine.update: got `theta = …`, which makes a new array .* expected .* `theta -= …`"),
        (
            returns_theta,
            (),
            r"Mine.update: got float64 array .* returned; expected theta changed in place, `theta -= …`",
        ),
        (forgets_to_assign, (), "Mine.update: got a rule that changes neither theta nor its state"),
        (rebinds_m, ("m",), r"Mine.update: got `m = …`, .* `m -= …` or `m\[:\] = …`"),
        (rebinds_an_unpacked_m, ("m", "v"), r"Mine.update: got `m = …`"),
    ],
)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_rule_that_makes_new_arrays(update, slots, message, decay):
    with pytest.raises(TypeError, match=message):
        minimize(BOWL, rule(update, slots)(0.05, weight_decay=decay), 20)


@pytest.mark.parametrize("update", [rebinds_theta, forgets_to_assign])
def test_it_is_noticed_at_the_first_gradient_that_is_not_zero(update):
    optimizer, theta = rule(update)(0.05), np.ones(2)
    optimizer.step(theta, np.zeros(2))
    optimizer.step(theta, np.zeros(2))
    with pytest.raises(TypeError, match=r"Mine.update: got"):
        optimizer.step(theta, np.ones(2))


@pytest.mark.parametrize("slots", ["momentum", "m", {"m"}, ("m", "m"), (1,), 1, ("average",), ("collected",)])
def test_slots_are_different_names_in_an_order(slots):
    with pytest.raises(TypeError, match=r"Mine.slots: got .*; expected a tuple of different names, such as \('m',\)"):
        rule(descent, slots)(0.05).step(np.ones(2), np.ones(2))


@pytest.mark.parametrize(
    ("update", "slots", "message"),
    [
        (
            rebinds_m,
            (),
            r"got a rule of \(theta, gradient, m\); expected one of \(theta, gradient\), since slots = \(\)",
        ),
        (rebinds_theta, ("m",), r"expected one of \(theta, gradient, m\), since slots = \('m',\)"),
    ],
)
def test_arguments_that_are_not_the_slots(update, slots, message):
    with pytest.raises(TypeError, match=message):
        rule(update, slots)(0.05).step(np.ones(2), np.ones(2))


def rebinds_the_first(self, theta, gradient, *slots):
    m = slots[0]
    m = 0.9 * m + gradient
    theta -= self.learning_rate * m


def test_a_slot_taken_by_its_number():
    with pytest.raises(TypeError, match=r"Mine.update: got `m = …`"):
        minimize(BOWL, rule(rebinds_the_first, ("m",))(0.05), 20)


# -- rules that are right, however they look -------------------------------------------------------------------------


def moves_every_third(self, theta, gradient, total):
    total += gradient
    if self.t % 3 == 0:
        theta -= self.learning_rate * total
        total[:] = 0


def waits(self, theta, gradient, m):
    if self.t > 5:
        m += gradient
    m = m / 2
    if self.t > 5:
        theta -= self.learning_rate * m


def large_ones_only(self, theta, gradient):
    theta -= self.learning_rate * np.where(np.abs(gradient) > 9, gradient, 0)


def changes_the_gradient(self, theta, gradient):
    gradient *= -self.learning_rate
    theta += gradient


def reuses_names(self, theta, gradient, m):
    gradient = gradient / (1 + np.abs(gradient))
    m *= 0.9
    m += gradient
    m = m / (1 - 0.9**self.t)
    theta -= self.learning_rate * m


def writes_by_out(self, theta, gradient):
    np.subtract(theta, self.learning_rate * gradient, out=theta)


def by_slices(self, theta, gradient, m):
    m[:] = 0.9 * m + gradient
    theta[:] = theta - self.learning_rate * m


def multiplies(self, theta, gradient):
    theta *= np.exp(-self.learning_rate * gradient)


@pytest.mark.parametrize(
    ("update", "slots"),
    [
        (multiplies, ()),
        (waits, ("m",)),
        (changes_the_gradient, ()),
        (moves_every_third, ("total",)),
        (reuses_names, ("m",)),
        (writes_by_out, ()),
        (by_slices, ("m",)),
        (descent, ()),
        (descent, ("unused",)),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e-25, 0.0])
def test_no_false_alarm(update, slots, scale):
    """Also for steps too small to change θ, and for a gradient of zero."""
    optimizer, theta = rule(update, slots)(0.05), np.ones(3)
    for _ in range(7):
        optimizer.step(theta, scale * np.array([1.0, 0.0, -2.0]))
    assert (theta != 1).any() == (scale == 1)


def test_no_false_alarm_at_the_rate_zero_of_a_warm_up():
    optimizer, theta = rule(descent)(lambda finished: 0.1 * finished), np.ones(2)
    for _ in range(2):
        optimizer.step(theta, np.ones(2))
    assert theta[0] == 0.9


def test_a_rule_in_the_hooks():
    class AtTheEnd(Optimizer):
        def begin_step(self, theta, gradient):
            self.gradient = gradient.copy()

        def update(self, theta, gradient):
            pass

        def end_step(self, theta):
            theta -= self.learning_rate * self.gradient

    assert minimize(BOWL, AtTheEnd(0.05), 50).values[-1] < 1e-2


def test_the_rule_is_asked_once():
    calls = []

    def counted(self, theta, gradient):
        calls.append(theta.size)
        theta -= self.learning_rate * gradient

    optimizer, theta = rule(counted)(0.1), np.ones(2)
    for _ in range(3):
        optimizer.step(theta, np.ones(2))
    assert calls == [2, 2, 2]


def test_a_rule_by_tensor_is_looked_at_too():
    class Mine(TensorOptimizer):
        def update(self, theta, gradient):
            theta = theta - self.learning_rate * gradient

    with pytest.raises(TypeError, match=r"Mine.update: got `theta = …`"):
        Mine(0.1).step(np.ones(4), np.ones(4))


# -- views that are kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_of_theta_and_optimizer_goes_its_own_way(copied):
    """The parts of θ are views, kept from step to step; those of a copy must be of the copy."""
    theta, optimizer = np.ones(3), SGD(0.1, momentum=0.9)
    optimizer.step(theta, np.ones(3))
    other_theta, other = copied((theta, optimizer))
    other.step(other_theta, np.ones(3))
    assert theta[0] == 0.9 and other_theta[0] == pytest.approx(0.71)
    optimizer.step(theta, np.ones(3))
    assert np.array_equal(theta, other_theta)


def test_what_may_change_between_steps_is_seen():
    theta, optimizer = np.zeros(2), SGD(1.0, momentum=0.5)
    optimizer.step(theta, np.ones(2))
    optimizer.state["velocity"] = np.zeros(2)  # another array
    optimizer.step(theta, np.ones(2))
    assert theta.tolist() == [-2.0, -2.0] and optimizer.state["velocity"].tolist() == [-1.0, -1.0]
    optimizer.block_size = 1
    optimizer.step(theta, np.ones(2))
    assert theta.tolist() == [-3.5, -3.5]
    other = theta.copy()
    optimizer.step(other, np.ones(2))
    assert theta.tolist() == [-3.5, -3.5] and other.tolist() == [-5.25, -5.25]
    theta.flags.writeable = False
    with pytest.raises(ValueError, match="theta: got a read-only array"):
        optimizer.step(theta, np.ones(2))


def test_a_rule_that_waits_for_large_gradients_may_see_small_ones_first():
    optimizer, theta = rule(large_ones_only)(0.1), np.ones(2)
    optimizer.step(theta, np.ones(2))
    optimizer.step(theta, np.array([10.0, 1.0]))
    assert theta == pytest.approx([0.0, 1.0])


class ScalesFirst(Optimizer):
    update = descent

    def begin_step(self, theta, gradient):
        gradient /= np.linalg.norm(gradient)


@pytest.mark.parametrize("optimizer", [rule(changes_the_gradient)(0.1), ScalesFirst(0.1)])
def test_the_callers_gradient_stays_as_it_is(optimizer):
    gradient = np.array([3.0, 4.0])
    for _ in range(2):
        optimizer.step(np.ones(2), gradient)
    assert gradient.tolist() == [3.0, 4.0]
