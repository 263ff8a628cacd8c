"""`fit_on_spark`: a training in batches whose processes Spark places on its machines."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from lstmwidgets.checks import check_size
from lstmwidgets.models import SequenceModel
from lstmwidgets.training import DivergedError, FitResult, fit, parquet_loader
from lstmwidgets.training.launching import Failure, Outcome

FILES = 4
"""Files for each process that a dataframe is written to: each is read whole by one of them."""

TAKEN = {"devices", "num_nodes", "strategy", "progress", "seed", "target", "targets", "validation"}
"""Options of `fit` that `fit_on_spark` decides itself."""


@dataclass(frozen=True)
class _Job:
    """What each process gets."""

    model: SequenceModel
    data: str
    validation: str | None
    inputs: str | Sequence[str]
    target: str | Sequence[str] | None
    batch_size: int
    seed: int
    on_one_machine: bool
    options: Mapping[str, Any]


def fit_on_spark(
    data: Any,
    model: SequenceModel,
    inputs: str | Sequence[str],
    target: str | Sequence[str] | None = None,
    *,
    num_processes: int,
    validation: Any = None,
    batch_size: int = 32,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    local_mode: bool | None = None,
    use_gpu: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train a model in processes that Spark starts, by its `TorchDistributor`; return it here.

    Parameters
    ----------
    data : pyspark.sql.DataFrame or path
        A row is a sequence, with lists in its columns; see `lstmwidgets.training.parquet_loader`,
        and ``docs/several_devices.md`` for how to make such rows of events. Of a path, a file or
        folder of Parquet that every machine can read. A dataframe is written to `folder` first.
    model : SequenceModel
        Gets the best weights.
    inputs, target : str or list of str
        Names of columns, as of `lstmwidgets.training.parquet_loader`.
    num_processes : int
        How many train, with a core or a GPU each.
    validation : pyspark.sql.DataFrame or path, optional
        As `data`.
    batch_size : int
        Sequences of one step of the optimizer, of all processes together.
    seed : int
        Decides order and dropout.
    folder : path, optional
        Where a dataframe is written, for every machine to read it, and stays: `data` of the next
        call may be ``folder/training``. Where Spark runs on this machine alone, a folder for the
        time of the call unless given.
    local_mode : bool, optional
        Whether the processes run on the driver's machine; by default if Spark does
        (``local[…]``). In a cluster each is a task of its own.
    use_gpu : bool, optional
        Whether each has a GPU; by default if Spark's configuration gives some to tasks, or to the
        driver in local mode.
    options : dict, optional
        More of what `lstmwidgets.fit` takes, such as ``{"epochs": 5, "lr": 0.01}``. A checkpoint is
        written and read by the first process, on its machine: in a cluster it should be in a folder
        that all have.

    Returns
    -------
    FitResult
        As of `lstmwidgets.fit`.

    Raises
    ------
    ImportError
        If pyspark, PyArrow or Lightning is missing (``pip install 'lstmwidgets[spark,train]'``).
    TypeError, ValueError
        If something does not fit, as of `lstmwidgets.fit`; the message says what.
    RuntimeError
        If a process dies; what it said is in Spark's log.

    Examples
    --------
    With a running Spark, as in ``docs/several_devices.md``::

        model = SequenceModel(2, hidden_size=32)
        result = fit_on_spark(df, model, ["load", "heat"], "flow", num_processes=4)
    """
    try:
        distributor = import_module("pyspark.ml.torch.distributor").TorchDistributor
        sessions = import_module("pyspark.sql").SparkSession
    except ImportError as error:
        raise ImportError(
            f"{error.name} is not installed: pip install 'lstmwidgets[spark,train]'"
        ) from error
    check_size("num_processes", num_processes)
    check_size("batch_size", batch_size)
    more = dict(options or {})
    if taken := sorted(TAKEN & more.keys()):
        raise ValueError(
            f"options has {', '.join(taken)}, which fit_on_spark decides or takes itself"
        )
    spark = sessions.getActiveSession()
    if spark is None:
        raise ValueError("there is no session of Spark: SparkSession.builder.….getOrCreate()")
    master = spark.sparkContext.master
    alone = master == "local" or master.startswith("local[")
    here = alone if local_mode is None else local_mode
    gpus = _gives_gpus(spark, here) if use_gpu is None else use_gpu
    with ExitStack() as stack:
        if folder is None and alone:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
        paths = [
            _written(each, name, folder, num_processes * FILES)
            for name, each in {"training": data, "validation": validation}.items()
        ]
        assert paths[0] is not None
        job = _Job(
            model=model,
            data=paths[0],
            validation=paths[1],
            inputs=inputs,
            target=target,
            batch_size=-(-batch_size // num_processes),
            seed=seed,
            on_one_machine=alone or here,
            options={"device": "cuda" if gpus else "cpu", **more},
        )
        started = distributor(num_processes=num_processes, local_mode=here, use_gpu=gpus)
        found = started.run(_train, pickle.dumps(job))
    if isinstance(found, Failure):
        found.reraise(0, model)
    outcome: Outcome = found
    return outcome.result(model)


def _gives_gpus(spark: Any, local_mode: bool) -> bool:
    owner = "driver" if local_mode else "task"
    return float(spark.conf.get(f"spark.{owner}.resource.gpu.amount", "0")) > 0


def _written(data: Any, name: str, folder: Any, files: int) -> str | None:
    """Return the path of data, which are written there if they are a dataframe."""
    if data is None or isinstance(data, str | os.PathLike):
        return None if data is None else _absolute(data)
    if not hasattr(data, "write"):
        raise TypeError(
            f"{name} must be a DataFrame of Spark's or a path, got {type(data).__name__}"
        )
    if folder is None:
        raise ValueError("a dataframe needs folder=, which every machine of the cluster can read")
    path = f"{_absolute(folder)}/{name}"
    data.repartition(files).write.parquet(path)
    return path


def _absolute(path: str | os.PathLike[str]) -> str:
    """Return a path that means the same in a process with another working directory."""
    given = os.fspath(path)
    return given if "://" in given else str(Path(given).absolute())


def _train(payload: bytes) -> Outcome | Failure:
    """Be one of the processes."""
    job: _Job = pickle.loads(payload)  # noqa: S301  # of `fit_on_spark`
    if job.on_one_machine and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    model = job.model
    try:
        training, held = (
            None
            if path is None
            else parquet_loader(
                path,
                job.inputs,
                job.target,
                batch_size=job.batch_size,
                shuffle=shuffle,
                seed=job.seed,
            )
            for path, shuffle in ((job.data, True), (job.validation, False))
        )
        result = fit(model, training, validation=held, seed=job.seed, progress=False, **job.options)
    except (TypeError, ValueError, ImportError, OSError) as error:  # alike in all processes
        reached = None
        if isinstance(error, DivergedError):
            reached = Outcome.of(FitResult(model, [], "interrupted"))
        return Failure(error, traceback.format_exc(), reached)
    return Outcome.of(result)
