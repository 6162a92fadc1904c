"""Optimal brain damage and optimal brain surgeon: what it costs to delete a weight, by the loss's curvature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, check_not_negative, describe
from nnopt_utils.compression._chosen import check_network, chosen_layers
from nnopt_utils.compression.forms import Dense, Form
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP

MOST = 5000  # free parameters: the inverse of a larger matrix takes long, and each copy of it 200 MB


def obd_saliency(theta: Any, hessian: Any) -> np.ndarray:
    r"""Return by how much J rises if a parameter is deleted and the others stay, at a minimum of a quadratic.

    .. math:: \Delta J_q = \tfrac12 H_{qq}\, \theta_q^2

    Args:
        theta: θ, (d,).
        hessian: H, (d, d), or its diagonal, (d,): no more is used.

    Returns:
        One number for each parameter.

    Raises:
        TypeError, ValueError: arrays that do not fit.

    Example:
        >>> obd_saliency([1.0, 0.5], [[2.0, 1.0], [1.0, 4.0]])
        array([1. , 0.5])

    Source: Y. LeCun, J. S. Denker, S. A. Solla, "Optimal brain damage", NIPS 1989.
    """
    point = check_array("theta", theta, ndim=1)
    H = check_array("hessian", hessian)
    if H.shape not in ((point.size,), (point.size, point.size)):
        raise ValueError(f"hessian: got {describe(H)}; expected shape {(point.size, point.size)} or its diagonal")
    curvatures = H if H.ndim == 1 else np.diag(H)
    return np.asarray(curvatures * point**2 / 2)


def obs_saliency(theta: Any, hessian_inverse: Any) -> np.ndarray:
    r"""Return by how much J rises if a parameter is deleted and the others make up for it as well as they can.

    .. math:: \Delta J_q = \frac{\theta_q^2}{2\,[H^{-1}]_{qq}}

    at a minimum of a quadratic. It is at most what :func:`obd_saliency` says.

    Args:
        theta: θ, (d,).
        hessian_inverse: H⁻¹, (d, d), symmetric, with a positive diagonal. Where a diagonal entry is 0, the
            parameter is one that :func:`obs_delete` has deleted: ∞.

    Raises:
        TypeError, ValueError: arrays that do not fit; a negative diagonal.

    Example:
        >>> obs_saliency([1.0, 0.5], np.linalg.inv([[2.0, 1.0], [1.0, 4.0]])).round(4)
        array([0.875 , 0.4375])

    Source: B. Hassibi, D. G. Stork, "Second order derivatives for network pruning: optimal brain surgeon", NIPS 1992.
    """
    point, inverse = _check(theta, hessian_inverse)
    diagonal = np.diag(inverse)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(diagonal > 0, point**2 / (2 * diagonal), np.inf)


def obs_delete(theta: Any, hessian_inverse: Any, q: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return θ after parameter q was deleted and the others moved, and the inverse of what is left of H.

    .. math:: \theta' = \theta - \frac{\theta_q}{[H^{-1}]_{qq}} H^{-1} e_q, \qquad
              C = H^{-1} - \frac{H^{-1} e_q\, e_q^\top H^{-1}}{[H^{-1}]_{qq}}

    Args:
        theta: θ, (d,).
        hessian_inverse: H⁻¹, (d, d), symmetric; or C of the deletion before.
        q: which, from 0; one that is not deleted yet.

    Returns:
        θ′ and C, whose row and column q are zero, and which is else the inverse of H without row and column q: what
        the next deletion takes.

    Raises:
        TypeError, ValueError: arrays that do not fit; no such parameter, or one that is gone.

    Example:
        >>> after, inverse = obs_delete([1.0, 0.5], np.linalg.inv([[2.0, 1.0], [1.0, 4.0]]), q=1)
        >>> after.tolist(), inverse.round(12).tolist()
        ([1.25, 0.0], [[0.5, 0.0], [0.0, 0.0]])

    Source: as :func:`obs_saliency`.
    """
    point, inverse = _check(theta, hessian_inverse)
    check_integer("q", q, low=0, high=point.size - 1)
    column = inverse[:, q].copy()
    if column[q] <= 0:
        raise ValueError(f"q: got {q}, which is deleted; expected a parameter that is left")
    after = point - point[q] / column[q] * column
    rest = inverse - np.outer(column, column) / column[q]
    after[q], rest[q], rest[:, q] = 0, 0, 0
    return after, rest


