"""Signs that the data show, whatever the network."""

from __future__ import annotations

import numpy as np

from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.registry import VALIDATION, sign
from nnopt_utils.diagnosis.view import RunView

LARGEST_RMS, SMALLEST_RMS = 10.0, 0.01
SHARED_ROWS = 0.01  # of the validation rows: MNIST's own splits share none


@sign("unscaled_inputs", "inputs are far from the size 1 that initial weights are made for")
def unscaled_inputs(view: RunView) -> Finding | None:
    """The RMS of the inputs is far from 1."""
    rms = view.inputs_rms
    if SMALLEST_RMS < rms < LARGEST_RMS:
        return None
    low, high = float(view.rows.min()), float(view.rows.max())
    return Finding(
        "unscaled_inputs",
        f"the inputs run from {low:g} to {high:g}, their RMS is {rms:.3g}; initial weights expect about 1",
        "scale them, x / 255 for pixels, in the same way wherever the network is used",
        0.95,
    )


@sign("torn_labels", "labels no longer stand beside their rows")
def torn_labels(view: RunView) -> Finding | None:
    """A row's nearest neighbour has the same label no more often than chance, and the network learns nothing either."""
    if view.is_learnt():
        return None
    right, chance, n = nearest_neighbour(view.rows, view.labels)
    margin = 4 * np.sqrt(chance * (1 - chance) / n)
    if right > chance + margin:
        return None
    return Finding(
        "torn_labels",
        f"of {n} training rows, {right:.0%} have their nearest neighbour's label; chance gives {chance:.0%}",
        "look at ten rows beside their labels; find where x was reordered and y was not",
        0.93,
    )


@sign("leaked_data", "rows of the validation set are in the training set", VALIDATION)
def leaked_data(view: RunView) -> Finding | None:
    """Validation rows are found, byte for byte, among the training rows."""
    assert view.x_val is not None
    seen = {row.tobytes() for row in np.ascontiguousarray(view.x)}
    shared = float(np.mean([row.tobytes() in seen for row in np.ascontiguousarray(view.x_val).astype(view.x.dtype)]))
    if shared <= SHARED_ROWS:
        return None
    return Finding(
        "leaked_data",
        f"{shared:.0%} of the validation rows are in the training set too",
        "split before anything else, and judge on rows that no step has seen",
        0.97,
    )


def nearest_neighbour(x: np.ndarray, y: np.ndarray) -> tuple[float, float, int]:
    """Return how often a row of the second half has the label of its nearest row in the first, and of how many rows.

    Between the two stands how often that would be by chance: with the label of a row drawn at random.

    >>> nearest_neighbour(np.array([[0.0], [9.0], [0.1], [9.1]]), np.array([0, 1, 0, 1]))
    (1.0, 0.5, 2)
    """
    half = len(x) // 2
    known, asked = x[:half].astype(np.float64), x[half:].astype(np.float64)
    distances = np.sum(known**2, axis=1) - 2 * asked @ known.T
    found = y[:half][distances.argmin(axis=1)]
    shares = [np.bincount(part, minlength=int(y.max()) + 1) / len(part) for part in (y[:half], y[half:])]
    return float(np.mean(found == y[half:])), float(shares[0] @ shares[1]), len(asked)
