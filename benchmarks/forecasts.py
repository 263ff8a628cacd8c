"""Forecasts of many series beside repeating the last value: ``python -m benchmarks.forecasts``.

Each series of `benchmarks.series` goes through a new `LSTMForecaster(seed=1)`, one step ahead:
forecast, score, learn; once it is told the season, if there is one to tell, and once it finds it or
not. The ratio is the sum of its absolute errors over that of repeating the last value, from the
second value on, so that both have seen one; less than 1 is better than the last value. For the
geometric means ratios count as `FLOOR` at least. Series from the package bokeh-sampledata are left
out where it is not installed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstmwidgets.online import LSTMForecaster

from .__main__ import WIDTH
from .machine import keep_to_one_thread
from .series import series

FLOOR = 0.3


def main() -> None:
    """Forecast all series, and print the ratios, the best first."""
    keep_to_one_thread()
    rows = [
        (ratio(values, seasonality), ratio(values, None), name, seasonality)
        for name, seasonality, values in track(list(series()), "Series")
    ]
    table = Table("series", "season", "error, times that of the last value", "season not told")
    for told, found, name, seasonality in sorted(rows):
        table.add_row(name, str(seasonality or ""), f"{told:.3f}", f"{found:.3f}")
    console = Console(width=WIDTH)
    console.print(table)
    for which, what in enumerate(("told", "not told")):
        ratios = np.array([row[which] for row in rows], np.float64)
        mean = np.exp(np.log(np.maximum(ratios, FLOOR)).mean())
        console.print(
            f"season {what}: {len(ratios)} series, geometric mean {mean:.3f}, "
            f"the worst {ratios.max():.3f}"
        )


def ratio(values: list[float], seasonality: int | None) -> float:
    """Return the model's error over that of the last value; the error itself where that is zero."""
    model = LSTMForecaster(seasonality=seasonality, seed=1)
    model.learn_one(values[0])
    error = naive = 0.0
    for last, value in pairwise(values):
        error += abs(model.forecast(1)[0] - value)
        naive += abs(last - value)
        model.learn_one(value)
    return error / (naive or 1.0)


if __name__ == "__main__":
    main()