@dataclass(frozen=True)
class Surgery:
    """What :func:`optimal_brain_surgeon` leaves behind.

    Attributes:
        network: without the deleted weights: masked.
        deleted: their places in θ, in order.
        predicted: by how much the loss should rise, one number a deletion.
        losses: before the first deletion and after each: what it did is ``np.diff(losses)``.

    Example:
        >>> Surgery(CompressedMLP(MLP([2, 1], loss="mse")), [0], np.array([0.1]), np.array([1.0, 1.1])).deleted
        [0]
    """

    network: CompressedMLP
    deleted: list[int]
    predicted: np.ndarray
    losses: np.ndarray


def optimal_brain_surgeon(
    network: MLP,
    data: Any,
    n_delete: int,
    damping: float = 0.1,
    kind: str = "gauss_newton",
    recompute: int | None = None,
    layers: list[int] | None = None,
) -> Surgery:
    """Delete weights of a small, trained network one after the other: each time the cheapest, and the others move.

    The inverse matrix follows the deletions exactly as far as J is quadratic; with ``recompute`` it is computed anew at
    the points that they lead to. Biases move, but are not deleted; each layer keeps at least one weight. All is
    computed in float64.

    Args:
        network: an ``MLP``, or a compressed one whose tensors are dense or masked, of at most 5,000 parameters that are
            free. Entries that are zero by a mask stay zero. It is not changed.
        data: (x, y).
        n_delete: how many weights, from 1.
        damping: >= 0, what is added to the diagonal, as a share of its mean; default 0.1. The smaller it is, the
            further the others move, beyond where J is nearly quadratic. (On six trained networks 8-16-3 without 60, 100
            or 130 of their 176 weights, 0.1 ended at a lower J than :func:`prune` in 18 cases of 18, 1e-4 in 9.)
        kind: ``"gauss_newton"`` (default), of which no curvature is negative, or ``"hessian"``.
        recompute: after how many deletions the matrix is computed anew; default never.
        layers: numbers of the layers whose weights may go, from 0; default all. Those of the others move too.

    Raises:
        TypeError, ValueError: no MLP, or a large one; weights that are shared or on a grid; bad data; more weights than
            there are; a curvature that is not positive: more damping.

    Example:
        >>> from nnopt_utils.optimizers import Adam
        >>> from nnopt_utils.training import fit
        >>> x = np.random.default_rng(0).normal(size=(200, 4))
        >>> network = MLP([4, 6, 2], "tanh", dtype="float64")
        >>> history = fit(network, Adam(0.01), (x, (x[:, 0] > x[:, 1]).astype(int)), epochs=20, progress=False)
        >>> surgery = optimal_brain_surgeon(network, (x, (x[:, 0] > x[:, 1]).astype(int)), n_delete=10)
        >>> len(surgery.deleted), surgery.network.n_parameters
        (10, 34)

    Source: as :func:`obs_saliency`.
    """
    check_network(network)
    check_choice("kind", kind, ["gauss_newton", "hessian"])
    check_not_negative("damping", damping)
    if recompute is not None:
        check_integer("recompute", recompute, low=1)
    chosen = chosen_layers(network, layers)
    start = CompressedMLP(network)
    plain = start.decoded().copy("float64")
    x, y = _check_data(plain, data)
    is_left = _is_free(start)
    # The layer that a weight may be taken from; -1: none.
    layer = np.concatenate([np.full(place.size, _layer_of(place.name, chosen)) for place in plain.layout])
    layer[~is_left] = -1
    check_integer("n_delete", n_delete, low=1, high=int((layer >= 0).sum()) - len(chosen))
    deleted: list[int] = []
    predicted, losses = [], [plain.loss(x, y)]
    for t in range(n_delete):
        if t == 0 or (recompute is not None and t % recompute == 0):
            here = np.flatnonzero(is_left)  # the places in θ that rows of the inverse stand for
            inverse = _inverse(plain, x, y, damping, kind, here)
        counts = np.bincount(layer[layer >= 0], minlength=len(plain.weights))
        may_go = (layer[here] >= 0) & (counts[layer[here]] > 1)
        costs = np.where(may_go, obs_saliency(plain.parameters[here], inverse), np.inf)
        i = int(costs.argmin())
        plain.parameters[here], inverse = obs_delete(plain.parameters[here], inverse, i)
        is_left[here[i]], layer[here[i]] = False, -1
        deleted.append(int(here[i]))
        predicted.append(costs[i])
        losses.append(plain.loss(x, y))
    forms: dict[str, Form] = dict(start.forms)
    for place in plain.layout:
        kept = place.of(is_left)
        if _layer_of(place.name, chosen) >= 0:
            forms[place.name] = Masked(kept)
    smaller = CompressedMLP(plain.copy(network.dtype.name), forms)
    return Surgery(smaller, deleted, np.array(predicted), np.array(losses))


