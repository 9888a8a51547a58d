"""The relative orientation of the two sensors' level frames: heading above all, a little inclination.

Each sensor's 6-axis filter leaves its heading to drift. Both sensors see the acceleration of the knee centre, so the
rotation Q that makes the two views agree is the correction wanted: no magnetometer, and no assumption about the joint's
axes, which would delete the abduction that is to be measured (Kok, Hol and Schon 2014; Weygers and Kok 2020).

Q takes the shank sensor's level frame into the thigh sensor's: a heading `delta` and a small relative inclination
(`tilt_x`, `tilt_y`). Over blocks of half a second the differences of the joint's specific force, gravity included, are
summed into a 3 x 3 information matrix (robust weights; the horizontal accelerations tell of heading, gravity of
inclination). A Kalman filter over the blocks carries seven states: tilt_x, tilt_y (returning to zero), delta, its
drift, `thigh` and `shank`, corrections of the two anatomical frames about their long axes, and `tissue`: skin and
muscle move with every step alike, so that the heading from accelerations is a few degrees off, always the same way for
one strapping-on. Standing still, the knee's rotation is zero by definition, which ties delta + shank - thigh to a known
value; the joint's acceleration tells delta + tissue. Offline the same filter is smoothed backwards
(pipeline/smoothing.py).
"""

from dataclasses import dataclass

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior, fit_by_norm
from pipeline.blocks import Bools, Floats
from pipeline.joint_signals import JointSignals, join_signals
from pipeline.quaternions import about_z, multiply, small

TILT_X, TILT_Y, DELTA, DRIFT, THIGH, SHANK, TISSUE = range(7)
STATES = 7
_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class HeadingParameters:
    """Tuned on the public robot files and on simulated people (seeds below 100).

    block_s: length of a block. independent: share of the 25 rows a second that count as independent. student: degrees
    of freedom of the robust weights. residual_floor, residual_start: m/s2, standard deviation of the difference of the
    two views. tilt_sd, tilt_tau_s: size and memory of the relative inclination error, rad, s. drift_sd: initial drift,
    rad/s; drift_walk: its random walk, rad/s per sqrt(s); delta_walk: random walk of the heading, rad per sqrt(s).
    tissue_sd: what soft tissue may turn the heading by, constantly, rad.
    unknown_sd: heading's standard deviation before anything is known, rad; known_sd: below it the linear filter works.
    coarse_tau_s: memory of the closed form that starts the filter, and starts it anew where it disagrees by far_apart
    (rad) and is coherent (length of its sum over the sum of its lengths).
    refit_blocks: blocks between two fits of the lever arms, live; kept_blocks: blocks they are fitted to.
    moving: rms of the lever matrix, 1/s2, above which a block tells about the lever arms.
    """

    block_s: float = 0.5
    independent: float = 0.25
    student: float = 4.0
    residual_floor: float = 0.1
    residual_start: float = 0.6
    tilt_sd: float = 1.5 * _DEG
    tilt_tau_s: float = 5.0
    drift_sd: float = 0.1 * _DEG
    drift_walk: float = 0.01 * _DEG
    delta_walk: float = 0.05 * _DEG
    tissue_sd: float = 2.5 * _DEG
    unknown_sd: float = 3.0
    known_sd: float = 20.0 * _DEG
    coarse_tau_s: float = 15.0
    coherent: float = 0.5
    far_apart: float = 40.0 * _DEG
    refit_blocks: int = 10
    kept_blocks: int = 120
    moving: float = 2.0


@dataclass(slots=True)
class RelativeState:
    """Mean (7,) and covariance (7, 7) of tilt_x, tilt_y, delta, drift, thigh, shank, tissue (rad, rad/s)."""

    mean: Floats
    cov: Floats

    def copy(self) -> "RelativeState":
        return RelativeState(self.mean.copy(), self.cov.copy())


