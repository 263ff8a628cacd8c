"""Dropout of whole words and of numbers throughout a text, around any model of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout

from ..checks import check_probability
from ..models import PADDING, SequenceModel
from ..text import UNKNOWN_NUMBER


@contextmanager
def dropping(
    model: SequenceModel, *, words: float = 0.0, numbers: float = 0.0, pooled: float = 0.0
) -> Iterator[None]:
    """Let a model of tokens drop words and numbers in training, as long as the context lasts.

    Parameters
    ----------
    model : SequenceModel
        With an embedding. Its own `dropout` rests meanwhile.
    words : float
        Probability with which a word is read as the unknown one.
    numbers : float
        Probability with which a number of the embedding is dropped, at all words of a text alike
        (variational dropout, Gal & Ghahramani 2016, "A theoretically grounded application of
        dropout in recurrent neural networks").
    pooled : float
        Probability with which a number of the pooled output is dropped.

    Examples
    --------
    >>> model = SequenceModel(None, 2, vocabulary_size=9, task="classification")
    >>> x = torch.tensor([[3, 4, 5]])
    >>> with dropping(model.train(), words=1.0):
    ...     torch.equal(model(x)[0], model(torch.ones_like(x))[0])
    True
    """
    check_probability("words", words)
    check_probability("numbers", numbers)
    check_probability("pooled", pooled)
    assert model.embedding is not None

    def before_embedding(module: torch.nn.Module, given: tuple[Tensor, ...]) -> Any:
        (x,) = given
        if not module.training or not words:
            return None
        dropped = (torch.rand(x.shape, device=x.device) < words) & (x != PADDING)
        return (x.masked_fill(dropped, UNKNOWN_NUMBER),)

    def after_embedding(module: torch.nn.Module, _: Any, embedded: Tensor) -> Tensor:
        mask = torch.ones_like(embedded[:, :1])  # (B, 1, E)
        return embedded * dropout(mask, numbers, module.training)

    def before_head(module: torch.nn.Module, given: tuple[Tensor, ...]) -> Any:
        return (dropout(given[0], pooled, module.training),)

    own, model.dropout = model.dropout, 0.0
    handles = [
        model.embedding.register_forward_pre_hook(before_embedding),
        model.embedding.register_forward_hook(after_embedding),
        model.head.register_forward_pre_hook(before_head),
    ]
    try:
        yield
    finally:
        model.dropout = own
        for handle in handles:
            handle.remove()
