"""The person's own unloaded path: the abduction that the free knee shows at each flexion.

Fitted to the slow unloaded flexions of the calibration and subtracted afterwards (valgus excess), it takes with it what
no sensor on the skin can tell from motion: a flexion axis some degrees off, the knee's own coupling, soft tissue that
shifts with flexion. A smooth curve, zero at zero flexion, held beyond the largest flexion that was seen.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UnloadedPath:
    """abduction = slope f + bend f^2 for flexion f from 0 to largest (rad), held outside. sd: scatter about it, rad."""

    slope: float = 0.0
    bend: float = 0.0
    largest: float = 0.0
    sd: float = float("nan")

    @property
    def known(self) -> bool:
        """False for the zero curve of a person who showed no flexions."""
        return self.largest > 0.0

    def at(self, flexion: Floats) -> Floats:
        """(n,) rad, element by element."""
        f = self.held(flexion)
        return self.slope * f + self.bend * (f * f)

    def held(self, flexion: Floats) -> Floats:
        """(n,) flexion, held at the ends of what was seen."""
        return np.minimum(np.maximum(flexion, 0.0), self.largest)

    def to_json(self) -> dict[str, Any]:
        """Plain values; angles in degrees."""
        return {
            "slope": self.slope,
            "bend_per_rad": self.bend,
            "largest_flexion_deg": float(np.rad2deg(self.largest)),
            "sd_deg": None if np.isnan(self.sd) else float(np.rad2deg(self.sd)),
        }

    @staticmethod
    def from_json(values: dict[str, Any]) -> "UnloadedPath":
        """Raises ValueError, KeyError or TypeError where the values are no path."""
        numbers = [float(values[n]) for n in ("slope", "bend_per_rad", "largest_flexion_deg")]
        if not all(np.isfinite(numbers)) or abs(numbers[0]) > 2 or not 0 <= numbers[2] <= 180:
            raise ValueError("the unloaded path's numbers are out of range")
        sd = values.get("sd_deg")
        return UnloadedPath(
            numbers[0], numbers[1], float(np.deg2rad(numbers[2])), float("nan") if sd is None else float(np.deg2rad(sd))
        )


POPULATION_SLOPE = -0.031
"""Abduction per flexion of an average unloaded knee: 3 deg of varus at 100 deg (OpenSim's Rajagopal model)."""
POPULATION_SLOPE_SD = 0.05
"""Its spread between people, soft tissue included."""


def azimuth_from_path(flexion: Floats, abduction: Floats, side_sign: float, prior_sd: float) -> tuple[float, float]:
    """How far both frames should be turned about their long axes (rad) for the path to look like a knee's, and the
    standard deviation left.

    A frame turned by a shows abduction - sign a sin(flexion) that is not there. flexion, abduction (n,) rad of slow
    unloaded flexions; prior_sd: how sure the azimuth is already. (0, prior_sd) where the flexions are too small.
    """
    use = np.isfinite(flexion) & np.isfinite(abduction) & (flexion > np.deg2rad(10.0))
    f, a = flexion[use], abduction[use]
    if len(f) < 50 or np.percentile(f, 98) < np.deg2rad(25.0):
        return 0.0, prior_sd
    s = np.sin(f)
    slope = -side_sign * float(s @ (POPULATION_SLOPE * f - a)) / float(s @ s)
    spread = POPULATION_SLOPE_SD * float(s @ f) / float(s @ s)
    share = prior_sd**2 / (prior_sd**2 + spread**2)
    return share * slope, float(np.sqrt(share)) * spread


def fit_unloaded_path(flexion: Floats, abduction: Floats, rounds: int = 5) -> UnloadedPath:
    """The curve through slow unloaded flexions; flexion, abduction (n,) rad. A zero curve where they were too small
    (under 25 deg) or too few (under 50 rows). Robust: rows far from the curve count less."""
    use = np.isfinite(flexion) & np.isfinite(abduction) & (flexion > np.deg2rad(3.0))
    f, a = flexion[use], abduction[use]
    if len(f) < 50 or np.percentile(f, 98) < np.deg2rad(25.0):
        return UnloadedPath()
    design = np.stack([f, f * f], axis=-1)
    weight = np.ones(len(f))
    ridge = len(f) * 1e-4 * np.diag([1.0, 1.0])
    coefficients = np.zeros(2)
    scale = 0.0
    for _ in range(rounds):
        weighted = design * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ a)
        residual = a - design @ coefficients
        scale = max(1.4826 * float(np.median(np.abs(residual))), 1e-4)
        weight = 1.0 / (1.0 + (residual / (2.0 * scale)) ** 2)
    return UnloadedPath(float(coefficients[0]), float(coefficients[1]), float(np.percentile(f, 98)), scale)
