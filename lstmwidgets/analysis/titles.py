"""What pictures call what they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from river.metrics.base import Metric  # which who only draws need not load

TITLES: Mapping[str, str] = {
    "cell": "Cell state c: what each unit remembers",
    "forget_gate": "Forget gate f: how much old information stays",
    "input_gate": "Input gate i: how much new information enters",
    "candidate": "Candidate g: what is offered to the cell",
    "output_gate": "Output gate o: how much of the cell is shown",
    "hidden": "Hidden output h: what the layer passes on",
}
"""What each quantity says, from above, as pictures of all of them have it."""

MAPS = {name: TITLES[name] for name in ("cell", "forget_gate", "input_gate", "output_gate")}
"""Quantities drawn below what is predicted, from above, and their titles."""

LOOKED_AT = ("target", "prediction")
"""Numbers and categories of a recording that come first."""

METRICS = {"MAE": "Mean absolute error", "RMSE": "Root mean squared error"}


def metric_title(metric: Metric) -> str:
    """Return the name of a metric, for people."""
    name = type(metric).__name__
    return METRICS.get(name, name)
