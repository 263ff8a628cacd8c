"""Numbers beside River's own models and deep-river: ``python -m benchmarks.regressions``.

Every event is predicted, scored, then learned; the first is learned and not counted. Ours is
`LSTMRegressor(seed=…)`, nothing else set, medians of three seeds, on the events as they are.
River's and deep-river cannot read datetimes: they get hour, weekday and month instead, as numbers
and as sine and cosine.

- Linear regression (StandardScaler, `intercept_lr=0.1`), Bayesian regression, the Hoeffding
  adaptive tree, SRP, ARF, AMF and kNN are those of the examples in River's documentation; "lags"
  adds the last three targets.
- deep-river: its regressor as given; with `StandardScaler` and `TargetStandardScaler`; its
  forecaster with both, one step ahead, which reads the last ten targets besides the features; in
  the settings of its own benchmark (StandardScaler, Adam at 0.001, a window of 30, 64 units,
  dropout 0.1); tuned, which is the forecaster with Adam at 0.01.

Streams are cut to 5,000 events. "Bicycles" are the hours of ISLP's Bikeshare with the weather, the
hour an integer, which a tree splits and a linear part cannot. Times are of predicting and learning
one event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from .contests import OURS, contest
from .peer import Peers, Record, Say
from .tables import pivot, short
from .tabular import regressions


def measure(peers: Peers | None, say: Say) -> Iterator[Record]:
    """Yield each contestant's figures on each stream."""
    for stream in regressions():
        say(f"numbers: {stream.name}, {len(stream.events):,} events")
        yield from contest(peers, stream)


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield the tables, and who is best beside ours."""
    yield pivot(records, "error", "mean absolute error", best=min)
    yield pivot(records, "microseconds", "µs an event")
    for data in dict.fromkeys(one["data"] for one in records):
        errors = {one["contestant"]: one["error"] for one in records if one["data"] == data}
        ours = errors.pop(OURS)
        best = min(errors, key=errors.__getitem__)
        yield f"{data}: {short(ours)}, the best other {short(errors[best])} ({best})"


if __name__ == "__main__":
    from .peers import main

    main(["regressions"])