@dataclass(frozen=True, slots=True)
class BlockInformation:
    """What one block says of (tilt_x, tilt_y, delta + tissue): information matrix (3, 3) and vector (3,)."""

    matrix: Floats
    vector: Floats


@dataclass(frozen=True, slots=True)
class Neutral:
    """Quiet standing: delta + shank - thigh is `turn` (the neutral pose has no rotation), to within sd (rad)."""

    turn: float
    sd: float


@dataclass(frozen=True, slots=True)
class RelativeRows:
    """states (n, 7): tilt_x, tilt_y, delta, drift, thigh, shank, tissue. cov (n, 7), rad2: variances of a tilt, delta,
    thigh, shank, and the covariances delta-thigh, delta-shank, thigh-shank."""

    states: Floats
    cov: Floats


def covariances(c: Floats) -> list[float]:
    pairs = ((TILT_X, TILT_X), (DELTA, DELTA), (THIGH, THIGH), (SHANK, SHANK))
    crossed = ((DELTA, THIGH), (DELTA, SHANK), (THIGH, SHANK))
    return [float(c[i, j]) for i, j in pairs + crossed]


def start_state(p: HeadingParameters) -> RelativeState:
    """Nothing known of the heading; the frames taken as they are (until an alignment says how sure they are)."""
    sd = np.array([p.tilt_sd, p.tilt_sd, p.unknown_sd, p.drift_sd, 0.0, 0.0, p.tissue_sd])
    return RelativeState(np.zeros(STATES), np.diag(sd**2) + 1e-12 * np.eye(STATES))


def transition(p: HeadingParameters) -> tuple[Floats, Floats]:
    """Matrices F and Q (7, 7) of one block."""
    dt = p.block_s
    decay = float(np.exp(-dt / p.tilt_tau_s))
    f = np.eye(STATES)
    f[TILT_X, TILT_X] = f[TILT_Y, TILT_Y] = decay
    f[DELTA, DRIFT] = dt
    q = np.zeros((STATES, STATES))
    q[TILT_X, TILT_X] = q[TILT_Y, TILT_Y] = p.tilt_sd**2 * (1.0 - decay**2)
    w = p.drift_walk**2
    q[DELTA, DELTA] = w * dt**3 / 3.0 + p.delta_walk**2 * dt
    q[DELTA, DRIFT] = q[DRIFT, DELTA] = w * dt**2 / 2.0
    q[DRIFT, DRIFT] = w * dt
    q[THIGH, THIGH] = q[SHANK, SHANK] = q[TISSUE, TISSUE] = 1e-14
    return f, q


SEEN = np.zeros((3, STATES))
SEEN[0, TILT_X] = SEEN[1, TILT_Y] = SEEN[2, DELTA] = SEEN[2, TISSUE] = 1.0
"""(3, 7) what the joint's acceleration shows of the states: tilt_x, tilt_y, delta + tissue."""


def seen(mean: Floats) -> Floats:
    """(3,) what the joint's acceleration shows of a state."""
    shown: Floats = SEEN @ mean
    return shown


def predict(state: RelativeState, f: Floats, q: Floats) -> RelativeState:
    """One block later."""
    return RelativeState(f @ state.mean, f @ state.cov @ f.T + q)


def with_information(state: RelativeState, info: BlockInformation) -> RelativeState:
    """The state after a block's information on what the joint's acceleration shows."""
    # Gain form that stays sound for a singular information matrix L: P+ = P - P H' (I + L H P H')^-1 L H P.
    ph = state.cov @ SEEN.T
    inner = np.linalg.solve(np.eye(3) + info.matrix @ (SEEN @ ph), np.column_stack([info.matrix, info.vector]))
    cov = state.cov - ph @ inner[:, :3] @ ph.T
    mean = state.mean + ph @ (inner[:, 3] - inner[:, :3] @ seen(state.mean))
    return RelativeState(mean, 0.5 * (cov + cov.T))


