"""The cheap experts learn what the formulas say, and their mixture costs nothing where it fails."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.series import series, tables
from lstmwidgets.kernels import experts as kernels
from lstmwidgets.kernels.mixture import FLOOR, MEMORY, WEIGHT
from lstmwidgets.kernels.mixture import reward as compiled_reward
from lstmwidgets.kernels.recent import remember
from lstmwidgets.online import experts as online
from lstmwidgets.online.experts import LARGEST_LINEAR

from .kernel_calls import from_python

NOTHING = np.zeros(0)
reward = from_python(compiled_reward)
expect, mix = from_python(kernels.expect), from_python(kernels.mix)
learn = from_python(kernels.learn)


class Experts(online.Experts):
    """Experts without an estimator around them."""

    def base(self, x: Any) -> float:
        return float(expect(x, *self.arrays, self.past[0]))

    def predict(self, x: Any, lstm: float) -> float:
        return float(mix(lstm, self.base(x), *self.arrays, self.past[0]))

    def learn(self, x: Any, y: float, lstm: float) -> None:
        base = self.base(x)
        learn(y, base, lstm, *self.arrays, self.past[0])
        remember(self.past[0], y, base)


def forecasts(experts: Experts, x: Any, y: Any, lstm: Any = None) -> list[float]:
    """Return prequential forecasts, with an LSTM's where there is one."""
    made = []
    for n in range(len(y)):
        told = math.nan if lstm is None else lstm[n]
        made.append(experts.predict(x[n], told))
        experts.learn(x[n], float(y[n]), told)
    return made


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def taught(seasonality: int | None = 5, events: int = 200) -> Experts:
    experts = Experts(3, seasonality)
    forecasts(experts, noise(events, 3), noise(events, seed=1), noise(events, seed=2))
    return experts


def streams() -> Iterator[tuple[str, int | None, Any, Any]]:
    for name, seasonality, values in series():
        yield name, seasonality, np.zeros((len(values), 0)), np.array(values)
    for name, events in tables():
        x = np.array([[row[key] for key in sorted(row, key=str)] for row, _ in events], float)
        count = np.arange(1.0, len(x) + 1)[:, None]
        mean = np.cumsum(x, 0) / count
        deviation = np.sqrt(np.maximum(np.cumsum(x**2, 0) / count - mean**2, 1e-12))
        scaled = np.clip((x - mean) / deviation, -5, 5)
        yield name, None, scaled, np.array([y for _, y in events])


def test_the_mixture_never_loses_to_the_last_value() -> None:
    ratios = {}
    for name, seasonality, x, y in streams():
        made = np.array(forecasts(Experts(x.shape[1], seasonality), x, y))
        assert np.isfinite(made).all(), name
        last = np.r_[0.0, y[:-1]]
        ratios[name] = np.abs(made - y).sum() / (np.abs(last - y).sum() or 1.0)
    assert max(ratios.values()) < 1.02, ratios
    for name, most in (("AirlinePassengers", 0.45), ("WaterFlow", 0.98), ("white noise", 0.75)):
        assert ratios[name] < most, (name, ratios[name])
    for name, most in (("Friedman", 0.4), ("linear and noise", 0.3), ("sign flips", 0.1)):
        assert ratios[name] < most, (name, ratios[name])


def test_weights_are_those_of_the_formula() -> None:
    prior, predictions, targets = np.array([0.7, 0.2, 0.1]), noise(300, 3), noise(300, seed=1)
    mixture = np.zeros((4, 3))
    mixture[0] = mixture[WEIGHT] = prior
    regret, squares, weight = np.zeros(3), np.zeros(3), prior
    eta = np.full(3, 0.5)
    for f, y in zip(predictions, targets, strict=True):
        mixed = float(weight @ f)
        reward(f, mixed, y, 0.7, mixture)
        r = np.clip(np.sign(y - mixed) * (f - mixed) / 0.7, -1, 1)
        regret = regret + r - eta * r**2
        squares = MEMORY * squares + r**2
        eta = np.minimum(0.5, np.sqrt((1 - np.log(prior)) / squares))
        regret = np.maximum(regret, -FLOOR / eta)
        weight = prior * eta * np.exp(eta * regret)
        weight = weight / weight.sum()
        np.testing.assert_allclose(mixture[WEIGHT], weight, rtol=1e-9)


def test_forecasts_scale_with_the_target() -> None:
    x, y, lstm = noise(300, 3), np.cumsum(noise(300, seed=1)), noise(300, seed=2)
    made = np.array(forecasts(Experts(3, 7), x, y, lstm))
    for factor in (1024.0, 2.0**-40, -2.0):  # powers of two: no rounding differs
        scaled = forecasts(Experts(3, 7), x, factor * y, factor * lstm)
        np.testing.assert_allclose(scaled, factor * made, rtol=1e-9)


