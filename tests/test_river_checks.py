"""All five estimators pass River's own checks and work with what River puts around models."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from river import (
    anomaly,
    checks,
    compose,
    datasets,
    ensemble,
    evaluate,
    metrics,
    model_selection,
    preprocessing,
    stream,
)

from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from tests.family import FAMILY, Member

Stream = list[tuple[dict[str, Any], Any]]


class Card:
    """The columns of `river.datasets.CreditCard`, which is 150 MB to be downloaded, made up here.

    As there, few events are anomalies, and they lie further out in the principal components.
    """

    def take(self, count: int) -> Iterator[tuple[dict[str, float], int]]:
        return islice(self, min(count, 2000))

    def __iter__(self) -> Iterator[tuple[dict[str, float], int]]:
        drawn, seconds = np.random.default_rng(0), 0.0
        while True:
            seconds += float(drawn.exponential(0.5))
            fraud = int(drawn.random() < 0.01)
            components = drawn.normal(scale=4 if fraud else 1, size=28)
            x = {"Time": seconds} | {f"V{k}": float(v) for k, v in enumerate(components, 1)}
            yield x | {"Amount": float(drawn.lognormal(3))}, fraud


def checks_of(member: Member) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "CreditCard", Card)
        return [
            pytest.param(member, check, id=f"{member.name} {number} {check.__name__}")
            for number, check in enumerate(checks.yield_checks(member.make()))
        ]


@pytest.mark.parametrize(
    ("member", "check"), [case for member in FAMILY for case in checks_of(member)]
)
def test_river_accepts_it(member: Member, check: Callable[[Any], None]) -> None:
    random.seed(0)  # checks drop features at random
    check(member.make())


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_river_accepts_it_without_a_seed(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CreditCard", Card)
    random.seed(0)
    model = member.make(hidden_size=2, seed=None)
    # Each check on one of its data sets: the seed does not know of the others.
    once = {check.__name__: check for check in checks.yield_checks(model)}
    # Of a forecaster, River does not ask it.
    assert "check_seeding_is_idempotent" in once or isinstance(model, LSTMForecaster)
    for check in once.values():
        check(model.clone())


def test_no_check_is_skipped() -> None:
    assert not set().union(*(member.make()._unit_test_skips() for member in FAMILY))


def numeric(events: int = 60) -> Stream:
    drawn = np.random.default_rng(0)
    return [
        (
            {
                "a": float(drawn.normal()),
                "b": 100 + n % 7,
                "at": datetime(2024, 1, 1 + n // 24, n % 24),
            },
            10 * math.sin(n / 3) + n % 7,
        )
        for n in range(events)
    ]


def labelled(events: int = 60) -> Stream:
    return [(x, "up" if y > 3 else "down") for x, y in numeric(events)]


def regressor(**options: Any) -> LSTMRegressor:
    return LSTMRegressor(**({"hidden_size": 4, "window": 4, "seed": 1} | options))


def classifier(**options: Any) -> LSTMClassifier:
    return LSTMClassifier(**({"hidden_size": 4, "window": 4, "seed": 1} | options))


def prequential(model: Any, events: Stream) -> list[float]:
    made = []
    for x, y in events:
        made.append(model.predict_one(x))
        model.learn_one(x, y)
    return made


def error(made: list[float], events: Stream) -> float:
    return fmean(abs(p - y) for p, (_, y) in zip(made, events, strict=True))


def test_behind_a_scaler_it_sees_what_the_scaler_puts_out() -> None:
    pipeline = compose.Discard("at") | preprocessing.StandardScaler() | regressor()
    scaler, model, made = preprocessing.StandardScaler(), regressor(), []
    for x, y in numeric():
        plain = {key: x[key] for key in ("a", "b")}
        made.append(model.predict_one(scaler.transform_one(plain)))
        scaler.learn_one(plain)
        model.learn_one(scaler.transform_one(plain), y)
    assert prequential(pipeline, numeric()) == made


def test_behind_a_union_it_sees_all_parts() -> None:
    def is_high(x: dict[str, Any]) -> dict[str, bool]:
        return {"is high": x["b"] > 103}

    union = (compose.Select("a") | preprocessing.StandardScaler()) + compose.FuncTransformer(
        is_high
    )
    pipeline = union | classifier()
    metric = evaluate.progressive_val_score(labelled(200), pipeline, metrics.Accuracy())
    assert metric.get() > 0.6
    assert set(pipeline["LSTMClassifier"]._encoder.columns) == {"'a'", "'is high'"}


def test_a_target_scaler_may_stand_around_it() -> None:
    events = numeric(300)
    model = preprocessing.TargetStandardScaler(regressor=regressor())
    made = prequential(model, events)
    average = fmean(y for _, y in events)
    assert error(made[100:], events[100:]) < 0.6 * error([average] * 200, events[100:])


def test_it_can_be_bagged() -> None:
    bag = ensemble.BaggingRegressor(regressor(), n_models=3, seed=1)
    prequential(bag, numeric())
    x, _ = numeric()[0]
    said = [model.predict_one(x) for model in bag]
    assert len(set(said)) == 3  # each has seen events of its own
    assert bag.predict_one(x) == pytest.approx(fmean(said))
    sorter = ensemble.BaggingClassifier(classifier(), n_models=3, seed=1)
    metric = evaluate.progressive_val_score(labelled(200), sorter, metrics.Accuracy())
    assert metric.get() > 0.6
    assert sum(sorter.predict_proba_one(x).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "events", "metric", "ask"),
    [
        (regressor(), numeric(), metrics.MAE(), "predict_one"),
        (classifier(), labelled(), metrics.CrossEntropy(), "predict_proba_one"),
    ],
    ids=["regressor", "classifier"],
)
def test_labels_may_come_late(model: Any, events: Stream, metric: Any, ask: str) -> None:
    """Five hours late: until then, later events are predicted without them."""
    late = {"moment": "at", "delay": timedelta(hours=5)}
    by_hand, twin, waiting = metric.clone(), model.clone(), {}
    for number, x, y in stream.simulate_qa(events, **late):
        if y is None:
            waiting[number] = getattr(twin, ask)(x)
        else:
            if waiting[number] != {}:
                by_hand.update(y, waiting.pop(number))
            twin.learn_one(x, y)
    delayed = evaluate.progressive_val_score(events, model.clone(), metric.clone(), **late)
    assert delayed.get() == by_hand.get()
    assert math.isfinite(delayed.get())
    at_once = evaluate.progressive_val_score(events, model.clone(), metric.clone())
    assert delayed.get() != at_once.get()


def test_it_can_be_selected() -> None:
    models = [regressor(lr=rate) for rate in (1e-6, 0.003)]
    models += [regressor(experts=False, lr=1e-6)]
    greedy = model_selection.GreedyRegressor(models, metrics.MAE())
    prequential(greedy, numeric(150))
    errors = [metric.get() for metric in greedy.metrics]
    assert len(set(errors)) == 3
    assert greedy.best_model is greedy.models[int(np.argmin(errors))]
    x, _ = numeric()[0]
    assert greedy.predict_one(x) == greedy.best_model.predict_one(x)
    halving = model_selection.SuccessiveHalvingClassifier(
        [classifier(lr=rate) for rate in (0.001, 0.01, 0.1, 1.0)], metrics.Accuracy(), budget=200
    )
    evaluate.progressive_val_score(labelled(120), halving, metrics.Accuracy())
    assert halving.best_model.predict_one(x) in ("up", "down")


def test_a_forecaster_can_be_evaluated() -> None:
    events = [(x, y) for x, y in datasets.AirlinePassengers()]
    model = LSTMForecaster(seasonality=12, hidden_size=4, window=4, seed=1)
    metric = evaluate.evaluate(events, model, metrics.MAE(), horizon=6)
    errors = [each.get() for each in metric.metrics]
    assert len(errors) == 6
    changes = [abs(events[n][1] - events[n - 6][1]) for n in range(12, len(events))]
    assert errors[-1] < fmean(changes)  # better than repeating the last value
    behind = preprocessing.StandardScaler() | LSTMForecaster(hidden_size=4, seed=1)
    for x, y in numeric(30):
        behind.learn_one({"a": x["a"]}, y)
    assert len(behind.forecast(3, xs=[{"a": 1.0}] * 3)) == 3


def test_a_detector_can_be_filtered() -> None:
    model = anomaly.QuantileFilter(
        LSTMAnomalyDetector(hidden_size=4, lasting=0, seed=1),
        q=0.97,
        protect_anomaly_detector=False,
    )
    flagged = dict.fromkeys((0, 1), 0.0)
    events = list(Card().take(2000))
    for x, fraud in events:
        flagged[fraud] += model.classify(model.score_one(x))
        model.learn_one(x)
    frauds = sum(fraud for _, fraud in events)
    assert flagged[1] > 0.8 * frauds
    assert flagged[0] < 0.1 * (len(events) - frauds)


def test_a_text_classifier_stands_behind_a_transformer() -> None:
    model = compose.FuncTransformer(lambda x: x["body"]) | LSTMTextClassifier(
        hidden_size=4, seed=1, lr=0.05
    )
    for _ in range(20):
        model.learn_one({"body": "all well", "from": "a"}, True)
        model.learn_one({"body": "it broke", "from": "b"}, False)
    assert model.predict_one({"body": "well", "from": "b"}) is True
    assert list(model["LSTMTextClassifier"]._words.places)[2:] == ["all", "well", "it", "broke"]


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_a_clone_begins_anew_and_copies_go_on(member: Member) -> None:
    events = member.events(40)
    model = member.learned(member.make(), events[:20])
    fresh = member.run(member.make(), events[:20])
    assert member.run(model.clone(), events[:20]) == fresh
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    rest = member.run(model, events[20:])
    assert [member.run(each, events[20:]) for each in copies] == [rest, rest]
    assert "hidden_size=6" in repr(model)
    assert type(model).__name__ in repr(model)


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_a_changed_learning_rate_is_used(member: Member) -> None:
    events = member.events(40)
    model = member.learned(member.make(), events[:20])
    same, faster, bounded = (copy.deepcopy(model) for _ in range(3))
    same.mutate({"lr": model.lr})
    faster.mutate({"lr": 10 * model.lr})
    bounded.mutate({"clip": 1e-6})
    expected = member.run(model, events[20:])
    assert member.run(same, events[20:]) == expected
    assert member.run(faster, events[20:]) != expected
    assert member.run(bounded, events[20:]) != expected
    with pytest.raises(ValueError, match="'hidden_size' is not a mutable attribute"):
        model.mutate({"hidden_size": 3})
