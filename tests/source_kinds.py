"""How to make every kind of source of the same records."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lstmwidgets.streaming import Event
from lstmwidgets.streaming.sources import (
    Columns,
    CsvFile,
    IterableSource,
    JsonLinesFile,
    ParquetFiles,
    RiverDataset,
    Source,
    river_dataset,
)

Record = dict[str, Any]
Make = Callable[[], Source]

NAMES = ("when", "sensor", "load", "on", "shift", "flow")
COLUMNS = Columns(target="flow", key="sensor")


def expected(records: list[Record]) -> list[Event]:
    """Return the events of all records that have a key."""
    good = [record for record in records if record["sensor"] is not None]
    return [
        Event(
            number,
            {
                name: value
                for name, value in record.items()
                if value is not None and name not in ("sensor", "flow")
            },
            record["flow"],
            record["when"],
            record["sensor"],
        )
        for number, record in enumerate(good)
    ]


def cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value)


def write_csv(path: Path, records: list[Record], mode: str = "w") -> None:
    with path.open(mode, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([NAMES] if mode == "w" else [])
        writer.writerows([[cell(record[name]) for name in NAMES] for record in records])


def write_jsonl(path: Path, records: list[Record], mode: str = "w") -> None:
    with path.open(mode + "b") as file:
        file.writelines(msgspec.json.encode(record) + b"\n" for record in records)


def write_parquet(path: Path, records: list[Record]) -> None:
    kinds = [pa.timestamp("us"), pa.string(), pa.float64(), pa.bool_(), pa.string(), pa.float64()]
    schema = pa.schema(list(zip(NAMES, kinds, strict=True)))
    pq.write_table(pa.Table.from_pylist(records, schema), path, row_group_size=3)


def csv_file(folder: Path, records: list[Record]) -> Make:
    write_csv(folder / "readings.csv", records)
    return lambda: CsvFile(str(folder / "readings.csv"), COLUMNS)


def csv_followed(folder: Path, records: list[Record]) -> Make:
    write_csv(folder / "readings.csv", records)
    return lambda: CsvFile(str(folder / "readings.csv"), COLUMNS, follow=True)


def jsonl_file(folder: Path, records: list[Record]) -> Make:
    write_jsonl(folder / "readings.jsonl", records)
    return lambda: JsonLinesFile(str(folder / "readings.jsonl"), COLUMNS)


def jsonl_followed(folder: Path, records: list[Record]) -> Make:
    write_jsonl(folder / "readings.jsonl", records)
    return lambda: JsonLinesFile(str(folder / "readings.jsonl"), COLUMNS, follow=True)


def parquet_file(folder: Path, records: list[Record]) -> Make:
    write_parquet(folder / "readings.parquet", records)
    return lambda: ParquetFiles(str(folder / "readings.parquet"), COLUMNS)


def parquet_folder(folder: Path, records: list[Record]) -> Make:
    third = len(records) // 3
    for n, part in enumerate((records[:third], records[third : 2 * third], records[2 * third :])):
        write_parquet(folder / f"{n}.parquet", part)
    return lambda: ParquetFiles(str(folder), COLUMNS)


def parquet_followed(folder: Path, records: list[Record]) -> Make:
    parquet_folder(folder, records)
    return lambda: ParquetFiles(str(folder), COLUMNS, follow=True)


def river(folder: Path, records: list[Record]) -> Make:
    class Dataset:
        task = "Regression"
        n_samples = len(records)

        def __iter__(self) -> Iterator[tuple[Record, float | None]]:
            for record in records:
                yield {name: record[name] for name in NAMES if name != "flow"}, record["flow"]

    def make() -> Source:
        with patch.object(river_dataset, "_load", lambda _: Dataset()):
            return RiverDataset("Readings", Columns(key="sensor"))

    return make


def iterable(folder: Path, records: list[Record]) -> Make:
    path = folder / "journal"
    return lambda: IterableSource(records[kept(path) :], COLUMNS, journal=path)


def pairs(folder: Path, records: list[Record]) -> Make:
    path = folder / "journal"
    whole = [({k: v for k, v in each.items() if k != "flow"}, each["flow"]) for each in records]
    return lambda: IterableSource(whole[kept(path) :], Columns(key="sensor"), journal=path)


def async_iterable(folder: Path, records: list[Record]) -> Make:
    async def items(begin: int) -> AsyncIterator[Record]:
        for record in records[begin:]:
            await asyncio.sleep(0)
            yield record

    path = folder / "journal"
    return lambda: IterableSource(items(kept(path)), COLUMNS, journal=path)


def kept(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def standard_input(folder: Path, records: list[Record]) -> Make:
    """Whoever sends begins anew each time."""
    write_csv(folder / "sent", records)
    return lambda: piped(
        (folder / "sent").read_bytes(), lambda: CsvFile("-", COLUMNS, journal=folder / "journal")
    )


def jsonl_input(folder: Path, records: list[Record]) -> Make:
    """Whoever sends goes on where the journal ends."""
    write_jsonl(folder / "sent", records)
    journal = folder / "journal"

    def make() -> Source:
        begin = journal.stat().st_size if journal.exists() else 0
        data = (folder / "sent").read_bytes()[begin:]
        return piped(data, lambda: JsonLinesFile("-", COLUMNS, journal=journal))

    return make


def piped(data: bytes, make: Make) -> Source:
    """Make a source while standard input is a pipe with some data, which then ends."""
    out, into = os.pipe()
    os.write(into, data)  # a pipe holds 64 kB
    os.close(into)
    with patch.object(sys, "stdin", SimpleNamespace(buffer=os.fdopen(out, "rb"))):
        return make()


class Kind(NamedTuple):
    """A kind of source.

    Attributes
    ----------
    make : callable
        Writes what is needed into a folder, and returns what makes a source each time.
    endless : bool
        Whether it waits for more at its end.
    """

    make: Callable[[Path, list[Record]], Make]
    endless: bool = False


KINDS = {
    "csv": Kind(csv_file),
    "csv followed": Kind(csv_followed, endless=True),
    "jsonl": Kind(jsonl_file),
    "jsonl followed": Kind(jsonl_followed, endless=True),
    "parquet": Kind(parquet_file),
    "parquet folder": Kind(parquet_folder),
    "parquet followed": Kind(parquet_followed, endless=True),
    "river": Kind(river),
    "iterable": Kind(iterable),
    "pairs": Kind(pairs),
    "async iterable": Kind(async_iterable),
    "standard input": Kind(standard_input),
    "jsonl input": Kind(jsonl_input),
}
