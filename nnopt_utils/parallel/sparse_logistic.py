"""Logistic regression on sparse samples: each touches a few weights, so many processes can change θ at once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from nnopt_utils._validation import (
    as_array,
    as_generator,
    called_as,
    check_array,
    check_integer,
    check_labels,
    check_not_negative,
    describe,
)

SIGNAL = 4.0  # standard deviation of a sample's logit under the weights that generated its label


class Conflicts(NamedTuple):
    """How much samples get into each other's way: the three figures of the theory of Hogwild.

    Attributes:
        largest_sample: Ω, the most features that a sample has.
        most_popular_feature: Δ, the share of the samples that have the most popular feature.
        most_met_sample: ρ, the largest share of all samples that have a feature in common with one sample, itself
            included.

    Example:
        >>> model = SparseLogisticRegression([[0, 1], [1, 2], [3, 4], [5, 6]], np.ones((4, 2)), [0, 1, 0, 1])
        >>> model.conflicts()
        Conflicts(largest_sample=2, most_popular_feature=0.5, most_met_sample=0.5)
    """

    largest_sample: int
    most_popular_feature: float
    most_met_sample: float


class SparseLogisticRegression:
    r"""Logistic regression where every sample has the same small number k of features that are not zero.

    .. math:: J(\theta) = \frac1n \sum_i \ln(1 + e^{-m_i}), \qquad m_i = s_i\, x_i \theta

    .. math:: \nabla J = -\frac1n \sum_i \sigma(-m_i)\, s_i\, x_i^\top

    s is 1 for label 1 and −1 for label 0; the row x_i is zero but at the k features e_i, and only these are kept and
    computed with. So a sample's term, and its gradient, touch k weights of d. There is no bias and no penalty: a
    penalty on all of θ would touch every weight in every step. Where some θ has all labels right, J has no minimum,
    it only comes nearer to 0.

    It is an ``Objective``, for ``minimize`` and second-order methods, and a model whose ``parameters`` :func:`hogwild`
    changes.

    Args:
        indices: the features e_i of each sample, integers, shape (n, k); none twice in a row.
        values: x_ij, shape (n, k), taken as float64.
        labels: 0 and 1, shape (n,).
        n_features: d; default: one more than the largest index.

    Attributes:
        parameters: θ, shape (d,), float64, zeros at the start.
        indices, values, labels: the data.
        n_samples, n_features, nonzeros: n, d and k.

    Raises:
        TypeError, ValueError: shapes that do not fit, an index twice in a row or out of range, other labels.

    Example:
        >>> model = SparseLogisticRegression([[0, 2], [1, 2]], [[1.0, 2.0], [3.0, 4.0]], [1, 0])
        >>> round(model.value(model.start), 6), model.gradient(model.start)        # ln 2, and dense
        (0.693147, array([-0.25,  0.75,  0.5 ]))
        >>> model.sample_gradient(model.start, 1)                                  # only what sample 1 touches
        (array([1, 2]), array([1.5, 2. ]))

    Source: Niu, Recht, Ré, Wright (2011), *Hogwild!: a lock-free approach to parallelizing stochastic gradient
    descent*, NeurIPS, Section 2: costs that are sums of terms of a few variables each.
    """

    def __init__(self, indices: Any, values: Any, labels: Any, n_features: int | None = None) -> None:
        # Of the type that NumPy indexes with: any other would be converted anew for every sample.
        self.indices = _check_indices(indices, n_features)
        self.values = check_array("values", values, shape=self.indices.shape).astype(np.float64)
        self.n_samples, self.nonzeros = self.indices.shape
        found = check_labels("labels", labels, n_classes=2, n_samples=self.n_samples)
        self.labels = found.astype(np.int64)
        self.n_features = int(self.indices.max()) + 1 if n_features is None else int(n_features)
        self.parameters = self.start
        self._signed = (2 * self.labels - 1)[:, None] * self.values

    @classmethod
    @called_as(
        "SparseLogisticRegression.generate(n_samples=20_000, n_features=10_000, nonzeros=20, seed=0)",
        n="n_samples",
        d="n_features",
        k="nonzeros",
        random_state="seed",
        zipf="skew",
    )
    def generate(
        cls,
        n_samples: int = 20_000,
        n_features: int = 10_000,
        nonzeros: int = 20,
        seed: int | np.random.Generator = 0,
        *,
        skew: float = 0.0,
    ) -> Self:
        r"""Return a model with random data.

        Values are normal with variance 1/k, so samples have a length of about 1. A label is 1 with probability σ(x w)
        for normal weights w, such that x w is spread like 4 times a normal number: most labels can be learned, not all.

        Args:
            n_samples: n >= 1; default 20,000.
            n_features: d; default 10,000.
            nonzeros: k, from 1 to d; default 20.
            seed: an integer or a ``numpy.random.Generator``; default 0.
            skew: s >= 0. The features of a sample are drawn one after the other, feature j = 1 … d with a weight of
                1/j^s among those that it does not have yet. Default 0: all alike. With 1, Zipf's law, which words
                follow roughly, some are in very many samples.

        Raises:
            TypeError, ValueError: a number out of its range.

        Example:
            >>> for skew in (0.0, 1.0):
            ...     figures = SparseLogisticRegression.generate(1000, 10_000, skew=skew).conflicts()
            ...     print(f"{figures.most_popular_feature:.0%} of the samples share a feature")
            1% of the samples share a feature
            91% of the samples share a feature
        """
        check_integer("n_samples", n_samples, low=1)
        check_integer("n_features", n_features, low=1)
        check_integer("nonzeros", nonzeros, low=1, high=n_features)
        check_not_negative("skew", skew)
        generator = as_generator(seed)
        indices = _drawn_features(generator, n_samples, n_features, nonzeros, skew)
        values = generator.normal(size=(n_samples, nonzeros)) / math.sqrt(nonzeros)
        logits = (SIGNAL * generator.normal(size=n_features)[indices] * values).sum(axis=1)
        labels = (generator.random(n_samples) < 1 / (1 + np.exp(-logits))).astype(np.int64)
        return cls(indices, values, labels, n_features)

    # -- the objective -----------------------------------------------------------------------------------------------

    @property
    def start(self) -> np.ndarray:
        """Zeros, a new array of shape (d,)."""
        return np.zeros(self.n_features)

    @property
    def dimension(self) -> int:
        """The number d of parameters."""
        return self.n_features

    @property
    def signed_values(self) -> np.ndarray:
        """s_i x_ij, shape (n, k): with them a margin is a plain product, m_i = Σ s_i x_ij θ_j."""
        return self._signed

    def value(self, theta: Any) -> float:
        """J(θ), the mean loss.

        Args:
            theta: θ, shape (d,).
        """
        return float(np.logaddexp(0.0, -self._margins(theta)).mean())

    def gradient(self, theta: Any) -> np.ndarray:
        """g = ∇J(θ), a new array of shape (d,)."""
        slopes = -_sigmoid(-self._margins(theta)) / self.n_samples
        terms = slopes[:, None] * self._signed
        return np.bincount(self.indices.ravel(), weights=terms.ravel(), minlength=self.n_features)

    def sample_gradient(self, theta: Any, i: int) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of sample i's loss: the features that it touches, shape (k,), and its values there.

        Args:
            theta: θ, shape (d,).
            i: number of the sample, 0 … n − 1.
        """
        theta = check_array("theta", theta, shape=(self.n_features,))
        check_integer("i", i, low=0, high=self.n_samples - 1)
        features, values = self.indices[i], self._signed[i]
        return features.copy(), -_sigmoid(-(theta[features] @ values)) * values

    def accuracy(self, theta: Any) -> float:
        """The share of samples whose label is the more probable one at θ; a logit of 0 counts as label 0.

        Args:
            theta: θ, shape (d,).

        Example:
            >>> model = SparseLogisticRegression([[0], [1]], [[1.0], [1.0]], [1, 0])
            >>> model.accuracy([1.0, 1.0])
            0.5
        """
        margins = self._margins(theta)
        return float(np.where(self.labels == 1, margins > 0, margins >= 0).mean())

    def _margins(self, theta: Any) -> np.ndarray:
        theta = check_array("theta", theta, shape=(self.n_features,))
        return np.einsum("ij,ij->i", theta[self.indices], self._signed)

    # -- as a model --------------------------------------------------------------------------------------------------

    def copy(self) -> Self:
        """Another model with the same data, which are not copied, and parameters of its own, of the same values.

        Example:
            >>> model = SparseLogisticRegression([[0], [1]], [[1.0], [1.0]], [1, 0])
            >>> other = model.copy()
            >>> other.parameters += 1.0
            >>> model.parameters, other.values is model.values
            (array([0., 0.]), True)
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), parameters=self.parameters.copy())
        return other

    def conflicts(self) -> Conflicts:
        r"""How often samples touch the same weights.

        .. math:: \Omega = \max_i |e_i|, \qquad \Delta = \max_j \frac{|\{i : j \in e_i\}|}{n}, \qquad
                  \rho = \max_i \frac{|\{l : e_l \cap e_i \neq \emptyset\}|}{n}

        The paper's rate, and the number of steps that it needs, are in terms of these three and of the longest delay.
        It takes n d / 8 bytes.

        Example:
            >>> model = SparseLogisticRegression([[0, 1], [1, 2], [3, 4]], np.ones((3, 2)), [0, 1, 0])
            >>> round(model.conflicts().most_popular_feature, 3)        # two of three have feature 1
            0.667

        Source: as the class, Section 2.
        """
        having = np.bincount(self.indices.ravel(), minlength=self.n_features)
        samples = np.arange(self.n_samples)[:, None]
        members = np.zeros((self.n_features, -(-self.n_samples // 8)), np.uint8)  # a bit for each sample
        np.bitwise_or.at(members, (self.indices, samples // 8), (1 << samples % 8).astype(np.uint8))
        met = [int(np.bitwise_count(np.bitwise_or.reduce(members[row])).sum()) for row in self.indices]
        return Conflicts(self.nonzeros, float(having.max() / self.n_samples), max(met) / self.n_samples)

    def __repr__(self) -> str:
        return (
            f"SparseLogisticRegression({self.n_samples:,} samples, {self.n_features:,} features, "
            f"{self.nonzeros} of them in each sample)"
        )


def _check_indices(indices: Any, n_features: int | None) -> np.ndarray:
    found = as_array(indices)
    if found.ndim != 2 or found.dtype.kind not in "iu" or not found.size:
        raise ValueError(f"indices: got {describe(found)}; expected integers, shape (n, k)")
    high = None if n_features is None else check_integer("n_features", n_features, low=1) - 1
    if found.min() < 0 or (high is not None and found.max() > high):
        limit = "integers >= 0" if high is None else f"integers from 0 to {high}"
        raise ValueError(f"indices: got values from {found.min()} to {found.max()}; expected {limit}")
    in_order = np.sort(found, axis=1)
    twice = (in_order[:, 1:] == in_order[:, :-1]).any(axis=1)
    if twice.any():
        row = int(twice.argmax())
        raise ValueError(f"indices: got a feature twice in row {row}; expected each once: add their values up")
    return found.astype(np.intp)


def _drawn_features(
    generator: np.random.Generator, n_samples: int, n_features: int, nonzeros: int, skew: float
) -> np.ndarray:
    """Draw a column after the other; where a row has the feature already, draw again."""
    limits = np.cumsum(np.arange(1.0, n_features + 1) ** -skew)
    indices = np.empty((n_samples, nonzeros), np.intp)
    for column in range(nonzeros):
        missing = np.arange(n_samples)
        while missing.size:
            drawn = limits.searchsorted(generator.random(missing.size) * limits[-1], side="right")
            indices[missing, column] = np.minimum(drawn, n_features - 1)  # random() · total may round up to the total
            again = (indices[missing, :column] == indices[missing, column, None]).any(axis=1)
            missing = missing[again]
    return indices


def _sigmoid(z: Any) -> Any:
    """1/(1 + e^{−z}), which never overflows."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


__all__ = ["Conflicts", "SparseLogisticRegression"]
