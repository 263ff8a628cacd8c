"""On Apache Spark: predictions and learning with a state per key, and training in batches."""

from typing import TYPE_CHECKING

from lstmwidgets.lazy import lazily

if TYPE_CHECKING:
    from .learning import learned_model, spark_learn
    from .predicting import spark_predict
    from .redis_source import redis_streams
    from .training import fit_on_spark

__all__ = ["fit_on_spark", "learned_model", "redis_streams", "spark_learn", "spark_predict"]

_MODULES = {
    "fit_on_spark": "training",
    "learned_model": "learning",
    "redis_streams": "redis_source",
    "spark_learn": "learning",
    "spark_predict": "predicting",
}


if not TYPE_CHECKING:  # to a type checker every name would exist
    __getattr__ = lazily(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
