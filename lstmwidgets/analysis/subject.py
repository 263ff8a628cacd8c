"""What is examined: an LSTM on one sequence, and what is read out of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..checks import as_numbers
from ..lstm import LSTM
from ..models import SequenceModel, token_lengths
from ..state import State
from ..text import UNKNOWN, Tokenizer
from .readout import Head, Readout, frozen, hidden_outputs
from .tasks import last_step

if TYPE_CHECKING:
    from ..online.from_trained import TrainedOnTexts
    from ..online.lstm_part import LSTMPart
    from ..online.trained import TrainedEstimator

NUMBERS, CLASSES, UNITS = "numbers", "classes", "units"
"""What outputs are: numbers in their own units, logits of classes, or the LSTM's hidden outputs."""


@runtime_checkable
class Played(Protocol):
    """What plays a model, as the widget `LiveStream`."""

    model: Any
    run: Any
    player: Any


@dataclass(frozen=True, eq=False)
class Subject:
    """An LSTM on one sequence, and what is read out of it at every step.

    It is a copy of the model, on the CPU and in eval mode: whatever the model learns later, the
    subject stays as it is.

    Attributes
    ----------
    lstm : LSTM
    inputs : Tensor
        What the LSTM reads, standardised or embedded, (T, I).
    state : LSTMState or FullGateState
        State before the first step, each field (L, 1, H).
    readout : callable
        From the top layer's hidden outputs (…, T, H) and the inputs (…, T, I) to the outputs
        (…, T, K); differentiable. With pooling, the outputs of a step are those of a sequence that
        ends there.
    task : str
        ``"numbers"``, in the target's own units; ``"classes"``, logits; ``"units"``, the hidden
        outputs themselves, of an LSTM without a head.
    outputs : tuple
        The classes, or a name for each number, K of them.
    labels : tuple of str
        What stands at each step, T of them.
    features : tuple of str
        Names of the inputs, I of them.
    targets : ndarray or None
        What was to be predicted at each step, (T,), float64: a number, or the place of a class
        among the outputs; NaN where that is not known.

    Examples
    --------
    >>> model = SequenceModel(2, 3, task="classification", pooling=None, hidden_size=8)
    >>> x = torch.randn(1, 5, 2)
    >>> subject = as_subject(model, x)
    >>> subject
    Subject(steps=5, inputs=2, units=8, outputs=3, task='classes', cell='standard')
    >>> torch.allclose(subject.predict(), model(x)[0][0], atol=1e-6)
    True
    """

    lstm: LSTM
    inputs: Tensor
    state: State
    readout: Readout
    task: str
    outputs: tuple[Any, ...]
    labels: tuple[str, ...]
    features: tuple[str, ...]
    targets: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "targets"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self):
                raise ValueError(f"expected {name} for each of {len(self)} steps, got {len(given)}")

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        steps, inputs = self.inputs.shape
        return (
            f"Subject(steps={steps}, inputs={inputs}, units={self.lstm.hidden_size}, "
            f"outputs={len(self.outputs)}, task={self.task!r}, cell={self.lstm.cell!r})"
        )

    @torch.no_grad()
    def predict(self) -> Tensor:
        """Return the outputs at every step, (T, K)."""
        hidden, _ = self.lstm(self.inputs[None], self.state)
        return self.readout(hidden[0], self.inputs)

    def up_to(self, step: int) -> Subject:
        """Return the same up to a step, that one included."""
        targets = None if self.targets is None else self.targets[: step + 1]
        return replace(
            self,
            inputs=self.inputs[: step + 1],
            labels=self.labels[: step + 1],
            targets=targets,
        )

    def to(self, dtype: torch.dtype) -> Subject:
        """Return the same in another floating-point type."""
        readout = deepcopy(self.readout)
        return replace(
            self,
            lstm=deepcopy(self.lstm).to(dtype),
            inputs=self.inputs.to(dtype),
            state=self.state.to(dtype),
            readout=readout.to(dtype) if isinstance(readout, nn.Module) else readout,
        )


def as_subject(
    source: Any,
    x: Any = None,
    *,
    targets: Sequence[Any] | None = None,
    labels: Sequence[str] | None = None,
    sequence: int = 0,
) -> Subject:
    """Return what can be examined as a subject.

    Parameters
    ----------
    source : LSTM, SequenceModel, SentimentModel, estimator or LiveStream
        A model with x; or an estimator of `lstmwidgets.online`, by itself or at the end of a
        pipeline, over the inputs in its window, from the state before them. Of an estimator its
        LSTM alone is examined, which puts out by how much the target differs from what the experts
        beside it expect. A `LiveStream` stands for the estimator that it plays.
    x : Tensor, array or str, optional
        One sequence (T, I) or a batch of them (B, T, I); for a model of tokens (T,) or (B, T); for
        one of texts a text. Values in their own units.
    targets : sequence, optional
        What was to be predicted at each step, T of them; None where that is not known.
    labels : sequence of str, optional
        What stands at each step, in place of the labels that it has.
    sequence : int
        Which of the batch.

    Raises
    ------
    TypeError
        If the source is none of these, or x is not what it takes.
    ValueError
        If sizes do not fit, x is empty or not finite, or an estimator has not seen an event yet.
    """
    if isinstance(source, Subject):
        subject = source
    elif isinstance(source, LSTM):
        subject = _of_lstm(source, _sequence_of(x, source.input_size, sequence))
    elif isinstance(source, SequenceModel):
        subject = _of_model(source, x, sequence)
    elif isinstance(source, Played):
        subject = source.player.call(partial(_of_played, source, x))
    else:
        subject = _of_estimator(last_step(source), x, sequence)
    if labels is not None:
        subject = replace(subject, labels=tuple(map(str, labels)))
    if targets is not None:
        subject = replace(subject, targets=_targets_in(subject, targets))
    return subject


