"""StateHeatmap: what pages are sent, and what traits and methods do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from traitlets import TraitError

from lstmwidgets import LSTM, save
from lstmwidgets.analysis import QUANTITIES, order_units
from lstmwidgets.analysis.ordering import cluster_borders
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.plots import Brush
from lstmwidgets.widgets import StateHeatmap

from .received import Received
from .test_state_heatmap import recorded


def test_everything_that_holds_a_recording_can_be_shown(tmp_path: Path) -> None:
    trace = LSTM(3, 4, num_layers=2).trace(torch.randn(2, 5, 3))
    widget = StateHeatmap(trace, labels=list("hello"), sequence=1)
    assert widget.layer == 1
    np.testing.assert_array_equal(
        widget.recording.layers["cell"][:, 1], trace.cell[1, 1].detach().numpy()
    )
    save(widget.recording, tmp_path / "run.safetensors")
    assert StateHeatmap(tmp_path / "run.safetensors").recording.labels == tuple("hello")
    assert StateHeatmap(widget).recording is widget.recording
    model = LSTMRegressor(4, seed=1)
    with pytest.raises(ValueError, match="has not seen an event yet"):
        StateHeatmap(model)
    model.learn_one({"a": 1.0}, 2.0)
    assert len(StateHeatmap(model).recording) == 1
    with pytest.raises(TypeError, match="expected a Recording, a Trace, a model"):
        StateHeatmap(3)


def sent(widget: StateHeatmap) -> Received:
    """Return what a page knows that opens the widget now."""
    return Received.of_whole(widget._whole)


def quantity(page: Received, name: str) -> np.ndarray:
    """Return what a page knows of a quantity, (T, units)."""
    place = page.header["units"]["maps"].index(name)
    return np.array([page.units[step][place] for step in sorted(page.units)])


@pytest.mark.parametrize("order", ["similarity", "cluster", "peak", "number"])
def test_a_page_is_sent_the_recording_in_the_order_of_its_units(order: str) -> None:
    recording = recorded(layers=2, target=np.arange(40.0))
    widget = StateHeatmap(recording, layer=0, order=order)
    page = sent(widget)
    expected = order_units(recording.layers["cell"][:, 0], order)
    assert page.shown == page.rows == widget.units.tolist() == expected.tolist()
    for name in QUANTITIES:
        np.testing.assert_array_equal(
            quantity(page, name), recording.layers[name][:, 0, page.shown]
        )
    assert list(page.columns["n0"].values()) == recording.columns["target"].tolist()
    assert all(0 < border < 6 for border in page.borders)
    assert bool(page.borders) == (order == "cluster")
    assert page.header["noun"] == "event"
    lines = widget._about["panels"][-1]
    assert [(line["column"], line["label"]) for line in lines["lines"]] == [("n0", "target")]


def test_clusters_end_where_units_are_unlike() -> None:
    t = np.arange(60)
    waves = [np.sin(t / 5), np.sin(t / 5 + 0.1), np.cos(t / 5), np.cos(t / 5 + 0.1), 0 * t]
    activity = np.stack(waves, axis=1)
    order = order_units(activity, "cluster")
    assert cluster_borders(activity, order) == [2, 4]
    assert {frozenset(order[:2].tolist()), frozenset(order[2:4].tolist())} == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }
    assert cluster_borders(activity[:, :1], np.arange(1)) == []
    assert cluster_borders(np.full((5, 3), np.nan), np.arange(3)) == []


def test_large_recordings_are_sent_in_part_and_the_note_says_so() -> None:
    recording = replace(recorded(4100, 300), steps=np.arange(50, 4150))
    widget = StateHeatmap(recording)
    page = sent(widget)
    np.testing.assert_array_equal(
        quantity(page, "hidden"), recording.layers["hidden"][::3, 0, widget.units]
    )
    stride, origin = page.header["stride"], page.header["origin"]
    assert [origin + stride * step for step in sorted(page.units)] == list(range(50, 4150, 3))
    assert widget._note == (
        "One step in 3 is drawn. Drawn are the 256 of 300 units whose cell state moves the most."
    )
    missing = next(unit for unit in range(300) if unit not in widget.units)
    widget.pinned = [missing]
    page = sent(widget)
    assert page.shown == [*page.rows, missing]
    np.testing.assert_array_equal(
        quantity(page, "cell")[:, -1], recording.layers["cell"][::3, 0, missing]
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["event 0", "event 1"], {"noun": "event"}),
        (["step 1", "step 2"], {"labels": ["step 1", "step 2"]}),  # it is not their number
        (["a", "2024-01-02"], {"labels": ["a", "2024-01-02"]}),
        (["20240101", "20240102"], {"labels": ["20240101", "20240102"]}),
        (["2024-01-01", "2024-01-02 10:00:00"], {}),
        (["Mon 01 Jan 2024 00:00", "Tue 02 Jan 2024 10:00"], {}),
        (["", ""], {"labels": ["", ""]}),
    ],
)
def test_labels_are_numbers_times_or_words(labels: list[str], expected: dict[str, Any]) -> None:
    page = sent(StateHeatmap(recorded(2), labels=labels))
    assert {k: v for k, v in page.header.items() if k in ("noun", "labels")} == expected
    if not expected:
        day = 86_400_000
        assert np.diff(list(page.columns["time"].values())).tolist() == [day + day * 10 / 24]


def test_what_is_set_in_python_reaches_the_page_and_wrong_values_do_not() -> None:
    widget = StateHeatmap(recorded(layers=3), order="peak")
    assert (widget.order, widget.layer, widget.quantities) == ("peak", 2, tuple(QUANTITIES))
    widget.order, widget.layer = "number", 0
    page = sent(widget)
    assert page.rows == widget.units.tolist() == list(range(6))
    np.testing.assert_array_equal(quantity(page, "cell"), widget.recording.layers["cell"][:, 0])
    widget.pinned = [3, 1, 3]
    widget.quantities = ["hidden"]
    state = widget.get_state()
    assert (state["pinned"], list(state["quantities"])) == ([3, 1], ["hidden"])
    wrong = {
        "order": "size", "layer": 3, "pinned": [6], "brush": ((1,), (70, 80)),
        "quantities": ["gates"],
    }  # fmt: skip
    for name, value in wrong.items():
        before = getattr(widget, name)
        with pytest.raises(ValueError, match=r"must be|are numbers from 0 to 5"):
            setattr(widget, name, value)
        assert getattr(widget, name) == before
    with pytest.raises(ValueError, match="choose one or more"):
        widget.quantities = []
    with pytest.raises(TraitError):
        widget.theme = "blue"


def test_wrong_arguments_are_refused() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"layer": 3}, "layer must be from 0 to 0, or -1 for the top; got 3"),
        ({"order": "size"}, r"order must be one of .*, got 'size'"),
        ({"show": ["gates"]}, r"quantities must be one of .*, got 'gates'"),
        ({"show": ()}, "choose one or more"),
    ]
    for options, message in wrong:
        with pytest.raises(ValueError, match=message):
            StateHeatmap(recorded(), **options)
    with pytest.raises(ValueError, match="has no steps"):
        StateHeatmap(recorded(0))


def test_what_is_clicked_and_dragged_in_the_page_reaches_python() -> None:
    widget = StateHeatmap(recorded())
    seen: list[Any] = []
    widget.observe(lambda change: seen.append((change["name"], change["new"])), ["pinned", "brush"])
    rows = widget.units.tolist()
    widget.set_state({"pinned": [4]})
    widget.set_state({"brush": [rows[2:4], [3, 7]]})
    assert seen == [("pinned", [4]), ("brush", Brush(tuple(rows[2:4]), (3, 7)))]
    before = widget._whole
    widget.set_state({"pinned": [], "brush": None})
    assert (widget.pinned, widget.brush, widget._whole) == ([], None, before)
    widget.brush = Brush(tuple(rows[:2]), (30, 70))
    assert widget.brush == Brush(tuple(rows[:2]), (30, 39))
    widget._receive(widget, {"type": "reorder"}, [])
    assert widget.brush is None


def test_a_recording_that_moves_on_keeps_rows_pins_and_box_in_the_widget() -> None:
    widget = StateHeatmap(recorded(30))
    rows = widget.units.tolist()
    widget.pinned, widget.brush = [2], Brush((rows[0],), (20, 25))
    seen: list[Any] = []
    widget.observe(lambda change: seen.append(change["new"]), "_whole")
    later = recorded(30, first=9)
    widget.show(later)
    assert len(seen) == 1
    page = sent(widget)
    assert page.rows == widget.units.tolist() == rows
    assert sorted(page.units) == list(range(9, 39))
    np.testing.assert_array_equal(quantity(page, "cell"), later.layers["cell"][:, 0, rows])
    assert (widget.pinned, widget.brush) == ([2], Brush((rows[0],), (20, 25)))
    widget.show(recorded(30, first=23))
    assert widget.brush == Brush((rows[0],), (23, 25))
    widget.show(recorded(30, first=100))
    assert widget.brush is None
    widget.show(recorded(31, units=2, layers=3))
    assert (widget.pinned, widget.layer, widget._about["layers"]) == ([], 0, 3)
    assert sorted(sent(widget).shown) == [0, 1]


def test_missing_values_stay_missing() -> None:
    recording = recorded()
    recording.layers["forget_gate"][10:13] = np.nan
    page = sent(StateHeatmap(recording))
    assert np.isnan(quantity(page, "forget_gate")[10:13]).all()
    assert np.isfinite(quantity(page, "cell")).all()


@pytest.mark.parametrize(("steps", "units"), [(1, 1), (1, 5), (30, 1)])
def test_a_single_step_and_a_single_unit_are_sent(steps: int, units: int) -> None:
    widget = StateHeatmap(recorded(steps, units), order="cluster")
    widget.pinned, widget.brush = [0], Brush((0,), (0, 0))
    assert quantity(sent(widget), "cell").shape == (steps, units)


def test_the_saved_page_shows_what_the_widget_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    saved: list[Any] = []
    monkeypatch.setattr(
        "lstmwidgets.widgets.state_heatmap.save_page",
        lambda layout, *_, dark: saved.append((layout, dark)),
    )
    widget = StateHeatmap(recorded(30, layers=2), show=["cell"], theme="dark")
    widget.show(recorded(30, first=5, layers=2))  # rows stay, whatever their order would be
    rows = widget.units.tolist()
    widget.pinned, widget.brush = [4], Brush(tuple(rows[1:3]), (10, 12))
    widget.save_html(tmp_path / "page.html")
    [(layout, dark)] = saved
    named = {
        name: layout.select_one({"name": name}).data for name in ("rows", "pins", "brush", "steps")
    }
    assert named["rows"]["unit"].tolist() == rows
    assert (named["pins"]["unit"], named["brush"]["bottom"]) == ([4], [1.0])
    assert named["steps"]["x"].tolist() == list(range(5, 35))
    assert dark


def test_closing_leaves_no_comm_of_the_heatmap() -> None:
    widget = StateHeatmap(recorded())
    widget.close()
    assert widget.comm is None
    assert "StateHeatmap of 40 steps" in repr(StateHeatmap(recorded()).snapshot())
