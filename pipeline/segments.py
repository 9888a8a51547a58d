"""Thigh and shank in one common world, and the shank as the thigh sees it, from both sensors' orientations.

A segment's orientation is its sensor's, in its own level frame; before it the relative rotation of the level frames
(pipeline/heading.py: heading to the shank, the small relative inclination shared half and half), behind it the mounting
and what the heading filter learned about the anatomical frame (a turn about its long axis).

Both segments go through the same few formulas side by side, as components of shape (2, n), thigh first: contiguous
rows, whose bits do not depend on how the stream is cut (pipeline/quaternions.py).
"""

from math import cos, sin

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Floats
from pipeline.heading_model import DELTA, TILT_X, TILT_Y, RelativeRows
from pipeline.orientation import Oriented
from pipeline.quaternions import HALF, ONE, conjugate, cosine_and_sine, from_matrix, product

THIGH_IN_WORLD, SHANK_IN_WORLD, SHANK_IN_THIGH = range(3)


class Segments:
    """`quaternions`: the segments in a world turned by -north (rad) about the vertical, for one alignment."""

    def __init__(self, alignment: Alignment, north: float = 0.0) -> None:
        mounts = [conjugate(from_matrix(m)) for m in (alignment.thigh_from_sensor, alignment.shank_from_sensor)]
        self._mount = np.stack(mounts, axis=-1)[:, :, None]
        w, x, y, z = self._mount
        self._mount_half_turned = np.stack([-y, -z, w, x])
        """The mounting behind half a turn about the long axis."""
        self._north = np.array(north)
        self._tilt_turn = np.array(0.25 * cos(north)), np.array(0.25 * sin(north))
        """How the turned world sees a tilt, and of it the half of a half angle."""

    def quaternions(self, one: Oriented, two: Oriented, relative: RelativeRows) -> Floats:
        """(4, 3, n) scalar first: thigh to world (z up), shank to world, shank to thigh."""
        states = relative.states
        n = states.shape[1]
        heading = np.empty((2, n))
        heading[0] = 0.0
        heading[1] = states[DELTA]
        heading -= self._north
        heading_c, heading_s = cosine_and_sine(HALF * heading)
        frame_c, frame_s = cosine_and_sine(HALF * relative.frames)
        sensors = np.empty((4, 2, n))
        sensors[:, 0], sensors[:, 1] = one.quat.T, two.quat.T
        behind = self._mount * frame_c + self._mount_half_turned * frame_s
        before = self._before(heading_c, heading_s, states[TILT_X], states[TILT_Y])
        q = np.empty((4, 3, n))
        product(before, product(sensors, behind), q[:, :2])
        w, x, y, z = q[:, 0]
        product((w, -x, -y, -z), q[:, 1], q[:, 2])
        return q

    def _before(self, c: Floats, s: Floats, tilt_x: Floats, tilt_y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Turns about the vertical, of half angles with cosines c and sines s (2, n), then half of the relative
        inclination each, which the turned world sees turned as well: (2, n) components."""
        along, across = self._tilt_turn
        a, b = np.empty(c.shape), np.empty(c.shape)
        np.add(along * tilt_x, across * tilt_y, a[1])
        np.subtract(along * tilt_y, across * tilt_x, b[1])
        np.negative(a[1], a[0])
        np.negative(b[1], b[0])
        length = np.sqrt(a * a + b * b + ONE)
        c, s = c / length, s / length
        return c, a * c + b * s, b * c - a * s, s
