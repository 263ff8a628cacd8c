"""What an epoch of training was like, and what all of them say about the fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..models import SequenceModel

RISE = 0.05
"""A loss that has risen by this share has turned, and is not just unsteady."""

GAP = 0.3
"""A validation loss this share above the training loss is apart from it."""

WILD = 2.0
"""A loss so many times that of always giving the same answer, or 1, comes of weights run away."""

FALL = 0.1
"""A training loss that has not fallen by this share since the first epoch has learned little."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes
    ----------
    epoch : int
        From 1.
    train_loss : float
        Mean over the batches as they passed, so with dropout and with weights that were changing.
    validation_loss : float or None
        After the epoch, in eval mode.
    train_score, validation_score : float, float or None
        Accuracy, or the mean absolute error in the targets' units; taken where the loss is.
    score_name : str
        ``"accuracy"`` or ``"mean absolute error"``.
    lr : float
        Learning rate of this epoch's last batch.
    seconds : float
        Training and validation together.
    best : bool
        Whether the loss (of validation, where there is one) is the lowest so far.
    gradient_norm : float or None
        Mean over the batches of the norm of the gradient of all weights, before clipping; NaN where
        it is not known.
    dropout : float
        Of the model, at this epoch's last batch.
    """

    epoch: int
    train_loss: float
    validation_loss: float | None
    train_score: float
    validation_score: float | None
    score_name: str
    lr: float
    seconds: float
    best: bool
    gradient_norm: float | None = None
    dropout: float = 0.0

    @property
    def loss(self) -> float:
        """The loss that decides which epoch is the best: of validation, where there is one."""
        return self.train_loss if self.validation_loss is None else self.validation_loss

    def __str__(self) -> str:
        parts = [f"epoch {self.epoch}: loss {self.train_loss:.4f}"]
        if self.validation_loss is not None:
            parts.append(f"validation {self.validation_loss:.4f}")
        score = self.train_score if self.validation_score is None else self.validation_score
        parts.append(f"{self.score_name} {score:.4g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class FitResult:
    """What `fit` returns.

    Attributes
    ----------
    model : SequenceModel
        With the best weights, in eval mode.
    epochs : list of Epoch
        All of them, also those before a resume.
    stopped : str
        ``"epochs"``, all were run; ``"early"``, the loss no longer fell; ``"interrupted"``, it was
        told to stop.
    trivial_loss : float or None
        Loss of always saying the mean of the training targets, or that all classes are equally
        likely; None for a DataLoader's numbers, which nobody has looked at.
    rank : int
        Which of the training's processes this is, from 0. All have the same model; one of them
        should save it.
    """

    model: SequenceModel = field(repr=False)
    epochs: list[Epoch]
    stopped: str
    trivial_loss: float | None = None
    rank: int = 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights the model has; 0 if none came to its end."""
        return max((one.epoch for one in self.epochs if one.best), default=0)

    @property
    def seconds(self) -> float:
        """Time of all epochs."""
        return sum(one.seconds for one in self.epochs)

    @property
    def verdict(self) -> str:
        """What the curves say, in plain words."""
        return verdict(self.epochs, self.stopped, self.trivial_loss)


def overfitting_from(epochs: Sequence[Epoch]) -> int | None:
    """Return the epoch from which on a training overfits; None if it does not.

    It overfits where the validation loss has risen by 5 % or more since its lowest, and the
    training loss has been lower since: from the epoch after that lowest one on.

    Parameters
    ----------
    epochs : sequence of Epoch
        As they came.

    Examples
    --------
    >>> losses = [(1.0, 1.0), (0.6, 0.8), (0.3, 0.9), (0.1, 1.2)]
    >>> epochs = [
    ...     Epoch(n + 1, train, held, 0.5, 0.5, "accuracy", 0.01, 1.0, best=n < 2)
    ...     for n, (train, held) in enumerate(losses)
    ... ]
    >>> overfitting_from(epochs)
    3
    """
    best = max((one for one in epochs if one.best), key=lambda one: one.epoch, default=None)
    if best is None or best.validation_loss is None:
        return None
    last = epochs[-1]
    rose = last.loss > best.loss * (1 + RISE)
    return best.epoch + 1 if rose and lowest_since(epochs, best) < best.train_loss else None


def lowest_since(epochs: Sequence[Epoch], best: Epoch) -> float:
    """Return the lowest training loss after an epoch; infinite if there is none."""
    later = (one.train_loss for one in epochs if one.epoch > best.epoch)
    return min(later, default=math.inf)


