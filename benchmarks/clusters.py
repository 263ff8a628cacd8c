"""A stream in micro-batches on a cluster, simulated with the service times of its parts.

What is simulated: events wait until the driver is free; all that have come, or as many as a
micro-batch may have, make the next one. Its events are read and packed on all cores, then sent to
the partitions of their buckets, each of which is a task; a core takes the next task when it is
free. An event is answered when its micro-batch ends. A core that is lost takes the micro-batch in
progress with it, which then begins again.

What is not: the network's and the disks' limits, other users of the machines, and tasks that take
longer than those like them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Arrivals",
    "Batch",
    "Cluster",
    "Costs",
    "Loss",
    "bucket_shares",
    "latencies",
    "makespan",
    "partition_of",
    "poisson",
    "quantile",
    "recovery",
    "simulate",
    "steady",
]

POPULAR = 100_000
"""Keys whose share of events is told apart; others of their rank share evenly."""

Floats = NDArray[np.float64]


class Costs(NamedTuple):
    """Service times, in seconds of one core.

    Attributes
    ----------
    batch : float
        Of the driver, for a micro-batch, whatever is in it.
    task : float
        Of the driver, for each task.
    read : float
        For each event, up to the shuffle: read, hashed and packed.
    predict : float
        For each event behind it: unpacked, predicted and written.
    partition : float
        For each partition of states in a micro-batch: its store is opened and committed.
    bucket : float
        For each bucket that has events.
    key : float
        For each key of such a bucket: its state is read, decoded, encoded and written.
    """

    batch: float
    task: float
    read: float
    predict: float
    partition: float
    bucket: float
    key: float


class Arrivals(NamedTuple):
    """When events come.

    Attributes
    ----------
    times : ndarray (N,)
        In seconds, ascending.
    counts : ndarray (N,)
        How many events come at each.
    """

    times: Floats
    counts: NDArray[np.int64]


class Batch(NamedTuple):
    """A micro-batch that has ended: its first and last arrival and when it began and ended (s)."""

    first: int
    end: int
    began: float
    ended: float


class Loss(NamedTuple):
    """Cores that are lost.

    Attributes
    ----------
    at : float
        When, in seconds.
    cores : int
        How many.
    detect : float
        Seconds until the micro-batch in progress begins again on those that are left.
    back : float
        Seconds until there are as many as before.
    """

    at: float
    cores: int
    detect: float
    back: float


class Cluster:
    """How long a micro-batch takes.

    Parameters
    ----------
    costs : Costs
        Service times.
    cores : int
        That work at a time.
    partitions : int
        Of the states.
    shares : ndarray (buckets,)
        The share of events that each bucket gets; see `bucket_shares`.
    keys : int
        Whose states there are, evenly in all buckets.
    seed : int
        Of the hashes and of which events come.

    Examples
    --------
    >>> import numpy as np
    >>> costs = Costs(0.5, 0, 10e-6, 10e-6, 0, 0, 0)
    >>> round(Cluster(costs, 1, 1, np.full(64, 1 / 64), 100)(100_000, 1), 3)
    2.5
    >>> round(Cluster(costs, 2, 64, np.full(64, 1 / 64), 100)(100_000, 2), 1)
    1.5
    """

    def __init__(
        self,
        costs: Costs,
        cores: int,
        partitions: int,
        shares: Floats,
        keys: int,
        seed: int = 0,
    ) -> None:
        self.costs, self.cores, self.partitions = costs, cores, partitions
        self._draw = np.random.default_rng(seed)
        self._shares = shares
        self._keys = keys / len(shares)
        self._partition = partition_of(np.arange(len(shares)), partitions)

    def __call__(self, events: int, cores: int) -> float:
        """Return the seconds of a micro-batch of so many events on so many cores."""
        costs = self.costs
        each = self._draw.multinomial(events, self._shares)
        seconds = each * costs.predict + (each > 0) * (costs.bucket + self._keys * costs.key)
        tasks = costs.partition + np.bincount(self._partition, seconds, self.partitions)
        driver = costs.batch + costs.task * (cores + self.partitions)
        return driver + costs.read * events / cores + makespan(tasks, cores)


def partition_of(buckets: NDArray[np.int64], partitions: int) -> NDArray[np.int64]:
    """Return the partition that Spark sends each bucket to: Murmur3 with seed 42, modulo.

    >>> partition_of(np.arange(4), 1 << 20).tolist()
    [1027727, 358627, 278166, 391715]
    """
    with np.errstate(over="ignore"):
        mixed = _rotated(buckets.astype(np.uint32) * np.uint32(0xCC9E2D51), 15)
        hashed = _rotated(np.uint32(42) ^ (mixed * np.uint32(0x1B873593)), 13)
        hashed = (hashed * np.uint32(5) + np.uint32(0xE6546B64)) ^ np.uint32(4)
        hashed = (hashed ^ (hashed >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        hashed = (hashed ^ (hashed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    hashed ^= hashed >> np.uint32(16)
    return hashed.view(np.int32).astype(np.int64) % partitions


def _rotated(values: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return (values << np.uint32(bits)) | (values >> np.uint32(32 - bits))


def makespan(tasks: Floats, cores: int) -> float:
    """Return when the last of some tasks ends, each begun in turn by the first core that is free.

    >>> makespan(np.array([3.0, 2.0, 2.0]), 2)
    4.0
    """
    if len(tasks) <= cores:
        return float(tasks.max())
    free = [0.0] * cores
    for seconds in tasks.tolist():
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def bucket_shares(keys: int, buckets: int, zipf: float = 0.0, seed: int = 0) -> Floats:
    """Return the share of events that each bucket gets.

    Parameters
    ----------
    keys : int
        That there are, each in a bucket by chance.
    buckets : int
        That they are in.
    zipf : float
        Key number k comes as often as 1/k to this power; 0: all equally often.
    seed : int
        Of the hashes.

    Returns
    -------
    ndarray (buckets,)
        Sums to 1.

    Examples
    --------
    >>> bucket_shares(10**9, 1024, zipf=1.0).max().round(2)
    np.float64(0.05)
    """
    draw = np.random.default_rng(seed)
    popular = min(keys, POPULAR)
    weights = np.arange(1.0, popular + 1) ** -zipf
    rest = _zipf_sum(popular, keys, zipf)
    shares = np.full(buckets, rest / buckets)
    shares += np.bincount(draw.integers(buckets, size=popular), weights, buckets)
    return shares / shares.sum()


def _zipf_sum(first: int, last: int, zipf: float) -> float:
    """Return the sum of k to the power of -zipf, for k from first + 1 to last, by its integral."""
    low, high = first + 0.5, last + 0.5
    if zipf == 1:
        return float(np.log(high / low))
    return float((high ** (1 - zipf) - low ** (1 - zipf)) / (1 - zipf))


def steady(rate: float, seconds: float, apart: float = 0.01) -> Arrivals:
    """Return so many events a second, evenly, at moments that are so many seconds apart."""
    moments = np.arange(1, round(seconds / apart) + 1)
    counts = np.diff(np.floor(np.arange(len(moments) + 1) * rate * apart)).astype(np.int64)
    return Arrivals(moments * apart, counts)


def poisson(rate: float, events: int, seed: int = 0) -> Arrivals:
    """Return single events that come by chance, so many a second on average."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, events)
    return Arrivals(np.cumsum(gaps), np.ones(events, np.int64))


