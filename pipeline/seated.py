"""The calibration of a person who sits: sitting still, then the knee stretched and bent again, slowly.

In sitting the thigh lies level and the shank hangs, so the flexion axis is level too: it is at right angles to the
upward direction as the thigh's sensor sees it in standing (the long axis) and in sitting (the front). That needs no
movement of the thigh, which soft tissue would disturb. The shank's axis is the one its gyroscope turns about while the
knee is stretched and bent; forwards is where its lower end goes first. A standing before or after gives the long axes.

Of two rests between which the thigh turned by about a right angle and the shank did not, which is the sitting? The
frames are not known yet, and seen from the sensors one is the mirror image of the other; but on sitting down the thigh
sensor goes down by some 15 cm, which its acceleration between the two rests tells.
"""

from dataclasses import dataclass

import numpy as np

from calibration.alignment import STANDING_AND_SEATED, Alignment, Axis, frame, turning_axis
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats
from pipeline.flexion_count import excursions
from pipeline.leg_rows import LegRows, inclination_from, join_rows
from pipeline.quaternions import upward
from pipeline.rests import Rest

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class SeatedParameters:
    """lying: angle of the thigh between standing and sitting, rad, least and most; hanging: most of the shank's.
    rest_blocks: rest that makes a sitting; standing_blocks: a standing after it.
    bent: movement of the shank from its hanging, rad, that makes a flexion; back: it has returned; thigh_most: what the
    thigh may move meanwhile. shortest_s, longest_s: of a flexion. flexions: how many are wanted.
    thigh_sd, shank_sd: of the axes, rad (soft tissue of the bent thigh; simulated people, seeds below 100).
    kept_blocks: of moving rows; between_blocks: of movement between two rests that tells which one is lower. left: a
    thigh that went so far and came back without a rest squatted: what was counted before was no sitting, rad.
    inward: how far the tibia is turned inward on the average of these flexions (as for standing ones), rad.
    """

    lying: tuple[float, float] = (50.0 * _DEG, 115.0 * _DEG)
    hanging: float = 35.0 * _DEG
    rest_blocks: int = 3
    standing_blocks: int = 4
    bent: float = 30.0 * _DEG
    back: float = 14.0 * _DEG
    thigh_most: float = 18.0 * _DEG
    shortest_s: float = 0.8
    longest_s: float = 6.0
    flexions: int = 4
    thigh_sd: float = 5.0 * _DEG
    shank_sd: float = 4.0 * _DEG
    upright_sd: float = 0.5 * _DEG
    kept_blocks: int = 60
    between_blocks: int = 16
    left: float = 30.0 * _DEG
    inward: float = 9.5 * _DEG


@dataclass(frozen=True, slots=True)
class SeatedFound:
    """alignment; standing and flexing: grid rows; rows: holding both where flexing is not None."""

    alignment: Alignment
    standing: tuple[int, int]
    flexing: tuple[int, int]
    flexions: int


