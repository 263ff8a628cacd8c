"""Every slider answers to the arrow keys in JupyterLab, which has commands of its own for them."""

from __future__ import annotations

import pytest

from .browser import Server, Tab
from .shown_widgets import IMPORTS, WIDGETS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SCENARIO = """
from lstmwidgets.analysis import Intervention
gates.add("shut", Intervention("input_gate", to=0.5))"""


def test_arrow_keys_move_every_slider(lab: Server, tab: Tab) -> None:
    shown = [f"{widget.code}\n{widget.name}" for widget in WIDGETS]
    tab.run_cells(lab, [IMPORTS, *shown, SCENARIO])
    moved = []
    for widget in WIDGETS:
        root = tab.page.locator(widget.root).first
        root.wait_for()
        for slider in root.locator("input[type=range]").all():
            if not slider.is_visible() or slider.is_disabled():
                continue
            slider.focus()
            before = float(slider.input_value())
            slider.press("ArrowLeft")
            after = float(slider.input_value())
            moved.append((widget.name, before, after))
    assert len(moved) > 8
    assert [each for each in moved if each[1] == each[2] != 0] == []
