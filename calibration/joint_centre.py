"""Where the knee centre lies, seen from each sensor: the lever arms.

Both sensors share the knee centre, so the acceleration that each of them predicts for it must agree. With w the angular
rate, w' its derivative, a the specific force and r the vector from the sensor to the joint centre (all in the sensor's
frame), the specific force at the centre is f = a + (skew(w') + skew(w)^2) r (Seel, Schauer and Raisch, "Joint axis and
position estimation from inertial measurement data by exploiting kinematic constraints", IEEE CCA 2012).

`fit_by_norm` compares the norms of the two f and needs no relative orientation at all: linear least squares in r with
robust weights. It starts the estimation; pipeline/heading.py goes on with the vectors, the relative orientation beside
the arms. A lever arm along the flexion axis hardly shows in the motion; a prior (mean and standard deviation in metres)
holds it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.alignment import Alignment

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeverArms:
    """Vectors from each sensor to the joint centre, (3,) m, each in its sensor's frame, for a straight knee; and their
    change with flexion as skin and muscle slide, (3,) m/rad."""

    first: Floats
    second: Floats
    first_slide: Floats = field(default_factory=lambda: np.zeros(3))
    second_slide: Floats = field(default_factory=lambda: np.zeros(3))

    @staticmethod
    def zero() -> "LeverArms":
        """Both sensors at the joint: the prior where nothing is known."""
        return LeverArms(np.zeros(3), np.zeros(3))

    @staticmethod
    def of(vector: Floats) -> "LeverArms":
        """From the (12,) vector below."""
        return LeverArms(vector[0:3], vector[6:9], vector[3:6], vector[9:12])

    @property
    def vector(self) -> Floats:
        """(12,): first, its slide, second, its slide."""
        return np.concatenate([self.first, self.first_slide, self.second, self.second_slide])


THIGH_LENGTH_PRIOR_M = 0.20
SHANK_LENGTH_PRIOR_M = 0.15
"""Usual distances along the segment from a sensor at mid-thigh or below the tibial tuberosity to the knee centre."""


@dataclass(frozen=True, slots=True)
class LeverPrior:
    """What is known before: the mean lever arms and standard deviations, one for all directions: sd_m of the arms (m),
    slide_sd of the slides of thigh and shank (m/rad; reference: soft tissue of the thigh moves 1 to 2 cm)."""

    mean: LeverArms
    sd_m: float = 0.2
    slide_sd: tuple[float, float] = (0.012, 0.008)

    @property
    def sd(self) -> Floats:
        """(12,) in the order of `LeverArms.vector`."""
        one, two = self.slide_sd
        return np.repeat([self.sd_m, one, self.sd_m, two], 3)

    @staticmethod
    def of(alignment: Alignment) -> "LeverPrior":
        """The knee below the thigh's sensor and above the shank's, along the segment, give or take 10 cm."""
        thigh = alignment.thigh_from_sensor.T @ np.array([0.0, -THIGH_LENGTH_PRIOR_M, 0.0])
        shank = alignment.shank_from_sensor.T @ np.array([0.0, SHANK_LENGTH_PRIOR_M, 0.0])
        return LeverPrior(LeverArms(thigh, shank), 0.1)


def lever_matrix(gyr: Floats, gyr_dot: Floats) -> Floats:
    """(n, 9) row by row the matrices K with f = a + K r. gyr (n, 3) rad/s, gyr_dot (n, 3) rad/s2, sensor frame."""
    x, y, z = gyr[:, 0], gyr[:, 1], gyr[:, 2]
    dx, dy, dz = gyr_dot[:, 0], gyr_dot[:, 1], gyr_dot[:, 2]
    entries = [
        -(y * y + z * z), x * y - dz, x * z + dy,
        x * y + dz, -(x * x + z * z), y * z - dx,
        x * z - dy, y * z + dx, -(x * x + y * y),
    ]  # fmt: skip
    return np.stack(entries, axis=-1)


def fit_by_norm(
    force1: Floats, lever1: Floats, force2: Floats, lever2: Floats, prior: LeverPrior, rounds: int = 12
) -> LeverArms:
    """Lever arms from the norms of the joint's specific force, Gauss-Newton from the prior's mean.

    force (n, 3): specific forces, each in any frame of its own; lever (n, 3, 3): K rotated into that frame.
    """
    mean = np.concatenate([prior.mean.first, prior.mean.second])
    # Columns: numpy is slow with rows of three numbers.
    forces = [np.ascontiguousarray(force.T) for force in (force1, force2)]
    levers = [np.ascontiguousarray(np.transpose(lever, (2, 1, 0))) for lever in (lever1, lever2)]
    r = mean.copy()
    design = np.empty((6, len(force1)))
    for _ in range(rounds):
        norms = []
        for k, (force, lever) in enumerate(zip(forces, levers, strict=True)):
            along_x, along_y, along_z = lever
            x, y, z = r[3 * k : 3 * k + 3].tolist()
            f = force + (x * along_x + y * along_y + z * along_z)
            n = np.maximum(np.sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]), 1e-6)
            f /= n
            shown = lever * f
            np.add(shown[:, 0] + shown[:, 1], shown[:, 2], design[3 * k : 3 * k + 3])
            norms.append(n)
        design[3:] *= -1.0
        residual = norms[1] - norms[0]
        scale = 1.4826 * _median(np.abs(residual - _median(residual))) + 0.05
        weight = 1.0 / (1.0 + (residual / (2.0 * scale)) ** 2)
        ridge = (scale / prior.sd_m) ** 2
        weighted = design * weight
        normal = weighted @ design.T + ridge * np.eye(6)
        r = r + np.linalg.solve(normal, weighted @ residual + ridge * (mean - r))
    return LeverArms(r[:3], r[3:])


def _median(values: Floats) -> float:
    """numpy's own looks for what is not there, NaN and axes, which takes longer than to sort some hundred values."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half]))
