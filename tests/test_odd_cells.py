"""Odd names, texts and values: the same events from every source, or one line of what to do."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.sources import Columns, IterableSource, Source, open_source

Record = dict[str, Any]

odd_names = st.sampled_from(
    ["a, b", 'say "a"', "a;b", "a\tb", "a|b", "new\nline", "ü", "名", "1", "2024-03-29", "NaN", "-",
     "[/b]", "\x1b[31m", "'", "$(a)", "--drop", "a" * 3000, "time", "id"]
)  # fmt: skip
odd_texts = st.text(max_size=12).filter(lambda text: "\0" not in text) | st.sampled_from(
    ["1", "1,5", "1.234,5", "-", "?", "NaN", "true", "2024-03-29", "20240329", "12:30", '"', "\r",
     "[/b]", "{}", "x" * 5000, "\u2028", "\ufeff", "=1+1"]
)  # fmt: skip


def sources(folder: Path, records: list[Record], **columns: Any) -> dict[str, Source]:
    """Return every kind of source with the same records."""
    names = list(records[0])
    lines = io.StringIO()
    writer = csv.writer(lines, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(
        [names, *(["" if v is None else v for v in each.values()] for each in records)]
    )
    (folder / "a.csv").write_bytes(lines.getvalue().encode())
    (folder / "a.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(records))
    pq.write_table(pa.Table.from_pylist(records), folder / "a.parquet")
    chosen = Columns(**columns)
    made = {name: open_source(str(folder / name), chosen) for name in ("a.jsonl", "a.parquet")}
    made["a.csv"] = open_source(str(folder / "a.csv"), chosen, delimiter=",")
    return made | {"iterable": IterableSource(records, chosen, journal=folder / "journal")}


@given(
    names=st.lists(odd_names, min_size=2, max_size=5, unique=True),
    numbers=st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=4),
    roles=st.sampled_from([{}, {"drop": 1}, {"features": 1}, {"text": 1}, {"key": 1}, {"id": 1}]),
)
@settings(max_examples=40, deadline=None)
def test_odd_names_are_names(
    names: list[str], numbers: list[float | None], roles: dict[str, int]
) -> None:
    records = [
        dict.fromkeys(names[:-1], n + 0.5) | {names[-1]: number} for n, number in enumerate(numbers)
    ]
    columns = {role: names[0] if role in ("key", "id") else (names[0],) for role in roles}
    with tempfile.TemporaryDirectory() as folder:
        made = sources(Path(folder), records, target=names[-1], **columns)
        found = {name: list(source) for name, source in made.items()}
        for source in made.values():
            source.close()
    for events in found.values():
        assert events == found["iterable"]
    assert len(found["iterable"]) == len(records)


@given(texts=st.lists(odd_texts, min_size=1, max_size=6), skip=st.booleans(), text=st.booleans())
@settings(max_examples=60, deadline=None)
def test_odd_texts_are_events_or_one_line(texts: list[str], skip: bool, text: bool) -> None:
    records = [{"a": text, "y": float(n)} for n, text in enumerate(texts)]
    found: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = sources(Path(folder), records, target="y", text=("a",) if text else ())
        for name, source in made.items():
            bad: list[BadRecord] = []
            source.on_bad = bad.append if skip else None
            with closing(source):
                found[name] = []
                try:
                    found[name] += list(source)
                except StreamError as error:
                    check(str(error), name if name != "iterable" else "iterable")
            for record in bad:
                check(str(record), name)
    assert found["a.jsonl"] == found["a.parquet"] == found["iterable"]
    if text:
        assert [event.x for event in found["iterable"]] == [
            {"a": each} if each else {} for each in texts
        ]
        assert [event.x for event in found["a.csv"]] == [
            {"a": each.strip()} if each.strip() else {} for each in texts
        ]


def check(message: str, source: str) -> None:
    """Hold that a message is a line that names its source and column, and says what to do."""
    assert "\n" not in message
    assert len(message) < 600
    assert source in message
    assert "'a'" in message or "quote" in message
    assert "--" in message or "expected" in message


class Colour(Enum):
    RED = "red"


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


VALUES: list[Any] = [
    None, True, 0, 1.5, 10**400, 10**5000, float("nan"), float("inf"), 1j, "x", "1.5", "", "\ud800",
    "x" * 100_000, b"x", bytearray(b"x"), [1], (1,), {"a": 1}, {1}, object(), Rude(),
    Decimal("1.5"), Decimal("sNaN"), Decimal("1e999999"), Fraction(1, 3),
    date(2024, 3, 29), datetime.min, time(12),
    timedelta(hours=1), UUID(int=1), Colour.RED, np.float32(1.5), np.str_("a"), np.bytes_(b"a"),
    np.array(1.5), np.array([1.5]), np.datetime64("NaT"), np.datetime64("2024-03-29"),
    np.timedelta64(1, "h"), np.longdouble(1.5), np.ma.masked, pd.NA, pd.NaT, pd.Timestamp.min,
    torch.tensor(1), torch.tensor([1.5]), torch.tensor(1.5, requires_grad=True), int, len, ...,
]  # fmt: skip


@pytest.mark.parametrize("role", ["feature", "target", "key", "id", "time", "text", "pair"])
@pytest.mark.parametrize("journal", [True, False])
def test_values_of_every_type_are_events_or_one_line(
    tmp_path: Path, role: str, journal: bool
) -> None:
    for number, value in enumerate(VALUES):
        columns: dict[str, Any] = {"target": "v" if role == "target" else "y"}
        if role in ("key", "id", "time"):
            columns[role] = "v"
        elif role == "text":
            columns["text"] = ("v",)
        item: Any = {"a": 1.0, "v": value, "y": 2.0}
        if role == "pair":
            item, columns = ({"a": 1.0}, value), {}
        path = tmp_path / f"{number} {role}" if journal else None
        bad: list[BadRecord] = []
        for skip in (False, True):
            items = [item] if path is None or not path.exists() else []
            source = IterableSource(items, Columns(**columns), journal=path)
            source.on_bad = bad.append if skip else None
            error = ""
            try:
                events = list(source)
            except StreamError as raised:
                events, error = [], str(raised)
            assert bool(events) != bool(error or bad), value
            assert all(isinstance(event, Event) for event in events)
            for message in (error, *map(str, bad)):
                assert "\n" not in message
                assert len(message) < 600


@pytest.mark.parametrize("seed", range(3))
def test_parquet_with_flipped_bits_is_events_or_one_line(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.parquet"
    records = [{"a": n / 7, "k": "day", "y": float(n)} for n in range(60)]
    pq.write_table(pa.Table.from_pylist(records), path, row_group_size=20)
    data = path.read_bytes()
    draw = random.Random(seed)
    ended = set()
    for _ in range(40):
        place = draw.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        with closing(open_source(str(path), Columns("y"))) as source:
            try:
                ended.add(len(list(source)))
            except StreamError as error:
                message = str(error)
                ended.add(message)
    messages = [each for each in ended if isinstance(each, str)]
    assert messages
    assert all(str(path) in each and "\n" not in each for each in messages)
    assert len(ended) - len(messages) <= 1  # all of its rows or none
