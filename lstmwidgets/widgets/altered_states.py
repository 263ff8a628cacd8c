"""What `GateLab` draws: a run that was interfered with, beside the untouched one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import QUANTITIES, Altered, WhatIf
from ..analysis.subject import CLASSES
from ..live import Choice
from ..plots.state_lines import COLOURS
from .following import run_name
from .shown_states import RecordedStates, unit_panels

LINES = 96
"""Height of predictions and errors, in pixels."""

PREDICTED, MISSED = "prediction", "error"

UNTOUCHED = "untouched"


class AlteredStates(RecordedStates):
    """A layer of a run that was interfered with, in rows, over the predictions of all runs.

    Parameters
    ----------
    what_if : WhatIf
    choice : Choice
        Layer, order and further units.
    output : int
        Whose prediction is drawn.

    Attributes
    ----------
    output : int
    """

    def __init__(self, what_if: WhatIf, choice: Choice, output: int) -> None:
        self._what_if = what_if
        self._names: Sequence[str] = ()
        self._difference = False
        self.output = output
        super().__init__(replace(what_if.untouched.recording, columns=self._columns(())), choice)

    @property
    def name(self) -> str:
        """By which pages know what is shown, whatever was done to it."""
        return run_name(self._what_if)

    def take(
        self, names: Sequence[str], runs: Sequence[Altered], shown: int, *, difference: bool
    ) -> None:
        """Draw one of the runs, and the predictions of all.

        Parameters
        ----------
        names : sequence of str
            Of the scenarios.
        runs : sequence of Altered
            What came of each.
        shown : int
            Whose states are drawn; -1 for the untouched run.
        difference : bool
            Draw by how much they differ from the untouched ones.
        """
        self._names, self._difference = names, difference and shown >= 0
        untouched = self._what_if.untouched.recording
        recording = untouched if shown < 0 else runs[shown].recording
        layers = recording.layers
        if self._difference:
            layers = {name: layers[name] - untouched.layers[name] for name in QUANTITIES}
        self.show(replace(recording, layers=layers, columns=self._columns(runs)))

    def _columns(self, runs: Sequence[Altered]) -> Mapping[str, NDArray[np.float64]]:
        subject = self._what_if.subject
        columns: dict[str, NDArray[np.float64]] = {}
        if subject.targets is not None:
            hit = np.where(np.isnan(subject.targets), np.nan, subject.targets == self.output)
            columns["target"] = hit if self._is_class else subject.targets
        every = [self._what_if.untouched, *runs]
        columns |= {
            f"{PREDICTED} {n}": run.predictions[:, self.output] for n, run in enumerate(every)
        }
        if subject.targets is not None:
            columns |= {
                f"{MISSED} {n}": run.errors for n, run in enumerate(every) if run.errors is not None
            }
        return columns

    @property
    def _is_class(self) -> bool:
        return self._what_if.subject.task == CLASSES

    def panels(self) -> list[dict[str, Any]]:
        """Return what is drawn in which panel."""
        outputs = self._what_if.subject.outputs
        of = f" of {outputs[self.output]}" if len(outputs) > 1 else ""
        kind = "Probability" if self._is_class else "Prediction"
        above = [self._lines(PREDICTED, f"{kind}{of}")]
        if self._what_if.untouched.errors is not None:
            loss = ": negative logarithm of the true class's probability" if self._is_class else ""
            above.append(self._lines(MISSED, f"Error{loss}"))
        units = unit_panels()
        if self._difference:
            for panel in units:
                if panel["kind"] == "units":
                    panel |= {"signed": True, "title": f"{panel['short']}: by how much it differs"}
        return [*above, *units]

    def _lines(self, kind: str, title: str) -> dict[str, Any]:
        """Return the panel of a kind of numbers of all runs, of predictions also the target."""
        looks = [("target", "target", "truth", 3.0)] if kind == PREDICTED else []
        for n, name in enumerate([UNTOUCHED, *self._names]):
            looks.append((f"{kind} {n}", name, colour_of(n - 1), 1.6))
        places = {column: f"n{n}" for n, column in enumerate(self.excerpt.columns)}
        lines = [
            {"column": places[column], "label": label, "colour": colour, "width": width}
            for column, label, colour, width in looks
            if column in places
        ]
        return {"id": kind, "kind": "lines", "title": title, "height": LINES, "lines": lines}


def colour_of(scenario: int) -> str:
    """Return the colour of a scenario, or of the untouched run, -1."""
    return "model" if scenario < 0 else SCENARIOS[scenario % len(SCENARIOS)]


SCENARIOS = tuple(colour for colour in COLOURS if colour not in ("#0072b2", "#56b4e9"))
"""Colours of scenarios, none of them blue as the model's, which the untouched run has."""
