"""The sagittal, frontal and axial angle of thigh, shank and knee.

With R = F' T of thigh F and shank T, s = +1 right, -1 left: flexion = atan2(R01, R11), abduction = -s asin(R21),
rotation = s atan2(-R20, R22) (Grood and Suntay 1983, ISB axes). A segment's sagittal inclination is atan2 of the
vertical along its X and Y, its medial tilt the inclination of its mediolateral axis against gravity, s asin(Tz . up)
and -s asin(Fz . up): no heading enters them. Its yaw is the direction of its anterior axis, s atan2(Zx, -Zy).

All nine come from the same few products of the quaternions' components, for the three rotations side by side.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Floats
from pipeline.quaternions import HALF, ONE, TWO
from pipeline.segments import SHANK_IN_THIGH


@dataclass(frozen=True, slots=True)
class ThreeAngles:
    """(3, n) rad each, of thigh, shank and knee. sagittal: inclinations, lower end forwards +, and flexion. frontal:
    medial tilts, and abduction. axial: yaws, inward +, -pi to pi, and rotation. upward (n,): the vertical along the
    shank's Z."""

    sagittal: Floats
    frontal: Floats
    axial: Floats
    upward: Floats

    @staticmethod
    def of(q: Floats, side_sign: float) -> "ThreeAngles":
        """q (4, 3, n): as Segments gives them."""
        w, x, y, z = q
        xx, xz, yz, wx, wy = x * x, x * z, y * z, w * x, w * y
        # Halves of the third row and column of the rotation matrices.
        along_x, along_y = xz - wy, yz + wx
        east, south = xz + wy, wx - yz
        along_z = ONE - TWO * (xx + y * y)
        upward = along_z[1]
        # The knee's angles stand in other entries.
        k = SHANK_IN_THIGH
        east[k], south[k] = -along_x[k], HALF * along_z[k]
        along_z[k] = TWO * along_y[k]
        along_x[k], along_y[k] = x[k] * y[k] - w[k] * z[k], HALF - (xx[k] + z[k] * z[k])
        # Rounding may have made more than one of a sine.
        tilts = np.arcsin(np.minimum(np.maximum(along_z, -ONE), ONE))
        return ThreeAngles(
            np.arctan2(along_x, along_y), (side_sign * _INWARD) * tilts, side_sign * np.arctan2(east, south), upward
        )


_INWARD = np.array([[-1.0], [1.0], [-1.0]])
"""Which way thigh, shank and knee tilt when the knee goes inward."""
