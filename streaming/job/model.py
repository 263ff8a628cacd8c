"""The model that a job begins with, and what it has learned, to be used elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.saving import from_bytes

from ..errors import StreamError
from ..state.checkpoint import look_into
from ..state.cold import ColdStore
from ..state.keyed import KeyedStreams


def job_model(folder: str | Path, key: str | None = None) -> LSTMRegressor:
    """Return a copy of the model in a job's folder, as of its last checkpoint.

    The job may be running meanwhile; it is not touched.

    Parameters
    ----------
    folder : path
        What was given to ``lstmwidgets stream --checkpoint``.
    key : str, optional
        Go on with this key's state, in a job with keys. By default with the state of a job without
        keys, and a stream's beginning in one with them.

    Returns
    -------
    LSTMRegressor
        It predicts and learns; `lstmwidgets.save` keeps it, widgets show it.

    Raises
    ------
    StreamError
        If there is no such job, no checkpoint yet, or no such key.
    """
    with look_into(Path(folder)) as (options, database, last):
        if last is None or not last[1]:
            raise StreamError(f"there is no checkpoint in {folder} yet")
        model = regressor_of(last[1], f"the model in {folder}", "begin anew")
        if options["key"] is not None:
            model.reset_stream()  # the state of whichever key came last
        if key is not None and not options["learn"]:
            raise StreamError(f"the job in {folder} only predicts: its keys have no state to learn")
        if key is not None:
            cold = ColdStore(database, "streams")
            if cold.get(key) is None:
                raise StreamError(f"there is no key {key!r} in {folder}")
            KeyedStreams(model, cold).enter(key)
    model.expect_known_features()
    return model


def regressor_in(path: Path) -> LSTMRegressor:
    """Return the model in a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}") from error
    return regressor_of(data, str(path), "save it with lstmwidgets.save")


def regressor_of(data: bytes, name: str, advice: str) -> LSTMRegressor:
    """Return the model in a file's bytes; the advice is for those who have another."""
    try:
        model = from_bytes(data, name)
    except ValueError as error:
        raise StreamError(f"{error}; {advice}") from error
    if not isinstance(model, LSTMRegressor):
        raise StreamError(f"{name} is a {type(model).__name__}; stream runs an LSTMRegressor")
    return model


def hash_of(path: Path) -> str | None:
    """Return the hash of a file; None if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
