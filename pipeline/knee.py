"""The knee's angles from both segments' orientations, and how sure they are.

Segment frames: the sensor's orientation, the relative rotation of the level frames (pipeline/heading.py, its small
inclination part shared half and half), and the alignment. With R = F' T of thigh F and shank T, s = +1 right, -1 left:
flexion = atan2(R01, R11), abduction = -s asin(R21), rotation = s atan2(-R20, R22) (Grood and Suntay 1983, ISB axes).
Medial tilts are the inclinations of the mediolateral axes against gravity, s asin(Tz . up) and -s asin(Fz . up): no
heading enters them. All are zero in the calibration's standing because both frames' Y was vertical there.

Standard deviations: the heading filter's covariance carried through the angles' derivatives (a turn e of the shank
about the vertical adds e cos(lean) to rotation and e sin(lean) to abduction; a turn of the thigh's frame about its long
axis adds its sine and cosine of flexion), plus what soft tissue and frames leave, which grows with flexion.
"""

from dataclasses import dataclass, fields

import numpy as np

from calibration.alignment import Alignment
from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Bytes, Floats, LegBlock, Status
from pipeline.heading_model import DELTA, SHANK, THIGH, TILT_X, TILT_Y, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import about_z, columns, conjugate, from_matrix, multiply, rotate, small
from pipeline.records import Side
from pipeline.tied_path import TiedPath

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviation of one angle beyond what the heading filter knows: hypot(floor, root sqrt(|flexion|)), rad and
    rad per sqrt(rad). Soft tissue moves, and frames are not the bones', all the more as the knee bends."""

    floor: float
    root: float

    def variance(self, flexion: Floats) -> Floats:
        """(n,) rad2 at flexion (n,) rad."""
        variance: Floats = self.floor**2 + self.root**2 * np.abs(flexion)
        return variance


@dataclass(frozen=True, slots=True)
class KneeParameters:
    """Tuned on simulated people (seeds below 60), apart for the causal and the two-sided analysis.

    usual_sd: standard deviation (rad) of what the filter carries, below which it is already in the spreads: of a
    variance v, v^2 / (v + usual_sd^2) counts. usual_upright: the same for the long axes.
    abduction_limit, rotation_limit: above these standard deviations (rad) a row is not valid.
    """

    flexion: Spread
    abduction: Spread
    rotation: Spread
    excess: Spread
    collapse: Spread
    usual_sd: float = 4.0 * _DEG
    usual_upright: float = 0.5 * _DEG
    abduction_limit: float = 5.5 * _DEG
    rotation_limit: float = 8.0 * _DEG


CAUSAL = KneeParameters(
    flexion=Spread(0.32 * _DEG, 2.35 * _DEG),
    abduction=Spread(0.36 * _DEG, 1.75 * _DEG),
    rotation=Spread(1.0 * _DEG, 2.75 * _DEG),
    excess=Spread(0.42 * _DEG, 1.0 * _DEG),
    collapse=Spread(0.3 * _DEG, 1.75 * _DEG),
)
TWO_SIDED = KneeParameters(
    flexion=Spread(0.25 * _DEG, 1.8 * _DEG),
    abduction=Spread(0.25 * _DEG, 1.2 * _DEG),
    rotation=Spread(0.9 * _DEG, 2.8 * _DEG),
    excess=Spread(0.25 * _DEG, 0.6 * _DEG),
    collapse=Spread(0.25 * _DEG, 1.25 * _DEG),
)


