"""Forecasting the next values of a series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, structs

from lstmwidgets.analysis.tasks import Forecasting, last_step
from lstmwidgets.analysis.tasks import Task as Player

from ..errors import StreamError
from ..events import Event, Prediction
from ..sinks.rows import INTERVALS, NUMBER, NUMBERS, Fields
from .base import Task
from .horizon_scores import HorizonScores
from .regression import number_of
from .scores import Scores


class ForecastTask(Task):
    """Predicts an event's value and, once that has come, the values after it."""

    name = "forecast"
    plays = Forecasting
    expects = "a forecaster"
    learns_first = True

    @property
    def fields(self) -> Fields:
        """The event's prediction and value, and the forecast of those after it."""
        fields = {"prediction": NUMBER, "forecast": NUMBERS}
        if self.options.coverage is not None:
            fields["interval"] = INTERVALS
        return fields | {"target": NUMBER}

    def new_model(self) -> Any:
        """Return a new `LSTMForecaster`."""
        from lstmwidgets.online import LSTMForecaster  # with it come River's time series and SciPy

        return LSTMForecaster(seasonality=self.options.season, **self.options.of_a_model)

    def player(self, model: Any) -> Player:
        """Return what plays a forecaster, of which an interval needs one of ours."""
        player = super().player(model)
        if self.options.coverage is not None and not hasattr(last_step(model), "forecast_interval"):
            raise StreamError(
                f"--coverage needs an LSTMForecaster; {type(model).__name__} gives no intervals"
            )
        return player

    def scores(self, *, keyed: bool) -> Scores:
        """Return errors by steps ahead, beside the last value and that of the last season."""
        del keyed
        self._scores = HorizonScores(self.options.horizon, self.options.season)
        return self._scores

    def target(self, y: Any) -> float | None:
        """Return a number; None if it is missing, not finite or beyond 1e30."""
        return number_of(y)

    def record(self, event: Event, said: Any, player: Player) -> Prediction:
        """Return what was predicted for an event, and what is forecast after it."""
        record = super().record(event, said, player)
        horizon, coverage = self.options.horizon, self.options.coverage
        model = last_step(player.model)
        values = player.forecast(horizon) if getattr(model, "has_learned", True) else None
        interval: Any = UNSET
        if coverage is not None:
            interval = None
            if values is not None:
                pairs = model.forecast_interval(horizon, coverage=coverage)
                interval = [[_finite(bound) for bound in pair] for pair in pairs]
        self._scores.season = getattr(model, "season", None) or self.options.season
        return structs.replace(record, forecast=values, interval=interval)

    def facts(self, model: Any) -> Mapping[str, str]:
        """Return horizon and season."""
        season = getattr(last_step(model), "season", None)
        facts = {"horizon": f"{self.options.horizon} steps"}
        return facts if season is None else facts | {"season": f"{season} events"}


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
