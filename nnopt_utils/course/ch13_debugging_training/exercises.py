"""Exercises of chapter 13: a clinic for broken runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake


def _about(value: float, tolerance: float = 0.003) -> Callable[[Any], bool]:
    """Tell whether an answer is this number, to three per thousand."""
    return lambda answer: bool(abs(float(answer) / value - 1) < tolerance)


def _on_a_grid(values: np.ndarray, steps: int = 256) -> np.ndarray:
    """Round to multiples of 1/steps, which single precision holds exactly: small differences stay what they are."""
    return np.round(values * steps) / steps


# -- 13.first_loss ---------------------------------------------------------------------------------------------------

SHARES = np.array([0.7, 0.1, 0.1, 0.1])


def _first_loss() -> list[float]:
    return [float(np.log(len(SHARES))), float(-np.sum(SHARES * np.log(SHARES)))]


FIRST, CONSTANT = _first_loss()


# -- 13.softmax_twice ------------------------------------------------------------------------------------------------


def _softmax_twice() -> float:
    first = np.eye(26)[0]
    second = np.exp(first) / np.sum(np.exp(first))
    return float(-np.log(second[0]))


# -- 13.lost_update --------------------------------------------------------------------------------------------------


def _lost_update() -> float:
    return float(np.spacing(np.float16(3.0))) / 2


# -- 13.update_to_weight_ratio ---------------------------------------------------------------------------------------


def update_to_weight_ratio(before: list[np.ndarray], after: list[np.ndarray]) -> list[float]:
    return [float(np.linalg.norm(new - old) / np.linalg.norm(old)) for old, new in zip(before, after, strict=True)]


def ratio_cases() -> list[tuple]:
    """One to do by hand; layers of other shapes and sizes of weights; one that did not move."""
    generator = np.random.default_rng(130)

    def layers(*shapes: tuple[int, int], scale: float, step: float) -> tuple[list, list]:
        before = [_on_a_grid(scale * generator.normal(size=shape)) for shape in shapes]
        return before, [W + _on_a_grid(step * generator.normal(size=W.shape)) for W in before]

    still = [np.array([[2.0, -1.0, 0.5]]), np.array([[1.0], [-3.0]])]
    return [
        ([np.array([[3.0, 0.0], [0.0, 4.0]])], [np.array([[3.25, 0.0], [0.0, 4.0]])]),
        layers((3, 4), (4, 2), scale=1.0, step=0.1),
        layers((5, 2), (2, 2), (2, 3), scale=3.0, step=0.5),
        (still, [still[0].copy(), np.array([[1.5], [-2.0]])]),
    ]


def _ratios(of):
    """Wrong ratios: another number made of each layer's weights before and after the step."""

    def wrong(before, after):
        return [of(old, new) for old, new in zip(before, after, strict=True)]

    return wrong


def _norm_over_norm(norm):
    return _ratios(lambda old, new: norm(new - old) / norm(old))


def _all_layers(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def _one_ratio(before, after):
    old, new = _all_layers(before), _all_layers(after)
    return np.linalg.norm(new - old) / np.linalg.norm(old)


def _by_all_weights(before, after):
    return [np.linalg.norm(n - o) / np.linalg.norm(_all_layers(before)) for o, n in zip(before, after, strict=True)]


# -- 13.dead_share ---------------------------------------------------------------------------------------------------


def dead_share(activations: np.ndarray) -> float:
    return float(np.mean(np.all(activations == 0, axis=0)))


def dead_cases() -> list[tuple]:
    """One to do by hand; sums of 0 without zeros, constants, negative columns, a row of zeros; none dead; all."""
    generator = np.random.default_rng(131)
    sparse = np.maximum(generator.normal(size=(6, 7)) - 0.5, 0.0)
    sparse[:, [1, 4]] = 0.0
    sparse[2] = 0.0
    signed = np.array(
        [
            [1.0, 0.0, -0.5, 2.0, 0.0, 1.5, -1.0, -0.25],
            [-1.0, 0.0, -0.25, 2.0, 0.0, 1.5, -0.5, 0.0],
            [0.0, 0.0, -1.0, 2.0, 0.0, 1.5, -1.0, -0.5],
            [0.0, 1.0, -2.0, 2.0, 0.0, 1.5, -0.75, 0.0],
        ]
    )
    return [
        (np.array([[0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]),),
        (sparse,),
        (signed,),
        (np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0], [1e-9, 0.0, 0.0]]),),
        (np.zeros((3, 2)),),
    ]


# -- 13.share_unchanged ----------------------------------------------------------------------------------------------


def share_unchanged(before: list[np.ndarray], after: list[np.ndarray]) -> float:
    same = sum(np.sum(new == old) for old, new in zip(before, after, strict=True))
    return same / sum(old.size for old in before)


def unchanged_cases() -> list[tuple]:
    """One to do by hand; half precision after a real update; arrays of unequal sizes; tiny changes; none, all."""
    generator = np.random.default_rng(132)
    half = [generator.normal(size=shape).astype(np.float16) for shape in ((6, 5), (5,), (5, 3))]
    moved = [(W + 4e-4 * generator.normal(size=W.shape)).astype(np.float16) for W in half]
    large = [np.array([[2.0, -4.0, 1.0], [0.0, 8.0, 3.0]]), np.array([0.5, 0.5])]
    nearly = [large[0] * np.array([[1 + 2.0**-20, 1.0, 1.0], [1.0, 1 + 2.0**-20, 1 - 2.0**-20]]), large[1] * 2.0]
    return [
        (
            [np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([6.0])],
            [np.array([1.0, 2.5, 3.0, 4.0, 5.5]), np.array([7.0])],
        ),
        (half, moved),
        (large, nearly),
        ([np.array([1.0, -2.0]), np.array([[0.0]])], [np.array([-1.0, 2.0]), np.array([[1.0]])]),
        ([np.array([3.0, -2.0]), np.array([[1.0]])], [np.array([3.0, -2.0]), np.array([[1.0]])]),
    ]


def _unchanged_by(equal, share=lambda same: np.mean(np.concatenate(same))):
    """A wrong share: by what two entries are called equal, and what is made of all the answers."""

    def wrong(before, after):
        return share([np.ravel(equal(old, new)) for old, new in zip(before, after, strict=True)])

    return wrong


def _equal(old, new):
    return old == new


