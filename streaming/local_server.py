"""A server of pages for this machine only, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import Application, ErrorHandler

from .errors import StreamError

HOST = "127.0.0.1"

NAMES = (HOST, "localhost")
"""What this machine is called in addresses of a page, at any port: people forward it."""


class LocalServer(ABC):
    """Serves pages on this machine only, while a context lasts.

    Parameters
    ----------
    port : int
        Where to listen; 0 takes a free one.
    option : str
        What names the port, as ``"--live-port"``.

    Attributes
    ----------
    address : str
        Where its pages are.

    Raises
    ------
    StreamError
        If the port is taken.
    """

    def __init__(self, port: int, option: str) -> None:
        self._socket = _listening(port, option)
        self.address = f"http://{HOST}:{self._socket.getsockname()[1]}/"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._begun: Future[None] = Future()
        self._thread = Thread(target=self._serve_all, name=option.strip("-"), daemon=True)

    @abstractmethod
    def handlers(self) -> list[Any]:
        """Return what answers which path, as Tornado takes it."""

    async def take_leave(self) -> None:  # noqa: B027  # most have nobody to take leave of
        """Tell whoever is connected that it is over."""

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
        """Take leave, and close."""
        self.close()

    def close(self) -> None:
        """Take leave, and close; a second time nothing happens."""
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
        http = _Connections(_Pages(self.handlers(), log_function=_say_nothing))
        http.add_socket(self._socket)
        self._begun.set_result(None)
        try:
            await self._over.wait()
            await self.take_leave()
        finally:
            await http.close()


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


def _listening(port: int, option: str) -> socket.socket:
    try:
        listening = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise StreamError(
            f"cannot listen on {HOST}:{port}: {told}; name another {option}, or 0 for any"
        ) from error
    listening.setblocking(False)
    return listening
