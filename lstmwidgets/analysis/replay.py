"""A run that is over, played again."""

from __future__ import annotations

from typing import final

import numpy as np
from river import metrics

from .live_run import NUMBERS
from .played_run import PlayedRun
from .recording import ORDER, Recording, noun_of
from .rows import Numbering
from .tasks import finite


@final
class Replay(PlayedRun):
    """Plays a recording step by step.

    Parameters
    ----------
    recording : Recording
        What happened. With the columns ``target`` and ``prediction`` they are compared again;
        without, as of a trace, there are only the LSTM's steps.
    window, coverage
        As of `Run`.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> run = Replay(Recording.from_trace(LSTM(3, 8).trace(torch.randn(1, 5, 3)), "hello"))
    >>> while run.advance():
    ...     pass
    >>> "".join(row.label for row in run.rows), run.kept
    ('hello', 5)
    """

    def __init__(self, recording: Recording, *, window: int = 300, coverage: float = 0.9) -> None:
        self.source = recording
        compared = {"target", "prediction"} <= set(recording.columns)
        kind, naive = (NUMBERS, "repeating the last value") if compared else ("nothing", "")
        super().__init__(kind, naive, metrics.MAE(), window=window, coverage=coverage)
        self.hidden_size, self.num_layers = recording.hidden_size, recording.num_layers
        self.cell = recording.cell
        noun = noun_of(recording.labels, recording.steps)
        if noun:
            self.numbering = Numbering(int(recording.steps[0]), recording.stride, noun)
        self.words = not compared and not noun
        self._blocks = np.concatenate([recording.layers[name] for name in ORDER], axis=-1)

    @property
    def scored(self) -> bool:
        """Whether there is a truth that predictions are compared with."""
        return self.kind == NUMBERS

    def begin(self) -> None:
        """Start anew."""
        self.clear()

    def _take_one(self) -> bool:
        step = self.steps
        if step == len(self.source):
            return False
        y = prediction = None
        if self.scored:
            y = finite(self.source.columns["target"][step])
            prediction = self.source.columns["prediction"][step]
        self._copy(self._blocks[step])
        self._note(self.source.labels[step], y, prediction)
        self.events += 1
        return True
