"""Objects of arrays and plain values that are pickled, saved and verified by one table.

Kernels trust the arrays that they are handed. What a program has made itself fits; what comes from
a file is looked at here before any kernel sees it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

Table = Mapping[str, tuple[Any, Callable[[Mapping[str, Any]], tuple[int, ...]]]]
"""Dtype and shape of each array that is kept; the shape is a function of all that is kept."""


class Arrays:
    """An object that is kept as a dictionary of arrays and plain values.

    Attributes
    ----------
    ARRAYS : dict
        The arrays that are kept.
    """

    ARRAYS: ClassVar[Table] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self._kept()

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._check(kept)
        for name, (dtype, shape) in self.ARRAYS.items():
            need_array(kept.get(name), shape(kept), dtype)
        self._restore(kept)

    def _kept(self) -> dict[str, Any]:
        """Return what is kept."""
        return dict(vars(self))

    def _restore(self, kept: dict[str, Any]) -> None:
        """Take on what was kept."""
        vars(self).update(kept)

    @classmethod
    def _check(cls, kept: dict[str, Any]) -> None:
        """Raise ValueError unless what the shapes depend on is as it must be."""


def check_memory(what: str, numbers: int) -> None:
    """Raise ValueError if so many numbers of four bytes are more than this machine can hold."""
    if not hasattr(os, "sysconf"):
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 4 * numbers > there:
        raise ValueError(
            f"{what} needs {4 * numbers / 2**30:,.0f} GiB of memory at least, and this machine has "
            f"{there / 2**30:,.0f}; choose smaller numbers"
        )


def need_array(value: object, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless a value is an array of this shape and type."""
    given = (value.shape, value.dtype) if isinstance(value, np.ndarray) else type(value).__name__
    need(given == (tuple(map(int, shape)), np.dtype(dtype)), f"an array {shape}, got {given}")


def need_places(places: Mapping[Any, Any], what: str) -> None:
    """Raise ValueError unless the values are 0, 1, 2 and so on, all of them whole numbers.

    To Python 1.0 and True are equal to 1, and no index, or another one.
    """
    values = list(places.values())
    need(values == list(range(len(values))) and {*map(type, values)} <= {int}, what)


def need(met: bool, what: str) -> None:
    """Raise ValueError, naming what does not fit, unless a condition is met."""
    if not met:
        raise ValueError(f"the parts of the model do not fit together: {what}")
