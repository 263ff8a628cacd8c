"""How far each expert of a mixture is trusted, from event to event."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

from .event_axis import EventAxis, event_figure
from .style import MODEL, NAIVE, place_legend

OTHERS = ("#e69f00", "#009e73", "#cc79a7", "#f0e442", "#999933", "#882255", "#56b4e9")
"""Further colours of Okabe & Ito (2008), and two of Tol's muted ones (2021, "Colour schemes"), for
what is neither the LSTM nor the last value; `live/curve_panel.js` has the same."""


def share_figure(axis: EventAxis, names: Sequence[str], *, height: int = 200) -> figure:
    """Draw the share of each expert in the predictions, stacked up to 1, the LSTM's at the bottom.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together. Columns drawn: each expert's ``share of
        …``, from 0 to 1.
    names : sequence of str
        Of the experts.
    height : int
        In pixels.
    """
    names = sorted(names, key=lambda name: name != "lstm")
    colours = dict(zip([n for n in names if n not in ("lstm", "last value")], OTHERS, strict=False))
    colours |= {"lstm": MODEL, "last value": NAIVE}
    plot = event_figure(axis, "Whom the prediction follows", height, "share", y_range=(0, 1))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.varea_stack(
        [f"share of {name}" for name in names],
        x="event",
        source=axis.source,
        color=[colours.get(name, "#999999") for name in names],
        fill_alpha=0.85,
        legend_label=["LSTM" if name == "lstm" else name for name in names],
    )
    guide = plot.line("event", y=1.0, source=axis.source, line_alpha=0)
    plot.add_tools(
        HoverTool(
            renderers=[guide],
            mode="vline",
            tooltips=[("", "@label"), *((n, f"@{{share of {n}}}{{0.0 %}}") for n in names)],
        )
    )
    place_legend(plot)
    return plot
