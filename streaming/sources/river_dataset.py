"""The data sets that River ships."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from itertools import chain
from typing import Any

from ..errors import StreamError
from ..events import Event
from .base import Columns, Source


class RiverDataset(Source):
    """One of River's regression data sets, by its class name as in ``WaterFlow``."""

    def __init__(self, name: str, columns: Columns) -> None:
        self.name = f"river:{name}"
        self._columns = columns
        self._read = 0
        self._begin = 0
        if columns.target is not None or columns.text:
            raise StreamError("River's data sets name their target and types; leave out --target")
        self._dataset = _load(name)
        if self._dataset.task != "Regression":
            raise StreamError(
                f"{self.name} is made for {self._dataset.task.lower()}; "
                "stream predicts numbers, choose a regression data set such as river:WaterFlow"
            )

    def __iter__(self) -> Iterator[Event]:
        """Yield the data set's events."""
        try:
            events = iter(self._dataset)
            first = next(events)
        except OSError as error:  # a data set that River would have to download first
            raise StreamError(f"{self.name} could not be fetched: {error}") from error
        self._columns.check(self.name, list(first[0]))
        for number, (x, y) in enumerate(chain([first], events)):
            if number < self._begin:
                continue
            self._read = number + 1
            time = next((value for value in x.values() if isinstance(value, datetime)), None)
            features = {key: value for key, value in x.items() if self._columns.is_feature(key)}
            yield Event(number, features, float(y), time)

    def close(self) -> None:
        """Do nothing: River opens its files by itself and keeps them until they are read."""

    @property
    def progress(self) -> float | None:
        """Share of the data set's samples that has been read."""
        return self._read / self._dataset.n_samples if self._dataset.n_samples else None

    @property
    def offset(self) -> dict[str, Any]:
        """How many samples have been read."""
        return {"samples": self._read}

    def resume(self, offset: dict[str, Any]) -> None:
        """Leave out as many samples."""
        self._begin = self._read = int(offset["samples"])


def _load(name: str) -> Any:
    from river import datasets

    names = [entry for entry in datasets.__all__ if entry[0].isupper()]
    if name not in names:
        close = get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(close)}" if close else f"it has {', '.join(names)}"
        raise StreamError(f"River has no data set {name!r}; {hint}")
    try:
        return getattr(datasets, name)()
    except TypeError as error:
        raise StreamError(f"river:{name} needs arguments and cannot be named here") from error
