"""Files hold what was learned and no code; what is damaged or forged is refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lstmwidgets import LSTM, SequenceModel, load, save
from lstmwidgets.analysis import Recording
from lstmwidgets.files import VERSION, from_bytes, opened, sealed, to_bytes
from lstmwidgets.online import FeatureWarning, LSTMClassifier, LSTMRegressor
from lstmwidgets.training import checkpoints
from tests.family import FAMILY, Member

DAY = date(2024, 1, 1)


def trained(member: Member, **options: Any) -> Any:
    return member.learned(member.make(**options), member.events(20))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    save(trained(FAMILY[0]), path)
    return path


def forge(path: Path, change: Callable[[Any], Any]) -> Path:
    """Write the file anew with another tree, and a checksum that fits it."""
    kind, text, tensors = opened(path.read_bytes(), "the file")
    path.write_bytes(sealed(kind, json.dumps(change(json.loads(text))), tensors))
    return path


def nodes(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every place in a tree."""
    yield way
    if isinstance(tree, dict | list):
        for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from nodes(item, (*way, key))


def put(tree: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another value at a place."""
    if not way:
        return value
    changed = copy.copy(tree)
    changed[way[0]] = put(tree[way[0]], way[1:], value)
    return changed


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_a_model_is_saved_before_and_after_its_first_event(member: Member, path: Path) -> None:
    events = member.events(10)
    save(member.make(), str(path))
    assert member.run(load(str(path)), events) == member.run(member.make(), events)
    model = trained(member)
    before = pickle.dumps(model)
    save(model, path)
    assert pickle.dumps(model) == before
    twin = load(path)
    assert repr(twin) == repr(model)
    assert (twin.imputed, twin.unlearned) == (model.imputed, model.unlearned)
    save(twin, path)  # what was loaded is as good as what was saved
    assert member.run(load(path), events) == member.run(model, events)


def test_labels_and_keys_of_plain_types_come_back(path: Path) -> None:
    labels = ["a", "\ud83d", True, 7, -2.5, float("inf"), (1, ("b", None)), 10**40, b"raw", DAY]
    model = LSTMClassifier(hidden_size=3, seed=1)
    for label in labels:
        model.learn_one({"a": 1.0, 2: 0.5, (3, "c"): 1, "kind": "x", DAY: 2}, label)
    save(model, path)
    twin = load(path)
    assert [*map(repr, twin.classes)] == [*map(repr, labels)]
    assert twin._encoder._keys == model._encoder._keys
    with pytest.warns(FeatureWarning, match="features that the event lacks: 'a', 'kind', "):
        assert twin.predict_proba_one({2: 1.0}) == model.predict_proba_one({2: 1.0})


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        partial(torch.optim.Adam, betas=(0.8, 0.99), eps=1e-6),
        partial(torch.optim.Adam, amsgrad=True),
        torch.optim.Adagrad,
    ],
    ids=str,
)
def test_optimizers_come_back_with_their_moments(optimizer: Any, path: Path) -> None:
    model = trained(FAMILY[0], optimizer=optimizer)
    save(model, path)
    kept, back = (each._learner.__getstate__() for each in (model, load(path)))
    assert np.array_equal(kept["store"], back["store"])
    assert kept.keys() == back.keys()
    for mine, other in zip(kept["torch moments"] or [], back["torch moments"] or [], strict=True):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            assert value.dtype == other[name].dtype
            assert value.shape == other[name].shape
            assert torch.equal(value, other[name])


def things() -> dict[str, Any]:
    """Return one thing of each kind that has a file, but for that of the tests of sentiment."""
    model = SequenceModel(2, 3, hidden_size=4, task="classification")
    model.classes = ["a", 2, (None, 1.5)]
    labels = ["so", "good", DAY.isoformat()]
    trace = LSTM(2, 4).trace(torch.ones(1, 3, 2))
    made = [trained(FAMILY[0]), model, Recording.from_trace(trace, labels)]
    return {type(thing).__name__: thing for thing in made}


@pytest.mark.parametrize("kind", things())
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_a_truncated_file_is_refused(kind: str, share: float, path: Path) -> None:
    save(things()[kind], path)
    whole = path.read_bytes()
    for damaged in (whole[: int(share * len(whole))], whole + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is truncated or no file of lstmwidgets"):
            load(path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_single_changed_bit_is_noticed(draw: st.DataObject, saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    place = draw.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(ValueError, match=r"^the file (is|was) "):
        opened(bytes(whole), "the file")


def test_arrays_and_tensors_of_all_kinds_come_back() -> None:
    whole, shared = np.arange(12, dtype=np.uint16).reshape(3, 4), torch.ones(4)
    arrays = [whole.T, whole[::2], np.zeros((0, 3)), np.array(3.5), np.arange(3)[::-1], whole > 3]
    arrays += [np.broadcast_to(np.float16(1), (2, 2)), np.arange(3, dtype=np.int8)]
    tensors = [shared, shared[1:], torch.tensor(True), torch.randn(2, 3).T.bfloat16()]
    content = {"arrays": arrays, "tensors": tensors, "a.b": whole, "a": {"b": shared}}
    again = from_bytes(to_bytes("parts", content), ["parts"])
    for one, other in zip([*arrays, whole], [*again["arrays"], again["a.b"]], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
        assert other.flags.c_contiguous
        assert other.flags.writeable
    for mine, back in zip([*tensors, shared], [*again["tensors"], again["a"]["b"]], strict=True):
        assert mine.dtype == back.dtype
        assert torch.equal(mine, back)


@pytest.mark.parametrize(
    "odd",
    [np.array(["a"]), np.zeros(2, object), np.zeros(2, ">f8"), np.zeros(1, complex)],
    ids=lambda array: str(array.dtype),
)
def test_an_array_that_is_none_of_numbers_is_named(odd: Any) -> None:
    with pytest.raises(TypeError, match=r"^parts\.a\.1 cannot be kept: ndarray"):
        to_bytes("parts", {"a": [1, odd]})


def test_all_of_a_recording_comes_back(path: Path) -> None:
    recording = things()["Recording"]
    save(recording, path)
    again = load(path)
    assert (again.labels, again.cell, again.stride) == (recording.labels, recording.cell, 1)
    assert np.array_equal(again.steps, recording.steps)
    assert list(again.layers) == list(recording.layers)
    for name, values in recording.layers.items():
        assert again.layers[name].dtype == np.float32
        assert np.array_equal(again.layers[name], values)


def test_other_files_are_refused(path: Path) -> None:
    arrays = {"weight": np.zeros(3)}
    save_file(arrays, path)
    with pytest.raises(ValueError, match="is a file of safetensors, but none of lstmwidgets"):
        load(path)
    later = {"format": "lstmwidgets", "version": str(VERSION + 1), "kind": "LSTMRegressor"}
    save_file(arrays, path, later)
    with pytest.raises(ValueError, match=rf"files of version {VERSION + 1}; this one reads"):
        load(path)
    save_file(arrays, path, later | {"version": str(VERSION)})
    with pytest.raises(ValueError, match="damaged: it was changed after it had been written"):
        load(path)
    checkpoints.write(path, {"epochs": 3})
    with pytest.raises(ValueError, match="the file of a training checkpoint; expected one"):
        load(path)
    for data in (pickle.dumps(trained(FAMILY[0])), b"a,b\n1,2\n", b"\0" * 100, b"\xff" * 100):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="is truncated or no file of lstmwidgets"):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(path.with_name("missing"))


def test_files_of_earlier_versions_say_what_to_do(path: Path) -> None:
    for header in (
        {"format": "lstmwidgets estimator 2"},
        {"format": "lstmwidgets model", "version": "1"},
        {"lstmwidgets.recording": "{}"},
    ):
        save_file({"weight": np.zeros(3)}, path, header)
        with pytest.raises(ValueError, match=r"by an earlier version .*; make and save it again"):
            load(path)
    path.write_bytes(b"lstmwidgets checkpoint 1\n0123")
    with pytest.raises(ValueError, match=r"by an earlier version .*; give checkpoint= another"):
        checkpoints.from_bytes(path.read_bytes(), path)


@pytest.mark.parametrize("thing", [LSTM(2, 3), {"a": 1}, np.zeros(3), LSTMRegressor], ids=type)
def test_what_has_no_file_is_refused(thing: Any, path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected one of LSTMAnomalyDetector, .*, got"):
        save(thing, path)
    assert not path.exists()


FORGED: list[Any] = [
    *(None, True, 5, -1, 1e300, 10**30, "x", "Adam", [], [[]], [1, 2, 3], {}, {"tuple": []}),
    *({"class": "Popen", "state": {}}, {"class": "LSTM", "state": {}}, {"class": []}),
    *({"class": "Labels", "state": {"dict": []}}, {"class": "TargetScaler", "state": {"dict": []}}),
    *({"array": "model", "torch": False}, {"float": "nope"}, {"int": "x"}, {"decimal": "nope"}),
    *({"datetime": ["20240101", 0, "../x"]}, {"bytes": 3}, {"timedelta": [1e300, 0, 0]}),
    *({"optimizer": "Foo"}, {"partial": 3, "options": {}}),
    *({"dict": [1]}, {"dict": [[[], 1]]}, {"optimizer": ["Adam"]}, {"partial": {}, "options": []}),
]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_forged_header_is_refused_or_harmless(draw: st.DataObject, saved: Path) -> None:
    """Nothing but a ValueError comes out of it, and nothing is imported."""
    original = saved.read_bytes()
    tree = json.loads(opened(original, "the file")[1])
    way = draw.draw(st.sampled_from(list(nodes(tree))))
    value = draw.draw(st.sampled_from(FORGED))
    modules = set(sys.modules)
    forge(saved, lambda tree: put(tree, way, value))
    try:
        load(saved)
    except ValueError:
        pass
    finally:
        saved.write_bytes(original)
    assert set(sys.modules) == modules


@pytest.mark.parametrize(
    "forged",
    [
        {"optimizer": "Foo"},
        {"optimizer": "lr_scheduler"},
        {"optimizer": "__builtins__"},
        {"optimizer": "../os"},
        {"partial": {"optimizer": "Foo"}, "options": {"lr": 1}},
        {"class": "Popen", "state": {"tuple": ["true"]}},
        {"class": "LSTMStepper", "state": {"dict": []}},
        {"call": "print"},
    ],
    ids=str,
)
def test_a_header_cannot_name_what_is_not_on_the_list(saved: Path, forged: Any) -> None:
    modules = set(sys.modules)

    def with_another_optimizer(tree: Any) -> Any:
        pairs = tree["state"]["dict"]
        for pair in pairs:
            if pair[0] == "optimizer":
                pair[1] = forged
        return tree

    with pytest.raises(ValueError, match=r"no optimizer of PyTorch|cannot be read|unknown entry"):
        load(forge(saved, with_another_optimizer))
    assert set(sys.modules) == modules
    labels = {"class": "Labels", "state": {"dict": [["places", {"dict": []}], ["seen", 0]]}}
    with pytest.raises(ValueError, match="holds a Labels, which has no file"):
        load(forge(saved, lambda _: labels))


class SGD(torch.optim.SGD):
    """One's own, by the name of PyTorch's."""


@pytest.mark.parametrize(
    "optimizer",
    [lambda params, lr: torch.optim.SGD(params, lr=lr), SGD, partial(SGD, momentum=0.5)],
    ids=["lambda", "own class", "partial of it"],
)
def test_an_optimizer_that_is_no_plain_value_is_not_saved(saved: Path, optimizer: Any) -> None:
    before = saved.read_bytes()
    model = trained(FAMILY[0], optimizer=optimizer)
    with pytest.raises(TypeError, match=r"\.optimizer.* cannot be kept: .* is none of"):
        save(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("odd", [frozenset({1}), 1j, datetime], ids=repr)
def test_a_label_or_key_that_is_no_plain_value_is_not_saved(saved: Path, odd: Any) -> None:
    before = saved.read_bytes()
    sorter = LSTMClassifier(hidden_size=3, seed=1)
    sorter.learn_one({"a": 1.0}, odd)
    model = LSTMRegressor(hidden_size=3, seed=1)
    model.learn_one({odd: 1.0}, 1.0)
    for each in (sorter, model):
        with pytest.raises(TypeError, match=r"^LSTM\w+\.\S+ cannot be kept: .* is none of None"):
            save(each, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=repr)
def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    saved: Path, failing: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        assert len(list(saved.parent.iterdir())) == 2  # it was on its way
        raise error

    before, model = saved.read_bytes(), trained(FAMILY[1])
    with monkeypatch.context() as patch:
        patch.setattr(*{"fsync": (os, "fsync", fail), "replace": (Path, "replace", fail)}[failing])
        with pytest.raises(type(error)):
            save(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    save(model, saved)
    assert isinstance(load(saved), LSTMClassifier)


@pytest.mark.parametrize("member", FAMILY, ids=lambda member: member.name)
def test_no_pickle_is_written_or_read(
    member: Member, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("unpickled something")

    save(trained(member, optimizer=torch.optim.RMSprop), path)
    data = path.read_bytes()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert bytes([0x80, protocol, 0x95]) not in data  # how pickles of today begin
    assert b"__reduce" not in data
    assert b"cpickle" not in data.lower()
    for place, name in (
        (pickle, "loads"),
        (pickle, "load"),
        (pickle, "Unpickler"),
        (torch, "load"),
    ):
        monkeypatch.setattr(place, name, refuse)
    assert isinstance(load(path), member.kind)


@pytest.mark.parametrize(
    ("name", "value"), [("hidden_size", 5), ("num_layers", 2), ("cell", "coupled"), ("window", 3)]
)
def test_options_that_do_not_fit_the_weights_are_refused(name: str, value: Any) -> None:
    model = LSTMRegressor(hidden_size=4, window=2, seed=1)
    model.learn_one({"a": 1.0}, 1.0)
    kept = {**model.__getstate__(), name: value}
    with pytest.raises(ValueError, match="the parts of the model do not fit together"):
        LSTMRegressor().__setstate__(kept)
