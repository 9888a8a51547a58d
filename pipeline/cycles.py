"""How both sensors sit on the leg, as each cycle of movement shows it.

A cycle lasts from one forward swing of the shank to the next, or, in exercises, from one bend of the knee to the next.
A leg that does the same again repeats itself: the mean direction of the vertical in a sensor's frame (its mean tilts),
and the main axis of its angular rate (how it is turned about the segment's long axis, which no standing shows), come
back to within a degree or two. Both are weighted by how fast the segment turns, so that pauses and pace do not matter,
and turning about the vertical is left out, so that a walk around a corner looks like a straight one. The shape of a
cycle, its duration and how far each segment turned in it, does not depend on how the sensors sit, and tells which
cycles may be compared. Source of the axis: the principal component of the angular rate, as in pipeline/axis_watch.py.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Bools, Floats, Ints
from pipeline.leg_rows import LegRows
from pipeline.quaternions import upward

_DEG = np.pi / 180.0

LOOKS_HZ = 25.0
"""Rows a second that are looked at. Means over a whole cycle need no more: 50 find the same slips at twice the cost."""


@dataclass(frozen=True, slots=True)
class CycleParameters:
    """swing_rad_s: forward rate of the shank that begins a cycle of gait. bent, straight: flexion (rad) that begins a
    repetition, once the knee was straight. gait_s: how long after a swing no bend counts. shortest_s, longest_s: of a
    cycle. least_path: how far (rad) each segment turns in a cycle, to and fro."""

    swing_rad_s: float = 2.0
    bent: float = 40.0 * _DEG
    straight: float = 22.0 * _DEG
    gait_s: float = 2.4
    shortest_s: float = 0.6
    longest_s: float = 9.0
    least_path: float = 0.3


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle, begin to end (grid rows).

    angles: (6,) of thigh and shank: x and z of the mean upward direction in the calibrated frame, and the azimuth of
    the turning axis about its long axis; rad. shape: (3,) logarithms of the duration and of the turning of thigh and
    shank.
    """

    begin: int
    end: int
    angles: Floats
    shape: Floats


class Cycles:
    """`update` rows that follow each other, in pieces of any size; it returns the cycles that ended in them."""

    def __init__(self, rate_hz: float, parameters: CycleParameters | None = None) -> None:
        self._p = parameters or CycleParameters()
        self._rate = rate_hz
        self._step = max(1, round(rate_hz / LOOKS_HZ))
        self._swing = 0.0
        self._bent = False
        self._swung = -np.inf
        self._begin: int | None = None
        self._sum = np.zeros(_COLUMNS)

    def update(self, rows: LegRows, alignment: Alignment) -> list[Cycle]:
        """rows: the next ones."""
        looked = slice((-rows.start) % self._step, None, self._step)
        ok = rows.ok[looked]
        if not len(ok):
            return []
        first = rows.start + looked.start
        sums = np.empty((_COLUMNS, len(ok)))
        thigh = _look(rows.thigh_gyr[looked], rows.thigh_quat[looked], sums[:9])
        shank = _look(rows.shank_gyr[looked], rows.shank_quat[looked], sums[9:18])
        sums[18] = ~ok
        swing = rows.shank_gyr[looked] @ alignment.shank_from_sensor[2]
        bend = _sagittal(thigh, alignment.thigh_from_sensor) - _sagittal(shank, alignment.shank_from_sensor)
        begins = self._begins(swing, bend, first)
        parts = np.add.reduceat(sums, np.concatenate([[0], begins]), axis=1).T
        if len(begins) and begins[0] == 0:
            # A cycle begins with the first row: of nothing before it, reduceat gives that row.
            parts[0] = 0.0
        parts[0] += self._sum
        self._sum = parts[-1]
        edges = [self._begin, *(first + self._step * begins).tolist()]
        self._begin = edges[-1]
        return self._whole(edges, parts[:-1], alignment)

    def _begins(self, swing: Floats, bend: Floats, first: int) -> Ints:
        """Rows (of those looked at) in which a cycle begins; one that comes too soon after another is none."""
        p = self._p
        swings = _rises(swing, p.swing_rad_s, self._swing)
        self._swing = float(swing[-1])
        state = np.where(bend > p.bent, 1, np.where(bend < p.straight, 0, -1))
        at = np.maximum.accumulate(np.where(state >= 0, np.arange(len(state)), -1))
        bent = np.where(at >= 0, state[at] == 1, self._bent)
        bends = bent & ~np.concatenate([[self._bent], bent[:-1]])
        self._bent = bool(bent[-1])
        chosen = []
        latest = -np.inf if self._begin is None else float(self._begin)
        for k in np.flatnonzero(swings | bends).tolist():
            row = first + self._step * k
            if swings[k]:
                self._swung = row
            elif row - self._swung < p.gait_s * self._rate:
                continue
            if row - latest >= p.shortest_s * self._rate:
                chosen.append(k)
                latest = row
        return np.array(chosen, np.int64)

    def _whole(self, edges: list[int | None], sums: Floats, alignment: Alignment) -> list[Cycle]:
        """Those of the stretches between edges that are cycles; sums: (k, 19)."""
        p = self._p
        span = np.array([0 if a is None or b is None else b - a for a, b in pairwise(edges)])
        looks_hz = self._rate / self._step
        paths = np.stack([sums[:, 3:6].sum(axis=1), sums[:, 12:15].sum(axis=1)], axis=1) / looks_hz
        good: Bools = (span > 0) & (span < p.longest_s * self._rate) & (sums[:, 18] == 0.0)
        chosen = np.flatnonzero(good & (paths.min(axis=1, initial=np.inf) > p.least_path))
        if not len(chosen):
            return []
        thigh = _angles(sums[chosen, :9], alignment.thigh_from_sensor)
        shank = _angles(sums[chosen, 9:18], alignment.shank_from_sensor)
        angles = np.concatenate([thigh, shank], axis=1)
        shapes = np.log(np.column_stack([span[chosen] / self._rate, paths[chosen]]))
        begins = [int(edges[k] or 0) for k in chosen.tolist()]
        return [
            Cycle(b, b + int(span[k]), angles[i], shapes[i])
            for i, (b, k) in enumerate(zip(begins, chosen.tolist(), strict=True))
        ]


