"""Which group of keys is stepped where."""

from __future__ import annotations

SEED = 42
"""Of the hash by which Spark chooses partitions."""

_WORD = 0xFFFFFFFF


def spread(groups: int) -> list[int]:
    """Return a number to group by for each of N groups, so that partitions share them evenly.

    Spark puts a number into the partition of its hash, modulo their count. Where that is a divisor
    of N, every partition has as many groups.
    """
    found: dict[int, int] = {}
    number = 0
    while len(found) < groups:
        found.setdefault(spark_hash(number) % groups, number)
        number += 1
    return [found[n] for n in range(groups)]


def spark_hash(number: int) -> int:
    """Return what Spark's ``hash`` does for an int from 0 on: MurmurHash3 (A. Appleby), 32 bits."""
    word = _turned(number * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD
    mixed = _turned(SEED ^ word, 13) * 5 + 0xE6546B64 & _WORD
    mixed ^= 4  # bytes
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ mixed >> shift) * factor & _WORD
    mixed ^= mixed >> 16
    return mixed - (1 << 32) if mixed >> 31 else mixed


def _turned(word: int, bits: int) -> int:
    """Return a word of 32 bits turned to the left."""
    return (word << bits | word >> 32 - bits) & _WORD
