"""What an LSTM does and predicts where its gates and units are interfered with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from msgspec.structs import astuple
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..cells import CELLS, Alter, LayerState, Weights, unaltered
from ..checks import as_numbers
from ..lstm import LSTM
from ..state import State
from .interventions import Intervention
from .readout import frozen
from .recording import QUANTITIES, Recording
from .subject import CLASSES, NUMBERS, as_subject

Array = NDArray[np.float64]


class Altered(NamedTuple):
    """A run that was interfered with, or the untouched one.

    Attributes
    ----------
    recording : Recording
        What the LSTM did.
    predictions : ndarray
        At each step the numbers, or the probability of each class, (T, K).
    errors : ndarray or None
        At each step how far the prediction was from the target: of a number the absolute error, of
        a class the negative logarithm of its probability, (T,); NaN where the target is not known.
        None without targets.
    """

    recording: Recording
    predictions: Array
    errors: Array | None


class WhatIf:
    """An LSTM on a sequence, and what would be otherwise.

    Parameters
    ----------
    source, x, targets, labels, sequence
        As `lstmwidgets.analysis.as_subject` takes them.

    Attributes
    ----------
    subject : Subject
    untouched : Altered
        The run as it was.
    parts : dict of str to Tensor
        What the LSTM did there, by the names of `QUANTITIES`, each (T, L, H).
    layers : list of dict
        The weights of each layer.

    Examples
    --------
    >>> what_if = WhatIf(LSTM(3, 8), torch.randn(20, 3))
    >>> altered = what_if.run([Intervention("forget_gate", to=1.0, steps=(5, None))])
    >>> altered.recording.layers["forget_gate"][3:7, 0, 0].round(1).tolist()[2:]
    [1.0, 1.0]
    >>> altered.predictions.shape
    (20, 8)
    """

    def __init__(
        self,
        source: Any,
        x: Any = None,
        *,
        targets: Sequence[Any] | None = None,
        labels: Sequence[str] | None = None,
        sequence: int = 0,
    ) -> None:
        self.subject = as_subject(source, x, targets=targets, labels=labels, sequence=sequence)
        self.layers = weights_of(self.subject.lstm)
        with torch.no_grad():
            trace = self.subject.lstm.trace(self.subject.inputs[None], self.subject.state)
        parts = {name: getattr(trace, name)[:, 0].transpose(0, 1) for name in QUANTITIES}
        self.parts = parts
        self.untouched = self._altered(parts)

    def run(self, interventions: Sequence[Intervention]) -> Altered:
        """Return what would have been, had these been made."""
        lstm, steps = self.subject.lstm, len(self.subject)
        check_interventions(lstm, interventions)
        first = min((each.steps[0] for each in interventions), default=steps)
        if first >= steps:
            return self.untouched
        low = next(k for k in range(lstm.num_layers) if own_of(lstm, interventions, k))
        found = {name: part.clone() for name, part in self.parts.items()}
        self.run_many([interventions], first, low, found)
        return self._altered(found)

    @torch.inference_mode()
    def run_many(
        self,
        variants: Sequence[Sequence[Intervention]],
        first: int = 0,
        low: int = 0,
        into: dict[str, Tensor] | None = None,
    ) -> Tensor:
        """Run B variants at once.

        Parameters
        ----------
        variants : sequence of sequence of Intervention
            The interventions of each.
        first, low : int
            The first step and the lowest layer that one of them touches.
        into : dict of str to Tensor, optional
            Of a single variant gets what the LSTM did, by part, each (T, L, H).

        Returns
        -------
        Tensor
            The top layer's hidden outputs, (B, T, H).
        """
        subject, kept = self.subject, self.parts
        cell, steps, batch = CELLS[subject.lstm.cell], len(subject), len(variants)
        below = kept["hidden"][first:, low - 1] if low else subject.inputs[first:]
        for level in range(low, len(self.layers)):
            weights = self.layers[level]
            projected = cell.project(below, weights)  # (T', 4H), or (T', B, 4H)
            now = tuple(part.expand(batch, -1) for part in self._before(first, level))
            own = [own_of(subject.lstm, one, level) for one in variants]
            below = projected.new_empty(steps - first, batch, subject.lstm.hidden_size)
            done: list[tuple[Tensor, ...]] = []
            for start, end, alter in _stretches(own, first, steps, below[0]):
                for t in range(start - first, end - first):
                    now, gates = cell.advance(projected[t], now, weights, alter)
                    below[t] = now[0]
                    if into is not None:
                        done.append((*now[:2], *gates))
            if into is not None:
                names = ("hidden", "cell", *gates._fields)
                for name, values in zip(names, zip(*done, strict=True), strict=True):
                    into[name][first:, level] = torch.cat(values)
        past = kept["hidden"][:first, -1].expand(batch, -1, -1)
        return torch.cat([past, below.transpose(0, 1)], 1)

    @torch.no_grad()
    def predictions(self, hidden: Tensor) -> NDArray[Any]:
        """Return what is predicted from hidden outputs (…, T, H): numbers or probabilities."""
        inputs = self.subject.inputs.expand(*hidden.shape[:-1], -1)
        outputs = self.subject.readout(hidden, inputs)
        if self.subject.task == CLASSES:
            outputs = outputs.softmax(-1)
        predictions: NDArray[Any] = outputs.numpy()
        return predictions

    def errors(self, predictions: NDArray[Any]) -> Array | None:
        """Return how far predictions (…, T, K) are from the targets, (…, T); see `Altered`."""
        targets, task = self.subject.targets, self.subject.task
        if targets is None or task not in (CLASSES, NUMBERS):
            return None
        if task == NUMBERS:
            return np.abs(predictions[..., 0] - targets)
        known = np.isfinite(targets)
        places = np.where(known, targets, 0).astype(int)
        given = np.take_along_axis(
            predictions, np.broadcast_to(places[:, None], (*predictions.shape[:-1], 1)), -1
        )[..., 0]
        return np.where(known, -np.log(np.maximum(given, np.finfo(float).tiny)), np.nan)

    def _before(self, first: int, level: int) -> LayerState:
        """Return the untouched state of a layer before a step, each (H,)."""
        if first == 0:
            return tuple(part[level, 0] for part in self.subject.state)
        names = {"h": "hidden", "c": "cell", "i": "input_gate", "f": "forget_gate"}
        names["o"] = "output_gate"
        fields = type(self.subject.state)._fields
        return tuple(self.parts[names[field]][first - 1, level] for field in fields)

    def _altered(self, parts: dict[str, Tensor]) -> Altered:
        subject = self.subject
        predictions = self.predictions(parts["hidden"][:, -1]).astype(np.float64)
        recording = Recording(
            {name: np.ascontiguousarray(part.float().numpy()) for name, part in parts.items()},
            subject.labels,
            np.arange(len(subject)),
            cell=subject.lstm.cell,
        )
        return Altered(recording, predictions, self.errors(predictions))


class AlteredStepper:
    """Runs an LSTM one step after the other and interferes with it.

    Parameters
    ----------
    lstm : LSTM
        Its weights are taken as they are now.
    interventions : sequence of Intervention
        Their steps count from the first one that is taken.
    state : LSTMState or FullGateState, optional
        State before the first step, each field (L, 1, H); zeros by default.

    Attributes
    ----------
    state : LSTMState or FullGateState
        State after the last step.
    steps : int
        How many steps were taken.

    Examples
    --------
    >>> stepper = AlteredStepper(LSTM(2, 4), [Intervention("hidden", to=0.0, units=[1])])
    >>> float(stepper.step(np.array([0.5, -1.0]))[1])
    0.0
    """

    def __init__(
        self, lstm: LSTM, interventions: Sequence[Intervention], state: State | None = None
    ) -> None:
        check_interventions(lstm, interventions)
        lstm = frozen(lstm)
        self.input_size = lstm.input_size
        self._cell, self._layers = CELLS[lstm.cell], weights_of(lstm)
        self._own = [own_of(lstm, interventions, level) for level in range(lstm.num_layers)]
        self.state = lstm.initial_state(1) if state is None else state
        self.steps = 0

    @torch.no_grad()
    def step(self, x_t: ArrayLike) -> NDArray[Any]:
        """Advance by one step: from an input (I,) to the top layer's hidden output (H,)."""
        given = as_numbers(x_t, "the input")
        if given.shape != (self.input_size,):
            raise ValueError(f"expected input of shape ({self.input_size},), got {given.shape}")
        below = torch.from_numpy(given)[None].to(self._layers[0]["weight_hh"])
        after = []
        for level, weights in enumerate(self._layers):
            before = tuple(part[level] for part in self.state)
            alter = _alteration([self._own[level]], self.steps, before[0])
            projected = self._cell.project(below, weights)
            now, _ = self._cell.advance(projected, before, weights, alter)
            below = now[0]
            after.append(now)
        self.state = type(self.state)(*map(torch.stack, zip(*after, strict=True)))
        self.steps += 1
        hidden: NDArray[Any] = below[0].numpy()
        return hidden


