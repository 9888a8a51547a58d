"""The frames of a person who moved on without flexions: axes from the motion, the vertical from a rest or from gait.

Both segments turn about their flexion axes most, in walking and squats alike. Where the leg was upright in a rest, that
gives the long axes; else they are set so that the mean inclinations are those of walking legs.
"""

import numpy as np

from calibration.alignment import (
    INWARD_IN_MOTION,
    MOTION,
    STANDING_AND_MOTION,
    WALKING_SHANK_LEAN,
    WALKING_THIGH_LEAN,
    Alignment,
    Axis,
    frame,
    leaned,
    signed_by_swing,
    turning_axis,
    upright,
)
from pipeline.axis_signs import facing_forward, signed_by_lead
from pipeline.blocks import Floats
from pipeline.calibration_parameters import CalibratingParameters
from pipeline.leg_rows import LegRows, join_rows, picked_rows, sagittal
from pipeline.quaternions import upward
from pipeline.rests import Rest, at_rest


def frames_from_motion(
    blocks: list[LegRows], side_sign: float, rate_hz: float, p: CalibratingParameters
) -> tuple[Alignment, Rest | None, LegRows] | None:
    """The frames, the rest that gave the vertical (None where gait did), and the blocks' rows; None where too little
    moved. blocks: in which both sensors delivered, in order."""
    if not blocks:
        return None
    rows = join_rows(blocks)
    moving = np.linalg.norm(rows.shank_gyr, axis=1) > 0.3
    if int(moving.sum()) < 100:
        return None
    mean = _mean_up(rows.thigh_quat[moving]), _mean_up(rows.shank_quat[moving])
    axes = _axes(rows, *mean, rate_hz, p)
    if axes is None:
        return None
    ups = _straightened(rows, axes, mean, p)
    method, upright_sd = MOTION, p.upright_motion_sd
    standing = _upright_rest(blocks, *ups, p)
    if standing is not None:
        ups = standing.up_thigh, standing.up_shank
        axes = facing_forward(_axes(rows, *ups, rate_hz, p) or axes, ups, picked_rows(rows, moving))
        method, upright_sd = STANDING_AND_MOTION, p.upright_sd
    thigh, shank = axes
    alignment = Alignment(
        frame(ups[0], thigh.direction), frame(ups[1], shank.direction), thigh.sd, shank.sd, upright_sd, method
    ).turned(0.0, side_sign * INWARD_IN_MOTION)
    return alignment, standing, rows


def _axes(
    rows: LegRows, up_thigh: Floats, up_shank: Floats, rate_hz: float, p: CalibratingParameters
) -> tuple[Axis, Axis] | None:
    """Thigh's and shank's flexion axes from movement, signs included.

    What the body turns about the vertical is taken off: in a short recording with turns it outweighs the steps.
    """
    shank_gyr, thigh_gyr = _levelled(rows.shank_gyr, rows.shank_quat), _levelled(rows.thigh_gyr, rows.thigh_quat)
    shank = turning_axis(shank_gyr, up_shank, 1.0, p.shank_motion_sd, p.motion_doubt)
    thigh = turning_axis(thigh_gyr, up_thigh, 0.5, p.thigh_motion_sd, p.motion_doubt)
    if shank is None or thigh is None:
        return None
    shank = signed_by_swing(shank, rows.shank_gyr)
    return signed_by_lead(thigh, shank, rows, rate_hz), shank


def _straightened(
    rows: LegRows, axes: tuple[Axis, Axis], mean: tuple[Floats, Floats], p: CalibratingParameters
) -> tuple[Floats, Floats]:
    """Long axes such that the mean inclinations are those of walking and the straightest knee that was seen has a
    walking knee's least flexion; what is missing is shared between the segments."""
    leans = [WALKING_THIGH_LEAN, WALKING_SHANK_LEAN]
    quats = rows.thigh_quat, rows.shank_quat
    for _ in range(2):
        ups = [leaned(mean[k], axes[k].direction, leans[k]) for k in range(2)]
        thigh, shank = (sagittal(quats[k], frame(ups[k], axes[k].direction)) for k in range(2))
        missing = p.straightest - float(np.percentile(thigh - shank, 2.0))
        leans[0] += 0.5 * missing
        leans[1] -= 0.5 * missing
    return ups[0], ups[1]


def _upright_rest(blocks: list[LegRows], up_thigh: Floats, up_shank: Floats, p: CalibratingParameters) -> Rest | None:
    """The longest rest, of a second at least, in which both segments were about upright."""
    best: list[LegRows] = []
    run: list[LegRows] = []
    for rows in blocks:
        leans = _angle(upright(rows.thigh_acc), up_thigh), _angle(upright(rows.shank_acc), up_shank)
        follows = not run or run[-1].start + len(run[-1]) == rows.start
        if max(leans) < p.upright_lean and at_rest(rows, p):
            run = [*run, rows] if follows else [rows]
            best = run if len(run) > len(best) else best
        else:
            run = []
    return Rest.of(best[-20:]) if len(best) >= 2 else None


def _angle(a: Floats, b: Floats) -> float:
    """Between two unit vectors, rad."""
    return float(np.arccos(np.clip(a @ b, -1.0, 1.0)))


def _levelled(gyr: Floats, quat: Floats) -> Floats:
    """(n, 3) rates without their part about the vertical."""
    up = np.stack(upward(quat), axis=-1)
    about = gyr[:, 0] * up[:, 0] + gyr[:, 1] * up[:, 1] + gyr[:, 2] * up[:, 2]
    return gyr - about[:, None] * up


def _mean_up(quat: Floats) -> Floats:
    """(3,) the mean upward direction in the sensor's frame."""
    mean = np.array([entry.mean() for entry in upward(quat)])
    return np.asarray(mean / np.linalg.norm(mean))
