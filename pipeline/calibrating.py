"""The automatic calibration: finds the quiet standing and the slow flexions in the stream, or makes do with less.

Half-second blocks are looked at one by one. A block is at rest where the rates scatter little and the accelerations
keep still. The last rest of some seconds before the flexions is the standing. A flexion is an excursion of the shank's
inclination from that standing and back, slow, without an impact, in which the thigh moves less than the shank. When
enough of them are over the frames follow (calibration/alignment.py). Where the person moves on without flexions, the
axes come from the motion itself; where there was no standing either, so does the vertical.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from calibration.alignment import (
    INWARD_IN_FLEXIONS,
    INWARD_IN_MOTION,
    MOTION,
    STANDING_AND_FLEXIONS,
    STANDING_AND_MOTION,
    WALKING_SHANK_LEAN,
    WALKING_THIGH_LEAN,
    Alignment,
    Axis,
    frame,
    leaned,
    signed_by_flexion,
    signed_by_swing,
    turning_axis,
    upright,
)
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bools, Floats
from pipeline.calibration_progress import Bend, BendLimits, CalibrationProgress, refusal
from pipeline.leg_rows import LegRows, join_rows, picked_rows, sagittal
from pipeline.quaternions import columns
from pipeline.seated import Seated, SeatedFound

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class CalibratingParameters:
    """rest_gyr_rad_s, rest_acc_m_s2: scatter below which a block is at rest (quiet standing sways by 1 to 2 deg/s).

    rest_blocks: blocks of rest that make a standing. bent, straight: inclination of the shank against standing that
    begins and ends a flexion, rad. flexions: how many are wanted; few: how many will do where the person goes on.
    shortest_s, longest_s: a flexion's duration. impact_m_s2: what no slow flexion reaches. thigh_share: most the
    thigh moves, relative to the shank. motion_blocks: moving blocks after which the motion itself is used, after a
    standing or without one. buffer_blocks: what is kept. moving_rows, moving_enough: rows of movement after the
    flexions, from which the axis of the thigh is taken, at least and at most; telling: mean hyperextension that
    tells which way an axis points, rad. rising_s: how soon after seated flexions a person rises, where that is
    still looked for. *_prior_sd: what soft tissue alone makes of an axis, rad; upright_sd, upright_motion_sd: of
    the long axes with and without a standing; upright_lean: most that a segment may lean in a rest that counts as
    standing, rad; straightest: a walking knee's least flexion, rad.
    """

    rest_gyr_rad_s: float = 0.08
    rest_acc_m_s2: float = 0.35
    rest_blocks: int = 5
    bent: float = 30.0 * _DEG
    straight: float = 12.0 * _DEG
    flexions: int = 5
    few: int = 3
    shortest_s: float = 0.7
    longest_s: float = 6.0
    shake_m_s2: float = 3.5
    thigh_shake_m_s2: float = 1.2
    thigh_share: float = 0.75
    motion_blocks_standing: int = 10
    motion_blocks_alone: int = 40
    buffer_blocks: int = 160
    thigh_tissue: float = 5.0 * _DEG
    thigh_prior_sd: float = 10.0 * _DEG
    shank_prior_sd: float = 4.6 * _DEG
    thigh_gait_sd: float = 3.0 * _DEG
    thigh_motion_sd: float = 6.0 * _DEG
    shank_motion_sd: float = 4.0 * _DEG
    motion_doubt: float = 0.1
    moving_rows: int = 300
    moving_enough: int = 6000
    telling: float = 0.5 * _DEG
    rising_s: float = 30.0
    upright_sd: float = 0.5 * _DEG
    upright_motion_sd: float = 4.0 * _DEG
    upright_lean: float = 20.0 * _DEG
    straightest: float = 3.0 * _DEG


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An alignment and where it came from: the rows of the standing and of the flexions (None where there were none),
    as grid indices, and how many flexions."""

    alignment: Alignment
    standing: tuple[int, int] | None
    flexing: tuple[int, int] | None
    flexions: int
    rows: LegRows


def at_rest(rows: LegRows, p: CalibratingParameters) -> bool:
    """Whether both sensors kept still over these rows."""
    return len(rows) >= 5 and bool(resting(rows, len(rows), p)[0])


