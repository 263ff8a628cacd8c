"""From a dictionary of features to the numbers an LSTM reads, with features that come and go."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import date, datetime
from numbers import Real
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.scaling import LARGEST, unusable

NUMBER = (Real, np.bool_)

PLAIN = {float, int, bool, np.float64}
"""Types that NumPy turns into floats as they are."""

CATEGORIES = 256
"""How many different strings of one feature get a column; later ones count as missing."""


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
        How many values were not finite, too large, of a type without columns, or one string too
        many, so far.
    """

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.numeric: list[bool] = []
        self.imputed = 0
        self._categories: dict[str, int] = {}
        self._keys: list[Hashable] = []
        self._pick: Callable[[Mapping[Hashable, Any]], tuple[Any, ...]] | None = None

    def learn(self, x: Mapping[Hashable, Any]) -> tuple[NDArray[np.float64], list[str]]:
        """Give new features their columns, count unusable values, and encode.

        Returns
        -------
        numbers : ndarray
            As `encode` returns them.
        new : list of str
            Columns that are new.
        """
        plain = self._encode_plain(x)
        if plain is not None:
            self.imputed += unusable(plain)
            return plain, []
        new: list[str] = []
        for key in sorted(x, key=repr):
            value = x[key]
            self.imputed += not _usable(value)
            for column, _ in _cells(key, value):
                if column in self.columns:
                    continue
                if not self._admits(key, value):
                    self.imputed += 1
                    continue
                self.columns[column] = len(self.columns)
                self.numeric.append(isinstance(value, NUMBER))
                self._keys.append(key)
                new.append(column)
        if new:
            self._find_shortcut()
        return self.encode(x), new

    def encode(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return the numbers of one event, (columns,), NaN where missing; changes nothing."""
        plain = self._encode_plain(x)
        if plain is not None:
            return plain
        encoded = np.where(self.numeric, np.nan, 0.0)
        for key, value in x.items():
            for column, number in _cells(key, value):
                place = self.columns.get(column)
                if place is not None:
                    encoded[place] = number
        return encoded

    def _encode_plain(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64] | None:
        """Encode an event of nothing but the known numbers, which most are; None if it is not."""
        if self._pick is None or len(x) != len(self._keys):
            return None
        try:
            values = self._pick(x)
            if not PLAIN.issuperset(map(type, values)):
                return None
            return np.array(values, np.float64)
        except (KeyError, OverflowError):  # another key, or a whole number beyond all floats
            return None

    def _find_shortcut(self) -> None:
        """Find a way to pick all values at once: it needs numbers only, and two of them."""
        if all(self.numeric) and len(self._keys) > 1:
            self._pick = itemgetter(*self._keys)
        else:
            self._pick = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_pick"}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        self._find_shortcut()

    def _admits(self, key: Hashable, value: object) -> bool:
        if not isinstance(value, str):
            return True
        count = self._categories.get(repr(key), 0)
        self._categories[repr(key)] = min(count + 1, CATEGORIES)
        return count < CATEGORIES


def _cells(key: Hashable, value: object) -> Iterator[tuple[str, float]]:
    """Yield the columns that one feature fills and their numbers."""
    if isinstance(value, NUMBER):
        yield f"{key!r}", float(value) if _usable(value) else math.nan
    elif isinstance(value, str):
        yield f"{key!r} is {str(value)!r}", 1.0  # of NumPy's strings as well
    elif isinstance(value, date):
        turns = {"weekday": value.weekday() / 7, "month": (value.month - 1) / 12}
        if isinstance(value, datetime):
            turns["hour"] = (value.hour + value.minute / 60) / 24
        for name, turn in sorted(turns.items()):
            yield f"{key!r} {name} (sin)", math.sin(2 * math.pi * turn)
            yield f"{key!r} {name} (cos)", math.cos(2 * math.pi * turn)


def _usable(value: Any) -> bool:
    if isinstance(value, NUMBER):
        size: Any = abs(value)
        return bool(size <= LARGEST)
    return isinstance(value, str | date)
