"""`process` looks back: where two sensors' clocks stood, as it is known minutes later.

The time base is causal: in the first minutes it does not know what the wraps of the phases, the motion of the leg and
the connections to come will tell. A line that is fitted later holds for the time before it as well, as far as its
memory reaches. So the lines are kept as they were from time to time, with what was added to the device's time then; and
when the recording is over the difference between that and the line of five minutes later (or of the connection's end)
moves each sensor's rows. They are moved by a part of a row at most and by a cubic, which changes nothing of the
movement. Rows beside a hole stay, and so do those of sensors whose packets carry neither clock nor counter.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from firmware_interface.samples import Clock
from pipeline.blocks import Bools, Floats, GridBlock
from pipeline.timebase import TimeBase
from pipeline.two_clocks import Agreed

_EVERY_S = 0.5
_LATER_S = 300.0
"""Half of what a line's memory holds (see `envelope`)."""
_LEAST_S = 1e-4
_MOST_S = 0.1


@dataclass(slots=True)
class _Mapping:
    """Of one mapping of a device's clock: session times, device times, what was added, and the lines then."""

    time_s: list[float] = field(default_factory=list)
    x_s: list[float] = field(default_factory=list)
    shift_s: list[float] = field(default_factory=list)
    lines: list[Agreed] = field(default_factory=list)

    def late_s(self) -> Floats:
        """(n,) by how much each time was too late."""
        x = np.array(self.x_s)
        value, slope, of = (np.array([getattr(line, n) for line in self.lines]) for n in ("value_s", "slope", "x_s"))
        later = np.minimum(np.searchsorted(x, x + _LATER_S), len(x) - 1)
        true = value[later] + slope[later] * (x - of[later])
        return np.asarray(np.clip(np.array(self.shift_s) - true, -_MOST_S, _MOST_S))


class KnownLater:
    """One sensor's lines, as they come."""

    def __init__(self) -> None:
        self._mappings: list[_Mapping] = []
        self._now: tuple[object, int, int] | None = None
        self._due_s = -1e300

    def note(self, base: TimeBase, pair: int, time_s: float, last: bool = False) -> None:
        """The newest sample was given this time; last: no more will come of this connection. pair: number of the
        mapping of both sensors: where one begins anew, lines that were agreed on with the other end too."""
        if not base.is_open or base.clock is Clock.NONE:
            return
        mapping = (base, base.restarts, pair)
        if mapping != self._now:
            self._now, self._due_s = mapping, -1e300
            self._mappings.append(_Mapping())
        x = base.newest_x_s
        if x < self._due_s and not last:
            return
        self._due_s = x + _EVERY_S
        here = self._mappings[-1]
        here.time_s.append(time_s)
        here.x_s.append(x)
        here.shift_s.append(base.shift_s)
        here.lines.append(base.line)

    def late_s(self, time_s: Floats) -> Floats:
        """(n,) by how much the sensor's rows at these times came out too late."""
        if not self._mappings:
            return np.zeros(len(time_s))
        times = np.concatenate([mapping.time_s for mapping in self._mappings])
        late = np.concatenate([mapping.late_s() for mapping in self._mappings])
        return np.asarray(np.interp(time_s, times, late))


def looked_back(grid: GridBlock, thigh: KnownLater | None, shank: KnownLater | None) -> GridBlock:
    """The rows of both sensors where they belong."""
    if thigh is not None:
        acc, gyr = _moved(grid, thigh, grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok)
        grid = replace(grid, thigh_acc=acc, thigh_gyr=gyr)
    if shank is not None:
        acc, gyr = _moved(grid, shank, grid.shank_acc, grid.shank_gyr, grid.shank_ok)
        grid = replace(grid, shank_acc=acc, shank_gyr=gyr)
    return grid


def _moved(grid: GridBlock, sensor: KnownLater, acc: Floats, gyr: Floats, ok: Bools) -> tuple[Floats, Floats]:
    late = sensor.late_s(grid.time_s)
    at = np.arange(len(grid)) + late * grid.rate_hz
    low = np.floor(at).astype(np.intp)
    inner = (low >= 1) & (low + 2 < len(grid)) & (np.abs(late) > _LEAST_S)
    rows = np.flatnonzero(inner)
    low, part = low[inner], (at[inner] - low[inner])[:, None]
    delivered = ok[rows] & ok[low - 1] & ok[low] & ok[low + 1] & ok[low + 2]
    rows, low, part = rows[delivered], low[delivered], part[delivered]
    if not len(rows):
        return acc, gyr
    found = []
    for values in (acc, gyr):
        a, b, c, d = (values[low + k] for k in (-1, 0, 1, 2))
        moved = values.copy()
        bend = 2.0 * a - 5.0 * b + 4.0 * c - d + part * (3.0 * (b - c) + d - a)
        moved[rows] = b + 0.5 * part * (c - a + part * bend)
        found.append(moved)
    return found[0], found[1]
