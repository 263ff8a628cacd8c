"""Which units matter: how far the predictions move when one is silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataframes import pandas
from .adjoints import layer_adjoints
from .gradient_flow import as_layers, layer_weights
from .interventions import Intervention, ablation
from .subject import CLASSES
from .what_if import WhatIf, check_interventions

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Array = NDArray[np.float64]

ROOM = 96 << 20
"""Bytes that the hidden outputs of the units which are silenced at the same time may take."""

MOST = 128
"""So many are, at most."""


@dataclass(frozen=True, eq=False)
class UnitRanking:
    """What becomes of the predictions when a unit is silent over the whole sequence.

    Attributes
    ----------
    layer : int
        Whose units these are.
    moved : ndarray
        How far the predictions move, in the mean over the steps, (H,): numbers in the target's
        units; of classes the total variation distance of the probabilities, from 0 to 1.
    damage : ndarray
        By how much the mean error grows, (H,); NaN without targets, or where it is not measured.
        `lstmwidgets.analysis.Altered` says what an error is.
    adds : ndarray
        How much the unit's hidden output adds to the predictions as they are read out, in the mean
        over the steps, (H,): the part of `moved` that does not go through other units and later
        steps. Only of the top layer; NaN elsewhere.
    measured : ndarray of bool
        Whose `moved` and `damage` are measured, (H,). That of the others is estimated by the
        gradient, which says nothing of the damage.
    """

    layer: int
    moved: Array
    damage: Array
    adds: Array
    measured: NDArray[np.bool_]

    def __repr__(self) -> str:
        best = ", ".join(map(str, self.order[:3]))
        return (
            f"UnitRanking(layer={self.layer}, units={len(self.moved)}, "
            f"measured={int(self.measured.sum())}, first={best})"
        )

    @property
    def order(self) -> list[int]:
        """The units, those that matter most first: by damage where all is measured, or `moved`."""
        by = self.damage if np.isfinite(self.damage).all() else self.moved
        order: list[int] = np.argsort(-by, kind="stable").tolist()
        return order

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each unit, those that matter most first."""
        pd = pandas()
        columns = {name: getattr(self, name) for name in ("moved", "damage", "adds", "measured")}
        return pd.DataFrame({"unit": np.arange(len(self.moved)), **columns}).iloc[self.order]


def rank_units(what_if: WhatIf, layer: int | None = None) -> Iterator[UnitRanking]:
    """Rank the units of a layer, at first by the gradient and then by silencing each one.

    Parameters
    ----------
    what_if : WhatIf
        The LSTM on a sequence.
    layer : int, optional
        Which layer, 0 the lowest; the top one by default.

    Yields
    ------
    UnitRanking
        One by the gradient at once; then one for every few units that have been silenced, the last
        with all of them. Units that the gradient ranks high are silenced first.

    Examples
    --------
    >>> from lstmwidgets import LSTM
    >>> *_, ranking = rank_units(WhatIf(LSTM(3, 8), torch.randn(20, 3)))
    >>> len(ranking.order), bool(ranking.measured.all())
    (8, True)
    """
    lstm, steps = what_if.subject.lstm, len(what_if.subject)
    check_interventions(lstm, [Intervention("hidden", to=0.0, layer=layer)])
    level = lstm.num_layers - 1 if layer is None else layer
    size = lstm.hidden_size
    ranking = _by_gradient(what_if, level)
    yield ranking
    order, untouched = ranking.order, what_if.untouched
    each = steps * size * what_if.subject.inputs.element_size()
    room = max(1, min(MOST, ROOM // each))
    for first in range(0, size, room):
        units = order[first : first + room]
        hidden = what_if.run_many([[ablation(unit, layer=level)] for unit in units], low=level)
        predictions = what_if.predictions(hidden)
        names = ("moved", "damage", "adds", "measured")
        ranking = replace(ranking, **{name: getattr(ranking, name).copy() for name in names})
        ranking.moved[units] = _distance(what_if, predictions).mean(-1)
        errors = what_if.errors(predictions)
        if errors is not None and untouched.errors is not None:
            ranking.damage[units] = np.nanmean(errors - untouched.errors, -1)
        if level == lstm.num_layers - 1:
            ranking.adds[units] = _distance(what_if, _read_without(what_if, units)).mean(-1)
        ranking.measured[units] = True
        yield ranking


def _by_gradient(what_if: WhatIf, level: int) -> UnitRanking:
    """Return what the gradient says.

    To first order the predictions at all steps move by J h, where h are a unit's hidden outputs at
    all steps and J the derivatives with respect to them. With random signs v the products of h and
    v J have the squares that J's have, in the mean: of one pass back through time.
    """
    subject = what_if.subject.to(torch.float64)
    lstm, layers = subject.lstm, as_layers(subject, what_if.parts)
    hidden = torch.from_numpy(layers[-1].h).requires_grad_()
    outputs = subject.readout(hidden, subject.inputs)
    if subject.task == CLASSES:
        outputs = outputs.softmax(-1)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, outputs.shape, generator=generator).to(outputs) * 2 - 1
    (gradient,) = torch.autograd.grad((outputs * signs).sum(), hidden)
    d_hidden: Array = gradient.numpy()
    weights = layer_weights(lstm)
    for above in range(lstm.num_layers - 1, level, -1):
        d_hidden = layer_adjoints(lstm.cell, weights[above], layers[above], d_hidden).input
    felt = layer_adjoints(lstm.cell, weights[level], layers[level], d_hidden).hidden
    unknown = np.full(lstm.hidden_size, np.nan)
    return UnitRanking(
        level,
        np.sqrt(((felt * layers[level].h) ** 2).mean(0)),
        unknown,
        unknown,
        np.zeros(lstm.hidden_size, bool),
    )


def _read_without(what_if: WhatIf, units: list[int]) -> NDArray[Any]:
    """Return what is read out of the untouched hidden outputs but for one unit, (N, T, K)."""
    hidden = what_if.parts["hidden"][:, -1].repeat(len(units), 1, 1)
    for row, unit in enumerate(units):
        hidden[row, :, unit] = 0
    return what_if.predictions(hidden)


def _distance(what_if: WhatIf, predictions: NDArray[Any]) -> NDArray[Any]:
    """Return how far predictions (…, T, K) are from the untouched ones at each step, (…, T)."""
    apart = np.abs(predictions - what_if.untouched.predictions.astype(predictions.dtype))
    distance: NDArray[Any] = apart.mean(-1)
    return (
        distance * len(what_if.subject.outputs) / 2 if what_if.subject.task == CLASSES else distance
    )
