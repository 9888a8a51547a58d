"""The frames that a standing and slow flexions of the free knee give.

The standing gives the long axes. The shank's flexion axis is the one that its gyroscope turns about in the flexions;
the thigh hardly moves in them, so its axis is better taken from what the leg does afterwards, steps before anything
else.
"""

from dataclasses import replace

import numpy as np

from calibration.alignment import (
    INWARD_IN_FLEXIONS,
    STANDING_AND_FLEXIONS,
    Alignment,
    Axis,
    azimuth,
    frame,
    signed_by_flexion,
    turning_axis,
)
from pipeline.axis_signs import in_gait, rightness
from pipeline.blocks import Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.leg_rows import LegRows, inclination_from, picked_rows, sagittal
from pipeline.rests import Rest


def frames_from_flexions(
    rows: LegRows, standing: Rest, span: tuple[int, int], side_sign: float, rate_hz: float, p: CalibratingParameters
) -> Alignment | None:
    """rows: of flexions and what follows them; span: grid rows of the flexions. None where the shank did not turn."""
    flexing = rows.cut(max(0, span[0] - rows.start), span[1] - rows.start)
    up_thigh, up_shank = standing.up_thigh, standing.up_shank
    shank = turning_axis(flexing.shank_gyr, up_shank, prior_sd=p.shank_prior_sd)
    if shank is None:
        return None
    shank = signed_by_flexion(shank, up_shank, flexing.shank_acc)
    shank_frame = frame(up_shank, shank.direction)
    thigh = _thigh_axis(rows, flexing, shank_frame, up_thigh, rate_hz, p)
    return Alignment(
        frame(up_thigh, thigh.direction), shank_frame, thigh.sd, shank.sd, p.upright_sd, STANDING_AND_FLEXIONS
    ).turned(0.0, side_sign * INWARD_IN_FLEXIONS)


def _thigh_axis(
    rows: LegRows, flexing: LegRows, shank_frame: Floats, up: Floats, rate_hz: float, p: CalibratingParameters
) -> Axis:
    """The thigh's axis: from its movement after the flexions, where there is enough; else from the little it turns in
    them, with the uncertainty that it deserves."""
    after = rows.cut(flexing.start + len(flexing) - rows.start, len(rows))
    step = 1 + len(after) // p.moving_enough
    after = picked_rows(after, slice(None, None, step))
    stepping = in_gait(after.shank_gyr @ shank_frame[2], rate_hz / step)
    fast = np.einsum("ni,ni->n", after.thigh_gyr, after.thigh_gyr) > 0.5**2
    for used, sd in ((fast & stepping, p.thigh_gait_sd), (fast, p.thigh_motion_sd)):
        if int(used.sum()) * step < p.moving_rows:
            continue
        moving = turning_axis(after.thigh_gyr[used], up, 0.5, sd, p.motion_doubt)
        if moving is not None:
            right = rightness(moving, up, after, shank_frame)
            if abs(right) < p.telling:
                # Thighs that move without stepping lean forwards.
                right = float(sagittal(after.thigh_quat[used], frame(up, moving.direction)).mean())
            return moving if right >= 0.0 else Axis(-moving.direction, moving.sd)
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
    forwards = float(np.cov(lean, bend)[0, 1])
    later = rightness(thigh, up, after, shank_frame)
    if abs(later) > p.telling:
        forwards = later
    return thigh if forwards >= 0.0 else Axis(-thigh.direction, thigh.sd)


def with_steps(alignment: Alignment, rows: LegRows, rate_hz: float, p: CalibratingParameters) -> Alignment:
    """The thigh's axis as it was found in sitting, and as steps show it, each by how sure it is; rows: all."""
    stepping = in_gait(rows.shank_gyr @ alignment.shank_from_sensor[2], rate_hz)
    if int(stepping.sum()) < p.moving_rows:
        return alignment
    seen = turning_axis(rows.thigh_gyr[stepping], alignment.thigh_from_sensor[1], 0.5, p.thigh_gait_sd, p.motion_doubt)
    if seen is None:
        return alignment
    turn = azimuth(seen, alignment.thigh_from_sensor)
    turn -= np.pi * round(turn / np.pi)
    both = np.hypot(alignment.thigh_axis_sd, seen.sd)
    turned = alignment.turned(turn * (alignment.thigh_axis_sd / both) ** 2, 0.0)
    return replace(turned, thigh_axis_sd=alignment.thigh_axis_sd * seen.sd / both)
