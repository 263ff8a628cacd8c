"""How far each expert of a mixture is trusted, from event to event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

from .style import MODEL, NAIVE, EventAxis, event_figure, place_legend

OTHERS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7")
"""Further colours of Okabe & Ito (2008), for what is neither the LSTM nor the last value."""


def share_figure(
    axis: EventAxis, events: Sequence[int], shares: Mapping[str, Sequence[float]]
) -> figure:
    """Draw the share of each expert in the predictions, stacked up to 1, the LSTM's at the bottom.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    events : sequence of int
        Positions in the stream.
    shares : mapping of str to sequence of float
        Each expert's share at each event, from 0 to 1.
    """
    names = sorted(shares, key=lambda name: name != "lstm")
    colours = dict(zip([n for n in names if n not in ("lstm", "last value")], OTHERS, strict=False))
    colours |= {"lstm": MODEL, "last value": NAIVE}
    columns = {f"share of {name}": np.asarray(shares[name]) for name in names}
    source = ColumnDataSource({"event": np.asarray(events), "label": axis.labels, **columns})
    plot = event_figure(axis, "Whom the prediction follows", 200, "share", y_range=(0, 1))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.varea_stack(
        list(columns),
        x="event",
        source=source,
        color=[colours.get(name, "#999999") for name in names],
        fill_alpha=0.85,
        legend_label=["LSTM" if name == "lstm" else name for name in names],
    )
    guide = plot.line("event", y=1.0, source=source, line_alpha=0)
    plot.add_tools(
        HoverTool(
            renderers=[guide],
            mode="vline",
            tooltips=[("", "@label"), *((n, f"@{{share of {n}}}{{0.0 %}}") for n in names)],
        )
    )
    place_legend(plot)
    return plot