def verdict(
    epochs: Sequence[Epoch], stopped: str = "epochs", trivial_loss: float | None = None
) -> str:
    """Say in plain words whether a training over- or underfits, and what to try.

    Parameters
    ----------
    epochs : sequence of Epoch
        As they came.
    stopped, trivial_loss
        As in `FitResult`.

    Examples
    --------
    >>> losses = [(1.0, 1.0), (0.6, 0.8), (0.3, 0.9), (0.1, 1.2)]
    >>> epochs = [
    ...     Epoch(n + 1, train, held, 0.5, 0.5, "accuracy", 0.01, 1.0, best=n < 2)
    ...     for n, (train, held) in enumerate(losses)
    ... ]
    >>> print(verdict(epochs))
    Overfitting: after epoch 2 the validation loss rose from 0.8 to 1.2 while the training loss
    fell from 0.6 to 0.1. The model has the weights of epoch 2. To go further try more data, more
    dropout, weight_decay, or a smaller hidden_size.
    """
    if not epochs:
        return "Nothing was learned: no epoch came to its end."
    best = max((one for one in epochs if one.best), key=lambda one: one.epoch, default=epochs[-1])
    last = epochs[-1]
    diverged = _diverged(epochs, trivial_loss)
    if diverged:
        return f"Diverged: {diverged}. Try a much smaller lr, a smaller clip, or other units."
    if last.validation_loss is None:
        return f"{_without_validation(epochs, best, stopped)}"
    if overfitting_from(epochs) is not None:
        return (
            f"Overfitting: after epoch {best.epoch} the validation loss rose from {best.loss:.3g} "
            f"to {last.loss:.3g} while the training loss fell from {best.train_loss:.3g} to "
            f"{lowest_since(epochs, best):.3g}. The model has the weights of epoch {best.epoch}. "
            "To go further try more data, more dropout, weight_decay, or a smaller hidden_size."
        )
    if _learned_little(epochs):
        return _underfitting(epochs)
    if best is last and stopped != "early":
        return (
            f"Not finished: the validation loss was still falling at the last epoch, "
            f"{best.loss:.3g} against {best.train_loss:.3g} in training. Try more epochs."
        )
    if best.loss > best.train_loss * (1 + GAP):
        return (
            f"A gap, but no harm yet: at epoch {best.epoch} the validation loss is "
            f"{best.loss:.3g} and the training loss {best.train_loss:.3g}. More data, dropout or "
            "weight_decay may close it."
        )
    return (
        f"A good fit: at epoch {best.epoch} the validation loss is {best.loss:.3g} and the "
        f"training loss {best.train_loss:.3g}, and neither ran away afterwards. A larger "
        "hidden_size may have more to give."
    )


def _without_validation(epochs: Sequence[Epoch], best: Epoch, stopped: str) -> str:
    advice = "Whether it overfits nobody has seen: pass validation=0.2."
    if _learned_little(epochs):
        return f"{_underfitting(epochs)} {advice}"
    more = " and was still falling" if best is epochs[-1] and stopped != "early" else ""
    return f"The training loss came down to {best.train_loss:.3g}{more}. {advice}"


def _diverged(epochs: Sequence[Epoch], trivial_loss: float | None) -> str | None:
    """Say what shows that the weights ran away; None if they did not."""
    first, last, lowest = epochs[0].train_loss, epochs[-1].train_loss, _lowest(epochs)
    if not all(math.isfinite(one.train_loss) for one in epochs):
        return f"the training loss became {last}"
    if trivial_loss is not None and lowest > WILD * max(trivial_loss, 1):
        return (
            f"the training loss never was below {lowest:.3g}, and that of always giving the same "
            f"answer is {trivial_loss:.3g}"
        )
    if lowest == first and last > first * (1 + RISE):
        return f"the training loss only rose, from {first:.3g} to {last:.3g}"
    return None


def _lowest(epochs: Sequence[Epoch]) -> float:
    return min(one.train_loss for one in epochs)


def _learned_little(epochs: Sequence[Epoch]) -> bool:
    return len(epochs) > 1 and _lowest(epochs) > (1 - FALL) * epochs[0].train_loss


def _underfitting(epochs: Sequence[Epoch]) -> str:
    return (
        f"Underfitting: the training loss hardly fell, from {epochs[0].train_loss:.3g} to "
        f"{_lowest(epochs):.3g}. Try a higher lr, more epochs, a larger hidden_size, or less "
        "dropout."
    )
