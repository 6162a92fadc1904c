"""The data are the published ones, split as documented, and a broken file is named with its cure."""

import hashlib
import os
import re
import socket
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnopt_utils import datasets
from nnopt_utils.datasets import Dataset, DatasetError, gaussian_blobs, load_mnist, sine_curve, two_moons


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("NNOPT_DATA", raising=False)


@pytest.fixture(scope="module")
def mnist():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NNOPT_DATA", raising=False)
        return load_mnist()


@pytest.fixture
def accept(monkeypatch):
    """Make the loader take this content for the published file."""

    def accept_content(content, shapes=None):
        monkeypatch.setattr(datasets, "MNIST_SHA256", hashlib.sha256(content).hexdigest())
        if shapes:
            monkeypatch.setattr(datasets, "_MNIST_SHAPES", shapes)

    return accept_content


def small_arrays(n_train=6_000, n_test=20):
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (n_train, 2, 3), dtype=np.uint8),
        "y_train": (np.arange(n_train) % 10).astype(np.uint8),
        "x_test": generator.integers(0, 256, (n_test, 2, 3), dtype=np.uint8),
        "y_test": (np.arange(n_test) % 10).astype(np.uint8),
    }


def small_npz(folder, arrays=None, name="mnist.npz"):
    path = folder / name
    np.savez(path, **(small_arrays() if arrays is None else arrays))
    return path


def small_shapes(arrays):
    return {key: array.shape for key, array in arrays.items()}


def assert_helpful(error, path):
    """Which file, how to restore it, and that nothing is downloaded."""
    message = str(error.value)
    assert str(path) in message
    assert "git checkout -- data/mnist.npz" in message
    assert "NNOPT_DATA" in message and datasets.MNIST_SHA256 in message


def test_outside_the_repository_the_wheel_restores_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "repository", lambda: None)
    with pytest.raises(DatasetError, match="install the wheel of nnopt again") as error:
        load_mnist(tmp_path / "mnist.npz")
    assert "-m pip install --force-reinstall --no-deps <wheel>`" in str(error.value) and "git" not in str(error.value)


