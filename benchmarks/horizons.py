"""Forecasts 1 to 24 steps ahead of eight seasonal series: ``python -m benchmarks.horizons``.

Values are fed one by one. From two seasons and an event on, at every sixth event the next 24 are
forecast. The error is the mean over the 24 steps of the mean absolute error over all origins that
have 24 values to come; the table has it in times that of the seasonal naive, which repeats the last
season. A time is that of one event, a sixth of a forecast among it. Of the last lines, "the best"
is ppc-forecaster, told the season or not, the seasonal naive or HoltWinters as in River's example.

The series are those of `benchmarks.seasonal`, 3,000 values at most; `benchmarks.forecasters` says
how rivals are set up. skaters has no season to be told, and takes 50 to 80 ms an event with 24
steps: it forecasts the first 1,000 values only, where ours is measured again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from .forecast_worker import PPC, SKATERS
from .forecasters import HOLT_WINTERS, NAIVE, OURS, Scored, named, ours, rivers, theirs
from .forecasting import Question, geometric_mean, many_steps
from .peer import Peers, Record, Say
from .seasonal import Seasonal, seasonal
from .tables import pivot

STEPS = range(1, 25)
EVERY = 6
SHORT = 1000
BEGINNING = f", first {SHORT:,}"
TO_BEAT = (named(PPC, 1), named(PPC, None), NAIVE, HOLT_WINTERS)


def measure(peers: Peers | None, say: Say) -> Iterator[Record]:
    """Yield what each forecaster's error is on each series."""
    for one in seasonal():
        say(f"24 steps ahead: {one.name}")
        question, short = asked(one), asked(one, SHORT)
        for scored in (*_all(peers, one, question), *_beginning(peers, one, short)):
            yield {"data": one.name, "season": one.season, **scored._asdict()}


def asked(one: Seasonal, points: int | None = None) -> Question:
    """Return the forecasts wanted of a series, or of its first points."""
    return many_steps(one.values[:points], STEPS, 2 * one.season + 1, EVERY)


def _all(peers: Peers | None, one: Seasonal, question: Question) -> Iterator[Scored]:
    for season in (one.season, None):
        yield ours(question, season)
    if not peers:
        return
    yield naive(question, one.season)
    for season in (one.season, None):
        yield theirs(peers.forecasters, PPC, question, season)
    yield from rivers(question, one.season)


def _beginning(peers: Peers | None, one: Seasonal, question: Question) -> Iterator[Scored]:
    """Yield how skaters and ours do on the first points."""
    some = [ours(question, None)]
    if peers:
        some.append(theirs(peers.forecasters, SKATERS, question, None))
        some.append(naive(question, one.season))
    for scored in some:
        yield scored._replace(contestant=scored.contestant + BEGINNING)


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield errors and times, and how ours does beside the best of the others."""
    errors = {(one["data"], one["contestant"]): one["error"] for one in records}
    series = list(dict.fromkeys(data for data, _ in errors))
    ratios = []
    for one in records:
        beginning = one["contestant"].endswith(BEGINNING)
        base = errors[one["data"], NAIVE + BEGINNING * beginning]
        ratios.append(one | {"ratio": one["error"] / base})
    for contestant in dict.fromkeys(name for _, name in errors):
        some = [one["ratio"] for one in ratios if one["contestant"] == contestant]
        mean = {"data": "geometric mean", "ratio": geometric_mean(some)}
        ratios.append(mean | {"contestant": contestant})
    for where in ("", BEGINNING):
        some = [one for one in ratios if one["contestant"].endswith(BEGINNING) == bool(where)]
        yield pivot(some, "ratio", f"error, times the seasonal naive's{where}", best=min)
    timed = [one for one in records if not one["contestant"].startswith(NAIVE)]
    yield pivot(timed, "microseconds", "µs an event")
    for season in (1, None):
        name = named(OURS, season)
        best = [min(errors[data, other] for other in TO_BEAT) for data in series]
        beside = [errors[data, name] / one for data, one in zip(series, best, strict=True)]
        yield (
            f"{name}, times the best: geometric mean {geometric_mean(beside):.3f}, "
            f"worst {max(beside):.3f}, {sum(one > 1.03 for one in beside)} above 1.03; "
            + ", ".join(f"{one:.3f}" for one in beside)
        )


def naive(question: Question, season: int) -> Scored:
    """Return how repeating the last season does; it takes no time to speak of."""
    return Scored(NAIVE, question.error(question.seasonal_naive(season)), 0.0)


if __name__ == "__main__":
    from .peers import main

    main(["horizons", "intervals"])
