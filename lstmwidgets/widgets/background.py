"""Work of a widget that takes a while, done beside everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

from .threads import PATIENCE, end_before_python

Work = Generator[Any]
"""Yields what there is to show as it goes on; closed where it is cancelled."""


class Background:
    """Does one piece of work at a time in a daemon thread; a new one takes the place of the last.

    Parameters
    ----------
    show : callable
        Called in the thread with each item that the work yields, never with one of work that was
        cancelled.
    failed : callable
        Called in the thread with the exception that ended a piece of work.

    Examples
    --------
    >>> shown = []
    >>> background = Background(shown.append, failed=print)
    >>> background.start(n**2 for n in range(4))
    >>> background.wait(timeout=10)
    True
    >>> shown
    [0, 1, 4, 9]
    """

    def __init__(self, show: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self._show = show
        self._failed = failed
        self._changed = threading.Condition()  # its lock may be taken again by the same thread
        self._work: Work | None = None
        self._thread: threading.Thread | None = None
        end_before_python(self)

    @property
    def is_busy(self) -> bool:
        """Whether there is work that has not ended."""
        return self._work is not None

    def start(self, work: Work) -> None:
        """Do this from now on, and no more of what was done before."""
        with self._changed:
            self._work = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Do no more."""
        with self._changed:
            self._work = None
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is done, at most so many seconds; say whether it is.

        What the work calls does not wait for it.
        """
        if threading.current_thread() is self._thread:
            return False
        with self._changed:
            return self._changed.wait_for(lambda: self._work is None, timeout)

    def end(self) -> None:
        """Do no more, and wait until the thread has left what it was at."""
        thread = self._thread
        self.cancel()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                for item in work:
                    if not self._tell(work, self._show, item):
                        break
            except Exception as error:  # noqa: BLE001  # whatever it is, people are told
                self._tell(work, self._failed, error)
            work.close()
            with self._changed:
                if self._work is work:
                    self.cancel()

    def _next(self) -> Work | None:
        """Return what is to be done; None, and the thread ends, if that is nothing."""
        with self._changed:
            if self._work is None:
                self._thread = None
            return self._work

    def _tell(self, work: Work, call: Callable[[Any], None], what: Any) -> bool:
        """Tell what came of a piece of work, unless it was cancelled; say whether it goes on."""
        with self._changed:
            if self._work is work:
                call(what)
            return self._work is work
