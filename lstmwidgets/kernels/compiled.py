"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {
    # Fused multiply-add changes results by less than a rounding; reordering sums is not allowed, so
    # that a stream's numbers do not depend on which other streams are stepped beside it.
    "fastmath": {"contract", "nsz", "arcp"},
    # Python's check for a zero divisor would keep every loop with a division from vectorising.
    "error_model": "numpy",
}


SOURCES = sha256(b"".join(p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py"))))
"""Of all kernels: Numba would go on using old code where only a function that it calls is new."""


def compiled(function: Function) -> Function:
    """Compile on the first call, and keep the machine code on disk where a folder can be written.

    Numba looks for ``__pycache__`` beside the source, then for the user's cache folder;
    ``NUMBA_CACHE_DIR`` names another one.
    """
    return _compiled(function, OPTIONS)


def compiled_sum(function: Function) -> Function:
    """Compile a sum that may be taken in another order, which lets it vectorise; see `compiled`."""
    return _compiled(function, OPTIONS | {"fastmath": OPTIONS["fastmath"] | {"reassoc"}})


def compiled_strictly(function: Function) -> Function:
    """Compile so that every number is Python's to the bit: nothing is fused; see `compiled`."""
    return _compiled(function, OPTIONS | {"fastmath": False})


def _compiled(function: Function, options: dict[str, Any]) -> Function:
    function.__qualname__ += f"-{SOURCES.hexdigest()[:12]}"  # is part of the cached file's name
    try:
        kernel = njit(cache=True, **options)(function)
    except RuntimeError:  # Numba's word for: no folder can be written
        kernel = njit(**options)(function)
    result: Function = kernel
    return result
