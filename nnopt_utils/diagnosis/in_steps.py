"""Signs in the steps of a run, as a ``Recorder`` has them."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.recording import Recorder
from nnopt_utils.diagnosis.registry import RECORDER, sign
from nnopt_utils.diagnosis.view import RunView


@sign("no_bias_correction", "Adam's averages start at 0 and are not corrected for it", RECORDER)
def no_bias_correction(view: RunView) -> Finding | None:
    """Adam's first step is as long as without correction, (1 − β₁)/√(1 − β₂) rates instead of one."""
    watch = view.watch
    assert watch is not None
    said = watch.settings
    if said["name"] not in ("Adam", "AdamW") or not watch.rates[0]:
        return None
    expected = (1 - said["beta_1"]) / math.sqrt(1 - said["beta_2"])
    first = watch.largest_steps[0] / watch.rates[0]
    if expected < 1.3 or abs(first / expected - 1) > 0.2:
        return None
    return Finding(
        "no_bias_correction",
        f"the first step's largest change is {first:.2f} rates; with bias correction it is 1, without it "
        f"(1 − β₁)/√(1 − β₂) = {expected:.2f}",
        "the corrections 1 − βᵗ, and that t counts from 1, once a step",
        0.95,
    )


@sign("lost_state", "the optimizer's state was lost at a checkpoint", RECORDER)
def lost_state(view: RunView) -> Finding | None:
    """The optimizer's step counter goes back, or a step after an epoch's end is far longer than its neighbours."""
    watch = view.watch
    assert watch is not None
    per_epoch = -(-len(view.x) // view.batch_size) if view.batch_size else len(watch.rates)
    changes = relative_lengths(watch)
    first_steps = np.arange(per_epoch, len(changes), per_epoch)
    back = [k for k in range(1, len(watch.counts)) if watch.counts[k] < watch.counts[k - 1]]
    jumps = len(first_steps) > 1 and _stand_out(changes, first_steps)
    if not back and not jumps:
        return None
    at = back[0] if back else int(first_steps[0])
    counted = f"; the optimizer counts from {watch.counts[at]} again" if back else ""
    return Finding(
        "lost_state",
        f"step {at + 1} is {changes[at]:.1f} times as long as the ten before it (median){counted}",
        "save and restore m, v and t with the parameters (get_state, set_state)",
        0.96 if back else 0.91,
    )


@sign("decay_not_applied", "weight decay is printed and changes nothing", RECORDER)
def decay_not_applied(view: RunView) -> Finding | None:
    """Weights without any gradient, which only decay can move, have not shrunk."""
    watch = view.watch
    assert watch is not None
    decay, network = watch.settings.get("weight_decay") or 0.0, view.network
    silent = watch.silent & (watch.start != 0)
    if not decay or network is None or np.sum(silent) < 100 or view.diverged:
        return None
    expected = 1 - math.prod(1 - rate * decay for rate in watch.rates)
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
    """The rate is below 5 % of its peak for more than half of the run."""
    watch = view.watch
    assert watch is not None
    rates = np.array(watch.rates)
    peak = float(rates.max())
    low = rates < 0.05 * peak
    if np.mean(low) < 0.5:
        return None
    over = int(np.argmax(low[int(np.argmax(rates)) :])) + int(np.argmax(rates))
    return Finding(
        "schedule_off",
        f"the rate is below 5 % of its peak {peak:g} in {np.mean(low):.0%} of the {len(rates)} steps, from step "
        f"{over + 1} on",
        "print the rate at the first, the middle and the last step; does the schedule count steps or epochs?",
        0.94,
    )


@sign("batches_before_shuffling", "batches were cut from sorted data, and only then put into another order", RECORDER)
def batches_before_shuffling(view: RunView) -> Finding | None:
    """Most batches of the first epoch pull one output's bias alone: they have one class."""
    watch = view.watch
    assert watch is not None
    if view.batch_size is None or view.batch_size < 8 or view.n_classes < 5 or view.network is None:
        return None
    if view.network.loss_function.name != "cross_entropy":
        return None
    first = np.array(watch.label_pulls[: max(len(view.x) // view.batch_size, 1)])
    one_class = float(np.mean((first > 0.6) & (first <= 1.001)))
    if one_class < 0.4:
        return None
    return Finding(
        "batches_before_shuffling",
        f"in {one_class:.0%} of the first epoch's batches one output's bias is pulled by more than 0.6; a batch of all "
        f"{view.n_classes} classes pulls by about {1 / view.n_classes:.1f}",
        "the labels of one batch; shuffle the rows first, then cut",
        0.9,
    )


@sign("rate_too_high", "steps are too long: the loss diverges, or stays high and noisy")
def rate_too_high(view: RunView) -> Finding | None:
    """The run diverged, or its loss did not fall while steps were a large share of the weights."""
    last = view.train_loss[-1] if view.train_loss else math.nan
    if view.is_learnt():
        return None
    sizes = _ratio_text(view)
    if view.diverged or not math.isfinite(last):
        return _too_high(f"the run diverged{sizes}", 0.85)
    ratio = _median_ratio(view)
    losses = np.array(view.step_losses or view.train_loss)
    peak = float(losses.max())
    if peak > 3 * max(float(losses[0]), view.chance) and last > 0.7 * view.chance:
        return _too_high(f"the loss rose to {peak:.3g} and ends at {last:.3g}, ln K is {view.chance:.3g}{sizes}", 0.8)
    if ratio is not None and ratio > 0.02 and last > 0.7 * view.chance:
        return _too_high(f"the loss stays at {last:.3g}, ln K is {view.chance:.3g}{sizes}", 0.75)
    return None


@sign("rate_too_low", "steps are too short: the loss falls steadily, and hardly at all")
def rate_too_low(view: RunView) -> Finding | None:
    """The loss falls in every epoch, by less than a third in all, with tiny steps at a rate that stays."""
    losses = view.train_loss
    if view.diverged or len(losses) < 2 or view.is_learnt():
        return None
    falls = all(after <= before * 1.002 for before, after in pairwise(losses))
    ratio = _median_ratio(view)
    if losses[-1] < 0.6 * losses[0] or not falls or (ratio is not None and ratio > 5e-4):
        return None
    return Finding(
        "rate_too_low",
        f"over {len(losses)} epochs the loss fell from {losses[0]:.4g} to {losses[-1]:.4g}, a little in each"
        f"{_ratio_text(view)}; about 1e-3 is usual",
        "ten times the rate, again and again, until the loss becomes worse; then one step back",
        0.7,
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


def _stand_out(changes: np.ndarray, steps: np.ndarray) -> bool:
    """Whether all of these steps are twice or half as long as those before them, and so is hardly another."""
    sizes = np.abs(np.log(np.maximum(changes, 1e-30)))
    others = np.delete(sizes, np.unique((steps[:, None] + np.arange(10)).clip(max=len(sizes) - 1)))
    return bool(np.all(sizes[steps] > max(np.log(2), float(np.quantile(others, 0.98)))))


def _too_high(evidence: str, strength: float) -> Finding:
    return Finding(
        "rate_too_high", evidence, "a third of the rate, and again; if no rate helps, it is something else", strength
    )


def _median_ratio(view: RunView) -> float | None:
    """The median update-to-weight ratio over steps and layers."""
    if view.watch is None or not view.watch.rates:
        return None
    ratios = view.watch.ratios()
    return float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else None


def _ratio_text(view: RunView) -> str:
    ratio = _median_ratio(view)
    return "" if ratio is None else f"; a step moves a layer by {ratio:.1g} of its weights (median)"