# -- 13.unused_settings ----------------------------------------------------------------------------------------------


def unused_settings(run: Callable[[dict], np.ndarray], settings: dict, factor: float) -> list[str]:
    before = run(settings)
    unused = []
    for name, value in settings.items():
        changed = {**settings, name: factor * value if value else factor}
        if np.array_equal(run(changed), before):
            unused.append(name)
    return unused


def _losses(settings: dict) -> np.ndarray:
    """Three losses of a run that uses every setting that it knows, each in its own way."""
    known = {
        "learning_rate": 0.1,
        "limit": 2.0,
        "warmup": 1.0,
        "momentum": 0.0,
        "epsilon": 0.0,
        "bits": 0.0,
        "unit": 1.0,
    }
    s = {**known, **settings}
    first = 2.0 + int(s["bits"])
    middle = first - min(6.0 * s["learning_rate"], s["limit"]) / s["warmup"]
    return s["unit"] * np.array([first, middle, 1.0 - s["momentum"] + 1e-12 * s["epsilon"]])


def _scaled(settings: dict) -> np.ndarray:
    """Three losses that differ in the first and the middle one, or in the last alone."""
    return np.array([3.0 * settings["scale"], 2.0, 1.0 + settings["decay"] / 100])


def _mean_only(settings: dict) -> np.ndarray:
    """Losses whose sum stays: what one gains, another loses."""
    return np.array([1.0 + settings["smoothing"], 1.0 - settings["smoothing"], 0.5 * settings["rate"]])


def setting_cases() -> list[tuple]:
    """One with one unused; the effect in one of the losses; a limit never met; a setting of 0, or of the factor."""
    return [
        (_scaled, {"scale": 0.5, "weight_decay": 0.025, "decay": 0.25}, 10),
        (_losses, {"learning_rate": 0.1, "limit": 2.0, "beta": 0.9, "warmup": 4.0, "patience": 3}, 10),
        (_losses, {"momentum": 0.0, "seed": 0, "epochs": 10, "epsilon": 1e-3}, 10),
        (_losses, {"warmup": 10, "bits": 0.3, "label": 10}, 10),
        (_losses, {"bits": 0.3, "momentum": 0.25, "learning_rate": 0.05, "rounds": 2}, 2),
        (_losses, {"bits": 0.05, "unit": 0.5, "momentum": 0.25}, 2),
        (_mean_only, {"smoothing": 0.5, "dropout": 0.0, "rate": 0.0}, 10),
    ]


def _describe_settings(run, settings, factor):
    return f"settings = {settings}, factor = {factor}, and a run that gives the losses {run(dict(settings)).tolist()}"


def _unused_by(
    *,
    new=lambda value, factor: factor * value if value else factor,
    same=np.array_equal,
    listed=lambda is_same: is_same,
    result=lambda names: names,
):
    """Wrong names: what a setting is changed to, when two results are called the same, which names are given."""

    def wrong(run, settings, factor):
        before = run(settings)
        changed = {name: {**settings, name: new(value, factor)} for name, value in settings.items()}
        return result([name for name, s in changed.items() if listed(bool(same(run(s), before)))])

    return wrong


def _all_stay_changed(run, settings, factor):
    before, settings = run(settings), dict(settings)
    unused = []
    for name, value in list(settings.items()):
        settings[name] = factor * value if value else factor
        if np.array_equal(run(settings), before):
            unused.append(name)
    return unused


def _against_the_last(run, settings, factor):
    """Each change stays, and the run is compared with the one just before."""
    last, settings = run(settings), dict(settings)
    unused = []
    for name, value in list(settings.items()):
        settings[name] = factor * value if value else factor
        now = run(settings)
        if np.array_equal(now, last):
            unused.append(name)
        last = now
    return unused


def _never_changed(run, settings, factor):
    return list(settings)


# -- 13.relative_errors ----------------------------------------------------------------------------------------------


def relative_errors(
    loss: Callable[[list], float], layers: list[np.ndarray], gradients: list[np.ndarray], h: float
) -> list[float]:
    errors = []
    for k in range(len(layers)):
        numerical = np.zeros(layers[k].shape)
        for index in np.ndindex(layers[k].shape):
            up, down = [W.copy() for W in layers], [W.copy() for W in layers]
            up[k][index] += h
            down[k][index] -= h
            numerical[index] = (loss(up) - loss(down)) / (2 * h)
        scale = max(np.linalg.norm(numerical), np.linalg.norm(gradients[k]))
        errors.append(float(np.linalg.norm(numerical - gradients[k]) / scale) if scale > 0 else 0.0)
    return errors


def _simple_loss(layers):
    w, b = layers
    return w[0] ** 2 + w[1] ** 2 + 3 * b[0]


def _cubic_loss(layers):
    W, v = layers
    return np.sum(W**3) + np.sum(W) * np.sum(v) + v[0] ** 3


def _three_layers(layers):
    a, b, c = layers
    return np.sum(a**2) * b[0, 0] + b[1, 0] ** 3 + 0 * np.sum(c)


def error_cases() -> list[tuple]:
    """By hand: the second layer has the wrong sign. Curved losses; a layer without effect; one twice too large."""
    generator = np.random.default_rng(133)
    W, v = _on_a_grid(generator.normal(size=(2, 3)), 8), _on_a_grid(generator.normal(size=2), 8)
    by_W, by_v = 3 * W**2 + np.sum(v), np.sum(W) + np.array([3 * v[0] ** 2, 0.0])
    a, b, c = np.array([1.0, -0.5, 2.0]), np.array([[0.75], [-1.25]]), np.array([[0.5, 1.0]])
    by_a, by_b = 2 * a * b[0, 0], np.array([[np.sum(a**2)], [3 * b[1, 0] ** 2]])
    return [
        (_simple_loss, [np.array([1.0, -2.0]), np.array([0.5])], [np.array([2.0, -4.0]), np.array([-3.0])], 0.125),
        (_simple_loss, [np.array([0.25, 0.125]), np.array([2.0])], [np.array([0.5, 0.0]), np.array([2.5])], 0.125),
        (_cubic_loss, [W, v], [-by_W, by_v], 0.5),
        (_three_layers, [a, b, c], [2 * by_a, by_b, np.zeros((1, 2))], 0.25),
        (_three_layers, [a, b, c], [by_a / 4, 0 * by_b, np.ones((1, 2))], 0.5),
    ]


