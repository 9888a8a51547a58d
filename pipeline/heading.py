"""The relative orientation of the two sensors' level frames, live: heading above all, a little inclination.

Each sensor's 6-axis filter leaves its heading to drift. Both sensors see the acceleration of the knee centre, so the
rotation Q that makes the two views agree is the correction wanted: no magnetometer, and no assumption about the joint's
axes, which would delete the abduction that is to be measured (Kok, Hol and Schon 2014; Weygers and Kok 2020).

Q takes the shank sensor's level frame into the thigh sensor's: a heading `delta` and a small relative inclination
(`tilt_x`, `tilt_y`). Over blocks of half a second the differences of the joint's specific force, gravity included, are
summed into an information matrix (robust weights; the horizontal accelerations tell of heading, gravity of
inclination), and a Kalman filter over the blocks (pipeline/heading_model.py) carries the heading and, beside it, the
arms from both sensors to the knee centre: left out, or held at a first guess, they would turn the heading. Offline the
same equations are solved for all blocks at once (pipeline/smoothing.py).
"""

from dataclasses import replace

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm
from pipeline.blocks import Floats
from pipeline.heading_model import (
    ARMS,
    DELTA,
    DRIFT,
    ERRORS,
    FLEXED,
    NEUTRAL,
    SEEN,
    SHANK,
    SIZE,
    STATES,
    THIGH,
    TILT_X,
    TILT_Y,
    TISSUE,
    BlockInformation,
    HeadingParameters,
    Neutral,
    RelativeRows,
    RelativeState,
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
    with_value,
    without_errors,
    wrapped,
)
from pipeline.joint_signals import JointSignals, join_signals
from pipeline.leans import Leans


