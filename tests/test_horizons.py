"""Forecasts further ahead: what experts read and say, how they are weighed, what they are worth."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.kernels import horizons as kernels
from lstmwidgets.kernels import regressors
from lstmwidgets.kernels.recent import LAGS
from lstmwidgets.kernels.recent import remember as remember_target
from lstmwidgets.kernels.regressors import LONGER, OWN, RECENT, SEASONAL, SEASONS
from lstmwidgets.online import LSTMForecaster
from lstmwidgets.saving import from_bytes, to_bytes

from .kernel_calls import from_python

season_ago, drift = from_python(regressors.season_ago), from_python(regressors.seasonal_drift)
change, look_back = from_python(regressors.seasonal_change), from_python(regressors.look_back)

NOISE = np.random.default_rng(0).normal(size=3000)
WAVE = 10 * np.sin(2 * math.pi * np.arange(3000) / 12) + NOISE


def ring(values: Any, size: int = 256) -> Any:
    past = np.zeros(LAGS + size)
    for y in values:
        remember_target(past, y, 0.0)
    return past


def at(values: Any, n: int) -> float | None:
    """Return the target of event n, None where there is none."""
    return values[n] if 0 <= n < len(values) else None


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 80), st.integers(1, 40), st.integers(0, 12), st.data()
)
def test_what_is_read_is_what_the_definitions_say(
    seed: int, events: int, ahead: int, season: int, data: Any
) -> None:
    y = np.random.default_rng(seed).normal(size=events)
    past = ring(y)
    n = data.draw(st.integers(1, events))  # so many are known, as some events ago
    known, last = y[:n], y[n - 1]
    back = season * math.ceil(ahead / season) if season else 0
    then = n - 1 + ahead - back if season else -1
    before = n - 1 - back if season else -1

    like = at(known, then)
    assert season_ago(past, n, ahead, season, 7.0) == (7.0 if like is None else like)
    changes = [
        known[m + ahead] - known[m]
        for m in range(before, -1, -season or -1)
        if season and m + ahead < n
    ][:SEASONS]
    assert change(past, n, ahead, season) == pytest.approx(np.mean(changes) if changes else 0.0)
    lately = [known[m] - known[m - season] for m in range(n - 1, season - 1, -1) if season]
    lately = lately[: min(season, regressors.DRIFT)]
    moved = np.mean(lately) * back / season if lately else 0.0
    assert drift(past, n, ahead, season) == pytest.approx(moved)

    z, x = np.full(OWN + SEASONAL + LONGER + 2, 9.0), np.array([0.5])
    look_back(x, past, n, ahead, np.array([season, 0.0]), last, 0.3, 2.0, z)
    expected = [1.0, (0.3 - last) / 2]
    for k in range(RECENT):
        earlier = at(known, n - 2 - k)
        expected.append(0.0 if earlier is None else (known[n - 1 - k] - earlier) / 2)
    assert z[:OWN] == pytest.approx(expected)
    origin = at(known, before)
    if origin is None:
        assert not z[OWN : OWN + SEASONAL].any()
    else:
        assert z[OWN] == pytest.approx((known[then] - last) / 2)
        assert z[OWN + 1] == pytest.approx((known[then] - origin) / 2)
        later, sooner, twice = at(known, then + 1), at(known, before - 1), at(known, then - season)
        assert z[OWN + 2] == pytest.approx(0 if later is None else (later - known[then]) / 2)
        assert z[OWN + 3] == pytest.approx(0 if sooner is None else (origin - sooner) / 2)
        assert z[OWN + 4] == pytest.approx(0 if twice is None else (twice - last) / 2)
    assert not z[OWN + SEASONAL : OWN + SEASONAL + LONGER].any()
    assert z[-2:].tolist() == [0.5, 0.0]


def taught(values: Any, **options: Any) -> LSTMForecaster:
    model = LSTMForecaster(hidden_size=4, seed=1, **options)
    for y in values:
        model.learn_one(float(y))
    return model


def errors(values: Any, every: int = 5, **options: Any) -> Any:
    """Return mean absolute errors of 24 horizons over the second half, (24,)."""
    model, missed = LSTMForecaster(hidden_size=4, seed=1, **options), []
    for n, y in enumerate(values):
        model.learn_one(float(y))
        if len(values) // 2 <= n < len(values) - 24 and n % every == 0:
            missed.append(np.abs(np.array(model.forecast(24)) - values[n + 1 : n + 25]))
    return np.mean(missed, axis=0)


def test_a_season_and_noise_are_forecast_to_the_noise() -> None:
    best = math.sqrt(2 / math.pi)
    for options in ({"seasonality": 12}, {}):
        missed = errors(WAVE[:1200], **options)
        assert missed.mean() < 1.15 * best
        assert missed.max() < 1.5 * best


def test_a_walk_is_forecast_by_its_last_value() -> None:
    walk = np.cumsum(NOISE[:1000])
    origins = np.arange(500, 975, 5)
    last = [np.abs(walk[origins + h] - walk[origins]).mean() for h in range(1, 25)]
    assert (errors(walk) < 1.1 * np.array(last)).all()


def test_each_horizon_learns_what_iterating_would_not() -> None:
    """The value of twelve steps ago comes back with the other sign; changes a step say nothing."""
    y = np.zeros(1200)
    for n in range(1200):
        y[n] = -0.9 * y[n - 12] + NOISE[n]
    direct = errors(y, seasonality=12)
    spread = np.abs(y[700:]).mean()
    assert direct[:12].max() < 0.6 * spread


def test_features_known_ahead_are_read() -> None:
    random = np.random.default_rng(2)
    x = random.normal(size=1200)
    y = 3 * x + 0.1 * random.normal(size=1200)
    model = LSTMForecaster(hidden_size=4, seed=1)
    told, missed, without = [], [], []
    for n in range(1200):
        model.learn_one(float(y[n]), {"x": float(x[n])})
        if n > 600 and n < 1190 and n % 10 == 0:
            xs = [{"x": float(value)} for value in x[n + 1 : n + 7]]
            told = model.forecast(6, xs)
            missed.append(np.abs(told - y[n + 1 : n + 7])[1:])
            without.append(np.abs(np.array(model.forecast(6)) - y[n + 1 : n + 7])[1:])
    assert np.mean(missed) < 0.3 * np.mean(without)


def test_weights_are_those_of_the_formula() -> None:
    model = taught(WAVE[:400], seasonality=12)
    horizons = model._horizons
    assert horizons is not None
    horizons.made[:] = 0.0  # let it be made anew
    row = horizons._views.learned[10]  # twelve steps ahead
    said = model.forecast(12)[11]
    forecasts = horizons._views.forecasts
    power = int(kernels.POWER * min(1.0, row[kernels.COUNT] / (kernels.ENOUGH * 12)))
    assert power == kernels.POWER
    missed = row[kernels.ERRORS :]
    weights = np.array(kernels.SEASONAL_PRIOR) * (missed.min() / missed) ** power
    assert said == pytest.approx(weights @ forecasts / weights.sum())


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_hold_what_they_promise_at_every_horizon(coverage: float) -> None:
    inside, model = [], LSTMForecaster(seasonality=12, hidden_size=4, seed=1)
    for n, y in enumerate(WAVE[:1200]):
        model.learn_one(float(y))
        if 200 < n < 1170 and n % 5 == 0:
            bounds = np.array(model.forecast_interval(24, coverage=coverage))
            coming = WAVE[n + 1 : n + 25]
            inside.append((bounds[:, 0] <= coming) & (coming <= bounds[:, 1]))
    assert np.abs(np.mean(inside, axis=0) - coverage).mean() < 0.04


def test_beyond_the_last_horizon_forecasts_go_on_and_intervals_grow() -> None:
    model = taught(WAVE[:600], seasonality=12)
    assert np.abs(np.array(model.forecast(60)) - model.forecast(120)[:60]).max() == 0
    far = np.array(model.forecast(120)).reshape(10, 12)
    assert np.abs(far[3:] - far[2]).max() < 3
    bounds = np.array(model.forecast_interval(96))
    width = bounds[:, 1] - bounds[:, 0]
    assert width[95] == pytest.approx(2 * width[23])


def test_what_was_forecast_while_learning_is_what_is_forecast_when_asked() -> None:
    model = taught(WAVE[:100])
    experts, horizons = model._experts, model._horizons
    assert experts is not None
    assert horizons is not None
    said, due = model.forecast(24), np.zeros(24)
    assert horizons.has_made(experts, due)
    assert said[1:] == due[1:].tolist() == model.forecast(25)[1:24]
    horizons.made[:] = 0.0  # then all is made anew
    assert not horizons.has_made(experts, due)
    assert model.forecast(24) == said


def test_asking_changes_nothing() -> None:
    model = taught(WAVE[:200])
    before = pickle.dumps(model)
    model.forecast(40)
    model.forecast_interval(40)
    assert pickle.dumps(model) == before


def test_saved_copied_and_put_back_it_goes_on_bit_for_bit() -> None:
    model = taught(WAVE[:300])
    stream, data = model.get_stream(), model.stream_to_bytes()
    others = [from_bytes(to_bytes(model)), copy.deepcopy(model), copy.deepcopy(model)]
    put, moved = copy.deepcopy(model), copy.deepcopy(model)
    for other in (put, moved):
        other.reset_stream()
        assert other.forecast(3) != model.forecast(3)
    put.set_stream(stream)
    moved.stream_from_bytes(data)
    for y in WAVE[300:400]:
        for other in (model, *others, put, moved):
            other.learn_one(float(y))
    for other in (*others, put, moved):
        assert other.forecast_interval(30) == model.forecast_interval(30)
        assert other.shares == model.shares


def test_a_stream_of_another_length_is_refused() -> None:
    model = taught(WAVE[:60])
    with pytest.raises(ValueError, match="not the numbers of a stream"):
        model.stream_from_bytes(model.stream_to_bytes()[:-8])


def test_missing_values_and_wild_ones_are_survived() -> None:
    values = WAVE[:900].copy()
    values[[300, 500]] = 1e30, -1e12
    model = LSTMForecaster(hidden_size=4, seed=1)
    for n, y in enumerate(values):
        model.learn_one(None if 400 < n < 420 else float(y))
        assert n % 7 or np.isfinite(model.forecast(30)).all()
    coming = WAVE[900:924]
    assert np.abs(np.array(model.forecast(24)) - coming).mean() < 2


def test_scale_means_nothing() -> None:
    said = np.array(taught(WAVE[:300]).forecast(24))
    for factor in (1024.0, 2.0**-40):
        scaled = np.array(taught(factor * WAVE[:300]).forecast(24))
        np.testing.assert_allclose(scaled[1:], factor * said[1:], rtol=1e-9)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1.0, 2.5, -3.0, 0.0, 40.0, None, math.nan]),
            st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from([0.5, "p", None])),
        ),
        max_size=25,
    ),
    st.booleans(),
)
def test_predicting_and_learning_in_one_is_one_after_the_other(
    events: list[tuple[float | None, dict[str, Any]]], experts: bool
) -> None:
    both, apart = (LSTMForecaster(hidden_size=4, seed=1, experts=experts) for _ in range(2))
    for y, x in events:
        (expected,) = apart.forecast(1, [x])
        apart.learn_one(y, x)
        assert both.predict_and_learn_one(y, x) == expected
    assert both.forecast(5) == apart.forecast(5)
    assert pickle.dumps(both) == pickle.dumps(apart)
