"""A page of a job is for this machine and its own page only, on every path and the WebSocket."""

from __future__ import annotations

import asyncio
import re
from http.client import HTTPConnection

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from lstmwidgets.streaming.local_server import LocalServer
from lstmwidgets.streaming.pictures.live_server import Live

from .test_live_page import served

AT = "http://{host}"
"""The origin of a page at the address that is asked."""

WELCOME = [
    ("127.0.0.1:{port}", None),
    ("127.0.0.1:{port}", AT),
    ("localhost:{port}", AT),
    ("LOCALHOST:{port}", "http://localhost:{port}"),
    ("localhost:1", AT),  # as ssh forwards a port
    ("localhost", AT),
    ("localhost:8443", "https://{host}"),  # as a proxy may
]
FOREIGN = [
    ("evil.example:{port}", None),
    ("evil.example:{port}", AT),
    ("evil.example", AT),
    ("localhost.evil.example:{port}", None),
    ("127.0.0.1.evil.example:{port}", None),
    ("evil.example@127.0.0.1:{port}", None),
    ("127.0.0.2:{port}", None),
    ("0.0.0.0:{port}", AT),
    ("[::1]:{port}", AT),  # where nothing is served
    ("localhost:{port}:80", None),
    ("localhost:x", None),
    ("", None),
    ("127.0.0.1:{port}", "http://evil.example:{port}"),
    ("127.0.0.1:{port}", "http://evil.example"),
    ("127.0.0.1:{port}", "http://localhost:{port}"),
    ("127.0.0.1:{port}", "http://127.0.0.1:1"),
    ("127.0.0.1:{port}", "null"),
    ("127.0.0.1:{port}", ""),
]
PATHS = ("/", "/frames", "/frames/", "/static/a.js", "/elsewhere", "/?a=b", "//frames")


def headers(live: LocalServer, host: str, origin: str | None) -> dict[str, str]:
    port = re.findall(r":(\d+)/", live.address)[0]
    host = host.format(port=port)
    sent = {} if origin is None else {"Origin": origin.format(host=host, port=port)}
    return {"Host": host} | sent


def answer(live: LocalServer, method: str, path: str, sent: dict[str, str]) -> tuple[int, str]:
    """Return status, and headers with all that comes after them."""
    connection = HTTPConnection(live.address.split("/")[2])
    connection.request(method, path, headers=sent)
    told = connection.getresponse()
    text = f"{told.headers}{told.read().decode()}"
    connection.close()
    return told.status, text


async def connect(live: Live, sent: dict[str, str]) -> None:
    address = f"{live.address.replace('http', 'ws')}frames"
    connection = await websocket_connect(HTTPRequest(address, headers=sent))
    connection.close()
    while await connection.read_message() is not None:  # until the other side has closed, too
        pass


def test_its_own_pages_are_welcome() -> None:
    with served(()) as (live, _, _):
        for host, origin in WELCOME:
            sent = headers(live, host, origin)
            assert answer(live, "GET", "/", sent)[0] == 200
            asyncio.run(connect(live, sent))


def test_other_names_and_pages_are_refused_on_every_path_and_by_the_websocket() -> None:
    with served(()) as (live, _, _):
        for host, origin in FOREIGN:
            sent = headers(live, host, origin)
            for path in PATHS:
                for method in ("GET", "POST", "OPTIONS"):
                    status, text = answer(live, method, path, sent)
                    assert status in (400, 403), (host, origin, method, path)
                    assert "JobPage" not in text
            with pytest.raises(HTTPClientError, match=r"40[03]"):
                asyncio.run(connect(live, sent))


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_answer_may_be_read_by_pages_elsewhere(method: str) -> None:
    with served(()) as (live, _, _):
        sent = headers(live, "localhost:{port}", AT) | {"Cookie": "a=b"}
        for path in PATHS:
            assert "Access-Control-" not in answer(live, method, path, sent)[1]
