"""Sentences in, classes out, explained word by word: an LSTM as a scikit-learn classifier."""

from .edits import Edit, Flip, Flips
from .explanation import Explanation
from .model import SentimentModel
from .reading import Reading, TextReader

__all__ = ["Edit", "Explanation", "Flip", "Flips", "Reading", "SentimentModel", "TextReader"]
