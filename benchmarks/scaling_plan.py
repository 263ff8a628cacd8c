"""One core to a thousand, a million keys to a thousand million: computed, not measured.

All of it follows from the service times that `benchmarks/scaling.py` measures on one core, the
bytes of a key's state and of an event in the shuffle, and what is assumed here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rich.table import Table

from .clusters import (
    Cluster,
    Costs,
    Loss,
    bucket_shares,
    latencies,
    quantile,
    recovery,
    simulate,
    steady,
)

CORES = (1, 2, 10, 100, 1_000)
KEYS = (10**6, 10**8, 10**9)

KEYS_A_CORE = 100_000
BUCKETS_A_CORE = 64
EVENTS_A_CORE = 100_000
"""Of a micro-batch: the most that is measured."""
BUSY = 0.7
"""Share of the rate of such micro-batches at which latencies are simulated."""
MACHINE = 4
"""Cores of an executor, of which one is lost."""
DETECT, BACK = 10.0, 60.0
"""Seconds until a lost executor is noticed, and until there is another."""
SETTLED = 60.0
"""Seconds until the simulation counts."""
UPLOAD = 1.25e9 / 16
"""Bytes a second and core that go into the checkpoint's store: ten gigabits for 16 cores."""
LARGEST = 16e6
"""Bytes of a bucket, so that there are enough of them for all cores (2 GiB is the JVM's bound)."""


EVENTS = 1_000_000
"""Of a micro-batch, in the table of keys."""


class Plan(NamedTuple):
    """A number of cores, and what it does."""

    cores: int
    keys: int
    seconds: float
    """That a micro-batch takes."""
    rate: float
    """Events a second in such micro-batches."""
    median: float
    slowest: float
    """Latency at a share `BUSY` of that rate: median and 99th percentile, seconds."""
    recovery: float
    """Seconds until it is so again when an executor is lost; nan with a single one."""
    hottest: float
    """Events a second if keys come by Zipf's law."""


def plan(costs: Costs, cores: int) -> Plan:
    """Return what so many cores do, simulated, with keys, buckets and events in proportion.

    Parameters
    ----------
    costs : Costs
        Service times, as measured on one core.
    cores : int
        How many there are.

    Returns
    -------
    Plan
        What is simulated.
    """
    keys, buckets = KEYS_A_CORE * cores, BUCKETS_A_CORE * cores
    even, zipf = (
        Cluster(costs, cores, cores, bucket_shares(keys, buckets, power), keys) for power in (0, 1)
    )
    events = EVENTS_A_CORE * cores
    seconds = even(events, cores)
    rate = events / seconds
    arrivals = steady(BUSY * rate, 400.0, apart=0.02)
    batches = simulate(arrivals, even, cores)
    late = arrivals.times > SETTLED
    waited, counts = latencies(arrivals, batches)[late], arrivals.counts[late]
    back = float("nan")
    if cores > MACHINE:
        loss = Loss(2 * SETTLED, MACHINE, DETECT, BACK)
        broken = simulate(arrivals, even, cores, loss=loss)
        back = recovery(arrivals, broken, loss.at, settled=SETTLED)
    quantiles = (quantile(waited, counts, share) for share in (0.5, 0.99))
    return Plan(cores, keys, seconds, rate, *quantiles, back, events / zipf(events, cores))


def best_buckets(costs: Costs, keys: int, events: int, key_bytes: float) -> int:
    """Return the power of two of buckets with which a micro-batch costs least.

    More buckets cost more calls; fewer, that the states of more keys are read and written which
    have no event.
    """
    powers = [1 << power for power in range(4, 24)]
    allowed = [each for each in powers if keys * key_bytes / each < LARGEST]
    return min(allowed, key=lambda buckets: states_seconds(costs, keys, events, buckets))


