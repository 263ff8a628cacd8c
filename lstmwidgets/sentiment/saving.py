"""What is kept of a sentiment model: the network, and what is around it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..models import SequenceModel
from ..text import Vocabulary, WordVectors
from ..training.epochs import Epoch
from .result import SentimentResult
from .word_counts import WordCounts


def parts_of(
    model: SequenceModel,
    options: Mapping[str, Any],
    vocabulary: Vocabulary,
    counts: WordCounts | None,
    result: SentimentResult,
) -> dict[str, Any]:
    """Return a network, its options, its vocabulary and its curves as `lstmwidgets.save` takes it.

    Word vectors are known by their name.
    """
    curves = {name: value for name, value in vars(result).items() if name != "model"}
    return {
        "network": model.to_parts(),
        "options": {name: _named(value) for name, value in options.items()},
        "vocabulary": vocabulary.to_json(),
        "counts": counts,
        "result": {**curves, "epochs": [asdict(one) for one in result.epochs]},
    }


def made_of(
    parts: Mapping[str, Any],
) -> tuple[SequenceModel, dict[str, Any], Vocabulary, SentimentResult]:
    """Return what `parts_of` was given.

    Raises
    ------
    ValueError
        If the words do not fit the network.
    """
    model = SequenceModel.from_parts(parts["network"])
    vocabulary = Vocabulary.from_json(parts["vocabulary"])
    if len(vocabulary) != model.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} words for {model.vocabulary_size} vectors")
    epochs = [Epoch(**one) for one in parts["result"]["epochs"]]
    result = SentimentResult(model, **{**parts["result"], "epochs": epochs})
    return model, parts["options"], vocabulary, result


def _named(option: Any) -> Any:
    if isinstance(option, WordVectors):
        return option.name or None
    return os.fspath(option) if isinstance(option, os.PathLike) else option
