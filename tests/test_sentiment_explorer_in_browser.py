"""SentimentExplorer in JupyterLab, by real typing and clicks, and in a page without a kernel."""

# ruff: noqa: RUF001 - minus signs are what is on the page

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.widgets import SentimentExplorer

from .browser import Browser, Server, Tab, browser_tab
from .test_state_heatmap_in_browser import wait_for_value

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOK = """
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.widgets import SentimentExplorer

texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
labels = (["positive"] * 3 + ["negative"] * 3) * 5
options = {"word_vectors": None, "hidden_size": 16, "members": 2, "seed": 1}
model = SentimentModel(**options).fit(texts, labels)
explorer = SentimentExplorer(model, theme="light")

def said():
    explorer.wait()
    found = explorer.explanation
    return [found.words, found.probabilities.tolist(), found.contributions.tolist()]
"""

# What the page shows: words, and numbers that are visible; and of which text the kernel has told.
SHOWN = """() => {
    const root = document.querySelector("[aria-label='The text']");
    const seen = (node) => getComputedStyle(node).visibility === 'visible';
    const numbers = [...root.querySelectorAll('.lw-share .lw-number')];
    return {
        typed: document.querySelector('.lw-explorer textarea').value,
        due: root.dataset.due,
        words: [...root.querySelectorAll('.lw-token')].map((node) => node.textContent),
        numbers: numbers.filter(seen).map((node) => node.textContent),
        added: [...root.querySelectorAll('.lw-word .lw-number')].filter(seen)
            .map((node) => node.textContent),
    };
}"""

# Keeps all that is on the page whenever it changes.
WATCH = f"""() => {{
    const look = {SHOWN};
    window.looks = [];
    const keep = () => looks.push(look());
    new MutationObserver(keep).observe(document.querySelector('.lw-explorer'),
        {{subtree: true, childList: true, characterData: true, attributes: true}});
}}"""


def model_of() -> SentimentModel:
    texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    labels = (["positive"] * 3 + ["negative"] * 3) * 5
    options: dict[str, Any] = {"word_vectors": None, "hidden_size": 16, "members": 2, "seed": 1}
    return SentimentModel(**options).fit(texts, labels)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def compare(tab: Tab) -> None:
    """Check that the page shows what Python says."""
    words, shares, added = tab.kernel_value("said()")
    tab.wait(
        "count => document.querySelectorAll(\"[aria-label='The text'] .lw-word\").length"
        " === count && !document.querySelector('.lw-sum').textContent.includes('…')"
        " && document.querySelector('.lw-sum').textContent !== ''",
        len(words),
    )
    shown = tab.page.evaluate(SHOWN)
    assert shown["words"] == words
    assert shown["numbers"] == [percent(share) for share in shares[-1]]
    place = int(np.argmax(shares[-1]))
    for text, row in zip(shown["added"], added, strict=True):
        value = float(text.removesuffix(" %").replace("−", "-"))
        assert abs(value - 100 * row[place]) <= (0.051 if "." in text else 0.51)


def box_of(tab: Tab) -> Locator:
    return tab.page.get_by_role("textbox", name="Text")


