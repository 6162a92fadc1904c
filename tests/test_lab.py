"""The course in JupyterLab: what is said, what JupyterLab is started with, and that it does what it was told."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest
from jupyter_core.paths import jupyter_data_dir
from nbformat.sign import NotebookNotary

from nnopt_utils import __main__ as command_line
from nnopt_utils import _commands, lab
from nnopt_utils.copies import Change

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60  # a busy machine takes long to import JupyterLab


@pytest.fixture(autouse=True)
def no_make(monkeypatch):
    """As if typed by hand, also where make runs the tests."""
    monkeypatch.delenv("MAKELEVEL", raising=False)


@pytest.fixture(autouse=True)
def signatures(monkeypatch, tmp_path_factory):
    """The folder where Jupyter keeps what this user trusts: not the developer's own."""
    folder = tmp_path_factory.mktemp("home") / "jupyter"
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The package as if from a wheel, called as ``nnopt`` in an empty folder."""
    monkeypatch.setattr(lab, "repository", lambda: None)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/nnopt"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """The arguments with which JupyterLab is started, without starting it."""
    calls: list[list[str]] = []
    module = ModuleType("jupyterlab.labapp")
    module.LabApp = SimpleNamespace(launch_instance=calls.append)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", module)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return calls


def run(*arguments: str) -> int:
    return command_line.main(list(arguments))


# -- where the copies are ----------------------------------------------------------------------------------------------


def test_in_the_repository_the_copies_are_in_work():
    assert lab._copies(None) == ROOT / "work"
    ignored = subprocess.run(["git", "check-ignore", "--no-index", "work/x.ipynb"], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 0


def test_elsewhere_they_are_in_a_folder_of_the_current_one(installed, started, capsys):
    assert run("lab") == 0
    assert (installed / "nnopt" / "00_introduction.ipynb").is_file()
    assert "copies of the chapters are in nnopt/ (" in capsys.readouterr().out.replace(os.sep, "/")


def test_or_in_the_one_that_is_named(installed, started):
    assert run("lab", "--folder", "mine") == 0
    assert [path.name for path in installed.iterdir()] == ["mine"]


# -- what JupyterLab is started with -----------------------------------------------------------------------------------


def test_jupyterlab_gets_the_folder_the_first_chapter_and_what_is_passed_on(tmp_path, started, capsys):
    assert run("lab", "--folder", str(tmp_path), "--no-browser", "--port", "9999") == 0
    assert started == [
        [
            f"--ServerApp.root_dir={tmp_path.resolve()}",
            "--LabApp.default_url=/lab/tree/00_introduction.ipynb",
            "--no-browser",
            "--port",
            "9999",
        ]
    ]
    assert "Opening 00_introduction.ipynb in JupyterLab. To stop it: Ctrl-C" in capsys.readouterr().out


def test_the_users_own_settings_stand_before_the_course_s(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    assert lab.environment()["JUPYTER_CONFIG_PATH"] == f"/theirs{os.pathsep}{lab.SETTINGS}"
    monkeypatch.delenv("JUPYTER_CONFIG_PATH")
    assert lab.environment()["JUPYTER_CONFIG_PATH"] == str(lab.SETTINGS)


def test_figures_go_into_the_notebook(tmp_path, started):
    os.environ["MPLBACKEND"] = "Agg"
    assert run("lab", "--folder", str(tmp_path)) == 0
    assert "MPLBACKEND" not in os.environ
    assert os.environ["JUPYTER_PREFER_ENV_PATH"] == "1"


def test_without_jupyterlab_it_names_the_doctor(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert run("lab", "--folder", str(tmp_path)) == 2
    assert re.search(r"JupyterLab cannot be imported \(.*\): run `.*doctor`", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["file", "file/mine"])
def test_a_folder_that_cannot_be_made_is_an_error_in_one_line(name, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("lab", "--folder", str(tmp_path / name)) == 2
    message = capsys.readouterr().err
    assert message.startswith("python -m nnopt_utils lab: error: folder: got ")
    assert "a file is in the way" in message
    assert message.count("\n") == 1


def test_the_home_of_nobody_is_a_folder_of_that_name(installed, started):
    assert run("lab", "--folder", "~nobody at all") == 0
    assert [path.name for path in installed.iterdir()] == ["~nobody at all"]


# -- which copies JupyterLab trusts ------------------------------------------------------------------------------------


def trusted(folder: Path) -> list[str]:
    """The chapters that JupyterLab's own judge trusts."""
    notary = NotebookNotary(data_dir=jupyter_data_dir())
    with closing(notary.store):
        files = sorted(folder.glob("*.ipynb"))
        return [file.stem for file in files if notary.check_signature(nbformat.read(file, as_version=4))]


