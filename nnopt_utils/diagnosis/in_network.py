"""Signs that the network shows by itself: asked with numbers to which the right answer is known."""

from __future__ import annotations

import numpy as np

from nnopt_utils.activations import softmax
from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.recording import dead_shares, layers_of
from nnopt_utils.diagnosis.registry import OURS, RECORDER, sign
from nnopt_utils.diagnosis.view import RunView, cross_entropy, probabilities_of
from nnopt_utils.networks import MLP

ASKED = 64  # rows for a gradient check
STEPS = (1e-2, 3e-3, 1e-3)  # of a layer's norm: longer steps meet more kinks, shorter ones float32's rounding
AGREEMENT = 0.3  # of a slope, at the step where it agrees best


@sign("wrong_gradient", "a layer's gradient is not the slope of the loss", OURS)
def wrong_gradient(view: RunView) -> Finding | None:
    """Central differences along each layer's gradient disagree with its length."""
    assert view.network is not None
    slopes = slopes_along_gradients(view.network, *_few_rows(view))
    off = [k for k, (found, said) in enumerate(slopes) if said > 1e-6 and abs(found / said - 1) > AGREEMENT]
    if not off or (len(off) == len(slopes) and all(found > 0 for found, _ in slopes)):  # one factor for all: the rate's
        return None
    k = max(off, key=lambda k: abs(slopes[k][0] / slopes[k][1] - 1))
    found, said = slopes[k]
    how = "up the hill" if found < 0 else "the right way, by another factor"
    return Finding(
        "wrong_gradient",
        f"along layer {k + 1}'s gradient the loss changes by {found:.3g} a unit, the gradient says {said:.3g}: a step "
        f"goes {how}; in {len(slopes) - len(off)} of {len(slopes)} layers both agree",
        f"check_gradient, entry by entry, in layer {k + 1}; then its part of the backward pass",
        0.96,
    )


