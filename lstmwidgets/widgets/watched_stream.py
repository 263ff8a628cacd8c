"""An online estimator that a `LiveStream` plays, looked at as a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..analysis.course import GATE_PANELS, RATE_PANEL, Changes, Course, Line, Panel
from ..analysis.course import saturation_columns as columns_of
from ..analysis.live_run import CLASSES, SCORES, likeliest
from ..analysis.rows import Row
from ..analysis.saturation import Saturation, saturation
from ..analysis.titles import metric_title
from ..state import LSTMState
from ..trace import Trace
from .live_stream import LiveStream
from .player import PLAYING, Player

HUNDRED = 100
"""Events that are one step."""

EVERY = 50
"""Least events from one row to the next."""

MOST_ROWS = 2_000
"""Every other row is dropped from then on."""

TITLES = {CLASSES: "Share of wrong predictions", "numbers": "Mean absolute error"}


class WatchedStream:
    """Notes every so many events how an online estimator does.

    A row is of the events since the last one, as far as the stream has kept them.

    Parameters
    ----------
    live : LiveStream
        Plays the estimator.
    show, tell : callable
        Called when there is something new to draw, and when the player's state has changed.
    owned : bool
        Whether the stream is closed with this.

    Attributes
    ----------
    live : LiveStream
        As above.
    changes : Changes
        What was changed on the way.
    """

    unit = "event"
    run = dropout = failure = result = None
    is_patient = True

    def __init__(
        self,
        live: LiveStream,
        show: Callable[[], None],
        tell: Callable[[], None],
        *,
        owned: bool = False,
    ) -> None:
        self.live = live
        self.changes = Changes()
        self._show, self._tell, self._owned = show, tell, owned
        self._rows: list[tuple[float, float, float]] = []
        self._looks: list[Saturation | None] = []
        self._every = EVERY
        self._steps = self._beginnings = -1
        live.player.call(self._look)
        live.followers.add(self)
        live.observe(self._changed, ["state", "error"])

    @property
    def player(self) -> Player:
        """What plays the stream."""
        return self.live.player

    def play(self) -> None:
        """Go on until the end."""
        self.live.play()

    def step(self, n: int) -> None:
        """Go on for so many hundreds of events, and rest."""
        self.player.step(HUNDRED * n)

    def stop(self) -> None:
        """End after the event in progress; the estimator keeps what it has learned."""
        self.player.stop()

    def end(self) -> None:
        """Follow no more."""
        self.live.followers.remove(self)
        self.live.unobserve(self._changed, ["state", "error"])
        if self._owned:
            self.live.close()

    def catch_up(self) -> None:
        """Note what is new; the stream's player calls this."""
        if self._look():
            self._show()

    def rest(self) -> None:
        """Note the last events as well; the stream's player calls this."""
        self._look(rest=True)
        self._show()

    @property
    def position(self) -> int:
        """How many events have gone through."""
        return int(self.live.run.events)

    @property
    def total(self) -> int | None:
        """How many there are, if the source knows."""
        total: int | None = self.live.total
        return total

    @property
    def lr(self) -> float | None:
        """The estimator's learning rate, if it has one that can be set."""
        lr = getattr(self._estimator, "lr", None)
        return None if lr is None else float(lr)

    def set_lr(self, lr: float) -> None:
        """Change the learning rate, from the next event on."""
        estimator = self._estimator
        before, estimator.lr = float(estimator.lr), lr
        self.changes.add(self.position, "lr", before, lr)

    def set_dropout(self, dropout: float) -> None:
        """Raise: an online estimator has none."""
        raise ValueError(f"an online estimator has no dropout, and cannot take {dropout}")

    def seconds_left(self) -> float | None:
        """Return None: a stream goes at the speed that is wanted."""
        return None

    @property
    def _estimator(self) -> Any:
        """What learns; None where a recording is played."""
        return getattr(self.live.run, "lstm", None)

    def _changed(self, _: Any) -> None:
        self._tell()

    def _look(self, *, rest: bool = False) -> bool:
        """Add a row if enough events have passed, or any at `rest`; say whether there is one."""
        run = self.live.run
        if run.beginnings != self._beginnings:
            self._beginnings, self._steps, self._every = run.beginnings, 0, EVERY
            self._rows.clear()
            self._looks.clear()
            self.changes.clear()
        new = run.steps - self._steps
        if new < (1 if rest else self._every):
            return False
        self._steps = run.steps
        rows = list(run.rows)[-new:]
        self._rows.append((run.events, _error(run.kind, rows), self.lr or np.nan))
        self._looks.append(_saturation_of(run, min(new, run.kept)) if run.kept else None)
        if len(self._rows) > MOST_ROWS:
            del self._rows[1:-1:2], self._looks[1:-1:2]
            self._every *= 2
        return True

    def course(self) -> Course:
        """Return how it went so far; at rest, up to the last event."""
        run = self.live.run
        if self.player.state != PLAYING:
            self._look(rest=True)
        table = np.array(self._rows, np.float64).reshape(-1, 3)
        columns = dict(zip(("event", "error", "lr"), table.T, strict=True))
        panels: tuple[Panel, ...] = ()
        if run.kind != SCORES:
            panels = (Panel("loss", TITLES[run.kind], (Line("error", "since the last point"),)),)
        if self.lr is not None:
            panels = (*panels, RATE_PANEL)
        if run.hidden_size is not None:
            columns |= columns_of(self._looks)
            panels = (*panels, *GATE_PANELS)
        return Course("event", columns, panels, np.empty((0, 3)), changes=tuple(self.changes))

    def words(self) -> str:
        """Say what it has scored so far."""
        run = self.live.run
        value = run.metric.get() if run.events else None
        if not isinstance(value, float):  # of several metrics it is a list
            return ""
        return f"{metric_title(run.metric)} {value:.4g} over {run.events:,} events so far."


def _error(kind: str, rows: list[Row]) -> float:
    """Return the mean error of what had a target and a prediction; NaN if nothing had."""
    both = [row for row in rows if row.target is not None and row.prediction is not None]
    if not both or kind == SCORES:
        return float("nan")
    if kind == CLASSES:
        return float(np.mean([likeliest(row.prediction) != row.target for row in both]))
    return float(np.mean([abs(row.prediction - row.target) for row in both]))


def _saturation_of(run: Any, steps: int) -> Saturation:
    """Count the saturated gates of the last steps, of one sequence."""
    layers: dict[str, Any] = {  # (L, 1, T, H)
        name: torch.from_numpy(np.ascontiguousarray(values.swapaxes(0, 1)))[:, None]
        for name, values in run.layers(steps).items()
    }
    state = LSTMState(layers["hidden"][:, :, -1], layers["cell"][:, :, -1])
    return saturation(Trace(**layers, state=state))
