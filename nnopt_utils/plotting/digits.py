"""A grid of digits, with what they are and what a network takes them for."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nnopt_utils._validation import check_array, check_integer, describe
from nnopt_utils.plotting.style import COLOURS, PAGE_WIDTH, own_or_new, styled

_MOST_IMAGES = 200
_TITLE = 0.42  # room above each image, in image heights


@styled
def plot_digits(
    images: Any, labels: Any = None, predictions: Any = None, columns: int = 8, ax: Axes | None = None
) -> Axes:
    """Draw a grid of square grey images. A wrong prediction is titled "true → predicted", in vermillion and bold.

    Args:
        images: shape (n, side²), such as (n, 784), or one of shape (side²,); 1 to 200 of them. Values in [0, 1] go from
            white to black; if any is outside, the smallest and largest of all do.
        labels: the true classes, shape (n,); default none.
        predictions: the predicted classes, shape (n,); default none. With ``labels`` they are compared.
        columns: images a row, >= 1; default 8.
        ax: where to draw; default a new figure.

    Returns:
        The axes, with one image a digit in ``ax.images`` and its title in ``ax.texts``.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> ax = plot_digits(np.zeros((2, 784)), labels=[7, 3], predictions=[7, 8])
        >>> [text.get_text() for text in ax.texts]
        ['7', '3 → 8']
    """
    pictures = _check_images(images)
    check_integer("columns", columns, low=1)
    titles = _titles(len(pictures), labels, predictions)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    pitch = 1.0 + _TITLE if titles else 1.08
    inches = min(1.0, PAGE_WIDTH / columns)  # a picture and its margin
    ax = own_or_new(ax, width=max(inches * columns, 2.0), height=max(inches * rows * pitch, 1.0))
    low, high = float(pictures.min()), float(pictures.max())
    low, high = (0.0, 1.0) if low >= 0.0 and high <= 1.0 else (low, high)
    for index, picture in enumerate(pictures):
        left, bottom = index % columns * 1.08, -(index // columns + 1) * pitch
        ax.imshow(
            picture,
            cmap="gray_r",
            vmin=low,
            vmax=high,
            extent=(left, left + 1, bottom, bottom + 1),
            interpolation="nearest",
        )
        if titles:
            text, wrong = titles[index]
            ax.text(
                left + 0.5,
                bottom + 0.99,
                text,
                ha="center",
                va="bottom",
                fontsize=10,
                color=COLOURS["vermillion"] if wrong else "black",
                weight="bold" if wrong else "normal",
            )
    ax.set(xlim=(-0.04, columns * 1.08), ylim=(-rows * pitch - 0.04, 0.0))
    ax.set_axis_off()
    return ax


def _check_images(images: Any) -> np.ndarray:
    images = np.atleast_2d(check_array("images", images))
    side = round(images.shape[-1] ** 0.5)
    if images.ndim != 2 or side * side != images.shape[-1]:
        raise ValueError(f"images: got {describe(images)}; expected shape (n, side²), such as (n, 784)")
    if len(images) > _MOST_IMAGES:
        raise ValueError(f"images: got {len(images)}; expected at most {_MOST_IMAGES}, such as images[:40]")
    return images.reshape(-1, side, side)


def _titles(n: int, labels: Any, predictions: Any) -> list[tuple[str, bool]]:
    """The title of each image, and whether it is a mistake."""
    given = {"labels": labels, "predictions": predictions}
    arrays = {name: np.atleast_1d(np.asarray(value)) for name, value in given.items() if value is not None}
    for name, array in arrays.items():
        if array.shape != (n,):
            raise ValueError(f"{name}: got {describe(array)}; expected shape ({n},), one an image")
    if len(arrays) < 2:
        return [(str(value), False) for array in arrays.values() for value in array]
    return [
        (str(true) if true == guess else f"{true} → {guess}", bool(true != guess))
        for true, guess in zip(arrays["labels"], arrays["predictions"], strict=True)
    ]
