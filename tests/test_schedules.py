"""Schedules: their formulas, their shape, their arguments."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils.optimizers import SGD
from nnopt_utils.schedules import Constant, CosineDecay, ExponentialDecay, InverseTimeDecay, LinearWarmup, StepDecay

rates = st.floats(1e-6, 10.0)
steps = st.integers(1, 1000)
factors = st.floats(0.01, 1.0)
positions = st.integers(0, 10_000)

DECAYS = st.one_of(
    st.builds(Constant, rates),
    st.builds(StepDecay, rates, factor=factors, every=steps),
    st.builds(ExponentialDecay, rates, factor=factors, steps=steps),
    st.builds(InverseTimeDecay, rates, decay=st.floats(0, 10)),
    st.builds(CosineDecay, rates, steps=steps, alpha=st.floats(0, 1)),
)


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        (Constant(0.3), lambda k: 0.3),
        (StepDecay(0.3, factor=0.5, every=7), lambda k: 0.3 * 0.5 ** math.floor(k / 7)),
        (ExponentialDecay(0.3, factor=0.5, steps=7), lambda k: 0.3 * math.exp(math.log(0.5) * k / 7)),
        (InverseTimeDecay(0.3, decay=0.2), lambda k: 0.3 / (1 + 0.2 * k)),
        (CosineDecay(0.3, steps=40), lambda k: 0.3 * math.cos(math.pi / 2 * min(k / 40, 1)) ** 2),
        (CosineDecay(0.3, steps=40, alpha=1.0), lambda k: 0.3),
        (LinearWarmup(0.3, steps=7), lambda k: 0.3 * (k + 1) / 7 if k < 6 else 0.3),
    ],
    ids=["constant", "step", "exponential", "inverse_time", "cosine", "cosine_flat", "warmup"],
)
def test_formula(schedule, formula):
    for k in range(60):
        assert schedule(k) == pytest.approx(formula(k), rel=1e-12, abs=1e-16)


def test_robbins_monro_step_is_one_over_t():
    schedule = InverseTimeDecay(1.0, decay=1.0)
    assert [schedule(t - 1) for t in (1, 2, 4, 10)] == [1, 1 / 2, 1 / 4, 1 / 10]


def test_cosine_ends_and_stays():
    schedule = CosineDecay(0.1, steps=100, alpha=0.1)
    assert schedule(0) == 0.1 and schedule(50) == pytest.approx(0.055)
    assert schedule(100) == schedule(101) == schedule(10**9) == pytest.approx(0.01)


def test_warmup_wastes_no_step():
    assert LinearWarmup(0.1, steps=10)(0) == pytest.approx(0.01)
    assert LinearWarmup(0.1, steps=1)(0) == 0.1


@given(DECAYS, positions)
def test_decays_never_rise_and_stay_in_range(schedule, k):
    # Rounding may lift the cosine's flat ends by a last digit.
    assert 0 <= schedule(k + 1) <= schedule(k) * (1 + 1e-12) <= schedule.learning_rate * (1 + 2e-12)


@given(DECAYS)
def test_decays_begin_at_the_rate(schedule):
    assert schedule(0) == pytest.approx(schedule.learning_rate, rel=1e-15)


@given(st.builds(LinearWarmup, rates, steps=steps), positions)
def test_warmup_never_falls_and_is_positive(schedule, k):
    assert 0 < schedule(k) <= schedule(k + 1) <= schedule.learning_rate
    assert schedule(schedule.steps - 1) == schedule.learning_rate


@given(DECAYS, rates)
def test_scales_with_the_rate(schedule, factor):
    arguments = {**vars(schedule), "learning_rate": schedule.learning_rate * factor}
    assert type(schedule)(**arguments)(17) == pytest.approx(factor * schedule(17), rel=1e-12, abs=1e-300)


@given(DECAYS)
def test_repr_round_trip_and_frozen(schedule):
    assert eval(repr(schedule)) == schedule and hash(schedule) == hash(eval(repr(schedule)))
    with pytest.raises(AttributeError):
        schedule.learning_rate = 1.0


@given(st.one_of(DECAYS, st.builds(LinearWarmup, rates, steps=steps)), positions)
def test_an_optimizer_takes_every_schedule(schedule, k):
    optimizer = SGD(schedule)
    assert optimizer.learning_rate == schedule(0) and optimizer.schedule is schedule
    assert type(schedule(k)) is float


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Constant(0.0), "learning_rate: got 0.0; expected a finite number > 0"),
        (lambda: Constant("0.1"), "learning_rate: got '0.1'"),
        (lambda: StepDecay(0.1, factor=0.0, every=1), "factor: got 0.0; expected a finite number > 0 and <= 1"),
        (lambda: StepDecay(0.1, factor=1.5, every=1), "factor: got 1.5"),
        (lambda: StepDecay(0.1, factor=0.5, every=0), "every: got 0; expected an integer >= 1"),
        (lambda: StepDecay(0.1, factor=0.5, every=1.5), "every: got 1.5; expected an integer"),
        (lambda: ExponentialDecay(-1.0, factor=0.5, steps=1), "learning_rate: got -1.0"),
        (lambda: ExponentialDecay(0.1, factor=2, steps=1), "factor: got 2"),
        (lambda: ExponentialDecay(0.1, factor=0.5, steps=0), "steps: got 0"),
        (lambda: InverseTimeDecay(0.1, decay=-1), "decay: got -1; expected a finite number >= 0"),
        (lambda: InverseTimeDecay(math.nan, decay=1), "learning_rate: got nan"),
        (lambda: CosineDecay(0.1, steps=0), "steps: got 0"),
        (lambda: CosineDecay(0.1, steps=10, alpha=1.1), "alpha: got 1.1; expected a finite number >= 0 and <= 1"),
        (lambda: LinearWarmup(0.1, steps=0), "steps: got 0"),
        (lambda: LinearWarmup(math.inf, steps=1), "learning_rate: got inf"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


@pytest.mark.parametrize("step", [-1, 1.5, "3", None])
def test_a_step_is_an_integer_from_zero_on(step):
    schedules = [
        Constant(0.1),
        StepDecay(0.1, 0.5, 10),
        ExponentialDecay(0.1, 0.5, 10),
        InverseTimeDecay(0.1, 1.0),
        CosineDecay(0.1, 10),
        LinearWarmup(0.1, 10),
    ]
    for schedule in schedules:
        with pytest.raises((TypeError, ValueError), match=r"^step: got .*; expected an integer >= 0"):
            schedule(step)
