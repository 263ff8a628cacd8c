"""Heatmaps of units show what was recorded, and answer to clicks and drags without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from traitlets import TraitError

from lstmwidgets import LSTM, save
from lstmwidgets.analysis import QUANTITIES, Recording, order_units
from lstmwidgets.analysis.ordering import cluster_borders
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.plots import Brush, StateFigures
from lstmwidgets.plots.step_axis import StepAxis
from lstmwidgets.widgets import StateHeatmap

from .received import Received


def recorded(
    steps: int = 40, units: int = 6, layers: int = 1, first: int = 0, **columns: Any
) -> Recording:
    """Return a recording in which all numbers differ."""
    random = np.random.default_rng(steps)
    values = {
        name: random.normal(size=(steps, layers, units)).astype(np.float32) for name in QUANTITIES
    }
    labels = tuple(f"event {n}" for n in range(first, first + steps))
    return Recording(values, labels, np.arange(first, first + steps), columns)


def drawn(figures: StateFigures, name: str) -> dict[str, Any]:
    """Return the data of a source."""
    return dict(figures.layout.select_one({"name": name}).data)  # type: ignore[union-attr]


# --- what is drawn -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["similarity", "cluster", "peak", "number"])
def test_heatmaps_are_the_recording_in_the_order_of_its_units(order: str) -> None:
    recording = recorded(layers=2)
    figures = StateFigures(recording, layer=0, order=order)
    expected = order_units(recording.layers["cell"][:, 0], order)
    assert figures.units.tolist() == drawn(figures, "rows")["unit"].tolist() == expected.tolist()
    for name in QUANTITIES:
        data = drawn(figures, f"image {name}")
        assert (data["x"], data["dw"], data["dh"]) == ([-0.5], [40], [6])
        np.testing.assert_array_equal(data["image"][0], recording.layers[name][:, 0, expected].T)


def test_only_what_is_shown_or_pinned_is_sent() -> None:
    figures = StateFigures(recorded(), quantities=["forget_gate"])
    sent = [name for name in QUANTITIES if drawn(figures, f"image {name}")["image"]]
    assert sent == ["forget_gate", "cell", "hidden"]
    figures.quantities = ("candidate",)
    assert figures.quantities == ("candidate",)
    assert not drawn(figures, "image forget_gate")["image"]
    with pytest.raises(ValueError, match=r"quantities must be one of .*, got 'gates'"):
        figures.quantities = ("gates",)
    with pytest.raises(ValueError, match="choose one or more"):
        figures.quantities = ()


def test_large_recordings_are_thinned_and_the_picture_says_so() -> None:
    recording = recorded(4100, 300)
    recording.layers["cell"][:, :, 7] *= 0.01
    figures = StateFigures(recording, quantities=["cell"])
    image = drawn(figures, "image cell")["image"][0]
    assert image.shape == (256, 1367)
    assert 7 not in figures.units
    np.testing.assert_array_equal(image, recording.layers["cell"][::3, 0, figures.units].T)
    assert drawn(figures, "steps")["x"].tolist() == list(range(0, 4100, 3))
    note = figures.layout.children[0].elements[0].content  # type: ignore[attr-defined]
    assert note.startswith(
        "One step in 3 is drawn. Drawn are the 256 of 300 units whose cell state moves the most. "
    )


def test_missing_values_are_gaps() -> None:
    recording = recorded()
    for values in recording.layers.values():
        values[10:13] = np.nan
    recording.layers["hidden"][39] = np.nan
    figures = StateFigures(recording)
    gaps = drawn(figures, "gaps")
    assert (gaps["x0"].tolist(), gaps["x1"].tolist()) == ([9.5, 38.5], [12.5, 39.5])
    assert np.isnan(drawn(figures, "image cell")["image"][0][:, 10:13]).all()
    figures.brush = Brush(tuple(figures.units.tolist()), (10, 12))
    assert drawn(figures, "means")["text"] == ["no value"] * 6


@pytest.mark.parametrize(("steps", "units"), [(1, 1), (1, 5), (30, 1)])
def test_a_single_step_and_a_single_unit(steps: int, units: int) -> None:
    figures = StateFigures(recorded(steps, units))
    figures.pinned = [0]
    figures.brush = Brush((0,), (0, 0))
    assert drawn(figures, "image cell")["image"][0].shape == (units, steps)
    assert len(drawn(figures, "pins")["cell"][0]) == max(steps, 2)


def test_units_that_never_move_and_steps_far_apart() -> None:
    recording = recorded()
    recording.layers["cell"][:] = 0.0
    figures = StateFigures(replace(recording, steps=np.arange(0, 400, 10), stride=10))
    data = drawn(figures, "image cell")
    assert (data["x"], data["dw"]) == ([-5.0], [400])
    odd = replace(recording, steps=np.arange(40) ** 2)  # no stride: they are counted
    assert drawn(StateFigures(odd), "steps")["x"].tolist() == list(range(40))


def test_nothing_recorded_is_said() -> None:
    with pytest.raises(ValueError, match="has no steps"):
        StateFigures(recorded(0))
    with pytest.raises(ValueError, match="layer must be from 0 to 0, or -1 for the top; got 3"):
        StateFigures(recorded(), layer=3)
    with pytest.raises(ValueError, match=r"by must be one of .*, got 'size'"):
        StateFigures(recorded(), order="size")


def test_numbers_that_go_with_the_steps_are_lines() -> None:
    target, prediction = np.arange(40.0), np.arange(40.0) + 1
    nothing = np.full(40, np.nan)
    figures = StateFigures(recorded(prediction=prediction, other=nothing, target=target))
    lines = drawn(figures, "columns")
    assert lines["name"] == ["target", "prediction"]
    np.testing.assert_array_equal(lines["y"], [target, prediction])
    figures.show(recorded())
    assert drawn(figures, "columns")["name"] == []


def test_labels_are_shortened_and_numbers_lose_their_common_word() -> None:
    axis = StepAxis()

    def ticks(labels: Sequence[str]) -> list[str]:
        axis.show(np.arange(len(labels)), 1, labels)
        assert axis.source.data["label"] == list(labels)
        return list(axis.source.data["tick"])  # type: ignore[arg-type]

    assert ticks([f"event {n}" for n in range(2000)])[1234] == "1,234"
    assert (axis.words, axis.name) == (False, "event")
    assert ticks(["3", "4"]) == ["3", "4"]
    assert axis.name == "step"
    assert ticks(["2024-01-01 10:00:00"] * 400)[0] == "2024-01-01\n10:00:00"
    assert axis.words
    assert ticks(["a" * 50, ""]) == ["a" * 17 + "…", ""]
    assert ticks(["of the", "long and winding"] * 20)[:2] == ["of the", "long and winding"]


# --- pins and boxes ------------------------------------------------------------------------------


def test_pins_are_the_lines_of_their_units() -> None:
    recording = recorded(units=300)
    figures = StateFigures(recording)
    hidden = next(unit for unit in range(300) if unit not in figures.units)
    seen = int(figures.units[17])
    figures.pinned = [hidden, seen, seen]
    pins = drawn(figures, "pins")
    assert figures.pinned == pins["unit"] == [hidden, seen]
    assert np.isnan(pins["row"][0])
    assert pins["row"][1] == 17.5
    np.testing.assert_array_equal(pins["cell"], recording.layers["cell"][:, 0, [hidden, seen]].T)
    colour = pins["color"][1]
    figures.pinned = [seen, 5]
    assert drawn(figures, "pins")["color"][0] == colour
    figures.reorder("number")
    assert drawn(figures, "pins")["row"][0] == figures.units.tolist().index(seen) + 0.5
    with pytest.raises(ValueError, match="units are numbers from 0 to 299, got 300"):
        figures.pinned = [300]


def test_the_box_holds_means_and_goes_when_the_rows_change() -> None:
    recording = recorded()
    figures = StateFigures(recording)
    units = tuple(figures.units[1:4].tolist())
    figures.brush = Brush(units, (10, 19))
    assert figures.brush == Brush(units, (10, 19))
    means = drawn(figures, "means")
    assert means["name"][0] == "Cell state c"
    assert means["mean"][0] == pytest.approx(recording.layers["cell"][10:20, 0, units].mean())
    assert means["high"][0] - means["mean"][0] == pytest.approx(
        recording.layers["cell"][10:20, 0, units].std()
    )
    with pytest.raises(ValueError, match="rows next to each other"):
        figures.brush = Brush(tuple(figures.units[[0, 2]].tolist()), (1, 2))
    with pytest.raises(ValueError, match="steps must be from 0 to 39"):
        figures.brush = Brush(units, (50, 60))
    figures.reorder("peak")
    assert figures.brush is None


def test_a_recording_that_moves_on_keeps_rows_pins_window_and_box() -> None:
    figures = StateFigures(recorded(30))
    rows = figures.units.tolist()
    figures.pinned = [2]
    figures.brush = Brush((rows[0],), (20, 25))
    figures.axis.range.update(start=10.0, end=20.0)  # somebody has zoomed in
    later = recorded(30, first=9)
    figures.show(later)
    assert figures.units.tolist() == rows
    assert (figures.axis.range.start, figures.axis.range.end) == (10, 20)
    assert figures.brush == Brush((rows[0],), (20, 25))
    np.testing.assert_array_equal(
        drawn(figures, "pins")["hidden"][0], later.layers["hidden"][:, 0, 2]
    )
    figures.show(recorded(30, first=100))
    assert figures.brush is None
    assert (figures.axis.range.start, figures.axis.range.end) == (99.5, 129.5)
    figures.show(recorded(30, units=2, layers=3))
    assert (figures.pinned, figures.excerpt.layer) == ([], 0)


# --- the widget ----------------------------------------------------------------------------------


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
