"""A classifier of texts from the vectors of the words on, as explanations and edits run it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..lstm import LSTM
from ..models import SequenceModel
from ..pooling import pool, pool_prefixes
from ..state import LSTMState
from ..trace import Trace
from .merging import separated


class TextNetwork:
    """A classifier from the words' vectors on: merged LSTMs run apart, which costs less.

    It runs without dropout between words and head; of several layers the model's mode decides.
    Sizes: B texts, T words, E numbers of a vector, H units, K classes.

    Parameters
    ----------
    model : SequenceModel
        Of tokens, with pooling. What it learns later may or may not be seen: make another one.

    Attributes
    ----------
    hidden_size : int
        H, of all LSTMs together.
    """

    def __init__(self, model: SequenceModel) -> None:
        self._model = model
        self._lstms = separated(model)
        self.hidden_size = model.lstm.hidden_size

    def vectors(self, tokens: NDArray[np.int64]) -> Tensor:
        """Return the vectors of tokens, (…, E)."""
        return self.embedding[torch.from_numpy(tokens).to(self.embedding.device)]

    @property
    def embedding(self) -> Tensor:
        """The vectors of all words, (V, E), which no gradient reaches."""
        assert self._model.embedding is not None
        return self._model.embedding.weight.detach()

    def hidden(self, vectors: Tensor) -> Tensor:
        """Return hidden outputs (B, T, H) for vectors (B, T, E)."""
        return torch.cat([lstm(x)[0] for lstm, x in self._apart(vectors)], -1)

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits (B, K) for hidden outputs (B, T, H)."""
        model = self._model
        found: Tensor = model.head(pool(model.pooling, hidden, None, model.attention))
        return found

    def beginnings(self, hidden: Tensor) -> Tensor:
        """Return logits of the first word, the first two and so on, for hidden outputs (T, H).

        In float64 on the CPU, (T, K).
        """
        model = self._model
        assert model.pooling is not None
        logits: Tensor = model.head(pool_prefixes(model.pooling, hidden, model.attention))
        return logits.double().cpu()

    def trace(self, vectors: Tensor, hidden: Tensor) -> Trace:
        """Return everything that happens over a text's vectors (T, E), each field (L, 1, T, H).

        The standard cell's gates follow from the hidden outputs (T, H) all at once, which saves a
        loop over the words.
        """
        lstm = self._model.lstm
        if lstm.cell != "standard" or lstm.num_layers > 1:
            return lstm.trace(vectors[None])
        before = torch.cat([torch.zeros_like(hidden[:1]), hidden[:-1]])
        parts = []
        for (one, x), h in zip(
            self._apart(vectors), before.chunk(len(self._lstms), -1), strict=True
        ):
            projected = torch.addmm(one.bias_ih_l0 + one.bias_hh_l0, x, one.weight_ih_l0.t())
            projected.addmm_(h, one.weight_hh_l0.t())
            parts.append(projected.chunk(4, -1))
        i, f, g, o = (torch.cat(part, -1) for part in zip(*parts, strict=True))
        i, f, g, o = i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
        c = _cells(f, i * g)
        state = LSTMState(hidden[None, -1:], c[None, -1:])
        i, f, g, o, c, h = (part[None, None] for part in (i, f, g, o, c, hidden))
        return Trace(i, f, g, o, c, h, state)

    def _apart(self, vectors: Tensor) -> Iterator[tuple[LSTM, Tensor]]:
        """Yield each LSTM and its part of the vectors."""
        return zip(self._lstms, vectors.chunk(len(self._lstms), -1), strict=True)


def _cells(kept: Tensor, entered: Tensor) -> Tensor:
    """Return c = f ⊙ c' + i ⊙ g at every step, (T, H), from f and i ⊙ g."""
    cells, kept_there = entered.cpu().numpy(), kept.cpu().numpy()
    for t in range(1, len(cells)):
        cells[t] += kept_there[t] * cells[t - 1]
    return torch.from_numpy(cells).to(kept)
