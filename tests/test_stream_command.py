"""`lstmwidgets stream` writes whole files, repeats itself by its seed and refuses wrong use."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from lstmwidgets.streaming import Job, cli, run_job
from lstmwidgets.streaming.options import StreamOptions
from lstmwidgets.streaming.retry import PatientRetry
from lstmwidgets.streaming.sources import Columns
from lstmwidgets.streaming.terminal import note

COMMAND = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["lstmwidgets", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    """Return a CSV file of hourly readings over four days, one target missing."""
    path = tmp_path / "readings.csv"
    rows = [
        f"2024-03-{1 + n // 24:02d}T{n % 24:02d}:00,{n % 24},{'day' if n % 24 > 6 else 'night'},"
        f"{'' if n == 50 else n % 24 + 0.1 * (n % 5)}"
        for n in range(96)
    ]
    path.write_text("when,load,shift,flow\n" + "\n".join(rows) + "\n")
    return path


def test_a_csv_file_is_predicted_learned_and_reported(
    readings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines, page = tmp_path / "out" / "predictions.jsonl", tmp_path / "out" / "report.html"
    status = run(
        monkeypatch, "stream", readings, "--target", "flow", "--hidden-size", "4", "--seed", "1",
        "--predictions", lines, "--report", page,
    )  # fmt: skip
    assert status == 0
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [record["id"] for record in records] == list(range(96))
    assert records[0]["prediction"] is None
    assert all(isinstance(record["prediction"], float) for record in records[1:])
    assert records[50]["target"] is None
    assert records[51]["target"] == pytest.approx(51 % 24 + 0.1)
    scored = [record for record in records[1:] if record["target"] is not None]
    error = sum(abs(record["prediction"] - record["target"]) for record in scored) / len(scored)
    shown = capsys.readouterr().out
    assert "96 events" in shown
    assert re.search(rf"last value\s+│\s+{len(scored)} │ {error:.4g}", shown)
    assert re.search(r"same hour yesterday\s+│\s+70 │", shown)
    assert "Cell state" in page.read_text()
    assert sorted(path.name for path in lines.parent.iterdir()) == [lines.name, page.name]


def test_a_seed_repeats_predictions_and_report_to_the_byte(readings: Path, tmp_path: Path) -> None:
    made = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        subprocess.run(
            [*COMMAND, "stream", "readings.csv", "--target", "flow", "--seed", "9",
             "--predictions", folder / "p.jsonl", "--report", folder / "r.html"],
            check=True, capture_output=True, cwd=readings.parent,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        made.append([(folder / name).read_bytes() for name in ("p.jsonl", "r.html")])
    assert made[0] == made[1]


def test_standard_input_is_read(readings: Path, tmp_path: Path) -> None:
    lines = tmp_path / "p.jsonl"
    done = subprocess.run(
        [*COMMAND, "stream", "-", "--target", "flow", "--drop", "shift", "--predictions", lines],
        input=readings.read_text(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert len(lines.read_text().splitlines()) == 96
    assert "96 events" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_completes_the_files_and_says_so(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Standard input stays open, as of a live stream: the command waits for the next line."""
    lines, page = tmp_path / "p.jsonl", tmp_path / "r.html"
    process = subprocess.Popen(
        [*COMMAND, "stream", "-", "--target", "y", "--predictions", lines, "--report", page],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("a,y\n" + "".join(f"{n},{n % 7}\n" for n in range(40)))
    process.stdin.flush()
    next_part(tmp_path, process)
    wait_until_idle(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "interrupted" in err
    assert "40 events" in out
    assert len(lines.read_text().splitlines()) == 40
    assert page.read_text().rstrip().endswith("</html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.jsonl", "r.html"]


def next_part(folder: Path, process: subprocess.Popen[str]) -> Path:
    """Wait until the command has opened its output, and return the unfinished file."""
    while True:
        parts = list(folder.glob(".p.jsonl.*.part"))
        if parts:
            return parts[0]
        assert process.poll() is None
        time.sleep(0.1)


def wait_until_idle(process: subprocess.Popen[str]) -> None:
    """Wait until the command does next to nothing for a second: it has worked off its input."""
    ticks, quiet = 0, 0
    while quiet < 5:
        assert process.poll() is None
        time.sleep(0.2)
        words = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        before, ticks = ticks, int(words[11]) + int(words[12])  # in user and in system mode
        quiet = quiet + 1 if ticks - before <= 1 else 0


def test_help_names_sources_options_and_examples(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "stream", "--help") == 0
    shown = capsys.readouterr().out
    for word in ("river:NAME", "--target COLUMN", "--skip-bad-rows", "--seed N", "Examples:"):
        assert word in shown
    assert "\n    lstmwidgets stream river:WaterFlow --report out/report.html\n" in shown
    assert not re.search(r"<\w+ range>|\\b", shown)
    for each in fields(StreamOptions):
        assert f"--{each.name.strip('_').replace('_', '-')}" in shown or each.name == "source"
    assert run(monkeypatch, "--version") == 0
    assert re.fullmatch(r"lstmwidgets \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stream"], "Missing argument"),
        (["stream", "nothing.csv", "--target", "y"], "cannot read nothing.csv"),
        (["stream", "{csv}"], "one of: when, load, shift, flow; or --task anomaly"),
        (["stream", "{csv}", "--target", "speed"], "no column 'speed'"),
        (
            ["stream", "{csv}", "--target", "shift", "--task", "regression"],
            "column 'shift': expected a number, got 'night'",
        ),
        (
            ["stream", "{csv}", "--target", "flow", "--task", "text"],
            "name it with --text-column",
        ),
        (["stream", "{csv}", "--target", "when"], "column 'when': expected a number or true or"),
        (["stream", "{csv}", "--target", "flow", "--cell", "gru"], "--cell must be one of"),
        (["stream", "{csv}", "--target", "flow", "--hidden-size", "0"], "--hidden-size"),
        (["stream", "{csv}", "--target", "flow", "--sed", "1"], "--sed"),
        (["stream", "river:Nile"], "River has no data set 'Nile'"),
        (["run"], "No such command 'run'. Try --help"),
        (["my readings.csv"], "Try: lstmwidgets stream 'my readings.csv'"),
        (["stream", "{csv}", "--dead-letters", "redis://h:1/0/s"], "expected a file, got redis://"),
        (["stream", "{csv}", "--at-least-once"], "--at-least-once is for --predictions kafka://"),
        (["stream", "{csv}", "--kafka-properties", "x"], "--kafka-properties is for kafka://"),
        (["stream", "{csv}", "--target", "flow", "--start", "latest"], "--start is for kafka://"),
        (["stream", "kafka://h:1/t", "--target", "flow", "--start", "x"], "--start must be earlie"),
        (["stream", "{csv}", "--report", "https://a/b"], "expected a file, got https://a/b"),
        (["stream", "{csv}", "--drop", '"b, c" d'], "--drop: a name with a comma stands in double"),
        (["stream", "{csv}", "--record-bytes", "9"], "--record-bytes"),
        (["stream", "{csv}", "--target", "flow", "--stdin", "off"], "--stdin must be again or on"),
        (
            ["stream", "a\x1b[31m\nb.csv", "--target", "y"],
            "cannot read a\\x1b[31m\\nb.csv: No such",
        ),
        (["stream", "a\udcffb.csv", "--target", "y"], "cannot read a\\udcffb.csv: No such file"),
        (["stream", "{csv}", "--target", "[/b]"], "no column '[/b]' (--target)"),
    ],
)
def test_wrong_use_ends_with_one_line_and_status_two(
    arguments: list[str],
    message: str,
    readings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(readings.parent)
    assert run(monkeypatch, *(word.format(csv=readings) for word in arguments)) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.startswith("lstmwidgets: ")
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_a_bad_row_leaves_no_files_and_older_ones_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, lines, page = (tmp_path / name for name in ("d.csv", "p.jsonl", "r.html"))
    data.write_text("a,y\n1,2\n2,3\nthree,4\n5,6\n")
    lines.write_text("older\n")
    options = ["stream", data, "--target", "y", "--predictions", lines, "--report", page]
    assert run(monkeypatch, *options) == 2
    assert "d.csv, line 4, column 'a': expected a number, got 'three'" in capsys.readouterr().err
    assert lines.read_text() == "older\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv", "p.jsonl"]
    assert run(monkeypatch, *options, "--skip-bad-rows") == 0
    assert "1 record could not be read" in capsys.readouterr().out
    assert len(lines.read_text().splitlines()) == 3


