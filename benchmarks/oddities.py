"""Anomalies of five kinds, and false alarms: ``python -m benchmarks.oddities``.

Twenty seasonal series of each kind with noise, 2,000 events each, go through
`LSTMAnomalyDetector(seed=1)`: score, then learn. From event 1,500 on, 48 events are odd: one spike;
another level, which stays; no season; one value that is repeated; twice the frequency. The figure
is the area under the ROC curve of events in NAB's sense: how often the highest score in these 48
is above the highest in 48 others, over all such stretches between events 400 and 1,452.

False alarms are the share of events from 500 on with a score of 0.99 or more on twenty series of
12,000 events each: white noise, noise on a season, a random walk. 1 % is promised.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstmwidgets.online import LSTMAnomalyDetector

from .__main__ import WIDTH
from .machine import keep_to_one_thread

Array = NDArray[np.float64]
Random = np.random.Generator

SERIES = 20
EVENTS, BEGIN, ODD = 2000, 1500, 48
KINDS = ("spike", "shift", "missing season", "flat line", "change of frequency")
STEADY: dict[str, Callable[[Random, int], Array]] = {
    "white noise": lambda random, length: random.normal(size=length),
    "season and noise": lambda random, length: (
        10 * np.sin(2 * np.pi * np.arange(length) / 24) + random.normal(size=length)
    ),
    "random walk": lambda random, length: np.cumsum(random.normal(size=length)),
}


def main() -> None:
    """Print both tables."""
    keep_to_one_thread()
    console = Console(width=WIDTH)
    table = Table("anomaly", "AUC")
    for kind in track(KINDS, "Anomalies"):
        areas = [area(scores(odd_series(kind, seed))) for seed in range(SERIES)]
        table.add_row(kind, f"{np.mean(areas):.3f}")
    console.print(table)
    table = Table("series", "false alarms, 1 % promised", "least and most of the series")
    for name, make in track(STEADY.items(), "False alarms"):
        found = [scores(make(np.random.default_rng(seed), 12_000)) for seed in range(SERIES)]
        shares = [100 * float(np.mean(each[500:] >= 0.99)) for each in found]
        table.add_row(name, f"{np.mean(shares):.2f} %", f"{min(shares):.2f} to {max(shares):.2f} %")
    console.print(table)


def odd_series(kind: str, seed: int) -> Array:
    """Return a seasonal series with an anomaly of a kind."""
    random, n = np.random.default_rng(seed), np.arange(EVENTS)
    season, height = random.choice([24, 48]), random.uniform(2, 10)
    noise = random.normal(size=EVENTS) * random.uniform(0.5, 1.0)
    level, sign, size = 100 * random.normal(), random.choice([-1, 1]), random.uniform(1, 2)
    odd = (n >= BEGIN) & (n < BEGIN + ODD)
    turns = np.cumsum(np.where(odd & (kind == KINDS[4]), 2, 1)) / season
    wave = height * (np.sin(2 * np.pi * turns) + 0.3 * np.sin(4 * np.pi * turns + 1))
    if kind == KINDS[2]:
        wave = np.where(odd, 0, wave)
    values: Array = level + wave + noise
    if kind == KINDS[0]:
        values[BEGIN] += 2 * sign * size * height
    elif kind == KINDS[1]:
        values[BEGIN:] += sign * size * height
    elif kind == KINDS[3]:
        values[odd] = values[BEGIN]
    return values


def scores(values: Array) -> Array:
    """Return the detector's score of each event."""
    model, found = LSTMAnomalyDetector(seed=1), []
    for value in values.tolist():
        found.append(model.score_one({"value": value}))
        model.learn_one({"value": value})
    return np.array(found)


def area(found: Array) -> float:
    """Return how often the odd stretch has a higher score than one of the others; half for ties."""
    top = found[BEGIN : BEGIN + ODD].max()
    others = [found[n : n + ODD].max() for n in range(400, BEGIN - ODD, ODD)]
    return float(np.mean([(top > other) + (top == other) / 2 for other in others]))


if __name__ == "__main__":
    main()
