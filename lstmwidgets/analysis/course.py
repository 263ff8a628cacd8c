"""How a training went, a row for each epoch or stretch of events, as pictures show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .saturation import GATES, Saturation

if TYPE_CHECKING:
    from ..training.epochs import Epoch


class Line(NamedTuple):
    """A line of a panel.

    Attributes
    ----------
    column : str
        Of the course.
    label : str
        For people.
    colour : str
        ``"model"`` or ``"naive"``, which differ on dark pages, or a colour.
    is_dashed : bool
        Whether it is drawn so.
    """

    column: str
    label: str
    colour: str = "model"
    is_dashed: bool = False


class Panel(NamedTuple):
    """Lines over one vertical axis.

    Attributes
    ----------
    id : str
        Its name in pages.
    title : str
        For people.
    lines : tuple of Line
        From the first in the legend on.
    scale : str
        ``"linear"``, ``"log"``, or ``"share"``, from 0 to 1 as percents.
    batches : str
        Which number of each batch is drawn behind the lines: ``"loss"``, ``"gradient_norm"``, or
        none.
    limit : float or None
        Where a dashed line across is drawn: the largest norm that clipping leaves.
    """

    id: str
    title: str
    lines: tuple[Line, ...]
    scale: str = "linear"
    batches: str = ""
    limit: float | None = None


class Change(NamedTuple):
    """What somebody changed on the way.

    Attributes
    ----------
    position : float
        When, on the axis of epochs or events: 3.5 is in the middle of the fourth epoch.
    text : str
        What, for people.
    """

    position: float
    text: str


class Changes:
    """What was changed on the way, one after the other.

    Examples
    --------
    >>> changes = Changes()
    >>> changes.add(3, "dropout", 0.0, 0.1)
    >>> changes.add(3, "dropout", 0.1, 0.2)  # nothing has happened in between
    >>> changes.add(5, "lr", 0.01, 0.005)
    >>> [f"{position}: {text}" for position, text in changes]
    ['3: dropout 0 → 0.2', '5: lr 0.01 → 0.005']
    """

    def __init__(self) -> None:
        self._known: list[tuple[float, str, float, float]] = []

    def __iter__(self) -> Iterator[Change]:
        for position, name, before, after in self._known:
            yield Change(position, f"{name} {before:.3g} → {after:.3g}")

    def __len__(self) -> int:
        return len(self._known)

    def add(self, position: float, name: str, before: float, after: float) -> None:
        """Note a change; of several of one thing at one position they become one."""
        if self._known and self._known[-1][:2] == (position, name):
            before = self._known.pop()[2]
        self._known.append((position, name, before, after))

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


@dataclass(frozen=True, eq=False)
class Course:
    """How a training went, as pictures show it.

    Attributes
    ----------
    unit : str
        What a row is of: ``"epoch"``, or ``"event"``, the last one of a stretch.
    columns : mapping of str to ndarray
        Numbers of each row, (N,); NaN where there is none. The first is the unit's own number.
    panels : tuple of Panel
        What is drawn of them, from above.
    batches : ndarray
        Position, loss and gradient norm of batches, evenly thinned, (M, 3).
    best : int or None
        The epoch whose weights are the best.
    overfits_from : int or None
        The first epoch of overfitting.
    changes : tuple of Change
        In their order.
    """

    unit: str
    columns: Mapping[str, NDArray[np.float64]]
    panels: tuple[Panel, ...]
    batches: NDArray[np.float64]
    best: int | None = None
    overfits_from: int | None = None
    changes: tuple[Change, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[self.unit])


GATE_COLOURS = {"input_gate": "#009e73", "forget_gate": "#cc79a7", "output_gate": "#c07f00"}

GATE_PANELS = (
    Panel(
        "gates",
        "Gates pinned: share of units",
        tuple(
            Line(f"{gate}_{side}", f"{gate.partition('_')[0]} {side}", colour, side == "shut")
            for side in ("open", "shut")
            for gate, colour in GATE_COLOURS.items()
        ),
        "share",
    ),
    Panel("dead", "Dead units", (Line("dead_units", "dead units"),), "share"),
)
"""What is drawn of `saturation_columns`."""

RATE_PANEL = Panel("lr", "Learning rate", (Line("lr", "learning rate"),), "log")


def saturation_columns(found: Iterable[Saturation | None]) -> dict[str, NDArray[np.float64]]:
    """Return the shares of units that are pinned or dead, a column each, a row for each look.

    Parameters
    ----------
    found : iterable of Saturation or None
        N looks at a model; None gives NaN.

    Returns
    -------
    dict of str to ndarray
        ``input_gate_open``, ``input_gate_shut`` and so on for three gates, and ``dead_units``, each
        (N,), from 0 to 1.
    """
    rows = [
        [np.nan] * (2 * len(GATES) + 1)
        if each is None
        else [
            *(pinned(gate) for gate in GATES for pinned in (each.pinned_open, each.pinned_shut)),
            each.dead(),
        ]
        for each in found
    ]
    names = [*(f"{gate}_{side}" for gate in GATES for side in ("open", "shut")), "dead_units"]
    table = np.array(rows, np.float64).reshape(-1, len(names))
    return dict(zip(names, table.T, strict=True))


def epoch_course(
    epochs: Sequence[Epoch],
    looks: Sequence[Saturation | None] = (),
    *,
    batches: NDArray[np.float64] | None = None,
    changes: Iterable[Change] = (),
    clip: float | None = None,
) -> Course:
    """Return the course of a training in epochs.

    Parameters
    ----------
    epochs : sequence of Epoch
        As they came.
    looks : sequence of Saturation or None
        One at each epoch's end; none at all where the model was not looked at.
    batches : ndarray, optional
        As of `Course`.
    changes : iterable of Change
        What was changed on the way, such as `Changes`.
    clip : float, optional
        Largest norm of the gradient.

    Returns
    -------
    Course
        A panel for the losses and one for the scores; for gradient norms, learning rate, gates and
        dead units where they are known.

    Examples
    --------
    >>> from lstmwidgets.training import Epoch
    >>> epochs = [
    ...     Epoch(n + 1, train, held, 0.5, 0.5, "accuracy", 0.01, 1.0, best=n < 2)
    ...     for n, (train, held) in enumerate([(1.0, 1.0), (0.6, 0.8), (0.3, 0.9), (0.1, 1.2)])
    ... ]
    >>> course = epoch_course(epochs)
    >>> course.best, course.overfits_from, course.columns["train_loss"]
    (2, 3, array([1. , 0.6, 0.3, 0.1]))
    """
    from ..training.epochs import overfitting_from

    names = ("epoch", "train_loss", "validation_loss", "train_score", "validation_score")
    columns = {
        name: np.array([getattr(one, name) for one in epochs], np.float64)  # None is NaN
        for name in (*names, "gradient_norm", "lr", "dropout", "seconds", "best")
    }
    score = epochs[0].score_name if epochs else "score"
    held: tuple[Line, ...] = (Line("validation_loss", "validation", "naive"),)
    held_score: tuple[Line, ...] = (Line("validation_score", "validation", "naive"),)
    if epochs and epochs[0].validation_loss is None:
        held = held_score = ()
    panels = [
        Panel("loss", "Loss", (Line("train_loss", "training"), *held), batches="loss"),
        Panel("score", score.capitalize(), (Line("train_score", "training"), *held_score)),
    ]
    if batches is not None or np.isfinite(columns["gradient_norm"]).any():
        line = Line("gradient_norm", "mean over the batches")
        norm = Panel("norm", "Gradient norm", (line,), "log", "gradient_norm", clip)
        panels += [norm, RATE_PANEL]
    else:
        panels.append(RATE_PANEL)
    if any(each is not None for each in looks):
        columns |= saturation_columns(looks)
        panels += GATE_PANELS
    return Course(
        unit="epoch",
        columns=columns,
        panels=tuple(panels),
        batches=np.empty((0, 3)) if batches is None else batches,
        best=max((one.epoch for one in epochs if one.best), default=None),
        overfits_from=overfitting_from(epochs),
        changes=tuple(changes),
    )


def seconds_left(seconds: Sequence[float], left: float) -> float | None:
    """Return how long so many further epochs take, by the median of those that have ended.

    Parameters
    ----------
    seconds : sequence of float
        Of the epochs so far.
    left : float
        Epochs that are to come; 0.5 where half of one is.

    Examples
    --------
    >>> seconds_left([2.0, 1.0, 9.0], 4.5)
    9.0
    """
    return median(seconds) * left if seconds else None


def course_words(epochs: Sequence[Epoch], patience: int | None = None) -> str:
    """Say in plain words where a training stands that goes on.

    Parameters
    ----------
    epochs : sequence of Epoch
        Those that have ended.
    patience : int, optional
        After how many epochs without a lower loss it ends by itself.

    Examples
    --------
    >>> from lstmwidgets.training import Epoch
    >>> epochs = [Epoch(1, 0.9, 1.0, 0.5, 0.5, "accuracy", 0.01, 1.0, best=True)]
    >>> course_words(epochs)
    'Epoch 1 has the lowest validation loss so far, 1.'
    """
    from ..training.epochs import lowest_since, overfitting_from

    if not epochs:
        return ""
    best = max((one for one in epochs if one.best), key=lambda one: one.epoch, default=epochs[-1])
    last = epochs[-1]
    kind = "training loss" if last.validation_loss is None else "validation loss"
    begin = overfitting_from(epochs)
    if begin is not None:
        return (
            f"Overfitting since epoch {begin}: the validation loss has risen from {best.loss:.3g} "
            f"to {last.loss:.3g}, and the training loss has fallen from {best.train_loss:.3g} to "
            f"{lowest_since(epochs, best):.3g}. Stopping keeps the weights of epoch {best.epoch}; "
            "dropout or a lower rate may help."
        )
    words = f"Epoch {best.epoch} has the lowest {kind} so far, {best.loss:.3g}."
    without = last.epoch - best.epoch
    if without and patience is not None:
        words += f" Without a lower one the training ends after {_epochs(patience - without)}."
    return words


def _epochs(count: int) -> str:
    return "one more epoch" if count == 1 else f"{count} more epochs"


def panel_spec(panel: Panel) -> dict[str, Any]:
    """Return a panel as plain values, for a page."""
    return {**panel._asdict(), "lines": [line._asdict() for line in panel.lines]}
