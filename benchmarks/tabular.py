"""Streams of events with features, as classes and as numbers, for all contestants alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from river import datasets
from river.datasets import synth

from .japanese_vowels import Labelled, japanese_vowels, read_ts
from .peers_worker import CLASSIFICATION, REGRESSION, Event
from .seasonal import bikeshare

EVENTS = 5_000
"""No more of a stream than so many, where nothing else is said: forests take milliseconds each."""


class Stream(NamedTuple):
    """Events of a task; what they are is said in its name."""

    name: str
    task: str
    events: list[Event]

    def numbers(self) -> Stream:
        """Return it with numbers in place of datetimes, which not all can read."""
        return self._replace(events=[(_numbers(x), y) for x, y in self.events])


def classifications() -> Iterator[Stream]:
    """Yield streams of classes."""
    for name, source, most in (
        ("Phishing", datasets.Phishing(), EVENTS),
        ("ImageSegments", datasets.ImageSegments(), EVENTS),
        ("Bananas", datasets.Bananas(), EVENTS),
        ("Shuttle", getattr(datasets, "Shuttle", list)(), 10_000),  # not every River has it
        ("regimes with noise", _regimes(), EVENTS),
        ("vowels, frames", _frames(_vowels()), EVENTS),
        ("BasicMotions, frames", _frames(_motions()), EVENTS),
    ):
        if events := list(islice(source, most)):
            yield Stream(name, CLASSIFICATION, events)


def regressions() -> Iterator[Stream]:
    """Yield streams of numbers."""
    for name, source in (
        ("TrumpApproval", datasets.TrumpApproval()),
        ("ChickWeights", datasets.ChickWeights()),
        ("WaterFlow", datasets.WaterFlow()),
        ("AirlinePassengers", datasets.AirlinePassengers()),
        ("Friedman", synth.Friedman(seed=1)),
        ("bicycles, weather", _bicycles()),
    ):
        yield Stream(name, REGRESSION, list(islice(source, EVENTS)))


def _bicycles() -> Iterator[Event]:
    """Yield hours with calendar and weather as numbers, and the bicycles hired in them."""
    rows = bikeshare()
    places = {key: list(dict.fromkeys(row[key] for row in rows)) for key in ("mnth", "weathersit")}
    unknown = {"bikers", "casual", "registered"}
    for row in rows:
        x = {
            key: float(places[key].index(value) if key in places else value)
            for key, value in row.items()
            if key not in unknown
        }
        yield x, float(row["bikers"])


def _regimes(stays: float = 0.97, noise: float = 2.0) -> Iterator[Event]:
    """Yield what is seen of a hidden state that stays for some thirty events, and that state."""
    random, state = np.random.default_rng(0), 0
    means = random.normal(size=(4, 3))
    while True:
        if random.random() > stays:
            state = int(random.integers(4))
        seen = means[state] + noise * random.normal(size=3)
        yield {f"o{k}": float(value) for k, value in enumerate(seen)}, state


def _vowels() -> Labelled:
    train, test = japanese_vowels()
    return Labelled(train.sequences + test.sequences, train.labels + test.labels)


def _motions() -> Labelled:
    spec = find_spec("aeon")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "datasets" / "data" / "BasicMotions"
    train, test = (read_ts(folder / f"BasicMotions_{part}.ts") for part in ("TRAIN", "TEST"))
    return Labelled(train.sequences + test.sequences, train.labels + test.labels)


def _frames(labelled: Labelled) -> Iterator[Event]:
    """Yield the frames of sequences in a random order, each with its sequence's label."""
    for place in np.random.default_rng(1).permutation(len(labelled.labels)):
        for frame in labelled.sequences[place].tolist():
            x = {f"c{k:02}": value for k, value in enumerate(frame)}
            yield x, labelled.labels[place]


def _numbers(x: dict[Any, Any]) -> dict[str, float]:
    """Return features with the calendar in place of datetimes: as numbers, and as turns."""
    numbers: dict[str, float] = {}
    for key, value in x.items():
        if not isinstance(value, datetime):
            numbers[str(key)] = value
            continue
        hour, day = value.hour + value.minute / 60, value.weekday()
        calendar = {"hour": (hour, 24), "weekday": (day, 7), "month": (value.month - 1, 12)}
        for name, (number, turn) in calendar.items():
            numbers[f"{key} {name}"] = number
            numbers[f"{key} {name} (sin)"] = math.sin(2 * math.pi * number / turn)
            numbers[f"{key} {name} (cos)"] = math.cos(2 * math.pi * number / turn)
    return numbers
