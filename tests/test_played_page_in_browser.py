"""A saved page plays its run again as it was, out of what it holds, and asks nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lstmwidgets.online import LSTMClassifier, LSTMRegressor, LSTMTextClassifier
from lstmwidgets.widgets import LiveStream

from .browser import Browser, browser_tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

EVENTS = 90
NUMBERS = [({"a": float(n % 5)}, float(n % 7)) for n in range(EVENTS)]
CLASSES = [({"a": float(n % 5)}, f"c{n % 3}") for n in range(EVENTS)]
# What the page knows: each column, the curve and the units' values, by step.
KNOWN = """() => {
    const { store } = document.querySelector(".lw-live");
    const steps = Array.from({ length: store.size }, (_, n) => store.first + n);
    return {
        columns: Object.fromEntries([...store.columns.keys()].map(name =>
            [name, steps.map(step => String(store.value(name, step)))])),
        curve: store.curve,
        forget: steps.map(step => store.unit("forget_gate", step, 0)),
        drifts: store.drifts, classes: store.classes, next: store.next,
    };
}"""


def played(model: Any, events: list[Any], window: int, path: Path) -> Path:
    """Return two pages of a run, at rest and one that plays: ``path`` with ``still`` before it."""
    live = LiveStream(model, events, window=window, speed=50)
    live.step(len(events))
    live.save_html(path, plays=True)
    live.save_html(path.with_name(f"still_{path.name}"))
    live.close()
    return path


def finish(page: Page) -> Any:
    page.locator("input[type=range]").fill("12")  # full speed
    expect(page.locator(".lw-live")).to_have_attribute("data-state", "finished")
    return page.evaluate(KNOWN)


@pytest.mark.parametrize("window", [300, 40], ids=["all of it", "its end"])
@pytest.mark.parametrize(
    ("model", "events"),
    [(LSTMRegressor(4, seed=1), NUMBERS), (LSTMClassifier(4, seed=1), CLASSES)],
    ids=["numbers", "classes"],
)
def test_what_was_played_is_what_the_picture_holds(
    model: Any, events: list[Any], window: int, tmp_path: Path, browser: Browser
) -> None:
    path = played(model.clone(), events, window, tmp_path / "run.html")
    with browser_tab(browser) as tab:
        tab.page.goto(path.with_name("still_run.html").as_uri())
        expect(tab.page.locator(".lw-live")).to_contain_text("Saved picture")
        still = tab.page.evaluate(KNOWN)
        tab.page.goto(path.as_uri())
        assert finish(tab.page) == still
        assert still["next"] == EVENTS
        tab.page.get_by_role("button", name="Play").click()  # and again from its beginning
        assert finish(tab.page) == still
        tab.check()


def test_it_pauses_steps_stops_and_rests_where_less_motion_is_wanted(
    tmp_path: Path, browser: Browser
) -> None:
    path = played(LSTMRegressor(4, seed=1), NUMBERS, 300, tmp_path / "run.html")
    with browser_tab(browser) as tab:
        page = tab.page
        live, reading = page.locator(".lw-live"), page.locator(".lw-reading")
        page.emulate_media(reduced_motion="reduce")
        page.goto(path.as_uri())
        expect(reading).to_have_text(f"{EVENTS} of {EVENTS} events")
        step = page.get_by_role("button", name="Step")
        step.click()
        step.click()
        expect(reading).to_have_text(f"2 of {EVENTS} events")
        expect(live).to_have_attribute("data-state", "paused")
        page.get_by_role("button", name="Play").click()
        expect(reading).not_to_have_text(f"2 of {EVENTS} events")
        page.get_by_role("button", name="Stop").click()
        expect(live).to_have_attribute("data-state", "stopped")
        step.click()
        expect(reading).to_have_text(f"1 of {EVENTS} events")
        expect(page.get_by_text("Learn", exact=True)).to_have_count(0)
        tab.check()


@pytest.mark.parametrize(
    ("model", "events", "steps", "said"),
    [
        (LSTMTextClassifier(seed=1), [("so good", True), ("so bad", False)], 2, "texts"),
        (LSTMRegressor(4, seed=1), NUMBERS, 0, "nothing was played"),
    ],
    ids=["texts", "nothing"],
)
def test_what_cannot_play_is_refused(
    model: Any, events: list[Any], steps: int, said: str, tmp_path: Path
) -> None:
    live = LiveStream(model, events)
    if steps:
        live.step(steps)
    with pytest.raises(ValueError, match=said):
        live.save_html(tmp_path / "run.html", plays=True)
    assert not list(tmp_path.iterdir())
    live.close()
