"""What the relative heading is estimated from: the specific force at the knee centre, as each sensor sees it.

With R the turn from a sensor's frame to its level frame, a the specific force that it measures and r the vector from it
to the knee centre, the specific force at the centre is R a + (R r)''. Averaged over a short stretch with the weights of
a triangle, the second derivative is a mere difference of three turns: over s on either side of t it is
(R(t + s) - 2 R(t) + R(t - s)) r / s^2, without any filter and whatever the sensor did in between. Rates and
accelerations that are low-passed each and multiplied afterwards are not the low-pass of their products: in a swing the
force so found is wrong by some tenths of m/s2, step for step alike, which turns the heading by degrees. The stretch is
chosen long enough to average soft tissue's wobble away (8 to 15 Hz), and short enough to keep the movement.

The vector r is no constant: skin and muscle slide as the knee bends, so that r = r0 + f r1 for the knee's flexion f. A
centimetre at a right angle is enough to turn the heading by two degrees where it is left out, since it swings at the
step's own rhythm. Both r0 and r1 enter linearly, and so do the errors of a cheap accelerometer: an offset b, and a turn
c of its axes against the gyroscope's, which add b + c x a. Left out, a misalignment of half a degree bends the
abduction of a lunge by a degree. Live, all this is done for each block once the next one is complete.
"""

from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import Bools, Floats, Ints
from pipeline.leg_rows import LegRows, join_rows, sagittal_difference
from pipeline.quaternions import columns, rotated_columns


@dataclass(frozen=True, slots=True)
class JointSignalParameters:
    """reach_s: s above; the rows are as far apart. Chosen on simulated people (seeds 0 to 39)."""

    reach_s: float = 0.18


ARM = 6
"""Numbers of one sensor's arm: r0 (3,) m and r1 (3,) m/rad."""
ERROR = 6
"""Numbers of one accelerometer's error: offset b (3,) m/s2 and turn c (3,) rad against the gyroscope, to be added as
b + c x a."""


@dataclass(frozen=True, slots=True)
class JointSignals:
    """m rows. index (m,): grid index. force1, force2 (m, 3) m/s2: specific force of thigh and shank sensor, each in its
    own level frame; lever1, lever2 (m, 3, 6), error1, error2 (m, 3, 6): f = force + lever [r0, r1] + error [b, c].
    good (m,): both sensors delivered."""

    index: Ints
    force1: Floats
    lever1: Floats
    force2: Floats
    lever2: Floats
    error1: Floats
    error2: Floats
    good: Bools

    def __len__(self) -> int:
        return len(self.index)

    def picked(self, mask: Bools | Ints) -> "JointSignals":
        """The rows where mask is True, or of these numbers."""
        return JointSignals(
            self.index[mask],
            self.force1[mask],
            self.lever1[mask],
            self.force2[mask],
            self.lever2[mask],
            self.error1[mask],
            self.error2[mask],
            self.good[mask],
        )


