"""Optimal brain damage and optimal brain surgeon: what it costs to delete a weight, by the loss's curvature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, check_positive, describe
from nnopt_utils.compression._chosen import check_network
from nnopt_utils.compression.forms import Form
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP, decoded
from nnopt_utils.networks import MLP

MOST = 5000  # parameters: the inverse of a larger matrix takes long


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
        hessian_inverse: H⁻¹, (d, d), with a positive diagonal. Where a diagonal entry is 0, the parameter is one that
            :func:`obs_delete` has deleted: ∞.

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

    .. math:: \theta' = \theta - \frac{\theta_q}{[H^{-1}]_{qq}} H^{-1} e_q

    Args:
        theta: θ, (d,).
        hessian_inverse: H⁻¹, (d, d).
        q: which, from 0; one that is not deleted yet.

    Returns:
        θ′ and a matrix whose row and column q are zero, and which is else the inverse of H without row and column q.

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
        losses: before the first deletion and after each.

    Example:
        >>> Surgery(CompressedMLP(MLP([2, 1], loss="mse")), [0], np.array([0.1]), np.array([1.0, 1.1])).deleted
        [0]
    """

    network: CompressedMLP
    deleted: list[int]
    predicted: np.ndarray
    losses: np.ndarray


def optimal_brain_surgeon(
    network: MLP, data: Any, n_delete: int, damping: float = 1e-4, kind: str = "gauss_newton"
) -> Surgery:
    """Delete weights of a small, trained network one after the other: each time the cheapest, and the others move.

    The inverse matrix is computed once, with the damping on its diagonal, and follows the deletions exactly; it is not
    computed anew at the points that they lead to. Biases move, but are not deleted.

    Args:
        network: an ``MLP`` of at most 5,000 parameters, compressed or not: entries that are zero by a mask stay zero.
            It is not changed.
        data: (x, y).
        n_delete: how many weights, from 1; at least one stays in each layer.
        damping: > 0, what is added to the diagonal; default 1e-4.
        kind: ``"gauss_newton"`` (default), of which no curvature is negative, or ``"hessian"``.

    Raises:
        TypeError, ValueError: no MLP, or a large one; bad data; more weights than there are; with ``"hessian"`` a
            curvature that is not positive: more damping.

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
    check_positive("damping", damping)
    plain = decoded(network).copy("float64")
    x, y = _check_data(plain, data)
    if plain.n_parameters > MOST:
        raise ValueError(f"network: got {plain.n_parameters:,} parameters; expected at most {MOST:,}")
    is_left = _kept_of(network)
    inverse = np.zeros((plain.n_parameters, plain.n_parameters))
    inverse[np.ix_(is_left, is_left)] = _inverse(plain, x, y, damping, kind, is_left)
    is_weight = np.concatenate([np.full(place.size, len(place.shape) == 2) for place in plain.layout])
    layer = np.concatenate([np.full(place.size, i) for i, place in enumerate(plain.layout)])
    check_integer("n_delete", n_delete, low=1, high=int((is_left & is_weight).sum()) - len(plain.weights))
    deleted, predicted, losses = [], [], [plain.loss(x, y)]
    for _ in range(n_delete):
        only = np.bincount(layer[is_left], minlength=len(plain.layout)) == 1
        costs = np.where(is_left & is_weight & ~only[layer], obs_saliency(plain.parameters, inverse), np.inf)
        q = int(costs.argmin())
        plain.parameters, inverse = obs_delete(plain.parameters, inverse, q)
        is_left[q] = False
        deleted.append(q)
        predicted.append(costs[q])
        losses.append(plain.loss(x, y))
    forms: dict[str, Form] = {place.name: Masked(place.of(is_left)) for place in plain.layout if len(place.shape) == 2}
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


def _kept_of(network: MLP) -> np.ndarray:
    """True for the parameters that no mask has taken away."""
    forms = CompressedMLP(network).forms.values()
    return np.concatenate([np.ravel(np.ones(f.shape, bool) if f.kept is None else f.kept) for f in forms])


def _inverse(network: MLP, x: np.ndarray, y: np.ndarray, damping: float, kind: str, is_left: np.ndarray) -> np.ndarray:
    """Of the curvature among the parameters that are left."""
    product = network.hessian_operator(x, y) if kind == "hessian" else network.gauss_newton_operator(x, y)
    places = np.flatnonzero(is_left)
    H = np.array([product(row)[is_left] for row in np.eye(network.n_parameters)[places]])
    H = (H + H.T) / 2 + damping * np.eye(len(places))
    lowest = float(np.linalg.eigvalsh(H)[0])
    if lowest <= 0:
        raise ValueError(f"damping: got {damping:g}, and a curvature of {lowest:.3g}; expected more, or 'gauss_newton'")
    return np.linalg.inv(H)
