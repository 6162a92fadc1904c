"""The package outside its folder: a wheel is built, installed into a clean environment, and used elsewhere.

Nothing is downloaded. The environment has the wheel alone; what the wheel needs is lent from the environment of the
tests, by a path that brings its packages but not the repository.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from nnopt_utils.datasets import MNIST_SHA256

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "LICENSE-text.md", "nnopt_utils", "data", "notebooks")
SHIPPED = "nnopt_utils/_shipped"
BUILD_SOURCE_ARCHIVE = "from setuptools.build_meta import build_sdist; print(build_sdist('dist'))"
BUILD_WHEEL = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without the variables that would lead it back to the repository."""
    leading_back = ("PYTHON", "NNOPT_", "XDG_", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(leading_back)}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "TQDM_DISABLE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from the source archive, which is built from a copy of the repository."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    archive = run(sys.executable, "-c", BUILD_SOURCE_ARCHIVE, cwd=source)
    assert archive.returncode == 0, archive.stderr
    (packed,) = (source / "dist").iterdir()
    shutil.unpack_archive(packed, source / "unpacked")
    (unpacked,) = (source / "unpacked").iterdir()
    (source / "wheels").mkdir()
    built = run(sys.executable, "-c", BUILD_WHEEL, source / "wheels", cwd=unpacked)
    assert built.returncode == 0, built.stderr
    (file,) = (source / "wheels").iterdir()
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A new environment with the wheel in it. Returns the folder of its programs."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", folder, cwd=folder).returncode == 0
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check")
    # Its own pip: an environment that uv made has none.
    installed = run(programs / "python", "-m", "pip", "install", *offline, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(programs / "python", "-c", asked, cwd=folder).stdout.strip())
    # A path in a .pth file is searched for packages, but not for .pth files, one of which names the repository.
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return programs


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """An empty folder to work in, and the user's home beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def call(programs: Path, elsewhere: Path, *command: object) -> subprocess.CompletedProcess[str]:
    home = str(elsewhere.parent / "home")
    places = {"HOME": home, "USERPROFILE": home, "LOCALAPPDATA": str(Path(home, "AppData", "Local"))}
    return run(programs / str(command[0]), *command[1:], cwd=elsewhere, **places)


def test_what_is_in_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert hashlib.sha256(archive.read(f"{SHIPPED}/data/mnist.npz")).hexdigest() == MNIST_SHA256
        for pattern in (
            "notebooks/*.ipynb",
            "data/experiments/*.jsonl",
            "data/experiments/*.npy",
            "data/nist_strd/*",
            "data/README.md",
        ):
            files = sorted(ROOT.glob(pattern))
            assert files
            for file in files:
                assert archive.read(f"{SHIPPED}/{file.relative_to(ROOT).as_posix()}") == file.read_bytes()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nnopt_utils").rglob("*.py")}
    assert modules <= names and "nnopt_utils/py.typed" in names
    assert sum(name.endswith(("licenses/LICENSE", "licenses/LICENSE-text.md")) for name in names) == 2
    assert {name.split("/")[0].split("-")[0] for name in names} == {"nnopt_utils", "nnopt"}


def test_no_machine_is_in_it(wheel):
    """Neither the folder in which it was built, nor the repository, nor the home of who built it."""
    built_in = wheel.parents[1]
    places = [str(place).encode() + end for place in (built_in, ROOT, Path.home()) for end in (b"/", b"\\")]
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if any(place in archive.read(name) for place in places)] == []


TRAIN = """
import nnopt_utils
from nnopt_utils._folders import notebooks_folder, repository
from nnopt_utils.course import check
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit

assert repository() is None
data = load_mnist()
network = MLP([784, 32, 10], seed=0)
fit(network, SGD(learning_rate=0.1, momentum=0.9), data, epochs=1, batch_size=128)
print(nnopt_utils.__file__)
print(network.evaluate(data.x_val, data.y_val).accuracy)
print(len(list(notebooks_folder().glob("*.ipynb"))))
check("00.accuracy", lambda predictions, labels: (predictions == labels).mean())
"""


def test_a_network_is_trained_and_progress_is_the_users(environment, elsewhere):
    done = call(environment, elsewhere, "python", "-c", TRAIN)
    assert done.returncode == 0, done.stderr
    where, accuracy, notebooks, *checked = done.stdout.splitlines()
    assert Path(where).is_relative_to(environment.parent) and not Path(where).is_relative_to(ROOT)
    assert float(accuracy) > 0.9
    assert int(notebooks) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert "correct" in " ".join(checked)
    (progress,) = (elsewhere.parent / "home").rglob("progress.tsv")
    assert progress.parent.name == "nnopt" and "00.accuracy\tsolved" in progress.read_text(encoding="utf-8")
    assert list(elsewhere.iterdir()) == []


READ = """
from nnopt_utils.course.ch08_adaptive_learning_rates.measured import defaults
from nnopt_utils.problems import NIST, nist

print(len(defaults().rows), sum(nist(name).n_residuals for name in NIST))
"""


def test_the_tables_come_along(environment, elsewhere):
    done = call(environment, elsewhere, "python", "-c", READ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["42", "2176"]


@pytest.mark.parametrize("command", [["nnopt"], ["python", "-m", "nnopt_utils"]])
def test_the_program_helps(environment, elsewhere, command):
    done = call(environment, elsewhere, *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout.startswith(f"usage: {' '.join(command)} ") and "doctor" in done.stdout and "compare" in done.stdout
    )
    called = call(environment, elsewhere, *command, "compare", "--epochs", "none")
    assert called.returncode == 2 and f"{' '.join(command)} compare: error: " in called.stderr


EXAMINE = """
from nnopt_utils.doctor import check_data, check_packages, format_table, run_checks

print(format_table(run_checks({"packages": check_packages, "data": check_data})))
"""


def test_the_doctor_finds_the_wheel_and_its_data(environment, elsewhere):
    assert call(environment, elsewhere, "nnopt", "doctor", "--help").stdout.startswith("usage: nnopt doctor")
    done = call(environment, elsewhere, "python", "-c", EXAMINE)
    packages, data = done.stdout.splitlines()[2:]
    assert packages.endswith("ok") and "as needed" in packages
    assert data.endswith("ok") and "checksum right" in data


CONSUMER = """
from nnopt_utils.networks import MLP

reveal_type(MLP([2, 3, 2]).n_parameters)
MLP([2, 3, 2], activation=3)
"""


def test_a_consumers_mypy_sees_the_types(environment, elsewhere):
    (elsewhere / "consumer.py").write_text(CONSUMER, encoding="utf-8")
    mypy = ("-m", "mypy", "--python-executable", environment / "python", "--cache-dir", elsewhere / "cache")
    done = run(sys.executable, *mypy, "--config-file", os.devnull, "consumer.py", cwd=elsewhere)
    assert 'Revealed type is "int"' in done.stdout or 'Revealed type is "builtins.int"' in done.stdout, done.stdout
    assert "[arg-type]" in done.stdout and "py.typed" not in done.stdout, done.stdout
