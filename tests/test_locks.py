"""The locks are complete, agree with each other, and name no place but this folder."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from nnopt_utils.doctor import NEWEST_PYTHON, OLDEST_PYTHON

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-dev.txt")
PYTHONS = [f"3.{minor}" for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1)]
PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64"))


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


def test_developers_have_what_learners_have():
    learner, developer = ({(lock.name, str(lock.specifier)) for lock in pinned(name)} for name in LOCKS)
    assert learner - developer == set(), "run make lock"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
def test_each_dependency_is_locked_once_and_within_its_range(python, system, machine):
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "platform_machine": machine,
    }

    def applies(requirement: Requirement) -> bool:
        return requirement.marker is None or requirement.marker.evaluate(environment)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    locked = [requirement for requirement in pinned("requirements-dev.txt") if applies(requirement)]
    for requirement in filter(applies, map(Requirement, wanted)):
        versions = [str(lock.specifier).removeprefix("==") for lock in locked if lock.name == requirement.name]
        assert len(versions) == 1, f"{requirement.name}: run make lock"
        assert requirement.specifier.contains(versions[0]), f"{requirement.name} {versions[0]}: run make lock"
