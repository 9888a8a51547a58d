"""How far apart two sensors' clocks stand, seen from the motion that thigh and shank share.

Both sensors see the acceleration of one point, the knee centre: the specific force there, f = a + K(w, w') r (see
calibration/joint_centre.py). In each window of some seconds both are turned, by the sensors' own rates, into the frame
that each had in its first row; those two frames differ by one rotation, and a slow drift of it (the rates' biases).
Rotation, drift, both lever arms and the offset in time are fitted to the difference of the two vectors, by Gauss-Newton
with robust weights, all smoothed alike so that the smoothing bends nothing. No gravity, heading or alignment is needed.
The arms and the rotation are carried from window to window; the offset is not, so that every window is an observation
of its own.

Vectors tell far more than norms: skin and muscle ring along the limb after a heel strike, and with norms the thigh
seemed 4 to 11 ms late in the same recordings. What counts is how fast the force changes in ways that nothing else
explains: walking and stairs tell, slow flexions and squats do not, and their windows say so.
"""

from dataclasses import dataclass

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm, lever_matrix
from pipeline.blocks import Floats
from pipeline.quaternions import columns, multiply
from pipeline.track import Row


@dataclass(frozen=True)
class SharedMotionParameters:
    """Chosen on simulated people (seeds below 100) and on the public recordings named below. Seconds unless named
    otherwise.

    window_s: length of a window; least_s: of one that a hole ends before.
    smooth_s: width of the Hann window that forces are smoothed with; kept_hz: how many of the smoothed rows are used.
    arm_sd_m, arm_kept_m: of the lever arms before anything is known, and the least that carried arms are left.
    turn_sd: rad/s, drift of the frames' relative rotation.
    offset_sd_s: of the offset before anything is seen; longest_s: a fit beyond it is no fit.
    dependence: how much larger than the fit's own standard deviation (rows taken as independent) the true one is.
    force_sd: m/s2, of what stays wrong all through a window (soft tissue, misaligned axes), over the rate at which the
        force changes.
    tissue_sd_s: what soft tissue shifts the offset by, the same in every window of one strapping-on. In 32 public
        recordings of nine people's walking legs whose sensors share one clock (CMU, qmt, NeuRA, SensBioTK) the thigh
        seems 1.3 ms late in the mean, with a standard deviation of 2.4 ms from leg to leg, and 1 ms from window to
        window. (In simulated people, whose tissue has no lag, 0.2 ms.)
    known_sd_s: a window says something where its standard deviation is below this.
    """

    window_s: float = 4.0
    least_s: float = 2.0
    smooth_s: float = 0.14
    kept_hz: float = 30.0
    arm_sd_m: float = 0.2
    arm_kept_m: float = 0.03
    turn_sd: float = 0.012
    offset_sd_s: float = 0.05
    longest_s: float = 0.08
    dependence: float = 1.3
    force_sd: float = 0.05
    tissue_sd_s: float = 2.7e-3
    known_sd_s: float = 4e-3


@dataclass(frozen=True, slots=True)
class Seen:
    """What one window shows. offset_s: the first sensor's rows are late by this against the second's. sd_s: its
    standard deviation, without the part that all windows share (`SharedMotionParameters.tissue_sd_s`). rows: how many
    rows it has, the newest of those that both sensors have."""

    offset_s: float
    sd_s: float
    rows: int


_ROUNDS = 8
_STEP_S = 0.02
_SETTLED_S = 3e-4
_STILL = 1e-4
_ARMS, _ROTATION, _TURN, _OFFSET, _SIZE = slice(0, 6), slice(6, 9), slice(9, 12), 12, 13
_ANY_RAD = 3.0


