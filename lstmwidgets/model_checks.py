"""Checks of a `SequenceModel`'s arguments, which depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .checks import check_choice, check_size
from .pooling import POOLINGS

TASKS = ("regression", "classification", "forecasting", "next_token")


def check_inputs(input_size: object, vocabulary_size: object, embedding_size: object) -> None:
    """Raise unless either numbers or tokens come in."""
    if (input_size is None) == (vocabulary_size is None):
        raise ValueError(
            "give one of input_size (numbers a step) and vocabulary_size (tokens), got "
            f"input_size={input_size!r} and vocabulary_size={vocabulary_size!r}"
        )
    if input_size is not None:
        check_size("input_size", input_size)
    else:
        check_size("vocabulary_size", vocabulary_size)
        check_size("embedding_size", embedding_size)


def check_task(
    task: str, pooling: str | None, output_size: int | None, vocabulary_size: int | None
) -> int:
    """Return the number of outputs, if all of these fit together."""
    check_choice("task", task, TASKS)
    if task in ("forecasting", "next_token") and pooling is not None:
        raise ValueError(f"task={task!r} has an output at every step: it needs pooling=None")
    if pooling is not None:
        check_choice("pooling", pooling, POOLINGS)
    if task == "next_token":
        if vocabulary_size is None:
            raise ValueError("task='next_token' needs vocabulary_size=")
        output_size = vocabulary_size if output_size is None else output_size
        check_size("output_size", output_size)
        if output_size < vocabulary_size:
            raise ValueError(
                f"task='next_token' needs an output for each of {vocabulary_size} tokens, got "
                f"output_size={output_size}; leave it out"
            )
    output_size = 1 if output_size is None else output_size
    check_size("output_size", output_size)
    if task == "classification" and output_size < 2:
        raise ValueError("task='classification' needs output_size=, the number of classes, from 2")
    if task == "forecasting" and vocabulary_size is not None:
        raise ValueError("task='forecasting' needs numbers: give input_size=")
    return output_size


def check_heads(heads: object, hidden_size: int) -> None:
    """Raise unless the hidden units can be shared out among so many heads."""
    check_size("attention_heads", heads)
    assert isinstance(heads, int)
    if hidden_size % heads:
        raise ValueError(
            f"attention_heads must divide hidden_size={hidden_size} evenly, got {heads}"
        )


def check_names(what: str, names: object, count: int | None = None) -> list[Any] | None:
    """Return different names, so many if a number is given, as a list; None stays None."""
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"{what} must be a list of names, got {type(names).__name__} {names!r}")
    if len(set(names)) != len(names) or count not in (None, len(names)):
        number = "" if count is None else f"{count} "
        raise ValueError(f"{what} must be {number}different names, got {[*names]}")
    return list(names)
