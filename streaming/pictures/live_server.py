"""Pictures of a job while it runs: a server of pages on this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from weakref import WeakSet

from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..local_server import LocalServer
from .job_run import JobRun
from .live_page import ENDED, FAILED, STOPPED, LivePage, page_html

FASTEST, SLOWEST = 1 / 60, 2.0
"""Fewest and most seconds between two frames."""

SHARE = 0.1
"""Most of the time that a page may take from the job."""

PATIENCE = 2.0
"""Seconds that pages have at the end to take in how it ended."""


class Live(LocalServer):
    """Serves pages that show a job while it runs, on this machine only.

    As a context it serves until it is left; the pages are then told how the job ended, and stay as
    they are.

    Parameters
    ----------
    title : str
        What is run.
    run : JobRun
        What happens.
    facts : callable
        Returns what to state about it; called in another thread.
    port : int
        Where to listen; 0 takes a free one.

    Attributes
    ----------
    address : str
        Of the page.
    pages : set
        Those that are open.

    Raises
    ------
    StreamError
        If the port is taken.
    """

    def __init__(
        self,
        title: str,
        run: JobRun,
        facts: Callable[[], Mapping[str, str]],
        port: int = 0,
    ) -> None:
        super().__init__(port, "--live-port")
        self.title = title
        self.run = run
        self.facts = facts
        self.pages: WeakSet[_Frames] = WeakSet()
        self._ending = FAILED

    def handlers(self) -> list[Any]:
        """Return what answers which path."""
        given = {"live": self}
        return [("/", _Page, given), ("/frames", _Frames, given)]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the pages how it ended, and close."""
        if kind is None and self._ending == FAILED:
            self._ending = ENDED
        self.close()

    def end(self, *, stopped: bool) -> None:
        """Tell the pages that the job has come to its end, or was stopped before, and close."""
        self._ending = STOPPED if stopped else ENDED
        self.close()

    async def take_leave(self) -> None:
        """Tell the pages how it ended."""
        told = [asyncio.ensure_future(page.end(self._ending)) for page in self.pages]
        if told:
            await asyncio.wait(told, timeout=PATIENCE)


class _Page(RequestHandler):
    """The page itself."""

    def initialize(self, live: Live) -> None:
        self._live = live

    def set_default_headers(self) -> None:
        """Let the page run nothing but its own script, and talk to nobody else."""
        self.clear_header("Server")
        self._nonce = secrets.token_urlsafe(16)
        own = f"'nonce-{self._nonce}'"
        self.set_header(
            "Content-Security-Policy",
            f"default-src 'none'; script-src {own}; style-src {own}; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def get(self) -> None:
        """Answer with the page."""
        self.finish(page_html(self._live.title, self._live.run, self._nonce))


class _Frames(WebSocketHandler):
    """Sends one open page what is new, at the pace that it keeps up with."""

    def initialize(self, live: Live) -> None:
        self._live = live
        self._pace = FASTEST
        self._whole = True  # whether the page waits for all there is
        self._sending: asyncio.Task[None] | None = None

    def open(self, *_: str, **__: str) -> None:
        """Begin to send."""
        self._page = LivePage(self._live.run, self._live.facts)
        self._live.pages.add(self)
        self._sending = asyncio.ensure_future(self._send())

    async def end(self, how: str) -> None:
        """Send the last of it, and how the job has ended."""
        if self._sending is not None:
            self._sending.cancel()
        try:
            await self._tell(at_once=True)
            await self.write_message(self._page.ending(how))
        except WebSocketClosedError:
            return  # the page was closed meanwhile
        self.close()

    def on_message(self, message: str | bytes) -> None:
        """Take in what the page asks for."""
        asked = json.loads(message)
        if asked["type"] == "pace":
            self._pace = min(SLOWEST, max(FASTEST, float(asked["seconds"])))
        elif asked["type"] == "whole":
            self._whole = True

    def on_close(self) -> None:
        """Stop sending."""
        self._live.pages.discard(self)
        if self._sending is not None:
            self._sending.cancel()

    async def _send(self) -> None:
        while True:
            before = time.thread_time()
            try:
                await self._tell()
            except WebSocketClosedError:
                return
            cost = time.thread_time() - before
            await asyncio.sleep(min(SLOWEST, max(self._pace, cost / SHARE)))

    async def _tell(self, *, at_once: bool = False) -> None:
        whole, self._whole = self._whole, False
        frame = self._page.frame(whole=whole)
        if frame is not None:
            await self.write_message(frame, binary=True)
        summary = self._page.summary(at_once=at_once)
        if summary is not None:
            await self.write_message(summary)