class TestMnist:
    def test_shapes_types_and_range(self, mnist):
        for part, n in (("train", 55_000), ("val", 5_000), ("test", 10_000)):
            x, y = getattr(mnist, f"x_{part}"), getattr(mnist, f"y_{part}")
            assert x.shape == (n, 784) and x.dtype == np.float32 and x.flags.c_contiguous
            assert y.shape == (n,) and y.dtype == np.int64
            assert x.min() == 0.0 and x.max() == 1.0
            assert set(np.unique(y)) == set(range(10))
        assert mnist.n_features == 784 and mnist.n_classes == 10

    def test_values_and_split_are_those_of_the_file(self, mnist):
        with np.load(datasets.MNIST_PATH, allow_pickle=False) as npz:
            x, y, x_test, y_test = npz["x_train"], npz["y_train"], npz["x_test"], npz["y_test"]
        scale = np.float32(255)
        np.testing.assert_array_equal(mnist.x_train[:100], x[:100].reshape(100, -1).astype(np.float32) / scale)
        np.testing.assert_array_equal(mnist.x_val, x[55_000:].reshape(5_000, -1).astype(np.float32) / scale)
        np.testing.assert_array_equal(mnist.x_test[-50:], x_test[-50:].reshape(50, -1).astype(np.float32) / scale)
        np.testing.assert_array_equal(np.concatenate([mnist.y_train, mnist.y_val]), y)
        np.testing.assert_array_equal(mnist.y_test, y_test)

    def test_repr_and_describe(self, mnist):
        assert len(repr(mnist)) < 120
        assert "55,000 training" in repr(mnist) and "784 features" in repr(mnist)
        lines = mnist.describe().splitlines()
        assert len(lines) == 7 and lines[1].split() == ["x_train", "(55000,", "784)", "float32", "0", "…", "1"]

    def test_arrays_cannot_be_changed(self, mnist):
        for name in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(mnist, name)[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            mnist.x_train[:10][0, 0] = 1.0
        with pytest.raises(FrozenInstanceError):
            mnist.x_train = None
        mnist.x_train[:10].copy()[0, 0] = 1.0

    def test_opens_no_connection(self, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("load_mnist opened a connection")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        load_mnist()

    def test_readme_has_the_checksum_and_the_authors(self):
        readme = (datasets.MNIST_PATH.parent / "README.md").read_text(encoding="utf-8")
        assert datasets.MNIST_SHA256 in readme and f"{datasets.MNIST_BYTES:,}" in readme
        for word in ("LeCun", "Cortes", "Burges", "Attribution-ShareAlike 3.0", "git checkout -- data/mnist.npz"):
            assert word in readme
        assert datasets.MNIST_PATH.stat().st_size == datasets.MNIST_BYTES


class TestWhereItIsFound:
    @pytest.fixture
    def copy(self, tmp_path, accept):
        arrays = small_arrays()
        path = small_npz(tmp_path, arrays)
        accept(path.read_bytes(), small_shapes(arrays))
        return path

    @pytest.mark.parametrize("kind", [str, Path])
    @pytest.mark.parametrize("folder", [True, False])
    def test_argument(self, copy, kind, folder):
        data = load_mnist(kind(copy.parent if folder else copy))
        assert data.x_train.shape == (1_000, 6) and data.x_val.shape == (5_000, 6) and data.x_test.shape == (20, 6)

    @pytest.mark.parametrize("folder", [True, False])
    def test_environment(self, copy, monkeypatch, folder):
        monkeypatch.setenv("NNOPT_DATA", str(copy.parent if folder else copy))
        assert load_mnist().x_train.shape == (1_000, 6)

    def test_home_directory_is_expanded(self, copy, monkeypatch):
        monkeypatch.setenv("HOME", str(copy.parent))
        monkeypatch.setenv("USERPROFILE", str(copy.parent))
        assert load_mnist("~/mnist.npz").n_features == 6

    def test_another_name_is_fine(self, copy):
        assert load_mnist(copy.rename(copy.with_name("digits.npz"))).n_features == 6

    def test_argument_wins_over_environment(self, copy, monkeypatch):
        monkeypatch.setenv("NNOPT_DATA", "/nowhere/mnist.npz")
        assert load_mnist(copy).n_features == 6

    def test_empty_environment_is_no_environment(self, copy, monkeypatch):
        monkeypatch.setenv("NNOPT_DATA", "")
        monkeypatch.setattr(datasets, "MNIST_PATH", copy)
        assert load_mnist().n_features == 6

    @pytest.mark.parametrize("path", [3, True, ["mnist.npz"], b"mnist.npz"])
    def test_wrong_type(self, path):
        with pytest.raises(TypeError, match=r"path: got .*; expected the path"):
            load_mnist(path)


class TestBrokenFile:
    def test_missing(self, tmp_path):
        path = tmp_path / "mnist.npz"
        with pytest.raises(DatasetError, match="is missing") as error:
            load_mnist(path)
        assert_helpful(error, path)
        assert error.value.__cause__ is None

    def test_missing_in_the_folder_of_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("NNOPT_DATA", str(tmp_path))
        with pytest.raises(DatasetError, match="is missing") as error:
            load_mnist()
        assert_helpful(error, tmp_path / "mnist.npz")

    def test_missing_folder(self, tmp_path):
        with pytest.raises(DatasetError, match="there is no folder") as error:
            load_mnist(tmp_path / "a" / "b.npz")
        assert_helpful(error, tmp_path / "a" / "b.npz")

    def test_path_through_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DatasetError) as error:
            load_mnist(tmp_path / "file" / "mnist.npz")
        assert_helpful(error, tmp_path / "file" / "mnist.npz")

    def test_folder_named_like_the_file(self, tmp_path):
        (tmp_path / "mnist.npz").mkdir()
        with pytest.raises(DatasetError, match="is missing") as error:
            load_mnist(tmp_path / "mnist.npz")
        assert_helpful(error, tmp_path / "mnist.npz" / "mnist.npz")

    def test_directory_that_appears_as_the_file(self, tmp_path):
        (tmp_path / "mnist.npz").mkdir()
        with pytest.raises(DatasetError, match="cannot be read") as error:
            load_mnist(tmp_path)
        assert_helpful(error, tmp_path / "mnist.npz")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_permission(self, tmp_path):
        path = small_npz(tmp_path)
        path.chmod(0)
        with pytest.raises(DatasetError, match="cannot be read") as error:
            load_mnist(path)
        assert_helpful(error, path)

    @pytest.mark.parametrize("reason", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
    def test_unreadable(self, tmp_path, monkeypatch, reason):
        path = small_npz(tmp_path)

        def refuse(self):
            raise reason

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(DatasetError, match=f"cannot be read: {reason.strerror}") as error:
            load_mnist(path)
        assert_helpful(error, path)

    def test_impossible_path(self):
        with pytest.raises(DatasetError, match="cannot be read") as error:
            load_mnist("a\0b")
        assert_helpful(error, "a\0b")

    def test_empty(self, tmp_path):
        path = tmp_path / "mnist.npz"
        path.write_bytes(b"")
        with pytest.raises(DatasetError, match="is empty") as error:
            load_mnist(path)
        assert_helpful(error, path)

    @pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>404", b"version https://git-lfs.github.com/spec/v1\n"])
    def test_not_an_npz(self, tmp_path, content):
        path = tmp_path / "mnist.npz"
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="is not an npz file: it starts with") as error:
            load_mnist(path)
        assert_helpful(error, path)
        assert repr(content[:20]) in str(error.value)

    def test_truncated(self, tmp_path):
        path = tmp_path / "mnist.npz"
        path.write_bytes(datasets.MNIST_PATH.read_bytes()[:1_000_000])
        with pytest.raises(DatasetError, match="is truncated or another file: 1,000,000 bytes of 11,490,519") as error:
            load_mnist(path)
        assert_helpful(error, path)

    @pytest.mark.parametrize("position", [100, 5_000_000, -1])
    def test_one_altered_byte(self, tmp_path, position):
        content = bytearray(datasets.MNIST_PATH.read_bytes())
        content[position] ^= 1
        path = tmp_path / "mnist.npz"
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="was altered: its sha256 is") as error:
            load_mnist(path)
        assert_helpful(error, path)

    def test_a_byte_too_many(self, tmp_path):
        path = tmp_path / "mnist.npz"
        path.write_bytes(datasets.MNIST_PATH.read_bytes() + b"\n")
        with pytest.raises(DatasetError, match="was altered"):
            load_mnist(path)

    def test_array_missing(self, tmp_path, accept):
        arrays = small_arrays()
        del arrays["y_test"]
        path = small_npz(tmp_path, arrays)
        accept(path.read_bytes())
        with pytest.raises(DatasetError, match=r"has an array missing: .*y_test") as error:
            load_mnist(path)
        assert_helpful(error, path)

    @pytest.mark.parametrize(
        ("key", "change"),
        [
            ("x_train", lambda a: a[:, :1]),
            ("x_train", lambda a: np.full(a.shape, np.nan)),
            ("y_train", lambda a: a[:-1]),
            ("y_test", lambda a: a.astype(np.int64)),
        ],
    )
    def test_other_content(self, tmp_path, accept, key, change):
        arrays = small_arrays()
        shapes = small_shapes(arrays)
        path = small_npz(tmp_path, arrays | {key: change(arrays[key])})
        accept(path.read_bytes(), shapes)
        with pytest.raises(DatasetError, match=f"has another content: {key} is a") as error:
            load_mnist(path)
        assert_helpful(error, path)

    def test_pickled_objects_are_never_loaded(self, tmp_path, accept):
        class Bomb:
            def __reduce__(self):
                return (pytest.fail, ("a pickle was executed",))

        path = small_npz(tmp_path, small_arrays() | {"x_train": np.array([Bomb()], dtype=object)})
        accept(path.read_bytes())
        with pytest.raises(DatasetError, match="is not a readable npz file") as error:
            load_mnist(path)
        assert_helpful(error, path)

    @pytest.mark.parametrize("content", [b"PK\x03\x04 and then nonsense", b"\x93NUMPY\x01", b"text"])
    def test_unreadable_content(self, tmp_path, accept, content):
        path = tmp_path / "mnist.npz"
        path.write_bytes(content)
        accept(content)
        with pytest.raises(DatasetError, match="is not a readable npz file") as error:
            load_mnist(path)
        assert_helpful(error, path)

    def test_an_npy_instead_of_an_npz(self, tmp_path, accept):
        path = tmp_path / "mnist.npz"
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
        accept(path.read_bytes())
        with pytest.raises(DatasetError, match="is not a readable npz file"):
            load_mnist(path)


