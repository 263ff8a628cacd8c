"""A job goes on with what it had read, or says that it is something else."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import Columns, Job, StreamError, run_job
from lstmwidgets.streaming.sources import IterableSource
from tests.test_checkpoint import options, outcome, run
from tests.test_outputs_kept import told

Row = tuple[str, float, float]


def rows_of(count: int, seed: int = 0) -> list[Row]:
    draw = random.Random(seed)
    return [(f"k{draw.randrange(3)}", draw.random(), draw.gauss(9, 2)) for _ in range(count)]


def write(path: Path, rows: list[Row], group: int = 1000) -> Path:
    """Write rows into a file of the kind that its name says."""
    if path.suffix == ".parquet":
        arrow = pytest.importorskip("pyarrow")
        columns = dict(
            zip(("key", "load", "flow"), map(list, zip(*rows, strict=True)), strict=True)
        )
        arrow.parquet.write_table(arrow.table(columns), path, row_group_size=group)
    elif path.suffix == ".jsonl":
        lines = (f'{{"key": "{k}", "load": {a:.4f}, "flow": {b:.4f}}}' for k, a, b in rows)
        path.write_text("\n".join(lines) + "\n")
    else:
        lines = (f"{k},{a:.4f},{b:.4f}" for k, a, b in rows)
        path.write_text("\n".join(["key,load,flow", *lines]) + "\n")
    return path


KINDS = ["csv", "jsonl", "parquet"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow.parquet")
    return str(request.param)


def command(source: Path, folder: Path) -> list[str]:
    return options(source, folder, key="key", window=3)


def test_a_file_that_has_grown_is_gone_on_with(tmp_path: Path, kind: str) -> None:
    rows = rows_of(80)
    source = write(tmp_path / f"rows.{kind}", rows)
    assert run(command(source, tmp_path / "whole")).returncode == 0
    for count in (0, 30, 80):
        source.unlink()
        write(source, rows[: count or 1], group=7)
        done = run(command(source, tmp_path / "grown"))
        assert done.returncode == 0, done.stderr
    written = (tmp_path / "grown" / "predictions.jsonl").read_bytes()
    assert written == (tmp_path / "whole" / "predictions.jsonl").read_bytes()


@pytest.mark.parametrize("more", [-1, 0, 40])
def test_another_file_in_its_place_is_told(tmp_path: Path, kind: str, more: int) -> None:
    source = write(tmp_path / f"rows.{kind}", rows_of(40))
    assert run(command(source, tmp_path)).returncode == 0
    before = (tmp_path / "predictions.jsonl").read_bytes()
    write(source, rows_of(40 + more, seed=1))
    answer = told(run(command(source, tmp_path)))
    assert "put" in answer
    assert "begin anew" in answer
    assert (tmp_path / "predictions.jsonl").read_bytes() == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.1, 1, exclude_max=True), what=st.sampled_from(["delete", "insert"]))
def test_a_byte_more_or_less_is_told(tmp_path: Path, kind: str, place: float, what: str) -> None:
    source = write(tmp_path / f"rows.{kind}", rows_of(60))
    data = source.read_bytes()
    lines = data.splitlines(keepends=True)
    kept = tmp_path / kind
    if not kept.exists():
        source.write_bytes(b"".join(lines[:40]))
        assert run(command(source, tmp_path / "job of it")).returncode == 0
        shutil.move(tmp_path / "job of it", kept)
    at = int(place * sum(map(len, lines[:40])))
    source.write_bytes(data[:at] + (data[at + 1 :] if what == "delete" else b"7" + data[at:]))
    folder = tmp_path / "job of it"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder)
    assert "begin anew" in told(run(command(source, folder)))


def iterable(count: int, journal: Path) -> IterableSource:
    pairs = [({"load": n / 9}, float(n)) for n in range(count)]
    return IterableSource(iter(pairs), Columns(), journal=journal)


def test_a_changed_journal_is_told(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def go(count: int) -> int:
        return run_job(Job(iterable(count, journal), checkpoint=tmp_path / "job", seed=1)).events

    assert go(20) == 20
    assert go(5) == 25
    data = journal.read_bytes()
    journal.write_bytes(data.replace(b"19.0", b"18.0"))
    with pytest.raises(StreamError, match="has changed; put it back"):
        go(5)
    journal.write_bytes(data)
    assert go(1) == 26


def test_the_kept_standard_input_is_not_read_from_another_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "rows.csv", rows_of(40))
    line = options("-", tmp_path, format="csv")
    monkeypatch.setattr(sys, "stdin", source.open())
    assert run(line).returncode == 0
    journal = tmp_path / "job" / "input.journal"
    data = journal.read_bytes()
    journal.write_bytes(data[:-20] + data[-19:] + b"\n")
    monkeypatch.setattr(sys, "stdin", source.open())
    assert "has changed" in told(run(line))


def test_the_end_is_the_same_whether_parquet_is_cut_into_other_groups(tmp_path: Path) -> None:
    """A file with the same rows is the same file, however it was written."""
    pytest.importorskip("pyarrow.parquet")
    source = write(tmp_path / "rows.parquet", rows_of(60), group=9)
    assert run(command(source, tmp_path)).returncode == 0
    before = outcome(tmp_path)
    write(source, rows_of(60), group=60)
    done = run(command(source, tmp_path))
    assert "nothing to do" in " ".join(done.stderr.split())
    assert outcome(tmp_path) == before
