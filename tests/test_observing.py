"""Estimators that let events pass without learning, and sequences that are answered in turn."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets import Epoch, SequenceModel, fit
from lstmwidgets.mlflow import autolog, save_model
from lstmwidgets.mlflow.kinds import kind_of
from lstmwidgets.mlflow.sequences import Sequences
from lstmwidgets.mlflow.serving import Served
from lstmwidgets.online import LSTMClassifier, LSTMForecaster, LSTMRegressor
from lstmwidgets.training import TrainingRun
from lstmwidgets.training.fitting import ONLOOKERS

from .test_serving import events, snapshot


def classifier(**options: Any) -> LSTMClassifier:
    model = LSTMClassifier(hidden_size=6, seed=1, **options)
    for n, (x, _) in enumerate(events(60, 1)):
        model.learn_one(x, "calm" if n % 4 else "wild")
    return model


def forecaster(**options: Any) -> LSTMForecaster:
    model = LSTMForecaster(hidden_size=6, seed=1, **options)
    for x, y in events(60, 1, numbers=True):
        model.learn_one(y, x)
    return model


def regressor(**options: Any) -> LSTMRegressor:
    model = LSTMRegressor(hidden_size=6, seed=1, **options)
    for x, y in events(60, 1, numbers=True):
        model.learn_one(x, y)
    return model


# --- letting events pass ----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"experts": False}, {"gradient": "eligibility"}])
def test_a_classifier_lets_events_pass_and_learns_nothing(options: dict[str, Any]) -> None:
    model = classifier(**options)
    before, stream = snapshot(model), model.get_stream()
    labels = ["calm", "never seen", None, "wild"]
    for n, (x, _) in enumerate(events(20, 2)):
        expected = model.predict_proba_one(x)
        assert model.observe_one(x, labels[n % 4]) == expected
        assert set(expected) == {"calm", "wild"}
    assert snapshot(model) != before
    model.set_stream(stream)
    assert snapshot(model) == before
    assert LSTMClassifier().observe_one({"a": 1.0}, "calm") == {}


def test_a_classifier_advances_as_by_step_one_where_there_is_no_scale_to_learn() -> None:
    model = classifier(scale=False)
    other = copy.deepcopy(model)
    for x, _ in events(20, 2):
        assert model.observe_one(x) == other.step_one(x)


def test_a_label_that_was_observed_is_the_last_one() -> None:
    model = classifier()
    after = {}
    for label in ("calm", "wild"):
        alone = copy.deepcopy(model)
        alone.observe_one({"a": 0.0}, label)
        after[label] = alone.predict_proba_one({"a": 0.0})
    assert after["calm"] != after["wild"]


@pytest.mark.parametrize("options", [{}, {"experts": False}, {"seasonality": 6}])
def test_a_forecaster_lets_values_pass_and_learns_nothing(options: dict[str, Any]) -> None:
    model = forecaster(**options)
    before, stream = snapshot(model), model.get_stream()
    for n, (x, y) in enumerate(events(20, 2, numbers=True)):
        (expected,) = model.forecast(1, [x])
        assert model.observe_one(None if n % 5 == 2 else y, x) == expected
    model.set_stream(stream)
    assert snapshot(model) == before
    assert LSTMForecaster().observe_one(1.0) == 0.0


def test_a_forecaster_follows_the_values_that_it_observes() -> None:
    model = LSTMForecaster(hidden_size=6, seasonality=6, seed=1)
    for n in range(120):
        model.learn_one(10.0 + n % 6)
    model.reset_stream()
    for n in range(30):
        model.observe_one(10.0 + n % 6)
    np.testing.assert_allclose(model.forecast(8), [10.0 + n % 6 for n in range(30, 38)], atol=0.5)


def test_a_series_that_begins_is_forecast_by_what_is_usual() -> None:
    model = forecaster()
    model.reset_stream()
    (first,) = model.forecast(1)
    assert first > 50  # the values are around 100
    assert model.forecast(5) == [first] * 5


# --- sequences --------------------------------------------------------------------------------


def test_sequences_are_bounded_and_idle_ones_dropped() -> None:
    now = 0.0
    sequences = Sequences(max_sequences=3, idle_seconds=10.0, clock=lambda: now)
    for name in "abc":
        sequences.update({name: name})
    sequences.update({"a": "again"})
    sequences.update({"d": "new"})
    assert [sequences.get(name) for name in "abcd"] == ["again", None, "c", "new"]
    sequences.update({"c": None})
    assert sequences.get("c") is None
    now = 9.0
    sequences.update({"a": "later"})
    now = 11.0
    assert [sequences.get(name) for name in "ad"] == ["later", None]
    assert len(sequences) == 1
    for options in ({"max_sequences": 0}, {"idle_seconds": 0.0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            Sequences(**options)


def network(**options: Any) -> SequenceModel:
    model = SequenceModel(3, hidden_size=4, **options)
    model.features = ["a", "b", "on"]
    return model.eval()


MODELS: dict[str, Callable[[], Any]] = {
    "regressor": regressor,
    "classifier": classifier,
    "forecaster": forecaster,
    "numbers": lambda: network(output_size=1),
    "classes": lambda: network(output_size=2, task="classification", pooling=None),
}


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=5)
@given(order=st.lists(st.sampled_from("abc"), min_size=4, max_size=12))
def test_sequences_that_take_turns_are_as_each_alone(name: str, order: list[str]) -> None:
    model = MODELS[name]()
    together = Served(kind_of(model), Sequences())
    rows = [{"last_target": None} | x for x, _ in events(len(order), 4)]
    if name in ("regressor", "forecaster"):
        rows = [row | {"last_target": 100.0 + n} for n, row in enumerate(rows)]
    frame = pd.DataFrame(rows).assign(sequence_id=order)
    frame["on"] = frame["on"].astype(float)
    if name == "classes":
        frame = frame.drop(columns="last_target")
    starts = ~frame["sequence_id"].duplicated()
    frame["sequence_start"] = starts
    half = len(frame) // 2
    answers = pd.concat(map(together.predict, (frame[:half], frame[half:])))
    for key in set(order):
        own = frame[frame["sequence_id"] == key].drop(columns=["sequence_id", "sequence_start"])
        alone = together.predict(own)  # a sequence of its own
        for column in alone:
            pairs = zip(answers.loc[own.index, column], alone[column], strict=True)
            for found, expected in pairs:
                same = expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-5)
                assert found == same


# --- looking on -------------------------------------------------------------------------------


def test_onlookers_are_told_each_epoch_and_leave_with_the_best_weights() -> None:
    seen: list[Any] = []

    @contextmanager
    def onlooker(training: TrainingRun) -> Iterator[Callable[[Epoch], None]]:
        assert training.options["lr"] == 0.01
        assert training.options["seed"] == 5
        yield seen.append
        seen.append(training.result.best_epoch)

    x = np.random.default_rng(0).normal(size=(16, 4, 1))
    model = SequenceModel(1, 1, hidden_size=3)
    ONLOOKERS.append(onlooker)
    try:
        result = fit(model, x, x.mean((1, 2)), epochs=3, lr=0.01, seed=5, progress=False)
    finally:
        ONLOOKERS.remove(onlooker)
    assert seen == [*result.epochs, result.best_epoch]


def test_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for what in (autolog, lambda: save_model(regressor(), "nowhere")):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'lstmwidgets\[mlflow\]'"):
            what()
    assert ONLOOKERS == []
