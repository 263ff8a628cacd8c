"""What every source of events has in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import StreamError
from ..events import BadRecord, Event

WAIT = 0.2
"""Seconds that a source waits at most before it says that nothing has come."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a source are what.

    Attributes
    ----------
    target : str or None
        The column to predict; None where the source knows it, or where there is none.
    features : tuple of str
        Columns to read as features; all but the target if empty.
    drop : tuple of str
        Columns to leave out.
    text : tuple of str
        Columns to read as text even where they look like numbers.
    key : str or None
        The column that says which stream an event belongs to; no feature unless it is named as one.
    id : str or None
        The column that names an event, for labels that come later; no feature either.
    time : str or None
        The column that says when an event was; by default the first one with datetimes.
    missing : tuple of str
        Words that stand for no value, besides the usual ones (`cell_values.MISSING`), in whatever
        column; a number among them stands for all that are equal to it.
    targets : {"any", "number", "label", "none"}
        What a target may be: with ``"any"`` numbers, true/false or text, whichever the first is;
        with ``"none"`` nothing is predicted, and it only says what was so.
    needs_target : bool
        Whether a source that does not know its target must be told the column.
    """

    target: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    key: str | None = None
    id: str | None = None
    time: str | None = None
    missing: tuple[str, ...] = ()
    targets: str = "any"
    needs_target: bool = True

    @property
    def named(self) -> set[str]:
        """All columns that are named."""
        single = (self.target, self.key, self.id, self.time)
        return {*self.features, *self.drop, *self.text, *filter(None, single)}

    def check(self, source: str, available: Collection[str]) -> None:
        """Raise if a column is named that the source does not have."""
        hint = ""
        if any("," in name for name in available):
            hint = "; a name with a comma goes into double quotes"
        for option in ROLES:
            names = getattr(self, option)
            for name in [names] if isinstance(names, str) else names or ():
                if name not in available:
                    raise StreamError(
                        f"{source} has no column {name!r} (--{option}); "
                        f"its columns are: {', '.join(available)}{hint}"
                    )
        self.check_roles()

    def check_roles(self) -> None:
        """Raise if a column is to be two things that exclude each other."""
        for option, names in (
            ("features", self.features),
            ("drop", self.drop),
            ("key", (self.key,)),
            ("id", (self.id,)),
            ("time", (self.time,)),
        ):
            if self.target is not None and self.target in names:
                raise StreamError(f"{self.target!r} is the target; leave it out of --{option}")
        for one, other, both in (
            ("features", "drop", set(self.features) & set(self.drop)),
            ("time", "text", {self.time} & set(self.text)),
        ):
            for name in both:
                raise StreamError(f"{name!r} stands in --{one} and in --{other}; choose one")

    def check_target(self, source: str, available: Collection[str] = ()) -> None:
        """Raise if no target is named, and one is needed."""
        if self.target is None and self.needs_target:
            names = f"one of: {', '.join(available)}" if available else "its name"
            raise StreamError(
                f"which column of {source} is to be predicted? Pass --target with {names}; or "
                "--task anomaly to score how odd events are"
            )

    def is_feature(self, name: str) -> bool:
        """Say whether a column is to be read as a feature."""
        others = (self.target, self.key, self.id)
        chosen = name in self.features if self.features else name not in others
        return chosen and name not in self.drop


ROLES = ("target", "features", "drop", "text", "key", "id", "time")
"""What of `Columns` are names of columns, as the options are called."""


def waiting(seconds: float) -> Iterator[None]:
    """Yield None until so much time has passed, as a source does while it waits."""
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        yield None
        time.sleep(min(rest, WAIT))


class Expecting(Protocol):
    """What reads targets."""

    def expect(self, targets: str) -> None:
        """Take targets for what `Columns.targets` says from here on."""


class Source(ABC):
    """A stream of events, in order, that can be read once, and gone on with from an offset.

    Attributes
    ----------
    name : str
        For people, as in titles and errors.
    skipped : int
        Records left out so far because they could not be read.
    tells_waiting : bool
        Whether None comes before every wait, as it should. Where it does not, every event is dealt
        with before the next one is asked for.
    replayable : bool
        Whether `resume` can go back to any offset. What cannot is delivered at most once.
    on_bad : callable, optional
        What to do with a record that cannot be read: it is called and the record left out. None
        raises a StreamError.
    task : str or None
        What its events are made for, as ``--task`` names it, where it says so.
    has_target : bool
        Whether its events have a target that no column has been named for.
    """

    name: str
    task: str | None = None
    has_target: bool = False
    skipped: int = 0
    tells_waiting: bool = True
    replayable: bool = True
    on_bad: Callable[[BadRecord], None] | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Event | None]:
        """Yield the events, and None whenever the next one has to be waited for.

        After None the next item may take `WAIT` seconds; if nothing has come by then, it is None
        again. So whoever reads can deal with what he has, stop, or make a checkpoint.
        """

    def refuse(self, record: BadRecord) -> None:
        """Hand a record that cannot be read to `on_bad` and count it.

        Raises
        ------
        StreamError
            If there is no `on_bad`.
        """
        if self.on_bad is None:
            raise StreamError(
                f"{record}; correct it, or pass --skip-bad-rows to leave such records out"
            )
        self.on_bad(record)
        self.skipped += 1

    @abstractmethod
    def close(self) -> None:
        """Let go of the source, read to its end or not."""

    @property
    @abstractmethod
    def progress(self) -> float | None:
        """Share of the source that has been read, from 0 to 1; None if nobody can know."""

    @property
    def lag(self) -> Mapping[str, int]:
        """How much has come that was not read yet, by its unit, records or bytes.

        Empty if nobody knows. It is asked in another thread, and so must change nothing.
        """
        return {}

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether something has come behind an offset at which the source had ended."""
        del offset
        return False

    def expect(self, targets: str) -> None:
        """Take targets for what `Columns.targets` says from here on, where it reads them."""
        for schema in self._schemas:
            schema.expect(targets)

    @property
    def _schemas(self) -> Sequence[Expecting]:
        """What reads records."""
        return ()

    def sync(self) -> None:  # noqa: B027  # most sources keep nothing
        """Bring to the disk what the source keeps for `resume`."""

    def committed(self, offset: dict[str, Any]) -> None:  # noqa: B027  # most sources keep nothing
        """Note that a checkpoint holds an offset: no job goes on from before it."""

    @property
    @abstractmethod
    def offset(self) -> dict[str, Any]:
        """Where to go on after the last event that was yielded, in plain values."""

    @abstractmethod
    def resume(self, offset: dict[str, Any]) -> None:
        """Go on where another source of the same name was; to be called before it is read.

        Raises
        ------
        StreamError
            If that place is not there any more.
        """
