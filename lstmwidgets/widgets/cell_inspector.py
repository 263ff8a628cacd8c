"""The LSTM cell as a picture: the figure of the textbooks, with the values of a run in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from ..analysis import Recording, as_recording
from ..live import joined_modules, joined_styles
from .cell_frames import Frames, Growing, continuation
from .following import followed, run_name
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/colors.js", "live/pointer.js"),
    *("widgets/cell_numbers.js", "widgets/cell_words.js", "widgets/cell_drawing.js"),
    *("widgets/cell_picture.js", "widgets/cell_timeline.js", "widgets/cell_store.js"),
    "widgets/cell_inspector.js",
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
    source : LiveStream, Recording, Trace, Inspectable, path or widget
        What to show: a recording, the trace of an `LSTM`, the file of a recording, or the last step
        of a model that runs, as those of `lstmwidgets.online`. A `LiveStream`, or a widget that
        follows one, is followed, also before its first event.
    labels : sequence of str, optional
        What stood at each step, in place of the labels that it has.
    sequence : int
        Which sequence of a trace's batch.
    layer : int
        Layer to show, 0 the lowest; by default, -1, the top one.
    unit : int, optional
        Unit to show; None for the whole layer.
    position : int, optional
        Index of the step to show; by default the last.

    Attributes
    ----------
    position, unit, layer : int
        As above. To be set and observed from Python; the page sets them as well.
    recording : Recording
        What is shown; of a `LiveStream` what it has kept.
    live : LiveStream or None
        What is followed.

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

    _title = "LSTM cell"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    position = traitlets.Int(0, help="index of the step shown").tag(sync=True)
    unit = traitlets.Int(None, allow_none=True, help="unit; None: the layer").tag(sync=True)
    layer = traitlets.Int(0, help="layer, 0 the lowest").tag(sync=True)
    _run = traitlets.Unicode("", help="name of what is shown").tag(sync=True)
    _frames = traitlets.Instance(Frames).tag(
        sync=True, to_json=lambda frames, _: frames.to_json(), from_json=lambda *_: None
    )
    live: Any = None

    def __init__(
        self,
        source: object,
        *,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        layer: int = -1,
        unit: int | None = None,
        position: int | None = None,
        **traits: Any,
    ) -> None:
        self._lock = threading.RLock()  # a player's thread shows, a front end's thread chooses
        self._wants_whole = self._choosing = False
        self.live = followed(source, labels)
        if self.live is None:
            self._recording = _something(as_recording(source, labels, sequence))
        else:
            self._growing = self.live.player.call(lambda: Growing(self.live.run))
            self._recording = self._growing.recording
        steps, layers = len(self._recording), self._recording.num_layers
        if isinstance(layer, int) and -layers <= layer < 0:
            layer += layers
        super().__init__(
            layer=layer,
            unit=unit,
            position=max(0, steps - 1) if position is None else position,
            _run=run_name(self._recording if self.live is None else self.live.run),
            _frames=self._packed(layer if layer in range(layers) else 0, unit, 0),
            **traits,
        )
        self.on_msg(self._receive)
        if self.live is not None:
            self.live.followers.add(self)

    @property
    def recording(self) -> Recording:
        """What is shown."""
        if self.live is None:
            return self._recording
        recording: Recording = self.live.recording()
        return recording

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
        followed, self.live = self.live, None
        if followed is not None:
            followed.followers.remove(self)
        with self._lock:
            old, self._recording = self._recording, recording
            newest = self.position >= len(old) - 1
            dropped = None if followed else continuation(old, recording, self.layer)
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
                self._run = run_name(recording)
                self._renew()

    def catch_up(self) -> None:
        """Send what is new of the run that is followed; its player calls this."""
        if self.live is None:
            return
        with self._lock:
            growing = self._growing
            newest, first = self.position >= growing.length - 1, growing.first
            whole = self._wants_whole or growing.outdated
            self._wants_whole = False
            news = None if whole else growing.news(self._frames)
            if not whole and news is None:
                return
            frames = growing.whole(self.layer, self.unit) if whole else self._frames
            position = growing.length - 1
            if not newest:
                position = min(position, self.position - (growing.first - first))
            position = max(0, position)
            with self.hold_sync():
                if news is not None:
                    message, values = news
                    self.send({"type": "append", **message, "position": position}, [values])
                self._recording = growing.recording
                self._frames = frames
                if self.unit is not None and self.unit >= self._recording.hidden_size:
                    self.unit = None
                self.position = position

    def rest(self) -> None:
        """Put all that is shown into the widget's state; the player that is followed calls this."""
        if self.live is not None and self._frames.seq != self._growing.seq:
            self._wants_whole = True
            self.catch_up()

    def close(self) -> None:
        """Take the widget out of all pages."""
        if self.live is not None:
            self.live.followers.remove(self)
        super().close()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        recording = self.recording
        with self._lock:
            frames = [
                {
                    **Frames(recording, layer, self.unit, 0, steps=len(recording)).to_json(),
                    "whole": True,
                }
                for layer in range(recording.num_layers)
            ]
            position = min(self.position, len(recording) - 1)
            state = {
                "position": position,
                "unit": self.unit,
                "layer": self.layer,
                "_run": self._run,
            }
        return state, {"layer": {"_frames": frames}}

    def _what(self) -> str:
        return f"{type(self).__name__} of {self._sizes['position']:,} steps"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take in what a page chose.

        It may be some steps behind and ask for what is gone: it gets the nearest there is.
        """
        with self._lock:
            sizes = self._sizes
            chosen = {
                name: value if name not in sizes or value is None else _within(value, sizes[name])
                for name, value in sync_data.items()
                if name != "_frames"
            }
            self._choosing = True
            super().set_state(chosen)
            self._choosing = False
        self._ask()

    @traitlets.validate("position", "layer", "unit")
    def _check(self, proposal: dict[str, Any]) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        last = self._sizes[name] - 1
        if value is not None and not 0 <= value <= last:
            none = "None, for the whole layer, or " if name == "unit" else ""
            raise ValueError(f"{name} must be {none}from 0 to {last}, got {value}")
        return value

    @traitlets.observe("layer", "unit")
    def _chosen(self, _: dict[str, Any]) -> None:
        with self._lock:
            other = self._frames.layer != self.layer
            if other or not (self.unit is None or self.unit in self._frames.units):
                self._renew()
        if not self._choosing:
            self._ask()

    @property
    def _sizes(self) -> dict[str, int]:
        recording = self._recording
        steps = len(recording) if self.live is None else self._growing.length
        return {
            "position": max(1, steps),
            "layer": recording.num_layers,
            "unit": recording.hidden_size,
        }

    def _packed(self, layer: int, unit: int | None, seq: int) -> Frames:
        window = self.live.run.window if self.live is not None else len(self._recording)
        return Frames(self._recording, layer, unit, seq, steps=window)

    def _renew(self) -> None:
        """Send all there is: at once, or by the player that is followed."""
        if self.live is not None:
            self._wants_whole = True
            return
        self._frames = self._packed(self.layer, self.unit, self._frames.seq + 1)

    def _ask(self) -> None:
        """Let the player send all there is, if it shall; never under the lock, which it takes."""
        if self._wants_whole and self.live is not None:
            self.live.player.redraw()

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
        if message.get("type") != "current":
            return
        with self._lock:
            if self.live is None and message.get("seq") != self._frames.seq:
                self.send_state("_frames")
            elif self.live is not None:
                self._wants_whole = message.get("seq") != self._growing.seq
        self._ask()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.live is not None:
            self.live.player.call(self.rest)
        return super()._repr_mimebundle_(**options)


def _something(recording: Recording) -> Recording:
    if not len(recording):
        raise ValueError("there is nothing to show: this recording has no steps")
    return recording


def _within(value: Any, size: int) -> Any:
    return min(max(0, value), size - 1) if isinstance(value, int) else value
