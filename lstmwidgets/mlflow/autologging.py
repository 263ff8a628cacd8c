"""Every `fit` as a run of MLflow: options, epochs, verdict, the report's page, the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..analysis.course import epoch_course
from ..plots.pages import save_report
from ..training import Epoch, FitResult, TrainingRun
from ..training.fitting import ONLOOKERS
from .flavor import imported, log_model

REPORT = "report.html"


def autolog(*, log_models: bool = True, disable: bool = False) -> None:
    """Let every `lstmwidgets.fit` from now on be logged to MLflow.

    Into the active run, or else a new one, go: the model's arguments and the options of the
    training as parameters; the losses, scores, rates and gradient norms of each epoch as metrics at
    its step; ``best_epoch``; the verdict and why the training stopped as tags; the curves as the
    artifact ``report.html``, a page that needs nothing from elsewhere; and the model. That a run
    cannot be begun is an error; what MLflow refuses later is a warning, and the training goes on.

    Parameters
    ----------
    log_models : bool
        Whether to log the model, by `log_model`.
    disable : bool
        Whether to end it.

    Raises
    ------
    ModuleNotFoundError
        If MLflow is not installed (``pip install 'lstmwidgets[mlflow]'``).

    Examples
    --------
    >>> autolog(disable=True)
    """
    ONLOOKERS[:] = [one for one in ONLOOKERS if not isinstance(one, Autolog)]
    if not disable:
        imported("mlflow")
        ONLOOKERS.append(Autolog(log_models))


class Autolog:
    """Looks on at trainings, and logs them.

    Parameters
    ----------
    log_models : bool
        Whether to log the models, too.
    """

    def __init__(self, log_models: bool) -> None:
        self._log_models = log_models

    @contextmanager
    def __call__(self, training: TrainingRun) -> Iterator[Callable[[Epoch], None]]:
        """Log a training from its begin to its end; what it gives is told each epoch."""
        mlflow = imported("mlflow")
        is_own = mlflow.active_run() is None
        run = mlflow.start_run() if is_own else mlflow.active_run()
        status = "FAILED"
        try:
            told = {**training.model.config, **training.options}
            _log(mlflow.log_params, {name: str(value) for name, value in told.items()})
            yield lambda epoch: _log(
                mlflow.log_metrics, _metrics(epoch), epoch.epoch, run_id=run.info.run_id
            )
            _log(self._log_result, training.result)
            status = "FINISHED"
        finally:
            if is_own:
                mlflow.end_run(status)

    def _log_result(self, result: FitResult) -> None:
        mlflow = imported("mlflow")
        mlflow.set_tags({"verdict": result.verdict, "stopped": result.stopped})
        mlflow.log_metric("best_epoch", result.best_epoch)
        with TemporaryDirectory() as folder:
            page = Path(folder) / REPORT
            save_report(epoch_course(result.epochs), result.verdict, page)
            mlflow.log_artifact(str(page))
        if self._log_models:
            log_model(result.model)


def _metrics(epoch: Epoch) -> dict[str, float]:
    """Return the numbers of an epoch that are known."""
    score = epoch.score_name.replace(" ", "_")
    numbers = {
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
        f"train_{score}": epoch.train_score,
        f"validation_{score}": epoch.validation_score,
        "lr": epoch.lr,
        "gradient_norm": epoch.gradient_norm,
        "seconds": epoch.seconds,
    }
    return {name: float(number) for name, number in numbers.items() if number is not None}


def _log(function: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Log something; say so in a warning where it cannot be: a training is worth more than that."""
    refusals = (imported("mlflow.exceptions").MlflowException, OSError, TypeError, ValueError)
    try:
        function(*args, **options)
    except refusals as error:
        warnings.warn(f"MLflow has not got all of this training: {error}", stacklevel=2)
