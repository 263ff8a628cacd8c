"""LiveStream in Python: methods do what buttons do, and bad input says what is wrong."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from river import datasets, linear_model, preprocessing

from lstmwidgets import LSTM, save
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.widgets import LiveStream


def source_of(live: LiveStream, name: str) -> dict[str, Any]:
    return dict(live.pane.document.get_model_by_name(name).data)  # type: ignore[union-attr]


def button(live: LiveStream, name: str) -> Any:
    (found,) = [
        child
        for child in live.children[0].children
        if isinstance(child, ipywidgets.Button) and name in child.description
    ]
    return found


@pytest.fixture
def live() -> Iterator[LiveStream]:
    live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), window=100)
    yield live
    live.close()


def test_what_is_drawn_is_what_happened(live: LiveStream) -> None:
    for steps in (1, 30, 64, 5, 200):  # streamed, put in order, replaced
        live.step(steps)
        events = source_of(live, "events")
        rows = list(live.run.rows)
        assert events["event"].tolist() == [row.step for row in rows]
        assert events["target"].tolist() == [row.target for row in rows]
        assert list(events["label"]) == [row.label for row in rows]
        curve = source_of(live, "curve")
        assert curve["model_error"][-1] == pytest.approx(live.run.metric.get())
    assert live.position == 300
    assert live.error == ""


def test_the_heatmap_shows_the_cell_states_of_its_steps(live: LiveStream) -> None:
    for steps in (40, 7, 50, 90, 33):
        live.step(steps)
        tiles = source_of(live, "units")
        shown = np.concatenate(list(tiles["cell"]), axis=1)
        first = tiles["x"][0] + 0.5
        last = live.run.steps - first
        order = live._picture._tiles.units
        kept = min(live.run.kept, int(last))
        cell = live.run.layers(kept)["cell"][:, -1, order].T
        assert shown[:, int(last) - kept : int(last)] == pytest.approx(cell)
        assert np.isnan(shown[:, int(last) :]).all()


def test_buttons_do_what_the_methods_do(live: LiveStream) -> None:
    button(live, "Step").click()
    assert live.player.wait()
    assert (live.position, live.state) == (1, "paused")
    live.speed = 500
    button(live, "Play").click()
    assert live.state == "playing"
    button(live, "Pause").click()
    assert live.player.wait()
    assert live.state == "paused"
    button(live, "Stop").click()
    assert live.player.wait()
    assert live.state == "stopped"
    assert live.player.speed == 500


def test_every_control_has_a_name(live: LiveStream) -> None:
    for control in live.children[0].children:
        if not isinstance(control, ipywidgets.HTML):
            assert control.description


def test_playing_again_starts_from_the_beginning() -> None:
    events = [({"a": float(n)}, float(n)) for n in range(20)]
    live = LiveStream(LSTMRegressor(4, seed=1), events, speed=math.inf)
    live.play()
    assert live.player.wait()
    assert (live.state, live.position, live.total) == ("finished", 20, 20)
    live.step(3)
    assert (live.state, live.position) == ("paused", 3)
    assert source_of(live, "events")["event"].tolist() == [0, 1, 2]
    live.stop()
    live.step(1)
    assert live.position == 1
    live.close()


def test_a_source_that_can_be_read_once_says_so() -> None:
    live = LiveStream(LSTMRegressor(4, seed=1), iter([({}, 1.0)] * 3), speed=math.inf)
    live.play()
    assert live.player.wait()
    live.play()
    assert "can be read only once" in live.error
    assert "can be read only once" in live.children[1].value
    assert live.state == "finished"
    live.close()


def test_an_empty_source_says_so() -> None:
    live = LiveStream(LSTMRegressor(4), [])
    live.step()
    assert live.state == "finished"
    assert "nothing to play" in live.children[1].value
    live.close()


def test_a_source_that_raises_midway_is_shown_and_nothing_is_lost() -> None:
    def source() -> Iterator[Any]:
        yield from [({}, float(n)) for n in range(5)]
        raise OSError("the <b>cable</b> was pulled")

    live = LiveStream(LSTMRegressor(4, seed=1), source(), speed=math.inf)
    live.play()
    assert live.player.wait()
    assert live.state == "failed"
    assert "OSError: the &lt;b&gt;cable&lt;/b&gt; was pulled" in live.children[1].value
    assert 'role="alert"' in live.children[1].value
    assert len(source_of(live, "events")["event"]) == live.position == 5
    live.close()


def test_a_model_that_raises_is_shown() -> None:
    live = LiveStream(linear_model.LinearRegression(), [({"a": "text"}, 1.0)] * 3)
    live.step(3)
    assert live.state == "failed"
    assert live.error
    live.close()


def test_nan_and_missing_values_run_through() -> None:
    events = [({"a": math.nan}, 1.0), ({"a": None}, math.nan), ({}, None), ({"a": 1.0}, math.inf)]
    live = LiveStream(LSTMRegressor(4, seed=1), events * 20, speed=math.inf)
    live.play()
    assert live.player.wait()
    assert live.state == "finished"
    assert np.isnan(source_of(live, "events")["target"]).sum() == 60
    live.close()


def test_two_players_on_one_model_are_told() -> None:
    model = LSTMRegressor(4, seed=1)
    endless = itertools.repeat(({"a": 1.0}, 1.0))
    one, other = LiveStream(model, endless, speed=math.inf), LiveStream(model, [({}, 1.0)] * 3)
    one.play()
    other.play()
    assert "Another widget is playing this model" in other.children[1].value
    one.pause()
    other.step()
    assert other.position == 1
    assert "Another" not in other.children[1].value
    one.close()
    other.close()


def test_a_wide_layer_is_drawn_in_part_with_a_note() -> None:
    live = LiveStream(LSTMRegressor(300, seed=1), datasets.WaterFlow())
    live.step(70)
    assert "128 of 300 units" in live.children[1].value
    assert source_of(live, "units")["cell"][0].shape[0] == 128
    live.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((LSTMRegressor(),), TypeError, "needs a source"),
        ((LSTMRegressor(), "WaterFlow"), TypeError, "source must be an iterable"),
        ((LSTMRegressor(), 3), TypeError, "source must be an iterable"),
        ((LSTM(3, 4), []), TypeError, "expected a River regressor"),
        (("missing.safetensors",), FileNotFoundError, "there is no file"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LiveStream(*arguments)


def test_wrong_settings_are_refused(live: LiveStream) -> None:
    for speed in (0, -1, math.nan, "fast"):
        with pytest.raises(ValueError, match="speed must be above 0"):
            live.speed = speed  # type: ignore[assignment]
    with pytest.raises(ValueError, match="n must be a whole number"):
        live.step(0)
    with pytest.raises(TypeError, match="method show"):
        live.share_with(3)


def test_learning_is_switched_in_python_and_in_the_page(live: LiveStream) -> None:
    live.learning = False
    assert not live.run.learning
    assert not live._learn.value
    live._learn.value = True
    assert live.learning


@pytest.mark.parametrize(
    ("model", "source"),
    [
        (LSTMClassifier(4, seed=1), [({"a": n % 3}, f"class {n % 12}") for n in range(60)]),
        (LSTMForecaster(hidden_size=4, seed=1), [math.sin(n) for n in range(60)]),
        (LSTMAnomalyDetector(4, seed=1), [{"a": math.sin(n)} for n in range(60)]),
        (LSTMTextClassifier(4, seed=1), [("good <b>bold</b>", "+"), ("bad", "-")] * 30),
        (
            preprocessing.StandardScaler() | linear_model.LinearRegression(),
            datasets.TrumpApproval(),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_kinds_are_drawn_and_saved(model: Any, source: Any, tmp_path: Path) -> None:
    live = LiveStream(model, source, window=40)
    live.step(30)
    live.step(25)
    assert live.error == ""
    assert len(source_of(live, "events")["event"]) == 40
    live.save_html(tmp_path / "picture.html")
    assert "<b>bold</b>" not in (tmp_path / "picture.html").read_text()
    live.close()


def test_recordings_files_and_traces_are_played(live: LiveStream, tmp_path: Path) -> None:
    live.step(80)
    save(live.recording(), tmp_path / "run.safetensors")
    trace = LSTM(3, 4).trace(torch.randn(1, 7, 3))
    for thing, total in ((tmp_path / "run.safetensors", 80), (live.recording(), 80), (trace, 7)):
        again = LiveStream(thing, speed=math.inf)
        again.play()
        assert again.player.wait()
        assert (again.state, again.position, again.total) == ("finished", total, total)
        assert not again.learning
        again.close()


def test_other_widgets_show_the_same_run(live: LiveStream) -> None:
    shown: list[Any] = []

    class Guest:
        def show(self, recording: Any) -> None:
            shown.append(recording)

    live.share_with(Guest())
    live.step(5)
    assert shown[-1].steps.tolist() == [0, 1, 2, 3, 4]


def test_closing_ends_the_thread_and_leaves_no_widget_behind() -> None:
    instances = ipywidgets.widgets.widget._instances
    before = set(instances)
    live = LiveStream(LSTMRegressor(4, seed=1), itertools.repeat(({}, 1.0)), speed=math.inf)
    live.play()
    live.close()
    assert live.state == "stopped"
    assert live.comm is None
    left = [instances[name] for name in set(instances) - before]
    assert [widget for widget in left if type(widget).__name__ != "_Library"] == []
