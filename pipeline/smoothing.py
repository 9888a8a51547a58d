"""The relative heading over a whole recording, seen from both ends.

The equations of pipeline/heading_model.py for all blocks at once: what moves from block to block (tilts, heading,
drift, tissue) gives a banded matrix, what is constant (frames, arms, errors) a border beside it. One solution of that
linear system is what a Kalman filter and the smoother back over it would give, with the constants estimated beside; it
is repeated with new robust weights about the last solution (Gauss-Newton).
"""

from dataclasses import dataclass, field, replace
from math import ceil, sqrt

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
_ENOUGH = 1000
"""Rows to which the arms are first fitted."""
_AT_ONCE = 60
"""Blocks whose rows are looked at together: what is known of them stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The offline estimate over blocks: means (b, 8) and covariances (b, 7) as in RelativeRows, at grid times centre
    (b,), a whole number of rows apart. errors (12,): of the accelerometers. jumps: block and grid row where its heading
    begins anew."""

    centre: Floats
    mean: Floats
    cov: Floats
    arms: LeverArms
    residual_sd: float
    errors: Floats = field(default_factory=lambda: np.zeros(12))
    jumps: list[tuple[int, int]] = field(default_factory=list)

    def rows(self, start: int, n: int) -> RelativeRows:
        """What is known at grid rows start to start + n, linear between the blocks."""
        size = self.mean.shape[1]
        if len(self.centre) == 1:
            return RelativeRows(np.repeat(self.mean.T, n, axis=1), np.repeat(self.cov.T, n, axis=1))
        first, length = int(np.ceil(self.centre[0])), round(self.centre[1] - self.centre[0])
        begin, end = (start - first) // length, (start + n - 1 - first) // length
        last = len(self.centre) - 1
        blocks = np.minimum(np.maximum(np.arange(begin, end + 2), 0), last)
        table = np.concatenate([self.mean[blocks], self.cov[blocks]], axis=1).T
        share = (first - self.centre[0] + np.arange(length)) / length
        rows = table[:, :-1, None] + (table[:, 1:] - table[:, :-1])[:, :, None] * share
        skipped = start - first - begin * length
        rows = rows.reshape(len(table), -1)[:, skipped : skipped + n]
        for block, row in self.jumps:
            for side, a, b in ((block - 1, self.centre[block - 1], row), (block, row, self.centre[block])):
                known = np.concatenate([self.mean[side], self.cov[side]])
                rows[:, max(ceil(a) - start, 0) : max(ceil(b) - start, 0)] = known[:, None]
        return RelativeRows(rows[:size], rows[size:])


