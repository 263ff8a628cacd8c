"""Running predictions on streams: sources, the predict-emit-learn loop, sinks and reports.

The names below are imported when they are first used, so that the command can answer before PyTorch
and Numba are there.
"""

from typing import TYPE_CHECKING

from lstmwidgets.lazy import lazily

if TYPE_CHECKING:
    from .errors import StreamError
    from .events import BadRecord, Event, LateTarget, Outcome, Prediction
    from .job.model import job_model
    from .job.options import Job
    from .job.results import JobResult
    from .job.run import run_job
    from .runner import StreamRunner
    from .sources import Columns

__all__ = [
    "BadRecord",
    "Columns",
    "Event",
    "Job",
    "JobResult",
    "LateTarget",
    "Outcome",
    "Prediction",
    "StreamError",
    "StreamRunner",
    "job_model",
    "run_job",
]

_MODULES = {
    "BadRecord": "events",
    "Columns": "sources",
    "Event": "events",
    "Job": "job.options",
    "JobResult": "job.results",
    "LateTarget": "events",
    "Outcome": "events",
    "Prediction": "events",
    "StreamError": "errors",
    "StreamRunner": "runner",
    "job_model": "job.model",
    "run_job": "job.run",
}

if not TYPE_CHECKING:  # to a type checker every name would exist
    __getattr__ = lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
