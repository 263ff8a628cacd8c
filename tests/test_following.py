"""StateHeatmap and CellInspector follow a LiveStream: pages are sent what the kernel has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import datasets, linear_model

from lstmwidgets.analysis import QUANTITIES, Recording, order_units
from lstmwidgets.online import LSTMClassifier, LSTMForecaster, LSTMRegressor, LSTMTextClassifier
from lstmwidgets.plots import Brush
from lstmwidgets.widgets import CellInspector, LiveStream, StateHeatmap

from .received import Received
from .test_player import until

WINDOW = 60


def waves(count: int) -> list[tuple[dict[str, float], float]]:
    return [({"a": math.sin(n), "b": n % 7}, math.sin(n / 3)) for n in range(count)]


@pytest.fixture
def live() -> Iterator[LiveStream]:
    model = LSTMRegressor(6, num_layers=2, seed=1)
    live = LiveStream(model, waves(500), window=WINDOW)
    yield live
    live.close()


def opened(heatmap: StateHeatmap) -> Received:
    """Return what a page knows that shows a heatmap from now on."""
    page = Received.of(heatmap)
    page.take_block(heatmap._whole)
    heatmap._receive(heatmap, {"type": "hello", "view": "a"}, [])
    return page


class Looked:
    """What a page knows of a cell."""

    def __init__(self, inspector: CellInspector) -> None:
        self.inspector = inspector
        self.position = inspector.position
        self.appended = 0
        self.read()
        inspector.observe(lambda _: self.read(), "_frames")
        inspector.send = self.take  # type: ignore[method-assign]

    def read(self) -> None:
        state = self.inspector.get_state("_frames")["_frames"]
        self.seq, self.steps, self.labels = state["seq"], state["steps"], state["labels"]
        self.units = state["shown"] or list(range(state["hiddenSize"]))
        self.values = self._numbers(state["values"])

    def take(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        assert message["seq"] == self.seq + 1, "a message is missing"
        self.appended += 1
        self.seq, dropped = message["seq"], message["dropped"]
        self.position = message["position"]
        self.steps = [*self.steps[dropped:], *message["steps"]]
        self.labels = [*self.labels[dropped:], *message["labels"]]
        self.values = np.concatenate([self.values[dropped:], self._numbers(buffers[0])])

    def _numbers(self, block: bytes) -> np.ndarray:
        return np.frombuffer(block, "<f4").reshape(-1, len(QUANTITIES), len(self.units))


def compare(page: Received, look: Looked, live: LiveStream, layer: int = 1) -> None:
    """Compare what two pages know with what the kernel has, number by number."""
    recording = live.recording()
    steps = recording.steps.tolist()
    maps = page.header["units"]["maps"]
    assert sorted(maps) == sorted(QUANTITIES)
    assert look.steps == steps
    assert look.labels == list(recording.labels)
    for place, step in enumerate(steps):
        for name in QUANTITIES:
            expected = recording.layers[name][place, layer]
            sent = page.units[step][maps.index(name)]
            np.testing.assert_array_equal(sent, expected[page.shown])
            sent = look.values[place, QUANTITIES.index(name)]
            np.testing.assert_array_equal(sent, expected[look.units])
    for name in ("target", "prediction"):
        if name in recording.columns:
            told = [page.columns[name][step] for step in steps]
            np.testing.assert_array_equal(told, recording.columns[name])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 30, 59, 60, 61, 64, 130]), min_size=1, max_size=4))
def test_pages_are_sent_what_the_kernel_has(bursts: list[int]) -> None:
    live = LiveStream(LSTMRegressor(6, num_layers=2, seed=1), waves(600), window=WINDOW)
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    page, look = opened(heatmap), Looked(inspector)
    for steps in bursts:
        live.step(steps)
        compare(page, look, live)
        assert inspector.position == look.position == live.run.kept - 1
    for widget in (heatmap, inspector, live):
        widget.close()


MODELS: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "classes": (
        lambda: LSTMClassifier(4, seed=1),
        [({"a": n % 3}, f"class {n % 5}") for n in range(99)],
    ),
    "forecaster": (lambda: LSTMForecaster(hidden_size=4), [math.sin(n / 3) for n in range(99)]),
    "texts": (lambda: LSTMTextClassifier(4, seed=1), [("a good film", "+"), ("bad", "-")] * 20),
}


@pytest.mark.parametrize("kind", MODELS)
def test_other_kinds_are_followed(kind: str) -> None:
    make, source = MODELS[kind]
    live = LiveStream(make(), source, window=20)
    page, look = opened(StateHeatmap(live)), Looked(CellInspector(live))
    for steps in (1, 1, 7, 40):
        live.step(steps)
        if live.run.kept:  # a text's first word is known with the second one
            compare(page, look, live, layer=0)
    live.close()


def test_recordings_that_are_played_again_are_followed(live: LiveStream) -> None:
    live.step(50)
    again = LiveStream(live.recording(), window=20)
    page, look = opened(StateHeatmap(again)), Looked(CellInspector(again))
    again.step(30)
    compare(page, look, again)
    again.close()


def test_before_the_first_event_they_are_empty_and_say_so(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live, unit=3)
    page = opened(heatmap)
    assert heatmap._note.startswith("No events yet")
    assert (inspector.layer, inspector.unit, inspector.position) == (1, 3, 0)
    assert inspector.get_state("_frames")["_frames"]["steps"] == []
    assert (heatmap.layer, heatmap.units.tolist()) == (1, list(range(6)))
    for widget in (heatmap, inspector):
        with pytest.raises(ValueError, match="no event yet"):
            _ = widget.recording
    with pytest.raises(ValueError, match="there are none"):
        heatmap.brush = Brush((0,), (0, 1))
    live.step(2)
    assert heatmap._note == ""
    assert page.next == 2
    assert len(inspector.recording) == 2


def test_only_what_is_new_is_sent(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    page, look = opened(heatmap), Looked(inspector)
    live.step(70)
    for _ in range(5):
        before = look.appended
        live.step(1)
        assert page.header["count"] == page.header["units"]["count"] == 1
        assert look.appended == before + 1


def test_layer_order_and_pins_of_a_run_can_be_chosen(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    page, look = opened(heatmap), Looked(inspector)
    live.step(70)
    heatmap.layer = inspector.layer = 0
    heatmap.order = "peak"
    heatmap.pinned = [5]
    live.step(3)
    compare(page, look, live, layer=0)
    heatmap.reorder()
    live.stop()
    live.player.call(lambda: None)
    cells = live.recording().layers["cell"][:, 0]
    until(lambda: page.rows == order_units(cells, "peak").tolist())
    assert heatmap.units.tolist() == page.rows
    for name, value in {"layer": 2, "order": "size", "pinned": [6]}.items():
        with pytest.raises(ValueError, match=r"must be|are numbers"):
            setattr(heatmap, name, value)


def test_whoever_looks_at_another_step_stays_there(live: LiveStream) -> None:
    live.step(WINDOW)
    inspector = CellInspector(live)
    inspector.set_state({"position": 20})
    live.step(5)
    assert inspector.position == 15
    assert inspector.recording.steps[15] == 20
    live.step(30)
    assert inspector.position == 0  # it is gone: the nearest
    inspector.position = WINDOW - 1
    live.step(3)
    assert inspector.position == WINDOW - 1


def test_the_box_stays_over_its_steps_and_goes_with_them(live: LiveStream) -> None:
    live.step(100)
    heatmap = StateHeatmap(live)
    opened(heatmap)
    rows = tuple(heatmap.units[:2].tolist())
    heatmap.brush = Brush(rows, (90, 95))
    live.step(2)
    assert heatmap.brush == Brush(rows, (90, 95))
    live.step(50)
    assert heatmap.brush in (None, Brush(rows, (92, 95)))
    live.step(10)
    assert heatmap.brush is None


def test_a_late_page_and_a_saved_one_have_all_of_it(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    look = Looked(inspector)
    live.step(80)
    live.step(1)
    assert inspector._frames.seq < look.seq  # what has been appended is not in the state yet
    late = opened(heatmap)
    heatmap._receive(heatmap, {"type": "whole"}, [])
    inspector._receive(inspector, {"type": "current", "seq": 0}, [])
    until(lambda: late.frames > 0 and inspector._frames.seq == inspector._growing.seq)
    compare(late, look, live)
    live.step(1)
    heatmap._repr_mimebundle_()
    inspector._repr_mimebundle_()
    compare(Received.of_whole(heatmap._whole), Looked(inspector), live)


def test_at_rest_the_state_has_all_that_is_shown(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    live.step(80)
    until(lambda: heatmap._whole and len(inspector._frames.recording) == WINDOW)
    compare(Received.of_whole(heatmap._whole), Looked(inspector), live)


def test_a_run_that_begins_again_is_followed(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live, unit=5)
    page, look = opened(heatmap), Looked(inspector)
    heatmap.pinned = [5]
    live.step(80)
    live.stop()
    live.step(3)
    compare(page, look, live)
    live.begin_again(hidden_size=4)
    live.pause()
    live.step(1)
    compare(page, look, live)
    assert (inspector.unit, heatmap.pinned, heatmap._about["hidden"]) == (None, [], 4)


def test_one_that_is_closed_or_shows_something_else_is_dropped(live: LiveStream) -> None:
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    other = StateHeatmap(heatmap)  # follows what the other one follows
    assert other.live is live
    page, look = opened(heatmap), Looked(inspector)
    live.step(30)
    heatmap.close()
    recording = live.recording()
    inspector.show(recording)
    other.show(recording)
    frames, appended = page.frames, look.appended
    live.step(30)
    assert (page.frames, look.appended) == (frames, appended)
    assert (inspector.live, other.live) == (None, None)
    assert inspector.recording is other.recording is recording
    assert live.error == ""


def test_widgets_of_one_run_have_one_name(live: LiveStream) -> None:
    live.step(5)
    heatmap, inspector = StateHeatmap(live), CellInspector(live)
    assert live._about["run"] == heatmap._about["run"] == inspector._run
    recording = live.recording()
    heatmap, inspector = StateHeatmap(recording), CellInspector(recording)
    assert heatmap._about["run"] == inspector._run != live._about["run"]


def test_models_of_another_kind_and_other_labels_are_refused(live: LiveStream) -> None:
    linear = LiveStream(linear_model.LinearRegression(), datasets.TrumpApproval())
    for widget in (StateHeatmap, CellInspector):
        with pytest.raises(ValueError, match="LinearRegression is a model of another kind"):
            widget(linear)
        with pytest.raises(ValueError, match="names its events itself"):
            widget(live, labels=["a"])
    with pytest.raises(ValueError, match="layer must be from 0 to 1"):
        StateHeatmap(live, layer=2)
    linear.close()


def test_a_recording_while_it_plays_is_of_one_moment() -> None:
    model = LSTMRegressor(4, seed=1)
    live = LiveStream(model, ((({"a": 0.0}), float(n)) for n in range(10**6)), speed=math.inf)
    live.play()
    until(lambda: live.run.kept > 50)
    for _ in range(50):
        recording: Recording = live.recording()
        assert np.isfinite(recording.layers["cell"]).all()
        np.testing.assert_array_equal(recording.columns["target"], recording.steps)
        assert (np.diff(recording.steps) == 1).all()
    live.close()
