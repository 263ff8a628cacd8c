"""Two runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from bokeh.layouts import column, row
from bokeh.models import LayoutDOM
from bokeh.models.widgets import Div

from ..analysis import Altered, Recording
from ..analysis.comparison import Comparison, recording_of_run
from ..analysis.what_if import WhatIf
from ..dataframes import pandas
from ..live import StillPart, joined_modules, joined_styles
from ..lstm import LSTM
from ..models import SequenceModel
from ..online.estimator import LSTMEstimator
from ..plots import StateFigures
from .cell_inspector import CellInspector
from .gate_lab import GateLab
from .live_stream import THEMES
from .memory_timeline import MemoryTimeline
from .pattern_match import PatternMatch
from .recordings import recording_of
from .snapshots import WithSnapshot
from .state_heatmap import StateHeatmap
from .state_picture import StatePicture
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Pictured = StateHeatmap | GateLab | MemoryTimeline | CellInspector | PatternMatch
KINDS = (StateHeatmap, GateLab, MemoryTimeline, CellInspector, PatternMatch)

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js"),
    *("live/palette.js", "live/drawing.js", "live/view.js", "live/pointer.js"),
    "widgets/compare.js",
)

ALWAYS = ("order", "quantities", "theme", "write", "wipe", "hold", "lags", "quantity", "threshold")
"""Traits that both have in common whatever they show."""

OF_UNITS = ("layer", "pinned", "unit")
"""Traits that go together where layers and units are as many."""

OF_STEPS = ("position", "start", "brush")
"""Traits that do so where the steps are the same, too."""


class Compare(AnsweredAnywhere, WithSnapshot):
    """Two runs in two widgets of one kind, linked: pointing at one is pointing at the other.

    Runs may differ in seed, cell, size or training, or by what was done to a gate. Whoever points
    at a step of one sees the same step of the other with its numbers. Where layers and units are as
    many, the same unit is shown, rows stand in one order, and pins, layer and box go together;
    colours always mean the same in both. In a narrow page one stands above the other.

    Parameters
    ----------
    left, right : LiveStream, Recording, Trace, Altered, model, path or widget
        The runs: what the widget takes, or a run of `WhatIf`; with `x` also an `LSTM` or a
        `SequenceModel`. Or two widgets of one kind, which are shown as they are.
    names : pair of str
        What stands above them.
    widget : type
        `StateHeatmap`, `GateLab`, `MemoryTimeline`, `CellInspector` or `PatternMatch`.
    x, targets, labels : optional
        The sequence that models are run on, as `lstmwidgets.analysis.as_subject` takes it.
    link_units : bool
        Whether what concerns units goes together, where it can.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.
    **options
        Of the widget, for both.

    Attributes
    ----------
    left, right : widget
        The two.
    names, link_units, theme
        As above. To be set, observed and linked from Python; the page sets `link_units` as well.

    Raises
    ------
    TypeError, ValueError
        If the two are widgets of different kinds, the kind is another one, or a run cannot be
        shown.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> x = torch.randn(1, 30, 3)
    >>> compare = Compare(LSTM(3, 8).trace(x), LSTM(3, 8, cell="peephole").trace(x),
    ...                   names=("standard", "peephole"))
    >>> compare.left.pinned = [3]  # the last line of a cell shows it: compare
    >>> compare.right.pinned
    [3]
    >>> compare.comparison().quantities["cell"].shape
    (30, 1, 8)
    """

    _title = "Two runs of an LSTM"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(
        *("live/live.css", "widgets/state_heatmap.css", "widgets/gate_lab.css"),
        *("widgets/memory_timeline.css", "widgets/cell_picture.css", "widgets/cell_inspector.css"),
        *("widgets/pattern_match.css", "widgets/compare.css"),
    )

    left = anywidget.WidgetTrait().tag(sync=True)
    right = anywidget.WidgetTrait().tag(sync=True)
    names = traitlets.Tuple(traitlets.Unicode(), traitlets.Unicode()).tag(sync=True)
    link_units = traitlets.Bool(True, help="whether units go together").tag(sync=True)
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    _linked = traitlets.Dict().tag(sync=True)
    _said = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        left: Any,
        right: Any,
        names: tuple[str, str] = ("left", "right"),
        *,
        widget: type[Pictured] = StateHeatmap,
        x: Any = None,
        targets: Sequence[Any] | None = None,
        labels: Sequence[str] | None = None,
        link_units: bool = True,
        theme: str = "auto",
        **options: Any,
    ) -> None:
        if widget not in KINDS:
            kinds = ", ".join(kind.__name__ for kind in KINDS)
            raise TypeError(f"widget must be one of {kinds}, got {widget!r}")
        given = [isinstance(each, KINDS) for each in (left, right)]
        if all(given):
            kind = next(kind for kind in KINDS if isinstance(left, kind))
            if not isinstance(right, kind):
                raise TypeError(
                    "both widgets must be of one kind, got "
                    f"{type(left).__name__} and {type(right).__name__}"
                )
            if left is right:
                raise ValueError("left and right are the same widget: make one for each run")
            if options or x is not None:
                raise TypeError("options do not go with widgets that are made: set their traits")
        else:
            sequence = {"x": x, "targets": targets, "labels": labels}
            if "theme" in widget.class_trait_names():
                options["theme"] = theme
            left, right = (_widget_of(run, widget, options, sequence) for run in (left, right))
        self._links: list[traitlets.link] = []  # as long as sizes are these and units go together
        super().__init__(
            left=left, right=right, names=tuple(names), link_units=link_units, theme=theme
        )
        self._own = [] if all(given) else [left, right]
        self._link()
        self.observe(self._link, ["link_units"])
        if left.has_trait("theme"):
            self.observe(self._dye, ["theme"])
        for side in (left, right):
            if _live_of(side) is not None:
                side.observe(self._link, ["_about"])  # another model may be played
            if isinstance(side, StatePicture):
                side.observe(self._arrange, ["order", "layer"])
                side.observe(self._renewed, ["_whole"])
        self._tell()

    def comparison(self) -> Comparison:
        """Return how far the runs differ now, right less left, at the steps that both have."""
        return Comparison.of(*(_shown_by(side) for side in (self.left, self.right)))

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each number and quantity that both have, and how far they differ.

        Columns: ``steps``, how many both have; ``mean``, the mean distance; of numbers such as
        predictions also ``largest``, and the ``step`` where that is.
        """
        pd = pandas()
        found = self.comparison()
        rows = {}
        for name in (*found.columns, *found.quantities):
            farthest = found.farthest(name) if name in found.columns else None
            step, largest = farthest or (None, np.nan)
            rows[name] = {
                "steps": len(found.steps),
                "mean": found.mean(name),
                "largest": largest,
                "step": step,
            }
        columns = ["steps", "mean", "largest", "step"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def difference(self, **options: Any) -> StateHeatmap:
        """Return a picture of the right run less the left one, unit by unit.

        Parameters
        ----------
        **options
            Of `StateHeatmap`.

        Raises
        ------
        ValueError
            If layers or units are not as many in both, or they have no step in common.
        """
        one, other = (_shown_by(side) for side in (self.left, self.right))
        return StateHeatmap(Comparison.of(one, other).difference(one, other), **options)

    def figure(self) -> LayoutDOM:
        """Return the states of both beside each other as a Bokeh layout, for papers."""
        pictures = []
        for name, side in zip(self.names, (self.left, self.right), strict=True):
            more = {}
            if isinstance(side, StatePicture):
                names = ("layer", "order", "quantities", "units")
                more = {each: getattr(side, each) for each in names}
            layout = StateFigures(_shown_by(side), **more).layout
            title = Div(text=f"<b>{escape(name)}</b>")
            pictures.append(column(title, layout, sizing_mode="stretch_width"))
        return row(*pictures, sizing_mode="stretch_width")

    def close(self) -> None:
        """Take both out of all pages."""
        if self.comm is None:
            return  # closed before, or never made
        for link in self._links:
            link.unlink()
        self._links = []
        for side in self._own:
            side.close()
        super().close()

    def _link(self, _: Any = None) -> None:
        """Let traits of both go together, as far as they can."""
        if self.comm is None:
            return
        for link in self._links:
            link.unlink()
        self._links = []
        sides = self.left, self.right
        sizes = [_sizes_of(side) for side in sides]
        same_units = sizes[0][:2] == sizes[1][:2]
        steps = [each[2] for each in sizes]
        same_steps = steps[0] is not None and np.array_equal(*steps)
        names = [name for name in OF_UNITS if same_units]
        names += [name for name in OF_STEPS if same_steps and (same_units or name != "brush")]
        there = [name for name in names if self.left.has_trait(name)]
        self._linked = {
            "always": [name for name in ALWAYS if self.left.has_trait(name)],
            "units": there,
        }
        together = self._linked["always"] + (there if self.link_units else [])
        for name in together:
            self._links.append(traitlets.link((self.left, name), (self.right, name)))
        self._arrange()

    def _dye(self, _: Any) -> None:
        self.left.theme = self.right.theme = self.theme

    def _renewed(self, _: Any) -> None:
        """Go along with a side that shows something else."""
        if self.comm is not None:
            self._arrange()
            self._tell()

    def _arrange(self, _: Any = None) -> None:
        """Let the right picture's rows be those of the left one."""
        if self.comm is None or not isinstance(self.left, StatePicture) or not self.link_units:
            return
        if _sizes_of(self.left)[:2] == _sizes_of(self.right)[:2]:
            self.right.arrange(self.left)

    def _tell(self) -> None:
        """Say how far the runs differ, where both are over."""
        if any(_sizes_of(side)[2] is None for side in (self.left, self.right)):
            return
        self._said = said_of(self.comparison())

    def _still_parts(self) -> Mapping[str, StillPart]:
        return {
            reference: side.as_part()
            for side, reference in ((self.left, "left"), (self.right, "right"))
        }

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        state, given = super()._still_state()
        return {**state, "left": "left", "right": "right"}, given

    def _what(self) -> str:
        return " beside ".join(self.names)


def said_of(found: Comparison) -> str:
    """Return in a sentence how far two runs differ.

    Parameters
    ----------
    found : Comparison
    """
    steps = len(found.steps)
    if not steps:
        return "The runs have no step in common."
    told = []
    predicted = [name for name in found.columns if name.startswith("prediction")]
    if len(predicted) == 1 and (farthest := found.farthest(predicted[0])):
        step, most = farthest
        mean = found.mean(predicted[0])
        told.append(f"predictions differ by {mean:.3g} on average, by {most:.3g} at step {step:,}")
    elif predicted:
        mean = float(np.mean([found.mean(name) for name in predicted]))
        told.append(f"predictions differ by {mean:.3g} on average over {len(predicted)} outputs")
    if found.quantities:
        told.append(f"cell states differ by {found.mean('cell'):.3g} on average")
    else:
        told.append("layers or units are not as many, so that only steps are linked")
    both = f"Over {steps:,} step{'s' * (steps > 1)}"
    return f"{both} {'; '.join(told)}."


def _widget_of(
    run: Any, widget: type[Pictured], options: Mapping[str, Any], sequence: Mapping[str, Any]
) -> Any:
    """Return a widget of a kind that shows a run."""
    x, targets, labels = sequence["x"], sequence["targets"], sequence["labels"]
    if widget is GateLab:
        return GateLab(run, x, targets=targets, labels=labels, **options)
    if isinstance(run, Altered):
        run = recording_of_run(run)
    elif isinstance(run, LSTM | SequenceModel | LSTMEstimator):
        if x is None and not isinstance(run, LSTMEstimator):
            raise ValueError(
                f"a {type(run).__name__} needs a sequence to run on: Compare(left, right, x=x)"
            )
        what_if = WhatIf(run, x, targets=targets, labels=labels)
        run, labels = recording_of_run(what_if.untouched), None
    return widget(run, labels=labels, **options)


def _shown_by(side: Any) -> Recording:
    """Return what a widget shows, as a recording."""
    if isinstance(side, GateLab):
        runs = [*side.runs, side.what_if.untouched]  # which -1 stands for
        return recording_of_run(runs[side.shown if side.shown < len(runs) else -1])
    if isinstance(side, PatternMatch):
        return side.recordings[int(side.sequence)]
    return recording_of(side)


def _sizes_of(side: Any) -> tuple[int, int, Any]:
    """Return layers, units and the numbers of the steps; None for these where more may come."""
    live = _live_of(side)
    if live is not None:
        run = live.run
        return run.num_layers, run.hidden_size or 0, None
    recording = _shown_by(side)
    return recording.num_layers, recording.hidden_size, recording.numbers


def _live_of(side: Any) -> Any:
    """Return the `LiveStream` that a widget follows; None if it shows what is over."""
    return getattr(side, "live", None)
