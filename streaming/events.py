"""What flows through a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Event(msgspec.Struct, frozen=True):
    """One record of a source: a reading, or the label of an earlier one.

    Attributes
    ----------
    id : int or str
        What labels that come later name it by: the value of the source's id column, and without
        one the position in the stream, from 0.
    x : mapping
        Features by name.
    y : object
        Target: a number, or a label, which is a text, a number or a bool; None if the event came
        without one.
    time : datetime or None
        When it happened, if the source says so.
    key : str or None
        Which of several streams it belongs to, such as a sensor's name; None where there is one.
    """

    id: int | str
    x: Mapping[Any, Any]
    y: Any
    time: datetime | None = None
    key: str | None = None


class BadRecord(msgspec.Struct, frozen=True):
    """A record that could not be read.

    Attributes
    ----------
    source : str
        Name of the source.
    place : str
        Where in it, as in ``"line 7"``.
    problem : str
        What was expected, and what came.
    raw : str
        The record, as far as it is text.
    """

    source: str
    place: str
    problem: str
    raw: str

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.problem}"


class Prediction(msgspec.Struct, frozen=True):
    """What is emitted for an event, before its target is learned.

    A record has what its task says (`lstmwidgets.streaming.tasks`); the rest is left out.

    Attributes
    ----------
    id : int or str
        The event's.
    prediction : object
        A number, or the likeliest label. None as long as no target was learned: there is nothing
        yet to predict from.
    target : object
        The target, if it came with the event.
    key : str
        The event's, where there are keys.
    probabilities : dict of str to float
        Of each class by its name.
    forecast : list of float
        The next values after this event.
    interval : list of list of float
        Lower and upper bound of each of them; None while errors are too few to tell.
    score : float
        How odd the event is.
    anomaly : bool
        Whether that is an alarm.
    """

    id: int | str
    prediction: Any = UNSET
    target: Any = UNSET
    key: str | UnsetType = UNSET
    probabilities: Mapping[str, float] | UnsetType | None = UNSET
    forecast: Sequence[float] | UnsetType | None = UNSET
    interval: Sequence[Sequence[float | None]] | UnsetType | None = UNSET
    score: float | UnsetType | None = UNSET
    anomaly: bool | UnsetType | None = UNSET


class LateTarget(msgspec.Struct, frozen=True):
    """A target that came after its event.

    Attributes
    ----------
    id : int or str
        The event's.
    prediction : object
        What was predicted for it at the time: a number, a label, or how odd it was.
    target : object
        The target.
    key : str
        The event's, where there are keys.
    """

    id: int | str
    prediction: Any
    target: Any
    key: str | UnsetType = UNSET


class Outcome(msgspec.Struct, frozen=True):
    """An event, what was predicted for it, and what simple forecasts would have said.

    Attributes
    ----------
    number : int
        Its position among the events that were predicted, from 0.
    event : Event
    prediction : object
        What is compared with the target: a number, a label, or a score.
    baselines : mapping
        Predictions of the baselines by name, None where one has none.
    late : bool
        Whether the event was predicted before, and it is its target that has come now.
    record : Prediction or None
        What was emitted; None of a late one.
    """

    number: int
    event: Event
    prediction: Any
    baselines: Mapping[str, Any]
    late: bool = False
    record: Prediction | None = None
