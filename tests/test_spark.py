"""Predictions on Spark are those of one process, whatever is killed; each is made once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

from lstmwidgets.online import LSTMForecaster, LSTMRegressor
from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.spark import spark_predict

from . import spark_job
from .spark_job import events, predictions_of, run, said, streamed, write_file, write_files

pytestmark = [
    # pyspark warns of a pandas that nothing here uses, and leaves sockets to the collector.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOO_LONG = 300.0
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


def test_ten_thousand_keys_are_predicted_as_in_one_process(spark: Any, folder: Path) -> None:
    rows = events(30_000, 10_000)
    write_files(folder, rows, 3)

    run(spark, folder)

    check_same(said(spark, folder), streamed(folder, rows))


def test_a_key_goes_on_where_it_was_after_a_restart_with_more_partitions(
    spark: Any, folder: Path
) -> None:
    rows = events(4_000, 500)
    write_files(folder, rows[:2_000], 2)
    run(spark, folder)
    checkpoint = str(folder / "checkpoint")
    spark._streamingCheckpointManager.repartition(checkpoint, 4)
    write_file(folder / "events", 2, rows[2_000:])

    run(spark, folder)

    assert len(list((folder / "checkpoint" / "state" / "0").glob("[0-9]*"))) == 4
    check_same(said(spark, folder), streamed(folder, rows))
