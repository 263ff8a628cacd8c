"""What widgets of a layer's units have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from ..analysis import QUANTITIES
from ..analysis.ordering import ORDERS
from ..checks import check_choice
from ..live import CHART_MODULES, joined_styles
from ..plots import Brush
from ..plots.state_heatmap import chosen_quantities
from ..plots.unit_brush import checked_brush
from .live_stream import THEMES
from .shown_states import FollowedStates, RecordedStates
from .snapshots import WithSnapshot
from .sources import checked_units
from .threads import AnsweredAnywhere

MODULES = (
    *CHART_MODULES,
    *("widgets/unit_bar.js", "widgets/unit_panels.js", "widgets/unit_pointer.js"),
    "widgets/state_view.js",
)
STYLES = ("live/live.css", "widgets/state_heatmap.css")


class StatePicture(AnsweredAnywhere, WithSnapshot):
    """A picture of a layer's units over the steps, with pins, a box, an order and a layer.

    Attributes
    ----------
    order, layer, quantities, pinned, brush, theme
        As of `StateHeatmap`.
    """

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

    def __init__(
        self, states: RecordedStates | FollowedStates, whole: bytes, **traits: Any
    ) -> None:
        self._states = states
        self._again = False
        super().__init__(
            layer=states.choice.layer,
            order=states.choice.order,
            _about=self._describe(),
            _note=states.note(),
            _whole=whole,
            **traits,
        )
        self.on_msg(self._receive)

    @property
    def units(self) -> Any:
        """Numbers of the units in the rows, from below, (U,)."""
        return self._states.units

    def reorder(self) -> None:
        """Order the units by what is recorded now; the box goes."""
        self._states.reorder()
        with self.hold_sync():
            self.brush = None
            self._renew()

    def arrange(self, other: StatePicture) -> None:
        """Put the units into the rows that they have in another picture, until they are reordered.

        Parameters
        ----------
        other : StatePicture
            Of a layer with as many units. Nothing happens where one of both follows a `LiveStream`,
            which chooses its rows itself.
        """
        states, others = self._states, other._states
        if not (isinstance(states, RecordedStates) and isinstance(others, RecordedStates)):
            return
        if states.sizes[1] != others.sizes[1]:
            raise ValueError(
                f"the other picture has {others.sizes[1]} units in a layer, not {states.sizes[1]}"
            )
        if np.array_equal(self.units, other.units):
            return
        states.arrange(other.units)
        with self.hold_sync():
            self._keep_brush()
            self._renew()

    def rest(self) -> None:
        """Put what is shown into the widget's state."""
        self._whole = self._states.whole().to_bytes()
        self._note = self._states.note()

    def _renew(self) -> None:
        """Send all that is drawn."""
        self.rest()

    def _renew_all(self, rows: Any) -> None:
        """Send all of something else that is drawn now; pins and box stay where they can.

        Parameters
        ----------
        rows : ndarray
            The units that were in the rows before.
        """
        hidden = self._states.sizes[1]
        with self.hold_sync():
            self.layer = self._states.choice.layer
            self.pinned = [unit for unit in self.pinned if unit < hidden]
            if rows is not self.units:
                self.brush = None
            self._keep_brush()
            self._about = self._describe()
            self._renew()

    def _describe(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        layers, hidden = self._states.sizes
        return {
            "panels": self._states.panels(),
            "layers": layers,
            "hidden": hidden,
            "follows": False,
            "window": 1,
            "again": self._again,
            "run": self._states.name,
        }

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        if message.get("type") == "reorder":
            self.reorder()

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
        return checked_units(proposal["value"], self._states.sizes[1])

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
