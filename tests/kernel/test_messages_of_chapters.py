"""Every chapter with its bars on, in a kernel of its own: few enough messages for JupyterLab's server, and no stderr.

The server drops what comes above 1,000 messages a second, and figures with it.
"""

from __future__ import annotations

import nbformat
import pytest
from recording import Message, left_over, most_in_a_second, started_kernel, streamed

from tools.twins import Pair, find_pairs

IN_ALL = 3000
IN_A_SECOND = 300


def models_of_widgets(messages: list[Message]) -> set[str]:
    states = [m.content["data"].get("state", {}) for m in messages if m.kind == "comm_open"]
    return {state.get("_model_name", "") for state in states}


@pytest.mark.slow
@pytest.mark.parametrize("pair", find_pairs(), ids=lambda pair: pair.name)
def test_a_chapter_sends_few_messages(pair: Pair):
    if "keras" in pair.name:
        pytest.importorskip("keras")
    cells = [cell for cell in nbformat.read(pair.notebook, as_version=4).cells if cell.cell_type == "code"]
    messages: list[Message] = []
    with started_kernel(pair.notebook.parent) as kernel:
        for cell in cells:
            sent = kernel.run(cell.source)
            raised = [m.content["evalue"] for m in sent if m.kind == "error"]
            assert not raised or "raises-exception" in cell.metadata.get("tags", []), f"{raised}\n{cell.source}"
            assert streamed(sent, "stderr") == "", cell.source
            assert all(data == {"text/plain": ""} for data in left_over(sent).values()), cell.source
            assert "FloatProgressModel" not in models_of_widgets(sent), f"a bar that is a widget\n{cell.source}"
            messages += sent
    assert len(messages) <= IN_ALL
    assert most_in_a_second(messages) <= IN_A_SECOND