class Heading:
    """The causal estimate. Rows of block b are told from the blocks up to b - 2, all of them recorded by then, so that
    the result does not depend on how the stream is cut; the change from one block to the next is spread over it."""

    def __init__(
        self, rate_hz: float, parameters: HeadingParameters | None = None, prior: LeverPrior | None = None
    ) -> None:
        p = parameters or HeadingParameters()
        self.block = round(p.block_s * rate_hz)
        self.p = replace(p, block_s=self.block / rate_hz)
        self._f, self._q = transition(self.p)
        self._prior = prior or LeverPrior(LeverArms.zero())
        self._arms_known = prior is not None
        self.state = start_state(self.p, self._prior)
        self._before = self.state
        self.residual_sd = self.p.residual_start
        self._kept: list[JointSignals] = []
        self._leans: Leans | None = None
        self._leant = self._leant_before = np.zeros(2)
        self._since_fit = 0
        self._coarse = 0.0 + 0.0j
        self._coarse_size = 0.0
        self._number: int | None = None

    @property
    def known(self) -> bool:
        """Whether the heading is known well enough for the linear filter."""
        return float(self.state.cov[DELTA, DELTA]) < self.p.known_sd**2

    @property
    def arms(self) -> LeverArms:
        """From the sensors to the knee centre, as believed now."""
        return LeverArms.of(self.state.mean[ARMS].copy())

    @property
    def errors(self) -> Floats:
        """(12,) of the accelerometers, as believed now."""
        return self.state.mean[ERRORS].copy()

    def set_prior(self, prior: LeverPrior) -> None:
        """Arms that the alignment makes likely."""
        self._prior = prior
        self._arms_known = True
        self.state.mean[ARMS] = prior.mean.vector
        self.state.cov[ARMS, :] = self.state.cov[:, ARMS] = 0.0
        self.state.cov[ARMS, ARMS] = np.diag(prior.sd**2)

    def align(self, thigh_sd: float, shank_sd: float) -> None:
        """Frames from an alignment, with the standard deviations of their azimuths (rad)."""
        for index, sd in ((THIGH, thigh_sd), (SHANK, shank_sd)):
            self.state.mean[index] = 0.0
            self.state.cov[index, :] = self.state.cov[:, index] = 0.0
            self.state.cov[index, index] = sd**2
        self.lost()
        self._before = self.state.copy()

    def mark_flexions(self) -> None:
        """The calibration's flexions are just over: their heading is the present one, and is remembered."""
        self.state.mean[FLEXED] = self.state.mean[DELTA]
        self.state.cov[FLEXED, :] = self.state.cov[DELTA, :]
        self.state.cov[:, FLEXED] = self.state.cov[:, DELTA]
        self.state.cov[FLEXED, FLEXED] = self.state.cov[DELTA, DELTA] + 1e-12
        self._before = self.state.copy()

    def neutral(self, neutral: Neutral) -> None:
        """A quiet standing was seen."""
        was_known = self.known
        self.state = with_neutral(self.state, neutral)
        if not was_known:
            self._before = self.state.copy()

    def observe(self, index: int, value: float, sd: float) -> None:
        """One of the states was observed otherwise."""
        row = np.zeros(SIZE)
        row[index] = 1.0
        self.state = with_value(self.state, row, value, sd)

    def take(self, state: RelativeState, residual_sd: float) -> None:
        """Everything as it was found otherwise, up to now."""
        self.state = state
        self.residual_sd = residual_sd
        self._arms_known = True
        if self._leans is not None:
            self._leant = self._leant_before = self._leans.tilts(state.mean[DELTA]) @ state.mean[ERRORS]
        self._before = state.copy()

    def lost(self) -> None:
        """A sensor's filter restarted: its heading is unknown."""
        fresh = start_state(self.p, self._prior)
        for i in (TILT_X, TILT_Y, DELTA):
            self.state.cov[i, :] = self.state.cov[:, i] = 0.0
            self.state.cov[i, i] = fresh.cov[i, i]
        self._coarse = 0.0 + 0.0j
        self._coarse_size = 0.0
        # How a level frame leans is told in its own directions, which are new ones.
        self._leans = None
        self._leant = self._leant_before = np.zeros(2)

    def advance(self, number: int, signals: JointSignals | None = None) -> None:
        """Begin block `number`: predict, and use the signals of the block before the last one."""
        if self._number is None:
            self._number = number
            return
        while self._number < number:
            self._number += 1
            self._leant_before = self._leant
            self._before = predict(self.state, self._f, self._q)
            self.state = self._before.copy()
        if signals is not None and bool(signals.good.any()):
            self._measure(signals)

    def rows(self, start: int, n: int) -> RelativeRows:
        """What is known at grid rows start to start + n, all in the present block."""
        assert self._number is not None
        since = (start - self._number * self.block + np.arange(n)) / self.block
        old, new = self._before, self.state
        first, last = old.mean[:STATES, None], new.mean[:STATES, None]
        states = first + (last - first) * since
        states[:2] += (self._leant_before + (self._leant - self._leant_before) * since[:, None]).T
        states[DELTA] += (self.p.block_s * new.mean[DRIFT]) * (since - 1.0)
        first_cov, last_cov = covariances(old.cov)[:, None], covariances(new.cov)[:, None]
        return RelativeRows(states, first_cov + (last_cov - first_cov) * since)

    def now(self) -> RelativeRows:
        """What is known now, one row."""
        states = self.state.mean[:STATES, None].copy()
        states[:2, 0] += self._leant
        return RelativeRows(states, covariances(self.state.cov)[:, None])

    def _measure(self, signals: JointSignals) -> None:
        moving = float(np.median(activity(signals))) > self.p.moving
        if not self.known:
            self._fit_arms(signals, moving)
        self._search(signals)
        if not self.known:
            return
        state = self.state
        rate = len(signals) / self.p.block_s
        self._leans = self._leans_with(signals)
        seen = SEEN.copy()
        for _ in range(2):
            seen[:2, ERRORS] = self._leans.tilts(state.mean[DELTA])
            at = seen @ state.mean
            turn = rotation_matrices(at[0:1], at[1:2], at[2:3])
            rows = row_information(signals, at[3:], turn, self.residual_sd, rate, self.p)
            design = rows.design.reshape(-1, len(at))
            matrix = design.T @ design
            info = BlockInformation(matrix, design.T @ rows.residual.reshape(-1) + matrix @ at)
            state = with_information(self.state, info, seen)
        self.state = state
        self._leant = seen[:2, ERRORS] @ state.mean[ERRORS]
        if moving:
            self.residual_sd += 0.05 * (typical(rows.length, signals.good, self.p) - self.residual_sd)

    def _leans_with(self, signals: JointSignals) -> Leans:
        """How the level frames lean from errors of the accelerometers, a running mean."""
        leans = Leans.seen(signals)
        if self._leans is None:
            return leans
        return self._leans.followed(leans, float(np.exp(-self.p.block_s / self.p.lean_tau_s)))

    def _search(self, signals: JointSignals) -> None:
        """Sum up the closed form, slowly forgetting. It starts the linear filter when it is worth something, and starts
        it anew where the two have come far apart."""
        rows = coarse_heading(*joint_force(signals, SEEN[3:] @ self.state.mean), signals.good)
        keep = np.exp(-self.p.block_s / self.p.coarse_tau_s)
        self._coarse = keep * self._coarse + complex(rows.sum())
        self._coarse_size = keep * self._coarse_size + float(np.abs(rows).sum())
        if not self._arms_known or abs(self._coarse) < self.p.coherent * self._coarse_size:
            return
        found = float(np.angle(self._coarse))
        rate = len(signals) / self.p.block_s
        information = abs(self._coarse) * self.p.independent / rate / self.residual_sd**2
        tied = float(NEUTRAL @ self.state.cov @ NEUTRAL) < self.p.tied_sd**2
        unclear = tied and self.state.cov[THIGH, THIGH] > self.p.unclear_sd**2
        miss = wrapped(found - self.state.mean[DELTA] - self.state.mean[TISSUE])
        quick = unclear and abs(miss) < 0.5 * np.pi
        if information < 1.0 / (self.p.known_sd if quick else 0.5 * self.p.known_sd) ** 2:
            return
        if self.known and abs(miss) < self.p.far_apart:
            return
        if unclear:
            self._turn_thigh(miss, float(np.hypot(self.p.found_sd, information**-0.5)))
            return
        self.lost()
        self.state.mean[DELTA] = found - self.state.mean[TISSUE]
        self.state.cov[DRIFT, :] = self.state.cov[:, DRIFT] = 0.0
        tissue = self.state.cov[TISSUE, TISSUE]
        self.state.cov[DELTA, DELTA] = (0.75 * self.p.known_sd) ** 2 + tissue
        self.state.cov[DELTA, TISSUE] = self.state.cov[TISSUE, DELTA] = -tissue
        self.state.cov[DRIFT, DRIFT] = self.p.drift_sd**2
        self._before = self.state.copy()

    def _turn_thigh(self, miss: float, sd: float) -> None:
        """The heading is `miss` (rad) from what was believed. The standing ties heading and frames together, so what is
        far off is the thigh's frame, of which little was known: it turns along."""
        together = np.zeros(SIZE)
        together[[DELTA, THIGH, FLEXED]] = 1.0
        row = np.zeros(SIZE)
        row[[DELTA, TISSUE]] = 1.0
        spread = float(row @ self.state.cov @ row) + sd**2
        wider = RelativeState(
            self.state.mean, self.state.cov + max(0.0, miss**2 - spread) * np.outer(together, together)
        )
        self.state = with_value(wider, row, float(row @ self.state.mean) + miss, sd, gate=np.inf)
        self._before = self.state.copy()

    def _fit_arms(self, signals: JointSignals, moving: bool) -> None:
        """While the heading is unknown, the arms from the norms of the forces alone."""
        if moving:
            self._kept = [*self._kept, signals][-self.p.kept_blocks :]
        self._since_fit += 1
        if self._since_fit < self.p.refit_blocks or len(self._kept) < self.p.refit_blocks:
            return
        self._since_fit = 0
        rows = join_signals(self._kept)
        rows = rows.picked(rows.good)
        if len(rows) < 25:
            return
        arms = fit_by_norm(
            rows.force1, rows.lever1[:, :, :3], rows.force2, rows.lever2[:, :, :3], self._prior, rounds=6
        )
        self.state.mean[ARMS] = arms.vector
        self._arms_known = True
        force1, force2 = joint_force(rows, without_errors(arms))
        lengths = np.abs(np.linalg.norm(force1, axis=1) - np.linalg.norm(force2, axis=1))
        self.residual_sd = max(self.p.residual_floor, 1.4826 * float(np.median(lengths)))
