"""The site builds without a warning, holds together, and reads well: offline, dark, on a phone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Page, expect

from .browser import Browser, browser_tab
from .test_public_names import PACKAGES, public

ROOT = Path(__file__).resolve().parent.parent
SITE_NEEDS = ("furo", "myst_nb", "numpydoc", "sphinx")

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("browser")]

TERMS = ("forget gate", "late labels", "learn_one")
OPENED = (
    "index.html", "tutorial.html", "benchmarks.html", "guides/index.html", "guides/keys.html",
    "explanation/lstm.html", "explanation/memory.html", "explanation/overfitting.html",
    "reference/lstmwidgets.html", "reference/command.html", "notebooks/00_first_steps.html",
    "notebooks/04_forecasting.html",
)  # fmt: skip
LOOKS = [(1280, False), (1280, True), (390, False), (390, True)]
MILLION = 1_000_000
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TALL = "() => document.querySelector('iframe.recording').getBoundingClientRect().height > 250"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a freshly built site."""
    if missing := [name for name in SITE_NEEDS if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)}: not installed; `make docs` installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "scripts.build_site", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Anatomy(HTMLParser):
    """What a page links to, shows in frames, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.frames: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.names |= {name for key in ("id", "name") if (name := given.get(key))}
        if tag == "iframe" and (frame := given.get("src")):
            self.frames.append(frame)
        for key in ("href", "src"):
            if link := given.get(key):
                self.links.append(link)


def pages(site: Path) -> dict[Path, Anatomy]:
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: Anatomy(path.read_text(encoding="utf-8")) for path in found}


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    anatomies = pages(site)
    assert len(anatomies) > 40
    checked = 0
    for path, page in anatomies.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in anatomies:
                named = unquote(parts.fragment) in anatomies[target].names
                assert named, f"{path.relative_to(site)}: {link}"
            checked += 1
    assert checked > 1_000


def executed(path: Path) -> bool:
    return (ROOT / "docs" / "executed" / path.name).exists()


def test_pages_are_small_and_those_with_recordings_not_large(site: Path) -> None:
    moving = 0
    for path, page in pages(site).items():
        recordings = [(path.parent / frame).resolve() for frame in page.frames]
        moving += bool(recordings)
        size = path.stat().st_size + sum(each.stat().st_size for each in recordings)
        assert size < (5 * MILLION if recordings else MILLION), path
    assert moving >= 4 + sum(map(executed, NOTEBOOKS))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_shown_with_its_figures(path: Path, site: Path) -> None:
    if not executed(path):
        assert "pyspark" in path.read_text(encoding="utf-8")
        pytest.skip("needs Spark's own environment: make setup-spark")
    shown = site / "notebooks" / f"{path.stem}.html"
    page = Anatomy(shown.read_text(encoding="utf-8"))
    figures = [shown.parent / frame for frame in page.frames]
    assert figures
    for figure in figures:
        assert figure.stat().st_size > 10_000


def test_a_chart_follows_the_theme(site: Path, browser: Browser) -> None:
    with browser_tab(browser, width=1280, height=1000) as tab:
        page = tab.page
        page.goto((site / "notebooks" / "04_forecasting.html").as_uri())
        frame = page.locator("iframe.recording").first
        frame.scroll_into_view_if_needed()
        chart = page.frame_locator("iframe.recording >> nth=0")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            expect(chart.locator("html")).to_have_attribute("data-theme", theme)
            expect(chart.locator(".bk-Figure")).to_have_count(2)
            page.wait_for_function(TALL)
        tab.check()


def test_the_reference_has_every_public_name(site: Path) -> None:
    listed = set()
    for path in (site / "reference").glob("*.html"):
        listed |= Anatomy(path.read_text(encoding="utf-8")).names
    objects = {}  # by where they may be found: a name that two packages have stands in one place
    for package in PACKAGES:
        for name, value in public(package):
            objects.setdefault(id(value), []).append(f"{package}.{name}")
    assert len(objects) > 100
    lacking = [names for names in objects.values() if not listed & set(names)]
    assert not lacking


@pytest.mark.parametrize("name", ["learn_one", "predict_one", "gates", "shares"])
def test_the_reference_has_what_estimators_inherit(name: str, site: Path) -> None:
    names = Anatomy((site / "reference" / "online.html").read_text(encoding="utf-8")).names
    assert f"lstmwidgets.online.LSTMRegressor.{name}" in names


@pytest.mark.parametrize("term", TERMS)
def test_search_finds(term: str, site: Path, browser: Browser) -> None:
    with browser_tab(browser) as tab:
        tab.page.goto((site / "index.html").as_uri())
        tab.page.locator("input[name=q]").first.fill(term)
        tab.page.keyboard.press("Enter")
        results = tab.page.locator("#search-results ul.search li")
        expect(results.first).to_be_visible()
        assert results.count() >= 2
        results.first.get_by_role("link").first.click()
        text = tab.page.locator("article").inner_text().lower()
        for word in term.split():
            assert word.rstrip("s") in text
        tab.check()


@pytest.mark.parametrize(("width", "dark"), LOOKS, ids=str)
@pytest.mark.parametrize("name", OPENED)
def test_a_page_reads_well(name: str, width: int, dark: bool, site: Path, browser: Browser) -> None:
    with browser_tab(browser, width=width, height=900, dark=dark) as tab:
        page = tab.page
        page.goto((site / name).as_uri())
        expect(page.locator("h1").first).to_be_visible()
        for frame in page.locator("iframe.recording").all():
            frame.scroll_into_view_if_needed()
            theme = frame.content_frame.locator("[data-theme]").first
            expect(theme).to_have_attribute("data-theme", "dark" if dark else "light")
        wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen  # what is wider scrolls by itself
        assert serious(page) == []
        tab.check()


def serious(page: Page) -> list[str]:
    """Return what axe-core finds to stand seriously in somebody's way."""
    offline = {"preload": False}  # else it asks for style sheets, which files may not have
    found = Axe().run(page, options=offline).response["violations"]
    return [
        f"{each['id']}: {json.dumps([node['html'][:200] for node in each['nodes'][:3]])}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.fixture
def front(site: Path, browser: Browser) -> Iterator[tuple[Page, FrameLocator]]:
    """Return the front page and the run in it."""
    with browser_tab(browser, width=1280, height=1000) as tab:
        tab.page.goto((site / "index.html").as_uri())
        yield tab.page, tab.page.frame_locator("iframe.recording >> nth=0")
        tab.check()


def events(run: FrameLocator) -> int:
    told = re.match(r"(\d+) of 144", run.locator(".lw-reading").inner_text())
    assert told
    return int(told[1])


def test_the_front_page_plays_pauses_and_plays_again(front: tuple[Page, FrameLocator]) -> None:
    page, run = front
    expect(run.locator(".lw-reading")).to_contain_text("a second")
    run.get_by_role("button", name="Pause").click()
    expect(run.locator(".lw-live")).to_have_attribute("data-state", "paused")
    paused = events(run)
    assert 0 < paused < 144
    page.wait_for_timeout(500)
    assert events(run) == paused
    run.get_by_role("button", name="Step").click()
    expect(run.locator(".lw-reading")).to_have_text(f"{paused + 1} of 144 events")
    run.locator("input[type=range]").fill("12")  # full speed
    run.get_by_role("button", name="Play").click()
    expect(run.locator(".lw-live")).to_have_attribute("data-state", "finished")
    assert events(run) == 144


def test_one_points_at_the_front_pages_run_and_brushes_it(
    front: tuple[Page, FrameLocator],
) -> None:
    page, run = front
    expect(run.locator(".lw-reading")).to_contain_text("a second")
    run.locator("input[type=range]").fill("12")
    expect(run.locator(".lw-live")).to_have_attribute("data-state", "finished")
    canvas = run.locator("canvas").first
    canvas.hover(position={"x": 300, "y": 60})
    expect(run.locator(".lw-tip-head")).to_be_visible()
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Shift")
    back = run.get_by_role("button", name="Follow again")
    expect(back).to_be_hidden()  # what comes stays in view
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(back).to_be_visible()
    back.click()
    expect(back).to_be_hidden()


def test_one_brushes_the_units_of_the_front_page(site: Path, browser: Browser) -> None:
    with browser_tab(browser, width=1280, height=1400) as tab:
        page = tab.page
        page.goto((site / "index.html").as_uri())
        picture = page.frame_locator("iframe.recording >> nth=1")
        canvas = picture.locator("canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 200, box["y"] + 15)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 40, steps=5)
        page.mouse.up()
        expect(picture.locator("body")).to_contain_text("Mean in the box: ")
        tab.check()
