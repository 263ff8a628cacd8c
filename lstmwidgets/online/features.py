"""From a dictionary of features to the numbers an LSTM reads, with features that come and go."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain, takewhile
from numbers import Real
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.scaling import LARGEST
from .arrays import need

NUMBER = (Real, Decimal, np.bool_)

PLAIN = {float, int, bool, np.float64}
"""Types that NumPy turns into floats as they are."""

CATEGORIES = 256
"""How many different strings of one feature get a column; later ones count as missing."""


TURN = 2 * math.pi

UNPLACED = -1
"""The place of a column that does not exist."""

COLUMNS = 10_000
"""How many columns there are at most; what would need more counts as missing."""


class FeatureEncoder:
    """Gives every feature its columns, in the order of first appearance, and never takes one back.

    =============== ======================= ====================================================
    value           columns                 numbers
    =============== ======================= ====================================================
    number          ``'key'``               itself, later standardised
    True, False     ``'key'``               1, 0, later standardised
    string          ``'key' is 'value'``    1 in the value's column, 0 in the key's others
    date, datetime  ``'key' hour`` and so   hour with minutes, weekday and month, each as sine and
                    on                      cosine of its turn
    =============== ======================= ====================================================

    A missing key, None, NaN, an infinity or a number beyond 1e30 leaves NaN in its columns, for the
    scaler to replace by the mean; strings without a column leave zeros. Keys that are new in one
    event get their columns in sorted order, so that the order of keys in an event means nothing. A
    key whose type changes gets columns of its new type besides those it has.

    Attributes
    ----------
    columns : dict of str to int
        Position of each column.
    numeric : list of bool
        Which columns hold plain numbers, to be standardised.
    imputed : int
        How many values were not finite, too large, of a type without columns, or one string or
        feature too many, so far.
    """

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.numeric: list[bool] = []
        self.imputed = 0
        self._categories: dict[str, int] = {}
        self._keys: list[Hashable] = []
        self._places: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._pick: Callable[[Mapping[Hashable, Any]], tuple[Any, ...]] | None = None
        self._make_ready()

    def learn(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Give new features their columns, count unusable values, and return what `encode` does."""
        plain = self._encode_plain(x)
        if plain is not None:
            self.imputed += _unusable(plain)
            return plain
        check_features(x)
        unknown = []
        for key, value in x.items():
            kind = _kind(value)
            self.imputed += not _usable(kind, value)
            if kind is not None and _signature(key, kind, value) not in self._places:
                unknown.append(key)
        for key in sorted(unknown, key=repr):
            self._register(key, x[key])
        if len(self._missing) != len(self.columns):
            self._make_ready()
        return self.encode(x)

    def encode(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return the numbers of one event, (columns,), NaN where missing; changes nothing."""
        plain = self._encode_plain(x)
        if plain is not None:
            return plain
        check_features(x)
        encoded = self._missing.copy()
        for key, value in x.items():
            kind = _kind(value)
            if kind is None or not _usable(kind, value):
                continue
            places = self._places.get(_signature(key, kind, value))
            if places is None:  # never learned, or not since the model was loaded
                places = self._find(key, kind, value)
                if UNPLACED not in places:  # so there are no more of them than columns
                    self._places[_signature(key, kind, value)] = places
            for place, number in zip(places, _numbers(kind, value), strict=True):
                if place != UNPLACED:
                    encoded[place] = number
        return encoded

    def encode_many(self, xs: Sequence[Mapping[Hashable, Any]]) -> NDArray[np.float64]:
        """Return what `encode` does for each of N events, (N, columns)."""
        plain = self._encode_plain_rows(xs)
        if plain is not None:
            return plain
        encoded = np.empty((len(xs), len(self.columns)))
        for row, x in zip(encoded, xs, strict=True):
            row[:] = self.encode(x)
        return encoded

    def learn_known(self, xs: Sequence[Mapping[Hashable, Any]]) -> NDArray[np.float64]:
        """Do what `learn` does with the events before the first that has something new.

        Returns
        -------
        ndarray
            The numbers of these events, (n, columns).
        """
        plain = self._encode_plain_rows(xs)
        if plain is not None:
            self.imputed += _unusable(plain)
            return plain
        rows = [self.learn(x) for x in takewhile(self._knows, xs)]
        return np.array(rows).reshape(len(rows), len(self.columns))

    def _knows(self, x: Any) -> bool:
        """Say whether all of an event has its columns already."""
        if not isinstance(x, Mapping):
            return False
        if self._encode_plain(x) is not None:
            return True
        kinds = ((key, value, _kind(value)) for key, value in x.items())
        return all(
            kind is None or _signature(key, kind, value) in self._places
            for key, value, kind in kinds
        )

    def _register(self, key: Hashable, value: Any) -> None:
        """Give a feature's value its columns, and remember where they are."""
        kind = _kind(value)
        assert kind is not None
        for column in _columns(key, kind, value):
            if column in self.columns:
                continue
            if not self._admits(key, value):
                self.imputed += 1
                return
            self.columns[column] = len(self.columns)
            self.numeric.append(kind == "number")
            self._keys.append(key)
        self._places[_signature(key, kind, value)] = self._find(key, kind, value)

    def _find(self, key: Hashable, kind: str, value: Any) -> tuple[int, ...]:
        """Return the places of a value's columns."""
        columns = _columns(key, kind, value)
        return tuple(self.columns.get(name, UNPLACED) for name in columns)

    def _encode_plain(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64] | None:
        """Encode an event of nothing but the known numbers, which most are; None if it is not."""
        if self._pick is None or type(x) is not dict or len(x) != len(self._keys):
            return None
        try:
            values = self._pick(x)
            if not PLAIN.issuperset(map(type, values)):
                return None
            return np.array(values, np.float64)
        except (KeyError, OverflowError):  # another key, or a whole number beyond all floats
            return None

    def _encode_plain_rows(
        self, xs: Sequence[Mapping[Hashable, Any]]
    ) -> NDArray[np.float64] | None:
        """Do the same for many events at once; None if one of them is another."""
        keys = len(self._keys)
        if self._pick is None or {*map(type, xs)} != {dict} or {*map(len, xs)} != {keys}:
            return None
        try:
            values = list(chain.from_iterable(map(self._pick, xs)))
            if not PLAIN.issuperset({*map(type, values)}):
                return None
            return np.array(values, np.float64).reshape(-1, keys)
        except (KeyError, OverflowError):
            return None

    def _make_ready(self) -> None:
        """Make what is not worth keeping in a pickle.

        All values are picked at once if they are numbers, two of them at least.
        """
        plain = all(self.numeric) and len(self._keys) > 1
        self._pick = itemgetter(*self._keys) if plain else None
        self._missing = np.where(np.array(self.numeric, bool), np.nan, 0.0)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_pick", "_missing", "_places")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        count = len(self.columns)
        need(list(self.columns.values()) == list(range(count)), "columns")
        need(len(self.numeric) == len(self._keys) == count, "columns")
        self._places = {}
        self._make_ready()

    def _admits(self, key: Hashable, value: object) -> bool:
        if len(self.columns) >= COLUMNS:
            return False
        if not isinstance(value, str):
            return True
        count = self._categories.get(repr(key), 0)
        self._categories[repr(key)] = min(count + 1, CATEGORIES)
        return count < CATEGORIES


def _unusable(values: NDArray[np.float64]) -> int:
    """Return how many numbers are NaN, infinite or beyond `LARGEST`."""
    try:  # most often all are usable, and that is found much faster
        if math.fsum(map(abs, values.ravel().tolist())) <= LARGEST:
            return 0
    except OverflowError:
        pass
    return int(np.count_nonzero(~(np.abs(values) <= LARGEST)))


def number_in(value: Any) -> float | None:
    """Return a number as a float; None if it is none, not finite or beyond 1e30."""
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):  # beyond all floats, no number, signalling NaN
        return None
    return number if abs(number) <= LARGEST else None


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or another one that does not equal itself."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ArithmeticError):  # pandas' NA, a decimal's signalling NaN
        return True
    except ValueError:  # an array
        return False


