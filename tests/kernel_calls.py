"""What only compiled code calls, as functions for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from lstmwidgets.kernels.compiled import OPTIONS


def from_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a compiled function that Python can call."""

    @njit(**OPTIONS)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    result: Callable[..., Any] = call
    return result
