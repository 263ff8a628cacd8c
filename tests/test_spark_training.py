"""Trainings on Spark: the processes that it starts train as one does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import StepLR

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

from lstmwidgets import load, predict
from lstmwidgets.streaming.spark import fit_on_spark
from lstmwidgets.training import DivergedError, fit, parquet_loader

from .spark_job import spark_session
from .trainings import QUIET, assert_equal, means, model_of, series, weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = "a array<double>, b array<double>, mean double, kind int"
OPTIONS: dict[str, Any] = {"epochs": 4, "lr": 0.01, "patience": None}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = spark_session()
    yield session
    session.stop()


def rows(count: int) -> list[Any]:
    data = series(count)
    return [
        (one[:, 0].tolist(), one[:, 1].tolist(), float(mean), int(mean > 20))
        for one, mean in zip(data, means(data), strict=True)
    ]


@pytest.mark.parametrize("local_mode", [True, False])
def test_processes_of_spark_train_as_one_does(local_mode: bool, spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(rows(64), SCHEMA)
    model = model_of(input_size=2)

    result = fit_on_spark(
        frame, model, ["a", "b"], "mean", num_processes=2, validation=frame,
        batch_size=12, seed=3, folder=tmp_path, local_mode=local_mode, options=OPTIONS,
    )  # fmt: skip

    assert result.model is model
    assert not model.training
    assert len(result.epochs) == 4
    assert result.epochs[-1].train_loss < 0.8 * result.epochs[0].train_loss
    held = parquet_loader(tmp_path / "validation", ["a", "b"], "mean")
    error = np.concatenate(
        [predict(model, [row[:n].numpy() for row, n in zip(x, lengths, strict=True)]) - y.numpy()
         for x, lengths, y in held]
    )  # fmt: skip
    best = result.epochs[result.best_epoch - 1]
    assert np.abs(error).mean() == pytest.approx(best.validation_score, rel=1e-4)


def test_two_processes_go_on_bit_for_bit(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(rows(60), SCHEMA)
    frame.repartition(4).write.parquet(str(tmp_path / "data"))

    def run(epochs: int, seed: int = 0, **more: Any) -> Any:
        made = {"task": "classification", "output_size": 2, "dropout": 0.2}
        return fit_on_spark(
            tmp_path / "data", model_of(seed, input_size=2, **made), ["a", "b"], "kind",
            num_processes=2, options={**OPTIONS, "epochs": epochs, **more},
        )  # fmt: skip

    whole = run(3)
    run(1, checkpoint=tmp_path / "c")
    resumed = run(3, seed=1, checkpoint=tmp_path / "c")

    assert_equal(weights(resumed.model), weights(whole.model))
    assert [one.train_loss for one in resumed.epochs] == [one.train_loss for one in whole.epochs]
    assert resumed.model.classes == [0, 1]


class Killed(StepLR):
    """A schedule that kills its process with -9 after the second epoch, if it is told to."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, 2, 0.5)

    def step(self, epoch: int | None = None) -> None:
        super().step(epoch)
        order = Path(os.environ["KILL"]) if "KILL" in os.environ else None
        if (
            order is not None
            and order.exists()
            and self.last_epoch == 2
            and os.environ["RANK"] == "1"
        ):
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_killed_on_spark_it_goes_on_bit_for_bit(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark.createDataFrame(rows(60), SCHEMA).repartition(4).write.parquet(str(tmp_path / "data"))
    monkeypatch.setenv("KILL", str(tmp_path / "kill"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the processes, which load `Killed`

    def run(**more: Any) -> Any:
        return fit_on_spark(
            tmp_path / "data", model_of(input_size=2, dropout=0.2), ["a", "b"], "mean",
            num_processes=2, options={**OPTIONS, "schedule": Killed, **more},
        )  # fmt: skip

    whole = run()
    (tmp_path / "kill").touch()
    with pytest.raises(RuntimeError):
        run(checkpoint=tmp_path / "c")
    assert not (tmp_path / "kill").exists()
    again = run(checkpoint=tmp_path / "c")

    assert_equal(weights(again.model), weights(whole.model))
    assert [one.train_loss for one in again.epochs] == [one.train_loss for one in whole.epochs]


def test_one_process_of_spark_is_fit(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(rows(30), SCHEMA)
    frame.coalesce(1).write.parquet(str(tmp_path / "data"))
    ours, theirs = model_of(input_size=2), model_of(input_size=2)

    fit_on_spark(
        tmp_path / "data", ours, ["a", "b"], "mean", num_processes=1, seed=2, options=OPTIONS
    )
    loader = parquet_loader(tmp_path / "data", ["a", "b"], "mean", seed=2)
    fit(theirs, loader, seed=2, **OPTIONS | QUIET)

    for name, each in weights(ours).items():
        assert np.allclose(each, theirs.state_dict()[name], rtol=1e-4, atol=1e-6), name


def test_what_is_wrong_there_is_raised_here(spark: Any) -> None:
    frame = spark.createDataFrame(rows(20), SCHEMA)
    model = model_of(input_size=2)
    with pytest.raises(ValueError, match="has no column 'c'; it has a, b, mean, kind"):
        fit_on_spark(frame, model, ["a", "c"], "mean", num_processes=2)
    options = {"lr": 1e30, "optimizer": "sgd", "clip": None}
    with pytest.raises(DivergedError, match="the training loss became"):
        fit_on_spark(frame, model, ["a", "b"], "mean", num_processes=2, options=options)


def test_what_cannot_be_is_refused(spark: Any) -> None:
    model = model_of(input_size=2)
    frame = spark.createDataFrame(rows(5), SCHEMA)
    with pytest.raises(ValueError, match="num_processes"):
        fit_on_spark(frame, model, ["a", "b"], "mean", num_processes=0)
    with pytest.raises(ValueError, match="options has devices, seed, which fit_on_spark decides"):
        fit_on_spark(frame, model, ["a"], num_processes=1, options={"seed": 1, "devices": 2})
    with pytest.raises(TypeError, match="training must be a DataFrame of Spark's or a path, got"):
        fit_on_spark([1, 2], model, ["a"], num_processes=1)


@pytest.mark.parametrize(
    "master", ["local[2]", pytest.param("local-cluster[2,1,900]", marks=pytest.mark.slow)]
)
def test_the_script_of_the_page_trains(master: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "several_devices.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- script -->\n+```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    script = found[1].replace('.master("local[2]")', f'.master("{master}")')
    if master != "local[2]":  # executors that are processes of their own
        script = script.replace("num_processes=2", 'num_processes=2, folder="shared"')
        script = script.replace(
            ".getOrCreate()", '.config("spark.executor.memory", "900m").getOrCreate()'
        )
    (tmp_path / "train.py").write_text(script, encoding="utf-8")
    draw = np.random.default_rng(0)
    (tmp_path / "events").mkdir()
    with (tmp_path / "events" / "0.json").open("w") as file:
        for day in range(60):
            for n in range(6):
                value = round(draw.normal(), 3)
                file.write(f'{{"day": {day}, "n": {n}, "load": {value}, "flow": {2 * value}}}\n')

    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "The training loss came down" in done.stdout or "Underfitting" in done.stdout
    assert load(tmp_path / "model.safetensors").input_size == 1
