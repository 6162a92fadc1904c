"""A notebook in JupyterLab, used through menus, keys and clicks, as a learner does; what happens beside is kept."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

import nbformat
import psutil
from chromium import FLAGS
from playwright.sync_api import Browser, Locator, Page, Playwright
from server import Server, end_family

# A laptop's screen.
SCREEN = {"width": 1366, "height": 768}
WAIT_SECONDS = 90
RUN_SECONDS = 400
HERE = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|(data|blob|about):")
# With these the page stays here, but asks the server to look elsewhere.
SERVER_LOOKS_ELSEWHERE = re.compile(r"/lab/api/(news|update)\b")

# Dialogs and notifications come and go; what they said is kept.
WATCH_MESSAGES = """
window.nnoptMessages = [];
new MutationObserver(changes => {
  for (const change of changes) for (const node of change.addedNodes) {
    if (!node.querySelectorAll) continue;
    for (const message of [node, ...node.querySelectorAll('*')])
      if (message.matches('.jp-Dialog, .Toastify__toast')) window.nnoptMessages.push(message.innerText);
  }
}).observe(document, {childList: true, subtree: true});
"""
PROMPTS = "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputArea-prompt')].map(e => e.textContent)"
IDLE = "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
# A run that an error ends leaves cells without a number, and none with a star.
RUN_ENDED = f"() => {IDLE} && {PROMPTS}.some(p => /[0-9]/.test(p)) && !{PROMPTS}.some(p => p.includes('*'))"

IMAGES = """
async cells => {
  const found = {};
  for (const cell of cells) {
    cell.scrollIntoView();
    await new Promise(requestAnimationFrame);
    const images = [...cell.querySelectorAll('.jp-OutputArea img')];
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    found[cell.dataset.windowedListIndex] = images.map(image => image.naturalWidth);
  }
  return found;
}
"""
TEXTS = """
cells => cells.map(cell => {
  const text = cell.cloneNode(true);
  text.querySelectorAll('mjx-container, code, pre').forEach(part => part.remove());
  return {
    cell: Number(cell.closest('.jp-Cell').dataset.windowedListIndex),
    formulas: cell.querySelectorAll('mjx-container').length,
    errors: cell.querySelectorAll('mjx-merror, [data-mjx-error]').length,
    text: text.textContent,
  };
})
"""
# A picture's address may stay while its bytes change, and the other way round.
PIXELS = """
async image => {
  try { await image.decode(); } catch { return null; }  // another picture takes its place just now
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL();
}
"""


@dataclass
class Beside:
    """What happened beside the page."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> list[str]:
        """Requests that leave this machine, or have the server do so."""
        return [u for u in self.requests if not HERE.match(u) or SERVER_LOOKS_ELSEWHERE.search(u)]


