"""Pictures of a job while it runs: a server of pages on this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.web import ErrorHandler, OutputTransform

from ..errors import StreamError
from .live_page import ENDED, FAILED, STOPPED, LivePage
from .live_record import LiveRecord

HOST = "127.0.0.1"

NAMES = (HOST, "localhost")
"""What this machine is called in addresses of the page, at any port: people forward it."""

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
    record : LiveRecord
        What happens.
    facts : callable
        Returns what to state about it; called in another thread.
    port : int
        Where to listen; 0 takes a free one.

    Attributes
    ----------
    address : str
        Of the page.

    Raises
    ------
    StreamError
        If the port is taken.
    """

    def __init__(
        self,
        title: str,
        record: LiveRecord,
        facts: Callable[[], Mapping[str, str]],
        port: int = 0,
    ) -> None:
        self._title = title
        self._record = record
        self._facts = facts
        self._socket = _listening(port)
        self._port = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self._port}/"
        self._pages: WeakSet[LivePage] = WeakSet()
        self._ending = FAILED
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._begun: Future[None] = Future()
        self._thread = Thread(target=self._run, name="live", daemon=True)

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

    def _run(self) -> None:
        log = logging.getLogger("bokeh.server")
        level = log.level
        log.setLevel(logging.ERROR)  # that a page was closed meanwhile is nothing to warn of
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._begun.done():
                raise
            self._begun.set_exception(error)
        finally:
            log.setLevel(level)
            self._socket.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        application = _Pages(
            {"/": Application(FunctionHandler(self._open))},
            extra_websocket_origins=[f"{name}:*" for name in NAMES],
            use_index=False,
            log_function=_say_nothing,
        )
        application.transforms.append(_ForThisPage)
        http = _Connections(application)
        http.add_socket(self._socket)
        server = BaseServer(IOLoop.current(), application, http)
        server.start()
        self._begun.set_result(None)
        try:
            await self._over.wait()
            told = [asyncio.ensure_future(page.end(self._ending)) for page in self._pages]
            if told:
                await asyncio.wait(told, timeout=PATIENCE)
        finally:
            server.stop()
            await http.close()

    def _open(self, document: Document) -> None:
        self._pages.add(LivePage(document, self._title, self._record, self._facts))


class _Pages(BokehTornado):
    """Answers those who ask for this machine, from a page of this machine or from none.

    A page elsewhere could otherwise read the job by having its own name lead here (DNS rebinding).
    """

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        if _is_from_here(request.headers):
            return super().find_handler(request, **options)
        return self.get_handler_delegate(request, ErrorHandler, {"status_code": 403})


class _ForThisPage(OutputTransform):
    """Takes back that pages elsewhere may read an answer, as Bokeh says of its scripts."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name in [name for name in headers if name.startswith("Access-Control-")]:
            del headers[name]
        return super().transform_first_chunk(status_code, headers, chunk, finishing)


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