def test_nothing_is_forecast_before_the_first_target() -> None:
    experts = Experts(2, 3)
    assert experts.base(np.ones(2)) == experts.predict(np.ones(2), 5.0) == 0.0
    assert sum(experts.shares.values()) == pytest.approx(1)
    assert tuple(experts.shares) == experts.names
    assert Experts(0).names[-1] == experts.names[-1] == "lstm"


def test_predicting_changes_nothing() -> None:
    experts = taught()
    before = pickle.dumps(experts)
    for told in (0.0, 1e30, math.nan, -math.inf):
        assert math.isfinite(experts.predict(np.array([1e30, -math.inf, math.nan]), told))
    assert pickle.dumps(experts) == before


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_goes_on_bit_for_bit(copied: Any) -> None:
    one = taught()
    other = copied(one)
    x, y, lstm = noise(50, 3, seed=5), noise(50, seed=6), noise(50, seed=7)
    assert forecasts(one, x, y, lstm) == forecasts(other, x, y, lstm)
    assert pickle.dumps(one) == pickle.dumps(other)


def test_a_state_holds_the_recent_past_alone() -> None:
    experts, x = taught(), np.zeros(3)
    before, past = experts.base(x), experts.past.copy()
    for y in (5.0, 6.0, 7.0):
        remember(experts.past[0], y, 0.0)
    assert experts.base(x) != before
    experts.past[:] = past
    assert experts.base(x) == before


def test_reset_keeps_what_was_learned() -> None:
    experts = taught()
    shares = experts.shares
    experts.past[:] = 0
    assert experts.shares == shares
    assert abs(experts.base(np.zeros(3))) < 1  # about the mean


def test_new_features_change_nothing_until_they_are_learned() -> None:
    experts = taught(None)
    before = experts.base(np.ones(3))
    experts.grow(5)
    assert experts.base(np.array([1.0, 1, 1, 9, 9])) == pytest.approx(before, rel=1e-12)
    experts.grow(LARGEST_LINEAR + 50)
    x = noise(500, LARGEST_LINEAR + 50)
    made = forecasts(experts, x, 10 * x[:, 4])
    assert np.abs(np.array(made) - 10 * x[:, 4])[-50:].mean() < 1


def test_huge_values_are_survived() -> None:
    y = noise(600) + 3
    y[200], y[300], y[310] = 1e30, -1e30, 1e-300
    x = noise(600, 2)
    x[250], x[260] = 1e30, math.nan
    lstm = np.where(np.arange(600) % 3 == 0, 1e30, math.nan)
    made = np.array(forecasts(Experts(2, 4), x, y, lstm))
    assert np.isfinite(made).all()
    late = np.abs(made - y)[450:].mean()
    assert late < 1.03 * np.abs(np.diff(y))[449:].mean()


def test_a_long_standstill_is_left_quickly() -> None:
    experts = Experts(0)
    y = np.r_[noise(300), np.full(20_000, 3.0), noise(300, seed=1)]
    made = np.array(forecasts(experts, np.zeros((len(y), 0)), y))
    late = slice(len(y) - 200, None)
    assert np.abs(made - y)[late].mean() < 0.85 * np.abs(np.diff(y, prepend=0.0))[late].mean()


def test_an_lstm_that_is_wild_costs_little_and_is_found_when_it_is_best() -> None:
    y = np.sin(np.arange(2000) ** 2 / 7.0)  # nothing that is linear finds it
    wild = np.where(np.arange(2000) < 1000, 100 * noise(2000), y)
    experts = Experts(0)
    without = np.abs(np.array(forecasts(Experts(0), [NOTHING] * 2000, y)) - y)
    made = np.abs(np.array(forecasts(experts, [NOTHING] * 2000, y, wild)) - y)
    assert made[:1000].sum() < 1.02 * without[:1000].sum()
    assert made[1100:].sum() < 0.1 * without[1100:].sum()
    assert experts.shares["lstm"] > 0.95


def test_an_lstm_that_turns_wild_is_left() -> None:
    y, flawed = noise(1000), noise(1000, seed=1)
    lstm = np.where(np.arange(1000) < 500, y, 100 * flawed)
    made = np.abs(np.array(forecasts(Experts(0), [NOTHING] * 1000, y, lstm)) - y)
    without = np.abs(np.array(forecasts(Experts(0), [NOTHING] * 1000, y)) - y)
    assert made[:500].sum() < 0.2 * without[:500].sum()
    assert made[600:].sum() < 1.05 * without[600:].sum()
