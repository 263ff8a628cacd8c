"""Compiling all kernels ahead, as for an image or before tests."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from .analysis import QUANTITIES, Pattern, PatternSearch, Recording
from .cells import CELLS
from .kernels import quantiles
from .lstm import LSTM
from .online import (
    FrozenRegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMRegressor,
    LSTMTextClassifier,
)
from .online.estimator import Features
from .online.experts import Experts
from .online.horizons import AHEAD, Horizons
from .online.learner_arrays import GRADIENTS, TRACED_CELLS
from .online.scaling import OnlineScaler
from .stepper import NUMPY_DTYPES


class Warmed(NamedTuple):
    """How far a warm-up is.

    Attributes
    ----------
    done, total : int
        Parts that are compiled or were found on disk, and how many there are.
    part : str
        The last one.
    kernels : int
        How many kernels were compiled for it; 0 if all of them were there.
    """

    done: int
    total: int
    part: str
    kernels: int


def warm_up(processes: int | None = None) -> Iterator[Warmed]:
    """Compile the kernels of every estimator, cell and dtype that are not on disk yet.

    Parameters
    ----------
    processes : int, optional
        How many work side by side; by default one for each processor that may be used.

    Yields
    ------
    Warmed
        After every part. What was compiled before is kept if the rest is not waited for.

    Examples
    --------
    >>> [state.part for state in warm_up()]  # doctest: +SKIP
    ['standard stepper', 'standard estimators, tbptt', ...]
    """
    parts = _parts()
    workers = processes or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")  # a fork may hang in PyTorch's threads
    with ProcessPoolExecutor(min(workers, len(parts)), context) as pool:
        running = {pool.submit(_counted, work): name for name, work in parts.items()}
        try:
            for done, future in enumerate(as_completed(running), start=1):
                yield Warmed(done, len(parts), running[future], future.result())
        finally:
            pool.shutdown(cancel_futures=True)


def _parts() -> dict[str, Callable[[], None]]:
    """Return what is to be done, the longest first; a part shares what its kernels share."""
    rules = [(cell, gradient) for gradient in GRADIENTS for cell in CELLS]
    defined = [rule for rule in rules if rule[1] == "tbptt" or rule[0] in TRACED_CELLS]
    parts: dict[str, Callable[[], None]] = {}
    for cell, gradient in defined:
        parts[f"{cell} estimators, {gradient}"] = partial(use_estimators, cell, gradient)
    parts["forecasts ahead"] = partial(use_forecasts_ahead)
    parts["patterns of units"] = partial(use_patterns)
    return parts | {f"{cell} stepper": partial(use_steppers, cell) for cell in CELLS}


def _counted(work: Callable[[], None]) -> int:
    """Do a part of the work; return how many kernels were compiled."""
    from .kernels import COMPILING

    torch.set_num_threads(1)
    COMPILING.kernels += 1  # so that no process speaks of it
    before = COMPILING.kernels
    work()
    return COMPILING.kernels - before


def use_estimators(cell: str, gradient: str) -> None:
    """Let every online estimator of a cell and rule learn and predict two events."""
    options: dict[str, Any] = {
        "hidden_size": 4,
        "cell": cell,
        "gradient": gradient,
        "window": 2,
        "seed": 0,
    }
    regressor, classifier = LSTMRegressor(**options), LSTMClassifier(**options)
    detector, reader = LSTMAnomalyDetector(**options), LSTMTextClassifier(**options)
    for n in range(2):
        x: Features = {"a": float(n), "b": 1.0}
        regressor.learn_one(x, float(n))
        classifier.learn_one(x, n)
        detector.learn_one(x)
        reader.learn_one("a b", n)
    reader.predict_proba_one("a")
    FrozenRegressor(regressor, 1).observe_many([0], [x])


def use_forecasts_ahead() -> None:
    """Let a forecaster's experts learn a value and forecast two, without the LSTM beside them."""
    experts, horizons = Experts(0, looks_ahead=True), Horizons(True)
    horizons.learn(0.0, np.zeros(0), experts, np.zeros((AHEAD, quantiles.WIDTH)))
    horizons.forecast(np.zeros((1, 0)), OnlineScaler(), np.zeros(1), experts, np.zeros(2))
    quantiles.learn(0.0, np.zeros(quantiles.WIDTH))


def use_patterns() -> None:
    """Look for a pattern in a recording of three steps."""
    values = np.ones((3, 1, 2), np.float32)
    recording = Recording(dict.fromkeys(QUANTITIES, values), ("",) * 3, np.arange(3))
    PatternSearch([recording]).find(Pattern(0, 0))


def use_steppers(cell: str) -> None:
    """Take a step with a cell in every dtype."""
    for dtype in NUMPY_DTYPES:
        stepper = LSTM(2, 4, cell=cell, dtype=dtype).stepper()
        stepper.step(np.zeros(2, NUMPY_DTYPES[dtype]))
        stepper.step_many([0], np.zeros((1, 2)))
