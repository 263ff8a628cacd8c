"""What is examined puts out what the model itself does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from river import compose, datasets, preprocessing

from lstmwidgets import LSTM
from lstmwidgets.analysis.subject import CLASSES, NUMBERS, UNITS, as_subject
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import LSTMRegressor, LSTMTextClassifier, from_model
from lstmwidgets.online.learner import OnlineLearner
from lstmwidgets.online.learner_arrays import Carry
from lstmwidgets.online.lstm_part import window_part
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.text import Vocabulary
from lstmwidgets.widgets import LiveStream

from .family import FAMILY, Member

TASKS = ("regression", "classification", "forecasting", "next_token")
POOLINGS = ("last", "mean", "max", "attention")

CLASSIFIER, TEXTS = FAMILY[1], FAMILY[4]


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(TASKS),
    st.sampled_from(POOLINGS),
    st.sampled_from([*CELLS]),
    st.integers(1, 2),
    st.integers(0, 9),
)
def test_outputs_are_those_of_the_model_at_every_step(
    task: str, pooling: str, cell: str, layers: int, seed: int
) -> None:
    torch.manual_seed(seed)
    everywhere = task in ("forecasting", "next_token")
    sizes: dict[str, Any] = {"vocabulary_size": 9} if task == "next_token" else {"input_size": 2}
    sizes |= {"pooling": None if everywhere else pooling, "num_layers": layers, "cell": cell}
    heads = {"attention_heads": 2} if sizes["pooling"] == "attention" else {}
    outputs = None if task == "next_token" else 3
    model = SequenceModel(
        **sizes, **heads, output_size=outputs, task=task, hidden_size=6, dropout=0.5 * (layers > 1)
    )
    model.target_mean.uniform_()
    model.input_scale.uniform_(1, 2)
    x = torch.randint(1, 9, (3, 7)) if task == "next_token" else torch.randn(3, 7, 2)
    subject = as_subject(model, x, sequence=1)
    assert model.training
    model.eval()
    with torch.no_grad():
        if everywhere:
            expected = model(x)[0][1]
        else:
            expected = torch.cat([model(x[1:2, : t + 1])[0] for t in range(7)])
    assert_allclose(subject.predict(), expected, atol=1e-5)
    assert subject.task == (NUMBERS if task in ("regression", "forecasting") else CLASSES)
    assert len(subject.outputs) == model.output_size


def test_a_sequence_ends_where_its_padding_begins() -> None:
    model = SequenceModel(vocabulary_size=9, output_size=2, task="classification").eval()
    tokens = torch.tensor([[3, 4, 0, 5, 0, 0]])
    subject = as_subject(model, tokens)
    assert subject.labels == ("token 3", "token 4", "token 0", "token 5")
    with torch.no_grad():
        assert_allclose(subject.predict()[-1:], model(tokens)[0], atol=1e-6)


def test_an_lstm_by_itself_puts_out_its_units() -> None:
    lstm, x = LSTM(3, 5, 2, cell="peephole"), torch.randn(2, 4, 3)
    subject = as_subject(lstm, x, sequence=1, labels="abcd")
    assert subject.task == UNITS
    assert subject.labels == ("a", "b", "c", "d")
    assert_allclose(subject.predict(), lstm(x)[0][1].detach(), atol=1e-6)
    with torch.no_grad():
        lstm.weight_hh_l0.zero_()
    assert bool(subject.lstm.weight_hh_l0.any()), "the subject stays as it was"


@settings(deadline=None, max_examples=15)
@given(st.sampled_from([*CELLS]), st.integers(1, 2), st.booleans(), st.integers(0, 9))
def test_a_window_puts_out_what_compiled_predictions_do(
    cell: str, layers: int, skip: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    learner = OnlineLearner(["a", "b"], 5, layers, cell, outputs=3, window=4, skip=skip, lr=0.02)
    for x in random.normal(size=(9, 2)).astype(np.float32):
        learner.learn(x, random.normal(size=3).astype(np.float32))
    part = window_part(learner, ["a", "b"], ["p", "q"])
    carry = learner.get_carry()
    learner.put_back(Carry(carry.tape[:1], carry.inputs[:0], carry.traces, carry.sizes))
    expected = []
    for x in carry.inputs:
        expected.append(learner.predict(x)[:2].copy())
        learner.advance(x)
    subject = as_subject(SimpleNamespace(steps={"only": Stream(part)}))
    assert_allclose(subject.predict(), expected, atol=1e-5)


class Stream(LSTMRegressor):
    """An estimator with a given part."""

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.part = part

    def lstm_part(self, x: Any = None) -> Any:
        assert x is None
        return self.part


def test_a_regressor_puts_out_how_far_it_is_from_the_last_target() -> None:
    events = CLASSIFIER.events(40)
    model = LSTMRegressor(hidden_size=6, window=4, experts=False, seed=1)
    for n, (x, _) in enumerate(events[:30]):
        model.learn_one(x, n % 7)
    predicted = [model.observe_one(x) for x, _ in events[30:]]
    subject = as_subject(compose.Pipeline(preprocessing.StandardScaler(), model))
    assert_allclose(subject.predict()[:, 0] + 29 % 7, predicted[-4:], rtol=1e-5)
    assert subject.labels[-2:] == ("1 event before", "last event")
    assert subject.features[:2] == ("last target", "last change")
    assert len(subject.features) == model.module.input_size
    assert "" not in subject.features


def test_a_classifier_puts_out_the_logits_of_its_classes() -> None:
    model = CLASSIFIER.make(experts=False)
    events = [{"kind": "xyz"[n % 3], "tone": ["up", "down"][n % 2]} for n in range(40)]
    for n, x in enumerate(events[:30]):  # texts, whose inputs have no scale that is learned
        model.learn_one(x, ("low", "high", 3)[n % 5 % 3])
    predicted = [model.step_one(x) for x in events[30:]]
    subject = as_subject(model)
    assert subject.outputs == tuple(model.classes)
    shares = subject.predict().double().softmax(-1)
    assert_allclose(shares, [[*each.values()] for each in predicted[-4:]], atol=1e-6)
    assert "" not in subject.features
    assert f"last is {model.classes[0]}" in subject.features


def test_a_classifier_of_texts_puts_out_what_it_predicts() -> None:
    model = TEXTS.learned(TEXTS.make(), TEXTS.events(30))
    text = "the screen is bad, don't"
    subject = as_subject(model, text)
    assert subject.labels == ("the", "screen", "is", "bad", ",", "do", "n't", "</s>")
    shares = subject.predict()[-1].double().softmax(-1)
    assert_allclose(shares, [*model.predict_proba_one(text).values()], atol=1e-6)


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_every_estimator_can_be_examined(member: Member) -> None:
    model = member.make()
    text = "the box" if member.reads_text else None
    with pytest.raises(ValueError, match="has not"):
        as_subject(model, text)
    member.learned(model, member.events(12))
    subject = as_subject(model, text)
    assert subject.inputs.shape == (3 if text else 4, len(subject.features))
    assert subject.predict().shape == (len(subject), len(subject.outputs))
    assert bool(subject.predict().isfinite().all())
    if text:
        with pytest.raises(TypeError, match="give the text"):
            as_subject(model)
    else:
        with pytest.raises(TypeError, match="leave x out"):
            as_subject(model, torch.zeros(3, 2))
        model.reset_stream()
        with pytest.raises(ValueError, match="just begun"):
            as_subject(model)


def test_a_trained_model_on_a_stream_goes_on_from_its_window() -> None:
    model = SequenceModel(2, 1, hidden_size=5)
    model.input_mean.fill_(0.5)
    model.target_scale.fill_(3.0)
    stream = from_model(model, ["a", "b"], window=4)
    random = np.random.default_rng(0)
    said = [stream.step_one({"a": a, "b": b}) for a, b in random.normal(size=(9, 2))]
    subject = as_subject(stream)
    assert_allclose(subject.predict()[:, 0], said[-4:], atol=1e-5)
    x = random.normal(size=(6, 2))
    assert as_subject(stream, x).predict()[-1].item() == pytest.approx(stream.predict_one(x), 1e-4)


def test_a_trained_classifier_reads_texts() -> None:
    model = SequenceModel(None, 2, vocabulary_size=4, task="classification", pooling="attention")
    model.classes = ["no", "yes"]

    def votes(texts: Any, count: int) -> Any:
        return np.full((len(texts), count), [0.0, len(texts[0])])

    stream = from_model(model, vocabulary=Vocabulary(["so", "good"]))
    stream.votes = votes
    subject = as_subject(stream, "so very good")
    assert subject.labels == ("so", "very", "good")
    expected = [*stream.predict_proba_one("so very good").values()]
    assert_allclose(subject.predict()[-1].double().softmax(-1), expected, atol=1e-6)


@pytest.mark.parametrize("counts", [0.0, 0.8])
def test_a_model_of_sentiment_reads_texts(counts: float) -> None:
    texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    labels = (["positive"] * 3 + ["negative"] * 3) * 5
    options: dict[str, Any] = {"word_vectors": None, "hidden_size": 8, "epochs": 3, "members": 2}
    model = SentimentModel(**options, counts=counts, seed=1).fit(texts, labels)
    subject = as_subject(model, "I love it: what a foxtrot")
    assert subject.labels == ("i", "love", "it", ":", "what", "a", "foxtrot")
    assert subject.outputs == ("negative", "positive")
    shares = model.predict_proba(["I love it: what a foxtrot"])[0]
    assert_allclose(subject.predict()[-1].double().softmax(-1), shares, atol=1e-5)
    with pytest.raises(TypeError, match="SentimentModel reads a text"):
        as_subject(model, [1, 2])


def test_targets_of_classes_are_their_places() -> None:
    model = SequenceModel(2, 2, task="classification", hidden_size=4)
    model.classes = ["no", "yes"]
    subject = as_subject(model, torch.zeros(3, 2), targets=["yes", None, "no"])
    assert_allclose(subject.targets, [1, np.nan, 0])
    with pytest.raises(ValueError, match="'maybe' is none of the classes"):
        as_subject(subject, targets=["maybe"] * 3)
    with pytest.raises(ValueError, match="targets for each of 3 steps, got 1"):
        as_subject(subject, targets=["no"])
    with pytest.raises(ValueError, match="labels for each of 3 steps, got 2"):
        as_subject(subject, labels=["a", "b"])


NUMERIC, TOKENS = SequenceModel(2, 1), SequenceModel(None, 2, vocabulary_size=5, pooling="max")


@pytest.mark.parametrize(
    ("source", "x", "error", "message"),
    [
        (torch.nn.LSTM(2, 3), torch.zeros(4, 2), TypeError, "load the weights of an nn.LSTM"),
        (3, None, TypeError, "expected an LSTM"),
        (LSTMTextClassifier, "a", TypeError, "expected an LSTM"),
        (LSTM(2, 3), None, TypeError, "give x"),
        (LSTM(2, 3), "good", TypeError, "reads numbers, not a text"),
        (LSTM(2, 3), torch.zeros(4, 3), ValueError, r"\(T, 2\)"),
        (LSTM(2, 3), torch.zeros(0, 2), ValueError, r"\(T, 2\)"),
        (LSTM(2, 3), [[1.0, np.nan]], ValueError, "NaN"),
        (NUMERIC, [["a", "b"]], TypeError, "must be numbers"),
        (NUMERIC, torch.zeros(2, 4, 3), ValueError, r"\(B, T, 2\)"),
        (TOKENS, "good", TypeError, "reads tokens"),
        (TOKENS, [0.5], TypeError, "whole numbers"),
        (TOKENS, [1, 5], ValueError, "between 0 and 4"),
        (TOKENS, np.zeros((1, 1, 1), int), ValueError, r"\(T,\)"),
        (from_model(NUMERIC), "good", TypeError, "reads numbers"),
        (from_model(NUMERIC), None, ValueError, "just begun"),
    ],
)
def test_what_cannot_be_examined_is_said(
    source: Any, x: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        as_subject(source, x)


def test_a_sequence_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="sequence must be from 0 to 1, got 2"):
        as_subject(LSTM(2, 3), torch.zeros(2, 4, 2), sequence=2)


def test_a_live_stream_stands_for_what_it_plays() -> None:
    live = LiveStream(LSTMRegressor(4, window=3, seed=1), datasets.AirlinePassengers())
    try:
        live.step(12)
        assert live.player.wait(60)
        subject = as_subject(live)
    finally:
        live.stop()
    assert subject.labels == tuple(row.label for row in live.run.rows)[-3:]
    assert_allclose(subject.predict(), as_subject(live.model).predict())
