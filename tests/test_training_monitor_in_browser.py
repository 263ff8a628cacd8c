"""TrainingMonitor in JupyterLab, by clicks and keys, and in a page without a kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from lstmwidgets.training import iter_fit
from lstmwidgets.widgets import TrainingMonitor

from .browser import Browser, Server, Tab, browser_tab
from .test_state_heatmap_in_browser import wait_for_value
from .trainings import model_of, noise

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOK = """
import numpy as np, torch
from lstmwidgets import SequenceModel, iter_fit
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream, TrainingMonitor
from river import datasets

torch.set_num_threads(1)
torch.manual_seed(0)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(60, 10, 2)), rng.normal(size=60)
model = SequenceModel(2, hidden_size=16)
training = iter_fit(
    model, x, y, validation=0.5, epochs=100_000, lr=0.01, batch_size=8, seed=0, patience=None
)
monitor = TrainingMonitor(training)
"""

LEFT, RIGHT = 58, 16  # beside the picture


def point(page: Page, panel: str, share: float) -> None:
    """Move the mouse over a panel, to a share of its axis."""
    canvas = page.locator(f".lw-monitor [data-panel={panel}] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x = box["x"] + LEFT + share * (box["width"] - LEFT - RIGHT)
    page.mouse.move(x, box["y"] + box["height"] / 2)


def rows(tip: Locator) -> dict[str, str]:
    names = tip.locator(".lw-tip-row .lw-entry").all_inner_texts()
    return dict(zip(names, tip.locator(".lw-tip-row b").all_inner_texts(), strict=True))


def test_the_training_does_what_the_buttons_say(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "monitor"])
    page = tab.page
    root = page.locator(".lw-monitor")
    expect(root).to_contain_text("Press Train")
    root.get_by_role("button", name="One epoch").click()
    wait_for_value(tab, "[len(training.epochs), monitor.state]", [1, "paused"])
    expect(root).to_contain_text("1 of 100,000 epochs · rate 0.01")

    root.get_by_role("button", name="Train").click()
    reading = root.locator(".lw-reading")
    expect(reading).to_contain_text(re.compile(r"^\d\d+ of 100,000 epochs .* left"))
    root.get_by_role("button", name="Pause").click()
    root.get_by_role("button", name="Train").wait_for()
    wait_for_value(tab, "monitor.state", "paused")
    rested = tab.kernel_value("monitor.position")

    root.get_by_role("button", name="Halve the rate").click()
    wait_for_value(tab, "training.lr", 0.005)
    expect(root).to_contain_text("rate 0.005")
    slider = root.get_by_role("slider", name="Dropout")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    wait_for_value(tab, "round(model.dropout, 6)", 0.2)
    expect(root).to_contain_text("dropout 0 → 0.2")
    assert tab.kernel_value("monitor.position") == rested
    assert tab.kernel_value("[c.position for c in monitor.course.changes]") == [rested] * 2

    page.locator(".lw-course").focus()
    page.keyboard.press(" ")
    wait_for_value(tab, f"monitor.position > {rested} + 2", True)
    assert tab.kernel_value("training.epochs[-1].lr") == 0.005
    page.keyboard.press(" ")
    wait_for_value(tab, "monitor.state", "paused")

    point(page, "score", 0.3)
    tip = root.locator(".lw-tip")
    number = int(re.findall(r"\d+", tip.locator(".lw-tip-head").inner_text())[0])
    table = f"monitor.to_dataframe().set_index('epoch').loc[{number}]"
    said = rows(tip)
    assert said["loss, validation"] == f"{tab.kernel_value(f'{table}.validation_loss'):.4g}"
    assert said["gradient norm"] == f"{tab.kernel_value(f'{table}.gradient_norm'):.4g}"
    page.mouse.move(0, 0)

    root.get_by_role("button", name="Stop, keep the best").click()
    wait_for_value(tab, "monitor.state", "finished")
    for button in root.get_by_role("button").all():
        expect(button).to_be_disabled()
    verdict = tab.kernel_value("monitor.result.verdict")
    expect(root.locator(".lw-verdict")).to_have_text(verdict)
    best = tab.kernel_value("monitor.result.best_epoch")
    assert best >= 1
    tab.check()


LATE = """
import time
set_dropout = monitor.set_dropout
def set_dropout_late(value):
    time.sleep(0.3)
    set_dropout(value)
    time.sleep(0.3)
