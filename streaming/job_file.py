"""Jobs in files: TOML with the names of the options."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import StreamError
from .options import StreamOptions

ENDING = ".toml"

DEFAULTS = {
    **{field.name.strip("_"): field.default for field in fields(StreamOptions)},
    "hidden_size": 32,
    "cell": "standard",
    "horizon": 1,
}
"""Of the options by name; those that a job fills in as it does."""

OF_NEW_MODELS = ("hidden_size", "cell", "window", "season", "seed")

FLAGS = {name for name, value in DEFAULTS.items() if isinstance(value, bool)}
"""Options that are true or false."""


def with_job_file(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments with those of a job file in the place of its name.

    What the command line says itself comes behind them, and so it wins.

    Raises
    ------
    StreamError
        If the file cannot be read, or is none of a job.
    """
    if not arguments or arguments[0] != "stream":
        return list(arguments)
    for place, word in enumerate(arguments[1:], 1):
        if word.endswith(ENDING) and not _takes_a_value(arguments[place - 1]):
            rest = [*arguments[1:place], *arguments[place + 1 :]]
            return ["stream", *arguments_in(Path(word)), *rest]
    return list(arguments)


def arguments_in(path: Path) -> Iterator[str]:
    """Yield what a job file says as arguments of the command.

    Raises
    ------
    StreamError
        If it cannot be read, names what is no option, or no source.
    """
    options = _options_in(path)
    if isinstance(options.get("model"), list):
        raise StreamError(f"{path} has [[model]] tables, which lstmwidgets evaluate runs")
    if not isinstance(options.get("source"), str):
        raise StreamError(f'{path} names no source; write one, as in source = "readings.csv"')
    yield options.pop("source")
    yield from _arguments(path, options)


def models_in(path: Path) -> dict[str, list[str]]:
    """Return the arguments of each model in a job file's ``[[model]]`` tables, without a source.

    What stands above the tables is for all, what a new model is made with for the new ones.

    Raises
    ------
    StreamError
        If it cannot be read, has no such tables, or names what is no option.
    """
    options = _options_in(path)
    options.pop("source", None)
    tables = options.pop("model", None)
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise StreamError(f"{path} has no [[model]] tables; write one for each model")
    models: dict[str, list[str]] = {}
    for number, table in enumerate(tables, 1):
        own = {name.replace("-", "_"): value for name, value in table.items()}
        name = str(own.pop("name", own.get("model", f"model {number}")))
        if name in models:
            raise StreamError(f"{path}: two models are called {name!r}; give each a name")
        given = {
            option: value
            for option, value in options.items()
            if "model" not in own or option not in OF_NEW_MODELS
        }
        models[name] = [*_arguments(path, given), *_arguments(path, own)]
    return models


def _options_in(path: Path) -> dict[str, Any]:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StreamError(f"{path} is no TOML: {error}") from error
    return {name.replace("-", "_"): value for name, value in told.items()}


def _arguments(path: Path, options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if name not in DEFAULTS:
            close = get_close_matches(name, DEFAULTS, n=1)
            hint = f"did you mean {_written(close[0])}?" if close else "see stream --help"
            raise StreamError(f"{path}: there is no option {_written(name)}; {hint}")
        yield from _argument(path, name, value)


def job_file(options: Mapping[str, Any], folder: Path) -> str:
    """Return the file of a job, of what its folder of checkpoints has.

    Parameters
    ----------
    options : mapping
        What makes it this job, as `Job.identity`.
    folder : Path
        Of its checkpoints.
    """
    told = {name: value for name, value in options.items() if name in DEFAULTS}
    if told.get("model") is not None:
        told |= dict.fromkeys(OF_NEW_MODELS)
    told["checkpoint"] = str(folder)
    lines = [
        f"{_written(name)} = {_toml(value)}"
        for name, value in told.items()
        if value not in (None, "", [], ()) and value != DEFAULTS[name]
    ]
    return "\n".join(lines) + "\n"


def _argument(path: Path, name: str, value: Any) -> Iterator[str]:
    option = f"--{_written(name)}"
    if name in FLAGS:
        if not isinstance(value, bool):
            raise StreamError(f"{path}: {_written(name)} must be true or false, got {value!r}")
        if value != DEFAULTS[name]:
            yield option if value else f"--no-{_written(name)}"
        return
    if isinstance(value, bool | dict):
        raise StreamError(f"{path}: {_written(name)} must be a text or a number, got {value!r}")
    yield option
    yield _listed(value) if isinstance(value, list) else str(value)


def _takes_a_value(word: str) -> bool:
    """Say whether the next argument is an option's."""
    name = word.removeprefix("--").removeprefix("no-").replace("-", "_")
    return word.startswith("--") and "=" not in word and name not in FLAGS


def _listed(names: Sequence[Any]) -> str:
    """Return names as the options have them, with commas between."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def _written(name: str) -> str:
    return name.replace("_", "-")


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
