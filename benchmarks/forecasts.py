"""Forecasts of many series beside repeating the last value: ``python -m benchmarks.forecasts``.

Each series of `benchmarks.series` goes through a new `LSTMForecaster(seasonality=…, seed=1)`, one
step ahead: forecast, score, learn. The ratio is the sum of its absolute errors over that of
repeating the last value, from the second value on, so that both have seen one; less than 1 is
better than the last value. Series from the package bokeh-sampledata are left out where it is not
installed.
"""

from __future__ import annotations

from itertools import pairwise

from rich.console import Console
from rich.progress import track
from rich.table import Table

from lstmwidgets.online import LSTMForecaster

from .__main__ import WIDTH
from .machine import keep_to_one_thread
from .series import series


def main() -> None:
    """Forecast all series, and print the ratios, the best first."""
    keep_to_one_thread()
    ratios = {
        (name, seasonality): ratio(values, seasonality)
        for name, seasonality, values in track(list(series()), "Series")
    }
    table = Table("series", "seasonality", "error, times that of the last value")
    for (name, seasonality), value in sorted(ratios.items(), key=lambda item: item[1]):
        table.add_row(name, str(seasonality or ""), f"{value:.3f}")
    console = Console(width=WIDTH)
    console.print(table)
    console.print(f"{len(ratios)} series, the worst ratio is {max(ratios.values()):.3f}")


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
