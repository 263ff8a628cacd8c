"""CostPanel in a page: charts say what Python counts and measures; controls answer at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from lstmwidgets import LSTM
from lstmwidgets.analysis import count_costs
from lstmwidgets.widgets import CostPanel

from .browser import Browser, Server, Tab, browser_tab
from .test_gradient_flow_in_browser import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CELL = """
from lstmwidgets.widgets import CostPanel
panel = CostPanel(input_size=3, hidden_size=8, sizes=[4, 16], window=3, batch_size=2, steps=4)
panel
"""
UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "B": 1.0, "kB": 1e3, "MB": 1e6}


def told(page: Page, chart: str) -> dict[str, float]:
    """Return what a chart's legend says, by the curves' names, in units without a prefix."""
    found = {}
    for entry in page.locator(f".lw-costs [data-chart={chart}] .lw-entry").all():
        name, text = entry.locator(".lw-label").inner_text(), entry.locator("b").inner_text()
        number, _, unit = text.replace(",", "").removeprefix("≈ ").partition("\u00a0")
        found[name] = float(number) * UNITS[unit] if unit else float(number)
    return found


def point_at(page: Page, chart: str, size: int, sizes: list[int], *, click: bool = False) -> None:
    """Point at a size in a chart."""
    canvas = page.locator(f"[data-chart={chart}] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    first, last, at = (
        torch.tensor(each).log().item() for each in (sizes[0] / 1.25, sizes[-1] * 1.25, float(size))
    )
    x = box["x"] + 50 + (box["width"] - 62) * (at - first) / (last - first)
    page.mouse.move(x, box["y"] + 60)
    if click:
        page.mouse.click(x, box["y"] + 60)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CostPanel, Path]]:
    """Return a widget whose page is saved."""
    panel = CostPanel(LSTM(3, 12), sizes=[4, 8, 16], window=3, batch_size=2, steps=4)
    path = tmp_path_factory.mktemp("costs") / "page.html"
    panel.save_html(path)
    yield panel, path
    panel.close()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (800, True), (420, False)], ids=str)
def test_a_saved_page_answers_without_a_kernel(
    saved: tuple[CostPanel, Path], browser: Browser, width: int, dark: bool
) -> None:
    panel, path = saved
    sizes = [4, 8, 12, 16]
    with browser_tab(browser, width=width, height=900, dark=dark) as tab:
        page = tab.page
        page.goto(path.as_uri())
        expect(page.locator(".lw-costs")).to_contain_text("Saved picture: no kernel is behind it.")
        expect(page.locator(".lw-said")).to_contain_text("A step of 12 units takes ")
        tab.screenshot(f"costs-{width}-{'dark' if dark else 'light'}")
        for size in (4, 16):
            point_at(page, "step", size, sizes)
            expect(page.locator(".lw-reading")).to_have_text(f"Values at {size} units")
            counts = count_costs(3, size)
            assert told(page, "parameters")["the LSTM"] == counts.parameters
            assert told(page, "flops_per_step")["the LSTM"] == counts.flops_per_step
            memory = told(page, "memory")
            assert memory["weights"] == pytest.approx(counts.weight_bytes, rel=5e-3)
            assert memory["state of a stream"] == counts.state_bytes
            for each in panel.points:
                if each.hidden_size != size:
                    continue
                name = {"eligibility rule": "lstmwidgets, eligibility rule"}.get(
                    each.contender, each.contender
                )
                name = "nn.LSTM, autograd" if (each.kind, name) == ("event", "nn.LSTM") else name
                assert told(page, each.kind)[name] == pytest.approx(each.seconds, rel=5e-3)
        page.mouse.move(1, 1)
        expect(page.locator(".lw-reading")).to_have_text("Values at 12 units")
        assert told(page, "parameters")["your model"] == count_costs(3, 12).parameters
        slider = page.get_by_role("slider", name="Hidden size")
        slider.focus()
        slider.press("ArrowLeft")
        expect(page.locator(".lw-reading")).to_have_text("Values at 11 units")
        assert told(page, "parameters")["the LSTM"] == count_costs(3, 11).parameters
        ours = {
            each.hidden_size: each.seconds
            for each in panel.points
            if (each.kind, each.contender) == ("step", "lstmwidgets")
        }
        low, high = sorted([ours[8], ours[12]])
        assert 0.99 * low < told(page, "step")["lstmwidgets"] < 1.01 * high
        expect(page.locator("[data-chart=step]")).to_contain_text("≈")
        page.get_by_label("Layers").select_option("3")
        page.get_by_label("Cell").select_option("peephole")
        expect(page.locator(".lw-said")).to_have_text("Times of 11 units are not measured.")
        counts = count_costs(3, 11, 3, cell="peephole")
        expect(page.locator("[data-chart=parameters]")).to_contain_text(f"{counts.parameters:,}")
        assert told(page, "flops_per_step")["the LSTM"] == counts.flops_per_step
        charts = page.get_by_role("group", name="Costs against the hidden size")
        charts.focus()
        for key in ("End", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        expect(page.locator(".lw-speed output")).to_have_text("12")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        serious = [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in Axe().run(page).response["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)
        tab.check()


def test_in_a_notebook_points_come_in_and_choices_reach_the_kernel(lab: Server, tab: Tab) -> None:
    page = tab.page
    tab.run_cells(lab, [CELL])
    root = page.locator(".lw-costs")
    expect(root.locator(".lw-said")).to_contain_text("A step of 8 units takes ", timeout=120_000)
    assert tab.kernel_value("panel.wait(300)")
    expect(root.get_by_role("button", name="Measure again")).to_be_enabled()
    root.get_by_label("Layers").select_option("2")
    expect(root.locator("[data-chart=parameters]")).to_contain_text(
        f"{count_costs(3, 8, 2).parameters:,}"
    )
    wait_for(tab, "panel.num_layers", 2)
    assert tab.kernel_value("panel.wait(300)")
    expect(root.locator(".lw-said")).to_contain_text("A step of 8 units takes ")
    point_at(page, "batch", 16, [4, 8, 16], click=True)
    wait_for(tab, "panel.hidden_size", 16)
    before = tab.kernel_value("[each.seconds for each in panel.points if each.num_layers == 2]")
    root.get_by_role("button", name="Measure again").click()
    root.get_by_role("button", name="Stop").click()
    wait_for(tab, "panel.measuring", False)
    root.get_by_role("button", name="Measure", exact=True).click()
    wait_for(tab, "panel.measuring", True)
    assert tab.kernel_value("panel.wait(300)")
    after = tab.kernel_value("[each.seconds for each in panel.points if each.num_layers == 2]")
    assert len(after) == len(before)
    assert after != before
    tab.kernel_run("panel.hidden_size = 100; panel.cell = 'coupled'")
    expect(root.locator(".lw-speed output")).to_have_text("100")
    expect(root.get_by_label("Cell")).to_have_value("coupled")
    tab.kernel_run("panel.close()")
    expect(root).to_have_count(0)
