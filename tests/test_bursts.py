"""Many events go through a model at once, and nobody can tell it from one after the other."""

from __future__ import annotations

import copy
import itertools
import math
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import datasets, metrics, preprocessing

from lstmwidgets.analysis import prequential
from lstmwidgets.analysis.prequential import Prequential
from lstmwidgets.kernels.parameters import PARAMETERS
from lstmwidgets.online import LSTMForecaster, LSTMRegressor

EVENTS = list(itertools.islice(datasets.TrumpApproval(), 400))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of how many events went through a model at once, whatever else runs here."""
    taken: list[int] = []
    many = LSTMRegressor.predict_learn_known

    def counted(self: LSTMRegressor, xs: Any, ys: Any) -> Any:
        taken.append(len(xs))
        return many(self, xs, ys)

    monkeypatch.setattr(LSTMRegressor, "predict_learn_known", counted)
    monkeypatch.setattr(prequential, "WAIT", math.inf)
    monkeypatch.setattr(prequential, "BRIEF", math.inf)
    return taken


def events(seed: int, count: int) -> list[Any]:
    """Return events of many kinds, with targets that are unusable and features that come late."""
    draw = random.Random(seed)
    made: list[Any] = []
    for n in range(count):
        x: dict[str, Any] = {"a": draw.gauss(0, 1), "b": n}
        if seed % 2:
            x["when"] = datetime(2024, 1, 1) + timedelta(hours=n)
        if n > count // 2 and seed % 3:
            x |= {"late": draw.choice([1.5, None, math.nan, 1e300]), "word": draw.choice("xyz")}
        y = draw.choice([draw.gauss(3, 1)] * 30 + [None, math.nan, math.inf, 1e100, n, True])
        usual = [(x, y)] * 20
        made.append(draw.choice([*usual, [x, y], x, 7.5, SimpleNamespace(x=x, y=y), (x, y, 0)]))
    return made


def seen(run: Prequential) -> list[Any]:
    """Return all that pictures show of a run."""
    drawn = [run.events, run.steps, list(run.rows), list(run.drifts), run.curve.items, run.kept]
    return [*drawn, run.scores(), run.block(run.kept, 0), run.model._learner.row(PARAMETERS)]


def play(run: Prequential) -> Prequential:
    while run.advance():
        pass
    return run


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    window=st.sampled_from([1, 7, 50, 300]),
    layers=st.integers(1, 2),
    alone=st.integers(0, 40),
)
def test_in_bursts_all_is_as_event_by_event(
    seed: int, window: int, layers: int, alone: int
) -> None:
    model = LSTMRegressor(4, layers, window=3, seed=seed)
    source = events(seed, 150)
    options: Any = {"metric": metrics.MAE() + metrics.RMSE(), "window": window}
    stepped = play(Prequential(copy.deepcopy(model), source, **options))
    run = Prequential(model, source, **options)
    for _ in range(alone):
        run.advance()
    while run.advance(math.inf):
        pass
    for one, other in zip(seen(run), seen(stepped), strict=True):
        np.testing.assert_equal(one, other)
    assert model.imputed == stepped.model.imputed
    assert model.unlearned == stepped.model.unlearned


def test_data_at_rest_are_learned_in_bursts(calls: list[int]) -> None:
    run = Prequential(LSTMRegressor(4, seed=1), EVENTS)
    assert not run.advance(math.inf)
    assert len(calls) == math.ceil(399 / prequential.BURST)
    assert run.drifts == play(Prequential(LSTMRegressor(4, seed=1), EVENTS)).drifts
    assert (run.events, len(calls)) == (400, 25)  # stepping takes one event at a time


def test_what_comes_before_an_error_is_learned_and_seen(calls: list[int]) -> None:
    class Broken:
        def __iter__(self) -> Iterator[Any]:
            yield from EVENTS[:60]
            raise OSError("the cable is cut")

    run = Prequential(LSTMRegressor(4, seed=1), Broken())
    with pytest.raises(OSError, match="the cable"):
        run.advance(math.inf)
    stepped = play(Prequential(LSTMRegressor(4, seed=1), EVENTS[:60]))
    np.testing.assert_equal(seen(run), seen(stepped))
    assert max(calls) == prequential.BURST
    assert not run.advance(math.inf)


def test_what_comes_before_an_event_that_is_refused_is_learned_and_seen(calls: list[int]) -> None:
    source = [*EVENTS[:60], (EVENTS[60][0], "far"), *EVENTS[60:90]]
    run = Prequential(LSTMRegressor(4, seed=1), source)
    with pytest.raises(TypeError, match="expected a number"):
        run.advance(math.inf)
    assert run.events == 60
    assert not run.advance(math.inf)
    assert run.events == 90
    assert max(calls) == prequential.BURST


def test_while_a_source_makes_one_wait_nothing_lies_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prequential, "WAIT", 0.5)
    monkeypatch.setattr(prequential, "BRIEF", math.inf)
    monkeypatch.setattr(prequential, "CALM", 50)
    unseen: list[int] = []

    class Pausing:
        def __iter__(self) -> Iterator[Any]:
            for n, event in enumerate(EVENTS[:200]):
                unseen.append(n - run.events)
                if n == 90:
                    time.sleep(0.6)
                yield event

    run = Prequential(LSTMRegressor(4, seed=1), Pausing())
    run.advance(math.inf)
    assert max(unseen[:90]) > 0
    assert max(unseen[91:140]) == 0
    assert max(unseen[150:]) > 0


def test_one_dict_may_be_used_for_all_events() -> None:
    class Frugal:
        def __iter__(self) -> Iterator[Any]:
            x: dict[str, float] = {}
            for n in range(100):
                x["a"], x["b"] = float(n % 7), float(n % 3)
                yield x, float(n % 5)

    run, stepped = (Prequential(LSTMRegressor(4, seed=1), Frugal()) for _ in range(2))
    run.advance(math.inf)
    np.testing.assert_equal(seen(run), seen(play(stepped)))


class Mine(LSTMRegressor):
    """Does something of its own with each event."""

    def learn_one(self, x: Any, y: Any) -> None:
        super().learn_one(x, -y)


@pytest.mark.parametrize(
    ("model", "source"),
    [
        (LSTMRegressor(4, seed=1), iter(EVENTS)),  # may be events as they happen
        (preprocessing.StandardScaler() | LSTMRegressor(4, seed=1), EVENTS),
        (Mine(4, seed=1), EVENTS),
        (LSTMForecaster(hidden_size=4, seed=1), EVENTS),
    ],
    ids=["read once", "pipeline", "subclass", "forecaster"],
)
def test_others_go_event_by_event(calls: list[int], model: Any, source: Any) -> None:
    run = Prequential(model, source)
    run.advance(math.inf)
    assert (run.events, calls) == (400, [])


def test_without_learning_events_go_one_by_one(calls: list[int]) -> None:
    run = Prequential(LSTMRegressor(4, seed=1), EVENTS)
    run.advance()
    run.learning = False
    run.advance(math.inf)
    assert (run.events, calls) == (400, [])
