"""SentimentExplorer without a page: it shows what the model says of the text that is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bokeh.models import LayoutDOM

from lstmwidgets.online.lessons import Lessons
from lstmwidgets.plots.pages import save_page
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.text import Tokenizer
from lstmwidgets.widgets import SentimentExplorer
from lstmwidgets.widgets.explorer_work import MOST_WORDS, written

from .received import Received

TEXTS = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
LABELS = (["positive"] * 3 + ["negative"] * 3) * 5
OPTIONS: dict[str, Any] = {"word_vectors": None, "hidden_size": 16, "members": 2, "seed": 1}


@pytest.fixture(scope="module")
def model() -> SentimentModel:
    return SentimentModel(**OPTIONS).fit(TEXTS, LABELS)


def weights(model: SentimentModel) -> list[torch.Tensor]:
    return [each.clone() for each in model.model_.state_dict().values()]


def are_equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def sent(block: bytes) -> tuple[dict[str, Any], list[np.ndarray[Any, Any]]]:
    """Return a frame as a page reads it."""
    header, parts = Received._parts(block)
    return header, [np.frombuffer(part, "<f4") for part in parts]


def check(explorer: SentimentExplorer, model: SentimentModel) -> None:
    """Check that pages get what a model says of the text."""
    wanted = model.explain(explorer.text)
    header, (shares, gates) = sent(explorer._reading)
    assert (header["text"], header["words"]) == (explorer.text, wanted.words)
    np.testing.assert_allclose(shares, wanted.probabilities.ravel(), atol=1e-5)
    rows = np.array([row[3:] for row in wanted.rows()])
    np.testing.assert_allclose(gates, rows.ravel(), atol=1e-5)
    later, (added, baseline) = sent(explorer._contributions)
    assert (later["text"], later["version"]) == (explorer.text, header["version"])
    np.testing.assert_allclose(added, wanted.contributions.ravel(), atol=1e-5)
    np.testing.assert_allclose(baseline, wanted.baseline, atol=1e-5)
    change = shares[-2:] - baseline
    error = np.abs(added.reshape(-1, 2).sum(0) - change).max()
    assert error <= 0.01 * max(0.05, np.abs(change).max())


def test_pages_get_what_the_model_says_of_the_text(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model, "what a joyful mess")
    assert explorer.wait(60)
    check(explorer, model)
    assert sent(explorer._reading)[0]["unknown"] == [2]
    explorer.text = "I love it"
    assert explorer.wait(60)
    check(explorer, model)
    table = explorer.to_dataframe()
    found = explorer.explanation
    np.testing.assert_array_equal(
        table[["probability of negative", "probability of positive"]], found.probabilities
    )
    np.testing.assert_array_equal(table["contribution to positive"], found.contributions[:, 1])
    assert table["known"].all()
    assert table["word"].tolist() == found.words
    assert table[["input", "forget", "output"]].to_numpy().min() > 0


def test_the_latest_text_wins(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model)
    for n in range(1, 60):
        explorer.text = "so good " * n
    assert explorer.wait(60)
    check(explorer, model)
    assert len(explorer.explanation.words) == 118


def test_an_empty_text_has_nothing_to_show(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model, "so good")
    explorer.text = "  "
    assert explorer.wait(60)
    assert explorer._reading == explorer._contributions == b""
    assert explorer.error == ""
    with pytest.raises(ValueError, match=r"set explorer\.text to a text"):
        _ = explorer.explanation
    with pytest.raises(ValueError, match="there is no text"):
        explorer.flips()
    with pytest.raises(RuntimeError, match="there is no word to learn"):
        explorer.teach("positive")
    explorer.text = "so bad"
    check_ready(explorer, model)


def check_ready(explorer: SentimentExplorer, model: SentimentModel) -> None:
    assert explorer.wait(60)
    assert explorer.error == ""
    check(explorer, model)


def test_two_texts_are_compared(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model, "what a joy", compare_with="not what a mess")
    assert explorer.wait(60)
    assert explorer._difference == {
        "texts": ["what a joy", "not what a mess"],
        "places": ([2], [0, 3]),
    }
    wanted = model.explain("not what a mess")
    np.testing.assert_allclose(explorer.other.contributions, wanted.contributions, atol=1e-6)
    assert sent(explorer._other_reading)[0]["words"] == wanted.words
    explorer.compare_with = None
    assert explorer.wait(60)
    assert explorer._other_reading == b""
    with pytest.raises(ValueError, match="compare_with"):
        _ = explorer.other


def test_lessons_change_a_copy_and_can_be_undone(model: SentimentModel) -> None:
    before = weights(model)
    explorer = SentimentExplorer(model, "I love it")
    explorer.teach("negative")
    first = weights(explorer.model)
    assert not are_equal(first, before)
    check(explorer, explorer.model)  # the page has the numbers of the weights as they are now
    explorer.text = "what a mess"
    explorer.teach("positive")
    told = explorer.lessons
    assert [(each.text, each.label) for each in told] == [
        ("I love it", "negative"),
        ("what a mess", "positive"),
    ]
    assert all(each.after > each.before for each in told)
    assert [each["label"] for each in explorer._lessons] == [0, 1]
    explorer.undo()
    assert are_equal(weights(explorer.model), first)
    check(explorer, explorer.model)
    explorer.undo()
    assert are_equal(weights(explorer.model), before)
    check(explorer, model)
    assert are_equal(weights(model), before)
    with pytest.raises(ValueError, match="no lesson to undo"):
        explorer.undo()
    with pytest.raises(ValueError, match="label must be a class, got 'glad'"):
        explorer.teach("glad")


def test_the_same_lessons_do_the_same_after_an_undo() -> None:
    """Adam's moments go back as well; dropout has no part in it."""
    runs = []
    for detour in (False, True):
        lessons = Lessons(SentimentModel(**OPTIONS).fit(TEXTS, LABELS), lr=0.01)
        lessons.learn("I hate joy", "positive")
        if detour:
            lessons.learn("so so good", "negative")
            lessons.learn("it", "negative")
            lessons.undo()
            lessons.undo()
        lessons.learn("what a mess", "positive")
        assert len(lessons) == 2
        assert lessons.learner.model.dropout == 0.5
        runs.append([each.clone() for each in lessons.learner.model.state_dict().values()])
    assert are_equal(*runs)
    with pytest.raises(ValueError, match="label must be a class"):
        lessons.learn("so", "glad")
    lessons.undo()
    lessons.undo()
    with pytest.raises(ValueError, match="no lesson to undo"):
        lessons.undo()


