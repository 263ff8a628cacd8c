"""A saved model's predictions on Apache Spark, with a state per key that Spark keeps."""

from .predicting import spark_predict

__all__ = ["spark_predict"]
