"""One sensor's inertial errors: gyroscope bias, accelerometer bias, scale and misalignment, and how they are found.

At rest a gyroscope reads its bias and an accelerometer reads g in some direction, whatever the direction. So the bias
of the gyroscope is the mean over rests; bias, scales and cross terms of the accelerometer are those that bring the norm
of all rests at different inclinations to g (the ellipsoid fit), by Gauss-Newton with a prior that holds what the rests
do not show at identity. A rotation of the whole accelerometer cannot be seen this way, so the matrix is symmetric; it
belongs to the mounting, which the alignment finds. A sensor whose resting norm is off by more than 2 % must be
calibrated or refused.
Source: Tedaldi, Pretto, Menegatti, ICRA 2014 (rests at different attitudes, no equipment).
"""

import json
from dataclasses import dataclass, field
from datetime import date as Day
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.constants import g as STANDARD_GRAVITY

from calibration.errors import CalibrationError

Floats = NDArray[np.float64]

FORMAT = "kneetrack-inertial"
VERSION = 1
MAX_NORM_ERROR = 0.02
"""Resting norm error (fraction of g) beyond which a sensor is calibrated or refused: 0.02 g tilts by about 1 deg."""

_MAX_ACC_BIAS = 6.0
_MAX_GYR_BIAS = np.radians(20.0)
_MAX_SCALE_ERROR = 0.15


def _zeros() -> Floats:
    return np.zeros(3)


def _identity() -> Floats:
    return np.eye(3)


