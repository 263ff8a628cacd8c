"""Sequences in Parquet files, each process reading its share: what does not fit into memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..checks import check_size
from .batches import bucketed

Array = NDArray[Any]
SIZE = "total_byte_size"
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def parquet_loader(
    data: Paths,
    inputs: str | Sequence[str],
    target: str | Sequence[str] | None = None,
    *,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    num_workers: int = 0,
) -> DataLoader[Any]:
    """Return a DataLoader of sequences in Parquet files, for `fit` and `iter_fit`.

    A row is a sequence: its columns are lists with a number, or a token, for each step. Of several
    processes each reads every so manyth row group, whichever file that is in, and nothing else; a
    batch is of one row group. So there should be at least as many row groups as processes, each of
    several batches; rows should be in random order.

    Parameters
    ----------
    data : path or list of path
        Files, or a folder with all files in it, as Spark writes it. Names that begin with ``_`` or
        ``.`` are left out. Addresses such as ``s3://…`` and ``hdfs://…`` are PyArrow's.
    inputs : str or list of str
        Names of the columns with the inputs, one a feature, of lists of numbers. A single name, not
        in a list, may also be of lists of lists (T, I), or of whole numbers, which are tokens then.
    target : str or list of str, optional
        Columns with the targets: numbers; whole numbers, which are the places of classes, from 0;
        or lists of them, at every step. A model for the next token has none.
    batch_size : int
        Sequences that a process gets at once, of similar length.
    shuffle : bool
        Whether each epoch has another order, of row groups and within them.
    seed : int
        Of the order.
    num_workers : int
        Processes that read ahead, for each process that trains.

    Returns
    -------
    DataLoader
        Of batches (x, lengths, y), or x where there is no target.

    Raises
    ------
    ImportError
        If PyArrow is not installed (``pip install 'lstmwidgets[parquet]'``).
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If a column is not there. While reading: if it has nulls, lists of unlike lengths, or
        neither numbers nor lists of numbers in it.

    Examples
    --------
    >>> import pyarrow, pyarrow.parquet
    >>> from tempfile import TemporaryDirectory
    >>> rows = {"load": [[1.0, 2.0], [3.0, 4.0, 5.0]], "flow": [0.5, 0.7]}
    >>> with TemporaryDirectory() as folder:
    ...     pyarrow.parquet.write_table(pyarrow.table(rows), f"{folder}/0.parquet")
    ...     x, lengths, y = next(iter(parquet_loader(folder, ["load"], "flow", shuffle=False)))
    >>> x.shape, lengths.tolist(), y.tolist()
    (torch.Size([2, 3, 1]), [2, 3], [0.5, 0.7])
    """
    check_size("batch_size", batch_size)
    rows = ParquetRows(data, inputs, target, batch_size=batch_size, shuffle=shuffle, seed=seed)
    loader: DataLoader[Any] = DataLoader(rows, batch_size=None, num_workers=num_workers)
    return loader


class ParquetRows(IterableDataset[Any]):
    """Batches of the rows of Parquet files; see `parquet_loader`, whose parameters it has.

    Parameters
    ----------
    data, inputs, target, batch_size, shuffle, seed
        As of `parquet_loader`.
    """

    def __init__(
        self,
        data: Paths,
        inputs: str | Sequence[str],
        target: str | Sequence[str] | None,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
    ) -> None:
        try:
            import_module("pyarrow.dataset")
        except ImportError as error:
            raise ImportError(
                "Parquet needs PyArrow, which is not installed: pip install 'lstmwidgets[parquet]'"
            ) from error
        several = isinstance(data, Sequence) and not isinstance(data, str)
        self._data = [os.fspath(one) for one in data] if several else os.fspath(data)  # type: ignore[union-attr, arg-type]
        self._inputs, self._target = inputs, target
        self._batch_size, self._shuffle, self._seed = batch_size, shuffle, seed
        epoch: Any = torch.zeros((), dtype=torch.int64)
        self._epoch: Tensor = epoch.share_memory_()  # with who reads ahead
        self._rank, self._world = 0, 1
        there = self._dataset.schema.names
        for name in self._names:
            if name not in there:
                raise ValueError(f"{data} has no column {name!r}; it has {', '.join(there)}")

    def set_epoch(self, epoch: int) -> None:
        """Take the order of an epoch."""
        self._epoch.fill_(epoch)

    def set_share(self, rank: int, world: int) -> None:
        """Read what is for one of several processes."""
        self._rank, self._world = rank, world

    def describe(self) -> str:
        """Return what tells these data from others."""
        groups = [group.row_groups[0] for group in self._groups]
        rows, size = (sum(getattr(one, name) for one in groups) for name in ("num_rows", SIZE))
        return f"{rows} rows of {len(groups)} row groups, {size} bytes, {', '.join(self._names)}"

    def __iter__(self) -> Iterator[Any]:
        generator = None
        order = torch.arange(len(self._groups))
        if self._shuffle:
            generator = torch.Generator().manual_seed(self._seed + int(self._epoch))
            order = torch.randperm(len(order), generator=generator)
        ahead = get_worker_info()
        reader, readers = (0, 1) if ahead is None else (ahead.id, ahead.num_workers)
        first = self._rank + self._world * reader
        for n in order[first :: self._world * readers].tolist():
            yield from self._batches(self._groups[n], generator)

    def _batches(self, group: Any, generator: torch.Generator | None) -> Iterator[Any]:
        table = group.to_table(columns=self._names)
        x, lengths = _inputs(table, self._inputs)
        y = None if self._target is None else _targets(table, self._target, lengths)
        for chosen in bucketed(torch.from_numpy(lengths), self._batch_size, generator):
            rows = chosen.numpy()
            batch_x = _padded([x[n] for n in rows])
            if y is None:
                yield batch_x
                continue
            batch_y = y[rows] if isinstance(y, np.ndarray) else _padded([y[n] for n in rows])
            yield batch_x, torch.from_numpy(lengths[rows]), torch.as_tensor(batch_y)

    @property
    def _names(self) -> list[str]:
        both = (self._inputs, self._target or [])
        found = [name for names in both for name in ([names] if isinstance(names, str) else names)]
        return list(dict.fromkeys(found))

    @cached_property
    def _dataset(self) -> Any:
        return import_module("pyarrow.dataset").dataset(self._data, format="parquet")

    @cached_property
    def _groups(self) -> list[Any]:
        """All row groups, in the order of the files' names."""
        files = sorted(self._dataset.get_fragments(), key=lambda file: file.path)
        return [group for file in files for group in file.split_by_row_group()]

    def __getstate__(self) -> dict[str, Any]:
        opened = ("_dataset", "_groups")
        return {name: value for name, value in vars(self).items() if name not in opened}


