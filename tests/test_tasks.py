"""What each task predicts, writes and counts, beside the bare loop and metrics of River's."""

from __future__ import annotations

import csv
import json
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from river import metrics

from lstmwidgets import save
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.streaming import (
    Columns,
    Event,
    Job,
    Outcome,
    Prediction,
    StreamError,
    StreamRunner,
    job_model,
    run_job,
)
from lstmwidgets.streaming.job import run as job_module
from lstmwidgets.streaming.sources import IterableSource
from lstmwidgets.streaming.tasks import Options, task_named
from lstmwidgets.streaming.tasks.horizon_scores import HorizonScores

from .task_jobs import JOBS, PIPELINE, prepared, write_planted, write_shifts, write_texts
from .test_checkpoint import options, run

SMALL: dict[str, Any] = {"hidden_size": 4, "window": 3, "seed": 1}


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def ran(job: Job) -> list[dict[str, Any]]:
    run_job(job)
    return told(Path(str(job.predictions)))


# --- the same as the bare loop ----------------------------------------------------------------


def test_classes_are_those_of_the_bare_loop(tmp_path: Path) -> None:
    source = write_shifts(tmp_path / "c.csv", 300)
    columns = Columns("flow", ("load", "mode"))
    records = ran(Job(str(source), columns, predictions=str(tmp_path / "p.jsonl"), **SMALL))
    model = LSTMClassifier(**SMALL)
    for row, record in zip(rows_of(source), records, strict=True):
        x: dict[str, Any] = {"load": float(row["load"])}
        if row["mode"]:
            x["mode"] = row["mode"]
        shares = model.predict_proba_one(x)
        assert record["probabilities"] == (shares or None)
        assert record["prediction"] == (max(shares, key=shares.__getitem__) if shares else None)
        assert record["target"] == (row["flow"] or None)
        model.learn_one(x, row["flow"] or None)


def test_forecasts_are_those_of_the_bare_loop(tmp_path: Path) -> None:
    values = [math.sin(n) if n % 11 else None for n in range(120)]
    records = [{"y": value} for value in values]
    job = Job(
        IterableSource(records, Columns("y")), Columns("y"), task="forecast", horizon=3,
        coverage=0.5, predictions=str(tmp_path / "p.jsonl"), **SMALL,
    )  # fmt: skip
    model = LSTMForecaster(**SMALL)
    for value, record in zip(values, ran(job), strict=True):
        assert record["prediction"] == (model.forecast(1)[0] if model.has_learned else None)
        model.step_one({}) if value is None else model.learn_one(value, {})
        if model.has_learned:
            assert record["forecast"] == model.forecast(3)
            bounds = model.forecast_interval(3, coverage=0.5)
            wanted = [[b if math.isfinite(b) else None for b in pair] for pair in bounds]
            assert record["interval"] == wanted
        else:
            assert (record["forecast"], record["interval"]) == (None, None)


def test_scores_are_those_of_the_bare_loop_and_find_what_was_planted(tmp_path: Path) -> None:
    source = write_planted(tmp_path / "a.csv", 2000)
    job = Job(
        str(source), Columns(drop=("sensor", "odd", "load")), alarms=0.01,
        predictions=str(tmp_path / "p.jsonl"), **SMALL,
    )  # fmt: skip
    records, model, planted = ran(job), LSTMAnomalyDetector(**SMALL), 0
    for row, record in zip(rows_of(source), records, strict=True):
        x = {"level": float(row["level"])}
        assert record["score"] == model.score_one(x)
        assert record["anomaly"] == (record["score"] >= 0.99)
        planted += record["anomaly"] and row["odd"] == "1"
        model.learn_one(x)
    assert set(records[0]) == {"id", "score", "anomaly"}
    assert planted >= 3  # of five, the first of which comes before much is known


