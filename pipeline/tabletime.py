"""The time of an imported table's rows: session time already, taken as it is, but not believed blindly.

A single row far from its neighbours in time is refused, repeated rows are duplicates, rows out of order are given on to
be sorted in. Where the table's time begins anew (a logger that was restarted) it goes on shortly after the last row.
"""

from collections import deque
from dataclasses import dataclass
from math import nan

from firmware_interface.samples import Clock

_RECENT_TICKS = 2048
_BEFORE_ALL = -(1 << 62)


@dataclass(frozen=True)
class TableTimeParameters:
    """Seconds. jump_s: a jump, forward or back, beyond this must be confirmed by the next row.

    max_jump_s: a jump forward beyond this is never believed (empty rows without end would follow).
    restart_gap_s: where time begins anew, it goes on this long after the last row: too long to be bridged.
    """

    jump_s: float = 2.0
    max_jump_s: float = 6 * 3600.0
    restart_gap_s: float = 0.2


class TableTime:
    """The time base of a table's rows of one sensor: same interface as `TimeBase`."""

    clock = Clock.SESSION
    skew_ppm = 0.0
    time_sd_s = 0.0
    inferred_lost = 0
    shift_s = 0.0
    is_open = True

    def __init__(self, tick_s: float, parameters: TableTimeParameters | None = None) -> None:
        self._p = parameters or TableTimeParameters()
        self._tick_s = tick_s
        self._open = False
        self._doubted: list[int] = []
        self._recent: deque[int] = deque(maxlen=_RECENT_TICKS)
        self._newest = _BEFORE_ALL
        self._newest_x = 0.0
        self._shift = 0.0
        self.duplicates = 0
        self.reordered = 0
        self.refused = 0
        self.restarts = 0

    def update(self, ticks: list[int], arrival_s: float) -> list[float]:
        """Times of the rows that are certain by now, in the order given; nan marks a row that must not be used."""
        times: list[float] = []
        for tick in ticks:
            self._add(tick, times)
        return times

    def finish(self) -> list[float]:
        """Times of the rows still in doubt: not believed, except where there was but one row at all."""
        return self._settle(believe=not self._open)

    def _add(self, tick: int, times: list[float]) -> None:
        p = self._p
        x = tick * self._tick_s + self._shift
        if not self._open:
            self._begin(tick, x, times)
            return
        ahead = x - self._newest_x
        if -p.jump_s <= ahead <= p.jump_s:
            if self._doubted:
                times.extend(self._settle(believe=False))
        elif ahead > p.max_jump_s:
            times.extend(self._settle(believe=False))
            self.refused += 1
            times.append(nan)
            return
        elif not self._doubted:
            self._doubted = [tick]
            return
        else:
            agrees = abs(tick - self._doubted[0]) * self._tick_s <= p.jump_s
            if not agrees:
                times.extend(self._settle(believe=False))
                self._doubted = [tick]
                return
            if ahead < 0:
                self.restarts += 1
                self._newest = _BEFORE_ALL
                self._recent.clear()
                first = min(self._doubted[0], tick) * self._tick_s
                self._shift = self._newest_x + p.restart_gap_s - first
                x = tick * self._tick_s + self._shift
            times.extend(self._settle(believe=True))
        times.append(self._time(tick, x))

    def _begin(self, tick: int, x: float, times: list[float]) -> None:
        """Begin with the first two rows that agree: a first row far from the rest must not set the time."""
        if self._doubted and abs(tick - self._doubted[0]) * self._tick_s <= self._p.jump_s:
            self._open = True
            self._newest_x = min(self._doubted[0], tick) * self._tick_s
            times.extend(self._settle(believe=True))
            times.append(self._time(tick, x))
        else:
            times.extend(self._settle(believe=False))
            self._doubted = [tick]

    def _time(self, tick: int, x: float) -> float:
        if tick <= self._newest and tick in self._recent:
            self.duplicates += 1
            return nan
        if tick < self._newest:
            self.reordered += 1
        else:
            self._newest = tick
        self._newest_x = max(self._newest_x, x)
        self._recent.append(tick)
        return x

    def _settle(self, believe: bool) -> list[float]:
        held, self._doubted = self._doubted, []
        if believe:
            return [self._time(tick, tick * self._tick_s + self._shift) for tick in held]
        self.refused += len(held)
        return [nan] * len(held)
