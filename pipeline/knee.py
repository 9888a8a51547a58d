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
from pipeline.heading_model import SHANK, THIGH, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import cosine_and_sine
from pipeline.records import Side
from pipeline.segments import Segments, axes
from pipeline.tied_path import TiedPath

_DEG = np.pi / 180.0
_OK, _NO_ANGLE = int(Status.OK), int(Status.SINGLE_SENSOR)


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
        self._azimuths = (0.0, 0.0)
        self._north: float | None = None
        self._turns = _Turns()

    def align(self, alignment: Alignment, path: TiedPath | None = None) -> None:
        """Frames and unloaded path from now on."""
        self._alignment = alignment
        self._path = path or TiedPath()
        self._segments = Segments(alignment.uprighted(self._errors, self._azimuths))

    def upright(self, errors: Floats, states: Floats) -> None:
        """The accelerometers' errors (12,), as believed from now on: the standing that is zero looked a little
        different through them. states (8,): of the heading, which tell where the frames face."""
        self._errors = errors
        self._azimuths = float(states[THIGH]), float(states[SHANK])
        if self._alignment is not None:
            self._segments = Segments(self._alignment.uprighted(errors, self._azimuths))

    def update(
        self, start: int, one: Oriented, two: Oriented, shank_acc: Floats, relative: RelativeRows, status: Bytes
    ) -> LegBlock:
        """Angles of the grid rows from index start. shank_acc (n, 3) m/s2, sensor frame; status (n,): why a row is not
        to be trusted; rows with a gap or a single sensor get no angles."""
        assert self._alignment is not None
        s, p = self._s, self._p
        if self._north is None and len(status):
            self._north = self._facing(one, two, relative)
        quats = self._segments.quaternions(one, two, relative, self._north or 0.0)
        both = axes(quats)
        thigh, shank = both[:, :, 0], both[:, :, 1]
        # R01, R11, R21; then R20, R22, of R = F' T.
        along_y = thigh * shank[:, 1:2]
        along_y = along_y[0] + along_y[1] + along_y[2]
        about = thigh[:, 2:] * shank[:, ::2]
        about = about[0] + about[1] + about[2]
        flexion = np.arctan2(along_y[0], along_y[1])
        rotation = s * np.arctan2(-about[0], about[1])
        sines = np.empty((3, len(status)))
        sines[0], sines[1:] = -along_y[2], both[2, 2]
        # Rounding may have made more than one of them.
        abduction, thigh_tilt, shank_tilt = s * np.arcsin(np.minimum(np.maximum(sines, -1.0), 1.0))
        inclinations = np.arctan2(both[2, 0], both[2, 1])
        yaws = s * self._turns.unwrap(np.arctan2(both[0, 2], -both[1, 2]))
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
            "collapse": shank_tilt - thigh_tilt,
            "thigh_tilt": -thigh_tilt,
            "shank_tilt": shank_tilt,
            **sd,
        }
        no_angle = status >= _NO_ANGLE
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
            shank_acc=self._level(shank_acc, relative, shank),
            thigh_yaw=yaws[0],
            shank_yaw=yaws[1],
            thigh_quat=np.ascontiguousarray(quats[:, 0].T),
            shank_quat=np.ascontiguousarray(quats[:, 1].T),
            acc_norm=_norm(shank_acc),
            valid=(status == _OK) & ~unsure,
            status=status,
        )

    def _facing(self, one: Oriented, two: Oriented, relative: RelativeRows) -> float:
        """The direction (rad) of the thigh's anterior axis in the first of these rows."""
        first = [Oriented(o.quat[:1], o.gyr[:1], o.restarted[:1]) for o in (one, two)]
        row = RelativeRows(relative.states[:, :1], relative.cov[:, :1])
        r = axes(self._segments.quaternions(first[0], first[1], row, 0.0))
        return float(np.arctan2(r[0, 2, 0, 0], -r[1, 2, 0, 0]))

    def _level(self, acc: Floats, relative: RelativeRows, shank: Floats) -> Floats:
        """(n, 3) acceleration in the shank's level frame: x forward, y up, z right; gravity removed. shank (3, 3, n):
        its axes in the world."""
        assert self._alignment is not None
        m = self._alignment.shank_from_sensor
        x, y, z = m[:, :1] * acc[:, 0] + m[:, 1:2] * acc[:, 1] + m[:, 2:] * acc[:, 2]
        c, s = cosine_and_sine(relative.states[SHANK])
        world = shank[:, 0] * (c * x - s * z)
        world += shank[:, 1] * y
        world += shank[:, 2] * (s * x + c * z)
        east, north, up = world
        right = shank[:2, 2]
        right_x, right_y = right / np.maximum(np.sqrt(right[0] * right[0] + right[1] * right[1]), 1e-6)
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
    """Angles (2, n) without jumps of a whole turn; turns are counted as integers, so that no rounding piles up."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._count: Floats = np.zeros((2, 1))

    def unwrap(self, angles: Floats) -> Floats:
        if not angles.shape[1]:
            return angles
        steps = np.empty_like(angles)
        steps[:, 1:] = angles[:, 1:] - angles[:, :-1]
        steps[:, :1] = 0.0 if self._last is None else angles[:, :1] - self._last
        counts = self._count - np.cumsum(np.rint(steps * _PER_TURN), axis=1)
        self._last, self._count = angles[:, -1:].copy(), counts[:, -1:].copy()
        unwrapped: Floats = angles + (2.0 * np.pi) * counts
        return unwrapped


_PER_TURN = 0.5 / np.pi


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
