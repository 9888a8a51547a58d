"""The equations of the relative heading, one form for the causal filter and for the whole recording.

States of a block: tilt_x, tilt_y (relative inclination beyond what the accelerometers' errors explain, returning to
zero), delta (heading) and its drift; `thigh` and `shank`, corrections of the two anatomical frames about their long
axes; `tissue`, what soft tissue turns the heading by beyond what the arms explain, returning to zero over a minute;
`flexed`, the heading as it was in the calibration's flexions, which later movement tells better than was known then;
the arms (calibration/joint_centre.py) and the accelerometers' errors (pipeline/joint_signals.py), twelve numbers each.
The joint's acceleration shows the inclination (pipeline/leans.py), delta + tissue, the arms and the errors; a quiet
standing shows delta + shank - thigh, since the knee's rotation is zero in it by definition.
"""

from dataclasses import dataclass

import numpy as np

from calibration.joint_centre import LeverArms, LeverPrior
from pipeline.blocks import Bools, Floats
from pipeline.joint_signals import JointSignals
from pipeline.quaternions import about_z, multiply, small

TILT_X, TILT_Y, DELTA, DRIFT, THIGH, SHANK, TISSUE, FLEXED = range(8)
STATES = 8
ARMS = slice(8, 20)
ERRORS = slice(20, 32)
SIZE = 32
"""The states that the knee's angles need, and all of them."""

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class HeadingParameters:
    """Tuned on the public robot files and on simulated people (seeds below 100).

    block_s: length of a block; smooth_block_s: of one offline. independent: rows a second that count as independent,
    since steps are alike. student: degrees of freedom of the robust weights. residual_floor, residual_start: m/s2,
    standard deviation of the difference of the two views.
    tilt_sd, tilt_tau_s: size and memory of the relative inclination error that the accelerometers' errors do not
    explain, rad, s; lean_tau_s: live, over how long what they do explain is averaged. drift_sd: initial drift, rad/s;
    drift_walk: its random walk, rad/s per sqrt(s); delta_walk: random walk of the heading, rad per sqrt(s).
    tissue_sd, tissue_tau_s: size (rad) and memory of what soft tissue turns the heading by. arm_walk: random walk of
    the arms, m per sqrt(s). acc_offset_sd, acc_turn_sd: of the accelerometers' errors, m/s2 and rad per axis (a cheap
    sensor's data sheet: 0.08 m/s2; half a degree of misalignment each, of gyroscope and accelerometer).
    acc_tau_s: live, memory of what was learnt of them, lest an hour of soft tissue outweigh it.
    unknown_sd: heading's standard deviation before anything is known, rad; known_sd: below it the linear filter works.
    coarse_tau_s: memory of the closed form that starts the filter, and starts it anew where it disagrees by far_apart
    (rad) and is coherent (length of its sum over the sum of its lengths). found_sd: its standard deviation (rad) at
    best, where it corrects a thigh's frame that is less sure than unclear_sd while heading and frames are tied by a
    standing to within tied_sd.
    refit_blocks: blocks between two fits of the arms while the heading is unknown; kept_blocks: what is fitted to.
    moving: rms of the lever matrix, 1/s2, above which a block tells about the arms.
    """

    block_s: float = 0.5
    smooth_block_s: float = 2.0
    independent: float = 2.0
    student: float = 4.0
    residual_floor: float = 0.1
    residual_start: float = 0.2
    tilt_sd: float = 0.25 * _DEG
    tilt_tau_s: float = 5.0
    lean_tau_s: float = 5.0
    drift_sd: float = 0.1 * _DEG
    drift_walk: float = 0.01 * _DEG
    delta_walk: float = 0.05 * _DEG
    tissue_sd: float = 0.4 * _DEG
    tissue_tau_s: float = 60.0
    arm_walk: float = 0.0002
    acc_offset_sd: float = 0.08
    acc_turn_sd: float = 0.7 * _DEG
    acc_tau_s: float = 600.0
    unknown_sd: float = 3.0
    known_sd: float = 20.0 * _DEG
    coarse_tau_s: float = 15.0
    coherent: float = 0.5
    far_apart: float = 40.0 * _DEG
    found_sd: float = 8.0 * _DEG
    unclear_sd: float = 8.0 * _DEG
    tied_sd: float = 6.0 * _DEG
    refit_blocks: int = 10
    kept_blocks: int = 120
    moving: float = 0.3

    @property
    def error_sd(self) -> Floats:
        """(12,) of the accelerometers' errors, in the order of the states."""
        return np.tile(np.repeat([self.acc_offset_sd, self.acc_turn_sd], 3), 2)


