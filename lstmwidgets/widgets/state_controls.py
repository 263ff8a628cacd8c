"""What one chooses above heatmaps of units."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import ipywidgets

from ..plots.state_parts import SHORT

ORDER_NAMES = {
    "similarity": "similar ones together",
    "cluster": "by clusters",
    "peak": "by the step of their peak",
    "number": "by their numbers",
}
"""Orders of units, and what they are called."""

ROW = {"flex_flow": "row wrap", "align_items": "center", "overflow": "hidden"}
WIDE = {"description_width": "initial"}  # as wide as the words are


class StateControls(ipywidgets.VBox):  # type: ignore[misc]
    """Order of the units, layer, pinned units and quantities. Each has its name beside it.

    Attributes
    ----------
    order, layer : Dropdown
    again : Button
        Order the units anew; hidden until there is something new.
    pins : Text
        Numbers of units.
    boxes : dict of str to Checkbox
        One a quantity.
    message : HTML
        What was wrong with what was typed.
    """

    def __init__(self, quantities: Collection[str]) -> None:
        self.order = _dropdown("Order of units", [(n, name) for name, n in ORDER_NAMES.items()])
        self.layer = _dropdown("Layer", [("0", 0)])
        self.again = ipywidgets.Button(
            description="Order again",
            tooltip="Order the units by what is recorded now",
            layout={"width": "100px", "display": "none"},
        )
        self.pins = ipywidgets.Text(
            description="Pinned units",
            placeholder="such as 3, 17",
            continuous_update=False,
            style=WIDE,
            layout={"width": "210px"},
        )
        self.boxes = {
            name: ipywidgets.Checkbox(
                name in quantities,
                description=title,
                indent=False,
                layout={"width": "auto", "margin": "2px 14px 2px 0"},
            )
            for name, title in SHORT.items()
        }
        self.message = ipywidgets.HTML()
        rows = [
            ipywidgets.HBox([self.order, self.again, self.layer, self.pins], layout=ROW),
            ipywidgets.HBox(list(self.boxes.values()), layout=ROW),
        ]
        super().__init__([*rows, self.message])

    def show_layers(self, layers: int, layer: int) -> None:
        """Offer so many layers, if there is a choice."""
        if len(self.layer.options) != layers:
            ends = {0: "0, the lowest", layers - 1: f"{layers - 1}, the top"}
            self.layer.options = [(ends.get(n, str(n)), n) for n in range(layers)]
        self.layer.value = layer
        self.layer.layout.display = "" if layers > 1 else "none"

    def close(self) -> None:
        """Take all of it out of the pages."""
        for child in self.children if self.comm is not None else ():
            for part in getattr(child, "children", ()):
                part.close()
            child.close()
        super().close()


def _dropdown(description: str, options: Sequence[tuple[str, Any]]) -> Any:
    return ipywidgets.Dropdown(
        description=description,
        options=options,
        style=WIDE,
        layout={"width": "max-content", "margin": "2px 14px 2px 0"},
    )