def resting(rows: LegRows, length: int, p: CalibratingParameters) -> Bools:
    """(b,) whether both sensors kept still over each whole block of `length` rows."""
    count = len(rows) // length

    def blocks(values: Floats) -> Floats:
        """(b, length, 3), every second row where there are many: sway is slow."""
        return values[: count * length].reshape(count, length, -1)[:, :: 2 if length >= 40 else 1]

    still: Bools = np.all(rows.ok[: count * length].reshape(count, length), axis=1)
    for acc, gyr in ((rows.thigh_acc, rows.thigh_gyr), (rows.shank_acc, rows.shank_gyr)):
        for values, scatter, most in (
            (blocks(gyr), p.rest_gyr_rad_s, _TURNING),
            (blocks(acc), p.rest_acc_m_s2, np.inf),
        ):
            mean = np.einsum("bkc->bc", values) / values.shape[1]
            square = np.einsum("bkc,bkc->bc", values, values) / values.shape[1] - mean * mean
            still &= (square.max(axis=1) <= scatter**2) & (np.abs(mean).max(axis=1) <= most)
    return still


_TURNING = 0.35
"""A mean rate (rad/s) that is no bias but a turn."""


def inclination_from(up: Floats, quat: Floats) -> Floats:
    """(n,) rad between the vertical and the sensor direction `up` (3,) that was vertical in standing."""
    r = columns(quat)
    return np.asarray(np.arccos(np.clip(r[6] * up[0] + r[7] * up[1] + r[8] * up[2], -1.0, 1.0)))


