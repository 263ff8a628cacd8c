"""What the inspector draws and says is what the cell did; keys, kernel and views stay in step."""

# ruff: noqa: RUF001 - minus signs, dashes and Greek letters are what is on the page

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from torch.nn.functional import layer_norm

from lstmwidgets import LSTM
from lstmwidgets.analysis import Recording
from lstmwidgets.cells import CELLS
from lstmwidgets.widgets.cell_inspector import CellInspector

from .browser import Browser, Server, Tab, browser_tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WORDS = ("the", "film", "was", "not", "bad", "at", "all")
UNITS = 6
COLOURS = "() => getComputedStyle(document.querySelector('.lw-inspector')).backgroundColor"


@pytest.fixture
def show(tmp_path: Path, browser: Browser) -> Callable[..., object]:
    """Return a function that opens an inspector's saved page, which may not complain."""

    @contextmanager
    def show(source: object, *, width: int = 1100, dark: bool = False, **options) -> Iterator[Tab]:
        path = tmp_path / "cell.html"
        CellInspector(source, **options).save_html(path)
        with browser_tab(browser, width=width, dark=dark) as tab:
            tab.page.goto(path.as_uri())
            tab.page.locator(".lw-inspector .part").first.wait_for()
            yield tab
            tab.check()

    return show


