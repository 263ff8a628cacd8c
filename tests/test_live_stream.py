"""LiveStream in Python: what pages are sent, what methods and traits do, and bad input."""

from __future__ import annotations

import itertools
import json
import math
import re
import threading
from base64 import b64decode
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, datasets, linear_model, metrics, preprocessing

from lstmwidgets import LSTM, save
from lstmwidgets.analysis.titles import MAPS
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.widgets import LiveStream

from .received import Received
from .test_player import until


@pytest.fixture
def live() -> Iterator[LiveStream]:
    live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), window=100)
    yield live
    live.close()


# --- what pages are sent -------------------------------------------------------------------------


def compare(page: Received, live: LiveStream) -> None:
    """Compare what a page knows of the events in view with what the kernel has."""
    run = live.run
    assert page.next == run.steps
    for row in run.rows:
        told = {name: column.get(row.step, 0.0) for name, column in page.columns.items()}
        if run.kind == "classes":
            shares = {str(name): share for name, share in (row.prediction or {}).items()}
            sent = {name: told[f"p{n}"] for n, name in enumerate(page.classes)}
            assert {name: share for name, share in sent.items() if share} == pytest.approx(
                {name: share for name, share in shares.items() if share}
            )
            known = not math.isnan(told["truth"])
            assert (page.classes[int(told["truth"])] if known else None) == row.target
        else:
            prediction = math.nan if row.prediction is None else row.prediction
            assert told["prediction"] == pytest.approx(prediction, nan_ok=True)
            target = math.nan if row.target is None else float(row.target)
            assert told["target"] == pytest.approx(target, nan_ok=True)
            if row.margin is not None:
                assert told["upper"] - told["lower"] == pytest.approx(2 * row.margin)
    assert [point[-1] for point in page.curve[:1]] == [run.curve.items[-1][0]]
    if run.kept:
        for back in range(1, run.kept + 1):
            layers = {name: values[-back, -1] for name, values in run.layers(run.kept).items()}
            expected = [layers[name][page.shown] for name in MAPS]
            np.testing.assert_array_equal(page.units[run.steps - back], expected)
    assert page.drifts == list(run.drifts)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 7, 30, 64, 99, 100, 101, 250]), min_size=1, max_size=5))
def test_what_pages_are_sent_is_what_happened(bursts: list[int]) -> None:
    live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), window=100)
    page = Received.of(live)
    for steps in bursts:
        live.step(steps)
        compare(page, live)
    assert page.curve[1][-1] == pytest.approx(live.run.scores()[0], nan_ok=True)
    live.close()


