"""Sentences in, classes out, explained word by word: an LSTM as a scikit-learn classifier."""

from .model import SentimentModel

__all__ = ["SentimentModel"]
