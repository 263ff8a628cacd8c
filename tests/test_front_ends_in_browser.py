"""Every front end shows the widgets with controls that work; without a kernel pictures stay."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Locator, Page, Route, expect

from .browser import Server, Tab, browser_tab, front_end
from .front_end import write_marimo, write_notebook
from .shown_widgets import IMPORTS, KINDS, WIDGETS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("front ends")]

SAVED = "Saved picture: no kernel is behind it."
LOST = "Error displaying widget: model not found"
"""What a slow JupyterLab may say of all widgets, whosever they are: its manager of widgets counts
them as restored once the kernel is connected, and two seconds later gives up on what it is still
reading from the notebook. Loading the page anew helps."""

SIZE = {"width": 1000, "height": 4000}  # all of a notebook is in view, so that all of it is drawn
CELLS = [IMPORTS, *(f"{each.code}\n{each.name}" for each in WIDGETS)]
SNAPSHOTS = [f"{each.name}.snapshot()" for each in WIDGETS]
PACKAGES = ("@jupyter-widgets/html-manager@1.0.15", "requirejs@2.3.8", "anywidget@0.11.0")

INK = """canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


@dataclass(frozen=True)
class Notebook:
    """A notebook open in JupyterLab, whose widgets have been worked."""

    server: Server
    name: str
    tab: Tab


@pytest.fixture(scope="module")
def notebook(lab_server: Server, browser: Browser) -> Iterator[Notebook]:
    """Return a notebook of all widgets, worked and saved with the widgets' state."""
    name = "shown.ipynb"
    write_notebook(lab_server.folder / name, [*CELLS, *KINDS, *SNAPSHOTS])
    with browser_tab(browser, **SIZE) as tab:
        tab.open_lab(lab_server, name)
        tab.page.evaluate(
            "jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
        )
        tab.run_all()
        work(tab.page)
        while not tab.kernel_value("f'\"position\": {live.position},'.encode() in live._whole"):
            tab.page.wait_for_timeout(100)  # what rests is kept a second later
        tab.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        yield Notebook(lab_server, name, tab)
        tab.check()
    lab_server.end_kernels()


def work(page: Page) -> None:
    for each in WIDGETS:
        each.work(page.locator(each.root).first)


def check_picture(within: Page | Locator | FrameLocator) -> None:
    """Check that a live stream's heatmap has many colours."""
    canvas = within.locator("[data-panel=cell] canvas").first
    canvas.wait_for(timeout=60_000)
    for _ in range(50):
        if canvas.evaluate(INK) > 20:
            return
        canvas.page.wait_for_timeout(100)
    raise AssertionError("the heatmap is blank")


def check_saved(page: Page) -> None:
    """Check that the widgets show their pictures, and say that there is no more."""
    page.mouse.move(640, 400)
    for each in WIDGETS:
        root = page.locator(each.root).first
        for _ in range(40):  # JupyterLab makes what is far below when one comes near
            if root.count():
                break
            page.mouse.wheel(0, 500)
            page.wait_for_timeout(150)
        expect(root).to_contain_text(SAVED)
        expect(root.locator(each.waits)).to_be_disabled()
    page.mouse.wheel(0, -50_000)
    check_picture(page)
    inspector = page.locator(".lw-inspector").first
    inspector.get_by_role("button", name="One step back").click()  # needs no kernel
    expect(inspector).to_contain_text("10 of 12")


