"""The tasks that the LSTM was made for, with the papers' own criteria.

Hochreiter & Schmidhuber 1997 showed what a memory cell is good for with small artificial tasks, and
Gers, Schraudolph & Schmidhuber 2002 what peepholes add. Each class is such a task: `batch` draws
fresh sequences, and `correct` says of each whether a net did what the paper asks of it. Sizes: B
sequences, T time steps (of the longest; shorter ones are padded with zeros), I inputs, K outputs.

References
----------
S. Hochreiter and J. Schmidhuber (1997). Long Short-Term Memory. Neural Computation 9(8), 1735-1780.
F. A. Gers, N. N. Schraudolph and J. Schmidhuber (2002). Learning Precise Timing with LSTM Recurrent
Networks. Journal of Machine Learning Research 3, 115-143.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmwidgets.checks import check_size

Seed = int | np.random.Generator
"""What a batch is drawn from: a number, or a generator that goes on with each batch."""

NO_TARGET = -100
"""Stands for a class where none is asked for; PyTorch's `cross_entropy` leaves it out."""

REBER = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
"""Reber's automaton: for each node the symbols that may come, and where they lead; 7 is the end."""

LAST = 6
"""The node that only the end follows."""


class Batch(NamedTuple):
    """Sequences with what is asked for.

    Attributes
    ----------
    x : Tensor
        Inputs, (B, T, I) in float32.
    lengths : Tensor
        True lengths, (B,) in int64.
    target : Tensor
        What is asked for; its shape is said by the task.
    """

    x: Tensor
    lengths: Tensor
    target: Tensor


class ReberBatch(NamedTuple):
    """Strings, the symbols to predict, and all that would be legal in their place.

    Attributes
    ----------
    x : Tensor
        Symbols but the last, one-hot, (B, T, 7) in float32.
    lengths : Tensor
        Symbols in each string but the last, (B,) in int64.
    target : Tensor
        Next symbol's number in `EmbeddedReber.SYMBOLS`, (B, T); `NO_TARGET` in the padding.
    legal : Tensor
        Symbols that the grammar allows next, (B, T, 7), bool; none in the padding.
    """

    x: Tensor
    lengths: Tensor
    target: Tensor
    legal: Tensor


class Event(NamedTuple):
    """A symbol, and what may come after it."""

    symbol: str
    legal: frozenset[str]


def reber_strings(seed: int, *, least: int = 0) -> Iterator[list[Event]]:
    """Yield strings of the embedded Reber grammar without end.

    Both ways on are as likely at every choice. A string's last symbol but one is its second once
    more, and that is the part that needs a memory. "B" is what may come after a string.

    Parameters
    ----------
    seed : int
        The same strings come from the same seed.
    least : int
        No string takes a way to the end of its inner one before it has so many symbols.

    Examples
    --------
    >>> string = next(reber_strings(0))
    >>> string[1].symbol == string[-2].symbol
    True
    """
    draw = random.Random(seed)
    while True:
        ends = draw.choice("TP")
        string = [Event("B", frozenset("TP")), Event(ends, frozenset("B"))]
        node = 0
        while node < len(REBER):
            ways = [way for way, to in REBER[node].items() if to < LAST or len(string) >= least]
            symbol = draw.choice(ways)
            node = REBER[node][symbol]
            string.append(Event(symbol, frozenset(REBER[node] if node < len(REBER) else ends)))
        yield [*string, Event(ends, frozenset("E")), Event("E", frozenset("B"))]


