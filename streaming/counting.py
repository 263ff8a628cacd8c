"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, what: str, happened: str = "") -> str:
    """Return a number with its noun in the right form, and what happened to so many.

    Examples
    --------
    >>> counted(1, "event"), counted(2000, "row", "left out")
    ('1 event', '2,000 rows left out')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'} {happened}".rstrip()
