"""A `LegBlock` straight from two raw IMUs of a moving leg, without the engine: for tests of what follows the angles.

Orientation by VQF. The flexion axis of each segment is what gravity stays perpendicular to, its sign such that the
larger peaks of the shank swing forward and the thigh leads it; the long axis is the mean of gravity while the segment
turns slowly in stance. Signs and stance are taken from the walking of the recording, where the shank turns fast every
second. Only the sagittal columns (inclinations, rates, flexion), the tilts and the accelerations are filled: abduction
and rotation are NaN and `valid` is False throughout, as in a recording that could only be calibrated from its motion.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly
from scipy.spatial.transform import Rotation
from vqf import VQF

from pipeline.blocks import Bools, Floats, LegBlock, Status
from pipeline.records import Side

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class RawLeg:
    """Both sensors of one leg, sensor frames: acc (n, 3) m/s2, gyr (n, 3) rad/s."""

    thigh_acc: Floats
    thigh_gyr: Floats
    shank_acc: Floats
    shank_gyr: Floats
    rate_hz: float


@dataclass(frozen=True)
class _Segment:
    """One segment in its anatomical frame. axes: (3, 3), rows x, y, z in the sensor frame."""

    axes: Floats
    up: Floats
    rate: Floats
    incl: Floats
    world_from_segment: Rotation


def leg_from_imu(raw: RawLeg, side: Side, grid_hz: float = 100.0) -> LegBlock:
    """The sagittal columns of a leg. See the module's text for what is NaN."""
    raw = resampled(raw, grid_hz)
    walking = _walking(raw.shank_gyr, grid_hz)
    shank = _segment(raw.shank_acc, raw.shank_gyr, walking, grid_hz)
    thigh = _segment(raw.thigh_acc, raw.thigh_gyr, walking, grid_hz, after=shank.rate)
    n = len(shank.rate)
    nan = np.full(n, np.nan)
    level, norm = _level_acceleration(raw.shank_acc, shank)
    shank_tilt = side.sign * np.arcsin(np.clip(shank.up[:, 2], -1, 1))
    thigh_tilt = -side.sign * np.arcsin(np.clip(thigh.up[:, 2], -1, 1))
    return LegBlock(
        start=0,
        rate_hz=grid_hz,
        flexion=thigh.incl - shank.incl,
        abduction=nan,
        rotation=nan,
        excess=nan,
        collapse=thigh_tilt + shank_tilt,
        thigh_tilt=thigh_tilt,
        shank_tilt=shank_tilt,
        flexion_sd=np.full(n, np.radians(3.0)),
        abduction_sd=nan,
        rotation_sd=nan,
        excess_sd=nan,
        collapse_sd=np.full(n, np.radians(2.0)),
        thigh_incl=thigh.incl,
        shank_incl=shank.incl,
        thigh_rate=thigh.rate,
        shank_rate=shank.rate,
        shank_acc=level,
        thigh_yaw=nan,
        shank_yaw=nan,
        thigh_quat=thigh.world_from_segment.as_quat()[:, [3, 0, 1, 2]],
        shank_quat=shank.world_from_segment.as_quat()[:, [3, 0, 1, 2]],
        acc_norm=norm,
        valid=np.zeros(n, dtype=bool),
        status=np.full(n, Status.OK, dtype=np.uint8),
    )


def resampled(raw: RawLeg, grid_hz: float) -> RawLeg:
    """The same leg on another rate."""
    if abs(raw.rate_hz - grid_hz) < 1e-6:
        return raw
    up, down = round(grid_hz), round(raw.rate_hz)
    columns = [
        resample_poly(a, up, down, axis=0, padtype="line")
        for a in (raw.thigh_acc, raw.thigh_gyr, raw.shank_acc, raw.shank_gyr)
    ]
    return RawLeg(*columns, rate_hz=grid_hz)


def _walking(shank_gyr: Floats, rate_hz: float) -> Bools:
    """Rows around which, for 1.5 s, the shank turns with more than 1.2 rad/s RMS."""
    kernel = np.ones(round(1.5 * rate_hz)) / round(1.5 * rate_hz)
    return np.convolve(np.sum(shank_gyr**2, axis=1), kernel, mode="same") > 1.2**2


def _flexion_axis(up: Floats, gyr: Floats, walking: Bools, rate_hz: float, after: Floats | None) -> Floats:
    """Direction to which gravity stays perpendicular while the segment moves, whatever turns about the vertical."""
    moving = up[np.linalg.norm(gyr, axis=1) > 0.3]
    _, vectors = np.linalg.eigh(moving.T @ moving)
    axis = np.asarray(vectors[:, 0], dtype=float)
    along = gyr @ axis
    if after is None:
        # The shank swings forward faster than it goes back: the third moment tells the sign.
        forward = float(np.sum(along[walking] ** 3))
    else:
        lead = round(0.12 * rate_hz)
        forward = float(np.sum(along[:-lead][walking[:-lead]] * after[lead:][walking[:-lead]]))
    return axis if forward > 0 else -axis


def _segment(acc: Floats, gyr: Floats, walking: Bools, rate_hz: float, after: Floats | None = None) -> _Segment:
    result = VQF(1.0 / rate_hz).updateBatch(np.ascontiguousarray(gyr), np.ascontiguousarray(acc))
    world_from_sensor = Rotation.from_quat(np.asarray(result["quat6D"])[:, [1, 2, 3, 0]])
    up_sensor = world_from_sensor.inv().apply(np.array([0.0, 0.0, 1.0]))
    z = _flexion_axis(up_sensor, gyr, walking, rate_hz, after)
    speed = np.linalg.norm(gyr, axis=1)
    slow = up_sensor[walking & (speed <= np.quantile(speed[walking], 0.35))].mean(axis=0)
    y = slow - z * (slow @ z)
    y /= np.linalg.norm(y)
    axes = np.stack([np.cross(y, z), y, z])
    up = up_sensor @ axes.T
    return _Segment(
        axes=axes,
        up=up,
        rate=gyr @ z,
        incl=np.arctan2(up[:, 0], up[:, 1]),
        world_from_segment=world_from_sensor * Rotation.from_matrix(axes.T),
    )


def _level_acceleration(acc: Floats, shank: _Segment) -> tuple[Floats, Floats]:
    segment_acc = acc @ shank.axes.T
    free = shank.world_from_segment.apply(segment_acc) - np.array([0.0, 0.0, GRAVITY_M_S2])
    right = shank.world_from_segment.apply(np.array([0.0, 0.0, 1.0]))
    right[:, 2] = 0.0
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    forward = np.cross(np.array([0.0, 0.0, 1.0]), right)
    level = np.stack([np.sum(free * forward, axis=1), free[:, 2], np.sum(free * right, axis=1)], axis=1)
    return level, np.linalg.norm(acc, axis=1)
