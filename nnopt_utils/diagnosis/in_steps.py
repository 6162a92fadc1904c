"""Signs in the steps of a run, as a ``Recorder`` has them."""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils import optimizers
from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.in_network import coarse_kind
from nnopt_utils.diagnosis.recording import Recorder
from nnopt_utils.diagnosis.registry import RECORDER, sign
from nnopt_utils.diagnosis.view import RunView

MANY = 1000  # parameters
EARLY = 50  # steps: a network has not learnt much yet
LIKE_THE_FIRST = (0.9995, 0.995)  # the cosine of a step with empty averages, with −g and with −sign g
OTHERS = 0.98, 0.9  # that of 99 % of the other steps at most


@sign("no_bias_correction", "Adam's averages start at 0 and are not corrected for it", RECORDER)
def no_bias_correction(view: RunView) -> Finding | None:
    """One of Adam's first steps is longer than any corrected step can be, or the first as short as an uncorrected one.

    With correction no entry moves by more than √(Σ wᵢ²/uᵢ) rates, w and u the shares that m̂ and v̂ give to the gradients
    so far. It is silent where β₁ and β₂ make the difference small, and of the paper's AMSGrad, which corrects nothing.
    """
    watch = view.watch
    assert watch is not None
    said = watch.settings
    if said["name"] not in ("Adam", "AdamW") or (said["amsgrad"] and said["convention"] == "paper"):
        return None
    if view.network is None or coarse_kind(view.network.parameters):  # steps are rounded up too
        return None
    beta_1, beta_2, decay = said["beta_1"], said["beta_2"], said.get("weight_decay") or 0.0
    largest = float(np.max(np.abs(watch.start), initial=0.0))
    for t, change, rate in first_changes(watch):
        slack = (decay + float(np.finfo(watch.start.dtype).eps) / rate) * largest + 0.05  # decay and rounding
        largest += change
        found, plain = change / rate, (1 - beta_1**t) / math.sqrt(1 - beta_2**t)
        too_long = found > adam_bound(t, beta_1, beta_2) + slack
        too_short = t == 1 and plain < 0.8 - slack and abs(found - plain) < 0.05 and said["epsilon"] <= 1e-6
        if too_long or too_short:
            break
    else:
        return None
    return Finding(
        "no_bias_correction",
        f"the largest change of step {t} is {found:.2f} rates; with bias correction it is "
        f"{'at most ' if too_long else ''}{adam_bound(t, beta_1, beta_2):.2f}, without it up to "
        f"(1 − β₁ᵗ)/√(1 − β₂ᵗ) = {plain:.2f}",
        "the corrections 1 − βᵗ, and that t counts from 1, once a step",
        0.95,
    )


@sign("lost_state", "the optimizer's state was lost at a checkpoint", RECORDER)
def lost_state(view: RunView) -> Finding | None:
    """The step counter goes back; or a later step points where a first one does, as others do not; or its length jumps.

    With empty averages a step points along −g (momentum), or −sign g (Adam, RMSprop, Lion): the first, and then none
    before the state is lost. It is silent where gradients hardly change from step to step, as with full batches, and
    of lengths where the rate changes too or fewer than three checkpoints were made.
    """
    watch = view.watch
    assert watch is not None
    changes = relative_lengths(watch)
    began = max(len(watch.rates) - len(view.step_losses), 0)  # an earlier fit of the same recorder is none of this run
    per_epoch = view.steps_per_epoch or len(watch.rates)
    resumed = max(len(view.step_losses) - len(watch.rates), 0)  # steps of the run before the recorder came
    first_steps = np.array([k for k in range(began + 1, len(changes)) if (k - began + resumed) % per_epoch == 0], int)
    counts = watch.counts
    back = [k for k in range(began + 1, len(counts)) if counts[k] < counts[k - 1] and _has_state(watch)]
    again = [k for k in steps_like_the_first(watch) if k > began]
    jumps = len(first_steps) > 2 and _stand_out(changes, first_steps, np.array(watch.rates))
    if not back and not again and not jumps:
        return None
    at = (back or again or [int(first_steps[0])])[0]
    counted = f"; the optimizer counts from {counts[at]} again" if back else ""
    alike = (
        f"; it points along {'−g' if watch.alignments[at][0] > watch.alignments[at][1] else '−sign g'}" if again else ""
    )
    return Finding(
        "lost_state",
        f"step {at + 1} is {changes[at]:.1f} times as long as the ten before it (median){counted}{alike}",
        "save and restore m, v and t with the parameters (get_state, set_state)",
        0.96 if back else 0.91,
    )


