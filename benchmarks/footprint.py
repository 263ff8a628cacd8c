"""What a key takes: memory and database of a learning runner, hidden 32 and a window of four.

Every key has one event. 10,000 keys are in memory at most, the others in the job's database, with a
checkpoint after every 10,000 events.
"""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Event, StreamRunner
from lstmwidgets.streaming.job.options import KEYED_WINDOW
from lstmwidgets.streaming.state.checkpoint import JobFolder, Saved
from lstmwidgets.streaming.state.keyed import KeyedStreams

from .timing import Figure, Targets

KEYS = (10_000, 1_000_000)

TARGETS: Targets = {}


def figures() -> Iterator[Figure]:
    """Yield the figures, one number of keys after another."""
    _play(100)  # which compiles the kernels
    for keys in KEYS:
        case, (grown, size) = f"{keys:,} keys", _play(keys)
        yield Figure(case, "memory a key", "bytes", (grown / keys,))
        yield Figure(case, "database a key", "bytes", (size / keys,))
        yield Figure(case, "most memory so far", "MB", (_peak(),))


def _play(keys: int) -> tuple[int, int]:
    """Return by how many bytes memory has grown, and how many are on the disk."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        model = LSTMRegressor(window=KEYED_WINDOW, seed=1)
        with JobFolder(path, {"keys": keys}) as folder:
            streams = KeyedStreams(model, folder.cold("streams"))
            before = _resident()
            runner = StreamRunner(model, _one_each(keys), keys=streams)
            for n, _ in enumerate(runner.run(), start=1):
                if n % 10_000 == 0:
                    streams.save()
                    folder.save(Saved(events=n, offset={}, outputs={}, progress={}), None)
            grown = _resident() - before
        return grown, sum(file.stat().st_size for file in path.iterdir())


def _one_each(keys: int) -> Iterator[Event]:
    """Yield an event of each key, one key after another."""
    draw = np.random.default_rng(0)
    for n in range(keys):
        numbers = draw.standard_normal(6).tolist()
        x = {f"x{k}": number for k, number in enumerate(numbers[:5])}
        yield Event(n, x, numbers[5], None, f"key {n}")


def _resident() -> int:
    """Return the bytes that the process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _peak() -> float:
    """Return the most megabytes that it had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
