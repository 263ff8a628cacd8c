"""Streams that take turns in one model: as separate as if each had one, weights aside."""

from __future__ import annotations

import copy
import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.kernels.experts import experts
from lstmwidgets.kernels.parameters import PARAMETERS
from lstmwidgets.kernels.recent import LAST
from lstmwidgets.online import LSTMClassifier, LSTMRegressor
from lstmwidgets.online.learner_arrays import TRACED_CELLS
from lstmwidgets.online.stream_slots import StreamSlots
from lstmwidgets.saving import to_bytes

CELLS = ("standard", "peephole", "full_gate_recurrence", "coupled", "layer_norm")
RULES = [(c, "tbptt") for c in CELLS] + [(c, "eligibility") for c in TRACED_CELLS]
KEYS = "abc"


def events(count: int, seed: int) -> list[tuple[str, dict[str, Any], float | None]]:
    """Return events of three keys; features appear midway, and some targets are missing."""
    draw = random.Random(seed)
    made = []
    for n in range(count):
        x: dict[str, Any] = {"a": draw.gauss(0, 1), "b": draw.random() < 0.5}
        if n > count // 2:
            x |= {"late": draw.random(), "word": draw.choice(["x", "y"]), "more": n, "most": -n}
        y = None if draw.random() < 0.2 else draw.gauss(3, 1)
        made.append((draw.choice(KEYS), x, y))
    return made


def run(
    model: LSTMRegressor, stream: list[tuple[str, dict[str, Any], float | None]], how: str
) -> list[float]:
    """Play the events, each key with a state of its own, and return the predictions."""
    states: dict[str, Any] = dict.fromkeys(KEYS)
    kept: dict[str, bytes] = dict.fromkeys(KEYS, b"")
    slots = StreamSlots(model, len(KEYS))
    predictions = []
    for key, x, y in stream:
        if how == "copied":
            model.set_stream(states[key])
        elif how == "in slots":
            slots.enter(KEYS.index(key))
        else:
            model.stream_from_bytes(kept[key])
        predictions.append(model.predict_one(x))
        model.learn_one(x, y)
        if how == "copied":
            states[key] = model.get_stream()
        elif how == "in bytes":
            kept[key] = model.stream_to_bytes()
    return predictions


@pytest.mark.parametrize(("cell", "gradient"), RULES)
@pytest.mark.parametrize("layers", [1, 2])
def test_states_in_slots_in_bytes_and_copied_are_the_same(
    cell: str, gradient: str, layers: int
) -> None:
    model = LSTMRegressor(5, layers, cell=cell, gradient=gradient, window=3, seed=1)
    stream = events(60, seed=layers)
    copied = run(copy.deepcopy(model), stream, "copied")
    assert run(copy.deepcopy(model), stream, "in slots") == copied
    assert run(copy.deepcopy(model), stream, "in bytes") == copied


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), window=st.integers(1, 6), cut=st.integers(0, 40))
def test_a_stream_in_bytes_goes_on_bit_for_bit(seed: int, window: int, cut: int) -> None:
    model = LSTMRegressor(4, window=window, seed=seed)
    stream = events(50, seed)
    for _, x, y in stream[:cut]:
        model.learn_one(x, y)
    other = copy.deepcopy(model)
    taken = model.stream_to_bytes()
    model.reset_stream()
    model.stream_from_bytes(taken)
    assert model.stream_to_bytes() == taken
    assert bool(taken) == (cut > 0)
    if cut:
        assert np.array_equal(model.activations, other.activations)
    for _, x, y in stream[cut:]:
        assert model.predict_one(x) == other.predict_one(x)
        model.step_one(x) if y is None else model.learn_one(x, y)
        other.step_one(x) if y is None else other.learn_one(x, y)
    assert np.array_equal(model._learner.row(PARAMETERS), other._learner.row(PARAMETERS))


def kept(model: LSTMRegressor) -> tuple[Any, bytes]:
    """Return all of a model; safetensors puts what a file says of itself into any order."""
    data = to_bytes(model)
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


OPTIONS = st.fixed_dictionaries(
    {
        "num_layers": st.integers(1, 2),
        "window": st.integers(1, 4),
        "scale": st.booleans(),
        "target_lag": st.booleans(),
        "experts": st.booleans(),
        "loss": st.sampled_from(["huber", "absolute", "squared", "quantile"]),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd", torch.optim.RMSprop]),
    }
)
SIZES = st.lists(st.integers(1, 20), min_size=3, max_size=30)

WILD = [None, 1e20, float("nan"), float("inf"), 1e300]
"""Targets that are no good, and one that is far off."""


