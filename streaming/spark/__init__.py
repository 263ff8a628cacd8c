"""On Apache Spark: predictions with a state per key that Spark keeps, and training in batches."""

from .predicting import spark_predict
from .training import fit_on_spark

__all__ = ["fit_on_spark", "spark_predict"]
