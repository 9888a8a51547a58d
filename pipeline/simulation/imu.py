"""What a worn sensor measures: from the body's movement to specific force and angular rate, errors included.

The sensor rides on its segment, displaced and turned by soft tissue. Its path and attitude on the internal grid are
joined by cubic splines, whose derivatives give acceleration and angular rate at any time, on the sensor's own clock. A
heel strike adds a damped transient (2 to 5 g at the shank, first peak after some 5 ms, 10 to 30 Hz) that leaves no
velocity behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats
from pipeline.records import Side
from pipeline.simulation.body import LegMotion
from pipeline.simulation.plan import Contact
from pipeline.simulation.rotations import conjugate, continuous, exponential, inclination, multiply, normalise, rotate
from pipeline.simulation.shapes import GRID_HZ, smoothstep
from pipeline.simulation.wearing import MIRROR, ImuErrors, Wearing

_SHOCK_MS2 = 2.6 * STANDARD_GRAVITY
_CHUNK = 8000
_MARGIN = 40
"""Rows beyond a chunk that its splines also see: their influence fades by 0.27 a row."""


@dataclass(frozen=True, slots=True)
class Track:
    """A sensor's path on the internal grid: position (n, 3) m and attitude (n, 4) sensor to world, first row `start`;
    segment (n, 4) to world, and the contacts that shake it."""

    start: int
    position: Floats
    attitude: Floats
    segment: Floats
    contacts: Sequence[Contact]
    worn: Wearing


def track(
    start: int, leg: LegMotion, thigh: bool, side: Side, worn: Wearing, contacts: Sequence[Contact], slip: Floats | None
) -> Track:
    """The path of one sensor on `leg`. slip: (n, 3) rad rotation vectors of the strap against the segment, or None."""
    n = len(leg.flexion)
    times = (start + np.arange(n)) / GRID_HZ
    own = [c for c in contacts if c.side is side]
    turn, shift = _tissue(worn, leg, leg.thigh if thigh else leg.shank, times, own)
    pseudo = np.array([1.0, 1.0, 1.0]) if side is Side.RIGHT else np.array([-1.0, -1.0, 1.0])
    segment = leg.thigh if thigh else leg.shank
    moved = multiply(segment, exponential(turn * pseudo))
    if slip is not None:
        moved = multiply(moved, exponential(slip * pseudo))
    arm = worn.position_on(side.sign) + shift * (1.0 if side is Side.RIGHT else MIRROR)
    attitude = continuous(multiply(moved, worn.mounting_on(side.sign)))
    return Track(start, leg.knee + rotate(segment, arm), attitude, segment, own, worn)


def _tissue(
    worn: Wearing, leg: LegMotion, segment: Floats, times: Floats, contacts: Sequence[Contact]
) -> tuple[Floats, Floats]:
    """Rotation vectors (n, 3) rad and shifts (n, 3) m of the sensor against the bone, as on a right leg."""
    tissue = worn.tissue
    bent = np.sin(0.5 * leg.flexion) / np.sin(np.pi / 4.0)
    half = leg.flexion / (np.pi / 4.0)
    bulge = half * np.exp(1.0 - np.maximum(half, -1.0))
    loaded = bent * leg.effort
    leaning = np.sin(0.5 * inclination(segment)) / np.sin(np.pi / 4.0)
    shapes = np.stack([bent, bulge, loaded, leaning], axis=-1)
    turn = np.deg2rad(shapes @ np.array([tissue.flexion_deg, tissue.bulge_deg, tissue.loaded_deg, tissue.hip_deg]))
    shift = bent[:, None] * np.array(tissue.shift_m)
    for contact in contacts:
        rows = slice(*np.searchsorted(times, [contact.start_s, contact.start_s + 12.0 * tissue.decay_s]))
        after = times[rows] - contact.start_s
        ring = (
            contact.strength
            * smoothstep(after / 0.02)
            * np.exp(-after / tissue.decay_s)
            * np.sin(2.0 * np.pi * tissue.wobble_hz * after)
        )
        turn[rows] += np.deg2rad(ring[:, None] * tissue.wobble_deg)
        shift[rows] += ring[:, None] * tissue.wobble_m
    return turn, shift


def ideal(path: Track, times: Floats) -> tuple[Floats, Floats]:
    """Specific force (n, 3) m/s2 and angular rate (n, 3) rad/s in the sensor frame at `times`, no sensor errors."""
    acc, gyr = np.empty((len(times), 3)), np.empty((len(times), 3))
    rows = times * GRID_HZ - path.start
    n = len(path.position)
    for first in range(0, n, _CHUNK):
        here = slice(
            *np.searchsorted(rows, [first if first else -np.inf, first + _CHUNK if first + _CHUNK < n else np.inf])
        )
        if here.stop <= here.start:
            continue
        a, b = max(first - _MARGIN, 0), min(first + _CHUNK + _MARGIN, n)
        grid = (path.start + np.arange(a, b)) / GRID_HZ
        force = CubicSpline(grid, path.position[a:b])(times[here], 2)
        attitude = CubicSpline(grid, path.attitude[a:b])
        q, rate = attitude(times[here]), attitude(times[here], 1)
        length = np.linalg.norm(q, axis=1, keepdims=True)
        q = q / length
        force[:, 2] += STANDARD_GRAVITY
        force += _shocks(path, times[here], q)
        acc[here] = rotate(conjugate(q), force)
        gyr[here] = 2.0 * multiply(conjugate(q), rate / length)[:, 1:]
    return acc, gyr


def _shocks(path: Track, times: Floats, attitude: Floats) -> Floats:
    """(n, 3) m/s2 in the world: transients after contacts, up along the segment and backwards."""
    total = np.zeros((len(times), 3))
    constant = path.worn.shock_s
    for contact in path.contacts:
        rows = slice(*np.searchsorted(times, [contact.start_s, contact.start_s + 15.0 * constant]))
        if rows.stop <= rows.start:
            continue
        x = (times[rows] - contact.start_s) / constant
        pulse = x * (6.0 - 6.0 * x + x * x) * np.exp(-x)
        row = min(max(int(contact.start_s * GRID_HZ) - path.start, 0), len(path.segment) - 1)
        along = rotate(path.segment[row], np.array([-0.45, 1.0, 0.0]))
        total[rows] += _SHOCK_MS2 * contact.strength * path.worn.shock * pulse[:, None] * along
    return total


def measured(
    acc: Floats, gyr: Floats, errors: ImuErrors, bias: Floats, rate_hz: float, noise: Floats
) -> tuple[Floats, Floats]:
    """What the sensor says instead: scale, misaligned axes, g-sensitivity, bias, noise, range and resolution.

    bias: (n, 3) or (3,) rad/s of the gyroscope, its walk included. noise: (n, 6) standard normal, accelerometer first.
    """
    band = np.sqrt(rate_hz / 2.0)
    heard = (acc + np.cross(errors.acc_skew, acc)) * (1.0 + np.array(errors.acc_scale))
    heard = heard + errors.acc_bias + errors.acc_noise * band * noise[:, :3]
    turned = (gyr + np.cross(errors.gyr_skew, gyr)) * (1.0 + np.array(errors.gyr_scale))
    turned = turned + acc * errors.g_sensitivity + bias + errors.gyr_noise * band * noise[:, 3:]
    return (
        _converted(heard, errors.acc_range, errors.acc_step),
        _converted(turned, errors.gyr_range, errors.gyr_step),
    )


def _converted(values: Floats, end: float, step: float) -> Floats:
    rounded = values if step == 0.0 else np.round(values / step) * step
    return np.clip(rounded, -end, end)


def attitudes(path: Track, times: Floats) -> tuple[Floats, Floats]:
    """Segment and sensor (n, 4) to world at `times` (n,) s, interpolated between rows of the grid."""
    at = np.clip(times * GRID_HZ - path.start, 0.0, len(path.segment) - 1.0)
    low = np.minimum(at.astype(np.int64), len(path.segment) - 2)
    part = (at - low)[:, None]
    segment = continuous(path.segment)
    one, two = (normalise(q[low] * (1.0 - part) + q[low + 1] * part) for q in (segment, path.attitude))
    return one, two
