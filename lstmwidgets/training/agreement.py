"""What several processes have in common, or should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch


def gathered(value: Any, world: int) -> list[Any]:
    """Return what each of so many processes has; all of them have to ask."""
    if world == 1:
        return [value]
    found = [None] * world
    torch.distributed.all_gather_object(found, value)
    return found


def check_alike(asked: Sequence[Mapping[str, Any]]) -> None:
    """Raise unless all processes were asked for the same.

    Parameters
    ----------
    asked : sequence of mapping
        Of each process: names and what was given.

    Raises
    ------
    ValueError
        Naming the first difference; alike in all processes.

    Examples
    --------
    >>> check_alike([{"epochs": 3, "seed": 1}, {"epochs": 3, "seed": 1}])
    """
    first, *others = asked
    for rank, other in enumerate(others, 1):
        for name in first:
            if other[name] != first[name]:
                raise ValueError(
                    f"process {rank} was called with other arguments than process 0: {name} is "
                    f"{other[name]!r} there and {first[name]!r} here; data that are drawn need the "
                    "same seed in every process"
                )
