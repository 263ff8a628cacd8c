"""Who forecasts: ours, River's and those of the peers' environment, each as its authors use it.

River's have the parameters of the examples in River's documentation: HoltWinters(0.3, 0.1, 0.6),
additive, for not all series are positive; SNARIMAX with p = q = m, d = sd = 1, and, as its second
example has it, p = 1, sp = 3, sq = 6 on a linear regression behind a StandardScaler, without the
calendar. "In hindsight" is the best of 48 HoltWinters on the very series: nobody could have had it,
it bounds what others could.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from river.linear_model import LinearRegression
from river.optim import SGD
from river.preprocessing import StandardScaler
from river.time_series import SNARIMAX, HoltWinters

from lstmwidgets.online import LSTMForecaster

from .forecast_worker import SKATERS
from .forecasting import Question, follow
from .peer import Peer

GIVEN, FOUND = "season given", "not given"
OURS = "ours"
NAIVE = "seasonal naive"
HOLT_WINTERS, HINDSIGHT = "HoltWinters", "HoltWinters, in hindsight"
ARIMA, SMALL_ARIMA = "SNARIMAX, 1st example", "SNARIMAX, 2nd example"
GRID = ((0.03, 0.1, 0.3, 0.6), (0.001, 0.01, 0.1), (0.03, 0.1, 0.3, 0.6))
"""Alpha, beta and gamma of the 48."""


class Scored(NamedTuple):
    """Mean absolute error of a contestant, and its time for an event, forecasts included."""

    contestant: str
    error: float
    microseconds: float


def ours(question: Question, season: int | None, seed: int = 1) -> Scored:
    """Return how ours does, told the season or not."""
    forecasts, time = follow(LSTMForecaster(seasonality=season, seed=seed), question)
    return Scored(named(OURS, season), question.error(forecasts), time)


def theirs(peer: Peer, name: str, question: Question, season: int | None) -> Scored:
    """Return how a forecaster of the other environment does, told the season or not."""
    made = peer.ask(contestant=name, season=season, **question._asdict())
    known = name if name == SKATERS else named(name, season)
    return Scored(known, question.error(made["forecasts"]), made["microseconds"])


def rivers(question: Question, season: int) -> Iterator[Scored]:
    """Yield how River's do, told the season."""
    scaled = StandardScaler() | LinearRegression(optimizer=SGD(0.01), intercept_lr=0.3)
    models = {
        HOLT_WINTERS: HoltWinters(0.3, 0.1, 0.6, season),
        ARIMA: SNARIMAX(season, 1, season, season, sd=1),
        SMALL_ARIMA: SNARIMAX(1, 0, 0, season, sp=3, sq=6, regressor=scaled),
    }
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # they overflow
        for name, model in models.items():
            forecasts, time = follow(model, question)
            yield Scored(name, question.error(forecasts), time)
    tried = [follow(HoltWinters(*each, season), question) for each in product(*GRID)]
    errors = [question.error(each.forecasts) for each in tried]
    best = int(np.argmin(errors))
    yield Scored(HINDSIGHT, errors[best], tried[best].microseconds)


def named(name: str, season: int | None) -> str:
    """Return the name of a contestant that was told a season or not."""
    return f"{name}, {FOUND if season is None else GIVEN}"
