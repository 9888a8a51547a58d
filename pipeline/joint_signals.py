"""What the relative heading is estimated from: the specific force at the knee centre, as each sensor sees it.

With a the specific force at the sensor, w its rate and r the vector from it to the knee centre, all in the sensor's
frame, the specific force at the centre is a + (skew(w') + skew(w)^2) r + 2 skew(w) r' + r''. The vector is no constant:
skin and muscle slide as the knee bends, so that r = r0 + f r1 for the knee's flexion f. A centimetre at a right angle
is enough to turn the heading by two degrees where it is left out, since it swings at the step's own rhythm. Both r0
and r1 enter linearly, and so do the errors of a cheap accelerometer: an offset b, and a turn c of its axes against the
gyroscope's, which add b + c x a. Left out, a misalignment of half a degree bends the abduction of a lunge by a degree.

Rates and accelerations are low-passed both ways, above the movement and under soft tissue's wobble, and kept at about
12 rows a second. Live, that is done for each block once the next one is complete.
"""

from dataclasses import dataclass

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import lever_matrix
from pipeline.blocks import Bools, Floats, Ints
from pipeline.kept_rows import KeptRows, LowPass
from pipeline.leg_rows import LegRows, join_rows, sagittal_difference
from pipeline.quaternions import columns


@dataclass(frozen=True, slots=True)
class JointSignalParameters:
    """cutoff_hz: low-pass, above the movement (under 5 Hz) and under soft tissue's wobble.
    kept_hz: rows kept a second. settle_s: how far around a hole the filter is not used."""

    cutoff_hz: float = 8.0
    kept_hz: float = 12.5
    settle_s: float = 0.4


WHOLE = JointSignalParameters(kept_hz=6.25)
"""For a whole recording: fewer rows tell as much (simulated seeds 0 to 39), where live each one helps to begin."""

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
    """Of rows that follow each other; None where they are too few to be filtered. alignment: tells the knee's flexion;
    without it r1 does not show."""
    p = parameters or JointSignalParameters()
    if len(rows) < 20:
        return None
    step = max(1, round(rate_hz / p.kept_hz))
    first = (-rows.start - 1) % step + 1
    keep = slice(first, len(rows) - 1, step)
    low_pass = LowPass.butterworth(min(p.cutoff_hz, 0.4 * rate_hz), rate_hz)

    def kept(signal: Floats) -> KeptRows:
        return KeptRows(signal, first, step, low_pass, rate_hz)

    flexion = None
    if alignment is not None:
        bent = kept(_flexion(rows, alignment)[:, None])
        flexion = bent.value()[:, 0], bent.slope()[:, 0], bent.bend()[:, 0]
    force1, lever1, error1 = _seen(kept(rows.thigh_acc), kept(rows.thigh_gyr), rows.thigh_quat[keep], flexion)
    force2, lever2, error2 = _seen(kept(rows.shank_acc), kept(rows.shank_gyr), rows.shank_quat[keep], flexion)
    index = np.arange(len(rows))[keep]
    good = _undisturbed(rows.ok, index, round(p.settle_s * rate_hz))
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


def _flexion(rows: LegRows, alignment: Alignment) -> Floats:
    """(n,) the knee's flexion as both inclinations tell it, rad, without jumps."""
    bent = sagittal_difference(
        rows.thigh_quat, alignment.thigh_from_sensor, rows.shank_quat, alignment.shank_from_sensor
    )
    jumps = np.abs(bent[1:] - bent[:-1]).max() > np.pi
    return np.unwrap(bent) if jumps else bent


def _undisturbed(ok: Bools, index: Ints, settle: int) -> Bools:
    """(m,) whether all rows up to `settle` around these were delivered."""
    if ok.all():
        return np.ones(len(index), bool)
    missing = np.concatenate([[0], np.cumsum(~ok)])
    begin, end = np.maximum(index - settle, 0), np.minimum(index + settle + 1, len(ok))
    return np.asarray(missing[end] == missing[begin])


def _seen(
    acc: KeptRows, gyr: KeptRows, quat: Floats, flexion: tuple[Floats, Floats, Floats] | None
) -> tuple[Floats, Floats, Floats]:
    """Force (m, 3), lever matrix (m, 3, 6) and error matrix (m, 3, 6) of one sensor in its level frame, at the kept
    rows."""
    w = gyr.value()
    lever = lever_matrix(w, gyr.slope()).reshape(-1, 3, 3)
    turn = np.stack(columns(quat), axis=-1).reshape(-1, 3, 3)
    level = np.zeros((len(w), 3, ARM))
    level[:, :, :3] = np.matmul(turn, lever)
    if flexion is not None:
        f, rate, bend = flexion
        slide = lever * f[:, None, None]
        for k, (column, row) in enumerate(((2, 1), (0, 2), (1, 0))):
            turning = (2.0 * rate) * w[:, k]
            slide[:, row, column] -= turning
            slide[:, column, row] += turning
            slide[:, k, k] += bend
        level[:, :, 3:] = np.matmul(turn, slide)
    force = np.matmul(turn, acc.value()[:, :, None])[:, :, 0]
    error = np.empty((len(w), 3, ERROR))
    error[:, :, :3] = turn
    x, y, z = (v[:, None] for v in force.T)
    for k, (one, two, a, b) in enumerate(((z, y, 1, 2), (x, z, 2, 0), (y, x, 0, 1))):
        np.subtract(one * turn[:, a], two * turn[:, b], out=error[:, k, 3:])
    return force, level, error
