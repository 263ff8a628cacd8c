"""The simulated cluster agrees with queues whose waiting times are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clusters import (
    Arrivals,
    Cluster,
    Costs,
    Loss,
    bucket_shares,
    latencies,
    makespan,
    poisson,
    quantile,
    recovery,
    simulate,
    steady,
)

COSTS = Costs(
    batch=0.5, task=0.001, read=1e-5, predict=1e-5, partition=0.01, bucket=0.002, key=1e-6
)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_one_event_at_a_time_waits_as_pollaczek_and_khinchine_say(busy: float) -> None:
    # M/D/1: an event waits rho / (2 (1 - rho)) service times (Kleinrock 1975, equation 5.59)
    arrivals = poisson(busy, 400_000, seed=1)
    batches = simulate(arrivals, lambda events, cores: 1.0, 1, limit=1)
    waited = latencies(arrivals, batches).mean() - 1.0
    assert waited == pytest.approx(busy / (2 * (1 - busy)), rel=0.04)


@pytest.mark.parametrize("busy", [0.3, 0.7])
def test_with_exponential_service_an_event_stays_as_in_m_m_1(busy: float) -> None:
    draw = np.random.default_rng(2)
    arrivals = poisson(busy, 400_000, seed=3)
    batches = simulate(arrivals, lambda events, cores: draw.exponential(), 1, limit=1)
    assert latencies(arrivals, batches).mean() == pytest.approx(1 / (1 - busy), rel=0.05)


moments = st.lists(st.floats(0, 100), min_size=1, max_size=60).map(sorted)


@given(moments, st.data())
def test_littles_law_holds_whatever_comes(times: list[float], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(1, 9), min_size=len(times), max_size=len(times)))
    limit = data.draw(st.none() | st.integers(1, 5))
    loss = data.draw(
        st.none()
        | st.builds(Loss, st.floats(0, 120), st.just(1), st.floats(0, 9), st.floats(9, 20))
    )
    arrivals = Arrivals(np.array(times), np.array(counts))

    batches = simulate(arrivals, lambda n, cores: 0.3 + n / cores, 2, limit=limit, loss=loss)

    # What is in the system, by a count of who has come and gone, over time ...
    come = [(time, count) for time, count in zip(times, counts, strict=True)]
    gone = [(batch.ended, -sum(counts[batch.first : batch.end])) for batch in batches]
    inside = area = now = 0.0
    for time, change in sorted([*come, *gone], key=lambda each: (each[0], -each[1])):
        area += inside * (time - now)
        inside, now = inside + change, time
        assert inside >= 0
    assert inside == 0  # everybody is answered, once
    # ... is what each one's stay adds up to.
    assert area == pytest.approx((latencies(arrivals, batches) * counts).sum(), abs=1e-6)


@given(moments, st.floats(0.01, 3))
def test_batches_follow_each_other_and_lack_nobody(times: list[float], seconds: float) -> None:
    arrivals = Arrivals(np.array(times), np.ones(len(times), np.int64))
    batches = simulate(arrivals, lambda events, cores: seconds, 1)
    assert [batch.first for batch in batches] == [0, *(batch.end for batch in batches[:-1])]
    assert batches[-1].end == len(times)
    for one, following in pairwise(batches):
        assert following.began >= one.ended
    for batch in batches:
        assert times[batch.end - 1] <= batch.began  # none before it has come


def test_a_steady_stream_settles_where_a_batch_takes_what_came_in_the_one_before() -> None:
    rate, each = 10_000, 20e-6
    arrivals = steady(rate, 60)
    batches = simulate(arrivals, lambda events, cores: 0.5 + events * each, 1)
    seconds = 0.5 / (1 - rate * each)  # T = 0.5 + rate T each
    last = batches[-3]
    assert last.ended - last.began == pytest.approx(seconds, rel=0.03)
    waited = latencies(arrivals, batches)[2_000:5_000]
    assert np.median(waited) == pytest.approx(1.5 * seconds, rel=0.03)
    assert waited.max() == pytest.approx(2 * seconds, rel=0.05)


@given(
    st.lists(st.floats(0.01, 10), min_size=1, max_size=40).map(np.array),
    st.integers(1, 9),
)
def test_a_makespan_keeps_grahams_bounds(tasks: np.ndarray, cores: int) -> None:
    least = max(tasks.sum() / cores, tasks.max())
    assert least - 1e-9 <= makespan(tasks, cores) <= (2 - 1 / cores) * least + 1e-9


def test_a_batch_costs_what_its_parts_cost() -> None:
    cluster = Cluster(COSTS, 1, 4, bucket_shares(1_000, 16), 1_000)
    work = 0.5 + 5 * 0.001 + 4 * 0.01 + 16 * 0.002 + 1_000 * 1e-6 + 10_000 * 2e-5
    assert cluster(10_000, 1) == pytest.approx(work)
    assert work / 4 < cluster(10_000, 4) < work


def test_a_hot_key_keeps_one_core_busy_and_the_others_idle() -> None:
    even, skewed = (
        Cluster(COSTS, 100, 100, bucket_shares(10**6, 1_600, zipf), 10**6) for zipf in (0.0, 1.0)
    )
    hottest = bucket_shares(10**6, 1_600, 1.0).max()
    assert hottest == pytest.approx(1 / (np.log(10**6) + 0.5772), rel=0.02)
    extra = skewed(10_000_000, 100) - even(10_000_000, 100)
    assert extra > 10_000_000 * 1e-5 * (hottest - 2 / 100)


def test_shares_of_buckets_are_those_of_zipfs_law() -> None:
    for zipf in (0, 0.7, 1, 1.3):
        shares = bucket_shares(10**8, 64, zipf)
        assert shares.sum() == pytest.approx(1)
        keys = np.arange(1.0, 10**7 + 1) ** -zipf
        tail = (
            10**8 * 10.0 ** (-8 * zipf) / max(1 - zipf, 0.05)
        )  # more than what is left out, roughly
        assert shares.max() >= keys[0] / (keys.sum() + tail)
    assert bucket_shares(10**6, 64).max() < 1.1 / 64


def test_quantiles_count_events() -> None:
    values, counts = np.array([3.0, 1.0, 2.0]), np.array([1, 98, 1])
    assert quantile(values, counts, 0.5) == 1.0
    assert quantile(values, counts, 0.985) == 2.0
    assert quantile(values, counts, 1.0) == 3.0


def test_a_lost_core_takes_its_batch_with_it_and_the_others_catch_up() -> None:
    arrivals = steady(10_000, 60)
    cluster = Cluster(COSTS, 2, 2, bucket_shares(100, 64), 100)
    usual = simulate(arrivals, cluster, 2)
    slow = simulate(arrivals, cluster, 2, loss=Loss(20.0, 1, 2.0, 30.0))
    broken = next(batch for batch in slow if batch.began < 20 < batch.ended)
    assert broken.ended > 22  # begun again when it was noticed
    seconds = recovery(arrivals, slow, 20.0, settled=5.0)
    assert 30 < seconds < 35  # one core alone is slower than two
    gone = simulate(arrivals, cluster, 2, loss=Loss(20.0, 2, 10.0, 10.0))
    assert 10 < recovery(arrivals, gone, 20.0, settled=5.0) < 20
    with pytest.raises(ValueError, match="no micro-batch ended between"):
        recovery(arrivals, usual, 0.1)
    overloaded = simulate(arrivals, lambda n, cores: n * 1.5e-4, 2)
    with pytest.raises(ValueError, match="no micro-batch behind the loss"):
        recovery(arrivals, overloaded, 20.0)
