"""The data of the course: MNIST from the repository or the wheel, and three small synthetic sets.

Nothing is ever downloaded. ``load_mnist`` reads ``mnist.npz`` and refuses a file that is not the
published one, so that every figure of the course rests on the same images.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils._commands import python
from nnopt_utils._folders import data_folder, expanded, repository
from nnopt_utils._tables import aligned
from nnopt_utils._validation import as_generator, check_finite, check_integer, check_not_negative, describe

MNIST_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"
MNIST_BYTES = 11_490_519
MNIST_PATH = data_folder() / "mnist.npz"

N_VALIDATION = 5_000
_MNIST_SHAPES = {"x_train": (60_000, 28, 28), "y_train": (60_000,), "x_test": (10_000, 28, 28), "y_test": (10_000,)}


class DatasetError(RuntimeError):
    """The data file cannot be used. The message says which file, what is wrong and how to restore it.

    Example:
        >>> load_mnist("no such file.npz")
        Traceback (most recent call last):
        ...
        nnopt_utils.datasets.DatasetError: ...
    """


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs and targets of one task, split into training, validation and test set.

    The rows of every array are samples. The arrays are **read-only views**: a notebook cell cannot
    silently change the data that other cells use. Slices are read-only too; write to a copy,
    ``data.x_train[:100].copy()``.

    Args:
        x_train: training inputs, shape (n_train, n_features).
        y_train: training targets, shape (n_train,) for class labels, or (n_train, n_outputs).
        x_val: validation inputs: what learning rates and other choices are tuned on.
        y_val: validation targets.
        x_test: test inputs: used once, at the end.
        y_test: test targets.

    Raises:
        TypeError: if a field is not an array of numbers.
        ValueError: if inputs and targets differ in length, the splits differ in shape, or a value is NaN.

    Example:
        >>> x, y = two_moons(100, seed=1)
        >>> Dataset(x[:60], y[:60], x[60:80], y[60:80], x[80:], y[80:])
        Dataset(60 training, 20 validation, 20 test samples of 2 features, 2 classes)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _read_only(field.name, getattr(self, field.name)))
        for part in ("train", "val", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if len(x) != len(y):
                raise ValueError(f"y_{part}: got {len(y)} targets; expected {len(x)}, one a row of x_{part}")
            for name, array, first in ((f"x_{part}", x, self.x_train), (f"y_{part}", y, self.y_train)):
                if array.shape[1:] != first.shape[1:]:
                    raise ValueError(f"{name}: got samples of shape {array.shape[1:]}; expected {first.shape[1:]}")

    @property
    def n_features(self) -> int:
        """Number of inputs of one sample, n₀."""
        return math.prod(self.x_train.shape[1:])

    @property
    def n_classes(self) -> int:
        """Number of classes K: one more than the largest label.

        Raises:
            ValueError: if the targets are not class labels (1-D integers).
        """
        if self.y_train.ndim != 1 or self.y_train.dtype.kind not in "iu":
            raise ValueError(f"n_classes: y_train is a {describe(self.y_train)}; only integer labels have classes")
        return 1 + max(int(y.max()) for y in (self.y_train, self.y_val, self.y_test))

    def describe(self) -> str:
        """A table of the arrays as text: name, shape, dtype and range of values.

        >>> x, y = two_moons(20)
        >>> print(Dataset(x[:10], y[:10], x[10:15], y[10:15], x[15:], y[15:]).describe().splitlines()[2])
        y_train  (10,)            int64     0 … 1
        """
        rows = [("array", "shape", "dtype", "values")]
        for field in fields(self):
            array = getattr(self, field.name)
            rows.append((field.name, str(array.shape), str(array.dtype), f"{array.min():.4g} … {array.max():.4g}"))
        return aligned(rows, widths=[8, 16, 9], between=" ")

    def __repr__(self) -> str:
        counts = f"{len(self.x_train):,} training, {len(self.x_val):,} validation, {len(self.x_test):,} test samples"
        is_labels = self.y_train.ndim == 1 and self.y_train.dtype.kind in "iu"
        classes = f", {self.n_classes} classes" if is_labels else ""
        return f"Dataset({counts} of {self.n_features} features{classes})"


def load_mnist(path: str | os.PathLike[str] | None = None) -> Dataset:
    """Load MNIST, checked, split 55,000 / 5,000 / 10,000 and scaled to [0, 1].

    The validation set is the last 5,000 of the 60,000 training images; the test set is the published one.
    Inputs are float32 of shape (n, 784), pixel / 255, row after row; labels are int64, 0 … 9. All arrays
    are read-only, see ``Dataset``. Nothing is downloaded.

    Args:
        path: ``mnist.npz``, or the folder that holds it. Default: the environment variable ``NNOPT_DATA``
            (a file or a folder), else ``data/mnist.npz`` of the repository, or the copy that came with the wheel.

    Raises:
        DatasetError: if the file is missing, unreadable, truncated, altered or not an npz file.

    Example:
        >>> load_mnist()
        Dataset(55,000 training, 5,000 validation, 10,000 test samples of 784 features, 10 classes)

    Source: LeCun, Bottou, Bengio, Haffner (1998), *Gradient-based learning applied to document
    recognition*, Proc. IEEE 86(11), https://doi.org/10.1109/5.726791; ``data/README.md`` has the licence.

    Warning: ``keras.datasets.mnist.load_data()`` has no validation split and returns unscaled uint8 images;
    Keras's ``validation_split=1/12`` takes the same last 5,000.
    """
    file = _mnist_file(path)
    arrays = _unpack(file, _read(file))
    x, y = _scale(arrays["x_train"]), arrays["y_train"].astype(np.int64)
    return Dataset(
        x_train=x[:-N_VALIDATION],
        y_train=y[:-N_VALIDATION],
        x_val=x[-N_VALIDATION:],
        y_val=y[-N_VALIDATION:],
        x_test=_scale(arrays["x_test"]),
        y_test=arrays["y_test"].astype(np.int64),
    )


def two_moons(n: int = 200, noise: float = 0.1, seed: int | np.random.Generator = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles: two classes that no straight line separates.

    Class 0 lies on (cos t, sin t) and class 1 on (1 − cos t, ½ − sin t), with t evenly spaced in [0, π].

    Args:
        n: number of samples, at least 2; class 1 gets the odd one.
        noise: standard deviation of the normal noise added to both coordinates.
        seed: seed or generator of the noise and of the order of the rows.

    Returns:
        x, shape (n, 2), float64, and y, shape (n,), int64 labels 0 and 1; rows in random order.

    Raises:
        TypeError, ValueError: if an argument is out of range.

    Example:
        >>> x, y = two_moons(5, noise=0.0)
        >>> x.shape, sorted(y.tolist())
        ((5, 2), [0, 0, 1, 1, 1])

    Source: the set is known from scikit-learn's ``make_moons``; its rows come out in another order.
    """
    n = check_integer("n", n, low=2)
    noise = check_not_negative("noise", noise)
    generator = as_generator(seed)
    y = np.repeat([0, 1], [n // 2, n - n // 2])
    t = np.concatenate([np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)])
    upper = np.stack([np.cos(t), np.sin(t)], axis=1)
    x = np.where(y[:, None] == 0, upper, [1.0, 0.5] - upper)
    return _finish(x, y, noise, generator)


def gaussian_blobs(
    n: int = 300, n_classes: int = 3, noise: float = 0.8, seed: int | np.random.Generator = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Round clouds of points, one a class, with their centres on a circle of radius 2.

    Class k has its centre at angle 2πk / K. Its points are normal around it.

    Args:
        n: number of samples, at least one a class; counts differ by at most one.
        n_classes: number of classes K, at least 2.
        noise: standard deviation of each cloud in both coordinates. With 3 classes, 0.4 leaves
            the clouds apart and 0.8 lets them overlap.
        seed: seed or generator of the noise and of the order of the rows.

    Returns:
        x, shape (n, 2), float64, and y, shape (n,), int64 labels 0 … K − 1; rows in random order.

    Raises:
        TypeError, ValueError: if an argument is out of range.

    Example:
        >>> x, y = gaussian_blobs(6, n_classes=2, noise=0.0)
        >>> x[y == 0].round(6).tolist()
        [[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]
    """
    n_classes = check_integer("n_classes", n_classes, low=2)
    n = check_integer("n", n, low=n_classes)
    noise = check_not_negative("noise", noise)
    generator = as_generator(seed)
    y = np.arange(n) % n_classes
    angle = 2 * np.pi * y / n_classes
    x = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _finish(x, y, noise, generator)


def sine_curve(n: int = 100, noise: float = 0.1, seed: int | np.random.Generator = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy points of a sine: the smallest regression task.

    y = sin x + noise, with x uniform in [−π, π].

    Args:
        n: number of samples, at least 1.
        noise: standard deviation of the normal noise added to y.
        seed: seed or generator of x and of the noise.

    Returns:
        x, shape (n, 1), float64, and y, shape (n, 1), float64; rows in random order.

    Raises:
        TypeError, ValueError: if an argument is out of range.

    Example:
        >>> x, y = sine_curve(50, noise=0.0)
        >>> bool(np.allclose(y, np.sin(x)))
        True
    """
    n = check_integer("n", n, low=1)
    noise = check_not_negative("noise", noise)
    generator = as_generator(seed)
    x = generator.uniform(-np.pi, np.pi, size=(n, 1))
    return x, np.sin(x) + noise * generator.standard_normal((n, 1))


def _finish(
    x: np.ndarray, y: np.ndarray, noise: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add the noise and shuffle the rows, so that slices of the set are fair samples of it."""
    order = generator.permutation(len(x))
    noisy = x + noise * generator.standard_normal(x.shape)
    return noisy[order], y[order].astype(np.int64)


def _read_only(name: str, value: Any) -> np.ndarray:
    """A read-only view of an array of numbers; the caller's own array stays as it is."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim == 0:
        raise TypeError(f"{name}: got {describe(value)}; expected an array of numbers whose rows are samples")
    if array.size == 0:
        raise ValueError(f"{name}: got {describe(array)}; expected at least one sample")
    # The sum is NaN or infinite if any value is, and needs no array of flags: 20 times less memory traffic.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = array.dtype.kind == "f" and not np.isfinite(array.sum())
    if suspicious:
        check_finite(name, array)
    view = array.view()
    view.flags.writeable = False
    return view


def _mnist_file(path: Any) -> Path:
    """Where to read MNIST from: the argument, the environment variable, or the course's own data."""
    if path is None:
        path = os.environ.get("NNOPT_DATA") or MNIST_PATH
    elif not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: got {describe(path)}; expected the path of mnist.npz or of its folder")
    file = expanded(path)
    # os.path.isdir: unlike Path.is_dir it answers no where it may not look
    return file / "mnist.npz" if os.path.isdir(file) else file


def _read(file: Path) -> bytes:
    """The bytes of the file, if they are the published ones."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        where = "" if os.path.isdir(file.parent) else f" (there is no folder {file.parent})"
        raise _error(file, f"is missing{where}") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no system allows
        raise _error(file, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    # Checked from the bytes that are used: a file that changes in between cannot slip through.
    digest = hashlib.sha256(content).hexdigest()
    if digest == MNIST_SHA256:
        return content
    if not content:
        raise _error(file, "is empty")
    if not content.startswith(b"PK"):
        raise _error(file, f"is not an npz file: it starts with {content[:20]!r}")
    if len(content) < MNIST_BYTES:
        raise _error(file, f"is truncated or another file: {len(content):,} bytes of {MNIST_BYTES:,}")
    raise _error(file, f"was altered: its sha256 is {digest}, expected {MNIST_SHA256}")


def _unpack(file: Path, content: bytes) -> dict[str, np.ndarray]:
    """The four arrays of the npz file."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as npz:
            arrays = {key: npz[key] for key in _MNIST_SHAPES}
    except KeyError as error:
        raise _error(file, f"has an array missing: {error}") from error
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise _error(file, f"is not a readable npz file: {error}") from error
    for key, shape in _MNIST_SHAPES.items():
        array = arrays[key]
        if array.shape != shape or array.dtype != np.uint8:
            raise _error(file, f"has another content: {key} is a {describe(array)}, expected uint8 of shape {shape}")
    return arrays


def _scale(images: np.ndarray) -> np.ndarray:
    """Flatten images of bytes and scale them to [0, 1] in one pass, without a float64 copy."""
    # Dividing gives the float32 nearest to pixel / 255, as Keras's `x.astype("float32") / 255` does;
    # multiplying by 1 / 255 is one rounding off and no faster.
    return np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32)


def _error(file: Path, problem: str) -> DatasetError:
    if repository() is None:
        restore = f"install the wheel of nnopt again (`{python()} -m pip install --force-reinstall --no-deps <wheel>`)"
    else:
        restore = "run `git checkout -- data/mnist.npz` in the repository"
    return DatasetError(
        f"{file} {problem}.\n"
        f"To restore it, {restore}, or take any copy with the sha256 "
        f"{MNIST_SHA256} and put it at {MNIST_PATH} or set the environment variable NNOPT_DATA to it.\n"
        f"Nothing is downloaded; {MNIST_PATH.parent / 'README.md'} says where the file comes from."
    )
