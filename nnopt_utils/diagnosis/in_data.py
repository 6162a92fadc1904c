"""Signs that the data show, whatever the network."""

from __future__ import annotations

from collections import Counter

import numpy as np

from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.registry import VALIDATION, sign
from nnopt_utils.diagnosis.view import RunView

LARGEST_RMS, SMALLEST_RMS = 10.0, 0.01
SHARED_ROWS = 0.01  # of the validation rows: MNIST's own splits share none


@sign("unscaled_inputs", "inputs are far from the size 1 that initial weights are made for")
def unscaled_inputs(view: RunView) -> Finding | None:
    """The RMS of the inputs that are not 0 is far from 1."""
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
    """A training row's neighbours tell its label no more often than chance; a validation row's neighbours do.

    Where validation rows do not confirm it, labels that were torn everywhere, random labels and tasks in which
    neighbours say nothing (parity) look the same: a symptom, named while the network has learnt next to nothing. Where
    only a part of the labels is torn, neighbours still tell some: that looks like noise, and is not named.
    """
    told = view.told
    if told is None or not told.is_chance:
        return None
    clear = view.told_in_validation is not None and view.told_in_validation.is_clear
    if not clear and (view.diverged or not view.train_loss or view.train_loss[-1] < 0.8 * view.chance):
        return None
    other = f"; among validation rows {view.told_in_validation.right:.0%}" if clear and view.told_in_validation else ""
    return Finding(
        "torn_labels",
        f"the neighbours of {told.n} training rows tell {told.right:.0%} of the labels, chance tells {told.chance:.0%}"
        f"{other}",
        "look at ten rows beside their labels; find where x was reordered and y was not",
        0.93 if clear else 0.78,
    )


@sign("leaked_data", "rows of the validation set are in the training set", VALIDATION)
def leaked_data(view: RunView) -> Finding | None:
    """More validation rows are in the training set, byte for byte, than training rows are there a second time.

    Rows that legitimately repeat, as of a few small integers, do so within the training set as often. A copy with any
    change is not seen, nor are rows that were repeated before the split.
    """
    assert view.x_val is not None
    keys = _row_keys(view.x)
    among, asked = Counter(keys), _row_keys(view.x_val.astype(view.x.dtype))
    shared = float(np.mean([key in among for key in asked]))
    repeated = float(np.mean([among[key] > 1 for key in keys]))
    expected = repeated + 4 * np.sqrt(repeated * (1 - repeated) / len(asked))
    if shared <= expected + SHARED_ROWS:
        return None
    return Finding(
        "leaked_data",
        f"{shared:.0%} of the validation rows are in the training set too",
        "split before anything else, and judge on rows that no step has seen",
        0.97,
    )


def _row_keys(x: np.ndarray) -> list[int]:
    """A number for each row, the same for equal rows; −0 counts as 0."""
    return [hash(row.tobytes()) for row in np.ascontiguousarray(x) + x.dtype.type(0)]
