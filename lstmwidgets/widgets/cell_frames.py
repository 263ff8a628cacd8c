"""A layer of a recording in the form in which pages get it: one block of float32, step by step."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import QUANTITIES, Recording
from ..analysis.live_run import Run
from ..analysis.recording import ORDER
from .recordings import nothing

PLACES = [ORDER.index(name) for name in QUANTITIES]

MOST_UNITS = 512
"""Most units of a layer that are sent; more could not be told apart."""

MOST_NUMBERS = 6_000_000
"""Most numbers sent (24 MB): of long recordings fewer units."""


class Frames:
    """What pages get of a recording.

    Parameters
    ----------
    recording : Recording
        Of which to take a layer.
    layer : int
        Which.
    unit : int, optional
        Unit that must be there, whichever others are left out.
    seq : int
        Number of this state of affairs, by which pages notice that they have missed one.
    steps : int
        How many steps there are, or will be: of many, fewer units are sent.

    Attributes
    ----------
    units : ndarray of int
        Units that are sent: all, or evenly spaced ones.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> recording = Recording.from_trace(LSTM(2, 1000).trace(torch.randn(1, 3, 2)))
    >>> frames = Frames(recording, layer=0, unit=7, seq=0, steps=3)
    >>> len(frames.units), 7 in frames.units
    (512, True)
    """

    def __init__(
        self, recording: Recording, layer: int, unit: int | None, seq: int, *, steps: int
    ) -> None:
        self.recording = recording
        self.layer = layer
        self.seq = seq
        self.units = _evenly(recording.hidden_size, steps, unit)

    def advance(self, recording: Recording) -> None:
        """Go on to a recording that continues this one."""
        self.recording = recording
        self.seq += 1

    def values(self, start: int = 0) -> bytes:
        """Return the numbers from a step on: steps, then quantities, then units."""
        parts = [self._of(name)[start:] for name in QUANTITIES]
        return np.stack(parts, axis=1).astype("<f4", copy=False).tobytes()

    def to_json(self) -> dict[str, Any]:
        """Return all that pages need; bytes travel as bytes."""
        recording = self.recording
        everyone = len(self.units) == recording.hidden_size
        return {
            "seq": self.seq,
            "cell": recording.cell,
            "layers": recording.num_layers,
            "hiddenSize": recording.hidden_size,
            "shown": None if everyone else self.units.tolist(),
            "labels": list(recording.labels),
            "steps": recording.steps.tolist(),
            "values": self.values(),
        }

    def _of(self, name: str) -> NDArray[np.float32]:
        return self.recording.layers[name][:, self.layer, self.units]


class Growing:
    """What a run has kept, as pages get it while it goes on.

    Whoever advances the run calls the methods as well, between two steps.

    Parameters
    ----------
    run : Run

    Attributes
    ----------
    recording : Recording
        What was kept when all of it was sent last.
    first, length : int
        The first step that pages have, and how many.
    seq : int
        Number of what was sent last.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.seq = 0
        self._look()

    def _look(self) -> None:
        run = self._run
        self._beginnings, self._seen, self.length = run.beginnings, run.steps, run.kept
        self.first = run.steps - run.kept
        self.recording = run.recording() if run.kept else nothing(run)

    @property
    def outdated(self) -> bool:
        """Whether the run has begun again, or shows more than what pages have and what is new."""
        run = self._run
        more = run.kept > self.length + run.steps - self._seen
        return run.beginnings != self._beginnings or more

    def whole(self, layer: int, unit: int | None) -> Frames:
        """Return all that is kept."""
        self._look()
        self.seq += 1
        return Frames(self.recording, layer, unit, self.seq, steps=self._run.window)

    def news(self, frames: Frames) -> tuple[dict[str, Any], bytes] | None:
        """Return the steps that are new as a message and its numbers; None if there are none.

        Parameters
        ----------
        frames : Frames
            What pages got as a whole: its layer, and its units.
        """
        run = self._run
        new = min(run.steps - self._seen, run.kept)
        self._seen = run.steps
        if not new:
            return None
        first = run.steps - run.kept
        dropped = min(self.length, first - self.first)
        self.first, self.length = first, run.kept
        self.seq += 1
        rows = list(islice(run.rows, len(run.rows) - new, None))
        message = {
            "seq": self.seq,
            "dropped": dropped,
            "labels": [row.label for row in rows],
            "steps": [row.step for row in rows],
        }
        block = run.block(new, frames.layer)[:, PLACES][:, :, frames.units]
        return message, block.astype("<f4", copy=False).tobytes()


def continuation(old: Recording, new: Recording, layer: int) -> int | None:
    """Return how many steps at the old one's start the new one lacks; None if it is another run.

    Parameters
    ----------
    old, new : Recording
        One shown, and one to show.
    layer : int
        By whose cell it is told whether they are of one run.
    """
    if (old.cell, old.stride) != (new.cell, new.stride):
        return None
    if old.layers["cell"].shape[1:] != new.layers["cell"].shape[1:]:
        return None
    dropped = int(np.searchsorted(old.steps, new.steps[0]))
    both = len(old) - dropped
    if not 0 < both <= len(new):
        return None
    same = (
        np.array_equal(old.steps[dropped:], new.steps[:both])
        and old.labels[dropped:] == new.labels[:both]
        and all(
            np.array_equal(
                old.layers[name][dropped:, layer], new.layers[name][:both, layer], equal_nan=True
            )
            for name in ("cell", "hidden")
        )
    )
    return dropped if same else None


def _evenly(units: int, steps: int, chosen: int | None) -> NDArray[np.int64]:
    """Return as many units as are sent, evenly spaced, the chosen one among them."""
    most = max(1, min(MOST_UNITS, MOST_NUMBERS // (len(QUANTITIES) * max(1, steps))))
    if units <= most:
        return np.arange(units)
    some = np.linspace(0, units - 1, most).round().astype(np.int64)
    if chosen is not None and chosen not in some:
        some[np.abs(some - chosen).argmin()] = chosen
    return some
