"""Classes beside River's own models and deep-river: ``python -m benchmarks.classifications``.

Every event is predicted, scored, then learned; the first is learned and not counted. Ours is
`LSTMClassifier(seed=…)`, nothing else set, medians of three seeds, on the events as they are.

- SRP, AMF, ARF, the Hoeffding adaptive tree: River's defaults. kNN and logistic regression (River's
  is softmax regression): behind `StandardScaler`, as in River's examples; "lags" adds the features
  and the class of the event before.
- deep-river: as given; behind `StandardScaler`; in the settings of its own benchmark (scaled, Adam
  at 0.001, a window of 30, 32 units); tuned (scaled, Adam at 0.01, by and large the best, on these
  very data sets, of 0.001, 0.003, 0.01 and 0.03).

"Regimes with noise" is a hidden state of four that stays for some thirty events, "frames" are those
of utterances and movements in a random order, each labelled as its sequence is: labels stick, so
that the last class is a rival. Streams are cut to 5,000 events, Shuttle to 10,000. Probabilities
count as 0.001 at least in the log loss (nats). The calibration error has 15 bins of the likeliest
class's probability (Guo et al. 2017). Times are of predicting and learning one event.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from .contests import OURS, contest
from .peer import Peers, Record, Say
from .river_models import LAGGED, NO_CHANGE
from .tables import pivot
from .tabular import classifications


def measure(peers: Peers | None, say: Say) -> Iterator[Record]:
    """Yield each contestant's figures on each stream."""
    for stream in classifications():
        say(f"classes: {stream.name}, {len(stream.events):,} events")
        yield from contest(peers, stream)


def tables(records: Sequence[Record]) -> Iterator[RenderableType]:
    """Yield the tables, and where ours is behind."""
    yield pivot(records, "accuracy", "accuracy", best=max)
    yield pivot(records, "log_loss", "log loss, nats", best=min)
    yield pivot(records, "calibration_error", "expected calibration error", best=min)
    yield pivot(records, "microseconds", "µs an event")
    for data in dict.fromkeys(one["data"] for one in records):
        yield _verdict(data, {one["contestant"]: one for one in records if one["data"] == data})


def _verdict(data: str, some: dict[str, Record]) -> str:
    ours = some[OURS]["accuracy"]
    others = {name: one["accuracy"] for name, one in some.items() if name != OURS}
    best = max(others, key=others.__getitem__)
    simple = max(others[NO_CHANGE], others[LAGGED])
    gap = f"{ours - simple:+.3f} to the better of {NO_CHANGE} and {LAGGED}"
    return f"{data}: {ours:.3f}, the best other {others[best]:.3f} ({best}); {gap}"


if __name__ == "__main__":
    from .peers import main

    main(["classifications"])
