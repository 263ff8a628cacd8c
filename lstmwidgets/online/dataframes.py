"""Dataframes of whatever library River takes, as events and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def _dataframe() -> Any:
    """Return River's functions for dataframes, which bring narwhals: who has none can wait."""
    from river.utils import dataframe

    return dataframe


def rows(X: Any) -> Iterator[dict[Any, Any]]:
    """Yield a dataframe's rows as events."""
    frame = _dataframe().into_frame(X)
    names = frame.columns
    for values in frame.iter_rows():
        yield dict(zip(names, values, strict=True))


def column(y: Any) -> list[Any]:
    """Return the values of a series, None where one is missing."""
    series = _dataframe().into_series(y)
    missing = series.is_null().to_list()
    return [None if gone else y for y, gone in zip(series.to_list(), missing, strict=True)]


def labelled_rows(X: Any, y: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    """Return the rows of a dataframe with their targets as events."""
    targets = column(y)
    frame = _dataframe().into_frame(X)
    if len(frame) != len(targets):
        raise ValueError(f"expected a target for each of {len(frame)} rows, got {len(targets)}")
    return zip(rows(X), targets, strict=True)


def series_like(X: Any, values: Sequence[Any], name: str | None = None) -> Any:
    """Return values as a series of a dataframe's own library, with its index."""
    return _dataframe().to_native_series(values, name=name, like=_dataframe().into_frame(X))


def frame_like(X: Any, columns: Mapping[Any, Sequence[Any]]) -> Any:
    """Return columns as a dataframe of another one's own library, with its index."""
    return _dataframe().to_native_frame(columns, like=_dataframe().into_frame(X))
