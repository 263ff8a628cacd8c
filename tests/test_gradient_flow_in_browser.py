"""Curves of gradients answer to sliders, pointer and keys: in JupyterLab, and in a saved page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from lstmwidgets.models import SequenceModel
from lstmwidgets.widgets import GradientFlow

from .browser import Browser, Server, Tab, browser_tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WORDS = ["I", "did", "not", "expect", "much", ",", "but", "<b>", "this", "film", "was", "fine"]

CELL = f"""
import torch
from lstmwidgets.models import SequenceModel
from lstmwidgets.widgets import GradientFlow

torch.manual_seed(3)
model = SequenceModel(
    None, 2, vocabulary_size=30, task="classification", pooling="last", hidden_size=8
)
model.classes = ["bad", "good"]
words = {WORDS!r}
flow = GradientFlow(model, torch.arange(1, len(words) + 1), labels=words)
flow
"""
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def number(text: str) -> float:
    """Return a number as pages write it, such as ``1.8 × 10⁻²⁷``."""
    share, _, power = text.replace("\u2212", "-").replace(",", "").partition("\u00a0\u00d7\u00a010")
    return float(share) * 10.0 ** int(power.translate(RAISED) or 0)


def tip(page: Page) -> dict[str, float]:
    """Return what stands beside the pointer, by the curves' names."""
    rows = page.locator(".lw-flow .lw-tip-row").all()
    return {
        row.locator(".lw-entry").inner_text().strip(): number(row.locator("b").inner_text())
        for row in rows
    }


def hover(page: Page, steps_before: int, most: int) -> None:
    """Point at a step of the chart."""
    box = page.locator(".lw-flow .lw-canvas").bounding_box()
    assert box is not None
    left, right = 58, 16
    x = box["x"] + left + (box["width"] - left - right) * (1 - steps_before / most)
    page.mouse.move(x, box["y"] + 100)


def slide(page: Page, slider: Locator, share: float) -> None:
    """Drag a slider's thumb to a share of its way, with the mouse."""
    box = slider.bounding_box()
    assert box is not None
    low, high, value = (
        float(slider.get_attribute(name) or slider.input_value())
        for name in ("min", "max", "data-none")
    )
    y = box["y"] + box["height"] / 2
    room = box["width"] - 16  # a thumb is as wide as that
    page.mouse.move(box["x"] + 8 + room * (value - low) / (high - low), y)
    page.mouse.down()
    page.mouse.move(box["x"] + 8 + room * share, y, steps=12)
    page.mouse.up()


def wait_for(tab: Tab, expression: str, wanted: object) -> None:
    """Give what was done in the page the time to reach the kernel."""
    for _ in range(200):
        if tab.kernel_value(expression) == wanted:
            return
        tab.page.wait_for_timeout(50)
    assert tab.kernel_value(expression) == wanted


