"""A saved calibration is checked before it is trusted: the person stands, and bends the free knee once.

A saved alignment belongs to one strapping-on. In standing both segments must be upright in its frames; in a slow
flexion the shank must turn about the axis that it turned about when the profile was made. What differs by more than
3 deg (the axis by 7: one flexion tells it to about 3) was mounted otherwise, or the person stands otherwise: a line
says so, and the figures go into the quality. The profile is used as given all the same.
"""

from dataclasses import dataclass, field

import numpy as np

from calibration.alignment import (
    INWARD_IN_FLEXIONS,
    STANDING_AND_FLEXIONS,
    Alignment,
    Axis,
    azimuth,
    signed_by_flexion,
    turning_axis,
    upright,
)
from calibration.profile import Profile
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.calibration_parameters import Calibrated, CalibratingParameters
from pipeline.leg_rows import LegRows, inclination_from, join_rows
from pipeline.rests import resting

_DEG = np.pi / 180.0

FLEXION_AZIMUTH = "flexion_azimuth_deg"
"""Key of a profile's quality: where the axis of its flexions lies in the shank's frame, about the long axis."""


@dataclass(frozen=True, slots=True)
class QuickCheckParameters:
    """most, axis_most: disagreement (rad) of a tilt, of the axis, beyond which a line warns. rest_blocks: of the
    standing. lying, hanging: leans (rad) of thigh, at least, and shank, at most, of a rest that is sitting.
    longest_blocks: of a flexion; rest: for the rest as in calibrating."""

    most: float = 3.0 * _DEG
    axis_most: float = 7.0 * _DEG
    rest_blocks: int = 4
    lying: float = 55.0 * _DEG
    hanging: float = 30.0 * _DEG
    longest_blocks: int = 14
    rest: CalibratingParameters = field(default_factory=CalibratingParameters)


class QuickCheck:
    """`update` every complete block until `done`; `figures` are what was found so far, degrees."""

    def __init__(self, profile: Profile, parameters: QuickCheckParameters | None = None) -> None:
        self._profile = profile
        self._p = parameters or QuickCheckParameters()
        self._resting: list[LegRows] = []
        self._standing: LegRows | None = None
        self._moving: list[LegRows] = []
        self.figures: dict[str, float] = {}
        self.done = False

    @property
    def warning(self) -> str | None:
        """One line where the profile disagrees."""
        most = {key: self._p.axis_most if key == AXIS else self._p.most for key in _NAMES}
        wrong = [f"{_NAMES[k]} {v:.1f} deg" for k, v in self.figures.items() if abs(np.deg2rad(v)) > most[k]]
        if not wrong:
            return None
        return (
            f"the saved calibration of the {self._profile.side} leg does not fit: {', '.join(wrong)} off "
            "(up to 3 deg are usual); were the sensors strapped on anew? Then stand still and bend the knee 5 times, "
            "without --calibration"
        )

    def update(self, rows: LegRows, rests: bool) -> bool:
        """rows: a block. True where there is something new."""
        if rests:
            return self._rest(rows)
        self._resting = []
        if self._standing is None:
            return False
        self._moving = [*self._moving, rows][-self._p.longest_blocks :]
        return self._flexed()

    def told(self) -> dict[str, object]:
        """For the quality and the events: what was found, and the warning."""
        return {**self.figures, "warning": self.warning}

    def _rest(self, rows: LegRows) -> bool:
        self._moving = []
        self._resting = [*self._resting, rows]
        if len(self._resting) < self._p.rest_blocks or self._standing is not None:
            return False
        rest = join_rows(self._resting)
        a = self._profile.alignment
        tilts = {
            "thigh_tilt_deg": _tilt(a.thigh_from_sensor @ upright(rest.thigh_acc)),
            "shank_tilt_deg": _tilt(a.shank_from_sensor @ upright(rest.shank_acc)),
        }
        thigh, shank = np.deg2rad(list(tilts.values()))
        if self._p.lying < thigh < np.pi - self._p.lying and shank < self._p.hanging:
            self._resting = []
            return False
        self._standing = rest
        self.figures.update(tilts)
        return True

    def _flexed(self) -> bool:
        """Whether the movement so far holds one slow flexion of the free knee."""
        assert self._standing is not None
        p = self._p.rest
        up = upright(self._standing.shank_acc)
        moving = join_rows(self._moving)
        shank = inclination_from(up, moving.shank_quat)
        thigh = inclination_from(upright(self._standing.thigh_acc), moving.thigh_quat)
        high = np.flatnonzero(shank > p.bent)
        back = np.flatnonzero(shank[high[0] :] < p.straight) if len(high) else high
        if len(back) == 0:
            return False
        moving = moving.cut(0, int(high[0] + back[0]))
        shake = float(np.sqrt(np.mean((np.linalg.norm(moving.shank_acc, axis=1) - STANDARD_GRAVITY) ** 2)))
        if float(thigh.max()) > p.thigh_share * float(shank.max()) or shake > p.shake_m_s2:
            self._moving = []
            return False
        axis = turning_axis(moving.shank_gyr, up)
        if axis is None:
            return False
        axis = signed_by_flexion(axis, up, moving.shank_acc)
        expected = self._profile.quality.get(FLEXION_AZIMUTH)
        if expected is None:
            expected = float(np.rad2deg(-_sign(self._profile.side) * INWARD_IN_FLEXIONS))
        found = flexion_azimuth(self._profile.alignment, axis)
        self.figures[AXIS] = round(float((found - expected + 180.0) % 360.0 - 180.0), 2)
        self.done = True
        return True


def checked_quickly(rows: LegRows, rate_hz: float, profile: Profile) -> QuickCheck:
    """A whole recording's quick check."""
    check = QuickCheck(profile)
    length = round(0.5 * rate_hz)
    for number, rests in enumerate(resting(rows, length, CalibratingParameters()).tolist()):
        check.update(rows.cut(number * length, (number + 1) * length), rests)
        if check.done:
            break
    return check


AXIS = "shank_axis_deg"
_NAMES = {"thigh_tilt_deg": "thigh", "shank_tilt_deg": "shank", AXIS: "flexion axis"}


def flexion_azimuth(alignment: Alignment, axis: Axis) -> float:
    """Where a flexion axis lies in the shank's frame, deg about the long axis."""
    return float(np.rad2deg(azimuth(axis, alignment.shank_from_sensor)))


def profile_quality(alignment: Alignment, found: Calibrated | None) -> dict[str, float]:
    """What a profile says of its own quality, degrees; and the axis of the flexions it was made from."""
    quality = {"sd_deg": round(float(np.rad2deg(alignment.sd)), 2)}
    if found is None or found.alignment.method != STANDING_AND_FLEXIONS or not found.standing or not found.flexing:
        return quality
    standing, flexing = (
        found.rows.cut(max(0, a - found.rows.start), b - found.rows.start) for a, b in (found.standing, found.flexing)
    )
    if len(standing) == 0:
        return quality
    up = upright(standing.shank_acc)
    axis = turning_axis(flexing.shank_gyr, up)
    if axis is not None:
        axis = signed_by_flexion(axis, up, flexing.shank_acc)
        quality[FLEXION_AZIMUTH] = round(flexion_azimuth(alignment, axis), 2)
    return quality


def _tilt(up: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
    """Deg between a frame's long axis and the vertical."""
    return round(float(np.rad2deg(np.arccos(np.clip(up[1], -1.0, 1.0)))), 2)


def _sign(side: str) -> float:
    return 1.0 if side == "right" else -1.0
