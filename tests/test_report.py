"""The report is one offline page whose pictures show what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river.linear_model import LinearRegression

from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.plots import shares
from lstmwidgets.streaming import Event, StreamRunner
from lstmwidgets.streaming.pictures import record
from lstmwidgets.streaming.pictures.record import RunRecord
from lstmwidgets.streaming.pictures.report import report_html
from lstmwidgets.streaming.tasks import Options, task_named

if TYPE_CHECKING:
    from playwright.sync_api import Page


CHROMIUM = Path("/usr/bin/chromium")


def recorded(events: int, model: Any = None) -> tuple[StreamRunner, RunRecord]:
    start = datetime(2024, 1, 1)
    source = [
        Event(n, {"a": n % 5}, 10 + np.sin(n / 4), start + timedelta(hours=n))
        for n in range(events)
    ]
    runner = StreamRunner(model or LSTMRegressor(6, window=3, seed=1), source)
    run = RunRecord(runner)
    for outcome in runner.run():
        run.add(outcome)
    return runner, run


def page_of(events: int, model: Any = None) -> str:
    runner, run = recorded(events, model)
    return report_html("a <b>title</b>", {"seed": "1 & 2"}, run, runner.scores.table())


def test_memory_is_bounded_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "POINTS", 50)
    monkeypatch.setattr(record, "COLUMNS", 20)
    _, run = recorded(120)
    assert (run.points.stride, run.snapshots.stride) == (4, 8)
    assert [point.event for point in run.points.items] == list(range(0, 120, 4))
    assert [snapshot.event for snapshot in run.snapshots.items] == list(range(0, 120, 8))
    page = page_of(120)
    assert "Lines show one event in 4." in page
    assert "Heatmaps show one event in 8." in page


def test_what_is_recorded_is_what_happened() -> None:
    runner, run = recorded(30)
    point, snapshot = run.points.items[-1], run.snapshots.items[-1]
    assert point.target == pytest.approx(10 + np.sin(29 / 4))
    assert point.model_error == runner.comparisons[0].model
    assert np.array_equal(snapshot.activations, runner.model.activations)  # type: ignore[attr-defined]
    cell = runner.model.state.c[-1, 0].numpy()  # type: ignore[attr-defined]
    assert np.array_equal(run.recording().layers["cell"][-1, -1], cell)


def test_a_model_without_gates_gets_lines_only() -> None:
    page = page_of(20, LinearRegression())
    assert "Prediction and truth" in page
    assert "Forget gate" not in page


def test_text_is_escaped_and_nothing_is_fetched() -> None:
    page = page_of(10)
    assert "a &lt;b&gt;title" in page
    assert "1 &amp; 2" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)


@pytest.fixture
def browser_page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed; `make setup` installs it as root")
    options = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*options, "--disable-background-networking"]
        )
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


@pytest.mark.browser
@pytest.mark.xdist_group("pane")
@pytest.mark.parametrize("events", [2, 200])
def test_the_page_draws_offline_without_a_complaint(
    events: int, browser_page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page_of(events))
    requests: list[str] = []
    complaints: list[str] = []
    browser_page.on("request", lambda request: requests.append(request.url))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    browser_page.goto(path.as_uri())
    browser_page.wait_for_function("Bokeh.documents.length == 1 && Bokeh.documents[0].is_idle")
    assert requests == [path.as_uri()]
    assert complaints == []
    drawn = browser_page.evaluate(
        """() => Bokeh.documents[0].roots()[0].children.map(plot => ({
            title: plot.title.text,
            events: plot.renderers[0].data_source.data.event?.length ?? null,
            last: Array.from(plot.renderers[0].data_source.data.target ?? []).at(-1) ?? null,
            rows: plot.renderers[0].data_source.data.image?.map((image) => image.shape) ?? null,
        }))"""
    )
    assert [plot["events"] for plot in drawn[:3]] == [events] * 3
    assert drawn[0]["last"] == pytest.approx(10 + np.sin((events - 1) / 4))
    assert [plot["rows"] for plot in drawn[3:]] == [[[6, events]]] * 4
    heights = browser_page.evaluate(
        """async () => {
            const plot = Bokeh.documents[0].roots()[0].children[0]
            const height = () => plot.y_range.end - plot.y_range.start
            const before = height()
            plot.x_range.end = plot.x_range.start + 1.6
            await new Promise(done => setTimeout(done, 500))
            return [before, height()]
        }"""
    )
    assert events == 2 or heights[1] < heights[0] / 2
    assert [plot["title"].split(":")[0] for plot in drawn[2:]] == [
        "Whom the prediction follows",
        "Cell state c",
        "Forget gate f",
        "Input gate i",
        "Output gate o",
    ]


TASKS: dict[str, tuple[Callable[[], Any], Options, list[str]]] = {
    "classification": (
        lambda: LSTMClassifier(4, window=3, seed=1),
        Options(),
        ["True class, and what was said", "Confusion over time", "Confusion of the whole run"],
    ),
    "forecast": (
        lambda: LSTMForecaster(hidden_size=4, window=3, seed=1),
        Options(horizon=5, coverage=0.5),
        ["Prediction and truth", "Mean absolute error by steps ahead"],
    ),
    "anomaly": (
        lambda: LSTMAnomalyDetector(4, window=3, seed=1),
        Options(alarms=0.01, labelled=True),
        ["How odd each event was", "Share of alarms so far", "Feature a"],
    ),
    "text": (
        lambda: LSTMTextClassifier(4, seed=1),
        Options(),
        ["Probability of the class that came", "Accuracy so far"],
    ),
}


def task_page(name: str) -> str:
    """Return the report of a task over 120 events."""
    make, given, _ = TASKS[name]
    targets = {
        "classification": lambda n: "<b>low" if n % 5 < 3 else "high",
        "forecast": lambda n: np.sin(n / 4),
        "anomaly": lambda n: n == 100,
        "text": lambda n: "ab"[n % 2],
    }
    x = {"text": lambda n: {"t": f"word {n % 2}"}}.get(
        name, lambda n: {"a": np.sin(n / 3) + 9 * (n == 100)}
    )
    source = [Event(n, x(n), targets[name](n)) for n in range(120)]
    runner = StreamRunner(make(), source, task=task_named(name, given))
    run = RunRecord(runner)
    for outcome in runner.run():
        run.add(outcome)
    return report_html(name, {"task": name}, run, runner.scores.table())


@pytest.mark.browser
@pytest.mark.xdist_group("pane")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_the_report_of_every_task_draws_without_a_complaint(
    scheme: str, width: int, browser_page: Page, tmp_path: Path
) -> None:
    browser_page.set_viewport_size({"width": width, "height": 900})
    complaints: list[str] = []
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    browser_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for name, (_, _, titles) in TASKS.items():
        path = tmp_path / f"{name}.html"
        path.write_text(task_page(name))
        browser_page.goto(path.as_uri())
        browser_page.wait_for_function("Bokeh.documents.length == 1 && Bokeh.documents[0].is_idle")
        drawn = browser_page.evaluate(
            "Bokeh.documents[0].roots()[0].children.map(plot => [plot.title.text, "
            "plot.title.text_color, plot.renderers[0].glyph != null])"
        )
        assert {*titles} <= {title for title, *_ in drawn}
        assert {colour for _, colour, _ in drawn} == {THEME_TEXT[scheme]}
        assert all(has for *_, has in drawn)
        browser_page.wait_for_function(f"({SHOWN}).every(([used, there]) => used <= there)")
    assert complaints == []


SHOWN = """
Bokeh.documents[0].roots()[0].children.flatMap((plot) => {
  const { text, text_font_size } = plot.title;
  const room = plot.outer_width - 70;
  const legends = plot.above.filter((each) => each.items).map((legend) => {
    const wide = Array(legend.ncols).fill(0);
    legend.items.forEach(({ label }, n) => {
      const column = n % legend.ncols;
      wide[column] = Math.max(wide[column], 28 + 6 * label.value.length);
    });
    return [wide.reduce((one, other) => one + other), room];
  });
  return [[(text.length * parseFloat(text_font_size)) / 2, room], ...legends];
})
"""
"""How wide titles and legends are in pixels, each beside what there is for it."""

THEME_TEXT = {"light": "#333333", "dark": "#e6e6e6"}


def test_experts_have_the_same_colours_in_reports_and_live_pages() -> None:
    text = files("lstmwidgets").joinpath("live/curve_panel.js").read_text(encoding="utf-8")
    found = re.search(r"const OTHERS = \[([^]]*)\]", text)
    assert found is not None
    assert tuple(re.findall(r"#\w{6}", found[1])) == shares.OTHERS