def _of_lstm(lstm: LSTM, x: Tensor) -> Subject:
    lstm = frozen(lstm)
    return Subject(
        lstm,
        x.to(lstm.weight_hh_l0),
        lstm.initial_state(1),
        hidden_outputs,
        UNITS,
        tuple(f"unit {k}" for k in range(lstm.hidden_size)),
        tuple(f"step {t}" for t in range(len(x))),
        _numbered(lstm.input_size),
    )


def _of_model(model: SequenceModel, x: Any, sequence: int) -> Subject:
    if model.embedding is None:
        assert model.input_size is not None
        row = _sequence_of(x, model.input_size, sequence).to(model.input_mean)
        return _of_inputs(model, model.standardised(row))
    tokens = _tokens_of(x, model.embedding.num_embeddings, sequence)
    return _of_tokens(model, tokens, [f"token {token}" for token in tokens.tolist()])


def _of_tokens(
    model: SequenceModel, tokens: Tensor, labels: Sequence[str], offset: Tensor | float = 0.0
) -> Subject:
    assert model.embedding is not None
    embedded = model.embedding(tokens.to(model.head.weight.device))
    return replace(_of_inputs(model, embedded, offset), labels=tuple(labels))


def _of_inputs(model: SequenceModel, inputs: Tensor, offset: Tensor | float = 0.0) -> Subject:
    """Return a model's subject on what its LSTM reads, (T, I); an offset is added to its logits."""
    classes = model.task in ("classification", "next_token")
    scaled = {} if classes else {"unit": model.target_scale, "origin": model.target_mean}
    features = model.features
    lstm = frozen(model.lstm)
    return Subject(
        lstm,
        inputs.detach().cpu(),
        lstm.initial_state(1),
        Head(model.head, model.pooling, model.attention, offset=offset, **scaled),
        CLASSES if classes else NUMBERS,
        _outputs_of(model),
        tuple(f"step {t}" for t in range(len(inputs))),
        _numbered(inputs.shape[1]) if features is None else tuple(map(str, features)),
    )


def _outputs_of(model: SequenceModel) -> tuple[Any, ...]:
    """Return the classes of a model's outputs, or their names."""
    known = model.classes if model.task == "classification" else model.targets
    if known and len(known) == model.output_size:
        return tuple(known)
    nouns = {"classification": "class", "next_token": "token", "forecasting": "value ahead"}
    first = 1 if model.task == "forecasting" else 0
    noun = nouns.get(model.task, "output")
    return tuple(f"{noun} {k + first}" for k in range(model.output_size))


def _of_played(live: Played, x: Any) -> Subject:
    """Return what a `LiveStream` plays, as its events are called there."""
    subject = _of_estimator(last_step(live.model), x, 0)
    rows = list(live.run.rows)[-len(subject) :]
    if x is None and len(rows) == len(subject):
        subject = replace(subject, labels=tuple(row.label for row in rows))
    return subject


def _of_estimator(estimator: Any, x: Any, sequence: int) -> Subject:
    # Estimators bring River along, which whoever examines an LSTM need not wait for.
    from ..online.estimator import LSTMEstimator
    from ..online.from_trained import TrainedOnTexts
    from ..online.trained import TrainedEstimator

    if isinstance(estimator, LSTMEstimator):
        return _of_part(estimator.lstm_part(x))
    if isinstance(estimator, TrainedOnTexts):
        return _of_texts(estimator, x)
    if isinstance(estimator, TrainedEstimator):
        return _of_trained(estimator, x, sequence)
    raise TypeError(
        "expected an LSTM or a SequenceModel with x, a fitted SentimentModel with a text, an "
        "estimator of lstmwidgets.online that has seen events, or a LiveStream that plays one, got "
        f"{type(estimator).__name__}; load the weights of an nn.LSTM into an LSTM"
    )