@dataclass(frozen=True)
class EmbeddedReber:
    """Predict each next symbol of a string (1997, section 5.1).

    Examples
    --------
    >>> task = EmbeddedReber()
    >>> x, lengths, target, legal = task.batch(4, seed=1)
    >>> x.shape[-1], target.shape == x.shape[:2]
    (7, True)
    """

    SYMBOLS = "BTPSXVE"
    input_size = 7
    output_size = 7

    def batch(self, size: int, *, seed: int) -> ReberBatch:
        """Return that many strings of `reber_strings`."""
        check_size("size", size)
        return self.encode(list(islice(reber_strings(seed), size)))

    def sets(self, size: int = 256, *, seed: int) -> tuple[ReberBatch, ReberBatch]:
        """Return the paper's training and test strings; none of the latter is in the former."""
        check_size("size", size)
        strings = reber_strings(seed)
        train = list(islice(strings, size))
        test = list(islice((one for one in strings if one not in train), size))
        return self.encode(train), self.encode(test)

    def encode(self, strings: Sequence[Sequence[Event]]) -> ReberBatch:
        """Return strings of `reber_strings` as numbers."""
        lengths = torch.tensor([len(string) - 1 for string in strings])
        shape = len(strings), int(lengths.max())
        target = torch.full(shape, NO_TARGET)
        x, legal = torch.zeros(*shape, 7), torch.zeros(*shape, 7, dtype=torch.bool)
        for row, string in enumerate(strings):
            for step, event in enumerate(string[:-1]):
                x[row, step, self.SYMBOLS.index(event.symbol)] = 1
                target[row, step] = self.SYMBOLS.index(string[step + 1].symbol)
                legal[row, step, [self.SYMBOLS.index(symbol) for symbol in event.legal]] = True
        return ReberBatch(x, lengths, target, legal)

    def correct(self, output: Tensor, batch: ReberBatch) -> Tensor:
        """Say where every legal symbol is likelier than all others at all steps, (B,).

        Parameters
        ----------
        output : Tensor
            Scores or probabilities of the next symbol, (B, T, 7).
        batch : ReberBatch
            What they were made from.
        """
        _check_output(output, batch.legal.shape)
        least = output.masked_fill(~batch.legal, torch.inf).amin(-1)
        others = output.masked_fill(batch.legal, -torch.inf).amax(-1)
        padding = batch.target == NO_TARGET
        return ((least > others) | padding).all(1)


