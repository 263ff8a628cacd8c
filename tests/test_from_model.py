"""Trained models as River estimators: the same numbers as the model, event by event."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from river import compose, datasets, metrics, preprocessing
from torch.nn.functional import cross_entropy

from lstmwidgets import load, save
from lstmwidgets.analysis.prequential import Prequential
from lstmwidgets.cells import CELLS
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import from_model
from lstmwidgets.pooling import POOLINGS
from lstmwidgets.text import Tokenizer, Vocabulary
from lstmwidgets.training import fit, predict, predict_proba

NAMES = ["a", "b", "c"]
ROWS = np.random.default_rng(0).normal(size=(12, 3))


def sequence_model(task="regression", outputs=1, **options) -> SequenceModel:
    torch.manual_seed(1)
    model = SequenceModel(3, outputs, task=task, hidden_size=6, **options).eval()
    model.input_mean += torch.tensor([0.5, -1.0, 0.0])
    model.input_scale *= 2
    if task != "classification":
        model.target_mean += 10
        model.target_scale *= 3
    else:
        model.classes = ["no", "yes", "perhaps"][:outputs]
    return model


def event(row) -> dict[str, float]:
    return dict(zip(NAMES, map(float, row), strict=True))


def batch(rows=ROWS) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)[None]


def text_model(pooling="last", **options) -> tuple[SequenceModel, Vocabulary]:
    vocabulary = Vocabulary(["a", "good", "bad", "film"], **options)
    torch.manual_seed(1)
    model = SequenceModel(
        vocabulary_size=len(vocabulary),
        output_size=2,
        task="classification",
        embedding_size=4,
        hidden_size=5,
        pooling=pooling,
    )
    model.classes = ["negative", "positive"]
    return model, vocabulary


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_stream_of_steps_gives_what_the_model_gives_for_the_whole_batch(cell, layers):
    model = sequence_model(cell=cell, num_layers=layers, pooling=None)
    expected = model(batch())[0][0, :, 0].tolist()
    stream = from_model(model, NAMES)
    for row, value in zip(ROWS, expected, strict=True):
        assert stream.predict_one(event(row)) == pytest.approx(value, abs=1e-4)
        assert stream.predict_one(event(row)) == pytest.approx(value, abs=1e-4)  # changed nothing
        assert stream.step_one(event(row)) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("pooling", [*POOLINGS, None])
def test_a_whole_sequence_gives_what_the_model_gives(pooling):
    model = sequence_model("classification", 3, pooling=pooling)
    output = model(batch())[0].detach()
    logits = output[0] if pooling else output[0, -1]
    stream = from_model(model)
    given = stream.predict_proba_one(ROWS)
    assert list(given) == ["no", "yes", "perhaps"]
    assert list(given.values()) == pytest.approx(logits.double().softmax(0).tolist(), abs=1e-6)
    assert math.fsum(given.values()) == pytest.approx(1, abs=1e-12)


def test_a_step_learns_the_gradient_of_the_window():
    """By hand: the last step's loss, over the window's inputs, from the state before them."""
    model = sequence_model("classification", 3, pooling=None)
    reference = copy.deepcopy(model)
    stream = from_model(model, NAMES, optimizer=torch.optim.SGD, lr=0.1, window=4, clip=1e9)
    state = None
    states = []
    for n, row in enumerate(ROWS[:9]):
        states.append(state or reference.lstm.initial_state(1))
        x = reference.standardised(batch(ROWS[max(0, n - 3) : n + 1]))
        hidden, _ = reference.lstm(x, states[max(0, n - 3)])
        with torch.no_grad():  # the state goes on as it was before the weights change
            step = reference.standardised(batch(ROWS[n : n + 1]))[:, 0]
            _, state = reference.lstm.step(step, states[n])
        loss = cross_entropy(reference.head(hidden[:, -1]), torch.tensor([n % 3]))
        reference.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weight in reference.parameters():
                weight -= 0.1 * weight.grad
        stream.learn_one(event(row), ["no", "yes", "perhaps"][n % 3])
        for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_whole_sequence_is_learned(pooling):
    stream = from_model(sequence_model("classification", 3, pooling=pooling), lr=0.02)
    before = stream.predict_proba_one(ROWS)["perhaps"]
    for _ in range(30):
        stream.learn_one(ROWS, "perhaps")
    assert stream.predict_proba_one(ROWS)["perhaps"] > max(0.9, before)


def test_estimator_and_model_are_one():
    model = sequence_model(pooling=None)
    stream = from_model(model, NAMES)
    stream.step_one(event(ROWS[0]))
    before = stream.predict_one(event(ROWS[1]))
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 0.5
    assert stream.predict_one(event(ROWS[1])) != before
    head = model.head.weight.clone()
    stream.learn_one(event(ROWS[1]), 3.0)
    assert not torch.equal(model.head.weight, head)
    assert stream.module is model.lstm


def test_a_new_class_leaves_the_logits_and_the_moments_of_the_others():
    model = sequence_model("classification", 2, pooling=None)
    stream = from_model(model, NAMES)
    for n, row in enumerate(ROWS):
        stream.learn_one(event(row), ["no", "yes"][n % 2])
    before = stream._peek(stream._numbers(event(ROWS[0])))
    moments = stream._optimizer.state[model.head.weight]["exp_avg"].clone()
    assert stream._place("never seen") == 2
    after = stream._peek(stream._numbers(event(ROWS[0])))
    torch.testing.assert_close(after[:2], before)
    assert float(after.softmax(0)[2]) < 0.15
    kept = stream._optimizer.state[model.head.weight]["exp_avg"]
    assert torch.equal(kept[:2], moments)
    assert not kept[2].any()
    stream.learn_one(event(ROWS[1]), "never seen")
    assert stream.classes == ["no", "yes", "never seen"]
    assert model.config["output_size"] == 3


def test_a_grown_model_saves_and_loads(tmp_path):
    model, vocabulary = text_model(growing=True)
    stream = from_model(model, vocabulary=vocabulary)
    stream.learn_one("a splendid film", "so so")
    save(model, tmp_path / "grown.safetensors")
    again = from_model(load(tmp_path / "grown.safetensors"), vocabulary=vocabulary)
    assert again.predict_proba_one("splendid") == stream.predict_proba_one("splendid")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_reading_a_text_word_by_word_ends_where_the_prediction_is(pooling):
    model, vocabulary = text_model(pooling)
    stream = from_model(model, vocabulary=vocabulary)
    text = "A good, good film"
    readings = list(stream.read_one(text))
    assert [word for word, _ in readings] == Tokenizer()(text)
    for read, (_, probabilities) in enumerate(readings, 1):
        tokens = vocabulary.encode(Tokenizer()(text)[:read])
        assert stream.predict_proba_one(tokens) == pytest.approx(probabilities, abs=1e-6)
    assert stream.predict_proba_one(text) == pytest.approx(readings[-1][1], abs=1e-6)


def test_an_empty_text_and_unknown_words_are_read():
    model, vocabulary = text_model()
    stream = from_model(model, vocabulary=vocabulary)
    assert stream.predict_proba_one("") == stream.predict_proba_one("zebra")
    stream.learn_one("", "positive")
    assert "zebra" not in vocabulary


def test_predicting_with_a_growing_vocabulary_does_not_grow_it():
    model, vocabulary = text_model(growing=True)
    stream = from_model(model, vocabulary=vocabulary)
    stream.predict_proba_one("zebra")
    assert "zebra" not in vocabulary
    stream.learn_one("a zebra", "positive")
    assert "zebra" in vocabulary
    assert model.embedding.num_embeddings == len(vocabulary)


def test_a_forecaster_forecasts_what_the_model_does():
    torch.manual_seed(2)
    model = SequenceModel(1, 4, task="forecasting", pooling=None, hidden_size=6).eval()
    model.target_mean += 5
    series = np.sin(np.arange(20.0))
    stream = from_model(model)
    for value in series:
        stream._take_in(float(value), None)
    expected = model(torch.tensor(series, dtype=torch.float32)[None, :, None])[0][0, -1]
    assert stream.forecast(4) == pytest.approx(expected.tolist(), abs=1e-5)
    assert stream.forecast(2) == pytest.approx(expected[:2].tolist(), abs=1e-5)
    with pytest.raises(ValueError, match="1 to 4 values, got 5"):
        stream.forecast(5)


def test_a_forecaster_learns_on_the_stream():
    torch.manual_seed(2)
    model = SequenceModel(1, 2, task="forecasting", pooling=None, hidden_size=8)
    stream = from_model(model, lr=0.01)
    errors = []
    for n in range(600):
        if n:
            errors.append(abs(stream.forecast(1)[0] - math.sin(n / 3)))
        stream.learn_one(math.sin(n / 3))
    assert np.mean(errors[-100:]) < 0.3 * np.mean(errors[:100])


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
def test_missing_and_strange_features_are_the_mean_and_counted():
    stream = from_model(sequence_model(pooling=None), NAMES)
    mean = {"a": 0.5, "b": -1.0, "c": 0.0}
    bad = {"a": float("nan"), "b": "many", "d": 7.0}
    assert stream.predict_one(bad) == pytest.approx(stream.predict_one(mean))
    assert stream.imputed == 0
    stream.learn_one(bad, 1.0)
    assert stream.imputed == 3
    stream.learn_one(event(ROWS[0]), None)
    stream.learn_one(event(ROWS[0]), float("inf"))
    assert stream.unlearned == 2
    assert math.isfinite(stream.predict_one(event(ROWS[0])))


def test_names_come_from_the_first_event():
    stream = from_model(sequence_model(pooling=None))
    stream.learn_one(event(ROWS[0]), 1.0)
    turned = dict(reversed(event(ROWS[1]).items()))
    assert stream.predict_one(turned) == stream.predict_one(event(ROWS[1]))


def test_pickled_and_cloned_estimators_go_on_alone():
    stream = from_model(sequence_model(pooling=None), NAMES)
    for row in ROWS[:5]:
        stream.learn_one(event(row), 1.0)
    twin = pickle.loads(pickle.dumps(stream))
    fresh = stream.clone()
    for row in ROWS[5:]:
        assert twin.predict_one(event(row)) == stream.predict_one(event(row))
        twin.learn_one(event(row), 2.0)
        stream.learn_one(event(row), 2.0)
    assert fresh.model is not stream.model
    assert not fresh._past


def test_it_works_in_a_pipeline_and_learns_beside_a_widget():
    torch.manual_seed(0)
    model = SequenceModel(6, 1, pooling=None, hidden_size=8)
    stream = from_model(model, lr=0.01)
    pipeline = compose.Pipeline(preprocessing.StandardScaler(), stream)
    error = metrics.MAE()
    for x, y in datasets.TrumpApproval().take(200):
        error.update(y - 40, pipeline.predict_one(x))
        pipeline.learn_one(x, y - 40)
    assert error.get() < 3
    run = Prequential(from_model(model), datasets.TrumpApproval())
    for _ in range(20):
        run.advance()
    assert run.recording().layers["cell"].shape == (20, 1, 8)


def test_words_of_texts_show_their_gates_in_a_run():
    model, vocabulary = text_model("attention")
    run = Prequential(from_model(model, vocabulary=vocabulary), [("a good film", "positive")])
    run.learning = False
    while run.advance():
        pass
    recording = run.recording()
    assert recording.labels == ("a", "good", "film")
    tokens = torch.from_numpy(vocabulary.encode(recording.labels))
    trace = model.lstm.trace(model.embedding(tokens)[None])
    cells = trace.cell[:, 0].detach().transpose(0, 1).numpy()
    np.testing.assert_allclose(recording.layers["cell"], cells, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "options", "x", "message"),
    [
        ({"pooling": "mean"}, {}, {"a": 1}, "needs whole sequences"),
        ({}, {}, {"a": 1}, "3 inputs and the event 1 features"),
        ({}, {}, np.ones((4, 2)), r"expected a sequence of shape \(T, 3\), got \(4, 2\)"),
        ({}, {"features": ["a"]}, None, "3 inputs and features= names 1"),
        ({"outputs": 2}, {}, None, "a River regressor predicts one number"),
        ({}, {"lr": -1.0}, None, "lr must be"),
    ],
)
def test_bad_input_is_told(model, options, x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_model(sequence_model(**model), **options).predict_one(x)


def test_texts_need_a_vocabulary_and_models_a_task():
    model, _ = text_model()
    with pytest.raises(ValueError, match="give the vocabulary"):
        from_model(model).predict_one("hello")
    with pytest.raises(TypeError, match="expected a SequenceModel"):
        from_model(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match="next_token"):
        from_model(SequenceModel(vocabulary_size=5, task="next_token", pooling=None))


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_trains_exports_goes_online_and_comes_back(cell, tmp_path):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 3)).astype(np.float32) for n in rng.integers(4, 9, 40)]
    labels = ["up" if row[:, 0].sum() > 0 else "down" for row in rows]
    options = {"epochs": 12, "lr": 0.02, "seed": 0, "device": "cpu", "progress": False}
    torch.manual_seed(0)
    model = SequenceModel(3, 2, task="classification", hidden_size=8, cell=cell)
    trained = fit(model, rows, labels, **options)
    assert trained.epochs[-1].train_loss < trained.epochs[0].train_loss
    save(model, tmp_path / "model.safetensors")
    stream = from_model(load(tmp_path / "model.safetensors"), lr=0.01)
    np.testing.assert_allclose(
        [list(stream.predict_proba_one(row).values()) for row in rows],
        predict_proba(model, rows),
        atol=1e-5,
    )
    turned = ["down" if label == "up" else "up" for label in labels]
    for _ in range(15):
        for row, label in zip(rows[:8], turned[:8], strict=True):
            stream.learn_one(row, label)
    learned = [stream.predict_one(row) for row in rows[:8]]
    assert sum(map(str.__eq__, learned, turned)) >= 6  # none, before
    fit(stream.model, rows, labels, **options | {"epochs": 30})
    np.testing.assert_allclose(
        [list(stream.predict_proba_one(row).values()) for row in rows],
        predict_proba(stream.model, rows),
        atol=1e-5,
    )
    right = [stream.predict_one(row) == label for row, label in zip(rows, labels, strict=True)]
    assert np.mean(right) > 0.9


def test_labels_of_numpy_are_plain_and_predict_knows_who_has_come(tmp_path):
    model = SequenceModel(3, 4, task="classification", hidden_size=4)
    stream = from_model(model)
    for label in np.array(["a", "b", "a"]):
        stream.learn_one(ROWS, label)
    assert set(predict(model, [ROWS.astype(np.float32)] * 5)) <= {"a", "b"}
    save(model, tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").classes == ["a", "b"]
    rows = [ROWS[n:].astype(np.float32) for n in range(6)]
    fit(model, rows, ["a", "b", "c"] * 2, epochs=1, seed=0, device="cpu", progress=False)
    assert model.classes == ["a", "b", "c"]


def test_a_forecast_of_several_series_is_refused():
    model = SequenceModel(3, 6, task="forecasting", pooling=None, hidden_size=4)
    fit(model, [ROWS.astype(np.float32)], epochs=1, seed=0, device="cpu", progress=False)
    assert model.series == 3
    with pytest.raises(ValueError, match="this model forecasts 3 together"):
        from_model(model, NAMES, target="a")
