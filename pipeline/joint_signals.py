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
from scipy.signal import butter, sosfiltfilt

from calibration.alignment import Alignment
from calibration.joint_centre import lever_matrix
from pipeline.blocks import Bools, Floats, Ints
from pipeline.leg_rows import LegRows, join_rows, sagittal
from pipeline.quaternions import columns


@dataclass(frozen=True, slots=True)
class JointSignalParameters:
    """cutoff_hz: low-pass, above the movement (under 5 Hz) and under soft tissue's wobble.
    kept_hz: rows kept a second. settle_s: how far around a hole the filter is not used."""

    cutoff_hz: float = 8.0
    kept_hz: float = 12.5
    settle_s: float = 0.4


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
    sos = butter(2, min(p.cutoff_hz, 0.4 * rate_hz), fs=rate_hz, output="sos")
    step = max(1, round(rate_hz / p.kept_hz))
    keep = slice((-rows.start - 1) % step + 1, len(rows) - 1, step)
    signals = [rows.thigh_acc, rows.thigh_gyr, rows.shank_acc, rows.shank_gyr]
    if alignment is not None:
        thigh = sagittal(rows.thigh_quat, alignment.thigh_from_sensor)
        shank = sagittal(rows.shank_quat, alignment.shank_from_sensor)
        signals.append(np.unwrap(thigh - shank)[:, None])
    smooth = sosfiltfilt(sos, np.concatenate(signals, axis=1), axis=0)
    flexion = None
    if alignment is not None:
        f = smooth[:, 12]
        flexion = (f[keep], _slope(f, keep, rate_hz), _bend(f, keep, rate_hz))
    force1, lever1, error1 = _seen(smooth[:, 0:3], smooth[:, 3:6], rows.thigh_quat, keep, rate_hz, flexion)
    force2, lever2, error2 = _seen(smooth[:, 6:9], smooth[:, 9:12], rows.shank_quat, keep, rate_hz, flexion)
    settle = round(p.settle_s * rate_hz)
    bad = np.convolve(~rows.ok, np.ones(2 * settle + 1), "full")[settle : settle + len(rows)] > 0.5
    index = rows.start + np.arange(len(rows))[keep]
    return JointSignals(index, force1, lever1, force2, lever2, error1, error2, ~bad[keep])


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


def _slope(values: Floats, keep: slice, rate_hz: float) -> Floats:
    """First derivative of (n, ...) at the kept rows, which leave out the outer two."""
    after = slice(keep.start + 1, keep.stop + 1, keep.step)
    before = slice(keep.start - 1, keep.stop - 1, keep.step)
    slope: Floats = (values[after] - values[before]) * (0.5 * rate_hz)
    return slope


def _bend(values: Floats, keep: slice, rate_hz: float) -> Floats:
    """Second derivative at the kept rows."""
    after = slice(keep.start + 1, keep.stop + 1, keep.step)
    before = slice(keep.start - 1, keep.stop - 1, keep.step)
    bend: Floats = (values[after] - 2.0 * values[keep] + values[before]) * rate_hz**2
    return bend


def _seen(
    acc: Floats, gyr: Floats, quat: Floats, keep: slice, rate_hz: float, flexion: tuple[Floats, Floats, Floats] | None
) -> tuple[Floats, Floats, Floats]:
    """Force (m, 3), lever matrix (m, 3, 6) and error matrix (m, 3, 6) of one sensor in its level frame, at the kept
    rows."""
    w = gyr[keep]
    lever = lever_matrix(w, _slope(gyr, keep, rate_hz)).reshape(-1, 3, 3)
    both = np.zeros((len(w), 3, ARM))
    both[:, :, :3] = lever
    if flexion is not None:
        f, rate, bend = (v[:, None, None] for v in flexion)
        both[:, :, 3:] = lever * f + (2.0 * rate) * _skew(w) + bend * np.eye(3)
    turn = np.stack(columns(quat[keep]), axis=-1).reshape(-1, 3, 3)
    force = np.matmul(turn, acc[keep][:, :, None])[:, :, 0]
    return force, np.matmul(turn, both), np.concatenate([turn, np.matmul(_skew(-force), turn)], axis=2)


def _skew(w: Floats) -> Floats:
    """(m, 3, 3) with skew(w) v = w x v."""
    x, y, z = w.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
