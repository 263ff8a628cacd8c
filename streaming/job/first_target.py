"""What the first targets of a stream say of the task, where nobody else does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..events import Event, Outcome

MOST_HELD = 100
"""Events without a target that are held back until one comes, at most."""

LOOKED_AT = 500
"""Targets that are looked at, whether they may be classes."""

FEW = 20
"""Of fewer different whole numbers than that, they may be."""


class FirstTarget:
    """Passes events on, of which the first ones can be looked at ahead.

    Parameters
    ----------
    events : iterable of Event or None
        The stream; None where nothing has come for a moment.

    Attributes
    ----------
    at_rest : bool
        Whether all that was looked at has been passed on.
    """

    def __init__(self, events: Iterable[Event | None]) -> None:
        self._events = iter(events)
        self._held: deque[Event] = deque()

    def look(self) -> Any:
        """Return the first target; None if the stream ends before, or nearly a hundred have none.

        It is waited for: what is predicted does not depend on how fast it comes.
        """
        for event in self._events:
            if event is None:
                continue
            self._held.append(event)
            if event.y is not None or len(self._held) == MOST_HELD:
                return event.y
        return None

    def drop(self) -> None:
        """Forget what was looked at."""
        self._held.clear()

    @property
    def at_rest(self) -> bool:
        """Whether all that was looked at has been passed on."""
        return not self._held

    def __iter__(self) -> Iterator[Event | None]:
        """Yield all events."""
        while self._held:
            yield self._held.popleft()
        yield from self._events


class FewWholeNumbers:
    """Notes once that targets are whole numbers and few, which may be classes.

    Parameters
    ----------
    note : callable
        Is told.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._seen: set[float] = set()
        self._targets = 0
        self.done = False

    def add(self, outcome: Outcome) -> None:
        """Look at an event's target."""
        target = outcome.event.y
        if target is None:
            return
        self._targets += 1
        self._seen.add(target)
        if len(self._seen) >= FEW or target != int(target):
            self.done = True
        elif self._targets == LOOKED_AT:
            self.end()

    def end(self) -> None:
        """Say so, if it is so."""
        if not self.done and self._targets >= FEW:
            self._note(
                f"the first {self._targets:,} targets are {len(self._seen)} different whole "
                "numbers, taken for numbers; --task classification takes them for classes"
            )
        self.done = True
