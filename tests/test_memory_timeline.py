"""MemoryTimeline: what it measures of each source, what pages are sent, and what traits do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from traitlets import TraitError

from lstmwidgets import LSTM, save
from lstmwidgets.analysis import (
    STATES,
    Memory,
    Recording,
    Thresholds,
    lagged_correlations,
)
from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.plots.pages import save_page
from lstmwidgets.widgets import LiveStream, MemoryTimeline

from .received import Received
from .test_state_heatmap import recorded
from .test_unit_memory import played


def waves(count: int) -> list[tuple[dict[str, float], float]]:
    return [({"a": math.sin(n), "b": n % 7}, math.sin(n / 3)) for n in range(count)]


@pytest.fixture
def live() -> Iterator[LiveStream]:
    model = LSTMRegressor(6, num_layers=2, seed=1)
    live = LiveStream(model, waves(500), window=60, inputs=["a"])
    yield live
    live.close()


def check_page(widget: MemoryTimeline, recording: Recording, layer: int, steps: slice) -> None:
    """Compare what a page that is opened now knows with what there is to know."""
    rows = widget.units.tolist()  # waits until all is measured
    memory = Memory.of(recording, layer)
    page = Received.of_whole(widget._whole)
    units = memory.order(widget.order)[: len(page.shown)][::-1]
    assert rows == units.tolist()
    assert page.shown == page.rows == sorted(rows)
    maps = page.header["units"]["maps"]
    sent = np.array([page.units[step] for step in sorted(page.units)])
    for name in ("written", "forget", "before", "cell"):
        np.testing.assert_array_equal(
            sent[:, maps.index(name)], getattr(memory, name)[steps][:, page.shown]
        )
    told = widget._lasting
    assert told["units"] == units.tolist()
    for name, values in (
        ("half_life", memory.half_life),
        ("decay", memory.decay_half_life),
        ("size", memory.size),
    ):
        known = [math.inf if value is None else value for value in told[name]]
        np.testing.assert_array_equal(known, values[units])
    held = widget._held
    units = np.sort(units)
    shape = (len(units), len(held["names"]), held["lags"] + 1)
    correlations = np.frombuffer(widget._correlations, "<f4").reshape(shape)
    columns = {**widget._drawn.material.columns}  # type: ignore[union-attr]
    wanted = lagged_correlations(recording.layers["cell"][:, layer], columns, widget.lags)
    assert (held["names"], held["units"]) == (list(wanted.names), units.tolist())
    np.testing.assert_array_equal(correlations, wanted.values[units].astype(np.float32))


def test_everything_that_holds_a_recording_can_be_shown(tmp_path: Path) -> None:
    trace = LSTM(3, 4, num_layers=2).trace(torch.randn(2, 5, 3))
    widget = MemoryTimeline(trace, labels=list("hello"), sequence=1)
    assert widget.layer == 1
    recording = widget.recording
    np.testing.assert_array_equal(recording.layers["cell"][:, 1], trace.cell[1, 1].detach().numpy())
    save(recording, tmp_path / "run.safetensors")
    assert MemoryTimeline(tmp_path / "run.safetensors").recording.labels == tuple("hello")
    assert MemoryTimeline(widget).recording is recording
    model = LSTMRegressor(4, seed=1)
    with pytest.raises(ValueError, match="has not seen an event yet"):
        MemoryTimeline(model)
    model.learn_one({"a": 1.0}, 2.0)
    assert MemoryTimeline(model).memory.half_life.tolist() == [math.inf] * 4  # one step, no next
    with pytest.raises(TypeError, match="expected a Recording, a Trace, a model"):
        MemoryTimeline(3)
    with pytest.raises(ValueError, match="has no steps"):
        MemoryTimeline(recorded(0))


@pytest.mark.parametrize("order", ["half-life", "decay", "number"])
def test_a_page_is_sent_what_was_measured(order: str) -> None:
    recording = replace(played(np.zeros((40, 5))), columns={"target": np.arange(40.0)})
    inputs = {"load": np.sin(np.arange(40.0))}
    widget = MemoryTimeline(recording, inputs=inputs, order=order, lags=4)
    check_page(widget, recording, 0, slice(None))
    page = Received.of_whole(widget._whole)
    assert list(page.columns["x0"].values()) == inputs["load"].tolist()
    assert list(page.columns["n0"].values()) == recording.columns["target"].tolist()
    kinds = [panel["kind"] for panel in widget._about["panels"]]
    assert kinds == ["timeline", "inputs", "lines", "lags"]


def test_labels_of_a_few_words_are_compared_with() -> None:
    labels = list("BTXS" * 10)
    widget = MemoryTimeline(played(np.zeros((40, 3))), labels=labels)
    assert widget.correlations.names == tuple(f"label = {letter}" for letter in "BSTX")
    widget = MemoryTimeline(played(np.zeros((40, 3))), labels=labels, inputs={"x": np.arange(40)})
    assert widget.correlations.names == ("x",)
    assert MemoryTimeline(recorded(40)).correlations.names == ()


def test_long_recordings_are_measured_as_a_whole_and_drawn_in_part() -> None:
    recording = played(np.zeros((2_500, 3)))
    widget = MemoryTimeline(recording, inputs={"x": np.arange(2_500)}, lags=2)
    check_page(widget, recording, 0, slice(0, 2_000))
    assert widget._note == "Drawn are 2,000 of 2,500 steps; all of them are measured."
    widget.start = 500
    check_page(widget, recording, 0, slice(500, 2_500))
    with pytest.raises(ValueError, match="start must be a whole number from 0 to 500, got 501"):
        widget.start = 501
    many = MemoryTimeline(recorded(5, 300))
    assert "Drawn are the first 256 of 300 units." in many._note
    assert len(many.units) == 256


def test_what_is_set_in_python_is_measured_and_wrong_values_are_refused() -> None:
    recording = recorded(30, layers=3, target=np.sin(np.arange(30.0)))
    widget = MemoryTimeline(recording, lags=3)
    widget.layer, widget.lags, widget.order = 0, 5, "number"
    check_page(widget, recording, 0, slice(None))
    widget.pinned = [3, 1, 3]
    widget.write, widget.wipe, widget.hold = 0.4, 1, 0
    assert (widget.pinned, widget.thresholds) == ([3, 1], Thresholds(0.4, 1.0, 0.0))
    np.testing.assert_array_equal(
        widget.events(), Memory.of(recording, 0).events(widget.thresholds)
    )
    wrong: dict[str, Any] = {
        "order": "size", "layer": 3, "pinned": [6], "lags": 201, "start": 1, "write": -1,
        "wipe": 1.1, "hold": "a",
    }  # fmt: skip
    for name, value in wrong.items():
        before = getattr(widget, name)
        with pytest.raises(ValueError, match=r"must be|are numbers from 0 to 5"):
            setattr(widget, name, value)
        assert getattr(widget, name) == before
        if name not in ("pinned", "start"):
            with pytest.raises(ValueError, match="must be"):
                MemoryTimeline(recording, **{name: value})
    with pytest.raises(TraitError):
        widget.theme = "blue"
    with pytest.raises(ValueError, match="layer must be"):
        MemoryTimeline(recording, layer=-4)


def test_the_table_has_a_row_for_each_unit() -> None:
    recording = replace(played(np.zeros((50, 4))), columns={"target": np.sin(np.arange(50.0))})
    widget = MemoryTimeline(recording, lags=6, hold=0.5)
    table = widget.to_dataframe()
    memory, events = widget.memory, widget.events()
    assert table["unit"].tolist() == memory.order().tolist() == widget.units[::-1].tolist()
    for row in table.itertuples():
        assert row.half_life == memory.half_life[row.unit]
        assert row.decay_half_life == memory.decay_half_life[row.unit]
        for name in ("written", "wiped", "overwritten"):
            assert getattr(row, name) == (events[:, row.unit] == STATES.index(name)).sum()
        assert row.holding == np.mean(np.abs(memory.cell[:, row.unit]) >= np.float32(0.5))
        best = widget.correlations.best(row.unit)[0]
        assert (row.holds, row.lag, row.correlation) == best
    alone = MemoryTimeline(recorded(5)).to_dataframe()
    assert alone["holds"].tolist() == [""] * 6
    assert alone["correlation"].isna().all()


def test_the_figure_has_the_states_and_the_half_lives(tmp_path: Path) -> None:
    recording = played(np.zeros((50, 4)))
    widget = MemoryTimeline(recording, write=0.3)
    timeline, bars = widget.figure().children  # type: ignore[attr-defined]
    [image] = [each for each in timeline.renderers if each.glyph.__class__.__name__ == "Image"]
    np.testing.assert_array_equal(
        image.data_source.data["image"][0], widget.events()[:, widget.units].T
    )
    data = bars.renderers[0].data_source.data
    np.testing.assert_allclose(data["to"], widget.memory.half_life[widget.units])
    save_page(widget.figure(), tmp_path / "figure.html", "Memory")
    MemoryTimeline(recorded(1, 1)).figure()


def test_a_live_stream_is_followed(live: LiveStream) -> None:
    widget = MemoryTimeline(live)
    assert widget._note.startswith("No events yet")
    with pytest.raises(ValueError, match="nothing to show yet: play the live stream"):
        widget.to_dataframe()
    live.step(40)
    assert widget._whole == b""  # no page looks on, nobody asks
    assert len(widget.memory.lifetimes) == 40
    check_page(widget, live.recording(), 1, slice(None))
    assert widget.correlations.names == ("a", "target", "prediction")
    widget._receive(widget, {"type": "hello", "view": "a"}, [])
    widget.layer = 0
    live.step(100)
    check_page(widget, live.recording(), 0, slice(None))
    assert Received.of_whole(widget._whole).columns["x0"][139] == math.sin(139)
    widget.pinned = [5]
    live.begin_again(hidden_size=3)
    live.pause()
    live.step(5)
    assert widget.memory.half_life.shape == (3,)
    assert widget.pinned == []
    widget.show(recorded(9))
    assert widget.live is None
    assert live.followers._widgets == ()
    check_page(widget, recorded(9), 0, slice(None))


def test_what_a_live_stream_gives_needs_no_more(live: LiveStream) -> None:
    with pytest.raises(ValueError, match="inputs do not go with a LiveStream"):
        MemoryTimeline(live, inputs=np.ones(3))
    with pytest.raises(ValueError, match="labels do not go with a LiveStream"):
        MemoryTimeline(live, labels=["a"])
    live.step(3)
    follower = MemoryTimeline(MemoryTimeline(live))
    assert follower.live is live
    events = [({"a": n % 3}, f"class {n % 5}") for n in range(40)]
    classes = LiveStream(LSTMClassifier(4, seed=1), events)
    classes.step(30)
    widget = MemoryTimeline(classes)
    names = widget.correlations.names
    assert names[:5] == tuple(f"truth = class {n}" for n in range(5))
    assert names[5:] == tuple(f"probability of class {n}" for n in range(5))
    columns = widget._drawn.material.columns  # type: ignore[union-attr]
    for n, row in enumerate(classes.run.rows):
        for name in names[:5]:
            assert columns[name][n] == (f"truth = {row.target}" == name)
            share = (row.prediction or {}).get(name.removeprefix("truth = "), math.nan)
            told = columns[name.replace("truth =", "probability of")][n]
            assert told == pytest.approx(share, nan_ok=True)
    classes.close()


def test_features_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="a value for each of the 40 steps; 'a' has 3"):
        MemoryTimeline(recorded(40), inputs={"a": [1, 2, 3]})


def test_what_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = MemoryTimeline(recorded(10, target=np.arange(10.0)))

    def fail(*_: Any) -> Any:
        raise MemoryError("too many")

    monkeypatch.setattr("lstmwidgets.widgets.memory_timeline.iter_correlations", fail)
    widget.lags = 3
    widget.wait()
    assert widget._error == "MemoryError: too many"
    with pytest.raises(RuntimeError, match="too many"):
        widget.to_dataframe()


def test_a_saved_page_and_a_closed_widget() -> None:
    widget = MemoryTimeline(recorded(40))
    snapshot = widget.snapshot()
    assert "MemoryTimeline of 40 steps" in repr(snapshot)
    widget.close()
    assert widget.comm is None
