"""The inspector holds in Python what it shows, and sends no more than what is new."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from river.datasets import WaterFlow
from traitlets import TraitError

from lstmwidgets import LSTM, save
from lstmwidgets.analysis import QUANTITIES, Recording, as_recording
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets.cell_inspector import CellInspector

STEPS = 30


@pytest.fixture
def recording() -> Recording:
    """Return a recording of two layers of five units."""
    torch.manual_seed(0)
    return Recording.from_trace(LSTM(3, 5, 2).trace(torch.randn(1, STEPS, 3)))


@pytest.fixture
def model() -> LSTMRegressor:
    """Return a regressor that has learned a few events."""
    model = LSTMRegressor(hidden_size=4, cell="coupled", seed=0)
    for x, y in WaterFlow().take(5):
        model.learn_one(x, y)
    return model


class Messages(list[tuple[dict[str, Any], Any]]):
    """What an inspector sends besides its traits."""

    def __init__(self, inspector: CellInspector, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            inspector, "send", lambda message, buffers=None: self.append((message, buffers))
        )


def part(recording: Recording, start: int, end: int) -> Recording:
    """Return some steps of a recording, as a player does with a growing one."""
    return replace(
        recording,
        layers={name: values[start:end] for name, values in recording.layers.items()},
        labels=recording.labels[start:end],
        steps=recording.steps[start:end],
    )


def sent_values(state: dict[str, Any], units: int) -> np.ndarray:
    """Return the block of numbers of a state as (T, 6, U)."""
    return np.frombuffer(state["values"], "<f4").reshape(-1, len(QUANTITIES), units)


def test_takes_a_recording_a_trace_a_file_and_a_model(
    recording: Recording, model: LSTMRegressor, tmp_path: Path
) -> None:
    save(recording, tmp_path / "run.safetensors")
    for source in (tmp_path / "run.safetensors", str(tmp_path / "run.safetensors")):
        assert CellInspector(source).recording.labels == recording.labels
    trace = LSTM(2, 3, cell="layer_norm").trace(torch.randn(2, 4, 2))
    inspector = CellInspector(trace, labels="abcd", sequence=1)
    assert inspector.recording.cell == "layer_norm"
    assert inspector.recording.labels == tuple("abcd")
    np.testing.assert_array_equal(
        inspector.recording.layers["cell"][:, 0], trace.cell[0, 1].detach().numpy()
    )
    live = CellInspector(model).recording
    assert (len(live), live.cell, live.hidden_size) == (1, "coupled", 4)


def test_full_gate_recurrence_is_seen_from_the_state_of_a_trace() -> None:
    trace = LSTM(2, 3, cell="full_gate_recurrence").trace(torch.randn(1, 4, 2))
    assert as_recording(trace).cell == "full_gate_recurrence"


def test_labels_replace_those_of_a_recording(recording: Recording) -> None:
    labels = [f"word {n}" for n in range(STEPS)]
    assert as_recording(recording, labels).labels == tuple(labels)
    assert as_recording(recording) is recording
    with pytest.raises(ValueError, match="expected labels for each of 30 steps, got 2"):
        as_recording(recording, ["a", "b"])


def test_says_what_it_cannot_show(recording: Recording) -> None:
    with pytest.raises(ValueError, match="has not seen an event yet"):
        CellInspector(LSTMRegressor())
    with pytest.raises(TypeError, match=r"got LSTM; of an LSTM show lstm.trace\(x\)"):
        CellInspector(LSTM(2, 3))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        CellInspector("nowhere.safetensors")
    with pytest.raises(ValueError, match="this recording has no steps"):
        CellInspector(part(recording, 0, 0))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("position", STEPS, "position must be from 0 to 29, got 30"),
        ("position", -1, "position must be from 0 to 29, got -1"),
        ("layer", 2, "layer must be from 0 to 1, got 2"),
        ("unit", 5, "unit must be None, for the whole layer, or from 0 to 4, got 5"),
    ],
)
def test_refuses_what_is_out_of_range(
    recording: Recording, name: str, value: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CellInspector(recording, **{name: value})
    inspector = CellInspector(recording)
    before = getattr(inspector, name)
    with pytest.raises(ValueError, match=message):
        setattr(inspector, name, value)
    assert getattr(inspector, name) == before
    with pytest.raises(TraitError):
        setattr(inspector, name, "first")


def test_choices_can_be_observed_and_start_at_the_last_step(recording: Recording) -> None:
    inspector = CellInspector(recording)
    assert (inspector.position, inspector.unit, inspector.layer) == (STEPS - 1, None, 1)
    seen: list[tuple[str, Any]] = []
    inspector.observe(lambda c: seen.append((c["name"], c["new"])), ["position", "unit", "layer"])
    inspector.position, inspector.unit, inspector.layer = 3, 2, 0
    inspector.set_state({"position": 4, "unit": None})  # from a page
    assert seen == [("position", 3), ("unit", 2), ("layer", 0), ("position", 4), ("unit", None)]


def test_a_page_that_is_behind_gets_the_nearest_there_is(recording: Recording) -> None:
    inspector = CellInspector(recording)
    inspector.set_state({"position": 999, "unit": 77, "layer": -3})
    assert (inspector.position, inspector.unit, inspector.layer) == (STEPS - 1, 4, 0)


def test_only_the_shown_layer_is_sent_as_float32(recording: Recording) -> None:
    inspector = CellInspector(recording, layer=1)
    state = inspector.get_state("_frames")["_frames"]
    values = sent_values(state, 5)
    for index, name in enumerate(QUANTITIES):
        np.testing.assert_array_equal(values[:, index], recording.layers[name][:, 1])
    assert state["steps"] == list(range(STEPS))
    inspector.layer = 0
    state = inspector.get_state("_frames")["_frames"]
    np.testing.assert_array_equal(sent_values(state, 5)[:, 4], recording.layers["cell"][:, 0])


def test_of_a_growing_recording_only_new_steps_are_sent(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = CellInspector(part(recording, 0, 10))
    messages = Messages(inspector, monkeypatch)
    inspector.show(part(recording, 2, 13))
    [(message, [values])] = messages
    assert (message["type"], message["seq"], message["dropped"]) == ("append", 1, 2)
    assert message["labels"] == ("step 10", "step 11", "step 12")
    assert message["steps"] == [10, 11, 12]
    new = sent_values({"values": values}, 5)
    np.testing.assert_array_equal(new[:, 4], recording.layers["cell"][10:13, 1])
    # A page that comes later gets all of it.
    state = inspector.get_state("_frames")["_frames"]
    assert (state["seq"], state["steps"]) == (1, list(range(2, 13)))
    assert len(sent_values(state, 5)) == 11
    inspector.show(part(recording, 2, 13))
    assert len(messages) == 1  # nothing is new


def test_the_last_step_stays_the_last_and_another_stays_the_same(recording: Recording) -> None:
    inspector = CellInspector(part(recording, 0, 10))
    inspector.show(part(recording, 5, 15))
    assert inspector.position == 9
    inspector.position = 7  # step 12
    inspector.show(part(recording, 8, 18))
    assert inspector.recording.labels[inspector.position] == "step 12"
    inspector.show(part(recording, 15, 25))
    assert inspector.position == 0  # gone: the nearest


def test_another_run_is_shown_whole(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    inspector = CellInspector(recording, layer=1, unit=4, position=20)
    messages = Messages(inspector, monkeypatch)
    other = Recording.from_trace(LSTM(2, 3).trace(torch.randn(1, 6, 2)))
    inspector.show(other)
    assert messages == []
    assert (inspector.layer, inspector.unit, inspector.position) == (0, None, 5)
    assert inspector.get_state("_frames")["_frames"]["hiddenSize"] == 3
    # Of the same shape and steps, and yet another one.
    changed = {name: values + np.float32(0.1) for name, values in other.layers.items()}
    inspector.show(replace(other, layers=changed))
    assert messages == []


def test_missing_numbers_do_not_make_another_run(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.layers["cell"][4] = np.nan
    inspector = CellInspector(part(recording, 0, 10))
    messages = Messages(inspector, monkeypatch)
    inspector.show(part(recording, 0, 11))
    assert len(messages) == 1


def test_a_page_that_missed_something_is_sent_all(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = CellInspector(part(recording, 0, 10))
    inspector.show(part(recording, 0, 11))
    sent: list[str] = []
    monkeypatch.setattr(inspector, "send_state", sent.append)
    inspector._receive(inspector, {"type": "current", "seq": 1}, [])
    assert sent == []
    inspector._receive(inspector, {"type": "current", "seq": 0}, [])
    assert sent == ["_frames"]


def test_of_a_wide_layer_some_units_are_sent_the_chosen_one_among_them() -> None:
    random = np.random.default_rng(0)
    layers = {name: random.normal(size=(50, 1, 4096)).astype("f4") for name in QUANTITIES}
    wide = Recording(layers, tuple(map(str, range(50))), np.arange(50))
    inspector = CellInspector(wide)
    shown = inspector.get_state("_frames")["_frames"]["shown"]
    assert len(shown) == 512
    missing = next(unit for unit in range(4096) if unit not in shown)
    inspector.unit = missing
    state = inspector.get_state("_frames")["_frames"]
    column = state["shown"].index(missing)
    values = sent_values(state, len(state["shown"]))
    np.testing.assert_array_equal(values[:, 4, column], layers["cell"][:, 0, missing])


def test_saved_page_is_whole_escaped_and_asks_nobody(recording: Recording, tmp_path: Path) -> None:
    nasty = '</script><script>alert("x")</script><!--'
    inspector = CellInspector(recording, labels=[nasty] * STEPS)
    path = tmp_path / "new" / "cell.html"
    inspector.save_html(path, title="<b>cell</b>")
    page = path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]
    assert "<title>&lt;b&gt;cell&lt;/b&gt;</title>" in page
    assert page.count("</script>") == 2
    assert "alert(" in page
    assert nasty not in page
    for address in ("src=", "href=", "url(", "fetch("):
        assert address not in page.replace("http://www.w3.org/2000/svg", "")
    start = page.index('id="data">') + len('id="data">')
    data = json.loads(page[start : page.index("</script>")])
    assert data["given"]["layer"]["_frames"][1]["labels"][0] == nasty
    with pytest.raises(IsADirectoryError):
        inspector.save_html(tmp_path)


def test_closing_leaves_no_comm(recording: Recording) -> None:
    inspector = CellInspector(recording)
    inspector.close()
    assert inspector.comm is None
    inspector.show(recording)  # a player may still do so
