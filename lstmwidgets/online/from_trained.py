"""From training in batches to learning on a stream, on the same weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from ..models import SequenceModel
from ..text import Vocabulary
from .optimizers import OptimizerFactory
from .trained import TrainedEstimator
from .trained_classifier import TrainedClassifier
from .trained_numbers import TrainedForecaster, TrainedRegressor


@runtime_checkable
class TrainedOnTexts(Protocol):
    """Fitted, with a model of tokens in it, as `lstmwidgets.sentiment.SentimentModel`."""

    model_: SequenceModel
    vocabulary_: Vocabulary


def from_model(
    model: SequenceModel | TrainedOnTexts,
    features: Sequence[str] | None = None,
    *,
    target: str | None = None,
    vocabulary: Vocabulary | None = None,
    tokenizer: Callable[[str], list[str]] | None = None,
    optimizer: str | OptimizerFactory = "adam",
    lr: float = 0.001,
    window: int = 16,
    clip: float = 1.0,
) -> TrainedEstimator:
    """Return a River estimator on a trained model's own weights.

    The two are one: what the estimator learns is in the model, and what `lstmwidgets.training.fit`
    does to the model is in the estimator's next prediction.

    Parameters
    ----------
    model : SequenceModel or SentimentModel
        For regression, classification or forecasting. The counts of a `SentimentModel` vote on as
        they are; its network learns.
    features : sequence of str, optional
        Names of the model's inputs in their order; by default those of the dataframe that it was
        trained with, or the keys of the first event.
    target : str, optional
        Which of them is the series that is forecast, where there are others; by default the one
        that `fit` was told.
    vocabulary, tokenizer : optional
        How texts become tokens, for a model of tokens; a `SentimentModel` brings its own.
    optimizer, lr, window, clip
        Of the learning; see `lstmwidgets.online.trained.TrainedEstimator`.

    Returns
    -------
    TrainedRegressor, TrainedClassifier or TrainedForecaster

    Raises
    ------
    TypeError, ValueError
        If the model is none of these, or is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from lstmwidgets.models import SequenceModel
    >>> batch = SequenceModel(input_size=2, output_size=3, task="classification", hidden_size=8)
    >>> stream = from_model(batch, ["speed", "load"])
    >>> for n in range(30):
    ...     stream.learn_one({"speed": n % 3, "load": 1.0}, "slow middle fast".split()[n % 3])
    >>> sorted(stream.predict_proba_one({"speed": 1, "load": 1.0}))
    ['fast', 'middle', 'slow']

    A whole sequence is an event as well:

    >>> stream.predict_one(np.ones((5, 2))) in stream.classes
    True
    """
    texts: dict[str, Any] = {"votes": getattr(model, "counts_", None)}
    if not isinstance(model, SequenceModel):
        if not isinstance(model, TrainedOnTexts):
            raise TypeError(
                f"expected a SequenceModel or a fitted SentimentModel, got {type(model).__name__}"
            )
        vocabulary = vocabulary or model.vocabulary_
        tokenizer = tokenizer or getattr(model, "tokenizer_", None)
        model = model.model_
    options: dict[str, Any] = {"optimizer": optimizer, "lr": lr, "window": window, "clip": clip}
    match model.task:
        case "classification":
            return TrainedClassifier(
                model, features, vocabulary=vocabulary, tokenizer=tokenizer, **texts, **options
            )
        case "regression":
            return TrainedRegressor(model, features, **options)
        case "forecasting":
            return TrainedForecaster(model, features, target=target, **options)
    raise ValueError(f"task={model.task!r} has no River estimator; see lstmwidgets.generation")
