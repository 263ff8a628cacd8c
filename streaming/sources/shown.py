"""Values as errors show them."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

SHOWN = 80
"""Characters of a value that an error shows."""

_short = Repr()  # which does not go deeper than that, or wider
_short.maxlevel = 4
_short.maxstring = _short.maxother = _short.maxlong = SHOWN


def shown(raw: Any) -> str:
    r"""Return a value for people, on one line, cut if it is long.

    Examples
    --------
    >>> print(shown("a\nb"), shown({"b": [[[[1]]]]}))
    'a\nb' {'b': [[[...]]]}
    """
    try:
        text = repr(raw[:SHOWN]) if isinstance(raw, str | bytes) else _short.repr(raw)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of too many digits"
    long = len(text) > SHOWN or (isinstance(raw, str | bytes) and len(raw) > SHOWN)
    return f"{text[: SHOWN - 3]}..." if long else text


def in_full(record: Any) -> str:
    """Return all of a record as Python shows it, or what can be shown of it."""
    try:
        return repr(record)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return shown(record)  # what is in it can raise whatever it likes
