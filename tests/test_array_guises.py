"""Numbers in any guise give the same to the bit; what is no number gets an error of one line."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lstmwidgets import LSTM, SequenceModel, fit, predict, predict_proba
from lstmwidgets.checks import as_numbers
from lstmwidgets.online import from_model

Make = Callable[[np.ndarray], Any]
QUIET: dict[str, Any] = {"device": "cpu", "progress": False, "seed": 0, "epochs": 1}


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def in_records(x: np.ndarray) -> np.ndarray:
    records = np.zeros(x.shape, [("before", "i1"), ("value", "f8")])
    records["value"] = x
    return records["value"]


def in_lists(x: np.ndarray, make: Callable[[Any], Any] = float) -> Any:
    return make(x) if x.ndim == 0 else [in_lists(one, make) for one in x]


def rows(x: np.ndarray, make: Make) -> Any:
    return [make(one) for one in x]


GUISES: dict[str, Make] = {
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "long double": lambda x: x.astype(np.longdouble),
    "big-endian": lambda x: x.astype(">f8"),
    "big-endian float32": lambda x: x.astype(">f4"),
    "objects": lambda x: x.astype(object),
    "Fortran order": np.asfortranarray,
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "all reversed": lambda x: np.flip(np.flip(x).copy()),
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "field of records": in_records,
    "read-only": read_only,
    "masked, nothing hidden": np.ma.array,
    "lists": in_lists,
    "lists of decimals": lambda x: in_lists(x, lambda one: Decimal(float(one))),
    "lists of fractions": lambda x: in_lists(x, lambda one: Fraction(float(one))),
    "rows that are masked": lambda x: rows(x, np.ma.array),
    "rows of tensors with grad": lambda x: rows(x, lambda r: torch.tensor(r, requires_grad=True)),
    "tensor": torch.tensor,
    "tensor with grad": lambda x: torch.tensor(x, requires_grad=True),
    "half": lambda x: torch.tensor(x, dtype=torch.half),
    "bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "sparse tensor": lambda x: torch.tensor(x).to_sparse(),
    "strided tensor": lambda x: torch.tensor(np.repeat(x, 2, axis=-1))[..., ::2],
}
FRAMES: dict[str, Make] = {
    "pandas": lambda x: pd.DataFrame(x, columns=list("abc")[: x.shape[1]]),
    "polars": lambda x: pl.DataFrame(x, schema=list("abc")[: x.shape[1]]),
    "pandas, nullable": lambda x: FRAMES["pandas"](x).astype("Float64"),
    "pandas, objects": lambda x: FRAMES["pandas"](x).astype(object),
    "pandas, Arrow": lambda x: FRAMES["pandas"](x).astype("double[pyarrow]"),
    "polars, Arrow": lambda x: FRAMES["polars"](x).to_arrow(),
    "lazy": lambda x: FRAMES["polars"](x).lazy(),
}
quarters = st.integers(-32, 32).map(lambda n: n / 4)  # which all of these types hold exactly
inputs = npst.arrays(np.float64, (3, 4, 2), elements=quarters)
targets = npst.arrays(np.float64, (3, 1), elements=quarters)


def model_of(*sizes: Any, **options: Any) -> SequenceModel:
    torch.manual_seed(0)
    return SequenceModel(*sizes, hidden_size=3, **options)


def trained(x: Any, y: Any, **options: Any) -> list[Any]:
    model = model_of(2, **options)
    result = fit(model, x, y, **QUIET)
    plain = np.arange(16.0).reshape(2, 4, 2)
    return [result.epochs[0].train_loss, *np.ravel(predict(model, plain)).tolist()]


def stepped(x: Any, many: Any) -> list[Any]:
    torch.manual_seed(0)
    lstm = LSTM(2, 3)
    first, second = lstm.stepper(), lstm.stepper(4)
    outputs = [first.step(row) for row in x] + list(second.step_many([3, 0, 3, 1], many))
    return np.ravel(outputs).tolist()


@pytest.mark.parametrize("guise", GUISES)
@settings(max_examples=1)
@given(x=inputs, y=targets)
def test_training_and_prediction_see_the_numbers_only(
    guise: str, x: np.ndarray, y: np.ndarray
) -> None:
    make = GUISES[guise]
    expected = trained(x, y)
    assert trained(make(x), make(y)) == expected
    assert trained([make(one) for one in x], make(y)) == expected
    model = model_of(2, pooling=None)
    for data in (make(x), [make(one) for one in x]):
        found = predict(model, data)
        assert np.array_equal(np.stack(found), np.stack(predict(model, list(x))))


@pytest.mark.parametrize("guise", GUISES)
@settings(max_examples=3)
@given(x=npst.arrays(np.float64, (4, 2), elements=quarters))
def test_steps_see_the_numbers_only(guise: str, x: np.ndarray) -> None:
    make = GUISES[guise]
    assert stepped([make(row) for row in x], make(x)) == stepped(x, x)


@pytest.mark.parametrize("guise", FRAMES)
@settings(max_examples=1)
@given(x=inputs)
def test_frames_see_the_numbers_only(guise: str, x: np.ndarray) -> None:
    make, y = FRAMES[guise], np.ravel(x).tolist()[:3]
    assert trained([make(one) for one in x], y) == trained(x, y)
    every = [one[:, :1] for one in x]
    told = trained([make(one) for one in x], [make(one) for one in every], pooling=None)
    assert told == trained(x, every, pooling=None)


@pytest.mark.parametrize("make", [list, tuple, np.array, torch.tensor, pd.Series, pl.Series])
@pytest.mark.parametrize("kind", [np.uint8, ">i4", np.int64, object])
def test_lengths_and_slots_see_the_numbers_only(make: Any, kind: Any) -> None:
    torch.manual_seed(0)
    lstm, model = LSTM(2, 3), model_of(2)
    x, lengths = torch.randn(3, 4, 2), torch.tensor([4, 1, 2])
    numbers = np.array([4, 1, 2], kind)
    given = make(numbers.tolist()) if make in (list, tuple, torch.tensor) else make(numbers)
    assert torch.equal(lstm(x, lengths=given)[0], lstm(x, lengths=lengths)[0])
    assert torch.equal(model(x, lengths=given)[0], model(x, lengths=lengths)[0])
    rows = x[:, 0].numpy()
    twin = lstm.stepper(5).step_many([4, 1, 2], rows)
    assert np.array_equal(lstm.stepper(5).step_many(given, rows), twin)


# --- masks ------------------------------------------------------------------------------------

HIDDEN = np.ma.masked_equal([[[1.0, 2], [3, -9999]], [[5, 6], [7, 8]]], -9999)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fit(model_of(2), HIDDEN, [1.0, 2], **QUIET),
        lambda: fit(model_of(2), [HIDDEN[0], HIDDEN[1]], [1.0, 2], **QUIET),
        lambda: fit(model_of(2), [list(HIDDEN[0]), list(HIDDEN[1])], [1.0, 2], **QUIET),
        lambda: fit(model_of(2), HIDDEN.data, np.ma.array([1.0, -9999], mask=[0, 1]), **QUIET),
        lambda: fit(model_of(2, pooling=None), HIDDEN.data, HIDDEN[..., 1], **QUIET),
        lambda: predict(model_of(2), HIDDEN),
        lambda: predict(model_of(2), [[[1.0, np.ma.masked]]]),
        lambda: predict(model_of(None, 5, vocabulary_size=5), np.ma.array([[1, 2]], mask=[[0, 1]])),
        lambda: LSTM(2, 3).stepper().step(HIDDEN[0, 1]),
        lambda: LSTM(2, 3).stepper(2).step_many([0, 1], HIDDEN[0]),
        lambda: LSTM(2, 3).stepper(2).step_many(np.ma.array([0, 1], mask=[0, 1]), HIDDEN.data[0]),
        lambda: LSTM(2, 3)(torch.ones(2, 2, 2), lengths=np.ma.array([1, 2], mask=[0, 1])),
    ],
)
def test_a_masked_value_is_an_error_that_says_how_to_fill_it(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"1 masked values.*fill them, as by x\.filled") as error:
        call()
    assert "\n" not in str(error.value)


def test_a_masked_label_is_missing() -> None:
    model = model_of(2, 2, task="classification")
    labels = np.ma.array(["a", "b", "?"], mask=[0, 0, 1])
    with pytest.raises(ValueError, match="the label at place 2 is missing"):
        fit(model, np.zeros((3, 4, 2)), labels, **QUIET)
    with pytest.raises(ValueError, match="the label at place 2 is missing"):
        fit(model, np.zeros((3, 4, 2)), pd.Series(["a", "b", pd.NA]), **QUIET)


def test_on_a_stream_a_masked_value_is_the_mean() -> None:
    model = model_of(2)
    model.input_mean += torch.tensor([1.0, 50.0])
    found = from_model(model).predict_one(np.ma.masked_equal([[1.0, 2], [3, -9999]], -9999))
    assert found == from_model(model).predict_one(np.array([[1.0, 2], [3, 50]]))


# --- anything ---------------------------------------------------------------------------------

KINDS = ("f8", "f2", ">f4", "g", "i1", ">u8", "?", "c8", "S3", "U3", "M8[s]", "m8[s]", "O", "V4")
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.decimals(),
    st.complex_numbers(),
    st.dates(),
    st.sampled_from([10**400, pd.NA, pd.NaT, np.ma.masked, object(), dt.time(1), len]),
)


@st.composite
def arrays(draw: Any) -> Any:
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    shape = draw(st.sampled_from([shape, (2, 4, 3), (4, 3), (3,), (2,), (2, 4)]))
    x = np.zeros(shape, draw(st.sampled_from(KINDS)))
    if x.dtype.kind in "fiu":
        x = (np.arange(x.size).reshape(shape) % 5 * draw(st.sampled_from([1, -9, 40]))).astype(
            x.dtype
        )
        x.flat[:1] = draw(st.sampled_from([0, 1]))
    if x.dtype.kind == "f" and x.size:
        x.flat[0] = draw(st.sampled_from([0.0, np.nan, np.inf, 1e4]))
    if draw(st.booleans()):
        x = np.ma.array(x, mask=draw(st.booleans()))
    return x


@st.composite
def tensors(draw: Any) -> Any:
    kinds = (torch.float32, torch.float64, torch.bfloat16, torch.int32, torch.bool, torch.complex64)
    x = torch.ones(
        draw(st.sampled_from([(2, 4, 3), (4, 3), (3,), ()])), dtype=draw(st.sampled_from(kinds))
    )
    other = [lambda: x, x.to_sparse, lambda: x.to("meta"), lambda: x.expand(2, *x.shape)]
    return draw(st.sampled_from(other))()


@st.composite
def frames(draw: Any) -> Any:
    names = draw(st.sampled_from(["abc", "acb", "ab", "aab", "abcd", ""]))
    x = pd.DataFrame([draw(st.lists(values, min_size=len(names), max_size=len(names)))] * 4)
    x.columns = list(names)
    return draw(st.sampled_from([x, x.astype(object), x.iloc[:0], [x, x], x.get(names[:1])]))


anything = st.one_of(
    values, arrays(), tensors(), frames(), st.recursive(values, st.lists, max_leaves=12)
)
GOOD = np.arange(24.0).reshape(2, 4, 3) / 4
TABLE = pd.DataFrame(GOOD[0], columns=list("abc"))


def entries(x: Any) -> Iterator[Callable[[], Any]]:
    """Return a call of each public entry with something in each place."""
    ones, lstm = torch.ones(2, 4, 3), LSTM(3, 2)
    named = model_of(3)
    named.features = ["a", "b", "c"]
    yield lambda: lstm.stepper().step(x)
    yield lambda: lstm.stepper(2).step_many([0, 1], x)
    yield lambda: lstm(x)
    yield lambda: lstm(ones, x)
    yield lambda: lstm(ones, lengths=x)
    yield lambda: lstm(ones, reset=x)
    yield lambda: lstm.step(x)
    yield lambda: lstm.trace(x)
    yield lambda: named(x)
    yield lambda: named(ones, lengths=x)
    yield lambda: predict(named, x)
    yield lambda: predict(model_of(3, pooling=None), [x])
    yield lambda: predict(named, TABLE, target=x)
    yield lambda: predict_proba(model_of(None, 4, vocabulary_size=4, task="classification"), x)
    yield lambda: fit(model_of(3), x, [1.0, 2], **QUIET)
    yield lambda: fit(model_of(3), GOOD, x, **QUIET)
    yield lambda: fit(model_of(3, 2, task="classification"), GOOD, x, **QUIET)
    yield lambda: fit(model_of(3, pooling=None), list(GOOD), x, **QUIET)
    yield lambda: fit(model_of(3, 3, task="forecasting", pooling=None), x, **QUIET)
    yield lambda: fit(model_of(vocabulary_size=9, task="next_token", pooling=None), x, **QUIET)
    yield lambda: fit(model_of(2, pooling=None), TABLE, target=x, **QUIET)
    yield lambda: fit(model_of(3), GOOD, [1.0, 2], validation=x, **QUIET)


def refused_in_one_line(x: Any) -> None:
    told = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        for call in entries(x):
            try:
                call()
            except (TypeError, ValueError) as error:
                told.append(str(error))
    assert all("\n" not in text and len(text) > 20 for text in told)


@settings(max_examples=15)
@given(x=anything)
def test_anything_works_or_is_refused_in_one_line(x: Any) -> None:
    refused_in_one_line(x)


@pytest.mark.slow
@settings(max_examples=1000)
@given(x=anything)
def test_much_works_or_is_refused_in_one_line(x: Any) -> None:
    refused_in_one_line(x)


def test_what_pytorch_takes_is_not_copied() -> None:
    for x in (np.ones((3, 2)), np.ones((3, 2), np.float32), np.ones(4, np.int64)[::2]):
        assert np.shares_memory(as_numbers(x, "x"), x)
