"""What MLflow calls: dataframes in and out, and a state for each sequence in between."""

from __future__ import annotations

import json
import threading
from importlib import import_module
from typing import Any

from ..codec import is_missing
from .answering import Answering, Rows
from .columns import SEQUENCE_END, SEQUENCE_ID, SEQUENCE_START
from .sequences import Sequences


class Served:
    """A model that answers dataframes; MLflow wraps it as a pyfunc.

    Without a column ``sequence_id`` the rows of a call are one sequence, which begins with the call
    and ends with it. With it each sequence goes on where its last row has left it. A call that is
    refused changes nothing. Calls may come from several threads: they take turns.

    Parameters
    ----------
    kind : Answering
        The model.
    sequences : Sequences
        What is remembered between calls.
    """

    def __init__(self, kind: Answering, sequences: Sequences) -> None:
        self._kind = kind
        self._sequences = sequences
        self._lock = threading.Lock()

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Answer the rows of a dataframe.

        Parameters
        ----------
        model_input : pandas.DataFrame
            As the signature says.
        params : dict, optional
            As the signature says.

        Returns
        -------
        pandas.DataFrame
            A row for each row.

        Raises
        ------
        mlflow.exceptions.MlflowException
            If something is wrong with the call, in one line; over HTTP it is a 400.
        """
        try:
            with self._lock:
                answers = self._answers(model_input, params or {})
        except (TypeError, ValueError) as error:
            raise _refused(" ".join(str(error).split())) from error
        names = [*self._kind.results]
        return import_module("pandas").DataFrame(answers, columns=names, index=model_input.index)

    def _answers(self, frame: Any, params: dict[str, Any]) -> Rows:
        rows = self._rows(frame)
        if not self._kind.carries_state:
            if SEQUENCE_ID in frame:
                raise ValueError(
                    "every row is a whole sequence for this model: leave sequence_id out"
                )
            return self._kind.run(rows, None, **params)[0] if rows else []
        if SEQUENCE_ID not in frame:
            for name in (SEQUENCE_START, SEQUENCE_END):
                if name in frame:
                    raise ValueError(f"{name} is given without a sequence_id")
            return self._kind.run(rows, None, **params)[0] if rows else []
        return self._in_sequences(frame, rows, params)

    def _in_sequences(self, frame: Any, rows: Rows, params: dict[str, Any]) -> Rows:
        """Answer rows, each on its sequence; remember what they have left behind once all have."""
        names = frame[SEQUENCE_ID].tolist()
        starts, ends = (_flags(frame, name) for name in (SEQUENCE_START, SEQUENCE_END))
        states: dict[str, Any] = {}
        answers = []
        for row, given, starts_here, ends_here in zip(rows, names, starts, ends, strict=True):
            if is_missing(given) or given == "":
                raise ValueError(
                    "sequence_id is missing in a row: give all rows one, or leave the column out"
                )
            name = str(given)
            state = None if starts_here else self._state_of(name, states)
            answer, after = self._kind.run([row], state, **params)
            answers += answer
            states[name] = None if ends_here else after
        self._sequences.update(states)
        return answers

    def _state_of(self, name: str, states: dict[str, Any]) -> Any:
        state = states[name] if name in states else self._sequences.get(name)
        if state is None:
            raise ValueError(
                f"sequence_id {name!r} has no state here: it has not begun, has ended, or its "
                "state is gone, as after a restart or a long pause; send sequence_start=true to "
                "begin anew"
            )
        return state

    def _rows(self, frame: Any) -> Rows:
        """Return the values of rows, None where they are missing."""
        empty = [None] * len(frame)
        for column in self._kind.columns:
            if column.is_required and column.name not in frame:
                raise ValueError(f"the column {column.name!r} is missing")
        read = {
            column.name: [column.value(each) for each in _cells(frame, column.name, empty)]
            for column in self._kind.columns
        }
        return [dict(zip(read, values, strict=True)) for values in zip(*read.values(), strict=True)]


def _cells(frame: Any, name: str, otherwise: list[Any]) -> list[Any]:
    cells: list[Any] = frame[name].tolist() if name in frame else otherwise
    return cells


def _flags(frame: Any, name: str) -> list[bool]:
    """Return which rows have a flag; a missing one is none."""
    flags = [False if is_missing(one) else one for one in _cells(frame, name, [False] * len(frame))]
    for flag in flags:
        if flag not in (True, False):
            raise ValueError(f"{name} must be true or false, got {flag!r}")
    return [bool(flag) for flag in flags]


def _refused(message: str) -> Exception:
    """Return the exception for which MLflow's server answers 400, with this line alone.

    Where a call fails the server puts the whole dataframe before the message.
    """
    exceptions = import_module("mlflow.exceptions")
    codes = import_module("mlflow.protos.databricks_pb2")

    class Refused(exceptions.MlflowException):  # type: ignore[misc,name-defined]
        def serialize_as_json(self) -> str:
            return json.dumps({"error_code": self.error_code, "message": message})

    refused: Exception = Refused(message, error_code=codes.BAD_REQUEST)
    return refused
