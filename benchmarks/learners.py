"""Learners side by side, brought together after each micro-batch, beside learning in one process.

What `spark_learn` does, without Spark: prequential absolute errors of an LSTM with 32 units and a
window of 4, as a share of those of one process. Keys are shared out by a hash. "Tweets" are the
volumes of ten companies in the Numenta Anomaly Benchmark, 6,000 readings each, "traffic" its seven
sensors of roads; NAB names another folder of it than ../shared/data/nab, without which they are
left out. River's WaterFlow and ISLP's Bikeshare are one series each, cut into a key for every hour
of the day.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.online import LSTMRegressor, StreamSlots
from lstmwidgets.saving import from_bytes, to_bytes
from lstmwidgets.streaming.spark.streams import Bucket, Update, learn_shared, merged

from .seasonal import bikeshare
from .timing import RATIO, Figure, Target, Targets

NAB = Path(os.environ.get("NAB", "../shared/data/nab"))
READINGS = 6_000

LEARNERS = (2, 4)
SIZES = (100, 500, 2_000)
"""Events of a micro-batch."""

TARGETS: Targets = {
    (case, f"2 learners, {size:,} events a batch"): Target("≤", 1.05)
    for case in ("tweets", "traffic")
    for size in SIZES
}


class Event(NamedTuple):
    """An event of a keyed stream."""

    key: str
    x: dict[str, object]
    y: float


def figures() -> Iterator[Figure]:
    """Yield the shares, one stream after another."""
    for case, read in STREAMS.items():
        events = read()
        if not events:
            continue
        alone = error(in_one(events), events)
        yield Figure(case, "repeating a key's last target", RATIO, (last_values(events) / alone,))
        for learners in LEARNERS:
            for size in SIZES:
                share = error(side_by_side(events, learners, size), events) / alone
                name = f"{learners} learners, {size:,} events a batch"
                yield Figure(case, name, RATIO, (share,))


def error(predictions: NDArray[np.float64], events: Sequence[Event]) -> float:
    """Return the mean absolute error."""
    return float(np.abs(predictions - [event.y for event in events]).mean())


def last_values(events: Sequence[Event]) -> float:
    """Return the error of repeating a key's last target; its first is left out."""
    last: dict[str, float] = {}
    errors = []
    for key, _, y in events:
        if key in last:
            errors.append(abs(y - last[key]))
        last[key] = y
    return float(np.mean(errors))


def model() -> LSTMRegressor:
    """Return what both begin with."""
    return LSTMRegressor(window=4, seed=1)


def in_one(events: Sequence[Event]) -> NDArray[np.float64]:
    """Return the predictions of one process."""
    keys = {key: n for n, key in enumerate(dict.fromkeys(event.key for event in events))}
    streams = StreamSlots(model(), len(keys))
    slots = [keys[event.key] for event in events]
    return streams.predict_learn_many(
        slots, [event.x for event in events], [event.y for event in events]
    )


def side_by_side(events: Sequence[Event], learners: int, size: int) -> NDArray[np.float64]:
    """Return the predictions of learners that are brought together after so many events."""
    first = model()
    for event in events:
        first.add_features(event.x)
    weights, buckets = to_bytes(first), [Bucket() for _ in range(learners)]
    predictions = np.empty(len(events))
    for begin in range(0, len(events), size):
        updates = []
        for learner, bucket in enumerate(buckets):
            own = [
                n
                for n in range(begin, min(begin + size, len(events)))
                if crc32(events[n].key.encode()) % learners == learner
            ]
            if not own:
                continue
            keys, xs, ys = zip(*(events[n] for n in own), strict=True)
            copy = from_bytes(weights)
            predictions[own] = learn_shared(copy, {0: bucket}, [0] * len(own), keys, xs, ys, 0)
            copy.reset_stream()
            updates.append(Update(learner, to_bytes(copy), []))
        weights = merged(weights, updates)
    return predictions


def nab(folder: str) -> list[Event]:
    """Return the series of a folder as keys that take turns."""
    found = []
    for file in sorted((NAB / folder).glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as rows:
            readings = [*csv.DictReader(rows)][:READINGS]
        found += [
            (n, Event(file.stem, {"at": row["timestamp"]}, float(row["value"])))
            for n, row in enumerate(readings)
        ]
    ordered = [event for _, event in sorted(found, key=lambda one: (one[0], one[1].key))]
    return [
        event._replace(x={"at": datetime.fromisoformat(str(event.x["at"]))}) for event in ordered
    ]


def water() -> list[Event]:
    """Return WaterFlow, a key for each hour."""
    from river import datasets

    return [Event(str(x["Time"].hour), {"at": x["Time"]}, y) for x, y in datasets.WaterFlow()]


def bicycles() -> list[Event]:
    """Return Bikeshare, a key for each hour; nothing where the data are not there."""
    if find_spec("ISLP") is None:
        return []
    names = ("temp", "hum", "windspeed", "workingday", "weekday")
    return [
        Event(
            row["hr"],
            {name: float(row[name]) for name in names} | {"weather": row["weathersit"]},
            float(row["bikers"]),
        )
        for row in bikeshare()
    ]


STREAMS: dict[str, Callable[[], list[Event]]] = {
    "tweets": lambda: nab("realTweets"),
    "traffic": lambda: nab("realTraffic"),
    "water": water,
    "bicycles": bicycles,
}
