"""What `MemoryTimeline` measures and draws of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..analysis import Excerpt, Recording
from ..analysis.excerpt import MOST_STEPS, MOST_UNITS
from ..analysis.lags import MOST_TEXTS, Columns, as_columns
from ..analysis.live_run import CLASSES
from ..analysis.memory import Memory
from ..analysis.recording import noun_of
from ..analysis.rows import Row, as_floats
from ..live import Frame, step_frame, times_of
from ..shown import named
from .shown_states import column_panels

MOST_INPUTS = 8
"""Most inputs drawn below the units; all of them are compared with the cell states."""


class Material(NamedTuple):
    """What is looked at.

    Attributes
    ----------
    recording : Recording
    inputs : dict of str to ndarray
        Features of each step, (T,) each.
    """

    recording: Recording
    inputs: Columns

    @classmethod
    def of(cls, recording: Recording, inputs: Any = None) -> Material:
        """Return a recording with the features that a user gives, or with its labels as features.

        Labels become features where they are a few words, such as the symbols of a grammar.
        """
        if not len(recording):
            raise ValueError("this recording has no steps, so that there is nothing to show")
        columns = as_columns(inputs, len(recording))
        if inputs is None and _is_a_few_words(recording):
            columns = as_columns({"label": recording.labels}, len(recording))
        return cls(recording, columns)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Layers, units of a layer, and steps."""
        return self.recording.num_layers, self.recording.hidden_size, len(self.recording)

    @property
    def columns(self) -> Columns:
        """All numbers that the cell states are compared with."""
        return {**self.inputs, **self.recording.columns}


@dataclass(frozen=True)
class Drawn:
    """The part of a layer's memory that a page draws.

    Parameters
    ----------
    material : Material
    memory : Memory
        Of all steps.
    layer : int
    order : str
        One of those of `Memory.order`.
    start : int
        Place of the first step drawn.
    """

    material: Material
    memory: Memory
    layer: int
    order: str
    start: int

    @property
    def units(self) -> NDArray[np.int64]:
        """Those with a row, from below, (U,): the shortest memory first."""
        return self.memory.order(self.order)[:MOST_UNITS][::-1]

    @property
    def window(self) -> slice:
        """Places of the steps drawn."""
        return slice(self.start, self.start + MOST_STEPS)

    def has_frame_of(self, other: Drawn | None) -> bool:
        """Say whether pages that draw another part have all numbers of this one."""
        if other is None or other.memory is not self.memory or other.start != self.start:
            return False
        return np.array_equal(np.sort(other.units), np.sort(self.units))

    def frame(self, seq: int) -> Frame:
        """Return what pages draw, as `live.step_frame`, units by their numbers."""
        recording, inputs = self.material
        units = np.sort(self.units)
        part = recording.part(self.window)
        columns = {f"n{n}": column for n, column in enumerate(part.columns.values())}
        columns |= {
            f"x{n}": column[self.window]
            for n, column in enumerate(list(inputs.values())[:MOST_INPUTS])
        }
        memory = self.memory
        parts = {
            "written": memory.written,
            "forget": memory.forget,
            "before": memory.before,
            "cell": memory.cell,
        }
        values = {name: array[self.window][:, units] for name, array in parts.items()}
        shown = {"shown": units.tolist(), "rows": len(units), "borders": []}
        return step_frame(Excerpt(part, self.layer, units, 1), seq, columns, shown, values)

    def lasting(self) -> dict[str, Any]:
        """Return half-lives and sizes of the rows, from below, as JSON has them; None: infinite."""
        memory, units = self.memory, self.units
        return {
            "units": units.tolist(),
            "half_life": _plain(memory.half_life[units]),
            "decay": _plain(memory.decay_half_life[units]),
            "size": _plain(memory.size[units]),
            "longest": float(memory.lifetimes.max(initial=1)),
        }

    def about(self) -> dict[str, Any]:
        """Return what pages need to know besides the numbers."""
        layers, hidden, steps = self.material.sizes
        return {
            "panels": self.panels(),
            "layers": layers,
            "hidden": hidden,
            "mostStart": most_start(steps),
            "stride": self.material.recording.stride,
        }

    def panels(self) -> list[dict[str, Any]]:
        """Return what is drawn in which panel."""
        recording, inputs = self.material
        title = "Memory of each unit: writes, holds and wipes"
        rows = {"id": "memory", "kind": "timeline", "title": title, "short": "", "height": 282}
        title = "What a unit holds: correlation of its cell state"
        lags = {"id": "lags", "kind": "lags", "title": title, "height": 132}
        return [rows, *_input_panels(inputs), *column_panels(recording.columns), lags]

    def note(self) -> str:
        """Say what is left out."""
        recording = self.material.recording
        told = []
        steps, drawn = len(recording), len(recording.steps[self.window])
        if drawn < steps:
            told.append(f"Drawn are {drawn:,} of {steps:,} steps; all of them are measured.")
        if recording.stride > 1:
            told.append(f"Recorded was one step in {recording.stride}.")
        if len(self.units) < recording.hidden_size:
            told.append(
                f"Drawn are the first {len(self.units)} of {recording.hidden_size:,} units."
            )
        return " ".join(told)


def _input_panels(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = list(inputs)[:MOST_INPUTS]
    if not names:
        return []
    title = "Inputs" if len(names) == len(inputs) else f"Inputs: the first of {len(inputs)}"
    return [
        {
            "id": "inputs",
            "kind": "inputs",
            "title": title,
            "height": 26 * len(names),
            "names": names,
        }
    ]


def _is_a_few_words(recording: Recording) -> bool:
    labels = recording.labels
    if noun_of(labels, recording.steps) or times_of(labels) is not None:
        return False
    return 1 < len(set(labels)) <= min(MOST_TEXTS, len(labels) / 2)


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def most_start(steps: int) -> int:
    """Return the last place at which the steps drawn may begin."""
    return max(0, steps - MOST_STEPS)


def material_of(run: Any) -> Material:
    """Return the last steps of a run that goes on, with its inputs, and its classes if it has some.

    Numbers that are predicted are in the recording itself.
    """
    recording: Recording = run.recording()
    steps = len(recording)
    given = run.given(steps) if run.inputs else np.empty((steps, 0))
    inputs = {str(name): given[:, n] for n, name in enumerate(run.inputs)}
    if run.kind == CLASSES:
        inputs |= _classes(list(run.rows)[-steps:])
    return Material(recording, inputs) if inputs else Material.of(recording)


def _classes(rows: Sequence[Row]) -> Columns:
    """Return zeros and ones for the true classes that are frequent, and their probabilities."""
    truths = [None if row.target is None else named(row.target) for row in rows]
    columns = as_columns({"truth": truths}, len(rows)) if any(truths) else {}
    shares = [{named(name): p for name, p in (row.prediction or {}).items()} for row in rows]
    for truth in list(columns):
        name = truth.removeprefix("truth = ")
        columns[f"probability of {name}"] = as_floats(share.get(name) for share in shares)
    return columns
