"""Predictions of an LSTM that was interfered with, beside the untouched ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from ..analysis import Altered, Subject
from ..analysis.subject import CLASSES
from .state_lines import COLOURS
from .style import MODEL, TRUTH, fit_width, place_legend


def what_if_figure(
    subject: Subject, runs: Mapping[str, Altered], output: int = 0, *, height: int = 260
) -> figure:
    """Draw one output of several runs, and the targets.

    Parameters
    ----------
    subject : Subject
        What was examined.
    runs : mapping of str to Altered
        By name, the untouched one first.
    output : int
        Place of the output.
    height : int
        In pixels.
    """
    is_class = subject.task == CLASSES
    plot = figure(
        title=f"{'Probability' if is_class else 'Prediction'} of {subject.outputs[output]}",
        height=height,
        sizing_mode="stretch_width",
        x_axis_label="step",
        y_axis_label="probability" if is_class else "prediction",
        tools="xpan,xbox_zoom,reset,save",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    steps = np.arange(len(subject))
    if subject.targets is not None:
        known = np.isfinite(subject.targets)
        truth = np.where(known, subject.targets == output, np.nan) if is_class else subject.targets
        source = ColumnDataSource({"step": steps, "value": truth})
        plot.line("step", "value", source=source, color=TRUTH, line_width=4, legend_label="target")
    colours = [MODEL, *(each for each in COLOURS if each != MODEL)]
    for n, (name, run) in enumerate(runs.items()):
        columns = {"step": steps, "label": subject.labels, "value": run.predictions[:, output]}
        colour = MODEL if n == 0 else colours[1 + (n - 1) % (len(colours) - 1)]
        line = plot.line(
            "step", "value", source=ColumnDataSource(columns), color=colour, line_width=1.8,
            legend_label=name,
        )  # fmt: skip
        tips = [("", name), ("step", "@label"), ("predicted", "@value{0.[0000]}")]
        plot.add_tools(HoverTool(renderers=[line], tooltips=tips))
    place_legend(plot)
    fit_width(plot)
    return plot
