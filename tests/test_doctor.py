"""The doctor finds what is wrong with a machine, says what to do, and never crashes."""

from __future__ import annotations

import builtins
import ctypes
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import pytest

from nnopt_utils import __main__ as command_line
from nnopt_utils import _commands, doctor
from nnopt_utils.doctor import Finding

GOOD = Finding("disk", "fine", "fine", True, "nothing")
BAD = Finding("disk", "full", "empty", False, "Buy a bigger one.")


@pytest.fixture
def tensorflow(monkeypatch):
    """Say whether TensorFlow is installed; at first it is."""

    def tensorflow(there: bool) -> None:
        for module in (doctor, _commands):
            monkeypatch.setattr(module, "has_tensorflow", lambda: there)

    tensorflow(True)
    return tensorflow


@pytest.fixture
def lock(tmp_path, monkeypatch, tensorflow):
    """Replace the repository by an empty folder, and return its lock, which the test writes."""
    for module in (doctor, _commands):
        monkeypatch.setattr(module, "repository", lambda: tmp_path)
    return tmp_path / "requirements.txt"


@pytest.fixture
def wheel(monkeypatch, tensorflow):
    """Replace the repository by an installed wheel that asks for the given packages."""

    def wheel(*requires: str) -> None:
        for module in (doctor, _commands):
            monkeypatch.setattr(module, "repository", lambda: None)
        monkeypatch.setattr(metadata, "requires", lambda package: list(requires))

    return wheel


@pytest.fixture
def installed(monkeypatch):
    """Replace the installed packages by those that the test names."""
    versions: dict[str, str] = {}

    def version(package: str) -> str:
        if package not in versions:
            raise metadata.PackageNotFoundError(package)
        return versions[package]

    monkeypatch.setattr(metadata, "version", version)
    return versions


@pytest.fixture
def hide(monkeypatch):
    """Make modules impossible to import."""
    real_import, real_import_module = builtins.__import__, doctor.importlib.import_module

    def hide(*names: str) -> None:
        def refuse(name: str) -> None:
            if name in names or name.split(".")[0] in names:
                raise ModuleNotFoundError(f"No module named {name!r}")

        def fake_import(name, *arguments, **keywords):
            refuse(name)
            return real_import(name, *arguments, **keywords)

        def fake_import_module(name, package=None):
            refuse(name)
            return real_import_module(name, package)

        monkeypatch.setattr(builtins, "__import__", fake_import)
        monkeypatch.setattr(doctor.importlib, "import_module", fake_import_module)

    return hide


@pytest.fixture
def dataset(monkeypatch):
    """Replace the data module by one whose ``load_mnist`` is the given function."""

    def dataset(load_mnist) -> None:
        monkeypatch.setitem(
            sys.modules, "nnopt_utils.datasets", types.SimpleNamespace(load_mnist=load_mnist, DatasetError=OSError)
        )

    return dataset


def images(n_test: int) -> types.SimpleNamespace:
    return types.SimpleNamespace(x_train=range(55_000), x_val=range(5_000), x_test=range(n_test))


@pytest.fixture
def process(monkeypatch):
    """Replace a started process by its result, and return what it was started with."""
    calls: list[dict] = []

    def process(returncode: int = 0, stdout: str = "", stderr: str = "", error: Exception | None = None) -> list[dict]:
        def run(command, **keywords):
            calls.append({"command": command, **keywords})
            if error:
                raise error
            return subprocess.CompletedProcess(command, returncode, stdout, stderr)

        monkeypatch.setattr(doctor.subprocess, "run", run)
        return calls

    return process


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10, 14), False), ((3, 11, 0), True), ((3, 14, 9), True), ((3, 15, 0), False)]
)
def test_python_version(monkeypatch, version, ok):
    monkeypatch.setattr(doctor.sys, "version_info", version)
    finding = doctor.check_python()
    assert finding.ok is ok
    assert "3.11 to 3.14" in finding.fix