def odd_events(seed: int) -> list[tuple[str, dict[str, Any], float | None]]:
    """Return events as `events` does, of some seeds with wild targets."""
    stream = events(80, seed)
    if seed % 2:  # nothing but known numbers, which take the shortest way
        stream = [(key, {"a": x["a"], "b": x["a"] ** 2}, y) for key, x, y in stream]
    if seed % 3 == 0:
        stream[50:55] = [(k, x, y) for (k, x, _), y in zip(stream[50:55], WILD, strict=True)]
    return stream


def one_event(model: LSTMRegressor, x: dict[str, Any], y: float | None) -> float:
    """Predict an event and learn it, and return the prediction."""
    prediction = model.predict_one(x)
    model.step_one(x) if y is None else model.learn_one(x, y)
    return prediction


@settings(max_examples=30, deadline=None)
@given(rule=st.sampled_from(RULES), seed=st.integers(0, 1000), options=OPTIONS, sizes=SIZES)
def test_many_in_one_call_are_learned_as_one_after_the_other(
    rule: tuple[str, str], seed: int, options: dict[str, Any], sizes: list[int]
) -> None:
    cell, gradient = rule
    model = LSTMRegressor(4, cell=cell, gradient=gradient, seed=seed, **options)
    other = copy.deepcopy(model)
    stream = odd_events(seed)
    one, many = StreamSlots(model, len(KEYS)), StreamSlots(other, len(KEYS))
    predictions: list[float] = []
    for key, x, y in stream:
        one.enter(KEYS.index(key))
        predictions.append(one_event(model, x, y))
    together: list[float] = []
    for size in itertools.cycle(sizes):
        part = stream[len(together) : len(together) + size]
        if not part:
            break
        keys, xs, ys = zip(*part, strict=True)
        together += many.iter_predict_learn_many([KEYS.index(key) for key in keys], xs, ys)
    assert together == predictions
    for slot in range(len(KEYS)):
        assert one.stream_to_bytes(slot) == many.stream_to_bytes(slot)
    assert kept(model) == kept(other)
    assert model.stream_to_bytes() == other.stream_to_bytes()


@settings(max_examples=30, deadline=None)
@given(rule=st.sampled_from(RULES), seed=st.integers(0, 1000), options=OPTIONS, sizes=SIZES)
def test_one_stream_in_calls_for_many_shows_what_the_lstm_did_at_each_event(
    rule: tuple[str, str], seed: int, options: dict[str, Any], sizes: list[int]
) -> None:
    cell, gradient = rule
    model = LSTMRegressor(4, cell=cell, gradient=gradient, seed=seed, **options)
    other = copy.deepcopy(model)
    stream = [(x, y) for _, x, y in odd_events(seed)]
    seen = [np.hstack([one_event(model, x, y), model.activations.ravel()]) for x, y in stream]
    together: list[Any] = []
    calls = 0
    for size in itertools.cycle(sizes):
        part = stream[len(together) : len(together) + size]
        if not part:
            break
        xs, ys = zip(*part, strict=True)
        rows = other.predict_learn_known(xs, ys)
        calls += len(rows) > 0
        if not len(rows):
            prediction = one_event(other, *part[0])
            rows = np.hstack([prediction, other.activations.ravel()])[None]
        together += [*rows]
    assert np.array_equal(together, seen)
    assert kept(model) == kept(other)
    assert model.stream_to_bytes() == other.stream_to_bytes()
    assert (calls == 0) == (options["optimizer"] is torch.optim.RMSprop)


def test_slots_that_are_not_there_are_refused() -> None:
    model = LSTMRegressor(4, seed=1)
    streams = StreamSlots(model, 2)
    xs, ys = [{"a": n} for n in range(5)], [1.0] * 5
    for slots in ([0, 1, 2, 0, 0], [-1] * 5):
        with pytest.raises(IndexError, match="between 0 and 1"):
            list(streams.iter_predict_learn_many(slots, xs, ys))
    with pytest.raises(ValueError, match="for each of 5 events, got 4 and 5"):
        list(streams.iter_predict_learn_many([0] * 4, xs, ys))
    with pytest.raises(IndexError):
        streams.enter(2)
    with pytest.raises(IndexError):
        streams.stream_from_bytes(-1, b"")
    assert model.module is None


def test_events_are_learned_at_once() -> None:
    streams, other = (StreamSlots(LSTMRegressor(4, seed=1), 2) for _ in range(2))
    slots, xs, ys = [0, 1, 1] * 5, [{"a": n} for n in range(15)], [1.0, None, 3.0] * 5
    told = streams.predict_learn_many(slots, xs, ys)
    assert told.tolist() == list(other.iter_predict_learn_many(slots, xs, ys))
    assert streams.stream_to_bytes(1) == other.stream_to_bytes(1) != b""