def test_one_types_compares_flips_teaches_and_undoes(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "explorer"])
    page = tab.page
    page.get_by_text("Type a sentence, or paste a text").first.wait_for()
    box = box_of(tab)
    box.click()
    page.evaluate(WATCH)
    page.keyboard.type("I love this mess", delay=25)
    wait_for_value(tab, "explorer.text", "I love this mess")
    expect(page.locator(".lw-sum").first).to_contain_text("by these words together")
    compare(tab)
    expect(page.locator(".lw-unknown .lw-token")).to_have_text("this")
    # At no time did numbers stand beside another text than that which they are of.
    for look in page.evaluate("looks"):
        if look["numbers"]:
            assert look["typed"].lower().split() == look["words"]

    # A word is edited: a click selects it, and what one types takes its place.
    page.get_by_role("button", name="Compare with this").click()
    expect(page.get_by_text("Compared with “I love this mess”")).to_be_visible()
    page.locator("[aria-label='The text'] .lw-word").nth(1).click()
    page.keyboard.type("hate")
    wait_for_value(tab, "explorer.text", "I hate this mess")
    expect(page.locator("[aria-label='The text'] .lw-changed .lw-token")).to_have_text("hate")
    expect(page.locator("[aria-label='Compared with'] .lw-changed .lw-token")).to_have_text("love")
    compare(tab)

    # By keys through the words; the tip says what Python says.
    page.locator("[aria-label='The text'] .lw-words").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    _, shares, added = tab.kernel_value("said()")
    tip = page.locator("[aria-label='The text'] .lw-tip")
    expect(tip).to_contain_text("4. mess")
    sign = f"{100 * added[3][0]:+.2f} %".replace("-", "−")
    expect(tip).to_contain_text(f"negative{percent(shares[3][0])}, adds {sign}")

    # What would flip it, and one of these tried.
    page.get_by_role("button", name="What would flip it?").click()
    row = page.locator(".lw-flip").first
    row.wait_for()
    before = tab.kernel_value("explorer.explanation.prediction")
    row.click()
    wait_for_value(tab, "explorer.text == 'I hate this mess'", False)
    wait_for_value(tab, "explorer.wait()", True)
    assert tab.kernel_value("explorer.explanation.prediction") != before
    compare(tab)

    # The right label, learned and undone.
    first = tab.kernel_value("said()")
    page.get_by_role("group", name="Right label").get_by_role("button", name=before).click()
    expect(page.locator(".lw-learned")).to_contain_text(f"as {before}")
    wait_for_value(tab, "len(explorer.lessons)", 1)
    compare(tab)
    assert tab.kernel_value("said()") != first
    page.get_by_role("button", name="Undo").click()
    wait_for_value(tab, "len(explorer.lessons)", 0)
    assert tab.kernel_value("said()") == first
    compare(tab)

    page.get_by_label("Contributions to").select_option("1")
    wait_for_value(tab, "explorer.of", "positive")
    tab.kernel_run("explorer.of = None; explorer.text = 'set from Python'")
    expect(box).to_have_value("set from Python")
    page.get_by_role("button", name="Compare no more").click()
    wait_for_value(tab, "explorer.compare_with is None", True)

    # Nothing is left to show, and a word says what to do.
    box.fill("")
    expect(page.get_by_text("Type a sentence, or paste a text:")).to_be_visible()
    expect(page.locator("[aria-label='The text']")).to_be_hidden()

    # A long text, pasted.
    box.fill("so good , what a mess . " * 100)
    expect(page.get_by_text("words 1 to 150 of 700")).to_be_visible()
    expect(page.locator("[aria-label='The text'] .lw-word")).to_have_count(150)
    page.get_by_role("button", name="Words after").click()
    expect(page.get_by_text("words 151 to 300 of 700")).to_be_visible()


def test_nothing_serious_stands_in_the_way(browser: Browser, tmp_path: Path) -> None:
    explorer = SentimentExplorer(model_of(), "I love this mess", compare_with="so bad")
    explorer.flips()
    explorer.teach("negative")
    explorer.flips()
    explorer.save_html(tmp_path / "page.html")
    for dark in (False, True):
        with browser_tab(browser, dark=dark) as tab:
            tab.page.goto((tmp_path / "page.html").as_uri())
            tab.page.locator(".lw-flip").first.wait_for()
            tab.page.locator(".lw-words").first.focus()
            found = Axe().run(tab.page)
            serious = [
                f"{each['id']}: {node['target']} {node['failureSummary']}"
                for each in found.response["violations"]
                if each["impact"] in ("serious", "critical")
                for node in each["nodes"]
            ]
            assert not serious, "\n".join(serious)
            tab.check()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (800, True), (420, False)])
def test_a_page_without_a_kernel_answers_hover(
    browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    explorer = SentimentExplorer(model_of(), "I love this <b>mess", compare_with="so bad")
    found = explorer.explanation
    explorer.save_html(tmp_path / "page.html")
    with browser_tab(browser, width=width, dark=dark) as tab:
        tab.page.goto((tmp_path / "page.html").as_uri())
        own = tab.page.locator("[aria-label='The text']")
        for place in (1, len(found.words) - 1):
            own.locator(".lw-word").nth(place).hover()
            tip = own.locator(".lw-tip")
            expect(tip).to_contain_text(f"{place + 1}. {found.words[place]}")
            for label, share in zip(found.classes, found.probabilities[place], strict=True):
                expect(tip).to_contain_text(f"{label}{percent(share)}, adds")
            box = tip.bounding_box()
            assert box is not None
            assert 0 <= box["x"] <= width - box["width"]
        tab.page.mouse.move(0, 0)
        expect(own.locator(".lw-tip")).to_be_hidden()
        expect(tab.page.get_by_text("Saved picture: no kernel is behind it.")).to_be_visible()
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        assert box_of(tab).get_attribute("readonly") is not None
        expect(own.locator(".lw-sum")).to_contain_text(re.compile(r"by these words together: \d"))
        tab.screenshot(f"explorer-{width}")
        tab.check()
