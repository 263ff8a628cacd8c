"""Running predictions on streams: sources, the predict-emit-learn loop, sinks and reports."""

from .errors import StreamError
from .events import Event, Outcome, Prediction
from .runner import StreamRunner

__all__ = ["Event", "Outcome", "Prediction", "StreamError", "StreamRunner"]
