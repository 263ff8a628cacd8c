"""Cheap forecasts of a stream's next target, and the mixture of them with a network's forecast.

All linear algebra takes place in units of the stream's typical change, so that a target's scale
means nothing. Everything is float64. Sizes: D regressors, K cheap experts, m events a season
(0: none), given or found; n targets are looked back on. `ExpertArrays` has the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_too, inlined
from .mixture import WEIGHT, reward
from .recent import LAGS, SEEN
from .scaling import within
from .season import OFTEN, clearest, learn_distances
from .views import part

Array = NDArray[Any]

CHANGES, UNIT, WILD, MEAN, TARGETS, SEASON = range(6)
"""Places in `scalars`: changes learned, their typical size, how many were far beyond it in a row,
the running mean of the targets, and of how many; m."""

LONGEST, REGRESSORS, CHEAP, SOUGHT = range(4)
"""Places in `shape`: the longest season there can be, D and K, and up to which one is looked for;
without experts all are 0."""

SEASONAL = 4
"""How many regressors there are of a season ago."""

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


class ExpertArrays(NamedTuple):
    """The arrays of a mixture of experts, in the order of `experts`.

    Attributes
    ----------
    shape : ndarray
        Integers, (4,).
    scalars : ndarray
        (6,).
    linear : ndarray
        For each entry of `FORGETTING` the coefficients, then their covariance, (2, D + 1, D).
    mixture : ndarray
        See `lstmwidgets.kernels.mixture`: the K cheap experts, then the two of the second stage,
        which are the cheap experts' mixture and the network, (4, K + 2).
    distances : ndarray
        See `.season`, (LONGEST,) or (0,).
    forecasts, pair, regressors, gain : ndarray
        Written by every event, (K,), (2,), (D,) and (D,).
    """

    shape: Array
    scalars: Array
    linear: Array
    mixture: Array
    distances: Array
    forecasts: Array
    pair: Array
    regressors: Array
    gain: Array


@compiled_too
def kept(shape: Array) -> int:
    """Return how many numbers experts keep; those that every event writes come behind them."""
    size, cheap = shape[REGRESSORS], shape[CHEAP]
    total: int = 6 + len(FORGETTING) * (size + 1) * size + 4 * (cheap + 2) + shape[SOUGHT]
    return total


@compiled_too
def experts(shape: Array, flat: Array) -> ExpertArrays:
    """Return experts' arrays as views of one, with ``kept(shape) + K + 2 + 2 D`` numbers."""
    size, cheap, sought = shape[REGRESSORS], shape[CHEAP], shape[SOUGHT]
    linear = 6 + len(FORGETTING) * (size + 1) * size
    mixture = linear + 4 * (cheap + 2)
    made = mixture + sought
    z = made + cheap + 2
    return ExpertArrays(
        shape,
        part(flat, 0, (6,)),
        part(flat, 6, (len(FORGETTING), size + 1, size)),
        part(flat, linear, (4, cheap + 2)),
        part(flat, mixture, (sought,)),
        part(flat, made, (cheap,)),
        part(flat, made + cheap, (2,)),
        part(flat, z, (size,)),
        part(flat, z + size, (size,)),
    )


@inlined
def expect(x: Array, shape: Array, flat: Array, past: Array) -> float:
    """Return the cheap experts' forecast for an event; changes nothing but scratch.

    Parameters
    ----------
    x : ndarray
        Standardised features, zero where missing, (features,).
    shape, flat : ndarray
        See `experts`; `learn` reads what this leaves in ``forecasts`` and ``regressors``.
    past : ndarray
        What is remembered of the stream's targets; see `.recent`.
    """
    own = experts(shape, flat)
    if own.scalars[TARGETS] == 0:
        return 0.0
    centre = _last(own, past)
    _forecast(x, centre, own, past)
    count = own.forecasts.shape[0]
    base: float = _mean(own.forecasts, own.mixture[WEIGHT, :count], centre)
    return base


@inlined
def mix(network: float, base: float, shape: Array, flat: Array, past: Array) -> float:
    """Return the forecast of network and cheap experts together.

    Parameters
    ----------
    network : float
        The network's forecast; passed over if it is not finite.
    base : float
        What `expect` returned.
    shape, flat, past
        As of `expect`.
    """
    own = experts(shape, flat)
    if own.scalars[TARGETS] == 0 or not np.isfinite(network):
        return base
    bounded = within(network, _last(own, past), BOUND * own.scalars[UNIT])
    mixed: float = base + own.mixture[WEIGHT, own.mixture.shape[1] - 1] * (bounded - base)
    return mixed


