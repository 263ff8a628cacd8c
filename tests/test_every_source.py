"""Whatever the source, the same records are the same events, from any place on."""

from __future__ import annotations

import gc
import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.sources import Source

from .source_kinds import KINDS, Kind, Record, expected

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
records_with_gaps = st.lists(
    st.fixed_dictionaries(
        {
            "when": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),
            "sensor": st.sampled_from(["a", "007", "1.50", None]),
            "load": numbers,
            "on": st.none() | st.booleans(),
            "shift": st.none() | st.sampled_from(["day", 'the "night"', "a, b", "ü\nnew line"]),
            "flow": numbers,
        }
    ),
    min_size=3,
    max_size=14,
).filter(lambda records: any(record["sensor"] for record in records))

TEN: list[Record] = [
    {
        "when": datetime(2024, 1, 1, n),
        "sensor": None if n == 4 else f"s{n % 2}",
        "load": n / 7,
        "on": n % 3 == 0,
        "shift": "day",
        "flow": float(n),
    }
    for n in range(10)
]


def events(items: Iterator[Event | None], kind: Kind) -> Iterator[Event]:
    """Yield what comes, up to where an endless source begins to wait."""
    for item in items:
        if item is not None:
            yield item
        elif kind.endless:
            return


def read(
    source: Source, kind: Kind, most: int | None = None
) -> tuple[list[Event], list[BadRecord]]:
    """Read a source up to some event, and close it."""
    bad: list[BadRecord] = []
    source.on_bad = bad.append
    items = iter(source)
    read = list(islice(events(items, kind), most))
    source.sync()
    items.close()  # type: ignore[attr-defined]
    source.close()
    return read, bad


def passed_on(offset: dict[str, Any]) -> dict[str, Any]:
    """Return an offset as a checkpoint gives it back."""
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(offset))
    return read


@every_kind
@given(records=records_with_gaps, data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_new_source_goes_on_with_exactly_the_rest(
    kind: Kind, records: list[Record], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make = kind.make(Path(folder), records)
        wanted = expected(records)
        found: list[Event] = []
        refused: list[BadRecord] = []
        offset = None
        while len(found) < len(wanted):
            most = data.draw(st.integers(1, len(wanted) - len(found)))
            source = make()
            if offset is not None:
                source.resume(offset)
            new, bad = read(source, kind, most)
            assert len(new) == most
            offset = passed_on(source.offset)
            found += new
            refused += bad
        assert found == wanted
        source = make()
        source.resume(offset)
        rest, bad = read(source, kind)
        assert rest == []
        refused += bad
        assert len(refused) == source.skipped == len(records) - len(wanted)
        assert len({(record.source, record.place) for record in refused}) == len(refused)


@every_kind
def test_a_bad_record_is_handed_over_with_place_and_text(kind: Kind, tmp_path: Path) -> None:
    source = kind.make(tmp_path, TEN)()
    found, (bad,) = read(source, kind)
    assert found == expected(TEN)
    assert "sensor" in str(bad)
    assert "expected a value in every record, got none" in bad.problem
    assert str(TEN[4]["load"])[:8] in bad.raw
    assert re.match(r"(line|row|record|sample) \d", bad.place)
    assert source.skipped == 1


@every_kind
def test_a_bad_record_is_an_error_where_nobody_takes_it(kind: Kind, tmp_path: Path) -> None:
    source = kind.make(tmp_path, TEN)()
    found = []
    with pytest.raises(StreamError, match=r"expected a value.*--skip-bad-rows"):
        found.extend(events(iter(source), kind))
    source.close()
    assert found == expected(TEN[:4])


@every_kind
def test_it_can_be_closed_at_any_time(kind: Kind, tmp_path: Path) -> None:
    """What is left open warns when it is collected, and warnings are errors."""
    kind.make(tmp_path, TEN)().close()
    for most in (0, 1, 3):
        folder = tmp_path / str(most)
        folder.mkdir()
        source = kind.make(folder, TEN)()
        items = iter(source)
        assert len(list(islice(events(items, kind), most))) == most
        source.close()
        source.close()
        del items, source
        gc.collect(1)


@every_kind
def test_progress_goes_from_nothing_to_all_or_is_unknown(kind: Kind, tmp_path: Path) -> None:
    source = kind.make(tmp_path, TEN)()
    source.on_bad = lambda _: None
    seen = [source.progress for _ in events(iter(source), kind)]
    seen.append(source.progress)
    source.close()
    if seen[0] is None:
        assert set(seen) == {None}
    else:
        assert seen == sorted(seen)  # type: ignore[type-var]
        assert seen[0] > 0
        assert seen[-1] == 1
        assert not kind.endless


@every_kind
def test_offsets_are_of_the_last_event_though_more_was_read(kind: Kind, tmp_path: Path) -> None:
    """An exception out of the wait for the next event, as Ctrl-C is one, changes no offset."""
    make = kind.make(tmp_path, TEN)
    source = make()
    items = iter(source)
    found = list(islice(events(items, kind), 4))
    before = passed_on(source.offset)

    def stop(record: BadRecord) -> None:
        raise KeyboardInterrupt

    source.on_bad = stop
    with pytest.raises(KeyboardInterrupt):
        next(item for item in items if item is not None)
    assert passed_on(source.offset) == before
    source.sync()
    source.close()
    again = make()
    again.resume(before)
    rest, _ = read(again, kind)
    assert found + rest == expected(TEN)
