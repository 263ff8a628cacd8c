"""Notebook widgets that show an LSTM while it runs."""

from .cell_inspector import CellInspector
from .compare import Compare
from .cost_panel import CostPanel
from .gate_lab import GateLab
from .gradient_flow import GradientFlow
from .live_stream import LiveStream
from .memory_timeline import MemoryTimeline
from .pane import Pane
from .pattern_match import PatternMatch
from .sentiment_explorer import SentimentExplorer
from .state_heatmap import StateHeatmap
from .training_monitor import TrainingMonitor

__all__ = [
    "CellInspector",
    "Compare",
    "CostPanel",
    "GateLab",
    "GradientFlow",
    "LiveStream",
    "MemoryTimeline",
    "Pane",
    "PatternMatch",
    "SentimentExplorer",
    "StateHeatmap",
    "TrainingMonitor",
]