class TestDataset:
    def arguments(self):
        x, y = two_moons(30)
        return {
            "x_train": x[:20],
            "y_train": y[:20],
            "x_val": x[20:25],
            "y_val": y[20:25],
            "x_test": x[25:],
            "y_test": y[25:],
        }

    def test_leaves_the_callers_arrays_alone(self):
        arguments = self.arguments()
        before = {name: array.copy() for name, array in arguments.items()}
        data = Dataset(**arguments)
        for name, array in arguments.items():
            assert array.flags.writeable
            np.testing.assert_array_equal(array, before[name])
            assert np.shares_memory(array, getattr(data, name))

    @pytest.mark.parametrize("name", ["x_train", "x_val", "x_test"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_nan(self, name, value):
        arguments = self.arguments()
        arguments[name] = arguments[name].copy()
        arguments[name][1, 1] = value
        with pytest.raises(ValueError, match=f"{name}: got .* with 1 NaN or infinite value"):
            Dataset(**arguments)

    def test_large_finite_values_are_no_nan(self):
        arguments = self.arguments()
        arguments["x_val"] = np.full((5, 2), 3e38, dtype=np.float32)
        Dataset(**arguments)

    @pytest.mark.parametrize("part", ["train", "val", "test"])
    def test_lengths_differ(self, part):
        arguments = self.arguments()
        arguments[f"y_{part}"] = arguments[f"y_{part}"][1:]
        with pytest.raises(ValueError, match=rf"y_{part}: got \d+ targets; expected \d+, one a row of x_{part}"):
            Dataset(**arguments)

    def test_splits_differ_in_shape(self):
        arguments = self.arguments()
        arguments["x_test"] = arguments["x_test"][:, :1]
        with pytest.raises(ValueError, match=re.escape("x_test: got samples of shape (1,); expected (2,)")):
            Dataset(**arguments)

    @pytest.mark.parametrize("value", [None, "text", [["a"]], 3.0, np.array(3.0)])
    def test_wrong_type(self, value):
        with pytest.raises(TypeError, match=r"x_train: got .*; expected an array of numbers"):
            Dataset(**(self.arguments() | {"x_train": value}))

    def test_empty(self):
        arguments = self.arguments()
        with pytest.raises(ValueError, match=r"x_val: got .*; expected at least one sample"):
            Dataset(**(arguments | {"x_val": arguments["x_val"][:0], "y_val": arguments["y_val"][:0]}))

    def test_regression_targets_have_no_classes(self):
        x, y = sine_curve(30)
        data = Dataset(x[:10], y[:10], x[10:20], y[10:20], x[20:], y[20:])
        assert "classes" not in repr(data)
        with pytest.raises(ValueError, match="n_classes: y_train is a float64 array"):
            _ = data.n_classes


class TestSynthetic:
    @pytest.mark.parametrize("make", [two_moons, gaussian_blobs, sine_curve])
    def test_seeds(self, make):
        (x, y), (x_again, y_again), (x_other, _) = make(40, seed=3), make(40, seed=3), make(40, seed=4)
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
        assert not np.array_equal(x, x_other)
        generator = np.random.default_rng(3)
        np.testing.assert_array_equal(make(40, seed=generator)[0], x)
        assert not np.array_equal(make(40, seed=generator)[0], x)

    def test_the_global_generator_is_untouched(self):
        before = np.random.get_state()[1].copy()
        for make in (two_moons, gaussian_blobs, sine_curve):
            make()
        np.testing.assert_array_equal(np.random.get_state()[1], before)

    @pytest.mark.parametrize("make", [two_moons, gaussian_blobs, sine_curve])
    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"n": 0}, ValueError, "n: got 0"),
            ({"n": 2.5}, TypeError, "n: got 2.5"),
            ({"noise": -0.1}, ValueError, "noise: got -0.1"),
            ({"noise": float("nan")}, ValueError, "noise: got nan"),
            ({"noise": "a lot"}, TypeError, "noise: got 'a lot'"),
            ({"seed": None}, TypeError, "seed: got None"),
            ({"seed": -1}, ValueError, "seed: got -1"),
        ],
    )
    def test_bad_arguments(self, make, arguments, error, message):
        with pytest.raises(error, match=message):
            make(**arguments)

    @given(n=st.integers(2, 200))
    def test_moons(self, n):
        x, y = two_moons(n, noise=0.0)
        assert x.shape == (n, 2) and x.dtype == np.float64 and y.dtype == np.int64
        assert np.bincount(y, minlength=2).tolist() == [n // 2, n - n // 2]
        np.testing.assert_allclose(np.hypot(*x[y == 0].T), 1.0)
        np.testing.assert_allclose(np.hypot(*(x[y == 1] - [1.0, 0.5]).T), 1.0)
        assert (x[y == 0, 1] >= -1e-15).all() and (x[y == 1, 1] <= 0.5 + 1e-15).all()

    @given(n=st.integers(7, 100), n_classes=st.integers(2, 7))
    def test_blobs(self, n, n_classes):
        x, y = gaussian_blobs(n, n_classes, noise=0.0)
        counts = np.bincount(y, minlength=n_classes)
        assert x.shape == (n, 2) and y.dtype == np.int64 and counts.max() - counts.min() <= 1
        np.testing.assert_allclose(np.hypot(*x.T), 2.0)
        assert len(np.unique(x.round(9), axis=0)) == n_classes

    def test_blobs_need_a_sample_a_class(self):
        with pytest.raises(ValueError, match="n: got 2; expected an integer >= 3"):
            gaussian_blobs(2, n_classes=3)
        with pytest.raises(ValueError, match="n_classes: got 1"):
            gaussian_blobs(10, n_classes=1)

    def test_sine(self):
        x, y = sine_curve(5_000, noise=0.2)
        assert x.shape == y.shape == (5_000, 1) and x.dtype == y.dtype == np.float64
        assert -np.pi <= x.min() < -3 and 3 < x.max() <= np.pi
        assert (y - np.sin(x)).std() == pytest.approx(0.2, rel=0.05)

    def test_noise_has_the_size_it_says(self):
        x, y = gaussian_blobs(6_000, n_classes=2, noise=0.5)
        assert x[y == 0].std(axis=0) == pytest.approx([0.5, 0.5], rel=0.05)

    @pytest.mark.parametrize("make", [two_moons, gaussian_blobs])
    def test_rows_are_in_random_order(self, make):
        _, y = make(400)
        share = np.bincount(y[:200], minlength=3) / np.maximum(np.bincount(y, minlength=3), 1)
        assert (np.abs(share[: y.max() + 1] - 0.5) < 0.12).all()
