"""Models on Apache Spark, with a state per key that Spark keeps: predictions, and learning."""

from .learning import learned_model, spark_learn
from .predicting import spark_predict
from .redis_source import redis_streams

__all__ = ["learned_model", "redis_streams", "spark_learn", "spark_predict"]
