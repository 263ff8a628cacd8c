"""How long each unit remembers, what it holds, and when it was written and wiped."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from bokeh.models import LayoutDOM
from numpy.typing import NDArray

from ..analysis import Recording
from ..analysis.lags import Correlations, iter_correlations
from ..analysis.memory import MEMORY_ORDERS, Memory, Thresholds
from ..checks import check_choice
from ..dataframes import pandas
from ..live import CHART_MODULES, joined_modules, joined_styles
from ..plots import memory_figure
from .background import Background, Work
from .following import followed, run_name
from .live_stream import THEMES
from .measured_memory import Drawn, Material, material_of, most_start
from .recordings import recording_of
from .snapshots import WithSnapshot
from .sources import checked_units
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

MODULES = (
    *CHART_MODULES,
    *("widgets/unit_bar.js", "widgets/unit_panels.js", "widgets/unit_pointer.js"),
    "widgets/memory_panels.js",
    "widgets/memory_timeline.js",
)
STYLES = ("live/live.css", "widgets/state_heatmap.css", "widgets/memory_timeline.css")

PACE = 0.5
"""Least seconds between two measurements of a run that is followed."""

PATIENCE = 1.0
"""Seconds that the constructor waits for what is shown."""

TELLING = 0.2
"""Seconds between two words on how far the correlations are."""

MOST_LAGS = 200

NOTHING_YET = "No events yet: the units appear here as soon as the live stream plays."


class MemoryTimeline(AnsweredAnywhere, WithSnapshot):
    """The memory of each unit: how long it lasts, what it holds, when it was written and wiped.

    Rows are units, the longest memory on top, with their half-lives beside them. Over the steps
    one sees when a unit was written, held something, was wiped, or both in one step. Of the unit
    that one points at, or has pinned by a click, the panel below shows what it holds: how its cell
    state correlates with inputs, targets and predictions of now and of some steps before. Three
    sliders say from when on a unit counts as written, as wiped, and as holding something.

    By keyboard: arrow keys go through steps and rows, Enter pins.

    Parameters
    ----------
    source : LiveStream, Recording, Trace, Inspectable, path or widget
        What to show: a recording, the trace of an `LSTM`, the file of a recording, the last step of
        a model that runs. A `LiveStream`, or a widget that follows one, is followed, also before
        its first event; its inputs are those that it was made with.
    inputs : mapping, dataframe, ndarray or sequence of mappings, optional
        Features of each step, which cell states are compared with besides the numbers that the
        recording has: columns by name, numbers (T,) or (T, F), or events. Texts become a column of
        zeros and ones each; so do labels of a few words where nothing is given.
    labels : sequence of str, optional
        What stood at each step, in place of the labels that it has.
    sequence : int
        Which sequence of a trace's batch.
    layer : int
        Layer to show, 0 the lowest; by default the top one.
    order : str
        ``"half-life"`` or ``"decay"``, the longest memory first, or ``"number"``; see `Memory`.
    write, wipe, hold : float
        When a unit counts as written, as wiped, and as holding something; see `Thresholds`.
    lags : int
        The longest lag that cell states are compared over, in recorded steps, up to 200.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    layer, order, write, wipe, hold, lags, theme
        As above. To be set, observed and linked from Python; the page sets them as well.
    start : int
        Place of the first step drawn, of recordings of more than 2,000 steps.
    pinned : list of int
        Numbers of the pinned units; clicks set it as well.
    live : LiveStream or None
        What is followed.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> x = torch.randn(1, 50, 3)
    >>> timeline = MemoryTimeline(LSTM(3, 8).trace(x), inputs=x[0], lags=5)
    >>> timeline.memory.half_life.shape, timeline.correlations.values.shape
    ((8,), (8, 3, 6))
    >>> timeline.pinned = [2]  # the last line of a cell shows it: timeline
    """

    _title = "Memory of an LSTM"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    layer = traitlets.Any(0, help="layer shown, 0 the lowest").tag(sync=True)
    order = traitlets.Any("half-life", help="order of the units").tag(sync=True)
    write = traitlets.Any(0.0, help="written from so many sizes").tag(sync=True)
    wipe = traitlets.Any(0.0, help="wiped up to this forget gate").tag(sync=True)
    hold = traitlets.Any(0.0, help="holds from so many sizes").tag(sync=True)
    lags = traitlets.Any(0, help="longest lag").tag(sync=True)
    start = traitlets.Any(0, help="place of the first step drawn").tag(sync=True)
    pinned = traitlets.Any([], help="numbers of the pinned units").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _lasting = traitlets.Dict().tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)
    _held = traitlets.Dict().tag(sync=True)
    _correlations = traitlets.Bytes(b"").tag(sync=True)
    _note = traitlets.Unicode("").tag(sync=True)
    _error = traitlets.Unicode("").tag(sync=True)
    _progress = traitlets.Float(1.0).tag(sync=True)
    live: Any = None

    def __init__(
        self,
        source: object,
        *,
        inputs: Any = None,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        layer: int = -1,
        order: str = "half-life",
        write: float = Thresholds.write,
        wipe: float = Thresholds.wipe,
        hold: float = Thresholds.hold,
        lags: int = 20,
        theme: str = "auto",
    ) -> None:
        self._background = Background(self._show, self._failed)
        self._material: Material | None = None
        self._drawn: Drawn | None = None
        self._found: tuple[Material, int, Correlations] | None = None  # with the layer
        self._seq = count(1)
        self._views: set[str] = set()
        self._stamp: object = None  # of what was measured last of a run
        self._measured_at = 0.0
        self.live = followed(source, labels)
        if self.live is None:
            material = Material.of(recording_of(source, labels, sequence), inputs)
            self._sizes = material.sizes
        elif inputs is not None:
            raise ValueError(
                "inputs do not go with a LiveStream, which keeps its own: "
                "LiveStream(model, source, inputs=['name', …])"
            )
        else:
            self._sizes = self.live.run.num_layers, self.live.run.hidden_size, 1
        layers = self._sizes[0]
        if isinstance(layer, int) and -layers <= layer < 0:
            layer += layers
        thresholds = {"write": write, "wipe": wipe, "hold": hold}
        super().__init__(
            layer=layer, order=order, lags=lags, theme=theme, _note=NOTHING_YET, **thresholds
        )
        self.on_msg(self._receive)
        if self.live is None:
            self._take(material)
        else:
            self.live.followers.add(self)
            self.live.player.call(self.rest)
        self._background.wait(PATIENCE)

    @property
    def recording(self) -> Recording:
        """What is shown; of a `LiveStream` what it had kept when it was measured last."""
        return self._ready().material.recording

    @property
    def memory(self) -> Memory:
        """Half-lives, writes and wipes of the layer's units, over all steps."""
        return self._ready().memory

    @property
    def correlations(self) -> Correlations:
        """What each unit's cell state correlates with."""
        self._ready()
        assert self._found is not None
        return self._found[2]

    @property
    def units(self) -> NDArray[np.int64]:
        """Numbers of the units in the rows, from below, (U,)."""
        return self._ready().units

    @property
    def thresholds(self) -> Thresholds:
        """From when on a unit counts as written, as wiped, and as holding something."""
        return Thresholds(self.write, self.wipe, self.hold)

    def events(self) -> NDArray[np.uint8]:
        """Return what each unit did at each step: its place in `STATES`, (T, H)."""
        return self.memory.events(self.thresholds)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each unit, in the order shown, from above.

        Columns: ``unit``; ``half_life`` and ``decay_half_life`` in steps; ``size``; at how many
        steps it was ``written``, ``wiped`` and ``overwritten``; ``holding``, the share of steps
        after which it holds something; and what it ``holds`` best, with ``lag`` and
        ``correlation``.
        """
        pd = pandas()
        memory = self.memory
        units = memory.order(self.order)
        return pd.DataFrame(
            {**memory.table(units, self.thresholds), **self.correlations.table(units)}
        )

    def figure(self) -> LayoutDOM:
        """Return the picture as a Bokeh layout, for papers and pages."""
        drawn = self._ready()
        part = drawn.material.recording.part(drawn.window)
        states = drawn.memory.events(self.thresholds)[drawn.window]
        return memory_figure(part, states, drawn.memory.half_life, drawn.units)

    def show(self, source: object, *, inputs: Any = None) -> None:
        """Show another recording, and follow nothing any more; pins stay while there is their unit.

        Both parameters are as of the constructor, but for a `LiveStream`.
        """
        material = Material.of(recording_of(source, None, 0), inputs)
        if self.live is not None:
            self.live.followers.remove(self)
            self.live = None
        self._take(material)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is measured, at most so many seconds; say whether it is."""
        return self._background.wait(timeout)

    def close(self) -> None:
        """Take the widget out of all pages, and measure no more."""
        self._background.cancel()
        if self.live is not None:
            self.live.followers.remove(self)
        super().close()

    def catch_up(self) -> None:
        """Measure what is new of the run that is followed; its player calls this."""
        due = time.monotonic() - self._measured_at > PACE
        if self._views and due and not self._background.is_busy:
            self.rest()

    def rest(self) -> None:
        """Measure what there is now; the player that is followed calls this."""
        if self.live is None or not self.live.run.kept:
            return
        run = self.live.run
        stamp = run.beginnings, run.steps
        if stamp != self._stamp:
            self._stamp, self._measured_at = stamp, time.monotonic()
            self._take(material_of(run))

    def _take(self, material: Material) -> None:
        """Measure something else; what is chosen stays as far as it is there."""
        self._material = None  # what is set now measures nothing
        layers, hidden, steps = self._sizes = material.sizes
        with self.hold_sync():
            self.layer = min(self.layer, layers - 1)
            self.start = min(self.start, most_start(steps))
            self.pinned = [unit for unit in self.pinned if unit < hidden]
        self._material = material
        self._renew()

    def _renew(self) -> None:
        if self._material is not None:
            self._background.start(self._work(self._material))

    def _work(self, material: Material) -> Work:
        """Yield what is drawn, then the correlations; what is known is not computed again."""
        last, found, layer, lags = self._drawn, self._found, self.layer, self.lags
        if last is not None and last.material is material and last.layer == layer:
            memory = last.memory
        else:
            memory = Memory.of(material.recording, layer)
        drawn = Drawn(material, memory, layer, self.order, self.start)
        same = drawn.has_frame_of(last)
        yield drawn, self._whole if same else drawn.frame(next(self._seq)).to_bytes()
        if found and found[0] is material and found[1:2] == (layer,) and found[2].lags == lags:
            if not same:
                yield drawn, found
            return
        cells, told = material.recording.layers["cell"][:, layer], time.monotonic()
        for done, correlations in enumerate(iter_correlations(cells, material.columns, lags), 1):
            if done > lags:
                yield drawn, (material, layer, correlations)
            elif time.monotonic() - told > TELLING:
                told = time.monotonic()
                yield drawn, done / (lags + 1)

    def _show(self, item: tuple[Drawn, Any]) -> None:
        """Send what the work has found; in its thread."""
        drawn, found = item
        if isinstance(found, float):
            self._progress = found
            return
        with self.hold_sync():
            if isinstance(found, bytes):
                self._drawn, self._error = drawn, ""
                self._note = drawn.note()
                self._about = {
                    **drawn.about(),
                    "mostLags": MOST_LAGS,
                    "follows": self.live is not None,
                    "run": run_name(self.live.run if self.live else drawn.material.recording),
                }
                self._lasting, self._whole = drawn.lasting(), found
                return
            self._found, self._progress = found, 1.0
            correlations: Correlations = found[2]
            units = np.sort(drawn.units)
            self._held = {
                "names": list(correlations.names),
                "lags": correlations.lags,
                "units": units.tolist(),
            }
            self._correlations = correlations.values[units].astype("<f4").tobytes()

    def _failed(self, error: Exception) -> None:
        self._error = f"{type(error).__name__}: {error}"

    def _ready(self) -> Drawn:
        """Return what is drawn once all is measured."""
        if self.live is not None:
            self.live.player.call(self.rest)
        self._background.wait()
        if self._error:
            raise RuntimeError(self._error)
        if self._drawn is None:
            raise ValueError(
                "there is nothing to show yet: play the live stream, or live.step(100)"
            )
        return self._drawn

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        kind, view = message.get("type"), str(message.get("view"))
        if kind == "hello":
            self._views.add(view)
            if self.live is not None:
                self.live.player.redraw()
        elif kind == "bye":
            self._views.discard(view)

    @traitlets.validate("write", "wipe", "hold")
    def _check_threshold(self, proposal: Any) -> float:
        value = proposal["value"]
        Thresholds(**{proposal["trait"].name: value})
        return float(value)

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        check_choice("order", proposal["value"], MEMORY_ORDERS)
        return str(proposal["value"])

    @traitlets.validate("layer", "lags", "start")
    def _check_place(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        layers, _, steps = self._sizes
        most = {"layer": layers - 1, "lags": MOST_LAGS, "start": most_start(steps)}[name]
        if isinstance(value, bool) or value not in range(most + 1):
            raise ValueError(f"{name} must be a whole number from 0 to {most}, got {value!r}")
        return int(value)

    @traitlets.validate("pinned")
    def _check_pinned(self, proposal: Any) -> list[int]:
        return checked_units(proposal["value"], self._sizes[1])

    @traitlets.observe("layer", "order", "lags", "start")
    def _chosen(self, _: Any) -> None:
        self._renew()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._ready()
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} of {self._sizes[2]:,} steps"
