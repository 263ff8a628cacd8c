"""A job that comes to know a million keys, whose events come by Zipf's law before and behind that.

Of an LSTM with 32 units and a window of four, with the job's usual 10,000 keys in memory and a
checkpoint each second, in one job: events whose keys are drawn by Zipf's law (key number k as often
as 1/k) from a million, then one event of each of a million others, and then events by the same law
from all that have come. The first half of the drawn events is not counted: in it the keys in memory
become those that come often.

At the start two in five of the drawn events are the first of their key, which there is nothing to
learn from yet and nothing to be read for. What the size of the database alone costs is told by
another job, which has come to know 50,000 keys, each of which has come before: events by the same
law, of which those that are not among the 10,000 most frequent have one of the other keys.

The bytes of a key's state are those of its row, without its name and whatever else SQLite keeps.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lstmwidgets.streaming import Event
from lstmwidgets.streaming.job.options import Job
from lstmwidgets.streaming.job.run import run_job
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.sources import Columns, Source
from lstmwidgets.streaming.state.checkpoint import DATABASE, look_into

from .timing import RATIO, Figure, Target, Targets

KEYS = 1_000_000
DRAWN = 200_000
PART = 100_000
"""Events that a rate is of."""

FREQUENT, FEW = 10_000, 50_000
"""Keys that are drawn by the law itself, and how many there are in all, in the small database."""

CASE = "a million keys"

TARGETS: Targets = {
    (CASE, "database / bytes of the states"): Target("≤", 1.1),
    (CASE, "Zipf's law, a million keys in / at the start"): Target("≥", 1.0),
    (CASE, "Zipf's law, a million keys in / 50,000 known keys"): Target("≥", 1.0),
    (CASE, "new keys, the last / the first 100,000"): Target("≥", 1.0),
}


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "job"
        _run(Watched(2_000, 2_000), Path(place) / "first")  # which loads and compiles
        source = Watched(KEYS, DRAWN)
        _run(source, folder)
        size = (folder / DATABASE).stat().st_size
        with look_into(folder) as (_, database, _):
            asked = "SELECT count(*), sum(length(value)) FROM streams"
            count, states = database.execute(asked).fetchone()
        few = Known(FEW, DRAWN)
        _run(few, Path(place) / "few")
    start, first, last, after = source.rates
    yield Figure(CASE, "database a key", "bytes", (size / count,))
    yield Figure(CASE, "database / bytes of the states", RATIO, (size / states,))
    yield Figure(CASE, "Zipf's law, at the start", "events/s", (start,))
    yield Figure(CASE, "Zipf's law, a million keys in", "events/s", (after,))
    yield Figure(CASE, "Zipf's law, a million keys in / at the start", RATIO, (after / start,))
    yield Figure(CASE, "Zipf's law, 50,000 known keys", "events/s", (few.rates[0],))
    part = after / few.rates[0]
    yield Figure(CASE, "Zipf's law, a million keys in / 50,000 known keys", RATIO, (part,))
    yield Figure(CASE, "new keys, the first 100,000", "events/s", (first,))
    yield Figure(CASE, "new keys, the last / the first 100,000", RATIO, (last / first,))
    for name, pages in zip(("at the start", "a million keys in"), source.resident, strict=True):
        yield Figure(CASE, f"memory, {name}", "MB", (pages,))


def _run(source: Watched, folder: Path) -> None:
    columns = Columns("y", key="key")
    written = Callback(lambda _: None)
    run_job(Job(source, columns, predictions=written, checkpoint=folder, window=4, seed=1))


class Watched(Source):
    """Events that come as fast as they are taken, and how fast that was.

    Parameters
    ----------
    keys : int
        From how many keys is drawn, and how many come once each.
    drawn : int
        How many events are drawn before, and behind.

    Attributes
    ----------
    rates : list of float
        Events a second: drawn before, the first that come once, the last of these, drawn behind.
    resident : list of float
        Megabytes in memory when the first events that were drawn were through, and at the end.
    """

    name = "watched"
    progress = None
    offset: ClassVar[dict[str, Any]] = {}

    def __init__(self, keys: int, drawn: int) -> None:
        self._keys = keys
        self._drawn = drawn
        self.rates: list[float] = []
        self.resident: list[float] = []

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events."""
        draw = np.random.default_rng(0)
        drawn = by_zipf(self._keys, 2 * self._drawn, draw)
        part = min(PART, self._drawn // 2, self._keys // 2)
        yield from self._events(drawn[: self._drawn - part], draw)
        yield from self._timed(drawn[self._drawn - part : self._drawn], draw)
        self.resident.append(_resident())
        others = np.arange(self._keys, 2 * self._keys)
        yield from self._timed(others[:part], draw)
        yield from self._events(others[part:-part], draw)
        yield from self._timed(others[-part:], draw)
        behind = draw.permutation(2 * self._keys)[drawn[self._drawn :]]  # old and new ones alike
        yield from self._events(behind[:-part], draw)
        yield from self._timed(behind[-part:], draw)
        self.resident.append(_resident())

    def close(self) -> None:
        """Do nothing."""

    def resume(self, offset: dict[str, Any]) -> None:
        """Do nothing: it is not killed."""

    def _timed(self, keys: Any, draw: np.random.Generator) -> Iterator[Event]:
        begin = time.perf_counter()
        yield from self._events(keys, draw)
        self.rates.append(len(keys) / (time.perf_counter() - begin))

    def _events(self, keys: Any, draw: np.random.Generator) -> Iterator[Event]:
        for begin in range(0, len(keys), 1000):
            some = keys[begin : begin + 1000].tolist()
            rows = draw.standard_normal((len(some), 6)).round(4).tolist()
            for n, (key, row) in enumerate(zip(some, rows, strict=True), start=begin):
                x = {f"x{k}": value for k, value in enumerate(row[:5])}
                yield Event(n, x, row[5], None, f"key {key}")


class Known(Watched):
    """Events of keys that have all come before."""

    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events."""
        draw = np.random.default_rng(0)
        yield from self._events(np.arange(self._keys), draw)
        drawn = by_zipf(KEYS, self._drawn, draw)
        rare = drawn >= FREQUENT
        drawn[rare] = FREQUENT + drawn[rare] % (self._keys - FREQUENT)
        yield from self._events(drawn[:-PART], draw)
        yield from self._timed(drawn[-PART:], draw)


def by_zipf(keys: int, count: int, draw: np.random.Generator) -> Any:
    """Return numbers of keys, of which number k, counted from 1, comes as often as 1/k."""
    shares = 1 / np.arange(1, keys + 1)
    return draw.choice(keys, count, p=shares / shares.sum())


def _resident() -> float:
    """Return the megabytes that the process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
