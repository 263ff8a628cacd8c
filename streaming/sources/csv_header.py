"""The header line of a CSV file: what stands between its columns, and what they are called."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence

DELIMITERS = ";\t|,"
"""What columns can be separated by; what is rarer in names comes first."""

QUOTED = re.compile(r'"[^"]*("|$)')


def delimiter_of(line: str, target: str | None) -> str:
    """Return what separates a header's columns.

    It is what stands outside of quotes most often, and leaves the target as a column.

    Examples
    --------
    >>> delimiter_of("a,b,y", "y"), delimiter_of('"flow, l/s";y', "y"), delimiter_of("y", "y")
    (',', ';', ',')
    """
    bare = QUOTED.sub("", line)
    candidates = [each for each in sorted(DELIMITERS, key=bare.count, reverse=True) if each in bare]
    for delimiter in candidates:
        if target in cells(line, delimiter):
            return delimiter
    return candidates[0] if candidates else ","


def cells(line: str, delimiter: str) -> list[str]:
    """Return the names in a line, none if it is no line of a table."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def is_header(row: Sequence[str], target: str | None, known: Collection[str]) -> bool:
    """Say whether a row has names of columns and not their values.

    Parameters
    ----------
    row : sequence of str
    target : str or None
        The target's column; without one only a row with the same names is a header.
    known : collection of str
        Names in the header so far.
    """
    names = [cell.strip() for cell in row]
    if target is not None and target not in names:
        return False
    return set(names) == set(known) or (target is not None and not any(map(_is_value, names)))


def _is_value(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return not cell
    return True


def named(row: Sequence[str]) -> list[str]:
    """Return the names of a header's cells; one without a name is called by its number.

    Cells without a name at the end are no columns: the line ends with separators.

    Examples
    --------
    >>> named(["", " a", "y", ""])
    ['column 1', 'a', 'y']
    """
    names = [cell.strip() for cell in row]
    while names and not names[-1]:
        names.pop()
    return [name or f"column {number}" for number, name in enumerate(names, 1)]
