"""A Redis server of the tests' own, which can be killed and started again on the same data."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

TOO_LONG = 20.0


def need_redis() -> None:
    """Skip the test where there is no redis-server."""
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server: make setup as root, or apt-get install redis-server")


class RedisServer:
    """Listens on a free port of this machine, and keeps all that it says it has in a folder.

    Parameters
    ----------
    folder : Path
        Where its data are; nothing is written elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it has its data."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "appendonly": "yes",
            "appendfsync": "always",  # so that what it says it has outlives a kill at any moment
            "save": "",
            "daemonize": "no",
            "logfile": self.folder / "log",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(["redis-server", *words])
        deadline = time.monotonic() + TOO_LONG
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """End it by kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, stream: str) -> str:
        """Return the address of a stream."""
        return f"redis://127.0.0.1:{self.port}/0/{stream}"

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
