"""Service times of micro-batches on Spark, and what they predict for another number of cores.

Of an LSTM with 32 units and five features, from JSON Lines to Parquet. Micro-batches of 1,000 to
100,000 events on one core (`taskset`) say what a micro-batch, an event, a key, a bucket and a
partition cost, by non-negative least squares of relative errors. The simulation in
`benchmarks/clusters.py` predicts from these alone what two cores do; what one core does was fitted.
It also predicts a stream of 4,000 events a second: how long events wait, and how long until they
wait no longer than before when all processes are killed and started again, where the time of that
start is taken from the measurement. Ratios are predicted over measured.

Seconds of micro-batches are without those in which other processes had the cores: exactly so for
one core, too few for two if a second one would have been idle. For streams all service times are
longer by that share. Needs Spark's environment (``make setup-spark``) and Java: without them there
are no figures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from . import scaling_parts as measured
from .clusters import (
    Arrivals,
    Cluster,
    Costs,
    Loss,
    bucket_shares,
    latencies,
    recovery,
    simulate,
    steady,
)
from .results import Entry
from .scaling_live import APART, RATE, UNTIL, Live, live
from .scaling_parts import BUCKETS, FEW, FILES, MANY
from .scaling_plan import cores_table, keys_table
from .timing import RATIO, Figure, Targets

COSTS = "service times, one core"
PARTS = "one process, without Spark"
"""Cases of figures."""

NAMES = {
    "batch": ("a micro-batch", "s", 1.0),
    "task": ("a task, of the driver", "ms", 1e3),
    "read": ("an event, up to the shuffle", "µs", 1e6),
    "predict": ("an event, behind it", "µs", 1e6),
    "partition": ("a partition of states", "ms", 1e3),
    "bucket": ("a bucket", "ms", 1e3),
    "key": ("a key of a bucket", "µs", 1e6),
}
"""Of each service time its name, its unit, and units in a second."""

SHUFFLED, STATE = "an event in the shuffle", "a key's state"
"""Figures in bytes."""

ROUNDS = 2
LARGE = max(FILES)

TARGETS: Targets = {}


def figures() -> Iterator[Figure]:
    """Yield the figures: parts, service times, and what they predict beside what is measured."""
    if not measured.PYTHON.exists() or shutil.which("java") is None:
        return
    found = measured.parts(MANY // BUCKETS)
    for name, label in (
        ("pack", "an event is packed"),
        ("unpack", "an event is unpacked"),
        ("observe", "an event is predicted"),
        ("state", "a key's state is read and written"),
    ):
        yield Figure(PARTS, label, "µs", (found[name] * 1e6,))
    yield Figure(PARTS, STATE, "bytes", (found["key bytes"],))
    with tempfile.TemporaryDirectory() as place:
        one, two = _sessions(Path(place))
    fits = [measured.fitted(each) for each in one]
    costs = Costs(*map(median, zip(*fits, strict=True)))
    for field, (name, unit, scale) in NAMES.items():
        samples = tuple(float(getattr(fit, field)) * scale for fit in fits)
        yield Figure(COSTS, name, unit, samples)
    volume = tuple(measured.shuffled(each["many"]) for each in one)
    yield Figure(COSTS, SHUFFLED, "bytes", volume)
    for cores, sessions in ((1, one), (2, two)):
        yield from _micro_batches(costs, cores, sessions)
    for cores in (1, 2):
        with tempfile.TemporaryDirectory() as place:
            measured.write_model(Path(place) / "model.safetensors")
            yield from _stream(costs, cores, live(Path(place), cores))


def tables(of: Entry) -> dict[str, Table]:
    """Return the tables that are computed from an entry's figures, by their names."""
    medians = {figure["name"]: figure["median"] for figure in of["figures"]}
    costs = Costs(**{field: medians[name] / scale for field, (name, _, scale) in NAMES.items()})
    return {
        "cores": cores_table(costs, medians[STATE], medians[SHUFFLED]),
        "keys": keys_table(costs, medians[STATE]),
    }


