"""The relative heading over a whole recording, seen from both ends.

The equations of pipeline/heading_model.py for all blocks at once: what moves from block to block (tilts, heading,
drift, tissue) gives a banded matrix, what is constant (frames, arms, errors) a border beside it. One solution of that
linear system is what a Kalman filter and the smoother back over it would give, with the constants estimated beside; it
is repeated with new robust weights about the last solution (Gauss-Newton).
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm
from pipeline.blocks import Bools, Floats, Ints
from pipeline.heading_model import (
    ARMS,
    DELTA,
    DRIFT,
    ERRORS,
    NEUTRAL,
    SEEN,
    SHANK,
    SIZE,
    STATES,
    THIGH,
    TILT_X,
    TILT_Y,
    TISSUE,
    HeadingParameters,
    Neutral,
    RelativeRows,
    RowInformation,
    activity,
    covariances,
    joint_force,
    rotation_matrices,
    row_information,
    start_state,
    transition,
    typical,
    without_errors,
    wrapped,
)
from pipeline.joint_signals import JointSignals

MOVING = np.array([TILT_X, TILT_Y, DELTA, DRIFT, TISSUE])
FIXED = np.array([THIGH, SHANK, *range(ARMS.start, ERRORS.stop)])
"""States that change from block to block, and those that are constant."""
_WIDTH = len(MOVING)
_SHOWN = SEEN[:3, MOVING]
"""(3, 5) what the joint's acceleration shows of the states that change."""
_ENOUGH = 2000
"""Rows to which the arms are first fitted."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The offline estimate over blocks: means (b, 8) and covariances (b, 7) as in RelativeRows, at grid times centre
    (b,). errors (12,): of the accelerometers."""

    centre: Floats
    mean: Floats
    cov: Floats
    arms: LeverArms
    residual_sd: float
    errors: Floats = field(default_factory=lambda: np.zeros(12))

    def rows(self, start: int, n: int) -> RelativeRows:
        """What is known at grid rows start to start + n, linear between the blocks."""
        t = start + np.arange(n)
        if len(self.centre) == 1:
            return RelativeRows(np.repeat(self.mean.T, n, axis=1), np.repeat(self.cov.T, n, axis=1))
        block = np.clip(np.searchsorted(self.centre, t, "right") - 1, 0, len(self.centre) - 2)
        share = np.clip((t - self.centre[block]) / (self.centre[block + 1] - self.centre[block]), 0.0, 1.0)
        used = slice(int(block[0]), int(block[-1]) + 2)
        table = np.concatenate([self.mean[used], self.cov[used]], axis=1).T
        block = block - used.start
        rows = table[:, block] + np.diff(table, axis=1)[:, block] * share
        return RelativeRows(rows[: len(self.mean.T)], rows[len(self.mean.T) :])


@dataclass(slots=True)
class HeadingSmoother:
    """The two-sided estimate over a whole recording. neutrals: block number and what it says; lost: blocks at whose
    start a sensor's filter began anew; thigh_sd, shank_sd: standard deviations of the frames' azimuths, rad."""

    rate_hz: float
    parameters: HeadingParameters = field(default_factory=HeadingParameters)
    prior: LeverPrior = field(default_factory=lambda: LeverPrior(LeverArms.zero()))
    rounds: int = 2
    neutrals: dict[int, Neutral] = field(default_factory=dict)
    lost: frozenset[int] = frozenset()
    thigh_sd: float = 0.0
    shank_sd: float = 0.0

    def smooth(self, signals: JointSignals) -> Smoothed:
        """signals: of the whole recording (pipeline/joint_signals.py)."""
        length = round(self.parameters.block_s * self.rate_hz)
        p = replace(self.parameters, block_s=length / self.rate_hz)
        number = signals.index // length
        first = int(number[0])
        count = int(number[-1]) - first + 1
        block: Ints = number - first
        rate = len(signals) / (count * p.block_s)
        moving = signals.good & (activity(signals) > p.moving)
        chosen = np.flatnonzero(moving if int(moving.sum()) > 100 else signals.good)
        used = signals.picked(chosen[:: 1 + len(chosen) // _ENOUGH])
        arms = fit_by_norm(used.force1, used.lever1[:, :, :3], used.force2, used.lever2[:, :, :3], self.prior, 6)
        mean = np.zeros((count, SIZE))
        mean[:, ARMS] = arms.vector
        guess = self._first_heading(signals, arms, block, count)
        mean[:, DELTA] = guess
        system = _System(p, self._prior_state(p), count, self._lost(first, count), guess)
        neutrals = {b - first: n for b, n in self.neutrals.items() if 0 <= b - first < count}
        residual_sd = p.residual_start
        for _ in range(self.rounds):
            at = mean @ SEEN.T
            turn = rotation_matrices(*at[:, :3].T)[block]
            rows = row_information(signals, at[0, 3:], turn, residual_sd, rate, p)
            mean = system.solve(_told(rows, at, block, count), neutrals, mean)
            residual_sd = typical(rows.length, moving, p)
        centre = np.asarray((first + np.arange(count) + 0.5) * length, np.float64)
        cov = system.covariances()
        return Smoothed(centre, mean[:, :STATES], cov, LeverArms.of(mean[0, ARMS]), residual_sd, mean[0, ERRORS])

    def _prior_state(self, p: HeadingParameters) -> tuple[Floats, Floats]:
        """Mean (32,) and variances (32,) of the first block."""
        state = start_state(p, self.prior)
        variance = np.diag(state.cov).copy()
        variance[[THIGH, SHANK]] += np.array([self.thigh_sd, self.shank_sd]) ** 2
        return state.mean, variance

    def _lost(self, first: int, count: int) -> Ints:
        return np.array([b - first for b in sorted(self.lost) if 0 < b - first < count], np.int64)

    def _first_heading(self, signals: JointSignals, arms: LeverArms, block: Ints, count: int) -> Floats:
        """(count,) a first guess: the closed form over a Gaussian window of half a minute."""
        sums = _coarse_sums(*joint_force(signals, without_errors(arms)), signals.good, block, count)
        reach = round(45.0 / self.parameters.block_s)
        window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * self.parameters.block_s / 15.0) ** 2)
        smooth = np.convolve(sums, window)[reach : reach + count]
        if not np.any(np.abs(smooth) > 0):
            return np.zeros(count)
        return np.unwrap(np.angle(smooth))


