"""Dataframes of whatever library River takes, as events and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..shown import typed


def _dataframe() -> Any:
    """Return River's functions for dataframes, which bring narwhals: who has none can wait."""
    from river.utils import dataframe

    return dataframe


def rows(X: Any) -> Iterator[dict[Any, Any]]:
    """Yield a dataframe's rows as events."""
    frame = _frame(X)
    names = frame.columns
    for values in frame.iter_rows():
        yield dict(zip(names, values, strict=True))


def column(y: Any) -> list[Any]:
    """Return the values of a series, None where one is missing.

    A dataframe of one column will do, and a list, an array or a tensor, (N,).
    """
    if isinstance(y, list | tuple) or (getattr(y, "ndim", 0) == 1 and not hasattr(y, "to_list")):
        return list(y)
    series = _series(y)
    missing = series.is_null().to_list()
    return [None if gone else y for y, gone in zip(series.to_list(), missing, strict=True)]


def labelled_rows(X: Any, y: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    """Return the rows of a dataframe with their targets as events."""
    targets = column(y)
    frame = _frame(X)
    if len(frame) != len(targets):
        raise ValueError(
            f"expected a target in y for each of {len(frame)} rows of X, got {len(targets)}; give "
            "one a row, None where there is none"
        )
    return zip(rows(X), targets, strict=True)


def series_like(X: Any, values: Sequence[Any], name: str | None = None) -> Any:
    """Return values as a series of a dataframe's own library, with its index."""
    return _dataframe().to_native_series(values, name=name, like=_frame(X))


def frame_like(X: Any, columns: Mapping[Any, Sequence[Any]]) -> Any:
    """Return columns as a dataframe of another one's own library, with its index."""
    return _dataframe().to_native_frame(columns, like=_frame(X))


def is_dataframe(source: Any) -> bool:
    """Say whether something has rows of named columns, as dataframes have."""
    return hasattr(source, "columns") and any(
        hasattr(source, name)
        for name in ("to_dict", "to_pydict")  # the latter of Arrow
    )


def _frame(X: Any) -> Any:
    try:
        return _dataframe().into_frame(X)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"expected a dataframe with names of its own for all columns as X, got {typed(X)}; "
            "pandas.DataFrame(X, columns=[…]) makes one"
        ) from error


def _series(y: Any) -> Any:
    """Return a series, or the only column of a dataframe, as one of narwhals'."""
    try:
        return _dataframe().into_series(y)
    except (TypeError, ValueError) as error:
        columns = _frame(y).columns if is_dataframe(y) else []
        if len(columns) == 1:
            return _frame(y)[columns[0]]
        chosen = f", such as y[{columns[0]!r}]" if columns else ""
        raise TypeError(
            f"expected a series with one target a row as y, got {typed(y)}; give one{chosen}"
        ) from error
