"""How far apart two sensors' clocks stand, seen from the motion that thigh and shank share.

Both sensors see the acceleration of one point, the knee centre: the specific force there, f = a + K(w, w') r (see
calibration/joint_centre.py), has the same norm whichever sensor it is computed from, whatever the mounting and the
heading. So in each window of some seconds of common rows the offset in time between the two norms is fitted, together
with both lever arms and a difference of the accelerometers' scale, by Gauss-Newton with robust weights. The arms are
carried from window to window; the offset is not, so that every window is an observation of its own.

Norms disagree where skin and muscle ring after a heel strike: rows in which the residual is rough weigh little, and the
rest is smoothed, residual and derivatives alike, so that the smoothing bends nothing. A window without acceleration (a
person who stands) has no slope to be shifted along, and its standard deviation says so. Forces of a whole limb that is
swung, of steps, lunges and slow flexions all tell; measured on simulated people in tests/benchmarks/clocks.py.
"""

from dataclasses import dataclass

import numpy as np

from calibration.joint_centre import lever_matrix
from pipeline.blocks import Floats
from pipeline.track import Row


@dataclass(frozen=True)
class SharedMotionParameters:
    """Chosen on simulated people (seeds below 100). Seconds unless named otherwise.

    window_s: length of a window. good_share: least part of its rows that both sensors have.
    smooth_s: width of the Hann window that residual and derivatives are smoothed with; rough_s: around which a rough
        residual counts.
    arm_sd_m, arm_kept_m: of the lever arms before anything is known, and the least that carried arms are left.
    scale_sd: m/s2, of the difference of the two norms that accelerometer errors make.
    offset_sd_s: of the offset before anything is seen; longest_s: a fit beyond it is no fit.
    dependence: how much larger than the fit's own standard deviation (rows taken as independent) the true one is.
    tissue_sd_s: what soft tissue shifts the offset by, the same in every window of one strapping-on: skin and muscle
        follow the bone late. In public recordings of six walking legs whose sensors share one clock (two of qmt, three
        of CMU, a timed up and go) the thigh seems 4 to 11 ms late (simulated people, whose tissue has no lag: 1 to 2
        ms).
    known_sd_s: a window says something where its standard deviation is below this.
    """

    window_s: float = 4.0
    good_share: float = 0.6
    smooth_s: float = 0.07
    rough_s: float = 0.11
    arm_sd_m: float = 0.2
    arm_kept_m: float = 0.06
    scale_sd: float = 0.05
    offset_sd_s: float = 0.05
    longest_s: float = 0.08
    dependence: float = 5.0
    tissue_sd_s: float = 8e-3
    known_sd_s: float = 8e-3


@dataclass(frozen=True, slots=True)
class Seen:
    """What one window shows. offset_s: the first sensor's rows are late by this against the second's. sd_s: its
    standard deviation, without the part that all windows share (`SharedMotionParameters.tissue_sd_s`)."""

    offset_s: float
    sd_s: float


_ROUNDS = 8
_STEP_S = 0.02
_SETTLED_S = 3e-4
_STILL = 1e-4
_OFFSET, _SCALE, _SIZE = 6, 7, 8


