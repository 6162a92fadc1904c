"""Schedules: their formulas, their shape, their arguments."""

import json
import math
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils import schedules
from nnopt_utils.optimizers import SGD
from nnopt_utils.schedules import (
    Compose,
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)
from tools.formulas.subjects.documented import SCHEDULES

RECORDED = Path(__file__).parent / "pytorch.npz"

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
    st.builds(PolynomialDecay, rates, steps=steps, power=st.floats(0.1, 5)),
)
shares = st.floats(0, 1)
RISING = st.one_of(
    st.builds(LinearWarmup, rates, steps=steps),
    st.builds(CosineRestarts, rates, steps=steps, t_mul=st.floats(1.01, 3), m_mul=factors, alpha=shares),
    st.builds(CosineRestarts, rates, steps=steps, m_mul=factors, alpha=shares),
    st.builds(
        OneCycle, rates, steps=st.integers(2, 1000), pct_start=shares, anneal=st.sampled_from(["cosine", "linear"])
    ),
    st.builds(
        WarmupStableDecay,
        rates,
        steps=st.integers(1000, 2000),
        warmup_steps=st.integers(0, 500),
        decay_steps=st.integers(0, 500),
        anneal=st.sampled_from(["linear", "cosine", "1-sqrt"]),
        alpha=shares,
    ),
)
COMPOSED = st.one_of(
    st.builds(Warmup, DECAYS, steps=steps),
    st.builds(lambda a, b, c, n, m: Compose([(a, n), (b, m), c]), RISING, DECAYS, RISING, steps, steps),
    st.just(PiecewiseConstant([3, 17], [0.1, 0.5, 0.01])),
)
ALL = st.one_of(DECAYS, RISING, COMPOSED)


def restarts(k):
    """Waves of 10, 20, 40 and 80 steps above a floor of 0.03, each half as high as the one before."""
    wave = sum(k >= begin for begin in (10, 30, 70))
    begin, length, height = [(0, 10, 0.27), (10, 20, 0.135), (30, 40, 0.0675), (70, 80, 0.03375)][wave]
    return 0.03 + height * math.cos(math.pi / 2 * (k - begin) / length) ** 2


def one_cycle(k, top=1.0, start=0.04, end=0.000004, peak=29, last=99):
    """The way up and the way down of 100 steps at PyTorch's defaults, as half cosine waves."""
    if k <= peak:
        return top - (top - start) * (1 + math.cos(math.pi * k / peak)) / 2
    return end + (top - end) * (1 + math.cos(math.pi * min(k - peak, last - peak) / (last - peak))) / 2


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
        (PolynomialDecay(0.3, steps=40), lambda k: 0.3 - 0.3 * k / 40 if k < 40 else 0.0),
        (PolynomialDecay(0.3, 40, 0.1, power=2), lambda k: 0.1 + 0.2 * (1 - min(k, 40) / 40) * (1 - min(k, 40) / 40)),
        (PiecewiseConstant([7, 8], [3.0, 2.0, 1.0]), lambda k: 3.0 if k <= 6 else 2.0 if k == 7 else 1.0),
        (PiecewiseConstant([], [3.0]), lambda k: 3.0),
        (CosineRestarts(0.3, steps=20), lambda k: 0.3 * math.cos(math.pi * (k % 20) / 40) ** 2),
        (
            CosineRestarts(0.3, steps=10, t_mul=2, m_mul=0.5, alpha=0.1),
            restarts,
        ),
        (OneCycle(1.0, steps=100), one_cycle),
        (
            OneCycle(1.0, steps=11, pct_start=6 / 11, anneal="linear", div_factor=4),
            lambda k: min(0.25 + 0.15 * k, 1) if k <= 5 else 1 - (1 - 0.25e-4) * (min(k, 10) - 5) / 5,
        ),
        (
            Warmup(ExponentialDecay(0.3, 0.5, 7), steps=5),
            lambda k: 0.06 * (k + 1) if k < 5 else 0.3 * 2 ** ((5 - k) / 7),
        ),
        (
            Compose([(Constant(0.3), 3), (StepDecay(0.2, 0.5, 2), 4), LinearWarmup(0.1, 4)]),
            lambda k: [0.3, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.025, 0.05, 0.075, 0.1][min(k, 10)],
        ),
        (WarmupStableDecay(0.3, 50, 10, 20), lambda k: min(0.03 * (k + 1), 0.3, max(0.3 - 0.015 * (k - 30), 0))),
        (
            WarmupStableDecay(0.3, 50, 0, 20, anneal="1-sqrt"),
            lambda k: 0.3 * (1 - math.sqrt(min(max(k - 30, 0) / 20, 1))),
        ),
        (
            WarmupStableDecay(0.3, 50, 0, 50, anneal="cosine", alpha=0.2),
            lambda k: 0.06 + 0.24 * math.cos(math.pi * min(k, 50) / 100) ** 2,
        ),
        (WarmupStableDecay(0.3, 50, 50, 0), lambda k: 0.3 * min(k + 1, 50) / 50),
    ],
    ids=lambda value: type(value).__name__,
)
def test_formula(schedule, formula):
    for k in range(120):
        assert schedule(k) == pytest.approx(formula(k), rel=1e-12, abs=1e-15)


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