def test_new_copies_are_trusted_and_what_came_from_elsewhere_is_not(tmp_path, started):
    foreign = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import antigravity", id="a")])
    for name in ("04_gradient_descent", "mine"):
        nbformat.write(foreign, tmp_path / f"{name}.ipynb")
    assert run("lab", "--folder", str(tmp_path)) == 0
    others = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {"04_gradient_descent"}
    assert set(trusted(tmp_path)) == others
    assert run("reset", "4", "--folder", str(tmp_path)) == 0
    assert set(trusted(tmp_path)) == others | {"04_gradient_descent"}


@pytest.mark.parametrize("obstacle", ["a file in the way", "a spoiled database", "no nbformat"])
def test_what_cannot_be_signed_is_opened_all_the_same(obstacle, tmp_path, signatures, started, monkeypatch, capfd):
    if obstacle == "a file in the way":
        signatures.touch()
    elif obstacle == "a spoiled database":
        (signatures / "nbsignatures.db.bak").mkdir(parents=True)
        (signatures / "nbsignatures.db").write_text("no database", encoding="utf-8")
    else:
        monkeypatch.setitem(sys.modules, "nbformat.sign", None)
    assert run("lab", "--folder", str(tmp_path)) == 0
    assert len(started) == 1
    assert "Traceback" not in "".join(capfd.readouterr())


# -- what is said ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("updated", "04_descent: updated to the course's newer version; you had not changed it."),
        (
            "newer",
            "04_descent: you changed it, so it was kept. The course has a newer version; to take it: nnopt reset 04",
        ),
        ("other", "04_descent: it differs from the course's version, so it was kept. To take that one: nnopt reset 04"),
        ("unreadable", "04_descent: the file is no notebook any more, and was kept. To start the chapter afresh: "),
    ],
)
def test_each_chapter_with_news_has_a_line(installed, outcome, said):
    lines = lab.announcement([Change("03_first", "copied"), Change("04_descent", outcome)], installed)
    assert len(lines) == 2
    assert lines[1].startswith(said)


def test_the_command_for_a_fresh_copy_is_the_one_to_type(monkeypatch, installed):
    assert lab.reset_command("04") == "nnopt reset 04"
    assert lab.reset_command("04", Path("mine")) == "nnopt reset 04 --folder mine"
    assert lab.reset_command("04", Path("my own")) == 'nnopt reset 04 --folder "my own"'
    monkeypatch.setenv("MAKELEVEL", "1")  # a makefile, but not the course's
    assert lab.reset_command("04") == "nnopt reset 04"
    monkeypatch.setattr(lab, "repository", lambda: ROOT)
    assert lab.reset_command("04") == "make reset CHAPTER=04"
    monkeypatch.delenv("MAKELEVEL")
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    monkeypatch.setattr(_commands, "python", lambda: ".venv/bin/python")
    assert lab.reset_command("04") == ".venv/bin/python -m nnopt_utils reset 04"


# -- reset -------------------------------------------------------------------------------------------------------------


def test_reset_says_where_the_old_copy_is(tmp_path, capsys):
    (tmp_path / "04_gradient_descent.ipynb").write_text("mine", encoding="utf-8")
    assert run("reset", "04", "--folder", str(tmp_path)) == 0
    said = capsys.readouterr().out
    kept = re.search(r"kept as '(04_gradient_descent \d{4}-\d\d-\d\d \d\d\.\d\d\.ipynb)'", said)
    assert (tmp_path / kept[1]).read_text(encoding="utf-8") == "mine"
    assert "Reload Notebook from Disk" in said


def test_reset_of_a_missing_copy_speaks_of_no_old_one(tmp_path, capsys):
    assert run("reset", "04", "--folder", str(tmp_path)) == 0
    assert re.fullmatch(r"04_gradient_descent: a fresh copy is in .*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], r"name a chapter, such as `.*reset 04`; there are 00, 01, "),
        (["77"], r"got '77'; expected one of 00, 01, "),
    ],
)
def test_reset_without_a_chapter_or_of_an_unknown_one(arguments, said, capsys):
    assert run("reset", *arguments) == 2
    assert re.search(said, capsys.readouterr().err)