def test_texts_are_those_of_the_bare_loop(tmp_path: Path) -> None:
    source = write_texts(tmp_path / "t.csv", 120)
    job = Job(
        str(source), Columns("flow"), text_column="text",
        predictions=str(tmp_path / "p.jsonl"), **SMALL,
    )  # fmt: skip
    model = LSTMTextClassifier(**SMALL)
    for row, record in zip(rows_of(source), ran(job), strict=True):
        assert record["probabilities"] == (model.predict_proba_one(row["text"]) or None)
        model.learn_one(row["text"], row["flow"])


# --- batches, sinks ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", JOBS)
def test_the_numbers_do_not_depend_on_batches(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, given = prepared(name, tmp_path, seconds=0)
    JOBS[name].write(source, 150)
    written = []
    for batch in (1, 7, 64):
        monkeypatch.setattr(job_module, "BATCH", batch)
        folder = tmp_path / str(batch)
        done = run(options(source, folder, **given | {"checkpoint": None}))
        assert done.returncode == 0, done.stderr
        written.append((folder / "predictions.jsonl").read_bytes())
    assert written[0] == written[1] == written[2]
    assert written[0].count(b"\n") >= 120


@pytest.mark.parametrize("name", ["classification", "forecast", "anomaly, keys, labels", "text"])
def test_tables_hold_what_lines_hold(name: str, tmp_path: Path) -> None:
    source, given = prepared(name, tmp_path, seconds=0)
    JOBS[name].write(source, 60)
    for ending in ("jsonl", "sqlite", "parquet"):
        predictions = tmp_path / f"p.{ending}"
        done = run(options(source, tmp_path, **given | {"predictions": predictions}))
        assert done.returncode == 0, done.stderr
        if ending != "parquet":
            (tmp_path / "job").rename(tmp_path / f"job of {ending}")
    lines = told(tmp_path / "p.jsonl")
    with closing(sqlite3.connect(tmp_path / "p.sqlite")) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute("SELECT * FROM predictions ORDER BY n")]
    parts = pq.read_table(tmp_path / "p.parquet").to_pylist()
    for line, row, part in zip(lines, rows, parts, strict=True):
        for field, value in line.items():
            kept, cell = row[field], part[field]
            assert value == (json.loads(kept) if type(value) in (dict, list) else kept)
            if isinstance(value, dict):
                assert dict(cell) == value
            elif field == "target" and type(value) is int:
                assert cell == str(value)  # a label is a text
            else:
                assert cell == value


# --- scores -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(*[st.sampled_from(["a", 1, True, "b"]) | st.none()] * 2), max_size=40))
def test_accuracy_and_macro_f1_are_rivers(pairs: list[tuple[Any, Any]]) -> None:
    scores = task_named("classification").scores(keyed=False)
    accuracy, f1 = metrics.Accuracy(), metrics.MacroF1()
    last, counted = None, 0
    task = task_named("classification")
    for n, (target, said) in enumerate(pairs):
        event = Event(n, {}, target)
        rules = scores.predict(event)
        record = task.record(event, None if said is None else {said: 1.0}, None)  # type: ignore[arg-type]
        scores.add(Outcome(n, event, task.value(record), rules))
        if None not in (target, said, last):
            accuracy.update(target, said)
            f1.update(target, said)
            counted += 1
        if target is not None:
            scores.learn(event, target)
            last = target
    (each,) = scores.comparisons
    assert each.events == counted
    if counted:
        assert each.model_hits.accuracy == pytest.approx(accuracy.get())
        assert each.model_hits.macro_f1 == pytest.approx(f1.get())
    again = task_named("classification").scores(keyed=False)
    again.go_on(json.loads(json.dumps(scores.counted())))
    assert again.counted() == scores.counted()


