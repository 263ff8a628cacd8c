"""How gradients fade with the lag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from .style import MODEL, NAIVE, place_legend

COLOURS = (MODEL, NAIVE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

FLOOR = 1e-12
"""Smallest share drawn."""


def flow_figure(flows: Mapping[str, NDArray[Any]], *, height: int = 300) -> figure:
    """Draw the gradient that is left at each lag, as a share of that at lag 0.

    Parameters
    ----------
    flows : mapping of str to ndarray
        What `lstmwidgets.analysis.gradient_flow` returns, by name.
    height : int
        In pixels.
    """
    plot = figure(
        title="How much of the gradient is left",
        height=height,
        sizing_mode="stretch_width",
        y_axis_type="log",
        x_axis_label="lag in steps",
        y_axis_label="share of the gradient at lag 0",
        tools="xpan,xbox_zoom,reset,save",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    for (name, flow), colour in zip(flows.items(), COLOURS, strict=False):
        share = np.maximum(flow / max(flow[0], FLOOR), FLOOR)
        source = ColumnDataSource({"lag": np.arange(len(flow)), "share": share})
        line = plot.line(
            "lag", "share", source=source, color=colour, line_width=2, legend_label=name
        )
        plot.add_tools(
            HoverTool(
                renderers=[line],
                tooltips=[("", name), ("lag", "@lag"), ("left", "@share{0.0e+0}")],
            )
        )
    place_legend(plot)
    return plot
