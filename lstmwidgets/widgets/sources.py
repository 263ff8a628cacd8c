"""What can be played, and what can be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..analysis.prequential import Prequential
from ..analysis.recording import Recording, as_recording
from ..analysis.replay import Replay
from ..checks import check_size
from ..trace import Trace


def run_of(
    model: Any,
    source: Iterable[Any] | None,
    *,
    horizon: int,
    inputs: Sequence[str],
    window: int,
    coverage: float,
    **options: Any,
) -> Prequential | Replay:
    """Return what is played: a model on a source, or what is over; arguments of `LiveStream`."""
    if isinstance(inputs, str):
        raise TypeError(f"inputs must be a list of names, got {inputs!r}; write [{inputs!r}]")
    if isinstance(model, Recording | Trace | str | Path):
        if inputs:
            raise ValueError("inputs: a recording has only what the LSTM did with them")
        return Replay(as_recording(model), window=window, coverage=coverage)
    if horizon:
        check_size("horizon", horizon)
    options |= {"horizon": horizon, "inputs": inputs, "window": window, "coverage": coverage}
    return Prequential(model, checked_source(source), **options)


def checked_source(source: Iterable[Any] | None) -> Iterable[Any]:
    """Return a source of events; raise if it is none."""
    if source is None:
        raise TypeError("a model needs a source to play: LiveStream(model, source)")
    if isinstance(source, str) or not isinstance(source, Iterable):
        raise TypeError(
            "source must be an iterable of events, as River's data sets are, "
            f"got {type(source).__name__}; of a CSV file river.stream.iter_csv(path, target=…, "
            "converters=…) is one, and `lstmwidgets stream path --live` needs no program"
        )
    return source


def checked_units(units: Iterable[Any], hidden: int) -> list[int]:
    """Return numbers of units, each once; raise if one of them is none."""
    units = list(units)
    for unit in units:
        if isinstance(unit, bool) or unit not in range(hidden):
            raise ValueError(f"units are numbers from 0 to {hidden - 1}, got {unit!r}")
    return list(dict.fromkeys(map(int, units)))


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