@dataclass(slots=True)
class HeadingSmoother:
    """The two-sided estimate over a whole recording. neutrals: grid row and what a standing there says; lost: grid rows
    at which a sensor's filter began anew; thigh_sd, shank_sd: standard deviations of the frames' azimuths, rad."""

    rate_hz: float
    parameters: HeadingParameters = field(default_factory=HeadingParameters)
    prior: LeverPrior = field(default_factory=lambda: LeverPrior(LeverArms.zero()))
    rounds: int = 2
    neutrals: list[tuple[int, Neutral]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    thigh_sd: float = 0.0
    shank_sd: float = 0.0

    def smooth(self, signals: JointSignals) -> Smoothed:
        """signals: of the whole recording (pipeline/joint_signals.py)."""
        length = round(self.parameters.smooth_block_s * self.rate_hz)
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
        guess = self._first_heading(signals, arms, block, count, p.block_s)
        mean[:, DELTA] = guess
        # A block in which it begins anew is what comes after.
        jumps = {b: row for row in sorted(self.lost) if 0 < (b := row // length - first) < count}
        good = signals.good.copy()
        for b, row in jumps.items():
            good[(block == b) & (signals.index < row)] = False
        signals = replace(signals, good=good)
        system = _System(p, self._prior_state(p), count, list(jumps), guess)
        neutrals = [(b, n) for row, n in self.neutrals if 0 <= (b := row // length - first) < count]
        residual_sd = p.residual_start
        places, true = _placed(block, count)
        length_of = np.empty(len(signals))
        for k in range(self.rounds):
            # Of a first round that only leads to a better one, half of the rows are enough.
            skip = 2 if k == 0 and self.rounds > 1 else 1
            looked, there = places[:, ::skip], true[:, ::skip]
            at = mean @ SEEN.T
            turn = rotation_matrices(*at[:, :3].T)
            told = _Told.nothing(count)
            for begin in range(0, count, _AT_ONCE):
                these = slice(begin, begin + _AT_ONCE)
                place = looked[these].reshape(-1)
                part = signals.picked(place)
                part = replace(part, good=part.good & there[these].reshape(-1))
                turns = np.repeat(turn[these], looked.shape[1], axis=0)
                rows = row_information(part, at[0, 3:], turns, residual_sd, rate / skip, p)
                told.add(rows, at[these], these)
                length_of[place] = rows.length
            mean = system.solve(told, neutrals, mean)
            seen = np.zeros(len(signals), bool)
            seen[looked[there]] = True
            residual_sd = typical(length_of, moving & seen, p)
        centre = np.asarray((first + np.arange(count) + 0.5) * length, np.float64)
        cov = system.covariances()
        arms, errors = LeverArms.of(mean[0, ARMS]), mean[0, ERRORS]
        return Smoothed(centre, mean[:, :STATES], cov, arms, residual_sd, errors, list(jumps.items()))

    def _prior_state(self, p: HeadingParameters) -> tuple[Floats, Floats]:
        """Mean (32,) and variances (32,) of the first block."""
        state = start_state(p, self.prior)
        variance = np.diag(state.cov).copy()
        variance[[THIGH, SHANK]] += np.array([self.thigh_sd, self.shank_sd]) ** 2
        return state.mean, variance

    def _first_heading(self, signals: JointSignals, arms: LeverArms, block: Ints, count: int, block_s: float) -> Floats:
        """(count,) a first guess: the closed form over a Gaussian window of half a minute."""
        sums = _coarse_sums(*joint_force(signals, without_errors(arms)), signals.good, block, count)
        reach = round(45.0 / block_s)
        window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * block_s / 15.0) ** 2)
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


def _placed(block: Ints, count: int) -> tuple[Ints, Bools]:
    """(count, most) the rows of each block, and which of these places are true; the others hold some row again."""
    starts = np.searchsorted(block, np.arange(count + 1))
    sizes = np.diff(starts)
    place = np.arange(int(sizes.max()))
    return np.minimum(starts[:-1, None] + place, len(block) - 1), place < sizes[:, None]


@dataclass(slots=True)
class _Told:
    """What the joint's acceleration says, about zero. Of each block's tilts and heading: matrices (count, 3, 3) and
    vectors (count, 3); of the 24 constants (arms, errors) over all blocks: (24, 24) and (24,); and of both together,
    border (count, 3, 24)."""

    blocks: Floats
    blocks_vector: Floats
    border: Floats
    constants: Floats
    constants_vector: Floats

    @staticmethod
    def nothing(count: int) -> "_Told":
        """Of blocks that were not looked at yet."""
        n = len(SEEN) - 3
        zeros = (np.zeros(shape) for shape in ((count, 3, 3), (count, 3), (count, 3, n), (n, n), (n,)))
        return _Told(*zeros)

    def add(self, rows: RowInformation, at: Floats, these: slice) -> None:
        """What as many rows of each of these blocks say. at (b, 27): what the design is linear about."""
        count, size = at.shape
        design = rows.design.reshape(count, -1, size)
        own = np.ascontiguousarray(design[:, :, :3].transpose(0, 2, 1))
        product = np.matmul(own, design)
        blocks, border = product[:, :, :3], product[:, :, 3:]
        whole = rows.design.reshape(-1, size)
        moving, fixed = at[:, :3], at[0, 3:]
        said = np.matmul(own, rows.residual.reshape(count, -1, 1)) + np.matmul(blocks, moving[:, :, None])
        self.blocks[these], self.border[these] = blocks, border
        self.blocks_vector[these] = said[:, :, 0] + border @ fixed
        constants = (whole.T @ whole)[3:, 3:]
        self.constants += constants
        self.constants_vector += (rows.residual.reshape(-1) @ whole)[3:] + constants @ fixed
        self.constants_vector += np.tensordot(moving, border, axes=2)


class _System:
    """The linear system over all blocks: prior and transitions stand, information is added at each solution."""

    def __init__(
        self, p: HeadingParameters, prior: tuple[Floats, Floats], count: int, lost: list[int], guess: Floats
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

    def solve(self, told: _Told, neutrals: list[tuple[int, Neutral]], present: Floats) -> Floats:
        """(count, 32) the states of all blocks. present (count, 32): the last solution."""
        own = self._own + np.matmul(np.matmul(_SHOWN.T, told.blocks), _SHOWN)
        vector = self._vector + told.blocks_vector @ _SHOWN
        border = np.zeros((self._count, _WIDTH, len(FIXED)))
        border[:, :, 2:] = np.matmul(_SHOWN.T, told.border)
        fixed = self._fixed.copy()
        fixed[2:, 2:] += told.constants
        fixed_vector = self._fixed_vector.copy()
        fixed_vector[2:] += told.constants_vector
        moving, constant = NEUTRAL[MOVING], NEUTRAL[FIXED]
        for b, neutral in neutrals:
            believed = float(NEUTRAL @ present[b])
            miss = wrapped(neutral.turn - believed)
            weight = 1.0 / max(neutral.sd**2, miss**2 / 9.0)
            own[b] += (weight * moving)[:, None] * moving
            border[b] += (weight * moving)[:, None] * constant
            fixed += (weight * constant)[:, None] * constant
            vector[b] += (weight * (believed + miss)) * moving
            fixed_vector += (weight * (believed + miss)) * constant
        beside = border.reshape(-1, len(FIXED))
        sides = np.empty((len(beside), 1 + len(FIXED)), order="F")
        sides[:, 0] = vector.reshape(-1)
        sides[:, 1:] = beside
        self._factor = cholesky_banded(_banded(own, self._next), lower=True, check_finite=False)
        solved = cho_solve_banded((self._factor, True), sides, overwrite_b=True, check_finite=False)
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
        moving = _backwards(alone, onward)
        shared = np.matmul(self._border, self._fixed_cov)
        full = np.zeros((self._count, STATES, STATES))
        full[:, MOVING[:, None], MOVING] = moving + np.matmul(shared, self._border.transpose(0, 2, 1))
        frames = FIXED[:2]
        full[:, MOVING[:, None], frames] = -shared[:, :, :2]
        full[:, frames[:, None], frames] = self._fixed_cov[:2, :2]
        return covariances(full)


def _backwards(alone: Floats, onward: Floats) -> Floats:
    """(count, w, w) the recursion c[b] = alone[b] + onward[b]' c[b + 1] onward[b] from the last block on.

    Stretches of blocks side by side, as if nothing followed them; then each with what its successor really is.
    """
    count, w, _ = alone.shape
    length = ceil(sqrt(count))
    stretches = -(-count // length)
    padding = ((0, stretches * length - count), (0, 0), (0, 0))
    own = np.pad(alone, padding).reshape(stretches, length, w, w)
    through = np.pad(onward, padding).reshape(stretches, length, w, w)
    for k in range(length - 2, -1, -1):
        step = through[:, k]
        own[:, k] += np.matmul(step.transpose(0, 2, 1), np.matmul(own[:, k + 1], step))
        through[:, k] = np.matmul(through[:, k + 1], step)
    after = np.zeros((stretches, 1, w, w))
    for i in range(stretches - 2, -1, -1):
        turn = through[i + 1, 0]
        after[i, 0] = own[i + 1, 0] + turn.T @ after[i + 1, 0] @ turn
    own += np.matmul(through.transpose(0, 1, 3, 2), np.matmul(after, through))
    return own.reshape(-1, w, w)[:count]


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
