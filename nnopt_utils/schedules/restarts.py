"""Schedules that come back up: cosine restarts, and one cycle up and down."""

from __future__ import annotations

from dataclasses import dataclass

from nnopt_utils._validation import check_choice, check_integer, check_number, check_positive
from nnopt_utils.schedules.shapes import SHAPES

__all__ = ["CosineRestarts", "OneCycle"]


@dataclass(frozen=True)
class CosineRestarts:
    r"""Half cosine waves one after the other, each from the top: SGDR.

    Wave i = 0, 1, … lasts :math:`s_i = s\,t_{\text{mul}}^i` steps. With k_i the steps since it began,

    .. math:: \eta_k = \eta_0 \left(r + (1 - r)\, m_{\text{mul}}^i\, \tfrac{1 + \cos(\pi k_i / s_i)}{2}\right)

    Args:
        learning_rate: η₀ > 0.
        steps: s >= 1, the length of the first wave.
        t_mul: how many times longer each wave is than the one before, >= 1; default 1.
        m_mul: how many times higher its top is above the floor, in (0, 1]; default 1.
        alpha: r in [0, 1], the floor as a share of η₀; default 0. It is never quite reached: the step at which
            a wave would arrive is the first of the next.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> schedule = CosineRestarts(0.1, steps=10, t_mul=2, m_mul=0.5)
        >>> [round(schedule(k), 4) for k in (0, 5, 9, 10, 20, 29, 30)]
        [0.1, 0.05, 0.0024, 0.05, 0.025, 0.0003, 0.025]

    Warning:
        In Keras's ``CosineDecayRestarts``, ``t_mul`` is 2 by default, and the wave's number comes from float32
        logarithms: a restart can come one step early or late. PyTorch's ``CosineAnnealingWarmRestarts`` has a floor
        ``eta_min`` that is a rate, a ``T_mult`` that is an integer, and no ``m_mul``.

    Source: I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    learning_rate: float
    steps: int
    t_mul: float = 1.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_integer("steps", self.steps, low=1)
        check_number("t_mul", self.t_mul, low=1.0)
        check_number("m_mul", self.m_mul, low=0.0, high=1.0, low_open=True)
        check_number("alpha", self.alpha, low=0.0, high=1.0)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        wave, share = self._position(step)
        height = self.m_mul**wave * SHAPES["cosine"](share)
        return self.learning_rate * (self.alpha + (1 - self.alpha) * height)

    def _position(self, step: int) -> tuple[int, float]:
        """The number of the wave that a step is in, and the share of that wave that is over."""
        if self.t_mul == 1:
            wave, since = divmod(step, self.steps)
            return wave, since / self.steps
        wave, begin, length = 0, 0.0, float(self.steps)
        while step >= begin + length:
            wave, begin, length = wave + 1, begin + length, length * self.t_mul
        return wave, (step - begin) / length


@dataclass(frozen=True)
class OneCycle:
    r"""Rise to a high rate, then fall far below the start: one cycle over the whole training.

    The rate goes from :math:`\eta_\text{first} = \eta_{\max} / d` at k = 0 up to :math:`\eta_{\max}` at k = p s − 1,
    and from there down to :math:`\eta_\text{last} = \eta_{\max} / (d\,f)` at the last step, k = s − 1; both ways along
    a cosine or a line.

    Args:
        learning_rate: η_max > 0, the highest rate.
        steps: s >= 2, all steps of the training; afterwards the rate stays at its end.
        pct_start: p in [0, 1], the share of the steps that rise; default 0.3.
        div_factor: d >= 1; default 25.
        final_div_factor: f >= 1; default 10,000.
        anneal: ``"cosine"`` (default) or ``"linear"``.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> schedule = OneCycle(1.0, steps=100, anneal="linear")
        >>> schedule(0), schedule(29), round(schedule(99), 12)
        (0.04, 1.0, 4e-06)

    Warning:
        The first five arguments are those of PyTorch's ``OneCycleLR`` with its defaults. That one also moves the
        momentum the other way by default, and raises an error after s steps. The paper's cycle has three parts
        (``three_phase=True`` in PyTorch): up, down to the start, then far below it. Keras has none.

    Source: L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2018, arXiv:1708.07120.
    """

    learning_rate: float
    steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal: str = "cosine"

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_integer("steps", self.steps, low=2)
        check_number("pct_start", self.pct_start, low=0.0, high=1.0)
        check_number("div_factor", self.div_factor, low=1.0)
        check_number("final_div_factor", self.final_div_factor, low=1.0)
        check_choice("anneal", self.anneal, ("cosine", "linear"))

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        first = self.learning_rate / self.div_factor
        last = first / self.final_div_factor
        peak_at, end_at = self.pct_start * self.steps - 1, self.steps - 1
        if step < peak_at:
            begin, end, share = first, self.learning_rate, step / peak_at
        elif step < end_at:
            begin, end, share = self.learning_rate, last, (step - peak_at) / (end_at - peak_at)
        else:
            return last if peak_at < end_at else self.learning_rate
        left = SHAPES[self.anneal](share)
        return left * begin + (1 - left) * end