@given(
    values=st.lists(st.floats(-9, 9) | st.none(), min_size=1, max_size=60),
    horizon=st.integers(1, 7),
    season=st.integers(1, 9) | st.none(),
    cut=st.integers(0, 60),
)
def test_errors_by_steps_ahead_are_those_of_a_plain_loop(
    values: list[float | None], horizon: int, season: int | None, cut: int
) -> None:
    scores = HorizonScores(horizon, season)
    said = [[math.cos(n + h) for h in range(1, horizon + 1)] for n in range(len(values))]
    for n, value in enumerate(values):
        if n == cut:
            kept, scores = scores.counted(), HorizonScores(horizon, season)
            scores.go_on(json.loads(json.dumps(kept)))
        event = Event(n, {}, value)
        record = Prediction(n, None, value, forecast=said[n])
        if value is not None:
            scores.learn(event, value)
        scores.follow(Outcome(n, event, None, {}, record=record))
    model, last, seasonal = scores.errors()
    for h in range(1, horizon + 1):
        errors: list[tuple[float, float]] = []
        seasons: list[float] = []
        for n in range(len(values) - h):
            then = values[n + h]
            known = [value for value in values[: n + 1] if value is not None]
            if then is None:
                continue
            if known:
                errors.append((abs(said[n][h - 1] - then), abs(known[-1] - then)))
            back = 0 if season is None else season * -(-h // season)
            if season is not None and n + h - back >= 0 and (v := values[n + h - back]) is not None:
                seasons.append(abs(v - then))
        wanted = np.array(errors).mean(0) if errors else (np.nan, np.nan)
        np.testing.assert_allclose((model[h - 1], last[h - 1]), wanted)
        np.testing.assert_allclose(seasonal[h - 1], np.mean(seasons) if seasons else np.nan)


# --- which task -------------------------------------------------------------------------------


def task_of(records: list[Any], columns: Columns, **given: Any) -> str | None:
    return run_job(Job(IterableSource(records, columns), columns, **SMALL | given)).task


def test_the_first_target_says_the_task() -> None:
    columns = Columns("y")
    for targets, task in (
        ([None, 1.5, 2.0], "regression"),
        ([None, None, "a"], "classification"),
        ([True, False], "classification"),
        ([None] * 150, "regression"),
    ):
        assert task_of([{"a": n, "y": y} for n, y in enumerate(targets)], columns) == task
    labels = [{"a": n, "y": n % 3} for n in range(9)]
    assert task_of(labels, columns, task="classification") == "classification"
    assert task_of(labels, columns, horizon=2) == "forecast"


def test_a_label_among_numbers_is_a_bad_record() -> None:
    """JSON and Python's records have no columns whose type the first value says."""
    pairs: list[Any] = [({"a": 1}, 1.0), ({"a": 2}, 2.5), ({"a": 3}, "odd"), ({"a": 4}, 4.0)]
    source = IterableSource(pairs, Columns())
    with pytest.raises(StreamError, match="record 3: expected a number as target, got 'odd'"):
        run_job(Job(source, **SMALL))


def test_a_text_is_no_target_of_anomalies() -> None:
    columns = Columns("odd", targets="none")
    source = IterableSource([{"a": 1, "odd": "no"}], columns)
    with pytest.raises(StreamError, match="expected 0 or 1, true or false as the target"):
        run_job(Job(source, columns, task="anomaly", **SMALL))


def test_few_whole_numbers_are_worth_a_note(tmp_path: Path) -> None:
    for step, noted in ((1, True), (0.5, False)):
        records = [{"a": n, "y": n % 3 * step} for n in range(30)]
        with (tmp_path / "told").open("w") as file:
            job = Job(IterableSource(records, Columns("y")), Columns("y"), **SMALL)
            run_job(job, Console(file=file, width=200))
        assert ("--task classification" in (tmp_path / "told").read_text()) == noted


def test_what_is_held_back_is_in_no_checkpoint(tmp_path: Path) -> None:
    """Whoever stops the job before the first target finds all of it undone."""
    import signal

    def records() -> Iterator[dict[str, Any]]:
        for n in range(5):
            yield {"a": n, "y": None}
        os.kill(os.getpid(), signal.SIGINT)
        yield {"a": 5, "y": None}

    given: dict[str, Any] = {"checkpoint": tmp_path / "job", **SMALL}
    journal = tmp_path / "journal"
    first = IterableSource(records(), Columns("y"), journal=journal)
    stopped = run_job(Job(first, Columns("y"), **given))
    assert (stopped.events, stopped.stopped_by) == (0, signal.SIGINT)
    rest = [{"a": n, "y": "ab"[n % 2]} for n in range(20)]
    second = IterableSource(rest, Columns("y"), journal=journal)
    result = run_job(Job(second, Columns("y"), **given))
    assert (result.task, result.events) == ("classification", 26)


# --- models, and predicting only --------------------------------------------------------------


def trained_classifier(folder: Path) -> Path:
    model = LSTMClassifier(**SMALL)
    for n in range(60):
        model.learn_one({"load": n % 5, "mode": "ab"[n % 2]}, "low" if n % 5 < 3 else "high")
    save(model, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_a_model_says_the_task_and_predicts_without_a_target(tmp_path: Path) -> None:
    path = trained_classifier(tmp_path)
    source = tmp_path / "data.csv"
    source.write_text("load,mode,extra\n" + "".join(f"{n % 5},a,{n}\n" for n in range(20)))
    given = {"target": None, "no_learn": True, "model": path, "hidden_size": None, "seed": None}
    done = run(options(source, tmp_path, **given))
    assert done.returncode == 0, done.stderr
    assert "left out: extra" in done.stderr
    records = told(tmp_path / "predictions.jsonl")
    assert [record["prediction"] for record in records[10:15]] == ["low"] * 3 + ["high"] * 2
    source.write_text("other,extra\n1,2\n")
    done = run(options(source, tmp_path / "new", **given))
    assert done.returncode == 2
    assert "'load', 'mode'" in done.stderr
    assert "'other', 'extra'" in done.stderr


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"task": "clustering"}, "--task must be one of regression, classification, forecast"),
        ({"horizon": 3, "task": "regression"}, "--horizon is for --task forecast"),
        ({"alarms": 0.1, "task": "text", "text_column": "text"}, "--alarms is for --task anomaly"),
        ({"coverage": 1.5}, "--coverage must be between 0 and 1, got 1.5"),
        ({"alarms": 0.0}, "--alarms must be between 0 and 1"),
        ({"horizon": 10**6}, "--horizon must be a whole number from 1 to 10,000"),
        ({"shared": True}, "--shared is for a --model with --key"),
        ({"model": "m.safetensors", "hidden_size": 16}, "--hidden-size is for a new model"),
        ({"model": "m.safetensors", "seed": 1}, "--seed is for a new model"),
        ({"learn": False}, "--no-learn predicts with what --model FILE has learned"),
        ({"model": "{folder}/none.py:flow"}, "cannot read"),
        ({"model": "no.such.module:flow"}, "there is no module 'no'"),
        ({"model": "{folder}/models.py:other"}, "there is no 'other' in"),
        ({"model": "{folder}/models.py:three"}, "expected a River regressor, forecaster"),
        ({"model": "{folder}/models.py:needs"}, "could not be called without arguments"),
        ({"model": "{folder}/models.py:flow", "task": "classification"}, "needs a classifier"),
        ({"model": "{folder}/models.py:trees", "alarms": 0.1}, "--alarms needs the scores of an"),
    ],
)
def test_what_does_not_go_together_is_refused(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    extra = "three = 3\ndef needs(x): return x\nfrom river import anomaly\n"
    (tmp_path / "models.py").write_text(f"{PIPELINE}{extra}trees = anomaly.HalfSpaceTrees(seed=1)")
    if "{" in str(changed.get("model")):
        changed = changed | {"model": changed["model"].format(folder=tmp_path)}
    source = IterableSource([{"a": 1, "flow": 2}], Columns("flow"))
    with pytest.raises(StreamError, match=message):
        run_job(Job(source, Columns("flow"), **changed))


# --- pickles ----------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Return a source and the options of a job of River's that has come to its end."""
    source, given = prepared("river, keys", tmp_path, seconds=0)
    JOBS["river, keys"].write(source, 60)
    assert run(options(source, tmp_path, **given)).returncode == 0
    return source, given


@pytest.mark.parametrize("place", ["", "job.sqlite"])
def test_a_pickle_in_a_folder_that_others_can_write_is_not_read(
    finished: tuple[Path, dict[str, Any]], place: str, tmp_path: Path
) -> None:
    source, given = finished
    JOBS["river, keys"].write(source, 90)
    (tmp_path / "job" / place).chmod(0o722)
    refused = run(options(source, tmp_path, **given))
    assert refused.returncode == 2
    assert "can be written by others" in refused.stderr
    with pytest.raises(StreamError, match="can be written by others"):
        job_model(tmp_path / "job", model=given["model"])
    for path in (tmp_path / "job", *(tmp_path / "job").iterdir()):
        path.chmod(0o700)
    assert run(options(source, tmp_path, **given)).returncode == 0


def test_a_pickle_is_read_by_those_who_name_its_code_only(
    finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    source, given = finished
    other = run(options(source, tmp_path, **given | {"model": f"{tmp_path}/models.py:other"}))
    assert other.returncode == 2
    assert "belongs to another job: model was" in other.stderr
    with pytest.raises(StreamError, match="name the same code to read it"):
        job_model(tmp_path / "job")
    x = {"load": 0.5, "temp": 20.0}
    one, two = (job_model(tmp_path / "job", key, model=given["model"]) for key in ("s0", "s2"))
    assert one.predict_one(x) != two.predict_one(x)


def test_a_model_that_is_a_pickle_is_no_file_of_ours(tmp_path: Path) -> None:
    from lstmwidgets.streaming.pickles import to_pickle

    (tmp_path / "model").write_bytes(to_pickle(LSTMRegressor(3)))
    source = IterableSource([{"a": 1, "y": 2}], Columns("y"))
    with pytest.raises(StreamError, match="is a pickle, which is not read"):
        run_job(Job(source, Columns("y"), model=tmp_path / "model"))


def test_a_model_that_cannot_be_pickled_is_told(tmp_path: Path) -> None:
    code = "\nm = flow()\nm.odd = lambda: 0\n"
    (tmp_path / "models.py").write_text(PIPELINE + code)
    source = tmp_path / "data.csv"
    JOBS["river"].write(source, 20)
    given = JOBS["river"].options | {"model": f"{tmp_path}/models.py:m"}
    done = run(options(source, tmp_path, **given))
    assert done.returncode == 2
    assert "cannot be kept in a checkpoint" in done.stderr


def test_ours_at_the_end_of_a_pipeline_has_a_state_for_each_key(tmp_path: Path) -> None:
    code = """
from river import preprocessing
from lstmwidgets.online import LSTMRegressor
def ours(): return preprocessing.StandardScaler() | LSTMRegressor(4, seed=1)
"""
    (tmp_path / "ours.py").write_text(code)
    source = tmp_path / "data.csv"
    JOBS["river"].write(source, 90)
    columns = Columns("flow", key="sensor")
    path = tmp_path / "p.jsonl"
    name = f"{tmp_path}/ours.py:ours"
    records = ran(Job(str(source), columns, model=name, predictions=str(path)))
    from river import preprocessing

    model = preprocessing.StandardScaler() | LSTMRegressor(4, seed=1)
    last, states = model[-1], dict.fromkeys(("s0", "s1", "s2"))
    for n, (row, record) in enumerate(zip(rows_of(source), records, strict=True)):
        x = {"load": float(row["load"]), "temp": float(row["temp"])}
        last.set_stream(states[row["sensor"]])
        assert record["prediction"] == (model.predict_one(x) if n else None)
        model.learn_one(x, float(row["flow"]))
        states[row["sensor"]] = last.get_stream()


def test_a_task_refuses_models_for_others() -> None:
    with pytest.raises(StreamError, match="needs a forecaster, got LSTMRegressor"):
        StreamRunner(LSTMRegressor(3), [], task=task_named("forecast", Options(horizon=2)))
