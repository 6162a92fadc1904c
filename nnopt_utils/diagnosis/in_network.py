"""Signs that the network shows by itself: asked with numbers to which the right answer is known."""

from __future__ import annotations

import numpy as np

from nnopt_utils.activations import softmax
from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.recording import dead_shares, layers_of
from nnopt_utils.diagnosis.registry import OURS, RECORDER, sign
from nnopt_utils.diagnosis.view import RunView, are_probabilities, cross_entropy, probabilities_of
from nnopt_utils.networks import MLP

ASKED = 64  # rows for a gradient check
STEPS = (1e-2, 3e-3, 1e-3)  # of a layer's norm: longer steps meet more kinks, shorter ones float32's rounding
AGREEMENT = 0.3  # of a slope, at the step where it agrees best
DIGITS = 200  # a difference of losses counts from so many units in the last place


@sign("wrong_gradient", "a layer's gradient is not the slope of the loss", OURS)
def wrong_gradient(view: RunView) -> Finding | None:
    """Central differences along the gradient of each layer's weights, and of its biases, disagree with its length.

    One positive factor for all of them is the rate's business. A gradient of exactly 0, as of a layer that is frozen
    on purpose, is not asked about, nor one too short for the digits of the loss.
    """
    assert view.network is not None
    slopes = slopes_along_gradients(view.network, *_random_rows(view))
    off = [k for k, each in enumerate(slopes) if each is not None and abs(each[0] / each[1] - 1) > AGREEMENT]
    asked = [each for each in slopes if each is not None]
    if not off or (len(off) == len(asked) and all(found > 0 for found, _ in asked)):
        return None
    k = max(off, key=lambda k: abs(slopes[k][0] / slopes[k][1] - 1))  # type: ignore[index]
    found, said = slopes[k]  # type: ignore[misc]
    how = "up the hill" if found < 0 else "the right way, by another factor"
    what = f"layer {k // 2 + 1}'s {'biases' if k % 2 else 'weights'}"
    return Finding(
        "wrong_gradient",
        f"along the gradient of {what} the loss changes by {found:.3g} a unit, the gradient says {said:.3g}: a step "
        f"goes {how}; in {len(asked) - len(off)} of {len(asked)} weights and biases both agree",
        f"check_gradient, entry by entry, in layer {k // 2 + 1}; then its part of the backward pass",
        0.96,
    )


@sign("sum_for_mean", "the loss is summed over the batch, so the step grows with it", OURS)
def sum_for_mean(view: RunView) -> Finding | None:
    """The same rows twice double the gradient."""
    assert view.network is not None
    x, y = _random_rows(view)
    theta = fresh_parameters(view.network)
    once, twice = (
        np.linalg.norm(view.network.loss_and_gradient(np.repeat(x, k, 0), np.repeat(y, k, 0), parameters=theta)[1])
        for k in (1, 2)
    )
    if twice < 1.5 * once:
        return None
    size = f" The first loss was {view.first_loss:.3g}, ln K is {view.chance:.3g}" if view.step_losses else ""
    return Finding(
        "sum_for_mean",
        f"the same rows twice make the gradient {twice / once:.2f} times as long.{size}",
        "divide loss and gradient by the number of rows, or the rate by the batch size",
        0.97,
    )


