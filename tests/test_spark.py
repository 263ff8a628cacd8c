"""Predictions on Spark are those of one process, whatever is killed; each is made once."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

from lstmwidgets import load, save
from lstmwidgets.online import LSTMForecaster, LSTMRegressor
from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.spark import spark_predict
from lstmwidgets.streaming.spark.buckets import Bucket
from lstmwidgets.streaming.spark.frames import PROVIDER

from . import spark_job
from .spark_job import (
    ROOT,
    TOO_LONG,
    commits,
    events,
    kill_after,
    predictions_of,
    run,
    said,
    streamed,
    write_file,
    write_files,
)

pytestmark = [
    # pyspark warns of a pandas that nothing here uses, and leaves sockets to the collector.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLOSE = 1e-6


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = spark_job.spark_session()
    yield session
    session.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spark_job.write_model(tmp_path / "model.safetensors")
    return tmp_path


def check_same(found: dict[int, float], expected: dict[int, float]) -> None:
    assert found.keys() == expected.keys()
    assert max(abs(found[n] - expected[n]) for n in found) < CLOSE


# --- the same predictions ---------------------------------------------------------------------


def test_ten_thousand_keys_are_predicted_as_in_one_process(spark: Any, folder: Path) -> None:
    rows = events(30_000, 10_000)
    write_files(folder, rows, 3)

    run(spark, folder)

    check_same(said(spark, folder), streamed(folder, rows))


def test_states_go_with_their_keys_from_two_partitions_to_four(spark: Any, folder: Path) -> None:
    rows = events(4_000, 500)
    write_files(folder, rows[:2_000], 2)
    run(spark, folder, by_batch=True)
    spark._streamingCheckpointManager.repartition(str(folder / "checkpoint"), 4)
    write_file(folder / "events", 2, rows[2_000:])

    run(spark, folder, by_batch=True)  # the file sink's log would lack the batch of the change

    assert len(list((folder / "checkpoint" / "state" / "0").glob("[0-9]*"))) == 4
    check_same(said(spark, folder), streamed(folder, rows))


@pytest.mark.slow
def test_each_prediction_is_made_once_though_driver_and_jvm_are_killed(
    spark: Any, folder: Path
) -> None:
    rows = events(24_000, 3_000)
    write_files(folder, rows, 12)
    for least in (2, 6):
        kill_after(folder, least)
    before = commits(folder)

    run(spark, folder)

    assert before < commits(folder) == 12
    check_same(said(spark, folder), streamed(folder, rows))


@pytest.mark.slow
def test_executors_of_their_own_predict_the_same(folder: Path) -> None:
    rows = events(6_000, 1_000)
    write_files(folder, rows, 2)
    command = [sys.executable, "-m", "tests.spark_job", str(folder), "local-cluster[2,1,900]"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TOO_LONG, check=False
    )
    assert done.returncode == 0, done.stderr

    import pyarrow.parquet

    files = (folder / "out").glob("*.parquet")
    found = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]

    assert len(found) == len(rows)
    check_same({row["n"]: row["prediction"] for row in found}, streamed(folder, rows))


def test_a_key_that_was_idle_begins_anew_and_its_state_is_gone(spark: Any, folder: Path) -> None:
    rows = events(40, 1)
    for row, key in zip(rows, "a" * 20 + "b" * 10 + "a" * 10, strict=True):
        row["key"] = key
    parts = [rows[:20], rows[20:30], rows[30:]]
    for number, part in enumerate(parts):
        write_file(folder / "events", number, part)

    run(spark, folder, idle_seconds=0.001, buckets=1)

    expected = {}
    model = load(folder / "model.safetensors")
    for part in parts:
        model.reset_stream()
        for row in part:
            x = {"a": row["a"], "kind": row["kind"]}
            expected[row["n"]] = model.observe_one(x, row["y"])
    check_same(said(spark, folder), expected)
    states = spark.read.format("statestore").option("stateVarName", "bucket")
    (row,) = states.load(str(folder / "checkpoint")).collect()
    assert msgspec.msgpack.decode(row.value[0], type=Bucket).keys == ["a"]


def test_columns_have_any_name_and_type(spark: Any, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    model = LSTMRegressor(4, seed=1)
    rows = [
        {
            "a.n": n,
            "sensor.id": n % 2,
            "at": datetime(2024, 1, 1) + timedelta(hours=5 * n),
            "b": None if n % 7 == 0 else int(draw.integers(9)),
            "y": float(n % 4),
            "note": [f"note {n}"],
        }
        for n in range(60)
    ]
    for row in rows:
        model.learn_one({"at": row["at"], "b": row["b"]}, row["y"])
    text = "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "0.json").write_text(text)
    schema = "`a.n` long, `sensor.id` int, at timestamp, b int, y float, note array<string>"
    stream = spark.readStream.schema(schema).json(str(tmp_path / "events"))

    predictions = spark_predict(
        stream, model, key="sensor.id", order=["at", "a.n"], target="y", keep=["note"]
    )
    writer = predictions.writeStream.option("checkpointLocation", str(tmp_path / "checkpoint"))
    writer.trigger(availableNow=True).start(str(tmp_path / "out")).awaitTermination()

    found = {row["a.n"]: row for row in spark.read.parquet(str(tmp_path / "out")).collect()}
    assert predictions.columns == ["sensor.id", "at", "a.n", "y", "note", "prediction"]
    for key in (0, 1):
        model.reset_stream()
        for row in rows[key::2]:
            said = model.observe_one({"at": row["at"], "b": row["b"]}, row["y"])
            there = found[row["a.n"]]
            assert there["prediction"] == pytest.approx(said, abs=CLOSE)
            assert (there["sensor.id"], there["note"]) == (str(key), row["note"])


def test_the_script_of_the_page_predicts_and_goes_on(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "spark.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- script -->\n+```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    (tmp_path / "predict.py").write_text(found[1], encoding="utf-8")
    model = LSTMRegressor(seed=1)
    rows = [
        {"n": n, "sensor": f"s{n % 3}", "load": n % 4, "flow": n % 4 + n % 3} for n in range(90)
    ]
    for row in rows:
        model.learn_one({"load": row["load"]}, row["flow"])
    save(model, tmp_path / "model.safetensors")

    for number in range(2):
        write_file(tmp_path / "events", number, rows[number * 45 : number * 45 + 45])
        command = [sys.executable, "predict.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert lines[0].replace(" ", "") == "|sensor|n|flow|prediction|"
    assert [int(line.split("|")[2]) for line in lines[1:]] == list(range(20))
    assert len(list((tmp_path / "checkpoint" / "commits").glob("[0-9]*"))) == 2


# --- what it says when something is wrong -----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"buckets": 32}, "the checkpoint has 64 buckets, got buckets=32"),
        ({}, "the states in the checkpoint are another model's"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(
    spark: Any, folder: Path, options: dict[str, Any], problem: str
) -> None:
    rows = events(200, 50)
    write_file(folder / "events", 0, rows[:100])
    run(spark, folder)
    write_file(folder / "events", 1, rows[100:])
    if not options:
        spark_job.write_model(folder / "model.safetensors", seed=2)

    with pytest.raises(Exception, match=problem):
        run(spark, folder, **options)


def test_a_checkpoint_that_is_named_is_checked_before_the_start(spark: Any, folder: Path) -> None:
    (folder / "events").mkdir()
    checkpoint = folder / "checkpoint"
    for _ in range(2):
        predictions_of(spark, folder, checkpoint=checkpoint)

    with pytest.raises(
        StreamError, match="the checkpoint was begun with buckets=64, got buckets=9"
    ):
        predictions_of(spark, folder, checkpoint=checkpoint, buckets=9)
    spark_job.write_model(folder / "model.safetensors", seed=2)
    with pytest.raises(StreamError, match="the checkpoint was begun with another model"):
        predictions_of(spark, folder, checkpoint=checkpoint)


def test_an_event_needs_a_key(spark: Any, folder: Path) -> None:
    write_file(folder / "events", 0, [{**row, "key": None} for row in events(3, 3)])

    with pytest.raises(Exception, match="an event has no key; every one needs its key"):
        run(spark, folder)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"key": "sensor"}, "stream_df has no column 'sensor'; it has n, key, a, kind, y"),
        ({"order": []}, "order is empty"),
        ({"features": ["a", "n"]}, "n: not among the features that the model has learned"),
        ({"features": ["a", "y"]}, "y: key and target are no features"),
        ({"features": []}, "no column of stream_df: not among the features"),
        (
            {"target": "kind", "features": ["a"]},
            "the target 'kind' must be a number, got string; cast it",
        ),
        ({"buckets": 0}, "buckets must be a whole number from 1 on, got 0"),
        ({"idle_seconds": 0}, "idle_seconds must be above 0, got 0"),
    ],
)
def test_options_that_cannot_be_are_refused(
    spark: Any, folder: Path, options: dict[str, Any], problem: str
) -> None:
    (folder / "events").mkdir()
    with pytest.raises(StreamError, match=re.escape(problem)):
        predictions_of(spark, folder, **options)


def test_a_model_that_cannot_predict_there_is_refused(spark: Any) -> None:
    stream = spark.readStream.format("rate").load()
    for model, problem in (
        (LSTMRegressor(), "the model has not learned anything"),
        (LSTMForecaster(), "expected an LSTMRegressor or the file of one, got LSTMForecaster"),
    ):
        with pytest.raises(StreamError, match=problem):
            spark_predict(stream, model, key="value", order="value")


def test_a_dataframe_that_is_no_stream_of_sparks_own_is_refused(spark: Any, folder: Path) -> None:
    from pyspark.sql.connect.session import SparkSession

    remote = SparkSession("sc://127.0.0.1:1").range(1)  # which asks nobody yet
    for frame, problem in (
        (remote, "does not run on Spark Connect"),
        (spark.range(1), "expected a streaming DataFrame"),
        ([], "expected a DataFrame of Spark's, got list"),
    ):
        with pytest.raises(StreamError, match=problem):
            spark_predict(frame, folder / "model.safetensors", key="id", order="id")


def test_states_elsewhere_than_in_rocksdb_are_refused(spark: Any, folder: Path) -> None:
    (folder / "events").mkdir()
    rocksdb = spark.conf.get(PROVIDER)
    spark.conf.unset(PROVIDER)
    try:
        with pytest.raises(StreamError, match="states are kept in RocksDB; before the query"):
            predictions_of(spark, folder)
    finally:
        spark.conf.set(PROVIDER, rocksdb)