def test_python_range_is_the_one_of_the_package():
    pyproject = (Path(doctor.__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    oldest, newest = doctor.OLDEST_PYTHON, doctor.NEWEST_PYTHON
    assert f'requires-python = ">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"' in pyproject


def test_packages_as_locked(lock, installed):
    lock.write_text("# made by make lock\n-e .\nnumpy==2.4.6\n    # via nnopt\nshy==1 ; sys_platform == 'amiga'\n")
    installed.update(nnopt="0.1.0", numpy="2.4.6")
    (finding,) = doctor.check_packages()
    assert (finding.ok, finding.found) == (True, "2 of 2 as in requirements.txt")


def test_packages_that_differ_have_a_row_each(lock, installed):
    lock.write_text("-e .\nnumpy==2.4.6\ntqdm==4.70.1\nmatplotlib==3.11.2\n")
    installed.update(numpy="2.3.0", tqdm="4.70.1")
    summary, *rows = doctor.check_packages()
    assert (summary.ok, summary.found) == (False, "1 of 4 as in requirements.txt")
    assert [(row.check, row.found, row.needed, row.ok) for row in rows] == [
        ("nnopt", "not installed", "any", False),
        ("numpy", "2.3.0", "2.4.6", False),
        ("matplotlib", "not installed", "3.11.2", False),
    ]
    assert all("requirements.txt" in row.fix for row in rows)


def test_many_missing_packages_do_not_flood_the_table(lock, installed):
    lock.write_text("\n".join(f"package{i}==1" for i in range(99)))
    rows = doctor.check_packages()
    assert len(rows) == doctor.LISTED_PACKAGES + 2
    assert rows[-1].found == "and 90 more" and not rows[-1].ok


def test_packages_without_tensorflow_are_compared_with_the_light_lock(lock, installed, tensorflow):
    lock.with_name("requirements-light.txt").write_text("-e .\nnumpy==2.4.6\n")
    installed.update(nnopt="0.1.0", numpy="2.3.0")
    tensorflow(False)
    summary, row = doctor.check_packages()
    assert summary.found == "1 of 2 as in requirements-light.txt"
    assert "pip install -r requirements-light.txt`" in row.fix


def test_packages_outside_the_repository_are_those_of_the_wheel(wheel, installed, tensorflow):
    wheel("numpy>=2.1", "tqdm>=4", 'tensorflow<2.22; extra == "tensorflow"', 'ruff; extra == "dev"')
    installed.update(numpy="2.0.9", tqdm="4.70.1", tensorflow="2.21.0")
    summary, row = doctor.check_packages()
    assert (summary.found, row.check, row.needed) == ("2 of 3 as needed", "numpy", ">=2.1")
    assert row.fix.endswith("-m pip install nnopt`.") and "requirements" not in row.fix
    tensorflow(False)
    assert doctor.check_packages()[0].found == "1 of 2 as needed"


def test_packages_of_a_folder_without_its_metadata(wheel, monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    wheel()
    monkeypatch.setattr(metadata, "requires", missing)
    (finding,) = doctor.check_packages()
    assert not finding.ok and "neither the course's folder nor an installed nnopt" in finding.found
    assert doctor.check_jupyterlab().needed == "any"


def test_packages_without_the_parser(lock, hide):
    lock.write_text("numpy==2.4.6\n")
    hide("packaging")
    (finding,) = doctor.check_packages()
    assert not finding.ok and "`packaging`" in finding.found


def test_data_verified(dataset):
    dataset(lambda: images(n_test=10_000))
    finding = doctor.check_data()
    assert finding.ok and finding.found.startswith("70,000 images")


def test_data_broken_reports_the_message(dataset):
    def load_mnist():
        raise OSError("mnist.npz: checksum 00 instead of 06")

    dataset(load_mnist)
    finding = doctor.check_data()
    assert not finding.ok and finding.found == "mnist.npz: checksum 00 instead of 06" and "line above" in finding.fix


def test_data_with_images_missing(dataset):
    dataset(lambda: images(n_test=9_999))
    finding = doctor.check_data()
    assert not finding.ok and finding.found.startswith("69,999 images")


def test_data_without_numpy(hide):
    hide("nnopt_utils.datasets")
    finding = doctor.check_data()
    assert not finding.ok and "nnopt_utils.datasets" in finding.found and "install" in finding.fix


def test_blas_is_named_with_its_threads(monkeypatch):
    pools = [
        {"user_api": "openmp", "internal_api": "openmp", "version": None, "num_threads": 8},
        {"user_api": "blas", "internal_api": "openblas", "version": "0.3.31", "num_threads": 4},
    ]
    monkeypatch.setitem(sys.modules, "threadpoolctl", types.SimpleNamespace(threadpool_info=lambda: pools))
    finding = doctor.check_blas()
    assert finding.ok and finding.found == "openblas 0.3.31, threads: 4"


def test_blas_that_threadpoolctl_cannot_see(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", types.SimpleNamespace(threadpool_info=list))
    finding = doctor.check_blas()
    assert finding.ok and finding.found == "one that sets its own threads"


@pytest.mark.parametrize("missing", ["numpy", "threadpoolctl"])
def test_blas_without_the_packages(hide, missing):
    hide(missing)
    finding = doctor.check_blas()
    assert not finding.ok and missing in finding.found


@pytest.mark.parametrize(("gibibytes", "ok"), [(1.9, False), (2.0, True), (30.0, True)])
def test_memory(monkeypatch, gibibytes, ok):
    monkeypatch.setattr(doctor, "available_memory", lambda: int(gibibytes * 1024**3))
    finding = doctor.check_memory()
    assert finding.ok is ok
    assert finding.found == f"{gibibytes} GiB" and finding.needed == "2.0 GiB available"


def test_memory_of_this_machine_is_plausible():
    assert 2**26 < doctor.available_memory() < 2**50


@pytest.mark.parametrize(
    ("allowed", "expected"), [(None, 4 * 2**20), ("max", 4 * 2**20), ("1048576", 2**20), ("9999999999", 4 * 2**20)]
)
def test_memory_on_linux_respects_a_container(tmp_path, allowed, expected):
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:       8192 kB\nMemFree:  1 kB\nMemAvailable:   4096 kB\nHugePages_Total:  0\n")
    if allowed:
        limit.write_text(allowed + "\n")
    assert doctor._linux_memory(meminfo, limit) == expected


def test_memory_structure_has_the_size_that_windows_checks():
    assert ctypes.sizeof(doctor._MemoryStatus) == 64
    assert doctor._MemoryStatus.available.offset == 16


def test_tensorflow_imports(lock, process):
    lock.write_text("tensorflow==2.20.0 ; sys_platform == 'amiga'\ntensorflow-cpu==2.21.0\n")
    (calls, finding) = (process(stdout="2.21.0\n"), doctor.check_tensorflow())
    assert (finding.ok, finding.found, finding.needed) == (True, "2.21.0", "2.21.0")
    assert calls[0]["command"][0] == sys.executable
    assert calls[0]["capture_output"] and calls[0]["timeout"] > 0
    assert calls[0]["env"]["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_tensorflow_of_another_version(lock, process):
    lock.write_text("tensorflow==2.21.0\n")
    process(stdout="2.22.0rc1\n")
    assert not doctor.check_tensorflow().ok


def test_tensorflow_missing_is_no_failure(lock, process, tensorflow):
    tensorflow(False)
    calls = process()
    finding = doctor.check_tensorflow()
    assert (finding.ok, finding.found, finding.needed) == (True, "not installed", "only for chapter 07")
    assert calls == []


def test_tensorflow_broken(lock, process):
    lock.write_text("")
    process(returncode=1, stderr="Traceback ...\nModuleNotFoundError: No module named 'absl'\n")
    finding = doctor.check_tensorflow()
    assert not finding.ok and finding.found.endswith("No module named 'absl'") and "install" in finding.fix


def test_tensorflow_crashing(lock, process):
    lock.write_text("")
    process(returncode=-4)
    finding = doctor.check_tensorflow()
    assert not finding.ok and "exit status -4" in finding.found and "AVX" in finding.fix


def test_tensorflow_too_slow(lock, process):
    lock.write_text("")
    process(error=subprocess.TimeoutExpired("python", 1))
    finding = doctor.check_tensorflow()
    assert not finding.ok and "no answer within 180 s" in finding.found


def test_jupyterlab_imports(lock):
    lock.write_text(f"jupyterlab=={metadata.version('jupyterlab')}\n")
    assert doctor.check_jupyterlab().ok


def test_jupyterlab_of_another_version(lock):
    lock.write_text("jupyterlab==1.0\n")
    finding = doctor.check_jupyterlab()
    assert not finding.ok and finding.needed == "1.0"


@pytest.mark.parametrize("missing", ["jupyterlab", "ipykernel"])
def test_jupyterlab_missing(hide, missing):
    hide(missing)
    finding = doctor.check_jupyterlab()
    assert not finding.ok and missing in finding.found


def test_a_crashing_check_becomes_a_failing_row():
    findings = doctor.run_checks({"disk": lambda: 1 / 0, "rest": lambda: [GOOD, BAD]})
    assert findings[0].check == "disk" and not findings[0].ok
    assert findings[0].found == "ZeroDivisionError: division by zero"
    assert findings[1:] == [GOOD, BAD]


def test_the_table_is_aligned_and_cuts_long_texts():
    table = doctor.format_table([GOOD, Finding("memory", "word " * 100, "little", False), Finding("x", "", "y", True)])
    header, rule, *rows = table.splitlines()
    assert [cell.strip() for cell in header.split("|")] == ["check", "found", "needed", "status"]
    columns = [i for i, character in enumerate(header) if character == "|"]
    assert [i for i, character in enumerate(rule) if character == "+"] == columns
    assert all([i for i, character in enumerate(row) if character == "|"] == columns for row in rows)
    assert max(map(len, table.splitlines())) < 100
    assert rows[0].endswith("| ok") and rows[1].endswith("| FIX") and "nothing" in rows[2]


def test_advice_names_each_remedy_once():
    other = Finding("memory", "none", "some", False, "Buy a bigger one.")
    assert doctor.advice([GOOD, BAD, other]).splitlines() == [
        "What to do:",
        "  disk: full",
        "  memory: none",
        "    -> Buy a bigger one.",
    ]
    assert doctor.advice([GOOD]) == "This machine is ready for the course."


@pytest.mark.parametrize(("finding", "status", "text"), [(GOOD, 0, "ready"), (BAD, 1, "-> Buy a bigger one.")])
def test_exit_status_and_text(monkeypatch, capsys, finding, status, text):
    monkeypatch.setattr(doctor, "CHECKS", {"disk": lambda: finding})
    assert command_line.main(["doctor"]) == status
    printed = capsys.readouterr().out
    assert printed.startswith("check ") and text in printed


def test_without_a_command_it_helps(capsys):
    assert command_line.main([]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: ") and printed.err == ""
    assert all(name in printed.out for name in command_line.COMMANDS)


@pytest.mark.parametrize("arguments", [["doctr"], ["--quick"]])
def test_a_wrong_command_names_the_valid_ones(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    assert "doctor" in capsys.readouterr().err


def test_the_doctor_runs_where_nothing_is_installed(tmp_path):
    """Without site-packages: every check that needs a package fails politely, and the exit status says so."""
    run = subprocess.run(
        [sys.executable, "-S", "-m", "nnopt_utils", "doctor"],
        capture_output=True,
        text=True,
        cwd=Path(doctor.__file__).parent.parent,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stderr == ""
    assert "BLAS" in run.stdout and "What to do:" in run.stdout


@pytest.mark.parametrize("check", [doctor.check_blas, doctor.check_jupyterlab])
def test_a_package_that_is_there_and_broken_is_made_anew(check, monkeypatch):
    """To install it again would do nothing: pip looks at the version alone."""

    def broken(name: str):
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    finding = check()
    assert not finding.ok and finding.found.endswith("cannot open shared object file")
    assert finding.fix.endswith("remove the folder .venv and set the course up again.")
