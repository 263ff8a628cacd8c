"""How far two runs differ, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .recording import QUANTITIES, Recording
from .what_if import Altered

Array = NDArray[np.float64]

PREDICTION, ERROR = "prediction", "error"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two recordings at the steps that both have.

    Attributes
    ----------
    steps : ndarray of int
        These steps, by the numbers that pictures give them, (S,).
    columns : mapping of str to ndarray
        Of each column that both have, the second less the first, (S,) in float64; NaN where one of
        them has no value.
    quantities : mapping of str to ndarray
        The same of each of `QUANTITIES`, (S, L, H) in float32; empty where layers or units are not
        as many.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> x = torch.randn(1, 20, 3)
    >>> one, other = (Recording.from_trace(LSTM(3, 8).trace(x)) for _ in "ab")
    >>> found = Comparison.of(one, other)
    >>> found.quantities["cell"].shape
    (20, 1, 8)
    >>> same = Comparison.of(one, one)
    >>> same.mean("cell")
    0.0
    """

    steps: NDArray[np.int64]
    columns: Mapping[str, Array]
    quantities: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, one: Recording, other: Recording) -> Self:
        """Compare two recordings.

        Parameters
        ----------
        one, other : Recording
            Steps are the same where their numbers are, whatever their labels say.
        """
        steps, at, there = np.intersect1d(one.numbers, other.numbers, return_indices=True)
        columns = {
            name: other.columns[name][there] - values[at]
            for name, values in one.columns.items()
            if name in other.columns
        }
        quantities = {}
        if one.layers["cell"].shape[1:] == other.layers["cell"].shape[1:]:
            quantities = {
                name: other.layers[name][there] - one.layers[name][at] for name in QUANTITIES
            }
        return cls(steps, columns, quantities)

    def mean(self, name: str) -> float:
        """Return the mean distance of a column or quantity, over all steps with both values.

        Parameters
        ----------
        name : str
            Of a column, or of one of `QUANTITIES`.

        Returns
        -------
        float
            NaN if there is no such step.
        """
        values = np.abs(self.columns[name] if name in self.columns else self.quantities[name])
        known = values[np.isfinite(values)]
        return float(known.mean()) if known.size else float("nan")

    def farthest(self, name: str) -> tuple[int, float] | None:
        """Return the step at which a column differs most, and by how much; None if nowhere.

        Parameters
        ----------
        name : str
            Of a column.
        """
        values = np.abs(self.columns[name])
        if not np.isfinite(values).any():
            return None
        place = int(np.nanargmax(values))
        return int(self.steps[place]), float(values[place])

    def difference(self, one: Recording, other: Recording) -> Recording:
        """Return the second less the first as a recording, to be shown like any other.

        Parameters
        ----------
        one, other : Recording
            Those that were compared.

        Raises
        ------
        ValueError
            If layers or units are not as many, or there is no step that both have.
        """
        if not self.quantities:
            sizes = " and ".join(f"{r.num_layers} x {r.hidden_size}" for r in (one, other))
            raise ValueError(f"layers and units must be as many in both, got {sizes}")
        if not len(self.steps):
            raise ValueError("the recordings have no step in common")
        places = np.flatnonzero(np.isin(one.numbers, self.steps))
        labels = tuple(one.labels[place] for place in places)
        return Recording(self.quantities, labels, self.steps, self.columns, one.cell, one.stride)


def recording_of_run(run: Altered) -> Recording:
    """Return what the LSTM did in a run, with its predictions and errors as columns.

    Parameters
    ----------
    run : Altered
        Of `WhatIf`, or one of `GateLab.runs`.

    Returns
    -------
    Recording
        Its columns are ``prediction``, or ``prediction 0``, … if there are several of up to ten,
        and ``error`` if the targets are known.
    """
    predictions = run.predictions.T[:10]
    one = len(predictions) == 1
    columns = {
        PREDICTION if one else f"{PREDICTION} {n}": np.asarray(values, np.float64)
        for n, values in enumerate(predictions)
    }
    if run.errors is not None:
        columns[ERROR] = run.errors
    return replace(run.recording, columns={**run.recording.columns, **columns})
