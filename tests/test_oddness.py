"""What is odd to the anomaly detector: distances, tails and runs are what their definitions say."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.kernels import novelty, stillness, tails
from lstmwidgets.online import LSTMAnomalyDetector

from .kernel_calls import from_python

look, remember = from_python(novelty.look), from_python(novelty.remember)
improbability, learn_size = from_python(tails.improbability), from_python(tails.learn_size)
still, learn_run = from_python(stillness.stillness), from_python(stillness.learn_run)

EVENTS = 60


def nearest(rows: Any, reach: int) -> Any:
    """Return what `look` says of each event, by the definition: (T, 2)."""
    count, columns = rows.shape
    said = np.full((count, 2), novelty.UNKNOWN)
    distances = np.zeros((2, count))
    units, changes = np.zeros(columns), np.zeros(columns)
    for t in range(count):
        there = ~np.isnan(rows[t]) & (units > 0)
        common = units[units > 0][0] if (units > 0).any() else 0.0
        known = min(t, reach)
        for k in range(1, known + 1):
            apart = np.nan_to_num(np.abs(rows[t] - rows[t - k]))[there] * common / units[there]
            apart = apart.mean() if there.any() else 0.0
            for n, a in enumerate(novelty.MEMORIES):
                distances[n, k] = a * distances[n, k] + (1 - a) * apart
        for n in range(2):
            last = min(known, t - novelty.MATURE[n])
            if last >= novelty.NEAREST[n]:
                said[t, n] = distances[n, novelty.NEAREST[n] : last + 1].min()
        for column in range(columns if t else 0):
            change = abs(rows[t, column] - rows[t - 1, column])
            if not np.isnan(change):
                changes[column] += 1
                if units[column] > 0:
                    change = min(change, 10 * units[column])
                rate = max(1 / changes[column], novelty.RATE)
                units[column] += rate * (change - units[column])
    return said


def said_of(rows: Any, reach: int) -> Any:
    columns = rows.shape[1]
    flat, apart = np.zeros(1 + 2 * columns + (2 * columns + 2) * reach), np.zeros(reach)
    own, watched, least = novelty.history(columns, flat, apart), np.arange(columns), np.zeros(2)
    said = []
    for row in rows:
        look(row, watched, own, least)
        said.append(least.copy())
        look(row, watched, own, least)  # again: it changes nothing
        assert np.array_equal(least, said[-1])
        remember(row, watched, own)
    return np.array(said)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3), st.sampled_from([7, 20, 100]), st.integers(0, 2**32 - 1), st.floats(0, 0.3)
)
def test_distances_are_those_to_the_nearest_past(
    columns: int, reach: int, seed: int, missing: float
) -> None:
    random = np.random.default_rng(seed)
    rows = np.cumsum(random.normal(size=(EVENTS, columns)), 0).round(1)
    rows[random.random(rows.shape) < missing] = np.nan
    np.testing.assert_allclose(said_of(rows, reach), nearest(rows, reach), rtol=1e-9, atol=1e-12)


def test_one_column_is_compared_as_it_is() -> None:
    rows = np.random.default_rng(1).normal(size=(EVENTS, 1))
    said, of_large = said_of(rows, 100), said_of(1e6 * rows, 100)
    np.testing.assert_allclose(of_large[said >= 0], 1e6 * said[said >= 0], rtol=1e-9)
    assert np.array_equal(said < 0, of_large < 0)


def test_a_history_that_grows_keeps_the_columns_it_had() -> None:
    random, reach = np.random.default_rng(2), novelty.reach(1)
    flat = np.zeros(novelty.length(1))
    own, least = novelty.history(1, flat, np.zeros(reach)), np.zeros(2)
    values = random.normal(size=(reach + 50, 1))
    for row in values:
        look(row, np.arange(1), own, least)
        remember(row, np.arange(1), own)
    for columns in (1, 2, 9):
        new_reach = novelty.reach(columns)
        grown = novelty.grown(flat, 1, columns)
        new = novelty.history(columns, grown, np.zeros(new_reach))
        assert new.counts[0] == len(values)
        newest = [new.past[0, n % new_reach] for n in range(len(values) - 20, len(values))]
        assert newest == values[-20:, 0].tolist()
        assert np.array_equal(new.past[:, :new_reach], new.past[:, new_reach:], equal_nan=True)
        assert np.isnan(new.past[1:]).all()
        assert np.array_equal(new.distances, own.distances[:, :new_reach])
        look(np.array([0.5] * columns), np.arange(columns), new, least)
        assert np.isfinite(least).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(60, 600))
def test_improbability_is_the_share_of_sizes_as_large(seed: int, count: int) -> None:
    sizes = np.random.default_rng(seed).lognormal(size=count)
    histogram = np.full(tails.BINS, 1 / tails.BINS)
    for size in sizes:
        learn_size(size, histogram)
    for size in np.quantile(sizes, [0.05, 0.3, 0.7]):
        share = (np.count_nonzero(sizes >= size) + 1) / (count + 1)
        assert improbability(size, histogram) == pytest.approx(-math.log10(share), abs=0.12)
    grid = np.geomspace(1e-6, 1e6, 200)
    said = [improbability(size, histogram) for size in grid]
    assert np.all(np.diff(said) > -0.05)  # a step where the tail's estimate takes over
    assert 0 <= said[0] < 0.01
    assert np.all(np.isfinite(said))


def test_a_tail_falls_as_it_has_fallen() -> None:
    sizes = 1 / np.random.default_rng(3).random(8000) ** 0.5  # P(size > s) = 1 / s²
    histogram = np.full(tails.BINS, 1 / tails.BINS)
    for size in sizes:
        learn_size(size, histogram)
    for size in (10.0, 100.0, 1000.0):
        assert improbability(size, histogram) == pytest.approx(2 * math.log10(size), rel=0.2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_runs_are_counted_when_they_end(repeats: list[bool]) -> None:
    runs, before, run = np.zeros(stillness.LENGTH), [], 0
    for one in repeats:
        said = still(one, runs)
        if one:
            least = 2 ** int(math.log2(run + 1))
            had = least
            while had > 1 and not any(length >= had for length in before):
                had //= 2
            share = (sum(length >= had for length in before) + 1) / (len(before) + 2)
            assert said == pytest.approx(-math.log10(share * had / least))
        else:
            assert said == 0
        learn_run(one, runs)
        if one:
            run += 1
        else:
            before += [*range(1, run + 1), 0]  # how long the run was at each of its events
            run = 0


def wave(events: int, seed: int = 0) -> list[dict[str, float]]:
    noise = np.random.default_rng(seed).normal(size=events)
    return [{"level": 5 * math.sin(n / 4) + float(noise[n])} for n in range(events)]


def learned(events: Any, **options: Any) -> LSTMAnomalyDetector:
    model = LSTMAnomalyDetector(hidden_size=4, seed=1, **options)
    for x in events:
        model.learn_one(x)
    return model


def test_too_calm_is_odd_as_well() -> None:
    events = wave(600)
    model = learned(events, lasting=0)
    assert model.score_one(events[-1]) < 0.99
    for _ in range(60):
        model.learn_one(events[-1])
    assert model.score_one(events[-1]) > 0.99
    steady = learned([{"level": 1.0}] * 600)
    assert steady.score_one({"level": 1.0}) < 0.9  # it has never been otherwise


def test_what_lasts_is_no_news() -> None:
    for lasting, expected in ((30, 0.0), (0, 0.99)):
        model = learned(wave(600), lasting=lasting)
        assert model.score_one({"level": 40.0}) > 0.999
        model.learn_one({"level": 40.0})
        after = model.score_one({"level": -35.0})
        assert after == expected if lasting else after > expected
        assert model.score_one({"level": 4000.0}) > 0.999  # odder
    with pytest.raises(ValueError, match="lasting must be a whole number from 0 on, got -1"):
        LSTMAnomalyDetector(lasting=-1)


def test_times_are_read_and_not_odd() -> None:
    begin = datetime(2026, 1, 1)
    events = [x | {"at": begin + timedelta(hours=n)} for n, x in enumerate(wave(400))]
    model, alone = learned(events), learned(wave(400))
    assert len(model._watched) == 1
    assert np.array_equal(model._past, alone._past, equal_nan=True)
    usual = events[-1]["level"]
    other = {"level": usual, "at": begin + timedelta(days=200, minutes=7)}
    assert model.score_one(other) < 0.99


def test_a_stream_that_is_put_back_goes_on_as_it_would_have() -> None:
    first, second = wave(300), wave(300, seed=5)
    model = learned(first)
    before = model.get_stream()
    scores = [model.score_one(x) for x in first[:5]]
    for x in second[:40]:
        model.step_one(x)
    model.set_stream(before)
    assert [model.score_one(x) for x in first[:5]] == scores
    model.learn_one({"level": 1.0, "further": 2.0})
    model.set_stream(before)  # of fewer features
    assert model.score_one(first[0]) >= 0
    model.reset_stream()
    assert model.score_one({"level": 1e6}) == 0.0
    wider = copy.deepcopy(model)
    wider.learn_one({"level": 1.0, "third": 1.0})
    with pytest.raises(ValueError, match="the state is of 3 features, and the model has 2"):
        model.set_stream(wider.get_stream())


def test_a_score_changes_nothing() -> None:
    model = learned(wave(200))
    before = pickle.dumps(model)
    for level in (0.0, 100.0, math.nan, -3.0):
        model.score_one({"level": level})
    assert pickle.dumps(model) == before