def _of_part(part: LSTMPart) -> Subject:
    """Return the subject of what an estimator says of its LSTM."""
    readout = Head(part.head, offset=torch.from_numpy(part.offset), unit=part.unit)
    return Subject(
        frozen(part.lstm),
        torch.from_numpy(part.inputs),
        part.state,
        readout,
        CLASSES if part.is_classes else NUMBERS,
        tuple(part.outputs),
        tuple(part.labels),
        tuple(part.features),
    )


def _of_texts(model: TrainedOnTexts, x: Any) -> Subject:
    """Return the subject of a `SentimentModel` that reads a text; its counts add to the logits."""
    if not isinstance(x, str):
        raise TypeError(
            f"{type(model).__name__} reads a text: give it as x, got {type(x).__name__}"
        )
    words, vocabulary = Tokenizer()(x) or [UNKNOWN], model.vocabulary_
    known = [word if word in vocabulary else UNKNOWN for word in words]
    tokens = torch.from_numpy(vocabulary.encode(known))
    counts = getattr(model, "counts_", None)
    if counts is None:
        return _of_tokens(model.model_, tokens, words)
    votes = counts([words], model.model_.output_size)[0]
    return _of_tokens(model.model_, tokens, words, torch.from_numpy(votes))


def _of_trained(estimator: TrainedEstimator, x: Any, sequence: int) -> Subject:
    """Return the subject of a model on a stream: on a text, a sequence or its last steps."""
    from ..online.lstm_part import events_before
    from ..online.trained_classifier import TrainedClassifier

    model = estimator.model
    if isinstance(x, str) and isinstance(estimator, TrainedClassifier):
        words, tokens, votes = estimator.read(x)
        return _of_tokens(model, torch.tensor(tokens), words, torch.from_numpy(votes))
    if x is not None:
        return _of_model(model, x, sequence)
    past = estimator.past
    if not past:
        raise ValueError("the stream has just begun: let the model take an event first, or give x")
    inputs = torch.from_numpy(np.stack([event.inputs for event in past])).to(model.head.weight)
    subject = _of_inputs(model, inputs)
    state = type(past[0].state)(*(part.to(subject.inputs) for part in past[0].state))
    return replace(subject, state=state, labels=tuple(events_before(len(past))))


def _sequence_of(x: Any, inputs: int, sequence: int) -> Tensor:
    """Return one sequence of numbers, (T, I)."""
    if x is None:
        raise TypeError("give x, the sequence that is examined: (T, I), or (B, T, I)")
    if isinstance(x, str):
        raise TypeError("the model reads numbers, not a text: give x of shape (T, I)")
    values = torch.from_numpy(as_numbers(x, "x", floating=True))
    row = _one_of(values, 3, sequence)
    if row.ndim != 2 or row.shape[1] != inputs or not len(row):
        raise ValueError(
            f"x must have the shape (T, {inputs}) or (B, T, {inputs}), got {tuple(values.shape)}"
        )
    if not bool(row.isfinite().all()):
        raise ValueError("x has NaN or infinite values; fill them, as by the mean")
    return row


def _tokens_of(x: Any, vocabulary: int, sequence: int) -> Tensor:
    """Return one sequence of tokens (T,), without padding behind it."""
    if x is None or isinstance(x, str):
        raise TypeError(
            "the model reads tokens: give x of shape (T,) or (B, T); texts are read by a "
            "SentimentModel, or by from_model(model, vocabulary=…)"
        )
    values = torch.from_numpy(as_numbers(x, "x"))
    if values.is_floating_point():
        raise TypeError(f"x must be whole numbers, the tokens, got {values.dtype}")
    row = _one_of(values.long(), 2, sequence)
    if row.ndim != 1 or not len(row):
        raise ValueError(f"x must have the shape (T,) or (B, T), got {tuple(values.shape)}")
    if int(row.min()) < 0 or int(row.max()) >= vocabulary:
        raise ValueError(f"tokens must lie between 0 and {vocabulary - 1}")
    lengths = token_lengths(row[None])
    return row if lengths is None else row[: int(lengths)]


def _one_of(values: Tensor, axes: int, sequence: int) -> Tensor:
    """Return one of a batch, that has so many axes; what is no batch as it is."""
    if values.ndim != axes:
        return values
    if isinstance(sequence, bool) or sequence not in range(len(values)):
        raise ValueError(f"sequence must be from 0 to {len(values) - 1}, got {sequence!r}")
    return values[sequence]


def _targets_in(subject: Subject, targets: Sequence[Any]) -> NDArray[np.float64]:
    """Return targets as numbers: of classes their places."""
    if subject.task != CLASSES:
        return np.array([np.nan if y is None else y for y in targets], np.float64)
    places = {label: float(place) for place, label in enumerate(subject.outputs)}
    unknown = [y for y in targets if y is not None and y not in places]
    if unknown:
        raise ValueError(f"targets: {unknown[0]!r} is none of the classes {[*places][:10]}")
    return np.array([np.nan if y is None else places[y] for y in targets], np.float64)


def _numbered(inputs: int) -> tuple[str, ...]:
    return tuple(f"input {k}" for k in range(inputs))
