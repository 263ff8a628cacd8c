"""Records as rows of a table."""

from __future__ import annotations

from math import isfinite

import msgspec

from ..errors import StreamError
from ..events import LateTarget, Prediction

Row = tuple[int | str, str | None, float | None, float | None]
"""Id, key, prediction and target."""


def row_of(record: msgspec.Struct) -> Row:
    """Return a record's id, key, prediction and target; NaN and infinities become None.

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
    key = None if isinstance(record.key, msgspec.UnsetType) else record.key
    return record.id, key, _finite(record.prediction), _finite(record.target)


def _finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None