def test_what_comes_before_an_error_is_told() -> None:
    model = LSTMRegressor(4, seed=1)
    streams = StreamSlots(model, 1)
    told: list[float] = []
    xs = [{"a": n} for n in range(20)]
    ys: list[Any] = [float(n) for n in range(19)]
    with pytest.raises(TypeError, match="expected a number as target"):
        told.extend(streams.iter_predict_learn_many([0] * 20, xs, [*ys, "far"]))
    with pytest.raises(TypeError, match="expected a dict"):
        told.extend(streams.iter_predict_learn_many([0] * 20, [*xs[:19], 7], [*ys, 1.0]))  # type: ignore[list-item]


def test_a_new_stream_is_a_beginning() -> None:
    model = LSTMRegressor(4, seed=1)
    assert model.stream_to_bytes() == b""
    model.stream_from_bytes(b"")
    streams = StreamSlots(model, 2)
    streams.enter(0)
    for n in range(10):
        model.learn_one({"a": n}, n)
    reset = copy.deepcopy(model)
    reset.reset_stream()
    streams.enter(1)
    assert model.predict_one({"a": 3}) == reset.predict_one({"a": 3})
    assert streams.stream_to_bytes(1) == reset.stream_to_bytes()


def test_a_slot_that_begins_anew_is_a_beginning_even_while_it_is_in_the_model() -> None:
    model = LSTMRegressor(4, window=2, seed=1)
    streams = StreamSlots(model, 2)
    streams.enter(1)
    beginning = []
    for _ in range(2):
        for n in range(10):
            model.learn_one({"a": n}, n)
        streams.reset(1)
        beginning.append(streams.stream_to_bytes(1))
        streams.enter(1)
        assert model.stream_to_bytes() == beginning[0] == beginning[-1]
    streams.stream_from_bytes(1, b"")
    streams.enter(1)
    assert model.stream_to_bytes() == beginning[0]


@pytest.mark.parametrize("damage", ["cut", "longer", "short", "events", "other"])
def test_what_is_no_stream_is_refused(damage: str) -> None:
    model, other = LSTMRegressor(4, window=3, seed=1), LSTMRegressor(5, window=9, seed=1)
    for n in range(10):
        model.learn_one({"a": n}, n)
        other.learn_one({"a": n}, n)
    kept = model.stream_to_bytes()
    past = len(np.zeros(6, np.int64).tobytes())
    events = kept[:past] + np.array([99]).tobytes() + kept[past + 8 :]
    data, why = {
        "cut": (kept[:9], "they end too early"),
        "longer": (kept + bytes(4), "too few or too many"),
        "short": (kept[:-3], "too few or too many"),
        "events": (events, "99 events in a window"),
        "other": (other.stream_to_bytes(), "of another kind or size"),
    }[damage]
    with pytest.raises(ValueError, match=why):
        model.stream_from_bytes(data)
    assert model.stream_to_bytes() == kept
    fresh = LSTMRegressor(4, window=3, seed=1)
    with pytest.raises(ValueError, match="not seen an event"):
        fresh.stream_from_bytes(kept)


def test_a_late_target_is_learned_from_the_state_that_its_event_started_with() -> None:
    """Learned at once by one model, and two events later by the other: nothing came between."""
    model = LSTMRegressor(6, window=4, seed=1)
    for n in range(30):
        model.learn_one({"a": n % 7}, n % 7)
    prompt = copy.deepcopy(model)
    before = model.stream_to_bytes()
    prompt.learn_one({"a": 2}, 2.5)

    model.step_one({"a": 2})
    state = model.activations.copy()
    for x in ({"a": 3}, {"a": 4}):
        model.step_one(x)
    state = model.activations.copy()
    model.learn_late({"a": 2}, 2.5, before)
    assert np.array_equal(model.activations, state)
    assert model.parts.past[0, LAST] == 2.5
    learned, promptly = (experts(*each.parts.experts.arrays) for each in (model, prompt))
    assert learned.scalars.tolist() == promptly.scalars.tolist()
    ours, theirs = model._learner.parameters(), prompt._learner.parameters()
    for name, weight in ours.items():  # the features' scale has seen two events more
        np.testing.assert_allclose(weight, theirs[name], atol=2e-3)


def test_late_targets_alone_teach_a_model() -> None:
    model = LSTMRegressor(8, window=4, seed=1)
    waiting: list[Any] = []
    misses = []
    for n in range(400):
        x, y = {"a": n % 5}, float((n % 5) ** 2)
        waiting.append((x, y, model.stream_to_bytes()))
        misses.append(abs(model.step_one(x) - y))
        if len(waiting) > 3:
            x, y, kept = waiting.pop(0)
            model.learn_late(x, y, kept)
    assert np.mean(misses[-50:]) < 0.2 * np.mean(misses[:50])


def test_others_have_no_streams() -> None:
    with pytest.raises(TypeError, match="expected an LSTMRegressor, got LSTMClassifier"):
        StreamSlots(LSTMClassifier(), 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="slots"):
        StreamSlots(LSTMRegressor(), 0)
