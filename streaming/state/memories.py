"""What simple rules know of a stream, as bytes."""

from __future__ import annotations

import struct
from typing import Any, Protocol


class Memories(Protocol):
    """How what simple rules know of a stream is kept, in front of the stream's own bytes."""

    @property
    def packed(self) -> int:
        """How many bytes it takes."""

    def new_memory(self) -> Any:
        """Return what is known of a stream at its beginning."""

    def pack(self, memory: Any) -> bytes:
        """Return it as bytes."""

    def unpack(self, data: bytes) -> Any:
        """Return what `pack` was given."""


LAST = struct.Struct("<d")


class LastNumbers:
    """Keeps a stream's last target, a number; None, kept as NaN, if there was none."""

    @property
    def packed(self) -> int:
        """How many bytes it takes."""
        return LAST.size

    def new_memory(self) -> Any:
        """Return None."""
        return None

    def pack(self, memory: Any) -> bytes:
        """Return it as bytes."""
        return LAST.pack(float("nan") if memory is None else memory)

    def unpack(self, data: bytes) -> Any:
        """Return what `pack` was given."""
        (last,) = LAST.unpack(data)
        return None if last != last else last
