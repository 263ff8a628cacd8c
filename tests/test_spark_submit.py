"""``lstmwidgets spark-submit``: what it prints, and what it refuses. No Spark is needed."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from typing import Any

import pytest
from typer.testing import CliRunner

from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.cli import app
from lstmwidgets.streaming.options import StreamOptions
from lstmwidgets.streaming.spark.options import SubmitOptions
from lstmwidgets.streaming.spark.submit import KEPT, REFUSED, script

GIVEN: dict[str, Any] = {
    "source": "readings",
    "format_": "jsonl",
    "target": "flow",
    "key": "sensor",
    "order": "n",
    "predictions": "out",
    "checkpoint": "job",
}

OTHERS: dict[str, Any] = {
    "horizon": 3,
    "season": 24,
    "coverage": 0.9,
    "alarms": 0.01,
    "live": True,
    "live_port": 0,
    "metrics_port": 0,
    "wait_events": 3,
    "wait_seconds": 3.0,
    "record_bytes": 100_000,
    "skip_bad_rows": True,
    "at_least_once": True,
    "shared": True,
    "hot_keys": 3,
    "checkpoint_events": 3,
}
"""Values of options that are no texts."""


def call_in(text: str, name: str) -> dict[str, Any]:
    """Return what a script hands to a function, by the names of its arguments."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name
    )
    return {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}


def test_every_option_of_stream_is_either_kept_or_refused() -> None:
    assert sorted([*KEPT, *REFUSED]) == sorted(field.name for field in fields(StreamOptions))


@pytest.mark.parametrize("name", REFUSED)
def test_what_spark_cannot_keep_is_an_error_that_names_the_option(name: str) -> None:
    option = name.rstrip("_").replace("_", "-")
    with pytest.raises(StreamError, match=f"--{option} is not for Spark: .*; leave it out"):
        script(SubmitOptions(**GIVEN | {name: OTHERS.get(name, "x")}))


def test_a_job_on_files() -> None:
    text = script(SubmitOptions(**GIVEN, seed=3, window=8, drop="a, b", text="kind", follow=True))

    assert call_in(text, "spark_learn") == {
        "key": "sensor",
        "order": ["n"],
        "target": "flow",
        "buckets": 64,
        "to": "out",
        "checkpoint": "job",
        "learners": 2,
    }
    for line in (
        "    LSTMRegressor(32, window=8, seed=3),",
        "schema = spark.read.json('readings').schema",
        "events = spark.readStream.schema(schema).json('readings')",
        "events = events.drop(*['a', 'b'])",
        "events = events.withColumn('kind', functions.col('kind').cast('string'))",
        "writer.trigger(processingTime='1 seconds').start().awaitTermination()",
    ):
        assert line in text.splitlines()


def test_a_job_that_only_predicts() -> None:
    given = GIVEN | {"model": "m.safetensors", "learn": False, "order": "", "time": "at"}
    text = script(SubmitOptions(**given))

    assert call_in(text, "spark_predict")["order"] == ["at"]
    assert "functions.col('at').cast('timestamp')" in text
    assert text.splitlines()[-1] == (
        "writer.trigger(availableNow=True).start('out').awaitTermination()"
    )


@pytest.mark.parametrize(
    ("source", "order", "line"),
    [
        (
            "kafka://one:1,two:2/t",
            ["_partition", "_offset"],
            "'kafka.bootstrap.servers', 'one:1,two",
        ),
        ("redis://h:1/0/s", ["_ms", "_number"], ".option('streams', 'redis://h:1/0/s')"),
    ],
)
def test_a_job_on_a_broker(source: str, order: list[str], line: str) -> None:
    given = GIVEN | {"source": source, "format_": None, "order": "", "schema": "flow double"}
    text = script(SubmitOptions(**given, start="latest"))

    assert call_in(text, "spark_learn")["order"] == order
    assert line in text
    assert "'latest'" in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"master": "sc://h"}, "does not run on Spark Connect; name another --master"),
        ({"key": None}, "Spark needs --key; it names the column by which events belong to"),
        ({"checkpoint": None}, "Spark needs --checkpoint"),
        ({"predictions": "out.jsonl"}, "--predictions must be a folder, for Parquet files, got"),
        ({"predictions": "redis://:pw@h:1/0/s"}, "must be a folder, for Parquet files, got redis:"),
        ({"order": ""}, "name the columns that order events with --order, or --time"),
        ({"format_": None}, "readings: name the format of its files, --format csv, jsonl, parquet"),
        ({"source": "river:WaterFlow"}, "Spark does not read river:WaterFlow; name a folder"),
        ({"source": "-"}, "Spark does not read -; name a folder of files"),
        ({"start": "latest"}, "--start is for Redis and Kafka; leave it out"),
        ({"source": "redis://h:1/0/s"}, "name the source's columns and their types: --schema"),
        ({"source": "redis://:pw@h:1/0/s"}, "a script shows no login: give the password in LSTMW"),
        ({"source": "kafka://h"}, "expected kafka://HOST:PORT/TOPIC"),
        ({"task": "classification"}, "--task classification is not for Spark"),
        ({"target": None}, "name the column to learn with --target"),
        ({"model": "code.py:make"}, "--model must be the file of an LSTMRegressor"),
        ({"learn": False}, "--no-learn predicts with what --model FILE has learned; name one"),
        ({"model": "m", "seed": 1}, "--seed is for a new model, and --model m is there already"),
        ({"model": "m", "learn": False, "per_key": True}, "--per-key is for learning"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(StreamError, match=re.escape(problem)) as told:
        script(SubmitOptions(**GIVEN | options))
    assert "pw" not in str(told.value)


def test_an_environment_of_spark_connect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://h")
    with pytest.raises(StreamError, match="does not run on Spark Connect"):
        script(SubmitOptions(**GIVEN))


def test_the_command_prints_the_script() -> None:
    words = ["readings", "--format", "jsonl", "--target", "flow", "--key", "sensor", "--order", "n"]
    words += ["--predictions", "out", "--checkpoint", "job"]
    for flag in ("--print", "--dry-run"):
        done = CliRunner().invoke(app, ["spark-submit", *words, flag])

        assert done.exit_code == 0
        assert done.stdout == script(SubmitOptions(**GIVEN))
