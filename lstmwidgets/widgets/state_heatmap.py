"""The state of a layer, unit by unit and step by step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..analysis import QUANTITIES, Recording
from ..analysis.ordering import ORDERS
from ..checks import check_choice
from ..live import Choice, joined_modules
from ..plots import StateFigures
from ..plots.pages import save_page
from .following import followed
from .recordings import recording_of
from .shown_states import FollowedStates, RecordedStates
from .state_picture import MODULES, StatePicture


class StateHeatmap(StatePicture):
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
    >>> from lstmwidgets.plots import Brush
    >>> lstm = LSTM(3, 8)
    >>> heatmap = StateHeatmap(lstm.trace(torch.randn(1, 5, 3)), labels=list("hello"))
    >>> heatmap.order = "peak"  # the last line of a cell shows it: heatmap
    >>> heatmap.pinned = [2, 5]
    >>> heatmap.brush = Brush(units=(int(heatmap.units[0]),), steps=(1, 3))
    """

    _title = "State of an LSTM"
    _esm = joined_modules(*MODULES, "widgets/state_heatmap.js")
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
        self._wants_whole = False
        self._views: set[str] = set()
        states: RecordedStates | FollowedStates
        if self.live is None:
            states = RecordedStates(recording_of(source, labels, sequence), choice)
            whole = states.whole()
        else:
            states = FollowedStates(self.live, choice)
            whole = self.live.player.call(states.whole)
        super().__init__(states, whole.to_bytes(), quantities=show, theme=theme)
        if self.live is not None:
            self.live.followers.add(self)

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
        self._renew_all(rows)

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

    def _renew(self) -> None:
        """Send all that is drawn: at once, or by the player that is followed."""
        if self.live is None:
            self.rest()
        else:
            self._wants_whole = True
            self.live.player.redraw()

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        about = super()._describe()
        if self.live is None:
            return about
        return about | {"follows": True, "window": self.live.run.window, "again": True}

    def _receive(self, _: Any, message: dict[str, Any], buffers: list[memoryview]) -> None:
        super()._receive(_, message, buffers)
        kind, view = message.get("type"), str(message.get("view"))
        if kind == "hello":
            self._views.add(view)
        elif kind == "bye":
            self._views.discard(view)
        if kind in ("hello", "whole") and self.live is not None:
            self._wants_whole = self._wants_whole or kind == "whole"
            self.live.player.redraw()

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