def test_an_output_that_cannot_be_written_is_refused_before_the_stream_starts(
    readings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    under_a_file = readings / "report.html"
    status = run(monkeypatch, "stream", readings, "--target", "flow", "--report", under_a_file)
    assert status == 2
    assert f"cannot write {under_a_file}" in capsys.readouterr().err
    assert run(monkeypatch, "stream", readings, "--target", "flow", "--report", tmp_path) == 2
    assert "is a folder" in capsys.readouterr().err


def test_outputs_replace_neither_the_source_nor_each_other(
    readings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = readings.read_text()
    options = ["stream", readings, "--target", "flow"]
    assert run(monkeypatch, *options, "--predictions", readings) == 2
    out = readings.parent / "out"
    assert run(monkeypatch, *options, "--predictions", out, "--report", out) == 2
    assert capsys.readouterr().err.count("is named twice") == 2
    assert readings.read_text() == before
    assert list(readings.parent.iterdir()) == [readings]


def test_a_link_is_followed_and_a_pipe_is_refused(
    readings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = readings.parent
    link, pipe = folder / "link", folder / "pipe"
    link.symlink_to("linked")
    os.mkfifo(pipe)
    options = ["stream", readings, "--target", "flow"]
    assert run(monkeypatch, *options, "--predictions", link) == 0
    assert link.is_symlink()
    assert len((folder / "linked").read_text().splitlines()) == 96
    assert run(monkeypatch, *options, "--predictions", pipe) == 2
    assert "not a regular file" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_a_full_disk_ends_with_one_line(readings: Path) -> None:
    command = " ".join([*(f"'{part}'" for part in COMMAND), "stream readings.csv --target flow"])
    done = subprocess.run(
        f"ulimit -f 1; {command} --predictions p.jsonl",
        shell=True,
        capture_output=True,
        text=True,
        cwd=readings.parent,
    )
    assert done.returncode == 2
    assert "cannot write p.jsonl: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in readings.parent.iterdir()] == ["readings.csv"]


def test_an_interrupt_before_the_first_event_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "stream", "-", "--target", "y", "--predictions", tmp_path / "p.jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_idle(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130  # while standard input is open
    out, err = process.communicate()
    assert "0 events" in out
    assert "interrupted: the files hold what was seen until then" in err
    assert (tmp_path / "p.jsonl").read_bytes() == b""


def test_dates_of_the_year_one_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "d.csv"
    data.write_text("t,y\n0001-01-01T00:00:00,1\n2024-01-01T00:00:00+01:00,2\n2024-01-02,3\n")
    assert run(monkeypatch, "stream", data, "--target", "y", "--report", tmp_path / "r.html") == 0


def test_options_are_those_of_a_job_with_the_same_defaults() -> None:
    job, taken = Job("-"), {"columns", "format", "delimiter"}
    assert vars(StreamOptions("-").job()) == vars(job)
    given = StreamOptions("-", features='a, "b, c"', missing="?,-9", delimiter="tab", format_="csv")
    made = given.job()
    assert made.columns == Columns(features=("a", "b, c"), missing=("?", "-9"))
    assert (made.format, made.delimiter) == ("csv", "\t")
    assert {name for name in vars(job) if vars(made)[name] != vars(job)[name]} == taken
    late = StreamOptions("-", id_="i", predictions="out/p.jsonl").job().late_targets
    assert late == Path("out/p.labels.jsonl")


@pytest.mark.parametrize("name", ["[/b].csv", "[red]a[b] :smile:.csv", "a\x1b[31m\n.csv"])
@pytest.mark.parametrize("terminal", [True, False])
def test_names_are_no_markup(tmp_path: Path, name: str, terminal: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(",a,y\n" + "".join(f"{n},{n % 5},{n % 7}\n" for n in range(60)))
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=500, color_system=None)
    run_job(Job(str(path), Columns("y"), hidden_size=4), console)
    shown = out.getvalue()
    printed = str(path).replace("\x1b", "\\x1b").replace("\n", "\\n")
    assert f"{printed}: the first column has no name and counts rows" in shown
    assert shown.count(printed) > terminal  # in the bar as well
    assert "\x1b[31m" not in shown
    retry = PatientRetry(f"redis://[/b]/{name}", patience=300, notes=partial(note, console))
    retry.failed(ConnectionError("[/i]\n"))
    assert (
        f"redis://[/b]/{printed.removeprefix(f'{tmp_path}/')} does not answer ([/i]\\n)"
        in out.getvalue()
    )


def test_a_full_standard_output_is_named(readings: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123  # a device
        done = subprocess.run(
            [*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "lstmwidgets: standard output: No space left on device\n"


def test_a_finished_job_says_what_is_missing_and_of_a_model_only_what_is_its_own(
    readings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = readings.parent
    monkeypatch.chdir(folder)
    Path("models.py").write_text(
        "from lstmwidgets.online import LSTMRegressor\n"
        "def small():\n    return LSTMRegressor(hidden_size=3, seed=1)\n"
    )
    words = ["stream", str(readings), "--target", "flow", "--checkpoint", "job"]
    words += ["--model", "models.py:small"]
    assert run(monkeypatch, *words) == 0
    assert run(monkeypatch, "inspect", "job") == 0
    told = capsys.readouterr().out
    assert "models.py:small" in told
    assert "hidden size" not in told
    assert "window" not in told
    assert run(monkeypatch, *words, "--report", "report.html", "--summary", "run.json") == 0
    assert "nothing to do, and no report or summary is written" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not Path("report.html").exists()
