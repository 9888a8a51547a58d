"""What the relative heading is estimated from: the specific force at the knee centre, as each sensor sees it.

Each sensor's specific force and its lever matrix (calibration/joint_centre.py) are turned into that sensor's own level
frame, low-passed, and kept at about 25 rows a second, so that a new lever arm costs one small product. Both sensors
pass the same filter, so that its delay does not matter: what is compared changes over seconds.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi, sosfiltfilt

from calibration.joint_centre import lever_matrix
from pipeline.blocks import Bools, Floats, Ints
from pipeline.orientation import Oriented
from pipeline.quaternions import columns


@dataclass(frozen=True, slots=True)
class JointSignalParameters:
    """cutoff_hz: low-pass, above the movement (under 5 Hz) and under soft tissue's wobble.
    kept_hz: rows kept a second. settle_s: how long after a hole the filter is not used."""

    cutoff_hz: float = 8.0
    kept_hz: float = 25.0
    settle_s: float = 0.4


@dataclass(frozen=True, slots=True)
class JointSignals:
    """m rows. index (m,): grid index. force1, force2 (m, 3) m/s2: specific force of thigh and shank sensor, each in its
    own level frame; lever1, lever2 (m, 3, 3): with f = force + lever r. good (m,): both sensors delivered."""

    index: Ints
    force1: Floats
    lever1: Floats
    force2: Floats
    lever2: Floats
    good: Bools

    def __len__(self) -> int:
        return len(self.index)

    def rows(self, begin: int, end: int) -> "JointSignals":
        """Rows begin to end."""
        s = slice(begin, end)
        return JointSignals(self.index[s], self.force1[s], self.lever1[s], self.force2[s], self.lever2[s], self.good[s])

    def picked(self, mask: Bools) -> "JointSignals":
        """The rows where mask is True."""
        return JointSignals(
            self.index[mask],
            self.force1[mask],
            self.lever1[mask],
            self.force2[mask],
            self.lever2[mask],
            self.good[mask],
        )


def join_signals(parts: list[JointSignals]) -> JointSignals:
    """One after the other."""
    return JointSignals(
        np.concatenate([p.index for p in parts]),
        np.concatenate([p.force1 for p in parts]),
        np.concatenate([p.lever1 for p in parts]),
        np.concatenate([p.force2 for p in parts]),
        np.concatenate([p.lever2 for p in parts]),
        np.concatenate([p.good for p in parts]),
    )


class JointSignalFilter:
    """The causal form; the rows come out one grid sample late, because the rate's derivative looks both ways."""

    def __init__(self, rate_hz: float, parameters: JointSignalParameters | None = None) -> None:
        p = parameters or JointSignalParameters()
        self._rate = rate_hz
        self._step = max(1, round(rate_hz / p.kept_hz))
        self._settle = round(p.settle_s * rate_hz)
        self._sos = _low_pass(p, rate_hz)
        self._state: Floats | None = None
        self._tail: list[Floats] | None = None
        self._since_bad = 0

    def update(self, start: int, acc1: Floats, one: Oriented, acc2: Floats, two: Oriented, ok: Bools) -> JointSignals:
        """Rows of the grid from index start; acc (n, 3) m/s2 of thigh and shank sensor, ok (n,) both delivered."""
        new = [acc1, one.gyr, one.quat, acc2, two.gyr, two.quat, ok.astype(np.float64)]
        if self._tail is not None:
            new = [np.concatenate([old, now]) for old, now in zip(self._tail, new, strict=True)]
            start -= len(self._tail[0])
        self._tail = [a[-2:].copy() for a in new]
        n = len(new[0])
        if n < 3:
            return _nothing()
        signals = _signals(new[0], new[1], new[2], new[3], new[4], new[5], self._rate)
        if self._state is None:
            self._state = sosfilt_zi(self._sos)[:, :, None] * signals[:1][None]
        smooth, self._state = sosfilt(self._sos, signals, axis=0, zi=self._state)
        index = np.arange(start + 1, start + n - 1)
        good = np.empty(n - 2, bool)
        for i, fine in enumerate((new[6][1:-1] > 0.5).tolist()):
            self._since_bad = self._since_bad + 1 if fine else 0
            good[i] = self._since_bad > self._settle
        return _kept(index, smooth, good, self._step)


def joint_signals_offline(
    start: int,
    acc1: Floats,
    one: Oriented,
    acc2: Floats,
    two: Oriented,
    ok: Bools,
    rate_hz: float,
    parameters: JointSignalParameters | None = None,
) -> JointSignals:
    """The whole recording, filtered both ways (no delay)."""
    p = parameters or JointSignalParameters()
    signals = _signals(acc1, one.gyr, one.quat, acc2, two.gyr, two.quat, rate_hz)
    smooth = sosfiltfilt(_low_pass(p, rate_hz), signals, axis=0)
    settle = round(p.settle_s * rate_hz)
    bad = np.convolve(~ok[1:-1], np.ones(2 * settle + 1), "same") > 0.5
    index = np.arange(start + 1, start + len(ok) - 1)
    return _kept(index, smooth, ~bad, max(1, round(rate_hz / p.kept_hz)))


def _low_pass(p: JointSignalParameters, rate_hz: float) -> Floats:
    return butter(2, min(p.cutoff_hz, 0.4 * rate_hz), fs=rate_hz, output="sos")


def _signals(
    acc1: Floats, gyr1: Floats, quat1: Floats, acc2: Floats, gyr2: Floats, quat2: Floats, rate_hz: float
) -> Floats:
    """(n - 2, 24): force and lever matrix of both sensors in their level frames, at all rows but the outer two."""
    parts = []
    for acc, gyr, quat in ((acc1, gyr1, quat1), (acc2, gyr2, quat2)):
        gyr_dot = (gyr[2:] - gyr[:-2]) * (0.5 * rate_hz)
        lever = lever_matrix(gyr[1:-1], gyr_dot)
        r = columns(quat[1:-1])
        columns_in = [acc[1:-1, k] for k in range(3)], [lever[:, k] for k in range(9)]
        force = [sum3(r, i, *columns_in[0]) for i in range(3)]
        turned = [
            sum3(r, i, columns_in[1][j], columns_in[1][3 + j], columns_in[1][6 + j]) for i in range(3) for j in range(3)
        ]
        parts += force + turned
    return np.stack(parts, axis=-1)


def sum3(r: tuple[Floats, ...], row: int, x: Floats, y: Floats, z: Floats) -> Floats:
    """One component of a matrix product, element by element."""
    return r[3 * row] * x + r[3 * row + 1] * y + r[3 * row + 2] * z


def _kept(index: Ints, smooth: Floats, good: Bools, step: int) -> JointSignals:
    keep = index % step == 0
    rows = smooth[keep]
    m = len(rows)
    return JointSignals(
        index[keep],
        rows[:, 0:3].copy(),
        rows[:, 3:12].reshape(m, 3, 3).copy(),
        rows[:, 12:15].copy(),
        rows[:, 15:24].reshape(m, 3, 3).copy(),
        good[keep],
    )


def _nothing() -> JointSignals:
    return JointSignals(
        np.empty(0, np.int64),
        np.empty((0, 3)),
        np.empty((0, 3, 3)),
        np.empty((0, 3)),
        np.empty((0, 3, 3)),
        np.empty(0, bool),
    )
