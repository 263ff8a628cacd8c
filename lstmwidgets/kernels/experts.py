"""Cheap forecasts of a stream's next target, and the mixture of them with a network's forecast.

All linear algebra takes place in units of the stream's typical change, so that a target's scale
means nothing. Everything is float64. A bundle of arrays describes one model:

lags : (n,)
    The last targets, a ring: the k-th last one lies at ``(seen - k) % n``.
scalars : (6,)
    Targets taken into the ring (`SEEN`), changes learned (`CHANGES`), their typical size (`UNIT`),
    how many were far beyond it in a row (`WILD`), the running mean of the targets (`MEAN`), and of
    how many (`TARGETS`).
linear : (2, D + 1, D)
    For each entry of `FORGETTING` the coefficients, then their covariance.
mixture : (4, K + 2)
    See `lstmwidgets.kernels.mixture`: the K cheap experts, then the two of the second stage, which
    are the cheap experts' mixture and the network.
scratch : (K + 2 + 2 D,)
    Anything.

Sizes: D regressors, K cheap experts, m events a season (0: none).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .mixture import WEIGHT, reward

Array = NDArray[Any]

SEEN, CHANGES, UNIT, WILD, MEAN, TARGETS = range(6)

RECENT = 3
"""How many of the last changes a linear expert reads."""

FORGETTING = (1.0, 0.98)
"""By how much each linear expert discounts the past with every event."""

VARIANCE = 0.1
"""Prior variance of the linear experts' coefficients."""

BOUND = 10.0
"""Regressors are cut off here, and forecasts so many typical changes from the last target: what a
wild expert can cost before its weight reacts is bounded."""

RATE = 0.005
"""The typical change follows at least this fast."""


@compiled
def expect(
    x: Array,
    season: int,
    lags: Array,
    scalars: Array,
    linear: Array,
    mixture: Array,
    scratch: Array,
) -> float:
    """Return the cheap experts' forecast for an event; changes nothing but scratch.

    Parameters
    ----------
    x : ndarray
        Standardised features, zero where missing, (features,).
    season, lags, scalars, linear, mixture, scratch
        See the module's page.
    """
    if scalars[TARGETS] == 0:
        return 0.0
    centre = _forecast(x, season, lags, scalars, linear, scratch)
    count = mixture.shape[1] - 2
    base: float = _mean(scratch[:count], mixture[WEIGHT, :count], centre)
    return base


@compiled
def mix(network: float, base: float, lags: Array, scalars: Array, mixture: Array) -> float:
    """Return the forecast of network and cheap experts together.

    Parameters
    ----------
    network : float
        The network's forecast; passed over if it is not finite.
    base : float
        What `expect` returned.
    lags, scalars, mixture
        See the module's page.
    """
    if scalars[TARGETS] == 0 or not np.isfinite(network):
        return base
    seen = int(scalars[SEEN])
    centre = _lag(lags, seen, 1) if seen > 0 else scalars[MEAN]
    bounded = _within(network, centre, BOUND * scalars[UNIT])
    mixed: float = base + mixture[WEIGHT, mixture.shape[1] - 1] * (bounded - base)
    return mixed


@compiled
def learn(
    x: Array,
    y: float,
    network: float,
    season: int,
    lags: Array,
    scalars: Array,
    linear: Array,
    mixture: Array,
    scratch: Array,
) -> None:
    """Learn an event's target and take it into the lags; parameters as of `expect` and `mix`.

    A stream's first target, and those before the first change, teach nothing but mean and scale.
    """
    unit = scalars[UNIT]
    if scalars[SEEN] > 0 and unit > 0:
        centre = _forecast(x, season, lags, scalars, linear, scratch)
        count, size = mixture.shape[1] - 2, linear.shape[2]
        forecasts = scratch[:count]
        base = _mean(forecasts, mixture[WEIGHT, :count], centre)
        reward(forecasts, base, y, unit, mixture[:, :count])
        pair = scratch[count : count + 2]
        z, gain = scratch[count + 2 : count + 2 + size], scratch[count + 2 + size :]
        pair[0] = base
        pair[1] = base if not np.isfinite(network) else _within(network, centre, BOUND * unit)
        reward(pair, _mean(pair, mixture[WEIGHT, count:], base), y, unit, mixture[:, count:])
        target = _cut((y - centre) / unit)
        for n in range(linear.shape[0]):
            _regress(z, target, FORGETTING[n], linear[n], gain)
    _describe(y, lags, scalars)
    observe(y, lags, scalars)


@compiled
def observe(y: float, lags: Array, scalars: Array) -> None:
    """Take a target into the lags; learn nothing."""
    seen = int(scalars[SEEN])
    lags[seen % lags.shape[0]] = y
    scalars[SEEN] = seen + 1


