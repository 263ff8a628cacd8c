"""Forecasts some steps ahead, each made and weighed by what has come true so many steps ahead.

A forecast one step ahead that is fed with its own forecasts repeats its errors. Here each horizon h
has experts of its own that read what is known h steps before; linear ones are learned by what came.
All is in units of the typical change over h events. An expert's weight comes of its mean absolute
error e so far,

    w ∝ π (min e / e)^p

which is Bates & Granger's (1969, "The combination of forecasts") with a higher power and a prior:
with few errors the power is lower, of n errors h steps ahead n / h being independent.

Sizes: horizons 2 to H, K experts, M linear ones, D regressors; `HorizonArrays` has the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, compiled_too, kernel
from .experts import LONGEST, MEAN, SEASON, ExpertArrays, experts
from .least_squares import VARIANCE, forget, regress
from .quantiles import SIZE, learn_error
from .recent import SEEN
from .regressors import (
    BOUND,
    FURTHEST,
    LONGER,
    OWN,
    SEASONAL,
    look_back,
    season_ago,
    seasonal_change,
    seasonal_drift,
    target,
)
from .scaling import standardise, within
from .views import part

Array = NDArray[Any]

AHEAD = FURTHEST
"""The longest horizon H that has experts of its own; theirs serve for longer ones."""

PRIOR = (0.65, 0.05, 0.3)
"""Prior weights of the last target, the mean of all and a linear expert, where no season can be."""

SEASONAL_PRIOR = (0.1, 0.02, 0.2, 0.05, 0.2, 0.1, 0.15, 0.18)
"""Those of the last target, the mean, the target a season ago and a longer one ago, the mean change
of four seasons, a season ago and its drift; linear experts from the last target and from that mean
change on."""

MEAN_CHANGE = 4
"""The place among them of the mean change, from which the last linear expert starts."""

POWER, ENOUGH = 12, 8.0
"""The power p, and the number of independent errors that it takes for it."""

RATE = 0.003
"""Mean errors and typical changes follow at least this fast."""

WILD = 10.0
"""An error counts as so many typical changes at most."""

TINY = 1e-9
"""Errors below so many typical changes are all alike."""

COUNT, UNIT, ERRORS = range(3)
"""Places in a row of `learned`: how many targets were learned at this horizon, the typical change,
and where the mean errors begin."""

FORECAST, AT_THE_TIME = range(2)
"""Places in `made`: what was forecast, and the size of errors at the time."""


class HorizonArrays(NamedTuple):
    """What experts of each horizon have learned.

    Attributes
    ----------
    seasons : ndarray
        The two seasons that the linear experts have read, (2,).
    learned : ndarray
        (H - 1, 2 + K); see `COUNT`.
    coefficients, covariances : ndarray
        Of the linear experts, (H - 1, M, D) and (H - 1, D, D).
    made : ndarray
        The forecasts at the last H events, those made with n targets known at n % H, from two steps
        ahead on; in the place of one step is n. (H, H, 2)
    forecasts, targets, z, gain : ndarray
        Scratch, (K,), (M,), (D,), (D,).
    """

    seasons: Array
    learned: Array
    coefficients: Array
    covariances: Array
    made: Array
    forecasts: Array
    targets: Array
    z: Array
    gain: Array


@compiled_too
def kept(seasonal: bool, size: int) -> int:
    """Return how many numbers are kept; scratch comes behind them."""
    experts, models = (len(SEASONAL_PRIOR), 2) if seasonal else (len(PRIOR), 1)
    learned = (AHEAD - 1) * (2 + experts + (models + size) * size)
    total: int = 2 + learned + 2 * AHEAD * AHEAD
    return total


@compiled_too
def horizons(seasonal: bool, size: int, flat: Array) -> HorizonArrays:
    """Return the arrays of D regressors as views of one, with ``kept`` + K + M + 2 D numbers."""
    experts, models = (len(SEASONAL_PRIOR), 2) if seasonal else (len(PRIOR), 1)
    rows = AHEAD - 1
    coefficients = 2 + rows * (2 + experts)
    covariances = coefficients + rows * models * size
    made = covariances + rows * size * size
    forecasts = kept(seasonal, size)
    targets = forecasts + experts
    z = targets + models
    return HorizonArrays(
        part(flat, 0, (2,)),
        part(flat, 2, (rows, 2 + experts)),
        part(flat, coefficients, (rows, models, size)),
        part(flat, covariances, (rows, size, size)),
        part(flat, made, (AHEAD, AHEAD, 2)),
        part(flat, forecasts, (experts,)),
        part(flat, targets, (models,)),
        part(flat, z, (size,)),
        part(flat, z + size, (size,)),
    )


@kernel("")
def learn(
    error: float,
    x: Array,
    size: int,
    past: Array,
    shape: Array,
    flat: Array,
    own_flat: Array,
    errors: Array,
) -> None:
    """Learn at all horizons that the last target remembered has come; forecast what follows it.

    Parameters
    ----------
    error : float
        That of the forecast one step ahead; NaN: there was none.
    x : ndarray
        The event's standardised features, zero where missing.
    size : int
        How many regressors there are, D.
    past : ndarray
        See `.recent`.
    shape, flat : ndarray
        See `.experts.experts`; what they have learned of seasons and mean is read.
    own_flat : ndarray
        See `horizons`.
    errors : ndarray
        Of each horizon, see `.quantiles`, (H, numbers).
    """
    known, n = experts(shape, flat), int(past[SEEN])
    own = horizons(shape[LONGEST] > 0, size, own_flat)
    y, none = target(past, n - 1), x[:0]
    if not np.isnan(error):
        learn_error(error, errors[0, SIZE], 1, errors[0])
    _take_seasons(known, own)
    for ahead in range(2, min(AHEAD, n - 1) + 1):
        origin = n - ahead
        made = own.made[origin % AHEAD]
        if made[0, 0] == origin:
            missed = y - made[ahead - 1, FORECAST]
            learn_error(missed, made[ahead - 1, AT_THE_TIME], ahead, errors[ahead - 1])
        _learn(y, x, origin, ahead, past, known, own)
    made = own.made[n % AHEAD]
    made[0, 0] = n
    for ahead in range(2, AHEAD + 1):
        made[ahead - 1, FORECAST] = _forecast(none, n, ahead, past, known, own)
        made[ahead - 1, AT_THE_TIME] = errors[ahead - 1, SIZE]


@kernel("")
def look_ahead(
    values: Array,
    statistics: Array,
    features: Array,
    inputs: Array,
    size: int,
    past: Array,
    shape: Array,
    flat: Array,
    own_flat: Array,
    results: Array,
) -> None:
    """Write forecasts of the next targets but the first.

    Parameters
    ----------
    values : ndarray
        Numbers of the events from the second one on, (steps - 1, columns), NaN where missing.
    statistics : ndarray
        Of the columns; see `.scaling`.
    features, inputs : ndarray
        Scratch, (columns,) and as many as a network has inputs.
    size, past, shape, flat, own_flat
        As of `learn`.
    results : ndarray
        (steps,); written from the second on.
    """
    known, n = experts(shape, flat), int(past[SEEN])
    own = horizons(shape[LONGEST] > 0, size, own_flat)
    for step in range(1, results.shape[0]):
        standardise(values[step - 1], statistics, features, inputs)
        results[step] = _forecast(features, n, step + 1, past, known, own)


@compiled
def _take_seasons(known: ExpertArrays, own: HorizonArrays) -> None:
    """Forget what was learned of other seasons than those that there are now."""
    first = OWN
    for k in range(2 if known.shape[LONGEST] > 0 else 0):
        count = SEASONAL if k == 0 else LONGER
        if own.seasons[k] != known.scalars[SEASON + k]:
            own.seasons[k] = known.scalars[SEASON + k]
            for row in range(AHEAD - 1):
                own.learned[row, COUNT] = 0.0  # errors so far were those of other experts
                forget(first, count, VARIANCE, own.coefficients[row], own.covariances[row])
        first += count


@compiled
def _learn(
    y: float, x: Array, n: int, ahead: int, past: Array, known: ExpertArrays, own: HorizonArrays
) -> None:
    """Learn what came so many events after n targets were known."""
    row, last = own.learned[ahead - 2], target(past, n - 1)
    unit = row[UNIT]
    row[COUNT] += 1
    rate, change = max(1.0 / row[COUNT], RATE), abs(y - last)
    row[UNIT] += rate * ((min(change, WILD * unit) if unit > 0 else change) - unit)
    if unit <= 0:
        row[COUNT] = 0.0
        return
    _expect(x, n, ahead, past, known, own)
    for k in range(own.forecasts.shape[0]):
        size = min(abs(y - own.forecasts[k]), WILD * unit)
        row[ERRORS + k] += rate * (size - row[ERRORS + k])
    own.targets[0] = within((y - last) / unit, 0.0, BOUND)
    if own.targets.shape[0] > 1:
        own.targets[1] = within((y - own.forecasts[MEAN_CHANGE]) / unit, 0.0, BOUND)
    coefficients, covariance = own.coefficients[ahead - 2], own.covariances[ahead - 2]
    regress(own.z, own.targets, 1.0, VARIANCE, coefficients, covariance, own.gain)


@compiled
def _forecast(
    x: Array, n: int, ahead: int, past: Array, known: ExpertArrays, own: HorizonArrays
) -> float:
    """Return the forecast so many events after n targets are known."""
    _expect(x, n, ahead, past, known, own)
    row, last = own.learned[min(ahead, AHEAD) - 2], target(past, n - 1)
    count, unit = own.forecasts.shape[0], row[UNIT]
    power = int(POWER * min(1.0, row[COUNT] / (ENOUGH * ahead)))
    least, total, moved = row[ERRORS], 0.0, 0.0
    for k in range(1, count):
        least = min(least, row[ERRORS + k])
    for k in range(count):
        near = (least + TINY * unit) / (row[ERRORS + k] + TINY * unit) if unit > 0 else 1.0
        prior = SEASONAL_PRIOR[k] if count > len(PRIOR) else PRIOR[k]
        weight = prior * near**power
        total += weight
        moved += weight * (own.forecasts[k] - last)
    made: float = last + moved / total
    return made


@compiled
def _expect(
    x: Array, n: int, ahead: int, past: Array, known: ExpertArrays, own: HorizonArrays
) -> None:
    """Write the experts' forecasts so many events after n targets were known, and regressors."""
    row, last, forecasts = min(ahead, AHEAD) - 2, target(past, n - 1), own.forecasts
    unit, mean, count = own.learned[row, UNIT], known.scalars[MEAN], own.forecasts.shape[0]
    season, longer = int(own.seasons[0]), int(own.seasons[1])
    models = own.targets.shape[0]
    seasons = own.seasons[: 2 * (models - 1)]
    look_back(x, past, n, ahead, seasons, last, mean, unit, own.z)
    forecasts[0], forecasts[1] = last, mean
    if models > 1:
        forecasts[2] = season_ago(past, n, ahead, season, last)
        forecasts[3] = season_ago(past, n, ahead, longer, forecasts[2])
        forecasts[MEAN_CHANGE] = last + seasonal_change(past, n, ahead, season)
        forecasts[5] = forecasts[2] + seasonal_drift(past, n, ahead, season)
    for model in range(models):
        change = 0.0
        for k in range(own.z.shape[0]):
            change += own.coefficients[row, model, k] * own.z[k]
        centre = last if model == 0 else forecasts[MEAN_CHANGE]
        forecasts[count - models + model] = centre + change * unit
    for k in range(count):
        forecasts[k] = within(forecasts[k], last, BOUND * unit)
