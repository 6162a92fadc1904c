"""Exercises of chapter 11: model compression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.course.exercises import Exercise, Mistake


def _about(value: float, tolerance: float = 0.003) -> Callable[[Any], bool]:
    """Tell whether an answer is this number, to three per thousand."""
    return lambda answer: bool(abs(float(answer) / value - 1) < tolerance)


# -- 11.csr_saving ---------------------------------------------------------------------------------------------------


def _csr_saving() -> float:
    dense = 784 * 64 * 4
    values, columns, pointers = 5018 * 4, 5018 * 4, (784 + 1) * 4
    return 100 * (1 - (values + columns + pointers) / dense)


# -- 11.keep_largest -------------------------------------------------------------------------------------------------


def keep_largest(weights: np.ndarray, sparsity: float) -> np.ndarray:
    gone = round(sparsity * weights.size)
    from_the_smallest = np.argsort(np.abs(weights).ravel())
    kept = np.ones(weights.size, dtype=bool)
    kept[from_the_smallest[:gone]] = False
    return kept.reshape(weights.shape)


def keep_cases() -> list[tuple]:
    """One to do by hand; 3.36, 7.2 and 17.6 entries, so that rounding goes down and up; where nothing goes."""
    generator = np.random.default_rng(110)
    return [
        (np.array([[0.3, -2.0, 0.9], [-0.1, 0.5, -0.7]]), 0.5),
        (generator.normal(size=(4, 3)), 0.28),
        (generator.normal(size=(3, 6)), 0.4),
        (generator.normal(size=(5, 4)), 0.88),
        (generator.normal(size=(2, 3)), 0.0),
    ]


def _kept_by(
    *,
    size=np.abs,
    count=lambda sparsity, n: round(sparsity * n),
    chosen=lambda order, gone: order[:gone],
    result=lambda kept, weights: kept,
):
    """A wrong mask: by what entries are sorted, how many go, which ones, what is returned."""

    def mask(weights, sparsity):
        order = np.argsort(size(weights).ravel())
        kept = np.ones(weights.size, dtype=bool)
        kept[chosen(order, count(sparsity, weights.size))] = False
        return result(kept.reshape(weights.shape), weights)

    return mask


def _in_each_column(weights, sparsity):
    return np.stack([keep_largest(column, sparsity) for column in weights.T], axis=1)


def _in_each_row(weights, sparsity):
    return np.stack([keep_largest(row, sparsity) for row in weights])


def _above_the_last_gone(weights, sparsity):
    sizes = np.abs(weights)
    return sizes > np.sort(sizes.ravel())[round(sparsity * weights.size) - 1]


def _from_the_last_gone(weights, sparsity):
    sizes = np.abs(weights)
    return sizes >= np.sort(sizes.ravel())[max(round(sparsity * weights.size) - 1, 0)]


def _above_the_first_kept(weights, sparsity):
    sizes = np.abs(weights)
    return sizes > np.sort(sizes.ravel())[round(sparsity * weights.size)]


# -- 11.round_to_grid ------------------------------------------------------------------------------------------------


def round_to_grid(weights: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    largest = 2 ** (bits - 1) - 1
    scale = np.max(np.abs(weights)) / largest
    return np.round(weights / scale).astype(int), scale


def grid_cases() -> list[tuple]:
    """One to do by hand, whose largest entry is negative; four bits, two, and eight."""
    generator = np.random.default_rng(111)
    return [
        (np.array([0.9, -1.5, 0.2, 1.1]), 3),
        (generator.normal(size=(3, 4)), 4),
        (0.1 * generator.normal(size=(4, 3)), 2),
        (3.0 * generator.normal(size=(2, 5)), 8),
    ]


def _grid_with(
    *,
    largest=lambda bits: 2 ** (bits - 1) - 1,
    size=lambda weights: np.max(np.abs(weights)),
    rounded=np.round,
    returned=lambda codes, scale: (codes, scale),
):
    """A wrong grid: its largest code, the weight that gets it, how it is rounded, what is returned."""

    def grid(weights, bits):
        scale = size(weights) / largest(bits)
        return returned(rounded(weights / scale), scale)

    return grid


def _range_over_levels(weights, bits):
    scale = (np.max(weights) - np.min(weights)) / (2**bits - 1)
    return np.round(weights / scale), scale


def _from_the_smallest(weights, bits):
    scale = (np.max(weights) - np.min(weights)) / (2**bits - 1)
    return np.round((weights - np.min(weights)) / scale), scale


def _half_the_levels(weights, bits):
    """The largest code would be 2^(b−1), and is cut off at 2^(b−1) − 1."""
    largest = 2 ** (bits - 1)
    scale = np.max(np.abs(weights)) / largest
    return np.clip(np.round(weights / scale), 1 - largest, largest - 1), scale


def _upside_down(weights, bits):
    scale = (2 ** (bits - 1) - 1) / np.max(np.abs(weights))
    return np.round(weights * scale), scale


# -- 11.centroid_gradient --------------------------------------------------------------------------------------------


def centroid_gradient(gradient: np.ndarray, codes: np.ndarray, clusters: int) -> np.ndarray:
    return np.array([np.sum(gradient[codes == j]) for j in range(clusters)])


def centroid_cases() -> list[tuple]:
    """One to do by hand; clusters without entries, in between and at the end; one cluster for all."""
    generator = np.random.default_rng(112)
    return [
        (np.array([[0.5, -2.0, 4.0], [1.0, 3.0, -1.5]]), np.array([[0, 1, 0], [2, 0, 1]]), 3),
        (generator.normal(size=(4, 5)), generator.choice([0, 1, 3], size=(4, 5)), 6),
        (generator.normal(size=(6, 3)), generator.integers(4, size=(6, 3)), 4),
        (generator.normal(size=(2, 3)), np.zeros((2, 3), dtype=int), 1),
    ]


def _per_cluster(of):
    """A wrong gradient: another number made of the entries of each cluster."""

    def wrong(gradient, codes, clusters):
        return np.array([of(gradient[codes == j], gradient) for j in range(clusters)])

    return wrong


def _mean_or_nothing(entries, gradient):
    return np.mean(entries) if entries.size else 0.0


def _nan_means(gradient, codes, clusters):
    sizes = np.bincount(codes.ravel(), minlength=clusters)
    with np.errstate(invalid="ignore"):
        return centroid_gradient(gradient, codes, clusters) / sizes


def _last_wins(gradient, codes, clusters):
    by_centroid = np.zeros(clusters)
    by_centroid[codes.ravel()] = gradient.ravel()
    return by_centroid


def _sums_back_in_place(gradient, codes, clusters):
    return centroid_gradient(gradient, codes, clusters)[codes]


def _without_the_empty(gradient, codes, clusters):
    return np.array([np.sum(gradient[codes == j]) for j in np.unique(codes)])


def _up_to_the_largest_code(gradient, codes, clusters):
    return centroid_gradient(gradient, codes, np.max(codes) + 1)


# -- 11.distillation_gradient ----------------------------------------------------------------------------------------


def distillation_gradient(logits: np.ndarray, teacher_logits: np.ndarray, temperature: float) -> np.ndarray:
    p = _softmax(logits / temperature)
    q = _softmax(teacher_logits / temperature)
    return temperature * (p - q) / len(logits)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / np.sum(powers, axis=1, keepdims=True)


def distillation_cases() -> list[tuple]:
    """Two samples, whose softened logits are 0 and ln 2, ln 3; then other sizes and temperatures, one below 1."""
    generator = np.random.default_rng(113)
    small = 2 * np.log([[1.0, 2.0], [3.0, 1.0]]), 2 * np.log([[3.0, 1.0], [3.0, 2.0]])
    return [
        (*small, 2.0),
        (2 * generator.normal(size=(3, 4)), 3 * generator.normal(size=(3, 4)), 5.0),
        (generator.normal(size=(4, 3)), 2 * generator.normal(size=(4, 3)), 0.5),
        (generator.normal(size=(1, 5)), 2 * generator.normal(size=(1, 5)), 3.0),
    ]


def _distilled(
    *,
    student=lambda z, T: _softmax(z / T),
    teacher=lambda v, T: _softmax(v / T),
    difference=lambda p, q: p - q,
    factor=lambda T: T,
    count=len,
):
    """A wrong gradient: either softmax, what is made of the two, its factor, by what it is divided."""

    def gradient(logits, teacher_logits, temperature):
        p, q = student(logits, temperature), teacher(teacher_logits, temperature)
        return factor(temperature) * difference(p, q) / count(logits)

    return gradient


def _one_hot(v, T):
    return np.eye(v.shape[1])[np.argmax(v, axis=1)]


def _over_samples(logits, T):
    return _softmax((logits / T).T).T


def _over_everything(logits, T):
    return np.exp(logits / T) / np.sum(np.exp(logits / T))


# -- 11.delete_weight ------------------------------------------------------------------------------------------------


def delete_weight(theta: np.ndarray, hessian_inverse: np.ndarray, q: int) -> tuple[np.ndarray, float]:
    multiplier = theta[q] / hessian_inverse[q, q]
    return theta - multiplier * hessian_inverse[:, q], multiplier * theta[q] / 2


def delete_cases() -> list[tuple]:
    """One to do by hand; the first, one in between and the last of more weights."""
    generator = np.random.default_rng(114)

    def inverse(d: int) -> np.ndarray:
        a = generator.normal(size=(d, d + 2))
        return np.round(a @ a.T / d, 2)

    return [
        (np.array([1.0, -2.0]), np.array([[0.5, 0.2], [0.2, 0.4]]), 1),
        (generator.normal(size=4), inverse(4), 0),
        (generator.normal(size=5), inverse(5), 2),
        (generator.normal(size=3), inverse(3), 2),
    ]


def _deleted_with(
    *,
    inverse=lambda given: given,
    moved=lambda theta, G, q: theta - theta[q] / G[q, q] * G[:, q],
    cost=lambda theta, G, q: theta[q] ** 2 / (2 * G[q, q]),
):
    """A wrong deletion: what is taken for H⁻¹, where the weights go, what it costs."""

    def delete(theta, hessian_inverse, q):
        G = inverse(hessian_inverse)
        return moved(theta, G, q), cost(theta, G, q)

    return delete


def _only_this_one(theta, G, q):
    return np.where(np.arange(len(theta)) == q, 0.0, theta)


def _diagonal_cost(theta, G, q):
    """The saliency of Optimal Brain Damage: ½ H_qq θ_q²."""
    return np.linalg.inv(G)[q, q] * theta[q] ** 2 / 2


def _others_moved_by(step):
    """Where the weights go if the others move by a wrong step, and θ_q is 0."""
    return lambda theta, G, q: _only_this_one(theta - step(theta, G, q), G, q)


# -- 11.gaps ---------------------------------------------------------------------------------------------------------


def gaps(positions: np.ndarray, longest: int) -> list[int]:
    found = []
    before = -1
    for position in positions:
        while position - before > longest:
            found.append(longest)
            before += longest
        found.append(position - before)
        before = position
    return found


def gap_cases() -> list[tuple]:
    """One to do by hand; distances of exactly the longest, of twice and of just over it; none; many."""
    generator = np.random.default_rng(115)
    return [
        (np.array([1, 4, 15]), 8),
        (np.array([0, 1, 5, 18, 26]), 4),
        (np.array([8, 24, 41]), 8),
        (np.array([], dtype=int), 4),
        (np.sort(generator.choice(200, size=14, replace=False)), 16),
    ]


def _gaps_with(
    *,
    start=-1,
    too_far=lambda distance, longest: distance > longest,
    filler=lambda longest: longest,
    step=lambda longest: longest,
    most=10_000,
    real=lambda gap: gap,
    last=lambda fillers, real: [*fillers, real],
):
    """Wrong gaps: where they start, when a filler is due, what it is, how many, and in which order they come."""

    def wrong(positions, longest):
        found, before = [], start
        for position in positions:
            fillers: list[int] = []
            while too_far(position - before, longest) and len(fillers) < most:
                fillers.append(filler(longest))
                before += step(longest)
            found += last(fillers, real(int(position - before)))
            before = position
        return found

    return wrong


def _fillers_and_the_whole_way(positions, longest):
    found, before = [], -1
    for position in positions:
        distance = int(position - before)
        found += [longest] * ((distance - 1) // longest) + [distance]
        before = position
    return found


def _from_the_start_each_time(positions, longest):
    return [gap for position in positions for gap in gaps(np.array([position]), longest)]


# -- the exercises ---------------------------------------------------------------------------------------------------


EXERCISES = [
    Exercise(
        name="11.csr_saving",
        task=(
            "A matrix of 784 × 64 float32 has 5,018 entries that are not zero, a tenth. Predict how many percent of "
            "the dense matrix's bytes CSR saves, with 4-byte column numbers and row pointers: replace None by your "
            "number."
        ),
        reference=_csr_saving,
        atol=0.5,
        mistakes=[
            Mistake(
                "Nine tenths of the values are saved. But a value alone does not say where it belongs: each has a "
                "column number, too.",
                lambda answer: abs(float(answer) - 90) < 0.3,
                example=90,
            ),
            Mistake(
                "Nearly: you have values and column numbers. The row pointers are left out, or there are too few of "
                "them: one for each of the 784 rows, and one more.",
                lambda answer: abs(float(answer) - 79.95) < 0.3,
                example=80,
            ),
            Mistake(
                "That is with the values and the row pointers. The column numbers, one for each value, are left out.",
                lambda answer: abs(float(answer) - 88.43) < 0.3,
                example=88.4,
            ),
            Mistake(
                "With a row number for each value, as well as a column number, 70 % would be saved (that is called "
                "COO). In CSR a row has one pointer, however many values.",
                lambda answer: abs(float(answer) - 70) < 0.3,
                example=70,
            ),
            Mistake(
                "With both a row number for each value and the row pointers something is stored twice: CSR has the "
                "pointers instead.",
                lambda answer: abs(float(answer) - 68.43) < 0.3,
                example=68.43,
            ),
            Mistake(
                "You gave the row pointers 8 bytes, or counted two a row. Here they have 4, and where a row ends the "
                "next begins.",
                lambda answer: abs(float(answer) - 76.87) < 0.3,
                example=76.87,
            ),
            Mistake(
                "That is the share that is left. How much is saved?",
                lambda answer: abs(float(answer) - 21.57) < 0.5,
                example=21.57,
            ),
            Mistake(
                "That would be a share between 0 and 1. Give it in percent.",
                lambda answer: 0 < float(answer) < 1,
                example=0.784,
            ),
            Mistake(
                "You counted one byte for a column number. 64 columns would fit into it, but here each number has 4.",
                lambda answer: abs(float(answer) - 85.93) < 0.3,
                example=85.93,
            ),
            Mistake(
                "That is how many bytes CSR needs. Which part of the dense matrix's 200,704 is saved?",
                43_284,
            ),
            Mistake(
                "Those are the bytes that are saved. Give them as percent of the dense matrix's 200,704.",
                157_420,
            ),
        ],
        explanation=(
            "5,018 · (4 + 4) + 785 · 4 = 43,284 of 200,704 bytes: 78.4 % saved. Each value that is kept costs twice."
        ),
    ),
    Exercise(
        name="11.keep_largest",
        task=(
            "Write keep_largest(weights, sparsity): return a mask, True for the entries that stay: the share sparsity "
            "of all entries, rounded to a whole number of them, goes, those with the smallest magnitudes."
        ),
        reference=keep_largest,
        cases=keep_cases,
        mistakes=[
            Mistake(
                "You sorted by value, so large negative weights go first. What a weight does to a sum depends on its "
                "magnitude.",
                _kept_by(size=np.asarray),
            ),
            Mistake(
                "The largest go and the smallest stay: the other way round.",
                _kept_by(chosen=lambda order, gone: order[len(order) - gone :]),
            ),
            Mistake(
                "The mask is inverted: True should stand where a weight stays, yours where it goes.",
                _kept_by(result=lambda kept, weights: ~kept),
            ),
            Mistake(
                "You kept the share `sparsity`. It is the share that goes: at 0.9 a tenth stays.",
                _kept_by(count=lambda sparsity, n: n - round(sparsity * n)),
            ),
            Mistake(
                "You took the share of the largest magnitude for a threshold. How many lie below it depends on how the "
                "weights are distributed: count entries.",
                lambda weights, sparsity: np.abs(weights) > sparsity * np.max(np.abs(weights)),
            ),
            Mistake(
                "You compared the magnitudes with `sparsity` itself. It is a share of the entries, not a size.",
                lambda weights, sparsity: np.abs(weights) > sparsity,
            ),
            Mistake(
                "You took the share of the mean magnitude for a threshold. Count entries: `sparsity` of them go.",
                lambda weights, sparsity: np.abs(weights) > sparsity * np.mean(np.abs(weights)),
            ),
            Mistake(
                "Each column loses its share. Here all entries of the matrix compete with each other, so a column may "
                "lose more than another.",
                _in_each_column,
            ),
            Mistake(
                "Each row loses its share. Here all entries of the matrix compete with each other, so a row may lose "
                "more than another.",
                _in_each_row,
            ),
            Mistake(
                "The number of entries that go is cut off. Round it to the nearest whole number: 17.6 is 18.",
                _kept_by(count=lambda sparsity, n: int(sparsity * n)),
            ),
            Mistake(
                "The number that goes is rounded up, or the number that stays is cut off. Round it to the nearest: 3.4 "
                "is 3.",
                _kept_by(count=lambda sparsity, n: int(np.ceil(sparsity * n))),
            ),
            Mistake(
                "np.quantile interpolates between two entries, so that sometimes one too many goes or stays. Count "
                "the entries, and sort.",
                lambda weights, sparsity: np.abs(weights) >= np.quantile(np.abs(weights), sparsity),
            ),
            Mistake(
                "np.quantile interpolates between two entries, and an entry on the threshold goes with yours: even at "
                "sparsity 0 one does.",
                lambda weights, sparsity: np.abs(weights) > np.quantile(np.abs(weights), sparsity),
            ),
            Mistake(
                "Right but at sparsity 0: there nothing goes, so there is no last one that goes. Index −1 is the "
                "largest.",
                _above_the_last_gone,
            ),
            Mistake(
                "One too few goes: the largest of those that should go is still there.",
                _from_the_last_gone,
            ),
            Mistake(
                "One too many goes: the threshold is the smallest that should stay, and with > it goes, too.",
                _above_the_first_kept,
            ),
            Mistake(
                "Those are the weights themselves, with zeros in them. The mask is asked for: True where one stays.",
                _kept_by(result=lambda kept, weights: weights * kept),
            ),
            Mistake(
                "Those are 1 and 0 where True and False are asked for. As an index, weights[mask], whole numbers pick "
                "rows 0 and 1: compare, or use dtype=bool.",
                _kept_by(result=lambda kept, weights: kept.astype(int)),
            ),
            Mistake(
                "Those are the places of the entries that stay. A mask has the shape of the weights, and True at these "
                "places.",
                lambda weights, sparsity: np.argsort(np.abs(weights).ravel())[round(sparsity * weights.size) :],
            ),
            Mistake(
                "Those are the values that stay. A mask has the shape of the weights, and True where one stays.",
                lambda weights, sparsity: weights[keep_largest(weights, sparsity)],
            ),
        ],
        explanation="That is magnitude pruning: one sort. It leaves out how curved the loss is along each weight.",
    ),
    Exercise(
        name="11.round_to_grid",
        task=(
            "Write round_to_grid(weights, bits): return the codes, whole numbers from −L to L with L = 2^(bits − 1) − "
            "1, and the scale, which gives the weight of largest magnitude the code L or −L; scale · codes is as near "
            "to the weights as can be."
        ),
        reference=round_to_grid,
        cases=grid_cases,
        mistakes=[
            Mistake(
                "Your grid reaches from −(2^b − 1) to 2^b − 1: that takes one bit more. One bit is the sign.",
                _grid_with(largest=lambda bits: 2**bits - 1),
            ),
            Mistake(
                "Your largest code is 2^b: with b bits there are 2^b codes in all, for both signs.",
                _grid_with(largest=lambda bits: 2**bits),
            ),
            Mistake(
                "Your largest code is 2^(b − 1). From minus that to plus that there are 2^b + 1 whole numbers, one too "
                "many for b bits.",
                _grid_with(largest=lambda bits: 2 ** (bits - 1)),
            ),
            Mistake(
                "The scale is made for 2^(b − 1) steps, and the largest weights are cut off. Make it so that the "
                "largest magnitude gets the code 2^(b − 1) − 1.",
                _half_the_levels,
            ),
            Mistake(
                "Your largest code is b: the number of bits is an exponent.",
                _grid_with(largest=lambda bits: bits),
            ),
            Mistake(
                "Your largest code is 2^(b − 2): one bit is the sign, so b − 1 are left for the size.",
                _grid_with(largest=lambda bits: 2 ** (bits - 2)),
            ),
            Mistake(
                "Digits are cut off (as by astype(int)): that rounds towards zero, and is wrong by up to a whole "
                "step. To the nearest it is half a step.",
                _grid_with(rounded=np.trunc),
            ),
            Mistake(
                "You rounded down: all weights move to one side, by half a step on average. Round to the nearest.",
                _grid_with(rounded=np.floor),
            ),
            Mistake(
                "You rounded up: all weights move to one side, by half a step on average. Round to the nearest.",
                _grid_with(rounded=np.ceil),
            ),
            Mistake(
                "The scale is made by the largest weight. If the largest magnitude is that of a negative one, its code "
                "lies below −(2^(b − 1) − 1).",
                _grid_with(size=np.max),
            ),
            Mistake(
                "The scale is made by the mean magnitude, so most large weights get codes that do not exist.",
                _grid_with(size=lambda weights: np.mean(np.abs(weights))),
            ),
            Mistake(
                "Each column has a scale of its own. That is often better, and comes later; here all share one.",
                _grid_with(size=lambda weights: np.max(np.abs(weights), axis=0)),
            ),
            Mistake(
                "You spread 2^b levels from the smallest to the largest weight, but without a zero point. Here the "
                "grid is symmetric: the largest magnitude gets the largest code.",
                _range_over_levels,
            ),
            Mistake(
                "You spread the codes 0 … 2^b − 1 from the smallest to the largest weight. That is an affine grid, "
                "which needs a zero point as well; here it is symmetric about 0.",
                _from_the_smallest,
            ),
            Mistake(
                "The first result holds rounded weights. The codes are asked for, whole numbers: what is stored.",
                _grid_with(returned=lambda codes, scale: (codes * scale, scale)),
            ),
            Mistake(
                "Nothing is rounded: codes are whole numbers.",
                _grid_with(rounded=np.asarray),
            ),
            Mistake(
                "Those are rounded weights, scale · codes. The two are asked for apart: only the codes take few bits.",
                _grid_with(returned=lambda codes, scale: codes * scale),
            ),
            Mistake(
                "Your codes begin at 0: unsigned ones, which need L for a zero point. Here they have a sign, and the "
                "weight 0 has the code 0.",
                lambda weights, bits: (
                    round_to_grid(weights, bits)[0] + 2 ** (bits - 1) - 1,
                    round_to_grid(weights, bits)[1],
                ),
            ),
            Mistake(
                "The scale is upside down: it is the weight that one step of the code is worth, so that scale · codes "
                "gives the weights back.",
                _upside_down,
            ),
            Mistake(
                "The codes are magnitudes: the signs are lost.",
                _grid_with(rounded=lambda x: np.round(np.abs(x))),
            ),
            Mistake(
                "Only the codes came. Without the scale nobody can turn them back into weights.",
                _grid_with(returned=lambda codes, scale: codes),
            ),
            Mistake(
                "The second result is the largest magnitude. One step of the code is worth less: divide by the largest "
                "code.",
                lambda weights, bits: (round_to_grid(weights, bits)[0], np.max(np.abs(weights))),
            ),
        ],
        explanation="No weight is off by more than half a step, scale/2; at 2 bits the grid has three levels.",
    ),
    Exercise(
        name="11.centroid_gradient",
        task=(
            "Write centroid_gradient(gradient, codes, clusters): every weight is centroids[its code]; gradient is the "
            "loss's by the weights. Return the loss's gradient by the centroids, one number for each of the clusters."
        ),
        reference=centroid_gradient,
        cases=centroid_cases,
        mistakes=[
            Mistake(
                "You took the mean of each cluster. If a centroid moves by ε, all its weights move by ε, and the "
                "changes of the loss add up. (A cluster without entries gets 0.)",
                _per_cluster(_mean_or_nothing),
            ),
            Mistake(
                "That is the mean of each cluster, and 0/0 where one is empty. If a centroid moves by ε, all its "
                "weights move by ε: the changes of the loss add up.",
                _nan_means,
            ),
            Mistake(
                "One entry of each cluster, the last, has overwritten the others. `out[codes] += gradient` does that: "
                "NumPy adds only once to each place. np.add.at adds them all.",
                _last_wins,
            ),
            Mistake(
                "That is the gradient by the weights, as it came: taking it for the centroids' is straight-through. "
                "The weights of a cluster are one number, which has one gradient.",
                lambda gradient, codes, clusters: gradient,
            ),
            Mistake(
                "The sums are right, but you put them back in the place of each weight. A centroid has one.",
                _sums_back_in_place,
            ),
            Mistake(
                "Clusters without entries are left out, so the numbers no longer stand where their centroids do. They "
                "get 0.",
                _without_the_empty,
            ),
            Mistake(
                "The last clusters are missing where they have no entries: there are `clusters` of them, whatever the "
                "largest code is.",
                _up_to_the_largest_code,
            ),
            Mistake(
                "You divided by the number of all weights. The gradient by the weights is the loss's already: nothing "
                "is left to be averaged.",
                _per_cluster(lambda entries, gradient: np.sum(entries) / gradient.size),
            ),
            Mistake(
                "You divided by the number of rows. They are no samples here: the gradient by the weights is the "
                "loss's already.",
                _per_cluster(lambda entries, gradient: np.sum(entries) / len(gradient)),
            ),
            Mistake(
                "You divided by the root of the cluster's size. The changes of the loss add up as they are.",
                _per_cluster(lambda entries, gradient: np.sum(entries) / np.sqrt(max(entries.size, 1))),
            ),
            Mistake(
                "You multiplied by the size of the cluster after the sum: each entry counts once.",
                _per_cluster(lambda entries, gradient: np.sum(entries) * entries.size),
            ),
            Mistake(
                "Those are the sizes of the clusters. What is added up are the gradients in them.",
                _per_cluster(lambda entries, gradient: float(entries.size)),
            ),
            Mistake(
                "You added up magnitudes. Two weights of a cluster that pull in opposite directions cancel.",
                _per_cluster(lambda entries, gradient: np.sum(np.abs(entries))),
            ),
            Mistake(
                "You added up squares. The loss changes by the sum of the gradients.",
                _per_cluster(lambda entries, gradient: np.sum(entries**2)),
            ),
        ],
        explanation="It is the chain rule: d loss / d centroid = the sum over its weights of d loss / d weight · 1.",
    ),
    Exercise(
        name="11.huffman_bits",
        task=(
            "Five codes have the probabilities 0.4, 0.2, 0.15, 0.15 and 0.1. Predict how many bits a code takes on "
            "average in Huffman's code: replace None by your number."
        ),
        reference=2.2,
        mistakes=[
            Mistake(
                "That is the entropy: no such code takes fewer bits. Huffman's takes a little more, as its words have "
                "whole lengths.",
                lambda answer: abs(float(answer) - 2.1464) < 0.004,
                example=2.1464,
            ),
            Mistake(
                "Rounding −log2 p up gives such a code, but one that wastes: build the tree.",
                2.7,
            ),
            Mistake(
                "Rounding −log2 p to the nearest gives less than the entropy: there is no such code, as some words "
                "would begin with others.",
                2.0,
            ),
            Mistake(
                "If −log2 p is rounded down, that is less than the entropy: there is no such code.",
                1.7,
            ),
            Mistake("Three bits is what five codes need in words of one length.", 3),
            Mistake(
                "log2 5 is the entropy if all five were equally likely. They are not.",
                lambda answer: abs(float(answer) - 2.3219) < 0.004,
                example=2.32,
            ),
            Mistake(
                "That is the mean length of the words. Frequent ones are sent more often: weigh them by their "
                "probabilities.",
                2.6,
            ),
            Mistake(
                "There is such a code, but not Huffman's: one too long branch. Join the two smallest of all that is "
                "left: 0.1 and 0.15 make 0.25, and now 0.15 and 0.2 are the smallest.",
                2.25,
            ),
            Mistake(
                "That is the length of all five words together. What is the mean, weighted by the probabilities?",
                13,
            ),
            Mistake(
                "You left out the last join, to 1: each code has one bit more than that.",
                1.2,
            ),
            Mistake(
                "That is the factor by which it is shorter than 3 bits a code. How many bits are left?",
                lambda answer: abs(float(answer) - 3 / 2.2) < 0.004,
                example=1.364,
            ),
        ],
        explanation=(
            "Joined are 0.1 + 0.15 = 0.25, then 0.15 + 0.2 = 0.35, then 0.25 + 0.35 = 0.6, then 1: together 2.2 bits. "
            "The entropy is 2.146."
        ),
    ),
    Exercise(
        name="11.distillation_gradient",
        task=(
            "Write distillation_gradient(logits, teacher_logits, temperature): return the gradient by the logits of T² "
            "times the mean over samples of the cross-entropy between the teacher's softmax(v/T) and softmax(z/T)."
        ),
        reference=distillation_gradient,
        cases=distillation_cases,
        mistakes=[
            Mistake(
                "The factor T² is missing. Without it the gradient fades as 1/T², and beside the labels' part "
                "little is left of it.",
                _distilled(factor=lambda T: 1 / T),
            ),
            Mistake(
                "The 1/T is missing: the softmax is of z/T, so the chain rule divides by T. The factor T² is "
                "another one.",
                _distilled(factor=lambda T: T**2),
            ),
            Mistake(
                "There is no T before the bracket. The loss has T², and the chain rule through z/T gives 1/T: what is "
                "left?",
                _distilled(factor=lambda T: 1.0),
            ),
            Mistake(
                "You divided by T². The loss is multiplied by T², and one 1/T comes from z/T.",
                _distilled(factor=lambda T: 1 / T**2),
            ),
            Mistake(
                "The factor is T³: the chain rule through z/T divides by T, it does not multiply.",
                _distilled(factor=lambda T: T**3),
            ),
            Mistake(
                "The teacher's softmax has no temperature. Both are softened alike, or the student's logits become T "
                "times as large as the teacher's.",
                _distilled(teacher=lambda v, T: _softmax(v)),
            ),
            Mistake(
                "The student's softmax has no temperature. Both are softened alike.",
                _distilled(student=lambda z, T: _softmax(z)),
            ),
            Mistake(
                "Neither softmax has a temperature: it divides the logits before the softmax.",
                _distilled(student=lambda z, T: _softmax(z), teacher=lambda v, T: _softmax(v)),
            ),
            Mistake(
                "Neither softmax has a temperature, nor is there one before the bracket.",
                _distilled(student=lambda z, T: _softmax(z), teacher=lambda v, T: _softmax(v), factor=lambda T: 1.0),
            ),
            Mistake(
                "The teacher's probabilities are divided by T. What is softened are the logits, before the softmax.",
                _distilled(teacher=lambda v, T: _softmax(v) / T),
            ),
            Mistake(
                "A softmax of probabilities: the teacher's outputs went through one already. Soften its logits.",
                _distilled(teacher=lambda v, T: _softmax(_softmax(v) / T)),
            ),
            Mistake(
                "The logits are multiplied by T, which sharpens them. Divide.",
                _distilled(student=lambda z, T: _softmax(z * T), teacher=lambda v, T: _softmax(v * T)),
            ),
            Mistake(
                "That is the gradient of the sum over samples. The loss is their mean.",
                _distilled(count=lambda z: 1),
            ),
            Mistake(
                "T² is missing, and so is the mean over samples: the loss is T² times the mean.",
                _distilled(count=lambda z: 1, factor=lambda T: 1 / T),
            ),
            Mistake(
                "Both softmaxes are right, and p − q. Missing are the mean over samples, 1/n, and what the two factors "
                "T² and 1/T leave.",
                _distilled(count=lambda z: 1, factor=lambda T: 1.0),
            ),
            Mistake(
                "The 1/T of the chain rule is missing, and the mean over samples is, too.",
                _distilled(count=lambda z: 1, factor=lambda T: T**2),
            ),
            Mistake(
                "One row came, the mean over samples. The gradient has the shape of the logits: each sample's row is "
                "divided by n, none is added to another.",
                lambda z, v, T: np.sum(distillation_gradient(z, v, T), axis=0),
            ),
            Mistake(
                "That is the loss. Its gradient by the logits is asked for.",
                lambda z, v, T: -(T**2) * np.mean(np.sum(_softmax(v / T) * np.log(_softmax(z / T)), axis=1)),
            ),
            Mistake(
                "You averaged over the classes as well: the cross-entropy adds up over these.",
                _distilled(count=np.size),
            ),
            Mistake(
                "You divided by the number of classes. The mean is over samples, the rows.",
                _distilled(count=lambda z: z.shape[1]),
            ),
            Mistake(
                "Teacher minus student goes uphill: the gradient is p − q, as with labels.",
                _distilled(difference=lambda p, q: q - p),
            ),
            Mistake(
                "The teacher's most likely class is taken for a label. What it thinks of the other classes is lost, "
                "and that was the point.",
                _distilled(teacher=_one_hot),
            ),
            Mistake(
                "The difference of the logits is no gradient of this loss. At a high temperature it is nearly "
                "proportional to it, if the rows have mean 0.",
                _distilled(student=lambda z, T: z, teacher=lambda v, T: v),
            ),
            Mistake(
                "The difference of the softened logits, without a softmax: a cross-entropy compares probabilities.",
                _distilled(student=lambda z, T: z / T, teacher=lambda v, T: v / T),
            ),
            Mistake(
                "Your softmax runs over the samples. The probabilities of the classes of one sample, a row, add up to "
                "1.",
                _distilled(student=_over_samples, teacher=_over_samples),
            ),
            Mistake(
                "Your softmax divides by the sum over all entries. The probabilities of each sample, a row, add up to "
                "1: sum along axis 1, with keepdims=True.",
                _distilled(student=_over_everything, teacher=_over_everything),
            ),
            Mistake(
                "That is −q/p, the gradient by the probabilities. The softmax has to be gone through as well.",
                _distilled(difference=lambda p, q: -q / p),
            ),
            Mistake(
                "The teacher's probabilities are missing.",
                _distilled(difference=lambda p, q: p),
            ),
        ],
        explanation=(
            "T² · 1/T · (p − q)/n. For large T, p − q is about the difference of the logits, each less its row's mean, "
            "divided by K T: so the gradient no longer depends on T."
        ),
    ),
    Exercise(
        name="11.delete_weight",
        task=(
            "Write delete_weight(theta, hessian_inverse, q): return the θ with entry q at 0 at which ½ dᵀHd is least, "
            "where d is what θ has changed by, and that least ½ dᵀHd."
        ),
        reference=delete_weight,
        cases=delete_cases,
        mistakes=[
            Mistake(
                "Only θ_q moves, and the cost is ½ H_qq θ_q²: that is Optimal Brain Damage, which takes H to be "
                "diagonal. Here the others may move as well, and make it cheaper.",
                _deleted_with(moved=_only_this_one, cost=_diagonal_cost),
            ),
            Mistake(
                "The cost is right for weights that move, but yours stay: only θ_q is set to 0.",
                _deleted_with(moved=_only_this_one),
            ),
            Mistake(
                "The weights are right, but the cost is ½ H_qq θ_q², as if the others had stayed.",
                _deleted_with(cost=_diagonal_cost),
            ),
            Mistake(
                "What came is H⁻¹ already, and you inverted it: that is H.",
                _deleted_with(inverse=np.linalg.inv),
            ),
            Mistake(
                "1/H_qq is not [H⁻¹]_qq, unless H is diagonal: take the entry of the inverse.",
                lambda theta, G, q: (
                    theta - theta[q] * np.linalg.inv(G)[q, q] * G[:, q],
                    theta[q] ** 2 * np.linalg.inv(G)[q, q] / 2,
                ),
            ),
            Mistake(
                "θ moves the wrong way: θ_q is doubled, and not 0.",
                _deleted_with(moved=lambda theta, G, q: theta + theta[q] / G[q, q] * G[:, q]),
            ),
            Mistake(
                "The others move the wrong way, though θ_q is 0.",
                _deleted_with(moved=_others_moved_by(lambda theta, G, q: -theta[q] / G[q, q] * G[:, q])),
            ),
            Mistake(
                "The column of H⁻¹ is not divided by [H⁻¹]_qq. That is what makes θ_q zero.",
                _deleted_with(moved=lambda theta, G, q: theta - theta[q] * G[:, q]),
            ),
            Mistake(
                "θ_q is 0, but the others move too far or not far enough: their step is divided by [H⁻¹]_qq, too.",
                _deleted_with(moved=_others_moved_by(lambda theta, G, q: theta[q] * G[:, q])),
            ),
            Mistake(
                "θ_q is missing in the step: the larger the weight that goes, the more the others have to make up for.",
                _deleted_with(moved=lambda theta, G, q: theta - G[:, q] / G[q, q]),
            ),
            Mistake(
                "You divided by [H⁻¹]_qq in each entry's own place: by the whole diagonal. One number divides the "
                "column, that of q.",
                _deleted_with(moved=lambda theta, G, q: theta - theta[q] * G[:, q] / np.diag(G)),
            ),
            Mistake(
                "The others move by the column of H. Where they should go says the column of H⁻¹.",
                _deleted_with(
                    moved=lambda theta, G, q: theta - theta[q] * np.linalg.inv(G)[:, q] / np.linalg.inv(G)[q, q]
                ),
            ),
            Mistake(
                "Each weight is multiplied by its entry of the column. It is θ_q that has to be made up for.",
                _deleted_with(moved=lambda theta, G, q: theta - theta * G[:, q] / G[q, q]),
            ),
            Mistake(
                "The ½ is missing in the cost.",
                _deleted_with(cost=lambda theta, G, q: theta[q] ** 2 / G[q, q]),
            ),
            Mistake(
                "The cost is multiplied by [H⁻¹]_qq. It is divided: where H⁻¹ is large the loss is flat.",
                _deleted_with(cost=lambda theta, G, q: theta[q] ** 2 * G[q, q] / 2),
            ),
            Mistake(
                "θ_q in the cost is not squared: then to delete a negative weight would be a gain.",
                _deleted_with(cost=lambda theta, G, q: theta[q] / (2 * G[q, q])),
            ),
            Mistake(
                "That is ½ θ_q², as if H were 1. How much a weight costs depends on H⁻¹: that is the whole method.",
                _deleted_with(cost=lambda theta, G, q: theta[q] ** 2 / 2),
            ),
            Mistake(
                "Only θ came. The cost is asked for as well: by it one finds out which weight to delete.",
                lambda *case: delete_weight(*case)[0],
            ),
            Mistake(
                "The first result is the change d. Return θ after it.",
                _deleted_with(moved=lambda theta, G, q: -theta[q] / G[q, q] * G[:, q]),
                key="the-first-result-is-the-change-δ",
            ),
            Mistake(
                "Entry q is taken out. It is 0, and stays in its place.",
                _deleted_with(moved=lambda theta, G, q: np.delete(theta - theta[q] / G[q, q] * G[:, q], q)),
            ),
        ],
        explanation="For a diagonal H it is Optimal Brain Damage: [H⁻¹]_qq = 1/H_qq, and the others stay.",
    ),
    Exercise(
        name="11.gaps",
        task=(
            "Write gaps(positions, longest): return the distance of each position from the one before, the first from "
            "−1; where it is longer than longest, put fillers first, each a distance longest, and then the rest."
        ),
        reference=gaps,
        cases=gap_cases,
        mistakes=[
            Mistake(
                "The first distance is counted from 0. Then position 0 has the distance 0, which no other has: from −1 "
                "all lie between 1 and `longest`.",
                _gaps_with(start=0),
            ),
            Mistake(
                "The first is missing: nobody knows where to begin. Count it from −1; and what is longer than "
                "`longest` needs fillers.",
                lambda positions, longest: [int(d) for d in np.diff(positions)],
            ),
            Mistake(
                "You left out the first distance: nobody can tell where the list begins. Count it from −1.",
                lambda positions, longest: gaps(positions[1:] - positions[:1] - 1, longest),
            ),
            Mistake(
                "There are no fillers: some distances are longer than `longest`, and do not fit into their bits.",
                lambda positions, longest: [int(d) for d in np.diff(positions, prepend=-1)],
            ),
            Mistake(
                "What is longer than `longest` is cut off, so all that comes later lands in the wrong place.",
                lambda positions, longest: [int(min(d, longest)) for d in np.diff(positions, prepend=-1)],
            ),
            Mistake(
                "There is one filler at most. After it the rest may still be too long.",
                _gaps_with(most=1),
            ),
            Mistake(
                "A distance of exactly `longest` fits, and needs no filler. With yours a rest of 0 follows it.",
                _gaps_with(too_far=lambda distance, longest: distance >= longest),
            ),
            Mistake(
                "Your filler says 0. Its value will be 0; here stands its distance, `longest`.",
                _gaps_with(filler=lambda longest: 0),
            ),
            Mistake(
                "You counted the zeros in between, one less than the distance. A neighbour has the distance 1.",
                _gaps_with(real=lambda gap: gap - 1),
            ),
            Mistake(
                "You counted the zeros in between, in the fillers, too: each is one less than its distance. A "
                "neighbour has the distance 1.",
                _gaps_with(real=lambda gap: gap - 1, filler=lambda longest: longest - 1),
            ),
            Mistake(
                "After the fillers you wrote the whole distance. What they have gone is gone: the rest is left.",
                _fillers_and_the_whole_way,
            ),
            Mistake(
                "The fillers come after the rest. Then the value that belongs to the rest lands too early.",
                _gaps_with(last=lambda fillers, real: [real, *fillers]),
            ),
            Mistake(
                "The fillers are forgotten, though you went past them: only the rests are left.",
                _gaps_with(last=lambda fillers, real: [real]),
            ),
            Mistake(
                "Every position is reached from the start. Count from the position before.",
                _from_the_start_each_time,
            ),
            Mistake(
                "Your fillers go one less far than they could: up to `longest` itself fits.",
                _gaps_with(filler=lambda longest: longest - 1, step=lambda longest: longest - 1),
            ),
            Mistake(
                "Your fillers say `longest` and go one farther, so the rest is one too short.",
                _gaps_with(step=lambda longest: longest + 1, too_far=lambda distance, longest: distance > longest + 1),
            ),
            Mistake(
                "Those are the positions as they came. Each should be told from the one before.",
                lambda positions, longest: [int(p) for p in positions],
            ),
        ],
        explanation=(
            "All gaps lie between 1 and longest, so with longest = 2^b a gap takes b bits (as gap − 1), and a filler "
            "costs one gap and one value, a zero."
        ),
    ),
    Exercise(
        name="11.largest_useful_rank",
        task=(
            "A weight matrix of 300 × 100 is replaced by a product of a 300 × r and an r × 100 matrix. Predict the "
            "largest r at which the two have fewer numbers than the one: replace None by your number."
        ),
        reference=74,
        mistakes=[
            Mistake("At 75 they have exactly as many: 75 · 400 = 30,000. Fewer are asked for.", 75),
            Mistake(
                "You counted the 300 × r matrix alone. The other one has numbers, too.",
                lambda answer: float(answer) in (99, 100),
                example=99,
            ),
            Mistake(
                "Only the r × 100 matrix is counted. The other one has numbers, too; and no 300 × 100 matrix has a "
                "rank above 100.",
                lambda answer: float(answer) in (299, 300),
                example=299,
            ),
            Mistake(
                "Half of the full rank is a guess. Count: both matrices have r numbers for each row or column.",
                lambda answer: float(answer) in (49, 50),
                example=50,
            ),
            Mistake(
                "You counted the singular values as an r × r matrix. They are multiplied into one of the two factors.",
                lambda answer: float(answer) in (63, 64),
                example=64,
            ),
            Mistake(
                "You counted r (300 − 100), or subtracted where you should add.",
                lambda answer: float(answer) in (149, 150),
                example=149,
            ),
            Mistake(
                "You halved it once too often: 300 r + 100 r < 30,000.",
                lambda answer: float(answer) in (37, 37.5, 38),
                example=37,
            ),
            Mistake(
                "At 1 the two surely have fewer, but how far can r grow?",
                1,
            ),
        ],
        explanation=(
            "r (300 + 100) < 30,000 up to r = 74. Three quarters of the full rank save nothing: a low rank has to be "
            "low."
        ),
    ),
]
