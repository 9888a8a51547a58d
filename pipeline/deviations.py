"""How sure the knee's angles are: a standard deviation for each, row by row.

The heading filter's covariance is carried through the angles' derivatives (a turn e of the shank about the vertical
adds e cos(lean) to rotation and e sin(lean) to abduction; a turn of the thigh's frame about its long axis adds its sine
and cosine of flexion), plus what soft tissue and frames leave, which grows with flexion.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Floats

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviation of one angle beyond what the heading filter knows: hypot(floor, root sqrt(|flexion|)), rad and
    rad per sqrt(rad). Soft tissue moves, and frames are not the bones', all the more as the knee bends."""

    floor: float
    root: float

    def variance(self, bent: Floats) -> Floats:
        """(n,) rad2 at |flexion| (n,) rad."""
        variance: Floats = self.floor**2 + self.root**2 * bent
        return variance


@dataclass(frozen=True, slots=True)
class DeviationParameters:
    """Tuned on simulated people (seeds below 60), apart for the causal and the two-sided analysis.

    usual_sd: standard deviation (rad) of what the filter carries, below which it is already in the spreads: of a
    variance v, v^2 / (v + usual_sd^2) counts. usual_upright: the same for the long axes.
    """

    flexion: Spread
    abduction: Spread
    rotation: Spread
    excess: Spread
    collapse: Spread
    usual_sd: float = 4.0 * _DEG
    usual_upright: float = 0.5 * _DEG


CAUSAL = DeviationParameters(
    flexion=Spread(0.32 * _DEG, 2.35 * _DEG),
    abduction=Spread(0.36 * _DEG, 1.75 * _DEG),
    rotation=Spread(1.0 * _DEG, 2.75 * _DEG),
    excess=Spread(0.42 * _DEG, 1.0 * _DEG),
    collapse=Spread(0.3 * _DEG, 1.75 * _DEG),
)
TWO_SIDED = DeviationParameters(
    flexion=Spread(0.25 * _DEG, 1.8 * _DEG),
    abduction=Spread(0.25 * _DEG, 1.2 * _DEG),
    rotation=Spread(0.9 * _DEG, 2.8 * _DEG),
    excess=Spread(0.25 * _DEG, 0.6 * _DEG),
    collapse=Spread(0.25 * _DEG, 1.25 * _DEG),
)


def deviations(
    flexion: Floats, incl: Floats, cov: Floats, upright_sd: float, path_known: bool, p: DeviationParameters
) -> dict[str, Floats]:
    """`flexion_sd`, `abduction_sd`, ... (n,) rad. flexion (n,), incl (2, n): sagittal inclinations of thigh and shank,
    rad; cov (7, n): as RelativeRows has it; upright_sd: of the long axes, rad."""
    tilt, delta, thigh, shank, delta_thigh, delta_shank, thigh_shank = cov
    sf, cf = np.sin(flexion), np.cos(flexion)
    sines = np.sin(incl)
    st, sl = sines
    cl = np.cos(incl[1])
    lean = 2.0 * max(0.0, upright_sd**2 - p.usual_upright**2)
    abduction = sl * sl * delta + sf * sf * thigh + (2.0 * sl * sf) * delta_thigh
    rotation = (
        cl * cl * delta
        + shank
        + cf * cf * thigh
        + 2.0 * (cl * delta_shank - (cl * cf) * delta_thigh - cf * thigh_shank)
    )
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
    return dict(zip(_NAMES, np.sqrt(variances), strict=True))


_NAMES = ("flexion_sd", "abduction_sd", "rotation_sd", "excess_sd", "collapse_sd")
