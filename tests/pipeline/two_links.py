"""Two rigid links on a ball joint, moved along smooth random paths: sensors with known orientation and lever arms."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

GRAVITY = np.array([0.0, 0.0, 9.80665])


@dataclass(frozen=True)
class TwoLinks:
    """orientation: sensor to world, both links. acc m/s2, gyr rad/s in sensor frames. arms: sensor to joint, m."""

    rate_hz: float
    orientation: tuple[Rotation, Rotation]
    acc: tuple[np.ndarray, np.ndarray]
    gyr: tuple[np.ndarray, np.ndarray]
    arms: tuple[np.ndarray, np.ndarray]


def two_links(seed: int, seconds: float, rate_hz: float = 100.0, swing_rad: float = 0.8) -> TwoLinks:
    """The joint travels and both links turn about all axes, a new random pose about every 0.4 s."""
    rng = np.random.default_rng(seed)
    knots = np.arange(-2.0, seconds + 2.0, 0.4)
    joint = CubicSpline(knots, rng.normal(0.0, 0.08, (len(knots), 3)))
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    orientation, acc, gyr, arms = [], [], [], []
    for _ in range(2):
        spline = RotationSpline(knots, Rotation.from_rotvec(rng.normal(0.0, swing_rad, (len(knots), 3))))
        arm = rng.uniform(-0.2, 0.2, 3)
        turn, rate, rate_dot = spline(t), spline(t, 1), spline(t, 2)  # rates in the link's own frame
        lever = np.cross(rate_dot, arm) + np.cross(rate, np.cross(rate, arm))
        orientation.append(turn)
        acc.append(turn.inv().apply(joint(t, 2) + GRAVITY) - lever)
        gyr.append(rate)
        arms.append(arm)
    return TwoLinks(rate_hz, tuple(orientation), tuple(acc), tuple(gyr), tuple(arms))


def scalar_first(rotation: Rotation) -> np.ndarray:
    """(n, 4) quaternions."""
    return rotation.as_quat()[:, [3, 0, 1, 2]]
