"""From a record to an event: which column is what, and of what type."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lstmwidgets.shown import shown

from ..errors import StreamError
from ..events import BadRecord, Event
from .base import Columns
from .cell_values import COMPACT, AmbiguousTimeError, as_id
from .missing import with_missing
from .text_columns import TextColumns, as_option, reads_as
from .times_of_day import at_its_time

EXPECTED = {
    "number": "a number",
    "whole": "a number",
    "comma": "a number with a decimal comma",
    "boolean": "true or false",
    "compact": f"a date and time as {' or '.join(COMPACT.values())}",
    "datetime": "an ISO 8601 date and time",
    "text": "text",
    "verbatim": "text",
    "label": "a text, a number, or true or false",
}
A_TIME = "an ISO 8601 date and time, seconds since 1970, or digits as 202403291230"

WIDER = {"whole": ("number", "comma")}
"""Kinds that a column can turn out to be of, by the kind that its first values were of."""

NOT_OF_ITS_KIND = (ValueError, ArithmeticError)
"""What parsers raise: numbers too large, and signalling NaN, are errors of arithmetic."""

SHORT = 20
"""Characters of a text that may be a word for no value."""

THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
"""A number with its thousands apart, or with a decimal comma and three decimals."""

FIRST_SECOND, LAST_SECOND = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1800, 2200))
"""Seconds since 1970 that can be meant as such."""


class RecordError(Exception):
    """A record that cannot be read: what was expected and what came, and the column if it is one.

    Attributes
    ----------
    column : str or None
    """

    def __init__(self, problem: str, column: str | None = None) -> None:
        super().__init__(problem)
        self.column = column

    def record(self, source: str, place: str, raw: str) -> BadRecord:
        """Return what it is about, for `Source.refuse`."""
        column = "" if self.column is None else f", column {self.column!r}"
        return BadRecord(source, f"{place}{column}", str(self), raw)


class Schema:
    """Makes events of records, and finds out what type a column has by its first value.

    A column is numbers (as floats), true/false, datetimes or text; later values must be the same.
    No value, NaN, and a text that is empty or stands for none (`MISSING`) are missing: the feature
    is left out of the event. A column may come later than the first record. A record that cannot
    be read decides no column's type. Columns of text that are none of categories end the stream:
    see `TextColumns`.

    Parameters
    ----------
    columns : Columns
        Which columns are what.
    parsers : mapping
        `CELLS` for text, `VALUES` for typed values: by kind of column, what returns the value of
        what a record has, None if it is missing, and raises ValueError if it is of another kind.
    source : str
        Its name, for errors.

    Attributes
    ----------
    numbers : tuple of str
        The kinds of numbers that a column can be of, the strictest first.

    Examples
    --------
    >>> from lstmwidgets.streaming.sources.cell_values import CELLS
    >>> schema = Schema(Columns(target="y", key="sensor"), CELLS)
    >>> event = schema.event(0, {"sensor": "07", "a": "1.5", "on": "true", "y": ""})
    >>> event.key, event.x, event.y
    ('07', {'a': 1.5, 'on': True}, None)
    """

    def __init__(
        self, columns: Columns, parsers: Mapping[str, Callable[[Any], Any]], source: str = "source"
    ) -> None:
        self.numbers: tuple[str, ...] = ("number",)
        self._columns = columns
        self._name_of = parsers["verbatim"]
        self._kinds = with_missing(parsers, columns.missing)
        self._parsers: dict[str, Callable[[Any], Any]] = {}
        self._moments: dict[str, bool] = {}  # columns of datetimes, and whether they are features
        self._types: dict[str, str] = {}
        self._texts = TextColumns(source)

    def expect(self, targets: str) -> None:
        """Take targets for what `Columns.targets` says from here on."""
        self._columns = replace(self._columns, targets=targets)

    def offset(self, events: int) -> dict[str, Any]:
        """Return what so many events have shown of the columns, in plain values."""
        return {"types": self._types, "texts": self._texts.state(events)}

    def resume(self, offset: Mapping[str, Any]) -> None:
        """Go on with what `offset` returned."""
        self.types = offset["types"]
        self._texts.resume(offset["texts"])

    @property
    def types(self) -> dict[str, str]:
        """Kind of each column that was seen, empty before its first value; can be set again."""
        return self._types

    @types.setter
    def types(self, types: Mapping[str, str]) -> None:
        self._types = dict(types)
        used = {name: self._is_used(name) for name in types}
        self._parsers = {
            name: self._kinds[kind] if used[name] else _unused
            for name, kind in types.items()
            if kind
        }
        self._moments = {name: used[name] for name, kind in types.items() if kind == "datetime"}

    def event(self, number: int, record: Mapping[str, Any], target: Any = None) -> Event:
        """Return a record's event.

        Parameters
        ----------
        number : int
            Position in the stream: the event's id where no column is.
        record : mapping
            What stands in each column.
        target : object, optional
            The target, where it is not in the record.

        Raises
        ------
        RecordError
            If a column's type has changed, or the key or the id is missing.
        StreamError
            If a column of text is none of categories.
        """
        columns, parsers = self._columns, self._parsers
        x: dict[str, Any] = {}
        found: dict[str, str] = {}
        name, raw = "", None
        try:
            for name, raw in record.items():
                parse = parsers.get(name)
                value = self._first(name, raw, found) if parse is None else parse(raw)
                if value is not None:
                    x[name] = value
        except NOT_OF_ITS_KIND:
            wider = self._wider(name, raw)
            if wider is None:
                raise self._mismatch(name, raw) from None
            return self._widened({name: wider}, number, record, target)
        y = self._given(target) if columns.target is None else x.pop(columns.target, None)
        event_id = number if columns.id is None else as_id(self._named(record, columns.id))
        key = None
        if columns.key is not None and (
            x or y is None or columns.id is None or columns.key in record
        ):
            key = self._named(record, columns.key)
        time = None if columns.time is None else self._time(x, columns.time)
        if found and found.items() - self._types.items():
            self.types = self._types | found
            for name, kind in found.items():
                if kind == "text" and self._is_used(name):
                    self._texts.begin(name)
        if self._texts.open:
            seen = {**x, columns.target: y} if type(y) is str and columns.target else x
            self._texts.look(number, seen)
        if self._moments and columns.time is None:
            time = self._first_moment(x, record)
        if time is not None:
            names = self._moments if columns.time is None else (columns.time,)
            time = at_its_time(time, record, names)
        return Event(event_id, x, y, time, key)

    def check_texts(self) -> None:
        """Raise, at the end of the stream, if a column of text is none of categories."""
        self._texts.end()

    def check_seen(self, source: str) -> None:
        """Raise if no record had a column that was named as target, feature or time."""
        columns = self._columns
        for option, names in (
            ("target", (columns.target,)),
            ("features", columns.features),
            ("time", (columns.time,)),
        ):
            for name in names:
                if name is not None and name not in self._types:
                    raise StreamError(
                        f"no record of {source} has a column {name!r} (--{option}); "
                        f"its columns are: {', '.join(self._types)}"
                    )

    def _is_used(self, name: str) -> bool:
        columns = self._columns
        return name in (columns.target, columns.time) or columns.is_feature(name)

    def _possible(self, name: str) -> Collection[str]:
        """Return the kinds that a column may be of."""
        if name == self._columns.target:
            if name in self._columns.text:
                return ("verbatim",)
            kinds = {"number": self.numbers, "any": (*self.numbers, "boolean", "text")}
            return kinds.get(self._columns.targets, ("label",))
        if name == self._columns.time:
            return ("compact", *self.numbers, "datetime")
        if name in self._columns.text:
            return ("verbatim",)
        return (*self.numbers, "boolean", "datetime", "text")

    def _first(self, name: str, raw: Any, found: dict[str, str]) -> Any:
        """Read the first value of a column, and find its kind by it."""
        used = self._is_used(name)
        for kind in self._possible(name):
            try:
                value = self._kinds[kind](raw)
            except AmbiguousTimeError as error:
                raise RecordError(str(error), name) from None
            except NOT_OF_ITS_KIND:
                continue
            if kind == "text" and name == self._columns.target and reads_as(value or ""):
                continue  # meant as a number, or as a date
            found[name] = "" if value is None else kind
            return value if used else None
        if used:
            raise ValueError(raw)
        found[name] = "verbatim"  # whatever it is, nobody asked for it
        return None

    def _wider(self, name: str, raw: Any) -> str | None:
        """Return the kind that a column turns out to be of by a value that is not of its kind."""
        for kind in WIDER.get(self._types.get(name, ""), ()):
            try:
                self._kinds[kind](raw)
            except ValueError:
                continue
            return kind
        return None

    def _widened(
        self, kinds: dict[str, str], number: int, record: Mapping[str, Any], target: Any
    ) -> Event:
        """Return a record's event with other kinds, which stay if it can be read."""
        before = self._types
        self.types = before | kinds
        try:
            return self.event(number, record, target)
        except RecordError:
            self.types = before
            raise

    def _mismatch(self, name: str, raw: Any) -> RecordError:
        kind = self._types.get(name)
        kinds = [kind] if kind else self._possible(name)
        if "whole" in kinds:
            kinds = [each for each in kinds if each not in WIDER["whole"]]
        is_time = name == self._columns.time and not kind
        expected = A_TIME if is_time else " or ".join(EXPECTED[each] for each in kinds)
        if kind == "number" and isinstance(raw, str) and "," in raw and len(self.numbers) > 1:
            expected += " with a decimal point"
        return RecordError(f"expected {expected}, got {shown(raw)}{self._hint(name, raw)}", name)

    def _hint(self, name: str, raw: Any) -> str:
        """Return what to do about a value that is not of its column's kind."""
        if isinstance(raw, Mapping | list | tuple):
            return f" (flatten it, or leave the column out with --drop {as_option(name)})"
        if not isinstance(raw, str):
            return ""
        hints = []
        if name == self._columns.target and self._columns.targets != "label":
            hints.append("--task classification takes labels")
        if "," in raw and "comma" not in self.numbers and reads_as(raw) == "number":
            hints.append("--decimal , reads decimal commas")
            if THOUSANDS.fullmatch(raw.strip()):
                hints.append(f"of thousands the commas have to go: {raw.replace(',', '').strip()}")
        elif len(raw) <= SHORT:
            hints.append("--missing takes a word for no value")
        if name not in (self._columns.target, self._columns.time):
            hints.insert(0, "--text reads a column as text")
        return f" ({', '.join(hints)})" if hints else ""

    def _given(self, target: Any) -> Any:
        if target is None:
            return None
        kinds = {"number": ("number",), "any": ("number", "label")}
        for kind in kinds.get(self._columns.targets, ("label",)):
            try:
                return self._kinds[kind](target)
            except NOT_OF_ITS_KIND:
                continue
        expected = "a number" if self._columns.targets == "number" else "a number or a label"
        raise RecordError(f"expected {expected} as target, got {shown(target)}")

    def _named(self, record: Mapping[str, Any], column: str) -> str:
        raw = record.get(column)
        try:
            value: str | None = None if raw is None else self._name_of(raw)
        except NOT_OF_ITS_KIND:
            raise RecordError(f"expected a single value, got {shown(raw)}", column) from None
        if value is None:
            raise RecordError("expected a value in every record, got none", column)
        return value

    def _time(self, x: dict[str, Any], column: str) -> datetime | None:
        value = x.get(column) if self._columns.is_feature(column) else x.pop(column, None)
        if not isinstance(value, float):
            return value
        if FIRST_SECOND <= value < LAST_SECOND:
            return datetime.fromtimestamp(value, UTC)
        raise RecordError(
            f"expected seconds since 1970, between the years 1800 and 2200, got {value:.17g} "
            "(divide milliseconds by 1000, or write ISO 8601)",
            column,
        )

    def _first_moment(self, x: dict[str, Any], record: Mapping[str, Any]) -> datetime | None:
        for name, used in self._moments.items():
            value = x.get(name)
            if value is None and not used and name in record:
                try:
                    value = self._kinds["datetime"](record[name])
                except ValueError:  # nobody asked for this column
                    continue
            if value is not None:
                return value  # type: ignore[no-any-return]  # of a column of datetimes
        return None


def _unused(raw: Any) -> None:
    """Read a column that is no feature."""