def record(lstm: LSTM) -> Recording:
    """Return what an LSTM of three inputs does over the words."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, len(WORDS), 3, generator=generator, dtype=torch.float64)
    return Recording.from_trace(lstm.trace(x), WORDS)


def inspector_of(page: Page) -> Locator:
    return page.locator(".lw-inspector")


def at(page: Page, **state: object) -> None:
    """Wait until the inspector shows this."""
    for name, value in state.items():
        expect(inspector_of(page)).to_have_attribute(f"data-{name}", str(value))


def stop_the_clock(page: Page) -> None:
    """From now on, time passes in the page only by `clock.run_for`."""
    page.clock.install(time=0)
    page.clock.pause_at(60_000)


def numbers(page: Page) -> dict[str, float]:
    """Return the number beside each part of the picture, as it is and not as it is rounded."""
    pairs = page.locator(".lw-picture [data-number]").evaluate_all(
        "nodes => nodes.map(node => [node.dataset.number, node.dataset.value])"
    )
    return {name: float(value or "nan") for name, value in pairs}


def expected(lstm: LSTM, recording: Recording, time: int, unit: int) -> dict[str, float]:
    """Return what a unit did at a step, computed from the recording and the weights."""
    names = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
    values = {n: recording.layers[n][:, 0, unit].astype(float) for n in names}
    i, f, g, o, c, h = (values[name][time] for name in names)
    c0, h0 = (values[name][time - 1] if time else 0.0 for name in ("cell", "hidden"))
    shown = c
    if lstm.cell == "layer_norm":
        weights = dict(lstm.named_parameters())
        raw = torch.tensor(recording.layers["cell"][time, 0], dtype=torch.float64)
        norm = layer_norm(
            raw, raw.shape, weights["weight_norm_c_l0"], weights["bias_norm_c_l0"], 1e-5
        )
        shown = norm[unit].item()
    logits = {f"z{name}": np.log(v / (1 - v)) for name, v in (("i", i), ("f", f), ("o", o))}
    computed = {"c0": c0, "h0": h0, "fc": f * c0, "ig": i * g, "tc": np.tanh(shown)}
    return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": h, "zg": np.arctanh(g)} | logits | computed


def written(value: float) -> str:
    digits = 3 if abs(value) < 0.0995 else 2
    return f"{value:.{digits}f}".replace("-", "−")


def bracketed(value: float) -> str:
    return f"({written(value)})" if value < 0 else written(value)


@pytest.mark.parametrize("cell", CELLS)
def test_numbers_are_those_of_the_cell(make_lstm: Callable[..., LSTM], show, cell: str) -> None:
    lstm = make_lstm(3, UNITS, cell=cell)
    recording = record(lstm)
    with show(recording, position=0, unit=0) as tab:
        page = tab.page
        for time, unit in ((0, 0), (1, 2), (4, 5), (6, 3)):
            page.locator(".lw-unit").fill(str(unit))
            page.locator(".lw-timeline input").fill(str(time))
            at(page, position=time, unit=unit, cell=cell)
            want = expected(lstm, recording, time, unit)
            have = numbers(page)
            if cell == "coupled":
                assert "zi" not in have
                have["zi"] = want["zi"]
            assert {n: have[n] for n in want} == pytest.approx(want, abs=2e-5, rel=2e-4)
            lines = dict(
                page.locator("[data-equation]").evaluate_all(
                    "rows => rows.map(row => [row.dataset.equation,"
                    " row.querySelector('.lw-numbers').textContent])"
                )
            )
            w, b = written, bracketed
            f, i, g, c0, c = (want[name] for name in ("f", "i", "g", "c0", "c"))
            assert lines["c"] == f"= {w(f)}·{b(c0)} + {w(i)}·{b(g)} = {w(c)}"
            assert lines["f"] == f"= σ({w(want['zf'])}) = {w(f)}"
            entry = f"1 − {w(f)}" if cell == "coupled" else f"σ({w(want['zi'])})"
            assert lines["i"] == f"= {entry} = {w(i)}"
            assert lines["h"].endswith(f"= {w(want['o'])}·{b(want['tc'])} = {w(want['h'])}")


@pytest.mark.parametrize(
    ("cell", "parts", "letters"),
    [
        ("standard", set(), "f = σ(Wf x + Rf h−1 + bf)"),
        ("peephole", {"p", "po"}, "f = σ(Wf x + Rf h−1 + pf c−1 + bf)"),
        ("full_gate_recurrence", {"p", "po", "u0"}, "f = σ(Wf x + Rf h−1 + pf c−1 + Gf u−1 + bf)"),
        ("coupled", set(), "f = σ(Wf x + Rf h−1 + bf)"),
        ("layer_norm", {"norm", "lc"}, "f = σ(LN(Wf x) + LN(Rf h−1))"),
    ],
)
def test_each_kind_of_cell_has_its_own_parts(
    show, cell: str, parts: set[str], letters: str
) -> None:
    special = {"p", "po", "u0", "norm", "lc"}
    with show(record(LSTM(3, 4, cell=cell, dtype=torch.float64))) as tab:
        page = tab.page
        for width in (500, 1300):
            page.set_viewport_size({"width": width, "height": 900})
            at(page, size="wide" if width > 900 else "narrow")
            drawn = page.locator(".part").evaluate_all("all => all.map(p => p.dataset.part)")
            assert special & set(drawn) == parts
            assert page.locator("[data-equation=f] .lw-letters").inner_text() == letters
            # Nothing is cut off, and no letter is too small to read.
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            smallest = page.evaluate(
                "Math.min(...[...document.querySelectorAll('.lw-inspector *')]"
                ".filter(node => node.textContent).map(node =>"
                " parseFloat(getComputedStyle(node).fontSize)))"
            )
            assert smallest >= 11


def test_whole_layer_shows_averages_and_a_click_picks_a_unit(make_lstm, show) -> None:
    recording = record(make_lstm(3, UNITS))
    with show(recording, position=3) as tab:
        page = tab.page
        have = numbers(page)
        assert have["f"] == pytest.approx(recording.layers["forget_gate"][3, 0].mean(), abs=1e-6)
        assert have["c"] == pytest.approx(recording.layers["cell"][3, 0].mean(), abs=1e-6)
        size = np.abs(recording.layers["cell"][3, 0]).mean()
        assert page.locator("[data-number=c]").text_content() == f"|c| {written(size)}"
        page.locator("[data-part=g] [data-unit='4']").hover()
        expect(page.locator(".lw-caption")).to_contain_text("Unit 4: f = ")
        page.locator("[data-part=g] [data-unit='4']").click()
        at(page, unit=4)
        assert numbers(page)["c"] == pytest.approx(recording.layers["cell"][3, 0, 4], abs=1e-6)
        page.get_by_role("button", name="Whole layer").click()
        at(page, unit="")


def test_keys_move_through_time_and_play(make_lstm, show) -> None:
    with show(record(make_lstm(3, UNITS)), position=2) as tab:
        page = tab.page
        stop_the_clock(page)
        page.locator("[data-part=f]").focus()
        for key, position in (("ArrowRight", 3), ("ArrowLeft", 2), ("End", 6), ("Home", 0)):
            page.keyboard.press(key)
            page.clock.run_for(50)
            at(page, position=position)
        page.keyboard.press(" ")
        page.clock.run_for(450)  # five steps a second
        at(page, position=2)
        page.keyboard.press(" ")
        page.clock.run_for(1000)
        at(page, position=2)
        page.locator(".lw-pace").select_option("25")
        page.get_by_role("button", name="Play (space)").click()
        page.clock.run_for(1000)
        at(page, position=6)
        expect(page.get_by_role("button", name="Play (space)")).to_be_visible()  # it has stopped
        page.locator(".lw-timeline input").focus()
        page.keyboard.press("ArrowLeft")
        page.clock.run_for(50)
        at(page, position=5)


def test_a_step_is_played_gate_by_gate(make_lstm, show) -> None:
    with show(record(make_lstm(3, UNITS)), position=2, unit=1) as tab:
        page = tab.page
        stop_the_clock(page)
        page.get_by_role("button", name="Play slowly").click()
        order = (["f"], ["i"], ["g"], ["c"], ["o", "h"])
        starts = (
            "The forget gate opens",
            "The input gate",
            "The candidate",
            "What stays",
            "The me",
        )
        for stage, (lit, start) in enumerate(zip(order, starts, strict=True), 1):
            page.clock.run_for(100)
            at(page, stage=stage)
            rows = page.locator("[data-equation].lit")
            assert rows.evaluate_all("rows => rows.map(row => row.dataset.equation)") == lit
            parts = page.locator(".part.lit").evaluate_all("all => all.map(p => p.dataset.part)")
            assert set(lit) <= set(parts)
            page.mouse.move(2, 2)
            expect(page.locator(".lw-caption")).to_contain_text(start)
            page.clock.run_for(3500)
        page.clock.run_for(100)
        at(page, stage=0, position=2)
        page.get_by_role("button", name="3 Candidate").click()
        page.clock.run_for(60_000)
        at(page, stage=3)  # looked at as long as one likes
        page.keyboard.press("Escape")
        page.clock.run_for(50)
        at(page, stage=0)


def test_every_part_explains_itself_to_pointer_keys_and_screen_readers(make_lstm, show) -> None:
    with show(record(make_lstm(3, UNITS)), position=2, unit=1) as tab:
        page = tab.page
        for part in page.locator(".part").all():
            label = part.get_attribute("aria-label")
            assert re.fullmatch(r"[A-Z][^:]+: [^.]+\.( Now .+\.)?", label), label
            part.focus()
            expect(page.locator(".lw-caption")).to_have_text(label)
        page.locator(".lw-layer").evaluate("node => node.blur()")
        page.locator("[data-part=add] .operation").hover()
        expect(page.locator(".lw-caption")).to_contain_text(
            "a sum passes gradients on undiminished"
        )
        nameless = page.locator("button, input, select").evaluate_all(
            "all => all.filter(n => !n.ariaLabel && !n.textContent.trim() && !n.labels?.length)"
            ".length"
        )
        assert nameless == 0


def test_missing_numbers_are_dashes(make_lstm, show) -> None:
    recording = record(make_lstm(3, UNITS))
    for values in recording.layers.values():
        values[3] = np.nan
        values[5, 0, :2] = np.nan
    with show(recording, position=3, unit=0) as tab:
        page = tab.page
        assert page.locator("[data-equation=c] .lw-numbers").text_content() == "= –·– + –·– = –"
        expect(page.locator(".lw-caption")).to_have_text("There are no numbers at this step.")
        page.get_by_role("button", name="Whole layer").click()
        page.locator(".lw-timeline input").fill("5")
        at(page, position=5, unit="")
        known = recording.layers["cell"][5, 0, 2:].mean()
        assert numbers(page)["c"] == pytest.approx(known, abs=1e-6)
        assert "NaN" not in page.locator(".lw-inspector").inner_text()


def test_a_first_step_and_strides_take_the_memory_from_the_equation(make_lstm, show) -> None:
    recording = record(make_lstm(3, UNITS))
    every = {name: values[1::2] for name, values in recording.layers.items()}
    some = replace(
        recording, layers=every, labels=WORDS[1::2], steps=recording.steps[1::2], stride=2
    )
    with show(some, unit=2) as tab:
        for time in (0, 2):
            tab.page.locator(".lw-timeline input").fill(str(time))
            at(tab.page, position=time)
            before = recording.layers["cell"][2 * time, 0, 2]
            assert numbers(tab.page)["c0"] == pytest.approx(before, abs=1e-5)
            assert np.isnan(numbers(tab.page)["h0"])


def test_labels_are_text(make_lstm, show) -> None:
    nasty = "<img src=x onerror=\"document.title='owned'\"></script><b>bold</b>"
    recording = replace(record(make_lstm(3, UNITS)), labels=(nasty,) * len(WORDS))
    with show(recording) as tab:
        assert tab.page.locator(".lw-where b").inner_text() == nasty
        assert tab.page.locator("img").count() == 0
        assert tab.page.title() == "LSTM cell"


def test_theme_follows_notebook_and_system(make_lstm, show) -> None:
    with show(record(make_lstm(3, UNITS)), dark=True) as tab:
        page = tab.page
        at(page, theme="dark")
        dark = page.evaluate(COLOURS)
        page.emulate_media(color_scheme="light")
        at(page, theme="light")
        assert page.evaluate(COLOURS) != dark
        for name, value, theme in (
            ("data-jp-theme-light", "false", "dark"),
            ("data-jp-theme-light", "true", "light"),
            ("data-vscode-theme-kind", "vscode-dark", "light"),  # Jupyter's mark comes first
        ):
            page.evaluate(
                "([name, value]) => document.body.setAttribute(name, value)", [name, value]
            )
            at(page, theme=theme)


LIVE = """
from dataclasses import replace
import torch
from lstmwidgets import LSTM
from lstmwidgets.analysis import Recording
from lstmwidgets.widgets.cell_inspector import CellInspector
torch.manual_seed(0)
whole = Recording.from_trace(LSTM(3, 6, 2).trace(torch.randn(1, 300, 3)))
def window(end):
    start = max(0, end - 100)
    layers = {name: values[start:end] for name, values in whole.layers.items()}
    return replace(
        whole, layers=layers, labels=whole.labels[start:end], steps=whole.steps[start:end]
    )
