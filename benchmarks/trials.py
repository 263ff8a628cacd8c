"""One trial of a task of 1997: a net that learns until it meets the paper's criterion."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lstmwidgets.models import SequenceModel

from . import classical_tasks

BATCH = 16
RECENT, TESTED = 2_000, 2_560


@dataclass(frozen=True)
class Recipe:
    """How nets for a task begin and learn.

    Parameters
    ----------
    weights : float
        Initial weights are drawn from ± this.
    gates : tuple
        Initial biases of the gates i, f and o are spread over the units from the first number to
        the second, on top of that.
    most : int
        Sequences that a trial gets.
    """

    hidden_size: int
    lr: float
    weights: float
    gates: dict[str, tuple[float, float]]
    most: int


RECIPES = {
    "reber": Recipe(
        8,
        0.01,
        0.2,
        {"f": (1, 1), "o": (-1, -3)},
        100_000,
    ),
    "adding": Recipe(
        8,
        0.01,
        0.1,
        {"i": (-1, -4), "f": (5, 5)},
        100_000,
    ),
    "order": Recipe(
        8,
        0.01,
        0.1,
        {"i": (-1, -4), "f": (5, 5)},
        100_000,
    ),
    "order of 3": Recipe(
        12,
        0.01,
        0.1,
        {"i": (-1, -4), "f": (5, 5)},
        200_000,
    ),
}


class Outcome(NamedTuple):
    """What became of one net: the numbers of the table."""

    task: str
    seed: int
    weights: int
    sequences: int | None
    wrong: int | None
    seconds: float


def learn(name: str, seed: int) -> Outcome:
    """Train one net until it meets the criterion, and count what it then gets wrong."""
    begin = perf_counter()
    recipe, task = RECIPES[name], _task(name)
    model = _model(name, recipe, seed)
    weights = sum(weight.numel() for weight in model.parameters())
    if name == "reber":
        sequences = _learn_strings(task, model, recipe, seed)
        return Outcome(name, seed, weights, sequences, None, perf_counter() - begin)
    sequences, wrong = _learn_stream(task, model, recipe, seed), None
    if sequences is not None:
        fresh = task.batch(TESTED, seed=np.random.default_rng((seed, 1)))
        with torch.no_grad():
            wrong = int((~task.correct(_answers(model, fresh)[0], fresh)).sum())
    return Outcome(name, seed, weights, sequences, wrong, perf_counter() - begin)


def _task(name: str) -> Any:
    tasks = {
        "reber": classical_tasks.EmbeddedReber(),
        "adding": classical_tasks.Adding(100),
        "order": classical_tasks.TemporalOrder(2),
        "order of 3": classical_tasks.TemporalOrder(3),
    }
    return tasks[name]


def _model(name: str, recipe: Recipe, seed: int) -> SequenceModel:
    """Return a net with its first weights."""
    task = _task(name)
    model = SequenceModel(
        task.input_size,
        task.output_size,
        hidden_size=recipe.hidden_size,
        task="regression" if name == "adding" else "classification",
        pooling=None if name == "reber" else "last",
    )
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(-recipe.weights, recipe.weights, generator=draw)
        blocks = model.lstm.bias_ih_l0.view(4, -1)  # of i, f, g, o
        for gate, (first, last) in recipe.gates.items():
            blocks["ifgo".index(gate)] += torch.linspace(first, last, recipe.hidden_size)
    return model


def _learn_stream(task: Any, model: SequenceModel, recipe: Recipe, seed: int) -> int | None:
    """Learn from fresh sequences; return how many it took, None if they were not enough."""
    update, draw = _updater(model, recipe), np.random.default_rng(seed)
    limit = 0.01 if model.task == "regression" else 0.1
    errors: deque[float] = deque(maxlen=RECENT // BATCH)
    right = 0
    for seen in range(BATCH, recipe.most + 1, BATCH):
        batch = task.batch(BATCH, seed=draw)
        answers, wanted, loss = _answers(model, batch)
        failures = (~task.correct(answers, batch)).nonzero()
        right = right + BATCH if not len(failures) else BATCH - 1 - int(failures[-1])
        errors.append((answers - wanted).abs().mean().item())
        if right >= RECENT and mean(errors) < limit:
            return seen
        update(loss)
    return None


def _answers(model: SequenceModel, batch: classical_tasks.Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return outputs, what they should be, and the loss."""
    output = model.run_padded(batch.x, lengths=batch.lengths)[0]
    if model.task == "regression":
        answers = output[:, 0]
        return answers, batch.target, functional.mse_loss(answers, batch.target)
    wanted = functional.one_hot(batch.target, output.shape[1])
    return output.softmax(1), wanted, functional.cross_entropy(output, batch.target)


def _learn_strings(task: Any, model: SequenceModel, recipe: Recipe, seed: int) -> int | None:
    """Learn from the training strings; return as `_learn_stream`. Three seeds share their strings.

    The paper has ten trials on each of three pairs of sets.
    """
    update, draw = _updater(model, recipe), np.random.default_rng(seed)
    sets = task.sets(seed=seed % 3)
    train = sets[0]
    for seen in range(BATCH, recipe.most + 1, BATCH):
        rows = draw.integers(0, len(train.x), BATCH)
        output = model.run_padded(train.x[rows])[0]
        update(functional.cross_entropy(output.flatten(0, 1), train.target[rows].flatten()))
        if seen % 256 == 0:
            with torch.no_grad():
                all_right = (task.correct(model.run_padded(some.x)[0], some) for some in sets)
                if all(bool(right.all()) for right in all_right):
                    return seen
    return None


def _updater(model: SequenceModel, recipe: Recipe) -> Callable[[Tensor], None]:
    """Return what moves the weights down a loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr)

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return update
