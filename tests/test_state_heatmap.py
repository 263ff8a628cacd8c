"""Heatmaps of units show what was recorded, and answer to clicks and drags without a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstmwidgets.analysis import QUANTITIES, Recording, order_units
from lstmwidgets.plots import Brush, StateFigures
from lstmwidgets.plots.step_axis import StepAxis


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
