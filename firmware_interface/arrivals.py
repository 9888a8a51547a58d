"""What comes from the radio: notifications and the fate of the connections, in one bounded queue, in one order."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Arrival:
    """One notification as it came. host_time_ns: since the client's anchor, taken when the callback ran."""

    sensor: int
    host_time_ns: int
    characteristic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """What happened to the connection of one sensor.

    kind, fields: `connected` {address, driver, name, rssi_dbm}: stands before the first Arrival of the connection;
    `configured` {rate_hz, writes}: the stream was started; `silent` {silence_s}: connected, but nothing came;
    `disconnected` {reason}: stands after the last Arrival of the connection; `failed` {reason, attempt, retry_s}: no
    connection came about.
    """

    sensor: int
    host_time_ns: int
    kind: str
    fields: Mapping[str, object] = field(default_factory=dict)


class Quota:
    """How many notifications of one sensor are passed on in a second: beyond that it is no sensor but a flood."""

    def __init__(self, most_per_s: int) -> None:
        self._most = most_per_s
        self._second_ns = -(10**18)
        self._heard = 0

    def allows(self, now_ns: int) -> bool:
        """Whether one more may pass at this time (ns, never going back)."""
        if now_ns - self._second_ns >= 1_000_000_000:
            self._second_ns, self._heard = now_ns, 0
        self._heard += 1
        return self._heard <= self._most


class ArrivalQueue:
    """Everything that came and was not fetched yet, oldest first.

    When `limit` notifications of a sensor wait, further ones are refused (the caller counts them): an unread queue must
    not grow without end, and a sensor that floods must not take the others' room. Link events are never refused: they
    are few, as connecting takes time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: Counter[int] = Counter()
        self._items: deque[Arrival | LinkEvent | Exception] = deque()
        self._filled = asyncio.Event()

    def put(self, arrival: Arrival) -> bool:
        """Append a notification; False where its sensor's part of the queue is full and it was refused."""
        if self._waiting[arrival.sensor] >= self._limit:
            return False
        self._waiting[arrival.sensor] += 1
        self._items.append(arrival)
        self._filled.set()
        return True

    def tell(self, event: LinkEvent) -> None:
        """Append a link event."""
        self._items.append(event)
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """Let a `take` raise this error, in its place: after all that came before it was fetched."""
        self._items.append(error)
        self._filled.set()

    async def take(self, timeout_s: float) -> list[Arrival | LinkEvent]:
        """Everything that waits; waits up to timeout_s for the first. Raises what `fail` was given, once."""
        if not self._items and timeout_s > 0:
            self._filled.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._filled.wait()
            except TimeoutError:
                return []
        taken: list[Arrival | LinkEvent] = []
        while self._items:
            item = self._items[0]
            if not isinstance(item, Exception):
                taken.append(item)
            elif taken:
                break
            self._items.popleft()
            if isinstance(item, Arrival):
                self._waiting[item.sensor] -= 1
            if isinstance(item, Exception):
                raise item
        return taken