class SharedMotion:
    """Rows of two sensors of one leg go in, one at a time; every full window gives what it shows."""

    def __init__(self, rate_hz: float, parameters: SharedMotionParameters | None = None) -> None:
        self._p = p = parameters or SharedMotionParameters()
        self._rate_hz = rate_hz
        self._length = round(p.window_s * rate_hz)
        self._least = round(p.least_s * rate_hz)
        self._smooth = _hann(p.smooth_s * rate_hz)
        self._rows: list[tuple[Row, Row]] = []
        self._arms = np.zeros(6)
        self._arm_sd = np.full(6, p.arm_sd_m)
        self._rotation: Floats | None = None

    def restart(self) -> None:
        """A clock began anew: the rows of the window that has begun are not of one offset."""
        self._rows = []
        self._rotation = None

    def add(self, first: Row, second: Row) -> bool:
        """One row of both; whether a window is full now, or a hole has ended it."""
        if first[2] and second[2]:
            self._rows.append((first, second))
            return len(self._rows) == self._length
        if len(self._rows) >= self._least:
            return True
        self.restart()
        return False

    def take(self, look: bool = True) -> Seen | None:
        """What the rows since the last call show; None where that is nothing, or where nobody wants to look."""
        rows, self._rows = self._rows, []
        rotation, self._rotation = self._rotation, None
        if not look:
            return None
        first, second = (
            _Force(np.array([(*row[k][0], *row[k][1]) for row in rows]), self._rate_hz, self._smooth) for k in (0, 1)
        )
        edge = len(self._smooth) // 2 + round(self._p.longest_s * self._rate_hz)
        at = np.arange(edge, len(rows) - edge, max(1, round(self._rate_hz / self._p.kept_hz)))
        clipped = np.convolve([a[3] or b[3] for a, b in rows], self._smooth, "same")[at] > 0.0
        with np.errstate(all="ignore"):
            try:
                return self._fit(first, second, at, ~clipped, rotation)
            except np.linalg.LinAlgError:
                return None

    def _fit(
        self, first: "_Force", second: "_Force", at: np.ndarray, good: np.ndarray, rotation: Floats | None
    ) -> Seen | None:
        p = self._p
        x = np.zeros(_SIZE)
        x[_ARMS] = self._arms
        if rotation is None:
            x[_ARMS], rotation = self._begun(first, second, at)
        sd = np.array([*self._arm_sd, *[_ANY_RAD] * 3, *[p.turn_sd] * 3, p.offset_sd_s])
        mean = np.zeros(_SIZE)
        mean[_ARMS] = self._arms
        step, normal, noise, counted = np.zeros(_SIZE), np.eye(_SIZE), 1.0, 1.0
        for _ in range(_ROUNDS):
            residual, design = _compared(first, second, at, rotation, x)
            size = np.sqrt(np.einsum("ni,ni->n", residual, residual))
            noise = float(np.median(size)) / 1.54 + 0.02
            weight = good / (1.0 + (size / (2.0 * noise)) ** 2)
            weighted = design * weight[:, None, None]
            normal = np.einsum("nij,nik->jk", weighted, design)
            ridge = (noise / sd) ** 2
            total = normal + np.diag(ridge)
            if not np.isfinite(total).all():
                return None
            step = np.linalg.solve(total, np.einsum("nij,ni->j", weighted, residual) + ridge * (mean - x))
            step[_OFFSET] = min(max(step[_OFFSET], -_STEP_S), _STEP_S)
            x += step
            rotation = _turn(step[_ROTATION][None])[0] @ rotation
            x[_ROTATION] = 0.0
            normal, counted = total, float(weight.sum())
            if not np.isfinite(x).all():
                return None
            if np.abs(step).max() < _STILL:
                break
        spread = np.sqrt(np.diag(np.linalg.inv(normal)))
        offset = float(x[_OFFSET])
        offset_sd = float(np.hypot(p.dependence * noise, p.force_sd * np.sqrt(counted)) * spread[_OFFSET])
        if not offset_sd < p.known_sd_s:
            return None
        if abs(offset) > p.longest_s or abs(step[_OFFSET]) > _SETTLED_S:
            # So much motion and no agreement: what was carried may be why.
            self._arms, self._arm_sd = np.zeros(6), np.full(6, p.arm_sd_m)
            return None
        self._arms = x[_ARMS]
        self._arm_sd = np.minimum(np.hypot(3.0 * noise * spread[_ARMS], p.arm_kept_m), p.arm_sd_m)
        half = 0.5 * len(first.turned) / self._rate_hz
        self._rotation = first.turned[-1].T @ _turn(half * x[_TURN][None])[0] @ rotation @ second.turned[-1]
        return Seen(offset, offset_sd, len(first.turned))

    def _begun(self, first: "_Force", second: "_Force", at: np.ndarray) -> tuple[Floats, Floats]:
        """Arms from the norms, then the rotation that turns the second's forces onto the first's."""
        one, two = first.smooth[at], second.smooth[at]
        prior = LeverPrior(LeverArms(self._arms[:3], self._arms[3:]), self._p.arm_sd_m)
        arms = fit_by_norm(one[:, :, 0], one[:, :, 1:], two[:, :, 0], two[:, :, 1:], prior)
        forces = [
            s[:, :, 0] + np.einsum("nij,j->ni", s[:, :, 1:], r) for s, r in ((one, arms.first), (two, arms.second))
        ]
        u, _, v = np.linalg.svd(np.einsum("ni,nj->ij", *forces))
        u[:, 2] *= np.linalg.det(u) * np.linalg.det(v)
        return np.concatenate([arms.first, arms.second]), u @ v