# -- make --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_calls_the_commands_and_says_what_its_first_time_costs():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def recipe(*arguments: str) -> str:
        # Into an empty folder instead of .venv, so that everything would have to be set up.
        command = ["make", "-n", "BIN=nowhere", f"PYTHON={sys.executable}", *arguments]
        return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout

    opening = recipe("lab", "LAB_ARGS=--no-browser", "LEARNER=.venv/.learner", "--what-if=requirements.txt")
    assert opening.index("1 to 5 minutes and 2 GB") < opening.index("-r requirements.txt")
    assert opening.rstrip().endswith("nowhere/python -m nnopt_utils lab --no-browser")
    light = recipe("lab", "LEARNER=.venv/.light", "--what-if=requirements-light.txt")
    assert light.index("up to 2 minutes and 0.5 GB") < light.index("-r requirements-light.txt")
    fresh = recipe("reset", "CHAPTER=04")
    assert fresh.rstrip().endswith("nowhere/python -m nnopt_utils reset 04")
    assert "install -r" not in fresh  # after a light set-up, no TensorFlow comes in


# -- the real one ------------------------------------------------------------------------------------------------------


@contextmanager
def running(folder: Path, home: Path):
    """JupyterLab as a new user has it, and the address that it prints."""
    process, address = started_server(folder, home)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def started_server(folder: Path, home: Path, tries: int = 3) -> tuple[subprocess.Popen, str]:
    """The server once it answers. Jupyter looks for a free port, and takes it later: another program may be faster."""
    log = home / "log.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG_"))}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nnopt_utils", "lab", "--folder", str(folder), "--no-browser", "--allow-root"]
    for _ in range(tries):
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "--port", "0"], cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            printed = re.search(r"http://localhost\S*token=\S+\s", log.read_text(encoding="utf-8"))
            if printed and answers(printed[0].strip()):
                return process, printed[0].strip()
            time.sleep(0.5)
        process.kill()
        process.wait()
    pytest.fail(f"JupyterLab did not answer, {tries} times:\n{log.read_text(encoding='utf-8')}")


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=60) as page:
            return page.status == 200
    except URLError:
        return False


@pytest.mark.slow
def test_the_printed_address_opens_chapter_00_without_news_and_with_saved_widgets(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with running(tmp_path / "mine", home) as address:
        assert re.search(r"^http://localhost:\d+/lab/tree/00_introduction\.ipynb\?token=", address)
        with urlopen(address, timeout=60) as page:
            assert page.status == 200
        with urlopen(address.replace("/lab/tree/00_introduction.ipynb", "/api/contents"), timeout=60) as answer:
            names = {entry["name"] for entry in json.load(answer)["content"]}
        assert {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} == names
        with urlopen(address.replace("/lab/tree/00_introduction.ipynb", "/lab/api/settings"), timeout=60) as answer:
            settings = {entry["id"]: entry for entry in json.load(answer)["settings"]}

    def default(plugin: str, name: str) -> object:
        return settings[plugin]["schema"]["properties"][name]["default"]

    assert default("@jupyterlab/apputils-extension:notification", "fetchNews") == "false"
    assert default("@jupyterlab/apputils-extension:notification", "checkForUpdates") is False
    assert default("@jupyter-widgets/jupyterlab-manager:plugin", "saveState") is True


@pytest.mark.slow
def test_an_export_has_alternative_texts_and_folds_solutions(tmp_path):
    """File > Save and Export Notebook As: JupyterLab's own page has neither."""
    home = tmp_path / "home"
    home.mkdir()
    with running(tmp_path / "mine", home) as address:
        where = address.replace("/lab/tree/", "/nbconvert/{}/")
        with urlopen(where.format("html"), timeout=120) as answer:
            page = answer.read().decode("utf-8")
        with urlopen(where.format("markdown"), timeout=120) as answer:
            archive = zipfile.ZipFile(io.BytesIO(answer.read()))  # the text, and the images as files
    text = archive.read("00_introduction.md").decode("utf-8")
    n_images = page.count('src="data:image/png')
    assert n_images and len(re.findall(r"<img alt=.Figure 00\.", page)) == n_images
    n_solutions = (ROOT / "notebooks" / "00_introduction.ipynb").read_text(encoding="utf-8").count('"solution"')
    assert page.count("<details><summary># ") == n_solutions > 0
    assert re.search(r"@media print \{[^}]*pre \{ white-space: pre-wrap;", page)  # paper cannot be scrolled
    assert ".jp-RenderedText pre { word-break: normal;" in page
    assert text.count("![Figure 00.") == len(archive.namelist()) - 1 == n_images