monitor.set_dropout = set_dropout_late
"""


def test_a_late_kernel_does_not_take_keys_back(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, LATE, "monitor"])
    root = tab.page.locator(".lw-monitor")
    slider = root.get_by_role("slider", name="Dropout")
    slider.focus()
    for presses in range(1, 7):
        slider.press("ArrowRight")
        tab.page.wait_for_timeout(200)
        assert float(slider.input_value()) == pytest.approx(0.05 * presses)
    wait_for_value(tab, "round(model.dropout, 6)", 0.3)
    expect(root).to_contain_text("dropout 0 → 0.3")
    expect(slider).to_have_value("0.3")


def test_a_failure_says_what_to_do_and_all_can_be_used_by_everyone(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "monitor"])
    page = tab.page
    root = page.locator(".lw-monitor")
    tab.kernel_run("monitor.step(12)")
    tab.kernel_run("monitor.lower_lr()")
    for theme in ("light", "dark"):
        tab.kernel_run(f"monitor.theme = {theme!r}")
        page.locator(f".lw-monitor[data-theme={theme}]").wait_for()
        found = Axe().run(page, context={"include": [[".lw-monitor"]]})
        serious = [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found.response["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)
        tab.screenshot(f"training-monitor-{theme}")
    with_nan = "model.head.weight.data.fill_(float('nan'))"
    tab.kernel_run(f"{with_nan}\nmonitor.play()\nprint(monitor.wait(60))")
    alert = root.get_by_role("alert")
    expect(alert).to_contain_text("DivergedError: the training loss became nan in epoch 13")
    expect(alert).to_contain_text("Try a smaller lr")
    tab.kernel_run("monitor.close()")
    expect(root).to_have_count(0)


STREAM = """
live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), speed=200)
watched = TrainingMonitor(live)
"""


def test_an_online_estimator_is_paused_and_slowed(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, STREAM, "watched"])
    root = tab.page.locator(".lw-monitor")
    root.get_by_role("button", name="100 events").click()
    expect(root).to_contain_text("100 of 1,268 events · rate 0.005")
    expect(root.locator("[data-panel=loss]")).to_contain_text("Mean absolute error")
    root.get_by_role("button", name="Halve the rate").click()
    wait_for_value(tab, "live.model.lr", 0.0025)
    expect(root).to_contain_text("Changed after event 100: lr 0.005 → 0.0025")
    root.get_by_role("button", name="Train").click()
    expect(root.locator(".lw-reading")).to_contain_text(re.compile(r"^[2-9]\d\d of 1,268 events"))
    root.get_by_role("button", name="Pause").click()
    wait_for_value(tab, "live.state", "paused")
    assert root.get_by_role("slider").count() == 0
    tab.check()


@pytest.fixture(scope="module")
def overfitted() -> TrainingMonitor:
    data, targets = noise()
    monitor = TrainingMonitor(
        iter_fit(
            model_of(input_size=2, hidden_size=32), data, targets, validation=0.5, epochs=40,
            lr=0.03, seed=0, patience=None, device="cpu", batch_size=4,
        )
    )  # fmt: skip
    monitor.step(20)
    monitor.lower_lr()
    monitor.play()
    assert monitor.wait(60)
    return monitor


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (800, True), (420, False)])
def test_a_page_without_a_kernel_tells_every_epoch(
    width: int, dark: bool, overfitted: TrainingMonitor, browser: Browser, tmp_path: Path
) -> None:
    overfitted.save_html(tmp_path / "page.html")
    course = overfitted.course
    with browser_tab(browser, width=width, dark=dark) as tab:
        page = tab.page
        page.goto((tmp_path / "page.html").as_uri())
        tab.wait("() => document.querySelector('.lw-monitor')?.plot?.scene")
        expect(page.locator(".lw-monitor")).to_contain_text("Saved picture")
        expect(page.locator(".lw-verdict")).to_have_text(overfitted.verdict)
        tip = page.locator(".lw-tip")
        for panel, epoch in (("loss", 10), ("dead", 21)):
            point(page, panel, epoch / 40)
            row = overfitted.to_dataframe().iloc[epoch - 1]
            said = rows(tip)
            assert said["loss, training"] == f"{row.train_loss:.4g}"
            assert said["loss, validation"] == f"{row.validation_loss:.4g}"
            assert said["learning rate"] == f"{row.lr:.4g}"
            share = 100 * row.forget_gate_open
            assert float(said["gate forget open"].split()[0]) == pytest.approx(share, abs=0.5)
        expect(tip).to_contain_text("changed: lr 0.03 → 0.015")
        assert course.overfits_from is not None
        page.locator(".lw-course").focus()
        page.keyboard.press("Home")
        expect(tip.locator(".lw-tip-head")).to_have_text(re.compile(r"^epoch 1\b"))
        for _ in range(course.overfits_from - 1):
            page.keyboard.press("ArrowRight")
        overfits = f"epoch {course.overfits_from}, overfitting"
        expect(tip.locator(".lw-tip-head")).to_have_text(overfits)
        page.keyboard.press("ArrowLeft")
        expect(tip.locator(".lw-tip-head")).to_have_text(f"epoch {course.best}, the best so far")
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        gap = course.columns["validation_loss"] - course.columns["train_loss"]
        assert _is_shaded(page, int(gap.argmax()) + 1, overfitted)
        assert course.best is not None
        assert not _is_shaded(page, course.best, overfitted, before=0.7)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.get_by_role("button", name="Train")).to_be_hidden()
        tab.check()


SHADE = """([epoch, low, high]) => {
    const {plot} = document.querySelector('.lw-monitor');
    const panel = plot.panels[0];
    const {scene} = plot, ratio = devicePixelRatio;
    const [bottom, top] = panel.extent(plot.store);
    const y = value => panel.height - 5 - (panel.height - 11) * (value - bottom) / (top - bottom);
    const [x, at] = [scene.x(epoch), y((low + high) / 2)];
    return [...panel.pen.getImageData(x * ratio - 4, at * ratio - 4, 9, 9).data];
}"""


def _is_shaded(page: Page, epoch: int, monitor: TrainingMonitor, before: float = 0) -> bool:
    """Say whether the gap between the losses is coloured as validation's line, but paler."""
    row: Any = monitor.to_dataframe().iloc[epoch - 1]
    given = [epoch - before, row.train_loss, row.validation_loss]
    pixels = np.array(page.evaluate(SHADE, given), np.float64).reshape(-1, 4)
    red, _, blue, alpha = np.median(pixels, axis=0)
    return bool(alpha > 20 and red > blue + 20)