@dataclass(slots=True)
class RelativeState:
    """Mean (32,) and covariance (32, 32) of tilt_x, tilt_y, delta, drift, thigh, shank, tissue, flexed (rad, rad/s),
    arms (m, m/rad) and errors (m/s2, rad)."""

    mean: Floats
    cov: Floats

    def copy(self) -> "RelativeState":
        return RelativeState(self.mean.copy(), self.cov.copy())


@dataclass(frozen=True, slots=True)
class BlockInformation:
    """What one block says of (tilt_x, tilt_y, delta + tissue, arms, errors): information matrix (27, 27) and vector
    (27,)."""

    matrix: Floats
    vector: Floats


@dataclass(frozen=True, slots=True)
class Neutral:
    """Quiet standing: delta + shank - thigh is `turn` (the neutral pose has no rotation), to within sd (rad)."""

    turn: float
    sd: float


@dataclass(frozen=True, slots=True)
class RelativeRows:
    """states (8, n): tilt_x, tilt_y, delta, drift, thigh, shank, tissue, flexed. cov (7, n), rad2: variances of a tilt,
    delta, thigh, shank, and the covariances delta-thigh, delta-shank, thigh-shank. held: thigh and shank, the turns of
    the frames, are the same in all rows."""

    states: Floats
    cov: Floats
    held: bool = False

    @property
    def frames(self) -> Floats:
        """(2, n) the turns of thigh's and shank's frame, or (2, 1) where they are held."""
        return self.states[THIGH : SHANK + 1, :1] if self.held else self.states[THIGH : SHANK + 1]


SEEN = np.zeros((27, SIZE))
SEEN[0, TILT_X] = SEEN[1, TILT_Y] = SEEN[2, DELTA] = SEEN[2, TISSUE] = 1.0
SEEN[3:15, ARMS] = SEEN[15:, ERRORS] = np.eye(12)
"""(27, 32) what the joint's acceleration shows of the states."""

NEUTRAL = np.zeros(SIZE)
NEUTRAL[DELTA], NEUTRAL[SHANK], NEUTRAL[THIGH] = 1.0, 1.0, -1.0
"""(32,) what a quiet standing shows."""


def covariances(c: Floats) -> Floats:
    """(..., 7) what RelativeRows holds, of covariances (..., k, k) with the same first states."""
    chosen: Floats = c[..., _ROW, _COLUMN]
    return chosen


_ROW = np.array([TILT_X, DELTA, THIGH, SHANK, DELTA, DELTA, THIGH])
_COLUMN = np.array([TILT_X, DELTA, THIGH, SHANK, THIGH, SHANK, SHANK])


def start_state(p: HeadingParameters, prior: LeverPrior) -> RelativeState:
    """Nothing known of the heading; the frames taken as they are (until an alignment says how sure they are)."""
    sd = np.zeros(SIZE)
    sd[[TILT_X, TILT_Y, DELTA, DRIFT, TISSUE]] = p.tilt_sd, p.tilt_sd, p.unknown_sd, p.drift_sd, p.tissue_sd
    sd[ARMS] = prior.sd
    sd[ERRORS] = p.error_sd
    mean = np.zeros(SIZE)
    mean[ARMS] = prior.mean.vector
    return RelativeState(mean, np.diag(sd**2) + 1e-12 * np.eye(SIZE))


def transition(p: HeadingParameters) -> tuple[Floats, Floats]:
    """Matrices F and Q (32, 32) of one block."""
    dt = p.block_s
    f = np.eye(SIZE)
    f[DELTA, DRIFT] = dt
    q = np.zeros((SIZE, SIZE))
    for states, sd, tau in (((TILT_X, TILT_Y), p.tilt_sd, p.tilt_tau_s), ((TISSUE,), p.tissue_sd, p.tissue_tau_s)):
        decay = float(np.exp(-dt / tau))
        for i in states:
            f[i, i] = decay
            q[i, i] = sd**2 * (1.0 - decay**2) + 1e-14
    w = p.drift_walk**2
    q[DELTA, DELTA] = w * dt**3 / 3.0 + p.delta_walk**2 * dt
    q[DELTA, DRIFT] = q[DRIFT, DELTA] = w * dt**2 / 2.0
    q[DRIFT, DRIFT] = w * dt
    q[THIGH, THIGH] = q[SHANK, SHANK] = q[FLEXED, FLEXED] = 1e-14
    decay = float(np.exp(-dt / p.acc_tau_s))
    f[ERRORS, ERRORS] *= decay
    q[ERRORS, ERRORS] = np.diag(p.error_sd**2) * (1.0 - decay**2)
    q[ARMS, ARMS] = p.arm_walk**2 * dt * np.eye(12)
    return f, q


