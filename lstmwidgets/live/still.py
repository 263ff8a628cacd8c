"""What is over, as one frame: a part of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.excerpt import Excerpt
from ..analysis.ordering import cluster_borders
from ..analysis.recording import noun_of
from .feed import Choice, Frame, wall_clock, with_extra

WRITTEN = "%a %d %b %Y %H:%M"
"""How the labels of events say their times."""


def still_frame(excerpt: Excerpt, seq: int, choice: Choice, maps: Sequence[str]) -> Frame:
    """Return a part of a recording in the form in which `Feed` sends a run.

    A page counts what is drawn. The header says what that is in the recording: ``stride``, how many
    steps apart; ``origin``, the step that would be number 0; ``noun``, what a step is called. The
    recording's numbers are the columns ``n0``, ``n1``, …

    Parameters
    ----------
    excerpt : Excerpt
        Its units in the order of the rows, from below.
    seq : int
        Number of the frame, above that of the last one.
    choice : Choice
        The order of the units, and those that are sent besides.
    maps : sequence of str
        Quantities that are sent.
    """
    units = with_extra(excerpt.units, choice.extra)
    borders = []
    if choice.order == "cluster":
        cells = excerpt.recording.layers["cell"][:: excerpt.every, excerpt.layer]
        borders = cluster_borders(cells, excerpt.units)
    columns = {f"n{n}": column for n, column in enumerate(excerpt.columns.values())}
    shown = {"shown": units.tolist(), "rows": len(excerpt.units), "borders": borders}
    values = {name: excerpt.of_units(name, units) for name in maps}
    return step_frame(excerpt, seq, columns, shown, values)


def step_frame(
    excerpt: Excerpt,
    seq: int,
    columns: Mapping[str, NDArray[np.float64]],
    shown: Mapping[str, Any],
    values: Mapping[str, NDArray[np.float32]],
) -> Frame:
    """Return a frame of the steps of a part of a recording, and of any numbers.

    Parameters
    ----------
    excerpt : Excerpt
        Whose T steps are drawn.
    seq : int
        Number of the frame, above that of the last one.
    columns : mapping of str to ndarray
        Numbers that go with the steps, by the name that a page knows them by, each (T,).
    shown : mapping
        Which U units are sent (``shown``), how many of them have a row (``rows``), and before which
        rows another cluster begins (``borders``).
    values : mapping of str to ndarray
        Of these units, by the name of the map, each (T, U).
    """
    steps, stride = excerpt.steps, excerpt.stride
    count = len(steps)
    origin = int(steps[0]) % stride
    columns = dict(columns)
    header: dict[str, Any] = {
        "seq": seq,
        "whole": True,
        "next": (int(steps[0]) - origin) // stride + count,
        "count": count,
        "position": count,
        "window": count,
        "stride": stride,
        "origin": origin,
        "curve": {"from": 0, "count": 0},
        "units": {"count": count, "maps": list(values), **shown},
    }
    noun, times = noun_of(excerpt.labels, steps), times_of(excerpt.labels)
    if times is not None:
        columns["time"] = times
    elif noun:
        header["noun"] = noun
    else:
        header["labels"] = list(excerpt.labels)
    header["columns"] = list(columns)
    events = np.array(list(columns.values()), "<f8").tobytes()
    maps = np.stack(list(values.values()), axis=1)  # (T, maps, U)
    return Frame(header, [events, b"", maps.astype("<f4", copy=False).tobytes()])


def times_of(labels: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the times that labels say, (T,), as `wall_clock` does; None if one of them says none.

    Parameters
    ----------
    labels : sequence of str
        Of T steps.
    """
    times = np.empty(len(labels))
    for n, label in enumerate(labels):
        time = _time_of(label)
        if time is None:
            return None
        times[n] = wall_clock(time)
    return times if len(labels) else None


def _time_of(label: str) -> datetime | None:
    try:
        return datetime.strptime(label, WRITTEN)
    except ValueError:
        pass
    if len(label) < len("2024-01-01"):  # a number can be read as a date as well
        return None
    try:
        return datetime.fromisoformat(label)
    except ValueError:
        return None