def _describe_errors(loss, layers, gradients, h):
    shapes = ", ".join(str(W.shape) for W in layers)
    return f"layers of the shapes {shapes}, h = {h}, and a loss of {float(loss(layers)):.6g}"


def _numerical(loss, layers, k, h, estimate):
    """Differences of one layer; ``estimate(at, h)`` is made of ``at(step)``, the loss with one entry moved by it."""
    result = np.zeros(layers[k].shape)
    for index in np.ndindex(layers[k].shape):

        def at(step: float, index: tuple = index) -> float:
            moved = [W.copy() for W in layers]
            moved[k][index] += step
            return loss(moved)

        result[index] = estimate(at, h)
    return result


def _larger_norm(n, g):
    return max(np.linalg.norm(n), np.linalg.norm(g))


def _errors_with(
    *,
    estimate=lambda at, h: (at(h) - at(-h)) / (2 * h),
    scale=_larger_norm,
    distance=lambda n, g: np.linalg.norm(n - g),
    result=lambda errors: errors,
):
    """Wrong errors: the estimate of a slope, by what is divided, how the distance is measured, what is returned."""

    def wrong(loss, layers, gradients, h):
        errors = []
        for k, g in enumerate(gradients):
            n = _numerical(loss, layers, k, h, estimate)
            by = scale(n, g)
            with np.errstate(all="ignore"):
                errors.append(distance(n, g) / np.float64(by) if np.any(n) or np.any(g) else 0.0)
        return result(errors)

    return wrong


def _entry_by_entry(n, g):
    larger = np.maximum(np.abs(n), np.abs(g))
    return np.mean(np.divide(np.abs(n - g), larger, out=np.zeros(n.shape), where=larger > 0))


def _whole_layer_at_once(loss, layers, gradients, h):
    errors = []
    for k, g in enumerate(gradients):
        up = [W + h * (i == k) for i, W in enumerate(layers)]
        down = [W - h * (i == k) for i, W in enumerate(layers)]
        n = np.full(g.shape, (loss(up) - loss(down)) / (2 * h))
        scale = _larger_norm(n, g)
        errors.append(np.linalg.norm(n - g) / scale if scale > 0 else 0.0)
    return errors


def _not_put_back(loss, layers, gradients, h):
    layers = [W.copy() for W in layers]
    errors = []
    for W, g in zip(layers, gradients, strict=True):
        n = np.zeros(W.shape)
        for index in np.ndindex(W.shape):
            W[index] += h
            up = loss(layers)
            W[index] -= 2 * h
            n[index] = (up - loss(layers)) / (2 * h)
        scale = _larger_norm(n, g)
        errors.append(np.linalg.norm(n - g) / scale if scale > 0 else 0.0)
    return errors


def _all_layers_together(loss, layers, gradients, h):
    estimate = lambda at, h: (at(h) - at(-h)) / (2 * h)  # noqa: E731
    n = _all_layers([_numerical(loss, layers, k, h, estimate) for k in range(len(layers))])
    g = _all_layers(gradients)
    return np.linalg.norm(n - g) / _larger_norm(n, g)


def _zero_over_zero(loss, layers, gradients, h):
    errors = relative_errors(loss, layers, gradients, h)
    return [error if error or np.any(g) else np.nan for error, g in zip(errors, gradients, strict=True)]


# -- 13.clip_at_percentile -------------------------------------------------------------------------------------------


def clip_at_percentile(norms: np.ndarray, q: float) -> np.ndarray:
    clipped = []
    for t in range(len(norms)):
        threshold = np.percentile(norms[: t + 1], q)
        clipped.append(min(norms[t], threshold))
    return np.array(clipped)


def clip_cases() -> list[tuple]:
    """One to do by hand; a burst in a falling series; a rising one; a single step."""
    generator = np.random.default_rng(134)
    falling = 4.0 / np.arange(1, 13) * np.exp(0.3 * generator.normal(size=12))
    falling[7] = 40.0
    return [
        (np.array([1.0, 3.0, 2.0, 100.0]), 50),
        (falling, 90),
        (np.exp(0.2 * np.arange(8) + 0.3 * generator.normal(size=8)), 25),
        (np.array([2.5]), 10),
    ]


def _clipped_by(threshold, result=lambda norm, limit: min(norm, limit)):
    """Wrong clipping: ``threshold(norms, t, q)`` is the limit of step t, ``result`` what is made of the two."""

    def wrong(norms, q):
        return np.array([result(norms[t], threshold(norms, t, q)) for t in range(len(norms))])

    return wrong


def _so_far(norms, t, q):
    return np.percentile(norms[: t + 1], q)


def _before_this(norms, t, q):
    return np.percentile(norms[:t], q) if t else norms[0]


def _from_what_was_clipped(norms, q):
    clipped: list[float] = []
    for norm in norms:
        clipped.append(min(norm, np.percentile([*clipped, norm], q)))
    return np.array(clipped)


# -- 13.three_variances ----------------------------------------------------------------------------------------------


def three_variances(results: np.ndarray) -> tuple[float, float, float]:
    studies, runs = results.shape[1:]
    of_studies = results.mean(axis=2)
    of_data = of_studies.mean(axis=1)
    run = results.var(axis=2, ddof=1).mean()
    between_studies = of_studies.var(axis=1, ddof=1).mean()
    between_data = of_data.var(ddof=1)
    study = max(between_studies - run / runs, 0.0)
    data = max(between_data - between_studies / studies, 0.0)
    return run, study, data


def variance_cases() -> list[tuple]:
    """One to do by hand; other numbers of each kind; runs alone differ, so that both estimates fall below 0."""
    generator = np.random.default_rng(135)

    def drawn(shape: tuple[int, int, int], run: float, study: float, data: float) -> np.ndarray:
        D, S, R = shape
        return _on_a_grid(
            2.0
            + data * generator.normal(size=(D, 1, 1))
            + study * generator.normal(size=(D, S, 1))
            + run * generator.normal(size=(D, S, R)),
            64,
        )

    noise = np.array([[[1.0, 3.0], [3.0, 1.25]], [[2.5, 1.5], [1.0, 3.0]], [[3.0, 1.0], [1.5, 2.75]]])
    return [
        (np.array([[[0.0, 2.0], [4.0, 6.0]], [[9.0, 11.0], [13.0, 15.0]]]),),
        (drawn((4, 3, 5), 0.5, 0.6, 0.9),),
        (drawn((3, 4, 2), 0.4, 1.0, 0.2),),
        (noise,),
    ]