@dataclass(frozen=True, eq=False)
class Inertial:
    """The inertial calibration of one sensor: true = matrix @ (measured - bias), sensor frame.

    acc_bias (3,) m/s2, acc_matrix (3, 3), gyr_bias (3,) rad/s, gyr_matrix (3, 3).
    temperature_c: of the sensor when it was calibrated, None where unknown. date: day of calibration, ISO 8601.
    address: the device's.
    """

    acc_bias: Floats = field(default_factory=_zeros)
    acc_matrix: Floats = field(default_factory=_identity)
    gyr_bias: Floats = field(default_factory=_zeros)
    gyr_matrix: Floats = field(default_factory=_identity)
    temperature_c: float | None = None
    date: str = ""
    address: str = ""

    def apply(self, acc: Floats, gyr: Floats) -> tuple[Floats, Floats]:
        """Corrected copies of acc and gyr, (n, 3) each. A row's result does not depend on how many rows there are."""
        return _affine(acc, self.acc_bias, self.acc_matrix), _affine(gyr, self.gyr_bias, self.gyr_matrix)

    def complaint(self) -> str | None:
        """Why this calibration must not be used, one line; None where it may be."""
        for name, matrix in (("accelerometer", self.acc_matrix), ("gyroscope", self.gyr_matrix)):
            if np.shape(matrix) != (3, 3) or not np.isfinite(matrix).all():
                return f"{name} matrix is not 3 x 3 finite numbers"
            if np.abs(matrix - np.eye(3)).max() > _MAX_SCALE_ERROR:
                return f"{name} matrix is more than {100 * _MAX_SCALE_ERROR:.0f} % from identity"
        for name, bias, limit, unit in (
            ("accelerometer", self.acc_bias, _MAX_ACC_BIAS, "m/s2"),
            ("gyroscope", self.gyr_bias, _MAX_GYR_BIAS, "rad/s"),
        ):
            if np.shape(bias) != (3,) or not np.isfinite(bias).all():
                return f"{name} bias is not three finite numbers"
            if np.abs(bias).max() > limit:
                return f"{name} bias of {np.abs(bias).max():.2f} {unit} is beyond {limit:.2f}"
        return None

    def age_days(self, today: Day) -> int | None:
        """Days since the calibration; None where its date is unknown."""
        try:
            return (today - Day.fromisoformat(self.date)).days
        except ValueError:
            return None

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary, with format and version."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "address": self.address,
            "date": self.date,
            "temperature_c": self.temperature_c,
            "acc_bias": self.acc_bias.tolist(),
            "acc_matrix": self.acc_matrix.tolist(),
            "gyr_bias": self.gyr_bias.tolist(),
            "gyr_matrix": self.gyr_matrix.tolist(),
        }

    @staticmethod
    def from_json(value: object) -> "Inertial":
        """Read what `to_json` gave, as a dictionary or as text.

        Raises CalibrationError where it is something else, newer, or implausible.
        """
        where = "inertial calibration"
        try:
            data = json.loads(value) if isinstance(value, str | bytes) else value
        except ValueError as error:
            raise CalibrationError(f"{where}: not JSON ({error}); calibrate the sensor again") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise CalibrationError(f"{where}: not a {FORMAT} object; calibrate the sensor again")
        version = data.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise CalibrationError(f"{where}: version {version} is newer than {VERSION}; update kneetrack")
        temperature = data.get("temperature_c")
        try:
            result = Inertial(
                acc_bias=np.array(data["acc_bias"], float),
                acc_matrix=np.array(data["acc_matrix"], float),
                gyr_bias=np.array(data["gyr_bias"], float),
                gyr_matrix=np.array(data["gyr_matrix"], float),
                temperature_c=None if temperature is None else float(temperature),
                date=str(data.get("date", "")),
                address=str(data.get("address", "")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"{where}: missing or misshapen field ({error}); calibrate again") from None
        complaint = result.complaint()
        if complaint:
            raise CalibrationError(f"{where} of {result.address or 'a sensor'}: {complaint}; calibrate again")
        return result


@dataclass(frozen=True)
class RestParameters:
    """What counts as rest. Quiet standing sways less than this; a hand or a moving leg does not.

    window_s: length of the windows that are judged. least_s: shortest rest.
    gyr_sd, acc_sd: largest standard deviation within a window, per axis, rad/s and m/s2.
    gyr_mean: largest mean rate (a bias, or slow turning), rad/s.
    turn: largest change of the mean acceleration from window to window within one rest, m/s2.
    """

    window_s: float = 0.5
    least_s: float = 1.0
    gyr_sd: float = 0.035
    acc_sd: float = 0.15
    gyr_mean: float = 0.35
    turn: float = 0.1


@dataclass(frozen=True, eq=False)
class Rest:
    """A rest of one sensor: rows begin to end (exclusive), mean acc (3,) m/s2, mean gyr (3,) rad/s, duration_s."""

    begin: int
    end: int
    acc: Floats
    gyr: Floats
    duration_s: float


def find_rests(
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    ok: NDArray[np.bool_] | None = None,
    parameters: RestParameters | None = None,
) -> list[Rest]:
    """The rests in acc, gyr, (n, 3) each on a regular grid, in order of time. ok: (n,) rows to be trusted."""
    p = parameters or RestParameters()
    size = max(round(p.window_s * rate_hz), 4)
    count = len(acc) // size
    if count == 0:
        return []
    a = acc[: count * size].reshape(count, size, 3)
    w = gyr[: count * size].reshape(count, size, 3)
    mean_acc, mean_gyr = a.mean(axis=1), w.mean(axis=1)
    still = (
        (a.std(axis=1) < p.acc_sd).all(axis=1)
        & (w.std(axis=1) < p.gyr_sd).all(axis=1)
        & (np.linalg.norm(mean_gyr, axis=1) < p.gyr_mean)
    )
    if ok is not None:
        still &= ok[: count * size].reshape(count, size).all(axis=1)
    rests = []
    begin = 0
    for i in range(1, count + 1):
        joined = i < count and still[i] and still[i - 1] and np.abs(mean_acc[i] - mean_acc[i - 1]).max() < p.turn
        if joined:
            continue
        duration = (i - begin) * size / rate_hz
        if still[begin] and duration >= p.least_s:
            rows = slice(begin, i)
            rests.append(
                Rest(begin * size, i * size, mean_acc[rows].mean(axis=0), mean_gyr[rows].mean(axis=0), duration)
            )
        begin = i
    return rests


def gyroscope_bias(rests: list[Rest]) -> Floats | None:
    """The gyroscope's bias (3,) rad/s: mean over rests, weighted by duration, rests far from the median left out."""
    if not rests:
        return None
    rates = np.array([rest.gyr for rest in rests])
    weights = np.array([rest.duration_s for rest in rests])
    far = np.abs(rates - np.median(rates, axis=0)).max(axis=1)
    weights = np.where(far < np.radians(1.0), weights, 0.0)
    if weights.sum() == 0.0:
        return np.asarray(np.median(rates, axis=0))
    return np.asarray((weights[:, None] * rates).sum(axis=0) / weights.sum())


def resting_norm_error(acc: Floats) -> float:
    """How far the norm of a resting accelerometer is from g, as a signed fraction of g. acc: (n, 3) or (3,) m/s2.

    Beyond MAX_NORM_ERROR the sensor must be calibrated or refused; nan where there is nothing to judge.
    """
    rows = np.atleast_2d(acc)
    if rows.size == 0:
        return float("nan")
    return float(np.linalg.norm(rows.mean(axis=0)) / STANDARD_GRAVITY - 1.0)


@dataclass(frozen=True)
class AccelerometerParameters:
    """The prior that holds what the rests do not show, and how many rests are needed.

    bias_sd m/s2, scale_sd and cross_sd (fractions): errors of consumer parts (datasheets of BMI270, LSM6DSO, ICM-20948
        after soldering, with a margin). noise_sd m/s2: of a rest's mean norm.
    least_rests: rests that must be there. least_spread: smallest variance of their directions along any axis.
    """

    bias_sd: float = 0.6
    scale_sd: float = 0.02
    cross_sd: float = 0.01
    noise_sd: float = 0.02
    least_rests: int = 6
    least_spread: float = 0.12
    iterations: int = 30


@dataclass(frozen=True, eq=False)
class AccelerometerFit:
    """bias (3,) and its deviations bias_sd (3,), m/s2; matrix (3, 3) symmetric."""

    bias: Floats
    matrix: Floats
    bias_sd: Floats


def direction_spread(rests: list[Rest]) -> float:
    """How well rests cover all inclinations: smallest variance of the unit directions along any axis (sphere: 1/3)."""
    if len(rests) < 3:
        return 0.0
    directions = np.array([rest.acc / max(float(np.linalg.norm(rest.acc)), 1e-9) for rest in rests])
    return float(np.linalg.eigvalsh(np.cov(directions.T, bias=True))[0])


def fit_accelerometer(rests: list[Rest], parameters: AccelerometerParameters | None = None) -> AccelerometerFit | None:
    """Bias, scales and cross terms from rests at different inclinations.

    None where there are too few rests, or they do not cover enough inclinations to tell bias from scale.
    """
    p = parameters or AccelerometerParameters()
    if len(rests) < p.least_rests or direction_spread(rests) < p.least_spread:
        return None
    acc = np.array([rest.acc for rest in rests])
    prior_sd = np.array([p.bias_sd] * 3 + [p.scale_sd] * 3 + [p.cross_sd] * 3)
    x = np.zeros(9)
    for _ in range(p.iterations):
        residual, jacobian = _norm_residual(acc, x)
        robust = 1.0 / np.maximum(1.0, np.abs(residual) / (5 * p.noise_sd))
        weights = robust / p.noise_sd**2
        normal = jacobian.T @ (weights[:, None] * jacobian) + np.diag(prior_sd**-2)
        step = np.linalg.solve(normal, jacobian.T @ (weights * residual) + x / prior_sd**2)
        x = x - step
        if np.abs(step / prior_sd).max() < 1e-9:
            break
    covariance = np.linalg.inv(normal)
    return AccelerometerFit(x[:3], _symmetric(x), np.sqrt(np.diag(covariance)[:3]))


def calibrate(
    rests: list[Rest],
    address: str = "",
    day: str = "",
    temperature_c: float | None = None,
    parameters: AccelerometerParameters | None = None,
) -> Inertial:
    """The calibration that these rests support: gyroscope bias from any, accelerometer where they are spread enough.

    Raises CalibrationError where there is no rest at all, or what comes out is implausible.
    """
    bias = gyroscope_bias(rests)
    if bias is None:
        raise CalibrationError("no rest of a second or more was found; lay the sensor down and try again")
    fit = fit_accelerometer(rests, parameters)
    result = Inertial(
        acc_bias=fit.bias if fit else np.zeros(3),
        acc_matrix=fit.matrix if fit else np.eye(3),
        gyr_bias=bias,
        temperature_c=temperature_c,
        date=day,
        address=address,
    )
    complaint = result.complaint()
    if complaint:
        raise CalibrationError(f"calibration of {address or 'the sensor'}: {complaint}; the sensor may be broken")
    return result


def _affine(values: Floats, bias: Floats, matrix: Floats) -> Floats:
    # column by column: a matrix product may round a row differently when there are more rows
    x, y, z = values[:, 0] - bias[0], values[:, 1] - bias[1], values[:, 2] - bias[2]
    out = np.empty_like(values, dtype=np.float64)
    for i in range(3):
        out[:, i] = matrix[i, 0] * x + matrix[i, 1] * y + matrix[i, 2] * z
    return out


def _symmetric(x: Floats) -> Floats:
    sx, sy, sz, xy, xz, yz = x[3:]
    return np.array([[1 + sx, xy, xz], [xy, 1 + sy, yz], [xz, yz, 1 + sz]])


def _norm_residual(acc: Floats, x: Floats) -> tuple[Floats, Floats]:
    """|M (a - b)| - g per rest, (n,), and its derivatives by the nine parameters, (n, 9)."""
    matrix = _symmetric(x)
    centred = acc - x[:3]
    true = centred @ matrix.T
    norm = np.linalg.norm(true, axis=1)
    unit = true / norm[:, None]
    by_bias = -unit @ matrix
    by_scale = unit * centred
    by_cross = np.column_stack(
        [unit[:, i] * centred[:, j] + unit[:, j] * centred[:, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    )
    return norm - STANDARD_GRAVITY, np.hstack([by_bias, by_scale, by_cross])