@sign("sum_for_mean", "the loss is summed over the batch, so the step grows with it", OURS)
def sum_for_mean(view: RunView) -> Finding | None:
    """The same rows twice double the gradient."""
    assert view.network is not None
    x, y = _few_rows(view)
    theta = fresh_parameters(view.network)
    once, twice = (
        np.linalg.norm(view.network.loss_and_gradient(np.tile(x, (k, 1)), np.tile(y, k), parameters=theta)[1])
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
    """The recorded loss is not the cross-entropy of the predictions, but that of their softmax."""
    if view.diverged:
        return None
    judged = view.x_val is not None and view.val_loss
    rows, labels = (view.x_val, view.y_val) if judged else (view.rows, view.labels)
    assert rows is not None and labels is not None
    p = probabilities_of(view.outputs(rows))
    once, twice = cross_entropy(p, labels), cross_entropy(softmax(p), labels)
    if judged:
        said = view.val_loss[-1]
    elif view.network is not None:
        said = view.network.loss(rows, labels)
    else:  # a Keras model: the loss of an epoch was taken while θ moved
        return None
    if abs(said - twice) > 1e-3 * twice or abs(said - once) < 10 * abs(said - twice) + 1e-3:
        return None
    floor = float(np.log(np.e + view.n_classes - 1) - 1)
    return Finding(
        "softmax_twice",
        f"the predictions have a cross-entropy of {once:.3g}, the run says {said:.3g}: that of their softmax, "
        f"{twice:.3g}, which cannot fall below {floor:.4g}",
        "give the loss logits, or tell it that it gets probabilities (from_logits)",
        0.95,
    )


@sign("symmetric_weights", "units of a layer started equal, and stay so", OURS)
def symmetric_weights(view: RunView) -> Finding | None:
    """Hidden units have the same incoming weights as another."""
    assert view.network is not None
    shares = [twin_share(weights) for weights in view.network.weights[:-1]]
    if not shares or max(shares) < 0.3:
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
    at_start = dead_shares(activations_at_start(view))
    now = dead_shares(view.network.activations(view.rows)) if not view.diverged else at_start
    relu = [k for k, name in enumerate(names) if name == "relu"]
    if not relu or max(max(at_start[k], now[k]) for k in relu) < 0.6:
        return None
    k = max(relu, key=lambda k: max(at_start[k], now[k]))
    from_start = at_start[k] >= 0.6
    return Finding(
        "dead_relus",
        f"in layer {k + 1}, {now[k]:.0%} of the units are 0 on all of {len(view.rows)} rows; "
        + (
            f"{at_start[k]:.0%} were before the first step"
            if from_start
            else f"before the first step {at_start[k]:.0%}"
        ),
        "biases and weights at the start" if from_start else "what killed them: the longest steps of the run",
        0.94 if from_start else 0.6,
    )


@sign("vanishing_gradients", "the gradient shrinks on its way back to the first layers", RECORDER)
def vanishing_gradients(view: RunView) -> Finding | None:
    """The first layer's gradient is a thousandth of the last one's, from the start."""
    assert view.watch is not None
    early = np.median(view.watch.gradient_norms[:10], axis=0)
    if early[-1] == 0 or early[0] > 1e-3 * early[-1] or early[0] == 0:
        return None
    return Finding(
        "vanishing_gradients",
        f"in the first steps layer 1's gradient is {early[0] / early[-1]:.1g} of layer {len(early)}'s",
        "another activation or initialisation (ReLU with He's, tanh with Glorot's), or fewer layers",
        0.92,
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
    if theta.dtype != np.float32 or not np.any(theta):
        return None
    as_bfloat = not np.any(theta.view(np.uint32) & 0xFFFF)
    with np.errstate(over="ignore"):
        as_half = bool(np.all(theta == theta.astype(np.float16)))
    still = float(np.median(view.watch.unchanged))
    if not (as_bfloat or as_half) or still < 0.3:
        return None
    return Finding(
        "low_precision",
        f"all weights are numbers of {'bfloat16' if as_bfloat else 'float16'}; in a step {still:.0%} of the entries "
        "with a gradient do not change",
        "keep a float32 copy of the weights for the optimizer, or round at random",
        0.97,
    )


# -- what the signs are made of --------------------------------------------------------------------------------------


def slopes_along_gradients(network: MLP, x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    r"""Return for each layer the slope of the loss along its gradient, by central differences, and its length.

    Of several steps h, the one that agrees best counts.

    .. math::

        \frac{J(\theta + h u) - J(\theta - h u)}{2 h} \approx \lVert g \rVert, \quad u = \frac{g}{\lVert g \rVert}

    Args:
        network: asked at fresh parameters; its own are left alone.
        x, y: rows and labels.

    Example:
        >>> x, y = np.random.default_rng(0).normal(size=(64, 3)), np.arange(64) % 2
        >>> (found, said), _ = slopes_along_gradients(MLP([3, 8, 2], seed=0), x, y)
        >>> bool(abs(found / said - 1) < 0.1)
        True
    """
    theta = fresh_parameters(network)
    gradient = network.loss_and_gradient(x, y, parameters=theta)[1]
    found = []
    for layer in layers_of(network):
        length = float(np.linalg.norm(gradient[layer]))
        direction = np.zeros_like(theta)
        direction[layer] = gradient[layer] / max(length, 1e-30)
        slopes = []
        for h in np.multiply(STEPS, float(np.linalg.norm(theta[layer]))):
            ahead, behind = (network.loss(x, y, parameters=theta + signed * direction) for signed in (h, -h))
            slopes.append((ahead - behind) / (2 * h))
        found.append((min(slopes, key=lambda slope: abs(slope - length)), length))
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


def twin_share(weights: np.ndarray) -> float:
    """The share of a matrix's columns that have an equal one, to rounding.

    >>> twin_share(np.array([[1.0, 1.0, 2.0, 3.0]]))
    0.5
    """
    size = float(np.max(np.abs(weights))) or 1.0
    _, counts = np.unique(np.round(weights.T / size, 5), axis=0, return_counts=True)
    return float(np.sum(counts[counts > 1]) / weights.shape[1])


def _few_rows(view: RunView) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, scaled to RMS 1: along steep inputs a finite step would leave the straight part."""
    x, y = view.rows[:ASKED], view.labels[:ASKED]
    rms = np.sqrt(np.mean(np.square(x, dtype=np.float64)))
    return (x / max(rms, 1e-12)).astype(x.dtype), y