@inlined
def learn(y: float, base: float, network: float, shape: Array, flat: Array, past: Array) -> None:
    """Learn the target of the event that `expect` has just seen; parameters as of `mix`.

    A stream's first target, and those before the first change, teach nothing but mean and scale.
    """
    own = experts(shape, flat)
    unit = own.scalars[UNIT]
    if past[SEEN] > 0 and unit > 0:
        centre, count = _last(own, past), own.forecasts.shape[0]
        pair, mixture = own.pair, own.mixture
        reward(own.forecasts, base, y, unit, mixture[:, :count])
        pair[0] = base
        pair[1] = base if not np.isfinite(network) else within(network, centre, BOUND * unit)
        reward(pair, _mean(pair, mixture[WEIGHT, count:], base), y, unit, mixture[:, count:])
        target = within((y - centre) / unit, 0.0, BOUND)
        for n in range(own.linear.shape[0]):
            _regress(own.regressors, target, FORGETTING[n], own.linear[n], own.gain)
    if shape[SOUGHT] > 0:
        _seek_season(y, own, past)
    _describe(y, own.scalars, past)


@inlined
def _last(own: ExpertArrays, past: Array) -> float:
    """Return the last target; where a stream begins, the mean stands for it."""
    last: float = _lag(past, 1) if past[SEEN] > 0 else own.scalars[MEAN]
    return last


@compiled
def _forecast(x: Array, last: float, own: ExpertArrays, past: Array) -> None:
    """Write the cheap experts' forecasts and the regressors."""
    forecasts, z = own.forecasts, own.regressors
    season, unit = int(own.scalars[SEASON]), own.scalars[UNIT]
    count, models = forecasts.shape[0], own.linear.shape[0]
    _look_back(x, own.shape[LONGEST], season, last, own.scalars, past, z)
    forecasts[0], forecasts[1] = last, own.scalars[MEAN]
    if own.shape[LONGEST] > 0:
        forecasts[2] = last + _change(past, season)
    for n in range(models):
        change = 0.0
        for k in range(z.shape[0]):
            change += own.linear[n, 0, k] * z[k]
        forecasts[count - models + n] = last + change * unit
    for k in range(count):
        forecasts[k] = within(forecasts[k], last, BOUND * unit)


@compiled
def _look_back(
    x: Array, longest: int, season: int, last: float, scalars: Array, past: Array, z: Array
) -> None:
    """Write the regressors: 1, distances and changes in units of the typical one, features.

    Those of a season ago are 0 as long as no season is found.
    """
    unit = scalars[UNIT]
    scale = 1.0 / unit if unit > 0 else 0.0
    seasonal = SEASONAL if longest > 0 else 0
    z[0] = 1.0
    z[1] = within((scalars[MEAN] - last) * scale, 0.0, BOUND)
    for n in range(2, 2 + RECENT + seasonal):  # changes just now, and then those of a season ago
        k = n - 1 if n < 2 + RECENT else season + n - RECENT - 4
        known = n < 2 + RECENT or season > 0
        z[n] = within(_change(past, k) * scale, 0.0, BOUND) if known else 0.0
    used = 2 + RECENT + seasonal
    if seasonal > 0:
        known = 0 < season < past[SEEN]
        residual = (_lag(past, season) - last) * scale if known else 0.0
        z[2 + RECENT] = within(residual, 0.0, BOUND)
    for k in range(z.shape[0] - used):
        z[used + k] = within(x[k], 0.0, BOUND)


@inlined
def _change(past: Array, k: int) -> float:
    """Return the k-th last change of the target; 0 if that is not known."""
    return _lag(past, k) - _lag(past, k + 1) if 0 < k < past[SEEN] else 0.0


@inlined
def _lag(past: Array, k: int) -> float:
    value: float = past[LAGS + (int(past[SEEN]) - k) % (past.shape[0] - LAGS)]
    return value


@inlined
def _mean(values: Array, weights: Array, centre: float) -> float:
    """Return the weighted mean: exactly the centre if all values are."""
    shift = 0.0
    for k in range(values.shape[0]):
        shift += weights[k] * (values[k] - centre)
    return centre + shift


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
def _seek_season(y: float, own: ExpertArrays, past: Array) -> None:
    """Look for a season; what was learned of another one is forgotten."""
    scalars = own.scalars
    learn_distances(y, scalars[UNIT], past, own.distances)
    if past[SEEN] % OFTEN > 0:
        return
    season = clearest(int(past[SEEN]), own.distances)
    if season != scalars[SEASON]:
        scalars[SEASON] = season
        for n in range(own.linear.shape[0]):
            _forget(2 + RECENT, SEASONAL, own.linear[n])


@compiled
def _forget(first: int, count: int, model: Array) -> None:
    """Let some coefficients be as they were at the beginning."""
    for k in range(first, first + count):
        model[0, k] = 0.0
        for j in range(model.shape[1]):
            model[1 + k, j] = model[1 + j, k] = 0.0
        model[1 + k, k] = VARIANCE


@compiled
def _describe(y: float, scalars: Array, past: Array) -> None:
    """Learn mean and typical change.

    An outlier moves the mean by no more than a typical change, and that by a few percent; but many
    in a row are the new scale, which is found within a few dozen events.
    """
    if past[SEEN] > 0:
        change, unit = abs(y - _lag(past, 1)), scalars[UNIT]
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
