"""The knee's angles from both segments' orientations (pipeline/segments.py), and how sure they are.

With R = F' T of thigh F and shank T, s = +1 right, -1 left: flexion = atan2(R01, R11), abduction = -s asin(R21),
rotation = s atan2(-R20, R22) (Grood and Suntay 1983, ISB axes). Medial tilts are the inclinations of the mediolateral
axes against gravity, s asin(Tz . up) and -s asin(Fz . up): no heading enters them. All are zero in the calibration's
standing because both frames' Y was vertical there. Standard deviations: pipeline/deviations.py.
"""

from dataclasses import dataclass, fields

import numpy as np

from calibration.alignment import Alignment
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bytes, Floats, LegBlock, Status
from pipeline.deviations import CAUSAL, DeviationParameters, deviations
from pipeline.heading_model import SHANK, RelativeRows
from pipeline.orientation import Oriented
from pipeline.records import Side
from pipeline.segments import Segments, axes, turned_about_z
from pipeline.tied_path import TiedPath

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class KneeParameters:
    """deviations: of the causal or the two-sided analysis. abduction_limit, rotation_limit: above these standard
    deviations (rad; the first one is the excess's, too) a row is not valid."""

    deviations: DeviationParameters = CAUSAL
    abduction_limit: float = 5.5 * _DEG
    rotation_limit: float = 8.0 * _DEG


class Knee:
    """Rows in, angles out, element by element; `yaw` counts whole turns, so rows must come in order."""

    def __init__(self, side: Side, rate_hz: float, parameters: KneeParameters | None = None) -> None:
        self._s = side.sign
        self._rate = rate_hz
        self._p = parameters or KneeParameters()
        self._alignment: Alignment | None = None
        self._path = TiedPath()
        self._errors = np.zeros(12)
        self._north: float | None = None
        self._thigh_turns = _Turns()
        self._shank_turns = _Turns()

    def align(self, alignment: Alignment, path: TiedPath | None = None) -> None:
        """Frames and unloaded path from now on."""
        self._alignment = alignment
        self._path = path or TiedPath()
        self._segments = Segments(alignment.uprighted(self._errors))

    def upright(self, errors: Floats) -> None:
        """The accelerometers' errors (12,), as believed from now on: the standing that is zero looked a little
        different through them."""
        self._errors = errors
        if self._alignment is not None:
            self._segments = Segments(self._alignment.uprighted(errors))

    def update(
        self, start: int, one: Oriented, two: Oriented, shank_acc: Floats, relative: RelativeRows, status: Bytes
    ) -> LegBlock:
        """Angles of the grid rows from index start. shank_acc (n, 3) m/s2, sensor frame; status (n,): why a row is not
        to be trusted; rows with a gap or a single sensor get no angles."""
        assert self._alignment is not None
        s, p = self._s, self._p
        quats = self._segments.quaternions(one, two, relative)
        both = axes(quats)
        (f0, f1, f2, f3, f4, f5, f6, f7, f8), (t0, t1, t2, t3, t4, t5, t6, t7, t8) = zip(*both, strict=True)
        flexion = np.arctan2(f0 * t1 + f3 * t4 + f6 * t7, f1 * t1 + f4 * t4 + f7 * t7)
        abduction = -s * np.arcsin(np.clip(f2 * t1 + f5 * t4 + f8 * t7, -1.0, 1.0))
        rotation = s * np.arctan2(-(f2 * t0 + f5 * t3 + f8 * t6), f2 * t2 + f5 * t5 + f8 * t8)
        tilts = s * np.arcsin(np.clip(both[8], -1.0, 1.0))
        inclinations = np.arctan2(both[6], both[7])
        norths = np.arctan2(both[2], -both[5])
        if self._north is None and len(flexion):
            self._north = float(norths[0, 0])
        facing = turned_about_z(quats, -(self._north or 0.0))
        sd = deviations(
            flexion, inclinations, relative.cov, self._alignment.upright_sd, self._path.path.largest, p.deviations
        )
        frontal = np.maximum(sd["abduction_sd"], sd["excess_sd"])
        unsure = (frontal > p.abduction_limit) | (sd["rotation_sd"] > p.rotation_limit)
        angles = {
            "flexion": flexion,
            "abduction": abduction,
            "rotation": rotation,
            "excess": abduction - self._path.at(flexion, relative.states),
            "collapse": tilts[1] - tilts[0],
            "thigh_tilt": -tilts[0],
            "shank_tilt": tilts[1],
            **sd,
        }
        no_angle = status >= Status.SINGLE_SENSOR
        if no_angle.any():
            angles = {name: np.where(no_angle, np.nan, value) for name, value in angles.items()}
        return LegBlock(
            start=start,
            rate_hz=self._rate,
            **angles,
            thigh_incl=inclinations[0],
            shank_incl=inclinations[1],
            thigh_rate=_along(self._alignment.thigh_from_sensor[2], one.gyr),
            shank_rate=_along(self._alignment.shank_from_sensor[2], two.gyr),
            shank_acc=self._level(shank_acc, relative, both),
            thigh_yaw=s * self._thigh_turns.unwrap(norths[0]),
            shank_yaw=s * self._shank_turns.unwrap(norths[1]),
            thigh_quat=np.ascontiguousarray(facing[:, 0].T),
            shank_quat=np.ascontiguousarray(facing[:, 1].T),
            acc_norm=_norm(shank_acc),
            valid=(status == Status.OK) & ~unsure,
            status=status,
        )

    def _level(self, acc: Floats, relative: RelativeRows, both: tuple[Floats, ...]) -> Floats:
        """(n, 3) acceleration in the shank's level frame: x forward, y up, z right; gravity removed."""
        assert self._alignment is not None
        x, y, z = (_along(row, acc) for row in self._alignment.shank_from_sensor)
        c, s = np.cos(relative.states[SHANK]), np.sin(relative.states[SHANK])
        x, z = c * x - s * z, s * x + c * z
        t = [entry[1] for entry in both]
        east, north, up = (t[k] * x + t[k + 1] * y + t[k + 2] * z for k in (0, 3, 6))
        length = np.maximum(np.sqrt(t[2] * t[2] + t[5] * t[5]), 1e-6)
        right_x, right_y = t[2] / length, t[5] / length
        level = np.empty((len(acc), 3))
        level[:, 0] = right_x * north - right_y * east
        level[:, 1] = up - STANDARD_GRAVITY
        level[:, 2] = right_x * east + right_y * north
        return level


