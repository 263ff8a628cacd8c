"""Options as nobody means them: one line that says so, or the right numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets import save
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Columns, Job, StreamError, job_model, run_job
from lstmwidgets.streaming.state.checkpoint import inspect

PATHS = [
    *(
        "a\0b",
        "loop",
        "loop/x",
        "x" * 300,
        "rows.csv",
        "rows.csv/x",
        "other.csv",
        "",
        ".",
        "folder",
    ),
    *(
        "\udcff",
        "a [b] é",
        "job/job.sqlite",
        "job/lock",
        "x.sqlite",
        "x.parquet",
        "redis://x",
        "kafka://x",
    ),
    *("/dev/null", "/proc/x", "folder/link"),
]
NUMBERS = [-1, 0, 1, 3, 100_000, 10**9, 2**31, 2**63, 2**64, 10**30]
FILES = ("report", "recording", "summary", "dead_letters", "late_targets", "model", "checkpoint")

OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("source", "predictions"), st.sampled_from(PATHS)),
    **dict.fromkeys(FILES, st.sampled_from(PATHS).map(Path)),
    **dict.fromkeys(("hidden_size", "window", "seed"), st.sampled_from(NUMBERS)),
    **dict.fromkeys(("hot_keys", "wait_events", "checkpoint_events"), st.sampled_from(NUMBERS)),
    **dict.fromkeys(
        ("wait_seconds", "checkpoint_seconds"),
        st.sampled_from([-1.0, 0.0, 0.5, 1e9, 1e300, float("nan"), float("inf")]),
    ),
    "columns": st.builds(
        Columns,
        target=st.just("flow"),
        key=st.sampled_from([None, "key"]),
        id=st.sampled_from([None, "number"]),
    ),
    "learn": st.booleans(),
}
SHAPES = {"hidden_size", "window", "seed", "model", "source", "columns", "learn"}
"""Options that may change what is predicted."""


def make_folder(folder: Path) -> None:
    rows = "".join(f"{n},k{n % 3},{n % 7},{n % 5}.5\n" for n in range(25))
    for name in ("rows.csv", "other.csv"):
        (folder / name).write_text("number,key,load,flow\n" + rows)
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    (folder / "folder" / "link").symlink_to("../linked")
    save(LSTMRegressor(4, window=2, seed=1), folder / "saved")


def predicted(folder: Path, given_options: dict[str, Any]) -> bytes | None:
    """Run a job; return what it predicted, or None if it is refused in one line."""
    chosen = {"source": "rows.csv", "hidden_size": 4, "window": 2, "seed": 1} | given_options
    chosen.setdefault("columns", Columns("flow"))
    chosen.setdefault("predictions", "p.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        try:
            result = run_job(Job(**chosen))
        except StreamError as error:
            told = str(error)
        else:
            assert result.events == 25
            path = Path(chosen["predictions"])
            return path.read_bytes() if path.name == "p.jsonl" else b""
    assert told
    assert "\n" not in told
    return None


def check(given_options: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        make_folder(Path(name))
        found = predicted(Path(name), given_options)
        if found and not SHAPES & given_options.keys():
            assert found == plain()


def plain() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        make_folder(Path(name))
        found = predicted(Path(name), {})
    assert found
    return found


SOME = st.fixed_dictionaries({}, optional=OPTIONS).filter(lambda chosen: 0 < len(chosen) < 4)


@settings(max_examples=10)
@given(SOME)
def test_odd_options_are_told_or_do_no_harm(chosen: dict[str, Any]) -> None:
    check(chosen)


@pytest.mark.slow
@settings(max_examples=500)
@given(SOME)
def test_many_odd_options_are_told_or_do_no_harm(chosen: dict[str, Any]) -> None:
    check(chosen)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"hidden_size": 100_000}, "hidden_size=100000.*GiB of memory at least.*choose smaller"),
        ({"window": 10**9}, "window=1000000000 needs.*GiB"),
        ({"hot_keys": 10**10, "columns": Columns("flow", key="key")}, "--hot-keys.*needs.*GiB"),
        ({"dead_letters": Path("x.sqlite")}, "--dead-letters are written as JSON Lines"),
        ({"dead_letters": Path("redis://h/0/s")}, "--dead-letters must be a file"),
        ({"late_targets": Path("kafka://h:1/t")}, "--late-targets must be a file"),
        ({"report": Path("loop")}, "--report must be a path.*symbolic links"),
        ({"source": "a\0b"}, "the source must be a path.*NUL"),
        ({"checkpoint_seconds": float("nan")}, "--checkpoint-seconds must be a number"),
    ],
)
def test_what_is_told_names_the_option(chosen: dict[str, Any], message: str) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        make_folder(Path(name))
        patch.chdir(name)
        job = Job(**({"source": "rows.csv", "columns": Columns("flow")} | chosen))
        with pytest.raises(StreamError, match=message):
            run_job(job)


@pytest.mark.parametrize("name", ["a\0b", "loop", "x" * 300, "rows.csv"])
def test_what_is_no_jobs_folder_is_told(tmp_path: Path, name: str) -> None:
    make_folder(tmp_path)
    for look in (inspect, job_model):
        with pytest.raises(StreamError, match="holds no job"):
            look(tmp_path / name)
