"""Which way a flexion axis points, from how legs move.

An axis from a principal component has no sign. Legs in motion tell it: a knee does not bend the wrong way, a shank
swings forwards faster than it ever turns back, and the thigh swings forwards before the shank does.
"""

import numpy as np

from calibration.alignment import Axis, frame
from pipeline.blocks import Bools, Floats
from pipeline.leg_rows import LegRows, sagittal

_DEG = np.pi / 180.0
SWING_RAD_S = 2.5
"""A shank that turns faster is swinging in a step."""
_SWING_SHARE = 0.01
"""Of the moving rows; in walking it is a quarter or so, stiff knees 5 %, in squats and on chairs nothing."""
_STEP_S = 0.5
"""How long before and after a swing a leg is in gait."""
_LEAD_S = 0.15
"""How long the thigh swings before the shank."""


def in_gait(shank_rate: Floats, rate_hz: float) -> Bools:
    """(n,) rows near a swing; shank_rate (n,) rad/s about its flexion axis, forwards +."""
    reach = round(_STEP_S * rate_hz)
    swings = np.convolve(shank_rate > SWING_RAD_S, np.ones(2 * reach + 1), "full")[reach : reach + len(shank_rate)]
    return np.asarray(swings > 0.5)


def hyperextension(thigh: Floats, shank: Floats) -> float:
    """How far (rad, mean) a knee with these sagittal inclinations would bend the wrong way, beyond 5 deg: nearly zero
    for a true pair, large where an axis points to the wrong side."""
    return float(np.maximum(shank - thigh - 5.0 * _DEG, 0.0).mean())


def rightness(thigh: Axis, up: Floats, rows: LegRows, shank_frame: Floats) -> float:
    """How much less (rad, mean) the knee bends the wrong way with this axis of the thigh than with its reverse."""
    if not len(rows):
        return 0.0
    lean = sagittal(rows.thigh_quat, frame(up, thigh.direction))
    shank = sagittal(rows.shank_quat, shank_frame)
    return hyperextension(-lean, shank) - hyperextension(lean, shank)


def facing_forward(axes: tuple[Axis, Axis], ups: tuple[Floats, Floats], rows: LegRows) -> tuple[Axis, Axis]:
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


def signed_by_lead(thigh: Axis, shank: Axis, rows: LegRows, rate_hz: float) -> Axis:
    """The thigh's axis pointing to the right, in walking: its rate agrees with the shank's 0.15 s later, over the
    swings."""
    lead = max(1, round(_LEAD_S * rate_hz))
    later = rows.shank_gyr[lead:] @ shank.direction
    swing = np.where(later > SWING_RAD_S, later, 0.0)
    together = float(swing @ (rows.thigh_gyr[: len(swing)] @ thigh.direction))
    return thigh if together >= 0.0 else Axis(-thigh.direction, thigh.sd)