def check_features(x: object) -> None:
    """Raise unless an event's features are a dict."""
    if not isinstance(x, Mapping):
        raise TypeError(f"expected a dict of features, got {type(x).__name__} {x!r}")


def _kind(value: object) -> str | None:
    """Return what a value counts as; None if it has no columns."""
    kind = _kind_of(type(value))  # type: ignore[arg-type]
    return None if kind in ("time", "date") and value != value else kind  # pandas' NaT


@cache
def _kind_of(of: type) -> str | None:
    if issubclass(of, NUMBER):
        return "number"
    if issubclass(of, str):
        return "string"
    if issubclass(of, datetime):
        return "time"
    return "date" if issubclass(of, date) else None


def _signature(key: Hashable, kind: str, value: Any) -> tuple[Any, ...]:
    """Return what decides on a value's columns."""
    return (type(key), key, kind, value if kind == "string" else None)


def _columns(key: Hashable, kind: str, value: Any) -> list[str]:
    """Return the names of the columns that a value fills."""
    if kind == "number":
        return [f"{key!r}"]
    if kind == "string":
        return [f"{key!r} is {str(value)!r}"]  # NumPy's strings look otherwise
    turns = ["hour", "month", "weekday"] if kind == "time" else ["month", "weekday"]
    return [f"{key!r} {turn} ({wave})" for turn in turns for wave in ("sin", "cos")]


def _numbers(kind: str, value: Any) -> tuple[float, ...]:
    """Return the numbers that a usable value puts into its columns."""
    if kind == "number":
        return (float(value),)
    if kind == "string":
        return (1.0,)
    month = TURN * (value.month - 1) / 12
    weekday = TURN * value.weekday() / 7
    waves = (math.sin(month), math.cos(month), math.sin(weekday), math.cos(weekday))
    if kind == "date":
        return waves
    hour = TURN * (value.hour + value.minute / 60) / 24
    return (math.sin(hour), math.cos(hour), *waves)


def _usable(kind: str | None, value: Any) -> bool:
    return number_in(value) is not None if kind == "number" else kind is not None
