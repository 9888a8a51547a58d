"""The relative heading over a whole recording, seen from both ends: the Kalman filter of pipeline/heading.py over the
blocks and a smoother back over them (Rauch, Tung and Striebel 1965), alternating with the fit of the lever arms.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_difference, fit_by_norm
from pipeline.blocks import Floats, Ints
from pipeline.heading import (
    DELTA,
    SEEN,
    SHANK,
    STATES,
    THIGH,
    TILT_X,
    TILT_Y,
    BlockInformation,
    HeadingParameters,
    Neutral,
    RelativeRows,
    activity,
    coarse_heading,
    covariances,
    joint_force,
    predict,
    rotation_matrices,
    row_information,
    start_state,
    transition,
    typical,
    with_information,
    with_neutral,
)
from pipeline.joint_signals import JointSignals


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The offline estimate over blocks: means (b, 7), covariances (b, 7, 7), at grid times centre (b,)."""

    centre: Floats
    mean: Floats
    cov: Floats
    arms: LeverArms
    residual_sd: float

    def rows(self, start: int, n: int) -> RelativeRows:
        """What is known at grid rows start to start + n, linear between the blocks."""
        t = start + np.arange(n)
        states = [np.interp(t, self.centre, self.mean[:, k]) for k in range(STATES)]
        entries = np.array([covariances(c) for c in self.cov]).T
        cov = [np.interp(t, self.centre, e) for e in entries]
        return RelativeRows(np.stack(states, axis=-1), np.stack(cov, axis=-1))


@dataclass(slots=True)
class HeadingSmoother:
    """The two-sided estimate over a whole recording. neutrals: block number and what it says; lost: blocks at whose
    start a sensor's filter began anew; thigh_sd, shank_sd: standard deviations of the frames' azimuths, rad."""

    rate_hz: float
    parameters: HeadingParameters = field(default_factory=HeadingParameters)
    prior: LeverPrior = field(default_factory=lambda: LeverPrior(LeverArms.zero()))
    rounds: int = 5
    neutrals: dict[int, Neutral] = field(default_factory=dict)
    lost: frozenset[int] = frozenset()
    thigh_sd: float = 0.0
    shank_sd: float = 0.0

    def smooth(self, signals: JointSignals) -> Smoothed:
        """signals: of the whole recording (joint_signals_offline)."""
        p = self.parameters
        length = round(p.block_s * self.rate_hz)
        number = signals.index // length
        first = int(number[0])
        count = int(number[-1]) - first + 1
        block: Ints = number - first
        centre = np.asarray((first + np.arange(count) + 0.5) * length, np.float64)
        moving = signals.good & (activity(signals) > p.moving)
        used = signals.picked(moving if int(moving.sum()) > 100 else signals.good)
        arms = fit_by_norm(used.force1, used.lever1, used.force2, used.lever2, self.prior)
        mean = np.zeros((count, STATES))
        cov = np.zeros((count, STATES, STATES))
        residual_sd = p.residual_start
        for round_number in range(self.rounds):
            force1, force2 = joint_force(signals, arms)
            if round_number == 0:
                edges = np.flatnonzero(np.diff(block)) + 1
                coarse = [coarse_heading(*part) for part in _split(edges, force1, force2, signals.good)]
                mean[:, DELTA] = self._first_heading(np.concatenate(coarse), block, count)
            x = [np.interp(signals.index, centre, shown) for shown in SEEN @ mean.T]
            turn = rotation_matrices(*x)
            lengths = np.linalg.norm(force1 - np.einsum("nij,nj->ni", turn, force2), axis=1)
            residual_sd = typical(lengths, moving, p)
            matrix, vector, weight, _ = row_information(force1, force2, signals.good, turn, residual_sd, p)
            vector = vector + np.einsum("nij,nj->ni", matrix, np.stack(x, axis=-1))
            mean, cov = self._filter_and_smooth(
                _summed(matrix, block, count), _summed(vector, block, count), mean, first
            )
            x = [np.interp(signals.index, centre, shown) for shown in SEEN @ mean.T]
            turn = rotation_matrices(*x)
            arms = fit_by_difference(
                signals.force1,
                signals.lever1,
                np.einsum("nij,nj->ni", turn, signals.force2),
                np.einsum("nij,njk->nik", turn, signals.lever2),
                weight,
                residual_sd,
                self.prior,
            )
        return Smoothed(centre, mean, cov, arms, residual_sd)

    def _first_heading(self, rows: Floats, block: Ints, count: int) -> Floats:
        """(count,) a first guess: the closed form over a Gaussian window of half a minute."""
        sums = _summed(rows, block, count)
        reach = round(45.0 / self.parameters.block_s)
        window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * self.parameters.block_s / 15.0) ** 2)
        smooth = np.convolve(sums, window)[reach : reach + count]
        if not np.any(np.abs(smooth) > 0):
            return np.zeros(count)
        return np.unwrap(np.angle(smooth))

    def _filter_and_smooth(self, matrix: Floats, vector: Floats, guess: Floats, first: int) -> tuple[Floats, Floats]:
        p = self.parameters
        f, q = transition(p)
        count = len(matrix)
        state = start_state(p)
        state.mean[DELTA] = guess[0, DELTA]
        state.cov[THIGH, THIGH] = self.thigh_sd**2 + 1e-12
        state.cov[SHANK, SHANK] = self.shank_sd**2 + 1e-12
        before, after = [], []
        for b in range(count):
            if b:
                state = predict(state, f, q)
            if b + first in self.lost:
                fresh = start_state(p)
                for i in (TILT_X, TILT_Y, DELTA):
                    state.cov[i, :] = state.cov[:, i] = 0.0
                    state.cov[i, i] = fresh.cov[i, i]
                state.mean[DELTA] = guess[b, DELTA]
            before.append(state.copy())
            if matrix[b, 2, 2] > 0.0:
                state = with_information(state, BlockInformation(matrix[b], vector[b]))
            if b + first in self.neutrals:
                state = with_neutral(state, self.neutrals[b + first])
            after.append(state.copy())
        means = [after[-1].mean]
        covs = [after[-1].cov]
        for b in range(count - 2, -1, -1):
            gain = np.linalg.solve(before[b + 1].cov, f @ after[b].cov).T
            if b + 1 + first in self.lost:
                gain[:, [TILT_X, TILT_Y, DELTA]] = 0.0
                gain[[TILT_X, TILT_Y, DELTA], :] = 0.0
            means.append(after[b].mean + gain @ (means[-1] - before[b + 1].mean))
            covs.append(after[b].cov + gain @ (covs[-1] - before[b + 1].cov) @ gain.T)
        return np.array(means[::-1]), np.array(covs[::-1])


def _split(edges: Ints, *arrays: Any) -> list[tuple[Any, ...]]:
    """The same pieces of several arrays."""
    return list(zip(*(np.split(a, edges) for a in arrays), strict=True))


def _summed(rows: Floats, block: Ints, count: int) -> Floats:
    """Sums of rows (m, ...) over blocks (count, ...)."""
    starts = np.searchsorted(block, np.arange(count))
    padded = np.concatenate([rows, np.zeros_like(rows[:1])])
    sums = np.add.reduceat(padded, starts, axis=0)
    sums[np.diff(np.append(starts, len(rows))) == 0] = 0.0
    return sums
