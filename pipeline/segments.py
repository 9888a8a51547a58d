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
        x = relative.states
        half = np.empty((2, 2, x.shape[1]))
        half[0, 0], half[0, 1] = -0.5 * north, 0.5 * (x[DELTA] - north)
        half[1] = 0.5 * x[THIGH : SHANK + 1]
        (heading_c, frame_c), (heading_s, frame_s) = cosine_and_sine(half)
        sensors = np.empty((4, 2, len(one.quat)))
        sensors[:, 0], sensors[:, 1] = one.quat.T, two.quat.T
        q = _after(sensors, self._mount)
        # Behind it a turn about the segment's own long axis, before it one about the vertical.
        turned = np.multiply(frame_s, q, out=sensors)
        q *= frame_c
        q[:2] -= turned[2:]
        q[2:] += turned[:2]
        np.multiply(heading_s, q, out=turned)
        q *= heading_c
        q[:2] -= turned[3:1:-1]
        q[2:] += turned[1::-1]
        return _tilted(q, x[TILT_X], x[TILT_Y], north)


def cosine_and_sine(angle: Floats) -> tuple[Floats, Floats]:
    """Of angles (...) rad."""
    t = np.tan(0.5 * angle)
    double = 2.0 / (1.0 + t * t)
    return double - 1.0, double * t


def _after(q: Floats, first: Floats) -> Floats:
    """(4, 2, n) Hamilton products q first; first (4, 2, 1): the rotation that is done first."""
    result: Floats = first[0] * q
    turned = first[1] * q
    result[0::3] -= turned[1:3]
    result[1:3] += turned[0::3]
    np.multiply(first[2], q, out=turned)
    result[:2] -= turned[2:]
    result[2:] += turned[:2]
    np.multiply(first[3], q, out=turned)
    result[0::2] -= turned[3::-2]
    result[1::2] += turned[2::-2]
    return result


def _tilted(q: Floats, tilt_x: Floats, tilt_y: Floats, north: float) -> Floats:
    """(4, 2, n) q, then half of the relative inclination each, which the turned world sees turned as well."""
    c, s = float(np.cos(north)), float(np.sin(north))
    a = _QUARTER * (c * tilt_x + s * tilt_y)
    b = _QUARTER * (c * tilt_y - s * tilt_x)
    about_x, about_y = a * q, b * q
    q[0::2] -= about_x[1::2]
    q[1::2] += about_x[0::2]
    q[0::3] -= about_y[2:0:-1]
    q[1:3] += about_y[3::-3]
    q *= 1.0 / np.sqrt(1.0 + (a * a + b * b))
    return q


def axes(q: Floats) -> Floats:
    """(3, 3, 2, n) both segments' rotation matrices: [:, 0] are their X, [:, 1] their Y, [:, 2] their Z."""
    double = 2.0 * q[1:]
    r = double[:, None] * q[1:]
    wx, wy, wz = double * q[0]
    rest = 1.0 - (r[0, 0] + r[1, 1] + r[2, 2])
    for k in range(3):
        r[k, k] += rest
    r[0, 1] -= wz
    r[1, 0] += wz
    r[0, 2] += wy
    r[2, 0] -= wy
    r[1, 2] -= wx
    r[2, 1] += wx
    return r
