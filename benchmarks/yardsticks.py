"""Streams on which ours must not get worse: ``python -m benchmarks.yardsticks``.

Figures are medians over three seeds, options are defaults, the first event is learned and not
counted. Errors are mean absolute ones, of `LSTMRegressor` on the streams of
`benchmarks.regressions` and of `LSTMForecaster`, told the season, on AirlinePassengers. Of the
continual Reber grammar it is the number of symbols before the first 10,000 without an error, of
`benchmarks.reber` with the eligibility rule. All are better the less they are. "Before" are the
same figures at commit c27b8bf; up to 1 % more is no loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from rich.console import RenderableType
from rich.table import Table

from lstmwidgets.online import LSTMRegressor

from . import reber, scores
from .forecasters import ours
from .forecasting import one_step
from .peer import Peers, Record, Say
from .peers_worker import REGRESSION, prequential
from .tables import short
from .tabular import Stream, regressions

SEEDS = (1, 2, 3)
SYMBOLS = 40_000
ALLOWED = 1.01
STREAMS = ("TrumpApproval", "ChickWeights", "WaterFlow", "AirlinePassengers", "Friedman")
SERIES, REBER = "AirlinePassengers, forecaster", "continual Reber"

BEFORE = {
    "TrumpApproval": 0.1501607,
    "ChickWeights": 21.83586,
    "WaterFlow": 0.6059537,
    "AirlinePassengers": 21.16998,
    "Friedman": 1.894529,
    SERIES: 10.2299,
    REBER: 8961,
}
"""Medians at c27b8bf."""


def measure(_: Peers | None, say: Say) -> Iterator[Record]:
    """Yield the figures of each seed."""
    for name, figure in _figures().items():
        runs = []
        for seed in SEEDS:
            say(f"yardsticks: {name}, seed {seed}")
            runs.append(figure(seed))
        yield {"data": name, "runs": runs, "median": median(runs), "before": BEFORE.get(name)}


def _figures() -> dict[str, Callable[[int], float]]:
    streams = {stream.name: stream for stream in regressions() if stream.name in STREAMS}
    passengers = [float(y) for _, y in streams["AirlinePassengers"].events]
    return {
        **{name: partial(_error, stream) for name, stream in streams.items()},
        SERIES: lambda seed: ours(one_step(passengers), 12, seed).error,
        REBER: _symbols,
    }


def _error(stream: Stream, seed: int) -> float:
    made = prequential(LSTMRegressor(seed=seed), stream.events, REGRESSION)["predictions"]
    return scores.of_numbers(made, [y for _, y in stream.events])["error"]


def _symbols(seed: int) -> float:
    free_from = reber.learn("eligibility", reber.STANDARD, seed, SYMBOLS, 1).free_from
    return math.inf if free_from is None else float(free_from)


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield the figures beside those of before."""
    table = Table("stream", "median", "least..most", "before", "times before", "")
    for one in records:
        row = [one["data"], short(one["median"])]
        row.append(f"{short(min(one['runs']))}..{short(max(one['runs']))}")
        if one["before"]:
            ratio = one["median"] / one["before"]
            verdict = "[green]held[/]" if ratio <= ALLOWED else "[red]lost[/]"
            row += [short(one["before"]), f"{ratio:.4f}", verdict]
        table.add_row(*row)
    yield table


if __name__ == "__main__":
    from .peers import main

    main(["yardsticks"])