def predict(state: RelativeState, f: Floats, q: Floats) -> RelativeState:
    """One block later."""
    return RelativeState(f @ state.mean, f @ state.cov @ f.T + q)


def with_information(state: RelativeState, info: BlockInformation, seen: Floats) -> RelativeState:
    """The state after a block's information on what the joint's acceleration shows: seen (27, 32) of the states."""
    # Gain form that stays sound for a singular information matrix L: P+ = P - P H' (I + L H P H')^-1 L H P.
    ph = state.cov @ seen.T
    size = len(seen)
    inner = np.linalg.solve(np.eye(size) + info.matrix @ (seen @ ph), np.column_stack([info.matrix, info.vector]))
    cov = state.cov - ph @ inner[:, :size] @ ph.T
    mean = state.mean + ph @ (inner[:, size] - inner[:, :size] @ (seen @ state.mean))
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
    present = float(NEUTRAL @ state.mean)
    return with_value(state, NEUTRAL, present + wrapped(neutral.turn - present), neutral.sd)


def wrapped(angle: float) -> float:
    """Into -pi to pi."""
    return float((angle + np.pi) % (2.0 * np.pi) - np.pi)


def joint_force(signals: JointSignals, constants: Floats) -> tuple[Floats, Floats]:
    """(m, 3) each: specific force at the knee centre, as thigh and shank sensor see it, in their own level frames.
    constants (24,): arms and errors."""
    arm1, arm2, error1, error2 = constants.reshape(4, 6)
    force1 = signals.force1 + _times(signals.lever1, arm1) + _times(signals.error1, error1)
    return force1, signals.force2 + _times(signals.lever2, arm2) + _times(signals.error2, error2)


def _times(matrices: Floats, vector: Floats) -> Floats:
    """(m, 3) the products of matrices (m, 3, 6) with one vector, as one product."""
    product: Floats = matrices.reshape(-1, 6) @ vector
    return product.reshape(-1, 3)


def without_errors(arms: LeverArms) -> Floats:
    """(24,) arms, and accelerometers that are right."""
    return np.concatenate([arms.vector, np.zeros(12)])


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


@dataclass(frozen=True, slots=True)
class RowInformation:
    """m rows: design (m, 3, 27) of the residual in a further change of what is seen, residual (m, 3) m/s2, both scaled
    to unit standard deviation (robust weights included); length (m,) of the plain residual."""

    design: Floats
    residual: Floats
    length: Floats


def row_information(
    signals: JointSignals, constants: Floats, turn: Floats, residual_sd: float, rate_hz: float, p: HeadingParameters
) -> RowInformation:
    """What each row says. constants (24,): arms and errors; turn: (m, 3, 3) or (3, 3), Q as it is believed now;
    rate_hz: rows a second."""
    force1, force2 = joint_force(signals, constants)
    seen = np.matmul(turn, force2[:, :, None])[:, :, 0]
    residual = force1 - seen
    length = np.sqrt(residual[:, 0] ** 2 + residual[:, 1] ** 2 + residual[:, 2] ** 2)
    weight = np.where(signals.good, (p.student + 3.0) / (p.student + (length / residual_sd) ** 2), 0.0)
    scale = np.sqrt(weight * (p.independent / rate_hz)) / residual_sd
    design = np.empty((len(seen), 3, len(SEEN)))
    gx, gy, gz = seen.T
    design[:, 0, 0] = design[:, 1, 1] = design[:, 2, 2] = 0.0
    design[:, 0, 1], design[:, 0, 2] = gz, -gy
    design[:, 1, 0], design[:, 1, 2] = -gz, gx
    design[:, 2, 0], design[:, 2, 1] = gy, -gx
    np.negative(signals.lever1, out=design[:, :, 3:9])
    np.matmul(turn, signals.lever2, out=design[:, :, 9:15])
    np.negative(signals.error1, out=design[:, :, 15:21])
    np.matmul(turn, signals.error2, out=design[:, :, 21:])
    design *= scale[:, None, None]
    return RowInformation(design, residual * scale[:, None], length)


def activity(signals: JointSignals) -> Floats:
    """(m,) rms of both lever matrices, 1/s2: how much the segments turn."""
    one, two = signals.lever1[:, :, :3], signals.lever2[:, :, :3]
    squares = np.einsum("nij,nij->n", one, one) + np.einsum("nij,nij->n", two, two)
    return np.asarray(np.sqrt(squares / 18.0))


def typical(length: Floats, good: Bools, p: HeadingParameters) -> float:
    """Standard deviation (m/s2) of one component of the residual, from the median length."""
    chosen = length[good]
    if len(chosen) < 2:
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
