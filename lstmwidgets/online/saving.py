"""Estimators in safetensors files: arrays as tensors, all else in the JSON header.

Nothing in such a file is code and nothing of it is run: a reader makes objects of the classes in
`CLASSES` only and fills in what it finds. Saving writes a file beside the old one and then puts it
in its place, so that a crash leaves one of the two whole.
"""

from __future__ import annotations

import functools
import json
import math
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import numpy as safetensors_numpy

from ..files import written_whole
from .estimator import LSTMEstimator

FORMAT = "lstmwidgets estimator 2"

CLASSES = {
    "Experts": "experts",
    "FeatureEncoder": "features",
    "LSTMAnomalyDetector": "anomaly",
    "LSTMClassifier": "classifier",
    "LSTMForecaster": "forecaster",
    "LSTMRegressor": "regressor",
    "LSTMTextClassifier": "text",
    "Labels": "labels",
    "NaiveBayes": "naive_bayes",
    "OnlineLearner": "learner",
    "OnlineScaler": "scaling",
    "TargetScaler": "target",
    "WordVectors": "words",
}
"""What a file may hold, and the module that it is in, which is imported when a file holds it."""

NUMPY_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "str"),
)
"""Types of NumPy that single values may have, as labels do."""

ODD_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def save(model: LSTMEstimator, path: str | os.PathLike[str]) -> None:
    """Save an estimator with all it has learned, its state and its optimizer.

    Parameters
    ----------
    model : LSTMEstimator
        Any of `lstmwidgets.online`.
    path : path
        File to write, by custom ``….safetensors``; an older one is replaced in one go.

    Raises
    ------
    ValueError
        If something in it has no form in such a file: a class label, a feature's name or an
        optimizer that is no plain value. Nothing is then written.
    """
    data = to_bytes(model)
    with written_whole(path) as beside:
        beside.write_bytes(data)


def to_bytes(model: LSTMEstimator) -> bytes:
    """Return what `save` writes to a file."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = _encode(model, arrays, "model")
    header = {"format": FORMAT, "model": json.dumps(tree, allow_nan=False)}
    return safetensors_numpy.save(arrays, header)


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator that `save` wrote; it goes on bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is another one, or damaged.
    """
    return from_bytes(Path(path).read_bytes(), str(path))


def from_bytes(data: bytes, name: str = "the data") -> Any:
    """Return the estimator that `to_bytes` took apart; see `load`.

    Parameters
    ----------
    data : bytes
        What `to_bytes` returned.
    name : str
        Of the file, for errors.
    """
    try:
        arrays = safetensors_numpy.load(data)
        header = _header(data)
        form = header.get("format", "")
        if form != FORMAT and form.startswith(FORMAT[:-1]):
            raise ValueError(
                f"{name} was saved by another version of lstmwidgets ({form!r}); this one reads "
                f"{FORMAT!r} only: train the model anew, or load it with that version"
            )
        if form != FORMAT:
            raise ValueError(f"{name} is no file of an estimator ({FORMAT!r})")
        model = _decode(json.loads(header["model"]), arrays)
        if not isinstance(model, LSTMEstimator):
            raise ValueError(f"{name} holds a {type(model).__name__} and no estimator")
    except ValueError:
        raise
    except Exception as error:  # whatever can go wrong with objects that a file describes
        raise ValueError(f"{name} cannot be read as an estimator: {error}") from error
    return model


def _header(data: bytes) -> dict[str, str]:
    """Return the texts in the header of safetensors: eight bytes say how long its JSON is."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return header


def _encode(value: Any, arrays: dict[str, np.ndarray[Any, Any]], path: str) -> Any:
    """Return a value's form in JSON, and add its arrays by their path."""
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in (type(None), bool, int, str) else _odd(value, path)
    if isinstance(value, np.ndarray | torch.Tensor):
        arrays[path] = np.asarray(value, order="C")
        return {"array": path, "torch": isinstance(value, torch.Tensor)}
    if isinstance(value, float):
        plain = float(value)
        return plain if math.isfinite(plain) and type(value) is float else _odd(value, path)
    if type(value).__name__ in CLASSES and type(value) is _class(type(value).__name__):
        inside = tuple(value) if isinstance(value, tuple) else _state(value)
        return {"class": type(value).__name__, "state": _encode(inside, arrays, path)}
    if isinstance(value, tuple | list):
        items = [_encode(item, arrays, f"{path}.{n}") for n, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        pairs = []
        for n, (key, item) in enumerate(value.items()):
            name = key if isinstance(key, str) and key.isidentifier() else n
            place = f"{path}.{name}"
            pairs.append([_encode(key, arrays, place), _encode(item, arrays, place)])
        return {"dict": pairs}
    return _odd(value, path)


def _odd(value: Any, path: str) -> Any:
    """Return the JSON form of numbers of NumPy, floats that JSON lacks, and optimizers."""
    if isinstance(value, np.generic):
        kind = "str" if isinstance(value, np.str_) else value.dtype.name
        if kind in NUMPY_TYPES:
            return {"numpy": kind, "value": _encode(value.item(), {}, path)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, functools.partial) and not value.args:
        options = {name: _encode(option, {}, path) for name, option in value.keywords.items()}
        return {"partial": _odd(value.func, path), "options": options}
    name = getattr(value, "__name__", "")
    if isinstance(value, type) and getattr(torch.optim, name, None) is value:
        return {"optimizer": name}
    raise ValueError(f"{path} cannot be saved: {type(value).__name__} {value!r} is no plain value")


def _decode(tree: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    """Return the value that a JSON form stands for."""
    if isinstance(tree, list):
        return [_decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"array": name, "torch": of_torch}:
            array = arrays[name].copy()
            return torch.from_numpy(array) if of_torch else array
        case {"tuple": items}:
            return tuple(_decode(item, arrays) for item in items)
        case {"dict": pairs}:
            return {_decode(key, arrays): _decode(item, arrays) for key, item in pairs}
        case {"float": name}:
            return ODD_FLOATS[name]
        case {"numpy": name, "value": value} if name in NUMPY_TYPES:
            return np.dtype(name).type(_decode(value, {}))
        case {"optimizer": name}:
            return _optimizer(name)
        case {"partial": {"optimizer": made}, "options": options}:
            kept = {name: _decode(option, {}) for name, option in options.items()}
            return functools.partial(_optimizer(made), **kept)
        case {"class": name, "state": state}:
            return _made(_class(name), _decode(state, arrays))
    raise ValueError(f"unknown entry {sorted(tree)}")


def _state(value: Any) -> dict[str, Any]:
    state: dict[str, Any] = value.__getstate__() or {}  # None where there are no attributes
    return state


def _class(name: str) -> type:
    kind: type = getattr(import_module(f".{CLASSES[name]}", __package__), name)
    return kind


def _made(kind: type, state: Any) -> Any:
    if issubclass(kind, tuple):
        return kind(*state)
    shadowing = [name for name in state if hasattr(kind, name)]
    if shadowing:
        raise ValueError(f"{kind.__name__} has no fields {shadowing}")
    made: Any = object.__new__(kind)
    if hasattr(kind, "__setstate__"):
        made.__setstate__(state)
    else:
        vars(made).update(state)
    return made


def _optimizer(name: str) -> Any:
    found = getattr(torch.optim, name, None)
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise ValueError(f"no optimizer of PyTorch: {name!r}")
    return found
