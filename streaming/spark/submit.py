"""A job of ``lstmwidgets stream`` as a script for Spark."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import MISSING, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import StreamError, without_login
from ..job.code import code_of
from ..job.options import HIDDEN, KEYED_WINDOW, as_option
from ..options import StreamOptions, listed
from .options import SubmitOptions
from .script import Script, script_of

ALONE = "such models and pictures are for one process"
IN_SPARK = "Spark has its own way for it"

REFUSED = {
    "horizon": ALONE,
    "season": ALONE,
    "coverage": ALONE,
    "alarms": ALONE,
    "text_column": ALONE,
    "report": ALONE,
    "recording": ALONE,
    "summary": ALONE,
    "live": ALONE,
    "live_port": ALONE,
    "metrics_port": IN_SPARK,
    "id_": "targets that come later, and events that come twice, are not looked for",
    "late_targets": "targets that come later than their events are not learned",
    "wait_events": "targets that come later than their events are not learned",
    "wait_seconds": "targets that come later than their events are not learned",
    "decimal": "Spark reads decimal points only",
    "missing": "Spark knows no such words",
    "record_bytes": IN_SPARK,
    "skip_bad_rows": "Spark takes values that it cannot read as missing",
    "dead_letters": "Spark takes values that it cannot read as missing",
    "kafka_properties": "the script's reader takes options of Spark's connector: kafka.…",
    "at_least_once": "predictions are a folder of Parquet files, each once",
    "shared": "all keys share the weights of an LSTM of ours anyway",
    "hot_keys": "states are in Spark's state store",
    "stdin": "standard input is read in one process",
    "checkpoint_events": "a checkpoint comes with every micro-batch",
}
"""Options of ``stream`` that Spark cannot keep, and why."""

KEPT = (
    *("source", "target", "task", "key", "time", "format_", "delimiter", "start", "follow"),
    *("features", "drop", "text", "predictions", "model", "learn", "hidden_size", "cell", "window"),
    *("seed", "checkpoint", "checkpoint_seconds"),
)
"""Those that it can."""


def script(options: SubmitOptions) -> str:
    """Return the script.

    Raises
    ------
    StreamError
        If an option cannot be kept, is missing, or is for Spark Connect.
    """
    _check(options)
    new = {"window": options.window or KEYED_WINDOW, "cell": options.cell, "seed": options.seed}
    order, features, drop, text = (
        list(listed(f"--{name}", getattr(options, name)))
        for name in ("order", "features", "drop", "text")
    )
    return script_of(
        Script(
            source=options.source,
            format=options.format_,
            delimiter="\t" if options.delimiter in ("tab", "\\t") else options.delimiter,
            start=options.start,
            schema=options.schema,
            master=options.master,
            drop=drop,
            text=text,
            time=options.time,
            learn=options.learn,
            model=options.model,
            hidden_size=options.hidden_size or HIDDEN,
            new={name: value for name, value in new.items() if value is not None},
            key=options.key or "",
            order=order or ([] if options.time is None else [options.time]),
            target=options.target,
            features=features or None,
            to=str(options.predictions),
            checkpoint=str(options.checkpoint),
            shared=not options.per_key,
            learners=options.learners,
            buckets=options.buckets,
            seconds=options.checkpoint_seconds if options.follow else None,
        )
    )


def _check(options: SubmitOptions) -> None:
    """Raise unless Spark can keep all options."""
    if options.master.startswith("sc://") or os.environ.get("SPARK_REMOTE"):
        raise StreamError(
            "lstmwidgets does not run on Spark Connect; name another --master, without "
            "SPARK_REMOTE in the environment"
        )
    for name, reason in REFUSED.items():
        if getattr(options, name) != _default(name):
            raise StreamError(
                f"{as_option(name.rstrip('_'))} is not for Spark: {reason}; leave it out, or "
                "use lstmwidgets stream"
            )
    if options.task not in (None, "regression"):
        raise StreamError(f"--task {options.task} is not for Spark, which learns regression only")
    for name in ("key", "checkpoint", "predictions"):
        if getattr(options, name) is None:
            raise StreamError(f"Spark needs --{name}; {NEEDED[name]}")
    if options.target is None and options.learn:
        raise StreamError("name the column to learn with --target")
    predictions = str(options.predictions)
    if "://" in predictions or Path(predictions).suffix:
        raise StreamError(
            f"--predictions must be a folder, for Parquet files, got {without_login(predictions)}"
        )
    if options.model is not None and code_of(options.model) is not None:
        raise StreamError(
            f"--model must be the file of an LSTMRegressor, got the code {options.model}"
        )
    if not options.learn and options.model is None:
        raise StreamError("--no-learn predicts with what --model FILE has learned; name one")
    if options.per_key and not options.learn:
        raise StreamError("--per-key is for learning; leave it out with --no-learn")
    for name in ("hidden_size", "cell", "window", "seed"):
        if options.model is not None and getattr(options, name) is not None:
            raise StreamError(
                f"{as_option(name)} is for a new model, and --model {options.model} is there "
                "already; leave one of them out"
            )


NEEDED = {
    "key": "it names the column by which events belong to streams",
    "checkpoint": "a folder that driver and workers see",
    "predictions": "a folder for Parquet files",
}


def run(script: str) -> int:
    """Run a script by spark-submit, that of SPARK_HOME or pyspark's; return its exit status.

    Raises
    ------
    StreamError
        If there is no spark-submit.
    """
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise StreamError("there is no Spark: pip install 'lstmwidgets[spark]'")
    home = Path(os.environ.get("SPARK_HOME") or Path(found.origin).parent)
    submit = home / "bin" / "spark-submit"
    if not submit.exists():
        raise StreamError(f"there is no {submit}; correct SPARK_HOME")
    python = dict.fromkeys(("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"), sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "job.py"
        file.write_text(script, encoding="utf-8")
        done = subprocess.run([submit, file], env=python | os.environ, check=False)  # noqa: S603
    return done.returncode


def _default(name: str) -> Any:
    """Return the default of an option of ``stream``."""
    (found,) = (field.default for field in fields(StreamOptions) if field.name == name)
    assert found is not MISSING
    return found