def promises(schedule):
    """It prints, is compared and pickled as what it is, and does not change."""
    for copy in (eval(repr(schedule), vars(schedules)), pickle.loads(pickle.dumps(schedule))):
        assert copy == schedule and hash(copy) == hash(schedule)
        assert [copy(k) for k in range(5)] == [schedule(k) for k in range(5)]
    assert schedule != Constant(123.0)
    for name in vars(schedule):
        with pytest.raises(AttributeError):
            setattr(schedule, name, 1.0)


@given(ALL)
def test_repr_and_pickle_round_trip_and_frozen(schedule):
    promises(schedule)


@given(RISING, positions)
def test_rates_stay_below_the_highest(schedule, k):
    assert 0 <= schedule(k) <= schedule.learning_rate * (1 + 1e-12)


@given(RISING)
def test_rates_scale_when_they_rise(schedule):
    doubled = type(schedule)(**{**vars(schedule), "learning_rate": 2 * schedule.learning_rate})
    assert doubled(3) == pytest.approx(2 * schedule(3), rel=1e-12)


def test_restarts_are_at_their_steps():
    """The lengths 3, 6, 12, … add up to 3, 9, 21, …; there the rate is at its top again, however late."""
    schedule = CosineRestarts(0.1, steps=3, t_mul=2)
    begins = [3 * (2**i - 1) for i in range(1, 40)]
    assert all(schedule(begin) == 0.1 and schedule(begin - 1) < 0.08 for begin in begins)
    assert CosineRestarts(0.1, steps=7)(7 * 10**12) == 0.1
    # With 1.5 the second restart is after 2 + 3 + 4.5 = 9.5 steps, in the middle of one.
    uneven = CosineRestarts(0.1, steps=2, t_mul=1.5)
    assert uneven(5) == 0.1 and uneven(9) < 0.01 and uneven(10) == pytest.approx(0.1, rel=0.02)


def test_one_cycle_ends():
    for pct_start in (0.0, 0.01, 0.3, 1.0):  # 0.01 of 100 steps: the highest rate is the first
        schedule = OneCycle(1.0, steps=100, pct_start=pct_start)
        assert schedule(99) == schedule(100) == schedule(10**9)
        assert schedule(99) == (1.0 if pct_start == 1 else 0.04 / 1e4)
    assert OneCycle(1.0, steps=100, pct_start=0.01)(0) == 1.0
    assert OneCycle(1.0, steps=100)(29) == 1.0 > OneCycle(1.0, steps=100)(30)


def test_warmup_before_a_constant_is_linear_warmup():
    assert [Warmup(Constant(0.1), 7)(k) for k in range(20)] == pytest.approx(
        [LinearWarmup(0.1, 7)(k) for k in range(20)]
    )


def test_the_plateau_can_grow():
    """Until the decay begins, longer trainings have the same rates: a plateau goes on, and need not begin anew."""
    short, long = (WarmupStableDecay(0.1, steps, 10, 20) for steps in (100, 500))
    assert [short(k) for k in range(81)] == [long(k) for k in range(81)]
    assert [short(80 + k) for k in range(30)] == [long(480 + k) for k in range(30)]


