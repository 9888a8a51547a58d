"""What the knee does: its angles from both segments' orientations, how sure they are, and how the segments move.

Orientations: pipeline/segments.py; angles: pipeline/three_angles.py, all zero in the calibration's standing because
both frames' Y was vertical there; standard deviations: pipeline/deviations.py.
"""

from dataclasses import dataclass, fields

import numpy as np

from calibration.alignment import Alignment
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bytes, Floats, LegBlock, Status
from pipeline.deviations import (
    ABDUCTION,
    CAUSAL,
    EXCESS,
    NAMES,
    ROTATION,
    DeviationParameters,
    Deviations,
)
from pipeline.heading_model import SHANK, THIGH, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import ONE, ZERO, cosine_and_sine
from pipeline.records import Side
from pipeline.segments import Segments
from pipeline.three_angles import ThreeAngles
from pipeline.tied_path import TiedPath

_DEG = np.pi / 180.0
_OK, _NO_ANGLE = int(Status.OK), int(Status.SINGLE_SENSOR)
_GRAVITY = np.array(STANDARD_GRAVITY)
_SD_NAMES = [f"{name}_sd" for name in NAMES]


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
        self._mount()
        self._deviations = Deviations(self._p.deviations, alignment.upright_sd, self._path.path.largest)
        axes = alignment.thigh_from_sensor[2], alignment.shank_from_sensor[2]
        self._mediolateral_axes = np.stack(axes, axis=-1)[:, :, None]
        self._shank_axes = alignment.shank_from_sensor.T[:, :, None]

    def upright(self, errors: Floats, states: Floats) -> None:
        """The accelerometers' errors (12,), as believed from now on: the standing that is zero looked a little
        different through them. states (8,): of the heading, which tell where the frames face."""
        self._errors = errors
        self._azimuths = float(states[THIGH]), float(states[SHANK])
        self._mount()

    def update(
        self, start: int, one: Oriented, two: Oriented, shank_acc: Floats, relative: RelativeRows, status: Bytes
    ) -> LegBlock:
        """Angles of the grid rows from index start. shank_acc (n, 3) m/s2, sensor frame; status (n,): why a row is not
        to be trusted; rows with a gap or a single sensor get no angles."""
        assert self._alignment is not None
        p = self._p
        if self._north is None and len(status):
            self._face(one, two, relative)
        q = self._segments.quaternions(one, two, relative)
        seen = ThreeAngles.of(q, self._s)
        flexion, abduction, rotation = seen.sagittal[2], seen.frontal[2], seen.axial[2]
        yaws = self._turns.unwrap(seen.axial[:2])
        cosines, sines = cosine_and_sine(seen.sagittal)
        sd = self._deviations.at(flexion, cosines, sines, relative.cov)
        unsure = np.maximum(sd[ABDUCTION], sd[EXCESS]) > p.abduction_limit
        unsure |= sd[ROTATION] > p.rotation_limit
        thigh_tilt, shank_tilt = seen.frontal[:2]
        angles = {
            "flexion": flexion,
            "abduction": abduction,
            "rotation": rotation,
            "excess": abduction - self._path.at(flexion, relative.states),
            "collapse": shank_tilt + thigh_tilt,
            "thigh_tilt": thigh_tilt,
            "shank_tilt": shank_tilt,
            **dict(zip(_SD_NAMES, sd, strict=True)),
        }
        no_angle = status >= _NO_ANGLE
        if np.count_nonzero(no_angle):
            angles = {name: np.where(no_angle, np.nan, value) for name, value in angles.items()}
        rates = self._mediolateral(one.gyr, two.gyr)
        acc = np.ascontiguousarray(shank_acc.T)
        return LegBlock(
            start=start,
            rate_hz=self._rate,
            **angles,
            thigh_incl=seen.sagittal[0],
            shank_incl=seen.sagittal[1],
            thigh_rate=rates[0],
            shank_rate=rates[1],
            shank_acc=self._level(acc, relative.frames[1], cosines[1], sines[1], seen.upward),
            thigh_yaw=yaws[0],
            shank_yaw=yaws[1],
            thigh_quat=np.ascontiguousarray(q[:, 0].T),
            shank_quat=np.ascontiguousarray(q[:, 1].T),
            acc_norm=_norm(acc),
            valid=(status == _OK) & ~unsure,
            status=status,
        )

    def bends(self, one: Oriented, two: Oriented, relative: RelativeRows) -> tuple[Floats, Floats]:
        """(n,) each: flexion and abduction alone, of any rows."""
        seen = ThreeAngles.of(self._segments.quaternions(one, two, relative), self._s)
        return seen.sagittal[2], seen.frontal[2]

    def _face(self, one: Oriented, two: Oriented, relative: RelativeRows) -> None:
        """The world's x is where the thigh's anterior axis points in the first of these rows."""
        first, second = (Oriented(o.quat[:1], o.gyr[:1], o.restarted[:1]) for o in (one, two))
        row = RelativeRows(relative.states[:, :1], relative.cov[:, :1])
        self._north = float(ThreeAngles.of(self._segments.quaternions(first, second, row), 1.0).axial[0, 0])
        self._mount()

    def _mount(self) -> None:
        """How the sensors sit, and where the world's x points, as it is known now."""
        if self._alignment is not None:
            uprighted = self._alignment.uprighted(self._errors, self._azimuths)
            self._segments = Segments(uprighted, self._north or 0.0)

    def _mediolateral(self, thigh_gyr: Floats, shank_gyr: Floats) -> Floats:
        """(2, n) rates of thigh and shank about their mediolateral axes; gyr (n, 3), sensor frames."""
        gyr = np.empty((3, 2, len(thigh_gyr)))
        gyr[:, 0], gyr[:, 1] = thigh_gyr.T, shank_gyr.T
        x, y, z = self._mediolateral_axes * gyr
        return np.asarray(x + y + z)

    def _level(self, acc: Floats, turn: Floats, cosine: Floats, sine: Floats, along_z: Floats) -> Floats:
        """(n, 3) acceleration in the shank's level frame: x forward, y up, z right; gravity removed.

        acc (3, n) m/s2, sensor frame; turn (n,) or (1,): of the shank's frame about its long axis, rad; cosine, sine
        (n,): of its sagittal inclination; along_z (n,): the vertical along its Z.
        """
        a, b, c = self._shank_axes * acc[:, None]
        x, y, z = a + b + c
        c, s = cosine_and_sine(turn)
        x, z = c * x - s * z, s * x + c * z
        across = np.sqrt(np.maximum(ONE - along_z * along_z, ZERO))
        along_leg = sine * x + cosine * y
        level = np.empty((len(sine), 3))
        level[:, 0] = cosine * x - sine * y
        level[:, 1] = across * along_leg + along_z * z - _GRAVITY
        level[:, 2] = across * z - along_z * along_leg
        return level