def _inputs(table: Any, names: str | Sequence[str]) -> tuple[list[Array], NDArray[np.int64]]:
    """Return the inputs of each row, (T,) tokens or (T, I), and the lengths (N,)."""
    columns = [names] if isinstance(names, str) else list(names)
    lengths = _lengths(table, columns[0])
    if not lengths.all():
        raise ValueError(f"a row has an empty list as {columns[0]!r}: leave such rows out")
    parts = [_steps(table, name, lengths, columns[0]) for name in columns]
    if len(parts) > 1 or not isinstance(names, str) or parts[0].dtype.kind == "f":
        flat = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    else:
        flat = parts[0]
    return np.split(flat, lengths.cumsum()[:-1]), lengths


def _targets(
    table: Any, names: str | Sequence[str], lengths: NDArray[np.int64]
) -> Array | list[Array]:
    """Return a target for each row, (N,) or (N, K), or for each step, (T,) or (T, K) a row."""
    types = import_module("pyarrow.types")
    columns = [names] if isinstance(names, str) else list(names)
    kinds = {types.is_nested(table.schema.field(name).type) for name in columns}
    if len(kinds) > 1:
        raise ValueError(f"{', '.join(columns)}: targets are all at every step, or none is")
    at_steps = kinds.pop()
    if at_steps:
        parts = [_steps(table, name, lengths, "the inputs") for name in columns]
    else:
        parts = [_numbers(table.column(name).combine_chunks(), name) for name in columns]
    values = parts[0] if isinstance(names, str) else np.stack(parts, axis=1)
    return np.split(values, lengths.cumsum()[:-1]) if at_steps else values


def _lengths(table: Any, name: str) -> NDArray[np.int64]:
    column = _whole(table, name)
    if not import_module("pyarrow.types").is_nested(column.type):
        raise ValueError(f"column {name!r} must be of lists, one a sequence, got {column.type}")
    found: Array = import_module("pyarrow.compute").list_value_length(column).to_numpy()
    return found.astype(np.int64)


def _steps(table: Any, name: str, lengths: NDArray[np.int64], other: str) -> Array:
    """Return the lists of a column one after the other, (S,), or (S, K) of lists of lists."""
    if not np.array_equal(_lengths(table, name), lengths):
        raise ValueError(f"the lists of {name!r} are not as long as those of {other}")
    flat = _whole(table, name).flatten()
    if not import_module("pyarrow.types").is_nested(flat.type):
        return _numbers(flat, name)
    widths = import_module("pyarrow.compute").list_value_length(flat).to_numpy()
    if flat.null_count or len(set(widths.tolist())) != 1:
        raise ValueError(f"the lists within the lists of {name!r} must be equally long")
    return _numbers(flat.flatten(), name).reshape(len(flat), -1)


def _whole(table: Any, name: str) -> Any:
    column = table.column(name).combine_chunks()
    if column.null_count:
        raise ValueError(f"column {name!r} has nulls: fill them, or leave their rows out")
    return column


def _numbers(values: Any, name: str) -> Array:
    """Return numbers as int64 or float64."""
    types = import_module("pyarrow.types")
    if values.null_count:
        raise ValueError(f"column {name!r} has nulls: fill them, or leave their rows out")
    whole = types.is_integer(values.type) or types.is_boolean(values.type)
    if not whole and not types.is_floating(values.type):
        raise ValueError(
            f"column {name!r} must be of numbers, got {values.type}; of classes give the places, "
            "from 0"
        )
    found: Array = values.to_numpy(zero_copy_only=False)
    return found.astype(np.int64 if whole else np.float64)


def _padded(rows: Sequence[Array]) -> Tensor:
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
