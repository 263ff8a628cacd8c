"""The state of a layer, unit by unit and step by step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets

from ..analysis import QUANTITIES, Recording, as_recording
from ..analysis.ordering import ORDERS
from ..checks import check_choice
from ..plots import THEMES, Brush, StateFigures
from .pane import Pane
from .state_controls import StateControls


class StateHeatmap(ipywidgets.VBox):  # type: ignore[misc]
    """Gates, memory cell and hidden output of all units over the steps, as heatmaps that go along.

    They zoom together, and the pointer is seen in all of them. A click on a row pins its unit: its
    cell state and hidden output are drawn as lines below, until a second click. A drag brushes a
    box: all else is pale, and below stands the mean of each quantity inside, until a double click.
    Numbers that the recording has, such as target and prediction, are drawn over the same steps.

    Parameters
    ----------
    source : Recording, Trace, Inspectable, path or widget
        What to show: a recording, the trace of an `LSTM`, the file of a recording, the
        last step of a model that runs, or what a widget such as `LiveStream` has played.
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
        ``"output_gate"``, ``"hidden"``.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    order, layer : str, int
        As above. To be set and observed from Python; the controls set them as well.
    pinned : list of int
        Numbers of the pinned units. To be set and observed; clicks set it as well.
    brush : Brush or None
        What the box is over: ``units``, from below, and ``steps``, the first and the last. To be
        set and observed; drags set it as well.
    figures : StateFigures
        What is drawn.
    pane : Pane
        Where it is drawn.

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

    order = traitlets.Any("similarity", help="order of the units")
    layer = traitlets.Any(0, help="layer shown, 0 the lowest")
    pinned = traitlets.Any([], help="numbers of the pinned units")
    brush = traitlets.Any(None, help="what the box is over")

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
        recording = _recording(source, labels, sequence)
        self.figures = StateFigures(recording, layer=layer, order=order, quantities=show)
        self.pane = Pane(self.figures.layout, theme=theme, themes=THEMES)
        self._ticking = False
        self._controls = StateControls(self.figures.quantities)
        super().__init__([self._controls, self.pane])
        self.set_trait("order", order)
        self._controls.show_layers(recording.num_layers, self.figures.excerpt.layer)
        self.set_trait("layer", self.figures.excerpt.layer)
        self._listen()

    @property
    def units(self) -> Any:
        """Numbers of the units in the rows, from below, (U,)."""
        return self.figures.units

    @property
    def recording(self) -> Recording:
        """What is shown."""
        return self.figures.excerpt.recording

    @property
    def quantities(self) -> tuple[str, ...]:
        """Which quantities are shown; can be set."""
        return self.figures.quantities

    @quantities.setter
    def quantities(self, names: Collection[str]) -> None:
        with self.pane:
            self.figures.quantities = names
        self._ticking = True
        for name, box in self._controls.boxes.items():
            box.value = name in self.figures.quantities
        self._ticking = False

    def show(self, recording: Recording) -> None:
        """Show another recording, as often as you like; see `StateFigures.show`.

        Units stay in their rows, so that the picture stays readable while it changes; `reorder`
        orders them anew.
        """
        with self.pane:
            self.figures.show(recording)
            self._take_over()
        self._controls.again.layout.display = ""
        self._controls.show_layers(recording.num_layers, self.layer)

    def reorder(self) -> None:
        """Order the units by what is recorded now."""
        with self.pane:
            self.figures.reorder(self.order)
            self._take_over()

    def save_html(self, path: str | Path, title: str = "State of an LSTM") -> None:
        """Write the picture as one page that zooms, pins and brushes offline, without a kernel.

        Parameters
        ----------
        path : path
            Of the page.
        title : str
            Of the page.
        """
        self.pane.save_html(path, title)

    def close(self) -> None:
        """Take the widget out of all pages."""
        if self.comm is not None:  # else it is closed, or could not be made
            for child in self.children:
                child.close()
        super().close()

    def _listen(self) -> None:
        controls = self._controls
        traitlets.link((self, "order"), (controls.order, "value"))
        traitlets.link((self, "layer"), (controls.layer, "value"))
        controls.again.on_click(lambda _: self.reorder())
        controls.pins.observe(self._pins_typed, "value")
        for box in controls.boxes.values():
            box.observe(self._boxes_ticked, "value")
        for source in (self.figures.pins.source, self.figures.brushes.source):
            source.on_change("data", self._data_changed)

    def _data_changed(self, attr: str, old: Any, new: Any) -> None:  # noqa: ARG002 - Bokeh's way
        """Take in what was clicked or dragged in the page."""
        with self.pane:
            self.figures.refresh()
            self._take_over()

    def _take_over(self) -> None:
        """Let the traits say what the figures show."""
        self.layer, self.pinned = self.figures.excerpt.layer, self.figures.pinned
        self.brush = self.figures.brush

    @traitlets.validate("order")
    def _check_order(self, proposal: Any) -> str:
        check_choice("order", proposal["value"], ORDERS)
        return str(proposal["value"])

    @traitlets.validate("layer")
    def _check_layer(self, proposal: Any) -> int:
        layers = range(self.recording.num_layers)
        if proposal["value"] not in layers:
            raise ValueError(f"layer must be from 0 to {layers[-1]}, got {proposal['value']!r}")
        return int(proposal["value"])

    @traitlets.validate("pinned")
    def _check_pinned(self, proposal: Any) -> list[int]:
        units, hidden = list(proposal["value"]), self.recording.hidden_size
        for unit in units:
            if isinstance(unit, bool) or unit not in range(hidden):
                raise ValueError(f"units are numbers from 0 to {hidden - 1}, got {unit!r}")
        return list(dict.fromkeys(map(int, units)))

    @traitlets.validate("brush")
    def _check_brush(self, proposal: Any) -> Brush | None:
        if proposal["value"] is None:
            return None
        brush = Brush(*proposal["value"])
        return self.figures.brushes.checked(self.figures.excerpt, brush)

    @traitlets.observe("order")
    def _order_changed(self, _: Any) -> None:
        if self.order != self.figures.order:
            self.reorder()

    @traitlets.observe("layer")
    def _layer_changed(self, _: Any) -> None:
        if self.layer != self.figures.excerpt.layer:
            with self.pane:
                self.figures.show(self.recording, layer=self.layer)
                self._take_over()

    @traitlets.observe("pinned")
    def _pinned_changed(self, _: Any) -> None:
        if self.pinned != self.figures.pinned:
            with self.pane:
                self.figures.pinned = self.pinned
        self._controls.pins.value = ", ".join(map(str, self.pinned))

    @traitlets.observe("brush")
    def _brush_changed(self, _: Any) -> None:
        if self.brush != self.figures.brush:
            with self.pane:
                self.figures.brush = self.brush

    def _pins_typed(self, _: Any) -> None:
        try:
            self.pinned = [
                int(word) for word in self._controls.pins.value.replace(",", " ").split()
            ]
            self._controls.message.value = ""
        except ValueError as error:
            self._controls.message.value = f'<span role="alert">{escape(str(error))}</span>'

    def _boxes_ticked(self, change: Any) -> None:
        if self._ticking:  # by Python, not by somebody
            return
        names = [name for name, box in self._controls.boxes.items() if box.value]
        if not names:
            change["owner"].value = True  # one is the least
        else:
            self.quantities = names

    def _repr_mimebundle_(self, **options: Any) -> Any:
        self.pane.refresh()
        return super()._repr_mimebundle_(**options)


def _recording(source: Any, labels: Sequence[str] | None, sequence: int) -> Recording:
    if isinstance(source, ipywidgets.Widget):  # `recording` is a method where it takes work
        own = getattr(source, "recording", None)
        source = own() if callable(own) else own
    return as_recording(source, labels, sequence)
