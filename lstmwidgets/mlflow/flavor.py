"""The flavour: what MLflow keeps of a model, and how it comes back."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from ..saving import load, save
from .kinds import kind_of
from .sequences import IDLE, MOST, Sequences
from .serving import Served
from .signatures import example_of, signature_of

FLAVOR_NAME = "lstmwidgets"

FILE = "model.safetensors"

PINNED = ("numpy", "river", "torch")
"""What decides numbers besides lstmwidgets itself."""


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    input_example: Any = None,
    max_sequences: int = MOST,
    idle_seconds: float = IDLE,
    pip_requirements: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    mlflow_model: Any = None,
) -> None:
    """Save a model as a folder that MLflow loads and serves.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, LSTMForecaster, SequenceModel or SentimentModel
        Of `lstmwidgets.online` with what it has learned. It is kept by `lstmwidgets.save`.
    path : path
        Folder to make.
    input_example : dataframe, optional
        Rows to keep beside the model and to try it with; by default a row is made of what the
        model knows of its inputs.
    max_sequences : int
        How many sequences a loaded model remembers at most, 10,000; beyond, the one that was used
        least recently is dropped.
    idle_seconds : float
        After so many seconds without a call a sequence is dropped, 3,600.
    pip_requirements : list of str, optional
        What an environment for the model needs; by default lstmwidgets, mlflow, and this
        environment's versions of NumPy, River and PyTorch.
    metadata : dict, optional
        Further values for MLflow to keep.
    mlflow_model : mlflow.models.Model, optional
        The description to write into; MLflow gives it in `log_model`.

    Raises
    ------
    TypeError
        If it is another model, or something in it has no form in a file.
    ValueError
        If the model has learned nothing yet, or a feature has a name that stands for something else
        in a call.
    ModuleNotFoundError
        If MLflow is not installed (``pip install 'lstmwidgets[mlflow]'``).

    Notes
    -----
    ``docs/mlflow.md`` has an example from the model to the call over HTTP, which runs as a test of
    MLflow's own environment.
    """
    Sequences(max_sequences, idle_seconds)  # says what is wrong with them
    mlflow = imported("mlflow")
    kind = kind_of(model)
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty; name a folder that does not exist yet")
    save(model, folder / FILE)
    described = mlflow.models.Model() if mlflow_model is None else mlflow_model
    described.signature = signature_of(kind)
    if metadata is not None:
        described.metadata = metadata
    _keep_example(described, example_of(kind) if input_example is None else input_example, folder)
    mlflow.pyfunc.add_to_model(
        described,
        loader_module="lstmwidgets.mlflow",
        data=FILE,
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_config={"max_sequences": max_sequences, "idle_seconds": idle_seconds},
    )
    described.add_flavor(
        FLAVOR_NAME, lstmwidgets_version=__version__, data=FILE, kind=type(model).__name__
    )
    described.save(str(folder / "MLmodel"))
    _write_environment(folder, pip_requirements)


def log_model(
    model: Any,
    name: str = "model",
    *,
    registered_model_name: str | None = None,
    input_example: Any = None,
    max_sequences: int = MOST,
    idle_seconds: float = IDLE,
    pip_requirements: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Any:
    """Log a model to MLflow, in the active run or a new one.

    Parameters
    ----------
    model : LSTMRegressor, LSTMClassifier, LSTMForecaster, SequenceModel or SentimentModel
        As of `save_model`.
    name : str
        Of the model in MLflow.
    registered_model_name : str, optional
        Under which it becomes a version in MLflow's model registry.
    input_example, max_sequences, idle_seconds, pip_requirements, metadata
        As of `save_model`.

    Returns
    -------
    mlflow.models.model.ModelInfo
        What MLflow says of it; ``model_uri`` is what `load_model`, ``mlflow.pyfunc.load_model`` and
        ``mlflow models serve`` take.

    Raises
    ------
    TypeError, ValueError, ModuleNotFoundError
        As `save_model`.
    """
    kind_of(model)  # says what is wrong with it before a run is begun
    flavor = import_module("lstmwidgets.mlflow")
    return imported("mlflow").models.Model.log(
        artifact_path=None,
        name=name,
        flavor=flavor,
        model=model,
        registered_model_name=registered_model_name,
        input_example=input_example,
        max_sequences=max_sequences,
        idle_seconds=idle_seconds,
        pip_requirements=pip_requirements,
        metadata=metadata,
    )


def load_model(model_uri: str | os.PathLike[str]) -> Any:
    """Return a logged or saved model itself, as `lstmwidgets.load` does, to learn on or to look at.

    ``mlflow.pyfunc.load_model`` returns instead what answers calls, as a server does.

    Parameters
    ----------
    model_uri : str or path
        As MLflow has them: ``models:/…``, ``runs:/…/model``, or a folder.

    Raises
    ------
    ValueError
        If MLflow has it in another flavour, or as `lstmwidgets.load`.
    """
    mlflow = imported("mlflow")
    uri = os.fspath(model_uri)
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    flavors = mlflow.models.Model.load(str(folder)).flavors
    if FLAVOR_NAME not in flavors:
        raise ValueError(f"{uri} has the flavours {', '.join(flavors)}, and not {FLAVOR_NAME}")
    return load(folder / flavors[FLAVOR_NAME]["data"])


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Served:
    """Return what answers calls: MLflow asks for it by this name."""
    options = {"max_sequences": MOST, "idle_seconds": IDLE} | (model_config or {})
    model = load(path)
    if hasattr(model, "expect_known_features"):
        model.expect_known_features(due=False)  # `Served` says itself what a call lacks
    return Served(kind_of(model), Sequences(**options))


def imported(name: str) -> Any:
    """Return a module of MLflow's, or say how to install it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "mlflow":
            raise
        raise ModuleNotFoundError(
            "lstmwidgets.mlflow needs MLflow, which is not installed: "
            "pip install 'lstmwidgets[mlflow]'"
        ) from error


def _keep_example(described: Any, example: Any, folder: Path) -> None:
    imported("mlflow.models.utils")._save_example(described, example, str(folder))  # noqa: SLF001


def _write_environment(folder: Path, pip_requirements: list[str] | None) -> None:
    """Write what an environment for the model consists of, in the three forms that MLflow reads."""
    needed = pip_requirements or [
        f"lstmwidgets=={__version__}",
        *(f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", *PINNED)),
    ]
    listed = "".join(f"  - {one}\n" for one in needed)
    python = platform.python_version()
    (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in needed))
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies:\n  - pip\ndependencies:\n  - -r requirements.txt\n"
    )
    indented = "".join(f"    {line}\n" for line in listed.splitlines())
    (folder / "conda.yaml").write_text(
        "name: mlflow-env\nchannels:\n  - conda-forge\n"
        f"dependencies:\n  - python={python}\n  - pip\n  - pip:\n{indented}"
    )
