"""Training in batches: `fit` a model, or take its epochs one by one from `iter_fit`."""

from .epochs import Epoch, FitResult
from .fitting import fit, iter_fit
from .loop import DivergedError
from .prediction import predict, predict_proba
from .shards import parquet_loader
from .steering import TrainingRun

__all__ = [
    "DivergedError",
    "Epoch",
    "FitResult",
    "TrainingRun",
    "fit",
    "iter_fit",
    "parquet_loader",
    "predict",
    "predict_proba",
]