@given(st.lists(st.tuples(DECAYS, steps), max_size=4), DECAYS, positions)
def test_each_part_counts_from_its_own_zero(timed, last, k):
    begins = np.cumsum([0, *(n for _, n in timed)])
    part = np.searchsorted(begins, k, side="right") - 1
    assert Compose([*timed, last])(k) == [*(schedule for schedule, _ in timed), last][part](k - int(begins[part]))


def test_compositions_nest_and_take_any_function():
    inner = Compose([(Constant(0.2), 2), lambda k: 0.1 / (k + 1)])
    schedule = Warmup(Compose([(inner, 4), Constant(0.01)]), steps=2)
    assert [schedule(k) for k in range(8)] == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.1, 0.05, 0.01, 0.01])


def test_arguments_become_tuples_of_plain_numbers():
    schedule = PiecewiseConstant(np.array([1, 2]), np.array([0.5, 0.25, 0.125]))
    assert repr(schedule) == "PiecewiseConstant(boundaries=(1, 2), values=(0.5, 0.25, 0.125))"
    parts = [(Constant(0.1), np.int64(3)), Constant(0.2)]
    schedule = Compose(parts)
    parts.clear()
    assert repr(schedule) == "Compose(parts=((Constant(learning_rate=0.1), 3), Constant(learning_rate=0.2)))"


