"""Where a reader is in a Redis stream, and whether what comes next is still there."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import StreamError

BEGINNING = "0-0"
"""The id before all others."""


def moment(id_: str) -> tuple[int, int]:
    """Return an entry's id as what ids are ordered by: milliseconds, and a number in them."""
    milliseconds, _, number = id_.partition("-")
    return int(milliseconds), int(number)


class StreamState(NamedTuple):
    """What the server says of a stream.

    Attributes
    ----------
    first : str or None
        Id of the first entry that is there.
    last : str
        Id of the last one that was ever added.
    added, removed : int
        How many were ever added, and how many of them are not there any more.
    """

    first: str | None
    last: str
    added: int
    removed: int


class Place(NamedTuple):
    """Behind an entry of a stream.

    Attributes
    ----------
    id : str
        The entry's.
    passed : int
        How many entries were ever added up to it. If the stream begins behind it, as many must
        have been removed: if there were more, some of them had not been read.
    """

    id: str = BEGINNING
    passed: int = 0

    def check(self, name: str, state: StreamState | None, *, must_exist: bool = False) -> Place:
        """Raise if what follows the place is not there any more; return the place.

        Before anything was read, it is wherever the stream begins.

        Raises
        ------
        StreamError
            If entries were removed before they were read, or it is another stream.
        """
        if state is None:
            if self.id == BEGINNING and not must_exist:
                return self
            read = "" if self.id == BEGINNING else f"; it had been read up to entry {self.id}"
            raise StreamError(f"there is no stream {name}{read}{REMEDY if read else ''}")
        if self.id == BEGINNING:
            return Place(passed=state.removed)
        behind = state.first is None or moment(state.first) > moment(self.id)
        if moment(state.last) < moment(self.id) or (behind and state.removed < self.passed):
            raise StreamError(
                f"{name} is another stream than the one that had been read up to entry {self.id}: "
                f"its last entry is {state.last}, number {state.added:,}{REMEDY}"
            )
        if behind and state.removed > self.passed:
            lost = state.removed - self.passed
            begins = "is empty" if state.first is None else f"now begins at {state.first}"
            raise StreamError(
                f"{name} had been read up to entry {self.id} and {begins}: {lost:,} "
                f"{'entry was' if lost == 1 else 'entries were'} removed unread{REMEDY}; "
                "a larger MAXLEN keeps them longer"
            )
        return self


REMEDY = "; restore it, or begin anew with another --checkpoint folder"


def state_of(name: str, info: Any) -> StreamState | None:
    """Return what an answer to XINFO STREAM says; None if there is no such stream.

    Raises
    ------
    Exception
        The answer, if it is another error.
    StreamError
        If the server is too old to count what it adds.
    """
    if isinstance(info, Exception):
        if "no such key" in str(info):
            return None
        raise info
    if "entries-added" not in info:
        raise StreamError(f"{name} needs a server that counts entries: Redis 7 or later")
    added, first = int(info["entries-added"]), info["first-entry"]
    return StreamState(
        first=None if first is None else first[0].decode(),
        last=info["last-generated-id"].decode(),
        added=added,
        removed=added - int(info["length"]),
    )