def _coarse_sums(force1: Floats, force2: Floats, good: Bools, block: Ints, count: int) -> Floats:
    """(count,) complex: coarse_heading of each block, summed."""
    weights = np.maximum(np.bincount(block, minlength=count), 1.0)
    a, b, c, d = (
        f - (np.bincount(block, f, count) / weights)[block]
        for f in (force1[:, 0], force1[:, 1], force2[:, 0], force2[:, 1])
    )
    real = np.bincount(block, np.where(good, c * a + d * b, 0.0), count)
    imag = np.bincount(block, np.where(good, c * b - d * a, 0.0), count)
    return real + 1j * imag


@dataclass(frozen=True, slots=True)
class _Told:
    """What the joint's acceleration says, about zero. Of each block's tilts and heading: matrices (count, 3, 3) and
    vectors (count, 3); of the 24 constants (arms, errors) over all blocks: (24, 24) and (24,); and of both together,
    border (count, 3, 24)."""

    blocks: Floats
    blocks_vector: Floats
    constants: Floats
    constants_vector: Floats
    border: Floats


def _told(rows: RowInformation, at: Floats, block: Ints, count: int) -> _Told:
    """at (count, 27): what the rows' design is linear about; block (m,): of each row."""
    starts = np.searchsorted(block, np.arange(count + 1))
    most = int(np.diff(starts).max())
    size = rows.design.shape[2]
    gathered = np.zeros((count, most, 3, size + 1))
    place = np.arange(len(block)) - starts[block]
    gathered[block, place, :, :size] = rows.design
    gathered[block, place, :, size] = rows.residual
    gathered = gathered.reshape(count, -1, size + 1)
    product = np.matmul(gathered[:, :, :3].transpose(0, 2, 1), gathered)
    whole = rows.design[:, :, 3:].reshape(-1, size - 3)
    blocks, border = product[:, :, :3], product[:, :, 3:size]
    constants = whole.T @ whole
    moving, fixed = at[:, :3], at[0, 3:]
    blocks_vector = product[:, :, size] + np.matmul(blocks, moving[:, :, None])[:, :, 0] + border @ fixed
    constants_vector = whole.T @ rows.residual.reshape(-1) + constants @ fixed
    constants_vector += np.tensordot(moving, border, axes=2)
    return _Told(blocks, blocks_vector, constants, constants_vector, border)


