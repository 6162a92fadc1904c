"""NIST's nonlinear regressions: the files as published, the models as certified, every derivative by a complex step."""

from __future__ import annotations

import hashlib
import re
import sys
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnopt_utils._folders import data_folder
from nnopt_utils.problems import NIST, LeastSquares, NistProblem, nist

FOLDER = data_folder() / "nist_strd"
every_name = pytest.mark.parametrize("name", NIST)
SAMPLES = {"lower": 8, "average": 11, "higher": 8}


def head(name: str) -> str:
    return "\n".join((FOLDER / f"{name}.dat").read_text(encoding="ascii").splitlines()[:59])


def points(problem: NistProblem) -> list[np.ndarray]:
    return [problem.minimum, *problem.starts, problem.minimum * 1.3]


# -- the files -------------------------------------------------------------------------------------------------------


def test_the_files_are_those_of_the_readme():
    files = sorted(FOLDER.glob("*.dat"), key=lambda file: file.name.encode())
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    content = b"".join(file.read_bytes() for file in files)
    assert len(files) == 27 and f"27 files, {len(content):,} bytes" in readme
    assert hashlib.sha256(content).hexdigest() in readme
    assert sorted(NIST) == sorted(file.stem for file in files)


@every_name
def test_what_is_read_is_what_the_file_says(name: str):
    problem, text = nist(name), head(name)
    assert problem.n_residuals == int(re.findall(r"Number of Observations:\s*(\d+)", text)[0])
    assert problem.dimension == int(re.findall(r"(\d+) Parameters", text)[0])
    free = problem.n_residuals - problem.dimension
    said = int(re.findall(r"Degrees of Freedom:\s*(\d+)", text)[0])
    assert said == (9 if name == "Rat43" else free)  # a misprint: the file's deviation belongs to 11
    assert problem.residual_standard_deviation == pytest.approx(np.sqrt(problem.minimum_value / free), rel=1e-9)
    assert problem.starts.shape == (2, problem.dimension) and (problem.standard_deviations > 0).all()
    assert problem.x.shape == ((128, 2) if name == "Nelson" else (problem.n_residuals,))


def test_the_levels_go_from_easy_to_hard():
    levels = [nist(name).level for name in NIST]
    assert levels == [level for level, n in SAMPLES.items() for _ in range(n)]


def test_numbers_of_one_file_by_hand():
    problem = nist("MGH17")
    assert_array_equal(problem.starts, [[50, 150, -100, 1, 2], [0.5, 1.5, -1, 0.01, 0.02]])
    assert problem.minimum[1] == 1.9358469127 and problem.standard_deviations[1] == 2.2031669222e-1
    assert (problem.x[1], problem.y[1], problem.y[-1]) == (10.0, 0.908, 0.406)
    assert nist("Nelson").y[0] == np.log(15.0)


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    module = sys.modules[NistProblem.__module__]  # its package has a function of the module's name
    monkeypatch.setattr(module, "data_folder", lambda: tmp_path)
    module._read.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"MGH17\.dat is missing; data/nist_strd/README\.md says how"):
        nist("MGH17")
    monkeypatch.undo()
    assert nist("MGH17").dimension == 5


# -- the models ------------------------------------------------------------------------------------------------------


@every_name
def test_the_certified_sum_is_that_of_the_certified_parameters(name: str):
    problem = nist(name)
    if name == "Lanczos1":  # eleven digits of θ leave 28,000 times the certified sum
        assert problem.value(problem.minimum) == pytest.approx(3.98e-21, rel=1e-2)
    else:
        assert problem.value(problem.minimum) == pytest.approx(problem.minimum_value, rel=1.2e-10)


@every_name
def test_the_certified_deviations_follow_from_the_jacobian(name: str):
    """σ² (RᵀR)⁻¹: they know of every column, and of its scale."""
    problem = nist(name)
    R = problem.jacobian(problem.minimum)
    lengths = np.linalg.norm(R, axis=0)
    triangle = np.linalg.qr(R / lengths, mode="r")
    spread = np.linalg.norm(np.linalg.solve(triangle, np.eye(problem.dimension)), axis=1) / lengths
    deviations = problem.residual_standard_deviation * spread
    assert_allclose(deviations, problem.standard_deviations, rtol=1e-6 if name != "Lanczos1" else 1e-4)


@every_name
def test_the_gradient_is_zero_at_the_certified_parameters(name: str):
    problem = nist(name)
    R = problem.jacobian(problem.minimum)
    step = np.linalg.lstsq(R / np.linalg.norm(R, axis=0), -problem.residuals(problem.minimum), rcond=None)[
        0
    ] / np.linalg.norm(R, axis=0)
    assert_allclose(problem.minimum + step, problem.minimum, rtol=2e-10)


