"""A text word by word: the probability of each class, and what each word adds to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LayoutDOM,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from .style import MODEL, NAIVE, place_legend

if TYPE_CHECKING:
    from ..sentiment import Explanation

COLOURS = (MODEL, "#e69f00", "#009e73", "#cc79a7", "#56b4e9", NAIVE, "#999999")
"""Of Okabe & Ito (2008), in the order in which widgets give them to classes."""

MOST_NAMED = 60
"""Words that stand below the axis; of longer texts their numbers do."""


def explanation_figure(
    explanation: Explanation, label: Any = None, *, height: int = 320
) -> LayoutDOM:
    """Draw what a classifier thinks after each word, and what each word contributes.

    Parameters
    ----------
    explanation : Explanation
        Of a text of T words.
    label : object, optional
        The class whose contributions are drawn; by default the one that is predicted.
    height : int
        In pixels.
    """
    shown = explanation.prediction if label is None else label
    place = explanation.classes.index(shown)
    words, steps = explanation.words, np.arange(len(explanation.words))
    across = Range1d(start=-0.6, end=len(words) - 0.4)
    above = _plot("Probability after each word", across, height // 2, Range1d(start=0, end=1.02))
    for n, name in enumerate(explanation.classes):
        data = {"step": steps, "word": words, "share": explanation.probabilities[:, n]}
        options: dict[str, Any] = {"color": COLOURS[n % len(COLOURS)], "legend_label": str(name)}
        source = ColumnDataSource(data)
        above.line("step", "share", source=source, line_width=2, **options)
        points = above.scatter("step", "share", source=source, size=5, **options)
        tooltips = [("", "@word"), (str(name), "@share{0.0%}")]
        above.add_tools(HoverTool(renderers=[points], tooltips=tooltips))
    place_legend(above)
    title = f"Contribution of each word to {shown}"
    below = _plot(title, across, height - height // 2 + 50)
    added = explanation.contributions[:, place]
    source = ColumnDataSource(
        {
            "step": steps,
            "word": words,
            "added": added,
            "colour": np.where(added >= 0, MODEL, NAIVE),
        }
    )
    bars = below.vbar("step", 0.8, "added", source=source, color="colour")
    tooltips = [("", "@word"), ("contribution", "@added{+0.0%}")]
    below.add_tools(HoverTool(renderers=[bars], tooltips=tooltips))
    above.xaxis.visible = False
    if len(words) <= MOST_NAMED:
        below.xaxis.ticker = FixedTicker(ticks=steps.tolist())
        below.xaxis.major_label_overrides = dict(enumerate(words))
        below.xaxis.major_label_orientation = 0.9
    return column(above, below, sizing_mode="stretch_width")


def _plot(title: str, across: Range1d, height: int, up: Range1d | None = None) -> figure:
    plot = figure(
        title=title,
        height=height,
        sizing_mode="stretch_width",
        x_range=across,
        min_border_left=56,
        tools="xpan,xbox_zoom,reset,save",
    )
    if up is not None:
        plot.y_range = up
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.xgrid.visible = False
    return plot
