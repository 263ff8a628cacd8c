"""What a job keeps and a disk has changed: a line that says so, or the right numbers."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.test_checkpoint import SENSORS, events_of, options, outcome, run, write_sensors

EVENTS, FIRST = 120, 90


@dataclass(frozen=True)
class Stopped:
    """A job that has come to a part of its source, and what it comes to in the end.

    Attributes
    ----------
    source : Path
        All of it.
    folder : Path
        What the job has left.
    whole : tuple
        What a job that was never stopped has come to.
    """

    source: Path
    folder: Path
    whole: object

    def go_on(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Go on with a copy of the folder in a place of the same name."""
        return run(options(self.source, folder, **SENSORS))


@pytest.fixture(scope="module", params=["ended", "killed"])
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    place = tmp_path_factory.mktemp(request.param)
    source = write_sensors(place / "sensors.csv", EVENTS)
    text = source.read_text()
    whole, folder = place / "whole", place / "at work"
    assert run(options(source, folder, **SENSORS)).returncode == 0
    folder.rename(whole)
    first = text[: text.index(f"\n{FIRST},") + 1]
    source.write_text(first)
    if request.param == "ended":
        assert run(options(source, folder, **SENSORS)).returncode == 0
    else:
        command = [*options(source, folder, **SENSORS), "--follow"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while events_of(folder / "job") < FIRST:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "job" / "job.sqlite-wal").stat().st_size > 0
    with source.open("a") as file:
        file.write(text[len(first) :])
    folder.rename(place / "kept")
    expected = outcome(whole)
    assert go_on_with(Stopped(source, place / "kept", expected), folder) is None
    return Stopped(source, place / "kept", expected)


def go_on_with(stopped: Stopped, folder: Path, change: object = None) -> str | None:
    """Go on with a changed copy; return what is said, or None if all of it is right."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stopped.folder, folder)
    if callable(change):
        change(folder)
    done = stopped.go_on(folder)
    if done.returncode == 0:
        assert outcome(folder) == stopped.whole
        return None
    told = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert told.startswith("lstmwidgets: ")
    assert done.stderr.count("lstmwidgets: ") == 1
    return told


def flips(stopped: Stopped, count: int, seed: int) -> list[str]:
    """Flip one bit at a time of what the database is made of; return what was said of each."""
    draw = random.Random(seed)
    files = [path for path in (stopped.folder / "job").glob("job.sqlite*") if path.stat().st_size]
    sizes = [path.stat().st_size for path in files]
    told = []
    for _ in range(count):
        (file,) = draw.choices(files, sizes)
        place, bit = draw.randrange(file.stat().st_size), 1 << draw.randrange(8)

        def flip(folder: Path, file: Path = file, place: int = place, bit: int = bit) -> None:
            path = folder / "job" / file.name
            data = bytearray(path.read_bytes())
            data[place] ^= bit
            path.write_bytes(data)

        answer = go_on_with(stopped, stopped.folder.with_name("at work"), flip)
        if answer is not None:
            told.append(answer)
    return told


def test_a_flipped_bit_of_the_database_is_told_or_harmless(stopped: Stopped) -> None:
    told = flips(stopped, 12, 1)
    if "killed" not in str(stopped.folder):  # else most of it is in the log, and gone back behind
        assert len(told) > 2


@pytest.mark.slow
def test_a_thousand_flipped_bits_of_the_database_are_told_or_harmless(stopped: Stopped) -> None:
    flips(stopped, 1000, 2)
