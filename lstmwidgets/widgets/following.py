"""Widgets that go along with one that plays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import uuid4
from weakref import WeakKeyDictionary


class Follower(Protocol):
    """A widget that follows. Both methods are called by the player's thread, between two steps."""

    def catch_up(self) -> None:
        """Show what is new of the run."""

    def rest(self) -> None:
        """Put what is shown into the widget's state, which a saved notebook has."""


class Followers:
    """The widgets that follow one; may be changed from any thread."""

    def __init__(self) -> None:
        self._widgets: tuple[Follower, ...] = ()

    def add(self, widget: Follower) -> None:
        """Let a widget follow."""
        self._widgets = (*self._widgets, widget)

    def remove(self, widget: Follower) -> None:
        """Let it follow no more."""
        self._widgets = tuple(each for each in self._widgets if each is not widget)

    def catch_up(self, *, resting: bool) -> None:
        """Let all of them show what is new, and keep it where the player rests."""
        for widget in self._widgets:
            widget.catch_up()
            if resting:
                widget.rest()


def followed(source: Any, labels: Sequence[str] | None) -> Any:
    """Return the `LiveStream` that a source is, or that it follows itself; else None.

    Raises
    ------
    ValueError
        If it shows no LSTM, or shall have other labels.
    """
    live = getattr(source, "live", source)
    if not isinstance(getattr(live, "followers", None), Followers):
        return None
    if live.run.hidden_size is None:
        raise ValueError(
            f"there are no gates to show: {type(live.model).__name__} is a model of another kind; "
            "play one of lstmwidgets.online"
        )
    if labels is not None:
        raise ValueError(
            "labels do not go with a LiveStream, which names its events itself; for others show "
            "live.recording()"
        )
    return live


_names: WeakKeyDictionary[object, str] = WeakKeyDictionary()


def run_name(run: object) -> str:
    """Return a name for a run or a recording, by which the widgets of a page know it."""
    return _names.setdefault(run, uuid4().hex)