def _compared(first: "_Force", second: "_Force", at: np.ndarray, rotation: Floats, x: Floats) -> tuple[Floats, Floats]:
    """(m, 3) first force minus second, each shifted by half of the offset, and (m, 3, 13) what explains it."""
    half = 0.5 * float(x[_OFFSET]) * first.rate_hz
    one, lever1, slope1 = first.at(at + half, x[0:3])
    two, lever2, slope2 = second.at(at - half, x[3:6])
    since = (at - 0.5 * len(first.turned)) / first.rate_hz
    turn = np.matmul(_turn(since[:, None] * x[_TURN]), rotation)
    two, slope2 = np.einsum("nij,nj->ni", turn, two), np.einsum("nij,nj->ni", turn, slope2)
    design = np.empty((len(at), 3, _SIZE))
    design[:, :, :3] = -lever1
    design[:, :, 3:6] = np.matmul(turn, lever2)
    rotated = design[:, :, _ROTATION]
    rotated[:] = 0.0
    for row, column, axis in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        rotated[:, row, column] = two[:, axis]
        rotated[:, column, row] = -two[:, axis]
    design[:, :, _TURN] = rotated * since[:, None, None]
    design[:, :, _OFFSET] = -0.5 * (slope1 + slope2)
    return one - two, design


class _Force:
    """One sensor's specific force in the frame that it had in the first row. smooth (n, 3, 4): at the sensor, and its
    change with the lever arm. turned (n, 3, 3): sensor to that frame."""

    def __init__(self, signals: Floats, rate_hz: float, smooth: Floats) -> None:
        acc, gyr = signals[:, :3], signals[:, 3:]
        self.rate_hz = rate_hz
        turns = np.zeros_like(gyr)
        turns[1:] = (0.5 / rate_hz) * (gyr[1:] + gyr[:-1])
        self.turned = _run(turns)
        lever = lever_matrix(gyr, np.gradient(gyr, axis=0) * rate_hz).reshape(-1, 3, 3)
        here = np.matmul(self.turned, np.concatenate([acc[:, :, None], lever], axis=2)).reshape(-1, 12)
        self.smooth = np.stack([np.convolve(column, smooth, "same") for column in here.T], axis=1).reshape(-1, 3, 4)

    def at(self, rows: Floats, arm: Floats) -> tuple[Floats, Floats, Floats]:
        """Force (m, 3), lever (m, 3, 3) and the force's slope (m, 3) at rows, which may lie between two."""
        here = self._between(rows)
        force, ahead, behind = (
            s[:, :, 0] + np.einsum("nij,j->ni", s[:, :, 1:], arm)
            for s in (here, self._between(rows + 1.0), self._between(rows - 1.0))
        )
        return force, here[:, :, 1:], (0.5 * self.rate_hz) * (ahead - behind)

    def _between(self, rows: Floats) -> Floats:
        rows = np.clip(rows, 0.0, len(self.smooth) - 1.001)
        low = rows.astype(np.intp)
        part = (rows - low)[:, None, None]
        return np.asarray(self.smooth[low] * (1.0 - part) + self.smooth[low + 1] * part)


def _run(turns: Floats) -> Floats:
    """(n, 3, 3) products of the rotations by (n, 3) rad from the first on: sums of one row, of two, of four and so
    on."""
    q = _quaternions(turns)
    step = 1
    while step < len(q):
        q = np.concatenate([q[:step], multiply(q[:-step], q[step:])])
        step *= 2
    return np.stack(columns(q), axis=-1).reshape(-1, 3, 3)


def _turn(vectors: Floats) -> Floats:
    """(m, 3, 3) of rotation vectors (m, 3), rad."""
    return np.stack(columns(_quaternions(vectors)), axis=-1).reshape(-1, 3, 3)


def _quaternions(vectors: Floats) -> Floats:
    half = 0.5 * np.sqrt(np.einsum("ni,ni->n", vectors, vectors))[:, None]
    return np.concatenate([np.cos(half), vectors * (0.5 * np.sinc(half / np.pi))], axis=1)


def _hann(rows: float) -> Floats:
    """A Hann window of about so many rows (odd, at least 3), of sum 1."""
    half = max(round(0.5 * (rows - 1.0)), 1)
    window = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    return np.asarray(window / window.sum())
