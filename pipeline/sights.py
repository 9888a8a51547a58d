"""What quiet standings and cycles of movement show of how the sensors sit: angles to be compared among their like.

A sight is one quiet standing, or some cycles of the same shape (pipeline/cycles.py). A standing gives five angles: the
sagittal and frontal tilts of both sensors, and the turn of one frame against the other beyond what the heading filter
expects. Cycles give six: the tilts, and the azimuth of each sensor's turning axis. Sights of one kind repeat to within
a scatter that is known, and seen; a sensor that turns on its segment by a small vector changes them in a known way.
"""

from dataclasses import dataclass, replace

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Bools, Floats
from pipeline.cycles import Cycle
from pipeline.heading_model import wrapped
from pipeline.leg_rows import LegRows
from pipeline.quaternions import columns

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


class Manners:
    """`add` cycles in order; it returns the sights that become complete."""

    def __init__(self, rate_hz: float, parameters: MannerParameters | None = None) -> None:
        self._p = parameters or MannerParameters()
        self._rate = rate_hz
        self._alike = np.array(self._p.alike)
        self._looks = np.empty((0, len(self._p.alike)))
        self._kinds: list[int] = []
        self._waiting: list[list[Cycle]] = []
        self._next = 0

    def add(self, cycle: Cycle) -> Sight | None:
        """One cycle."""
        at = self._of(_look(cycle))
        within = self._p.within_s * self._rate
        cycles = [c for c in self._waiting[at] if cycle.end - c.begin <= within] + [cycle]
        full = len(cycles) >= self._p.cycles
        self._waiting[at] = [] if full else cycles
        return self._sight(at, cycles) if full else None

    def rest(self) -> list[Sight]:
        """What is left: with the end of the recording nothing comes any more."""
        left = [(k, cycles) for k, cycles in enumerate(self._waiting) if len(cycles) >= self._p.fewest]
        self._waiting = [[] for _ in self._waiting]
        return sorted((self._sight(k, cycles) for k, cycles in left), key=lambda s: s.end)

    def _sight(self, at: int, cycles: list[Cycle]) -> Sight:
        angles = np.array([c.angles for c in cycles])
        middle = np.sort(angles, axis=0)
        half = len(angles) // 2
        median = middle[half] if len(angles) % 2 else 0.5 * (middle[half - 1] + middle[half])
        spread = angles - angles.sum(axis=0) / len(angles)
        noise = (spread * spread).sum(axis=0) * _OF_MEDIAN / (len(angles) * (len(angles) - 1))
        weight = len(angles) / self._p.cycles
        lasts_s = float(np.exp(self._looks[at, 0]))
        return Sight(self._kinds[at], cycles[0].begin, cycles[-1].end, median, weight, noise, lasts_s)

    def _of(self, look: Floats) -> int:
        """The kind of this look, as an index, and its usual look brought nearer; a new one where none is alike, in
        place of the one that was known first."""
        if len(self._kinds):
            far = (np.abs(self._looks - look) / self._alike).max(axis=1)
            at = int(far.argmin())
            if far[at] <= 1.0:
                self._looks[at] += 0.1 * (look - self._looks[at])
                return at
        gone = len(self._kinds) - self._p.remembered + 1
        if gone > 0:
            self._looks = self._looks[gone:]
            self._kinds, self._waiting = self._kinds[gone:], self._waiting[gone:]
        self._looks = np.concatenate([self._looks, look[None]])
        self._kinds.append(self._next)
        self._waiting.append([])
        self._next += 1
        return len(self._kinds) - 1


def _look(cycle: Cycle) -> Floats:
    """(5,) what tells kinds of cycles apart."""
    return np.concatenate([cycle.shape, cycle.angles[[0, 3]]])


_OF_MEDIAN = 1.5
"""Variance of a median of a few over that of their mean."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """What of a block at rest is needed. acc: (2, 3) mean of thigh's and shank's accelerometer, sensor frames, m/s2.
    facing: (2, 2) mean horizontal direction of the frames' Z, level frames. leans: (2, 2) rad, how far thigh and shank
    lean, sagittal and frontal."""

    begin: int
    end: int
    acc: Floats
    facing: Floats
    leans: Floats


def quiet_blocks(rows: LegRows, length: int, rests: Bools, alignment: Alignment, frame: Alignment) -> list[Quiet]:
    """The blocks of `length` rows that are at rest, rests (b,). alignment: to which the heading belongs; frame: in
    which leans are seen."""
    numbers = np.flatnonzero(rests)
    if not len(numbers):
        return []
    acc, facing, leans = (np.empty((len(numbers), 2, size)) for size in (3, 2, 2))
    mean_of = np.kron(np.full((length, 1), 1.0 / length), np.eye(3))

    def blocks(values: Floats) -> Floats:
        chosen: Floats = values[: len(rests) * length].reshape(len(rests), length, -1)[numbers]
        return chosen

    sensors = (
        (rows.thigh_acc, rows.thigh_quat, alignment.thigh_from_sensor[2], frame.thigh_from_sensor),
        (rows.shank_acc, rows.shank_quat, alignment.shank_from_sensor[2], frame.shank_from_sensor),
    )
    for k, (force, quat, z, segment) in enumerate(sensors):
        acc[:, k] = blocks(force).reshape(len(numbers), -1) @ mean_of
        r = columns(blocks(quat)[:, ::_FACES])
        for i in range(2):
            facing[:, k, i] = (r[3 * i] * z[0] + r[3 * i + 1] * z[1] + r[3 * i + 2] * z[2]).mean(axis=1)
        up = acc[:, k] @ segment.T
        leans[:, k] = np.arctan2(up[:, ::2], up[:, 1:2])
    begins = (rows.start + length * numbers).tolist()
    return [Quiet(b, b + length, acc[i], facing[i], leans[i]) for i, b in enumerate(begins)]


_FACES = 5
"""Of so many rows at rest one tells where the frames face."""


def standing_sight(quiet: list[Quiet], frame: Alignment, expected: tuple[float, float], weight: float) -> Sight:
    """What a rest shows in a frame. expected: what the heading filter expects of the turn between the frames' Z, and
    its standard deviation, rad."""
    acc = np.sum([q.acc for q in quiet], axis=0)
    facing = np.sum([q.facing for q in quiet], axis=0)
    acc /= np.sqrt(np.sum(acc * acc, axis=1))[:, None]
    thigh, shank = frame.thigh_from_sensor @ acc[0], frame.shank_from_sensor @ acc[1]
    azimuths = np.arctan2(facing[:, 1], facing[:, 0])
    noise = np.zeros(5)
    noise[TURN] = expected[1] ** 2
    turn = wrapped(float(azimuths[0] - azimuths[1]) - expected[0])
    angles = np.array([thigh[0], thigh[2], shank[0], shank[2], turn])
    return Sight(STANDING, quiet[0].begin, quiet[-1].end, angles, weight, noise)


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
