"""Values as JSON can hold them, and back with their types.

Whatever the library keeps goes through here: labels, names of features, ids, records, options. It
is also the one place that says when two names, labels or ids are the same: when Python says so,
once scalars of NumPy and PyTorch are Python's own (`plain`). So ``1``, ``1.0``, ``True`` and
``numpy.int64(1)`` are one label, named as it came first, and ``"1"`` is another. What depends on
how one is spelled, such as a column or initial weights, depends on the `key` that they share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from numbers import Number
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from .shown import typed

LARGEST = 2**53
"""Whole numbers up to here are the same in every reader of JSON; those beyond are put in hex."""

DAYS = {"M": (-719_162, 2_932_896), "m": (-999_999_999, 999_999_998)}
"""The days that Python's dates (since 1970) and timedeltas reach, by NumPy's letter."""

KEPT = (
    "None, bool, int, float, str, bytes, date, datetime, time, timedelta, Decimal, Fraction, UUID, "
    "tuple, list and dict"
)


def plain(value: Any) -> Any:
    """Return a scalar of NumPy or PyTorch, or an array of no axis, as Python's own.

    What NumPy and pandas have for a missing value (NaT, NA, masked) is None, NaN is NaN; a tuple is
    one of such. All else is returned as it is, dates that Python does not have too.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(7)), plain(np.datetime64("2024-01-02T03", "ns")), plain("a")
    (7, datetime.datetime(2024, 1, 2, 3, 0), 'a')
    """
    if type(value) is tuple:
        return tuple(map(plain, value))
    if getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
        missing = isinstance(value, datetime) and value != value  # NaT
        return None if missing or type(value).__name__ == "NAType" else value
    if getattr(value, "mask", False):
        return None
    kind = getattr(value.dtype, "kind", "")
    if kind in DAYS:
        first, last = DAYS[kind]
        days = value.astype(f"{kind}8[D]").astype(int)
        if value == value and not first <= days <= last:
            return value
        value = value.astype(f"{kind}8[us]")  # Python's dates and times have microseconds
    item = value.item()
    if type(item) is type(value):  # a float or a complex number that is longer than Python's
        return complex(item) if kind == "c" else float(item)
    return item if kind != "O" else plain(item)


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or another one that does not equal itself."""
    value = plain(value)
    if value is None:
        return True
    if hasattr(value, "__len__"):  # a text, an array or a series, which compares item by item
        return False
    try:
        return bool(value != value)
    except ArithmeticError:  # a decimal's signalling NaN
        return True


def key(value: Any) -> Any:
    """Return what all values share that are equal to one, whatever their types.

    Examples
    --------
    >>> import numpy as np
    >>> key(np.str_("a")), key(7.0), key(True), key(("a", np.float32(0.5)))
    ('a', 7, 1, ('a', 0.5))
    """
    if type(value) is str or type(value) is int:
        return value
    value = own(plain(value))
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, tuple):
        return tuple(map(key, value))
    if isinstance(value, datetime) and value.tzinfo is None:  # pandas' as well
        moment = datetime.combine(value.date(), value.time())
        return moment if moment == value else value  # which may have nanoseconds
    return value


def spelled(value: Any) -> str:
    """Return how a value and all that are equal to it are written."""
    return written(key(value))


def written(value: Any) -> str:
    """Return how a value is written: as Python does, or as it is kept."""
    try:
        return repr(value)
    except ValueError:  # a number with more digits than Python turns into text
        return repr(encode(value))


def own(value: Any) -> Any:
    """Return a text or a number of a derived class, such as an enumeration's, as Python's own."""
    for kind, bare in OWN.items():
        if isinstance(value, kind) and type(value) is not bool:
            return bare(value)
    return value


OWN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,  # of the class, for an enumeration shows itself as another text
    int: int.__int__,
    float: float.__float__,
}


def _number(value: Any) -> Any:
    """Return a number as an int if it is one, or else as a float if it is one."""
    if isinstance(value, Decimal) and value.adjusted() > 400:  # whose digits would fill the memory
        return value
    for kind in (int, float):
        try:
            same = kind(value)
            if same == value:
                return same
        except (ArithmeticError, TypeError, ValueError):
            continue
    return value


