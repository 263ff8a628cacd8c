"""What a test asks instead of a clock: which waits were asked for, whatever they took."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest


def record_calls(patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[tuple[Any, ...]]:
    """Return a list that gets the arguments of each call of a function, which goes on working."""
    calls: list[tuple[Any, ...]] = []
    function = getattr(module, name)

    def recorded(*given: Any) -> Any:
        calls.append(given)
        return function(*given)

    patch.setattr(module, name, recorded)
    return calls
