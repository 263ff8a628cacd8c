"""Values as messages show them: on one line, cut if they are long."""

from __future__ import annotations

from collections.abc import Iterable
from reprlib import Repr
from typing import Any

NAMED = 5
"""Names that an error lists."""

SHOWN = 80
"""Characters of a value that an error shows."""

_short = Repr()  # which does not go deeper than that, or wider
_short.maxlevel = 4
_short.maxstring = _short.maxother = _short.maxlong = SHOWN


def shown(value: Any) -> str:
    r"""Return what a value looks like, on one line, cut if it is long.

    Examples
    --------
    >>> print(shown("a\nb"), shown({"b": [[[[1]]]]}))
    'a\nb' {'b': [[[...]]]}
    """
    try:
        text = repr(value[:SHOWN]) if isinstance(value, str | bytes) else _short.repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of too many digits"
    if not isinstance(value, str | bytes):  # tables and series have several lines
        text = " ".join(text.split())
    long = len(text) > SHOWN or (isinstance(value, str | bytes) and len(value) > SHOWN)
    return f"{text[: SHOWN - 3]}..." if long else text


def typed(value: Any) -> str:
    """Return a value's type and what it looks like.

    Examples
    --------
    >>> print(typed("13.5"), typed([1.0, 2]), sep="; ")
    str '13.5'; list [1.0, 2]
    """
    return f"{type(value).__name__} {shown(value)}"


def name_some(names: Iterable[Any], most: int = NAMED) -> str:
    """Return names for people, the first of many.

    Examples
    --------
    >>> name_some(["a", "b"]), name_some(range(9))
    ("'a', 'b'", '0, 1, 2, 3, 4 and 4 more')
    """
    all_of_them = [shown(name) for name in names]
    more = len(all_of_them) - most
    return ", ".join(all_of_them[:most]) + (f" and {more:,} more" if more > 0 else "")


def named(label: Any) -> str:
    """Return what stands for a label in a picture."""
    try:
        return str(label)
    except ValueError:
        return shown(label)


def in_full(value: Any) -> str:
    """Return all of a value as Python shows it, or what can be shown of it."""
    try:
        return repr(value)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return shown(value)  # what is in it can raise whatever it likes
