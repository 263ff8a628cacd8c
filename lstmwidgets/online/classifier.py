"""A recurrent classifier for streams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from ..codec import spelled
from ..kernels import classes as kernels
from ..kernels import parameters as layout
from ..kernels.losses import CROSS_ENTROPY
from ..labels import label_in
from .arrays import need
from .class_experts import NO_CLASS_EXPERTS, ClassExperts
from .class_outputs import Labels
from .dataframes import frame_like, labelled_rows, rows, series_like
from .estimator import Features, LSTMEstimator, shared
from .learner import OnlineLearner
from .optimizers import OptimizerFactory

NONE = -1
"""Stands for the class before, where there was none."""


class LSTMClassifier(LSTMEstimator, base.MiniBatchClassifier):
    """Classification on a stream with an LSTM whose state is carried from event to event.

    Two classes or many, named by any hashable label; they need not be known beforehand. A new one
    starts at a small probability, and the logits of the others do not move. Every learned event
    advances the state; prediction peeks and changes nothing. The head reads the hidden output and,
    beside it, the inputs, so that what is linear is learned as fast as by logistic regression.

    Parameters
    ----------
    hidden_size : int
        Units per layer, H.
    num_layers : int
        Layers on top of each other, L.
    cell : str
        ``"standard"``, ``"peephole"``, ``"full_gate_recurrence"``, ``"coupled"`` or
        ``"layer_norm"``; `lstmwidgets.LSTM` has the equations.
    gradient : str
        ``"tbptt"`` backpropagates through the last `window` events. ``"eligibility"`` keeps a trace
        for each weight instead, several times faster; not for full gate recurrence and layer
        normalisation.
    window : int
        How many events back the gradient of `tbptt` looks, T; memory reaches further.
    optimizer : str or callable
        ``"adam"``, ``"adamw"``, ``"sgd"`` (momentum 0.9), a class of `torch.optim`, or a factory
        called with ``(params, lr=lr)``; names and these three classes run compiled.
    lr : float
        Learning rate. May be set anew at any time.
    clip : float
        Bound on the gradient's global norm. May be set anew at any time.
    scale : bool
        Standardise inputs online. If not, numbers are cut off at ±1e6.
    target_lag : bool
        Read the last learned class, one-hot, as further inputs. If not, no expert reads it either.
    echo : float
        Share of each layer's units, the first ones, that begin as an echo of the last inputs and
        learn at a tenth of `lr`: what came some events ago is at hand from the first event on. 0
        leaves all units to what an event says by itself; so does the eligibility rule, which does
        not see the recurrent weights that an echo is made of.
    experts : bool
        Mix the LSTM's probabilities with those of cheap experts (the last class, frequencies,
        transitions, logistic regression, nearest neighbours), each weighted by how well it has done
        so far. It bounds what can be lost on streams that an LSTM is no use for; the LSTM learns
        what it would without them. Without it or without `scale` the LSTM predicts alone.
    seed : int, optional
        Makes a run repeatable; by default weights are drawn anew each time.

    Attributes
    ----------
    classes : list
        Labels seen so far, in the order of first appearance.
    shares : dict of str to float
        Weight of each expert in the predictions, the LSTM's among them.
    module : LSTM or None
        A copy of the weights as they are now, as a PyTorch module; None before the first event.
    head : torch.nn.Linear or None
        The same of the head, which reads the top layer's hidden output and the inputs beside it.
    state : LSTMState or FullGateState or None
        State after the last event, each field (L, 1, H).
    gates : Gates or None
        Gates and candidate at the last event, each (L, 1, H).
    imputed : int
        How many feature values counted as missing.
    unlearned : int
        How many targets were missing or unusable; their events advanced the state only.

    Notes
    -----
    With River's delayed labels an event advances the state when its label arrives.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from lstmwidgets.online import LSTMClassifier
    >>> model = LSTMClassifier(hidden_size=8, seed=1)
    >>> stream = datasets.Phishing().take(500)
    >>> metric = evaluate.progressive_val_score(stream, model, metrics.Accuracy())
    >>> metric.get() > 0.75
    True
    """

    NOT_KEPT = LSTMEstimator.NOT_KEPT | {"_probabilities", "_arguments"}

    def __init__(
        self,
        hidden_size: int = 32,
        num_layers: int = 1,
        *,
        cell: str = "standard",
        gradient: str = "tbptt",
        window: int = 16,
        optimizer: str | OptimizerFactory = "adam",
        lr: float = 0.01,
        clip: float = 1.0,
        scale: bool = True,
        target_lag: bool = True,
        echo: float = 0.5,
        experts: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(**shared(locals()))
        self.experts = experts
        self._experts = ClassExperts() if experts and scale else None
        self._labels = Labels()
        self._last = NONE
        self._inputs_of_last: list[int] = []

    @property
    def classes(self) -> list[Any]:
        """Labels seen so far, in the order of first appearance."""
        return list(self._labels.places)

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each expert in the predictions; they add up to 1."""
        return {"lstm": 1.0} if self._experts is None else self._experts.shares

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Features, y: Any) -> None:
        """Learn one event and advance the state.

        Parameters
        ----------
        x : dict
            Features: numbers, texts, times; `lstmwidgets.values` has what else counts.
        y : hashable
            Label. None and NaN are counted in `unlearned`; the event then advances the state as an
            unlabelled one.
        """
        label = label_in(y)
        if label is None:
            self.unlearned += 1
            self._run(kernels.UPDATE | kernels.PASS, self._take_in(x))
            return
        values = self._take_in(x)
        assert self._learner is not None
        self.is_ready = label in self._labels.places  # else until there is room for it
        place = self._labels.learn(label, self._learner)
        if not self.is_ready:
            self._add_input_of(label, place)
        self._run(kernels.UPDATE | kernels.LEARN | kernels.OPTIMIZE, values, place)
        self._learner.step_optimizer()
        self._last = place

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[Any, float]:  # noqa: ARG002
        """Return the probability of each class seen so far, in float64; changes nothing."""
        if self._learner is None or not self._labels.places:
            return {}
        self._run(kernels.PREDICT, self._encoder.encode(x))
        return self._labels.distribution(self._probabilities)

    def step_one(self, x: Features) -> dict[Any, float]:
        """Predict as `predict_proba_one` and advance the state: for events without a label."""
        prediction = self.predict_proba_one(x)
        self._run(kernels.UPDATE | kernels.PASS, self._take_in(x))
        return prediction

    def observe_one(self, x: Features, y: Any = None) -> dict[Any, float]:
        """Predict an event and let it pass without learning: a frozen model that goes on following.

        The state advances by the event, and a label is remembered as the stream's last one. What
        was learned stays as it is.

        Parameters
        ----------
        x : dict
            As of `learn_one`; features and strings that were never learned count as missing.
        y : hashable, optional
            The label, if it is known; one that was never learned counts as unknown.

        Returns
        -------
        dict
            What `predict_proba_one` returns for x; {} before anything was learned.
        """
        label = label_in(y)
        prediction = self.predict_proba_one(x)
        if prediction:
            self._run(kernels.PASS, self._encoder.encode(x))
            self._last = self._labels.places.get(label, self._last)
        return prediction

    def learn_many(self, X: Any, y: Any) -> None:
        """Learn the rows of a dataframe (pandas, polars, …) as consecutive events."""
        for x, label in labelled_rows(X, y):
            self.learn_one(x, label)

    def predict_proba_many(self, X: Any) -> Any:
        """Return the probabilities for each row as the next event; changes nothing."""
        each = [self.predict_proba_one(x) for x in rows(X)]
        return frame_like(X, {label: [row[label] for row in each] for label in self.classes})

    def predict_many(self, X: Any) -> Any:
        """Return the likeliest class of each row as the next event; changes nothing."""
        return series_like(X, [self.predict_one(x) for x in rows(X)])

    def _run(self, parts: int, values: NDArray[np.float64], place: int = NONE) -> None:
        assert self._learner is not None
        parts &= ~0 if self._learner.is_compiled else ~kernels.OPTIMIZE
        kernel = kernels.labelling(*self._learner.rules)
        last = self._last if self.target_lag else NONE
        kernel(parts, values, place, last, *self._arguments)

    def _add_input_of(self, label: Any, place: int) -> None:
        """Add the input that tells that a new class came last, if there are such inputs."""
        assert self._learner is not None
        if self.target_lag and place == len(self._inputs_of_last):
            self._inputs_of_last.append(self._learner.input_size)
            name = f"last is {spelled(label)}"  # the same weights for equal labels
            self._learner.grow_inputs([name])
        self._make_room()
        self.is_ready = True

    def _make_room(self) -> None:
        assert self._learner is not None
        self._probabilities = np.zeros(len(self._labels.places))
        advice = NO_CLASS_EXPERTS
        if self._experts is not None:
            self._experts.grow(len(self._encoder.columns), len(self._labels.places))
            advice = self._experts.arrays
        self._arguments = (
            np.array(self._inputs_of_last, np.int64),
            self._probabilities,
            *self._learner.arrays,
            self._scaler.statistics,
            np.zeros(self._scaler.columns),
            *advice,
        )

    def _verify(self) -> None:
        super()._verify()
        learner, last = self._learner, self._inputs_of_last
        need(isinstance(self._labels, Labels), "labels")
        self._labels.verify(learner)
        experts = self._experts
        need(isinstance(experts, ClassExperts) == (self.experts and self.scale), "experts")
        if experts is not None and learner is not None:
            columns, classes = len(self._encoder.columns), len(self._labels.places)
            need(experts.fits(columns, classes), "experts")
        if learner is not None:
            need(learner.sizes[layout.LOSS] == CROSS_ENTROPY, "loss")
            need(all(0 <= place < learner.input_size for place in last), "inputs")
            need(NONE <= self._last < learner.outputs, "the last class")

    def _implicit_inputs(self) -> Sequence[str]:
        return ("nothing",)  # one that is always there, for events without any feature

    def _outputs_of_lstm(self) -> dict[str, Any]:
        return {"outputs": self.classes, "is_classes": True}

    def _input_names(self) -> list[str]:
        names = super()._input_names()
        for place, label in zip(self._inputs_of_last, self.classes, strict=False):
            names[place] = f"last is {label}"
        return names

    def _make_learner(self, input_names: Iterable[str]) -> OnlineLearner:
        return OnlineLearner(input_names, loss="cross_entropy", **self._learner_options())

    def _recent(self) -> tuple[Any, ...]:
        before = () if self._experts is None else self._experts.before.tolist()
        return (self._last, *before)

    def _put_recent(self, recent: tuple[Any, ...]) -> None:
        last, *before = recent or (NONE,)
        room = 0 if self._experts is None else len(self._experts.before)
        if not NONE <= last < len(self._labels.places) or len(before) > room:
            raise ValueError("the state is that of a model of another kind or size")
        if self._experts is not None:
            self._experts.before[:] = [*before, *[0.0] * (room - len(before))]
        self._last = last
