"""Recordings of whatever can be shown: of files, traces, models, widgets and streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
import numpy as np

from ..analysis import QUANTITIES, Recording, as_recording
from ..analysis.live_run import Run
from ..trace import Trace
from .following import followed


class Sources:
    """One or several things to look through, some of which may go on.

    Parameters
    ----------
    source : LiveStream, Recording, Trace, path or widget, or list of them
        Of a trace all sequences are taken.
    labels : sequence of str, or list of such sequences, optional
        What stood at each step, in place of the labels that it has; of several sequences a list for
        each.

    Attributes
    ----------
    lives : list of LiveStream
        Those that may go on.
    """

    def __init__(self, source: Any, labels: Sequence[Any] | None = None) -> None:
        parts = source if isinstance(source, list | tuple) else [source]
        if not parts:
            raise ValueError("there is nothing to look through: the list is empty")
        several = len(parts) > 1 or (isinstance(parts[0], Trace) and parts[0].cell.shape[1] > 1)
        count = sum(part.cell.shape[1] if isinstance(part, Trace) else 1 for part in parts)
        named: Sequence[Any] = [labels] if not several else labels or [None] * count
        if len(named) != count:
            raise ValueError(
                f"labels must be a list for each of {count} sequences, got {len(named)}"
            )
        self._parts: list[Any] = []
        for part in parts:
            sequences = range(part.cell.shape[1]) if isinstance(part, Trace) else (0,)
            for sequence in sequences:
                own = named[len(self._parts)]
                live = followed(part, own)
                self._parts.append(
                    _plain(recording_of(part, own, sequence)) if live is None else live
                )
        self.lives = [part for part in self._parts if not isinstance(part, Recording)]

    def read(self) -> list[Recording]:
        """Return a recording of each; of what has not begun one without steps."""
        return [
            part if isinstance(part, Recording) else part.player.call(lambda live=part: _now(live))
            for part in self._parts
        ]


def recording_of(source: Any, labels: Sequence[str] | None = None, sequence: int = 0) -> Recording:
    """Return what `as_recording` does, and of a widget what it shows."""
    if isinstance(source, ipywidgets.Widget):  # `recording` is a method where it takes work
        own = getattr(source, "recording", None)
        source = own() if callable(own) else own
    return as_recording(source, labels, sequence)


def nothing(run: Run) -> Recording:
    """Return a recording of no steps, of a run that shows none yet."""
    shape = (0, run.num_layers, run.hidden_size or 0)
    layers = {name: np.zeros(shape, np.float32) for name in QUANTITIES}
    return Recording(layers, (), np.zeros(0, np.int64), cell=run.cell)


def _now(live: Any) -> Recording:
    recording: Recording = live.run.recording() if live.run.kept else nothing(live.run)
    return _plain(recording)


def _plain(recording: Recording) -> Recording:
    """Return the same with steps that are as far apart as it says."""
    if recording.is_regular:
        return recording
    return replace(recording, steps=recording.numbers, stride=1)
