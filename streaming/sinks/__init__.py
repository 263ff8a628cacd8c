"""Where predictions go."""

from .base import Sink
from .jsonl import JsonLines

__all__ = ["JsonLines", "Sink"]
