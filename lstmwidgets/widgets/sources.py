"""What can be played."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def checked_source(source: Iterable[Any] | None) -> Iterable[Any]:
    """Return a source of events; raise if it is none."""
    if source is None:
        raise TypeError("a model needs a source to play: LiveStream(model, source)")
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise TypeError(
            "source must be an iterable of events, as River's data sets are, "
            f"got {type(source).__name__}"
        )
    return source


def is_read_once(source: Iterable[Any] | None) -> bool:
    """Say whether a source can be read only once, as a generator."""
    return source is not None and iter(source) is source


def length_of(source: Any) -> int | None:
    """Return how many events a source has, if it knows."""
    samples = getattr(source, "n_samples", None)  # River's data sets
    if isinstance(samples, int):
        return samples
    try:
        return len(source)
    except TypeError:
        return None
