"""Where predictions go."""

from .jsonl import JsonLines

__all__ = ["JsonLines"]