def test_flips_are_those_of_the_model(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model, "I love it !")
    found, wanted = explorer.flips(), model.flips("I love it !")
    assert [flip.words for flip in found.found] == [flip.words for flip in wanted.found]
    told = explorer._flips
    assert (told["text"], told["tried"]) == ("I love it !", wanted.tried)
    for each, flip in zip(told["found"], found.found, strict=True):
        assert model.predict([each["text"]])[0] == flip.label
        assert explorer.classes[each["label"]] == flip.label
    with pytest.raises(ValueError, match="to must be a class"):
        explorer.flips(to="glad")
    assert all(flip.label == "positive" for flip in explorer.flips("positive").found)


def test_what_a_page_asks_for_is_done(model: SentimentModel) -> None:
    explorer = SentimentExplorer(model, "so good")
    heard: list[Any] = []
    explorer.send = lambda message, buffers=(): heard.append(message)  # type: ignore[method-assign]
    page = {"session": "a", "edit": 3}
    explorer._receive(explorer, {"type": "text", "text": "I hate it", **page}, [])
    assert heard == [{"type": "heard", **page}]
    assert explorer.explanation.words == ["i", "hate", "it"]
    explorer._receive(explorer, {"type": "of", "place": 1}, [])
    assert explorer.of == "positive"
    explorer._receive(explorer, {"type": "of", "place": -1}, [])
    assert explorer.of is None
    explorer._receive(explorer, {"type": "flips"}, [])
    assert explorer.wait(60)
    assert explorer._flips["text"] == "I hate it"
    explorer._receive(explorer, {"type": "teach", "text": "I hate it", "place": 1}, [])
    # A text that is typed at once does not drop the lesson.
    explorer._receive(explorer, {"type": "text", "text": "so", **page}, [])
    assert [each.label for each in explorer.lessons] == ["positive"]
    explorer._receive(explorer, {"type": "undo"}, [])
    assert explorer.lessons == ()


def test_what_cannot_be_is_refused(model: SentimentModel) -> None:
    with pytest.raises(TypeError, match="model must be a SentimentModel, got str"):
        SentimentExplorer("model", "so good")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not fitted"):
        SentimentExplorer(SentimentModel(), "so good")
    with pytest.raises(ValueError, match="of must be a class, got 'glad'"):
        SentimentExplorer(model, "so good", of="glad")
    explorer = SentimentExplorer(model, "so " * (MOST_WORDS + 1))
    assert explorer.wait(60)
    assert explorer.error.startswith(f"ValueError: the text has {MOST_WORDS + 1:,} words")
    explorer.text = "so good"
    check_ready(explorer, model)


def test_words_are_written_as_one_text() -> None:
    for words in (["do", "n't", "!"], ["it", "'s", "so", ",", "so"], [":", ")"], ["(", "a", ")"]):
        assert Tokenizer()(written(words)) == words


def test_figure_snapshot_and_end(model: SentimentModel, tmp_path: Path) -> None:
    explorer = SentimentExplorer(model, "what a joy", of="negative")
    picture = explorer.figure()
    assert isinstance(picture, LayoutDOM)
    _, below = picture.children  # type: ignore[attr-defined]
    data = below.renderers[0].data_source.data
    np.testing.assert_array_equal(data["added"], explorer.explanation.contributions[:, 0])
    save_page(picture, tmp_path / "figure.html", "Words")
    assert "SentimentExplorer of 10 letters" in repr(explorer.snapshot())
    explorer.close()
    assert explorer.comm is None
