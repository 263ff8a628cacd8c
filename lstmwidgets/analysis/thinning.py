"""A long sequence in bounded memory, for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class Thinned(Generic[Item]):
    """Every k-th item of a sequence of unknown length; k doubles whenever the room is full.

    Parameters
    ----------
    capacity : int
        Most items kept, at least 2.

    Attributes
    ----------
    stride : int
        k: how many positions lie between kept items.
    items : sequence
        The kept items, those at positions 0, k, 2k, …

    Examples
    --------
    >>> thinned = Thinned(4)
    >>> for n in range(10):
    ...     if thinned.wants(n):
    ...         thinned.append(n * 10)
    >>> thinned.stride, thinned.items
    (4, [0, 40, 80])
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 2:
            raise ValueError(f"capacity must be at least 2, got {capacity}")
        self.capacity = capacity
        self.stride = 1
        self._items: list[Item] = []

    @property
    def items(self) -> Sequence[Item]:
        """The kept items, oldest first."""
        return self._items

    def copy(self) -> Self:
        """Return one with the same items, which stays as it is."""
        copied = type(self)(self.capacity)
        vars(copied).update(stride=self.stride, _items=self._items.copy())
        return copied

    @property
    def wanted(self) -> int:
        """The position of the next item that is to be kept."""
        return self.stride * len(self._items)

    def wants(self, position: int) -> bool:
        """Say whether the item at a position is to be kept: whether to make and append it."""
        return position == self.wanted

    def replace(self, place: int, item: Item) -> None:
        """Put an item in the place of a kept one, counted among those."""
        self._items[place] = item

    def append(self, item: Item) -> None:
        """Keep the item that was wanted."""
        self._items.append(item)
        if len(self._items) == self.capacity:
            del self._items[1::2]
            self.stride *= 2
