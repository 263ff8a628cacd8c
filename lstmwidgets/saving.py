"""Models and recordings in files: one pair of functions that knows every kind.

Nothing in such a file is code and nothing of it is run: a reader makes objects of the classes in
`CLASSES` only and fills in what it finds. A class with `to_parts` and `from_parts` says itself what
is kept of it; of the others all attributes are, as in a pickle.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
import torch

from . import files

THINGS = {
    "LSTMAnomalyDetector": "online.anomaly",
    "LSTMClassifier": "online.classifier",
    "LSTMForecaster": "online.forecaster",
    "LSTMRegressor": "online.regressor",
    "LSTMTextClassifier": "online.text_classifier",
    "Recording": "analysis.recording",
    "SentimentModel": "sentiment.model",
    "SequenceModel": "models",
}
"""What can have a file, and the module that it is in, which is imported when a file holds it."""

CLASSES = THINGS | {
    "ClassExperts": "online.class_experts",
    "Experts": "online.experts",
    "FeatureEncoder": "online.features",
    "Horizons": "online.horizons",
    "Labels": "online.class_outputs",
    "NaiveBayes": "online.naive_bayes",
    "OnlineLearner": "online.learner",
    "OnlineScaler": "online.scaling",
    "TargetScaler": "online.target",
    "WordCounts": "sentiment.word_counts",
    "LearnedWords": "online.words",
}
"""What may be in it."""

LIKE: dict[str, dict[str, Any]] = {
    "Experts": {"features": 0},
    "Horizons": {"seasonal": True},
    "OnlineLearner": {"input_names": ["a"], "hidden_size": 1, "optimizer": None},
    "TargetScaler": {"scale": True},
    "LearnedWords": {"size": 1, "most": 2, "optimizer": "adam", "seed": 0},
}
"""What makes a part to compare those in files with; None stands for what is in the file."""


def save(thing: Any, path: str | os.PathLike[str]) -> None:
    """Save a model or a recording, all of it, in one safetensors file.

    Parameters
    ----------
    thing : object
        An estimator of `lstmwidgets.online` with all it has learned, its state and its optimizer; a
        `SequenceModel` or `SentimentModel`, wherever its weights live; or a `Recording`.
    path : path
        File to write, by custom ``….safetensors``; its folders are made, an older file is replaced
        in one go.

    Raises
    ------
    TypeError
        If it is something else, or something in it has no form in a file: a class label, a
        feature's name or an optimizer that is no plain value. Nothing is then written.

    Examples
    --------
    >>> import tempfile
    >>> from lstmwidgets import SequenceModel
    >>> model = SequenceModel(3, 2, hidden_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.safetensors")
    ...     again = load(f"{folder}/model.safetensors")
    >>> again.config == model.config
    True
    """
    files.write(path, _kind(thing), thing, _form)


def load(path: str | os.PathLike[str]) -> Any:
    """Return what `save` wrote: a stream goes on bit for bit, a network is in eval mode on the CPU.

    The first event that an online estimator gets must have one of its features: with none of them
    it is a ValueError, and a `lstmwidgets.online.FeatureWarning` names those that are lacking.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is another one, of another version, truncated, changed or forged.
    """
    thing = _whole(files.read(path, THINGS, _made), os.fspath(path))
    if hasattr(thing, "expect_known_features"):
        thing.expect_known_features()
    return thing


def to_bytes(thing: Any) -> bytes:
    """Return what `save` writes to a file."""
    return files.to_bytes(_kind(thing), thing, _form)


def from_bytes(data: bytes, name: str = "the data") -> Any:
    """Return what `to_bytes` took apart; see `load`.

    Parameters
    ----------
    data : bytes
        What `to_bytes` returned.
    name : str
        Of the file, for errors.
    """
    return _whole(files.from_bytes(data, THINGS, name, _made), name)


def _kind(thing: Any) -> str:
    name = type(thing).__name__
    if name not in THINGS or not _is_known(thing):
        raise TypeError(
            f"expected one of {', '.join(THINGS)}, got {name}; the weights of another module are "
            "for torch.save(module.state_dict(), path)"
        )
    return name


def _whole(thing: Any, name: str) -> Any:
    if type(thing).__name__ not in THINGS:
        raise ValueError(f"{name} holds a {type(thing).__name__}, which has no file")
    return thing


def _form(value: Any, path: str, encode: Callable[[Any, str], Any]) -> dict[str, Any] | None:
    """Return the form of an object of ours, or of what makes an optimizer."""
    name = getattr(value, "__name__", "")
    if isinstance(value, type) and getattr(torch.optim, name, None) is value:
        return {"optimizer": name}
    if isinstance(value, functools.partial) and not value.args:
        options = {key: encode(option, path) for key, option in value.keywords.items()}
        return {"partial": encode(value.func, path), "options": options}
    if not _is_known(value):
        return None
    parts = value.to_parts() if hasattr(value, "to_parts") else value.__getstate__()
    return {"class": type(value).__name__, "state": encode(parts, path)}


def _made(form: dict[str, Any], decode: Callable[[Any], Any]) -> Any:
    """Return what `_form` was given."""
    match form:
        case {"optimizer": name}:
            return _optimizer(name)
        case {"partial": {"optimizer": name}, "options": options}:
            kept = {key: decode(option) for key, option in options.items()}
            return functools.partial(_optimizer(name), **kept)
        case {"class": name, "state": state}:
            return _object(_class(name), decode(state))
    raise ValueError(f"unknown entry {sorted(form)}")


def _is_known(value: Any) -> bool:
    name = type(value).__name__
    return name in CLASSES and type(value) is _class(name)


def _class(name: str) -> Any:
    return getattr(import_module(f".{CLASSES[name]}", __package__), name)


def _object(kind: Any, state: Any) -> Any:
    if hasattr(kind, "from_parts"):
        return kind.from_parts(state)
    _check_fields(kind, state)
    made = object.__new__(kind)
    if hasattr(kind, "__setstate__"):
        made.__setstate__(state)
    else:
        vars(made).update(state)
    return made


def _check_fields(kind: Any, state: Any) -> None:
    """Raise ValueError unless a state has the fields of such an object, of the same types.

    A field that is None in a new one may be anything; arrays may have other lengths.
    """
    if not isinstance(state, dict):
        raise ValueError(f"{kind.__name__} has no fields")
    like = _like(kind, state).__getstate__()
    odd = {str(name) for name in state.keys() ^ like.keys()}
    odd |= {name for name in like.keys() - odd if not _is_like(state[name], like[name])}
    if odd:
        raise ValueError(f"{kind.__name__} has no fields {sorted(odd)} as they are here")


def _is_like(value: Any, like: Any) -> bool:
    if isinstance(like, np.ndarray) and isinstance(value, np.ndarray):
        return (value.dtype, value.ndim) == (like.dtype, like.ndim)
    return like is None or type(value) is type(like)


def _like(kind: Any, state: dict[str, Any]) -> Any:
    """Return an object of a class in `CLASSES` with the options of one from a file, but new."""
    if kind.__name__ in THINGS:
        names = signature(kind).parameters
        return kind(**{name: state.get(name, state.get(f"_{name}")) for name in names})
    given = LIKE.get(kind.__name__, {})
    return kind(
        **{name: state.get(name) if value is None else value for name, value in given.items()}
    )


def _optimizer(name: str) -> Any:
    found = getattr(torch.optim, name, None)
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise ValueError(f"no optimizer of PyTorch: {name!r}")
    return found
