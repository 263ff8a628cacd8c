"""The model that a job begins with, and what it has learned, to be used elsewhere."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

from lstmwidgets.analysis.tasks import last_step
from lstmwidgets.online.estimator import LSTMEstimator
from lstmwidgets.saving import THINGS, from_bytes, to_bytes

from ..errors import StreamError
from ..pickles import check_own, from_pickle, is_pickle, to_pickle
from ..state.checkpoint import files_of, look_into
from ..state.cold import ColdStore
from ..state.keyed import KeyedStreams
from ..state.turns import carries, is_a
from ..tasks import Options, Task, task_for, task_named
from .code import code_of, file_of, model_by
from .options import OF_TASK


def job_model(folder: str | Path, key: str | None = None, *, model: str | None = None) -> Any:
    """Return a copy of the model in a job's folder, as of its last checkpoint.

    The job may be running meanwhile; it is not touched.

    Parameters
    ----------
    folder : path
        What was given to ``lstmwidgets stream --checkpoint``.
    key : str, optional
        Go on with this key's state, in a job with keys. By default with the state of a job without
        keys, and a stream's beginning in one with them.
    model : str, optional
        What the job was given as ``--model``, where that is code: it is run, and the folder is
        trusted, as by the job itself.

    Returns
    -------
    estimator
        An `LSTMRegressor`, or what else the job's task needs. It predicts and learns;
        `lstmwidgets.save` keeps one of ours, widgets show it.

    Raises
    ------
    StreamError
        If there is no such job, no checkpoint yet, no such key, or the model is another one's code.
    """
    folder = Path(folder)
    with look_into(folder) as (options, database, last):
        if last is None or not last[1]:
            raise StreamError(f"there is no checkpoint in {folder} yet")
        saved, data = last
        if is_pickle(data):
            if model is None or model != options["model"]:
                raise StreamError(
                    f"the model in {folder} was made by code; name the same code to read it: "
                    f"job_model(folder, model={options['model']!r})"
                )
            run_code(model)
            check_own(files_of(folder))
        found = model_of(data, f"the model in {folder}", "begin anew")
        ours = is_a(last_step(found), LSTMEstimator)
        if options["key"] is not None and ours:
            last_step(found).reset_stream()  # the state of whichever key came last
        if key is not None and not options["learn"]:
            raise StreamError(f"the job in {folder} only predicts: its keys have no state to learn")
        if key is not None:
            cold = ColdStore(database, "streams")
            if cold.get(key) is None:
                raise StreamError(f"there is no key {key!r} in {folder}")
            given = {name: options[name] for name in OF_TASK}
            task = task_named(saved.task or task_for(found), Options(**given))
            keys = KeyedStreams(
                found, cold, memories=task.scores(keyed=True), shared=options["shared"]
            )
            entry = keys.enter(key)
            found = keys.model_of(entry) if keys.copies else found
    if carries(found):
        found.expect_known_features()
    return found


def first_model(name: str) -> Any:
    """Return the model that a job begins with: that in a file, or a copy of what code makes."""
    code = code_of(name)
    if code is not None:
        return copy.deepcopy(model_by(code))
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise StreamError(f"cannot read {name}: {error.strerror}") from error
    if is_pickle(data):
        raise StreamError(f"{name} is a pickle, which is not read; save it with lstmwidgets.save")
    return model_of(data, name, "save it with lstmwidgets.save")


def known_model(model: str | Path | None, kept: bytes | None, folder: Path | None) -> Any:
    """Return the model of a job's last checkpoint, or the one to begin with; None for a new one.

    Parameters
    ----------
    model : str, Path or None
        As the job names it.
    kept : bytes or None
        What the checkpoint has of it.
    folder : Path or None
        Where that is, for errors.
    """
    if kept is not None:
        if is_pickle(kept):
            run_code(model)  # of which it is made
        return model_of(kept, f"the model in {folder}", "begin anew")
    return None if model is None else first_model(str(model))


def begun_model(model: Any, task: Task, *, is_new: bool) -> Any:
    """Return a model to go on with, a new one of the task's if there is none.

    Raises
    ------
    StreamError
        If there can be no such model, or it is for another task.
    """
    if model is None:
        try:
            model = task.new_model()
        except ValueError as error:
            raise StreamError(str(error)) from error
    task.player(model)  # which refuses one for another task
    last = last_step(model)
    if carries(last):
        last.expect_known_features(is_new)
    return model


def model_of(data: bytes, name: str, advice: str) -> Any:
    """Return the model in bytes; the advice is for those who have something else.

    A pickle is read: whose it is has to be looked at before, see `lstmwidgets.streaming.pickles`.
    """
    try:
        return from_pickle(data) if is_pickle(data) else from_bytes(data, name)
    except ValueError as error:
        told = str(error) if name in str(error) else f"{name}: {error}"
        raise StreamError(f"{told}; {advice}") from error


def bytes_of(model: Any) -> bytes:
    """Return a model as a checkpoint keeps it: one of ours as a file has it, others pickled."""
    if type(model).__name__ in THINGS and is_a(model, LSTMEstimator):
        return to_bytes(model)
    return to_pickle(model)


def check_readable(model: str | Path | None, folder: Path) -> None:
    """Raise if checkpoints of a model that code makes would not be safe in a folder.

    Raises
    ------
    StreamError
        If it is somebody else's, or others can write it.
    """
    if model is not None and code_of(str(model)) is not None and folder.exists():
        check_own(files_of(folder))


def run_code(model: str | Path | None) -> None:
    """Let what a pickle is made of be there.

    Raises
    ------
    StreamError
        If the job names no code that could have written it.
    """
    code = None if model is None else code_of(str(model))
    if code is None:
        raise StreamError("the checkpoint holds a pickle, and this job names no code; begin anew")
    model_by(code)


def hash_of(name: str) -> str | None:
    """Return the hash of a model's file, or of the file of its code; None if it has none."""
    code = code_of(name)
    path = Path(name) if code is None else file_of(code)
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
