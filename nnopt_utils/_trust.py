"""Signatures of the learner's copies: JupyterLab shows widgets and HTML as they are only where it trusts a notebook.

It trusts what was signed on this machine. A notebook that is not is signed only once all its cells were run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def sign_copies(originals: Sequence[Path], folder: Path) -> None:
    """Sign each copy that is the course's own file, byte for byte; of what a learner saved JupyterLab judges itself.

    Args:
        originals: the course's notebooks.
        folder: the folder of the copies.
    """
    # Whatever is in the way (a home that cannot be written, a broken database): nobody needs trust to start.
    try:
        _sign([path.read_text(encoding="utf-8") for path in originals if _is_same(path, folder / path.name)])
    except Exception:
        return


def _is_same(original: Path, copy: Path) -> bool:
    return copy.is_file() and copy.read_bytes() == original.read_bytes()


def _sign(notebooks: Sequence[str]) -> None:
    # Imported here: the doctor and the help run where nothing is installed.
    from jupyter_core.paths import jupyter_data_dir
    from nbformat import v4
    from nbformat.sign import NotebookNotary

    data = Path(jupyter_data_dir())
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    notary = NotebookNotary(data_dir=str(data))
    with closing(notary.store):
        for notebook in notebooks:
            notary.sign(v4.reads(notebook))
