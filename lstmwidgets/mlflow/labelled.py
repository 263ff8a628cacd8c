"""Classes and their probabilities in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}


def label_type(labels: Iterable[Any]) -> str:
    """Return MLflow's type for labels; those of other or several types are told as texts."""
    kinds = {type(each) for each in labels}
    return TYPES.get(kinds.pop(), "string") if len(kinds) == 1 else "string"


def labelled(probabilities: Mapping[Any, float], kind: str) -> dict[str, Any]:
    """Return the likeliest class and the probabilities of all, by how labels are written."""
    likeliest = max(probabilities, key=probabilities.__getitem__) if probabilities else None
    return {
        "prediction": str(likeliest) if kind == "string" else likeliest,
        "probabilities": {str(label): float(p) for label, p in probabilities.items()},
    }
