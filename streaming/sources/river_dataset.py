"""The data sets that River ships."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain
from typing import Any

from ..errors import StreamError
from ..events import Event
from ..garbage import uncollected
from .base import Columns, Source
from .river_files import FILES
from .schema import RecordError, Schema
from .values import VALUES

TASKS = {
    "Regression": "regression",
    "Binary classification": "classification",
    "Multi-class classification": "classification",
}
"""What River's data sets are made for, as ``--task`` names it."""


class RiverDataset(Source):
    """One of River's data sets, by its class name as in ``WaterFlow``.

    Where nothing is predicted, the number that a data set is made to predict is a feature.
    """

    def __init__(self, name: str, columns: Columns) -> None:
        self.name = f"river:{name}"
        self._columns = columns
        self._schema = Schema(columns, VALUES, self.name)
        self._samples = self._number = 0
        if columns.target is not None:
            raise StreamError("River's data sets name their target; leave out --target")
        columns.check_roles()
        self._dataset = _load(name)
        self.task = TASKS.get(self._dataset.task)
        if self.task is None:
            raise StreamError(
                f"{self.name} is made for {self._dataset.task.lower()}; choose a data set for "
                "regression or classification, such as river:WaterFlow or river:Phishing"
            )
        self.has_target = self.task != "regression" or columns.targets != "none"
        self._target = getattr(self._dataset, "target", None) or "target"

    def __iter__(self) -> Iterator[Event]:
        """Yield the data set's events."""
        try:
            samples = iter(self._dataset)
            first = next(samples)
        except OSError as error:  # a data set that River would have to download first
            raise StreamError(f"{self.name} could not be fetched: {error}") from error
        self._columns.check(self.name, [*first[0], *([] if self.has_target else [self._target])])
        begin = self._samples
        for number, (x, y) in enumerate(chain([first], samples)):
            if number < begin:
                continue
            event = None
            if not self.has_target:
                x, y = {**x, self._target: y}, None
            try:
                event = self._schema.event(self._number, x, y)
            except RecordError as error:
                self.refuse(error.record(self.name, f"sample {number + 1}", repr((x, y))))
            self._samples = number + 1
            if event is not None:
                self._number += 1
                yield event
        self._schema.check_texts()

    def close(self) -> None:
        """Do nothing: River opens its files by itself and keeps them until they are read."""

    @property
    def progress(self) -> float | None:
        """Share of the data set's samples that has been read."""
        total = self._dataset.n_samples
        return min(self._samples / total, 1.0) if total else None

    @property
    def lag(self) -> dict[str, int]:
        """Samples that are left."""
        total = self._dataset.n_samples
        return {"records": max(total - self._samples, 0)} if total else {}

    @property
    def offset(self) -> dict[str, Any]:
        """How many samples have been read, and what the columns' types were found to be."""
        return {
            "samples": self._samples,
            "events": self._number,
            "skipped": self.skipped,
            **self._schema.offset(self._number),
        }

    @property
    def _schemas(self) -> tuple[Schema, ...]:
        return (self._schema,)

    def resume(self, offset: dict[str, Any]) -> None:
        """Leave out as many samples."""
        self._samples, self._number = int(offset["samples"]), offset["events"]
        self.skipped = offset["skipped"]
        self._schema.resume(offset)


def _load(name: str) -> Any:
    if name in FILES and FILES[name].path.is_file():
        return FILES[name]
    with uncollected():
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
