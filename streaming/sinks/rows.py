"""Records as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from ..errors import StreamError
from ..events import LateTarget, Prediction

NUMBER, LABEL, TRUTH = "number", "label", "truth"
"""Kinds of fields: a float; a text, a number or a bool; a bool."""

SHARES, NUMBERS, INTERVALS = "shares", "numbers", "intervals"
"""Further ones: a number by name; a list of numbers; a list of pairs of numbers or None."""

Fields = Mapping[str, str]
"""The fields of a record besides id and key, and the kind of each."""

PLAIN: Fields = {"prediction": NUMBER, "target": NUMBER}
"""What a record has that predicts a number."""

Row = tuple[Any, ...]
"""Id, key, and then the fields."""


def row_of(record: msgspec.Struct, fields: Fields = PLAIN) -> Row:
    """Return a record's id, key and fields; NaN and infinities become None.

    Raises
    ------
    StreamError
        If the id is a whole number of more than 64 bits.
    TypeError
        If the record has no such fields: any record fits into JSON Lines only.

    Examples
    --------
    >>> row_of(Prediction(id=3, prediction=float("nan"), target=2.5))
    (3, None, None, 2.5)
    """
    if not isinstance(record, Prediction | LateTarget):
        raise TypeError(
            f"expected a Prediction or LateTarget, got {type(record).__name__}: a table holds "
            "those alone, JsonLines any record"
        )
    if isinstance(record.id, int) and not -(2**63) <= record.id < 2**63:
        raise StreamError(f"expected ids of at most 64 bits, got {record.id}; make them texts")
    return record.id, _set(record.key), *(_finite(_set(getattr(record, name))) for name in fields)


def written(label: Any) -> str:
    """Return a label as a text, as CSV and JSON would have it.

    Examples
    --------
    >>> written(True), written(3), written("spam")
    ('true', '3', 'spam')
    """
    return str(label).lower() if isinstance(label, bool) else str(label)


def _set(value: Any) -> Any:
    return None if isinstance(value, msgspec.UnsetType) else value


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
