"""A linear layer beside the LSTM, for what words and pairs of words say wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

PADDING = 0
FIRST_PAIR = 1 << 32
"""Keys of tokens are below it, those of pairs are not."""

NEGATED = 1 << 30
"""Is added to a token behind a negation: what it says there is another matter."""

REACH = 3
"""So many tokens behind a negation are negated, if no end comes before."""

MOST = 32
"""Negations, or ends, that can be told."""


class Ngrams(nn.Module):
    """Adds up what is known of each token and of each pair of neighbours in a sequence.

    The output is that of a linear model on TF-IDF: the known ones' rows of the table, weighted by
    their inverse document frequencies, over the Euclidean length of those weights. Each counts
    once, however often it comes (Pang, Lee & Vaithyanathan 2002, "Thumbs up?", who mark negated
    words as well, up to the next punctuation mark; here up to three). What is unknown adds nothing.

    Sizes: F tokens and pairs known, K outputs, B sequences, T steps.

    Parameters
    ----------
    size : int
        Number of tokens and pairs that have a row, F.
    output_size : int
        K.

    Attributes
    ----------
    keys : Tensor
        (F,), sorted, of those known.
    idf : Tensor
        (F,), their inverse document frequencies.
    negations, ends : Tensor
        (32,), tokens that negate those behind them, and tokens that end it; -1 where there is none.
    table : Parameter
        (F, K), what each adds; zeros to begin with.

    Examples
    --------
    >>> ngrams = Ngrams(2, 1)
    >>> ngrams.know(torch.tensor([5, (5 + 1) * FIRST_PAIR + 7]), torch.ones(2), torch.eye(2)[:, :1])
    >>> round(ngrams(torch.tensor([[5, 7, 0]])).item() ** 2, 3)  # 1 over the length of (1, 1)
    0.5
    """

    keys: Tensor
    idf: Tensor
    negations: Tensor
    ends: Tensor

    def __init__(
        self,
        size: int,
        output_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("keys", torch.arange(size, device=device))
        self.register_buffer("idf", torch.ones(size, device=device, dtype=dtype))
        for name in ("negations", "ends"):
            self.register_buffer(name, torch.full((MOST,), -1, device=device))
        self.table = nn.Parameter(torch.zeros(size, output_size, device=device, dtype=dtype))

    def know(
        self,
        keys: Tensor,
        idf: Tensor,
        table: Tensor,
        *,
        negations: Sequence[int] = (),
        ends: Sequence[int] = (),
    ) -> None:
        """Take over keys (F,), sorted, their inverse document frequencies (F,), and rows (F, K).

        Of the tokens that negate, and of those that end it, 32 at most.
        """
        with torch.no_grad():
            for buffer, tokens in ((self.negations, negations), (self.ends, ends)):
                buffer.fill_(-1)[: len(tokens)] = buffer.new_tensor(tokens)
            self.keys.copy_(keys)
            self.idf.copy_(idf)
            self.table.copy_(table)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what the tokens (B, T) and their pairs add to the outputs, (B, K)."""
        keys = keys_of(marked(tokens, self.negations, self.ends)).sort(1).values
        keys[:, 1:] = keys[:, 1:].where(keys[:, 1:] != keys[:, :-1], -1)
        places = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
        weights = self.idf[places].where(self.keys[places] == keys, 0)  # (B, 2T - 1)
        length = weights.square().sum(1).sqrt().clamp(min=torch.finfo(weights.dtype).tiny)
        share = (weights / length[:, None])[..., None]
        added: Tensor = (share * self.table[places]).sum(1)
        return added

    def grow_outputs(self, more: int) -> None:
        """Give the table further columns of zeros."""
        zeros = self.table.new_zeros(len(self.table), more)
        self.table = nn.Parameter(torch.cat([self.table.detach(), zeros], 1))


def marked(tokens: Tensor, negations: Tensor, ends: Tensor) -> Tensor:
    """Return tokens (B, T) with `NEGATED` added to those behind a negation.

    Examples
    --------
    >>> x = torch.tensor([[9, 5, 6, 7, 8, 9, 3, 5]])  # 9 negates three tokens, 3 ends it
    >>> (marked(x, torch.tensor([9]), torch.tensor([3])) >= NEGATED).int().tolist()
    [[0, 1, 1, 1, 0, 0, 0, 0]]
    """
    begins = torch.isin(tokens, negations)
    going = ~torch.isin(tokens, ends) & (tokens != PADDING)
    negated = torch.zeros_like(begins)
    for _ in range(REACH):
        negated = pad((begins | negated)[:, :-1], (1, 0)) & going
    return tokens + NEGATED * negated


def keys_of(tokens: Tensor) -> Tensor:
    """Return the keys of tokens (B, T) and of their pairs, (B, 2T - 1); padding has -1."""
    first, second = tokens[:, :-1], tokens[:, 1:]
    pairs = ((first + 1) * FIRST_PAIR + second).where(second != PADDING, -1)
    return torch.cat([tokens.where(tokens != PADDING, -1), pairs], 1)
