"""A short table of all that `benchmarks.peers` measured: ours beside the best of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rich.table import Table

from .forecast_worker import PPC
from .forecasters import FOUND, GIVEN, NAIVE, OURS
from .forecasting import FLOOR, geometric_mean
from .horizons import BEGINNING
from .intervals import LONG
from .peer import Record
from .tables import short

Records = Sequence[Record]
CLASSES = ("Phishing", "ImageSegments", "Bananas", "Shuttle", "regimes with noise")
NUMBERS = ("TrumpApproval", "ChickWeights", "WaterFlow", "Friedman", "bicycles, weather")


def summary(parts: Mapping[str, Records]) -> Iterator[Table]:
    """Yield the table."""
    table = Table("", "ours", "best of the others", "")
    for row in (*_forecasts(parts["forecasts"]), *_horizons(parts["horizons"])):
        table.add_row(*row)
    table.add_row(*_intervals(parts["intervals"]))
    for name, part, figure, datas in (
        ("accuracy", "classifications", "accuracy", CLASSES),
        ("mean absolute error", "regressions", "error", NUMBERS),
    ):
        for data in datas:
            some = {one["contestant"]: one[figure] for one in parts[part] if one["data"] == data}
            if some:
                table.add_row(*_row(f"{data}, {name}", some, OURS, figure == "accuracy"))
    yield table


def _forecasts(records: Records) -> Iterator[tuple[str, ...]]:
    count = len({one["data"] for one in records})
    for kind in (GIVEN, FOUND):
        means = {
            name: geometric_mean([r["ratio"] for r in records if r["contestant"] == name], FLOOR)
            for name in (f"{OURS}, {kind}", f"{PPC}, {kind}")
        }
        yield _row(
            f"{count} series, 1 step ahead, {kind}: error / last value's", means, f"{OURS}, {kind}"
        )


def _horizons(records: Records) -> Iterator[tuple[str, ...]]:
    naive = {one["data"]: one["error"] for one in records if one["contestant"] == NAIVE}
    names = {one["contestant"] for one in records if BEGINNING not in one["contestant"]}
    means = {
        name: geometric_mean(
            [one["error"] / naive[one["data"]] for one in records if one["contestant"] == name]
        )
        for name in names
    }
    for kind in (GIVEN, FOUND):
        own = f"{OURS}, {kind}"
        some = {name: mean for name, mean in means.items() if name == own or OURS not in name}
        yield _row(
            f"{len(naive)} series, 24 steps ahead, {kind}: error / seasonal naive's", some, own
        )


def _intervals(records: Records) -> tuple[str, ...]:
    some = {
        name: float(np.mean([abs(one["covered"] - one["coverage"]) for one in kept]))
        for name in (OURS, PPC)
        if (kept := [r for r in records if r["contestant"] == name and r["points"] > LONG])
    }
    return _row("intervals, over 1,000 values: mean deviation of coverage", some, OURS)


def _row(what: str, some: Mapping[str, float], ours: str, more: bool = False) -> tuple[str, ...]:
    others = {name: value for name, value in some.items() if name != ours}
    best = (max if more else min)(others, key=others.__getitem__)
    own, theirs = some[ours], others[best]
    ahead = own > theirs if more else own < theirs
    cells = (
        (f"[bold]{short(own)}[/]", short(theirs))
        if ahead
        else (short(own), f"[bold]{short(theirs)}[/]")
    )
    return what, *cells, best
