"""Which pages show a widget, and how fast they can paint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from .player import FRAMES

UNSEEN = 10.0
"""Seconds without a view, after there was one, until a widget counts as gone: its cell was deleted.

Loading a page anew takes less.
"""

SLOWEST = 0.5
"""Most seconds between two frames, however slow a page says it is."""


class OpenPages:
    """Counts the views of a widget by what pages say.

    Parameters
    ----------
    gone : callable
        Called when nobody has seen the widget for some seconds, in a thread of its own.
    """

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._views: set[str] = set()
        self._paces: dict[str, float] = {}

    @property
    def interval(self) -> float:
        """Seconds between two frames that the slowest page keeps up with."""
        return max([1 / FRAMES, *self._paces.values()])

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in a message of a page, if it is about that."""
        kind, view = message.get("type"), str(message.get("view"))
        if kind == "hello":
            self._hello(view)
        elif kind == "bye":
            self._bye(view)
        elif kind == "pace":
            self._paces[view] = min(SLOWEST, float(message["seconds"]))

    def _hello(self, view: str) -> None:
        """Take in a new view. Pages that are gone said no farewell, so all tell their pace anew."""
        self._views.add(view)
        self._paces.clear()

    def _bye(self, view: str) -> None:
        """Take in that a view was closed."""
        self._views.discard(view)
        self._paces.pop(view, None)
        if not self._views:
            timer = threading.Timer(UNSEEN, self._look)
            timer.daemon = True
            timer.start()

    def _look(self) -> None:
        if not self._views:
            self._gone()
