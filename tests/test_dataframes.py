"""Dataframes are rows of events, of pandas as of polars."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lstmwidgets.dataframes import pandas
from lstmwidgets.online import LSTMClassifier, LSTMRegressor

KINDS = {
    "pandas": (pd.DataFrame, pd.Series),
    "polars": (pl.DataFrame, lambda values: pl.Series(values, strict=False)),
}
ROWS = [{"a": math.sin(n), "b": n % 5, "on": bool(n % 3), "kind": "xyz"[n % 3]} for n in range(40)]
TARGETS = [math.sin(n / 3) for n in range(40)]
LABELS = {
    "string": ["low" if y < 0 else "high" for y in TARGETS],
    "bool": [y < 0 for y in TARGETS],
    "int": [round(2 * y) for y in TARGETS],
}


def regressor() -> LSTMRegressor:
    return LSTMRegressor(hidden_size=4, window=4, seed=1)


def classifier() -> LSTMClassifier:
    return LSTMClassifier(hidden_size=4, window=4, seed=1)


@pytest.fixture(params=sorted(KINDS))
def library(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]


def learned(model: Any, targets: list[Any], rows: list[dict[str, Any]] = ROWS) -> Any:
    for x, y in zip(rows, targets, strict=True):
        model.learn_one(x, y)
    return model


def test_a_regressor_learns_and_predicts_frames_as_it_does_events(library: Any) -> None:
    frame, series = library
    model, twin = regressor(), learned(regressor(), TARGETS)
    model.learn_many(frame(ROWS[:25]), series(TARGETS[:25]))
    model.learn_many(frame(ROWS[25:]), series(TARGETS[25:]))
    predicted = model.predict_many(frame(ROWS))
    assert isinstance(predicted, type(series([1.0])))
    assert predicted.to_list() == [twin.predict_one(x) for x in ROWS]
    assert model.predict_one(ROWS[3]) == twin.predict_one(ROWS[3])  # predicting left no trace


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_a_classifier_learns_and_predicts_frames_as_it_does_events(
    library: Any, labels: list[Any]
) -> None:
    frame, series = library
    model, twin = classifier(), learned(classifier(), labels)
    model.learn_many(frame(ROWS), series(labels))
    assert model.predict_many(frame(ROWS)).to_list() == [twin.predict_one(x) for x in ROWS]
    predicted = model.predict_proba_many(frame(ROWS))
    assert isinstance(predicted, frame)
    if frame is pd.DataFrame:
        assert list(predicted.columns) == twin.classes
        rows = predicted.to_dict("records")
    else:  # names of columns are strings there
        assert predicted.columns == [str(label) for label in twin.classes]
        rows = [dict(zip(twin.classes, row, strict=True)) for row in predicted.iter_rows()]
    assert rows == [twin.predict_proba_one(x) for x in ROWS]


def test_an_index_is_kept() -> None:
    index = pd.date_range("2024-01-01", periods=40, freq="h")
    X = pd.DataFrame(ROWS, index=index)
    model = regressor()
    model.learn_many(X, pd.Series(TARGETS, index=index))
    assert model.predict_many(X).index.equals(index)
    sorter = classifier()
    sorter.learn_many(X, pd.Series(LABELS["bool"], index=index))
    assert sorter.predict_many(X).index.equals(index)
    assert sorter.predict_proba_many(X).index.equals(index)


def test_missing_values_are_missing_features_and_targets(library: Any) -> None:
    frame, series = library
    rows = [{"a": None if n % 4 == 1 else x["a"], "b": x["b"]} for n, x in enumerate(ROWS)]
    targets = [None if n % 5 == 2 else y for n, y in enumerate(TARGETS)]
    model, twin = regressor(), learned(regressor(), targets, rows)
    model.learn_many(frame(rows), series(targets))
    assert (model.imputed, model.unlearned) == (twin.imputed, twin.unlearned) == (10, 8)
    assert model.predict_many(frame(rows)).to_list() == [twin.predict_one(x) for x in rows]
    labels = [None if n % 5 == 2 else y for n, y in enumerate(LABELS["string"])]
    sorter, other = classifier(), learned(classifier(), labels, rows)
    sorter.learn_many(frame(rows), series(labels))
    assert (sorter.unlearned, sorter.classes) == (8, other.classes)
    assert sorter.predict_proba_one(rows[0]) == other.predict_proba_one(rows[0])


def test_missing_values_of_pandas_own_types_are_missing() -> None:
    rows = [{"a": None if n % 4 == 1 else x["a"], "b": x["b"]} for n, x in enumerate(ROWS)]
    X = pd.DataFrame(rows).astype({"a": "Float64", "b": "Int64"})
    y = pd.Series([None if n % 5 == 2 else y for n, y in enumerate(TARGETS)], dtype="Float64")
    model = regressor()
    model.learn_many(X, y)
    assert (model.imputed, model.unlearned) == (10, 8)
    assert all(map(math.isfinite, model.predict_many(X)))
    for dtype in ("string", "category", "boolean"):
        labels = [None if n % 5 == 2 else value for n, value in enumerate(LABELS["bool"])]
        named = [value if value is None or dtype == "boolean" else str(value) for value in labels]
        sorter = classifier()
        sorter.learn_many(X, pd.Series(named, dtype=dtype))
        assert (sorter.unlearned, len(sorter.classes)) == (8, 2)


def test_a_label_means_the_same_from_numpy(library: Any) -> None:
    """A frame's column of truth values comes as Python's, an array's row as NumPy's."""
    frame, series = library
    from_frame = classifier()
    from_frame.learn_many(frame(ROWS), series(LABELS["bool"]))
    from_arrays = learned(classifier(), list(np.array(LABELS["bool"])))
    expected = list(from_frame.predict_proba_one(ROWS[0]).values())
    assert list(from_arrays.predict_proba_one(ROWS[0]).values()) == expected


def test_frames_without_rows_and_models_without_events(library: Any) -> None:
    frame, series = library
    model, sorter = regressor(), classifier()
    assert model.predict_many(frame(ROWS)).to_list() == [0.0] * 40
    assert sorter.predict_many(frame(ROWS)).to_list() == [None] * 40
    assert list(sorter.predict_proba_many(frame(ROWS)).columns) == []
    model.learn_many(frame(ROWS)[:0], series(TARGETS)[:0])
    assert model.predict_many(frame(ROWS)[:0]).to_list() == []
    learned(sorter, LABELS["string"])
    assert sorter.predict_proba_many(frame(ROWS)[:0]).shape == (0, 2)


def test_rows_and_targets_must_be_as_many(library: Any) -> None:
    frame, series = library
    with pytest.raises(ValueError, match="a target in y for each of 40 rows of X, got 39"):
        regressor().learn_many(frame(ROWS), series(TARGETS[:-1]))


def test_without_pandas_a_dataframe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"a dataframe needs pandas, .* pip install pandas"):
        pandas()
