"""Unwraps device counters: raw values that wrap at a power of two become integers that grow with the device.

Each raw value is compared with the furthest one so far, as a signed distance modulo 2^bits. A little behind is a late
(reordered) packet and keeps its true, smaller value; a value that was seen before is a duplicate; ahead within reason
is the normal case, wraps included. Everything else can only be a device that started its counter anew, or damage: the
caller decides which, and restarts the count.
"""

from collections import deque
from enum import Enum


class Move(Enum):
    """Where a raw value stands against those before it."""

    FIRST = "first"
    AHEAD = "ahead"
    LATE = "late"
    DUPLICATE = "duplicate"
    JUMP = "jump"


class Unwrapper:
    """One wrapping counter.

    Parameters
    ----------
    bits : width of the raw counter.
    late : how far behind the furthest value a packet may come and still be taken as late, in counts.
    ahead : the longest step forward that is believed, in counts.
    """

    def __init__(self, bits: int, late: int, ahead: int) -> None:
        self._modulus = 1 << bits
        self._late = late
        self._ahead = ahead
        self._head_raw = 0
        self._floor = 0
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        self.head: int | None = None
        """The furthest unwrapped value so far; None before the first."""

    def look(self, raw: int) -> tuple[Move, int]:
        """Where raw stands, and its unwrapped value; nothing is remembered yet."""
        if self.head is None:
            return Move.FIRST, raw
        distance = self.distance(self._head_raw, raw)
        value = self.head + distance
        if 0 < distance <= self._ahead:
            return Move.AHEAD, value
        if -self._late <= distance <= 0:
            return (Move.DUPLICATE if value in self._seen or value < self._floor else Move.LATE), value
        return Move.JUMP, value

    def distance(self, before: int, after: int) -> int:
        """Signed shortest way from one raw value to another."""
        return (after - before + self._modulus // 2) % self._modulus - self._modulus // 2

    def take(self, raw: int, value: int) -> None:
        """Remember a value that `look` placed as first, ahead or late."""
        if self.head is None:
            self._floor = value
        if self.head is None or value > self.head:
            self.head, self._head_raw = value, raw
        self._seen.add(value)
        self._order.append(value)
        while self._order[0] < self.head - self._late:
            self._seen.discard(self._order.popleft())

    def restart(self, raw: int, value: int) -> None:
        """The counter starts anew: raw stands for value from now on, and nothing older is accepted."""
        self._seen.clear()
        self._order.clear()
        self.head = None
        self.take(raw, value)


class Widened:
    """A counter of few bits, continued so far that a timeline of 32 bits can judge it.

    Where it jumps, its value is told from the furthest believed one, which stays: if the timeline takes the jump for
    a restart, `restarted` makes it the new start; if not, it was damage, and moved nothing.
    """

    def __init__(self, bits: int) -> None:
        self._unwrapper = Unwrapper(bits, late=(1 << bits) // 8, ahead=(1 << bits) // 2 - 1)
        self._latest = (0, 0)

    def value(self, raw: int) -> int:
        """The continued value; it may be negative after a jump back."""
        move, value = self._unwrapper.look(raw)
        self._latest = raw, value
        if move in (Move.FIRST, Move.AHEAD, Move.LATE):
            self._unwrapper.take(raw, value)
        return value

    def restarted(self) -> None:
        """What came last is where the counter goes on from."""
        self._unwrapper.restart(*self._latest)
