"""Messages of all partitions of a Kafka topic, in one order."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import StreamError
from ..kafka_address import LOOK_SECONDS, KafkaAddress, Trouble
from .taken_order import Run, TakenOrder

if TYPE_CHECKING:
    from confluent_kafka import Consumer

COUNT = 500
"""Messages that are taken at once."""

AHEAD, LEAST_AHEAD = 40_000, 4_000
"""Messages that are kept of all partitions at most while others are waited for, and of each.

What the client has read of a partition that is to pause, it has to read again; so it is many.
"""

LOOK_AGAIN = 10.0
"""Seconds after which it is looked for partitions that were added."""

REMEDY = "; restore it, or begin anew with another --checkpoint folder"


class TopicReader:
    """Reads all partitions, each in its order; the earliest of the messages that come next is next.

    A partition that is not at its end is waited for, so that what was there before does not depend
    on which broker was faster. How it came out is noted, and read again as it was.

    Parameters
    ----------
    address : KafkaAddress
        The topic.
    follow : bool
        Read on at the ends that the partitions have when they are first read, and look for new
        partitions.
    latest : bool
        Begin at the ends instead of the beginnings.
    order : TakenOrder
        Where it is noted.

    Attributes
    ----------
    places : dict of int to int
        Offset of the message to take next, by partition.
    topic_id : str or None
        What tells the topic from others of its name, once it is read.
    ends : dict of int to int
        Offsets that partitions are read up to, as far as they are known.
    told : dict of int to int
        Where partitions end as their brokers told last, once something was read.
    """

    def __init__(
        self, address: KafkaAddress, *, follow: bool, latest: bool, order: TakenOrder
    ) -> None:
        self.places: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.told: dict[int, int] = {}
        self.topic_id: str | None = None
        self._address = address
        self._follow = follow
        self._latest = latest
        self._order = order
        self._again = order.behind({})
        self._queues: dict[int, deque[Any]] = {}
        self._at_end: dict[int, int] = {}  # and where that is
        self._paused: set[int] = set()
        self._trouble = Trouble()
        self._looked: float | None = None
        self._open: Consumer | None = None

    @property
    def done(self) -> bool:
        """Whether everything was taken up to the ends."""
        read = bool(self._queues) and not self._again and not self.has_some
        return read and not self._follow and self._queues.keys() == self._at_end.keys()

    @property
    def has_some(self) -> bool:
        """Whether there is something to take."""
        return any(self._queues.values())

    def resume(self, places: Mapping[int, int], topic_id: str | None) -> None:
        """Go on at these offsets of this topic."""
        self.places = dict(places)
        self.topic_id = topic_id
        self._again = self._order.behind(places)

    def close(self) -> None:
        """Close the connections."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def fetch(self, seconds: float) -> bool:
        """Bring in what has come, wait for it at most so long, and say whether something has.

        Raises
        ------
        ConnectionError
            If no broker answers.
        StreamError
            If what is next is not there any more, or the brokers refuse.
        """
        try:
            self._look()
            came = self._gather(seconds)
            if self._trouble.error is not None and not came:
                self._address.partitions(self._consumer)  # to see whether any broker answers
            self._trouble.error = None
        except ConnectionError:
            self._gather(0)  # only then the reason is told
            if self._trouble.error is not None:
                self._address.check(self._trouble.error)
            raise
        self._bound()
        return came

    def take(self) -> list[Any]:
        """Return the next messages, in order; none if one has to be waited for."""
        if self._again:
            return self._take_again()
        taken: list[Any] = []
        runs: list[Run] = []
        heads = [(_time(queue[0]), n) for n, queue in self._queues.items() if queue]
        heapq.heapify(heads)
        missing = any(not queue and n not in self._at_end for n, queue in self._queues.items())
        while heads and not missing and len(taken) < COUNT:
            _, number = heapq.heappop(heads)
            queue = self._queues[number]
            message = queue.popleft()
            taken.append(message)
            if runs and runs[-1][0] == number:
                runs.pop()
            runs.append((number, message.offset() + 1))
            if queue:
                heapq.heappush(heads, (_time(queue[0]), number))
            else:
                missing = number not in self._at_end
        if runs:
            self._order.took(runs)
            self.places |= dict(runs)
        return taken

    def _take_again(self) -> list[Any]:
        """Return what was taken before, as far as it has come."""
        taken: list[Any] = []
        while self._again:
            number, end = self._again[0]
            queue = self._queues.get(number, deque())
            while queue and queue[0].offset() < end:
                taken.append(queue.popleft())
                self.places[number] = taken[-1].offset() + 1
            if not queue and self._at_end.get(number, -1) < end:
                if number in self._at_end:
                    self._raise_shorter(number, end, self._at_end[number])
                break
            self._again.popleft()
        return taken

    @property
    def _consumer(self) -> Consumer:
        if self._open is None:
            self._open = self._address.consumer(self._trouble)
        return self._open

    def _look(self) -> None:
        """Look for partitions, at first and, where the topic is followed, now and again."""
        now = time.monotonic()
        if self._looked is not None and (not self._follow or now - self._looked < LOOK_AGAIN):
            return
        found = self._address.partitions(self._consumer)
        if found is None:
            if self._queues or self.places or not self._follow:
                read = "; it had been read before" if self.places else ""
                raise StreamError(
                    f"there is no topic {self._address.name}{read}{REMEDY if read else ''}"
                )
            return
        if self._looked is None:
            self._identify()
        self._assign([number for number in found if number not in self._queues])
        self._looked = now

    def _identify(self) -> None:
        """Raise if it is another topic than the one that had been read."""
        before, self.topic_id = self.topic_id, self._address.topic_id()
        if None not in (before, self.topic_id) and before != self.topic_id:
            raise StreamError(
                f"{self._address.name} is another topic than the one that had been read: that was "
                f"removed{REMEDY}"
            )

    def _assign(self, new: list[int]) -> None:
        """Begin to read partitions."""
        from confluent_kafka import TopicPartition

        known = self._order.begins | self.places
        at_end = self._latest and not known
        begins = {number: self._watermarks(number)[at_end] for number in new if number not in known}
        if begins:
            self._order.found(begins)
        for number in new:
            self.places[number] = (known | begins)[number]
            self._queues[number] = deque()
        if new:
            topic = self._address.topic
            places = [TopicPartition(topic, number, self.places[number]) for number in new]
            with self._address.refusals_told():
                self._consumer.incremental_assign(places)

    def _gather(self, seconds: float) -> bool:
        """Put what has come into the queues; say whether something has."""
        first = self._consumer.poll(seconds)
        if first is None:
            return False
        changed: set[int] = set()
        failed: Any = None
        messages: list[Any] = [first, *self._consumer.consume(COUNT, 0)]
        for message in messages:
            error = message.error()
            if error is None:
                self._add(message)
                changed.add(message.partition())
            elif error.name() == "_PARTITION_EOF":
                self._end(message.partition(), message.offset())
            else:
                failed = failed or message
        for number in changed:
            self.told[number] = max(self._high(number), self._queues[number][-1].offset() + 1)
            self._note_end(number)
        if failed is not None:
            self._fail(failed)
        return True

    def _add(self, message: Any) -> None:
        number = message.partition()
        if not self._follow:
            if number not in self.ends:
                self.ends[number] = max(self._high(number), message.offset() + 1)
            if message.offset() >= self.ends[number]:
                self._at_end.setdefault(number, self.ends[number])
                return
        self._at_end.pop(number, None)
        self._queues[number].append(message)

    def _end(self, number: int, offset: int) -> None:
        """Note that a partition is at its end."""
        self._at_end[number] = self.ends[number] = self.told[number] = offset

    def _note_end(self, number: int) -> None:
        """Note it if the last message that has come is the last one there is."""
        queue = self._queues[number]
        if queue:
            place = queue[-1].offset() + 1
            if place >= (self._high(number) if self._follow else self.ends[number]):
                self._at_end[number] = place

    def _high(self, number: int) -> int:
        """Return the end of a partition that the last answer of its broker told."""
        from confluent_kafka import TopicPartition

        place = TopicPartition(self._address.topic, number)
        return self._consumer.get_watermark_offsets(place, cached=True)[1]

    def _watermarks(self, number: int) -> tuple[int, int]:
        """Ask for a partition's beginning and end."""
        from confluent_kafka import TopicPartition

        place = TopicPartition(self._address.topic, number)
        with self._address.refusals_told():
            found = self._consumer.get_watermark_offsets(place, timeout=LOOK_SECONDS)
        if found is None:
            raise ConnectionError("no answer")
        return found

    def _bound(self) -> None:
        """Let nothing more come of partitions of which enough is here."""
        from confluent_kafka import TopicPartition

        topic = self._address.topic
        most = max(AHEAD // max(len(self._queues), 1), LEAST_AHEAD)
        for number, queue in self._queues.items():
            if number not in self._paused and len(queue) >= most:
                self._consumer.pause([TopicPartition(topic, number)])
                self._paused.add(number)
            elif number in self._paused and len(queue) <= most // 2:
                self._consumer.resume([TopicPartition(topic, number)])
                self._paused.remove(number)

    def _fail(self, message: Any) -> None:
        """Raise what an error of a partition means."""
        error = message.error()
        if error.name() == "_AUTO_OFFSET_RESET":
            self._raise_lost(message.partition())
        if error.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"):
            raise StreamError(
                f"there is no topic {self._address.name} any more; it had been read before{REMEDY}"
            )
        self._address.check(error)

    def _raise_lost(self, number: int) -> None:
        """Raise what it means that a partition's next offset is out of range."""
        from confluent_kafka import TopicPartition

        queue = self._queues[number]
        place = queue[-1].offset() + 1 if queue else self.places[number]
        low, high = self._watermarks(number)
        if place > high:
            self._raise_shorter(number, place, high)
        if place < low:
            lost = low - place
            raise StreamError(
                f"partition {number} of {self._address.name} had been read up to offset {place:,} "
                f"and now begins at {low:,}: {lost:,} {'message was' if lost == 1 else 'messages'}"
                f"{'' if lost == 1 else ' were'} removed unread{REMEDY}; a longer retention keeps "
                "them longer"
            )
        self._consumer.seek(TopicPartition(self._address.topic, number, place))
        raise ConnectionError(f"offset {place} of partition {number} is out of range")

    def _raise_shorter(self, number: int, place: int, end: int) -> None:
        raise StreamError(
            f"{self._address.name} is another topic than the one that had been read: partition "
            f"{number} had been read up to offset {place:,} and ends at {end:,}{REMEDY}"
        )


def _time(message: Any) -> int:
    return message.timestamp()[1]  # type: ignore[no-any-return]
