"""How sure the knee's angles are: a standard deviation for each, row by row.

The heading filter's covariance is carried through the angles' derivatives (a turn e of the shank about the vertical
adds e cos(lean) to rotation and e sin(lean) to abduction; a turn of the thigh's frame about its long axis adds its sine
and cosine of flexion), plus what soft tissue and frames leave, which grows with flexion. Excess is less sure beyond the
flexion that the calibration reached, and where there was no flexion at all.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Floats
from pipeline.quaternions import cosine_and_sine

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviation of one angle beyond what the heading filter knows, from |flexion| f (rad): the root of
    floor^2 + root^2 f + linear^2 f^2. Soft tissue moves, and frames are not the bones', all the more as the knee
    bends."""

    floor: float
    root: float
    linear: float

    def variance(self, bent: Floats) -> Floats:
        """(n,) rad2 at |flexion| (n,) rad."""
        variance: Floats = self.floor**2 + (self.root**2 + self.linear**2 * bent) * bent
        return variance


@dataclass(frozen=True, slots=True)
class DeviationParameters:
    """Fitted to simulated people (seeds below 100: short, everyday and exercise sessions), apart for the causal and the
    two-sided analysis.

    usual_sd: standard deviation (rad) of what the filter carries, below which it is already in the spreads: of a
    variance v, v^2 / (v + usual_sd^2) counts. usual_upright: the same for the long axes. unknown_path, beyond_path:
    what an unloaded path that was not seen, or not seen so far, may rise by, rad per rad of flexion. unknown_floor: how
    far abduction may stand off (rad) where no path was seen (healthy treadmill walks of a public recording).
    """

    flexion: Spread
    abduction: Spread
    rotation: Spread
    excess: Spread
    collapse: Spread
    usual_sd: float = 4.0 * _DEG
    usual_upright: float = 0.5 * _DEG
    unknown_path: float = 0.08
    unknown_floor: float = 3.0 * _DEG
    beyond_path: float = 0.12


CAUSAL = DeviationParameters(
    flexion=Spread(0.25 * _DEG, 1.6 * _DEG, 0.9 * _DEG),
    abduction=Spread(0.17 * _DEG, 1.48 * _DEG, 1.15 * _DEG),
    rotation=Spread(0.65 * _DEG, 3.4 * _DEG, 0.0),
    excess=Spread(0.19 * _DEG, 1.03 * _DEG, 0.35 * _DEG),
    collapse=Spread(0.16 * _DEG, 1.55 * _DEG, 1.5 * _DEG),
)
TWO_SIDED = DeviationParameters(
    flexion=Spread(0.13 * _DEG, 0.62 * _DEG, 1.83 * _DEG),
    abduction=Spread(0.19 * _DEG, 0.8 * _DEG, 1.36 * _DEG),
    rotation=Spread(0.67 * _DEG, 3.0 * _DEG, 0.0),
    excess=Spread(0.07 * _DEG, 0.7 * _DEG, 0.0),
    collapse=Spread(0.2 * _DEG, 0.92 * _DEG, 1.62 * _DEG),
)


def deviations(
    flexion: Floats, incl: Floats, cov: Floats, upright_sd: float, path_reaches: float, p: DeviationParameters
) -> dict[str, Floats]:
    """`flexion_sd`, `abduction_sd`, ... (n,) rad. flexion (n,), incl (2, n): sagittal inclinations of thigh and shank,
    rad; cov (7, n): as RelativeRows has it; upright_sd: of the long axes, rad; path_reaches: the largest flexion of the
    unloaded path, rad, 0 where there is none."""
    tilt, delta, thigh, shank, delta_thigh, delta_shank, thigh_shank = cov
    cf, sf = cosine_and_sine(flexion)
    (_, cl), (st, sl) = cosine_and_sine(incl)
    lean = 2.0 * max(0.0, upright_sd**2 - p.usual_upright**2)
    abduction = sl * sl * delta + sf * sf * thigh + (2.0 * sl * sf) * delta_thigh
    rotation = (
        cl * cl * delta
        + shank
        + cf * cf * thigh
        + 2.0 * (cl * delta_shank - (cl * cf) * delta_thigh - cf * thigh_shank)
    )
    path_known = path_reaches > 0.0
    if path_known:
        excess = sl * sl * (delta + shank + thigh + 2.0 * (delta_shank - delta_thigh - thigh_shank))
    else:
        excess = abduction
    carried = np.empty((5, len(flexion)))
    carried[0] = tilt
    carried[1] = abduction + tilt
    carried[2] = rotation
    carried[3] = excess + tilt
    carried[4] = st * st * thigh + sl * sl * shank + tilt
    carried = np.maximum(carried, 0.0)
    variances = carried * carried / (carried + p.usual_sd**2)
    bent = np.abs(flexion)
    for k, spread in enumerate((p.flexion, p.abduction, p.rotation, p.excess, p.collapse)):
        variances[k] += spread.variance(bent) + (0.0 if k == 3 and path_known else lean)
    unseen = np.maximum(bent - path_reaches, 0.0) * (p.beyond_path if path_known else p.unknown_path)
    variances[3] += unseen * unseen
    if not path_known:
        variances[3] += p.unknown_floor**2
    return dict(zip(_NAMES, np.sqrt(variances), strict=True))


_NAMES = ("flexion_sd", "abduction_sd", "rotation_sd", "excess_sd", "collapse_sd")
