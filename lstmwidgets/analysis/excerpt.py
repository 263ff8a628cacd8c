"""The part of a recording that a picture can show: one layer, not too many units and steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .ordering import liveliest, order_units
from .recording import Recording

MOST_STEPS = 2_000
"""Most steps drawn: about the pixels of a wide screen."""

MOST_UNITS = 256
"""Most units drawn: more rows than that are less than a pixel high."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """What is drawn of one layer of a recording.

    Attributes
    ----------
    recording : Recording
    layer : int
        From 0, the lowest.
    units : ndarray of int
        Numbers of the units, ascending, (U,).
    every : int
        One step in so many is drawn.

    Examples
    --------
    >>> import torch
    >>> from lstmwidgets import LSTM
    >>> recording = Recording.from_trace(LSTM(3, 8).trace(torch.randn(1, 50, 3)))
    >>> excerpt = Excerpt.of(recording, 0, most_steps=20, most_units=4)
    >>> excerpt.values("cell").shape
    (17, 4)
    >>> print(*excerpt.notes(), sep="; ")
    one step in 3 is drawn; drawn are the 4 of 8 units whose cell state moves the most
    """

    recording: Recording
    layer: int
    units: NDArray[np.int64]
    every: int

    @classmethod
    def of(
        cls,
        recording: Recording,
        layer: int = -1,
        *,
        units: NDArray[np.int64] | None = None,
        most_steps: int = MOST_STEPS,
        most_units: int = MOST_UNITS,
    ) -> Self:
        """Choose what to draw.

        Parameters
        ----------
        recording : Recording
        layer : int
            From 0, the lowest; or from the end, -1 being the top one.
        units : ndarray of int, optional
            Their numbers; by default those whose cell state moves the most.
        most_steps, most_units : int
            Bounds of what is drawn.
        """
        if not len(recording):
            raise ValueError("this recording has no steps, so that there is nothing to draw")
        layers = recording.num_layers
        if isinstance(layer, bool) or not isinstance(layer, int) or not -layers <= layer < layers:
            raise ValueError(
                f"layer must be from 0 to {layers - 1}, or -1 for the top; got {layer!r}"
            )
        layer %= layers
        every = -(-len(recording) // most_steps)
        if units is None:
            units = liveliest(recording.layers["cell"][::every, layer], most_units)
        return cls(recording, layer, units, every)

    def ordered(self, by: str) -> Self:
        """Return the same with the units in an order of `order_units`."""
        return replace(self, units=self.units[order_units(self.values("cell"), by)])

    def moved_to(self, recording: Recording, by: str, *, layer: int | None = None) -> Self:
        """Return the same part of another recording, or of another layer.

        Units stay where they are; where the layer or its size differ they are chosen and ordered
        anew.

        Parameters
        ----------
        recording : Recording
        by : str
            Order of `order_units`.
        layer : int, optional
            By default the present one, or the top one where there are fewer.
        """
        if layer is None:
            layer = min(self.layer, recording.num_layers - 1)
        if (recording.hidden_size, layer) == (self.recording.hidden_size, self.layer):
            return self.of(recording, layer, units=self.units)
        return self.of(recording, layer).ordered(by)

    @property
    def labels(self) -> tuple[str, ...]:
        """What stood at each step that is drawn."""
        return self.recording.labels[:: self.every]

    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]:
        """Numbers that go with the steps that are drawn."""
        return {name: column[:: self.every] for name, column in self.recording.columns.items()}

    @property
    def steps(self) -> NDArray[np.int64]:
        """Position of each step that is drawn, equally far apart.

        Where the recorded ones are not, they are counted from 0 instead.
        """
        return self.recording.numbers[:: self.every]

    @property
    def stride(self) -> int:
        """How far apart the steps are that are drawn."""
        return (self.recording.stride if self.recording.is_regular else 1) * self.every

    def values(self, quantity: str) -> NDArray[np.float32]:
        """Return a quantity, (T, U)."""
        return self.of_units(quantity, self.units)

    def of_units(self, quantity: str, units: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a quantity of any units of the layer, in their order, (T, number of units)."""
        layer: NDArray[np.float32] = self.recording.layers[quantity][:: self.every, self.layer]
        return layer[:, units]

    def notes(self) -> Iterator[str]:
        """Say what is left out."""
        if self.stride > 1:
            yield f"one step in {self.stride} is drawn"
        hidden = self.recording.hidden_size
        if len(self.units) < hidden:
            yield (
                f"drawn are the {len(self.units)} of {hidden:,} units whose cell state moves the "
                "most"
            )


def box_means(
    values: Mapping[str, NDArray[Any]], steps: slice, rows: slice
) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of each quantity over some steps and rows.

    Parameters
    ----------
    values : mapping of str to ndarray
        (T, U) each; NaN counts for nothing.
    steps, rows : slice
        What to look at.
    """
    means = {}
    for name, array in values.items():
        box = array[steps, rows].astype(np.float64)
        known = box[np.isfinite(box)]
        means[name] = (known.mean(), known.std()) if known.size else (np.nan, np.nan)
    return {name: (float(mean), float(spread)) for name, (mean, spread) in means.items()}