def encode(
    value: Any, other: Callable[[Any, str], Any] | None = None, path: str = "the value"
) -> Any:
    """Return a value as None, bool, int, finite float, str, list and dict with names, for JSON.

    Parameters
    ----------
    value : object
        None, bool, int, float (NaN and infinities too), str, bytes, date, datetime, time (with a
        fixed offset or a `zoneinfo.ZoneInfo`), timedelta, Decimal, Fraction, UUID, and tuples,
        lists and dicts of them; a dict's keys may be any of them. What `plain` and `own` change is
        changed; a mapping becomes a dict, pandas' Timestamp a datetime.
    other : callable, optional
        Gets what is none of these, and its path; returns a dict of forms, or None.
    path : str
        What the value is, for errors.

    Raises
    ------
    TypeError
        If there is something else in it. The message says where.

    Examples
    --------
    >>> encode((1, 0.5, "a")), encode({2: b"x"})
    ({'tuple': [1, 0.5, 'a']}, {'dict': [[2, {'bytes': '78'}]]})
    >>> decode(encode({(1, True): float("inf")}))
    {(1, True): inf}
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if abs(value) <= LARGEST else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if kind is str:
        return value if _is_text(value) else {"str": value.encode("utf-8", "surrogatepass").hex()}
    if kind is tuple or kind is list:
        items = [encode(item, other, f"{path}.{n}") for n, item in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if isinstance(value, Mapping):
        pairs = []
        for n, (key, item) in enumerate(value.items()):
            place = f"{path}.{key if _is_name(key) else n}"
            pairs.append([encode(key, other, place), encode(item, other, place)])
        return {"dict": pairs}
    form = _form(value)
    if form is None and other is not None:
        form = other(value, path)
    if form is not None:
        return form
    scalar = own(plain(value))
    if type(scalar) is kind:
        raise TypeError(
            f"{path} cannot be kept: {typed(value)} is none of {KEPT}; "
            "give one of these in its place, such as its str()"
        )
    return encode(scalar, other, path)


def decode(form: Any, other: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Return the value that `encode` was given.

    Parameters
    ----------
    form : object
        What `encode` returned, through JSON or MessagePack or not.
    other : callable, optional
        Gets the forms that `encode`'s `other` returned.

    Raises
    ------
    ValueError
        If the form is another. What is forged in some other way raises an error of whatever kind,
        and does nothing.
    """
    if not isinstance(form, dict):
        return [decode(item, other) for item in form] if isinstance(form, list) else form
    inside: Any
    tag, inside = next(iter(form.items()), ("", None))
    if tag == "dict":
        return {decode(key, other): decode(item, other) for key, item in inside}
    if tag == "tuple":
        return tuple(decode(item, other) for item in inside)
    if tag in READERS:
        return READERS[tag](*(inside if isinstance(inside, list) else [inside]))
    if other is None:
        raise ValueError(f"unknown entry {sorted(form)}")
    return other(form)


def _form(value: Any) -> dict[str, Any] | None:
    """Return the form of bytes, of other numbers, and of what has to do with time."""
    if type(value) is bytes:
        return {"bytes": value.hex()}
    name = TEXTS.get(type(value))
    if name is not None:
        return {name: str(value)}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, datetime | time) and value == value:
        zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None
        text = (value if zone is None else value.replace(tzinfo=None)).isoformat()
        name = "datetime" if isinstance(value, datetime) else "time"
        return {name: [text, value.fold, zone]}
    return {"date": value.isoformat()} if type(value) is date else None


def _moment(kind: type[datetime | time], text: str, fold: int, zone: str | None) -> datetime | time:
    moment = kind.fromisoformat(text)
    if zone is not None:
        return moment.replace(tzinfo=ZoneInfo(zone), fold=fold)
    return moment.replace(fold=fold) if fold else moment


TEXTS = {Decimal: "decimal", Fraction: "fraction", UUID: "uuid"}
"""Types whose values are kept as the text that they are made of again."""

READERS: dict[str, Callable[..., Any]] = {
    "int": partial(int, base=16),
    "float": {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}.__getitem__,
    "str": lambda data: bytes.fromhex(data).decode("utf-8", "surrogatepass"),
    "bytes": bytes.fromhex,
    "date": date.fromisoformat,
    "datetime": partial(_moment, datetime),
    "time": partial(_moment, time),
    "timedelta": timedelta,
    **{name: kind for kind, name in TEXTS.items()},
}
"""What makes a value of what stands behind its tag, or of the list that does."""


def _is_text(value: str) -> bool:
    """Say whether a text is one in Unicode, without halves of cut characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and key.replace(".", "_").isidentifier()
