"""Four Adams as one finds them printed, for an exercise: one is right, three have a slip on purpose."""

from __future__ import annotations

import numpy as np

Step = tuple[np.ndarray, np.ndarray, np.ndarray]


def adam_a(theta: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> Step:
    m = 0.9 * m + 0.1 * g  # line 1
    v = 0.999 * v + 0.001 * g**2  # line 2
    m_hat = m / (1 - 0.9**t)  # line 3
    v_hat = v / (1 - 0.999**2)  # line 4
    return theta - 0.001 * m_hat / (np.sqrt(v_hat) + 1e-8), m, v  # line 5


def adam_b(theta: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> Step:
    m = m + 0.1 * (g - m)  # line 1
    v = v + 0.001 * (g * g - v)  # line 2
    m_hat = m / (1 - 0.9**t)  # line 3
    root = np.sqrt(v / (1 - 0.999**t))  # line 4
    return theta - 0.001 * m_hat / (root + 1e-8), m, v  # line 5


def adam_c(theta: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> Step:
    m = 0.9 * m + 0.1 * g  # line 1
    v = 0.999 * v + 0.001 * g**2  # line 2
    m_hat = m / (1 - 0.9**t)  # line 3
    v_hat = v / (1 - 0.999**t)  # line 4
    return theta - 0.001 * m_hat / np.sqrt(v_hat) + 1e-8, m, v  # line 5


def adam_d(theta: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> Step:
    m = 0.9 * m + 0.1 * g  # line 1
    v = 0.999 * v + 0.001 * g**2  # line 2
    m = m / (1 - 0.9**t)  # line 3
    v_hat = v / (1 - 0.999**t)  # line 4
    return theta - 0.001 * m / (np.sqrt(v_hat) + 1e-8), m, v  # line 5
