"""What MLflow is told of a model's calls: the signature, and an example."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .answering import Answering
from .columns import SEQUENCE_END, SEQUENCE_ID, SEQUENCE_START

SEQUENCE = dict.fromkeys((SEQUENCE_ID, SEQUENCE_START, SEQUENCE_END), "any")
"""Ids are texts or numbers. Of a flag MLflow would make true what is missing, and "false", too."""


def signature_of(kind: Answering) -> Any:
    """Return the signature of what answers, with the columns that name sequences.

    All columns are optional to MLflow: of those that are lacking `Served` says so in one line, and
    MLflow would put the whole dataframe before it.
    """
    models, types = import_module("mlflow.models"), import_module("mlflow.types")
    columns = {column.name: column.type for column in kind.columns}
    columns |= SEQUENCE if kind.carries_state else {}
    inputs = [types.ColSpec(_type(of), name, required=False) for name, of in columns.items()]
    outputs = [types.ColSpec(_type(of), name) for name, of in kind.results.items()]
    params = [types.ParamSpec(name, "long", value) for name, value in kind.params.items()]
    return models.ModelSignature(
        inputs=types.Schema(inputs),
        outputs=types.Schema(outputs),
        params=types.ParamSchema(params) if params else None,
    )


def example_of(kind: Answering) -> Any:
    """Return a dataframe with a row, which belongs to no sequence."""
    pandas = import_module("pandas")
    return pandas.DataFrame([{column.name: column.example for column in kind.columns}])


def _type(name: str) -> Any:
    schema = import_module("mlflow.types.schema")
    if name.startswith("["):
        return schema.Array(_type(name[1:-1]))
    if name.startswith("{"):
        return schema.Map(_type(name[1:-1]))
    return schema.AnyType() if name == "any" else name