@dataclass(frozen=True)
class Adding:
    """Say at the end what two marked numbers add up to (1997, section 5.4).

    A step is a number from -1 to 1 and a mark: 1 at the two numbers, -1 at both ends of the
    sequence, else 0. The target, (B,), is ``0.5 + (X1 + X2) / 4``. A marked number that falls on
    the first step, whose mark is -1 nevertheless, is set to zero.

    Parameters
    ----------
    steps : int
        T of the paper: sequences have from T to T + T/10 steps, and the second number comes at
        least T/2 steps before the end. At least 20.

    Examples
    --------
    >>> x, lengths, target = Adding().batch(64, seed=1)
    >>> x.shape[2], int(lengths.min()) >= 100, target.shape
    (2, True, torch.Size([64]))
    """

    steps: int = 100
    input_size = 2
    output_size = 1

    def __post_init__(self) -> None:
        check_size("steps", self.steps)
        if self.steps < 20:
            raise ValueError(f"steps must be at least 20, got {self.steps}")

    def batch(self, size: int, *, seed: Seed) -> Batch:
        """Return that many fresh sequences."""
        check_size("size", size)
        draw, rows = np.random.default_rng(seed), np.arange(size)
        lengths = draw.integers(self.steps, self.steps + self.steps // 10, size, endpoint=True)
        x = np.zeros((size, lengths.max(), 2), np.float32)
        x[..., 0] = draw.uniform(-1, 1, x.shape[:2])
        x[np.arange(x.shape[1]) >= lengths[:, None]] = 0
        first = draw.integers(0, 10, size)
        second = draw.integers(0, self.steps // 2 - 1, size)
        second += second >= first  # of those that are still unmarked
        for marked in (first, second):
            x[rows, marked, 1] = 1
            x[rows[marked == 0], 0, 0] = 0
        x[:, 0, 1] = x[rows, lengths - 1, 1] = -1
        target = 0.5 + (x[rows, first, 0] + x[rows, second, 0]) / 4
        return _batch(x, lengths, target)

    def correct(self, output: Tensor, batch: Batch) -> Tensor:
        """Say where the last step's output, (B,), is less than 0.04 from the target, (B,)."""
        _check_output(output, batch.target.shape)
        return (output - batch.target).abs() < 0.04


@dataclass(frozen=True)
class TemporalOrder:
    """Say at the end in which order Xs and Ys came, far apart and among others (1997, section 5.6).

    A sequence begins with "E", ends with "B", has 100 to 110 steps, one-hot, and is made of
    "a" to "d" but for its Xs and Ys. The target, (B,), is the class: the Xs and Ys as the digits 0
    and 1 of a binary number.

    Parameters
    ----------
    relevant : int
        How many Xs and Ys: 2 (task 6a, at steps 10-20 and 50-60) or 3 (6b, at 10-20, 33-43 and
        66-76).

    Examples
    --------
    >>> x, lengths, target = TemporalOrder(relevant=3).batch(64, seed=1)
    >>> x.shape[2], sorted(set(target.tolist()))
    (8, [0, 1, 2, 3, 4, 5, 6, 7])
    """

    relevant: int = 2
    SYMBOLS = "abcdXYEB"
    input_size = 8

    def __post_init__(self) -> None:
        if self.relevant not in (2, 3):
            raise ValueError(f"relevant must be 2 or 3, got {self.relevant!r}")

    @property
    def output_size(self) -> int:
        """Classes, K."""
        return 1 << self.relevant

    @property
    def classes(self) -> list[str]:
        """Names of the classes: the Xs and Ys in their order."""
        return ["".join(order) for order in product("XY", repeat=self.relevant)]

    def batch(self, size: int, *, seed: Seed) -> Batch:
        """Return that many fresh sequences."""
        check_size("size", size)
        draw, rows = np.random.default_rng(seed), np.arange(size)
        lengths = draw.integers(100, 110, size, endpoint=True)
        symbols = draw.integers(0, 4, (size, lengths.max()))
        target = np.zeros(size, np.int64)
        for begin in (10, 50) if self.relevant == 2 else (10, 33, 66):
            digit = draw.integers(0, 2, size)
            symbols[rows, draw.integers(begin, begin + 10, size, endpoint=True)] = 4 + digit
            target = 2 * target + digit
        symbols[:, 0], symbols[rows, lengths - 1] = 6, 7
        x = np.eye(8, dtype=np.float32)[symbols]
        x[np.arange(x.shape[1]) >= lengths[:, None]] = 0
        return _batch(x, lengths, target)

    def correct(self, output: Tensor, batch: Batch) -> Tensor:
        """Say where no class' probability, (B, K), is 0.3 or more from its 0 or 1, (B,)."""
        _check_output(output, torch.Size((len(batch.target), self.output_size)))
        wanted = torch.nn.functional.one_hot(batch.target, self.output_size)
        return (output - wanted).abs().amax(1) < 0.3


@dataclass(frozen=True)
class SpikeDelays:
    """Say at each spike how late it is (2002: MSD).

    The input is 0 but for spikes of 1, ``interval + delay`` steps after the spike before, or after
    the start; delays are drawn at random. At a spike the output shall be its delay; the other steps
    of the target, (B, T), are NaN. With one spike a sequence ends there (NMSD); with more, the net
    has to start anew by itself.

    Parameters
    ----------
    interval : int
        F of the paper: steps that are always there.
    delays : sequence of int
        I(n) of the paper: steps that may be added, each as likely.
    spikes : int
        Spikes in a sequence.

    Examples
    --------
    >>> x, lengths, target = SpikeDelays(interval=3, delays=(0, 1), spikes=2).batch(1, seed=4)
    >>> x[0, :, 0].int().tolist()
    [0, 0, 0, 1, 0, 0, 0, 1]
    >>> target[0].tolist()
    [nan, nan, nan, 1.0, nan, nan, nan, 1.0]
    """

    interval: int = 10
    delays: Sequence[int] = (0, 1)
    spikes: int = 1
    input_size = 1
    output_size = 1

    def __post_init__(self) -> None:
        check_size("interval", self.interval)
        check_size("spikes", self.spikes)
        if len(set(self.delays)) < 2 or min(self.delays) < 0:
            raise ValueError(
                f"delays must be at least two different whole numbers from 0, got {self.delays!r}"
            )

    def batch(self, size: int, *, seed: Seed) -> Batch:
        """Return that many fresh sequences."""
        check_size("size", size)
        draw = np.random.default_rng(seed)
        delays = draw.choice(np.array(self.delays), (size, self.spikes))
        at = np.cumsum(self.interval + delays, 1) - 1  # the step of each spike, from 0
        lengths = at[:, -1] + 1
        x = np.zeros((size, lengths.max(), 1), np.float32)
        target = np.full(x.shape[:2], np.nan)
        rows = np.arange(size)[:, None]
        x[rows, at, 0], target[rows, at] = 1, delays
        return _batch(x, lengths, target)

    def correct(self, output: Tensor, batch: Batch) -> Tensor:
        """Say where the outputs, (B, T), are less than 0.49 from the delay at all spikes, (B,)."""
        _check_output(output, batch.target.shape)
        return ((output - batch.target).abs() < 0.49).logical_or(batch.target.isnan()).all(1)


def _batch(
    x: NDArray[np.float32], lengths: NDArray[np.int64], target: NDArray[np.generic]
) -> Batch:
    wanted = torch.from_numpy(target)
    return Batch(
        torch.from_numpy(x),
        torch.from_numpy(lengths),
        wanted.float() if wanted.is_floating_point() else wanted,
    )


def _check_output(output: Tensor, shape: torch.Size) -> None:
    if output.shape != shape:
        raise ValueError(f"expected output of shape {tuple(shape)}, got {tuple(output.shape)}")
