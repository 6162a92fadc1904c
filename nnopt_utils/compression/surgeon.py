"""What a deleted weight costs, by curvature: optimal brain damage, and the surgeon, who moves the other weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, check_not_negative, describe
from nnopt_utils.compression._chosen import check_network, chosen_layers
from nnopt_utils.compression.forms import Dense, Form
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP
from nnopt_utils.training import check_training_data

MOST_NUMBERS = 5_000  # free numbers whose Hessian is taken whole: 200 MB in float64


class Deletion(NamedTuple):
    """One weight that went.

    Attributes:
        layer: its number, from 0.
        place: (input, unit), where it stood in the weight matrix.
        predicted: by how much J was to rise.
        measured: by how much J rose, on the same data.

    Example:
        >>> Deletion(0, (2, 1), 0.5, 0.51).layer
        0
    """

    layer: int
    place: tuple[int, int]
    predicted: float
    measured: float


def obd_saliency(theta: Any, hessian: Any) -> np.ndarray:
    r"""Return what deleting each weight costs when no other moves, and curvatures across do not count.

    .. math:: L_q = \tfrac12 H_{qq} \theta_q^2

    near a minimum, for the deletion of one weight.

    Args:
        theta: θ, (d,).
        hessian: H, (d, d), or its diagonal, (d,).

    Raises:
        TypeError, ValueError: no finite numbers, or of other shapes.

    Example:
        >>> obd_saliency([1.0, 2.0], [[6.0, 1.0], [1.0, 1.0]])      # the larger weight is the cheaper one
        array([3., 2.])

    Source: Y. LeCun, J. S. Denker, S. A. Solla, "Optimal brain damage", NIPS 1989.
    """
    theta = check_array("theta", theta, ndim=1)
    hessian = check_array("hessian", hessian)
    if hessian.shape not in (theta.shape, theta.shape * 2):
        raise ValueError(f"hessian: got {describe(hessian)}; expected a matrix or a diagonal for {theta.size} weights")
    diagonal = np.diag(hessian) if hessian.ndim == 2 else hessian
    return np.asarray(diagonal * theta**2 / 2)


def obs_saliency(theta: Any, hessian_inverse: Any) -> np.ndarray:
    r"""Return what deleting each weight costs when all others move to where they make up for it best.

    .. math:: L_q = \frac{\theta_q^2}{2\,[H^{-1}]_{qq}}

    near a minimum: exact where J is quadratic. Not more than :func:`obd_saliency`, since the others may stay.

    Args:
        theta: θ, (d,).
        hessian_inverse: H⁻¹, (d, d), symmetric and positive definite; rows and columns of zeros stand for weights that
            :func:`obs_delete` has deleted.

    Returns:
        (d,); infinite for weights that are deleted.

    Raises:
        TypeError, ValueError: no finite numbers, of other shapes, or a diagonal with negative numbers.

    Example:
        >>> H = np.array([[2.0, 1.0], [1.0, 1.0]])
        >>> obd_saliency([1.0, 1.0], H), obs_saliency([1.0, 1.0], np.linalg.inv(H)).round(6)
        (array([1. , 0.5]), array([0.5 , 0.25]))

    Source: B. Hassibi, D. G. Stork, "Second order derivatives for network pruning: optimal brain surgeon", NIPS 1992.
    """
    theta, inverse = _checked(theta, hessian_inverse)
    diagonal = np.diag(inverse)
    saliency = np.full(theta.shape, np.inf, inverse.dtype)
    np.divide(theta**2, 2 * diagonal, out=saliency, where=diagonal > 0)
    return saliency


def obs_delete(theta: Any, hessian_inverse: Any, q: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Delete one weight, and move all others to where they make up for it best.

    .. math:: \theta' = \theta - \frac{\theta_q}{[H^{-1}]_{qq}}\, H^{-1} e_q, \qquad
              C = H^{-1} - \frac{H^{-1} e_q\, e_q^\top H^{-1}}{[H^{-1}]_{qq}}

    C is the inverse of the Hessian of the weights that are left, with zeros in row and column q, so that deletions can
    follow each other: one step of Gauss's elimination.

    Args:
        theta: θ, (d,).
        hessian_inverse: H⁻¹, (d, d), or C of the deletion before.
        q: which weight, from 0.

    Returns:
        θ' with a zero at q, and C: new arrays.

    Raises:
        TypeError, ValueError: as :func:`obs_saliency`; no such weight, or one that is deleted.

    Example:
        >>> H = np.array([[2.0, 1.0], [1.0, 1.0]])
        >>> theta, left = obs_delete([1.0, 1.0], np.linalg.inv(H), q=0)
        >>> theta.round(6), left.round(6)
        (array([0., 2.]), array([[0., 0.],
               [0., 1.]]))

    Source: as :func:`obs_saliency`.
    """
    theta, inverse = _checked(theta, hessian_inverse)
    check_integer("q", q, low=0, high=theta.size - 1)
    if inverse[q, q] == 0:
        raise ValueError(f"q: got {q}, which is deleted; expected a weight that is left")
    row = inverse[q] / inverse[q, q]
    after, left = theta - theta[q] * row, inverse - np.outer(inverse[:, q], row)
    after[q] = 0
    left[q] = left[:, q] = 0  # not only to rounding
    return after, left