def with_value(state: RelativeState, row: Floats, value: float, sd: float, gate: float = 3.0) -> RelativeState:
    """The state after one scalar observation row . x = value +- sd; beyond `gate` deviations it is widened to fit."""
    p = state.cov @ row
    spread = float(row @ p)
    miss = value - float(row @ state.mean)
    noise = max(sd**2, miss**2 / gate**2 - spread)
    gain = p / (spread + noise)
    cov = state.cov - np.outer(gain, p)
    return RelativeState(state.mean + gain * miss, 0.5 * (cov + cov.T))


def with_neutral(state: RelativeState, neutral: Neutral) -> RelativeState:
    """The state after a quiet standing."""
    row = np.zeros(STATES)
    row[DELTA], row[SHANK], row[THIGH] = 1.0, 1.0, -1.0
    present = float(row @ state.mean)
    return with_value(state, row, present + wrapped(neutral.turn - present), neutral.sd)


def wrapped(angle: float) -> float:
    """Into -pi to pi."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)


def joint_force(signals: JointSignals, arms: LeverArms) -> tuple[Floats, Floats]:
    """(m, 3) each: specific force at the knee centre, as thigh and shank sensor see it, in their own level frames."""
    return signals.force1 + signals.lever1 @ arms.first, signals.force2 + signals.lever2 @ arms.second


def rotation_matrices(tilt_x: Floats, tilt_y: Floats, delta: Floats) -> Floats:
    """(m, 3, 3) Q of each row: the second level frame into the first."""
    q = multiply(small(tilt_x, tilt_y), about_z(delta))
    w, x, y, z = q.T
    entries = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(entries, axis=-1).reshape(-1, 3, 3)


def row_information(
    force1: Floats, force2: Floats, good: Bools, turn: Floats, residual_sd: float, p: HeadingParameters
) -> tuple[Floats, Floats, Floats, Floats]:
    """Per row: information matrix (m, 3, 3) and vector (m, 3) about a further small rotation, robust weight (m,) and
    the residual's length (m,)."""
    seen = np.einsum("nij,nj->ni", turn, force2)
    residual = force1 - seen
    length = np.sqrt(np.einsum("ni,ni->n", residual, residual))
    weight = np.where(good, (p.student + 3.0) / (p.student + (length / residual_sd) ** 2), 0.0)
    scale = weight * (p.independent / residual_sd**2)
    gx, gy, gz = seen.T
    zero = np.zeros_like(gx)
    jacobian = np.stack([zero, gz, -gy, -gz, zero, gx, gy, -gx, zero], axis=-1).reshape(-1, 3, 3)
    matrix = np.einsum("n,nki,nkj->nij", scale, jacobian, jacobian)
    vector = np.einsum("n,nki,nk->ni", scale, jacobian, residual)
    return matrix, vector, weight, length


def activity(signals: JointSignals) -> Floats:
    """(m,) rms of both lever matrices, 1/s2: how much the segments turn."""
    squares = np.einsum("nij,nij->n", signals.lever1, signals.lever1)
    squares += np.einsum("nij,nij->n", signals.lever2, signals.lever2)
    return np.asarray(np.sqrt(squares / 18.0))


def typical(length: Floats, good: Bools, p: HeadingParameters) -> float:
    """Standard deviation (m/s2) of one component of the residual, from the median length."""
    chosen = length[good]
    if len(chosen) < 10:
        return p.residual_start
    return max(p.residual_floor, float(np.median(chosen)) / 1.54)


def coarse_heading(force1: Floats, force2: Floats, good: Bools) -> Floats:
    """(m,) complex, of one block: its sum's angle is the heading that aligns the horizontal parts best, the length how
    much there was to align. Means are taken out: an inclination that is a degree wrong looks like a steady push."""
    force1 = force1 - force1.mean(axis=0)
    force2 = force2 - force2.mean(axis=0)
    real = force2[:, 0] * force1[:, 0] + force2[:, 1] * force1[:, 1]
    imag = force2[:, 0] * force1[:, 1] - force2[:, 1] * force1[:, 0]
    return np.where(good, real + 1j * imag, 0.0)