TEXTS = [("good <b>bold</b> film", "+"), ("a bad one", "-")] * 30
MODELS = {
    "classes": (
        lambda: LSTMClassifier(4, seed=1),
        [({"a": n % 3}, f"class {n % 23}") for n in range(90)],
    ),
    "few known": (
        lambda: LSTMRegressor(4, seed=1),
        [({"a": n}, float(n) if n % 3 == 0 else None) for n in range(90)],
    ),
    "forecaster": (lambda: LSTMForecaster(hidden_size=4), [math.sin(n) for n in range(90)]),
    "anomalies": (
        lambda: LSTMAnomalyDetector(4, seed=1),
        [({"a": math.sin(n)}, n == 70) for n in range(90)],
    ),
    "trees": (
        lambda: anomaly.HalfSpaceTrees(seed=1),
        [({"a": abs(math.sin(n))}, n == 70) for n in range(90)],
    ),
    "texts": (lambda: LSTMTextClassifier(4, seed=1), TEXTS),
    "linear": (
        lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
        datasets.TrumpApproval(),
    ),
    "pipeline": (
        lambda: preprocessing.StandardScaler() | LSTMRegressor(4, seed=1),
        datasets.TrumpApproval(),
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_all_kinds_are_sent_and_saved(kind: str, tmp_path: Path) -> None:
    make, source = MODELS[kind]
    live = LiveStream(make(), source, window=40)  # type: ignore[operator]
    page = Received.of(live)
    for steps in (1, 1, 30, 25):
        live.step(steps)
        assert live.error == ""
        compare(page, live)
    assert bool(page.units) == (kind not in ("linear", "trees"))
    live.save_html(tmp_path / "picture.html")
    saved = (tmp_path / "picture.html").read_text()
    assert "<b>bold</b>" not in saved
    data = saved.partition('id="data">')[2].partition("</script>")[0]
    whole = b64decode(json.loads(data)["state"]["_whole"]["base64"])
    compare(Received.of_whole(whole), live)
    live.close()


def test_a_recording_is_numbered_as_it_was() -> None:
    played = LiveStream(
        LSTMRegressor(4, seed=1), [({"a": n}, float(n % 3)) for n in range(90)], window=40
    )
    played.step(90)
    live = LiveStream(played.recording())
    page = Received.of(live)
    live.step(40)
    assert (page.header["origin"], page.header["stride"], page.header["noun"]) == (50, 1, "event")
    assert not page.labels
    assert live.recording().labels == played.recording().labels
    words = LiveStream(LSTM(3, 8).trace(torch.randn(1, 3, 3)), speed=5)
    assert words.run.numbering is not None
    for each in (played, live, words):
        each.close()


def test_inputs_come_with_their_events_in_whatever_way_they_are_played() -> None:
    events: list[Any] = [
        ({"a": n, "kind": "x", "c": Decimal(n) / 4}, float(n % 3)) for n in range(120)
    ]
    events[7] = ({"a": None, "kind": "y"}, 1.0)
    live = LiveStream(
        LSTMRegressor(4, seed=1), events, window=50, inputs=["c", "kind", "a"], speed=math.inf
    )
    page = Received.of(live)
    for play in (live.step, lambda: live.step(20), live.play):
        play()
        until(lambda: live.state in ("paused", "finished"))
        for step in range(max(0, page.next - 50), page.next):
            x = events[step][0]
            shown = [page.columns[f"x{n}"][step] for n in range(3)]
            known = [x.get("c"), None, x["a"]]
            assert shown == [
                pytest.approx(math.nan if v is None else v, nan_ok=True) for v in known
            ]
    assert page.next == 120
    live.close()


@pytest.mark.parametrize(
    ("source", "inputs", "said"),
    [
        ([({"a": 1.0}, 1.0)], ["b"], r"the first event has none of \('b',\); it has \['a'\]"),
        (TEXTS, ["a"], "a text has no features"),
        ([1.0, 2.0], ["a"], r"the first event has none of \('a',\); it has \[\]"),
    ],
)
def test_inputs_that_are_not_there_are_named(source: Any, inputs: list[str], said: str) -> None:
    model = LSTMTextClassifier(4) if source is TEXTS else LSTMRegressor(4)
    live = LiveStream(model, source, inputs=inputs)
    with pytest.raises(RuntimeError, match=f"ValueError: inputs: {said}"):
        live.step()
    assert live.state == "failed"
    assert re.search(f"ValueError: inputs: {said}", live.error)
    live.close()


def test_inputs_are_names_of_features_of_a_model_that_is_played() -> None:
    with pytest.raises(TypeError, match=r"inputs must be a list of names, got 'a'; write \['a'\]"):
        LiveStream(LSTMRegressor(4), [], inputs="a")
    with pytest.raises(ValueError, match="a recording has only what the LSTM did"):
        LiveStream(LSTM(3, 8).trace(torch.randn(1, 5, 3)), inputs=["a"])


def test_a_page_that_missed_something_gets_all_of_it(live: LiveStream) -> None:
    live.step(130)
    late = Received.of(live)
    live._receive(None, {"type": "whole", "view": "late"}, [])
    until(lambda: late.frames > 0)
    compare(late, live)
    live.step(5)
    compare(late, live)


def test_closing_begins_no_thread(live: LiveStream) -> None:
    live.step(3)
    before = set(threading.enumerate())
    live.__del__()  # that of a widget which is still there when Python ends
    assert set(threading.enumerate()) <= before


def test_what_is_closed_begins_no_thread_when_it_is_closed_again(live: LiveStream) -> None:
    live.step(3)
    live.close()
    before = set(threading.enumerate())
    live.__del__()  # while Python ends, a thread that begins is waited for and never comes
    assert set(threading.enumerate()) <= before


def test_what_is_kept_at_rest_misses_nothing_however_soon(
    live: LiveStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lstmwidgets.widgets.live_stream.RESTING", 0.0)
    page = Received.of(live)
    for _ in range(20):
        live.step(3)
        live._keep()
        live.step(2)
        assert live.error == ""
        compare(page, live)


def test_a_pipeline_shows_the_lstm_in_it_and_follows_without_learning() -> None:
    inner = LSTMRegressor(4, seed=1)
    events = list(itertools.islice(datasets.TrumpApproval(), 60))
    live = LiveStream(preprocessing.StandardScaler() | inner, events)
    live.step(30)
    assert live.recording().layers["cell"][-1] == pytest.approx(inner.state.c[:, 0].numpy())  # type: ignore[union-attr]
    live.learning = False
    before = inner.module.state_dict()
    live.step(1)
    state = live.recording().layers["cell"]
    assert (state[-1] != state[-2]).any()
    assert all(torch.equal(a, before[name]) for name, a in inner.module.state_dict().items())
    live.close()


def test_several_metrics_have_a_curve_each() -> None:
    both = metrics.MAE() + metrics.RMSE()
    live = LiveStream(LSTMRegressor(4, seed=1), datasets.TrumpApproval(), metric=both)
    page = Received.of(live)
    live.step(50)
    mae, rmse = live.run.metric.get()
    assert [page.curve[1][-1], page.curve[3][-1]] == pytest.approx([mae, rmse])
    titles = [panel["title"] for panel in live._about["panels"] if panel["kind"] == "curve"]
    assert titles == ["Mean absolute error so far", "Root mean squared error so far"]
    live.close()


def test_nothing_is_scored_before_there_is_a_score() -> None:
    live = LiveStream(LSTMClassifier(4, seed=1), [({"a": 1}, "x")] * 5)
    page = Received.of(live)
    live.step(1)
    assert np.isnan([page.curve[1][0], page.curve[2][0]]).all()
    live.step(1)
    assert [page.curve[1][1], page.curve[2][1]] == [1, 1]
    live.close()


def test_what_is_at_rest_is_in_the_state_that_a_saved_notebook_has(live: LiveStream) -> None:
    live.step(130)
    live._keep()
    until(lambda: len(live._whole) > 0)
    length = int(np.frombuffer(live._whole[:8])[0])
    header = json.loads(live._whole[8 : 8 + length])
    parts, at = [], 8 + length
    for size in header["sizes"]:
        parts.append(live._whole[at : at + size])
        at += size
    page = Received()
    page.take(header, parts)
    compare(page, live)


def test_a_slow_page_gets_fewer_frames(live: LiveStream) -> None:
    live._receive(None, {"type": "pace", "view": "one", "seconds": 0.2}, [])
    live._receive(None, {"type": "pace", "view": "two", "seconds": 9}, [])
    assert live.player.interval == 0.5
    live._receive(None, {"type": "bye", "view": "two"}, [])
    assert live.player.interval == 0.2


# --- methods and traits --------------------------------------------------------------------------


def test_traits_and_messages_do_what_the_methods_do(live: LiveStream) -> None:
    live._receive(None, {"type": "step", "view": "x"}, [])
    assert live.player.wait(60)
    assert (live.position, live.state) == (1, "paused")
    live.speed = 500
    live.playing = True
    assert live.state == "playing"
    live.playing = False
    assert live.player.wait(60)
    assert live.state == "paused"
    live._receive(None, {"type": "stop", "view": "x"}, [])
    assert live.player.wait(60)
    assert live.state == "stopped"
    assert live.player.speed == 500


def test_traits_are_linked_and_full_speed_travels(live: LiveStream) -> None:
    slider = ipywidgets.FloatSlider(20, min=1, max=100)
    ipywidgets.link((slider, "value"), (live, "speed"))
    slider.value = 50
    assert live.player.speed == 50
    live.speed = 75
    assert slider.value == 75
    slider.close()
    live.set_state({"speed": None})
    assert live.speed == live.player.speed == math.inf
    assert live.get_state(["speed"]) == {"speed": None}


def test_playing_again_starts_from_the_beginning() -> None:
    events = [({"a": float(n)}, float(n)) for n in range(20)]
    live = LiveStream(LSTMRegressor(4, seed=1), events, speed=math.inf)
    page = Received.of(live)
    live.play()
    assert live.player.wait(60)
    assert (live.state, live.position, live.total, live.playing) == ("finished", 20, 20, False)
    live.step(3)
    assert (live.state, live.position) == ("paused", 3)
    assert list(page.columns["target"]) == [0, 1, 2]
    live.stop()
    live.step(1)
    assert live.position == 1
    live.close()


def test_it_begins_again_with_a_model_that_was_changed() -> None:
    events = list(itertools.islice(datasets.TrumpApproval(), 90))
    live = LiveStream(LSTMRegressor(4, seed=1), events, speed=math.inf)
    page = Received.of(live)
    live.step(10)
    old = live.model
    live.begin_again(hidden_size=6, cell="peephole", lr=0.01, seed=3)
    assert live.player.wait(60)
    fresh = LSTMRegressor(6, cell="peephole", lr=0.01, seed=3)
    predictions = []
    for x, y in events:
        predictions.append(fresh.predict_one(x))
        fresh.learn_one(x, y)
    assert list(page.columns["prediction"].values())[1:] == predictions[1:]
    assert live.model is not old
    assert (live.settings["hidden_size"], live.settings["window"]) == (6, 16)
    assert page.units[89].shape == (4, 6)
    with pytest.raises(ValueError, match="hidden_size must be at least 1"):
        live.begin_again(hidden_size=0)
    with pytest.raises(ValueError, match="no setting 'depth'"):
        live.begin_again(depth=3)
    live._receive(None, {"type": "begin", "view": "x", "settings": {"lr": -1}}, [])
    assert "lr" in live.error
    live.close()
    pipeline = preprocessing.StandardScaler() | LSTMRegressor(4, seed=1)
    live = LiveStream(pipeline, events, speed=math.inf)
    live.begin_again(hidden_size=5)
    assert live.player.wait(60)
    assert live.recording().hidden_size == 5
    live.close()


def test_a_source_that_can_be_read_once_says_so() -> None:
    live = LiveStream(LSTMRegressor(4, seed=1), iter([({}, 1.0)] * 3), speed=math.inf)
    live.play()
    assert live.player.wait(60)
    live.play()
    assert "can be read only once" in live.error
    assert live.state == "finished"
    with pytest.raises(ValueError, match="can be read only once"):
        live.begin_again()
    live.close()


def test_an_empty_source_says_so() -> None:
    live = LiveStream(LSTMRegressor(4), [])
    live.step()
    assert live.state == "finished"
    assert "nothing to play" in live._note
    live.close()


def test_what_a_source_raised_stays_and_nothing_is_lost() -> None:
    def source() -> Iterator[Any]:
        yield from [({}, float(n)) for n in range(5)]
        raise OSError("the <b>cable</b> was pulled")

    live = LiveStream(LSTMRegressor(4, seed=1), source(), speed=math.inf)
    page = Received.of(live)
    live.play()
    assert live.player.wait(60)
    assert (live.state, live.error) == ("failed", "OSError: the <b>cable</b> was pulled")
    assert "Traceback" in live._details
    assert len(page.columns["target"]) == live.position == 5
    for _ in range(2):
        live.play()
        assert live.state == "failed"
        assert live.error.startswith("OSError: the <b>cable</b> was pulled The source has been")
    live.close()


def test_a_model_that_raises_is_shown() -> None:
    live = LiveStream(linear_model.LinearRegression(), [({"a": "text"}, 1.0)] * 3)
    with pytest.raises(RuntimeError, match="TypeError: ") as caught:
        live.step(3)
    assert isinstance(caught.value.__cause__, TypeError)
    assert live.state == "failed"
    assert live.error == str(caught.value)
    live.close()


def test_nan_and_missing_values_run_through() -> None:
    events = [({"a": math.nan}, 1.0), ({"a": None}, math.nan), ({}, None), ({"a": 1.0}, math.inf)]
    live = LiveStream(LSTMRegressor(4, seed=1), events * 20, speed=math.inf)
    page = Received.of(live)
    live.play()
    assert live.player.wait(60)
    assert live.state == "finished"
    assert np.isnan(list(page.columns["target"].values())).sum() == 60
    live.close()


def test_two_players_on_one_model_are_told() -> None:
    model = LSTMRegressor(4, seed=1)
    endless = itertools.repeat(({"a": 1.0}, 1.0))
    one, other = LiveStream(model, endless, speed=math.inf), LiveStream(model, [({}, 1.0)] * 3)
    one.play()
    other.play()
    assert "Another widget is playing this model" in other.error
    assert not other.playing
    one.pause()
    other.step()
    assert other.position == 1
    assert other.error == ""
    one.close()
    other.close()


def test_a_wide_layer_is_drawn_in_part_with_a_note() -> None:
    live = LiveStream(LSTMRegressor(300, seed=1), datasets.WaterFlow())
    page = Received.of(live)
    live.step(70)
    assert "128 of 300 units" in live._note
    assert len(page.shown) == 128
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
    for speed in (0, -1, math.nan):
        with pytest.raises(ValueError, match="speed must be above 0"):
            live.speed = speed
    with pytest.raises(Exception, match="expected a float"):
        live.speed = "fast"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="n must be a whole number"):
        live.step(0)


def test_learning_is_switched_in_python_and_in_the_page(live: LiveStream) -> None:
    live.learning = False
    assert not live.run.learning  # type: ignore[union-attr]
    live.set_state({"learning": True})
    assert live.run.learning  # type: ignore[union-attr]


def test_recordings_files_and_traces_are_played(live: LiveStream, tmp_path: Path) -> None:
    live.step(80)
    save(live.recording(), tmp_path / "run.safetensors")
    trace = LSTM(3, 4).trace(torch.randn(1, 7, 3))
    for thing, total in ((tmp_path / "run.safetensors", 80), (live.recording(), 80), (trace, 7)):
        again = LiveStream(thing, speed=math.inf)
        again.play()
        assert again.player.wait(60)
        assert (again.state, again.position, again.total) == ("finished", total, total)
        assert not again.learning
        again.close()


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
