"""A runner with all that a job gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lstmwidgets.analysis.tasks import last_step
from lstmwidgets.online import LSTMRegressor

from ..events import Event
from ..runner import StreamRunner
from ..sinks import Sink
from ..state.checkpoint import JobFolder
from ..state.frozen import Serving
from ..state.keyed import KeyedStreams
from ..state.turns import carries
from ..state.waiting import WaitingEvents
from ..tasks import Task
from .known_features import known_only
from .options import Job


def runner_of(
    job: Job,
    task: Task,
    model: Any,
    events: Iterable[Event | None],
    *,
    sinks: Mapping[str, Sink],
    folder: JobFolder | None,
    served: int,
    note: Callable[[str], None],
) -> StreamRunner:
    """Return what runs a job.

    Parameters
    ----------
    job : Job
        What to do.
    task : Task
        What it predicts.
    model : estimator
        To go on with.
    events : iterable of Event or None
        The stream.
    sinks : mapping of str to Sink
        By what goes into them.
    folder : JobFolder or None
        Where states are kept.
    served : int
        How many events a model that learns nothing predicts together at most.
    note : callable
        Is told what is left out.
    """
    cold = None if folder is None else folder.cold("streams")
    waiting, serving, keys = None, None, None
    keyed = job.columns.key is not None
    if not job.learn and carries(last_step(model)):
        events = known_only(events, last_step(model), note)
    if job.columns.id is not None:
        store = None if folder is None else folder.cold("waiting")
        waiting = WaitingEvents(store, job.wait_events, job.wait_seconds, keyed=keyed)
    if not job.learn and type(model) is LSTMRegressor:
        serving = Serving(model, cold, job.hot_keys if keyed else 1, served)
    elif keyed:
        memories, shared = task.scores(keyed=True), job.shared or not job.learn
        keys = KeyedStreams(model, cold, job.hot_keys, memories, shared=shared)
    return StreamRunner(
        model,
        events,
        sinks.get("predictions"),
        task=task,
        keys=keys,
        waiting=waiting,
        late_sink=sinks.get("late targets"),
        serving=serving,
        learn=job.learn,
    )
