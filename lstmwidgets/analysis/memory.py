"""How long each unit remembers, and when it was written, held something and was wiped."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..checks import check_choice
from .recording import Recording

Values = NDArray[np.float32]

EMPTY, HELD, WRITTEN, WIPED, OVERWRITTEN = range(5)
"""What a unit did at a step; `STATES` has the words for it."""

STATES = ("holds nothing", "holds", "written", "wiped", "overwritten")

MEMORY_ORDERS = ("half-life", "decay", "number")
"""Orders of units: the longest memory first, by either measure of it, or as they are."""

HALF = math.log(2)

LEAST_GATE = float(np.finfo(np.float32).tiny)
"""Stands for forget gates of 0, whose logarithm would be infinite."""


@dataclass(frozen=True)
class Thresholds:
    """From when on a unit counts as written, as wiped, and as holding something.

    Cell states are measured by the unit's size: the root mean square of its cell state over the
    recording, that is its spread around zero, which is an empty cell.

    Attributes
    ----------
    write : float
        A unit is written where input gate times candidate is at least so many of its sizes.
    wipe : float
        A unit is wiped where its forget gate is at most this while it held something.
    hold : float
        A unit holds something where its cell state is at least so many of its sizes from zero.
    """

    write: float = 0.5
    wipe: float = 0.2
    hold: float = 0.25

    def __post_init__(self) -> None:
        for name, most in (("write", np.inf), ("wipe", 1), ("hold", np.inf)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= most or value == np.inf:
                upto = " to 1" if most == 1 else ""
                raise ValueError(f"{name} must be a number from 0{upto}, got {value!r}")


USUAL_THRESHOLDS = Thresholds()


@dataclass(frozen=True, eq=False)
class Memory:
    """What the units of a layer remember, and for how long.

    Sizes: T steps, H units.

    Attributes
    ----------
    half_life : ndarray
        Steps after which half of what a unit held at a step is forgotten, the median over the
        steps, (H,); infinite where that is beyond the recording.
    decay_half_life : ndarray
        The same if every step forgot alike: ``ln 2 / -mean(ln f)``, (H,).
    lifetimes : ndarray
        Of what each unit held at each step: steps until the product of the forget gates after it
        is a half, (T, H); where `censored`, the steps until the recording ends or has a gap.
    censored : ndarray of bool
        Where more than half was left then, (T, H).
    size : ndarray
        Root mean square of each unit's cell state, (H,).
    written, forget, before, cell : ndarray
        Input gate times candidate, forget gate, and cell state before and after each step, (T, H).
        All but the forget gate are in sizes of their unit. Before the first step, and after a gap,
        the cell state is NaN; where the state was set to zeros, the forget gate is 0.
    stride : int
        Steps from one recorded step to the next.

    Notes
    -----
    The two half-lives answer two questions. If the forget gate hardly changes they agree. A unit
    that keeps everything for 100 steps and is then wiped in one has a long `half_life`: most of
    what it ever held lasted long. Its `decay_half_life` is short, since the mean of ln f is that
    of the one step that wipes. The first is how long a unit's contents last, and the order of
    units goes by it; the second is the rate at which gradients fade along the cell state in the
    long run. Between two steps, decay is exponential, so that half-lives need not be whole numbers.

    The median counts contents that outlive the recording as longer than what was seen of them
    (Kaplan & Meier). In a recording of every k-th step the forget gate is taken as constant in
    between.

    References
    ----------
    Kaplan & Meier (1958). Nonparametric estimation from incomplete observations. Journal of the
    American Statistical Association 53(282).

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> from lstmwidgets.analysis import Recording
    >>> memory = Memory.of(Recording.from_trace(LSTM(3, 8).trace(torch.randn(1, 50, 3))))
    >>> memory.half_life.shape, memory.events().shape
    ((8,), (50, 8))
    """

    half_life: NDArray[np.float64]
    decay_half_life: NDArray[np.float64]
    lifetimes: NDArray[np.float64]
    censored: NDArray[np.bool_]
    size: NDArray[np.float64]
    written: Values
    forget: Values
    before: Values
    cell: Values
    stride: int

    @classmethod
    def of(cls, recording: Recording, layer: int = -1) -> Self:
        """Measure a layer of a recording.

        Parameters
        ----------
        recording : Recording
            Of one step or more.
        layer : int
            From 0, the lowest; or from the end, -1 being the top one.
        """
        if not len(recording):
            raise ValueError("this recording has no steps, so that there is nothing to remember")
        layers = recording.num_layers
        if isinstance(layer, bool) or layer not in range(-layers, layers):
            raise ValueError(
                f"layer must be from 0 to {layers - 1}, or -1 for the top; got {layer!r}"
            )
        gates = {name: values[:, layer] for name, values in recording.layers.items()}
        cell, forget = gates["cell"], gates["forget_gate"]
        added = gates["input_gate"] * gates["candidate"]
        apart = np.diff(recording.steps, prepend=recording.steps[0]) != recording.stride
        apart[0] = True
        before = np.full_like(cell, np.nan)
        before[1:] = np.where(apart[1:, None], np.nan, cell[:-1])
        if recording.stride == 1:
            forget = np.where(_zeroed(cell, before, added, forget)[:, None], 0, forget)
        gaps = apart[:, None] | ~np.isfinite(forget)
        decay = -np.log(np.maximum(forget.astype(np.float64), LEAST_GATE))
        lifetimes, censored = _lifetimes(decay * recording.stride, gaps)
        size = _root_mean_square(cell)
        per_size = np.divide(1, size, out=np.zeros_like(size), where=size > 0).astype(np.float32)
        return cls(
            _medians(lifetimes, censored) * recording.stride,
            _half_lives(decay),
            lifetimes * recording.stride,
            censored,
            size,
            added * per_size,
            forget.astype(np.float32, copy=False),
            before * per_size,
            cell * per_size,
            recording.stride,
        )

    def order(self, by: str = "half-life") -> NDArray[np.int64]:
        """Return the units, (H,), the longest memory first.

        Parameters
        ----------
        by : str
            ``"half-life"``; ``"decay"``, by `decay_half_life`; or ``"number"``, as they are. Where
            half-lives are equal, as where all are beyond the recording, `decay_half_life` decides.
        """
        check_choice("order", by, MEMORY_ORDERS)
        units = np.arange(len(self.half_life))
        if by == "number":
            return units
        keys = (units, -self.decay_half_life, -self.half_life)  # the last one counts first
        return np.lexsort(keys if by == "half-life" else keys[:2])

    def events(self, thresholds: Thresholds = USUAL_THRESHOLDS) -> NDArray[np.uint8]:
        """Return what each unit did at each step: its place in `STATES`, (T, H).

        A unit is overwritten where it is wiped and written in one step. Where a number is missing,
        nothing is seen that would need it.

        Parameters
        ----------
        thresholds : Thresholds
        """
        write, wipe, hold = map(np.float32, astuple(thresholds))
        there = self.size > 0
        written = there & (np.abs(self.written) >= write)
        wiped = there & (self.forget <= wipe) & (np.abs(self.before) >= hold)
        cases = [written & wiped, wiped, written, self._holds(thresholds)]
        return np.select(cases, [OVERWRITTEN, WIPED, WRITTEN, HELD], EMPTY).astype(np.uint8)

    def _holds(self, thresholds: Thresholds) -> NDArray[np.bool_]:
        """Say after which steps units hold something, (T, H)."""
        return (self.size > 0) & (np.abs(self.cell) >= np.float32(thresholds.hold))

    def table(
        self, units: NDArray[np.int64], thresholds: Thresholds = USUAL_THRESHOLDS
    ) -> dict[str, NDArray[Any]]:
        """Return half-lives of some units, and how often each was written, as columns of a table.

        Parameters
        ----------
        units : ndarray of int
            As in the rows.
        thresholds : Thresholds
        """
        events = self.events(thresholds)[:, units]
        holds = self._holds(thresholds)[:, units]
        return {
            "unit": units,
            "half_life": self.half_life[units],
            "decay_half_life": self.decay_half_life[units],
            "size": self.size[units],
            "written": (events == WRITTEN).sum(axis=0),
            "wiped": (events == WIPED).sum(axis=0),
            "overwritten": (events == OVERWRITTEN).sum(axis=0),
            "holding": holds.mean(axis=0),
        }


def _zeroed(cell: Values, before: Values, added: Values, forget: Values) -> NDArray[np.bool_]:
    """Say at which steps the layer's state had been set to zeros before, (T,).

    The cell is then what was added alone, although the forget gates would have kept something.
    """
    largest = np.maximum(1, np.abs(cell).max(axis=1, initial=0))
    alone = (np.abs(cell - added) <= 1e-6 * largest[:, None]).all(axis=1)
    kept = np.abs(forget * before).max(axis=1, initial=0)
    zeroed: NDArray[np.bool_] = alone & (kept > 1e-3)
    return zeroed


def _lifetimes(
    decay: NDArray[np.float64], gaps: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return lifetimes in recorded steps and which are censored, from -ln f and the gaps, (T, H).

    What is held at step t is halved where the sum of -ln f over the steps after t reaches ln 2.
    """
    steps, units = decay.shape
    total = np.cumsum(np.where(np.isfinite(decay), decay, 0), axis=0)
    places = np.arange(steps)[:, None]
    nearest = np.where(gaps, places, steps)
    nearest = np.minimum.accumulate(nearest[::-1], axis=0)[::-1]
    last = np.full((steps, units), steps - 1)  # the step before the next gap
    last[:-1] = nearest[1:] - 1
    wanted = total + HALF
    found = np.empty((steps, units), np.int64)
    for unit in range(units):
        found[:, unit] = np.searchsorted(total[:, unit], wanted[:, unit])
    censored = found > last
    at = np.minimum(found, steps - 1)
    upto, after = (np.take_along_axis(total, np.maximum(n, 0), axis=0) for n in (at - 1, at))
    share = np.divide(wanted - upto, after - upto, out=np.ones_like(upto), where=after > upto)
    return np.where(censored, last - places, at - 1 - places + share), censored


