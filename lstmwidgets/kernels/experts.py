"""Cheap forecasts of a stream's next target, and the mixture of them with a network's forecast.

All linear algebra takes place in units of the stream's typical change, so that a target's scale
means nothing. Everything is float64. Sizes: D regressors, K cheap experts, C linear ones among
them; `ExpertArrays` has the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_too, inlined
from .least_squares import VARIANCE, forget, regress
from .mixture import WEIGHT, reward
from .recent import SEEN
from .regressors import BOUND, LONGER, OWN, SEASONAL, look_back, season_ago, seasonal_change, target
from .scaling import within
from .season import OFTEN, clearest, learn_distances, longer
from .views import part

Array = NDArray[Any]

CHANGES, UNIT, WILD, MEAN, TARGETS, GIVEN, SEASON, LONGER_SEASON, SCALARS = range(9)
"""Places in `scalars`, and how many there are: changes learned, their typical size, how many were
far beyond it in a row, the running mean of the targets, and of how many; whether the season is a
given one, how many events it has, and how many a longer one, 0 where there is none."""

LONGEST, REGRESSORS, CHEAP, SOUGHT, RING = range(5)
"""Places in `shape`: the longest season there can be, D and K, up to which season is looked for,
and how many targets are remembered; without experts all are 0."""

FORGETTING = (1.0, 0.98)
"""By how much linear experts discount the past with every event: all but the last, and that."""

MEAN_CHANGE = 4
"""The place among seasonal experts of the mean change, from which a linear one starts."""

RATE = 0.005
"""The typical change follows at least this fast."""


class ExpertArrays(NamedTuple):
    """The arrays of a mixture of experts, in the order of `experts`.

    Attributes
    ----------
    shape : ndarray
        Integers, (5,).
    scalars : ndarray
        (8,).
    coefficients, covariances : ndarray
        Of the linear experts, (C, D), and for each entry of `FORGETTING`, (2, D, D).
    mixture : ndarray
        See `lstmwidgets.kernels.mixture`: the K cheap experts, then the two of the second stage,
        which are the cheap experts' mixture and the network, (4, K + 2).
    distances : ndarray
        See `.season`, (2, LONGEST) or (2, 0).
    forecasts, pair, regressors, gain : ndarray
        Written by every event, (K,), (2,), (D,) and (D,).
    """

    shape: Array
    scalars: Array
    coefficients: Array
    covariances: Array
    mixture: Array
    distances: Array
    forecasts: Array
    pair: Array
    regressors: Array
    gain: Array


@compiled_too
def linear(shape: Array) -> int:
    """Return how many linear experts there are: one reads changes from the mean of seasons."""
    count: int = 2 + (shape[LONGEST] > 0)
    return count


@compiled_too
def kept(shape: Array) -> int:
    """Return how many numbers experts keep; those that every event writes come behind them."""
    size, cheap = shape[REGRESSORS], shape[CHEAP]
    models = (linear(shape) + len(FORGETTING) * size) * size
    total: int = SCALARS + models + 4 * (cheap + 2) + 2 * shape[SOUGHT]
    return total


@compiled_too
def experts(shape: Array, flat: Array) -> ExpertArrays:
    """Return experts' arrays as views of one, with ``kept(shape) + K + 2 + 2 D`` numbers."""
    size, cheap, sought = shape[REGRESSORS], shape[CHEAP], shape[SOUGHT]
    covariances = SCALARS + linear(shape) * size
    mixture = covariances + len(FORGETTING) * size * size
    distances = mixture + 4 * (cheap + 2)
    made = distances + 2 * sought
    z = made + cheap + 2
    return ExpertArrays(
        shape,
        part(flat, 0, (SCALARS,)),
        part(flat, SCALARS, (linear(shape), size)),
        part(flat, covariances, (len(FORGETTING), size, size)),
        part(flat, mixture, (4, cheap + 2)),
        part(flat, distances, (2, sought)),
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
        _learn_linear(y, centre, own)
    if shape[SOUGHT] > 0:
        _seek_season(y, own, past)
    _describe(y, own.scalars, past)


@inlined
def _last(own: ExpertArrays, past: Array) -> float:
    """Return the last target; where a stream begins, the mean stands for it."""
    seen = int(past[SEEN])
    last: float = target(past, seen - 1) if seen > 0 else own.scalars[MEAN]
    return last


@compiled
def _forecast(x: Array, last: float, own: ExpertArrays, past: Array) -> None:
    """Write the cheap experts' forecasts and the regressors."""
    forecasts, z = own.forecasts, own.regressors
    unit, seen = own.scalars[UNIT], int(past[SEEN])
    season = int(own.scalars[SEASON])
    seasonal = own.shape[LONGEST] > 0
    seasons = own.scalars[SEASON : SEASON + 2 * seasonal]
    count, models = forecasts.shape[0], own.coefficients.shape[0]
    forecasts[0], forecasts[1] = last, own.scalars[MEAN]
    look_back(x, past, seen, 1, seasons, last, own.scalars[MEAN], unit, z)
    if seasonal:
        forecasts[2] = season_ago(past, seen, 1, season, last)
        forecasts[3] = last + z[OWN + 1] * unit
        forecasts[MEAN_CHANGE] = last + seasonal_change(past, seen, 1, season)
    for n in range(models):
        change = 0.0
        for k in range(z.shape[0]):
            change += own.coefficients[n, k] * z[k]
        centre = forecasts[MEAN_CHANGE] if n == 1 and seasonal else last
        forecasts[count - models + n] = centre + change * unit
    for k in range(count):
        forecasts[k] = within(forecasts[k], last, BOUND * unit)


@compiled
def _learn_linear(y: float, last: float, own: ExpertArrays) -> None:
    """Let the linear experts learn; `pair` has been read and serves as scratch."""
    targets, models = own.pair, own.coefficients.shape[0]
    unit = own.scalars[UNIT]
    targets[0] = within((y - last) / unit, 0.0, BOUND)
    recent = models - 1
    if own.shape[LONGEST] > 0:
        targets[1] = within((y - own.forecasts[MEAN_CHANGE]) / unit, 0.0, BOUND)
    z, gain = own.regressors, own.gain
    for n in range(len(FORGETTING)):
        first, end = (0, recent) if n == 0 else (recent, models)
        coefficients = own.coefficients[first:end]
        regress(
            z,
            targets[: end - first],
            FORGETTING[n],
            VARIANCE,
            coefficients,
            own.covariances[n],
            gain,
        )


@inlined
def _mean(values: Array, weights: Array, centre: float) -> float:
    """Return the weighted mean: exactly the centre if all values are."""
    shift = 0.0
    for k in range(values.shape[0]):
        shift += weights[k] * (values[k] - centre)
    return centre + shift


@compiled
def _seek_season(y: float, own: ExpertArrays, past: Array) -> None:
    """Look for a season and a longer one; what was learned of others is forgotten."""
    scalars, distances = own.scalars, own.distances
    learn_distances(y, scalars[UNIT], past, distances)
    seen = int(past[SEEN])
    if seen % OFTEN > 0:
        return
    season = int(scalars[SEASON])
    if scalars[GIVEN] == 0:
        season = clearest(seen, season, distances)
    if season != scalars[SEASON]:
        scalars[SEASON] = season
        _forget(OWN, SEASONAL, own)
    season = longer(season, seen, distances)
    if season != scalars[LONGER_SEASON]:
        scalars[LONGER_SEASON] = season
        _forget(OWN + SEASONAL, LONGER, own)


@compiled
def _forget(first: int, count: int, own: ExpertArrays) -> None:
    """Let some coefficients be as they were at the beginning."""
    for n in range(len(FORGETTING)):
        forget(first, count, VARIANCE, own.coefficients, own.covariances[n])


@compiled
def _describe(y: float, scalars: Array, past: Array) -> None:
    """Learn mean and typical change.

    An outlier moves the mean by no more than a typical change, and that by a few percent; but many
    in a row are the new scale, which is found within a few dozen events.
    """
    if past[SEEN] > 0:
        change, unit = abs(y - target(past, int(past[SEEN]) - 1)), scalars[UNIT]
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
