"""A training in epochs that a widget runs, looks at and steers."""

from __future__ import annotations

import atexit
import math
import time
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray

from ..analysis.course import Changes, Course, course_words, epoch_course, seconds_left
from ..analysis.saturation import Saturation, saturation
from ..analysis.thinning import Thinned
from ..training import Epoch, FitResult, TrainingRun
from .player import FAILED, FINISHED, STOPPED, Player

SAMPLE = 32
"""Most sequences that the model is looked at with."""

MOST_NUMBERS = 1_000_000
"""Of a trace: fewer sequences are looked at where they are long and units are many."""

MOST_BATCHES = 2_000
"""Most batches that are drawn, evenly over all epochs."""

BURST = 0.03
"""Seconds for which batches follow each other without a look at what is wanted."""

INTERVAL = 0.15
"""Least seconds between two pictures."""

PATIENCE = 30.0
"""So many seconds Python waits at its end for the batch in progress."""


class WatchedTraining:
    """Runs a training batch by batch in a thread, and notes what pictures show.

    Parameters
    ----------
    training : TrainingRun or iterator of Epoch
        As `iter_fit` returns it, or any other; of others only what their epochs say is known, and
        they cannot be steered, only ended.
    show, tell : callable
        Called when there is something new to draw, and when the player's state has changed.

    Attributes
    ----------
    player : Player
        What runs it.
    failure : Exception or None
        What it ended with.
    run : TrainingRun or None
        What can be steered.
    epochs : list of Epoch
        Those that have ended.
    changes : Changes
        What was changed on the way.
    is_over : bool
        Whether it has come to its end.
    """

    unit = "epoch"
    live = None

    def __init__(self, training: Any, show: Callable[[], None], tell: Callable[[], None]) -> None:
        if not isinstance(training, Iterator):
            raise TypeError(
                "expected what lstmwidgets.iter_fit returns, another iterator of epochs, a "
                f"LiveStream, or an estimator with a stream, got {type(training).__name__}; write "
                "TrainingMonitor(iter_fit(model, data, targets, …)), or "
                "TrainingMonitor(estimator, stream)"
            )
        self._given: Any = training
        self.failure: Exception | None = None
        self._until: int | None = None  # epochs after which it rests
        self.run: TrainingRun | None = training if isinstance(training, TrainingRun) else None
        self.epochs: list[Epoch] = [] if self.run is None else [*self.run.epochs]
        self.changes = Changes()
        self.is_over = False
        self._looks: list[Saturation | None] = [None] * len(self.epochs)
        self._looking: list[float] = []  # seconds of each look
        self._batches: Thinned[tuple[float, float, float]] = Thinned(MOST_BATCHES)
        self._seen = self._noted = 0  # batches of all epochs; of this one
        self._per_epoch: int | None = None
        self._done = 0  # batches of the epoch in progress
        self._told_to_stop = False
        self._items: Iterator[Epoch | None] = (
            training if self.run is None else self.run.by_batch(BURST)
        )
        self._sample = None if self.run is None else self.run.sample(self._most_sequences())

        held = training if self.run is None else self.run.model
        self.player = Player(self._advance, show, tell, model=held, speed=math.inf)
        self.player.interval = INTERVAL
        _running.add(self)

    def play(self) -> None:
        """Go on until the end."""
        self._until = None
        self.player.play()

    def step(self, n: int) -> None:
        """Go on for so many epochs, and rest."""
        self._until = len(self.epochs) + n
        self.player.play()

    def stop(self) -> None:
        """Let the thread end the training, which then puts the best weights into the model."""
        if self.player.state in (FINISHED, FAILED, STOPPED):
            return
        self._told_to_stop = True
        if self.run is not None:
            self.run.stop()
        self.play()

    def end(self) -> None:
        """End thread and training, with the best weights in the model."""
        self.player.stop()
        if self.player.wait(PATIENCE) and hasattr(self._given, "close"):
            self._given.close()

    @property
    def position(self) -> float:
        """How many epochs have passed, with the share of the one in progress."""
        share = self._done / self._per_epoch if self._per_epoch and self._done else 0.0
        return len(self.epochs) + min(share, 1.0)

    @property
    def total(self) -> int | None:
        """How many epochs there are at most, if it says so."""
        return None if self.run is None else self.run.total

    @property
    def lr(self) -> float | None:
        """Learning rate of the next batch, or of the last epoch."""
        if self.run is not None:
            return self.run.lr
        return self.epochs[-1].lr if self.epochs else None

    @property
    def dropout(self) -> float | None:
        """The model's dropout, if it can be set."""
        return None if self.run is None else self.run.dropout

    def set_lr(self, lr: float) -> None:
        """Change the learning rate, from the next batch on."""
        before = self._steered("lr").lr
        self._steered("lr").lr = lr
        self.changes.add(self.position, "lr", before, lr)

    def set_dropout(self, dropout: float) -> None:
        """Change the model's dropout, from the next batch on."""
        run = self._steered("dropout")
        if dropout != run.dropout:
            before, run.dropout = run.dropout, dropout
            self.changes.add(self.position, "dropout", before, dropout)

    @property
    def result(self) -> FitResult | None:
        """The result so far, if it is one of `iter_fit`."""
        return None if self.run is None else self.run.result

    def course(self) -> Course:
        """Return how it went so far."""
        self._note_batches()
        batches = np.array(self._batches.items, np.float64).reshape(-1, 3)
        return epoch_course(
            self.epochs,
            self._looks,
            batches=None if self.run is None else batches,
            changes=self.changes,
            clip=None if self.run is None else self.run.clip,
        )

    def seconds_left(self) -> float | None:
        """Return how long it goes on, at most."""
        if self.total is None or not self.epochs:
            return None
        look = float(np.median(self._looking)) if self._looking else 0.0
        seconds = [one.seconds + look for one in self.epochs]
        return seconds_left(seconds, max(0.0, self.total - self.position))

    def words(self) -> str:
        """Say where it stands; at the end, what to think of it."""
        result = self.result
        if self.is_over and result is not None:
            return result.verdict
        return course_words(self.epochs, None if self.run is None else self.run.patience)

    @property
    def is_patient(self) -> bool:
        """Whether it goes on for all epochs, whatever becomes of the loss."""
        return self.run is None or self.run.patience is None

    def _advance(self, until: float) -> bool:
        """Run batches until a time on the clock of `time.monotonic`; return False at the end."""
        try:
            while self._take_one():
                if self._until is not None and len(self.epochs) >= self._until:
                    self.player.pause()
                    return True
                if time.monotonic() >= until:
                    return True
        except Exception as error:
            self.failure = error
            raise
        self.is_over = True
        return False

    def _take_one(self) -> bool:
        """Run a batch; return False at the end."""
        if self.run is None and self._told_to_stop:
            self._given.close()
            return False
        nothing = object()
        item: Any = next(self._items, nothing)
        if item is nothing:
            return False
        if item is None and self.run is not None:
            self._done = self.run.batches
        elif isinstance(item, Epoch):
            self._note_batches(whole=True)
            self._per_epoch, self._done = None if self.run is None else self.run.batches, 0
            self.epochs.append(item)
            self._looks.append(self._look())
        else:
            raise TypeError(f"expected epochs as iter_fit yields them, got {type(item).__name__}")
        return True

    def _note_batches(self, *, whole: bool = False) -> None:
        """Note what is new of the epoch in progress; `whole` where it has just ended."""
        if self.run is None or not (whole or (self._done and self._per_epoch)):
            return  # of the first epoch nobody knows how many batches it has
        rows: NDArray[np.float64] = self.run.batch_log()
        count = len(rows) if whole else max(self._per_epoch or 0, len(rows))
        for loss, norm in rows[self._noted :].tolist():
            self._noted += 1
            if self._batches.wants(self._seen):
                self._batches.append((len(self.epochs) + self._noted / count, loss, norm))
            self._seen += 1
        if whole:
            self._noted = 0

    def _look(self) -> Saturation | None:
        """Look at the gates over a few sequences, with the weights of now."""
        if self.run is None or self._sample is None:
            return None
        begin = time.perf_counter()
        model, batch = self.run.model, self._sample
        training = model.training
        model.eval()
        with torch.no_grad():
            trace = model.lstm.trace(model.inputs(batch.x))
        model.train(training)
        found = saturation(trace, lengths=batch.lengths)
        self._looking.append(time.perf_counter() - begin)
        return found

    def _most_sequences(self) -> int:
        """Return with how many sequences the model is looked at."""
        assert self.run is not None
        shortest = self.run.sample(2)
        if shortest is None:
            return SAMPLE
        lstm = self.run.model.lstm
        numbers = 6 * shortest.x.shape[1] * lstm.hidden_size * lstm.num_layers
        return max(1, min(SAMPLE, MOST_NUMBERS // numbers))

    def _steered(self, name: str) -> TrainingRun:
        if self.run is None:
            raise ValueError(
                f"{name} cannot be set: {type(self._given).__name__} is no training that "
                "lstmwidgets.iter_fit returned"
            )
        return self.run


_running: WeakSet[WatchedTraining] = WeakSet()


@atexit.register
def _end_all() -> None:
    """End all trainings before Python does: a thread that it stops within PyTorch takes it down."""
    for each in list(_running):
        each.end()
