"""What every optimizer shares: the step around its rule."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from operator import is_not
from typing import Any, ClassVar

import numpy as np

from nnopt_utils._validation import check_finite, describe
from nnopt_utils.layout import Place
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.averaging import collected_mean, mix_into
from nnopt_utils.optimizers.clipping import check_clips, clipped
from nnopt_utils.optimizers.declared import CONVENTIONS, Declared
from nnopt_utils.optimizers.hyperparameters import Rate, choice, fraction, integer, not_negative, positive, rate_at
from nnopt_utils.optimizers.rule_check import check_returned, is_ours, watched_update
from nnopt_utils.optimizers.state import Cut, Part, State


class NonFiniteGradientError(ValueError):
    """The gradient given to ``step`` holds NaN or infinity; nothing was changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> theta = np.ones(2)
        >>> SGD(learning_rate=0.1).step(theta, np.array([0.0, np.nan]))
        Traceback (most recent call last):
        ...
        nnopt_utils.optimizers.base.NonFiniteGradientError: gradient: ...
        >>> theta
        array([1., 1.])
    """


class Optimizer(State, Declared, ABC):
    r"""Base class: the step, from the checks of g to the average of θ.

    A subclass declares its arguments in its body, as in ``beta_1: float = fraction(default=0.9)``, lists its state in
    ``slots`` and writes its rule, ``update(theta, gradient, *slots)``, which changes θ and the slots in place. ``step``
    calls it once a block of 65,536 parameters: temporaries of a block stay in the processor's cache, so the readable
    rule is also the fast one. Inside a rule, ``self.learning_rate`` is the rate η_t of this step and ``self.t`` the
    step's number, from 1. Numbers that belong to the state stand in ``scalars``. What is the same for all blocks, or
    needs all of θ at once, is computed in ``begin_step``, whose numbers stand in ``this_step``, and in ``end_step``.

    Args:
        learning_rate: η > 0, or a schedule: a function from the number of finished steps (0 at the first
            step) to a rate.
        convention: ``"paper"``, ``"keras"`` or ``"pytorch"``: picks the formula and the defaults where
            these differ.
        weight_decay: λ >= 0; default 0 where the rule has no other. In ``"paper"`` and ``"keras"`` decoupled,
            θ ← θ − η λ θ before the rule (Loshchilov & Hutter 2019; Keras); in ``"pytorch"`` an L2 penalty,
            g ← g + λ θ. A rule may differ: its docstring says so.
        clipvalue: limit each entry of g to [−clipvalue, clipvalue].
        clipnorm: scale each tensor's gradient down to at most this norm. Tensors are those of
            ``optimizer.layout`` (``fit`` sets it); without a layout θ counts as one tensor.
        global_clipnorm: scale the whole g down to at most this norm. Only one of the three may be given.
        ema_momentum: γ in [0, 1): keep an exponential average of the parameters, θ̄ ← γ θ̄ + (1 − γ) θ after each
            step, from θ̄ = θ after the first. ``evaluation_parameters`` returns it. Default: no average.
        gradient_accumulation_steps: k >= 1: collect the gradients of k calls and step with their mean. Calls
            between change nothing but the collected sum; t counts steps, not calls. Default: step each call.

    Example:
        >>> class SignedMomentum(Optimizer):
        ...     beta: float = fraction(default=0.5)
        ...     slots = ("m",)
        ...
        ...     def update(self, theta, gradient, m):
        ...         m *= self.beta
        ...         m += (1 - self.beta) * gradient
        ...         theta -= self.learning_rate * np.sign(m)
        >>> optimizer, theta = SignedMomentum(learning_rate=0.1), np.array([1.0, 1.0])
        >>> optimizer.step(theta, np.array([3.0, -0.01]))
        >>> theta, optimizer.state["m"]
        (array([0.9, 1.1]), array([ 1.5  , -0.005]))
        >>> optimizer
        SignedMomentum(learning_rate=0.1, beta=0.5, convention='paper', weight_decay=0.0)

    Warning:
        Keras clips before it decays; PyTorch clips outside the optimizer, hence before the L2 term: the same
        order as here. Collected gradients are clipped after their mean is taken, as in Keras. While it collects, Keras
        also goes on mixing θ into its average, once a call; here the average advances once a step.
    """

    decoupled: ClassVar[Sequence[str]] = ("paper", "keras")
    owns_weight_decay: ClassVar[bool] = False
    block_size: ClassVar[int] = 65_536
    flush_every: ClassVar[int] = 64
    _keeps_gradient: ClassVar[bool] = True

    learning_rate: Rate = Rate()
    convention: str = choice(default="paper", options=CONVENTIONS, kw_only=True)
    weight_decay: float = not_negative(default=0.0, kw_only=True)
    clipvalue: float | None = positive(default=None, kw_only=True)
    clipnorm: float | None = positive(default=None, kw_only=True)
    global_clipnorm: float | None = positive(default=None, kw_only=True)
    ema_momentum: float | None = fraction(default=None, kw_only=True)
    gradient_accumulation_steps: int | None = integer(default=None, low=1, kw_only=True)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._is_proven = is_ours(cls.update)
        cls._keeps_gradient = is_ours(cls.update) and is_ours(cls.begin_step)

    def _take(self, given: Mapping[str, Any]) -> None:
        super()._take(given)
        check_clips(self)

    @abstractmethod
    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        """Change one block of θ and its state in place: the rule.

        Args:
            theta: the block of θ, to be changed.
            gradient: g there; a rule leaves it as it is.
            slots: the block of each state array, to be changed: in the order of ``slots``.

        Example:
            >>> from nnopt_utils.optimizers import GradientDescent
            >>> theta = np.array([1.0, 1.0])
            >>> GradientDescent(learning_rate=0.5).update(theta, np.array([1.0, 0.0]))     # what ``step`` calls
            >>> theta
            array([0.5, 1. ])
        """

    # -- one step ----------------------------------------------------------------------------------------------------

    def step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        """Advance t by one and change θ in place; the gradient is left as it is.

        Args:
            theta: parameters, 1-D float32 or float64, writeable.
            gradient: g, of the same shape.

        Raises:
            TypeError, ValueError: bad shape or type; nothing is changed.
            NonFiniteGradientError: NaN or infinity in the gradient; nothing is changed.

        Example:
            >>> from nnopt_utils.optimizers import SGD
            >>> optimizer, theta = SGD(learning_rate=0.1, momentum=0.9), np.array([1.0])
            >>> for _ in range(3):
            ...     optimizer.step(theta, np.array([1.0]))
            >>> optimizer.t, theta.round(3)           # 0.1 + 0.19 + 0.271 lower
            (3, array([0.439]))
        """
        self._check_step(theta, gradient)
        if self.schedule is not None:
            self._rate = rate_at(self.schedule, self.t)
        if self._shape is None:
            self._allocate(theta)
        if self.gradient_accumulation_steps is not None:
            mean = collected_mean(self.state["collected"], self.scalars, gradient, self.gradient_accumulation_steps)
            if mean is None:
                return
            gradient = mean
        self.t += 1
        if self.t % self.flush_every == 0:
            self._flush_denormals()
        gradient = clipped(gradient, self.clipvalue, self.clipnorm, self.global_clipnorm, self.layout)
        # The gradient of θ²/2 is θ: it must not change under the rule. Nor may a learner's rule change the caller's g.
        if not self._keeps_gradient or np.may_share_memory(theta, gradient):
            gradient = gradient.copy()
        self.begin_step(theta, gradient)
        for place, part, slots in self._parts(theta):
            self.place = place
            self._update_part(part, place.of(gradient), slots)
        self.end_step(theta)
        if self.ema_momentum is not None:
            weight = 1.0 if self.t == 1 else 1 - self.ema_momentum
            mix_into(self.state["average"], theta, weight, self.block_size)

    def observe(self, network: MLP, x: np.ndarray, y: np.ndarray) -> None:
        """See the batch whose gradient comes next: ``fit`` calls it before each ``step``. Most rules need none of it.

        Rules that use more of the network than its gradient, such as its curvature, override it.

        Args:
            network: at the parameters θ at which the gradient is taken; it is left as it is.
            x, y: the batch, rows of what ``network.check_data`` returned.

        Example:
            >>> from nnopt_utils.networks import MLP
            >>> from nnopt_utils.optimizers import SGD
            >>> from nnopt_utils.training import fit
            >>> class Watching(SGD):
            ...     def observe(self, network, x, y):
            ...         print(len(x), "samples")
            >>> data = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
            >>> history = fit(MLP([1, 2]), Watching(learning_rate=0.1), data, epochs=1, batch_size=2, progress=False)
            2 samples
            1 samples
        """

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        """Compute what is the same for all blocks of this step. A rule may override it.

        Args:
            theta: all of θ, before the step.
            gradient: all of g, clipped.

        Example:
            >>> class Normalised(Optimizer):
            ...     def begin_step(self, theta, gradient):
            ...         self.this_step["norm"] = np.linalg.norm(gradient)     # of all of g, not of a block
            ...
            ...     def update(self, theta, gradient):
            ...         theta -= self.learning_rate * gradient / self.this_step["norm"]
            >>> theta = np.zeros(2)
            >>> Normalised(learning_rate=1.0).step(theta, np.array([30.0, 40.0]))
            >>> theta
            array([-0.6, -0.8])
        """

    def end_step(self, theta: np.ndarray) -> None:
        """Finish the step after all blocks. A rule may override it.

        Args:
            theta: all of θ, after the step; may be changed in place.

        Example:
            >>> class Projected(Optimizer):
            ...     def update(self, theta, gradient):
            ...         theta -= self.learning_rate * gradient
            ...
            ...     def end_step(self, theta):
            ...         theta /= max(1.0, np.linalg.norm(theta))      # back into the unit ball
            >>> theta = np.array([0.0, 0.5])
            >>> Projected(learning_rate=1.0).step(theta, np.array([0.0, -4.0]))
            >>> theta
            array([0., 1.])
        """

    def _update_part(self, theta: np.ndarray, gradient: np.ndarray, slots: list[np.ndarray]) -> None:
        if self.weight_decay and not self.owns_weight_decay:
            if self.convention in self.decoupled:
                # Not θ *= 1 − ηλ: in float32 that factor is rounded, and a small ηλ would be lost.
                theta -= self.learning_rate * self.weight_decay * theta
            else:
                gradient = gradient + self.weight_decay * theta
        if self._is_proven:
            check_returned(self, self.update(theta, gradient, *slots))
        else:
            self._is_proven = watched_update(self, theta, gradient, slots)

    def evaluation_parameters(self, theta: np.ndarray) -> np.ndarray:
        """Return the parameters to judge and to keep: θ itself, or the average where there is one.

        ``fit`` validates there. After training, ``network.parameters = optimizer.evaluation_parameters(
        network.parameters)`` keeps them; to go on training afterwards, keep a copy of θ.

        Args:
            theta: θ, as it was given to ``step``.

        Example:
            >>> from nnopt_utils.optimizers import SGD
            >>> optimizer, theta = SGD(learning_rate=1.0, ema_momentum=0.5), np.array([0.0])
            >>> for _ in range(2):
            ...     optimizer.step(theta, np.array([1.0]))
            >>> theta, optimizer.evaluation_parameters(theta)     # the average of −1 and −2
            (array([-2.]), array([-1.5]))
        """
        return theta if not self.t or self.ema_momentum is None else self.state["average"].copy()

    def _flush_denormals(self) -> None:
        """Set state that will soon be denormal to zero, as frameworks do.

        The average of a pixel that is always dark shrinks by β a step for ever. Below 1.2e-38 (float32) a processor
        takes about a hundred times as long for a number. The limit, 1e-31, leaves room for what shrinks until the next
        flush; what is lost is far too small to change any θ.
        """
        for slot in self.state.values():
            slot[np.abs(slot) < 2.0**23 * np.finfo(slot.dtype).tiny] = 0

    # -- the parts of θ ----------------------------------------------------------------------------------------------

    def places(self, shape: tuple[int, ...]) -> Sequence[Place]:
        """Return the places in a θ of this shape that ``update`` is called with in turn: its blocks.

        Args:
            shape: of θ, (d,).

        Example:
            >>> from nnopt_utils.optimizers import SGD
            >>> [place.size for place in SGD(learning_rate=0.1).places((150_000,))]
            [65536, 65536, 18928]
        """
        size, length = math.prod(shape), self.block_size
        blocks = [slice(start, min(start + length, size)) for start in range(0, size, length)]
        return [Place("block", (block.stop - block.start,), block) for block in blocks]

    def _slots_of(self, place: Place) -> list[np.ndarray]:
        return [place.of(self.state[name]) for name in self.slots]

    def _parts(self, theta: np.ndarray) -> list[Part]:
        """Return θ and its state in parts, which are views: cut once, as long as the arrays stay the same."""
        cut = self._cut
        if cut is None or cut.block_size != self.block_size or any(map(is_not, cut.slots, self.state.values())):
            places = [place for place in self.places(theta.shape) if place.size]  # of a frozen tensor nothing moves
            parts = [(place, place.of(theta), self._slots_of(place)) for place in places]
            cut = self._cut = Cut(theta, self.layout, self.block_size, [*self.state.values()], parts)
        return cut.parts

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        cut = self._cut
        if cut is None or theta is not cut.theta or self.layout is not cut.layout or not theta.flags.writeable:
            self._cut = None
            self.complete()
            self._check_theta(theta)
        is_array = type(gradient) is np.ndarray and gradient.dtype.kind == "f" and gradient.shape == theta.shape
        # One dot product finds NaN and infinity; only its own overflow needs the slower look.
        if not is_array or not math.isfinite(np.vdot(gradient, gradient)):
            self._check_gradient(gradient, theta.shape)

    def _check_theta(self, theta: np.ndarray) -> None:
        if not isinstance(theta, np.ndarray) or theta.ndim != 1 or theta.dtype not in (np.float32, np.float64):
            raise TypeError(f"theta: got {describe(theta)}; expected a 1-D float32 or float64 array, changed in place")
        if theta.size == 0 or not theta.flags.writeable:
            kind = "an empty" if theta.size == 0 else "a read-only"
            raise ValueError(f"theta: got {kind} array; expected a writeable one with at least one parameter")
        if self._shape is not None and self._shape != theta.shape:
            raise ValueError(
                f"theta: got {describe(theta)}; expected shape {self._shape}, for which this optimizer holds state "
                "(use a new optimizer for another theta)"
            )

    def _check_gradient(self, gradient: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(gradient, np.ndarray) or gradient.dtype.kind != "f":
            raise TypeError(f"gradient: got {describe(gradient)}; expected a float array of shape {shape}")
        if gradient.shape != shape:
            raise ValueError(f"gradient: got {describe(gradient)}; expected shape {shape}, the shape of theta")
        try:
            check_finite("gradient", gradient)
        except ValueError as error:
            raise NonFiniteGradientError(str(error)) from None
