"""Files of models that were changed: a ValueError of one line, or what works."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from lstmwidgets import SequenceModel
from lstmwidgets.analysis.recording import QUANTITIES, Recording
from lstmwidgets.files import opened, sealed
from lstmwidgets.online import (
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMTextClassifier,
)
from lstmwidgets.saving import from_bytes, to_bytes

KINDS: list[tuple[type[Any], dict[str, Any]]] = [
    (LSTMRegressor, {"window": 2}),
    (LSTMRegressor, {"gradient": "eligibility"}),
    (LSTMRegressor, {"window": 2, "optimizer": torch.optim.Adafactor}),
    (LSTMClassifier, {"window": 2}),
    (LSTMForecaster, {"window": 2, "seasonality": 4}),
    (LSTMAnomalyDetector, {"window": 2}),
    (LSTMTextClassifier, {"window": 2}),
]

ODD: list[Any] = [
    *(None, True, -1, 0, 3, 2**40, 2**70, 0.5, "x", "", [], [1], {}),
    *({"float": "nan"}, {"tuple": []}, {"dict": []}, {"int": "0x1"}, {"optimizer": "SGD"}),
    *({"class": "Labels", "state": {"dict": []}}, {"array": "none", "torch": False}),
]


@cache
def saved() -> list[bytes]:
    """Return files of all kinds of models, and of a recording."""
    things: list[Any] = [
        SequenceModel(2, 3, hidden_size=3),
        Recording(
            {name: np.ones((4, 1, 3), np.float32) for name in QUANTITIES},
            tuple("abcd"),
            np.arange(4),
        ),
    ]
    for kind, options in KINDS:
        things.append(kind(hidden_size=3, seed=1, **options))
        for n in range(8):
            use(things[-1], n)
    return [to_bytes(thing) for thing in things]


def use(thing: Any, n: int) -> None:
    """Predict and learn, or look at what there is."""
    x: Any = {"a": n / 8, "b": "uv"[n % 2]}
    match thing:
        case SequenceModel():
            thing(torch.zeros(1, 2, thing.input_size, dtype=thing.head.weight.dtype))
        case Recording():
            thing.tail(2)
        case LSTMForecaster():
            thing.forecast(2)
            thing.learn_one(float(n % 4))
        case LSTMAnomalyDetector():
            thing.score_one(x)
            thing.learn_one(x)
        case LSTMTextClassifier():
            thing.predict_proba_one("good bad")
            thing.learn_one(f"good film {n % 3}", n % 2)
        case LSTMClassifier():
            thing.predict_proba_one(x)
            thing.learn_one(x, n % 2)
        case _:
            thing.predict_one(x)
            thing.learn_one(x, float(n))


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in a header."""
    inner: Any = tree.items() if isinstance(tree, dict) else ()
    for name, value in enumerate(tree) if isinstance(tree, list) else inner:
        yield (*path, name)
        yield from places(value, (*path, name))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return a file with one thing changed, and the checksum that it then has."""
    kind, text, tensors = opened(data, "the file")
    tree = json.loads(text)
    paths = list(places(tree))
    if draw.random() < 0.2:
        name = draw.choice(sorted(tensors))
        return sealed(kind, text, tensors | {name: bent(tensors[name], draw)})
    path = draw.choice(paths)
    *_, name = path
    parent, value = at(tree, path[:-1]), at(tree, path)
    match draw.choice(["replace", "delete", "rename", "swap", "number"]):
        case "delete":
            del parent[name]
        case "rename":
            path = draw.choice([each for each in paths if isinstance(at(tree, each), str)])
            word = at(tree, path)
            at(tree, path[:-1])[path[-1]] = draw.choice([word[1:], word + "x", "_" + word])
        case "swap":
            parent[name] = copy.deepcopy(at(tree, draw.choice(paths)))
        case "number" if type(value) in (int, float):
            parent[name] = draw.choice([0, -1, 1, 10, 1e300, -1e300, 0.3, 2**31, 2**63])
        case _:
            parent[name] = draw.choice(ODD)
    return sealed(kind, json.dumps(tree), tensors)


def bent(tensor: torch.Tensor, draw: random.Random) -> torch.Tensor:
    """Return another tensor in the place of one."""
    match draw.randrange(6):
        case 0:
            return tensor.to(draw.choice([torch.float64, torch.int32, torch.bool, torch.float16]))
        case 1 if tensor.ndim and len(tensor):
            return tensor[:-1].contiguous()
        case 2:
            return tensor.flatten()
        case 3:
            return tensor.unsqueeze(0)
        case 4:
            return torch.full_like(tensor, 7)
        case _:
            return tensor[None].expand(2, *tensor.shape).contiguous()


def read(data: bytes) -> Any:
    """Return what is in a file; None if it is refused in one line."""
    told = ""
    try:
        return from_bytes(data, "the file")
    except ValueError as error:
        told = str(error)
    assert told.startswith("the file ")
    assert "\n" not in told
    return None


def check(count: int, seed: int) -> int:
    """Read so many changed files; return how many were refused."""
    draw, refused = random.Random(seed), 0
    for number in range(count):
        data = mutated(saved()[number % len(saved())], draw)
        thing = read(data)
        if thing is None:
            refused += 1
            continue
        for n in range(4):
            use(thing, n)
        from_bytes(to_bytes(thing))
    return refused


def test_a_changed_part_with_its_checksum_is_refused_or_works() -> None:
    assert check(120, 1) > 40


@pytest.mark.slow
def test_two_thousand_changed_parts_are_refused_or_work() -> None:
    assert check(2000, 2) > 600


def damage(data: bytes, draw: random.Random) -> bytes:
    """Return a file with some bytes changed, left out, or put in."""
    place, length = draw.randrange(len(data)), draw.randrange(1, 9)
    match draw.randrange(4):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + data[place + length :]
        case 2:
            return data[:place] + draw.randbytes(length) + data[place:]
        case _:
            changed = bytearray(data)
            changed[place] ^= 1 << draw.randrange(8)
            return bytes(changed)


def check_damage(count: int, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(count):
        data = saved()[number % len(saved())]
        thing = read(damage(data, draw))
        if thing is not None:  # a blank in the header more or less
            assert opened(to_bytes(thing), "it")[1] == opened(data, "it")[1]


def test_damaged_bytes_are_told() -> None:
    check_damage(180, 1)


@pytest.mark.slow
def test_two_thousand_times_damaged_bytes_are_told() -> None:
    check_damage(2000, 2)
