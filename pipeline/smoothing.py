"""The relative heading over a whole recording, seen from both ends.

The equations of pipeline/heading_model.py for all blocks at once (pipeline/block_system.py); the solution is repeated
with new robust weights about the last one (Gauss-Newton).
"""

from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm
from pipeline.block_system import BlockSystem, Told
from pipeline.blocks import Bools, Floats, Ints
from pipeline.heading_model import (
    ARMS,
    DELTA,
    ERRORS,
    FLEXED,
    SEEN,
    SHANK,
    SIZE,
    STATES,
    THIGH,
    HeadingParameters,
    Neutral,
    RelativeRows,
    RelativeState,
    activity,
    joint_force,
    predict,
    rotation_matrices,
    row_information,
    start_state,
    transition,
    typical,
    without_errors,
)
from pipeline.joint_signals import JointSignals
from pipeline.leans import Leans

_ENOUGH = 500
"""Rows to which the arms are first fitted."""
_AT_ONCE = 200
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
            return RelativeRows(np.repeat(self.mean.T, n, axis=1), np.repeat(self.cov.T, n, axis=1), True)
        first, length = int(np.ceil(self.centre[0])), round(self.centre[1] - self.centre[0])
        begin, end = (start - first) // length, (start + n - 1 - first) // length
        last = len(self.centre) - 1
        blocks = np.minimum(np.maximum(np.arange(begin, end + 2), 0), last)
        table = np.concatenate([self.mean[blocks], self.cov[blocks]], axis=1).T
        steps = table[:, 1:] - table[:, :-1]
        share = (first - self.centre[0] + np.arange(length)) / length
        rows = np.empty((*steps.shape, length))
        changing = steps.any(axis=1)
        for k, changes in enumerate(changing.tolist()):
            if changes:
                np.multiply(steps[k, :, None], share, rows[k])
                rows[k] += table[k, :-1, None]
            else:
                rows[k] = table[k, 0]
        skipped = start - first - begin * length
        rows = rows.reshape(len(table), -1)[:, skipped : skipped + n]
        for block, row in self.jumps:
            for side, a, b in ((block - 1, self.centre[block - 1], row), (block, row, self.centre[block])):
                known = np.concatenate([self.mean[side], self.cov[side]])
                rows[:, max(ceil(a) - start, 0) : max(ceil(b) - start, 0)] = known[:, None]
        return RelativeRows(rows[:size], rows[size:], not changing[THIGH : SHANK + 1].any())


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
    _solution: tuple[BlockSystem, int, Floats] | None = None

    def smooth(self, signals: JointSignals) -> Smoothed:
        """signals: of the whole recording (pipeline/joint_signals.py)."""
        length = round(self.parameters.smooth_block_s * self.rate_hz)
        p = self.parameters
        p = replace(p, block_s=length / self.rate_hz)
        number = signals.index // length
        first = int(number[0])
        count = int(number[-1]) - first + 1
        block: Ints = number - first
        rate = len(signals) / (count * p.block_s)
        moving = signals.good & (activity(signals) > p.moving)
        chosen = np.flatnonzero(moving if int(moving.sum()) > 50 else signals.good)
        used = signals.picked(chosen[:: 1 + len(chosen) // _ENOUGH])
        arms = fit_by_norm(used.force1, used.lever1[:, :, :3], used.force2, used.lever2[:, :, :3], self.prior, 6)
        mean = np.zeros((count, SIZE))
        mean[:, ARMS] = arms.vector
        guess = self._first_heading(signals, arms, block, count, p.block_s)
        mean[:, DELTA] = guess
        # A block in which it begins anew is what comes after.
        jumps = {b: row for row in sorted(self.lost) if 0 < (b := row // length - first) < count}
        good, leaning = signals.good.copy(), block.copy()
        for b, row in jumps.items():
            before = (block == b) & (signals.index < row)
            good[before], leaning[before] = False, b - 1
        signals = replace(signals, good=good)
        system = BlockSystem(p, self._prior_state(p), count, list(jumps), guess)
        neutrals = [(b, n) for row, n in self.neutrals if 0 <= (b := row // length - first) < count]
        residual_sd = p.residual_start
        places, true = _placed(block, count)
        leans = Leans.in_blocks(signals, leaning, count, list(jumps))
        length_of = np.empty(len(signals))
        for k in range(self.rounds):
            # Of a first round that only leads to a better one, half of the rows are enough.
            skip = 2 if k == 0 and self.rounds > 1 else 1
            looked, there = places[:, ::skip], true[:, ::skip]
            lean = leans.tilts(mean[:, DELTA])
            at = mean @ SEEN.T
            at[:, :2] += lean @ mean[0, ERRORS]
            turn = rotation_matrices(*at[:, :3].T)
            told = Told.nothing(count)
            for begin in range(0, count, _AT_ONCE):
                these = slice(begin, begin + _AT_ONCE)
                place = looked[these].reshape(-1)
                part = signals.picked(place)
                part = replace(part, good=part.good & there[these].reshape(-1))
                turns = np.repeat(turn[these], looked.shape[1], axis=0)
                rows = row_information(part, at[0, 3:], turns, residual_sd, rate / skip, p)
                told.add(rows, at[these], these)
                length_of[place] = rows.length
            told.lean(lean)
            mean = system.solve(told, neutrals, mean)
            seen = np.zeros(len(signals), bool)
            seen[looked[there]] = True
            residual_sd = typical(length_of, moving & seen, p)
        self._solution = system, first, mean.copy()
        mean[:, :2] += leans.tilts(mean[:, DELTA]) @ mean[0, ERRORS]
        centre = np.asarray((first + np.arange(count) + 0.5) * length, np.float64)
        cov = system.covariances()
        arms, errors = LeverArms.of(mean[0, ARMS]), mean[0, ERRORS]
        return Smoothed(centre, mean[:, :STATES], cov, arms, residual_sd, errors, list(jumps.items()))

    def at_the_end(self, flexed: int, end: int) -> RelativeState:
        """All states at grid row `end`, where the rows that were smoothed end, for a filter that goes on from there;
        flexed: grid row in the middle of the calibration's flexions."""
        assert self._solution is not None
        system, first, mean = self._solution
        length = round(self.parameters.smooth_block_s * self.rate_hz)
        block = min(max(flexed // length - first, 0), len(mean) - 1)
        state = RelativeState(mean[-1].copy(), system.at_the_end(block))
        state.mean[FLEXED] = mean[block, DELTA]
        # A block's states are those of its middle.
        since_s = 0.5 * (end - (first + len(mean) - 1) * length) / self.rate_hz
        return predict(state, *transition(replace(self.parameters, block_s=since_s)))

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
