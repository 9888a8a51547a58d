"""How a person wears the sensors: where they sit, how the skin moves them, and what the sensors get wrong.

Sizes: knee_biomechanics reference, section 8 (soft tissue of thigh 3 to 8 deg with axial > frontal > sagittal, shank 2
to 4; about 70 % of its power repeats with flexion, the rest is a wobble of 8 to 15 Hz after each contact that is gone
in 100 to 200 ms; gyroscope bias 0.5 deg/s, accelerometer bias 0.08 m/s2, scale 0.6 %, misalignment 0.6 deg).

Everything is described as on a right leg; a left leg wears the mirror image.
"""

from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats
from pipeline.records import Segment

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
DEG = np.pi / 180.0
MIRROR = np.array([1.0, 1.0, -1.0])
"""Takes a vector of the right leg to the left leg: Z changes sign, X and Y stay."""


@dataclass(frozen=True, slots=True)
class SoftTissue:
    """The sensor's movement against the bone, zero in the person's standing. Axes: segment x (frontal), y (axial), z
    (sagittal), as rotation vector.

    flexion_deg: at 90 deg of knee flexion, growing as the sine of the flexion's half.
    bulge_deg: a second repeatable shape, largest at 45 deg.
    loaded_deg: while the leg carries the body and flexes (muscles bulge): not seen in unloaded flexion.
    hip_deg: at 90 deg of the segment's inclination: skin and muscle of a thigh follow the hip as well as the knee.
    wobble_deg: first swing of the wobble after a contact of strength 1; wobble_hz, decay_s: its rate and time constant.
    shift_m: movement along the skin at 90 deg flexion; wobble_m: in the wobble.
    """

    flexion_deg: Vector
    bulge_deg: Vector
    loaded_deg: Vector
    hip_deg: Vector
    wobble_deg: Vector
    wobble_hz: float
    decay_s: float
    shift_m: Vector
    wobble_m: Vector


@dataclass(frozen=True, slots=True)
class ImuErrors:
    """What one sensor gets wrong. Gyroscope in rad/s, accelerometer in m/s2.

    gyr_noise, acc_noise: densities, per root Hz. gyr_walk: random walk of the gyroscope's bias, rad/s per root s.
    gyr_scale, acc_scale: relative, per axis. gyr_skew, acc_skew: rotation vector of the misaligned axes, rad.
    g_sensitivity: rad/s per m/s2, per axis. acc_range, gyr_range: ends of the ranges; *_step: resolution.
    skew_ppm: the sensor's clock runs fast by this; jitter_s: standard deviation of the sampling times.
    """

    gyr_noise: float
    acc_noise: float
    gyr_bias: Vector
    gyr_walk: float
    acc_bias: Vector
    gyr_scale: Vector
    acc_scale: Vector
    gyr_skew: Vector
    acc_skew: Vector
    g_sensitivity: Vector
    acc_range: float = 16.0 * STANDARD_GRAVITY
    gyr_range: float = 2000.0 * DEG
    acc_step: float = 16.0 * STANDARD_GRAVITY / 32768.0
    gyr_step: float = 2000.0 * DEG / 32768.0
    skew_ppm: float = 0.0
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wearing:
    """One sensor on one segment.

    position_m: from the knee centre, segment axes. mounting: segment from sensor, quaternion scalar first.
    shock: how much of a heel strike reaches it, 1 at a typical shank; shock_s: its time constant.
    """

    position_m: Vector
    mounting: Quaternion
    tissue: SoftTissue
    imu: ImuErrors
    shock: float
    shock_s: float

    def mounting_on(self, sign: float) -> Floats:
        """(4,) segment from sensor on the leg of this sign: mirrored on a left leg."""
        q = np.array(self.mounting)
        return q if sign > 0 else q * np.array([1.0, -1.0, -1.0, 1.0])

    def position_on(self, sign: float) -> Floats:
        """(3,) lever arm from the knee centre on the leg of this sign."""
        return np.array(self.position_m) * (1.0 if sign > 0 else MIRROR)


