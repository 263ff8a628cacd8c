"""The state of a layer, unit by unit and step by step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from ..analysis import QUANTITIES, Recording, as_recording
from ..analysis.ordering import ORDERS
from ..checks import check_choice
from ..live import CHART_MODULES, Choice, joined_modules, joined_styles
from ..plots import Brush, StateFigures
from ..plots.pages import save_page
from ..plots.state_heatmap import chosen_quantities
from ..plots.unit_brush import checked_brush
from .following import followed
from .live_stream import THEMES
from .shown_states import FollowedStates, RecordedStates
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

MODULES = (
    *CHART_MODULES,
    *("widgets/unit_panels.js", "widgets/unit_pointer.js", "widgets/state_heatmap.js"),
)
STYLES = ("live/live.css", "widgets/state_heatmap.css")


class StateHeatmap(AnsweredAnywhere, WithSnapshot):
    """Gates, memory cell and hidden output of all units over the steps, as heatmaps that go along.

    They zoom together, and the pointer is seen in all of them. A click on a row pins its unit: its
    cell state and hidden output are drawn as lines below, until a second click. A drag brushes a
    box: all else is pale, and above stands the mean of each quantity inside, until a double click
    or Escape. Numbers that the recording has, such as target and prediction, are drawn over the
    same steps. Shift and the wheel zoom the steps, Alt and the wheel the rows.

    By keyboard: arrow keys go through steps and rows, Enter pins, Shift and arrow keys brush.

    Parameters
    ----------
    source : LiveStream, Recording, Trace, Inspectable, path or widget
        What to show: a recording, the trace of an `LSTM`, the file of a recording, the last step of
        a model that runs. A `LiveStream`, or a widget that follows one, is followed, also before
        its first event.
    labels : sequence of str, optional
        What stood at each step, such as its word, in place of the labels that it has.
    sequence : int
        Which sequence of a trace's batch.
    layer : int
        Layer to show, 0 the lowest; by default the top one.
    order : str
        Order of the units: ``"similarity"``, ``"cluster"``, ``"peak"`` or ``"number"``; see
        `lstmwidgets.analysis.order_units`.
    show : collection of str
        Which quantities to show: ``"cell"``, ``"forget_gate"``, ``"input_gate"``, ``"candidate"``,
        ``"output_gate"``, ``"hidden"``. The others are folded.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    order, layer, theme : str, int, str
        As above. To be set, observed and linked from Python; the page sets them as well.
    quantities : tuple of str
        Which quantities are shown. To be set and observed; the page folds and unfolds them.
    pinned : list of int
        Numbers of the pinned units. To be set and observed; clicks set it as well.
    brush : Brush or None
        What the box is over: ``units``, from below, and ``steps``, the first and the last. To be
        set and observed; drags set it as well.
    live : LiveStream or None
        What is followed.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> lstm = LSTM(3, 8)
    >>> heatmap = StateHeatmap(lstm.trace(torch.randn(1, 5, 3)), labels=list("hello"))
    >>> heatmap.order = "peak"  # the last line of a cell shows it: heatmap
    >>> heatmap.pinned = [2, 5]
    >>> heatmap.brush = Brush(units=(int(heatmap.units[0]),), steps=(1, 3))
    """

    _title = "State of an LSTM"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    order = traitlets.Any("similarity", help="order of the units").tag(sync=True)
    layer = traitlets.Any(0, help="layer shown, 0 the lowest").tag(sync=True)
    pinned = traitlets.Any([], help="numbers of the pinned units").tag(sync=True)
    brush = traitlets.Any(None, help="what the box is over").tag(sync=True)
    quantities = traitlets.Any(QUANTITIES, help="quantities shown").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _note = traitlets.Unicode("").tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)
    live: Any = None

    def __init__(
        self,
        source: object,
        *,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
        layer: int = -1,
        order: str = "similarity",
        show: Collection[str] = QUANTITIES,
        theme: str = "auto",
    ) -> None:
        check_choice("order", order, ORDERS)
        choice = Choice(layer, order)
        self.live = followed(source, labels)
        self._states: RecordedStates | FollowedStates
        if self.live is None:
            self._states = RecordedStates(_recording(source, labels, sequence), choice)
            whole = self._states.whole()
        else:
            self._states = FollowedStates(self.live, choice)
            whole = self.live.player.call(self._states.whole)
        self._wants_whole = self._again = False
        self._views: set[str] = set()
        super().__init__(
            order=order,
            layer=self._states.choice.layer,
            quantities=show,
            theme=theme,
            _about=self._describe(),
            _note=self._states.note(),
            _whole=whole.to_bytes(),
        )
        self.on_msg(self._receive)
        if self.live is not None:
            self.live.followers.add(self)

    @property
    def units(self) -> Any:
        """Numbers of the units in the rows, from below, (U,)."""
        return self._states.units

    @property
    def recording(self) -> Recording:
        """What is shown; of a `LiveStream` what it has kept."""
        if isinstance(self._states, RecordedStates):
            return self._states.recording
        recording: Recording = self.live.recording()
        return recording

    def show(self, recording: Recording) -> None:
        """Show another recording, as often as you like, and follow nothing any more.

        Units stay in their rows, so that the picture stays readable while it changes; `reorder`
        orders them anew. Pins stay while there is their unit, and the box while it is over steps.
        """
        rows = self.units
        if isinstance(self._states, FollowedStates):
            self.live.followers.remove(self)
            self.live = None
            choice = self._states.choice
            layer = min(choice.layer, recording.num_layers - 1)
            extra = tuple(unit for unit in choice.extra if unit < recording.hidden_size)
            self._states = RecordedStates(recording, Choice(layer, choice.order, extra))
        else:
            self._states.show(recording)
        self._again = True
        with self.hold_sync():
            self.layer = self._states.choice.layer
            self.pinned = [unit for unit in self.pinned if unit < recording.hidden_size]
            if rows is not self.units:
                self.brush = None
            self._keep_brush()
            self._about = self._describe()
            self._renew()

    def reorder(self) -> None:
        """Order the units by what is recorded now; the box goes."""
        self._states.reorder()
        with self.hold_sync():
            self.brush = None
            self._renew()

    def _write(self, path: str | Path, title: str) -> None:
        """Write a page of Bokeh's figures, which pin and brush as well."""
        figures = StateFigures(
            self.recording,
            layer=self.layer,
            order=self.order,
            quantities=self.quantities,
            units=self.units,
        )
        self._keep_brush()
        figures.pinned, figures.brush = self.pinned, self.brush
        save_page(figures.layout, path, title, dark=self.theme == "dark")

    def close(self) -> None:
        """Take the widget out of all pages."""
        if self.live is not None:
            self.live.followers.remove(self)
        super().close()

    def catch_up(self) -> None:
        """Send what is new of the run that is followed; its player calls this."""
        if not self._views or not isinstance(self._states, FollowedStates):
            return
        wants_whole, self._wants_whole = self._wants_whole, False
        feed = self._states.feed
        frame = feed.whole() if wants_whole else feed.news()
        if frame is None:
            return
        self.send({"type": "frame", **frame.header}, frame.buffers)
        self._note = self._states.note()
        self._keep_brush()
        if frame.header["whole"] and self._describe() != self._about:  # another model is played
            hidden = self._states.sizes[1]
            self.pinned = [unit for unit in self.pinned if unit < hidden]
            self._about = self._describe()

    def rest(self) -> None:
        """Put what is shown into the widget's state; the player that is followed calls this."""
        self._whole = self._states.whole().to_bytes()
        self._note = self._states.note()

    def _renew(self) -> None:
        """Send all that is drawn: at once, or by the player that is followed."""
        if self.live is None:
            self.rest()
        else:
            self._wants_whole = True
            self.live.player.redraw()

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        layers, hidden = self._states.sizes
        return {
            "panels": self._states.panels(),
            "layers": layers,
            "hidden": hidden,
            "follows": self.live is not None,
            "window": self.live.run.window if self.live is not None else 1,
            "again": self._again or self.live is not None,
            "run": self._states.name,
        }

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        kind, view = message.get("type"), str(message.get("view"))
        if kind == "hello":
            self._views.add(view)
        elif kind == "bye":
            self._views.discard(view)
        elif kind == "reorder":
            self.reorder()
        if kind in ("hello", "whole") and self.live is not None:
            self._wants_whole = self._wants_whole or kind == "whole"
            self.live.player.redraw()

    def _keep_brush(self) -> None:
        """Take the box away where its units stand apart now, or its steps are gone."""
        if self.brush is None:
            return
        try:
            self.brush = checked_brush(self.units, self._states.steps, self.brush)
        except ValueError:
            self.brush = None

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        check_choice("order", proposal["value"], ORDERS)
        return str(proposal["value"])

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Any) -> int:
        layers = range(self._states.sizes[0])
        if proposal["value"] not in layers:
            raise ValueError(f"layer must be from 0 to {layers[-1]}, got {proposal['value']!r}")
        return int(proposal["value"])

    @traitlets.validate("pinned")
    def _check_pinned(self, proposal: Any) -> list[int]:
        units, hidden = list(proposal["value"]), self._states.sizes[1]
        for unit in units:
            if isinstance(unit, bool) or unit not in range(hidden):
                raise ValueError(f"units are numbers from 0 to {hidden - 1}, got {unit!r}")
        return list(dict.fromkeys(map(int, units)))

    @traitlets.validate("brush")
    def _check_brush(self, proposal: Any) -> Brush | None:
        if proposal["value"] is None:
            return None
        return checked_brush(self.units, self._states.steps, Brush(*proposal["value"]))

    @traitlets.validate("quantities")
    def _check_quantities(self, proposal: Any) -> tuple[str, ...]:
        return chosen_quantities(proposal["value"])

    @traitlets.observe("order", "layer", "pinned")
    def _chosen(self, change: Any) -> None:
        old, name, new = self._states.choice, change["name"], change["new"]
        if name == "pinned":
            choice = old._replace(extra=tuple(new))
        else:
            choice = old._replace(layer=new) if name == "layer" else old._replace(order=new)
        if choice == old:
            return
        self._states.choose(choice)
        if name == "pinned" and set(new) <= {*old.extra, *self.units.tolist()}:
            return  # the page has got them
        with self.hold_sync():
            if name != "pinned":
                self.brush = None
            self._renew()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        if self.live is not None:
            self.live.player.call(self.rest)
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} of {len(self._states.steps):,} steps"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.live is not None:
            self.live.player.call(self.rest)
        return super()._repr_mimebundle_(**options)


def _recording(source: Any, labels: Sequence[str] | None, sequence: int) -> Recording:
    if isinstance(source, ipywidgets.Widget):  # `recording` is a method where it takes work
        own = getattr(source, "recording", None)
        source = own() if callable(own) else own
    return as_recording(source, labels, sequence)