def _split(
    *,
    ddof=1,
    spread=np.var,
    study=lambda between, run, R: between - run / R,
    data=lambda between, below, run, S, R: between - below / S,
    cut=lambda x: max(x, 0.0),
    result=lambda run, study, data: (run, study, data),
):
    """A wrong split: how spread is measured, what is taken from it, and what is returned."""

    def wrong(results):
        S, R = results.shape[1:]
        of_studies = results.mean(axis=2)
        run = spread(results, axis=2, ddof=ddof).mean()
        below = spread(of_studies, axis=1, ddof=ddof).mean()
        between = spread(of_studies.mean(axis=1), axis=0, ddof=ddof)
        return result(run, cut(study(below, run, R)), cut(data(between, below, run, S, R)))

    return wrong


def _crossed(results):
    """As if study 1 of every data set were the same study, and run 1 the same run."""
    return tuple(np.var(results.mean(axis=others), ddof=1) for others in ((0, 1), (0, 2), (1, 2)))


def _pooled(results):
    """Each time all that lies below is thrown together."""
    run = results.var(axis=2, ddof=1).mean()
    with_studies = np.mean([np.var(one, ddof=1) for one in results])
    return run, max(with_studies - run, 0.0), max(np.var(results, ddof=1) - with_studies, 0.0)


# -- the exercises ---------------------------------------------------------------------------------------------------


