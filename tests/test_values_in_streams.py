"""Ids, keys and times of records in whatever form; a saved model on a stream with other names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from lstmwidgets import save
from lstmwidgets.analysis.prequential import Prequential
from lstmwidgets.online import LSTMForecaster, LSTMRegressor
from lstmwidgets.streaming import Job, StreamError, run_job
from lstmwidgets.streaming.baselines import SameTimeYesterday
from lstmwidgets.streaming.events import Event
from lstmwidgets.streaming.job.results import JobResult
from lstmwidgets.streaming.sources import Columns, IterableSource

GUISES = (float, np.float64, np.int64, Decimal, Fraction, torch.tensor, np.array, str, np.str_)


def run(items: Iterable[Any], columns: Columns, **options: Any) -> JobResult:
    source = IterableSource(items, columns)
    given = {} if "model" in options else {"hidden_size": 3, "window": 2, "seed": 1}
    return run_job(Job(source, columns, **given, **options))


def test_a_late_target_finds_its_event_in_whatever_form_its_id_is() -> None:
    columns = Columns(target="y", id="id")
    records: list[Any] = []
    for n, guise in enumerate(GUISES):
        records += [{"id": n, "a": n % 3}, {"id": guise(n), "y": n % 3}]
    result = run(records, columns)
    assert result.late_targets is not None
    assert result.late_targets["labelled"] == result.events == len(GUISES)


def test_keys_are_one_in_whatever_form() -> None:
    records = [{"key": guise(n % 2), "a": n, "y": n} for n in range(2) for guise in GUISES]
    assert run(records, Columns(target="y", key="key")).keys == 2


def test_ids_and_keys_of_events_are_plain() -> None:
    uuid = UUID(int=7)
    given: list[tuple[Any, Any]] = [
        *((7, "a"), (7.0, np.str_("a")), (np.int64(7), 7), (uuid, uuid), ("7", 7.0)),
        *((np.str_("7"), Enum("Key", {"A": "a"}, type=str).A), (True, None)),  # type: ignore[attr-defined]
    ]
    source = IterableSource([Event(id_, {}, None, key=key) for id_, key in given], Columns())
    read = [(event.id, event.key) for event in source if event is not None]
    seven = [
        (7, "a"),
        (7, "a"),
        (7, "7"),
        (str(uuid), str(uuid)),
        ("7", "7"),
        ("7", "a"),
        (1, None),
    ]
    assert read == seven
    assert {type(part) for pair in read for part in pair} == {int, str, type(None)}
    for bad in (Event((1, 2), {}, None), Event(0, {}, None, key=[1]), Event(None, {}, None)):  # type: ignore[arg-type]
        with pytest.raises(StreamError, match=r"a whole number or a text as (id|key), got"):
            list(IterableSource([bad], Columns()))


def test_typed_values_are_read_as_what_they_count_as() -> None:
    record = {
        "span": timedelta(minutes=1),
        "share": Fraction(1, 4),
        "torch": torch.tensor(2.0),
        "size": Enum("Size", ["LARGE"]).LARGE,  # type: ignore[attr-defined]
        "day": date(2024, 3, 29),
        "gone": np.ma.masked,
        "na": pd.NA,
        "y": np.float32(0.5),
    }
    (event,) = IterableSource([record], Columns(target="y"))
    assert event is not None
    assert event.x == {
        "span": 60.0,
        "share": 0.25,
        "torch": 2.0,
        "size": "LARGE",
        "day": datetime(2024, 3, 29),
    }
    assert event.y == 0.5


@pytest.mark.parametrize("library", [pd, pl])
def test_a_dataframe_is_a_source_of_rows(library: Any) -> None:
    frame = library.DataFrame({"a": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5]})
    events = list(IterableSource(frame, Columns(target="y")))
    assert [(event.x, event.y) for event in events if event] == [
        ({"a": 1.0}, 0.5),
        ({"a": 2.0}, 1.5),
        ({"a": 4.0}, 2.5),
    ]


def hourly(days: int = 3) -> list[tuple[datetime, float]]:
    times = [datetime(2024, 3, 1) + timedelta(hours=n) for n in range(24 * days)]
    return [(moment, math.sin(moment.hour)) for moment in times]


def yesterday(records: list[Any], columns: Columns) -> list[float | None]:
    """Return what the baseline says of records."""
    baseline, said = SameTimeYesterday(), []
    for event in IterableSource(records, columns):
        assert event is not None
        assert event.y is not None
        said.append(baseline.predict(event))
        baseline.learn(event, event.y)
    return said


@pytest.mark.parametrize("named", [None, "day"])
@pytest.mark.parametrize("kind", ["text", "typed", "dropped", "full"])
def test_the_same_hour_yesterday_reads_day_and_time_from_two_columns(
    kind: str, named: str | None
) -> None:
    records = [
        {"day": moment.date(), "at": moment.time(), "y": y}
        if kind == "typed"
        else {"day": f"{moment:%Y-%m-%d}", "at": f"{moment:%H:%M}", "y": y}
        for moment, y in hourly()
    ]
    if kind == "full":
        records = [{"day": moment, "opening": "06:00", "y": y} for moment, y in hourly()]
    drop = ("at",) if kind == "dropped" else ()
    text = ("at",) if kind in ("text", "typed") else ("opening",) if kind == "full" else ()
    forecasts = yesterday(records, Columns(target="y", drop=drop, time=named, text=text))
    assert forecasts == [None] * 24 + [y for _, y in hourly()[24:]]


def test_the_same_hour_of_days_alone_is_not_known() -> None:
    records = [{"day": moment.date(), "y": y} for moment, y in hourly()]
    assert yesterday(records, Columns(target="y")) == [None] * len(records)
    one_a_day = [{"day": date(2024, 3, day), "y": float(day)} for day in (1, 2, 3, 5)]
    assert yesterday(one_a_day, Columns(target="y")) == [None, 1.0, 2.0, None]


@pytest.mark.parametrize("learn", [True, False])
def test_a_job_refuses_a_model_that_knows_other_features(learn: bool, tmp_path: Path) -> None:
    model = LSTMRegressor(3, window=2, seed=1)
    for n in range(10):
        model.learn_one({"temp": n % 3}, n % 3)
    save(model, tmp_path / "model.safetensors")
    records = [{"Temperature": n % 3, "y": n % 3} for n in range(4)]
    message = r"model\.safetensors: .* features 'temp' and the event has none .* 'Temperature'"
    with pytest.raises(StreamError, match=message):
        run(records, Columns(target="y"), model=tmp_path / "model.safetensors", learn=learn)
    known = [{"temp": n % 3, "y": n % 3} for n in range(4)]
    other = [*known, {"Other": 1, "y": 1}]  # which is a new feature
    options = {"model": tmp_path / "model.safetensors", "learn": learn}
    assert run(other, Columns(target="y"), **options).events == 5


def test_a_series_may_have_gaps_and_numbers_of_any_kind() -> None:
    items = [1.0, None, np.float32(2.0), math.nan, torch.tensor(3.0), Decimal(4), pd.NA, 5]
    run = Prequential(LSTMForecaster(hidden_size=3, seed=1), items)
    while run.advance():
        pass
    assert [row.target for row in run.rows] == [1.0, None, 2.0, None, 3.0, 4.0, None, 5.0]


def test_what_is_no_event_is_said() -> None:
    model = LSTMRegressor(3, seed=1)
    frame = pd.DataFrame({"temp": [1.0]})
    with pytest.raises(
        TypeError, match=r"the text 'temp' as event 0; .* dataframe are river.stream.iter_pand"
    ):
        Prequential(model, frame).advance()
    with pytest.raises(TypeError, match=r"a number as target, got str '1\.5'"):
        Prequential(model, [({"a": 1.0}, "1.5")]).advance()
