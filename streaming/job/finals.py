"""What is made of a whole run: its report, its recording and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lstmwidgets.online.estimator import LSTMEstimator
from lstmwidgets.saving import save

from ..files import writing
from ..garbage import uncollected
from ..pictures.record import Follower, RunRecord
from ..runner import StreamRunner
from ..state.turns import is_a
from .results import JobResult


class Final(NamedTuple):
    """A file that appears when it is complete.

    Attributes
    ----------
    path : Path
        What it is to be called.
    beside : Path
        What it is called until then.
    """

    path: Path
    beside: Path


def write_finals(
    finals: Mapping[str, Final],
    *,
    title: str,
    facts: Mapping[str, str],
    record: RunRecord,
    result: JobResult,
) -> None:
    """Write those of report, recording and summary that are wanted.

    Parameters
    ----------
    finals : mapping of str to Final
        By what each is.
    title : str
        Of the report.
    facts : mapping of str to str
        What it states.
    record : RunRecord
        What happened.
    result : JobResult
        What it has come to.
    """
    if "recording" in finals and record.snapshots.items:
        with writing(finals["recording"].path):
            save(record.recording(), finals["recording"].beside)
    if "report" in finals:
        with uncollected():
            from ..pictures.report import report_html  # which takes Bokeh half a second to load

            html = report_html(title, facts, record, record.scores.table())
        with writing(finals["report"].path):
            finals["report"].beside.write_text(html, encoding="utf-8")
    if "summary" in finals:
        told = msgspec.json.format(msgspec.json.encode(result.summary))
        with writing(finals["summary"].path):
            finals["summary"].beside.write_bytes(told)


def facts_of(runner: StreamRunner, seen: Follower, seed: int | None, begun: int) -> dict[str, str]:
    """Return what to state about a run.

    Parameters
    ----------
    runner : StreamRunner
        It.
    seen : Follower
        What is drawn of it.
    seed : int or None
        Of a new model.
    begun : int
        With which event this start of the job went on.
    """
    model = runner.player.model
    facts = {"events": f"{runner.events:,}", "task": runner.task.name, "model": described(model)}
    shares = getattr(model, "shares", {})
    if seen.events and "lstm" in shares:
        facts["LSTM's share"] = f"{shares['lstm']:.0%} of the last prediction"
    facts |= runner.task.facts(model)
    if seed is not None:
        facts["seed"] = str(seed)
    if runner.keys is not None:
        facts["keys"] = f"{len(runner.keys):,}"
    drawn = [] if seen.key is None else [f"key {seen.key}"]
    drawn += [f"from event {begun:,} on"] if begun else []
    if drawn:
        facts["drawn"] = ", ".join(drawn)
    if not runner.learning:
        facts["learning"] = "none"
    return facts


def described(model: Any) -> str:
    """Return what a model is, in a line."""
    if is_a(model, LSTMEstimator):
        layer = f"{model.hidden_size} {'unit' if model.hidden_size == 1 else 'units'}"
        return f"{model.cell.replace('_', ' ')} LSTM, {layer}, window {model.window}"
    steps = getattr(model, "steps", {"": model})
    return " | ".join(type(step).__name__ for step in steps.values())
