"""Processes of the peers' own environment, `.venv-peers`, which `make bench-peers` builds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""One contestant on one data set: ``data``, ``contestant`` and its figures."""

Say = Callable[[str], object]
"""Tells the terminal what is measured now."""

PYTHON = Path(".venv-peers/bin/python")
FORECASTERS = Path(__file__).with_name("forecast_worker.py")
NETWORKS = Path(__file__).with_name("peers_worker.py")


class Peers:
    """The workers, each started when it is first asked something."""

    @cached_property
    def forecasters(self) -> Peer:
        """ppc-forecaster and skaters."""
        return Peer(FORECASTERS)

    @cached_property
    def networks(self) -> Peer:
        """deep-river."""
        return Peer(NETWORKS)

    @property
    def started(self) -> list[Peer]:
        """Those that were asked something."""
        return [one for one in vars(self).values() if isinstance(one, Peer)]


class Peer:
    """A worker that computes only while it is asked something.

    Attributes
    ----------
    versions : dict of str to str
        What it runs.
    """

    def __init__(self, worker: Path, python: Path = PYTHON) -> None:
        if not python.exists():
            raise SystemExit(f"{python} is missing; `make bench-peers` builds it")
        self._process = subprocess.Popen(
            [python, "-P", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.versions: dict[str, str] = self._answer()

    def ask(self, **job: Any) -> dict[str, Any]:
        """Return the result of a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the peer's process ended early; its message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer
