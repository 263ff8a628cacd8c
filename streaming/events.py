"""What flows through a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Event:
    """One reading.

    Attributes
    ----------
    id : int
        Position in the stream, from 0.
    x : mapping
        Features by name.
    y : float or None
        Target; None if the event came without one.
    time : datetime or None
        When it happened, if the source says so.
    """

    id: int
    x: Mapping[str, Any]
    y: float | None
    time: datetime | None = None


class Prediction(msgspec.Struct, frozen=True):
    """What is emitted for an event, before its target is learned.

    Attributes
    ----------
    id : int
        The event's.
    prediction : float or None
        None as long as no target was learned: there is nothing yet to predict from.
    target : float or None
        The target, if it came with the event.
    """

    id: int
    prediction: float | None
    target: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event, what was predicted for it, and what simple forecasts would have said.

    Attributes
    ----------
    event : Event
    prediction : float or None
    baselines : mapping
        Predictions of the baselines by name, None where one has none.
    """

    event: Event
    prediction: float | None
    baselines: Mapping[str, float | None]
