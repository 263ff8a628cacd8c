"""Any Bokeh layout in any notebook front end: offline, live, and one message a frame."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anywidget
import bokeh
import ipywidgets
import traitlets
from bokeh.core.json_encoder import serialize_json
from bokeh.core.serialization import Buffer, Serialized
from bokeh.document import Document
from bokeh.document.events import (
    DocumentPatchedEvent,
    ModelChangedEvent,
)
from bokeh.models import LayoutDOM
from bokeh.models.ranges import DataRange1d
from bokeh.protocol import Protocol
from bokeh.themes import Theme

from ..live import joined_modules
from ..plots.pages import save_document
from .changes import Changes
from .threads import AnsweredAnywhere

THEMES = ("auto", "light", "dark")

SHARE = 0.4
"""How much of its time a page may spend on drawing a pane; the rest is for everything else."""


class _Library(ipywidgets.Widget):  # type: ignore[misc]
    """BokehJS from the installed package, sent once a kernel and shared by all panes."""

    source = traitlets.Bytes().tag(sync=True)


@cache
def _library_source() -> bytes:
    path = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    return gzip.compress(path.read_bytes(), 6)


_library: _Library | None = None


def _shared_library() -> _Library:
    global _library
    if _library is None or _library.comm is None:  # closed with `Widget.close_all()`
        _library = _Library(source=_library_source())
    return _library


class Pane(AnsweredAnywhere, anywidget.AnyWidget):
    """A Bokeh layout that is shown as it is in Python, and stays so.

    Whatever changes in the layout, from any thread, reaches the page: at most `fps` messages a
    second, each with all that has changed since the last one. What is done in the page (pan, zoom,
    select, Bokeh's events) reaches Python the same way, so that `on_change` and `on_event` work.
    BokehJS comes from the installed package: no server, no network.

    Parameters
    ----------
    layout : LayoutDOM
        A figure, or a layout of figures. It belongs to one pane only.
    fps : float
        Most messages a second. Browsers draw Bokeh's figures about 25 times a second.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.
    themes : tuple of Theme or str or None
        Bokeh's themes for light and dark.

    Attributes
    ----------
    document : Document
        Bokeh's document around the layout.
    views : int
        How many views are open.

    Examples
    --------
    >>> from bokeh.plotting import figure
    >>> plot = figure(height=200)
    >>> line = plot.line([1, 2, 3], [1, 4, 9])
    >>> pane = Pane(plot)  # the last line of a cell shows it
    >>> with pane:  # several changes, one message
    ...     line.data_source.stream({"x": [4], "y": [16]})
    ...     plot.title.text = "squares"
    """

    _esm = joined_modules("live/theme.js", "widgets/pane.js")

    version = traitlets.Unicode(bokeh.__version__, help="of BokehJS").tag(sync=True)
    library = traitlets.Instance(ipywidgets.Widget, help="BokehJS").tag(
        sync=True, **ipywidgets.widget_serialization
    )
    snapshot = traitlets.Unicode(help="the document when it was last displayed").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark")
    views = traitlets.Int(0, help="how many views are open")

    def __init__(
        self,
        layout: LayoutDOM,
        *,
        fps: float = 25,
        theme: str = "auto",
        themes: tuple[Theme | str | None, Theme | str | None] = (None, "dark_minimal"),
        **traits: Any,
    ) -> None:
        if not isinstance(layout, LayoutDOM):
            raise TypeError(f"layout must be a Bokeh figure or layout, got {type(layout).__name__}")
        if layout.document is not None:
            raise ValueError(
                "this layout is already shown elsewhere (in another pane, or by Bokeh's show); "
                "a Bokeh layout belongs to one document only: build it anew"
            )
        if not fps > 0:
            raise ValueError(f"fps must be above 0, got {fps}")
        self.layout_model = layout
        self.document = Document()
        self.document.add_root(layout)
        self._lock = threading.RLock()
        self._waiting = Changes()
        self._depth = 0
        self._seq = 0
        self._interval = 1 / fps
        self._sent = 0.0
        self._timer: threading.Timer | None = None
        self._themes = themes
        self._dark = False
        self._open: set[str] = set()
        self._paces: dict[str, float] = {}
        self._computed: dict[tuple[str, str], float | None] = {}
        self.document.theme = themes[0]
        super().__init__(
            library=_shared_library(), snapshot=self._snapshot(), theme=theme, **traits
        )
        if theme == "dark":
            self._show_theme()
        self.document.on_change_dispatch_to(self)
        self.on_msg(self._receive)

    def __enter__(self) -> Self:
        """Gather what changes until the end of the block; other threads wait."""
        self._lock.acquire()
        self._depth += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        try:
            if not self._depth:
                self._send_soon()
        finally:
            self._lock.release()

    def flush(self) -> None:
        """Send what has changed now, whatever the frame rate."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            events = self._waiting.take()
            if not events:
                return
            self._sent = time.monotonic()
            self._seq += 1
            patch = Protocol().create("PATCH-DOC", events)
            message = {
                "type": "patch",
                "seq": self._seq,
                "events": serialize_json(patch.content["events"]),
                "ids": [buffer.id for buffer in patch.buffers],
            }
            self.send(message, [buffer.to_bytes() for buffer in patch.buffers])

    @property
    def sent(self) -> int:
        """How many messages of changes have been sent."""
        return self._seq

    def refresh(self) -> None:
        """Bring the snapshot up to date, from which pages draw while the kernel is busy."""
        with self._lock:
            self.flush()
            self.snapshot = self._snapshot()

    def save_html(self, path: str | Path, title: str = "lstmwidgets") -> None:
        """Write the picture as one page that zooms and hovers offline, without a kernel.

        Parameters
        ----------
        path : path
            Of the page; an older one is replaced once the new one is whole.
        title : str
            Of the page.
        """
        dark = self.theme == "dark"
        document = Document.from_json(json.loads(self._in_theme(dark))["document"])
        save_document(document, path, title, dark=dark)

    def close(self) -> None:
        """Take the pane out of all pages and forget its views."""
        if self.comm is None:
            return  # closed before, or never made; ipywidgets closes again what nobody holds
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._waiting.clear()
            self.document.remove_on_change(self)
            self.layout.close()  # ipywidgets made it for this pane only
            super().close()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        self.refresh()
        bundle: tuple[dict[str, Any], dict[str, Any]] | None = super()._repr_mimebundle_(**options)
        return bundle

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        """Take in a change of the document; Bokeh calls this in the thread that made it."""
        if event.setter is self:
            return  # it came from the page
        if isinstance(event, ModelChangedEvent) and event.attr == "subscribed_events":
            # Bokeh knows who listens to what only from when the layout came into the document.
            event.model._update_event_callbacks()  # noqa: SLF001  # it has no public name
        with self._lock:
            self._waiting.add(event)
            if not self._depth:
                self._send_soon()

    def _send_soon(self) -> None:
        if not self._waiting:
            return
        rest = self._sent + max([self._interval, *self._paces.values()]) - time.monotonic()
        if rest <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = threading.Timer(rest, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def _snapshot(self) -> str:
        document: Any = self.document.to_json(deferred=False)
        if self._computed:
            self._forget_computed(document)
        return serialize_json({"seq": self._seq, "document": document})

    def _in_theme(self, dark: bool) -> str:
        """Return a snapshot in the theme for light or dark, whatever the pages show."""
        with self._lock:
            waiting, theme = self._waiting.copy(), self.document.theme
            self._depth += 1
            try:
                self.document.theme = self._themes[dark]
                return self._snapshot()
            finally:
                self.document.theme = theme
                self._waiting.put_back(waiting)  # all is as it was: there is nothing to send
                self._depth -= 1

    def _forget_computed(self, rep: Any) -> None:
        """Put back the ends of automatic ranges, so that a new view computes them anew."""
        if isinstance(rep, dict):
            if rep.get("name") == "DataRange1d":
                for attr in ("start", "end"):
                    if (rep["id"], attr) in self._computed:
                        rep["attributes"].pop(attr, None)
                        given = self._computed[rep["id"], attr]
                        rep["attributes"] |= {} if given is None else {attr: given}
            rep = rep.values()
        if not isinstance(rep, str | bytes) and isinstance(rep, Sequence | type({}.values())):
            for part in rep:
                self._forget_computed(part)

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
        """Take in a message of the page; the thread differs between ipykernel's versions."""
        with self._lock:
            kind, view = message["type"], message["view"]
            if kind == "hello":
                self._open.add(view)
                self._dark = bool(message["dark"])
                self._show_theme()
                self.flush()
                self.send({"type": "current", "view": view, "seq": self._seq})
            elif kind == "bye":
                self._open.discard(view)
                self._paces.pop(view, None)
            elif kind == "pace":
                self._paces[view] = message["ms"] / 1000 / SHARE
            elif kind == "need" and message["what"] == "document":
                self.flush()
                self.send({"type": "document", "view": view, **_split(self._snapshot())})
            elif kind == "need":
                self.send({"type": "library", "view": view}, [_library_source()])
            elif kind == "change":
                self._take_over(message, buffers)
        self.views = len(self._open)

    def _take_over(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        events = json.loads(message["events"])
        self.flush()  # Bokeh takes every model of a document that it patches for known to the page
        for event in events:
            model = self.document.models.get_by_id(event.get("model", {}).get("id", ""))
            if isinstance(model, DataRange1d) and event["attr"] in ("start", "end"):
                given = model.properties_with_values(include_defaults=False)
                self._computed.setdefault((model.id, event["attr"]), given.get(event["attr"]))
        known = [
            event
            for event in events
            if "model" not in event or self.document.models.get_by_id(event["model"]["id"])
        ]  # what is no longer there may still have been drawn
        parts = [Buffer(name, data) for name, data in zip(message["ids"], buffers, strict=True)]
        failed: Exception | None = None
        for event in known:
            try:
                self.document.apply_json_patch(Serialized({"events": [event]}, parts), setter=self)
            except Exception as error:  # noqa: BLE001  # one callback's failure is not the others'
                failed = failed or error
        if failed is not None:
            raise failed

    @traitlets.observe("theme")
    def _theme_changed(self, _: Any) -> None:
        self._show_theme()

    def _show_theme(self) -> None:
        dark = {"light": False, "dark": True}.get(self.theme, self._dark)
        with self:
            self.document.theme = self._themes[dark]


def _split(snapshot: str) -> dict[str, Any]:
    parsed = json.loads(snapshot)
    return {"seq": parsed["seq"], "json": json.dumps(parsed["document"])}
