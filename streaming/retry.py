"""Waiting for a broker that does not answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from .errors import StreamError

PATIENCE = 300.0
"""Seconds after which a broker that does not answer is given up."""

ANSWER_SECONDS = 10.0
"""How long to wait for an answer before it counts as a failure."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries: the first pause, which doubles up to the longest."""

MOST_DOUBLINGS = 10
"""More of them make no pause longer."""

Result = TypeVar("Result")


class PatientRetry:
    """Tries again until a server answers or the patience is over, and tells people about it.

    Parameters
    ----------
    server : str
        Its name, for people.
    patience : float
        Seconds after which the next failure is the last one.
    notes : callable, optional
        Is told of each kind of failure once, and when the server answers again.
    failures : tuple of exception types
        What another try may help against.

    Examples
    --------
    >>> retry = PatientRetry("server", patience=300, notes=print)
    >>> retry.failed(ConnectionError("refused"))
    server does not answer (refused); trying again for 300 seconds
    0.1
    >>> retry.failed(ConnectionError("refused"))
    0.2
    """

    def __init__(
        self,
        server: str,
        *,
        patience: float = PATIENCE,
        notes: Callable[[str], None] | None = None,
        failures: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
    ) -> None:
        self.failures = failures
        self._server = server
        self._patience = patience
        self._notes = notes or (lambda _: None)
        self._since = 0.0
        self._errors = Counter[str]()

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
        if not self._errors:
            self._since = now
        waited = now - self._since
        if waited >= self._patience:
            raise StreamError(
                f"{self._server} has not answered for {waited:,.0f} seconds ({error}); the last "
                "checkpoint holds: start the job again when the server is back"
            ) from error
        if not self._errors[str(error)]:
            self._notes(
                f"{self._server} does not answer ({error}); trying again for "
                f"{self._patience - waited:,.0f} seconds"
            )
        self._errors[str(error)] += 1
        doublings = min(self._errors.total() - 1, MOST_DOUBLINGS)
        return min(FIRST_PAUSE * float(2**doublings), LONGEST_PAUSE)

    def succeeded(self) -> None:
        """Note that the server has answered."""
        if self._errors:
            self._notes(f"{self._server} answers again")
            self._errors.clear()