def _along(direction: Floats, vectors: Floats) -> Floats:
    """(n,) component of vectors (n, 3) along a direction (3,)."""
    a, b, c = (float(v) for v in direction)
    along: Floats = a * vectors[:, 0] + b * vectors[:, 1] + c * vectors[:, 2]
    return along


class _Turns:
    """Angles without jumps of a whole turn; turns are counted as integers, so that no rounding piles up."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._count = 0

    def unwrap(self, angle: Floats) -> Floats:
        if len(angle) == 0:
            return angle
        before = np.concatenate([[angle[0] if self._last is None else self._last], angle[:-1]])
        jumps = np.where(angle - before > np.pi, -1, 0) + np.where(angle - before < -np.pi, 1, 0)
        counts = self._count + np.cumsum(jumps)
        self._last, self._count = float(angle[-1]), int(counts[-1])
        unwrapped: Floats = angle + (2.0 * np.pi) * counts
        return unwrapped


def no_angles(start: int, rate_hz: float, shank_acc: Floats, status: Bytes) -> LegBlock:
    """Rows before the calibration: nothing is known but the time and the size of the acceleration."""
    n = len(status)
    names = [f.name for f in fields(LegBlock)]
    unknown = {name: np.full(n, np.nan) for name in names[names.index("flexion") : names.index("acc_norm")]}
    unknown["shank_acc"] = np.full((n, 3), np.nan)
    unknown["thigh_quat"] = unknown["shank_quat"] = np.full((n, 4), np.nan)
    return LegBlock(start, rate_hz, **unknown, acc_norm=_norm(shank_acc), valid=np.zeros(n, bool), status=status)


def _norm(v: Floats) -> Floats:
    norm: Floats = np.sqrt(v[:, 0] * v[:, 0] + v[:, 1] * v[:, 1] + v[:, 2] * v[:, 2])
    return norm
