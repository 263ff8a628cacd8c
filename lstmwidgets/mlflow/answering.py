"""What each kind of model is asked and answers, and which state it carries on."""

from __future__ import annotations

from typing import Any, Protocol

from .columns import Column

Rows = list[dict[str, Any]]


class Answering(Protocol):
    """A model that answers rows.

    Attributes
    ----------
    columns : list of Column
        What a row has, besides the sequence that it belongs to.
    results : dict of str to str
        What an answer has: names, and MLflow's types as of `Column`; in braces that of the values
        of a map.
    params : dict of str to object
        Parameters of a call, and their defaults.
    carries_state : bool
        Whether the rows of a call are steps of sequences. If not, each stands for itself.
    """

    columns: list[Column]
    results: dict[str, str]
    params: dict[str, Any]
    carries_state: bool

    def run(self, rows: Rows, state: Any, **params: Any) -> tuple[Rows, Any]:
        """Answer consecutive rows of a sequence.

        Parameters
        ----------
        rows : list of dict
            At least one; a value for each column, None where it is missing.
        state : object
            What was returned after the rows before; None at a sequence's beginning.
        **params
            Those of the call.

        Returns
        -------
        answers : list of dict
            One for each row.
        state : object
            What these rows have left behind; never None where a state is carried.
        """
        ...
