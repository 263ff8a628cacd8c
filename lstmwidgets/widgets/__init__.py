"""Notebook widgets that show an LSTM while it runs."""

from .cell_inspector import CellInspector
from .live_stream import LiveStream
from .pane import Pane
from .state_heatmap import StateHeatmap

__all__ = ["CellInspector", "LiveStream", "Pane", "StateHeatmap"]
