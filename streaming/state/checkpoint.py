"""A job's database: all that is needed to go on after a crash, in one transaction a checkpoint."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from filelock import FileLock, Timeout

from lstmwidgets.codec import decode, encode

from ..errors import StreamError
from ..files import atomic_write, check_at, make_private, sync_folder, writing
from ..latency import Latency
from .cold import ColdStore, schema
from .database import APPLICATION, Database, damage_told, damaged

FORMAT = 7
DATABASE, LOCK, HOLDER = "job.sqlite", "lock", "holder"
OPTIONS, SAVED, MODEL = "options", "saved", "model"
"""What is in the table of the job itself; the last two from the first checkpoint on."""

TABLES = ("job", "streams", "waiting")

PAGE = 1024
"""Bytes of a page of a new database: what of a key's row fills none wastes little."""

CACHE = 32 * 1024 * 1024
"""Bytes of the database in memory at most, keys that have changed since the last checkpoint too."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A moment between two events; the first one comes before the source is read.

    Attributes
    ----------
    events : int
        How many have gone through.
    offset : dict
        Where the source goes on; its own affair. Empty before it is read.
    outputs : dict of str to dict
        Where each sink goes on, by what goes into it; its own affair.
    progress : dict
        What the runner has counted.
    finished : bool
        Whether the source has come to its end.
    model_file : str or None
        Hash of the file of the model that the job began with, if it began with one.
    task : str or None
        Which task the job does, once it is known.
    """

    events: int
    offset: dict[str, Any]
    outputs: dict[str, dict[str, Any]]
    progress: dict[str, Any]
    finished: bool = False
    model_file: str | None = None
    task: str | None = None