def join_signals(parts: list[JointSignals]) -> JointSignals:
    """One after the other."""
    names = ("index", "force1", "lever1", "force2", "lever2", "error1", "error2", "good")
    return JointSignals(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def joint_signals(
    rows: LegRows, rate_hz: float, alignment: Alignment | None, parameters: JointSignalParameters | None = None
) -> JointSignals | None:
    """Of rows that follow each other; None where they are too few. alignment: tells the knee's flexion; without it r1
    does not show."""
    p = parameters or JointSignalParameters()
    reach = max(1, round(p.reach_s * rate_hz))
    first = reach + (-rows.start - reach) % reach
    count = (len(rows) - 1 - first) // reach
    if count < 1:
        return None
    at = first + reach * np.arange(-1, count + 1)
    flexion = None if alignment is None else _flexion(rows, at, alignment)
    force1, lever1, error1 = _seen(rows.thigh_acc, rows.thigh_quat, at, flexion, rate_hz)
    force2, lever2, error2 = _seen(rows.shank_acc, rows.shank_quat, at, flexion, rate_hz)
    index = at[1:-1]
    good = _undisturbed(rows.ok, index, reach)
    return JointSignals(rows.start + index, force1, lever1, force2, lever2, error1, error2, good)


class JointSignalWindow:
    """The causal form: give each complete block of rows; get the signals of the block before it."""

    def __init__(self, rate_hz: float, parameters: JointSignalParameters | None = None) -> None:
        self._rate = rate_hz
        self._p = parameters
        self._blocks: list[LegRows] = []

    def update(self, rows: LegRows, alignment: Alignment | None) -> JointSignals | None:
        """rows: a block that follows the last one; None for the first."""
        if self._blocks and self._blocks[-1].start + len(self._blocks[-1]) != rows.start:
            self._blocks = []
        self._blocks = [*self._blocks[-2:], rows]
        if len(self._blocks) < 2:
            return None
        signals = joint_signals(join_rows(self._blocks), self._rate, alignment, self._p)
        if signals is None:
            return None
        first = self._blocks[-2].start
        return signals.picked((signals.index >= first) & (signals.index < rows.start))


def _flexion(rows: LegRows, at: Ints, alignment: Alignment) -> Floats:
    """(m,) the knee's flexion as both inclinations tell it at some rows, rad, without jumps."""
    thigh, shank = rows.thigh_quat[at], rows.shank_quat[at]
    bent = sagittal_difference(thigh, alignment.thigh_from_sensor, shank, alignment.shank_from_sensor)
    return np.unwrap(bent)


def _undisturbed(ok: Bools, index: Ints, settle: int) -> Bools:
    """(m,) whether all rows up to `settle` around these were delivered."""
    if ok.all():
        return np.ones(len(index), bool)
    missing = np.concatenate([[0], np.cumsum(~ok)])
    begin, end = np.maximum(index - settle, 0), np.minimum(index + settle + 1, len(ok))
    return np.asarray(missing[end] == missing[begin])


def _seen(acc: Floats, quat: Floats, at: Ints, flexion: Floats | None, rate_hz: float) -> tuple[Floats, Floats, Floats]:
    """Force (m, 3), lever matrix (m, 3, 6) and error matrix (m, 3, 6) of one sensor in its level frame, about the rows
    `at` (m + 2,), evenly apart, but for the first and the last one. flexion (m + 2,)."""
    reach = int(at[1] - at[0])
    between = slice(at[0] + 1, at[-1] + 1)
    force = _triangles(rotated_columns(quat[between], acc[between]), reach)
    turn = np.stack(columns(quat[at]), axis=-1).reshape(-1, 3, 3)
    per_s2 = (rate_hz / reach) ** 2
    lever = np.zeros((len(force), 3, ARM))
    change = turn[2:] - 2.0 * turn[1:-1] + turn[:-2]
    lever[:, :, :3] = per_s2 * change
    if flexion is not None:
        slid = flexion[:, None, None] * turn
        lever[:, :, 3:] = per_s2 * (slid[2:] - 2.0 * slid[1:-1] + slid[:-2])
    mean = turn[1:-1] + change / 12.0
    error = np.empty((len(force), 3, ERROR))
    error[:, :, :3] = mean
    x, y, z = (v[:, None] for v in force.T)
    for k, (one, two, a, b) in enumerate(((z, y, 1, 2), (x, z, 2, 0), (y, x, 0, 1))):
        np.subtract(one * mean[:, a], two * mean[:, b], out=error[:, k, 3:])
    return force, lever, error


def _triangles(columns: Floats, reach: int) -> Floats:
    """(m, 3) means weighted by triangles of this reach on either side: of columns (3, (m + 1) reach), about the last
    one of each stretch of `reach` rows but the last stretch."""
    rise = np.arange(1, reach + 1) / reach**2
    parts = columns.reshape(-1, reach) @ np.stack([rise, 1.0 / reach - rise], axis=-1)
    rising, falling = parts.reshape(3, -1, 2).transpose(2, 1, 0)
    sums: Floats = rising[:-1] + falling[1:]
    return sums