def simulate(
    arrivals: Arrivals,
    seconds: Callable[[int, int], float],
    cores: int,
    *,
    limit: int | None = None,
    loss: Loss | None = None,
) -> list[Batch]:
    """Return the micro-batches of a stream, until all its events are answered.

    Parameters
    ----------
    arrivals : Arrivals
        When events come.
    seconds : callable
        How long a micro-batch takes, by its events and cores; such as a `Cluster`.
    cores : int
        That work unless they are lost.
    limit : int, optional
        The most arrivals that a micro-batch takes; by default all that have come.
    loss : Loss, optional
        Cores that are lost once.

    Returns
    -------
    list of Batch
        One after another.
    """
    times, counts = arrivals
    before = np.concatenate([[0], np.cumsum(counts)])
    batches: list[Batch] = []
    first, free = 0, 0.0
    while first < len(times):
        began = max(free, float(times[first]))
        end = int(np.searchsorted(times, began, "right"))
        end = end if limit is None else min(end, first + limit)
        events = int(before[end] - before[first])
        if loss is not None and loss.at <= began < loss.at + loss.detect:
            began = loss.at + loss.detect  # nobody works yet
        ended = began + seconds(events, _left(cores, loss, began))
        if loss is not None and began < loss.at < ended:
            again = loss.at + loss.detect
            ended = again + seconds(events, _left(cores, loss, again))
        batches.append(Batch(first, end, began, ended))
        first, free = end, ended
    return batches


def _left(cores: int, loss: Loss | None, at: float) -> int:
    """Return the cores that work at a time."""
    if loss is not None and loss.at <= at < loss.at + loss.back:
        return cores - loss.cores
    return cores


def latencies(arrivals: Arrivals, batches: list[Batch]) -> Floats:
    """Return for each arrival the seconds until its micro-batch ended."""
    found = np.empty(len(arrivals.times))
    for batch in batches:
        found[batch.first : batch.end] = batch.ended - arrivals.times[batch.first : batch.end]
    return found


def quantile(values: Floats, counts: NDArray[np.int64], share: float) -> float:
    """Return the value below which a share of all lies, each counted so many times."""
    order = np.argsort(values)
    below = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(below, share * below[-1])])


def recovery(arrivals: Arrivals, batches: list[Batch], at: float, settled: float = 0.0) -> float:
    """Return the seconds from a loss until events are answered as fast as before.

    That is when a micro-batch ends that began behind it, all of whose events waited no longer than
    the slowest that were answered between `settled` and the loss.

    Raises
    ------
    ValueError
        If none was answered before, or none so fast again.
    """
    waited = latencies(arrivals, batches)
    slowest = [(batch, waited[batch.first : batch.end].max()) for batch in batches]
    usual = max((most for each, most in slowest if settled <= each.ended <= at), default=None)
    if usual is None:
        raise ValueError(f"no micro-batch ended between {settled:g} s and the loss at {at:g} s")
    for batch, most in slowest:
        if batch.ended > at and arrivals.times[batch.first] > at and most <= usual:
            return batch.ended - at
    raise ValueError(f"no micro-batch behind the loss at {at:g} s was as fast as before")