@compiled
def _forecast(
    x: Array, season: int, lags: Array, scalars: Array, linear: Array, scratch: Array
) -> float:
    """Leave the cheap experts' forecasts and the regressors in scratch; return the last target.

    In the order of scratch: the forecasts, two free places, the regressors. Where a stream begins,
    the mean stands for the last target.
    """
    seen, unit = int(scalars[SEEN]), scalars[UNIT]
    last = _lag(lags, seen, 1) if seen > 0 else scalars[MEAN]
    models, size = linear.shape[0], linear.shape[2]
    count = models + (3 if season > 0 else 2)
    z = scratch[count + 2 : count + 2 + size]
    _look_back(x, season, last, lags, scalars, z)
    scratch[0], scratch[1] = last, scalars[MEAN]
    if season > 0:
        scratch[2] = last + _change(lags, seen, season)
    for n in range(models):
        change = 0.0
        for k in range(size):
            change += linear[n, 0, k] * z[k]
        scratch[count - models + n] = last + change * unit
    for k in range(count):
        scratch[k] = _within(scratch[k], last, BOUND * unit)
    return last


@compiled
def _look_back(x: Array, season: int, last: float, lags: Array, scalars: Array, z: Array) -> None:
    """Write the regressors: 1, distances and changes in units of the typical one, features."""
    seen, unit = int(scalars[SEEN]), scalars[UNIT]
    scale = 1.0 / unit if unit > 0 else 0.0
    z[0] = 1.0
    z[1] = _cut((scalars[MEAN] - last) * scale)
    used = 2
    for k in range(1, RECENT + 1):
        z[used] = _cut(_change(lags, seen, k) * scale)
        used += 1
    if season > 0:
        z[used] = _cut((_lag(lags, seen, season) - last) * scale) if seen > season else 0.0
        used += 1
        for k in range(season - 1, season + 2):
            z[used] = _cut(_change(lags, seen, k) * scale)
            used += 1
    for k in range(z.shape[0] - used):
        z[used + k] = _cut(x[k])


@compiled
def _change(lags: Array, seen: int, k: int) -> float:
    """Return the k-th last change of the target; 0 if that is not known."""
    return _lag(lags, seen, k) - _lag(lags, seen, k + 1) if 0 < k < seen else 0.0


@compiled
def _lag(lags: Array, seen: int, k: int) -> float:
    value: float = lags[(seen - k) % lags.shape[0]]
    return value


@compiled
def _cut(value: float) -> float:
    return 0.0 if np.isnan(value) else min(max(value, -BOUND), BOUND)


@compiled
def _within(value: float, centre: float, reach: float) -> float:
    return centre if np.isnan(value) else min(max(value, centre - reach), centre + reach)


@compiled
def _mean(values: Array, weights: Array, centre: float) -> float:
    """Return the weighted mean: exactly the centre if all values are."""
    apart = 0.0
    for k in range(values.shape[0]):
        apart += weights[k] * (values[k] - centre)
    return centre + apart


@compiled
def _regress(z: Array, target: float, forgetting: float, model: Array, gain: Array) -> None:
    """Learn one event by recursive least squares with a prior and exponential forgetting.

    Haykin (2002), "Adaptive filter theory", 4th edition, table 9.1. The past is only discounted
    while the covariance is smaller than the prior's, so that it cannot wind up.
    """
    size = z.shape[0]
    spread, error = 1.0, target
    for k in range(size):
        total = 0.0
        for j in range(size):
            total += model[1 + k, j] * z[j]
        gain[k] = total
        spread += total * z[k]
        error -= model[0, k] * z[k]
    healthy = spread >= 1.0  # rounding may cost a covariance its definiteness: it starts afresh
    trace = 0.0
    for k in range(size):
        factor = gain[k] / spread
        if healthy:
            model[0, k] += factor * error
        for j in range(size):
            if healthy:
                model[1 + k, j] -= factor * gain[j]
            else:
                model[1 + k, j] = VARIANCE if j == k else 0.0
        trace += model[1 + k, k]
    if forgetting < 1.0 and trace <= forgetting * size * VARIANCE:
        for k in range(size):
            for j in range(size):
                model[1 + k, j] /= forgetting


@compiled
def _describe(y: float, lags: Array, scalars: Array) -> None:
    """Learn mean and typical change.

    An outlier moves the mean by no more than a typical change, and that by a few percent; but many
    in a row are the new scale, which is found within a few dozen events.
    """
    seen = int(scalars[SEEN])
    if seen > 0:
        change, unit = abs(y - _lag(lags, seen, 1)), scalars[UNIT]
        scalars[CHANGES] += 1
        if unit > 0:
            scalars[WILD] = scalars[WILD] + 1 if change > BOUND * unit else 0
            rate = max(1.0 / scalars[CHANGES], RATE) * 2.0 ** max(scalars[WILD] - 3, 0.0)
            rate = min(rate, 1.0)
            scalars[UNIT] += rate * (min(change, BOUND * unit) - unit)
        else:
            scalars[UNIT] = change / scalars[CHANGES]
    scalars[TARGETS] += 1
    step = (y - scalars[MEAN]) / scalars[TARGETS]
    unit = scalars[UNIT]
    scalars[MEAN] += min(max(step, -unit), unit) if unit > 0 else step
