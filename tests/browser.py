"""Debian's chromium, looking at notebook front ends on this machine and at nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from .front_end import Server, front_end, write_notebook

__all__ = [
    "Browser",
    "Server",
    "Tab",
    "browser_tab",
    "chromium",
    "front_end",
    "need_chromium",
    "write_notebook",
]

expect.set_options(timeout=60_000)  # of five seconds a busy machine may want more

SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"
CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-precise-memory-info", "--js-flags=--expose-gc"),
)
NOT_OURS = ("https://cdn.jsdelivr.net/npm/@fortawesome/",)
"""Begins of addresses that Voilà asks for, with or without us. They are refused like all others."""

HARMLESS = (
    "could not set initial ranges",  # Bokeh, of a picture without data
    "reading 'schema'",  # Notebook 7, of every notebook
    "Command 'filebrowser:open-path' not registered",  # Notebook 7
    "labextensions/@jupyter-notebook/lab-extension",  # Voilà, where Notebook 7 is installed too
)
"""What pages may complain of."""

# `models(name)` finds what the kernel named so: one model for each view that shows it.
HELPERS = """
window.models = name => (window.Bokeh?.documents ?? [])
    .map(doc => doc.get_model_by_name(name)).filter(model => model != null);
window.kernel = () => jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel;
"""
# Messages on the kernel's socket, and animation frames in which some canvas got an image.
COUNTERS = """
window.counted = {received: 0, receivedBytes: 0, sent: 0, sentBytes: 0, frames: 0};
const size = data => data.byteLength ?? data.size ?? data.length;
window.WebSocket = class extends WebSocket {
    constructor(...args) {
        super(...args);
        this.counts = String(args[0]).includes('/channels');
        if (this.counts) this.addEventListener('message', event => {
            counted.received++;
            counted.receivedBytes += size(event.data);
        });
    }
    send(data) {
        if (this.counts) { counted.sent++; counted.sentBytes += size(data); }
        super.send(data);
    }
};
let drawn = false;
const drawImage = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    drawn = true;
    return drawImage.apply(this, args);
};
const frame = () => {
    if (drawn) counted.frames++;
    drawn = false;
    requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""
SPOT = """([name, x, y]) => {
    const view = Bokeh.index.find_one(models(name)[0]);
    const {left, top} = view.el.getBoundingClientRect();
    const {x_scale, y_scale} = view.frame;
    return [left + x_scale.compute(x), top + y_scale.compute(y)];
}"""
RUN_ALL = """async wait => {
    const run = jupyterapp.commands.execute('notebook:run-all-cells');
    return !wait || await run || jupyterapp.shell.currentWidget.content.model.sharedModel.cells
        .flatMap(cell => cell.outputs ?? []).flatMap(output => output.traceback ?? []);
}"""
RUN = """async code => {
    const future = kernel().requestExecute({code, store_history: false});
    let output = '', error = '';
    future.onIOPub = ({header, content}) => {
        if (header.msg_type === 'stream') output += content.text;
        if (header.msg_type === 'error') error = content.traceback.join('\\n');
    };
    await future.done;
    return [output, error];
}"""


def need_chromium() -> Path:
    """Return where Debian's chromium is; skip the test where it is not."""
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed; `make setup` installs it as root")
    return Path(CHROMIUM)


@dataclass
class Tab:
    """A page of the browser, what it complained of, and what it asked others than us for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open_lab(self, server: Server, name: str) -> None:
        """Open a notebook in JupyterLab, in a workspace where nothing else is open."""
        where = quote(Path(name).stem)
        url = f"{server.url}/lab/workspaces/{where}/tree/{quote(name)}"
        self.page.goto(url, wait_until="domcontentloaded")
        self.wait_idle()

    def run_cells(self, server: Server, cells: Sequence[str], *, wait: bool = True) -> None:
        """Write a notebook, open it in JupyterLab and run all cells."""
        name = f"{uuid4()}.ipynb"
        write_notebook(server.folder / name, cells)
        self.open_lab(server, name)
        self.run_all(wait=wait)

    def reload(self) -> None:
        """Save the notebook, and load the page anew."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        self.page.reload(wait_until="domcontentloaded")
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the notebook is there and its kernel has nothing to do."""
        self.wait("() => window.jupyterapp?.shell && kernel()?.status === 'idle'", timeout=120)

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells; raise if one fails."""
        done = self.page.evaluate(RUN_ALL, wait)
        if done is not True:
            raise AssertionError("a cell failed:\n" + "\n".join(done))

    def kernel_run(self, code: str) -> str:
        """Run code in the notebook's kernel, after what it is at; return what the code printed."""
        output, error = self.page.evaluate(RUN, code)
        if error:
            raise AssertionError(error)
        return str(output)

    def kernel_value(self, expression: str) -> Any:
        """Return what an expression is in the kernel, by way of JSON."""
        return json.loads(self.kernel_run(f"import json\nprint(json.dumps({expression}))"))

    def wait(self, condition: str, argument: Any = None, *, timeout: float = 60) -> None:
        """Wait until a function of the page returns something true."""
        self.page.wait_for_function(condition, arg=argument, timeout=timeout * 1000)

    def spot(self, name: str, x: float, y: float) -> tuple[float, float]:
        """Return where in the page a point of a figure is."""
        left, top = self.page.evaluate(SPOT, [name, x, y])
        return left, top

    def wait_until_still(self, name: str) -> None:
        """Wait until a figure is drawn and keeps its place and ranges."""
        corners = None
        while corners != (corners := [self.spot(name, 0, 0), self.spot(name, 1, 1)]):
            self.page.wait_for_timeout(300)
            self.wait("() => Bokeh.documents.every(document => document.is_idle)")

    def screenshot(self, name: str) -> None:
        """Keep how the page looks."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def check(self) -> None:
        """Raise if the page complained, or asked anybody but us for something."""
        assert not self.strangers, self.strangers
        assert not self.complaints, self.complaints

    def _route(self, route: Route) -> None:
        url = route.request.url
        if url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:")):
            route.continue_()
            return
        if not url.startswith(NOT_OURS):
            self.strangers.append(url)
        route.abort()

    def _hear(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        if message.type == "error" and not url.startswith(NOT_OURS):
            self._note(f"{message.text} ({url})")

    def _note(self, complaint: str) -> None:
        if not any(one in complaint for one in HARMLESS):
            self.complaints.append(complaint)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's chromium; skip the test where there is none."""
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_tab(
    browser: Browser | None = None,
    *,
    width: int = 1200,
    height: int = 1000,
    dark: bool = False,
    counting: bool = False,
) -> Iterator[Tab]:
    """Open a page with an empty profile, in a browser of its own if none is given."""
    with ExitStack() as stack:
        if browser is None:
            browser = stack.enter_context(chromium())
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        stack.callback(context.close)
        context.add_init_script(HELPERS + (COUNTERS if counting else ""))
        tab = Tab(context.new_page())
        context.route("**/*", tab._route)
        tab.page.on("pageerror", lambda error: tab._note(str(error)))
        tab.page.on("console", tab._hear)
        yield tab
