"""What comes from the radio: notifications and the fate of the connections, in one bounded queue, in one order."""

import asyncio
from collections import deque
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


class ArrivalQueue:
    """Everything that came and was not fetched yet, oldest first.

    When `limit` notifications wait, further ones are refused (the caller counts them): an unread queue must not grow
    without end. Link events are few and never refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[Arrival | LinkEvent] = deque()
        self._filled = asyncio.Event()
        self._error: Exception | None = None

    def put(self, arrival: Arrival) -> bool:
        """Append a notification; False where the queue is full and it was refused."""
        if len(self._items) >= self._limit:
            return False
        self._items.append(arrival)
        self._filled.set()
        return True

    def tell(self, event: LinkEvent) -> None:
        """Append a link event."""
        self._items.append(event)
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """Let the next `take` raise this error, after everything that came before it has been fetched."""
        self._error = self._error or error
        self._filled.set()

    async def take(self, timeout_s: float) -> list[Arrival | LinkEvent]:
        """Everything that waits; waits up to timeout_s for the first. Raises what `fail` was given, once."""
        if not self._items and not self._error and timeout_s > 0:
            self._filled.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._filled.wait()
            except TimeoutError:
                return []
        taken = list(self._items)
        self._items.clear()
        if not taken and self._error is not None:
            error, self._error = self._error, None
            raise error
        return taken
