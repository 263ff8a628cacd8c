"""An asynchronous iterable, read from code that is not."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterable, Iterator
from typing import Generic, TypeVar

from .base import WAIT

Item = TypeVar("Item")

AHEAD = 256
"""Items that are taken at most before they are asked for."""

FULL = 0.005
"""Seconds between two tries to hand an item over where nobody takes it."""


class AsyncItems(Generic[Item]):
    """Items of an asynchronous iterable, which runs on an event loop of its own in a thread.

    Parameters
    ----------
    items : async iterable
        What it raises is raised where the items are read.
    """

    def __init__(self, items: AsyncIterable[Item]) -> None:
        self._items = items
        self._queue: queue.Queue[tuple[Item] | _End] = queue.Queue(AHEAD)
        self._closed = False
        self._running = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Item | None]:
        """Yield the items, and None whenever the next one has to be waited for."""
        self._thread = threading.Thread(target=self._run, name="async items", daemon=True)
        self._thread.start()
        wait = 0.0
        while True:
            try:
                came = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
            except queue.Empty:
                yield None
                wait = WAIT
                continue
            wait = 0.0
            if isinstance(came, _End):
                if came.error is not None:
                    raise came.error
                return
            yield came[0]

    def close(self) -> None:
        """Cancel what is still running, and wait for its end."""
        self._closed = True
        if self._thread is not None and self._thread.is_alive():
            self._running.wait()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._pump())

    async def _pump(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._hand_over())
        self._running.set()
        error = None
        try:
            await self._task
        except BaseException as raised:  # noqa: BLE001  # it is raised again where items are read
            error = raised
        await self._put(_End(error))

    async def _hand_over(self) -> None:
        async for item in self._items:
            await self._put((item,))

    async def _put(self, item: tuple[Item] | _End) -> None:
        while not self._closed:
            try:
                self._queue.put_nowait(item)
                return
            except queue.Full:
                await asyncio.sleep(FULL)


class _End:
    """The end of the items, and what it was that ended them."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
