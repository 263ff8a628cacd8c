"""Values of every type, features of every name: equal ones give equal output, odd ones a line."""

from __future__ import annotations

import copy
import math
import pickle
import re
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.online import FrozenRegressor, LSTMForecaster, LSTMRegressor, StreamSlots
from tests.family import FAMILY, Member
from tests.test_values import OPTIONS, STRANGE, evaluated, rows

Choose = Callable[[Sequence[Any]], Any]

NUMBERS: list[Callable[[float], Any]] = [
    *(float, np.float32, np.float64, np.longdouble, Decimal, Fraction, torch.tensor, np.array),
    lambda value: int(value) if value == int(value) else value,
    lambda value: torch.tensor(value, dtype=torch.bfloat16),
]
FLAGS: list[Callable[[bool], Any]] = [bool, int, float, np.bool_, torch.tensor, np.array]
TEXTS: list[Callable[[str], Any]] = [
    *(str, np.str_, np.array),
    lambda text: Enum("Text", {"member": text}, type=str).member,  # type: ignore[attr-defined]
]
MOMENTS: list[Callable[[datetime], Any]] = [
    *(lambda time: time, np.datetime64, pd.Timestamp, lambda time: np.array(np.datetime64(time))),
]
SPANS: list[Callable[[timedelta], Any]] = [
    *(lambda span: span, np.timedelta64, pd.Timedelta, lambda span: span.total_seconds()),
]
NOTHING: list[Callable[[None], Any]] = [
    *(lambda _: None, lambda _: pd.NA, lambda _: pd.NaT, lambda _: np.ma.masked),
    lambda _: np.datetime64("NaT"),
]
MISSING = [*NOTHING, *(lambda _: math.nan, lambda _: np.float32("nan"), lambda _: Decimal("nan"))]
"""Of a feature that was a number before: NaN is one, and may be the first."""

LABELS: dict[Hashable, list[Callable[[Any], Any]]] = {
    "low": TEXTS[:2],
    1: [int, float, bool, np.int8, np.bool_, torch.tensor, np.array, Fraction],
    0.5: [float, np.float32, Decimal, Fraction, torch.tensor],
}
NAMES: dict[Hashable, list[Callable[[Any], Any]]] = {
    "temp": [str, np.str_, TEXTS[3]],
    1: [int, float, bool, np.int64, np.float32, Decimal, Fraction, torch.tensor],
    (2, "on"): [lambda name: name, lambda name: (np.int8(name[0]), np.str_(name[1]))],
    "kind": [str, np.str_, TEXTS[3]],
    datetime(2024, 5, 1): [lambda name: name, pd.Timestamp],
    0.5: [float, np.float32, Decimal, Fraction],
    "gone": [str, np.str_],
}
GUISES = (NUMBERS, NUMBERS, FLAGS, TEXTS, MOMENTS, SPANS, NOTHING)


def event_of(n: int) -> dict[Hashable, Any]:
    values = [
        *((n * 7 % 5) / 4, float(n % 3), n % 2 == 0, "ab"[n % 2], datetime(2024, 5, 1 + n, n)),
        *(timedelta(minutes=n % 4), None),
    ]
    x = dict(zip(NAMES, values, strict=True))
    if n % 5 == 4:
        x["temp"] = None
    return x


def disguised(choose: Choose, x: dict[Hashable, Any]) -> dict[Any, Any]:
    """Return an event whose names and values are equal, but of other types."""
    guises = dict(zip(NAMES, GUISES, strict=True))
    if x["temp"] is None:
        guises["temp"] = MISSING
    return {choose(NAMES[name])(name): choose(guises[name])(value) for name, value in x.items()}


def outputs(member: Member, model: Any, event: tuple[Any, Any]) -> list[Any]:
    """Return what a model says of an event, and let it learn it."""
    x, y = event
    said = [member.predict(model, x)]
    if isinstance(model, LSTMForecaster):
        said += [model.forecast_interval(2, [x, None]), model.step_one(x)]
    else:
        said.append(model.step_one(x))
    if isinstance(model, LSTMRegressor):
        said.append(model.observe_one(x, y))
    member.learn(model, event)
    return said


