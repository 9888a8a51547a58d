"""What quiet standings and cycles of movement show of how the sensors sit: angles to be compared among their like.

A sight is one quiet standing, or some cycles of the same shape (pipeline/cycles.py). A standing gives five angles: the
sagittal and frontal tilts of both sensors, and the turn of one frame against the other beyond what the heading filter
expects. Cycles give six: the tilts, and the azimuth of each sensor's turning axis. Sights of one kind repeat to within
a scatter that is known, and seen; a sensor that turns on its segment by a small vector changes them in a known way.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from calibration.alignment import Alignment, upright
from pipeline.blocks import Floats
from pipeline.cycles import Cycle
from pipeline.heading_model import wrapped
from pipeline.leg_rows import LegRows

_DEG = np.pi / 180.0

STANDING = -1
"""The kind of standings; cycles are numbered from 0."""
TURN = 4
"""Index of the turn among a standing's angles."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One observation, begin to end (grid rows). kind: which others it may be compared with. angles: (5,) or (6,) rad.
    weight: 1 for one full standing or `cycles` cycles. noise: (5,) or (6,) rad2, variances that are its own. lasts_s:
    a cycle, usually."""

    kind: int
    begin: int
    end: int
    angles: Floats
    weight: float
    noise: Floats
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MannerParameters:
    """cycles, fewest: that make a sight, at best and at least. within_s: how far apart they may be. alike: largest
    differences of the logarithms of duration and turning of cycles of one kind, and of the mean sagittal tilts of thigh
    and shank (rad), which no slip of the usual size passes. remembered: kinds."""

    cycles: int = 4
    fewest: int = 3
    within_s: float = 25.0
    alike: tuple[float, ...] = (0.45, 0.16, 0.16, 10.0 * _DEG, 10.0 * _DEG)
    remembered: int = 16


@dataclass(slots=True)
class _Manner:
    """One kind of cycle: its shape, and those that are no sight yet."""

    kind: int
    shape: Floats
    cycles: list[Cycle] = field(default_factory=list)


class Manners:
    """`add` cycles in order; it returns the sights that become complete."""

    def __init__(self, rate_hz: float, parameters: MannerParameters | None = None) -> None:
        self._p = parameters or MannerParameters()
        self._rate = rate_hz
        self._alike = np.array(self._p.alike)
        self._known: list[_Manner] = []
        self._next = 0

    def add(self, cycle: Cycle) -> Sight | None:
        """One cycle."""
        manner = self._of(cycle)
        manner.shape = manner.shape + 0.1 * (_look(cycle) - manner.shape)
        within = self._p.within_s * self._rate
        manner.cycles = [c for c in manner.cycles if cycle.end - c.begin <= within] + [cycle]
        if len(manner.cycles) < self._p.cycles:
            return None
        sight = self._sight(manner)
        manner.cycles = []
        return sight

    def rest(self) -> list[Sight]:
        """What is left: with the end of the recording, or a pause, nothing comes any more."""
        sights = [self._sight(m) for m in self._known if len(m.cycles) >= self._p.fewest]
        for manner in self._known:
            manner.cycles = []
        return sorted(sights, key=lambda s: s.end)

    def _sight(self, manner: _Manner) -> Sight:
        angles = np.array([c.angles for c in manner.cycles])
        noise = angles.var(axis=0, ddof=1) * _OF_MEDIAN / len(angles)
        weight = len(angles) / self._p.cycles
        first, last = manner.cycles[0], manner.cycles[-1]
        lasts_s = float(np.exp(manner.shape[0]))
        return Sight(manner.kind, first.begin, last.end, np.median(angles, axis=0), weight, noise, lasts_s)

    def _of(self, cycle: Cycle) -> _Manner:
        """The kind of this cycle, the latest used at the end of the list; a new one where none is alike."""
        far = [float(np.max(np.abs(_look(cycle) - m.shape) / self._alike)) for m in self._known]
        if far and min(far) <= 1.0:
            manner = self._known.pop(int(np.argmin(far)))
        else:
            manner = _Manner(self._next, _look(cycle))
            self._next += 1
        self._known = [*self._known, manner][-self._p.remembered :]
        return manner


def _look(cycle: Cycle) -> Floats:
    """(5,) what tells kinds of cycles apart."""
    return np.concatenate([cycle.shape, cycle.angles[[0, 3]]])


_OF_MEDIAN = 1.5
"""Variance of a median of a few over that of their mean."""


def standing_sight(rows: LegRows, frame: Alignment, turn: tuple[float, float], weight: float) -> Sight:
    """What rows at rest show in a frame. turn: of one sensor's frame against the other's, beyond what the heading
    filter expects, and the standard deviation of that, rad."""
    thigh = frame.thigh_from_sensor @ upright(rows.thigh_acc)
    shank = frame.shank_from_sensor @ upright(rows.shank_acc)
    noise = np.zeros(5)
    noise[TURN] = turn[1] ** 2
    angles = np.array([thigh[0], thigh[2], shank[0], shank[2], turn[0]])
    return Sight(STANDING, rows.start, rows.start + len(rows), angles, weight, noise)


def turned(sight: Sight, thigh: float, shank: float) -> Sight:
    """A sight as it looks in frames that are turned about their long axes (rad), as `Alignment.turned` does."""
    angles = sight.angles.copy()
    for by, at in ((thigh, 0), (shank, 2 if sight.kind == STANDING else 3)):
        x, z = sight.angles[at : at + 2]
        angles[at : at + 2] = np.cos(by) * x - np.sin(by) * z, np.sin(by) * x + np.cos(by) * z
        if sight.kind != STANDING:
            angles[at + 2] = wrapped(float(angles[at + 2]) - by)
    return replace(sight, angles=angles)


def effects(kind: int, usual: Floats) -> tuple[Floats, Floats]:
    """(m, 3) each: how a small turn of thigh's or shank's sensor, a vector (rad) in the segment's frame, changes the
    angles of a sight of this kind. usual: (m,) what they usually are."""
    if kind == STANDING:
        thigh, shank = np.zeros((5, 3)), np.zeros((5, 3))
        thigh[:2] = shank[2:4] = [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]
        thigh[TURN, 1], shank[TURN, 1] = 1.0, -1.0
        return thigh, shank
    both = np.zeros((2, 6, 3))
    for effect, at in zip(both, (0, 3), strict=True):
        x, z = usual[at : at + 2]
        y = float(np.sqrt(max(1.0 - x * x - z * z, 0.0)))
        # A frame turned by w sees a fixed direction v as v - w x v.
        effect[at : at + 3] = [[0.0, -z, y], [-y, x, 0.0], [0.0, -1.0, 0.0]]
    return both[0], both[1]


def known_standing(begin: int, end: int) -> Sight:
    """The calibration's standing: all angles are zero by definition."""
    return Sight(STANDING, begin, end, np.zeros(5), 1.0, np.zeros(5))