_COLUMNS = 19
"""Of each sensor the upward direction (3) and the scatter of the rate (6), and whether a row is missing."""
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def _look(gyr: Floats, quat: Floats, out: Floats) -> Floats:
    """Fill out (9, n): upward direction times the rate without its vertical part, and that rate's products over its
    size. Returns the upward direction (3, n)."""
    up = np.empty((3, len(gyr)))
    for begin in range(0, len(gyr), _AT_ONCE):
        rows = slice(begin, begin + _AT_ONCE)
        up[:, rows] = _looked(gyr[rows], quat[rows], out[:, rows])
    return up


_AT_ONCE = 2048
"""Rows of which all that is calculated stays in the processor's cache."""


def _looked(gyr: Floats, quat: Floats, out: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of some rows."""
    ux, uy, uz = upward(quat)
    x, y, z = np.ascontiguousarray(gyr.T)
    along = x * ux + y * uy + z * uz
    x -= along * ux
    y -= along * uy
    z -= along * uz
    xx, yy, zz = x * x, y * y, z * z
    size = np.sqrt(xx + yy + zz + 1e-9)
    for row, value in enumerate((ux, uy, uz)):
        np.multiply(value, size, out[row])
    for row, value in enumerate((xx, yy, zz, x * y, x * z, y * z), 3):
        np.divide(value, size, out[row])
    return ux, uy, uz


def _sagittal(up: Floats, segment: Floats) -> Floats:
    """(n,) sagittal inclination, lower end forwards +, rad."""
    return np.asarray(np.arctan2(segment[0] @ up, segment[1] @ up))


def _rises(values: Floats, level: float, before: float) -> Bools:
    """(n,) where the values rise above a level; before: the last one."""
    above = values > level
    rises: Bools = above & ~np.concatenate([[before > level], above[:-1]])
    return rises


def _angles(sums: Floats, segment: Floats) -> Floats:
    """(k, 3) x and z of the mean upward direction, and azimuth of the turning axis, in the segment's frame."""
    up = sums[:, :3] @ segment.T
    up /= np.linalg.norm(up, axis=1)[:, None]
    scatter = np.empty((len(sums), 3, 3))
    for column, (a, b) in enumerate(_PAIRS, 3):
        scatter[:, a, b] = scatter[:, b, a] = sums[:, column]
    axis = np.linalg.eigh(scatter)[1][:, :, 2] @ segment.T
    axis *= np.where(axis[:, 2:] < 0.0, -1.0, 1.0)
    return np.stack([up[:, 0], up[:, 2], np.arctan2(axis[:, 0], axis[:, 2])], axis=1)
