"""SequenceModel: numbers or tokens in, an LSTM, a pooling and a head; numbers or classes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from .checks import WHOLE, check_input, check_lengths, check_probability, is_symbolic
from .lstm import LSTM
from .model_checks import check_heads, check_inputs, check_names, check_task
from .pooling import alive, pool
from .state import State

PADDING = 0
"""The token that stands where a sequence has ended."""


class SequenceModel(nn.Module):
    r"""An LSTM between an embedding, where the input is tokens, and a linear head.

    Sizes in this page: B sequences, T steps, I inputs, H hidden units, K outputs.

    Parameters
    ----------
    input_size : int, optional
        Numbers per step, I; the input is then float (B, T, I).
    output_size : int
        Outputs, K: targets of a regression, classes of a classification, values ahead of a
        forecast (times the number of series that are forecast). Of ``"next_token"`` it is the
        vocabulary's size unless given.
    vocabulary_size : int, optional
        Number of tokens; the input is then int64 (B, T), where 0 is padding. Exactly one of
        `input_size` and `vocabulary_size` is given.
    embedding_size : int
        Numbers that stand for a token.
    hidden_size, num_layers, cell
        As of `lstmwidgets.LSTM`.
    task : str
        ``"regression"``; ``"classification"``; ``"forecasting"``, at every step the next values of
        a series; ``"next_token"``. The last two have an output at every step.
    pooling : str or None
        What a sequence's hidden outputs become before the head: ``"last"``, ``"mean"``, ``"max"``,
        ``"attention"`` (their mean, weighted by the softmax of a learned score), or None: an output
        at every step.
    attention_heads : int
        Scores that attention pooling has, each for its own part of the hidden units.
    series : int
        How many series a forecast is of; `fit` sets it. Each has so many outputs at every value
        ahead.
    dropout : float
        Probability with which embedded inputs, outputs between layers and the head's inputs are
        dropped while training.
    device, dtype
        Where the weights live and in which floating-point type; PyTorch's defaults.

    Attributes
    ----------
    embedding : torch.nn.Embedding or None
    lstm : LSTM
    attention : torch.nn.Linear or None
        (H -> heads), the scores of each step.
    head : torch.nn.Linear
        (H -> K).
    input_mean, input_scale : Tensor
        (I,), taken off and divided by before the LSTM; 0 and 1 until `fit` has measured them.
    target_mean, target_scale : Tensor
        (K,), by which a regression's or a forecast's outputs are in the targets' own units.
    classes : list or None
        Labels behind the outputs of a classification, set by `fit`.
    features, targets : list or None
        Names of inputs and targets, in their order. `fit` takes them from the columns of the first
        dataframe; from then on columns are found by name. None where they are not known, and to
        have other ones taken.

    Examples
    --------
    >>> import torch
    >>> model = SequenceModel(input_size=3, output_size=2, hidden_size=8)
    >>> output, state = model(torch.randn(4, 10, 3))
    >>> output.shape
    torch.Size([4, 2])

    Sentences of different lengths, padded with 0:

    >>> model = SequenceModel(vocabulary_size=100, output_size=3, task="classification")
    >>> output, state = model(torch.tensor([[5, 8, 2, 0], [7, 1, 1, 9]]))
    >>> output.shape
    torch.Size([2, 3])
    """

    input_mean: Tensor
    input_scale: Tensor
    target_mean: Tensor
    target_scale: Tensor

    def __init__(
        self,
        input_size: int | None = None,
        output_size: int | None = None,
        *,
        vocabulary_size: int | None = None,
        embedding_size: int = 50,
        hidden_size: int = 64,
        num_layers: int = 1,
        cell: str = "standard",
        task: str = "regression",
        pooling: str | None = "last",
        attention_heads: int = 1,
        series: int = 1,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_inputs(input_size, vocabulary_size, embedding_size)
        output_size = check_task(task, pooling, output_size, vocabulary_size)
        check_probability("dropout", dropout)
        self._config: dict[str, Any] = {
            "input_size": input_size,
            "output_size": output_size,
            "vocabulary_size": vocabulary_size,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "task": task,
            "pooling": pooling,
            "attention_heads": attention_heads,
            "series": series,
            "dropout": dropout,
        }
        self.input_size = input_size
        self.output_size = output_size
        self.vocabulary_size = vocabulary_size
        self.task = task
        self.pooling = pooling
        self.dropout = dropout
        self.classes: list[Any] | None = None
        self.features = self.targets = None
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        inputs = embedding_size if input_size is None else input_size
        self.lstm = LSTM(
            inputs, hidden_size, num_layers, cell=cell, dropout=dropout * (num_layers > 1), **place
        )
        self.embedding: nn.Embedding | None = None
        if vocabulary_size is not None:
            self.embedding = nn.Embedding(vocabulary_size, inputs, padding_idx=PADDING, **place)
        self.attention: nn.Linear | None = None
        if pooling == "attention":
            check_heads(attention_heads, hidden_size)
            self.attention = nn.Linear(hidden_size, attention_heads, **place)
        self.head = nn.Linear(hidden_size, output_size, **place)
        for name, size in {"input": inputs, "target": output_size}.items():
            self.register_buffer(f"{name}_mean", torch.zeros(size, **place))
            self.register_buffer(f"{name}_scale", torch.ones(size, **place))

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's arguments but device and dtype: plain values that JSON can hold."""
        return dict(self._config)

    @property
    def series(self) -> int:
        """How many series a forecast is of."""
        return int(self._config["series"])

    @series.setter
    def series(self, series: int) -> None:
        self._config["series"] = series

    @property
    def features(self) -> list[Any] | None:
        """Names of the inputs in their order; None if they are not known."""
        return self._features

    @features.setter
    def features(self, names: Sequence[Any] | None) -> None:
        self._features = check_names("features", names, self.input_size or 0)

    @property
    def targets(self) -> list[Any] | None:
        """Names of the targets in their order; None if they are not known."""
        return self._targets

    @targets.setter
    def targets(self, names: Sequence[Any] | None) -> None:
        self._targets = check_names("targets", names)

    @property
    def scales_targets(self) -> bool:
        """Whether the outputs are numbers in the targets' units."""
        return self.task in ("regression", "forecasting")

    def forward(
        self,
        x: Tensor,
        state: State | tuple[Tensor, ...] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, State]:
        """Run over whole sequences.

        Parameters
        ----------
        x : Tensor
            Numbers in their own units, float (B, T, I), or tokens, int64 (B, T).
        state : LSTMState or FullGateState, optional
            State before the first step, each field (L, B, H); zeros by default.
        lengths : Tensor, array or list of int, optional
            True length of each padded sequence, (B,), from 1 to T. Of tokens it is found by the
            padding, 0, unless given.

        Returns
        -------
        output : Tensor
            (B, K), or (B, T, K) without pooling, zero beyond a sequence's end: values in the
            targets' units, or logits of classes and tokens. Padding never influences it.
        state : LSTMState or FullGateState
            State after each sequence's last step.

        Raises
        ------
        TypeError, ValueError
            If a type, shape, dtype, token or length does not fit; the message says what was
            expected.
        """
        self._check(x)
        if lengths is not None:
            lengths = check_lengths(lengths, *x.shape[:2]).to(x.device)
        elif self.embedding is not None:
            lengths = token_lengths(x)
        hidden, after = self.lstm(self.inputs(self.standardised(x)), state, lengths=lengths)
        output = self.outputs(hidden, lengths)
        if self.scales_targets:
            output = output * self.target_scale + self.target_mean
            if self.pooling is None and lengths is not None:
                output = output.where(alive(lengths, x.shape[1])[..., None], 0)
        return output, after

    def standardised(self, x: Tensor) -> Tensor:
        """Return numbers (B, T, I) with `input_mean` and `input_scale` taken out; tokens as is."""
        return x if self.embedding is not None else (x - self.input_mean) / self.input_scale

    def inputs(self, x: Tensor) -> Tensor:
        """Return what the LSTM gets for standardised numbers or tokens, (B, T, I)."""
        embedded: Tensor = x if self.embedding is None else self.embedding(x)
        return drop(embedded, self.dropout, self.training)

    def outputs(self, hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the head's outputs, before `target_scale`, for hidden outputs of all steps.

        Parameters
        ----------
        hidden : Tensor
            Hidden output of the top layer, (B, T, H). What lies beyond a length is not looked at.
        lengths : Tensor of int, optional
            (B,), from 1 to T.

        Returns
        -------
        Tensor
            (B, K), or (B, T, K) without pooling, zero beyond the lengths.
        """
        pooled = pool(self.pooling, hidden, lengths, self.attention)
        output: Tensor = self.head(drop(pooled, self.dropout, self.training))
        if self.pooling is None and lengths is not None:
            output = output.where(alive(lengths, hidden.shape[1])[..., None], 0)
        return output

    def run_padded(
        self,
        x: Tensor,
        state: State | tuple[Tensor, ...] | None = None,
        *,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Return `outputs` for standardised numbers or tokens, and the state after T steps.

        The steps do not stop at each sequence's end: what comes after it reaches no output, only
        the final state of the sequences that are shorter than T. Where that is not needed, as in
        training, this is up to three times as fast as `forward` on a CPU.
        """
        hidden, after = self.lstm(self.inputs(x), state)
        return self.outputs(hidden, lengths), after

    def set_dropout(self, dropout: float) -> None:
        """Drop with this probability from now on, as a model does that was made with it."""
        check_probability("dropout", dropout)
        self.dropout = self._config["dropout"] = dropout
        if self.lstm.num_layers > 1:
            self.lstm.dropout = dropout

    def grow_outputs(self, biases: Sequence[float]) -> None:
        """Give the head further outputs, of zero weights and these biases; the others stay."""
        more = len(biases)
        head = self.head
        head.weight = _longer(head.weight, head.weight.new_zeros(more, head.in_features))
        head.bias = _longer(head.bias, head.bias.new_tensor(biases))
        self.target_mean = torch.cat([self.target_mean, self.target_mean.new_zeros(more)])
        self.target_scale = torch.cat([self.target_scale, self.target_scale.new_ones(more)])
        head.out_features += more
        self.output_size = self._config["output_size"] = head.out_features

    def grow_vocabulary(self, vectors: Tensor) -> None:
        """Give the embedding further tokens, with these vectors (V, E); the others stay."""
        assert self.embedding is not None
        self.embedding.weight = _longer(self.embedding.weight, vectors)
        self.embedding.num_embeddings += len(vectors)
        self.vocabulary_size = self._config["vocabulary_size"] = self.embedding.num_embeddings

    def to_parts(self) -> dict[str, Any]:
        """Return what `lstmwidgets.save` keeps: weights, scaling, labels and arguments."""
        return {
            "config": self.config,
            "classes": self.classes,
            "features": self.features,
            "targets": self.targets,
            "weights": self.state_dict(),
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> Self:
        """Return the model that `to_parts` was called of: of the same dtype, in eval mode."""
        weights = parts["weights"]
        model = cls(**parts["config"], dtype=weights["head.weight"].dtype)
        model.load_state_dict(weights)
        model.classes = parts["classes"]
        model.features, model.targets = parts.get("features"), parts.get("targets")
        return model.eval()

    def extra_repr(self) -> str:
        """Return task and pooling, for `repr`."""
        return f"task={self.task!r}, pooling={self.pooling!r}"

    def _check(self, x: object) -> None:
        if self.embedding is None:
            assert self.input_size is not None
            axes = ("batch", "time", "input_size")
            check_input(x, axes, self.input_size, self.lstm.weight_hh_l0)
            return
        if not isinstance(x, Tensor) or x.dtype not in WHOLE:
            given = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"expected a tensor of whole numbers, the tokens, got {given}")
        if is_symbolic():  # a program that is made here checks no tokens
            return
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(f"expected tokens of shape (batch, time), got {tuple(x.shape)}")
        low, high = int(x.min()), int(x.max())
        if low < 0 or high >= self.embedding.num_embeddings:
            raise ValueError(
                f"tokens must lie between 0 and {self.embedding.num_embeddings - 1} "
                f"(vocabulary_size={self.vocabulary_size}), got {low} to {high}"
            )


def token_lengths(x: Tensor) -> Tensor | None:
    """Return the lengths (B,), at least 1, of padded tokens (B, T); None if all are T."""
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)
    lengths = (steps * (x != PADDING)).amax(1).clamp(min=1)
    return None if not is_symbolic() and bool((lengths == x.shape[1]).all()) else lengths


def _longer(weight: Tensor, rows: Tensor) -> nn.Parameter:
    """Return a parameter with further rows below it."""
    return nn.Parameter(torch.cat([weight.detach(), rows.to(weight)]))