def _sessions(place: Path) -> tuple[list[measured.Json], list[measured.Json]]:
    """Return sessions of one core and of two, which take turns."""
    found: tuple[list[measured.Json], list[measured.Json]] = ([], [])
    for number in range(ROUNDS):
        for cores, sessions in enumerate(found, start=1):
            folder = place / f"{number}-{cores}"
            folder.mkdir()
            measured.write(folder)
            sessions.append(measured.session(folder, cores, backwards=number % 2 == 1))
    return found


def _micro_batches(costs: Costs, cores: int, sessions: list[measured.Json]) -> Iterator[Figure]:
    """Yield what large micro-batches took, and what was predicted."""
    case = _case(cores)
    for name, keys in (("few", FEW), ("many", MANY)):
        batches = [batch for each in sessions for batch in each[name]["batches"][1:]]
        large = [batch for batch in batches if batch["events"] == LARGE]
        seconds = tuple(each["seconds"] - each["others"] / cores for each in large)
        label = f"micro-batch, {keys:,} keys"
        yield Figure(case, label, "s", seconds)
        predicted = Cluster(costs, cores, cores, bucket_shares(keys, BUCKETS), keys)(LARGE, cores)
        yield Figure(
            case, f"{label}: predicted", RATIO, tuple(predicted / each for each in seconds)
        )
        had = tuple(each["others"] / cores / each["seconds"] for each in large)
        yield Figure(case, f"{label}: others had of the cores", RATIO, had)
        if keys == MANY:
            written = tuple(each["checkpoint"] / 1e6 for each in large)
            yield Figure(case, "its checkpoint", "MB", written)
            committed = tuple(each["committed"] for each in large)
            yield Figure(case, "its commit of states", "s", committed)


def _stream(costs: Costs, cores: int, found: Live) -> Iterator[Figure]:
    """Yield how long a stream's events waited, and what was predicted."""
    case = _case(cores)
    yield Figure(case, "stream: others had of the cores", RATIO, (found.others,))
    slower = Costs(*(each / (1 - found.others) for each in costs))
    cluster = Cluster(slower, cores, cores, bucket_shares(FEW, BUCKETS), FEW)
    arrivals = steady(RATE, UNTIL, APART)
    usual = simulate(arrivals, cluster, cores)
    loss = Loss(found.killed, cores, found.start, found.start)
    broken = simulate(arrivals, cluster, cores, loss=loss)
    took, expected = (
        latencies(those, batches)[_counted(those, found)]
        for those, batches in ((found.arrivals, found.batches), (arrivals, usual))
    )
    for name, share in (("median", 0.5), ("99th percentile", 0.99)):
        value, predicted = (float(np.quantile(each, share)) for each in (took, expected))
        yield from _beside(case, f"stream: latency, {name}", value, predicted)
    yield Figure(case, "killed: started again after", "s", (found.start,))
    value, predicted = (
        recovery(those, batches, found.killed, settled=found.settled)
        for those, batches in ((found.arrivals, found.batches), (arrivals, broken))
    )
    yield from _beside(case, "killed: as before after", value, predicted)


def _counted(arrivals: Arrivals, found: Live) -> NDArray[np.bool_]:
    """Return which arrivals came when all was warm, and were answered before the kill."""
    answered = max(batch.end for batch in found.batches if batch.ended < found.killed)
    until = found.arrivals.times[answered - 1]
    return (found.settled <= arrivals.times) & (arrivals.times <= until)


def _beside(case: str, label: str, value: float, predicted: float) -> Iterator[Figure]:
    yield Figure(case, label, "s", (value,))
    yield Figure(case, f"{label}: predicted", RATIO, (predicted / value,))


def _case(cores: int) -> str:
    return f"Spark, {cores} core{'s' * (cores > 1)}"