def _medians(lifetimes: NDArray[np.float64], censored: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each unit's median lifetime by Kaplan and Meier's estimate, (H,)."""
    order = np.lexsort((censored, lifetimes), axis=0)  # of equal ones, what ended comes first
    times = np.take_along_axis(lifetimes, order, axis=0)
    ended = ~np.take_along_axis(censored, order, axis=0)
    at_risk = len(times) - np.arange(len(times))[:, None]
    surviving = np.cumprod(1 - ended / at_risk, axis=0)
    halved = surviving <= 0.5 + 1e-12
    first = np.argmax(halved, axis=0)[None]
    medians: NDArray[np.float64] = np.take_along_axis(times, first, axis=0)[0]
    return np.where(halved.any(axis=0), medians, np.inf)


def _half_lives(decay: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln 2 / mean(-ln f) of each unit, (H,); infinite where it never forgets."""
    known = np.isfinite(decay)
    mean = np.where(known, decay, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    half_lives: NDArray[np.float64] = np.full_like(mean, np.inf)
    np.divide(HALF, mean, out=half_lives, where=mean > 0)
    return half_lives


def _root_mean_square(cell: NDArray[Any]) -> NDArray[np.float64]:
    known = np.isfinite(cell)
    squares = np.where(known, cell, 0).astype(np.float64) ** 2
    mean: NDArray[np.float64] = squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.sqrt(mean)
