"""The LSTM cell as a picture: the figure of the textbooks, with the values of a run in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import traitlets

from ..analysis import Recording, as_recording
from ..files import atomic_write
from ..live import joined_modules, joined_styles
from .cell_frames import Frames, continuation
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/colors.js", "widgets/cell_numbers.js"),
    *("widgets/cell_words.js", "widgets/cell_drawing.js", "widgets/cell_picture.js"),
    *("widgets/cell_timeline.js", "widgets/cell_store.js", "widgets/cell_inspector.js"),
)
STYLES = ("widgets/cell_inspector.css", "widgets/cell_picture.css")


class CellInspector(AnsweredAnywhere, WithSnapshot):
    """An LSTM cell to look into, step by step and gate by gate.

    The memory line, the gates and the candidate are drawn with the values of one step in them, of
    one unit or of a whole layer: an arrow is as wide as its value is large, blue below zero and red
    above. The equations stand beside it with the numbers put in. One moves through time with the
    slider or the arrow keys, plays steps, or plays one step slowly, gate by gate. Each part
    explains itself when it is pointed at.

    Parameters
    ----------
    source : Recording, Trace, Inspectable or path
        What to show: a recording, the trace of an `LSTM`, the file of a recording, or
        the last step of a model that runs, as those of `lstmwidgets.online`.
    labels : sequence of str, optional
        What stood at each step, in place of the labels that it has.
    sequence : int
        Which sequence of a trace's batch.
    layer : int
        Layer to show, 0 the lowest.
    unit : int, optional
        Unit to show; None for the whole layer.
    position : int, optional
        Index of the step to show; by default the last.

    Attributes
    ----------
    position, unit, layer : int
        As above. To be set and observed from Python; the page sets them as well.
    recording : Recording
        What is shown.

    Raises
    ------
    ValueError
        If there is nothing to show, or layer, unit or position are out of range.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> lstm = LSTM(3, 8, cell="peephole")
    >>> inspector = CellInspector(lstm.trace(torch.randn(1, 5, 3)), labels="hello")
    >>> inspector.position = 2  # the last line of a cell shows it: inspector
    >>> inspector.unit = 8
    Traceback (most recent call last):
    ValueError: unit must be None, for the whole layer, or from 0 to 7, got 8
    """

    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    position = traitlets.Int(0, help="index of the step shown").tag(sync=True)
    unit = traitlets.Int(None, allow_none=True, help="unit; None: the layer").tag(sync=True)
    layer = traitlets.Int(0, help="layer, 0 the lowest").tag(sync=True)
    _frames = traitlets.Instance(Frames).tag(
        sync=True, to_json=lambda frames, _: frames.to_json(), from_json=lambda *_: None
    )

    def __init__(
        self,
        source: object,
        *,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        layer: int = 0,
        unit: int | None = None,
        position: int | None = None,
        **traits: Any,
    ) -> None:
        self._lock = threading.RLock()  # a player's thread shows, a front end's thread chooses
        self._recording = _something(as_recording(source, labels, sequence))
        last = len(self._recording) - 1
        super().__init__(
            layer=layer,
            unit=unit,
            position=last if position is None else position,
            _frames=self._packed(layer, unit, 0),
            **traits,
        )
        self.on_msg(self._receive)

    @property
    def recording(self) -> Recording:
        """What is shown."""
        return self._recording

    def show(self, source: object) -> None:
        """Show another recording, or the same one some steps later.

        Of a recording that goes on where the one shown ends (`Recording.tail` of a growing one),
        only the new steps are sent. Whoever looks at the last step goes on looking at the last one;
        whoever looks at another one keeps it as long as it is there.

        Parameters
        ----------
        source : Recording, Trace, Inspectable or path
            What to show, as in the constructor.
        """
        recording = _something(as_recording(source))
        with self._lock:
            old, self._recording = self._recording, recording
            newest = self.position == len(old) - 1
            dropped = continuation(old, recording, self.layer)
            position = len(recording) - 1
            if not newest:
                position = min(position, max(0, self.position - (dropped or 0)))
            if dropped is not None:
                self._append(len(old) - dropped, dropped, position)
                self.position = position
                return
            with self.hold_sync():
                self.layer = min(self.layer, recording.num_layers - 1)
                if self.unit is not None and self.unit >= recording.hidden_size:
                    self.unit = None
                self.position = position
                self._renew()

    def save_html(self, path: str | Path, title: str = "LSTM cell") -> None:
        """Write the inspector as one page that does all this offline, without a kernel.

        Parameters
        ----------
        path : path
            Of the page; an older one is replaced once the new one is whole.
        title : str
            Of the page.
        """
        with atomic_write(path) as beside:
            beside.write_text(self._page(title), encoding="utf-8")

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        with self._lock:
            frames = [
                {**self._packed(layer, self.unit, 0).to_json(), "whole": True}
                for layer in range(self._recording.num_layers)
            ]
            state = {"position": self.position, "unit": self.unit, "layer": self.layer}
        return state, {"layer": {"_frames": frames}}

    def _what(self) -> str:
        return f"{type(self).__name__} of {len(self._recording):,} steps"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take in what a page chose.

        It may be some steps behind and ask for what is gone: it gets the nearest there is.
        """
        with self._lock:
            ends = {
                "position": len(self._recording) - 1,
                "unit": self._recording.hidden_size - 1,
                "layer": self._recording.num_layers - 1,
            }
            chosen = {
                name: value if name not in ends or value is None else _within(value, ends[name])
                for name, value in sync_data.items()
                if name != "_frames"
            }
            super().set_state(chosen)

    @traitlets.validate("position", "layer", "unit")
    def _check(self, proposal: dict[str, Any]) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        recording = self._recording
        sizes = {
            "position": len(recording),
            "layer": recording.num_layers,
            "unit": recording.hidden_size,
        }
        if value is not None and not 0 <= value < sizes[name]:
            none = "None, for the whole layer, or " if name == "unit" else ""
            raise ValueError(f"{name} must be {none}from 0 to {sizes[name] - 1}, got {value}")
        return value

    @traitlets.observe("layer", "unit")
    def _chosen(self, _: dict[str, Any]) -> None:
        with self._lock:
            other = self._frames.layer != self.layer
            if other or not (self.unit is None or self.unit in self._frames.units):
                self._renew()

    def _packed(self, layer: int, unit: int | None, seq: int) -> Frames:
        return Frames(self._recording, layer, unit, seq)

    def _renew(self) -> None:
        self._frames = self._packed(self.layer, self.unit, self._frames.seq + 1)

    def _append(self, known: int, dropped: int, position: int) -> None:
        """Send the steps after those known; what a late page gets is brought up to date as well."""
        new = len(self._recording) - known
        if not new and not dropped:
            return
        self._frames.advance(self._recording)
        message = {
            "type": "append",
            "seq": self._frames.seq,
            "dropped": dropped,
            "labels": self._recording.labels[known:],
            "steps": self._recording.steps[known:].tolist(),
            "position": position,
        }
        self.send(message, [self._frames.values(known)])

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        with self._lock:
            if message.get("type") == "current" and message.get("seq") != self._frames.seq:
                self.send_state("_frames")


def _something(recording: Recording) -> Recording:
    if not len(recording):
        raise ValueError("there is nothing to show: this recording has no steps")
    return recording


def _within(value: Any, last: int) -> Any:
    return min(max(0, value), last) if isinstance(value, int) else value
