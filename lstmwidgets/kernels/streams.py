"""Streams that take turns in one learner: what each leaves behind, in a row of two arrays.

For each of S streams, in the sizes of `.learn`, with B numbers of a layer's memory that a step
reads, h and c or, with full gate recurrence, all six blocks:

======== ============================ =========================================================
numbers  (S, (T + 1) L B              memory before the oldest event of the window and after each
         + L (6H - B) + T I + P)      of it; the rest of the last one, to be looked at; the inputs;
                                      the eligibility traces
past     (S, 5 + n)                   events in the window; the last target, by how much it
                                      differed from the one before and from what was to be
                                      expected; targets seen by `.experts`, and its lags
======== ============================ =========================================================

Zeros are a stream's beginning, but for the last target, which is NaN.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .compiled import compiled
from .experts import SEEN
from .learn import FILLED

Array = NDArray[Any]

EVENTS, LAST, CHANGE, SURPRISE, TARGETS, LAGS = range(6)
"""Places in a row of `past`; the lags begin at the last one."""


@compiled
def exchange(
    before: int,
    after: int,
    last: float,
    change: float,
    surprise: float,
    block: int,
    numbers: Array,
    past: Array,
    clock: Array,
    tape: Array,
    inputs: Array,
    traces: Array,
    lags: Array,
    scalars: Array,
) -> tuple[float, float, float]:
    """Take out one stream and put in another.

    Parameters
    ----------
    before, after : int
        Rows of the stream that is in and of the other one; below 0 nothing is taken out or put in.
    last, change, surprise : float
        Of the stream that is in.
    block : int
        Numbers of a layer's memory that a step reads, B.
    numbers, past
        See the module's page.
    clock, tape, inputs, traces
        The learner's, see `.learn`.
    lags, scalars
        See `.experts`; no lags without them.

    Returns
    -------
    tuple of float
        Last target, change and surprise of the stream that is in now.
    """
    if before >= 0:
        row = past[before]
        row[EVENTS], row[LAST], row[CHANGE] = clock[FILLED], last, change
        row[SURPRISE], row[TARGETS] = surprise, scalars[SEEN]
        for k in range(lags.shape[0]):
            row[LAGS + k] = lags[k]
        _copy(True, numbers[before], block, clock[FILLED], tape, inputs, traces)
    if after >= 0:
        row = past[after]
        clock[FILLED], scalars[SEEN] = int(row[EVENTS]), row[TARGETS]
        last, change, surprise = row[LAST], row[CHANGE], row[SURPRISE]
        for k in range(lags.shape[0]):
            lags[k] = row[LAGS + k]
        _copy(False, numbers[after], block, clock[FILLED], tape, inputs, traces)
    return last, change, surprise


@compiled
def _copy(
    out: bool, row: Array, block: int, filled: int, tape: Array, inputs: Array, traces: Array
) -> None:
    """Copy what a learner holds into a row, or back."""
    steps, layers, width = tape.shape
    at = 0
    for t in range(filled + 1):
        for layer in range(layers):
            at = _line(out, row, at, tape[t, layer, :block])
    at = steps * layers * block
    for layer in range(layers):
        at = _line(out, row, at, tape[filled, layer, block:width])
    for t in range(filled):
        _line(out, row, at + t * inputs.shape[2], inputs[t, 0])
    _line(out, row, at + inputs.size, traces)


@compiled
def _line(out: bool, row: Array, at: int, line: Array) -> int:
    if out:
        for k in range(line.shape[0]):
            row[at + k] = line[k]
    else:
        for k in range(line.shape[0]):
            line[k] = row[at + k]
    end: int = at + line.shape[0]
    return end
