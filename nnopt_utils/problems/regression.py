"""Logistic and softmax regression on data: convex problems of any size, with a minimum that can be computed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from nnopt_utils._validation import check_array, check_integer, check_labels, check_number
from nnopt_utils.problems.base import Problem
from nnopt_utils.second_order import Result, newton_cg

LARGEST_HESSIAN_BYTES = 1_000_000_000
GRADIENT_TOLERANCE = 1e-8  # of the minimum, relative to the gradient at θ = 0
STEP_TOLERANCE = 1e-4  # relative to 1 + ‖θ‖; asked for only without a penalty
MAX_STEPS = 100
LARGEST_PRECONDITIONER = 4000  # features; its eigenvectors take 128 MB and some seconds
_BLOCK_VALUES = 200_000  # numbers in one block of samples: in float64 it fits into the processor's cache


class Regression(Problem):
    r"""What logistic and softmax regression share: a linear model, a mean loss and an L2 penalty on the weights.

    .. math:: J(\theta) = \frac1n \sum_{i=1}^{n} \ell(x_i W + b,\ y_i) + \frac{\lambda}{2} \lVert W \rVert^2

    θ holds the weights W row by row, then the bias b, as ``MLP([n_features, n_outputs]).parameters`` does. With a row
    b under W, and a 1 at the end of every sample, θ is one matrix Θ of shape (n_features + 1, n_outputs).

    The data are read in blocks and turned into float64 block by block, so float32 data are never copied whole.
    """

    def __init__(self, x: Any, y: np.ndarray, l2: float, n_outputs: int) -> None:
        self._x = x
        self._y = y
        self.l2 = l2
        self.n_samples, self.n_features = x.shape
        self.n_outputs = n_outputs
        self.dimension = (self.n_features + 1) * n_outputs
        self._last: tuple[np.ndarray, np.ndarray] | None = None  # the last Θ whose p was needed, and that p
        rows = max(1, _BLOCK_VALUES // self.n_features)
        self._blocks = [slice(first, first + rows) for first in range(0, self.n_samples, rows)]

    # -- the loss of a block of samples, written down by the subclasses ----------------------------------------------

    @abstractmethod
    def _losses(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The loss of every sample, shape (n,), from its logits, shape (n, n_outputs)."""

    @abstractmethod
    def _probabilities(self, z: np.ndarray) -> np.ndarray:
        """p, shape (n, n_outputs)."""

    @abstractmethod
    def _errors(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        """δ = ∂ℓ/∂z for every sample, shape (n, n_outputs)."""

    @abstractmethod
    def _curvature_times(self, p: np.ndarray, r: np.ndarray) -> np.ndarray:
        """(∂²ℓ/∂z²) r for every sample, shape (n, n_outputs)."""

    @abstractmethod
    def _curvature(self, p: np.ndarray, k: int, j: int) -> np.ndarray:
        """∂²ℓ/∂z_k∂z_j for every sample, shape (n,)."""

    @abstractmethod
    def _labels(self, z: np.ndarray) -> np.ndarray:
        """The most probable class of every sample, shape (n,)."""

    @abstractmethod
    def _centred(self, matrix: np.ndarray) -> np.ndarray:
        """The representative of all Θ that have the same probabilities."""

    # -- the problem -------------------------------------------------------------------------------------------------

    def value(self, theta: Any) -> float:
        """J(θ) for θ of shape (d,)."""
        matrix = self._matrix(theta)
        total = 0.0
        with np.errstate(over="ignore", invalid="ignore"), self._one_thread():
            for rows in self._blocks:
                total += float(self._losses(_logits(self._x[rows], matrix), self._y[rows]).sum())
            return total / self.n_samples + self._penalty(matrix)

    def gradient(self, theta: Any) -> np.ndarray:
        """g = ∇J(θ), shape (d,): (1/n) Σ x̃ᵢᵀ δᵢ, plus λW for the weights."""
        matrix = self._matrix(theta)

        def errors(z: np.ndarray, rows: slice) -> np.ndarray:
            return self._errors(self._probabilities(z), self._y[rows])

        with np.errstate(over="ignore", invalid="ignore"):
            return (self._sweep(matrix, errors) + self._penalty_gradient(matrix)).ravel()

    def value_and_gradient(self, theta: Any) -> tuple[float, np.ndarray]:
        """J(θ) and g = ∇J(θ), shape (d,), in one pass over the data.

        Example:
            >>> problem = LogisticRegression([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1], l2=0.1)
            >>> value, gradient = problem.value_and_gradient([0.0, 0.0])
            >>> round(value, 6), gradient
            (0.693147, array([-0.25,  0.  ]))
        """
        matrix = self._matrix(theta)
        p = np.empty((self.n_samples, self.n_outputs))
        losses = np.empty(self.n_samples)

        def errors(z: np.ndarray, rows: slice) -> np.ndarray:
            losses[rows] = self._losses(z, self._y[rows])
            p[rows] = self._probabilities(z)
            return self._errors(p[rows], self._y[rows])

        with np.errstate(over="ignore", invalid="ignore"):
            gradient = self._sweep(matrix, errors) + self._penalty_gradient(matrix)
            value = float(losses.mean()) + self._penalty(matrix)
        self._last = matrix.copy(), p
        return value, gradient.ravel()

    def hessian_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """H(θ) v for v of shape (d,), without building H: in two passes over the data, at the same θ again in one."""
        vector = check_array("vector", vector, shape=(self.dimension,)).astype(np.float64, copy=False)
        return self._hessian_times(self._probabilities_at(theta), vector, np.float64)

    def hessian_operator(self, theta: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The function v ↦ H(θ) v, which passes over the data once for each v, in the type of the data.

        For float32 data it is twice as fast as ``hessian_vector_product``, and exact enough for the direction of a
        step; what decides about its end, the gradient, is always float64.

        Example:
            >>> problem = LogisticRegression([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1], l2=0.1)
            >>> product = problem.hessian_operator(problem.start)
            >>> product(np.array([1.0, 0.0])), problem.hessian(problem.start)[0]
            (array([0.975, 0.375]), array([0.975, 0.375]))
        """
        p = self._probabilities_at(theta)
        return lambda vector: self._hessian_times(p, vector, self._x.dtype)

    def preconditioner(self, theta: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The function r ↦ M⁻¹ r with M = (mean of x̃ᵀx̃) ⊗ (mean curvature) + λ: H as if the two were independent.

        At θ = 0 it is exact but for the bias; further on, on MNIST, it saves three products in four. Above 4000
        features, where it would cost too much, it is the identity.

        Example:
            >>> problem = LogisticRegression([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
            >>> solve = problem.preconditioner(problem.start)
            >>> solve(problem.hessian(problem.start)[0]).round(4)
            array([1., 0.])

        Source: the same idea for networks, K-FAC: Martens and Grosse (2015), https://arxiv.org/abs/1503.05671
        """
        if self.n_features > LARGEST_PRECONDITIONER:
            return lambda residual: residual
        values, vectors = self._input_axes
        curvatures, axes = np.linalg.eigh(self._mean_curvature(self._probabilities_at(theta)))
        products = np.outer(values, np.maximum(curvatures, 0.0))
        scale = products + max(self.l2, 1e-6 * float(products.max()), np.finfo(float).tiny)

        def precondition(residual: np.ndarray) -> np.ndarray:
            rotated = vectors.T @ residual.reshape(scale.shape) @ axes
            return (vectors @ (rotated / scale) @ axes.T).ravel()

        return precondition

    def hessian(self, theta: Any) -> np.ndarray:
        """H = ∇²J(θ), shape (d, d).

        Raises:
            ValueError: if it would take more than 1 GB; ``hessian_vector_product`` has no such limit.
        """
        size = 8 * self.dimension**2
        if size > LARGEST_HESSIAN_BYTES:
            raise ValueError(
                f"hessian: {self.dimension:,} × {self.dimension:,} numbers would take {size / 1e9:.1f} GB; expected at "
                f"most {LARGEST_HESSIAN_BYTES / 1e9:g} GB. Use hessian_vector_product(theta, vector)"
            )
        matrix = self._matrix(theta)
        m = self.n_outputs
        hessian = np.zeros((self.n_features + 1, m, self.n_features + 1, m))
        for rows in self._blocks:
            x = np.column_stack([self._x[rows], np.ones(len(self._y[rows]))])  # float64, with the 1 of the bias
            p = self._probabilities(x @ matrix)
            for k in range(m):
                for j in range(k + 1):
                    hessian[:, k, :, j] += x.T @ (x * self._curvature(p, k, j)[:, None])
        hessian /= self.n_samples
        for k in range(m):
            for j in range(k):
                hessian[:, j, :, k] = hessian[:, k, :, j]
        hessian = hessian.reshape(self.dimension, self.dimension)
        n_weights = self.n_features * m
        hessian[np.arange(n_weights), np.arange(n_weights)] += self.l2
        hessian += hessian.T  # symmetric to the last digit
        hessian /= 2
        return hessian

    @property
    def start(self) -> np.ndarray:
        """θ = 0, shape (d,): every class is equally probable."""
        return np.zeros(self.dimension)

    @property
    def minimum(self) -> np.ndarray:
        """θ*, shape (d,), computed once, on first use, by ``second_order.newton_cg``.

        Its gradient is 10⁸ times smaller than the one at θ = 0.

        Raises:
            ValueError: if there is no minimum: a class has no sample, or l2 = 0 and the classes are separable.
            RuntimeError: if the method does not converge.
        """
        return self._solution[0].copy()

    @property
    def minimum_value(self) -> float:
        """J* = J(θ*), with the penalty; see ``minimum``."""
        return self._solution[1]

    # -- the search for it -------------------------------------------------------------------------------------------

    @cached_property
    def _solution(self) -> tuple[np.ndarray, float]:
        self._check_that_every_class_has_a_sample()
        smallest = GRADIENT_TOLERANCE * float(np.linalg.norm(self.gradient(self.start)))
        with self._one_thread():
            found = self._search(smallest) if self.l2 > 0 else self._search_without_penalty(smallest)
            matrix = self._centred(self._matrix(found))
        return matrix.ravel(), self.value(matrix.ravel())

    def _search(self, smallest: float) -> np.ndarray:
        result = newton_cg(self, tolerance=smallest, max_iterations=MAX_STEPS)
        _pass_on_an_interrupt(result)
        if not result.converged:
            raise self._not_found(result.gradient_norm, smallest)
        return result.x

    def _search_without_penalty(self, smallest: float) -> np.ndarray:
        """Step by step: without a penalty a small gradient may be the far end of a slope that never ends.

        At a minimum Newton's steps shrink at once, on such a slope they stay long until the numbers run out.
        """
        theta, norm = self.start, np.inf
        steps_after_goal = 0
        for _ in range(MAX_STEPS):
            if self._separates(self._probabilities_at(theta)):
                raise ValueError(
                    "minimum: there is none, because the classes are separable and l2 is 0: the loss falls for ever as "
                    "the weights grow. Give l2 > 0"
                )
            result = newton_cg(self, theta, tolerance=0.0, max_iterations=1)
            _pass_on_an_interrupt(result)
            path, norm = result.trajectory.points, float(result.trajectory.gradient_norms[0])
            if norm == 0:
                return theta
            if result.n_iterations == 0:  # no step lowers J
                break
            if norm <= smallest:
                if np.linalg.norm(path[1] - path[0]) <= STEP_TOLERANCE * (1 + np.linalg.norm(theta)):
                    return theta
                steps_after_goal += 1
                if steps_after_goal > 5:
                    break
            theta = path[1]
        if norm <= smallest:
            raise ValueError(
                "minimum: there is none, because the loss still falls where its gradient is almost 0: without a "
                "penalty some weights grow for ever. Give l2 > 0"
            )
        raise self._not_found(norm, smallest)

    def _not_found(self, norm: float, smallest: float) -> RuntimeError:
        return RuntimeError(
            f"minimum: not found; the Newton method stopped at a gradient of {norm:.1e} (wanted {smallest:.1e}). "
            + ("Scale the data, or give a larger l2" if self.l2 else "Give l2 > 0")
        )

    def _separates(self, p: np.ndarray) -> bool:
        """Whether every training sample is on the right side of every boundary."""
        # The largest |δ| of a sample is 1 − p of its own class: below ½, no other class can be as probable.
        return bool((np.abs(self._errors(p, self._y)) < 0.5).all())

    # -- the model ---------------------------------------------------------------------------------------------------

    def weights_and_bias(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        """Cut θ into copies of W, shape (n_features, n_outputs), and b, shape (n_outputs,)."""
        matrix = self._matrix(theta).copy()
        return matrix[:-1], matrix[-1]

    def predict(self, theta: Any, x: Any) -> np.ndarray:
        """The most probable label for every row of x, shape (n,)."""
        return self._labels(self._all_logits(theta, x))

    def probabilities(self, theta: Any, x: Any) -> np.ndarray:
        """The probabilities of the model for every row of x, shape (n, n_outputs)."""
        return self._probabilities(self._all_logits(theta, x))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_samples:,} samples, {self.dimension:,} parameters, l2={self.l2:g})"

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _matrix(self, theta: Any) -> np.ndarray:
        return self._point(theta).reshape(-1, self.n_outputs)

    def _probabilities_at(self, theta: Any) -> np.ndarray:
        """p of all samples. The gradient, the products and the preconditioner at one θ share them."""
        matrix = self._matrix(theta)
        if self._last is None or not np.array_equal(self._last[0], matrix):
            p = self._probabilities(self._all_logits(theta, self._x)).reshape(self.n_samples, self.n_outputs)
            self._last = matrix.copy(), p
        return self._last[1]

    def _hessian_times(self, p: np.ndarray, vector: np.ndarray, dtype: Any) -> np.ndarray:
        """H v where the probabilities are p, in one pass over the data."""
        matrix = vector.reshape(-1, self.n_outputs)

        def curved(r: np.ndarray, rows: slice) -> np.ndarray:
            return self._curvature_times(p[rows], r)

        return (self._sweep(matrix, curved, dtype) + self._penalty_gradient(matrix)).ravel()

    @cached_property
    def _input_axes(self) -> tuple[np.ndarray, np.ndarray]:
        """The eigenvalues and eigenvectors of (1/n) Σ x̃ᵢᵀ x̃ᵢ, shape (n_features + 1, n_features + 1)."""
        size = self.n_features + 1
        total = np.zeros((size, size))
        for first in range(0, self.n_samples, 4096):
            x = self._x[first : first + 4096]
            x = np.column_stack([x, np.ones(len(x), x.dtype)])
            total += x.T @ x
        values, vectors = np.linalg.eigh(total / self.n_samples)
        return np.maximum(values, 0.0), vectors

    def _mean_curvature(self, p: np.ndarray) -> np.ndarray:
        """(1/n) Σ ∂²ℓᵢ/∂z², shape (n_outputs, n_outputs)."""
        outputs = range(self.n_outputs)
        return np.array([[self._curvature(p, k, j).mean() for j in outputs] for k in outputs])

    def _all_logits(self, theta: Any, x: Any) -> np.ndarray:
        matrix = self._matrix(theta)
        x = x if x is self._x else check_array("x", x, shape=(None, self.n_features))
        rows = self._blocks[0].stop
        with self._one_thread():
            return np.concatenate([_logits(x[first : first + rows], matrix) for first in range(0, len(x), rows)])

    def _sweep(
        self, matrix: np.ndarray, inner: Callable[[np.ndarray, slice], np.ndarray], dtype: Any = np.float64
    ) -> np.ndarray:
        """(1/n) Σ x̃ᵢᵀ inner(x̃ᵢ Θ): the one pattern of the gradient and of the products with the Hessian."""
        total = np.zeros(matrix.shape)
        weights, bias = matrix[:-1].astype(dtype), matrix[-1].astype(dtype)
        with self._one_thread():
            for rows in self._blocks:
                x = self._x[rows].astype(dtype, copy=False)
                outer = inner(x @ weights + bias, rows).astype(dtype, copy=False)
                total[:-1] += x.T @ outer
                total[-1] += outer.sum(axis=0)
        return total / self.n_samples

    def _one_thread(self) -> AbstractContextManager[Any]:
        """Keep BLAS to one thread: on blocks this small, threads cost more than they bring, up to eight times."""
        if len(self._blocks) == 1:
            return nullcontext()
        return _blas().limit(limits=1, user_api="blas")

    def _penalty(self, matrix: np.ndarray) -> float:
        return 0.5 * self.l2 * float(np.square(matrix[:-1]).sum())

    def _penalty_gradient(self, matrix: np.ndarray) -> np.ndarray:
        gradient = self.l2 * matrix
        gradient[-1] = 0.0
        return gradient

    def _check_that_every_class_has_a_sample(self) -> None:
        counts = np.bincount(self._y, minlength=max(2, self.n_outputs))
        if not counts.all():
            missing = int(np.argmin(counts))
            raise ValueError(f"minimum: there is none, because class {missing} has no sample: its bias falls for ever")


class LogisticRegression(Regression):
    r"""Logistic regression: two classes, one output.

    .. math:: J(\theta) = \frac1n \sum_i \left[\ln(1 + e^{z_i}) - y_i z_i\right] + \frac{\lambda}{2}\lVert w\rVert^2,
              \qquad z_i = x_i w + b

    .. math:: \nabla J = \frac1n \tilde X^\top (p - y) + \lambda I_w \theta, \qquad
              \nabla^2 J = \frac1n \tilde X^\top \operatorname{diag}(p \odot (1 - p))\, \tilde X + \lambda I_w

    with p = σ(z), X̃ = (X, 1), and I_w the identity without the bias's 1. θ = (w, b), d = n_features + 1. The bias is
    not penalised.

    Args:
        x: inputs, shape (n, n_features); float32 or float64, not copied.
        y: labels 0 and 1, shape (n,), integers or booleans.
        l2: penalty strength λ >= 0; default 0. With λ > 0 the minimum exists; it is unique.

    Raises:
        TypeError, ValueError: if an argument is out of range.

    Example:
        >>> problem = LogisticRegression([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1], l2=0.1)
        >>> round(problem.value(problem.start), 6)   # ln 2: both classes are equally probable
        0.693147
        >>> problem.minimum.round(4).tolist(), round(problem.minimum_value, 6)
        ([0.6367, -0.9551], 0.615513)

    Source: Cox (1958), *The regression analysis of binary sequences*, J. R. Stat. Soc. B 20(2), 215–242;
    Hastie, Tibshirani, Friedman (2009), *The Elements of Statistical Learning*, Section 4.4.

    Warning: scikit-learn sums the loss instead of averaging it: its ``C`` is 1 / (n λ).
    Keras's ``kernel_regularizer=L2(c)`` adds c‖w‖², so c = λ/2.
    """

    name = "logistic_regression"

    def __init__(self, x: Any, y: Any, l2: float = 0.0) -> None:
        x = check_array("x", x, ndim=2)
        labels = check_labels("y", _as_integers(y), n_classes=2, n_samples=len(x))
        super().__init__(x, labels, check_number("l2", l2, low=0.0), n_outputs=1)

    def _losses(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.logaddexp(0.0, z[:, 0]) - y * z[:, 0]

    def _probabilities(self, z: np.ndarray) -> np.ndarray:
        small = np.exp(-np.abs(z))  # never overflows
        return np.where(z >= 0, 1.0, small) / (1.0 + small)

    def _errors(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        return p - y[:, None]

    def _curvature_times(self, p: np.ndarray, r: np.ndarray) -> np.ndarray:
        return p * (1.0 - p) * r

    def _curvature(self, p: np.ndarray, k: int, j: int) -> np.ndarray:
        return p[:, 0] * (1.0 - p[:, 0])

    def _labels(self, z: np.ndarray) -> np.ndarray:
        return (z[:, 0] > 0).astype(np.int64)

    def _centred(self, matrix: np.ndarray) -> np.ndarray:
        return matrix


class SoftmaxRegression(Regression):
    r"""Softmax regression: K classes, one output each; a network without hidden layers.

    .. math:: J(\theta) = \frac1n \sum_i \left[\ln \sum_k e^{z_{ik}} - z_{i,\text{right}}\right]
              + \frac{\lambda}{2}\lVert W\rVert^2, \qquad z_i = x_i W + b

    .. math:: \nabla J = \frac1n \tilde X^\top (P - Y) + \lambda I_w \Theta, \qquad
              \nabla^2 J = \frac1n \sum_i \left(\tilde x_i^\top \tilde x_i\right) \otimes
              \left(\operatorname{diag} p_i - p_i p_i^\top\right) + \lambda\, I_w \otimes I

    with P the softmax of the logits (p_i its rows as columns), Y the labels as rows of 0 and 1, X̃ = (X, 1), Θ the
    matrix W with b below it, and I_w the identity without the bias's 1. θ holds Θ row by row; d = (n_features + 1) K.
    The bias is not penalised. Adding one number to every bias changes nothing: of all minima, ``minimum`` is the one
    whose biases sum to 0.

    Args:
        x: inputs, shape (n, n_features); float32 or float64, not copied.
        y: labels 0 … K − 1, shape (n,), integers.
        l2: penalty strength λ >= 0; default 0. With λ > 0 and a sample of every class the minimum exists.
        n_classes: K >= 2; default: one more than the largest label.

    Raises:
        TypeError, ValueError: if an argument is out of range.

    Example:
        >>> problem = SoftmaxRegression([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 2], l2=0.1)
        >>> round(problem.value(problem.start), 6)   # ln 3: all classes are equally probable
        1.098612
        >>> problem.predict(problem.minimum, [[-1.0], [4.0]]).tolist()
        [0, 2]

    Source: Bishop (2006), *Pattern Recognition and Machine Learning*, Section 4.3.4; Böhning (1992), *Multinomial
    logistic regression algorithm*, Ann. Inst. Stat. Math. 44, 197–200.

    Warning: scikit-learn sums the loss instead of averaging it: its ``C`` is 1 / (n λ).
    Keras's ``kernel_regularizer=L2(c)`` adds c‖W‖², so c = λ/2.
    """

    name = "softmax_regression"

    def __init__(self, x: Any, y: Any, l2: float = 0.0, n_classes: int | None = None) -> None:
        x = check_array("x", x, ndim=2)
        if n_classes is None:
            found = np.asarray(y)
            is_labels = found.dtype.kind in "iu" and found.size
            n_classes = max(2, int(found.max()) + 1) if is_labels else 2
        n_classes = check_integer("n_classes", n_classes, low=2)
        labels = check_labels("y", y, n_classes=n_classes, n_samples=len(x)).astype(np.int64, copy=False)
        super().__init__(x, labels, check_number("l2", l2, low=0.0), n_outputs=n_classes)

    def _losses(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        largest = z.max(axis=1)
        log_sum = np.log(np.exp(z - largest[:, None]).sum(axis=1)) + largest
        return log_sum - z[np.arange(len(y)), y]

    def _probabilities(self, z: np.ndarray) -> np.ndarray:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p

    def _errors(self, p: np.ndarray, y: np.ndarray) -> np.ndarray:
        errors = p.copy()
        errors[np.arange(len(y)), y] -= 1.0
        return errors

    def _curvature_times(self, p: np.ndarray, r: np.ndarray) -> np.ndarray:
        return p * (r - (p * r).sum(axis=1, keepdims=True))

    def _curvature(self, p: np.ndarray, k: int, j: int) -> np.ndarray:
        return p[:, k] * ((k == j) - p[:, j])

    def _labels(self, z: np.ndarray) -> np.ndarray:
        return z.argmax(axis=1)

    def _centred(self, matrix: np.ndarray) -> np.ndarray:
        return matrix - matrix.mean(axis=1, keepdims=True)


def _pass_on_an_interrupt(result: Result) -> None:
    if result.message == "interrupted":
        raise KeyboardInterrupt


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _logits(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return x.astype(np.float64, copy=False) @ matrix[:-1] + matrix[-1]


def _as_integers(y: Any) -> Any:
    """Booleans as 0 and 1, so that ``labels == 3`` can be passed."""
    labels = np.asarray(y)
    return labels.astype(np.int64) if labels.dtype.kind == "b" else y