class _System:
    """The linear system over all blocks: prior and transitions stand, information is added at each solution."""

    def __init__(
        self, p: HeadingParameters, prior: tuple[Floats, Floats], count: int, lost: Ints, guess: Floats
    ) -> None:
        f, q = (m[np.ix_(MOVING, MOVING)] for m in transition(p))
        mean, variance = prior
        self._count = count
        self._own = np.zeros((count, _WIDTH, _WIDTH))
        self._vector = np.zeros((count, _WIDTH))
        self._next = np.tile(-f.T @ np.linalg.inv(q), (max(count - 1, 0), 1, 1))
        self._own[1:] += np.linalg.inv(q)
        self._own[:-1] += f.T @ np.linalg.inv(q) @ f
        fresh = np.diag(1.0 / variance[MOVING])
        self._own[0] += fresh
        self._vector[0, 2] = guess[0] / variance[DELTA]
        for b in lost:
            # Heading and inclination begin anew; drift and tissue go on.
            wide = q.copy()
            for i in (0, 1, 2):
                wide[i, :] = wide[:, i] = 0.0
                wide[i, i] = variance[MOVING[i]]
            inverse = np.linalg.inv(wide)
            keep = f.copy()
            keep[:3] = 0.0
            self._own[b] += inverse - np.linalg.inv(q)
            self._own[b - 1] += keep.T @ inverse @ keep - f.T @ np.linalg.inv(q) @ f
            self._next[b - 1] = -keep.T @ inverse
            jump = np.zeros(_WIDTH)
            jump[2] = guess[b]
            self._vector[b] += inverse @ jump
            self._vector[b - 1] -= keep.T @ inverse @ jump
        self._fixed = np.diag(1.0 / variance[FIXED])
        self._fixed_vector = mean[FIXED] / variance[FIXED]

    def solve(self, told: _Told, neutrals: dict[int, Neutral], present: Floats) -> Floats:
        """(count, 32) the states of all blocks. present (count, 32): the last solution."""
        own = self._own + np.matmul(np.matmul(_SHOWN.T, told.blocks), _SHOWN)
        vector = self._vector + told.blocks_vector @ _SHOWN
        border = np.zeros((self._count, _WIDTH, len(FIXED)))
        border[:, :, 2:] = np.matmul(_SHOWN.T, told.border)
        fixed = self._fixed.copy()
        fixed[2:, 2:] += told.constants
        fixed_vector = self._fixed_vector.copy()
        fixed_vector[2:] += told.constants_vector
        moving_row, fixed_row = NEUTRAL[MOVING], NEUTRAL[FIXED]
        for b, neutral in neutrals.items():
            value = float(NEUTRAL @ present[b])
            miss = wrapped(neutral.turn - value)
            weight = 1.0 / max(neutral.sd**2, miss**2 / 9.0)
            own[b] += weight * np.outer(moving_row, moving_row)
            border[b] += weight * np.outer(moving_row, fixed_row)
            fixed += weight * np.outer(fixed_row, fixed_row)
            vector[b] += weight * (value + miss) * moving_row
            fixed_vector += weight * (value + miss) * fixed_row
        beside = border.reshape(-1, len(FIXED))
        right = vector.reshape(-1, 1)
        self._factor = cholesky_banded(_banded(own, self._next), lower=True, check_finite=False)
        solved = cho_solve_banded((self._factor, True), np.hstack([right, beside]), check_finite=False)
        self._border = solved[:, 1:].reshape(self._count, _WIDTH, len(FIXED))
        self._fixed_cov = np.linalg.inv(fixed - beside.T @ solved[:, 1:])
        constants = self._fixed_cov @ (fixed_vector - beside.T @ solved[:, 0])
        result = np.zeros((self._count, SIZE))
        result[:, MOVING] = (solved[:, 0] - solved[:, 1:] @ constants).reshape(self._count, _WIDTH)
        result[:, FIXED] = constants
        return result

    def covariances(self) -> Floats:
        """(count, 7) of the last solution, as RelativeRows holds them."""
        w = _WIDTH
        starts = np.arange(self._count) * w
        lower = np.zeros((self._count, w, w))
        below = np.zeros((self._count, w, w))
        for i in range(w):
            for j in range(w):
                if i >= j:
                    lower[:, i, j] = self._factor[i - j, starts + j]
                below[:, i, j] = self._factor[w + i - j, starts + j]
        inverse = np.linalg.inv(lower)
        alone = np.matmul(inverse.transpose(0, 2, 1), inverse)
        onward = np.matmul(below, inverse)
        moving = alone.copy()
        for b in range(self._count - 2, -1, -1):
            moving[b] += onward[b].T @ moving[b + 1] @ onward[b]
        shared = np.matmul(self._border, self._fixed_cov)
        full = np.zeros((self._count, STATES, STATES))
        full[:, MOVING[:, None], MOVING] = moving + np.matmul(shared, self._border.transpose(0, 2, 1))
        frames = FIXED[:2]
        full[:, MOVING[:, None], frames] = -shared[:, :, :2]
        full[:, frames[:, None], frames] = self._fixed_cov[:2, :2]
        return covariances(full)


def _banded(own: Floats, after: Floats) -> Floats:
    """Lower banded form (2 w, count w) of a block tridiagonal matrix: own (count, w, w) on the diagonal, after
    (count - 1, w, w) right of it."""
    count, w, _ = own.shape
    band = np.zeros((2 * w, count, w))
    for j in range(w):
        for i in range(w):
            if i >= j:
                band[i - j, :, j] = own[:, i, j]
            band[w + i - j, :-1, j] = after[:, j, i]
    return band.reshape(2 * w, count * w)