@sign("decay_not_applied", "weight decay is printed and changes nothing", RECORDER)
def decay_not_applied(view: RunView) -> Finding | None:
    """Weights without any gradient, which only decay can move, have not shrunk.

    Asked of the library's optimizers whose decay is the common one, θ ← θ − ηλθ or g ← g + λθ, and where there are 100
    such weights: behind pixels that are always dark, into units that are dead.
    """
    watch = view.watch
    assert watch is not None
    decay, network = watch.settings.get("weight_decay") or 0.0, view.network
    rule = getattr(optimizers, watch.settings["name"], None)
    silent = watch.silent & (watch.start != 0)
    if not decay or network is None or rule is None or np.sum(silent) < 100 or view.diverged:
        return None
    if rule.owns_weight_decay:
        return None
    steps = [rate for k, rate in enumerate(watch.rates) if k == 0 or watch.counts[k] != watch.counts[k - 1]]
    expected = 1 - math.prod(1 - rate * decay for rate in steps)
    kept, start = (theta[silent].astype(np.float64) for theta in (network.parameters, watch.start))
    shrunk = 1 - float(kept @ start) / float(start @ start)
    if expected < 1e-4 or shrunk > 0.1 * expected:
        return None
    return Finding(
        "decay_not_applied",
        f"the optimizer says weight_decay={decay:g}, which shrinks a weight without a gradient by {expected:.2%}; "
        f"the {np.sum(silent):,} such weights shrank by {shrunk:.2%}",
        "make the decay ten times larger: does anything change? Then find where it gets lost",
        0.96,
    )


@sign("schedule_off", "the schedule ends in the first epoch: it was told epochs and is asked in steps", RECORDER)
def schedule_off(view: RunView) -> Finding | None:
    """The rate stays below 5 % of its peak, from the first epoch or quarter of the run on; there with little learnt.

    Or a warm-up never ends: the rate rises to the last step, and the loss falls hardly at all. A decay that comes too
    late looks like a constant rate, and is not seen.
    """
    watch = view.watch
    assert watch is not None
    rates = np.array(watch.rates)
    peak = float(rates.max())
    if rates[-1] == peak > 1.5 * rates[0] and np.all(np.diff(rates) >= 0):
        slow = _falls_hardly(view)
        said = f"the rate rises from {rates[0]:.1g} to {peak:.1g} at the last step, and"
        return None if slow is None else _schedule_off(f"{said} {slow}", 0.75)
    over = _end_of(rates)
    if peak == 0 or over is None or len(rates) - over < 0.5 * len(rates):
        return None
    in_first_epoch = 1 < over <= view.steps_per_epoch
    if not in_first_epoch and (over > 0.25 * len(rates) or view.is_learnt() or not view.falls_short()):
        return None
    return _schedule_off(
        f"the rate is below 5 % of its peak {peak:g} in {1 - over / len(rates):.0%} of the {len(rates)} steps, from "
        f"step {over + 1} on",
        0.94,
    )