@pytest.mark.slow
def test_notebook_7_shows_what_a_kernel_goes_on_with(notebook: Notebook, browser: Browser) -> None:
    with browser_tab(browser, **SIZE) as tab:
        tab.page.goto(f"{notebook.server.url}/notebooks/{notebook.name}")
        live = tab.page.locator(".lw-live").first
        live.get_by_role("button", name="Step", exact=True).click()
        expect(live).to_contain_text(re.compile(r"\d+ of 1,268 events"))
        check_picture(tab.page)
        tab.check()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(notebook: Notebook, dark: bool) -> None:
    page = notebook.tab.page
    theme = f"JupyterLab {'Dark' if dark else 'Light'}"
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.locator(f".lw-live[data-theme={'dark' if dark else 'light'}]").first.wait_for()
    page.wait_for_timeout(500)
    found = Axe().run(page, context={"include": [[".jp-OutputArea-output"]]})
    serious = [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    notebook.tab.screenshot(f"axe-{theme}")
    assert not serious, "\n".join(serious)


def test_without_a_kernel_jupyterlab_shows_the_saved_pictures(
    notebook: Notebook, browser: Browser
) -> None:
    shutil.copy(notebook.server.folder / notebook.name, notebook.server.folder / "copy.ipynb")
    assert nbformat.read(notebook.server.folder / "copy.ipynb", 4).metadata.widgets
    for _ in range(5):
        with browser_tab(browser, **SIZE) as tab:
            tab.open_lab(notebook.server, "copy.ipynb")
            shown = tab.page.locator(WIDGETS[0].root).first
            expect(shown.or_(tab.page.get_by_text(LOST).first).first).to_be_visible()
            if shown.is_visible():
                check_saved(tab.page)
                tab.check()
                return
    pytest.fail(f"JupyterLab said '{LOST}' five times")


@pytest.fixture(scope="module")
def html(notebook: Notebook, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the notebook as nbconvert's HTML."""
    path = tmp_path_factory.mktemp("html") / "page.html"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(path)]
    subprocess.run([*command, notebook.server.folder / notebook.name], check=True)
    return path.as_uri()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what pages of nbconvert fetch from the net."""
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed; it fetches Jupyter's html-manager")
    done = subprocess.run(
        ["npm", "pack", "--silent", *PACKAGES], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"npm cannot fetch Jupyter's html-manager: {done.stderr.strip()[-200:]}")
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder / archive.name.split("-")[0], filter="data")
    return folder


@pytest.mark.slow
def test_without_a_kernel_an_html_page_shows_the_saved_pictures(
    html: str, browser: Browser, packages: Path
) -> None:
    files = {
        "require": packages / "requirejs/package/require.js",
        "html-manager": packages / "jupyter/package/dist/embed-amd.js",
        "anywidget": packages / "anywidget/package/dist/index.js",
    }

    def answer(route: Route) -> None:
        name = next((name for name in files if name in route.request.url), None)
        if name is None:
            route.abort()
        else:
            route.fulfill(path=files[name], content_type="text/javascript")

    with browser_tab(browser, **SIZE) as tab:
        tab.page.route(re.compile("^https:"), answer)
        tab.page.goto(html)
        check_saved(tab.page)


def test_snapshots_need_neither_kernel_nor_network(html: str, browser: Browser) -> None:
    with browser_tab(browser, **SIZE) as tab:
        tab.page.goto(html, wait_until="commit")
        live, cell = (tab.page.frame_locator("iframe").nth(n) for n in range(2))
        check_picture(live)
        live.locator("[data-panel=prediction] canvas").hover()
        expect(live.locator(".lw-tip")).to_contain_text("prediction")
        expect(live.locator("button:has-text('Play')")).to_be_hidden()
        cell.get_by_role("button", name="One step back").click()
        cell.locator(".lw-layer").select_option("1")
        expect(cell.locator(".lw-inspector")).to_contain_text("11 of 12")
        assert tab.page.locator("iframe").first.bounding_box()["height"] != 640  # as tall as it is


@pytest.mark.slow
def test_voila_shows_working_widgets(browser: Browser) -> None:
    with front_end("voila") as server, browser_tab(browser, **SIZE) as tab:
        write_notebook(server.folder / "shown.ipynb", CELLS)
        tab.page.goto(f"{server.url}/voila/render/shown.ipynb", timeout=120_000)
        work(tab.page)
        check_picture(tab.page)
        tab.check()


def test_marimo_shows_working_widgets(browser: Browser) -> None:
    cells = [
        f"import marimo as mo\n{IMPORTS}",
        *CELLS[1:],
        "shown = mo.ui.anywidget(cell)\nshown",
        "f'at step {shown.value[\"position\"]}'",
    ]
    with front_end("marimo") as server, browser_tab(browser, **SIZE) as tab:
        write_marimo(server.folder / "shown.py", cells)
        tab.page.goto(f"{server.url}/?file=shown.py")
        tab.page.locator(".lw-live").first.wait_for(timeout=90_000)
        work(tab.page)
        check_picture(tab.page)
        tab.page.get_by_text("at step 10").wait_for()
        tab.page.reload()
        check_picture(tab.page)
        tab.page.get_by_role("button", name="Step", exact=True).first.click()
        tab.check()