class Calibrating:
    """Feed complete blocks in order; `update` returns a Calibrated when there is enough: perhaps one from motion first,
    and a better one when the flexions come; `done` after that. With a whole recording it waits for flexions until
    `finish` and forgets nothing. anew: there is a calibration already, and only standing and flexions replace it."""

    def __init__(
        self,
        rate_hz: float,
        side_sign: float,
        parameters: CalibratingParameters | None = None,
        recording: LegRows | None = None,
        anew: bool = False,
    ) -> None:
        self._sign = side_sign
        self._p = parameters or CalibratingParameters()
        self._rate = rate_hz
        self._recording = recording
        self._whole = recording is not None
        self._anew = anew
        self._blocks: deque[LegRows] = deque(maxlen=None if self._whole else self._p.buffer_blocks)
        self._resting: list[LegRows] = []
        self._standing: LegRows | None = None
        self._flexing: list[LegRows] = []
        self._peak = 0.0
        self._thigh_peak = 0.0
        self._shake = np.zeros(2)
        self._bent_at: int | None = None
        self._span: tuple[int, int] | None = None
        self._count = 0
        self._moving = self._latest = 0
        self._fallback = ""
        self._walking = False
        self._refused = ""
        self._seated = Seated(rate_hz, side_sign)
        self._sat: SeatedFound | None = None
        self.done = self.over = False

    @property
    def parameters(self) -> CalibratingParameters:
        """As given."""
        return self._p

    @property
    def settled(self) -> bool:
        """Whether nothing that follows can change what `finish` gives: the flexions are over, and nobody rose soon
        after them, to show that it was sitting."""
        if not (self._whole and self._walking and self._count >= self._p.few) or self._span is None:
            return False
        return self._latest - self._span[1] > self._p.rising_s * self._rate

    @property
    def phase(self) -> str:
        """What the person should do now."""
        if self._standing is None:
            return "stand still"
        if self._walking:
            return "walk a few steps"
        if self._count < self._p.flexions:
            return f"bend the knee slowly ({self._count} of {self._p.flexions})"
        return "done"

    @property
    def progress(self) -> CalibrationProgress:
        """The same in figures, and why the last bend was not taken."""
        p, block_s = self._p, 0.5
        still_s = block_s * min(len(self._resting), p.rest_blocks)
        stood = self._standing is not None
        wanted_s = block_s * p.rest_blocks
        return CalibrationProgress(
            still_s, wanted_s, stood, self._count, p.flexions, self._refused, self._walking and not self.done
        )

    def update(self, rows: LegRows, rests: bool | None = None) -> Calibrated | None:
        """rows: one complete block; rests: whether it is at rest, where that is known already."""
        self._blocks.append(rows)
        self._latest = rows.start
        resting = at_rest(rows, self._p) if rests is None else rests
        self._sat = self._seated.update(rows, resting) or self._sat
        if self._sat is not None and not self._whole:
            return self._from_seated(self._sat)
        if self._seated.sitting:
            return None
        if resting:
            return self._rest(rows)
        self._resting = []
        if bool(rows.ok.mean() > 0.5):
            self._moving += 1
        if self._standing is not None:
            other = False if self._walking and self._whole else self._follow(rows)
            if self._count >= self._p.flexions + 3 or (self._count >= self._p.few and (other or self._walking)):
                self._walking = True
                return None if self._whole else self._from_flexions()
        return None if self._whole else self._fall_back()

    def _fall_back(self) -> Calibrated | None:
        """Once from motion alone, once from standing and motion."""
        if self._anew:
            return None
        standing = self._standing is not None
        method = STANDING_AND_MOTION if standing else MOTION
        enough = self._p.motion_blocks_standing if standing else self._p.motion_blocks_alone
        if self._fallback == method or self._count > 0 or self._moving < enough:
            return None
        self._fallback = method
        return self.from_motion()

    def finish(self) -> Calibrated | None:
        """The best that can be had of what was seen, at the end of a recording."""
        sat, span = self._sat, self._span
        if sat is not None and span is not None and span[0] < sat.flexing[1] and span[1] > sat.flexing[0]:
            # What looked like standing was sitting: the person rose after these flexions.
            return self._from_seated(sat)
        if self._standing is not None and self._count >= self._p.few:
            found = self._from_flexions()
            if found is not None:
                return found
        if sat is not None:
            return self._from_seated(sat)
        return self.from_motion()

    def after(self, rows: LegRows) -> Calibrated | None:
        """The blocks after it was done: a calibration where it turns out, on rising, that the person sat. Live, sitting
        still with flexions cannot be told from standing until then. `over` when nothing can come any more."""
        self._blocks.append(rows)
        self.over = rows.start > (self._span or (0, 0))[1] + self._p.buffer_blocks * len(rows)
        sat = self._seated.update(rows, at_rest(rows, self._p))
        if sat is None or self._span is None or sat.flexing[0] > self._span[1] or sat.flexing[1] < self._span[0]:
            return None
        self.over = True
        return self._from_seated(sat)

    def _from_seated(self, sat: SeatedFound) -> Calibrated:
        self.done = True
        rows = self._recording or join_rows(list(self._blocks))
        seen = sat.standing[0] >= rows.start and sat.flexing[0] >= rows.start
        return Calibrated(sat.alignment, sat.standing if seen else None, sat.flexing, sat.flexions, rows)

    def _rest(self, rows: LegRows) -> Calibrated | None:
        if self._standing is not None and self._count >= self._p.few:
            self._walking = True
            return None if self._whole else self._from_flexions()
        self._resting.append(rows)
        if len(self._resting) >= self._p.rest_blocks:
            self._standing = join_rows(self._resting[-20:])
            self._forget_flexions()
            self._moving = 0
        return None

    def _forget_flexions(self) -> None:
        self._count = 0
        self._refused = ""
        self._span = None
        self._bent_at = None

    def _follow(self, rows: LegRows) -> bool:
        """Count flexions in a block; True where something else than a flexion went on."""
        assert self._standing is not None
        p = self._p
        shank = inclination_from(upright(self._standing.shank_acc), rows.shank_quat)
        thigh = inclination_from(upright(self._standing.thigh_acc), rows.thigh_quat)
        shake = [(np.linalg.norm(acc, axis=1) - STANDARD_GRAVITY) ** 2 for acc in (rows.shank_acc, rows.thigh_acc)]
        other = False
        for i in range(len(rows)):
            if self._bent_at is None:
                if shank[i] > p.straight:
                    self._bent_at = rows.start + i
                    self._peak = self._thigh_peak = 0.0
                    self._shake = np.zeros(2)
                continue
            self._peak = max(self._peak, float(shank[i]))
            self._thigh_peak = max(self._thigh_peak, float(thigh[i]))
            self._shake += [shake[0][i], shake[1][i]]
            if shank[i] > p.straight:
                continue
            lasted = (rows.start + i - self._bent_at) / self._rate
            slow = p.shortest_s <= lasted <= p.longest_s
            shank_rms, thigh_rms = np.sqrt(self._shake / max(1, rows.start + i - self._bent_at))
            gentle = shank_rms < p.shake_m_s2 and thigh_rms < p.thigh_shake_m_s2
            gentle = gentle and self._thigh_peak < p.thigh_share * self._peak
            if self._peak > p.bent and slow and gentle:
                self._count += 1
                self._refused = ""
                begin = self._bent_at if self._span is None else self._span[0]
                self._span = (begin, rows.start + i)
            elif self._peak > 1.5 * p.straight:
                other = True
                bend = Bend(self._peak, self._thigh_peak, lasted, float(shank_rms), float(thigh_rms))
                limits = BendLimits(p.bent, p.shortest_s, p.longest_s, p.shake_m_s2, p.thigh_shake_m_s2, p.thigh_share)
                self._refused = refusal(bend, limits)
            self._bent_at = None
        return other

    def _from_flexions(self) -> Calibrated | None:
        """Standing and flexions: the shank's axis from its gyroscope, the thigh's from its own, as far as it moved."""
        assert self._standing is not None and self._span is not None
        p = self._p
        rows = self._recording or join_rows(list(self._blocks))
        flexing = rows.cut(max(0, self._span[0] - rows.start), self._span[1] - rows.start)
        up_thigh, up_shank = upright(self._standing.thigh_acc), upright(self._standing.shank_acc)
        shank = turning_axis(flexing.shank_gyr, up_shank, prior_sd=p.shank_prior_sd)
        if shank is None:
            return None
        shank = signed_by_flexion(shank, up_shank, flexing.shank_acc)
        shank_frame = frame(up_shank, shank.direction)
        thigh = self._thigh_axis(rows, flexing, shank_frame, up_thigh)
        self.done = True
        alignment = Alignment(
            frame(up_thigh, thigh.direction), shank_frame, thigh.sd, shank.sd, p.upright_sd, STANDING_AND_FLEXIONS
        ).turned(0.0, self._sign * INWARD_IN_FLEXIONS)
        standing = (self._standing.start, self._standing.start + len(self._standing))
        return Calibrated(alignment, standing, self._span, self._count, rows)

    def _thigh_axis(self, rows: LegRows, flexing: LegRows, shank_frame: Floats, up: Floats) -> Axis:
        """The thigh's axis: from its movement after the flexions, steps before anything else, where there is enough;
        else from the little it turns in them, with the uncertainty that it deserves."""
        p = self._p
        after = rows.cut(flexing.start + len(flexing) - rows.start, len(rows))
        step = 1 + len(after) // p.moving_enough
        after = picked_rows(after, slice(None, None, step))
        stepping = in_gait(after.shank_gyr @ shank_frame[2], self._rate / step)
        fast = np.linalg.norm(after.thigh_gyr, axis=1) > 0.5
        for used, sd in ((fast & stepping, p.thigh_gait_sd), (fast, p.thigh_motion_sd)):
            if int(used.sum()) * step < p.moving_rows:
                continue
            moving = turning_axis(after.thigh_gyr[used], up, 0.5, sd, p.motion_doubt)
            if moving is not None:
                return moving if _bends(moving, up, after, shank_frame) >= 0.0 else Axis(-moving.direction, moving.sd)
        thigh = turning_axis(flexing.thigh_gyr, up, least_rad_s=0.1, prior_sd=p.thigh_prior_sd)
        leaned_most = float(np.percentile(inclination_from(up, flexing.thigh_quat), 95.0))
        unsure = float(np.arctan2(p.thigh_tissue, leaned_most))
        if thigh is None:
            # It did not move at all: any direction, which the first movement turns right.
            return Axis(np.cross(up, np.eye(3)[int(np.argmin(np.abs(up)))]), unsure)
        thigh = Axis(thigh.direction, max(thigh.sd, unsure))
        forward = np.cross(up, thigh.direction)
        lean = flexing.thigh_acc @ forward
        bend = -(flexing.shank_acc @ shank_frame[0])
        # The thigh's lower end goes forwards a little while the free knee bends: the hip flexes. What came after tells
        # better, where it would bend the knee the wrong way.
        right_way = float(np.cov(lean, bend)[0, 1])
        later = _bends(thigh, up, after, shank_frame)
        if abs(later) > p.telling:
            right_way = later
        return thigh if right_way >= 0.0 else Axis(-thigh.direction, thigh.sd)

    def from_motion(self) -> Calibrated | None:
        """Axes from walking or whatever was done; the vertical from a rest in which the leg was upright, or else from
        the mean inclination of walking legs."""
        blocks = [b for b in self._blocks if bool(b.ok.all())]
        if not blocks:
            return None
        rows = join_rows(blocks)
        moving = np.linalg.norm(rows.shank_gyr, axis=1) > 0.3
        if int(moving.sum()) < 100:
            return None
        mean = _mean_up(rows.thigh_quat[moving]), _mean_up(rows.shank_quat[moving])
        axes = self._axes(rows, *mean)
        if axes is None:
            return None
        ups = self._straightened(rows, axes, mean)
        method, upright_sd = MOTION, self._p.upright_motion_sd
        standing = self._upright_rest(blocks, *ups)
        if standing is not None:
            ups = upright(standing.thigh_acc), upright(standing.shank_acc)
            axes = _facing_forward(self._axes(rows, *ups) or axes, ups, picked_rows(rows, moving))
            method, upright_sd = STANDING_AND_MOTION, self._p.upright_sd
        thigh, shank = axes
        alignment = Alignment(
            frame(ups[0], thigh.direction), frame(ups[1], shank.direction), thigh.sd, shank.sd, upright_sd, method
        ).turned(0.0, self._sign * INWARD_IN_MOTION)
        span = None if standing is None else (standing.start, standing.start + len(standing))
        return Calibrated(alignment, span, None, 0, rows)

    def _axes(self, rows: LegRows, up_thigh: Floats, up_shank: Floats) -> tuple[Axis, Axis] | None:
        """Thigh's and shank's flexion axes from movement, signs included.

        What the body turns about the vertical is taken off: in a short recording with turns it outweighs the steps.
        """
        p = self._p
        shank = turning_axis(
            _levelled(rows.shank_gyr, rows.shank_quat), up_shank, 1.0, p.shank_motion_sd, p.motion_doubt
        )
        thigh = turning_axis(
            _levelled(rows.thigh_gyr, rows.thigh_quat), up_thigh, 0.5, p.thigh_motion_sd, p.motion_doubt
        )
        if shank is None or thigh is None:
            return None
        shank = signed_by_swing(shank, rows.shank_gyr)
        return _sign_of_thigh(thigh, shank, rows, self._rate), shank

    def _straightened(
        self, rows: LegRows, axes: tuple[Axis, Axis], mean: tuple[Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """Long axes such that the mean inclinations are those of walking and the straightest knee that was seen has a
        walking knee's least flexion; what is missing is shared between the segments."""
        leans = [WALKING_THIGH_LEAN, WALKING_SHANK_LEAN]
        quats = rows.thigh_quat, rows.shank_quat
        for _ in range(2):
            ups = [leaned(mean[k], axes[k].direction, leans[k]) for k in range(2)]
            thigh, shank = (sagittal(quats[k], frame(ups[k], axes[k].direction)) for k in range(2))
            missing = self._p.straightest - float(np.percentile(thigh - shank, 2.0))
            leans[0] += 0.5 * missing
            leans[1] -= 0.5 * missing
        return ups[0], ups[1]

    def _upright_rest(self, blocks: list[LegRows], up_thigh: Floats, up_shank: Floats) -> LegRows | None:
        """The longest rest, of a second at least, in which both segments were about upright."""
        best: list[LegRows] = []
        run: list[LegRows] = []
        for rows in blocks:
            leans = _angle(upright(rows.thigh_acc), up_thigh), _angle(upright(rows.shank_acc), up_shank)
            follows = not run or run[-1].start + len(run[-1]) == rows.start
            if at_rest(rows, self._p) and max(leans) < self._p.upright_lean:
                run = [*run, rows] if follows else [rows]
                best = run if len(run) > len(best) else best
            else:
                run = []
        return join_rows(best[-20:]) if len(best) >= 2 else None


def _bends(thigh: Axis, up: Floats, rows: LegRows, shank_frame: Floats) -> float:
    """How much less (rad, mean) the knee bends the wrong way with this axis of the thigh than with its reverse."""
    if not len(rows):
        return 0.0
    lean = sagittal(rows.thigh_quat, frame(up, thigh.direction))
    shank = sagittal(rows.shank_quat, shank_frame)
    return hyperextension(-lean, shank) - hyperextension(lean, shank)


def hyperextension(thigh: Floats, shank: Floats) -> float:
    """How far (rad, mean) a knee with these sagittal inclinations would bend the wrong way, beyond 5 deg: nearly zero
    for a true pair, large where an axis points to the wrong side."""
    return float(np.mean(np.clip(shank - thigh - 5.0 * _DEG, 0.0, None)))


def _facing_forward(axes: tuple[Axis, Axis], ups: tuple[Floats, Floats], rows: LegRows) -> tuple[Axis, Axis]:
    """Both axes pointing to the right: of the four ways, one in which the knee never bends the wrong way; of several
    (squats alone), the one with the most flexion."""
    thigh = sagittal(rows.thigh_quat, frame(ups[0], axes[0].direction))
    shank = sagittal(rows.shank_quat, frame(ups[1], axes[1].direction))
    ways = [(t, s) for t in (1.0, -1.0) for s in (1.0, -1.0)]
    wrong = [hyperextension(t * thigh, s * shank) for t, s in ways]
    likely = [way for way, size in zip(ways, wrong, strict=True) if size < min(wrong) + 1.0 * _DEG]
    swings = float(np.mean(rows.shank_gyr @ axes[1].direction > SWING_RAD_S)) > _SWING_SHARE
    if swings and ways[0] in likely:
        # The signs come from swings, which even a knee that is kept stiff makes.
        return axes
    t, s = max(likely, key=lambda way: float(np.mean(way[0] * thigh - way[1] * shank)))
    return Axis(t * axes[0].direction, axes[0].sd), Axis(s * axes[1].direction, axes[1].sd)


def _angle(a: Floats, b: Floats) -> float:
    """Between two unit vectors, rad."""
    return float(np.arccos(np.clip(a @ b, -1.0, 1.0)))


def _levelled(gyr: Floats, quat: Floats) -> Floats:
    """(n, 3) rates without their part about the vertical."""
    r = columns(quat)
    about = gyr[:, 0] * r[6] + gyr[:, 1] * r[7] + gyr[:, 2] * r[8]
    return gyr - about[:, None] * np.stack([r[6], r[7], r[8]], axis=-1)


def _mean_up(quat: Floats) -> Floats:
    """(3,) the mean upward direction in the sensor's frame."""
    r = columns(quat)
    mean = np.array([r[6].mean(), r[7].mean(), r[8].mean()])
    return np.asarray(mean / np.linalg.norm(mean))


SWING_RAD_S = 2.5
"""A shank that turns faster is swinging in a step."""
_SWING_SHARE = 0.01
"""Of the moving rows; in walking it is a quarter or so, stiff knees 5 %, in squats and on chairs nothing."""
_STEP_S = 0.5
"""How long before and after a swing a leg is in gait."""


def in_gait(shank_rate: Floats, rate_hz: float) -> Bools:
    """(n,) rows near a swing; shank_rate (n,) rad/s about its flexion axis, forwards +."""
    reach = round(_STEP_S * rate_hz)
    swings = np.convolve(shank_rate > SWING_RAD_S, np.ones(2 * reach + 1), "full")[reach : reach + len(shank_rate)]
    return np.asarray(swings > 0.5)


def _sign_of_thigh(thigh: Axis, shank: Axis, rows: LegRows, rate_hz: float) -> Axis:
    """The thigh's axis pointing to the right, in walking: the thigh swings forwards before the shank does, so its rate
    agrees with the shank's 0.15 s later, over the swings."""
    lead = max(1, round(0.15 * rate_hz))
    later = rows.shank_gyr[lead:] @ shank.direction
    swing = np.where(later > SWING_RAD_S, later, 0.0)
    together = float(swing @ (rows.thigh_gyr[: len(swing)] @ thigh.direction))
    return thigh if together >= 0.0 else Axis(-thigh.direction, thigh.sd)
