"""The thigh's flexion axis, watched while the person moves.

The few degrees that a thigh turns in the calibrating flexions leave its axis uncertain. Steps, stairs and squats turn
it far more, mostly in the sagittal plane: the main axis of its gyroscope is near the flexion axis, within 3 deg in
steps, within 6 in squats and lunges, in which knees also go out. After some seconds of movement, and again after a
minute, that axis is handed to the heading filter as an observation; once there were steps, only they count. A knee that
seems to bend the wrong way tells that the axis points to the wrong side.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment, azimuth, main_axis
from pipeline.axis_signs import SWING_RAD_S, hyperextension
from pipeline.heading_model import wrapped
from pipeline.leg_rows import LegRows, join_rows, picked_rows, sagittal

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class AxisWatchParameters:
    """least_rad_s: slower rows tell nothing. settling: complete blocks (of half a second) after a hole that are
    left aside: an inclination found in the middle of a swing is tens of degrees off at first, and knees seem to
    bend the wrong way. gait_rows, other_rows: numbers of moving rows, of steps and of other movement, after which
    the axis is told; before any steps a thigh may hardly be known. gait_sd, other_sd: of the axis from steps and
    from other movement: soft tissue and the thigh's own turning, rad; doubt: see `main_axis`. impossible: mean
    hyperextension above which an axis must point the wrong way, rad, over the `kept` last blocks of movement;
    impossible_now: over one block. unclear: how far from what was believed, rad, an axis says nothing of its
    direction.
    """

    least_rad_s: float = 0.5
    settling: int = 6
    gait_rows: tuple[int, ...] = (400, 4000)
    other_rows: tuple[int, ...] = (120, 400, 4000)
    gait_sd: float = 3.5 * _DEG
    other_sd: float = 6.5 * _DEG
    doubt: float = 0.1
    kept: int = 120
    impossible: float = 3.0 * _DEG
    impossible_now: float = 8.0 * _DEG
    unclear: float = 45.0 * _DEG


class AxisWatch:
    """`update` a complete block; it returns (azimuth correction, standard deviation) when there is news."""

    def __init__(self, alignment: Alignment, parameters: AxisWatchParameters) -> None:
        self._alignment = alignment
        self._p = parameters
        self._gait = _Scatter()
        self._other = _Scatter()
        self._kept: deque[LegRows] = deque(maxlen=parameters.kept)
        self._settling = 0

    def realign(self, alignment: Alignment) -> None:
        """The frames were replaced: from now on corrections are to these."""
        self._alignment = alignment

    def update(self, rows: LegRows, believed: float) -> tuple[float, float] | None:
        """rows: one block, in which both sensors may or may not have delivered. believed: the correction (rad) that
        the heading filter holds now; of the axis's two directions the nearer one is told."""
        p = self._p
        if self._gait.told >= len(p.gait_rows):
            return None
        whole = bool(rows.ok.all())
        self._settling = max(self._settling - 1, 0) if whole else p.settling
        if self._settling or not whole:
            return None
        gyr = rows.thigh_gyr
        moving = gyr[np.linalg.norm(gyr, axis=1) > p.least_rad_s]
        if not len(moving):
            return None
        stepping = bool((rows.shank_gyr @ self._alignment.shank_from_sensor[2] > SWING_RAD_S).any())
        seen, sd, due = (self._gait, p.gait_sd, p.gait_rows) if stepping else (self._other, p.other_sd, p.other_rows)
        seen.add(moving)
        wrong = self._hyperextension(rows, believed)
        if wrong[0] > p.impossible_now and wrong[1] < 0.1 * wrong[0]:
            return believed + np.pi, sd
        self._kept.append(picked_rows(rows, slice(None, None, _EVERY)))
        if seen.told >= len(due) or seen.rows < due[seen.told] or (not stepping and self._gait.told > 0):
            return None
        seen.told += 1
        axis = main_axis(seen.sum, self._alignment.thigh_from_sensor[1], sd, p.doubt)
        if axis is None:
            return None
        turn = believed + wrapped(azimuth(axis, self._alignment.thigh_from_sensor) - believed)
        if abs(turn - believed) > 0.5 * np.pi:
            turn = believed + wrapped(turn + np.pi - believed)
        # Whichever of its two directions is nearer: knees do not bend the wrong way; and where neither is near, thighs
        # that move without stepping lean forwards.
        kept = join_rows(list(self._kept))
        as_it_is, reversed_ = self._hyperextension(kept, turn)
        wrong_side = as_it_is > p.impossible and reversed_ < 0.5 * as_it_is
        if not stepping and abs(turn - believed) > p.unclear and max(as_it_is, reversed_) < p.impossible:
            thigh = self._alignment.turned(turn, 0.0).thigh_from_sensor
            wrong_side = float(sagittal(kept.thigh_quat, thigh).mean()) < 0.0
        return turn + (np.pi if wrong_side else 0.0), axis.sd

    def _hyperextension(self, rows: LegRows, turn: float) -> tuple[float, float]:
        """How far the knee would bend the wrong way with the thigh's frame turned by so much, and by half a turn more,
        rad."""
        frame = self._alignment.turned(turn, 0.0)
        thigh = sagittal(rows.thigh_quat, frame.thigh_from_sensor)
        shank = sagittal(rows.shank_quat, frame.shank_from_sensor)
        return hyperextension(thigh, shank), hyperextension(-thigh, shank)


_EVERY = 25
"""Of the rows of a block, one is kept."""


class _Scatter:
    """The rates of one kind of movement: sum of outer products, rows, and how often it was told."""

    def __init__(self) -> None:
        self.sum = np.zeros((3, 3))
        self.rows = 0
        self.told = 0

    def add(self, moving: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> None:
        self.sum += (moving / np.linalg.norm(moving, axis=1)[:, None]).T @ moving
        self.rows += len(moving)
