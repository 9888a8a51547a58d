"""The gyroscope's scale and axes, checked against gravity.

Between two rests the gyroscope says how the sensor was turned, so it predicts where gravity must be at the second rest
from where it was at the first. What the accelerometer finds there instead shows the gyroscope's errors: scales, and
axes that are not the accelerometer's. A full matrix is fitted to all turns between neighbouring rests, Gauss-Newton
about the integrated turn, with a prior that holds at identity what the turns do not show (a turn about the vertical
shows nothing). A scale that was mistaken in a data sheet (8.75 for 7.63 mdps a step: 15 %) is found at once.
Source: Tedaldi, Pretto, Menegatti, ICRA 2014.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.inertial import Rest

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GyroscopeParameters:
    """scale_sd, cross_sd: spread of sensors (fractions), consumer parts with a margin. direction_sd: how well a rest
    tells where gravity is, rad; grows with the time of a turn by drift_sd (rad/s, what is left of the bias).
    least_turn: turns of gravity that are too small to tell, rad. longest_s: turns that take longer are left out.
    """

    scale_sd: float = 0.05
    cross_sd: float = 0.01
    direction_sd: float = np.radians(0.3)
    drift_sd: float = np.radians(0.03)
    least_turn: float = np.radians(20.0)
    longest_s: float = 20.0
    rounds: int = 5


@dataclass(frozen=True, eq=False)
class GyroscopeFit:
    """matrix (3, 3): true = matrix @ (measured - bias). scale_sd (3,): of its diagonal, fractions. before, after: rms
    angle (rad) between predicted and found gravity without and with it. turns: used."""

    matrix: Floats
    scale_sd: Floats
    before: float
    after: float
    turns: int


def fit_gyroscope(
    gyr: Floats, bias: Floats, rests: list[Rest], ups: Floats, rate_hz: float, p: GyroscopeParameters | None = None
) -> GyroscopeFit | None:
    """Scales and axes from the turns between rests.

    gyr (n, 3) rad/s, all of the recording; bias (3,) rad/s; rests: in order; ups (r, 3): upward direction at each rest,
    sensor frame, unit, from the corrected accelerometer. None where no turn can tell.
    """
    p = p or GyroscopeParameters()
    turns = []
    for k in range(len(rests) - 1):
        first, second = rests[k], rests[k + 1]
        seconds = (second.begin - first.end) / rate_hz
        turned = np.arccos(np.clip(ups[k] @ ups[k + 1], -1.0, 1.0))
        if seconds <= p.longest_s and turned >= p.least_turn and second.begin > first.end:
            sd = float(np.hypot(p.direction_sd, p.drift_sd * seconds))
            # From within one rest to within the other, so that no part of the turn is missed.
            turns.append((gyr[first.end - 2 : second.begin + 2] - bias, ups[k], ups[k + 1], sd))
    if not turns:
        return None
    prior = np.diag(np.where(np.eye(3, dtype=bool), p.scale_sd, p.cross_sd).ravel() ** -2.0)
    x = np.zeros(9)
    before = 0.0
    for number in range(p.rounds + 1):
        misses, normal, vector = [], prior.copy(), -prior @ x
        for rates, start, end, sd in turns:
            predicted, change = _predicted(rates, x.reshape(3, 3), start, 1.0 / rate_hz)
            miss = end - predicted
            misses.append(float(np.linalg.norm(miss)))
            weight = 1.0 / max(sd, 0.3 * misses[-1]) ** 2 if number > 1 else 1.0 / sd**2
            normal += weight * change.T @ change
            vector += weight * change.T @ miss
        rms = float(np.sqrt(np.mean(np.square(misses))))
        if number == 0:
            before = rms
        if number == p.rounds:
            break
        x = x + np.linalg.solve(normal, vector)
    sd_all = np.sqrt(np.diag(np.linalg.inv(normal)))
    return GyroscopeFit(np.eye(3) + x.reshape(3, 3), sd_all[[0, 4, 8]], before, rms, len(turns))


def _predicted(rates: Floats, errors: Floats, start: Floats, dt: float) -> tuple[Floats, Floats]:
    """(3,) where gravity's direction comes to lie after a turn; (3, 9) how that changes with the matrix's errors."""
    true = rates + rates @ errors.T
    turn = np.eye(3)
    turns = np.empty((len(rates), 3, 3))
    for i, step in enumerate(_rotations(0.5 * (true[1:] + true[:-1]) * dt)):
        turns[i] = turn
        turn = turn @ step
    turns[len(rates) - 1] = turn
    end = turn.T @ start
    to_end = np.einsum("ji,njk->nik", turn, turns)
    # A small further rotation of step t, errors @ rate dt, is seen at the end through the turn from t to the end.
    summed = np.einsum("nij,nk->ijk", to_end, rates) * dt
    skew = np.array([[0.0, -end[2], end[1]], [end[2], 0.0, -end[0]], [-end[1], end[0], 0.0]])
    change: Floats = skew @ summed.reshape(3, 9)
    return end, change


def _rotations(vectors: Floats) -> Floats:
    """(n, 3, 3) rotation matrices of rotation vectors (n, 3), rad."""
    angle = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    k = vectors / angle[:, None]
    zero = np.zeros(len(k))
    skew = np.stack([zero, -k[:, 2], k[:, 1], k[:, 2], zero, -k[:, 0], -k[:, 1], k[:, 0], zero], axis=-1)
    skew = skew.reshape(-1, 3, 3)
    s, c = np.sin(angle)[:, None, None], (1.0 - np.cos(angle))[:, None, None]
    matrices: Floats = np.eye(3) + s * skew + c * (skew @ skew)
    return matrices