def states_seconds(costs: Costs, keys: int, events: int, buckets: int) -> float:
    """Return the seconds of one core that the states take in a micro-batch."""
    return touched(events, buckets) * (costs.bucket + keys / buckets * costs.key)


def touched(events: int, buckets: int) -> float:
    """Return in how many buckets events are, on average, if keys come equally often."""
    return float(-buckets * np.expm1(events * np.log1p(-1 / buckets)))


def cores_table(costs: Costs, key_bytes: float, event_bytes: float) -> Table:
    """Return the table of numbers of cores."""
    table = Table("", *(f"{cores:,} core{'s' * (cores > 1)}" for cores in CORES))
    plans = [plan(costs, cores) for cores in CORES]
    states = [each.keys * key_bytes for each in plans]
    table.add_row("keys", *(f"{each.keys:,}" for each in plans))
    table.add_row("a micro-batch, s", *(f"{each.seconds:.1f}" for each in plans))
    table.add_row("events/s", *(_round(each.rate) for each in plans))
    table.add_row("in times of one core", *(f"{each.rate / plans[0].rate:.3g}" for each in plans))
    table.add_row("latency, median, s", *(f"{each.median:.1f}" for each in plans))
    table.add_row("latency, 99th percentile, s", *(f"{each.slowest:.1f}" for each in plans))
    lost = (f"{each.recovery:.0f}" if each.recovery > 0 else "" for each in plans)
    table.add_row("an executor lost: as before after, s", *lost)
    table.add_row("events/s by Zipf's law", *(_round(each.hottest) for each in plans))
    table.add_row("states", *map(_bytes, states))
    table.add_row("through the shuffle, a second", *(_bytes(p.rate * event_bytes) for p in plans))
    table.add_row("checkpoint, a micro-batch", *map(_bytes, states))
    table.add_row(
        "its upload, s",
        *(f"{size / each.cores / UPLOAD:.2g}" for size, each in zip(states, plans, strict=True)),
    )
    return table


def keys_table(costs: Costs, key_bytes: float) -> Table:
    """Return the table of numbers of keys."""
    table = Table("", *(f"10^{round(np.log10(keys))} keys" for keys in KEYS))
    buckets = [best_buckets(costs, keys, EVENTS, key_bytes) for keys in KEYS]
    pairs = list(zip(KEYS, buckets, strict=True))
    table.add_row("states", *(_bytes(keys * key_bytes) for keys in KEYS))
    table.add_row("a bucket, if there are 64", *(_bytes(keys * key_bytes / 64) for keys in KEYS))
    table.add_row("all states once, core-seconds", *(_round(keys * costs.key) for keys in KEYS))
    table.add_row("cheapest number of buckets, 16 MB at most", *(f"{each:,}" for each in buckets))
    table.add_row(
        "states then, core-seconds",
        *(_round(states_seconds(costs, keys, EVENTS, each)) for keys, each in pairs),
    )
    table.add_row(
        "checkpoint then, a micro-batch",
        *(_bytes(touched(EVENTS, each) / each * keys * key_bytes) for keys, each in pairs),
    )
    hot = [_hottest(keys) for keys in KEYS]
    table.add_row("share of the hottest key (Zipf)", *(f"{share:.1%}" for share in hot))
    most_of = [1 / (share * costs.predict) for share in hot]
    table.add_row("most events/s that leaves, any cores", *map(_round, most_of))
    table.add_row(
        "states read again, on 100 cores, s",
        *(f"{keys * key_bytes / UPLOAD / 100:.2g}" for keys in KEYS),
    )
    return table


def _hottest(keys: int) -> float:
    return float(1 / (np.log(keys) + np.euler_gamma))


def _round(value: float) -> str:
    """Return a number with two digits that count."""
    return f"{float(f'{value:.2g}'):,.10g}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999:
            return f"{value:.2g} {unit}" if value < 99 else f"{value:.0f} {unit}"
        value /= 1_000
    return f"{value:.2g} TB"
