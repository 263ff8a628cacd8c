"""What widgets need that work in threads of ours, and how these end."""

from __future__ import annotations

import atexit
from typing import Any, Protocol
from weakref import WeakSet

import ipywidgets

PATIENCE = 30.0
"""So many seconds Python waits at its end for a thread that is at its work."""


class Worker(Protocol):
    """Works in a thread of its own."""

    def end(self) -> None:
        """Do no more, and wait until the thread has left what it was at."""


def end_before_python(worker: Worker) -> None:
    """End a worker before Python ends: a thread that it stops within PyTorch takes it down."""
    _workers.add(worker)


_workers: WeakSet[Worker] = WeakSet()


@atexit.register
def _end_all() -> None:
    for each in list(_workers):
        each.end()


class AnsweredAnywhere(ipywidgets.Widget):  # type: ignore[misc]
    """A widget whose answers are taken where the page wants them taken.

    From the first message of a comm on, ipykernel 7.4 hands all answers to the subshell whose
    request was the last one when it was sent. In a thread of ours that may be anyone's, and
    JupyterLab ends some subshells soon after a page was loaded: all answers were lost then.
    """

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        if self.comm is not None and hasattr(self.comm, "_reply_subshell_id"):
            del self.comm._reply_subshell_id  # noqa: SLF001
