"""Where the knee centre lies, seen from each sensor: the lever arms.

Both sensors share the knee centre, so the acceleration that each of them predicts for it must agree. With w the angular
rate, w' its derivative, a the specific force and r the vector from the sensor to the joint centre (all in the sensor's
frame), the specific force at the centre is f = a + (skew(w') + skew(w)^2) r (Seel, Schauer and Raisch, "Joint axis and
position estimation from inertial measurement data by exploiting kinematic constraints", IEEE CCA 2012).

Two fits, both linear least squares in r with robust weights: `fit_by_norm` compares the norms of the two f and needs no
relative orientation at all (it starts the estimation); `fit_by_difference` compares the vectors once the relative
orientation is known. A lever arm along the flexion axis hardly shows in the motion; a prior (mean and standard
deviation in metres) holds it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeverArms:
    """Vectors from each sensor to the joint centre, (3,) m, each in its sensor's frame."""

    first: Floats
    second: Floats

    @staticmethod
    def zero() -> "LeverArms":
        """Both sensors at the joint: the prior where nothing is known."""
        return LeverArms(np.zeros(3), np.zeros(3))


@dataclass(frozen=True, slots=True)
class LeverPrior:
    """What is known before: the mean lever arms and their standard deviation (m), one for all directions."""

    mean: LeverArms
    sd_m: float = 0.2


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
    r = mean.copy()
    for _ in range(rounds):
        f1 = force1 + lever1 @ r[:3]
        f2 = force2 + lever2 @ r[3:]
        n1 = np.maximum(np.linalg.norm(f1, axis=1), 1e-6)
        n2 = np.maximum(np.linalg.norm(f2, axis=1), 1e-6)
        residual = n2 - n1
        design = np.hstack(
            [np.einsum("ni,nij->nj", f1 / n1[:, None], lever1), -np.einsum("ni,nij->nj", f2 / n2[:, None], lever2)]
        )
        scale = 1.4826 * float(np.median(np.abs(residual - np.median(residual)))) + 0.05
        weight = 1.0 / (1.0 + (residual / (2.0 * scale)) ** 2)
        ridge = (scale / prior.sd_m) ** 2
        normal = (design * weight[:, None]).T @ design + ridge * np.eye(6)
        r = r + np.linalg.solve(normal, (design * weight[:, None]).T @ residual + ridge * (mean - r))
    return LeverArms(r[:3], r[3:])


def fit_by_difference(
    force1: Floats,
    lever1: Floats,
    force2: Floats,
    lever2: Floats,
    weight: Floats,
    scale: float,
    prior: LeverPrior,
) -> LeverArms:
    """Lever arms from the difference of the joint's specific force, both in one common frame.

    force (n, 3), lever (n, 3, 3); weight (n,): robust weights, about 1; scale: the residual's standard deviation, m/s2.
    """
    design = np.concatenate([lever1, -lever2], axis=2)
    target = force2 - force1
    ridge = (scale / prior.sd_m) ** 2
    weighted = design * weight[:, None, None]
    normal = np.einsum("nki,nkj->ij", weighted, design) + ridge * np.eye(6)
    mean = np.concatenate([prior.mean.first, prior.mean.second])
    r = np.linalg.solve(normal, np.einsum("nki,nk->i", weighted, target) + ridge * mean)
    return LeverArms(r[:3], r[3:])
