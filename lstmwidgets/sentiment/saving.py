"""Sentiment models in files: the network as `lstmwidgets.models` writes it, and what is around it.

A file is one of `save_model` with a further entry in its header and with the arrays of the counts,
so `load_model` reads the network alone, and nothing in it is code.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as safetensors_bytes

from ..files import written_whole
from ..labels import from_json, to_json
from ..models import BESIDE, digest, load_model, save_model
from ..text import Vocabulary, WordVectors
from ..training.epochs import Epoch
from .word_counts import WordCounts

ENTRY = "sentiment"
VERSION = 2


def write(
    path: str | os.PathLike[str],
    model: Any,
    *,
    options: Mapping[str, Any],
    vocabulary: Vocabulary,
    counts: WordCounts | None,
    result: Mapping[str, Any],
) -> None:
    """Write a network, its options, its vocabulary, its counts and its curves to one file.

    Raises
    ------
    TypeError
        If a label or an option cannot be written. Nothing is written then.
    """
    parts = {} if counts is None else counts.to_parts()
    arrays = {name: one for name, one in parts.items() if isinstance(one, np.ndarray)}
    beside = {f"{BESIDE}{name}": torch.from_numpy(array) for name, array in arrays.items()}
    description = json.dumps(
        {
            "version": VERSION,
            "options": {name: _plain(name, value) for name, value in options.items()},
            "vocabulary": vocabulary.to_json(),
            "counts": {name: one for name, one in parts.items() if name not in arrays},
            "result": {**result, "epochs": [asdict(one) for one in result["epochs"]]},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "network.safetensors"
        save_model(model, network)
        with safe_open(network, framework="pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header |= {ENTRY: description, f"{ENTRY} sha256": digest(description, beside)}
    data = safetensors_bytes({**tensors, **beside}, header)
    with written_whole(path) as new:
        new.write_bytes(data)


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Return the network and what `write` was given around it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated, of another kind or version, or was changed after it was written.
    """
    model = load_model(path)
    with safe_open(os.fspath(path), framework="pt") as file:
        header = file.metadata()
        names = file.keys()
        beside = {name: file.get_tensor(name) for name in names if name.startswith(BESIDE)}
    if ENTRY not in header:
        raise ValueError(f"{path} holds a network alone: it was not written by SentimentModel.save")
    if header.get(f"{ENTRY} sha256") != digest(header[ENTRY], beside):
        raise ValueError(f"{path} is damaged: it was changed after it had been written")
    saved: dict[str, Any] = json.loads(header[ENTRY])
    if saved["version"] != VERSION:
        raise ValueError(
            f"{path} has version {saved['version']} of the sentiment format and this lstmwidgets "
            f"reads version {VERSION}"
        )
    vocabulary = Vocabulary.from_json(saved["vocabulary"])
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(
            f"{path} is damaged: {len(vocabulary)} words for {model.vocabulary_size} vectors"
        )
    options = {name: _restored(value) for name, value in saved["options"].items()}
    result = {**saved["result"], "epochs": [Epoch(**one) for one in saved["result"]["epochs"]]}
    arrays = {name.removeprefix(BESIDE): tensor.numpy() for name, tensor in beside.items()}
    counts = WordCounts.from_parts({**saved["counts"], **arrays}) if arrays else None
    around = {"options": options, "vocabulary": vocabulary, "counts": counts, "result": result}
    return model, around


def _plain(name: str, value: Any) -> Any:
    """Return an option's form in JSON; word vectors are known by their name."""
    if isinstance(value, Mapping):
        return {"mapping": [[to_json(label), float(one)] for label, one in value.items()]}
    if isinstance(value, WordVectors):
        return value.name or None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):  # a number of NumPy's
        value = value.item()
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"{name}={value!r} cannot be saved")
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {from_json(label): one for label, one in value["mapping"]}
    return value