inspector = CellInspector(window(50), unit=3, layer=0)
"""
SHOWN = """() => [...document.querySelectorAll('.lw-inspector')].map(one => [
    one.dataset.position, one.dataset.theme,
    Number(one.querySelector('[data-equation=c]').dataset.value).toFixed(5)])"""


def test_views_and_kernel_stay_in_step_in_lab(lab: Server, tab: Tab) -> None:
    page = tab.page
    tab.run_cells(lab, [LIVE, "inspector", "inspector"])

    def wait_for(position: int, layer: int = 0, theme: str = "light") -> None:
        value = tab.kernel_value(
            f"float(inspector.recording.layers['cell'][{position}, {layer}, 3])"
        )
        want = [[str(position), theme, f"{value:.5f}"]] * 2
        tab.wait(f"want => JSON.stringify(({SHOWN})()) === JSON.stringify(want)", want)
        assert tab.kernel_value("[inspector.position, inspector.layer]") == [position, layer]

    wait_for(49)
    tab.kernel_run("inspector.position = 5")
    wait_for(5)
    page.locator("[data-part=f]").first.focus()
    page.keyboard.press("ArrowRight")
    wait_for(6)
    assert page.locator(".jp-Cell.jp-mod-active").count() == 1  # the notebook did not move
    page.keyboard.press("End")
    wait_for(49)
    counted = page.evaluate("() => counted.receivedBytes")
    tab.kernel_run("for end in range(51, 201): inspector.show(window(end))")
    wait_for(99)
    assert page.evaluate("() => counted.receivedBytes") - counted < 150 * 4000
    page.locator(".lw-layer").last.select_option("1")
    wait_for(99, layer=1)
    page.evaluate(
        "() => jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    wait_for(99, layer=1, theme="dark")
    tab.kernel_run("for end in range(201, 251): inspector.show(window(end))")
    tab.reload()
    page.locator(".lw-inspector .part").first.wait_for()
    wait_for(99, layer=1, theme="dark")
    tab.kernel_run("inspector.close()")
    expect(page.locator(".lw-inspector")).to_have_count(0)
