"""A job at work: from its options to the files and the closing table."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from lstmwidgets.online.features import UnknownFeaturesError

from ..counting import counted
from ..errors import StreamError
from ..files import atomic_write
from ..interrupt import Interruptible
from ..pictures.record import Follower, RunRecord
from ..runner import StreamRunner
from ..sinks import Sink, open_sink
from ..sources import Source, open_source
from ..state.checkpoint import JobFolder, Saved
from ..state.frozen import BATCH as SERVED
from ..state.pacing import Due, Spread
from ..tasks import TASKS, Options, Task, task_by, task_for, task_named
from ..tasks.regression import RegressionTask
from ..terminal import note
from .assembly import runner_of
from .finals import Final, facts_of, write_finals
from .first_target import FewWholeNumbers, FirstTarget
from .model import begun_model, bytes_of, check_readable, hash_of, known_model
from .options import JOURNAL, Job
from .progress_bar import Pace, shown
from .results import JobResult, job_result

if TYPE_CHECKING:
    from ..pictures.live_server import Live

BATCH = 64
"""How many events are learned in one call at most: a millisecond or two."""

FINALS = ("report", "recording", "summary")
"""Files that are written at the end of a run."""

HALF = 0.5
"""How full the memory for states is that leave it when a checkpoint is made to empty it."""


def run_job(job: Job, notes: Console | None = None) -> JobResult:
    """Run a job to the end of its source, or until a signal stops it.

    Parameters
    ----------
    job : Job
        What to do.
    notes : rich.console.Console, optional
        Where progress is shown; by default nowhere.

    Returns
    -------
    JobResult
        What it has come to; only ``events`` if the job had been finished before.

    Raises
    ------
    StreamError
        If an option or the data cannot be used; no file has then been written.

    Examples
    --------
    >>> from lstmwidgets.streaming import Job, run_job
    >>> from lstmwidgets.streaming.sources import Columns, IterableSource
    >>> events = [({"hour": n % 24}, float(n % 24)) for n in range(100)]
    >>> run_job(Job(IterableSource(events, Columns()), seed=1)).events
    100
    """
    job.check()
    try:
        with ExitStack() as opened:
            return Run(job, opened, Console(quiet=True) if notes is None else notes).run()
    except MemoryError as error:
        raise StreamError(
            f"there is not enough memory ({error}); choose a smaller --hidden-size, --window or "
            "--hot-keys"
        ) from error
    except UnknownFeaturesError as error:
        raise StreamError(f"{job.model}: {error}") from error


class Run:
    """A job at work, and all that it holds open.

    Parameters
    ----------
    job : Job
        What to do.
    opened : ExitStack
        Closes at the end what is opened here.
    notes : Console
        What people are told meanwhile.
    recorded : bool
        Whether `record` is wanted whatever is written.

    Attributes
    ----------
    record : RunRecord or None
        What happened, once it runs.
    """

    def __init__(
        self, job: Job, opened: ExitStack, notes: Console, *, recorded: bool = False
    ) -> None:
        self.record: RunRecord | None = None
        self.recorded = recorded
        self.job = job
        self.opened = opened
        self.notes = notes
        self.seed = job.seed
        if job.seed is None and job.model is None:
            self.seed = random.SystemRandom().getrandbits(32)
        self.folder: JobFolder | None = None
        self.before: Saved | None = None
        self._places: Mapping[str, Mapping[str, Any]] = {}
        kept = None
        if job.checkpoint is not None:
            check_readable(job.model, job.checkpoint)
            self.folder = opened.enter_context(
                JobFolder(job.checkpoint, job.identity, {"seed": self.seed})
            )
            self.seed = self.folder.options["seed"]
            last, kept = self.folder.load() or (None, None)
            if last is not None:
                self._places = last.outputs
                self.before = last if last.offset else None
        self._kept = kept or None  # none before the second checkpoint
        self._model_file = self._read_model_file()
        self._model = known_model(job.model, self._kept, job.checkpoint)
        self.task_name = self._task_name()
        self.source = self._open_source()
        if self.before is not None:
            self.source.resume(self.before.offset)
        self.sinks: dict[str, Sink] = {}
        self._saved: Saved | None = None
        self._portions = Spread(())  # of the checkpoint that is being made
        self._undecided = False

    def run(self) -> JobResult:
        """Run it to the end of the source, or until it is stopped."""
        job, before = self.job, self.before
        if before is not None and before.finished and not self.source.has_more(before.offset):
            with ExitStack() as opened:  # which looks whether all of it is there
                self._open_sinks(opened, self._task())
            told = f"finished after {counted(before.events, 'event')}: nothing to do"
            unmade = [name for name in FINALS if getattr(job, name) is not None]
            if unmade:
                told += f", and no {' or '.join(unmade)} is written"
            note(self.notes, told)
            return JobResult(self.source.name, self.seed, before.events)
        finals = {
            name: Final(path, self.opened.enter_context(atomic_write(path)))
            for name in FINALS
            if (path := getattr(job, name)) is not None
        }
        gc.collect()
        gc.freeze()  # what is there now stays: a collector need not look at it again and again
        self.opened.callback(gc.unfreeze)
        events = Interruptible(self.source)
        first = FirstTarget(events)
        watch = self._decide(events, first)
        task = self._task()
        model = begun_model(self._model, task, is_new=self.before is None or not self.before.events)
        pace = Pace()
        with ExitStack() as opened:
            self._open_sinks(opened, task)
            runner = runner_of(
                job,
                task,
                model,
                first,
                sinks=self.sinks,
                folder=self.folder,
                served=self._at_once(SERVED),
                note=partial(note, self.notes),
            )
            if before is None:
                self._begin()
            else:
                runner.progress = before.progress
                note(self.notes, f"going on after {counted(runner.events, 'event')}")
            record = self.record = RunRecord(runner)
            followers: list[Follower] = []
            if self.recorded or {"report", "recording"} & finals.keys():
                followers.append(record)
            live = self._live(runner, opened)
            if live is not None:
                followers.append(live.run)
            runner.batch = self._at_once(BATCH)
            self._serve_metrics(runner, opened)
            self._play(runner, followers, pace, first, watch)
            self._save(runner)
            self._settle()
            if live is not None:
                live.end(stopped=events.stopped_by is not None)
        # The predictions are safe from here on, whatever happens to what follows.
        write_finals(
            finals,
            title=f"Predicting {self.source.name}",
            facts=self._facts(runner, record),
            record=record,
            result=job_result(runner, self.source, pace, self.seed),
        )
        if self.folder is not None and self._saved is not None and events.stopped_by is None:
            self.folder.save(msgspec.structs.replace(self._saved, finished=True), None)
        result = job_result(runner, self.source, pace, self.seed)
        return replace(result, stopped_by=events.stopped_by)

    def _task_name(self) -> str | None:
        """Return the task that is known before the source is open."""
        if self.before is not None:
            return self.before.task
        if self.job.task_named is not None or self._model is None:
            return self.job.task_named
        return task_for(self._model)

    def _decide(self, events: Interruptible[Any], first: FirstTarget) -> FewWholeNumbers | None:
        """Let the source or its first target say what the task is, if nobody else has."""
        if self.task_name is None:
            self.task_name = self.source.task
        if self.task_name is not None:
            return None
        target = first.look()
        self.task_name = task_by(target)
        self.source.expect(TASKS[self.task_name].targets)
        if events.stopped_by is not None:  # the next start decides
            first.drop()
            self._undecided = True
        is_number = self.task_name == RegressionTask.name and target is not None
        return FewWholeNumbers(partial(note, self.notes)) if is_number else None

    def _task(self) -> Task:
        assert self.task_name is not None
        labelled = self.job.columns.target is not None or self.source.has_target
        options = Options(**self.job.of_task, seed=self.seed, labelled=labelled)
        return task_named(self.task_name, options)

    def _live(self, runner: StreamRunner, opened: ExitStack) -> Live | None:
        """Return what shows the job while it runs, if that is wanted."""
        job = self.job
        if not job.live and job.live_port is None:
            return None
        from ..pictures.job_run import JobRun
        from ..pictures.live_server import Live  # tornado, which others need not load

        run = JobRun(runner)
        title = f"Predicting {self.source.name}"
        live = Live(title, run, lambda: self._facts(runner, run), job.live_port or 0)
        opened.enter_context(live)
        note(self.notes, f"live at {live.address}")
        return live

    def _serve_metrics(self, runner: StreamRunner, opened: ExitStack) -> None:
        """Let operators ask how the job does while it runs, if that is wanted."""
        if self.job.metrics_port is None:
            return
        from ..metrics import JobMetrics, MetricsPage  # which need an extra

        keyed = self.job.columns.key is not None
        metrics = JobMetrics(runner, self.source, self.folder, keyed=keyed)
        page = opened.enter_context(MetricsPage(metrics, self.job.metrics_port))
        note(self.notes, f"metrics at {page.address}metrics")

    def _play(
        self,
        runner: StreamRunner,
        followers: list[Follower],
        pace: Pace,
        first: FirstTarget,
        watch: FewWholeNumbers | None,
    ) -> None:
        """Let all events through, with a checkpoint whenever one is due."""
        batch = runner.batch if runner.serving is None else runner.serving.batch
        most = self.job.checkpoint_events  # which the next batch must not pass
        due = Due(self.job.checkpoint_seconds, None if most is None else most - batch + 1)
        for outcome in shown(runner.run(), runner, self.source, pace, self.notes):
            if outcome is not None:
                for follower in followers:
                    follower.add(outcome)
                if watch is not None and not watch.done:
                    watch.add(outcome)
            is_due = due(outcome is not None)
            if runner.at_rest and first.at_rest:
                filled = 0.0 if self.folder is None else self.folder.filled
                must = filled >= 1 or (is_due and most is not None)
                if must or filled >= HALF:
                    self._portions.finish()
                elif not self._portions.go_on():
                    continue
                if self.folder is not None and self.folder.is_writing and not must:
                    continue
                if is_due or filled >= HALF:
                    self._portions = Spread(self._checkpoint(runner))
                    due.done()
        if watch is not None:
            watch.end()

    def _save(self, runner: StreamRunner) -> None:
        """Make a checkpoint, all of it at once."""
        self._portions.finish()
        self._portions = Spread(self._checkpoint(runner))
        self._portions.finish()

    def _checkpoint(self, runner: StreamRunner) -> Iterable[None]:
        """Begin a checkpoint, and return the portions of work that make it.

        What the outputs hold is on the disk before it counts.
        """
        self._settle()
        self.source.sync()
        outputs = {name: dict(sink.flush()) for name, sink in self.sinks.items()}
        if self.folder is None or self._undecided:
            return ()
        self._saved = Saved(
            events=runner.events,
            offset=self.source.offset,
            outputs=outputs,
            progress=runner.progress,
            model_file=self._model_file,
            task=self.task_name,
        )
        new = runner.serving is None or self._kept is None
        self._kept = bytes_of(runner.model) if new else self._kept
        return self.folder.saving(self._saved, self._kept if new else None, runner.saving())

    def _begin(self) -> None:
        """Keep where the outputs begin: from here on they are this job's own."""
        if self.folder is not None:
            outputs = {name: dict(sink.flush()) for name, sink in self.sinks.items()}
            first = Saved(events=0, offset={}, outputs=outputs, progress={})
            self.folder.save(msgspec.structs.replace(first, model_file=self._model_file), None)

    def _settle(self) -> None:
        """Wait until the last checkpoint, if there is one, is on the disk."""
        if self.folder is not None and self._saved is not None:
            self.folder.settle()
            self.source.committed(self._saved.offset)
            for sink in self.sinks.values():
                sink.committed()

    def _open_source(self) -> Source:
        job, folder = self.job, self.folder
        if isinstance(job.source, Source):
            source = job.source
        else:
            source = open_source(
                job.source,
                job.columns_for(self.task_name),
                follow=job.follow,
                format=job.format,
                journal=None if folder is None else folder.path / JOURNAL,
                delimiter=job.delimiter,
                decimal=job.decimal,
                record_bytes=job.record_bytes,
                sender=job.stdin,
                start=job.start,
                kafka_properties=job.kafka_properties,
                notes=partial(note, self.notes),
            )
        self.opened.enter_context(closing(source))
        if job.skip_bad_rows or job.dead_letters is not None:
            source.on_bad = self._put_aside
        return source

    def _put_aside(self, record: msgspec.Struct) -> None:
        if "dead letters" in self.sinks:
            self.sinks["dead letters"].write(record)

    def _open_sinks(self, opened: ExitStack, task: Task) -> None:
        job = self.job
        wanted = {
            "predictions": job.predictions,
            "late targets": job.late_targets,
            "dead letters": job.dead_letters,
        }
        for name, path in wanted.items():
            if path is None:
                continue
            if isinstance(path, Sink):
                self.sinks[name] = opened.enter_context(path)
                continue
            sink = open_sink(
                str(path),
                None if self.folder is None else self._places.get(name, {}),
                text_ids=job.columns.id is not None,
                keys=job.columns.key is not None,
                fields=task.late_fields if name == "late targets" else task.fields,
                kafka_properties=job.kafka_properties,
                at_least_once=job.at_least_once,
                notes=partial(note, self.notes),
            )
            if self.folder is not None and name not in self._places and sink.has_records():
                raise StreamError(
                    f"{path} holds records already, and the job in {job.checkpoint} is a new one; "
                    f"remove it, or name another file for {name}"
                )
            self.sinks[name] = opened.enter_context(sink)

    def _read_model_file(self) -> str | None:
        """Return the hash of the model's file that the job began with; say if it has changed."""
        path, before = self.job.model, self.before
        now = None if path is None else hash_of(str(path))
        if before is None:
            return now
        if now not in (None, before.model_file):
            note(self.notes, f"{path} has changed; the job goes on with the model it began with")
        return before.model_file

    def _at_once(self, most: int) -> int:
        """Return how many events can be dealt with in one call."""
        if not self.source.tells_waiting:
            return 1
        events = self.job.checkpoint_events
        return most if events is None else min(most, max(events // 2, 1))

    def _facts(self, runner: StreamRunner, seen: Follower) -> dict[str, str]:
        """Return what to state about the run."""
        begun = 0 if self.before is None else self.before.events
        return facts_of(runner, seen, self.seed, begun)
