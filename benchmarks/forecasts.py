"""Forecasts of many series beside repeating the last value: ``python -m benchmarks.forecasts``.

Each series of `benchmarks.series` goes through a new `LSTMForecaster(seed=1)`, one step ahead:
forecast, score, learn; once it is told the season, if there is one to tell, and once it finds it or
not. The ratio is the sum of its absolute errors over that of repeating the last value, from the
second value on, so that both have seen one; less than 1 is better than the last value. For the
geometric means ratios count as `FLOOR` at least. Series from the package bokeh-sampledata are left
out where it is not installed.

As a part of `benchmarks.peers` it has ppc-forecaster beside it, told the season and not, and
skaters, which has none to be told, over the first 1,500 values; ours is measured there again.
"Ahead" is the number of series on which ours is better, those that differ by less than a thousandth
of the last value's error counting half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import Console, RenderableType
from rich.table import Table

from .__main__ import WIDTH
from .forecast_worker import PPC, SKATERS
from .forecasters import FOUND, GIVEN, OURS, Scored, ours, theirs
from .forecasting import FLOOR, Question, geometric_mean, one_step, wins
from .machine import keep_to_one_thread
from .peer import Peers, Record, Say
from .series import series

SHORT = 1500
BEGINNING = f", first {SHORT:,}"


def measure(peers: Peers | None, say: Say) -> Iterator[Record]:
    """Yield each contestant's error on each series; without peers, ours only."""
    for name, season, values in series():
        say(f"one step ahead: {name}")
        whole, short = one_step(values), one_step(values[:SHORT])
        for contestant, question, scored in _contest(peers, season, whole, short):
            naive = question.error(question.last_value()) or 1.0
            yield {
                "data": name,
                "season": season,
                "contestant": contestant,
                "error": scored.error,
                "ratio": scored.error / naive,
                "microseconds": scored.microseconds,
            }


def _contest(
    peers: Peers | None, season: int | None, whole: Question, short: Question
) -> Iterator[tuple[str, Question, Scored]]:
    for kind, told in ((GIVEN, season), (FOUND, None)):
        yield f"{OURS}, {kind}", whole, ours(whole, told)
        yield f"{OURS}, {kind}{BEGINNING}", short, ours(short, told)
        if peers:
            yield f"{PPC}, {kind}", whole, theirs(peers.forecasters, PPC, whole, told)
    if peers:
        yield SKATERS + BEGINNING, short, theirs(peers.forecasters, SKATERS, short, None)


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield the ratios, the best first, and what they come to."""
    names = list(dict.fromkeys(one["contestant"] for one in records))
    columns = {
        name: {one["data"]: one["ratio"] for one in records if one["contestant"] == name}
        for name in names
    }
    seasons = {one["data"]: one["season"] for one in records}
    table = Table("series", "season", *names)
    for data in sorted(seasons, key=columns[names[0]].__getitem__):
        cells = (f"{columns[name][data]:.3f}" for name in names)
        table.add_row(data, str(seasons[data] or ""), *cells)
    yield table
    for name, ratios in columns.items():
        mean, worst = geometric_mean(list(ratios.values()), FLOOR), max(ratios.values())
        times = [one["microseconds"] for one in records if one["contestant"] == name]
        yield (
            f"{name}: {len(ratios)} series, geometric mean {mean:.3f}, the worst {worst:.3f}, "
            f"{median(times):,.0f} µs an event"
        )
    for one, other in (
        *((f"{OURS}, {kind}", f"{PPC}, {kind}") for kind in (GIVEN, FOUND)),
        *((f"{OURS}, {kind}{BEGINNING}", SKATERS + BEGINNING) for kind in (GIVEN, FOUND)),
    ):
        if other in columns:
            pair = [[columns[each][data] for data in seasons] for each in (one, other)]
            yield f"{one}, beside {other}: ahead on {wins(*pair):.1f} of {len(seasons)}"


def main() -> None:
    """Forecast all series by ours, and print the ratios, the best first."""
    keep_to_one_thread()
    console = Console(width=WIDTH)
    with console.status("") as status:
        records = list(measure(None, status.update))
    for each in tables(records):
        console.print(each)


if __name__ == "__main__":
    main()