@every_name
def test_the_jacobian_is_that_of_the_residuals(name: str):
    problem, h = nist(name), 1e-30
    for theta in points(problem):
        with np.errstate(all="ignore"):
            columns = [problem._residuals(theta + 1j * h * e).imag / h for e in np.eye(problem.dimension)]
        expected = np.array(columns).T
        assert_allclose(problem.jacobian(theta), expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


@every_name
def test_the_hessian_is_that_of_the_gradient(name: str):
    """By differences along each parameter of θ, each in its own unit."""
    problem = nist(name)
    theta, units = problem.starts[1], np.abs(problem.starts[1])
    hessian = problem.hessian(theta) * np.outer(units, units)
    steps = 1e-5 * np.diag(units)
    turned = [(problem.gradient(theta + s) - problem.gradient(theta - s)) * units / 2e-5 for s in steps]
    assert_allclose(np.array(turned), hessian, rtol=1e-4, atol=1e-5 * np.abs(hessian).max())


@every_name
def test_the_curve_is_the_data_and_the_residuals(name: str):
    problem = nist(name)
    theta = problem.starts[1]
    assert_allclose(problem.predict(theta) - problem.y, problem.residuals(theta), rtol=0, atol=0)
    assert_array_equal(problem.predict(theta, problem.x[:3]), problem.predict(theta)[:3])


@every_name
def test_far_away_nothing_warns(name: str):
    problem = nist(name)
    generator = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1e3, 1e10, 1e200, 0.0):
            theta = scale * generator.normal(size=problem.dimension)
            assert not isinstance(problem.value(theta), complex)
            assert problem.residuals(theta).shape == (problem.n_residuals,)
            assert problem.jacobian(theta).shape == (problem.n_residuals, problem.dimension)
            problem.gradient(theta)
            problem.hessian(theta)


def test_lanczos1_in_exact_arithmetic():
    """What float64 cannot show: the sum at Newton's next θ, computed with 50 digits, is the certified one."""
    problem = nist("Lanczos1")
    R = problem.jacobian(problem.minimum)
    lengths = np.linalg.norm(R, axis=0)
    step = np.linalg.lstsq(R / lengths, -problem.residuals(problem.minimum), rcond=None)[0] / lengths
    theta = [float(number) for number in problem.minimum + step]
    assert lanczos1_exactly(theta) == pytest.approx(problem.minimum_value, rel=1e-5)
    assert lanczos1_exactly([float(number) for number in problem.minimum]) > 1e4 * problem.minimum_value


def lanczos1_exactly(theta: list[float]) -> float:
    """The sum of squares of Lanczos1 with 50 digits; the data are taken as printed, not rounded to float64."""
    lines = (FOLDER / "Lanczos1.dat").read_text(encoding="ascii").splitlines()[60:]
    with localcontext() as context:
        context.prec = 50
        b = [Decimal(number) for number in theta]
        rows = [[Decimal(number) for number in line.split()] for line in lines]
        r = [sum(b[k] * (-b[k + 1] * x).exp() for k in (0, 2, 4)) - y for y, x in rows]
        return float(sum(each * each for each in r))


# -- arguments -------------------------------------------------------------------------------------------------------


def test_starts():
    assert_array_equal(nist("Misra1a").start, [500, 0.0001])
    assert_array_equal(nist("Misra1a", start=2).start, [250, 0.0005])
    assert_array_equal(nist("Misra1a", np.int64(2)).start, [250, 0.0005])
    assert_array_equal(nist("Misra1a", [1, 2]).start, [1.0, 2.0])
    assert isinstance(nist("Misra1a"), LeastSquares)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MGH7", "name: got 'MGH7'; expected one of .*did you mean 'MGH17'"),
        ("misra1a", "name: got 'misra1a'.*did you mean 'Misra1a'"),
        ("Rat 42", "did you mean 'Rat42'"),
        (17, "name: got 17; expected one of 'Misra1a', "),
        (None, "name: got None; expected one of"),
    ],
)
def test_a_wrong_name_gets_the_nearest(name, message):
    with pytest.raises(ValueError, match=message):
        nist(name)


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        (3, ValueError, r"start: got 3; expected 1 or 2, NIST's, or an array of shape \(2,\)"),
        (0, ValueError, "start: got 0"),
        (True, ValueError, "start: got True"),
        (None, ValueError, "start: got None"),
        ("1", ValueError, "start: got '1'"),
        ([1.0, 2.0, 3.0], ValueError, r"start: .*expected shape \(2,\)"),
        ([1.0, np.nan], ValueError, "start: .*NaN"),
        (["a", "b"], TypeError, "start: "),
    ],
)
def test_a_wrong_start_is_named(start, error, message):
    with pytest.raises(error, match=message):
        nist("Misra1a", start)


def test_a_wrong_theta_or_x_is_named():
    with pytest.raises(ValueError, match=r"theta: .*expected shape \(2,\)"):
        nist("Misra1a").residuals([1.0])
    with pytest.raises(ValueError, match=r"x: .*expected shape \(any, 2\)"):
        nist("Nelson").predict(nist("Nelson").start, [1.0])


def test_nobody_changes_the_data_of_others():
    problem = nist("Misra1a")
    for array in (problem.x, problem.y, problem.starts, problem.minimum, problem.start, problem.standard_deviations):
        array[...] = 99.0
    fresh = nist("Misra1a")
    assert fresh.x[0] == 77.6 and fresh.y[0] == 10.07 and fresh.start[0] == 500
    assert fresh.minimum[0] == 238.94212918 and fresh.standard_deviations[0] == 2.7070075241
    assert problem.minimum[0] == 238.94212918 and problem.start[0] == 500
    assert repr(fresh) == "NistProblem('Misra1a': 14 residuals, 2 parameters, lower)"
