"""A radio link's timing: connection events, misses, retransmission, and a sensor's queue that overflows.

bumble's virtual link delivers at once. A real one meets once every connection interval, carries a few packets each
time, and sometimes not at all; what was missed is sent at the next event (Bluetooth acknowledges every packet). So
notifications arrive in bursts, late but in order. When the sensor's queue is full, its firmware drops new packets. When
nothing was heard for the supervision time-out, both ends give the connection up.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class LinkModel:
    """A link's quality.

    interval_s: connection interval (30 ms is what phones and BlueZ commonly choose).
    missed: part of the connection events that fail.
    packets_per_event: the most that one event carries.
    queue_packets: the most that wait in the sensor.
    supervision_s: a link on which every event failed for so long is lost (centrals choose 0.4 to 6 s).
    """

    interval_s: float = 0.03
    missed: float = 0.05
    packets_per_event: int = 6
    queue_packets: int = 40
    supervision_s: float = 2.0


class PacedLink:
    """The packets of one connection on their way. Knows no clock: it is told the time.

    dropped: packets that the sensor could not queue.
    """

    def __init__(self, model: LinkModel, random: np.random.Generator, start_s: float) -> None:
        self._model = model
        self._random = random
        self._next_s = start_s + model.interval_s
        self._heard_s = start_s
        self._faded_to_s = start_s
        self._queue: deque[tuple[str, bytes]] = deque()
        self.dropped = 0

    @property
    def next_s(self) -> float:
        """When the next connection event is due."""
        return self._next_s

    @property
    def lost(self) -> bool:
        """Whether the supervision time-out is over."""
        return self._next_s - self._heard_s > self._model.supervision_s + self._model.interval_s

    def fade(self, until_s: float) -> None:
        """Every connection event up to then fails, as when a body stands in between."""
        self._faded_to_s = until_s

    def offer(self, characteristic: str, payload: bytes) -> None:
        """Queue a packet in the sensor, or drop it where the queue is full."""
        if len(self._queue) >= self._model.queue_packets:
            self.dropped += 1
        else:
            self._queue.append((characteristic, payload))

    def deliver(self, now_s: float) -> list[tuple[str, bytes]]:
        """The packets carried by the connection events up to now."""
        carried: list[tuple[str, bytes]] = []
        while self._next_s <= now_s and not self.lost:
            event_s = self._next_s
            self._next_s += self._model.interval_s
            if self._random.random() >= self._model.missed and event_s >= self._faded_to_s:
                self._heard_s = event_s
                for _ in range(min(self._model.packets_per_event, len(self._queue))):
                    carried.append(self._queue.popleft())
        return carried
