"""What a page knows of a run that it was sent frames of: `live/store.js` in Python."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.widgets import LiveStream, StateHeatmap


class Received:
    """Takes in frames as a page does; forgets nothing but what a whole frame replaces."""

    def __init__(self) -> None:
        self.seq = 0
        self.frames = 0
        self.columns: dict[str, dict[int, float]] = {}
        self.labels: dict[int, str] = {}
        self.units: dict[int, NDArray[np.float32]] = {}
        self.curve: list[list[float]] = []
        self.shown: list[int] = []
        self.rows: list[int] = []  # those of them that are drawn
        self.borders: list[int] = []
        self.header: dict[str, Any] = {}  # of the last frame
        self.classes: list[str] = []
        self.drifts: list[int] = []
        self.next = 0

    @classmethod
    def of(cls, live: LiveStream | StateHeatmap) -> Received:
        """Return what a page gets from now on, without a page."""
        page = cls()

        def send(message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
            # JSON and back, as on its way to the page
            page.take(json.loads(json.dumps(message, allow_nan=False)), buffers)

        live.send = send  # type: ignore[method-assign]
        live.observe(page._take_state, "_whole")
        return page

    @classmethod
    def of_whole(cls, block: bytes) -> Received:
        """Return what a page gets that is loaded later, or that has no kernel."""
        page = cls()
        page.take_block(block)
        return page

    def take_block(self, block: bytes) -> None:
        """Take in a frame that is one block of bytes."""
        self.take(*self._parts(block))

    def _take_state(self, change: dict[str, Any]) -> None:
        """Take in what a widget at rest puts into its state, if no frame has brought it before."""
        header, parts = self._parts(change["new"])
        if header["seq"] > self.seq:
            self.take(header, parts)

    @staticmethod
    def _parts(block: bytes) -> tuple[dict[str, Any], list[bytes]]:
        length = int(np.frombuffer(block, "<f8", 1)[0])
        header = json.loads(block[8 : 8 + length])
        ends = np.cumsum([8 + length, *header["sizes"]]).tolist()
        return header, [block[start:end] for start, end in pairwise(ends)]

    def take(self, header: dict[str, Any], buffers: Sequence[bytes]) -> None:
        """Take in a frame."""
        assert header["whole"] or header["seq"] == self.seq + 1, "a frame is missing"
        self.seq, self.frames, self.next = header["seq"], self.frames + 1, header["next"]
        self.header = header
        if header["whole"]:
            self.columns, self.labels, self.units, self.curve = {}, {}, {}, []
            self.drifts = []
        count = header["count"]
        begin = self.next - count
        events = np.frombuffer(buffers[0]).reshape(len(header["columns"]), count)
        for name, values in zip(header["columns"], events, strict=True):
            self.columns.setdefault(name, {}).update(enumerate(values.tolist(), begin))
        self.labels.update(enumerate(header.get("labels", []), begin))
        self.classes = header.get("classes", self.classes)
        self.drifts = header.get("drifts", self.drifts)
        for step, target in header.get("late", []):
            self.columns["target"][step] = target
        self._take_curve(header["curve"], buffers[1])
        if "units" in header:
            self._take_units(header["units"], buffers[2])

    def _take_curve(self, curve: dict[str, int], block: bytes) -> None:
        if not curve["count"]:
            return
        values = np.frombuffer(block).reshape(-1, curve["count"])
        old = self.curve or [[] for _ in values]
        self.curve = [[*a[: curve["from"]], *b] for a, b in zip(old, values.tolist(), strict=True)]

    def _take_units(self, units: dict[str, Any], block: bytes) -> None:
        if "shown" in units:
            self.shown, self.units = units["shown"], {}
            self.rows, self.borders = self.shown[: units["rows"]], units["borders"]
        shape = (units["count"], len(units["maps"]), len(self.shown))
        values = np.frombuffer(block, np.float32).reshape(shape)
        self.units.update(enumerate(values, self.next - units["count"]))
