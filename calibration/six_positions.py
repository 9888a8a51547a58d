"""A sensor calibrated by laying it down: still for some seconds on each of its six sides, turned by hand in between.

| what the person does | what it gives |
|---|---|
| leaves it still, 3 s or more, on each side in turn | accelerometer bias, scales, cross terms; gyroscope bias |
| turns it from side to side without haste | gyroscope scales and axes, against gravity |

The sides need not be exact and the order is free; more inclinations are better. Ordinary use will do where it holds
rests at as many inclinations.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.errors import CalibrationError
from calibration.gyroscope import GyroscopeFit, fit_gyroscope
from calibration.inertial import (
    MAX_NORM_ERROR,
    AccelerometerParameters,
    Inertial,
    Rest,
    calibrate,
    find_rests,
    resting_norm_error,
)

Floats = NDArray[np.float64]

SIDES = 6
LEFT_NORM_ERROR = 0.005
"""Norm error (fraction of g, rms over the rests) that a calibration may leave: else the rests contradict each other."""
TRUSTED_SCALE_SD = 0.004
"""A gyroscope matrix known worse than this is told, but not used."""
OFF = AccelerometerParameters(bias_sd=4.0, scale_sd=0.05)
"""What may be wrong with a sensor whose gravity is plainly off."""


@dataclass(frozen=True, eq=False)
class SixPositions:
    """The calibration, and what it rests on. sides: inclinations seen. norm_before, norm_after: rms error of gravity's
    size over the rests, fractions. gyroscope: None where no turn could tell."""

    inertial: Inertial
    sides: int
    norm_before: float
    norm_after: float
    gyroscope: GyroscopeFit | None


def sides_seen(rests: list[Rest], apart: float = np.radians(50.0)) -> int:
    """How many clearly different inclinations these rests have."""
    seen: list[Floats] = []
    for rest in rests:
        up = rest.acc / max(float(np.linalg.norm(rest.acc)), 1e-9)
        if all(float(up @ other) < np.cos(apart) for other in seen):
            seen.append(up)
    return len(seen)


def calibrate_at_rest(
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    ok: NDArray[np.bool_] | None = None,
    address: str = "",
    day: str = "",
    temperature_c: float | None = None,
) -> SixPositions:
    """From one sensor's samples, (n, 3) m/s2 and rad/s on a regular grid.

    Raises CalibrationError where the rests are too few or too alike, contradict each other, or give what no working
    sensor has.
    """
    rests = find_rests(acc, gyr, rate_hz, ok)
    sides = sides_seen(rests)
    who = address or "the sensor"
    before = _norm_error(Inertial(), rests)
    found = calibrate(rests, address, day, temperature_c, OFF if before > MAX_NORM_ERROR else None)
    if not found.acc_bias.any():
        raise CalibrationError(
            f"calibration of {who}: rests at {sides} inclinations were seen, {SIDES} are needed: lay it still for 3 s "
            "on each of its six sides"
        )
    after = _norm_error(found, rests)
    if after > LEFT_NORM_ERROR:
        raise CalibrationError(
            f"calibration of {who}: gravity differs by {100 * after:.1f} % between the rests even so; keep it quite "
            "still and try again, or the sensor is broken"
        )
    ups, _ = found.apply(np.array([rest.acc for rest in rests]), np.zeros((len(rests), 3)))
    ups /= np.linalg.norm(ups, axis=1)[:, None]
    turned = fit_gyroscope(gyr, found.gyr_bias, rests, ups, rate_hz)
    if turned is not None and float(turned.scale_sd.max()) < TRUSTED_SCALE_SD:
        found = replace(found, gyr_matrix=turned.matrix)
        complaint = found.complaint()
        if complaint:
            raise CalibrationError(f"calibration of {who}: {complaint}; the sensor or its range setting is wrong")
    return SixPositions(found, sides, before, after, turned)


def _norm_error(inertial: Inertial, rests: list[Rest]) -> float:
    if not rests:
        return 0.0
    acc, _ = inertial.apply(np.array([rest.acc for rest in rests]), np.zeros((len(rests), 3)))
    return float(np.sqrt(np.mean([resting_norm_error(a) ** 2 for a in acc])))