class SharedMotion:
    """Rows of two sensors of one leg go in, one at a time; every full window gives what it shows."""

    def __init__(self, rate_hz: float, parameters: SharedMotionParameters | None = None) -> None:
        self._p = p = parameters or SharedMotionParameters()
        self._rate_hz = rate_hz
        self._length = round(p.window_s * rate_hz)
        self._smooth = _hann(p.smooth_s * rate_hz)
        self._rough = _hann(p.rough_s * rate_hz)
        self._rows: list[tuple[Row, Row]] = []
        self._mean = np.zeros(_SIZE)
        self._sd = np.array([p.arm_sd_m] * 6 + [p.offset_sd_s, p.scale_sd])

    def restart(self) -> None:
        """A clock began anew: the rows of the window that has begun are not of one offset."""
        self._rows = []

    def add(self, first: Row, second: Row) -> bool:
        """One row of both; whether the window is full now."""
        self._rows.append((first, second))
        return len(self._rows) == self._length

    def take(self, look: bool = True) -> Seen | None:
        """What the rows since the last call show; None where that is nothing, or where nobody wants to look."""
        rows, self._rows = self._rows, []
        if not look:
            return None
        good = np.array([a[2] and b[2] and not (a[3] or b[3]) for a, b in rows])
        if len(rows) < self._length or good.mean() < self._p.good_share:
            return None
        signals = [_Force(np.array([(*row[k][0], *row[k][1]) for row in rows]), self._rate_hz) for k in (0, 1)]
        # What a hole's rows hold is repeated: their neighbours' derivatives and smoothed rows are wrong as well.
        good = np.convolve(~good, np.ones(len(self._rough) + 2), "same") < 0.5
        edge = len(self._smooth) + 2
        good[:edge] = good[-edge:] = False
        if not good.any():
            return None
        return self._fit(signals[0], signals[1], good)

    def _fit(self, first: "_Force", second: "_Force", good: np.ndarray) -> Seen | None:
        p = self._p
        x = self._mean.copy()
        step = np.zeros(_SIZE)
        normal, noise = np.eye(_SIZE), 1.0
        for _ in range(_ROUNDS):
            residual, design = self._compared(first, second, x)
            rough = np.convolve((residual - np.convolve(residual, self._smooth, "same")) ** 2, self._rough, "same")
            columns = [np.convolve(column, self._smooth, "same")[good] for column in (residual, *design)]
            rest, slopes, rough = columns[0], np.stack(columns[1:], axis=1), rough[good]
            noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) + 0.02
            weight = 1.0 / ((1.0 + (rest / (2.0 * noise)) ** 2) * (1.0 + rough / noise**2))
            weighted = slopes * weight[:, None]
            if not np.isfinite(weighted).all():
                return None
            ridge = (noise / self._sd) ** 2
            normal = np.einsum("ni,nj->ij", weighted, slopes) + np.diag(ridge)
            step = np.linalg.solve(normal, np.einsum("ni,n->i", weighted, rest) + ridge * (self._mean - x))
            step[_OFFSET] = min(max(step[_OFFSET], -_STEP_S), _STEP_S)
            x += step
            if not np.isfinite(x).all():
                return None
            if np.abs(step).max() < _STILL:
                break
        sd = noise * np.sqrt(np.diag(np.linalg.inv(normal)))
        offset, offset_sd = float(x[_OFFSET]), p.dependence * float(sd[_OFFSET])
        if abs(offset) > p.longest_s or abs(step[_OFFSET]) > _SETTLED_S or not offset_sd < p.known_sd_s:
            return None
        self._mean[:_OFFSET] = x[:_OFFSET]
        self._mean[_SCALE] = x[_SCALE]
        kept = np.minimum(np.hypot(p.dependence * sd[:_OFFSET], p.arm_kept_m), p.arm_sd_m)
        self._sd[:_OFFSET] = kept
        return Seen(offset, offset_sd)

    def _compared(self, first: "_Force", second: "_Force", x: Floats) -> tuple[Floats, list[Floats]]:
        """Residual (n,), second norm minus first with both shifted by half of the offset, and its derivatives."""
        half = 0.5 * float(x[_OFFSET]) * self._rate_hz
        one = _shifted(first.norm(x[:3]), -half)
        two = _shifted(second.norm(x[3:6]), half)
        slope = 0.5 * (one[4] + two[4])
        return two[0] - one[0] - x[_SCALE], [*one[1:4], *(-two[1:4]), slope, np.ones(len(slope))]


class _Force:
    """The specific force at the joint as one sensor gives it, as a function of its lever arm."""

    def __init__(self, signals: Floats, rate_hz: float) -> None:
        gyr = signals[:, 3:]
        self._rate_hz = rate_hz
        self._force = signals[:, :3]
        self._lever = lever_matrix(gyr, np.gradient(gyr, axis=0) * rate_hz).reshape(-1, 3, 3)

    def norm(self, arm: Floats) -> Floats:
        """(5, n): the norm, its derivatives by the arm, and by time."""
        force = self._force + np.einsum("nij,j->ni", self._lever, arm)
        norm = np.sqrt(np.einsum("ni,ni->n", force, force)) + 1e-9
        by_arm = np.einsum("ni,nij->jn", force / norm[:, None], self._lever)
        return np.vstack([norm, by_arm, np.gradient(norm) * self._rate_hz])


def _shifted(values: Floats, rows: float) -> Floats:
    """Columns (k, n) later by a number of rows, interpolated; the ends hold their last value."""
    n = values.shape[1]
    at = np.clip(np.arange(n) - rows, 0.0, n - 1.001)
    low = at.astype(np.intp)
    part = at - low
    return np.asarray(values[:, low] * (1.0 - part) + values[:, low + 1] * part)


def _hann(rows: float) -> Floats:
    """A Hann window of about so many rows (odd, at least 3), of sum 1."""
    half = max(round(0.5 * (rows - 1.0)), 1)
    window = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    return np.asarray(window / window.sum())
