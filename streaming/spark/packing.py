"""Events of a bucket as one value, in Arrow's stream format: Spark hands rows over one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import StreamError

BUCKET, EVENTS = "lstmwidgets_bucket", "events"
"""The columns of packed events."""


def pack(batches: Iterable[Any], place: int, key: str) -> Iterator[Any]:
    """Yield a row for each bucket of a record batch, with all its events.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Events; the first column is the bucket.
    place : int
        Which of the columns behind it has the key.
    key : str
        Its name, for errors.

    Raises
    ------
    StreamError
        If an event has no key.
    """
    arrow = import_module("pyarrow")
    for batch in batches:
        if batch.column(1 + place).null_count:
            raise StreamError(
                f"an event has no {key}; every one needs its key: leave the others out by "
                f"stream_df.dropna(subset=[{key!r}])"
            )
        buckets = batch.column(0).to_numpy()
        order = np.argsort(buckets, kind="stable")
        found, starts = np.unique(buckets[order], return_index=True)
        events = batch.select([*range(1, batch.num_columns)]).take(arrow.array(order))
        ends = [*starts[1:].tolist(), len(order)]
        parts = [
            to_bytes(events.slice(start, end - start))
            for start, end in zip(starts.tolist(), ends, strict=True)
        ]
        columns = [arrow.array(found, arrow.int32()), arrow.array(parts, arrow.binary())]
        yield arrow.RecordBatch.from_arrays(columns, names=[BUCKET, EVENTS])


def unpack(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield the events of packed ones, as record batches."""
    for batch in batches:
        for data in batch.column(EVENTS):
            yield from from_bytes(data.as_buffer()).to_batches()


def to_bytes(events: Any) -> bytes:
    """Return a record batch or a table as bytes."""
    arrow = import_module("pyarrow")
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, events.schema) as stream:
        stream.write(events)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def from_bytes(data: Any) -> Any:
    """Return what `to_bytes` was given, as a table."""
    return import_module("pyarrow").ipc.open_stream(data).read_all()
