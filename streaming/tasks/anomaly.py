"""Scoring how odd events are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from lstmwidgets.analysis.tasks import AnomalyDetection, last_step
from lstmwidgets.analysis.tasks import Task as Player
from lstmwidgets.online import LSTMAnomalyDetector

from ..errors import StreamError
from ..events import Event, Outcome, Prediction
from ..sinks.rows import LABEL, NUMBER, TRUTH, Fields
from .base import Task
from .labels import label_of
from .scores import Scores, Table


class AnomalyTask(Task):
    """Scores every event and learns it; a target, which there need not be, only says what was so.

    With a share of false alarms an event is an anomaly if its score is that much from 1: the
    scores of an `LSTMAnomalyDetector` are 1 - p.
    """

    name = "anomaly"
    plays = AnomalyDetection
    expects = "an anomaly detector"
    targets = "label"
    needs_target = False

    @property
    def fields(self) -> Fields:
        """The score, whether it is an alarm, and what was so."""
        fields = {"score": NUMBER}
        if self.options.alarms is not None:
            fields["anomaly"] = TRUTH
        return fields | ({"target": LABEL} if self.options.labelled else {})

    @property
    def late_fields(self) -> Fields:
        """The score, and what was so."""
        return {"prediction": NUMBER, "target": LABEL}

    def new_model(self) -> LSTMAnomalyDetector:
        """Return a new `LSTMAnomalyDetector`."""
        return LSTMAnomalyDetector(**self.options.of_a_model)

    def player(self, model: Any) -> Player:
        """Return what plays a detector; alarms need one whose scores are 1 - p."""
        player = super().player(model)
        if self.options.alarms is not None and not isinstance(
            last_step(model), LSTMAnomalyDetector
        ):
            raise StreamError(
                f"--alarms needs the scores of an LSTMAnomalyDetector, which are 1 - p; those of "
                f"{type(last_step(model)).__name__} are none: leave it out and compare the scores"
            )
        return player

    def scores(self, *, keyed: bool) -> Scores:
        """Return the number of alarms, and how many were right where that is told."""
        del keyed
        return AlarmScores(self.options.alarms)

    def target(self, y: Any) -> Any:
        """Return whether an event was an anomaly, as it was told: a bool or a number, not 0."""
        label = label_of(y)
        if isinstance(label, str):
            raise StreamError(
                f"expected 0 or 1, true or false as the target of --task anomaly, got {y!r}; "
                "leave --target out to score events without it"
            )
        return label

    def knows(self, model: Any) -> bool:
        """Return True: what has learned nothing has a score of 0."""
        del model
        return True

    def learn(self, player: Player, event: Event) -> None:
        """Learn an event."""
        player.learn(event.x, None)

    def record(self, event: Event, said: Any, player: Player) -> Prediction:
        """Return the score, and whether it is an alarm."""
        del player
        alarms = self.options.alarms
        return Prediction(
            event.id,
            UNSET,
            event.y if self.options.labelled else UNSET,
            UNSET if event.key is None else event.key,
            score=said,
            anomaly=UNSET if alarms is None else said >= 1 - alarms,
        )

    def value(self, record: Prediction) -> Any:
        """Return the score."""
        return record.score

    def facts(self, model: Any) -> Mapping[str, str]:
        """Return how many false alarms are promised."""
        del model
        alarms = self.options.alarms
        return {} if alarms is None else {"alarms promised": f"{alarms:.3%} of ordinary events"}


class AlarmScores(Scores):
    """How many alarms there were and, where targets tell it, how many of them were right.

    Parameters
    ----------
    promised : float or None
        Share of ordinary events that may be alarms; None for no alarms.
    """

    nothing = "scores alone; --alarms says which of them are anomalies"

    def __init__(self, promised: float | None) -> None:
        super().__init__([], [])
        self.promised = promised
        self.events = self.alarms = self.labelled = self.odd = self.found = self.false = 0

    @property
    def memory(self) -> None:
        """Nothing: an alarm has nothing to do with the event before."""
        return None

    @memory.setter
    def memory(self, memory: None) -> None:
        del memory

    def add(self, outcome: Outcome) -> None:
        """Count an event, or the target of one."""
        alarm = self.promised is not None and outcome.prediction >= 1 - self.promised
        if not outcome.late:
            self.events += 1
            self.alarms += alarm
        if outcome.event.y is not None:
            self.labelled += 1
            odd = bool(outcome.event.y)
            self.odd += odd
            self.found += odd and alarm
            self.false += alarm and not odd

    COUNTS = ("events", "alarms", "labelled", "odd", "found", "false")

    def counted(self) -> dict[str, Any]:
        """Return all that was counted, in plain values."""
        return {name: getattr(self, name) for name in self.COUNTS}

    def go_on(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `counted` returned."""
        for name in self.COUNTS:
            setattr(self, name, counted[name])

    def table(self) -> Table:
        """Return events and alarms, and what was right of them."""
        columns, row = ["events"], [f"{self.events:,}"]
        if self.promised is not None:
            columns += ["alarms", "share", "promised of ordinary events"]
            row += [f"{self.alarms:,}", f"{self._share:.3%}", f"{self.promised:.3%}"]
        if self.labelled:
            columns += ["anomalies"]
            row += [f"{self.odd:,}"]
        if self.labelled and self.promised is not None:
            columns += ["found", "false alarms"]
            row += [f"{self.found:,}", f"{self.false:,}"]
        return Table("Anomalies", columns, [row] if self.events and len(row) > 1 else [])

    @property
    def _share(self) -> float:
        return self.alarms / self.events if self.events else 0.0

    def status(self) -> str:
        """Return the number of alarms so far."""
        return "" if self.promised is None else f"{self.alarms:,} alarms"

    def summary(self) -> dict[str, Any]:
        """Return all counts."""
        told = {name: getattr(self, name) for name in self.COUNTS[:2]} | {"promised": self.promised}
        if self.labelled:
            told |= {"labelled": self.labelled, "anomalies": self.odd}
            told |= {"found": self.found, "false alarms": self.false}
        return {"anomalies": told}

    def curve(self) -> tuple[float | None, float | None]:
        """Return the share of alarms, and that promised."""
        return (None, None) if self.promised is None else (self._share, self.promised)