def test_sliders_move_the_fresh_networks_and_words_the_prediction(lab: Server, tab: Tab) -> None:
    page = tab.page
    tab.run_cells(lab, [CELL])
    root = page.locator(".lw-flow")
    said = root.locator(".lw-said")
    expect(said).to_contain_text("100 steps before the prediction")

    def check_said() -> None:
        """Compare what the page says with what the kernel has, when all is computed."""
        assert tab.kernel_value("flow.wait(60)")
        want = tab.kernel_value("flow.ratio('rnn', 'standard', min(100, flow.length))")
        for _ in range(100):
            told = re.search(r"RNN's is (.*) of the LSTM's", said.inner_text())
            if told and number(told[1]) == pytest.approx(want, rel=0.06):
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{said.inner_text()}, not {want}")

    check_said()
    for name, label, share in (
        ("forget_bias", "Forget bias", 0.7),
        ("weight_scale", "Weight scale", 0.4),
        ("hidden_size", "Hidden size", 0.15),
        ("length", "Length", 0.3),
    ):
        before = tab.kernel_value(f"flow.{name}")
        slider = root.get_by_role("slider", name=label)
        slide(page, slider, share)
        value = float(slider.input_value())
        assert value != before
        wait_for(tab, f"flow.{name}", value)
        check_said()

    most = tab.kernel_value("flow.length")
    hover(page, 8, most)
    expect(root.locator(".lw-tip-head")).to_have_text("8 steps before: expect")
    shown = tip(page)
    assert len(shown) == 9  # with two products of forget gates
    for name, label in (
        ("model", "your model"),
        ("coupled", "coupled gates"),
        ("rnn", "plain RNN"),
    ):
        curve = f"flow.curves['{name}'].norms('cell')"
        want = tab.kernel_value(f"float({curve}[-9] / {curve}[-1])")
        assert shown[label] == pytest.approx(want, rel=0.06)
    along = "flow.curves['model'].along_cell[0]"
    want = tab.kernel_value(f"float({along}[-9] / flow.curves['model'].norms('cell')[-1])")
    assert shown["your model: forget gates"] == pytest.approx(want, rel=0.06)
    hover(page, 8, most)

    root.get_by_role("button", name="film", exact=True).click()
    place = WORDS.index("film")
    wait_for(tab, "flow.step", place)
    assert tab.kernel_value("flow.wait(60)")
    expect(root.locator(".lw-chip.lw-here")).to_have_text("film")
    norms = tab.kernel_value("flow.curves['model'].norms('cell').tolist()")
    chips = root.locator(".lw-chip").all()
    expect(chips[place]).to_have_attribute("data-share", f"{norms[-1] / max(norms):.3f}")
    for chip, norm in zip(chips[: place + 1], norms, strict=True):
        assert float(chip.get_attribute("data-share") or -1) == pytest.approx(
            norm / max(norms), abs=2e-3
        )

    root.get_by_role("button", name="peephole").click()
    wait_for(tab, "'peephole' in flow.shown", False)
    hover(page, 5, most)
    assert "peephole" not in tip(page)

    tab.kernel_run("flow.of = 'input'; flow.relative = False; flow.forget_bias = 0.5")
    expect(root.get_by_label("Gradient with respect to the")).to_have_value("input")
    expect(root.get_by_label("relative to the prediction's own step")).not_to_be_checked()
    expect(root.get_by_role("slider", name="Forget bias")).to_have_value("0.5")
    check_said()

    for theme in ("light", "dark"):
        tab.kernel_run(f"flow.theme = {theme!r}")
        page.locator(f".lw-flow[data-theme={theme}]").wait_for()
        found = Axe().run(page, context={"include": [[".lw-flow"]]})
        serious = [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found.response["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)
    tab.kernel_run("flow.close()")
    expect(root).to_have_count(0)


@pytest.fixture
def saved(tmp_path: Path) -> GradientFlow:
    """Return a widget whose page is saved."""
    torch.manual_seed(0)
    model = SequenceModel(3, 3, task="classification", pooling=None, hidden_size=8, num_layers=2)
    flow = GradientFlow(model, torch.randn(60, 3), forget_bias=3.0)
    flow.save_html(tmp_path / "flow.html")
    return flow


@pytest.fixture(params=[(1280, False), (800, True), (420, False)], ids=str)
def page_of(
    request: pytest.FixtureRequest, saved: GradientFlow, tmp_path: Path, browser: Browser
) -> Iterator[Page]:
    width, dark = request.param
    with browser_tab(browser, width=width, height=900, dark=dark) as tab:
        tab.page.goto((tmp_path / "flow.html").as_uri())
        yield tab.page
        tab.screenshot(f"gradient-flow-{width}-{'dark' if dark else 'light'}")
        tab.check()
    saved.close()


def test_a_saved_page_answers_without_a_kernel(page_of: Page, saved: GradientFlow) -> None:
    page, flow = page_of, saved
    root = page.locator(".lw-flow")
    expect(root).to_contain_text("Saved picture: no kernel is behind it.")
    for slider in root.get_by_role("slider").all():
        expect(slider).to_be_disabled()
    hover(page, 40, 100)
    for name, label in (
        ("model", "your model"),
        ("standard", "standard LSTM"),
        ("rnn", "plain RNN"),
    ):
        curve = flow.curves[name].norms("cell")
        assert tip(page)[label] == pytest.approx(curve[-41] / curve[-1], rel=0.06)
    root.get_by_label("Gradient with respect to the").select_option("input")
    root.get_by_label("relative to the prediction's own step").uncheck()
    hover(page, 39, 100)
    hover(page, 40, 100)
    assert tip(page)["plain RNN"] == pytest.approx(flow.curves["rnn"].input[-41], rel=0.06)
    root.get_by_role("button", name="layer norm").click()
    expect(root.get_by_role("button", name="layer norm")).to_have_attribute("aria-pressed", "false")
    root.get_by_role("group", name="Size of the gradient").focus()
    page.keyboard.press("End")
    expect(root.locator(".lw-tip-head")).to_have_text("at the prediction: step 59")
    page.keyboard.press("ArrowLeft")
    expect(root.locator(".lw-tip-head")).to_have_text("1 step before: step 58")
    assert "layer norm" not in tip(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