@settings(max_examples=10)
@pytest.mark.parametrize("member", FAMILY[:4], ids=lambda member: member.name)
@given(seed=st.integers(0, 2**32))
def test_equal_input_in_another_guise_gives_equal_output(member: Member, seed: int) -> None:
    choose = Random(seed).choice
    model, twin = member.make(**OPTIONS), member.make(**OPTIONS)
    for n in range(8):
        x = event_of(n)
        y = list(LABELS)[n % 3] if member.has_labels else (n * 3 % 7) / 4
        guises = LABELS[y] if member.has_labels else NUMBERS
        other = disguised(choose, x), choose(guises)(y)
        assert outputs(member, twin, other) == outputs(member, model, (x, y))
        if n == 5:
            twin = choose([copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])(twin)
    assert list(twin._encoder.columns) == list(model._encoder.columns)
    if member.has_labels:
        assert twin.classes == model.classes
    assert (
        twin.imputed
        == model.imputed
        == 2 * sum(value is None for n in range(8) for value in event_of(n).values())
    )


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_frames_and_slots_take_every_guise(seed: int) -> None:
    choose = Random(seed).choice
    events = [event_of(n) for n in range(6)]
    others = [disguised(choose, x) for x in events]
    ys = [n % 4 / 2 for n in range(6)]
    other_ys = [choose(NUMBERS)(y) for y in ys]
    model, twin = LSTMRegressor(**OPTIONS), LSTMRegressor(**OPTIONS)
    said = StreamSlots(model, 2).predict_learn_many([0, 1] * 3, events, ys).tolist()
    assert StreamSlots(twin, 2).predict_learn_many([0, 1] * 3, others, other_ys).tolist() == said
    frozen = (FrozenRegressor(each, 2) for each in (model, twin))
    first, second = (
        each.observe_many([0, 1] * 3, xs, y)
        for each, xs, y in zip(frozen, (events, others), (ys, other_ys), strict=True)
    )
    assert first.tolist() == second.tolist()
    for each, xs, y in ((model, events, ys), (twin, others, other_ys)):
        names = list(xs[0])  # a frame has one guise a column
        frame = pd.DataFrame([list(x.values()) for x in events[:4]], columns=names, dtype=object)
        each.learn_many(frame, choose([list, pd.Series, to_frame])(y[:4]))
    assert model.predict_one(events[5]) == twin.predict_one(others[5])


def to_frame(y: list[Any]) -> pd.DataFrame:
    return pd.Series(y, name="y", dtype=object).to_frame()


ANY: list[Any] = [
    *(evaluated(code) for code, *_ in rows()),
    *(10**5000, np.void(b"ab"), np.array(["a"]), np.ma.array([1.0, 2.0], mask=[0, 1]), math.pi),
    *(np.timedelta64(2**62, "s"), np.timedelta64(5), Decimal("sNaN"), Decimal("1e999"), -1e-300),
    *(pd.Period("2024-01"), pd.Interval(0, 1), pd.DataFrame({"a": [1]}), torch.zeros(1), "a\nb"),
    *(float, print, range(3), iter(()), torch.tensor(1j), np.array(None), "\ud83d", {}, ""),
    *(slice(1), Ellipsis, NotImplemented, np.array(object()), timedelta.max, date.min),
]


@STRANGE
@settings(max_examples=8)
@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
@given(seed=st.integers(0, 2**32))
def test_whatever_comes_is_learned_or_refused_in_a_line(member: Member, seed: int) -> None:
    random, model = Random(seed), member.make(**OPTIONS)
    choose = random.choice
    for n in range(12):
        x = {choose(NAMES[name])(name): choose(ANY) for name in random.sample([*NAMES], n % 5)}
        x, y = choose([x, x, choose(ANY)]), choose(ANY)
        for call in (
            lambda x, y: member.predict(model, x),
            lambda x, y: member.learn(model, (x, y)),
            lambda x, y: model.step_one(x),
            lambda x, y: asked(model, "observe_one", x, y),
            lambda x, y: asked(model, "forecast", 2, x),
            lambda x, y: asked(model, "learn_many", x, y),
            lambda x, y: asked(model, "learn_many", pd.DataFrame({"a": [1]}), y),
            lambda x, y: asked(model, "predict_many", x),
            lambda x, y: asked(model, "learn_many", frame_of(x), [y]),
        ):
            try:
                call(x, y)
            except (TypeError, ValueError) as error:
                assert_helpful(str(error))
    for event in member.events(2):
        member.learn(model, event)
        member.predict(model, event[0])


def frame_of(value: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"a": [None]}, dtype=object)
    frame.at[0, "a"] = value
    return frame


def asked(model: Any, name: str, *arguments: Any) -> None:
    if hasattr(model, name):
        getattr(model, name)(*arguments)


def assert_helpful(message: str) -> None:
    """It is one line that says what was expected, what came and what to do."""
    assert "\n" not in message
    assert len(message) < 300
    assert re.search("expected .* got .*(; |, )", message), message