@sign("softmax_twice", "probabilities are taken for logits: a softmax of a softmax")
def softmax_twice(view: RunView) -> Finding | None:
    """The loss is not the cross-entropy of the predictions, but that of their softmax; or they are a softmax of one.

    Both losses are asked of the network as it is. Where predictions are near 1 / K the two are too near to tell. A
    Keras model is asked by its ``evaluate``, if it is compiled. Keras's own losses, told ``from_logits=True`` after a
    softmax layer, undo that softmax: then there is nothing to find.
    """
    if view.diverged or not view.has_classes or view.n_classes < 2:
        return None
    p = probabilities_of(view.answers)
    floor = float(np.log(np.e + view.n_classes - 1) - 1)
    remedy = "give the loss logits, or tell it that it gets probabilities (from_logits)"
    if view.model is not None and are_softmax_of_probabilities(view.answers):
        said = f"no prediction is above e / (e + K − 1) = {np.exp(-floor):.3g}; the loss cannot fall below {floor:.4g}"
        return Finding("softmax_twice", f"the predictions are a softmax of probabilities: {said}", remedy, 0.95)
    right = p[np.arange(len(p)), view.labels]
    surest = np.argsort(-right)[: max(len(right) // 2, 1)]  # of all rows both losses may happen to be equal
    said_loss = _loss_of(view, surest)
    once, twice = cross_entropy(p[surest], view.labels[surest]), cross_entropy(softmax(p[surest]), view.labels[surest])
    if said_loss is None or abs(said_loss - twice) > 1e-3 * twice or abs(once - twice) < 0.01 * twice:
        return None
    return Finding(
        "softmax_twice",
        f"{len(surest)} predictions have a cross-entropy of {once:.3g}, the loss says {said_loss:.3g}: their softmax "
        f"has {twice:.3g}; that cannot fall below {floor:.4g}",
        remedy,
        0.95,
    )


def are_softmax_of_probabilities(p: np.ndarray) -> bool:
    """Whether rows p are softmax(q) with probabilities q, most of which are sure of something.

    >>> once = np.array([[0.98, 0.01, 0.01], [0.02, 0.9, 0.08]])
    >>> are_softmax_of_probabilities(softmax(once)), are_softmax_of_probabilities(once)
    (True, False)
    """
    if not are_probabilities(p) or np.any(p <= 0):
        return False
    logs = np.log(p)
    q = logs + (1 - logs.sum(axis=1, keepdims=True)) / p.shape[1]
    return bool(np.all(q > -1e-3) and np.mean(q.max(axis=1)) > 0.6)


def _loss_of(view: RunView, chosen: np.ndarray) -> float | None:
    """The loss on some of ``view.rows`` as the network computes it, without any penalty on weights."""
    rows, targets = view.rows[chosen], view.asked[chosen]
    if view.network is not None:
        network = view.network
        if network.loss_function.name != "cross_entropy":
            return None
        penalty = network.l2 / 2 * sum(float(np.vdot(weights, weights)) for weights in network.weights)
        return network.loss(rows, targets) - penalty
    if getattr(view.model, "loss", None) is None or not callable(getattr(view.model, "evaluate", None)):
        return None
    found = view.model.evaluate(rows, targets, verbose=0)
    return float(np.ravel(found)[0]) - sum(float(penalty) for penalty in getattr(view.model, "losses", ()))


@sign("symmetric_weights", "units of a layer started equal, and stay so", OURS)
def symmetric_weights(view: RunView) -> Finding | None:
    """Hidden units have the same incoming weights and bias as another, now and before the first step.

    Without a Recorder only now counts. Units that start equal and pass on different things do not stay equal: they
    learn.
    """
    assert view.network is not None
    network = view.network
    if view.diverged:
        return None
    shares = twin_shares(network, network.parameters)
    if view.watch is not None:
        shares = np.minimum(shares, twin_shares(network, view.watch.start))
    if not len(shares) or max(shares) < 0.3:
        return None
    k = int(np.argmax(shares))
    return Finding(
        "symmetric_weights",
        f"in layer {k + 1}, {shares[k]:.0%} of the units have a twin with the same weights: they compute one thing",
        "draw the weights at random, each its own",
        0.96,
    )


@sign("dead_relus", "units that are 0 on every row, so that nothing passes back through them", OURS)
def dead_relus(view: RunView) -> Finding | None:
    """A layer has more dead units than living ones; from the start, or only later."""
    assert view.network is not None
    names = view.network._activation_names[:-1]
    now = dead_shares(view.network.activations(view.rows)) if not view.diverged else np.zeros(len(names))
    at_start = None if view.watch is None else dead_shares(activations_at_start(view))
    worst = now if at_start is None else np.maximum(now, at_start)
    relu = [k for k, name in enumerate(names) if name == "relu"]
    if not relu or max(worst[k] for k in relu) < 0.6:
        return None
    k = max(relu, key=lambda k: worst[k])
    from_start = at_start is not None and at_start[k] >= 0.6
    before = "" if at_start is None else f"; before the first step {at_start[k]:.0%}"
    return Finding(
        "dead_relus",
        f"in layer {k + 1}, {now[k]:.0%} of the units are 0 on all of {len(view.rows)} rows{before}",
        "biases and weights at the start" if from_start else "what killed them: the longest steps of the run",
        0.94 if from_start else 0.6,
    )


@sign("vanishing_gradients", "the gradient shrinks on its way back to the first layers", RECORDER)
def vanishing_gradients(view: RunView) -> Finding | None:
    """In the first steps the first layer's gradient is a thousandth of the last one's, or a hundredth in vain.

    A gradient of the first weights is as long as a row of inputs, other things being equal: for short rows it is
    divided by their length.
    """
    assert view.watch is not None
    weights = np.sum(view.watch.weight_norms[:10], axis=1)
    before_it_bursts = weights <= 10 * weights[0]
    early = np.median(np.array(view.watch.gradient_norms[:10])[before_it_bursts], axis=0)
    row = float(np.sqrt(np.mean(np.sum(np.square(view.rows, dtype=np.float64), axis=1))))
    if early[-1] == 0 or early[0] == 0 or row == 0:
        return None
    ratio = float(early[0] / early[-1] / min(row, 1))
    in_vain = bool(view.train_loss) and not view.diverged and view.train_loss[-1] > 0.95 * view.chance
    if ratio > (1e-2 if in_vain else 1e-3):
        return None
    return Finding(
        "vanishing_gradients",
        f"in the first steps layer 1's gradient is {early[0] / early[-1]:.1g} of layer {len(early)}'s",
        "another activation or initialisation (ReLU with He's, tanh with Glorot's), or fewer layers",
        0.92 if ratio <= 1e-3 else 0.8,
    )


@sign("exploding_gradients", "signals grow from layer to layer, and gradients with them", OURS, RECORDER)
def exploding_gradients(view: RunView) -> Finding | None:
    """Before the first step activations grow through the layers, and the first gradient is long."""
    assert view.watch is not None and view.network is not None
    signals = [float(np.sqrt(np.mean(np.square(layer, dtype=np.float64)))) for layer in activations_at_start(view)]
    growth = signals[-1] / max(signals[0], 1e-12)
    first = float(np.linalg.norm(view.watch.gradient_norms[0]))
    if growth < 20 or first < 20 or view.inputs_rms > 10:
        return None
    return Finding(
        "exploding_gradients",
        f"before the first step the outputs' RMS is {growth:.3g} times that of the inputs; the first gradient's norm "
        f"is {first:.3g}",
        "the scale of the initial weights (√(2 / fan-in) for ReLU); clipping hides it",
        0.92,
    )


@sign("low_precision", "weights are stored with so few digits that small steps are rounded away", OURS, RECORDER)
def low_precision(view: RunView) -> Finding | None:
    """Every weight ends in zeros, and most entries with a gradient do not move."""
    assert view.watch is not None and view.network is not None
    theta = view.network.parameters
    if view.diverged or not np.any(theta):
        return None
    kind = coarse_kind(theta)
    moving = [
        unchanged for unchanged, moved in zip(view.watch.unchanged, view.watch.update_norms, strict=True) if any(moved)
    ]
    still = float(np.median(moving)) if moving else 0.0
    if kind is None or still < 0.3:
        return None
    return Finding(
        "low_precision",
        f"all weights are numbers of {kind}; in a step {still:.0%} of the entries with a gradient do not change",
        "keep a float32 copy of the weights for the optimizer, or round at random",
        0.97,
    )


# -- what the signs are made of --------------------------------------------------------------------------------------


def slopes_along_gradients(network: MLP, x: np.ndarray, y: np.ndarray) -> list[tuple[float, float] | None]:
    r"""Return for each layer's weights, and biases, the slope of the loss along their gradient, and its length.

    The slope is that of central differences. Of several steps h, the one that agrees best counts; ``None`` where every
    difference would drown in the rounding of the loss.

    .. math::

        \frac{J(\theta + h u) - J(\theta - h u)}{2 h} \approx \lVert g \rVert, \quad u = \frac{g}{\lVert g \rVert}

    Args:
        network: asked at fresh parameters; its own are left alone.
        x, y: rows and targets.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(64, 3)), np.arange(64) % 2
        >>> (found, said), *_ = slopes_along_gradients(MLP([3, 8, 2], seed=0), x, y)
        >>> bool(abs(found / said - 1) < 0.1)
        True
    """
    theta = fresh_parameters(network)
    value, gradient = network.loss_and_gradient(x, y, parameters=theta)
    resolution = DIGITS * float(np.finfo(theta.dtype).eps) * max(abs(value), 1.0)
    found: list[tuple[float, float] | None] = []
    for number, place in enumerate(network.layout):
        part, layer = place.where, layers_of(network)[number // 2]
        length = float(np.linalg.norm(gradient[part]))
        steps = [h for h in np.multiply(STEPS, float(np.linalg.norm(theta[layer]))) if 2 * h * length > resolution]
        direction = np.zeros_like(theta)
        direction[part] = gradient[part] / max(length, 1e-30)
        slopes = []
        for h in steps:
            ahead, behind = (network.loss(x, y, parameters=theta + signed * direction) for signed in (h, -h))
            slopes.append((ahead - behind) / (2 * h))
        found.append((min(slopes, key=lambda slope: abs(slope - length)), length) if slopes else None)
    return found


def fresh_parameters(network: MLP) -> np.ndarray:
    """Return parameters of an ordinary start, N(0, 2 / fan-in), so that the network is asked where it is alive.

    >>> fresh_parameters(MLP([2, 1], loss="mse")).shape
    (3,)
    """
    generator = np.random.default_rng(0)
    theta = np.zeros_like(network.parameters)
    for weights in network.views(theta)[0]:
        weights[:] = generator.normal(0, np.sqrt(2 / weights.shape[0]), weights.shape)
    return theta


def activations_at_start(view: RunView) -> list[np.ndarray]:
    """Return the activations at the first θ where a recorder kept it, else at the present one."""
    assert view.network is not None
    network = view.network
    if view.watch is None:
        return network.activations(view.rows)
    kept = network.parameters.copy()
    try:
        network.parameters[:] = view.watch.start
        return network.activations(view.rows)
    finally:
        network.parameters[:] = kept


def coarse_kind(theta: np.ndarray) -> str | None:
    """Return ``"bfloat16"`` or ``"float16"`` where every number is one of these, else ``None``.

    >>> coarse_kind(np.array([1.0, 0.5])), coarse_kind(np.array([0.1]))
    ('bfloat16', None)
    """
    single = theta.astype(np.float32)
    if np.all(theta == single) and not np.any(single.view(np.uint32) & 0xFFFF):
        return "bfloat16"
    with np.errstate(over="ignore"):
        return "float16" if np.all(theta == theta.astype(np.float16)) else None


def twin_shares(network: MLP, theta: np.ndarray) -> np.ndarray:
    """Return for each hidden layer the share of its units with a twin: equal incoming weights and bias, to rounding.

    A unit with no weights at all is no twin, unless its whole layer is so.

    >>> network = MLP([1, 4, 2])
    >>> theta = network.parameters.copy()
    >>> theta[:4] = [1, 1, 2, 3]
    >>> twin_shares(network, theta)
    array([0.5])
    """
    weights, biases = network.views(theta)
    return np.array([_twin_share(np.vstack([w, b])) for w, b in zip(weights[:-1], biases[:-1], strict=True)])


def _twin_share(columns: np.ndarray) -> float:
    columns = columns.astype(np.float64)
    norms = np.linalg.norm(columns, axis=0)
    alive = norms > 0
    if not alive.any():
        return 1.0 if len(norms) > 1 else 0.0
    unit = columns[:, alive] / norms[alive]
    like = unit.T @ unit > 1 - 1e-9  # an angle of 4e-5: they differ in the fifth digit
    like &= np.abs(norms[alive][:, None] / norms[alive] - 1) < 1e-5
    return float(np.sum(like.sum(axis=1) > 1) / len(norms))


def _random_rows(view: RunView) -> tuple[np.ndarray, np.ndarray]:
    """Rows of N(0, 1) beside targets of the run: on the run's own rows many units may stand at a kink at once."""
    assert view.network is not None
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ASKED, view.network.layer_sizes[0])).astype(view.network.dtype)
    return x, np.resize(view.asked, (ASKED, *view.asked.shape[1:]))
