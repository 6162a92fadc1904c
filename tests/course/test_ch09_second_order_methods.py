"""Chapter 09: what its exercises need."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch09_second_order_methods.frugal import SMALLEST, without
from nnopt_utils.course.exercises.calling import Unusable
from nnopt_utils.course.exercises.examine import examine


class TestWithoutALargeMatrix:
    x = np.ones(1000)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_refuses_the_matrix_in_either_precision(self, dtype: Any) -> None:
        x = self.x.astype(dtype)
        with pytest.raises(Unusable, match="it made a square, or something as large"):
            without("a square", x.size**2, lambda x: np.outer(x, x) @ x, x)

    def test_what_was_there_before_is_not_counted(self) -> None:
        large = np.ones((2000, 1000))
        assert without("a square", self.x.size**2, lambda x: large @ x, self.x).shape == (2000,)

    def test_many_vectors_one_after_the_other_are_no_matrix(self) -> None:
        def product(x: np.ndarray) -> np.ndarray:
            for _ in range(5000):
                x = x * 1.0
            return x

        np.testing.assert_array_equal(without("a square", self.x.size**2, product, self.x), self.x)

    def test_small_cases_are_not_measured(self) -> None:
        assert without("a square", SMALLEST - 1, lambda: np.ones((1000, 1000))).shape == (1000, 1000)

    def test_measuring_ends_also_after_an_error(self) -> None:
        with pytest.raises(ZeroDivisionError):
            without("a square", SMALLEST, lambda: 1 / 0)
        assert not tracemalloc.is_tracing()

    def test_somebody_elses_measuring_goes_on(self) -> None:
        tracemalloc.start()
        try:
            with pytest.raises(Unusable):
                without("a square", self.x.size**2, lambda x: np.outer(x, x), self.x)
            assert tracemalloc.is_tracing()
        finally:
            tracemalloc.stop()


# Answers that are right as well, written in another way.
RIGHT = {
    "09.newton_step": [
        lambda theta, g, H: theta - np.linalg.inv(H) @ g,
        lambda theta, g, H: np.linalg.solve(H, H @ theta - g),
        lambda theta, g, H: theta + np.linalg.lstsq(H, -g, rcond=None)[0],
    ],
    "09.hessian_times": [
        lambda x, p, v: ((p - p**2) * x.T) @ (x @ v) / x.shape[0],
        lambda x, p, v: np.mean((p * (1 - p) * (x @ v))[:, None] * x, axis=0),
        lambda x, p, v: sum(p_i * (1 - p_i) * (x_i @ v) * x_i for x_i, p_i in zip(x, p, strict=True)) / len(p),
    ],
    "09.gauss_newton_step": [
        lambda theta, r, R: theta + np.linalg.lstsq(R, -r, rcond=None)[0],
        lambda theta, r, R: theta - np.linalg.pinv(R) @ r,
        lambda theta, r, R: theta - np.linalg.solve(np.linalg.qr(R)[1], np.linalg.qr(R)[0].T @ r),
    ],
    "09.kronecker_solve": [
        lambda G, A, S: np.linalg.solve(A, np.linalg.solve(S.T, G.T).T),
        lambda G, A, S: np.linalg.inv(A) @ G @ np.linalg.inv(S),
    ],
    "09.shampoo_step": [
        lambda G, L, R: _root(_root(L, 1), -1) @ G @ np.linalg.inv(_root(_root(R, 1), 1)),
    ],
}


def _root(matrix: np.ndarray, sign: int) -> np.ndarray:
    """Return the root of a matrix (sign 1) or its inverse (−1)."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values ** (0.5 * sign)) @ vectors.T


@pytest.mark.parametrize(
    ("name", "position"), [(name, i) for name, answers in RIGHT.items() for i in range(len(answers))]
)
def test_other_ways_are_right_as_well(name: str, position: int) -> None:
    result = examine(EXERCISES[name], RIGHT[name][position])
    assert result, result.message


def test_two_loops_by_recursion_are_right_as_well() -> None:
    def product(gradient: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]], gamma: float) -> np.ndarray:
        if not pairs:
            return gamma * gradient
        s, y = pairs[-1]
        share = s @ gradient / (y @ s)
        inner = product(gradient - share * y, pairs[:-1], gamma)
        return inner + (share - y @ inner / (y @ s)) * s

    result = examine(EXERCISES["09.two_loops"], product)
    assert result, result.message


def test_a_matrix_in_single_precision_is_seen_too() -> None:
    def in_single_precision(x: np.ndarray, p: np.ndarray, v: np.ndarray) -> np.ndarray:
        weighted = (x.T * (p * (1 - p))).astype(np.float32)
        return weighted @ x.astype(np.float32) @ v / len(x)

    result = examine(EXERCISES["09.hessian_times"], in_single_precision)
    assert "it made a 500 × 500 matrix" in result.message


def test_a_changed_gradient_is_named() -> None:
    def spoils(gradient: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]], gamma: float) -> np.ndarray:
        result = EXERCISES["09.two_loops"].reference(gradient, pairs, gamma)
        gradient *= gamma
        return result

    result = examine(EXERCISES["09.two_loops"], spoils)
    assert result.mistake == "slip:argument_changed"
    assert "`gradient`" in result.message


def test_newton_goes_where_the_exercise_says() -> None:
    theta = 0.4
    for _ in range(10):
        theta -= (theta**3 - theta) / (3 * theta**2 - 1)
    assert abs(theta) < 1e-12


def test_fisher_informations_are_those_of_the_exercise() -> None:
    p = 0.9
    by_label = [(p - label) ** 2 for label in (0, 1)]
    np.testing.assert_allclose([(1 - p) * by_label[0] + p * by_label[1], by_label[1]], [0.09, 0.01])
