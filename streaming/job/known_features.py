"""Which features of a stream a model that learns nothing can use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from lstmwidgets.online.estimator import LSTMEstimator
from lstmwidgets.online.features import FeatureEncoder

from ..events import Event


def known_only(
    events: Iterable[Event | None], model: LSTMEstimator, note: Callable[[str], None]
) -> Iterator[Event | None]:
    """Yield events without the features that a model has never learned, and say once which.

    An event with none of the model's is left as it is, for the model to refuse.

    Parameters
    ----------
    events : iterable of Event or None
        The stream.
    model : LSTMEstimator
        What it has learned is looked up as features come.
    note : callable
        Is told.
    """
    known: dict[Any, bool] = {}
    columns = columns_of(model)
    for event in events:
        if event is None:
            yield None
            continue
        new = [name for name in event.x if name not in known]
        known |= {name: is_known(name, columns) for name in new}
        extra = [name for name in new if not known[name]]
        if all(known[name] for name in event.x) or not any(known[name] for name in event.x):
            yield event
            continue
        if extra:
            note(f"not among the model's features, and left out: {', '.join(map(str, extra))}")
        yield replace(event, x={name: each for name, each in event.x.items() if known[name]})


def columns_of(model: LSTMEstimator) -> list[str]:
    """Return the columns that a model has given to features."""
    encoder = model.__getstate__()["_encoder"]
    assert isinstance(encoder, FeatureEncoder)
    return list(encoder.columns)


def is_known(name: Any, columns: list[str]) -> bool:
    """Say whether one of a model's columns is a feature's."""
    written = repr(name)
    return any(column == written or column.startswith(f"{written} ") for column in columns)
