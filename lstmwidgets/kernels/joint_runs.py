"""Where many switches are on together: all maximal runs of steps, in one pass.

Switches are bits, 64 in a word. At each step some of the wanted ones are on. A run is a stretch of
steps at each of which at least so many of them are on, and no longer at the steps beside it; each
run has a level, the least number that is on at any of its steps. Runs lie within each other or
apart, so that a stack of those that have not ended finds all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled, kernel

Array = NDArray[Any]

FIRST, LAST, SHARED, EXTRA = range(4)
"""Columns of what is found: the run's ends, wanted and other switches that are on all along."""

PAIRS = np.uint64(0x5555555555555555)
FOURS = np.uint64(0x3333333333333333)
EIGHTS = np.uint64(0x0F0F0F0F0F0F0F0F)
BYTES = np.uint64(0x0101010101010101)
ONE, TWO, FOUR, TOP = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


@compiled
def ones(word: Any) -> Any:
    """Return how many bits of a word are set (Warren, "Hacker's delight", section 5-1)."""
    word = word - ((word >> ONE) & PAIRS)
    word = (word & FOURS) + ((word >> TWO) & FOURS)
    word = (word + (word >> FOUR)) & EIGHTS
    return np.int64((word * BYTES) >> TOP)


@compiled
def wanted_on(row: Array, wanted: Array) -> int:
    """Return how many of the wanted switches are on at a step."""
    count = 0
    for word in range(wanted.shape[0]):
        count += ones(row[word] & wanted[word])
    return count


@compiled
def is_off_beside(on: Array, word: int, first: int, last: int, sides: Array) -> Any:
    """Return a word of the switches that are off before and after a run, as far as asked.

    Those beyond the ends of all steps are off.
    """
    beside = np.uint64(0)
    for step in range(max(0, first - sides[0]), first):
        beside |= on[step, word]
    for step in range(last + 1, min(on.shape[0], last + 1 + sides[1])):
        beside |= on[step, word]
    return ~beside


@kernel("runs")
def joint_runs(
    on: Array,
    wanted: Array,
    sides: Array,
    skipped: Array,
    least: int,
    shortest: int,
    all_on: Array,
    open_runs: Array,
    found: Array,
) -> int:
    """Find all runs; return how many.

    Parameters
    ----------
    on : ndarray of uint64
        Switches that are on, (T, words).
    wanted : ndarray of uint64
        The wanted switches, (words,).
    sides : ndarray of int
        At how many steps before and after a run a switch must be off to count, (2,).
    skipped : ndarray of int
        First and last step of a stretch that no run may touch, (2,).
    least : int
        Runs count with so many wanted switches that are on all along, or more.
    shortest : int
        Runs count that are so long, or longer.
    all_on : ndarray of uint64
        Scratch, (levels + 2, words).
    open_runs : ndarray of int
        Scratch, (levels + 2, 2): first step and level of each run that has not ended.
    found : ndarray of int
        FIRST, LAST, SHARED, EXTRA of each, (T, 4), in the order of their ends.
    """
    steps, words = on.shape
    depth, count = 0, 0
    carried = all_on[all_on.shape[0] - 1]  # on all along in the run that has ended last
    for step in range(steps + 1):
        level = wanted_on(on[step], wanted) if step < steps else 0
        first, ended = step, False
        while depth > 0 and open_runs[depth - 1, 1] > level:
            depth -= 1
            first = open_runs[depth, 0]
            for word in range(words):
                carried[word] = all_on[depth, word] & (carried[word] if ended else ~np.uint64(0))
            ended = True
            last = step - 1
            if last - first + 1 < shortest or (first <= skipped[1] and last >= skipped[0]):
                continue
            shared, extra = 0, 0
            for word in range(words):
                here = carried[word] & is_off_beside(on, word, first, last, sides)
                shared += ones(here & wanted[word])
                extra += ones(here & ~wanted[word])
            if shared >= least:
                found[count, FIRST], found[count, LAST] = first, last
                found[count, SHARED], found[count, EXTRA] = shared, extra
                count += 1
        if level == 0:
            continue
        if depth == 0 or open_runs[depth - 1, 1] < level:
            open_runs[depth, 0], open_runs[depth, 1] = first, level
            for word in range(words):
                all_on[depth, word] = ~np.uint64(0)
            depth += 1
        for word in range(words):
            if ended:
                all_on[depth - 1, word] &= carried[word]
            all_on[depth - 1, word] &= on[step, word]
    return count


@kernel("apart")
def apart(firsts: Array, lasts: Array, order: Array, covered: Array, begun: Array) -> int:
    """Keep of runs that touch each other the one that comes first in an order; return how many.

    Parameters
    ----------
    firsts, lasts : ndarray of int
        Ends of the runs, which lie within each other or apart, (N,).
    order : ndarray of int
        Numbers of the runs, (N,); those that are kept stand at its beginning afterwards.
    covered : ndarray of bool
        Zeros, (T,): which steps the kept runs cover.
    begun : ndarray of int
        Zeros, (T + 1,): how many kept runs begin where, as a binary indexed tree (Fenwick 1994, "A
        new data structure for cumulative frequency tables").
    """
    kept = 0
    for place in range(order.shape[0]):
        run = order[place]
        first, last = firsts[run], lasts[run]
        if covered[first] or begun_before(begun, last + 1) > begun_before(begun, first):
            continue
        for step in range(first, last + 1):
            covered[step] = True
        node = first + 1
        while node < begun.shape[0]:
            begun[node] += 1
            node += node & -node
        order[kept] = run
        kept += 1
    return kept


@compiled
def begun_before(begun: Array, step: int) -> int:
    """Return how many kept runs begin before a step."""
    count = 0
    while step > 0:
        count += begun[step]
        step -= step & -step
    return count
