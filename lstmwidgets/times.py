"""Moments of events, with a zone or without."""

from __future__ import annotations

from datetime import UTC, datetime


def in_utc(time: datetime) -> datetime:
    """Return a time in UTC, so that times with and without a zone can be ordered and counted.

    Parameters
    ----------
    time : datetime
        Without a zone it is taken for UTC.

    Examples
    --------
    >>> in_utc(datetime.fromisoformat("2024-03-01T12:00+02:00")).isoformat()
    '2024-03-01T10:00:00+00:00'
    >>> in_utc(datetime(2024, 3, 1)).isoformat()
    '2024-03-01T00:00:00+00:00'
    """
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:  # the first or the last hours that there are
        return time.replace(tzinfo=UTC)
