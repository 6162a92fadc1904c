"""What a run costs in operations: the products of matrices in its steps, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYERS = ((784, 64), (64, 64), (64, 10))
PARAMETERS = sum((rows + 1) * columns for rows, columns in LAYERS)
SIDES = [(rows + 1, columns) for rows, columns in LAYERS]  # of a layer with its biases as one more row

BOTH_SIDES = sum(2 * (p * p * q + p * q * q) for p, q in SIDES)  # every layer's matrix multiplied from both sides
CUBES = sum(p**3 + q**3 for p, q in SIDES)
SQUARES = sum(p * p + q * q for p, q in SIDES)


def gradient_operations(batch_size: int) -> float:
    """Six a parameter and sample: a multiplication and an addition, forward once and backward twice.

    >>> gradient_operations(128) == 6 * 128 * 55_050
    True
    """
    return 6.0 * batch_size * PARAMETERS


def work(label: str, batch_size: int, steps: Any) -> np.ndarray:
    """Operations of runs of so many steps on 784-64-64-10, with the settings of this chapter's race.

    Eigenvectors of a matrix of side n are taken to cost 9 n³, a root 2 n³ more, a step of SOAP's QR method 20/3 n³.
    What is done entry by entry, as all of Adam's rule, is left out.

    Args:
        label: of the race.
        batch_size: B.
        steps: a number, or an array of them.
    """
    steps = np.asarray(steps, dtype=float)
    a_step, a_renewal, renewals = gradient_operations(batch_size), 0.0, 0.0 * steps
    if label == "K-FAC":
        a_step += 4 * batch_size * PARAMETERS  # forward, and the drawn labels back
        a_step += 2 * batch_size * SQUARES  # both factors of every layer
        a_step += 2 * BOTH_SIDES  # into their eigenvectors, and out of them
        a_step += 2 * 4 * batch_size * PARAMETERS  # two directions carried forward, for the length of the step
        a_renewal, renewals = 9 * CUBES, np.minimum(steps, 3) + steps // 10
    elif label == "Shampoo":
        a_step += 2 * BOTH_SIDES  # its factors, and their roots times the gradient
        a_renewal, renewals = 11 * CUBES, 1 + (steps - 1) // 20
    elif label == "SOAP":
        a_step += 4 * BOTH_SIDES  # its factors; the gradient, its average and the step turned
        a_renewal, renewals = 20 / 3 * CUBES, 1 + (steps - 1) // 10
    total: np.ndarray = steps * a_step + renewals * a_renewal
    return total
