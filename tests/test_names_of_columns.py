"""Columns of dataframes are found by their names, or an error has both sets of names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from lstmwidgets import SequenceModel, fit, iter_fit, load, predict, save
from lstmwidgets.online import from_model

RNG = np.random.default_rng(0)
TABLE = {"temp": RNG.normal(13, 4, 120), "load": RNG.normal(200, 30, 120)}
TABLE["y"] = 3 * TABLE["temp"] - 0.1 * TABLE["load"]
QUIET: dict[str, Any] = {"device": "cpu", "progress": False, "seed": 0}
LIBRARIES = pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])


def trained(frame: Callable[..., Any] = pd.DataFrame, **options: Any) -> SequenceModel:
    torch.manual_seed(0)
    model = SequenceModel(2, hidden_size=6, pooling=None)
    fit(model, frame(TABLE)[["temp", "load", "y"]], target="y", epochs=1, window=20, **QUIET)
    return model


@LIBRARIES
def test_predicting_from_columns_in_another_order_is_the_same(frame: Any, tmp_path: Any) -> None:
    model, table = trained(frame), frame(TABLE)
    expected = predict(model, table[["temp", "load"]])
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")

    assert model.features == again.features == ["temp", "load"]
    assert model.targets == again.targets == ["y"]
    for one in (model, again):
        assert np.array_equal(predict(one, table[["load", "temp"]]), expected)
        assert np.array_equal(predict(one, table[["y", "load", "temp"]], target="y"), expected)
        turned = predict(one, [table[["load", "temp"]], table[["temp", "load"]]])
        assert [part.tolist() for part in turned] == [expected.tolist()] * 2
    assert np.array_equal(
        predict(model, [np.stack([TABLE["temp"], TABLE["load"]], 1)])[0], expected
    )


@LIBRARIES
@pytest.mark.parametrize(
    "columns", [["Temperature", "load"], ["temp"], ["temp", "load", "more"], ["a", "b"]]
)
def test_other_columns_are_an_error_with_both_sets(frame: Any, columns: list[str]) -> None:
    model = trained(frame)
    other, y = frame(dict.fromkeys(columns, TABLE["temp"])), TABLE["y"]
    good = frame(TABLE)[["temp", "load"]]
    message = r"sequence 0 has the columns .* and the model was trained with 'temp', 'load':"

    for call in (
        lambda: predict(model, other),
        lambda: fit(model, other, y, epochs=1, **QUIET),
        lambda: fit(model, good, y, validation=(other, y), epochs=1, **QUIET),
    ):
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert all(name in str(error.value) for name in columns)
        assert "\n" not in str(error.value)


@LIBRARIES
def test_frames_of_one_list_are_matched_to_the_first(frame: Any) -> None:
    one, other = frame(TABLE)[["temp", "load"]], frame(TABLE)[["load", "temp"]]
    losses = []
    for second in (one, other):
        torch.manual_seed(0)
        model = SequenceModel(2, hidden_size=4)
        fit(model, [one, second] * 2, [1.0, 2.0, 3.0, 4.0], epochs=2, **QUIET)
        losses.append(predict(model, [second, one]).tolist())
    assert losses[0] == losses[1]
    with pytest.raises(ValueError, match="sequence 1 has the columns"):
        predict(SequenceModel(2), [one, frame({"a": [1.0], "load": [2.0]})])


@LIBRARIES
def test_targets_in_frames_are_matched_too(frame: Any) -> None:
    x = np.random.default_rng(1).normal(size=(8, 5, 1))
    y = {"a": x.sum((1, 2)), "b": 100 * x.mean((1, 2))}
    found = []
    for names in (["a", "b"], ["b", "a"]):
        torch.manual_seed(0)
        model = SequenceModel(1, 2, hidden_size=4)
        model.targets = ["a", "b"]
        held = (x, frame(y)[["b", "a"]])
        result = fit(model, x, frame(y)[names], validation=held, epochs=2, **QUIET)
        found.append([(epoch.train_loss, epoch.validation_loss) for epoch in result.epochs])
    assert found[0] == found[1]
    with pytest.raises(ValueError, match=r"targets has the columns 'c', 'b'"):
        fit(model, x, frame({"c": y["a"], "b": y["b"]}), epochs=1, **QUIET)


def test_named_targets_keep_their_places() -> None:
    frame = pd.DataFrame(TABLE | {"z": -TABLE["y"]})
    twins = []
    for names in (["y", "z"], ["z", "y"]):
        torch.manual_seed(0)
        model = SequenceModel(2, 2, hidden_size=4, pooling=None)
        fit(model, frame, target=["y", "z"], epochs=1, **QUIET)
        fit(model, frame, target=names, epochs=1, **QUIET)
        twins.append(predict(model, frame, target=names).tolist())
    assert twins[0] == twins[1]
    with pytest.raises(ValueError, match=r"target= has the columns 'y', 'w'"):
        fit(model, frame.rename(columns={"z": "w"}), target=["y", "w"], epochs=1, **QUIET)


def test_names_can_be_changed_and_forgotten() -> None:
    model = trained()
    renamed = pd.DataFrame({"Temperature": TABLE["temp"], "load": TABLE["load"]})
    expected = predict(model, pd.DataFrame(TABLE), target="y")
    model.features = ["Temperature", "load"]
    assert np.array_equal(predict(model, renamed[["load", "Temperature"]]), expected)
    model.features = None
    assert np.array_equal(predict(model, renamed), expected)
    for wrong in (["temp"], ["temp", "temp"], "ab", 7):
        with pytest.raises((TypeError, ValueError), match="features must be"):
            model.features = wrong


def test_arrays_leave_a_model_without_names() -> None:
    model = SequenceModel(2, hidden_size=4)
    fit(model, np.zeros((3, 4, 2)), [1.0, 2, 3], epochs=1, **QUIET)
    assert model.features is model.targets is None
    tokens = SequenceModel(vocabulary_size=4, output_size=2, task="classification")
    fit(tokens, [[1, 2], [3]], ["a", "b"], epochs=1, **QUIET)
    assert tokens.features is None


def test_a_resumed_training_knows_its_names(tmp_path: Any) -> None:
    frame, losses = pd.DataFrame(TABLE), []
    for second in (["temp", "load", "y"], ["y", "load", "temp"]):
        path = tmp_path / f"{second[0]}.ckpt"
        for columns, epochs in ((["temp", "load", "y"], 1), (second, 2)):
            torch.manual_seed(0)
            model = SequenceModel(2, hidden_size=4, pooling=None)
            options = {"target": "y", "epochs": epochs, "checkpoint": path, "window": 20}
            told = list(iter_fit(model, frame[columns], **options, **QUIET))
        losses.append(told[-1].train_loss)
        assert model.features == ["temp", "load"]
    assert losses[0] == losses[1]


# --- on a stream ------------------------------------------------------------------------------


def events(**renamed: str) -> list[dict[str, float]]:
    names = {"load": "load", "temp": "temp"} | renamed
    return [{names[name]: float(TABLE[name][n]) for name in names} for n in range(20)]


def test_a_stream_has_the_names_of_the_frame() -> None:
    model = trained()
    expected = predict(model, pd.DataFrame(TABLE)[:20], target="y")
    for stream in (from_model(model), from_model(model, ["load", "temp"])):
        found = [stream.step_one(x) for x in events()]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("renamed", [{"temp": "Temperature"}, {"temp": "a", "load": "b"}])
def test_a_stream_of_other_names_is_an_error_with_both_sets(renamed: dict[str, str]) -> None:
    stream = from_model(trained())
    first = events(**renamed)[0]
    for call in (stream.predict_one, stream.step_one, lambda x: stream.learn_one(x, 1.0)):
        with pytest.raises(ValueError, match=r"first event has .* inputs are \['temp', 'load'\]"):
            call(first)
    with pytest.raises(ValueError, match=r"features= names .* trained with \['temp', 'load'\]"):
        from_model(trained(), list(first))
    stated = from_model(SequenceModel(2, pooling=None), ["temp", "load"])
    if "load" in renamed:
        with pytest.raises(ValueError, match="first event has the features"):
            stated.predict_one(first)


def test_a_feature_may_be_missing_once_the_names_are_known() -> None:
    stream = from_model(trained())
    stream.learn_one({"temp": None, "load": 200.0, "station": 7}, 1.0)
    stream.learn_one({"load": 200.0, "station": 7}, 1.0)
    assert stream.imputed == 2


def test_a_forecaster_knows_which_series_it_is_of() -> None:
    frame = pd.DataFrame(TABLE)[["temp", "load"]]
    model = SequenceModel(2, 1, task="forecasting", pooling=None, hidden_size=4)
    fit(model, frame, target="load", epochs=1, window=20, **QUIET)
    stream, twin = from_model(model), from_model(model, ["load", "temp"], target="load")
    for x in events():
        for one in (stream, twin):
            one._take_in(x["load"], {"temp": x["temp"]})
    expected = predict(model, frame[["load", "temp"]][:20])[-1]
    assert stream.forecast(1) == twin.forecast(1) == pytest.approx(expected.tolist(), rel=1e-4)
    with pytest.raises(
        ValueError, match=r"'temp' and the model was trained to forecast \['load'\]"
    ):
        from_model(model, target="temp")
    alone = SequenceModel(1, 1, task="forecasting", pooling=None, hidden_size=4)
    fit(alone, frame[["load"]], epochs=1, window=20, **QUIET)
    assert from_model(alone).target == "load"
