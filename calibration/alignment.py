"""How the sensors sit on the segments: the thigh's and the shank's anatomical frames.

| what the person does | what it gives |
|---|---|
| stands still, feet forward, some seconds | the long axis Y of both segments: upwards (angles zero by definition) |
| bends the free knee slowly, five times or more | the shank's flexion axis Z: the axis its gyroscope turns about |
| sits still, then stretches and bends the knee | the thigh's axis, level in standing and in sitting; the shank's |
| walks, or squats | the thigh's axis, the same way; and, with the relative heading, that of both |

Frames as ISB, for both legs: X anterior, Y proximal, Z to the person's right, so Z is the flexion axis made orthogonal
to Y, X = Y x Z. An axis from a principal component has no sign; the sign comes from gravity (in an unloaded flexion the
shank's lower end goes backwards) or, in walking, from the swing, which is faster forwards than the leg ever moves
backwards. Without standing, Y is set from the mean inclination of walking legs, whose spread is several degrees.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.constants import g as STANDARD_GRAVITY

Floats = NDArray[np.float64]

STANDING_AND_FLEXIONS = "standing + flexions"
STANDING_AND_SEATED = "standing + seated flexions"
STANDING_AND_MOTION = "standing + motion"
MOTION = "motion"

METHODS = (STANDING_AND_FLEXIONS, STANDING_AND_SEATED, STANDING_AND_MOTION, MOTION)

INWARD_IN_FLEXIONS = np.deg2rad(7.0)
INWARD_IN_MOTION = np.deg2rad(5.0)
"""How far the tibia is turned inward, on average over the flexing, when a free knee bends to 90 deg or a leg walks and
squats: the knee's passive coupling is 3 deg at 10, 8 at 40, 11 at 90 deg of flexion (OpenSim's Rajagopal model), and
0.6 of that, give or take half, in living knees (step-downs of Kefala et al. 2017: 6.5 +- 3.1); something between is
taken. The axis that the shank's gyroscope shows is the thigh's axis seen from a tibia turned by as much, so it is
turned back, and is uncertain by what people differ."""

WALKING_THIGH_LEAN = np.deg2rad(5.7)
WALKING_SHANK_LEAN = np.deg2rad(-14.6)
"""Mean sagittal inclination over a cycle of level walking, distal end forward +, from the normal curves of the OpenSim
gait models."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """thigh_from_sensor, shank_from_sensor: (3, 3) rotations that take sensor vectors into the segment's frame.

    thigh_axis_sd, shank_axis_sd: standard deviation of the flexion axis about the long axis, rad. upright_sd: of the
    long axes, rad. method: one of the names above. standing: whether the neutral pose was seen.
    """

    thigh_from_sensor: Floats
    shank_from_sensor: Floats
    thigh_axis_sd: float
    shank_axis_sd: float
    upright_sd: float
    method: str

    @property
    def standing(self) -> bool:
        """True where zero means the person's own standing."""
        return self.method != MOTION

    @property
    def sd(self) -> float:
        """How well the frames are known altogether, rad: both axes and the long axes, root mean square."""
        squares = self.thigh_axis_sd**2 + self.shank_axis_sd**2, 2.0 * self.upright_sd**2
        return float(np.sqrt(sum(squares) / 2.0))

    def turned(self, thigh: float, shank: float) -> "Alignment":
        """With the frames turned about their own long axes by these angles (rad)."""
        return replace(
            self,
            thigh_from_sensor=_about_y(-thigh) @ self.thigh_from_sensor,
            shank_from_sensor=_about_y(-shank) @ self.shank_from_sensor,
        )

    def azimuths_of(self, other: "Alignment") -> tuple[float, float]:
        """How far (rad) thigh's and shank's frame are to be turned about their long axes to be the other's."""
        thigh = azimuth(Axis(other.thigh_from_sensor[2], 0.0), self.thigh_from_sensor)
        return thigh, azimuth(Axis(other.shank_from_sensor[2], 0.0), self.shank_from_sensor)

    def uprighted(self, errors: Floats, azimuths: tuple[float, float] = (0.0, 0.0)) -> "Alignment":
        """The frames as right accelerometers would have shown them in the standing, as far as they concern the knee.

        What the standing showed differently in thigh and shank is shared by both, half and half, as the relative
        inclination is; what was the same in both stands in the inclinations as well and cancels there. errors (12,):
        offset b (m/s2) and turn c (rad) that the accelerometers of thigh and shank need: a + b + c x a. azimuths: how
        far (rad) thigh's and shank's frame are to be turned about their long axes to face the same way.
        """
        facing = self.turned(*azimuths)
        missed = [
            frame @ (error[:3] / STANDARD_GRAVITY) + frame @ _cross(error[3:], frame[1])
            for frame, error in ((facing.thigh_from_sensor, errors[:6]), (facing.shank_from_sensor, errors[6:]))
        ]
        half = 0.5 * (missed[1] - missed[0])
        return replace(
            self,
            thigh_from_sensor=_leaned_by(self.thigh_from_sensor, -_about_y(azimuths[0]) @ half),
            shank_from_sensor=_leaned_by(self.shank_from_sensor, _about_y(azimuths[1]) @ half),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, as a profile holds them."""
        return {
            "thigh_from_sensor": self.thigh_from_sensor.tolist(),
            "shank_from_sensor": self.shank_from_sensor.tolist(),
            "thigh_axis_sd_deg": float(np.rad2deg(self.thigh_axis_sd)),
            "shank_axis_sd_deg": float(np.rad2deg(self.shank_axis_sd)),
            "upright_sd_deg": float(np.rad2deg(self.upright_sd)),
            "sd_deg": float(np.rad2deg(self.sd)),
            "method": self.method,
        }

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Alignment":
        """Raises ValueError where the values are no alignment."""
        matrices = [np.asarray(values[name], float) for name in ("thigh_from_sensor", "shank_from_sensor")]
        for m in matrices:
            if m.shape != (3, 3) or not np.allclose(m @ m.T, np.eye(3), atol=1e-3) or np.linalg.det(m) < 0:
                raise ValueError("thigh_from_sensor and shank_from_sensor must be rotation matrices")
        if values["method"] not in METHODS:
            raise ValueError(f"unknown alignment method {values['method']!r}")
        sds = [float(np.deg2rad(values[n])) for n in ("thigh_axis_sd_deg", "shank_axis_sd_deg", "upright_sd_deg")]
        if not all(np.isfinite(sds)) or min(sds) < 0:
            raise ValueError("standard deviations must be finite and not negative")
        return Alignment(matrices[0], matrices[1], sds[0], sds[1], sds[2], str(values["method"]))


@dataclass(frozen=True, slots=True)
class Axis:
    """A flexion axis in a sensor's frame, (3,), unit length; sd: its standard deviation about the vertical, rad."""

    direction: Floats
    sd: float


def upright(acc: Floats) -> Floats:
    """(3,) the upward direction in the sensor's frame; acc (n, 3) m/s2 of a quiet standing."""
    total = np.ones(len(acc)) @ acc
    return np.asarray(total / np.sqrt(total @ total))


def turning_axis(
    gyr: Floats, up: Floats, least_rad_s: float = 0.35, prior_sd: float = np.deg2rad(3.0), doubt: float = 0.5
) -> Axis | None:
    """The axis, orthogonal to `up`, that a segment turns about most.

    gyr (n, 3) rad/s. Rows slower than least_rad_s are left out, faster ones count by their size, not its square, so
    that a kick does not outweigh a careful movement. None where there are too few rows. The standard deviation grows
    with the turning across the axis and is no better than prior_sd (soft tissue). Sign: open.
    """
    speed = np.sqrt(np.einsum("ni,ni->n", gyr, gyr))
    fast = speed > least_rad_s
    moving = gyr[fast]
    if len(moving) < 20:
        return None
    return main_axis((moving.T / speed[fast]) @ moving, up, prior_sd, doubt)


def main_axis(scatter: Floats, up: Floats, prior_sd: float, doubt: float = 0.5) -> Axis | None:
    """The same from the weighted sum (3, 3) of the outer products of the rates. doubt: how much of the angle that the
    turning across the axis makes counts as uncertainty: half of it for a few small movements, less for many steps."""
    sizes, directions = np.linalg.eigh(scatter)
    main = directions[:, 2]
    axis = main - up * float(main @ up)
    length = float(np.linalg.norm(axis))
    if length < 0.3:
        return None
    axis /= length
    ratio = float(max(sizes[1], 0.0) / max(sizes[2], 1e-12))
    sd = float(np.hypot(prior_sd, doubt * np.arctan(np.sqrt(ratio))))
    return Axis(axis, sd)


def azimuth(axis: Axis, segment_from_sensor: Floats) -> float:
    """How far (rad, about Y) a frame must be turned for its Z to be this axis."""
    x, _, z = segment_from_sensor @ axis.direction
    return float(np.arctan2(x, z))


def frame(up: Floats, axis: Floats) -> Floats:
    """(3, 3) segment from sensor: rows X, Y, Z for the upward direction and the flexion axis, both in sensor frame."""
    z = axis - up * float(axis @ up)
    z = z / np.sqrt(z @ z)
    return np.stack([_cross(up, z), up, z])


def signed_by_flexion(axis: Axis, up: Floats, acc: Floats) -> Axis:
    """Z to the right, from slow unloaded flexions: the shank's lower end goes backwards, so that up leans to -X.

    acc (n, 3) m/s2 of the shank sensor during the flexions.
    """
    forward = np.cross(up, axis.direction)
    return axis if float((acc @ forward).sum()) < 0.0 else Axis(-axis.direction, axis.sd)


def signed_by_swing(axis: Axis, gyr: Floats) -> Axis:
    """Z to the right, from walking: the shank swings forwards (positive about Z) faster than it ever turns back."""
    rate = gyr @ axis.direction
    return axis if float((rate**3).sum()) > 0.0 else Axis(-axis.direction, axis.sd)


def leaned(up: Floats, axis: Floats, lean: float) -> Floats:
    """(3,) the long axis where the mean upward direction was seen under a mean sagittal inclination `lean` (rad,
    distal end forward +): the long axis leans back from the vertical by it."""
    forward = np.cross(up, axis)
    forward /= np.linalg.norm(forward)
    tilted = up * np.cos(lean) - forward * np.sin(lean)
    return np.asarray(tilted / np.linalg.norm(tilted))


def _about_y(angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _leaned_by(frame: Floats, lean: Floats) -> Floats:
    """A frame (3, 3) whose Y goes over by `lean` (3,), rad, in the frame itself."""
    y = frame[1] + lean @ frame
    y = y / np.sqrt(y @ y)
    z = frame[2] - (frame[2] @ y) * y
    z = z / np.sqrt(z @ z)
    return np.stack([_cross(y, z), y, z])


def _cross(a: Floats, b: Floats) -> Floats:
    """(3,) cross product; numpy's own takes ten times as long for two vectors."""
    (x, y, z), (u, v, w) = a.tolist(), b.tolist()
    return np.array([y * w - z * v, z * u - x * w, x * v - y * u])