@sign("batches_before_shuffling", "batches were cut from sorted data, and only then put into another order", RECORDER)
def batches_before_shuffling(view: RunView) -> Finding | None:
    """Batches of the first epoch have one class or hardly more, oftener than batches drawn at random would.

    They pull one output's bias by more than 0.6; or, while the network follows class after class, one output alone.
    """
    watch = view.watch
    assert watch is not None
    if view.batch_size is None or view.batch_size < 8 or view.n_classes < 5 or view.network is None:
        return None
    if view.network.loss_function.name != "cross_entropy" or not view.has_classes:
        return None
    n = max(len(view.x) // view.batch_size, 1)
    pulls, pulled = np.array(watch.label_pulls[:n]), np.array(watch.pulled_outputs[: min(n, EARLY)])
    shares = np.bincount(view.y, minlength=view.n_classes) / len(view.y)
    by_chance = float(np.sum(np.maximum(shares - 0.3, 0) > 0))  # a class so frequent fills batches by itself
    one_class = float(np.mean((pulls > 0.6) & (pulls <= 1.001)))
    alone = float(np.mean(pulled == 1)) if len(pulled) >= 10 else 0.0
    if by_chance or max(one_class, alone - 0.2) < 0.4:
        return None
    evidence = (
        f"in {one_class:.0%} of the first epoch's batches one output's bias is pulled by more than 0.6; a batch of all "
        f"{view.n_classes} classes pulls by about {1 / view.n_classes:.1f}"
        if one_class >= 0.4
        else f"in {alone:.0%} of the first {len(pulled)} batches one output's bias alone is pulled up; a batch of all "
        f"{view.n_classes} classes pulls several"
    )
    return Finding(
        "batches_before_shuffling", evidence, "the labels of one batch; shuffle the rows first, then cut", 0.9
    )


@sign("rate_too_high", "steps are too long: the loss diverges, or stays high and noisy")
def rate_too_high(view: RunView) -> Finding | None:
    """The run diverged; or its loss, mean over 64 rows at least, rose to three times the first, or stays high.

    Staying high counts where the neighbours of a row tell its label clearly better than the network: if the loss is
    above ln K and still goes up and down, or steps are a large share of the weights. A rate that costs only some
    accuracy is not named.
    """
    if view.diverged:
        return _too_high(f"the run diverged{_ratio_text(view)}", 0.85)
    if view.is_learnt() or not view.train_loss:
        return None
    last, losses = view.train_loss[-1], _smoothed(view)
    peak = float(losses.max())
    if peak > 3 * max(view.step_losses[0] if view.step_losses else 0.0, view.chance):
        said = f"the loss rose to {peak:.3g} and ends at {last:.3g}, ln K is {view.chance:.3g}"
        return _too_high(said + _ratio_text(view), 0.8)
    stays = _stays_high(view, losses)
    return None if stays is None else _too_high(stays + _ratio_text(view), 0.75)


@sign("rate_too_low", "steps are too short: the loss falls steadily, and hardly at all")
def rate_too_low(view: RunView) -> Finding | None:
    """The loss falls in every epoch as in the one before, by less than 40 % in all, with tiny steps.

    And the network is clearly worse than asking a row's neighbours: where labels are noisy a loss may stay high. With a
    schedule that ends at 0 the last epochs stand still: then it is silent. Without a Recorder, which knows the steps,
    the loss must have fallen by less than 5 %.
    """
    slow = _falls_hardly(view)
    return (
        None
        if slow is None
        else Finding(
            "rate_too_low",
            f"{slow}; about 1e-3 is usual",
            "ten times the rate, again and again, until the loss becomes worse; then one step back",
            0.7,
        )
    )


# -- what the signs are made of --------------------------------------------------------------------------------------


def step_lengths(watch: Recorder) -> np.ndarray:
    """Return ‖θ' − θ‖ / η of every step, shape (steps,).

    >>> from nnopt_utils.networks import MLP
    >>> step_lengths(Recorder(MLP([1, 2]))).shape
    (0,)
    """
    norms = np.linalg.norm(np.reshape(watch.update_norms, (-1, len(watch.layers))), axis=1)
    return norms / np.maximum(watch.rates, 1e-30)


def relative_lengths(watch: Recorder) -> np.ndarray:
    """Return every step's length over the median of the ten before it; 1 for the first twenty, which settle.

    >>> from nnopt_utils.networks import MLP
    >>> relative_lengths(Recorder(MLP([1, 2]))).shape
    (0,)
    """
    lengths = step_lengths(watch)
    changes = np.ones_like(lengths)
    for k in range(20, len(lengths)):
        changes[k] = lengths[k] / max(float(np.median(lengths[k - 10 : k])), 1e-30)
    return changes


def first_changes(watch: Recorder) -> list[tuple[int, float, float]]:
    """Return (t, largest change of an entry, rate) of the optimizer's first steps; none if it came with some behind it.

    >>> from nnopt_utils.networks import MLP
    >>> first_changes(Recorder(MLP([1, 2])))
    []
    """
    if not watch.counts or watch.counts[0] > 1:
        return []
    found, before = [], 0
    for t, change, rate in zip(watch.counts[:1000], watch.largest_steps, watch.rates, strict=False):
        if t == before + 1 <= EARLY and rate > 0:  # not while gradients are collected
            found.append((t, change, rate))
        before = t
    return found


def adam_bound(t: int, beta_1: float, beta_2: float) -> float:
    r"""Return the most that an entry can move at Adam's step t, in rates: by Cauchy and Schwarz.

    .. math::

        \frac{|\hat m_t|}{\sqrt{\hat v_t}} \le \sqrt{\sum_{i \le t} \frac{w_i^2}{u_i}}, \quad
        w_i = \frac{(1 - \beta_1) \beta_1^{t-i}}{1 - \beta_1^t}, \quad
        u_i = \frac{(1 - \beta_2) \beta_2^{t-i}}{1 - \beta_2^t}

    >>> adam_bound(1, 0.9, 0.999), round(adam_bound(2, 0.9, 0.999), 3)
    (1.0, 1.001)
    """
    ages = np.arange(t)
    w = (1 - beta_1) * beta_1**ages / (1 - beta_1**t)
    u = (1 - beta_2) * beta_2**ages / (1 - beta_2**t)
    return float(np.sqrt(np.sum(np.divide(w**2, u, out=np.zeros(t), where=w > 0))))


def steps_like_the_first(watch: Recorder) -> list[int]:
    """Return the steps, from the eleventh on, that point along −g or −sign g as only a first step does.

    None where such steps are many, or others come near: then a full state points there as well. Nor one that a longer
    gradient or a higher rate explains, which outweigh what was there; and of few parameters the signs agree by chance.

    >>> from nnopt_utils.networks import MLP
    >>> steps_like_the_first(Recorder(MLP([1, 2])))
    []
    """
    alignments = np.reshape(watch.alignments, (-1, 2))
    if len(alignments) < 30 or not _has_state(watch):
        return []
    rates, changes = np.array(watch.rates), relative_lengths(watch)
    for kind, (cosines, limit, others) in enumerate(zip(alignments.T, LIKE_THE_FIRST, OTHERS, strict=True)):
        if kind == 1 and watch.start.size < MANY:
            continue
        like = np.flatnonzero(cosines[10:] > limit) + 10
        rest = np.delete(cosines[10:], like - 10)
        rest = rest[~np.isnan(rest)]
        if not len(like) or len(like) > 0.2 * len(cosines) or not len(rest) or np.quantile(rest, 0.99) > others:
            continue
        found = [int(k) for k in like if rates[k] <= 1.1 * np.median(rates[k - 10 : k]) and (kind or changes[k] < 1.5)]
        if found:
            return found
    return []


def _has_state(watch: Recorder) -> bool:
    """Whether the optimizer has anything to lose: plain descent at one rate has not."""
    plain = watch.settings["name"] in ("SGD", "GradientDescent") and not watch.settings.get("momentum")
    return not plain or min(watch.rates) < max(watch.rates)


def _stand_out(changes: np.ndarray, steps: np.ndarray, rates: np.ndarray) -> bool:
    """Whether all of these steps are twice or half as long as those before them, and so is hardly another.

    Not where the rate changes there too: momentum carries the old one.
    """
    before = np.array([np.median(rates[max(k - 10, 0) : k]) for k in steps])
    if np.any(np.abs(rates[steps] - before) > 0.1 * before):
        return False
    sizes = np.abs(np.log(np.maximum(changes, 1e-30)))
    others = np.delete(sizes, np.unique((steps[:, None] + np.arange(10)).clip(max=len(sizes) - 1)))
    return bool(np.all(sizes[steps] > max(np.log(2), float(np.quantile(others, 0.98)))))


def _end_of(rates: np.ndarray) -> int | None:
    """The step from which on the rate is below 5 % of its peak and stays as it is, or is as good as 0."""
    peak = float(rates.max())
    ended = (rates < 0.05 * peak) & ((np.abs(rates - rates[-1]) <= 0.01 * rates[-1]) | (rates < 0.01 * peak))
    if not ended[-1]:
        return None
    return int(len(rates) - np.argmin(ended[::-1])) if not ended.all() else None


def _schedule_off(evidence: str, strength: float) -> Finding:
    look = "print the rate at the first, the middle and the last step; does the schedule count steps or epochs?"
    return Finding("schedule_off", evidence, look.rstrip("?"), strength)


def _smoothed(view: RunView) -> np.ndarray:
    """Losses of steps, mean over 64 rows at least; of epochs where steps were not recorded."""
    if not view.step_losses or not view.batch_size:
        return np.array(view.train_loss)
    width = min(-(-64 // view.batch_size), len(view.step_losses))
    return np.convolve(view.step_losses, np.full(width, 1 / width), mode="valid")


def _stays_high(view: RunView, losses: np.ndarray) -> str | None:
    """What says that a run of some length has not come down, though there is something to learn."""
    last, ratio = view.train_loss[-1], _median_ratio(view)
    if len(view.train_loss) < 3 or 0 < len(view.step_losses) < 100 or not view.falls_short():
        return None
    if last > 1.02 * view.chance and np.any(np.diff(view.train_loss[-3:]) > 0):
        return f"the loss, {last:.4g}, stays above ln K = {view.chance:.3g}, which one answer to all rows would give"
    quarter = max(len(losses) // 4, 1)
    falls = np.mean(losses[-quarter:]) < 0.95 * np.mean(losses[quarter : 2 * quarter])
    if ratio is None or ratio < 0.02 or falls or last < 0.7 * view.chance:
        return None
    return f"the loss stays at {last:.3g}, ln K is {view.chance:.3g}"


def _falls_hardly(view: RunView) -> str | None:
    """What says that the loss falls steadily, hardly at all, with tiny steps, though there is more to learn."""
    losses = view.train_loss
    if view.diverged or len(losses) < (2 if view.watch else 3) or view.is_learnt():
        return None
    drops = -np.diff(losses)
    ratio = _median_ratio(view)
    steady = np.all(drops >= -0.002 * np.array(losses[:-1])) and drops[-1] > 0.2 * drops[0]
    if (
        not steady
        or losses[-1] < (0.6 if view.watch else 0.95) * losses[0]
        or (ratio is not None and ratio > 5e-4)
        or not view.falls_short()
    ):
        return None
    fell = f"over {len(losses)} epochs the loss fell from {losses[0]:.4g} to {losses[-1]:.4g}, a little in each"
    return fell + _ratio_text(view)


def _too_high(evidence: str, strength: float) -> Finding:
    return Finding(
        "rate_too_high", evidence, "a third of the rate, and again; if no rate helps, it is something else", strength
    )


def _median_ratio(view: RunView) -> float | None:
    """The median update-to-weight ratio, of layers that have a gradient, in steps that move them."""
    if view.watch is None or not view.watch.rates:
        return None
    ratios, gradients = view.watch.ratios(), np.array(view.watch.gradient_norms)
    moving = np.isfinite(ratios) & (ratios > 0) & (gradients > 0)
    return float(np.median(ratios[moving])) if moving.any() else None


def _ratio_text(view: RunView) -> str:
    ratio = _median_ratio(view)
    return "" if ratio is None else f"; a step moves a layer by {ratio:.1g} of its weights (median)"
