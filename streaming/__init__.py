"""Running predictions on streams: sources, the predict-emit-learn loop, sinks and reports."""

from .errors import StreamError
from .events import BadRecord, Event, LateTarget, Outcome, Prediction
from .runner import StreamRunner

__all__ = [
    "BadRecord",
    "Event",
    "LateTarget",
    "Outcome",
    "Prediction",
    "StreamError",
    "StreamRunner",
]
