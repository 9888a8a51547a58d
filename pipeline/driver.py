"""Which link of the leg gives way in a collapse: hip, foot, both or neither that can be told.

Two changes since contact (or since the repetition began) decide, each above what this person's clean steps of the same
activity show at the same fraction of the step: the thigh's turn inward about the vertical, and the tibia's rotation
inward under the thigh. A femur that turns in over a planted foot raises the first and lowers the second: the hip. A
tibia that turns in under a thigh that does not: the foot. Yaw has no absolute reference and drifts, so that only
changes within one step are used. Until a few clean steps were seen, usual values of the population stand in for them.
"""

from math import degrees, isfinite, nan

import numpy as np

from pipeline.blocks import Activity, Floats, LegBlock
from pipeline.steps import GAIT

_POINTS = 21
_FEWEST = 3
_MOST = 20
_GAIT_USUAL = (4.0, 3.0)
"""Thigh's turn and tibial rotation (deg) from contact to mid-stance: pelvis and screw-home motion."""
_BEND_USUAL = (0.0, 9.0)
"""The same from standing to a deep bend (passive coupling: biomechanics notes, section 3.1)."""


class UsualTurns:
    """Running mean, per activity, of both changes over the clean steps or repetitions seen so far."""

    def __init__(self) -> None:
        self._means: dict[Activity, Floats] = {}
        self._counts: dict[Activity, int] = {}

    def add(self, activity: Activity, block: LegBlock) -> None:
        """A step or repetition without an episode. Left aside where yaw or rotation are unknown."""
        rows = np.round(np.linspace(0, len(block) - 1, _POINTS)).astype(np.intp)
        curves = np.stack([block.thigh_yaw[rows], block.rotation[rows]])
        if not np.all(np.isfinite(curves)):
            return
        curves = np.degrees(curves - curves[:, :1])
        count = min(self._counts.get(activity, 0) + 1, _MOST)
        mean = self._means.get(activity)
        self._means[activity] = curves if mean is None else mean + (curves - mean) / count
        self._counts[activity] = count

    def at(self, activity: Activity, fraction: float) -> tuple[float, float]:
        """Usual turn of the thigh and rotation of the tibia (deg) at a fraction of the step."""
        if self._counts.get(activity, 0) < _FEWEST:
            return _GAIT_USUAL if activity in GAIT else _BEND_USUAL
        curves = self._means[activity]
        at = min(max(round(fraction * (_POINTS - 1)), 0), _POINTS - 1)
        return float(curves[0, at]), float(curves[1, at])


def changes(block: LegBlock, peak: int) -> tuple[float, float]:
    """Thigh's turn and tibia's rotation inward (deg) from the block's first row to row `peak`; NaN where unknown."""
    turn = degrees(float(block.thigh_yaw[peak] - block.thigh_yaw[0]))
    rotation = degrees(float(block.rotation[peak] - block.rotation[0]))
    return (turn, rotation) if isfinite(turn) and isfinite(rotation) else (nan, nan)


def driver(turn_deg: float, rotation_deg: float, least_deg: float) -> str:
    """hip, foot, mixed or unclear, from both changes above the usual."""
    by_foot = rotation_deg > least_deg
    by_hip = turn_deg > least_deg
    if by_foot:
        return "mixed" if by_hip and turn_deg > 0.75 * rotation_deg else "foot"
    return "hip" if by_hip and rotation_deg < 0.5 * turn_deg else "unclear"
