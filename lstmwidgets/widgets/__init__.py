"""Notebook widgets that show an LSTM while it runs."""

from .live_stream import LiveStream
from .pane import Pane

__all__ = ["LiveStream", "Pane"]
