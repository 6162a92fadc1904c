"""The locks are complete, agree with each other, and name no place but this folder."""

from __future__ import annotations

import contextlib
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nnopt_utils.doctor import NEWEST_PYTHON, OLDEST_PYTHON

ROOT = Path(__file__).parent.parent
# The extras that each lock is compiled with. uv leaves them out of its first line, as all that they need is listed.
LOCKS = {
    "requirements-light.txt": (),
    "requirements.txt": ("tensorflow", "litert"),
    "requirements-dev.txt": ("tensorflow", "litert", "dev"),
}
PYTHONS = [f"3.{minor}" for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1)]
INTEL_MAC = ("darwin", "x86_64")
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), INTEL_MAC, ("win32", "AMD64"))
# The packages of TensorFlow, and some that only it brings along.
OF_TENSORFLOW = {"tensorflow", "tensorflow-cpu", "keras", "h5py", "grpcio", "libclang", "ml-dtypes", "protobuf"}
OF_TENSORFLOW |= {"ai-edge-litert", "backports-strenum"}


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def pinned(name: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(name) if not line.startswith("-")]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_installs_the_course_first_and_pins_everything(name):
    assert lines(name)[0] == "-e ."
    assert all(re.fullmatch(r"==[^*]+", str(requirement.specifier)) for requirement in pinned(name))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_no_path(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|\s/|[A-Z]:\\", text)


def test_there_is_one_set_of_versions():
    light, learner, developer = ({(lock.name, str(lock.specifier)) for lock in pinned(name)} for name in LOCKS)
    assert light < learner < developer, "run make lock"


def environment(python: str, system: str, machine: str) -> dict[str, str]:
    return {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "nt" if system == "win32" else "posix",
        "extra": "",
    }


def applying(requirements: list[Requirement], there: dict[str, str]) -> list[Requirement]:
    return [wanted for wanted in requirements if wanted.marker is None or wanted.marker.evaluate(there)]


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_each_dependency_is_locked_once_and_within_its_range(name, python, system, machine):
    there = environment(python, system, machine)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [line for e in LOCKS[name] for line in project["optional-dependencies"][e]]
    locked = applying(pinned(name), there)
    for requirement in applying([Requirement(line) for line in wanted], there):
        versions = [str(lock.specifier).removeprefix("==") for lock in locked if lock.name == requirement.name]
        assert len(versions) == 1, f"{requirement.name}: run make lock"
        assert requirement.specifier.contains(versions[0]), f"{requirement.name} {versions[0]}: run make lock"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_each_machine_gets_tensorflow_or_has_none(python, system, machine):
    """What the learner's lock installs where: TensorFlow in one build, and LiteRT, or not a package of them."""
    names = [lock.name for lock in applying(pinned("requirements.txt"), environment(python, system, machine))]
    if python == "3.14" or (system, machine) == INTEL_MAC:
        assert not OF_TENSORFLOW & set(names)
    else:
        build = "tensorflow-cpu" if (system, machine) == ("linux", "x86_64") else "tensorflow"
        assert [name for name in names if name.startswith("tensorflow")] == [build]
        assert set(names) >= OF_TENSORFLOW - {"tensorflow", "tensorflow-cpu"}


def test_the_light_lock_has_nothing_of_tensorflow():
    names = {lock.name for lock in pinned("requirements-light.txt")}
    assert not OF_TENSORFLOW & names
    assert {"numpy", "matplotlib", "jupyterlab", "ipywidgets"} <= names


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_what_a_locked_package_needs_is_locked(python, system, machine):
    """Asked of the packages installed here: the light lock is closed under what they need, on every machine."""
    there = environment(python, system, machine)
    locked = {canonicalize_name(lock.name) for lock in applying(pinned("requirements-light.txt"), there)}
    missing = []
    for name in locked:
        with contextlib.suppress(metadata.PackageNotFoundError):  # one of another system
            needed = applying([Requirement(line) for line in metadata.requires(name) or []], there)
            missing += [f"{name} needs {n.name}" for n in needed if canonicalize_name(n.name) not in locked]
    assert not missing
