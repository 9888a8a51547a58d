"""How errors of the accelerometers make the sensors' level frames lean.

A sensor's inclination follows its accelerometer, over seconds: one that has an offset b and a turn c against the
gyroscope takes the mean of a + b + c x a for the vertical where that of a is right, so that its level frame leans by
the horizontal part of b + c x a over gravity. It leans so at rest and in movement alike, which is why this much of the
relative inclination belongs to the errors' states, and only what changes from second to second to the inclination's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_interface.samples import STANDARD_GRAVITY
from pipeline.blocks import Floats, Ints
from pipeline.joint_signals import JointSignals


@dataclass(frozen=True, slots=True)
class Leans:
    """Of thigh and shank sensor: the horizontal part of the lean from the errors b, c, (..., 2, 6) rad, each in its own
    level frame."""

    thigh: Floats
    shank: Floats

    @staticmethod
    def seen(signals: JointSignals) -> "Leans":
        """The mean over these rows, some at least."""
        return Leans(*(e[:, :2].mean(axis=0) / STANDARD_GRAVITY for e in (signals.error1, signals.error2)))

    @staticmethod
    def in_blocks(signals: JointSignals, block: Ints, count: int, anew: Sequence[int] = ()) -> "Leans":
        """(count, 2, 6) over each block and its neighbours, half as much. block (m,): ascending, of each row. anew:
        blocks with which a level frame begins anew, so that what lies before them is no neighbour."""
        size = np.bincount(block, minlength=count).astype(np.float64)
        starts = np.minimum(np.searchsorted(block, np.arange(count)), len(block) - 1)
        follows = np.ones((count - 1, 1))
        follows[np.array(anew, np.int64) - 1] = 0.0

        def wide(values: Floats) -> Floats:
            near = values.copy()
            near[1:] += 0.5 * follows * values[:-1]
            near[:-1] += 0.5 * follows * values[1:]
            return near

        rows = STANDARD_GRAVITY * np.maximum(wide(size[:, None]), 1.0)
        parts = []
        for error in (signals.error1, signals.error2):
            sums = np.add.reduceat(error[:, :2].reshape(-1, 12), starts, axis=0)
            sums[size == 0.0] = 0.0
            parts.append((wide(sums) / rows).reshape(-1, 2, 6))
        return Leans(*parts)

    def followed(self, other: "Leans", keep: float) -> "Leans":
        """A running mean that keeps this share of what it was."""
        return Leans(keep * self.thigh + (1.0 - keep) * other.thigh, keep * self.shank + (1.0 - keep) * other.shank)

    def tilts(self, delta: Floats) -> Floats:
        """(..., 2, 12) tilt_x and tilt_y of the shank's level frame against the thigh's, from the errors of both, rad.
        delta (...): the heading between them."""
        # The vertical leans by v in the thigh's frame and w in the shank's, so that Q turns z by v - Q w.
        c, s = np.cos(delta)[..., None], np.sin(delta)[..., None]
        east = c * self.shank[..., 0, :] - s * self.shank[..., 1, :]
        north = s * self.shank[..., 0, :] + c * self.shank[..., 1, :]
        tilt_x = np.concatenate([-self.thigh[..., 1, :], north], axis=-1)
        tilt_y = np.concatenate([self.thigh[..., 0, :], -east], axis=-1)
        return np.stack([tilt_x, tilt_y], axis=-2)
