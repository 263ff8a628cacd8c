"""What the hidden outputs of all steps become before the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

POOLINGS = ("last", "mean", "max", "attention")


def alive(lengths: Tensor, steps: int) -> Tensor:
    """Return where sequences of these lengths (B,) have not ended yet, bool (B, T)."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def pool(
    pooling: str | None, hidden: Tensor, lengths: Tensor | None, attention: nn.Linear | None
) -> Tensor:
    """Return (B, H) from hidden outputs (B, T, H); without pooling these, zero beyond the lengths.

    With ``"attention"`` it is the mean weighted by the softmax, over the steps of a sequence, of
    each step's learned score; each of several heads has a score for its own part of the units.
    What lies beyond a length (B,) is not looked at.
    """
    if lengths is None:
        return _pool_all(pooling, hidden, attention)
    inside = alive(lengths, hidden.shape[1])[..., None]  # (B, T, 1)
    match pooling:
        case None:
            return hidden.where(inside, 0)
        case "last":
            return hidden[torch.arange(hidden.shape[0], device=hidden.device), lengths - 1]
        case "mean":
            return hidden.where(inside, 0).sum(1) / lengths[:, None]
        case "max":
            return hidden.where(inside, -torch.inf).amax(1)
    assert attention is not None
    hidden = hidden.where(inside, 0)
    return _attended(hidden, attention(hidden).where(inside, -torch.inf))


def pool_prefixes(pooling: str | None, hidden: Tensor, attention: nn.Linear | None) -> Tensor:
    """Return for each step what `pool` returns of a sequence that ends there, (…, T, H).

    Parameters
    ----------
    pooling : str or None
    hidden : Tensor
        Hidden outputs, (…, T, H).
    attention : torch.nn.Linear or None
        (H -> heads).
    """
    match pooling:
        case None | "last":
            return hidden
        case "mean":
            count = torch.arange(1, hidden.shape[-2] + 1, device=hidden.device)
            return hidden.cumsum(-2) / count[:, None]
        case "max":
            return hidden.cummax(-2).values
    assert attention is not None
    scores = attention(hidden).double()  # (…, T, heads)
    weight = (scores - scores.detach().amax(-2, keepdim=True)).exp()
    parts = hidden.reshape(*weight.shape, -1)  # (…, T, heads, H / heads)
    pooled = (weight[..., None] * parts).cumsum(-3) / weight.cumsum(-2)[..., None]
    found: Tensor = pooled.flatten(-2).to(hidden.dtype)
    return found


def _pool_all(pooling: str | None, hidden: Tensor, attention: nn.Linear | None) -> Tensor:
    match pooling:
        case None:
            return hidden
        case "last":
            return hidden[:, -1]
        case "mean":
            return hidden.mean(1)
        case "max":
            return hidden.amax(1)
    assert attention is not None
    return _attended(hidden, attention(hidden))


def _attended(hidden: Tensor, scores: Tensor) -> Tensor:
    """Return the weighted mean (B, H) of hidden outputs (B, T, H), by scores (B, T, heads)."""
    share = scores.softmax(1)
    if share.shape[2] == 1:
        return (share * hidden).sum(1)
    parts = hidden.reshape(*share.shape, -1)  # (B, T, heads, H / heads)
    pooled: Tensor = (share[..., None] * parts).sum(1).flatten(1)
    return pooled
