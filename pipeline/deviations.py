"""How sure the knee's angles are: a standard deviation for each, row by row.

The heading filter's covariance is carried through the angles' derivatives (a turn e of the shank about the vertical
adds e cos(lean) to rotation and e sin(lean) to abduction; a turn of the thigh's frame about its long axis adds its sine
and cosine of flexion), plus what soft tissue and frames leave, which grows with flexion. Excess is less sure beyond the
flexion that the calibration reached, and where there was no flexion at all.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Floats
from pipeline.quaternions import TWO, ZERO

_DEG = np.pi / 180.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviation of one angle beyond what the heading filter knows, from |flexion| f (rad): the root of
    floor^2 + root^2 f + linear^2 f^2. Soft tissue moves, and frames are not the bones', all the more as the knee
    bends."""

    floor: float
    root: float
    linear: float


@dataclass(frozen=True, slots=True)
class DeviationParameters:
    """Fitted to simulated people (seeds below 100: short, everyday and exercise sessions), apart for the causal and the
    two-sided analysis.

    usual_sd: standard deviation (rad) of what the filter carries, below which it is already in the spreads: of a
    variance v, v^2 / (v + usual_sd^2) counts. usual_upright: the same for the long axes; usual_axis_sd: up to it, a
    thigh's axis is as well known as it was in those sessions. unknown_path, beyond_path:
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
    usual_axis_sd: float = 6.0 * _DEG
    unknown_path: float = 0.08
    unknown_floor: float = 3.0 * _DEG
    beyond_path: float = 0.12


CAUSAL = DeviationParameters(
    flexion=Spread(0.26 * _DEG, 1.68 * _DEG, 0.94 * _DEG),
    abduction=Spread(0.17 * _DEG, 1.48 * _DEG, 1.15 * _DEG),
    rotation=Spread(0.62 * _DEG, 3.27 * _DEG, 0.0),
    excess=Spread(0.17 * _DEG, 0.95 * _DEG, 0.31 * _DEG),
    collapse=Spread(0.16 * _DEG, 1.55 * _DEG, 1.5 * _DEG),
)
TWO_SIDED = DeviationParameters(
    flexion=Spread(0.13 * _DEG, 0.62 * _DEG, 1.83 * _DEG),
    abduction=Spread(0.19 * _DEG, 0.8 * _DEG, 1.36 * _DEG),
    rotation=Spread(0.67 * _DEG, 3.0 * _DEG, 0.0),
    excess=Spread(0.07 * _DEG, 0.7 * _DEG, 0.0),
    collapse=Spread(0.2 * _DEG, 0.92 * _DEG, 1.62 * _DEG),
)


NAMES = ("flexion", "abduction", "rotation", "excess", "collapse")
"""Angles that have a standard deviation, in the order of the rows below."""
FLEXION, ABDUCTION, ROTATION, EXCESS, COLLAPSE = range(5)


class Deviations:
    """`at`: of rows of one leg. upright_sd: of the long axes, rad; path_reaches: the largest flexion of the unloaded
    path, rad, 0 where there is none."""

    def __init__(self, p: DeviationParameters, upright_sd: float, path_reaches: float) -> None:
        self._usual = np.array(p.usual_sd**2)
        self._usual_axis = np.array(p.usual_axis_sd**2)
        self._path_known = path_reaches > 0.0
        self._reaches = np.array(path_reaches)
        self._beyond = np.array(p.beyond_path if self._path_known else p.unknown_path)
        spreads = [getattr(p, name) for name in NAMES]
        self._linear = np.array([[s.linear**2] for s in spreads])
        self._root = np.array([[s.root**2] for s in spreads])
        self._floor = np.array([[s.floor**2] for s in spreads])
        self._floor += 2.0 * max(0.0, upright_sd**2 - p.usual_upright**2)
        # Of the long axes the unloaded path knows; without one, how far abduction stands off is not known either.
        self._floor[EXCESS] = p.excess.floor**2 if self._path_known else self._floor[EXCESS] + p.unknown_floor**2

    def at(self, flexion: Floats, cosines: Floats, sines: Floats, cov: Floats) -> Floats:
        """(5, n) rad. flexion (n,) rad; cosines, sines (3, n): of the sagittal inclinations of thigh and shank, and of
        flexion; cov (7, n): as RelativeRows has it."""
        tilt, delta, thigh, shank = cov[:4]
        delta_thigh, delta_shank, thigh_shank = TWO * cov[4:]
        _, cl, cf = cosines
        st, sl, sf = sines
        sl2 = sl * sl
        carried = np.empty((5, len(flexion)))
        carried[FLEXION] = 0.0
        carried[ABDUCTION] = sl * (sl * delta + sf * delta_thigh) + sf * sf * thigh
        carried[ROTATION] = cl * (cl * delta + delta_shank - cf * delta_thigh) + cf * (cf * thigh - thigh_shank) + shank
        carried[COLLAPSE] = st * st * thigh + sl2 * shank
        if self._path_known:
            # The path knows what a bent knee looks like through a thigh that is turned, not what a leaning thigh does.
            unclear = np.maximum(thigh - self._usual_axis, ZERO)
            carried[EXCESS] = sl2 * (delta + shank + thigh + delta_shank - delta_thigh - thigh_shank)
            carried[EXCESS] += st * st * unclear
        else:
            carried[EXCESS] = carried[ABDUCTION]
        # Of rotation the inclination tells nothing.
        carried[:ROTATION] += tilt
        carried[EXCESS:] += tilt
        carried = np.maximum(carried, ZERO)
        variances = carried * carried
        variances /= carried + self._usual
        bent = np.abs(flexion)
        variances += (self._linear * bent + self._root) * bent + self._floor
        unseen = np.maximum(bent - self._reaches, ZERO) * self._beyond
        variances[EXCESS] += unseen * unseen
        sd: Floats = np.sqrt(variances)
        return sd