class JobFolder:
    """The folder of a job that can be killed at any moment and started again.

    It holds one SQLite database (write-ahead log, ``synchronous=FULL``): what is committed is on
    the disk, and a crash leaves the last commit. It gets its name when it has the job's options in
    it, so that an empty one is none. All of it is read and compared with its checksums when the job
    goes on. A lock, which the system lets go of when the process ends in whatever way, keeps a
    second process out.

    Parameters
    ----------
    path : Path
        The folder; made if need be.
    options : mapping
        What the job is, as JSON can hold it. A folder takes the same job again and no other, once
        that has begun.
    drawn : mapping
        What a new job has where the options say None; None is then what it was before.

    Attributes
    ----------
    durations : Latency
        Of the checkpoints of this start, from `save` until they were on the disk.

    Raises
    ------
    StreamError
        If the folder cannot be written, is held by another process, belongs to another job (the
        differences are named) or is damaged.
    """

    def __init__(
        self, path: Path, options: Mapping[str, Any], drawn: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.durations = Latency()
        self._stores: list[ColdStore] = []
        self._last: float | None = None
        with ExitStack() as opening, writing(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(path / LOCK, mode=0o600)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise StreamError(f"{path} is held by {_holder(path)}; stop it first") from None
            opening.callback(self._lock.release)
            make_private(path / HOLDER)
            (path / HOLDER).write_text(str(os.getpid()))
            self._database = self._opened(options, drawn or {})
            opening.callback(self._database.close)
            self._job = ColdStore(self._database, "job")
            self._known = (path / DATABASE).stat()
            self.options = self._agreed(options, drawn or {})
            opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder, when all that was saved is on the disk."""
        try:
            with damage_told(self.path / DATABASE):
                self._database.close()
        finally:
            (self.path / HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def cold(self, table: str) -> ColdStore:
        """Return a store in the job's database; what is put there counts from the next `save`."""
        self._stores.append(ColdStore(self._database, table))
        return self._stores[-1]

    @property
    def filled(self) -> float:
        """How full the memory is of what waits for a checkpoint; from 1 on one has to be made."""
        return max((store.filled for store in self._stores), default=0.0)

    def load(self) -> tuple[Saved, bytes] | None:
        """Return the last checkpoint and its model; None before the first."""
        self.settle()
        return _last(self._job)

    def save(self, saved: Saved, model: bytes | None) -> None:
        """Put a checkpoint in the place of the last one, with all that `cold` stores have got.

        See `saving`, of which this is all portions at once.
        """
        for _ in self.saving(saved, model):
            pass

    def saving(
        self, saved: Saved, model: bytes | None, portions: Iterable[None] = ()
    ) -> Iterator[None]:
        """Begin a checkpoint of this moment, and return an iterator that makes it.

        Each item is a portion of the work; between them events may go on. After the last one the
        rest of it is done in the background; `settle` says when it counts. Until then the one
        before does, whatever has been written.

        Parameters
        ----------
        saved : Saved
            The moment.
        model : bytes or None
            None leaves the last one, if the model does not change.
        portions : iterable
            Puts into stores of `cold` what they had not got at this moment, by `put_many`.

        Raises
        ------
        StreamError
            If the one before failed, see `settle`, or the database is not there any more.
        """
        begun = time.monotonic()
        check_at(self._known, self.path / DATABASE)
        try:
            data = msgspec.json.encode(saved)
        except UnicodeEncodeError as error:
            raise StreamError(f"a name is no text in UTF-8: {error.object!r}; rename it") from error
        self._job.put_many([SAVED], [len(data)], data)
        if model is not None:
            self._job.put_many([MODEL], [len(model)], model)
        stores = [store.saving() for store in self._stores]
        return self._rest(begun, chain(portions, *stores))

    def _rest(self, begun: float, portions: Iterable[None]) -> Iterator[None]:
        yield from portions
        with damage_told(self.path / DATABASE):
            self._database.commit(partial(self._holds, begun))

    def settle(self) -> None:
        """Wait until what was saved last is on the disk.

        Raises
        ------
        StreamError
            If the disk is full, or the database cannot be written: the checkpoint before holds.
        """
        with damage_told(self.path / DATABASE):
            self._database.settle()

    @property
    def is_writing(self) -> bool:
        """Whether a checkpoint is still being written in the background."""
        return self._database.is_writing

    @property
    def age(self) -> float | None:
        """Seconds since the moment that the last checkpoint of this start is of; None before."""
        return None if self._last is None else time.monotonic() - self._last

    def _holds(self, begun: float) -> None:
        """Note that a checkpoint holds that was begun then."""
        self._last = begun
        self.durations.add(time.monotonic() - begun)

    def _opened(self, options: Mapping[str, Any], drawn: Mapping[str, Any]) -> Database:
        """Open the database, after making it for a new job."""
        path = self.path / DATABASE
        for litter in self.path.glob(f".{DATABASE}.*.part*"):  # of a process that was killed here
            litter.unlink()
        if not path.exists():
            _make(path, _decided(options, drawn))
        return _opened(path)

    def _agreed(self, options: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return the job's options as they were first given, if they are still the same."""
        before = _options(self._job)
        differences = [
            f"{name} was {before.get(name)!r} and is now {options.get(name)!r}"
            for name in {**before, **options}
            if before.get(name) != options.get(name)
            and not (name in drawn and options.get(name) is None)
        ]
        if differences and _last(self._job) is None:  # it was refused before it began
            before = _decided(options, drawn)
            _put_options(self._job, before)
            self._database.commit()
        elif differences:
            raise StreamError(
                f"{self.path} belongs to another job: {'; '.join(differences)}. "
                "Give the same options again, or another folder"
            )
        return before


def inspect(path: Path) -> tuple[dict[str, Any], Saved | None, dict[str, int]]:
    """Return a folder's job, its last checkpoint and the sizes of what it holds, without the lock.

    Raises
    ------
    StreamError
        If it is no job's folder, or damaged.
    """
    with look_into(path) as (options, database, last):
        saved, model = last or (None, b"")
        sizes = {
            "bytes of the model": len(model),
            "keys": len(ColdStore(database, "streams")) if options.get("key") is not None else 0,
            "recent ids": len(ColdStore(database, "waiting")),
        }
        return options, saved, sizes


def files_of(path: Path) -> list[Path]:
    """Return a job's folder, and the files in it that a model is read from."""
    names = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
    return [path, *(path / name for name in names if (path / name).exists())]


@contextmanager
def look_into(
    path: Path,
) -> Iterator[tuple[dict[str, Any], Database, tuple[Saved, bytes] | None]]:
    """Give a folder's job, its database to read, and its last checkpoint, without the lock.

    The checkpoint is None before the first one. All of it is of one moment, whatever a running job
    writes meanwhile.

    Raises
    ------
    StreamError
        If it is no job's folder, or damaged.
    """
    try:
        there = (path / DATABASE).is_file()
    except OSError:  # of a path that cannot be
        there = False
    if not there:
        raise StreamError(f"{path} holds no job: there is no {DATABASE} in it")
    with damage_told(path / DATABASE):
        database = Database(f"{(path / DATABASE).absolute().as_uri()}?mode=ro", uri=True)
        database.name = str(path / DATABASE)
        try:
            database.execute("BEGIN")
            _check_format(database)
            job = ColdStore(database, "job")
            job.check()
            yield _options(job), database, _last(job)
        finally:
            database.close()


def _make(path: Path, options: Mapping[str, Any]) -> None:
    """Make a job's database, which gets its name when all of this is in it."""
    with atomic_write(path) as beside, damage_told(path):
        database = Database(beside)
        try:
            database.execute(f"PRAGMA page_size = {PAGE}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            for table in TABLES:
                ColdStore(database, table)
            _put_options(ColdStore(database, "job"), options)
            database.commit()
        finally:
            database.close()
    sync_folder(path.parent)


def _opened(path: Path) -> Database:
    """Open a job's database and compare all of it with its checksums."""
    with damage_told(path):
        database = Database(path, isolation_level="IMMEDIATE")
        try:
            _check_format(database)
            database.execute(f"PRAGMA cache_size = -{CACHE // 1024}")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            (state,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(" ".join(state.split()))
            for table in TABLES:
                ColdStore(database, table).check()
            database.read_beside()
        except BaseException:
            database.close()
            raise
    return database


def _check_format(database: Database) -> None:
    """Raise unless a database is a job's, of this version, with the tables that it should have."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    known = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    tables = [row[0] for row in database.execute(known).fetchall()]
    if version == FORMAT and {*tables} == {text for name in TABLES for text in schema(name)}:
        return
    before = "CREATE TABLE job (format INTEGER NOT NULL, options TEXT NOT NULL)"
    if before in tables:
        (version,) = database.execute("SELECT format FROM job").fetchone() or ("",)
    elif version in (0, FORMAT):
        raise damaged(database.name, "it has not the tables of a job")
    raise StreamError(
        f"{database.name} was written in format {version}, and this lstmwidgets reads format "
        f"{FORMAT}; use the version that wrote it, or begin anew with another folder"
    )


def _decided(options: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with those that are drawn for a new job."""
    return {k: drawn.get(k) if v is None else v for k, v in options.items()}


def _put_options(job: ColdStore, options: Mapping[str, Any]) -> None:
    data = msgspec.json.encode(encode(options))
    job.put_many([OPTIONS], [len(data)], data)


def _options(job: ColdStore) -> dict[str, Any]:
    data = job.get(OPTIONS)
    options: dict[str, Any] = {} if data is None else decode(msgspec.json.decode(data))
    return options


def _last(job: ColdStore) -> tuple[Saved, bytes] | None:
    saved, model = job.get(SAVED), job.get(MODEL)
    if saved is None:
        return None
    return msgspec.json.decode(saved, type=Saved), model or b""


def _holder(path: Path) -> str:
    try:
        return f"process {int((path / HOLDER).read_text())}"
    except (OSError, ValueError):
        return "another process"
