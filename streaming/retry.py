"""Waiting for a broker that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import StreamError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries: the first pause, which doubles up to the longest."""

PATIENCE = 300.0
"""Seconds after which a broker that does not answer is given up."""

Result = TypeVar("Result")


class Retry:
    """Counts the failures of one broker, and says how long to wait after each.

    Parameters
    ----------
    broker : str
        Its name, for people.
    failures : tuple of exception types
        What another try may help against.
    patience : float
        Seconds after which waiting is given up.
    notes : callable, optional
        Is told of each failure once, and when the broker answers again.

    Examples
    --------
    >>> retry = Retry("broker", (ConnectionError,), notes=print)
    >>> retry.failed(ConnectionError("refused"))
    broker does not answer (refused); trying again for 300 seconds
    0.1
    >>> retry.failed(ConnectionError("refused"))
    0.2
    """

    def __init__(
        self,
        broker: str,
        failures: tuple[type[Exception], ...],
        *,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
    ) -> None:
        self.broker = broker
        self.failures = failures
        self.patience = patience
        self._notes = notes or (lambda _: None)
        self._since: float | None = None
        self._pause = FIRST_PAUSE
        self._told: set[str] = set()

    def until_done(self, attempt: Callable[[], Result]) -> Result:
        """Try until it succeeds, and return what it returns.

        Raises
        ------
        StreamError
            If the patience is over.
        """
        while True:
            try:
                result = attempt()
            except self.failures as error:
                time.sleep(self.failed(error))
            else:
                self.succeeded()
                return result

    def failed(self, error: Exception) -> float:
        """Note a failure; return how many seconds to wait before the next try.

        Raises
        ------
        StreamError
            If the patience is over.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
        waited = now - self._since
        if waited >= self.patience:
            raise StreamError(
                f"{self.broker} has not answered for {waited:,.0f} seconds ({error}); the last "
                "checkpoint holds: start the job again when the broker is back"
            ) from error
        if str(error) not in self._told:
            self._told.add(str(error))
            self._notes(
                f"{self.broker} does not answer ({error}); trying again for "
                f"{self.patience - waited:,.0f} seconds"
            )
        pause = min(self._pause, self.patience - waited)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def succeeded(self) -> None:
        """Note that the broker has answered."""
        if self._since is None:
            return
        self._notes(f"{self.broker} answers again")
        self._since = None
        self._pause = FIRST_PAUSE
        self._told.clear()
