"""Pictures of a job while it runs: a server of pages on this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import Application, ErrorHandler, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..errors import StreamError
from .job_run import JobRun
from .live_page import ENDED, FAILED, STOPPED, LivePage, page_html

HOST = "127.0.0.1"

NAMES = (HOST, "localhost")
"""What this machine is called in addresses of the page, at any port: people forward it."""

FASTEST, SLOWEST = 1 / 60, 2.0
"""Fewest and most seconds between two frames."""

SHARE = 0.1
"""Most of the time that a page may take from the job."""

PATIENCE = 2.0
"""Seconds that pages have at the end to take in how it ended."""


class Live:
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
        self.title = title
        self.run = run
        self.facts = facts
        self._socket = _listening(port)
        self._port = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self._port}/"
        self.pages: WeakSet[_Frames] = WeakSet()
        self._ending = FAILED
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._begun: Future[None] = Future()
        self._thread = Thread(target=self._serve_all, name="live", daemon=True)

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        self._begun.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the pages how it ended, and close."""
        if kind is None and self._ending == FAILED:
            self._ending = ENDED
        self._close()

    def end(self, *, stopped: bool) -> None:
        """Tell the pages that the job has come to its end, or was stopped before, and close."""
        self._ending = STOPPED if stopped else ENDED
        self._close()

    def _close(self) -> None:
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _serve_all(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)
        finally:
            self._socket.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        given = {"live": self}
        application = _Pages(
            [("/", _Page, given), ("/frames", _Frames, given)], log_function=_say_nothing
        )
        http = _Connections(application)
        http.add_socket(self._socket)
        self._begun.set_result(None)
        try:
            await self._over.wait()
            told = [asyncio.ensure_future(page.end(self._ending)) for page in self.pages]
            if told:
                await asyncio.wait(told, timeout=PATIENCE)
        finally:
            await http.close()


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


class _Pages(Application):
    """Answers those who ask for this machine, from a page of this machine or from none.

    A page elsewhere could otherwise read the job by having its own name lead here (DNS rebinding).
    """

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        if _is_from_here(request.headers):
            return super().find_handler(request, **options)
        return self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})


class _Connections(HTTPServer):
    """Closes all of its connections, those of open pages as well."""

    def initialize(self, *arguments: Any, **options: Any) -> None:
        super().initialize(*arguments, **options)
        self._streams: WeakSet[IOStream] = WeakSet()

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self._streams.add(stream)
        super().handle_stream(stream, address)

    async def close(self) -> None:
        for stream in list(self._streams):
            stream.close()
        await self.close_all_connections()
        await asyncio.sleep(0)  # lets those who read from them see it


def _is_from_here(headers: HTTPHeaders) -> bool:
    """Say whether a request is for this machine, and from a page of the same address, if any."""
    host = headers.get("Host", "").lower()
    name, _, port = host.partition(":")
    if name not in NAMES or not (port.isdecimal() or host == name):
        return False
    origins = [headers.get(name) for name in ("Origin", "Sec-WebSocket-Origin")]
    allowed = (None, f"http://{host}", f"https://{host}")
    return all(origin in allowed for origin in origins)


def _say_nothing(handler: object) -> None:
    """Leave standard error to the job."""


def _listening(port: int) -> socket.socket:
    try:
        listening = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise StreamError(
            f"cannot listen on {HOST}:{port}: {told}; name another --live-port, or 0 for any"
        ) from error
    listening.setblocking(False)
    return listening