EXERCISES = [
    Exercise(
        name="13.first_loss",
        task=(
            "Four classes with the shares 0.7, 0.1, 0.1 and 0.1. Predict the loss of a network that starts with equal "
            "probabilities, and the least loss of one that has learned the shares and nothing of the inputs: replace "
            "None by [first, least]."
        ),
        reference=_first_loss,
        rtol=0.0,
        atol=0.006,
        mistakes=[
            Mistake("Right numbers, wrong order: the loss of the start first.", [CONSTANT, FIRST]),
            Mistake(
                "The start knows nothing of the shares. Whatever class a sample has, it got the probability 1/4.",
                [CONSTANT, CONSTANT],
            ),
            Mistake(
                "The second one knows the shares: it gives the frequent class 0.7, so its loss is below that of the "
                "start.",
                [FIRST, FIRST],
            ),
            Mistake(
                "That is the loss on a sample of the frequent class. Three samples of ten have another class, and "
                "each costs −ln 0.1.",
                lambda a: abs(a[0] - FIRST) < 0.006 and abs(a[1] + np.log(0.7)) < 0.006,
                example=[1.386, 0.357],
            ),
            Mistake(
                "For the second you took the mean of −ln over the four classes. Weight each class with how often it "
                "comes.",
                lambda a: abs(a[0] - FIRST) < 0.006 and abs(a[1] + np.mean(np.log(SHARES))) < 0.006,
                example=[1.386, 1.816],
            ),
            Mistake(
                "Those are bits, to base 2. The loss uses the natural logarithm.",
                lambda a: abs(a[0] - 2) < 0.006 and abs(a[1] - CONSTANT / np.log(2)) < 0.006,
                example=[2.0, 1.357],
            ),
            Mistake(
                "Those are logarithms to base 10. The loss uses the natural one.",
                lambda a: abs(a[0] - np.log10(4)) < 0.006 and abs(a[1] - CONSTANT / np.log(10)) < 0.006,
                example=[0.602, 0.408],
            ),
            Mistake(
                "A loss of 0 would take the right class of each sample. From the shares alone nobody knows it.",
                lambda a: abs(a[0] - FIRST) < 0.006 and a[1] == 0,
                example=[1.386, 0.0],
            ),
            Mistake(
                "0.3 is the share of errors of somebody who always says the frequent class. Here the loss is asked "
                "for.",
                lambda a: abs(a[1] - 0.3) < 0.006,
                example=[1.386, 0.3],
            ),
            Mistake(
                "ln 10 is for ten classes. Here there are four.",
                lambda a: abs(a[0] - np.log(10)) < 0.006,
                example=[2.303, 0.94],
            ),
        ],
        explanation=(
            "ln 4 = 1.386 whatever the shares; the least is their entropy, 0.7 · 0.357 + 0.3 · 2.303 = 0.940. A loss "
            "that falls to the entropy and stays there has come as far as the shares alone can take it."
        ),
    ),
    Exercise(
        name="13.softmax_twice",
        task=(
            "A network for 26 letters has a softmax as its last layer, and the loss applies one more. Predict the loss "
            "of a sample for which the network is perfectly sure and right: replace None by a number."
        ),
        reference=_softmax_twice,
        rtol=0.0,
        atol=0.006,
        mistakes=[
            Mistake(
                "0 would be right without the second softmax. It takes the probabilities 1 and 0 for logits, and "
                "gives each class something.",
                0.0,
            ),
            Mistake(
                "ln 26 is the loss where all probabilities are equal. The right letter is still e times as likely as "
                "each other one.",
                _about(np.log(26)),
                example=3.258,
            ),
            Mistake(
                "That is the probability of the right letter after both softmaxes. The loss is minus its logarithm.",
                _about(np.e / (np.e + 25)),
                example=0.0981,
            ),
            Mistake(
                "That is the loss of a sample for which the network is perfectly sure and wrong.",
                _about(np.log(np.e + 25)),
                example=3.3231,
            ),
            Mistake(
                "You counted 26 other letters. One of the 26 is the right one.",
                _about(np.log(1 + 26 / np.e)),
                example=2.3587,
            ),
            Mistake(
                "That is the floor with ten classes. Here there are 26.",
                _about(np.log(1 + 9 / np.e)),
                example=1.4612,
            ),
            Mistake(
                "The second softmax exponentiates: a probability of 1 becomes e¹, one of 0 becomes e⁰ = 1.",
                lambda answer: any(abs(float(answer) - x) < 0.006 for x in (np.log(25), np.log(27))),
                example=3.296,
            ),
            Mistake(
                "Those are bits, to base 2. The loss uses the natural logarithm.",
                _about(np.log2(1 + 25 / np.e)),
                example=3.3516,
            ),
            Mistake(
                "That is the logarithm to base 10. The loss uses the natural one.",
                _about(np.log10(1 + 25 / np.e)),
                example=1.0089,
            ),
            Mistake(
                "The probabilities after the second softmax are e/(e + 25) and 1/(e + 25). You took a loss of 1, or "
                "the logit itself.",
                lambda answer: abs(float(answer)) == 1,
                example=1.0,
            ),
        ],
        explanation=(
            "−ln(e / (e + 25)) = 2.323. No logits give a smaller loss: 1 and 0 are the largest gap that probabilities "
            "can have. So one batch that stays above such a floor gives the fault away."
        ),
    ),
    Exercise(
        name="13.update_to_weight_ratio",
        task=(
            "Write update_to_weight_ratio(before, after): both are lists with one weight matrix a layer; return for "
            "each layer the norm of its update divided by the norm of its weights before the step, as a list."
        ),
        reference=update_to_weight_ratio,
        cases=ratio_cases,
        mistakes=[
            Mistake(
                "You subtracted the two norms. Weights may move far and keep their norm: take the norm of the "
                "difference.",
                _ratios(lambda o, n: (np.linalg.norm(n) - np.linalg.norm(o)) / np.linalg.norm(o)),
            ),
            Mistake(
                "You subtracted the two norms, without sign. Weights may move far and keep their norm: take the norm "
                "of the difference.",
                _ratios(lambda o, n: abs(np.linalg.norm(n) - np.linalg.norm(o)) / np.linalg.norm(o)),
            ),
            Mistake(
                "You divided entry by entry and took the mean. One weight near 0 makes that huge; and a weight of 0 "
                "makes it infinite or NaN.",
                _ratios(lambda o, n: np.mean(np.abs((n - o) / o))),
            ),
            Mistake(
                "The norm of entrywise ratios: you divided entry by entry. One weight near 0 makes that huge; and a "
                "weight of 0 makes it infinite or NaN.",
                _ratios(lambda o, n: np.linalg.norm((n - o) / o)),
            ),
            Mistake(
                "You divided by the weights after the step. Where a step is large, it hides itself that way.",
                _ratios(lambda o, n: np.linalg.norm(n - o) / np.linalg.norm(n)),
            ),
            Mistake(
                "That is the norm of the update alone. Whether it is large depends on how large the weights are.",
                _ratios(lambda o, n: np.linalg.norm(n - o)),
            ),
            Mistake(
                "That is the norm of the weights after the step over that before. It is near 1 for any step.",
                _ratios(lambda o, n: np.linalg.norm(n) / np.linalg.norm(o)),
            ),
            Mistake(
                "Those are the squares: a root is left out in numerator and denominator.",
                _ratios(lambda o, n: np.sum((n - o) ** 2) / np.sum(o**2)),
            ),
            Mistake(
                "You added the entries with their signs, so that they cancel. A norm squares them first.",
                _ratios(lambda o, n: np.sum(n - o) / np.sum(o)),
            ),
            Mistake(
                "You compared the sums of the absolute values. That is another norm; here the root of the sum of "
                "squares is meant.",
                _norm_over_norm(lambda W: np.sum(np.abs(W))),
            ),
            Mistake(
                "You compared the largest entries. One of them says little about a layer: take the root of the sum of "
                "squares.",
                _norm_over_norm(lambda W: np.max(np.abs(W))),
            ),
            Mistake(
                "np.linalg.norm(…, 2) of a matrix is its largest singular value. Leave the 2 out.",
                _norm_over_norm(lambda W: np.linalg.norm(W, 2)),
            ),
            Mistake(
                "The standard deviation takes the mean off first. An update that moves all weights alike would count "
                "as none.",
                _norm_over_norm(np.std),
            ),
            Mistake(
                "You divided by the weights of all layers. A layer that stands still, or runs off, shows by its own "
                "ratio.",
                _by_all_weights,
            ),
            Mistake(
                "All layers are thrown into one. The faults that this ratio shows sit in single layers.",
                _one_ratio,
            ),
            Mistake(
                "You gave the logarithm to base 10, as it is often plotted. Here the ratio itself is asked for.",
                _ratios(lambda o, n: np.log10(np.linalg.norm(n - o) / np.linalg.norm(o))),
            ),
        ],
        explanation=(
            "It has no unit: multiply the layer's weights and updates by ten, and it stays. So layers can be compared."
        ),
    ),
    Exercise(
        name="13.dead_share",
        task=(
            "Write dead_share(activations): a row a sample, a column a unit; return the share of the units that are 0 "
            "for every sample."
        ),
        reference=dead_share,
        cases=dead_cases,
        mistakes=[
            Mistake(
                "That is the share of zeros among all entries. About half of them are 0 in a healthy ReLU layer: a "
                "dead unit has nothing else.",
                lambda activations: np.mean(activations == 0),
            ),
            Mistake(
                "Those are the samples for which all units are 0. A unit is a column.",
                lambda activations: np.mean(np.all(activations == 0, axis=1)),
            ),
            Mistake(
                "One sample with 0 is enough for you. A unit is dead if it is 0 for every sample.",
                lambda activations: np.mean(np.any(activations == 0, axis=0)),
            ),
            Mistake(
                "Those are the units that live, at least once.",
                lambda activations: np.mean(np.any(activations != 0, axis=0)),
            ),
            Mistake(
                "Those are the units that are never 0. A dead one is 0 each time.",
                lambda activations: np.mean(np.all(activations != 0, axis=0)),
            ),
            Mistake(
                "That is how many there are. Divide by the number of units.",
                lambda activations: np.sum(np.all(activations == 0, axis=0)),
            ),
            Mistake(
                "You divided by the number of samples. It is a share of the units.",
                lambda activations: np.sum(np.all(activations == 0, axis=0)) / len(activations),
            ),
            Mistake(
                "You tested the sum, or the mean. Units of tanh can be positive and negative, and cancel.",
                lambda activations: np.mean(np.sum(activations, axis=0) == 0),
            ),
            Mistake(
                "A unit that gives the same number for every sample has no spread, but is not 0.",
                lambda activations: np.mean(np.std(activations, axis=0) == 0),
            ),
            Mistake(
                "You count negative units as dead. After a ReLU there are none; a leaky ReLU, or tanh, lives below 0.",
                lambda activations: np.mean(np.all(activations <= 0, axis=0)),
            ),
            Mistake(
                "You ask whether a unit's mean is above 0. Units of tanh can lie below 0, or be positive and negative.",
                lambda activations: np.mean(np.mean(activations, axis=0) <= 0),
            ),
            Mistake(
                "You count what is nearly 0 as well. A ReLU with a tiny output has a slope, and learns.",
                lambda activations: np.mean(np.all(np.abs(activations) < 1e-6, axis=0)),
            ),
            Mistake(
                "You looked at the first sample alone. Another one may wake the unit up.",
                lambda activations: np.mean(activations[0] == 0),
            ),
            Mistake(
                "That is in percent. A share lies between 0 and 1.",
                lambda activations: 100 * np.mean(np.all(activations == 0, axis=0)),
            ),
        ],
        explanation=(
            "A ReLU at 0 has the slope 0. Where that holds for every sample, they give the unit's weights no gradient."
        ),
    ),
    Exercise(
        name="13.lost_update",
        task=(
            "A weight of 3 is kept in float16, ten bits after the leading one, and each sum is rounded to the nearest "
            "number that exists. Predict how large an update must be at least to move it: replace None by your number "
            "(3 % more or less does not matter)."
        ),
        reference=_lost_update,
        rtol=0.03,
        mistakes=[
            Mistake(
                "That is the distance to the next number. A sum is rounded to the nearest one, so half the distance "
                "is enough.",
                _about(2.0**-9, 0.03),
                example=2.0**-9,
            ),
            Mistake(
                "That is right for a weight between 1 and 2. Between 2 and 4 the numbers lie twice as far apart.",
                _about(2.0**-11, 0.03),
                example=2.0**-11,
            ),
            Mistake(
                "You halved once too often, or took the numbers below 1. How far apart are they between 2 and 4?",
                _about(2.0**-12, 0.03),
                example=2.0**-12,
            ),
            Mistake(
                "Three times 2⁻¹⁰: the distance does not grow in proportion to the weight, it doubles at 2, at 4, at "
                "8; and half of it is enough.",
                _about(3 * 2.0**-10, 0.03),
                example=3 * 2.0**-10,
            ),
            Mistake(
                "Three times 2⁻¹¹: the distance does not grow in proportion to the weight, it doubles at 2, at 4, at "
                "8.",
                _about(3 * 2.0**-11, 0.03),
                example=3 * 2.0**-11,
            ),
            Mistake(
                "That is for bfloat16, which has seven bits after the leading one. float16 has ten.",
                _about(2.0**-7, 0.03),
                example=2.0**-7,
            ),
            Mistake(
                "That is the smallest number that float16 has beside 0. It is near 0, and 3 is not.",
                lambda answer: 0 < float(answer) < 1e-4,
                example=6e-8,
            ),
            Mistake(
                "With a leading one and ten bits the numbers between 2 and 4 are 2/1024 apart, not 2/10 or so.",
                lambda answer: float(answer) > 0.05,
                example=0.1,
            ),
        ],
        explanation=(
            "Between 2 and 4 float16 has 1,024 steps of 2⁻⁹; half of one is 2⁻¹⁰ = 0.00098. An update of 0.0005 leaves "
            "this weight where it is, and so do a thousand of them, one after the other."
        ),
    ),
    Exercise(
        name="13.share_unchanged",
        task=(
            "Write share_unchanged(before, after): both are lists of arrays, one for each W and b; return the share of "
            "all entries that are the same after the step, to the last bit."
        ),
        reference=share_unchanged,
        cases=unchanged_cases,
        mistakes=[
            Mistake(
                "You took the mean of the arrays' shares. A bias of ten entries then weighs as much as a matrix of "
                "thousands: count entries.",
                lambda before, after: np.mean([np.mean(o == n) for o, n in zip(before, after, strict=True)]),
            ),
            Mistake(
                "That is the share that did change.",
                _unchanged_by(lambda o, n: o != n),
            ),
            Mistake(
                "np.isclose calls entries the same that moved a little. At a small rate all of them do.",
                _unchanged_by(np.isclose),
            ),
            Mistake(
                "That is how many there are. Divide by the number of all entries.",
                _unchanged_by(_equal, lambda same: sum(np.sum(s) for s in same)),
            ),
            Mistake(
                "You looked at the first array alone.",
                _unchanged_by(_equal, lambda same: np.mean(same[0])),
            ),
            Mistake(
                "You looked at the last array alone.",
                _unchanged_by(_equal, lambda same: np.mean(same[-1])),
            ),
            Mistake(
                "That is the share of the arrays in which nothing changed. One entry that moves hides all the others.",
                _unchanged_by(_equal, lambda same: np.mean([np.all(s) for s in same])),
            ),
            Mistake(
                "That is a share for each array. One number is asked for, over the entries of all.",
                _unchanged_by(_equal, lambda same: [np.mean(s) for s in same]),
            ),
            Mistake(
                "You divided by the number of arrays. It is a share of the entries.",
                _unchanged_by(_equal, lambda same: sum(np.sum(s) for s in same) / len(same)),
            ),
            Mistake(
                "You compared magnitudes. A weight that changes its sign has moved.",
                _unchanged_by(lambda o, n: np.abs(o) == np.abs(n)),
            ),
            Mistake(
                "That is in percent. A share lies between 0 and 1.",
                _unchanged_by(_equal, lambda same: 100 * np.mean(np.concatenate(same))),
            ),
        ],
        explanation=(
            "Entries stand still where the gradient is 0 (dead units, pixels that are dark in every image), where "
            "something is frozen, and where an update is lost to rounding."
        ),
    ),
    Exercise(
        name="13.unused_settings",
        task=(
            "Write unused_settings(run, settings, factor): run(settings) returns an array of losses. Multiply one "
            "setting at a time by factor (one that is 0 becomes factor), and return the names, in their order, of "
            "those with which the losses stay exactly the same."
        ),
        reference=unused_settings,
        cases=setting_cases,
        describe_case=_describe_settings,
        mistakes=[
            Mistake(
                "Those are the settings that are used. Asked for are those that change nothing.",
                _unused_by(listed=lambda is_same: not is_same),
            ),
            Mistake(
                "A changed setting stays changed when the next one's turn comes. Then two things differ from the "
                "first run, and you cannot say which it was.",
                _all_stay_changed,
            ),
            Mistake(
                "Each change stays, and you compare with the run before. A setting can matter at the new values and "
                "not at the ones that you train with: start from `settings` each time.",
                _against_the_last,
            ),
            Mistake(
                "0 times anything is 0: a setting of 0 looks unused, whether it is or not.",
                _unused_by(new=lambda value, factor: factor * value),
            ),
            Mistake(
                "You put factor in the setting's place. Where it is factor already, nothing changes.",
                _unused_by(new=lambda value, factor: factor),
            ),
            Mistake(
                "You added factor. Multiply: settings are of very different sizes.",
                _unused_by(new=lambda value, factor: value + factor),
            ),
            Mistake(
                "You divided by factor. A setting may matter in one direction only: go the way that the task says.",
                _unused_by(new=lambda value, factor: value / factor if value else factor),
            ),
            Mistake(
                "You always multiply by 10. How far to go is told by factor.",
                _unused_by(new=lambda value, factor: 10 * value if value else factor),
            ),
            Mistake(
                "A setting of 0 is left out. It becomes factor, and is tested like the others.",
                lambda run, settings, factor: unused_settings(
                    run, {name: value for name, value in settings.items() if value}, factor
                ),
            ),
            Mistake(
                "Only the last loss is compared. A setting may act at the beginning, or cancel out by the end.",
                _unused_by(same=lambda a, b: a[-1] == b[-1]),
            ),
            Mistake(
                "Only the first loss is compared. A setting may act later.",
                _unused_by(same=lambda a, b: a[0] == b[0]),
            ),
            Mistake(
                "You compared the sum or the mean of the losses. What one gains another may lose.",
                _unused_by(same=lambda a, b: np.isclose(np.sum(a), np.sum(b), rtol=1e-15)),
            ),
            Mistake(
                "np.allclose calls losses the same that differ a little. A run with the same seed repeats exactly, so "
                "any difference shows that the setting is read.",
                _unused_by(same=np.allclose),
            ),
            Mistake(
                "One loss that stays is enough for you. Unused means that all of them stay.",
                _unused_by(same=lambda a, b: np.any(a == b)),
            ),
            Mistake(
                "You stopped at the first one. There may be more.",
                _unused_by(result=lambda names: names[:1]),
            ),
            Mistake(
                "You ran with the old settings: the changed copy never gets into run, so nothing ever differs.",
                _never_changed,
            ),
        ],
        explanation=(
            "A setting on this list may be printed and never read, be a bound that is not met, or cancel out. Until it "
            "changes something, tuning it is time lost."
        ),
    ),
    Exercise(
        name="13.relative_errors",
        task=(
            "Write relative_errors(loss, layers, gradients, h): for each layer estimate the gradient ĝ of "
            "loss(layers) by central differences with step h, and return a list of ‖g − ĝ‖ / max(‖g‖, ‖ĝ‖), or 0 "
            "where both are 0. Leave layers as they were."
        ),
        reference=relative_errors,
        cases=error_cases,
        describe_case=_describe_errors,
        mistakes=[
            Mistake(
                "You took forward differences. Their error falls with h, that of central ones with h²: here it shows.",
                _errors_with(estimate=lambda at, h: (at(h) - at(0)) / h),
            ),
            Mistake(
                "You took backward differences. Their error falls with h, that of central ones with h²: here it shows.",
                _errors_with(estimate=lambda at, h: (at(0) - at(-h)) / h),
            ),
            Mistake(
                "From −h to +h is a way of 2h. Divided by h, each slope is twice what it is.",
                _errors_with(estimate=lambda at, h: (at(h) - at(-h)) / h),
            ),
            Mistake(
                "You went half a step to either side. Here each side is h long.",
                _errors_with(estimate=lambda at, h: (at(h / 2) - at(-h / 2)) / h),
            ),
            Mistake(
                "The difference is not divided by 2h, so it is no slope yet.",
                _errors_with(estimate=lambda at, h: at(h) - at(-h)),
            ),
            Mistake(
                "You took the loss at −h minus that at +h: now every right gradient seems to have the wrong sign.",
                _errors_with(estimate=lambda at, h: (at(-h) - at(h)) / (2 * h)),
            ),
            Mistake(
                "That is the absolute error. Whether 0.01 is much depends on the size of the gradient.",
                _errors_with(scale=lambda n, g: 1.0),
            ),
            Mistake(
                "You divided by the norm of the given gradient alone. A gradient of 0 that should not be 0 makes that "
                "infinite.",
                _errors_with(scale=lambda n, g: np.linalg.norm(g)),
            ),
            Mistake(
                "The norm of the estimate alone is no safe divisor. Take the larger of the two: then no error is above "
                "2.",
                _errors_with(scale=lambda n, g: np.linalg.norm(n)),
            ),
            Mistake(
                "You divided by the sum of both norms. That is common, too, but a wrong sign then gives 1; here the "
                "larger norm is asked for.",
                _errors_with(scale=lambda n, g: np.linalg.norm(n) + np.linalg.norm(g)),
            ),
            Mistake(
                "You divided by the smaller of the two norms. Take the larger one.",
                _errors_with(scale=lambda n, g: min(np.linalg.norm(n), np.linalg.norm(g))),
            ),
            Mistake(
                "You subtracted the two norms. A gradient with the wrong sign has the same norm, and passes.",
                _errors_with(distance=lambda n, g: abs(np.linalg.norm(n) - np.linalg.norm(g))),
            ),
            Mistake(
                "You compared entry by entry and took the mean. An entry near 0 then counts as much as a large one.",
                _errors_with(scale=lambda n, g: 1.0, distance=_entry_by_entry),
            ),
            Mistake(
                "You compared magnitudes, so that a wrong sign does not show at all.",
                _errors_with(distance=lambda n, g: np.linalg.norm(np.abs(n) - np.abs(g))),
            ),
            Mistake(
                "An entry that was moved stays where it went, so the next slope is taken at another point: put each "
                "one back.",
                _not_put_back,
            ),
            Mistake(
                "You moved all entries of a layer at once, and gave each the same slope. Move them one by one.",
                _whole_layer_at_once,
            ),
            Mistake(
                "All layers are thrown into one error. It says that something is wrong, and not where.",
                _all_layers_together,
            ),
            Mistake(
                "That is the largest of the layers' errors. It says that something is wrong, and not where.",
                _errors_with(result=max),
            ),
            Mistake(
                "A layer without any effect has 0/0 with yours. Both gradients are 0 there, so they agree: 0.",
                _zero_over_zero,
            ),
        ],
        explanation=(
            "The number tells the fault: 2 is a wrong sign, 1 a gradient that is 0, ½ a factor of 2, 1 − 1/B a sum "
            "over B samples for their mean."
        ),
    ),
    Exercise(
        name="13.clip_at_percentile",
        task=(
            "Write clip_at_percentile(norms, q): norms[t] is the gradient's norm at step t. Return the norms after "
            "clipping, where the limit of a step is the q-th percentile (np.percentile) of all norms up to and with "
            "this one, as they were before clipping."
        ),
        reference=clip_at_percentile,
        cases=clip_cases,
        mistakes=[
            Mistake(
                "You took the percentile of the whole run. At step t nobody knows the norms that come later.",
                _clipped_by(lambda norms, t, q: np.percentile(norms, q)),
            ),
            Mistake(
                "Your limit does not know the norm of this step. It is the last one of those that count.",
                _clipped_by(_before_this),
            ),
            Mistake(
                "You put the clipped norms into the history. Then the limit can hardly rise again: keep them as they "
                "came.",
                _from_what_was_clipped,
            ),
            Mistake(
                "Those are the limits. A norm below its limit stays as it is.",
                _clipped_by(_so_far, lambda norm, limit: limit),
            ),
            Mistake(
                "You raised what is small, and let the large ones through. Clipping bounds from above.",
                _clipped_by(_so_far, max),
            ),
            Mistake(
                "Those are the factors by which the gradients are multiplied. The norms after that are asked for.",
                _clipped_by(_so_far, lambda norm, limit: min(1.0, limit / norm)),
            ),
            Mistake(
                "A norm above the limit became 0, as if its step were left out. Clipping shortens it to the limit.",
                _clipped_by(_so_far, lambda norm, limit: norm if norm <= limit else 0.0),
            ),
            Mistake(
                "You took the percentile 100 − q: q counts from the smallest norms.",
                _clipped_by(lambda norms, t, q: np.percentile(norms[: t + 1], 100 - q)),
            ),
            Mistake(
                "q is in percent, and yours is read as a share: q/100 of a percent is nearly the smallest norm.",
                _clipped_by(lambda norms, t, q: np.percentile(norms[: t + 1], q / 100)),
            ),
            Mistake(
                "You took q percent of the largest norm so far. A percentile counts norms: q percent of them lie "
                "below it, however large the largest is.",
                _clipped_by(lambda norms, t, q: q / 100 * np.max(norms[: t + 1])),
            ),
            Mistake(
                "You took the mean for the limit: q is not used, and one burst moves it far.",
                _clipped_by(lambda norms, t, q: np.mean(norms[: t + 1])),
            ),
            Mistake(
                "You took the median for the limit, whatever q is.",
                _clipped_by(lambda norms, t, q: np.median(norms[: t + 1])),
            ),
            Mistake(
                "You sorted, and took an entry without interpolating. np.percentile goes on between two of them.",
                _clipped_by(lambda norms, t, q: np.percentile(norms[: t + 1], q, method="lower")),
            ),
            Mistake(
                "Your history begins at the second step. The first one counts as well.",
                _clipped_by(lambda norms, t, q: np.percentile(norms[min(1, t) : t + 1], q)),
            ),
        ],
        explanation=(
            "The limit follows the run: no number has to be found anew for each network, only how often to clip."
        ),
    ),
    Exercise(
        name="13.three_variances",
        task=(
            "Write three_variances(results): results[d, s, r] is run r of study s on data set d; each data set has its "
            "own studies, each study its own runs. Return the variances (run, study, data), from sums of squares "
            "divided by n − 1, and 0 where an estimate falls below 0."
        ),
        reference=three_variances,
        cases=variance_cases,
        mistakes=[
            Mistake(
                "The means of studies differ also because their runs do: with R runs by a share run/R, which has to "
                "be subtracted. Likewise for the data sets.",
                _split(study=lambda between, run, R: between, data=lambda between, below, run, S, R: between),
            ),
            Mistake(
                "The study's variance is right. The means of data sets differ also because their studies do: subtract "
                "the variance between studies, divided by their number.",
                _split(data=lambda between, below, run, S, R: between),
            ),
            Mistake(
                "From the data you took the variance of a study alone, divided by S. The runs shine through, too: "
                "what is divided by S is all the variance between the studies' means.",
                _split(data=lambda between, below, run, S, R: between - max(below - run / R, 0.0) / S),
            ),
            Mistake(
                "From the data you subtracted the runs' share alone. Their studies differ as well.",
                _split(data=lambda between, below, run, S, R: between - run / (S * R)),
            ),
            Mistake(
                "You subtracted the whole variance below. A mean over R runs has only run/R of it.",
                _split(
                    study=lambda between, run, R: between - run,
                    data=lambda between, below, run, S, R: between - below,
                ),
            ),
            Mistake(
                "You divided by n where n − 1 is due (ddof=1): with two or three values that is far too small.",
                _split(ddof=0),
            ),
            Mistake(
                "An estimate below 0 means that nothing is left: return 0 there, as no variance is negative.",
                _split(cut=lambda x: x),
            ),
            Mistake(
                "A negative estimate lost its sign. It means that nothing is left: return 0 there.",
                _split(cut=abs),
            ),
            Mistake(
                "The right numbers in the opposite order: run first, data last.",
                _split(result=lambda run, study, data: (data, study, run)),
            ),
            Mistake(
                "You treat study 1 of every data set as the same study. Here the numbers are mere names: take the "
                "variance within each data set, then the mean.",
                _crossed,
            ),
            Mistake(
                "Run is right. For the others you threw all runs below into one variance: work with means, of each "
                "study and of each data set.",
                _pooled,
            ),
            Mistake(
                "Those are standard deviations. Variances add, and can be split; deviations cannot.",
                _split(result=lambda *three: tuple(np.sqrt(three))),
            ),
            Mistake(
                "You worked with standard deviations throughout. Variances add, deviations do not.",
                _split(spread=np.std),
            ),
            Mistake(
                "Those are shares of the total. The variances themselves are asked for.",
                _split(result=lambda *three: tuple(np.array(three) / np.sum(three))),
            ),
        ],
        explanation=(
            "In the mean of all results, more runs a study make the first one's part smaller, more studies that of the "
            "first two; the third one's shrinks with more data sets alone."
        ),
    ),
]