class _Turns:
    """Angles (2, n) without jumps of a whole turn; turns are counted as integers, so that no rounding piles up."""

    def __init__(self) -> None:
        self._last: Floats | None = None
        self._count: Floats = np.zeros((2, 1))

    def unwrap(self, angles: Floats) -> Floats:
        if not angles.shape[1]:
            return angles
        steps = np.empty(angles.shape)
        np.subtract(angles[:, 1:], angles[:, :-1], steps[:, 1:])
        steps[:, :1] = 0.0 if self._last is None else angles[:, :1] - self._last
        steps *= _PER_TURN
        counts = self._count - np.add.accumulate(np.rint(steps), axis=1)
        self._last, self._count = angles[:, -1:].copy(), counts[:, -1:].copy()
        counts *= 2.0 * np.pi
        counts += angles
        return counts


_PER_TURN = 0.5 / np.pi


def no_angles(start: int, rate_hz: float, shank_acc: Floats, status: Bytes) -> LegBlock:
    """Rows before the calibration: nothing is known but the time and the size of the acceleration."""
    n = len(status)
    names = [f.name for f in fields(LegBlock)]
    unknown = {name: np.full(n, np.nan) for name in names[names.index("flexion") : names.index("acc_norm")]}
    unknown["shank_acc"] = np.full((n, 3), np.nan)
    unknown["thigh_quat"] = unknown["shank_quat"] = np.full((n, 4), np.nan)
    return LegBlock(start, rate_hz, **unknown, acc_norm=_norm(shank_acc.T), valid=np.zeros(n, bool), status=status)


def _norm(v: Floats) -> Floats:
    """(n,) sizes of vectors (3, n)."""
    x, y, z = v
    return np.asarray(np.sqrt(x * x + y * y + z * z))
