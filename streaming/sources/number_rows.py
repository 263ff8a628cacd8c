"""Rows of a table in which all features are numbers, as most are: read in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ..events import Event
from .base import Columns
from .cell_values import CELLS, as_id
from .missing import missing_numbers

NUMBERS = {"number", "whole", "comma"}
"""Kinds of columns of numbers."""

LABELS = {"label", "boolean", "text", "verbatim"}
"""Kinds of columns of labels."""

Label = Callable[[Sequence[str]], Any]

Reader = Callable[[int, Sequence[str]], Event | None]


def number_rows(header: Sequence[str], columns: Columns, types: Mapping[str, str]) -> Reader | None:
    """Return what makes events of rows as `Schema.event` does, several times faster.

    It returns None for a row that `Schema` has to look at: with some values missing, with what is
    not finite, with a decimal mark that its column does not have, or with what is no number. An
    event whose target comes later may lack it, and the row of that target all features.

    Parameters
    ----------
    header : sequence of str
        Name of each cell, empty for one that is not read.
    columns : Columns
        Which columns are what.
    types : mapping
        Kind of each column, as `Schema.types` has it.

    Returns
    -------
    callable or None
        None if the columns are others: events have times, or something else is read.

    Examples
    --------
    >>> columns = Columns(target="y", key="site")
    >>> kinds = {"site": "verbatim", "a": "number", "b": "number", "y": "number"}
    >>> read = number_rows(["site", "a", "b", "y"], columns, kinds)
    >>> event = read(7, ["north", "1.5", "-2", "3e2"])
    >>> event.id, event.key, event.x, event.y
    (7, 'north', {'a': 1.5, 'b': -2.0}, 300.0)
    >>> read(8, ["north", "1.5", "", "3e2"]) is None
    True
    >>> read(9, ["north", "1.5", "-2", ""]).y, read(10, ["north", "", "", "3e2"]).x
    (None, {})
    """
    features = [name for name in header if name and columns.is_feature(name)]
    target = columns.target
    is_label = target is not None and types.get(target) in LABELS
    used = features if target is None or is_label else [target, *features]
    kinds = [types.get(name, "") for name in header if name]
    if not features or len(used) < 2 or columns.time is not None:
        return None
    if is_label and columns.missing:
        return None
    label = _labels(header, target, types) if is_label else None
    if {types.get(name, "") for name in used} - NUMBERS or {"", "datetime"} & {*kinds}:
        return None
    pick = _picking([header.index(name) for name in features])
    target_place = header.index(target) if target in used else None
    id_place = None if columns.id is None else header.index(columns.id)
    key_place = None if columns.key is None else header.index(columns.key)
    commas = [header.index(name) for name in used if types[name] == "comma"]
    pointless = [header.index(name) for name in used if types[name] != "number"]
    pick_pointless = _picking(pointless) if pointless else None
    missing = missing_numbers(columns.missing)

    def read(number: int, row: Sequence[str]) -> Event | None:
        if pick_pointless is not None:
            if "." in "".join(pick_pointless(row)):
                return None
            if commas:
                row = list(row)
                for place in commas:
                    row[place] = row[place].replace(",", ".")
        cells = pick(row)
        if not any(cells):
            cells = ()
        y: Any = None if target_place is None else row[target_place]
        if y:
            cells = (y, *cells)
        try:
            values = list(map(float, cells))
        except ValueError:
            return None
        total = sum(values)
        if total - total != 0 or "_" in "".join(cells):  # Python's own digit separator
            return None
        if missing and not missing.isdisjoint(values):
            return None
        if label is not None:
            y = label(row)
            if y is None:
                return None
        elif y:
            y, *values = values
        else:
            y = None
        key = None if key_place is None else row[key_place].strip()
        name: int | str = number if id_place is None else row[id_place].strip()
        if key == "" or name == "":
            return None
        if id_place is not None:
            name = as_id(str(name))
        return Event(name, dict(zip(features, values)), y, None, key)  # noqa: B905

    return read


def _picking(places: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Return what picks cells of a row: one or more."""
    if len(places) > 1:
        return itemgetter(*places)
    (place,) = places
    return lambda row: (row[place],)


def _labels(header: Sequence[str], target: Any, types: Mapping[str, str]) -> Label:
    """Return what reads a row's label; None if there is none, or it is not of the column's kind."""
    place, parse = header.index(target), CELLS[types[target]]

    def read(row: Sequence[str]) -> Any:
        try:
            return parse(row[place])
        except ValueError:
            return None

    return read
