"""Running predictions on streams: sources, the predict-emit-learn loop, sinks and reports."""

from .errors import StreamError
from .events import BadRecord, Event, LateTarget, Outcome, Prediction
from .job import Job
from .loading import job_model
from .runner import StreamRunner
from .sources import Columns

__all__ = [
    "BadRecord",
    "Columns",
    "Event",
    "Job",
    "LateTarget",
    "Outcome",
    "Prediction",
    "StreamError",
    "StreamRunner",
    "job_model",
]
