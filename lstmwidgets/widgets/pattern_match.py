"""Where else the memory is as it is here."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import traitlets

from ..analysis import Condition, Found, Match, Pattern, PatternSearch, Recording
from ..analysis.patterns import RANKINGS
from ..live import CHART_MODULES, joined_modules, joined_styles
from ..plots import match_figure
from .background import Background, Work
from .following import run_name
from .live_stream import THEMES
from .pattern_frames import FoundFrames, Place, Rows, panels_of, part_frame
from .pattern_traits import WINDOW, PatternTraits
from .recordings import Sources
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from bokeh.plotting import figure

MODULES = (
    *CHART_MODULES,
    *("widgets/unit_panels.js", "widgets/pattern_panels.js", "widgets/match_list.js"),
    *("widgets/pattern_controls.js", "widgets/pattern_match.js"),
)
STYLES = ("live/live.css", "widgets/state_heatmap.css", "widgets/pattern_match.css")


PATTERN = ("quantity", "layer", "threshold", "side", "before", "after")
RANKING = ("order", "least", "shortest", "most")
SOUGHT = ("brush", *PATTERN, *RANKING, "text", "column", "between")
"""Traits that a search depends on."""

SETTABLE = (*(name for name in PatternTraits.class_own_traits()), "theme")


class Result(NamedTuple):
    """What a search has found, and the recordings that it is of."""

    found: Found
    frames: FoundFrames


class PatternMatch(PatternTraits, AnsweredAnywhere, WithSnapshot):
    """Brush a range of steps: the units that are on there, and where else they are on together.

    Above, a heatmap of all units, in which a drag brushes a range; the units that are on at every
    step of it are the hypothesis, marked beside their rows. Below it how many of them are on at
    each step. Then the places where they are on together, the best first, each under the range that
    it is compared with: words, truth and prediction, numbers and categories. Each can be brushed in
    turn. A search by a text or by a range of numbers finds where to begin, or which of the
    matches count.

    As in LSTMVis; `lstmwidgets.analysis.PatternSearch` says what a match is and how they are
    ranked. By keyboard: arrow keys go through steps, Shift and arrow keys brush; in the list up and
    down go through matches, Enter brushes one.

    Parameters
    ----------
    source : LiveStream, Recording, Trace, path or widget, or list of them
        What to look through; of a trace all sequences. Of a `LiveStream` what it has kept, read
        again when it rests and by `renew`.
    labels : sequence of str, or list of such sequences, optional
        What stood at each step, such as its word; of several sequences a list for each.
    **traits
        Any of the attributes below.

    Attributes
    ----------
    brush : tuple of int or None
        The range: number of the sequence, its first step and its last one. Two numbers are steps of
        the sequence that is drawn.
    quantity : str
        What of the units is looked at: ``"cell"``, ``"hidden"``, ``"input_gate"``, … By default the
        cell state.
    layer : int
        From 0, the lowest; by default the top one.
    threshold, side
        When a unit is on: its value is at least 0.3 (``"above"``), at most -0.3 (``"below"``), or
        either (``"magnitude"``).
    before, after : int
        At how many steps right before and after the range, and a match, a unit must be off. By
        default 0.
    order : str
        Of the matches: by ``"overlap"`` or by ``"length"``.
    least : int or None
        How many units of the hypothesis a match shares at least; None: half of them.
    shortest, most : int
        How many steps a match has at least, by default 1; how many are listed, by default 20.
    text : str
        Stands at a step of each match; see `lstmwidgets.analysis.Condition`.
    column : str
        Numbers of the recording of which a step of each match is in the range `between`; or the
        category that the text stands in.
    between : tuple of float or None
        That range, both ends in it; None: any number.
    sequence, start : int
        Which sequence is drawn, and from which place on, counted from 0: 1,000 steps at a time.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.
    found : Found or None
        What was found last; to be observed. `matches` waits for the search that goes on.
    error : str
        Why nothing was found, if the search failed.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> from lstmwidgets.widgets import PatternMatch
    >>> _ = torch.manual_seed(0)
    >>> x = torch.eye(5)[torch.arange(200) % 5]
    >>> patterns = PatternMatch(LSTM(5, 16).trace(x[None]), labels=list("hello" * 40))
    >>> patterns.threshold, patterns.before = 0.1, 1  # the last line of a cell shows it: patterns
    >>> patterns.brush = (100, 101)  # the letters "he"
    >>> {match.first % 5 for match in patterns.matches}  # at each "h" again
    {0}
    """

    _title = "Patterns of units"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    found = traitlets.Any(None, help="what was found last")
    error = traitlets.Unicode("", help="why the search failed").tag(sync=True)
    _progress = traitlets.Float(1.0).tag(sync=True)
    _gone_on = traitlets.Bool(False).tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _whole = traitlets.Bytes(b"").tag(sync=True)
    _found = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, source: object, labels: Sequence[Any] | None = None, **traits: Any) -> None:
        unknown = sorted(set(traits) - set(SETTABLE))
        if unknown:
            raise TypeError(
                f"no such option: {', '.join(unknown)}; there are {', '.join(SETTABLE)}"
            )
        self._sources = Sources(source, labels)
        self._rows = Rows()
        self._seq = 0
        self._background = Background(self._take, self._fail)
        self._read()
        super().__init__(**{"layer": -1, **traits})
        self._draw()
        self._search_again()
        self.on_msg(self._receive)
        for live in self._sources.lives:
            live.followers.add(self)

    # --- what is found ---------------------------------------------------------------------------

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The sequences that are looked through."""
        return self._search.recordings

    @property
    def matches(self) -> tuple[Match, ...]:
        """The matches, the best first. Waits for the search that goes on."""
        found = self._result()
        return () if found is None else found.matches

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each match; see `Found.to_dataframe`. Waits as `matches` does."""
        return self._needed().to_dataframe()

    def figure(self, *, most: int = 20) -> figure:
        """Return the matches under each other as a figure of Bokeh. Waits as `matches` does.

        Parameters
        ----------
        most : int
            How many matches are drawn.
        """
        return match_figure(self.recordings, self._needed(), self.brush, most=most)

    def renew(self) -> None:
        """Read again what streams have kept, and search there."""
        self._read()
        with self.hold_sync():
            self._gone_on = False
            self.sequence, self.start = self.sequence, self.start  # as far as there are steps
            try:
                self.brush = self.brush
            except ValueError:  # its steps are no longer kept
                self.brush = None
            self._draw()
        self._search_again()

    def close(self) -> None:
        """Take the widget out of all pages."""
        if self.comm is None:
            return  # closed before, or never made
        self._background.cancel()
        for live in self._sources.lives:
            live.followers.remove(self)
        super().close()

    # --- a stream that is followed ---------------------------------------------------------------

    def catch_up(self) -> None:
        """Say that the stream has gone on; its player calls this."""
        self._gone_on = True

    def rest(self) -> None:
        """Look through what the stream has kept; its player calls this when it rests."""
        self.renew()

    # --- inside ----------------------------------------------------------------------------------

    def _read(self) -> None:
        self._search = PatternSearch(self._sources.read())
        self._frames = FoundFrames(self._search.recordings)

    def _result(self) -> Found | None:
        self._background.wait()
        found: Found | None = self.found
        return found

    def _needed(self) -> Found:
        found = self._result()
        if found is None:
            why = self.error or "brush a range, or give a text or a column to search for"
            raise ValueError(f"nothing was sought yet: {why}")
        return found

    @property
    def _pattern(self) -> Pattern | None:
        if self.brush is None:
            return None
        recording, first, last = self.brush
        return Pattern(first, last, recording, **{name: getattr(self, name) for name in PATTERN})

    @property
    def _condition(self) -> Condition | None:
        recording = self.recordings[0]
        is_number = self.column in recording.columns
        if not self.text and not (is_number and self.between is not None):
            return None
        low, high = (self.between if is_number else None) or (None, None)
        return Condition(
            self.text,
            self.column,
            -math.inf if low is None else low,
            math.inf if high is None else high,
        )

    def _place(self) -> Place | None:
        """Return where the range begins, and how long it is."""
        if self.brush is None:
            return None
        recording, first, last = self.brush
        begin, end = np.searchsorted(self._search.numbers[recording], [first, last + 1]).tolist()
        return recording, begin, end - begin

    @traitlets.observe(*SOUGHT)
    def _sought(self, _: Any) -> None:
        self._search_again()

    def _search_again(self) -> None:
        if self.comm is None:  # not made yet, or closed
            return
        pattern, condition = self._pattern, self._condition
        if pattern is None and condition is None:
            self._background.cancel()
            with self.hold_sync():
                self.found, self.error, self._found, self._progress = None, "", b"", 1.0
            return
        options = {name: getattr(self, name) for name in RANKING}
        run = self._search.run(pattern, condition, **options)
        self._background.start(_work(run, self._frames))

    def _take(self, told: float | Result) -> None:
        """Tell how far the search is, or what was found; in its thread."""
        if isinstance(told, float):
            self._progress = told
            return
        with self.hold_sync():
            self._progress, self.error = 1.0, ""
            self._send_found(told)
        self.found = told.found

    def _send_found(self, result: Result) -> None:
        self._seq += 1
        self._shown = result
        drawn = (self.sequence, self.start)
        self._found = result.frames.frame(result.found, self._place(), drawn, self._seq).to_bytes()

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            self.found, self._found, self._progress = None, b"", 1.0
            self.error = f"{type(error).__name__}: {error}"

    @traitlets.observe("sequence", "start", "quantity", "layer")
    def _drawn_elsewhere(self, _: Any) -> None:
        if self.comm is not None:
            self.start = min(self.start, max(0, len(self.recordings[self.sequence]) - WINDOW))
        self._draw()

    @traitlets.observe("brush")
    def _brushed(self, _: Any) -> None:
        """Draw the steps that are brushed, if they are not."""
        place = self._place()
        if place is None or self.comm is None:
            return
        recording, begin, length = place
        inside = self.start <= begin and begin + length <= self.start + WINDOW
        if recording != self.sequence or not (inside or length > WINDOW):
            with self.hold_sync():
                self.sequence = recording
                self.start = max(0, begin + length // 2 - WINDOW // 2)

    def _draw(self) -> None:
        """Send the part that is drawn."""
        if self.comm is None:
            return
        recording = self.recordings[self.sequence]
        self._seq += 1
        with self.hold_sync():
            self._about = self._describe(recording)
            whole = b""
            if len(recording):
                layer = self.layer % recording.num_layers
                whole = part_frame(
                    recording, self.start, self.quantity, layer, self._rows, self._seq
                ).to_bytes()
            self._whole = whole
            found = self.found
            if found is not None and not self._background.is_busy:
                self._send_found(self._shown)

    def _describe(self, recording: Recording) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        values = recording.layers[self.quantity][self.start : self.start + WINDOW, self.layer]
        sizes = np.abs(values[np.isfinite(values)])
        return {
            "panels": panels_of(recording, self.quantity) if len(recording) else [],
            "layers": recording.num_layers,
            "hidden": recording.hidden_size,
            "lengths": [len(each) for each in self.recordings],
            "columns": list(recording.columns),
            "categories": list(recording.categories),
            "reach": float(sizes.max()) if sizes.size else 1.0,
            "follows": bool(self._sources.lives),
            "window": WINDOW,
            "rankings": list(RANKINGS),
            "run": run_name(self._run(recording)),
        }

    def _run(self, recording: Recording) -> object:
        """Return by what other widgets of a page know the steps that are drawn."""
        lives = self._sources.lives
        return lives[0].run if lives and len(self.recordings) == 1 else recording

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        if message.get("type") == "renew":
            self.renew()

    def _still_state(self) -> tuple[dict[str, Any], Mapping[str, Mapping[str, Any]]]:
        self._result()  # once the search that goes on is done
        return super()._still_state()

    def _what(self) -> str:
        steps = sum(map(len, self.recordings))
        return f"{type(self).__name__} in {steps:,} steps"


def _work(run: Generator[float, None, Found], frames: FoundFrames) -> Work:
    """Search; yield how far it is, and then what was found."""
    found = yield from run
    yield Result(found, frames)
