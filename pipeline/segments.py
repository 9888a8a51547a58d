"""Thigh and shank in one common world, from both sensors' orientations.

A segment's orientation is its sensor's, in its own level frame; before it the relative rotation of the level frames
(pipeline/heading.py: heading to the shank, the small relative inclination shared half and half), behind it the mounting
and what the heading filter learned about the anatomical frame (a turn about its long axis).

Both segments go through the same few formulas side by side, as arrays (4, 2, n) and (2, n), thigh first: half the calls
live, and contiguous rows, whose bits do not depend on how the stream is cut (pipeline/quaternions.py).
"""

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats
from pipeline.heading_model import DELTA, SHANK, THIGH, TILT_X, TILT_Y, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import conjugate, from_matrix

_HALF = np.array([[-0.5], [0.5]])
"""The thigh's and the shank's share of the relative inclination."""


class Segments:
    """`quaternions` and the world's view of the segments' axes, for one alignment."""

    def __init__(self, alignment: Alignment) -> None:
        mounts = [conjugate(from_matrix(m)) for m in (alignment.thigh_from_sensor, alignment.shank_from_sensor)]
        self._mount = np.stack(mounts, axis=-1)[:, :, None]

    def quaternions(self, one: Oriented, two: Oriented, relative: RelativeRows) -> Floats:
        """(4, 2, n) segment to world, z up, scalar first, thigh and shank."""
        sensors = np.empty((4, 2, len(one.quat)))
        sensors[:, 0], sensors[:, 1] = one.quat.T, two.quat.T
        return product(self._before(relative), product(sensors, self._behind(relative)))

    def _before(self, relative: RelativeRows) -> Floats:
        """(4, 2, n) a small horizontal turn, then, of the shank, the heading."""
        x = relative.states
        a, b = (0.5 * _HALF) * x[TILT_X], (0.5 * _HALF) * x[TILT_Y]
        scale = 1.0 / np.sqrt(1.0 + (a * a + b * b))
        a, b = a * scale, b * scale
        half = np.zeros_like(a)
        half[1] = 0.5 * x[DELTA]
        c, s = np.cos(half), np.sin(half)
        turn = np.empty((4, *a.shape))
        turn[0], turn[1], turn[2], turn[3] = scale * c, a * c + b * s, b * c - a * s, scale * s
        return turn

    def _behind(self, relative: RelativeRows) -> Floats:
        """(4, 2, n) sensor from anatomical frame, as it is believed now."""
        half = 0.5 * relative.states[THIGH : SHANK + 1]
        c, s = np.cos(half), np.sin(half)
        w, x, y, z = self._mount
        turn = np.empty((4, *half.shape))
        turn[0], turn[1], turn[2], turn[3] = w * c - y * s, x * c - z * s, w * s + y * c, x * s + z * c
        return turn


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


def turned_about_z(q: Floats, angle: float) -> Floats:
    """(4, ...) the same, in a world turned by -angle (rad) about the vertical."""
    c, s = float(np.cos(0.5 * angle)), float(np.sin(0.5 * angle))
    w, x, y, z = q
    result = np.empty_like(q)
    result[0], result[1], result[2], result[3] = c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w
    return result


def axes(q: Floats) -> tuple[Floats, ...]:
    """The nine entries r00, r01, ... r22, (2, n) each, of both segments' rotation matrices: columns are X, Y, Z."""
    w, x, y, z = q
    x2, y2, z2 = 2.0 * x, 2.0 * y, 2.0 * z
    xx, yy, zz = x2 * x, y2 * y, z2 * z
    xy, xz, yz = x2 * y, x2 * z, y2 * z
    wx, wy, wz = x2 * w, y2 * w, z2 * w
    return 1.0 - (yy + zz), xy - wz, xz + wy, xy + wz, 1.0 - (xx + zz), yz - wx, xz - wy, yz + wx, 1.0 - (xx + yy)
