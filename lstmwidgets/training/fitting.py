"""A whole training, and the same epoch by epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

import torch

from ..models import SequenceModel
from .epochs import FitResult
from .fabric import start_method
from .launching import fit_in_processes
from .loop import Loop
from .onlookers import ONLOOKERS as ONLOOKERS
from .onlookers import run
from .options import OptimizerFactory, Options, ScheduleFactory
from .steering import TrainingRun

Given = ParamSpec("Given")
Result = TypeVar("Result")


def iter_fit(
    model: SequenceModel,
    data: Any,
    targets: Any = None,
    *,
    validation: Any = None,
    target: str | Sequence[str] | None = None,
    epochs: int = 20,
    batch_size: int = 32,
    accumulate: int = 1,
    lr: float = 2e-3,
    optimizer: str | OptimizerFactory = "adamw",
    weight_decay: float = 0.0,
    schedule: str | ScheduleFactory | None = None,
    clip: float | None = 1.0,
    patience: int | None = 5,
    window: int | None = None,
    label_smoothing: float = 0.0,
    class_weight: str | Mapping[Any, float] | Sequence[float] | None = None,
    scale: bool = True,
    bucket: bool = True,
    compile: bool = False,  # noqa: A002
    device: str | torch.device = "auto",
    devices: int | str | Sequence[int] = "auto",
    num_nodes: int = 1,
    strategy: str = "auto",
    precision: str = "auto",
    seed: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = False,
) -> TrainingRun:
    """Train a model, and yield a record at the end of each epoch.

    Between two records the model has its current weights, in eval mode, to be looked at. At the end
    it has the best ones: also when the iterator is closed or interrupted (after the first epoch).
    What is returned can be steered on the way: ``training.lr /= 2``, ``training.dropout = 0.3``,
    ``training.stop()``.

    Parameters
    ----------
    model : SequenceModel
        It is trained in place and stays on the device it was trained on.
    data : array, list, dataframe or DataLoader
        Numbers: an array (N, T, I); a list of arrays or tensors (T, I), or (T,) where I is 1; a
        dataframe of any library, whose rows are the time of one series, or a list of them: their
        columns are found by the names of the first one's, which `SequenceModel.features` keeps.
        Tokens: a list of int sequences, or an array (N, T) padded with 0. Or a `torch` DataLoader
        of batches (x, y) or (x, lengths, y). Masked values are an error that says how to fill them.
    targets : optional
        Regression: (N,) or (N, K). Classification: N labels of any hashable type. Without pooling
        one at every step: a list of (T,) or (T, K). Forecasting: the series that is forecast, a
        list of (T,) or (T, C), if it is not the data itself. A model for the next token has none.
    validation : float, tuple or DataLoader, optional
        A share of the sequences, drawn by the seed (in equal shares of each class); of one series
        with targets at every step it is the end. Or (data, targets).
    target : str or sequence of str, optional
        Columns of the dataframes that are the targets. A forecast may look at them too.
    epochs : int
        At most so many passes.
    batch_size : int
        Sequences side by side, B, whose mean loss decides one step of the optimizer: of all
        devices and parts together. Of a DataLoader it is what a device gets.
    accumulate : int
        In how many parts a batch goes through the model, to spare memory: their gradients are
        added up. But for rounding and dropout it is the same training.
    lr, weight_decay : float
        Of the optimizer.
    optimizer : str or callable
        ``"adamw"``, ``"adam"``, ``"sgd"`` (momentum 0.9), or called with (parameters, lr=).
    schedule : str or callable, optional
        ``"cosine"`` down to 0 over all epochs, ``"plateau"`` (half as fast when the loss has not
        fallen for 3 epochs), or called with the optimizer; stepped at each epoch's end.
    clip : float or None
        Largest norm of the gradient.
    patience : int or None
        Stop after so many epochs without a lower loss: of the validation, or of the training
        where there is none. None runs all epochs.
    window : int, optional
        Train without pooling on long series in chunks of so many steps, in order: the state goes
        on from chunk to chunk, the gradient does not (truncated backpropagation through time).
    label_smoothing : float
        Share of a class's probability that is given to all classes, from 0 to 1.
    class_weight : "balanced", mapping or sequence, optional
        How much each class counts in the loss: inversely to its frequency, by label (1 unless
        named), or in the order of the classes.
    scale : bool
        Whether to standardise inputs and targets by the mean and deviation of the training part.
        They are kept in the model, which takes and gives values in their own units. A model that
        has them already keeps them.
    bucket : bool
        Whether batches are of sequences of similar length.
    compile : bool
        Whether to use `torch.compile`. It takes minutes, again for each length of batches; it pays
        for cells other than the standard one on sequences of one length.
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.
    devices : int, list of int or "auto"
        How many devices of that kind to train on, on each node, with a process for each; -1 for
        all GPUs, or a list of them. ``"auto"`` takes what torchrun says; else one, or all GPUs with
        ``strategy="ddp"``. Each batch is divided among them and their gradients are added up: but
        for rounding and dropout it is the training of one device.
    num_nodes : int
        Machines; the same script is to be started on each, by torchrun or with the environment
        variables that Lightning names.
    strategy : str
        How the processes begin. ``"ddp"``: the script is run again for each, or they are there, as
        with torchrun; `fit` returns in all of them. In notebooks and other places without a script
        `fit` forks instead, as with ``"ddp_fork"`` or ``"ddp_notebook"``, and returns in one.
        ``"ddp_spawn"``: new processes, to which all arguments are pickled. ``"auto"`` is ``"ddp"``
        where there are several.
    precision : str
        As in Lightning; ``"auto"`` is ``"bf16-mixed"`` on CUDA and ``"32-true"`` on the CPU, which
        leaves the model's dtype as it is.
    seed : int, optional
        Decides split, order and dropout; drawn from PyTorch's global generator unless given.
        Initial weights are the model's.
    checkpoint : path, optional
        File that at each epoch's end gets everything that is needed to go on. It cannot be told
        by a DataLoader what data it has, only by data that are given as such.
    resume : bool
        Whether to go on from the checkpoint if it exists: on a CPU bit for bit as if there had been
        no interruption. Only the epochs that are new are yielded. With another number of devices
        or parts it goes on too, then equal but for rounding and dropout.
    progress : bool
        Whether to show a bar, in a terminal or a notebook.

    Returns
    -------
    TrainingRun
        An iterator of `Epoch`: losses, scores and what else there is to know.

    Raises
    ------
    ImportError
        If Lightning is not installed (``pip install lstmwidgets[train]``).
    TypeError, ValueError
        If data, targets, options or a checkpoint do not fit; the message says what and where. Also
        if processes would have to be started where there is no script; `fit` can do that.
    DivergedError
        If the loss becomes NaN or infinite. The model then has the best weights from before.

    Examples
    --------
    >>> import numpy as np
    >>> from lstmwidgets.models import SequenceModel
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 12, 1))
    >>> model = SequenceModel(input_size=1, hidden_size=8, pooling="mean")
    >>> losses = [epoch.train_loss for epoch in iter_fit(model, x, x.mean((1, 2)), lr=0.01, seed=0)]
    >>> losses[-1] < losses[0]
    True
    """
    return TrainingRun(Loop(**locals()))


def _with_parameters_of(
    other: Callable[Given, Any], **defaults: Any
) -> Callable[[Callable[..., Result]], Callable[Given, Result]]:
    """Give a function the parameters of another one, for `help` and for type checkers.

    The function gets all of them by name. `defaults` replace the other one's.
    """
    parameters = [
        each.replace(default=defaults.get(each.name, each.default))
        for each in signature(other).parameters.values()
    ]

    def decorated(function: Callable[..., Result]) -> Callable[Given, Result]:
        shown = signature(function).replace(parameters=parameters)

        @wraps(function)
        def call(*args: Given.args, **options: Given.kwargs) -> Result:
            given = shown.bind(*args, **options)
            given.apply_defaults()
            return function(**given.arguments)

        made: Any = call
        made.__signature__ = shown
        return call

    return decorated


@_with_parameters_of(iter_fit, progress=True)
def fit(**options: Any) -> FitResult:
    """Train a model to the end and return it with its curves and a verdict on them.

    Ctrl-C ends the training quietly: the result then has the best weights so far.

    Parameters
    ----------
    model, data, targets, validation, target, epochs, batch_size, accumulate, lr, optimizer
        As of `iter_fit`.
    weight_decay, schedule, clip, patience, window, label_smoothing, class_weight, scale, bucket
        As of `iter_fit`.
    compile, device, devices, num_nodes, strategy, precision, seed, checkpoint, resume, progress
        As of `iter_fit`.

    Returns
    -------
    FitResult
        The model, its epochs (those before a resume too), why it stopped, and a verdict.

    Raises
    ------
    ImportError, TypeError, ValueError, DivergedError
        As `iter_fit`.

    Examples
    --------
    >>> from lstmwidgets import SequenceModel, fit, predict
    >>> sentences = [[2, 3], [4, 5, 3], [2, 5], [4, 3], [2, 3, 5], [4, 5]] * 4
    >>> labels = ["good", "bad"] * 12
    >>> model = SequenceModel(None, 2, vocabulary_size=6, hidden_size=8, task="classification")
    >>> result = fit(model, sentences, labels, epochs=30, lr=0.02, seed=0, progress=False)
    >>> predict(model, [[2, 5, 3], [4, 5, 3]]).tolist()
    ['good', 'bad']
    """
    asked = Options(**{field.name: options[field.name] for field in fields(Options)})
    asked.check(options["model"])
    method = start_method(asked)
    if method in ("fork", "spawn"):
        return fit_in_processes(method, asked, options)
    return run(Loop(**options))
