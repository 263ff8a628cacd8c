"""From a dictionary of features to the numbers an LSTM reads, with features that come and go."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain, takewhile
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codec import is_missing, written
from ..codec import key as key_of
from ..kernels import LARGEST
from ..shown import name_some, typed
from ..values import NUMBER, PLAIN, TEXT, reading
from .arrays import need, need_places
from .columns import Reading, columns_of, is_usable, numbers_of

CATEGORIES = 256
"""How many different strings of one feature get a column; later ones count as missing."""

UNPLACED = -1
"""The place of a column that does not exist."""

COLUMNS = 10_000
"""How many columns there are at most; what would need more counts as missing."""

SETTLED = 16
"""Events after which one without any known feature is worth a warning."""


class UnknownFeaturesError(ValueError):
    """A model that was loaded gets events with none of its features."""


class FeatureWarning(UserWarning):
    """Features that are hardly meant as they are read; an encoder says each thing once."""


class FeatureEncoder:
    """Gives every feature its columns, in the order of first appearance, and never takes one back.

    =============== ======================= ====================================================
    value           columns                 numbers
    =============== ======================= ====================================================
    number          ``'key'``               itself, later standardised
    True, False     ``'key'``               1, 0, later standardised
    duration        ``'key'``               its seconds, later standardised
    string          ``'key' is 'value'``    1 in the value's column, 0 in the key's others
    date, datetime, ``'key' hour`` and so   hour with minutes, weekday and month, each as sine and
    time            on                      cosine of its turn
    =============== ======================= ====================================================

    `lstmwidgets.values` has what other types count as. A missing key, None, NaN, an infinity or a
    number beyond 1e30 leaves NaN in its columns, for the scaler to replace by the mean; strings
    without a column leave zeros. Keys that are new in one event get their columns in sorted order,
    so that the order of keys in an event means nothing, and keys that are equal, such as ``1`` and
    ``numpy.int64(1)``, are one. A key whose type changes gets columns of its new type besides those
    it has.

    Attributes
    ----------
    columns : dict of str to int
        Position of each column.
    numeric : list of bool
        Which columns hold plain numbers, to be standardised.
    imputed : int
        How many values were not finite, too large, of a type without columns, or one string or
        feature too many, so far.
    events : int
        How many events were learned.
    expects : bool
        Whether the first event to come must have one of the known features, at least.
    """

    _met: bool
    """Whether an event had a known feature; not kept."""

    def __init__(self) -> None:
        self.columns: dict[str, int] = {}
        self.numeric: list[bool] = []
        self.imputed = self.events = 0
        self.expects = False
        self._categories: dict[str, int] = {}
        self._keys: list[Hashable] = []
        self._make_caches()

    @property
    def meanings(self) -> list[tuple[Hashable, str]]:
        """Of each column the feature's name, and what its own name says beside: "" of a number."""
        return [
            (key, column.removeprefix(written(key)).lstrip())
            for key, column in zip(self._keys, self.columns, strict=True)
        ]

    def learn(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Give new features their columns, count unusable values, and return what `encode` does."""
        plain = self._encode_plain(x)
        if plain is not None:
            self.events += 1
            self.imputed += _unusable(plain)
            return plain
        encoded, unusable, new = self._fill(x)
        if new or self.expects:
            encoded = self._learn_new(x, new)
        self.events += 1
        self.imputed += unusable
        return encoded

    def _learn_new(self, x: Mapping[Hashable, Any], new: Sequence[Reading]) -> NDArray[np.float64]:
        """Give what has no columns its own, and return the event's numbers."""
        self._compare(x, new)
        self.expects = False
        for name, kind, value in sorted(new, key=lambda one: written(one[0])):
            if kind:
                self._register(name, kind, value)
        if len(self._missing) != len(self.columns):
            self._make_ready()
        self._tell_of(new)
        return self._fill(x)[0]

    def encode(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return the numbers of one event, (columns,), NaN where missing; changes nothing."""
        plain = self._encode_plain(x)
        return self.encode_and_ask(x)[0] if plain is None else plain

    def encode_and_ask(self, x: Mapping[Hashable, Any]) -> tuple[NDArray[np.float64], bool]:
        """Return the same, and whether a known feature has a value without a column."""
        encoded, _, new = self._fill(x)
        self._compare(x, new)
        has_unknown = any(
            name in self._names and is_usable(kind, value) for name, kind, value in new
        )
        return encoded, has_unknown

    def unknown(self, x: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the features whose values have no columns yet, and could get them."""
        if self._encode_plain(x) is not None:
            return {}
        return {name: value for name, kind, value in self._fill(x)[2] if is_usable(kind, value)}

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
            self.events += len(xs)
            self.imputed += _unusable(plain)
            return plain
        rows = [self.learn(x) for x in takewhile(self._knows, xs)]
        return np.array(rows).reshape(len(rows), len(self.columns))

    def _knows(self, x: Any) -> bool:
        """Say whether all values of an event have their columns already."""
        if not isinstance(x, Mapping):
            return False
        return self._encode_plain(x) is not None or not any(kind for _, kind, _ in self._fill(x)[2])

    def _fill(self, x: Mapping[Hashable, Any]) -> tuple[NDArray[np.float64], int, list[Reading]]:
        """Return an event's numbers, how many are unusable, and what has no columns."""
        check_features(x)
        encoded, unusable = self._missing.copy(), 0
        new: list[Reading] = []
        for name, value in x.items():
            if value is None:
                unusable += 1
                continue
            if type(name) is not str:
                name = key_of(name)
            if type(value) in PLAIN:
                kind, usable = NUMBER, -LARGEST <= value <= LARGEST
            elif type(value) is str:
                kind, usable = TEXT, True
            else:
                kind, value = reading(value) or ("", value)
                usable = is_usable(kind, value)
            unusable += not usable
            places = self._places.get((name, kind, value) if kind is TEXT else (name, kind))
            if places is None:  # never learned, or not since the model was loaded
                places = self._find(name, kind, value)
                if not places or UNPLACED in places:
                    new.append((name, kind, value))
            if usable:
                for place, number in zip(places, numbers_of(kind, value), strict=True):
                    if place != UNPLACED:
                        encoded[place] = number
        return encoded, unusable, new

    def _register(self, name: Hashable, kind: str, value: Any) -> None:
        """Give a feature's value its columns, and remember where they are."""
        for column in columns_of(name, kind, value):
            if column in self.columns:
                continue
            if not self._admits(name, kind):
                self.imputed += 1
                return
            self.columns[column] = len(self.columns)
            self.numeric.append(kind == NUMBER)
            self._keys.append(name)

    def _find(self, name: Hashable, kind: str, value: Any) -> tuple[int, ...]:
        """Return the places of a value's columns, and remember them if there are all."""
        columns = columns_of(name, kind, value)
        places = tuple(self.columns.get(column, UNPLACED) for column in columns)
        if places and UNPLACED not in places:  # so there are no more of them than columns
            self._places[(name, kind, value) if kind is TEXT else (name, kind)] = places
        return places

    def _admits(self, name: Hashable, kind: str) -> bool:
        if len(self.columns) >= COLUMNS:
            return False
        if kind != TEXT:
            return True
        count = self._categories.get(repr(name), 0)
        self._categories[repr(name)] = min(count + 1, CATEGORIES)
        return count < CATEGORIES

    def _compare(self, x: Mapping[Hashable, Any], new: Sequence[Reading]) -> None:
        """Say so if an event has none of the known features, or lacks some where they are due.

        Raises
        ------
        UnknownFeaturesError
            If it has none, and one is due.
        """
        if len(new) != len(x) and not self.expects:
            return
        names = {key_of(name) for name in x}
        is_strange = names.isdisjoint(self._names)
        is_due = self.expects and not self._met
        self._met = self._met or not is_strange
        if not names or not self._names or not (is_due or (is_strange and self._is_told_of)):
            return
        features = dict.fromkeys(self._keys)
        lacking = [name for name in features if name not in names]
        if not lacking:
            return
        came, known = name_some(x), name_some(features)
        if not is_strange:
            self._tell(
                "lacking",
                f"the model was saved with features that the event lacks: {name_some(lacking)}. "
                f"It has {came}; what is lacking counts as missing until it comes",
            )
        elif is_due:
            raise UnknownFeaturesError(
                f"the model was saved with the features {known} and the event has none of them, "
                f"but {came}; rename them or, if they are to be learned as others, give one of the "
                "model's features beside them, such as None"
            )
        else:
            self._tell(
                "unknown",
                f"an event has none of the features that were learned ({known}), but {came}, which "
                "are others to the model; rename them if they are the same",
            )

    @property
    def _is_told_of(self) -> bool:
        """Whether an event without any known feature is worth a warning."""
        return self.events >= SETTLED and "unknown" not in self._told

    def _tell_of(self, new: Sequence[Reading]) -> None:
        """Warn of values without columns, and of those that are hardly meant as they are read."""
        for name, kind, value in new:
            if kind == TEXT and _reads_as_number(value):
                self._tell(
                    ("number", name),
                    f"feature {name!r} has texts that read as numbers, such as {value!r}: each is "
                    "a category of its own; convert them with float() if they are numbers",
                )
            if kind == TEXT and self._categories.get(repr(name)) == CATEGORIES:
                self._tell(
                    ("categories", name),
                    f"feature {name!r} has {CATEGORIES} categories, the most that get a column: "
                    "others count as missing; leave the feature out, or group its values",
                )
            if kind and len(self.columns) >= COLUMNS:
                self._tell(
                    "columns",
                    f"there are {COLUMNS:,} columns, the most there can be: what is new from now "
                    f"on counts as missing, such as feature {name!r}; give fewer features",
                )
            if not kind and not is_missing(value):
                self._tell(
                    ("kind", name),
                    f"feature {name!r} is {typed(value)}, neither a number nor a text nor a time: "
                    "it counts as missing; convert it, or leave it out",
                )

    def _tell(self, what: Hashable, text: str) -> None:
        """Warn, but of each thing once."""
        if what not in self._told:
            self._told.add(what)
            warnings.warn(text, FeatureWarning, stacklevel=2)

    def _encode_plain(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64] | None:
        """Encode an event of nothing but the known numbers, which most are; None if it is not."""
        if self._pick is None or type(x) is not dict or len(x) != len(self._keys):
            return None
        try:
            values = self._pick(x)
            if not PLAIN.issuperset(map(type, values)):
                return None
            self._met = True
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
            self._met = True
            return np.array(values, np.float64).reshape(-1, keys)
        except (KeyError, OverflowError):
            return None

    def _make_caches(self) -> None:
        """Make what is not worth keeping in a pickle."""
        self._places: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._told: set[Hashable] = set()
        self._met = False
        self._make_ready()

    def _make_ready(self) -> None:
        """Make what depends on the columns.

        All values are picked at once if they are numbers, two of them at least.
        """
        self._pick: Callable[[Mapping[Hashable, Any]], tuple[Any, ...]] | None = None
        if all(self.numeric) and len(self._keys) > 1:
            self._pick = itemgetter(*self._keys)
        self._names = set(self._keys)
        self._missing = np.where(np.array(self.numeric, bool), np.nan, 0.0)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_pick", "_missing", "_places", "_names", "_told", "_met")
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update(kept)
        count = len(self.columns)
        need_places(self.columns, "columns")
        need({*map(type, self.columns)} <= {str}, "columns")
        need(len(self.numeric) == len(self._keys) == count, "columns")
        self._make_caches()


def _unusable(values: NDArray[np.float64]) -> int:
    """Return how many numbers are NaN, infinite or beyond `LARGEST`."""
    # Most often all are usable, and that is found much faster: of many by NumPy, of few without it.
    if values.ndim > 1:
        if np.abs(values).max() <= LARGEST:
            return 0
    else:
        try:
            if math.fsum(map(abs, values.tolist())) <= LARGEST:
                return 0
        except OverflowError:
            pass
    return int(np.count_nonzero(~(np.abs(values) <= LARGEST)))


def check_features(x: object) -> None:
    """Raise unless an event's features are a dict."""
    if not isinstance(x, Mapping):
        raise TypeError(
            f"expected a dict of features, got {typed(x)}; name each value, as in {{'temp': 21.5}}"
        )


def _reads_as_number(text: str) -> bool:
    """Say whether a text is a number, also with a decimal comma."""
    try:
        float(text.replace(",", ".", 1))
    except ValueError:
        return False
    return True