def vector(values: Floats) -> Vector:
    """Three numbers as a plain tuple."""
    x, y, z = (float(v) for v in values)
    return x, y, z


def draw_wearing(
    rng: np.random.Generator,
    segment: Segment,
    length_m: float,
    soft_tissue: float = 1.0,
    sensor_errors: float = 1.0,
    aligned: bool = False,
) -> Wearing:
    """A strapping-on: place, mounting, soft tissue and errors. soft_tissue, sensor_errors: factors on the sizes.

    length_m: of the segment. aligned: the sensor's axes along the segment's instead of anyhow.
    """
    thigh = segment is Segment.THIGH
    along = rng.uniform(0.35, 0.6) * length_m
    place = (
        (rng.uniform(0.02, 0.08), along, rng.uniform(0.02, 0.08))
        if thigh
        else (rng.uniform(0.0, 0.05), -along, rng.uniform(0.0, 0.05))
    )
    turn = rng.standard_normal(4)
    mounting = np.array([1.0, 0.0, 0.0, 0.0]) if aligned else turn / np.linalg.norm(turn)
    w, x, y, z = (float(v) for v in mounting)
    return Wearing(
        position_m=place,
        mounting=(w, x, y, z),
        tissue=draw_tissue(rng, segment, soft_tissue),
        imu=draw_errors(rng, sensor_errors),
        shock=float(rng.uniform(0.2, 0.5) if thigh else rng.uniform(0.7, 1.4)),
        shock_s=float(rng.uniform(0.010, 0.017)),
    )


def draw_tissue(rng: np.random.Generator, segment: Segment, factor: float = 1.0) -> SoftTissue:
    """Soft tissue of one segment; `factor` scales all of it."""
    thigh = segment is Segment.THIGH
    spread = np.array([2.2, 3.4, 1.9]) if thigh else np.array([1.3, 2.0, 1.1])
    floor = np.sign(rng.standard_normal(3)) * 0.35 * spread
    return SoftTissue(
        flexion_deg=vector(factor * (floor + spread * rng.standard_normal(3))),
        bulge_deg=vector(factor * 0.4 * spread * rng.standard_normal(3)),
        loaded_deg=vector(factor * 0.35 * spread * rng.standard_normal(3)),
        hip_deg=vector(factor * (0.35 if thigh else 0.1) * spread * rng.standard_normal(3)),
        wobble_deg=vector(factor * spread * rng.uniform(0.4, 0.9, 3) * np.sign(rng.standard_normal(3))),
        wobble_hz=float(rng.uniform(8.0, 15.0)),
        decay_s=float(rng.uniform(0.035, 0.07)),
        shift_m=vector(factor * (0.008 if thigh else 0.004) * rng.standard_normal(3)),
        wobble_m=vector(factor * (0.0010 if thigh else 0.0006) * rng.standard_normal(3)),
    )


def draw_errors(rng: np.random.Generator, factor: float = 1.0) -> ImuErrors:
    """Errors of one sensor; `factor` scales all of them (with 0, clock and resolution are perfect too)."""

    def three(sd: float) -> Vector:
        return vector(factor * sd * rng.standard_normal(3))

    exact = factor == 0.0
    return ImuErrors(
        gyr_noise=factor * rng.uniform(0.005, 0.015) * DEG,
        acc_noise=factor * rng.uniform(100e-6, 300e-6) * STANDARD_GRAVITY,
        gyr_bias=three(0.5 * DEG),
        gyr_walk=factor * 1.5e-4 * DEG,
        acc_bias=three(0.08),
        gyr_scale=three(0.006),
        acc_scale=three(0.006),
        gyr_skew=three(0.6 * DEG),
        acc_skew=three(0.6 * DEG),
        g_sensitivity=three(0.05 * DEG / STANDARD_GRAVITY),
        acc_step=0.0 if exact else 16.0 * STANDARD_GRAVITY / 32768.0,
        gyr_step=0.0 if exact else 2000.0 * DEG / 32768.0,
        skew_ppm=float(factor * 30.0 * rng.standard_normal()),
        jitter_s=factor * float(rng.uniform(0.0, 1.0)) * 1e-3,
    )
