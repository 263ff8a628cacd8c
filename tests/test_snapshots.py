"""Snapshots hold all that they show, as text that cannot leave its frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape

import numpy as np
import pytest

from lstmwidgets.analysis import QUANTITIES, Recording
from lstmwidgets.live import still_page
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import CellInspector, LiveStream, MemoryTimeline, StateHeatmap
from lstmwidgets.widgets.snapshots import WithSnapshot

NASTY = '</script><script>alert("x")</script><!--'


def recording() -> Recording:
    layers = {name: np.full((3, 1, 2), 0.5, "f4") for name in QUANTITIES}
    return Recording(layers, (NASTY, "b", "c"), np.arange(3))


def live() -> LiveStream:
    widget = LiveStream(LSTMRegressor(2, seed=1), [({"a": 1.0}, 1.0)] * 5)
    widget.step(5)
    return widget


@pytest.mark.parametrize(
    "make",
    [
        live,
        lambda: CellInspector(recording()),
        lambda: StateHeatmap(recording()),
        lambda: MemoryTimeline(recording()),
    ],
    ids=["LiveStream", "CellInspector", "StateHeatmap", "MemoryTimeline"],
)
def test_a_snapshot_is_one_frame_that_asks_nobody(make: Callable[[], WithSnapshot]) -> None:
    widget = make()
    snapshot = widget.snapshot()
    assert repr(snapshot).startswith(f"<Snapshot: {type(widget).__name__} ")
    html = snapshot._repr_html_()
    assert html.count("<") == 2  # the frame begins and ends; its page is text
    assert 'sandbox="allow-scripts"' in html
    page = unescape(html)
    assert NASTY not in page
    assert "default-src 'none'" in page
    for address in ("src=", "href=", "url(", "fetch("):
        assert address not in page.replace("http://www.w3.org/2000/svg", "")
    widget.close()


def test_the_picture_of_a_live_stream_is_that_of_the_moment() -> None:
    widget = live()
    page = widget.snapshot().page
    begin = page.index('id="data">') + len('id="data">')
    state = json.loads(page[begin : page.index("</script>", begin)])["state"]
    assert state["position"] == 5
    assert state["_whole"]["base64"]
    assert not {"_esm", "_css"} & set(state)
    widget.close()


def test_a_module_without_a_default_export_is_no_widget() -> None:
    with pytest.raises(ValueError, match="export default"):
        still_page("const nothing = 1;", "", {})