@given(ALL, positions)
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
        (lambda: PolynomialDecay(0.1, 0), "steps: got 0"),
        (lambda: PolynomialDecay(0.1, 5, end_learning_rate=0.2), "end_learning_rate: got 0.2; .* >= 0 and <= 0.1"),
        (lambda: PolynomialDecay(0.1, 5, power=0), "power: got 0; expected a finite number > 0"),
        (lambda: PiecewiseConstant([3, 3], [1, 2, 3]), r"boundaries\[1\]: got 3; expected an integer >= 4"),
        (lambda: PiecewiseConstant([0], [1, 2]), r"boundaries\[0\]: got 0; expected an integer >= 1"),
        (lambda: PiecewiseConstant([1.5], [1, 2]), r"boundaries\[0\]: got 1.5; expected an integer"),
        (lambda: PiecewiseConstant([3], [1]), "values: got 1 rates; expected 2, one more than boundaries"),
        (lambda: PiecewiseConstant([3], [1, -1]), r"values\[1\]: got -1"),
        (lambda: PiecewiseConstant(3, [1, 2]), "boundaries: got 3; expected a sequence of numbers"),
        (lambda: PiecewiseConstant([3], "12"), "values: got '12'; expected a sequence of numbers"),
        (lambda: CosineRestarts(0.1, 0), "steps: got 0"),
        (lambda: CosineRestarts(0.1, 5, t_mul=0.5), "t_mul: got 0.5; expected a finite number >= 1"),
        (lambda: CosineRestarts(0.1, 5, m_mul=0.0), "m_mul: got 0.0"),
        (lambda: CosineRestarts(0.1, 5, alpha=2), "alpha: got 2"),
        (lambda: OneCycle(0.1, 1), "steps: got 1; expected an integer >= 2"),
        (lambda: OneCycle(0.1, 10, pct_start=30), "pct_start: got 30; expected a finite number >= 0 and <= 1"),
        (lambda: OneCycle(0.1, 10, div_factor=0), "div_factor: got 0"),
        (lambda: OneCycle(0.1, 10, final_div_factor=0.1), "final_div_factor: got 0.1"),
        (lambda: OneCycle(0.1, 10, anneal="cos"), "anneal: got 'cos'; .*did you mean 'cosine'"),
        (lambda: Warmup(0.1, 5), "after: got 0.1; expected a schedule"),
        (lambda: Warmup(Constant(0.1), 0), "steps: got 0"),
        (lambda: WarmupStableDecay(0.1, 10, 11, 0), "warmup_steps: got 11; expected an integer >= 0 and <= 10"),
        (lambda: WarmupStableDecay(0.1, 10, 5, 6), "decay_steps: got 6; expected at most 5"),
        (lambda: WarmupStableDecay(0.1, 10, 5, -1), "decay_steps: got -1; expected an integer >= 0"),
        (lambda: WarmupStableDecay(0.1, 10, 5, 5, anneal="sqrt"), "anneal: got 'sqrt'"),
        (lambda: WarmupStableDecay(0.1, 10, 5, 5, alpha=-0.1), "alpha: got -0.1"),
        (lambda: Compose([]), r"parts: got \[\]; expected a list"),
        (lambda: Compose(Constant(0.1)), "parts: got Constant"),
        (lambda: Compose([Constant(0.1), Constant(0.2)]), r"parts\[0\]: got Constant.* expected a pair"),
        (lambda: Compose([(Constant(0.1), 3)]), r"parts\[0\]: got .*; expected a schedule alone"),
        (lambda: Compose([(Constant(0.1), 0), Constant(0.1)]), r"parts\[0\]\[1\]: got 0; expected an integer >= 1"),
        (lambda: Compose([(0.1, 3), Constant(0.1)]), r"parts\[0\]: got \(0.1, 3\); expected a pair"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


EXAMPLES = [
    *(schedule(0.1, **arguments) for schedule, (_, arguments) in SCHEDULES.items()),
    CosineRestarts(0.1, 10),
    OneCycle(0.1, 10),
    PiecewiseConstant([3], [0.1, 0.2]),
    Warmup(Constant(0.1), 3),
    Compose([Constant(0.1)]),
]


@pytest.mark.parametrize("schedule", EXAMPLES, ids=lambda schedule: type(schedule).__name__)
class TestEverySchedule:
    @pytest.mark.parametrize("step", [-1, 1.5, "3", None])
    def test_a_step_is_an_integer_from_zero_on(self, schedule, step):
        with pytest.raises((TypeError, ValueError), match=r"^step: got .*; expected an integer >= 0"):
            schedule(step)

    def test_repr_and_pickle_round_trip_and_frozen(self, schedule):
        promises(schedule)


def test_every_schedule_has_an_example():
    assert {type(schedule).__name__ for schedule in EXAMPLES} == set(schedules.__all__)


class TestPyTorch:
    """Rates recorded from ``torch.optim.lr_scheduler`` by ``record_pytorch_schedules.py``."""

    recorded = np.load(RECORDED)
    about = json.loads(str(recorded["about"]))
    ours: ClassVar = {
        "constant": Constant(0.3),
        "step": StepDecay(0.3, 0.5, every=7),
        "piecewise": PiecewiseConstant([10, 40, 41], [0.3, 0.03, 0.003, 0.0003]),
        "exponential": ExponentialDecay(0.3, 0.97, 1),
        "polynomial": PolynomialDecay(0.3, 80, power=2.5),
        "line": PolynomialDecay(0.3, 80),
        "cosine": CosineDecay(0.3, 99, alpha=0.1),
        "warmup": LinearWarmup(0.3, 8),
        "restarts": CosineRestarts(0.3, 12, alpha=0.1),
        "restarts_longer": CosineRestarts(0.3, 12, t_mul=2),
        "one_cycle": OneCycle(0.3, 100),
        "one_cycle_linear": OneCycle(0.3, 100, 0.45, 10.0, 100.0, anneal="linear"),
        "one_cycle_no_rise": OneCycle(0.3, 100, pct_start=0.0),
        "one_cycle_no_fall": OneCycle(0.3, 100, pct_start=1.0),
        "warmup_cosine": Warmup(CosineDecay(0.3, 92), 8),
        "warmup_stable_decay": WarmupStableDecay(0.3, 100, 8, 40, alpha=0.1),
        "three_parts": Compose(
            [(StepDecay(0.3, 0.5, 7), 30), (ExponentialDecay(0.3, 0.9, 1), 20), PolynomialDecay(0.3, 20, power=2)]
        ),
    }

    def test_every_case_is_compared(self):
        assert set(self.ours) == set(self.about["cases"]) and self.about["rate"] == 0.3

    @pytest.mark.parametrize("case", ours)
    def test_rates(self, case):
        found = [self.ours[case](k) for k in range(self.about["steps"])]
        # PyTorch multiplies its way from step to step, so its rounding errors add up.
        np.testing.assert_allclose(found, self.recorded[case], rtol=1e-11, atol=1e-15)

    def test_a_rival_fails(self):
        """One step late, the comparison must notice; only what never changes cannot."""
        for case, schedule in self.ours.items():
            late = np.array([schedule(max(k - 1, 0)) for k in range(self.about["steps"])])
            assert np.allclose(late, self.recorded[case], rtol=1e-6, atol=0) == (case == "constant")


@pytest.mark.slow
class TestKeras:
    """``keras.optimizers.schedules`` calculates in float32, and near the end of a fall loses digits."""

    @staticmethod
    def agree(ours, theirs, steps=130, skip=()):
        kept = [k for k in range(steps) if k not in skip]
        found, expected = [ours(k) for k in kept], [float(theirs(k)) for k in kept]
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-7)

    def test_exponential_and_step(self, keras):
        theirs = keras.optimizers.schedules.ExponentialDecay
        self.agree(ExponentialDecay(0.3, 0.5, 7), theirs(0.3, 7, 0.5))
        self.agree(StepDecay(0.3, 0.5, 7), theirs(0.3, 7, 0.5, staircase=True))

    def test_inverse_time(self, keras):
        self.agree(InverseTimeDecay(0.3, 0.5 / 7), keras.optimizers.schedules.InverseTimeDecay(0.3, 7, 0.5))

    @pytest.mark.parametrize("power", [0.5, 1.0, 2.5])
    def test_polynomial(self, keras, power):
        theirs = keras.optimizers.schedules.PolynomialDecay
        self.agree(PolynomialDecay(0.3, 90, 0.02, power), theirs(0.3, 90, 0.02, power))
        self.agree(PolynomialDecay(0.3, 90, 0.0001, power), theirs(0.3, 90, power=power))  # its default end

    def test_piecewise_changes_one_step_later(self, keras):
        theirs = keras.optimizers.schedules.PiecewiseConstantDecay([9, 49], [0.3, 0.1, 0.01])
        self.agree(PiecewiseConstant([10, 50], [0.3, 0.1, 0.01]), theirs)
        assert float(theirs(9)) == pytest.approx(0.3) and PiecewiseConstant([9, 49], [0.3, 0.1, 0.01])(9) == 0.1

    def test_cosine(self, keras):
        theirs = keras.optimizers.schedules.CosineDecay
        self.agree(CosineDecay(0.3, 90), theirs(0.3, 90))
        self.agree(CosineDecay(0.3, 90, alpha=0.1), theirs(0.3, 90, alpha=0.1))

    def test_cosine_with_warmup(self, keras):
        """Theirs reaches the whole rate at step ``warmup_steps``, once; ours one step earlier, and stays for one."""
        w = 10
        theirs = keras.optimizers.schedules.CosineDecay(0.3 / w, 90, alpha=0.1, warmup_target=0.3, warmup_steps=w - 1)
        self.agree(Warmup(CosineDecay(0.3, 90, alpha=0.1), w), lambda k: theirs(k if k < w else k - 1))
        from_zero = keras.optimizers.schedules.CosineDecay(0.0, 90, warmup_target=0.3, warmup_steps=w)
        assert float(from_zero(0)) == 0.0 < Warmup(CosineDecay(0.3, 90), w)(0)
        self.agree(Warmup(CosineDecay(0.3, 90), w), lambda k: from_zero(k + 1 if k < w else k))

    @pytest.mark.parametrize("t_mul", [1.0, 1.5, 2.0])
    @pytest.mark.parametrize(("m_mul", "alpha"), [(1.0, 0.0), (0.7, 0.1)])
    def test_restarts(self, keras, t_mul, m_mul, alpha):
        theirs = keras.optimizers.schedules.CosineDecayRestarts(0.3, 12, t_mul, m_mul, alpha)
        ours = CosineRestarts(0.3, 12, t_mul, m_mul, alpha)
        # Their float32 logarithm may put the very step of a restart into the wave before: that step is left out.
        begins = np.cumsum([12 * t_mul**i for i in range(12)]) if t_mul > 1 else []
        self.agree(ours, theirs, skip=begins)
