"""Probabilities of classes, event by event."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import FixedTicker, HoverTool, NumeralTickFormatter
from bokeh.models.annotations import Legend, LegendItem
from bokeh.plotting import figure

from ..shown import named
from .event_axis import EventAxis, event_figure

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Okabe & Ito (2008), "Color universal design"."""

OTHERS = "#999999"
"""For classes beyond those."""

UNKNOWN = "rgba(0, 0, 0, 0)"

PARTS = tuple(f"part {place}" for place in range(len(COLOURS) + 1))

COLUMNS = (*PARTS, "truth", "colour", "likeliest", "probability")


class Classes:
    """Gives classes their colours, in the order in which they come."""

    def __init__(self) -> None:
        self._places: dict[Hashable, int] = {}

    @property
    def names(self) -> list[str]:
        """The classes that have a colour of their own."""
        return [named(name) for name in list(self._places)[: len(COLOURS)]]

    @property
    def crowded(self) -> bool:
        """Whether there are more classes than colours."""
        return len(self._places) > len(COLOURS)

    def columns(
        self, targets: Sequence[Any], predictions: Sequence[Mapping[Any, float] | None]
    ) -> dict[str, Any]:
        """Return the columns that `probability_figure` draws."""
        parts = np.zeros((len(PARTS), len(targets)))
        truth, colours, likeliest, probability = [], [], [], []
        for event, (target, prediction) in enumerate(zip(targets, predictions, strict=True)):
            for name, share in (prediction or {}).items():
                parts[self._place(name), event] += share
            best = max(prediction, key=prediction.__getitem__) if prediction else None
            likeliest.append("-" if best is None else str(best))
            probability.append(prediction[best] if prediction else np.nan)
            truth.append("unknown" if target is None else str(target))
            known = target is not None
            colours.append((*COLOURS, OTHERS)[self._place(target)] if known else UNKNOWN)
        return {
            **dict(zip(PARTS, parts, strict=True)),
            "truth": truth,
            "colour": colours,
            "likeliest": likeliest,
            "probability": np.array(probability, np.float64),
        }

    def _place(self, name: Hashable) -> int:
        return min(self._places.setdefault(name, len(self._places)), len(COLOURS))


class ProbabilityFigure:
    """Probabilities as stacked bars, an event each, and the true class above them.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: those of
        `Classes.columns`.
    height : int
        In pixels.
    """

    def __init__(self, axis: EventAxis, *, height: int = 300) -> None:
        title = "Probability of each class, and above it the true one"
        self.plot: figure = event_figure(axis, title, height, "probability", y_range=(0, 1.1))
        self.plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
        quarters = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
        self.plot.yaxis.ticker = self.plot.ygrid.ticker = quarters
        bars: list[Any] = self.plot.vbar_stack(
            list(PARTS), x="event", width=1.0, source=axis.source, color=[*COLOURS, OTHERS]
        )
        truth = self.plot.rect(
            "event", 1.06, width=1.0, height=0.06, source=axis.source, color="colour"
        )
        self._items = [LegendItem(label=value(""), renderers=[b], visible=False) for b in bars]
        self.plot.add_layout(Legend(items=self._items, orientation="horizontal", margin=2), "above")
        self.plot.add_tools(
            HoverTool(
                renderers=[truth],
                mode="vline",
                tooltips=[
                    ("", "@label"),
                    ("true class", "@truth"),
                    ("likeliest", "@likeliest"),
                    ("its probability", "@probability{0.0 %}"),
                ],
            )
        )

    def name(self, classes: Classes) -> None:
        """Name the classes that have come so far."""
        names = [*classes.names, *(["others"] if classes.crowded else [])]
        for place, name in enumerate(names):
            item = self._items[-1 if name == "others" and place == len(COLOURS) else place]
            if not item.visible:
                item.update(label=value(name), visible=True)
