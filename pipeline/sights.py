"""What quiet standings and cycles of movement show of how the sensors sit: angles to be compared among their like.

A sight is one quiet standing, or some cycles of the same shape (pipeline/cycles.py). A standing gives five angles: the
sagittal and frontal tilts of both sensors, and the turn of one frame against the other beyond what the heading filter
expects. Cycles give six: the tilts, and the azimuth of each sensor's turning axis. Sights of one kind repeat to within
a scatter that is known, and seen; a sensor that turns on its segment by a small vector changes them in a known way.
"""

from dataclasses import dataclass, field, replace

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
    """One observation, begin to end (grid rows). kind: of which others differ from it by chance alone; family: of which
    others differ a little, as slow walking from fast. angles: (5,) or (6,) rad. weight: 1 for one full standing or
    `cycles` cycles. noise: (5,) or (6,) rad2, variances that are its own. lasts_s: a cycle, usually. axes, follows: of
    a standing, see `Expected`."""

    kind: int
    begin: int
    end: int
    angles: Floats
    weight: float
    noise: Floats
    lasts_s: float = 0.0
    family: int = STANDING
    axes: float = 0.0
    follows: float = 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a neutral standing should show, as the heading filter believes it. turn, sd: between the frames' Z, rad, and
    its standard deviation where the frames' axes are known. axes: what is believed of them in it, the correction of the
    shank's frame less that of the thigh's about their long axes, rad. follows: by how much of a later change of `axes`
    the turn changes: all where movement has shown the heading itself, nothing where only standing has."""

    turn: float
    sd: float
    axes: float
    follows: float


@dataclass(frozen=True, slots=True)
class MannerParameters:
    """cycles, fewest: that make a sight, at best and at least. within_s: how far apart they may be. alike: largest
    differences of the logarithms of duration and turning of cycles of one kind, and of the mean sagittal tilts of thigh
    and shank (rad), which no slip of the usual size passes. related: the same of kinds of gait, of cycles that last no
    longer than short_s, that make one family. remembered: kinds."""

    cycles: int = 4
    fewest: int = 3
    within_s: float = 25.0
    alike: tuple[float, ...] = (0.45, 0.16, 0.16, 10.0 * _DEG, 10.0 * _DEG)
    related: tuple[float, ...] = (0.45, 0.4, 0.3, 7.0 * _DEG, 7.0 * _DEG)
    short_s: float = 2.0
    remembered: int = 16


@dataclass(slots=True)
class _Manner:
    """A kind of cycles. look: (5,) what they usually look like. waiting: those that made no sight yet. seen: how many
    did. last: row in which the last one ended."""

    kind: int
    family: int
    look: Floats
    waiting: list[Cycle] = field(default_factory=list)
    seen: int = 0
    last: int = 0


class Manners:
    """`add` cycles in order; it returns the sights that become complete."""

    def __init__(self, rate_hz: float, parameters: MannerParameters | None = None) -> None:
        self._p = parameters or MannerParameters()
        self._rate = rate_hz
        self._alike, self._related = np.array(self._p.alike), np.array(self._p.related)
        self._looks = np.empty((0, len(self._p.alike)))
        self._known: list[_Manner] = []
        self._next = 0

    def add(self, cycle: Cycle) -> Sight | None:
        """One cycle."""
        manner = self._of(_look(cycle))
        manner.last = cycle.end
        within = self._p.within_s * self._rate
        manner.waiting = [c for c in manner.waiting if cycle.end - c.begin <= within] + [cycle]
        return self._sight(manner) if len(manner.waiting) >= self._p.cycles else None

    def rest(self) -> list[Sight]:
        """What is left: with the end of the recording nothing comes any more."""
        left = [self._sight(m) for m in self._known if len(m.waiting) >= self._p.fewest]
        return sorted(left, key=lambda s: s.end)

    def _sight(self, manner: _Manner) -> Sight:
        cycles, manner.waiting = manner.waiting, []
        manner.seen += 1
        angles = np.array([c.angles for c in cycles])
        middle = np.sort(angles, axis=0)
        half = len(angles) // 2
        median = middle[half] if len(angles) % 2 else 0.5 * (middle[half - 1] + middle[half])
        spread = angles - angles.sum(axis=0) / len(angles)
        noise = (spread * spread).sum(axis=0) * _OF_MEDIAN / (len(angles) * (len(angles) - 1))
        weight = len(angles) / self._p.cycles
        lasts_s = float(np.exp(manner.look[0]))
        return Sight(manner.kind, cycles[0].begin, cycles[-1].end, median, weight, noise, lasts_s, manner.family)

    def _of(self, look: Floats) -> _Manner:
        """The kind of this look, and its usual look brought nearer; a new one where none is alike."""
        far = np.abs(self._looks - look)
        if len(far):
            apart = (far / self._alike).max(axis=1)
            at = int(apart.argmin())
            if apart[at] <= 1.0:
                self._looks[at] += 0.1 * (look - self._looks[at])
                self._known[at].look = self._looks[at]
                return self._known[at]
        family = self._family(look, far)
        if len(self._known) >= self._p.remembered:
            # What was never seen often enough goes first, then what was not seen for longest.
            gone = min(range(len(self._known)), key=lambda k: (self._known[k].seen > 0, self._known[k].last))
            self._looks = np.delete(self._looks, gone, axis=0)
            del self._known[gone]
        self._looks = np.concatenate([self._looks, look[None]])
        self._known.append(_Manner(self._next, family, look))
        self._next += 1
        return self._known[-1]

    def _family(self, look: Floats, far: Floats) -> int:
        """Of a new kind: that of the nearest kind of gait that is related to it, or its own."""
        if not len(far) or look[0] > np.log(self._p.short_s):
            return self._next
        apart = (far / self._related).max(axis=1)
        apart[self._looks[:, 0] > np.log(self._p.short_s)] = np.inf
        at = int(apart.argmin())
        return self._known[at].family if apart[at] <= 1.0 else self._next


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


def standing_sight(quiet: list[Quiet], frame: Alignment, expected: Expected, weight: float) -> Sight:
    """What a rest shows in a frame."""
    acc = np.sum([q.acc for q in quiet], axis=0)
    facing = np.sum([q.facing for q in quiet], axis=0)
    acc /= np.sqrt(np.sum(acc * acc, axis=1))[:, None]
    thigh, shank = frame.thigh_from_sensor @ acc[0], frame.shank_from_sensor @ acc[1]
    azimuths = np.arctan2(facing[:, 1], facing[:, 0])
    noise = np.zeros(5)
    noise[TURN] = expected.sd**2
    turn = wrapped(float(azimuths[0] - azimuths[1]) - expected.turn)
    angles = np.array([thigh[0], thigh[2], shank[0], shank[2], turn])
    return Sight(
        STANDING, quiet[0].begin, quiet[-1].end, angles, weight, noise, axes=expected.axes, follows=expected.follows
    )


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


def known_again(sight: Sight, shown: float, expected: Expected) -> Sight:
    """The calibration's standing, which showed a turn (rad), against what is expected of it now."""
    angles, noise = sight.angles.copy(), sight.noise.copy()
    angles[TURN], noise[TURN] = wrapped(shown - expected.turn), expected.sd**2
    return replace(sight, angles=angles, noise=noise, axes=expected.axes, follows=expected.follows)
