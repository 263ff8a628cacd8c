"""Learning on Spark: what learners do is what one process does, whatever is killed."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

from lstmwidgets.files import checksum
from lstmwidgets.online import LSTMForecaster, LSTMRegressor
from lstmwidgets.online.merging import merge
from lstmwidgets.saving import from_bytes, to_bytes
from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.spark import learned_model
from lstmwidgets.streaming.spark.groups import spark_hash, spread
from lstmwidgets.streaming.spark.weights import FOLDER

from . import spark_job
from .spark_job import TOO_LONG, Row, commits, events, kill_after, said, write_file, write_files
from .spark_learning_job import learn, new_model, writer_of

pytestmark = [
    # pyspark warns of a pandas that nothing here uses, and leaves sockets to the collector.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BUCKETS = 64


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = spark_job.spark_session()
    yield session
    session.stop()


def x_of(row: Row) -> dict[str, Any]:
    return {"a": math.nan if row["a"] is None else row["a"], "kind": row["kind"]}


def step(model: LSTMRegressor, row: Row, x: dict[str, Any]) -> float:
    """Predict an event, and learn it, one method after the other."""
    prediction = model.predict_one(x)
    if row["y"] is None:
        model.step_one(x)
    else:
        model.learn_one(x, row["y"])
    return prediction


def weights_of(folder: Path) -> dict[str, str]:
    """Return the hash of each weights in a folder."""
    files = (folder / "checkpoint" / FOLDER).glob("*.safetensors")
    return {file.stem: checksum(file.read_bytes()) for file in files}


def bucket_of(spark: Any, rows: Sequence[Row]) -> dict[str, int]:
    """Return the bucket of each key, as Spark hashes it."""
    from pyspark.sql import functions

    keys = spark.createDataFrame([(key,) for key in {row["key"] for row in rows}], "key string")
    bucket = functions.pmod(functions.xxhash64("key"), functions.lit(BUCKETS)).cast("int")
    return dict(keys.select("key", bucket).collect())


def learned_here(
    spark: Any, batches: Sequence[Sequence[Row]], learners: int
) -> tuple[dict[int, float], LSTMRegressor]:
    """Return predictions and model of learners that this process runs one after the other."""
    model = new_model()
    model.add_features({"a": 0.0})
    buckets = bucket_of(spark, [row for batch in batches for row in batch])
    states: dict[str, Any] = {}
    found = {}
    for number, batch in enumerate(batches):
        before, copies = to_bytes(model), []
        for learner in range(learners):
            own = [row for row in batch if buckets[row["key"]] % learners == learner]
            copies.append(copy := from_bytes(before))
            for row in own:
                x = x_of(row)
                if not number:
                    del x["kind"]  # its texts are new
                copy.set_stream(states.get(row["key"]))
                found[row["n"]] = step(copy, row, x)
                states[row["key"]] = copy.get_stream()
            copy.reset_stream()
        if learners > 1:
            merge(model, copies)
        else:
            (model,) = copies
        for text in "xyz":
            model.add_features({"kind": text})
    return found, model


@pytest.mark.parametrize("learners", [1, 2, 3])
def test_learners_do_what_one_process_does_that_takes_turns(
    spark: Any, tmp_path: Path, learners: int
) -> None:
    rows = events(1_200, 40)
    batches = [rows[begin : begin + 300] for begin in range(0, 1_200, 300)]
    for number, batch in enumerate(batches):
        write_file(tmp_path / "events", number, batch)

    learn(spark, tmp_path, learners=learners)

    expected, model = learned_here(spark, batches, learners)
    assert said(spark, tmp_path) == expected
    assert weights_of(tmp_path)["4"] == checksum(to_bytes(model))
    assert learned_model(tmp_path / "checkpoint").shares == model.shares


def test_a_key_with_a_model_of_its_own_is_learned_as_by_itself(spark: Any, tmp_path: Path) -> None:
    rows = events(600, 20)
    write_files(tmp_path, rows, 3)

    learn(spark, tmp_path, shared=False)

    models: dict[str, LSTMRegressor] = {}
    expected = {
        row["n"]: step(models.setdefault(row["key"], new_model()), row, x_of(row)) for row in rows
    }
    assert said(spark, tmp_path) == expected


@pytest.mark.slow
def test_a_job_that_was_killed_learns_what_one_does_that_never_was(
    spark: Any, tmp_path: Path
) -> None:
    rows = events(4_000, 100)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        write_files(folder, rows, 8)
    learn(spark, whole)
    for least in (1, 4):
        kill_after(killed, least, "tests.spark_learning_job")
    before = commits(killed)

    learn(spark, killed)

    assert before < commits(killed) == 8
    assert said(spark, killed) == said(spark, whole)
    assert weights_of(killed) == weights_of(whole)
    assert len(weights_of(killed)) == 9


def test_a_batch_that_failed_after_weights_were_written_reads_those_of_before(
    spark: Any, tmp_path: Path
) -> None:
    rows = events(900, 30)
    whole, failed = tmp_path / "whole", tmp_path / "failed"
    for folder in (whole, failed):
        write_files(folder, rows, 3)
    learn(spark, whole)

    def fail(frame: Any, batch: int) -> None:
        if batch == 1:
            raise RuntimeError("the disk is full")
        frame.write.mode("overwrite").parquet(f"{failed / 'out'}/batch={batch}")

    with pytest.raises(Exception, match="the disk is full"):
        learn(spark, failed, to=fail)
    assert weights_of(failed).keys() == {"0", "1", "2"}

    learn(spark, failed)

    assert said(spark, failed) == said(spark, whole)
    assert weights_of(failed) == weights_of(whole)


def test_learners_go_with_their_keys_from_two_partitions_to_four(
    spark: Any, tmp_path: Path
) -> None:
    rows = events(800, 40)
    whole, moved = tmp_path / "whole", tmp_path / "moved"
    write_files(whole, rows, 2)
    learn(spark, whole, learners=4)
    write_file(moved / "events", 0, rows[:400])
    learn(spark, moved, learners=4)
    spark._streamingCheckpointManager.repartition(str(moved / "checkpoint"), 4)
    write_file(moved / "events", 1, rows[400:])

    learn(spark, moved, learners=4)

    assert len(list((moved / "checkpoint" / "state" / "0").glob("[0-9]*"))) == 4
    assert said(spark, moved) == said(spark, whole)


def test_a_model_that_has_learned_goes_on(spark: Any, tmp_path: Path) -> None:
    rows = events(300, 10)
    spark_job.write_model(tmp_path / "model.safetensors")
    write_files(tmp_path, rows, 1)

    learn(spark, tmp_path, model=tmp_path / "model.safetensors", learners=1, features=None)

    model = from_bytes((tmp_path / "model.safetensors").read_bytes())
    model.reset_stream()
    states: dict[str, Any] = {}
    expected = {}
    for row in rows:
        model.set_stream(states.get(row["key"]))
        expected[row["n"]] = step(model, row, x_of(row))
        states[row["key"]] = model.get_stream()
    assert said(spark, tmp_path) == expected


def test_a_key_that_was_idle_begins_anew(spark: Any, tmp_path: Path) -> None:
    rows = events(40, 1)
    for row, key in zip(rows, "a" * 20 + "b" * 10 + "a" * 10, strict=True):
        row["key"] = key
    for number, part in enumerate([rows[:20], rows[20:30], rows[30:]]):
        write_file(tmp_path / "events", number, part)

    learn(spark, tmp_path, idle_seconds=0.001, buckets=1, learners=1)

    model = new_model()
    model.add_features({"a": 0.0})
    expected = {}
    for part in (rows[:20], rows[20:30], rows[30:]):
        model.reset_stream()
        for row in part:
            x = x_of(row)
            if row["n"] < 20:
                del x["kind"]
            expected[row["n"]] = step(model, row, x)
        for text in "xyz":
            model.add_features({"kind": text})
    assert said(spark, tmp_path) == expected


def test_the_command_runs_a_job(spark: Any, tmp_path: Path) -> None:
    rows = events(200, 10)
    write_files(tmp_path, rows, 2)
    options = {"target": "y", "key": "key", "order": "n", "features": "a,kind", "format": "jsonl"}
    options |= {"hidden-size": "8", "window": "4", "seed": "1"}
    options |= {"predictions": str(tmp_path / "out"), "checkpoint": str(tmp_path / "checkpoint")}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()"]
    done = subprocess.run(
        [*command, "spark-submit", str(tmp_path / "events"), *words],
        capture_output=True,
        text=True,
        timeout=TOO_LONG,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    expected, _ = learned_here(spark, [rows], 2)
    assert said(spark, tmp_path) == expected


def test_partitions_share_groups_evenly(spark: Any) -> None:
    from pyspark.sql import functions

    numbers = spark.range(2_000).select(functions.hash(functions.col("id").cast("int"))).collect()

    assert [row[0] for row in numbers] == [spark_hash(number) for number in range(2_000)]
    assert [spark_hash(number) % 8 for number in spread(8)] == [*range(8)]


# --- what it says when something is wrong -----------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"buckets": 32}, "the checkpoint was begun with buckets=64, got buckets=32: keys would"),
        ({"learners": 4}, "the checkpoint was begun with learners=2, got learners=4"),
        ({"shared": False}, "the checkpoint was begun with shared=True, got shared=False"),
        ({"model": LSTMRegressor(4, seed=1)}, "the checkpoint was begun with another model"),
    ],
)
def test_a_checkpoint_of_another_job_is_refused_before_it_starts(
    spark: Any, tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    (tmp_path / "events").mkdir()
    writer_of(spark, tmp_path)
    writer_of(spark, tmp_path)  # the same again

    with pytest.raises(StreamError, match=problem):
        writer_of(spark, tmp_path, **options)


def test_the_checkpoint_of_another_query_is_refused(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "checkpoint" / "offsets").mkdir(parents=True)

    with pytest.raises(StreamError, match="is the checkpoint of another query; name a folder of"):
        writer_of(spark, tmp_path)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"target": "x"}, "stream_df has no column 'x'; it has n, key, a, kind, y"),
        ({"learners": 0}, "learners must be a whole number from 1 on, got 0"),
        ({"shared": False, "idle_seconds": 1.0}, "idle_seconds is for shared weights"),
        ({"model": LSTMForecaster()}, "expected an LSTMRegressor or the file of one, got LSTMFo"),
        ({"features": None, "keep": ["a", "kind"]}, "no column of stream_df is left to be a fea"),
    ],
)
def test_options_that_cannot_be_are_refused(
    spark: Any, tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    (tmp_path / "events").mkdir()
    with pytest.raises(StreamError, match=re.escape(problem)):
        writer_of(spark, tmp_path, **options)


def test_optimizers_of_pytorch_are_refused(spark: Any, tmp_path: Path) -> None:
    import torch

    (tmp_path / "events").mkdir()
    model = LSTMRegressor(optimizer=torch.optim.RMSprop)
    with pytest.raises(StreamError, match="the optimizer must be adam, adamw or sgd"):
        writer_of(spark, tmp_path, model=model)


def test_a_dataframe_of_spark_connect_is_refused(spark: Any, tmp_path: Path) -> None:
    from pyspark.sql.connect.session import SparkSession

    from lstmwidgets.streaming.spark import spark_learn

    remote = SparkSession("sc://127.0.0.1:1").range(1)  # which asks nobody yet
    with pytest.raises(StreamError, match="does not run on Spark Connect"):
        spark_learn(
            remote, new_model(), key="id", order="id", target="id", to="x", checkpoint=tmp_path
        )
