"""What is kept comes back as it was, whatever holds it meanwhile; what cannot be kept is named."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.codec import decode, encode, plain

ZONES = st.none() | st.sampled_from(
    [
        UTC,
        timezone(timedelta(hours=-3, minutes=7)),
        *(map(ZoneInfo, ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"))),
    ]
)
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # halves of characters too
    | st.binary()
    | st.decimals().filter(lambda value: not value.is_snan())  # which has no hash
    | st.fractions()
    | st.uuids()
    | st.dates()
    | st.datetimes(timezones=ZONES)
    | st.times(timezones=ZONES)
    | st.timedeltas(),
    lambda inside: st.lists(inside, max_size=3).map(tuple),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.decimals(),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.lists(inside, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inside, max_size=4)
    ),
    max_leaves=12,
)


class Level(IntEnum):
    LOW = 1


class Size(Enum):
    LARGE = 3


def told(value: Any) -> Any:
    """Return what makes two values the same to the last bit, types and order included."""
    if isinstance(value, tuple | list):
        return type(value), [told(item) for item in value]
    if isinstance(value, dict):
        return dict, [(told(key), told(item)) for key, item in value.items()]
    if isinstance(value, datetime | time):
        return repr(value), value.fold
    return type(value), repr(value)


@given(VALUES)
def test_what_is_kept_comes_back_with_its_type(value: Any) -> None:
    form = encode(value)
    assert told(decode(form)) == told(value)
    for again in (
        json.loads(json.dumps(form, allow_nan=False)),
        msgspec.json.decode(msgspec.json.encode(form)),
        msgspec.msgpack.decode(msgspec.msgpack.encode(form)),
    ):
        assert told(decode(again)) == told(value)


@given(HASHABLE, HASHABLE)
def test_forms_are_the_same_only_if_values_are(one: Any, other: Any) -> None:
    if json.dumps(encode(one)) == json.dumps(encode(other)):
        assert told(one) == told(other)


@given(st.data())
def test_a_forged_form_makes_plain_values_or_an_error(data: st.DataObject) -> None:
    leaves = st.none() | st.integers() | st.text() | st.sampled_from(["1", "inf", "UTC", "../x"])
    tags = [
        "tuple",
        "dict",
        "int",
        "float",
        "str",
        "bytes",
        "date",
        "time",
        "timedelta",
        "decimal",
        "call",
    ]
    moments = st.fixed_dictionaries({"datetime": st.lists(leaves, max_size=4)})
    form = data.draw(
        st.recursive(
            leaves | moments,
            lambda inside: (
                st.lists(inside, max_size=3)
                | st.dictionaries(st.sampled_from(tags), inside, min_size=1, max_size=2)
            ),
        )
    )
    try:
        value = decode(form)
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
        return
    assert told(decode(encode(value))) == told(value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.int64(7), 7),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float16(1.5), 1.5),
        (np.float64(math.inf), math.inf),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.datetime64("2024-01-02T03:04:05.678901", "ns"), datetime(2024, 1, 2, 3, 4, 5, 678901)),
        (np.datetime64("2024-01-02"), datetime(2024, 1, 2)),
        (np.timedelta64(5, "s"), timedelta(seconds=5)),
        (np.datetime64("NaT"), None),
        (np.array(2.5), 2.5),
        (torch.tensor(3), 3),
        (np.longdouble(0.5), 0.5),
        (np.ma.masked, None),
        (pd.NA, None),
        (pd.Timestamp("2024-01-02 03:04", tz="UTC"), datetime(2024, 1, 2, 3, 4, tzinfo=UTC)),
        (pd.Timedelta("1h"), timedelta(hours=1)),
        (pd.NaT, None),
        (Level.LOW, 1),
        ((np.int8(1), [np.float32(0.5)]), (1, [0.5])),
        (OrderedDict({np.int64(1): np.str_("x")}), {1: "x"}),
    ],
)
def test_what_others_have_becomes_pythons_own(given: Any, kept: Any) -> None:
    assert told(decode(encode(given))) == told(kept)
    scalar = not isinstance(given, tuple | dict | pd.Timestamp | pd.Timedelta | Level)
    assert not scalar or told(plain(given)) == told(kept)


def test_which_keys_are_the_same() -> None:
    places = {plain(key): n for n, key in enumerate((1, 1.0, True, np.int64(1), np.float32(1)))}
    assert places == {1: 4}
    assert told(decode(encode(places))) == told(places)
    assert len({plain(key) for key in (1, "1", (1,), b"1", date(1, 1, 1), Decimal("1.5"))}) == 6


class Point(NamedTuple):
    x: int


@pytest.mark.parametrize(
    "odd",
    [{1}, frozenset({1}), 1j, object(), Size.LARGE, Point(1), np.zeros(2), torch.zeros(1), int],
    ids=lambda odd: type(odd).__name__,
)
def test_what_cannot_be_kept_is_named(odd: Any) -> None:
    with pytest.raises(TypeError, match=r"^the model\.a\.1\.0 cannot be kept: .* is none of None"):
        encode({"a": [2, (odd,)]}, path="the model")


def test_an_error_shows_no_more_than_a_line() -> None:
    with pytest.raises(TypeError) as raised:
        encode(set(range(10_000)))
    assert len(str(raised.value)) < 300


def test_others_may_add_to_it() -> None:
    def other(value: Any, path: str) -> Any:
        return {"complex": encode([value.real, value.imag], path=path)}

    form = encode({"z": [1j]}, other)
    assert decode(form, lambda form: complex(*form["complex"])) == {"z": [1j]}
    with pytest.raises(ValueError, match=r"unknown entry \['complex'\]"):
        decode(form)