class Knee:
    """Rows in, angles out, element by element; `yaw` counts whole turns, so rows must come in order."""

    def __init__(self, side: Side, rate_hz: float, parameters: KneeParameters = CAUSAL) -> None:
        self._s = side.sign
        self._rate = rate_hz
        self._p = parameters
        self._alignment: Alignment | None = None
        self._path = TiedPath()
        self._north: float | None = None
        self._thigh_turns = _Turns()
        self._shank_turns = _Turns()

    def align(self, alignment: Alignment, path: TiedPath | None = None) -> None:
        """Frames and unloaded path from now on."""
        self._alignment = alignment
        self._path = path or TiedPath()
        self._thigh = from_matrix(alignment.thigh_from_sensor)
        self._shank = from_matrix(alignment.shank_from_sensor)

    def segments(self, one: Oriented, two: Oriented, relative: RelativeRows) -> tuple[Floats, Floats]:
        """(n, 4) each: thigh and shank to one common world, z up."""
        assert self._alignment is not None
        x = relative.states
        half_x, half_y = 0.5 * x[:, TILT_X], 0.5 * x[:, TILT_Y]
        thigh = multiply(small(-half_x, -half_y), multiply(one.quat, conjugate(self._thigh)))
        shank = multiply(
            multiply(small(half_x, half_y), about_z(x[:, DELTA])), multiply(two.quat, conjugate(self._shank))
        )
        return multiply(thigh, _about_y(x[:, THIGH])), multiply(shank, _about_y(x[:, SHANK]))

    def update(
        self, start: int, one: Oriented, two: Oriented, shank_acc: Floats, relative: RelativeRows, status: Bytes
    ) -> LegBlock:
        """Angles of the grid rows from index start. shank_acc (n, 3) m/s2, sensor frame; status (n,): why a row is not
        to be trusted; rows with a gap or a single sensor get no angles."""
        s, p = self._s, self._p
        thigh, shank = self.segments(one, two, relative)
        f, t = columns(thigh), columns(shank)
        r = columns(multiply(conjugate(thigh), shank))
        flexion = np.arctan2(r[1], r[4])
        abduction = -s * np.arcsin(np.clip(r[7], -1.0, 1.0))
        rotation = s * np.arctan2(-r[6], r[8])
        shank_tilt = s * np.arcsin(np.clip(t[8], -1.0, 1.0))
        thigh_tilt = -s * np.arcsin(np.clip(f[8], -1.0, 1.0))
        shank_incl = np.arctan2(t[6], t[7])
        thigh_incl = np.arctan2(f[6], f[7])
        thigh_north, shank_north = np.arctan2(f[2], -f[5]), np.arctan2(t[2], -t[5])
        if self._north is None and len(flexion):
            self._north = float(thigh_north[0])
        north = about_z(np.full(len(flexion), -(self._north or 0.0)))
        no_angle = status >= Status.SINGLE_SENSOR
        sd = self._deviations(flexion, thigh_incl, shank_incl, relative.cov)
        unsure = (sd["abduction_sd"] > p.abduction_limit) | (sd["rotation_sd"] > p.rotation_limit)
        angles = {
            "flexion": flexion,
            "abduction": abduction,
            "rotation": rotation,
            "excess": abduction - self._path.at(flexion, relative.states),
            "collapse": shank_tilt + thigh_tilt,
            "thigh_tilt": thigh_tilt,
            "shank_tilt": shank_tilt,
            **sd,
        }
        return LegBlock(
            start=start,
            rate_hz=self._rate,
            **{name: np.where(no_angle, np.nan, value) for name, value in angles.items()},
            thigh_incl=thigh_incl,
            shank_incl=shank_incl,
            thigh_rate=self._rate_about_z(self._alignment_rows(self._alignment, "thigh"), one.gyr),
            shank_rate=self._rate_about_z(self._alignment_rows(self._alignment, "shank"), two.gyr),
            shank_acc=self._level(shank_acc, two, relative, t),
            thigh_yaw=s * self._thigh_turns.unwrap(thigh_north),
            shank_yaw=s * self._shank_turns.unwrap(shank_north),
            thigh_quat=multiply(north, thigh),
            shank_quat=multiply(north, shank),
            acc_norm=_norm(shank_acc),
            valid=(status == Status.OK) & ~unsure,
            status=status,
        )

    @staticmethod
    def _alignment_rows(alignment: Alignment | None, segment: str) -> Floats:
        assert alignment is not None
        matrix = alignment.thigh_from_sensor if segment == "thigh" else alignment.shank_from_sensor
        row: Floats = matrix[2]
        return row

    @staticmethod
    def _rate_about_z(z: Floats, gyr: Floats) -> Floats:
        rate: Floats = z[0] * gyr[:, 0] + z[1] * gyr[:, 1] + z[2] * gyr[:, 2]
        return rate

    @staticmethod
    def _level(acc: Floats, two: Oriented, relative: RelativeRows, t: tuple[Floats, ...]) -> Floats:
        """(n, 3) acceleration in the shank's level frame: x forward, y up, z right; gravity removed."""
        world = rotate(multiply(about_z(relative.states[:, DELTA]), two.quat), acc)
        length = np.maximum(np.sqrt(t[2] * t[2] + t[5] * t[5]), 1e-6)
        right_x, right_y = t[2] / length, t[5] / length
        forward = -right_y * world[:, 0] + right_x * world[:, 1]
        right = right_x * world[:, 0] + right_y * world[:, 1]
        return np.stack([forward, world[:, 2] - STANDARD_GRAVITY, right], axis=-1)

    def _deviations(self, flexion: Floats, thigh_incl: Floats, shank_incl: Floats, cov: Floats) -> dict[str, Floats]:
        p = self._p
        tilt, delta, thigh, shank, delta_thigh, delta_shank, thigh_shank = (cov[:, k] for k in range(7))
        sf, cf = np.sin(flexion), np.cos(flexion)
        sl, cl = np.sin(shank_incl), np.cos(shank_incl)
        st = np.sin(thigh_incl)
        upright = 0.0 if self._alignment is None else self._alignment.upright_sd**2
        upright = 2.0 * max(0.0, upright - p.usual_upright**2)
        abduction = sl * sl * delta + sf * sf * thigh + 2.0 * (sl * sf) * delta_thigh
        rotation = (
            cl * cl * delta
            + shank
            + cf * cf * thigh
            + 2.0 * (cl * delta_shank - (cl * cf) * delta_thigh - cf * thigh_shank)
        )
        neutral = delta + shank + thigh + 2.0 * (delta_shank - delta_thigh - thigh_shank)
        excess = sl * sl * neutral if self._path.known else abduction
        medial = st * st * thigh + sl * sl * shank
        carried = {
            "flexion": tilt,
            "abduction": abduction + tilt,
            "rotation": rotation,
            "excess": excess + tilt,
            "collapse": medial + tilt,
        }
        deviations = {}
        for name, v in carried.items():
            v = np.maximum(v, 0.0)
            spread: Spread = getattr(p, name)
            lean = 0.0 if name == "excess" and self._path.known else upright
            deviations[f"{name}_sd"] = np.sqrt(spread.variance(flexion) + lean + v * v / (v + p.usual_sd**2))
        return deviations


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


def _about_y(angle: Floats) -> Floats:
    zero = np.zeros_like(angle)
    return np.stack([np.cos(0.5 * angle), zero, np.sin(0.5 * angle), zero], axis=-1)


def _norm(v: Floats) -> Floats:
    norm: Floats = np.sqrt(v[:, 0] * v[:, 0] + v[:, 1] * v[:, 1] + v[:, 2] * v[:, 2])
    return norm
