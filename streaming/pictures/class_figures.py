"""Figures of classes: what was said and what was so, and which class was taken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure

from lstmwidgets.plots import EventAxis, event_figure
from lstmwidgets.plots.style import BELOW, MODEL, NAIVE, RIGHT, SEQUENTIAL, TRUTH, place_legend

from ..sinks.rows import written
from .confusion import Confusion, Pair
from .record import RunRecord, as_floats

LANES = 24
"""Classes that have a lane at most, the most frequent ones; the others share one."""

ROW, SPACE = 24, 90
"""Pixels of a row, and of what is around all of them."""

PAIRS = 12
"""Pairs of classes that are drawn over time, at most."""

MATRIX = 16
"""Classes of a matrix at most."""

OTHERS = "others"

LABEL = 140
"""Pixels for names of classes."""


def lanes_figure(axis: EventAxis, record: RunRecord) -> figure:
    """Draw the true class of each event, and the one that was said, each class in a lane."""
    points = record.points.items
    names = Counter(written(point.target) for point in points if point.target is not None)
    lanes = _places([name for name, _ in names.most_common()], LANES)
    truth = [_lane(lanes, point.target) for point in points]
    said = [_lane(lanes, point.prediction) for point in points]
    right = [point.prediction == point.target for point in points]
    source = ColumnDataSource(
        {
            "event": axis.source.data["event"],
            "label": axis.source.data["label"],
            "truth": as_floats(truth),
            "hit": as_floats(s if r else None for s, r in zip(said, right, strict=True)),
            "miss": as_floats(
                s if not r and t is not None else None
                for s, r, t in zip(said, right, truth, strict=True)
            ),
            "true class": ["" if p.target is None else written(p.target) for p in points],
            "said": ["" if p.prediction is None else written(p.prediction) for p in points],
        }
    )
    rows = max(lanes.values(), default=0) + 1
    plot = event_figure(
        axis,
        "True class, and what was said",
        SPACE + ROW * max(rows, 3),
        "",
        y_range=(rows - 0.5, -0.5),
    )
    _name_rows(plot, [name for name, _ in sorted(lanes.items(), key=lambda item: item[1])])
    common: dict[str, Any] = {"x": "event", "source": source}
    drawn = plot.scatter(
        y="truth", marker="square", size=11, color=TRUTH, legend_label="true class", **common
    )
    plot.scatter(y="hit", marker="circle", size=5, color=MODEL, legend_label="said", **common)
    plot.scatter(
        y="miss", marker="x", size=7, line_width=2, color=NAIVE, legend_label="said wrongly",
        **common,
    )  # fmt: skip
    tips = [("", "@label"), ("true class", "@{true class}"), ("said", "@said")]
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=tips))
    place_legend(plot)
    return plot


def truth_figure(axis: EventAxis, record: RunRecord) -> figure:
    """Draw the probability that was given to the class that then came."""
    shares = []
    for point in record.points.items:
        given: Any = None if point.record is None else point.record.probabilities
        known = point.target is not None and isinstance(given, Mapping)
        shares.append(given.get(written(point.target), 0.0) if known else None)
    source = ColumnDataSource(
        {
            "event": axis.source.data["event"],
            "label": axis.source.data["label"],
            "share": as_floats(shares),
        }
    )
    title = "Probability of the class that came"
    plot = event_figure(axis, title, 200, "probability", y_range=(0, 1.02))
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    line = plot.line("event", "share", source=source, color=MODEL, line_width=1.3)
    tips = [("", "@label"), ("probability", "@share{0.0 %}")]
    plot.add_tools(HoverTool(renderers=[line], mode="vline", tooltips=tips))
    return plot


def confusion_figures(axis: EventAxis, confusion: Confusion) -> Iterator[figure]:
    """Yield the pairs that were confused over time, and the matrix of the whole run."""
    total = confusion.total()
    wrong = Counter({pair: n for pair, n in total.items() if pair[0] != pair[1]})
    if wrong:
        yield _over_time(axis, confusion, [pair for pair, _ in wrong.most_common(PAIRS)])
    if total:
        yield _matrix(total)


def _over_time(axis: EventAxis, confusion: Confusion, pairs: list[Pair]) -> figure:
    columns: dict[str, list[Any]] = {name: [] for name in ("left", "right", "row", "share", "told")}
    for each in confusion.slices:
        came = Counter[str]()
        for (truth, _), n in each.pairs.items():
            came[truth] += n
        for row, (truth, said) in enumerate(pairs):
            if not came[truth]:
                continue
            n = each.pairs[truth, said]
            told = f"{n:,} of {came[truth]:,} {truth} taken for {said}"
            values = (each.first - 0.5, each.last + 0.5, row, n / came[truth], told)
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
    columns["top"] = [row - 0.45 for row in columns["row"]]
    columns["bottom"] = [row + 0.45 for row in columns["row"]]
    plot = event_figure(
        axis,
        "Confusion over time",
        SPACE + ROW * max(len(pairs), 2),
        "",
        y_range=(len(pairs) - 0.5, -0.5),
    )
    _name_rows(plot, [f"{truth} \N{RIGHTWARDS ARROW} {said}" for truth, said in pairs])
    plot.grid.grid_line_color = None
    most = max(columns["share"], default=0.0) or 1.0
    colours = LinearColorMapper(palette=SEQUENTIAL, low=0, high=most)
    drawn = plot.quad(
        left="left",
        right="right",
        top="top",
        bottom="bottom",
        source=ColumnDataSource(columns),
        fill_color={"field": "share", "transform": colours},
        line_color=None,
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips="@told"))
    bar = ColorBar(color_mapper=colours, width=10, formatter=NumeralTickFormatter(format="0 %"))
    plot.add_layout(bar, "right")
    plot.min_border_right = RIGHT - 58
    return plot


def _matrix(total: Counter[Pair]) -> figure:
    """Draw how often each class was taken for each, in shares of the true one."""
    came, known = Counter[str](), Counter[str]()
    for (truth, said), n in total.items():
        came[truth] += n
        known.update({truth: n, said: n})
    places = _places([name for name, _ in known.most_common()], MATRIX)
    cells = Counter[tuple[int, int]]()
    for (truth, said), n in total.items():
        cells[places.get(truth, MATRIX - 1), places.get(said, MATRIX - 1)] += n
    names = [name for name, _ in sorted(places.items(), key=lambda item: item[1])]
    sums = Counter[int]()
    for (row, _), n in cells.items():
        sums[row] += n
    share = [n / sums[row] for (row, _), n in cells.items()]
    source = ColumnDataSource(
        {
            "row": [row for row, _ in cells],
            "column": [column for _, column in cells],
            "share": share,
            "text": [f"{n:,}" for n in cells.values()],
            "ink": ["#ffffff" if each < 0.6 else "#000000" for each in share],
            "told": [
                f"{n:,} of {sums[row]:,} {names[row]} taken for {names[column]}"
                for (row, column), n in cells.items()
            ],
        }
    )
    size = len(names)
    plot = figure(
        title="Confusion of the whole run",
        height=SPACE + 60 + 30 * max(size, 2),
        sizing_mode="stretch_width",
        x_range=Range1d(start=-0.5, end=size - 0.5),
        y_range=Range1d(start=size - 0.5, end=-0.5),
        tools="save",
        toolbar_location="above",
        min_border_left=LABEL,
        min_border_right=RIGHT,
        min_border_bottom=BELOW,
        x_axis_label="said",
        y_axis_label="true class",
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.grid.grid_line_color = None
    _name_rows(plot, names)
    plot.xaxis.ticker = FixedTicker(ticks=list(range(size)))
    plot.xaxis.major_label_overrides = dict(enumerate(map(_short, names)))
    plot.xaxis.major_label_orientation = 0.6 if size > 6 else "horizontal"
    colours = LinearColorMapper(palette=SEQUENTIAL, low=0, high=1)
    drawn = plot.rect(
        "column",
        "row",
        0.94,
        0.94,
        source=source,
        fill_color={"field": "share", "transform": colours},
        line_color=None,
    )
    plot.text(
        "column",
        "row",
        "text",
        source=source,
        text_color="ink",
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips="@told"))
    return plot


def _places(names: list[str], most: int) -> dict[str, int]:
    """Return the places of names, in order; what is too much is called others."""
    chosen = names if len(names) <= most else [*names[: most - 1], OTHERS]
    return {name: place for place, name in enumerate(chosen)}


def _lane(lanes: Mapping[str, int], label: Any) -> int | None:
    if label is None:
        return None
    return lanes.get(written(label), lanes.get(OTHERS))


def _name_rows(plot: figure, names: list[str]) -> None:
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(names))))
    plot.yaxis.major_label_overrides = dict(enumerate(map(_short, names)))
    plot.ygrid.grid_line_color = None


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}\N{HORIZONTAL ELLIPSIS}"
