"""Times that stand in two columns: a day in one, the time of day in another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

DAY = re.compile(r"\s*\d{4}(-?)\d\d\1\d\d\s*")
CLOCK = re.compile(r"\s*(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?\s*")


def at_its_time(day: datetime, record: Mapping[str, Any], names: Iterable[str]) -> datetime:
    """Return an event's time: that of a day, and the time of day of the first column with one.

    A time that does not come from a column of days alone is returned as it is.

    Parameters
    ----------
    day : datetime
        What was read as the event's time.
    record : mapping
        What stands in each column.
    names : iterable of str
        The columns with times; the first one that has something is what `day` was read from.

    Examples
    --------
    >>> record = {"date": "2024-03-29", "time": "9:30"}
    >>> at_its_time(datetime(2024, 3, 29), record, ["date"]).isoformat()
    '2024-03-29T09:30:00'
    """
    if day.hour or day.minute or day.second:
        return day
    moments = (record.get(name) for name in names)
    if not _is_day(next((raw for raw in moments if raw is not None), None)):
        return day
    for raw in record.values():
        clock = _clock(raw)
        if clock is not None:
            return datetime.combine(day, clock, clock.tzinfo or day.tzinfo)
    return day


def _is_day(raw: Any) -> bool:
    if isinstance(raw, str):
        return DAY.fullmatch(raw) is not None
    return isinstance(raw, date) and not isinstance(raw, datetime)


def _clock(raw: Any) -> time | None:
    if isinstance(raw, time):
        return raw
    found = CLOCK.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        return None
    hour, minute, second, part = found.groups("0")
    try:
        return time(int(hour), int(minute), int(second), int(part.ljust(6, "0")))
    except ValueError:
        return None
