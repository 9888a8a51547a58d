"""Places packets that carry a device clock on one timeline: wraps, loss, order, duplicates, restarts.

Clock and (where there is one) sample counter of a packet are compared with the furthest ones so far. Ahead is normal;
up to 1 s behind is a late packet, delivered with its true, smaller ticks, or a duplicate, rejected. More than 1 s back,
more than a minute ahead, or a clock and a counter that disagree can only be a device that has restarted, or damage.
That is believed only when the next packet follows on: then both are delivered, ticks going on one sample interval
after the last; otherwise the doubtful packet is rejected. So one damaged packet never bends the time of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from firmware_interface.drivers.counting import Move, Unwrapper
from firmware_interface.drivers.rates import SECOND
from firmware_interface.samples import Bools, Clock, Floats, ImuSamples

TICK_S = 1e-6
"""Ticks are microseconds."""

_FOLLOWS_ON = 2 * SECOND


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of n samples at an even spacing.

    time_us: raw 32-bit clock of the first sample. step_us: spacing, also to the next packet; 0 where not yet known.
    counter: raw 32-bit counter of the first sample, or None where the format has none.
    acc, gyr, mag, clipped, battery: as in `ImuSamples`.
    """

    time_us: int
    step_us: int
    counter: int | None
    acc: Floats
    gyr: Floats
    mag: Floats | None
    clipped: Bools
    battery: float | None = None

    def __len__(self) -> int:
        return len(self.acc)


class Timeline:
    """The packets of one connection in the order of their arrival."""

    def __init__(self) -> None:
        self._clock = Unwrapper(32, late=SECOND, ahead=60 * SECOND)
        self._counter = Unwrapper(32, late=1000, ahead=2**31)
        self._last_tick = 0
        self._next_count = 0
        self._missing = 0
        self._doubtful: Packet | None = None

    def place(self, packet: Packet) -> ImuSamples:
        """The samples that this packet makes certain."""
        move, tick, count = self._look(packet)
        if move is Move.JUMP:
            return self._jump(packet)
        rejected = int(self._doubtful is not None)
        self._doubtful = None
        if move is Move.DUPLICATE:
            return empty(rejected + 1)
        return self._take(packet, move, tick, count, rejected)

    def _look(self, packet: Packet) -> tuple[Move, int, int]:
        move, tick = self._clock.look(packet.time_us)
        if packet.counter is None:
            return move, tick, 0
        counter_move, count = self._counter.look(packet.counter)
        return (move if move is counter_move else Move.JUMP), tick, count

    def _jump(self, packet: Packet) -> ImuSamples:
        before, self._doubtful = self._doubtful, packet
        if before is None:
            return empty(0)
        if not self._follows(before, packet):
            return empty(1)
        self._doubtful = None
        tick, count = self._last_tick + max(before.step_us, 1), self._next_count
        self._clock.restart(before.time_us, tick)
        if before.counter is not None:
            self._counter.restart(before.counter, count)
        self._missing = 0
        first = self._take(before, Move.FIRST, tick, count, 0)
        second = self._take(packet, *self._look(packet), 0)
        return replace(joined([first, second]), restarts=1)

    def _follows(self, before: Packet, packet: Packet) -> bool:
        if not 0 < self._clock.distance(before.time_us, packet.time_us) <= _FOLLOWS_ON:
            return False
        if before.counter is None or packet.counter is None:
            return True
        return 0 < self._counter.distance(before.counter, packet.counter) <= 2000

    def _take(self, packet: Packet, move: Move, tick: int, count: int, rejected: int) -> ImuSamples:
        n = len(packet)
        lost = self._lost(packet, move, tick, count)
        self._missing += lost
        self._clock.take(packet.time_us, tick)
        if packet.counter is not None:
            self._counter.take(packet.counter, count)
        if move is not Move.LATE:
            self._last_tick, self._next_count = tick + (n - 1) * packet.step_us, count + n
        return ImuSamples(
            ticks=tick + packet.step_us * np.arange(n, dtype=np.int64),
            tick_s=TICK_S,
            clock=Clock.DEVICE_TIME,
            acc=packet.acc,
            gyr=packet.gyr,
            mag=packet.mag,
            clipped=packet.clipped,
            battery=packet.battery,
            lost=lost,
            rejected=rejected,
        )

    def _lost(self, packet: Packet, move: Move, tick: int, count: int) -> int:
        """Samples missing before the packet; negative for a late one, which was counted when it was missing."""
        if move is Move.LATE:
            return -min(len(packet), self._missing)
        if move is not Move.AHEAD or packet.step_us == 0:
            return 0
        if packet.counter is not None:
            return max(count - self._next_count, 0)
        return max(round((tick - self._last_tick) / packet.step_us) - 1, 0)


def empty(rejected: int) -> ImuSamples:
    """No samples on this timeline."""
    return ImuSamples.empty(TICK_S, Clock.DEVICE_TIME, rejected=rejected)


def joined(blocks: Sequence[ImuSamples]) -> ImuSamples:
    """Blocks that follow each other as one, at least one; clock and battery are the last one's."""
    fields = [block.mag for block in blocks if block.mag is not None]
    return replace(
        blocks[-1],
        ticks=np.concatenate([block.ticks for block in blocks]),
        acc=np.concatenate([block.acc for block in blocks]),
        gyr=np.concatenate([block.gyr for block in blocks]),
        mag=np.concatenate(fields) if len(fields) == len(blocks) else None,
        clipped=np.concatenate([block.clipped for block in blocks]),
        lost=sum(block.lost for block in blocks),
        rejected=sum(block.rejected for block in blocks),
        restarts=sum(block.restarts for block in blocks),
    )
