"""A run predicts before it learns, scores what was predicted, and keeps a bounded past."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
import torch
from river import (
    anomaly,
    datasets,
    dummy,
    evaluate,
    feature_extraction,
    linear_model,
    metrics,
    naive_bayes,
    preprocessing,
    stats,
    time_series,
    tree,
)

from lstmwidgets import LSTM
from lstmwidgets.analysis import Recording
from lstmwidgets.analysis.played_run import PlayedRun
from lstmwidgets.analysis.prequential import Prequential
from lstmwidgets.analysis.replay import Replay
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)

TEXTS = [("I love it", "good"), ("", "bad"), ("I hate it, really", "bad")] * 5


def play(run: PlayedRun, steps: float = math.inf) -> PlayedRun:
    while run.steps < steps and run.advance():
        pass
    return run


@pytest.mark.parametrize(
    "model",
    [LSTMClassifier(8, seed=1), tree.HoeffdingTreeClassifier()],
    ids=lambda m: type(m).__name__,
)
def test_the_accuracy_is_the_one_of_river(model: Any) -> None:
    run = play(Prequential(model.clone(), datasets.Phishing().take(300)))
    own = evaluate.progressive_val_score(datasets.Phishing().take(300), model, metrics.Accuracy())
    if isinstance(model, LSTMClassifier):
        assert run.metric.get() == pytest.approx(own.get(), abs=0.005)  # river scores the first too
    assert 0.5 < run.metric.get() <= 1


def test_the_error_is_computed_from_the_predictions_that_are_shown() -> None:
    run = play(Prequential(LSTMRegressor(8, seed=1), datasets.TrumpApproval().take(250)))
    rows = list(run.rows)
    assert rows[0].prediction is None  # before the first target there is nothing to go by
    pairs = [(row.target, row.prediction) for row in rows[1:]]
    assert run.metric.get() == pytest.approx(np.mean([abs(t - p) for t, p in pairs]))
    naive = [abs(now.target - before.target) for before, now in itertools.pairwise(rows)]
    assert run.naive_metric.get() == pytest.approx(np.mean(naive))


def test_a_prediction_is_made_before_the_target_is_learned() -> None:
    seen: list[str] = []

    class Spy(dummy.StatisticRegressor):  # type: ignore[misc]
        def predict_one(self, x: Any) -> float:
            seen.append("predict")
            return 1.0

        def learn_one(self, x: Any, y: Any) -> None:
            seen.append("learn")

    play(Prequential(Spy(stats.Mean()), [({}, 1.0)] * 3))
    assert seen == ["learn", "predict", "learn", "predict", "learn"]


def test_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    events = [({"a": float(a)}, float(a + rng.normal())) for a in rng.normal(size=3_000)]
    model = preprocessing.StandardScaler() | linear_model.LinearRegression()
    inside = []
    run = Prequential(model, events, coverage=0.8)
    while run.advance():
        row = run.rows[-1]
        if row.margin is not None:
            inside.append(abs(row.target - row.prediction) <= row.margin)
    assert np.mean(inside[200:]) == pytest.approx(0.8, abs=0.03)


def test_a_change_of_the_error_is_marked() -> None:
    events = [({}, 0.0)] * 500 + [({}, float(n % 2) * 50) for n in range(500)]
    run = play(Prequential(dummy.StatisticRegressor(stats.Mean()), events))
    assert run.drifts
    assert 500 <= run.drifts[0] < 600


def test_memory_is_bounded_and_recordings_hold_the_last_steps() -> None:
    model = LSTMRegressor(8, 2, seed=1)
    run = play(Prequential(model, datasets.WaterFlow(), window=50), 120)
    recording = run.recording()
    assert (len(run.rows), recording) == (50, recording)
    assert recording.layers["cell"].shape == (50, 2, 8)
    assert recording.steps.tolist() == list(range(70, 120))
    assert model.state is not None
    assert model.gates is not None
    assert recording.layers["cell"][-1] == pytest.approx(model.state.c[:, 0].numpy())
    assert recording.layers["forget_gate"][-1] == pytest.approx(
        model.gates.forget_gate[:, 0].numpy()
    )
    assert recording.labels[-1] == run.rows[-1].label
    assert "2022" in recording.labels[-1]


def test_wide_layers_keep_fewer_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmwidgets.analysis.live_run.ROOM", 6 * 8 * 10)
    run = play(Prequential(LSTMRegressor(8, seed=1), datasets.WaterFlow()), 30)
    assert run.kept == 10
    assert len(run.recording()) == 10


def test_without_learning_the_model_stays_and_its_state_goes_on() -> None:
    model = LSTMRegressor(8, seed=1)
    run = play(Prequential(model, datasets.WaterFlow()), 20)
    assert model.module is not None
    weights = {name: w.clone() for name, w in model.module.state_dict().items()}
    state = model.state
    run.learning = False
    play(run, 40)
    assert model.module is not None
    assert all((weights[name] == w).all() for name, w in model.module.state_dict().items())
    assert state is not None
    assert model.state is not None
    assert not (state.c == model.state.c).all()


@pytest.mark.parametrize("model", [LSTMTextClassifier(8, seed=1), None])
def test_texts_are_read_word_by_word(model: Any) -> None:
    model = model or feature_extraction.BagOfWords() | naive_bayes.MultinomialNB()
    run = play(Prequential(model, TEXTS))
    assert run.words
    assert run.events == len(TEXTS)  # the empty one too
    words = [row.mark for row in run.rows]
    assert [word.lower() for word in words[:3]] == ["i", "love", "it"]
    assert run.rows[-1].target == "bad"
    assert sum(run.rows[-1].prediction.values()) == pytest.approx(1)
    assert run.metric.get() > 0.7


def test_after_the_last_word_the_prediction_is_that_of_the_text() -> None:
    model = LSTMTextClassifier(8, seed=1)
    for text, label in TEXTS:
        model.learn_one(text, label)
    for text in ("I love it, really", "a b c"):
        *_, (_, last) = model.read_one(text)
        assert last == pytest.approx(model.predict_proba_one(text))
    assert list(LSTMTextClassifier().read_one("a b")) == [("a", {}), ("b", {})]


@pytest.mark.parametrize(
    ("model", "events"),
    [
        (LSTMForecaster(hidden_size=8, seed=1), datasets.AirlinePassengers()),
        (time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.5, seasonality=12), range(40)),
        (LSTMAnomalyDetector(8, seed=1), datasets.Phishing().take(50)),
        (anomaly.HalfSpaceTrees(n_trees=3), [{"a": n / 50} for n in range(50)]),
        (linear_model.LogisticRegression(), datasets.Phishing().take(50)),
        (LSTMRegressor(8, seed=1), [({"a": 1}, None), ({"a": 1}, math.nan), ({"a": 1}, 2.0)] * 9),
        (LSTMClassifier(8, seed=1), [({"a": math.inf}, None), ({}, math.nan), ({"b": 1}, "x")] * 9),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_kinds_of_models_and_events_run(model: Any, events: Any) -> None:
    run = play(Prequential(model, events))
    assert run.events >= 27
    assert run.rows[-1].prediction is not None


@pytest.mark.parametrize(
    ("x", "label"),
    [
        ({"n": 1, "when": datetime(2024, 1, 2, 3, 4)}, "Tue 02 Jan 2024 03:04"),
        ({"day": date(2024, 1, 2)}, "Tue 02 Jan 2024 00:00"),
        ({"word": "so"}, "so"),
        ({"word": "so", "n": 1}, "event 0"),
        ({}, "event 0"),
    ],
)
def test_events_have_a_time_a_word_or_a_number(x: Any, label: str) -> None:
    run = play(Prequential(LSTMRegressor(4, seed=1), [(x, 1.0), ({}, 2.0)]))
    assert [row.label for row in run.rows] == [label, "event 1"]


@pytest.mark.parametrize(
    ("event", "message"),
    [((1,), "as event 0"), (None, "None as event 0"), (("text", 1), "the text 'text'")],
)
def test_events_of_another_kind_are_refused(event: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Prequential(LSTMRegressor(), [event]).advance()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match=r"make one: LSTMRegressor\(\)"):
        Prequential(LSTMRegressor, [])
    with pytest.raises(TypeError, match="got LSTM"):
        Prequential(LSTM(3, 4), [])
    with pytest.raises(ValueError, match="Accuracy does not go with"):
        Prequential(LSTMRegressor(), [], metric=metrics.Accuracy())


def test_a_metric_may_be_chosen() -> None:
    run = play(Prequential(LSTMRegressor(4, seed=1), [({}, 1.0), ({}, 3.0)], metric=metrics.RMSE()))
    assert isinstance(run.naive_metric, metrics.RMSE)
    assert run.naive_metric.get() == pytest.approx(2)


def test_a_recording_is_played_again() -> None:
    run = play(Prequential(LSTMRegressor(8, seed=1), datasets.WaterFlow()), 100)
    again = play(Replay(run.recording()))
    assert again.metric.get() == pytest.approx(run.metric.get())
    assert [row.target for row in again.rows] == [row.target for row in run.rows]
    assert again.layers(100)["cell"] == pytest.approx(run.layers(100)["cell"])
    assert not again.words


def test_a_trace_is_played_again_word_by_word() -> None:
    trace = LSTM(3, 4).trace(torch.randn(1, 5, 3))
    again = play(Replay(Recording.from_trace(trace, list("hello"))))
    assert (again.words, again.scored, again.events) == (True, False, 5)


def test_a_run_begins_anew(tmp_path: Any) -> None:
    run = Prequential(LSTMRegressor(4, seed=1), [({}, 1.0)] * 5)
    play(run)
    run.begin([({}, 2.0)] * 3)
    assert (run.steps, len(run.rows), run.kept) == (0, 0, 0)
    play(run)
    assert [row.step for row in run.rows] == [0, 1, 2]


def test_a_source_is_read_only_as_far_as_it_is_played() -> None:
    taken = []

    def source() -> Iterator[Any]:
        for n in range(10):
            taken.append(n)
            yield {}, float(n)

    play(Prequential(LSTMRegressor(4, seed=1), source()), 3)
    assert taken == [0, 1, 2]