class Heading:
    """The causal estimate. Rows of block b are told from the blocks up to b - 2, all of them recorded by then, so that
    the result does not depend on how the stream is cut; the change from one block to the next is spread over it."""

    def __init__(
        self, rate_hz: float, parameters: HeadingParameters | None = None, prior: LeverPrior | None = None
    ) -> None:
        self.p = parameters or HeadingParameters()
        self.block = round(self.p.block_s * rate_hz)
        self._rate = rate_hz
        self._f, self._q = transition(self.p)
        self.state = start_state(self.p)
        self._before = self.state
        self.arms = (prior or LeverPrior(LeverArms.zero())).mean
        self._prior = prior or LeverPrior(LeverArms.zero())
        self.residual_sd = self.p.residual_start
        self._pending: list[JointSignals] = []
        self._kept: list[JointSignals] = []
        self._since_fit = 0
        self._coarse = 0.0 + 0.0j
        self._coarse_size = 0.0
        self._arms_known = prior is not None
        self._number: int | None = None

    @property
    def known(self) -> bool:
        """Whether the heading is known well enough for the linear filter."""
        return float(self.state.cov[DELTA, DELTA]) < self.p.known_sd**2

    def set_prior(self, prior: LeverPrior) -> None:
        """Lever arms that the alignment makes likely."""
        self._prior = prior
        self.arms = prior.mean
        self._arms_known = True

    def add(self, signals: JointSignals) -> None:
        """Rows as they come; they are used when their block is two blocks old."""
        if len(signals):
            self._pending.append(signals)

    def align(self, thigh_sd: float, shank_sd: float) -> None:
        """Frames from an alignment, with the standard deviations of their azimuths (rad)."""
        for index, sd in ((THIGH, thigh_sd), (SHANK, shank_sd)):
            self.state.mean[index] = 0.0
            self.state.cov[index, :] = self.state.cov[:, index] = 0.0
            self.state.cov[index, index] = sd**2
        self.lost()
        self._before = self.state.copy()

    def neutral(self, neutral: Neutral) -> None:
        """A quiet standing was seen."""
        was_known = self.known
        self.state = with_neutral(self.state, neutral)
        if not was_known:
            self._before = self.state.copy()

    def observe(self, index: int, value: float, sd: float) -> None:
        """One of the states was observed otherwise."""
        row = np.zeros(STATES)
        row[index] = 1.0
        self.state = with_value(self.state, row, value, sd)

    def lost(self) -> None:
        """A sensor's filter restarted: its heading is unknown."""
        fresh = start_state(self.p)
        for i in (TILT_X, TILT_Y, DELTA):
            self.state.cov[i, :] = self.state.cov[:, i] = 0.0
            self.state.cov[i, i] = fresh.cov[i, i]
        self._coarse = 0.0 + 0.0j
        self._coarse_size = 0.0

    def advance(self, number: int) -> None:
        """Begin block `number`: predict, and use the rows of block number - 2 and what else was observed."""
        if self._number is None:
            self._number = number
            return
        while self._number < number:
            self._number += 1
            self._before = predict(self.state, self._f, self._q)
            self.state = predict(self.state, self._f, self._q)
            self._measure(self._number - 2)

    def rows(self, start: int, n: int) -> RelativeRows:
        """What is known at grid rows start to start + n, all in the present block."""
        assert self._number is not None
        since = (start - self._number * self.block + np.arange(n)) / self.block
        old, new = self._before, self.state
        states = [old.mean[k] + (new.mean[k] - old.mean[k]) * since for k in range(STATES)]
        states[DELTA] = states[DELTA] + (self.p.block_s * new.mean[DRIFT]) * (since - 1.0)
        old_cov, new_cov = covariances(old.cov), covariances(new.cov)
        cov = [a + (b - a) * since for a, b in zip(old_cov, new_cov, strict=True)]
        return RelativeRows(np.stack(states, axis=-1), np.stack(cov, axis=-1))

    def now(self) -> RelativeRows:
        """What is known now, one row."""
        return RelativeRows(self.state.mean[None].copy(), np.array([covariances(self.state.cov)]))

    def _measure(self, number: int) -> None:
        rows = self._take(number)
        if rows is None:
            return
        if float(np.sqrt(np.mean(rows.lever1**2 + rows.lever2**2))) > self.p.moving:
            self._kept.append(rows)
            self._kept = self._kept[-self.p.kept_blocks :]
        self._since_fit += 1
        if self._since_fit >= self.p.refit_blocks and len(self._kept) >= self.p.refit_blocks:
            self._since_fit = 0
            self._refit()
        force1, force2 = joint_force(rows, self.arms)
        self._search(force1, force2, rows.good)
        if not self.known:
            return
        state = self.state
        for _ in range(2):
            at = seen(state.mean)
            turn = rotation_matrices(*(np.full(len(rows), v) for v in at))
            matrix, vector, _, _ = row_information(force1, force2, rows.good, turn, self.residual_sd, self.p)
            total = matrix.sum(axis=0)
            info = BlockInformation(total, vector.sum(axis=0) + total @ at)
            state = with_information(self.state, info)
        self.state = state

    def _search(self, force1: Floats, force2: Floats, good: Bools) -> None:
        """Sum up the closed form, slowly forgetting. It starts the linear filter when it is worth something, and starts
        it anew where the two have come far apart."""
        rows = coarse_heading(force1, force2, good)
        keep = np.exp(-self.p.block_s / self.p.coarse_tau_s)
        self._coarse = keep * self._coarse + complex(rows.sum())
        self._coarse_size = keep * self._coarse_size + float(np.abs(rows).sum())
        if not self._arms_known or abs(self._coarse) < self.p.coherent * self._coarse_size:
            return
        found = float(np.angle(self._coarse))
        information = abs(self._coarse) * self.p.independent / self.residual_sd**2
        if information < 1.0 / (0.5 * self.p.known_sd) ** 2:
            return
        if self.known and abs(wrapped(found - self.state.mean[DELTA])) < self.p.far_apart:
            return
        self.lost()
        self.state.mean[DELTA] = found - self.state.mean[TISSUE]
        self.state.cov[DRIFT, :] = self.state.cov[:, DRIFT] = 0.0
        tissue = self.state.cov[TISSUE, TISSUE]
        self.state.cov[DELTA, DELTA] = (0.75 * self.p.known_sd) ** 2 + tissue
        self.state.cov[DELTA, TISSUE] = self.state.cov[TISSUE, DELTA] = -tissue
        self.state.cov[DRIFT, DRIFT] = self.p.drift_sd**2
        self._before = self.state.copy()

    def _refit(self) -> None:
        rows = join_signals(self._kept)
        rows = rows.picked(rows.good)
        if len(rows) < 50:
            return
        start = LeverPrior(self._prior.mean, self._prior.sd_m)
        self.arms = fit_by_norm(rows.force1, rows.lever1, rows.force2, rows.lever2, start, rounds=6)
        self._arms_known = True
        force1, force2 = joint_force(rows, self.arms)
        lengths = np.abs(np.linalg.norm(force1, axis=1) - np.linalg.norm(force2, axis=1))
        self.residual_sd = max(self.p.residual_floor, 1.4826 * float(np.median(lengths)))

    def _take(self, number: int) -> JointSignals | None:
        """The pending rows of a block; older ones are dropped."""
        if not self._pending:
            return None
        rows = join_signals(self._pending)
        first = int(np.searchsorted(rows.index, number * self.block))
        last = int(np.searchsorted(rows.index, (number + 1) * self.block))
        self._pending = [rows.rows(last, len(rows))] if last < len(rows) else []
        return rows.rows(first, last) if last > first and bool(rows.good[first:last].any()) else None