def _check(theta: Any, hessian_inverse: Any) -> tuple[np.ndarray, np.ndarray]:
    point = check_array("theta", theta, ndim=1).astype(np.float64)
    inverse = check_array("hessian_inverse", hessian_inverse, shape=(point.size, point.size)).astype(np.float64)
    if np.diag(inverse).min() < 0:
        raise ValueError(f"hessian_inverse: got {np.diag(inverse).min():g} on its diagonal; expected numbers >= 0")
    return point, inverse


def _check_data(network: MLP, data: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data: got {describe(data)}; expected (x, y)")
    return network.check_data(*data)


def _layer_of(name: str, chosen: list[int]) -> int:
    """The layer of ``"weights[0]"`` if it was chosen; -1 for others, and for biases."""
    return next((layer for layer in chosen if name == f"weights[{layer}]"), -1)


def _is_free(network: CompressedMLP) -> np.ndarray:
    """True for the parameters that no mask has taken away."""
    for name, form in network.forms.items():
        if not isinstance(form, Dense | Masked):
            raise ValueError(
                f"network: got {name} as {form!r}; expected dense or masked tensors: prune first, then share or "
                "quantize"
            )
    kept = [np.ones(form.shape, bool) if form.kept is None else form.kept for form in network.forms.values()]
    is_free = np.concatenate([np.ravel(each) for each in kept])
    if is_free.sum() > MOST:
        raise ValueError(f"network: got {is_free.sum():,} free parameters; expected at most {MOST:,}")
    return is_free


def _inverse(network: MLP, x: np.ndarray, y: np.ndarray, damping: float, kind: str, here: np.ndarray) -> np.ndarray:
    """Of the curvature among the parameters at some places."""
    product = network.hessian_operator(x, y) if kind == "hessian" else network.gauss_newton_operator(x, y)
    H, unit = np.empty((here.size, here.size)), np.zeros(network.n_parameters)
    for row, q in zip(H, here, strict=True):
        unit[q] = 1
        row[:] = product(unit)[here]
        unit[q] = 0
    H = (H + H.T) / 2
    H[np.diag_indices_from(H)] += damping * np.abs(np.diag(H)).mean()
    lowest, highest = np.linalg.eigvalsh(H)[[0, -1]]
    if highest == 0:
        raise ValueError(
            f"network: got one whose loss, {network.loss_function.name}, has no curvature here; expected another loss"
        )
    if lowest <= here.size * np.finfo(float).eps * highest:
        hint = ", or 'gauss_newton'" if kind == "hessian" else ""
        raise ValueError(f"damping: got {damping:g}, and a curvature of {lowest:.3g}; expected more{hint}")
    inverse = np.linalg.inv(H)
    return np.asarray(inverse + inverse.T) / 2