def check_interventions(lstm: LSTM, interventions: Sequence[Intervention]) -> None:
    """Raise ValueError if an LSTM has no such layer or unit."""
    for each in interventions:
        if each.layer is not None and each.layer >= lstm.num_layers:
            raise ValueError(f"layer must be from 0 to {lstm.num_layers - 1}, got {each.layer}")
        if each.units is not None and max(each.units) >= lstm.hidden_size:
            last = lstm.hidden_size - 1
            raise ValueError(f"units are numbers from 0 to {last}, got {max(each.units)}")


def own_of(lstm: LSTM, interventions: Iterable[Intervention], level: int) -> list[Intervention]:
    """Return those that are made in a layer."""
    top = lstm.num_layers - 1
    return [each for each in interventions if (top if each.layer is None else each.layer) == level]


def weights_of(lstm: LSTM) -> list[Weights]:
    """Return the weights of each layer by their names without its suffix."""
    names = CELLS[lstm.cell].shapes(1, 1)
    return [
        {name: getattr(lstm, f"{name}_l{layer}").detach() for name in names}
        for layer in range(lstm.num_layers)
    ]


def _stretches(
    variants: Sequence[Sequence[Intervention]], first: int, steps: int, like: Tensor
) -> Iterator[tuple[int, int, Alter]]:
    """Yield stretches of steps in which the same is altered: the first, the end, and how."""
    bounds = {first, steps}
    for start, last in (each.steps for one in variants for each in one):
        bounds |= {start, steps if last is None else last + 1}
    for start, end in pairwise(sorted(bound for bound in bounds if first <= bound <= steps)):
        yield start, end, _alteration(variants, start, like)


def _alteration(variants: Sequence[Sequence[Intervention]], step: int, like: Tensor) -> Alter:
    """Return how B variants alter a step; `like` is any part of it, (B, H)."""
    parts: dict[str, tuple[Tensor, Tensor]] = {}
    for row, one in enumerate(variants):
        for part, to, by, units, (first, last), _ in map(astuple, one):
            if step < first or (last is not None and step > last):
                continue
            if part not in parts:
                parts[part] = torch.ones_like(like), torch.zeros_like(like)
            which = slice(None) if units is None else list(units)
            for values in parts[part]:
                values[row, which] *= 0.0 if by is None else by
            if to is not None:
                parts[part][1][row, which] = to
    if not parts:
        return unaltered
    return partial(_changed, parts)


def _changed(parts: Mapping[str, tuple[Tensor, Tensor]], name: str, values: Tensor) -> Tensor:
    """Return the values of a part of a step times a factor and with a summand, if it has these."""
    if name not in parts:
        return values
    factor, summand = parts[name]
    return torch.addcmul(summand, values, factor)
