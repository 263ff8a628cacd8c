"""What `StateHeatmap` draws: a part of a recording, or of a run that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import Recording
from ..analysis.excerpt import Excerpt
from ..analysis.titles import TITLES
from ..live import Choice, Feed, Frame, live_panels, still_frame
from ..plots.heatmap import SIGNED
from ..plots.state_lines import COLOURS, LOOKS
from ..plots.state_parts import SHORT
from ..plots.style import MODEL
from .following import run_name

MAPS = tuple(TITLES)
LOW = 84
"""Height of lines below the heatmaps, in pixels."""

NAMED = {name: "model" if look[0] == MODEL else "truth" for name, look in LOOKS.items()}


class RecordedStates:
    """A layer of a recording, in rows.

    Parameters
    ----------
    recording : Recording
    choice : Choice
        Layer, order and further units.

    Attributes
    ----------
    excerpt : Excerpt
        What is drawn.
    choice : Choice
    """

    def __init__(self, recording: Recording, choice: Choice) -> None:
        self.excerpt = Excerpt.of(recording, choice.layer).ordered(choice.order)
        self.choice = choice._replace(layer=self.excerpt.layer)
        self._seq = 0

    @property
    def recording(self) -> Recording:
        """All that there is."""
        return self.excerpt.recording

    @property
    def name(self) -> str:
        """By which pages know what is shown; empty where steps are counted in another way."""
        same = np.array_equal(self.steps, self.recording.steps)
        return run_name(self.recording) if same else ""

    @property
    def sizes(self) -> tuple[int, int]:
        """Layers, and units of a layer."""
        return self.recording.num_layers, self.recording.hidden_size

    @property
    def units(self) -> NDArray[np.int64]:
        """Those in the rows, from below."""
        return self.excerpt.units

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those drawn."""
        return self.excerpt.steps

    def choose(self, choice: Choice) -> None:
        """Draw another layer, in another order, or further units."""
        layer, order, _ = self.choice
        self.choice = choice
        if choice.layer != layer:
            self.show(self.recording)
        elif choice.order != order:
            self.reorder()

    def show(self, recording: Recording) -> None:
        """Draw another recording; units stay in their rows where layer and size are the same."""
        layer = min(self.choice.layer, recording.num_layers - 1)
        self.excerpt = self.excerpt.moved_to(recording, self.choice.order, layer=layer)
        extra = tuple(unit for unit in self.choice.extra if unit < recording.hidden_size)
        self.choice = self.choice._replace(layer=layer, extra=extra)

    def reorder(self) -> None:
        """Choose and order the rows by what is recorded."""
        excerpt = Excerpt.of(self.recording, self.choice.layer)
        self.excerpt = excerpt.ordered(self.choice.order)

    def arrange(self, units: NDArray[np.int64]) -> None:
        """Draw these units, the first one lowest."""
        self.excerpt = replace(self.excerpt, units=units)

    def whole(self) -> Frame:
        """Return all that is drawn."""
        self._seq += 1
        return still_frame(self.excerpt, self._seq, self.choice, MAPS)

    def panels(self) -> list[dict[str, Any]]:
        """Return what is drawn in which panel."""
        return [*unit_panels(), *column_panels(self.excerpt.columns)]

    def note(self) -> str:
        """Say what is left out."""
        return " ".join(f"{note[0].upper()}{note[1:]}." for note in self.excerpt.notes())


class FollowedStates:
    """A layer of what a `LiveStream` plays, in rows.

    Parameters
    ----------
    live : LiveStream
    choice : Choice
        Layer, order and further units.

    Attributes
    ----------
    feed : Feed
        Says what is new.
    """

    def __init__(self, live: Any, choice: Choice) -> None:
        self._run = live.run
        layers = live.run.num_layers
        if isinstance(choice.layer, bool) or choice.layer not in range(-layers, layers):
            raise ValueError(
                f"layer must be from 0 to {layers - 1}, or -1 for the top; got {choice.layer!r}"
            )
        self.feed = Feed(self._run, maps=MAPS, choice=choice._replace(layer=choice.layer % layers))

    @property
    def name(self) -> str:
        """By which pages know what is shown."""
        return run_name(self._run)

    @property
    def choice(self) -> Choice:
        """What is drawn."""
        return self.feed.choice

    @property
    def sizes(self) -> tuple[int, int]:
        """Layers, and units of a layer."""
        return self._run.num_layers, self._run.hidden_size or 0

    @property
    def units(self) -> NDArray[np.int64]:
        """Those in the rows, from below."""
        return self.feed.units

    @property
    def steps(self) -> NDArray[np.int64]:
        """Those that are kept."""
        return np.arange(self._run.steps - self._run.kept, self._run.steps)

    def choose(self, choice: Choice) -> None:
        """Draw another layer, in another order, or further units, from the next frame on."""
        self.feed.choice = choice

    def reorder(self) -> None:
        """Choose and order the rows by what there is, with the next frame that is whole."""
        self.feed.reorder()

    def whole(self) -> Frame:
        """Return all that is drawn; in the player's thread, as `news`."""
        return self.feed.whole()

    def panels(self) -> list[dict[str, Any]]:
        """Return what is drawn in which panel."""
        above = [p for p in live_panels(self._run) if p["kind"] in ("lines", "classes")]
        return [*unit_panels(), *({**panel, "height": LOW} for panel in above)]

    def note(self) -> str:
        """Say what is not there, or left out."""
        if not self._run.kept:
            return "No events yet: the units appear here as soon as the live stream plays."
        units, hidden = len(self.units), self._run.hidden_size or 0
        if units == hidden:
            return ""
        return f"Drawn are the {units} of {hidden:,} units whose cell state moves the most."


def unit_panels() -> list[dict[str, Any]]:
    """Return the panels of a layer's units: heatmaps, and lines of those that are pinned."""
    maps = [
        {
            "id": name,
            "kind": "units",
            "title": title,
            "short": SHORT[name],
            "height": 56,
            "signed": name in SIGNED,
        }
        for name, title in TITLES.items()
    ]
    title = "Pinned units: cell state, and dashed the hidden output"
    return [*maps, {"id": "pinned", "kind": "pinned", "title": title, "height": LOW}]


def column_panels(columns: Mapping[str, NDArray[np.float64]]) -> Sequence[dict[str, Any]]:
    """Return a panel of the numbers that a recording has, if it has any: truth and model first."""
    known = {
        name: f"n{n}"
        for n, (name, column) in enumerate(columns.items())
        if np.isfinite(column).any()
    }
    names = [name for name in NAMED if name in known]
    names += [name for name in known if name not in NAMED]
    further = iter(COLOURS * len(names))
    lines = [
        {
            "column": known[name],
            "label": name,
            "colour": NAMED.get(name) or next(further),
            "width": 3 if name == "target" else 1.6,
        }
        for name in names
    ]
    panel = {"id": "numbers", "kind": "lines", "title": "Numbers at each step", "height": LOW}
    return [{**panel, "lines": lines}] if lines else []
