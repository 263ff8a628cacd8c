"""Intervals of 50, 80 and 95 %, 1 and 12 steps ahead: ``python -m benchmarks.intervals``.

Series are the eight of `benchmarks.seasonal` and those of `benchmarks.series` that have 100 values
and change at more than half of their events. Values are fed one by one; from two seasons and an
event on, but not before 60 values, at every fifth event, which comes at all hours of a day, and at
every one of series of up to 1,000 points, intervals are made, ours and ppc-forecaster's, both told
the season where there is one. What one of them does not know yet is left out of both.

Coverage is the share of values inside; its deviation is how far it is from what was promised. The
score is the width and 2 / (1 - coverage) times the distance of what lies outside (Gneiting &
Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", eq. 43): less is better.
Ratios of scores count as a tenth at least and ten at most in their geometric mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from lstmwidgets.online import LSTMForecaster

from .forecast_worker import PPC
from .forecasters import OURS
from .forecasting import Array, Question, geometric_mean, interval_score, is_covered, many_steps
from .peer import Peers, Record, Say
from .seasonal import seasonal
from .series import series

COVERAGES = (0.5, 0.8, 0.95)
STEPS = (1, 12)
LONG = 1000
FIRST = 60
FAR = 10.0
TINY = 1e-12
"""What scores count as at least; without noise, an interval may be of no width."""


class Told(NamedTuple):
    """A series and the season that all are told."""

    name: str
    season: int | None
    values: list[float]


def measure(peers: Peers | None, say: Say) -> Iterator[Record]:
    """Yield coverage and score of each interval on each series."""
    for one in told():
        say(f"intervals: {one.name}")
        every = 5 if len(one.values) > LONG else 1
        question = many_steps(one.values, STEPS, max(2 * (one.season or 1) + 1, FIRST), every)
        made = {OURS: ours(question, one.season)}
        if peers:
            made[PPC] = theirs(peers, question, one.season)
        known = np.all([np.isfinite(bounds).all((2, 3)) for bounds in made.values()], axis=0)
        for contestant, bounds in made.items():
            for record in _scored(question, bounds, known):
                where = {"data": one.name, "points": len(one.values), "contestant": contestant}
                yield {**where, **record}


def told() -> Iterator[Told]:
    """Yield the series."""
    names = set()
    for each in seasonal():
        names.add(tuple(each.values[:100]))
        yield Told(each.name, each.season, each.values)
    for name, season, values in series():
        moves = np.mean(np.diff(values) != 0)
        if len(values) >= 100 and moves > 0.5 and tuple(values[:100]) not in names:
            yield Told(name, season, values)


def ours(question: Question, season: int | None) -> Array:
    """Return our bounds, (coverages, origins, steps, 2)."""
    model, origins = LSTMForecaster(seasonality=season, seed=1), set(question.origins)
    made: list[list[list[tuple[float, float]]]] = [[] for _ in COVERAGES]
    for known, value in enumerate(question.values, 1):
        model.learn_one(value)
        if known in origins:
            for rows, coverage in zip(made, COVERAGES, strict=True):
                bounds = model.forecast_interval(max(STEPS), coverage=coverage)
                rows.append([bounds[step - 1] for step in STEPS])
    return np.array(made)


def theirs(peers: Peers, question: Question, season: int | None) -> Array:
    """Return the bounds of ppc-forecaster, likewise."""
    job = {"contestant": PPC, "season": season, "coverages": COVERAGES, **question._asdict()}
    bounds = peers.forecasters.ask(**job)["intervals"]
    return np.array([bounds[str(coverage)] for coverage in COVERAGES])


def _scored(question: Question, bounds: Array, known: Array) -> Iterator[Record]:
    for coverage, each, usable in zip(COVERAGES, bounds, known, strict=True):
        for column, step in enumerate(STEPS):
            ends, truth = each[usable, column], question.truth[usable, column]
            yield {
                "coverage": coverage,
                "step": step,
                "origins": len(truth),
                "covered": float(is_covered(ends, truth).mean()),
                "score": float(interval_score(ends, truth, coverage).mean()),
            }


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield a row for each interval and length of series."""
    table = Table(
        *("series", "promised", "steps", "mean covered", "mean deviation", "worst"),
        *("ppc: covered", "deviation", "worst", "score, times ppc's", "less on"),
    )
    for long in (True, False):
        for coverage in COVERAGES:
            for step in STEPS:
                some = [
                    one
                    for one in records
                    if (one["points"] > LONG) == long
                    and (one["coverage"], one["step"]) == (coverage, step)
                    and one["origins"]
                ]
                table.add_row(*_row(some, coverage, step, long))
        table.add_section()
    yield table
    for coverage in COVERAGES:
        yield "Farthest from " + f"{coverage:.0%}, ours: " + ", ".join(_farthest(records, coverage))


def _row(some: list[Record], coverage: float, step: int, long: bool) -> Iterator[str]:
    scores = {}
    names = f"{len(some) // 2} of {'over' if long else 'up to'} {LONG:,}"
    yield from (names, f"{coverage:.0%}", str(step))
    for contestant in (OURS, PPC):
        own = [one for one in some if one["contestant"] == contestant]
        shares = np.array([one["covered"] for one in own])
        off = np.abs(shares - coverage)
        scores[contestant] = np.array([one["score"] for one in own])
        yield from (f"{shares.mean():.3f}", f"{off.mean():.3f}", f"{off.max():.3f}")
    ratios = np.maximum(scores[OURS], TINY) / np.maximum(scores[PPC], TINY)
    mean = geometric_mean(np.clip(ratios, 1 / FAR, FAR).tolist())
    yield from (f"{mean:.3f}", f"{(ratios < 1).sum()}")


def _farthest(records: Sequence[Record], coverage: float) -> list[str]:
    own = [one for one in records if one["contestant"] == OURS and one["coverage"] == coverage]
    own = [one for one in own if one["origins"]]
    own.sort(key=lambda one: -abs(one["covered"] - coverage))
    return [f"{one['data']} {one['covered']:.2f} ({one['step']} ahead)" for one in own[:5]]


if __name__ == "__main__":
    from .peers import main

    main(["intervals"])