class Seated:
    """`update` with every complete block; a SeatedFound when sitting, flexions and a standing were seen. `sitting`:
    whether the person sits at present, as far as is known."""

    def __init__(self, rate_hz: float, side_sign: float, parameters: SeatedParameters | None = None) -> None:
        self._p = parameters or SeatedParameters()
        self._rate = rate_hz
        self._sign = side_sign
        self._resting: list[LegRows] = []
        self._between: list[LegRows] | None = None
        self._here: Rest | None = None
        self._standing: Rest | None = None
        self._moving: list[LegRows] = []
        self._bent_at: int | None = None
        self._most = 0.0
        self._left = False
        self.sitting = False
        self.count = 0

    def update(self, rows: LegRows, rests: bool) -> SeatedFound | None:
        """rows: a block; rests: whether both sensors kept still over it."""
        if rests:
            self._resting = [*self._resting, rows][-12:]
            return self._rest() if len(self._resting) >= self._p.rest_blocks else None
        if len(self._resting) >= self._p.rest_blocks:
            self._between = []
        elif self._between is not None:
            self._between = [*self._between, *self._resting]
        self._resting = []
        if self._between is not None:
            self._between = None if len(self._between) >= self._p.between_blocks else [*self._between, rows]
        if self._here is not None:
            self._follow(rows)
        return None

    def _rest(self) -> SeatedFound | None:
        """The person rests, here or elsewhere than before."""
        p = self._p
        rest = Rest.of(self._resting)
        if self._here is not None and self._apart(rest, self._here):
            sat = self._sat_down()
            if sat:
                self._standing = self._here
                self._forget()
                self.sitting = True
            else:
                if self.count < p.flexions:
                    self._forget()
                self._standing, self.sitting = rest, False
        elif self._left:
            self._forget()
        if not self.count:
            self._here = rest
        if self._standing is None or self.count < p.flexions:
            return None
        if not self.sitting and len(self._resting) < p.standing_blocks:
            self._standing = rest
            return None
        return self._found()

    def _sat_down(self) -> bool:
        """Whether the present rest is lower than the last one; where that cannot be told, sitting follows standing."""
        if not self._between or self.sitting:
            return not self.sitting
        rows = join_rows(self._between)
        r = upward(rows.thigh_quat)
        a = rows.thigh_acc
        rise = r[0] * a[:, 0] + r[1] * a[:, 1] + r[2] * a[:, 2] - STANDARD_GRAVITY
        speed = np.cumsum(rise) / self._rate
        # Both ends are at rest: what is left at the end is drift.
        speed = speed - speed[-1] * np.arange(1, len(speed) + 1) / len(speed)
        return float(speed.sum()) / self._rate < 0.0

    def _apart(self, rest: Rest, other: Rest) -> bool:
        """Whether one of them can be the sitting where the other one is the standing."""
        thigh = _between(rest.up_thigh, other.up_thigh)
        shank = _between(rest.up_shank, other.up_shank)
        return self._p.lying[0] <= thigh <= self._p.lying[1] and shank <= self._p.hanging

    def _forget(self) -> None:
        self._here, self._moving, self._bent_at, self.count, self._left = None, [], None, 0, False

    def _follow(self, rows: LegRows) -> None:
        """Count flexions in a block, should the rest before it have been sitting."""
        assert self._here is not None
        p = self._p
        thigh = inclination_from(self._here.up_thigh, rows.thigh_quat)
        most = float(thigh.max())
        self._left |= most > p.left
        if most > p.thigh_most:
            self._bent_at = None
            self.sitting = self.sitting and float(thigh.min()) < 0.7 * p.lying[0]
            if 0 < self.count < p.flexions:
                self._moving, self.count = [], 0
            return
        self._moving = [*self._moving, rows][-p.kept_blocks :]
        shank = inclination_from(self._here.up_shank, rows.shank_quat)
        for begin, end, back in excursions(shank > p.back, self._bent_at is not None):
            if begin > 0 or self._bent_at is None:
                self._bent_at, self._most = rows.start + begin - 1, 0.0
            if end > begin:
                self._most = max(self._most, float(shank[begin:end].max()))
            if back:
                lasted = (rows.start + end - 1 - self._bent_at) / self._rate
                if self._most > p.bent and p.shortest_s <= lasted <= p.longest_s:
                    self.count += 1
                self._bent_at = None

    def _found(self) -> SeatedFound | None:
        assert self._standing is not None and self._here is not None
        p = self._p
        moving = join_rows(self._moving)
        up_thigh, up_shank = self._standing.up_thigh, self._standing.up_shank
        right = np.cross(self._here.up_thigh, up_thigh)
        right /= np.linalg.norm(right)
        shank = turning_axis(moving.shank_gyr, up_shank, prior_sd=p.shank_sd)
        count, standing = self.count, self._standing
        self._forget()
        if shank is None:
            return None
        forward = np.cross(up_shank, shank.direction)
        # Stretching brings the shank's lower end forward: its upward direction leans towards its front.
        lean = moving.shank_acc @ forward
        if float(lean.mean()) < 0.0:
            shank = Axis(-shank.direction, shank.sd)
        alignment = Alignment(
            frame(up_thigh, right),
            frame(up_shank, shank.direction),
            p.thigh_sd,
            shank.sd,
            p.upright_sd,
            STANDING_AND_SEATED,
        ).turned(0.0, self._sign * p.inward)
        return SeatedFound(
            alignment,
            (standing.begin, standing.end),
            (moving.start, moving.start + len(moving)),
            count,
        )


def _between(a: Floats, b: Floats) -> float:
    return float(np.arccos(np.clip(a @ b, -1.0, 1.0)))
