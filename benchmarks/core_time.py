"""Who had the cores, and when: this process group, or others."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np

TICK = 1 / os.sysconf("SC_CLK_TCK")
EVERY = 0.1
"""Seconds between looks."""


class CoreTime:
    """Looks how long the cores that this process may use were busy, and for whom.

    Examples
    --------
    >>> with CoreTime() as cores:
    ...     begin = time.time()
    ...     while time.time() < begin + 0.5:
    ...         pass
    >>> bool(cores.others(begin, begin + 0.5) < 0.5 * len(os.sched_getaffinity(0)))
    True
    """

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._group = os.getpgrp()
        self._stop = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._seen: list[tuple[float, float]] = []

    def __enter__(self) -> CoreTime:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def others(self, begin: float, end: float) -> float:
        """Return the core-seconds that others had from one moment to another (`time.time`)."""
        times, others = np.array(self._seen).T
        return max(0.0, float(np.diff(np.interp([begin, end], times, others))[0]))

    def _look(self) -> None:
        while True:
            self._seen.append((time.time(), self._busy() - self._own()))
            if self._stop.wait(EVERY):
                self._seen.append((time.time(), self._busy() - self._own()))
                return

    def _busy(self) -> float:
        """Return the seconds that the cores were not idle, by the machine's count."""
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()[1:]
        ticks = 0
        for core in self._cores:
            user, nice, system, _idle, _wait, irq, soft, steal = map(int, lines[core].split()[1:9])
            ticks += user + nice + system + irq + soft + steal
        return ticks * TICK

    def _own(self) -> float:
        """Return the seconds that the processes of this group had."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                continue
            if int(fields[2]) == self._group:
                ticks += int(fields[11]) + int(fields[12])
        return ticks * TICK