def optimal_brain_surgeon(
    network: MLP,
    data: Any,
    n_delete: int,
    curvature: str = "gauss_newton",
    damping: float = 0.1,
    recompute: int | None = None,
    layers: list[int] | None = None,
) -> tuple[CompressedMLP, list[Deletion]]:
    """Return a small network from which weights were deleted, the cheapest first, while all others moved.

    Each time the weight with the smallest :func:`obs_saliency` goes, the others (biases too) move by
    :func:`obs_delete`, and the inverse of the Hessian is brought up to date. Every layer keeps at least one weight.
    All is computed in float64. For networks of at most 5,000 free numbers, which were trained to near a minimum.

    Args:
        network: an ``MLP``, or a compressed one whose tensors are dense or masked. It is not changed.
        data: ``(x, y)`` or a ``Dataset``, whose training set is taken: what J is the mean over.
        n_delete: how many weights go.
        curvature: ``"gauss_newton"`` (default), which has no negative curvature, or ``"hessian"``.
        damping: >= 0, what is added to the diagonal, as a share of its mean; default 0.1. The larger it is, the less
            far the others move: with too little they leave the region in which J is nearly quadratic. (On six networks
            8-16-3, with 60, 100 and 130 of 176 weights deleted, 0.1 ended below :func:`prune` in J in 18 cases of 18,
            and 1e-4 in 9.)
        recompute: after how many deletions the curvature is computed anew where the weights are now; default none.
        layers: numbers of the layers that lose weights, from 0; default all.

    Returns:
        The network, with masks, and a :class:`Deletion` for each weight, in order.

    Raises:
        TypeError, ValueError: bad arguments; tensors that are shared or on a grid; too large a network; a curvature
            that is not positive definite.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> network = MLP([3, 1], loss="half_mse", dtype="float64")
        >>> network.weights[0] = np.array([[2.0], [0.1], [-1.0]])
        >>> y = network.forward(x)[:, 0]                                # J is 0 here, its minimum
        >>> smaller, deletions = optimal_brain_surgeon(network, (x, y), n_delete=1, damping=0)
        >>> deletions[0].place, bool(np.isclose(deletions[0].predicted, deletions[0].measured))
        ((1, 0), True)

    Source: as :func:`obs_saliency`, where the curvature is a mean of products of gradients of the outputs.
    """
    compressed = CompressedMLP(check_network(network))
    chosen = chosen_layers(network, layers)
    check_choice("curvature", curvature, ["gauss_newton", "hessian"])
    check_not_negative("damping", damping)
    if recompute is not None:
        check_integer("recompute", recompute, low=1)
    places = _Places(compressed, chosen)
    check_integer("n_delete", n_delete, low=1, high=places.layer_of[places.layer_of >= 0].size - len(chosen))
    judge = compressed.decoded().copy("float64")
    x, y = judge.check_data(*check_training_data(judge, data)[:2])
    free, theta = places.free.copy(), judge.parameters.copy()
    loss, deletions = judge.loss(x, y, theta), []
    for t in range(n_delete):
        if t == 0 or (recompute is not None and t % recompute == 0):
            here = np.flatnonzero(free)  # places in θ of what the inverse has rows for
            inverse = _inverse(judge, x, y, theta, here, curvature, damping)
        saliency = np.where(places.may_go(free)[here], obs_saliency(theta[here], inverse), np.inf)
        i = int(saliency.argmin())
        theta[here], inverse = obs_delete(theta[here], inverse, i)
        free[here[i]] = False
        before, loss = loss, judge.loss(x, y, theta)
        deletions.append(Deletion(*places.find(here[i]), float(saliency[i]), loss - before))
    return places.network(free, theta), deletions


class _Places:
    """Where in θ the weights lie, and which of them may go."""

    def __init__(self, network: CompressedMLP, chosen: list[int]) -> None:
        self.start, self.chosen = network, chosen
        self.layer_of = np.full(network.n_weights, -1)
        self.free = np.ones(network.n_weights, bool)
        for position, (place, form) in enumerate(zip(network.tensors, network.forms.values(), strict=True)):
            if not isinstance(form, Dense | Masked):
                raise ValueError(
                    f"network: got {place.name} as {form!r}; expected dense or masked tensors: prune first, then share "
                    "or quantize"
                )
            if form.kept is not None:
                place.of(self.free)[:] = form.kept
            if place.name == f"weights[{position // 2}]" and position // 2 in chosen:
                place.of(self.layer_of)[:] = position // 2
        self.layer_of[~self.free] = -1
        if self.free.sum() > MOST_NUMBERS:
            raise ValueError(
                f"network: got one of {self.free.sum():,} free numbers; expected at most {MOST_NUMBERS:,}, of which a "
                "whole Hessian can be inverted"
            )

    def may_go(self, free: np.ndarray) -> np.ndarray:
        """Weights of the chosen layers that are left; but not a layer's last one."""
        here = np.where(free, self.layer_of, -1)
        left = np.bincount(here[here >= 0], minlength=max(self.chosen) + 1)
        return (here >= 0) & (left[here] > 1)

    def find(self, q: np.intp) -> tuple[int, tuple[int, int]]:
        layer = int(self.layer_of[q])
        place = self.start.tensors[2 * layer]
        row, column = np.unravel_index(q - place.where.start, place.shape)
        return layer, (int(row), int(column))

    def network(self, free: np.ndarray, theta: np.ndarray) -> CompressedMLP:
        """The network with these weights, masked where some are gone."""
        plain = self.start.decoded()
        plain.parameters = theta
        forms: dict[str, Form] = {}
        for place, form in zip(self.start.tensors, self.start.forms.values(), strict=True):
            kept = place.of(free)
            forms[place.name] = form if kept.all() else Masked(kept)
        return CompressedMLP(plain, forms)


def _inverse(
    network: MLP, x: np.ndarray, y: np.ndarray, theta: np.ndarray, here: np.ndarray, curvature: str, damping: float
) -> np.ndarray:
    """The inverse of the curvature of the numbers at some places of θ."""
    operator = network.gauss_newton_operator if curvature == "gauss_newton" else network.hessian_operator
    product, unit = operator(x, y, theta), np.zeros_like(theta)
    H = np.empty((here.size, here.size))
    for row, q in zip(H, here, strict=True):
        unit[q] = 1
        row[:] = product(unit)[here]
        unit[q] = 0
    H = (H + H.T) / 2
    H[np.diag_indices_from(H)] += damping * abs(np.diag(H)).mean()
    smallest, largest = np.linalg.eigvalsh(H)[[0, -1]]
    if smallest <= 1e-14 * largest:
        nearer = ", a network nearer to a minimum, or 'gauss_newton'" if curvature == "hessian" else ""
        raise ValueError(
            f"curvature: got one with eigenvalues from {smallest:.2g} to {largest:.2g}; expected positive ones: more "
            f"damping{nearer}"
        )
    inverse = np.linalg.inv(H)
    return np.asarray(inverse + inverse.T) / 2


def _checked(theta: Any, inverse: Any) -> tuple[np.ndarray, np.ndarray]:
    theta = check_array("theta", theta, ndim=1)
    inverse = check_array("hessian_inverse", inverse, shape=theta.shape * 2)
    if (np.diag(inverse) < 0).any():
        raise ValueError("hessian_inverse: got negative numbers on the diagonal; expected a positive definite matrix")
    return theta, inverse
