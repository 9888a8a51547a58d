"""Thigh and shank in one common world, from both sensors' orientations.

A segment's orientation is its sensor's, in its own level frame; before it the relative rotation of the level frames
(pipeline/heading.py: heading to the shank, the small relative inclination shared half and half), behind it the mounting
and what the heading filter learned about the anatomical frame (a turn about its long axis).

Both segments go through the same few formulas side by side, as arrays (4, 2, n) and (2, n), thigh first: half the calls
live, and contiguous rows, whose bits do not depend on how the stream is cut (pipeline/quaternions.py). Sines and
cosines come from the tangent of the half angle, which numpy calculates many at a time, and those two one by one.
"""

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats
from pipeline.heading_model import DELTA, SHANK, THIGH, TILT_X, TILT_Y, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import conjugate, from_matrix

_QUARTER = np.array([[-0.25], [0.25]])
"""Half of the thigh's and of the shank's share of the relative inclination."""


class Segments:
    """`quaternions`: the segments in a world turned by -north (rad) about the vertical, for one alignment."""

    def __init__(self, alignment: Alignment) -> None:
        mounts = [conjugate(from_matrix(m)) for m in (alignment.thigh_from_sensor, alignment.shank_from_sensor)]
        self._mount = np.stack(mounts, axis=-1)[:, :, None]

    def quaternions(self, one: Oriented, two: Oriented, relative: RelativeRows, north: float) -> Floats:
        """(4, 2, n) segment to world, z up, scalar first, thigh and shank."""
        sensors = np.empty((4, 2, len(one.quat)))
        sensors[:, 0], sensors[:, 1] = one.quat.T, two.quat.T
        return product(self._before(relative, north), product(sensors, self._behind(relative)))

    def _before(self, relative: RelativeRows, north: float) -> Floats:
        """(4, 2, n) of the shank, the heading; then a small horizontal turn; then north."""
        x = relative.states
        c, s = float(np.cos(north)), float(np.sin(north))
        a = _QUARTER * (c * x[TILT_X] + s * x[TILT_Y])
        b = _QUARTER * (c * x[TILT_Y] - s * x[TILT_X])
        scale = 1.0 / np.sqrt(1.0 + (a * a + b * b))
        a *= scale
        b *= scale
        cosines, sines = np.empty_like(a), np.empty_like(a)
        cosines[0], sines[0] = float(np.cos(0.5 * north)), -float(np.sin(0.5 * north))
        cosines[1], sines[1] = cosine_and_sine(0.5 * (x[DELTA] - north))
        turn = np.empty((4, *a.shape))
        turn[0], turn[3] = scale * cosines, scale * sines
        turn[1], turn[2] = a * cosines + b * sines, b * cosines - a * sines
        return turn

    def _behind(self, relative: RelativeRows) -> Floats:
        """(4, 2, n) sensor from anatomical frame, as it is believed now."""
        c, s = cosine_and_sine(0.5 * relative.states[THIGH : SHANK + 1])
        w, x, y, z = self._mount
        turn = np.empty((4, *c.shape))
        turn[0], turn[1], turn[2], turn[3] = w * c - y * s, x * c - z * s, w * s + y * c, x * s + z * c
        return turn


def cosine_and_sine(angle: Floats) -> tuple[Floats, Floats]:
    """Of angles (...) rad."""
    t = np.tan(0.5 * angle)
    double = 2.0 / (1.0 + t * t)
    return double - 1.0, double * t


def product(p: Floats, q: Floats) -> Floats:
    """(4, ...) Hamilton products of quaternions whose four numbers are the rows."""
    pw, px, py, pz = p
    qw, qx, qy, qz = q
    result = np.empty_like(q)
    result[0] = pw * qw - px * qx - py * qy - pz * qz
    result[1] = pw * qx + px * qw + py * qz - pz * qy
    result[2] = pw * qy - px * qz + py * qw + pz * qx
    result[3] = pw * qz + px * qy - py * qx + pz * qw
    return result


def axes(q: Floats) -> Floats:
    """(3, 3, 2, n) both segments' rotation matrices: [:, 0] are their X, [:, 1] their Y, [:, 2] their Z."""
    double = 2.0 * q[1:]
    wx, wy, wz = double * q[0]
    x, y, z = q[1:]
    xx, xy, xz = double[0] * x, double[0] * y, double[0] * z
    yy, yz, zz = double[1] * y, double[1] * z, double[2] * z
    r = np.empty((3, 3, *q.shape[1:]))
    np.subtract(1.0, yy + zz, out=r[0, 0])
    np.subtract(xy, wz, out=r[0, 1])
    np.add(xz, wy, out=r[0, 2])
    np.add(xy, wz, out=r[1, 0])
    np.subtract(1.0, xx + zz, out=r[1, 1])
    np.subtract(yz, wx, out=r[1, 2])
    np.subtract(xz, wy, out=r[2, 0])
    np.add(yz, wx, out=r[2, 1])
    np.subtract(1.0, xx + yy, out=r[2, 2])
    return r
