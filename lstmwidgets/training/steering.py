"""A training in its consumer's hand: an iterator of epochs that one can steer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer

from ..checks import check_positive
from ..models import SequenceModel
from .batches import Batch
from .epochs import Epoch, FitResult
from .loop import Loop

RATES = ("lr", "initial_lr", "max_lr", "min_lr")
"""What PyTorch's schedules keep of learning rates in an optimizer's groups."""

RATE_LISTS = ("base_lrs", "max_lrs", "_last_lr")
"""What they keep of them themselves."""


class TrainingRun(Iterator[Epoch]):
    """A training that goes on while one asks for its next epoch, and can be steered.

    `lstmwidgets.training.iter_fit` returns it. Between two epochs, or two batches of `by_batch`,
    one may change the learning rate and the dropout, or end the training. What was changed goes
    into the checkpoint: a training resumed from it is the one that was not interrupted.

    Parameters
    ----------
    loop : Loop
        Runs it.

    Examples
    --------
    >>> from lstmwidgets.models import SequenceModel
    >>> from lstmwidgets.training import iter_fit
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 12, 1))
    >>> model = SequenceModel(input_size=1, hidden_size=8, pooling="mean")
    >>> training = iter_fit(model, x, x.mean((1, 2)), lr=0.01, seed=0)
    >>> for epoch in training:
    ...     if epoch.epoch == 3:
    ...         training.lr /= 2
    ...     if epoch.epoch == 5:
    ...         training.stop()  # the model gets the best weights
    >>> [epoch.lr for epoch in training.epochs]
    [0.01, 0.01, 0.01, 0.005, 0.005]
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._steps = loop.steps()

    def __next__(self) -> Epoch:
        self._loop.rest_every = None
        while (epoch := next(self._steps)) is None:
            pass  # it rested after a batch
        return epoch

    def by_batch(self, seconds: float = 0.0) -> Iterator[Epoch | None]:
        """Go on batch by batch: yield None after each, and the epoch at its end.

        One may stop iterating at any time, look around, and go on here or with the next epoch.

        Parameters
        ----------
        seconds : float
            Least time from one None to the next: several batches are run where they are quick.
        """
        while True:
            self._loop.rest_every = seconds
            try:
                item = next(self._steps)
            except StopIteration:
                return
            yield item

    def stop(self) -> None:
        """End after the batch in progress; may be called from any thread.

        The training itself ends when it is asked for the next epoch: the model then gets its best
        weights, and an epoch that has not come to its end counts for nothing.
        """
        self._loop.is_told_to_stop = True

    def close(self) -> None:
        """End now, as a generator does, with the best weights in the model."""
        self._steps.close()

    @property
    def lr(self) -> float:
        """Learning rate of the next batch, of the optimizer's first group.

        Setting it scales all groups, and the schedule with them: a cosine falls from the lower rate
        as it would have from the higher one.
        """
        return self._loop.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        check_positive("lr", lr)
        set_rate(self._loop.optimizer, self._loop.schedule, float(lr))
        self._loop.keep()

    @property
    def dropout(self) -> float:
        """The model's dropout, from 0 to 1; setting it changes the model, as its config says."""
        return float(self.model.dropout)

    @dropout.setter
    def dropout(self, dropout: float) -> None:
        self.model.set_dropout(dropout)
        self._loop.keep()

    @property
    def options(self) -> dict[str, Any]:
        """How it is trained: the options of `iter_fit` and the seed; callables by their names."""
        options = self._loop.options
        return {**vars(options), **options.plain(), "seed": self._loop.seed}

    @property
    def model(self) -> SequenceModel:
        """The model that is trained."""
        return self._loop.model

    @property
    def rank(self) -> int:
        """Which of the training's processes this is, from 0."""
        return self._loop.share.rank

    @property
    def epochs(self) -> list[Epoch]:
        """The epochs that have ended, before a resume too."""
        return self._loop.epochs

    @property
    def total(self) -> int:
        """How many epochs there are at most."""
        return self._loop.options.epochs

    @property
    def patience(self) -> int | None:
        """After how many epochs without a lower loss it ends; None for never."""
        return self._loop.options.patience

    @property
    def clip(self) -> float | None:
        """Largest norm of the gradient."""
        return self._loop.options.clip

    @property
    def result(self) -> FitResult:
        """The model, the epochs so far, why it stopped, and a verdict."""
        loop = self._loop
        return FitResult(
            loop.model, [*loop.epochs], loop.stopped, loop.trivial_loss, loop.share.rank
        )

    @property
    def batches(self) -> int:
        """How many batches of the epoch in progress are done, or how many the last one had."""
        return len(self._loop.log)

    def batch_log(self) -> NDArray[np.float64]:
        """Return loss and gradient norm of each batch of the epoch in progress, (N, 2)."""
        return self._loop.log.read()

    def sample(self, most: int) -> Batch | None:
        """Return some sequences to look at the model with: of the validation, if there is one.

        Parameters
        ----------
        most : int
            So many sequences at most, evenly from the shortest to the longest.

        Returns
        -------
        Batch or None
            Standardised, on the training's device. None of a DataLoader, which nobody may iterate
            but the training.
        """
        return self._loop.sample(most)


def set_rate(optimizer: Optimizer, schedule: Any, lr: float) -> None:
    """Give an optimizer another learning rate, and scale what a schedule makes of it.

    Parameters
    ----------
    optimizer : Optimizer
        The first of its groups gets `lr`, the others as much more or less as it does.
    schedule : LRScheduler, ReduceLROnPlateau or None
        Its base rates are multiplied by the same factor.
    lr : float
        Above 0.

    Raises
    ------
    ValueError
        If the rate is 0 at present: there is nothing to scale.
    """
    before = float(optimizer.param_groups[0]["lr"])
    if before == 0:
        raise ValueError("the schedule has brought lr down to 0, which cannot be scaled")
    factor = lr / before
    for group in optimizer.param_groups:
        group.update({name: group[name] * factor for name in RATES if name in group})
    optimizer.param_groups[0]["lr"] = lr
    _scale(schedule, factor)


def _scale(schedule: Any, factor: float) -> None:
    for name in RATE_LISTS:
        if hasattr(schedule, name):
            setattr(schedule, name, [rate * factor for rate in getattr(schedule, name)])
    for part in getattr(schedule, "_schedulers", ()):  # of those that chain others
        _scale(part, factor)