class NotebookPage:
    """One notebook of a server in a fresh browser profile; made by `opened`."""

    def __init__(self, browser: Browser, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.file = server.folder / f"{name}.ipynb"
        self.beside = Beside()
        context = browser.new_context(viewport=SCREEN, service_workers="block")  # type: ignore[arg-type]
        context.set_default_timeout(1000 * WAIT_SECONDS)
        context.add_init_script(WATCH_MESSAGES)
        context.on("request", lambda request: self.beside.requests.append(request.url))
        context.route(lambda address: not HERE.match(address), lambda route: route.abort())
        self.page: Page = context.new_page()
        self.page.on("websocket", lambda socket: self.beside.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.beside.console.append(f"uncaught: {error}"))
        self.page.on("console", self._note_console)

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self.beside.console.append(message.text)

    # -- the whole page ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the notebook and wait for all its cells and for its kernel."""
        self.page.goto(self.server.address(self.file.name, workspace=self.name))
        number = len(nbformat.read(self.file, as_version=4).cells)
        self.page.wait_for_function(f"() => document.querySelectorAll('.jp-Notebook .jp-Cell').length === {number}")
        self.wait_until_idle()

    def wait_until_idle(self, seconds: float = WAIT_SECONDS) -> None:
        self.page.wait_for_function(f"() => {IDLE}", timeout=1000 * seconds)

    def menu(self, *path: str) -> None:
        """Choose from the menu bar: a menu, perhaps a submenu, an entry (its beginning will do)."""
        self.page.get_by_role("menubar").get_by_text(path[0], exact=True).click()
        *submenus, last = (self._menu_entry(entry) for entry in path[1:])
        for entry in submenus:
            entry.hover()
        last.click()

    def _menu_entry(self, beginning: str) -> Locator:
        labels = self.page.locator(".lm-Menu-itemLabel")
        return labels.filter(has_text=re.compile(f"^{re.escape(beginning)}")).first

    def run_all(self) -> float:
        """Clear all outputs, run all cells to the last one, or the first one that fails; return the seconds."""
        self.menu("Edit", "Clear Outputs of All Cells")  # what is there afterwards is of this run
        self.page.wait_for_function("() => !document.querySelector('.jp-Notebook .jp-OutputArea-child')")
        begun = time.monotonic()
        self.menu("Run", "Run All Cells")
        self.page.wait_for_function(RUN_ENDED, timeout=1000 * RUN_SECONDS, polling=100)
        return time.monotonic() - begun

    def save(self) -> nbformat.NotebookNode:
        """Save through the menu and return what is in the file."""
        before = self.file.stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        until = time.monotonic() + WAIT_SECONDS
        while self.file.stat().st_mtime_ns == before or self.page.locator(".jp-mod-dirty").count():
            assert time.monotonic() < until, f"{self.file.name} was not saved within {WAIT_SECONDS} s"
            self.page.wait_for_timeout(100)
        return nbformat.read(self.file, as_version=4)

    def theme(self, name: str) -> None:
        self.menu("Settings", "Theme", f"JupyterLab {name}")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === 'JupyterLab {name}'")

    # -- what is on it -----------------------------------------------------------------------------------------------

    def images(self) -> dict[int, list[int]]:
        """Scroll through the page; return the widths of each cell's pictures in pixels, 0 for one that is broken."""
        widths = self.page.locator(".jp-Notebook .jp-CodeCell").evaluate_all(IMAGES)
        return {int(cell): found for cell, found in widths.items()}

    def rendered_texts(self) -> list[dict[str, Any]]:
        """Every rendered piece of Markdown: its cell, its formulas, errors in them, and the text around them."""
        return self.page.locator(".jp-Notebook .jp-RenderedMarkdown").evaluate_all(TEXTS)

    def messages(self) -> list[str]:
        """What dialogs and notifications said."""
        return self.page.evaluate("window.nnoptMessages")

    def text(self) -> str:
        """All texts of the notebook, also those that are folded."""
        return self.page.locator(".jp-Notebook").evaluate("notebook => notebook.textContent")

    # -- one cell ----------------------------------------------------------------------------------------------------

    def cell(self, index: int) -> Locator:
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")

    def outputs(self, index: int) -> Locator:
        return self.cell(index).locator(".jp-Cell-outputArea")

    def output_text(self, index: int) -> str:
        """What a cell says, also what is folded or off the screen."""
        return self.outputs(index).text_content() or ""

    def source(self, index: int) -> str:
        """What stands in a cell's editor."""
        self.show(index)  # an editor far away is empty
        return self.cell(index).locator(".cm-content").inner_text()

    def show(self, index: int, place: str = "start") -> None:
        """Scroll to a cell."""
        self.cell(index).evaluate("(cell, block) => cell.scrollIntoView({block})", place)
        self.page.wait_for_timeout(200)

    def run(self, index: int) -> None:
        """Click into a cell and press Shift+Enter."""
        editor = self._editor(index)
        prompt = self.cell(index).locator(".jp-InputArea-prompt")
        prompt.evaluate("prompt => prompt.textContent = ''")  # a new kernel may give the old number again
        editor.press("Shift+Enter")
        self.page.wait_for_function(
            f"prompt => {IDLE} && /[0-9]/.test(prompt.textContent)", arg=prompt.element_handle()
        )

    def replace_last_line(self, index: int, text: str) -> None:
        """Type a new last line of a cell, in the place of the old one; its indentation stays."""
        editor = self._editor(index)
        editor.press("ControlOrMeta+End")
        editor.press("Shift+Home")
        self.page.keyboard.type(text)

    def _editor(self, index: int) -> Locator:
        self.show(index, "center")
        editor = self.cell(index).locator(".cm-content")
        editor.click()
        return editor

    def pixels(self, index: int) -> str:
        """The picture of a cell, as data to compare."""
        until = time.monotonic() + WAIT_SECONDS
        while (now := self.outputs(index).locator("img").first.evaluate(PIXELS)) is None:
            assert time.monotonic() < until, f"{self.name}, cell {index}: the picture cannot be decoded"
            self.page.wait_for_timeout(50)
        return now

    def wait_for_other_pixels(self, index: int, before: str) -> str:
        """The cell's picture, once it is another one than before."""
        until = time.monotonic() + WAIT_SECONDS
        while (now := self.pixels(index)) == before:
            assert time.monotonic() < until, f"{self.name}, cell {index}: the figure did not change"
            self.page.wait_for_timeout(50)
        return now

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)


@contextmanager
def opened(
    playwright: Playwright, program: Path, server: Server, name: str, *, seconds: float, watch: bool = False
) -> Iterator[NotebookPage]:
    """A notebook in a browser of its own, which is killed when it takes too long: then every wait for it ends, too.

    Args:
        playwright: drives the browser.
        program: the browser.
        server: has the notebook.
        name: the notebook's file without its ending.
        seconds: the longest that all of it may take.
        watch: open a window to watch, and go slowly.
    """
    browser = playwright.chromium.launch(
        executable_path=program, args=list(FLAGS), headless=not watch, slow_mo=200 if watch else 0
    )
    watchdog = Timer(seconds, _end_browsers)
    watchdog.daemon = True
    watchdog.start()
    try:
        page = NotebookPage(browser, server, name)
        page.open()
        yield page
    finally:
        watchdog.cancel()
        browser.close()
        server.shut_kernels_down()


def _end_browsers() -> None:
    """End the browsers that this process has started, and no others."""
    for process in psutil.Process().children(recursive=True):
        try:
            is_browser = any("--remote-debugging" in argument for argument in process.cmdline())
        except psutil.Error:
            continue
        if is_browser:
            end_family(process.pid)
