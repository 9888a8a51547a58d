"""The thigh's flexion axis, watched while the person moves.

The few degrees that a thigh turns in the calibrating flexions leave its axis uncertain. Walking, stairs and squats turn
it far more, mostly in the sagittal plane: the main axis of its gyroscope is within a few degrees of the flexion axis.
After some seconds of movement, and again after a minute, that axis is handed to the heading filter as an observation.
A knee that seems to bend the wrong way tells that the axis points to the wrong side.
"""

from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment, Axis, azimuth, main_axis
from pipeline.calibrating import hyperextension
from pipeline.leg_rows import LegRows, sagittal

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class AxisWatchParameters:
    """least_rad_s: slower rows tell nothing. rows: numbers of moving rows after which the axis is told. sd: of the
    axis, from soft tissue and the thigh's own turning, rad; doubt: see
    `main_axis`. impossible: mean hyperextension above which the axis must point the wrong way, rad."""

    least_rad_s: float = 0.5
    rows: tuple[int, ...] = (600, 4000)
    sd: float = 4.0 * _DEG
    doubt: float = 0.1
    impossible: float = 3.0 * _DEG


class AxisWatch:
    """`update` a complete block; it returns (azimuth correction, standard deviation) when there is news."""

    def __init__(self, alignment: Alignment, parameters: AxisWatchParameters) -> None:
        self._alignment = alignment
        self._p = parameters
        self._scatter = np.zeros((3, 3))
        self._wrong = np.zeros(2)
        self._blocks = 0
        self._rows = 0
        self._told = 0

    def realign(self, alignment: Alignment) -> None:
        """The frames were replaced: from now on corrections are to these."""
        self._alignment = alignment
        self._wrong = np.zeros(2)
        self._blocks = 0

    def update(self, rows: LegRows) -> tuple[float, float] | None:
        """rows: one block, in which both sensors may or may not have delivered."""
        if self._told >= len(self._p.rows):
            return None
        gyr = rows.thigh_gyr[rows.ok]
        speed = np.linalg.norm(gyr, axis=1)
        moving = gyr[speed > self._p.least_rad_s]
        if len(moving):
            self._scatter += (moving / np.linalg.norm(moving, axis=1)[:, None]).T @ moving
            self._rows += len(moving)
            thigh = sagittal(rows.thigh_quat[rows.ok], self._alignment.thigh_from_sensor)
            shank = sagittal(rows.shank_quat[rows.ok], self._alignment.shank_from_sensor)
            self._wrong += [hyperextension(thigh, shank), hyperextension(-thigh, shank)]
            self._blocks += 1
        if self._rows < self._p.rows[self._told]:
            return None
        self._told += 1
        axis = main_axis(self._scatter, self._alignment.thigh_from_sensor[1], self._p.sd, self._p.doubt)
        if axis is None:
            return None
        right = self._alignment.thigh_from_sensor[2]
        as_it_is, reversed_ = self._wrong / max(self._blocks, 1)
        if as_it_is > self._p.impossible and reversed_ < 0.5 * as_it_is:
            right = -right
        if float(right @ axis.direction) < 0.0:
            axis = Axis(-axis.direction, axis.sd)
        return azimuth(axis, self._alignment.thigh_from_sensor), axis.sd
