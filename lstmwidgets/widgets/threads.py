"""What widgets need that a thread of ours writes to."""

from __future__ import annotations

from typing import Any

import ipywidgets


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
