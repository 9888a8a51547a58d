"""The client: any number of chosen sensors, streaming into one queue until it is stopped.

found = await scan(5.0)
async with Client([Chosen(0, found[0], 100.0)], anchor_ns=time.perf_counter_ns()) as client:
    while True:
        for item in await client.receive(0.1):
            ...
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from firmware_interface.arrivals import Arrival, ArrivalQueue, LinkEvent
from firmware_interface.connection import Chosen, Connection, LinkCounters, LinkParameters
from firmware_interface.scanning import Backend, Found, scan

__all__ = [
    "Arrival",
    "Backend",
    "Chosen",
    "Client",
    "Found",
    "LinkCounters",
    "LinkEvent",
    "LinkParameters",
    "scan",
]

_STOP_S = 20.0
"""Longest wait for all sensors to be stopped: a stop and a disconnection of 5 s each, and a connection being made."""


class Client:
    """Connects the chosen sensors, keeps them streaming, and hands on what they say.

    Parameters
    ----------
    sensors : which devices, under which numbers; numbers and addresses are unique. Nothing is written to others.
    anchor_ns : `time.perf_counter_ns()` at the session's time zero; host times count from there.
    backend : None for the operating system's Bluetooth, or a virtual radio's.
    parameters : time-outs and back-off.
    queue_limit : notifications of one sensor that may wait to be fetched (5000 are 50 s at 100 Hz).
    """

    def __init__(
        self,
        sensors: Sequence[Chosen],
        *,
        anchor_ns: int,
        backend: Backend | None = None,
        parameters: LinkParameters | None = None,
        queue_limit: int = 5_000,
    ) -> None:
        addresses = {each.found.device.address for each in sensors}
        if len({each.sensor for each in sensors}) < len(sensors) or len(addresses) < len(sensors):
            raise ValueError("every sensor is to be chosen once, under a number of its own")
        self._queue = ArrivalQueue(queue_limit)
        radio = asyncio.Lock()

        def now_ns() -> int:
            return time.perf_counter_ns() - anchor_ns

        self._connections = [
            Connection(each, self._queue, radio, now_ns, parameters or LinkParameters(), backend) for each in sensors
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(connection.run()) for connection in self._connections]

    async def receive(self, timeout_s: float) -> list[Arrival | LinkEvent]:
        """All that has come since the last call, in order; waits up to timeout_s for the first.

        Raises
        ------
        SensorSilentError : a sensor has delivered nothing since the start, for `first_data_s`. Raised once for each
            sensor; the client goes on with all of them, and the caller may too.
        RadioError : Bluetooth stopped working before the sensor was ever connected.
        """
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
        return await self._queue.take(timeout_s)

    async def stop(self) -> None:
        """Stop every sensor and disconnect. What had come before can still be received."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # A stack that never answers must not hold the end of a session.
            await asyncio.wait(self._tasks, timeout=_STOP_S)
        self._tasks = []

    @property
    def counters(self) -> dict[int, LinkCounters]:
        """What each sensor's connection has gone through, by its number."""
        return {each.chosen.sensor: replace(each.counters) for each in self._connections}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
