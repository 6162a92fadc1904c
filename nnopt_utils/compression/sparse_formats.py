"""What a matrix with zeros takes in the usual formats."""

from __future__ import annotations

from typing import Any

from nnopt_utils._validation import describe
from nnopt_utils.compression.masked import check_mask
from nnopt_utils.compression.positions import gap_bytes


def sparse_bytes(kept: Any, value_bytes: float = 4) -> dict[str, int]:
    """Return the bytes that a matrix takes in four formats.

    ``"dense"``: every entry. ``"CSR"``: each kept entry, 4 bytes for its column, and 4 bytes for the start of each row
    and for the end. ``"bitmap"``: the kept entries, and a bit for every entry. ``"gaps"``: the kept entries, and
    :func:`gaps_from` in Huffman's code with its table, as in the file format.

    Args:
        kept: True for the entries that are not zero, (rows, columns).
        value_bytes: of one entry; default 4, float32.

    Raises:
        TypeError, ValueError: no two-dimensional mask.

    Example:
        >>> import numpy as np
        >>> kept = np.zeros((800, 64), bool)
        >>> kept[:, ::10] = True
        >>> sparse_bytes(kept)
        {'dense': 204800, 'CSR': 48004, 'bitmap': 28800, 'gaps': 23212}

    Source: of CSR: Y. Saad, "Iterative methods for sparse linear systems", SIAM 2003, section 3.4.
    """
    mask = check_mask("kept", kept)
    if mask.ndim != 2:
        raise ValueError(f"kept: got {describe(mask)}; expected a matrix")
    values = round(int(mask.sum()) * value_bytes)
    return {
        "dense": round(mask.size * value_bytes),
        "CSR": values + 4 * int(mask.sum()) + 4 * (len(mask) + 1),
        "bitmap": values + -(-mask.size // 8),
        "gaps": values + len(gap_bytes(mask)),
    }
