"""What an LSTM did, step after step, kept for pictures and in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..cells import CELLS
from ..checks import check_choice
from ..saving import load
from ..state import Gates, State
from ..trace import Trace

QUANTITIES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
"""What is recorded of every unit at every step."""

ORDER = ("hidden", "cell", "input_gate", "forget_gate", "candidate", "output_gate")
"""The same as they stand beside each other in an estimator's `activations`."""


@runtime_checkable
class Inspectable(Protocol):
    """A model whose LSTM can be looked at while it runs, as those in `lstmwidgets.online`."""

    state: State | None
    gates: Gates | None


@runtime_checkable
class Recorded(Protocol):
    """What can say what it has seen of an LSTM, as the widget `LiveStream`."""

    def recording(self) -> Recording:
        """Return the last steps."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Gates, memory cell and hidden output of every layer and unit, step by step.

    Attributes
    ----------
    layers : mapping of str to ndarray
        For each of `QUANTITIES` the values, (T, L, H) in float32.
    labels : tuple of str
        What stood at each step, for people: a word, a time, "event 3"; as many as steps.
    steps : ndarray of int
        Position of each recorded step in its sequence or stream, (T,), `stride` apart.
    columns : mapping of str to ndarray
        Numbers that go with the steps, each (T,) in float64: target, prediction, …; NaN where there
        is none.
    cell : str
        Cell kind.
    stride : int
        How many steps lie between recorded ones.
    categories : mapping of str to tuple of str
        Words that go with the steps, each as many as steps: true class, predicted class, part of
        speech, …; empty where there is none.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> recording = Recording.from_trace(LSTM(3, 8).trace(torch.randn(2, 5, 3)), list("hello"))
    >>> recording
    Recording(steps=5, layers=1, units=8, cell='standard')
    >>> recording.layers["forget_gate"].shape
    (5, 1, 8)
    """

    layers: Mapping[str, NDArray[np.float32]]
    labels: tuple[str, ...]
    steps: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    cell: str = "standard"
    stride: int = 1
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [name for name in QUANTITIES if name not in self.layers]
        if missing:
            raise ValueError(f"a recording needs all of {', '.join(QUANTITIES)}; missing {missing}")
        shapes = {self.layers[name].shape for name in QUANTITIES}
        shape = self.layers["cell"].shape
        if len(shapes) > 1 or len(shape) != 3:
            raise ValueError(f"all quantities must be of one shape (T, L, H), got {sorted(shapes)}")
        sizes = {"labels": len(self.labels), "steps": len(self.steps)}
        for named in (self.columns, self.categories):
            sizes |= {name: len(column) for name, column in named.items()}
        for name, size in sizes.items():
            if size != shape[0]:
                raise ValueError(f"expected {name} for each of {shape[0]} steps, got {size}")
        check_choice("cell", self.cell, CELLS)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"Recording(steps={len(self)}, layers={self.num_layers}, units={self.hidden_size}, "
            f"cell={self.cell!r})"
        )

    @property
    def num_layers(self) -> int:
        """L: layers on top of each other."""
        return int(self.layers["cell"].shape[1])

    @property
    def hidden_size(self) -> int:
        """H: units of a layer."""
        return int(self.layers["cell"].shape[2])

    @property
    def is_regular(self) -> bool:
        """Whether all steps are `stride` apart."""
        return bool((np.diff(self.steps) == self.stride).all())

    @property
    def numbers(self) -> NDArray[np.int64]:
        """What pictures call the steps, ascending, (T,): `steps`, or from 0 on if irregular."""
        return self.steps if self.is_regular else np.arange(len(self))

    @classmethod
    def from_trace(
        cls,
        trace: Trace,
        labels: Sequence[str] | None = None,
        *,
        sequence: int = 0,
    ) -> Self:
        """Take one sequence out of a trace.

        Parameters
        ----------
        trace : Trace
            Of `LSTM.trace`.
        labels : sequence of str, optional
            What stood at each step, such as its word; by default numbers.
        sequence : int
            Which of the batch.
        """
        batch, length = trace.cell.shape[1:3]
        if not 0 <= sequence < batch:
            raise ValueError(f"sequence must be from 0 to {batch - 1}, got {sequence}")
        if labels is None:
            labels = [f"step {step}" for step in range(length)]
        return cls(
            {name: _steps_first(getattr(trace, name)[:, sequence]) for name in QUANTITIES},
            tuple(map(str, labels)),
            np.arange(length),
            cell=trace.kind,
        )

    @classmethod
    def from_model(cls, model: Inspectable, label: str = "last event") -> Self:
        """Take the last step of a model that runs."""
        state, gates = model.state, model.gates
        if state is None or gates is None:
            raise ValueError(
                f"this {type(model).__name__} has not seen an event yet, so that there is nothing "
                "to show; let it learn one, or give the widget a source to play"
            )
        parts = {"cell": state.c, "hidden": state.h, **gates._asdict()}
        return cls(
            {name: _steps_first(parts[name]) for name in QUANTITIES},
            (label,),
            np.zeros(1, np.int64),
            cell=getattr(model, "cell", "standard"),
        )

    def tail(self, steps: int) -> Self:
        """Return the last so many steps."""
        return self.part(slice(-steps, None))

    def part(self, which: slice) -> Self:
        """Return some of the steps, as views."""
        return replace(
            self,
            layers={name: values[which] for name, values in self.layers.items()},
            labels=self.labels[which],
            steps=self.steps[which],
            columns={name: values[which] for name, values in self.columns.items()},
            categories={name: words[which] for name, words in self.categories.items()},
        )

    def to_parts(self) -> dict[str, Any]:
        """Return what `lstmwidgets.save` keeps."""
        return {**vars(self)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """Return the recording that `to_parts` was called of."""
        return cls(**parts)


def _steps_first(values: Any) -> NDArray[np.float32]:
    """Return a tensor (L, T, H) as an array (T, L, H)."""
    array: NDArray[np.float32] = values.detach().cpu().float().numpy().swapaxes(0, 1)
    return np.ascontiguousarray(array)


def as_recording(
    thing: object,
    labels: Sequence[str] | None = None,
    sequence: int = 0,
) -> Recording:
    """Return what a picture can be made of as a recording.

    Parameters
    ----------
    thing : Recording, Trace, Inspectable, Recorded or path
        A recording, the trace of an `LSTM`, a model that runs (its last step), a `LiveStream` (what
        it has in view), or a file of one.
    labels : sequence of str, optional
        What stood at each step, in place of the labels that it has.
    sequence : int
        Which sequence of a trace's batch.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If labels or sequence do not fit, or the model has not seen an event yet.
    """
    if isinstance(thing, str | Path):
        recording = load(thing)
        if not isinstance(recording, Recording):
            raise ValueError(f"{thing} holds a {type(recording).__name__} and no recording")
    elif isinstance(thing, Trace):
        return Recording.from_trace(thing, labels, sequence=sequence)
    elif isinstance(thing, Recording):
        recording = thing
    elif isinstance(thing, Recorded):
        recording = thing.recording()
    elif isinstance(thing, Inspectable):
        recording = Recording.from_model(thing)
    else:
        raise TypeError(
            "expected a Recording, a Trace, a model of lstmwidgets.online or the path of a "
            f"recording, got {type(thing).__name__}; of an LSTM show lstm.trace(x)"
        )
    return recording if labels is None else replace(recording, labels=tuple(map(str, labels)))


def noun_of(labels: Sequence[str], steps: NDArray[np.int64]) -> str:
    """Return the word that labels have before their step's number, such as "event"; else ""."""
    word = labels[0].rpartition(" ")[0] if labels else ""
    same = all(
        label.replace(",", "") == f"{word} {step}"
        for label, step in zip(labels, steps.tolist(), strict=True)
    )
    return word if same else ""
