"""Errors of forecasts by how many steps ahead they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..baselines import Baseline, Comparison
from ..events import Event, Outcome
from .scores import Scores, Table

Array = NDArray[np.float64]

MOST_OPEN = 64
"""Forecasts of a stream that are compared with what comes at the same time, at most."""

LONGEST_SEASON = 512
"""Events of a season that a model finds, at most."""

SHOWN = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 168)
"""Steps ahead that tables show, and the last one."""


class Series(NamedTuple):
    """What is known of one stream, as views of one array.

    Attributes
    ----------
    clock : ndarray
        How many events there were, the last value known, and the season, NaN for none, (3,).
    history : ndarray
        The last values, that of event n at n modulo their number, (H,).
    issued : ndarray
        Of each open forecast the event after which it was made, the last value then, and the
        season, (3, K).
    values : ndarray
        What was forecast, (K, N).
    """

    clock: Array
    history: Array
    issued: Array
    values: Array


class LastKnown(Baseline):
    """Repeats the last value; its state is all that is known of the stream."""

    name = "last value"

    def __init__(self, state: Array) -> None:
        self.state = state

    def predict(self, event: Event) -> float | None:
        """Return the last value."""
        del event
        last = float(self.state[1])
        return None if last != last else last

    def learn(self, event: Event, target: float) -> None:
        """Keep the value."""
        del event
        self.state[1] = target


class HorizonScores(Scores):
    """Mean absolute errors by steps ahead, beside the last value and that of a season before.

    Every forecast is compared with all the values that it was made for, as they come. Of a horizon
    beyond 64 steps, every second forecast is, or every third and so on. The season is the one that
    the model went by when it made the forecast.

    Parameters
    ----------
    horizon : int
        How many steps ahead forecasts go, N.
    season : int, optional
        Events a season, where that is given.

    Attributes
    ----------
    season : int or None
        The one that the model goes by; whoever plays it sets it.
    counts, model, rule : ndarray
        By rule and step: values compared, and sums of the absolute errors of both, (2, N).
    """

    RULES = ("last value", "last season")

    comparisons: list[Comparison]

    def __init__(self, horizon: int, season: int | None = None) -> None:
        self.season = season
        self.horizon = horizon
        self._open = min(horizon, MOST_OPEN)
        self._every = -(-horizon // self._open)
        self._history = max(LONGEST_SEASON, season or 0) + horizon + 1
        self.counts = np.zeros((2, horizon), np.int64)
        self.model, self.rule = np.zeros((2, horizon)), np.zeros((2, horizon))
        super().__init__([LastKnown(self.new_memory())], [Comparison("last value")])

    def new_memory(self) -> Array:
        """Return what is known of a stream at its beginning."""
        sizes = 3 + self._history + 3 * self._open + self._open * self.horizon
        memory = np.full(sizes, np.nan)
        memory[0] = 0
        return memory

    @property
    def memory(self) -> Array:
        """What is known of the stream that is on."""
        memory: Array = self.baselines[0].state
        return memory

    @memory.setter
    def memory(self, memory: Array | None) -> None:
        self.baselines[0].state = self.new_memory() if memory is None else memory

    def pack(self, memory: Any) -> bytes:
        """Return what is known of a stream, in as many bytes each time."""
        known: Array = self.new_memory() if memory is None else memory
        return known.astype("<f8").tobytes()

    @property
    def packed(self) -> int:
        """How many bytes that are."""
        return self.new_memory().nbytes

    def unpack(self, data: bytes) -> Array:
        """Return what `pack` was given."""
        return np.frombuffer(data, "<f8").astype(np.float64)

    def follow(self, outcome: Outcome) -> None:
        """Compare an event's value with what was forecast for it, and take its own forecast."""
        series, target = self._series(), outcome.event.y
        step = int(series.clock[0])
        series.history[step % self._history] = np.nan if target is None else target
        if target is not None:
            self._compare(series, step, target)
        record = outcome.record
        series.clock[2] = np.nan if self.season is None else self.season
        if record is not None and record.forecast and step % self._every == 0:
            place = step // self._every % self._open
            series.issued[:, place] = step, series.clock[1], series.clock[2]
            series.values[place] = record.forecast
        series.clock[0] = step + 1

    def _compare(self, series: Series, step: int, target: float) -> None:
        ahead = step - series.issued[0]
        (places,) = np.nonzero((ahead >= 1) & (ahead <= self.horizon))
        if not len(places):
            return
        steps = ahead[places].astype(np.int64) - 1  # no two are the same
        error = np.abs(series.values[places, steps] - target)
        seasons = np.nan_to_num(series.issued[2, places]).astype(np.int64)
        back = np.where(seasons > 0, seasons * -(-(steps + 1) // np.maximum(seasons, 1)), 0)
        known = (back > 0) & (back <= step) & (back < self._history)
        seasonal = np.where(known, series.history[(step - back) % self._history], np.nan)
        for place, said in enumerate((series.issued[1, places], seasonal)):
            missed = np.abs(said - target)
            both = np.isfinite(missed) & np.isfinite(error)
            at = steps[both]
            self.counts[place, at] += 1
            self.model[place, at] += error[both]
            self.rule[place, at] += missed[both]

    def _series(self) -> Series:
        memory, room = self.memory, self._open
        first, second = 3 + self._history, 3 + self._history + 3 * room
        return Series(
            memory[:3],
            memory[3:first],
            memory[first:second].reshape(3, room),
            memory[second:].reshape(room, self.horizon),
        )

    def counted(self) -> dict[str, Any]:
        """Return all that was counted, in plain values."""
        return {
            "memory": self.pack(self.memory).hex(),
            "comparisons": [comparison.state for comparison in self.comparisons],
            "counts": self.counts.tolist(),
            "model": self.model.tolist(),
            "rule": self.rule.tolist(),
            "season": self.season,
        }

    def go_on(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `counted` returned."""
        self.memory = self.unpack(bytes.fromhex(counted["memory"]))
        for comparison, each in zip(self.comparisons, counted["comparisons"], strict=True):
            comparison.state = each
        self.counts = np.array(counted["counts"], np.int64)
        self.model, self.rule = np.array(counted["model"]), np.array(counted["rule"])
        self.season = counted["season"]

    def copy(self) -> Self:
        """Return scores that have counted the same, whose `table` can be asked for later."""
        twin = super().copy()
        twin.counts = self.counts.copy()
        twin.model, twin.rule = self.model.copy(), self.rule.copy()
        return twin

    def errors(self) -> tuple[Array, Array, Array]:
        """Return the mean absolute errors by steps ahead: model, last value, last season, (N,).

        NaN where nothing has come true. The last season's are of the forecasts that were made when
        one was known.
        """
        with np.errstate(invalid="ignore"):
            model = self.model[0] / self.counts[0]
            last, season = self.rule / self.counts
        return model, last, season

    def table(self) -> Table:
        """Return the errors by steps ahead."""
        model, last, season = self.errors()
        chosen = [n for n in range(1, self.horizon + 1) if self.horizon <= 12 or n in SHOWN]
        if self.horizon not in chosen:
            chosen.append(self.horizon)
        rows = [
            (
                str(n),
                f"{self.counts[0, n - 1]:,}",
                *(_number(each[n - 1]) for each in (model, last, season)),
                _ratio(model[n - 1], last[n - 1]),
            )
            for n in chosen
            if self.counts[0, n - 1]
        ]
        columns = ("steps ahead", "values", "model", *self.RULES, "ratio to last value")
        return Table("Mean absolute error by steps ahead", columns, rows)

    def status(self) -> str:
        """Return the errors one step ahead so far."""
        naive = self.comparisons[0]
        if naive.model is None or naive.baseline is None:
            return ""
        return f"error {naive.model:.4g} ({naive.name} {naive.baseline:.4g})"

    def summary(self) -> dict[str, Any]:
        """Return the errors by steps ahead, None where nothing has come true."""
        names = ("model", *self.RULES)
        return {
            "errors by steps ahead": {
                "values": self.counts[0].tolist(),
                **{
                    name: [None if each != each else each for each in errors.tolist()]
                    for name, errors in zip(names, self.errors(), strict=True)
                },
            }
        }

    def curve(self) -> tuple[float | None, float | None]:
        """Return both mean absolute errors one step ahead."""
        return self.comparisons[0].model, self.comparisons[0].baseline


def _number(value: float) -> str:
    return "\N{EN DASH}" if value != value else f"{value:.4g}"


def _ratio(model: float, rule: float) -> str:
    return f"{model / rule:.3f}" if rule else "\N{EN DASH}"
