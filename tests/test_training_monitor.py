"""TrainingMonitor from Python: it runs what it is told to, and shows what the epochs say."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from river import datasets

from lstmwidgets.analysis import saturation
from lstmwidgets.models import SequenceModel
from lstmwidgets.online import LSTMAnomalyDetector, LSTMClassifier, LSTMRegressor
from lstmwidgets.sentiment import SentimentModel
from lstmwidgets.training import DivergedError, Epoch, TrainingRun, iter_fit
from lstmwidgets.widgets import LiveStream, TrainingMonitor
from lstmwidgets.widgets.watched_training import MOST_BATCHES

from .test_steering import told
from .trainings import assert_equal, loader_of, means, model_of, noise, series, weights

SIXTY = 60.0


def run_of(model: SequenceModel | None = None, **more: Any) -> TrainingRun:
    data = series()
    options: dict[str, Any] = {
        "validation": 0.25, "epochs": 6, "batch_size": 8, "lr": 0.01, "seed": 3, "device": "cpu",
        "patience": None,
    }  # fmt: skip
    return iter_fit(model or model_of(input_size=2), data, means(data), **options | more)


@pytest.fixture
def monitors() -> Iterator[Callable[..., TrainingMonitor]]:
    made: list[TrainingMonitor] = []

    def make(*arguments: Any, **more: Any) -> TrainingMonitor:
        made.append(TrainingMonitor(*arguments, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., TrainingMonitor]


def test_what_it_runs_is_the_training_itself(monitors: Make) -> None:
    one, other = (model_of(input_size=2, dropout=0.2) for _ in range(2))
    wanted = run_of(one)
    list(wanted)
    training = run_of(other)
    monitor = monitors(training)
    assert (monitor.state, monitor.position, monitor.lr) == ("ready", 0, 0.01)
    monitor.play()
    assert monitor.wait(SIXTY)
    assert (monitor.state, monitor.position, monitor.error) == ("finished", 6, "")
    assert told(training.epochs) == told(wanted.epochs)
    assert_equal(weights(one), weights(other))
    assert monitor.verdict == monitor.result.verdict == wanted.result.verdict


def test_steered_by_hand_it_is_the_training_that_was_steered_so(monitors: Make) -> None:
    one, other = (model_of(input_size=2) for _ in range(2))
    wanted = run_of(one, schedule="cosine")
    for epoch in wanted:
        if epoch.epoch == 2:
            wanted.lr /= 2
        if epoch.epoch == 3:
            wanted.dropout = 0.5
    training = run_of(other, schedule="cosine")
    monitor = monitors(training)
    monitor.step(2)
    assert (monitor.state, monitor.position) == ("paused", 2)
    monitor.lower_lr()
    monitor.step()
    monitor.set_dropout(0.5)
    assert monitor.dropout == 0.5
    monitor.playing = True
    assert monitor.wait(SIXTY)
    assert told(training.epochs) == told(wanted.epochs)
    assert_equal(weights(one), weights(other))
    changes = monitor.course.changes
    assert [change.position for change in changes] == [2, 3]
    assert changes[1].text == "dropout 0 → 0.5"


def test_it_stops_with_the_best_weights_even_in_the_midst_of_an_epoch(monitors: Make) -> None:
    data, targets = noise()
    model = model_of(input_size=2, hidden_size=32)
    training = iter_fit(
        model, data, targets, validation=0.5, epochs=10_000, lr=0.03, seed=0, patience=None,
        device="cpu", batch_size=4,
    )  # fmt: skip
    states = {}
    monitor = monitors(training)
    for _ in range(4):
        monitor.step()
        states[len(training.epochs)] = weights(model)
    monitor.play()
    until(lambda: monitor.position > 8)
    monitor.pause()
    assert monitor.state == "paused"
    rested = monitor.position
    monitor.stop()
    assert monitor.state == "finished"
    result = monitor.result
    assert result.stopped == "interrupted"
    assert len(result.epochs) <= rested
    assert result.best_epoch in states
    assert_equal(weights(model), states[result.best_epoch])
    assert monitor.verdict.startswith("Overfitting")
    monitor.stop()
    monitor.play()
    assert monitor.wait(SIXTY)
    assert len(result.epochs) == len(monitor.result.epochs)


def until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


def test_a_row_an_epoch(monitors: Make) -> None:
    training = run_of(patience=3)
    monitor = monitors(training)
    assert len(monitor.to_dataframe()) == 0
    monitor.play()
    assert monitor.wait(SIXTY)
    table = monitor.to_dataframe()
    epochs = training.epochs
    assert table["epoch"].tolist() == [one.epoch for one in epochs]
    for name in ("train_loss", "validation_loss", "gradient_norm", "lr", "train_score", "best"):
        assert table[name].tolist() == [getattr(one, name) for one in epochs]
    batches = monitor.course.batches
    assert len(batches) == 6 * len(epochs)  # 45 sequences
    assert batches[:6, 0] == pytest.approx(np.arange(1, 7) / 6)
    assert batches[:6, 2].mean() == pytest.approx(epochs[0].gradient_norm)


def test_the_gates_are_those_at_each_epochs_end(monitors: Make) -> None:
    data = series()
    model = model_of(input_size=2, num_layers=2)
    with torch.no_grad():
        model.lstm.bias_ih_l0[6:9] = 30.0  # forget gates of three of twelve units
    training = run_of(model, validation=(data, means(data)))
    monitor = monitors(training)
    monitor.step(2)
    found = monitor.to_dataframe().iloc[-1]
    batch = training.sample(32)
    assert batch is not None
    with torch.no_grad():
        seen = saturation(model.lstm.trace(batch.x), lengths=batch.lengths)
    for gate in ("input_gate", "forget_gate", "output_gate"):
        assert found[f"{gate}_open"] == pytest.approx(seen.pinned_open(gate))
        assert found[f"{gate}_shut"] == pytest.approx(seen.pinned_shut(gate))
    assert found["forget_gate_open"] >= 0.25
    assert found["dead_units"] == seen.dead()
    assert [panel.id for panel in monitor.course.panels] == [
        "loss", "score", "norm", "lr", "gates", "dead",
    ]  # fmt: skip


def test_without_validation_and_of_a_loader_it_shows_what_there_is(monitors: Make) -> None:
    monitor = monitors(run_of(validation=None))
    monitor.step()
    loss = monitor.course.panels[0]
    assert [line.column for line in loss.lines] == ["train_loss"]
    rng = np.random.default_rng(0)
    loader = loader_of(rng.normal(size=(8, 5, 2)), rng.normal(size=(8, 1)), batch_size=4)
    monitor = monitors(iter_fit(model_of(input_size=2), loader, epochs=2, device="cpu"))
    monitor.play()
    assert monitor.wait(SIXTY)
    assert [panel.id for panel in monitor.course.panels] == ["loss", "score", "norm", "lr"]


def test_many_batches_are_thinned(monitors: Make) -> None:
    data = series(500)
    training = iter_fit(
        model_of(input_size=2), data, means(data), epochs=5, batch_size=1, device="cpu"
    )
    monitor = monitors(training)
    monitor.play()
    assert monitor.wait(SIXTY)
    batches = monitor.course.batches
    assert MOST_BATCHES / 2 <= len(batches) <= MOST_BATCHES
    assert np.diff(batches[:, 0]) == pytest.approx(np.full(len(batches) - 1, 2 / 500))


def test_a_training_that_diverges_says_what_to_do(monitors: Make) -> None:
    model = model_of(input_size=2)
    training = run_of(model, optimizer="sgd", clip=None)
    monitor = monitors(training)
    monitor.step()
    good = weights(model)
    monitor.set_lr(1e30)
    monitor.play()
    assert monitor.wait(SIXTY)
    assert monitor.state == "failed"
    assert monitor.error.startswith("DivergedError: the ")
    assert "Try a smaller lr" in monitor.error
    assert_equal(weights(model), good)
    with pytest.raises(RuntimeError, match="DivergedError") as caught:
        _ = monitor.result
    assert isinstance(caught.value.__cause__, DivergedError)


def test_data_that_fail_in_the_midst_are_told(monitors: Make) -> None:
    calls = count()

    class Failing(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, place: int) -> Any:
            if next(calls) == 20:
                raise OSError("the disk is gone")
            return torch.zeros(3, 2), torch.zeros(1)

    loader = torch.utils.data.DataLoader(Failing(), batch_size=4)
    monitor = monitors(iter_fit(model_of(input_size=2), loader, device="cpu"))
    monitor.play()
    assert monitor.wait(SIXTY)
    assert (monitor.state, monitor.error) == ("failed", "OSError: the disk is gone")
    assert len(monitor.to_dataframe()) >= 1


def test_an_interrupt_of_the_cell_that_waits_pauses_it(
    monitors: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor = monitors(run_of(epochs=100_000))
    monitor.play()

    def interrupted(_: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(monitor.player, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        monitor.wait()
    monkeypatch.undo()
    assert monitor.wait(SIXTY)
    assert monitor.state == "paused"


def test_other_iterators_of_epochs_can_be_paused_and_stopped(monitors: Make) -> None:
    texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    labels = (["positive"] * 3 + ["negative"] * 3) * 5
    model = SentimentModel(word_vectors=None, hidden_size=8, members=1, epochs=50, seed=1)
    monitor = monitors(model.iter_fit(texts, labels))
    monitor.step(3)
    assert (monitor.position, monitor.training) == (3, None)
    with pytest.raises(ValueError, match="lr cannot be set: generator is no training"):
        monitor.lower_lr()
    with pytest.raises(ValueError, match="dropout cannot be set"):
        monitor.set_dropout(0.1)
    monitor.stop()
    assert monitor.state == "finished"
    assert model.result_.stopped == "interrupted"
    assert len(model.result_.epochs) == 3
    assert [panel.id for panel in monitor.course.panels] == ["loss", "score", "norm", "lr"]
    with pytest.raises(ValueError, match="only a training that"):
        _ = monitor.result


def test_what_is_no_training_is_refused(monitors: Make) -> None:
    with pytest.raises(TypeError, match=r"expected what lstmwidgets\.iter_fit .*, got dict"):
        TrainingMonitor({})
    monitor = monitors(iter([1, 2]))
    monitor.play()
    assert monitor.wait(SIXTY)
    assert monitor.error == "TypeError: expected epochs as iter_fit yields them, got int"
    monitor = monitors(run_of())
    for wrong in (0, -1.0):
        with pytest.raises(ValueError, match="factor must be"):
            monitor.lower_lr(wrong)
    with pytest.raises(ValueError, match="dropout must be"):
        monitor.set_dropout(2)
    with pytest.raises(ValueError, match="n must be"):
        monitor.step(0)


def test_two_widgets_do_not_train_one_model_at_a_time(monitors: Make) -> None:
    model = model_of(input_size=2)
    one, other = (monitors(run_of(model, epochs=100_000)) for _ in range(2))
    one.play()
    other.play()
    assert "Another widget is playing this model" in other.error
    one.pause()


def test_closing_leaves_the_best_weights_and_no_thread(monitors: Make) -> None:
    model = model_of(input_size=2)
    training = run_of(model, epochs=100_000)
    monitor = monitors(training)
    monitor.play()
    until(lambda: monitor.position > 2)
    monitor.close()
    assert training.result.stopped == "interrupted"
    assert not model.training
    count_of = len(training.epochs)
    monitor.close()
    assert len(training.epochs) == count_of
    assert not monitor.player.wait(0) or monitor.player.state != "playing"


def test_the_figure_has_its_panels_and_the_shade(monitors: Make, tmp_path: Path) -> None:
    data, targets = noise()
    model = model_of(input_size=2, hidden_size=32)
    monitor = monitors(
        iter_fit(
            model, data, targets, validation=0.5, epochs=40, lr=0.03, seed=0, patience=None,
            device="cpu",
        )
    )  # fmt: skip
    monitor.play()
    assert monitor.wait(SIXTY)
    course = monitor.course
    assert course.best is not None
    assert course.overfits_from == course.best + 1
    table = monitor.to_dataframe()
    assert table.loc[table["overfitting"], "epoch"].min() == course.overfits_from
    plots = monitor.figure().children  # type: ignore[attr-defined]
    assert [plot.title.text for plot in plots] == [panel.title for panel in course.panels]
    monitor.save_html(tmp_path / "page.html")
    assert "Overfitting: after epoch" in (tmp_path / "page.html").read_text()


# --- online -----------------------------------------------------------------------------------


def test_an_online_estimator_is_watched_over_its_events(monitors: Make) -> None:
    model = LSTMRegressor(8, seed=1)
    events = list(datasets.WaterFlow().take(400))
    monitor = monitors(model, events)
    assert monitor.live is not None
    monitor.step()
    assert monitor.position == 100
    monitor.lower_lr()
    assert model.lr == monitor.lr == 0.0025
    with pytest.raises(ValueError, match="no dropout"):
        monitor.set_dropout(0.2)
    monitor.play()
    assert monitor.wait(SIXTY)
    until(lambda: monitor.to_dataframe()["event"].iloc[-1] == 400)
    table = monitor.to_dataframe()
    assert table.columns[:3].tolist() == ["event", "error", "lr"]
    assert table["lr"].iloc[-1] == 0.0025
    assert [panel.id for panel in monitor.course.panels] == ["loss", "lr", "gates", "dead"]
    with pytest.raises(ValueError, match="has a result"):
        _ = monitor.result


def test_its_rows_are_the_errors_and_gates_of_the_events_since(monitors: Make) -> None:
    live = LiveStream(LSTMRegressor(8, num_layers=2, seed=1), datasets.WaterFlow())
    monitor = monitors(live)
    live.step(120)
    live.player.call(monitor._watched.rest)  # type: ignore[union-attr]
    first = len(monitor.to_dataframe())
    live.step(60)
    table = monitor.to_dataframe()
    assert len(table) > first
    last, before = table["event"].iloc[-1], table["event"].iloc[-2]
    rows = list(live.run.rows)[before - 180 or None : last - 180 or None]
    errors = [abs(row.prediction - row.target) for row in rows]
    assert table["error"].iloc[-1] == pytest.approx(np.mean(errors))
    layers = live.run.recording().layers["forget_gate"][before - 180 or None : last - 180 or None]
    opened = ((layers > 0.9).mean(0) >= 0.95).mean()
    assert table["forget_gate_open"].iloc[-1] == pytest.approx(opened)
    live.close()


@pytest.mark.parametrize(
    ("model", "events", "panels"),
    [
        (
            LSTMClassifier(8, seed=1),
            [({"a": n % 3}, "xyz"[n % 3]) for n in range(200)],
            ["loss", "lr", "gates", "dead"],
        ),
        (
            LSTMAnomalyDetector(8, seed=1),
            [{"a": float(n % 5)} for n in range(200)],
            ["lr", "gates", "dead"],
        ),
    ],
    ids=["classifier", "anomalies"],
)
def test_other_estimators_show_what_they_have(
    model: Any, events: Any, panels: list[str], monitors: Make
) -> None:
    monitor = monitors(model, events)
    monitor.step(2)
    assert [panel.id for panel in monitor.course.panels] == panels
    assert not np.isnan(monitor.to_dataframe()["dead_units"].iloc[-1])


def test_a_recording_that_is_played_shows_its_gates_alone(monitors: Make) -> None:
    live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow())
    live.step(150)
    played = LiveStream(live.recording())
    monitor = monitors(played)
    monitor.step()
    assert monitor.to_dataframe()["event"].tolist()[-1] == 100
    assert [panel.id for panel in monitor.course.panels] == ["loss", "gates", "dead"]
    with pytest.raises(ValueError, match="no learning rate"):
        monitor.lower_lr()
    with pytest.raises(ValueError, match="no learning rate"):
        monitor.set_lr(0.1)
    for each in (live, played):
        each.close()


def test_epochs_that_are_no_ones_own_are_shown_as_they_are(monitors: Make) -> None:
    """An epoch that somebody made by hand says neither gradient norm nor dropout."""
    made = (Epoch(n, 1 / n, 0.5 + n / 10, 0.5, 0.5, "accuracy", 0.1, 1.0, n == 1) for n in (1, 2))
    monitor = monitors(made)
    monitor.play()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert monitor.wait(SIXTY)
    assert [panel.id for panel in monitor.course.panels] == ["loss", "score", "lr"]
    assert monitor.verdict.startswith("Overfitting since epoch 2")
