"""Errors of forecasts by how many steps ahead they were made."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..baselines import Baseline, Comparison
from ..events import Event, Outcome
from .regression import NumberScores
from .scores import Table

Array = NDArray[np.float64]

MOST_OPEN = 64
"""Forecasts of a stream that are compared with what comes at the same time, at most."""

LONGEST_SEASON = 512
"""Events of a season that a model finds, at most."""

INF = math.inf

SHOWN = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 168)
"""Steps ahead that tables show, and the last one."""


class Forecast(NamedTuple):
    """One that is compared with what comes.

    Attributes
    ----------
    step : int
        The event after which it was made.
    last : float
        The last value then, NaN if there was none.
    season : int
        The season then, 0 for none.
    values : sequence of float
        What was forecast.
    """

    step: int
    last: float
    season: int
    values: Sequence[float]


class Series:
    """What is known of one stream.

    Attributes
    ----------
    step : int
        How many events there were.
    last : float
        The last value known; NaN before the first.
    history : list of float
        The last values, that of event n at n modulo their number; NaN for none.
    open : deque of Forecast
        Those that values may yet come for, the oldest first.
    """

    __slots__ = ("history", "last", "open", "step")

    def __init__(self, history: int, room: int) -> None:
        self.step = 0
        self.last = math.nan
        self.history = [math.nan] * history
        self.open: deque[Forecast] = deque(maxlen=room)

    def to_numbers(self, horizon: int) -> Array:
        """Return all of it, in as many numbers each time."""
        room, width = self.open.maxlen or 0, 3 + horizon
        numbers = np.full(3 + len(self.history) + room * width, np.nan)
        numbers[:3] = self.step, self.last, len(self.open)
        numbers[3 : 3 + len(self.history)] = self.history
        rows = numbers[3 + len(self.history) :].reshape(room, width)
        for row, each in zip(rows, self.open, strict=False):
            row[:] = (each.step, each.last, each.season, *each.values)
        return numbers

    def take_numbers(self, numbers: Array, horizon: int) -> None:
        """Go on from what `to_numbers` returned."""
        size = len(self.history)
        step, self.last, count = numbers[:3].tolist()
        self.step = int(step)
        self.history = numbers[3 : 3 + size].tolist()
        rows = numbers[3 + size :].reshape(-1, 3 + horizon)[: int(count)].tolist()
        self.open.clear()
        self.open += [Forecast(int(n), last, int(s), values) for n, last, s, *values in rows]


class LastKnown(Baseline):
    """Repeats the last value; its state is all that is known of the stream."""

    name = "last value"

    def __init__(self, state: Series) -> None:
        self.state = state

    def predict(self, event: Event) -> float | None:
        """Return the last value."""
        del event
        last: float = self.state.last
        return None if last != last else last

    def learn(self, event: Event, target: float) -> None:
        """Keep the value."""
        del event
        self.state.last = target


class HorizonScores(NumberScores):
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
    counts, model, rule : list of list
        By rule and step: values compared, and sums of the absolute errors of both, (2, N).
    """

    RULES = ("last value", "last season")
    SUMS = ("counts", "model", "rule")

    def __init__(self, horizon: int, season: int | None = None) -> None:
        self.season = season
        self.horizon = horizon
        self._open = min(horizon, MOST_OPEN)
        self._every = -(-horizon // self._open)
        self._history = max(LONGEST_SEASON, season or 0) + horizon + 1
        self.counts = [[0] * horizon for _ in self.RULES]
        self.model, self.rule = ([[0.0] * horizon for _ in self.RULES] for _ in range(2))
        super().__init__([LastKnown(self.new_memory())], [Comparison("last value")])

    def new_memory(self) -> Series:
        """Return what is known of a stream at its beginning."""
        return Series(self._history, self._open)

    @property
    def memory(self) -> Series:
        """What is known of the stream that is on."""
        memory: Series = self.baselines[0].state
        return memory

    @memory.setter
    def memory(self, memory: Series) -> None:
        self.baselines[0].state = memory

    def pack(self, memory: Series) -> bytes:
        """Return what is known of a stream, in as many bytes each time."""
        return memory.to_numbers(self.horizon).astype("<f8").tobytes()

    @property
    def packed(self) -> int:
        """How many bytes that are."""
        return len(self.pack(self.new_memory()))

    def unpack(self, data: bytes) -> Series:
        """Return what `pack` was given."""
        memory = self.new_memory()
        memory.take_numbers(np.frombuffer(data, "<f8"), self.horizon)
        return memory

    def follow(self, outcome: Outcome) -> None:
        """Compare an event's value with what was forecast for it, and take its own forecast."""
        series, target, record = self.memory, outcome.event.y, outcome.record
        step = series.step
        series.history[step % self._history] = math.nan if target is None else target
        if target is not None:
            self._compare(series, step, target)
        if record is not None and record.forecast and step % self._every == 0:
            season = self.season or 0
            series.open.append(Forecast(step, series.last, season, record.forecast))
        series.step = step + 1

    def _compare(self, series: Series, step: int, target: float) -> None:
        horizon, history, size = self.horizon, series.history, self._history
        (of_last, of_season), (model, beside), (last, seasonal) = self.counts, self.model, self.rule
        for issued, known, season, values in series.open:
            at = step - issued - 1  # no two are the same
            if at >= horizon:
                continue
            error = abs(values[at] - target)
            missed = abs(known - target)
            if error + missed < INF:  # neither is NaN
                of_last[at] += 1
                model[at] += error
                last[at] += missed
            back = season * (at // season + 1) if season else size
            if back < size and back <= step:
                missed = abs(history[(step - back) % size] - target)
                if error + missed < INF:
                    of_season[at] += 1
                    beside[at] += error
                    seasonal[at] += missed

    def counted(self) -> dict[str, Any]:
        """Return all that was counted, in plain values."""
        return {
            "memory": self.pack(self.memory).hex(),
            "comparisons": [comparison.state for comparison in self.comparisons],
            "season": self.season,
            **{name: getattr(self, name) for name in self.SUMS},
        }

    def go_on(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `counted` returned."""
        self.memory = self.unpack(bytes.fromhex(counted["memory"]))
        for comparison, each in zip(self.comparisons, counted["comparisons"], strict=True):
            comparison.state = each
        self.season = counted["season"]
        for name in self.SUMS:
            setattr(self, name, counted[name])

    def copy(self) -> Self:
        """Return scores that have counted the same, whose `table` can be asked for later."""
        twin = super().copy()
        for name in self.SUMS:
            setattr(twin, name, [row.copy() for row in getattr(self, name)])
        return twin

    def errors(self) -> tuple[Array, Array, Array]:
        """Return the mean absolute errors by steps ahead: model, last value, last season, (N,).

        NaN where nothing has come true. The last season's are of the forecasts that were made when
        one was known.
        """
        with np.errstate(invalid="ignore"):
            model = np.array(self.model[0]) / self.counts[0]
            last, season = np.array(self.rule) / self.counts
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
                f"{self.counts[0][n - 1]:,}",
                *(_number(each[n - 1]) for each in (model, last, season)),
                _ratio(model[n - 1], last[n - 1]),
            )
            for n in chosen
            if self.counts[0][n - 1]
        ]
        columns = ("steps ahead", "values", "model", *self.RULES, "ratio to last value")
        return Table("Mean absolute error by steps ahead", columns, rows)

    def summary(self) -> dict[str, Any]:
        """Return the errors by steps ahead, None where nothing has come true."""
        names = ("model", *self.RULES)
        return {
            "errors by steps ahead": {
                "values": self.counts[0],
                **{
                    name: [None if each != each else each for each in errors.tolist()]
                    for name, errors in zip(names, self.errors(), strict=True)
                },
            }
        }


def _number(value: float) -> str:
    return "\N{EN DASH}" if value != value else f"{value:.4g}"


def _ratio(model: float, rule: float) -> str:
    return f"{model / rule:.3f}" if rule else "\N{EN DASH}"
