"""What only compiled code calls, as functions for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import config, njit

from lstmwidgets.kernels.compiled import OPTIONS


def from_python(function: Any) -> Callable[..., Any]:
    """Return a function that only compiled code calls, compiled so that Python can call it."""
    if config.DISABLE_JIT:
        return function  # type: ignore[no-any-return]
    callable_: Callable[..., Any] = njit(**OPTIONS)(function.py_func)
    return callable_
