"""A job in a file is the job of the same options, and `inspect` writes one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.job_file import arguments_in, with_job_file

from .task_jobs import write_numbers, write_series
from .test_checkpoint import COMMAND, options, run


def test_a_job_file_says_what_the_options_say_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        'source = "data.csv"\ntarget = "flow"\nhidden-size = 4\nfollow = true\nlearn = true\n'
        'drop = ["a", "flow, l/s"]\nwait_seconds = 0.5\n'
    )
    options = ["--target", "flow", "--hidden-size", "4", "--follow"]
    options += ["--drop", 'a,"flow, l/s"', "--wait-seconds", "0.5"]
    assert list(arguments_in(path)) == ["data.csv", *options]
    given = ["stream", "--live", str(path), "--seed", "2"]
    assert with_job_file(given) == ["stream", "data.csv", *options, "--live", "--seed", "2"]
    for words in (["inspect", str(path)], ["stream", "a.csv", "--summary", str(path)], []):
        assert with_job_file(words) == words


def test_a_folder_s_job_file_goes_on_with_its_job(tmp_path: Path) -> None:
    source = write_series(tmp_path / "series.csv", 60)
    folder = tmp_path / "out"
    given = {"horizon": 2, "key": "sensor", "predictions": folder / "p.jsonl"}
    assert run(options(source, folder, **given)).returncode == 0
    inspected = run([*COMMAND[:-1], "inspect", str(folder / "job"), "--toml"])
    assert inspected.returncode == 0
    assert 'target = "flow"\n' in inspected.stdout
    assert "seed = 1\n" in inspected.stdout
    (tmp_path / "job.toml").write_text(inspected.stdout)
    write_series(source, 90)
    again = run([*COMMAND, str(tmp_path / "job.toml"), "--checkpoint-seconds", "0.1"])
    assert again.returncode == 0, again.stderr
    assert "going on after 60 events" in again.stderr
    other = run([*COMMAND, str(tmp_path / "job.toml"), "--horizon", "3"])
    assert "horizon was 2 and is now 3" in other.stderr


def test_the_table_of_a_job_file_s_run_is_that_of_its_options(tmp_path: Path) -> None:
    source = write_numbers(tmp_path / "numbers.csv", 80)
    path = tmp_path / "job.toml"
    path.write_text(f'source = "{source}"\ntarget = "flow"\nseed = 1\nhidden-size = 6\n')
    one = run([*COMMAND, str(path)])
    two = run([*COMMAND, str(source), "--target", "flow", "--seed", "1", "--hidden-size", "6"])
    tables = [re.findall(r"last value.*", done.stdout) for done in (one, two)]
    assert tables[0] == tables[1] != []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("target = 3 4", "is no TOML"),
        ('target = "y"', "names no source"),
        ('source = "a.csv"\nhiden-size = 3', "there is no option hiden-size; did you mean hidden-"),
        ('source = "a.csv"\nfollow = 1', "follow must be true or false, got 1"),
        ('source = "a.csv"\nseed = true', "seed must be a text or a number, got True"),
    ],
)
def test_what_is_no_job_file_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(text)
    with pytest.raises(StreamError, match=message):
        list(arguments_in(path))


def test_a_missing_job_file_is_told(tmp_path: Path) -> None:
    done = run([*COMMAND, str(tmp_path / "none.toml")])
    assert done.returncode == 2
    assert "cannot read" in done.stderr


MODELS = """
from river import linear_model, preprocessing
def linear():
    return preprocessing.StandardScaler() | linear_model.LinearRegression()
"""


def test_several_models_have_the_numbers_of_single_jobs(tmp_path: Path) -> None:
    source = write_numbers(tmp_path / "numbers.csv", 120)
    (tmp_path / "models.py").write_text(MODELS)
    settings = {
        "small": {"hidden-size": 4, "seed": 1},
        "coupled": {"cell": "coupled", "hidden-size": 4, "seed": 2},
        "linear": {"model": f"{tmp_path}/models.py:linear"},
    }
    path, report = tmp_path / "job.toml", tmp_path / "report.html"
    tables = "".join(
        f'[[model]]\nname = "{name}"\n'
        + "".join(
            f"{key} = {value}\n" if isinstance(value, int) else f'{key} = "{value}"\n'
            for key, value in given.items()
        )
        for name, given in settings.items()
    )
    path.write_text(f'target = "flow"\ndrop = "sensor"\n{tables}')
    evaluate = [*COMMAND[:-1], "evaluate", str(source), str(path), "--report", str(report)]
    done = run(evaluate)
    assert done.returncode == 0, done.stderr
    for name, given in settings.items():
        words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        alone = run([*COMMAND, str(source), "--target", "flow", "--drop", "sensor", *words])
        (numbers,) = re.findall(r"last value +│(.*)│", alone.stdout)
        (beside,) = re.findall(rf"{name} +│ last value +│(.*)│[^│]*│\n", done.stdout)
        assert re.findall(r"[\d.,]+", beside) == re.findall(r"[\d.,]+", numbers)
        assert name in report.read_text()


def test_a_model_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    source = tmp_path / "events.csv"
    source.write_text("a,b,y\n" + "1,x,2\n" * 20)
    (tmp_path / "models.py").write_text(MODELS)
    tables = f'[[model]]\n[[model]]\nmodel = "{tmp_path}/models.py:linear"\n'
    path, report = tmp_path / "job.toml", tmp_path / "report.html"
    path.write_text(f'target = "y"\nseed = 1\nhidden-size = 4\n{tables}')
    done = run([*COMMAND[:-1], "evaluate", str(source), str(path), "--report", str(report)])
    assert done.returncode == 2
    assert re.search(r"models.py:linear: event 0: \w+ raised .*'b': 'x'", done.stderr)
    assert "model 1" in done.stdout
    assert "model 1" in report.read_text()


@pytest.mark.parametrize(
    ("source", "text", "message"),
    [
        ("a.csv", 'target = "y"', r"has no \[\[model\]\] tables"),
        ("-", "[[model]]\nseed = 1\n", "reads the source once for each model"),
        ("river:WaterFlow", '[[model]]\nname = "a"\n[[model]]\nname = "a"\n', "two models are"),
        ("river:WaterFlow", "[[model]]\n[[model]]\nhorizon = 0\n", "model 2: .*--horizon"),
        ("river:WaterFlow", "[[model]]\n[[model]]\nshared = true\n", "model 2: --shared is for"),
        ("river:WaterFlow", "[[model]]\nunits = 3\n", "there is no option units"),
        (
            "river:WaterFlow",
            "[[model]]\nseed = 1\n[[model]]\nhorizon = 2\nseed = 1\n",
            "model 2: does forecast and model 1 does regression; name one --task",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(
    source: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "job.toml").write_text(text)
    done = run([*COMMAND[:-1], "evaluate", source, str(tmp_path / "job.toml")])
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    only = run([*COMMAND, str(tmp_path / "job.toml")])
    assert only.returncode == 2
