"""GateLab in JupyterLab, by clicks, sliders and typing, and in a page without a kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets import SequenceModel
from lstmwidgets.analysis import Intervention, Scenario, ablation, load_scenarios
from lstmwidgets.widgets import GateLab

from .browser import Server, Tab
from .test_state_heatmap_in_browser import MAP, spot, wait_for_value

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOK = """
import numpy as np, torch
from lstmwidgets import SequenceModel
from lstmwidgets.analysis import Intervention, Scenario, ablation
from lstmwidgets.widgets import GateLab

torch.manual_seed(0)
model = SequenceModel(2, 1, hidden_size=8, num_layers=2, pooling=None)
x = torch.randn(1, 30, 2)
gates = GateLab(model, x, targets=np.sin(np.arange(30) / 3))

def said():
    return [[each.name, [str(one) for one in each.interventions]] for each in gates.scenarios]
"""


def fill(tab: Tab, label: str, text: str, n: int = 0) -> None:
    box = tab.page.get_by_label(label, exact=True).nth(n)
    box.fill(text)
    box.press("Tab")


def test_what_one_does_in_a_notebook_is_done_to_the_lstm(
    lab: Server, tab: Tab, tmp_path: Path
) -> None:
    tab.run_cells(lab, [NOTEBOOK, "gates"])
    page, mouse = tab.page, tab.page.mouse
    page.locator(MAP.format("cell")).wait_for()

    # A box in the heatmaps says which units and steps.
    mouse.move(*spot(tab, "cell", 10, 2))
    mouse.down()
    mouse.move(*spot(tab, "cell", 19, 3), steps=6)
    mouse.up()
    wait_for_value(tab, "gates.brush is not None", True)
    units = sorted(tab.kernel_value("gates.units.tolist()")[2:4])
    page.get_by_role("button", name="New scenario").click()
    boxed = f"forget gate of units {units[0]} and {units[1]} set to 1 at steps 10 to 19"
    wait_for_value(tab, "said()", [["scenario 1", [boxed]]])
    assert tab.kernel_value("gates.shown") == 0

    # The slider, by keys as by the pointer.
    slider = page.get_by_role("slider", name="Value")
    slider.focus()
    page.keyboard.press("Home")
    wait_for_value(tab, "gates.scenarios[0].interventions[0].to", 0)
    box = slider.bounding_box()
    assert box is not None
    mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    mouse.up()
    wait_for_value(tab, "0.4 < gates.scenarios[0].interventions[0].to < 0.6", True)
    page.get_by_role("combobox", name="Part").select_option("input gate")
    page.get_by_role("combobox", name="How").select_option("times")
    fill(tab, "Value, exactly", "0.25")
    fill(tab, "Units", "all")
    fill(tab, "From step", "12")
    fill(tab, "to", "")
    fill(tab, "Name", "little enters")
    wait_for_value(tab, "said()", [["little enters", ["input gate times 0.25 from step 12 on"]]])

    # What the page says is what Python has.
    moved = tab.kernel_value(
        "float(abs(gates.runs[0].predictions - gates.what_if.untouched.predictions).mean())"
    )
    page.get_by_text(f"The predictions move by {moved:.4g} in the mean.").wait_for()
    mouse.move(*spot(tab, "cell", 20, 4))
    tip = page.locator(".lw-states .lw-tip")
    unit = tab.kernel_value("gates.units.tolist()")[4]
    cell = tab.kernel_value(f"float(gates.runs[0].recording.layers['cell'][20, 1, {unit}])")
    tip.get_by_text(f"{cell:.4g}".replace("-", "\N{MINUS SIGN}"), exact=True).first.wait_for()
    assert "little enters" in tip.inner_text()
    page.get_by_role("checkbox", name="By how much it differs").check()
    before = tab.kernel_value(
        f"float(gates.what_if.untouched.recording.layers['cell'][20, 1, {unit}])"
    )
    mouse.move(*spot(tab, "cell", 20, 4))
    apart = f"{np.float32(cell) - np.float32(before):.4g}".replace("-", "\N{MINUS SIGN}")
    tip.get_by_text(apart, exact=True).first.wait_for()

    # Units ranked, and one silenced.
    page.get_by_role("button", name="Rank the units").click()
    page.locator(".lw-unit").nth(7).wait_for()
    wait_for_value(tab, "bool(gates.ranking.measured.all())", True)
    order = tab.kernel_value("gates.ranking.order")
    tab.wait(
        "wanted => [...document.querySelectorAll('.lw-unit')]"
        ".map(each => Number(each.dataset.unit)).join() === wanted.join()",
        order,
    )
    page.locator(".lw-unit").first.click()
    silent = f"hidden output of layer 1 of unit {order[0]} set to 0"
    wait_for_value(tab, "said()[1]", [f"unit {order[0]} silent", [silent]])

    # What cannot be is said, and changes nothing.
    fill(tab, "Units", "99")
    page.get_by_text("units are numbers from 0 to 7, got 99").wait_for()
    wait_for_value(tab, "said()[1][1]", [silent])
    fill(tab, "Units", "first")
    page.locator(".lw-wrong", has_text="Expected `int`, got `str`").wait_for()

    # To a file and back.
    with page.expect_download() as kept:
        page.get_by_role("button", name="Keep in a file").click()
    kept.value.save_as(tmp_path / "scenarios.json")
    assert [each.name for each in load_scenarios(tmp_path / "scenarios.json")] == [
        "little enters",
        f"unit {order[0]} silent",
    ]
    page.get_by_role("button", name="Remove scenario").click()
    wait_for_value(tab, "len(gates.scenarios)", 1)
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Open a file").click()
    chosen.value.set_files(tmp_path / "scenarios.json")
    wait_for_value(tab, "len(gates.scenarios)", 2)
    tab.kernel_run("gates.shown = -1")
    page.get_by_role("tab", name="untouched", selected=True).wait_for()
    page.get_by_role("tab", name="untouched").press("ArrowRight")
    wait_for_value(tab, "gates.shown", 0)
    tab.check()


def lab_of(tmp_path: Path) -> tuple[GateLab, Path]:
    torch.manual_seed(0)
    model = SequenceModel(2, 3, hidden_size=8, pooling=None, task="classification")
    model.classes = ["low", "middle", "<b>high"]
    scenarios = [
        Scenario("<i>shut", (Intervention("input_gate", to=0.0, steps=(10, 15)),)),
        Scenario("unit 3 silent", (ablation(3),)),
    ]
    gates = GateLab(
        model, torch.randn(1, 30, 2), targets=["low"] * 30, scenarios=scenarios, theme="light"
    )
    gates.rank()
    gates.shown = 0
    gates.save_html(tmp_path / "gates.html")
    return gates, tmp_path / "gates.html"


@pytest.mark.parametrize("width", [1280, 420])
def test_a_page_without_a_kernel_answers_hover_and_brush(
    width: int, tab: Tab, tmp_path: Path
) -> None:
    gates, path = lab_of(tmp_path)
    page = tab.page
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto(path.as_uri())
    page.locator(MAP.format("cell")).wait_for()
    page.mouse.move(*spot(tab, "cell", 12, 4))
    tip = page.locator(".lw-tip")
    value = gates.runs[0].recording.layers["cell"][12, 0, gates.units[4]]
    tip.get_by_text(f"{value:.4g}".replace("-", "\N{MINUS SIGN}"), exact=True).first.wait_for()
    told: list[Any] = tip.inner_text().split("\n")
    said = float(gates.runs[0].predictions[12, 0])
    assert told[told.index("<i>shut") + 1] == f"{said:.4g}"
    page.mouse.move(*spot(tab, "hidden", 3, 1))
    page.mouse.down()
    page.mouse.move(*spot(tab, "hidden", 9, 5), steps=5)
    page.mouse.up()
    page.get_by_text("steps 3 to 9").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.get_by_role("button", name="New scenario").is_visible()
    assert json.loads(json.dumps(gates.to_dataframe().columns.tolist()))[2] == (
        "prediction, untouched"
    )
    tab.check()
