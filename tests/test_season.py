"""Seasons are found where there are some, by distances that are what their definition says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.kernels import season
from lstmwidgets.kernels.recent import LAGS, SEEN
from lstmwidgets.kernels.recent import remember as remember_target
from lstmwidgets.online import LSTMForecaster, LSTMRegressor
from lstmwidgets.saving import from_bytes, to_bytes

from .kernel_calls import from_python

learn_distances = from_python(season.learn_distances)

NOISE = np.random.default_rng(0).normal(size=2000)


def wave(period: float, events: int, height: float = 10.0) -> Any:
    n = np.arange(events)
    turns = 2 * math.pi * n / period
    return height * (np.sin(turns) + 0.5 * np.sin(3 * turns)) + NOISE[:events]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 29), st.integers(2, 150))
def test_distances_are_means_over_all_events(seed: int, longest: int, events: int) -> None:
    values = np.random.default_rng(seed).normal(size=events)
    past, distances = np.zeros(LAGS + 32), np.zeros((2, longest))
    for y in values:
        learn_distances(y, 0.05, past, distances)
        remember_target(past, y, 0.0)
    assert past[SEEN] == events
    for kind, numbers in enumerate((values, np.diff(values))):
        most = min(longest, len(numbers) - 1)
        for lag in range(1, most + 1):
            apart = np.minimum(np.abs(numbers[lag:] - numbers[:-lag]), 0.05 * season.FAR)
            assert distances[kind, lag - 1] == pytest.approx(apart.mean(), rel=1e-9)
        assert not distances[kind, max(most, 0) :].any()


def found(values: Any) -> list[int]:
    """Return the season after each event."""
    model = LSTMForecaster(hidden_size=2, window=2, seed=1)
    seasons = []
    for y in values:
        model.learn_one(float(y))
        seasons.append(model.season or 0)
    return seasons


@pytest.mark.parametrize("period", [4, 7, 12, 24, 48, 96])
def test_a_season_is_found_after_a_few(period: int) -> None:
    seasons = found(wave(period, 6 * period))
    assert set(seasons[4 * period :]) == {period}


def test_a_longer_season_is_found_in_a_day_of_a_week() -> None:
    n = np.arange(1000)
    week = 10 * np.sin(2 * math.pi * n / 12) * np.where(n // 12 % 7 < 5, 1.0, 0.1)
    assert found(week + 0.3 * NOISE[:1000])[-1] == 84


def test_a_season_is_found_beside_a_trend() -> None:
    n = np.arange(60.0)
    values = 5 * n + 6 * np.sin(2 * math.pi * n / 12) + NOISE[:60]
    assert found(values)[-1] == 12


def test_a_longer_season_is_found_beside_the_one_that_is_given() -> None:
    n = np.arange(600)
    values = 10 * np.sin(2 * math.pi * n / 12) * np.where(n // 12 % 7 < 5, 1.0, 0.1)
    values = values + 0.3 * NOISE[:600]
    model = LSTMForecaster(seasonality=12, hidden_size=2, seed=1)
    errors = []
    for y in values:
        errors.append(abs(model.forecast(1)[0] - y))
        model.learn_one(float(y))
    assert model.season == 12
    assert np.mean(errors[-84:]) < 0.7  # one week knows of no weekend: 2 and more


def test_another_season_is_found_too() -> None:
    seasons = found([*wave(12, 300), *wave(20, 1500)])
    assert seasons[299] == 12
    assert seasons[1000] % 20 == 0  # 60 is one of either


def test_a_season_stays_unless_another_is_clearly_better() -> None:
    """Of 23.5 events, 23 and 24 are about as near."""
    seasons = np.array(found(wave(23.5, 1500)))
    assert np.count_nonzero(np.diff(seasons[100:])) <= 2


def test_where_there_is_none_none_is_found() -> None:
    for values in (NOISE, np.cumsum(NOISE), np.arange(500.0), np.ones(500)):
        assert np.mean(np.array(found(values)) > 0) < 0.1


def test_a_season_that_is_given_is_kept_and_1_is_none() -> None:
    for given_, expected in ((10, 10), (1, None)):
        model = LSTMForecaster(seasonality=given_, hidden_size=2, seed=1)
        for y in wave(24, 300):
            model.learn_one(float(y))
        assert model.season == expected
    assert "season ago" not in LSTMForecaster(seasonality=1).shares
    assert LSTMForecaster(seasonality=7, experts=False).season == 7
    assert LSTMForecaster(experts=False).season is None


def errors(values: Any, seasonality: int | None) -> float:
    model, total = LSTMForecaster(seasonality=seasonality, hidden_size=4, seed=1), 0.0
    for n, y in enumerate(values):
        total += abs(model.forecast(1)[0] - y) if n > len(values) // 2 else 0.0
        model.learn_one(float(y))
    return total


def test_what_is_found_is_worth_nearly_what_is_given() -> None:
    values = wave(24, 800)
    told, alone, none = (errors(values, seasonality) for seasonality in (24, None, 1))
    assert alone < 1.05 * told
    assert alone < 0.8 * none


def test_it_is_kept_and_goes_on_bit_for_bit() -> None:
    model = LSTMForecaster(hidden_size=4, seed=1)
    for y in wave(24, 100):
        model.learn_one(float(y))
    same = from_bytes(to_bytes(model))
    for y in wave(24, 300)[100:]:
        assert same.forecast(5) == model.forecast(5)
        same.learn_one(float(y))
        model.learn_one(float(y))
    assert same.season == model.season == 24
    assert same.shares == model.shares
    assert "seasonal change" not in LSTMRegressor(4).shares
