"""A frozen regressor serves many streams as `observe_one` does one, bit for bit."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lstmwidgets.cells import CELLS
from lstmwidgets.files import opened
from lstmwidgets.online import FrozenRegressor, LSTMForecaster, LSTMRegressor
from lstmwidgets.online.features import FeatureEncoder
from lstmwidgets.saving import from_bytes, to_bytes

Event = tuple[dict[Any, Any], Any]

ODD = (None, math.nan, math.inf, -1e31, 10**400, object(), "new", True, np.float32(0.3), 2)

VARIANTS: tuple[dict[str, Any], ...] = (
    *({"cell": cell, "num_layers": layers} for cell in CELLS for layers in (1, 2)),
    {"scale": False},
    {"target_lag": False},
    {"scale": False, "target_lag": False},
    {"experts": False},
    {"experts": False, "cell": "full_gate_recurrence", "num_layers": 2},
    {"loss": "quantile", "quantile": 0.8},
    {"gradient": "eligibility"},
    {"hidden_size": 1, "window": 1},
    {"numbers": True},
    {"numbers": True, "hidden_size": 17},
    {"numbers": True, "experts": False, "target_lag": False},
)
"""Options, and whether all features are numbers."""

each = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items())
)


def events(count: int, seed: int, numbers: bool = False) -> list[Event]:
    random = np.random.default_rng(seed)
    made: list[Event] = []
    for n in range(count):
        x: dict[Any, Any] = {
            "a": float(random.normal()),
            "b": n % 5,
            "on": bool(random.integers(2)),
        }
        if not numbers:
            x["kind"] = "xyz"[random.integers(3)]
            x["at"] = datetime(2024, 5, 1 + n % 20, int(random.integers(24)))
            x["day"] = date(2024, 1 + n % 12, 5)
        made.append((x, 100 + math.sin(n / 3) + float(random.normal())))
    return made


def roughened(made: list[Event], seed: int) -> list[Event]:
    """Return the events with odd values, features that are missing or new, and other targets."""
    random = np.random.default_rng(seed)
    changed: list[Event] = []
    for given_x, given_y in made:
        x, y, what = dict(given_x), given_y, random.integers(12)
        if what == 0:
            x["a"] = ODD[random.integers(len(ODD))]
        elif what == 1:
            del x["b"]
        elif what == 2:
            x["new"] = 1.0
        elif what == 3:
            x = {}
        elif what == 4:
            x["kind"] = "never seen"
        elif what == 5:
            x["a"] = 1e9
        if what % 4 == 1:
            y = (None, math.nan, math.inf, 1e31, 10**400, 1e30, np.float32(7), -0.0)[
                random.integers(8)
            ]
        changed.append((x, y))
    return changed


@cache
def trained(*options: tuple[str, Any]) -> LSTMRegressor:
    """Return a model that must not be changed."""
    chosen = {"hidden_size": 6, "window": 4, "seed": 1} | dict(options)
    numbers = chosen.pop("numbers", False)
    model = LSTMRegressor(**chosen)
    for x, y in events(40, 0, numbers):
        model.learn_one(x, y)
    return model


def model_of(variant: dict[str, Any]) -> LSTMRegressor:
    return trained(*variant.items())


def snapshot(model: LSTMRegressor) -> tuple[Any, ...]:
    """Return all that a model is."""
    _, content, tensors = opened(to_bytes(model), "the model")
    return content, {name: (each.shape, each.numpy().tobytes()) for name, each in tensors.items()}


def observed(model: LSTMRegressor, keys: NDArray[Any], stream: list[Event]) -> NDArray[Any]:
    """Return what `observe_one` says, each key having a copy of the model for itself."""
    copies: dict[int, LSTMRegressor] = {}
    said = []
    for key, (x, y) in zip(keys.tolist(), stream, strict=True):
        if key not in copies:
            copies[key] = copy.deepcopy(model)
            copies[key].reset_stream()
        said.append(copies[key].observe_one(x, y))
    return np.array(said)


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype == b.dtype == np.float64 and np.array_equal(a.view(np.int64), b.view(np.int64))


def served(
    frozen: FrozenRegressor, slots: NDArray[Any], stream: list[Event], batch: int
) -> NDArray[Any]:
    said = []
    for n in range(0, len(stream), batch):
        xs, ys = zip(*stream[n : n + batch], strict=True)
        said.append(frozen.observe_many(slots[n : n + batch], xs, ys))
    return np.concatenate(said)


# --- many streams -----------------------------------------------------------------------------


@each
@settings(max_examples=6)
@given(
    seed=st.integers(0, 10**6),
    streams=st.sampled_from([1, 3, 20]),
    batch=st.sampled_from([1, 7, 64, 1000]),
    rough=st.booleans(),
)
def test_many_streams_are_served_as_each_alone(
    variant: dict[str, Any], seed: int, streams: int, batch: int, rough: bool
) -> None:
    model = model_of(variant)
    stream = events(80, seed, variant.get("numbers", False))
    stream = roughened(stream, seed) if rough else stream
    keys = np.random.default_rng(seed).integers(0, streams, len(stream))

    frozen = FrozenRegressor(model, streams)

    predictions = served(frozen, keys, stream, batch)
    assert same_bits(predictions, observed(model, keys, stream))
    assert np.isfinite(predictions).all()


def test_a_thousand_events_in_one_call_are_those_of_a_thousand_calls() -> None:
    model = model_of({})
    stream = roughened(events(1500, 3), 4)
    slots = np.random.default_rng(5).integers(0, 100, len(stream))

    one, many = FrozenRegressor(model, 100), FrozenRegressor(model, 100)

    assert same_bits(served(one, slots, stream, 1), served(many, slots, stream, 1000))
    assert [one.stream_to_bytes(slot) for slot in range(100)] == [
        many.stream_to_bytes(slot) for slot in range(100)
    ]


@each
def test_without_targets(variant: dict[str, Any]) -> None:
    model, stream = model_of(variant), events(30, 8, variant.get("numbers", False))
    keys = np.arange(30) % 4

    said = FrozenRegressor(model, 4).observe_many(keys, [x for x, _ in stream])

    assert same_bits(said, observed(model, keys, [(x, None) for x, _ in stream]))


@pytest.mark.parametrize("taught", [0, 1, 2, 3])
@pytest.mark.parametrize("experts", [True, False])
@pytest.mark.parametrize("y", [2.5, None])
def test_a_model_that_has_hardly_learned(taught: int, experts: bool, y: float | None) -> None:
    model = LSTMRegressor(hidden_size=3, experts=experts, seed=2)
    model.learn_one({"a": 1.0, "b": 2}, y)
    for n in range(taught):
        model.learn_one({"a": 1.0 * n, "b": 3}, y)  # the target stays as it is, its unit unknown
    stream, keys = events(30, 9), np.arange(30) % 2
    assert same_bits(
        served(FrozenRegressor(model, 2), keys, stream, 10), observed(model, keys, stream)
    )


def test_features_that_came_late_and_more_than_the_experts_read() -> None:
    late = copy.deepcopy(model_of({"num_layers": 2}))
    for x, y in roughened(events(30, 14), 15):
        late.learn_one(x, y)
    wide = LSTMRegressor(hidden_size=3, seed=1)
    random = np.random.default_rng(16)
    rows = [dict(enumerate(row)) for row in random.normal(size=(60, 70)).tolist()]
    for x in rows[:20]:
        wide.learn_one(x, x[0] + x[69])
    for model, stream in (
        (late, roughened(events(60, 17), 18)),
        (wide, [(x, x[0]) for x in rows]),
    ):
        keys = np.arange(60) % 5
        said = served(FrozenRegressor(model, 5), keys, stream, 7)
        assert same_bits(said, observed(model, keys, stream))


@pytest.mark.filterwarnings("ignore::lstmwidgets.online.FeatureWarning")
def test_the_model_may_learn_on_or_be_another_copy() -> None:
    model = copy.deepcopy(model_of({}))
    stream, keys = events(60, 11), np.arange(60) % 7
    expected = observed(model, keys, stream)
    frozen = FrozenRegressor(model, 7)
    reloaded = FrozenRegressor(from_bytes(to_bytes(model)), 7)
    sent = pickle.loads(pickle.dumps(frozen))
    for x, y in roughened(events(50, 12), 13):
        model.learn_one(x | {"late": 1.0}, y)

    for each_of_them in (frozen, reloaded, sent):
        assert same_bits(served(each_of_them, keys, stream, 16), expected)


# --- states -----------------------------------------------------------------------------------


@each
def test_states_leave_and_come_back(variant: dict[str, Any]) -> None:
    model, numbers = model_of(variant), variant.get("numbers", False)
    stream, keys = events(60, 21, numbers), np.arange(60) % 3
    frozen, other = FrozenRegressor(model, 3), FrozenRegressor(model, 9)
    expected = served(frozen, keys, stream, 5)[30:]
    first = FrozenRegressor(model, 3)
    served(first, keys[:30], stream[:30], 5)

    for slot in range(3):
        kept = first.stream_to_bytes(slot)
        assert len(kept) == first.bytes_per_stream
        other.stream_from_bytes(8 - slot, kept)
        assert other.stream_to_bytes(8 - slot) == kept

    assert same_bits(served(other, 8 - keys[30:], stream[30:], 5), expected)


@each
def test_many_states_come_back_at_once(variant: dict[str, Any]) -> None:
    model, numbers = model_of(variant), variant.get("numbers", False)
    first, other = FrozenRegressor(model, 3), FrozenRegressor(model, 9)
    served(first, np.arange(30) % 3, events(30, 21, numbers), 5)
    kept = first.streams_to_bytes([0, 1, 2])

    other.streams_from_bytes([8, 7, 6], kept)

    assert np.array_equal(other.streams_to_bytes([8, 7, 6]), kept)
    with pytest.raises(ValueError, match="expected a state for each of 2 slots, got 3"):
        other.streams_from_bytes([0, 1], kept)
    with pytest.raises(ValueError, match="it must come from the same model"):
        other.streams_from_bytes([0, 1, 2], kept[:, :-1])


def test_a_state_is_no_larger_than_it_must_be() -> None:
    sizes = {
        name: FrozenRegressor(model_of(dict(variant)), 2).bytes_per_stream
        for name, variant in {
            "all": {},
            "alone": {"experts": False},
            "without targets": {"target_lag": False},
            "gates": {"cell": "full_gate_recurrence", "num_layers": 1},
        }.items()
    }
    memory = 2 * 6 * 4  # h and c of six units
    assert sizes["without targets"] == memory
    assert sizes["alone"] == memory + 4 * 8
    assert sizes["all"] == memory + (4 + 4) * 8
    assert sizes["gates"] == 3 * memory + (4 + 4) * 8


def test_reset_is_a_beginning() -> None:
    model, stream, keys = model_of({}), events(40, 31), np.arange(40) % 4
    frozen, fresh = FrozenRegressor(model, 4), FrozenRegressor(model, 4)
    began = fresh.stream_to_bytes(0)
    served(frozen, keys, stream, 40)
    frozen.reset([1, 3])
    assert [frozen.stream_to_bytes(slot) == began for slot in range(4)] == [
        False,
        True,
        False,
        True,
    ]
    frozen.reset()
    assert [frozen.stream_to_bytes(slot) for slot in range(4)] == [began] * 4
    assert same_bits(served(frozen, keys, stream, 40), served(fresh, keys, stream, 40))


# --- one stream -------------------------------------------------------------------------------


@each
def test_observing_changes_the_stream_s_state_only(variant: dict[str, Any]) -> None:
    model, numbers = copy.deepcopy(model_of(variant)), variant.get("numbers", False)
    for x, y in roughened(events(30, 41, numbers), 42):
        before, whole = model.get_stream(), snapshot(model)
        foreseen = model.predict_one(x)
        assert snapshot(model) == whole

        said = model.observe_one(x, y)

        assert same_bits(np.array([said]), np.array([foreseen]))
        assert snapshot(model) != whole
        after = model.get_stream()
        model.set_stream(before)
        assert snapshot(model) == whole
        model.set_stream(after)


def test_an_event_without_anything_to_learn_is_observed_as_it_is_learned() -> None:
    observing, learning = (copy.deepcopy(model_of({"gradient": "eligibility"})) for _ in range(2))
    for _ in range(3):
        observing.observe_one({}, None)
        learning.learn_one({}, None)
    seen, learned = observing.get_stream(), learning.get_stream()
    assert seen is not None
    assert learned is not None
    assert seen.recent == learned.recent
    assert all(map(np.array_equal, seen.carry, learned.carry))


def test_nothing_is_observed_before_an_event_was_learned() -> None:
    model = LSTMRegressor(seed=1)
    assert model.observe_one({"a": 1.0}, 2.0) == 0.0
    assert model.get_stream() is None
    model.learn_one({"a": 1.0}, 2.0)
    twin = LSTMRegressor(seed=1)
    twin.learn_one({"a": 1.0}, 2.0)
    assert snapshot(model) == snapshot(twin)


# --- encoding ---------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), numbers=st.booleans(), rough=st.booleans())
def test_rows_are_encoded_as_each_alone(seed: int, numbers: bool, rough: bool) -> None:
    encoder = FeatureEncoder()
    for x, _ in events(20, 0, numbers):
        encoder.learn(x)
    stream = events(seed % 9, seed, numbers)
    xs = [x for x, _ in (roughened(stream, seed) if rough else stream)]
    whole = pickle.dumps(encoder)

    encoded = encoder.encode_many(xs)

    assert encoded.shape == (len(xs), len(encoder.columns))
    assert encoded.dtype == np.float64
    assert encoded.flags.c_contiguous
    for row, x in zip(encoded, xs, strict=True):
        assert np.array_equal(row, encoder.encode(x), equal_nan=True)
    assert pickle.dumps(encoder) == whole


def test_rows_of_an_event_without_features() -> None:
    assert FeatureEncoder().encode_many([{}, {"a": 1}]).shape == (2, 0)
    assert FeatureEncoder().encode_many([]).shape == (0, 0)


# --- bad input --------------------------------------------------------------------------------


def test_other_models_are_refused() -> None:
    with pytest.raises(TypeError, match="expected an LSTMRegressor, got LSTMForecaster"):
        FrozenRegressor(LSTMForecaster(), 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has not learned anything yet"):
        FrozenRegressor(LSTMRegressor(), 3)
    with pytest.raises(ValueError, match="streams must be at least 1, got 0"):
        FrozenRegressor(model_of({}), 0)
    with pytest.raises(TypeError, match="streams must be a whole number, got float"):
        FrozenRegressor(model_of({}), 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slots", "xs", "ys", "error", "message"),
    [
        ([0, 4], [{}, {}], None, IndexError, "slots must lie between 0 and 3, got 0 to 4"),
        ([-1], [{}], None, IndexError, "slots must lie between 0 and 3, got -1"),
        ([2**64 - 1], [{}], None, IndexError, "slots must lie between 0 and 3"),
        ([0.0], [{}], None, TypeError, "slots must be whole numbers, got float64"),
        ([True], [{}], None, TypeError, "slots must be whole numbers, got bool"),
        (["0"], [{}], None, TypeError, "slots must be numbers"),
        ([0], [{}, {}], None, ValueError, r"expected one slot an event, shape \(2,\), got \(1,\)"),
        ([[0]], [{}], None, ValueError, r"expected one slot an event, shape \(1,\), got \(1, 1\)"),
        ([0, 1], [{}, {}], [1.0], ValueError, "expected a target for each of 2 events, got 1"),
        ([0, 1], [{}, 3], None, TypeError, "expected a dict of features, got int 3"),
        ([0, 1], [{}, {}], [1.0, "1"], TypeError, "expected a number as target, got str '1'"),
    ],
)
def test_bad_calls_are_named_and_change_nothing(
    slots: Any, xs: Any, ys: Any, error: type[Exception], message: str
) -> None:
    frozen = FrozenRegressor(model_of({}), 4)
    served(frozen, np.arange(20) % 4, events(20, 61), 20)
    before = [frozen.stream_to_bytes(slot) for slot in range(4)]

    with pytest.raises(error, match=message):
        frozen.observe_many(slots, xs, ys)

    assert [frozen.stream_to_bytes(slot) for slot in range(4)] == before


def test_slots_of_any_kind_and_none() -> None:
    model = model_of({"numbers": True})
    xs, ys = zip(*events(6, 71, numbers=True), strict=True)
    slots = np.array([0, 1, 2, 0, 1, 2])
    locked = slots.copy()
    locked.setflags(write=False)
    given_slots: list[Any] = [slots, slots.tolist(), slots.astype(np.uint8), locked]
    given_slots.append(np.repeat(slots, 2)[::2])
    said = [FrozenRegressor(model, 3).observe_many(which, xs, ys) for which in given_slots]
    said.append(FrozenRegressor(model, 3).observe_many(slots, xs, np.array(ys)))  # type: ignore[arg-type]
    assert all(same_bits(said[0], other) for other in said[1:])
    assert FrozenRegressor(model, 3).observe_many([], [], []).shape == (0,)


def test_states_of_another_size_and_slots_that_are_not_there() -> None:
    frozen = FrozenRegressor(model_of({}), 2)
    whole = frozen.stream_to_bytes(0)
    for wrong in (b"", whole[:-1], whole + b"0"):
        with pytest.raises(ValueError, match=f"a state of {len(whole)} bytes, got {len(wrong)}"):
            frozen.stream_from_bytes(1, wrong)
    for call in (
        frozen.stream_to_bytes,
        lambda slot: frozen.stream_from_bytes(slot, whole),
        frozen.reset,
    ):
        with pytest.raises(IndexError, match="slots must lie between 0 and 1, got 2"):
            call(2)
    with pytest.raises(ValueError, match=r"a single slot, got an array of shape \(2,\)"):
        frozen.stream_to_bytes([0, 1])  # type: ignore[arg-type]
    assert frozen.stream_to_bytes(1) == whole
